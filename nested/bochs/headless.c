// SPDX-License-Identifier: GPL-2.0-only
/*
 * What Bochs lacks to be run by a program: preloaded into it.
 *
 * lib/machine/bochs.py compiles this and sets LD_PRELOAD.  It does four
 * things: bytes that the guest writes to port 0xe9 go to a descriptor of
 * their own (VITRINE_CONSOLE_FD) instead of being mixed with the debugger's
 * text; the debugger's text comes line by line, for who talks with it through
 * a pipe; the display that the emulator insists on never touches the network;
 * and the debugger gets a command "save DIR", the emulator's own save
 * function, which has no other trigger without a window.
 *
 * Subtle: each function below replaces one of the C library's for the whole
 * emulator.  Only the plugin behind port 0xe9 uses putc().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char line[4096];
static size_t used;
static int console = -1;

static void flush_console(void)
{
	char *p = line;

	while (used && console >= 0) {
		ssize_t n = write(console, p, used);

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0) {
			p += n;
			used -= n;
		}
	}
	used = 0;
}

__attribute__((constructor))
static void open_console(void)
{
	const char *fd = getenv("VITRINE_CONSOLE_FD");

	if (fd)
		console = atoi(fd);
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* no emulator without its reader */
}

__attribute__((destructor))
static void close_console(void)
{
	flush_console();
}

#undef putc
int putc(int c, FILE *file)
{
	if (file != stdout || console < 0)
		return fputc(c, file);
	line[used++] = c;
	if (c == '\n' || used == sizeof(line))
		flush_console();
	return c;
}

/* The display "rfb" serves its picture on a TCP port: let it only believe so. */
int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	(void)fd;
	(void)address;
	(void)size;
	return 0;
}

int listen(int fd, int backlog)
{
	(void)fd;
	(void)backlog;
	return 0;
}

int accept(int fd, struct sockaddr *address, socklen_t *size)
{
	(void)fd;
	(void)address;
	(void)size;
	for (;;)
		pause();
}

/* The emulator's object "SIM" and its method save_state(const char *). */
static int save(const char *directory)
{
	void **sim = dlsym(RTLD_DEFAULT, "SIM");
	bool (*save_state)(void *sim, const char *directory);

	save_state = dlsym(RTLD_DEFAULT, "_ZN13bx_real_sim_c10save_stateEPKc");

	if (!sim || !save_state || (mkdir(directory, 0755) && errno != EEXIST))
		return 0;
	return save_state(*sim, directory);
}

/* The debugger reads its commands here; "save" is done and hidden from it. */
static char *filter(char *command)
{
	char directory[1024];

	if (!command || sscanf(command, "save %1023s", directory) != 1)
		return command;
	fprintf(stderr, "save %s: %s\n", directory, save(directory) ? "done" : "failed");
	return strcpy(command, "\n");
}

char *fgets(char *text, int size, FILE *file)
{
	static char *(*next)(char *text, int size, FILE *file);

	if (!next)
		next = dlsym(RTLD_NEXT, "fgets");
	return filter(next(text, size, file));
}

char *__fgets_chk(char *text, size_t room, int size, FILE *file)
{
	static char *(*next)(char *text, size_t room, int size, FILE *file);

	if (!next)
		next = dlsym(RTLD_NEXT, "__fgets_chk");
	return filter(next(text, room, size, file));
}
