// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts on their way between devices, controllers and vCPUs.
 *
 *	VTR_VM_IRQ_LINE, 8254 --> line --> 8259 ------------ INTR --> vCPU 0
 *	                              \--> I/O APIC --\
 *	VTR_VM_MSI --------------------------------------> local APIC --> its vCPU
 *	ICR of another vCPU ---------------------------/        ^-- its timer
 *
 * Whoever brings news for a vCPU (another vCPU, the program, a timer interrupt)
 * changes the vCPU's local APIC under the chip's lock and tells it by the request
 * VTR_REQ_EVENT: that wakes it from HLT or makes it leave the guest.  The vCPU's
 * own thread looks, right before the entry, which vector it has to take
 * (vtr_irqchip_deliver()).
 * Called by module/vcpu.c, events.c, handle.c, ioctl.c.  The devices themselves
 * are in lapic.c, ioapic.c, i8259.c, i8254.c; read those first.
 */
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/timex.h>
#include <asm/trapnr.h>

#include "irqchip.h"
#include "trace.h"

/* The 8254's line, and its pin at the I/O APIC, as on each PC. */
#define TIMER_LINE	0
#define TIMER_PIN	2
/* Data of a message signalled interrupt. */
#define MSI_ASSERT	BIT(14)
#define MSI_LEVEL	BIT(15)
/* next_vector(): the 8259 has it */
#define FROM_I8259	0x100

static unsigned int halt_poll_us = 100;
module_param(halt_poll_us, uint, 0644);
MODULE_PARM_DESC(halt_poll_us, "How long a thread looks for the end of a HLT before it sleeps, if the HLT before was as short, in microseconds (default 100); 0: it sleeps at once");

/* ---- telling a vCPU -------------------------------------------------------------- */

/*
 * There may be something for @vcpu.  Context: the chip's lock held, so that
 * the vCPU's structure stays (readers with interrupts off are RCU readers).
 */
static void tell(struct vtr_vcpu *vcpu)
{
	int cpu;

	/* Perhaps not: its thread looks. */
	vcpu->deaf = false;
	set_bit(VTR_REQ_EVENT, &vcpu->requests);
	/* Request before mode: see enum vtr_vcpu_mode. */
	smp_mb__after_atomic();
	/* Request before the queue, too: the sleeper is on it first and looks then. */
	if (waitqueue_active(&vcpu->rest_wait))
		wake_up(&vcpu->rest_wait);
	cpu = READ_ONCE(vcpu->cpu);
	/* On this core the interrupt or the exit that brought us here was enough. */
	if (READ_ONCE(vcpu->mode) == VTR_MODE_IN_GUEST && cpu >= 0 && cpu != smp_processor_id())
		smp_send_reschedule(cpu);
}

/* The vCPU whose INTR pin the 8259 drives. */
static struct vtr_vcpu *wired(struct vtr_irqchip *chip)
{
	return READ_ONCE(chip->vm->vcpus[0]);
}

static bool takes_extint(const struct vtr_vcpu *vcpu)
{
	return vcpu->id == 0 && vtr_lapic_passes_extint(&vcpu->lapic) &&
	       vtr_i8259_output(&vcpu->vm->irqchip->pic);
}

/* ---- messages -------------------------------------------------------------------- */

/* Lowest priority: the one that is least busy, by turns if several are. */
static struct vtr_vcpu *least_busy(struct vtr_irqchip *chip, const struct vtr_lapic *from,
				   const struct vtr_irq_message *message)
{
	struct vtr_vcpu *best = NULL;

	for (unsigned int i = 0; i < chip->end_id; i++) {
		unsigned int id = (chip->turn + i) % chip->end_id;
		struct vtr_vcpu *vcpu = READ_ONCE(chip->vm->vcpus[id]);

		if (!vcpu || !vtr_lapic_matches(&vcpu->lapic, from, message))
			continue;
		if (!best || vtr_lapic_ppr(&vcpu->lapic) < vtr_lapic_ppr(&best->lapic))
			best = vcpu;
	}
	if (best)
		chip->turn = best->id + 1;
	return best;
}

static bool bring(struct vtr_vcpu *vcpu, const struct vtr_irq_message *message)
{
	trace_vtr_accept(vcpu->vm->id, vcpu->id, message->mode, message->vector);
	if (!vtr_lapic_accept(&vcpu->lapic, message))
		return false;
	tell(vcpu);
	return true;
}

/**
 * vtr_irqchip_send() - bring a message to the local APICs that it is for
 * @chip: the VM's controllers, locked
 * @from: the local APIC that sends it, or NULL
 * @message: the message
 *
 * Context: locked; any, hard interrupts too.
 * Return: true: one of them at least has accepted it.
 */
bool vtr_irqchip_send(struct vtr_irqchip *chip, const struct vtr_lapic *from,
		      const struct vtr_irq_message *message)
{
	struct vtr_vcpu *vcpu;
	bool accepted = false;

	lockdep_assert_held(&chip->lock);
	if (message->mode == VTR_DELIVER_LOWEST) {
		vcpu = least_busy(chip, from, message);
		return vcpu && bring(vcpu, message);
	}
	for (unsigned int i = 0; i < chip->end_id; i++) {
		vcpu = READ_ONCE(chip->vm->vcpus[i]);
		if (vcpu && vtr_lapic_matches(&vcpu->lapic, from, message))
			accepted |= bring(vcpu, message);
	}
	return accepted;
}

static void resume_pit(struct vtr_irqchip *chip, u64 now);

/**
 * vtr_irqchip_settle() - the I/O APIC or the 8259 has changed: pass on what follows
 * @chip: the VM's controllers, locked
 *
 * Context: locked; any, hard interrupts too.
 */
void vtr_irqchip_settle(struct vtr_irqchip *chip)
{
	struct vtr_irq_message message;
	struct vtr_vcpu *vcpu;

	for (unsigned int pin = 0; vtr_ioapic_next(&chip->ioapic, &pin, &message); pin++)
		vtr_ioapic_sent(&chip->ioapic, pin, vtr_irqchip_send(chip, NULL, &message));
	vcpu = wired(chip);
	if (vcpu && takes_extint(vcpu))
		tell(vcpu);
	if (chip->pit_waits)
		resume_pit(chip, ktime_get_ns());
}

/* ---- lines ----------------------------------------------------------------------- */

/*
 * Lines 0 to 15 are the 8259's and the I/O APIC's, 16 to 23 only the latter's.
 */
static void set_line(struct vtr_irqchip *chip, unsigned int line, bool high)
{
	unsigned int pin = line == TIMER_LINE ? TIMER_PIN : line;

	if (line < VTR_I8259_LINES)
		vtr_i8259_set_line(&chip->pic, line, high);
	vtr_ioapic_set_line(&chip->ioapic, pin, high);
	vtr_irqchip_settle(chip);
}

/**
 * vtr_irqchip_set_line() - VTR_VM_IRQ_LINE
 * @vm: the VM
 * @args: checked for size by the caller
 *
 * Context: any process.
 * Return: 0; -ENODEV: the VM has no interrupt controllers; -EINVAL.
 */
int vtr_irqchip_set_line(struct vtr_vm *vm, const struct vtr_irq_line *args)
{
	struct vtr_irqchip *chip = vm->irqchip;

	if (!chip)
		return -ENODEV;
	if (args->flags || args->level > 1 || vtr_irqchip_check_line(args->line))
		return -EINVAL;
	trace_vtr_line(vm->id, args->line, args->level);
	spin_lock_irq(&chip->lock);
	set_line(chip, args->line, args->level);
	spin_unlock_irq(&chip->lock);
	return 0;
}

/* Return: 0; -EINVAL: no line; line 2 is where the second 8259 is connected. */
int vtr_irqchip_check_line(u32 line)
{
	return line >= VTR_IOAPIC_PINS || line == VTR_I8259_CASCADE ? -EINVAL : 0;
}

/**
 * vtr_irqchip_pulse_line() - a line goes high for a moment
 * @vm: a VM with interrupt controllers
 * @line: checked by vtr_irqchip_check_line()
 *
 * The I/O APIC remembers the edge.  The 8259 forgets one that goes before the
 * processor has acknowledged it.
 * Context: any, also with interrupts off.
 */
void vtr_irqchip_pulse_line(struct vtr_vm *vm, u32 line)
{
	struct vtr_irqchip *chip = vm->irqchip;
	unsigned long flags;

	trace_vtr_line(vm->id, line, 1);
	spin_lock_irqsave(&chip->lock, flags);
	set_line(chip, line, true);
	set_line(chip, line, false);
	spin_unlock_irqrestore(&chip->lock, flags);
	trace_vtr_line(vm->id, line, 0);
}

/**
 * vtr_irqchip_send_msi() - VTR_VM_MSI
 * @vm: the VM
 * @args: checked for size by the caller
 *
 * SDM 3A "Message Signalled Interrupts" (11.11).  There the bit for a logical
 * destination counts only together with the redirection hint; chipsets take it by
 * itself, and Linux relies on that.
 * Context: any, also with interrupts off.
 * Return: 0; -ENODEV: the VM has no interrupt controllers; -EINVAL: no address
 * of a local APIC.
 */
int vtr_irqchip_send_msi(struct vtr_vm *vm, const struct vtr_msi *args)
{
	struct vtr_irqchip *chip = vm->irqchip;
	struct vtr_irq_message message = {
		.dest = args->address >> 12 & 0xff,
		.logical = args->address & BIT(2),
		.mode = args->data >> 8 & 7,
		.vector = args->data,
		.level = args->data & MSI_LEVEL,
	};
	unsigned long flags;

	if (!chip)
		return -ENODEV;
	if (vtr_irqchip_check_msi(args))
		return -EINVAL;
	/* The end of a level is no message for a processor. */
	if (message.level && !(args->data & MSI_ASSERT))
		return 0;
	message.broadcast = message.dest == 0xff && !message.logical;
	/* The hint: to the one of them that is least busy. */
	if (args->address & BIT(3) && message.mode == VTR_DELIVER_FIXED)
		message.mode = VTR_DELIVER_LOWEST;
	spin_lock_irqsave(&chip->lock, flags);
	vtr_irqchip_send(chip, NULL, &message);
	spin_unlock_irqrestore(&chip->lock, flags);
	return 0;
}

/* Return: 0; -EINVAL: no address of a local APIC, flags, padding. */
int vtr_irqchip_check_msi(const struct vtr_msi *args)
{
	return args->flags || args->pad || args->address >> 20 != VTR_APIC_BASE >> 20 ? -EINVAL : 0;
}

/*
 * ---- timers -----------------------------------------------------------------------------
 *
 * A periodic timer may be due again before the guest has taken the tick before,
 * because the guest keeps interrupts off, or the vCPU's thread had to wait for a
 * core.  Then it rests until that tick is taken (vtr_irqchip_after_taking()), and is due at
 * once: the guest counts each tick, though late.  Ticks that are masked are lost, and
 * cost the host no timer.
 */

/*
 * A timer that starts itself again costs the host, not the guest, which may even
 * be stopped.  So it pauses at least that long; ticks that were due meanwhile come
 * one after the other, each when the one before was taken.
 */
#define PAUSE_NS	(100 * NSEC_PER_USEC)

/**
 * vtr_irqchip_now() - both clocks of a vCPU
 * @vcpu: the vCPU
 * @now: out: the moment
 *
 * The guest's is read first: what comes between makes a deadline late, never early.
 * Context: the vCPU's thread, loaded, preemption off.
 */
void vtr_irqchip_now(struct vtr_vcpu *vcpu, struct vtr_moment *now)
{
	now->host_tsc = get_cycles();
	now->tsc = vtr_tsc_at(vcpu, now->host_tsc);
	now->ns = ktime_get_ns();
	now->tsc_khz = vcpu->tsc_khz;
}

/* @due may lie before the host's start: a count goes on that began on another one. */
static void set_timer(struct hrtimer *timer, u64 due)
{
	hrtimer_start(timer, ns_to_ktime(max_t(s64, due, 1)), HRTIMER_MODE_ABS_HARD);
}

static bool has_come(u64 due, u64 now)
{
	return (s64)(due - now) <= 0;
}

/* @due on the host's counter.  Not more than an hour, so that nothing overflows. */
static u64 tsc_of(u64 due, const struct vtr_moment *now)
{
	u64 left = has_come(due, now->ns) ? 0 : min_t(u64, due - now->ns, 3600 * NSEC_PER_SEC);

	return now->host_tsc + mul_u64_u32_div(left, vtr_tsc_khz(), 1000000);
}

/*
 * Who counts?  The processor while the vCPU is in the guest: to set its timer costs next to
 * nothing, and its exit comes in the place of a host's interrupt.  The host's timer
 * where the processor has none, and for a vCPU that sleeps (give_timer_to_host()).
 */
static void set_lapic_timer(struct vtr_vcpu *vcpu, u64 due, const struct vtr_moment *now)
{
	if (vtr_backend->info.timer)
		vtr_backend->set_timer(vcpu, due ? tsc_of(due, now) : 0);
	else if (due)
		set_timer(&vcpu->lapic_timer, due);
	else	/* one that runs right now finds nothing to do */
		hrtimer_try_to_cancel(&vcpu->lapic_timer);
}

/**
 * vtr_irqchip_arm() - find out when the local APIC's timer expires, and wait for it
 * @vcpu: the vCPU
 * @now: both clocks
 *
 * Context: locked, the vCPU's thread.
 */
void vtr_irqchip_arm(struct vtr_vcpu *vcpu, const struct vtr_moment *now)
{
	vcpu->lapic_due = vtr_lapic_timer_due(&vcpu->lapic, now);
	trace_vtr_timer(vcpu->vm->id, vcpu->id, false, vcpu->lapic_due, now->ns);
	set_lapic_timer(vcpu, vcpu->lapic_due, now);
}

/*
 * The processor has counted to the end, or nearly.  What was computed when the timer was
 * armed does not matter any more: the clocks say if it is due.
 */
static void look_at_timer(struct vtr_vcpu *vcpu, const struct vtr_moment *now)
{
	u64 was_due = vcpu->lapic_due, due, pause = now->ns + PAUSE_NS;
	bool held = vcpu->vm->irqchip->held;
	bool expired = !held && vtr_lapic_timer_expire(&vcpu->lapic, now);

	if (expired) {
		trace_vtr_timer(vcpu->vm->id, vcpu->id, true, was_due, now->ns);
		set_bit(VTR_REQ_EVENT, &vcpu->requests);
	}
	due = vtr_lapic_timer_due(&vcpu->lapic, now);
	vcpu->lapic_due = due;
	if (due && (expired || held))
		due = has_come(due, pause) ? pause : due;
	else if (due && has_come(due, now->ns))
		due = 0;	/* periodic: it rests until its last tick is taken */
	set_lapic_timer(vcpu, due, now);
}

/**
 * vtr_irqchip_timer() - the processor's timer may have ended the stay in the guest
 * @vcpu: the vCPU
 *
 * Context: the vCPU's thread, loaded, interrupts on.
 */
void vtr_irqchip_timer(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_moment now;

	if (!chip || !vtr_backend->info.timer)
		return;
	preempt_disable();
	vtr_irqchip_now(vcpu, &now);
	spin_lock_irq(&chip->lock);
	look_at_timer(vcpu, &now);
	spin_unlock_irq(&chip->lock);
	preempt_enable();
}

static void arm_again(struct hrtimer *timer, u64 due, u64 now)
{
	set_timer(timer, max_t(s64, due, now + PAUSE_NS));
}

static enum hrtimer_restart lapic_tick(struct hrtimer *timer)
{
	struct vtr_vcpu *vcpu = container_of(timer, struct vtr_vcpu, lapic_timer);
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_moment now = { .ns = ktime_get_ns(), .tsc_khz = vcpu->tsc_khz };
	unsigned long flags;

	spin_lock_irqsave(&chip->lock, flags);
	if (chip->held)
		goto unlock;
	/* The guest's counter cannot be read here; when its moment comes was computed. */
	if (vcpu->lapic_due && has_come(vcpu->lapic_due, now.ns))
		now.tsc = U64_MAX;
	if (vtr_lapic_timer_expire(&vcpu->lapic, &now)) {
		trace_vtr_timer(vcpu->vm->id, vcpu->id, true, vcpu->lapic_due, now.ns);
		tell(vcpu);
		vcpu->lapic_due = vtr_lapic_timer_due(&vcpu->lapic, &now);
		if (!has_come(vcpu->lapic_due, now.ns))
			arm_again(timer, vcpu->lapic_due, now.ns);
	} else if (vcpu->lapic.lends) {
		/* Perhaps the guest has taken the tick before, and nobody has noticed. */
		tell(vcpu);
	}
unlock:
	spin_unlock_irqrestore(&chip->lock, flags);
	return HRTIMER_NORESTART;
}

/**
 * vtr_irqchip_arm_pit() - set the host's timer to when channel 0 of the 8254 is due
 * @chip: the VM's controllers, locked
 * @now: ns
 *
 * Context: locked; any.
 */
void vtr_irqchip_arm_pit(struct vtr_irqchip *chip, u64 now)
{
	u64 due = vtr_i8254_due(&chip->pit);

	if (due)
		set_timer(&chip->pit_timer, due);
	else
		hrtimer_try_to_cancel(&chip->pit_timer);
}

/* Is there a tick of the 8254 that no vCPU has taken? */
static bool tick_waits(struct vtr_irqchip *chip)
{
	int vector = vtr_ioapic_vector(&chip->ioapic, TIMER_PIN);

	if (vtr_i8259_waits(&chip->pic, TIMER_LINE))
		return true;
	for (unsigned int i = 0; vector >= 0 && i < chip->end_id; i++) {
		struct vtr_vcpu *vcpu = READ_ONCE(chip->vm->vcpus[i]);

		if (vcpu && vtr_lapic_requested(&vcpu->lapic, vector)) {
			/* If the guest has taken it already, that is noticed by an exit. */
			if (vcpu->lapic.lends)
				tell(vcpu);
			return true;
		}
	}
	return false;
}

/* Its tick has been taken or thrown away, or perhaps its line is open again. */
static void resume_pit(struct vtr_irqchip *chip, u64 now)
{
	if (!chip->pit_waits || tick_waits(chip))
		return;
	if (chip->pit_unheard)
		vtr_i8254_skip(&chip->pit, now);
	chip->pit_waits = chip->pit_unheard = false;
	vtr_irqchip_arm_pit(chip, now);
}

static enum hrtimer_restart pit_tick(struct hrtimer *timer)
{
	struct vtr_irqchip *chip = container_of(timer, struct vtr_irqchip, pit_timer);
	u64 now = ktime_get_ns();
	unsigned long flags;

	spin_lock_irqsave(&chip->lock, flags);
	if (chip->held)
		goto unlock;
	chip->pit_waits = tick_waits(chip);
	if (!chip->pit_waits && vtr_i8254_expire(&chip->pit, now)) {
		/* The output was low for a moment and is high again. */
		set_line(chip, TIMER_LINE, false);
		set_line(chip, TIMER_LINE, true);
		chip->pit_unheard = !tick_waits(chip);
		chip->pit_waits = chip->pit_unheard || has_come(vtr_i8254_due(&chip->pit), now);
		if (!chip->pit_waits)
			vtr_irqchip_arm_pit(chip, now);
	}
unlock:
	spin_unlock_irqrestore(&chip->lock, flags);
	return HRTIMER_NORESTART;
}

/*
 * ---- a pause ----------------------------------------------------------------------------
 *
 * What the timers remember are moments of the host's clock.  After a pause each of
 * them lies as much later as the pause was long, so nothing has become due meanwhile.
 */

/**
 * vtr_irqchip_hold() - no timer of the guest expires from here on
 * @vm: the VM
 *
 * Context: process, vm->lock.
 */
void vtr_irqchip_hold(struct vtr_vm *vm)
{
	struct vtr_irqchip *chip = vm->irqchip;

	if (!chip)
		return;
	spin_lock_irq(&chip->lock);
	chip->held = true;
	spin_unlock_irq(&chip->lock);
}

static void release_lapic(struct vtr_vcpu *vcpu, u64 ns)
{
	vtr_lapic_shift(&vcpu->lapic, ns);
	if (!vcpu->lapic_due)
		return;
	vcpu->lapic_due += ns;
	hrtimer_start(&vcpu->lapic_timer, ns_to_ktime(vcpu->lapic_due), HRTIMER_MODE_ABS_HARD);
}

/**
 * vtr_irqchip_release() - the guest's timers go on
 * @vm: the VM
 * @ns: how long they were held
 *
 * Of a TSC deadline the moment on the host's clock is moved; that is right if the
 * guest's counter is set back by as much, and it is computed anew when that is done
 * (vtr_irqchip_clock_changed()).
 * Context: process, vm->lock.
 */
void vtr_irqchip_release(struct vtr_vm *vm, u64 ns)
{
	struct vtr_irqchip *chip = vm->irqchip;

	if (!chip)
		return;
	spin_lock_irq(&chip->lock);
	chip->held = false;
	for (unsigned int i = 0; i < VTR_MAX_VCPUS; i++) {
		if (vm->vcpus[i])
			release_lapic(vm->vcpus[i], ns);
	}
	vtr_i8254_shift(&chip->pit, ns);
	if (!chip->pit_waits)
		vtr_irqchip_arm_pit(chip, ktime_get_ns());
	spin_unlock_irq(&chip->lock);
}

/* ---- the vCPU's side ------------------------------------------------------------- */

/* The vector that @vcpu has to take next, -1: none.  Context: locked. */
static int next_vector(const struct vtr_vcpu *vcpu)
{
	int vector = vtr_lapic_next(&vcpu->lapic);

	return vector < 0 && takes_extint(vcpu) ? FROM_I8259 : vector;
}

/* The same without what the processor takes by itself. */
static int next_by_hand(const struct vtr_vcpu *vcpu)
{
	if (!(vtr_apicv_does(vcpu) & VTR_APICV_DELIVERY))
		return next_vector(vcpu);
	/* The 8259 cannot wait for the others: with its window open they would not come. */
	return takes_extint(vcpu) ? FROM_I8259 : -1;
}

/**
 * vtr_irqchip_after_taking() - go on with periodic timers that rest for a tick
 * @vcpu: the vCPU
 * @vector: what it has taken
 *
 * Context: locked, the vCPU's thread, loaded, preemption off.
 */
void vtr_irqchip_after_taking(struct vtr_vcpu *vcpu, u8 vector)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	bool is_tick = vtr_lapic_is_tick(&vcpu->lapic, vector);
	struct vtr_moment now;

	if (!is_tick && !chip->pit_waits)
		return;
	vtr_irqchip_now(vcpu, &now);
	if (is_tick)
		vtr_irqchip_arm(vcpu, &now);
	resume_pit(chip, now.ns);
}

static u8 take_vector(struct vtr_vcpu *vcpu, int vector)
{
	if (vector == FROM_I8259)
		vector = vtr_i8259_acknowledge(&vcpu->vm->irqchip->pic);
	else
		vtr_lapic_take(&vcpu->lapic, vector);
	vtr_irqchip_after_taking(vcpu, vector);
	return vector;
}

/* Will the next event be an NMI?  One that is blocked keeps no interrupt away. */
static bool takes_nmi(struct vtr_vcpu *vcpu)
{
	return (vcpu->nmi_pending || vcpu->lapic.nmi) &&
	       vtr_backend->can_inject(vcpu, VTR_EVENT_NMI);
}

/**
 * vtr_irqchip_deliver() - choose what the next entry brings
 * @vcpu: the vCPU
 *
 * At most one event fits into an entry.  If another one waits, or this one has
 * to, vcpu->irq_waits asks for the interrupt window.
 * Context: right before the entry, preemption off.
 */
void vtr_irqchip_deliver(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	unsigned long flags;
	int vector;

	if (!chip || (!test_and_clear_bit(VTR_REQ_EVENT, &vcpu->requests) && !vcpu->irq_waits))
		return;
	spin_lock_irqsave(&chip->lock, flags);
	if (vcpu->lapic.nmi) {
		vcpu->lapic.nmi = false;
		vcpu->nmi_pending = true;
	}
	/* An INIT that came since the run loop looked: must_not_enter() sees the request. */
	if (vcpu->lapic.init)
		set_bit(VTR_REQ_EVENT, &vcpu->requests);
	vector = next_by_hand(vcpu);
	if (vector >= 0 && !vcpu->queued.kind && !takes_nmi(vcpu) &&
	    vtr_backend->can_inject(vcpu, VTR_EVENT_INTERRUPT)) {
		vcpu->queued = (struct vtr_event) {
			.kind = VTR_EVENT_INTERRUPT, .vector = take_vector(vcpu, vector),
		};
		vector = next_by_hand(vcpu);
	}
	vcpu->irq_waits = vector >= 0;
	vtr_apicv_enter(vcpu);
	spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * vtr_irqchip_begin_run() - do what a restored state asks for
 * @vcpu: the vCPU, loaded, about to run
 *
 * VTR_VM_SET_STATE only writes down the state: while others are still being set,
 * nothing may be sent from one device to another, and a vCPU's counter, which says when
 * a deadline comes, can be read by its own thread only.
 */
void vtr_irqchip_begin_run(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_moment now;

	preempt_disable();
	vtr_irqchip_now(vcpu, &now);
	spin_lock_irq(&chip->lock);
	vcpu->lapic_restored = false;
	vtr_irqchip_arm(vcpu, &now);
	chip->pit_waits = chip->pit_unheard = false;
	vtr_irqchip_arm_pit(chip, now.ns);
	vcpu->vapic_old = true;
	set_bit(VTR_REQ_EVENT, &vcpu->requests);
	vtr_irqchip_settle(chip);
	spin_unlock_irq(&chip->lock);
	preempt_enable();
}

/* After an INIT all but the first processor wait for a start-up IPI. */
static void take_init(struct vtr_vcpu *vcpu)
{
	vcpu->lapic.init = false;
	vtr_lapic_reset(&vcpu->lapic);
	vtr_backend->take_init(vcpu);
	vcpu->cr2 = 0;
	vcpu->cr8 = 0;
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	vcpu->dr6 = VTR_DR6_ONES;
	vcpu->queued = (struct vtr_event) {};
	vcpu->nmi_pending = false;
	vcpu->vapic_old = true;
	set_bit(VTR_REQ_EVENT, &vcpu->requests);
	vcpu->activity = vcpu->lapic.base & VTR_APIC_BASE_BSP ? VTR_ACTIVE : VTR_WAIT_SIPI;
}

/* SDM 3A "Typical AP Initialization Sequence": it begins at the page that the IPI names. */
static void take_sipi(struct vtr_vcpu *vcpu)
{
	/* LAB 7.8: */
	struct vtr_sregs sregs;
	struct vtr_regs regs;

	vcpu->lapic.sipi = false;
	vtr_backend->get_sregs(vcpu, &sregs);
	sregs.seg[VTR_CS].selector = vcpu->lapic.sipi_page << 8;
	sregs.seg[VTR_CS].base = vcpu->lapic.sipi_page << 12;
	vtr_backend->set_sregs(vcpu, &sregs);
	vtr_backend->get_regs(vcpu, &regs);
	regs.rip = 0;
	vtr_backend->set_regs(vcpu, &regs);
	vcpu->activity = VTR_ACTIVE;
	/* LAB 7.8 END */
}

/* Is there an event that ends a HLT?  Context: locked, loaded. */
static bool event_for_halted(struct vtr_vcpu *vcpu)
{
	/* LAB 7.4: return false; */
	return vcpu->queued.kind || takes_nmi(vcpu) ||
	       (next_vector(vcpu) >= 0 && vtr_backend->can_inject(vcpu, VTR_EVENT_INTERRUPT));
	/* LAB 7.4 END */
}

static bool rests(const struct vtr_vcpu *vcpu)
{
	return vcpu->activity == VTR_HALTED || vcpu->activity == VTR_WAIT_SIPI;
}

/* Do only INIT, a start-up IPI or an NMI end its rest?  Context: locked, loaded. */
static bool is_deaf(struct vtr_vcpu *vcpu)
{
	return vcpu->activity == VTR_WAIT_SIPI ||
	       (vcpu->activity == VTR_HALTED &&
		!vtr_backend->can_inject(vcpu, VTR_EVENT_INTERRUPT));
}

/**
 * vtr_irqchip_rests() - is the vCPU halted, or not started yet?
 * @vcpu: the vCPU, loaded
 *
 * Also takes what has come to end that: INIT, start-up IPI, an event.
 * Context: the vCPU's thread; does not sleep, and may be called by one that is about to.
 * Return: true: it must not be entered.
 */
bool vtr_irqchip_rests(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	unsigned long flags;

	if (!vtr_irqchip_may_rest(vcpu))
		return false;
	preempt_disable();
	spin_lock_irqsave(&chip->lock, flags);
	if (vcpu->lapic.init) {
		take_init(vcpu);
		vtr_irqchip_settle(chip);
	}
	/* LAB 7.8: */
	if (vcpu->activity == VTR_WAIT_SIPI && vcpu->lapic.sipi)
		take_sipi(vcpu);
	/* Running processors ignore it: SDM 3A "Interrupt Command Register (ICR)". */
	vcpu->lapic.sipi = false;
	/* LAB 7.8 END */
	if (vcpu->activity == VTR_HALTED && event_for_halted(vcpu)) {
		vcpu->activity = VTR_ACTIVE;
		vcpu->irq_waits = true;
	}
	vcpu->deaf = is_deaf(vcpu);
	spin_unlock_irqrestore(&chip->lock, flags);
	preempt_enable();
	return rests(vcpu);
}

/*
 * Does nothing inside of the VM wake any vCPU?  One that sleeps in its thread or that
 * was never started sends no IPI; interrupts of devices and timers end no HLT with
 * interrupts off.  Somebody looks behind each change: the thread that begins to rest.
 */
static bool is_over(struct vtr_vm *vm)
{
	struct vtr_irqchip *chip = vm->irqchip;
	unsigned long flags;
	bool over;

	if (!(vm->flags & VTR_VM_TELL_HALT))
		return false;
	spin_lock_irqsave(&chip->lock, flags);
	over = !vtr_ioapic_wakes_deaf(&chip->ioapic);
	for (unsigned int i = 0; over && i < VTR_MAX_VCPUS; i++) {
		struct vtr_vcpu *vcpu = READ_ONCE(vm->vcpus[i]);

		over = !vcpu || vcpu->deaf;
	}
	spin_unlock_irqrestore(&chip->lock, flags);
	return over;
}

/* Outside of RUN the program may do with a halted vCPU what it likes. */
static void leave_rest(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;

	spin_lock_irq(&chip->lock);
	vcpu->deaf = vcpu->deaf && vcpu->activity == VTR_WAIT_SIPI;
	spin_unlock_irq(&chip->lock);
}

/* Something else than an event wants the vCPU's thread; a flush has time until the entry. */
static bool is_wanted(struct vtr_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->immediate_exit) || vtr_vm_dead(vcpu->vm) ||
	       READ_ONCE(vcpu->requests) & ~(BIT(VTR_REQ_EVENT) | BIT(VTR_REQ_FLUSH));
}

/*
 * A vCPU that sleeps is in no guest, where the processor's timer would count.
 * Return: true: the host's timer does, until take_timer_back().
 */
static bool give_timer_to_host(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;

	if (!vtr_backend->info.timer || !READ_ONCE(vcpu->lapic_due))
		return false;
	spin_lock_irq(&chip->lock);
	set_timer(&vcpu->lapic_timer, vcpu->lapic_due);
	spin_unlock_irq(&chip->lock);
	return true;
}

static void take_timer_back(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_moment now;

	preempt_disable();
	/* One that runs right now does its work under the lock, before or after this. */
	hrtimer_try_to_cancel(&vcpu->lapic_timer);
	vtr_irqchip_now(vcpu, &now);
	spin_lock_irq(&chip->lock);
	vcpu->lapic_due = vtr_lapic_timer_due(&vcpu->lapic, &now);
	set_lapic_timer(vcpu, vcpu->lapic_due, &now);
	spin_unlock_irq(&chip->lock);
	preempt_enable();
}

/*
 * To sleep, and to be woken by another core, costs some thousand instructions.  A vCPU whose
 * last rest was short may expect the same of this one; so its thread looks for a moment
 * first, if its core has nothing else to do.  The processor's timer does not count here.
 */
static void poll_before_sleep(struct vtr_vcpu *vcpu, u64 now, u64 until)
{
	for (; (s64)(until - now) > 0; now = ktime_get_ns()) {
		u64 due = READ_ONCE(vcpu->lapic_due);

		if (due && has_come(due, now))
			vtr_irqchip_timer(vcpu);
		if (READ_ONCE(vcpu->requests) & BIT(VTR_REQ_EVENT) && !vtr_irqchip_rests(vcpu))
			return;
		if (is_wanted(vcpu) || need_resched() || !single_task_running())
			return;
		cpu_relax();
	}
}

static bool sleep_while_resting(struct vtr_vcpu *vcpu)
{
	bool over = false, timer_given = give_timer_to_host(vcpu);

	/* A signal is seen by who looks for work next. */
	(void)wait_event_interruptible(vcpu->rest_wait,
				       is_wanted(vcpu) || !vtr_irqchip_rests(vcpu) ||
				       (over = is_over(vcpu->vm)));
	if (timer_given)
		take_timer_back(vcpu);
	return !over;
}

/**
 * vtr_irqchip_wait() - sleep as long as the vCPU rests
 * @vcpu: the vCPU, its mutex held, loaded
 *
 * Returns early for a signal, a request, immediate_exit and the VM's death: the
 * caller looks at these anyway.
 * Context: the vCPU's thread; sleeps.
 * Return: false: nothing inside of the VM will ever wake it, and the program wants to
 * be told (VTR_VM_TELL_HALT).
 */
bool vtr_irqchip_wait(struct vtr_vcpu *vcpu)
{
	u64 poll_ns = READ_ONCE(halt_poll_us) * NSEC_PER_USEC, from;
	bool can_wake = true;

	if (!vtr_irqchip_rests(vcpu))
		return true;
	vtr_record(vcpu, VTR_TRACE_HOST, 0);
	from = ktime_get_ns();
	if (vcpu->rests_shortly)
		poll_before_sleep(vcpu, from, from + poll_ns);
	if (rests(vcpu))
		can_wake = sleep_while_resting(vcpu);
	vcpu->rests_shortly = ktime_get_ns() - from < poll_ns;
	leave_rest(vcpu);
	return can_wake;
}

/* ---- life ------------------------------------------------------------------------ */

/**
 * vtr_irqchip_create() - give a VM its interrupt controllers
 * @vm: the VM, which nobody else knows yet
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int vtr_irqchip_create(struct vtr_vm *vm)
{
	struct vtr_irqchip *chip = kzalloc(sizeof(*chip), VTR_GFP_CHARGED);

	if (!chip)
		return -ENOMEM;
	chip->vm = vm;
	if (vtr_apicv_level >= 1)
		chip->apicv = vtr_backend->info.apicv;
	if (vtr_apicv_level < 2)
		chip->apicv &= ~VTR_APICV_DELIVERY;
	if (chip->apicv & VTR_APICV_XAPIC) {
		chip->access_page = (void *)get_zeroed_page(VTR_GFP_CHARGED);
		if (!chip->access_page) {
			kfree(chip);
			return -ENOMEM;
		}
	}
	spin_lock_init(&chip->lock);
	vtr_ioapic_reset(&chip->ioapic);
	vtr_i8259_reset(&chip->pic);
	vtr_i8254_reset(&chip->pit);
	hrtimer_init(&chip->pit_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	chip->pit_timer.function = pit_tick;
	vm->irqchip = chip;
	return 0;
}

/**
 * vtr_irqchip_destroy() - undo vtr_irqchip_create(), if that was called
 * @vm: the VM, without vCPUs
 *
 * Context: process; sleeps.
 */
void vtr_irqchip_destroy(struct vtr_vm *vm)
{
	if (!vm->irqchip)
		return;
	hrtimer_cancel(&vm->irqchip->pit_timer);
	free_page((unsigned long)vm->irqchip->access_page);
	kfree(vm->irqchip);
}

/**
 * vtr_irqchip_add_vcpu() - prepare a vCPU's timer, and its local APIC if it has one
 * @vcpu: the vCPU, which nobody can find yet; its ids are set
 */
void vtr_irqchip_add_vcpu(struct vtr_vcpu *vcpu)
{
	init_waitqueue_head(&vcpu->rest_wait);
	hrtimer_init(&vcpu->lapic_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	vcpu->lapic_timer.function = lapic_tick;
	if (!vcpu->vm->irqchip)
		return;
	spin_lock_irq(&vcpu->vm->irqchip->lock);
	vcpu->vm->irqchip->end_id = max(vcpu->vm->irqchip->end_id, vcpu->id + 1);
	spin_unlock_irq(&vcpu->vm->irqchip->lock);
	vtr_lapic_init(&vcpu->lapic, vcpu->apic_id, vcpu->id == 0);
	/* What the processor does of it is decided before the first entry. */
	vcpu->vapic_old = true;
	set_bit(VTR_REQ_EVENT, &vcpu->requests);
	vcpu->activity = vcpu->id ? VTR_WAIT_SIPI : VTR_ACTIVE;
	vcpu->deaf = vcpu->activity == VTR_WAIT_SIPI;
}

/**
 * vtr_irqchip_remove_vcpu() - stop its timer
 * @vcpu: the vCPU, which nobody can find any more
 *
 * Context: process; sleeps.
 */
void vtr_irqchip_remove_vcpu(struct vtr_vcpu *vcpu)
{
	hrtimer_cancel(&vcpu->lapic_timer);
}
