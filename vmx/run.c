// SPDX-License-Identifier: GPL-2.0-only
/*
 * One stay in the guest: what must be right before the entry, the entry, what
 * the exit leaves to be put right.
 *
 *	vmx_vcpu_load	VMCS here, per-core host state, missed flushes
 *	vmx_vcpu_run	(1) MSRs and segments that VMX does not switch (once per load)
 *			(2) host state that changes from moment to moment
 *			(3) debug registers, if the guest has armed them
 *			(4) enter_guest(): no instrumentation from here ...
 *			(5) ... to here; NMI of the host
 *			(6) what the exit has reset: DEBUGCTL, DR7
 *	vmx_vcpu_put	(1) undone
 *
 * docs/state-ownership.md lists each piece of state with its owner and moment.
 * Called by module/vcpu.c.  Read next: vmx/enter.S, vmx/exit.c.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/hw_breakpoint.h>
#include <linux/kvm_host.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/mce.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>

#include "../ept/ept.h"
#include "caps.h"
#include "enter.h"
#include "exit_reasons.h"
#include "insn.h"
#include "vmx.h"

const u32 vmx_switched_msr_index[VMX_NR_SWITCHED_MSRS] = {
	[VMX_MSR_STAR]		 = MSR_STAR,
	[VMX_MSR_LSTAR]		 = MSR_LSTAR,
	[VMX_MSR_CSTAR]		 = MSR_CSTAR,
	[VMX_MSR_SYSCALL_MASK]	 = MSR_SYSCALL_MASK,
	[VMX_MSR_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
	[VMX_MSR_TSC_AUX]	 = MSR_TSC_AUX,
};

/* ---- cached translations ------------------------------------------------------------ */

/*
 * Drop what this core has cached of the vCPU's second-level translations; that
 * includes all combined ones: SDM 3C "Operations that Invalidate Cached
 * Mappings" (29.4.3.1).
 */
void vmx_flush_slat(struct vtr_vcpu *vcpu)
{
	u64 eptp = ept_pointer(vcpu->vm->mem.root);

	/* A flush also follows when the VM goes on without accessed and dirty bits. */
	vmcs_write64(VMCS_EPT_POINTER, eptp);
	/* LAB 5.7: return; */
	if (invept(INVEPT_SINGLE, eptp) &&
	    !READ_ONCE(vtr_shutting_down))
		WARN_ONCE(1, "vitrine: INVEPT failed\n");
	/* LAB 5.7 END */
}

static void flush_vpid(struct vtr_vmx_vcpu *v)
{
	v->flush_vpid = false;
	if (v->vpid && invvpid(INVVPID_SINGLE, v->vpid) && !READ_ONCE(vtr_shutting_down))
		WARN_ONCE(1, "vitrine: INVVPID failed\n");
}

void vmx_vcpu_load(struct vtr_vcpu *vcpu, int cpu)
{
	struct vtr_vmx_vcpu *v = to_vmx(vcpu);

	if (!vmx_vmcs_load(&v->vmcs, cpu))
		return;
	vmx_write_host_core_state(cpu);
	/* Flushes that were asked for while it was elsewhere were done there. */
	vmx_flush_slat(vcpu);
	flush_vpid(v);
}

/* ---- state that VMX does not switch, by hand ------------------------------------------ */

static bool msr_is_switched(unsigned int i)
{
	return i != VMX_MSR_TSC_AUX || vmx_has_rdtscp();
}

/*
 * SYSCALL's targets matter to the host only when it goes back to user mode or
 * switches tasks, KERNEL_GS_BASE holds the user's GS base meanwhile: exchange
 * them once, and back when the thread is switched out or leaves RUN.
 */
static void switch_to_guest(struct vtr_vmx_vcpu *v)
{
	if (v->switched)
		return;
	for (unsigned int i = 0; i < VMX_NR_SWITCHED_MSRS; i++) {
		if (!msr_is_switched(i))
			continue;
		rdmsrl(vmx_switched_msr_index[i], v->host_msr[i]);
		wrmsrl(vmx_switched_msr_index[i], v->guest_msr[i]);
	}
	savesegment(ds, v->host_selector.ds);
	savesegment(es, v->host_selector.es);
	savesegment(fs, v->host_selector.fs);
	savesegment(gs, v->host_selector.gs);
	store_ldt(v->host_selector.ldt);
	rdmsrl(MSR_FS_BASE, v->host_fs_base);
	vmcs_writel(VMCS_HOST_FS_BASE, v->host_fs_base);
	vmcs_writel(VMCS_HOST_GS_BASE, cpu_kernelmode_gs_base(smp_processor_id()));
	v->switched = true;
}

/* The exit has left null selectors: give the thread back what it had. */
static void restore_selectors(struct vtr_vmx_vcpu *v)
{
	if (v->host_selector.ldt)
		asm volatile("lldt %0" : : "m"(v->host_selector.ldt));
	if (v->host_selector.ds || v->host_selector.es) {
		loadsegment(ds, v->host_selector.ds);
		loadsegment(es, v->host_selector.es);
	}
	if (v->host_selector.fs) {
		loadsegment(fs, v->host_selector.fs);
		/* Loading a selector loads the descriptor's base. */
		wrmsrl(MSR_FS_BASE, v->host_fs_base);
	}
	if (v->host_selector.gs)
		load_gs_index(v->host_selector.gs);
}

static void switch_to_host(struct vtr_vmx_vcpu *v)
{
	if (!v->switched)
		return;
	v->switched = false;
	/* SWAPGS changes it without an exit. */
	rdmsrl(MSR_KERNEL_GS_BASE, v->guest_msr[VMX_MSR_KERNEL_GS_BASE]);
	restore_selectors(v);
	for (unsigned int i = 0; i < VMX_NR_SWITCHED_MSRS; i++)
		if (msr_is_switched(i))
			wrmsrl(vmx_switched_msr_index[i], v->host_msr[i]);
	/*
	 * SDM 3C "Loading Host Segment and Descriptor-Table Registers" (28.5.2):
	 * the exit sets the limit of TR to 67H, so the I/O permission bitmap
	 * behind it would be cut off, and the GDT's to FFFFH.  The IDT's limit is
	 * FFFFH as well; it stays, for no vector is higher than 255.
	 */
	invalidate_tss_limit();
	load_fixmap_gdt(smp_processor_id());
}

void vmx_vcpu_put(struct vtr_vcpu *vcpu)
{
	switch_to_host(to_vmx(vcpu));
}

/* Host state that may differ at each entry. */
static void refresh_host_state(struct vtr_vmx_vcpu *v)
{
	unsigned long cr3 = __get_current_cr3_fast(), cr4 = cr4_read_shadow();

	/* LAB 2.4: return; */
	if (cr3 != v->host_cr3) {
		vmcs_writel(VMCS_HOST_CR3, cr3);
		v->host_cr3 = cr3;
	}
	if (cr4 != v->host_cr4) {
		vmcs_writel(VMCS_HOST_CR4, cr4);
		v->host_cr4 = cr4;
	}
	/* LAB 2.4 END */
}

/*
 * All of the host state, as it would be written for an entry now: for a look at
 * it.  Context: loaded, preemption off.
 */
void vmx_refresh_host_state(struct vtr_vcpu *vcpu)
{
	unsigned long flags;

	local_irq_save(flags);
	switch_to_guest(to_vmx(vcpu));
	refresh_host_state(to_vmx(vcpu));
	local_irq_restore(flags);
}

/*
 * The guest's break points: in the core only while they are armed.  Accesses to
 * debug registers exit always, so vcpu->dr[] is the truth.
 */
static bool load_guest_breakpoints(struct vtr_vcpu *vcpu)
{
	if (!(vmcs_readl(VMCS_GUEST_DR7) & 0xff))
		return false;
	/* Not armed for the host while they are exchanged. */
	set_debugreg(0, 7);
	set_debugreg(vcpu->dr[0], 0);
	set_debugreg(vcpu->dr[1], 1);
	set_debugreg(vcpu->dr[2], 2);
	set_debugreg(vcpu->dr[3], 3);
	return true;
}

/* ---- the entry ------------------------------------------------------------------------- */

/* L1 terminal fault: the guest must find nothing of the host's in the cache. */
static void flush_l1d(void)
{
	if (boot_cpu_has_bug(X86_BUG_L1TF) && boot_cpu_has(X86_FEATURE_FLUSH_L1D))
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
}

static __always_inline bool left_by_nmi(void)
{
	u64 reason, info;

	if (vmread_raw(VMCS_VM_EXIT_REASON, &reason) || (u32)reason != VMX_EXIT_EXCEPTION_NMI ||
	    vmread_raw(VMCS_VM_EXIT_INTR_INFO, &info))
		return false;
	return ((info >> 8) & 7) == 2;
}

/*
 * Between guest_state_enter_irqoff() and guest_state_exit_irqoff() RCU, lockdep
 * and context tracking take this thread for the guest: nothing may be traced or
 * probed here.  Return: as vmx_enter().
 */
static noinstr int enter_guest(struct vtr_vmx_vcpu *v)
{
	int failed;

	guest_state_enter_irqoff();

	/* CR2 is switched by nobody: the host's page faults are over by now. */
	if (v->base.cr2 != native_read_cr2())
		native_write_cr2(v->base.cr2);

	failed = vmx_enter(v->base.gpr, v->vmcs.launched);

	v->base.cr2 = native_read_cr2();
	if (likely(!failed) && left_by_nmi())
		vmx_host_nmi();

	guest_state_exit_irqoff();
	return failed;
}

/* A machine check that hit while the guest ran is the host's business. */
static void host_machine_check(void)
{
#if IS_ENABLED(CONFIG_X86_MCE)
	struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

	do_machine_check(&regs);
#endif
}

/*
 * The entry came back without having been in the guest; @failed: as
 * vmx_enter().  After VMfailValid the processor's reason is in the field
 * VM_INSTRUCTION_ERROR, and its number says which rules can be broken.
 */
static void describe_failure(struct vtr_vmx_vcpu *v, struct vtr_exit *exit, int failed)
{
	u64 error = 0;

	/* LAB 2.7: vmx_describe_vmfail(exit, 0);\nreturn; */
	if (failed == 1)
		vmread_raw(VMCS_VM_INSTRUCTION_ERROR, &error);
	vmx_describe_vmfail(exit, error);
	if (error)
		vmx_find_broken_rule(v, exit);
	/* LAB 2.7 END */
}

/**
 * vmx_vcpu_run() - enter the guest once
 * @vcpu: the vCPU, loaded
 * @exit: filled
 *
 * Context: interrupts off; they are off on return, with the host's interrupt
 * still pending if that is why the guest was left.
 */
void vmx_vcpu_run(struct vtr_vcpu *vcpu, struct vtr_exit *exit)
{
	struct vtr_vmx_vcpu *v = to_vmx(vcpu);
	unsigned long debugctl = get_debugctlmsr();
	bool breakpoints;
	int failed;

	BUILD_BUG_ON(VMX_FIELD_HOST_RSP != VMCS_HOST_RSP);
	BUILD_BUG_ON(GPR_RBP != 8 * VTR_RBP || GPR_RDI != 8 * VTR_RDI || GPR_R15 != 8 * VTR_R15);

	memset(exit, 0, sizeof(*exit));
	if (unlikely(!this_cpu_read(vmx_core.enabled))) {
		vmx_describe_vmfail(exit, 0);
		return;
	}
	switch_to_guest(v);
	refresh_host_state(v);
	if (v->flush_vpid)
		flush_vpid(v);
	breakpoints = load_guest_breakpoints(vcpu);
	vmx_start_timer(v);
	flush_l1d();

	/* LAB 2.6 CALL */
	/* LAB 3.1 CALL */
	/* LAB 3.2 CALL */
	failed = enter_guest(v);

	/* SDM 3C "Loading Host Control Registers, Debug Registers, MSRs" (28.5.1). */
	if (debugctl)
		update_debugctlmsr(debugctl);
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
	else if (breakpoints)
		set_debugreg(0, 7);

	if (unlikely(failed)) {
		describe_failure(v, exit, failed);
		return;
	}
	vmx_describe_exit(v, exit);
	/* LAB 3.3: vmclear(v->vmcs.phys);\nvmptrld(v->vmcs.phys); */
	/* After a failed entry the VMCS is as before it: SDM 3C "VM-Entry Failures". */
	if (exit->kind != VTR_HW_FAIL)
		v->vmcs.launched = true;
	/* LAB 3.3 END */
	if (exit->kind == VTR_HW_FAIL)
		vmx_find_broken_rule(v, exit);
	if (exit->kind == VTR_HW_EXCEPTION && exit->exception.vector == X86_TRAP_MC) {
		host_machine_check();
		exit->kind = VTR_HW_HOST_IRQ;
	}
}
