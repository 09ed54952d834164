// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the agent says to the host, in frames over the parallel port.
 *
 * agent.c and unpack.c call this; lib/machine/frames.py reads it.  Any machine
 * has the port (it costs three port writes a byte), no driver is needed, and
 * the kernel's log has another port, so the two never mix.  Process 1 must
 * have called ioperm() before.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>

#include "frames.h"

#define STROBE_OFF	0x0c	/* initialised, selected */
#define STROBE_ON	0x0d

static uint32_t crc_table[256];

void frames_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		crc_table[i] = c;
	}
	outb(STROBE_OFF, PARALLEL_CONTROL);
}

static uint32_t crc32_of(uint32_t crc, const uint8_t *p, size_t n)
{
	crc = ~crc;
	while (n--)
		crc = crc_table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

static void port_write(const uint8_t *p, size_t n)
{
	while (n--) {
		outb(*p++, PARALLEL_DATA);
		outb(STROBE_ON, PARALLEL_CONTROL);
		outb(STROBE_OFF, PARALLEL_CONTROL);
	}
}

/*
 * 0x1e 'V' kind length(2) body crc32(4), numbers little endian.  The check
 * sum covers kind, length and body: a kernel that crashed in the middle of a
 * frame leaves a torn one, and the reader must find the next.
 */
void send_frame(enum frame_kind kind, const void *body, size_t n)
{
	uint8_t head[5] = { 0x1e, 'V', kind, n & 0xff, n >> 8 };
	uint8_t tail[4];
	uint32_t crc = crc32_of(crc32_of(0, head + 2, 3), body, n);

	for (int i = 0; i < 4; i++)
		tail[i] = crc >> 8 * i;
	port_write(head, sizeof(head));
	port_write(body, n);
	port_write(tail, sizeof(tail));
}

/* The kernel that crashed may have left a torn frame: let it end, as damaged. */
void end_torn_frame(void)
{
	static const uint8_t zeros[FRAME_MAX + 9];

	port_write(zeros, sizeof(zeros));
}

void problem(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	send_frame(FRAME_PROBLEM, text, strlen(text));
}
