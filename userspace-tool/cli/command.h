/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of commands: `vitrine --help` is made from it, main.c looks in it.
 *
 * One file a command, cmd_*.c, each defining one struct command and nothing
 * else that is visible.  A new command is one file and one line in main.c.
 *
 * Read options.h for the option rows.
 */
#ifndef VITRINE_COMMAND_H
#define VITRINE_COMMAND_H

#include "options.h"

enum guest_argument { GUEST_NONE, GUEST_OPTIONAL, GUEST_NEEDED, WORD_OPTIONAL,
		      NAME_NEEDED };

/**
 * struct command - one command of the tool
 * @name: the word on the command line
 * @summary: one line for `vitrine --help`
 * @usage: what follows the name in the usage line
 * @description: paragraphs for the command's own help, wrapped when printed
 * @guest: whether it takes a GUEST, or another word in its place, as the name of a VM
 * @groups: option rows, ends with a NULL title
 * @run: does the work; returns the program's exit code
 */
struct command {
	const char *name;
	const char *summary;
	const char *usage;
	const char *description;
	enum guest_argument guest;
	const struct opt_group *groups[4];
	int (*run)(const struct options *options);
};

extern const struct command cmd_doctor;
extern const struct command cmd_run;
extern const struct command cmd_step;
extern const struct command cmd_exits;
extern const struct command cmd_vmcs;
extern const struct command cmd_ept;
extern const struct command cmd_explain;
extern const struct command cmd_ps;
extern const struct command cmd_console;
extern const struct command cmd_stop;
extern const struct command cmd_reset;
extern const struct command cmd_pause;
extern const struct command cmd_resume;

/* The whole program; tests call it with a scripted device behind libvitrine. */
int vitrine_main(int argc, char **argv);

/* Print "vitrine COMMAND: sentence" on stderr; returns EXIT_FAILED. */
int command_failed(const struct command *command);

/* The same for a wrong command line, with the hint at --help; EXIT_USAGE. */
int command_usage(const struct command *command);

#endif /* VITRINE_COMMAND_H */
