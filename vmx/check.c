// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks of VM entry as a whole, and rules in words.
 *
 * vmx_check() runs all conditions over a copy of the VMCS and notes each rule
 * that does not hold.  Called by vmx/check_read.c, and by unit tests on any
 * machine.  Nothing here, or in the files with conditions, executes a privileged
 * instruction, sleeps, or keeps state.
 * Read next: check_ctls.c, check_event.c, check_host.c, check_guest.c,
 * check_segs.c, check_msrs.c.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "check_rules.h"

static const struct vmx_rule_info rules[VMX_NR_RULES] = {
#define VMX_RULE(id_, stage_, field_, sentence_, cause_, title_, number_)	\
	[VMX_RULE_##id_] = { #id_, VMX_STAGE_##stage_, #field_, VMX_PLACE_##field_, \
			     sentence_, cause_, title_, number_ },
#include "rules.def"
#undef VMX_RULE
};

/* Return: the rule in words; NULL for VMX_RULE_NONE and numbers past the end. */
const struct vmx_rule_info *vmx_rule_info(enum vmx_rule rule)
{
	if (rule == VMX_RULE_NONE || (unsigned int)rule >= VMX_NR_RULES)
		return NULL;
	return &rules[rule];
}

void vmx_rule_broken(struct vmx_verdict *v, enum vmx_rule rule)
{
	enum vmx_stage stage = rules[rule].stage;

	if (__test_and_set_bit(rule, v->broken))
		return;
	if (!v->nr[stage]++)
		v->first[stage] = rule;
}

/**
 * vmx_check() - which rules of VM entry does this state break?
 * @s: the state
 * @v: filled: no rule is broken if all of v->nr[] are 0
 *
 * All stages are looked at, also those that the processor would not get to.
 * Context: any.
 */
void vmx_check(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	memset(v, 0, sizeof(*v));
	vmx_check_controls(s, v);
	vmx_check_event(s, v);
	vmx_check_host(s, v);
	vmx_check_guest(s, v);
	vmx_check_segments(s, v);
	vmx_check_msrs(s, v);
}

/* Return: the first broken rule of the first stage that has one, or VMX_RULE_NONE. */
enum vmx_rule vmx_first_broken(const struct vmx_verdict *v)
{
	for (unsigned int stage = 0; stage < VMX_NR_STAGES; stage++)
		if (v->nr[stage])
			return v->first[stage];
	return VMX_RULE_NONE;
}

unsigned int vmx_nr_broken(const struct vmx_verdict *v)
{
	unsigned int nr = 0;

	for (unsigned int stage = 0; stage < VMX_NR_STAGES; stage++)
		nr += v->nr[stage];
	return nr;
}

/**
 * vmx_describe_rule() - a rule and the value that breaks it, as one line
 * @buf: result
 * @room: its size
 * @rule: the rule
 * @value: of its field
 *
 * Return: length, as scnprintf().
 */
int vmx_describe_rule(char *buf, size_t room, enum vmx_rule rule, u64 value)
{
	const struct vmx_rule_info *info = vmx_rule_info(rule);

	if (!info)
		return scnprintf(buf, room, "no rule that Vitrine knows is broken");
	return scnprintf(buf, room, "rule %s: %s (%s is 0x%llx)", info->id, info->sentence,
			 info->field, value);
}
