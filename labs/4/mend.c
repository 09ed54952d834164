// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lab 4, second part: diagnose broken states and mend them.  You write the bodies.
 *
 * Each function gets a state of states.c in which one field was spoilt: VM entry
 * would fail by one rule.  It changes that field, and no other, so that the guest
 * enters and does what the valid state does; and it returns the rule that was
 * broken (enum vmx_rule; docs/reference/entry-rules.md).  Which field and which rule
 * differs from student to student; the numbers differ from run to run.  So take what
 * the field must be from the rule and from the rest of the VMCS.
 *
 * Called by hook.c right before VMLAUNCH or VMRESUME, interrupts off: nothing here may
 * sleep.
 */
#include <linux/kernel.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>

#include "lab4.h"

/* 64-bit mode, privilege level 0. */
enum vmx_rule mend_long(void)
{
	/* LAB 4.13: return VMX_RULE_NONE; */
	if (!(lab4_get(VMCS_GUEST_RFLAGS) & X86_EFLAGS_FIXED)) {
		lab4_set_bits(VMCS_GUEST_RFLAGS, X86_EFLAGS_FIXED);
		return VMX_RULE_RFLAGS_BIT_1;
	}
	if (!(lab4_get(VMCS_GUEST_SS_AR_BYTES) & BIT(7))) {
		lab4_set_bits(VMCS_GUEST_SS_AR_BYTES, BIT(7));
		return VMX_RULE_SS_P;
	}
	lab4_set_bits(VMCS_GUEST_CR0, X86_CR0_NE);
	return VMX_RULE_GUEST_CR0_MUST_BE_1;
	/* LAB 4.13 END */
}

/* 32-bit protected mode without paging. */
enum vmx_rule mend_protected(void)
{
	/* LAB 4.14: return VMX_RULE_NONE; */
	u64 rights = lab4_get(VMCS_GUEST_TR_AR_BYTES);

	if ((rights & 0xf) != 3 && (rights & 0xf) != 11) {
		lab4_set_bits(VMCS_GUEST_TR_AR_BYTES, 2);	/* busy */
		return VMX_RULE_TR_TYPE_32;
	}
	if (lab4_get(VMCS_GUEST_IDTR_LIMIT) > 0xffff) {
		lab4_put(VMCS_GUEST_IDTR_LIMIT, lab4_get(VMCS_GUEST_IDTR_LIMIT) & 0xffff);
		return VMX_RULE_IDTR_LIMIT_HIGH;
	}
	lab4_put(VMCS_GUEST_SYSENTER_EIP, lab4_get(VMCS_GUEST_SYSENTER_EIP) & U32_MAX);
	return VMX_RULE_GUEST_SYSENTER_EIP;
	/* LAB 4.14 END */
}

/* Virtual-8086 mode. */
enum vmx_rule mend_v86(void)
{
	/* LAB 4.15: return VMX_RULE_NONE; */
	if (lab4_get(VMCS_GUEST_CS_BASE) != lab4_get(VMCS_GUEST_CS_SELECTOR) << 4) {
		lab4_put(VMCS_GUEST_CS_BASE, lab4_get(VMCS_GUEST_CS_SELECTOR) << 4);
		return VMX_RULE_V86_BASE_CS;
	}
	if (lab4_get(VMCS_GUEST_ES_LIMIT) != 0xffff) {
		lab4_put(VMCS_GUEST_ES_LIMIT, 0xffff);
		return VMX_RULE_V86_LIMIT_ES;
	}
	lab4_put(VMCS_GUEST_GS_AR_BYTES, 0xf3);
	return VMX_RULE_V86_RIGHTS_GS;
	/* LAB 4.15 END */
}

/* The entry delivers a fault with an error code. */
enum vmx_rule mend_exception(void)
{
	/* LAB 4.16: return VMX_RULE_NONE; */
	u32 event = lab4_get(VMCS_VM_ENTRY_INTR_INFO_FIELD);

	if (event & GENMASK(30, 12)) {
		lab4_put(VMCS_VM_ENTRY_INTR_INFO_FIELD, event & ~GENMASK(30, 12));
		return VMX_RULE_EVENT_RESERVED;
	}
	if ((event >> 8 & 7) == 1) {
		event = (event & ~GENMASK(10, 8)) | 3 << 8 | BIT(11);
		lab4_put(VMCS_VM_ENTRY_INTR_INFO_FIELD, event);
		return VMX_RULE_EVENT_TYPE_RESERVED;
	}
	lab4_put(VMCS_VM_ENTRY_INTR_INFO_FIELD, event & ~BIT(11));
	return VMX_RULE_EVENT_ERROR_CODE_UNDUE;
	/* LAB 4.16 END */
}

/* The entry loads MSRs from memory, and the exit stores one. */
enum vmx_rule mend_areas(void)
{
	/* LAB 4.17: return VMX_RULE_NONE; */
	u64 load = lab4_get(VMCS_VM_ENTRY_MSR_LOAD_ADDR);
	u64 store = lab4_get(VMCS_VM_EXIT_MSR_STORE_ADDR);
	unsigned int width = boot_cpu_data.x86_phys_bits;

	if (load & 0xf) {
		lab4_put(VMCS_VM_ENTRY_MSR_LOAD_ADDR, load & ~0xfULL);
		return VMX_RULE_ENTRY_LOAD_ALIGN;
	}
	if (store >> width) {
		lab4_put(VMCS_VM_EXIT_MSR_STORE_ADDR, store & GENMASK_ULL(width - 1, 0));
		return VMX_RULE_EXIT_STORE_WIDTH;
	}
	/* The area begins one entry too late, so that its last one is not ours. */
	lab4_put(VMCS_VM_ENTRY_MSR_LOAD_ADDR, load - 16);
	return VMX_RULE_MSR_FS_BASE;
	/* LAB 4.17 END */
}

/* A state that the exit is to load. */
enum vmx_rule mend_host(void)
{
	/* LAB 4.18: return VMX_RULE_NONE; */
	if (lab4_get(VMCS_HOST_FS_SELECTOR) & 7) {
		lab4_clear_bits(VMCS_HOST_FS_SELECTOR, 7);
		return VMX_RULE_HOST_FS_SELECTOR;
	}
	if (!(lab4_get(VMCS_HOST_CR4) & X86_CR4_VMXE)) {
		lab4_set_bits(VMCS_HOST_CR4, X86_CR4_VMXE);
		return VMX_RULE_HOST_CR4_MUST_BE_1;
	}
	/* An address of the kernel: its upper bits are all 1. */
	lab4_set_bits(VMCS_HOST_TR_BASE, GENMASK_ULL(63, 47));
	return VMX_RULE_HOST_TR_BASE;
	/* LAB 4.18 END */
}
