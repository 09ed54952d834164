// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may a guest write to control registers and EFER?  KUnit suite "cr".
 *
 * Calls vtr_cr_write() and vtr_efer_write() (module/cr.c) on the fake back end
 * and looks at what reached it.  Sources: SDM 3A "Control Registers" (2.5),
 * "Paging-Mode Enabling" (4.1.2), "PDPTE Registers" (4.4.1).
 */
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "machine.h"

#define PROTECTED	(X86_CR0_PE | X86_CR0_ET | X86_CR0_NE)
#define PAGING		(PROTECTED | X86_CR0_PG)
#define CS_LONG		BIT(9)

static int write_cr_of(struct kunit *test, unsigned int nr, u64 value)
{
	struct machine *m = test->priv;
	int ret;

	machine_load(m);
	ret = vtr_cr_write(&m->vcpu->base, nr, value);
	machine_put(m);
	return ret;
}

static int write_efer_of(struct kunit *test, u64 value)
{
	struct machine *m = test->priv;
	int ret;

	machine_load(m);
	preempt_disable();
	ret = vtr_efer_write(&m->vcpu->base, value);
	preempt_enable();
	machine_put(m);
	return ret;
}

/* Expect that writing @value to CR@nr is refused and changes nothing. */
static void refused(struct kunit *test, unsigned int nr, u64 value)
{
	struct machine *m = test->priv;
	const struct vtr_sregs before = m->vcpu->sregs;

	KUNIT_EXPECT_EQ_MSG(test, write_cr_of(test, nr, value), -EINVAL, "CR%u := %#llx",
			    nr, value);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(&before, &m->vcpu->sregs, sizeof(before)), 0,
			    "CR%u := %#llx", nr, value);
}

static void taken(struct kunit *test, unsigned int nr, u64 value)
{
	KUNIT_EXPECT_EQ_MSG(test, write_cr_of(test, nr, value), 0, "CR%u := %#llx", nr, value);
}

static struct vtr_sregs *sregs(struct kunit *test)
{
	return &((struct machine *)test->priv)->vcpu->sregs;
}

static void enter_long_mode(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	s->cr0 = PAGING;
	s->cr3 = 0x1000;
	s->cr4 = X86_CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	s->seg[VTR_CS].attributes = CS_LONG;
}

/* ---- CR0 ----------------------------------------------------------------------------- */

static void cr0_combinations(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	taken(test, 0, PROTECTED);
	KUNIT_EXPECT_EQ(test, s->cr0, (u64)PROTECTED);
	refused(test, 0, X86_CR0_PG | X86_CR0_ET);		/* paging needs protection */
	refused(test, 0, PROTECTED | X86_CR0_NW);		/* NW needs CD */
	refused(test, 0, PROTECTED | BIT_ULL(32));
	taken(test, 0, PROTECTED | X86_CR0_NW | X86_CR0_CD);
	taken(test, 0, PAGING | X86_CR0_WP | X86_CR0_AM);
}

static void cr0_reserved_bits_are_ignored(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	/* Only the upper half faults; ET is always 1. */
	taken(test, 0, (PROTECTED & ~X86_CR0_ET) | BIT(6) | BIT(28));
	KUNIT_EXPECT_EQ(test, s->cr0, (u64)PROTECTED);
}

static void paging_with_lme_activates_long_mode(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	s->cr0 = PROTECTED;
	s->cr4 = X86_CR4_PAE;
	s->efer = EFER_LME;
	taken(test, 0, PAGING);
	KUNIT_EXPECT_EQ(test, s->efer, (u64)(EFER_LME | EFER_LMA));
	/* From 32-bit code it may be left again. */
	taken(test, 0, PROTECTED);
	KUNIT_EXPECT_EQ(test, s->efer, (u64)EFER_LME);
}

static void long_mode_has_conditions(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	s->cr0 = PROTECTED;
	s->efer = EFER_LME;
	refused(test, 0, PAGING);			/* needs CR4.PAE */
	s->cr4 = X86_CR4_PAE;
	s->seg[VTR_CS].attributes = CS_LONG;
	refused(test, 0, PAGING);			/* not from a 64-bit segment */
	enter_long_mode(test);
	refused(test, 0, PROTECTED);			/* 64-bit code cannot leave it */
	s->seg[VTR_CS].attributes = 0;
	taken(test, 0, PROTECTED);
}

/* ---- PAE and its four registers -------------------------------------------------------- */

static void put_pdptes(struct kunit *test, u64 gpa, const u64 pdpte[4])
{
	struct machine *m = test->priv;

	memcpy(m->memory + gpa, pdpte, 32);
}

static void pae_paging_loads_the_four_entries(struct kunit *test)
{
	static const u64 pdpte[4] = { 0x1001, 0, 0x3001, 0xfff0000000000000ULL & ~1 };
	struct machine *m = test->priv;
	struct vtr_sregs *s = sregs(test);

	put_pdptes(test, 0x2020, pdpte);
	s->cr0 = PROTECTED;
	s->cr3 = 0x2020;
	s->cr4 = X86_CR4_PAE;
	taken(test, 0, PAGING);
	KUNIT_EXPECT_EQ(test, memcmp(m->vcpu->pdptrs, pdpte, sizeof(pdpte)), 0);
}

static void bad_entries_refuse_the_write(struct kunit *test)
{
	/* Reserved in a present entry: 2:1, 8:5, and what is beyond the address width. */
	static const u64 bad[] = {
		0x1003, 0x1005, 0x1021, 0x1101, BIT_ULL(39) | 1, BIT_ULL(63) | 1,
	};
	struct vtr_sregs *s = sregs(test);

	s->cr0 = PROTECTED;
	s->cr3 = 0x2000;
	s->cr4 = X86_CR4_PAE;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		const u64 pdpte[4] = { 0x1001, 0x1001, 0x1001, bad[i] };

		put_pdptes(test, 0x2000, pdpte);
		refused(test, 0, PAGING);
	}
	s->cr3 = MACHINE_MEMORY;	/* no memory there */
	refused(test, 0, PAGING);
}

static void cr3_and_cr4_load_them_again(struct kunit *test)
{
	static const u64 good[4] = { 0x5001 }, bad[4] = { 0x5003 };
	struct machine *m = test->priv;
	struct vtr_sregs *s = sregs(test);

	s->cr0 = PAGING;
	s->cr4 = X86_CR4_PAE;
	s->cr3 = 0x3000;
	put_pdptes(test, 0x3000, good);
	put_pdptes(test, 0x4000, bad);
	taken(test, 3, 0x3000);
	KUNIT_EXPECT_EQ(test, m->vcpu->pdptrs[0], 0x5001ULL);
	refused(test, 3, 0x4000);
	/* A write to CR4 that changes nothing of paging does not look at memory. */
	put_pdptes(test, 0x3000, bad);
	taken(test, 4, X86_CR4_PAE | X86_CR4_OSFXSR);
	refused(test, 4, X86_CR4_PAE | X86_CR4_PGE);
}

/* ---- CR3, CR4, CR8 ----------------------------------------------------------------------- */

static void cr3_width_depends_on_the_mode(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	s->cr0 = PROTECTED;
	taken(test, 3, 0xffffffff12345000ULL);
	KUNIT_EXPECT_EQ(test, s->cr3, 0x12345000ULL);
	enter_long_mode(test);
	taken(test, 3, 0x7f12345000ULL);	/* gpa_bits is 39 */
	KUNIT_EXPECT_EQ(test, s->cr3, 0x7f12345000ULL);
	refused(test, 3, BIT_ULL(39));
	refused(test, 3, BIT_ULL(63) | 0x1000);
}

static void cr4_bits_need_their_features(struct kunit *test)
{
	static const struct {
		u64 bit;
		unsigned int leaf7_ebx;
	} rows[] = {
		{ X86_CR4_FSGSBASE, X86_FEATURE_FSGSBASE },
		{ X86_CR4_SMEP, X86_FEATURE_SMEP },
		{ X86_CR4_SMAP, X86_FEATURE_SMAP },
	};
	struct machine *m = test->priv;
	u32 out[4];

	vtr_cpuid(&m->vcpu->base, 7, 0, out);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		if (out[1] & BIT(rows[i].leaf7_ebx & 31))
			taken(test, 4, rows[i].bit);
		else
			refused(test, 4, rows[i].bit);
	}
	taken(test, 4, X86_CR4_PSE | X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT);
	/* VMX is not for guests; the others are features that are not shown. */
	refused(test, 4, X86_CR4_VMXE);
	refused(test, 4, X86_CR4_SMXE);
	refused(test, 4, X86_CR4_LA57);
	refused(test, 4, X86_CR4_PCIDE);
	refused(test, 4, X86_CR4_OSXSAVE);
	refused(test, 4, X86_CR4_PKE);
	refused(test, 4, X86_CR4_UMIP);
	refused(test, 4, BIT(15));
	refused(test, 4, BIT_ULL(63));
}

static void long_mode_keeps_pae(struct kunit *test)
{
	enter_long_mode(test);
	refused(test, 4, 0);
	taken(test, 4, X86_CR4_PAE | X86_CR4_PGE);
}

static void cr8_has_four_bits(struct kunit *test)
{
	struct machine *m = test->priv;

	taken(test, 8, 15);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.cr8, 15ULL);
	refused(test, 8, 16);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.cr8, 15ULL);
}

static void other_registers_do_not_exist(struct kunit *test)
{
	refused(test, 1, 0);
	refused(test, 2, 0);
	refused(test, 5, 0);
	refused(test, 15, 0);
}

/* ---- EFER ----------------------------------------------------------------------------------- */

static void efer_bits(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	KUNIT_EXPECT_EQ(test, write_efer_of(test, EFER_SCE | EFER_NX | EFER_LME), 0);
	KUNIT_EXPECT_EQ(test, s->efer, (u64)(EFER_SCE | EFER_NX | EFER_LME));
	/* LMA is the processor's; a write of it is ignored. */
	KUNIT_EXPECT_EQ(test, write_efer_of(test, EFER_LMA), 0);
	KUNIT_EXPECT_EQ(test, s->efer, 0ULL);
	KUNIT_EXPECT_EQ(test, write_efer_of(test, BIT(12)), -EINVAL);	/* SVM */
	KUNIT_EXPECT_EQ(test, write_efer_of(test, BIT(1)), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_efer_of(test, BIT_ULL(63)), -EINVAL);
	KUNIT_EXPECT_EQ(test, s->efer, 0ULL);
}

static void lme_is_fixed_while_paging(struct kunit *test)
{
	struct vtr_sregs *s = sregs(test);

	enter_long_mode(test);
	KUNIT_EXPECT_EQ(test, write_efer_of(test, EFER_LMA), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_efer_of(test, EFER_LME | EFER_NX), 0);
	KUNIT_EXPECT_EQ(test, s->efer, (u64)(EFER_LME | EFER_LMA | EFER_NX));
	s->efer = 0;
	KUNIT_EXPECT_EQ(test, write_efer_of(test, EFER_LME), -EINVAL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(cr0_combinations),
	KUNIT_CASE(cr0_reserved_bits_are_ignored),
	KUNIT_CASE(paging_with_lme_activates_long_mode),
	KUNIT_CASE(long_mode_has_conditions),
	KUNIT_CASE(pae_paging_loads_the_four_entries),
	KUNIT_CASE(bad_entries_refuse_the_write),
	KUNIT_CASE(cr3_and_cr4_load_them_again),
	KUNIT_CASE(cr3_width_depends_on_the_mode),
	KUNIT_CASE(cr4_bits_need_their_features),
	KUNIT_CASE(long_mode_keeps_pae),
	KUNIT_CASE(cr8_has_four_bits),
	KUNIT_CASE(other_registers_do_not_exist),
	KUNIT_CASE(efer_bits),
	KUNIT_CASE(lme_is_fixed_while_paging),
	{}
};

static struct kunit_suite suite = {
	.name = "cr",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
