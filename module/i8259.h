/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two interrupt controllers 8259A, one behind the other, as in each PC.
 *
 * Pure, as lapic.h.
 * Source: 8259A Programmable Interrupt Controller, "Programming the 8259A";
 * the edge/level registers are of the 82371SB.
 * Read next: module/i8259.c, module/irqchip.c.
 */
#ifndef VTR_I8259_H
#define VTR_I8259_H

#include <linux/types.h>

#define VTR_I8259_LINES		16
#define VTR_I8259_CASCADE	2	/* the line of the first one that the second one uses */

/**
 * struct vtr_i8259_one - one of the two
 * @base: vector of line 0
 * @irr: requests
 * @isr: in service
 * @imr: masked
 * @lines: level at the pins
 * @level: lines that are level-triggered (ELCR)
 * @top: line with the highest priority
 * @step: next initialization word, 0: initialized
 * @needs_icw4: ICW1 has announced it
 * @auto_eoi: the acknowledge ends the interrupt
 * @rotates: automatic end of interrupt rotates the priorities
 * @special_mask: special mask mode
 * @special_nested: special fully nested mode
 * @reads_isr: a read of the command port gives ISR instead of IRR
 * @polls: the next read is a poll
 */
struct vtr_i8259_one {
	u8 base;
	u8 irr, isr, imr, lines, level;
	u8 top;
	u8 step;
	bool needs_icw4, auto_eoi, rotates, special_mask, special_nested;
	bool reads_isr, polls;
};

struct vtr_i8259 {
	struct vtr_i8259_one one[2];
};

void vtr_i8259_reset(struct vtr_i8259 *pic);
bool vtr_i8259_has_port(u16 port);
u8 vtr_i8259_read(struct vtr_i8259 *pic, u16 port);
void vtr_i8259_write(struct vtr_i8259 *pic, u16 port, u8 value);
void vtr_i8259_set_line(struct vtr_i8259 *pic, unsigned int line, bool high);
bool vtr_i8259_output(const struct vtr_i8259 *pic);
bool vtr_i8259_waits(const struct vtr_i8259 *pic, unsigned int line);
u8 vtr_i8259_acknowledge(struct vtr_i8259 *pic);
bool vtr_i8259_is_legal(const struct vtr_i8259 *pic);

#endif /* VTR_I8259_H */
