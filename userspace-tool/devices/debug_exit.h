/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The debug exit port: a guest ends its VM with a status.
 *
 * The same convention as QEMU's isa-debug-exit, so that one guest serves both:
 * writing v ends the program with status (v << 1) | 1.  machine.c puts it at
 * port 0x501 (--debug-exit); read debug_exit.c next.
 */
#ifndef VITRINE_DEBUG_EXIT_H
#define VITRINE_DEBUG_EXIT_H

#include "device.h"

#define DEBUG_EXIT_PORT		0x501
#define DEBUG_EXIT_PORTS	4

struct debug_exit {
	void (*ended)(void *context, uint32_t value);
	void *context;
};

extern const struct device_ops debug_exit_ops;

void debug_exit_init(struct debug_exit *device,
		     void (*ended)(void *context, uint32_t value),
		     void *context);
void debug_exit_exit(struct debug_exit *device);

#endif /* VITRINE_DEBUG_EXIT_H */
