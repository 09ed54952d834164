// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchers of rescue.h.
 *
 * Subtle: a watcher is a process and not a thread, so that the fuzzer's calls
 * (fork, closing of descriptors, limits) do not touch it; it has real-time
 * priority, so that only a guest can keep it from its turn.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rescue.h"

#define WATCHERS	2
#define TURN_US		20000
#define PATIENCE	15	/* turns without a sign of the other one */

struct watch {
	volatile unsigned int turns[WATCHERS];
	volatile unsigned int rescues;
};

static struct watch *watch;
static pid_t watchers[WATCHERS];

unsigned int fuzz_patience(void)
{
	const char *text = getenv("TAP_PATIENCE");

	return text && atoi(text) > 0 ? atoi(text) : 1;
}

static void send_nmi(int sysrq)
{
	if (write(sysrq, "l", 1) != 1)
		_exit(1);
	watch->rescues++;
}

static void keep_watch(int cpu)
{
	struct sched_param priority = { .sched_priority = 50 };
	unsigned int seen = 0, silent = 0;
	int sysrq = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sysrq < 0 || sched_setaffinity(0, sizeof(set), &set) ||
	    sched_setscheduler(0, SCHED_FIFO, &priority))
		_exit(1);
	for (;;) {
		watch->turns[cpu]++;
		usleep(TURN_US * fuzz_patience());
		if (watch->turns[!cpu] != seen) {
			seen = watch->turns[!cpu];
			silent = 0;
		} else if (++silent >= PATIENCE) {
			send_nmi(sysrq);
			silent = 0;
		}
	}
}

void rescue_start(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < WATCHERS)
		return;
	watch = mmap(NULL, sizeof(*watch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (watch == MAP_FAILED) {
		watch = NULL;
		return;
	}
	for (int cpu = 0; cpu < WATCHERS; cpu++) {
		watchers[cpu] = fork();
		if (!watchers[cpu])
			keep_watch(cpu);
	}
}

unsigned int rescue_stop(void)
{
	if (!watch)
		return 0;
	for (int cpu = 0; cpu < WATCHERS; cpu++) {
		kill(watchers[cpu], SIGKILL);
		waitpid(watchers[cpu], NULL, 0);
	}
	return watch->rescues;
}
