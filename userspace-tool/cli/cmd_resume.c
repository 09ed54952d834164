// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine resume: let a paused VM go on.
 *
 * One request over the VM's socket (control/server.c); run/pause.c does it.
 */
#include "command.h"
#include "control/client.h"

static int run(const struct options *options)
{
	return control_do(options->guest, "resume", NULL) ? command_failed(&cmd_resume) : EXIT_OK;
}

const struct command cmd_resume = {
	.name = "resume",
	.summary = "let a paused VM go on",
	.usage = "[options] NAME",
	.description =
		"The guest goes on where `vitrine pause` has stopped it.",
	.guest = NAME_NEEDED,
	.groups = { &common_options },
	.run = run,
};
