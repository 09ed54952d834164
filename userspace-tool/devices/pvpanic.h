/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The panic device: a guest's kernel tells that it has panicked.
 *
 * The same convention as QEMU's pvpanic (docs/specs/pvpanic), so a stock kernel has
 * the driver: module pvpanic-mmio, found by the ACPI id QEMU0001.  machine.c puts it
 * at port 0x505; load/acpi.c tells of it.  Read pvpanic.c next.
 */
#ifndef VITRINE_PVPANIC_H
#define VITRINE_PVPANIC_H

#include "device.h"

#define PVPANIC_PORT	0x505
#define PVPANIC_PORTS	1

struct pvpanic {
	void (*panicked)(void *context);
	void *context;
};

extern const struct device_ops pvpanic_ops;

void pvpanic_init(struct pvpanic *device, void (*panicked)(void *context), void *context);
void pvpanic_exit(struct pvpanic *device);

#endif /* VITRINE_PVPANIC_H */
