// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's time stamp counter: host's counter times a ratio, plus an offset.
 *
 * The processor computes the same for RDTSC and RDTSCP; this file does it for
 * RDMSR and WRMSR, and turns a rate into the ratio.  A ratio is a fixed-point
 * number with info.tsc_fraction_bits behind the point; a processor that cannot
 * scale has none, and its guests run at the host's rate.
 * IA32_TSC_ADJUST is the sum of what the guest itself has moved its counter by: 0
 * tells an operating system that nobody else did, so it trusts the counter.
 * At the end: all of the guest's time stands still, for a pause.
 * Called by module/msr.c, module/state.c, module/ioctl.c.
 * Source: SDM 3C "Time-Stamp Counter Offset and Multiplier" (25.6.5); SDM 3B
 * "Time-Stamp Counter Adjustment" (17.17.3).
 */
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/timex.h>

#include "irqchip.h"
#include "vtr.h"

/**
 * vtr_tsc_ratio() - what makes a counter of @khz out of the host's
 * @khz: the wanted rate
 * @host_khz: the host's rate
 * @ratio: filled in
 *
 * Return: 0; -EINVAL: the processor cannot scale, or not by so much.
 */
int vtr_tsc_ratio(u32 khz, u32 host_khz, u64 *ratio)
{
	unsigned int bits = vtr_backend->info.tsc_fraction_bits;

	if (!bits) {
		*ratio = 0;
		return khz == host_khz ? 0 : -EINVAL;
	}
	/* The part in front of the point must fit, too. */
	if (!khz || !host_khz || khz / host_khz >> (64 - bits))
		return -EINVAL;
	*ratio = mul_u64_u32_div(BIT_ULL(bits), khz, host_khz);
	return *ratio ? 0 : -EINVAL;
}

static u64 scale(const struct vtr_vcpu *vcpu, u64 host_tsc)
{
	unsigned int bits = vtr_backend->info.tsc_fraction_bits;

	return bits ? mul_u64_u64_shr(host_tsc, vcpu->tsc_ratio, bits) : host_tsc;
}

/* The guest's counter when the host's is @host_tsc.  Context: loaded, preemption off. */
u64 vtr_tsc_at(struct vtr_vcpu *vcpu, u64 host_tsc)
{
	return scale(vcpu, host_tsc) + vtr_backend->get_tsc_offset(vcpu);
}

/* Context: loaded, preemption off. */
u64 vtr_tsc_read(struct vtr_vcpu *vcpu)
{
	return vtr_tsc_at(vcpu, get_cycles());
}

/**
 * vtr_tsc_write() - the program sets the counter
 * @vcpu: whose
 * @value: what it shows from now on
 *
 * Context: loaded, preemption off.
 */
void vtr_tsc_write(struct vtr_vcpu *vcpu, u64 value)
{
	vtr_backend->set_tsc_offset(vcpu, value - scale(vcpu, get_cycles()));
}

/**
 * vtr_tsc_guest_write() - WRMSR IA32_TSC: by how much the counter moves is added up
 * @vcpu: whose
 * @value: what it shows from now on
 *
 * Context: loaded, preemption off.
 */
void vtr_tsc_guest_write(struct vtr_vcpu *vcpu, u64 value)
{
	u64 before = vtr_backend->get_tsc_offset(vcpu);

	vtr_tsc_write(vcpu, value);
	vcpu->tsc_adjust += vtr_backend->get_tsc_offset(vcpu) - before;
}

/**
 * vtr_tsc_guest_adjust() - WRMSR IA32_TSC_ADJUST: the counter moves by the difference
 * @vcpu: whose
 * @value: the new sum
 *
 * Context: loaded, preemption off.
 */
void vtr_tsc_guest_adjust(struct vtr_vcpu *vcpu, u64 value)
{
	u64 offset = vtr_backend->get_tsc_offset(vcpu);

	vtr_backend->set_tsc_offset(vcpu, offset + value - vcpu->tsc_adjust);
	vcpu->tsc_adjust = value;
}

/* Let the guest's counter run at @khz.  Context: loaded, preemption off. */
int vtr_tsc_set_rate(struct vtr_vcpu *vcpu, u32 khz)
{
	u64 ratio;
	int err = vtr_tsc_ratio(khz, vtr_tsc_khz(), &ratio);

	if (err)
		return err;
	vcpu->tsc_khz = khz;
	vcpu->tsc_ratio = ratio;
	if (vtr_backend->info.tsc_fraction_bits)
		vtr_backend->set_tsc_ratio(vcpu, ratio);
	return 0;
}

/* Context: vm->lock. */
static int hold(struct vtr_vm *vm)
{
	if (vm->held_ns)
		return -EALREADY;
	vm->held_tsc = get_cycles();
	vm->held_ns = ktime_get_ns();
	vtr_irqchip_hold(vm);
	return 0;
}

/* Context: vm->lock. */
static int release(struct vtr_vm *vm, struct vtr_hold_timers *args)
{
	if (!vm->held_ns)
		return -EALREADY;
	args->tsc = get_cycles() - vm->held_tsc;
	args->ns = ktime_get_ns() - vm->held_ns;
	vm->held_ns = 0;
	vtr_irqchip_release(vm, args->ns);
	return 0;
}

/**
 * vtr_time_hold() - VTR_VM_HOLD_TIMERS
 * @vm: the VM, of which the caller runs no vCPU
 * @args: checked for size by the caller; out: how long the timers were held
 *
 * The program sets back the time stamp counters, which are state of the vCPUs.
 * Context: process; sleeps.
 * Return: 0; -EALREADY: they are held, or are not; -EINVAL.
 */
int vtr_time_hold(struct vtr_vm *vm, struct vtr_hold_timers *args)
{
	int err;

	if (args->flags & ~VTR_TIMERS_HELD || args->ns || args->tsc)
		return -EINVAL;
	mutex_lock(&vm->lock);
	err = args->flags ? hold(vm) : release(vm, args);
	mutex_unlock(&vm->lock);
	return err;
}
