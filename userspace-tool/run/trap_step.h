/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stepping by instruction on a processor without monitor trap flag.
 *
 * stepper.c calls trap_arm() before and trap_disarm() after a step; in between
 * the guest runs with RFLAGS.TF, so the module sees a debug exception behind
 * the instruction and queues it for the guest, from where it is taken away.
 *
 * Subtle: unlike the monitor trap flag this is not invisible.  PUSHF stores
 * TF; the handler of an exception or of INT n is run through in one step,
 * because delivery clears TF; a step ends what blocks interrupts after STI and
 * MOV SS.  A guest that uses TF itself keeps its debug exceptions.
 */
#ifndef VITRINE_TRAP_STEP_H
#define VITRINE_TRAP_STEP_H

#include "libvitrine.h"

struct trap_step {
	bool guest_traps;	/* the guest had TF set by itself */
	uint64_t dr6;
};

/* All: 0 or a negative errno with a sentence. */
int trap_arm(struct vtr_vcpu *vcpu, struct trap_step *step);
int trap_disarm(struct vtr_vcpu *vcpu, const struct trap_step *step);

/* Whether an event waits behind the instruction: the step is done. */
int trap_sprung(struct vtr_vcpu *vcpu, bool *sprung);

/*
 * Whether the processor has left a trap over from an exit in the middle of an
 * instruction: it springs at the next entry, before any instruction.  The
 * emulated processor does so under TF.
 */
bool trap_left_over(struct vtr_vcpu *vcpu, uint32_t backend);

/* Take the debug exception away from the guest. */
int trap_drop(struct vtr_vcpu *vcpu);

#endif /* VITRINE_TRAP_STEP_H */
