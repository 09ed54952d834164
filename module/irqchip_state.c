// SPDX-License-Identifier: GPL-2.0-only
/*
 * VTR_VM_GET_STATE and VTR_VM_SET_STATE: the interrupt controllers as typed records.
 *
 * All of them are read under their lock, at one moment, so that a tick which comes in
 * between is either in a timer or in the controller behind it, and never in both or
 * lost.  Setting checks all records first; what follows from the new state is done
 * when a vCPU runs next (vtr_irqchip_begin_run()).
 * Called by module/ioctl.c.  The vCPUs' own records are in module/state.c; what a legal
 * state is say lapic.c, ioapic.c, i8259.c and i8254.c.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "irqchip.h"

/* All records of a VM with as many vCPUs as there can be, twice. */
#define MAX_BYTES	SZ_64K

/* The fields that are 0 or 1 become bool: no other value may come that far. */
static bool is_flag(u8 value)
{
	return value <= 1;
}

/* ---- local APICs ----------------------------------------------------------------- */

static void get_lapic(const struct vtr_vcpu *vcpu, struct vtr_lapic_state *s)
{
	const struct vtr_lapic *apic = &vcpu->lapic;

	BUILD_BUG_ON(sizeof(s->reg) != sizeof(apic->reg));
	s->vcpu = vcpu->id;
	s->new_errors = apic->new_errors;
	s->base = apic->base;
	s->tsc_deadline = apic->tsc_deadline;
	s->count_from = apic->count_from;
	memcpy(s->reg, apic->reg, sizeof(s->reg));
	s->nmi = apic->nmi;
	s->init = apic->init;
	s->sipi = apic->sipi;
	s->sipi_page = apic->sipi_page;
}

static void fill_lapic(const struct vtr_lapic_state *s, u32 id, struct vtr_lapic *apic)
{
	*apic = (struct vtr_lapic) {
		.id = id, .base = s->base, .new_errors = s->new_errors,
		.tsc_deadline = s->tsc_deadline, .count_from = s->count_from,
		.nmi = s->nmi, .init = s->init, .sipi = s->sipi, .sipi_page = s->sipi_page,
	};
	memcpy(apic->reg, s->reg, sizeof(apic->reg));
}

static bool check_lapic(struct vtr_vm *vm, const struct vtr_lapic_state *s)
{
	const struct vtr_vcpu *vcpu = s->vcpu < VTR_MAX_VCPUS ? vm->vcpus[s->vcpu] : NULL;
	struct vtr_lapic apic;

	if (!vcpu || s->pad || !is_flag(s->nmi) || !is_flag(s->init) || !is_flag(s->sipi))
		return false;
	fill_lapic(s, vcpu->apic_id, &apic);
	return vtr_lapic_is_legal(&apic, vtr_backend->info.gpa_bits);
}

static void set_lapic(struct vtr_vm *vm, const struct vtr_lapic_state *s)
{
	struct vtr_vcpu *vcpu = vm->vcpus[s->vcpu];

	fill_lapic(s, vcpu->apic_id, &vcpu->lapic);
	/* The host's timer is set when it runs; one that expires before finds nothing. */
	vcpu->lapic_due = 0;
	/* No thread works on the vCPU: any_vcpu_works(). */
	vcpu->cr8 = vcpu->lapic.reg[VTR_LAPIC_TPR] >> 4;
}

/* ---- I/O APIC -------------------------------------------------------------------- */

static void get_ioapic(const struct vtr_ioapic *io, struct vtr_ioapic_state *s)
{
	BUILD_BUG_ON(sizeof(s->redirection) != sizeof(io->redirection));
	memcpy(s->redirection, io->redirection, sizeof(s->redirection));
	s->id = io->id;
	s->lines = io->lines;
	s->select = io->select;
}

static void fill_ioapic(const struct vtr_ioapic_state *s, struct vtr_ioapic *io)
{
	*io = (struct vtr_ioapic) { .id = s->id, .lines = s->lines, .select = s->select };
	memcpy(io->redirection, s->redirection, sizeof(io->redirection));
}

static bool check_ioapic(const struct vtr_ioapic_state *s)
{
	struct vtr_ioapic io;

	fill_ioapic(s, &io);
	return vtr_ioapic_is_legal(&io) && !memchr_inv(s->pad, 0, sizeof(s->pad));
}

/* ---- 8259 ------------------------------------------------------------------------ */

static void get_i8259(const struct vtr_i8259 *pic, struct vtr_i8259_state *s)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct vtr_i8259_one *one = &pic->one[i];

		s->chip[i].base = one->base;
		s->chip[i].irr = one->irr;
		s->chip[i].isr = one->isr;
		s->chip[i].imr = one->imr;
		s->chip[i].lines = one->lines;
		s->chip[i].level = one->level;
		s->chip[i].top = one->top;
		s->chip[i].step = one->step;
		s->chip[i].needs_icw4 = one->needs_icw4;
		s->chip[i].auto_eoi = one->auto_eoi;
		s->chip[i].rotates = one->rotates;
		s->chip[i].special_mask = one->special_mask;
		s->chip[i].special_nested = one->special_nested;
		s->chip[i].reads_isr = one->reads_isr;
		s->chip[i].polls = one->polls;
	}
}

static void fill_i8259(const struct vtr_i8259_state *s, struct vtr_i8259 *pic)
{
	for (unsigned int i = 0; i < 2; i++) {
		pic->one[i] = (struct vtr_i8259_one) {
			.base = s->chip[i].base, .irr = s->chip[i].irr, .isr = s->chip[i].isr,
			.imr = s->chip[i].imr, .lines = s->chip[i].lines,
			.level = s->chip[i].level, .top = s->chip[i].top,
			.step = s->chip[i].step, .needs_icw4 = s->chip[i].needs_icw4,
			.auto_eoi = s->chip[i].auto_eoi, .rotates = s->chip[i].rotates,
			.special_mask = s->chip[i].special_mask,
			.special_nested = s->chip[i].special_nested,
			.reads_isr = s->chip[i].reads_isr, .polls = s->chip[i].polls,
		};
	}
}

static bool check_i8259(const struct vtr_i8259_state *s)
{
	struct vtr_i8259 pic;

	for (unsigned int i = 0; i < 2; i++)
		if (s->chip[i].pad || !is_flag(s->chip[i].needs_icw4) ||
		    !is_flag(s->chip[i].auto_eoi) || !is_flag(s->chip[i].rotates) ||
		    !is_flag(s->chip[i].special_mask) || !is_flag(s->chip[i].special_nested) ||
		    !is_flag(s->chip[i].reads_isr) || !is_flag(s->chip[i].polls))
			return false;
	fill_i8259(s, &pic);
	return vtr_i8259_is_legal(&pic);
}

/* ---- 8254 ------------------------------------------------------------------------ */

static void get_i8254(const struct vtr_i8254 *pit, struct vtr_i8254_state *s)
{
	for (unsigned int i = 0; i < VTR_I8254_CHANNELS; i++) {
		const struct vtr_i8254_channel *c = &pit->channel[i];

		s->channel[i].from = c->from;
		s->channel[i].initial = c->initial;
		s->channel[i].latch = c->latch;
		s->channel[i].latched = c->latched;
		s->channel[i].mode = c->mode;
		s->channel[i].access = c->access;
		s->channel[i].bcd = c->bcd;
		s->channel[i].gate = c->gate;
		s->channel[i].low = c->low;
		s->channel[i].writes_high = c->writes_high;
		s->channel[i].reads_high = c->reads_high;
		s->channel[i].status = c->status;
		s->channel[i].status_latched = c->status_latched;
		s->channel[i].fired = c->fired;
	}
	s->speaker = pit->speaker;
}

static void fill_i8254(const struct vtr_i8254_state *s, struct vtr_i8254 *pit)
{
	for (unsigned int i = 0; i < VTR_I8254_CHANNELS; i++) {
		pit->channel[i] = (struct vtr_i8254_channel) {
			.from = s->channel[i].from, .initial = s->channel[i].initial,
			.latch = s->channel[i].latch, .latched = s->channel[i].latched,
			.mode = s->channel[i].mode, .access = s->channel[i].access,
			.bcd = s->channel[i].bcd, .gate = s->channel[i].gate,
			.low = s->channel[i].low, .writes_high = s->channel[i].writes_high,
			.reads_high = s->channel[i].reads_high, .status = s->channel[i].status,
			.status_latched = s->channel[i].status_latched,
			.fired = s->channel[i].fired,
		};
	}
	pit->speaker = s->speaker;
}

static bool check_i8254(const struct vtr_i8254_state *s)
{
	struct vtr_i8254 pit;

	for (unsigned int i = 0; i < VTR_I8254_CHANNELS; i++)
		if (s->channel[i].pad || !is_flag(s->channel[i].bcd) ||
		    !is_flag(s->channel[i].gate) || !is_flag(s->channel[i].writes_high) ||
		    !is_flag(s->channel[i].reads_high) ||
		    !is_flag(s->channel[i].status_latched) || !is_flag(s->channel[i].fired))
			return false;
	fill_i8254(s, &pit);
	return vtr_i8254_is_legal(&pit) && is_flag(s->speaker) &&
	       !memchr_inv(s->pad, 0, sizeof(s->pad));
}

/* ---- reading --------------------------------------------------------------------- */

#define ALL_IDS	(BIT_ULL(VTR_STATE_LAPIC) | BIT_ULL(VTR_STATE_IOAPIC) |	\
		 BIT_ULL(VTR_STATE_I8259) | BIT_ULL(VTR_STATE_I8254))

/* Payload of a record, a multiple of 8.  Return: 0: there is none with this id. */
static u32 payload_bytes(unsigned int id)
{
	switch (id) {
	case VTR_STATE_LAPIC:
		return sizeof(struct vtr_lapic_state);
	case VTR_STATE_IOAPIC:
		return sizeof(struct vtr_ioapic_state);
	case VTR_STATE_I8259:
		return sizeof(struct vtr_i8259_state);
	case VTR_STATE_I8254:
		return sizeof(struct vtr_i8254_state);
	default:
		return 0;
	}
}

static u32 bytes_of(const struct vtr_vm *vm, u64 mask)
{
	u32 bytes = 0;

	for (unsigned int id = VTR_STATE_LAPIC; id <= VTR_STATE_I8254; id++)
		if (mask & BIT_ULL(id))
			bytes += (sizeof(struct vtr_state_header) + payload_bytes(id)) *
				 (id == VTR_STATE_LAPIC ? vm->nr_vcpus : 1);
	return bytes;
}

/* Begin a record.  Return: its payload; @at goes behind it. */
static void *add_record(void **at, unsigned int id)
{
	struct vtr_state_header *head = *at;

	*head = (struct vtr_state_header) { .id = id, .version = 1, .bytes = payload_bytes(id) };
	*at += sizeof(*head) + head->bytes;
	return head + 1;
}

/* Context: vm->lock, chip->lock. */
static void write_records(const struct vtr_vm *vm, u64 mask, void *at)
{
	const struct vtr_irqchip *chip = vm->irqchip;

	for (unsigned int i = 0; mask & BIT_ULL(VTR_STATE_LAPIC) && i < VTR_MAX_VCPUS; i++)
		if (vm->vcpus[i])
			get_lapic(vm->vcpus[i], add_record(&at, VTR_STATE_LAPIC));
	if (mask & BIT_ULL(VTR_STATE_IOAPIC))
		get_ioapic(&chip->ioapic, add_record(&at, VTR_STATE_IOAPIC));
	if (mask & BIT_ULL(VTR_STATE_I8259))
		get_i8259(&chip->pic, add_record(&at, VTR_STATE_I8259));
	if (mask & BIT_ULL(VTR_STATE_I8254))
		get_i8254(&chip->pit, add_record(&at, VTR_STATE_I8254));
}

/* Context: vm->lock, so that no vCPU comes or goes.  Return: the records, or ERR_PTR. */
static void *read_records(struct vtr_vm *vm, u64 mask, struct vtr_state_buffer *args)
{
	u32 room = args->bytes;
	void *buffer;

	args->bytes = bytes_of(vm, mask);
	if (room < args->bytes)
		return ERR_PTR(-ENOSPC);
	buffer = kvzalloc(args->bytes, VTR_GFP_CHARGED);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	spin_lock_irq(&vm->irqchip->lock);
	write_records(vm, mask, buffer);
	spin_unlock_irq(&vm->irqchip->lock);
	return buffer;
}

/**
 * vtr_irqchip_get_state() - VTR_VM_GET_STATE
 * @vm: the VM
 * @args: checked for size by the caller; @args->bytes is set
 *
 * Context: process; sleeps.
 * Return: 0; -ENODEV: the VM has no interrupt controllers; -EINVAL: unknown flag or id;
 * -ENOSPC: too little room, @args->bytes tells how much is needed; -EFAULT; -ENOMEM.
 */
int vtr_irqchip_get_state(struct vtr_vm *vm, struct vtr_state_buffer *args)
{
	u64 mask = args->mask ?: ALL_IDS;
	void *buffer;
	int err = 0;

	if (!vm->irqchip)
		return -ENODEV;
	if (args->flags || mask & ~ALL_IDS)
		return -EINVAL;
	mutex_lock(&vm->lock);
	buffer = read_records(vm, mask, args);
	mutex_unlock(&vm->lock);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	if (copy_to_user(u64_to_user_ptr(args->buffer), buffer, args->bytes))
		err = -EFAULT;
	kvfree(buffer);
	return err;
}

/* ---- setting --------------------------------------------------------------------- */

static int check_record(struct vtr_vm *vm, const struct vtr_state_header *head)
{
	const void *payload = head + 1;
	bool legal = false;

	if (head->version != 1 || !head->bytes || head->bytes != payload_bytes(head->id))
		return -EINVAL;
	switch (head->id) {
	case VTR_STATE_LAPIC:
		legal = check_lapic(vm, payload);
		break;
	case VTR_STATE_IOAPIC:
		legal = check_ioapic(payload);
		break;
	case VTR_STATE_I8259:
		legal = check_i8259(payload);
		break;
	case VTR_STATE_I8254:
		legal = check_i8254(payload);
		break;
	}
	return legal ? 0 : -EINVAL;
}

/* Context: vm->lock, chip->lock; the record is checked. */
static int set_record(struct vtr_vm *vm, const struct vtr_state_header *head)
{
	const void *payload = head + 1;

	switch (head->id) {
	case VTR_STATE_LAPIC:
		set_lapic(vm, payload);
		break;
	case VTR_STATE_IOAPIC:
		fill_ioapic(payload, &vm->irqchip->ioapic);
		break;
	case VTR_STATE_I8259:
		fill_i8259(payload, &vm->irqchip->pic);
		break;
	case VTR_STATE_I8254:
		fill_i8254(payload, &vm->irqchip->pit);
		break;
	}
	return 0;
}

typedef int (*record_fn)(struct vtr_vm *vm, const struct vtr_state_header *head);

static int walk_records(struct vtr_vm *vm, const void *buffer, u32 bytes,
			record_fn fn, u32 *bad)
{
	u32 at = 0;

	while (at < bytes) {
		const struct vtr_state_header *head = buffer + at;
		int err;

		*bad = at;
		if (bytes - at < sizeof(*head) || bytes - at - sizeof(*head) < head->bytes)
			return -EINVAL;
		err = fn(vm, head);
		if (err)
			return err;
		at += sizeof(*head) + head->bytes;
	}
	return 0;
}

/* Context: vm->lock. */
static bool any_vcpu_works(const struct vtr_vm *vm)
{
	for (unsigned int i = 0; i < VTR_MAX_VCPUS; i++)
		if (vm->vcpus[i] && mutex_is_locked(&vm->vcpus[i]->mutex))
			return true;
	return false;
}

/* Context: vm->lock. */
static int set_records(struct vtr_vm *vm, const void *buffer, struct vtr_state_buffer *args)
{
	int err = walk_records(vm, buffer, args->bytes, check_record, &args->bad_record);

	if (err)
		return err;
	args->bad_record = 0;
	if (any_vcpu_works(vm))
		return -EBUSY;
	spin_lock_irq(&vm->irqchip->lock);
	walk_records(vm, buffer, args->bytes, set_record, &args->bad_record);
	for (unsigned int i = 0; i < VTR_MAX_VCPUS; i++)
		if (vm->vcpus[i])
			vm->vcpus[i]->lapic_restored = true;
	spin_unlock_irq(&vm->irqchip->lock);
	args->bad_record = 0;
	return 0;
}

/**
 * vtr_irqchip_set_state() - VTR_VM_SET_STATE
 * @vm: the VM
 * @args: checked for size by the caller; @args->bad_record is set on failure
 *
 * Context: process; sleeps.
 * Return: 0; -ENODEV: the VM has no interrupt controllers; -EINVAL: a record that cannot
 * be taken; -EBUSY: a thread runs a vCPU or works on it; in both cases nothing was
 * changed; -E2BIG: more than any state is long; -EFAULT; -ENOMEM.
 */
int vtr_irqchip_set_state(struct vtr_vm *vm, struct vtr_state_buffer *args)
{
	void *buffer;
	int err;

	args->bad_record = 0;
	if (!vm->irqchip)
		return -ENODEV;
	if (args->flags || args->mask || !args->bytes)
		return -EINVAL;
	if (args->bytes > MAX_BYTES)
		return -E2BIG;
	buffer = vmemdup_user(u64_to_user_ptr(args->buffer), args->bytes);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	mutex_lock(&vm->lock);
	err = set_records(vm, buffer, args);
	mutex_unlock(&vm->lock);
	kvfree(buffer);
	return err;
}
