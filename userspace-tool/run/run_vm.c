// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a machine: one thread a vCPU, and the main thread for everything
 * that comes from outside: signals, time-out, the user's keys, other processes
 * (control/server.c), the end, and beginning again after a reset.
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
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "control/server.h"
#include "front.h"
#include "machine.h"
#include "terminal.h"

enum { POLL_DONE, POLL_SIGNAL, POLL_TIMER, POLL_INPUT, POLL_SERVER,
       POLL_NR = POLL_SERVER + SERVER_POLLS };

static void kicked(int signal)
{
	(void)signal;
}

/* So that top, taskset and the like show which thread is which vCPU. */
static void name_thread(const struct cpu *cpu)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu %u", (unsigned int)(cpu - cpu->machine->cpus));
	pthread_setname_np(pthread_self(), name);
}

static void *cpu_thread(void *arg)
{
	struct cpu *cpu = arg;
	enum vcpu_next next;
	sigset_t kick;

	name_thread(cpu);
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	do {
		machine_park(cpu->machine);
		next = machine_stopped(cpu->machine) ? VCPU_DONE : vcpu_once(cpu);
	} while (next != VCPU_DONE);
	pthread_mutex_lock(&cpu->machine->lock);
	cpu->machine->threads--;
	pthread_cond_broadcast(&cpu->machine->change);
	pthread_mutex_unlock(&cpu->machine->lock);
	return NULL;
}

void kick_cpu(struct cpu *cpu)
{
	vtr_vcpu_stop(cpu->vcpu);
	pthread_kill(cpu->thread, KICK_SIGNAL);
}

static void start_cpus(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		struct cpu *cpu = &machine->cpus[i];
		int err;

		if (!cpu->started)
			continue;
		pthread_mutex_lock(&machine->lock);
		err = pthread_create(&cpu->thread, NULL, cpu_thread, cpu);
		machine->threads += !err;
		pthread_mutex_unlock(&machine->lock);
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

		if (cpu->running)
			kick_cpu(cpu);
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
	if (info.ssi_signo == SIGCONT) {
		/* Somebody else may have had the terminal meanwhile. */
		if (machine->console.raw)
			terminal_raw();
		return;
	}
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

/* ---- the user's terminal --------------------------------------------------------- */

static bool has_keys(const struct machine *machine)
{
	return !machine->server || server_local_keys(machine->server);
}

int run_vm_detach(struct machine *machine)
{
	char log[CONTROL_PATH_BYTES];
	int ret = control_path(machine->options->name, ".log", true, log);

	if (ret)
		return ret;
	/* No vCPU writes to stdout while it is turned to the log. */
	pthread_mutex_lock(&machine->lock);
	ret = front_leave(log);
	if (!ret)
		console_detach(&machine->console);
	pthread_mutex_unlock(&machine->lock);
	if (!ret)
		server_leave_keys(machine->server);
	return ret;
}

static void detach(struct machine *machine)
{
	if (!machine->server || !front_exists()) {
		fprintf(stderr, "\r\nvitrine: this VM can't be detached: nobody could find it again\r\n");
		return;
	}
	fprintf(stderr, "\r\nvitrine: detached; `vitrine console %s` comes back\r\n",
		machine->options->name);
	if (run_vm_detach(machine))
		fprintf(stderr, "vitrine: %s\r\n", vtr_last_error());
}

static void type_size(struct machine *machine)
{
	char line[KEYS_LINE];

	machine_type(machine, (uint8_t *)line, keys_size_line(line));
}

static void do_key(struct machine *machine, enum key key)
{
	switch (key) {
	case KEY_QUIT:
		machine_end(machine, OUTCOME_QUIT, EXIT_OK, "ended by %s x",
			    keys_name(&machine->console.keys));
		break;
	case KEY_DETACH:
		detach(machine);
		break;
	case KEY_POWER:
		if (machine_press_power(machine))
			fprintf(stderr, "\r\nvitrine: %s\r\n", vtr_last_error());
		break;
	case KEY_TAKE:
		if (machine->server)
			server_take_keys(machine->server);
		break;
	case KEY_SIZE:
		type_size(machine);
		break;
	case KEY_HELP:
		keys_help(&machine->console.keys);
		break;
	default:
		break;
	}
}

static void end_of_input(struct machine *machine)
{
	machine->console.input = false;
	if (machine->server)
		server_leave_keys(machine->server);
}

static void read_input(struct machine *machine)
{
	uint8_t raw[INPUT_BYTES], typed[INPUT_BYTES];
	ssize_t got = read(STDIN_FILENO, raw, sizeof(raw));
	size_t nr = 0;

	if (got <= 0) {
		if (got == 0 || (errno != EINTR && errno != EAGAIN))
			end_of_input(machine);
		return;
	}
	for (ssize_t i = 0; i < got && !machine_stopped(machine); i++) {
		enum key key = machine->console.raw ?
			       keys_feed(&machine->console.keys, raw[i]) : KEY_BYTE;

		if (key == KEY_BYTE && has_keys(machine)) {
			typed[nr++] = raw[i];
			continue;
		}
		/* What was typed before the escape key comes before what that does. */
		machine_type(machine, typed, nr);
		nr = 0;
		do_key(machine, key);
	}
	machine_type(machine, typed, nr);
}

/* A terminal is always read, for its escape keys; a file only if its bytes are wanted. */
static bool reads_input(const struct machine *machine)
{
	return machine->console.input && !machine_typing(machine) &&
	       (machine->console.raw || has_keys(machine));
}

static void watch(struct machine *machine, struct pollfd *polls)
{
	while (!machine_stopped(machine)) {
		/* poll() ignores an entry with a negative descriptor. */
		polls[POLL_INPUT].fd = reads_input(machine) ? STDIN_FILENO : -1;
		if (machine->server)
			server_polls(machine->server, polls + POLL_SERVER);
		if (poll(polls, POLL_NR, machine_typing(machine) ? 10 : -1) < 0) {
			if (errno == EINTR)
				continue;
			machine_end(machine, OUTCOME_FAILED, EXIT_FAILED,
				    "poll: %s", strerror(errno));
			return;
		}
		if (polls[POLL_SIGNAL].revents)
			take_signal(machine, polls[POLL_SIGNAL].fd);
		if (polls[POLL_TIMER].revents)
			take_timeout(machine, polls[POLL_TIMER].fd);
		if (polls[POLL_INPUT].revents)
			read_input(machine);
		if (machine->server)
			server_work(machine->server, polls + POLL_SERVER);
		machine_feed(machine);
	}
}

/* ---- begin and end ---------------------------------------------------------------- */

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
	sigaddset(&set, SIGCONT);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return vtr_error(errno, "signalfd: %s", strerror(errno));
	sigaddset(&set, KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &set, old);
	return fd;
}

/* Was it reset, and shall it begin again? */
static bool begins_again(const struct machine *machine)
{
	return machine->outcome.kind == OUTCOME_RESET &&
	       (machine->again || machine->options->on_reset == RESET_RESTART);
}

static void run_until_end(struct machine *machine, struct pollfd *polls)
{
	for (;;) {
		start_cpus(machine);
		watch(machine, polls);
		stop_cpus(machine);
		if (!begins_again(machine))
			return;
		if (machine_restart(machine)) {
			machine_end(machine, OUTCOME_FAILED, EXIT_FAILED,
				    "the guest was reset and can't begin again: %s",
				    vtr_last_error());
			return;
		}
	}
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
	run_until_end(machine, polls);
	if (polls[POLL_TIMER].fd >= 0)
		close(polls[POLL_TIMER].fd);
	close(polls[POLL_SIGNAL].fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
