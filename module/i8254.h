/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timer 8254 of a PC, and port 61H, the gate and sound of its channel 2.
 *
 * Pure, as lapic.h: time comes in as nanoseconds, and nothing runs by itself.
 * A channel remembers when it began to count; all else follows from that.
 * Source: 8254 Programmable Interval Timer, "Programming the 8254".
 * Read next: module/i8254.c, module/irqchip.c.
 */
#ifndef VTR_I8254_H
#define VTR_I8254_H

#include <linux/types.h>

#define VTR_I8254_HZ		1193182
#define VTR_I8254_CHANNELS	3

/**
 * struct vtr_i8254_channel - one counter
 * @from: when the present count began, ns; 0: it does not count
 * @initial: count that was written; 0 means 65536 (10000 in BCD)
 * @mode: 0 to 5
 * @access: 1: low byte, 2: high byte, 3: low, then high
 * @bcd: counts in decimal
 * @gate: level of the gate input
 * @low: first byte of two that are written
 * @writes_high: the next byte that is written is the high one
 * @reads_high: the next byte that is read is the high one
 * @latch: latched count
 * @latched: bytes of @latch that are to be read yet
 * @status: latched status
 * @status_latched: @status is read next
 * @fired: one-shot modes: the interrupt of this count has come
 */
struct vtr_i8254_channel {
	u64 from;
	u16 initial;
	u8 mode, access;
	bool bcd, gate;
	u8 low;
	bool writes_high, reads_high;
	u16 latch;
	u8 latched;
	u8 status;
	bool status_latched, fired;
};

struct vtr_i8254 {
	struct vtr_i8254_channel channel[VTR_I8254_CHANNELS];
	bool speaker;
};

void vtr_i8254_reset(struct vtr_i8254 *pit);
bool vtr_i8254_has_port(u16 port);
u8 vtr_i8254_read(struct vtr_i8254 *pit, u16 port, u64 now);
void vtr_i8254_write(struct vtr_i8254 *pit, u16 port, u8 value, u64 now);
u64 vtr_i8254_due(const struct vtr_i8254 *pit);
bool vtr_i8254_expire(struct vtr_i8254 *pit, u64 now);
void vtr_i8254_skip(struct vtr_i8254 *pit, u64 now);
bool vtr_i8254_is_legal(const struct vtr_i8254 *pit);
void vtr_i8254_shift(struct vtr_i8254 *pit, u64 ns);

#endif /* VTR_I8254_H */
