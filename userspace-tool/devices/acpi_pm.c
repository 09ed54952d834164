// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of ACPI's fixed hardware.
 *
 *   offset  bytes
 *   0       2      status of events; a 1 that is written clears
 *   2       2      which of them interrupt
 *   4       2      control: SLP_EN and SLP_TYP switch off
 *   8       4      timer, 3.579545 MHz, read-only
 *
 * Read acpi_pm.h first.
 * Source: ACPI Specification 6.4, "ACPI Hardware Specification", "Fixed Hardware
 * Features" (4.8.2, 4.8.3).
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "acpi_pm.h"
#include "load/acpi.h"

#define TIMER_HZ	3579545ull
#define NS		1000000000ull
#define STATUS		0
#define ENABLE		2
#define CONTROL		4
#define TIMER		8
#define EVENT_TIMER	(1u << 0)
#define EVENT_GLOBAL	(1u << 5)
#define EVENT_POWER	(1u << 8)
#define EVENT_SLEEP	(1u << 9)
#define EVENT_CLOCK	(1u << 10)
#define EVENT_WAKE	(1u << 15)
#define EVENTS		(EVENT_TIMER | EVENT_GLOBAL | EVENT_POWER | EVENT_SLEEP | \
			 EVENT_CLOCK | EVENT_WAKE)
#define SCI_EN		(1u << 0)
#define SLEEP_TYPE(c)	((c) >> 10 & 7)
#define SLEEP		(1u << 13)

static uint64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

static uint32_t timer_of(const struct acpi_pm *pm)
{
	uint64_t ns = pm->now() - pm->regs.timer_base;

	/* In two steps: ns * Hz overflows after an hour and a half. */
	return ns / NS * TIMER_HZ + ns % NS * TIMER_HZ / NS;
}

static void update_line(struct acpi_pm *pm)
{
	if (pm->irq)
		pm->irq(pm->context, pm->regs.status & pm->regs.enable);
}

static uint64_t pm_read(void *self, unsigned int offset, unsigned int bytes)
{
	struct acpi_pm *pm = self;

	switch (offset) {
	case STATUS:
		if (bytes == 4)
			return pm->regs.status | (uint32_t)pm->regs.enable << 16;
		return pm->regs.status;
	case ENABLE:
		return pm->regs.enable;
	case CONTROL:
		return pm->regs.control;
	case TIMER:
		return timer_of(pm);	/* cut to the width by the bus */
	case TIMER + 2:
		return timer_of(pm) >> 16;
	default:
		return 0;
	}
}

static void write_control(struct acpi_pm *pm, uint16_t value)
{
	/* There is no other mode than ACPI's: SCI_EN stays. */
	pm->regs.control = (value & ~SLEEP) | SCI_EN;
	if (value & SLEEP && SLEEP_TYPE(value) == ACPI_S5_TYPE && pm->off)
		pm->off(pm->context);
}

static void pm_write(void *self, unsigned int offset, unsigned int bytes, uint64_t value)
{
	struct acpi_pm *pm = self;

	switch (offset) {
	case STATUS:
		pm->regs.status &= ~value;
		if (bytes == 4)
			pm->regs.enable = value >> 16 & EVENTS;
		break;
	case ENABLE:
		pm->regs.enable = value & EVENTS;
		break;
	case CONTROL:
		write_control(pm, value);
		break;
	default:
		return;		/* the timer */
	}
	update_line(pm);
}

void acpi_pm_skip(struct acpi_pm *pm, uint64_t ns)
{
	pm->regs.timer_base += ns;
}

void acpi_pm_press(struct acpi_pm *pm)
{
	pm->regs.status |= EVENT_POWER;
	update_line(pm);
}

static void pm_reset(void *self)
{
	struct acpi_pm *pm = self;

	pm->regs = (struct acpi_pm_regs){ .control = SCI_EN, .timer_base = pm->now() };
}

static void pm_save(const void *self, void *state)
{
	memcpy(state, &((const struct acpi_pm *)self)->regs, sizeof(struct acpi_pm_regs));
}

static int pm_load(void *self, const void *state)
{
	struct acpi_pm *pm = self;
	struct acpi_pm_regs regs;

	memcpy(&regs, state, sizeof(regs));
	if (regs.pad || regs.status & ~EVENTS || regs.enable & ~EVENTS)
		return -EINVAL;
	pm->regs = regs;
	update_line(pm);
	return 0;
}

const struct device_ops acpi_pm_ops = {
	.name = "ACPI power management",
	.widths = 2 | 4,
	.state_bytes = sizeof(struct acpi_pm_regs),
	.reset = pm_reset,
	.save = pm_save,
	.load = pm_load,
	.read = pm_read,
	.write = pm_write,
};

void acpi_pm_init(struct acpi_pm *pm, void (*irq)(void *context, bool level),
		  void (*off)(void *context), void *context)
{
	*pm = (struct acpi_pm){ .irq = irq, .off = off, .context = context, .now = monotonic };
	pm_reset(pm);
}

void acpi_pm_exit(struct acpi_pm *pm)
{
	pm->irq = NULL;
	pm->off = NULL;
}
