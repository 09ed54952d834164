/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lab 4: what the files of this folder share.
 *
 * break.c and mend.c are the student's; states.c makes the valid VMCSs, hook.c
 * calls everything right before VM entry.  Read states.c next.
 */
#ifndef VTR_LAB4_H
#define VTR_LAB4_H

#include <linux/bits.h>
#include <linux/types.h>

#include "../../vmx/check.h"
#include "../../vmx/controls.h"
#include "../../vmx/insn.h"
#include "../../vmx/vmcs_fields.h"

/* The valid states; states.c describes each. */
enum lab4_state {
	LAB4_REAL,
	LAB4_PROTECTED,
	LAB4_PAE,
	LAB4_V86,
	LAB4_LONG,
	LAB4_USER,
	LAB4_EXCEPTION,
	LAB4_INTERRUPT,
	LAB4_NMI,
	LAB4_AREAS,
	LAB4_APIC,
	LAB4_HOST,
	LAB4_NR_STATES
};

/* ---- the VMCS that is about to be entered ------------------------------------------- */

/* Each is one VMREAD or VMWRITE, or both; any width. */
static inline u64 lab4_get(enum vtr_vmcs_field field)
{
	return vmcs_read(field);
}

static inline void lab4_put(enum vtr_vmcs_field field, u64 value)
{
	vmcs_write(field, value);
}

static inline void lab4_set_bits(enum vtr_vmcs_field field, u64 bits)
{
	lab4_put(field, lab4_get(field) | bits);
}

static inline void lab4_clear_bits(enum vtr_vmcs_field field, u64 bits)
{
	lab4_put(field, lab4_get(field) & ~bits);
}

/* ---- break.c ------------------------------------------------------------------------ */

void break_real(enum vmx_rule rule);
void break_protected(enum vmx_rule rule);
void break_pae(enum vmx_rule rule);
void break_v86(enum vmx_rule rule);
void break_long(enum vmx_rule rule);
void break_user(enum vmx_rule rule);
void break_exception(enum vmx_rule rule);
void break_interrupt(enum vmx_rule rule);
void break_nmi(enum vmx_rule rule);
void break_areas(enum vmx_rule rule);
void break_apic(enum vmx_rule rule);
void break_host(enum vmx_rule rule);

/* ---- mend.c ------------------------------------------------------------------------- */

enum vmx_rule mend_long(void);
enum vmx_rule mend_protected(void);
enum vmx_rule mend_v86(void);
enum vmx_rule mend_exception(void);
enum vmx_rule mend_areas(void);
enum vmx_rule mend_host(void);

/* ---- states.c ----------------------------------------------------------------------- */

extern const char * const lab4_state_names[LAB4_NR_STATES];

/* The MSR area has so many good entries; one that cannot be loaded lies behind them. */
unsigned int lab4_good_msrs(u32 values);

void lab4_make_state(struct vmx_entry_state *s, enum lab4_state state, u32 values, void *page,
		     u64 page_phys);

#endif /* VTR_LAB4_H */
