/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of the unit tests, made ready for one instruction on a device.
 *
 * Included by mmio_kunit.c and string_io_kunit.c: modes, page tables, and the
 * steps "run until the program is asked" and "answer".
 */
#ifndef VTR_TESTS_ACCESS_MACHINE_H
#define VTR_TESTS_ACCESS_MACHINE_H

#include <linux/sizes.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "machine.h"

#define CODE		0x8000		/* the instruction under test */
#define DEVICE		0x20000000	/* no memory */
#define PML4		0x1000
#define PDPT		0x2000
#define PD		0x3000
#define PT		0x4000		/* linear addresses up to 2 MiB */

/* Flat 32-bit code in ring 0, the instruction at CODE. */
static inline int access_machine_start(struct kunit *test)
{
	int err = machine_start(test);
	struct machine *m = test->priv;

	if (err)
		return err;
	for (unsigned int i = 0; i < VTR_NR_SEGS; i++)
		m->vcpu->sregs.seg[i] = (struct vtr_segment) {
			.limit = ~0u, .attributes = i == VTR_CS ? 0xc9b : 0xc93,
		};
	m->vcpu->sregs.cr0 = X86_CR0_PE | X86_CR0_ET;
	m->vcpu->regs.rip = CODE;
	return 0;
}

static inline void put_memory(struct machine *m, u64 gpa, u64 value)
{
	memcpy(m->memory + gpa, &value, 8);
}

static inline void put_pte(struct machine *m, unsigned int page, u64 pte)
{
	put_memory(m, PT + 8 * page, pte);
}

static inline u64 get_pte(struct machine *m, unsigned int page)
{
	u64 pte;

	memcpy(&pte, m->memory + PT + 8 * page, 8);
	return pte;
}

/* 64-bit code in ring 0; all memory mapped where it is, for everybody. */
static inline void long_mode(struct machine *m)
{
	m->vcpu->sregs.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_PG;
	m->vcpu->sregs.cr3 = PML4;
	m->vcpu->sregs.cr4 = X86_CR4_PAE;
	m->vcpu->sregs.efer = EFER_LME | EFER_LMA;
	m->vcpu->sregs.seg[VTR_CS].attributes = 0xa9b;
	put_memory(m, PML4, PDPT | 7);
	put_memory(m, PDPT, PD | 7);
	put_memory(m, PD, PT | 7);
	for (unsigned int page = 0; page < MACHINE_MEMORY / PAGE_SIZE; page++)
		put_pte(m, page, page * PAGE_SIZE | 7);
}

static inline void set_ring(struct machine *m, unsigned int ring)
{
	for (unsigned int i = VTR_ES; i <= VTR_GS; i++) {
		m->vcpu->sregs.seg[i].attributes &= ~0x60;
		m->vcpu->sregs.seg[i].attributes |= ring << 5;
	}
}

#define put_code(m, ...)							\
	do {									\
		const u8 code_[] = { __VA_ARGS__ };				\
										\
		memcpy((m)->memory + CODE, code_, sizeof(code_));		\
	} while (0)

/* RUN with the exit of an access that no slot serves.  Return: of RUN. */
static inline int run_mmio(struct machine *m)
{
	static const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_SLAT, .slat = { .gpa = DEVICE, .gva_valid = true,
							  .access = VTR_SLAT_READ } } },
	};

	m->fault_result = -ENOENT;
	return RUN(m, script);
}

/* RUN with the answer to a read, or just on. */
static inline int answer(struct machine *m, u64 data)
{
	m->vcpu->base.run->mmio.data = data;
	return machine_run(m, NULL, 0);
}

static inline void expect_piece(struct kunit *test, int ret, u64 gpa, unsigned int bytes,
				bool write)
{
	struct machine *m = test->priv;
	struct vtr_run *run = m->vcpu->base.run;

	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ(test, run->exit, (u32)VTR_EXIT_MMIO);
	KUNIT_EXPECT_EQ(test, run->mmio.gpa, gpa);
	KUNIT_EXPECT_EQ(test, run->mmio.bytes, bytes);
	KUNIT_EXPECT_EQ(test, (bool)run->mmio.is_write, write);
}

/* Answer; the instruction is over, and the fake guest halts. */
static inline void answer_and_halt(struct kunit *test, u64 data)
{
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, answer(m, data), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.access.kind, VTR_ACCESS_NONE);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 0u);
	m->vcpu->base.activity = VTR_ACTIVE;
}

/* The exception that RUN has just delivered. */
static inline void expect_delivered(struct kunit *test, u8 vector, u32 error)
{
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_ASSERT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].kind, VTR_EVENT_EXCEPTION);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, vector);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].error, error);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.access.kind, VTR_ACCESS_NONE);
	m->vcpu->nr_delivered = 0;
	m->vcpu->base.activity = VTR_ACTIVE;
}

static inline void expect_fault_here(struct kunit *test, u8 vector, u32 error)
{
	KUNIT_EXPECT_EQ(test, run_mmio(test->priv), 0);
	expect_delivered(test, vector, error);
}

static inline void expect_fault(struct kunit *test, u8 vector, u32 error)
{
	struct machine *m = test->priv;

	m->vcpu->regs.rip = CODE;
	expect_fault_here(test, vector, error);
	/* The guest halts in its handler: one byte behind the instruction here. */
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, CODE + 1ULL);
	m->vcpu->regs.rip = CODE;
}

#endif /* VTR_TESTS_ACCESS_MACHINE_H */
