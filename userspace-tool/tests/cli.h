/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running the whole tool in a child process, and files for it.
 *
 * cli() forks, calls vitrine_main() with the fake as it is, and catches what
 * it prints and its exit code.  A leak found by the sanitizer changes the exit
 * code, so it fails the test.  XDG_RUNTIME_DIR is the test's own directory.
 */
#ifndef VITRINE_CLI_H
#define VITRINE_CLI_H

#include <stdbool.h>
#include <stddef.h>

#define CLI_TEXT	65536

struct cli {
	int status;	/* exit code; 1000 + signal if it was killed */
	char out[CLI_TEXT];
	char err[CLI_TEXT];
};

/* Arguments after "vitrine", NULL at the end. */
const struct cli *cli(const char *first, ...) __attribute__((sentinel));

/* The same with this text as standard input. */
const struct cli *cli_with_input(const char *input, const char *first, ...)
	__attribute__((sentinel));

/* The same, but the child gets this signal after 200 ms. */
const struct cli *cli_signalled(int signal, const char *first, ...)
	__attribute__((sentinel));

/*
 * The same with a terminal as standard input, on which these keys are typed.
 * cli_terminal_restored() tells whether it was left as it was found.
 */
const struct cli *cli_with_keys(const char *keys, const char *first, ...)
	__attribute__((sentinel));
bool cli_terminal_restored(void);

/*
 * The tool behind, with its output in the file of this name (temp_path()), and without
 * a terminal; cli_finish() waits for its end and returns its exit code.
 */
int cli_start(const char *log, const char *first, ...) __attribute__((sentinel));
int cli_finish(int pid);

/* The test itself uses the directory as XDG_RUNTIME_DIR, too. */
void cli_use_directory(void);

/* Path of a file in the test's own directory (removed at exit). */
const char *temp_path(const char *name);

/* Write a file there; returns its path. */
const char *temp_file(const char *name, const void *data, size_t bytes);

#endif /* VITRINE_CLI_H */
