// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do INS and OUTS go up in batches, and stop where they have to?  KUnit suite
 * "string_io".
 *
 * Read mmio_kunit.c first: the mode, memory and device are the same.
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "access_machine.h"

#define PORT	0x1f0

static int run_string(struct machine *m, bool in, unsigned int bytes)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_IO, .insn_bytes = 2,
			    .io = { .port = PORT, .bytes = bytes, .in = in, .string = true } } },
	};

	return RUN(m, script);
}

static u8 *expect_batch(struct kunit *test, int ret, bool in, unsigned int bytes, u32 count)
{
	struct machine *m = test->priv;
	struct vtr_run *run = m->vcpu->base.run;

	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, run->exit, (u32)VTR_EXIT_IO);
	KUNIT_EXPECT_EQ(test, run->io.port, PORT);
	KUNIT_EXPECT_EQ(test, (bool)run->io.is_in, in);
	KUNIT_EXPECT_EQ(test, run->io.bytes, bytes);
	KUNIT_EXPECT_EQ(test, run->io.count, count);
	KUNIT_EXPECT_EQ(test, run->io.data_offset,
			count == 1 ? (u32)offsetof(struct vtr_run, io.data) : VTR_RUN_DATA_OFFSET);
	return (u8 *)run + run->io.data_offset;
}

/* RUN on until the guest halts, and start again at the same instruction. */
static void go_on(struct kunit *test)
{
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, machine_run(m, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.access.kind, VTR_ACCESS_NONE);
}

static void outs_is_over_when_the_program_sees_it(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;
	u8 *data;

	memcpy(m->memory + 0x100, "abcdefgh", 8);
	vcpu->gpr[VTR_RSI] = 0x100;
	vcpu->gpr[VTR_RCX] = 4;
	put_code(m, 0xf3, 0x66, 0x6f);			/* rep outsw */
	data = expect_batch(test, run_string(m, false, 2), false, 2, 4);
	KUNIT_EXPECT_EQ(test, memcmp(data, "abcdefgh", 8), 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RSI], 0x108ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 0ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 3ULL);
}

static void ins_waits_for_its_data(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RDI] = 0x100;
	vcpu->gpr[VTR_RCX] = 3;
	put_code(m, 0xf3, 0x6c);			/* rep insb */
	memcpy(expect_batch(test, run_string(m, true, 1), true, 1, 3), "xyz", 3);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 3ULL);
	KUNIT_EXPECT_EQ(test, vtr_access_check(&vcpu->access), 0);
	go_on(test);
	KUNIT_EXPECT_EQ(test, memcmp(m->memory + 0x100, "xyz", 4), 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RDI], 0x103ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 2 + 1ULL);
}

static void downwards_the_first_element_is_the_highest(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;
	u8 *data;

	m->vcpu->regs.rflags |= X86_EFLAGS_DF;
	memcpy(m->memory + 0x100, "aabbcc", 6);
	vcpu->gpr[VTR_RSI] = vcpu->gpr[VTR_RDI] = 0x104;
	vcpu->gpr[VTR_RCX] = 3;
	put_code(m, 0xf3, 0x66, 0x6f);
	data = expect_batch(test, run_string(m, false, 2), false, 2, 3);
	KUNIT_EXPECT_EQ(test, memcmp(data, "ccbbaa", 6), 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RSI], 0xfeULL);

	m->vcpu->regs.rip = CODE;
	vcpu->gpr[VTR_RCX] = 3;
	put_code(m, 0xf3, 0x66, 0x6d);			/* rep insw */
	memcpy(expect_batch(test, run_string(m, true, 2), true, 2, 3), "112233", 6);
	go_on(test);
	KUNIT_EXPECT_EQ(test, memcmp(m->memory + 0x100, "332211", 6), 0);
}

static void a_batch_ends_with_the_page_and_the_room(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RSI] = 0x2ffa;
	vcpu->gpr[VTR_RCX] = 5000;
	put_code(m, 0xf3, 0x6f);			/* rep outsl */
	expect_batch(test, run_string(m, false, 4), false, 4, 1);
	/* RIP stays; the next element lies on both pages. */
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, (u64)CODE);
	memcpy(m->memory + 0x2ffe, "1234", 4);
	KUNIT_EXPECT_EQ(test, memcmp(expect_batch(test, run_string(m, false, 4), false, 4, 1),
				     "1234", 4), 0);
	expect_batch(test, run_string(m, false, 4), false, 4, VTR_RUN_DATA_BYTES / 4);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 5000 - 2 - VTR_RUN_DATA_BYTES / 4ULL);
}

static void sixteen_bit_addresses_wrap(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RSI] = 0x1fffe;
	vcpu->gpr[VTR_RCX] = 0x10005;
	put_code(m, 0xf3, 0x67, 0x6e);			/* rep addr16 outsb */
	expect_batch(test, run_string(m, false, 1), false, 1, 2);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RSI], 0x10000ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 0x10003ULL);
	expect_batch(test, run_string(m, false, 1), false, 1, 3);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 3ULL);
}

static void a_limit_in_the_middle_faults_in_the_middle(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	m->vcpu->sregs.seg[VTR_FS].limit = 0x101;
	vcpu->gpr[VTR_RSI] = 0x100;
	vcpu->gpr[VTR_RCX] = 5;
	put_code(m, 0xf3, 0x64, 0x6e);			/* rep outsb %fs:(%esi), %dx */
	expect_batch(test, run_string(m, false, 1), false, 1, 1);
	expect_batch(test, run_string(m, false, 1), false, 1, 1);
	KUNIT_EXPECT_EQ(test, run_string(m, false, 1), 0);
	expect_delivered(test, X86_TRAP_GP, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 3ULL);
}

static void nothing_is_read_from_the_port_before_a_fault(struct kunit *test)
{
	struct machine *m = test->priv;

	long_mode(m);
	put_pte(m, 5, 0);
	m->vcpu->base.gpr[VTR_RDI] = 0x5000;
	m->vcpu->base.gpr[VTR_RCX] = 1;
	put_code(m, 0xf3, 0x6c);
	KUNIT_EXPECT_EQ(test, run_string(m, true, 1), 0);
	expect_delivered(test, X86_TRAP_PF, 2);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.cr2, 0x5000ULL);
}

static void a_trap_flag_makes_single_elements(struct kunit *test)
{
	struct machine *m = test->priv;

	m->vcpu->regs.rflags |= X86_EFLAGS_TF;
	m->vcpu->base.gpr[VTR_RSI] = 0x100;
	m->vcpu->base.gpr[VTR_RCX] = 5;
	put_code(m, 0xf3, 0x6e);
	expect_batch(test, run_string(m, false, 1), false, 1, 1);
}

static void nothing_left_is_the_end(struct kunit *test)
{
	struct machine *m = test->priv;

	m->vcpu->base.gpr[VTR_RCX] = 0;
	put_code(m, 0xf3, 0x6e);
	KUNIT_EXPECT_EQ(test, run_string(m, false, 1), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 2 + 1ULL);
}

static void code_that_has_changed_is_executed_again(struct kunit *test)
{
	struct machine *m = test->priv;

	put_code(m, 0x90, 0x90);
	KUNIT_EXPECT_EQ(test, run_string(m, false, 1), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 1ULL);
}

static void from_port_to_device_and_back(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;
	u8 *data;

	vcpu->gpr[VTR_RDI] = vcpu->gpr[VTR_RSI] = DEVICE;
	vcpu->gpr[VTR_RCX] = 2;
	put_code(m, 0xf3, 0x66, 0x6d);
	data = expect_batch(test, run_string(m, true, 2), true, 2, 1);
	memcpy(data, "\x22\x11", 2);
	expect_piece(test, machine_run(m, NULL, 0), DEVICE, 2, true);
	KUNIT_EXPECT_EQ(test, vcpu->run->mmio.data, 0x1122ULL);
	KUNIT_EXPECT_EQ(test, vtr_access_check(&vcpu->access), 0);
	go_on(test);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 1ULL);

	m->vcpu->regs.rip = CODE;
	put_code(m, 0x66, 0x6f);
	expect_piece(test, run_string(m, false, 2), DEVICE, 2, false);
	KUNIT_EXPECT_EQ(test, vtr_access_check(&vcpu->access), 0);
	vcpu->run->mmio.data = 0x3344;
	data = expect_batch(test, machine_run(m, NULL, 0), false, 2, 1);
	KUNIT_EXPECT_EQ(test, memcmp(data, "\x44\x33", 2), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 2ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(outs_is_over_when_the_program_sees_it),
	KUNIT_CASE(ins_waits_for_its_data),
	KUNIT_CASE(downwards_the_first_element_is_the_highest),
	KUNIT_CASE(a_batch_ends_with_the_page_and_the_room),
	KUNIT_CASE(sixteen_bit_addresses_wrap),
	KUNIT_CASE(a_limit_in_the_middle_faults_in_the_middle),
	KUNIT_CASE(nothing_is_read_from_the_port_before_a_fault),
	KUNIT_CASE(a_trap_flag_makes_single_elements),
	KUNIT_CASE(nothing_left_is_the_end),
	KUNIT_CASE(code_that_has_changed_is_executed_again),
	KUNIT_CASE(from_port_to_device_and_back),
	{}
};

static struct kunit_suite suite = {
	.name = "string_io",
	.init = access_machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
