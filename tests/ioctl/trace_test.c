// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seeing exits: the trace ring, trace points in tracefs, files in debugfs.
 *
 * The ring is checked as a grammar: each arrow of the picture may follow only
 * certain others (enum vtr_trace_kind).  debugfs is read while guests run and
 * while they are destroyed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

#define DEBUGFS	"/sys/kernel/debug/vitrine"
#define TRACEFS	"/sys/kernel/tracing"

GUEST(halts, 16, "hlt");
GUEST(makes_exits, 64,
      "xor %eax, %eax\n cpuid\n mov $0x600, %dx\n out %al, %dx\n in %dx, %al\n"
      "mov $0, %eax\n vmcall\n mov $0x1234, %eax\n vmcall\n mov $0xc0000080, %ecx\n rdmsr\n hlt");
GUEST(many_cpuids, 64, "mov $1000, %edi\n 1: xor %eax, %eax\n cpuid\n dec %edi\n jnz 1b\n hlt");

/* ---- the ring ------------------------------------------------------------------ */

static const struct vtr_trace_ring *map_ring(struct vcpu *vcpu)
{
	struct vtr_caps caps = { .size = sizeof(caps) };
	const struct vtr_trace_ring *ring;

	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	ring = (void *)MUST(mmap(NULL, caps.trace_bytes, PROT_READ, MAP_SHARED, vcpu->fd,
				 caps.trace_offset));
	REQUIRE_NUM(ring->record_bytes, sizeof(struct vtr_trace_record));
	REQUIRE(ring->data_offset + ring->nr_records * ring->record_bytes <= caps.trace_bytes);
	return ring;
}

static const struct vtr_trace_record *record(const struct vtr_trace_ring *ring, uint64_t n)
{
	return (const void *)((const char *)ring + ring->data_offset +
			      n % ring->nr_records * ring->record_bytes);
}

/* May @next follow @kind? */
static bool may_follow(unsigned int kind, unsigned int next)
{
	switch (kind) {
	case VTR_TRACE_FROM_USER:
		return next == VTR_TRACE_ENTRY || next == VTR_TRACE_INJECT ||
		       next == VTR_TRACE_TO_USER;
	case VTR_TRACE_INJECT:
		return next == VTR_TRACE_ENTRY || next == VTR_TRACE_INJECT ||
		       next == VTR_TRACE_TO_USER;
	case VTR_TRACE_ENTRY:
		return next == VTR_TRACE_EXIT;
	case VTR_TRACE_EXIT:
		return next == VTR_TRACE_HANDLED || next == VTR_TRACE_TO_USER ||
		       next == VTR_TRACE_HOST;
	case VTR_TRACE_HOST:
		return next == VTR_TRACE_HANDLED;
	case VTR_TRACE_HANDLED:
		return next == VTR_TRACE_ENTRY || next == VTR_TRACE_INJECT ||
		       next == VTR_TRACE_TO_USER;
	case VTR_TRACE_TO_USER:
		return next == VTR_TRACE_FROM_USER;
	}
	return false;
}

/* Check records @first to @head - 1; count exits by neutral kind. */
static void check_arrows(const struct vtr_trace_ring *ring, uint64_t first, unsigned int *kinds)
{
	for (uint64_t n = first; n < ring->head; n++) {
		const struct vtr_trace_record *r = record(ring, n), *last = record(ring, n - 1);

		REQUIRE_NUM(r->seq, n);
		CHECK_NUM(r->version, 1);
		CHECK_NUM(r->level, 0);
		if (r->kind == VTR_TRACE_EXIT && r->hw_kind < VTR_HW_NR)
			kinds[r->hw_kind]++;
		if (n == first)
			continue;
		CHECK_MSG(may_follow(last->kind, r->kind), "record %llu: arrow %u behind arrow %u",
			  (unsigned long long)n, r->kind, last->kind);
		if (r->cpu == last->cpu)
			CHECK(r->tsc >= last->tsc);
	}
}

static void run_to_the_halt(struct vcpu *vcpu)
{
	do
		MUST(run_through(vcpu));
	while (vcpu->run->exit == VTR_EXIT_IO || vcpu->run->exit == VTR_EXIT_HYPERCALL);
	REQUIRE_NUM(vcpu->run->exit, VTR_EXIT_HLT);
}

static const struct vtr_trace_record *find_exit(const struct vtr_trace_ring *ring,
						unsigned int hw_kind, unsigned int skip)
{
	for (uint64_t n = 0; n < ring->head; n++)
		if (record(ring, n)->kind == VTR_TRACE_EXIT &&
		    record(ring, n)->hw_kind == hw_kind && !skip--)
			return record(ring, n);
	return NULL;
}

static void every_arrow_in_its_order(void)
{
	struct vcpu *vcpu = start_guest(&guest_makes_exits, 64, VTR_VM_TRACE);
	const struct vtr_trace_ring *ring = map_ring(vcpu);
	const struct vtr_trace_record *r;
	unsigned int kinds[VTR_HW_NR] = {};

	CHECK_NUM(ring->enabled, 1);
	CHECK_NUM(ring->head, 0);
	run_to_the_halt(vcpu);
	check_arrows(ring, 0, kinds);
	CHECK_NUM(record(ring, 0)->kind, VTR_TRACE_FROM_USER);
	CHECK_NUM(record(ring, ring->head - 1)->kind, VTR_TRACE_TO_USER);
	CHECK_NUM(record(ring, ring->head - 1)->arg0, VTR_EXIT_HLT);
	CHECK_NUM(kinds[VTR_HW_CPUID], 1);
	CHECK_NUM(kinds[VTR_HW_IO], 2);
	CHECK_NUM(kinds[VTR_HW_HYPERCALL], 2);
	CHECK_NUM(kinds[VTR_HW_MSR], 1);
	CHECK_NUM(kinds[VTR_HW_HLT], 1);
	CHECK(kinds[VTR_HW_SLAT] >= 4);

	/* Details: where, how long, with what. */
	r = find_exit(ring, VTR_HW_CPUID, 0);
	REQUIRE(r);
	CHECK_NUM(r->arg0, CODE_AT + 2);
	CHECK_NUM(r->insn_bytes, 2);
	CHECK_NUM(r->hw_reason, 10);
	r = find_exit(ring, VTR_HW_IO, 0);
	REQUIRE(r);
	CHECK_NUM(r->arg1, 0x600 | 1 << 16);
	r = find_exit(ring, VTR_HW_IO, 1);
	REQUIRE(r);
	CHECK_NUM(r->arg1, 0x600 | 1 << 16 | 1 << 24);
	r = find_exit(ring, VTR_HW_HYPERCALL, 1);
	REQUIRE(r);
	CHECK_NUM(r->arg1, 0x1234);
	r = find_exit(ring, VTR_HW_MSR, 0);
	REQUIRE(r);
	CHECK_NUM(r->arg1, 0xc0000080);
}

static void a_slow_reader_can_tell_what_is_lost(void)
{
	struct vcpu *vcpu = start_guest(&guest_many_cpuids, 64, VTR_VM_TRACE);
	const struct vtr_trace_ring *ring = map_ring(vcpu);
	unsigned int kinds[VTR_HW_NR] = {};
	uint64_t oldest;

	run_to_the_halt(vcpu);
	REQUIRE(ring->head > 2 * ring->nr_records);
	/* What is left is the newest lap, without a gap. */
	oldest = ring->head - ring->nr_records;
	check_arrows(ring, oldest, kinds);
	CHECK(kinds[VTR_HW_CPUID] > ring->nr_records / 3 - 50);
	/* Record 0 was overwritten, and its number says so. */
	CHECK(record(ring, 0)->seq >= oldest);
}

/* Not one record is lost if the ring is read behind each RUN. */
static void a_whole_trace_waits_for_its_reader(void)
{
	struct vcpu *vcpu = start_guest(&guest_many_cpuids, 64, VTR_VM_TRACE | VTR_VM_TRACE_WHOLE);
	const struct vtr_trace_ring *ring = map_ring(vcpu);
	unsigned int kinds[VTR_HW_NR] = {}, calls = 0;
	uint64_t seen = 0;

	do {
		MUST(run_through(vcpu));
		REQUIRE(ring->head - seen < ring->nr_records);
		check_arrows(ring, seen, kinds);
		seen = ring->head;
		calls++;
	} while (vcpu->run->exit == VTR_EXIT_TRACE);
	CHECK_NUM(vcpu->run->exit, VTR_EXIT_HLT);
	CHECK(seen > 2 * ring->nr_records);
	CHECK_NUM(kinds[VTR_HW_CPUID], 1000);
	/* It comes up no more often than it must. */
	CHECK(calls <= seen / (ring->nr_records - 32) + 1);
}

static void a_whole_trace_needs_a_trace(void)
{
	struct vtr_create_vm args = { .size = sizeof(args), .flags = VTR_VM_TRACE_WHOLE };

	CHECK_ERRNO(ioctl(open_device(), VTR_CREATE_VM, &args), EINVAL);
}

static void a_vm_without_tracing_records_nothing(void)
{
	struct vcpu *vcpu = start_guest(&guest_makes_exits, 64, 0);
	const struct vtr_trace_ring *ring = map_ring(vcpu);

	run_to_the_halt(vcpu);
	CHECK_NUM(ring->enabled, 0);
	CHECK_NUM(ring->head, 0);
}

static void the_ring_can_be_read_while_the_guest_runs(void)
{
	struct vcpu *vcpu = start_guest(&guest_many_cpuids, 64, VTR_VM_TRACE);
	const struct vtr_trace_ring *ring = map_ring(vcpu);
	struct runner runner = {};
	uint64_t next = 0, read = 0, lost = 0;

	start_runner(&runner, vcpu, nr_cpus() - 1);
	do {
		uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);

		if (head - next > ring->nr_records) {
			lost += head - ring->nr_records - next;
			next = head - ring->nr_records;
		}
		for (; next < head; next++) {
			struct vtr_trace_record copy = *record(ring, next);

			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (ring->head - next >= ring->nr_records) {
				lost++;
				continue;
			}
			CHECK_NUM(copy.seq, next);
			read++;
		}
	} while (!runner.done || next < ring->head);
	join_runner(&runner);
	CHECK_NUM(read + lost, ring->head);
	CHECK(read > 0);
}

/* ---- trace points ------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 && errno == ENOENT)
		tap_skip("this kernel has no %s", path);
	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* The whole file; it belongs to the caller. */
static char *read_whole(const char *path)
{
	size_t room = 1 << 20, at = 0;
	char *text = malloc(room);
	int fd = open(path, O_RDONLY);
	ssize_t got;

	if (fd < 0 || !text) {
		free(text);
		return NULL;
	}
	while (at < room - 1 && (got = read(fd, text + at, room - 1 - at)) > 0)
		at += got;
	close(fd);
	text[at] = 0;
	return text;
}

static unsigned int count(const char *text, const char *part)
{
	unsigned int n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text += strlen(part);
	}
	return n;
}

static void trace_points_show_entries_and_exits(void)
{
	struct vcpu *vcpu = start_guest(&guest_makes_exits, 64, 0);
	struct vtr_vcpu_stats stats;
	char *text;

	write_file(TRACEFS "/events/vitrine/enable", "1");
	write_file(TRACEFS "/trace", "");
	run_to_the_halt(vcpu);
	write_file(TRACEFS "/events/vitrine/enable", "0");
	stats = get_stats(vcpu);
	text = read_whole(TRACEFS "/trace");
	REQUIRE(text);
	CHECK_NUM(count(text, " vtr_entry: "), stats.exits);
	CHECK_NUM(count(text, " vtr_exit: "), stats.exits);
	CHECK_NUM(count(text, " vtr_user_exit: "), stats.to_user);
	CHECK(count(text, " vtr_slat_fault: ") >= 4);
	CHECK(strstr(text, "CPUID"));
	CHECK(strstr(text, "HYPERCALL"));
	if (!tap_good())
		tap_note("%.700s", text);
}

/* ---- debugfs -------------------------------------------------------------------------- */

static char *read_vm_file(struct vm *vm, const char *name)
{
	char path[128];
	char *text;

	snprintf(path, sizeof(path), DEBUGFS "/vm%u/%s", get_info(vm).id, name);
	text = read_whole(path);
	if (!CHECK_MSG(text, "%s cannot be read: %s", path, strerror(errno)))
		tap_end();
	return text;
}

static void check_has(const char *text, const char *part)
{
	CHECK_MSG(strstr(text, part), "'%s' is not in: %.300s", part, text);
}

static void each_file_tells_about_its_object(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, VTR_VM_TRACE);
	struct vm *vm = vcpu->vm;
	char *text;

	run_to(vcpu, VTR_EXIT_HLT);
	text = read_vm_file(vm, "info");
	check_has(text, "state: alive\n");
	check_has(text, "vcpus: 1\nslots: 1\n");
	check_has(text, "mapped_4k: 1\n");
	check_has(read_vm_file(vm, "slots"), "0 0x0 0x400000 0x");
	check_has(read_vm_file(vm, "ept"), "0x000000008000-0x000000009000 4K r");
	text = read_vm_file(vm, "vcpu0/registers");
	check_has(text, "rip  0x0000000000008001");
	check_has(text, "cs   0000 base 0x0000000000000000 limit 0x0000ffff");
	text = read_vm_file(vm, "vcpu0/vmcs");
	check_has(text, "\t0x681e\t0x8001\t");
	check_has(read_vm_file(vm, "vcpu0/exits"), "12 HLT 1 ");
	check_has(read_vm_file(vm, "vcpu0/last_exits"), "HLT");
	text = read_whole(DEBUGFS "/cpu0");
	REQUIRE(text);
	check_has(text, "vmx_root_mode: on");
	text = read_vm_file(new_vm(0, 0), "info");
	check_has(text, "vcpus: 0\nslots: 0\n");
}

static void a_running_vcpu_can_be_looked_at(void)
{
	struct vcpu *vcpu = new_vcpu(new_vm(4 * MB, 0), 0);
	struct runner runner = {};
	char *text;

	load_guest(vcpu, "spin");
	start_runner(&runner, vcpu, nr_cpus() - 1);
	WAIT_UNTIL(*(volatile uint64_t *)(vcpu->vm->mem + 2 * MB));
	for (int i = 0; i < 10; i++) {
		text = read_vm_file(vcpu->vm, "vcpu0/registers");
		check_has(text, "rbx  0x0000000000200000");
		check_has(text, "rip  0x00000000001000");
		free(text);
		free(read_vm_file(vcpu->vm, "vcpu0/vmcs"));
	}
	CHECK(!runner.done);
	stop_runner(&runner);
}

static void read_tree(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[512];

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR)
			read_tree(path);
		else
			free(read_whole(path));
	}
	closedir(dir);
}

/* Whatever is read may go away at any moment: no report of the kernel, no hang. */
static void files_are_read_while_guests_come_and_go(void)
{
	pid_t reader = MUST(fork());
	int status;

	if (!reader)
		for (;;)
			read_tree(DEBUGFS);
	for (int i = 0; i < 30; i++) {
		struct vcpu *vcpu = start_guest(&guest_makes_exits, 64, VTR_VM_TRACE);

		run_to_the_halt(vcpu);
		munmap(vcpu->run, 4096);
		close(vcpu->fd);
		close(vcpu->vm->fd);
	}
	MUST(kill(reader, SIGKILL));
	MUST(waitpid(reader, &status, 0));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void files_are_gone_with_their_vm(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	char path[128];
	int fd;
	char byte;

	snprintf(path, sizeof(path), DEBUGFS "/vm%u/vcpu0/exits", get_info(vcpu->vm).id);
	fd = MUST(open(path, O_RDONLY));
	munmap(vcpu->run, 4096);
	close(vcpu->fd);
	CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
	/* A file that is still open has nothing behind it any more. */
	CHECK_ERRNO(read(fd, &byte, 1), EIO);
}

static const struct tap_case cases[] = {
	CASE(every_arrow_in_its_order),
	CASE(a_slow_reader_can_tell_what_is_lost),
	CASE(a_whole_trace_waits_for_its_reader),
	CASE(a_whole_trace_needs_a_trace),
	CASE(a_vm_without_tracing_records_nothing),
	CASE(the_ring_can_be_read_while_the_guest_runs),
	CASE(trace_points_show_entries_and_exits),
	CASE(each_file_tells_about_its_object),
	CASE(a_running_vcpu_can_be_looked_at),
	CASE(files_are_read_while_guests_come_and_go),
	CASE(files_are_gone_with_their_vm),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
