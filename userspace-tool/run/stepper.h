/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One vCPU, one step at a time, in the calling thread.
 *
 * step and vmcs use it instead of run_vm().  A step ends at the next exit
 * (VTR_DEBUG_STEP_EXIT) or after the next instruction (VTR_DEBUG_STEP_INSN),
 * or earlier, when the guest needs the tool.
 *
 * Subtle: Ctrl-C, SIGTERM and --timeout set immediate_exit from a signal
 * handler, so even a guest that never exits can be stopped; the handler only
 * stores one byte.  The module finishes an IN or a hypercall at the next run;
 * a step makes that run itself, without entering the guest, so that the state
 * after a step is that behind the instruction.
 */
#ifndef VITRINE_STEPPER_H
#define VITRINE_STEPPER_H

#include "machine.h"

/* Install the handlers and start --timeout; one machine at a time. */
void stepper_begin(struct machine *machine);
void stepper_end(void);

/* True if the machine has at most one started vCPU; else a sentence. */
bool stepper_fits(const struct options *options);

/*
 * One step with these VTR_DEBUG_* flags.  @last: the run page as it was when
 * the step ended.  A processor that cannot step by instruction is helped by
 * trap_step.h.  STEP_ENDED: nothing was stepped, look at the outcome.
 */
enum step_result { STEP_DONE, STEP_ENDED };

enum step_result stepper_step(struct machine *machine, uint32_t flags,
			      struct vtr_run *last);

/* The user asked to stop (Ctrl-C); also true while waiting for a key. */
bool stepper_interrupted(void);

#endif /* VITRINE_STEPPER_H */
