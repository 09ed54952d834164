// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of VM entry: control fields.
 *
 * One function a topic, one line a rule, in the order of rules.def and of the
 * manual.  Called by vmx/check.c.  Read next: vmx/check_event.c.
 * Source: SDM 3C "Checks on VMX Controls" (27.2.1).
 */
#include "check_rules.h"

/* ---- control words: bits that must be 1 or 0 -------------------------------------- */

static void check_word(const struct vmx_entry_state *s, struct vmx_verdict *v, u64 value,
		       enum vtr_vmx_control_word word, enum vmx_rule must_be_1,
		       enum vmx_rule must_be_0)
{
	demand(v, must_be_1, !(s->caps.must[word] & ~value));
	demand(v, must_be_0, !(value & ~s->caps.may[word]));
}

static void check_exec_words(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	check_word(s, v, FIELD(s, PIN_BASED_VM_EXEC_CONTROL), VMX_WORD_PIN,
		   VMX_RULE_PIN_MUST_BE_1, VMX_RULE_PIN_MUST_BE_0);
	check_word(s, v, FIELD(s, CPU_BASED_VM_EXEC_CONTROL), VMX_WORD_PROC,
		   VMX_RULE_PROC_MUST_BE_1, VMX_RULE_PROC_MUST_BE_0);
	/* No bit of the later words is fixed to 1. */
	demand(v, VMX_RULE_PROC2_MUST_BE_0, !proc2_on(s, ~s->caps.may[VMX_WORD_PROC2]));
	demand(v, VMX_RULE_PROC3_MUST_BE_0, !proc3_on(s, ~s->caps.may[VMX_WORD_PROC3]));
	/* SDM 3C "CR3-Target Controls" (25.6.7): no processor has more than 4. */
	demand(v, VMX_RULE_CR3_TARGET_COUNT, FIELD(s, CR3_TARGET_COUNT) <= 4);
}

/* ---- addresses of structures ------------------------------------------------------- */

static void check_address(const struct vmx_entry_state *s, struct vmx_verdict *v, u64 address,
			  unsigned int align_bits, enum vmx_rule align, enum vmx_rule width)
{
	demand(v, align, !(address & (BIT_ULL(align_bits) - 1)));
	demand(v, width, fits_width(s, address));
}

/* A 4-KByte page at the address in field @name; rules @rule##_ALIGN and _WIDTH. */
#define CHECK_PAGE(s, v, name, rule) \
	check_address(s, v, FIELD(s, name), 12, VMX_RULE_##rule##_ALIGN, VMX_RULE_##rule##_WIDTH)

static void check_bitmaps(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	if (proc_on(s, VMX_PROC_USE_IO_BITMAPS)) {
		CHECK_PAGE(s, v, IO_BITMAP_A, IO_BITMAP_A);
		CHECK_PAGE(s, v, IO_BITMAP_B, IO_BITMAP_B);
	}
	if (proc_on(s, VMX_PROC_USE_MSR_BITMAPS))
		CHECK_PAGE(s, v, MSR_BITMAP, MSR_BITMAP);
}

/* ---- APIC virtualization and NMIs -------------------------------------------------- */

static void check_tpr_shadow(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool delivery = proc2_on(s, VMX_PROC2_VIRTUAL_INTR_DELIVERY);
	u64 threshold = FIELD(s, TPR_THRESHOLD);

	CHECK_PAGE(s, v, VIRTUAL_APIC_PAGE_ADDR, VIRTUAL_APIC);
	demand(v, VMX_RULE_TPR_THRESHOLD_HIGH, delivery || !(threshold & GENMASK_ULL(31, 4)));
	demand(v, VMX_RULE_TPR_THRESHOLD_VTPR,
	       delivery || proc2_on(s, VMX_PROC2_VIRTUALIZE_APIC_ACCESSES) || !s->vtpr_known ||
	       (threshold & 0xf) <= s->vtpr >> 4);
}

static void check_posted(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	demand(v, VMX_RULE_POSTED_NEEDS_VIRTUAL_INTR,
	       proc2_on(s, VMX_PROC2_VIRTUAL_INTR_DELIVERY));
	demand(v, VMX_RULE_POSTED_NEEDS_ACK, exit_on(s, VMX_EXIT_CTL_ACK_INTR));
	demand(v, VMX_RULE_POSTED_VECTOR, FIELD(s, POSTED_INTR_NV) <= 0xff);
	check_address(s, v, FIELD(s, POSTED_INTR_DESC_ADDR), 6, VMX_RULE_POSTED_DESC_ALIGN,
		      VMX_RULE_POSTED_DESC_WIDTH);
}

static void check_apic(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool shadow = proc_on(s, VMX_PROC_USE_TPR_SHADOW);
	bool accesses = proc2_on(s, VMX_PROC2_VIRTUALIZE_APIC_ACCESSES);
	bool x2apic = proc2_on(s, VMX_PROC2_VIRTUALIZE_X2APIC);
	bool delivery = proc2_on(s, VMX_PROC2_VIRTUAL_INTR_DELIVERY);

	if (shadow)
		check_tpr_shadow(s, v);
	demand(v, VMX_RULE_X2APIC_NEEDS_TPR_SHADOW, shadow || !x2apic);
	demand(v, VMX_RULE_APIC_REGISTER_NEEDS_TPR_SHADOW,
	       shadow || !proc2_on(s, VMX_PROC2_APIC_REGISTER_VIRT));
	demand(v, VMX_RULE_VIRTUAL_INTR_NEEDS_TPR_SHADOW, shadow || !delivery);
	demand(v, VMX_RULE_IPI_VIRT_NEEDS_TPR_SHADOW,
	       shadow || !proc3_on(s, VMX_PROC3_IPI_VIRTUALIZATION));
	if (accesses)
		CHECK_PAGE(s, v, APIC_ACCESS_ADDR, APIC_ACCESS);
	demand(v, VMX_RULE_X2APIC_EXCLUDES_APIC_ACCESS, !x2apic || !accesses);
	demand(v, VMX_RULE_VIRTUAL_INTR_NEEDS_EXT_INTR,
	       !delivery || pin_on(s, VMX_PIN_EXT_INTR_EXITING));
	if (pin_on(s, VMX_PIN_POSTED_INTR))
		check_posted(s, v);
	if (proc3_on(s, VMX_PROC3_IPI_VIRTUALIZATION))
		check_address(s, v, FIELD(s, PID_POINTER_TABLE), 3, VMX_RULE_PID_TABLE_ALIGN,
			      VMX_RULE_PID_TABLE_WIDTH);
}

static void check_nmis(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool virtual_nmis = pin_on(s, VMX_PIN_VIRTUAL_NMIS);

	demand(v, VMX_RULE_VIRTUAL_NMIS_NEED_NMI_EXITING,
	       !virtual_nmis || pin_on(s, VMX_PIN_NMI_EXITING));
	demand(v, VMX_RULE_NMI_WINDOW_NEEDS_VIRTUAL_NMIS,
	       virtual_nmis || !proc_on(s, VMX_PROC_NMI_WINDOW_EXITING));
}

/* ---- EPT and what stands on it ----------------------------------------------------- */

/*
 * EPTP: SDM 3C "Extended-Page-Table Pointer (EPTP)" (25.6.11):
 *
 *	 63                N N-1          12 11   8  7   6  5      3 2       0
 *	+-------------------+---------------+------+---+---+--------+---------+
 *	|      0            | table address |  0   |SSS| AD| walk-1 | memtype |
 *	+-------------------+---------------+------+---+---+--------+---------+
 */
static void check_eptp(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 eptp = FIELD(s, EPT_POINTER), caps = s->caps.ept_vpid;
	unsigned int type = eptp & 7, walk = (eptp >> 3) & 7;

	demand(v, VMX_RULE_EPTP_MEMTYPE,
	       (type == 0 && caps & VMX_EPTVPID_MEMTYPE_UC) ||
	       (type == 6 && caps & VMX_EPTVPID_MEMTYPE_WB));
	demand(v, VMX_RULE_EPTP_WALK,
	       (walk == 3 && caps & VMX_EPTVPID_WALK_4) ||
	       (walk == 4 && caps & VMX_EPTVPID_WALK_5));
	demand(v, VMX_RULE_EPTP_ACCESSED_DIRTY,
	       !(eptp & BIT_ULL(6)) || caps & VMX_EPTVPID_ACCESSED_DIRTY);
	demand(v, VMX_RULE_EPTP_SHADOW_STACK,
	       !(eptp & BIT_ULL(7)) || caps & VMX_EPTVPID_SUPERVISOR_SHADOW_STACK);
	demand(v, VMX_RULE_EPTP_RESERVED, !(eptp & GENMASK_ULL(11, 8)));
	demand(v, VMX_RULE_EPTP_WIDTH, fits_width(s, eptp));
}

static void check_ept(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool ept = proc2_on(s, VMX_PROC2_ENABLE_EPT);
	bool pml = proc2_on(s, VMX_PROC2_ENABLE_PML);
	bool sub_page = proc2_on(s, VMX_PROC2_SUB_PAGE_WRITE);

	demand(v, VMX_RULE_VPID_ZERO,
	       !proc2_on(s, VMX_PROC2_ENABLE_VPID) || FIELD(s, VIRTUAL_PROCESSOR_ID));
	if (ept)
		check_eptp(s, v);
	demand(v, VMX_RULE_UNRESTRICTED_NEEDS_EPT, ept || !unrestricted(s));
	demand(v, VMX_RULE_MODE_BASED_NEEDS_EPT, ept || !proc2_on(s, VMX_PROC2_MODE_BASED_EXEC));
	demand(v, VMX_RULE_PML_NEEDS_EPT, ept || !pml);
	if (pml)
		CHECK_PAGE(s, v, PML_ADDRESS, PML);
	demand(v, VMX_RULE_SUB_PAGE_NEEDS_EPT, ept || !sub_page);
	if (sub_page)
		CHECK_PAGE(s, v, SPP_TABLE_POINTER, SPP_TABLE);
}

/* ---- newer features ---------------------------------------------------------------- */

#define VMFUNC_EPTP_SWITCHING	BIT_ULL(0)

static void check_vm_functions(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 functions = FIELD(s, VM_FUNCTION_CONTROL);

	demand(v, VMX_RULE_VMFUNC_RESERVED, !(functions & ~s->caps.vmfunc));
	if (!(functions & VMFUNC_EPTP_SWITCHING))
		return;
	demand(v, VMX_RULE_EPTP_SWITCHING_NEEDS_EPT, proc2_on(s, VMX_PROC2_ENABLE_EPT));
	CHECK_PAGE(s, v, EPTP_LIST_ADDRESS, EPTP_LIST);
}

static void check_secondary_features(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	if (proc2_on(s, VMX_PROC2_ENABLE_VMFUNC))
		check_vm_functions(s, v);
	if (proc2_on(s, VMX_PROC2_VMCS_SHADOWING)) {
		CHECK_PAGE(s, v, VMREAD_BITMAP, VMREAD_BITMAP);
		CHECK_PAGE(s, v, VMWRITE_BITMAP, VMWRITE_BITMAP);
	}
	if (proc2_on(s, VMX_PROC2_EPT_VIOLATION_VE))
		CHECK_PAGE(s, v, VE_INFORMATION_ADDRESS, VE_INFO);
	if (proc2_on(s, VMX_PROC2_PT_USES_GPA)) {
		demand(v, VMX_RULE_PT_GPA_NEEDS_EPT, proc2_on(s, VMX_PROC2_ENABLE_EPT));
		demand(v, VMX_RULE_PT_GPA_NEEDS_ENTRY_LOAD,
		       entry_on(s, VMX_ENTRY_CTL_LOAD_RTIT_CTL));
		demand(v, VMX_RULE_PT_GPA_NEEDS_EXIT_CLEAR,
		       exit_on(s, VMX_EXIT_CTL_CLEAR_RTIT_CTL));
	}
	demand(v, VMX_RULE_TSC_MULTIPLIER_ZERO,
	       !proc2_on(s, VMX_PROC2_TSC_SCALING) || FIELD(s, TSC_MULTIPLIER));
	if (proc2_on(s, VMX_PROC2_PASID_TRANSLATION)) {
		CHECK_PAGE(s, v, LOW_PASID_DIRECTORY, PASID_LOW);
		CHECK_PAGE(s, v, HIGH_PASID_DIRECTORY, PASID_HIGH);
	}
}

static void check_tertiary_features(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool ept = proc2_on(s, VMX_PROC2_ENABLE_EPT);
	u64 hlatp = FIELD(s, HLAT_POINTER);

	if (proc3_on(s, VMX_PROC3_ENABLE_HLAT)) {
		demand(v, VMX_RULE_HLAT_NEEDS_EPT, ept);
		demand(v, VMX_RULE_HLAT_POINTER_RESERVED,
		       !(hlatp & (GENMASK_ULL(2, 0) | GENMASK_ULL(11, 5))));
		demand(v, VMX_RULE_HLAT_POINTER_WIDTH, fits_width(s, hlatp));
	}
	demand(v, VMX_RULE_PAGING_WRITE_NEEDS_EPT,
	       ept || !proc3_on(s, VMX_PROC3_EPT_PAGING_WRITE));
	demand(v, VMX_RULE_PAGING_VERIFY_NEEDS_EPT,
	       ept || !proc3_on(s, VMX_PROC3_GUEST_PAGING_VERIFICATION));
}

/* ---- exit and entry controls ------------------------------------------------------- */

struct area_rules {
	enum vmx_rule align, width, end;
};

/* An MSR area is looked at only if it has entries; each takes 16 bytes. */
static void check_area(const struct vmx_entry_state *s, struct vmx_verdict *v, u64 address,
		       u64 count, const struct area_rules *rule)
{
	if (!count)
		return;
	demand(v, rule->align, !(address & 0xf));
	demand(v, rule->width, fits_width(s, address));
	demand(v, rule->end,
	       !fits_width(s, address) ||
	       fits_width(s, address + count * sizeof(struct vmx_msr_entry) - 1));
}

#define AREA_RULES(area) \
	{ VMX_RULE_##area##_ALIGN, VMX_RULE_##area##_WIDTH, VMX_RULE_##area##_END }

static void check_exit(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	static const struct area_rules store = AREA_RULES(EXIT_STORE);
	static const struct area_rules load = AREA_RULES(EXIT_LOAD);

	check_word(s, v, FIELD(s, VM_EXIT_CONTROLS), VMX_WORD_EXIT,
		   VMX_RULE_EXIT_MUST_BE_1, VMX_RULE_EXIT_MUST_BE_0);
	demand(v, VMX_RULE_EXIT2_MUST_BE_0,
	       !exit_on(s, VMX_EXIT_CTL_ACTIVATE_SECONDARY) ||
	       !(FIELD(s, SECONDARY_VM_EXIT_CONTROLS) & ~s->caps.may[VMX_WORD_EXIT2]));
	demand(v, VMX_RULE_SAVE_TIMER_NEEDS_TIMER,
	       pin_on(s, VMX_PIN_PREEMPTION_TIMER) ||
	       !exit_on(s, VMX_EXIT_CTL_SAVE_PREEMPTION_TIMER));
	check_area(s, v, FIELD(s, VM_EXIT_MSR_STORE_ADDR), FIELD(s, VM_EXIT_MSR_STORE_COUNT),
		   &store);
	check_area(s, v, FIELD(s, VM_EXIT_MSR_LOAD_ADDR), FIELD(s, VM_EXIT_MSR_LOAD_COUNT), &load);
}

static void check_entry(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	static const struct area_rules load = AREA_RULES(ENTRY_LOAD);
	bool smm = entry_on(s, VMX_ENTRY_CTL_ENTRY_TO_SMM);
	bool deactivate = entry_on(s, VMX_ENTRY_CTL_DEACTIVATE_DUAL_MONITOR);

	check_word(s, v, FIELD(s, VM_ENTRY_CONTROLS), VMX_WORD_ENTRY,
		   VMX_RULE_ENTRY_MUST_BE_1, VMX_RULE_ENTRY_MUST_BE_0);
	check_area(s, v, FIELD(s, VM_ENTRY_MSR_LOAD_ADDR), FIELD(s, VM_ENTRY_MSR_LOAD_COUNT),
		   &load);
	/* The host's kernel is never in SMM. */
	demand(v, VMX_RULE_SMM_ENTRY_OUTSIDE, !smm);
	demand(v, VMX_RULE_SMM_DEACTIVATE_OUTSIDE, !deactivate);
	demand(v, VMX_RULE_SMM_ENTRY_AND_DEACTIVATE, !smm || !deactivate);
}

void vmx_check_controls(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	check_exec_words(s, v);
	check_bitmaps(s, v);
	check_apic(s, v);
	check_nmis(s, v);
	check_ept(s, v);
	check_secondary_features(s, v);
	check_tertiary_features(s, v);
	check_exit(s, v);
	check_entry(s, v);
}
