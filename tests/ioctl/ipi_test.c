// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts between vCPUs, starting of vCPUs, and the life of a VM that has both.
 *
 * Two vCPUs in two threads send each other IPIs in every way in which the ICR can
 * name a destination; one starts the other by INIT and start-up IPI.  Then VMs end
 * at any moment while timers run and threads sleep in a HLT, and threads move
 * between cores meanwhile.
 * Read lib/irq_guest.h first.
 * Sources: SDM 3A "Issuing Interprocessor Interrupts" (11.6), "MP Initialization
 * Protocol Algorithm for MP Systems" (9.4.3).
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "irq_guest.h"

#define NR(list)	(sizeof(list) / sizeof((list)[0]))

#define SELF		0x40000u
#define ALL		0x80000u
#define OTHERS		0xc0000u
#define LOGICAL		0x800u
#define ASSERT		0x4000u
#define NMI		0x400u
#define INIT		0x4500u
#define STARTUP		0x4600u

/* Logical destination in the flat model: bit n is vCPU n. */
#define OWN_BIT								\
	"mov %edi, %ecx\n add $24, %ecx\n mov $1, %eax\n shl %cl, %eax\n"	\
	"mov %eax, 0xd0(%r15)\n"

/* Each time it runs on, it sends what the test has put into arg[0] and arg[1]. */
GUEST(sends, 64, ENABLE_APIC OWN_BIT
      "1: " STOP "mov 24(%r13), %eax\n mov %eax, 0x310(%r15)\n"
      "mov 20(%r13), %eax\n mov %eax, 0x300(%r15)\n" OPEN_WINDOW "jmp 1b");
GUEST(sends_by_msr, 64, ENTER_X2APIC WRMSR(0x80f, 0x1ff)
      "1: " STOP "mov 24(%r13), %edx\n mov 20(%r13), %eax\n mov $0x830, %ecx\n wrmsr\n"
      OPEN_WINDOW "jmp 1b");
GUEST(hears, 64, ENABLE_APIC OWN_BIT WAIT_FOR_EVENTS);
GUEST(hears_x2, 64, ENTER_X2APIC WRMSR(0x80f, 0x1ff) WAIT_FOR_EVENTS);

struct ipi {
	uint32_t low, high;
	unsigned int to_0, to_1;	/* how often it must come */
};

struct pair {
	struct vcpu *vcpu[2];
	struct runner runner;
};

/* vCPU 0 sends in this thread, vCPU 1 hears in another one. */
static void start_pair(struct pair *pair, const struct guest_code *sender,
		       const struct guest_code *hearer, uint32_t end)
{
	struct vm *vm = new_irq_vm();

	pair->vcpu[1] = new_irq_vcpu(vm, 1, hearer, end);
	pair->vcpu[0] = new_irq_vcpu(vm, 0, sender, end);
	REQUIRE(run_to_stop(pair->vcpu[0]));
	REQUIRE(run_to_stop(pair->vcpu[1]));
	log_of(pair->vcpu[1])->wanted = ~0u;
	start_runner(&pair->runner, pair->vcpu[1], nr_cpus() > 1 ? 1 : -1);
}

static bool send(struct pair *pair, uint32_t low, uint32_t high)
{
	log_of(pair->vcpu[0])->arg[0] = low;
	log_of(pair->vcpu[0])->arg[1] = high;
	return run_to_stop(pair->vcpu[0]);
}

static void send_and_check(struct pair *pair, const struct ipi *ipi)
{
	volatile struct irq_log *log_0 = log_of(pair->vcpu[0]), *log_1 = log_of(pair->vcpu[1]);
	uint8_t vector = (ipi->low & 0x700) == NMI ? 2 : ipi->low;
	uint32_t had_0 = log_0->count[vector], had_1 = log_1->count[vector];

	REQUIRE(send(pair, ipi->low, ipi->high));
	if (ipi->to_1)
		WAIT_UNTIL(log_1->count[vector] == had_1 + 1);
	else
		nap_ms(3);
	CHECK_MSG(log_0->count[vector] - had_0 == ipi->to_0 &&
		  log_1->count[vector] - had_1 == ipi->to_1,
		  "ICR 0x%x 0x%x: came to vCPU 0 %u times, to vCPU 1 %u times", ipi->high,
		  ipi->low, log_0->count[vector] - had_0, log_1->count[vector] - had_1);
}

static void ipis_by_every_destination(void)
{
	static const struct ipi list[] = {
		{ ASSERT | 0x41, 1u << 24, 0, 1 },
		{ ASSERT | 0x42, 0, 1, 0 },
		{ ASSERT | 0x43, 2u << 24, 0, 0 },
		{ ASSERT | 0x44, 0xffu << 24, 1, 1 },
		{ SELF | ASSERT | 0x45, 1u << 24, 1, 0 },
		{ ALL | ASSERT | 0x46, 0, 1, 1 },
		{ OTHERS | ASSERT | 0x47, 0, 0, 1 },
		{ LOGICAL | ASSERT | 0x48, 2u << 24, 0, 1 },
		{ LOGICAL | ASSERT | 0x49, 3u << 24, 1, 1 },
		{ LOGICAL | ASSERT | 0x4a, 4u << 24, 0, 0 },
		{ OTHERS | ASSERT | NMI, 0, 0, 1 },
		{ ASSERT | NMI, 0, 1, 0 },
		{ ASSERT | 0x10b, 1u << 24, 0, 0 },	/* lowest priority, no legal vector */
		{ ASSERT | 0x14c, 1u << 24, 0, 1 },
	};
	struct pair pair = {};

	start_pair(&pair, &guest_sends, &guest_hears, END_XAPIC);
	for (unsigned int i = 0; i < NR(list); i++)
		send_and_check(&pair, &list[i]);
	CHECK_NUM(log_of(pair.vcpu[0])->nr, 6);
	/* Its handler counts @nr last. */
	WAIT_UNTIL(log_of(pair.vcpu[1])->nr >= 8);
	CHECK_NUM(log_of(pair.vcpu[1])->nr, 8);
	stop_runner(&pair.runner);
}

static void ipis_by_msrs(void)
{
	static const struct ipi list[] = {
		{ ASSERT | 0x41, 1, 0, 1 },
		{ ASSERT | 0x42, 0, 1, 0 },
		{ ASSERT | 0x43, 0x101, 0, 0 },
		{ ASSERT | 0x44, ~0u, 1, 1 },
		{ OTHERS | ASSERT | 0x45, 0, 0, 1 },
		{ LOGICAL | ASSERT | 0x46, 2, 0, 1 },
		{ LOGICAL | ASSERT | 0x47, 0x10002, 0, 0 },	/* another cluster */
		{ LOGICAL | ASSERT | 0x48, 3, 1, 1 },
		{ ASSERT | NMI, 1, 0, 1 },
	};
	struct pair pair = {};

	start_pair(&pair, &guest_sends_by_msr, &guest_hears_x2, END_X2APIC);
	for (unsigned int i = 0; i < NR(list); i++)
		send_and_check(&pair, &list[i]);
	CHECK_NUM(log_of(pair.vcpu[0])->nr, 3);
	WAIT_UNTIL(log_of(pair.vcpu[1])->nr >= 6);
	CHECK_NUM(log_of(pair.vcpu[1])->nr, 6);
	stop_runner(&pair.runner);
}

/* ---- none is lost ------------------------------------------------------------------------- */

#define PINGS	250
#define AWAIT								\
	"incl 16(%r13)\n"						\
	"7: cli\n mov (%r13), %eax\n cmp 16(%r13), %eax\n jae 8f\n sti\n hlt\n jmp 7b\n 8:\n"
#define SEND(dest, vector)	WRITE(0x310, (dest) << 24) WRITE(0x300, 0x4000 + (vector))

GUEST(pings, 64, ENABLE_APIC STOP
      "1: " SEND(1, 0x41) AWAIT "cmpl $250, 16(%r13)\n jb 1b\n" STOP);
GUEST(pongs, 64, ENABLE_APIC STOP
      "1: " AWAIT SEND(0, 0x42) "cmpl $250, 16(%r13)\n jb 1b\n" STOP);

/* A vCPU that halts right when its interrupt comes: what waits for it never ends. */
static void none_is_lost_between_two_that_halt(void)
{
	struct vm *vm = new_irq_vm();
	struct vcpu *pinger = new_irq_vcpu(vm, 0, &guest_pings, END_XAPIC);
	struct vcpu *ponger = new_irq_vcpu(vm, 1, &guest_pongs, END_XAPIC);
	struct runner runner = {};

	REQUIRE(run_to_stop(ponger));
	REQUIRE(run_to_stop(pinger));
	start_runner(&runner, ponger, nr_cpus() > 1 ? 1 : -1);
	REQUIRE(run_to_stop(pinger));
	join_runner(&runner);
	CHECK_NUM(log_of(pinger)->count[0x42], PINGS);
	CHECK_NUM(log_of(ponger)->count[0x41], PINGS);
}

/* ---- lowest priority ---------------------------------------------------------------------- */

GUEST(looks, 64, ENABLE_APIC OWN_BIT "1: " STOP OPEN_WINDOW "jmp 1b");
GUEST(looks_switched_off, 64, WRITE(0xf0, 0xff) "1: " STOP OPEN_WINDOW "jmp 1b");

/* Eight messages; each takes what has come to it.  Return: how many vCPU 0 has got. */
static unsigned int share_of_first(struct vcpu *first, struct vcpu *second, uint64_t address,
				   uint32_t mode)
{
	uint32_t had_0 = log_of(first)->nr, had_1 = log_of(second)->nr;

	for (uint32_t i = 0; i < 8; i++)
		MUST(try_msi(first->vm, address, mode | (0x50 + i)));
	REQUIRE(run_to_stop(first));
	REQUIRE(run_to_stop(second));
	CHECK_NUM(log_of(first)->nr - had_0 + log_of(second)->nr - had_1, 8);
	return log_of(first)->nr - had_0;
}

static void set_task_priority(struct vcpu *vcpu, uint64_t class)
{
	struct vtr_sregs sregs = get_sregs(vcpu);

	sregs.cr8 = class;
	set_sregs(vcpu, &sregs);
}

static void the_least_busy_gets_it(void)
{
	struct vm *vm = new_irq_vm();
	struct vcpu *first = new_irq_vcpu(vm, 0, &guest_looks, END_XAPIC);
	struct vcpu *second = new_irq_vcpu(vm, 1, &guest_looks, END_XAPIC);
	unsigned int share;

	REQUIRE(run_to_stop(first));
	REQUIRE(run_to_stop(second));
	share = share_of_first(first, second, 0xfee03004, 0x100);
	CHECK_MSG(share >= 2 && share <= 6, "vCPU 0 got %u of 8", share);
	/* The same by the redirection hint. */
	share = share_of_first(first, second, 0xfee0300c, 0);
	CHECK_MSG(share >= 2 && share <= 6, "vCPU 0 got %u of 8", share);
	set_task_priority(second, 4);
	CHECK_NUM(share_of_first(first, second, 0xfee03004, 0x100), 8);
	set_task_priority(first, 4);
	set_task_priority(second, 3);
	CHECK_NUM(share_of_first(first, second, 0xfee03004, 0x100), 0);
}

static void who_is_switched_off_gets_none(void)
{
	struct vm *vm = new_irq_vm();
	struct vcpu *first = new_irq_vcpu(vm, 0, &guest_looks, END_XAPIC);
	struct vcpu *second = new_irq_vcpu(vm, 1, &guest_looks_switched_off, END_XAPIC);

	REQUIRE(run_to_stop(first));
	REQUIRE(run_to_stop(second));
	CHECK_NUM(share_of_first(first, second, 0xfeeff000, 0x100), 8);
}

/* ---- starting ----------------------------------------------------------------------------- */

/* At the page of the start-up IPI; what it finds goes to offset 100H of the page. */
GUEST(begins, 16, "mov %cs, %ax\n mov %ax, %ds\n incw 0x100\n mov %ax, 0x102\n"
      "call 1f\n 1: pop %bx\n sub $1b - begins_start, %bx\n mov %bx, 0x104\n"
      "mov %cr0, %eax\n mov %eax, 0x108\n"
      "sti\n 2: pause\n jmp 2b");

struct begun {
	uint16_t times, cs, ip, pad;
	uint32_t cr0;
};

static volatile struct begun *begun_at(struct vm *vm, unsigned int page)
{
	return (void *)(vm->mem + page * 4096 + 0x100);
}

static void check_begun(struct vm *vm, unsigned int page)
{
	volatile struct begun *begun = begun_at(vm, page);

	WAIT_UNTIL(begun->cr0);
	CHECK_NUM(begun->times, 1);
	CHECK_NUM(begun->cs, page << 8);
	CHECK_NUM(begun->ip, 0);
	/* PE and PG are clear. */
	CHECK_NUM(begun->cr0 & 0x80000001, 0);
}

static void start_up_ipis_start(void)
{
	struct vm *vm = new_irq_vm();
	struct pair pair = { .vcpu = { new_irq_vcpu(vm, 0, &guest_sends, END_XAPIC),
				       new_vcpu(vm, 1) } };

	for (unsigned int page = 0x20; page < 0x24; page++)
		memcpy(vm->mem + page * 4096, guest_begins.start,
		       guest_begins.end - guest_begins.start);
	REQUIRE(run_to_stop(pair.vcpu[0]));
	start_runner(&pair.runner, pair.vcpu[1], nr_cpus() > 1 ? 1 : -1);
	nap_ms(10);
	CHECK(!pair.runner.done);
	/* By the book: INIT, and the start-up IPI twice. */
	REQUIRE(send(&pair, INIT, 1u << 24));
	nap_ms(10);
	CHECK_NUM(begun_at(vm, 0x20)->times, 0);
	REQUIRE(send(&pair, STARTUP | 0x20, 1u << 24));
	check_begun(vm, 0x20);
	REQUIRE(send(&pair, STARTUP | 0x21, 1u << 24));
	nap_ms(10);
	CHECK_NUM(begun_at(vm, 0x21)->times, 0);
	/* An INIT stops it wherever it is; "de-assert" is none. */
	REQUIRE(send(&pair, 0x8500, 1u << 24));
	REQUIRE(send(&pair, STARTUP | 0x21, 1u << 24));
	nap_ms(10);
	CHECK_NUM(begun_at(vm, 0x21)->times, 0);
	REQUIRE(send(&pair, OTHERS | INIT, 0));
	REQUIRE(send(&pair, OTHERS | STARTUP | 0x22, 0));
	check_begun(vm, 0x22);
	CHECK_NUM(begun_at(vm, 0x20)->times, 1);
	CHECK_NUM(begun_at(vm, 0x21)->times, 0);
	stop_runner(&pair.runner);
}

/* Only a processor that waits for one takes it; to one in HLT it is not even an event. */
static void a_start_up_ipi_leaves_a_halted_one_alone(void)
{
	struct pair pair = {};
	struct vm *vm;

	start_pair(&pair, &guest_sends, &guest_hears, END_XAPIC);
	vm = pair.vcpu[0]->vm;
	memcpy(vm->mem + 0x20000, guest_begins.start, guest_begins.end - guest_begins.start);
	REQUIRE(send(&pair, STARTUP | 0x20, 1u << 24));
	nap_ms(10);
	CHECK_NUM(begun_at(vm, 0x20)->times, 0);
	REQUIRE(send(&pair, ASSERT | 0x41, 1u << 24));
	WAIT_UNTIL(log_of(pair.vcpu[1])->count[0x41] == 1);
	CHECK_NUM(begun_at(vm, 0x20)->times, 0);
	stop_runner(&pair.runner);
}

/* The mode and both ids survive: SDM 3A "x2APIC State Transitions" (11.12.5). */
GUEST(reads_ids, 16, "mov $0x1b, %ecx\n rdmsr\n mov %cs, %bx\n mov %bx, %ds\n mov %eax, 0x110\n"
      "mov $0x802, %ecx\n rdmsr\n mov %eax, 0x114\n mov $0x80d, %ecx\n rdmsr\n"
      "mov %eax, 0x118\n mov $0x80f, %ecx\n rdmsr\n mov %eax, 0x11c\n out %al, $0x80");

static void an_init_keeps_x2apic_mode(void)
{
	struct vm *vm = new_irq_vm();
	struct pair pair = { .vcpu = { new_irq_vcpu(vm, 0, &guest_sends, END_XAPIC),
				       new_irq_vcpu(vm, 1, &guest_hears_x2, END_X2APIC) } };
	const uint32_t *read = (void *)(vm->mem + 0x20110);

	memcpy(vm->mem + 0x20000, guest_reads_ids.start,
	       guest_reads_ids.end - guest_reads_ids.start);
	REQUIRE(run_to_stop(pair.vcpu[0]));
	REQUIRE(run_to_stop(pair.vcpu[1]));
	REQUIRE(send(&pair, INIT, 1u << 24));
	REQUIRE(send(&pair, STARTUP | 0x20, 1u << 24));
	REQUIRE(run_to_stop(pair.vcpu[1]));
	CHECK_NUM(read[0], 0xfee00c00);
	CHECK_NUM(read[1], 1);
	CHECK_NUM(read[2], 2);
	CHECK_NUM(read[3], 0xff);
}

/* SDM 3A "Processor State After Reset" (10.1.1): what an INIT changes, and what it keeps. */
GUEST(reads_rest, 16, "mov %cs, %bx\n mov %bx, %ds\n mov %cr0, %eax\n mov %eax, 0x110\n"
      "mov $0x277, %ecx\n rdmsr\n mov %eax, 0x114\n mov $0x176, %ecx\n rdmsr\n"
      "mov %eax, 0x118\n mov $0xc0000080, %ecx\n rdmsr\n mov %eax, 0x11c\n out %al, $0x80");

static void expect_kept(uint64_t caching)
{
	static const struct vtr_msr msrs[] = {
		{ .index = 0x277, .value = 0x0007010600070106 },
		{ .index = 0x176, .value = 0x12345 },
	};
	struct vm *vm = new_irq_vm();
	struct pair pair = { .vcpu = { new_irq_vcpu(vm, 0, &guest_sends, END_XAPIC),
				       new_irq_vcpu(vm, 1, &guest_hears, END_XAPIC) } };
	const uint32_t *read = (void *)(vm->mem + 0x20110);
	struct vtr_sregs sregs;

	memcpy(vm->mem + 0x20000, guest_reads_rest.start,
	       guest_reads_rest.end - guest_reads_rest.start);
	REQUIRE(run_to_stop(pair.vcpu[0]));
	REQUIRE(run_to_stop(pair.vcpu[1]));
	MUST(put_record(pair.vcpu[1], VTR_STATE_MSRS, msrs, sizeof(msrs)));
	sregs = get_sregs(pair.vcpu[1]);
	sregs.cr0 = (sregs.cr0 & ~0x60000000ull) | caching;
	set_sregs(pair.vcpu[1], &sregs);
	REQUIRE(send(&pair, INIT, 1u << 24));
	REQUIRE(send(&pair, STARTUP | 0x20, 1u << 24));
	REQUIRE(run_to_stop(pair.vcpu[1]));
	CHECK_NUM(read[0], 0x10 | caching);
	CHECK_NUM(read[1], 0x00070106);
	CHECK_NUM(read[2], 0x12345);
	CHECK_NUM(read[3], 0);
	close(pair.vcpu[1]->fd);
	close(pair.vcpu[0]->fd);
	close(vm->fd);
}

static void an_init_keeps_caching_and_msrs(void)
{
	expect_kept(0);
	expect_kept(0x40000000);
	expect_kept(0x60000000);
}

/* "Waits for a start-up IPI" is a state as others: it can be taken out and put in. */
static void the_state_of_one_that_waits(void)
{
	struct vm *vm = new_irq_vm();
	struct vcpu *vcpu = new_vcpu(vm, 1), *other = new_vcpu(new_vm(0, 0), 1);
	static uint64_t state[1024];
	struct vtr_events events;

	get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
	CHECK_NUM(events.activity, VTR_WAIT_SIPI);
	CHECK_NUM(put_state(vcpu, state, get_state(vcpu, state, sizeof(state))), 0);
	events.activity = VTR_WAIT_SIPI + 1;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events)), EINVAL);
	/* Without the controllers nobody could end it. */
	events.activity = VTR_WAIT_SIPI;
	CHECK_ERRNO(put_record(other, VTR_STATE_EVENTS, &events, sizeof(events)), EINVAL);
}

/* ---- many VMs, many cores, sudden ends ---------------------------------------------------- */

GUEST(ticks, 64, ENABLE_APIC WRITE(0x3e0, 0xb) WRITE(0x320, 0x20051)
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, " OUT_AT(0) "\n"
      WRITE(0x380, 8000) WAIT_FOR_EVENTS);
GUEST(waits, 64, ENABLE_APIC REDIRECT(9, 0x49) WAIT_FOR_EVENTS);

static void two_vms_do_not_hear_each_other(void)
{
	struct vcpu *vcpu[2] = { start_irq_guest(&guest_waits, END_XAPIC),
				 start_irq_guest(&guest_waits, END_XAPIC) };
	struct runner runner[2] = {};

	for (int i = 0; i < 2; i++) {
		REQUIRE(run_to_stop(vcpu[i]));
		log_of(vcpu[i])->wanted = 30;
		start_runner(&runner[i], vcpu[i], -1);
	}
	for (uint32_t n = 1; n <= 30 && tap_good(); n++) {
		send_vector(vcpu[0]->vm, 0, 0x61);
		if (n & 1) {
			set_line(vcpu[1]->vm, 9, 1);
			set_line(vcpu[1]->vm, 9, 0);
		} else {
			send_vector(vcpu[1]->vm, 0, 0x62);
		}
		WAIT_UNTIL(log_of(vcpu[0])->nr == n && log_of(vcpu[1])->nr == n);
	}
	for (int i = 0; i < 2; i++)
		join_runner(&runner[i]);
	CHECK_NUM(log_of(vcpu[0])->count[0x61], 30);
	CHECK_NUM(log_of(vcpu[1])->count[0x62], 15);
	CHECK_NUM(log_of(vcpu[1])->count[0x49], 15);
}

/* The timer was armed on one core, the vCPU is on another, or nowhere. */
static void a_thread_moves_while_its_timer_runs(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_ticks, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	struct runner runner = {};

	if (nr_cpus() < 2)
		tap_skip("there is one core only");
	log->wanted = 120;
	start_runner(&runner, vcpu, 0);
	for (unsigned int i = 0; !runner.done && i < 2000; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		sched_setaffinity(runner.tid, sizeof(set), &set);
		nap_ms(2);
	}
	join_runner(&runner);
	CHECK(log->count[0x51] >= 120);
	CHECK(get_stats(vcpu).migrations > 5);
	for (unsigned int i = 0; i < 120; i++)
		CHECK_MSG(log->tsc[i] - log->out[0] >= (i + 1) * 8ull * tsc_khz(vcpu),
			  "tick %u is early", i);
}

/* A timer of each kind is armed, one vCPU has just begun, one waits. */
GUEST(both_timers, 64, ENABLE_APIC WRITE(0x3e0, 0xb) WRITE(0x320, 0x20051)
      WRITE(0x380, 1500) OUT(0x20, 0x11) OUT(0x21, 0x30) OUT(0x21, 4) OUT(0x21, 1) OUT(0x21, 0xfe)
      OUT(0x43, 0x34) OUT(0x40, 0) OUT(0x40, 8) STOP WAIT_FOR_EVENTS);

static void vms_end_while_their_timers_run(void)
{
	for (unsigned int i = 0; i < 25; i++) {
		struct vm *vm = new_irq_vm();
		struct vcpu *vcpu = new_irq_vcpu(vm, 0, &guest_both_timers, END_XAPIC | END_8259);

		new_vcpu(vm, 1);
		REQUIRE(run_to_stop(vcpu));
		set_line(vm, 5, 1);
		if (i & 1)
			nap_ms(i % 5);
		/* In either order. */
		if (i & 2)
			close(vm->fd);
		MUST(munmap(vcpu->run, 4096));
		MUST(munmap(vm->vcpus[1].run, 4096));
		close(vcpu->fd);
		close(vm->vcpus[1].fd);
		if (!(i & 2)) {
			/* Its vCPUs are gone, the 8254 still ticks. */
			nap_ms(2);
			MUST(try_msi(vm, 0xfeeff000, 0x41));
			close(vm->fd);
		}
		MUST(munmap(vm->mem, vm->bytes));
	}
	nap_ms(20);
}

static void run_for_ever(void)
{
	static struct runner runner[2];
	struct vm *vm = new_irq_vm();

	new_irq_vcpu(vm, 0, &guest_both_timers, END_XAPIC | END_8259);
	new_vcpu(vm, 1);
	log_of(&vm->vcpus[0])->wanted = ~0u;
	start_runner(&runner[1], &vm->vcpus[1], -1);
	for (;;) {
		if (run_through(&vm->vcpus[0]))
			_exit(1);
	}
}

static void processes_die_while_their_guests_wait(void)
{
	for (unsigned int i = 0; i < 20; i++) {
		pid_t pid;
		int status;

		pid = MUST(fork());
		if (!pid)
			run_for_ever();
		nap_ms(5 + 7 * i % 40);
		MUST(kill(pid, SIGKILL));
		MUST(waitpid(pid, &status, 0));
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

static const struct tap_case cases[] = {
	CASE(ipis_by_every_destination),
	CASE(ipis_by_msrs),
	CASE(none_is_lost_between_two_that_halt),
	CASE(the_least_busy_gets_it),
	CASE(who_is_switched_off_gets_none),
	CASE(start_up_ipis_start),
	CASE(a_start_up_ipi_leaves_a_halted_one_alone),
	CASE(an_init_keeps_x2apic_mode),
	CASE(an_init_keeps_caching_and_msrs),
	CASE(the_state_of_one_that_waits),
	CASE(two_vms_do_not_hear_each_other),
	CASE(a_thread_moves_while_its_timer_runs),
	CASE(vms_end_while_their_timers_run),
	CASE(processes_die_while_their_guests_wait),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
