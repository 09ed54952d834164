// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine stop: a running VM is asked to switch itself off, then made to.
 *
 * Read devices/acpi_pm.c for the power button, and control/client.h.
 *
 * Subtle: three steps.  The button, which the guest may ignore; the end of the VM by
 * its own process; with --force, if that does not answer, the end of the process.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "control/client.h"
#include "control/place.h"
#include "libvitrine.h"
#include "view/json.h"

#define END_MS	5000

struct stop {
	const struct options *options;
	int fd;
	bool forced;
	char sentence[512];
	int status;
};

static bool ends(struct stop *stop, int patience_ms)
{
	return control_await_end(stop->fd, patience_ms, stop->sentence, sizeof(stop->sentence),
				 &stop->status);
}

static int request(struct stop *stop, const char *what)
{
	return control_ask(stop->fd, stop->options->guest, control_request(what), END_MS, NULL);
}

/* 0: it has ended; a negative errno. */
static int end(struct stop *stop)
{
	int ret = request(stop, "end");
	int pid = control_peer(stop->fd);

	stop->forced = true;
	if ((!ret || ret == -EPIPE) && ends(stop, END_MS))
		return 0;
	if (!stop->options->force)
		return vtr_error(ETIMEDOUT, "the VM '%s' does not end: --force kills its process",
				 stop->options->guest);
	if (pid <= 0 || kill(pid, SIGKILL))
		return vtr_error(ESRCH, "the VM '%s' does not answer, and process %d can't be killed",
				 stop->options->guest, pid);
	return ends(stop, END_MS) ? 0 : vtr_error(ETIMEDOUT, "process %d does not die", pid);
}

static int stop_vm(struct stop *stop)
{
	int ret;

	if (stop->options->force)
		return end(stop);
	ret = request(stop, "power");
	if (ret)
		return ret;
	if (ends(stop, stop->options->timeout_ms.value))
		return 0;
	fprintf(stderr, "vitrine stop: '%s' did not react to its power button within %llu s: ended by force\n",
		stop->options->guest, (ull)stop->options->timeout_ms.value / 1000);
	return end(stop);
}

static void print(const struct stop *stop)
{
	cJSON *json;

	if (!stop->options->json)
		return;
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "name", stop->options->guest);
	cJSON_AddBoolToObject(json, "forced", stop->forced);
	cJSON_AddStringToObject(json, "sentence", stop->sentence);
	if (stop->status >= 0)
		json_count(json, "status", stop->status);
	json_print(json, stdout);
}

static int run(const struct options *options)
{
	struct stop stop = { .options = options, .status = -1 };
	int ret;

	stop.fd = control_connect(options->guest);
	if (stop.fd < 0)
		return command_failed(&cmd_stop);
	ret = stop_vm(&stop);
	close(stop.fd);
	if (ret)
		return command_failed(&cmd_stop);
	print(&stop);
	return EXIT_OK;
}

static const struct opt rows[] = {
	{ "timeout", 't', OPT_SECONDS, offsetof(struct options, timeout_ms), "S", "60",
	  "give the guest so many seconds, then end it by force", NULL, 0, 0 },
	{ "force", 'f', OPT_FLAG, offsetof(struct options, force), NULL, NULL,
	  "end it at once, and kill its process if that does not answer", NULL, 0, 0 },
};

static const struct opt_group stop_options = OPT_GROUP("stop options", rows);

const struct command cmd_stop = {
	.name = "stop",
	.summary = "switch a running VM off, by its power button or by force",
	.usage = "[options] NAME",
	.description =
		"Presses the power button of the VM and waits until the guest has switched "
		"itself off. If it does not within the time-out, the VM is ended.\n"
		"\n"
		"Exit status: 0 the VM has ended, 1 it has not, 2 wrong usage.",
	.guest = NAME_NEEDED,
	.groups = { &stop_options, &common_options },
	.run = run,
};
