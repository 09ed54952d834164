// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace ring: each arrow of the picture leaves a record in the vCPU's ring,
 * which the program may map and read while the guest runs.
 *
 * Written by the vCPU's own thread only, so no lock: fill the record, then
 * publish it by the head.  A slow reader loses the oldest records and can tell
 * by their sequence numbers, unless it has asked to be called in time.
 * Called by module/vcpu.c, handle.c, events.c.
 */
#include <linux/timex.h>

#include "vtr.h"

static void fill_args(const struct vtr_vcpu *vcpu, struct vtr_trace_record *r)
{
	const struct vtr_exit *e = &vcpu->exit;

	switch (e->kind) {
	case VTR_HW_IO:
		r->arg1 = e->io.port | (u32)e->io.bytes << 16 | (u32)e->io.in << 24;
		r->arg2 = e->io.in ? 0 : vcpu->gpr[VTR_RAX];
		break;
	case VTR_HW_SLAT:
		r->arg1 = e->slat.gpa;
		r->arg2 = e->slat.access;
		break;
	case VTR_HW_MSR:
		r->arg1 = e->msr.index;
		r->arg2 = (u32)vcpu->gpr[VTR_RAX] | vcpu->gpr[VTR_RDX] << 32;
		break;
	case VTR_HW_CPUID:
	case VTR_HW_HYPERCALL:
		r->arg1 = vcpu->gpr[VTR_RAX];
		r->arg2 = vcpu->gpr[VTR_RCX];
		break;
	case VTR_HW_EXCEPTION:
		r->arg1 = e->exception.vector;
		r->arg2 = e->exception.error;
		break;
	}
}

/**
 * vtr_record() - write one record
 * @vcpu: the vCPU, current thread is its runner
 * @kind: which arrow
 * @arg0: by kind
 *
 * Context: any but the window around VM entry.
 */
void vtr_record(struct vtr_vcpu *vcpu, enum vtr_trace_kind kind, u64 arg0)
{
	struct vtr_trace_ring *ring = vcpu->ring;
	const struct vtr_exit *e = &vcpu->exit;
	struct vtr_trace_record *r;

	if (!(vcpu->vm->flags & VTR_VM_TRACE))
		return;
	/* The head is the module's own copy: the mapping is read-only. */
	r = (void *)ring + ring->data_offset;
	r += ring->head % ring->nr_records;
	*r = (struct vtr_trace_record) {
		.seq = ring->head, .tsc = get_cycles(), .kind = kind, .version = 1,
		.level = e->level, .hw_kind = e->kind, .vcpu = vcpu->id,
		.cpu = raw_smp_processor_id(), .hw_reason = e->hw_reason,
		.insn_bytes = e->insn_bytes, .qualification = e->qualification,
		.arg0 = arg0,
	};
	if (kind == VTR_TRACE_EXIT)
		fill_args(vcpu, r);
	/* Who sees the new head sees the whole record. */
	smp_store_release(&ring->head, ring->head + 1);
}

/* More than one way from exit to exit leaves: entry, exit, host, handled, some injections. */
#define RECORDS_OF_A_TURN	16

/**
 * vtr_trace_full() - would the next exit overwrite what this RUN has recorded?
 * @vcpu: the vCPU, current thread is its runner
 *
 * Return: true only if the program has asked for it by VTR_VM_TRACE_WHOLE.  What was
 * recorded before this RUN counts as read.
 */
bool vtr_trace_full(const struct vtr_vcpu *vcpu)
{
	const struct vtr_trace_ring *ring = vcpu->ring;

	return vcpu->vm->flags & VTR_VM_TRACE_WHOLE &&
	       ring->head - vcpu->ring_seen > ring->nr_records - RECORDS_OF_A_TURN;
}
