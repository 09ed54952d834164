// SPDX-License-Identifier: GPL-2.0-only
/*
 * APIC virtualization: the controls by which the processor does a part of the guest's
 * local APIC by itself, on the page vcpu->vapic.
 *
 *	VTR_APICV_CR8		"use TPR shadow": CR8 is bits 7:4 of TPR in the page
 *	VTR_APICV_XAPIC		"virtualize APIC accesses", "APIC-register virtualization"
 *	VTR_APICV_X2APIC	"virtualize x2APIC mode", "APIC-register virtualization", and
 *				bits of the MSR bitmap: what it lets through goes to the page
 *	VTR_APICV_DELIVERY	"virtual-interrupt delivery"
 *
 * Called through the back end's table by module/apicv.c, which says what the page has to
 * hold; the exits come back by vmx/exit.c.
 * Sources: SDM 3C "APIC Virtualization and Virtual Interrupts" (chapter 30),
 * "Controls for APIC Virtualization" (25.6.8).
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/string.h>

#include "controls.h"
#include "insn.h"
#include "vmx.h"

#define X2APIC_MSRS	0x800

#define CR8_EXITING	(VMX_PROC_CR8_LOAD_EXITING | VMX_PROC_CR8_STORE_EXITING)
#define PROC2_BITS							\
	(VMX_PROC2_VIRTUALIZE_APIC_ACCESSES | VMX_PROC2_VIRTUALIZE_X2APIC |	\
	 VMX_PROC2_APIC_REGISTER_VIRT | VMX_PROC2_VIRTUAL_INTR_DELIVERY)

/**
 * vmx_apicv_can() - what does a processor offer?
 * @proc: primary processor-based controls that may be 1
 * @proc2: secondary ones
 *
 * Return: VTR_APICV_*.
 */
unsigned int vmx_apicv_can(u32 proc, u32 proc2)
{
	unsigned int can = VTR_APICV_CR8;

	if (!(proc & VMX_PROC_USE_TPR_SHADOW))
		return 0;
	if (!(proc2 & VMX_PROC2_APIC_REGISTER_VIRT))
		return can;
	if (proc2 & VMX_PROC2_VIRTUALIZE_APIC_ACCESSES)
		can |= VTR_APICV_XAPIC;
	if (proc2 & VMX_PROC2_VIRTUALIZE_X2APIC)
		can |= VTR_APICV_X2APIC;
	if (proc2 & VMX_PROC2_VIRTUAL_INTR_DELIVERY)
		can |= VTR_APICV_DELIVERY;
	return can;
}

/* Secondary controls for @does. */
static u32 proc2_for(unsigned int does)
{
	u32 bits = 0;

	if (does & VTR_APICV_XAPIC)
		bits |= VMX_PROC2_VIRTUALIZE_APIC_ACCESSES | VMX_PROC2_APIC_REGISTER_VIRT;
	if (does & VTR_APICV_X2APIC)
		bits |= VMX_PROC2_VIRTUALIZE_X2APIC | VMX_PROC2_APIC_REGISTER_VIRT;
	if (does & VTR_APICV_DELIVERY)
		bits |= VMX_PROC2_VIRTUAL_INTR_DELIVERY;
	return bits;
}

/* ---- the MSR bitmap -------------------------------------------------------------- */

static void let_through(struct vtr_vmx_vcpu *v, u32 nr, bool write, bool on)
{
	unsigned int bit = X2APIC_MSRS + nr + (write ? 2048 * 8 : 0);

	/* What the program wants to answer must exit. */
	if (on && !vtr_policy_msr(v->base.vm, X2APIC_MSRS + nr, write))
		__clear_bit(bit, v->msr_bitmap);
	else
		__set_bit(bit, v->msr_bitmap);
}

/*
 * Registers whose value is always in the page: not the present count, and not PPR,
 * which only the delivery of virtual interrupts keeps up to date there.  A register that
 * is not there must exit: the processor would read the page and raise no #GP.
 */
static bool is_in_page(u32 nr)
{
	switch (nr) {
	case VTR_LAPIC_ID: case VTR_LAPIC_VERSION: case VTR_LAPIC_TPR: case VTR_LAPIC_LDR:
	case VTR_LAPIC_SVR: case VTR_LAPIC_ISR ... VTR_LAPIC_ESR: case VTR_LAPIC_ICR:
	case VTR_LAPIC_LVT_TIMER ... VTR_LAPIC_INITIAL: case VTR_LAPIC_DIVIDE:
		return true;
	default:
		return false;
	}
}

/* SDM 3C "Virtualizing MSR-Based APIC Accesses" (30.5). */
static void write_msr_bitmap(struct vtr_vmx_vcpu *v, unsigned int does)
{
	bool x2apic = does & VTR_APICV_X2APIC;
	bool delivers = x2apic && does & VTR_APICV_DELIVERY;

	for (u32 nr = 0; nr < VTR_LAPIC_NR_REGS; nr++)
		let_through(v, nr, false, x2apic && is_in_page(nr));
	let_through(v, VTR_LAPIC_TPR, true, x2apic);
	let_through(v, VTR_LAPIC_EOI, true, delivers);
	let_through(v, VTR_LAPIC_SELF_IPI, true, delivers);
}

/* ---- the VMCS -------------------------------------------------------------------- */

static void write_end_exits(struct vtr_vmx_vcpu *v, const u64 bits[4])
{
	vmcs_write64(VMCS_EOI_EXIT_BITMAP0, bits[0]);
	vmcs_write64(VMCS_EOI_EXIT_BITMAP1, bits[1]);
	vmcs_write64(VMCS_EOI_EXIT_BITMAP2, bits[2]);
	vmcs_write64(VMCS_EOI_EXIT_BITMAP3, bits[3]);
	memcpy(v->apicv.end_exits, bits, sizeof(v->apicv.end_exits));
}

static void switch_controls(struct vtr_vmx_vcpu *v, const struct vtr_apicv *apicv)
{
	static const u64 none[4];
	u32 proc = v->proc_controls & ~(VMX_PROC_USE_TPR_SHADOW | CR8_EXITING);
	u32 proc2 = vmcs_read32(VMCS_SECONDARY_VM_EXEC_CONTROL) & ~(u32)PROC2_BITS;

	v->proc_controls = proc | (apicv->does ? VMX_PROC_USE_TPR_SHADOW : CR8_EXITING);
	vmcs_write32(VMCS_CPU_BASED_VM_EXEC_CONTROL, v->proc_controls);
	vmcs_write32(VMCS_SECONDARY_VM_EXEC_CONTROL, proc2 | proc2_for(apicv->does));
	if (apicv->does)
		vmcs_write64(VMCS_VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(v->base.vapic));
	if (apicv->does & VTR_APICV_XAPIC)
		vmcs_write64(VMCS_APIC_ACCESS_ADDR, apicv->access_hpa);
	if (apicv->does & VTR_APICV_DELIVERY)
		write_end_exits(v, none);
	else if (apicv->does)
		vmcs_write32(VMCS_TPR_THRESHOLD, 0);
	write_msr_bitmap(v, apicv->does);
	/*
	 * Translations to the page may be cached from when it was nothing special:
	 * SDM 3C "Guidelines for Use of the INVVPID Instruction" (29.4.3.3).
	 */
	v->flush_vpid = true;
	v->apicv = (struct vtr_apicv) { .does = apicv->does };
}

/* Guest interrupt status: RVI in bits 7:0, SVI in 15:8; the processor changes it, too. */
static void write_delivery(struct vtr_vmx_vcpu *v, const struct vtr_apicv *apicv)
{
	vmcs_write16(VMCS_GUEST_INTR_STATUS, apicv->requested | apicv->in_service << 8);
	if (memcmp(v->apicv.end_exits, apicv->end_exits, sizeof(apicv->end_exits)))
		write_end_exits(v, apicv->end_exits);
}

void vmx_set_apicv(struct vtr_vcpu *vcpu, const struct vtr_apicv *apicv)
{
	struct vtr_vmx_vcpu *v = to_vmx(vcpu);

	if (apicv->does != v->apicv.does)
		switch_controls(v, apicv);
	if (apicv->does & VTR_APICV_DELIVERY) {
		write_delivery(v, apicv);
	} else if (apicv->threshold != v->apicv.threshold) {
		vmcs_write32(VMCS_TPR_THRESHOLD, apicv->threshold);
		v->apicv.threshold = apicv->threshold;
	}
}
