// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names and meanings by number: VMCS fields, exit reasons, instruction errors,
 * control bits.
 *
 * Called by vmx/backend.c for every dump and message.  The words themselves
 * stand in the four lists *.def; this file only makes tables of them and looks
 * numbers up, so a number from outside is never an index without a check.
 * Read next: vmx/decode.c, which takes values apart.
 */
#include <linux/kernel.h>

#include "../module/backend.h"
#include "describe.h"

static const struct vmx_field_info fields[] = {
#define VMCS_FIELD(name_, encoding_, group_, access_, meaning_, title_)	\
	{ #name_, encoding_, VMCS_GROUP_##group_, VMCS_ACCESS_##access_,	\
	  meaning_, title_ },
#include "vmcs_fields.def"
#undef VMCS_FIELD
};

static const struct {
	const char *name;
	const char *title;
	const char *meaning;
	u32 kind;
} exits[VMX_EXIT_NUMBERS] = {
#define VMX_EXIT(name_, number_, kind_, title_, meaning_, section_)	\
	[number_] = { #name_, title_, meaning_, VTR_HW_##kind_ },
#include "exit_reasons.def"
#undef VMX_EXIT
};

static const struct {
	const char *name;
	const char *sentence;
} insn_errors[] = {
	[0] = { "none", "No VMX instruction has failed with this VMCS." },
#define VMX_INSN_ERROR(number_, name_, sentence_, section_) \
	[number_] = { name_, sentence_ },
#include "insn_errors.def"
#undef VMX_INSN_ERROR
};

static const char * const controls[VMX_NR_WORDS][64] = {
#define VMX_CONTROL(name_, word_, bit_, title_, meaning_) \
	[VMX_WORD_##word_][bit_] = title_,
#include "controls.def"
#undef VMX_CONTROL
};

static const char * const groups[VMCS_NR_GROUPS] = {
	[VMCS_GROUP_guest_registers] = "guest registers",
	[VMCS_GROUP_guest_segments]  = "guest segments",
	[VMCS_GROUP_guest_tables]    = "guest descriptor tables",
	[VMCS_GROUP_guest_state]     = "guest state beyond registers",
	[VMCS_GROUP_host_state]	     = "host state",
	[VMCS_GROUP_controls_exec]   = "execution controls",
	[VMCS_GROUP_controls_exit]   = "exit controls",
	[VMCS_GROUP_controls_entry]  = "entry controls",
	[VMCS_GROUP_exit_info]	     = "exit information",
};

/* Iterate over all fields, sorted by encoding.  Return: NULL past the end. */
const struct vmx_field_info *vmx_field_info(unsigned int index)
{
	return index < ARRAY_SIZE(fields) ? &fields[index] : NULL;
}

/* Return: the field with @encoding, or NULL; the "high" half is no field. */
const struct vmx_field_info *vmx_field_find(u32 encoding)
{
	unsigned int low = 0, high = ARRAY_SIZE(fields);

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (fields[middle].encoding == encoding)
			return &fields[middle];
		if (fields[middle].encoding < encoding)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const char *vmx_group_name(enum vtr_vmcs_group group)
{
	return (unsigned int)group < VMCS_NR_GROUPS ? groups[group] : "unknown group";
}

static bool exit_is_known(u32 reason)
{
	return VMX_EXIT_BASIC(reason) < ARRAY_SIZE(exits) &&
	       exits[VMX_EXIT_BASIC(reason)].name;
}

/* Short name; @reason may carry the flags of the field VM_EXIT_REASON. */
const char *vmx_exit_name(u32 reason)
{
	return exit_is_known(reason) ? exits[VMX_EXIT_BASIC(reason)].name : "RESERVED";
}

/* Name as the manual gives it. */
const char *vmx_exit_title(u32 reason)
{
	return exit_is_known(reason) ? exits[VMX_EXIT_BASIC(reason)].title :
				       "Reserved exit reason";
}

const char *vmx_exit_meaning(u32 reason)
{
	return exit_is_known(reason) ? exits[VMX_EXIT_BASIC(reason)].meaning :
				       "The manual does not use this exit reason.";
}

/* Return: enum vtr_hw_kind. */
u32 vmx_exit_kind(u32 reason)
{
	if (reason & VMX_EXIT_ENTRY_FAILED)
		return VTR_HW_FAIL;
	return exit_is_known(reason) ? exits[VMX_EXIT_BASIC(reason)].kind : VTR_HW_OTHER;
}

static bool error_is_known(u32 number)
{
	return number < ARRAY_SIZE(insn_errors) && insn_errors[number].name;
}

const char *vmx_insn_error_name(u32 number)
{
	return error_is_known(number) ? insn_errors[number].name : "unknown";
}

const char *vmx_insn_error_sentence(u32 number)
{
	return error_is_known(number) ? insn_errors[number].sentence :
					"The manual does not use this error number.";
}

/* Return: name of a control bit as in the manual, NULL if it is reserved. */
const char *vmx_control_name(enum vtr_vmx_control_word word, unsigned int bit)
{
	if ((unsigned int)word >= VMX_NR_WORDS || bit >= 64)
		return NULL;
	return controls[word][bit];
}
