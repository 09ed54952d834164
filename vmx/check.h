/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Would VM entry succeed, and if not: which rule of the manual is broken?
 *
 * vmx_check() goes through the checks that the processor makes at VM entry, over
 * a copy of the VMCS: pure C, no privileged instruction, so it runs anywhere.
 * rules.def lists the rules; check_ctls.c, check_event.c, check_host.c,
 * check_segs.c, check_guest.c and check_msrs.c hold the conditions, check.c the
 * words; check_read.c makes the copy on the processor.
 * Used by vmx/run.c when an entry fails and through the back end's table.
 * Source: SDM 3C "VM Entries" (chapter 27).
 */
#ifndef VTR_VMX_CHECK_H
#define VTR_VMX_CHECK_H

#include <linux/bitmap.h>
#include <linux/types.h>

#include "controls.h"
#include "vmcs_fields.h"

enum vmx_rule {
	VMX_RULE_NONE,
#define VMX_RULE(id, stage, field, sentence, cause, title, number) VMX_RULE_##id,
#include "rules.def"
#undef VMX_RULE
	VMX_NR_RULES
};

/*
 * What the processor does about a broken rule.  It looks at controls and host
 * state in any order it likes, then at guest state, then loads MSRs.
 */
enum vmx_stage {
	VMX_STAGE_CONTROLS,	/* VMfail, VM-instruction error 7 */
	VMX_STAGE_HOST,		/* VMfail, VM-instruction error 8 */
	VMX_STAGE_GUEST,	/* VM exit, reason 33 */
	VMX_STAGE_MSRS,		/* VM exit, reason 34 */
	VMX_NR_STAGES
};

/* Where a field lies in the copy: its place in vmcs_fields.def. */
enum vmx_place {
#define VMCS_FIELD(name, encoding, group, access, meaning, title) VMX_PLACE_##name,
#include "vmcs_fields.def"
#undef VMCS_FIELD
	VMX_NR_FIELDS
};

/* One entry of an MSR-load or MSR-store area: SDM 3C "VM-Entry Controls for MSRs". */
struct vmx_msr_entry {
	u32 index;
	u32 reserved;
	u64 value;
};

#define VMX_CHECKED_MSRS	16

/**
 * struct vmx_entry_caps - what the rules ask about the processor
 * @must, @may: by control word: bits that must be 1, bits that may be 1
 * @cr0_fixed0, @cr4_fixed0: bits that VMX operation fixes to 1
 * @cr0_fixed1, @cr4_fixed1: bits that it does not fix to 0
 * @basic, @misc, @ept_vpid, @vmfunc: capability MSRs of these names
 * @perf_global: bits of IA32_PERF_GLOBAL_CTRL that have a counter
 * @efer: bits that IA32_EFER has
 * @revision: VMCS revision
 * @phys_bits, @linear_bits: widths of addresses
 * @sgx, @rtm, @bus_lock: features in CPUID
 * @x2apic: this core's local APIC is in x2APIC mode
 */
struct vmx_entry_caps {
	u64 must[VMX_NR_WORDS];
	u64 may[VMX_NR_WORDS];
	u64 cr0_fixed0;
	u64 cr0_fixed1;
	u64 cr4_fixed0;
	u64 cr4_fixed1;
	u64 basic;
	u64 misc;
	u64 ept_vpid;
	u64 vmfunc;
	u64 perf_global;
	u64 efer;
	u32 revision;
	u8 phys_bits;
	u8 linear_bits;
	bool sgx;
	bool rtm;
	bool bus_lock;
	bool x2apic;
};

/**
 * struct vmx_entry_state - all that the processor looks at when it enters a guest
 * @field: the VMCS, by enum vmx_place; 0 for fields that the processor lacks
 * @vmcs: physical address of this VMCS
 * @link_known: @link_word could be read
 * @link_word: first word of the page that the VMCS link pointer names
 * @vtpr_known: @vtpr could be read
 * @vtpr: byte 80H of the virtual-APIC page
 * @nr_msrs: entries of the MSR-load area that could be read, of all that there are
 * @msr: these entries
 * @caps: the processor
 */
struct vmx_entry_state {
	u64 field[VMX_NR_FIELDS];
	u64 vmcs;
	bool link_known;
	u32 link_word;
	bool vtpr_known;
	u8 vtpr;
	unsigned int nr_msrs;
	struct vmx_msr_entry msr[VMX_CHECKED_MSRS];
	struct vmx_entry_caps caps;
};

/**
 * struct vmx_verdict - outcome of vmx_check()
 * @broken: rules that are broken
 * @nr: how many, by stage
 * @first: the first one, by stage
 * @msr: number of the first bad entry of the MSR-load area, from 1 as in the exit
 *	qualification; 0: none
 */
struct vmx_verdict {
	DECLARE_BITMAP(broken, VMX_NR_RULES);
	u16 nr[VMX_NR_STAGES];
	u16 first[VMX_NR_STAGES];
	u32 msr;
};

struct vmx_rule_info {
	const char *id;
	enum vmx_stage stage;
	const char *field;	/* name */
	enum vmx_place place;	/* the same field in the copy */
	const char *sentence;
	const char *cause;
	const char *title;	/* section of volume 3C */
	const char *number;
};

/* check.c */
void vmx_check(const struct vmx_entry_state *s, struct vmx_verdict *v);
const struct vmx_rule_info *vmx_rule_info(enum vmx_rule rule);
enum vmx_rule vmx_first_broken(const struct vmx_verdict *v);
unsigned int vmx_nr_broken(const struct vmx_verdict *v);
int vmx_describe_rule(char *buf, size_t room, enum vmx_rule rule, u64 value);

/* check_read.c */
struct vtr_vmx_vcpu;
void vmx_entry_caps_init(void);
void vmx_entry_state_read(struct vtr_vmx_vcpu *v, struct vmx_entry_state *s);

#endif /* VTR_VMX_CHECK_H */
