// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model-specific registers as the guest sees them.
 *
 * RDMSR and WRMSR that the back end does not let through come here.  A few are
 * architecture (EFER, TSC) and handled neutrally, a few live in the back end
 * (segment bases, SYSCALL and SYSENTER targets, PAT), a few hold a fixed value,
 * every other one does not exist: the guest gets #GP, as on a processor without
 * it.  What the program's filter names (module/policy.c) never comes here.
 * Called by module/handle.c (guest) and module/state.c (GET/SET_STATE).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <asm/msr-index.h>

#include "irqchip.h"

#define X2APIC_MSRS	0x800 ... 0x8ff

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
	MSR_IA32_TSC_ADJUST,
};

const unsigned int vtr_msr_count = ARRAY_SIZE(vtr_msr_list);

static u64 read_efer(struct vtr_vcpu *vcpu)
{
	struct vtr_sregs sregs;

	vtr_backend->get_sregs(vcpu, &sregs);
	return sregs.efer;
}

/*
 * MSRs that each processor has and that guests read or write without asking
 * CPUID first.  They hold one value; bits of @ignored may be written, and stay.
 */
struct fixed_msr {
	u32 index;
	u64 value;
	u64 ignored;
};

static const struct fixed_msr fixed_msrs[] = {
	{ MSR_IA32_PLATFORM_ID, 0, 0 },
	/* Microcode: software writes 0 and asks CPUID before it reads. */
	{ MSR_IA32_UCODE_REV, 0, 0 },
	/* Fast strings; no branch trace, no precise sampling. */
	{ MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE_FAST_STRING |
	  MSR_IA32_MISC_ENABLE_BTS_UNAVAIL | MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL,
	  MSR_IA32_MISC_ENABLE_FAST_STRING },
	{ MSR_IA32_DEBUGCTLMSR, 0, 0 },
};

static const struct fixed_msr *find_fixed(u32 index)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(fixed_msrs); i++)
		if (fixed_msrs[i].index == index)
			return &fixed_msrs[i];
	return NULL;
}

static int read_msr(struct vtr_vcpu *vcpu, u32 index, u64 *value)
{
	const struct fixed_msr *fixed;

	switch (index) {
	case MSR_EFER:
		*value = read_efer(vcpu);
		return 0;
	case MSR_IA32_TSC:
		*value = vtr_tsc_read(vcpu);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		*value = vcpu->tsc_adjust;
		return 0;
	case MSR_IA32_APICBASE:
	case MSR_IA32_TSC_DEADLINE:
	case X2APIC_MSRS:
		return vtr_irqchip_read_msr(vcpu, index, value);
	case MSR_PLATFORM_INFO:
		/* The ratio to a clock of 100 MHz, which is the TSC's rate. */
		*value = (u64)(vcpu->tsc_khz / (100 * 1000)) << 8;
		return 0;
	}
	fixed = find_fixed(index);
	if (!fixed)
		return vtr_backend->get_msr(vcpu, index, value);
	*value = fixed->value;
	return 0;
}

static int write_msr(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	const struct fixed_msr *fixed;

	switch (index) {
	case MSR_EFER:
		return vtr_efer_write(vcpu, value);
	case MSR_IA32_TSC:
		vtr_tsc_guest_write(vcpu, value);
		vtr_irqchip_clock_changed(vcpu);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		vtr_tsc_guest_adjust(vcpu, value);
		vtr_irqchip_clock_changed(vcpu);
		return 0;
	case MSR_IA32_APICBASE:
	case MSR_IA32_TSC_DEADLINE:
	case X2APIC_MSRS:
		return vtr_irqchip_write_msr(vcpu, index, value);
	}
	fixed = find_fixed(index);
	if (!fixed)
		return vtr_backend->set_msr(vcpu, index, value);
	return (value ^ fixed->value) & ~fixed->ignored ? -EINVAL : 0;
}

/*
 * What the program sets is state: the counter and the sum of what the guest has moved
 * it by don't change each other, so it may set them in any order.
 */
static int set_msr(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	switch (index) {
	case MSR_IA32_TSC:
		vtr_tsc_write(vcpu, value);
		vtr_irqchip_clock_changed(vcpu);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		vcpu->tsc_adjust = value;
		return 0;
	default:
		return write_msr(vcpu, index, value);
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

/* As vtr_msr_write(), for SET_STATE. */
int vtr_msr_set(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	int err;

	preempt_disable();
	err = set_msr(vcpu, index, value);
	preempt_enable();
	return err;
}
