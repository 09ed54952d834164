// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pair of 8259A: requests, masks, priorities, ends.  Pure.
 *
 * Ports 20H/21H are the first one's, A0H/A1H the second one's, 4D0H/4D1H say
 * which lines are level-triggered.  The output of the second one is line 2 of
 * the first.
 * Called by module/irqchip.c under the VM's interrupt lock.
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "i8259.h"

#define ICW1		BIT(4)		/* in a command: this is ICW1 */
#define ICW1_ICW4	BIT(0)
#define ICW4_AUTO_EOI	BIT(1)
#define ICW4_NESTED	BIT(4)
#define OCW3		BIT(3)		/* in a command without ICW1: this is OCW3 */
#define SPURIOUS_LINE	7

/* Lines that have to be edges: timer, keyboard, cascade; clock, coprocessor. */
static const u8 never_level[2] = { 0x07, 0x21 };

static void reset_one(struct vtr_i8259_one *one)
{
	*one = (struct vtr_i8259_one) { .lines = one->lines, .level = one->level };
}

/* As firmware leaves them: all lines are masked.  Vectors are up to the guest. */
/**
 * vtr_i8259_reset() - power-up state
 * @pic: the pair
 */
void vtr_i8259_reset(struct vtr_i8259 *pic)
{
	memset(pic, 0, sizeof(*pic));
	pic->one[0].imr = pic->one[1].imr = 0xff;
}

/* ---- priorities ------------------------------------------------------------------ */

/* The line of @set with the highest priority, 8: the set is empty. */
static unsigned int first_of(const struct vtr_i8259_one *one, u8 set)
{
	for (unsigned int i = 0; i < 8; i++)
		if (set & BIT((one->top + i) & 7))
			return (one->top + i) & 7;
	return 8;
}

/* How many lines come before @line; 8 for none. */
static unsigned int rank(const struct vtr_i8259_one *one, unsigned int line)
{
	return line < 8 ? (line - one->top) & 7 : 8;
}

/* The line that interrupts now, 8: none. */
static unsigned int requests(const struct vtr_i8259_one *one, bool first)
{
	unsigned int line = first_of(one, one->irr & ~one->imr);
	u8 in_service = one->isr;

	/* Special mask mode: what is masked keeps nobody away. */
	if (one->special_mask)
		in_service &= ~one->imr;
	/* The second one may interrupt its own handler through the first one. */
	if (first && one->special_nested)
		in_service &= ~BIT(VTR_I8259_CASCADE);
	return rank(one, line) < rank(one, first_of(one, in_service)) ? line : 8;
}

static void set_one_line(struct vtr_i8259_one *one, unsigned int line, bool high)
{
	u8 bit = BIT(line);

	if (one->level & bit)
		one->irr = high ? one->irr | bit : one->irr & ~bit;
	else if (high && !(one->lines & bit))
		one->irr |= bit;
	/* The request must hold until the acknowledge; else it is gone again. */
	else if (!high)
		one->irr &= ~bit;
	one->lines = high ? one->lines | bit : one->lines & ~bit;
}

static void pass_on(struct vtr_i8259 *pic)
{
	set_one_line(&pic->one[0], VTR_I8259_CASCADE, requests(&pic->one[1], false) < 8);
}

/**
 * vtr_i8259_set_line() - the level at a line
 * @pic: the pair
 * @line: below VTR_I8259_LINES; that of the cascade has its own level
 * @high: the level
 *
 * Ask vtr_i8259_output() afterwards.
 */
void vtr_i8259_set_line(struct vtr_i8259 *pic, unsigned int line, bool high)
{
	if (line == VTR_I8259_CASCADE)
		return;
	set_one_line(&pic->one[line / 8], line % 8, high);
	pass_on(pic);
}

/**
 * vtr_i8259_output() - does the pair ask for the processor?
 * @pic: the pair
 *
 * Return: the level of the first one's INT.
 */
bool vtr_i8259_output(const struct vtr_i8259 *pic)
{
	return requests(&pic->one[0], true) < 8;
}

/**
 * vtr_i8259_waits() - has a request not been acknowledged yet?
 * @pic: the pair
 * @line: its line
 *
 * Return: true if there is one and the line is not masked.
 */
bool vtr_i8259_waits(const struct vtr_i8259 *pic, unsigned int line)
{
	const struct vtr_i8259_one *one = &pic->one[line / 8];

	return one->irr & ~one->imr & BIT(line % 8);
}

/* ---- acknowledge and end --------------------------------------------------------- */

/* Return: the line, or the spurious one if the request has gone meanwhile. */
static unsigned int acknowledge_one(struct vtr_i8259_one *one, bool first)
{
	unsigned int line = requests(one, first);

	if (line == 8)
		return SPURIOUS_LINE;
	if (!(one->level & BIT(line)))
		one->irr &= ~BIT(line);
	if (!one->auto_eoi)
		one->isr |= BIT(line);
	else if (one->rotates)
		one->top = (line + 1) & 7;
	return line;
}

/**
 * vtr_i8259_acknowledge() - the processor takes what the pair asks for
 * @pic: the pair
 *
 * Return: the vector, that of line 7 if the request has gone meanwhile.
 */
u8 vtr_i8259_acknowledge(struct vtr_i8259 *pic)
{
	unsigned int line = acknowledge_one(&pic->one[0], true);
	u8 vector = pic->one[0].base + line;

	if (line == VTR_I8259_CASCADE) {
		line = acknowledge_one(&pic->one[1], false);
		vector = pic->one[1].base + line;
	}
	pass_on(pic);
	return vector;
}

/* OCW2: 8259A, "End of Interrupt (EOI)", "Automatic Rotation". */
static void command_2(struct vtr_i8259_one *one, u8 value)
{
	unsigned int line = value & 7;
	unsigned int highest = first_of(one, one->special_mask ? one->isr & ~one->imr : one->isr);

	switch (value >> 5) {
	case 0:				/* rotate in automatic mode: off */
	case 4:				/* on */
		one->rotates = value >> 7;
		break;
	case 1:				/* end the highest one */
	case 5:				/* and make it the lowest */
		if (highest == 8)
			break;
		one->isr &= ~BIT(highest);
		if (value >> 5 == 5)
			one->top = (highest + 1) & 7;
		break;
	case 3:				/* end this line */
		one->isr &= ~BIT(line);
		break;
	case 7:				/* and make it the lowest */
		one->isr &= ~BIT(line);
		one->top = (line + 1) & 7;
		break;
	case 6:				/* make this line the lowest */
		one->top = (line + 1) & 7;
		break;
	}
}

static void command_3(struct vtr_i8259_one *one, u8 value)
{
	if (value & BIT(2))
		one->polls = true;
	if (value & BIT(1))
		one->reads_isr = value & BIT(0);
	if (value & BIT(6))
		one->special_mask = value & BIT(5);
}

/* ---- ports ----------------------------------------------------------------------- */

static void begin_initialization(struct vtr_i8259_one *one, u8 value)
{
	reset_one(one);
	/* Edges that came before must come again; a level is still there. */
	one->irr = one->lines & one->level;
	one->needs_icw4 = value & ICW1_ICW4;
	one->step = 2;
}

static void go_on_initializing(struct vtr_i8259_one *one, u8 value)
{
	switch (one->step) {
	case 2:
		one->base = value & 0xf8;
		one->step = 3;
		break;
	case 3:		/* who is connected where is fixed here */
		one->step = one->needs_icw4 ? 4 : 0;
		break;
	case 4:
		one->auto_eoi = value & ICW4_AUTO_EOI;
		one->special_nested = value & ICW4_NESTED;
		one->step = 0;
		break;
	}
}

/**
 * vtr_i8259_has_port() - is a port one of the pair's?
 * @port: the port
 *
 * Return: true for 20H, 21H, A0H, A1H, 4D0H and 4D1H.
 */
bool vtr_i8259_has_port(u16 port)
{
	return (port & ~0x81) == 0x20 || (port & ~1) == 0x4d0;
}

/**
 * vtr_i8259_write() - OUT
 * @pic: the pair
 * @port: one that vtr_i8259_has_port() knows
 * @value: the byte
 *
 * Ask vtr_i8259_output() afterwards.
 */
void vtr_i8259_write(struct vtr_i8259 *pic, u16 port, u8 value)
{
	unsigned int which = port >= 0x4d0 ? port & 1 : port >> 7 & 1;
	struct vtr_i8259_one *one = &pic->one[which];

	if (port >= 0x4d0)
		one->level = value & ~never_level[which];
	else if (port & 1 && one->step)
		go_on_initializing(one, value);
	else if (port & 1)
		one->imr = value;
	else if (value & ICW1)
		begin_initialization(one, value);
	else if (value & OCW3)
		command_3(one, value);
	else
		command_2(one, value);
	pass_on(pic);
}

/* The poll is an acknowledge of this one chip: bit 7 says whether there was anything. */
static u8 poll(struct vtr_i8259_one *one, bool first)
{
	unsigned int line = requests(one, first);

	one->polls = false;
	if (line == 8)
		return SPURIOUS_LINE;
	acknowledge_one(one, first);
	return BIT(7) | line;
}

/**
 * vtr_i8259_read() - IN
 * @pic: the pair; a poll acknowledges
 * @port: one that vtr_i8259_has_port() knows
 *
 * Return: the byte.
 */
u8 vtr_i8259_read(struct vtr_i8259 *pic, u16 port)
{
	unsigned int which = port >= 0x4d0 ? port & 1 : port >> 7 & 1;
	struct vtr_i8259_one *one = &pic->one[which];
	u8 value;

	if (port >= 0x4d0)
		return one->level;
	if (one->polls) {
		value = poll(one, which == 0);
		pass_on(pic);
		return value;
	}
	if (port & 1)
		return one->imr;
	return one->reads_isr ? one->isr : one->irr;
}

/**
 * vtr_i8259_is_legal() - can a pair come into this state?
 * @pic: the state
 *
 * Return: true if it can.
 */
bool vtr_i8259_is_legal(const struct vtr_i8259 *pic)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct vtr_i8259_one *one = &pic->one[i];

		/* A request does not outlive its line. */
		if (one->base & 7 || one->irr & ~one->lines || one->level & never_level[i] ||
		    one->top > 7 || one->step == 1 || one->step > 4)
			return false;
	}
	return true;
}
