/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's console: where the bytes of the serial port and of the debug
 * console go, and where the bytes that the guest receives come from.
 *
 * run/machine.c opens it, run/run_vm.c feeds it from the terminal, and
 * control/server.c passes on what is in @backlog to other terminals.
 *
 * Subtle: on a terminal stdin is switched to raw mode, so Ctrl-C reaches the
 * guest; the escape key (run/keys.h) leads out of it.  console_close() gives the
 * terminal back.
 */
#ifndef VITRINE_CONSOLE_H
#define VITRINE_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "backlog.h"
#include "keys.h"

#define CONSOLE_LOG_MAX	(16u << 20)	/* a detached VM's log begins anew then */

struct console {
	FILE *out;		/* NULL: bytes go nowhere but to @log and @backlog */
	FILE *log;		/* a copy, or NULL */
	bool owns_out;
	bool input;		/* stdin belongs to the guest */
	bool raw;
	bool detached;		/* @out is a log that nobody has named: it has a limit */
	uint32_t detached_bytes;
	bool failed;		/* a write failed: the rest is dropped */
	struct keys keys;
	struct backlog backlog;
	int wake_fd;		/* tells somebody who reads @backlog, or -1 */
	bool woken;		/* it was told, and has not looked yet */
	bool mid_line;		/* the last byte written was no line end */
	/* A view may take the bytes instead of @out. */
	void (*tap)(void *context, uint8_t byte);
	void *tap_context;
};

struct options;

/* @input: whether the guest may read stdin. */
int console_open(struct console *console, const struct options *options, bool input);
void console_close(struct console *console);

/* Switch a terminal to raw mode; nothing if stdin is none. */
void console_raw(struct console *console);

void console_put(void *console, uint8_t byte);

/* The terminal is gone: stdout leads to a log from here on. */
void console_detach(struct console *console);

#endif /* VITRINE_CONSOLE_H */
