// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bench of interrupts: what the guest does, the same under each hypervisor.
 *
 * Long mode, no C library.  A job does one thing ROUNDS times and writes down the ticks
 * of each round.  A wait is a loop whose turns are counted: so the ticks that a tick has
 * taken away from the guest are known, whenever it was armed, noticed and injected.
 * Read irq.h first, then irq.c.
 * Source: SDM 3A "Advanced Programmable Interrupt Controller (APIC)" (chapter 11).
 */
#include "irq.h"

/* The FPU is not used, and no loop becomes a call of the C library. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#define APIC_PAGE	0xfee00000ull
#define MSR_APIC_BASE	0x1b
#define MSR_DEADLINE	0x6e0
#define MSR_X2APIC	0x800

/* Registers: offset in the page divided by 16. */
#define EOI		0x0b
#define SVR		0x0f
#define ICR		0x30
#define ICR_HIGH	0x31
#define LVT_TIMER	0x32
#define INITIAL_COUNT	0x38
#define DIVIDE		0x3e

#define SVR_ENABLE	0x1ff
#define TIMER_ONE_SHOT	0
#define TIMER_DEADLINE	0x40000
#define DIVIDE_BY_1	0xb
#define ICR_ASSERT	0x4000
#define ICR_SELF	0x40000
#define NOBODY		77		/* no vCPU has this id */

#define FAR_TICKS	1000000000ull
#define FAR_COUNTS	1000000000u

struct shared shared;

/* Changed by handlers. */
static volatile uint32_t came;
static volatile uint64_t came_at;

/* vCPU 1 is there; so many questions it has had. */
static volatile uint32_t other_is_ready, questions;

/* ---- instructions -------------------------------------------------------------------------- */

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t index, uint64_t value)
{
	asm volatile("wrmsr" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) :
		     "memory");
}

static inline uint64_t rdmsr(uint32_t index)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

static inline void write_page(uint32_t nr, uint32_t value)
{
	*(volatile uint32_t *)(APIC_PAGE + nr * 16) = value;
}

static inline void write_apic(uint32_t nr, uint32_t value)
{
	if (shared.x2apic)
		wrmsr(MSR_X2APIC + nr, value);
	else
		write_page(nr, value);
}

static inline void send_ipi(uint32_t id, uint32_t command)
{
	if (shared.x2apic) {
		wrmsr(MSR_X2APIC + ICR, (uint64_t)id << 32 | command);
		return;
	}
	write_page(ICR_HIGH, id << 24);
	write_page(ICR, command);
}

/* ---- handlers ------------------------------------------------------------------------------ */

__attribute__((interrupt)) void on_tick(struct interrupt_frame *frame)
{
	(void)frame;
	came_at = rdtsc();
	came = 1;
	write_apic(EOI, 0);
}

__attribute__((interrupt)) void on_question(struct interrupt_frame *frame)
{
	(void)frame;
	questions++;
	send_ipi(0, ICR_ASSERT | VECTOR_ANSWER);
	write_apic(EOI, 0);
}

__attribute__((interrupt)) void on_answer(struct interrupt_frame *frame)
{
	(void)frame;
	came = 1;
	write_apic(EOI, 0);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* Return: turns of the loop, of three instructions each. */
static inline uint64_t spin_until_it_comes(void)
{
	uint64_t turns = 0;

	asm volatile("1: inc %0\n cmpl $0, %1\n je 1b" : "+r"(turns) : "m"(came) : "memory");
	return turns;
}

static void halt_until_it_comes(void)
{
	asm volatile("cli");
	while (!came)
		asm volatile("sti\n hlt\n cli" : : : "memory");
	asm volatile("sti");
}

static inline uint64_t wait_until_it_comes(void)
{
	if (!shared.halts)
		return spin_until_it_comes();
	halt_until_it_comes();
	return 0;
}

#define TURNS	1000

/* Ticks of TURNS turns of the same loop, which nothing has interrupted. */
static uint64_t ticks_of_turns(void)
{
	volatile uint32_t end = TURNS;
	uint64_t least = ~0ull;

	for (unsigned int i = 0; i < 5; i++) {
		uint32_t turns = 0;
		uint64_t from = rdtsc(), ticks;

		asm volatile("1: inc %0\n cmpl %1, %0\n jne 1b" : "+r"(turns) : "m"(end));
		ticks = rdtsc() - from;
		least = ticks < least ? ticks : least;
	}
	return least;
}

/* ---- registers ----------------------------------------------------------------------------- */

#define MEASURE(what)							\
do {									\
	for (unsigned int i_ = 0; i_ < ROUNDS; i_++) {			\
		uint64_t from_ = rdtsc();				\
									\
		what;							\
		shared.ticks[i_] = rdtsc() - from_;			\
	}								\
} while (0)

/*
 * If an exit hits the delivery of a virtual interrupt, the emulated processor reports another
 * event (docs/interrupts.md, "What the emulated processor does"): no page may be missing.
 */
static void touch(const volatile void *at)
{
	(void)*(const volatile uint8_t *)at;
}

void guest_start(void)
{
	touch(tables.idt);
	touch(tables.gdt);
	touch(on_tick);
	touch(on_question);
	touch(on_answer);
	if (shared.x2apic)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	write_apic(SVR, SVR_ENABLE);
	write_apic(DIVIDE, DIVIDE_BY_1);
}

void guest_cpuid(void)
{
	MEASURE(({
		uint32_t leaf = 0, sub = 0;

		asm volatile("cpuid" : "+a"(leaf), "+c"(sub) : : "ebx", "edx");
	}));
}

void guest_eoi(void)
{
	MEASURE(write_apic(EOI, 0));
}

void guest_to_nobody(void)
{
	MEASURE(send_ipi(NOBODY, ICR_ASSERT | VECTOR_TICK));
}

void guest_to_itself(void)
{
	MEASURE(({
		came = 0;
		send_ipi(0, ICR_SELF | ICR_ASSERT | VECTOR_ANSWER);
		spin_until_it_comes();
	}));
}

void guest_arms_deadline(void)
{
	write_apic(LVT_TIMER, TIMER_DEADLINE | VECTOR_TICK);
	MEASURE(wrmsr(MSR_DEADLINE, from_ + FAR_TICKS));
	wrmsr(MSR_DEADLINE, 0);
}

void guest_arms_count(void)
{
	write_apic(LVT_TIMER, TIMER_ONE_SHOT | VECTOR_TICK);
	MEASURE(write_apic(INITIAL_COUNT, FAR_COUNTS));
	write_apic(INITIAL_COUNT, 0);
}

/* ---- ticks --------------------------------------------------------------------------------- */

static inline void measure_tick(unsigned int round, uint64_t ticks_of_1000, int by_deadline)
{
	uint64_t from = rdtsc(), due = from + shared.wait_ticks, turns;

	came = 0;
	if (by_deadline)
		wrmsr(MSR_DEADLINE, due);
	else
		write_apic(INITIAL_COUNT, shared.wait_counts);
	turns = wait_until_it_comes();
	shared.late[round] = came_at - due;
	/* What was not spent in the loop; in HLT nothing is lost, and this means nothing. */
	shared.ticks[round] = rdtsc() - from - turns * ticks_of_1000 / TURNS;
}

void guest_deadline(void)
{
	uint64_t ticks_of_1000 = ticks_of_turns();

	write_apic(LVT_TIMER, TIMER_DEADLINE | VECTOR_TICK);
	for (unsigned int i = 0; i < ROUNDS; i++)
		measure_tick(i, ticks_of_1000, 1);
}

void guest_count(void)
{
	uint64_t ticks_of_1000 = ticks_of_turns();

	write_apic(LVT_TIMER, TIMER_ONE_SHOT | VECTOR_TICK);
	for (unsigned int i = 0; i < ROUNDS; i++)
		measure_tick(i, ticks_of_1000, 0);
}

/* ---- two vCPUs ----------------------------------------------------------------------------- */

void guest_asks(void)
{
	while (!other_is_ready)
		;
	MEASURE(({
		came = 0;
		send_ipi(1, ICR_ASSERT | VECTOR_QUESTION);
		wait_until_it_comes();
	}));
	other_is_ready = 0;
}

void guest_answers(void)
{
	questions = 0;
	other_is_ready = 1;
	if (!shared.halts)
		while (questions < ROUNDS)
			;
	asm volatile("cli");
	while (questions < ROUNDS)
		asm volatile("sti\n hlt\n cli" : : : "memory");
}

void guest_main(uint64_t id)
{
	for (;;) {
		asm volatile("sti");
		if (shared.job[id])
			shared.job[id]();
		asm volatile("cli\n outb %%al, %0" : : "i"(STOP_PORT) : "memory");
	}
}
