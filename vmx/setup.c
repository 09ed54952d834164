// SPDX-License-Identifier: GPL-2.0-only
/*
 * A new vCPU's VMCS: controls, host state, guest state at reset.
 *
 * vmx_setup() fills in all that stays, by topics; what differs from core to
 * core is written by vmx_write_host_core_state() whenever the vCPU comes to
 * another core, and what differs from moment to moment (CR3, CR4, FS base) by
 * vmx/run.c at each entry.
 * Called by vmx/backend.c with the VMCS loaded and preemption off.
 * Read next: vmx/run.c.  Sources: SDM 3C "Guest-State Area" (25.4),
 * "Host-State Area" (25.5), "VM-Execution Control Fields" (25.6);
 * SDM 3A "Processor State After Reset" (10.1.1).
 */
#include <linux/pgtable.h>
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/trapnr.h>

#include "../ept/ept.h"
#include "caps.h"
#include "insn.h"
#include "vmx.h"

void vmx_exit_here(void);	/* enter.S: where each VM exit lands */

/*
 * A guest that executes PAUSE again and again, never more than the gap apart,
 * for longer than the window, spins: SDM 3C "Controls for PAUSE-Loop Exiting"
 * (25.6.13).  Two PAUSEs of one spin loop are some tens of ticks apart; a lock
 * that is held by a running vCPU is mostly free again within the window.
 */
#define PLE_GAP_TICKS		128
#define PLE_WINDOW_TICKS	4096

/* ---- controls --------------------------------------------------------------------- */

static void write_controls(struct vtr_vmx_vcpu *v)
{
	u32 proc2 = vmx_caps.proc2;

	/* LAB 2.3: return; */
	if (!v->vpid)
		proc2 &= ~(u32)VMX_PROC2_ENABLE_VPID;
	v->proc_controls = vmx_caps.proc;
	vmcs_write32(VMCS_PIN_BASED_VM_EXEC_CONTROL, vmx_caps.pin);
	vmcs_write32(VMCS_CPU_BASED_VM_EXEC_CONTROL, v->proc_controls);
	vmcs_write32(VMCS_SECONDARY_VM_EXEC_CONTROL, proc2);
	vmcs_write32(VMCS_VM_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, vmx_caps.entry);
	if (v->vpid)
		vmcs_write16(VMCS_VIRTUAL_PROCESSOR_ID, v->vpid);

	/*
	 * Exceptions go to the guest, but: #DB, to keep DR6 in software; #AC, which
	 * a guest can make endless within one instruction; #MC, the host's.
	 */
	vmcs_write32(VMCS_EXCEPTION_BITMAP,
		     BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC));
	vmcs_write32(VMCS_PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write32(VMCS_PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write32(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write32(VMCS_VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VMCS_VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write32(VMCS_VM_ENTRY_INTR_INFO_FIELD, 0);

	vmcs_write64(VMCS_MSR_BITMAP, virt_to_phys(v->msr_bitmap));
	vmcs_write64(VMCS_EPT_POINTER, ept_pointer(v->base.vm->mem.root));
	/* SDM 3C "VMCS Link Pointer": all ones, there is no shadow VMCS. */
	vmcs_write64(VMCS_VMCS_LINK_POINTER, ~0ULL);
	vmcs_write64(VMCS_TSC_OFFSET, v->base.vm->tsc_offset);
	if (vmx_has_tsc_scaling())
		vmcs_write64(VMCS_TSC_MULTIPLIER, 1ULL << VMX_TSC_FRACTION_BITS);
	if (vmx_has_pause_loop_exiting()) {
		vmcs_write32(VMCS_PLE_GAP, PLE_GAP_TICKS);
		vmcs_write32(VMCS_PLE_WINDOW, PLE_WINDOW_TICKS);
	}
	/* LAB 2.3 END */
}

/*
 * MSRs that the VMCS switches may be touched without an exit: FS and GS base,
 * SYSENTER's three.  A 0 bit lets the access through; reads of the low MSRs
 * (0 to 1FFFH) are in the first KiB, high ones (C0000000H ...) in the second,
 * writes in the third and the fourth: SDM 3C "MSR-Bitmap Address" (25.6.9).
 */
static void let_through(struct vtr_vmx_vcpu *v, u32 msr)
{
	unsigned int bit = (msr & 0x1fff) + (msr >= 0xc0000000 ? 1024 * 8 : 0);

	/* What the program wants to answer must exit. */
	if (!vtr_policy_msr(v->base.vm, msr, false))
		__clear_bit(bit, v->msr_bitmap);
	if (!vtr_policy_msr(v->base.vm, msr, true))
		__clear_bit(bit + 2048 * 8, v->msr_bitmap);
}

void vmx_setup_msr_bitmap(struct vtr_vmx_vcpu *v)
{
	memset(v->msr_bitmap, 0xff, PAGE_SIZE);
	let_through(v, MSR_FS_BASE);
	let_through(v, MSR_GS_BASE);
	let_through(v, MSR_IA32_SYSENTER_CS);
	let_through(v, MSR_IA32_SYSENTER_ESP);
	let_through(v, MSR_IA32_SYSENTER_EIP);
}

/* ---- host state -------------------------------------------------------------------- */

/* What is the same on every core and at every moment. */
static void write_host_state(void)
{
	struct desc_ptr idt;
	u64 value;

	/* LAB 2.4: return; */
	vmcs_writel(VMCS_HOST_CR0, read_cr0());
	vmcs_write16(VMCS_HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write16(VMCS_HOST_SS_SELECTOR, __KERNEL_DS);
	/* The user's selectors are put back by hand (run.c): RPL must be 0 here. */
	vmcs_write16(VMCS_HOST_DS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_ES_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_FS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_GS_SELECTOR, 0);
	vmcs_write16(VMCS_HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);

	store_idt(&idt);
	vmcs_writel(VMCS_HOST_IDTR_BASE, idt.address);
	vmcs_writel(VMCS_HOST_RIP, (unsigned long)vmx_exit_here);

	rdmsrl(MSR_IA32_SYSENTER_CS, value);
	vmcs_write32(VMCS_HOST_IA32_SYSENTER_CS, value);
	rdmsrl(MSR_IA32_SYSENTER_EIP, value);
	vmcs_writel(VMCS_HOST_IA32_SYSENTER_EIP, value);
	rdmsrl(MSR_IA32_CR_PAT, value);
	vmcs_write64(VMCS_HOST_IA32_PAT, value);
	rdmsrl(MSR_EFER, value);
	vmcs_write64(VMCS_HOST_IA32_EFER, value);
	/* LAB 2.4 END */
}

/* What differs from core to core.  Context: preemption off. */
void vmx_write_host_core_state(int cpu)
{
	u64 sysenter_esp;

	/* LAB 2.4: return; */
	vmcs_writel(VMCS_HOST_TR_BASE,
		    (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmcs_writel(VMCS_HOST_GDTR_BASE, (unsigned long)get_current_gdt_ro());
	rdmsrl(MSR_IA32_SYSENTER_ESP, sysenter_esp);
	vmcs_writel(VMCS_HOST_IA32_SYSENTER_ESP, sysenter_esp);
	/* LAB 2.4 END */
}

/* ---- guest state -------------------------------------------------------------------- */

/* Types with S=1 (code/data) or S=0 (system); DPL 0, present. */
#define ATTR_DATA_RW	0x93	/* data, read/write, accessed */
#define ATTR_CODE_RX	0x9b	/* code, execute/read, accessed */
#define ATTR_LDT	0x82
#define ATTR_TSS_BUSY	0x8b

/* Segments, tables and CR0; all else that @s has is zero after a reset. */
static void fill_reset_sregs(struct vtr_sregs *s)
{
	/* LAB 2.5: return; */
	for (int i = VTR_ES; i <= VTR_GS; i++)
		s->seg[i] = (struct vtr_segment) {
			.limit = 0xffff, .attributes = ATTR_DATA_RW,
		};
	s->seg[VTR_CS].attributes = ATTR_CODE_RX;
	s->seg[VTR_CS].selector = 0xf000;
	s->seg[VTR_CS].base = 0xffff0000;
	s->seg[VTR_LDTR] = (struct vtr_segment) { .limit = 0xffff, .attributes = ATTR_LDT };
	s->seg[VTR_TR] = (struct vtr_segment) { .limit = 0xffff, .attributes = ATTR_TSS_BUSY };
	s->gdtr.limit = 0xffff;
	s->idtr.limit = 0xffff;
	s->cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET;
	/* LAB 2.5 END */
}

static void vmx_reset(struct vtr_vcpu *vcpu)
{
	struct vtr_regs regs = {};
	struct vtr_sregs sregs = {};

	fill_reset_sregs(&sregs);
	/* LAB 2.5: return; */
	regs.rip = 0xfff0;
	regs.rflags = X86_EFLAGS_FIXED;
	/* EDX at reset: family, model, stepping. */
	regs.gpr[VTR_RDX] = cpuid_eax(1);
	vmx_set_regs(vcpu, &regs);
	vmx_set_sregs(vcpu, &sregs);

	vmcs_writel(VMCS_GUEST_DR7, VTR_DR7_ONES);
	vmcs_write64(VMCS_GUEST_IA32_DEBUGCTL, 0);
	vmcs_write64(VMCS_GUEST_IA32_PAT, 0x0007040600070406ULL);
	vmcs_write32(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_writel(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_writel(VMCS_GUEST_SYSENTER_EIP, 0);
	vmcs_writel(VMCS_GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY_STATE, 0);
	/* LAB 2.5 END */
}

/* MSRs of the VMCS that a reset sets and an INIT leaves alone. */
static const u32 kept_msrs[] = {
	MSR_IA32_CR_PAT, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/**
 * vmx_take_init() - the state after an INIT
 * @vcpu: the vCPU, loaded
 *
 * As after a reset, but CR0.CD, CR0.NW, all MSRs but EFER, the FPU's registers and the
 * time stamp counter stay: SDM 3A "Processor State After Reset" (10.1.1), table 10-1.
 */
void vmx_take_init(struct vtr_vcpu *vcpu)
{
	const u64 caching = X86_CR0_CD | X86_CR0_NW;
	u64 kept[ARRAY_SIZE(kept_msrs)] = {};
	struct vtr_sregs sregs;
	u64 cr0;

	for (unsigned int i = 0; i < ARRAY_SIZE(kept_msrs); i++)
		vmx_get_msr(vcpu, kept_msrs[i], &kept[i]);
	vmx_get_sregs(vcpu, &sregs);
	cr0 = sregs.cr0 & caching;

	vmx_reset(vcpu);
	for (unsigned int i = 0; i < ARRAY_SIZE(kept_msrs); i++)
		vmx_set_msr(vcpu, kept_msrs[i], kept[i]);
	vmx_get_sregs(vcpu, &sregs);
	sregs.cr0 = (sregs.cr0 & ~caching) | cr0;
	vmx_set_sregs(vcpu, &sregs);
}

/* Fill in a VMCS that has just been loaded for the first time. */
void vmx_setup(struct vtr_vmx_vcpu *v)
{
	write_controls(v);
	vmx_setup_timer(v);
	write_host_state();
	vmx_reset(&v->base);
	/* "No value yet": the first entry writes them. */
	v->host_cr3 = ~0UL;
	v->host_cr4 = ~0UL;
}
