// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running test cases in child processes and reporting them.
 *
 * Read tap.h first.  The child prints its own explanations; how it ended is
 * told by its exit status (CASE_*), a signal, or a reason to skip in a pipe.
 *
 * Subtle: everything is written by one write() a line, because threads and
 * forked children of a case print, too; and a case is the leader of a process
 * group, so that its children end with it.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

enum { CASE_PASSED = 0, CASE_FAILED = 1, CASE_SKIPPED = 77 };

static volatile bool failed;
static int skip_pipe[2];

static void print_line(const char *prefix, const char *fmt, va_list args)
{
	char line[1024];
	int at = snprintf(line, sizeof(line), "%s", prefix);

	vsnprintf(line + at, sizeof(line) - at - 1, fmt, args);
	strcat(line, "\n");
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		_exit(CASE_FAILED);
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line("", fmt, args);
	va_end(args);
}

void tap_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line("# ", fmt, args);
	va_end(args);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool tap_check(bool held, const char *file, int line, const char *fmt, ...)
{
	char what[512];
	va_list args;

	if (held)
		return true;
	failed = true;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	tap_note("%s:%d: %s", base_name(file), line, what);
	return false;
}

bool tap_check_num(uint64_t got, uint64_t wanted, const char *file, int line, const char *what)
{
	return tap_check(got == wanted, file, line, "%s: got %llu (0x%llx), wanted %llu (0x%llx)",
			 what, (unsigned long long)got, (unsigned long long)got,
			 (unsigned long long)wanted, (unsigned long long)wanted);
}

bool tap_good(void)
{
	return !failed;
}

void tap_end(void)
{
	_exit(failed ? CASE_FAILED : CASE_PASSED);
}

void tap_skip(const char *fmt, ...)
{
	char reason[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	if (write(skip_pipe[1], reason, strlen(reason)) < 0)
		_exit(CASE_FAILED);
	_exit(CASE_SKIPPED);
}

/* Wait for the child until its time is over.  Return: false if it was killed. */
static bool wait_for(pid_t child, unsigned int seconds, int *status)
{
	struct timespec tick = { .tv_nsec = 5 * 1000 * 1000 }, now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	for (;;) {
		if (waitpid(child, status, WNOHANG) == child)
			return true;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			break;
		nanosleep(&tick, NULL);
	}
	kill(-child, SIGKILL);
	waitpid(child, status, 0);
	return false;
}

static pid_t start(const struct tap_case *test)
{
	pid_t child = fork();

	if (child < 0) {
		say("Bail out! fork: %s", strerror(errno));
		exit(1);
	}
	if (child) {
		setpgid(child, child);
		return child;
	}
	setpgid(0, 0);
	test->run();
	tap_end();
}

/* The name as words. */
static void spell(char *words, size_t room, const char *name)
{
	snprintf(words, room, "%s", name);
	for (; *words; words++)
		if (*words == '_')
			*words = ' ';
}

unsigned int tap_patience(void)
{
	const char *times = getenv("TAP_PATIENCE");
	int n = times ? atoi(times) : 1;

	return n > 0 ? n : 1;
}

static bool run_case(const struct tap_case *test, unsigned int nr)
{
	unsigned int seconds = (test->seconds ? test->seconds : TAP_SECONDS) * tap_patience();
	char name[128], reason[256] = "";
	bool in_time, passed;
	pid_t child;
	int status;

	spell(name, sizeof(name), test->name);
	if (pipe(skip_pipe)) {
		say("Bail out! pipe: %s", strerror(errno));
		exit(1);
	}
	child = start(test);
	in_time = wait_for(child, seconds, &status);
	/* What the case has left running goes, too. */
	kill(-child, SIGKILL);
	close(skip_pipe[1]);
	if (read(skip_pipe[0], reason, sizeof(reason) - 1) < 0)
		reason[0] = 0;
	close(skip_pipe[0]);

	if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == CASE_SKIPPED) {
		say("ok %u - %s # SKIP %s", nr, name, reason);
		return true;
	}
	if (!in_time)
		tap_note("no end within %u s", seconds);
	else if (WIFSIGNALED(status))
		tap_note("ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	passed = in_time && WIFEXITED(status) && WEXITSTATUS(status) == CASE_PASSED;
	say("%s %u - %s", passed ? "ok" : "not ok", nr, name);
	return passed;
}

static const struct tap_case *find(const char *name, const struct tap_case *cases, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (!strcmp(cases[i].name, name))
			return &cases[i];
	return NULL;
}

static int usage(const char *program, const char *wrong)
{
	fprintf(stderr, "%s: no case '%s'; usage: %s [--list | CASE...]\n", program, wrong,
		program);
	return 2;
}

int tap_main(int argc, char **argv, const struct tap_case *cases, unsigned int nr)
{
	unsigned int chosen = argc > 1 ? (unsigned int)argc - 1 : nr;
	bool passed = true;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (unsigned int i = 0; i < nr; i++)
			puts(cases[i].name);
		return 0;
	}
	for (int i = 1; i < argc; i++)
		if (!find(argv[i], cases, nr))
			return usage(base_name(argv[0]), argv[i]);

	say("TAP version 13");
	say("1..%u", chosen);
	for (unsigned int i = 0; i < chosen; i++)
		passed &= run_case(argc > 1 ? find(argv[i + 1], cases, nr) : &cases[i], i + 1);
	return passed ? 0 : 1;
}
