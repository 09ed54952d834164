// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of 1 GiB behind a slot: one leaf for all of it, split for the log
 * of writes, and whole again afterwards.
 *
 * The kernel has such pages only if it was booted with hugepagesz=1G
 * hugepages=1; the suite huge-lean does that, everywhere else the cases skip.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define GB		(1024 * MB)
#define HUGE_AT		GB
#define MMAP_1G		(MAP_HUGETLB | 30 << 26)

/* Goes through a list of addresses at 0x10000; bit 0 says "write". */
GUEST(works_off_a_list, 64,
      "1: mov $0x10000, %rsi\n"
      "2: mov (%rsi), %rax\n add $8, %rsi\n test %rax, %rax\n jz 4f\n"
      "btr $0, %rax\n jc 3f\n mov (%rax), %rbx\n jmp 2b\n"
      "3: incq (%rax)\n jmp 2b\n"
      "4: hlt\n jmp 1b");

static struct vcpu *vcpu;
static struct vm *vm;
static uint8_t *memory;

/* Slot 1: @bytes of the page from @from on, at the same offset from HUGE_AT. */
static void start_on_1g(uint64_t from, uint64_t bytes, uint32_t flags)
{
	void *at = mmap(NULL, GB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MMAP_1G,
			-1, 0);
	uint64_t *pdpt;

	if (at == MAP_FAILED)
		tap_skip("no huge page of 1 GiB: %s", strerror(errno));
	memory = at;
	vcpu = start_guest(&guest_works_off_a_list, 64, 0);
	vm = vcpu->vm;
	pdpt = (void *)(vm->mem + PDPT_AT);
	pdpt[1] = HUGE_AT | 0x83;	/* the guest uses a large page as well */
	MUST(set_slot(vm, 1, HUGE_AT + from, bytes, memory + from, flags));
}

static void touch(uint64_t offset, bool write)
{
	uint64_t *list = (void *)(vm->mem + 0x10000);

	list[0] = (HUGE_AT + offset) | write;
	list[1] = 0;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	if (!write)
		CHECK_NUM(gpr(vcpu, VTR_RBX), *(uint64_t *)(memory + offset));
}

static uint64_t leaf_at(uint64_t offset)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = HUGE_AT + offset };

	MUST(ioctl(vm->fd, VTR_VM_WALK, &walk));
	return walk.leaf_bytes;
}

static void one_leaf_maps_a_page_of_1g(void)
{
	struct vtr_vm_info info;

	start_on_1g(0, GB, 0);
	*(uint64_t *)(memory + GB - 8) = 0x1234;
	touch(GB - 8, false);
	CHECK_NUM(leaf_at(0), GB);
	info = get_info(vm);
	CHECK_NUM(info.mapped_1g, 1);
	CHECK_NUM(info.mapped_2m, 0);
	/* All of it without a further fault: one for the code, one for the list, one here. */
	for (uint64_t offset = 0; offset < GB; offset += 61 * MB) {
		touch(offset, true);
		CHECK_NUM(memory[offset], 1);
	}
	CHECK_NUM(get_info(vm).faults, info.faults);
	/* The host takes it back as a whole. */
	MUST(munmap(memory, GB));
	CHECK_NUM(get_info(vm).mapped_1g, 0);
	CHECK_ERRNO(run_through(vcpu), EFAULT);
}

static void a_slot_of_less_is_mapped_by_2m(void)
{
	start_on_1g(0, GB - 4096, 0);
	touch(0, true);
	touch(GB - 8192, true);
	CHECK_NUM(leaf_at(0), 2 * MB);
	/* The last page of the slot lies in 2 MiB that the slot does not cover. */
	CHECK_NUM(leaf_at(GB - 8192), 4096);
	CHECK_NUM(get_info(vm).mapped_1g, 0);
}

/* 262144 leaves instead of one, write-protected; then one again. */
static void the_log_splits_it_and_it_comes_back(void)
{
	static uint64_t words[GB / 4096 / 64];
	struct vtr_dirty dirty = {
		.size = sizeof(dirty), .slot = 1, .nr_pages = GB / 4096,
		.bitmap = (uintptr_t)words,
	};
	struct vtr_vm_info info;

	start_on_1g(0, GB, 0);
	touch(8, true);
	CHECK_NUM(leaf_at(0), GB);
	MUST(set_slot(vm, 1, HUGE_AT, GB, memory, VTR_SLOT_DIRTY_LOG));
	info = get_info(vm);
	CHECK_NUM(info.mapped_1g + info.mapped_2m, 0);
	CHECK(info.mapped_4k >= GB / 4096);
	CHECK(info.table_pages >= 513);
	touch(8, false);
	touch(5 * 4096, true);
	touch(GB - 4096, true);
	CHECK_NUM(get_info(vm).faults, info.faults + 2);
	MUST(ioctl(vm->fd, VTR_VM_GET_DIRTY, &dirty));
	for (unsigned int i = 0; i < GB / 4096 / 64; i++)
		CHECK_NUM(words[i], i == 0 ? 1 << 5 : i == GB / 4096 / 64 - 1 ? 1ull << 63 : 0);
	MUST(set_slot(vm, 1, HUGE_AT, GB, memory, 0));
	touch(8, true);
	CHECK_NUM(leaf_at(0), GB);
	info = get_info(vm);
	CHECK_NUM(info.mapped_1g, 1);
	CHECK(info.collapses >= 1);
	CHECK(info.table_pages < 10);
	CHECK_NUM(*(uint64_t *)(memory + 8), 2);
	CHECK_NUM(*(uint64_t *)(memory + 5 * 4096), 1);
}

static const struct tap_case cases[] = {
	CASE_TIME(one_leaf_maps_a_page_of_1g, 300),
	CASE_TIME(a_slot_of_less_is_mapped_by_2m, 300),
	CASE_TIME(the_log_splits_it_and_it_comes_back, 300),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
