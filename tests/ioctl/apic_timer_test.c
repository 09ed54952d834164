// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers and waiting in a VM with the interrupt controllers in the module.
 *
 * The local APIC's timer in its three modes and the 8254: each tick comes, none too
 * early by the guest's own counter, none twice.  A guest that halts, or waits to be
 * started, sleeps in the kernel: it costs no processor time, and everything that
 * can end the wait ends it.
 * Read lib/irq_guest.h first.
 * Sources: SDM 3A "APIC Timer" (11.5.4); data sheet of the 8254.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "irq_guest.h"

#define NR(list)	(sizeof(list) / sizeof((list)[0]))

#define COUNT_BY_1	WRITE(0x3e0, 0xb)	/* divide by 1: a count is a microsecond */
#define STORE_TSC(i)	"rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, " OUT_AT(i) "\n"

static bool run_for_events(struct vcpu *vcpu, unsigned int nr)
{
	log_of(vcpu)->wanted = log_of(vcpu)->nr + nr;
	return run_to_stop(vcpu) && CHECK_NUM(log_of(vcpu)->nr, log_of(vcpu)->wanted);
}

static uint64_t ticks_of_us(struct vcpu *vcpu, uint64_t us)
{
	return us * tsc_khz(vcpu) / 1000;
}

/* ---- the local APIC's timer ------------------------------------------------------------- */

GUEST(one_shot, 64, ENABLE_APIC COUNT_BY_1 WRITE(0x320, 0x40)
      STORE_TSC(0) WRITE(0x380, 20000) READ(0x390, 1)
      "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void one_shot_comes_once(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_one_shot, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->nr, 1);
	CHECK_NUM(log->vector[0], 0x40);
	CHECK(log->out[1] > 0 && log->out[1] <= 20000);
	CHECK_MSG(log->tsc[0] - log->out[0] >= ticks_of_us(vcpu, 20000), "early: %llu ticks",
		  (unsigned long long)(log->tsc[0] - log->out[0]));
	/* What comes next is something else, though much later. */
	nap_ms(60);
	send_vector(vcpu->vm, 0, 0x33);
	REQUIRE(run_for_events(vcpu, 1));
	CHECK_NUM(log->vector[1], 0x33);
}

GUEST(periodic, 64, ENABLE_APIC COUNT_BY_1 WRITE(0x320, 0x20041)
      STORE_TSC(0) WRITE(0x380, 20000) "movl $12, 16(%r13)\n" WAIT_FOR_EVENTS);

static void periodic_ticks_all_come(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_periodic, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t period = ticks_of_us(vcpu, 20000);

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x41], 12);
	for (unsigned int i = 0; i < 12; i++)
		CHECK_MSG(log->tsc[i] - log->out[0] >= (i + 1) * period, "tick %u is early", i);
	/* No drift: a late tick does not delay those that follow it. */
	CHECK_MSG(log->tsc[11] - log->out[0] < (13 + tap_patience()) * period,
		  "12 ticks took %llu periods",
		  (unsigned long long)((log->tsc[11] - log->out[0]) / period));
}

/* Ticks that fall into a time with interrupts off come afterwards, none is lost. */
GUEST(closed_for_long, 64, ENABLE_APIC COUNT_BY_1 WRITE(0x320, 0x20041)
      STORE_TSC(0) WRITE(0x380, 5000) STOP "movl $8, 16(%r13)\n" WAIT_FOR_EVENTS);

static void ticks_wait_until_they_are_taken(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_closed_for_long, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t period = ticks_of_us(vcpu, 5000);

	REQUIRE(run_to_stop(vcpu));
	nap_ms(50);
	REQUIRE(run_to_stop(vcpu));
	CHECK(log->count[0x41] >= 8);
	/* All of them are overdue: they come one behind the other. */
	CHECK_MSG(log->tsc[7] - log->tsc[0] < 6 * period, "8 ticks in %llu of the guest's",
		  (unsigned long long)(log->tsc[7] - log->tsc[0]));
}

/* Each deadline is kept in out[2 * i], ... and how it read in out[2 * i + 1]. */
#define ROUNDS	16
GUEST(deadlines, 64, ENABLE_APIC WRITE(0x320, 0x40042) "xor %r12d, %r12d\n"
      "1: mov %r12d, %ebx\n inc %ebx\n mov %ebx, 16(%r13)\n"
      "imul $3000, %ebx\n"
      "mov $0x6e0, %ecx\n rdtsc\n shl $32, %rdx\n or %rdx, %rax\n add %rbx, %rax\n add %rbx, %rax\n"
      "mov %rax, 0xc00(%r13,%r12,8)\n"
      "mov %rax, %rdx\n shr $32, %rdx\n wrmsr\n"
      "2: cli\n mov (%r13), %eax\n cmp 16(%r13), %eax\n jae 3f\n sti\n hlt\n jmp 2b\n"
      "3: inc %r12d\n cmp $16, %r12d\n jb 1b\n" RDMSR(0x6e0, 20) STOP);

static void deadlines_are_kept(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_deadlines, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t latest = 0;

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x42], ROUNDS);
	CHECK_NUM(log->nr, ROUNDS);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t late = log->tsc[i] - log->out[i];

		CHECK_MSG(log->tsc[i] >= log->out[i], "deadline %u: %llu ticks early", i,
			  (unsigned long long)-late);
		latest = late > latest ? late : latest;
	}
	tap_note("at most %llu ticks late", (unsigned long long)latest);
	/* A deadline that has passed reads as 0. */
	CHECK_NUM(log->out[20], 0);
}

/*
 * A deadline in a thousand years, computed to host time, does not fit into 64 bits:
 * that must neither come at once nor stop the host.
 */
GUEST(far_deadline, 64, ENABLE_APIC WRITE(0x320, 0x40042)
      "mov $0x6e0, %ecx\n mov $-1, %eax\n mov $-1, %edx\n wrmsr\n" OPEN_WINDOW RDMSR(0x6e0, 0)
      "mov $0x6e0, %ecx\n xor %eax, %eax\n mov $0x7fffffff, %edx\n wrmsr\n" OPEN_WINDOW
      RDMSR(0x6e0, 1)
      /* The counter jumps behind it: now it is due. */
      "sti\n mov $0x10, %ecx\n xor %eax, %eax\n mov $0x80000000, %edx\n wrmsr\n"
      "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_deadline_in_a_thousand_years(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_far_deadline, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->out[0], ~0ull);
	CHECK_NUM(log_of(vcpu)->out[1], 0x7fffffff00000000);
	CHECK_NUM(log_of(vcpu)->count[0x42], 1);
	CHECK_NUM(log_of(vcpu)->nr, 1);
}

/* The program moves the counter by a state record: the deadline moves with it. */
GUEST(one_deadline, 64, ENABLE_APIC WRITE(0x320, 0x40042)
      "mov $0x6e0, %ecx\n xor %eax, %eax\n mov $0x100, %edx\n wrmsr\n" STOP
      "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_deadline_moves_with_the_counter(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_one_deadline, END_XAPIC);
	struct vtr_tsc tsc;

	REQUIRE(run_to_stop(vcpu));
	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	tsc.offset += 0x10000000000;
	MUST(put_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc)));
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x42], 1);
}

/* Masked it counts, but says nothing, in each mode; unmasked only what comes then. */
GUEST(masked_timers, 64, ENABLE_APIC COUNT_BY_1
      WRITE(0x320, 0x10040) WRITE(0x380, 3000)
      "1: sti\n nop\n cli\n mov 0x390(%r15), %eax\n test %eax, %eax\n jnz 1b\n" OPEN_WINDOW
      WRITE(0x320, 0x40) OPEN_WINDOW
      WRITE(0x320, 0x50042)
      "mov $0x6e0, %ecx\n rdtsc\n add $20000, %eax\n adc $0, %edx\n wrmsr\n"
      "1: sti\n nop\n cli\n rdmsr\n or %edx, %eax\n jnz 1b\n" OPEN_WINDOW
      "mov (%r13), %eax\n mov %rax, " OUT_AT(0) "\n"
      WRITE(0x320, 0x30041) WRITE(0x380, 5000) STOP
      STORE_TSC(1) WRITE(0x320, 0x20041) "movl $4, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_masked_timer_says_nothing(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_masked_timers, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->out[0], 0);
	/* Many periods go by unheard, and must not be made up for. */
	nap_ms(100);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x41], 4);
	CHECK_MSG(log->tsc[3] - log->out[1] >= ticks_of_us(vcpu, 3 * 5000), "4 ticks in %llu",
		  (unsigned long long)(log->tsc[3] - log->out[1]));
}

/* Each bit of the divider doubles the time. */
GUEST(divides, 64, ENABLE_APIC WRITE(0x3e0, 3) WRITE(0x320, 0x40)
      STORE_TSC(0) WRITE(0x380, 1000) "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void the_divider_is_kept(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_divides, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	CHECK(log->tsc[0] - log->out[0] >= ticks_of_us(vcpu, 16 * 1000));
	CHECK(log->tsc[0] - log->out[0] < ticks_of_us(vcpu, 64 * 1000 * tap_patience()));
}

/* ---- the 8254 ----------------------------------------------------------------------------- */

#define RATE_100_HZ	OUT(0x43, 0x34) OUT(0x40, 0x9c) OUT(0x40, 0x2e)	/* 11932 */

GUEST(old_timer, 64, INIT_8259(0xfe, 0xff) STORE_TSC(0) RATE_100_HZ
      "movl $10, 16(%r13)\n" WAIT_FOR_EVENTS);

static void the_8254_ticks_through_the_8259(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_old_timer, END_8259);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t period = ticks_of_us(vcpu, 10000);

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x30], 10);
	for (unsigned int i = 0; i < 10; i++)
		CHECK_MSG(log->tsc[i] - log->out[0] >= (i + 1) * period, "tick %u is early", i);
	CHECK(log->tsc[9] - log->out[0] < (12 + 2 * tap_patience()) * period);
}

GUEST(timer_by_io_apic, 64, ENABLE_APIC WRITE(0x350, 0x10700) INIT_8259(0xff, 0xff)
      REDIRECT(2, 0x62) RATE_100_HZ "movl $5, 16(%r13)\n" WAIT_FOR_EVENTS);

static void the_8254_ticks_through_the_io_apic(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_timer_by_io_apic, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x62], 5);
}

/*
 * While a tick waits the timer rests.  If the tick is thrown away, because the
 * 8259 is initialised or masked, the timer must go on all the same.
 */
GUEST(forgotten_tick, 64, INIT_8259(0xfe, 0xff) RATE_100_HZ STOP
      INIT_8259(0xfe, 0xff) "movl $3, 16(%r13)\n" WAIT_FOR_EVENTS);
GUEST(masked_tick, 64, INIT_8259(0xff, 0xff) RATE_100_HZ STOP
      STORE_TSC(0) OUT(0x21, 0xfe) "movl $4, 16(%r13)\n" WAIT_FOR_EVENTS);
/* 84 us: too short for the host's timer, so that it has always fallen behind. */
GUEST(masked_fast_tick, 64, ENABLE_APIC INIT_8259(0xff, 0xff)
      OUT(0x43, 0x34) OUT(0x40, 100) OUT(0x40, 0) STOP
      REDIRECT(2, 0x62) "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_tick_that_is_forgotten_stops_nothing(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_forgotten_tick, END_8259);

	REQUIRE(run_to_stop(vcpu));
	nap_ms(60);
	REQUIRE(run_to_stop(vcpu));
	CHECK(log_of(vcpu)->count[0x30] >= 3);
}

/* Of the ticks that nobody could hear the 8259 keeps one. */
static void ticks_at_a_masked_line_are_lost(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_masked_tick, END_8259);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	nap_ms(150);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x30], 4);
	CHECK_MSG(log->tsc[3] - log->out[0] >= ticks_of_us(vcpu, 2 * 10000), "4 ticks in %llu",
		  (unsigned long long)(log->tsc[3] - log->out[0]));
}

static void a_masked_line_may_be_opened_late(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_masked_fast_tick, 0);

	REQUIRE(run_to_stop(vcpu));
	nap_ms(20);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x62], 1);
}

/* Channel 2, as boot code uses it: mode 0, 20 ms, until its output rises at port 61H. */
GUEST(channel_2, 64, "in $0x61, %al\n and $0xfd, %al\n or $1, %al\n out %al, $0x61\n"
      OUT(0x43, 0xb0) OUT(0x42, 0x38) IN(0x61, 1) STORE_TSC(0) OUT(0x42, 0x5d)
      "1: in $0x61, %al\n test $0x20, %al\n jz 1b\n" STORE_TSC(2) IN(0x61, 3)
      OUT(0x61, 0) IN(0x61, 4)
      /* A latched count stays, whatever goes on behind it. */
      OUT(0x43, 0x34) OUT(0x40, 0) OUT(0x40, 0x40) OUT(0x43, 0) IN(0x40, 5) IN(0x40, 6)
      OUT(0x43, 0xe2) IN(0x40, 7) STOP);

static void channel_2_measures_time(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_channel_2, 0);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t gone;

	REQUIRE(run_to_stop(vcpu));
	gone = log->out[2] - log->out[0];
	CHECK_NUM(log->out[1] & 0x23, 1);
	CHECK_NUM(log->out[3] & 0x23, 0x21);
	CHECK_NUM(log->out[4] & 3, 0);
	CHECK_MSG(gone >= ticks_of_us(vcpu, 19999), "%llu ticks", (unsigned long long)gone);
	CHECK(gone < ticks_of_us(vcpu, 20000 + 10000 * tap_patience()));
	CHECK(log->out[6] * 256 + log->out[5] <= 0x4000);
	/* Mode 2, low and high byte, counting. */
	CHECK_NUM(log->out[7] & 0x7f, 0x34);
}

/* ---- waiting costs nothing ---------------------------------------------------------------- */

/* Is this thread idle while it waits in RUN?  @wall and @cpu are what it took. */
static void expect_idle(uint64_t wall, uint64_t cpu, uint64_t at_least_ns)
{
	tap_note("%llu us of the processor in %llu us", (unsigned long long)cpu / 1000,
		 (unsigned long long)wall / 1000);
	CHECK(wall >= at_least_ns);
	CHECK(cpu < wall / 4 * tap_patience());
}

GUEST(slow_ticks, 64, ENABLE_APIC COUNT_BY_1 WRITE(0x320, 0x20041) WRITE(0x380, 30000)
      "movl $10, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_guest_that_waits_for_its_timer_costs_nothing(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_slow_ticks, END_XAPIC);
	uint64_t cpu = thread_ns(), wall = wall_ns();

	REQUIRE(run_to_stop(vcpu));
	expect_idle(wall_ns() - wall, thread_ns() - cpu, 290 * 1000000ull);
	CHECK_NUM(log_of(vcpu)->count[0x41], 10);
}

static void do_nothing(int nr)
{
	(void)nr;
}

/* A signal after @ms, which ends RUN. */
static void alarm_in(unsigned int ms)
{
	struct sigaction action = { .sa_handler = do_nothing };
	struct itimerval at = { .it_value.tv_usec = ms * 1000 };

	MUST(sigaction(SIGALRM, &action, NULL));
	MUST(setitimer(ITIMER_REAL, &at, NULL));
}

static void expect_idle_until_signal(struct vcpu *vcpu)
{
	uint64_t cpu, wall;

	alarm_in(300);
	cpu = thread_ns();
	wall = wall_ns();
	/* The kernel's own work for the thread may end RUN earlier: see run_once(). */
	do
		CHECK_ERRNO(run_once(vcpu), EINTR);
	while (wall_ns() - wall < 250 * 1000000ull && tap_good());
	expect_idle(wall_ns() - wall, thread_ns() - cpu, 250 * 1000000ull);
}

GUEST(halts_for_good, 64, "cli\n 1: hlt\n jmp 1b");

static void a_signal_ends_the_wait(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_halts_for_good, 0);

	expect_idle_until_signal(vcpu);
	/* And again: it is still halted. */
	expect_idle_until_signal(vcpu);
	CHECK_NUM(get_stats(vcpu).count[12], 1);
}

static void waiting_to_be_started_costs_nothing(void)
{
	struct vm *vm = new_irq_vm();

	expect_idle_until_signal(new_vcpu(vm, 1));
}

/* What the host does to the guest's memory meanwhile can wait, too. */
static void a_changed_slot_does_not_end_the_sleep(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_halts_for_good, 0);

	alarm_in(20);
	CHECK_ERRNO(run_once(vcpu), EINTR);
	REQUIRE_NUM(get_stats(vcpu).count[12], 1);
	MUST(set_slot(vcpu->vm, 0, 0, 0, NULL, 0));
	MUST(set_slot(vcpu->vm, 0, 0, vcpu->vm->bytes, vcpu->vm->mem, 0));
	expect_idle_until_signal(vcpu);
}

/* ---- what ends the wait ------------------------------------------------------------------- */

GUEST(waits_for_lines, 64, ENABLE_APIC REDIRECT(9, 0x49) WAIT_FOR_EVENTS);

static void lines_and_messages_wake(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_waits_for_lines, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	struct runner runner = {};

	REQUIRE(run_to_stop(vcpu));
	log->wanted = 40;
	start_runner(&runner, vcpu, -1);
	/* Each finds it halted, or nearly so. */
	for (unsigned int i = 1; i <= 40 && tap_good(); i++) {
		if (i & 1) {
			set_line(vcpu->vm, 9, 1);
			set_line(vcpu->vm, 9, 0);
		} else {
			send_vector(vcpu->vm, 0, 0x50);
		}
		WAIT_UNTIL(log->nr == i);
		if (i % 8 == 0)
			nap_ms(3);
	}
	join_runner(&runner);
	CHECK_NUM(log->count[0x49], 20);
	CHECK_NUM(log->count[0x50], 20);
}

/* With interrupts off only an NMI wakes. */
GUEST(halts_deaf, 64, ENABLE_APIC "cli\n hlt\n" STOP);

static void only_an_nmi_wakes_a_deaf_guest(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_halts_deaf, 0);
	struct runner runner = {};

	start_runner(&runner, vcpu, -1);
	nap_ms(20);
	send_vector(vcpu->vm, 0, 0x40);
	nap_ms(20);
	CHECK(!runner.done);
	MUST(try_msi(vcpu->vm, 0xfee00000, 0x400));
	join_runner(&runner);
	CHECK_NUM(vcpu->run->exit, VTR_EXIT_IO);
	CHECK_NUM(log_of(vcpu)->nr, 1);
	CHECK_NUM(log_of(vcpu)->count[2], 1);
}

/* Reading a file of debugfs asks the vCPU's thread, which sleeps in its HLT. */
static void a_halted_guest_can_be_looked_at(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_halts_for_good, 0);
	struct runner runner = {};
	char path[80], text[256] = "";
	FILE *file;

	start_runner(&runner, vcpu, -1);
	nap_ms(20);
	snprintf(path, sizeof(path), "/sys/kernel/debug/vitrine/vm%u/vcpu0/entry-check",
		 get_info(vcpu->vm).id);
	file = fopen(path, "r");
	REQUIRE(file);
	REQUIRE(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	CHECK_MSG(strstr(text, "outcome: "), "the file says: %s", text);
	CHECK(!runner.done);
	stop_runner(&runner);
}

GUEST(goes_nowhere, 64, "mov $0x3fe00000, %eax\n jmp *%rax");

static void the_end_of_the_vm_ends_the_wait(void)
{
	struct vm *vm = new_irq_vm();
	struct vcpu *halted = new_irq_vcpu(vm, 1, &guest_halts_for_good, 0);
	struct vcpu *vcpu = new_irq_vcpu(vm, 0, &guest_goes_nowhere, 0);
	struct runner runner = {};

	start_runner(&runner, halted, -1);
	nap_ms(20);
	CHECK(!runner.done);
	REQUIRE(run_to(vcpu, VTR_EXIT_STOPPED));
	join_runner(&runner);
	CHECK_NUM(runner.error, 0);
	CHECK_NUM(halted->run->exit, VTR_EXIT_STOPPED);
}

/* ---- a pause --------------------------------------------------------------------------- */

static int hold(struct vcpu *vcpu, uint32_t flags, struct vtr_hold_timers *args)
{
	*args = (struct vtr_hold_timers) { .size = sizeof(*args), .flags = flags };
	return ioctl(vcpu->vm->fd, VTR_VM_HOLD_TIMERS, args);
}

/* No time for the guest, though @ms for the rest of the world. */
static void pause_for(struct vcpu *vcpu, unsigned int ms)
{
	struct vtr_hold_timers args;
	struct vtr_tsc tsc;

	MUST(hold(vcpu, VTR_TIMERS_HELD, &args));
	nap_ms(ms);
	MUST(hold(vcpu, 0, &args));
	CHECK(args.ns >= ms * 1000000ull);
	CHECK_MSG(args.tsc / tsc_khz(vcpu) >= ms - 1, "%llu ticks", (unsigned long long)args.tsc);
	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	tsc.offset -= args.tsc;
	MUST(put_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc)));
}

GUEST(ticks_and_pauses, 64, ENABLE_APIC COUNT_BY_1 WRITE(0x320, 0x20041)
      WRITE(0x380, 20000) "movl $2, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_pause_owes_no_ticks(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_ticks_and_pauses, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t period = ticks_of_us(vcpu, 20000);

	REQUIRE(run_to_stop(vcpu));
	pause_for(vcpu, 400);
	REQUIRE(run_for_events(vcpu, 4));
	/* 20 ticks would have come meanwhile: none of them does, and none is early. */
	CHECK_MSG(log->tsc[2] - log->tsc[1] < (3 + tap_patience()) * period,
		  "the guest has seen %llu periods of the pause",
		  (unsigned long long)((log->tsc[2] - log->tsc[1]) / period));
	CHECK_MSG(log->tsc[5] - log->tsc[2] > 2 * period, "4 ticks within %llu",
		  (unsigned long long)(log->tsc[5] - log->tsc[2]));
}

GUEST(deadline_and_pause, 64, ENABLE_APIC WRITE(0x320, 0x40042)
      "mov $0x6e0, %ecx\n rdtsc\n shl $32, %rdx\n or %rdx, %rax\n add " OUT_AT(1) ", %rax\n"
      "mov %rax, " OUT_AT(0) "\n mov %rax, %rdx\n shr $32, %rdx\n wrmsr\n"
      STOP "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_deadline_waits_for_the_end_of_a_pause(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_deadline_and_pause, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	struct vtr_hold_timers args;
	uint64_t far = ticks_of_us(vcpu, 100000);

	log->out[1] = far;
	REQUIRE(run_to_stop(vcpu));
	pause_for(vcpu, 300);
	CHECK_NUM(log->nr, 0);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x42], 1);
	CHECK_MSG(log->tsc[0] >= log->out[0], "%llu ticks early",
		  (unsigned long long)(log->out[0] - log->tsc[0]));
	CHECK_ERRNO(hold(vcpu, 0, &args), EALREADY);
	CHECK_ERRNO(hold(vcpu, 2, &args), EINVAL);
	MUST(hold(vcpu, VTR_TIMERS_HELD, &args));
	CHECK_ERRNO(hold(vcpu, VTR_TIMERS_HELD, &args), EALREADY);
	args.flags = 0;
	args.ns = 1;
	CHECK_ERRNO(ioctl(vcpu->vm->fd, VTR_VM_HOLD_TIMERS, &args), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->vm->fd, VTR_VM_HOLD_TIMERS, NULL), EFAULT);
	MUST(hold(vcpu, 0, &args));
}

static const struct tap_case cases[] = {
	CASE(one_shot_comes_once),
	CASE(periodic_ticks_all_come),
	CASE(ticks_wait_until_they_are_taken),
	CASE(deadlines_are_kept),
	CASE_TIME(a_deadline_in_a_thousand_years, 20),
	CASE_TIME(a_deadline_moves_with_the_counter, 20),
	CASE(a_masked_timer_says_nothing),
	CASE(the_divider_is_kept),
	CASE(the_8254_ticks_through_the_8259),
	CASE(the_8254_ticks_through_the_io_apic),
	CASE(a_tick_that_is_forgotten_stops_nothing),
	CASE(ticks_at_a_masked_line_are_lost),
	CASE(a_masked_line_may_be_opened_late),
	CASE(channel_2_measures_time),
	CASE(a_guest_that_waits_for_its_timer_costs_nothing),
	CASE(a_signal_ends_the_wait),
	CASE(waiting_to_be_started_costs_nothing),
	CASE(a_changed_slot_does_not_end_the_sleep),
	CASE(lines_and_messages_wake),
	CASE(only_an_nmi_wakes_a_deaf_guest),
	CASE(a_halted_guest_can_be_looked_at),
	CASE(the_end_of_the_vm_ends_the_wait),
	CASE(a_pause_owes_no_ticks),
	CASE(a_deadline_waits_for_the_end_of_a_pause),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
