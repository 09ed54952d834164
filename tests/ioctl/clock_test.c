// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do the guest's timers keep time?  No tick is lost, none is invented, nothing drifts.
 *
 * A guest counts the ticks of a timer for a while and halts in between.  At the end
 * there must have been exactly as many as fit into the time by the guest's time stamp
 * counter, and that time must be the host's, within 0.1 %.
 * The while is CLOCK_SECONDS (default: 2).  On a nested machine with one processor, whose
 * time jumps over what is idle, 60 of them cost some seconds of work: suite "clock".
 * Read lib/irq_guest.h first.
 */
#include <stdlib.h>

#include "irq_guest.h"

#define PERIOD_US	20000
#define PER_SECOND	(1000000 / PERIOD_US)
#define COUNTS_8254	23864		/* 5D38H: 20 ms of it, and 300 ns */
#define HZ_8254		1193182

static unsigned int seconds(void)
{
	const char *text = getenv("CLOCK_SECONDS");

	return text && atoi(text) > 0 ? atoi(text) : 2;
}

/* @ticks of the guest's counter against @ns of the host's clock. */
static void check_drift(struct vcpu *vcpu, uint64_t ticks, uint64_t ns)
{
	int64_t off = (int64_t)(ticks * 1000000 / tsc_khz(vcpu) - ns);
	/* What entering and leaving take does not grow with the time. */
	int64_t limit = ns / 1000 + 10000000ll * tap_patience();

	tap_note("%llu us of the host's clock, the guest's is off by %lld us",
		 (unsigned long long)ns / 1000, (long long)off / 1000);
	CHECK_MSG(off < limit && off > -limit, "off by %lld us", (long long)off / 1000);
}

static uint64_t last_tsc(struct vcpu *vcpu)
{
	volatile struct irq_log *log = log_of(vcpu);

	return log->tsc[(log->nr - 1) & 127];
}

/* Both at once: local APIC, periodic (41H), and channel 0 of the 8254 (62H). */
GUEST(counts_two, 64, ENABLE_APIC WRITE(0x3e0, 0xb) WRITE(0x320, 0x20041)
      WRITE(0x350, 0x10700) REDIRECT(2, 0x62) STOP
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, " OUT_AT(0) "\n"
      WRITE(0x380, 20000) OUT(0x43, 0x34) OUT(0x40, 0x38) OUT(0x40, 0x5d) WAIT_FOR_EVENTS);

static void periodic_ticks_are_all_there(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_counts_two, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t gone, wall, of_apic, of_8254;

	REQUIRE(run_to_stop(vcpu));
	log->wanted = 2 * PER_SECOND * seconds();
	wall = wall_ns();
	REQUIRE(run_to_stop(vcpu));
	wall = wall_ns() - wall;
	gone = last_tsc(vcpu) - log->out[0];
	of_apic = gone * 1000 / tsc_khz(vcpu) / PERIOD_US;
	of_8254 = gone * 1000 / tsc_khz(vcpu) * HZ_8254 / 1000000 / COUNTS_8254;
	tap_note("%u ticks of the local APIC, %u of the 8254", log->count[0x41], log->count[0x62]);
	/* At the very end the other one's tick may be due and not taken yet. */
	CHECK_MSG(log->count[0x41] == of_apic || log->count[0x41] + 1 == of_apic,
		  "local APIC: %u ticks in %llu periods", log->count[0x41],
		  (unsigned long long)of_apic);
	CHECK_MSG(log->count[0x62] == of_8254 || log->count[0x62] + 1 == of_8254,
		  "8254: %u ticks in %llu periods", log->count[0x62],
		  (unsigned long long)of_8254);
	check_drift(vcpu, gone, wall);
}

/* A deadline every 20 ms, each computed from the one before: arg[1] is the distance. */
GUEST(counts_deadlines, 64, ENABLE_APIC WRITE(0x320, 0x40042) STOP
      "mov 24(%r13), %r11d\n"
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %r12\n mov %rax, " OUT_AT(0) "\n"
      "1: add %r11, %r12\n mov %r12, %rax\n mov %r12, %rdx\n shr $32, %rdx\n"
      "mov $0x6e0, %ecx\n wrmsr\n mov (%r13), %ebx\n"
      "2: cli\n cmp %ebx, (%r13)\n jne 3f\n sti\n hlt\n jmp 2b\n"
      "3: mov (%r13), %eax\n cmp 16(%r13), %eax\n jb 1b\n" STOP);

static void deadlines_do_not_drift(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_counts_deadlines, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t step = (uint64_t)tsc_khz(vcpu) * PERIOD_US / 1000, gone, wall;
	uint32_t nr = PER_SECOND * seconds();

	REQUIRE(run_to_stop(vcpu));
	log->wanted = nr;
	log->arg[1] = step;
	wall = wall_ns();
	REQUIRE(run_to_stop(vcpu));
	wall = wall_ns() - wall;
	gone = last_tsc(vcpu) - log->out[0];
	CHECK_NUM(log->count[0x42], nr);
	CHECK_NUM(log->nr, nr);
	tap_note("the last one of %u is %llu ticks late", nr,
		 (unsigned long long)(gone - nr * step));
	CHECK_MSG(gone >= nr * step && gone < nr * step + step * tap_patience(),
		  "%u deadlines in %llu ticks", nr, (unsigned long long)gone);
	check_drift(vcpu, gone, wall);
}

static const struct tap_case cases[] = {
	CASE_TIME(periodic_ticks_are_all_there, 300),
	CASE_TIME(deadlines_do_not_drift, 300),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
