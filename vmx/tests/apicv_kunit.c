// SPDX-License-Identifier: GPL-2.0-only
/*
 * Controls and fields of APIC virtualization.  KUnit suite "vmx_apicv".
 *
 * vmx/apicv.c writes to the fake VMCS; what an entry would check of it is asked of
 * vmx/check.c by tests/entry.
 */
#include <kunit/test.h>
#include <linux/io.h>

#include "../controls.h"
#include "../insn.h"
#include "../vmx.h"

#define CR8_EXITING	(VMX_PROC_CR8_LOAD_EXITING | VMX_PROC_CR8_STORE_EXITING)
#define XAPIC		(VTR_APICV_CR8 | VTR_APICV_XAPIC)
#define X2APIC		(VTR_APICV_CR8 | VTR_APICV_X2APIC)

struct fixture {
	struct vtr_vmx_vcpu v;
	struct vtr_vm vm;
};

static int start(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->v.base.vm = &f->vm;
	f->v.base.vapic = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	f->v.msr_bitmap = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->v.base.vapic);
	KUNIT_ASSERT_NOT_NULL(test, f->v.msr_bitmap);
	memset(f->v.msr_bitmap, 0xff, PAGE_SIZE);
	f->v.proc_controls = CR8_EXITING | VMX_PROC_HLT_EXITING;
	fake_vmcs_clear();
	vmcs_write32(VMCS_SECONDARY_VM_EXEC_CONTROL, VMX_PROC2_ENABLE_EPT);
	test->priv = f;
	return 0;
}

static void finish(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fake_vmcs_failures(), 0u);
}

static void set(struct kunit *test, struct vtr_apicv apicv)
{
	struct fixture *f = test->priv;

	vmx_set_apicv(&f->v.base, &apicv);
}

static bool exits(struct kunit *test, u32 msr, bool write)
{
	struct fixture *f = test->priv;

	return test_bit(msr + (write ? 2048 * 8 : 0), f->v.msr_bitmap);
}

static void what_a_processor_offers(struct kunit *test)
{
	const u32 all = VMX_PROC2_VIRTUALIZE_APIC_ACCESSES | VMX_PROC2_VIRTUALIZE_X2APIC |
			VMX_PROC2_APIC_REGISTER_VIRT | VMX_PROC2_VIRTUAL_INTR_DELIVERY;

	KUNIT_EXPECT_EQ(test, vmx_apicv_can(0, all), 0u);
	KUNIT_EXPECT_EQ(test, vmx_apicv_can(VMX_PROC_USE_TPR_SHADOW, 0), VTR_APICV_CR8);
	KUNIT_EXPECT_EQ(test, vmx_apicv_can(VMX_PROC_USE_TPR_SHADOW,
					    all & ~(u32)VMX_PROC2_APIC_REGISTER_VIRT),
			VTR_APICV_CR8);
	KUNIT_EXPECT_EQ(test, vmx_apicv_can(VMX_PROC_USE_TPR_SHADOW, all),
			XAPIC | X2APIC | VTR_APICV_DELIVERY);
}

static void registers_in_memory(struct kunit *test)
{
	struct fixture *f = test->priv;

	set(test, (struct vtr_apicv) { .does = XAPIC, .access_hpa = 0x1234000, .threshold = 5 });
	KUNIT_EXPECT_EQ(test, f->v.proc_controls,
			(u32)(VMX_PROC_USE_TPR_SHADOW | VMX_PROC_HLT_EXITING));
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_CPU_BASED_VM_EXEC_CONTROL), f->v.proc_controls);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_SECONDARY_VM_EXEC_CONTROL),
			(u32)(VMX_PROC2_ENABLE_EPT | VMX_PROC2_VIRTUALIZE_APIC_ACCESSES |
			      VMX_PROC2_APIC_REGISTER_VIRT));
	KUNIT_EXPECT_EQ(test, vmcs_read64(VMCS_VIRTUAL_APIC_PAGE_ADDR),
			(u64)virt_to_phys(f->v.base.vapic));
	KUNIT_EXPECT_EQ(test, vmcs_read64(VMCS_APIC_ACCESS_ADDR), 0x1234000ULL);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_TPR_THRESHOLD), 5u);
	KUNIT_EXPECT_TRUE(test, f->v.flush_vpid);
	KUNIT_EXPECT_TRUE(test, exits(test, 0x808, false));
	set(test, (struct vtr_apicv) { .does = XAPIC, .access_hpa = 0x1234000 });
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_TPR_THRESHOLD), 0u);
}

/* Both ways at once are forbidden; the bitmap follows. */
static void registers_by_msrs(struct kunit *test)
{
	set(test, (struct vtr_apicv) { .does = XAPIC, .access_hpa = 0x1234000 });
	set(test, (struct vtr_apicv) { .does = X2APIC });
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_SECONDARY_VM_EXEC_CONTROL),
			(u32)(VMX_PROC2_ENABLE_EPT | VMX_PROC2_VIRTUALIZE_X2APIC |
			      VMX_PROC2_APIC_REGISTER_VIRT));
	KUNIT_EXPECT_FALSE(test, exits(test, 0x802, false));
	KUNIT_EXPECT_TRUE(test, exits(test, 0x802, true));
	KUNIT_EXPECT_FALSE(test, exits(test, 0x808, false));
	KUNIT_EXPECT_FALSE(test, exits(test, 0x808, true));
	/* PPR, the count, the upper half of ICR, and what is not there. */
	KUNIT_EXPECT_TRUE(test, exits(test, 0x80a, false));
	KUNIT_EXPECT_TRUE(test, exits(test, 0x839, false));
	KUNIT_EXPECT_TRUE(test, exits(test, 0x831, false));
	KUNIT_EXPECT_TRUE(test, exits(test, 0x80e, false));
	KUNIT_EXPECT_TRUE(test, exits(test, 0x80b, true));
	set(test, (struct vtr_apicv) { .does = X2APIC | VTR_APICV_DELIVERY });
	KUNIT_EXPECT_FALSE(test, exits(test, 0x80b, true));
	KUNIT_EXPECT_FALSE(test, exits(test, 0x83f, true));
	set(test, (struct vtr_apicv) { .does = XAPIC });
	KUNIT_EXPECT_TRUE(test, exits(test, 0x802, false));
	KUNIT_EXPECT_TRUE(test, exits(test, 0x808, true));
	KUNIT_EXPECT_TRUE(test, exits(test, 0x83f, true));
}

static void the_program_answers_first(struct kunit *test)
{
	struct vtr_msr_range range = { .first = 0x808, .count = 1, .flags = VTR_MSR_WRITE };
	struct fixture *f = test->priv;

	f->vm.policy.ranges = &range;
	f->vm.policy.nr_ranges = 1;
	set(test, (struct vtr_apicv) { .does = X2APIC });
	KUNIT_EXPECT_TRUE(test, exits(test, 0x808, true));
	KUNIT_EXPECT_FALSE(test, exits(test, 0x808, false));
}

static void delivery(struct kunit *test)
{
	struct vtr_apicv apicv = {
		.does = XAPIC | VTR_APICV_DELIVERY, .requested = 0x55, .in_service = 0x44,
		.end_exits = { 0, BIT_ULL(0x5a - 64), 0, BIT_ULL(63) },
	};

	set(test, apicv);
	KUNIT_EXPECT_TRUE(test, vmcs_read32(VMCS_SECONDARY_VM_EXEC_CONTROL) &
			  VMX_PROC2_VIRTUAL_INTR_DELIVERY);
	KUNIT_EXPECT_EQ(test, vmcs_read16(VMCS_GUEST_INTR_STATUS), 0x4455);
	KUNIT_EXPECT_EQ(test, vmcs_read64(VMCS_EOI_EXIT_BITMAP0), 0ULL);
	KUNIT_EXPECT_EQ(test, vmcs_read64(VMCS_EOI_EXIT_BITMAP1), BIT_ULL(0x5a - 64));
	KUNIT_EXPECT_EQ(test, vmcs_read64(VMCS_EOI_EXIT_BITMAP3), BIT_ULL(63));
	/* The processor has changed it. */
	vmcs_write16(VMCS_GUEST_INTR_STATUS, 0x5500);
	set(test, apicv);
	KUNIT_EXPECT_EQ(test, vmcs_read16(VMCS_GUEST_INTR_STATUS), 0x4455);
}

static void nothing_by_itself(struct kunit *test)
{
	struct fixture *f = test->priv;

	set(test, (struct vtr_apicv) { .does = XAPIC | VTR_APICV_DELIVERY });
	set(test, (struct vtr_apicv) {});
	KUNIT_EXPECT_EQ(test, f->v.proc_controls, (u32)(CR8_EXITING | VMX_PROC_HLT_EXITING));
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_SECONDARY_VM_EXEC_CONTROL),
			(u32)VMX_PROC2_ENABLE_EPT);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(what_a_processor_offers),
	KUNIT_CASE(registers_in_memory),
	KUNIT_CASE(registers_by_msrs),
	KUNIT_CASE(the_program_answers_first),
	KUNIT_CASE(delivery),
	KUNIT_CASE(nothing_by_itself),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_apicv",
	.init = start,
	.exit = finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
