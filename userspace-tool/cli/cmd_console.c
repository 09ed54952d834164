// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine console: this terminal becomes a console of a running VM.
 *
 * Read control/console_client.c for what it does, docs/console.md for what the user
 * sees.
 */
#include <unistd.h>

#include "command.h"
#include "control/client.h"
#include "control/place.h"
#include "run/keys.h"

static int run(const struct options *options)
{
	int fd = control_connect(options->guest), status;

	if (fd < 0)
		return command_failed(&cmd_console);
	status = console_client(options, fd);
	close(fd);
	return status < 0 ? command_failed(&cmd_console) : status;
}

static const struct opt rows[] = {
	{ "escape", 0, OPT_STRING, offsetof(struct options, escape), "KEY", KEYS_DEFAULT,
	  "the control key that leads out of the guest, as ^A or ^]; none: no key does", NULL, 0,
	  0 },
	{ "history", 0, OPT_SIZE, offsetof(struct options, history), "SIZE", "2K",
	  "show so much of what the guest has printed before, 64K at most", NULL, 0, 65536 },
	{ "log", 0, OPT_STRING, offsetof(struct options, log), "FILE", NULL,
	  "write what is shown to FILE, too", NULL, 0, 0 },
	{ "read-only", 'r', OPT_FLAG, offsetof(struct options, read_only), NULL, NULL,
	  "only look: no key goes to the guest, Ctrl-C leaves", NULL, 0, 0 },
	{ "take", 0, OPT_FLAG, offsetof(struct options, take), NULL, NULL,
	  "take the keys from the console that has them", NULL, 0, 0 },
};

static const struct opt_group console_options = OPT_GROUP("console options", rows);

const struct command cmd_console = {
	.name = "console",
	.summary = "be a console of a running VM",
	.usage = "[options] NAME",
	.description =
		"Shows what the guest prints, and types what you type. One console has the "
		"keys, any number look on. Ctrl-A d leaves the VM running, Ctrl-A x ends it, "
		"Ctrl-A ? lists all keys.\n"
		"\n"
		"Exit status: 0 after leaving; if the VM ends meanwhile, its status; 1 the VM "
		"is not there or its process was killed, 128 + n ended by signal n.",
	.guest = NAME_NEEDED,
	.groups = { &console_options, &common_options },
	.run = run,
};
