// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O APIC: from a pin to a message for local APICs.  Pure.
 *
 * An edge is sent once.  A level is sent once, too, if a local APIC accepts it:
 * its entry's remote IRR is set until the end of interrupt comes back; if the line
 * is still high then, it is sent again.
 * Called by module/irqchip.c under the VM's interrupt lock.
 */
#include <linux/bits.h>
#include <linux/string.h>

#include "ioapic.h"

#define REG_SELECT	0x00
#define REG_WINDOW	0x10
#define REG_EOI		0x40
#define SELECT_ID	0x00
#define SELECT_VERSION	0x01
#define SELECT_ARBITER	0x02
#define SELECT_ENTRIES	0x10

#define VERSION		(0x20 | (VTR_IOAPIC_PINS - 1) << 16)

/* A redirection entry. */
#define ENTRY_LOGICAL	BIT_ULL(11)
#define ENTRY_BUSY	BIT_ULL(12)
#define ENTRY_REMOTE	BIT_ULL(14)
#define ENTRY_LEVEL	BIT_ULL(15)
#define ENTRY_MASKED	BIT_ULL(16)
#define ENTRY_READONLY	(ENTRY_BUSY | ENTRY_REMOTE)
#define ENTRY_WRITABLE	(GENMASK_ULL(63, 56) | GENMASK_ULL(16, 0))

/*
 * Is an entry level-triggered?  NMI, INIT and the like are edges whatever it says, for
 * no local APIC ends them: 82093AA, "Delivery Mode".
 */
static bool is_level(u64 entry)
{
	return entry & ENTRY_LEVEL && (entry >> 8 & 7) <= VTR_DELIVER_LOWEST;
}

/**
 * vtr_ioapic_reset() - power-up state: all pins masked
 * @io: the I/O APIC
 */
void vtr_ioapic_reset(struct vtr_ioapic *io)
{
	memset(io, 0, sizeof(*io));
	for (unsigned int pin = 0; pin < VTR_IOAPIC_PINS; pin++)
		io->redirection[pin] = ENTRY_MASKED;
}

/* ---- registers ------------------------------------------------------------------- */

static u32 read_window(const struct vtr_ioapic *io)
{
	unsigned int word = io->select - SELECT_ENTRIES;

	switch (io->select) {
	case SELECT_ID:
	case SELECT_ARBITER:
		return io->id;
	case SELECT_VERSION:
		return VERSION;
	}
	if (io->select < SELECT_ENTRIES || word / 2 >= VTR_IOAPIC_PINS)
		return 0;
	return io->redirection[word / 2] >> (word % 2 * 32);
}

static void write_entry(struct vtr_ioapic *io, unsigned int pin, unsigned int half, u32 value)
{
	u64 old = io->redirection[pin];
	u64 changed = GENMASK_ULL(31, 0) << (half * 32) & ENTRY_WRITABLE & ~ENTRY_READONLY;
	u64 entry = (old & ~changed) | ((u64)value << (half * 32) & changed);

	/* As an edge it has nobody who would end it. */
	if (!is_level(entry))
		entry &= ~ENTRY_REMOTE;
	io->redirection[pin] = entry;
}

static void write_window(struct vtr_ioapic *io, u32 value)
{
	unsigned int word = io->select - SELECT_ENTRIES;

	if (io->select == SELECT_ID)
		io->id = value & GENMASK(27, 24);
	else if (io->select >= SELECT_ENTRIES && word / 2 < VTR_IOAPIC_PINS)
		write_entry(io, word / 2, word % 2, value);
}

/**
 * vtr_ioapic_read() - read one of its registers in memory
 * @io: the I/O APIC
 * @offset: from VTR_IOAPIC_BASE
 *
 * Return: the value; 0 where no register is.
 */
u32 vtr_ioapic_read(const struct vtr_ioapic *io, u32 offset)
{
	switch (offset) {
	case REG_SELECT:
		return io->select;
	case REG_WINDOW:
		return read_window(io);
	default:
		return 0;
	}
}

/**
 * vtr_ioapic_write() - write one of its registers in memory
 * @io: the I/O APIC
 * @offset: from VTR_IOAPIC_BASE; nothing happens where no register is
 * @value: the value
 *
 * Ask vtr_ioapic_next() afterwards.
 */
void vtr_ioapic_write(struct vtr_ioapic *io, u32 offset, u32 value)
{
	switch (offset) {
	case REG_SELECT:
		io->select = value;
		break;
	case REG_WINDOW:
		write_window(io, value);
		break;
	case REG_EOI:
		vtr_ioapic_eoi(io, value);
		break;
	}
}

/* ---- pins ------------------------------------------------------------------------ */

/**
 * vtr_ioapic_set_line() - the level at a pin
 * @io: the I/O APIC
 * @pin: below VTR_IOAPIC_PINS
 * @high: asserted, whatever polarity its entry has
 *
 * Ask vtr_ioapic_next() afterwards.
 */
void vtr_ioapic_set_line(struct vtr_ioapic *io, unsigned int pin, bool high)
{
	u32 bit = BIT(pin);

	/* An edge at a masked pin is lost: 82093AA, "Interrupt Mask". */
	if (high && !(io->lines & bit) && !(io->redirection[pin] & ENTRY_MASKED) &&
	    !is_level(io->redirection[pin]))
		io->pending |= bit;
	if (high)
		io->lines |= bit;
	else
		io->lines &= ~bit;
}

/**
 * vtr_ioapic_eoi() - a local APIC has ended a vector
 * @io: the I/O APIC
 * @vector: the vector
 *
 * Ask vtr_ioapic_next() afterwards: a line that is still high is sent again.
 */
void vtr_ioapic_eoi(struct vtr_ioapic *io, u8 vector)
{
	for (unsigned int pin = 0; pin < VTR_IOAPIC_PINS; pin++)
		if ((u8)io->redirection[pin] == vector && io->redirection[pin] & ENTRY_LEVEL)
			io->redirection[pin] &= ~ENTRY_REMOTE;
}

/**
 * vtr_ioapic_vector() - which vector does a pin send?
 * @io: the I/O APIC
 * @pin: below VTR_IOAPIC_PINS
 *
 * Return: the vector, -1: the pin is masked.
 */
int vtr_ioapic_vector(const struct vtr_ioapic *io, unsigned int pin)
{
	return io->redirection[pin] & ENTRY_MASKED ? -1 : (u8)io->redirection[pin];
}

/**
 * vtr_ioapic_wakes_deaf() - can a pin bring what a processor takes with interrupts off?
 * @io: the I/O APIC
 *
 * Return: a pin is open and its entry sends an NMI or INIT.
 */
bool vtr_ioapic_wakes_deaf(const struct vtr_ioapic *io)
{
	for (unsigned int pin = 0; pin < VTR_IOAPIC_PINS; pin++) {
		u64 entry = io->redirection[pin];
		unsigned int mode = entry >> 8 & 7;

		if (!(entry & ENTRY_MASKED) &&
		    (mode == VTR_DELIVER_NMI || mode == VTR_DELIVER_INIT))
			return true;
	}
	return false;
}

/* Has pin @pin something to send? */
static bool wants_to_send(const struct vtr_ioapic *io, unsigned int pin)
{
	u64 entry = io->redirection[pin];
	u32 bit = BIT(pin);

	if (entry & ENTRY_MASKED)
		return false;
	if (is_level(entry))
		return io->lines & bit && !(entry & ENTRY_REMOTE);
	return io->pending & bit;
}

/**
 * vtr_ioapic_next() - the next message that is to be sent
 * @io: the I/O APIC
 * @pin: in: the pin to begin with; out: the one that sends
 * @message: out: the message
 *
 * After each change all pins are to be asked, and vtr_ioapic_sent() told of each message.
 * Return: false: there is none.
 */
bool vtr_ioapic_next(const struct vtr_ioapic *io, unsigned int *pin,
		     struct vtr_irq_message *message)
{
	for (; *pin < VTR_IOAPIC_PINS; ++*pin) {
		u64 entry = io->redirection[*pin];

		if (!wants_to_send(io, *pin))
			continue;
		*message = (struct vtr_irq_message) {
			.dest = entry >> 56,
			.logical = entry & ENTRY_LOGICAL,
			.broadcast = entry >> 56 == 0xff && !(entry & ENTRY_LOGICAL),
			.mode = entry >> 8 & 7,
			.vector = entry,
			.level = is_level(entry),
		};
		return true;
	}
	return false;
}

/**
 * vtr_ioapic_sent() - the message of a pin has been sent
 * @io: the I/O APIC
 * @pin: its pin
 * @accepted: a local APIC has accepted it
 *
 * An edge is gone then, whoever has heard it.  A level waits for its end only if
 * somebody will end it; else it is sent again after the next change.
 */
void vtr_ioapic_sent(struct vtr_ioapic *io, unsigned int pin, bool accepted)
{
	io->pending &= ~BIT(pin);
	if (accepted && is_level(io->redirection[pin]))
		io->redirection[pin] |= ENTRY_REMOTE;
}

/**
 * vtr_ioapic_is_legal() - can an I/O APIC come into this state?
 * @io: the state
 *
 * Return: true if it can.
 */
bool vtr_ioapic_is_legal(const struct vtr_ioapic *io)
{
	for (unsigned int pin = 0; pin < VTR_IOAPIC_PINS; pin++) {
		u64 entry = io->redirection[pin];

		if (entry & ~(ENTRY_WRITABLE & ~ENTRY_BUSY) ||
		    (entry & ENTRY_REMOTE && !is_level(entry)))
			return false;
	}
	return !(io->id & ~GENMASK(27, 24)) && !(io->lines >> VTR_IOAPIC_PINS) && !io->pending;
}
