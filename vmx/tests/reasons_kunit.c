// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the tables of exit reasons and of instruction errors right?  KUnit suite
 * "vmx_reasons".
 *
 * The numbers are compared with the kernel's <asm/vmx.h>, every row must be
 * complete, and what the manual has not assigned must not have a name.  Built
 * and run by tests/kunit/run.
 */
#include <kunit/test.h>
#include <linux/string.h>

#include "../../module/backend.h"
#include "../../tests/kunit/expect.h"
#include "../../tests/kunit/kernel_vmx.h"
#include "../describe.h"

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
		{ VMX_EXIT_INVD, VTR_HW_CACHE },
		{ VMX_EXIT_WBINVD, VTR_HW_CACHE },
		{ VMX_EXIT_RDPMC, VTR_HW_PMC },
		{ VMX_EXIT_PAUSE, VTR_HW_SPIN },
		{ VMX_EXIT_XSETBV, VTR_HW_INSN },
		{ VMX_EXIT_EPT_MISCONFIG, VTR_HW_BAD_SLAT },
		{ VMX_EXIT_PREEMPTION_TIMER, VTR_HW_NOTICE },
		{ VMX_EXIT_RDTSC, VTR_HW_OTHER },
		{ VMX_EXIT_INVALID_GUEST_STATE, VTR_HW_FAIL },
		{ VMX_EXIT_MSR_LOAD_FAIL, VTR_HW_FAIL },
		{ VMX_EXIT_TASK_SWITCH, VTR_HW_TASK_SWITCH },
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

static struct kunit_case cases[] = {
	KUNIT_CASE(exits_match_the_kernel),
	KUNIT_CASE(every_exit_has_a_kind_and_words),
	KUNIT_CASE(kinds_of_the_handled_exits),
	KUNIT_CASE(unknown_exits_are_named_reserved),
	KUNIT_CASE(errors_match_the_kernel),
	KUNIT_CASE(errors_name_the_right_number),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_reasons",
	.test_cases = cases,
};

kunit_test_suite(suite);
