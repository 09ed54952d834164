// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the table of VMCS fields right?  KUnit suite "vmx_fields".
 *
 * Three sources check each other: the rules of the encoding itself (width,
 * type and reserved bits), the structure of the table (sorted, unique, every
 * row complete), and the numbers that the kernel's own <asm/vmx.h> has, which
 * other people typed in.  Built and run by tests/kunit/run; reasons_kunit.c
 * and controls_kunit.c do the same for the other tables.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../../tests/kunit/expect.h"
#include "../../tests/kunit/kernel_vmx.h"
#include "../describe.h"

#define for_each_field(f, i) \
	for ((i) = 0; ((f) = vmx_field_info(i)); (i)++)

static void fields_are_sorted_and_unique(struct kunit *test)
{
	const struct vmx_field_info *f;
	unsigned int i;
	u32 last = 0;

	for_each_field(f, i) {
		if (i)
			KUNIT_EXPECT_GT_MSG(test, f->encoding, last, "%s", f->name);
		last = f->encoding;
	}
	KUNIT_EXPECT_GT(test, i, 180u);
	KUNIT_EXPECT_NULL(test, vmx_field_info(i + 1));
	KUNIT_EXPECT_NULL(test, vmx_field_info(~0u));
}

static void encodings_keep_the_rules(struct kunit *test)
{
	const struct vmx_field_info *f;
	unsigned int i;

	for_each_field(f, i) {
		KUNIT_EXPECT_TRUE_MSG(test, vmcs_encoding_is_sane(f->encoding), "%s", f->name);
		KUNIT_EXPECT_EQ_MSG(test, f->encoding & VMCS_ENCODING_HIGH, 0, "%s", f->name);
		KUNIT_EXPECT_EQ_MSG(test, f->encoding & VMCS_ENCODING_RESERVED, 0, "%s", f->name);
	}
	/* The high half exists for 64-bit fields only; bits 12 and 31:15 are reserved. */
	KUNIT_EXPECT_TRUE(test, vmcs_encoding_is_sane(VMCS_EPT_POINTER + 1));
	KUNIT_EXPECT_FALSE(test, vmcs_encoding_is_sane(VMCS_GUEST_RIP + 1));
	KUNIT_EXPECT_FALSE(test, vmcs_encoding_is_sane(VMCS_GUEST_CS_SELECTOR + 1));
	KUNIT_EXPECT_FALSE(test, vmcs_encoding_is_sane(BIT(12)));
	KUNIT_EXPECT_FALSE(test, vmcs_encoding_is_sane(BIT(15)));
	KUNIT_EXPECT_FALSE(test, vmcs_encoding_is_sane(BIT(31)));
}

static u32 type_of_group(enum vtr_vmcs_group group)
{
	switch (group) {
	case VMCS_GROUP_exit_info:
		return VMCS_TYPE_EXIT_INFO;
	case VMCS_GROUP_host_state:
		return VMCS_TYPE_HOST;
	case VMCS_GROUP_controls_exec:
	case VMCS_GROUP_controls_exit:
	case VMCS_GROUP_controls_entry:
		return VMCS_TYPE_CONTROL;
	default:
		return VMCS_TYPE_GUEST;
	}
}

static void groups_agree_with_types(struct kunit *test)
{
	const struct vmx_field_info *f;
	unsigned int i;

	for_each_field(f, i) {
		bool read_only = VMCS_TYPE(f->encoding) == VMCS_TYPE_EXIT_INFO;

		KUNIT_EXPECT_EQ_MSG(test, VMCS_TYPE(f->encoding), type_of_group(f->group),
				    "%s", f->name);
		KUNIT_EXPECT_EQ_MSG(test, f->access == VMCS_ACCESS_ro, read_only, "%s", f->name);
	}
}

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && !strcmp(s + a - b, end);
}

/* Bytes that a field must have by the kind of thing that its name says it is. */
static unsigned int bytes_by_name(const char *name)
{
	if (ends_with(name, "_SELECTOR"))
		return 2;
	if (ends_with(name, "_LIMIT") || ends_with(name, "_AR_BYTES") ||
	    ends_with(name, "_COUNT") || ends_with(name, "_ERROR_CODE") ||
	    ends_with(name, "SYSENTER_CS"))
		return 4;
	if (ends_with(name, "_BASE") || strstr(name, "_CR0") || strstr(name, "_CR4") ||
	    strstr(name, "_IA32_EFER") || strstr(name, "_IA32_PAT") ||
	    ends_with(name, "_RIP") || ends_with(name, "_RSP") || ends_with(name, "_ADDR"))
		return 8;
	return 0;
}

static void widths_agree_with_names(struct kunit *test)
{
	const struct vmx_field_info *f;
	unsigned int i, checked = 0;

	for_each_field(f, i) {
		unsigned int bytes = bytes_by_name(f->name);

		if (!bytes)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, vmcs_field_bytes(f->encoding), bytes, "%s", f->name);
		checked++;
	}
	KUNIT_EXPECT_GT(test, checked, 60u);
}

static void every_field_is_found(struct kunit *test)
{
	const struct vmx_field_info *f;
	unsigned int i;

	for_each_field(f, i) {
		KUNIT_EXPECT_PTR_EQ(test, vmx_field_find(f->encoding), f);
		KUNIT_EXPECT_NULL_MSG(test, vmx_field_find(f->encoding + 1), "%s", f->name);
	}
	KUNIT_EXPECT_NULL(test, vmx_field_find(0x7fff));
	KUNIT_EXPECT_NULL(test, vmx_field_find(~0u));
}

static void fields_have_words(struct kunit *test)
{
	const struct vmx_field_info *f;
	unsigned int i;

	for_each_field(f, i) {
		expect_sentence(test, f->meaning, f->name);
		KUNIT_EXPECT_GT_MSG(test, strlen(f->title), (size_t)8, "%s", f->name);
		KUNIT_EXPECT_STRNEQ_MSG(test, vmx_group_name(f->group), "unknown group",
					"%s", f->name);
	}
	KUNIT_EXPECT_STREQ(test, vmx_group_name(VMCS_NR_GROUPS), "unknown group");
}

/* Every field that <asm/vmx.h> of the oldest supported kernel names. */
#define KERNEL_FIELDS(F)						\
	F(VIRTUAL_PROCESSOR_ID) F(POSTED_INTR_NV) F(LAST_PID_POINTER_INDEX) \
	F(GUEST_ES_SELECTOR) F(GUEST_CS_SELECTOR) F(GUEST_SS_SELECTOR) \
	F(GUEST_DS_SELECTOR) F(GUEST_FS_SELECTOR) F(GUEST_GS_SELECTOR) \
	F(GUEST_LDTR_SELECTOR) F(GUEST_TR_SELECTOR) F(GUEST_INTR_STATUS) \
	F(GUEST_PML_INDEX) F(HOST_ES_SELECTOR) F(HOST_CS_SELECTOR) \
	F(HOST_SS_SELECTOR) F(HOST_DS_SELECTOR) F(HOST_FS_SELECTOR) \
	F(HOST_GS_SELECTOR) F(HOST_TR_SELECTOR) F(IO_BITMAP_A) F(IO_BITMAP_B) \
	F(MSR_BITMAP) F(VM_EXIT_MSR_STORE_ADDR) F(VM_EXIT_MSR_LOAD_ADDR) \
	F(VM_ENTRY_MSR_LOAD_ADDR) F(PML_ADDRESS) F(TSC_OFFSET) \
	F(VIRTUAL_APIC_PAGE_ADDR) F(APIC_ACCESS_ADDR) \
	F(POSTED_INTR_DESC_ADDR) F(VM_FUNCTION_CONTROL) F(EPT_POINTER) \
	F(EOI_EXIT_BITMAP0) F(EOI_EXIT_BITMAP1) F(EOI_EXIT_BITMAP2) \
	F(EOI_EXIT_BITMAP3) F(EPTP_LIST_ADDRESS) F(VMREAD_BITMAP) \
	F(VMWRITE_BITMAP) F(XSS_EXIT_BITMAP) F(ENCLS_EXITING_BITMAP) \
	F(TSC_MULTIPLIER) F(TERTIARY_VM_EXEC_CONTROL) F(PID_POINTER_TABLE) \
	F(GUEST_PHYSICAL_ADDRESS) F(VMCS_LINK_POINTER) F(GUEST_IA32_DEBUGCTL) \
	F(GUEST_IA32_PAT) F(GUEST_IA32_EFER) F(GUEST_IA32_PERF_GLOBAL_CTRL) \
	F(GUEST_PDPTR0) F(GUEST_PDPTR1) F(GUEST_PDPTR2) F(GUEST_PDPTR3) \
	F(GUEST_BNDCFGS) F(GUEST_IA32_RTIT_CTL) F(HOST_IA32_PAT) \
	F(HOST_IA32_EFER) F(HOST_IA32_PERF_GLOBAL_CTRL) \
	F(PIN_BASED_VM_EXEC_CONTROL) F(CPU_BASED_VM_EXEC_CONTROL) \
	F(EXCEPTION_BITMAP) F(PAGE_FAULT_ERROR_CODE_MASK) \
	F(PAGE_FAULT_ERROR_CODE_MATCH) F(CR3_TARGET_COUNT) \
	F(VM_EXIT_CONTROLS) F(VM_EXIT_MSR_STORE_COUNT) \
	F(VM_EXIT_MSR_LOAD_COUNT) F(VM_ENTRY_CONTROLS) \
	F(VM_ENTRY_MSR_LOAD_COUNT) F(VM_ENTRY_INTR_INFO_FIELD) \
	F(VM_ENTRY_EXCEPTION_ERROR_CODE) F(VM_ENTRY_INSTRUCTION_LEN) \
	F(TPR_THRESHOLD) F(SECONDARY_VM_EXEC_CONTROL) F(PLE_GAP) \
	F(PLE_WINDOW) F(NOTIFY_WINDOW) F(VM_INSTRUCTION_ERROR) \
	F(VM_EXIT_REASON) F(VM_EXIT_INTR_INFO) F(VM_EXIT_INTR_ERROR_CODE) \
	F(IDT_VECTORING_INFO_FIELD) F(IDT_VECTORING_ERROR_CODE) \
	F(VM_EXIT_INSTRUCTION_LEN) F(VMX_INSTRUCTION_INFO) F(GUEST_ES_LIMIT) \
	F(GUEST_CS_LIMIT) F(GUEST_SS_LIMIT) F(GUEST_DS_LIMIT) \
	F(GUEST_FS_LIMIT) F(GUEST_GS_LIMIT) F(GUEST_LDTR_LIMIT) \
	F(GUEST_TR_LIMIT) F(GUEST_GDTR_LIMIT) F(GUEST_IDTR_LIMIT) \
	F(GUEST_ES_AR_BYTES) F(GUEST_CS_AR_BYTES) F(GUEST_SS_AR_BYTES) \
	F(GUEST_DS_AR_BYTES) F(GUEST_FS_AR_BYTES) F(GUEST_GS_AR_BYTES) \
	F(GUEST_LDTR_AR_BYTES) F(GUEST_TR_AR_BYTES) \
	F(GUEST_INTERRUPTIBILITY_INFO) F(GUEST_ACTIVITY_STATE) \
	F(GUEST_SYSENTER_CS) F(VMX_PREEMPTION_TIMER_VALUE) \
	F(HOST_IA32_SYSENTER_CS) F(CR0_GUEST_HOST_MASK) \
	F(CR4_GUEST_HOST_MASK) F(CR0_READ_SHADOW) F(CR4_READ_SHADOW) \
	F(CR3_TARGET_VALUE0) F(CR3_TARGET_VALUE1) F(CR3_TARGET_VALUE2) \
	F(CR3_TARGET_VALUE3) F(EXIT_QUALIFICATION) F(GUEST_LINEAR_ADDRESS) \
	F(GUEST_CR0) F(GUEST_CR3) F(GUEST_CR4) F(GUEST_ES_BASE) \
	F(GUEST_CS_BASE) F(GUEST_SS_BASE) F(GUEST_DS_BASE) F(GUEST_FS_BASE) \
	F(GUEST_GS_BASE) F(GUEST_LDTR_BASE) F(GUEST_TR_BASE) \
	F(GUEST_GDTR_BASE) F(GUEST_IDTR_BASE) F(GUEST_DR7) F(GUEST_RSP) \
	F(GUEST_RIP) F(GUEST_RFLAGS) F(GUEST_PENDING_DBG_EXCEPTIONS) \
	F(GUEST_SYSENTER_ESP) F(GUEST_SYSENTER_EIP) F(HOST_CR0) F(HOST_CR3) \
	F(HOST_CR4) F(HOST_FS_BASE) F(HOST_GS_BASE) F(HOST_TR_BASE) \
	F(HOST_GDTR_BASE) F(HOST_IDTR_BASE) F(HOST_IA32_SYSENTER_ESP) \
	F(HOST_IA32_SYSENTER_EIP) F(HOST_RSP) F(HOST_RIP)

static void fields_match_the_kernel(struct kunit *test)
{
	static const struct {
		const char *name;
		u32 kernel;
	} list[] = {
#define ROW(name_) { #name_, name_ },
		KERNEL_FIELDS(ROW)
#undef ROW
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++) {
		const struct vmx_field_info *f = vmx_field_find(list[i].kernel);

		KUNIT_EXPECT_NOT_NULL_MSG(test, f, "%s %#x is missing", list[i].name,
					  list[i].kernel);
		if (f)
			KUNIT_EXPECT_STREQ(test, f->name, list[i].name);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(fields_are_sorted_and_unique),
	KUNIT_CASE(encodings_keep_the_rules),
	KUNIT_CASE(groups_agree_with_types),
	KUNIT_CASE(widths_agree_with_names),
	KUNIT_CASE(every_field_is_found),
	KUNIT_CASE(fields_have_words),
	KUNIT_CASE(fields_match_the_kernel),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_fields",
	.test_cases = cases,
};

kunit_test_suite(suite);
