// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of a local APIC that the processor does by itself.
 *
 * While the guest runs, a processor with APIC virtualization reads and writes a page
 * of registers, vcpu->vapic, without an exit.  The truth is in struct vtr_lapic all the
 * same: the page is written before the entry and looked at after the exit.
 *
 *	before	vtr_apicv_enter()	the registers go to the page, if they have changed;
 *					with DELIVERY the requests are lent to the processor
 *	between	vtr_apicv_written()	the one register of which the guest's write has exited
 *	after	vtr_apicv_left()	TPR comes back, and what of the requests is left
 *	exits	vtr_handle_apic_...()	what the processor leaves to the module
 *
 * A request that comes while the guest runs is set in IRR as ever.  So nothing is lost
 * when the guest has just taken the same vector from those that were lent.
 * Called by module/irqchip.c, vcpu.c, handle.c.  Read next: vmx/apicv.c.
 * Source: SDM 3C "APIC Virtualization and Virtual Interrupts" (chapter 30).
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "irqchip.h"

unsigned int vtr_apicv_level = 1;
module_param_named(apicv, vtr_apicv_level, uint, 0644);
MODULE_PARM_DESC(apicv, "What the processor does of local APICs, if it can: 0 nothing, 1 registers (default), 2 also interrupt delivery; for VMs made from then on");

/* Registers lie 16 bytes apart. */
#define AT(nr)	((nr) * 4)

/* ---- the page -------------------------------------------------------------------- */

/*
 * What changes without the guest: vectors come and are taken.  The page lies apart in the
 * cache, so no more of it is written than that.
 */
static void show_vectors(const struct vtr_lapic *apic, u32 *page)
{
	for (u32 i = 0; i < VTR_LAPIC_SET_WORDS; i++) {
		page[AT(VTR_LAPIC_ISR + i)] = apic->reg[VTR_LAPIC_ISR + i];
		page[AT(VTR_LAPIC_TMR + i)] = apic->reg[VTR_LAPIC_TMR + i];
		page[AT(VTR_LAPIC_IRR + i)] = apic->reg[VTR_LAPIC_IRR + i] | apic->lent[i];
	}
	page[AT(VTR_LAPIC_PPR)] = vtr_lapic_ppr(apic);
}

/* As an MSR it has 64 bits. */
static void show_icr(const struct vtr_lapic *apic, u32 *page)
{
	page[AT(VTR_LAPIC_ICR)] = apic->reg[VTR_LAPIC_ICR];
	page[AT(VTR_LAPIC_ICR) + 1] = vtr_lapic_x2(apic) ? apic->reg[VTR_LAPIC_ICR_HIGH] : 0;
}

/**
 * vtr_apicv_show() - write what the guest may read and the processor needs
 * @apic: the APIC
 * @page: the processor's page
 */
void vtr_apicv_show(const struct vtr_lapic *apic, u32 *page)
{
	for (u32 nr = 0; nr < VTR_LAPIC_NR_REGS; nr++)
		page[AT(nr)] = apic->reg[nr];
	show_vectors(apic, page);
	show_icr(apic, page);
}

/**
 * vtr_apicv_lend() - let the processor take vectors by itself
 * @apic: the APIC
 * @apicv: out: the highest vectors, and whose ends matter
 *
 * Stays in the guest that follow without this, since nobody has changed the APIC, lend
 * nothing.
 */
void vtr_apicv_lend(struct vtr_lapic *apic, struct vtr_apicv *apicv)
{
	apicv->requested = max(vtr_lapic_highest(apic, VTR_LAPIC_IRR), 0);
	apicv->in_service = max(vtr_lapic_highest(apic, VTR_LAPIC_ISR), 0);
	for (u32 i = 0; i < VTR_LAPIC_SET_WORDS; i++) {
		apic->lent[i] = apic->reg[VTR_LAPIC_IRR + i];
		apic->reg[VTR_LAPIC_IRR + i] = 0;
		/* The I/O APIC waits for the end of a level. */
		apicv->end_exits[i / 2] |= (u64)apic->reg[VTR_LAPIC_TMR + i] << (i % 2 * 32);
	}
}

/**
 * vtr_apicv_take_back() - make the APIC what the guest has made of the page
 * @apic: the APIC
 * @page: the processor's page
 * @taken: out: vectors that the guest has taken
 *
 * Return: true if TPR has changed.
 */
bool vtr_apicv_take_back(struct vtr_lapic *apic, const u32 *page, u32 *taken)
{
	u32 tpr = page[AT(VTR_LAPIC_TPR)] & 0xff;
	bool changed = tpr != apic->reg[VTR_LAPIC_TPR];

	memset(taken, 0, VTR_LAPIC_SET_WORDS * sizeof(*taken));
	apic->reg[VTR_LAPIC_TPR] = tpr;
	/* Written without an exit: it means nothing until ICR follows. */
	if (!vtr_lapic_x2(apic))
		apic->reg[VTR_LAPIC_ICR_HIGH] = page[AT(VTR_LAPIC_ICR_HIGH)] & 0xff000000;
	if (!apic->lends)
		return changed;
	/* Also if nothing was lent: the guest ends vectors, and calls itself. */
	apic->reg[VTR_LAPIC_ICR] = page[AT(VTR_LAPIC_ICR)];
	for (u32 i = 0; i < VTR_LAPIC_SET_WORDS; i++) {
		u32 left = page[AT(VTR_LAPIC_IRR + i)];

		apic->reg[VTR_LAPIC_ISR + i] = page[AT(VTR_LAPIC_ISR + i)];
		apic->reg[VTR_LAPIC_IRR + i] |= left;
		taken[i] = apic->lent[i] & ~left;
		apic->lent[i] = 0;
	}
	return changed;
}

/* ---- before the entry ------------------------------------------------------------ */

/**
 * vtr_apicv_does() - what the processor does of this APIC in its present mode
 * @vcpu: the vCPU
 *
 * Return: VTR_APICV_*.
 */
unsigned int vtr_apicv_does(const struct vtr_vcpu *vcpu)
{
	unsigned int can = vcpu->vapic ? vcpu->vm->irqchip->apicv : 0;
	unsigned int how = 0;

	if (vtr_lapic_x2(&vcpu->lapic))
		how = VTR_APICV_X2APIC;
	else if (!vtr_lapic_page_is_elsewhere(&vcpu->lapic))
		how = VTR_APICV_XAPIC;
	/* Switched off, moved, or without its registers: CR8 only. */
	if (!(can & how))
		return can & VTR_APICV_CR8;
	return can & (VTR_APICV_CR8 | how | VTR_APICV_DELIVERY);
}

/**
 * vtr_apicv_enter() - the vCPU's APIC may have changed: tell the processor
 * @vcpu: the vCPU
 *
 * Context: locked, right before the entry.
 */
void vtr_apicv_enter(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_apicv apicv = { .does = vtr_apicv_does(vcpu) };

	lockdep_assert_held(&chip->lock);
	if (!vcpu->vapic)
		return;
	vcpu->lapic.lends = apicv.does & VTR_APICV_DELIVERY;
	if (apicv.does & VTR_APICV_XAPIC)
		apicv.access_hpa = virt_to_phys(chip->access_page);
	if (apicv.does & VTR_APICV_DELIVERY)
		vtr_apicv_lend(&vcpu->lapic, &apicv);
	else
		apicv.threshold = vtr_lapic_threshold(&vcpu->lapic);
	if (vcpu->vapic_old)
		vtr_apicv_show(&vcpu->lapic, vcpu->vapic);
	else
		show_vectors(&vcpu->lapic, vcpu->vapic);
	vcpu->vapic_old = false;
	vtr_backend->set_apicv(vcpu, &apicv);
}

/**
 * vtr_apicv_written() - the guest has written a register by an exit
 * @vcpu: the vCPU
 * @nr: enum vtr_lapic_reg
 *
 * An end, an IPI and a timer are so frequent that they get their words of the page here;
 * for another register the next entry shows them all.
 * Context: locked, the vCPU's thread.
 */
void vtr_apicv_written(struct vtr_vcpu *vcpu, u32 nr)
{
	const struct vtr_lapic *apic = &vcpu->lapic;
	u32 *page = vcpu->vapic;

	if (!page)
		return;
	switch (nr) {
	case VTR_LAPIC_EOI:
		for (u32 i = 0; i < VTR_LAPIC_SET_WORDS; i++)
			page[AT(VTR_LAPIC_ISR + i)] = apic->reg[VTR_LAPIC_ISR + i];
		break;
	case VTR_LAPIC_ICR:
		show_icr(apic, page);
		break;
	case VTR_LAPIC_ICR_HIGH:
	case VTR_LAPIC_INITIAL:
		page[AT(nr)] = apic->reg[nr];
		break;
	default:
		vcpu->vapic_old = true;
		set_bit(VTR_REQ_EVENT, &vcpu->requests);
	}
}

/* ---- after the exit -------------------------------------------------------------- */

/* Without the lock: its own thread alone changes these. */
static bool is_changed(const struct vtr_vcpu *vcpu)
{
	const struct vtr_lapic *apic = &vcpu->lapic;
	const u32 *page = vcpu->vapic;

	return apic->lends || page[AT(VTR_LAPIC_TPR)] != apic->reg[VTR_LAPIC_TPR] ||
	       (!vtr_lapic_x2(apic) &&
		page[AT(VTR_LAPIC_ICR_HIGH)] != apic->reg[VTR_LAPIC_ICR_HIGH]);
}

/**
 * vtr_apicv_left() - the guest was left, or will not be entered
 * @vcpu: the vCPU
 *
 * Context: the vCPU's thread, preemption off; before the host's interrupts are let
 * in, whose timers look at the requests.
 */
void vtr_apicv_left(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	u32 taken[VTR_LAPIC_SET_WORDS];
	unsigned long flags;

	if (!vcpu->vapic || !is_changed(vcpu))
		return;
	spin_lock_irqsave(&chip->lock, flags);
	if (vtr_apicv_take_back(&vcpu->lapic, vcpu->vapic, taken) ||
	    vtr_lapic_highest(&vcpu->lapic, VTR_LAPIC_IRR) >= 0)
		set_bit(VTR_REQ_EVENT, &vcpu->requests);
	vcpu->cr8 = vcpu->lapic.reg[VTR_LAPIC_TPR] >> 4;
	for (u32 i = 0; i < VTR_LAPIC_SET_WORDS; i++)
		for (u32 rest = taken[i]; rest; rest &= rest - 1)
			vtr_irqchip_after_taking(vcpu, 32 * i + __ffs(rest));
	spin_unlock_irqrestore(&chip->lock, flags);
}

/* ---- exits ----------------------------------------------------------------------- */

/* As if the page was not there: the instruction is decoded. */
int vtr_handle_apic_access(struct vtr_vcpu *vcpu)
{
	return vtr_mmio_fault(vcpu);
}

/* The instruction is done, and its value is in the page. */
int vtr_handle_apic_write(struct vtr_vcpu *vcpu)
{
	u32 nr = vcpu->exit.apic.offset >> 4;
	u64 value;

	if (WARN_ON_ONCE(!vcpu->vapic) || nr >= VTR_LAPIC_NR_REGS)
		return 1;
	value = vcpu->vapic[AT(nr)];
	vtr_irqchip_write_register(vcpu, nr, value);
	return 1;
}

/* ISR is up to date already: what is left is to tell the I/O APIC. */
int vtr_handle_apic_end(struct vtr_vcpu *vcpu)
{
	vtr_irqchip_ended(vcpu, vcpu->exit.apic.vector);
	return 1;
}
