// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine step: follow a guest from exit to exit or instruction by
 * instruction, and see what each crossing changed.
 *
 * Read run/stepper.h for how a step is made, view/vcpu_view.h for what is
 * compared, view/disasm.h for the instructions.
 *
 * Subtle: while stepping every exit comes up to the tool, because it was asked
 * to; the layer path printed is the one that the exit takes without stepping.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"
#include "libvitrine.h"
#include "run/stepper.h"
#include "view/decode_show.h"
#include "view/disasm.h"
#include "view/vcpu_view.h"

#define DEFAULT_STEPS	100

struct step_view {
	struct machine *machine;
	uint32_t backend;
	uint32_t unit;			/* VTR_DEBUG_* */
	uint64_t nr;
	struct vcpu_moment before;
	struct vcpu_moment after;
	struct vtr_run run;		/* the run page after the step */
	struct disasm insn;		/* at RIP before the step */
	uint64_t exit_rip;		/* where the exit was, from the trace */
	struct disasm exit_insn;	/* what stands there */
	struct termios terminal;
	bool interactive;
	char line[256];			/* console output of the guest */
	size_t line_used;
};

/* ---- the guest's console ---- */

static void flush_line(struct step_view *view)
{
	if (!view->line_used)
		return;
	printf("  console    \"%.*s\"\n", (int)view->line_used, view->line);
	view->line_used = 0;
}

static void on_console(void *context, uint8_t byte)
{
	struct step_view *view = context;

	if (view->line_used + 4 >= sizeof(view->line))
		flush_line(view);
	if (byte >= ' ' && byte < 0x7f)
		view->line[view->line_used++] = byte;
	else
		view->line_used += sprintf(view->line + view->line_used,
					   byte == '\n' ? "\\n" : "\\x%02x",
					   byte);
}

/* ---- words ---- */

static const char *layer_name(enum vtr_layer layer)
{
	return layer == VTR_LAYER_GUEST_APP ? "5 guest application" :
					      "4 guest OS";
}

static void show_path(const struct step_view *view, char *text, size_t room)
{
	const struct vtr_run *run = &view->run;
	const char *from = layer_name(vcpu_guest_layer(&view->before.sregs));
	const char *end = machine_stopped(view->machine) ? "end" : "back";

	if (run->exit == VTR_EXIT_FAIL_ENTRY)
		snprintf(text, room, "3 hypervisor (vmx): the guest was not entered → 2 host OS → 3 tool → %s",
			 end);
	else if (run->exit == VTR_EXIT_DEBUG && run->hw_kind == VTR_HW_STEP)
		snprintf(text, room, "%s alone, watched by the monitor trap flag",
			 from);
	else if (run->hw_kind == VTR_HW_HOST_IRQ ||
		 run->hw_kind == VTR_HW_HOST_NMI)
		snprintf(text, room, "%s → 3 hypervisor (vmx, module) → 2 host OS takes its interrupt → 3 → back",
			 from);
	else if (run->exit == VTR_EXIT_DEBUG)
		snprintf(text, room, "%s → 3 hypervisor (vmx, module) → back",
			 from);
	else
		snprintf(text, room, "%s → 3 hypervisor (vmx, module) → 2 host OS → 3 tool → %s",
			 from, end);
}

static void show_insn_error(uint32_t number, char *text, size_t room)
{
	const struct insn_error_info *error = table_insn_error(number);

	snprintf(text, room, "none: VM-instruction error %u %s", number,
		 error ? error->name : "");
}

static void show_reason(const struct vtr_run *run, char *text, size_t room)
{
	const struct exit_info *info = table_exit(run->hw_reason);
	char decoded[160];

	if (run->exit == VTR_EXIT_FAIL_ENTRY && run->fail.insn_error) {
		show_insn_error(run->fail.insn_error, text, room);
		return;
	}
	show_qualification(decoded, sizeof(decoded), run->hw_reason,
			   run->hw_qualification);
	snprintf(text, room, "%u %s%s%s%s", run->hw_reason & 0xffff,
		 info ? info->title_name : exit_name(run->hw_reason),
		 run->hw_reason & 0x80000000 ? " (VM-entry failure)" : "",
		 *decoded ? ": " : "", decoded);
}

/* What the module found out and handed to the tool. */
static void show_handed(const struct vtr_run *run, char *text, size_t room)
{
	*text = 0;
	if (run->exit == VTR_EXIT_IO && run->io.is_in)
		snprintf(text, room, "the tool answers 0x%llx",
			 (ull)run->io.data);
	else if (run->exit == VTR_EXIT_IO)
		snprintf(text, room, "the tool takes 0x%llx",
			 (ull)run->io.data);
	else if (run->exit == VTR_EXIT_HYPERCALL)
		snprintf(text, room, "hypercall 0x%llx(0x%llx) = 0x%llx",
			 (ull)run->hypercall.nr, (ull)run->hypercall.args[0],
			 (ull)run->hypercall.ret);
}

static void show_insn(const struct disasm *insn, char *text, size_t room)
{
	size_t used = 0;

	*text = 0;
	for (unsigned int i = 0; i < insn->nr_bytes && used + 4 < room; i++)
		used += snprintf(text + used, room - used, "%02x ",
				 insn->bytes[i]);
}

/* ---- printing one step ---- */

static void print_insn(const struct disasm *insn, uint64_t rip)
{
	char bytes[64];

	show_insn(insn, bytes, sizeof(bytes));
	printf("  0x%llx:  %-24s %s  (%u-bit)\n", (ull)rip, bytes, insn->text,
	       insn->bits);
}

/* By exit: more than one instruction may have run before the one that exited. */
static void print_place(const struct step_view *view)
{
	print_insn(&view->insn, view->before.regs.rip);
	if (view->exit_rip == view->before.regs.rip ||
	    view->run.hw_kind == VTR_HW_STEP ||
	    view->run.exit == VTR_EXIT_FAIL_ENTRY)
		return;
	printf("  ... up to\n");
	print_insn(&view->exit_insn, view->exit_rip);
}

static void print_text(struct step_view *view)
{
	const struct vtr_run *run = &view->run;
	char text[256];

	printf("step %llu\n", (ull)view->nr);
	print_place(view);
	show_path(view, text, sizeof(text));
	printf("  layers     %s\n", text);
	show_reason(run, text, sizeof(text));
	printf("  exit       %s\n", text);
	show_handed(run, text, sizeof(text));
	if (*text)
		printf("  tool       %s\n", text);
	flush_line(view);
	vcpu_print_changes(&view->before, &view->after, stdout);
	vcpu_print_field_changes(&view->before, &view->after, stdout);
}

static cJSON *json_insn(const struct disasm *insn, uint64_t rip)
{
	cJSON *json = cJSON_CreateObject();
	char bytes[64];

	json_hex(json, "rip", rip);
	json_hex(json, "linear", insn->linear);
	show_insn(insn, bytes, sizeof(bytes));
	cJSON_AddStringToObject(json, "bytes", bytes);
	cJSON_AddStringToObject(json, "text", insn->text);
	json_count(json, "bits", insn->bits);
	return json;
}

static void print_json(struct step_view *view)
{
	const struct vtr_run *run = &view->run;
	cJSON *json = cJSON_CreateObject();
	char text[256];

	json_count(json, "step", view->nr);
	cJSON_AddItemToObject(json, "instruction",
			      json_insn(&view->insn, view->before.regs.rip));
	cJSON_AddItemToObject(json, "exit_instruction",
			      json_insn(&view->exit_insn, view->exit_rip));
	show_path(view, text, sizeof(text));
	cJSON_AddStringToObject(json, "layers", text);
	cJSON_AddStringToObject(json, "reason", exit_name(run->hw_reason));
	json_count(json, "hw_reason", run->hw_reason);
	json_hex(json, "qualification", run->hw_qualification);
	show_reason(run, text, sizeof(text));
	cJSON_AddStringToObject(json, "exit", text);
	show_handed(run, text, sizeof(text));
	cJSON_AddStringToObject(json, "tool", text);
	cJSON_AddStringToObject(json, "kind", hw_kind_name(run->hw_kind));
	cJSON_AddItemToObject(json, "registers",
			      vcpu_json_changes(&view->before, &view->after));
	cJSON_AddItemToObject(json, "fields",
			      vcpu_json_field_changes(&view->before,
						      &view->after));
	json_print(json, stdout);
}

static void print_step(struct step_view *view)
{
	if (view->machine->options->json)
		print_json(view);
	else
		print_text(view);
	fflush(stdout);
}

/* ---- stepping ---- */

static int look(struct step_view *view, struct vcpu_moment *moment)
{
	int ret = vcpu_moment_read(view->machine->cpus[0].vcpu, view->backend,
				   moment);

	if (ret)
		machine_end(view->machine, OUTCOME_FAILED, EXIT_FAILED, "%s",
			    vtr_last_error());
	return ret;
}

static void disassemble(struct step_view *view)
{
	disasm_at(view->machine->cpus[0].vcpu, &view->machine->mem,
		  &view->before.sregs, view->before.regs.rip, &view->insn);
}

/*
 * The registers are those behind the exit; where it was stands in the newest
 * EXIT record.  Without one (lost, or no entry at all) RIP must do.
 */
static void find_exit(struct step_view *view)
{
	struct cpu *cpu = &view->machine->cpus[0];
	struct vtr_trace_record records[16];
	unsigned int nr;
	uint64_t lost;

	view->exit_rip = view->before.regs.rip;
	do {
		nr = vtr_trace_read(cpu->trace, records, ARRAY_SIZE(records),
				    &lost);
		for (unsigned int i = 0; i < nr; i++) {
			if (records[i].kind == VTR_TRACE_EXIT)
				view->exit_rip = records[i].arg0;
		}
	} while (nr);
	disasm_at(cpu->vcpu, &view->machine->mem, &view->after.sregs,
		  view->exit_rip, &view->exit_insn);
}

/* One step; false if nothing was stepped because the VM has ended. */
static bool make_step(struct step_view *view, uint32_t unit)
{
	if (look(view, &view->before))
		return false;
	disassemble(view);
	if (!stepper_step(view->machine, unit, &view->run))
		return false;
	view->nr++;
	if (look(view, &view->after))
		return false;
	find_exit(view);
	return true;
}

static const uint32_t until_kinds[] = {
	[UNTIL_NONE] = VTR_HW_NONE,
	[UNTIL_CPUID] = VTR_HW_CPUID,
	[UNTIL_MSR] = VTR_HW_MSR,
	[UNTIL_IO] = VTR_HW_IO,
	[UNTIL_HLT] = VTR_HW_HLT,
	[UNTIL_HYPERCALL] = VTR_HW_HYPERCALL,
	[UNTIL_SLAT] = VTR_HW_SLAT,
	[UNTIL_IRQ] = VTR_HW_HOST_IRQ,
	[UNTIL_TRIPLE] = VTR_HW_TRIPLE,
	[UNTIL_CR] = VTR_HW_CR,
	[UNTIL_DR] = VTR_HW_DR,
	[UNTIL_EXCEPTION] = VTR_HW_EXCEPTION,
};

static bool reached(const struct step_view *view)
{
	return view->run.hw_kind == until_kinds[view->machine->options->until];
}

/* Steps without a terminal: print each, or only the one looked for. */
static int run_steps(struct step_view *view)
{
	const struct options *options = view->machine->options;
	uint64_t limit = options->count.given ? options->count.value :
						DEFAULT_STEPS;
	bool searching = options->until != UNTIL_NONE;

	while (view->nr < limit) {
		if (!make_step(view, view->unit))
			break;
		if (!searching || reached(view))
			print_step(view);
		if (searching && reached(view))
			return EXIT_OK;
		if (machine_stopped(view->machine))
			break;
	}
	if (!searching)
		return EXIT_OK;
	vtr_error(ENOENT, "no such exit (--until) in %llu steps",
		  (ull)view->nr);
	return command_failed(&cmd_step);
}

/* ---- keys ---- */

static void show_help(void)
{
	printf("n, Enter  one step\n"
	       "e         to the next exit\n"
	       "i         one instruction\n"
	       "c         on to the end, or to --until\n"
	       "r         all registers\n"
	       "v         all VMCS fields\n"
	       "q         quit\n");
}

static void show_registers(struct step_view *view)
{
	if (!look(view, &view->before))
		vcpu_print_registers(&view->before, stdout);
}

static void show_vmcs(struct step_view *view)
{
	if (look(view, &view->before))
		return;
	for (unsigned int i = 0; i < view->before.nr_fields; i++) {
		const struct vtr_field *field = &view->before.fields[i];
		char text[256];

		if (field->status)
			continue;
		show_field(text, sizeof(text), field->encoding, field->value);
		printf("  %-16s %-32s 0x%llx  %s\n", tables_fields[i].group,
		       tables_fields[i].name, (ull)field->value, text);
	}
}

/* Where the guest stands, before the user chooses. */
static void show_prompt(struct step_view *view)
{
	if (look(view, &view->before))
		return;
	disassemble(view);
	printf("next:\n");
	print_insn(&view->insn, view->before.regs.rip);
	printf("[n e i c r v q h] ");
	fflush(stdout);
}

static void step_and_print(struct step_view *view, uint32_t unit)
{
	if (make_step(view, unit))
		print_step(view);
}

static void go_on(struct step_view *view)
{
	bool searching = view->machine->options->until != UNTIL_NONE;
	bool stepped = false;

	while (!machine_stopped(view->machine)) {
		stepped = make_step(view, VTR_DEBUG_STEP_EXIT);
		if (!stepped || (searching && reached(view)))
			break;
	}
	if (stepped)
		print_step(view);
}

/* False: the user wants to leave. */
static bool do_key(struct step_view *view, char key)
{
	printf("%c\n", key == '\n' ? 'n' : key);
	switch (key) {
	case 'n':
	case ' ':
	case '\n':
	case '\r':
		step_and_print(view, view->unit);
		break;
	case 'e':
		step_and_print(view, VTR_DEBUG_STEP_EXIT);
		break;
	case 'i':
		step_and_print(view, VTR_DEBUG_STEP_INSN);
		break;
	case 'c':
		go_on(view);
		break;
	case 'r':
		show_registers(view);
		break;
	case 'v':
		show_vmcs(view);
		break;
	case 'q':
		return false;
	default:
		show_help();
		break;
	}
	return true;
}

static void key_loop(struct step_view *view)
{
	struct termios keys;
	char key;

	tcgetattr(STDIN_FILENO, &view->terminal);
	keys = view->terminal;
	keys.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &keys);
	do {
		show_prompt(view);
		if (machine_stopped(view->machine) || stepper_interrupted() ||
		    read(STDIN_FILENO, &key, 1) != 1)
			break;
	} while (do_key(view, key) && !machine_stopped(view->machine));
	tcsetattr(STDIN_FILENO, TCSANOW, &view->terminal);
}

static int interact(struct step_view *view)
{
	key_loop(view);
	if (stepper_interrupted())
		printf("\n");
	return EXIT_OK;
}

/* ---- the command ---- */

static int end_status(const struct machine *machine, int status)
{
	switch (machine->outcome.kind) {
	case OUTCOME_NONE:
	case OUTCOME_HALTED:
	case OUTCOME_EXIT:
	case OUTCOME_QUIT:
		return status;
	default:
		return machine->outcome.status;
	}
}

static int step_machine(struct step_view *view)
{
	struct machine *machine = view->machine;
	int status;

	view->backend = vtr_caps(machine->dev)->backend;
	if (!machine->options->json) {
		machine->console.tap = on_console;
		machine->console.tap_context = view;
	}
	stepper_begin(machine);
	status = view->interactive ? interact(view) : run_steps(view);
	stepper_end();
	if (!machine->options->json)
		machine_say_end(machine, stdout);
	machine_report(machine, "step");
	return end_status(machine, status);
}

static int run(const struct options *options)
{
	struct machine machine;
	struct step_view *view;
	int status;

	if (!stepper_fits(options))
		return command_usage(&cmd_step);
	if (options->step_insn && options->step_exit) {
		vtr_error(EINVAL, "--insn and --exit exclude each other");
		return command_usage(&cmd_step);
	}
	view = calloc(1, sizeof(*view));
	if (!view) {
		vtr_error(ENOMEM, "no memory for the view");
		return command_failed(&cmd_step);
	}
	if (machine_create(&machine, options, true, false)) {
		free(view);
		return command_failed(&cmd_step);
	}
	view->machine = &machine;
	view->unit = options->step_insn ? VTR_DEBUG_STEP_INSN :
					  VTR_DEBUG_STEP_EXIT;
	view->interactive = isatty(STDIN_FILENO) && !options->json &&
			    !options->count.given;
	status = step_machine(view);
	machine_destroy(&machine);
	free(view);
	return status;
}

static const char *const until_words[] = {
	"none", "cpuid", "msr", "io", "hlt", "hypercall", "slat", "irq",
	"triple", "cr", "dr", "exception", NULL
};

static const struct opt rows[] = {
	{ "insn", 'i', OPT_FLAG, offsetof(struct options, step_insn), NULL,
	  NULL, "a step is one guest instruction", NULL, 0, 0 },
	{ "exit", 'e', OPT_FLAG, offsetof(struct options, step_exit), NULL,
	  NULL, "a step goes to the next exit; the default", NULL, 0, 0 },
	{ "count", 'n', OPT_NUMBER, offsetof(struct options, count), "N", NULL,
	  "without keys: make this many steps; 100 if not given", NULL, 1,
	  1000000000 },
	{ "until", 'u', OPT_CHOICE, offsetof(struct options, until), "KIND",
	  "none", "go to the first exit of this kind and print only that step: cpuid, msr, io, hlt, hypercall, slat (an EPT violation), irq, triple, cr, dr, exception",
	  until_words, 0, 0 },
};

static const struct opt_group step_options = OPT_GROUP("step options", rows);

const struct command cmd_step = {
	.name = "step",
	.summary = "follow a guest step by step: layers, registers, VMCS, code",
	.usage = "[options] GUEST [-- guest arguments]",
	.description =
		"Prints for each step the instruction at RIP, the way of the exit "
		"through the layers, the exit reason with its qualification in words, "
		"what the tool did, and the registers and VMCS fields that changed "
		"(without exit information and host state, which change by themselves).\n"
		"On a terminal keys choose: n or Enter a step, e to the next exit, i an "
		"instruction, c on to the end or to --until, r registers, v VMCS, q "
		"quit, h help. Otherwise, or with --count or --json, it makes --count "
		"steps and ends. Guest input is not possible here.\n"
		"\n"
		"Exit code: 0 as long as the guest goes on or ends by itself, 1 if the "
		"exit looked for (--until) does not come, else as with run.",
	.guest = GUEST_NEEDED,
	.groups = { &guest_options, &step_options, &common_options },
	.run = run,
};
