// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest of eight bytes and the files that keep it alive, for the life tests.
 *
 * The shell scripts beside this file start it inside of the nested machine.
 * The guest counts in its memory, which is a page of a file: so a script sees
 * with od(1) whether the guest runs, whatever state its host program is in.
 * No state is set: the code lies where a processor begins after a reset.
 * Subtle: `hold` keeps exactly one kind of reference to the module, for a
 * mapping or a vCPU file must hold it alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../ioctl-uapi/vitrine.h"

#define PAGE		4096u
#define ROM_ADDRESS	0xfffff000u	/* the page that holds the reset vector */
#define RESET_OFFSET	0xff0u
#define MAX_GUESTS	16
#define READY_TRIES	2000		/* of 10 ms */

/*
 * Real mode: count at DS:0; go on without an exit, or halt first.  STI is for
 * the emulator: it does not notice an interrupt that should end the guest's
 * stay if RFLAGS.IF is 0 there and was 0 before the entry.
 */
static const unsigned char spinning[] = {
	0xfb,				/* sti */
	0x66, 0xff, 0x06, 0x00, 0x00,	/* inc dword [0] */
	0xeb, 0xf9,			/* jmp to the inc */
};

static const unsigned char halting[] = {
	0x66, 0xff, 0x06, 0x00, 0x00,	/* inc dword [0] */
	0xf4,				/* hlt */
	0xeb, 0xf8,			/* jmp to the start */
};

static void die(const char *what)
{
	fprintf(stderr, "guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int usage(void)
{
	fputs("usage: guest hold device|vm|vcpu|mmap   keep one file or mapping until killed\n"
	      "       guest spin FILE CPU...           one counting guest on each CPU; guest i\n"
	      "                                        counts in the first word of page i\n"
	      "       guest beat FILE CPU              begin on CPU; run to HLT, sleep, again\n"
	      "       guest step FILE                  for each line of input, a CPU number or\n"
	      "                                        '-': move there, run to HLT, print count\n",
	      stderr);
	return 2;
}

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

/* ---- a VM with one vCPU ------------------------------------------------------ */

struct guest {
	int device;
	int vm;
	int vcpu;
	struct vtr_run *run;
};

static void *map_counter(const char *path, unsigned int page)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *counter;

	if (fd < 0 || ftruncate(fd, MAX_GUESTS * PAGE))
		die(path);
	counter = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page * PAGE);
	if (counter == MAP_FAILED)
		die("mmap of the counter's file");
	close(fd);
	return counter;
}

static void set_slot(int vm, unsigned int nr, unsigned int address, void *memory)
{
	struct vtr_slot slot = {
		.size = sizeof(slot), .slot = nr, .gpa = address, .bytes = PAGE,
		.hva = (unsigned long)memory,
	};

	if (ioctl(vm, VTR_VM_SET_SLOT, &slot))
		die("VTR_VM_SET_SLOT");
}

static void open_vcpu(struct guest *g)
{
	struct vtr_create_vm vm = { .size = sizeof(vm) };
	struct vtr_create_vcpu vcpu = { .size = sizeof(vcpu) };

	g->device = open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (g->device < 0)
		die(VTR_DEVICE_PATH);
	g->vm = ioctl(g->device, VTR_CREATE_VM, &vm);
	if (g->vm < 0)
		die("VTR_CREATE_VM");
	g->vcpu = ioctl(g->vm, VTR_VM_CREATE_VCPU, &vcpu);
	if (g->vcpu < 0)
		die("VTR_VM_CREATE_VCPU");
	g->run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	if (g->run == MAP_FAILED)
		die("mmap of the run page");
}

static void build(struct guest *g, const unsigned char *code, size_t bytes, void *counter)
{
	unsigned char *rom = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (rom == MAP_FAILED)
		die("mmap");
	memcpy(rom + RESET_OFFSET, code, bytes);
	open_vcpu(g);
	set_slot(g->vm, 0, 0, counter);
	set_slot(g->vm, 1, ROM_ADDRESS, rom);
}

/* Leave only for a HLT; a signal that was no end (SIGSTOP, the freezer) is none. */
static void run_to_hlt(struct guest *g)
{
	while (ioctl(g->vcpu, VTR_VCPU_RUN, 0))
		if (errno != EINTR)
			die("VTR_VCPU_RUN");
	if (g->run->exit == VTR_EXIT_HLT)
		return;
	fprintf(stderr, "guest: unexpected exit %u: %s\n", g->run->exit, g->run->sentence);
	exit(1);
}

static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

/* ---- the modes ----------------------------------------------------------------- */

static int hold(const char *what)
{
	struct guest g;

	open_vcpu(&g);
	if (strcmp(what, "mmap"))
		munmap(g.run, PAGE);
	if (strcmp(what, "vcpu"))
		close(g.vcpu);
	if (strcmp(what, "vm"))
		close(g.vm);
	if (strcmp(what, "device"))
		close(g.device);
	say("ready");
	pause();		/* until a signal ends it */
	return 0;
}

static void spin_one(const char *path, unsigned int page, int cpu)
{
	struct guest g;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	go_to(cpu);
	build(&g, spinning, sizeof(spinning), map_counter(path, page));
	run_to_hlt(&g);
	exit(1);		/* it never halts */
}

static void wait_for_counter(volatile unsigned int *counter)
{
	for (int i = 0; i < READY_TRIES; i++) {
		if (*counter)
			return;
		usleep(10000);
	}
	fputs("guest: a guest does not count\n", stderr);
	exit(1);
}

static int spin(const char *path, char **cpus, int nr)
{
	int status;

	for (int i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			spin_one(path, i, atoi(cpus[i]));
	}
	for (int i = 0; i < nr; i++)
		wait_for_counter(map_counter(path, i));
	say("ready");
	wait(&status);
	fputs("guest: a guest has ended\n", stderr);
	return 1;
}

/* A guest that works a little, often: it goes through many exits and moves. */
static int beat(const char *path, int cpu)
{
	struct guest g;

	go_to(cpu);
	build(&g, halting, sizeof(halting), map_counter(path, 0));
	run_to_hlt(&g);
	say("ready");
	while (!usleep(5000))
		run_to_hlt(&g);
	return 1;		/* a signal without a handler ends it before */
}

static int step(const char *path)
{
	unsigned int *counter = map_counter(path, 0);
	struct guest g;
	char line[32];

	build(&g, halting, sizeof(halting), counter);
	say("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] != '-')
			go_to(atoi(line));
		run_to_hlt(&g);
		printf("%u\n", *counter);
		fflush(stdout);
	}
	return 0;
}

static int is_held(const char *what)
{
	return !strcmp(what, "device") || !strcmp(what, "vm") || !strcmp(what, "vcpu") ||
	       !strcmp(what, "mmap");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "hold") && is_held(argv[2]))
		return hold(argv[2]);
	if (argc >= 4 && argc <= 3 + MAX_GUESTS && !strcmp(argv[1], "spin"))
		return spin(argv[2], argv + 3, argc - 3);
	if (argc == 4 && !strcmp(argv[1], "beat"))
		return beat(argv[2], atoi(argv[3]));
	if (argc == 3 && !strcmp(argv[1], "step"))
		return step(argv[2]);
	return usage();
}
