// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random guests in all modes: each one must end in a defined way.
 *
 * usage: guest_fuzz [-s SEED] [-n GUESTS] [-g FIRST] [-v]
 *
 * Runs in the nested machine; tests/fuzz/fuzz.sh starts it and prints TAP.  The seed and a
 * guest's number decide its memory, its registers, and the answers it gets; so
 * one guest can be repeated alone (-g NUMBER -n 1).  Every fourth guest begins
 * with a spoiled state, which the module or the processor may refuse.  Found is:
 * an end that has no name or no sentence, an entry that fails although the state
 * was good to begin with (a guest must not be able to bring itself there), a
 * call with an odd errno.  Read guest_state.h next.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "guest_state.h"
#include "rescue.h"

#define GUESTS_A_VM	200
#define MAX_RETURNS	100	/* of RUN, then the guest has lived long enough */
#define MAX_TICKS	4	/* of the clock while one RUN lasts */
#define TICK_NS		3000000

enum end {
	END_HALT, END_SHUTDOWN, END_STOPPED, END_REFUSED, END_ENTRY, END_CLOCK, END_RETURNS,
	END_EMULATOR, END_BAD, NR_ENDS,
};

static const char *const end_names[NR_ENDS] = {
	"halted with interrupts off", "triple fault", "VM stopped", "state refused",
	"entry failed", "ran until the clock stopped it", "came back 100 times",
	"entry failed, by what the emulator has saved", "UNDEFINED",
};

struct vm {
	int device, fd, vcpu;
	unsigned int guests;
	uint8_t *memory;
	struct vtr_run *run;
};

static uint64_t seed = 1;
static bool verbose;
static volatile sig_atomic_t ticks;
static unsigned int counts[MODES][2][NR_ENDS];

static void tick(int signal)
{
	(void)signal;
	ticks++;
}

static void die(const char *what)
{
	printf("# guest_fuzz: %s: %s\n", what, strerror(errno));
	exit(3);
}

/* ---- a VM for some guests ------------------------------------------------------------ */

static void open_vm(struct vm *vm)
{
	struct vtr_create_vm args = { .size = sizeof(args), .name = "random" };
	struct vtr_create_vcpu vcpu = { .size = sizeof(vcpu) };
	struct vtr_slot slot = {
		.size = sizeof(slot), .bytes = GUEST_BYTES, .hva = (uintptr_t)vm->memory,
	};

	vm->guests = 0;
	do
		vm->fd = ioctl(vm->device, VTR_CREATE_VM, &args);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0 || ioctl(vm->fd, VTR_VM_SET_SLOT, &slot))
		die("VM");
	vm->vcpu = ioctl(vm->fd, VTR_VM_CREATE_VCPU, &vcpu);
	vm->run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		die("vCPU");
}

static void close_vm(struct vm *vm)
{
	munmap(vm->run, 4096);
	close(vm->vcpu);
	close(vm->fd);
}

/* ---- one guest -------------------------------------------------------------------------- */

struct records {
	struct vtr_state_header regs_head;
	struct vtr_regs regs;
	struct vtr_state_header sregs_head;
	struct vtr_sregs sregs;
	struct vtr_state_header events_head;
	struct vtr_events events;
	struct vtr_state_header io_head;
	struct vtr_io_state io;
};

#define HEAD(id_, member) \
	{ .id = id_, .version = 1, .bytes = sizeof(((struct records *)0)->member) }

/* Return: 0 or the errno of SET_STATE. */
static int set_up(struct vm *vm, struct random *random, enum guest_mode mode, bool spoiled)
{
	struct records records = {
		.regs_head = HEAD(VTR_STATE_REGS, regs),
		.sregs_head = HEAD(VTR_STATE_SREGS, sregs),
		.events_head = HEAD(VTR_STATE_EVENTS, events),
		.io_head = HEAD(VTR_STATE_IO, io),
	};
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)&records, .bytes = sizeof(records),
	};

	guest_memory(random, mode, vm->memory);
	guest_registers(random, mode, spoiled, &records.regs, &records.sregs);
	if (spoiled && one_in(random, 3)) {
		records.events.interrupt_shadow = random_below(random, 4);
		records.events.nmi_blocked = random_below(random, 2);
		records.events.nmi_pending = random_below(random, 2);
		records.events.activity = random_below(random, 3);
	}
	return ioctl(vm->vcpu, VTR_VCPU_SET_STATE, &args) ? errno : 0;
}

static void inject_something(struct vm *vm, struct random *random)
{
	struct vtr_inject args = {
		.size = sizeof(args),
		.event = { .kind = one_in(random, 3) ? VTR_EVENT_NMI : VTR_EVENT_INTERRUPT,
			   .vector = 32 + random_below(random, 224) },
	};

	if (args.event.kind == VTR_EVENT_NMI)
		args.event.vector = 2;
	ioctl(vm->vcpu, VTR_VCPU_INJECT, &args);
}

/*
 * The emulator's own fault?  It keeps the type of a null selector, 0, when a guest in
 * real mode loads a segment register that held one; then it refuses to enter what
 * it has saved itself: docs/vm-entry.md, "Where the emulator is not the manual's".
 */
static bool saved_by_the_emulator(struct vm *vm)
{
	struct vtr_entry_check check = { .size = sizeof(check) };
	const char *rule = check.rule;
	size_t length;

	if (ioctl(vm->vcpu, VTR_VCPU_CHECK, &check))
		return false;
	length = strlen(rule);
	/* Present, no system segment, data, never accessed. */
	return length > 9 && !strcmp(rule + length - 9, "_ACCESSED") &&
	       (check.value & 0x9f) == 0x90;
}

/* Return: how it has ended, or NR_ENDS: go on. */
static enum end answer(struct vm *vm, struct random *random, unsigned long number, bool spoiled)
{
	struct vtr_run *run = vm->run;

	switch (run->exit) {
	case VTR_EXIT_IO:
		if (run->io.bytes != 1 && run->io.bytes != 2 && run->io.bytes != 4)
			return END_BAD;
		run->io.data = random_u64(random);
		return NR_ENDS;
	case VTR_EXIT_HYPERCALL:
		run->hypercall.ret = random_value(random);
		return NR_ENDS;
	case VTR_EXIT_MMIO:
		run->mmio.data = random_value(random);
		return NR_ENDS;
	case VTR_EXIT_WINDOW:
		run->request_window = 0;
		inject_something(vm, random);
		return NR_ENDS;
	case VTR_EXIT_HLT:
		if (!run->if_flag)
			return END_HALT;
		inject_something(vm, random);
		return NR_ENDS;
	case VTR_EXIT_SHUTDOWN:
		return END_SHUTDOWN;
	case VTR_EXIT_STOPPED:
		return run->sentence[0] ? END_STOPPED : END_BAD;
	case VTR_EXIT_FAIL_ENTRY:
		if (!run->sentence[0])
			return END_BAD;
		if (!spoiled && saved_by_the_emulator(vm))
			return END_EMULATOR;
		if (!spoiled)
			printf("# guest %lu, RIP 0x%llx: entry failed, reason 0x%x: %s\n", number,
			       (unsigned long long)run->rip, run->fail.reason, run->sentence);
		return spoiled ? END_ENTRY : END_BAD;
	default:
		return END_BAD;
	}
}

static enum end live(struct vm *vm, struct random *random, unsigned long number, bool spoiled)
{
	for (unsigned int i = 0; i < MAX_RETURNS; i++) {
		enum end end;

		ticks = 0;
		while (ioctl(vm->vcpu, VTR_VCPU_RUN, 0)) {
			if (errno != EINTR) {
				printf("# guest %lu: RUN: %s\n", number, strerror(errno));
				return END_BAD;
			}
			if (ticks > MAX_TICKS)
				return END_CLOCK;
		}
		end = answer(vm, random, number, spoiled);
		if (end != NR_ENDS)
			return end;
		vm->run->request_window = one_in(random, 8);
	}
	return END_RETURNS;
}

static enum end one_guest(struct vm *vm, unsigned long number)
{
	struct random random = { seed << 32 ^ number };
	enum guest_mode mode = number % MODES;
	bool spoiled = number / MODES % 4 == 3;
	int error = set_up(vm, &random, mode, spoiled);
	enum end end = END_REFUSED;

	if (error && (error != EINVAL || !spoiled)) {
		printf("# guest %lu (%s): SET_STATE: %s\n", number, guest_mode_name(mode),
		       strerror(error));
		end = END_BAD;
	}
	if (!error)
		end = live(vm, &random, number, spoiled);
	counts[mode][spoiled][end]++;
	if (verbose || end == END_BAD)
		printf("# guest %lu (%s%s): %s, last RIP 0x%llx, exit %u %s\n", number,
		       guest_mode_name(mode), spoiled ? ", spoiled" : "", end_names[end],
		       (unsigned long long)vm->run->rip, vm->run->exit,
		       end == END_STOPPED ? vm->run->sentence : "");
	return end;
}

/* ---- the program -------------------------------------------------------------------------- */

static void start_clock(void)
{
	struct sigaction action = { .sa_handler = tick };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	long ns = TICK_NS * fuzz_patience();
	struct itimerspec every = { .it_value.tv_nsec = ns, .it_interval.tv_nsec = ns };
	timer_t timer;

	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &every, NULL))
		die("clock");
}

/* A guest may keep its processor; the rescuer needs the other one. */
static void take_last_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void report(unsigned long guests)
{
	printf("# seed 0x%llx: %lu guests\n", (unsigned long long)seed, guests);
	for (enum end end = 0; end < NR_ENDS; end++) {
		unsigned int total = 0;

		for (unsigned int mode = 0; mode < MODES; mode++)
			total += counts[mode][0][end] + counts[mode][1][end];
		printf("# %6u %s:", total, end_names[end]);
		for (unsigned int mode = 0; mode < MODES; mode++)
			printf(" %s %u+%u,", guest_mode_name(mode), counts[mode][0][end],
			       counts[mode][1][end]);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	unsigned long guests = 1000, first = 0, bad = 0;
	struct vm vm = {};
	unsigned int rescued;
	int c;

	while ((c = getopt(argc, argv, "s:n:g:v")) != -1) {
		switch (c) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			guests = strtoul(optarg, NULL, 0);
			break;
		case 'g':
			first = strtoul(optarg, NULL, 0);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			fputs("usage: guest_fuzz [-s SEED] [-n GUESTS] [-g FIRST] [-v]\n", stderr);
			return 2;
		}
	}
	rescue_start();
	take_last_processor();
	vm.memory = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	vm.device = open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC);
	if (vm.device < 0 || vm.memory == MAP_FAILED)
		die(VTR_DEVICE_PATH);
	open_vm(&vm);
	start_clock();
	for (unsigned long number = first; number < first + guests; number++) {
		enum end end = one_guest(&vm, number);

		bad += end == END_BAD;
		/* A dead VM cannot be used again; an old one has had enough. */
		if (end == END_STOPPED || end == END_BAD || ++vm.guests == GUESTS_A_VM) {
			close_vm(&vm);
			open_vm(&vm);
		}
	}
	close_vm(&vm);
	rescued = rescue_stop();
	report(guests);
	if (bad)
		printf("# repeat one: guest_fuzz -s 0x%llx -g NUMBER -n 1 -v\n",
		       (unsigned long long)seed);
	printf("# processors rescued from a guest: %u\n", rescued);
	return bad != 0;
}
