// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host changes memory as it likes while two vCPUs read and write it, and
 * each value that anybody reads is checked.
 *
 * Guest memory under attack is 128 items, one word for each vCPU in each.  A
 * vCPU goes round: it reads its word, compares it with what it wrote there
 * last, and writes the next value of its clock, which only grows.  The test
 * does one thing to the host's mapping again and again:
 *
 *	what keeps contents	the word must be what was written last
 *	what drops contents	the word may also be 0, and must not be older
 *				than the last drop of its page (the floor)
 *
 * So a translation that outlives its page shows on both sides: the guest reads
 * what was dropped, or anything at all (on a kernel with page_poison=1 0xaa in
 * each byte), and what it writes there is missing in the host's page.
 *
 * RACE_ROUNDS says how often each thing is done; 1250 make 10,000 in all.
 * Interrupts are on in the guests, because Bochs takes no host interrupt from
 * a guest that was entered with them off.
 * Read first: module/memory.c, docs/memory.md "Nothing is pinned".
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define REGION_AT	(4 * MB)
#define HUGE		(2 * MB)
#define NR_VCPUS	2
#define NR_ITEMS	128

/*
 * In guest memory: what the guest needs to know, and for each vCPU its notes
 * with its clock, the floors, and what it wrote last.  The guest's code knows
 * these addresses.
 */
struct control {
	uint64_t stop;
	uint64_t zero_allowed;
	uint64_t shift;		/* of an item's number to its address */
	uint64_t delay;		/* turns of an empty loop after each item */
};

struct notes {
	uint64_t clock;
	uint64_t rounds;
	uint64_t bad_item;	/* number + 1 */
	uint64_t bad_value;
	uint64_t bad_wanted;
	uint64_t bad_floor;
	uint64_t pad[26];
	uint64_t floor[NR_ITEMS];
	uint64_t wrote[NR_ITEMS];
};

#define CONTROL_AT	0x10000
#define NOTES_AT	0x11000

_Static_assert(sizeof(struct notes) == 0x900, "the guest's code has to know it");

/*
 * R8: the notes; R10: the vCPU's word of item 0; RBX: the item.  The floor is
 * read before the value: it rises only after the page has been dropped.
 */
GUEST(checks, 64,
      "imul $0x900, %rdi, %r8\n add $0x11000, %r8\n"
      "mov %rdi, %r10\n shl $6, %r10\n add $0x400000, %r10\n"
      "mov 0x10010, %rcx\n"
      "sti\n"
      "1: xor %ebx, %ebx\n"
      "2: mov %rbx, %rsi\n shl %cl, %rsi\n add %r10, %rsi\n"
      "mov 0x100(%r8,%rbx,8), %r11\n"
      "mov (%rsi), %rax\n"
      "mov 0x500(%r8,%rbx,8), %rdx\n"
      "cmp %rdx, %rax\n jne 4f\n"
      "test %rax, %rax\n jz 3f\n"
      "cmp %r11, %rax\n jb 5f\n"
      "3: incq (%r8)\n mov (%r8), %rax\n"
      "mov %rax, 0x500(%r8,%rbx,8)\n"
      "mov %rax, (%rsi)\n"
      "mov 0x10018, %r9\n"
      "6: dec %r9\n jns 6b\n"
      "inc %ebx\n cmp $128, %ebx\n jb 2b\n"
      "incq 8(%r8)\n"
      "cmpq $0, 0x10000\n je 1b\n hlt\n"
      "4: test %rax, %rax\n jnz 5f\n cmpq $0, 0x10008\n jne 3b\n"
      "5: mov %rax, 0x18(%r8)\n mov %rdx, 0x20(%r8)\n mov %r11, 0x28(%r8)\n"
      "inc %rbx\n mov %rbx, 0x10(%r8)\n hlt");

static struct vm *vm;
static struct vcpu *vcpus[NR_VCPUS];
static struct runner_thread {
	pthread_t thread;
	struct vcpu *vcpu;
	volatile int error;
	volatile bool done;
} threads[NR_VCPUS];
static uint8_t *memory;
static size_t memory_bytes;
static volatile struct control *control;
static volatile struct notes *notes;
static uint32_t seed = 7;

static unsigned int rounds(void)
{
	const char *text = getenv("RACE_ROUNDS");

	return text ? atoi(text) : 25;
}

static uint32_t random_number(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 16;
}

static size_t item_bytes(void)
{
	return 1ul << control->shift;
}

static volatile uint64_t *word(unsigned int item, unsigned int id)
{
	return (void *)(memory + item * item_bytes() + id * 64);
}

/* ---- the vCPUs ------------------------------------------------------------------ */

/* EFAULT is the host's state of the moment: the guest may go on when it is over. */
static void *run_thread(void *arg)
{
	struct runner_thread *t = arg;

	pin_to_cpu(t->vcpu->id % nr_cpus());
	while (run_once(t->vcpu)) {
		if (errno != EINTR && errno != EFAULT) {
			t->error = errno;
			break;
		}
		sched_yield();
	}
	t->done = true;
	return NULL;
}

/* @bytes at REGION_AT; items 1 << @shift apart. */
static void start(uint8_t *at, size_t bytes, unsigned int shift, bool zero_allowed)
{
	memory = at;
	memory_bytes = bytes;
	vm = new_vm(4 * MB, 0);
	control = (void *)(vm->mem + CONTROL_AT);
	notes = (void *)(vm->mem + NOTES_AT);
	control->shift = shift;
	control->zero_allowed = zero_allowed;
	MUST(set_slot(vm, 1, REGION_AT, bytes, at, 0));
	put_guest(vm, &guest_checks);
	for (unsigned int id = 0; id < NR_VCPUS; id++) {
		vcpus[id] = new_vcpu(vm, id);
		enter_long(vcpus[id]);
		threads[id].vcpu = vcpus[id];
		REQUIRE(!pthread_create(&threads[id].thread, NULL, run_thread, &threads[id]));
	}
}

/* Each vCPU has used memory since: the next attack meets fresh translations. */
static void let_them_run(uint64_t steps)
{
	for (unsigned int id = 0; id < NR_VCPUS; id++) {
		uint64_t from = notes[id].clock;

		WAIT_UNTIL(threads[id].done || notes[id].clock >= from + steps);
	}
}

static const char *guess(uint64_t value)
{
	if (value == 0xaaaaaaaaaaaaaaaa)
		return ", the pattern of a freed page";
	return "";
}

static void judge(unsigned int id)
{
	volatile struct notes *n = &notes[id];

	CHECK_NUM(threads[id].error, 0);
	CHECK_NUM(vcpus[id]->run->exit, VTR_EXIT_HLT);
	CHECK_MSG(!n->bad_item,
		  "vCPU %u read 0x%llx%s in item %llu, wrote 0x%llx last, dropped below 0x%llx", id,
		  (unsigned long long)n->bad_value, guess(n->bad_value),
		  (unsigned long long)n->bad_item - 1, (unsigned long long)n->bad_wanted,
		  (unsigned long long)n->bad_floor);
}

static bool all_well(void)
{
	for (unsigned int id = 0; id < NR_VCPUS; id++)
		if (threads[id].done)
			return false;
	return tap_good();
}

static void stop(void)
{
	uint64_t steps = 0;

	let_them_run(2 * NR_ITEMS);
	control->stop = 1;
	for (unsigned int id = 0; id < NR_VCPUS; id++) {
		WAIT_UNTIL(threads[id].done);
		if (!threads[id].done)
			tap_end();
		pthread_join(threads[id].thread, NULL);
		judge(id);
		steps += notes[id].clock;
	}
	/* What the guest wrote last is what the host finds. */
	for (unsigned int item = 0; item < NR_ITEMS; item++)
		for (unsigned int id = 0; id < NR_VCPUS; id++)
			if (*word(item, id) || !control->zero_allowed)
				CHECK_NUM(*word(item, id), notes[id].wrote[item]);
	tap_note("%llu values checked by the guests, %llu leaves removed",
		 (unsigned long long)steps, (unsigned long long)get_info(vm).zaps);
}

/*
 * Do @attack to some items in a row, RACE_ROUNDS times.  @drops: the items then
 * hold nothing that was written before.
 */
static void race(void (*attack)(uint8_t *at, size_t bytes), bool drops)
{
	for (unsigned int i = 0; i < rounds() && all_well(); i++) {
		unsigned int first = random_number() % NR_ITEMS;
		unsigned int nr = 1 + random_number() % (NR_ITEMS - first);
		uint64_t floor[NR_VCPUS];

		for (unsigned int id = 0; id < NR_VCPUS; id++)
			floor[id] = notes[id].clock;
		attack(memory + first * item_bytes(), nr * item_bytes());
		for (unsigned int item = first; drops && item < first + nr; item++)
			for (unsigned int id = 0; id < NR_VCPUS; id++) {
				uint64_t value = *word(item, id);

				CHECK_MSG(!value || value >= floor[id],
					  "item %u has 0x%llx, dropped below 0x%llx", item,
					  (unsigned long long)value, (unsigned long long)floor[id]);
				notes[id].floor[item] = floor[id];
			}
		let_them_run(1 + random_number() % NR_ITEMS);
	}
	stop();
}

/* ---- attacks that keep contents -------------------------------------------------- */

static void protect(uint8_t *at, size_t bytes)
{
	MUST(mprotect(at, bytes, random_number() % 2 ? PROT_READ : PROT_NONE));
	if (random_number() % 2)
		sched_yield();
	MUST(mprotect(at, bytes, PROT_READ | PROT_WRITE));
}

static void mprotect_races(void)
{
	start(map_memory(NR_ITEMS * 4096), NR_ITEMS * 4096, 12, false);
	race(protect, false);
}

/* A child sees the moment of the fork, for ever. */
static void fork_a_child(uint8_t *at, size_t bytes)
{
	uint64_t first[NR_ITEMS][NR_VCPUS];
	int status;
	pid_t child = MUST(fork());

	(void)at;
	(void)bytes;
	if (!child) {
		bool good = true;

		for (unsigned int item = 0; item < NR_ITEMS; item++)
			for (unsigned int id = 0; id < NR_VCPUS; id++)
				first[item][id] = *word(item, id);
		for (unsigned int i = 0; i < 3; i++)
			sched_yield();
		for (unsigned int item = 0; item < NR_ITEMS; item++)
			for (unsigned int id = 0; id < NR_VCPUS; id++)
				good &= *word(item, id) == first[item][id];
		_exit(good ? 0 : 1);
	}
	let_them_run(4);
	MUST(waitpid(child, &status, 0));
	CHECK_MSG(status == 0, "the child's copy has changed (status 0x%x)", status);
}

static void fork_races(void)
{
	start(map_memory(NR_ITEMS * 4096), NR_ITEMS * 4096, 12, false);
	race(fork_a_child, false);
}

/* Pages written to swap so far: the fifth number of the device's statistics. */
static uint64_t swapped_out(void)
{
	unsigned long long writes = 0;
	FILE *stat = fopen("/sys/block/zram0/stat", "r");

	REQUIRE(stat);
	REQUIRE(fscanf(stat, "%*u %*u %*u %*u %llu", &writes) == 1);
	fclose(stat);
	return writes;
}

#define PAGED_OUT	(16 * 4096)	/* at most, in one round */
#define SWAP_DEVICE	"/dev/zram0"
#define SWAP_BYTES	(32 * MB)

/* What mkswap(8) writes: version, last page, and the signature at the page's end. */
static void make_swap(void)
{
	uint8_t page[4096] = {};
	uint32_t *head = (void *)(page + 1024);
	int fd = MUST(open(SWAP_DEVICE, O_WRONLY | O_CLOEXEC));

	head[0] = 1;
	head[1] = SWAP_BYTES / 4096 - 1;
	memcpy(page + 4086, "SWAPSPACE2", 10);
	MUST(write(fd, page, sizeof(page)));
	close(fd);
}

static void need_swap(void)
{
	char text[32];
	int fd;

	/* 6.1 wants its compressor loaded first; elsewhere that is built in. */
	if (access(SWAP_DEVICE, F_OK) && system("modprobe -q lzo-rle; modprobe -q zram"))
		tap_skip("no zram: run the machine with --module zram (and lzo-rle for 6.1)");
	if (!swapon(SWAP_DEVICE, 0) || errno == EBUSY)
		return;
	fd = MUST(open("/sys/block/zram0/disksize", O_WRONLY | O_CLOEXEC));
	snprintf(text, sizeof(text), "%llu", SWAP_BYTES);
	MUST(write(fd, text, strlen(text)));
	close(fd);
	make_swap();
	MUST(swapon(SWAP_DEVICE, 0));
}

/*
 * What was used since it was last asked for stays: the first call clears the
 * accessed bits, the second one takes the pages that are still unused.
 */
static void page_out(uint8_t *at, size_t bytes)
{
	if (bytes > PAGED_OUT)
		bytes = PAGED_OUT;
	for (size_t done = 0; done < bytes; done += 4096) {
		MUST(madvise(at + done, 4096, MADV_PAGEOUT));
		MUST(madvise(at + done, 4096, MADV_PAGEOUT));
	}
}

static void swap_races(void)
{
	uint64_t before;

	need_swap();
	before = swapped_out();
	start(map_memory(NR_ITEMS * 4096), NR_ITEMS * 4096, 12, false);
	control->delay = 500;
	race(page_out, false);
	tap_note("%llu pages swapped out", (unsigned long long)(swapped_out() - before));
	CHECK(swapped_out() > before + rounds());
}

/* ---- attacks on huge pages ---------------------------------------------------------- */

static uint8_t *map_for_huge(void)
{
	uint8_t *at = map_memory(2 * HUGE);

	if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK))
		tap_skip("this kernel has no transparent huge pages");
	at = (uint8_t *)(((uintptr_t)at + HUGE - 1) & ~(HUGE - 1));
	MUST(madvise(at, HUGE, MADV_HUGEPAGE));
	return at;
}

static unsigned int collapses;

/* The host's page becomes huge, its mapping whole; then one of both is split. */
static void collapse_and_split(uint8_t *at, size_t bytes)
{
	(void)bytes;
	if (madvise(memory, HUGE, MADV_COLLAPSE))
		CHECK_MSG(errno == EAGAIN || errno == EBUSY || errno == ENOMEM,
			  "MADV_COLLAPSE: %s", strerror(errno));
	else
		collapses++;
	let_them_run(2 * NR_ITEMS);
	if (random_number() % 2) {
		/* The mapping only. */
		MUST(mprotect(at, 4096, PROT_READ));
		MUST(mprotect(at, 4096, PROT_READ | PROT_WRITE));
	} else {
		/* The page itself: one of its 4 KiB goes to swap, where there is any. */
		MUST(madvise(at, 4096, MADV_PAGEOUT));
	}
}

static void huge_page_races(void)
{
	uint8_t *at;

	need_swap();
	at = map_for_huge();
	memset(at, 0, HUGE);
	if (madvise(at, HUGE, MADV_COLLAPSE) && errno == EINVAL)
		tap_skip("the host refuses MADV_COLLAPSE here (EINVAL)");
	start(at, HUGE, 14, false);
	race(collapse_and_split, false);
	tap_note("%u huge pages made, %llu tables made room for a large leaf", collapses,
		 (unsigned long long)get_info(vm).collapses);
	CHECK(collapses > rounds() / 2);
	CHECK(get_info(vm).collapses > rounds() / 4);
}

/* ---- attacks that drop contents ----------------------------------------------------- */

static void give_back(uint8_t *at, size_t bytes)
{
	MUST(madvise(at, bytes, MADV_DONTNEED));
}

static void dontneed_races(void)
{
	start(map_memory(NR_ITEMS * 4096), NR_ITEMS * 4096, 12, true);
	race(give_back, true);
}

static void unmap(uint8_t *at, size_t bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	/* With a gap, in which the guests find no memory, or over it in one step. */
	if (random_number() % 2)
		MUST(munmap(at, bytes));
	REQUIRE(mmap(at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == at);
}

static void munmap_races(void)
{
	start(map_memory(NR_ITEMS * 4096), NR_ITEMS * 4096, 12, true);
	race(unmap, true);
}

static int file;

/* All that is behind the first item of the range is cut off, or a hole is made. */
static void truncate_file(uint8_t *at, size_t bytes)
{
	size_t from = at - memory;

	if (random_number() % 2) {
		MUST(ftruncate(file, from));
		MUST(ftruncate(file, memory_bytes));
	} else {
		MUST(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, bytes));
	}
}

static void truncation_races(void)
{
	size_t bytes = NR_ITEMS * 4096;

	file = MUST(memfd_create("guest", MFD_CLOEXEC));
	MUST(ftruncate(file, bytes));
	start((void *)MUST(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)),
	      bytes, 12, true);
	race(truncate_file, true);
}

/* Part of a huge page goes: the host splits it, now or when it needs the memory. */
static void cut_out(uint8_t *at, size_t bytes)
{
	if (!madvise(memory, HUGE, MADV_COLLAPSE))
		collapses++;
	let_them_run(NR_ITEMS);
	if (random_number() % 2) {
		give_back(at, bytes);
		return;
	}
	MUST(munmap(at, bytes));
	sched_yield();
	/* The whole anew: pieces of different age could not become huge again. */
	unmap(memory, HUGE);
	MUST(madvise(memory, HUGE, MADV_HUGEPAGE));
}

static void huge_page_cut_races(void)
{
	start(map_for_huge(), HUGE, 14, true);
	race(cut_out, true);
	tap_note("%u huge pages made", collapses);
	CHECK(collapses > rounds() / 2);
}

/* ---- dirty bits ------------------------------------------------------------------------ */

GUEST(reads_then_writes, 64,
      "mov 0x400000, %rax\n hlt\n movq $0x5555, 0x400000\n hlt\n mov 0x400000, %rax\n hlt");

/*
 * The host takes a page that it believes clean.  Only the leaf's dirty bit says
 * that the guest has written to it: it was mapped by a read.
 */
static void a_write_after_a_read_is_not_lost(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_then_writes, 64, 0);
	volatile uint64_t *at = map_memory(4096);
	uint64_t zaps;

	*at = 0x1111;
	MUST(set_slot(vcpu->vm, 1, REGION_AT, 4096, (void *)at, 0));
	/* Free to be dropped as long as nobody writes to it. */
	MUST(madvise((void *)at, 4096, MADV_FREE));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x1111);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	zaps = get_info(vcpu->vm).zaps;
	for (unsigned int i = 0; i < 10 && get_info(vcpu->vm).zaps == zaps; i++)
		MUST(madvise((void *)at, 4096, MADV_PAGEOUT));
	CHECK_NUM(get_info(vcpu->vm).zaps, zaps + 1);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x5555);
	CHECK_NUM(*at, 0x5555);
}

#define SECONDS 600

static const struct tap_case cases[] = {
	CASE_TIME(mprotect_races, SECONDS),
	CASE_TIME(fork_races, SECONDS),
	CASE_TIME(swap_races, SECONDS),
	CASE_TIME(huge_page_races, SECONDS),
	CASE_TIME(dontneed_races, SECONDS),
	CASE_TIME(munmap_races, SECONDS),
	CASE_TIME(truncation_races, SECONDS),
	CASE_TIME(huge_page_cut_races, SECONDS),
	CASE(a_write_after_a_read_is_not_lost),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
