// SPDX-License-Identifier: GPL-2.0-only
/*
 * No byte that nobody wrote, and no kernel address, reaches a program or a guest.
 *
 * With slub_debug=P the kernel fills slab memory with 5AH and 6BH, with
 * page_poison=1 free pages with AAH, and peek.ko fills the caller's kernel stack
 * with C5H before each call.  Each byte that comes back from a call, a file or a
 * mapping is searched for four of them in a row.  Buffers are first filled with
 * another pattern, so that bytes that were not written are told from those that
 * were.  The suites pattern-* start it with these options; without slab poison
 * the cases are skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "vm.h"

#define UNTOUCHED	0x3e

GUEST(cpuid_and_halt, 64, "xor %eax, %eax\n cpuid\n 1: hlt\n jmp 1b");
GUEST(halts, 16, "1: hlt\n jmp 1b");
/* What a guest finds in its registers at its first instruction, before any is written. */
GUEST(shows_registers, 64,
      "mov %rax, 0x10000\n mov %rbx, 0x10008\n mov %rcx, 0x10010\n mov %rdx, 0x10018\n"
      "mov %rsi, 0x10020\n mov %rbp, 0x10028\n mov %r8, 0x10030\n mov %r9, 0x10038\n"
      "mov %r10, 0x10040\n mov %r11, 0x10048\n mov %r12, 0x10050\n mov %r13, 0x10058\n"
      "mov %r14, 0x10060\n mov %r15, 0x10068\n mov %cr2, %rax\n mov %rax, 0x10070\n"
      "mov %dr0, %rax\n mov %rax, 0x10078\n mov %dr1, %rax\n mov %rax, 0x10080\n"
      "mov %dr2, %rax\n mov %rax, 0x10088\n mov %dr3, %rax\n mov %rax, 0x10090\n"
      "mov %dr6, %rax\n mov %rax, 0x10098\n mov %dr7, %rax\n mov %rax, 0x100a0\n"
      "fxsave64 0x10100\n hlt");
/* The values of every MSR that may be read, by list from 20000H; a #GP is caught. */
GUEST(shows_msrs, 64,
      "mov $0x20000, %esi\n mov $0x10000, %edi\n 1: mov (%rsi), %ecx\n test %ecx, %ecx\n"
      "jz 2f\n rdmsr\n mov %eax, (%rdi)\n mov %edx, 4(%rdi)\n add $4, %esi\n add $8, %edi\n"
      "jmp 1b\n 2: hlt");

/* ---- looking for what must not be there ------------------------------------------- */

static void need_poison(void)
{
	char one = '0';
	int fd = open("/sys/kernel/slab/kmalloc-64/poison", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &one, 1) != 1 || one != '1')
		tap_skip("slab memory is not poisoned: the suites pattern-* boot with slub_debug=P");
	close(fd);
}

/* Before each call: what an unwritten local variable of it would hold. */
static void stain(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/sys/module/peek/parameters/stain", O_WRONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	MUST(pwrite(fd, "1", 1, 0));
}

static bool is_poison(uint8_t byte)
{
	return byte == 0x5a || byte == 0x6b || byte == 0xaa || byte == 0xc5;
}

static void no_poison(const char *what, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	for (size_t i = 0; i + 4 <= bytes; i++) {
		if (is_poison(at[i]) && at[i + 1] == at[i] && at[i + 2] == at[i] &&
		    at[i + 3] == at[i]) {
			CHECK_MSG(false, "%s: bytes %02x from offset %zu of %zu on", what, at[i],
				  i, bytes);
			return;
		}
	}
}

/* A 64-bit word in the kernel's half, but for the small negative numbers. */
static bool is_kernel_address(uint64_t value)
{
	return value >= 0xffff800000000000 && value < 0xfffffffffff00000;
}

static void no_address(const char *what, const void *data, size_t bytes)
{
	for (size_t i = 0; i + 8 <= bytes; i += 8) {
		uint64_t value;

		memcpy(&value, (const uint8_t *)data + i, 8);
		if (is_kernel_address(value)) {
			CHECK_MSG(false, "%s: 0x%llx at offset %zu", what,
				  (unsigned long long)value, i);
			return;
		}
	}
}

static void look(const char *what, const void *data, size_t bytes)
{
	no_poison(what, data, bytes);
	no_address(what, data, bytes);
}

#define ASK(fd, cmd, structure)							\
	({									\
		stain();							\
		MUST(ioctl(fd, cmd, &(structure)));				\
		look(#cmd, &(structure), sizeof(structure));			\
	})

/* ---- programs --------------------------------------------------------------------- */

/* Fresh kernel memory as this kernel has it: what an answer would show if it were not written. */
static void the_kernel_is_poisoned(void)
{
	need_poison();
	stain();
	CHECK(is_kernel_address(0xffffffff81000000) && is_kernel_address(0xffff888000000000));
	CHECK(!is_kernel_address(~0ull) && !is_kernel_address(0x7fffffffffff));
}

static void answers_of_the_device_and_the_vm(void)
{
	static struct vtr_feature features[64];
	struct vtr_caps caps = {
		.size = sizeof(caps), .nr_features = 64, .features = (uintptr_t)features,
	};
	struct vtr_vm_info info = { .size = sizeof(info) };
	struct vtr_walk walk = { .size = sizeof(walk) };
	struct vm *vm;

	need_poison();
	ASK(open_device(), VTR_GET_CAPS, caps);
	look("features", features, sizeof(features));
	vm = start_guest(&guest_halts, 16, VTR_VM_TRACE)->vm;
	ASK(vm->fd, VTR_VM_GET_INFO, info);
	run_to(&vm->vcpus[0], VTR_EXIT_HLT);
	ASK(vm->fd, VTR_VM_WALK, walk);
	walk.gpa = CODE_AT;
	ASK(vm->fd, VTR_VM_WALK, walk);
	CHECK(walk.leaf_bytes);
	/* Entries must not tell where the host's pages are. */
	for (unsigned int i = 0; i < walk.nr_levels; i++)
		CHECK_NUM(walk.entry[i] >> 12, 0);
}

/* Each record alone, and all; the clock's offset is a negative number. */
static void every_state_record(void)
{
	static uint8_t buffer[16384];
	struct vcpu *vcpu;
	struct vtr_tsc tsc = { .khz = 1 };

	need_poison();
	vcpu = start_guest(&guest_cpuid_and_halt, 64, 0);
	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int id = VTR_STATE_REGS; id <= VTR_STATE_IO; id++) {
			struct vtr_state_buffer args = {
				.size = sizeof(args), .mask = 1ull << id,
				.buffer = (uintptr_t)buffer, .bytes = sizeof(buffer),
			};
			char what[32];

			if (id == VTR_STATE_TSC && pass == 0) {
				get_record(vcpu, id, &tsc, sizeof(tsc));
				tsc.offset = 0;
				MUST(put_record(vcpu, id, &tsc, sizeof(tsc)));
			}
			memset(buffer, UNTOUCHED, sizeof(buffer));
			ASK(vcpu->fd, VTR_VCPU_GET_STATE, args);
			snprintf(what, sizeof(what), "record %u", id);
			look(what, buffer, args.bytes);
			CHECK_NUM(buffer[args.bytes], UNTOUCHED);
		}
		run_to(vcpu, VTR_EXIT_HLT);
	}
}

static void answers_of_the_vcpu(void)
{
	struct vtr_vcpu_stats stats = { .size = sizeof(stats) };
	struct vtr_translate translate = { .size = sizeof(translate), .gva = CODE_AT };
	struct vtr_debug debug = { .size = sizeof(debug) };
	struct vcpu *vcpu;

	need_poison();
	vcpu = start_guest(&guest_cpuid_and_halt, 64, VTR_VM_TRACE);
	run_to(vcpu, VTR_EXIT_HLT);
	ASK(vcpu->fd, VTR_VCPU_GET_STATS, stats);
	ASK(vcpu->fd, VTR_VCPU_TRANSLATE, translate);
	ASK(vcpu->fd, VTR_VCPU_DEBUG, debug);
}

/* Every encoding there is, for a program without privileges. */
static void every_raw_field_without_privileges(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};
	static struct vtr_field fields[512];
	unsigned int known = 0;
	struct vcpu *vcpu;
	struct vtr_tsc tsc = {};

	need_poison();
	stain();
	vcpu = start_guest(&guest_cpuid_and_halt, 64, 0);
	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	tsc.offset = 0;
	MUST(put_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc)));
	run_to(vcpu, VTR_EXIT_HLT);
	MUST(syscall(SYS_capset, &head, none));
	for (uint32_t first = 0; first < 0x8000; first += 512) {
		struct vtr_read_fields args = {
			.size = sizeof(args), .backend = VTR_BACKEND_VMX, .nr_fields = 512,
			.fields = (uintptr_t)fields,
		};

		for (unsigned int i = 0; i < 512; i++)
			fields[i] = (struct vtr_field){ .encoding = first + i };
		MUST(ioctl(vcpu->fd, VTR_VCPU_READ_FIELDS, &args));
		for (unsigned int i = 0; i < 512; i++) {
			uint64_t value = fields[i].value;

			known += !fields[i].status;
			if (fields[i].status)
				CHECK_NUM(value, 0);
			CHECK_MSG(!is_kernel_address(value), "field 0x%x is 0x%llx", first + i,
				  (unsigned long long)value);
			no_poison("a field", &value, sizeof(value));
		}
	}
	CHECK(known > 80);
}

/* ---- mappings and files ----------------------------------------------------------- */

static void the_run_page_and_the_ring(void)
{
	struct vtr_caps caps = { .size = sizeof(caps) };
	struct vcpu *vcpu;
	void *ring;

	need_poison();
	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	for (uint32_t flags = 0; flags <= VTR_VM_TRACE; flags++) {
		vcpu = start_guest(&guest_cpuid_and_halt, 64, flags);
		look("a new run page", vcpu->run, caps.run_bytes);
		ring = (void *)MUST(mmap(NULL, caps.trace_bytes, PROT_READ, MAP_SHARED, vcpu->fd,
					 caps.trace_offset));
		look("a new ring", ring, caps.trace_bytes);
		for (int i = 0; i < 20; i++) {
			stain();
			run_to(vcpu, VTR_EXIT_HLT);
		}
		look("the run page", vcpu->run, caps.run_bytes);
		look("the ring", ring, caps.trace_bytes);
	}
}

static void the_run_page_of_an_end(void)
{
	struct vcpu *vcpu;

	need_poison();
	vcpu = start_guest(&guest_halts, 16, 0);
	MUST(set_slot(vcpu->vm, 0, 0, 0, NULL, 0));
	stain();
	CHECK(run_to(vcpu, VTR_EXIT_STOPPED));
	look("the run page of a dead VM", vcpu->run, 4096);
}

/* Root may see addresses there, but nothing that nobody wrote. */
static void debugfs(void)
{
	static const char *const files[] = {
		"cpu0", "vm%u/info", "vm%u/slots", "vm%u/ept", "vm%u/walk",
		"vm%u/vcpu0/registers", "vm%u/vcpu0/vmcs", "vm%u/vcpu0/exits",
		"vm%u/vcpu0/last_exits",
	};
	static char text[65536];
	struct vcpu *vcpu;

	need_poison();
	vcpu = start_guest(&guest_cpuid_and_halt, 64, VTR_VM_TRACE);
	run_to(vcpu, VTR_EXIT_HLT);
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[64], path[128];
		int fd, got;

		snprintf(name, sizeof(name), files[i], get_info(vcpu->vm).id);
		snprintf(path, sizeof(path), "/sys/kernel/debug/vitrine/%s", name);
		stain();
		fd = MUST(open(path, O_RDONLY | O_CLOEXEC));
		got = MUST(read(fd, text, sizeof(text) - 1));
		text[got] = 0;
		no_poison(path, text, got);
		CHECK_MSG(!strstr(text, "5a5a5a5a") && !strstr(text, "6b6b6b6b") &&
			  !strstr(text, "c5c5c5c5") && !strstr(text, "aaaaaaaa"),
			  "%s has a pattern in it", path);
		close(fd);
	}
}

/* ---- guests ----------------------------------------------------------------------- */

static void what_a_guest_finds_in_its_registers(void)
{
	struct vcpu *vcpu;

	need_poison();
	stain();
	vcpu = start_guest(&guest_shows_registers, 64, 0);
	stain();
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	look("registers of a guest", vcpu->vm->mem + 0x10000, 0x100);
	look("FPU registers of a guest", vcpu->vm->mem + 0x10100, 512);
}

static void what_a_guest_reads_from_msrs(void)
{
	static struct vtr_msr msrs[256];
	uint64_t buffer[1024] = {};
	struct vtr_state_header *head = (void *)buffer;
	struct vtr_state_buffer args = {
		.size = sizeof(args), .mask = 1ull << VTR_STATE_MSRS,
		.buffer = (uintptr_t)buffer, .bytes = sizeof(buffer),
	};
	struct vcpu *vcpu;
	uint32_t *list, nr;

	need_poison();
	vcpu = start_guest(&guest_shows_msrs, 64, 0);
	MUST(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args));
	nr = head->bytes / sizeof(msrs[0]);
	memcpy(msrs, head + 1, head->bytes);
	list = (void *)(vcpu->vm->mem + 0x20000);
	for (uint32_t i = 0; i < nr; i++)
		list[i] = msrs[i].index;
	stain();
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK(nr > 5);
	look("MSRs of a guest", vcpu->vm->mem + 0x10000, 8 * nr);
}

static const struct tap_case cases[] = {
	CASE(the_kernel_is_poisoned),
	CASE(answers_of_the_device_and_the_vm),
	CASE(every_state_record),
	CASE(answers_of_the_vcpu),
	CASE(every_raw_field_without_privileges),
	CASE(the_run_page_and_the_ring),
	CASE(the_run_page_of_an_end),
	CASE(debugfs),
	CASE(what_a_guest_finds_in_its_registers),
	CASE(what_a_guest_reads_from_msrs),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
