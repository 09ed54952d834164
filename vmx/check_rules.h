/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files with conditions (check_*.c) share: reading the copy of the VMCS,
 * and saying that a rule does not hold.
 *
 * A condition is one line: demand(v, VMX_RULE_<id>, what must hold).  Fields are
 * read by name, bits of control words through the helpers below, which know that
 * a word that is not activated counts as 0.  Read vmx/check.h first.
 */
#ifndef VTR_VMX_CHECK_RULES_H
#define VTR_VMX_CHECK_RULES_H

#include <linux/bits.h>

#include "check.h"

#define FIELD(s, name)	((s)->field[VMX_PLACE_##name])

/* check.c */
void vmx_rule_broken(struct vmx_verdict *v, enum vmx_rule rule);

static inline void demand(struct vmx_verdict *v, enum vmx_rule rule, bool held)
{
	if (!held)
		vmx_rule_broken(v, rule);
}

/* ---- control words -------------------------------------------------------------- */

static inline bool pin_on(const struct vmx_entry_state *s, u64 bits)
{
	return FIELD(s, PIN_BASED_VM_EXEC_CONTROL) & bits;
}

static inline bool proc_on(const struct vmx_entry_state *s, u64 bits)
{
	return FIELD(s, CPU_BASED_VM_EXEC_CONTROL) & bits;
}

static inline bool proc2_on(const struct vmx_entry_state *s, u64 bits)
{
	return proc_on(s, VMX_PROC_ACTIVATE_SECONDARY) &&
	       (FIELD(s, SECONDARY_VM_EXEC_CONTROL) & bits);
}

static inline bool proc3_on(const struct vmx_entry_state *s, u64 bits)
{
	return proc_on(s, VMX_PROC_ACTIVATE_TERTIARY) &&
	       (FIELD(s, TERTIARY_VM_EXEC_CONTROL) & bits);
}

static inline bool exit_on(const struct vmx_entry_state *s, u64 bits)
{
	return FIELD(s, VM_EXIT_CONTROLS) & bits;
}

static inline bool entry_on(const struct vmx_entry_state *s, u64 bits)
{
	return FIELD(s, VM_ENTRY_CONTROLS) & bits;
}

static inline bool unrestricted(const struct vmx_entry_state *s)
{
	return proc2_on(s, VMX_PROC2_UNRESTRICTED_GUEST);
}

static inline bool ia32e_guest(const struct vmx_entry_state *s)
{
	return entry_on(s, VMX_ENTRY_CTL_IA32E_MODE);
}

/* ---- values ----------------------------------------------------------------------- */

/* Bits above the physical-address width are 0. */
static inline bool fits_width(const struct vmx_entry_state *s, u64 address)
{
	return !(address >> s->caps.phys_bits);
}

/* Bits 63:N are copies of bit N - 1, N being the linear-address width. */
static inline bool is_canonical(const struct vmx_entry_state *s, u64 address)
{
	unsigned int shift = 64 - s->caps.linear_bits;

	return (u64)((s64)(address << shift) >> shift) == address;
}

/* Each byte is a memory type: SDM 3A "IA32_PAT MSR". */
static inline bool is_pat(u64 value)
{
	for (unsigned int i = 0; i < 8; i++, value >>= 8) {
		u8 type = value & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/* Reserved bits of IA32_S_CET, and SUPPRESS with WAIT_FOR_ENDBRANCH. */
static inline bool is_s_cet(u64 value)
{
	return !(value & GENMASK_ULL(9, 6)) && (value & GENMASK_ULL(11, 10)) != GENMASK_ULL(11, 10);
}

/* ---- the event that the entry delivers ---------------------------------------------- */

/* Interruption types: SDM 3C "VM-Entry Controls for Event Injection" (25.8.3). */
enum vmx_event_type {
	VMX_EVENT_INTERRUPT = 0,
	VMX_EVENT_RESERVED = 1,
	VMX_EVENT_NMI = 2,
	VMX_EVENT_EXCEPTION = 3,
	VMX_EVENT_SOFT_INTERRUPT = 4,
	VMX_EVENT_PRIVILEGED_SOFT_EXCEPTION = 5,
	VMX_EVENT_SOFT_EXCEPTION = 6,
	VMX_EVENT_OTHER = 7,
};

static inline bool event_valid(const struct vmx_entry_state *s)
{
	return FIELD(s, VM_ENTRY_INTR_INFO_FIELD) & BIT(31);
}

static inline enum vmx_event_type event_type(const struct vmx_entry_state *s)
{
	return (FIELD(s, VM_ENTRY_INTR_INFO_FIELD) >> 8) & 7;
}

static inline u8 event_vector(const struct vmx_entry_state *s)
{
	return FIELD(s, VM_ENTRY_INTR_INFO_FIELD) & 0xff;
}

static inline bool injects(const struct vmx_entry_state *s, enum vmx_event_type type)
{
	return event_valid(s) && event_type(s) == type;
}

/* ---- the files with conditions -------------------------------------------------------- */

void vmx_check_controls(const struct vmx_entry_state *s, struct vmx_verdict *v);
void vmx_check_event(const struct vmx_entry_state *s, struct vmx_verdict *v);
void vmx_check_host(const struct vmx_entry_state *s, struct vmx_verdict *v);
void vmx_check_guest(const struct vmx_entry_state *s, struct vmx_verdict *v);
void vmx_check_segments(const struct vmx_entry_state *s, struct vmx_verdict *v);
void vmx_check_msrs(const struct vmx_entry_state *s, struct vmx_verdict *v);

#endif /* VTR_VMX_CHECK_RULES_H */
