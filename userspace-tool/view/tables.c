// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look-up in the generated tables.
 *
 * Read tables.h first.  The tables are short and sorted as the manual sorts
 * them; a linear search is quick enough for people to read.
 */
#include <stdio.h>
#include <string.h>

#include "tables.h"
#include "tool.h"

/* Bits 15:0 of an exit reason are the basic reason. */
#define BASIC_REASON	0xffffu

const struct field_info *table_field(uint32_t encoding)
{
	for (unsigned int i = 0; i < tables_nr_fields; i++) {
		if (tables_fields[i].encoding == encoding)
			return &tables_fields[i];
	}
	return NULL;
}

const struct field_info *table_field_named(const char *name)
{
	for (unsigned int i = 0; i < tables_nr_fields; i++) {
		if (!strcmp(tables_fields[i].name, name))
			return &tables_fields[i];
	}
	return NULL;
}

const struct exit_info *table_exit(uint32_t reason)
{
	for (unsigned int i = 0; i < tables_nr_exits; i++) {
		if (tables_exits[i].number == (reason & BASIC_REASON))
			return &tables_exits[i];
	}
	return NULL;
}

const struct insn_error_info *table_insn_error(uint32_t number)
{
	for (unsigned int i = 0; i < tables_nr_insn_errors; i++) {
		if (tables_insn_errors[i].number == number)
			return &tables_insn_errors[i];
	}
	return NULL;
}

const struct control_info *table_control(enum control_word word,
					 unsigned int bit)
{
	for (unsigned int i = 0; i < tables_nr_controls; i++) {
		if (tables_controls[i].word == word &&
		    tables_controls[i].bit == bit)
			return &tables_controls[i];
	}
	return NULL;
}

const char *exit_name(uint32_t reason)
{
	static _Thread_local char unknown[24];
	const struct exit_info *info = table_exit(reason);

	if (info)
		return info->name;
	snprintf(unknown, sizeof(unknown), "reason %u", reason & BASIC_REASON);
	return unknown;
}

/* Bits 14:13 of an encoding are the width: 16, 64, 32, natural. */
unsigned int field_bits(uint32_t encoding)
{
	static const unsigned int bits[] = { 16, 64, 32, 64 };

	return bits[(encoding >> 13) & 3];
}

bool table_has_group(const char *group)
{
	for (unsigned int i = 0; i < tables_nr_fields; i++) {
		if (!strcmp(tables_fields[i].group, group))
			return true;
	}
	return false;
}

const char *hw_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[VTR_HW_NONE] = "none",
		[VTR_HW_CPUID] = "cpuid",
		[VTR_HW_MSR] = "msr",
		[VTR_HW_IO] = "io",
		[VTR_HW_HLT] = "hlt",
		[VTR_HW_HYPERCALL] = "hypercall",
		[VTR_HW_SLAT] = "slat",
		[VTR_HW_HOST_IRQ] = "irq",
		[VTR_HW_HOST_NMI] = "nmi",
		[VTR_HW_TRIPLE] = "triple",
		[VTR_HW_CR] = "cr",
		[VTR_HW_DR] = "dr",
		[VTR_HW_EXCEPTION] = "exception",
		[VTR_HW_WINDOW] = "window",
		[VTR_HW_STEP] = "step",
		[VTR_HW_INSN] = "insn",
		[VTR_HW_FAIL] = "fail",
		[VTR_HW_OTHER] = "other",
		[VTR_HW_TASK_SWITCH] = "task-switch",
		[VTR_HW_BAD_SLAT] = "bad-slat",
		[VTR_HW_CACHE] = "cache",
		[VTR_HW_SPIN] = "spin",
		[VTR_HW_PMC] = "pmc",
		[VTR_HW_NOTICE] = "notice",
		[VTR_HW_APIC_ACCESS] = "apic-access",
		[VTR_HW_APIC_WRITE] = "apic-write",
		[VTR_HW_APIC_END] = "apic-end",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : "?";
}
