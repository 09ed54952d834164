// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw mode and the ways out of it.
 *
 * Read terminal.h first.
 *
 * Subtle: tcsetattr() may be called in a signal handler.  A background process that
 * changes the terminal would be stopped by SIGTTOU, so that is blocked meanwhile.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "terminal.h"

static struct termios saved;
static bool remembered;

void terminal_restore(void)
{
	sigset_t set, old;

	if (!remembered)
		return;
	remembered = false;
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* The handler is gone already (SA_RESETHAND): the signal does now what it does. */
static void crashed(int signal)
{
	terminal_restore();
	raise(signal);
}

static void prepare_for_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT,
				       SIGPIPE };
	struct sigaction action = {
		.sa_handler = crashed, .sa_flags = SA_RESETHAND | SA_NODEFER,
	};

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

void terminal_remember(void)
{
	remembered = !tcgetattr(STDIN_FILENO, &saved);
}

bool terminal_raw(void)
{
	static bool prepared;
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &raw))
		return false;
	if (!remembered)
		saved = raw;
	if (!prepared) {
		atexit(terminal_restore);
		prepare_for_crashes();
	}
	prepared = true;
	raw.c_iflag &= ~(ICRNL | IXON);
	raw.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	remembered = true;
	if (!tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return true;
	remembered = false;
	return false;
}

bool terminal_size(unsigned int *rows, unsigned int *columns)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}
