// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program: finds the command in the table and lets it do the rest.
 *
 * Read command.h first, then the cmd_*.c that interests you.  main() itself is
 * in entry.c, so that tests can link everything else.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "libvitrine.h"

static const struct command *const commands[] = {
	&cmd_doctor, &cmd_run, &cmd_step, &cmd_exits, &cmd_vmcs, &cmd_ept,
	&cmd_explain, &cmd_ps, &cmd_console, &cmd_stop, &cmd_reset, &cmd_pause,
	&cmd_resume,
};

int command_failed(const struct command *command)
{
	fflush(stdout);
	fprintf(stderr, "vitrine %s: %s\n", command->name, vtr_last_error());
	return EXIT_FAILED;
}

int command_usage(const struct command *command)
{
	fprintf(stderr, "vitrine %s: %s; see 'vitrine %s --help'\n",
		command->name, vtr_last_error(), command->name);
	return EXIT_USAGE;
}

static void help(void)
{
	printf("usage: vitrine COMMAND [options]\n"
	       "\n"
	       "Vitrine runs small guests in VMX non-root mode and shows every crossing\n"
	       "between guest (layers 5 and 4), hypervisor (3) and host (2).\n"
	       "\n"
	       "commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-8s  %s\n", commands[i]->name, commands[i]->summary);
	printf("\n"
	       "  vitrine COMMAND --help  the options of a command\n"
	       "  vitrine --version       version of the tool and of the ABI\n"
	       "\n"
	       "Exit codes: 0 ok, 1 failed, 2 wrong usage; a guest's own status with run.\n");
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct options options;
	int status;

	if (options_parse(command, argc, argv, &options) < 0)
		return command_usage(command);
	if (options.help) {
		options_help(command);
		status = EXIT_OK;
	} else {
		status = command->run(&options);
	}
	/* A full disk or a closed pipe must not look like success. */
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "vitrine %s: stdout: %s\n", command->name,
			strerror(errno));
		return status ? status : EXIT_FAILED;
	}
	return status;
}

int vitrine_main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		fprintf(stderr, "vitrine: no command given; see 'vitrine --help'\n");
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		help();
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vitrine %s (ABI version %d)\n", VITRINE_VERSION,
		       VTR_API_VERSION);
		return EXIT_OK;
	}
	command = find(argv[1]);
	if (!command) {
		fprintf(stderr, "vitrine: there is no command '%s'; see 'vitrine --help'\n",
			argv[1]);
		return EXIT_USAGE;
	}
	return run_command(command, argc - 1, argv + 1);
}
