// SPDX-License-Identifier: GPL-2.0-only
/*
 * The timer 8254: three counters, of which channel 0 interrupts.  Pure.
 *
 * Ports 40H to 42H are the counters, 43H takes commands; port 61H has the gate
 * and the output of channel 2, by which boot code measures other clocks.
 * Called by module/irqchip.c under the VM's interrupt lock.
 */
#include <linux/bcd.h>
#include <linux/bits.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "i8254.h"

#define PORT_COMMAND	0x43
#define PORT_61		0x61
#define GATE_2		BIT(0)		/* port 61H */
#define SPEAKER		BIT(1)
#define REFRESH		BIT(4)
#define OUTPUT_2	BIT(5)
#define STATUS_OUTPUT	BIT(7)
#define STATUS_NULL	BIT(6)		/* the count has not been loaded */

/* ---- time ------------------------------------------------------------------------ */

static u64 to_ns(u64 counts)
{
	return mul_u64_u32_div(counts, NSEC_PER_SEC, VTR_I8254_HZ);
}

static u64 to_counts(u64 ns)
{
	return mul_u64_u32_div(ns, VTR_I8254_HZ, NSEC_PER_SEC);
}

static u32 from_decimal(u16 value)
{
	return bcd2bin(value >> 8) * 100 + bcd2bin(value & 0xff);
}

/* Counts from loading to the end. */
static u32 period(const struct vtr_i8254_channel *c)
{
	if (c->bcd)
		return from_decimal(c->initial) ?: 10000;
	return c->initial ?: 65536;
}

static u64 counts_gone(const struct vtr_i8254_channel *c, u64 now)
{
	return c->from && (s64)(now - c->from) > 0 ? to_counts(now - c->from) : 0;
}

static bool is_periodic(const struct vtr_i8254_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* What the counter shows. */
static u16 count_of(const struct vtr_i8254_channel *c, u64 now)
{
	u64 gone = counts_gone(c, now);
	u32 all = period(c), wrap = c->bcd ? 10000 : 65536, left;

	if (c->mode == 3)	/* it counts down by two, twice in a period */
		left = all - (u32)(gone * 2 - div64_u64(gone * 2, all) * all);
	else if (c->mode == 2)
		left = all - (u32)(gone - div64_u64(gone, all) * all);
	else			/* it goes on below zero */
		left = (all + wrap - (u32)(gone - div64_u64(gone, wrap) * wrap)) % wrap;
	return c->bcd ? bin2bcd(left % 100) | bin2bcd(left / 100 % 100) << 8 : left;
}

static bool output_of(const struct vtr_i8254_channel *c, u64 now)
{
	u64 gone = counts_gone(c, now);
	u32 all = period(c);
	u32 within = gone - div64_u64(gone, all) * all;

	switch (c->mode) {
	case 2:
		return !c->from || within != all - 1;
	case 3:
		return !c->from || within < (all + 1) / 2;
	case 4:
	case 5:
		return gone != all;
	default:
		/* Modes 0 and 1 are low until the end. */
		return c->from ? gone >= all : c->mode == 1;
	}
}

/* ---- counting -------------------------------------------------------------------- */

static void start(struct vtr_i8254_channel *c, u64 now)
{
	c->from = now;
	c->fired = false;
}

static void load(struct vtr_i8254_channel *c, u16 value, u64 now)
{
	c->initial = value;
	/* Modes 1 and 5 wait for their gate. */
	if (c->gate && c->mode != 1 && c->mode != 5)
		start(c, now);
}

static void set_gate(struct vtr_i8254_channel *c, bool high, u64 now)
{
	bool rises = high && !c->gate;

	c->gate = high;
	/* The count stops and begins anew; for mode 0 that is as good as a pause. */
	if (rises)
		start(c, now);
	else if (!high && c->mode != 1 && c->mode != 5)
		c->from = 0;
}

/**
 * vtr_i8254_due() - when does channel 0 raise its interrupt next?
 * @pit: the timer
 *
 * Return: ns; 0: never.
 */
u64 vtr_i8254_due(const struct vtr_i8254 *pit)
{
	const struct vtr_i8254_channel *c = &pit->channel[0];

	if (!c->from || c->fired)
		return 0;
	return c->from + to_ns(period(c)) + 1;
}

/**
 * vtr_i8254_expire() - it may be time for channel 0
 * @pit: the timer
 * @now: ns
 *
 * One period at a time: a timer that has fallen behind is due again at once, so
 * that no tick is lost.
 * Return: true if its output has risen.
 */
bool vtr_i8254_expire(struct vtr_i8254 *pit, u64 now)
{
	struct vtr_i8254_channel *c = &pit->channel[0];
	u64 due = vtr_i8254_due(pit);

	if (!due || (s64)(due - now) > 0)
		return false;
	if (is_periodic(c))
		c->from += to_ns(period(c));
	else
		c->fired = true;
	return true;
}

/* Nobody could hear channel 0 for a while: what is over of its periods is lost. */
void vtr_i8254_skip(struct vtr_i8254 *pit, u64 now)
{
	struct vtr_i8254_channel *c = &pit->channel[0];
	u64 length = to_ns(period(c));

	if (is_periodic(c) && c->from && (s64)(now - c->from) > 0)
		c->from += div64_u64(now - c->from, length) * length;
}

/* Time has stood still for the guest, so long. */
void vtr_i8254_shift(struct vtr_i8254 *pit, u64 ns)
{
	for (unsigned int i = 0; i < VTR_I8254_CHANNELS; i++) {
		if (pit->channel[i].from)
			pit->channel[i].from += ns;
	}
}

/* ---- ports ----------------------------------------------------------------------- */

/**
 * vtr_i8254_reset() - power-up state: no channel counts
 * @pit: the timer
 */
void vtr_i8254_reset(struct vtr_i8254 *pit)
{
	memset(pit, 0, sizeof(*pit));
	for (unsigned int i = 0; i < VTR_I8254_CHANNELS; i++) {
		pit->channel[i].access = 3;
		pit->channel[i].mode = 3;
		pit->channel[i].gate = i != 2;
	}
}

/**
 * vtr_i8254_has_port() - is a port one of the timer's?
 * @port: the port
 *
 * Return: true for 40H to 43H and 61H.
 */
bool vtr_i8254_has_port(u16 port)
{
	return (port & ~3) == 0x40 || port == PORT_61;
}

static void latch_count(struct vtr_i8254_channel *c, u64 now)
{
	if (c->latched)
		return;
	c->latch = count_of(c, now);
	c->latched = c->access == 3 ? 2 : 1;
}

static void latch_status(struct vtr_i8254_channel *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status = c->bcd | c->mode << 1 | c->access << 4;
	if (output_of(c, now))
		c->status |= STATUS_OUTPUT;
	if (!c->from)
		c->status |= STATUS_NULL;
	c->status_latched = true;
}

static void set_mode(struct vtr_i8254_channel *c, u8 value)
{
	u8 mode = value >> 1 & 7;

	c->access = value >> 4 & 3;
	c->mode = mode > 5 ? mode & 3 : mode;
	c->bcd = value & 1;
	c->from = 0;
	c->fired = false;
	c->writes_high = c->reads_high = false;
	c->latched = 0;
	c->status_latched = false;
}

static void command(struct vtr_i8254 *pit, u8 value, u64 now)
{
	unsigned int which = value >> 6;

	if (which < 3 && value & 0x30) {
		set_mode(&pit->channel[which], value);
		return;
	}
	if (which < 3) {
		latch_count(&pit->channel[which], now);
		return;
	}
	/* Read-back: bits 1 to 3 choose channels, bits 4 and 5 are low for what is wanted. */
	for (unsigned int i = 0; i < VTR_I8254_CHANNELS; i++) {
		if (!(value & BIT(i + 1)))
			continue;
		if (!(value & BIT(5)))
			latch_count(&pit->channel[i], now);
		if (!(value & BIT(4)))
			latch_status(&pit->channel[i], now);
	}
}

static void write_count(struct vtr_i8254_channel *c, u8 value, u64 now)
{
	switch (c->access) {
	case 1:
		load(c, value, now);
		break;
	case 2:
		load(c, value << 8, now);
		break;
	case 3:
		if (c->writes_high)
			load(c, c->low | value << 8, now);
		else
			c->low = value;
		c->writes_high = !c->writes_high;
		break;
	}
}

static u8 read_count(struct vtr_i8254_channel *c, u64 now)
{
	u16 count = c->latched ? c->latch : count_of(c, now);
	bool high = c->access == 2;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->access == 3) {
		high = c->reads_high;
		c->reads_high = !c->reads_high;
	}
	if (c->latched)
		c->latched--;
	return high ? count >> 8 : count;
}

/**
 * vtr_i8254_write() - OUT
 * @pit: the timer
 * @port: one that vtr_i8254_has_port() knows
 * @value: the byte
 * @now: ns
 *
 * Ask vtr_i8254_due() afterwards.
 */
void vtr_i8254_write(struct vtr_i8254 *pit, u16 port, u8 value, u64 now)
{
	switch (port) {
	case PORT_COMMAND:
		command(pit, value, now);
		break;
	case PORT_61:
		pit->speaker = value & SPEAKER;
		set_gate(&pit->channel[2], value & GATE_2, now);
		break;
	default:
		write_count(&pit->channel[port & 3], value, now);
	}
}

/**
 * vtr_i8254_read() - IN
 * @pit: the timer
 * @port: one that vtr_i8254_has_port() knows
 * @now: ns
 *
 * Return: the byte.
 */
u8 vtr_i8254_read(struct vtr_i8254 *pit, u16 port, u64 now)
{
	const struct vtr_i8254_channel *two = &pit->channel[2];
	u8 value;

	switch (port) {
	case PORT_COMMAND:
		return 0xff;
	case PORT_61:
		value = (two->gate ? GATE_2 : 0) | (pit->speaker ? SPEAKER : 0);
		if (output_of(two, now))
			value |= OUTPUT_2;
		/* Refresh of memory toggles about each 15 us: old code waits by it. */
		if (div64_u64(now, 15085) & 1)
			value |= REFRESH;
		return value;
	default:
		return read_count(&pit->channel[port & 3], now);
	}
}

/**
 * vtr_i8254_is_legal() - can a timer come into this state?
 * @pit: the state
 *
 * Return: true if it can.
 */
bool vtr_i8254_is_legal(const struct vtr_i8254 *pit)
{
	for (unsigned int i = 0; i < VTR_I8254_CHANNELS; i++) {
		const struct vtr_i8254_channel *c = &pit->channel[i];

		if (c->mode > 5 || !c->access || c->access > 3 ||
		    c->latched > (c->access == 3 ? 2 : 1) || (i != 2 && !c->gate) ||
		    (c->fired && is_periodic(c)))
			return false;
	}
	return true;
}
