// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process in front of a VM's.
 *
 * Read front.h first.  The front does nothing but wait: for the VM's end, for a byte
 * in the pipe that says "detached", or for a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "front.h"
#include "libvitrine.h"
#include "terminal.h"

/* The VM's process: where it tells that it was detached, or -1. */
static int tell_fd = -1;

static void block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "vitrine run: the VM's process was killed by signal %d\n",
		WTERMSIG(status));
	return EXIT_SIGNAL + WTERMSIG(status);
}

/* A signal for the front is one for the VM; SIGCHLD only wakes it up. */
static void pass_on(int fd, pid_t pid)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGCHLD)
		return;
	/* What the terminal has sent, it has sent to both. */
	if (info.ssi_code != SI_KERNEL)
		kill(pid, info.ssi_signo);
}

static int wait_in_front(const struct options *options, pid_t pid, int told_fd, int signal_fd)
{
	struct pollfd polls[] = {
		{ .fd = told_fd, .events = POLLIN }, { .fd = signal_fd, .events = POLLIN },
	};
	char byte;

	for (;;) {
		if (poll(polls, ARRAY_SIZE(polls), -1) < 0)
			continue;
		if (polls[1].revents)
			pass_on(signal_fd, pid);
		if (!polls[0].revents)
			continue;
		if (read(told_fd, &byte, 1) != 1)
			return status_of(pid);
		if (options->detach)
			printf("%s\n", options->name);
		return EXIT_OK;
	}
}

static void become_vm(pid_t front, int fd)
{
	tell_fd = fd;
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	/* It may have died before. */
	if (getppid() != front)
		_exit(EXIT_SIGNAL + SIGHUP);
}

static int front_of(const struct options *options, pid_t pid, int told_fd, const sigset_t *set)
{
	int signal_fd = signalfd(-1, set, SFD_CLOEXEC), status;

	status = wait_in_front(options, pid, told_fd, signal_fd);
	/* If the VM's process could not do it itself. */
	terminal_restore();
	close(signal_fd);
	close(told_fd);
	return status;
}

int front_start(const struct options *options)
{
	pid_t front = getpid(), pid;
	sigset_t set, old;
	int fds[2], status;

	if (!options->detach && (!isatty(STDIN_FILENO) || strcmp(options->serial, "stdio")))
		return -1;
	if (pipe2(fds, O_CLOEXEC)) {
		fprintf(stderr, "vitrine run: pipe: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	fflush(NULL);
	block(&set);
	sigprocmask(SIG_BLOCK, &set, &old);
	terminal_remember();
	pid = fork();
	if (pid > 0) {
		close(fds[1]);
		status = front_of(options, pid, fds[0], &set);
		sigprocmask(SIG_SETMASK, &old, NULL);
		return status;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fds[0]);
	if (!pid) {
		become_vm(front, fds[1]);
		return -1;
	}
	close(fds[1]);
	fprintf(stderr, "vitrine run: fork: %s\n", strerror(errno));
	return EXIT_FAILED;
}

bool front_exists(void)
{
	return tell_fd >= 0;
}

int front_leave(const char *log)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), out, ret = 0;

	out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (null < 0 || out < 0) {
		ret = vtr_error(errno, "%s: %s", null < 0 ? "/dev/null" : log, strerror(errno));
	} else {
		fflush(NULL);
		terminal_restore();
		prctl(PR_SET_PDEATHSIG, 0);
		setsid();
		dup2(null, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		if (write(tell_fd, "d", 1) == 1)
			close(tell_fd);
		tell_fd = -1;
	}
	if (out >= 0)
		close(out);
	if (null >= 0)
		close(null);
	return ret;
}
