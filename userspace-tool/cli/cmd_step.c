// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine step: follow a guest from exit to exit or instruction by
 * instruction, by keys or by itself.
 *
 * Read view/step_view.h for what a step is and shows.
 *
 * Subtle: a step that ends the VM is printed like any other; only a step that
 * could not be made is not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "command.h"
#include "libvitrine.h"
#include "view/decode_show.h"
#include "view/step_view.h"

#define DEFAULT_STEPS	100

struct stepping {
	struct step_view view;
	uint32_t unit;			/* VTR_DEBUG_* */
};

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

static bool is_search(const struct options *options)
{
	return options->until != UNTIL_NONE || options->in;
}

/* Did the exit come from the function asked for? */
static bool is_inside(const struct step_view *view, const char *function)
{
	uint64_t offset;
	const char *name = symbols_name(view->symbols, view->exit_rip, &offset);

	return name && !strcmp(name, function);
}

static bool reached(const struct step_view *view)
{
	const struct options *options = view->machine->options;

	if (options->in && !is_inside(view, options->in))
		return false;
	return options->until == UNTIL_NONE ||
	       view->run.hw_kind == until_kinds[options->until];
}

/* Steps without a terminal: print each, or only the one looked for. */
static int run_steps(struct stepping *stepping)
{
	struct step_view *view = &stepping->view;
	const struct options *options = view->machine->options;
	uint64_t limit = options->count.given ? options->count.value :
						DEFAULT_STEPS;
	bool searching = is_search(options);

	while (view->nr < limit && !machine_stopped(view->machine)) {
		if (step_make(view, stepping->unit) == STEP_ENDED)
			break;
		if (!searching || reached(view))
			step_print(view);
		if (searching && reached(view))
			return EXIT_OK;
	}
	if (!searching)
		return EXIT_OK;
	vtr_error(ENOENT, "no such exit (--until, --in) in %llu steps",
		  (ull)view->nr);
	return command_failed(&cmd_step);
}

/* ---- keys ---- */

static void show_help(void)
{
	printf("n, Enter  one step\n"
	       "e         to the next exit\n"
	       "i         one instruction\n"
	       "c         on to the end, or to --until, --in\n"
	       "r         all registers\n"
	       "v         all VMCS fields\n"
	       "q         quit\n");
}

static void show_registers(struct step_view *view)
{
	if (!step_look(view, &view->before))
		vcpu_print_registers(&view->before, stdout);
}

static void show_vmcs(struct step_view *view)
{
	if (step_look(view, &view->before))
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
	printf("next:\n");
	step_print_place(view);
	printf("[n e i c r v q h] ");
	fflush(stdout);
}

static void step_and_print(struct step_view *view, uint32_t unit)
{
	if (step_make(view, unit) == STEP_DONE)
		step_print(view);
}

static void go_on(struct step_view *view)
{
	bool searching = is_search(view->machine->options);
	enum step_result result = STEP_ENDED;

	while (!machine_stopped(view->machine)) {
		result = step_make(view, VTR_DEBUG_STEP_EXIT);
		if (result != STEP_DONE || (searching && reached(view)))
			break;
	}
	if (result == STEP_DONE)
		step_print(view);
}

/* False: the user wants to leave. */
static bool do_key(struct stepping *stepping, char key)
{
	struct step_view *view = &stepping->view;

	printf("%c\n", key == '\n' ? 'n' : key);
	switch (key) {
	case 'n':
	case ' ':
	case '\n':
	case '\r':
		step_and_print(view, stepping->unit);
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

static int ask_keys(struct stepping *stepping)
{
	struct machine *machine = stepping->view.machine;
	struct termios saved, keys;
	char key;

	tcgetattr(STDIN_FILENO, &saved);
	keys = saved;
	keys.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &keys);
	do {
		show_prompt(&stepping->view);
		if (machine_stopped(machine) || stepper_interrupted() ||
		    read(STDIN_FILENO, &key, 1) != 1)
			break;
	} while (do_key(stepping, key) && !machine_stopped(machine));
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
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

static int step_machine(struct stepping *stepping)
{
	struct machine *machine = stepping->view.machine;
	const struct options *options = machine->options;
	bool keys = isatty(STDIN_FILENO) && !options->json &&
		    !options->count.given;
	int status;

	stepping->view.backend = vtr_caps(machine->dev)->backend;
	stepping->unit = options->step_insn ? VTR_DEBUG_STEP_INSN :
					      VTR_DEBUG_STEP_EXIT;
	if (!options->json) {
		machine->console.tap = step_console;
		machine->console.tap_context = &stepping->view;
	}
	stepper_begin(machine);
	status = keys ? ask_keys(stepping) : run_steps(stepping);
	stepper_end();
	if (!options->json)
		machine_say_end(machine, stdout);
	machine_report(machine, "step");
	return end_status(machine, status);
}

static int run_guest(const struct options *options, struct stepping *stepping)
{
	struct machine machine;
	int status;

	if (machine_create(&machine, options, true, false))
		return command_failed(&cmd_step);
	stepping->view.machine = &machine;
	status = step_machine(stepping);
	machine_destroy(&machine);
	return status;
}

static int run(const struct options *options)
{
	struct stepping *stepping;
	int status;

	if (!stepper_fits(options))
		return command_usage(&cmd_step);
	if (options->in && !options->symbols) {
		vtr_error(EINVAL, "--in needs the functions' names: --symbols FILE");
		return command_usage(&cmd_step);
	}
	if (options->step_insn && options->step_exit) {
		vtr_error(EINVAL, "--insn and --exit exclude each other");
		return command_usage(&cmd_step);
	}
	stepping = calloc(1, sizeof(*stepping));
	if (!stepping) {
		vtr_error(ENOMEM, "no memory for the view");
		return command_failed(&cmd_step);
	}
	if (options->symbols && symbols_load(options->symbols, &stepping->view.symbols))
		status = command_failed(&cmd_step);
	else
		status = run_guest(options, stepping);
	symbols_free(stepping->view.symbols);
	free(stepping);
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
	{ "symbols", 0, OPT_STRING, offsetof(struct options, symbols), "FILE", NULL,
	  "names for guest addresses: a System.map, a copy of the guest's /proc/kallsyms, or an ELF file",
	  NULL, 0, 0 },
	{ "in", 0, OPT_STRING, offsetof(struct options, in), "FUNCTION", NULL,
	  "with --symbols: go to the first exit (of the kind of --until, if given) in this function",
	  NULL, 0, 0 },
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
		"Where the processor has no monitor trap flag (the emulated one has "
		"none), an instruction is stepped by RFLAGS.TF: PUSHF shows the flag, "
		"and a handler of an exception or of INT n is one step.\n"
		"\n"
		"Exit code: 0 as long as the guest goes on or ends by itself, 1 if the "
		"exit looked for (--until) does not come, else as with run.",
	.guest = GUEST_NEEDED,
	.groups = { &guest_options, &step_options, &common_options },
	.run = run,
};
