/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The keyboard controller (i8042) of a PC without a keyboard: one of its outputs
 * is wired to the processors' reset.
 *
 * machine.c puts it at ports 0x60 and 0x64.  Read i8042.c next.
 */
#ifndef VITRINE_I8042_H
#define VITRINE_I8042_H

#include "device.h"

#define I8042_DATA_PORT		0x60
#define I8042_COMMAND_PORT	0x64

struct i8042 {
	void (*reset)(void *context);
	void *context;
};

extern const struct device_ops i8042_data_ops;
extern const struct device_ops i8042_command_ops;

void i8042_init(struct i8042 *ctrl, void (*reset)(void *context), void *context);
void i8042_exit(struct i8042 *ctrl);

#endif /* VITRINE_I8042_H */
