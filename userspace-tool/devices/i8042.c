// SPDX-License-Identifier: GPL-2.0-only
/*
 * A keyboard controller that knows one command: pulse the reset line.
 *
 * Read i8042.h first.  Its status says "nothing to read, ready for a command",
 * which is what waits before a reset look for.
 * Source: 8042, commands F0H to FFH "pulse output port".
 */
#include "i8042.h"

#define PULSE		0xf0
#define NO_RESET	0x01	/* outputs whose bit is 0 are pulsed */

static uint64_t idle(void *self, unsigned int offset, unsigned int bytes)
{
	(void)self;
	(void)offset;
	(void)bytes;
	return 0;
}

static void ignore(void *self, unsigned int offset, unsigned int bytes, uint64_t value)
{
	(void)self;
	(void)offset;
	(void)bytes;
	(void)value;
}

static void command(void *self, unsigned int offset, unsigned int bytes, uint64_t value)
{
	struct i8042 *ctrl = self;

	(void)offset;
	(void)bytes;
	if ((value & PULSE) == PULSE && !(value & NO_RESET) && ctrl->reset)
		ctrl->reset(ctrl->context);
}

const struct device_ops i8042_data_ops = {
	.name = "keyboard controller (data)", .widths = 1, .read = idle, .write = ignore,
};

const struct device_ops i8042_command_ops = {
	.name = "keyboard controller", .widths = 1, .read = idle, .write = command,
};

void i8042_init(struct i8042 *ctrl, void (*reset)(void *context), void *context)
{
	*ctrl = (struct i8042){ .reset = reset, .context = context };
}

void i8042_exit(struct i8042 *ctrl)
{
	ctrl->reset = NULL;
}
