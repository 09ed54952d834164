// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading, comparing and printing the state of a vCPU.
 *
 * Read vcpu_view.h first.  All registers are flattened into one list of
 * (name, value), so that comparing and printing need no second list of names.
 *
 * Subtle: exit information changes at every exit and is printed by the step
 * itself in words; host state changes with the host's stack and core.  Both
 * are left out of the list of changed fields.
 */
#include <errno.h>
#include <string.h>

#include "decode_show.h"
#include "tool.h"
#include "vcpu_view.h"

#define MAX_VALUES	96
#define RIP_INDEX	VTR_NR_GPRS	/* follows the general registers */
#define RFLAGS_INDEX	(RIP_INDEX + 1)

struct named_value {
	char name[16];
	uint64_t value;
};

static int read_fields(struct vtr_vcpu *vcpu, uint32_t backend,
		       struct vcpu_moment *moment)
{
	if (backend != VTR_BACKEND_VMX)
		return vtr_error(EOPNOTSUPP, "the VM's back end has number %u: only VMX has a VMCS",
				 backend);
	for (unsigned int i = 0; i < tables_nr_fields; i++) {
		if (i == VIEW_MAX_FIELDS)
			break;
		moment->fields[i] = (struct vtr_field){
			.encoding = tables_fields[i].encoding,
		};
		moment->nr_fields = i + 1;
	}
	return vtr_vcpu_read_fields(vcpu, backend, moment->fields,
				    moment->nr_fields);
}

int vcpu_moment_read(struct vtr_vcpu *vcpu, uint32_t backend,
		     struct vcpu_moment *moment)
{
	int ret;

	memset(moment, 0, sizeof(*moment));
	ret = vtr_get_regs(vcpu, &moment->regs);
	if (!ret)
		ret = vtr_get_sregs(vcpu, &moment->sregs);
	if (!ret)
		ret = read_fields(vcpu, backend, moment);
	return ret;
}

/* The descriptor privilege level of SS is the current privilege level. */
enum vtr_layer vcpu_guest_layer(const struct vtr_sregs *sregs)
{
	unsigned int cpl = (sregs->seg[VTR_SS].attributes >> 5) & 3;

	return (sregs->cr0 & 1) && cpl == 3 ? VTR_LAYER_GUEST_APP :
					      VTR_LAYER_GUEST_OS;
}

static unsigned int put(struct named_value *values, unsigned int nr,
			const char *name, const char *suffix, uint64_t value)
{
	snprintf(values[nr].name, sizeof(values[nr].name), "%s%s", name,
		 suffix);
	values[nr].value = value;
	return nr + 1;
}

static unsigned int put_segments(struct named_value *values, unsigned int nr,
				 const struct vtr_sregs *sregs)
{
	static const char *const names[VTR_NR_SEGS] = {
		"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR",
	};

	for (unsigned int i = 0; i < VTR_NR_SEGS; i++) {
		const struct vtr_segment *seg = &sregs->seg[i];

		nr = put(values, nr, names[i], "", seg->selector);
		nr = put(values, nr, names[i], ".base", seg->base);
		nr = put(values, nr, names[i], ".limit", seg->limit);
		nr = put(values, nr, names[i], ".attr", seg->attributes);
	}
	nr = put(values, nr, "GDTR", ".base", sregs->gdtr.base);
	nr = put(values, nr, "GDTR", ".limit", sregs->gdtr.limit);
	nr = put(values, nr, "IDTR", ".base", sregs->idtr.base);
	return put(values, nr, "IDTR", ".limit", sregs->idtr.limit);
}

static unsigned int flatten(const struct vcpu_moment *moment,
			    struct named_value *values)
{
	static const char *const names[VTR_NR_GPRS] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
		"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
	};
	const struct vtr_sregs *sregs = &moment->sregs;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < VTR_NR_GPRS; i++)
		nr = put(values, nr, names[i], "", moment->regs.gpr[i]);
	nr = put(values, nr, "RIP", "", moment->regs.rip);
	nr = put(values, nr, "RFLAGS", "", moment->regs.rflags);
	nr = put(values, nr, "CR0", "", sregs->cr0);
	nr = put(values, nr, "CR2", "", sregs->cr2);
	nr = put(values, nr, "CR3", "", sregs->cr3);
	nr = put(values, nr, "CR4", "", sregs->cr4);
	nr = put(values, nr, "CR8", "", sregs->cr8);
	nr = put(values, nr, "EFER", "", sregs->efer);
	return put_segments(values, nr, sregs);
}

static void print_change(const struct named_value *before,
			 const struct named_value *after, bool flags, FILE *out)
{
	char old[128], new[128];

	if (!flags) {
		fprintf(out, "  %-10s 0x%llx → 0x%llx\n", after->name,
			(ull)before->value, (ull)after->value);
		return;
	}
	show_rflags(old, sizeof(old), before->value);
	show_rflags(new, sizeof(new), after->value);
	fprintf(out, "  %-10s 0x%llx (%s) → 0x%llx (%s)\n", after->name,
		(ull)before->value, old, (ull)after->value, new);
}

void vcpu_print_changes(const struct vcpu_moment *before,
			const struct vcpu_moment *after, FILE *out)
{
	struct named_value old[MAX_VALUES], new[MAX_VALUES];
	unsigned int nr = flatten(before, old);

	flatten(after, new);
	for (unsigned int i = 0; i < nr; i++) {
		if (old[i].value != new[i].value)
			print_change(&old[i], &new[i], i == RFLAGS_INDEX, out);
	}
}

static void add_pair(cJSON *json, const char *name, uint64_t before,
		     uint64_t after)
{
	cJSON *pair = cJSON_AddArrayToObject(json, name);
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (ull)before);
	cJSON_AddItemToArray(pair, cJSON_CreateString(text));
	snprintf(text, sizeof(text), "0x%llx", (ull)after);
	cJSON_AddItemToArray(pair, cJSON_CreateString(text));
}

cJSON *vcpu_json_changes(const struct vcpu_moment *before,
			 const struct vcpu_moment *after)
{
	struct named_value old[MAX_VALUES], new[MAX_VALUES];
	cJSON *json = cJSON_CreateObject();
	unsigned int nr = flatten(before, old);

	flatten(after, new);
	for (unsigned int i = 0; i < nr; i++) {
		if (old[i].value != new[i].value)
			add_pair(json, new[i].name, old[i].value, new[i].value);
	}
	return json;
}

static bool field_changed(const struct vcpu_moment *before,
			  const struct vcpu_moment *after, unsigned int i)
{
	return !before->fields[i].status && !after->fields[i].status &&
	       before->fields[i].value != after->fields[i].value &&
	       strcmp(tables_fields[i].group, "exit_info") &&
	       strcmp(tables_fields[i].group, "host_state");
}

void vcpu_print_field_changes(const struct vcpu_moment *before,
			      const struct vcpu_moment *after, FILE *out)
{
	for (unsigned int i = 0; i < after->nr_fields; i++) {
		char text[256];

		if (!field_changed(before, after, i))
			continue;
		show_field(text, sizeof(text), after->fields[i].encoding,
			   after->fields[i].value);
		fprintf(out, "  %-28s 0x%llx → 0x%llx%s%s%s\n",
			tables_fields[i].name, (ull)before->fields[i].value,
			(ull)after->fields[i].value, *text ? " (" : "", text,
			*text ? ")" : "");
	}
}

cJSON *vcpu_json_field_changes(const struct vcpu_moment *before,
			       const struct vcpu_moment *after)
{
	cJSON *json = cJSON_CreateObject();

	for (unsigned int i = 0; i < after->nr_fields; i++) {
		if (field_changed(before, after, i))
			add_pair(json, tables_fields[i].name,
				 before->fields[i].value,
				 after->fields[i].value);
	}
	return json;
}

void vcpu_print_registers(const struct vcpu_moment *moment, FILE *out)
{
	struct named_value values[MAX_VALUES];
	unsigned int nr = flatten(moment, values);
	char flags[128];

	for (unsigned int i = 0; i < nr; i++)
		fprintf(out, "  %-10s 0x%-16llx%s", values[i].name,
			(ull)values[i].value, i % 3 == 2 ? "\n" : "  ");
	show_rflags(flags, sizeof(flags), moment->regs.rflags);
	fprintf(out, "%s  flags: %s\n", nr % 3 ? "\n" : "", flags);
}
