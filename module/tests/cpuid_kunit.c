// SPDX-License-Identifier: GPL-2.0-only
/*
 * What processor does a guest see?  KUnit suite "cpuid".
 *
 * CPUID leaves and MSRs.  The cases hold on any host processor; in User Mode
 * Linux the host's answer has every bit set (tests/kunit/uml.h), so whatever
 * module/cpuid.c does not take away would show.
 */
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>

#include "../irqchip.h"
#include "machine.h"

enum { EAX, EBX, ECX, EDX };

static void ask(struct kunit *test, u32 leaf, u32 subleaf, u32 out[4])
{
	struct machine *m = test->priv;

	memset(out, 0xaa, 16);
	vtr_cpuid(&m->vcpu->base, leaf, subleaf, out);
}

static void expect_no_bit(struct kunit *test, u32 value, unsigned int feature, const char *name)
{
	KUNIT_EXPECT_EQ_MSG(test, value & BIT(feature & 31), 0UL, "%s is shown", name);
}

#define HIDDEN(value, name) expect_no_bit(test, value, X86_FEATURE_##name, #name)

static void features_whose_state_is_not_switched_are_hidden(struct kunit *test)
{
	u32 out[4];

	ask(test, 1, 0, out);
	HIDDEN(out[ECX], VMX);
	HIDDEN(out[ECX], SMX);
	HIDDEN(out[ECX], PDCM);
	HIDDEN(out[ECX], PCID);
	HIDDEN(out[ECX], MWAIT);
	HIDDEN(out[ECX], XSAVE);
	HIDDEN(out[ECX], OSXSAVE);
	HIDDEN(out[ECX], AVX);
	HIDDEN(out[EDX], MCE);
	HIDDEN(out[EDX], MTRR);
	HIDDEN(out[EDX], DS);
	ask(test, 7, 0, out);
	HIDDEN(out[EBX], RTM);
	HIDDEN(out[EBX], MPX);
	HIDDEN(out[EBX], AVX2);
	HIDDEN(out[EBX], INTEL_PT);
	KUNIT_EXPECT_EQ(test, out[ECX], 0u);
	KUNIT_EXPECT_EQ(test, out[EDX], 0u);
	ask(test, 0x80000001, 0, out);
	HIDDEN(out[ECX], SVM);
}

static void a_guest_knows_that_it_is_one(struct kunit *test)
{
	u32 out[4];

	ask(test, 1, 0, out);
	KUNIT_EXPECT_NE(test, out[ECX] & BIT(X86_FEATURE_HYPERVISOR & 31), 0UL);
	ask(test, 0x40000000, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX], 0x40000010u);
	KUNIT_EXPECT_EQ(test, memcmp(&out[EBX], "VitrineGlass", 12), 0);
	ask(test, 0x40000001, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX], (u32)VTR_API_VERSION);
}

static void the_apic_id_is_the_vcpus(struct kunit *test)
{
	u32 out[4];

	ask(test, 1, 0, out);
	KUNIT_EXPECT_EQ(test, out[EBX] >> 24, 5u);
	KUNIT_EXPECT_EQ(test, (out[EBX] >> 16) & 0xff, 0u);
}

static void leaves_that_nobody_thought_about_are_zero(struct kunit *test)
{
	static const u32 leaves[] = { 3, 5, 6, 0xa, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x17, 0x1c,
				      0x3fffffff, 0x40000002, 0x400000ff, 0x80000009,
				      0x8000001f, 0xc0000000, 0xffffffff };
	u32 out[4];

	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		ask(test, leaves[i], 0, out);
		KUNIT_EXPECT_TRUE_MSG(test, !memchr_inv(out, 0, 16), "leaf %#x", leaves[i]);
	}
	ask(test, 7, 1, out);
	KUNIT_EXPECT_TRUE(test, !memchr_inv(out, 0, 16));
}

static void the_highest_leaves_are_limited(struct kunit *test)
{
	u32 out[4];

	ask(test, 0, 0, out);
	KUNIT_EXPECT_LE(test, out[EAX], 0x16u);
	ask(test, 0x80000000, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX], 0x80000008u);
}

static void addresses_are_as_wide_as_the_tables(struct kunit *test)
{
	u32 out[4];

	ask(test, 0x80000008, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX] & 0xff, vtr_backend->info.gpa_bits);
	KUNIT_EXPECT_EQ(test, out[EBX], 0u);
}

static void the_clock_rate_is_the_measured_one(struct kunit *test)
{
	u32 out[4];
	u64 khz;

	ask(test, 0x15, 0, out);
	KUNIT_ASSERT_NE(test, out[EAX], 0u);
	/* SDM 2A "CPUID--CPU Identification": rate = crystal * EBX / EAX. */
	khz = div_u64((u64)out[ECX] * out[EBX], out[EAX]);
	KUNIT_EXPECT_EQ(test, div_u64(khz, 1000), (u64)vtr_tsc_khz());
	ask(test, 0x40000010, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX], vtr_tsc_khz());
}

/* IA32_TSC_ADJUST tells who has moved the counter: with it Linux trusts that. */
static void a_counter_that_can_be_trusted_says_so(struct kunit *test)
{
	u32 out[4];

	ask(test, 7, 0, out);
	KUNIT_EXPECT_NE(test, out[EBX] & BIT(X86_FEATURE_TSC_ADJUST & 31), 0UL);
}

static void rdtscp_follows_the_back_end(struct kunit *test)
{
	u32 with[4], without[4];

	ask(test, 0x80000001, 0, with);
	vtr_backend->info.rdtscp = false;
	ask(test, 0x80000001, 0, without);
	vtr_backend->info.rdtscp = true;
	KUNIT_EXPECT_EQ(test, without[EDX] & BIT(X86_FEATURE_RDTSCP & 31), 0UL);
	KUNIT_EXPECT_EQ(test, with[EDX] & ~(u32)BIT(X86_FEATURE_RDTSCP & 31), without[EDX]);
}

/* ---- with interrupt controllers in the module, and several processors ---------------- */

static struct vtr_irqchip chip;

/* @nr vCPUs, the highest APIC id is @max_id, this one's is 5. */
static void have_processors(struct kunit *test, unsigned int nr, u32 max_id, bool irqchip)
{
	struct machine *m = test->priv;

	m->vm.irqchip = irqchip ? &chip : NULL;
	m->vm.nr_vcpus = nr;
	m->vm.max_apic_id = max_id;
	m->vcpu->base.lapic.base = VTR_APIC_BASE | VTR_APIC_BASE_ON;
}

static void no_processors(struct kunit *test)
{
	have_processors(test, 1, 5, false);
}

static void the_apic_is_shown_while_it_is_on(struct kunit *test)
{
	struct machine *m = test->priv;
	u32 out[4], off[4];

	have_processors(test, 1, 5, true);
	ask(test, 1, 0, out);
	KUNIT_EXPECT_NE(test, out[EDX] & BIT(X86_FEATURE_APIC & 31), 0UL);
	KUNIT_EXPECT_NE(test, out[ECX] & BIT(X86_FEATURE_X2APIC & 31), 0UL);
	KUNIT_EXPECT_NE(test, out[ECX] & BIT(X86_FEATURE_TSC_DEADLINE_TIMER & 31), 0UL);
	m->vcpu->base.lapic.base = VTR_APIC_BASE;
	ask(test, 1, 0, off);
	HIDDEN(off[EDX], APIC);
	KUNIT_EXPECT_EQ(test, off[EDX] | (u32)BIT(X86_FEATURE_APIC & 31), out[EDX]);
	ask(test, 6, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX], (u32)BIT(X86_FEATURE_ARAT & 31));
	no_processors(test);
	ask(test, 1, 0, out);
	HIDDEN(out[EDX], APIC);
}

/* Leaf 1: ids that are reserved in the package; valid with HTT only. */
static void the_package_has_as_many_ids_as_it_needs(struct kunit *test)
{
	static const struct { unsigned int nr; u32 max_id, ids; } rows[] = {
		{ 1, 5, 0 }, { 2, 1, 2 }, { 2, 5, 8 }, { 4, 3, 4 }, { 5, 8, 16 }, { 64, 127, 128 },
		{ 64, 255, 255 }, { 2, ~0u, 255 },
	};
	u32 out[4];

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		have_processors(test, rows[i].nr, rows[i].max_id, i & 1);
		ask(test, 1, 0, out);
		KUNIT_EXPECT_EQ_MSG(test, out[EBX] >> 16 & 0xff, rows[i].ids, "row %u", i);
		KUNIT_EXPECT_EQ(test, out[EBX] >> 24, 5u);
		KUNIT_EXPECT_EQ_MSG(test, !!(out[EDX] & BIT(X86_FEATURE_HT & 31)),
				    rows[i].nr > 1, "row %u", i);
	}
	no_processors(test);
}

#ifdef CONFIG_UML
/* The host here says 1FH for each field; a level of 7 is shared by the package. */
static void the_last_cache_is_shared_by_the_vms_processors(struct kunit *test)
{
	u32 out[4];

	have_processors(test, 3, 5, true);
	ask(test, 4, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX] >> 14 & 0xfff, 7u);
	KUNIT_EXPECT_EQ(test, out[EAX] >> 26, 7u);
	have_processors(test, 2, ~0u, true);
	ask(test, 4, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX] >> 14 & 0xfff, 0xfffu);
	KUNIT_EXPECT_EQ(test, out[EAX] >> 26, 63u);
	have_processors(test, 1, 5, false);
	ask(test, 4, 0, out);
	KUNIT_EXPECT_EQ(test, out[EAX] >> 14, 0u);
	no_processors(test);
}

static void each_level_of_the_topology_is_told(struct kunit *test)
{
	static const u32 leaves[] = { 0xb, 0x1f };
	u32 out[4];

	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
		have_processors(test, 3, 5, true);
		ask(test, 0, 0, out);
		KUNIT_EXPECT_EQ(test, out[EAX], 0x1fu);
		ask(test, leaves[i], 0, out);
		KUNIT_EXPECT_EQ(test, out[EAX], 0u);
		KUNIT_EXPECT_EQ(test, out[EBX], 1u);
		KUNIT_EXPECT_EQ(test, out[ECX], 0x100u);
		KUNIT_EXPECT_EQ(test, out[EDX], 5u);
		ask(test, leaves[i], 1, out);
		KUNIT_EXPECT_EQ(test, out[EAX], 3u);
		KUNIT_EXPECT_EQ(test, out[EBX], 3u);
		KUNIT_EXPECT_EQ(test, out[ECX], 0x201u);
		ask(test, leaves[i], 2, out);
		KUNIT_EXPECT_EQ(test, out[EAX] | out[EBX], 0u);
		KUNIT_EXPECT_EQ(test, out[ECX], 2u);
		KUNIT_EXPECT_EQ(test, out[EDX], 5u);
		no_processors(test);
	}
}
#endif /* CONFIG_UML: elsewhere the host's CPUID is a real processor's */

/* ---- MSRs ---------------------------------------------------------------------------- */

static void listed_msrs_can_be_set_and_read(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;
	u64 value;

	machine_load(m);
	for (unsigned int i = 0; i < vtr_msr_count; i++)
		KUNIT_EXPECT_EQ(test, vtr_msr_write(v, vtr_msr_list[i], 0x1000 + i), 0);
	for (unsigned int i = 0; i < vtr_msr_count; i++) {
		KUNIT_EXPECT_EQ(test, vtr_msr_read(v, vtr_msr_list[i], &value), 0);
		KUNIT_EXPECT_EQ(test, value, 0x1000ULL + i);
	}
	machine_put(m);
}

static void no_msr_is_listed_twice(struct kunit *test)
{
	for (unsigned int i = 0; i < vtr_msr_count; i++) {
		/* These have records of their own in the saved state. */
		KUNIT_EXPECT_NE(test, vtr_msr_list[i], (u32)MSR_EFER);
		KUNIT_EXPECT_NE(test, vtr_msr_list[i], (u32)MSR_IA32_TSC);
		for (unsigned int j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, vtr_msr_list[i], vtr_msr_list[j]);
	}
}

static void efer_is_read_from_the_back_end(struct kunit *test)
{
	struct machine *m = test->priv;
	u64 value = 0;

	m->vcpu->sregs.efer = EFER_LME | EFER_LMA | EFER_SCE;
	machine_load(m);
	KUNIT_EXPECT_EQ(test, vtr_msr_read(&m->vcpu->base, MSR_EFER, &value), 0);
	machine_put(m);
	KUNIT_EXPECT_EQ(test, value, (u64)(EFER_LME | EFER_LMA | EFER_SCE));
}

static void msrs_of_the_host_do_not_exist(struct kunit *test)
{
	static const u32 hidden[] = { MSR_IA32_FEAT_CTL, MSR_IA32_VMX_BASIC, MSR_IA32_SPEC_CTRL,
				      MSR_IA32_APICBASE, 0, 0xffffffff };
	struct machine *m = test->priv;
	u64 value;

	machine_load(m);
	for (unsigned int i = 0; i < ARRAY_SIZE(hidden); i++) {
		KUNIT_EXPECT_NE_MSG(test, vtr_msr_read(&m->vcpu->base, hidden[i], &value), 0,
				    "MSR %#x", hidden[i]);
		KUNIT_EXPECT_NE_MSG(test, vtr_msr_write(&m->vcpu->base, hidden[i], 0), 0,
				    "MSR %#x", hidden[i]);
	}
	machine_put(m);
}

/* What guests touch without asking CPUID: one value, which stays. */
static void msrs_with_one_value_keep_it(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;
	u64 value = 1, fast = MSR_IA32_MISC_ENABLE_FAST_STRING;

	machine_load(m);
	KUNIT_EXPECT_EQ(test, vtr_msr_read(v, MSR_IA32_UCODE_REV, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 0ULL);
	KUNIT_EXPECT_EQ(test, vtr_msr_write(v, MSR_IA32_UCODE_REV, 0), 0);
	KUNIT_EXPECT_NE(test, vtr_msr_write(v, MSR_IA32_UCODE_REV, 1), 0);
	KUNIT_EXPECT_EQ(test, vtr_msr_read(v, MSR_IA32_MISC_ENABLE, &value), 0);
	/* Fast strings may be switched off without effect, all else not at all. */
	KUNIT_EXPECT_EQ(test, vtr_msr_write(v, MSR_IA32_MISC_ENABLE, value ^ fast), 0);
	KUNIT_EXPECT_NE(test, vtr_msr_write(v, MSR_IA32_MISC_ENABLE, value ^ 8), 0);
	v->tsc_khz = 2345678;
	KUNIT_EXPECT_EQ(test, vtr_msr_read(v, MSR_PLATFORM_INFO, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 23ULL << 8);
	KUNIT_EXPECT_NE(test, vtr_msr_write(v, MSR_PLATFORM_INFO, 0), 0);
	machine_put(m);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(features_whose_state_is_not_switched_are_hidden),
	KUNIT_CASE(a_guest_knows_that_it_is_one),
	KUNIT_CASE(the_apic_id_is_the_vcpus),
	KUNIT_CASE(leaves_that_nobody_thought_about_are_zero),
	KUNIT_CASE(the_highest_leaves_are_limited),
	KUNIT_CASE(addresses_are_as_wide_as_the_tables),
	KUNIT_CASE(the_clock_rate_is_the_measured_one),
	KUNIT_CASE(a_counter_that_can_be_trusted_says_so),
	KUNIT_CASE(rdtscp_follows_the_back_end),
	KUNIT_CASE(the_apic_is_shown_while_it_is_on),
	KUNIT_CASE(the_package_has_as_many_ids_as_it_needs),
#ifdef CONFIG_UML
	KUNIT_CASE(the_last_cache_is_shared_by_the_vms_processors),
	KUNIT_CASE(each_level_of_the_topology_is_told),
#endif
	KUNIT_CASE(listed_msrs_can_be_set_and_read),
	KUNIT_CASE(no_msr_is_listed_twice),
	KUNIT_CASE(efer_is_read_from_the_back_end),
	KUNIT_CASE(msrs_of_the_host_do_not_exist),
	KUNIT_CASE(msrs_with_one_value_keep_it),
	{}
};

static struct kunit_suite suite = {
	.name = "cpuid",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
