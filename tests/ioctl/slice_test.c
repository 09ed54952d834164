// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stay in the guest ends after the time in the module's parameter "slice_us", whatever
 * the guest does.
 *
 * On a processor the host's interrupts end it, too.  The emulated one lets none through
 * while the guest has interrupts off (docs/interrupts.md), so a guest that spins like that
 * would keep its host CPU for ever.  The guests here do; without the slice the machine hangs.
 */
#include "irq_guest.h"

#define R_SLICE		52	/* VMX-preemption timer expired */
#define COUNTER		0x200000
#define SLICE_US	2000

GUEST(spins, 64, "cli\n 1: incl 0x200000\n jmp 1b");
GUEST(spins_open, 64, "sti\n 1: incl 0x200000\n jmp 1b");

static volatile uint32_t *counter(struct vcpu *vcpu)
{
	return (void *)(vcpu->vm->mem + COUNTER);
}

static struct vcpu *start_with_slice(const struct guest_code *code, unsigned int us)
{
	struct vcpu *vcpu;

	write_parameter("slice_us", us);
	vcpu = start_guest(code, 64, 0);
	write_parameter("slice_us", 0);
	return vcpu;
}

/* The test's thread and the guest's share a host CPU. */
static void a_guest_that_takes_no_interrupt_can_be_stopped(void)
{
	struct vcpu *vcpu = start_with_slice(&guest_spins, SLICE_US);
	struct runner runner = {};
	uint64_t slices;

	pin_to_cpu(0);
	start_runner(&runner, vcpu, 0);
	WAIT_UNTIL(*counter(vcpu) > 100000);
	stop_runner(&runner);
	CHECK(runner.done);
	slices = get_stats(vcpu).count[R_SLICE];
	tap_note("%llu slices, %u rounds of the guest", (unsigned long long)slices,
		 *counter(vcpu));
	CHECK(slices >= 1);
}

static void two_of_them_share_a_cpu(void)
{
	struct vcpu *vcpu[2];
	struct runner runner[2] = {};

	pin_to_cpu(0);
	for (unsigned int i = 0; i < 2; i++) {
		vcpu[i] = start_with_slice(&guest_spins, SLICE_US);
		start_runner(&runner[i], vcpu[i], 0);
	}
	WAIT_UNTIL(*counter(vcpu[0]) > 100000 && *counter(vcpu[1]) > 100000);
	for (unsigned int i = 0; i < 2; i++) {
		stop_runner(&runner[i]);
		CHECK(get_stats(vcpu[i]).count[R_SLICE] >= 1);
	}
}

/* Each entry begins with a whole slice, so exits of another kind come in between. */
static void a_slice_has_the_length_that_is_told(void)
{
	struct vcpu *vcpu = start_with_slice(&guest_spins, SLICE_US);
	struct runner runner = {};
	struct vtr_vcpu_stats stats;
	uint64_t ticks;

	pin_to_cpu(0);
	start_runner(&runner, vcpu, 0);
	/* Long enough for many slices, so that a wrong length shows. */
	WAIT_UNTIL(*counter(vcpu) > 1500000);
	stop_runner(&runner);
	stats = get_stats(vcpu);
	ticks = (uint64_t)tsc_khz(vcpu) * SLICE_US / 1000;
	/* Few other exits: the guest touches three pages. */
	tap_note("%llu ticks in %llu slices of %llu", (unsigned long long)stats.guest_ticks,
		 (unsigned long long)stats.count[R_SLICE], (unsigned long long)ticks);
	CHECK(stats.guest_ticks / ticks <= stats.count[R_SLICE] + 20);
	CHECK(stats.guest_ticks / ticks + 2 >= stats.count[R_SLICE] * 9 / 10);
}

static void without_a_slice_there_is_no_such_exit(void)
{
	struct vcpu *vcpu = start_with_slice(&guest_spins_open, 0);
	struct runner runner = {};

	start_runner(&runner, vcpu, -1);
	WAIT_UNTIL(*counter(vcpu) > 100000);
	stop_runner(&runner);
	CHECK_NUM(get_stats(vcpu).count[R_SLICE], 0);
}

static const struct tap_case cases[] = {
	CASE(a_guest_that_takes_no_interrupt_can_be_stopped),
	CASE(two_of_them_share_a_cpu),
	CASE(a_slice_has_the_length_that_is_told),
	CASE(without_a_slice_there_is_no_such_exit),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
