// SPDX-License-Identifier: GPL-2.0-only
/*
 * pty COMMAND [ARG...]: somebody at a terminal, who types and reads.
 *
 * tests/tool/control.sh runs `vitrine run` and `vitrine console` in it.  What is done
 * comes from stdin, a line each:
 *
 *	type TEXT	type it; ^A is Ctrl-A, ^M is Enter
 *	line TEXT	wait for a line that has TEXT, behind those waited for before
 *	raw, cooked	wait until the terminal is in that mode
 *	size R C	the window has that size now
 *	nap MS		do nothing
 *	kill N		send signal N to the command
 *	end STATUS	wait for its end with that status (128 + n: killed by signal n)
 *
 * Exit status: 0 if all of it happened, within PTY_PATIENCE seconds (20) each.  What
 * the terminal has shown goes to stdout in any case.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <utmp.h>
#include <unistd.h>

#define SEEN	65536

static int master, slave;
static pid_t child;
static char seen[SEEN];
static size_t nr_seen, at;
static double patience = 20;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what, const char *text)
{
	fflush(stdout);
	fprintf(stderr, "pty: did not happen: %s %s\n", what, text);
	kill(child, SIGKILL);
	exit(1);
}

/* Read for a moment. */
static void read_some(int ms)
{
	struct pollfd event = { .fd = master, .events = POLLIN };
	ssize_t got;

	if (poll(&event, 1, ms) <= 0 || nr_seen == SEEN - 1)
		return;
	got = read(master, seen + nr_seen, SEEN - 1 - nr_seen);
	if (got <= 0)
		return;
	fwrite(seen + nr_seen, 1, got, stdout);
	nr_seen += got;
}

static void nap(double ms)
{
	double until = now() + ms / 1000;

	while (now() < until)
		read_some(10);
}

static int has_line(const char *text)
{
	char *found, *end;

	seen[nr_seen] = 0;
	found = strstr(seen + at, text);
	end = found ? strchr(found, '\n') : NULL;
	if (end)
		at = end - seen;
	return !!end;
}

static int is_raw(void)
{
	struct termios modes;

	return !tcgetattr(slave, &modes) && !(modes.c_lflag & (ICANON | ECHO | ISIG));
}

static int is_cooked(void)
{
	struct termios modes;

	return !tcgetattr(slave, &modes) && (modes.c_lflag & ICANON) && (modes.c_lflag & ECHO) &&
	       (modes.c_lflag & ISIG) && (modes.c_iflag & ICRNL);
}

static int happens(const char *word, const char *text)
{
	if (!strcmp(word, "line"))
		return has_line(text);
	return !strcmp(word, "raw") ? is_raw() : is_cooked();
}

static void type(const char *text)
{
	for (; *text; text++) {
		char byte = *text;

		if (byte == '^' && text[1])
			byte = *++text & 0x1f;
		if (write(master, &byte, 1) != 1)
			fail("type", text);
	}
}

static void set_size(const char *text)
{
	struct winsize size = { 0 };

	if (sscanf(text, "%hu %hu", &size.ws_row, &size.ws_col) != 2 ||
	    ioctl(master, TIOCSWINSZ, &size))
		fail("size", text);
}

static void wait_for_end(const char *text)
{
	double until = now() + patience;
	int status;

	while (waitpid(child, &status, WNOHANG) != child) {
		read_some(10);
		if (now() > until)
			fail("end", text);
	}
	nap(50);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (status != atoi(text)) {
		fprintf(stderr, "pty: ended with %d\n", status);
		fail("end", text);
	}
}

static void do_one(char *line)
{
	char *text = strchr(line, ' ');
	double until = now() + patience;

	if (text)
		*text++ = 0;
	else
		text = line + strlen(line);
	if (!strcmp(line, "type"))
		type(text);
	else if (!strcmp(line, "size"))
		set_size(text);
	else if (!strcmp(line, "nap"))
		nap(atoi(text));
	else if (!strcmp(line, "kill"))
		kill(child, atoi(text));
	else if (!strcmp(line, "end"))
		wait_for_end(text);
	else if (strcmp(line, "line") && strcmp(line, "raw") && strcmp(line, "cooked"))
		fail("(there is no such word)", line);
	else
		while (!happens(line, text)) {
			read_some(20);
			if (now() > until)
				fail(line, text);
		}
}

/* The slave stays open here, so that its modes can be read after the command's end. */
static void start(char **command)
{
	if (openpty(&master, &slave, NULL, NULL, NULL)) {
		perror("pty: openpty");
		exit(2);
	}
	child = fork();
	if (child)
		return;
	login_tty(slave);
	close(master);
	execvp(*command, command);
	perror(*command);
	_exit(127);
}

int main(int argc, char **argv)
{
	const char *env = getenv("PTY_PATIENCE");
	char line[512];

	if (argc < 2) {
		fprintf(stderr, "usage: pty COMMAND [ARG...] <WHAT-TO-DO\n");
		return 2;
	}
	if (env)
		patience = atof(env);
	start(argv + 1);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (*line)
			do_one(line);
	}
	kill(child, SIGHUP);
	return 0;
}
