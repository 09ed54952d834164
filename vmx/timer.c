// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMX-preemption timer, which ends a stay in the guest by exit 52.
 *
 * Two want it: module/irqchip.c, when the timer of the guest's local APIC is due
 * (vmx_set_timer()), and the module's parameter slice_us, the longest stay.  The earlier
 * one counts.
 * vmx_start_timer() is called by vmx/run.c right before each entry.
 * Source: SDM 3C "VMX-Preemption Timer" (26.5.1), SDM 3D "Miscellaneous Data" (A.6).
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/timex.h>

#include "caps.h"
#include "controls.h"
#include "insn.h"
#include "vmx.h"

static unsigned int slice_us;
module_param(slice_us, uint, 0644);
MODULE_PARM_DESC(slice_us, "Longest stay in the guest in microseconds, if the processor has a VMX-preemption timer; 0: until something ends it (default); for vCPUs made from then on");

void vmx_setup_timer(struct vtr_vmx_vcpu *v)
{
	if (vmx_has_preemption_timer())
		v->slice_ticks = div_u64((u64)slice_us * vtr_tsc_khz(), 1000);
}

void vmx_set_timer(struct vtr_vcpu *vcpu, u64 tsc)
{
	to_vmx(vcpu)->timer_tsc = tsc;
}

/*
 * Ticks of the host's counter.  That begins anew when the machine has slept, so a guest's
 * timer ends the stay after a tenth of a second at the latest.
 */
static u64 longest_stay(const struct vtr_vmx_vcpu *v)
{
	u64 now = get_cycles(), slice = v->slice_ticks ?: U64_MAX;

	if (!v->timer_tsc)
		return slice;
	if (v->timer_tsc <= now)
		return 0;
	return min3(slice, v->timer_tsc - now, (u64)vtr_tsc_khz() * 100);
}

/*
 * The timer counts down at the rate of the TSC divided by a power of two.  Its value is
 * not saved by exits, so each entry begins with a new one.  With 0 the exit comes before
 * the first instruction.
 */
void vmx_start_timer(struct vtr_vmx_vcpu *v)
{
	bool on = v->timer_tsc || v->slice_ticks;
	u64 unit = BIT_ULL(vmx_timer_shift());

	if (on != v->timer_on) {
		vmcs_write32(VMCS_PIN_BASED_VM_EXEC_CONTROL,
			     vmx_caps.pin | (on ? VMX_PIN_PREEMPTION_TIMER : 0));
		v->timer_on = on;
	}
	if (on)
		vmcs_write32(VMCS_VMX_PREEMPTION_TIMER_VALUE,
			     min_t(u64, (longest_stay(v) + unit - 1) / unit, U32_MAX));
}
