// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the processor to the copy that vmx/check.c judges.
 *
 * The only file of the entry checks with privileged instructions: capability
 * MSRs, read once at load, and VMREAD of every field.  Memory that the entry
 * looks at (VMCS link pointer, virtual-APIC page, MSR-load area) is read through
 * the kernel's map of physical memory, as far as it is there.
 * Called by vmx/backend.c (load), by vmx/run.c when an entry has failed, and
 * through the back end's table by module/vcpu.c.
 */
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "caps.h"
#include "check_rules.h"
#include "describe.h"
#include "insn.h"
#include "vmx.h"

/* SDM 3D "VM-Exit Controls" (A.4): the kernel has no name for it. */
#define MSR_VMX_EXIT_CTLS2	0x493

static struct vmx_entry_caps entry_caps;

/* Too big for a stack. */
static DEFINE_PER_CPU(struct vmx_entry_state, entry_state);

/* ---- the processor ----------------------------------------------------------------- */

static void read_word(enum vtr_vmx_control_word word, u32 msr)
{
	u32 must, may;

	rdmsr(msr, must, may);
	entry_caps.must[word] = must;
	entry_caps.may[word] = may;
}

/* Words that exist only if another one can activate them. */
static void read_newer_words(void)
{
	u64 may;

	if (entry_caps.may[VMX_WORD_PROC] & VMX_PROC_ACTIVATE_TERTIARY &&
	    !rdmsrl_safe(MSR_IA32_VMX_PROCBASED_CTLS3, &may))
		entry_caps.may[VMX_WORD_PROC3] = may;
	if (entry_caps.may[VMX_WORD_EXIT] & VMX_EXIT_CTL_ACTIVATE_SECONDARY &&
	    !rdmsrl_safe(MSR_VMX_EXIT_CTLS2, &may))
		entry_caps.may[VMX_WORD_EXIT2] = may;
	if (entry_caps.may[VMX_WORD_PROC2] & VMX_PROC2_ENABLE_VMFUNC)
		rdmsrl(MSR_IA32_VMX_VMFUNC, entry_caps.vmfunc);
}

/* SDM 3B "Architectural Performance Monitoring": CPUID 0AH counts the counters. */
static u64 counters(void)
{
	u32 eax = 0, ebx, ecx, edx = 0;

	if (boot_cpu_data.cpuid_level >= 0xa)
		cpuid(0xa, &eax, &ebx, &ecx, &edx);
	return ((1ULL << ((eax >> 8) & 0x1f)) - 1) | ((1ULL << (edx & 0x1f)) - 1) << 32;
}

static u64 efer_bits(void)
{
	u32 edx = cpuid_edx(0x80000001);

	return EFER_LME | EFER_LMA | (edx & BIT(11) ? EFER_SCE : 0) | (edx & BIT(20) ? EFER_NX : 0);
}

static void read_cpuid(void)
{
	u32 eax, ebx = 0, ecx = 0, edx;

	entry_caps.phys_bits = cpuid_eax(0x80000008) & 0xff;
	entry_caps.linear_bits = (cpuid_eax(0x80000008) >> 8) & 0xff;
	if (boot_cpu_data.cpuid_level >= 7)
		cpuid_count(7, 0, &eax, &ebx, &ecx, &edx);
	entry_caps.sgx = ebx & BIT(2);
	entry_caps.rtm = ebx & BIT(11);
	entry_caps.bus_lock = ecx & BIT(24);
	entry_caps.perf_global = counters();
	entry_caps.efer = efer_bits();
}

/* Context: after vmx_probe(), which has found that the MSRs are there. */
void vmx_entry_caps_init(void)
{
	read_word(VMX_WORD_PIN, MSR_IA32_VMX_TRUE_PINBASED_CTLS);
	read_word(VMX_WORD_PROC, MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
	read_word(VMX_WORD_PROC2, MSR_IA32_VMX_PROCBASED_CTLS2);
	read_word(VMX_WORD_EXIT, MSR_IA32_VMX_TRUE_EXIT_CTLS);
	read_word(VMX_WORD_ENTRY, MSR_IA32_VMX_TRUE_ENTRY_CTLS);
	read_newer_words();
	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, entry_caps.cr0_fixed0);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED1, entry_caps.cr0_fixed1);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, entry_caps.cr4_fixed0);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED1, entry_caps.cr4_fixed1);
	rdmsrl(MSR_IA32_VMX_BASIC, entry_caps.basic);
	rdmsrl(MSR_IA32_VMX_MISC, entry_caps.misc);
	rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, entry_caps.ept_vpid);
	entry_caps.revision = vmx_caps.revision;
	read_cpuid();
}

static bool in_x2apic_mode(void)
{
	u64 base;

	rdmsrl(MSR_IA32_APICBASE, base);
	return base & X2APIC_ENABLE;
}

/* ---- memory ------------------------------------------------------------------------ */

/* Return: true if @bytes at the physical address @phys could be copied. */
static bool copy_phys(void *to, u64 phys, size_t bytes)
{
	if (phys >> boot_cpu_data.x86_phys_bits || !pfn_valid(PHYS_PFN(phys)))
		return false;
	return !copy_from_kernel_nofault(to, __va(phys), bytes);
}

static void read_msr_area(struct vmx_entry_state *s)
{
	u64 at = FIELD(s, VM_ENTRY_MSR_LOAD_ADDR);

	s->nr_msrs = 0;
	while (s->nr_msrs < min_t(u64, FIELD(s, VM_ENTRY_MSR_LOAD_COUNT), VMX_CHECKED_MSRS)) {
		if (!copy_phys(&s->msr[s->nr_msrs], at, sizeof(s->msr[0])))
			return;
		at += sizeof(s->msr[0]);
		s->nr_msrs++;
	}
}

static void read_memory(struct vmx_entry_state *s)
{
	u64 link = FIELD(s, VMCS_LINK_POINTER), apic = FIELD(s, VIRTUAL_APIC_PAGE_ADDR);

	/* What is not aligned breaks a rule already. */
	s->link_known = !(link & 0xfff) && copy_phys(&s->link_word, link, sizeof(s->link_word));
	s->vtpr_known = proc_on(s, VMX_PROC_USE_TPR_SHADOW) && !(apic & 0xfff) &&
			copy_phys(&s->vtpr, apic + APIC_TASKPRI, sizeof(s->vtpr));
	read_msr_area(s);
}

/**
 * vmx_entry_state_read() - copy what the processor would look at now
 * @v: the vCPU, loaded
 * @s: filled
 *
 * Context: preemption off.
 */
void vmx_entry_state_read(struct vtr_vmx_vcpu *v, struct vmx_entry_state *s)
{
	/* A field that this processor does not have reads as 0. */
	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		vmread_raw(vmx_field_info(place)->encoding, &s->field[place]);
	s->vmcs = v->vmcs.phys;
	s->caps = entry_caps;
	s->caps.x2apic = in_x2apic_mode();
	read_memory(s);
}

/* ---- verdicts ---------------------------------------------------------------------- */

/* Which rules can have made an entry fail like this?  Return: VMX_NR_STAGES: none. */
static enum vmx_stage stage_of(const struct vtr_exit *exit)
{
	if (exit->fail.insn_error == 7)
		return VMX_STAGE_CONTROLS;
	if (exit->fail.insn_error == 8)
		return VMX_STAGE_HOST;
	switch (VMX_EXIT_BASIC(exit->fail.reason)) {
	case VMX_EXIT_INVALID_GUEST_STATE:
		return VMX_STAGE_GUEST;
	case VMX_EXIT_MSR_LOAD_FAIL:
		return VMX_STAGE_MSRS;
	}
	return VMX_NR_STAGES;
}

/**
 * vmx_find_broken_rule() - why has this entry failed?
 * @v: the vCPU, loaded; its VMCS is as it was for the entry
 * @exit: the failure; told the rule, its field's value and how many are broken
 *
 * Context: interrupts off, right after the failure.
 */
void vmx_find_broken_rule(struct vtr_vmx_vcpu *v, struct vtr_exit *exit)
{
	struct vmx_entry_state *s = this_cpu_ptr(&entry_state);
	enum vmx_stage stage = stage_of(exit);
	struct vmx_verdict verdict;

	if (stage == VMX_NR_STAGES)
		return;
	vmx_entry_state_read(v, s);
	vmx_check(s, &verdict);
	exit->fail.broken = verdict.nr[stage];
	exit->fail.rule = verdict.first[stage];
	if (exit->fail.rule)
		exit->fail.value = s->field[vmx_rule_info(exit->fail.rule)->place];
}

/* In words of the ABI. */
static void fill_check(struct vtr_entry_check *check, const struct vmx_entry_state *s,
		       const struct vmx_verdict *verdict)
{
	enum vmx_rule rule = vmx_first_broken(verdict);
	const struct vmx_rule_info *info = vmx_rule_info(rule);

	check->broken = vmx_nr_broken(verdict);
	if (!info)
		return;
	check->outcome = VTR_ENTRY_BAD_CONTROLS + info->stage;
	check->field = vmx_field_info(info->place)->encoding;
	check->value = s->field[info->place];
	strscpy_pad(check->rule, info->id, sizeof(check->rule));
	strscpy_pad(check->text, info->sentence, sizeof(check->text));
	strscpy_pad(check->cause, info->cause, sizeof(check->cause));
	snprintf(check->manual, sizeof(check->manual), "SDM 3C \"%s\" (%s)", info->title,
		 info->number);
}

/* Would an entry succeed now?  Context: loaded, preemption off. */
void vmx_vcpu_check(struct vtr_vcpu *vcpu, struct vtr_entry_check *check)
{
	struct vmx_entry_state *s = this_cpu_ptr(&entry_state);
	struct vmx_verdict verdict;

	memset(check, 0, sizeof(*check));
	/* Without root mode there is no VMCS to look at. */
	if (!this_cpu_read(vmx_core.enabled))
		return;
	vmx_refresh_host_state(vcpu);
	vmx_entry_state_read(to_vmx(vcpu), s);
	vmx_check(s, &verdict);
	fill_check(check, s, &verdict);
}
