// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on /dev/vitrine that a seed decides, from several threads at once.
 *
 * usage: ioctl_fuzz [-s SEED] [-c CALLS] [-t THREADS] [-r FIRST_ROUND]
 *
 * Runs in the nested machine; tests/fuzz/fuzz.sh starts it and prints TAP.  Calls are made in
 * rounds, each in a process of its own with new descriptors and memory, so that
 * a round can be repeated alone: the seed and its number decide each thread's
 * calls (with one thread also their order).  Found is: an errno that no call
 * has, a call from a foreign process that is not refused, a round that does not
 * end or dies; the rest is found by the kernel's own checks and by the module's
 * use count at the end.  Read world.h and calls.c next.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rescue.h"
#include "world.h"

#define ROUND_CALLS	2000
#define MAX_THREADS	8
#define SCRATCH_BYTES	0x20000
#define ARENA_AT	0x600040000000ull
#define ROUND_SECONDS	120

/* What rounds tell the program that counts them: shared memory. */
struct totals {
	unsigned int outcome[FUZZ_ERRNOS];
	unsigned int calls[FUZZ_CALLS];
	unsigned int exits[FUZZ_EXITS];
	unsigned int bad;
};

struct options {
	uint64_t seed;
	unsigned long calls;
	unsigned int threads;
	unsigned long first_round;
};

static struct totals *totals;

static void do_nothing(int signal)
{
	(void)signal;
}

/* ---- a thread ---------------------------------------------------------------------- */

static void *pages_with_an_end(void)
{
	uint8_t *at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (at == MAP_FAILED || mprotect(at + 2 * 4096, 4096, PROT_NONE))
		exit(3);
	return at + 2 * 4096;
}

static void make_timer(struct fuzzer *f)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };

	event._sigev_un._tid = syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &f->timer))
		exit(3);
}

static void *lonely_pages(unsigned int thread)
{
	void *at = (void *)((uint64_t)(thread + 1) << 40);

	if (mmap(at, SCRATCH_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		exit(3);
	return at + SCRATCH_BYTES / 2;
}

struct job {
	struct fuzzer fuzzer;
	unsigned int number;
	unsigned long calls;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct job *job = arg;

	job->fuzzer.argument = pages_with_an_end();
	job->fuzzer.scratch = lonely_pages(job->number);
	make_timer(&job->fuzzer);
	for (unsigned long i = 0; i < job->calls; i++)
		fuzz_call(&job->fuzzer);
	timer_delete(job->fuzzer.timer);
	return NULL;
}

static void add_up(const struct fuzzer *f)
{
	for (unsigned int i = 0; i < FUZZ_ERRNOS; i++)
		totals->outcome[i] += f->outcome[i];
	for (unsigned int i = 0; i < FUZZ_CALLS; i++)
		totals->calls[i] += f->calls[i];
	for (unsigned int i = 0; i < FUZZ_EXITS; i++)
		totals->exits[i] += f->exits[i];
}

/* ---- a round ------------------------------------------------------------------------- */

static void make_world(struct world *world, struct random *random)
{
	struct vtr_create_vm vm = { .size = sizeof(vm) };

	memset(world, 0, sizeof(*world));
	memset((void *)world->device, -1, sizeof(world->device));
	memset((void *)world->vm, -1, sizeof(world->vm));
	memset((void *)world->vcpu, -1, sizeof(world->vcpu));
	memset((void *)world->signal, -1, sizeof(world->signal));
	/* Far from all else, for a guest writes wherever a spoiled address leads. */
	world->arena = mmap((void *)ARENA_AT, ARENA_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (world->arena != (void *)ARENA_AT)
		exit(3);
	for (unsigned int i = 0; i < 2; i++)
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, world->socket[i]))
			exit(3);
	pthread_mutex_init(&world->memory, NULL);
	world_code(world, random, 0, ARENA_BYTES);
	world->device[0] = open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	world->vm[0] = ioctl(world->device[0], VTR_CREATE_VM, &vm);
	world_furnish(world, random, world->vm[0]);
	vm.irqchip = VTR_IRQCHIP_MODULE;
	world->vm[1] = ioctl(world->device[0], VTR_CREATE_VM, &vm);
	world_furnish(world, random, world->vm[1]);
}

/* In a process of its own; what it has opened goes with it. */
static void run_round(const struct options *options, unsigned long round, unsigned long calls)
{
	static struct world world;
	static struct job jobs[MAX_THREADS];
	struct rlimit files = { 128, 128 };
	struct random random = { options->seed ^ round << 20 };

	setrlimit(RLIMIT_NOFILE, &files);
	make_world(&world, &random);
	for (unsigned int t = 0; t < options->threads; t++) {
		jobs[t].fuzzer.world = &world;
		jobs[t].fuzzer.random.state = random_u64(&random);
		jobs[t].number = t;
		jobs[t].calls = calls / options->threads;
		if (pthread_create(&jobs[t].thread, NULL, work, &jobs[t]))
			exit(3);
	}
	for (unsigned int t = 0; t < options->threads; t++) {
		pthread_join(jobs[t].thread, NULL);
		add_up(&jobs[t].fuzzer);
	}
	totals->bad += world.bad;
	fflush(stdout);
	/* Now and then die with everything open, as a crash would. */
	if (one_in(&random, 4))
		kill(getpid(), SIGKILL);
	exit(0);
}

/* Return: 0 when it has ended well, or by its own hand; else its status, -1: no end. */
static int wait_for_round(pid_t pid)
{
	struct timespec nap = { .tv_nsec = 20000000 };
	int status;

	for (unsigned int i = 0; i < ROUND_SECONDS * 50 * fuzz_patience(); i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status == SIGKILL ? 0 : status;
		nanosleep(&nap, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

/* ---- the program ---------------------------------------------------------------------- */

static void report(const struct options *options, unsigned long done)
{
	printf("# seed 0x%llx: %lu calls by %u threads\n", (unsigned long long)options->seed,
	       done, options->threads);
	printf("# calls:");
	for (unsigned int i = 0; fuzz_call_name(i); i++)
		printf(" %s %u,", fuzz_call_name(i), totals->calls[i]);
	printf("\n# answers: success %u", totals->outcome[0]);
	for (unsigned int i = 1; i < FUZZ_ERRNOS; i++)
		if (totals->outcome[i])
			printf(", %s %u", strerrorname_np(i), totals->outcome[i]);
	printf("\n# RUN came back with");
	for (unsigned int i = 0; i < FUZZ_EXITS; i++)
		if (totals->exits[i])
			printf(" %u: %u,", i, totals->exits[i]);
	printf("\n");
}

/* Dead processes let go of their VMs a moment later. */
static int module_is_unused(void)
{
	struct timespec nap = { .tv_nsec = 50000000 };
	char text[16] = "";

	for (int i = 0; i < 100; i++) {
		int fd = open("/sys/module/vitrine/refcnt", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, text, sizeof(text)) < 0)
			return 0;
		close(fd);
		if (atoi(text) == 0)
			return 1;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int parse(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt(argc, argv, "s:c:t:r:")) != -1) {
		switch (c) {
		case 's':
			options->seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			options->calls = strtoul(optarg, NULL, 0);
			break;
		case 't':
			options->threads = atoi(optarg);
			break;
		case 'r':
			options->first_round = strtoul(optarg, NULL, 0);
			break;
		default:
			return -1;
		}
	}
	return optind == argc && options->threads && options->threads <= MAX_THREADS ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options options = { .seed = 1, .calls = 20000, .threads = 3 };
	struct sigaction action = { .sa_handler = do_nothing };
	unsigned long done = 0, failed = 0, round;
	int status = 0;

	if (parse(argc, argv, &options)) {
		fputs("usage: ioctl_fuzz [-s SEED] [-c CALLS] [-t THREADS] [-r FIRST_ROUND]\n",
		      stderr);
		return 2;
	}
	sigaction(SIGALRM, &action, NULL);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (totals == MAP_FAILED)
		return 3;
	printf("# seed 0x%llx, first round %lu\n",
	       (unsigned long long)options.seed, options.first_round);
	rescue_start();
	for (round = options.first_round; done < options.calls; round++) {
		unsigned long calls = options.calls - done < ROUND_CALLS ? options.calls - done :
									   ROUND_CALLS;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid)
			run_round(&options, round, calls);
		status = pid < 0 ? pid : wait_for_round(pid);
		if (status) {
			printf("# round %lu: %s 0x%x\n", round,
			       status < 0 ? "no end" : "status", status);
			printf("# repeat: ioctl_fuzz -s 0x%llx -t %u -r %lu -c %lu\n",
			       (unsigned long long)options.seed, options.threads, round, calls);
			failed++;
		}
		done += calls;
	}
	printf("# processors rescued from a guest: %u\n", rescue_stop());
	report(&options, done);
	failed += totals->bad;
	if (!module_is_unused()) {
		printf("# something keeps the module\n");
		failed++;
	}
	return failed != 0;
}
