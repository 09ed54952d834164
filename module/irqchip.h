/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt controllers of a VM, taken together: local APICs, I/O APIC,
 * 8259, and the timer 8254, which drives one of their lines.
 *
 * A VM has them if it was made with VTR_IRQCHIP_MODULE; else vm->irqchip is NULL,
 * and the program injects what its own controllers decide.
 * Read next: module/irqchip.c, docs/interrupts.md.
 */
#ifndef VTR_IRQCHIP_H
#define VTR_IRQCHIP_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>

#include "i8254.h"
#include "i8259.h"
#include "ioapic.h"
#include "vtr.h"

/**
 * struct vtr_irqchip - what the vCPUs of a VM share
 * @vm: the VM
 * @lock: guards the members below and each vCPU's @lapic; taken with interrupts
 *	off, also in timer interrupts; nothing but a vCPU's wait queue is taken inside
 * @ioapic, @pic, @pit: the devices
 * @pit_timer: channel 0 of @pit
 * @pit_waits: channel 0 rests until its last tick is taken, or until somebody listens
 * @pit_unheard: nobody did: its line is masked everywhere
 * @apicv: VTR_APICV_*: what the processor may do of the local APICs
 * @access_page: stands at VTR_APIC_BASE for the processor to notice accesses; NULL:
 *	it does not; nobody ever reads it
 * @access_gone: guarded by vm->mem.lock: it must not stand there any more
 * @held: the guest's time stands still: no timer expires
 * @end_id: no vCPU has this id or a higher one
 * @turn: the search for the lowest priority begins with this id, behind the last one
 */
struct vtr_irqchip {
	struct vtr_vm *vm;
	spinlock_t lock;
	struct vtr_ioapic ioapic;
	struct vtr_i8259 pic;
	struct vtr_i8254 pit;
	struct hrtimer pit_timer;
	bool pit_waits;
	bool pit_unheard;
	bool held;
	unsigned int end_id;
	unsigned int turn;
	unsigned int apicv;
	void *access_page;
	bool access_gone;
};

/* irqchip.c: what moves between them and the vCPUs */
int vtr_irqchip_create(struct vtr_vm *vm);
void vtr_irqchip_destroy(struct vtr_vm *vm);
void vtr_irqchip_add_vcpu(struct vtr_vcpu *vcpu);
void vtr_irqchip_remove_vcpu(struct vtr_vcpu *vcpu);
int vtr_irqchip_set_line(struct vtr_vm *vm, const struct vtr_irq_line *args);
int vtr_irqchip_check_line(u32 line);
void vtr_irqchip_pulse_line(struct vtr_vm *vm, u32 line);
int vtr_irqchip_send_msi(struct vtr_vm *vm, const struct vtr_msi *args);
int vtr_irqchip_check_msi(const struct vtr_msi *args);
void vtr_irqchip_begin_run(struct vtr_vcpu *vcpu);
void vtr_irqchip_deliver(struct vtr_vcpu *vcpu);
bool vtr_irqchip_rests(struct vtr_vcpu *vcpu);
bool vtr_irqchip_wait(struct vtr_vcpu *vcpu);
void vtr_irqchip_timer(struct vtr_vcpu *vcpu);
void vtr_irqchip_hold(struct vtr_vm *vm);
void vtr_irqchip_release(struct vtr_vm *vm, u64 ns);

/**
 * vtr_irqchip_may_rest() - is there anything for vtr_irqchip_rests() to decide?
 * @vcpu: the vCPU
 *
 * Asked between each exit and the next entry, and mostly the answer is no.
 */
static inline bool vtr_irqchip_may_rest(const struct vtr_vcpu *vcpu)
{
	return vcpu->vm->irqchip &&
	       (vcpu->activity != VTR_ACTIVE || READ_ONCE(vcpu->lapic.init));
}

/* apicv.c: what the processor does by itself */
extern unsigned int vtr_apicv_level;
unsigned int vtr_apicv_does(const struct vtr_vcpu *vcpu);
void vtr_apicv_enter(struct vtr_vcpu *vcpu);
void vtr_apicv_left(struct vtr_vcpu *vcpu);
void vtr_apicv_written(struct vtr_vcpu *vcpu, u32 nr);
void vtr_apicv_show(const struct vtr_lapic *apic, u32 *page);
void vtr_apicv_lend(struct vtr_lapic *apic, struct vtr_apicv *apicv);
bool vtr_apicv_take_back(struct vtr_lapic *apic, const u32 *page, u32 *taken);

/* irqchip_access.c: registers, as the guest reaches them */
bool vtr_irqchip_port(struct vtr_vcpu *vcpu, u16 port, unsigned int bytes, bool in, u64 *data);
bool vtr_irqchip_mmio(struct vtr_vcpu *vcpu, u64 gpa, unsigned int bytes, bool write, u64 *data);
bool vtr_irqchip_has_msr(u32 index);
int vtr_irqchip_read_msr(struct vtr_vcpu *vcpu, u32 index, u64 *value);
int vtr_irqchip_write_msr(struct vtr_vcpu *vcpu, u32 index, u64 value);
void vtr_irqchip_set_tpr(struct vtr_vcpu *vcpu);
void vtr_irqchip_clock_changed(struct vtr_vcpu *vcpu);
void vtr_irqchip_write_register(struct vtr_vcpu *vcpu, u32 nr, u64 value);
void vtr_irqchip_ended(struct vtr_vcpu *vcpu, u8 vector);

/* irqchip_state.c: their state as records */
int vtr_irqchip_get_state(struct vtr_vm *vm, struct vtr_state_buffer *args);
int vtr_irqchip_set_state(struct vtr_vm *vm, struct vtr_state_buffer *args);

/* Between the first two: under the lock. */
void vtr_irqchip_now(struct vtr_vcpu *vcpu, struct vtr_moment *now);
void vtr_irqchip_arm(struct vtr_vcpu *vcpu, const struct vtr_moment *now);
void vtr_irqchip_arm_pit(struct vtr_irqchip *chip, u64 now);
bool vtr_irqchip_send(struct vtr_irqchip *chip, const struct vtr_lapic *from,
		      const struct vtr_irq_message *message);
void vtr_irqchip_settle(struct vtr_irqchip *chip);
void vtr_irqchip_after_taking(struct vtr_vcpu *vcpu, u8 vector);

#endif /* VTR_IRQCHIP_H */
