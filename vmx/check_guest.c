// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of VM entry: guest state but its segments.
 *
 * A broken one is exit reason 33, with bit 31 of the reason set; the guest has
 * not executed anything.  Called by vmx/check.c.  Read next: vmx/check_segs.c.
 * Source: SDM 3C "Checks on the Guest State Area" (27.3.1).
 */
#include <uapi/asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "check_rules.h"

/* ---- control registers, debug registers, MSRs -------------------------------------- */

static void check_control_registers(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 cr0 = FIELD(s, GUEST_CR0), cr4 = FIELD(s, GUEST_CR4), fixed0 = s->caps.cr0_fixed0;

	/* SDM 3C "Unrestricted Guests": these two need not be 1 then. */
	if (unrestricted(s))
		fixed0 &= ~(u64)(X86_CR0_PE | X86_CR0_PG);
	demand(v, VMX_RULE_GUEST_CR0_MUST_BE_1, !(fixed0 & ~cr0));
	demand(v, VMX_RULE_GUEST_CR0_MUST_BE_0, !(cr0 & ~s->caps.cr0_fixed1));
	demand(v, VMX_RULE_GUEST_PG_NEEDS_PE, !(cr0 & X86_CR0_PG) || cr0 & X86_CR0_PE);
	demand(v, VMX_RULE_GUEST_CR4_MUST_BE_1, !(s->caps.cr4_fixed0 & ~cr4));
	demand(v, VMX_RULE_GUEST_CR4_MUST_BE_0, !(cr4 & ~s->caps.cr4_fixed1));
	demand(v, VMX_RULE_GUEST_CET_NEEDS_WP, !(cr4 & X86_CR4_CET) || cr0 & X86_CR0_WP);
	if (ia32e_guest(s)) {
		demand(v, VMX_RULE_GUEST_64_NEEDS_PG, cr0 & X86_CR0_PG);
		demand(v, VMX_RULE_GUEST_64_NEEDS_PAE, cr4 & X86_CR4_PAE);
	} else {
		demand(v, VMX_RULE_GUEST_PCIDE_NEEDS_64, !(cr4 & X86_CR4_PCIDE));
	}
	demand(v, VMX_RULE_GUEST_CR3_WIDTH, fits_width(s, FIELD(s, GUEST_CR3)));
}

/*
 * SDM 3B "IA32_DEBUGCTL MSR": bits 5:3 and 63:16 are reserved, bit 2 where there is
 * no bus-lock detection, bit 15 where there is no RTM.
 */
static u64 debugctl_reserved(const struct vmx_entry_state *s)
{
	return GENMASK_ULL(63, 16) | GENMASK_ULL(5, 3) | (s->caps.bus_lock ? 0 : BIT_ULL(2)) |
	       (s->caps.rtm ? 0 : BIT_ULL(15));
}

static void check_debug(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	if (!entry_on(s, VMX_ENTRY_CTL_LOAD_DEBUG))
		return;
	demand(v, VMX_RULE_GUEST_DEBUGCTL,
	       !(FIELD(s, GUEST_IA32_DEBUGCTL) & debugctl_reserved(s)));
	demand(v, VMX_RULE_GUEST_DR7_HIGH, !(FIELD(s, GUEST_DR7) >> 32));
}

static void check_efer(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 efer = FIELD(s, GUEST_IA32_EFER);
	bool lma = efer & EFER_LMA, lme = efer & EFER_LME;

	demand(v, VMX_RULE_GUEST_EFER_RESERVED, !(efer & ~s->caps.efer));
	demand(v, VMX_RULE_GUEST_EFER_LMA, lma == ia32e_guest(s));
	demand(v, VMX_RULE_GUEST_EFER_LME, !(FIELD(s, GUEST_CR0) & X86_CR0_PG) || lma == lme);
}

/* SDM 3C "Trace Control" and SDM 3B "Last-Branch Records": bits that some processor has. */
#define RTIT_CTL_BITS	(GENMASK_ULL(63, 56) | GENMASK_ULL(55, 54) | GENMASK_ULL(47, 32) | \
			 BIT_ULL(31) | GENMASK_ULL(27, 24) | GENMASK_ULL(22, 19) |	\
			 GENMASK_ULL(17, 0))
#define LBR_CTL_BITS	(GENMASK_ULL(22, 16) | GENMASK_ULL(3, 0))

static void check_loaded_msrs(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 bndcfgs = FIELD(s, GUEST_BNDCFGS);

	demand(v, VMX_RULE_GUEST_PERF_GLOBAL_CTRL,
	       !entry_on(s, VMX_ENTRY_CTL_LOAD_PERF_GLOBAL_CTRL) ||
	       !(FIELD(s, GUEST_IA32_PERF_GLOBAL_CTRL) & ~s->caps.perf_global));
	demand(v, VMX_RULE_GUEST_PAT,
	       !entry_on(s, VMX_ENTRY_CTL_LOAD_PAT) || is_pat(FIELD(s, GUEST_IA32_PAT)));
	if (entry_on(s, VMX_ENTRY_CTL_LOAD_EFER))
		check_efer(s, v);
	if (entry_on(s, VMX_ENTRY_CTL_LOAD_BNDCFGS)) {
		demand(v, VMX_RULE_GUEST_BNDCFGS_RESERVED, !(bndcfgs & GENMASK_ULL(11, 2)));
		demand(v, VMX_RULE_GUEST_BNDCFGS_CANONICAL, is_canonical(s, bndcfgs));
	}
	demand(v, VMX_RULE_GUEST_RTIT_CTL,
	       !entry_on(s, VMX_ENTRY_CTL_LOAD_RTIT_CTL) ||
	       !(FIELD(s, GUEST_IA32_RTIT_CTL) & ~RTIT_CTL_BITS));
	demand(v, VMX_RULE_GUEST_LBR_CTL,
	       !entry_on(s, VMX_ENTRY_CTL_LOAD_LBR_CTL) ||
	       !(FIELD(s, GUEST_IA32_LBR_CTL) & ~LBR_CTL_BITS));
	demand(v, VMX_RULE_GUEST_PKRS,
	       !entry_on(s, VMX_ENTRY_CTL_LOAD_PKRS) || !(FIELD(s, GUEST_IA32_PKRS) >> 32));
	demand(v, VMX_RULE_GUEST_UINV,
	       !entry_on(s, VMX_ENTRY_CTL_LOAD_UINV) || FIELD(s, GUEST_UINV) <= 0xff);
}

static void check_cet(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 ssp = FIELD(s, GUEST_SSP);

	demand(v, VMX_RULE_GUEST_S_CET_RESERVED, is_s_cet(FIELD(s, GUEST_S_CET)));
	demand(v, VMX_RULE_GUEST_S_CET_CANONICAL, is_canonical(s, FIELD(s, GUEST_S_CET)));
	demand(v, VMX_RULE_GUEST_SSP_TABLE, is_canonical(s, FIELD(s, GUEST_INTR_SSP_TABLE)));
	demand(v, VMX_RULE_SSP_ALIGN, !(ssp & 3));
	demand(v, VMX_RULE_SSP_HIGH, ia32e_guest(s) || !(ssp >> 32));
	demand(v, VMX_RULE_SSP_64, !ia32e_guest(s) || is_canonical(s, ssp));
}

static void check_registers(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	check_control_registers(s, v);
	check_debug(s, v);
	demand(v, VMX_RULE_GUEST_SYSENTER_ESP, is_canonical(s, FIELD(s, GUEST_SYSENTER_ESP)));
	demand(v, VMX_RULE_GUEST_SYSENTER_EIP, is_canonical(s, FIELD(s, GUEST_SYSENTER_EIP)));
	check_loaded_msrs(s, v);
	if (entry_on(s, VMX_ENTRY_CTL_LOAD_CET))
		check_cet(s, v);
}

/* ---- descriptor tables, RIP, RFLAGS ------------------------------------------------ */

static void check_tables(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	demand(v, VMX_RULE_GDTR_BASE_CANONICAL, is_canonical(s, FIELD(s, GUEST_GDTR_BASE)));
	demand(v, VMX_RULE_GDTR_LIMIT_HIGH, FIELD(s, GUEST_GDTR_LIMIT) <= 0xffff);
	demand(v, VMX_RULE_IDTR_BASE_CANONICAL, is_canonical(s, FIELD(s, GUEST_IDTR_BASE)));
	demand(v, VMX_RULE_IDTR_LIMIT_HIGH, FIELD(s, GUEST_IDTR_LIMIT) <= 0xffff);
}

#define RFLAGS_RESERVED	(GENMASK_ULL(63, 22) | BIT_ULL(15) | BIT_ULL(5) | BIT_ULL(3))

/*
 * Bit N - 1 of a 64-bit RIP is not looked at, N being the linear-address width:
 * the address after the last canonical one is allowed, its fetch faults.
 */
static bool is_rip(const struct vmx_entry_state *s, u64 rip)
{
	u64 upper = rip >> s->caps.linear_bits;

	return !upper || upper == ~0ULL >> s->caps.linear_bits;
}

static void check_rip(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool code64 = ia32e_guest(s) && FIELD(s, GUEST_CS_AR_BYTES) & BIT(13);
	u64 rip = FIELD(s, GUEST_RIP), rflags = FIELD(s, GUEST_RFLAGS);

	demand(v, VMX_RULE_RIP_HIGH, code64 || !(rip >> 32));
	demand(v, VMX_RULE_RIP_64, !code64 || is_rip(s, rip));
	demand(v, VMX_RULE_RFLAGS_RESERVED, !(rflags & RFLAGS_RESERVED));
	demand(v, VMX_RULE_RFLAGS_BIT_1, rflags & X86_EFLAGS_FIXED);
	demand(v, VMX_RULE_RFLAGS_VM_64, !(rflags & X86_EFLAGS_VM) || !ia32e_guest(s));
	demand(v, VMX_RULE_RFLAGS_VM_REAL,
	       !(rflags & X86_EFLAGS_VM) || FIELD(s, GUEST_CR0) & X86_CR0_PE);
	demand(v, VMX_RULE_RFLAGS_IF_INTERRUPT,
	       !injects(s, VMX_EVENT_INTERRUPT) || rflags & X86_EFLAGS_IF);
}

/* ---- activity and blocking --------------------------------------------------------- */

/* Interruptibility state: SDM 3C "Guest Non-Register State" (25.4.2). */
#define BLOCKED_BY_STI		BIT(0)
#define BLOCKED_BY_MOV_SS	BIT(1)
#define BLOCKED_BY_SMI		BIT(2)
#define BLOCKED_BY_NMI		BIT(3)
#define ENCLAVE_INTERRUPTION	BIT(4)

enum activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_SIPI };

static bool ends_hlt(const struct vmx_entry_state *s)
{
	u8 vector = event_vector(s);

	switch (event_type(s)) {
	case VMX_EVENT_INTERRUPT:
	case VMX_EVENT_NMI:
		return true;
	case VMX_EVENT_EXCEPTION:
		return vector == X86_TRAP_DB || vector == X86_TRAP_MC;
	case VMX_EVENT_OTHER:
		return vector == 0;
	default:
		return false;
	}
}

static bool ends_shutdown(const struct vmx_entry_state *s)
{
	return event_type(s) == VMX_EVENT_NMI ||
	       (event_type(s) == VMX_EVENT_EXCEPTION && event_vector(s) == X86_TRAP_MC);
}

static void check_activity(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 activity = FIELD(s, GUEST_ACTIVITY_STATE);
	unsigned int dpl = (FIELD(s, GUEST_SS_AR_BYTES) >> 5) & 3;

	demand(v, VMX_RULE_ACTIVITY_RANGE, activity <= ACTIVITY_SIPI);
	/* IA32_VMX_MISC bits 6, 7, 8: HLT, shutdown, wait-for-SIPI. */
	demand(v, VMX_RULE_ACTIVITY_UNSUPPORTED,
	       activity == ACTIVITY_ACTIVE || activity > ACTIVITY_SIPI ||
	       s->caps.misc & BIT_ULL(5 + activity));
	demand(v, VMX_RULE_ACTIVITY_HLT_DPL, activity != ACTIVITY_HLT || !dpl);
	demand(v, VMX_RULE_ACTIVITY_BLOCKED,
	       activity == ACTIVITY_ACTIVE ||
	       !(FIELD(s, GUEST_INTERRUPTIBILITY_INFO) & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)));
	demand(v, VMX_RULE_ACTIVITY_HLT_EVENT,
	       activity != ACTIVITY_HLT || !event_valid(s) || ends_hlt(s));
	demand(v, VMX_RULE_ACTIVITY_SHUTDOWN_EVENT,
	       activity != ACTIVITY_SHUTDOWN || !event_valid(s) || ends_shutdown(s));
	demand(v, VMX_RULE_ACTIVITY_SIPI_EVENT, activity != ACTIVITY_SIPI || !event_valid(s));
	demand(v, VMX_RULE_ACTIVITY_SIPI_SMM,
	       activity != ACTIVITY_SIPI || !entry_on(s, VMX_ENTRY_CTL_ENTRY_TO_SMM));
}

static void check_blocking(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 info = FIELD(s, GUEST_INTERRUPTIBILITY_INFO);
	bool sti = info & BLOCKED_BY_STI, mov_ss = info & BLOCKED_BY_MOV_SS;
	bool smi = info & BLOCKED_BY_SMI, to_smm = entry_on(s, VMX_ENTRY_CTL_ENTRY_TO_SMM);

	demand(v, VMX_RULE_BLOCKING_RESERVED, !(info & GENMASK_ULL(31, 5)));
	demand(v, VMX_RULE_BLOCKING_STI_AND_MOV_SS, !sti || !mov_ss);
	demand(v, VMX_RULE_BLOCKING_STI_NEEDS_IF, !sti || FIELD(s, GUEST_RFLAGS) & X86_EFLAGS_IF);
	demand(v, VMX_RULE_BLOCKING_STI_INTERRUPT, !injects(s, VMX_EVENT_INTERRUPT) || !sti);
	demand(v, VMX_RULE_BLOCKING_MOV_SS_INTERRUPT, !injects(s, VMX_EVENT_INTERRUPT) || !mov_ss);
	/* Some processors also demand "no STI" here; the manual leaves that open. */
	demand(v, VMX_RULE_BLOCKING_MOV_SS_NMI, !injects(s, VMX_EVENT_NMI) || !mov_ss);
	demand(v, VMX_RULE_BLOCKING_SMI_OUTSIDE, !smi || to_smm);
	demand(v, VMX_RULE_BLOCKING_SMI_NEEDED, smi || !to_smm);
	demand(v, VMX_RULE_BLOCKING_NMI_NMI,
	       !injects(s, VMX_EVENT_NMI) || !pin_on(s, VMX_PIN_VIRTUAL_NMIS) ||
	       !(info & BLOCKED_BY_NMI));
	demand(v, VMX_RULE_BLOCKING_ENCLAVE_SGX, !(info & ENCLAVE_INTERRUPTION) || s->caps.sgx);
	demand(v, VMX_RULE_BLOCKING_ENCLAVE_MOV_SS, !(info & ENCLAVE_INTERRUPTION) || !mov_ss);
}

/*
 * Pending debug exceptions, the format of DR6 without its bits that read as one:
 *
 *	 63 17  16  15  14  13   12   11 4  3 0
 *	+-----+----+---+----+---+------+---+-----+
 *	|  0  | RTM| 0 | BS | 0 | any  | 0 | B3-0|
 *	+-----+----+---+----+---+------+---+-----+
 *	bit 11: bus lock, where that is detected
 */
#define PENDING_RESERVED (GENMASK_ULL(63, 17) | BIT_ULL(15) | BIT_ULL(13) | GENMASK_ULL(10, 4))
#define PENDING_BS	BIT_ULL(14)
#define PENDING_ANY	BIT_ULL(12)
#define PENDING_RTM	BIT_ULL(16)

static void check_pending_debug(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 pending = FIELD(s, GUEST_PENDING_DBG_EXCEPTIONS);
	u64 blocking = FIELD(s, GUEST_INTERRUPTIBILITY_INFO);
	bool held_back = blocking & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS) ||
			 FIELD(s, GUEST_ACTIVITY_STATE) == ACTIVITY_HLT;
	bool steps = FIELD(s, GUEST_RFLAGS) & X86_EFLAGS_TF &&
		     !(FIELD(s, GUEST_IA32_DEBUGCTL) & DEBUGCTLMSR_BTF);

	demand(v, VMX_RULE_PENDING_DEBUG_RESERVED,
	       !(pending & PENDING_RESERVED) && (!(pending & BIT_ULL(11)) || s->caps.bus_lock));
	demand(v, VMX_RULE_PENDING_DEBUG_BS_MISSING, !held_back || !steps || pending & PENDING_BS);
	demand(v, VMX_RULE_PENDING_DEBUG_BS_UNDUE, !held_back || steps || !(pending & PENDING_BS));
	if (!(pending & PENDING_RTM))
		return;
	demand(v, VMX_RULE_PENDING_DEBUG_RTM_BITS,
	       !(pending & GENMASK_ULL(11, 0)) && pending & PENDING_ANY);
	demand(v, VMX_RULE_PENDING_DEBUG_RTM, s->caps.rtm && !(blocking & BLOCKED_BY_MOV_SS));
}

/* ---- VMCS link pointer, PDPTEs ----------------------------------------------------- */

#define VMCS_REVISION	GENMASK(30, 0)
#define VMCS_IS_SHADOW	BIT(31)

static void check_link_pointer(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 link = FIELD(s, VMCS_LINK_POINTER);

	if (link == ~0ULL)
		return;
	demand(v, VMX_RULE_LINK_ALIGN, !(link & 0xfff));
	demand(v, VMX_RULE_LINK_WIDTH, fits_width(s, link));
	demand(v, VMX_RULE_LINK_CURRENT, link != s->vmcs);
	if (!s->link_known)
		return;
	demand(v, VMX_RULE_LINK_REVISION, (s->link_word & VMCS_REVISION) == s->caps.revision);
	demand(v, VMX_RULE_LINK_SHADOW,
	       !!(s->link_word & VMCS_IS_SHADOW) == proc2_on(s, VMX_PROC2_VMCS_SHADOWING));
}

/*
 * Without EPT the entry reads them from memory; Vitrine always uses EPT, so
 * only the fields are looked at.
 */
static void check_pdptes(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool pae = FIELD(s, GUEST_CR0) & X86_CR0_PG && FIELD(s, GUEST_CR4) & X86_CR4_PAE &&
		   !ia32e_guest(s);

	if (!pae || !proc2_on(s, VMX_PROC2_ENABLE_EPT))
		return;
	for (unsigned int i = 0; i < 4; i++) {
		u64 entry = s->field[VMX_PLACE_GUEST_PDPTR0 + i];

		demand(v, VMX_RULE_PDPTE0_RESERVED + i,
		       !(entry & 1) || (!(entry & (GENMASK_ULL(2, 1) | GENMASK_ULL(8, 5))) &&
					fits_width(s, entry)));
	}
}

void vmx_check_guest(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	check_registers(s, v);
	check_tables(s, v);
	check_rip(s, v);
	check_activity(s, v);
	check_blocking(s, v);
	check_pending_debug(s, v);
	check_link_pointer(s, v);
	check_pdptes(s, v);
}
