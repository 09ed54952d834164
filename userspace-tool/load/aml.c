// SPDX-License-Identifier: GPL-2.0-only
/*
 * The writer for AML; read aml.h first.
 *
 * Subtle: the length of a term ("PkgLength") counts its own bytes.  It takes one
 * byte up to 63, two up to 4095; the contents are moved when it is known.
 */
#include <string.h>

#include "aml.h"

#define OP_ZERO		0x00
#define OP_ONE		0x01
#define OP_NAME		0x08
#define OP_BYTE		0x0a
#define OP_WORD		0x0b
#define OP_DWORD	0x0c
#define OP_STRING	0x0d
#define ROOT		'\\'

/* Resource descriptors: ACPI, "Resource Data Types for ACPI" (6.4). */
#define SMALL_IO	0x47
#define SMALL_IRQ	0x22
#define SMALL_END	0x79
#define LARGE_WORD	0x88
#define LARGE_DWORD	0x87
#define WINDOW_MEMORY	0
#define WINDOW_IO	1
#define WINDOW_BUS	2
#define WINDOW_FIXED	0x0c	/* both ends are fixed, positive decode */

void aml_byte(struct aml *aml, uint8_t byte)
{
	if (aml->used == AML_ROOM) {
		aml->overflow = true;
		return;
	}
	aml->byte[aml->used++] = byte;
}

static void little_endian(struct aml *aml, uint32_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		aml_byte(aml, value >> (8 * i));
}

void aml_begin(struct aml *aml, enum aml_term term)
{
	if (term > 0xff)
		aml_byte(aml, term >> 8);
	aml_byte(aml, term);
	if (aml->depth == AML_DEPTH) {
		aml->overflow = true;
		return;
	}
	aml->open[aml->depth++] = aml->used;
}

static void insert(struct aml *aml, size_t at, const uint8_t *bytes, size_t nr)
{
	if (aml->used + nr > AML_ROOM) {
		aml->overflow = true;
		return;
	}
	memmove(aml->byte + at + nr, aml->byte + at, aml->used - at);
	memcpy(aml->byte + at, bytes, nr);
	aml->used += nr;
}

void aml_end(struct aml *aml)
{
	size_t at, length;
	uint8_t bytes[2];

	if (!aml->depth || aml->overflow)
		return;
	at = aml->open[--aml->depth];
	length = aml->used - at + 1;
	if (length <= 0x3f) {
		bytes[0] = length;
		insert(aml, at, bytes, 1);
		return;
	}
	length++;
	bytes[0] = 1 << 6 | (length & 0xf);
	bytes[1] = length >> 4;
	insert(aml, at, bytes, 2);
}

/* ---- names and values -------------------------------------------------------------- */

void aml_segment(struct aml *aml, const char *segment)
{
	for (unsigned int i = 0; i < 4; i++)
		aml_byte(aml, segment[i]);
}

void aml_root(struct aml *aml, const char *segment)
{
	aml_byte(aml, ROOT);
	aml_segment(aml, segment);
}

void aml_name(struct aml *aml, const char *segment)
{
	aml_byte(aml, OP_NAME);
	aml_segment(aml, segment);
}

void aml_integer(struct aml *aml, uint32_t value)
{
	unsigned int bytes = value <= 0xff ? 1 : value <= 0xffff ? 2 : 4;

	if (value <= 1) {
		aml_byte(aml, value ? OP_ONE : OP_ZERO);
		return;
	}
	aml_byte(aml, bytes == 1 ? OP_BYTE : bytes == 2 ? OP_WORD : OP_DWORD);
	little_endian(aml, value, bytes);
}

static uint32_t hex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Three letters of five bits and four digits, most significant first. */
void aml_eisa_id(struct aml *aml, const char *id)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < 3; i++)
		value = value << 5 | (id[i] - '@');
	for (unsigned int i = 3; i < 7; i++)
		value = value << 4 | hex(id[i]);
	aml_byte(aml, OP_DWORD);
	little_endian(aml, __builtin_bswap32(value), 4);
}

void aml_string(struct aml *aml, const char *string)
{
	aml_byte(aml, OP_STRING);
	do
		aml_byte(aml, *string);
	while (*string++);
}

/* ---- resources ------------------------------------------------------------------------ */

/* A buffer says its size twice: as the term's length, and as its first element. */
void aml_begin_resources(struct aml *aml)
{
	aml_begin(aml, AML_BUFFER);
}

void aml_io(struct aml *aml, uint16_t port, uint8_t bytes)
{
	aml_byte(aml, SMALL_IO);
	aml_byte(aml, 1);		/* all 16 address bits count */
	little_endian(aml, port, 2);
	little_endian(aml, port, 2);
	aml_byte(aml, 1);
	aml_byte(aml, bytes);
}

void aml_irq(struct aml *aml, unsigned int line)
{
	aml_byte(aml, SMALL_IRQ);
	little_endian(aml, 1u << line, 2);
}

static void window(struct aml *aml, uint8_t kind, uint8_t flags, uint32_t first,
		   uint32_t last, unsigned int width)
{
	aml_byte(aml, width == 2 ? LARGE_WORD : LARGE_DWORD);
	little_endian(aml, 3 + 5 * width, 2);
	aml_byte(aml, kind);
	aml_byte(aml, WINDOW_FIXED);
	aml_byte(aml, flags);
	little_endian(aml, 0, width);
	little_endian(aml, first, width);
	little_endian(aml, last, width);
	little_endian(aml, 0, width);
	little_endian(aml, last - first + 1, width);
}

void aml_bus_numbers(struct aml *aml, uint16_t first, uint16_t last)
{
	window(aml, WINDOW_BUS, 0, first, last, 2);
}

void aml_io_window(struct aml *aml, uint16_t first, uint16_t last)
{
	window(aml, WINDOW_IO, 3, first, last, 2);
}

void aml_memory_window(struct aml *aml, uint32_t first, uint32_t last)
{
	window(aml, WINDOW_MEMORY, 1, first, last, 4);
}

void aml_end_resources(struct aml *aml)
{
	uint8_t size[3] = { OP_WORD };
	size_t at;

	aml_byte(aml, SMALL_END);
	aml_byte(aml, 0);		/* no checksum */
	if (!aml->depth || aml->overflow)
		return;
	at = aml->open[aml->depth - 1];
	size[1] = aml->used - at;
	size[2] = (aml->used - at) >> 8;
	insert(aml, at, size, sizeof(size));
	aml_end(aml);
}
