// SPDX-License-Identifier: GPL-2.0-only
/*
 * The panic device: its port reads as the events that it knows, a write tells one.
 *
 * Read pvpanic.h first.
 *
 * Subtle: "a crash kernel takes over" is not among the events, so a guest that has
 * one loaded writes nothing and goes on.
 */
#include "pvpanic.h"

#define PANICKED	(1u << 0)

static uint64_t pvpanic_read(void *self, unsigned int offset, unsigned int bytes)
{
	(void)self;
	(void)offset;
	(void)bytes;
	return PANICKED;
}

static void pvpanic_write(void *self, unsigned int offset, unsigned int bytes, uint64_t value)
{
	struct pvpanic *device = self;

	(void)offset;
	(void)bytes;
	if (value & PANICKED && device->panicked)
		device->panicked(device->context);
}

const struct device_ops pvpanic_ops = {
	.name = "panic device", .widths = 1, .read = pvpanic_read, .write = pvpanic_write,
};

void pvpanic_init(struct pvpanic *device, void (*panicked)(void *context), void *context)
{
	*device = (struct pvpanic){ .panicked = panicked, .context = context };
}

void pvpanic_exit(struct pvpanic *device)
{
	device->panicked = NULL;
}
