// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals at every point of RUN, sudden death, and memory that runs out.
 *
 * A signal must end RUN with EINTR and take nothing from the guest; a process
 * that dies, at whatever moment and of whatever, must leave nothing behind:
 * the case that kills it looks at the module's use count afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

#define COUNTER		0x200000
#define POINTS		1500
#define STEP_NS		250

/* RAX and RBX and memory go together; a lost or doubled step is seen. */
GUEST(keeps_count, 64,
      "sti\n 1: inc %rax\n mov %rax, %rbx\n mov %rax, 0x200000\n jmp 1b");
GUEST(halts, 16, "1: hlt\n jmp 1b");
/* One word of each page from 2 MiB on, up to RSI. */
GUEST(wants_memory, 64,
      "mov $0x200000, %edi\n 1: mov %rdi, (%rdi)\n add $4096, %rdi\n cmp %rsi, %rdi\n"
      "jb 1b\n hlt");

static volatile sig_atomic_t signals;

static void count_signal(int nr)
{
	(void)nr;
	signals++;
}

static void handle(int nr, int flags)
{
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = flags };

	MUST(sigaction(nr, &action, NULL));
}

static timer_t make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	timer_t timer;

	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
	return timer;
}

/* In so many nanoseconds, and again, for a signal before RUN would end nothing. */
static void set_timer(timer_t timer, long ns)
{
	struct itimerspec at = { .it_value.tv_nsec = ns, .it_interval.tv_nsec = 3000000 };

	MUST(timer_settime(timer, 0, &at, NULL));
}

static uint64_t count_in_memory(struct vcpu *vcpu)
{
	return *(volatile uint64_t *)(vcpu->vm->mem + COUNTER);
}

static void check_count(struct vcpu *vcpu, uint64_t *last, unsigned int point)
{
	struct vtr_regs regs = get_regs(vcpu);
	uint64_t a = regs.gpr[VTR_RAX], b = regs.gpr[VTR_RBX], m = count_in_memory(vcpu);

	CHECK_MSG(a - b <= 1 && b - m <= 1 && a - m <= 1 && a >= *last,
		  "point %u: RAX %llu, RBX %llu, memory %llu, before %llu", point,
		  (unsigned long long)a, (unsigned long long)b, (unsigned long long)m,
		  (unsigned long long)*last);
	*last = a;
}

static void a_signal_at_every_point_of_run(void)
{
	struct vcpu *vcpu = start_guest(&guest_keeps_count, 64, 0);
	timer_t timer = make_timer();
	uint64_t last = 0;

	handle(SIGALRM, 0);
	for (unsigned int point = 1; point <= POINTS && tap_good(); point++) {
		signals = 0;
		set_timer(timer, point * STEP_NS);
		do
			CHECK_ERRNO(run_once(vcpu), EINTR);
		while (!signals);
		check_count(vcpu, &last, point);
	}
	CHECK(last > POINTS);
}

static void a_handler_with_restart_ends_run_as_well(void)
{
	struct vcpu *vcpu = start_guest(&guest_keeps_count, 64, 0);
	timer_t timer = make_timer();

	handle(SIGALRM, SA_RESTART);
	set_timer(timer, 2000000);
	do
		CHECK_ERRNO(run_once(vcpu), EINTR);
	while (!signals);
}

static void a_blocked_signal_does_not_end_run(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	sigset_t set;

	handle(SIGUSR1, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(raise(SIGUSR1));
	CHECK(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(signals, 0);
	MUST(sigprocmask(SIG_UNBLOCK, &set, NULL));
	CHECK_NUM(signals, 1);
}

/* ---- death ------------------------------------------------------------------------------ */

static int use_count(void)
{
	char text[16] = "";
	int fd = MUST(open("/sys/module/vitrine/refcnt", O_RDONLY | O_CLOEXEC));

	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	return atoi(text);
}

/* In a child: a guest on each of four vCPUs, until death. */
static void run_four(volatile int *ready)
{
	static struct runner runners[4];
	struct vm *vm = new_vm(4 * MB, VTR_VM_TRACE);

	put_guest(vm, &guest_keeps_count);
	for (int id = 0; id < 4; id++)
		enter_long(new_vcpu(vm, id));
	for (int id = 0; id < 4; id++)
		start_runner(&runners[id], &vm->vcpus[id], -1);
	*ready = 1;
	for (;;)
		pause();
}

static void kill_9_at_any_moment(void)
{
	volatile int *ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int before = use_count();

	for (int i = 0; i < 30; i++) {
		struct timespec nap = { .tv_nsec = i / 2 * 700000 };
		pid_t pid;

		*ready = 0;
		pid = MUST(fork());
		if (!pid)
			run_four(ready);
		/* Every second one dies while it is still being made. */
		if (i % 2)
			WAIT_UNTIL(*ready);
		nanosleep(&nap, NULL);
		MUST(kill(pid, SIGKILL));
		MUST(waitpid(pid, NULL, 0));
	}
	WAIT_UNTIL(use_count() == before);
}

static void stop_and_continue(void)
{
	struct vm *vm = new_vm(0, 0);
	pid_t pid;

	vm->bytes = 4 * MB;
	vm->mem = (void *)MUST(mmap(NULL, vm->bytes, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid = MUST(fork());
	if (!pid) {
		/* A VM belongs to the process that makes it. */
		struct vm *own = new_vm(0, 0);
		struct runner runner = {};

		own->mem = vm->mem;
		own->bytes = vm->bytes;
		MUST(set_slot(own, 0, 0, own->bytes, own->mem, 0));
		put_guest(own, &guest_keeps_count);
		enter_long(new_vcpu(own, 0));
		start_runner(&runner, &own->vcpus[0], -1);
		for (;;)
			pause();
	}
	for (int i = 0; i < 5; i++) {
		volatile uint64_t *counter = (void *)(vm->mem + COUNTER);
		uint64_t now = *counter;
		int status;

		WAIT_UNTIL(*counter > now);
		MUST(kill(pid, SIGSTOP));
		MUST(waitpid(pid, &status, WUNTRACED));
		CHECK(WIFSTOPPED(status));
		now = *counter;
		for (int n = 0; n < 20; n++)
			short_nap();
		CHECK_NUM(*counter, now);
		MUST(kill(pid, SIGCONT));
	}
	MUST(kill(pid, SIGKILL));
	MUST(waitpid(pid, NULL, 0));
}

/* ---- memory that runs out --------------------------------------------------------------- */

#define GROUPS	"/tmp/signal-test-cgroup"
#define GROUP	GROUPS "/small"

static void write_file(const char *path, const char *text)
{
	int fd = MUST(open(path, O_WRONLY | O_CLOEXEC));

	MUST(write(fd, text, strlen(text)));
	close(fd);
}

static bool file_says(const char *path, const char *word)
{
	char text[512] = "", *at;
	int fd = MUST(open(path, O_RDONLY | O_CLOEXEC));

	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	at = strstr(text, word);
	return at && atoi(at + strlen(word)) > 0;
}

static void run_greedy_guest(void)
{
	struct vcpu *vcpu;
	struct vtr_regs regs;

	write_file(GROUP "/cgroup.procs", "0");
	vcpu = new_vcpu(new_vm(256 * MB, 0), 0);
	put_guest(vcpu->vm, &guest_wants_memory);
	enter_long(vcpu);
	regs = get_regs(vcpu);
	regs.gpr[VTR_RSI] = 200 * MB;
	set_regs(vcpu, &regs);
	run_through(vcpu);
	_exit(7);	/* it has got all that memory: the limit was no limit */
}

static void a_guest_in_a_small_cgroup_is_killed_alone(void)
{
	int before = use_count(), status;
	pid_t pid;

	mkdir(GROUPS, 0700);
	if (mount("none", GROUPS, "cgroup2", 0, NULL) && errno != EBUSY)
		tap_skip("no cgroup v2 here: %s", strerror(errno));
	write_file(GROUPS "/cgroup.subtree_control", "+memory");
	MUST(mkdir(GROUP, 0700));
	write_file(GROUP "/memory.max", "16M");
	pid = MUST(fork());
	if (!pid)
		run_greedy_guest();
	MUST(waitpid(pid, &status, 0));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(file_says(GROUP "/memory.events", "oom_kill "));
	WAIT_UNTIL(use_count() == before);
	WAIT_UNTIL(!rmdir(GROUP) || errno == ENOENT);
	CHECK(run_to(start_guest(&guest_halts, 16, 0), VTR_EXIT_HLT));
	umount(GROUPS);
}

static const struct tap_case cases[] = {
	CASE(a_signal_at_every_point_of_run),
	CASE(a_handler_with_restart_ends_run_as_well),
	CASE(a_blocked_signal_does_not_end_run),
	CASE(kill_9_at_any_moment),
	CASE(stop_and_continue),
	CASE(a_guest_in_a_small_cgroup_is_killed_alone),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
