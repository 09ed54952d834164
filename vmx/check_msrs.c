// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of VM entry: MSRs that it loads from the MSR-load area.
 *
 * Loading is the entry's last step; a bad entry is exit reason 34, and the
 * qualification is its number, counted from 1.  Whether WRMSR of a value faults
 * depends on the processor: known here are the MSRs whose rules the manual
 * gives for all of them; others count as loadable.
 * Called by vmx/check.c.  Read next: vmx/check_read.c.
 * Source: SDM 3C "Loading MSRs" (27.4).
 */
#include <asm/msr-index.h>

#include "check_rules.h"

static bool loadable_value(const struct vmx_entry_state *s, const struct vmx_msr_entry *e)
{
	switch (e->index) {
	case MSR_IA32_CR_PAT:
		return is_pat(e->value);
	case MSR_EFER:
		/* LMA is loaded by the entry itself and cannot be changed here. */
		return !(e->value & ~s->caps.efer);
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		return is_canonical(s, e->value);
	case MSR_SYSCALL_MASK:
	case MSR_TSC_AUX:
		return !(e->value >> 32);
	default:
		return true;
	}
}

static enum vmx_rule broken_by(const struct vmx_entry_state *s, const struct vmx_msr_entry *e)
{
	if (e->index == MSR_FS_BASE)
		return VMX_RULE_MSR_FS_BASE;
	if (e->index == MSR_GS_BASE)
		return VMX_RULE_MSR_GS_BASE;
	if (e->index >> 8 == 8 && s->caps.x2apic)
		return VMX_RULE_MSR_X2APIC;
	if (e->index == MSR_IA32_SMM_MONITOR_CTL || e->index == MSR_IA32_SMBASE)
		return VMX_RULE_MSR_SMM;
	if (e->index == MSR_IA32_UCODE_WRITE || e->index == MSR_IA32_UCODE_REV)
		return VMX_RULE_MSR_MICROCODE;
	if (e->reserved)
		return VMX_RULE_MSR_RESERVED;
	return loadable_value(s, e) ? VMX_RULE_NONE : VMX_RULE_MSR_VALUE;
}

void vmx_check_msrs(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	for (unsigned int i = 0; i < s->nr_msrs; i++) {
		enum vmx_rule rule = broken_by(s, &s->msr[i]);

		if (rule == VMX_RULE_NONE)
			continue;
		if (!v->msr)
			v->msr = i + 1;
		vmx_rule_broken(v, rule);
	}
}
