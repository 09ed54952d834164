// SPDX-License-Identifier: GPL-2.0-only
/*
 * Child processes and temporary files for the tests.
 *
 * Read cli.h first.
 */
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "cli/command.h"

#define MAX_ARGS	32
#define MAX_PATHS	64
#define PATIENCE_MS	20000

static char *directory;
static char *paths[MAX_PATHS];
static unsigned int nr_paths;
static pid_t owner;

/* What the tool has left beside its sockets, which are gone. */
static void remove_sockets(void)
{
	char path[600], file[900];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/vitrine", directory);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		unlink(file);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static void remove_files(void)
{
	if (getpid() != owner)
		return;
	for (unsigned int i = 0; i < nr_paths; i++) {
		unlink(paths[i]);
		rmdir(paths[i]);
		free(paths[i]);
	}
	remove_sockets();
	rmdir(directory);
	free(directory);
}

/* Where the user keeps such things. */
static void make_directory(void)
{
	const char *parent = getenv("TMPDIR");

	/* mkdtemp() puts something new in the place of the six letters. */
	if (asprintf(&directory, "%s/vitrine-test-XXXXXX", parent && *parent ? parent : "/tmp") < 0)
		exit(99);
	if (!mkdtemp(directory)) {
		perror(directory);
		exit(99);
	}
}

static void need_directory(void)
{
	if (owner)
		return;
	owner = getpid();
	make_directory();
	atexit(remove_files);
}

void cli_use_directory(void)
{
	need_directory();
	setenv("XDG_RUNTIME_DIR", directory, 1);
}

const char *temp_path(const char *name)
{
	need_directory();
	for (unsigned int i = 0; i < nr_paths; i++) {
		if (!strcmp(strrchr(paths[i], '/') + 1, name))
			return paths[i];
	}
	if (nr_paths == MAX_PATHS ||
	    asprintf(&paths[nr_paths], "%s/%s", directory, name) < 0)
		exit(99);
	return paths[nr_paths++];
}

const char *temp_file(const char *name, const void *data, size_t bytes)
{
	const char *path = temp_path(name);
	FILE *file = fopen(path, "we");

	if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file)) {
		perror(path);
		exit(99);
	}
	return path;
}

static void read_back(FILE *file, char *text)
{
	size_t got;

	rewind(file);
	got = fread(text, 1, CLI_TEXT - 1, file);
	text[got] = 0;
	fclose(file);
}

static FILE *input_file(const char *input)
{
	FILE *file = tmpfile();

	if (!file)
		exit(99);
	fputs(input, file);
	fflush(file);
	rewind(file);
	return file;
}

static void child(char **argv, int argc, int in, FILE *out, FILE *err)
{
	cli_use_directory();
	dup2(in, STDIN_FILENO);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	exit(vitrine_main(argc, argv));
}

/* A tool that hangs must fail its test, not stop all of them. */
static int wait_for(pid_t pid)
{
	int status, waited_ms = 0;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (waited_ms == PATIENCE_MS)
			kill(pid, SIGKILL);
		usleep(2000);
		waited_ms += 2;
	}
	return status;
}

int cli_start(const char *log, const char *first, ...)
{
	char *argv[MAX_ARGS] = { (char *)"vitrine", (char *)first };
	FILE *out = fopen(temp_path(log), "we"), *in = fopen("/dev/null", "re");
	int argc = 2;
	va_list args;
	pid_t pid;

	if (!out || !in)
		exit(99);
	va_start(args, first);
	while (argc < MAX_ARGS - 1 && (argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(argv, argc, fileno(in), out, out);
	fclose(out);
	fclose(in);
	return pid;
}

int cli_finish(int pid)
{
	int status = wait_for(pid);

	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static const struct cli *run(int in, int signal, const char *first,
			     va_list args)
{
	char *argv[MAX_ARGS] = { (char *)"vitrine", (char *)first };
	static struct cli result;
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = first ? 2 : 1, status;
	pid_t pid;

	if (!out || !err)
		exit(99);
	while (argc > 1 && argc < MAX_ARGS - 1 &&
	       (argv[argc] = va_arg(args, char *)))
		argc++;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		exit(99);
	if (!pid)
		child(argv, argc, in, out, err);
	if (signal) {
		usleep(200000);
		kill(pid, signal);
	}
	status = wait_for(pid);
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) :
					    1000 + WTERMSIG(status);
	read_back(out, result.out);
	read_back(err, result.err);
	return &result;
}

static const struct cli *run_with_text(const char *input, int signal,
				       const char *first, va_list args)
{
	FILE *in = input_file(input);
	const struct cli *result = run(fileno(in), signal, first, args);

	fclose(in);
	return result;
}

const struct cli *cli(const char *first, ...)
{
	const struct cli *result;
	va_list args;

	va_start(args, first);
	result = run_with_text("", 0, first, args);
	va_end(args);
	return result;
}

const struct cli *cli_with_input(const char *input, const char *first, ...)
{
	const struct cli *result;
	va_list args;

	va_start(args, first);
	result = run_with_text(input, 0, first, args);
	va_end(args);
	return result;
}

const struct cli *cli_signalled(int signal, const char *first, ...)
{
	const struct cli *result;
	va_list args;

	va_start(args, first);
	result = run_with_text("", signal, first, args);
	va_end(args);
	return result;
}

static bool restored;

/* The keys wait in the terminal until the tool reads them. */
const struct cli *cli_with_keys(const char *keys, const char *first, ...)
{
	const struct cli *result;
	struct termios before, after;
	int master, slave;
	va_list args;

	if (openpty(&master, &slave, NULL, NULL, NULL) ||
	    tcgetattr(slave, &before) ||
	    write(master, keys, strlen(keys)) < 0)
		exit(99);
	va_start(args, first);
	result = run(slave, 0, first, args);
	va_end(args);
	restored = !tcgetattr(slave, &after) &&
		   before.c_lflag == after.c_lflag &&
		   before.c_iflag == after.c_iflag;
	close(slave);
	close(master);
	return result;
}

bool cli_terminal_restored(void)
{
	return restored;
}
