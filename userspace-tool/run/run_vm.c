// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a machine: one thread a vCPU, and the main thread for everything
 * that comes from outside: signals, time-out, the user's keys, the end.
 *
 * Read machine.h and vcpu_loop.c first.
 *
 * Subtle: how a vCPU is stopped.  The main thread sets immediate_exit, then
 * sends the thread a signal.  If the signal comes too early to interrupt the
 * ioctl, the flag makes the ioctl return; if the flag was looked at already,
 * the signal interrupts.  Signals for the program itself are blocked in all
 * threads and read through a signalfd, so no handler runs anywhere.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "machine.h"

#define KICK_SIGNAL	SIGUSR1
#define INPUT_BYTES	256

enum { POLL_DONE, POLL_SIGNAL, POLL_TIMER, POLL_INPUT, POLL_NR };

/* Bytes read from stdin that the serial port had no room for yet. */
struct input {
	uint8_t bytes[INPUT_BYTES];
	unsigned int at;
	unsigned int nr;
	bool ended;
};

static void kicked(int signal)
{
	(void)signal;
}

static void *cpu_thread(void *arg)
{
	struct cpu *cpu = arg;
	enum vcpu_next next;
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	do {
		next = vcpu_once(cpu);
	} while (next != VCPU_DONE);
	return NULL;
}

static void start_cpus(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		struct cpu *cpu = &machine->cpus[i];
		int err;

		if (!cpu->started)
			continue;
		err = pthread_create(&cpu->thread, NULL, cpu_thread, cpu);
		if (err) {
			machine_end(machine, OUTCOME_FAILED, EXIT_FAILED,
				    "thread for vCPU %u: %s", i, strerror(err));
			return;
		}
		cpu->running = true;
	}
}

static void stop_cpus(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		struct cpu *cpu = &machine->cpus[i];

		if (!cpu->running)
			continue;
		vtr_vcpu_stop(cpu->vcpu);
		pthread_kill(cpu->thread, KICK_SIGNAL);
	}
	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		struct cpu *cpu = &machine->cpus[i];

		if (cpu->running)
			pthread_join(cpu->thread, NULL);
		cpu->running = false;
	}
}

static void take_signal(struct machine *machine, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	machine_end(machine, OUTCOME_SIGNAL, EXIT_SIGNAL + info.ssi_signo,
		    "stopped by %s", strsignal(info.ssi_signo));
}

static void take_timeout(struct machine *machine, int fd)
{
	uint64_t times;

	if (read(fd, &times, sizeof(times)) != sizeof(times))
		return;
	machine_end(machine, OUTCOME_TIMEOUT, EXIT_TIMEOUT,
		    "the guest did not end within %llu.%03llu s (--timeout)",
		    (ull)machine->options->timeout_ms.value / 1000,
		    (ull)machine->options->timeout_ms.value % 1000);
}

/* Hand over what fits; the rest is offered again a little later. */
static void feed_serial(struct machine *machine, struct input *input)
{
	pthread_mutex_lock(&machine->lock);
	while (input->at < input->nr &&
	       serial_receive(&machine->serial, input->bytes[input->at]))
		input->at++;
	pthread_mutex_unlock(&machine->lock);
}

static void read_input(struct machine *machine, struct input *input)
{
	uint8_t raw[INPUT_BYTES];
	ssize_t got = read(STDIN_FILENO, raw, sizeof(raw));

	if (got <= 0) {
		input->ended = got == 0 || (errno != EINTR && errno != EAGAIN);
		return;
	}
	input->at = 0;
	input->nr = 0;
	for (ssize_t i = 0; i < got; i++) {
		switch (console_key(&machine->console, raw[i])) {
		case KEY_BYTE:
			input->bytes[input->nr++] = raw[i];
			break;
		case KEY_QUIT:
			machine_end(machine, OUTCOME_QUIT, EXIT_OK,
				    "ended by Ctrl-A x");
			return;
		case KEY_NOTHING:
			break;
		}
	}
}

static void watch(struct machine *machine, struct pollfd *polls)
{
	struct input input = { .ended = !machine->console.input };

	while (!machine_stopped(machine)) {
		bool waiting = input.at < input.nr;

		/* poll() ignores an entry with a negative descriptor. */
		polls[POLL_INPUT].fd = input.ended || waiting ? -1 :
							STDIN_FILENO;
		if (poll(polls, POLL_NR, waiting ? 10 : -1) < 0 &&
		    errno != EINTR) {
			machine_end(machine, OUTCOME_FAILED, EXIT_FAILED,
				    "poll: %s", strerror(errno));
			return;
		}
		if (polls[POLL_SIGNAL].revents)
			take_signal(machine, polls[POLL_SIGNAL].fd);
		if (polls[POLL_TIMER].revents)
			take_timeout(machine, polls[POLL_TIMER].fd);
		if (polls[POLL_INPUT].revents)
			read_input(machine, &input);
		feed_serial(machine, &input);
	}
}

static int open_timer(const struct options *options)
{
	struct itimerspec when = { 0 };
	int fd;

	if (!options->timeout_ms.given)
		return -1;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return vtr_error(errno, "timerfd: %s", strerror(errno));
	when.it_value.tv_sec = options->timeout_ms.value / 1000;
	when.it_value.tv_nsec = options->timeout_ms.value % 1000 * 1000000;
	timerfd_settime(fd, 0, &when, NULL);
	return fd;
}

/* Block what the main thread reads; threads made later inherit the mask. */
static int open_signals(sigset_t *old)
{
	struct sigaction action = { .sa_handler = kicked };
	sigset_t set;
	int fd;

	sigaction(KICK_SIGNAL, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return vtr_error(errno, "signalfd: %s", strerror(errno));
	sigaddset(&set, KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &set, old);
	return fd;
}

void run_vm(struct machine *machine)
{
	struct pollfd polls[POLL_NR];
	sigset_t old;

	for (unsigned int i = 0; i < POLL_NR; i++)
		polls[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	polls[POLL_DONE].fd = machine->done_fd;
	polls[POLL_SIGNAL].fd = open_signals(&old);
	if (polls[POLL_SIGNAL].fd < 0) {
		machine_end(machine, OUTCOME_FAILED, EXIT_FAILED, "%s",
			    vtr_last_error());
		return;
	}
	polls[POLL_TIMER].fd = open_timer(machine->options);
	console_raw(&machine->console);
	start_cpus(machine);
	watch(machine, polls);
	stop_cpus(machine);
	if (polls[POLL_TIMER].fd >= 0)
		close(polls[POLL_TIMER].fd);
	close(polls[POLL_SIGNAL].fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
