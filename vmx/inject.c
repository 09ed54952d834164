// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events through the VMCS: injection, re-injection, windows, what blocks them.
 *
 * The VM-entry interruption-information field delivers one event right after
 * the entry; if an exit interrupts the delivery, the IDT-vectoring field has
 * the event back, in the same format:
 *
 *	 31    30        12 11   10  8 7      0
 *	+-----+------------+-----+----+--------+
 *	|valid|      -     |error|type| vector |
 *	+-----+------------+-----+----+--------+
 *
 * Called through the back end's table by module/events.c, and by vmx/exit.c.
 * Sources: SDM 3C "VM-Entry Controls for Event Injection" (25.8.3), "Event
 * Injection" (27.6), "Guest Non-Register State" (25.4.2).
 */
#include <uapi/asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "controls.h"
#include "insn.h"
#include "vmx.h"

#define INFO_VALID		BIT(31)
#define INFO_ERROR		BIT(11)
#define INFO_TYPE_SHIFT		8

/* Interruptibility state. */
#define BLOCKED_BY_STI		BIT(0)
#define BLOCKED_BY_MOV_SS	BIT(1)
#define BLOCKED_BY_NMI		BIT(3)

/* Interruption types in the manual's numbers, by enum vtr_event_kind. */
static const u8 hw_type[] = {
	[VTR_EVENT_INTERRUPT]	  = 0,
	[VTR_EVENT_NMI]		  = 2,
	[VTR_EVENT_EXCEPTION]	  = 3,
	[VTR_EVENT_SOFT_INT]	  = 4,
	[VTR_EVENT_PRIV_SOFT_EXC] = 5,
	[VTR_EVENT_SOFT_EXC]	  = 6,
};

static enum vtr_event_kind kind_of_type(u32 type)
{
	for (unsigned int kind = VTR_EVENT_INTERRUPT; kind < ARRAY_SIZE(hw_type); kind++)
		if (hw_type[kind] == type)
			return kind;
	return VTR_EVENT_NONE;
}

/*
 * An event ends the shadow of STI or MOV SS, and the entry that delivers it goes
 * by that: SDM 3C "Interruptibility State" (27.7.1).  But it checks first whether
 * the shadow fits RFLAGS.TF and the pending debug exceptions, which a #DB that
 * has just been taken out of them does not.  Interrupts and NMIs must not come in
 * a shadow at all; there the check shall speak.
 */
static void end_shadow(void)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO);

	if (blocking & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO,
			     blocking & ~(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
}

/*
 * The image of RFLAGS that a fault pushes has RF set, so that a break point on
 * the instruction does not come again; injection pushes what is in the field.
 * SDM 3B "Resume Flag" in "Debug Registers" (17.3.1.1).
 */
static void set_rf_for_fault(const struct vtr_event *event)
{
	const u32 no_faults = BIT(X86_TRAP_DB) | BIT(X86_TRAP_BP) | BIT(X86_TRAP_OF) |
			      BIT(X86_TRAP_DF) | BIT(X86_TRAP_MC);

	if (event->kind == VTR_EVENT_EXCEPTION && !(BIT(event->vector) & no_faults))
		vmcs_writel(VMCS_GUEST_RFLAGS, vmcs_readl(VMCS_GUEST_RFLAGS) | X86_EFLAGS_RF);
}

void vmx_inject(struct vtr_vcpu *vcpu, const struct vtr_event *event)
{
	u32 info;

	if (event->kind == VTR_EVENT_NONE) {
		vmcs_write32(VMCS_VM_ENTRY_INTR_INFO_FIELD, 0);
		return;
	}
	/* LAB 6.3: info = 0; */
	if (event->kind != VTR_EVENT_INTERRUPT && event->kind != VTR_EVENT_NMI)
		end_shadow();
	info = INFO_VALID | hw_type[event->kind] << INFO_TYPE_SHIFT | event->vector;
	/* In real mode exceptions push no error code. */
	if (event->has_error && (vmcs_readl(VMCS_GUEST_CR0) & X86_CR0_PE)) {
		info |= INFO_ERROR;
		vmcs_write32(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE, event->error);
	}
	set_rf_for_fault(event);
	if (event->insn_bytes)
		vmcs_write32(VMCS_VM_ENTRY_INSTRUCTION_LEN, event->insn_bytes);
	/* LAB 6.3 END */
	vmcs_write32(VMCS_VM_ENTRY_INTR_INFO_FIELD, info);
}

/* The exit came while an event was delivered: it waits for the next entry. */
void vmx_requeue_event(struct vtr_vmx_vcpu *v, struct vtr_exit *exit)
{
	u32 info = vmcs_read32(VMCS_IDT_VECTORING_INFO_FIELD);
	struct vtr_event *event = &v->base.queued;

	if (likely(!(info & INFO_VALID)))
		return;
	/* LAB 6.5: return; */
	exit->in_delivery = true;
	*event = (struct vtr_event) {
		.kind = kind_of_type((info >> INFO_TYPE_SHIFT) & 7),
		.vector = info & 0xff,
		.has_error = !!(info & INFO_ERROR),
	};
	if (event->has_error)
		event->error = vmcs_read32(VMCS_IDT_VECTORING_ERROR_CODE);
	if (event->kind == VTR_EVENT_SOFT_INT || event->kind == VTR_EVENT_SOFT_EXC ||
	    event->kind == VTR_EVENT_PRIV_SOFT_EXC)
		event->insn_bytes = vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LEN);
	/* Its delivery has blocked NMIs; injecting it again needs them unblocked. */
	if (event->kind == VTR_EVENT_NMI) {
		u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO);

		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, blocking & ~BLOCKED_BY_NMI);
	}
	/* LAB 6.5 END */
}

bool vmx_can_inject(struct vtr_vcpu *vcpu, enum vtr_event_kind kind)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO);

	/* LAB 6.2: return false; */
	if (blocking & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
		return false;
	if (kind == VTR_EVENT_NMI)
		return !(blocking & BLOCKED_BY_NMI);
	return vmcs_readl(VMCS_GUEST_RFLAGS) & X86_EFLAGS_IF;
	/* LAB 6.2 END */
}

static void set_proc_control(struct vtr_vcpu *vcpu, u32 bit, bool on)
{
	struct vtr_vmx_vcpu *v = to_vmx(vcpu);
	u32 controls = on ? v->proc_controls | bit : v->proc_controls & ~bit;

	if (controls != v->proc_controls) {
		v->proc_controls = controls;
		vmcs_write32(VMCS_CPU_BASED_VM_EXEC_CONTROL, controls);
	}
}

/*
 * In the shadow of STI no NMI may be injected, yet the NMI window counts as open
 * there on some processors: the exit would come at once, again and again.  But
 * STI has just allowed interrupts, so their window opens when the shadow ends:
 * SDM 3C "Other Causes of VM Exits" (26.2).
 */
void vmx_set_window(struct vtr_vcpu *vcpu, enum vtr_event_kind kind, bool on)
{
	struct vtr_vmx_vcpu *v = to_vmx(vcpu);
	u32 blocking;

	/* LAB 6.4: */
	if (kind == VTR_EVENT_INTERRUPT) {
		v->want_interrupt_window = on;
	} else {
		blocking = on ? vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO) : 0;
		v->nmi_after_sti = blocking & BLOCKED_BY_STI;
		set_proc_control(vcpu, VMX_PROC_NMI_WINDOW_EXITING, on && !v->nmi_after_sti);
	}
	set_proc_control(vcpu, VMX_PROC_INTERRUPT_WINDOW_EXITING,
			 v->want_interrupt_window || v->nmi_after_sti);
	/* LAB 6.4 END */
}

void vmx_set_step(struct vtr_vcpu *vcpu, bool on)
{
	set_proc_control(vcpu, VMX_PROC_MONITOR_TRAP_FLAG, on);
}

/* A single-step trap, together with break points that a MOV SS has held back. */
static void queue_step(struct vtr_vcpu *vcpu)
{
	u64 pending = vmcs_readl(VMCS_GUEST_PENDING_DBG_EXCEPTIONS);

	vcpu->dr6 |= DR_STEP | (pending & DR_TRAP_BITS);
	if (pending)
		vmcs_writel(VMCS_GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vtr_queue_exception(vcpu, X86_TRAP_DB, false, 0);
}

/*
 * The instruction is done: RIP moves on, the shadow of a STI or MOV SS before
 * it is over, and with RFLAGS.TF set a single-step trap is due.
 */
void vmx_skip_insn(struct vtr_vcpu *vcpu)
{
	/* LAB 3.5: vtr_vm_kill(vcpu->vm, "the instruction cannot be left yet"); */
	u64 rip = vmcs_readl(VMCS_GUEST_RIP) + vcpu->exit.insn_bytes;

	/* Outside of 64-bit code RIP has 32 bits. */
	if (!(vmcs_read32(VMCS_GUEST_CS_AR_BYTES) & BIT(13)))
		rip &= 0xffffffffULL;
	vmcs_writel(VMCS_GUEST_RIP, rip);
	end_shadow();
	if (vmcs_readl(VMCS_GUEST_RFLAGS) & X86_EFLAGS_TF)
		queue_step(vcpu);
	/* LAB 3.5 END */
}

void vmx_get_blocking(struct vtr_vcpu *vcpu, struct vtr_events *events)
{
	u32 blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO);

	events->interrupt_shadow = (blocking & BLOCKED_BY_STI ? VTR_SHADOW_STI : 0) |
				   (blocking & BLOCKED_BY_MOV_SS ? VTR_SHADOW_MOV_SS : 0);
	events->nmi_blocked = !!(blocking & BLOCKED_BY_NMI);
	events->pending_debug = vmcs_readl(VMCS_GUEST_PENDING_DBG_EXCEPTIONS) &
		(VTR_PENDING_BREAKPOINTS | VTR_PENDING_ENABLED | VTR_PENDING_STEP);
}

void vmx_set_blocking(struct vtr_vcpu *vcpu, const struct vtr_events *events)
{
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO,
		     (events->interrupt_shadow & VTR_SHADOW_STI ? BLOCKED_BY_STI : 0) |
		     (events->interrupt_shadow & VTR_SHADOW_MOV_SS ? BLOCKED_BY_MOV_SS : 0) |
		     (events->nmi_blocked ? BLOCKED_BY_NMI : 0));
	vmcs_writel(VMCS_GUEST_PENDING_DBG_EXCEPTIONS, events->pending_debug);
}
