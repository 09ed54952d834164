// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of the demo device.
 *
 * Read demo_device.h first; it has the map.  The pattern for a device in
 * memory: one that wants wide accesses whole says so in its widths.
 */
#include <errno.h>
#include <string.h>

#include "demo_device.h"

static const uint8_t signature[4] = { 'V', 't', 'D', 'D' };

/* Is all of the access in the store?  Counts it, if so. */
static uint8_t *in_store(struct demo_device *device, unsigned int offset,
			 unsigned int bytes)
{
	if (offset < DEMO_STORE ||
	    offset + bytes > DEMO_STORE + DEMO_STORE_BYTES)
		return NULL;
	device->regs.accesses++;
	device->regs.width = bytes;
	return device->regs.store + offset - DEMO_STORE;
}

static uint64_t demo_device_read(void *self, unsigned int offset,
				 unsigned int bytes)
{
	struct demo_device *device = self;
	uint64_t value = 0;
	const uint8_t *at;

	switch (offset) {
	case 0x00:
		memcpy(&value, signature, sizeof(signature));
		return value;
	case 0x08:
		return device->regs.accesses;
	case 0x10:
		return device->regs.width;
	}
	at = in_store(device, offset, bytes);
	if (at)
		memcpy(&value, at, bytes);
	return value;
}

static void demo_device_write(void *self, unsigned int offset,
			      unsigned int bytes, uint64_t value)
{
	uint8_t *at = in_store(self, offset, bytes);

	if (at)
		memcpy(at, &value, bytes);
}

static void demo_device_reset(void *self)
{
	demo_device_init(self);
}

static void demo_device_save(const void *self, void *state)
{
	const struct demo_device *device = self;

	memcpy(state, &device->regs, sizeof(device->regs));
}

static int demo_device_load(void *self, const void *state)
{
	const struct demo_regs *regs = state;
	struct demo_device *device = self;

	if (regs->width > 8 || regs->pad)
		return -EINVAL;
	device->regs = *regs;
	return 0;
}

const struct device_ops demo_device_ops = {
	.name = "demo device",
	.widths = 1 | 2 | 4 | 8,
	.state_bytes = sizeof(struct demo_regs),
	.reset = demo_device_reset,
	.save = demo_device_save,
	.load = demo_device_load,
	.read = demo_device_read,
	.write = demo_device_write,
};

void demo_device_init(struct demo_device *device)
{
	*device = (struct demo_device){ 0 };
}

void demo_device_exit(struct demo_device *device)
{
	(void)device;
}
