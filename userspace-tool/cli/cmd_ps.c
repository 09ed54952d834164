// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine ps: the VMs of all processes, from debugfs, and what they say themselves.
 *
 * Read view/debugfs.h for what the module tells, and control/server.c for what a VM's
 * own process does: whether it is paused, its memory, and how long it has been there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "control/client.h"
#include "control/place.h"
#include "libvitrine.h"
#include "view/debugfs.h"
#include "view/json.h"
#include "view/text_table.h"

#define PATIENCE_MS	1000

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

/* What a VM says of itself over its socket. */
struct own_words {
	char name[CONTROL_NAME_BYTES];
	unsigned int pid;
	char state[16];
	unsigned int vcpus;
	uint64_t memory;
	uint64_t uptime_ms;
	uint64_t exits;
	bool shown;		/* a VM of debugfs is this one */
};

/* One row: what the module knows (@vm), what the VM says (@own), or both. */
struct ps_row {
	const struct debugfs_vm *vm;
	const struct own_words *own;
};

static bool ask(const char *name, struct own_words *own)
{
	cJSON *status;
	int fd = control_connect(name), ret;

	if (fd < 0)
		return false;
	*own = (struct own_words){ .pid = control_peer(fd), .state = "no answer" };
	snprintf(own->name, sizeof(own->name), "%s", name);
	ret = control_ask(fd, name, control_request("status"), PATIENCE_MS, &status);
	close(fd);
	if (ret)
		return ret == -ETIMEDOUT;
	own->pid = control_number(status, "pid");
	snprintf(own->state, sizeof(own->state), "%s", control_text(status, "state"));
	own->vcpus = control_number(status, "vcpus");
	own->memory = control_number(status, "memory");
	own->uptime_ms = control_number(status, "uptime_ms");
	own->exits = control_number(status, "exits");
	cJSON_Delete(status);
	return true;
}

/* All VMs of this user that can be asked, malloc()ed. */
static struct own_words *ask_all(unsigned int *nr)
{
	char (*names)[CONTROL_NAME_BYTES];
	struct own_words *all;
	unsigned int nr_names;

	*nr = 0;
	control_list(&names, &nr_names);
	all = calloc(nr_names + 1, sizeof(*all));
	for (unsigned int i = 0; all && i < nr_names; i++)
		*nr += ask(names[i], &all[*nr]);
	free(names);
	return all;
}

static struct own_words *of_vm(struct own_words *all, unsigned int nr, const struct debugfs_vm *vm)
{
	unsigned int pid = strtoul(vm->pid, NULL, 10);

	for (unsigned int i = 0; i < nr; i++) {
		if (all[i].pid == pid && !strcmp(all[i].name, vm->name)) {
			all[i].shown = true;
			return &all[i];
		}
	}
	return NULL;
}

static uint64_t exits_of(const char *top, const struct ps_row *row)
{
	return row->vm ? all_exits(top, row->vm) : row->own->exits;
}

/* A dead VM is dead; else whether it is paused is what only its process knows. */
static const char *state_of(const struct ps_row *row)
{
	if (!row->own || (row->vm && !strcmp(row->vm->state, "dead")))
		return row->vm->state;
	return row->own->state;
}

static void uptime_cell(struct text_table *table, const struct own_words *own)
{
	ull s = own ? own->uptime_ms / 1000 : 0;

	if (own)
		text_cell(table, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
	else
		text_cell(table, "-");
}

static void print_row(struct text_table *table, const char *top, const struct ps_row *row)
{
	const struct own_words *own = row->own;
	const struct debugfs_vm *vm = row->vm;

	if (vm)
		text_cell(table, "%u", vm->id);
	else
		text_cell(table, "-");
	text_cell(table, "%s", vm ? vm->name : own->name);
	if (vm)
		text_cell(table, "%s", vm->pid);
	else
		text_cell(table, "%u", own->pid);
	text_cell(table, "%s", state_of(row));
	text_cell(table, "%u", vm ? vm->vcpus : own->vcpus);
	if (own)
		text_cell(table, "%lluM", (ull)own->memory >> 20);
	else
		text_cell(table, "-");
	uptime_cell(table, own);
	text_cell(table, "%llu", (ull)exits_of(top, row));
}

static void print_text(const char *top, const struct ps_row *rows, unsigned int nr)
{
	static const struct text_column columns[] = {
		{ "id", true }, { "name", false }, { "pid", true }, { "state", false },
		{ "vcpus", true }, { "memory", true }, { "uptime", true },
		{ "exits", true },
	};
	struct text_table table;

	text_table_init(&table, columns, ARRAY_SIZE(columns));
	for (unsigned int i = 0; i < nr; i++)
		print_row(&table, top, &rows[i]);
	text_table_print(&table, stdout);
}

static void print_json(const char *top, const struct ps_row *rows, unsigned int nr)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; i < nr; i++) {
		const struct own_words *own = rows[i].own;
		const struct debugfs_vm *vm = rows[i].vm;
		cJSON *json = cJSON_CreateObject();
		char pid[16];

		if (own)
			snprintf(pid, sizeof(pid), "%u", own->pid);
		if (vm)
			json_count(json, "id", vm->id);
		cJSON_AddStringToObject(json, "name", vm ? vm->name : own->name);
		cJSON_AddStringToObject(json, "pid", vm ? vm->pid : pid);
		if (vm)
			cJSON_AddStringToObject(json, "backend", vm->backend);
		json_count(json, "vcpus", vm ? vm->vcpus : own->vcpus);
		cJSON_AddStringToObject(json, "state", state_of(&rows[i]));
		if (vm && *vm->dead_reason)
			cJSON_AddStringToObject(json, "dead_reason", vm->dead_reason);
		if (own) {
			json_count(json, "memory", own->memory);
			json_count(json, "uptime_ms", own->uptime_ms);
		}
		json_count(json, "exits", exits_of(top, &rows[i]));
		cJSON_AddItemToArray(list, json);
	}
	json_print(list, stdout);
}

/* The module's VMs, then those that only their sockets tell of. */
static unsigned int join(struct ps_row *rows, const struct debugfs_vm *vms, unsigned int nr_vms,
			 struct own_words *own, unsigned int nr_own)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < nr_vms; i++)
		rows[nr++] = (struct ps_row){ .vm = &vms[i], .own = of_vm(own, nr_own, &vms[i]) };
	for (unsigned int i = 0; i < nr_own; i++) {
		if (!own[i].shown)
			rows[nr++] = (struct ps_row){ .own = &own[i] };
	}
	return nr;
}

static int run(const struct options *options)
{
	unsigned int nr_vms, nr_own, nr;
	struct own_words *own = ask_all(&nr_own);
	struct debugfs_vm *vms;
	struct ps_row *rows;

	/* Who may not read debugfs sees what his own VMs say. */
	if (debugfs_list(options->debugfs, &vms, &nr_vms) && !nr_own) {
		free(own);
		return command_failed(&cmd_ps);
	}
	rows = calloc(nr_vms + nr_own + 1, sizeof(*rows));
	nr = rows ? join(rows, vms, nr_vms, own, nr_own) : 0;
	if (options->json)
		print_json(options->debugfs, rows, nr);
	else
		print_text(options->debugfs, rows, nr);
	free(rows);
	free(vms);
	free(own);
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
		"Lists id, name, process, state, vCPUs, memory, time since the start, and exits "
		"of each VM. Root sees all, from debugfs; another user the VMs that he has "
		"started by `vitrine run`.",
	.guest = GUEST_NONE,
	.groups = { &ps_options, &common_options },
	.run = run,
};
