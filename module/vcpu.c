// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU: creation, the run loop, looking at it while it runs.
 *
 * A vCPU is run by whatever thread calls VTR_VCPU_RUN; to the host it is that
 * thread: the scheduler moves it between cores, signals interrupt it.
 * vtr_vcpu_run() enters the guest, lets module/handle.c finish what it can, and
 * returns to the user side for the rest.
 *
 *	(1) finish what the last run left to the user side
 *	(2) signals, death, immediate_exit, requests
 *	(3) events; interrupts off; mode = IN_GUEST; requests again
 *	(4) back end: enter the guest, come back with struct vtr_exit
 *	(5) interrupts on: the host takes what has interrupted the guest
 *	(6) handle the exit: on to (2), or up to the user side
 *
 * Preemption stays possible in all of it but (3) to (5): a preempt notifier
 * gives the host its registers back when the thread is switched out.
 * Read next: module/handle.c, then vmx/run.c for (4).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/gfp.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timex.h>

#include "irqchip.h"
#include "trace.h"

/* ---- loading: whose registers does the core hold? -------------------------- */

static void load_on_this_cpu(struct vtr_vcpu *vcpu)
{
	int cpu = smp_processor_id();

	if (vcpu->cpu != cpu && vcpu->cpu >= 0)
		vcpu->stats.migrations++;
	vtr_backend->vcpu_load(vcpu, cpu);
	WRITE_ONCE(vcpu->cpu, cpu);
}

static void put_from_this_cpu(struct vtr_vcpu *vcpu)
{
	vtr_backend->vcpu_put(vcpu);
}

static void sched_in(struct preempt_notifier *notifier, int cpu)
{
	load_on_this_cpu(container_of(notifier, struct vtr_vcpu, preempt_notifier));
}

static void sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	put_from_this_cpu(container_of(notifier, struct vtr_vcpu, preempt_notifier));
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

/**
 * vtr_vcpu_load() - make the current thread the one that works on @vcpu
 * @vcpu: the vCPU, its mutex held
 *
 * Until vtr_vcpu_put() the back end's state operations may be used; the thread
 * may be preempted and moved, but the operations need preemption off.
 */
void vtr_vcpu_load(struct vtr_vcpu *vcpu)
{
	lockdep_assert_held(&vcpu->mutex);
	preempt_disable();
	preempt_notifier_register(&vcpu->preempt_notifier);
	load_on_this_cpu(vcpu);
	preempt_enable();
}

void vtr_vcpu_put(struct vtr_vcpu *vcpu)
{
	preempt_disable();
	put_from_this_cpu(vcpu);
	preempt_notifier_unregister(&vcpu->preempt_notifier);
	preempt_enable();
}

/* ---- looking at a vCPU ----------------------------------------------------- */

/**
 * vtr_vcpu_check() - would the next entry succeed?
 * @vcpu: the vCPU, loaded
 * @check: filled
 *
 * The event that waits is part of the question.
 */
void vtr_vcpu_check(struct vtr_vcpu *vcpu, struct vtr_entry_check *check)
{
	static const struct vtr_event none;

	preempt_disable();
	if (vcpu->queued.kind)
		vtr_backend->inject(vcpu, &vcpu->queued);
	vtr_backend->check(vcpu, check);
	if (vcpu->queued.kind)
		vtr_backend->inject(vcpu, &none);
	preempt_enable();
	check->size = sizeof(*check);
}

/* Fill the snapshot that somebody waits for, if there is one. */
static void answer_snapshot(struct vtr_vcpu *vcpu)
{
	/* Keeps the reader from giving up, and its buffer from going away, meanwhile. */
	spin_lock(&vcpu->snapshot_fill);
	if (vcpu->snapshot) {
		vtr_backend->snapshot(vcpu, vcpu->snapshot);
		vtr_vcpu_check(vcpu, &vcpu->snapshot->check);
		/* The reader sees the whole snapshot once it sees NULL. */
		smp_store_release(&vcpu->snapshot, NULL);
	}
	spin_unlock(&vcpu->snapshot_fill);
	wake_up_all(&vcpu->snapshot_wait);
}

static bool snapshot_done_or_idle(struct vtr_vcpu *vcpu)
{
	/* Pairs with the release above: who sees NULL sees the snapshot. */
	return !smp_load_acquire(&vcpu->snapshot) || !mutex_is_locked(&vcpu->mutex);
}

/**
 * vtr_vcpu_snapshot() - what does this vCPU look like now?
 * @vcpu: the vCPU, kept alive by the caller
 * @snap: filled
 *
 * If the vCPU is idle, this thread loads it and reads it; if it runs, it is
 * asked to leave the guest for a moment and to fill @snap itself.
 * Context: process; sleeps.
 * Return: 0, or -EINTR.
 */
int vtr_vcpu_snapshot(struct vtr_vcpu *vcpu, struct vtr_snapshot *snap)
{
	int err = mutex_lock_interruptible(&vcpu->snapshot_lock);

	if (err)
		return err;
	spin_lock(&vcpu->snapshot_fill);
	vcpu->snapshot = snap;
	spin_unlock(&vcpu->snapshot_fill);
	/* The vCPU's own thread fills it, or this one if the vCPU is idle. */
	while (smp_load_acquire(&vcpu->snapshot)) {
		if (mutex_trylock(&vcpu->mutex)) {
			vtr_vcpu_load(vcpu);
			answer_snapshot(vcpu);
			vtr_vcpu_put(vcpu);
			mutex_unlock(&vcpu->mutex);
			break;
		}
		vtr_vm_kick_all(vcpu->vm, VTR_REQ_SNAPSHOT, false);
		/* The time-out covers a RUN that ends without having answered. */
		if (wait_event_interruptible_timeout(vcpu->snapshot_wait,
						     snapshot_done_or_idle(vcpu),
						     HZ / 50 + 1) < 0) {
			err = -EINTR;
			break;
		}
	}
	/* Nobody may write to @snap after this function has returned. */
	spin_lock(&vcpu->snapshot_fill);
	vcpu->snapshot = NULL;
	spin_unlock(&vcpu->snapshot_fill);
	mutex_unlock(&vcpu->snapshot_lock);
	return err;
}

/* ---- running --------------------------------------------------------------- */

static void fill_run_page(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	struct vtr_run *run = vcpu->run;
	struct vtr_regs regs;

	preempt_disable();
	vtr_backend->get_regs(vcpu, &regs);
	run->ready_for_injection = !vcpu->queued.kind && !vcpu->pending &&
		vtr_backend->can_inject(vcpu, VTR_EVENT_INTERRUPT);
	preempt_enable();

	run->if_flag = !!(regs.rflags & X86_EFLAGS_IF);
	run->rip = regs.rip;
	run->cr8 = vcpu->cr8;
	run->level = e->level;
	run->backend = vtr_backend->id;
	run->hw_reason = e->hw_reason;
	run->hw_qualification = e->qualification;
	run->hw_kind = e->kind;
	run->insn_bytes = e->insn_bytes;
	run->exits = vcpu->stats.exits;
}

/* Leave with a sentence: the VM is dead. */
static int leave_dead(struct vtr_vcpu *vcpu)
{
	vcpu->run->exit = VTR_EXIT_STOPPED;
	strscpy_pad(vcpu->run->sentence, vcpu->vm->dead_reason, sizeof(vcpu->run->sentence));
	return 0;
}

/*
 * Step (2).  Return: 1: go on; 0: to the user side, run->exit is set; -EINTR.
 */
static int before_entry(struct vtr_vcpu *vcpu)
{
	struct vtr_run *run = vcpu->run;
	bool can_wake = !vtr_irqchip_may_rest(vcpu) || vtr_irqchip_wait(vcpu);

	if (vtr_vm_dead(vcpu->vm))
		return leave_dead(vcpu);
	if (READ_ONCE(run->immediate_exit)) {
		run->exit = VTR_EXIT_IMMEDIATE;
		return 0;
	}
	if (vcpu->activity == VTR_SHUTDOWN) {
		run->exit = VTR_EXIT_SHUTDOWN;
		return 0;
	}
	if (vcpu->vm->flags & VTR_VM_TRACE_WHOLE && vtr_trace_full(vcpu)) {
		run->exit = VTR_EXIT_TRACE;
		return 0;
	}
	if (!can_wake) {
		run->exit = VTR_EXIT_HLT;
		return 0;
	}
	if (vtr_work_pending()) {
		int err = vtr_handle_work();

		if (err)
			return err;
	}
	clear_bit(VTR_REQ_LEAVE, &vcpu->requests);
	if (test_and_clear_bit(VTR_REQ_SNAPSHOT, &vcpu->requests))
		answer_snapshot(vcpu);
	return 1;
}

static void take_over_run_page(struct vtr_vcpu *vcpu)
{
	struct vtr_run *run = vcpu->run;

	if (READ_ONCE(run->set_cr8)) {
		vcpu->cr8 = READ_ONCE(run->cr8) & 0xf;
		run->set_cr8 = 0;
		vtr_irqchip_set_tpr(vcpu);
	}
}

/*
 * Should this thread rather not enter?  Interrupts off, mode IN_GUEST: who
 * makes a request from now on sees the mode and sends an interrupt.
 */
static bool must_not_enter(struct vtr_vcpu *vcpu)
{
	/* Mode before requests: see enum vtr_vcpu_mode. */
	smp_mb();
	return READ_ONCE(vcpu->requests) || vtr_work_pending_irqoff() ||
	       READ_ONCE(vcpu->run->immediate_exit) || vtr_vm_dead(vcpu->vm);
}

static void account(struct vtr_vcpu *vcpu, u64 entered)
{
	u32 reason = min_t(u32, vcpu->exit.hw_reason & 0xffff, VTR_STATS_REASONS - 1);

	if (vcpu->delivering.kind && !vtr_delivery_interrupted(vcpu))
		vcpu->stats.injections++;
	vcpu->stats.exits++;
	vcpu->stats.count[reason]++;
	vcpu->stats.guest_ticks += vcpu->exit_tsc - entered;
}

/* Ticks between the exit and what follows it belong to the exit's reason. */
static void account_handled(struct vtr_vcpu *vcpu)
{
	u32 reason = min_t(u32, vcpu->exit.hw_reason & 0xffff, VTR_STATS_REASONS - 1);

	vcpu->stats.ticks[reason] += get_cycles() - vcpu->exit_tsc;
}

/*
 * Steps (3) to (5).  Return: true if the guest was entered and has exited,
 * false if something has to be looked at first.
 */
static bool enter_once(struct vtr_vcpu *vcpu)
{
	u64 entered;

	preempt_disable();
	if (test_and_clear_bit(VTR_REQ_FLUSH, &vcpu->requests))
		vtr_backend->flush_slat(vcpu);
	vtr_deliver_events(vcpu);

	local_irq_disable();
	WRITE_ONCE(vcpu->mode, VTR_MODE_IN_GUEST);
	if (must_not_enter(vcpu)) {
		WRITE_ONCE(vcpu->mode, VTR_MODE_OUTSIDE);
		local_irq_enable();
		vtr_apicv_left(vcpu);
		vtr_cancel_delivery(vcpu);
		preempt_enable();
		return false;
	}
	vtr_fpu_before_entry();
	trace_vtr_entry(vcpu->vm->id, vcpu->id, vcpu->delivering.kind, vcpu->delivering.vector);
	vtr_record(vcpu, VTR_TRACE_ENTRY, 0);

	vtr_guest_timing_enter();
	entered = get_cycles();
	vtr_backend->vcpu_run(vcpu, &vcpu->exit);
	vcpu->exit_tsc = get_cycles();
	if (vcpu->vapic)
		vtr_apicv_left(vcpu);

	WRITE_ONCE(vcpu->mode, VTR_MODE_OUTSIDE);
	/*
	 * The host takes its interrupts here.  A timer tick that has ended the
	 * stay is charged to the guest, so its time ends only afterwards.
	 */
	local_irq_enable();
	local_irq_disable();
	vtr_guest_timing_exit();
	local_irq_enable();
	/* An entry that fails delivers nothing: the event waits again. */
	if (unlikely(vcpu->exit.kind == VTR_HW_FAIL))
		vtr_cancel_delivery(vcpu);
	preempt_enable();

	account(vcpu, entered);
	trace_vtr_exit(vcpu->vm->id, vcpu->id, vcpu->exit.kind, vcpu->exit.hw_reason,
		       vcpu->exit.qualification, vcpu->exit.rip);
	vtr_record(vcpu, VTR_TRACE_EXIT, vcpu->exit.rip);
	return true;
}

static int run_loop(struct vtr_vcpu *vcpu)
{
	int ret;

	for (;;) {
		ret = before_entry(vcpu);
		if (ret <= 0)
			return ret;
		if (vtr_irqchip_may_rest(vcpu) && vtr_irqchip_rests(vcpu))
			continue;
		if (!enter_once(vcpu))
			continue;
		ret = vtr_handle_exit(vcpu);
		account_handled(vcpu);
		if (ret <= 0)
			return ret;
		vtr_record(vcpu, VTR_TRACE_HANDLED, 0);
		if (vcpu->debug & VTR_DEBUG_STEP_EXIT) {
			vcpu->run->exit = VTR_EXIT_DEBUG;
			vcpu->run->debug.what = VTR_DEBUG_STEP_EXIT;
			return 0;
		}
	}
}

/**
 * vtr_vcpu_run() - VTR_VCPU_RUN
 * @vcpu: the vCPU, its mutex held
 *
 * Context: thread of the VM's creator process; sleeps; runs guest code for as
 * long as nothing needs the user side.
 * Return: 0: vcpu->run tells why; -EINTR: a signal; -EFAULT, -ENOMEM, ...: the
 * memory behind a slot could not be had, the guest is where it was.
 */
int vtr_vcpu_run(struct vtr_vcpu *vcpu)
{
	int ret;

	lockdep_assert_held(&vcpu->mutex);
	vtr_vcpu_load(vcpu);
	vtr_fpu_swap_in(&vcpu->fpu);
	vcpu->ring_seen = vcpu->ring->head;
	vtr_record(vcpu, VTR_TRACE_FROM_USER, 0);

	if (READ_ONCE(vcpu->lapic_restored))
		vtr_irqchip_begin_run(vcpu);
	take_over_run_page(vcpu);
	vcpu->run->exit = VTR_EXIT_NONE;
	ret = vtr_complete_pending(vcpu);
	/* Running a halted vCPU again means: an event has come. */
	if (vcpu->activity == VTR_HALTED && !vcpu->vm->irqchip)
		vcpu->activity = VTR_ACTIVE;
	if (ret > 0)
		ret = run_loop(vcpu);
	fill_run_page(vcpu);

	trace_vtr_user_exit(vcpu->vm->id, vcpu->id, vcpu->run->exit);
	vtr_record(vcpu, VTR_TRACE_TO_USER, vcpu->run->exit);
	vcpu->stats.to_user++;
	vtr_fpu_swap_out(&vcpu->fpu);
	vtr_vcpu_put(vcpu);
	return ret;
}

/* ---- creation -------------------------------------------------------------- */

static int alloc_shared_pages(struct vtr_vcpu *vcpu)
{
	struct vtr_trace_ring *ring;

	vcpu->run = (void *)get_zeroed_page(VTR_GFP_CHARGED);
	if (!vcpu->run)
		return -ENOMEM;
	if (vcpu->vm->irqchip && vcpu->vm->irqchip->apicv) {
		vcpu->vapic = (void *)get_zeroed_page(VTR_GFP_CHARGED);
		if (!vcpu->vapic)
			return -ENOMEM;
	}
	/* Header page and records; not a power of two, so exact pages. */
	ring = alloc_pages_exact((VTR_TRACE_RING_PAGES + 1) * PAGE_SIZE,
				 VTR_GFP_CHARGED | __GFP_ZERO);
	if (!ring)
		return -ENOMEM;
	ring->nr_records = VTR_TRACE_RING_PAGES * PAGE_SIZE / sizeof(struct vtr_trace_record);
	ring->record_bytes = sizeof(struct vtr_trace_record);
	ring->data_offset = PAGE_SIZE;
	ring->enabled = !!(vcpu->vm->flags & VTR_VM_TRACE);
	vcpu->ring = ring;
	return 0;
}

static void free_vcpu(struct vtr_vcpu *vcpu)
{
	vtr_irqchip_remove_vcpu(vcpu);
	vtr_slat_cache_drain(&vcpu->cache);
	vtr_fpu_free(&vcpu->fpu);
	if (vcpu->ring)
		free_pages_exact(vcpu->ring, (VTR_TRACE_RING_PAGES + 1) * PAGE_SIZE);
	free_page((unsigned long)vcpu->vapic);
	free_page((unsigned long)vcpu->run);
	/* Frees the structure itself after a grace period. */
	vtr_backend->vcpu_destroy(vcpu);
}

static struct vtr_vcpu *alloc_vcpu(struct vtr_vm *vm, const struct vtr_create_vcpu *args)
{
	struct vtr_vcpu *vcpu = vtr_backend->vcpu_create(vm);

	if (IS_ERR(vcpu))
		return vcpu;
	vcpu->vm = vm;
	vcpu->id = args->id;
	vcpu->apic_id = args->apic_id;
	vcpu->cpu = -1;
	vcpu->dr6 = VTR_DR6_ONES;
	vcpu->tsc_khz = vtr_tsc_khz();
	vtr_tsc_ratio(vcpu->tsc_khz, vtr_tsc_khz(), &vcpu->tsc_ratio);
	/* Second-level tables may change before others can see this vCPU. */
	set_bit(VTR_REQ_FLUSH, &vcpu->requests);
	mutex_init(&vcpu->mutex);
	mutex_init(&vcpu->snapshot_lock);
	spin_lock_init(&vcpu->snapshot_fill);
	init_waitqueue_head(&vcpu->snapshot_wait);
	preempt_notifier_init(&vcpu->preempt_notifier, &preempt_ops);
	vtr_irqchip_add_vcpu(vcpu);
	if (!vtr_fpu_alloc(&vcpu->fpu) || alloc_shared_pages(vcpu)) {
		free_vcpu(vcpu);
		return ERR_PTR(-ENOMEM);
	}
	return vcpu;
}

/**
 * vtr_vcpu_create() - VTR_VM_CREATE_VCPU
 * @vm: the VM
 * @args: checked for size by the caller
 *
 * Context: process of the VM's creator; sleeps.
 * Return: a file descriptor; -EINVAL for an unknown flag or an id out of range;
 * -EEXIST if the id is taken; -ENOMEM; -EMFILE; -EIO if the VM is dead or
 * the machine goes down.
 */
int vtr_vcpu_create(struct vtr_vm *vm, const struct vtr_create_vcpu *args)
{
	struct vtr_vcpu *vcpu;
	int fd;

	if (args->flags || args->id >= VTR_MAX_VCPUS)
		return -EINVAL;
	if (vtr_vm_dead(vm))
		return -EIO;

	/* From here on the VM's policy stays as it is: the back end looks at it. */
	mutex_lock(&vm->lock);
	vcpu = alloc_vcpu(vm, args);
	if (IS_ERR(vcpu)) {
		mutex_unlock(&vm->lock);
		return PTR_ERR(vcpu);
	}
	if (vm->vcpus[args->id]) {
		mutex_unlock(&vm->lock);
		free_vcpu(vcpu);
		return -EEXIST;
	}
	WRITE_ONCE(vm->vcpus[args->id], vcpu);
	vm->nr_vcpus++;
	WRITE_ONCE(vm->max_apic_id, max(vm->max_apic_id, args->apic_id));
	mutex_unlock(&vm->lock);
	vtr_vm_get(vm);
	vtr_inspect_add_vcpu(vcpu);

	fd = anon_inode_getfd("vitrine-vcpu", &vtr_vcpu_fops, vcpu, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vtr_vcpu_destroy(vcpu);
	return fd;
}

/* The vCPU's file, and every mapping of it, is gone.  Context: sleeps. */
void vtr_vcpu_destroy(struct vtr_vcpu *vcpu)
{
	struct vtr_vm *vm = vcpu->vm;

	/* Waits for readers that are inside of a debugfs file of this vCPU. */
	vtr_inspect_remove_vcpu(vcpu);
	mutex_lock(&vm->lock);
	WRITE_ONCE(vm->vcpus[vcpu->id], NULL);
	vm->nr_vcpus--;
	mutex_unlock(&vm->lock);
	free_vcpu(vcpu);
	vtr_vm_put(vm);
}
