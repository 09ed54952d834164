/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 16550 serial port.
 *
 * machine.c puts it at port 0x3f8 and gives it a place to send bytes to;
 * console.c feeds serial_receive().  Read serial.c next.
 *
 * Subtle: the interrupt line is high as long as the interrupt identification
 * register names something and the driver has connected the line (MCR.OUT2).
 */
#ifndef VITRINE_SERIAL_H
#define VITRINE_SERIAL_H

#include <stdbool.h>

#include "device.h"

#define SERIAL_PORTS	8
#define SERIAL_FIFO	16

/* All that a save must hold; plain bytes, so it is its own saved form. */
struct serial_regs {
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t dll, dlm;
	uint8_t overrun;	/* LSR bit 1, cleared by reading LSR */
	uint8_t thre_pending;	/* transmitter-empty not yet identified */
	uint8_t fifo_count;
	uint8_t fifo[SERIAL_FIFO];
};

struct serial {
	struct serial_regs regs;
	void (*send)(void *context, uint8_t byte);
	void *context;
	void (*irq)(void *context, bool level);
	void *irq_context;
	bool line;		/* what @irq was told last */
};

extern const struct device_ops serial_ops;

void serial_init(struct serial *serial,
		 void (*send)(void *context, uint8_t byte), void *context);

/* Where its interrupt line leads; without it the port can only be polled. */
void serial_connect(struct serial *serial, void (*irq)(void *context, bool level),
		    void *context);
void serial_exit(struct serial *serial);

/* A byte comes in over the line; false: no room, offer it again later. */
bool serial_receive(struct serial *serial, uint8_t byte);

#endif /* VITRINE_SERIAL_H */
