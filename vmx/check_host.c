// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of VM entry: the host state that the next exit will load.
 *
 * Checked at the entry, so that no exit can leave the host in a state that does
 * not exist.  Called by vmx/check.c.  Read next: vmx/check_guest.c.
 * Sources: SDM 3C "Checks on Host Control Registers, MSRs, and SSP" (27.2.2),
 * "Checks on Host Segment and Descriptor-Table Registers" (27.2.3), "Checks
 * Related to Address-Space Size" (27.2.4).
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "check_rules.h"

static bool host_is_64bit(const struct vmx_entry_state *s)
{
	return exit_on(s, VMX_EXIT_CTL_HOST_ADDR_SPACE_SIZE);
}

static void check_control_registers(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 cr0 = FIELD(s, HOST_CR0), cr4 = FIELD(s, HOST_CR4);

	demand(v, VMX_RULE_HOST_CR0_MUST_BE_1, !(s->caps.cr0_fixed0 & ~cr0));
	demand(v, VMX_RULE_HOST_CR0_MUST_BE_0, !(cr0 & ~s->caps.cr0_fixed1));
	demand(v, VMX_RULE_HOST_CR4_MUST_BE_1, !(s->caps.cr4_fixed0 & ~cr4));
	demand(v, VMX_RULE_HOST_CR4_MUST_BE_0, !(cr4 & ~s->caps.cr4_fixed1));
	demand(v, VMX_RULE_HOST_CET_NEEDS_WP, !(cr4 & X86_CR4_CET) || cr0 & X86_CR0_WP);
	demand(v, VMX_RULE_HOST_CR3_WIDTH, fits_width(s, FIELD(s, HOST_CR3)));
}

static void check_efer(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 efer = FIELD(s, HOST_IA32_EFER);

	demand(v, VMX_RULE_HOST_EFER_RESERVED, !(efer & ~s->caps.efer));
	demand(v, VMX_RULE_HOST_EFER_LMA, !!(efer & EFER_LMA) == host_is_64bit(s));
	demand(v, VMX_RULE_HOST_EFER_LME, !!(efer & EFER_LME) == host_is_64bit(s));
}

static void check_cet(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	demand(v, VMX_RULE_HOST_S_CET_RESERVED, is_s_cet(FIELD(s, HOST_S_CET)));
	demand(v, VMX_RULE_HOST_S_CET_CANONICAL, is_canonical(s, FIELD(s, HOST_S_CET)));
	demand(v, VMX_RULE_HOST_SSP_ALIGN, !(FIELD(s, HOST_SSP) & 3));
	demand(v, VMX_RULE_HOST_SSP_CANONICAL, is_canonical(s, FIELD(s, HOST_SSP)));
	demand(v, VMX_RULE_HOST_SSP_TABLE, is_canonical(s, FIELD(s, HOST_INTR_SSP_TABLE)));
}

static void check_msrs(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	demand(v, VMX_RULE_HOST_SYSENTER_ESP, is_canonical(s, FIELD(s, HOST_IA32_SYSENTER_ESP)));
	demand(v, VMX_RULE_HOST_SYSENTER_EIP, is_canonical(s, FIELD(s, HOST_IA32_SYSENTER_EIP)));
	demand(v, VMX_RULE_HOST_PERF_GLOBAL_CTRL,
	       !exit_on(s, VMX_EXIT_CTL_LOAD_PERF_GLOBAL_CTRL) ||
	       !(FIELD(s, HOST_IA32_PERF_GLOBAL_CTRL) & ~s->caps.perf_global));
	demand(v, VMX_RULE_HOST_PAT,
	       !exit_on(s, VMX_EXIT_CTL_LOAD_PAT) || is_pat(FIELD(s, HOST_IA32_PAT)));
	if (exit_on(s, VMX_EXIT_CTL_LOAD_EFER))
		check_efer(s, v);
	if (exit_on(s, VMX_EXIT_CTL_LOAD_CET))
		check_cet(s, v);
	demand(v, VMX_RULE_HOST_PKRS,
	       !exit_on(s, VMX_EXIT_CTL_LOAD_PKRS) || !(FIELD(s, HOST_IA32_PKRS) >> 32));
}

/* RPL in bits 1:0, TI in bit 2. */
static bool is_host_selector(u64 selector)
{
	return !(selector & 7);
}

static void check_segments(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	/* Fields and rules are in the same order: ES, CS, SS, DS, FS, GS, TR. */
	for (unsigned int i = 0; i < 7; i++)
		demand(v, VMX_RULE_HOST_ES_SELECTOR + i,
		       is_host_selector(s->field[VMX_PLACE_HOST_ES_SELECTOR + i]));
	demand(v, VMX_RULE_HOST_CS_NULL, FIELD(s, HOST_CS_SELECTOR));
	demand(v, VMX_RULE_HOST_TR_NULL, FIELD(s, HOST_TR_SELECTOR));
	demand(v, VMX_RULE_HOST_SS_NULL, host_is_64bit(s) || FIELD(s, HOST_SS_SELECTOR));
	/* FS, GS, TR, GDTR, IDTR. */
	for (unsigned int i = 0; i < 5; i++)
		demand(v, VMX_RULE_HOST_FS_BASE + i,
		       is_canonical(s, s->field[VMX_PLACE_HOST_FS_BASE + i]));
}

/* The host's kernel is a 64-bit one: the entry is made in IA-32e mode. */
static void check_size(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 rip = FIELD(s, HOST_RIP), cr4 = FIELD(s, HOST_CR4);

	demand(v, VMX_RULE_HOST_SIZE_64, host_is_64bit(s));
	if (host_is_64bit(s)) {
		demand(v, VMX_RULE_HOST_64_PAE, cr4 & X86_CR4_PAE);
		demand(v, VMX_RULE_HOST_64_RIP, is_canonical(s, rip));
	} else {
		demand(v, VMX_RULE_HOST_32_GUEST_64, !ia32e_guest(s));
		demand(v, VMX_RULE_HOST_32_PCIDE, !(cr4 & X86_CR4_PCIDE));
		demand(v, VMX_RULE_HOST_32_RIP, !(rip >> 32));
	}
}

void vmx_check_host(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	check_control_registers(s, v);
	check_msrs(s, v);
	check_segments(s, v);
	check_size(s, v);
}
