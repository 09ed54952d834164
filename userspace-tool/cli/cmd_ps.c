// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine ps: the VMs of all processes, from debugfs.
 *
 * Read view/debugfs.h for where the facts come from.
 */
#include <stdlib.h>

#include "command.h"
#include "libvitrine.h"
#include "view/debugfs.h"
#include "view/json.h"
#include "view/text_table.h"

/* vCPU numbers may have gaps; a VM has few, so look at each. */
static uint64_t all_exits(const char *top, const struct debugfs_vm *vm)
{
	uint64_t total = 0, exits;
	unsigned int found = 0;

	for (unsigned int i = 0; i < VTR_MAX_VCPUS && found < vm->vcpus; i++) {
		if (debugfs_exits(top, vm->id, i, &exits))
			continue;
		total += exits;
		found++;
	}
	return total;
}

static void print_text(const char *top, const struct debugfs_vm *vms,
		       unsigned int nr)
{
	static const struct text_column columns[] = {
		{ "id", true }, { "name", false }, { "pid", true },
		{ "vcpus", true }, { "state", false }, { "exits", true },
	};
	struct text_table table;

	text_table_init(&table, columns, ARRAY_SIZE(columns));
	for (unsigned int i = 0; i < nr; i++) {
		text_cell(&table, "%u", vms[i].id);
		text_cell(&table, "%s", vms[i].name);
		text_cell(&table, "%s", vms[i].pid);
		text_cell(&table, "%u", vms[i].vcpus);
		text_cell(&table, "%s", vms[i].state);
		text_cell(&table, "%llu", (ull)all_exits(top, &vms[i]));
	}
	text_table_print(&table, stdout);
}

static void print_json(const char *top, const struct debugfs_vm *vms,
		       unsigned int nr)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; i < nr; i++) {
		cJSON *vm = cJSON_CreateObject();

		json_count(vm, "id", vms[i].id);
		cJSON_AddStringToObject(vm, "name", vms[i].name);
		cJSON_AddStringToObject(vm, "pid", vms[i].pid);
		cJSON_AddStringToObject(vm, "backend", vms[i].backend);
		json_count(vm, "vcpus", vms[i].vcpus);
		cJSON_AddStringToObject(vm, "state", vms[i].state);
		if (*vms[i].dead_reason)
			cJSON_AddStringToObject(vm, "dead_reason",
						vms[i].dead_reason);
		json_count(vm, "exits", all_exits(top, &vms[i]));
		cJSON_AddItemToArray(list, vm);
	}
	json_print(list, stdout);
}

static int run(const struct options *options)
{
	struct debugfs_vm *vms;
	unsigned int nr;

	if (debugfs_list(options->debugfs, &vms, &nr))
		return command_failed(&cmd_ps);
	if (options->json)
		print_json(options->debugfs, vms, nr);
	else
		print_text(options->debugfs, vms, nr);
	free(vms);
	return EXIT_OK;
}

static const struct opt rows[] = {
	{ "debugfs", 0, OPT_STRING, offsetof(struct options, debugfs), "DIR",
	  DEBUGFS_DEFAULT, "where the module's files are", NULL, 0, 0 },
};

static const struct opt_group ps_options = OPT_GROUP("ps options", rows);

const struct command cmd_ps = {
	.name = "ps",
	.summary = "list the running VMs of all processes",
	.usage = "[options]",
	.description =
		"Lists id, name, process, vCPUs, state and exits of each VM. "
		"Reads debugfs, so it needs root.",
	.guest = GUEST_NONE,
	.groups = { &ps_options, &common_options },
	.run = run,
};
