// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the tables of vmx/ right?  KUnit suite "vmx_tables".
 *
 * Three sources check each other: the rules of the encoding itself (width,
 * type and reserved bits), the structure of the tables (sorted, unique, every
 * row complete), and the numbers that the kernel's own <asm/vmx.h> has, which
 * other people typed in.  Built and run by tests/kunit/run; the words made of
 * the tables are the subject of describe_kunit.c.
 */
#include <kunit/test.h>
#include <linux/ctype.h>
#include <linux/string.h>

#include "../../module/backend.h"
#include "../../tests/kunit/kernel_vmx.h"
#include "../describe.h"

/* ---- fields --------------------------------------------------------------- */

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

/* One sentence: a capital letter or a name at its head, a full stop at its end. */
static void expect_sentence(struct kunit *test, const char *s, const char *of)
{
	size_t length = strlen(s);

	KUNIT_EXPECT_GT_MSG(test, length, (size_t)4, "%s", of);
	KUNIT_EXPECT_FALSE_MSG(test, islower(s[0]), "%s: %s", of, s);
	KUNIT_EXPECT_EQ_MSG(test, s[length - 1], '.', "%s: %s", of, s);
	for (size_t i = 0; i < length; i++)
		if (s[i] < ' ' || s[i] > '~')
			KUNIT_FAIL(test, "%s: character %#x at %zu", of, (u8)s[i], i);
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

/* ---- exit reasons --------------------------------------------------------- */

static void exits_match_the_kernel(struct kunit *test)
{
	static const struct {
		const char *name;
		u32 ours, kernel;
	} list[] = {
	{ "EXCEPTION_NMI", VMX_EXIT_EXCEPTION_NMI, EXIT_REASON_EXCEPTION_NMI },
	{ "EXTERNAL_INTERRUPT", VMX_EXIT_EXTERNAL_INTERRUPT, EXIT_REASON_EXTERNAL_INTERRUPT },
	{ "TRIPLE_FAULT", VMX_EXIT_TRIPLE_FAULT, EXIT_REASON_TRIPLE_FAULT },
	{ "INIT_SIGNAL", VMX_EXIT_INIT_SIGNAL, EXIT_REASON_INIT_SIGNAL },
	{ "SIPI_SIGNAL", VMX_EXIT_SIPI_SIGNAL, EXIT_REASON_SIPI_SIGNAL },
	{ "INTERRUPT_WINDOW", VMX_EXIT_INTERRUPT_WINDOW, EXIT_REASON_INTERRUPT_WINDOW },
	{ "NMI_WINDOW", VMX_EXIT_NMI_WINDOW, EXIT_REASON_NMI_WINDOW },
	{ "TASK_SWITCH", VMX_EXIT_TASK_SWITCH, EXIT_REASON_TASK_SWITCH },
	{ "CPUID", VMX_EXIT_CPUID, EXIT_REASON_CPUID },
	{ "HLT", VMX_EXIT_HLT, EXIT_REASON_HLT },
	{ "INVD", VMX_EXIT_INVD, EXIT_REASON_INVD },
	{ "INVLPG", VMX_EXIT_INVLPG, EXIT_REASON_INVLPG },
	{ "RDPMC", VMX_EXIT_RDPMC, EXIT_REASON_RDPMC },
	{ "RDTSC", VMX_EXIT_RDTSC, EXIT_REASON_RDTSC },
	{ "VMCALL", VMX_EXIT_VMCALL, EXIT_REASON_VMCALL },
	{ "VMCLEAR", VMX_EXIT_VMCLEAR, EXIT_REASON_VMCLEAR },
	{ "VMLAUNCH", VMX_EXIT_VMLAUNCH, EXIT_REASON_VMLAUNCH },
	{ "VMPTRLD", VMX_EXIT_VMPTRLD, EXIT_REASON_VMPTRLD },
	{ "VMPTRST", VMX_EXIT_VMPTRST, EXIT_REASON_VMPTRST },
	{ "VMREAD", VMX_EXIT_VMREAD, EXIT_REASON_VMREAD },
	{ "VMRESUME", VMX_EXIT_VMRESUME, EXIT_REASON_VMRESUME },
	{ "VMWRITE", VMX_EXIT_VMWRITE, EXIT_REASON_VMWRITE },
	{ "VMOFF", VMX_EXIT_VMXOFF, EXIT_REASON_VMOFF },
	{ "VMON", VMX_EXIT_VMXON, EXIT_REASON_VMON },
	{ "CR_ACCESS", VMX_EXIT_CR_ACCESS, EXIT_REASON_CR_ACCESS },
	{ "DR_ACCESS", VMX_EXIT_DR_ACCESS, EXIT_REASON_DR_ACCESS },
	{ "IO_INSTRUCTION", VMX_EXIT_IO, EXIT_REASON_IO_INSTRUCTION },
	{ "MSR_READ", VMX_EXIT_RDMSR, EXIT_REASON_MSR_READ },
	{ "MSR_WRITE", VMX_EXIT_WRMSR, EXIT_REASON_MSR_WRITE },
	{ "INVALID_STATE", VMX_EXIT_INVALID_GUEST_STATE, EXIT_REASON_INVALID_STATE },
	{ "MSR_LOAD_FAIL", VMX_EXIT_MSR_LOAD_FAIL, EXIT_REASON_MSR_LOAD_FAIL },
	{ "MWAIT_INSTRUCTION", VMX_EXIT_MWAIT, EXIT_REASON_MWAIT_INSTRUCTION },
	{ "MONITOR_TRAP_FLAG", VMX_EXIT_MTF, EXIT_REASON_MONITOR_TRAP_FLAG },
	{ "MONITOR_INSTRUCTION", VMX_EXIT_MONITOR, EXIT_REASON_MONITOR_INSTRUCTION },
	{ "PAUSE_INSTRUCTION", VMX_EXIT_PAUSE, EXIT_REASON_PAUSE_INSTRUCTION },
	{ "MCE_DURING_VMENTRY", VMX_EXIT_MACHINE_CHECK_ENTRY, EXIT_REASON_MCE_DURING_VMENTRY },
	{ "TPR_BELOW_THRESHOLD", VMX_EXIT_TPR_THRESHOLD, EXIT_REASON_TPR_BELOW_THRESHOLD },
	{ "APIC_ACCESS", VMX_EXIT_APIC_ACCESS, EXIT_REASON_APIC_ACCESS },
	{ "EOI_INDUCED", VMX_EXIT_VIRTUALIZED_EOI, EXIT_REASON_EOI_INDUCED },
	{ "GDTR_IDTR", VMX_EXIT_GDTR_IDTR, EXIT_REASON_GDTR_IDTR },
	{ "LDTR_TR", VMX_EXIT_LDTR_TR, EXIT_REASON_LDTR_TR },
	{ "EPT_VIOLATION", VMX_EXIT_EPT_VIOLATION, EXIT_REASON_EPT_VIOLATION },
	{ "EPT_MISCONFIG", VMX_EXIT_EPT_MISCONFIG, EXIT_REASON_EPT_MISCONFIG },
	{ "INVEPT", VMX_EXIT_INVEPT, EXIT_REASON_INVEPT },
	{ "RDTSCP", VMX_EXIT_RDTSCP, EXIT_REASON_RDTSCP },
	{ "PREEMPTION_TIMER", VMX_EXIT_PREEMPTION_TIMER, EXIT_REASON_PREEMPTION_TIMER },
	{ "INVVPID", VMX_EXIT_INVVPID, EXIT_REASON_INVVPID },
	{ "WBINVD", VMX_EXIT_WBINVD, EXIT_REASON_WBINVD },
	{ "XSETBV", VMX_EXIT_XSETBV, EXIT_REASON_XSETBV },
	{ "APIC_WRITE", VMX_EXIT_APIC_WRITE, EXIT_REASON_APIC_WRITE },
	{ "RDRAND", VMX_EXIT_RDRAND, EXIT_REASON_RDRAND },
	{ "INVPCID", VMX_EXIT_INVPCID, EXIT_REASON_INVPCID },
	{ "VMFUNC", VMX_EXIT_VMFUNC, EXIT_REASON_VMFUNC },
	{ "ENCLS", VMX_EXIT_ENCLS, EXIT_REASON_ENCLS },
	{ "RDSEED", VMX_EXIT_RDSEED, EXIT_REASON_RDSEED },
	{ "PML_FULL", VMX_EXIT_PML_FULL, EXIT_REASON_PML_FULL },
	{ "XSAVES", VMX_EXIT_XSAVES, EXIT_REASON_XSAVES },
	{ "XRSTORS", VMX_EXIT_XRSTORS, EXIT_REASON_XRSTORS },
	{ "UMWAIT", VMX_EXIT_UMWAIT, EXIT_REASON_UMWAIT },
	{ "TPAUSE", VMX_EXIT_TPAUSE, EXIT_REASON_TPAUSE },
	{ "BUS_LOCK", VMX_EXIT_BUS_LOCK, EXIT_REASON_BUS_LOCK },
	{ "NOTIFY", VMX_EXIT_NOTIFY, EXIT_REASON_NOTIFY },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
		KUNIT_EXPECT_EQ_MSG(test, list[i].ours, list[i].kernel, "%s", list[i].name);
	KUNIT_EXPECT_EQ(test, (u32)VMX_EXIT_ENTRY_FAILED, (u32)VMX_EXIT_REASONS_FAILED_VMENTRY);
	KUNIT_EXPECT_EQ(test, (u32)VMX_EXIT_ENCLAVE, (u32)VMX_EXIT_REASONS_SGX_ENCLAVE_MODE);
}

static void every_exit_has_a_kind_and_words(struct kunit *test)
{
	unsigned int known = 0, rows = 0;

	for (u32 reason = 0; reason < VMX_EXIT_NUMBERS; reason++) {
		const char *name = vmx_exit_name(reason);

		if (!strcmp(name, "RESERVED"))
			continue;
		known++;
		KUNIT_EXPECT_NE_MSG(test, vmx_exit_kind(reason), (u32)VTR_HW_NONE, "%s", name);
		KUNIT_EXPECT_LT_MSG(test, vmx_exit_kind(reason), (u32)VTR_HW_NR, "%s", name);
		expect_sentence(test, vmx_exit_meaning(reason), name);
		KUNIT_EXPECT_STRNEQ_MSG(test, vmx_exit_title(reason), "Reserved exit reason",
					"%s", name);
	}
	/* A repeated number would silently replace a row. */
#define VMX_EXIT(name, number, hw_kind, title_name, meaning, title) rows++;
#include "../exit_reasons.def"
#undef VMX_EXIT
	KUNIT_EXPECT_EQ(test, known, rows);
}

/* The neutral core dispatches on these, so a wrong one is a wrong handler. */
static void kinds_of_the_handled_exits(struct kunit *test)
{
	static const struct {
		u32 reason, kind;
	} list[] = {
		{ VMX_EXIT_CPUID, VTR_HW_CPUID },
		{ VMX_EXIT_RDMSR, VTR_HW_MSR },
		{ VMX_EXIT_WRMSR, VTR_HW_MSR },
		{ VMX_EXIT_IO, VTR_HW_IO },
		{ VMX_EXIT_HLT, VTR_HW_HLT },
		{ VMX_EXIT_VMCALL, VTR_HW_HYPERCALL },
		{ VMX_EXIT_EPT_VIOLATION, VTR_HW_SLAT },
		{ VMX_EXIT_EXTERNAL_INTERRUPT, VTR_HW_HOST_IRQ },
		{ VMX_EXIT_TRIPLE_FAULT, VTR_HW_TRIPLE },
		{ VMX_EXIT_CR_ACCESS, VTR_HW_CR },
		{ VMX_EXIT_DR_ACCESS, VTR_HW_DR },
		{ VMX_EXIT_EXCEPTION_NMI, VTR_HW_EXCEPTION },
		{ VMX_EXIT_INTERRUPT_WINDOW, VTR_HW_WINDOW },
		{ VMX_EXIT_NMI_WINDOW, VTR_HW_WINDOW },
		{ VMX_EXIT_MTF, VTR_HW_STEP },
		{ VMX_EXIT_INVD, VTR_HW_INSN },
		{ VMX_EXIT_INVALID_GUEST_STATE, VTR_HW_FAIL },
		{ VMX_EXIT_MSR_LOAD_FAIL, VTR_HW_FAIL },
		{ VMX_EXIT_TASK_SWITCH, VTR_HW_OTHER },
		/* Flags beside the basic reason; a failed entry is a failure first. */
		{ VMX_EXIT_HLT | VMX_EXIT_ENCLAVE, VTR_HW_HLT },
		{ VMX_EXIT_HLT | VMX_EXIT_ENTRY_FAILED, VTR_HW_FAIL },
		/* Numbers that nobody has assigned. */
		{ 35, VTR_HW_OTHER },
		{ VMX_EXIT_NUMBERS, VTR_HW_OTHER },
		{ 0xffff, VTR_HW_OTHER },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
		KUNIT_EXPECT_EQ_MSG(test, vmx_exit_kind(list[i].reason), list[i].kind,
				    "reason %#x", list[i].reason);
}

static void unknown_exits_are_named_reserved(struct kunit *test)
{
	static const u32 unknown[] = { 35, 38, 42, 71, VMX_EXIT_NUMBERS, 0xffff };

	for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++) {
		KUNIT_EXPECT_STREQ(test, vmx_exit_name(unknown[i]), "RESERVED");
		KUNIT_EXPECT_STREQ(test, vmx_exit_title(unknown[i]), "Reserved exit reason");
		KUNIT_EXPECT_STREQ(test, vmx_exit_meaning(unknown[i]),
				   "The manual does not use this exit reason.");
	}
	KUNIT_EXPECT_STREQ(test, vmx_exit_name(VMX_EXIT_CPUID | VMX_EXIT_ENTRY_FAILED), "CPUID");
}

/* ---- instruction errors ----------------------------------------------------- */

static void errors_match_the_kernel(struct kunit *test)
{
	static const u32 kernel[] = {
		VMXERR_VMCALL_IN_VMX_ROOT_OPERATION,
		VMXERR_VMCLEAR_INVALID_ADDRESS,
		VMXERR_VMCLEAR_VMXON_POINTER,
		VMXERR_VMLAUNCH_NONCLEAR_VMCS,
		VMXERR_VMRESUME_NONLAUNCHED_VMCS,
		VMXERR_VMRESUME_AFTER_VMXOFF,
		VMXERR_ENTRY_INVALID_CONTROL_FIELD,
		VMXERR_ENTRY_INVALID_HOST_STATE_FIELD,
		VMXERR_VMPTRLD_INVALID_ADDRESS,
		VMXERR_VMPTRLD_VMXON_POINTER,
		VMXERR_VMPTRLD_INCORRECT_VMCS_REVISION_ID,
		VMXERR_UNSUPPORTED_VMCS_COMPONENT,
		VMXERR_VMWRITE_READ_ONLY_VMCS_COMPONENT,
		VMXERR_VMXON_IN_VMX_ROOT_OPERATION,
		VMXERR_ENTRY_INVALID_EXECUTIVE_VMCS_POINTER,
		VMXERR_ENTRY_NONLAUNCHED_EXECUTIVE_VMCS,
		VMXERR_ENTRY_EXECUTIVE_VMCS_POINTER_NOT_VMXON_POINTER,
		VMXERR_VMCALL_NONCLEAR_VMCS,
		VMXERR_VMCALL_INVALID_VM_EXIT_CONTROL_FIELDS,
		VMXERR_VMCALL_INCORRECT_MSEG_REVISION_ID,
		VMXERR_VMXOFF_UNDER_DUAL_MONITOR_TREATMENT_OF_SMIS_AND_SMM,
		VMXERR_VMCALL_INVALID_SMM_MONITOR_FEATURES,
		VMXERR_ENTRY_INVALID_VM_EXECUTION_CONTROL_FIELDS_IN_EXECUTIVE_VMCS,
		VMXERR_ENTRY_EVENTS_BLOCKED_BY_MOV_SS,
		VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID,
	};
	unsigned int i, n = 0;

	for (i = 1; i < 64; i++) {
		bool known = strcmp(vmx_insn_error_name(i), "unknown");

		if (n < ARRAY_SIZE(kernel) && kernel[n] == i) {
			KUNIT_EXPECT_TRUE_MSG(test, known, "error %u is missing", i);
			expect_sentence(test, vmx_insn_error_sentence(i), vmx_insn_error_name(i));
			n++;
		} else {
			KUNIT_EXPECT_FALSE_MSG(test, known, "error %u is not in the manual", i);
		}
	}
	KUNIT_EXPECT_EQ(test, n, (unsigned int)ARRAY_SIZE(kernel));
}

static void errors_name_the_right_number(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, vmx_insn_error_name(0), "none");
	KUNIT_EXPECT_STREQ(test, vmx_insn_error_name(VMXERR_VMRESUME_NONLAUNCHED_VMCS),
			   "VMRESUME: VMCS not launched");
	KUNIT_EXPECT_STREQ(test, vmx_insn_error_name(VMXERR_ENTRY_INVALID_CONTROL_FIELD),
			   "entry: bad control field");
	KUNIT_EXPECT_STREQ(test, vmx_insn_error_name(VMXERR_ENTRY_INVALID_HOST_STATE_FIELD),
			   "entry: bad host state");
	KUNIT_EXPECT_STREQ(test, vmx_insn_error_name(VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID),
			   "bad operand of INVEPT or INVVPID");
	KUNIT_EXPECT_STREQ(test, vmx_insn_error_name(~0u), "unknown");
	KUNIT_EXPECT_STREQ(test, vmx_insn_error_sentence(~0u),
			   "The manual does not use this error number.");
}

/* ---- control bits ----------------------------------------------------------- */

static void controls_match_the_kernel(struct kunit *test)
{
	static const struct {
		const char *name;
		u64 ours, kernel;
	} list[] = {
#define ROW(ours_, kernel_) { #ours_, VMX_##ours_, kernel_ }
		ROW(PIN_EXT_INTR_EXITING, PIN_BASED_EXT_INTR_MASK),
		ROW(PIN_NMI_EXITING, PIN_BASED_NMI_EXITING),
		ROW(PIN_VIRTUAL_NMIS, PIN_BASED_VIRTUAL_NMIS),
		ROW(PIN_PREEMPTION_TIMER, PIN_BASED_VMX_PREEMPTION_TIMER),
		ROW(PIN_POSTED_INTR, PIN_BASED_POSTED_INTR),
		ROW(PROC_INTERRUPT_WINDOW_EXITING, CPU_BASED_INTR_WINDOW_EXITING),
		ROW(PROC_USE_TSC_OFFSETTING, CPU_BASED_USE_TSC_OFFSETTING),
		ROW(PROC_HLT_EXITING, CPU_BASED_HLT_EXITING),
		ROW(PROC_INVLPG_EXITING, CPU_BASED_INVLPG_EXITING),
		ROW(PROC_MWAIT_EXITING, CPU_BASED_MWAIT_EXITING),
		ROW(PROC_RDPMC_EXITING, CPU_BASED_RDPMC_EXITING),
		ROW(PROC_RDTSC_EXITING, CPU_BASED_RDTSC_EXITING),
		ROW(PROC_CR3_LOAD_EXITING, CPU_BASED_CR3_LOAD_EXITING),
		ROW(PROC_CR3_STORE_EXITING, CPU_BASED_CR3_STORE_EXITING),
		ROW(PROC_ACTIVATE_TERTIARY, CPU_BASED_ACTIVATE_TERTIARY_CONTROLS),
		ROW(PROC_CR8_LOAD_EXITING, CPU_BASED_CR8_LOAD_EXITING),
		ROW(PROC_CR8_STORE_EXITING, CPU_BASED_CR8_STORE_EXITING),
		ROW(PROC_USE_TPR_SHADOW, CPU_BASED_TPR_SHADOW),
		ROW(PROC_NMI_WINDOW_EXITING, CPU_BASED_NMI_WINDOW_EXITING),
		ROW(PROC_MOV_DR_EXITING, CPU_BASED_MOV_DR_EXITING),
		ROW(PROC_UNCOND_IO_EXITING, CPU_BASED_UNCOND_IO_EXITING),
		ROW(PROC_USE_IO_BITMAPS, CPU_BASED_USE_IO_BITMAPS),
		ROW(PROC_MONITOR_TRAP_FLAG, CPU_BASED_MONITOR_TRAP_FLAG),
		ROW(PROC_USE_MSR_BITMAPS, CPU_BASED_USE_MSR_BITMAPS),
		ROW(PROC_MONITOR_EXITING, CPU_BASED_MONITOR_EXITING),
		ROW(PROC_PAUSE_EXITING, CPU_BASED_PAUSE_EXITING),
		ROW(PROC_ACTIVATE_SECONDARY, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS),
		ROW(PROC2_VIRTUALIZE_APIC_ACCESSES, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES),
		ROW(PROC2_ENABLE_EPT, SECONDARY_EXEC_ENABLE_EPT),
		ROW(PROC2_DESC_TABLE_EXITING, SECONDARY_EXEC_DESC),
		ROW(PROC2_ENABLE_RDTSCP, SECONDARY_EXEC_ENABLE_RDTSCP),
		ROW(PROC2_VIRTUALIZE_X2APIC, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE),
		ROW(PROC2_ENABLE_VPID, SECONDARY_EXEC_ENABLE_VPID),
		ROW(PROC2_WBINVD_EXITING, SECONDARY_EXEC_WBINVD_EXITING),
		ROW(PROC2_UNRESTRICTED_GUEST, SECONDARY_EXEC_UNRESTRICTED_GUEST),
		ROW(PROC2_APIC_REGISTER_VIRT, SECONDARY_EXEC_APIC_REGISTER_VIRT),
		ROW(PROC2_VIRTUAL_INTR_DELIVERY, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY),
		ROW(PROC2_PAUSE_LOOP_EXITING, SECONDARY_EXEC_PAUSE_LOOP_EXITING),
		ROW(PROC2_RDRAND_EXITING, SECONDARY_EXEC_RDRAND_EXITING),
		ROW(PROC2_ENABLE_INVPCID, SECONDARY_EXEC_ENABLE_INVPCID),
		ROW(PROC2_ENABLE_VMFUNC, SECONDARY_EXEC_ENABLE_VMFUNC),
		ROW(PROC2_VMCS_SHADOWING, SECONDARY_EXEC_SHADOW_VMCS),
		ROW(PROC2_ENCLS_EXITING, SECONDARY_EXEC_ENCLS_EXITING),
		ROW(PROC2_RDSEED_EXITING, SECONDARY_EXEC_RDSEED_EXITING),
		ROW(PROC2_ENABLE_PML, SECONDARY_EXEC_ENABLE_PML),
		ROW(PROC2_EPT_VIOLATION_VE, VMCS_CONTROL_BIT(EPT_VIOLATION_VE)),
		ROW(PROC2_CONCEAL_VMX_FROM_PT, SECONDARY_EXEC_PT_CONCEAL_VMX),
		ROW(PROC2_MODE_BASED_EXEC, SECONDARY_EXEC_MODE_BASED_EPT_EXEC),
		ROW(PROC2_PT_USES_GPA, SECONDARY_EXEC_PT_USE_GPA),
		ROW(PROC2_TSC_SCALING, SECONDARY_EXEC_TSC_SCALING),
		ROW(PROC2_USER_WAIT_PAUSE, SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE),
		ROW(PROC2_ENCLV_EXITING, VMCS_CONTROL_BIT(ENCLV_EXITING)),
		ROW(PROC2_BUS_LOCK_DETECTION, SECONDARY_EXEC_BUS_LOCK_DETECTION),
		ROW(PROC2_INSN_TIMEOUT, SECONDARY_EXEC_NOTIFY_VM_EXITING),
		ROW(PROC3_IPI_VIRTUALIZATION, TERTIARY_EXEC_IPI_VIRT),
		ROW(EXIT_CTL_SAVE_DEBUG, VM_EXIT_SAVE_DEBUG_CONTROLS),
		ROW(EXIT_CTL_HOST_ADDR_SPACE_SIZE, VM_EXIT_HOST_ADDR_SPACE_SIZE),
		ROW(EXIT_CTL_LOAD_PERF_GLOBAL_CTRL, VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL),
		ROW(EXIT_CTL_ACK_INTR, VM_EXIT_ACK_INTR_ON_EXIT),
		ROW(EXIT_CTL_SAVE_PAT, VM_EXIT_SAVE_IA32_PAT),
		ROW(EXIT_CTL_LOAD_PAT, VM_EXIT_LOAD_IA32_PAT),
		ROW(EXIT_CTL_SAVE_EFER, VM_EXIT_SAVE_IA32_EFER),
		ROW(EXIT_CTL_LOAD_EFER, VM_EXIT_LOAD_IA32_EFER),
		ROW(EXIT_CTL_SAVE_PREEMPTION_TIMER, VM_EXIT_SAVE_VMX_PREEMPTION_TIMER),
		ROW(EXIT_CTL_CLEAR_BNDCFGS, VM_EXIT_CLEAR_BNDCFGS),
		ROW(EXIT_CTL_CONCEAL_VMX_FROM_PT, VM_EXIT_PT_CONCEAL_PIP),
		ROW(EXIT_CTL_CLEAR_RTIT_CTL, VM_EXIT_CLEAR_IA32_RTIT_CTL),
		ROW(ENTRY_CTL_LOAD_DEBUG, VM_ENTRY_LOAD_DEBUG_CONTROLS),
		ROW(ENTRY_CTL_IA32E_MODE, VM_ENTRY_IA32E_MODE),
		ROW(ENTRY_CTL_ENTRY_TO_SMM, VM_ENTRY_SMM),
		ROW(ENTRY_CTL_DEACTIVATE_DUAL_MONITOR, VM_ENTRY_DEACT_DUAL_MONITOR),
		ROW(ENTRY_CTL_LOAD_PERF_GLOBAL_CTRL, VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL),
		ROW(ENTRY_CTL_LOAD_PAT, VM_ENTRY_LOAD_IA32_PAT),
		ROW(ENTRY_CTL_LOAD_EFER, VM_ENTRY_LOAD_IA32_EFER),
		ROW(ENTRY_CTL_LOAD_BNDCFGS, VM_ENTRY_LOAD_BNDCFGS),
		ROW(ENTRY_CTL_CONCEAL_VMX_FROM_PT, VM_ENTRY_PT_CONCEAL_PIP),
		ROW(ENTRY_CTL_LOAD_RTIT_CTL, VM_ENTRY_LOAD_IA32_RTIT_CTL),
		ROW(EPTVPID_EXEC_ONLY, VMX_EPT_EXECUTE_ONLY_BIT),
		ROW(EPTVPID_WALK_4, VMX_EPT_PAGE_WALK_4_BIT),
		ROW(EPTVPID_WALK_5, VMX_EPT_PAGE_WALK_5_BIT),
		ROW(EPTVPID_MEMTYPE_UC, VMX_EPTP_UC_BIT),
		ROW(EPTVPID_MEMTYPE_WB, VMX_EPTP_WB_BIT),
		ROW(EPTVPID_PAGE_2M, VMX_EPT_2MB_PAGE_BIT),
		ROW(EPTVPID_PAGE_1G, VMX_EPT_1GB_PAGE_BIT),
		ROW(EPTVPID_INVEPT, VMX_EPT_INVEPT_BIT),
		ROW(EPTVPID_ACCESSED_DIRTY, VMX_EPT_AD_BIT),
		ROW(EPTVPID_INVEPT_SINGLE, VMX_EPT_EXTENT_CONTEXT_BIT),
		ROW(EPTVPID_INVEPT_ALL, VMX_EPT_EXTENT_GLOBAL_BIT),
		/* The kernel counts these from bit 32 on. */
		ROW(EPTVPID_INVVPID, VMX_VPID_INVVPID_BIT << 32),
		ROW(EPTVPID_INVVPID_ADDRESS, VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT << 32),
		ROW(EPTVPID_INVVPID_SINGLE, VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT << 32),
		ROW(EPTVPID_INVVPID_ALL, VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT << 32),
		ROW(EPTVPID_INVVPID_SINGLE_NON_GLOBAL,
		    VMX_VPID_EXTENT_SINGLE_NON_GLOBAL_BIT << 32),
#undef ROW
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
		KUNIT_EXPECT_EQ_MSG(test, list[i].ours, list[i].kernel, "%s", list[i].name);
}

static u64 named_bits(enum vtr_vmx_control_word word)
{
	u64 named = 0;

	for (unsigned int bit = 0; bit < 64; bit++)
		if (vmx_control_name(word, bit))
			named |= BIT_ULL(bit);
	return named;
}

/*
 * Bits that were 1 on the first processors ("default1") are reserved but for
 * the few which later got a meaning; a wrong bit number would fall among them.
 */
static void reserved_controls_have_no_name(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, named_bits(VMX_WORD_PIN) & PIN_BASED_ALWAYSON_WITHOUT_TRUE_MSR, 0);
	KUNIT_EXPECT_EQ(test, named_bits(VMX_WORD_PROC) & CPU_BASED_ALWAYSON_WITHOUT_TRUE_MSR,
			(u64)(VMX_PROC_CR3_LOAD_EXITING | VMX_PROC_CR3_STORE_EXITING));
	KUNIT_EXPECT_EQ(test, named_bits(VMX_WORD_EXIT) & VM_EXIT_ALWAYSON_WITHOUT_TRUE_MSR,
			(u64)VMX_EXIT_CTL_SAVE_DEBUG);
	KUNIT_EXPECT_EQ(test, named_bits(VMX_WORD_ENTRY) & VM_ENTRY_ALWAYSON_WITHOUT_TRUE_MSR,
			(u64)VMX_ENTRY_CTL_LOAD_DEBUG);
}

/* A repeated bit would silently replace the first name, so count the rows. */
static void no_control_bit_occurs_twice(struct kunit *test)
{
	unsigned int count[VMX_NR_WORDS] = { };

#define VMX_CONTROL(name, word, bit, title_name, meaning) count[VMX_WORD_##word]++;
#include "../controls.def"
#undef VMX_CONTROL
	for (unsigned int word = 0; word < VMX_NR_WORDS; word++)
		KUNIT_EXPECT_EQ_MSG(test, count[word], (unsigned int)hweight64(named_bits(word)),
				    "word %u", word);
	KUNIT_EXPECT_NULL(test, vmx_control_name(VMX_NR_WORDS, 0));
	KUNIT_EXPECT_NULL(test, vmx_control_name(VMX_WORD_PIN, 64));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(fields_are_sorted_and_unique),
	KUNIT_CASE(encodings_keep_the_rules),
	KUNIT_CASE(groups_agree_with_types),
	KUNIT_CASE(widths_agree_with_names),
	KUNIT_CASE(every_field_is_found),
	KUNIT_CASE(fields_have_words),
	KUNIT_CASE(fields_match_the_kernel),
	KUNIT_CASE(exits_match_the_kernel),
	KUNIT_CASE(every_exit_has_a_kind_and_words),
	KUNIT_CASE(kinds_of_the_handled_exits),
	KUNIT_CASE(unknown_exits_are_named_reserved),
	KUNIT_CASE(errors_match_the_kernel),
	KUNIT_CASE(errors_name_the_right_number),
	KUNIT_CASE(controls_match_the_kernel),
	KUNIT_CASE(reserved_controls_have_no_name),
	KUNIT_CASE(no_control_bit_occurs_twice),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_tables",
	.test_cases = cases,
};
kunit_test_suite(suite);
