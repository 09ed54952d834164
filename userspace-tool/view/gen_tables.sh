#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Make the tool's copy of the tables of vmx/ (one fact, one place).
#
# usage: gen_tables.sh DIR >tables_gen.c
#
# DIR holds vmcs_fields.def, exit_reasons.def, qualifications.def,
# insn_errors.def, controls.def, msrs.def; and rules.def, if there is one.
# Called by the Makefile; the output goes behind view/tables.h, so the tool
# includes nothing of vmx/.  A list is a C macro file: each becomes an array
# by a macro that turns one row into one element.
set -eu

die() {
	echo "gen_tables.sh: $*" >&2
	exit 1
}

# array TYPE NAME FILE MACRO PARAMETERS ELEMENT
array() {
	[ -s "$dir/$3" ] || die "$dir/$3 is missing or empty"
	grep -q "^$4(" "$dir/$3" || die "$dir/$3 has no row of $4()"
	printf '#define %s(%s) { %s },\n' "$4" "$5" "$6"
	printf 'const struct %s tables_%s[] = {\n' "$1" "$2"
	cat "$dir/$3"
	printf '};\n#undef %s\n' "$4"
	printf 'const unsigned int tables_nr_%s =\n' "$2"
	printf '\tsizeof(tables_%s) / sizeof(tables_%s[0]);\n\n' "$2" "$2"
}

[ $# = 1 ] || die "usage: gen_tables.sh DIR"
dir=$1

cat <<'HEAD'
// SPDX-License-Identifier: GPL-2.0-only
/* Made by view/gen_tables.sh from the lists of vmx/: do not edit. */
#include "tables.h"

HEAD
array field_info fields vmcs_fields.def VMCS_FIELD \
	'name, encoding, group, access, meaning, title' \
	'#name, encoding, #group, #access, meaning, title'
array exit_info exits exit_reasons.def VMX_EXIT \
	'name, number, kind, title_name, meaning, title' \
	'#name, number, VTR_HW_##kind, title_name, meaning, title'
array insn_error_info insn_errors insn_errors.def VMX_INSN_ERROR \
	'number, name, sentence, title' 'number, name, sentence, title'
array control_info controls controls.def VMX_CONTROL \
	'name, word, bit, title_name, meaning' \
	'#name, WORD_##word, bit, title_name, meaning'
array qualification_info qualifications qualifications.def VMX_QUALIFICATION \
	'exit, high, low, meaning' '#exit, high, low, meaning'
array msr_info msrs msrs.def VMX_MSR \
	'name, index, word, meaning, title' \
	'#name, index, WORD_##word, meaning, title'

# A back end that does not explain failed entries has no rules.
if [ -e "$dir/rules.def" ]; then
	array rule_info rules rules.def VMX_RULE \
		'id, stage, field, sentence, cause, title, number' \
		'#id, #stage, #field, sentence, cause, title'
else
	echo 'const struct rule_info tables_rules[1];'
	echo 'const unsigned int tables_nr_rules;'
fi
