// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine run: run a guest to its end and pass on its status.
 *
 * Read run/machine.h for how the VM is made, run/run_vm.c for how it runs,
 * run/front.h for who the shell waits for; here is only what the user sees besides
 * the guest's own console.
 *
 * Subtle: trace lines go to stderr, so stdout is the guest's alone.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "control/server.h"
#include "libvitrine.h"
#include "run/front.h"
#include "run/watcher.h"

struct report {
	const struct options *options;
	FILE *trace;
	struct exit_sum *sum;
	struct watcher watcher;
};

static void on_record(void *context, const struct vtr_trace_record *record)
{
	struct report *report = context;

	if (report->trace)
		trace_record_print(record, report->trace);
}

static void on_row(void *context, const struct exit_row *row)
{
	struct report *report = context;

	if (report->options->exits)
		exit_row_print(row, NULL, stderr);
	if (report->sum)
		exit_sum_add(report->sum, row);
}

static bool wants_trace(const struct options *options)
{
	return options->trace || options->trace_file || options->exits ||
	       options->stats;
}

static int open_report(struct report *report, const struct options *options)
{
	memset(report, 0, sizeof(*report));
	report->options = options;
	if (options->trace)
		report->trace = stderr;
	if (options->trace_file) {
		report->trace = fopen(options->trace_file, "we");
		if (!report->trace)
			return vtr_error(errno, "--trace-file %s: %s",
					 options->trace_file, strerror(errno));
	}
	if (options->stats) {
		report->sum = exit_sum_new();
		if (!report->sum)
			return vtr_error(ENOMEM, "no memory for statistics");
	}
	report->watcher.record = on_record;
	report->watcher.row = on_row;
	report->watcher.context = report;
	return 0;
}

static int close_report(struct report *report)
{
	int ret = 0;

	exit_sum_free(report->sum);
	if (report->trace && report->trace != stderr && fclose(report->trace))
		ret = vtr_error(errno, "--trace-file %s: %s",
				report->options->trace_file, strerror(errno));
	return ret;
}

static void print_json(struct machine *machine, struct report *report)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "outcome",
				outcome_word(machine->outcome.kind));
	json_count(json, "status", machine->outcome.status);
	cJSON_AddStringToObject(json, "sentence", machine->outcome.sentence);
	json_count(json, "marks", machine->marks);
	json_count(json, "unknown_port_reads", machine->io.unknown_reads);
	json_count(json, "unknown_port_writes", machine->io.unknown_writes);
	json_count(json, "lost_records", report->watcher.lost);
	if (report->sum)
		cJSON_AddItemToObject(json, "exits",
				      exit_sum_json(report->sum, EXITS_BY_REASON, NULL));
	json_print(json, stdout);
}

static void print_report(struct machine *machine, struct report *report)
{
	machine_report(machine, "run");
	if (report->options->json) {
		print_json(machine, report);
		return;
	}
	if (report->sum)
		exit_sum_print(report->sum, EXITS_BY_REASON, NULL, stderr);
	if (report->watcher.lost)
		fprintf(stderr, "vitrine: %llu trace records were overwritten before they could be read\n",
			(ull)report->watcher.lost);
}

/*
 * A name that is taken is an error.  A place where no socket can be is one only if
 * somebody relies on it.
 */
static int open_server(struct server *server, struct machine *machine,
		       const struct options *options, bool named)
{
	int ret = server_open(server, machine, options->name);

	if (!ret) {
		server->keys = machine->console.input ? KEYS_LOCAL : KEYS_NOBODY;
		machine->server = server;
		return 0;
	}
	if (options->detach || ret == -EBUSY || ret == -EINVAL)
		return ret;
	if (named || options->verbose)
		fprintf(stderr, "vitrine: console, stop and the like will not find this VM: %s\n",
			vtr_last_error());
	return 0;
}

static int create(struct machine *machine, struct server *server, const struct options *options,
		  bool named)
{
	bool trace = wants_trace(options);
	int ret = machine_create(machine, options, trace, !options->detach);

	if (ret)
		return ret;
	ret = open_server(server, machine, options, named);
	if (!ret && options->detach)
		ret = run_vm_detach(machine);
	if (!ret)
		return 0;
	if (machine->server)
		server_close(server, &machine->outcome);
	machine_destroy(machine);
	return ret;
}

static int run_and_report(const struct options *options, struct report *report, bool named)
{
	bool trace = wants_trace(options);
	struct machine machine;
	struct outcome outcome;
	struct server server;

	if (create(&machine, &server, options, named))
		return command_failed(&cmd_run);
	if (trace)
		watcher_attach(&report->watcher, &machine);
	if (options->exits)
		exit_rows_title(stderr);
	run_vm(&machine);
	if (machine.server)
		server_flush(&server);
	if (trace)
		watcher_finish(&report->watcher, &machine);
	console_close(&machine.console);
	print_report(&machine, report);
	outcome = machine.outcome;
	machine_destroy(&machine);
	/* Whoever is told of the end may take the name again. */
	if (machine.server)
		server_close(&server, &outcome);
	return outcome.status;
}

static int run_named(const struct options *options, bool named)
{
	struct report report;
	int status;

	if (open_report(&report, options)) {
		close_report(&report);
		return command_failed(&cmd_run);
	}
	status = run_and_report(options, &report, named);
	if (close_report(&report))
		return command_failed(&cmd_run);
	return status;
}

static int run(const struct options *options)
{
	struct options mine = *options;
	char name[CONTROL_NAME_BYTES];
	int status;

	if (!mine.name) {
		snprintf(name, sizeof(name), "vm-%d", getpid());
		mine.name = name;
	}
	status = front_start(&mine);
	return status >= 0 ? status : run_named(&mine, options->name);
}

static const char *const reset_words[] = { "end", "restart", NULL };

static const struct opt rows[] = {
	{ "detach", 'd', OPT_FLAG, offsetof(struct options, detach), NULL, NULL,
	  "run without a terminal: print the name, and leave the VM running; its output goes to NAME.log beside its socket, or to --log",
	  NULL, 0, 0 },
	{ "escape", 0, OPT_STRING, offsetof(struct options, escape), "KEY", KEYS_DEFAULT,
	  "the control key that leads out of the guest, as ^A or ^]; none: no key does", NULL, 0,
	  0 },
	{ "log", 0, OPT_STRING, offsetof(struct options, log), "FILE", NULL,
	  "write what the guest prints to FILE, too", NULL, 0, 0 },
	{ "on-reset", 0, OPT_CHOICE, offsetof(struct options, on_reset), "WHAT", "end",
	  "when the guest resets itself: end, with status 119, or restart", reset_words, 0, 0 },
	{ "exits", 'e', OPT_FLAG, offsetof(struct options, exits), NULL, NULL,
	  "print each exit on stderr as it happens", NULL, 0, 0 },
	{ "stats", 's', OPT_FLAG, offsetof(struct options, stats), NULL, NULL,
	  "print a table of the exits by reason on stderr at the end", NULL, 0,
	  0 },
	{ "trace", 0, OPT_FLAG, offsetof(struct options, trace), NULL, NULL,
	  "print every trace record on stderr", NULL, 0, 0 },
	{ "trace-file", 0, OPT_STRING, offsetof(struct options, trace_file),
	  "FILE", NULL, "write every trace record to FILE", NULL, 0, 0 },
};

static const struct opt_group run_options = OPT_GROUP("run options", rows);

const struct command cmd_run = {
	.name = "run",
	.summary = "run a guest: flat binary, ELF, multiboot or Linux kernel",
	.usage = "[options] GUEST|--kernel FILE [-- guest arguments]",
	.description =
		"Runs GUEST until it ends. Its serial port (0x3f8) is the terminal; "
		"on a terminal Ctrl-A x ends the VM and Ctrl-A ? lists the other keys. Other "
		"programs reach it by its name: vitrine console, stop, reset, pause, resume, "
		"ps. The debug console is port 0xe9. "
		"Ports without a device read as all ones.\n"
		"Hypercalls (VMCALL, number in RAX, argument in RBX): 0x1000 print a "
		"byte, 0x1001 end with a status, 0x1002 count a mark.\n"
		"\n"
		"Exit status: that of the guest: (v << 1) | 1 for a v written to the "
		"debug exit port, low 8 bits; the argument of hypercall 0x1001; 0 when "
		"every started vCPU halted (without --irqchip no device raises "
		"interrupts, so HLT ends a vCPU whether they are on or off), or when "
		"the guest switched itself off. "
		"1 the tool failed, 2 wrong usage, 117 panic, 118 halted for good with "
		"interrupts off (--irqchip, Linux), 119 reset, 120 triple fault, 121 VM entry "
		"refused, 122 stopped by the module, 123 unknown port (--strict-io), "
		"124 time-out, 128 + n ended by signal n.",
	.guest = GUEST_NEEDED,
	.groups = { &guest_options, &run_options, &common_options },
	.run = run,
};
