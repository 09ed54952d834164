// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of the clock: the index goes to port 0x70, the byte is at 0x71.
 *
 *   0, 2, 4	seconds, minutes, hours		1, 3, 5	alarm
 *   6		day of the week			7, 8, 9	day, month, year
 *   0x0a-0x0d	registers A to D		0x32	century
 *
 * Read rtc.h first.  Time is UTC.  Subtle: the time is computed when it is read,
 * from the host's clock and an offset, so no update is ever in progress; it
 * stands still only while the guest has set SET in register B.  There is no
 * alarm: no interrupt comes from here.
 * Source: MC146818A, "Address Map" and "Registers".
 */
#include <errno.h>
#include <string.h>

#include "rtc.h"

#define REG_A		0x0a
#define REG_B		0x0b
#define REG_C		0x0c
#define REG_D		0x0d
#define CENTURY		0x32
#define A_32768_HZ	0x20
#define A_RATE		0x06
#define A_UPDATING	0x80
#define B_SET		0x80
#define B_BINARY	0x04
#define B_24_HOURS	0x02
#define D_VALID		0x80
#define PM		0x80

static const uint8_t time_bytes[] = { 0, 2, 4, 6, 7, 8, 9, CENTURY };

static time_t host_now(void)
{
	return time(NULL);
}

static bool is_time(uint8_t index)
{
	return memchr(time_bytes, index, sizeof(time_bytes));
}

static uint8_t encode(const struct rtc_regs *regs, unsigned int value)
{
	if (regs->byte[REG_B] & B_BINARY)
		return value;
	return value / 10 << 4 | value % 10;
}

static unsigned int decode(const struct rtc_regs *regs, uint8_t byte)
{
	if (regs->byte[REG_B] & B_BINARY)
		return byte;
	return (byte >> 4) * 10 + (byte & 0xf);
}

static uint8_t encode_hour(const struct rtc_regs *regs, unsigned int hour)
{
	if (regs->byte[REG_B] & B_24_HOURS)
		return encode(regs, hour);
	return encode(regs, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? PM : 0);
}

static unsigned int decode_hour(const struct rtc_regs *regs, uint8_t byte)
{
	if (regs->byte[REG_B] & B_24_HOURS)
		return decode(regs, byte);
	return decode(regs, byte & ~PM) % 12 + (byte & PM ? 12 : 0);
}

static void show_time(struct rtc *rtc)
{
	struct rtc_regs *regs = &rtc->regs;
	time_t now = rtc->now() + regs->offset;
	struct tm tm;

	if (regs->byte[REG_B] & B_SET || !gmtime_r(&now, &tm))
		return;
	regs->byte[0] = encode(regs, tm.tm_sec);
	regs->byte[2] = encode(regs, tm.tm_min);
	regs->byte[4] = encode_hour(regs, tm.tm_hour);
	regs->byte[6] = encode(regs, tm.tm_wday + 1);
	regs->byte[7] = encode(regs, tm.tm_mday);
	regs->byte[8] = encode(regs, tm.tm_mon + 1);
	regs->byte[9] = encode(regs, tm.tm_year % 100);
	regs->byte[CENTURY] = encode(regs, (tm.tm_year + 1900) / 100);
}

/* The guest has set the clock: remember how far it is from the host's. */
static void take_time(struct rtc *rtc)
{
	struct rtc_regs *regs = &rtc->regs;
	struct tm tm = {
		.tm_sec = decode(regs, regs->byte[0]),
		.tm_min = decode(regs, regs->byte[2]),
		.tm_hour = decode_hour(regs, regs->byte[4]),
		.tm_mday = decode(regs, regs->byte[7]),
		.tm_mon = decode(regs, regs->byte[8]) - 1,
		.tm_year = decode(regs, regs->byte[CENTURY]) * 100 +
			   decode(regs, regs->byte[9]) - 1900,
	};

	regs->offset = timegm(&tm) - rtc->now();
}

static uint64_t rtc_read(void *self, unsigned int offset, unsigned int bytes)
{
	struct rtc *rtc = self;
	uint8_t index = rtc->regs.index;

	(void)bytes;
	if (!offset)
		return 0xff;	/* the index cannot be read */
	if (is_time(index))
		show_time(rtc);
	return rtc->regs.byte[index];
}

static void write_byte(struct rtc *rtc, uint8_t index, uint8_t value)
{
	struct rtc_regs *regs = &rtc->regs;

	switch (index) {
	case REG_A:
		regs->byte[index] = value & ~A_UPDATING;
		return;
	case REG_B:
		/* What the clock shows stands still from SET on, and runs on from there. */
		if (value & B_SET)
			show_time(rtc);
		else if (regs->byte[REG_B] & B_SET)
			take_time(rtc);
		regs->byte[index] = value;
		return;
	case REG_C:
	case REG_D:
		return;
	}
	if (is_time(index))
		show_time(rtc);
	regs->byte[index] = value;
	if (is_time(index) && !(regs->byte[REG_B] & B_SET))
		take_time(rtc);
}

static void rtc_write(void *self, unsigned int offset, unsigned int bytes, uint64_t value)
{
	struct rtc *rtc = self;

	(void)bytes;
	/* Bit 7 of the index masks NMIs on a PC; there are none from devices. */
	if (!offset)
		rtc->regs.index = value & 0x7f;
	else
		write_byte(rtc, rtc->regs.index, value);
}

/* The battery keeps the rest. */
static void rtc_reset(void *self)
{
	struct rtc *rtc = self;

	rtc->regs.index = 0;
	rtc->regs.byte[REG_A] = A_32768_HZ | A_RATE;
	rtc->regs.byte[REG_B] = B_24_HOURS;
	rtc->regs.byte[REG_C] = 0;
	rtc->regs.byte[REG_D] = D_VALID;
}

static void rtc_save(const void *self, void *state)
{
	memcpy(state, &((const struct rtc *)self)->regs, sizeof(struct rtc_regs));
}

static int rtc_load(void *self, const void *state)
{
	static const uint8_t zero[sizeof(((struct rtc_regs *)0)->pad)];
	struct rtc_regs regs;

	memcpy(&regs, state, sizeof(regs));
	if (regs.index >= RTC_BYTES || memcmp(regs.pad, zero, sizeof(zero)) ||
	    regs.byte[REG_A] & A_UPDATING)
		return -EINVAL;
	((struct rtc *)self)->regs = regs;
	return 0;
}

const struct device_ops rtc_ops = {
	.name = "real-time clock",
	.widths = 1,
	.state_bytes = sizeof(struct rtc_regs),
	.reset = rtc_reset,
	.save = rtc_save,
	.load = rtc_load,
	.read = rtc_read,
	.write = rtc_write,
};

void rtc_init(struct rtc *rtc)
{
	*rtc = (struct rtc){ .now = host_now };
	rtc_reset(rtc);
}

/* Nothing is held; here so that every device has the pair. */
void rtc_exit(struct rtc *rtc)
{
	rtc->now = NULL;
}
