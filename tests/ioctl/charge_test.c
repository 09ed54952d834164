// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a VM makes the kernel use is charged to its program's cgroup, and
 * at the cgroup's limit calls fail with ENOMEM.
 *
 * Each case moves into a cgroup (version 2) of its own.  Subtle: a program at
 * its limit must not touch new memory itself, or the cgroup's killer comes; so
 * between the two set_limit() calls there is nothing but the call under test.
 * The kernel charges in batches of 64 pages a processor, hence the generous sizes.
 * Read first: docs/memory.md "Who pays".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

#define GROUPS		"/sys/fs/cgroup"
#define GB		(1024 * MB)
#define NR_REGIONS	120	/* slots of one page, 1 GiB apart: two tables each */
#define BATCHES		(512 * KB)	/* charged ahead, on two processors */

/* Reads one word in each of the regions. */
GUEST(visits, 64,
      "mov $120, %ecx\n mov $0x40000000, %rbx\n mov %rbx, %rax\n"
      "1: mov (%rax), %rdx\n add %rbx, %rax\n loop 1b\n hlt");

static int limit_fd;

static void write_file(const char *path, const char *text)
{
	int fd = MUST(open(path, O_WRONLY | O_CLOEXEC));

	MUST(write(fd, text, strlen(text)));
	close(fd);
}

/* A file of this case's group. */
static const char *in_group(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), GROUPS "/charge-test-%d/%s", getpid(), name);
	return path;
}

static void enter_group(void)
{
	if (access(GROUPS "/cgroup.controllers", R_OK))
		tap_skip("no cgroups of version 2");
	write_file(GROUPS "/cgroup.subtree_control", "+memory");
	MUST(mkdir(in_group(""), 0755));
	limit_fd = MUST(open(in_group("memory.max"), O_WRONLY | O_CLOEXEC));
	write_file(in_group("cgroup.procs"), "0");
}

static void set_limit(const char *text)
{
	MUST(pwrite(limit_fd, text, strlen(text), 0));
}

static uint64_t charged(void)
{
	char text[32] = "";
	int fd = MUST(open(in_group("memory.current"), O_RDONLY | O_CLOEXEC));

	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	return strtoull(text, NULL, 10);
}

static int try_vcpu(struct vm *vm, unsigned int id)
{
	struct vtr_create_vcpu args = { .size = sizeof(args), .id = id };

	return ioctl(vm->fd, VTR_VM_CREATE_VCPU, &args);
}

static void vcpus_are_charged(void)
{
	struct vm *vm = new_vm(0, VTR_VM_TRACE);
	uint64_t before, with;
	int fds[64];

	enter_group();
	before = charged();
	for (unsigned int id = 0; id < 64; id++)
		fds[id] = MUST(try_vcpu(vm, id));
	with = charged();
	tap_note("a vCPU costs %llu KiB", (unsigned long long)(with - before) / 64 / 1024);
	/* Ring, run page, VMCS, MSR bitmap, registers: 20 pages at least. */
	CHECK(with - before >= 64 * 20 * 4 * KB - BATCHES);
	for (unsigned int id = 0; id < 64; id++)
		MUST(close(fds[id]));
	CHECK(charged() + 64 * 20 * 4 * KB <= with + BATCHES);
}

static void at_the_limit_a_vcpu_is_enomem(void)
{
	struct vm *vm = new_vm(0, 0);
	unsigned int id = 0;
	int fd = 0, err;

	enter_group();
	set_limit("1M");
	for (; id < VTR_MAX_VCPUS && fd >= 0; id++)
		fd = try_vcpu(vm, id);
	err = errno;
	set_limit("max");
	CHECK_NUM(err, ENOMEM);
	CHECK(fd < 0 && id > 1 && id <= 13);
	/* Nothing is left of the failed call. */
	CHECK_NUM(get_info(vm).nr_vcpus, id - 1);
	MUST(try_vcpu(vm, id - 1));
}

/* A guest that will need 240 tables, none of them there yet. */
static struct vcpu *start_visitor(void)
{
	struct vcpu *vcpu = start_guest(&guest_visits, 64, 0);
	uint64_t *pdpt = (void *)(vcpu->vm->mem + PDPT_AT);
	uint8_t *page = map_memory(4096);

	page[0] = 1;
	for (uint64_t i = 1; i <= NR_REGIONS; i++) {
		pdpt[i] = i * GB | 0x83;	/* a page of 1 GiB */
		MUST(set_slot(vcpu->vm, i, i * GB, 4096, page, 0));
	}
	return vcpu;
}

static void page_tables_are_charged(void)
{
	struct vcpu *vcpu = start_visitor();
	uint64_t before, with;

	enter_group();
	before = charged();
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	with = charged();
	CHECK(get_info(vcpu->vm).table_pages >= 2 * NR_REGIONS);
	CHECK(with - before >= 2 * NR_REGIONS * 4 * KB - BATCHES);
}

static void at_the_limit_a_fault_is_enomem(void)
{
	struct vcpu *vcpu = start_visitor();
	int ret, err;

	enter_group();
	set_limit("512K");
	ret = run_through(vcpu);
	err = errno;
	set_limit("max");
	CHECK_NUM(ret, -1);
	CHECK_NUM(err, ENOMEM);
	/* The guest has not lost anything: with memory it goes on. */
	CHECK_NUM(get_info(vcpu->vm).flags, 0);
	CHECK(gpr(vcpu, VTR_RCX) > 0 && gpr(vcpu, VTR_RCX) < NR_REGIONS);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RCX), 0);
}

static void a_log_of_writes_is_charged(void)
{
	struct vm *vm = new_vm(0, 0);
	/* A log of 1 MiB for it; nothing of it is ever touched. */
	uint8_t *memory = map_memory(32 * GB);
	uint64_t before;
	int ret, err;

	MUST(set_slot(vm, 0, 4 * GB, 32 * GB, memory, 0));
	enter_group();
	set_limit("512K");
	ret = set_slot(vm, 0, 4 * GB, 32 * GB, memory, VTR_SLOT_DIRTY_LOG);
	err = errno;
	set_limit("max");
	CHECK_NUM(ret, -1);
	CHECK_NUM(err, ENOMEM);
	before = charged();
	MUST(set_slot(vm, 0, 4 * GB, 32 * GB, memory, VTR_SLOT_DIRTY_LOG));
	CHECK(charged() - before >= 1 * MB - BATCHES);
	MUST(set_slot(vm, 0, 0, 0, NULL, 0));
	CHECK(charged() <= before + BATCHES);
}

static const struct tap_case cases[] = {
	CASE(vcpus_are_charged),
	CASE(at_the_limit_a_vcpu_is_enomem),
	CASE(page_tables_are_charged),
	CASE(at_the_limit_a_fault_is_enomem),
	CASE(a_log_of_writes_is_charged),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
