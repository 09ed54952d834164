/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables of a guest, and the numbers that they and the devices share.
 *
 * load_linux.c puts the tables into guest memory; devices/acpi_pm.c answers at
 * the ports named here.  Read acpi.c next.
 */
#ifndef VITRINE_ACPI_H
#define VITRINE_ACPI_H

#include "load.h"

/* The read-only memory of a PC's firmware, where an RSDP is looked for. */
#define ACPI_AT		0xe0000ull
#define ACPI_BYTES	0x4000ull

#define ACPI_PM_BASE	0x600
#define ACPI_PM_EVENT	(ACPI_PM_BASE + 0x0)
#define ACPI_PM_CONTROL	(ACPI_PM_BASE + 0x4)
#define ACPI_PM_TIMER	(ACPI_PM_BASE + 0x8)
#define ACPI_PM_PORTS	0xc
#define ACPI_LINE	9
#define ACPI_RESET_PORT	0xcf9
#define ACPI_RESET_VALUE 0x06
#define ACPI_S5_TYPE	5	/* what the control register gets to switch off */

/*
 * Write the tables for a machine with @cpus processors.  @rsdp: where the first
 * of them lies.  0 or a negative errno with a sentence.
 */
int acpi_write(struct loader *loader, unsigned int cpus, uint64_t *rsdp);

#endif /* VITRINE_ACPI_H */
