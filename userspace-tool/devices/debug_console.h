/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The debug console at port 0xe9: every byte written is printed.
 *
 * The shortest way for a guest to say something, known from Bochs and QEMU;
 * reading it gives 0xe9, by which a guest finds out that it is there.
 * machine.c puts it on the bus; read debug_console.c next.
 */
#ifndef VITRINE_DEBUG_CONSOLE_H
#define VITRINE_DEBUG_CONSOLE_H

#include "device.h"

#define DEBUG_CONSOLE_PORT	0xe9

struct debug_console {
	void (*send)(void *context, uint8_t byte);
	void *context;
};

extern const struct device_ops debug_console_ops;

void debug_console_init(struct debug_console *device,
			void (*send)(void *context, uint8_t byte),
			void *context);
void debug_console_exit(struct debug_console *device);

#endif /* VITRINE_DEBUG_CONSOLE_H */
