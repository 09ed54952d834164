/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bench of interrupts: what its guest, its host side and the hypervisors share.
 *
 * One program is both sides.  The guest's memory is the program's own: each byte of the
 * program lies at the same address for the guest (an identity map, and a slot at the
 * address of the program), so both use the same functions and variables.
 * Read next: irq_guest.c, then irq.c; irq_vitrine.c and irq_kvm.c are two ways to run it.
 */
#ifndef BENCH_IRQ_H
#define BENCH_IRQ_H

#include <stddef.h>
#include <stdint.h>

#define ROUNDS		101
#define NR_VCPUS	2
#define STOP_PORT	0x80

/* Segments of struct guest_tables.gdt. */
#define SEL_CODE	0x08
#define SEL_DATA	0x10

/* ---- guest and host -------------------------------------------------------------------- */

/**
 * struct shared - what the host asks, and what the guest has found
 * @job: what each vCPU does next; NULL: nothing
 * @x2apic: reach the local APIC by MSRs
 * @halts: wait in HLT, else in a loop
 * @wait_ticks, @wait_counts: until a tick; in counts of the APIC's timer
 * @ticks, @late: of each round
 */
struct shared {
	void (*job[NR_VCPUS])(void);
	uint32_t x2apic;
	volatile uint32_t halts;
	uint32_t wait_ticks;
	uint32_t wait_counts;
	uint32_t ticks[ROUNDS];
	uint32_t late[ROUNDS];
};

extern struct shared shared;

/* Jobs (irq_guest.c).  Each leaves @ticks, those with a timer @late, too. */
void guest_start(void);		/* switches the APIC on; to be done first */
void guest_cpuid(void);		/* an exit that does next to nothing */
void guest_eoi(void);		/* nothing is in service */
void guest_to_nobody(void);	/* an IPI to an id that is not there */
void guest_to_itself(void);	/* taken and ended */
void guest_arms_deadline(void);	/* far away, again and again */
void guest_arms_count(void);
void guest_deadline(void);	/* a tick: armed, waited for, taken, ended */
void guest_count(void);
void guest_asks(void);		/* an IPI to vCPU 1 and its answer ... */
void guest_answers(void);	/* ... from there */

/* Where a vCPU begins, with its number; it stops by OUT to STOP_PORT after each job. */
void guest_main(uint64_t id);

/* ---- host: tables that the processor wants ----------------------------------------------- */

struct guest_tables {
	uint64_t pml4[512];
	uint64_t pdpt[512];
	uint64_t pd[4][512];
	uint64_t idt[512];
	uint64_t gdt[4];
} __attribute__((aligned(4096)));

extern struct guest_tables tables;

/* Interrupt handlers (irq_guest.c). */
#define VECTOR_TICK	0x41
#define VECTOR_QUESTION	0x42
#define VECTOR_ANSWER	0x43
struct interrupt_frame;
void on_tick(struct interrupt_frame *frame);
void on_question(struct interrupt_frame *frame);
void on_answer(struct interrupt_frame *frame);

/* Registers for guest_main(). */
#define START_CR0	0x80000011ull	/* PG, ET, PE */
#define START_CR4	0x620ull	/* PAE, OSFXSR, OSXMMEXCPT */
#define START_EFER	0x500ull	/* LME, LMA */
uint64_t stack_of(unsigned int vcpu);

/* ---- hypervisors ------------------------------------------------------------------------- */

/**
 * struct vmm - a hypervisor; all functions end the program if something fails
 * @create: a VM with interrupt controllers, the program as its memory, and NR_VCPUS
 *	vCPUs that begin at guest_main()
 * @run: let a vCPU run until it stops
 * @exits: how often a vCPU has left the guest so far
 * @tsc_khz: rate of the guest's time stamp counter
 * @timer_khz: rate of the local APIC's timer
 */
struct vmm {
	const char *name;
	void (*create)(uintptr_t from, size_t bytes);
	void (*run)(unsigned int vcpu);
	uint64_t (*exits)(unsigned int vcpu);
	uint32_t (*tsc_khz)(void);
	uint32_t timer_khz;
};

extern const struct vmm vmm_vitrine;
extern const struct vmm vmm_kvm;

__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* ioctl() that must succeed. */
int must_ioctl(int fd, unsigned long request, void *arg, const char *name);
#define MUST_IOCTL(fd, request, arg)	must_ioctl(fd, request, (void *)(arg), #request)

#endif /* BENCH_IRQ_H */
