// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration mechanism #1: an address at 0xcf8, the register at 0xcfc.  A byte at
 * 0xcf9 is the reset control register.
 *
 * Read pci.h first.  Where no function is, registers read as all ones.
 * Source: PCI Local Bus Specification 3.0, "Software Generation of Configuration
 * Transactions" (3.2.2.3) and "Configuration Space Organization" (6.1); 82371SB, "Reset
 * Control Register".
 */
#include <errno.h>
#include <string.h>

#include "pci.h"

#define ENABLE		0x80000000u
#define ADDRESS_BITS	0x80fffffcu
#define DATA		4
#define CONTROL		1
#define CONTROL_RESET	0x04
#define CONTROL_BITS	0x0e

/* As many chipsets' host bridges: no base addresses, no capabilities. */
static const uint32_t bridge[16] = {
	[0] = 0x12378086,	/* device, vendor: 440FX, which each OS knows */
	[1] = 0x00000000,	/* status, command */
	[2] = 0x06000002,	/* class: bridge, host; revision */
};

/* Register at @offset of the function that @address selects. */
static uint32_t config(uint32_t address)
{
	uint32_t function = address >> 8 & 0xffff, offset = address & 0xfc;

	if (!(address & ENABLE) || function)
		return 0xffffffff;
	return offset < sizeof(bridge) ? bridge[offset / 4] : 0;
}

static uint64_t pci_read(void *self, unsigned int offset, unsigned int bytes)
{
	const struct pci *pci = self;

	if (offset >= DATA)
		return config(pci->regs.address) >> (8 * (offset - DATA));
	if (offset == CONTROL && bytes == 1)
		return pci->regs.control;
	return bytes == 4 ? pci->regs.address : 0xff;
}

/* The change of its bit 2 from 0 to 1 resets. */
static void write_control(struct pci *pci, uint8_t value)
{
	uint8_t rises = value & ~pci->regs.control;

	pci->regs.control = value & CONTROL_BITS;
	if (rises & CONTROL_RESET && pci->reset)
		pci->reset(pci->context);
}

static void pci_write(void *self, unsigned int offset, unsigned int bytes, uint64_t value)
{
	struct pci *pci = self;

	/* Only a whole write to the address counts: its bytes are other registers. */
	if (!offset && bytes == 4)
		pci->regs.address = value & ADDRESS_BITS;
	else if (offset == CONTROL && bytes == 1)
		write_control(pci, value);
}

static void pci_power_on(void *self)
{
	((struct pci *)self)->regs = (struct pci_regs){ 0 };
}

static void pci_save(const void *self, void *state)
{
	memcpy(state, &((const struct pci *)self)->regs, sizeof(struct pci_regs));
}

static int pci_load(void *self, const void *state)
{
	struct pci_regs regs;

	memcpy(&regs, state, sizeof(regs));
	if (regs.address & ~ADDRESS_BITS || regs.control & ~CONTROL_BITS || regs.pad[0] ||
	    regs.pad[1] || regs.pad[2])
		return -EINVAL;
	((struct pci *)self)->regs = regs;
	return 0;
}

const struct device_ops pci_ops = {
	.name = "PCI configuration",
	.widths = 1 | 2 | 4,
	.state_bytes = sizeof(struct pci_regs),
	.reset = pci_power_on,
	.save = pci_save,
	.load = pci_load,
	.read = pci_read,
	.write = pci_write,
};

void pci_init(struct pci *pci, void (*reset)(void *context), void *context)
{
	*pci = (struct pci){ .reset = reset, .context = context };
}

void pci_exit(struct pci *pci)
{
	pci->reset = NULL;
}
