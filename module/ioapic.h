/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An I/O APIC: 24 pins, each with an entry that says where an interrupt goes.
 *
 * Pure, as lapic.h: messages for local APICs come out of vtr_ioapic_next().
 * Source: 82093AA I/O Advanced Programmable Interrupt Controller (IOAPIC),
 * "Register Description"; the EOI register is of version 20H.
 * Read next: module/ioapic.c, module/irqchip.c.
 */
#ifndef VTR_IOAPIC_H
#define VTR_IOAPIC_H

#include <linux/types.h>

#include "lapic.h"

#define VTR_IOAPIC_BASE		0xfec00000ULL
#define VTR_IOAPIC_BYTES	0x1000
#define VTR_IOAPIC_PINS		24

/**
 * struct vtr_ioapic - its state
 * @select: the register that the window shows
 * @id: bits 27:24 of register 0
 * @redirection: entry of each pin
 * @lines: level at each pin
 * @pending: an edge that has not been sent
 */
struct vtr_ioapic {
	u8 select;
	u32 id;
	u64 redirection[VTR_IOAPIC_PINS];
	u32 lines;
	u32 pending;
};

void vtr_ioapic_reset(struct vtr_ioapic *io);
u32 vtr_ioapic_read(const struct vtr_ioapic *io, u32 offset);
void vtr_ioapic_write(struct vtr_ioapic *io, u32 offset, u32 value);
void vtr_ioapic_set_line(struct vtr_ioapic *io, unsigned int pin, bool high);
void vtr_ioapic_eoi(struct vtr_ioapic *io, u8 vector);
bool vtr_ioapic_wakes_deaf(const struct vtr_ioapic *io);
int vtr_ioapic_vector(const struct vtr_ioapic *io, unsigned int pin);
bool vtr_ioapic_next(const struct vtr_ioapic *io, unsigned int *pin,
		     struct vtr_irq_message *message);
void vtr_ioapic_sent(struct vtr_ioapic *io, unsigned int pin, bool accepted);
bool vtr_ioapic_is_legal(const struct vtr_ioapic *io);

#endif /* VTR_IOAPIC_H */
