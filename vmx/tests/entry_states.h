/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Valid states for VM entry, and small changes to them.
 *
 * Used by vmx/tests/check_kunit.c on any machine and by vmx/tests/entry_hook.c on
 * a processor, so that both mean the same state by the same name.  rule_cases.def
 * has the changes that break each rule.
 */
#ifndef VTR_VMX_ENTRY_STATES_H
#define VTR_VMX_ENTRY_STATES_H

#include <linux/types.h>

#include "../check.h"

/* Modes that a guest can be entered in. */
enum vmx_test_mode {
	VMX_TEST_REAL,		/* real mode, by an unrestricted guest */
	VMX_TEST_PROTECTED,	/* 32-bit without paging */
	VMX_TEST_PAE,		/* 32-bit with PAE paging */
	VMX_TEST_V86,		/* virtual-8086 mode */
	VMX_TEST_LONG,		/* 64-bit, privilege level 0 */
	VMX_TEST_USER,		/* 64-bit, privilege level 3 */
	VMX_TEST_COMPATIBILITY,	/* 32-bit code in long mode */
	VMX_NR_TEST_MODES
};

enum vmx_change_kind {
	CHANGE_NONE,
	CHANGE_WRITE,		/* the value */
	CHANGE_SET,		/* these bits */
	CHANGE_CLEAR,
	CHANGE_PAGE,		/* address in the tests' page, value is the offset */
	CHANGE_TOP,		/* end of physical memory minus the value */
	CHANGE_CURRENT,		/* address of the VMCS itself */
};

struct vmx_change {
	u16 place;		/* enum vmx_place */
	u16 kind;
	u64 value;
};

/**
 * struct vmx_test_memory - what the processor finds in the tests' page
 * @revision_xor: first word: the VMCS revision, with these bits changed
 * @vtpr: byte at VMX_TEST_VTPR_OFFSET
 * @msr: first entry at VMX_TEST_MSR_OFFSET, unless its index is 0; the others, which
 *	any processor loads, are IA32_TSC_AUX
 */
struct vmx_test_memory {
	u32 revision_xor;
	u8 vtpr;
	struct vmx_msr_entry msr;
};

#define VMX_TEST_VTPR_OFFSET	0x80
#define VMX_TEST_MSR_OFFSET	0x100
#define VMX_TEST_MSRS		3

/**
 * struct vmx_rule_case - a state that keeps a rule and one that breaks it
 * @rule: the rule
 * @mode: state to start from
 * @setup, @good, @bad: changes
 * @good_memory, @bad_memory: the page
 * @caps: the processor for this case, NULL: as it is
 * @more: the bad state breaks other rules, too
 * @bad_only: the good state is not entered on a processor
 * @unsafe: neither state is
 */
struct vmx_rule_case {
	enum vmx_rule rule;
	enum vmx_test_mode mode;
	struct vmx_change setup[8];
	struct vmx_change good[2];
	struct vmx_change bad[2];
	struct vmx_test_memory good_memory;
	struct vmx_test_memory bad_memory;
	void (*caps)(struct vmx_entry_caps *caps);
	bool more;
	bool bad_only;
	bool unsafe;
};

extern const struct vmx_rule_case vmx_rule_cases[];
extern const unsigned int vmx_nr_rule_cases;

/* The guest's part of a valid state; the rest of @s is kept. */
void vmx_test_guest(struct vmx_entry_state *s, enum vmx_test_mode mode);

/* A whole valid state on a processor that has everything. */
void vmx_test_state(struct vmx_entry_state *s, enum vmx_test_mode mode);

/* Apply @nr changes; @page: physical address of the tests' page. */
void vmx_test_change(struct vmx_entry_state *s, const struct vmx_change *changes,
		     unsigned int nr, u64 page);

/* Write @memory to the tests' page. */
void vmx_test_fill_page(void *page, const struct vmx_test_memory *memory, u32 revision);

/* Setup, and good or bad. */
void vmx_test_case(struct vmx_entry_state *s, const struct vmx_rule_case *c, bool bad, u64 page);

#endif /* VTR_VMX_ENTRY_STATES_H */
