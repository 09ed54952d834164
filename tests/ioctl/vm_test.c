// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM files: names, numbers, limits, who may use them; memory slots as data.
 *
 * What happens to memory while a guest runs is in memory_test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

GUEST(halts, 16, "hlt");
GUEST(reads_slots, 64,
      "mov 0x400000, %rax\n mov 0x401000, %rbx\n hlt\n mov 0x400000, %rax\n hlt");

static int create_named(const char *name, size_t bytes)
{
	struct vtr_create_vm args = { .size = sizeof(args) };

	memcpy(args.name, name, bytes);
	return ioctl(open_device(), VTR_CREATE_VM, &args);
}

static void names_follow_the_rules(void)
{
	static const char *const good[] = {
		"a", "web-1", "A.b_c", "0123456789012345678901234567890",
	};
	static const char *const bad[] = { "a b", "a/b", "..\n", "\xc3\xa4", "x;y", "%s" };
	struct vm vm = {};

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		vm.fd = create_named(good[i], strlen(good[i]));
		CHECK_MSG(vm.fd >= 0, "%s was refused: %s", good[i], strerror(errno));
		if (vm.fd >= 0)
			CHECK(!strcmp(get_info(&vm).name, good[i]));
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERRNO(create_named(bad[i], strlen(bad[i])), EINVAL);
	/* No NUL at the end; something behind the NUL. */
	CHECK_ERRNO(create_named("01234567890123456789012345678901", 32), EINVAL);
	CHECK_ERRNO(create_named("a\0b", 3), EINVAL);
}

static void names_and_numbers_are_given(void)
{
	struct vm one = { .fd = new_vm_fd(0) }, two = { .fd = new_vm_fd(0) };
	struct vtr_vm_info info = get_info(&one);
	char name[32];

	snprintf(name, sizeof(name), "vm%u", info.id);
	CHECK(!strcmp(info.name, name));
	CHECK(get_info(&two).id != info.id);
	CHECK_NUM(info.flags, 0);
	CHECK_NUM(info.nr_vcpus, 0);
	CHECK_NUM(info.nr_slots, 0);
	CHECK_NUM(info.mapped_4k + info.mapped_2m, 0);
	CHECK_NUM(info.dead_reason[0], 0);
	/* A descriptor does not survive exec. */
	CHECK_NUM(MUST(fcntl(one.fd, F_GETFD)), FD_CLOEXEC);
}

static void a_hundred_vms_at_once(void)
{
	struct vm vms[100];

	for (unsigned int i = 0; i < 100; i++) {
		vms[i].fd = new_vm_fd(0);
		new_vcpu(&vms[i], 0);
	}
	for (unsigned int i = 0; i < 100; i++)
		REQUIRE_NUM(get_info(&vms[i]).nr_vcpus, 1);
}

/* Refusals must leave nothing: the VM must still take all that it can hold. */
static void descriptor_limits_leave_nothing_behind(void)
{
	struct vm *vm = new_vm(0, 0);
	struct vtr_create_vm args = { .size = sizeof(args) };
	struct vtr_create_vcpu vcpu_args = { .size = sizeof(vcpu_args), .id = 3 };
	struct rlimit limit, tight;

	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	tight = limit;
	tight.rlim_cur = vm->fd + 1;
	MUST(setrlimit(RLIMIT_NOFILE, &tight));
	for (unsigned int i = 0; i < 20; i++) {
		CHECK_ERRNO(ioctl(open_device(), VTR_CREATE_VM, &args), EMFILE);
		CHECK_ERRNO(ioctl(vm->fd, VTR_VM_CREATE_VCPU, &vcpu_args), EMFILE);
	}
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_NUM(get_info(vm).nr_vcpus, 0);
	new_vcpu(vm, 3);
	CHECK_NUM(get_info(vm).nr_vcpus, 1);
}

/* ---- slots ------------------------------------------------------------------------ */

static void slots_must_be_aligned_and_in_range(void)
{
	struct vm *vm = new_vm(0, 0);
	uint8_t *mem = map_memory(1 * MB);

	CHECK_ERRNO(set_slot(vm, 0, 0x800, 4096, mem, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 0, 4095, mem, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 0, 4096, mem + 1, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 0, 4096, mem, 4), EINVAL);
	CHECK_ERRNO(set_slot(vm, VTR_MAX_SLOTS, 0, 4096, mem, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, ~0u, 0, 4096, mem, 0), EINVAL);
	/* Wrapping round, beyond the guest's width, beyond the user's half. */
	CHECK_ERRNO(set_slot(vm, 0, -4096ull, 8192, mem, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 0x1000, -4096ull, mem, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 1ull << 52, 4096, mem, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 0, 8192, (void *)-4096ull, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 0, 4096, (void *)0xffff888000000000ull, 0), EINVAL);
	CHECK_ERRNO(set_slot(vm, 0, 0, 4096, (void *)0xffffffff81000000ull, 0), EINVAL);
	CHECK_NUM(get_info(vm).nr_slots, 0);
}

static void slot_padding_is_checked(void)
{
	struct vm *vm = new_vm(0, 0);
	struct vtr_slot args = {
		.size = sizeof(args), .pad = 1, .bytes = 4096, .hva = (uintptr_t)map_memory(4096),
	};

	CHECK_ERRNO(ioctl(vm->fd, VTR_VM_SET_SLOT, &args), EINVAL);
	args.pad = 0;
	CHECK_NUM(ioctl(vm->fd, VTR_VM_SET_SLOT, &args), 0);
}

static void slots_must_not_overlap(void)
{
	struct vm *vm = new_vm(0, 0);
	uint8_t *mem = map_memory(1 * MB);

	MUST(set_slot(vm, 0, 0x10000, 0x10000, mem, 0));
	CHECK_ERRNO(set_slot(vm, 1, 0x1f000, 0x1000, mem, 0), EEXIST);
	CHECK_ERRNO(set_slot(vm, 1, 0xf000, 0x2000, mem, 0), EEXIST);
	CHECK_ERRNO(set_slot(vm, 1, 0x14000, 0x1000, mem, 0), EEXIST);
	CHECK_ERRNO(set_slot(vm, 1, 0, 0x100000, mem, 0), EEXIST);
	/* Beside it, and the same host memory twice, is fine. */
	CHECK_NUM(set_slot(vm, 1, 0x20000, 0x1000, mem, 0), 0);
	CHECK_NUM(set_slot(vm, 2, 0xf000, 0x1000, mem, 0), 0);
	/* A slot may be moved over its own place. */
	CHECK_NUM(set_slot(vm, 0, 0x11000, 0x2000, mem, 0), 0);
	CHECK_NUM(get_info(vm).nr_slots, 3);
}

static void all_slots_can_be_used(void)
{
	struct vm *vm = new_vm(0, 0);
	uint8_t *mem = map_memory(4096);

	for (unsigned int i = 0; i < VTR_MAX_SLOTS; i++)
		REQUIRE_NUM(set_slot(vm, i, i * 0x2000ull, 4096, mem, 0), 0);
	CHECK_NUM(get_info(vm).nr_slots, VTR_MAX_SLOTS);
	for (unsigned int i = 0; i < VTR_MAX_SLOTS; i++)
		REQUIRE_NUM(set_slot(vm, i, 0, 0, NULL, 0), 0);
	CHECK_NUM(get_info(vm).nr_slots, 0);
	CHECK_ERRNO(set_slot(vm, 0, 0, 0, NULL, 0), ENOENT);
}

static struct vtr_walk walk(struct vm *vm, uint64_t gpa)
{
	struct vtr_walk args = { .size = sizeof(args), .gpa = gpa };

	MUST(ioctl(vm->fd, VTR_VM_WALK, &args));
	return args;
}

static void walk_shows_what_the_guest_has_touched(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vm *vm = vcpu->vm;
	struct vtr_walk w = walk(vm, CODE_AT + 0x123);

	/* Mapped lazily: nothing yet, but the slot is known. */
	CHECK_NUM(w.rights, 0);
	CHECK_NUM(w.leaf_bytes, 0);
	CHECK_NUM(w.slot, 0);
	CHECK_NUM(w.hva, (uintptr_t)vm->mem + CODE_AT + 0x123);
	run_to(vcpu, VTR_EXIT_HLT);

	w = walk(vm, CODE_AT + 0x123);
	CHECK(w.rights & VTR_WALK_EXEC && w.rights & VTR_WALK_READ);
	CHECK_NUM(w.leaf_bytes, 4096);
	CHECK_NUM(w.nr_levels, 4);
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_NUM(w.level[i], 4 - i);
		/* Rights and type are shown, the host's frame is not. */
		CHECK(w.entry[i] & 7);
		CHECK_NUM(w.entry[i] & 0x000ffffffffff000ull, 0);
	}
	w = walk(vm, 1ull << 38);
	CHECK_NUM(w.slot, ~0u);
	CHECK_NUM(w.hva, 0);
	CHECK_NUM(w.rights, 0);
}

static void a_deleted_slot_is_gone_at_once(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_slots, 64, 0);
	struct vm *vm = vcpu->vm;
	uint64_t *mem = map_memory(8192);

	mem[0] = 11;
	mem[512] = 22;
	MUST(set_slot(vm, 1, 4 * MB, 8192, mem, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 11);
	CHECK_NUM(gpr(vcpu, VTR_RBX), 22);
	CHECK(walk(vm, 4 * MB).rights);
	MUST(set_slot(vm, 1, 0, 0, NULL, 0));
	CHECK_NUM(walk(vm, 4 * MB).rights, 0);
	REQUIRE(run_to(vcpu, VTR_EXIT_MMIO));
	CHECK(!vcpu->run->mmio.is_write);
	CHECK_NUM(vcpu->run->mmio.gpa, 4 * MB);
}

static void a_replaced_slot_shows_the_new_memory(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_slots, 64, 0);
	uint64_t *old = map_memory(8192), *new = map_memory(8192);

	old[0] = 11;
	new[0] = 33;
	MUST(set_slot(vcpu->vm, 1, 4 * MB, 8192, old, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 11);
	MUST(set_slot(vcpu->vm, 1, 4 * MB, 8192, new, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 33);
}

/* ---- who may use them ---------------------------------------------------------------- */

static void check_all_refused(int vm_fd, int vcpu_fd)
{
	struct vtr_vm_info info = { .size = sizeof(info) };
	struct vtr_slot slot = { .size = sizeof(slot) };
	struct vtr_create_vcpu create = { .size = sizeof(create), .id = 9 };
	struct vtr_vcpu_stats stats = { .size = sizeof(stats) };

	CHECK_ERRNO(ioctl(vm_fd, VTR_VM_GET_INFO, &info), EIO);
	CHECK_ERRNO(ioctl(vm_fd, VTR_VM_SET_SLOT, &slot), EIO);
	CHECK_ERRNO(ioctl(vm_fd, VTR_VM_CREATE_VCPU, &create), EIO);
	CHECK_ERRNO(ioctl(vcpu_fd, VTR_VCPU_RUN, 0), EIO);
	CHECK_ERRNO(ioctl(vcpu_fd, VTR_VCPU_GET_STATS, &stats), EIO);
}

static void a_forked_child_is_refused(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	pid_t child = fork();
	int status;

	if (!child) {
		check_all_refused(vcpu->vm->fd, vcpu->fd);
		tap_end();
	}
	MUST(waitpid(child, &status, 0));
	CHECK_NUM(status, 0);
	run_to(vcpu, VTR_EXIT_HLT);
}

static void send_fds(int socket, int one, int two)
{
	int fds[2] = { one, two };
	char room[CMSG_SPACE(sizeof(fds))] = {}, byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(head), fds, sizeof(fds));
	MUST(sendmsg(socket, &msg, 0));
}

static void receive_fds(int socket, int *fds)
{
	char room[CMSG_SPACE(2 * sizeof(int))] = {}, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};

	MUST(recvmsg(socket, &msg, 0));
	REQUIRE(CMSG_FIRSTHDR(&msg));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), 2 * sizeof(int));
}

/* The maker ends while another process holds its files. */
static void files_handed_to_another_process_are_refused_there(void)
{
	int sockets[2], fds[2], status;
	pid_t maker;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	maker = fork();
	if (!maker) {
		struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

		run_to(vcpu, VTR_EXIT_HLT);
		send_fds(sockets[1], vcpu->vm->fd, vcpu->fd);
		read(sockets[1], &status, 1);
		tap_end();
	}
	receive_fds(sockets[0], fds);
	check_all_refused(fds[0], fds[1]);
	MUST(write(sockets[0], "x", 1));
	MUST(waitpid(maker, &status, 0));
	CHECK_NUM(status, 0);
	check_all_refused(fds[0], fds[1]);
	/* Its run page is still there to be mapped, and says nothing of the host's. */
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[1], 0) != MAP_FAILED);
}

static const struct tap_case cases[] = {
	CASE(names_follow_the_rules),
	CASE(names_and_numbers_are_given),
	CASE(a_hundred_vms_at_once),
	CASE(descriptor_limits_leave_nothing_behind),
	CASE(slots_must_be_aligned_and_in_range),
	CASE(slot_padding_is_checked),
	CASE(slots_must_not_overlap),
	CASE(all_slots_can_be_used),
	CASE(walk_shows_what_the_guest_has_touched),
	CASE(a_deleted_slot_is_gone_at_once),
	CASE(a_replaced_slot_shows_the_new_memory),
	CASE(a_forked_child_is_refused),
	CASE(files_handed_to_another_process_are_refused_there),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
