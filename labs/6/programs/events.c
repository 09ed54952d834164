// SPDX-License-Identifier: GPL-2.0-only
/*
 * events GUEST.elf CASE...: what a machine around a vCPU does about events.
 *
 * The grader's scenes (labs/6/tests.py) run it in the nested machine.  The guest
 * (labs/6/guests/events.S) asks for its events itself, by writing to ports: this
 * program is its interrupt controller, its timer, and the hand that takes pages
 * out of the second-level tables.  Each case runs on a vCPU of its own, from
 * _start with the case's number in RDI, so one that goes wrong spoils no other.
 * Nothing that is printed here gives points.
 *
 * Subtle: an interrupt that the guest cannot take is kept here, and the module
 * is asked for the interrupt window; the module never keeps one.
 * Read next: userspace-tool/lib/libvitrine.h for the calls.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "libvitrine.h"

/* Ports; events.S has the same list. */
enum {
	SAY	 = 0xe0,	/* nothing: only to be seen from outside */
	RAISE	 = 0xe1,	/* an event, before the next entry */
	AT_FAULT = 0xe2,	/* the same at the next second-level fault */
	AT_HALT	 = 0xe3,	/* the same when the guest halts */
	FORGET	 = 0xe4,	/* take a page out of the second-level tables */
	TIMER	 = 0xe5,	/* interrupt (vector in 7:0) each (31:8) us; 0: off */
	IN_FLIGHT = 0xe6,	/* this event is in flight when the next RDMSR faults, once */
	STALE	 = 0xe7,	/* put an interrupt in flight that the guest cannot take */
	DONE	 = 0xe8,	/* the case is over */
	HANDLED	 = 0xe9,	/* nothing: a handler has kept its log */
};

#define MSR_ASKED	0x4b564d00	/* comes up to this program */
#define GUEST_BYTES	(4ul << 20)
#define HUGE_BYTES	(2ul << 20)	/* a huge page of the host */
#define CASE_US		60000		/* then a case is given up */
#define BY_FETCH	4		/* of the qualification of a second-level fault */
#define QUEUE_LENGTH	8

/* Guest physical addresses in front of the guest, which begins at 1 MiB. */
#define GDT_AT		0x1000
#define PML4_AT		0x2000
#define PDPT_AT		0x3000
#define PD_AT		0x4000

struct box {
	struct vtr_vm *vm;
	struct vtr_vcpu *vcpu;
	struct vtr_run *run;
	uint8_t *memory;
	uint64_t entry;
	struct vtr_event queue[QUEUE_LENGTH];	/* wait for the guest, in order */
	unsigned int waiting;
	struct vtr_event at_fault, at_halt, in_flight;
	bool stale;				/* the next entry is to fail */
};

/* For the signal handlers: the run page of the vCPU that runs. */
static struct vtr_run *volatile running;
static volatile sig_atomic_t ticks, timed_out;
static unsigned int timer_us;
static uint8_t timer_vector;

static void die(const char *what)
{
	fprintf(stderr, "events: %s: %s\n", what, vtr_last_error());
	exit(1);
}

/* ---- time ----------------------------------------------------------------------------- */

static void on_tick(int signal)
{
	(void)signal;
	ticks++;
	if (running)
		running->immediate_exit = 1;
}

static void on_time_out(int signal)
{
	(void)signal;
	timed_out = 1;
	if (running)
		running->immediate_exit = 1;
}

static timer_t make_timer(int signal, void (*handler)(int))
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };
	struct sigaction action = { .sa_handler = handler };
	timer_t timer;

	sigaction(signal, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		die("timer_create");
	return timer;
}

static void set_timer(timer_t timer, unsigned int us, bool again)
{
	struct itimerspec spec = { .it_value = { us / 1000000, us % 1000000 * 1000 } };

	if (again)
		spec.it_interval = spec.it_value;
	timer_settime(timer, 0, &spec, NULL);
}

/* ---- the guest's memory and its first state --------------------------------------------- */

static void load_guest(struct box *box, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head))
		die(path);
	for (unsigned int i = 0; i < head.e_phnum; i++) {
		off_t at = head.e_phoff + i * head.e_phentsize;

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			die(path);
		if (part.p_type != PT_LOAD)
			continue;
		if (part.p_paddr + part.p_memsz > GUEST_BYTES ||
		    pread(fd, box->memory + part.p_paddr, part.p_filesz, part.p_offset) !=
		    (ssize_t)part.p_filesz)
			die(path);
	}
	box->entry = head.e_entry;
	close(fd);
}

/* A flat descriptor table, and the first 4 MiB mapped as they are. */
static void write_tables(uint8_t *memory)
{
	static const uint64_t gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
	uint64_t *pd = (void *)(memory + PD_AT);

	memcpy(memory + GDT_AT, gdt, sizeof(gdt));
	*(uint64_t *)(memory + PML4_AT) = PDPT_AT | 3;
	*(uint64_t *)(memory + PDPT_AT) = PD_AT | 3;
	for (uint64_t i = 0; i < GUEST_BYTES >> 21; i++)
		pd[i] = i << 21 | 0x83;
}

static void set_long_mode(struct box *box, unsigned int number)
{
	const struct vtr_segment data = { .limit = ~0u, .selector = 0x10, .attributes = 0xc93 };
	struct vtr_regs regs = { .rip = box->entry, .rflags = 2 };
	struct vtr_sregs s;

	if (vtr_get_sregs(box->vcpu, &s))
		die("state");
	for (unsigned int i = 0; i < VTR_NR_SEGS; i++)
		if (i != VTR_LDTR && i != VTR_TR)
			s.seg[i] = data;
	s.seg[VTR_CS] = (struct vtr_segment) {
		.limit = ~0u, .selector = 0x08, .attributes = 0xa9b,
	};
	s.seg[VTR_TR] = (struct vtr_segment) {
		.limit = 0x67, .selector = 0x20, .attributes = 0x08b,
	};
	s.seg[VTR_LDTR] = (struct vtr_segment) { .unusable = 1 };
	s.gdtr = (struct vtr_table_register) { .base = GDT_AT, .limit = 23 };
	s.cr0 = 0x80000011;
	s.cr3 = PML4_AT;
	s.cr4 = 0x20;
	s.efer = 0x500;
	regs.gpr[VTR_RDI] = number;
	if (vtr_set_sregs(box->vcpu, &s) || vtr_set_regs(box->vcpu, &regs))
		die("state");
}

/*
 * Guest memory that forget() can take from the guest page by page.  The host's
 * mprotect() lets go of a whole huge page, were it only possible that there is
 * one (its __split_huge_pmd()); where the memory happened to lie would decide
 * which deliveries exit.  So begin one page behind a huge page's boundary: the
 * first huge page does not belong to the mapping as a whole.
 */
static uint8_t *map_memory(void)
{
	uint8_t *room = mmap(NULL, GUEST_BYTES + 2 * HUGE_BYTES, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *memory;

	if (room == MAP_FAILED)
		die("memory");
	memory = room + HUGE_BYTES - (uintptr_t)room % HUGE_BYTES + 4096;
	if (mprotect(memory, GUEST_BYTES, PROT_READ | PROT_WRITE))
		die("memory");
	return memory;
}

static void make_vm(struct box *box, const char *path)
{
	const struct vtr_msr_range asked = {
		.first = MSR_ASKED, .count = 1, .flags = VTR_MSR_READ,
	};
	struct vtr_dev *dev;

	box->memory = map_memory();
	load_guest(box, path);
	write_tables(box->memory);
	if (vtr_open(NULL, &dev) || vtr_vm_create(dev, "events", 0, VTR_IRQCHIP_USER, &box->vm) ||
	    vtr_vm_set_msr_filter(box->vm, &asked, 1) ||
	    vtr_vm_set_slot(box->vm, 0, 0, box->memory, GUEST_BYTES, 0))
		die("the VM");
}

/* ---- events ------------------------------------------------------------------------------ */

/* The word: vector 7:0, kind 11:8, error code valid 12; error code or length 31:16. */
static struct vtr_event event_of(uint32_t word)
{
	struct vtr_event event = {
		.kind = word >> 8 & 0xf, .vector = word, .has_error = word >> 12 & 1,
	};

	if (event.has_error)
		event.error = word >> 16;
	else
		event.insn_bytes = word >> 16;
	return event;
}

static void enqueue(struct box *box, struct vtr_event event)
{
	if (event.kind && box->waiting < QUEUE_LENGTH)
		box->queue[box->waiting++] = event;
}

/* Hand on what the guest can take now; for an interrupt that must wait, ask for the window. */
static void deliver(struct box *box)
{
	unsigned int kept = 0;

	box->run->request_window = 0;
	for (unsigned int i = 0; i < box->waiting; i++) {
		int ret = vtr_vcpu_inject(box->vcpu, &box->queue[i]);

		if (ret == -EINVAL)
			die("an impossible event");
		if (!ret)
			continue;
		if (box->queue[i].kind == VTR_EVENT_INTERRUPT)
			box->run->request_window = 1;
		box->queue[kept++] = box->queue[i];
	}
	box->waiting = kept;
}

/* Out of the second-level tables; what is in the page stays. */
static void forget(struct box *box, uint64_t gpa)
{
	uint8_t *page = box->memory + (gpa & (GUEST_BYTES - 4096));

	mprotect(page, 4096, PROT_NONE);
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void put_in_flight(struct box *box, struct vtr_event event)
{
	struct vtr_events events;

	if (vtr_get_events(box->vcpu, &events))
		die("state");
	events.in_flight = event;
	if (vtr_set_events(box->vcpu, &events))
		die("state");
}

/*
 * After the entry that STALE made fail: make the guest fit for the interrupt,
 * which must still wait.  Any other failed entry ends the case.
 */
static bool mended(struct box *box)
{
	struct vtr_regs regs;

	if (!box->stale)
		return false;
	box->stale = false;
	if (vtr_get_regs(box->vcpu, &regs))
		die("state");
	regs.rflags |= 0x200;
	if (vtr_set_regs(box->vcpu, &regs))
		die("state");
	return true;
}

/* ---- what comes up ------------------------------------------------------------------------- */

static timer_t tick_timer;

static void start_ticks(uint32_t word)
{
	timer_vector = word;
	timer_us = word >> 8;
	set_timer(tick_timer, timer_us, true);
}

static bool port_written(struct box *box, unsigned int port, uint32_t word)
{
	switch (port) {
	case RAISE:
		enqueue(box, event_of(word));
		break;
	case AT_FAULT:
		box->at_fault = event_of(word);
		vtr_vcpu_debug(box->vcpu, VTR_DEBUG_STEP_EXIT);
		break;
	case AT_HALT:
		box->at_halt = event_of(word);
		break;
	case FORGET:
		forget(box, word);
		break;
	case TIMER:
		start_ticks(word);
		break;
	case IN_FLIGHT:
		box->in_flight = event_of(word);
		break;
	case STALE:
		put_in_flight(box, event_of(word));
		box->stale = true;
		break;
	case DONE:
		return false;
	}
	return true;
}

/* The guest waits: for the event of AT_HALT, or for the timer. */
static bool halted(struct box *box)
{
	if (box->at_halt.kind) {
		enqueue(box, box->at_halt);
		box->at_halt.kind = VTR_EVENT_NONE;
		return true;
	}
	if (!timer_us || box->waiting)
		return box->waiting;
	while (!ticks && !timed_out)
		usleep(timer_us);
	return true;
}

/* A step ends behind each exit; it is the second-level fault of the guest's data that counts. */
static void stepped(struct box *box)
{
	if (box->run->hw_kind != VTR_HW_SLAT || box->run->hw_qualification & BY_FETCH)
		return;
	enqueue(box, box->at_fault);
	box->at_fault.kind = VTR_EVENT_NONE;
	vtr_vcpu_debug(box->vcpu, 0);
}

/* Return: false: the case is over, well or not. */
static bool once(struct box *box, unsigned int number)
{
	struct vtr_run *run = box->run;
	int ret;

	for (; ticks; ticks--)
		enqueue(box, (struct vtr_event) {
			.kind = VTR_EVENT_INTERRUPT, .vector = timer_vector,
		});
	deliver(box);
	ret = vtr_vcpu_run(box->vcpu);
	run->immediate_exit = 0;
	if (timed_out || (ret && ret != -EINTR)) {
		fprintf(stderr, "events: case %u ends at RIP 0x%llx without being done\n", number,
			(unsigned long long)run->rip);
		return false;
	}
	if (ret)
		return true;
	switch (run->exit) {
	case VTR_EXIT_IO:
		return run->io.is_in || port_written(box, run->io.port, run->io.data);
	case VTR_EXIT_HLT:
		return halted(box);
	case VTR_EXIT_DEBUG:
		stepped(box);
		return true;
	case VTR_EXIT_MSR:
		if (box->in_flight.kind)
			put_in_flight(box, box->in_flight);
		run->msr.fault = box->in_flight.kind != VTR_EVENT_NONE;
		box->in_flight.kind = VTR_EVENT_NONE;
		return true;
	case VTR_EXIT_WINDOW:
	case VTR_EXIT_IMMEDIATE:
		return true;
	case VTR_EXIT_FAIL_ENTRY:
		if (mended(box))
			return true;
		break;
	}
	fprintf(stderr, "events: case %u: exit %u: %s\n", number, run->exit, run->sentence);
	return false;
}

static void run_case(struct box *box, unsigned int number, timer_t watchdog)
{
	if (vtr_vcpu_create(box->vm, number, number, &box->vcpu))
		die("a vCPU");
	box->run = vtr_vcpu_page(box->vcpu);
	box->waiting = 0;
	box->at_fault.kind = box->at_halt.kind = box->in_flight.kind = VTR_EVENT_NONE;
	box->stale = false;
	set_long_mode(box, number);
	running = box->run;
	set_timer(watchdog, CASE_US, true);
	while (once(box, number))
		continue;
	set_timer(watchdog, 0, false);
	start_ticks(0);
	running = NULL;
	ticks = timed_out = 0;
}

int main(int argc, char **argv)
{
	timer_t watchdog = make_timer(SIGALRM, on_time_out);
	struct box box = {};

	if (argc < 3) {
		fprintf(stderr, "usage: events GUEST.elf CASE...\n");
		return 2;
	}
	tick_timer = make_timer(SIGUSR1, on_tick);
	make_vm(&box, argv[1]);
	for (int i = 2; i < argc; i++)
		run_case(&box, strtoul(argv[i], NULL, 0), watchdog);
	return 0;
}
