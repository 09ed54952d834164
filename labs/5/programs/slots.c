// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lab 5: makes VMs, lets a guest touch memory, and stops the emulator for a look
 * from outside at each step.
 *
 *	slots pages|readonly|large|log|sparse|moved
 *
 * The scenes of labs/5/tests.py and labs/5/staff/hidden.py run it; addresses and
 * orders come from there as macros.  Nothing that it prints or returns gives points: at a
 * mark it hands over the address of told[], from which the observer finds its pages.
 * The guest works off a list in its memory: read, write, or call an address.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "vm.h"

#define LIST_AT		0x10000
#define PDPT_FAR_AT	0x20000		/* the guest's tables for 512 GiB and up */
#define LARGE		(2 * MB)
#define GB		(1024 * MB)
#define RET		0xc3
#define MARK		0x7672746d61726b00ull

/* Entries are pairs: an address with the kind of access in its lowest bits; a value. */
#define GUEST_READ	0
#define GUEST_WRITE	1
#define GUEST_CALL	2
GUEST(works_off_a_list, 64,
      "1: mov $0x10000, %rsi\n"
      "2: mov (%rsi), %rax\n mov 8(%rsi), %rcx\n add $16, %rsi\n"
      "test %rax, %rax\n jz 5f\n"
      "btr $0, %rax\n jc 3f\n btr $1, %rax\n jc 4f\n"
      "mov (%rax), %rcx\n mov %rcx, -8(%rsi)\n jmp 2b\n"
      "3: mov %rcx, (%rax)\n jmp 2b\n"
      "4: call *%rax\n jmp 2b\n"
      "5: hlt\n jmp 1b");

/* What the observer reads; labs/5/tests.py knows the places by the same names. */
enum { MEMORY, OTHER, GOT, TOLD_WORDS = 512 };

static uint64_t told[TOLD_WORDS] __attribute__((aligned(4096)));
static struct vcpu *vcpu;
static struct vm *vm;
static uint64_t list[2 * 2000];
static unsigned int in_list, last_mark;
static bool in_sparse;			/* a long list */
static bool without_memory;		/* accesses where none is are part of the plan */

static void mark(unsigned int number)
{
	last_mark = number;
	asm volatile("xchg %%bx, %%bx" : : "a"(MARK | number), "d"(told) : "memory");
}

/* So that pages are there, differ, and can be called. */
static void fill(uint8_t *memory, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += 4096) {
		memset(memory + at, RET, 8);
		*(uint64_t *)(memory + at + 8) = at;
	}
}

static volatile bool late;

static void time_is_up(int signal)
{
	late = signal;
}

/*
 * A guest that faults for ever must not run for ever.  In this machine time is a
 * matter of instructions, and a list needs a third of this.
 */
static void limit_time(void)
{
	struct itimerval limit = { .it_value.tv_usec = in_sparse ? 500000 : 100000 };
	struct sigaction action = { .sa_handler = time_is_up };

	late = false;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
}

/* The guest maps the GiB around @gpa to the same addresses, by one large page. */
static void map_far(uint64_t gpa)
{
	uint64_t *pml4 = (void *)(vm->mem + PML4_AT), *far = (void *)(vm->mem + PDPT_FAR_AT);

	pml4[gpa / (512 * GB)] = PDPT_FAR_AT | 3;
	far[gpa / GB % 512] = (gpa & ~(GB - 1)) | 0x83;
}

static void make_vm(void)
{
	vcpu = start_guest(&guest_works_off_a_list, 64, 0);
	vm = vcpu->vm;
	/* Tables and list of the guest are there before it runs. */
	fill(vm->mem + DATA_AT, MB);
}

static void list_add(uint64_t address, unsigned int kind, uint64_t value)
{
	list[2 * in_list] = address | kind;
	list[2 * in_list++ + 1] = value;
}

/* Return: did the guest come to the end of its list? */
static bool go_on(void)
{
	int failed;

	limit_time();
	do
		failed = run_once(vcpu);
	while (failed && errno == EINTR && !late);
	if (failed)
		fprintf(stderr, "RUN: %s\n", strerror(errno));
	else if (vcpu->run->exit == VTR_EXIT_HLT)
		return true;
	else if (vcpu->run->exit != VTR_EXIT_MMIO || !without_memory)
		fprintf(stderr, "RUN ends with exit %u at 0x%llx\n", vcpu->run->exit,
			(unsigned long long)vcpu->run->mmio.gpa);
	return false;
}

static bool list_run(void)
{
	list_add(0, 0, 0);
	memcpy(vm->mem + LIST_AT, list, in_list * 16);
	in_list = 0;
	return go_on();
}

/* If it doesn't, there is a last look at how far it came. */
static void must_run(void)
{
	if (list_run())
		return;
	mark(last_mark + 1);
	exit(1);
}

/* Memory at an address that never fits a large leaf for @gpa. */
static uint8_t *map_small(uint64_t gpa, uint64_t bytes)
{
	uint8_t *memory = map_memory(bytes + 2 * LARGE);
	uint64_t wrong = (gpa + 4096) % LARGE;

	memory = (uint8_t *)(((uintptr_t)memory + LARGE - 1) & ~(LARGE - 1)) + wrong;
	return memory;
}

/* An order that follows from the seed: the numbers below COUNT, each once. */
static unsigned int nth(unsigned int i, unsigned int count, unsigned int factor)
{
	return (uint64_t)i * factor % count;
}

/* ---- pages: violations, entries, frames ---------------------------------------------- */

static void walk_at(uint64_t gpa, unsigned int number)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = gpa };

	ioctl(vm->fd, VTR_VM_WALK, &walk);
	memcpy(&told[GOT + number * sizeof(walk) / 8], &walk, sizeof(walk));
}

static void pages(void)
{
	uint8_t *memory;

	make_vm();
	map_far(PAGES_AT);
	memory = map_small(PAGES_AT, PAGES * 4096);
	told[MEMORY] = (uintptr_t)memory;
	fill(memory, (PAGES - 1) * 4096);
	MUST(set_slot(vm, 1, PAGES_AT, PAGES * 4096, memory, 0));
	must_run();		/* the guest's own pages are mapped from here on */
	mark(1);
	for (unsigned int i = 0; i < TOUCHED; i++)
		list_add(PAGES_AT + nth(i, PAGES - 1, FACTOR) * 4096 + (i % 3 == 2 ? 0 : 8), i % 3,
			 WORD + i);
	/* Once more: no reason to exit. */
	for (unsigned int i = 0; i < TOUCHED; i++)
		list_add(PAGES_AT + nth(i, PAGES - 1, FACTOR) * 4096 + 8, GUEST_READ, 0);
	must_run();
	mark(2);
	/* The last page was never written to: the host shows its page of zeroes. */
	list_add(PAGES_AT + (PAGES - 1) * 4096 + 8, GUEST_READ, 0);
	must_run();
	mark(3);
	list_add(PAGES_AT + (PAGES - 1) * 4096 + 8, GUEST_WRITE, WORD);
	list_add(PAGES_AT + (PAGES - 1) * 4096 + 8, GUEST_READ, 0);
	must_run();
	mark(4);
	walk_at(PAGES_AT + nth(0, PAGES - 1, FACTOR) * 4096 + 0x123, 0);
	walk_at(PAGES_AT + nth(1, PAGES - 1, FACTOR) * 4096, 1);
	walk_at(PAGES_AT - LARGE, 2);		/* no level 1 there */
	walk_at(PAGES_AT ^ GB, 3);		/* no level 2 */
	walk_at(PAGES_AT + nth(TOUCHED, PAGES - 1, FACTOR) * 4096, 4);	/* no leaf */
	walk_at(CODE_AT, 5);
	mark(5);
}

/* ---- readonly: rights, what a guest may not write ----------------------------------- */

static void readonly(void)
{
	uint8_t *memory;

	make_vm();
	map_far(ROM_AT);
	memory = map_small(ROM_AT, ROM_PAGES * 4096);
	told[MEMORY] = (uintptr_t)memory;
	fill(memory, ROM_PAGES * 4096);
	MUST(set_slot(vm, 1, ROM_AT, ROM_PAGES * 4096, memory, VTR_SLOT_READONLY));
	must_run();
	mark(1);
	list_add(ROM_AT + 8, GUEST_READ, 0);
	list_add(ROM_AT + 4096, GUEST_CALL, 0);
	list_add(ROM_AT + 2 * 4096 + 8, GUEST_READ, 0);
	must_run();
	mark(2);
	list_add(ROM_AT + 8, GUEST_WRITE, WORD);
	list_add(ROM_AT + 3 * 4096 + 8, GUEST_WRITE, WORD);
	list_add(ROM_AT + 8, GUEST_READ, 0);
	/* Each write comes up as one to a device, which ignores it. */
	without_memory = true;
	if (!list_run())
		for (unsigned int i = 0; i < 3 && vcpu->run->exit == VTR_EXIT_MMIO; i++)
			go_on();
	mark(3);
}

/* ---- large: 2 MiB leaves ---------------------------------------------------------------- */

static uint8_t *map_huge(uint64_t bytes)
{
	return (void *)MUST(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0));
}

static void touch_large(uint64_t at, unsigned int kind)
{
	for (unsigned int i = 0; i < 6; i++)
		list_add(at + nth(i + 1, 511, FACTOR) * 4096 + 8, kind, WORD + i);
}

static void large(void)
{
	uint8_t *huge, *other, *small;

	make_vm();
	map_far(LARGE_AT);
	huge = map_huge(2 * LARGE);
	other = map_huge(2 * LARGE);
	small = map_memory(2 * LARGE);
	small = (uint8_t *)(((uintptr_t)small + LARGE - 1) & ~(LARGE - 1));
	fill(huge, 2 * LARGE);
	fill(other, 2 * LARGE);
	fill(small, LARGE);
	told[MEMORY] = (uintptr_t)huge;
	told[OTHER] = (uintptr_t)other;
	told[GOT] = (uintptr_t)small;
	/* One huge page and a half; one page out of step; small pages that are in step. */
	MUST(set_slot(vm, 1, LARGE_AT, LARGE + LARGE / 2, huge, 0));
	MUST(set_slot(vm, 2, LARGE_AT + 2 * LARGE, LARGE, other + 4096, 0));
	MUST(set_slot(vm, 3, LARGE_AT + 4 * LARGE, LARGE, small, 0));
	must_run();
	mark(1);
	touch_large(LARGE_AT, GUEST_WRITE);
	list_add(LARGE_AT + LARGE + 8, GUEST_WRITE, WORD);
	list_add(LARGE_AT + LARGE + 3 * 4096 + 8, GUEST_READ, 0);
	touch_large(LARGE_AT + 2 * LARGE, GUEST_READ);
	touch_large(LARGE_AT + 4 * LARGE, GUEST_READ);
	must_run();
	mark(2);
	MUST(set_slot(vm, 1, LARGE_AT, LARGE + LARGE / 2, huge, VTR_SLOT_DIRTY_LOG));
	mark(3);
	list_add(LARGE_AT + nth(1, 511, FACTOR) * 4096 + 8, GUEST_WRITE, WORD);
	list_add(LARGE_AT + nth(2, 511, FACTOR) * 4096 + 8, GUEST_READ, 0);
	must_run();
	mark(4);
	MUST(set_slot(vm, 1, LARGE_AT, LARGE + LARGE / 2, huge, 0));
	list_add(LARGE_AT + 8, GUEST_READ, 0);
	must_run();
	mark(5);
}

/* ---- log: which pages have been written to ---------------------------------------------- */

static void dirty(unsigned long call)
{
	struct vtr_dirty args = {
		.size = sizeof(args), .slot = 1, .nr_pages = LOG_PAGES,
		.bitmap = (uintptr_t)&told[GOT],
	};

	ioctl(vm->fd, call, &args);
}

static void get_dirty(void)
{
	memset(&told[GOT], 0xff, (LOG_PAGES + 63) / 64 * 8);
	dirty(VTR_VM_GET_DIRTY);
}

static uint64_t log_page(unsigned int i)
{
	return LOG_AT + nth(i, LOG_PAGES, FACTOR) * 4096 + 8;
}

/* Pages 0 to 9 of the order are written to, 10 to 19 read, 5 to 9 read before. */
static void touch_logged(void)
{
	for (unsigned int i = 5; i < 20; i++)
		if (i < 10 || i % 2)
			list_add(log_page(i), GUEST_READ, 0);
	for (unsigned int i = 0; i < 10; i++)
		list_add(log_page(i), GUEST_WRITE, WORD + i);
	for (unsigned int i = 10; i < 20; i += 2)
		list_add(log_page(i), GUEST_CALL, 0);
}

static void writes_log(void)
{
	uint8_t *memory;

	make_vm();
	map_far(LOG_AT);
	memory = map_small(LOG_AT, LOG_PAGES * 4096);
	told[MEMORY] = (uintptr_t)memory;
	fill(memory, LOG_PAGES * 4096);
	for (unsigned int i = 10; i < 20; i += 2)
		memset(memory + nth(i, LOG_PAGES, FACTOR) * 4096 + 8, RET, 1);
	MUST(set_slot(vm, 1, LOG_AT, LOG_PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	must_run();
	mark(1);
	touch_logged();
	must_run();
	get_dirty();
	mark(2);
	/* Every second one of the written pages, and one that was only read. */
	memset(&told[GOT], 0, (LOG_PAGES + 63) / 64 * 8);
	for (unsigned int i = 0; i <= 10; i += 2) {
		uint64_t page = nth(i, LOG_PAGES, FACTOR);

		told[GOT + page / 64] |= 1ull << page % 64;
	}
	dirty(VTR_VM_CLEAR_DIRTY);
	get_dirty();
	mark(3);
	/* Of those, 0 and 4 are written to again, 2 is read; 1 and 3 still are in the log. */
	list_add(log_page(1), GUEST_WRITE, WORD);
	list_add(log_page(0), GUEST_WRITE, WORD + 100);
	list_add(log_page(2), GUEST_READ, 0);
	list_add(log_page(4), GUEST_WRITE, WORD + 104);
	list_add(log_page(3), GUEST_WRITE, WORD);
	must_run();
	get_dirty();
	mark(4);
	MUST(set_slot(vm, 1, LOG_AT, LOG_PAGES * 4096, memory, 0));
	for (unsigned int i = 20; i < 25; i++)
		list_add(log_page(i), GUEST_WRITE, WORD);
	must_run();
	mark(5);
	MUST(set_slot(vm, 1, LOG_AT, LOG_PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	get_dirty();
	mark(6);
	list_add(log_page(22), GUEST_WRITE, WORD + 22);
	list_add(log_page(23), GUEST_READ, 0);
	must_run();
	get_dirty();
	mark(7);
}

/* ---- sparse: many tables, and pages that must be free again afterwards -------------------- */

static void sparse(void)
{
	const uint64_t bytes = 64 * LARGE;
	uint8_t *memory;

	make_vm();
	in_sparse = true;
	memory = map_memory(bytes);
	MUST(set_slot(vm, 1, GB, bytes, memory, 0));
	((uint64_t *)(vm->mem + PDPT_AT))[1] = GB | 0x83;
	for (uint64_t at = 0; at < bytes; at += LARGE)
		list_add(GB + at, GUEST_WRITE, WORD);
	/* The scene's script makes the marks. */
	if (!list_run())
		exit(1);
}

/* ---- moved: the slot goes while a fault is looking its page up ------------------------------ */

static void *run_list(void *unused)
{
	list_run();
	return unused;
}

static void moved(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register watch = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	static uint8_t page[4096] __attribute__((aligned(4096)));
	struct uffdio_copy copy = { .src = (uintptr_t)page, .len = 4096 };
	struct uffd_msg message;
	uint8_t *memory;
	pthread_t thread;
	int fd;

	make_vm();
	map_far(PAGES_AT);
	memory = map_small(PAGES_AT, 16 * 4096);
	told[MEMORY] = (uintptr_t)memory;
	fd = MUST(syscall(SYS_userfaultfd, O_CLOEXEC));
	MUST(ioctl(fd, UFFDIO_API, &api));
	watch.range.start = (uintptr_t)memory;
	watch.range.len = 16 * 4096;
	MUST(ioctl(fd, UFFDIO_REGISTER, &watch));
	MUST(set_slot(vm, 1, PAGES_AT, 16 * 4096, memory, 0));
	must_run();
	mark(1);
	without_memory = true;
	list_add(PAGES_AT + 5 * 4096 + 8, GUEST_WRITE, WORD);
	pthread_create(&thread, NULL, run_list, NULL);
	/* The fault waits for the page: now the slot goes, then the page comes. */
	REQUIRE(read(fd, &message, sizeof(message)) == sizeof(message));
	MUST(set_slot(vm, 1, 0, 0, NULL, 0));
	copy.dst = (uintptr_t)memory + 5 * 4096;
	MUST(ioctl(fd, UFFDIO_COPY, &copy));
	pthread_join(thread, NULL);
	mark(2);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {
		{ "pages", pages }, { "readonly", readonly }, { "large", large },
		{ "log", writes_log }, { "sparse", sparse }, { "moved", moved },
	};

	/* Huge pages are only where a part asks for them. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	for (unsigned int i = 0; argc == 2 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(argv[1], parts[i].name))
			continue;
		parts[i].run();
		return 0;
	}
	fprintf(stderr, "usage: slots pages|readonly|large|log|sparse|moved\n");
	return 2;
}
