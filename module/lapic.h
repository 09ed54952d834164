/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC as a machine of its own: registers, priorities, timer.
 *
 * Pure: no lock, no clock, no other processor.  Time comes in as an argument,
 * what concerns others goes out as a result, and the caller (module/irqchip.c)
 * holds the VM's interrupt lock.  So module/tests/lapic_kunit.c can go through
 * all of it.
 * Source: SDM 3A "Advanced Programmable Interrupt Controller (APIC)" (chapter 11).
 * Read next: module/lapic.c, module/ioapic.h, module/irqchip.c.
 */
#ifndef VTR_LAPIC_H
#define VTR_LAPIC_H

#include <linux/types.h>

#define VTR_APIC_BASE		0xfee00000ULL
#define VTR_APIC_BYTES		0x1000

/* The timer counts the crystal's clock, whose rate CPUID leaf 15H tells. */
#define VTR_CRYSTAL_HZ		1000000
#define VTR_CRYSTAL_NS		(1000000000 / VTR_CRYSTAL_HZ)

/* IA32_APIC_BASE */
#define VTR_APIC_BASE_BSP	(1ULL << 8)
#define VTR_APIC_BASE_X2	(1ULL << 10)
#define VTR_APIC_BASE_ON	(1ULL << 11)

/* Register n of the page lies at offset 16 * n; in x2APIC mode it is MSR 800H + n. */
enum vtr_lapic_reg {
	VTR_LAPIC_ID = 0x02, VTR_LAPIC_VERSION = 0x03, VTR_LAPIC_TPR = 0x08,
	VTR_LAPIC_APR = 0x09, VTR_LAPIC_PPR = 0x0a, VTR_LAPIC_EOI = 0x0b,
	VTR_LAPIC_LDR = 0x0d, VTR_LAPIC_DFR = 0x0e, VTR_LAPIC_SVR = 0x0f,
	VTR_LAPIC_ISR = 0x10, VTR_LAPIC_TMR = 0x18, VTR_LAPIC_IRR = 0x20,
	VTR_LAPIC_ESR = 0x28, VTR_LAPIC_ICR = 0x30, VTR_LAPIC_ICR_HIGH = 0x31,
	VTR_LAPIC_LVT_TIMER = 0x32, VTR_LAPIC_LVT_THERMAL = 0x33, VTR_LAPIC_LVT_PMC = 0x34,
	VTR_LAPIC_LVT_LINT0 = 0x35, VTR_LAPIC_LVT_LINT1 = 0x36, VTR_LAPIC_LVT_ERROR = 0x37,
	VTR_LAPIC_INITIAL = 0x38, VTR_LAPIC_CURRENT = 0x39, VTR_LAPIC_DIVIDE = 0x3e,
	VTR_LAPIC_SELF_IPI = 0x3f,
	VTR_LAPIC_NR_REGS = 0x40,
};

#define VTR_LAPIC_SET_WORDS	8	/* of ISR, TMR and IRR: 256 vectors */

/* Delivery modes: bits 10:8 of LVT entries, ICR, redirection entries, MSI data. */
enum vtr_delivery {
	VTR_DELIVER_FIXED = 0, VTR_DELIVER_LOWEST = 1, VTR_DELIVER_SMI = 2,
	VTR_DELIVER_NMI = 4, VTR_DELIVER_INIT = 5, VTR_DELIVER_STARTUP = 6,
	VTR_DELIVER_EXTINT = 7,
};

/* Destination shorthands of the ICR. */
enum vtr_shorthand { VTR_TO_DEST, VTR_TO_SELF, VTR_TO_ALL, VTR_TO_OTHERS };

/**
 * struct vtr_irq_message - an interrupt on its way to one or more local APICs
 * @dest: APIC id or logical destination
 * @logical: @dest is a logical destination
 * @broadcast: @dest is everybody
 * @shorthand: enum vtr_shorthand, of IPIs only
 * @mode: enum vtr_delivery
 * @vector: vector, or page number of a start-up IPI
 * @level: level-triggered: the end of interrupt is told to the I/O APICs
 */
struct vtr_irq_message {
	u32 dest;
	bool logical;
	bool broadcast;
	u8 shorthand;
	u8 mode;
	u8 vector;
	bool level;
};

/* Both clocks at one moment. */
struct vtr_moment {
	u64 ns;		/* of the host's monotonic clock */
	u64 tsc;	/* of the guest */
	u32 tsc_khz;	/* rate of the guest's */
	u64 host_tsc;	/* what the guest's was made of */
};

/**
 * struct vtr_lapic - the state of one local APIC
 * @id: the vCPU's APIC id, all 32 bits
 * @base: IA32_APIC_BASE
 * @reg: the register page, one word for each 16 bytes
 * @lends: in the guest the processor takes vectors and ends them by itself (apicv.c)
 * @lent: the requests that it has for that; they are not in IRR meanwhile
 * @new_errors: errors since the last write to ESR
 * @tsc_deadline: IA32_TSC_DEADLINE, 0: not armed
 * @count_from: when the present count began, ns; 0: the timer does not count
 * @nmi: an NMI has come
 * @init: an INIT has come
 * @sipi: a start-up IPI has come
 * @sipi_page: its page number
 */
struct vtr_lapic {
	u32 id;
	u64 base;
	u32 reg[VTR_LAPIC_NR_REGS];
	bool lends;
	u32 lent[VTR_LAPIC_SET_WORDS];
	u32 new_errors;
	u64 tsc_deadline;
	u64 count_from;
	bool nmi;
	bool init;
	bool sipi;
	u8 sipi_page;
};

/* What a register access asks of the caller (struct vtr_lapic_effect.what). */
#define VTR_LAPIC_SENDS		(1u << 0)	/* @ipi is to be sent */
#define VTR_LAPIC_ENDS		(1u << 1)	/* the I/O APIC hears of the end of @vector */
#define VTR_LAPIC_TIMER		(1u << 2)	/* the timer's next moment has changed */
#define VTR_LAPIC_RECHECK	(1u << 3)	/* another interrupt may be the next one */
#define VTR_LAPIC_ROUTES	(1u << 4)	/* what nobody accepted may be accepted now */

struct vtr_lapic_effect {
	u32 what;
	u8 vector;
	struct vtr_irq_message ipi;
};

void vtr_lapic_reset(struct vtr_lapic *apic);
void vtr_lapic_init(struct vtr_lapic *apic, u32 id, bool bsp);

static inline bool vtr_lapic_on(const struct vtr_lapic *apic)
{
	return apic->base & VTR_APIC_BASE_ON;
}

static inline bool vtr_lapic_x2(const struct vtr_lapic *apic)
{
	return apic->base & VTR_APIC_BASE_X2;
}

/* Does an access to a register need both clocks (struct vtr_moment)? */
static inline bool vtr_lapic_needs_clock(u32 nr)
{
	return nr == VTR_LAPIC_SVR || nr == VTR_LAPIC_LVT_TIMER || nr >= VTR_LAPIC_INITIAL;
}

/* Is there no page of registers at the usual address? */
static inline bool vtr_lapic_page_is_elsewhere(const struct vtr_lapic *apic)
{
	return (apic->base & ~VTR_APIC_BASE_BSP) != (VTR_APIC_BASE | VTR_APIC_BASE_ON);
}

int vtr_lapic_set_base(struct vtr_lapic *apic, u64 value, unsigned int gpa_bits);
int vtr_lapic_read(struct vtr_lapic *apic, u32 nr, const struct vtr_moment *now, u64 *value);
int vtr_lapic_write(struct vtr_lapic *apic, u32 nr, u64 value, const struct vtr_moment *now,
		    struct vtr_lapic_effect *effect);

bool vtr_lapic_matches(const struct vtr_lapic *apic, const struct vtr_lapic *from,
		       const struct vtr_irq_message *message);
bool vtr_lapic_accept(struct vtr_lapic *apic, const struct vtr_irq_message *message);
bool vtr_lapic_passes_extint(const struct vtr_lapic *apic);
int vtr_lapic_next(const struct vtr_lapic *apic);
bool vtr_lapic_requested(const struct vtr_lapic *apic, u8 vector);
bool vtr_lapic_is_tick(const struct vtr_lapic *apic, u8 vector);
void vtr_lapic_take(struct vtr_lapic *apic, u8 vector);
bool vtr_lapic_tells_end(const struct vtr_lapic *apic, u8 vector);
int vtr_lapic_highest(const struct vtr_lapic *apic, enum vtr_lapic_reg set);
u32 vtr_lapic_threshold(const struct vtr_lapic *apic);
u32 vtr_lapic_ppr(const struct vtr_lapic *apic);

u64 vtr_lapic_timer_due(const struct vtr_lapic *apic, const struct vtr_moment *now);
bool vtr_lapic_timer_expire(struct vtr_lapic *apic, const struct vtr_moment *now);
void vtr_lapic_shift(struct vtr_lapic *apic, u64 ns);
u64 vtr_lapic_get_deadline(const struct vtr_lapic *apic);
void vtr_lapic_set_deadline(struct vtr_lapic *apic, u64 value);
bool vtr_lapic_is_legal(const struct vtr_lapic *apic, unsigned int gpa_bits);

#endif /* VTR_LAPIC_H */
