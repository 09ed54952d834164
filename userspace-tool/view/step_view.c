// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one step of a guest looks like: made, compared, printed.
 *
 * Read step_view.h first, then cli/cmd_step.c, which decides how far to go.
 *
 * Subtle: while stepping every exit comes up to the tool, because it was asked
 * to; the layer path printed is the one that the exit takes without stepping.
 */
#include <stdio.h>
#include <string.h>

#include "decode_show.h"
#include "step_view.h"

/* ---- the guest's console ---- */

static void flush_line(struct step_view *view)
{
	if (!view->line_used)
		return;
	printf("  console    \"%.*s\"\n", (int)view->line_used, view->line);
	view->line_used = 0;
}

void step_console(void *context, uint8_t byte)
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
		snprintf(text, room, "%s alone (the exit behind the instruction is the step's own)",
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
	if (run->exit == VTR_EXIT_IO && run->io.count > 1)
		snprintf(text, room, "the tool %s a string of %u elements",
			 run->io.is_in ? "answers" : "takes", run->io.count);
	else if (run->exit == VTR_EXIT_IO && run->io.is_in)
		snprintf(text, room, "the tool answers 0x%llx",
			 (ull)run->io.data);
	else if (run->exit == VTR_EXIT_IO)
		snprintf(text, room, "the tool takes 0x%llx",
			 (ull)run->io.data);
	else if (run->exit == VTR_EXIT_MMIO)
		snprintf(text, room, "the tool %s 0x%llx %s 0x%llx",
			 run->mmio.is_write ? "takes" : "answers",
			 (ull)run->mmio.data, run->mmio.is_write ? "at" : "from",
			 (ull)run->mmio.gpa);
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

static void print_insn(const struct step_view *view, const struct disasm *insn, uint64_t rip)
{
	char bytes[64], symbol[120];

	symbols_show(view->symbols, rip, symbol, sizeof(symbol));
	if (*symbol)
		printf("  %s:\n", symbol);
	show_insn(insn, bytes, sizeof(bytes));
	printf("  0x%llx:  %-24s %s  (%u-bit)\n", (ull)rip, bytes, insn->text,
	       insn->bits);
}

/* By exit: more than one instruction may have run before the one that exited. */
static void print_place(const struct step_view *view)
{
	print_insn(view, &view->insn, view->before.regs.rip);
	if (view->exit_rip == view->before.regs.rip ||
	    view->run.hw_kind == VTR_HW_STEP ||
	    view->run.exit == VTR_EXIT_FAIL_ENTRY)
		return;
	printf("  ... up to\n");
	print_insn(view, &view->exit_insn, view->exit_rip);
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

static cJSON *json_insn(const struct step_view *view, const struct disasm *insn, uint64_t rip)
{
	cJSON *json = cJSON_CreateObject();
	char bytes[64], symbol[120];

	json_hex(json, "rip", rip);
	symbols_show(view->symbols, rip, symbol, sizeof(symbol));
	if (*symbol)
		cJSON_AddStringToObject(json, "symbol", symbol);
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
			      json_insn(view, &view->insn, view->before.regs.rip));
	cJSON_AddItemToObject(json, "exit_instruction",
			      json_insn(view, &view->exit_insn, view->exit_rip));
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

void step_print(struct step_view *view)
{
	if (view->machine->options->json)
		print_json(view);
	else
		print_text(view);
	fflush(stdout);
}

/* ---- stepping ---- */

int step_look(struct step_view *view, struct vcpu_moment *moment)
{
	int ret = vcpu_moment_read(view->machine->cpus[0].vcpu, view->backend,
				   moment);

	if (ret)
		machine_end(view->machine, OUTCOME_FAILED, EXIT_FAILED, "%s",
			    vtr_last_error());
	else
		symbols_follow(view->symbols, view->machine->cpus[0].vcpu);
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

enum step_result step_make(struct step_view *view, uint32_t unit)
{
	enum step_result result;

	if (step_look(view, &view->before))
		return STEP_ENDED;
	disassemble(view);
	result = stepper_step(view->machine, unit, &view->run);
	if (result != STEP_DONE)
		return result;
	view->nr++;
	if (step_look(view, &view->after))
		return STEP_ENDED;
	find_exit(view);
	return STEP_DONE;
}

void step_print_place(struct step_view *view)
{
	if (step_look(view, &view->before))
		return;
	disassemble(view);
	print_insn(view, &view->insn, view->before.regs.rip);
}
