// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are instructions read and computed right?  KUnit suite "decode".
 *
 * One case for each thing that is special; that every form agrees with a
 * library, and every result with a processor, is the subject of tests/decode
 * and of tests/ioctl/mmio_twin_test.c.
 */
#include <kunit/test.h>
#include <asm/processor-flags.h>

#include "../decode.h"

#define DECODE(bits, insn, ...)							\
({										\
	static const u8 code_[] = { __VA_ARGS__ };				\
										\
	vtr_decode(code_, sizeof(code_), bits, insn);				\
})

#define EXPECT_FIELD(field, value) KUNIT_EXPECT_EQ(test, (u64)insn.field, (u64)(value))

static void a_mov_with_everything(struct kunit *test)
{
	struct vtr_insn insn;

	/* mov %r9w, %gs:-0x10(%r12, %r13, 4) */
	KUNIT_ASSERT_EQ(test, DECODE(64, &insn, 0x66, 0x65, 0x47, 0x89, 0x4c, 0xac, 0xf0), 0);
	EXPECT_FIELD(op, VTR_INSN_MOV);
	EXPECT_FIELD(bytes, 7);
	EXPECT_FIELD(mem_bytes, 2);
	EXPECT_FIELD(addr_bytes, 8);
	EXPECT_FIELD(reg, VTR_R9);
	EXPECT_FIELD(seg, VTR_GS);
	EXPECT_FIELD(base, VTR_R12);
	EXPECT_FIELD(index, VTR_R13);
	EXPECT_FIELD(scale, 4);
	EXPECT_FIELD(disp, -0x10);
	KUNIT_EXPECT_TRUE(test, vtr_insn_writes_mem(&insn));
	KUNIT_EXPECT_FALSE(test, vtr_insn_reads_mem(&insn));
}

static void one_byte_string_has_three_meanings(struct kunit *test)
{
	static const u8 code[] = { 0x8b, 0x05, 0x10, 0x20, 0x30, 0x40 };
	struct vtr_insn insn;

	KUNIT_ASSERT_EQ(test, vtr_decode(code, 6, 64, &insn), 0);
	EXPECT_FIELD(base, VTR_GPR_RIP);
	EXPECT_FIELD(disp, 0x40302010);
	KUNIT_ASSERT_EQ(test, vtr_decode(code, 6, 32, &insn), 0);
	EXPECT_FIELD(base, VTR_NO_GPR);
	/* mov (%di), %ax, and the rest is another instruction. */
	KUNIT_ASSERT_EQ(test, vtr_decode(code, 6, 16, &insn), 0);
	EXPECT_FIELD(bytes, 2);
	EXPECT_FIELD(base, VTR_RDI);
	EXPECT_FIELD(mem_bytes, 2);
}

static void rbp_means_the_stack_segment(struct kunit *test)
{
	struct vtr_insn insn;

	KUNIT_ASSERT_EQ(test, DECODE(16, &insn, 0x88, 0x02), 0);	/* (%bp, %si) */
	EXPECT_FIELD(seg, VTR_SS);
	KUNIT_ASSERT_EQ(test, DECODE(32, &insn, 0x88, 0x45, 0x00), 0);	/* 0(%ebp) */
	EXPECT_FIELD(seg, VTR_SS);
	KUNIT_ASSERT_EQ(test, DECODE(32, &insn, 0x3e, 0x88, 0x45, 0x00), 0);
	EXPECT_FIELD(seg, VTR_DS);
	/* In 64-bit code there is no such override. */
	KUNIT_ASSERT_EQ(test, DECODE(64, &insn, 0x3e, 0x88, 0x45, 0x00), 0);
	EXPECT_FIELD(seg, VTR_SS);
}

static void high_bytes_need_no_rex(struct kunit *test)
{
	struct vtr_insn insn;

	KUNIT_ASSERT_EQ(test, DECODE(64, &insn, 0x88, 0x20), 0);
	EXPECT_FIELD(reg_high, true);
	EXPECT_FIELD(reg, VTR_RAX);
	KUNIT_ASSERT_EQ(test, DECODE(64, &insn, 0x40, 0x88, 0x20), 0);
	EXPECT_FIELD(reg_high, false);
	EXPECT_FIELD(reg, VTR_RSP);
}

static void what_is_unknown_is_refused(struct kunit *test)
{
	struct vtr_insn insn;

	KUNIT_EXPECT_EQ(test, DECODE(64, &insn, 0x0f, 0xae, 0x07), -EINVAL);	/* FXSAVE */
	KUNIT_EXPECT_EQ(test, DECODE(64, &insn, 0x88, 0xc8), -EINVAL);	/* no memory */
	KUNIT_EXPECT_EQ(test, DECODE(64, &insn, 0xf0, 0x88, 0x00), -EINVAL);	/* LOCK MOV */
	KUNIT_EXPECT_EQ(test, DECODE(64, &insn, 0xf0, 0x03, 0x00), -EINVAL);
	KUNIT_EXPECT_EQ(test, DECODE(64, &insn, 0xf0, 0x01, 0x00), 0);
	EXPECT_FIELD(lock, true);
	KUNIT_EXPECT_EQ(test, DECODE(64, &insn, 0x82, 0x00, 0x01), -EINVAL);
	KUNIT_EXPECT_EQ(test, DECODE(32, &insn, 0x82, 0x00, 0x01), 0);
	KUNIT_EXPECT_EQ(test, DECODE(32, &insn, 0x63, 0x00), -EINVAL);	/* ARPL */
}

static void no_instruction_is_longer_than_15_bytes(struct kunit *test)
{
	u8 code[32];
	struct vtr_insn insn;

	memset(code, 0x66, sizeof(code));
	code[13] = 0x88;
	code[14] = 0x00;
	KUNIT_EXPECT_EQ(test, vtr_decode(code, 15, 32, &insn), 0);
	EXPECT_FIELD(bytes, 15);
	KUNIT_EXPECT_EQ(test, vtr_decode(code, 14, 32, &insn), -ENODATA);
	code[13] = 0x66;
	code[14] = 0x88;
	KUNIT_EXPECT_EQ(test, vtr_decode(code, 32, 32, &insn), -EINVAL);
}

/* ---- results ------------------------------------------------------------------------ */

static void results_and_flags(struct kunit *test)
{
	static const struct {
		u8 op;
		u64 mem, reg, carry, result, flags;
	} sums[] = {
		{ VTR_INSN_ADD, 0x7f, 0x01, 0, 0x80, X86_EFLAGS_OF | X86_EFLAGS_SF |
						     X86_EFLAGS_AF },
		{ VTR_INSN_ADD, 0xff, 0x01, 0, 0x00, X86_EFLAGS_CF | X86_EFLAGS_ZF | X86_EFLAGS_PF |
						     X86_EFLAGS_AF },
		{ VTR_INSN_ADC, 0xfe, 0x01, 1, 0x00, X86_EFLAGS_CF | X86_EFLAGS_ZF | X86_EFLAGS_PF |
						     X86_EFLAGS_AF },
		{ VTR_INSN_SUB, 0x00, 0x01, 0, 0xff, X86_EFLAGS_CF | X86_EFLAGS_SF | X86_EFLAGS_PF |
						     X86_EFLAGS_AF },
		{ VTR_INSN_SBB, 0x80, 0x00, 1, 0x7f, X86_EFLAGS_OF | X86_EFLAGS_AF },
		{ VTR_INSN_AND, 0xf0, 0x81, 1, 0x80, X86_EFLAGS_SF },
		{ VTR_INSN_XOR, 0x55, 0x55, 1, 0x00, X86_EFLAGS_ZF | X86_EFLAGS_PF },
	};
	struct vtr_insn insn = {
		.mem_bytes = 1, .reg_bytes = 1, .other = VTR_OTHER_REG, .reg = VTR_RCX,
		.to_mem = true,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(sums); i++) {
		struct vtr_regs regs = { .rflags = sums[i].carry | X86_EFLAGS_IF };

		insn.op = sums[i].op;
		regs.gpr[VTR_RCX] = sums[i].reg | 0xabcd00;
		KUNIT_EXPECT_EQ_MSG(test, vtr_insn_operate(&insn, sums[i].mem, 0, &regs) & 0xff,
				    sums[i].result, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, regs.rflags, sums[i].flags | X86_EFLAGS_IF, "row %u", i);
	}
}

static void cmp_subtracts_from_its_first_operand(struct kunit *test)
{
	struct vtr_regs regs = { .gpr = { [VTR_RAX] = 5 } };
	struct vtr_insn insn;

	KUNIT_ASSERT_EQ(test, DECODE(32, &insn, 0x39, 0x03), 0);	/* cmp %eax, (%ebx) */
	vtr_insn_operate(&insn, 3, 0, &regs);
	KUNIT_EXPECT_TRUE(test, regs.rflags & X86_EFLAGS_CF);
	KUNIT_ASSERT_EQ(test, DECODE(32, &insn, 0x3b, 0x03), 0);	/* cmp (%ebx), %eax */
	vtr_insn_operate(&insn, 3, 0, &regs);
	KUNIT_EXPECT_FALSE(test, regs.rflags & X86_EFLAGS_CF);
}

static void extensions_fill_the_register(struct kunit *test)
{
	struct vtr_regs regs = { .gpr = { [VTR_RAX] = ~0ULL } };
	struct vtr_insn insn;

	KUNIT_ASSERT_EQ(test, DECODE(64, &insn, 0x0f, 0xbe, 0x00), 0);	/* movsbl */
	vtr_insn_operate(&insn, 0x80, 0, &regs);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RAX], 0xffffff80ULL);
	KUNIT_ASSERT_EQ(test, DECODE(64, &insn, 0x48, 0x63, 0x00), 0);	/* movslq */
	vtr_insn_operate(&insn, 0x80000000, 0, &regs);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RAX], 0xffffffff80000000ULL);
	KUNIT_ASSERT_EQ(test, DECODE(64, &insn, 0x66, 0x0f, 0xb6, 0x00), 0);	/* movzbw */
	vtr_insn_operate(&insn, 0x11, 0, &regs);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RAX], 0xffffffff80000011ULL);
}

static void bit_numbers_reach_beyond_the_operand(struct kunit *test)
{
	struct vtr_regs regs = { .gpr = { [VTR_RBX] = 0x1000 } };
	struct vtr_insn insn;

	KUNIT_ASSERT_EQ(test, DECODE(32, &insn, 0x0f, 0xab, 0x03), 0);	/* bts %eax, (%ebx) */
	regs.gpr[VTR_RAX] = 65;
	KUNIT_EXPECT_EQ(test, vtr_insn_offset(&insn, &regs), 0x1008ULL);
	KUNIT_EXPECT_EQ(test, vtr_insn_operate(&insn, 0, 0, &regs), 2ULL);
	regs.gpr[VTR_RAX] = (u32)-1;
	KUNIT_EXPECT_EQ(test, vtr_insn_offset(&insn, &regs), 0xffcULL);
	KUNIT_EXPECT_EQ(test, vtr_insn_operate(&insn, 0, 0, &regs), 0x80000000ULL);
	/* bts $65, (%ebx) stays inside of it. */
	KUNIT_ASSERT_EQ(test, DECODE(32, &insn, 0x0f, 0xba, 0x2b, 65), 0);
	KUNIT_EXPECT_EQ(test, vtr_insn_offset(&insn, &regs), 0x1000ULL);
	KUNIT_EXPECT_EQ(test, vtr_insn_operate(&insn, 0, 0, &regs), 2ULL);
}

static void strings_move_in_their_address_size(struct kunit *test)
{
	struct vtr_regs regs = {
		.gpr = { [VTR_RSI] = 0x1fffe, [VTR_RDI] = 0x20004, [VTR_RCX] = 0x30003 },
	};
	struct vtr_insn insn;

	KUNIT_ASSERT_EQ(test, DECODE(16, &insn, 0xf3, 0x66, 0xa5), 0);	/* rep movsl */
	vtr_insn_advance(&insn, 2, &regs);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RSI], 0x10006ULL);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RDI], 0x2000cULL);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RCX], 0x30001ULL);
	regs.rflags = X86_EFLAGS_DF;
	vtr_insn_advance(&insn, 1, &regs);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RSI], 0x10002ULL);
	KUNIT_EXPECT_EQ(test, regs.gpr[VTR_RCX], 0x30000ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_mov_with_everything),
	KUNIT_CASE(one_byte_string_has_three_meanings),
	KUNIT_CASE(rbp_means_the_stack_segment),
	KUNIT_CASE(high_bytes_need_no_rex),
	KUNIT_CASE(what_is_unknown_is_refused),
	KUNIT_CASE(no_instruction_is_longer_than_15_bytes),
	KUNIT_CASE(results_and_flags),
	KUNIT_CASE(cmp_subtracts_from_its_first_operand),
	KUNIT_CASE(extensions_fill_the_register),
	KUNIT_CASE(bit_numbers_reach_beyond_the_operand),
	KUNIT_CASE(strings_move_in_their_address_size),
	{}
};

static struct kunit_suite suite = {
	.name = "decode",
	.test_cases = cases,
};

kunit_test_suite(suite);
