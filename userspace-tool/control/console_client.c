// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vitrine console`: this terminal as a console of a VM of another process.
 *
 * cli/cmd_console.c calls it.  Read run/keys.h for the escape keys and message.h for
 * what goes over the socket.
 *
 * Subtle: keys typed while the VM does not read stay in the socket's buffer and
 * finally in the terminal; nothing waits but this process.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "libvitrine.h"
#include "place.h"
#include "run/keys.h"
#include "run/terminal.h"

enum { POLL_VM, POLL_KEYS, POLL_SIGNAL, POLL_NR };

#define GO_ON	(-1)

struct view {
	const struct options *options;
	int fd;
	FILE *log;
	struct keys keys;
	bool raw;
	bool has_keys;
	bool ended;		/* stdin has */
};

static void say(const struct view *view, const char *text)
{
	fflush(stdout);
	fprintf(stderr, "%svitrine: %s%s\n", view->raw ? "\r\n" : "", text,
		view->raw ? "\r" : "");
}

/* ---- from the VM ----------------------------------------------------------------- */

static void show(const struct view *view, const char *bytes, size_t nr)
{
	fwrite(bytes, 1, nr, stdout);
	fflush(stdout);
	if (view->log) {
		fwrite(bytes, 1, nr, view->log);
		fflush(view->log);
	}
}

static void show_keys(struct view *view, bool ours)
{
	char text[128];

	if (view->has_keys && !ours) {
		snprintf(text, sizeof(text), "another console has taken the keys; %s t takes them back",
			 keys_name(&view->keys));
		say(view, text);
	} else if (!view->has_keys && ours) {
		say(view, "this console has the keys");
	}
	view->has_keys = ours;
}

static int take_event(struct view *view, const cJSON *json)
{
	const char *event = control_text(json, "event");
	char text[600];

	if (!strcmp(event, "end")) {
		snprintf(text, sizeof(text), "'%s' has ended: %s", view->options->guest,
			 control_text(json, "sentence"));
		say(view, text);
		return control_number(json, "status");
	}
	if (!strcmp(event, "keys")) {
		show_keys(view, control_flag(json, "yours"));
	} else if (!strcmp(event, "lost")) {
		snprintf(text, sizeof(text), "%llu bytes of output are lost: this terminal was too slow",
			 (ull)control_number(json, "bytes"));
		say(view, text);
	} else if (control_flag(json, "ok")) {
		if (cJSON_GetObjectItemCaseSensitive(json, "keys"))
			show_keys(view, control_flag(json, "keys"));
	} else {
		say(view, control_text(json, "error"));
	}
	return GO_ON;
}

static int read_vm(struct view *view)
{
	char message[CONTROL_MESSAGE_BYTES];
	ssize_t got = recv(view->fd, message, sizeof(message), 0);
	int ret = GO_ON;
	cJSON *json;

	if (got < 0 && errno == EINTR)
		return GO_ON;
	if (got <= 0) {
		say(view, "the VM's process was killed");
		return EXIT_FAILED;
	}
	if (message[0] == CONTROL_DATA) {
		show(view, message + 1, got - 1);
		return GO_ON;
	}
	json = control_parse(message, got);
	if (json)
		ret = take_event(view, json);
	cJSON_Delete(json);
	return ret;
}

/* ---- from the user ---------------------------------------------------------------- */

static void ask(struct view *view, const char *what, const char *keys)
{
	cJSON *json = control_request(what);

	if (keys)
		cJSON_AddStringToObject(json, "keys", keys);
	control_send(view->fd, json);
}

static void type(const struct view *view, const void *bytes, size_t nr)
{
	if (nr && view->has_keys)
		control_send_data(view->fd, bytes, nr);
}

static void type_size(const struct view *view)
{
	char line[KEYS_LINE];

	type(view, line, keys_size_line(line));
}

/* What one escape key asks for; GO_ON, or the exit status. */
static int do_key(struct view *view, enum key key)
{
	switch (key) {
	case KEY_DETACH:
		say(view, "detached");
		return EXIT_OK;
	case KEY_QUIT:
		ask(view, "end", NULL);
		break;
	case KEY_POWER:
		ask(view, "power", NULL);
		break;
	case KEY_TAKE:
		ask(view, "console", "take");
		break;
	case KEY_SIZE:
		type_size(view);
		break;
	case KEY_HELP:
		keys_help(&view->keys);
		break;
	default:
		break;
	}
	return GO_ON;
}

static int read_keys(struct view *view)
{
	uint8_t raw[CONTROL_INPUT_BYTES], typed[CONTROL_INPUT_BYTES];
	ssize_t got = read(STDIN_FILENO, raw, sizeof(raw));
	int ret = GO_ON;
	size_t nr = 0;

	if (got <= 0) {
		view->ended = got == 0 || (errno != EINTR && errno != EAGAIN);
		/* A terminal that is gone; a file has just ended. */
		return view->ended && view->raw ? EXIT_OK : GO_ON;
	}
	for (ssize_t i = 0; i < got && ret == GO_ON; i++) {
		enum key key = view->raw ? keys_feed(&view->keys, raw[i]) : KEY_BYTE;

		if (key == KEY_BYTE) {
			typed[nr++] = raw[i];
			continue;
		}
		type(view, typed, nr);
		nr = 0;
		ret = do_key(view, key);
	}
	type(view, typed, nr);
	return ret;
}

static int take_signal(struct view *view, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return GO_ON;
	if (info.ssi_signo == SIGCONT) {
		/* Somebody else may have had the terminal meanwhile. */
		if (view->raw)
			terminal_raw();
		return GO_ON;
	}
	return EXIT_SIGNAL + info.ssi_signo;
}

/* ---- the loop ---------------------------------------------------------------------- */

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int watch(struct view *view)
{
	struct pollfd polls[POLL_NR] = {
		[POLL_VM] = { .fd = view->fd, .events = POLLIN },
		[POLL_KEYS] = { .fd = STDIN_FILENO, .events = POLLIN },
		[POLL_SIGNAL] = { .fd = open_signals(), .events = POLLIN },
	};
	int ret = GO_ON;

	while (ret == GO_ON) {
		/* A file is read only by the console that has the keys. */
		polls[POLL_KEYS].fd = view->ended || (!view->raw && !view->has_keys) ?
				      -1 : STDIN_FILENO;
		if (poll(polls, POLL_NR, -1) < 0)
			continue;
		if (polls[POLL_VM].revents)
			ret = read_vm(view);
		if (ret == GO_ON && polls[POLL_KEYS].revents)
			ret = read_keys(view);
		if (ret == GO_ON && polls[POLL_SIGNAL].revents)
			ret = take_signal(view, polls[POLL_SIGNAL].fd);
	}
	close(polls[POLL_SIGNAL].fd);
	return ret;
}

static int attach(struct view *view)
{
	const struct options *options = view->options;
	cJSON *request = control_request("console"), *reply;
	int ret;

	cJSON_AddStringToObject(request, "keys", options->read_only ? "none" :
				options->take ? "take" : "free");
	cJSON_AddNumberToObject(request, "history", options->history.value);
	ret = control_ask(view->fd, options->guest, request, CONTROL_PATIENCE_MS, &reply);
	if (ret)
		return ret;
	view->has_keys = control_flag(reply, "keys");
	cJSON_Delete(reply);
	return 0;
}

static void greet(const struct view *view)
{
	if (view->raw && view->keys.active)
		fprintf(stderr, "vitrine: console of '%s'; %s ? lists the keys\r\n",
			view->options->guest, keys_name(&view->keys));
	if (!view->has_keys && !view->options->read_only)
		say(view, "another console has the keys: this one only looks (--take, or the escape key and t, takes them)");
}

int console_client(const struct options *options, int fd)
{
	struct view view = { .options = options, .fd = fd };
	int ret = keys_parse(options->escape, &view.keys);

	if (ret)
		return ret;
	if (options->log) {
		view.log = fopen(options->log, "we");
		if (!view.log)
			return vtr_error(errno, "--log %s: %s", options->log, strerror(errno));
	}
	ret = attach(&view);
	if (!ret) {
		view.raw = !options->read_only && terminal_raw();
		greet(&view);
		ret = watch(&view);
		terminal_restore();
	}
	if (view.log && fclose(view.log))
		ret = vtr_error(errno, "--log %s: %s", options->log, strerror(errno));
	return ret;
}
