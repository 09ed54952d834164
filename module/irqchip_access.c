// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a guest reaches the interrupt controllers: ports, memory, MSRs, CR8.
 *
 * Each access is turned into a call of the device (lapic.c, ioapic.c, i8259.c,
 * i8254.c) under the chip's lock; then what follows from it is done.
 * Called by module/handle.c, mmio.c, msr.c, cr.c in the vCPU's thread.
 */
#include <linux/errno.h>
#include <linux/ktime.h>
#include <asm/msr-index.h>

#include "irqchip.h"
#include "trace.h"

#define X2APIC_FIRST	0x800
#define X2APIC_LAST	0x8ff

/* ---- ports ----------------------------------------------------------------------- */

static u8 read_port(struct vtr_irqchip *chip, u16 port)
{
	if (vtr_i8254_has_port(port))
		return vtr_i8254_read(&chip->pit, port, ktime_get_ns());
	return vtr_i8259_read(&chip->pic, port);
}

static void write_port(struct vtr_irqchip *chip, u16 port, u8 value)
{
	u64 now = ktime_get_ns();

	if (vtr_i8254_has_port(port)) {
		vtr_i8254_write(&chip->pit, port, value, now);
		vtr_irqchip_arm_pit(chip, now);
		return;
	}
	vtr_i8259_write(&chip->pic, port, value);
	vtr_irqchip_settle(chip);
}

/**
 * vtr_irqchip_port() - a port of the 8259 or the 8254?
 * @vcpu: who accesses it
 * @port: the port
 * @bytes: width
 * @in: read
 * @data: in or out
 *
 * Context: the vCPU's thread, interrupts on.
 * Return: true if it is done; false: the port is the program's.
 */
bool vtr_irqchip_port(struct vtr_vcpu *vcpu, u16 port, unsigned int bytes, bool in, u64 *data)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;

	if (!chip || bytes != 1 || !(vtr_i8259_has_port(port) || vtr_i8254_has_port(port)))
		return false;
	spin_lock_irq(&chip->lock);
	if (in)
		*data = read_port(chip, port);
	else
		write_port(chip, port, *data);
	spin_unlock_irq(&chip->lock);
	return true;
}

/* ---- the local APIC -------------------------------------------------------------- */

static void follow(struct vtr_vcpu *vcpu, const struct vtr_lapic_effect *effect,
		   const struct vtr_moment *now)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;

	/* TPR and CR8 are one register. */
	vcpu->cr8 = vcpu->lapic.reg[VTR_LAPIC_TPR] >> 4;
	if (effect->what & VTR_LAPIC_TIMER)
		vtr_irqchip_arm(vcpu, now);
	if (effect->what & VTR_LAPIC_SENDS)
		vtr_irqchip_send(chip, &vcpu->lapic, &effect->ipi);
	if (effect->what & VTR_LAPIC_ENDS)
		vtr_ioapic_eoi(&chip->ioapic, effect->vector);
	/* Else nothing is new for the I/O APIC and the 8259. */
	if (effect->what & (VTR_LAPIC_ENDS | VTR_LAPIC_ROUTES))
		vtr_irqchip_settle(chip);
}

/*
 * May the next entry bring another interrupt?  A message to itself has told the vCPU
 * already.  The error interrupt comes by reading, too.
 */
static bool must_look(const struct vtr_vcpu *vcpu, u32 nr, const struct vtr_lapic_effect *effect)
{
	const struct vtr_lapic *apic = &vcpu->lapic;

	/* A processor that has the requests must be told what is in service, too. */
	if (apic->new_errors || apic->lends)
		return true;
	if (nr == VTR_LAPIC_EOI)
		return vtr_lapic_highest(apic, VTR_LAPIC_IRR) >= 0;
	return effect->what & VTR_LAPIC_RECHECK;
}

static int write_lapic(struct vtr_vcpu *vcpu, u32 nr, u64 data, const struct vtr_moment *now,
		       struct vtr_lapic_effect *effect)
{
	int err = vtr_lapic_write(&vcpu->lapic, nr, data, now, effect);

	if (err)
		return err;
	vtr_apicv_written(vcpu, nr);
	follow(vcpu, effect, now);
	return 0;
}

static int access_lapic(struct vtr_vcpu *vcpu, u32 nr, bool write, u64 *data)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_lapic_effect effect = {};
	struct vtr_moment now = {};
	unsigned long flags;
	int err;

	preempt_disable();
	if (vtr_lapic_needs_clock(nr))
		vtr_irqchip_now(vcpu, &now);
	spin_lock_irqsave(&chip->lock, flags);
	err = write ? write_lapic(vcpu, nr, *data, &now, &effect) :
		      vtr_lapic_read(&vcpu->lapic, nr, &now, data);
	/* Its own thread will look before the next entry: no need to tell it. */
	if (must_look(vcpu, nr, &effect))
		set_bit(VTR_REQ_EVENT, &vcpu->requests);
	spin_unlock_irqrestore(&chip->lock, flags);
	preempt_enable();
	if (!err)
		trace_vtr_apic(vcpu->vm->id, vcpu->id, nr, write, *data);
	return err;
}

static void access_ioapic(struct vtr_irqchip *chip, u32 offset, bool write, u64 *data)
{
	spin_lock_irq(&chip->lock);
	if (write) {
		vtr_ioapic_write(&chip->ioapic, offset, *data);
		vtr_irqchip_settle(chip);
	} else {
		*data = vtr_ioapic_read(&chip->ioapic, offset);
	}
	spin_unlock_irq(&chip->lock);
}

/**
 * vtr_irqchip_write_register() - the processor has written a register to its page
 * @vcpu: who wrote
 * @nr: enum vtr_lapic_reg
 * @value: what; x2APIC: of an IPI to itself with a bad vector
 *
 * Context: the vCPU's thread, loaded, interrupts on.
 */
void vtr_irqchip_write_register(struct vtr_vcpu *vcpu, u32 nr, u64 value)
{
	/* The processor has raised #GP where that is due. */
	(void)access_lapic(vcpu, nr, true, &value);
}

/**
 * vtr_irqchip_ended() - the processor has ended a vector whose end matters
 * @vcpu: whose
 * @vector: the vector, not in ISR any more
 *
 * Context: the vCPU's thread, interrupts on.
 */
void vtr_irqchip_ended(struct vtr_vcpu *vcpu, u8 vector)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;

	if (!chip)
		return;
	spin_lock_irq(&chip->lock);
	if (vtr_lapic_tells_end(&vcpu->lapic, vector)) {
		vtr_ioapic_eoi(&chip->ioapic, vector);
		vtr_irqchip_settle(chip);
	}
	spin_unlock_irq(&chip->lock);
}

/* Registers lie 16 bytes apart and are accessed by 4: else nothing is defined. */
static bool is_register(u64 gpa, unsigned int bytes)
{
	return bytes == 4 && !(gpa & 0xf);
}

/**
 * vtr_irqchip_mmio() - an access to the page of the local APIC or the I/O APIC?
 * @vcpu: who accesses it
 * @gpa: guest physical address, where no memory is
 * @bytes: width
 * @write: direction
 * @data: in or out
 *
 * Context: the vCPU's thread, loaded, interrupts on.
 * Return: true if it is done; false: the address is the program's.
 */
bool vtr_irqchip_mmio(struct vtr_vcpu *vcpu, u64 gpa, unsigned int bytes, bool write, u64 *data)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	u64 base = vcpu->lapic.base & PAGE_MASK;

	if (!chip)
		return false;
	if (gpa >= VTR_IOAPIC_BASE && gpa < VTR_IOAPIC_BASE + VTR_IOAPIC_BYTES) {
		if (!write)
			*data = 0;
		if (is_register(gpa, bytes))
			access_ioapic(chip, gpa - VTR_IOAPIC_BASE, write, data);
		return true;
	}
	/* In x2APIC mode the page is not there. */
	if (gpa < base || gpa >= base + VTR_APIC_BYTES || !vtr_lapic_on(&vcpu->lapic) ||
	    vtr_lapic_x2(&vcpu->lapic))
		return false;
	if (!write)
		*data = 0;
	if (is_register(gpa, bytes))
		access_lapic(vcpu, (gpa - base) >> 4, write, data);
	return true;
}

/* ---- MSRs ------------------------------------------------------------------------ */

static int write_base(struct vtr_vcpu *vcpu, u64 value)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_moment now;
	unsigned long flags;
	int err;

	vtr_irqchip_now(vcpu, &now);
	spin_lock_irqsave(&chip->lock, flags);
	err = vtr_lapic_set_base(&vcpu->lapic, value, vtr_backend->info.gpa_bits);
	/* Switching off is a reset, and leaves the pin of the 8259. */
	vcpu->cr8 = vcpu->lapic.reg[VTR_LAPIC_TPR] >> 4;
	vtr_irqchip_arm(vcpu, &now);
	vcpu->vapic_old = true;
	set_bit(VTR_REQ_EVENT, &vcpu->requests);
	vtr_irqchip_settle(chip);
	spin_unlock_irqrestore(&chip->lock, flags);
	if (!err && vtr_lapic_page_is_elsewhere(&vcpu->lapic))
		vtr_mem_remove_apic_page(vcpu->vm);
	return err;
}

static void write_deadline(struct vtr_vcpu *vcpu, u64 value)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_moment now;
	unsigned long flags;

	vtr_irqchip_now(vcpu, &now);
	spin_lock_irqsave(&chip->lock, flags);
	vtr_lapic_set_deadline(&vcpu->lapic, value);
	vtr_irqchip_arm(vcpu, &now);
	spin_unlock_irqrestore(&chip->lock, flags);
}

/**
 * vtr_irqchip_has_msr() - is an MSR one of the local APIC's?
 * @index: the MSR
 *
 * Return: true for IA32_APIC_BASE, IA32_TSC_DEADLINE, 800H to 8FFH.
 */
bool vtr_irqchip_has_msr(u32 index)
{
	return index == MSR_IA32_APICBASE || index == MSR_IA32_TSC_DEADLINE ||
	       (index >= X2APIC_FIRST && index <= X2APIC_LAST);
}

/**
 * vtr_irqchip_read_msr() - RDMSR of IA32_APIC_BASE, IA32_TSC_DEADLINE, 800H to 8FFH
 * @vcpu: who reads
 * @index: the MSR
 * @value: out
 *
 * Context: the vCPU's thread, loaded, preemption off.
 * Return: 0; -ENOENT: none of these, or the VM has no controllers; -EINVAL: the
 * register is not there, or not readable.  Both are a #GP.
 */
int vtr_irqchip_read_msr(struct vtr_vcpu *vcpu, u32 index, u64 *value)
{
	if (!vcpu->vm->irqchip)
		return -ENOENT;
	switch (index) {
	case MSR_IA32_APICBASE:
		*value = vcpu->lapic.base;
		return 0;
	case MSR_IA32_TSC_DEADLINE:
		*value = vtr_lapic_get_deadline(&vcpu->lapic);
		return 0;
	case X2APIC_FIRST ... X2APIC_LAST:
		if (!vtr_lapic_x2(&vcpu->lapic) || index - X2APIC_FIRST >= VTR_LAPIC_NR_REGS)
			return -EINVAL;
		return access_lapic(vcpu, index - X2APIC_FIRST, false, value);
	default:
		return -ENOENT;
	}
}

/**
 * vtr_irqchip_write_msr() - WRMSR of the same
 * @vcpu: who writes
 * @index: the MSR
 * @value: what
 *
 * Context: the vCPU's thread, loaded, preemption off.
 * Return: 0; -ENOENT: as for reading; -EINVAL: the register is not there, is
 * read-only, or does not take this value.  Both are a #GP.
 */
int vtr_irqchip_write_msr(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	if (!vcpu->vm->irqchip)
		return -ENOENT;
	switch (index) {
	case MSR_IA32_APICBASE:
		return write_base(vcpu, value);
	case MSR_IA32_TSC_DEADLINE:
		write_deadline(vcpu, value);
		return 0;
	case X2APIC_FIRST ... X2APIC_LAST:
		if (!vtr_lapic_x2(&vcpu->lapic) || index - X2APIC_FIRST >= VTR_LAPIC_NR_REGS)
			return -EINVAL;
		return access_lapic(vcpu, index - X2APIC_FIRST, true, &value);
	default:
		return -ENOENT;
	}
}

/* ---- what changes beside the registers ------------------------------------------- */

/**
 * vtr_irqchip_set_tpr() - CR8 was written: it is the upper half of TPR
 * @vcpu: the vCPU, @vcpu->cr8 has the new value
 *
 * Context: the vCPU's thread, loaded.
 */
void vtr_irqchip_set_tpr(struct vtr_vcpu *vcpu)
{
	u64 tpr = vcpu->cr8 << 4;

	if (vcpu->vm->irqchip)
		access_lapic(vcpu, VTR_LAPIC_TPR, true, &tpr);
}

/**
 * vtr_irqchip_clock_changed() - the guest's time stamp counter was set, or its rate
 * @vcpu: the vCPU
 *
 * A deadline comes at another moment of the host's clock then.
 * Context: the vCPU's thread, loaded, preemption off.
 */
void vtr_irqchip_clock_changed(struct vtr_vcpu *vcpu)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_moment now;
	unsigned long flags;

	if (!chip)
		return;
	vtr_irqchip_now(vcpu, &now);
	spin_lock_irqsave(&chip->lock, flags);
	/* A restored timer starts with the next run. */
	if (!vcpu->lapic_restored)
		vtr_irqchip_arm(vcpu, &now);
	spin_unlock_irqrestore(&chip->lock, flags);
}
