// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine pause: stop a running VM, with its time.
 *
 * One request over the VM's socket (control/server.c); run/pause.c does it.
 */
#include "command.h"
#include "control/client.h"

static int run(const struct options *options)
{
	return control_do(options->guest, "pause", NULL) ? command_failed(&cmd_pause) : EXIT_OK;
}

const struct command cmd_pause = {
	.name = "pause",
	.summary = "stop a running VM, with its time",
	.usage = "[options] NAME",
	.description =
		"The vCPUs leave the guest, and its timers and counters stand still: after `vitrine "
		"resume` it goes on as if nothing had happened. Only its clock of date and "
		"time goes on. The console stays attached; keys wait.",
	.guest = NAME_NEEDED,
	.groups = { &common_options },
	.run = run,
};
