/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's console: where the bytes of the serial port and of the debug
 * console go, and where the bytes that the guest receives come from.
 *
 * run/machine.c opens it, run/run_vm.c feeds it from the terminal.
 *
 * Subtle: on a terminal stdin is switched to raw mode, so Ctrl-C reaches the
 * guest; Ctrl-A x ends the VM.  The terminal is restored by console_close(),
 * and by an exit handler should the program end in another way.
 */
#ifndef VITRINE_CONSOLE_H
#define VITRINE_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONSOLE_ESCAPE	0x01	/* Ctrl-A */

struct console {
	FILE *out;		/* NULL: bytes are dropped */
	bool owns_out;
	bool input;		/* stdin belongs to the guest */
	bool raw;
	bool escaped;		/* Ctrl-A seen, its second key not yet */
	bool failed;		/* a write failed: the rest is dropped */
	bool mid_line;		/* the last byte written was no line end */
	/* A view may take the bytes instead of @out. */
	void (*tap)(void *context, uint8_t byte);
	void *tap_context;
};

enum console_key { KEY_BYTE, KEY_QUIT, KEY_NOTHING };

/*
 * @where: "stdio", "none" or a file.  @to_stderr: stdout is taken (--json).
 * @input: whether the guest may read stdin.
 */
int console_open(struct console *console, const char *where, bool to_stderr,
		 bool input);
void console_close(struct console *console);

/* Switch a terminal to raw mode; nothing if stdin is none. */
void console_raw(struct console *console);

void console_put(void *console, uint8_t byte);

/* What a byte typed by the user means; KEY_BYTE: pass it on. */
enum console_key console_key(struct console *console, uint8_t byte);

#endif /* VITRINE_CONSOLE_H */
