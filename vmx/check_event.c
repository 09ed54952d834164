// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of VM entry: the event that it delivers.
 *
 *	 31    30        12 11   10  8 7      0
 *	+-----+------------+-----+----+--------+
 *	|valid|     0      |error|type| vector |
 *	+-----+------------+-----+----+--------+
 *
 * A control field, so a broken rule is VM-instruction error 7; whether the guest
 * can take the event at this moment is a rule of guest state (check_guest.c).
 * Called by vmx/check.c.  Read next: vmx/check_host.c.
 * Source: SDM 3C "VM-Entry Control Fields" (27.2.1.3).
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "check_rules.h"

/* IA32_VMX_BASIC bit 56: any exception may deliver an error code or none. */
#define BASIC_ANY_ERROR_CODE	BIT_ULL(56)
/* IA32_VMX_MISC bit 30: a software event may have an instruction of length 0. */
#define MISC_LENGTH_0		BIT_ULL(30)

#define ERROR_CODE_VECTORS						\
	(BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) |	\
	 BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) | BIT(X86_TRAP_AC))

static bool has_error_code(const struct vmx_entry_state *s)
{
	return FIELD(s, VM_ENTRY_INTR_INFO_FIELD) & BIT(11);
}

static bool in_real_mode(const struct vmx_entry_state *s)
{
	return unrestricted(s) && !(FIELD(s, GUEST_CR0) & X86_CR0_PE);
}

static bool pushes_error_code(const struct vmx_entry_state *s)
{
	u8 vector = event_vector(s);

	return event_type(s) == VMX_EVENT_EXCEPTION && vector < 32 &&
	       (BIT(vector) & ERROR_CODE_VECTORS);
}

static void check_error_code(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool any = s->caps.basic & BASIC_ANY_ERROR_CODE;
	bool may = pushes_error_code(s) || (any && event_type(s) == VMX_EVENT_EXCEPTION);

	if (has_error_code(s)) {
		demand(v, VMX_RULE_EVENT_ERROR_CODE_REAL, !in_real_mode(s));
		demand(v, VMX_RULE_EVENT_ERROR_CODE_UNDUE, may);
		demand(v, VMX_RULE_EVENT_ERROR_CODE_HIGH,
		       !(FIELD(s, VM_ENTRY_EXCEPTION_ERROR_CODE) & GENMASK_ULL(31, 16)));
	} else {
		demand(v, VMX_RULE_EVENT_ERROR_CODE_MISSING,
		       any || in_real_mode(s) || !pushes_error_code(s));
	}
}

static void check_length(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u64 length = FIELD(s, VM_ENTRY_INSTRUCTION_LEN);

	if (event_type(s) < VMX_EVENT_SOFT_INTERRUPT || event_type(s) > VMX_EVENT_SOFT_EXCEPTION)
		return;
	demand(v, VMX_RULE_EVENT_LENGTH_ZERO, length || s->caps.misc & MISC_LENGTH_0);
	demand(v, VMX_RULE_EVENT_LENGTH_LONG, length <= 15);
}

void vmx_check_event(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool mtf = s->caps.may[VMX_WORD_PROC] & VMX_PROC_MONITOR_TRAP_FLAG;
	u8 vector = event_vector(s);

	if (!event_valid(s))
		return;
	demand(v, VMX_RULE_EVENT_TYPE_RESERVED, event_type(s) != VMX_EVENT_RESERVED);
	demand(v, VMX_RULE_EVENT_TYPE_OTHER, event_type(s) != VMX_EVENT_OTHER || mtf);
	demand(v, VMX_RULE_EVENT_NMI_VECTOR,
	       event_type(s) != VMX_EVENT_NMI || vector == X86_TRAP_NMI);
	demand(v, VMX_RULE_EVENT_EXCEPTION_VECTOR,
	       event_type(s) != VMX_EVENT_EXCEPTION || vector < 32);
	demand(v, VMX_RULE_EVENT_OTHER_VECTOR, event_type(s) != VMX_EVENT_OTHER || !vector);
	check_error_code(s, v);
	demand(v, VMX_RULE_EVENT_RESERVED,
	       !(FIELD(s, VM_ENTRY_INTR_INFO_FIELD) & GENMASK_ULL(30, 12)));
	check_length(s, v);
}
