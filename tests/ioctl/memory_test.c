// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory is the process' memory: what the host does to it, the guest sees
 * at once, while it runs.
 *
 * Two vCPUs (on two processors, where there are two) read or write a watched
 * page and beat; the test changes the host's mapping, waits for a few beats,
 * and looks at what the guest has seen.  Interrupts are on in the guests,
 * because Bochs takes no host interrupt from a guest that was entered with
 * them off.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

/* In guest memory: what each vCPU saw last, its beats, and the stop flag. */
#define SEEN_AT		0x10000
#define BEATS_AT	0x10100
#define STOP_AT		0x10200
#define WHERE_AT	0x10208
#define WATCHED_AT	(4 * MB)

GUEST(reader, 64,
      "sti\n"
      "1: mov 0x400000, %rax\n"
      "mov %rax, 0x10000(,%rdi,8)\n"
      "incq 0x10100(,%rdi,8)\n"
      "cmpq $0, 0x10200\n"
      "je 1b\n hlt");
/* Writes its beat to its own word of the watched page. */
GUEST(writer, 64,
      "sti\n"
      "1: incq 0x10100(,%rdi,8)\n"
      "mov 0x10100(,%rdi,8), %rax\n"
      "mov %rax, 0x400000(,%rdi,8)\n"
      "cmpq $0, 0x10200\n"
      "je 1b\n hlt");
/* The same, at the address that the test names. */
GUEST(follower, 64,
      "sti\n"
      "1: mov 0x10208, %rbx\n"
      "mov (%rbx), %rax\n"
      "mov %rax, 0x10000(,%rdi,8)\n"
      "incq 0x10100(,%rdi,8)\n"
      "cmpq $0, 0x10200\n"
      "je 1b\n hlt");
GUEST(halts, 16, "hlt");
GUEST(reads_then_writes, 64,
      "mov 0x400000, %rax\n hlt\n movq $1, 0x400000\n hlt\n mov 0x400000, %rax\n hlt");
GUEST(alias, 64, "movq $0x77, 0x400000\n mov 0x500000, %rax\n hlt");
GUEST(reads_two, 64, "mov 0x400000, %rax\n mov 0x405000, %rbx\n hlt\n mov 0x400000, %rax\n"
		     "mov 0x405000, %rbx\n hlt");

#define NR_RUNNERS	2

static struct vm *vm;
static struct runner runners[NR_RUNNERS];

static volatile uint64_t *word(uint64_t gpa)
{
	return (volatile uint64_t *)(vm->mem + gpa);
}

static uint64_t beats(unsigned int id)
{
	return word(BEATS_AT)[id];
}

static uint64_t seen(unsigned int id)
{
	return word(SEEN_AT)[id];
}

/* Every vCPU that runs has gone round at least once from its beginning. */
static void wait_for_beats(void)
{
	for (unsigned int id = 0; id < NR_RUNNERS; id++) {
		uint64_t now = beats(id);

		WAIT_UNTIL(runners[id].done || beats(id) >= now + 3);
	}
}

/* @memory becomes slot 1 at WATCHED_AT; both vCPUs run @code. */
static void start_two(const struct guest_code *code, void *memory, size_t bytes)
{
	vm = new_vm(4 * MB, 0);
	MUST(set_slot(vm, 1, WATCHED_AT, bytes, memory, 0));
	put_guest(vm, code);
	for (unsigned int id = 0; id < NR_RUNNERS; id++) {
		enter_long(new_vcpu(vm, id));
		start_runner(&runners[id], &vm->vcpus[id], id % nr_cpus());
	}
	wait_for_beats();
}

static void stop_two(void)
{
	*word(STOP_AT) = 1;
	for (unsigned int id = 0; id < NR_RUNNERS; id++) {
		join_runner(&runners[id]);
		CHECK_NUM(runners[id].error, 0);
		CHECK_NUM(vm->vcpus[id].run->exit, VTR_EXIT_HLT);
	}
}

static void expect_seen(uint64_t value)
{
	wait_for_beats();
	for (unsigned int id = 0; id < NR_RUNNERS; id++)
		CHECK_MSG(seen(id) == value, "vCPU %u sees 0x%llx instead of 0x%llx", id,
			  (unsigned long long)seen(id), (unsigned long long)value);
}

static void expect_efault(void)
{
	for (unsigned int id = 0; id < NR_RUNNERS; id++) {
		join_runner(&runners[id]);
		CHECK_NUM(runners[id].error, EFAULT);
	}
	/* The host's trouble is no death of the guest. */
	CHECK_NUM(get_info(vm).flags, 0);
}

static void the_hosts_writes_are_seen(void)
{
	volatile uint64_t *memory = map_memory(4096);

	*memory = 1;
	start_two(&guest_reader, (void *)memory, 4096);
	for (uint64_t value = 2; value < 10; value++) {
		*memory = value;
		expect_seen(value);
	}
	stop_two();
}

static void memory_given_back_reads_as_zero(void)
{
	volatile uint64_t *memory = map_memory(4096);

	*memory = 7;
	start_two(&guest_reader, (void *)memory, 4096);
	for (uint64_t value = 7; value < 17; value++) {
		*memory = value;
		expect_seen(value);
		MUST(madvise((void *)memory, 4096, MADV_DONTNEED));
		expect_seen(0);
	}
	CHECK(get_info(vm).zaps >= 10);
	stop_two();
}

static void unmapped_memory_is_efault(void)
{
	uint64_t *memory = map_memory(4096);

	start_two(&guest_reader, memory, 4096);
	MUST(munmap(memory, 4096));
	expect_efault();
}

static void moved_memory_is_efault(void)
{
	uint64_t *memory = map_memory(4096);

	start_two(&guest_reader, memory, 4096);
	MUST(mremap(memory, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, map_memory(4096)));
	expect_efault();
}

static void other_memory_at_the_same_address_is_seen(void)
{
	volatile uint64_t *memory = map_memory(4096);

	*memory = 1;
	start_two(&guest_reader, (void *)memory, 4096);
	expect_seen(1);
	/* Built elsewhere and moved over the old mapping in one step. */
	for (uint64_t value = 2; value < 8; value++) {
		uint64_t *other = map_memory(4096);

		*other = value;
		MUST(mremap(other, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, memory));
		/* A vCPU may have met the gap in between: it stops with EFAULT then. */
		for (unsigned int id = 0; id < NR_RUNNERS; id++) {
			if (!runners[id].done)
				continue;
			CHECK_NUM(runners[id].error, EFAULT);
			join_runner(&runners[id]);
			runners[id] = (struct runner) {};
			start_runner(&runners[id], &vm->vcpus[id], -1);
		}
		expect_seen(value);
	}
	stop_two();
}

static void write_protected_memory_can_be_read_only(void)
{
	volatile uint64_t *memory = map_memory(4096);

	*memory = 5;
	start_two(&guest_reader, (void *)memory, 4096);
	MUST(mprotect((void *)memory, 4096, PROT_READ));
	expect_seen(5);
	MUST(mprotect((void *)memory, 4096, PROT_NONE));
	expect_efault();
}

static void writers_stop_at_write_protected_memory(void)
{
	volatile uint64_t *memory = map_memory(4096);
	uint64_t values[NR_RUNNERS];

	start_two(&guest_writer, (void *)memory, 4096);
	MUST(mprotect((void *)memory, 4096, PROT_READ));
	/* From here on nothing may change it. */
	for (unsigned int id = 0; id < NR_RUNNERS; id++)
		values[id] = memory[id];
	expect_efault();
	for (unsigned int id = 0; id < NR_RUNNERS; id++)
		CHECK_NUM(memory[id], values[id]);
}

/* After fork() parent and child share pages until one writes: also the guest. */
static void a_forked_child_keeps_its_copy(void)
{
	volatile uint64_t *memory = map_memory(4096);
	int pipes[2], status;
	uint64_t values[NR_RUNNERS];
	char byte;
	pid_t child;

	MUST(pipe(pipes));
	start_two(&guest_writer, (void *)memory, 4096);
	child = MUST(fork());
	if (!child) {
		for (unsigned int id = 0; id < NR_RUNNERS; id++)
			values[id] = memory[id];
		REQUIRE(read(pipes[0], &byte, 1) == 1);
		for (unsigned int id = 0; id < NR_RUNNERS; id++)
			CHECK_NUM(memory[id], values[id]);
		tap_end();
	}
	for (unsigned int id = 0; id < NR_RUNNERS; id++)
		values[id] = memory[id];
	wait_for_beats();
	wait_for_beats();
	/* The parent sees the guest's writes, the child its own page. */
	for (unsigned int id = 0; id < NR_RUNNERS; id++)
		CHECK(memory[id] > values[id]);
	MUST(write(pipes[1], "x", 1));
	MUST(waitpid(child, &status, 0));
	CHECK_NUM(status, 0);
	stop_two();
	for (unsigned int id = 0; id < NR_RUNNERS; id++)
		CHECK_NUM(memory[id], beats(id));
}

static void a_truncated_file_is_efault(void)
{
	int fd = MUST(memfd_create("guest", MFD_CLOEXEC));
	volatile uint64_t *memory;

	MUST(ftruncate(fd, 4096));
	memory = (void *)MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	*memory = 3;
	start_two(&guest_reader, (void *)memory, 4096);
	expect_seen(3);
	MUST(ftruncate(fd, 0));
	expect_efault();
	/* Long again: fresh pages, and the guest goes on. */
	MUST(ftruncate(fd, 4096));
	for (unsigned int id = 0; id < NR_RUNNERS; id++) {
		runners[id] = (struct runner) {};
		start_runner(&runners[id], &vm->vcpus[id], -1);
	}
	expect_seen(0);
	stop_two();
}

static void slots_replaced_under_a_running_guest(void)
{
	uint64_t *memory[2] = { map_memory(4096), map_memory(4096) };

	*memory[0] = 100;
	*memory[1] = 101;
	start_two(&guest_reader, memory[0], 4096);
	for (unsigned int i = 1; i <= 40; i++) {
		MUST(set_slot(vm, 1, WATCHED_AT, 4096, memory[i % 2], 0));
		expect_seen(100 + i % 2);
	}
	stop_two();
}

static void a_slot_deleted_under_a_running_guest(void)
{
	start_two(&guest_reader, map_memory(4096), 4096);
	MUST(set_slot(vm, 1, 0, 0, NULL, 0));
	for (unsigned int id = 0; id < NR_RUNNERS; id++) {
		join_runner(&runners[id]);
		CHECK_NUM(runners[id].error, 0);
		CHECK_NUM(vm->vcpus[id].run->exit, VTR_EXIT_MMIO);
		CHECK_NUM(vm->vcpus[id].run->mmio.gpa, WATCHED_AT);
	}
}

static uint64_t rights_at(uint64_t gpa)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = gpa };

	MUST(ioctl(vm->fd, VTR_VM_WALK, &walk));
	return walk.rights;
}

/* Back and forth between two addresses; in between the guests look elsewhere. */
static void a_slot_moved_under_a_running_guest(void)
{
	uint64_t *memory = map_memory(4096), *elsewhere = map_memory(4096);

	*memory = 100;
	*elsewhere = 7;
	vm = new_vm(4 * MB, 0);
	MUST(set_slot(vm, 1, WATCHED_AT, 4096, memory, 0));
	MUST(set_slot(vm, 2, 8 * MB, 4096, elsewhere, 0));
	*word(WHERE_AT) = WATCHED_AT;
	put_guest(vm, &guest_follower);
	for (unsigned int id = 0; id < NR_RUNNERS; id++) {
		enter_long(new_vcpu(vm, id));
		start_runner(&runners[id], &vm->vcpus[id], id % nr_cpus());
	}
	for (unsigned int i = 0; i < 40; i++) {
		uint64_t from = WATCHED_AT + (i % 2) * MB, to = WATCHED_AT + !(i % 2) * MB;

		*memory = 100 + i;
		expect_seen(100 + i);
		CHECK(rights_at(from));
		*word(WHERE_AT) = 8 * MB;
		expect_seen(7);
		MUST(set_slot(vm, 1, to, 4096, memory, 0));
		CHECK_NUM(rights_at(from), 0);
		*word(WHERE_AT) = to;
	}
	stop_two();
}

/* ---- accessed and dirty bits ---------------------------------------------------------- */

#define ACCESSED	(1u << 8)
#define DIRTY		(1u << 9)

/* These bits of the leaf that maps the watched page. */
static uint64_t bits_of_leaf(void)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = WATCHED_AT };

	MUST(ioctl(vm->fd, VTR_VM_WALK, &walk));
	REQUIRE(walk.rights);
	return walk.entry[walk.nr_levels - 1] & (ACCESSED | DIRTY);
}

static struct vcpu *start_on_page(uint64_t *memory)
{
	struct vcpu *vcpu = start_guest(&guest_reads_then_writes, 64, 0);

	vm = vcpu->vm;
	*memory = 5;
	MUST(set_slot(vm, 1, WATCHED_AT, 4096, memory, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	return vcpu;
}

static void the_processor_notes_what_the_guest_uses(void)
{
	struct vcpu *vcpu = start_on_page(map_memory(4096));

	if (bits_of_leaf() == (ACCESSED | DIRTY))
		tap_skip("no accessed and dirty bits on this processor");
	CHECK_NUM(bits_of_leaf(), ACCESSED);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(bits_of_leaf(), ACCESSED | DIRTY);
}

/* MADV_PAGEOUT (21) asks whether the page was used; the guest's uses count. */
static void ageing_clears_the_accessed_bit(void)
{
	uint64_t *memory = map_memory(4096);
	struct vcpu *vcpu = start_on_page(memory);
	uint64_t faults = get_info(vm).faults;

	if (bits_of_leaf() == (ACCESSED | DIRTY))
		tap_skip("no accessed and dirty bits on this processor");
	MUST(madvise(memory, 4096, 21));
	if (bits_of_leaf() == ACCESSED)
		tap_skip("this kernel takes pages without asking");
	CHECK_NUM(bits_of_leaf(), 0);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(bits_of_leaf(), ACCESSED | DIRTY);
	/* No fault was needed for that. */
	CHECK_NUM(get_info(vm).faults, faults);
}

/*
 * With accessed and dirty bits the processor reads the guest's page tables as if
 * it wrote to them; in a read-only slot that must not stop it.
 */
static void page_tables_in_read_only_memory_can_be_walked(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_then_writes, 64, 0);
	uint64_t *tables = map_memory(3 * 4096), *page = map_memory(4096);
	struct vtr_sregs sregs;

	vm = vcpu->vm;
	MUST(set_slot(vm, 1, WATCHED_AT, 4096, page, 0));
	/* The guest's own accessed and dirty bits are set already. */
	tables[0] = (8 * MB + 0x1000) | 0x23;
	tables[512] = (8 * MB + 0x2000) | 0x23;
	for (uint64_t i = 0; i < 4; i++)
		tables[1024 + i] = i * 2 * MB | 0xe3;
	/* The vCPU has run on writable tables before. */
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	MUST(set_slot(vm, 2, 8 * MB, 3 * 4096, tables, VTR_SLOT_READONLY));
	sregs = get_sregs(vcpu);
	sregs.cr3 = 8 * MB;
	set_sregs(vcpu, &sregs);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(*page, 1);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 1);
}

/* ---- as fast as possible --------------------------------------------------------------- */

/* Taking memory back as fast as possible while both vCPUs write to it. */
static void memory_taken_back_in_a_storm(void)
{
	volatile uint64_t *memory = map_memory(4096);

	start_two(&guest_writer, (void *)memory, 4096);
	for (unsigned int i = 0; i < 20000 && get_info(vm).zaps < 100; i++)
		MUST(madvise((void *)memory, 4096, MADV_DONTNEED));
	CHECK(get_info(vm).zaps >= 100);
	wait_for_beats();
	stop_two();
	for (unsigned int id = 0; id < NR_RUNNERS; id++)
		CHECK_NUM(memory[id], beats(id));
}

static void one_page_in_two_slots(void)
{
	struct vcpu *vcpu = start_guest(&guest_alias, 64, 0);
	void *memory = map_memory(4096);

	MUST(set_slot(vcpu->vm, 1, 4 * MB, 4096, memory, 0));
	MUST(set_slot(vcpu->vm, 2, 5 * MB, 4096, memory, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x77);
	CHECK_NUM(*(uint64_t *)memory, 0x77);
	/* Both translations go together. */
	MUST(munmap(memory, 4096));
	for (uint64_t gpa = 4 * MB; gpa <= 5 * MB; gpa += MB) {
		struct vtr_walk walk = { .size = sizeof(walk), .gpa = gpa };

		MUST(ioctl(vcpu->vm->fd, VTR_VM_WALK, &walk));
		CHECK_NUM(walk.rights, 0);
	}
}

/* ---- huge pages -------------------------------------------------------------------- */

#define HUGE	(2 * MB)

static bool have_huge_pages(void)
{
	char word[128] = "";
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");

	if (!file)
		return false;
	if (!fgets(word, sizeof(word), file))
		word[0] = 0;
	fclose(file);
	return !strstr(word, "[never]") || strstr(word, "[madvise]");
}

/* Kilobytes of huge pages behind this process' anonymous memory. */
static unsigned long huge_kb(void)
{
	unsigned long kb = 0;
	char line[256];
	FILE *file = fopen("/proc/self/smaps_rollup", "r");

	REQUIRE(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "AnonHugePages: %lu", &kb) == 1)
			break;
	fclose(file);
	return kb;
}

static uint8_t *map_huge(void)
{
	uint8_t *memory = map_memory(2 * HUGE);

	if (!have_huge_pages())
		tap_skip("this kernel has no transparent huge pages");
	memory = (uint8_t *)(((uintptr_t)memory + HUGE - 1) & ~(HUGE - 1));
	MUST(madvise(memory, HUGE, MADV_HUGEPAGE));
	memory[0] = 1;
	if (huge_kb() < 2048)
		tap_skip("the host has no huge page left");
	return memory;
}

static uint64_t leaf_at(uint64_t gpa)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = gpa };

	MUST(ioctl(vm->fd, VTR_VM_WALK, &walk));
	return walk.leaf_bytes;
}

static struct vcpu *start_on_huge(uint8_t *memory)
{
	struct vcpu *vcpu = start_guest(&guest_reads_two, 64, 0);

	vm = vcpu->vm;
	*(uint64_t *)memory = 0x1111;
	*(uint64_t *)(memory + 0x5000) = 0x2222;
	MUST(set_slot(vm, 1, WATCHED_AT, HUGE, memory, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x1111);
	CHECK_NUM(gpr(vcpu, VTR_RBX), 0x2222);
	return vcpu;
}

static void a_huge_page_is_one_leaf_until_it_is_split(void)
{
	uint8_t *memory = map_huge();
	struct vcpu *vcpu = start_on_huge(memory);

	CHECK_NUM(leaf_at(WATCHED_AT), HUGE);
	CHECK_NUM(get_info(vm).mapped_2m, 1);
	/* One page of it goes; its neighbours must stay. */
	MUST(munmap(memory + 0x6000, 4096));
	MUST(madvise(memory + 0x5000, 4096, MADV_DONTNEED));
	CHECK_NUM(get_info(vm).mapped_2m, 0);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x1111);
	CHECK_NUM(gpr(vcpu, VTR_RBX), 0);
	CHECK_NUM(leaf_at(WATCHED_AT), 4096);
	CHECK_NUM(leaf_at(WATCHED_AT + 0x6000), 0);
}

static void a_huge_page_at_an_odd_place_is_mapped_in_small(void)
{
	uint8_t *memory = map_huge();
	struct vcpu *vcpu = start_guest(&guest_reads_two, 64, 0);

	vm = vcpu->vm;
	*(uint64_t *)(memory + 0x1000) = 0x1111;
	*(uint64_t *)(memory + 0x6000) = 0x2222;
	/* Guest and host addresses differ in their lower 21 bits. */
	MUST(set_slot(vm, 1, WATCHED_AT, HUGE - 0x1000, memory + 0x1000, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x1111);
	CHECK_NUM(gpr(vcpu, VTR_RBX), 0x2222);
	CHECK_NUM(leaf_at(WATCHED_AT), 4096);
	CHECK_NUM(get_info(vm).mapped_2m, 0);
}

static void page_tables_of_the_guest_are_counted(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vtr_vm_info info;

	run_to(vcpu, VTR_EXIT_HLT);
	info = get_info(vcpu->vm);
	/* One page of code: four levels. */
	CHECK_NUM(info.mapped_4k, 1);
	CHECK_NUM(info.table_pages, 4);
	CHECK_NUM(info.faults, 1);
	MUST(munmap(vcpu->vm->mem, vcpu->vm->bytes));
	info = get_info(vcpu->vm);
	CHECK_NUM(info.mapped_4k, 0);
	CHECK_NUM(info.zaps, 1);
}

static const struct tap_case cases[] = {
	CASE(the_hosts_writes_are_seen),
	CASE(memory_given_back_reads_as_zero),
	CASE(unmapped_memory_is_efault),
	CASE(moved_memory_is_efault),
	CASE(other_memory_at_the_same_address_is_seen),
	CASE(write_protected_memory_can_be_read_only),
	CASE(writers_stop_at_write_protected_memory),
	CASE(a_forked_child_keeps_its_copy),
	CASE(a_truncated_file_is_efault),
	CASE(slots_replaced_under_a_running_guest),
	CASE(a_slot_deleted_under_a_running_guest),
	CASE(a_slot_moved_under_a_running_guest),
	CASE(the_processor_notes_what_the_guest_uses),
	CASE(ageing_clears_the_accessed_bit),
	CASE(page_tables_in_read_only_memory_can_be_walked),
	CASE(memory_taken_back_in_a_storm),
	CASE(one_page_in_two_slots),
	CASE(a_huge_page_is_one_leaf_until_it_is_split),
	CASE(a_huge_page_at_an_odd_place_is_mapped_in_small),
	CASE(page_tables_of_the_guest_are_counted),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
