// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU in a thread of its own.
 *
 * Read runner.h first.  A signal without SA_RESTART ends RUN; its handler does
 * nothing, because immediate_exit keeps the vCPU out afterwards.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

#define KICK	SIGUSR2

static void do_nothing(int nr)
{
	(void)nr;
}

void short_nap(void)
{
	struct timespec nap = { .tv_nsec = 200 * 1000 };

	nanosleep(&nap, NULL);
}

static void run_until_it_ends(struct runner *runner)
{
	while (run_once(runner->vcpu)) {
		if (errno == EINTR && !runner->stopping)
			continue;
		runner->error = errno;
		return;
	}
}

static void *run_thread(void *arg)
{
	struct runner *runner = arg;

	if (runner->cpu >= 0)
		pin_to_cpu(runner->cpu);
	runner->tid = gettid();
	if (runner->serve)
		serve(runner->vcpu, runner->serve);
	else
		run_until_it_ends(runner);
	runner->done = true;
	return NULL;
}

void start_runner(struct runner *runner, struct vcpu *vcpu, int cpu)
{
	struct sigaction action = { .sa_handler = do_nothing };

	MUST(sigaction(KICK, &action, NULL));
	runner->vcpu = vcpu;
	runner->cpu = cpu;
	REQUIRE(!pthread_create(&runner->thread, NULL, run_thread, runner));
	WAIT_UNTIL(runner->tid);
}

void join_runner(struct runner *runner)
{
	WAIT_UNTIL(runner->done);
	if (!runner->done)
		stop_runner(runner);
	else
		pthread_join(runner->thread, NULL);
}

void stop_runner(struct runner *runner)
{
	runner->stopping = true;
	runner->vcpu->run->immediate_exit = 1;
	if (!runner->done)
		pthread_kill(runner->thread, KICK);
	WAIT_UNTIL(runner->done);
	if (!runner->done)
		tap_end();
	pthread_join(runner->thread, NULL);
	runner->vcpu->run->immediate_exit = 0;
	runner->stopping = false;
}
