// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine exits: run a guest and print its exits, one row each, or show the
 * counters of a VM that runs already.
 *
 * Read view/exit_view.h for what a row is.
 *
 * Subtle: rows are kept until the guest has ended, so that its console output
 * and the table do not mix; --limit bounds the memory that this takes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "libvitrine.h"
#include "run/watcher.h"
#include "view/debugfs.h"
#include "view/tables.h"
#include "view/text_table.h"

struct exit_list {
	const struct options *options;
	struct exit_row *rows;
	size_t nr;
	size_t room;
	uint64_t dropped;
	struct exit_sum *sum;
	struct symbols *symbols;
	uint64_t slide;
	struct watcher watcher;
};

static bool grow(struct exit_list *list)
{
	size_t room = list->room ? 2 * list->room : 256;
	struct exit_row *rows;

	if (list->nr < list->room)
		return true;
	rows = realloc(list->rows, room * sizeof(*rows));
	if (!rows)
		return false;
	list->rows = rows;
	list->room = room;
	return true;
}

static void on_row(void *context, const struct exit_row *row)
{
	struct exit_list *list = context;

	exit_sum_add(list->sum, row);
	if (list->options->summary)
		return;
	if (list->nr < list->options->limit.value && grow(list))
		list->rows[list->nr++] = *row;
	else
		list->dropped++;
}

static void print_rows(const struct exit_list *list)
{
	exit_rows_title(stdout);
	for (size_t i = 0; i < list->nr; i++)
		exit_row_print(&list->rows[i], list->symbols, stdout);
	if (list->dropped)
		printf("... %llu more exits are not shown (--limit)\n",
		       (ull)list->dropped);
	printf("\n");
}

static void print_text(const struct machine *machine,
		       const struct exit_list *list)
{
	if (machine->console.mid_line)
		printf("\n");
	if (!list->options->summary)
		print_rows(list);
	exit_sum_print(list->sum, list->options->by, list->symbols, stdout);
	if (list->slide)
		printf("the guest stands 0x%llx above what --symbols says\n", (ull)list->slide);
	if (list->watcher.lost)
		printf("%llu trace records were overwritten before they could be read: rows are missing\n",
		       (ull)list->watcher.lost);
	machine_say_end(machine, stdout);
}

static void print_json(const struct machine *machine,
		       const struct exit_list *list)
{
	cJSON *json = cJSON_CreateObject();

	if (!list->options->summary) {
		cJSON *rows = cJSON_AddArrayToObject(json, "exits");

		for (size_t i = 0; i < list->nr; i++)
			cJSON_AddItemToArray(rows,
					     exit_row_json(&list->rows[i], list->symbols));
		json_count(json, "not_shown", list->dropped);
	}
	cJSON_AddItemToObject(json, "summary",
			      exit_sum_json(list->sum, list->options->by, list->symbols));
	if (list->slide)
		json_hex(json, "slide", list->slide);
	json_count(json, "count", exit_sum_count(list->sum));
	json_count(json, "lost_records", list->watcher.lost);
	json_count(json, "status", machine->outcome.status);
	cJSON_AddStringToObject(json, "sentence", machine->outcome.sentence);
	json_print(json, stdout);
}

/* A guest that ends by itself, with whatever status, was watched well. */
static int watched(const struct machine *machine)
{
	switch (machine->outcome.kind) {
	case OUTCOME_HALTED:
	case OUTCOME_EXIT:
	case OUTCOME_QUIT:
		return EXIT_OK;
	default:
		return machine->outcome.status;
	}
}

static int run_guest(const struct options *options, struct exit_list *list)
{
	struct machine machine;
	int status;

	if (machine_create(&machine, options, true, true))
		return command_failed(&cmd_exits);
	list->watcher.row = on_row;
	list->watcher.context = list;
	watcher_attach(&list->watcher, &machine);
	run_vm(&machine);
	watcher_finish(&list->watcher, &machine);
	list->slide = symbols_follow(list->symbols, machine.cpus[0].vcpu);
	console_close(&machine.console);
	machine_report(&machine, "exits");
	if (options->json)
		print_json(&machine, list);
	else
		print_text(&machine, list);
	status = watched(&machine);
	machine_destroy(&machine);
	return status;
}

static int exits_of_guest(const struct options *options)
{
	struct exit_list list = { .options = options };
	int status;

	if (options->symbols && symbols_load(options->symbols, &list.symbols))
		return command_failed(&cmd_exits);
	list.sum = exit_sum_new();
	if (!list.sum) {
		symbols_free(list.symbols);
		vtr_error(ENOMEM, "no memory for the summary");
		return command_failed(&cmd_exits);
	}
	status = run_guest(options, &list);
	exit_sum_free(list.sum);
	symbols_free(list.symbols);
	free(list.rows);
	return status;
}

/* ---- counters of a running VM ---- */

static void counter_row(struct text_table *table, cJSON *json,
			unsigned int vcpu, const char *line)
{
	uint64_t count, ticks;
	uint32_t reason;

	if (!debugfs_exit_line(line, &reason, &count, &ticks))
		return;
	if (json) {
		cJSON *row = cJSON_CreateObject();

		json_count(row, "vcpu", vcpu);
		cJSON_AddStringToObject(row, "reason", exit_name(reason));
		json_count(row, "hw_reason", reason);
		json_count(row, "count", count);
		json_count(row, "ticks", ticks);
		cJSON_AddItemToArray(json, row);
		return;
	}
	text_cell(table, "%u", vcpu);
	text_cell(table, "%s", exit_name(reason));
	text_cell(table, "%llu", (ull)count);
	text_cell(table, "%llu", (ull)ticks);
	text_cell(table, "%llu", (ull)(count ? ticks / count : 0));
}

static unsigned int read_counters(const char *top, const struct debugfs_vm *vm,
				  struct text_table *table, cJSON *json)
{
	unsigned int found = 0;
	char line[DEBUGFS_LINE];

	for (unsigned int i = 0; i < VTR_MAX_VCPUS && found < vm->vcpus; i++) {
		FILE *stream = debugfs_open(top, vm->id, i, "exits");

		if (!stream)
			continue;
		while (fgets(line, sizeof(line), stream))
			counter_row(table, json, i, line);
		fclose(stream);
		found++;
	}
	return found;
}

static int exits_of_vm(const struct options *options)
{
	static const struct text_column columns[] = {
		{ "vcpu", true }, { "reason", false }, { "count", true },
		{ "ticks", true }, { "ticks per exit", true },
	};
	cJSON *json = options->json ? cJSON_CreateArray() : NULL;
	struct text_table table;
	struct debugfs_vm vm;
	int ret;

	text_table_init(&table, columns, ARRAY_SIZE(columns));
	ret = debugfs_find(options->debugfs, options->vm, &vm);
	if (!ret && !read_counters(options->debugfs, &vm, &table, json) &&
	    vm.vcpus)
		ret = -ENOENT;
	if (ret) {
		cJSON_Delete(json);
		text_table_free(&table);
		return command_failed(&cmd_exits);
	}
	if (json)
		json_print(json, stdout);
	else
		text_table_print(&table, stdout);
	return EXIT_OK;
}

static int run(const struct options *options)
{
	if (options->vm && options->guest) {
		vtr_error(EINVAL, "--vm and GUEST exclude each other");
		return command_usage(&cmd_exits);
	}
	if (!options->vm && !options->guest) {
		vtr_error(EINVAL, "no GUEST and no --vm given");
		return command_usage(&cmd_exits);
	}
	if (options->by == EXITS_BY_FUNCTION && !options->symbols) {
		vtr_error(EINVAL, "--by function needs the functions' names: --symbols FILE");
		return command_usage(&cmd_exits);
	}
	return options->vm ? exits_of_vm(options) : exits_of_guest(options);
}

static const char *const by_words[] = { "reason", "phase", "function", NULL };

static const struct opt rows[] = {
	{ "summary", 's', OPT_FLAG, offsetof(struct options, summary), NULL,
	  NULL, "print the summary only", NULL, 0, 0 },
	{ "by", 0, OPT_CHOICE, offsetof(struct options, by), "WHAT", "reason",
	  "what the summary adds up by: reason, phase (start: before the first exit in the upper half of the addresses; kernel; more vCPUs; programs: the lower half again) or function (needs --symbols)",
	  by_words, 0, 0 },
	{ "symbols", 0, OPT_STRING, offsetof(struct options, symbols), "FILE", NULL,
	  "names for guest addresses: a System.map, a copy of the guest's /proc/kallsyms, or an ELF file",
	  NULL, 0, 0 },
	{ "limit", 'n', OPT_NUMBER, offsetof(struct options, limit), "N",
	  "100000", "print at most this many rows; the summary counts all",
	  NULL, 0, 100000000 },
	{ "vm", 0, OPT_STRING, offsetof(struct options, vm), "NAME", NULL,
	  "print the counters of a running VM (name or id) instead", NULL, 0,
	  0 },
	{ "debugfs", 0, OPT_STRING, offsetof(struct options, debugfs), "DIR",
	  DEBUGFS_DEFAULT, "where the module's files are, for --vm", NULL, 0,
	  0 },
};

static const struct opt_group exits_options = OPT_GROUP("exits options", rows);

const struct command cmd_exits = {
	.name = "exits",
	.summary = "run a guest and print each of its exits with layers and ticks",
	.usage = "[options] GUEST [-- guest arguments] | --vm NAME",
	.description =
		"Runs GUEST with tracing on; when it has ended, prints one row an "
		"exit: number of the trace record, vCPU, way through the layers, "
		"reason, ticks in the guest before the exit, in the module and in "
		"the tool, guest RIP, and what the exit was about. A summary (--by) "
		"follows; its ticks are those of module and tool.\n"
		"Layers: 5 applications in the guest, 4 guest OS, 3 hypervisor "
		"(module, and tool where it says so), 2 host OS, 1 hardware. A trace "
		"record does not tell 5 from 4: the guest is written as 4 here.\n"
		"\n"
		"Exit code: 0 if the guest ended by itself with whatever status, "
		"else as with run.",
	.guest = GUEST_OPTIONAL,
	.groups = { &guest_options, &exits_options, &common_options },
	.run = run,
};
