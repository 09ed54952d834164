// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations and copies that fail, one after the other, on every path.
 *
 * A kernel with fault injection lets a thread name the Nth possible failure of
 * its next call: memory from the slab, whole pages, copies from and to user
 * space.  Each path here is run with N = 1, 2, 3 ... until nothing was left to
 * fail.  It must succeed or say ENOMEM (EFAULT for a copy), and must work when
 * it is called once more.  That nothing leaks is seen by run-all's unload, and
 * by kmemleak on the debug kernel.
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

#define MAX_FAULTS	500

GUEST(halts, 16, "1: hlt\n jmp 1b");
/* Touch memory that has no tables yet, then halt. */
GUEST(touches, 64, "1: mov 0x100000, %rax\n movl $1, 0x300000\n hlt\n jmp 1b");

static int fail_nth_fd = -1;

static void set_knob(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		tap_skip("this kernel has no fault injection");
	MUST(write(fd, value, strlen(value)));
	close(fd);
}

/* Let sleeping allocations and pages of any order fail, without a back trace each. */
static void need_fault_injection(void)
{
	set_knob("failslab/ignore-gfp-wait", "N");
	set_knob("failslab/verbose", "0");
	set_knob("fail_page_alloc/ignore-gfp-wait", "N");
	set_knob("fail_page_alloc/ignore-gfp-highmem", "N");
	set_knob("fail_page_alloc/min-order", "0");
	set_knob("fail_page_alloc/verbose", "0");
	set_knob("fail_usercopy/verbose", "0");
	fail_nth_fd = MUST(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC));
}

static void arm(unsigned int nth)
{
	char text[16];

	MUST(pwrite(fail_nth_fd, text, snprintf(text, sizeof(text), "%u", nth), 0));
}

/*
 * Return: true if the failure has happened.  Asking is a copy, too: if that is
 * what fails, the path had no place left.
 */
static bool disarm(void)
{
	char text[16] = "";
	bool happened = pread(fail_nth_fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	while (pwrite(fail_nth_fd, "0", 1, 0) != 1)
		;
	return happened;
}

/**
 * struct path - one thing that a program asks for
 * @run: do it; 0 or -1 with errno, as a call does
 * @undo: make it possible again
 */
struct path {
	int (*run)(void);
	void (*undo)(void);
};

/* Return: how many different failures the path has seen. */
static unsigned int fail_everywhere(const struct path *path)
{
	unsigned int nth, failed = 0, survived = 0;

	for (nth = 1; nth < MAX_FAULTS; nth++) {
		bool happened;
		int ret, error;

		arm(nth);
		ret = path->run();
		error = errno;
		happened = disarm();
		CHECK_MSG(ret >= 0 || error == ENOMEM || error == EFAULT,
			  "failure %u: errno %d (%s)", nth, error, strerror(error));
		failed += ret < 0;
		survived += happened && ret >= 0;
		if (ret >= 0 && path->undo)
			path->undo();
		if (!happened)
			break;
		if (ret < 0) {
			ret = path->run();
			CHECK_MSG(ret >= 0, "after failure %u: errno %d (%s)", nth, errno,
				  strerror(errno));
			if (ret >= 0 && path->undo)
				path->undo();
		}
	}
	CHECK_MSG(nth < MAX_FAULTS, "the path never gets through");
	tap_note("%u places can fail: %u refused, %u survived", nth - 1, failed, survived);
	return nth - 1;
}

/* ---- paths -------------------------------------------------------------------------- */

static struct vm *vm;
static struct vcpu *vcpu;
static int fd;
static void *map;

static void close_fd(void)
{
	MUST(close(fd));
}

static int open_the_device(void)
{
	return fd = open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC);
}

static void opening_the_device(void)
{
	need_fault_injection();
	fail_everywhere(&(struct path){ open_the_device, close_fd });
}

static int create_a_vm(void)
{
	struct vtr_create_vm args = { .size = sizeof(args), .flags = VTR_VM_TRACE };

	return fd = ioctl(open_device(), VTR_CREATE_VM, &args);
}

static void creating_a_vm(void)
{
	need_fault_injection();
	open_device();
	CHECK(fail_everywhere(&(struct path){ create_a_vm, close_fd }) >= 5);
}

static int create_a_vcpu(void)
{
	struct vtr_create_vcpu args = { .size = sizeof(args), .id = 1 };

	return fd = ioctl(vm->fd, VTR_VM_CREATE_VCPU, &args);
}

/* What was made must be whole. */
static void use_and_close_it(void)
{
	struct vtr_caps caps = { .size = sizeof(caps) };
	struct vtr_trace_ring *ring;
	struct vtr_run *run;

	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	run = (void *)MUST(mmap(NULL, caps.run_bytes, PROT_READ, MAP_SHARED, fd, 0));
	ring = (void *)MUST(mmap(NULL, caps.trace_bytes, PROT_READ, MAP_SHARED, fd,
				 caps.trace_offset));
	CHECK_NUM(run->exit, VTR_EXIT_NONE);
	CHECK_NUM(ring->record_bytes, sizeof(struct vtr_trace_record));
	munmap(run, caps.run_bytes);
	munmap(ring, caps.trace_bytes);
	close_fd();
}

static void creating_a_vcpu(void)
{
	need_fault_injection();
	vm = new_vm(1 * MB, 0);
	CHECK(fail_everywhere(&(struct path){ create_a_vcpu, use_and_close_it }) >= 5);
}

static int add_a_slot(void)
{
	return set_slot(vm, 1, 0x40000000, 1 * MB, vm->mem, 0);
}

static void delete_it(void)
{
	MUST(set_slot(vm, 1, 0, 0, NULL, 0));
}

static int delete_a_slot(void)
{
	/* Refused or not, the slot is there at the next try. */
	return set_slot(vm, 1, 0, 0, NULL, 0);
}

static void add_it_again(void)
{
	MUST(add_a_slot());
}

static void adding_and_deleting_a_slot(void)
{
	need_fault_injection();
	vm = new_vm(1 * MB, 0);
	CHECK(fail_everywhere(&(struct path){ add_a_slot, delete_it }) >= 1);
	add_it_again();
	CHECK(fail_everywhere(&(struct path){ delete_a_slot, add_it_again }) >= 1);
}

static int map_the_run_page(void)
{
	char first;

	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (map == MAP_FAILED)
		return -1;
	/* Touched by the kernel, so that a fault that fails is an errno and no signal. */
	if (pread(fail_nth_fd, map, 1, 0) >= 0)
		return 0;
	first = errno;
	munmap(map, 4096);
	errno = first;
	return -1;
}

static void unmap_it(void)
{
	munmap(map, 4096);
}

static void mapping_the_run_page(void)
{
	need_fault_injection();
	vcpu = start_guest(&guest_halts, 16, 0);
	CHECK(fail_everywhere(&(struct path){ map_the_run_page, unmap_it }) >= 1);
}

static uint64_t records[2048];
static uint32_t record_bytes;

static int get_it(void)
{
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)records, .bytes = sizeof(records),
	};
	int ret = ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args);

	record_bytes = args.bytes;
	return ret;
}

static int set_it(void)
{
	return put_state(vcpu, records, record_bytes);
}

static void getting_and_setting_state(void)
{
	uint64_t before[2048];

	need_fault_injection();
	vcpu = start_guest(&guest_halts, 64, 0);
	CHECK(fail_everywhere(&(struct path){ get_it, NULL }) >= 2);
	memcpy(before, records, sizeof(before));
	CHECK(fail_everywhere(&(struct path){ set_it, NULL }) >= 2);
	MUST(get_it());
	CHECK(!memcmp(before, records, record_bytes));
}

static int read_a_field(void)
{
	struct vtr_field field = { .encoding = 0x681e };
	struct vtr_read_fields args = {
		.size = sizeof(args), .backend = VTR_BACKEND_VMX, .nr_fields = 1,
		.fields = (uintptr_t)&field,
	};

	return ioctl(vcpu->fd, VTR_VCPU_READ_FIELDS, &args);
}

static int ask_for_capabilities(void)
{
	struct vtr_feature features[64];
	struct vtr_caps caps = {
		.size = sizeof(caps), .nr_features = 64, .features = (uintptr_t)features,
	};

	return ioctl(open_device(), VTR_GET_CAPS, &caps);
}

static int ask_for_statistics(void)
{
	struct vtr_vcpu_stats stats = { .size = sizeof(stats) };
	struct vtr_vm_info info = { .size = sizeof(info) };
	struct vtr_walk walk = { .size = sizeof(walk) };
	struct vtr_debug debug = { .size = sizeof(debug) };
	struct vtr_translate translate = { .size = sizeof(translate), .gva = CODE_AT };

	return ioctl(vcpu->fd, VTR_VCPU_GET_STATS, &stats) ?:
	       ioctl(vcpu->vm->fd, VTR_VM_GET_INFO, &info) ?:
	       ioctl(vcpu->vm->fd, VTR_VM_WALK, &walk) ?:
	       ioctl(vcpu->fd, VTR_VCPU_DEBUG, &debug) ?:
	       ioctl(vcpu->fd, VTR_VCPU_TRANSLATE, &translate);
}

static void calls_that_only_look(void)
{
	need_fault_injection();
	vcpu = start_guest(&guest_halts, 64, 0);
	CHECK(fail_everywhere(&(struct path){ read_a_field, NULL }) >= 2);
	CHECK(fail_everywhere(&(struct path){ ask_for_capabilities, NULL }) >= 2);
	CHECK(fail_everywhere(&(struct path){ ask_for_statistics, NULL }) >= 9);
}

/* A new guest, so that every table and page has to be had again. */
static void start_it_anew(void)
{
	vcpu = start_guest(&guest_touches, 64, VTR_VM_TRACE);
}

static int run_to_halt(void)
{
	int ret = run_through(vcpu);

	if (!ret)
		CHECK_NUM(vcpu->run->exit, VTR_EXIT_HLT);
	return ret;
}

static void running_a_guest_that_needs_memory(void)
{
	need_fault_injection();
	start_it_anew();
	CHECK(fail_everywhere(&(struct path){ run_to_halt, start_it_anew }) >= 5);
	CHECK_NUM(*(uint32_t *)(vcpu->vm->mem + 0x300000), 0);
	MUST(run_to_halt());
	CHECK_NUM(*(uint32_t *)(vcpu->vm->mem + 0x300000), 1);
}

static const char *debug_file;

static int read_debug_file(void)
{
	char path[128], text[512];
	int file, saved, ret;

	snprintf(path, sizeof(path), "/sys/kernel/debug/vitrine/%s", debug_file);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	while ((ret = read(file, text, sizeof(text))) > 0)
		;
	saved = errno;
	close(file);
	errno = saved;
	return ret;
}

static void reading_debugfs(void)
{
	static const char *const files[] = {
		"cpu0", "vm%u/info", "vm%u/slots", "vm%u/ept", "vm%u/walk",
		"vm%u/vcpu0/registers", "vm%u/vcpu0/vmcs", "vm%u/vcpu0/exits",
		"vm%u/vcpu0/last_exits",
	};
	char name[64];

	need_fault_injection();
	vcpu = start_guest(&guest_halts, 16, VTR_VM_TRACE);
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), files[i], get_info(vcpu->vm).id);
		debug_file = name;
		MUST(read_debug_file());
		CHECK(fail_everywhere(&(struct path){ read_debug_file, NULL }) >= 2);
	}
}

static const struct tap_case cases[] = {
	CASE(opening_the_device),
	CASE(creating_a_vm),
	CASE(creating_a_vcpu),
	CASE(adding_and_deleting_a_slot),
	CASE(mapping_the_run_page),
	CASE(getting_and_setting_state),
	CASE(calls_that_only_look),
	CASE(running_a_guest_that_needs_memory),
	CASE(reading_debugfs),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
