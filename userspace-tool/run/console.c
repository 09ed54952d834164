// SPDX-License-Identifier: GPL-2.0-only
/*
 * Output stream, log and terminal of the guest's console.
 *
 * Read console.h first, then terminal.h.
 *
 * Subtle: output is flushed byte by byte only at a line end or when the guest
 * stops to be read (stdio is line buffered); a full disk or a closed pipe is
 * told once and does not end the guest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/options.h"
#include "console.h"
#include "libvitrine.h"
#include "terminal.h"

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

static int open_log(struct console *console, const char *path)
{
	if (!path)
		return 0;
	console->log = fopen(path, "we");
	return console->log ? 0 : vtr_error(errno, "--log %s: %s", path, strerror(errno));
}

int console_open(struct console *console, const struct options *options, bool input)
{
	int ret;

	memset(console, 0, sizeof(*console));
	console->wake_fd = -1;
	/* Other commands than run have no option for it. */
	ret = keys_parse(options->escape ? options->escape : KEYS_DEFAULT, &console->keys);
	if (!ret)
		ret = open_output(console, options->serial, options->json);
	if (!ret)
		ret = open_log(console, options->log);
	console->input = !ret && input && !strcmp(options->serial, "stdio");
	return ret;
}

void console_raw(struct console *console)
{
	if (!console->input)
		return;
	console->raw = terminal_raw();
	if (console->raw && console->keys.active)
		fprintf(stderr, "vitrine: %s x ends the VM, %s ? lists the other keys\r\n",
			keys_name(&console->keys), keys_name(&console->keys));
}

void console_detach(struct console *console)
{
	console->input = false;
	console->raw = false;
	console->detached = console->out == stdout && !console->log;
	if (console->out == stdout && console->log)
		console->out = NULL;
}

void console_close(struct console *console)
{
	if (console->raw)
		terminal_restore();
	console->raw = false;
	if (console->log && fclose(console->log))
		fprintf(stderr, "vitrine: --log: %s\n", strerror(errno));
	console->log = NULL;
	if (!console->out)
		return;
	if (fflush(console->out) && !console->failed)
		fprintf(stderr, "vitrine: guest console: %s\n",
			strerror(errno));
	if (console->owns_out)
		fclose(console->out);
	console->out = NULL;
}

/* For those who have attached to it. */
static void keep(struct console *console, uint8_t byte)
{
	backlog_put(&console->backlog, byte);
	if (console->wake_fd < 0 || console->woken)
		return;
	console->woken = true;
	eventfd_write(console->wake_fd, 1);
}

static void write_log(struct console *console, uint8_t byte)
{
	if (putc(byte, console->log) != EOF && (byte != '\n' || !fflush(console->log)))
		return;
	fprintf(stderr, "vitrine: --log: %s; the rest is lost\n", strerror(errno));
	fclose(console->log);
	console->log = NULL;
}

/* A guest must not fill the host's disk when nobody looks. */
static void limit_log(struct console *console)
{
	if (!console->detached || ++console->detached_bytes < CONSOLE_LOG_MAX)
		return;
	console->detached_bytes = 0;
	fflush(console->out);
	if (!ftruncate(STDOUT_FILENO, 0))
		fprintf(console->out, "vitrine: the log had 16 MiB and begins anew\n");
}

void console_put(void *self, uint8_t byte)
{
	struct console *console = self;

	if (console->tap) {
		console->tap(console->tap_context, byte);
		return;
	}
	keep(console, byte);
	if (console->log)
		write_log(console, byte);
	if (!console->out || console->failed)
		return;
	limit_log(console);
	console->mid_line = byte != '\n';
	if (putc(byte, console->out) == EOF ||
	    ((byte == '\n' || console->raw) && fflush(console->out))) {
		console->failed = true;
		fprintf(stderr, "vitrine: guest console: %s; the rest of its output is lost\n",
			strerror(errno));
	}
}
