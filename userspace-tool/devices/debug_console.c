// SPDX-License-Identifier: GPL-2.0-only
/*
 * The debug console: one port, no state, no waiting.
 *
 * Read debug_console.h first; this is the shortest device there is, and the
 * pattern for the others.
 */
#include "debug_console.h"

static uint64_t debug_console_read(void *self, unsigned int offset,
				   unsigned int bytes)
{
	(void)self;
	(void)offset;
	(void)bytes;
	return DEBUG_CONSOLE_PORT;
}

static void debug_console_write(void *self, unsigned int offset,
				unsigned int bytes, uint64_t value)
{
	struct debug_console *device = self;

	(void)offset;
	(void)bytes;
	device->send(device->context, value);
}

const struct device_ops debug_console_ops = {
	.name = "debug console",
	.widths = 1,
	.read = debug_console_read,
	.write = debug_console_write,
};

void debug_console_init(struct debug_console *device,
			void (*send)(void *context, uint8_t byte),
			void *context)
{
	*device = (struct debug_console){ .send = send, .context = context };
}

void debug_console_exit(struct debug_console *device)
{
	device->send = NULL;
}
