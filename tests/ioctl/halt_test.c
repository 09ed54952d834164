// SPDX-License-Identifier: GPL-2.0-only
/*
 * VTR_VM_TELL_HALT: RUN returns when nothing inside of the VM can wake any vCPU.
 *
 * Proves: it does for one vCPU and for two, also beside one that was never started; it
 * does not while an interrupt, another vCPU or a pin of the I/O APIC can, nor without
 * the flag; and a vCPU that was told about goes on after an NMI all the same.
 * Read tests/lib/irq_guest.h first.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "irq_guest.h"

GUEST(halts_deaf, 64, ENABLE_APIC "cli\n hlt\n" STOP);
GUEST(halts, 64, ENABLE_APIC "sti\n hlt\n" STOP);
GUEST(halts_with_nmi_pin, 64, ENABLE_APIC REDIRECT(9, 0x400) "cli\n hlt\n" STOP);

static void do_nothing(int nr)
{
	(void)nr;
}

/* It sleeps in RUN until a signal comes. */
static void expect_sleep(struct vcpu *vcpu)
{
	struct sigaction action = { .sa_handler = do_nothing };
	struct itimerval at = { .it_value.tv_usec = 50000 };

	MUST(sigaction(SIGALRM, &action, NULL));
	MUST(setitimer(ITIMER_REAL, &at, NULL));
	CHECK_ERRNO(run_once(vcpu), EINTR);
	CHECK_NUM(vcpu->run->exit, VTR_EXIT_NONE);
}

static struct vcpu *start_told(const struct guest_code *code)
{
	return new_irq_vcpu(new_irq_vm_with(VTR_VM_TELL_HALT), 0, code, 0);
}

static void expect_told(struct vcpu *vcpu)
{
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(vcpu->run->if_flag, 0);
}

static void a_vm_that_nothing_wakes_is_told(void)
{
	struct vcpu *vcpu = start_told(&guest_halts_deaf);

	expect_told(vcpu);
	/* Still so. */
	expect_told(vcpu);
	CHECK_NUM(get_stats(vcpu).count[12], 1);
	/* An interrupt changes nothing, an NMI does. */
	send_vector(vcpu->vm, 0, 0x40);
	expect_told(vcpu);
	MUST(try_msi(vcpu->vm, 0xfee00000, 0x400));
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[2], 1);
}

static void one_that_was_never_started_wakes_nobody(void)
{
	struct vcpu *vcpu = start_told(&guest_halts_deaf);

	new_vcpu(vcpu->vm, 1);
	expect_told(vcpu);
}

static void with_interrupts_on_it_sleeps(void)
{
	expect_sleep(start_told(&guest_halts));
}

static void without_the_flag_it_sleeps(void)
{
	expect_sleep(start_irq_guest(&guest_halts_deaf, 0));
}

static void a_pin_that_sends_nmis_can_wake(void)
{
	struct vcpu *vcpu = start_told(&guest_halts_with_nmi_pin);

	expect_sleep(vcpu);
	set_line(vcpu->vm, 9, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[2], 1);
}

/* One of two rests: only when the other one does, too, is it over. */
static void check_two(unsigned int first_to_rest)
{
	struct vm *vm = new_irq_vm_with(VTR_VM_TELL_HALT);
	struct vcpu *vcpu[2];
	struct runner runner = {};

	for (unsigned int i = 0; i < 2; i++)
		vcpu[i] = new_irq_vcpu(vm, i, &guest_halts_deaf, 0);
	start_runner(&runner, vcpu[first_to_rest], -1);
	nap_ms(50);
	CHECK(!runner.done);
	expect_told(vcpu[!first_to_rest]);
	stop_runner(&runner);
}

static void another_vcpu_can_wake(void)
{
	check_two(1);
	check_two(0);
}

static void calls_are_checked(void)
{
	struct vtr_create_vm args = { .size = sizeof(args), .flags = VTR_VM_TELL_HALT };
	int dev = open_device();

	CHECK_ERRNO(ioctl(dev, VTR_CREATE_VM, &args), EINVAL);
	args.irqchip = VTR_IRQCHIP_MODULE;
	args.flags = VTR_VM_TELL_HALT << 1;
	CHECK_ERRNO(ioctl(dev, VTR_CREATE_VM, &args), EINVAL);
}

static const struct tap_case cases[] = {
	CASE(a_vm_that_nothing_wakes_is_told),
	CASE(one_that_was_never_started_wakes_nobody),
	CASE(with_interrupts_on_it_sleeps),
	CASE(without_the_flag_it_sleeps),
	CASE(a_pin_that_sends_nmis_can_wake),
	CASE_TIME(another_vcpu_can_wake, 20),
	CASE(calls_are_checked),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
