// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions on memory-mapped devices, and strings at ports.
 *
 * Small guests show one thing each.  Whether every form of every instruction is
 * carried out as a processor does it is mmio_twin_test.c's subject.
 */
#include <errno.h>
#include <string.h>

#include "vm.h"

#define DEVICE	0x30000000ull
#define ROM	0x400000ull

/* ---- one access ---------------------------------------------------------------- */

GUEST(writes_device, 64, "movl $0x12345678, 0x30000010\n hlt");
GUEST(reads_device, 64, "mov $-1, %rax\n mov 0x30000020, %eax\n hlt");

static bool expect_access(struct vcpu *vcpu, uint64_t gpa, unsigned int bytes, bool write)
{
	struct vtr_run *run = vcpu->run;

	return run_to(vcpu, VTR_EXIT_MMIO) && CHECK_NUM(run->mmio.gpa, gpa) &
	       CHECK_NUM(run->mmio.bytes, bytes) & CHECK_NUM(run->mmio.is_write, write);
}

static void a_write_goes_up_with_its_data(void)
{
	struct vcpu *vcpu = start_guest(&guest_writes_device, 64, 0);

	REQUIRE(expect_access(vcpu, DEVICE + 0x10, 4, true));
	CHECK_NUM(vcpu->run->mmio.data, 0x12345678);
	CHECK_NUM(vcpu->run->rip, CODE_AT);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(vcpu->run->rip, CODE_AT + (guest_writes_device.end - guest_writes_device.start));
}

static void a_read_takes_the_answer(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_device, 64, 0);

	REQUIRE(expect_access(vcpu, DEVICE + 0x20, 4, false));
	CHECK_NUM(gpr(vcpu, VTR_RAX), ~0ull);
	vcpu->run->mmio.data = 0x1122334455667788;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x55667788);
}

static const struct tap_case cases[] = {
	CASE(a_write_goes_up_with_its_data),
	CASE(a_read_takes_the_answer),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
