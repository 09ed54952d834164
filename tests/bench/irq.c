// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a tick and an IPI cost a guest: the host's side.
 *
 *	irq vitrine|kvm xapic|x2apic
 *
 * Runs the jobs of irq_guest.c one after the other in one VM with two vCPUs, each in a
 * thread on a processor of its own.  Each job runs twice: what happens once, such as page
 * faults, happens in the first run; the second one counts.  Prints a line a job:
 *	NAME TICKS LATE EXITS	medians, -1: none; exits of both vCPUs in 100 rounds
 * Started by irq.sh.  Read irq.h first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "irq.h"

#define STACK_BYTES	8192
#define WAIT_TICKS	20000
#define PTE_TABLE	3ull
#define PTE_LARGE	0x83ull
#define PTE_UNCACHED	0x18ull
#define GATE_INTERRUPT	0x8e00ull

struct measure {
	const char *name;
	void (*guest)(void);
	void (*other)(void);
	bool halts;
	bool is_tick;
};

static const struct measure measures[] = {
	{ .name = "cpuid", .guest = guest_cpuid },
	{ .name = "eoi", .guest = guest_eoi },
	{ .name = "to-nobody", .guest = guest_to_nobody },
	{ .name = "to-itself", .guest = guest_to_itself },
	{ .name = "arm-deadline", .guest = guest_arms_deadline },
	{ .name = "arm-count", .guest = guest_arms_count },
	{ .name = "deadline-busy", .guest = guest_deadline, .is_tick = true },
	{ .name = "count-busy", .guest = guest_count, .is_tick = true },
	{ .name = "deadline-halted", .guest = guest_deadline, .halts = true, .is_tick = true },
	{ .name = "count-halted", .guest = guest_count, .halts = true, .is_tick = true },
	{ .name = "ipi-busy", .guest = guest_asks, .other = guest_answers },
	{ .name = "ipi-halted", .guest = guest_asks, .other = guest_answers, .halts = true },
};

/* Where the program begins and ends: the linker says so. */
extern char __executable_start[], _end[];

struct guest_tables tables;
static uint8_t stacks[NR_VCPUS][STACK_BYTES] __attribute__((aligned(4096)));
static const struct vmm *vmm;

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "irq: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

int must_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		fail("%s: %s", name, strerror(errno));
	return ret;
}

/* ---- the guest's world ----------------------------------------------------------------- */

/* As a function that was called finds it. */
uint64_t stack_of(unsigned int vcpu)
{
	return (uintptr_t)stacks[vcpu] + STACK_BYTES - 8;
}

static void set_gate(unsigned int vector, void (*handler)(struct interrupt_frame *))
{
	uint64_t at = (uintptr_t)handler;

	tables.idt[2 * vector] = (at & 0xffff) | SEL_CODE << 16 | GATE_INTERRUPT << 32 |
				 at >> 16 << 48;
	tables.idt[2 * vector + 1] = at >> 32;
}

/* Four GiB as they are, the last one, where the APIC is, uncached. */
static void write_tables(void)
{
	tables.pml4[0] = (uintptr_t)tables.pdpt | PTE_TABLE;
	for (uint64_t i = 0; i < 4 * 512; i++) {
		tables.pdpt[i / 512] = (uintptr_t)tables.pd[i / 512] | PTE_TABLE;
		tables.pd[i / 512][i % 512] = i << 21 | PTE_LARGE |
					      (i / 512 == 3 ? PTE_UNCACHED : 0);
	}
	tables.gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
	tables.gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	set_gate(VECTOR_TICK, on_tick);
	set_gate(VECTOR_QUESTION, on_question);
	set_gate(VECTOR_ANSWER, on_answer);
}

static void create_vm(void)
{
	uintptr_t from = (uintptr_t)__executable_start & ~4095ul;
	size_t bytes = ((uintptr_t)_end + 4095 - from) & ~4095ul;

	write_tables();
	vmm->create(from, bytes);
}

/* ---- running --------------------------------------------------------------------------- */

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("processor %d: %s", cpu, strerror(errno));
}

static void *run_other(void *arg)
{
	(void)arg;
	pin_to(1);
	vmm->run(1);
	return NULL;
}

static void run_job(const struct measure *measure)
{
	pthread_t other;

	shared.job[0] = measure->guest;
	shared.job[1] = measure->other;
	shared.halts = measure->halts;
	if (measure->other && pthread_create(&other, NULL, run_other, NULL))
		fail("no thread");
	vmm->run(0);
	if (measure->other)
		pthread_join(other, NULL);
}

static uint64_t all_exits(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < NR_VCPUS; i++)
		sum += vmm->exits(i);
	return sum;
}

static int by_value(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int median(uint32_t *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

static void measure(const struct measure *measure)
{
	uint64_t had;
	int ticks, late;

	run_job(measure);
	had = all_exits();
	run_job(measure);
	had = all_exits() - had;
	ticks = measure->is_tick && measure->halts ? -1 : median(shared.ticks);
	late = measure->is_tick ? median(shared.late) : -1;
	printf("%s %d %d %llu\n", measure->name, ticks, late,
	       (unsigned long long)had * 100 / ROUNDS);
	fflush(stdout);
}

/* Each vCPU switches its APIC on. */
static void start_guest(void)
{
	const struct measure start = { .guest = guest_start, .other = guest_start };

	run_job(&start);
	shared.wait_ticks = WAIT_TICKS;
	shared.wait_counts = (uint64_t)WAIT_TICKS * vmm->timer_khz / vmm->tsc_khz();
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: irq vitrine|kvm xapic|x2apic\n");
		return 2;
	}
	vmm = strcmp(argv[1], "kvm") ? &vmm_vitrine : &vmm_kvm;
	shared.x2apic = !strcmp(argv[2], "x2apic");
	pin_to(0);
	create_vm();
	start_guest();
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
		measure(&measures[i]);
	return 0;
}
