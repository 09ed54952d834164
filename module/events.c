// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events on their way into the guest: exceptions, interrupts, NMIs.
 *
 * At most one event waits in vcpu->queued; an NMI waits beside it.
 * vtr_deliver_events() hands it to the back end right before the entry.  If an
 * exit keeps the event from being delivered, the back end puts it into queued
 * again, so that nothing is lost; an exception that a handler raises on top of
 * it becomes a double or a triple fault by the manual's rules.
 * Called by module/vcpu.c, module/handle.c, module/ioctl.c.
 * Source: SDM 3A "Interrupt 8--Double Fault Exception (#DF)".
 */
#include <linux/errno.h>
#include <asm/trapnr.h>

#include "irqchip.h"
#include "trace.h"

enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum fault_class class_of(const struct vtr_event *event)
{
	if (event->kind != VTR_EVENT_EXCEPTION)
		return BENIGN;
	switch (event->vector) {
	case X86_TRAP_DE:
	case X86_TRAP_TS:
	case X86_TRAP_NP:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
		return CONTRIBUTORY;
	case X86_TRAP_PF:
		return PAGE_FAULT;
	case X86_TRAP_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

/* Does @second, raised while @first is delivered, make a double fault? */
static bool is_double_fault(enum fault_class first, enum fault_class second)
{
	return (first == CONTRIBUTORY && second == CONTRIBUTORY) ||
	       (first == PAGE_FAULT && (second == CONTRIBUTORY || second == PAGE_FAULT));
}

/**
 * vtr_queue_exception() - raise an exception in the guest
 * @vcpu: the vCPU
 * @vector: its number
 * @has_error: it pushes an error code
 * @error: the error code
 *
 * An event that was in flight is combined with it: double fault, triple fault
 * (activity becomes VTR_SHUTDOWN), or the new exception comes first and the
 * instruction or the interrupted delivery is tried again by the guest.
 * Context: vCPU mutex held.
 */
void vtr_queue_exception(struct vtr_vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct vtr_event event = {
		.kind = VTR_EVENT_EXCEPTION, .vector = vector,
		.has_error = has_error, .error = error,
	};
	enum fault_class first = class_of(&vcpu->queued);
	enum fault_class second = class_of(&event);

	/* LAB 6.6: */
	if (first == DOUBLE_FAULT && second != BENIGN) {
		vcpu->activity = VTR_SHUTDOWN;
		vcpu->queued = (struct vtr_event) {};
		return;
	}
	if (is_double_fault(first, second))
		event = (struct vtr_event) {
			.kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_DF, .has_error = 1,
		};
	/* LAB 6.6 END */
	vcpu->queued = event;
}

void vtr_queue_gp(struct vtr_vcpu *vcpu)
{
	vtr_queue_exception(vcpu, X86_TRAP_GP, true, 0);
}

void vtr_queue_ud(struct vtr_vcpu *vcpu)
{
	vtr_queue_exception(vcpu, X86_TRAP_UD, false, 0);
}

/* Vectors of exceptions that push an error code in protected and long mode. */
#define ERROR_CODE_VECTORS						\
	(BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) |	\
	 BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) |	\
	 BIT(X86_TRAP_AC) | BIT(X86_TRAP_CP))

/* Could a processor ever deliver @event?  Return: 0 or -EINVAL. */
int vtr_event_check(const struct vtr_event *event)
{
	if (event->has_error > 1 || (!event->has_error && event->error))
		return -EINVAL;
	switch (event->kind) {
	case VTR_EVENT_NONE:
		return event->vector || event->has_error || event->insn_bytes ? -EINVAL : 0;
	case VTR_EVENT_INTERRUPT:
		return event->has_error || event->insn_bytes ? -EINVAL : 0;
	case VTR_EVENT_NMI:
		return event->vector != X86_TRAP_NMI || event->has_error ||
		       event->insn_bytes ? -EINVAL : 0;
	case VTR_EVENT_EXCEPTION:
		if (event->vector > 31 || event->vector == X86_TRAP_NMI || event->insn_bytes)
			return -EINVAL;
		if (event->has_error && !(BIT(event->vector) & ERROR_CODE_VECTORS))
			return -EINVAL;
		return event->error >> 16 && event->vector != X86_TRAP_PF ? -EINVAL : 0;
	case VTR_EVENT_SOFT_INT:
	case VTR_EVENT_SOFT_EXC:
	case VTR_EVENT_PRIV_SOFT_EXC:
		if (event->has_error || !event->insn_bytes || event->insn_bytes > 15)
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * vtr_inject() - VTR_VCPU_INJECT
 * @vcpu: the vCPU, its mutex held, loaded
 * @event: the event
 *
 * Return: 0; -EINVAL: no processor delivers such an event; -EAGAIN: the guest
 * cannot take an interrupt now, or an access of it is unfinished; -EBUSY: an
 * event waits already.
 */
int vtr_inject(struct vtr_vcpu *vcpu, const struct vtr_event *event)
{
	bool ready;

	if (event->kind == VTR_EVENT_NONE || vtr_event_check(event))
		return -EINVAL;
	if (event->kind == VTR_EVENT_NMI) {
		if (vcpu->nmi_pending)
			return -EBUSY;
		vcpu->nmi_pending = true;
		return 0;
	}
	if (vcpu->queued.kind)
		return -EBUSY;
	/* Its instruction may still end in an exception, which comes first. */
	if (vcpu->pending)
		return -EAGAIN;
	if (event->kind == VTR_EVENT_INTERRUPT) {
		preempt_disable();
		ready = vtr_backend->can_inject(vcpu, VTR_EVENT_INTERRUPT);
		preempt_enable();
		if (!ready)
			return -EAGAIN;
	}
	vcpu->queued = *event;
	return 0;
}

static void take_pending_nmi(struct vtr_vcpu *vcpu)
{
	if (!vcpu->nmi_pending)
		return;
	if (!vcpu->queued.kind && vtr_backend->can_inject(vcpu, VTR_EVENT_NMI)) {
		vcpu->nmi_pending = false;
		vcpu->queued = (struct vtr_event) {
			.kind = VTR_EVENT_NMI, .vector = X86_TRAP_NMI,
		};
	}
}

/*
 * Hand the waiting event to the back end and ask for the windows that are
 * wanted.  Context: preemption off, right before the entry.
 */
void vtr_deliver_events(struct vtr_vcpu *vcpu)
{
	bool want_window = READ_ONCE(vcpu->run->request_window);

	if (vcpu->vm->irqchip)
		vtr_irqchip_deliver(vcpu);
	/* LAB 6.1: vcpu->delivering = (struct vtr_event) {};\n return; */
	take_pending_nmi(vcpu);
	vtr_backend->set_window(vcpu, VTR_EVENT_NMI, vcpu->nmi_pending);
	vtr_backend->set_window(vcpu, VTR_EVENT_INTERRUPT, want_window || vcpu->irq_waits);

	vcpu->delivering = vcpu->queued;
	if (!vcpu->queued.kind)
		return;
	vcpu->activity = VTR_ACTIVE;
	vtr_backend->inject(vcpu, &vcpu->queued);
	vcpu->queued = (struct vtr_event) {};
	/* LAB 6.1 END */
	trace_vtr_inject(vcpu->vm->id, vcpu->id, vcpu->delivering.kind,
			 vcpu->delivering.vector, vcpu->delivering.error);
	vtr_record(vcpu, VTR_TRACE_INJECT, vcpu->delivering.vector);
}

/* The entry does not take place: the event waits again. */
void vtr_cancel_delivery(struct vtr_vcpu *vcpu)
{
	static const struct vtr_event none;

	if (!vcpu->delivering.kind)
		return;
	/* LAB 6.1: */
	vtr_backend->inject(vcpu, &none);
	vcpu->queued = vcpu->delivering;
	vcpu->delivering = none;
	/* LAB 6.1 END */
}

/* Has the exit come before the guest was at its handler, so that the event waits again? */
bool vtr_delivery_interrupted(struct vtr_vcpu *vcpu)
{
	return vcpu->exit.in_delivery && vcpu->queued.kind == vcpu->delivering.kind &&
	       vcpu->queued.vector == vcpu->delivering.vector;
}
