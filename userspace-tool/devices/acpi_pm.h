/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI's fixed hardware: power management timer, power button, off.
 *
 * The ports are named in load/acpi.h, whose tables tell the guest about them.
 * Read acpi_pm.c next.
 */
#ifndef VITRINE_ACPI_PM_H
#define VITRINE_ACPI_PM_H

#include <stdbool.h>

#include "device.h"

struct acpi_pm_regs {
	uint16_t status, enable, control;
	uint16_t pad;
	uint64_t timer_base;	/* ns: when the timer was 0 */
};

struct acpi_pm {
	struct acpi_pm_regs regs;
	void (*irq)(void *context, bool level);
	void (*off)(void *context);
	void *context;
	uint64_t (*now)(void);
};

extern const struct device_ops acpi_pm_ops;

/* @irq: its interrupt line; @off: the guest switches the machine off. */
void acpi_pm_init(struct acpi_pm *pm, void (*irq)(void *context, bool level),
		  void (*off)(void *context), void *context);
void acpi_pm_exit(struct acpi_pm *pm);

/* The machine was paused: so much time has not passed for the guest. */
void acpi_pm_skip(struct acpi_pm *pm, uint64_t ns);

/* Somebody presses the power button. */
void acpi_pm_press(struct acpi_pm *pm);

#endif /* VITRINE_ACPI_PM_H */
