// SPDX-License-Identifier: GPL-2.0-only
/*
 * Setting the trap, finding it sprung, and leaving no trace of it.
 *
 * Read trap_step.h first; SDM 3B "Single-Step Exception Condition" (18.3.1.4)
 * says when the processor raises the exception.
 *
 * Subtle: a VM entry with TF set and interrupts blocked by STI or MOV SS needs
 * a pending debug exception, which the neutral state does not have: so the
 * blocking is ended when the trap is set.
 */
#include "trap_step.h"

#define RFLAGS_TF	(1ull << 8)
#define DR6_BS		(1ull << 14)
#define VECTOR_DB	1
#define PENDING_DBG	0x6822	/* GUEST_PENDING_DBG_EXCEPTIONS */
#define PENDING_BS	(1ull << 14)

static int set_trap_flag(struct vtr_vcpu *vcpu, bool on)
{
	struct vtr_regs regs;
	int ret = vtr_get_regs(vcpu, &regs);

	if (ret)
		return ret;
	regs.rflags &= ~RFLAGS_TF;
	if (on)
		regs.rflags |= RFLAGS_TF;
	return vtr_set_regs(vcpu, &regs);
}

static int end_blocking(struct vtr_vcpu *vcpu)
{
	struct vtr_events events;
	int ret = vtr_get_events(vcpu, &events);

	if (ret || !events.interrupt_shadow)
		return ret;
	events.interrupt_shadow = 0;
	return vtr_set_events(vcpu, &events);
}

int trap_arm(struct vtr_vcpu *vcpu, struct trap_step *step)
{
	struct vtr_debug_regs debug;
	struct vtr_regs regs;
	int ret = vtr_get_regs(vcpu, &regs);

	if (!ret)
		ret = vtr_get_debug_regs(vcpu, &debug);
	if (ret)
		return ret;
	step->guest_traps = regs.rflags & RFLAGS_TF;
	step->dr6 = debug.dr6;
	ret = end_blocking(vcpu);
	return ret ? ret : set_trap_flag(vcpu, true);
}

int trap_sprung(struct vtr_vcpu *vcpu, bool *sprung)
{
	struct vtr_events events;
	int ret = vtr_get_events(vcpu, &events);

	*sprung = !ret && events.in_flight.kind != VTR_EVENT_NONE;
	return ret;
}

bool trap_left_over(struct vtr_vcpu *vcpu, uint32_t backend)
{
	struct vtr_field field = { .encoding = PENDING_DBG };

	return backend == VTR_BACKEND_VMX &&
	       !vtr_vcpu_read_fields(vcpu, backend, &field, 1) &&
	       !field.status && (field.value & PENDING_BS);
}

/* The debug exception is the step's own; any other event is the guest's. */
int trap_drop(struct vtr_vcpu *vcpu)
{
	struct vtr_events events;
	int ret = vtr_get_events(vcpu, &events);

	if (ret || events.in_flight.kind != VTR_EVENT_EXCEPTION ||
	    events.in_flight.vector != VECTOR_DB)
		return ret;
	events.in_flight = (struct vtr_event){ 0 };
	return vtr_set_events(vcpu, &events);
}

static int restore_dr6(struct vtr_vcpu *vcpu, uint64_t dr6)
{
	struct vtr_debug_regs debug;
	int ret = vtr_get_debug_regs(vcpu, &debug);

	if (ret)
		return ret;
	debug.dr6 = (debug.dr6 & ~DR6_BS) | (dr6 & DR6_BS);
	return vtr_set_debug_regs(vcpu, &debug);
}

int trap_disarm(struct vtr_vcpu *vcpu, const struct trap_step *step)
{
	int ret;

	if (step->guest_traps)
		return 0;
	ret = trap_drop(vcpu);
	if (!ret)
		ret = set_trap_flag(vcpu, false);
	return ret ? ret : restore_dr6(vcpu, step->dr6);
}
