// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program may choose for its processors: CPUID table, MSR filter, rate
 * of the time stamp counter.  KUnit suites "policy" and "tsc".
 *
 * Under test are module/policy.c, the part of module/cpuid.c that asks it, and
 * module/tsc.c.  In User Mode Linux the host's CPUID has every bit set and its
 * counter stands still at 0 (tests/kunit/uml.h), so nothing depends on the host.
 * Read next: tests/ioctl/policy_test.c, the same on a processor.
 */
#include <linux/errno.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/trapnr.h>

#include "machine.h"

/* ---- CPUID ------------------------------------------------------------------------ */

static void default_may_be_set(struct kunit *test, bool irqchip)
{
	struct vtr_cpuid_entry *table;
	unsigned int nr = 0;

	table = kunit_kcalloc(test, VTR_MAX_CPUID_ENTRIES, sizeof(*table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	while (vtr_cpuid_default_entry(irqchip, nr, &table[nr])) {
		u32 out[4];

		vtr_cpuid_default(irqchip, table[nr].leaf, table[nr].subleaf, out);
		KUNIT_EXPECT_EQ(test, table[nr].eax, out[0]);
		KUNIT_EXPECT_EQ(test, table[nr].edx, out[3]);
		KUNIT_ASSERT_LT(test, ++nr, (unsigned int)VTR_MAX_CPUID_ENTRIES);
	}
	KUNIT_EXPECT_GT(test, nr, 10u);
	KUNIT_EXPECT_EQ(test, vtr_policy_check_cpuid(table, nr, irqchip), 0);
	/* Without the controllers there is no APIC to be shown. */
	if (irqchip)
		KUNIT_EXPECT_EQ(test, vtr_policy_check_cpuid(table, nr, false), -EOPNOTSUPP);
}

static void the_default_is_a_table_that_may_be_set(struct kunit *test)
{
	default_may_be_set(test, false);
	default_may_be_set(test, true);
}

/* @with: what a VM with the module's interrupt controllers may show, 0: as without. */
struct entry_row {
	const char *what;
	struct vtr_cpuid_entry entry;
	int wanted;
	bool with;
};

#define BIT_OF(name)	BIT(X86_FEATURE_##name & 31)

static const struct entry_row entry_rows[] = {
	{ "any vendor", { .leaf = 0, .eax = 1, .ebx = 0x64636261 }, 0 },
	{ "fewer features", { .leaf = 1, .ecx = BIT_OF(XMM3), .edx = BIT_OF(FPU) }, 0 },
	{ "several logical processors", { .leaf = 1, .ebx = 4 << 16, .edx = BIT_OF(HT) }, 0 },
	{ "VMX", { .leaf = 1, .ecx = BIT_OF(VMX) }, -EOPNOTSUPP },
	{ "XSAVE", { .leaf = 1, .ecx = BIT_OF(XSAVE) }, -EOPNOTSUPP },
	{ "a local APIC", { .leaf = 1, .edx = BIT_OF(APIC) }, -EOPNOTSUPP, true },
	{ "x2APIC mode", { .leaf = 1, .ecx = BIT_OF(X2APIC) }, -EOPNOTSUPP, true },
	{ "deadlines", { .leaf = 1, .ecx = BIT_OF(TSC_DEADLINE_TIMER) }, -EOPNOTSUPP, true },
	{ "a timer that never stops", { .leaf = 6, .eax = BIT_OF(ARAT) }, -EOPNOTSUPP, true },
	{ "a sensor", { .leaf = 6, .eax = BIT_OF(DTHERM) }, -EOPNOTSUPP },
	{ "the module's topology", { .leaf = 4, .flags = VTR_CPUID_TOPOLOGY }, 0 },
	{ "topology of nothing", { .leaf = 2, .flags = VTR_CPUID_TOPOLOGY }, -EINVAL },
	{ "topology", { .leaf = 0xb, .flags = VTR_CPUID_SUBLEAF, .ebx = 2 }, 0 },
	{ "SMEP", { .leaf = 7, .flags = VTR_CPUID_SUBLEAF, .ebx = BIT_OF(SMEP) }, 0 },
	{ "PKU", { .leaf = 7, .flags = VTR_CPUID_SUBLEAF, .ecx = BIT_OF(PKU) }, -EOPNOTSUPP },
	{ "AVX state", { .leaf = 0xd, .flags = VTR_CPUID_SUBLEAF, .eax = 7 }, -EOPNOTSUPP },
	{ "a leaf of a hypervisor", { .leaf = 0x40000055, .ebx = ~0u }, 0 },
	{ "no NX", { .leaf = 0x80000001, .edx = BIT_OF(LM) }, 0 },
	{ "SVM", { .leaf = 0x80000001, .ecx = BIT_OF(SVM) }, -EOPNOTSUPP },
	{ "narrower addresses", { .leaf = 0x80000008, .eax = 36 | 48 << 8 }, 0 },
	{ "wider addresses", { .leaf = 0x80000008, .eax = 40 | 48 << 8 }, -EOPNOTSUPP },
	{ "an unknown flag", { .leaf = 1, .flags = 4 }, -EINVAL },
	{ "padding", { .leaf = 0, .pad = 1 }, -EINVAL },
	{ "a subleaf that does not count", { .leaf = 4, .subleaf = 1 }, -EINVAL },
};

static void a_table_promises_no_more_than_there_is(struct kunit *test)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(entry_rows); i++) {
		const struct entry_row *row = &entry_rows[i];

		KUNIT_EXPECT_EQ_MSG(test, vtr_policy_check_cpuid(&row->entry, 1, false),
				    row->wanted, "%s", row->what);
		KUNIT_EXPECT_EQ_MSG(test, vtr_policy_check_cpuid(&row->entry, 1, true),
				    row->with ? 0 : row->wanted, "%s, with an APIC", row->what);
	}
}

static void no_leaf_may_come_twice(struct kunit *test)
{
	const u32 sub = VTR_CPUID_SUBLEAF;
	const struct vtr_cpuid_entry
		fine[] = { { .leaf = 4, .flags = sub }, { .leaf = 4, .subleaf = 1, .flags = sub } },
		same[] = { { .leaf = 4, .flags = sub }, { .leaf = 4, .flags = sub } },
		hidden[] = { { .leaf = 4 }, { .leaf = 4, .subleaf = 1, .flags = sub } };

	KUNIT_EXPECT_EQ(test, vtr_policy_check_cpuid(fine, 2, false), 0);
	KUNIT_EXPECT_EQ(test, vtr_policy_check_cpuid(same, 2, false), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_policy_check_cpuid(hidden, 2, false), -EINVAL);
}

/* A table that leaves the topology to the module gets that of the VM. */
static void a_table_may_leave_the_topology_to_the_module(struct kunit *test)
{
	static struct vtr_cpuid_entry table[] = {
		{ .leaf = 1, .ebx = 0xff7f0800, .flags = VTR_CPUID_TOPOLOGY },
		{ .leaf = 0xb, .eax = 7, .flags = VTR_CPUID_TOPOLOGY },
	};
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;
	u32 out[4];

	m->vm.policy.cpuid = table;
	m->vm.policy.nr_cpuid = ARRAY_SIZE(table);
	m->vm.nr_vcpus = 3;
	vtr_cpuid(v, 1, 0, out);
	KUNIT_EXPECT_EQ(test, out[1], 0x05080800u);
	KUNIT_EXPECT_EQ(test, out[3], (u32)BIT_OF(HT));
	vtr_cpuid(v, 0xb, 1, out);
	KUNIT_EXPECT_EQ(test, out[0], 3u);
	KUNIT_EXPECT_EQ(test, out[1], 3u);
	KUNIT_EXPECT_EQ(test, out[2], 0x201u);
	KUNIT_EXPECT_EQ(test, out[3], 5u);
	m->vm.nr_vcpus = 1;
	m->vm.policy = (struct vtr_policy) {};
}

/* Leaves of the table as they are, others zero, and the vCPU's own APIC id. */
static void the_table_answers(struct kunit *test)
{
	static struct vtr_cpuid_entry table[] = {
		{ .leaf = 1, .eax = 0x633, .ebx = 0xff020800, .ecx = 1 },
		{ .leaf = 4, .subleaf = 1, .flags = VTR_CPUID_SUBLEAF, .eax = 77 },
		{ .leaf = 0xb, .flags = VTR_CPUID_SUBLEAF, .ebx = 2, .edx = 99 },
		{ .leaf = 0x15, .ebx = 5 },
	};
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;
	u32 out[4];

	m->vm.policy.cpuid = table;
	m->vm.policy.nr_cpuid = ARRAY_SIZE(table);
	vtr_cpuid(v, 1, 0x1234, out);
	KUNIT_EXPECT_EQ(test, out[0], 0x633u);
	KUNIT_EXPECT_EQ(test, out[1], 0x05020800u);
	KUNIT_EXPECT_EQ(test, out[2], 1u);
	vtr_cpuid(v, 4, 1, out);
	KUNIT_EXPECT_EQ(test, out[0], 77u);
	vtr_cpuid(v, 4, 0, out);
	KUNIT_EXPECT_EQ(test, out[0] | out[1] | out[2] | out[3], 0u);
	vtr_cpuid(v, 0xb, 0, out);
	KUNIT_EXPECT_EQ(test, out[3], 5u);
	/* The default's rate does not shine through. */
	vtr_cpuid(v, 0x15, 0, out);
	KUNIT_EXPECT_EQ(test, out[1], 5u);
	vtr_cpuid(v, 0x40000000, 0, out);
	KUNIT_EXPECT_EQ(test, out[0] | out[1] | out[2] | out[3], 0u);
	m->vm.policy = (struct vtr_policy) {};
}

/* ---- MSRs ---------------------------------------------------------------------------- */

static void impossible_ranges_are_refused(struct kunit *test)
{
	static const struct {
		struct vtr_msr_range range;
		int wanted;
	} rows[] = {
		{ { .first = 0, .count = 1, .flags = VTR_MSR_READ }, 0 },
		{ { .first = ~0u, .count = 1, .flags = VTR_MSR_WRITE }, 0 },
		{ { .first = 0, .count = ~0u, .flags = VTR_MSR_READ | VTR_MSR_WRITE }, 0 },
		{ { .first = 0, .count = 0, .flags = VTR_MSR_READ }, -EINVAL },
		{ { .first = 0, .count = 1, .flags = 0 }, -EINVAL },
		{ { .first = 0, .count = 1, .flags = 4 | VTR_MSR_READ }, -EINVAL },
		{ { .first = 0, .count = 1, .flags = VTR_MSR_READ, .pad = 1 }, -EINVAL },
		{ { .first = ~0u, .count = 2, .flags = VTR_MSR_READ }, -EINVAL },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test, vtr_policy_check_ranges(&rows[i].range, 1),
				    rows[i].wanted, "row %u", i);
}

static struct vtr_msr_range two_ranges[] = {
	{ .first = 0x100, .count = 3, .flags = VTR_MSR_READ },
	{ .first = 0x102, .count = 1, .flags = VTR_MSR_WRITE },
};

static void set_filter(struct machine *m)
{
	m->vm.policy.ranges = two_ranges;
	m->vm.policy.nr_ranges = ARRAY_SIZE(two_ranges);
}

static void a_range_has_its_ends_and_its_direction(struct kunit *test)
{
	struct machine *m = test->priv;

	set_filter(m);
	KUNIT_EXPECT_FALSE(test, vtr_policy_msr(&m->vm, 0xff, false));
	KUNIT_EXPECT_TRUE(test, vtr_policy_msr(&m->vm, 0x100, false));
	KUNIT_EXPECT_TRUE(test, vtr_policy_msr(&m->vm, 0x102, false));
	KUNIT_EXPECT_FALSE(test, vtr_policy_msr(&m->vm, 0x103, false));
	KUNIT_EXPECT_FALSE(test, vtr_policy_msr(&m->vm, 0x101, true));
	KUNIT_EXPECT_TRUE(test, vtr_policy_msr(&m->vm, 0x102, true));
	m->vm.policy = (struct vtr_policy) {};
}

#define ACCESS(index_, write_)							\
	{ .exit = { .kind = VTR_HW_MSR, .insn_bytes = 2,				\
		    .msr = { .index = index_, .write = write_ } } }

static void an_access_goes_up_and_comes_back(struct kunit *test)
{
	static const struct fake_step read[] = { ACCESS(0x100, false) },
				      write[] = { ACCESS(0x102, true) }, nothing[] = {};
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;

	set_filter(m);
	m->vcpu->regs.rip = 0x1000;
	KUNIT_EXPECT_EQ(test, RUN(m, read), 0);
	KUNIT_EXPECT_EQ(test, v->run->exit, (u32)VTR_EXIT_MSR);
	KUNIT_EXPECT_EQ(test, v->run->msr.index, 0x100u);
	KUNIT_EXPECT_EQ(test, v->run->msr.is_write, 0);
	KUNIT_EXPECT_EQ(test, v->run->msr.fault, 0);
	KUNIT_EXPECT_EQ(test, v->pending, VTR_PENDING_RDMSR);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, 0x1000ULL);
	v->run->msr.data = 0x1122334455667788;
	v->gpr[VTR_RCX] = 0x102;

	/* What was read is in EDX:EAX; the next access writes the same. */
	KUNIT_EXPECT_EQ(test, RUN(m, write), 0);
	KUNIT_EXPECT_EQ(test, v->gpr[VTR_RAX], 0x55667788ULL);
	KUNIT_EXPECT_EQ(test, v->gpr[VTR_RDX], 0x11223344ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, 0x1002ULL);
	KUNIT_EXPECT_EQ(test, v->run->msr.is_write, 1);
	KUNIT_EXPECT_EQ(test, v->run->msr.data, 0x1122334455667788ULL);

	/* The program refuses it: #GP at the instruction. */
	v->run->msr.fault = 1;
	KUNIT_EXPECT_EQ(test, RUN(m, nothing), 0);
	KUNIT_ASSERT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, X86_TRAP_GP);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, 0x1003ULL);	/* the HLT at the end */
	m->vm.policy = (struct vtr_policy) {};
}

/* ---- time stamp counter ------------------------------------------------------------------ */

#define HOST_KHZ	1000000

static void a_ratio_is_a_fixed_point_number(struct kunit *test)
{
	u64 ratio;

	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(HOST_KHZ, HOST_KHZ, &ratio), 0);
	KUNIT_EXPECT_EQ(test, ratio, BIT_ULL(48));
	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(HOST_KHZ * 3 / 2, HOST_KHZ, &ratio), 0);
	KUNIT_EXPECT_EQ(test, ratio, BIT_ULL(48) + BIT_ULL(47));
	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(~0u, 65536, &ratio), 0);
	KUNIT_EXPECT_EQ(test, ratio, ~0ULL << 32);
	/* Too fast for 16 bits in front of the point; no rate at all. */
	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(~0u, 65535, &ratio), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(0, HOST_KHZ, &ratio), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(HOST_KHZ, 0, &ratio), -EINVAL);
}

static void without_scaling_there_is_one_rate(struct kunit *test)
{
	unsigned int bits = vtr_backend->info.tsc_fraction_bits;
	u64 ratio = 5;

	vtr_backend->info.tsc_fraction_bits = 0;
	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(HOST_KHZ, HOST_KHZ, &ratio), 0);
	KUNIT_EXPECT_EQ(test, ratio, 0ULL);
	KUNIT_EXPECT_EQ(test, vtr_tsc_ratio(HOST_KHZ + 1, HOST_KHZ, &ratio), -EINVAL);
	vtr_backend->info.tsc_fraction_bits = bits;
}

static void what_is_written_is_read(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;
	u64 value;

	machine_load(m);
	preempt_disable();
	KUNIT_EXPECT_EQ(test, vtr_tsc_set_rate(v, vtr_tsc_khz() / 2), 0);
	KUNIT_EXPECT_EQ(test, v->tsc_khz, vtr_tsc_khz() / 2);
	KUNIT_EXPECT_EQ(test, m->vcpu->tsc_ratio, v->tsc_ratio);
	vtr_tsc_write(v, 0x123456789abcULL);
	value = vtr_tsc_read(v);
	preempt_enable();
	machine_put(m);
	KUNIT_EXPECT_GE(test, value, 0x123456789abcULL);
	KUNIT_EXPECT_LT(test, value, 0x123456789abcULL + BIT_ULL(36));
}

/* WRMSR moves the counter and adds up; what the program sets is state. */
static void only_the_guests_own_moves_are_added_up(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;
	u64 begin, moved, value = 1;

	machine_load(m);
	begin = m->vcpu->tsc_offset;
	KUNIT_EXPECT_EQ(test, vtr_msr_read(v, MSR_IA32_TSC_ADJUST, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 0ULL);
	KUNIT_EXPECT_EQ(test, vtr_msr_write(v, MSR_IA32_TSC, 1ULL << 60), 0);
	moved = m->vcpu->tsc_offset - begin;
	KUNIT_EXPECT_EQ(test, vtr_msr_read(v, MSR_IA32_TSC_ADJUST, &value), 0);
	KUNIT_EXPECT_NE(test, value, 0ULL);
	KUNIT_EXPECT_EQ(test, value, moved);
	KUNIT_EXPECT_EQ(test, vtr_msr_write(v, MSR_IA32_TSC_ADJUST, -5ULL), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->tsc_offset, begin - 5);
	KUNIT_EXPECT_EQ(test, vtr_msr_set(v, MSR_IA32_TSC_ADJUST, 77), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->tsc_offset, begin - 5);
	KUNIT_EXPECT_EQ(test, vtr_msr_set(v, MSR_IA32_TSC, 0), 0);
	KUNIT_EXPECT_EQ(test, vtr_msr_read(v, MSR_IA32_TSC_ADJUST, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 77ULL);
	machine_put(m);
}

static void the_guest_is_told_its_own_rate(struct kunit *test)
{
	struct machine *m = test->priv;
	u32 out[4];

	m->vcpu->base.tsc_khz = 2345000;
	vtr_cpuid(&m->vcpu->base, 0x15, 0, out);
	KUNIT_EXPECT_EQ(test, (u64)out[2] / 1000 * out[1] / out[0], 2345000ULL);
	vtr_cpuid(&m->vcpu->base, 0x16, 0, out);
	KUNIT_EXPECT_EQ(test, out[0], 2345u);
	vtr_cpuid(&m->vcpu->base, 0x40000010, 0, out);
	KUNIT_EXPECT_EQ(test, out[0], 2345000u);
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(the_default_is_a_table_that_may_be_set),
	KUNIT_CASE(a_table_promises_no_more_than_there_is),
	KUNIT_CASE(no_leaf_may_come_twice),
	KUNIT_CASE(the_table_answers),
	KUNIT_CASE(a_table_may_leave_the_topology_to_the_module),
	KUNIT_CASE(impossible_ranges_are_refused),
	KUNIT_CASE(a_range_has_its_ends_and_its_direction),
	KUNIT_CASE(an_access_goes_up_and_comes_back),
	{}
};

static struct kunit_case tsc_cases[] = {
	KUNIT_CASE(a_ratio_is_a_fixed_point_number),
	KUNIT_CASE(without_scaling_there_is_one_rate),
	KUNIT_CASE(what_is_written_is_read),
	KUNIT_CASE(only_the_guests_own_moves_are_added_up),
	KUNIT_CASE(the_guest_is_told_its_own_rate),
	{}
};

static struct kunit_suite policy_suite = {
	.name = "policy",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = policy_cases,
};

static struct kunit_suite tsc_suite = {
	.name = "tsc",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = tsc_cases,
};

kunit_test_suites(&policy_suite, &tsc_suite);
