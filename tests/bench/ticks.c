// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run a command and say how long it took in ticks of the time stamp counter.
 *
 *	ticks COMMAND [ARGUMENT...]
 *
 * For the scripts of tests/bench, in the nested machine.  The last line on standard
 * error is "ticks: FROM TO STATUS".  FROM and TO are the counter itself, so what the
 * kernel's trace has written down between can be compared with them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	unsigned long long from, to;
	int status;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: ticks COMMAND [ARGUMENT...]\n");
		return 2;
	}
	from = __rdtsc();
	pid = fork();
	if (!pid) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("ticks");
		return 1;
	}
	to = __rdtsc();
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	fprintf(stderr, "ticks: %llu %llu %d\n", from, to, status);
	return 0;
}
