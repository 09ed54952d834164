/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A step of a guest, from the state before to the state after.
 *
 * cli/cmd_step.c makes steps and prints those that are wanted.  Read
 * run/stepper.h for how a step is made, vcpu_view.h for what is compared,
 * disasm.h for the instructions.
 *
 * Subtle: a step by exit runs any number of instructions; which one left the
 * guest stands in the trace ring, so the machine must be created with tracing.
 */
#ifndef VITRINE_STEP_VIEW_H
#define VITRINE_STEP_VIEW_H

#include "disasm.h"
#include "run/stepper.h"
#include "symbols.h"
#include "vcpu_view.h"

struct step_view {
	struct machine *machine;
	uint32_t backend;
	struct symbols *symbols;	/* or NULL */
	uint64_t nr;			/* steps made */
	struct vcpu_moment before;
	struct vcpu_moment after;
	struct vtr_run run;		/* the run page after the step */
	struct disasm insn;		/* at RIP before the step */
	uint64_t exit_rip;		/* where the exit was, from the trace */
	struct disasm exit_insn;	/* what stands there */
	char line[256];			/* console output of the guest */
	size_t line_used;
};

/* Make a step with this VTR_DEBUG_* flag and keep what it changed. */
enum step_result step_make(struct step_view *view, uint32_t unit);

/* Print the step that was made, as text or (--json) as one line of JSON. */
void step_print(struct step_view *view);

/* Print the instruction that comes next. */
void step_print_place(struct step_view *view);

/* Read the vCPU; a failure ends the machine. */
int step_look(struct step_view *view, struct vcpu_moment *moment);

/* Takes the guest's console bytes (console->tap), shown with the step. */
void step_console(void *view, uint8_t byte);

#endif /* VITRINE_STEP_VIEW_H */
