// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output stream, raw terminal and escape key of the guest's console.
 *
 * Read console.h first.
 *
 * Subtle: output is flushed byte by byte only at a line end or when the guest
 * stops to be read (stdio is line buffered); a full disk or a closed pipe is
 * told once and does not end the guest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"
#include "libvitrine.h"

static struct termios saved_terminal;
static bool terminal_changed;

static void restore_terminal(void)
{
	if (terminal_changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_terminal);
	terminal_changed = false;
}

static int open_output(struct console *console, const char *where,
		       bool to_stderr)
{
	if (!strcmp(where, "none"))
		return 0;
	if (!strcmp(where, "stdio")) {
		console->out = to_stderr ? stderr : stdout;
		return 0;
	}
	console->out = fopen(where, "we");
	if (!console->out)
		return vtr_error(errno, "--serial %s: %s", where,
				 strerror(errno));
	console->owns_out = true;
	return 0;
}

int console_open(struct console *console, const char *where, bool to_stderr,
		 bool input)
{
	int ret;

	memset(console, 0, sizeof(*console));
	ret = open_output(console, where, to_stderr);
	if (ret)
		return ret;
	console->input = input && !strcmp(where, "stdio");
	return 0;
}

void console_raw(struct console *console)
{
	static bool registered;
	struct termios raw;

	if (!console->input || !isatty(STDIN_FILENO) ||
	    tcgetattr(STDIN_FILENO, &saved_terminal))
		return;
	if (!registered)
		atexit(restore_terminal);
	registered = true;
	raw = saved_terminal;
	raw.c_iflag &= ~(ICRNL | IXON);
	raw.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return;
	terminal_changed = true;
	console->raw = true;
	fprintf(stderr, "vitrine: Ctrl-A x ends the VM\r\n");
}

void console_close(struct console *console)
{
	if (console->raw)
		restore_terminal();
	console->raw = false;
	if (!console->out)
		return;
	if (fflush(console->out) && !console->failed)
		fprintf(stderr, "vitrine: guest console: %s\n",
			strerror(errno));
	if (console->owns_out)
		fclose(console->out);
	console->out = NULL;
}

void console_put(void *self, uint8_t byte)
{
	struct console *console = self;

	if (console->tap) {
		console->tap(console->tap_context, byte);
		return;
	}
	if (!console->out || console->failed)
		return;
	console->mid_line = byte != '\n';
	if (putc(byte, console->out) == EOF ||
	    ((byte == '\n' || console->raw) && fflush(console->out))) {
		console->failed = true;
		fprintf(stderr, "vitrine: guest console: %s; the rest of its output is lost\n",
			strerror(errno));
	}
}

enum console_key console_key(struct console *console, uint8_t byte)
{
	if (!console->raw)
		return KEY_BYTE;
	if (!console->escaped) {
		console->escaped = byte == CONSOLE_ESCAPE;
		return console->escaped ? KEY_NOTHING : KEY_BYTE;
	}
	console->escaped = false;
	if (byte == 'x' || byte == 'X')
		return KEY_QUIT;
	/* Ctrl-A twice sends one; any other key is passed on alone. */
	return KEY_BYTE;
}
