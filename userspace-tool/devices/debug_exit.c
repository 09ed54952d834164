// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debug exit port.  It reads as 0; a write at its first port ends the VM.
 *
 * Read debug_exit.h first.  The machine decides what ending means; the device
 * only tells the value written.  It has no state to save.
 */
#include "debug_exit.h"

static uint64_t debug_exit_read(void *self, unsigned int offset,
				unsigned int bytes)
{
	(void)self;
	(void)offset;
	(void)bytes;
	return 0;
}

static void debug_exit_write(void *self, unsigned int offset,
			     unsigned int bytes, uint64_t value)
{
	struct debug_exit *device = self;

	(void)bytes;
	if (!offset)
		device->ended(device->context, value);
}

const struct device_ops debug_exit_ops = {
	.name = "debug exit",
	.widths = 1 | 2 | 4,
	.read = debug_exit_read,
	.write = debug_exit_write,
};

void debug_exit_init(struct debug_exit *device,
		     void (*ended)(void *context, uint32_t value),
		     void *context)
{
	*device = (struct debug_exit){ .ended = ended, .context = context };
}

void debug_exit_exit(struct debug_exit *device)
{
	device->ended = NULL;
}
