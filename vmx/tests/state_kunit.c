// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does guest state survive its way into the VMCS and back?  KUnit suite
 * "vmx_state".
 *
 * vmx/state.c and vmx/snapshot.c on the fake VMCS: segments, the two faces of
 * CR0 and CR4, EFER and the entry control, MSRs, raw fields.  Built and run by
 * tests/kunit/run.
 */
#include <kunit/test.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../caps.h"
#include "../describe.h"
#include "../insn.h"
#include "../vmx.h"

static int start(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, v);
	fake_vmcs_clear();
	vmx_caps.proc2 = VMX_PROC2_ENABLE_RDTSCP;
	vmx_caps.cr0_fixed0 = X86_CR0_NE;
	vmx_caps.cr4_fixed0 = X86_CR4_VMXE;
	test->priv = v;
	return 0;
}

static void finish(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fake_vmcs_failures(), 0u);
}

/* ---- registers and segments -------------------------------------------------------- */

static void registers_come_back(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	struct vtr_regs in, out;

	for (unsigned int i = 0; i < VTR_NR_GPRS; i++)
		in.gpr[i] = 0x0101010101010101ULL * (i + 1);
	in.rip = 0xffffffff81000000ULL;
	in.rflags = 0x246;
	vmx_set_regs(&v->base, &in);
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_RSP), in.gpr[VTR_RSP]);
	v->base.gpr[VTR_RSP] = 0;	/* not where RSP lives */
	vmx_get_regs(&v->base, &out);
	KUNIT_EXPECT_EQ(test, memcmp(&in, &out, sizeof(in)), 0);
}

static void rights_have_a_gap_in_the_vmcs(struct kunit *test)
{
	static const struct {
		u16 attributes;
		u32 rights;
	} rows[] = {
		{ 0xa9b, 0xa09b },	/* 64-bit code */
		{ 0xc93, 0xc093 },	/* flat data */
		{ 0x08b, 0x008b },	/* busy TSS */
		{ 0xfff, 0xf0ff },
		{ 0x000, 0x0000 },
	};
	struct vtr_vmx_vcpu *v = test->priv;
	struct vtr_sregs in = {}, out;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		in.seg[VTR_CS].attributes = rows[i].attributes;
		vmx_set_sregs(&v->base, &in);
		KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_CS_AR_BYTES), rows[i].rights);
		vmx_get_sregs(&v->base, &out);
		KUNIT_EXPECT_EQ(test, out.seg[VTR_CS].attributes, rows[i].attributes);
		KUNIT_EXPECT_EQ(test, out.seg[VTR_CS].unusable, 0);
	}
}

static void fill_sregs(struct vtr_sregs *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < VTR_NR_SEGS; i++)
		s->seg[i] = (struct vtr_segment) {
			.base = 0xffff800000000000ULL + 0x10000 * i, .limit = 0xfffff000 + i,
			.selector = 8 * (i + 1), .attributes = i == VTR_TR ? 0x8b : 0xc93,
			.unusable = i == VTR_LDTR,
		};
	s->gdtr = (struct vtr_table_register) { .base = 0xfffffe0000001000ULL, .limit = 0x7f };
	s->idtr = (struct vtr_table_register) { .base = 0xfffffe0000000000ULL, .limit = 0xfff };
	s->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_PG | X86_CR0_WP;
	s->cr3 = 0x12345000;
	s->cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR;
	s->efer = EFER_LME | EFER_LMA | EFER_NX;
}

/* SS of 64-bit code may be null, and its DPL is still the privilege level. */
static void every_system_register_comes_back(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	struct vtr_sregs in, out;

	fill_sregs(&in);
	in.seg[VTR_SS].unusable = 1;
	vmx_set_sregs(&v->base, &in);
	vmx_get_sregs(&v->base, &out);
	for (unsigned int i = 0; i < VTR_NR_SEGS; i++)
		KUNIT_EXPECT_EQ_MSG(test, memcmp(&in.seg[i], &out.seg[i], sizeof(in.seg[i])), 0,
				    "segment %u", i);
	KUNIT_EXPECT_EQ(test, memcmp(&in, &out, sizeof(in)), 0);
	/* The processor's own rules are kept all the same. */
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_CR0) & X86_CR0_NE, X86_CR0_NE);
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_CR4) & X86_CR4_VMXE, X86_CR4_VMXE);
	KUNIT_EXPECT_NE(test, vmcs_read32(VMCS_GUEST_LDTR_AR_BYTES) & BIT(16), 0UL);
}

/* ---- control registers ----------------------------------------------------------------- */

static void cr0_has_two_faces(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	/* The guest clears NE and stops its caches: neither is true. */
	vmx_set_cr(&v->base, 0, X86_CR0_PE | X86_CR0_CD | X86_CR0_NW);
	KUNIT_EXPECT_EQ(test, vmx_get_cr(&v->base, 0), (u64)(X86_CR0_PE | X86_CR0_CD | X86_CR0_NW));
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_CR0), (u64)(X86_CR0_PE | X86_CR0_NE));
	/* What it reads by MOV: the mask chooses between shadow and real value. */
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_CR0_GUEST_HOST_MASK) & (X86_CR0_NE | X86_CR0_CD |
			X86_CR0_NW | X86_CR0_PE | X86_CR0_PG), (u64)(X86_CR0_NE | X86_CR0_CD |
			X86_CR0_NW | X86_CR0_PE | X86_CR0_PG));
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_CR0_READ_SHADOW), vmx_get_cr(&v->base, 0));
	KUNIT_EXPECT_TRUE(test, v->flush_vpid);
}

static void bits_that_the_guest_owns_are_read_from_the_processor(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	u64 owned;

	vmx_set_cr(&v->base, 0, X86_CR0_PE | X86_CR0_TS);
	owned = ~vmcs_readl(VMCS_CR0_GUEST_HOST_MASK);
	KUNIT_ASSERT_NE(test, owned & X86_CR0_TS, 0ULL);
	/* CLTS without an exit changes the real register only. */
	vmcs_writel(VMCS_GUEST_CR0, vmcs_readl(VMCS_GUEST_CR0) & ~(u64)X86_CR0_TS);
	KUNIT_EXPECT_EQ(test, vmx_get_cr(&v->base, 0), (u64)X86_CR0_PE);

	vmx_set_cr(&v->base, 4, X86_CR4_PAE);
	owned = ~vmcs_readl(VMCS_CR4_GUEST_HOST_MASK);
	KUNIT_ASSERT_NE(test, owned & X86_CR4_PGE, 0ULL);
	vmcs_writel(VMCS_GUEST_CR4, vmcs_readl(VMCS_GUEST_CR4) | X86_CR4_PGE);
	KUNIT_EXPECT_EQ(test, vmx_get_cr(&v->base, 4), (u64)(X86_CR4_PAE | X86_CR4_PGE));
}

static void no_fixed_bit_is_the_guests(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	vmx_set_cr(&v->base, 0, 0);
	vmx_set_cr(&v->base, 4, 0);
	KUNIT_EXPECT_EQ(test, ~vmcs_readl(VMCS_CR0_GUEST_HOST_MASK) & vmx_caps.cr0_fixed0, 0ULL);
	KUNIT_EXPECT_EQ(test, ~vmcs_readl(VMCS_CR4_GUEST_HOST_MASK) & vmx_caps.cr4_fixed0, 0ULL);
	/* Bits with checks in module/cr.c exit, too: a guest must not get around them. */
	KUNIT_EXPECT_EQ(test, ~vmcs_readl(VMCS_CR0_GUEST_HOST_MASK) & X86_CR0_PG, 0ULL);
	KUNIT_EXPECT_EQ(test, ~vmcs_readl(VMCS_CR4_GUEST_HOST_MASK) &
			(X86_CR4_PAE | X86_CR4_PSE | X86_CR4_SMEP | X86_CR4_SMAP |
			 X86_CR4_PCIDE | X86_CR4_OSXSAVE | X86_CR4_FSGSBASE), 0ULL);
}

static void long_mode_is_an_entry_control(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, VMX_ENTRY_CTL_LOAD_EFER);
	vmcs_write32(VMCS_GUEST_TR_AR_BYTES, 0x83);	/* busy 16-bit TSS */
	vmx_set_efer(&v->base, EFER_LME);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_VM_ENTRY_CONTROLS), (u32)VMX_ENTRY_CTL_LOAD_EFER);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_TR_AR_BYTES), 0x83u);
	vmx_set_efer(&v->base, EFER_LME | EFER_LMA);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_VM_ENTRY_CONTROLS),
			(u32)(VMX_ENTRY_CTL_LOAD_EFER | VMX_ENTRY_CTL_IA32E_MODE));
	/* SDM 3C "Checks on Guest Segment Registers" (27.3.1.2): TR must be type 11. */
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_TR_AR_BYTES), 0x8bu);
	vmx_set_efer(&v->base, 0);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_VM_ENTRY_CONTROLS), (u32)VMX_ENTRY_CTL_LOAD_EFER);
	KUNIT_EXPECT_EQ(test, vmcs_read64(VMCS_GUEST_IA32_EFER), 0ULL);
}

static void contradictions_are_refused(struct kunit *test)
{
	struct vtr_sregs s;

	fill_sregs(&s);
	KUNIT_EXPECT_EQ(test, vmx_check_sregs(&s), 0);
	s.efer = EFER_LME | EFER_NX;			/* paging and LME make LMA */
	KUNIT_EXPECT_EQ(test, vmx_check_sregs(&s), -EINVAL);
	s.efer = EFER_LMA;				/* LMA without LME */
	KUNIT_EXPECT_EQ(test, vmx_check_sregs(&s), -EINVAL);
	fill_sregs(&s);
	s.cr4 = 0;					/* long mode without PAE */
	KUNIT_EXPECT_EQ(test, vmx_check_sregs(&s), -EINVAL);
	fill_sregs(&s);
	s.efer |= BIT(12);				/* SVM */
	KUNIT_EXPECT_EQ(test, vmx_check_sregs(&s), -EINVAL);
	fill_sregs(&s);
	s.cr4 |= X86_CR4_VMXE;				/* the host's, never the guest's */
	KUNIT_EXPECT_EQ(test, vmx_check_sregs(&s), -EINVAL);
	fill_sregs(&s);
	s.cr0 |= BIT_ULL(32);
	KUNIT_EXPECT_EQ(test, vmx_check_sregs(&s), -EINVAL);
}

/* ---- MSRs ---------------------------------------------------------------------------------- */

static void expect_msr(struct kunit *test, u32 index, u64 value, int expected)
{
	struct vtr_vmx_vcpu *v = test->priv;
	u64 before = 0, after = 0;
	int known = vmx_get_msr(&v->base, index, &before);

	KUNIT_EXPECT_EQ_MSG(test, vmx_set_msr(&v->base, index, value), expected,
			    "MSR %#x := %#llx", index, value);
	if (known || vmx_get_msr(&v->base, index, &after))
		return;
	KUNIT_EXPECT_EQ_MSG(test, after, expected ? before : value, "MSR %#x", index);
}

static void msrs_take_what_a_processor_takes(struct kunit *test)
{
	const u64 canonical = 0xffff800000000000ULL, wild = 0x0000800000000000ULL;
	static const u32 addresses[] = { MSR_LSTAR, MSR_CSTAR, MSR_KERNEL_GS_BASE, MSR_FS_BASE,
					 MSR_GS_BASE, MSR_IA32_SYSENTER_ESP,
					 MSR_IA32_SYSENTER_EIP };

	for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
		expect_msr(test, addresses[i], canonical, 0);
		expect_msr(test, addresses[i], wild, -EINVAL);
		expect_msr(test, addresses[i], 0x00007fffffffffffULL, 0);
	}
	expect_msr(test, MSR_STAR, 0x0023001000000000ULL, 0);
	expect_msr(test, MSR_SYSCALL_MASK, 0x47700, 0);
	expect_msr(test, MSR_SYSCALL_MASK, BIT_ULL(32), -EINVAL);
	expect_msr(test, MSR_TSC_AUX, 0xffffffff, 0);
	expect_msr(test, MSR_TSC_AUX, BIT_ULL(32), -EINVAL);
	expect_msr(test, MSR_IA32_SYSENTER_CS, 0x10, 0);
	expect_msr(test, 0x12345, 0, -ENOENT);
	expect_msr(test, MSR_IA32_VMX_BASIC, 0, -ENOENT);
}

static void pat_has_six_types(struct kunit *test)
{
	static const bool valid[9] = { true, true, false, false, true, true, true, true, false };

	for (u64 type = 0; type < 9; type++)
		for (unsigned int byte = 0; byte < 8; byte++)
			expect_msr(test, MSR_IA32_CR_PAT, type << (8 * byte),
				   valid[type] ? 0 : -EINVAL);
	expect_msr(test, MSR_IA32_CR_PAT, 0x0007040600070406ULL, 0);
	expect_msr(test, MSR_IA32_CR_PAT, 0x8007040600070406ULL, -EINVAL);
}

static void tsc_aux_needs_rdtscp(struct kunit *test)
{
	vmx_caps.proc2 = 0;
	expect_msr(test, MSR_TSC_AUX, 1, -ENOENT);
}

/* ---- looking ---------------------------------------------------------------------------- */

static void a_snapshot_has_the_fields_that_exist(struct kunit *test)
{
	struct vtr_snapshot *snap = kunit_kzalloc(test, sizeof(*snap), GFP_KERNEL);
	struct vtr_vmx_vcpu *v = test->priv;
	unsigned int all = 0;
	bool rip = false;

	KUNIT_ASSERT_NOT_NULL(test, snap);
	while (vmx_field_info(all))
		all++;
	fake_vmcs_remove(VMCS_PLE_GAP);
	fake_vmcs_remove(VMCS_GUEST_UINV);
	vmcs_writel(VMCS_GUEST_RIP, 0x1234);
	v->base.cr2 = 0xdead;
	vmx_snapshot(&v->base, snap);
	KUNIT_EXPECT_EQ(test, snap->nr_fields, all - 2);
	for (unsigned int i = 0; i < snap->nr_fields; i++) {
		KUNIT_EXPECT_NE(test, snap->fields[i].encoding, (u32)VMCS_PLE_GAP);
		rip |= snap->fields[i].encoding == VMCS_GUEST_RIP &&
		       snap->fields[i].value == 0x1234;
	}
	KUNIT_EXPECT_TRUE(test, rip);
	KUNIT_EXPECT_EQ(test, snap->regs.rip, 0x1234ULL);
	KUNIT_EXPECT_EQ(test, snap->sregs.cr2, 0xdeadULL);
	KUNIT_EXPECT_EQ(test, fake_vmcs_failures(), 2u);
	fake_vmcs_clear();
}

static void raw_fields_by_number(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	u64 value = 1;

	vmcs_write64(VMCS_EPT_POINTER, 0x501e);
	KUNIT_EXPECT_EQ(test, vmx_read_field(&v->base, VMCS_EPT_POINTER, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 0x501eULL);
	vmcs_write64(VMCS_TSC_OFFSET, 0x1122334455667788);
	KUNIT_EXPECT_EQ(test, vmx_read_field(&v->base, VMCS_TSC_OFFSET + 1, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 0x11223344ULL);
	/* Bit 12 is reserved; only 64-bit fields have halves. */
	KUNIT_EXPECT_EQ(test, vmx_read_field(&v->base, 0x7ffe, &value), -ENOENT);
	KUNIT_EXPECT_EQ(test, value, 0ULL);
	KUNIT_EXPECT_EQ(test, vmx_read_field(&v->base, VMCS_GUEST_RIP + 1, &value), -ENOENT);
	fake_vmcs_clear();
}

/* Addresses of the host are for root's eyes only; the guest's are the guest's. */
static void host_fields_are_told_apart(struct kunit *test)
{
	static const struct {
		u32 encoding;
		bool host;
	} rows[] = {
		{ VMCS_HOST_RIP, true }, { VMCS_HOST_GS_BASE, true }, { VMCS_HOST_CR3, true },
		{ VMCS_HOST_ES_SELECTOR, true }, { VMCS_EPT_POINTER, true },
		{ VMCS_EPT_POINTER + 1, true }, { VMCS_MSR_BITMAP, true },
		{ VMCS_TSC_OFFSET, false }, { VMCS_TSC_OFFSET + 1, false },
		{ VMCS_GUEST_RIP, false }, { VMCS_GUEST_CR3, false },
		{ VMCS_EXIT_QUALIFICATION, false }, { VMCS_GUEST_PHYSICAL_ADDRESS, false },
		{ VMCS_PIN_BASED_VM_EXEC_CONTROL, false }, { VMCS_CR0_READ_SHADOW, false },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test, vmx_is_host_field(rows[i].encoding), rows[i].host,
				    "field %#x", rows[i].encoding);
}

static void raw_fields_have_words(struct kunit *test)
{
	const struct vtr_field efer = { .encoding = VMCS_GUEST_IA32_EFER, .value = 0xd01 };
	const struct vtr_field io = { .encoding = VMCS_EXIT_QUALIFICATION, .value = 0x03f80000 };
	const struct vtr_field unknown = { .encoding = 0x7ffe };
	const char *group, *name;
	char text[128];

	KUNIT_EXPECT_TRUE(test, vmx_describe_raw(&efer, 0, &group, &name, text, sizeof(text)));
	KUNIT_EXPECT_STREQ(test, group, "guest registers");
	KUNIT_EXPECT_STREQ(test, name, "GUEST_IA32_EFER");
	KUNIT_EXPECT_STREQ(test, text, "SCE, LME, LMA, NXE");
	KUNIT_EXPECT_TRUE(test, vmx_describe_raw(&io, VMX_EXIT_IO, &group, &name, text,
						 sizeof(text)));
	KUNIT_EXPECT_STREQ(test, text, "OUT port 0x3f8, 1 byte");
	KUNIT_EXPECT_FALSE(test, vmx_describe_raw(&unknown, 0, &group, &name, text, sizeof(text)));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(registers_come_back),
	KUNIT_CASE(rights_have_a_gap_in_the_vmcs),
	KUNIT_CASE(every_system_register_comes_back),
	KUNIT_CASE(cr0_has_two_faces),
	KUNIT_CASE(bits_that_the_guest_owns_are_read_from_the_processor),
	KUNIT_CASE(no_fixed_bit_is_the_guests),
	KUNIT_CASE(long_mode_is_an_entry_control),
	KUNIT_CASE(contradictions_are_refused),
	KUNIT_CASE(msrs_take_what_a_processor_takes),
	KUNIT_CASE(pat_has_six_types),
	KUNIT_CASE(tsc_aux_needs_rdtscp),
	KUNIT_CASE(a_snapshot_has_the_fields_that_exist),
	KUNIT_CASE(raw_fields_by_number),
	KUNIT_CASE(host_fields_are_told_apart),
	KUNIT_CASE(raw_fields_have_words),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_state",
	.init = start,
	.exit = finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
