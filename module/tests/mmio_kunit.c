// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are instructions on devices done piece by piece, with the processor's faults?
 * KUnit suite "mmio".
 *
 * The vCPU is in flat 32-bit protected mode without paging unless a case says
 * something else; memory is the machine's 64 KiB, a device everything above.
 * The instruction lies at CODE, and the script makes the exit that a processor
 * would make for it.  Read next: string_io_kunit.c.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "access_machine.h"

/* ---- pieces ---------------------------------------------------------------------- */

static void a_read_waits_for_its_answer(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RAX] = 0x1111;
	vcpu->gpr[VTR_RBX] = DEVICE + 4;
	put_code(m, 0x8b, 0x03);			/* mov (%ebx), %eax */
	expect_piece(test, run_mmio(m), DEVICE + 4, 4, false);
	/* The page can be overwritten: what is unfinished is not remembered there. */
	vcpu->run->mmio.gpa = 0;
	vcpu->run->mmio.bytes = 1;
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RAX], 0x1111ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, (u64)CODE);
	answer_and_halt(test, 0xaabbccdd);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RAX], 0xaabbccddULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 2 + 1ULL);
}

static void a_changed_operand_is_read_and_written(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RBX] = DEVICE;
	m->vcpu->regs.rflags |= X86_EFLAGS_CF;
	put_code(m, 0xf0, 0x80, 0x0b, 0x80);		/* lock orb $0x80, (%ebx) */
	expect_piece(test, run_mmio(m), DEVICE, 1, false);
	expect_piece(test, answer(m, 0x01), DEVICE, 1, true);
	KUNIT_EXPECT_EQ(test, vcpu->run->mmio.data, 0x81ULL);
	/* Flags change with the end of the instruction. */
	KUNIT_EXPECT_TRUE(test, m->vcpu->regs.rflags & X86_EFLAGS_CF);
	answer_and_halt(test, 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rflags & (X86_EFLAGS_CF | X86_EFLAGS_SF),
			(u64)X86_EFLAGS_SF);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 4 + 1ULL);
}

static void an_operand_on_two_pages_is_two_accesses(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RBX] = DEVICE + PAGE_SIZE - 1;
	vcpu->gpr[VTR_RAX] = 0x44332211;
	put_code(m, 0x87, 0x03);			/* xchg %eax, (%ebx) */
	expect_piece(test, run_mmio(m), DEVICE + PAGE_SIZE - 1, 1, false);
	expect_piece(test, answer(m, 0xaa), DEVICE + PAGE_SIZE, 3, false);
	expect_piece(test, answer(m, 0xddccbb), DEVICE + PAGE_SIZE - 1, 1, true);
	KUNIT_EXPECT_EQ(test, vcpu->run->mmio.data, 0x11ULL);
	expect_piece(test, answer(m, 0), DEVICE + PAGE_SIZE, 3, true);
	KUNIT_EXPECT_EQ(test, vcpu->run->mmio.data, 0x443322ULL);
	answer_and_halt(test, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RAX], 0xddccbbaaULL);
}

static void the_part_in_memory_is_done_here(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RBX] = MACHINE_MEMORY - 2;
	vcpu->gpr[VTR_RAX] = 0x44332211;
	put_code(m, 0x89, 0x03);			/* mov %eax, (%ebx) */
	expect_piece(test, run_mmio(m), MACHINE_MEMORY, 2, true);
	KUNIT_EXPECT_EQ(test, vcpu->run->mmio.data, 0x4433ULL);
	KUNIT_EXPECT_EQ(test, m->memory[MACHINE_MEMORY - 2], 0x11);
	KUNIT_EXPECT_EQ(test, m->memory[MACHINE_MEMORY - 1], 0x22);
	answer_and_halt(test, 0);
}

static void rom_is_read_here_and_written_there(struct kunit *test)
{
	struct machine *m = test->priv;

	m->rom_from = 0xf000;
	m->memory[0xf010] = 0x0f;
	m->vcpu->base.gpr[VTR_RBX] = 0xf010;
	put_code(m, 0x80, 0x33, 0xff);			/* xorb $0xff, (%ebx) */
	expect_piece(test, run_mmio(m), 0xf010, 1, true);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->mmio.data, 0xf0ULL);
	answer_and_halt(test, 0);
	KUNIT_EXPECT_EQ(test, m->memory[0xf010], 0x0f);
}

static void lost_memory_fails_run_and_can_be_mended(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RSI] = DEVICE;
	vcpu->gpr[VTR_RDI] = 0x100;
	put_code(m, 0xa4);				/* movsb */
	expect_piece(test, run_mmio(m), DEVICE, 1, false);
	m->write_result = -EFAULT;
	vcpu->run->mmio.data = 0x77;
	KUNIT_EXPECT_EQ(test, machine_run(m, NULL, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 0u);
	/* The answer is not asked for a second time. */
	m->write_result = 0;
	vcpu->run->mmio.data = 0;
	KUNIT_EXPECT_EQ(test, machine_run(m, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, m->memory[0x100], 0x77);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RDI], 0x101ULL);
}

/* ---- strings ----------------------------------------------------------------------- */

static void the_guest_is_entered_between_elements(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;

	vcpu->gpr[VTR_RDI] = DEVICE;
	vcpu->gpr[VTR_RCX] = 2;
	vcpu->gpr[VTR_RAX] = 0x55;
	put_code(m, 0xf3, 0xaa);			/* rep stosb */
	expect_piece(test, run_mmio(m), DEVICE, 1, true);
	/* The script has one step: the fake guest halts after the first element. */
	answer_and_halt(test, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 1ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RDI], DEVICE + 1ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 1ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->skips, 2u);
	m->vcpu->regs.rip = CODE;
	expect_piece(test, run_mmio(m), DEVICE + 1, 1, true);
	answer_and_halt(test, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[VTR_RCX], 0ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 2 + 1ULL);
}

/* ---- faults ------------------------------------------------------------------------- */

static void a_limit_is_a_gp_or_an_ss(struct kunit *test)
{
	struct machine *m = test->priv;

	m->vcpu->sregs.seg[VTR_DS].limit = DEVICE + 6;
	m->vcpu->base.gpr[VTR_RBX] = DEVICE + 4;
	put_code(m, 0x8b, 0x03);
	expect_fault(test, X86_TRAP_GP, 0);
	m->vcpu->sregs.seg[VTR_SS].limit = DEVICE + 6;
	m->vcpu->base.gpr[VTR_RBP] = DEVICE + 4;
	put_code(m, 0x8b, 0x45, 0x00);
	expect_fault(test, X86_TRAP_SS, 0);
	/* One byte less, and it fits. */
	m->vcpu->base.gpr[VTR_RBP]--;
	expect_piece(test, run_mmio(m), DEVICE + 3, 4, false);
}

static void types_of_segments_count(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_segment *ds = &m->vcpu->sregs.seg[VTR_DS];

	m->vcpu->base.gpr[VTR_RBX] = DEVICE;
	put_code(m, 0x89, 0x03);
	ds->attributes &= ~2;				/* read-only */
	expect_fault(test, X86_TRAP_GP, 0);
	ds->attributes |= 0xa;				/* readable code */
	expect_fault(test, X86_TRAP_GP, 0);
	ds->attributes &= ~8;
	ds->attributes |= 4;				/* expands down: above the limit */
	ds->limit = DEVICE;
	expect_fault(test, X86_TRAP_GP, 0);
	ds->limit = DEVICE - 1;
	expect_piece(test, run_mmio(m), DEVICE, 4, true);
}

static void addresses_must_be_canonical(struct kunit *test)
{
	struct machine *m = test->priv;

	long_mode(m);
	m->vcpu->base.gpr[VTR_RBX] = 0x7ffffffffffdULL;
	put_code(m, 0x8b, 0x03);
	expect_fault(test, X86_TRAP_GP, 0);
	m->vcpu->base.gpr[VTR_RBP] = 0x8000000000000000ULL;
	put_code(m, 0x8b, 0x45, 0x00);
	expect_fault(test, X86_TRAP_SS, 0);
}

/* Page 5 of the linear addresses is the device, with the rights @bits. */
static void map_device(struct machine *m, u64 bits)
{
	put_pte(m, 5, DEVICE | bits);
}

static void page_faults_tell_why(struct kunit *test)
{
	static const struct {
		u64 pte;
		u8 ring;
		u8 opcode;		/* 8b: read, 89: write */
		u64 cr0, cr4, rflags;
		int error;		/* -1: none */
	} rows[] = {
		{ 0, 0, 0x8b, 0, 0, 0, 0 },
		{ 0, 3, 0x89, 0, 0, 0, 6 },
		{ 1 | 4, 3, 0x89, 0, 0, 0, 7 },		/* read-only */
		{ 1 | 4, 0, 0x89, X86_CR0_WP, 0, 0, 3 },
		{ 1 | 4, 0, 0x89, 0, 0, 0, -1 },
		{ 1 | 2, 3, 0x8b, 0, 0, 0, 5 },		/* supervisor */
		{ 1 | 2, 0, 0x8b, 0, 0, 0, -1 },
		{ 1 | 2 | 4, 0, 0x8b, 0, X86_CR4_SMAP, 0, 1 },
		{ 1 | 2 | 4, 0, 0x8b, 0, X86_CR4_SMAP, X86_EFLAGS_AC, -1 },
		{ 1 | 2 | BIT_ULL(51), 0, 0x8b, 0, 0, 0, 9 },
		{ 1 | 2 | BIT_ULL(63), 0, 0x8b, 0, 0, 0, 9 },	/* NX is off */
	};
	struct machine *m = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		long_mode(m);
		map_device(m, rows[i].pte);
		m->vcpu->sregs.cr0 |= rows[i].cr0;
		m->vcpu->sregs.cr4 |= rows[i].cr4;
		m->vcpu->regs.rflags = X86_EFLAGS_FIXED | rows[i].rflags;
		set_ring(m, rows[i].ring);
		m->vcpu->base.gpr[VTR_RBX] = 0x5010;
		put_code(m, rows[i].opcode, 0x03);
		if (rows[i].error < 0) {
			expect_piece(test, run_mmio(m), DEVICE + 0x10, 4, rows[i].opcode == 0x89);
			answer_and_halt(test, 0);
			m->vcpu->regs.rip = CODE;
			continue;
		}
		m->vcpu->base.cr2 = 0;
		expect_fault(test, X86_TRAP_PF, rows[i].error);
		KUNIT_EXPECT_EQ_MSG(test, m->vcpu->base.cr2, 0x5010ULL, "row %u", i);
	}
}

static void accessed_and_dirty_bits_are_set(struct kunit *test)
{
	struct machine *m = test->priv;

	long_mode(m);
	map_device(m, 3);
	m->vcpu->base.gpr[VTR_RBX] = 0x5010;
	put_code(m, 0x8b, 0x03);
	expect_piece(test, run_mmio(m), DEVICE + 0x10, 4, false);
	KUNIT_EXPECT_EQ(test, get_pte(m, 5), DEVICE | 0x23ULL);
	answer_and_halt(test, 0);
	m->vcpu->regs.rip = CODE;
	put_code(m, 0x89, 0x03);
	expect_piece(test, run_mmio(m), DEVICE + 0x10, 4, true);
	KUNIT_EXPECT_EQ(test, get_pte(m, 5), DEVICE | 0x63ULL);
}

static void misaligned_operands_in_ring_3(struct kunit *test)
{
	struct machine *m = test->priv;

	set_ring(m, 3);
	m->vcpu->sregs.cr0 |= X86_CR0_AM;
	m->vcpu->regs.rflags |= X86_EFLAGS_AC;
	m->vcpu->base.gpr[VTR_RBX] = DEVICE + 2;
	put_code(m, 0x8b, 0x03);
	expect_fault(test, X86_TRAP_AC, 0);
	m->vcpu->base.gpr[VTR_RBX] = DEVICE + 4;
	expect_piece(test, run_mmio(m), DEVICE + 4, 4, false);
}

static void code_may_end_with_its_segment_or_page(struct kunit *test)
{
	struct machine *m = test->priv;

	m->vcpu->base.gpr[VTR_RBX] = DEVICE;
	put_code(m, 0x81, 0x3b, 0x78, 0x56, 0x34, 0x12);	/* cmpl $0x12345678, (%ebx) */
	m->vcpu->sregs.seg[VTR_CS].limit = CODE + 4;
	expect_fault(test, X86_TRAP_GP, 0);
	m->vcpu->sregs.seg[VTR_CS].limit = CODE + 5;
	expect_piece(test, run_mmio(m), DEVICE, 4, false);
	answer_and_halt(test, 0);
	/* Half of it on a page that has gone since the processor fetched it. */
	long_mode(m);
	map_device(m, 3);
	m->vcpu->base.gpr[VTR_RBX] = 0x5000;
	put_pte(m, CODE / PAGE_SIZE + 1, 0);
	memcpy(m->memory + CODE + PAGE_SIZE - 2, "\x81\x3b\x78\x56", 4);
	m->vcpu->regs.rip = CODE + PAGE_SIZE - 2;
	m->vcpu->base.cr2 = 0;
	expect_fault_here(test, X86_TRAP_PF, 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.cr2, CODE + PAGE_SIZE + 0ULL);
}

static void an_unknown_instruction_is_shown(struct kunit *test)
{
	struct machine *m = test->priv;

	m->vcpu->base.gpr[VTR_RBX] = DEVICE;
	memset(m->memory + CODE, 0x90, 16);
	put_code(m, 0x0f, 0xae, 0x03);			/* fxsave (%ebx) */
	KUNIT_EXPECT_EQ(test, run_mmio(m), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_STOPPED);
	KUNIT_EXPECT_STREQ(test, m->vcpu->base.run->sentence,
			   "vCPU 0 at RIP 0x8000: read of guest physical address 0x20000000, where there is no memory, by an instruction that is not decoded: 0f ae 03 90 90 90 90 90 90 90 90 90 90 90 90");
}

/* ---- saved state ---------------------------------------------------------------------- */

static void unfinished_accesses_move_with_the_state(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *vcpu = &m->vcpu->base;
	struct vtr_access_state saved;

	vcpu->gpr[VTR_RBX] = DEVICE + PAGE_SIZE - 2;
	put_code(m, 0x01, 0x03);			/* add %eax, (%ebx) */
	vcpu->gpr[VTR_RAX] = 1;
	expect_piece(test, run_mmio(m), DEVICE + PAGE_SIZE - 2, 2, false);
	expect_piece(test, answer(m, 0xffff), DEVICE + PAGE_SIZE, 2, false);
	saved = vcpu->access;
	KUNIT_EXPECT_EQ(test, vtr_access_check(&saved), 0);
	/* The same code need not be there any more. */
	memset(m->memory + CODE, 0xf4, 16);
	vcpu->access = (struct vtr_access_state) {};
	vcpu->access = saved;
	expect_piece(test, answer(m, 0x0001), DEVICE + PAGE_SIZE - 2, 2, true);
	KUNIT_EXPECT_EQ(test, vcpu->run->mmio.data, 0ULL);
	expect_piece(test, answer(m, 0), DEVICE + PAGE_SIZE, 2, true);
	KUNIT_EXPECT_EQ(test, vcpu->run->mmio.data, 2ULL);
	answer_and_halt(test, 0);
}

static void states_that_no_vcpu_has_are_refused(struct kunit *test)
{
	const struct vtr_access_state good = {
		.kind = VTR_ACCESS_INSN, .waiting = 1, .insn_bytes = 2, .bits = 32,
		.nr_reads = 1, .nr_pieces = 2, .insn = { 0x01, 0x03 },
		.piece = { { DEVICE, 4 }, { DEVICE, 4 } },
	};
	struct vtr_access_state a;

	KUNIT_EXPECT_EQ(test, vtr_access_check(&good), 0);
#define REFUSED(change)								\
	do {									\
		a = good;							\
		change;								\
		KUNIT_EXPECT_EQ_MSG(test, vtr_access_check(&a), -EINVAL, #change); \
	} while (0)
	REFUSED(a.kind = VTR_ACCESS_NONE);
	REFUSED(a.kind = 3);
	REFUSED(a.kind = VTR_ACCESS_INS);
	REFUSED(a.waiting = 2);
	REFUSED(a.insn_bytes = 0);
	REFUSED(a.insn_bytes = 1);
	REFUSED(a.insn_bytes = 3);
	REFUSED(a.insn_bytes = 16);
	REFUSED(a.insn[5] = 1);
	REFUSED(a.insn[0] = 0x0f);
	REFUSED(a.insn[1] = 0xc3);
	REFUSED(a.bits = 8);
	REFUSED(a.nr_reads = 2);
	REFUSED(a.nr_reads = 0);
	REFUSED(a.nr_pieces = 0);
	REFUSED(a.nr_pieces = 1);
	REFUSED(a.nr_pieces = 3);
	REFUSED(a.nr_pieces = 5);
	REFUSED(a.nr_done = 2);
	REFUSED(a.count = 1);
	REFUSED(a.port = 1);
	REFUSED(a.pad0 = 1);
	REFUSED(a.pad1 = 1);
	REFUSED(a.piece[0].bytes = 3);
	REFUSED(a.piece[0].bytes = 0);
	REFUSED(a.piece[0].pad = 1);
	REFUSED(a.piece[0].gpa = DEVICE + PAGE_SIZE - 1);
	REFUSED(a.piece[2].gpa = 1);
	REFUSED(a.piece[3].bytes = 1);
#undef REFUSED
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_read_waits_for_its_answer),
	KUNIT_CASE(a_changed_operand_is_read_and_written),
	KUNIT_CASE(an_operand_on_two_pages_is_two_accesses),
	KUNIT_CASE(the_part_in_memory_is_done_here),
	KUNIT_CASE(rom_is_read_here_and_written_there),
	KUNIT_CASE(lost_memory_fails_run_and_can_be_mended),
	KUNIT_CASE(the_guest_is_entered_between_elements),
	KUNIT_CASE(a_limit_is_a_gp_or_an_ss),
	KUNIT_CASE(types_of_segments_count),
	KUNIT_CASE(addresses_must_be_canonical),
	KUNIT_CASE(page_faults_tell_why),
	KUNIT_CASE(accessed_and_dirty_bits_are_set),
	KUNIT_CASE(misaligned_operands_in_ring_3),
	KUNIT_CASE(code_may_end_with_its_segment_or_page),
	KUNIT_CASE(an_unknown_instruction_is_shown),
	KUNIT_CASE(unfinished_accesses_move_with_the_state),
	KUNIT_CASE(states_that_no_vcpu_has_are_refused),
	{}
};

static struct kunit_suite suite = {
	.name = "mmio",
	.init = access_machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
