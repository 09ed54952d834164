// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine reset: a running VM begins again from its image.
 *
 * One request over the VM's socket (control/server.c); run/machine.c, machine_restart(), does it.
 */
#include "command.h"
#include "control/client.h"

static int run(const struct options *options)
{
	return control_do(options->guest, "reset", NULL) ? command_failed(&cmd_reset) : EXIT_OK;
}

const struct command cmd_reset = {
	.name = "reset",
	.summary = "a running VM begins again from its image",
	.usage = "[options] NAME",
	.description =
		"As the reset button of a PC: memory, processors and devices are as at the start, "
		"and the image is loaded again; the clock keeps its time. What the guest has "
		"not saved is lost. A paused VM stays paused.",
	.guest = NAME_NEEDED,
	.groups = { &common_options },
	.run = run,
};
