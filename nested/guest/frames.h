/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds of frames and how to send them.
 *
 * Included by all of guest/; lib/machine/frames.py has the same list of kinds.
 * Read next: frames.c.
 */
#ifndef VITRINE_GUEST_FRAMES_H
#define VITRINE_GUEST_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define __printf(a, b)		__attribute__((__format__(__printf__, a, b)))

#define PARALLEL_DATA		0x378
#define PARALLEL_CONTROL	0x37a
#define FRAME_MAX		8192

enum frame_kind {
	FRAME_READY = 'R',	/* the agent runs; "crash" in a crash kernel */
	FRAME_STARTED = 'S',	/* the command starts, keys are taken */
	FRAME_STDOUT = '1',
	FRAME_STDERR = '2',
	FRAME_FILES = 'F',	/* a piece of /out as a tar archive */
	FRAME_PROBLEM = 'P',	/* a sentence: the machine is at fault */
	FRAME_EXIT = 'X',	/* one byte, the last frame */
};

void frames_init(void);
void send_frame(enum frame_kind kind, const void *body, size_t n);
void end_torn_frame(void);
void problem(const char *format, ...) __printf(1, 2);

#endif
