// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lab 4: the rules of VM entry, applied outside of the machine.
 *
 * The same vmx/check*.c as in the module, built as a program of the grader's side,
 * over a VMCS that was read from the emulator's memory: so a submission has no say.
 * Input, one a line, numbers in hexadecimal:
 *
 *	FIELD VALUE			a field of the VMCS by its name
 *	:msr INDEX RESERVED VALUE	the next entry of the MSR-load area
 *	:vtpr VALUE			byte 80H of the virtual-APIC page
 *	:check				answer with a line: the rules that are broken
 *
 * labs/4/oracle.py builds it and talks to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../vmx/check_rules.h"

/* The emulated processor, corei7_skylake_x: its capability MSRs and CPUID. */
static const struct vmx_entry_caps processor = {
#include "processor.h"
};

static const char * const names[VMX_NR_FIELDS] = {
#define VMCS_FIELD(name, encoding, group, access, meaning, title) #name,
#include "../../../vmx/vmcs_fields.def"
#undef VMCS_FIELD
};

static struct vmx_entry_state state;

static void answer(void)
{
	struct vmx_verdict verdict;

	vmx_check(&state, &verdict);
	for (unsigned int rule = 1; rule < VMX_NR_RULES; rule++)
		if (test_bit(rule, verdict.broken))
			printf("%s ", vmx_rule_info(rule)->id);
	printf("\n");
	fflush(stdout);
	memset(&state, 0, sizeof(state));
}

static int take(const char *name, const unsigned long long *value)
{
	if (!strcmp(name, ":msr")) {
		if (state.nr_msrs == VMX_CHECKED_MSRS)
			return -1;
		state.msr[state.nr_msrs++] = (struct vmx_msr_entry){
			.index = value[0], .reserved = value[1], .value = value[2],
		};
		return 0;
	}
	if (!strcmp(name, ":vtpr")) {
		state.vtpr_known = true;
		state.vtpr = value[0];
		return 0;
	}
	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++) {
		if (strcmp(name, names[place]))
			continue;
		state.field[place] = value[0];
		return 0;
	}
	return -1;
}

int main(void)
{
	char line[256], name[64];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long value[3] = { 0 };

		state.caps = processor;
		if (!strcmp(line, ":check\n"))
			answer();
		else if (sscanf(line, "%63s %llx %llx %llx", name, &value[0], &value[1],
				&value[2]) < 2 || take(name, value))
			return fprintf(stderr, "not understood: %s", line), EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
