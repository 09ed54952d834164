/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI bus with nothing on it but its host bridge, and the chipset's reset port.
 *
 * machine.c puts its configuration mechanism at 0xcf8 to 0xcff; a device will be
 * one more function that answers pci_config().  Read pci.c next.
 */
#ifndef VITRINE_PCI_H
#define VITRINE_PCI_H

#include "device.h"

#define PCI_PORT	0xcf8
#define PCI_PORTS	8

struct pci_regs {
	uint32_t address;
	uint8_t control;
	uint8_t pad[3];
};

struct pci {
	struct pci_regs regs;
	void (*reset)(void *context);
	void *context;
};

extern const struct device_ops pci_ops;

/* @reset: the guest resets the machine. */
void pci_init(struct pci *pci, void (*reset)(void *context), void *context);
void pci_exit(struct pci *pci);

#endif /* VITRINE_PCI_H */
