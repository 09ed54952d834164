// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC of a vCPU: registers, priorities, timer.  Pure.
 *
 *	set_base	off, xAPIC (a page of memory) or x2APIC (MSRs)
 *	read, write	a register; what others must do comes back as an effect
 *	matches, accept	is a message for this APIC, and what becomes of it
 *	next, take	the vector that the processor should take now, and its taking
 *	timer_*		when it expires, and what happens then
 *
 * A vector goes IRR -> ISR -> end: it waits in IRR until its class is above the
 * processor's priority, is in service in ISR, and EOI ends the highest one.
 * Called by module/irqchip.c under the VM's interrupt lock.
 * Source: SDM 3A "Advanced Programmable Interrupt Controller (APIC)".
 */
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "lapic.h"

/* Integrated APIC, six LVT entries, may keep EOI from the I/O APIC. */
#define VERSION			(0x14 | 5 << 16 | EOI_KEPT_CAP)
#define EOI_KEPT_CAP		BIT(24)
#define SVR_ENABLE		BIT(8)
#define SVR_KEEP_EOI		BIT(12)
#define LVT_MASKED		BIT(16)
#define LVT_LEVEL		BIT(15)
#define LVT_REMOTE_IRR		BIT(14)
#define LVT_TIMER_MODE		GENMASK(18, 17)
#define ICR_PENDING		BIT(12)
#define ICR_LOGICAL		BIT(11)
#define ICR_ASSERT		BIT(14)
#define ICR_LEVEL		BIT(15)
#define DFR_FLAT		0xffffffff
#define ESR_BAD_SEND		BIT(5)
#define ESR_BAD_VECTOR		BIT(6)
#define ESR_BAD_REGISTER	BIT(7)

/* 139 years: such a deadline never comes, and in ns it would not fit into 64 bits. */
#define NEVER_MS		BIT_ULL(42)

enum timer_mode { ONE_SHOT, PERIODIC, DEADLINE, RESERVED };

/* ---- sets of 256 vectors --------------------------------------------------------- */

static u32 *word_of(struct vtr_lapic *apic, enum vtr_lapic_reg set, u8 vector)
{
	return &apic->reg[set + vector / 32];
}

static bool test_vector(const struct vtr_lapic *apic, enum vtr_lapic_reg set, u8 vector)
{
	return apic->reg[set + vector / 32] & BIT(vector % 32);
}

static void assign_vector(struct vtr_lapic *apic, enum vtr_lapic_reg set, u8 vector, bool on)
{
	if (on)
		*word_of(apic, set, vector) |= BIT(vector % 32);
	else
		*word_of(apic, set, vector) &= ~BIT(vector % 32);
}

/* The highest vector of a set, -1: it is empty. */
static int highest(const struct vtr_lapic *apic, enum vtr_lapic_reg set)
{
	for (int i = 7; i >= 0; i--)
		if (apic->reg[set + i])
			return 32 * i + fls(apic->reg[set + i]) - 1;
	return -1;
}

/* ---- reset, enabling ------------------------------------------------------------- */

static bool software_enabled(const struct vtr_lapic *apic)
{
	return apic->reg[VTR_LAPIC_SVR] & SVR_ENABLE;
}

static void mask_all(struct vtr_lapic *apic)
{
	for (u32 nr = VTR_LAPIC_LVT_TIMER; nr <= VTR_LAPIC_LVT_ERROR; nr++)
		apic->reg[nr] |= LVT_MASKED;
}

/* Registers that look different in x2APIC mode: SDM 3A "x2APIC State Transitions". */
static u32 x2apic_ldr(const struct vtr_lapic *apic)
{
	return (apic->id >> 4) << 16 | BIT(apic->id & 0xf);
}

static void set_x2apic_ids(struct vtr_lapic *apic)
{
	apic->reg[VTR_LAPIC_ID] = apic->id;
	apic->reg[VTR_LAPIC_LDR] = x2apic_ldr(apic);
	apic->reg[VTR_LAPIC_ICR_HIGH] = 0;
}

/**
 * vtr_lapic_reset() - power-up state of all registers but IA32_APIC_BASE
 * @apic: the APIC
 *
 * An INIT does the same.
 * SDM 3A "Local APIC State After Power-Up or Reset" (11.4.7.1).
 */
void vtr_lapic_reset(struct vtr_lapic *apic)
{
	memset(apic->reg, 0, sizeof(apic->reg));
	apic->reg[VTR_LAPIC_VERSION] = VERSION;
	apic->reg[VTR_LAPIC_ID] = apic->id << 24;
	apic->reg[VTR_LAPIC_DFR] = DFR_FLAT;
	apic->reg[VTR_LAPIC_SVR] = 0xff;
	mask_all(apic);
	/* An INIT does not leave x2APIC mode: there both ids are fixed. */
	if (vtr_lapic_x2(apic))
		set_x2apic_ids(apic);
	apic->new_errors = 0;
	apic->tsc_deadline = 0;
	apic->count_from = 0;
	apic->nmi = false;
}

/**
 * vtr_lapic_init() - a new APIC, as the firmware of a PC leaves it
 * @apic: the APIC
 * @id: its APIC id
 * @bsp: it belongs to the first processor
 */
void vtr_lapic_init(struct vtr_lapic *apic, u32 id, bool bsp)
{
	memset(apic, 0, sizeof(*apic));
	apic->id = id;
	apic->base = VTR_APIC_BASE | VTR_APIC_BASE_ON | (bsp ? VTR_APIC_BASE_BSP : 0);
	vtr_lapic_reset(apic);
	if (!bsp)
		return;
	/* As firmware leaves the first one: the 8259 works as if there was no APIC. */
	apic->reg[VTR_LAPIC_SVR] |= SVR_ENABLE;
	apic->reg[VTR_LAPIC_LVT_LINT0] = VTR_DELIVER_EXTINT << 8;
	apic->reg[VTR_LAPIC_LVT_LINT1] = VTR_DELIVER_NMI << 8;
}

static bool base_is_legal(u64 value, unsigned int gpa_bits)
{
	u64 known = VTR_APIC_BASE_BSP | VTR_APIC_BASE_X2 | VTR_APIC_BASE_ON |
		    GENMASK_ULL(gpa_bits - 1, 12);

	return !(value & ~known) && (value & VTR_APIC_BASE_ON || !(value & VTR_APIC_BASE_X2));
}

/**
 * vtr_lapic_set_base() - WRMSR IA32_APIC_BASE
 * @apic: the APIC
 * @value: what is written
 * @gpa_bits: width of a guest physical address
 *
 * SDM 3A "x2APIC State Transitions" (11.12.5) has the picture of the legal ways.
 * Return: 0 or -EINVAL: #GP.
 */
int vtr_lapic_set_base(struct vtr_lapic *apic, u64 value, unsigned int gpa_bits)
{
	bool on = value & VTR_APIC_BASE_ON, x2 = value & VTR_APIC_BASE_X2;
	bool goes_off = vtr_lapic_on(apic) && !on;

	if (!base_is_legal(value, gpa_bits))
		return -EINVAL;
	/* x2APIC can only be left by switching off, and entered only from xAPIC. */
	if (vtr_lapic_x2(apic) && on && !x2)
		return -EINVAL;
	if (x2 && !vtr_lapic_on(apic))
		return -EINVAL;
	if (x2 && !vtr_lapic_x2(apic))
		set_x2apic_ids(apic);
	apic->base = value;
	if (goes_off)
		vtr_lapic_reset(apic);
	return 0;
}

/* ---- priorities ------------------------------------------------------------------ */

/**
 * vtr_lapic_ppr() - the processor's priority
 * @apic: the APIC
 *
 * SDM 3A "Task and Processor Priorities" (11.8.3.1).
 * Return: PPR: TPR, or the class that is in service if that is higher.
 */
u32 vtr_lapic_ppr(const struct vtr_lapic *apic)
{
	/* LAB 7.2: return 0; */
	u32 tpr = apic->reg[VTR_LAPIC_TPR] & 0xff;
	int in_service = highest(apic, VTR_LAPIC_ISR);
	u32 class = in_service < 0 ? 0 : in_service & 0xf0;

	return (tpr & 0xf0) >= class ? tpr : class;
	/* LAB 7.2 END */
}

/**
 * vtr_lapic_next() - which vector should the processor take now?
 * @apic: the APIC
 *
 * Return: the vector; -1: none, or none whose class is above the priority.
 */
int vtr_lapic_next(const struct vtr_lapic *apic)
{
	/* LAB 7.2: return -1; */
	int vector = highest(apic, VTR_LAPIC_IRR);

	if (vector < 0 || !vtr_lapic_on(apic) || !software_enabled(apic))
		return -1;
	return (u32)(vector & 0xf0) > (vtr_lapic_ppr(apic) & 0xf0) ? vector : -1;
	/* LAB 7.2 END */
}

/**
 * vtr_lapic_take() - the processor takes a vector: it is in service now
 * @apic: the APIC
 * @vector: what vtr_lapic_next() has named
 */
void vtr_lapic_take(struct vtr_lapic *apic, u8 vector)
{
	/* LAB 7.2: */
	assign_vector(apic, VTR_LAPIC_IRR, vector, false);
	assign_vector(apic, VTR_LAPIC_ISR, vector, true);
	/* LAB 7.2 END */
}

/**
 * vtr_lapic_requested() - does a vector wait to be taken?
 * @apic: the APIC
 * @vector: the vector
 *
 * Return: its bit in IRR; the processor may have taken a vector that it was lent.
 */
bool vtr_lapic_requested(const struct vtr_lapic *apic, u8 vector)
{
	return test_vector(apic, VTR_LAPIC_IRR, vector) ||
	       apic->lent[vector / 32] & BIT(vector % 32);
}

/**
 * vtr_lapic_highest() - the highest vector of a set
 * @apic: the APIC
 * @set: VTR_LAPIC_IRR or VTR_LAPIC_ISR
 *
 * Return: the vector; -1: there is none.
 */
int vtr_lapic_highest(const struct vtr_lapic *apic, enum vtr_lapic_reg set)
{
	return highest(apic, set);
}

/**
 * vtr_lapic_threshold() - below which class of TPR may the next vector be taken?
 * @apic: the APIC
 *
 * Return: the class of a vector that only TPR holds back, else 0.
 */
u32 vtr_lapic_threshold(const struct vtr_lapic *apic)
{
	int vector = highest(apic, VTR_LAPIC_IRR), in_service = highest(apic, VTR_LAPIC_ISR);

	if (vector < 0 || !vtr_lapic_on(apic) || !software_enabled(apic))
		return 0;
	/* EOI comes first: that is heard of anyway. */
	if (in_service >= 0 && vector >> 4 <= in_service >> 4)
		return 0;
	return (u32)vector >> 4 <= apic->reg[VTR_LAPIC_TPR] >> 4 ? vector >> 4 : 0;
}

/**
 * vtr_lapic_tells_end() - does the I/O APIC hear of the end of a vector?
 * @apic: the APIC
 * @vector: the vector
 *
 * Return: true if it came by a level, and software does not tell it itself.
 */
bool vtr_lapic_tells_end(const struct vtr_lapic *apic, u8 vector)
{
	return test_vector(apic, VTR_LAPIC_TMR, vector) &&
	       !(apic->reg[VTR_LAPIC_SVR] & SVR_KEEP_EOI);
}

static void end_of_interrupt(struct vtr_lapic *apic, struct vtr_lapic_effect *effect)
{
	/* LAB 7.3: */
	int vector = highest(apic, VTR_LAPIC_ISR);

	if (vector < 0)
		return;
	assign_vector(apic, VTR_LAPIC_ISR, vector, false);
	effect->what |= VTR_LAPIC_RECHECK;
	if (vtr_lapic_tells_end(apic, vector)) {
		effect->what |= VTR_LAPIC_ENDS;
		effect->vector = vector;
	}
	/* LAB 7.3 END */
}

/* ---- what comes in --------------------------------------------------------------- */

static void raise_error(struct vtr_lapic *apic, u32 error);

static void set_irr(struct vtr_lapic *apic, u8 vector, bool level)
{
	if (vector < 16) {
		raise_error(apic, ESR_BAD_VECTOR);
		return;
	}
	/* LAB 7.1: */
	assign_vector(apic, VTR_LAPIC_TMR, vector, level);
	assign_vector(apic, VTR_LAPIC_IRR, vector, true);
	/* LAB 7.1 END */
}

/* A new kind of error raises the error interrupt: SDM 3A "Error Handling" (11.5.3). */
static void raise_error(struct vtr_lapic *apic, u32 error)
{
	u32 lvt = apic->reg[VTR_LAPIC_LVT_ERROR];
	bool is_new = !(apic->new_errors & error);

	apic->new_errors |= error;
	/* A bad vector in this very entry must not raise itself again. */
	if (is_new && !(lvt & LVT_MASKED) && (lvt & 0xff) >= 16)
		set_irr(apic, lvt, false);
}

static bool logical_match(const struct vtr_lapic *apic, u32 dest)
{
	/* LAB 7.7: return false; */
	u32 ldr = apic->reg[VTR_LAPIC_LDR];

	if (vtr_lapic_x2(apic))
		return ldr >> 16 == dest >> 16 && ldr & dest & 0xffff;
	ldr >>= 24;
	if (apic->reg[VTR_LAPIC_DFR] == DFR_FLAT)
		return ldr & dest;
	return ldr >> 4 == dest >> 4 && ldr & dest & 0xf;
	/* LAB 7.7 END */
}

/**
 * vtr_lapic_matches() - is a message for this APIC?
 * @apic: the APIC
 * @from: who sends it, NULL: no local APIC
 * @message: the message
 *
 * Return: true if it is; vtr_lapic_accept() says what becomes of it.
 */
bool vtr_lapic_matches(const struct vtr_lapic *apic, const struct vtr_lapic *from,
		       const struct vtr_irq_message *message)
{
	if (!vtr_lapic_on(apic))
		return false;
	/* Whoever could not take it is no candidate. */
	if (message->mode == VTR_DELIVER_LOWEST && !software_enabled(apic))
		return false;
	/* LAB 7.7: return message->dest == apic->id; */
	switch (message->shorthand) {
	case VTR_TO_SELF:
		return apic == from;
	case VTR_TO_ALL:
		return true;
	case VTR_TO_OTHERS:
		return apic != from;
	}
	if (message->broadcast)
		return true;
	if (message->logical)
		return logical_match(apic, message->dest);
	return message->dest == apic->id;
	/* LAB 7.7 END */
}

/**
 * vtr_lapic_accept() - take a message that is for this APIC
 * @apic: the APIC
 * @message: the message
 *
 * Return: true: it is accepted, and the vCPU has to look at its APIC.  A fixed one with
 * an illegal vector is, too: it is noted as an error.
 */
bool vtr_lapic_accept(struct vtr_lapic *apic, const struct vtr_irq_message *message)
{
	switch (message->mode) {
	case VTR_DELIVER_FIXED:
	case VTR_DELIVER_LOWEST:
		if (!software_enabled(apic))
			return false;
		set_irr(apic, message->vector, message->level);
		return true;
	case VTR_DELIVER_NMI:
		apic->nmi = true;
		return true;
	case VTR_DELIVER_INIT:
		/* LAB 7.8: return false; */
		apic->init = true;
		apic->sipi = false;
		return true;
		/* LAB 7.8 END */
	case VTR_DELIVER_STARTUP:
		/* LAB 7.8: return false; */
		apic->sipi = true;
		apic->sipi_page = message->vector;
		return true;
		/* LAB 7.8 END */
	default:
		/* No SMM here; an ExtINT goes to the 8259's pin of the first vCPU. */
		return false;
	}
}

/**
 * vtr_lapic_passes_extint() - does its pin LINT0 pass on what the 8259 says?
 * @apic: the APIC
 *
 * Return: true if LINT0 is open for an ExtINT, or the APIC is switched off.
 */
bool vtr_lapic_passes_extint(const struct vtr_lapic *apic)
{
	u32 lvt = apic->reg[VTR_LAPIC_LVT_LINT0];

	/* Switched off, the pin is the INTR of a processor without an APIC. */
	return !vtr_lapic_on(apic) ||
	       (!(lvt & LVT_MASKED) && (lvt >> 8 & 7) == VTR_DELIVER_EXTINT);
}

/* ---- the timer ------------------------------------------------------------------- */

static enum timer_mode timer_mode(const struct vtr_lapic *apic)
{
	return (apic->reg[VTR_LAPIC_LVT_TIMER] & LVT_TIMER_MODE) >> 17;
}

/* Nanoseconds of one count: SDM 3A "Divide Configuration Register" (11.5.4). */
static u64 count_ns(const struct vtr_lapic *apic)
{
	/* LAB 7.5: return VTR_CRYSTAL_NS; */
	u32 divide = apic->reg[VTR_LAPIC_DIVIDE];
	u32 code = (divide & 3) | (divide & 8) >> 1;

	/* 0: by 2, 1: by 4, ... 6: by 128, 7: by 1. */
	return (u64)VTR_CRYSTAL_NS << ((code + 1) & 7);
	/* LAB 7.5 END */
}

static u32 current_count(const struct vtr_lapic *apic, u64 now)
{
	/* LAB 7.5: return 0; */
	u32 initial = apic->reg[VTR_LAPIC_INITIAL];
	u64 gone;

	if (!apic->count_from)
		return 0;
	/* A slower divider may let a count have begun before the clock: a difference counts. */
	if ((s64)(now - apic->count_from) < 0)
		return initial;
	gone = div64_u64(now - apic->count_from, count_ns(apic));
	if (timer_mode(apic) == PERIODIC)
		return initial - (u32)(gone - div64_u64(gone, initial) * initial);
	return gone < initial ? initial - gone : 0;
	/* LAB 7.5 END */
}

static void start_count(struct vtr_lapic *apic, const struct vtr_moment *now)
{
	bool counts = apic->reg[VTR_LAPIC_INITIAL] && timer_mode(apic) < DEADLINE;

	apic->count_from = counts ? now->ns : 0;
}

static bool timer_masked(const struct vtr_lapic *apic)
{
	return apic->reg[VTR_LAPIC_LVT_TIMER] & LVT_MASKED;
}

/* Periods that nobody could hear are over: the present one is what counts. */
static void skip_periods(struct vtr_lapic *apic, u64 now)
{
	u64 period = apic->reg[VTR_LAPIC_INITIAL] * count_ns(apic);

	if (apic->count_from && (s64)(now - apic->count_from) > 0)
		apic->count_from += div64_u64(now - apic->count_from, period) * period;
}

/**
 * vtr_lapic_timer_due() - when does the timer expire?
 * @apic: the APIC
 * @now: both clocks
 *
 * Return: the moment on the host's clock, ns; 0: never, or, periodic and masked,
 * unheard.  It may lie in the past.
 */
u64 vtr_lapic_timer_due(const struct vtr_lapic *apic, const struct vtr_moment *now)
{
	/* LAB 7.6: return 0; */
	u64 left;

	if (timer_mode(apic) == PERIODIC && timer_masked(apic))
		return 0;
	if (timer_mode(apic) != DEADLINE)
		return apic->count_from ?
		       apic->count_from + apic->reg[VTR_LAPIC_INITIAL] * count_ns(apic) : 0;
	if (!apic->tsc_deadline)
		return 0;
	if (apic->tsc_deadline <= now->tsc)
		return now->ns;
	left = apic->tsc_deadline - now->tsc;
	if (div_u64(left, now->tsc_khz) >= NEVER_MS)
		return 0;
	/* Rounded up: an interrupt that comes early is a bug in the guest's eyes. */
	return now->ns + mul_u64_u32_div(left, 1000000, now->tsc_khz) + 1;
	/* LAB 7.6 END */
}

/**
 * vtr_lapic_timer_expire() - it may be time: do what the timer does then
 * @apic: the APIC
 * @now: both clocks
 *
 * A periodic timer that has fallen behind expires again as soon as the tick
 * before was taken, so that a guest counts all of them.
 * Return: true if it has expired; then there may be a new interrupt.
 */
bool vtr_lapic_timer_expire(struct vtr_lapic *apic, const struct vtr_moment *now)
{
	/* LAB 7.6: return false; */
	u32 lvt = apic->reg[VTR_LAPIC_LVT_TIMER];
	u64 due = vtr_lapic_timer_due(apic, now);

	if (!due || (s64)(due - now->ns) > 0)
		return false;
	if (timer_mode(apic) == PERIODIC) {
		if (vtr_lapic_requested(apic, lvt))
			return false;
		apic->count_from = due;
	} else {
		apic->count_from = 0;
		apic->tsc_deadline = 0;
	}
	if (!(lvt & LVT_MASKED))
		set_irr(apic, lvt, false);
	return true;
	/* LAB 7.6 END */
}

/**
 * vtr_lapic_shift() - time has stood still for the guest
 * @apic: the APIC
 * @ns: so long
 */
void vtr_lapic_shift(struct vtr_lapic *apic, u64 ns)
{
	if (apic->count_from)
		apic->count_from += ns;
}

/**
 * vtr_lapic_is_tick() - is a vector the tick of a periodic timer that goes on?
 * @apic: the APIC
 * @vector: the vector
 *
 * Return: true if the timer may rest until this vector is taken.
 */
bool vtr_lapic_is_tick(const struct vtr_lapic *apic, u8 vector)
{
	u32 lvt = apic->reg[VTR_LAPIC_LVT_TIMER];

	return apic->count_from && timer_mode(apic) == PERIODIC && (u8)lvt == vector;
}

/**
 * vtr_lapic_get_deadline() - RDMSR IA32_TSC_DEADLINE
 * @apic: the APIC
 *
 * Return: the guest's TSC at which the timer expires; 0: it is not armed, or in
 * another mode.
 */
u64 vtr_lapic_get_deadline(const struct vtr_lapic *apic)
{
	return timer_mode(apic) == DEADLINE ? apic->tsc_deadline : 0;
}

/**
 * vtr_lapic_set_deadline() - WRMSR IA32_TSC_DEADLINE
 * @apic: the APIC
 * @value: the moment of the guest's TSC, 0: never
 *
 * In the other modes of the timer the write has no effect.
 */
void vtr_lapic_set_deadline(struct vtr_lapic *apic, u64 value)
{
	if (timer_mode(apic) == DEADLINE)
		apic->tsc_deadline = value;
}

/* ---- registers: reading ---------------------------------------------------------- */

/* Registers that a program may read; outside of these lies nothing. */
static bool readable(const struct vtr_lapic *apic, u32 nr)
{
	switch (nr) {
	case VTR_LAPIC_ID: case VTR_LAPIC_VERSION: case VTR_LAPIC_TPR: case VTR_LAPIC_PPR:
	case VTR_LAPIC_LDR: case VTR_LAPIC_SVR: case VTR_LAPIC_ISR ... VTR_LAPIC_ESR:
	case VTR_LAPIC_ICR: case VTR_LAPIC_LVT_TIMER ... VTR_LAPIC_CURRENT:
	case VTR_LAPIC_DIVIDE:
		return true;
	case VTR_LAPIC_APR: case VTR_LAPIC_DFR: case VTR_LAPIC_ICR_HIGH: case VTR_LAPIC_EOI:
		return !vtr_lapic_x2(apic);
	default:
		return false;
	}
}

/* In x2APIC mode a register that is not there is a #GP, in the page it is an error. */
static int no_register(struct vtr_lapic *apic)
{
	if (vtr_lapic_x2(apic))
		return -EINVAL;
	raise_error(apic, ESR_BAD_REGISTER);
	return 0;
}

/**
 * vtr_lapic_read() - read a register
 * @apic: the APIC, switched on
 * @nr: enum vtr_lapic_reg
 * @now: both clocks
 * @value: out: 32 bits; of the ICR in x2APIC mode 64
 *
 * Return: 0, or -EINVAL: #GP (x2APIC mode only).
 */
int vtr_lapic_read(struct vtr_lapic *apic, u32 nr, const struct vtr_moment *now, u64 *value)
{
	*value = 0;
	if (!readable(apic, nr))
		return no_register(apic);
	switch (nr) {
	case VTR_LAPIC_PPR:
		*value = vtr_lapic_ppr(apic);
		return 0;
	case VTR_LAPIC_APR:
	case VTR_LAPIC_EOI:
		return 0;
	case VTR_LAPIC_CURRENT:
		*value = timer_mode(apic) < DEADLINE ? current_count(apic, now->ns) : 0;
		return 0;
	case VTR_LAPIC_ICR:
		*value = apic->reg[nr];
		if (vtr_lapic_x2(apic))
			*value |= (u64)apic->reg[VTR_LAPIC_ICR_HIGH] << 32;
		return 0;
	default:
		*value = apic->reg[nr];
		return 0;
	}
}

/* ---- registers: writing ---------------------------------------------------------- */

/* Bits that a program can set in each LVT entry. */
static u32 lvt_writable(u32 nr)
{
	switch (nr) {
	case VTR_LAPIC_LVT_TIMER:
		return 0xff | LVT_MASKED | LVT_TIMER_MODE;
	case VTR_LAPIC_LVT_LINT0:
	case VTR_LAPIC_LVT_LINT1:
		return 0x7ff | BIT(13) | LVT_LEVEL | LVT_MASKED;
	case VTR_LAPIC_LVT_ERROR:
		return 0xff | LVT_MASKED;
	default:
		return 0x7ff | LVT_MASKED;
	}
}

static void write_lvt(struct vtr_lapic *apic, u32 nr, u32 value, const struct vtr_moment *now,
		      struct vtr_lapic_effect *effect)
{
	bool had_deadline = timer_mode(apic) == DEADLINE;

	if (nr == VTR_LAPIC_LVT_TIMER && timer_mode(apic) == PERIODIC && timer_masked(apic))
		skip_periods(apic, now->ns);
	value &= lvt_writable(nr);
	if (!software_enabled(apic))
		value |= LVT_MASKED;
	apic->reg[nr] = value;
	/* The 8259's pin may be open now. */
	if (nr == VTR_LAPIC_LVT_LINT0)
		effect->what |= VTR_LAPIC_ROUTES;
	if (nr != VTR_LAPIC_LVT_TIMER)
		return;
	effect->what |= VTR_LAPIC_TIMER;
	/* Between the deadline and the counting modes the timer stops. */
	if (had_deadline != (timer_mode(apic) == DEADLINE)) {
		apic->tsc_deadline = 0;
		apic->count_from = 0;
		apic->reg[VTR_LAPIC_INITIAL] = 0;
	}
}

static void write_svr(struct vtr_lapic *apic, u32 value, struct vtr_lapic_effect *effect)
{
	apic->reg[VTR_LAPIC_SVR] = value & (0xff | SVR_ENABLE | SVR_KEEP_EOI);
	if (!software_enabled(apic))
		mask_all(apic);
	effect->what |= VTR_LAPIC_RECHECK | VTR_LAPIC_TIMER | VTR_LAPIC_ROUTES;
}

/* A message has been sent at once: its delivery is never pending. */
static void send(struct vtr_lapic *apic, u32 low, u32 high, struct vtr_lapic_effect *effect)
{
	/* LAB 7.7: */
	struct vtr_irq_message *ipi = &effect->ipi;
	bool x2 = vtr_lapic_x2(apic);

	*ipi = (struct vtr_irq_message) {
		.dest = x2 ? high : high >> 24,
		.logical = low & ICR_LOGICAL,
		.shorthand = low >> 18 & 3,
		.mode = low >> 8 & 7,
		.vector = low,
	};
	ipi->broadcast = ipi->dest == (x2 ? ~0U : 0xff) && (x2 || !ipi->logical);
	/* "INIT level de-assert" is for processors of long ago. */
	if (ipi->mode == VTR_DELIVER_INIT && low & ICR_LEVEL && !(low & ICR_ASSERT))
		return;
	if (ipi->mode <= VTR_DELIVER_LOWEST && ipi->vector < 16) {
		raise_error(apic, ESR_BAD_SEND);
		effect->what |= VTR_LAPIC_RECHECK;
		return;
	}
	effect->what |= VTR_LAPIC_SENDS;
	/* LAB 7.7 END */
}

static void write_divide(struct vtr_lapic *apic, u32 value, const struct vtr_moment *now,
			 struct vtr_lapic_effect *effect)
{
	u32 left = current_count(apic, now->ns);

	apic->reg[VTR_LAPIC_DIVIDE] = value & 0xb;
	/* What is left is counted at the new rate. */
	if (apic->count_from)
		apic->count_from = now->ns -
				   (apic->reg[VTR_LAPIC_INITIAL] - left) * count_ns(apic);
	effect->what |= VTR_LAPIC_TIMER;
}

static int write_common(struct vtr_lapic *apic, u32 nr, u32 value, const struct vtr_moment *now,
			struct vtr_lapic_effect *effect)
{
	switch (nr) {
	case VTR_LAPIC_TPR:
		apic->reg[nr] = value & 0xff;
		effect->what |= VTR_LAPIC_RECHECK;
		return 0;
	case VTR_LAPIC_EOI:
		end_of_interrupt(apic, effect);
		return 0;
	case VTR_LAPIC_SVR:
		write_svr(apic, value, effect);
		return 0;
	case VTR_LAPIC_ESR:
		apic->reg[nr] = apic->new_errors;
		apic->new_errors = 0;
		return 0;
	case VTR_LAPIC_LVT_TIMER ... VTR_LAPIC_LVT_ERROR:
		write_lvt(apic, nr, value, now, effect);
		return 0;
	case VTR_LAPIC_INITIAL:
		if (timer_mode(apic) == DEADLINE)
			return 0;
		apic->reg[nr] = value;
		start_count(apic, now);
		effect->what |= VTR_LAPIC_TIMER;
		return 0;
	case VTR_LAPIC_DIVIDE:
		write_divide(apic, value, now, effect);
		return 0;
	default:
		return no_register(apic);
	}
}

/* The page of the xAPIC. */
static int write_xapic(struct vtr_lapic *apic, u32 nr, u32 value, const struct vtr_moment *now,
		       struct vtr_lapic_effect *effect)
{
	switch (nr) {
	case VTR_LAPIC_ID:
	case VTR_LAPIC_VERSION:
	case VTR_LAPIC_PPR:
	case VTR_LAPIC_APR:
	case VTR_LAPIC_CURRENT:
	case VTR_LAPIC_ISR ... VTR_LAPIC_ESR - 1:
		return 0;	/* read-only */
	case VTR_LAPIC_LDR:
		apic->reg[nr] = value & 0xff000000;
		effect->what |= VTR_LAPIC_ROUTES;
		return 0;
	case VTR_LAPIC_DFR:
		apic->reg[nr] = value | 0x0fffffff;
		effect->what |= VTR_LAPIC_ROUTES;
		return 0;
	case VTR_LAPIC_ICR_HIGH:
		apic->reg[nr] = value & 0xff000000;
		return 0;
	case VTR_LAPIC_ICR:
		apic->reg[nr] = value & ~ICR_PENDING;
		send(apic, value, apic->reg[VTR_LAPIC_ICR_HIGH], effect);
		return 0;
	default:
		return write_common(apic, nr, value, now, effect);
	}
}

/* Reserved bits must be zero there: SDM 3A "x2APIC Register Address Space". */
static bool x2_reserved(u32 nr, u64 value)
{
	switch (nr) {
	case VTR_LAPIC_EOI:
	case VTR_LAPIC_ESR:
		return value;
	case VTR_LAPIC_TPR:
	case VTR_LAPIC_SELF_IPI:
		return value & ~0xffULL;
	case VTR_LAPIC_SVR:
		return value & ~(u64)(0xff | SVR_ENABLE | SVR_KEEP_EOI);
	case VTR_LAPIC_LVT_TIMER ... VTR_LAPIC_LVT_ERROR:
		return value & ~(u64)(lvt_writable(nr) | ICR_PENDING | LVT_REMOTE_IRR);
	case VTR_LAPIC_DIVIDE:
		return value & ~0xbULL;
	case VTR_LAPIC_ICR:
		return (u32)value & ~(0xcfff | GENMASK(19, 18));
	default:
		return value >> 32;
	}
}

static int write_x2apic(struct vtr_lapic *apic, u32 nr, u64 value, const struct vtr_moment *now,
			struct vtr_lapic_effect *effect)
{
	if (x2_reserved(nr, value))
		return -EINVAL;
	switch (nr) {
	case VTR_LAPIC_ICR:
		apic->reg[nr] = (u32)value & ~ICR_PENDING;
		apic->reg[VTR_LAPIC_ICR_HIGH] = value >> 32;
		send(apic, value, value >> 32, effect);
		return 0;
	case VTR_LAPIC_SELF_IPI:
		send(apic, VTR_TO_SELF << 18 | (u32)value, 0, effect);
		return 0;
	default:
		return write_common(apic, nr, value, now, effect);
	}
}

/**
 * vtr_lapic_write() - write a register
 * @apic: the APIC, switched on
 * @nr: enum vtr_lapic_reg
 * @value: 32 bits; to the ICR in x2APIC mode 64
 * @now: both clocks
 * @effect: out: what the caller has to do
 *
 * Return: 0, or -EINVAL: #GP (x2APIC mode only).
 */
int vtr_lapic_write(struct vtr_lapic *apic, u32 nr, u64 value, const struct vtr_moment *now,
		    struct vtr_lapic_effect *effect)
{
	*effect = (struct vtr_lapic_effect) {};
	if (vtr_lapic_x2(apic))
		return write_x2apic(apic, nr, value, now, effect);
	return write_xapic(apic, nr, value, now, effect);
}

/* ---- a state from outside -------------------------------------------------------- */

/* Bits of a register that are never set, in the mode that the APIC is in. */
static u32 never_set(const struct vtr_lapic *apic, u32 nr)
{
	bool x2 = vtr_lapic_x2(apic);

	switch (nr) {
	case VTR_LAPIC_ID:
	case VTR_LAPIC_VERSION:
		return 0;		/* one value, see below */
	case VTR_LAPIC_TPR:
		return ~0xffu;
	case VTR_LAPIC_SVR:
		return ~(u32)(0xff | SVR_ENABLE | SVR_KEEP_EOI);
	case VTR_LAPIC_ESR:
		return ~(u32)(ESR_BAD_SEND | ESR_BAD_VECTOR | ESR_BAD_REGISTER);
	case VTR_LAPIC_LDR:
	case VTR_LAPIC_ICR_HIGH:
		return x2 ? 0 : GENMASK(23, 0);
	case VTR_LAPIC_ICR:
		return ICR_PENDING;
	case VTR_LAPIC_ISR:
	case VTR_LAPIC_TMR:
	case VTR_LAPIC_IRR:
		return 0xffff;		/* vectors of exceptions */
	case VTR_LAPIC_LVT_TIMER ... VTR_LAPIC_LVT_ERROR:
		return ~lvt_writable(nr);
	case VTR_LAPIC_DIVIDE:
		return ~0xbu;
	case VTR_LAPIC_DFR:
	case VTR_LAPIC_INITIAL:
	case VTR_LAPIC_ISR + 1 ... VTR_LAPIC_ISR + 7:
	case VTR_LAPIC_TMR + 1 ... VTR_LAPIC_TMR + 7:
	case VTR_LAPIC_IRR + 1 ... VTR_LAPIC_IRR + 7:
		return 0;
	default:
		return ~0u;		/* nothing is kept there */
	}
}

static bool registers_are_legal(const struct vtr_lapic *apic)
{
	bool x2 = vtr_lapic_x2(apic);

	for (u32 nr = 0; nr < VTR_LAPIC_NR_REGS; nr++) {
		bool is_lvt = nr >= VTR_LAPIC_LVT_TIMER && nr <= VTR_LAPIC_LVT_ERROR;

		if (apic->reg[nr] & never_set(apic, nr))
			return false;
		if (is_lvt && !software_enabled(apic) && !(apic->reg[nr] & LVT_MASKED))
			return false;
	}
	return apic->reg[VTR_LAPIC_VERSION] == VERSION &&
	       apic->reg[VTR_LAPIC_ID] == (x2 ? apic->id : apic->id << 24) &&
	       (!x2 || apic->reg[VTR_LAPIC_LDR] == x2apic_ldr(apic)) &&
	       (apic->reg[VTR_LAPIC_DFR] | GENMASK(27, 0)) == apic->reg[VTR_LAPIC_DFR];
}

/**
 * vtr_lapic_is_legal() - can a local APIC come into this state?
 * @apic: the state, with the id of the vCPU that shall have it
 * @gpa_bits: width of a guest physical address
 *
 * What the rest of this file relies on holds then: a timer that counts has an initial
 * count, a deadline its mode.
 * Return: true if it can.
 */
bool vtr_lapic_is_legal(const struct vtr_lapic *apic, unsigned int gpa_bits)
{
	bool deadline = timer_mode(apic) == DEADLINE;

	if (!base_is_legal(apic->base, gpa_bits) || !registers_are_legal(apic))
		return false;
	if (apic->count_from && (deadline || !apic->reg[VTR_LAPIC_INITIAL]))
		return false;
	return (deadline || !apic->tsc_deadline) &&
	       !(apic->new_errors & never_set(apic, VTR_LAPIC_ESR));
}
