// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET_STATE and SET_STATE: the whole state of a vCPU as typed records.
 *
 * One table lists the kinds of record; each kind knows its size, how it is
 * read, checked and set.  SET_STATE copies all records in, checks all of them,
 * and only then applies them, so that a refused call changes nothing.
 * Called by module/ioctl.c with the vCPU's mutex held and the vCPU loaded.
 * The records are the stable form of a vCPU for snapshots, clones and
 * migration; raw VMCS fields never are.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqchip.h"

/* More than all records of a vCPU with the largest XSAVE area. */
#define MAX_STATE_BYTES	SZ_64K

struct state_kind {
	u32 (*bytes)(struct vtr_vcpu *vcpu);
	void (*get)(struct vtr_vcpu *vcpu, void *payload, u32 bytes);
	int (*check)(struct vtr_vcpu *vcpu, const void *payload, u32 bytes);
	int (*set)(struct vtr_vcpu *vcpu, const void *payload, u32 bytes);
};

/* ---- one group of functions a kind ------------------------------------------ */

static u32 regs_bytes(struct vtr_vcpu *vcpu)
{
	return sizeof(struct vtr_regs);
}

static void regs_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	preempt_disable();
	vtr_backend->get_regs(vcpu, payload);
	preempt_enable();
}

/* Bits of RFLAGS that exist; bit 1 is always one. */
#define RFLAGS_LEGAL 0x3f7fd7ULL

static int regs_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_regs *regs = payload;

	return regs->rflags & ~RFLAGS_LEGAL || !(regs->rflags & BIT(1)) ? -EINVAL : 0;
}

static int regs_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	preempt_disable();
	vtr_backend->set_regs(vcpu, payload);
	preempt_enable();
	return 0;
}

static u32 sregs_bytes(struct vtr_vcpu *vcpu)
{
	return sizeof(struct vtr_sregs);
}

static void sregs_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	struct vtr_sregs *sregs = payload;

	preempt_disable();
	vtr_backend->get_sregs(vcpu, sregs);
	preempt_enable();
	sregs->cr2 = vcpu->cr2;
	sregs->cr8 = vcpu->cr8;
}

static int sregs_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_sregs *s = payload;

	for (unsigned int i = 0; i < VTR_NR_SEGS; i++) {
		const struct vtr_segment *seg = &s->seg[i];

		if (seg->unusable > 1 || memchr_inv(seg->pad, 0, sizeof(seg->pad)) ||
		    seg->attributes >> 12)
			return -EINVAL;
	}
	if (memchr_inv(s->gdtr.pad, 0, sizeof(s->gdtr.pad)) ||
	    memchr_inv(s->idtr.pad, 0, sizeof(s->idtr.pad)) || s->cr8 >> 4)
		return -EINVAL;
	return vtr_backend->check_sregs(s);
}

static int sregs_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_sregs *s = payload;

	preempt_disable();
	vtr_backend->set_sregs(vcpu, s);
	preempt_enable();
	vtr_cr_reload_pdptrs(vcpu, s);
	vcpu->cr2 = s->cr2;
	/* The lower half of TPR is in the record of the local APIC. */
	if (vcpu->cr8 == s->cr8)
		return 0;
	vcpu->cr8 = s->cr8;
	vtr_irqchip_set_tpr(vcpu);
	return 0;
}

static u32 msrs_bytes(struct vtr_vcpu *vcpu)
{
	return vtr_msr_count * sizeof(struct vtr_msr);
}

static void msrs_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	struct vtr_msr *msr = payload;

	for (unsigned int i = 0; i < vtr_msr_count; i++) {
		msr[i].index = vtr_msr_list[i];
		msr[i].pad = 0;
		if (vtr_msr_read(vcpu, vtr_msr_list[i], &msr[i].value))
			msr[i].value = 0;
	}
}

/*
 * Only values tell whether an MSR takes them: set them and put the old ones
 * back, the vCPU does not run meanwhile.
 */
static int msrs_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_msr *msr = payload;
	unsigned int count = bytes / sizeof(*msr);
	int err = 0;
	u64 old;

	if (bytes % sizeof(*msr))
		return -EINVAL;
	for (unsigned int i = 0; i < count && !err; i++) {
		/* It takes any value, and runs on between reading and putting back. */
		if (!msr[i].pad && msr[i].index == MSR_IA32_TSC)
			continue;
		/* Writing to a local APIC does things: it has a record of its own. */
		if (msr[i].pad || vtr_irqchip_has_msr(msr[i].index) ||
		    vtr_msr_read(vcpu, msr[i].index, &old))
			return -EINVAL;
		err = vtr_msr_set(vcpu, msr[i].index, msr[i].value);
		vtr_msr_set(vcpu, msr[i].index, old);
	}
	return err ? -EINVAL : 0;
}

static int msrs_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_msr *msr = payload;

	for (unsigned int i = 0; i < bytes / sizeof(*msr); i++)
		vtr_msr_set(vcpu, msr[i].index, msr[i].value);
	return 0;
}

static u32 fpu_bytes(struct vtr_vcpu *vcpu)
{
	return vtr_fpu_bytes(&vcpu->fpu);
}

static void fpu_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	vtr_fpu_get(&vcpu->fpu, payload, bytes);
}

/* SDM 1 "XSAVE Header" (13.4.2). */
#define XSAVE_HEADER_AT	512

static int fpu_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const u64 *header = payload + XSAVE_HEADER_AT;

	/* MXCSR at offset 24: reserved bits would fault when it is loaded. */
	if (((const u32 *)payload)[6] >> 16)
		return -EINVAL;
	if (bytes <= XSAVE_HEADER_AT)
		return 0;
	/* Components that there are; standard format; reserved bytes zero. */
	return header[0] & ~vtr_fpu_features(&vcpu->fpu) ||
	       memchr_inv(&header[1], 0, 56) ? -EINVAL : 0;
}

static int fpu_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	return vtr_fpu_set(&vcpu->fpu, payload);
}

static u32 events_bytes(struct vtr_vcpu *vcpu)
{
	return sizeof(struct vtr_events);
}

static void events_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	struct vtr_events *events = payload;

	preempt_disable();
	vtr_backend->get_blocking(vcpu, events);
	preempt_enable();
	events->nmi_pending = vcpu->nmi_pending;
	events->activity = vcpu->activity;
	events->in_flight = vcpu->queued;
}

static int events_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_events *e = payload;
	const u8 both = VTR_SHADOW_STI | VTR_SHADOW_MOV_SS;
	const u32 debug = VTR_PENDING_BREAKPOINTS | VTR_PENDING_ENABLED | VTR_PENDING_STEP;
	/* Only the module's controllers can start a processor. */
	const u8 activities = vcpu->vm->irqchip ? VTR_WAIT_SIPI : VTR_SHUTDOWN;

	if (e->interrupt_shadow & ~both || e->interrupt_shadow == both ||
	    e->nmi_blocked > 1 || e->nmi_pending > 1 || e->activity > activities ||
	    e->pending_debug & ~debug)
		return -EINVAL;
	return vtr_event_check(&e->in_flight);
}

static int events_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_events *events = payload;

	preempt_disable();
	vtr_backend->set_blocking(vcpu, events);
	preempt_enable();
	vcpu->nmi_pending = events->nmi_pending;
	vcpu->activity = events->activity;
	/* Its thread looks at the next run. */
	WRITE_ONCE(vcpu->deaf, false);
	vcpu->queued = events->in_flight;
	return 0;
}

static u32 debug_bytes(struct vtr_vcpu *vcpu)
{
	return sizeof(struct vtr_debug_regs);
}

static void debug_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	struct vtr_debug_regs *d = payload;

	memcpy(d->dr, vcpu->dr, sizeof(d->dr));
	d->dr6 = vcpu->dr6;
	preempt_disable();
	d->dr7 = vtr_backend->get_dr7(vcpu);
	preempt_enable();
}

static int debug_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_debug_regs *d = payload;

	if ((d->dr6 & ~VTR_DR6_WRITABLE) != VTR_DR6_ONES)
		return -EINVAL;
	return (d->dr7 & ~VTR_DR7_WRITABLE) != VTR_DR7_ONES ? -EINVAL : 0;
}

static int debug_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_debug_regs *d = payload;

	memcpy(vcpu->dr, d->dr, sizeof(d->dr));
	vcpu->dr6 = d->dr6;
	preempt_disable();
	vtr_backend->set_dr7(vcpu, d->dr7);
	preempt_enable();
	return 0;
}

static u32 tsc_bytes(struct vtr_vcpu *vcpu)
{
	return sizeof(struct vtr_tsc);
}

static void tsc_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	struct vtr_tsc *tsc = payload;

	preempt_disable();
	tsc->offset = vtr_backend->get_tsc_offset(vcpu);
	preempt_enable();
	tsc->khz = vcpu->tsc_khz;
}

static int tsc_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_tsc *tsc = payload;

	u64 ratio;

	return tsc->pad ? -EINVAL : vtr_tsc_ratio(tsc->khz, vtr_tsc_khz(), &ratio);
}

static int tsc_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_tsc *tsc = payload;

	preempt_disable();
	vtr_tsc_set_rate(vcpu, tsc->khz);
	vtr_backend->set_tsc_offset(vcpu, tsc->offset);
	vtr_irqchip_clock_changed(vcpu);
	preempt_enable();
	return 0;
}

static u32 io_bytes(struct vtr_vcpu *vcpu)
{
	return sizeof(struct vtr_io_state);
}

static void io_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	struct vtr_io_state *io = payload;

	io->pending = vcpu->pending;
	io->bytes = vcpu->pending_bytes;
	io->port = vcpu->pending_port;
	io->insn_bytes = vcpu->pending_insn_bytes;
}

static int io_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_io_state *io = payload;

	if (memchr_inv(io->pad, 0, sizeof(io->pad)) ||
	    (io->pending > VTR_PENDING_HYPERCALL && io->pending != VTR_PENDING_RDMSR &&
	     io->pending != VTR_PENDING_WRMSR))
		return -EINVAL;
	if (io->pending && (!io->insn_bytes || io->insn_bytes > 15))
		return -EINVAL;
	if (io->pending == VTR_PENDING_IN && io->bytes != 1 && io->bytes != 2 && io->bytes != 4)
		return -EINVAL;
	return 0;
}

static int io_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	const struct vtr_io_state *io = payload;

	vcpu->pending = io->pending;
	vcpu->pending_bytes = io->bytes;
	vcpu->pending_port = io->port;
	vcpu->pending_insn_bytes = io->insn_bytes;
	return 0;
}

static u32 access_bytes(struct vtr_vcpu *vcpu)
{
	return sizeof(struct vtr_access_state);
}

static void access_get(struct vtr_vcpu *vcpu, void *payload, u32 bytes)
{
	memcpy(payload, &vcpu->access, sizeof(vcpu->access));
}

static int access_check(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	return vtr_access_check(payload);
}

static int access_set(struct vtr_vcpu *vcpu, const void *payload, u32 bytes)
{
	memcpy(&vcpu->access, payload, sizeof(vcpu->access));
	return 0;
}

#define KIND(name) { name##_bytes, name##_get, name##_check, name##_set }

static const struct state_kind kinds[VTR_STATE_ID_MAX + 1] = {
	[VTR_STATE_REGS]   = KIND(regs),
	[VTR_STATE_SREGS]  = KIND(sregs),
	[VTR_STATE_MSRS]   = KIND(msrs),
	[VTR_STATE_FPU]	   = KIND(fpu),
	[VTR_STATE_EVENTS] = KIND(events),
	[VTR_STATE_DEBUG]  = KIND(debug),
	[VTR_STATE_TSC]	   = KIND(tsc),
	[VTR_STATE_IO]	   = KIND(io),
	[VTR_STATE_ACCESS] = KIND(access),
};

/* ---- reading ----------------------------------------------------------------- */

static u64 known_ids(void)
{
	u64 mask = 0;

	for (unsigned int id = 0; id <= VTR_STATE_ID_MAX; id++)
		if (kinds[id].get)
			mask |= BIT_ULL(id);
	return mask;
}

static u32 record_bytes(u32 payload)
{
	return sizeof(struct vtr_state_header) + ALIGN(payload, 8);
}

static void write_record(struct vtr_vcpu *vcpu, unsigned int id, void *at)
{
	struct vtr_state_header *head = at;

	head->id = id;
	head->version = 1;
	head->bytes = kinds[id].bytes(vcpu);
	kinds[id].get(vcpu, head + 1, head->bytes);
}

/**
 * vtr_state_get() - VTR_VCPU_GET_STATE
 * @vcpu: the vCPU, its mutex held, loaded
 * @args: checked for size by the caller; @args->bytes is set
 *
 * Return: 0; -EINVAL: unknown flag or id; -ENOSPC: too little room, @args->bytes
 * tells how much is needed; -EFAULT; -ENOMEM.
 */
int vtr_state_get(struct vtr_vcpu *vcpu, struct vtr_state_buffer *args)
{
	u64 mask = args->mask ?: known_ids();
	u32 room = args->bytes, needed = 0, at = 0;
	void *buffer;
	int err = 0;

	if (args->flags || mask & ~known_ids())
		return -EINVAL;
	for (unsigned int id = 0; id <= VTR_STATE_ID_MAX; id++)
		if (mask & BIT_ULL(id))
			needed += record_bytes(kinds[id].bytes(vcpu));
	args->bytes = needed;
	if (room < needed)
		return -ENOSPC;

	buffer = kvzalloc(needed, VTR_GFP_CHARGED);
	if (!buffer)
		return -ENOMEM;
	for (unsigned int id = 0; id <= VTR_STATE_ID_MAX; id++) {
		if (!(mask & BIT_ULL(id)))
			continue;
		write_record(vcpu, id, buffer + at);
		at += record_bytes(kinds[id].bytes(vcpu));
	}
	if (copy_to_user(u64_to_user_ptr(args->buffer), buffer, needed))
		err = -EFAULT;
	kvfree(buffer);
	return err;
}

/* ---- setting ------------------------------------------------------------------ */

typedef int (*record_fn)(struct vtr_vcpu *vcpu, const struct vtr_state_header *head);

static int check_record(struct vtr_vcpu *vcpu, const struct vtr_state_header *head)
{
	const struct state_kind *kind;

	if (head->id > VTR_STATE_ID_MAX || head->version != 1)
		return -EINVAL;
	kind = &kinds[head->id];
	if (!kind->get)
		return -EINVAL;
	/* Lists may be shorter than what GET_STATE writes; all else is fixed. */
	if (head->bytes > kind->bytes(vcpu) ||
	    (head->id != VTR_STATE_MSRS && head->bytes != kind->bytes(vcpu)))
		return -EINVAL;
	return kind->check(vcpu, head + 1, head->bytes);
}

static int apply_record(struct vtr_vcpu *vcpu, const struct vtr_state_header *head)
{
	return kinds[head->id].set(vcpu, head + 1, head->bytes);
}

/* Call @fn for each record; remember where it fails. */
static int for_each_record(struct vtr_vcpu *vcpu, const void *buffer, u32 bytes,
			   record_fn fn, u32 *bad)
{
	u32 at = 0;

	while (at < bytes) {
		const struct vtr_state_header *head = buffer + at;
		int err;

		*bad = at;
		if (bytes - at < sizeof(*head) || head->bytes > bytes ||
		    record_bytes(head->bytes) > bytes - at)
			return -EINVAL;
		err = fn(vcpu, head);
		if (err)
			return err;
		at += record_bytes(head->bytes);
	}
	return 0;
}

/**
 * vtr_state_set() - VTR_VCPU_SET_STATE
 * @vcpu: the vCPU, its mutex held, loaded
 * @args: checked for size by the caller; @args->bad_record is set on failure
 *
 * Return: 0; -EINVAL: a record that cannot be taken; nothing was changed;
 * -E2BIG: more than any state is long; -EFAULT; -ENOMEM.
 */
int vtr_state_set(struct vtr_vcpu *vcpu, struct vtr_state_buffer *args)
{
	void *buffer;
	int err;

	args->bad_record = 0;
	if (args->flags || args->mask || !args->bytes)
		return -EINVAL;
	if (args->bytes > MAX_STATE_BYTES)
		return -E2BIG;
	buffer = vmemdup_user(u64_to_user_ptr(args->buffer), args->bytes);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);

	err = for_each_record(vcpu, buffer, args->bytes, check_record, &args->bad_record);
	if (!err)
		err = for_each_record(vcpu, buffer, args->bytes, apply_record,
				      &args->bad_record);
	kvfree(buffer);
	return err;
}
