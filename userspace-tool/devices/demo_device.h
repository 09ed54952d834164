/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The demo device: a few registers in memory, for first steps with MMIO.
 *
 * Nothing a PC has; small guests use it to see how an instruction on a
 * memory-mapped device goes up and comes back.
 *
 *	offset	register
 *	0x00	signature, read-only: "VtDD"
 *	0x08	accesses to the store so far, read-only
 *	0x10	width in bytes of the last of them, read-only
 *	0x40	the store: 64 bytes that read back what was written, in any width
 *
 * All else reads as 0.  machine.c puts it at DEMO_DEVICE_BASE; read
 * demo_device.c next.
 */
#ifndef VITRINE_DEMO_DEVICE_H
#define VITRINE_DEMO_DEVICE_H

#include "device.h"

#define DEMO_DEVICE_BASE	0xd0000000ull
#define DEMO_DEVICE_BYTES	0x1000
#define DEMO_STORE		0x40
#define DEMO_STORE_BYTES	64

/* All of its state, as it is saved. */
struct demo_regs {
	uint64_t accesses;
	uint32_t width;
	uint32_t pad;
	uint8_t store[DEMO_STORE_BYTES];
};

struct demo_device {
	struct demo_regs regs;
};

extern const struct device_ops demo_device_ops;

void demo_device_init(struct demo_device *device);
void demo_device_exit(struct demo_device *device);

#endif /* VITRINE_DEMO_DEVICE_H */
