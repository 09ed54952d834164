// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine vmcs: the control structure of a vCPU, by groups, in words.
 *
 * From debugfs for a VM that runs, or of a fresh guest stopped at its Nth
 * exit.  Both ways end in one list of rows, which is filtered and printed.
 * Read view/tables.h for names and view/decode_show.h for meanings.
 *
 * Subtle: --diff compares with the exit before (GUEST) or with a second look
 * one second later (--vm); a field without an old value is not a change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "libvitrine.h"
#include "run/stepper.h"
#include "view/debugfs.h"
#include "view/decode_show.h"
#include "view/text_table.h"
#include "view/vcpu_view.h"

struct vmcs_row {
	const char *group;
	const char *name;
	uint32_t encoding;
	uint64_t value;
	bool has_old;
	uint64_t old;
	char words[256];
};

struct vmcs_list {
	unsigned int nr;
	struct vmcs_row rows[VIEW_MAX_FIELDS];
};

/* ---- filling the list ---- */

static void add_row(struct vmcs_list *list, const struct field_info *info,
		    uint64_t value)
{
	struct vmcs_row *row;

	if (list->nr == VIEW_MAX_FIELDS)
		return;
	row = &list->rows[list->nr++];
	row->group = info->group;
	row->name = info->name;
	row->encoding = info->encoding;
	row->value = value;
	show_field(row->words, sizeof(row->words), info->encoding, value);
	if (!*row->words)
		snprintf(row->words, sizeof(row->words), "%s", info->meaning);
}

static void set_old(struct vmcs_list *list, uint32_t encoding, uint64_t value)
{
	for (unsigned int i = 0; i < list->nr; i++) {
		if (list->rows[i].encoding != encoding)
			continue;
		list->rows[i].has_old = true;
		list->rows[i].old = value;
	}
}

static void fill_from_moment(struct vmcs_list *list,
			     const struct vcpu_moment *now,
			     const struct vcpu_moment *old)
{
	for (unsigned int i = 0; i < now->nr_fields; i++) {
		if (now->fields[i].status)
			continue;
		add_row(list, &tables_fields[i], now->fields[i].value);
		if (old && !old->fields[i].status)
			set_old(list, now->fields[i].encoding,
				old->fields[i].value);
	}
}

/* "<group>\t<name>\t<encoding>\t<value>\t<meaning>"; false: no such line. */
static bool parse_line(const char *line, uint32_t *encoding, uint64_t *value)
{
	unsigned long long v;
	unsigned int e;

	if (sscanf(line, "%*[^\t]\t%*[^\t]\t%x\t%llx", &e, &v) != 2)
		return false;
	*encoding = e;
	*value = v;
	return true;
}

static int read_debugfs(const struct options *options, unsigned int id,
			struct vmcs_list *list, bool old)
{
	char line[DEBUGFS_LINE];
	FILE *stream = debugfs_open(options->debugfs, id, options->vcpu.value,
				    "vmcs");

	if (!stream)
		return -ENOENT;
	while (fgets(line, sizeof(line), stream)) {
		const struct field_info *info;
		uint32_t encoding;
		uint64_t value;

		if (!parse_line(line, &encoding, &value))
			continue;
		info = table_field(encoding);
		if (old)
			set_old(list, encoding, value);
		else if (info)
			add_row(list, info, value);
	}
	fclose(stream);
	if (!list->nr)
		return vtr_error(EIO, "vm%u/vcpu%llu/vmcs in debugfs has no line that this tool understands: build module and tool from one tree",
				 id, (ull)options->vcpu.value);
	return 0;
}

/* Two looks change places: the first one is the old state. */
static void swap_old(struct vmcs_list *list)
{
	for (unsigned int i = 0; i < list->nr; i++) {
		struct vmcs_row *row = &list->rows[i];
		uint64_t first = row->value;

		if (!row->has_old)
			continue;
		row->value = row->old;
		row->old = first;
		show_field(row->words, sizeof(row->words), row->encoding,
			   row->value);
	}
}

/* ---- printing ---- */

static bool is_shown(const struct options *options, const struct vmcs_row *row)
{
	if (options->group && strcmp(options->group, row->group))
		return false;
	return !options->diff || (row->has_old && row->old != row->value);
}

static void print_row(const struct options *options, const struct vmcs_row *row)
{
	printf("  %-32s 0x%04x  ", row->name, row->encoding);
	if (options->diff)
		printf("0x%llx → ", (ull)row->old);
	printf("0x%-16llx  %s\n", (ull)row->value, row->words);
}

/* Group by group, in the order in which the groups first appear. */
static void print_text(const struct options *options,
		       const struct vmcs_list *list)
{
	bool done[VIEW_MAX_FIELDS] = { false };

	for (unsigned int i = 0; i < list->nr; i++) {
		if (done[i] || !is_shown(options, &list->rows[i]))
			continue;
		printf("%s:\n", list->rows[i].group);
		for (unsigned int j = i; j < list->nr; j++) {
			if (strcmp(list->rows[j].group, list->rows[i].group) ||
			    !is_shown(options, &list->rows[j]))
				continue;
			done[j] = true;
			print_row(options, &list->rows[j]);
		}
	}
}

static void print_json(const struct options *options,
		       const struct vmcs_list *list)
{
	cJSON *array = cJSON_CreateArray();

	for (unsigned int i = 0; i < list->nr; i++) {
		const struct vmcs_row *row = &list->rows[i];
		cJSON *json;

		if (!is_shown(options, row))
			continue;
		json = cJSON_CreateObject();
		cJSON_AddStringToObject(json, "group", row->group);
		cJSON_AddStringToObject(json, "name", row->name);
		json_hex(json, "encoding", row->encoding);
		json_hex(json, "value", row->value);
		if (options->diff)
			json_hex(json, "old", row->old);
		cJSON_AddStringToObject(json, "words", row->words);
		cJSON_AddItemToArray(array, json);
	}
	json_print(array, stdout);
}

static void print_list(const struct options *options,
		       const struct vmcs_list *list)
{
	if (options->json)
		print_json(options, list);
	else
		print_text(options, list);
}

/* ---- the two sources ---- */

static int vmcs_of_vm(const struct options *options, struct vmcs_list *list)
{
	struct debugfs_vm vm;
	int ret = debugfs_find(options->debugfs, options->vm, &vm);

	if (!ret)
		ret = read_debugfs(options, vm.id, list, false);
	if (!ret && options->diff) {
		sleep(1);
		ret = read_debugfs(options, vm.id, list, true);
		swap_old(list);
	}
	if (ret)
		return command_failed(&cmd_vmcs);
	print_list(options, list);
	return EXIT_OK;
}

struct moments {
	struct vcpu_moment old;
	struct vcpu_moment now;
};

static int step_to(struct machine *machine, struct moments *moments)
{
	uint64_t wanted = machine->options->at_exit.value;
	uint32_t backend = vtr_caps(machine->dev)->backend;
	struct vtr_vcpu *vcpu = machine->cpus[0].vcpu;
	struct vtr_run last;

	for (uint64_t i = 0; i < wanted; i++) {
		int ret = 0;

		if (i + 1 == wanted)
			ret = vcpu_moment_read(vcpu, backend, &moments->old);
		if (ret)
			return ret;
		if (stepper_step(machine, VTR_DEBUG_STEP_EXIT, &last) !=
		    STEP_DONE)
			return vtr_error(ENOENT, "the guest made only %llu exits, --at-exit wants %llu: %s",
					 (ull)i, (ull)wanted,
					 machine->outcome.sentence);
	}
	return vcpu_moment_read(vcpu, backend, &moments->now);
}

static int vmcs_of_machine(struct machine *machine, struct vmcs_list *list)
{
	const struct options *options = machine->options;
	struct moments *moments = calloc(1, sizeof(*moments));
	int ret;

	if (!moments)
		return vtr_error(ENOMEM, "no memory for VMCS values");
	stepper_begin(machine);
	ret = step_to(machine, moments);
	stepper_end();
	if (!ret)
		fill_from_moment(list, &moments->now,
				 options->at_exit.value ? &moments->old : NULL);
	free(moments);
	return ret;
}

static int vmcs_of_guest(const struct options *options, struct vmcs_list *list)
{
	struct machine machine;
	int ret;

	if (machine_create(&machine, options, false, false))
		return command_failed(&cmd_vmcs);
	ret = vmcs_of_machine(&machine, list);
	console_close(&machine.console);
	if (ret)
		ret = command_failed(&cmd_vmcs);
	else
		print_list(options, list);
	if (machine.outcome.kind == OUTCOME_SIGNAL ||
	    machine.outcome.kind == OUTCOME_TIMEOUT)
		ret = machine.outcome.status;
	machine_destroy(&machine);
	return ret;
}

static int check_options(const struct options *options)
{
	if (!options->vm == !options->guest)
		return vtr_error(EINVAL, options->vm ?
				 "--vm and GUEST exclude each other" :
				 "no GUEST and no --vm given");
	if (options->group && !table_has_group(options->group))
		return vtr_error(EINVAL, "--group: there is no group '%s': one of guest_registers, guest_segments, guest_tables, guest_state, host_state, controls_exec, controls_exit, controls_entry, exit_info",
				 options->group);
	if (options->guest && options->diff && !options->at_exit.value)
		return vtr_error(EINVAL, "--diff needs an exit: give --at-exit 1 or more");
	return stepper_fits(options) ? 0 : -EINVAL;
}

static int run(const struct options *options)
{
	struct vmcs_list *list;
	int status;

	if (check_options(options))
		return command_usage(&cmd_vmcs);
	list = calloc(1, sizeof(*list));
	if (!list) {
		vtr_error(ENOMEM, "no memory for the list of fields");
		return command_failed(&cmd_vmcs);
	}
	status = options->vm ? vmcs_of_vm(options, list) :
			       vmcs_of_guest(options, list);
	free(list);
	return status;
}

static const struct opt rows[] = {
	{ "vm", 0, OPT_STRING, offsetof(struct options, vm), "NAME", NULL,
	  "a running VM (name or id), from debugfs", NULL, 0, 0 },
	{ "vcpu", 0, OPT_NUMBER, offsetof(struct options, vcpu), "N", "0",
	  "its vCPU", NULL, 0, VTR_MAX_VCPUS - 1 },
	{ "at-exit", 'n', OPT_NUMBER, offsetof(struct options, at_exit), "N",
	  "1", "with GUEST: stop at this exit; 0: before the first entry",
	  NULL, 0, 1000000000 },
	{ "group", 'g', OPT_STRING, offsetof(struct options, group), "GROUP",
	  NULL, "only this group: guest_registers, guest_segments, guest_tables, guest_state, host_state, controls_exec, controls_exit, controls_entry, exit_info",
	  NULL, 0, 0 },
	{ "diff", 'd', OPT_FLAG, offsetof(struct options, diff), NULL, NULL,
	  "only fields that changed: since the exit before (GUEST), or within one second (--vm)",
	  NULL, 0, 0 },
	{ "debugfs", 0, OPT_STRING, offsetof(struct options, debugfs), "DIR",
	  DEBUGFS_DEFAULT, "where the module's files are, for --vm", NULL, 0,
	  0 },
};

static const struct opt_group vmcs_options = OPT_GROUP("vmcs options", rows);

const struct command cmd_vmcs = {
	.name = "vmcs",
	.summary = "show the VMCS of a vCPU by groups, in words",
	.usage = "[options] GUEST [-- guest arguments] | --vm NAME",
	.description =
		"Prints each VMCS field that the processor has: name, encoding, "
		"value, and the value in words (or what the field means). Addresses "
		"of the host are hidden unless you are root.",
	.guest = GUEST_OPTIONAL,
	.groups = { &guest_options, &vmcs_options, &common_options },
	.run = run,
};
