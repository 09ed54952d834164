// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of the 16550 UART, and its interrupt line.
 *
 *   offset  read             write            with LCR.DLAB = 1
 *   0       RBR received     THR to send      DLL divisor, low
 *   1       IER enables      IER              DLM divisor, high
 *   2       IIR pending      FCR FIFOs
 *   3       LCR format       LCR
 *   4       MCR lines out    MCR
 *   5       LSR state        -
 *   6       MSR lines in     -
 *   7       SCR scratch      SCR
 *
 * Read serial.h first.  Subtle: sending takes no time, so the transmitter is
 * always empty; loop-back (MCR bit 4) sends to the receiver and turns the
 * lines around, which drivers use to find out that a UART is there.
 */
#include <errno.h>
#include <string.h>

#include "serial.h"

#define LCR_DLAB	0x80
#define MCR_MASK	0x1f
#define MCR_LOOP	0x10
#define MCR_OUT2	0x08	/* connects the interrupt line on a PC */
#define IER_MASK	0x0f
#define IER_RX		0x01
#define IER_TX		0x02
#define IER_LINE	0x04
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define IIR_NONE	0x01
#define IIR_TX		0x02
#define IIR_RX		0x04
#define IIR_LINE	0x06
#define IIR_FIFOS	0xc0
#define LSR_READY	0x01
#define LSR_OVERRUN	0x02
#define LSR_TX_EMPTY	0x60	/* holding register and shifter */
#define MSR_LINES	0xb0	/* carrier, data set ready, clear to send */

static unsigned int room_of(const struct serial_regs *regs)
{
	return regs->fcr & FCR_ENABLE ? SERIAL_FIFO : 1;
}

static bool push(struct serial_regs *regs, uint8_t byte)
{
	if (regs->fifo_count >= room_of(regs))
		return false;
	regs->fifo[regs->fifo_count++] = byte;
	return true;
}

static uint8_t pop(struct serial_regs *regs)
{
	uint8_t byte = regs->fifo[0];

	if (!regs->fifo_count)
		return 0;
	regs->fifo_count--;
	memmove(regs->fifo, regs->fifo + 1, regs->fifo_count);
	return byte;
}

static void transmit(struct serial *serial, uint8_t byte)
{
	struct serial_regs *regs = &serial->regs;

	regs->thre_pending = 1;
	if (!(regs->mcr & MCR_LOOP))
		serial->send(serial->context, byte);
	else if (!push(regs, byte))
		regs->overrun = 1;
}

/* Highest priority first: line status, received data, transmitter empty. */
static uint8_t cause(const struct serial_regs *regs)
{
	if ((regs->ier & IER_LINE) && regs->overrun)
		return IIR_LINE;
	if ((regs->ier & IER_RX) && regs->fifo_count)
		return IIR_RX;
	if ((regs->ier & IER_TX) && regs->thre_pending)
		return IIR_TX;
	return IIR_NONE;
}

/* Reading it is what ends "transmitter empty". */
static uint8_t read_iir(struct serial_regs *regs)
{
	uint8_t now = cause(regs);

	if (now == IIR_TX)
		regs->thre_pending = 0;
	return now | (regs->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

/* Something has changed: does the line? */
static void update_line(struct serial *serial)
{
	const struct serial_regs *regs = &serial->regs;
	bool line = (regs->mcr & MCR_OUT2) && !(regs->mcr & MCR_LOOP) &&
		    cause(regs) != IIR_NONE;

	if (line == serial->line || !serial->irq)
		return;
	serial->line = line;
	serial->irq(serial->irq_context, line);
}

bool serial_receive(struct serial *serial, uint8_t byte)
{
	bool taken;

	/* In loop-back the line is cut off; the byte waits for its end. */
	if (serial->regs.mcr & MCR_LOOP)
		return false;
	taken = push(&serial->regs, byte);
	update_line(serial);
	return taken;
}

static uint8_t read_lsr(struct serial_regs *regs)
{
	uint8_t lsr = LSR_TX_EMPTY;

	if (regs->fifo_count)
		lsr |= LSR_READY;
	if (regs->overrun)
		lsr |= LSR_OVERRUN;
	regs->overrun = 0;
	return lsr;
}

/* Loop-back: DTR -> DSR, RTS -> CTS, OUT1 -> RI, OUT2 -> DCD. */
static uint8_t read_msr(const struct serial_regs *regs)
{
	uint8_t mcr = regs->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_LINES;
	return (mcr & 0x01) << 5 | (mcr & 0x02) << 3 | (mcr & 0x0c) << 4;
}

static uint8_t read_register(struct serial_regs *regs, unsigned int offset)
{
	bool dlab = regs->lcr & LCR_DLAB;

	switch (offset) {
	case 0:
		return dlab ? regs->dll : pop(regs);
	case 1:
		return dlab ? regs->dlm : regs->ier;
	case 2:
		return read_iir(regs);
	case 3:
		return regs->lcr;
	case 4:
		return regs->mcr;
	case 5:
		return read_lsr(regs);
	case 6:
		return read_msr(regs);
	default:
		return regs->scr;
	}
}

static uint64_t serial_read(void *self, unsigned int offset, unsigned int bytes)
{
	struct serial *serial = self;
	uint8_t value = read_register(&serial->regs, offset);

	(void)bytes;
	update_line(serial);
	return value;
}

/* Switching the FIFO on or off empties it, as on the chip. */
static void write_fcr(struct serial_regs *regs, uint8_t value)
{
	bool toggled = (regs->fcr ^ value) & FCR_ENABLE;

	if (toggled || (value & FCR_CLEAR_RX))
		regs->fifo_count = 0;
	regs->fcr = value & (FCR_ENABLE | 0xc8);
}

static void write_ier(struct serial_regs *regs, uint8_t value)
{
	/* Enabling the transmitter interrupt while it is empty raises it. */
	if ((value & IER_TX) && !(regs->ier & IER_TX))
		regs->thre_pending = 1;
	regs->ier = value & IER_MASK;
}

static void serial_write(void *self, unsigned int offset, unsigned int bytes,
			 uint64_t value)
{
	struct serial *serial = self;
	struct serial_regs *regs = &serial->regs;
	bool dlab = regs->lcr & LCR_DLAB;

	(void)bytes;
	switch (offset) {
	case 0:
		if (dlab)
			regs->dll = value;
		else
			transmit(serial, value);
		break;
	case 1:
		if (dlab)
			regs->dlm = value;
		else
			write_ier(regs, value);
		break;
	case 2:
		write_fcr(regs, value);
		break;
	case 3:
		regs->lcr = value;
		break;
	case 4:
		regs->mcr = value & MCR_MASK;
		break;
	case 7:
		regs->scr = value;
		break;
	default:	/* LSR and MSR are read-only */
		break;
	}
	update_line(serial);
}

static void serial_reset(void *self)
{
	struct serial *serial = self;

	serial->regs = (struct serial_regs){ .dll = 12 };
	update_line(serial);
}

static void serial_save(const void *self, void *state)
{
	memcpy(state, &((const struct serial *)self)->regs,
	       sizeof(struct serial_regs));
}

static int serial_load(void *self, const void *state)
{
	struct serial_regs regs;

	memcpy(&regs, state, sizeof(regs));
	if (regs.fifo_count > room_of(&regs) || (regs.mcr & ~MCR_MASK) ||
	    (regs.ier & ~IER_MASK))
		return -EINVAL;
	((struct serial *)self)->regs = regs;
	update_line(self);
	return 0;
}

const struct device_ops serial_ops = {
	.name = "serial",
	.widths = 1,
	.state_bytes = sizeof(struct serial_regs),
	.reset = serial_reset,
	.save = serial_save,
	.load = serial_load,
	.read = serial_read,
	.write = serial_write,
};

void serial_init(struct serial *serial,
		 void (*send)(void *context, uint8_t byte), void *context)
{
	*serial = (struct serial){ .send = send, .context = context };
	serial_reset(serial);
}

void serial_connect(struct serial *serial, void (*irq)(void *context, bool level),
		    void *context)
{
	serial->irq = irq;
	serial->irq_context = context;
}

/* Nothing is held yet; here so that every device has the pair. */
void serial_exit(struct serial *serial)
{
	serial->send = NULL;
}
