// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scripted device: one function a call of the ABI.
 *
 * Read fake.h first, and ioctl-uapi/vitrine.h for what the calls mean.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"
#include "tool.h"

#define FD_VM		(FAKE_FD + 1)
#define FD_VCPU		(FAKE_FD + 2)
#define RUN_BYTES	4096u
#define RING_DATA	64u
#define RING_BYTES	(RING_DATA + FAKE_RING * sizeof(struct vtr_trace_record))
#define PAGE		4096ull

struct fake fake;

static int fail(int err)
{
	errno = err;
	return -1;
}

static int fake_open(const char *path, int flags)
{
	(void)flags;
	if (fake.open_errno)
		return fail(fake.open_errno);
	if (strcmp(path, VTR_DEVICE_PATH))
		return fail(ENOENT);
	fake.opened++;
	return FAKE_FD;
}

static int fake_close(int fd)
{
	if (fd < FAKE_FD)
		return fail(EBADF);
	fake.closed++;
	if (fd == FD_VM) {
		fake.vm_exists = false;
		fake.nr_slots = 0;
	}
	if (fd >= FD_VCPU)
		fake.cpus[fd - FD_VCPU].exists = false;
	return 0;
}

static void *fake_mmap(size_t bytes, int prot, int fd, off_t offset)
{
	struct fake_cpu *cpu = &fake.cpus[fd - FD_VCPU];

	if (fd < FD_VCPU || fd >= FD_VCPU + FAKE_MAX_CPUS)
		return errno = EBADF, MAP_FAILED;
	fake.mapped++;
	if (offset == 0 && bytes == RUN_BYTES)
		return cpu->run;
	if (offset == PAGE && bytes == RING_BYTES && prot == PROT_READ)
		return cpu->ring;
	fake.mapped--;
	return errno = EINVAL, MAP_FAILED;
}

static int fake_munmap(void *at, size_t bytes)
{
	(void)at;
	(void)bytes;
	fake.unmapped++;
	return 0;
}

/* ---- the device and the VM ---- */

static const struct vtr_feature features[] = {
	{ VTR_FEATURE_PRESENT | VTR_FEATURE_USED | VTR_FEATURE_REQUIRED, 0,
	  "EPT", "no second-level translation" },
	{ 0, 0, "VPID", "each exit flushes the TLB" },
};

static int get_caps(struct vtr_caps *caps)
{
	uint32_t room = caps->features ? caps->nr_features : 0;

	if (caps->size != sizeof(*caps) || caps->flags || caps->pad)
		return fail(EINVAL);
	for (uint32_t i = 0; i < room && i < 2; i++)
		((struct vtr_feature *)(uintptr_t)caps->features)[i] =
			features[i];
	caps->api_version = VTR_API_VERSION;
	caps->backend = fake.backend;
	caps->max_vcpus = FAKE_MAX_CPUS;
	caps->max_slots = 8;
	caps->run_bytes = RUN_BYTES;
	caps->trace_offset = PAGE;
	caps->trace_bytes = RING_BYTES;
	caps->nr_features = 2;
	caps->tsc_khz = 10000;
	strcpy(caps->backend_name, "vmx");
	return 0;
}

static int create_vm(const struct vtr_create_vm *arg)
{
	if (arg->size != sizeof(*arg) || arg->irqchip > VTR_IRQCHIP_MODULE || arg->pad ||
	    arg->flags & ~(VTR_VM_TRACE | VTR_VM_TRACE_WHOLE | VTR_VM_TELL_HALT) ||
	    (arg->flags & VTR_VM_TELL_HALT && !arg->irqchip))
		return fail(EINVAL);
	for (const char *c = arg->name; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", *c))
			return fail(EINVAL);
	}
	fake.vm = *arg;
	fake.vm_exists = true;
	fake.created++;
	fake.held = false;
	for (unsigned int i = 0; i < FAKE_MAX_CPUS; i++)
		fake.cpus[i].ring->enabled = arg->flags & VTR_VM_TRACE;
	return FD_VM;
}

/* Leaf 1 has x2APIC, bit 21, only with interrupt controllers in the module. */
static int get_cpuid(struct vtr_cpuid_table *arg)
{
	const struct vtr_cpuid_entry list[] = {
		{ .leaf = 1, .flags = VTR_CPUID_TOPOLOGY,
		  .ecx = 1u << 31 | (arg->flags & VTR_CPUID_IRQCHIP ? 1u << 21 : 0) },
		{ .leaf = 7, .flags = VTR_CPUID_SUBLEAF, .ebx = 1u << 20 },
		{ .leaf = 7, .subleaf = 1, .flags = VTR_CPUID_SUBLEAF, .ebx = 1u << 20 },
		{ .leaf = 0x40000000, .eax = 0x40000010 },
		{ .leaf = 0x40000010, .eax = 10000 },
		{ .leaf = 0x80000001, .edx = 1u << 20 },
	};

	if (arg->size != sizeof(*arg) || arg->flags & ~VTR_CPUID_IRQCHIP || arg->pad)
		return fail(EINVAL);
	for (uint32_t i = 0; i < ARRAY_SIZE(list) && i < arg->nr_entries; i++)
		((struct vtr_cpuid_entry *)(uintptr_t)arg->entries)[i] = list[i];
	arg->nr_entries = ARRAY_SIZE(list);
	return 0;
}

static int set_cpuid(const struct vtr_cpuid_table *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags || arg->pad ||
	    arg->nr_entries > ARRAY_SIZE(fake.cpuid))
		return fail(EINVAL);
	fake.nr_cpuid = arg->nr_entries;
	memcpy(fake.cpuid, (void *)(uintptr_t)arg->entries,
	       arg->nr_entries * sizeof(fake.cpuid[0]));
	return 0;
}

static int set_slot(const struct vtr_slot *arg)
{
	if (arg->size != sizeof(*arg) || arg->slot >= 8 || arg->pad ||
	    (arg->gpa | arg->bytes | arg->hva) % PAGE)
		return fail(EINVAL);
	for (unsigned int i = 0; i < fake.nr_slots; i++) {
		const struct vtr_slot *other = &fake.slots[i];

		if (arg->gpa < other->gpa + other->bytes &&
		    other->gpa < arg->gpa + arg->bytes)
			return fail(EEXIST);
	}
	fake.slots[fake.nr_slots++] = *arg;
	return 0;
}

/* The log: page 0 and what the last CLEAR named. */
static int dirty(unsigned long request, const struct vtr_dirty *arg)
{
	static uint64_t cleared;
	uint64_t *bitmap = (uint64_t *)(uintptr_t)arg->bitmap;

	if (arg->size != sizeof(*arg) || arg->flags || arg->pad)
		return fail(EINVAL);
	if (arg->slot >= fake.nr_slots)
		return fail(ENOENT);
	if (!(fake.slots[arg->slot].flags & VTR_SLOT_DIRTY_LOG))
		return fail(ENODATA);
	if (request == VTR_VM_CLEAR_DIRTY)
		cleared = bitmap[0];
	else
		bitmap[0] = (cleared | 1) & ((1ull << arg->nr_pages) - 1);
	return 0;
}

static int create_vcpu(const struct vtr_create_vcpu *arg)
{
	struct fake_cpu *cpu;

	if (arg->id >= FAKE_MAX_CPUS)
		return fail(EINVAL);
	cpu = &fake.cpus[arg->id];
	if (cpu->exists)
		return fail(EEXIST);
	cpu->exists = true;
	/* The reset state, as far as the tool looks at it. */
	cpu->regs.rip = 0xfff0;
	cpu->tsc = (struct vtr_tsc){ .khz = 10000 };
	cpu->regs.rflags = 2;
	cpu->sregs.cr0 = 0x60000010;
	cpu->sregs.seg[VTR_CS].base = 0xffff0000;
	return FD_VCPU + arg->id;
}

static int get_info(struct vtr_vm_info *info)
{
	if (info->size != sizeof(*info))
		return fail(EINVAL);
	info->nr_slots = fake.nr_slots;
	strcpy(info->name, fake.vm.name);
	return 0;
}

/* Every page of a slot is mapped by 4 KiB, up to one that nobody touched. */
static int walk(struct vtr_walk *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags || arg->pad)
		return fail(EINVAL);
	arg->nr_levels = 4;
	arg->slot = ~0u;
	for (unsigned int i = 0; i < 4; i++) {
		arg->level[i] = 4 - i;
		arg->entry[i] = i < 3 ? 0x7 : 0;
	}
	for (unsigned int i = 0; i < fake.nr_slots; i++) {
		const struct vtr_slot *slot = &fake.slots[i];

		if (arg->gpa < slot->gpa || arg->gpa >= slot->gpa + slot->bytes)
			continue;
		arg->slot = slot->slot;
		arg->hva = slot->hva + arg->gpa - slot->gpa;
	}
	if (arg->slot == ~0u || arg->gpa >= FAKE_TOUCHED)
		return 0;
	arg->entry[3] = 0x77;
	arg->leaf_bytes = PAGE;
	arg->rights = VTR_WALK_READ | VTR_WALK_WRITE | VTR_WALK_EXEC;
	return 0;
}

/* ---- state ---- */

struct record {
	uint16_t id;
	uint32_t bytes;
	void *payload;
};

#define NR_RECORDS	6

static unsigned int list_records(struct fake_cpu *cpu, struct record *records)
{
	records[0] = (struct record){ VTR_STATE_REGS, sizeof(cpu->regs),
				      &cpu->regs };
	records[1] = (struct record){ VTR_STATE_SREGS, sizeof(cpu->sregs),
				      &cpu->sregs };
	records[2] = (struct record){ VTR_STATE_MSRS, sizeof(cpu->msrs),
				      cpu->msrs };
	records[3] = (struct record){ VTR_STATE_EVENTS, sizeof(cpu->events),
				      &cpu->events };
	records[4] = (struct record){ VTR_STATE_DEBUG, sizeof(cpu->debug_regs),
				      &cpu->debug_regs };
	records[5] = (struct record){ VTR_STATE_TSC, sizeof(cpu->tsc), &cpu->tsc };
	return NR_RECORDS;
}

static int get_state(struct fake_cpu *cpu, struct vtr_state_buffer *arg)
{
	char *out = (char *)(uintptr_t)arg->buffer;
	struct record records[NR_RECORDS];
	uint32_t needed = 0, room = arg->bytes;
	unsigned int nr = list_records(cpu, records);

	for (unsigned int i = 0; i < nr; i++) {
		uint32_t bytes = sizeof(struct vtr_state_header) +
				 ((records[i].bytes + 7) & ~7u);

		if (arg->mask && !(arg->mask & (1ull << records[i].id)))
			continue;
		if (needed + bytes <= room) {
			struct vtr_state_header head = {
				records[i].id, 1, records[i].bytes
			};

			memcpy(out + needed, &head, sizeof(head));
			memcpy(out + needed + sizeof(head), records[i].payload,
			       records[i].bytes);
		}
		needed += bytes;
	}
	arg->bytes = needed;
	return needed > room ? fail(ENOSPC) : 0;
}

static int set_state(struct fake_cpu *cpu, struct vtr_state_buffer *arg)
{
	const char *in = (const char *)(uintptr_t)arg->buffer;
	struct vtr_state_header head;
	struct record records[NR_RECORDS];
	unsigned int nr = list_records(cpu, records);

	for (uint32_t at = 0; at < arg->bytes;
	     at += sizeof(head) + ((head.bytes + 7) & ~7u)) {
		unsigned int i = 0;

		memcpy(&head, in + at, sizeof(head));
		while (i < nr && records[i].id != head.id)
			i++;
		if (i == nr || head.bytes > records[i].bytes) {
			arg->bad_record = at;
			return fail(EINVAL);
		}
		memcpy(records[i].payload, in + at + sizeof(head), head.bytes);
	}
	return 0;
}

/* GUEST_RIP follows the registers, two fields do not exist, one is hidden. */
static int read_fields(struct fake_cpu *cpu, const struct vtr_read_fields *arg)
{
	struct vtr_field *field = (void *)(uintptr_t)arg->fields;

	if (arg->backend != fake.backend || !arg->nr_fields ||
	    arg->nr_fields > 512)
		return fail(EINVAL);
	for (uint32_t i = 0; i < arg->nr_fields; i++) {
		field[i].status = 0;
		field[i].value = field[i].encoding;
		if (field[i].encoding == 0x681e)	/* GUEST_RIP */
			field[i].value = cpu->regs.rip;
		if (field[i].encoding == 0x6822)	/* pending debug */
			field[i].value = cpu->pending_dbg;
		if (field[i].encoding == 0x4002)	/* CPU-based controls */
			field[i].value = 0x80;
		if (field[i].encoding == 0x2034)	/* tertiary controls */
			field[i].status = ENOENT;
		if (field[i].encoding == 0x6c16)	/* HOST_RIP */
			field[i].status = EPERM;
	}
	return 0;
}

static int translate(struct vtr_translate *arg)
{
	if (arg->gva >= 1ull << 32)
		return fail(EFAULT);
	arg->gpa = arg->gva;
	return 0;
}

/* ---- running ---- */

void fake_trace(struct fake_cpu *cpu, enum vtr_trace_kind kind, uint64_t arg0,
		const struct fake_step *step)
{
	struct vtr_trace_ring *ring = cpu->ring;
	struct vtr_trace_record *records = (void *)((char *)ring +
						    ring->data_offset);

	fake.tsc += 10;
	records[ring->head % ring->nr_records] = (struct vtr_trace_record){
		.seq = ring->head,
		.tsc = fake.tsc,
		.kind = kind,
		.version = 1,
		.vcpu = cpu - fake.cpus,
		.hw_kind = step ? step->hw_kind : 0,
		.hw_reason = step ? step->hw_reason : 0,
		.qualification = step ? step->qualification : 0,
		.arg0 = arg0,
		.arg1 = step && step->hw_kind == VTR_HW_IO ?
			step->port | step->bytes << 16 | step->is_in << 24 : 0,
		.arg2 = step ? step->data : 0,
	};
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

static void trace(struct fake_cpu *cpu, enum vtr_trace_kind kind, uint64_t arg0,
		  const struct fake_step *step)
{
	if (cpu->ring->enabled)
		fake_trace(cpu, kind, arg0, step);
}

static void complete(struct fake_cpu *cpu)
{
	struct vtr_run *run = cpu->run;

	if (!cpu->pending_bytes)
		return;
	cpu->regs.gpr[VTR_RAX] = cpu->pending_mmio ? run->mmio.data :
				 cpu->pending_in ? run->io.data :
						   run->hypercall.ret;
	cpu->answers[cpu->nr_answers++] = cpu->regs.gpr[VTR_RAX];
	if (cpu->pending_mmio && run->mmio.data != cpu->wanted)
		fprintf(stderr, "wrong answer 0x%llx\n",
			(unsigned long long)run->mmio.data);
	cpu->pending_bytes = 0;
	cpu->pending_mmio = false;
}

static int leave(struct fake_cpu *cpu, uint32_t exit,
		 const struct fake_step *step)
{
	struct vtr_run *run = cpu->run;

	run->exit = exit;
	run->rip = cpu->regs.rip;
	run->exits = cpu->exits;
	run->if_flag = !!(cpu->regs.rflags & 0x200);
	if (step) {
		run->hw_reason = step->hw_reason;
		run->hw_kind = step->hw_kind;
		run->hw_qualification = step->qualification;
		run->insn_bytes = step->insn_bytes;
	}
	trace(cpu, VTR_TRACE_TO_USER, exit, step);
	return 0;
}

static void fill_union(struct fake_cpu *cpu, const struct fake_step *step)
{
	struct vtr_run *run = cpu->run;

	switch (step->exit) {
	case VTR_EXIT_IO:
		run->io.port = step->port;
		run->io.bytes = step->bytes;
		run->io.is_in = step->is_in;
		run->io.count = step->count ? step->count : 1;
		run->io.data_offset = step->count > 1 ? VTR_RUN_DATA_OFFSET :
			offsetof(struct vtr_run, io.data);
		memcpy((char *)run + run->io.data_offset, &step->data, 8);
		cpu->pending_in = true;
		cpu->pending_bytes = step->is_in ? step->bytes : 0;
		break;
	case VTR_EXIT_MMIO:
		run->mmio.gpa = step->gpa;
		run->mmio.bytes = step->bytes;
		run->mmio.is_write = !step->is_in;
		run->mmio.data = step->is_in ? 0 : step->data;
		cpu->wanted = step->data;
		cpu->pending_mmio = true;
		cpu->pending_bytes = step->is_in ? step->bytes : 0;
		break;
	case VTR_EXIT_HYPERCALL:
		run->hypercall.nr = step->hc_nr;
		run->hypercall.args[0] = step->hc_arg;
		cpu->pending_in = false;
		cpu->pending_bytes = 8;
		break;
	case VTR_EXIT_FAIL_ENTRY:
		run->fail.insn_error = step->insn_error;
		break;
	default:
		break;
	}
	memset(run->sentence, 0, sizeof(run->sentence));
	if (step->sentence)
		strncpy(run->sentence, step->sentence,
			sizeof(run->sentence) - 1);
}

/* A guest that loops: until immediate_exit, or a signal breaks the sleep. */
static int spin(struct fake_cpu *cpu, bool deaf)
{
	while (!__atomic_load_n(&cpu->run->immediate_exit, __ATOMIC_SEQ_CST)) {
		if (usleep(20000) && errno == EINTR && !deaf)
			return -1;
	}
	return leave(cpu, VTR_EXIT_IMMEDIATE, NULL);
}

#define TF	0x100

/* The module queues a debug exception behind each instruction under TF. */
static void queue_trap(struct fake_cpu *cpu, const struct fake_step *step)
{
	if (!(cpu->regs.rflags & TF) || (!step->insn_bytes && !step->self_jump))
		return;
	cpu->debug_regs.dr6 |= 0x4000;
	cpu->events.in_flight = (struct vtr_event){
		.kind = VTR_EVENT_EXCEPTION, .vector = 1,
	};
}

/* What comes behind an instruction without exit: nothing, unless stepped. */
static struct fake_step trap_behind(struct fake_cpu *cpu,
				    const struct fake_step *insn)
{
	struct fake_step trap = *insn;

	trap.what = FAKE_END;
	if (cpu->regs.rflags & TF) {
		trap.what = FAKE_HANDLED;
		trap.hw_kind = VTR_HW_EXCEPTION;
		trap.hw_reason = 0;
	} else if (cpu->debug & VTR_DEBUG_STEP_INSN) {
		trap.what = FAKE_HANDLED;
		trap.hw_kind = VTR_HW_STEP;
		trap.hw_reason = 37;
	} else {
		cpu->regs.rip += insn->insn_bytes;
	}
	return trap;
}

static const struct fake_step hlt_for_ever = {
	FAKE_TO_USER, .exit = VTR_EXIT_HLT, .hw_kind = VTR_HW_HLT,
	.hw_reason = 12,
};

/* A debug exception at the entry, before any instruction. */
static int spring_left_over(struct fake_cpu *cpu)
{
	static const struct fake_step trap = {
		FAKE_HANDLED, .hw_kind = VTR_HW_EXCEPTION, .insn_bytes = 1,
	};

	cpu->pending_dbg = 0;
	cpu->exits++;
	trace(cpu, VTR_TRACE_EXIT, cpu->regs.rip, &trap);
	queue_trap(cpu, &trap);
	return leave(cpu, VTR_EXIT_DEBUG, &trap);
}

static int run(struct fake_cpu *cpu)
{
	trace(cpu, VTR_TRACE_FROM_USER, 0, NULL);
	complete(cpu);
	for (;;) {
		const struct fake_step *step = &cpu->steps[cpu->at];
		struct fake_step trap;

		if (cpu->run->immediate_exit)
			return leave(cpu, VTR_EXIT_IMMEDIATE, NULL);
		if (cpu->pending_dbg)
			return spring_left_over(cpu);
		if (step->what == FAKE_SPIN || step->what == FAKE_DEAF)
			return spin(cpu, step->what == FAKE_DEAF);
		if (step->what == FAKE_END)
			step = &hlt_for_ever;
		else
			cpu->at++;
		if (step->what == FAKE_ERRNO)
			return fail(step->err);
		if (step->what == FAKE_INSN) {
			trap = trap_behind(cpu, step);
			if (trap.what == FAKE_END)
				continue;
			step = &trap;
		}
		trace(cpu, VTR_TRACE_ENTRY, 0, NULL);
		cpu->exits++;
		trace(cpu, VTR_TRACE_EXIT, cpu->regs.rip, step);
		cpu->regs.rip += step->insn_bytes;
		if (step->rax)
			cpu->regs.gpr[VTR_RAX] = step->rax;
		queue_trap(cpu, step);
		if (fake.left_over && (cpu->regs.rflags & TF) &&
		    step->hw_kind != VTR_HW_EXCEPTION)
			cpu->pending_dbg = 0x4000;
		if (step->exit == VTR_EXIT_HLT && cpu->events.in_flight.kind)
			return leave(cpu, VTR_EXIT_DEBUG, step);
		if (step->what == FAKE_TO_USER) {
			fill_union(cpu, step);
			return leave(cpu, step->exit, step);
		}
		trace(cpu, VTR_TRACE_HANDLED, 0, step);
		if (cpu->debug)
			return leave(cpu, VTR_EXIT_DEBUG, step);
	}
}

static int inject(struct fake_cpu *cpu, const struct vtr_inject *arg)
{
	if (cpu->injected.kind)
		return fail(EBUSY);
	cpu->injected = arg->event;
	return 0;
}

static int set_debug(struct fake_cpu *cpu, const struct vtr_debug *arg)
{
	if (fake.no_insn_step && (arg->flags & VTR_DEBUG_STEP_INSN))
		return fail(EOPNOTSUPP);
	cpu->debug = arg->flags;
	return 0;
}

static int vcpu_ioctl(struct fake_cpu *cpu, unsigned long request, void *arg)
{
	switch (request) {
	case VTR_VCPU_RUN:
		return run(cpu);
	case VTR_VCPU_GET_STATE:
		return get_state(cpu, arg);
	case VTR_VCPU_SET_STATE:
		return set_state(cpu, arg);
	case VTR_VCPU_DEBUG:
		return set_debug(cpu, arg);
	case VTR_VCPU_TRANSLATE:
		return translate(arg);
	case VTR_VCPU_READ_FIELDS:
		return read_fields(cpu, arg);
	case VTR_VCPU_INJECT:
		return inject(cpu, arg);
	case VTR_VCPU_CHECK:
		strcpy(((struct vtr_entry_check *)arg)->rule, "TR_UNUSABLE");
		return 0;
	case VTR_VCPU_GET_STATS:
		((struct vtr_vcpu_stats *)arg)->exits = cpu->exits;
		return 0;
	default:
		return fail(ENOTTY);
	}
}

static int irq_line(const struct vtr_irq_line *arg)
{
	if (!fake.vm.irqchip)
		return fail(ENODEV);
	if (arg->size != sizeof(*arg) || arg->flags || arg->line >= 24 || arg->level > 1)
		return fail(EINVAL);
	fake.line[arg->line] = arg->level;
	return 0;
}

static int hold_timers(struct vtr_hold_timers *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags & ~VTR_TIMERS_HELD || arg->ns || arg->tsc)
		return fail(EINVAL);
	if (fake.held == !!arg->flags)
		return fail(EALREADY);
	fake.held = arg->flags;
	if (!fake.held) {
		arg->ns = 5000000;
		arg->tsc = 50000;
	}
	return 0;
}

static int vm_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VTR_VM_GET_DIRTY:
	case VTR_VM_CLEAR_DIRTY:
		return dirty(request, arg);
	case VTR_VM_SET_SLOT:
		return set_slot(arg);
	case VTR_VM_CREATE_VCPU:
		return create_vcpu(arg);
	case VTR_VM_GET_INFO:
		return get_info(arg);
	case VTR_VM_WALK:
		return walk(arg);
	case VTR_VM_SET_CPUID:
		return set_cpuid(arg);
	case VTR_VM_IRQ_LINE:
		return irq_line(arg);
	case VTR_VM_HOLD_TIMERS:
		return hold_timers(arg);
	case VTR_VM_MSI:
		return fail(ENODEV);
	default:
		return fail(ENOTTY);
	}
}

static int dev_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VTR_GET_API_VERSION:
		return fake.version;
	case VTR_GET_CAPS:
		return get_caps(arg);
	case VTR_CREATE_VM:
		return create_vm(arg);
	case VTR_GET_CPUID:
		return get_cpuid(arg);
	default:
		return fail(ENOTTY);
	}
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	if (fake.fail_request == request)
		return fail(fake.fail_errno);
	if (fd == FAKE_FD)
		return dev_ioctl(request, arg);
	if (fd == FD_VM)
		return vm_ioctl(request, arg);
	if (fd >= FD_VCPU && fd < FD_VCPU + FAKE_MAX_CPUS)
		return vcpu_ioctl(&fake.cpus[fd - FD_VCPU], request, arg);
	return fail(EBADF);
}

static const struct vtr_ops ops = {
	.open = fake_open,
	.close = fake_close,
	.ioctl = fake_ioctl,
	.mmap = fake_mmap,
	.munmap = fake_munmap,
};

/* ---- for tests ---- */

void fake_install(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.version = VTR_API_VERSION;
	fake.backend = VTR_BACKEND_VMX;
	for (unsigned int i = 0; i < FAKE_MAX_CPUS; i++) {
		struct fake_cpu *cpu = &fake.cpus[i];

		cpu->run = calloc(1, RUN_BYTES);
		cpu->ring = calloc(1, RING_BYTES);
		cpu->ring->nr_records = FAKE_RING;
		cpu->ring->record_bytes = sizeof(struct vtr_trace_record);
		cpu->ring->data_offset = RING_DATA;
	}
	vtr_set_ops(&ops);
}

void fake_remove(void)
{
	vtr_set_ops(NULL);
	for (unsigned int i = 0; i < FAKE_MAX_CPUS; i++) {
		free(fake.cpus[i].run);
		free(fake.cpus[i].ring);
	}
}

void fake_add(unsigned int cpu, struct fake_step step)
{
	unsigned int at = 0;

	while (fake.cpus[cpu].steps[at].what != FAKE_END)
		at++;
	if (at < FAKE_MAX_STEPS - 1)
		fake.cpus[cpu].steps[at] = step;
}

void fake_out(unsigned int cpu, uint16_t port, uint8_t bytes, uint32_t data)
{
	fake_add(cpu, (struct fake_step){
		FAKE_TO_USER, .exit = VTR_EXIT_IO, .hw_kind = VTR_HW_IO,
		.hw_reason = 30, .insn_bytes = 1, .port = port, .bytes = bytes,
		.data = data,
		.qualification = (bytes - 1) | (uint64_t)port << 16,
	});
}

void fake_in(unsigned int cpu, uint16_t port, uint8_t bytes)
{
	fake_add(cpu, (struct fake_step){
		FAKE_TO_USER, .exit = VTR_EXIT_IO, .hw_kind = VTR_HW_IO,
		.hw_reason = 30, .insn_bytes = 1, .port = port, .bytes = bytes,
		.is_in = true,
		.qualification = (bytes - 1) | 8 | (uint64_t)port << 16,
	});
}

void fake_cpuid(unsigned int cpu)
{
	fake_add(cpu, (struct fake_step){
		FAKE_HANDLED, .hw_kind = VTR_HW_CPUID, .hw_reason = 10,
		.insn_bytes = 2, .rax = 0x1234,
	});
}

void fake_hypercall(unsigned int cpu, uint64_t nr, uint64_t arg)
{
	fake_add(cpu, (struct fake_step){
		FAKE_TO_USER, .exit = VTR_EXIT_HYPERCALL,
		.hw_kind = VTR_HW_HYPERCALL, .hw_reason = 18, .insn_bytes = 3,
		.hc_nr = nr, .hc_arg = arg,
	});
}

void fake_hlt(unsigned int cpu)
{
	struct fake_step step = hlt_for_ever;

	step.insn_bytes = 1;
	fake_add(cpu, step);
}
