// SPDX-License-Identifier: GPL-2.0-only
/*
 * apic GUEST.elf CASE...: a machine with two vCPUs and the module's interrupt
 * controllers.
 *
 * The grader's scenes (labs/7/tests.py) run it in the nested machine.  The guest
 * (labs/7/guests/apic.S) says by ports what devices are to do and which vCPU is to
 * run next: the two take turns in one thread, so a run goes the same way each time.
 * Each case has a VM of its own; its first vCPU begins at _start with the case's
 * number in RDI, the second one waits for a start-up IPI, as on each PC.
 * Nothing that is printed here gives points.
 *
 * Subtle: RUN of a vCPU that halts sleeps in the module.  A vCPU that has not come
 * back after REST_US rests, and the next message of REST_MSI is sent.
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

/* Ports; apic.inc has the same list. */
enum {
	SAY	 = 0xe0,	/* nothing: only to be seen from outside */
	OTHER	 = 0xe1,	/* the other vCPU's turn, until it says so, too, or rests */
	START	 = 0xe2,	/* the second one begins at _start, without start-up IPI */
	MSI	 = 0xe3,	/* vector 7:0, mode 10:8, assert 14, level 15, APIC id 31:24 */
	REST_MSI = 0xe4,	/* the same as soon as the vCPU rests; they queue up */
	LINE	 = 0xe5,	/* interrupt line 7:0 to the level of bit 8 */
	NAP	 = 0xe6,	/* so many microseconds later */
	DONE	 = 0xe8,	/* the case is over */
	HANDLED	 = 0xe9,	/* nothing: a handler has begun */
};

#define GUEST_BYTES	(4ul << 20)
#define REST_US		20000		/* a vCPU that does not come back so long rests */
#define CASE_RESTS	6		/* then a case is given up */
#define CASE_TOLD	100		/* and after so many words: a storm of interrupts */
#define QUEUE_LENGTH	4

/* Guest physical addresses in front of the guest, which begins at 1 MiB. */
#define GDT_AT		0x1000
#define PML4_AT		0x2000
#define PDPT_AT		0x3000
#define PD_AT		0x4000
#define HIGH_PD_AT	0x5000		/* maps the fourth GiB, where the controllers are */
#define HIGH_AT		0xc0000000ul
#define LOCAL_APIC	0xfee00000ul

struct box {
	struct vtr_dev *dev;
	struct vtr_vm *vm;
	struct vtr_vcpu *vcpu[2];
	uint8_t *memory;
	uint64_t entry;
	unsigned int number;			/* of the case */
	unsigned int turn;			/* of vCPU 0 or 1 */
	unsigned int rests;			/* of vCPU 0, with nothing to come */
	unsigned int told;			/* words at ports */
	uint32_t queue[QUEUE_LENGTH];		/* words of REST_MSI, in order */
	unsigned int waiting;
};

/* For the signal handler: the run page of the vCPU that runs. */
static struct vtr_run *volatile running;
static volatile sig_atomic_t rested;

static void die(const char *what)
{
	fprintf(stderr, "apic: %s: %s\n", what, vtr_last_error());
	exit(1);
}

/* ---- time ----------------------------------------------------------------------------- */

static void on_rest(int signal)
{
	(void)signal;
	rested = 1;
	if (running)
		running->immediate_exit = 1;
}

static timer_t make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct sigaction action = { .sa_handler = on_rest };
	timer_t timer;

	sigaction(SIGALRM, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		die("timer_create");
	return timer;
}

static void set_timer(timer_t timer, unsigned int us)
{
	struct itimerspec spec = { .it_value = { 0, us * 1000 } };

	timer_settime(timer, 0, &spec, NULL);
}

static void nap(unsigned int us)
{
	struct timespec rest = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&rest, &rest) && errno == EINTR)
		continue;
}

/* ---- the guest's memory and first state --------------------------------------------------- */

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

/* A flat descriptor table; the first 4 MiB and the fourth GiB mapped as they are. */
static void write_tables(uint8_t *memory)
{
	static const uint64_t gdt[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
	uint64_t *pd = (void *)(memory + PD_AT), *high = (void *)(memory + HIGH_PD_AT);

	memcpy(memory + GDT_AT, gdt, sizeof(gdt));
	*(uint64_t *)(memory + PML4_AT) = PDPT_AT | 3;
	((uint64_t *)(memory + PDPT_AT))[0] = PD_AT | 3;
	((uint64_t *)(memory + PDPT_AT))[HIGH_AT >> 30] = HIGH_PD_AT | 3;
	for (uint64_t i = 0; i < GUEST_BYTES >> 21; i++)
		pd[i] = i << 21 | 0x83;
	for (uint64_t i = 0; i < 512; i++)
		high[i] = (HIGH_AT + (i << 21)) | 0x9b;
}

static void set_long_mode(struct box *box, unsigned int id)
{
	const struct vtr_segment data = { .limit = ~0u, .selector = 0x10, .attributes = 0xc93 };
	struct vtr_regs regs = { .rip = box->entry, .rflags = 2 };
	struct vtr_vcpu *vcpu = box->vcpu[id];
	struct vtr_events events;
	struct vtr_sregs s;

	if (vtr_get_sregs(vcpu, &s) || vtr_get_events(vcpu, &events))
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
	regs.gpr[VTR_RDI] = box->number;
	regs.gpr[VTR_RSI] = id;
	events.activity = VTR_ACTIVE;
	if (vtr_set_sregs(vcpu, &s) || vtr_set_regs(vcpu, &regs) || vtr_set_events(vcpu, &events))
		die("state");
}

static void make_vm(struct box *box, const char *path)
{
	memset(box->memory, 0, GUEST_BYTES);
	load_guest(box, path);
	write_tables(box->memory);
	if (vtr_vm_create(box->dev, NULL, 0, VTR_IRQCHIP_MODULE, &box->vm) ||
	    vtr_vm_set_slot(box->vm, 0, 0, box->memory, GUEST_BYTES, 0) ||
	    vtr_vcpu_create(box->vm, 0, ID0, &box->vcpu[0]) ||
	    vtr_vcpu_create(box->vm, 1, ID1, &box->vcpu[1]))
		die("the VM");
	set_long_mode(box, 0);
}

/* ---- what comes up ------------------------------------------------------------------------- */

static void send(struct box *box, uint32_t word)
{
	if (vtr_vm_send_msi(box->vm, LOCAL_APIC | (word >> 24) << 12, word & 0xffff))
		die("a message");
}

/* Return: false: the case is over. */
static bool port_written(struct box *box, unsigned int port, uint32_t word)
{
	switch (port) {
	case OTHER:
		box->turn ^= 1;
		break;
	case START:
		set_long_mode(box, 1);
		break;
	case MSI:
		send(box, word);
		break;
	case REST_MSI:
		if (box->waiting < QUEUE_LENGTH)
			box->queue[box->waiting++] = word;
		break;
	case LINE:
		if (vtr_vm_irq_line(box->vm, word & 0xff, word >> 8 & 1))
			die("a line");
		break;
	case NAP:
		nap(word);
		break;
	case DONE:
		return false;
	}
	return true;
}

/* The vCPU whose turn it is rests.  Return: false: nothing will ever end that. */
static bool at_rest(struct box *box)
{
	if (box->waiting) {
		send(box, box->queue[0]);
		box->waiting--;
		memmove(box->queue, box->queue + 1, box->waiting * sizeof(box->queue[0]));
		return true;
	}
	if (box->turn) {
		box->turn = 0;
		return true;
	}
	return ++box->rests < CASE_RESTS;
}

/* Return: false: the case is over, well or not. */
static bool once(struct box *box, timer_t timer)
{
	struct vtr_vcpu *vcpu = box->vcpu[box->turn];
	struct vtr_run *run = vtr_vcpu_page(vcpu);
	int ret;

	running = run;
	set_timer(timer, REST_US);
	ret = vtr_vcpu_run(vcpu);
	set_timer(timer, 0);
	running = NULL;
	run->immediate_exit = 0;
	if (rested) {
		rested = 0;
		if (ret || run->exit != VTR_EXIT_IO)
			return at_rest(box);
	}
	if (ret == -EINTR || (!ret && run->exit == VTR_EXIT_IMMEDIATE))
		return true;
	if (!ret && run->exit == VTR_EXIT_IO)
		return ++box->told < CASE_TOLD && port_written(box, run->io.port, run->io.data);
	fprintf(stderr, "apic: case %u, vCPU %u: exit %u: %s\n", box->number, box->turn, run->exit,
		ret ? vtr_last_error() : run->sentence);
	return false;
}

static void run_case(struct box *box, const char *path, unsigned int number, timer_t timer)
{
	box->number = number;
	box->turn = box->rests = box->told = box->waiting = 0;
	make_vm(box, path);
	while (once(box, timer))
		continue;
	if (box->rests == CASE_RESTS)
		fprintf(stderr, "apic: case %u: the first vCPU sleeps and nothing wakes it\n",
			number);
	for (unsigned int id = 0; id < 2; id++)
		vtr_vcpu_destroy(box->vcpu[id]);
	vtr_vm_destroy(box->vm);
}

int main(int argc, char **argv)
{
	timer_t timer = make_timer();
	struct box box = {};

	if (argc < 3) {
		fprintf(stderr, "usage: apic GUEST.elf CASE...\n");
		return 2;
	}
	box.memory = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	if (box.memory == MAP_FAILED || vtr_open(NULL, &box.dev))
		die("no VM");
	for (int i = 2; i < argc; i++)
		run_case(&box, argv[1], strtoul(argv[i], NULL, 0), timer);
	return 0;
}
