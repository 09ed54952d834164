// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of writes: exactly the pages that the guest has written to, and none
 * lost while guest and program race.
 *
 * The guests get a list of addresses in memory, bit 0 says "write", and go
 * through it once for each RUN; or they write without end, interrupts on,
 * because Bochs takes no host interrupt from a guest that was entered with them
 * off.  Read first: docs/memory.md "The log of writes".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runner.h"

#define LIST_AT		0x10000
#define STOP_AT		0x18000
#define BEATS_AT	0x18008
#define LOGGED_AT	(4 * MB)
#define PAGES		200	/* not a multiple of 64 */
#define WORDS		4
#define WRITE(page)	(LOGGED_AT + (page) * 4096ull + 1)
#define READ(page)	(LOGGED_AT + (page) * 4096ull)
#define HUGE		(2 * MB)

GUEST(works_off_a_list, 64,
      "1: mov $0x10000, %rsi\n"
      "2: mov (%rsi), %rax\n add $8, %rsi\n test %rax, %rax\n jz 4f\n"
      "btr $0, %rax\n jc 3f\n mov (%rax), %rbx\n jmp 2b\n"
      "3: incq (%rax)\n jmp 2b\n"
      "4: hlt\n jmp 1b");
/* Input into two pages of the slot, which the module writes for the guest. */
GUEST(reads_a_string, 64,
      "mov $0x1f0, %dx\n mov $0x403ffc, %edi\n mov $4, %ecx\n rep insw\n hlt");
/* Counts in one word, without end. */
GUEST(counts, 64,
      "sti\n"
      "1: incq 0x400000\n cmpq $0, 0x18000\n je 1b\n hlt\n jmp 1b");
/*
 * Writes increasing values to 512 pages in an order that looks random; the low
 * half of the pages belongs to one vCPU, the high half to the other.
 */
GUEST(scatters, 64,
      "sti\n"
      "mov %rdi, %rbx\n shl $20, %rbx\n add $0x400000, %rbx\n"
      "1: imul $1664525, %rcx, %rcx\n add $1013904223, %rcx\n"
      "mov %rcx, %rax\n shr $16, %rax\n and $0xff000, %rax\n"
      "inc %rdx\n mov %rdx, (%rbx,%rax)\n"
      "mov %rdx, 0x18008(,%rdi,8)\n"
      "cmpq $0, 0x18000\n je 1b\n hlt\n jmp 1b");

static struct vm *vm;
static struct vcpu *vcpu;
static uint8_t *memory;

static int dirty_call(unsigned long call, uint32_t slot, uint64_t first, uint64_t pages,
		      const void *bitmap)
{
	struct vtr_dirty args = {
		.size = sizeof(args), .slot = slot, .first_page = first, .nr_pages = pages,
		.bitmap = (uintptr_t)bitmap,
	};

	return ioctl(vm->fd, call, &args);
}

static int get(uint64_t first, uint64_t pages, uint64_t *bitmap)
{
	return dirty_call(VTR_VM_GET_DIRTY, 1, first, pages, bitmap);
}

static int clear(uint64_t first, uint64_t pages, const uint64_t *bitmap)
{
	return dirty_call(VTR_VM_CLEAR_DIRTY, 1, first, pages, bitmap);
}

/* A guest with a list, and slot 1 of PAGES pages with a log. */
static void start_logged(void)
{
	vcpu = start_guest(&guest_works_off_a_list, 64, 0);
	vm = vcpu->vm;
	memory = map_memory(PAGES * 4096);
	MUST(set_slot(vm, 1, LOGGED_AT, PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
}

static bool touch_list(const uint64_t *list, unsigned int nr)
{
	uint64_t *at = (void *)(vm->mem + LIST_AT);

	memcpy(at, list, nr * sizeof(*list));
	at[nr] = 0;
	return run_to(vcpu, VTR_EXIT_HLT);
}

#define TOUCH(...)							\
	do {								\
		const uint64_t list_[] = { __VA_ARGS__ };		\
		REQUIRE(touch_list(list_, sizeof(list_) / sizeof(*list_)));	\
	} while (0)

/* The log of the whole slot holds exactly the pages given, in rising order. */
static void expect_pages(const unsigned int *pages, unsigned int nr, int line)
{
	uint64_t words[WORDS], wanted[WORDS] = {};

	memset(words, 0xff, sizeof(words));
	MUST(get(0, PAGES, words));
	for (unsigned int i = 0; i < nr; i++)
		wanted[pages[i] / 64] |= 1ull << pages[i] % 64;
	for (unsigned int i = 0; i < WORDS; i++)
		CHECK_MSG(words[i] == wanted[i], "line %d: word %u is 0x%llx, not 0x%llx", line, i,
			  (unsigned long long)words[i], (unsigned long long)wanted[i]);
}

#define EXPECT(...)							\
	do {								\
		const unsigned int pages_[] = { __VA_ARGS__ };		\
		expect_pages(pages_, sizeof(pages_) / sizeof(*pages_), __LINE__);	\
	} while (0)
#define EXPECT_NONE()	expect_pages(NULL, 0, __LINE__)

static struct vtr_walk walk_at(uint64_t gpa)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = gpa };

	MUST(ioctl(vm->fd, VTR_VM_WALK, &walk));
	return walk;
}

/* ---- what is noted -------------------------------------------------------------- */

static void writes_are_noted_and_reads_are_not(void)
{
	start_logged();
	EXPECT_NONE();
	TOUCH(READ(0), READ(5), READ(199));
	EXPECT_NONE();
	TOUCH(WRITE(0), READ(1), WRITE(5), WRITE(63), WRITE(64), WRITE(199));
	EXPECT(0, 5, 63, 64, 199);
	/* Looking changes nothing; the host's own writes are not the guest's. */
	memory[7 * 4096] = 1;
	TOUCH(WRITE(5), READ(7));
	EXPECT(0, 5, 63, 64, 199);
	CHECK_NUM(memory[5 * 4096], 2);
}

static void what_the_module_writes_for_the_guest_is_noted(void)
{
	struct vtr_run *run;

	vcpu = start_guest(&guest_reads_a_string, 64, 0);
	vm = vcpu->vm;
	memory = map_memory(PAGES * 4096);
	MUST(set_slot(vm, 1, LOGGED_AT, PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	run = vcpu->run;
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	EXPECT_NONE();
	do {
		memset((uint8_t *)run + run->io.data_offset, 0x5a, 2 * run->io.count);
		MUST(run_once(vcpu));
	} while (run->exit == VTR_EXIT_IO);
	CHECK_NUM(run->exit, VTR_EXIT_HLT);
	EXPECT(3, 4);
	CHECK_NUM(memory[4 * 4096 - 4], 0x5a);
	CHECK_NUM(memory[4 * 4096 + 3], 0x5a);
}

static void a_cleared_page_is_noted_again(void)
{
	static const uint64_t some[WORDS] = { 1ull << 5 | 1ull << 6, 1, 0, 0 };

	start_logged();
	TOUCH(WRITE(4), WRITE(5), WRITE(64), WRITE(150));
	MUST(clear(0, PAGES, some));
	EXPECT(4, 150);
	TOUCH(READ(5), READ(64));
	EXPECT(4, 150);
	TOUCH(WRITE(64));
	EXPECT(4, 64, 150);
	TOUCH(WRITE(5));
	EXPECT(4, 5, 64, 150);
	CHECK_NUM(memory[5 * 4096], 2);
	CHECK_NUM(memory[64 * 4096], 2);
}

static void ranges_touch_nothing_else(void)
{
	uint64_t words[2] = { ~0ull, ~0ull };
	uint64_t list[PAGES + 1];

	start_logged();
	for (unsigned int page = 0; page < PAGES; page++)
		list[page] = WRITE(page);
	REQUIRE(touch_list(list, PAGES));
	/* Ten pages: the rest of the word is not said, the next one not written. */
	MUST(get(64, 10, words));
	CHECK_NUM(words[0], 0x3ff);
	CHECK_NUM(words[1], ~0ull);
	words[0] = 0x3ff;
	MUST(clear(64, 10, words));
	MUST(get(64, 64, words));
	CHECK_NUM(words[0], ~0x3ffull);
	MUST(get(0, 64, words));
	CHECK_NUM(words[0], ~0ull);
	MUST(get(192, 8, words));
	CHECK_NUM(words[0], 0xff);
}

/* Taking the bit and mapping the page without one must not go unnoticed either. */
static void the_hosts_changes_lose_nothing(void)
{
	static const uint64_t all[WORDS] = { ~0ull, ~0ull, ~0ull, 0xff };

	start_logged();
	TOUCH(WRITE(3), WRITE(9));
	MUST(clear(0, PAGES, all));
	TOUCH(WRITE(3));
	MUST(madvise(memory, PAGES * 4096, MADV_DONTNEED));
	/* The log is about writes, not about what is there. */
	EXPECT(3);
	TOUCH(READ(3), READ(9));
	EXPECT(3);
	TOUCH(WRITE(9));
	EXPECT(3, 9);
}

/* ---- switching ---------------------------------------------------------------------- */

static void the_log_is_switched_while_pages_are_mapped(void)
{
	uint64_t words[WORDS];

	start_logged();
	MUST(set_slot(vm, 1, LOGGED_AT, PAGES * 4096, memory, 0));
	CHECK_ERRNO(get(0, PAGES, words), ENODATA);
	TOUCH(WRITE(0), WRITE(1), WRITE(2));
	MUST(set_slot(vm, 1, LOGGED_AT, PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	/* Mapped, but no longer writable. */
	CHECK_NUM(walk_at(LOGGED_AT).rights, VTR_WALK_READ | VTR_WALK_EXEC);
	EXPECT_NONE();
	TOUCH(WRITE(1), READ(2));
	EXPECT(1);
	CHECK_NUM(memory[4096], 2);
	/* The same again is no change: the log stays. */
	MUST(set_slot(vm, 1, LOGGED_AT, PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	EXPECT(1);
}

static void a_slot_that_moves_begins_a_new_log(void)
{
	start_logged();
	TOUCH(WRITE(1));
	EXPECT(1);
	MUST(set_slot(vm, 1, LOGGED_AT + PAGES * 4096, PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	EXPECT_NONE();
	CHECK_NUM(walk_at(LOGGED_AT + 4096).rights, 0);
	/* Guest page PAGES + 1 is page 1 of the slot now. */
	TOUCH(WRITE(PAGES + 1), WRITE(PAGES + 70));
	EXPECT(1, 70);
	CHECK_NUM(memory[4096], 2);
}

static bool have_huge_pages(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK);
}

static uint8_t *map_huge(void)
{
	uint8_t *huge = map_memory(2 * HUGE);

	if (!have_huge_pages())
		tap_skip("this kernel has no transparent huge pages");
	huge = (uint8_t *)(((uintptr_t)huge + HUGE - 1) & ~(HUGE - 1));
	MUST(madvise(huge, HUGE, MADV_HUGEPAGE));
	return huge;
}

/* A huge page is logged in small pieces, and whole again without a log. */
static void a_huge_page_is_split_for_the_log_and_comes_back(void)
{
	struct vtr_vm_info info;

	vcpu = start_guest(&guest_works_off_a_list, 64, 0);
	vm = vcpu->vm;
	memory = map_huge();
	MUST(set_slot(vm, 1, LOGGED_AT, HUGE, memory, 0));
	TOUCH(WRITE(0), WRITE(511));
	if (walk_at(LOGGED_AT).leaf_bytes != HUGE)
		tap_skip("the host has no huge page left");
	MUST(set_slot(vm, 1, LOGGED_AT, HUGE, memory, VTR_SLOT_DIRTY_LOG));
	info = get_info(vm);
	CHECK_NUM(info.mapped_2m, 0);
	CHECK(info.mapped_4k >= 512);
	TOUCH(WRITE(5), READ(6), WRITE(511));
	CHECK_NUM(walk_at(LOGGED_AT + 5 * 4096).leaf_bytes, 4096);
	{
		uint64_t words[8];

		MUST(get(0, 512, words));
		CHECK_NUM(words[0], 1 << 5);
		for (unsigned int i = 1; i < 7; i++)
			CHECK_NUM(words[i], 0);
		CHECK_NUM(words[7], 1ull << 63);
	}
	MUST(set_slot(vm, 1, LOGGED_AT, HUGE, memory, 0));
	TOUCH(WRITE(7));
	info = get_info(vm);
	CHECK_NUM(walk_at(LOGGED_AT).leaf_bytes, HUGE);
	CHECK_NUM(info.mapped_2m, 1);
	CHECK_NUM(info.collapses, 1);
	CHECK_NUM(memory[511 * 4096], 2);
	CHECK_NUM(memory[7 * 4096], 1);
}

/* ---- bad calls ------------------------------------------------------------------------ */

static void bad_calls_are_told_apart(void)
{
	static const unsigned long calls[] = { VTR_VM_GET_DIRTY, VTR_VM_CLEAR_DIRTY };
	uint64_t words[WORDS + 1] = {};

	start_logged();
	for (unsigned int i = 0; i < 2; i++) {
		unsigned long call = calls[i];
		struct vtr_dirty args = {
			.size = sizeof(args), .slot = 1, .nr_pages = 1, .bitmap = (uintptr_t)words,
		};

		CHECK_ERRNO(dirty_call(call, VTR_MAX_SLOTS, 0, 1, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, ~0u, 0, 1, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 2, 0, 1, words), ENOENT);
		CHECK_ERRNO(dirty_call(call, 0, 0, 1, words), ENODATA);
		CHECK_ERRNO(dirty_call(call, 1, 0, 0, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 1, 1, 1, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 1, 0, PAGES + 1, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 1, 192, 9, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 1, 256, 1, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 1, 64, ~0ull, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 1, -64ull, 64, words), EINVAL);
		CHECK_ERRNO(dirty_call(call, 1, 0, 1, (void *)0x10), EFAULT);
		CHECK_ERRNO(dirty_call(call, 1, 0, 1, (void *)0xffff888000000000), EFAULT);
		args.flags = 1;
		CHECK_ERRNO(ioctl(vm->fd, call, &args), EINVAL);
		args.flags = 0;
		args.pad = 1;
		CHECK_ERRNO(ioctl(vm->fd, call, &args), EINVAL);
		args.pad = 0;
		args.size = sizeof(args) - 1;
		CHECK_ERRNO(ioctl(vm->fd, call, &args), EINVAL);
	}
	/* A bit that names no page is a mistake of the caller. */
	words[0] = 1 << 10;
	CHECK_ERRNO(clear(0, 10, words), EINVAL);
	CHECK_NUM(clear(0, 11, words), 0);
}

/* The kernel reads the bitmap before it clears anything. */
static void a_bitmap_that_ends_too_early_clears_nothing(void)
{
	uint8_t *two = map_memory(8192);
	uint64_t *words = (uint64_t *)(two + 4096) - 2;

	start_logged();
	TOUCH(WRITE(1), WRITE(199));
	MUST(munmap(two + 4096, 4096));
	words[0] = ~0ull;
	words[1] = ~0ull;
	CHECK_ERRNO(clear(0, PAGES, words), EFAULT);
	EXPECT(1, 199);
	CHECK_ERRNO(get(0, PAGES, words), EFAULT);
}

static void a_deleted_slot_has_no_log(void)
{
	uint64_t words[WORDS];

	start_logged();
	TOUCH(WRITE(1));
	MUST(set_slot(vm, 1, 0, 0, NULL, 0));
	CHECK_ERRNO(get(0, 1, words), ENOENT);
	CHECK_ERRNO(clear(0, 1, words), ENOENT);
	MUST(set_slot(vm, 1, LOGGED_AT, PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	EXPECT_NONE();
}

/* ---- races -------------------------------------------------------------------------------- */

/*
 * Once CLEAR has returned, no write goes on unnoticed: if the word changes, the
 * page is in the log.
 */
static void a_write_after_clearing_is_always_noted(void)
{
	volatile uint64_t *word;
	struct runner runner = {};
	const uint64_t one = 1;
	unsigned int rounds = 0;

	vcpu = start_guest(&guest_counts, 64, 0);
	vm = vcpu->vm;
	memory = map_memory(4096);
	word = (void *)memory;
	MUST(set_slot(vm, 1, LOGGED_AT, 4096, memory, VTR_SLOT_DIRTY_LOG));
	start_runner(&runner, vcpu, nr_cpus() - 1);
	for (; rounds < 300 && tap_good(); rounds++) {
		uint64_t before, log = 0;

		WAIT_UNTIL(*word > rounds);
		MUST(clear(0, 1, &one));
		before = *word;
		WAIT_UNTIL(*word > before + 1);
		MUST(get(0, 1, &log));
		CHECK_MSG(log == 1, "round %u: 0x%llx became 0x%llx unnoticed", rounds,
			  (unsigned long long)before, (unsigned long long)*word);
	}
	*(volatile uint64_t *)(vm->mem + STOP_AT) = 1;
	join_runner(&runner);
	CHECK_NUM(rounds, 300);
}

#define RACE_PAGES	512
#define RACE_WORDS	(RACE_PAGES / 64)

/* Get, clear what was got, copy it: the order that module/dirty.c promises for. */
static unsigned int copy_dirty(uint8_t *copy)
{
	uint64_t words[RACE_WORDS];
	unsigned int copied = 0;

	MUST(get(0, RACE_PAGES, words));
	MUST(clear(0, RACE_PAGES, words));
	for (unsigned int page = 0; page < RACE_PAGES; page++) {
		if (!(words[page / 64] >> page % 64 & 1))
			continue;
		memcpy(copy + page * 4096, memory + page * 4096, 4096);
		copied++;
	}
	return copied;
}

static void set_stop(uint64_t value)
{
	__atomic_store_n((uint64_t *)(vm->mem + STOP_AT), value, __ATOMIC_SEQ_CST);
}

static void wait_for_beats(unsigned int id, uint64_t beats)
{
	volatile uint64_t *at = (void *)(vm->mem + BEATS_AT);
	uint64_t from = at[id];

	WAIT_UNTIL(at[id] > from + beats);
}

/* A copy made while two vCPUs write is complete once they have stopped. */
static void copying_a_running_guest_loses_no_write(void)
{
	struct runner runners[2];
	uint8_t *copy = map_memory(RACE_PAGES * 4096);
	unsigned int copied = 0;

	vm = new_vm(4 * MB, 0);
	put_guest(vm, &guest_scatters);
	memory = map_memory(RACE_PAGES * 4096);
	MUST(set_slot(vm, 1, LOGGED_AT, RACE_PAGES * 4096, memory, VTR_SLOT_DIRTY_LOG));
	for (unsigned int id = 0; id < 2; id++)
		enter_long(new_vcpu(vm, id));
	for (unsigned int stop = 0; stop < 30 && tap_good(); stop++) {
		set_stop(0);
		memset(runners, 0, sizeof(runners));
		for (unsigned int id = 0; id < 2; id++)
			start_runner(&runners[id], &vm->vcpus[id], id % nr_cpus());
		for (unsigned int i = 0; i < 10; i++) {
			wait_for_beats(i % 2, 20);
			copied += copy_dirty(copy);
		}
		set_stop(1);
		for (unsigned int id = 0; id < 2; id++)
			join_runner(&runners[id]);
		copied += copy_dirty(copy);
		for (unsigned int page = 0; page < RACE_PAGES; page++)
			CHECK_MSG(!memcmp(copy + page * 4096, memory + page * 4096, 4096),
				  "stop %u: page %u was lost", stop, page);
		CHECK_NUM(copy_dirty(copy), 0);
	}
	tap_note("%u pages copied", copied);
	CHECK(copied > 1000);
}

static const struct tap_case cases[] = {
	CASE(writes_are_noted_and_reads_are_not),
	CASE(what_the_module_writes_for_the_guest_is_noted),
	CASE(a_cleared_page_is_noted_again),
	CASE(ranges_touch_nothing_else),
	CASE(the_hosts_changes_lose_nothing),
	CASE(the_log_is_switched_while_pages_are_mapped),
	CASE(a_slot_that_moves_begins_a_new_log),
	CASE(a_huge_page_is_split_for_the_log_and_comes_back),
	CASE(bad_calls_are_told_apart),
	CASE(a_bitmap_that_ends_too_early_clears_nothing),
	CASE(a_deleted_slot_has_no_log),
	CASE(a_write_after_clearing_is_always_noted),
	CASE(copying_a_running_guest_loses_no_write),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
