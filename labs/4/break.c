// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lab 4, first part: break valid states.  You write the bodies.
 *
 * Each function gets a valid state: it is in the current VMCS, VMREAD and VMWRITE
 * reach it (the inline functions of lab4.h).  It changes the one field that your
 * sheet names, so that VM entry fails by the rule that your sheet names, and breaks no
 * other rule.  The numbers in a state differ from run to run, so look at what is
 * there before you change it.  Your sheet has one rule for each state: it is always
 * that one that is asked for in @rule.
 *
 * Called by hook.c right before VMLAUNCH or VMRESUME, interrupts off: nothing here may
 * sleep.  states.c makes the states.  Read next: mend.c.
 */
#include <asm/processor-flags.h>

#include "lab4.h"

/* A guest in real mode. */
void break_real(enum vmx_rule rule)
{
	/* LAB 4.1: */
	switch (rule) {
	case VMX_RULE_GUEST_CR0_MUST_BE_1:	/* by SECONDARY_VM_EXEC_CONTROL */
		lab4_clear_bits(VMCS_SECONDARY_VM_EXEC_CONTROL, VMX_PROC2_UNRESTRICTED_GUEST);
		break;
	case VMX_RULE_GUEST_CR4_MUST_BE_1:
		lab4_clear_bits(VMCS_GUEST_CR4, X86_CR4_VMXE);
		break;
	default:				/* CS_G_HIGH by GUEST_CS_LIMIT */
		lab4_set_bits(VMCS_GUEST_CS_LIMIT, BIT(20));
		break;
	}
	/* LAB 4.1 END */
}

/* A guest in 32-bit protected mode without paging. */
void break_protected(enum vmx_rule rule)
{
	/* LAB 4.2: */
	switch (rule) {
	case VMX_RULE_TR_UNUSABLE:
		lab4_set_bits(VMCS_GUEST_TR_AR_BYTES, BIT(16));
		break;
	case VMX_RULE_GDTR_LIMIT_HIGH:
		lab4_set_bits(VMCS_GUEST_GDTR_LIMIT, BIT(16));
		break;
	default:				/* RIP_HIGH */
		lab4_set_bits(VMCS_GUEST_RIP, BIT_ULL(32));
		break;
	}
	/* LAB 4.2 END */
}

/* A guest in 32-bit protected mode with PAE paging. */
void break_pae(enum vmx_rule rule)
{
	/* LAB 4.3: */
	switch (rule) {
	case VMX_RULE_GUEST_PG_NEEDS_PE:
		lab4_clear_bits(VMCS_GUEST_CR0, X86_CR0_PE);
		break;
	case VMX_RULE_GUEST_PCIDE_NEEDS_64:
		lab4_set_bits(VMCS_GUEST_CR4, X86_CR4_PCIDE);
		break;
	default:				/* PDPTE0_RESERVED: bit 1 is reserved, if present */
		lab4_set_bits(VMCS_GUEST_PDPTR0, BIT(1));
		break;
	}
	/* LAB 4.3 END */
}

/* A guest in virtual-8086 mode. */
void break_v86(enum vmx_rule rule)
{
	/* LAB 4.4: */
	switch (rule) {
	case VMX_RULE_V86_BASE_DS:		/* by GUEST_DS_SELECTOR: the base stays */
		lab4_put(VMCS_GUEST_DS_SELECTOR, lab4_get(VMCS_GUEST_DS_SELECTOR) ^ 1);
		break;
	case VMX_RULE_V86_LIMIT_SS:
		lab4_put(VMCS_GUEST_SS_LIMIT, 0xfffff);
		break;
	default:				/* V86_RIGHTS_FS */
		lab4_clear_bits(VMCS_GUEST_FS_AR_BYTES, 0x60);
		break;
	}
	/* LAB 4.4 END */
}

/* A guest in 64-bit mode, at privilege level 0. */
void break_long(enum vmx_rule rule)
{
	/* LAB 4.5: */
	switch (rule) {
	case VMX_RULE_GUEST_64_NEEDS_PAE:
		lab4_clear_bits(VMCS_GUEST_CR4, X86_CR4_PAE);
		break;
	case VMX_RULE_CS_L_AND_DB:
		lab4_set_bits(VMCS_GUEST_CS_AR_BYTES, BIT(14));
		break;
	default:				/* GUEST_EFER_LMA by VM_ENTRY_CONTROLS */
		lab4_clear_bits(VMCS_VM_ENTRY_CONTROLS, VMX_ENTRY_CTL_IA32E_MODE);
		break;
	}
	/* LAB 4.5 END */
}

/* A guest in 64-bit mode, at privilege level 3; it is not unrestricted. */
void break_user(enum vmx_rule rule)
{
	/* LAB 4.6: */
	switch (rule) {
	case VMX_RULE_ACTIVITY_HLT_DPL:
		lab4_put(VMCS_GUEST_ACTIVITY_STATE, 1);
		break;
	case VMX_RULE_FS_BASE_CANONICAL:
		lab4_set_bits(VMCS_GUEST_FS_BASE, BIT_ULL(62));
		break;
	default:				/* DS_DPL_RPL by GUEST_DS_AR_BYTES */
		lab4_clear_bits(VMCS_GUEST_DS_AR_BYTES, 0x60);
		break;
	}
	/* LAB 4.6 END */
}

/* A guest to which the entry delivers a fault with an error code. */
void break_exception(enum vmx_rule rule)
{
	/* LAB 4.7: */
	u32 event = lab4_get(VMCS_VM_ENTRY_INTR_INFO_FIELD);

	switch (rule) {
	case VMX_RULE_EVENT_ERROR_CODE_MISSING:
		lab4_put(VMCS_VM_ENTRY_INTR_INFO_FIELD, event & ~BIT(11));
		break;
	case VMX_RULE_EVENT_ERROR_CODE_HIGH:
		lab4_set_bits(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, BIT(16));
		break;
	default:				/* EVENT_EXCEPTION_VECTOR: 32 has no error code */
		lab4_put(VMCS_VM_ENTRY_INTR_INFO_FIELD, (event & ~(BIT(11) | 0xff)) | 32);
		break;
	}
	/* LAB 4.7 END */
}

/* A guest to which the entry delivers an external interrupt. */
void break_interrupt(enum vmx_rule rule)
{
	/* LAB 4.8: */
	switch (rule) {
	case VMX_RULE_RFLAGS_IF_INTERRUPT:
		lab4_clear_bits(VMCS_GUEST_RFLAGS, X86_EFLAGS_IF);
		break;
	case VMX_RULE_BLOCKING_STI_INTERRUPT:
		lab4_put(VMCS_GUEST_INTERRUPTIBILITY_INFO, 1);
		break;
	default:				/* EVENT_ERROR_CODE_UNDUE */
		lab4_set_bits(VMCS_VM_ENTRY_INTR_INFO_FIELD, BIT(11));
		break;
	}
	/* LAB 4.8 END */
}

/* A guest to which the entry delivers an NMI; its NMIs are virtual. */
void break_nmi(enum vmx_rule rule)
{
	/* LAB 4.9: */
	switch (rule) {
	case VMX_RULE_EVENT_NMI_VECTOR:
		lab4_put(VMCS_VM_ENTRY_INTR_INFO_FIELD,
			 lab4_get(VMCS_VM_ENTRY_INTR_INFO_FIELD) ^ 1);
		break;
	case VMX_RULE_VIRTUAL_NMIS_NEED_NMI_EXITING:
		lab4_clear_bits(VMCS_PIN_BASED_VM_EXEC_CONTROL, VMX_PIN_NMI_EXITING);
		break;
	default:				/* BLOCKING_MOV_SS_NMI */
		lab4_put(VMCS_GUEST_INTERRUPTIBILITY_INFO, 2);
		break;
	}
	/* LAB 4.9 END */
}

/* The entry loads MSRs from memory, and the exit stores one. */
void break_areas(enum vmx_rule rule)
{
	/* LAB 4.10: */
	switch (rule) {
	case VMX_RULE_MSR_FS_BASE:		/* by VM_ENTRY_MSR_LOAD_COUNT */
		lab4_put(VMCS_VM_ENTRY_MSR_LOAD_COUNT,
			 lab4_get(VMCS_VM_ENTRY_MSR_LOAD_COUNT) + 1);
		break;
	case VMX_RULE_EXIT_STORE_ALIGN:
		lab4_set_bits(VMCS_VM_EXIT_MSR_STORE_ADDR, 8);
		break;
	default:				/* ENTRY_LOAD_WIDTH */
		lab4_set_bits(VMCS_VM_ENTRY_MSR_LOAD_ADDR, BIT_ULL(51));
		break;
	}
	/* LAB 4.10 END */
}

/* A guest with a virtual APIC. */
void break_apic(enum vmx_rule rule)
{
	/* LAB 4.11: */
	switch (rule) {
	case VMX_RULE_TPR_THRESHOLD_VTPR:	/* the class of VTPR is below 12 */
		lab4_put(VMCS_TPR_THRESHOLD, 15);
		break;
	case VMX_RULE_VPID_ZERO:
		lab4_put(VMCS_VIRTUAL_PROCESSOR_ID, 0);
		break;
	default:				/* APIC_REGISTER_NEEDS_TPR_SHADOW */
		lab4_clear_bits(VMCS_CPU_BASED_VM_EXEC_CONTROL, VMX_PROC_USE_TPR_SHADOW);
		break;
	}
	/* LAB 4.11 END */
}

/* The state that the exit loads: break it, and no exit comes that would need it. */
void break_host(enum vmx_rule rule)
{
	/* LAB 4.12: */
	switch (rule) {
	case VMX_RULE_HOST_CS_SELECTOR:
		lab4_set_bits(VMCS_HOST_CS_SELECTOR, 3);
		break;
	case VMX_RULE_HOST_64_PAE:
		lab4_clear_bits(VMCS_HOST_CR4, X86_CR4_PAE);
		break;
	default:				/* HOST_PAT: there is no memory type 2 */
		lab4_put(VMCS_HOST_IA32_PAT, (lab4_get(VMCS_HOST_IA32_PAT) & ~0xffULL) | 2);
		break;
	}
	/* LAB 4.12 END */
}
