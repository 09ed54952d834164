/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU that runs in a thread of its own while the test does something else.
 *
 * Read vm.h first.  stop_runner() ends it whatever the guest does; a guest that
 * halts or fails ends it by itself, and the fields tell how.
 */
#ifndef TESTS_RUNNER_H
#define TESTS_RUNNER_H

#include <pthread.h>
#include <sys/types.h>

#include "vm.h"

/**
 * struct runner - a thread that runs one vCPU
 * @vcpu: the vCPU
 * @cpu: host CPU to stay on, -1: any
 * @serve: answer like the tool does (serve() in vm.h) instead of ending at I/O
 * @tid: thread id, 0 until it runs
 * @done: it has ended
 * @error: errno of RUN, 0: it came back with an exit
 */
struct runner {
	struct vcpu *vcpu;
	int cpu;
	struct served *serve;
	pthread_t thread;
	volatile pid_t tid;
	volatile bool done;
	volatile bool stopping;
	int error;
};

void start_runner(struct runner *runner, struct vcpu *vcpu, int cpu);

/* Wait until it has ended by itself; the case fails if that takes too long. */
void join_runner(struct runner *runner);

/* Make it end: immediate_exit and a signal. */
void stop_runner(struct runner *runner);

/* Wait until @condition holds, with other threads running meanwhile. */
#define WAIT_UNTIL(condition)						\
	({								\
		int tries_ = 0;						\
									\
		while (!(condition) && tries_++ < 20000)		\
			short_nap();					\
		CHECK_MSG(condition, "did not come about: %s", #condition);	\
	})

void short_nap(void);

#endif /* TESTS_RUNNER_H */
