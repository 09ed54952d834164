// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model-specific registers as the guest sees them.
 *
 * RDMSR and WRMSR that the back end does not let through come here.  A few are
 * architecture (EFER, TSC) and handled neutrally, a few live in the back end
 * (segment bases, SYSCALL and SYSENTER targets, PAT), every other one does not
 * exist: the guest gets #GP, as on a processor without it.
 * Called by module/handle.c (guest) and module/state.c (GET/SET_STATE).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/errno.h>
#include <linux/timex.h>
#include <asm/msr-index.h>

#include "vtr.h"

/* MSRs in a VTR_STATE_MSRS record.  EFER is in sregs, TSC in its own record. */
const u32 vtr_msr_list[] = {
	MSR_IA32_SYSENTER_CS,
	MSR_IA32_SYSENTER_ESP,
	MSR_IA32_SYSENTER_EIP,
	MSR_IA32_CR_PAT,
	MSR_STAR,
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_SYSCALL_MASK,
	MSR_KERNEL_GS_BASE,
	MSR_TSC_AUX,
};

const unsigned int vtr_msr_count = ARRAY_SIZE(vtr_msr_list);

static u64 read_efer(struct vtr_vcpu *vcpu)
{
	struct vtr_sregs sregs;

	vtr_backend->get_sregs(vcpu, &sregs);
	return sregs.efer;
}

static int read_msr(struct vtr_vcpu *vcpu, u32 index, u64 *value)
{
	switch (index) {
	case MSR_EFER:
		*value = read_efer(vcpu);
		return 0;
	case MSR_IA32_TSC:
		*value = get_cycles() + vtr_backend->get_tsc_offset(vcpu);
		return 0;
	default:
		return vtr_backend->get_msr(vcpu, index, value);
	}
}

static int write_msr(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	switch (index) {
	case MSR_EFER:
		return vtr_efer_write(vcpu, value);
	case MSR_IA32_TSC:
		vtr_backend->set_tsc_offset(vcpu, value - get_cycles());
		return 0;
	default:
		return vtr_backend->set_msr(vcpu, index, value);
	}
}

/* Return: 0, or -ENOENT / -EINVAL: the guest gets #GP.  Sleeps not. */
int vtr_msr_read(struct vtr_vcpu *vcpu, u32 index, u64 *value)
{
	int err;

	preempt_disable();
	err = read_msr(vcpu, index, value);
	preempt_enable();
	if (err)
		pr_debug_ratelimited("%s vCPU %u: RDMSR 0x%x: no such register, #GP\n",
				     vcpu->vm->name, vcpu->id, index);
	return err;
}

int vtr_msr_write(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	int err;

	preempt_disable();
	err = write_msr(vcpu, index, value);
	preempt_enable();
	if (err)
		pr_debug_ratelimited("%s vCPU %u: WRMSR 0x%x := 0x%llx refused, #GP\n",
				     vcpu->vm->name, vcpu->id, index, value);
	return err;
}
