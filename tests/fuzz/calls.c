// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of the ioctl fuzzer: how each argument looks, right or nearly so.
 *
 * Read world.h first.  A call fills its structure with values that make sense
 * (so that the module gets deep into its work), then spoil() may change bytes,
 * the size, or the place where it lies.  Answers are judged by judge(): an errno
 * that no call of the interface has is a finding.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

#define PAGE		4096u
#define STATE_ROOM	16384u
#define DEBUG_TOP	"/sys/kernel/debug/vitrine"

/* ---- answers ---------------------------------------------------------------------- */

/* What ioctl-uapi/README.md lists, and what the kernel says for a lost descriptor. */
static int is_expected(int error)
{
	switch (error) {
	case 0: case EINVAL: case EFAULT: case ENOTTY: case E2BIG: case EBADF: case EIO:
	case EBUSY: case EAGAIN: case EEXIST: case ENOMEM: case EINTR: case ENOSPC:
	case EOPNOTSUPP: case EMFILE: case EPERM: case ENOENT:
		return 1;
	}
	return 0;
}

static int judge(struct fuzzer *f, const char *what, long ret)
{
	int error = ret < 0 ? errno : 0;

	if (error >= FUZZ_ERRNOS || (!is_expected(error) && ret < 0)) {
		printf("# %s: unexpected errno %d (%s)\n", what, error, strerror(error));
		f->world->bad++;
		error = 0;
	}
	f->outcome[error]++;
	return ret < 0 ? -1 : (int)ret;
}

static void complain(struct fuzzer *f, const char *what, uint64_t value)
{
	printf("# %s: 0x%llx\n", what, (unsigned long long)value);
	f->world->bad++;
}

/* ---- arguments ---------------------------------------------------------------------- */

/* A place that is wrong in one of the ways in which a pointer can be. */
static void *wrong_place(struct fuzzer *f)
{
	switch (random_below(&f->random, 5)) {
	case 0:
		return NULL;
	case 1:
		return (void *)random_edge(&f->random);
	case 2:
		return f->argument - random_below(&f->random, 16);	/* runs into nothing */
	case 3:
		return f->world->arena + random_below(&f->random, ARENA_BYTES);
	default:
		return f->world->map[random_below(&f->random, WORLD_MAPS)].at;
	}
}

/*
 * Put a structure of @bytes where it ends at the end of mapped memory, and
 * spoil it now and then.  Its first member is its size.
 */
static void *argument(struct fuzzer *f, const void *from, uint32_t bytes)
{
	uint32_t tail = one_in(&f->random, 20) ? 8 * random_below(&f->random, 5) : 0;
	uint8_t *at = f->argument - bytes - tail;

	memset(at, 0, bytes + tail);
	memcpy(at, from, bytes);
	if (tail)
		*(uint32_t *)at = bytes + tail;
	if (one_in(&f->random, 8))
		at[random_below(&f->random, bytes + tail)] = random_value(&f->random);
	if (one_in(&f->random, 20))
		*(uint32_t *)at = random_value(&f->random);
	if (one_in(&f->random, 50))
		random_bytes(&f->random, at, bytes);
	return one_in(&f->random, 25) ? wrong_place(f) : at;
}

static uint64_t flags(struct fuzzer *f, uint32_t known)
{
	return one_in(&f->random, 20) ? random_value(&f->random) : random_u64(&f->random) & known;
}

/* One of the places, seldom an empty one. */
static int pick(struct fuzzer *f, volatile int *places, unsigned int nr)
{
	int fd = -1;

	for (int tries = 0; tries < 6 && fd < 0; tries++)
		fd = places[random_below(&f->random, nr)];
	return fd;
}

static int device(struct fuzzer *f)
{
	return pick(f, f->world->device, WORLD_DEVICES);
}

static int vm(struct fuzzer *f)
{
	return pick(f, f->world->vm, WORLD_VMS);
}

static int vcpu(struct fuzzer *f)
{
	return pick(f, f->world->vcpu, WORLD_VCPUS);
}

/* A descriptor of another kind, now and then. */
static int perhaps(struct fuzzer *f, int fd)
{
	if (!one_in(&f->random, 30))
		return fd;
	switch (random_below(&f->random, 4)) {
	case 0:
		return device(f);
	case 1:
		return vm(f);
	case 2:
		return vcpu(f);
	default:
		return random_below(&f->random, 64);
	}
}

static int call(struct fuzzer *f, const char *what, int fd, unsigned long cmd, void *arg)
{
	return judge(f, what, ioctl(perhaps(f, fd), cmd, arg));
}

#define CALL(f, fd, cmd, structure) \
	call(f, #cmd, fd, cmd, argument(f, &(structure), sizeof(structure)))

/* Put a new descriptor into a place; what was there is closed. */
static void keep(volatile int *places, unsigned int nr, struct random *random, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&places[random_below(random, nr)], fd, __ATOMIC_SEQ_CST);
	if (old >= 0)
		close(old);
}

/* ---- /dev/vitrine ---------------------------------------------------------------------- */

static void fuzz_open(struct fuzzer *f)
{
	keep(f->world->device, WORLD_DEVICES, &f->random,
	     judge(f, "open", open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC)));
}

static void fuzz_version(struct fuzzer *f)
{
	uint64_t arg = one_in(&f->random, 3) ? random_value(&f->random) : 0;
	int ret = call(f, "VTR_GET_API_VERSION", device(f), VTR_GET_API_VERSION, (void *)arg);

	if (ret > VTR_API_VERSION)
		complain(f, "version", ret);
}

static void fuzz_caps(struct fuzzer *f)
{
	struct vtr_feature *features = f->scratch;
	struct vtr_caps caps = { .size = sizeof(caps) };

	if (one_in(&f->random, 2)) {
		caps.nr_features = random_below(&f->random, 64);
		caps.features = one_in(&f->random, 10) ? random_value(&f->random) :
							 (uintptr_t)features;
	}
	CALL(f, device(f), VTR_GET_CAPS, caps);
}

/* A VM in which a vCPU can run, as long as nobody closes it meanwhile. */
void world_furnish(struct world *world, struct random *random, int vm)
{
	static const uint64_t bases[] = { 0, 0x100000000 - ARENA_BYTES };
	struct vtr_create_vcpu vcpu = { .size = sizeof(vcpu) };
	struct map *map = &world->map[random_below(random, WORLD_MAPS)];
	void *at;
	int fd;

	for (unsigned int i = 0; i < 2; i++) {
		struct vtr_slot slot = {
			.size = sizeof(slot), .slot = i, .gpa = bases[i],
			.bytes = ARENA_BYTES, .hva = (uintptr_t)world->arena,
		};

		ioctl(vm, VTR_VM_SET_SLOT, &slot);
	}
	fd = ioctl(vm, VTR_VM_CREATE_VCPU, &vcpu);
	if (fd < 0)
		return;
	at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED && !map->at) {
		map->bytes = PAGE;
		map->at = at;
	} else if (at != MAP_FAILED) {
		munmap(at, PAGE);
	}
	keep(world->vcpu, WORLD_VCPUS, random, fd);
}

static void fuzz_create_vm(struct fuzzer *f)
{
	struct vtr_create_vm args = { .size = sizeof(args), .flags = flags(f, VTR_VM_TRACE) };
	int fd;

	if (!one_in(&f->random, 8))	/* making one is dear */
		return fuzz_version(f);
	if (one_in(&f->random, 2))
		strcpy(args.name, one_in(&f->random, 2) ? "fuzz" : "../..");
	fd = CALL(f, device(f), VTR_CREATE_VM, args);
	if (fd < 0)
		return;
	if (!one_in(&f->random, 4))
		world_furnish(f->world, &f->random, fd);
	keep(f->world->vm, WORLD_VMS, &f->random, fd);
}

/* ---- a VM ---------------------------------------------------------------------------------- */

/* Addresses at which guests do begin, and others. */
static uint64_t some_gpa(struct fuzzer *f)
{
	static const uint64_t likely[] = { 0, 0, 0xfff00000, 0xffc00000, 0x100000, 0x200000 };

	if (one_in(&f->random, 6))
		return random_value(&f->random);
	return likely[random_below(&f->random, 6)] + (one_in(&f->random, 4) ?
		PAGE * random_below(&f->random, 512) : 0);
}

static void fuzz_set_slot(struct fuzzer *f)
{
	uint32_t at = one_in(&f->random, 2) ? 0 : PAGE * random_below(&f->random, 1024);
	struct vtr_slot slot = {
		.size = sizeof(slot),
		.flags = one_in(&f->random, 4) ? flags(f, VTR_SLOT_READONLY) : 0,
		.slot = random_below(&f->random, 6),
		.gpa = some_gpa(f),
		.bytes = one_in(&f->random, 5) ? 0 : ARENA_BYTES - at,
		.hva = (uintptr_t)f->world->arena + at,
	};

	if (one_in(&f->random, 4))
		slot.bytes = PAGE * random_below(&f->random, 1024);
	CALL(f, vm(f), VTR_VM_SET_SLOT, slot);
}

static void fuzz_create_vcpu(struct fuzzer *f)
{
	struct vtr_create_vcpu args = {
		.size = sizeof(args), .id = random_below(&f->random, 4),
		.apic_id = random_below(&f->random, 8),
	};

	if (!one_in(&f->random, 8))
		return fuzz_set_slot(f);
	keep(f->world->vcpu, WORLD_VCPUS, &f->random, CALL(f, vm(f), VTR_VM_CREATE_VCPU, args));
}

static void fuzz_info(struct fuzzer *f)
{
	struct vtr_vm_info info = { .size = sizeof(info) };

	CALL(f, vm(f), VTR_VM_GET_INFO, info);
}

static void fuzz_walk(struct fuzzer *f)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = some_gpa(f) };

	CALL(f, vm(f), VTR_VM_WALK, walk);
}

/* ---- a vCPU -------------------------------------------------------------------------------- */

static void set_alarm(struct fuzzer *f, long first_ns, long then_ns)
{
	struct itimerspec at = { .it_value.tv_nsec = first_ns, .it_interval.tv_nsec = then_ns };

	timer_settime(f->timer, 0, &at, NULL);
}

static void fuzz_run(struct fuzzer *f)
{
	struct vtr_run *run = f->world->map[random_below(&f->random, WORLD_MAPS)].at;
	uint64_t arg = one_in(&f->random, 50) ? random_value(&f->random) : 0;

	/* A signal at any point of the way in, and again, so that nothing runs for ever. */
	set_alarm(f, 1 + random_below(&f->random, 2000000), 2000000);
	if (!call(f, "VTR_VCPU_RUN", vcpu(f), VTR_VCPU_RUN, (void *)arg) && run) {
		/* Other threads write there too; only what is far off is wrong. */
		uint32_t kind = run->exit;

		f->exits[kind < FUZZ_EXITS ? kind : 0]++;
		/* A dead VM answers nothing any more: make another one now and then. */
		if (kind == VTR_EXIT_STOPPED)
			fuzz_create_vm(f);
	}
	set_alarm(f, 0, 0);
}

static uint32_t take_state(int fd, uint64_t *buffer, uint64_t mask)
{
	struct vtr_state_buffer args = {
		.size = sizeof(args), .mask = mask, .buffer = (uintptr_t)buffer,
		.bytes = STATE_ROOM,
	};

	return ioctl(fd, VTR_VCPU_GET_STATE, &args) ? 0 : args.bytes;
}

static void fuzz_get_state(struct fuzzer *f)
{
	uint64_t *buffer = f->scratch;
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer,
		.mask = one_in(&f->random, 2) ? 0 : random_u64(&f->random) & 0x1fe,
		.bytes = one_in(&f->random, 3) ? random_below(&f->random, STATE_ROOM) : STATE_ROOM,
	};

	if (one_in(&f->random, 10))
		args.buffer = (uintptr_t)wrong_place(f);
	CALL(f, vcpu(f), VTR_VCPU_GET_STATE, args);
}

/* A state that the module gave, a little changed. */
static void fuzz_set_state(struct fuzzer *f)
{
	uint64_t *buffer = f->scratch;
	int fd = vcpu(f);
	uint64_t mask = one_in(&f->random, 3) ? 0 : 1ull << (1 + random_below(&f->random, 8));
	uint32_t bytes = take_state(fd, buffer, mask);
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = bytes,
	};

	if (!bytes)
		return (void)judge(f, "VTR_VCPU_GET_STATE", -1);
	for (uint32_t i = random_below(&f->random, 4); i; i--) {
		uint32_t word = random_below(&f->random, bytes / 8);

		buffer[word] = one_in(&f->random, 2) ? random_value(&f->random) :
			       buffer[word] ^ 1ull << random_below(&f->random, 64);
	}
	if (one_in(&f->random, 10))
		args.bytes = random_below(&f->random, bytes + 16);
	if (one_in(&f->random, 20))
		args.buffer += random_below(&f->random, 8);
	CALL(f, fd, VTR_VCPU_SET_STATE, args);
}

static void fuzz_debug(struct fuzzer *f)
{
	struct vtr_debug args = { .size = sizeof(args), .flags = flags(f, 3) };

	CALL(f, vcpu(f), VTR_VCPU_DEBUG, args);
}

static void fuzz_translate(struct fuzzer *f)
{
	struct vtr_translate args = { .size = sizeof(args), .gva = some_gpa(f) };

	CALL(f, vcpu(f), VTR_VCPU_TRANSLATE, args);
}

static void fuzz_read_fields(struct fuzzer *f)
{
	struct vtr_field *fields = f->scratch;
	struct vtr_read_fields args = {
		.size = sizeof(args), .backend = VTR_BACKEND_VMX,
		.nr_fields = one_in(&f->random, 10) ? random_below(&f->random, 514) :
						      1 + random_below(&f->random, 8),
		.fields = (uintptr_t)fields,
	};

	for (unsigned int i = 0; i < 512 && i < args.nr_fields; i++)
		fields[i].encoding = one_in(&f->random, 8) ? random_value(&f->random) :
				     (random_u64(&f->random) & 0x6c3f);
	if (one_in(&f->random, 20))
		args.fields = (uintptr_t)wrong_place(f);
	CALL(f, vcpu(f), VTR_VCPU_READ_FIELDS, args);
}

static void fuzz_inject(struct fuzzer *f)
{
	struct vtr_inject args = {
		.size = sizeof(args),
		.event = {
			.kind = random_below(&f->random, 8),
			.vector = random_below(&f->random, one_in(&f->random, 4) ? 256 : 32),
			.has_error = one_in(&f->random, 3),
			.insn_bytes = random_below(&f->random, 17),
			.error = one_in(&f->random, 2) ? 0 : random_value(&f->random),
		},
	};

	if (one_in(&f->random, 2))
		args.event.insn_bytes = 0;
	CALL(f, vcpu(f), VTR_VCPU_INJECT, args);
}

static void fuzz_stats(struct fuzzer *f)
{
	struct vtr_vcpu_stats stats = { .size = sizeof(stats) };

	CALL(f, vcpu(f), VTR_VCPU_GET_STATS, stats);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void drop_map(struct map *map)
{
	void *at = __atomic_exchange_n(&map->at, NULL, __ATOMIC_SEQ_CST);

	/* Other threads may be reading there: memory stays, the module's pages go. */
	if (at)
		mmap(at, map->bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void fuzz_mmap(struct fuzzer *f)
{
	struct map *map = &f->world->map[random_below(&f->random, WORLD_MAPS)];
	uint32_t pages = one_in(&f->random, 3) ? 1 + random_below(&f->random, 20) : 1;
	uint64_t offset = one_in(&f->random, 2) ? 0 : PAGE * random_below(&f->random, 20);
	int prot = one_in(&f->random, 5) ? random_below(&f->random, 8) : PROT_READ | PROT_WRITE;
	int kind = one_in(&f->random, 10) ? MAP_PRIVATE : MAP_SHARED;
	void *at;

	if (one_in(&f->random, 10))
		offset = random_value(&f->random) & ~0xfffull;
	if (offset && !one_in(&f->random, 4))
		prot = PROT_READ;
	at = mmap(NULL, pages * PAGE, prot, kind, perhaps(f, vcpu(f)), offset);
	if (at == MAP_FAILED) {
		/* A file of another kind cannot be mapped at all; sums may overflow. */
		f->outcome[errno == ENODEV || errno == EOVERFLOW || errno == EACCES ? EINVAL :
			   errno]++;
		return;
	}
	f->outcome[0]++;
	if (offset || prot != (PROT_READ | PROT_WRITE) || kind != MAP_SHARED) {
		/* Look at what can be looked at; bytes behind the ring are SIGBUS. */
		char scratch[64];
		int fds[2];

		if ((prot & PROT_READ) && !pipe(fds)) {
			/* Through the kernel: a page that is not there is EFAULT there. */
			if (write(fds[1], (char *)at + (pages - 1) * PAGE, sizeof(scratch)) < 0 &&
			    errno != EFAULT)
				complain(f, "read of a map: errno", errno);
			close(fds[0]);
			close(fds[1]);
		}
		munmap(at, pages * PAGE);
		return;
	}
	if (pages > 1) {
		complain(f, "writable map of the trace ring, pages", pages);
		munmap(at, pages * PAGE);
		return;
	}
	drop_map(map);
	map->bytes = PAGE;
	map->at = at;
}

static void fuzz_unmap(struct fuzzer *f)
{
	drop_map(&f->world->map[random_below(&f->random, WORLD_MAPS)]);
	f->outcome[0]++;
}

/* The run page is the program's to write, at any moment. */
static void fuzz_run_page(struct fuzzer *f)
{
	uint8_t *page = f->world->map[random_below(&f->random, WORLD_MAPS)].at;
	struct vtr_run *run = (void *)page;

	f->outcome[0]++;
	if (!page)
		return;
	switch (random_below(&f->random, 6)) {
	case 0:
		run->immediate_exit = random_below(&f->random, 2);
		break;
	case 1:
		run->request_window = random_below(&f->random, 2);
		break;
	case 2:
		run->cr8 = random_value(&f->random);
		run->set_cr8 = 1;
		break;
	case 3:
		run->io.data = random_u64(&f->random);
		break;
	case 4:
		page[random_below(&f->random, PAGE)] = random_u64(&f->random);
		break;
	default:
		random_bytes(&f->random, page, sizeof(*run));
		run->immediate_exit = 0;
	}
}

/* ---- the host's side ---------------------------------------------------------------------------- */

void world_code(struct world *world, struct random *random, uint32_t from, uint32_t bytes)
{
	static const uint8_t code[][4] = {
		{ 0xf4, 0xf4, 0xf4, 0xf4 },	/* hlt */
		{ 0x0f, 0xa2, 0xf4, 0xf4 },	/* cpuid */
		{ 0xe6, 0x80, 0xf4, 0xf4 },	/* out %al, $0x80 */
		{ 0xe4, 0x60, 0xf4, 0xf4 },	/* in $0x60, %al */
		{ 0x0f, 0x01, 0xc1, 0xf4 },	/* vmcall */
		{ 0x0f, 0x32, 0xf4, 0xf4 },	/* rdmsr */
		{ 0xfb, 0x90, 0xf4, 0xf4 },	/* sti; nop */
		{ 0x6c, 0x6e, 0xf4, 0xf4 },	/* insb; outsb */
		{ 0x0f, 0x20, 0xc0, 0xf4 },	/* mov %cr0, %eax */
		{ 0xcd, 0x21, 0xf4, 0xf4 },	/* int $0x21 */
		{ 0x0f, 0x0b, 0xf4, 0xf4 },	/* ud2 */
		{ 0xa2, 0x00, 0x10, 0xf4 },	/* mov %al, 0x1000 */
	};
	uint8_t *at = world->arena + from;
	uint32_t block = bytes < PAGE ? bytes : PAGE;

	for (uint32_t i = 0; i < block; i += 4)
		memcpy(at + i, code[random_below(random, 12)], 4);
	for (uint32_t i = block; i < bytes; i += block)
		memcpy(at + i, at, block);
}

/* The host changes its memory while guests run on it. */
static void fuzz_memory(struct fuzzer *f)
{
	uint32_t from = PAGE * random_below(&f->random, ARENA_BYTES / PAGE - 16);
	uint8_t *at = f->world->arena + from;
	uint32_t bytes = PAGE * (1 + random_below(&f->random, 16));

	f->outcome[0]++;
	/* Only one thread at a time, else one writes where another one has forbidden it. */
	pthread_mutex_lock(&f->world->memory);
	switch (random_below(&f->random, 6)) {
	case 0:
		madvise(at, bytes, MADV_DONTNEED);
		break;
	case 1:
		mprotect(at, bytes, PROT_READ);
		mprotect(at, bytes, PROT_READ | PROT_WRITE);
		break;
	case 2:
		mmap(at, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 3:
		madvise(f->world->arena, ARENA_BYTES, MADV_HUGEPAGE);
		break;
	case 4:
		madvise(at, bytes, MADV_FREE);
		break;
	default:
		madvise(at, bytes, MADV_PAGEOUT);
	}
	world_code(f->world, &f->random, from, bytes);
	pthread_mutex_unlock(&f->world->memory);
}

/* Another process with the same files: its calls on VMs must be refused. */
static void fuzz_fork(struct fuzzer *f)
{
	struct vtr_vm_info info = { .size = sizeof(info) };
	pid_t pid;
	int status;

	if (!one_in(&f->random, 6))
		return fuzz_info(f);
	pthread_mutex_lock(&f->world->memory);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < WORLD_VMS; i++)
			if (!ioctl(f->world->vm[i], VTR_VM_GET_INFO, &info))
				_exit(1);
		for (int i = 0; i < WORLD_VCPUS; i++)
			if (ioctl(f->world->vcpu[i], VTR_VCPU_RUN, 0) >= 0)
				_exit(2);
		memset(f->world->arena, 0xf4, PAGE);	/* copy-on-write, in the child */
		_exit(0);
	}
	f->outcome[pid < 0 ? errno : 0]++;
	if (one_in(&f->random, 2))
		world_code(f->world, &f->random, 0, PAGE);	/* and in the parent */
	pthread_mutex_unlock(&f->world->memory);
	if (pid < 0)
		return;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		complain(f, "a call from a foreign process did not fail: status", status);
}

/* Descriptors travel through a socket, and may be forgotten there. */
static void fuzz_send(struct fuzzer *f)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = {};
	struct iovec vec = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &vec, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	bool is_vm = one_in(&f->random, 2);
	int fd = is_vm ? vm(f) : vcpu(f);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	f->outcome[sendmsg(f->world->socket[is_vm][0], &message, MSG_DONTWAIT) < 0 ? errno : 0]++;
	if (one_in(&f->random, 3))
		return;
	message.msg_controllen = sizeof(room);
	if (recvmsg(f->world->socket[is_vm][1], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0 ||
	    !CMSG_FIRSTHDR(&message))
		return;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	keep(is_vm ? f->world->vm : f->world->vcpu, WORLD_VMS, &f->random, fd);
}

static void fuzz_close(struct fuzzer *f)
{
	volatile int *place = one_in(&f->random, 4) ?
		&f->world->vm[random_below(&f->random, WORLD_VMS)] :
		&f->world->vcpu[random_below(&f->random, WORLD_VCPUS)];
	int fd;

	if (!one_in(&f->random, 6))
		return fuzz_stats(f);
	fd = __atomic_exchange_n(place, -1, __ATOMIC_SEQ_CST);
	f->outcome[fd >= 0 && close(fd) ? errno : 0]++;
}

static void fuzz_dup(struct fuzzer *f)
{
	int fd = dup(one_in(&f->random, 8) ? vm(f) : vcpu(f));

	judge(f, "dup", fd);
	keep(f->world->vcpu, WORLD_VCPUS, &f->random, fd);
}

/* What else can be done with a file. */
static void fuzz_file(struct fuzzer *f)
{
	struct pollfd poll_fd = { .fd = vcpu(f), .events = POLLIN };
	char byte[16] = {};
	int fd = one_in(&f->random, 2) ? vm(f) : vcpu(f);

	switch (random_below(&f->random, 6)) {
	case 0:
		if (read(fd, byte, sizeof(byte)) >= 0)
			complain(f, "read of a VM's or vCPU's file", 0);
		break;
	case 1:
		if (write(fd, byte, sizeof(byte)) >= 0)
			complain(f, "write to a VM's or vCPU's file", 0);
		break;
	case 2:
		lseek(fd, random_value(&f->random), SEEK_SET);
		break;
	case 3:
		poll(&poll_fd, 1, 0);
		break;
	case 4:
		fcntl(fd, F_SETFL, O_NONBLOCK);
		break;
	default:
		ftruncate(fd, random_value(&f->random));
	}
	f->outcome[0]++;
}

static void fuzz_any_ioctl(struct fuzzer *f)
{
	unsigned long cmd = one_in(&f->random, 4) ? random_u64(&f->random) :
			    (VTR_IOC_MAGIC << 8 | random_below(&f->random, 256));
	int fd = random_below(&f->random, 3) ? vcpu(f) : vm(f);

	/* RUN without the timer would run for ever, FIO* and TC* are the kernel's own. */
	if ((cmd & 0xff00) != VTR_IOC_MAGIC << 8 || cmd == VTR_VCPU_RUN)
		cmd = VTR_IOC_MAGIC << 8 | 0xff;
	judge(f, "any ioctl", ioctl(fd, cmd, wrong_place(f)));
}

static void fuzz_debugfs(struct fuzzer *f)
{
	static const char *const files[] = {
		"cpu0", "cpu1", "vm%u/info", "vm%u/slots", "vm%u/ept", "vm%u/walk",
		"vm%u/vcpu0/registers", "vm%u/vcpu1/vmcs", "vm%u/vcpu0/exits",
		"vm%u/vcpu2/last_exits",
	};
	char path[128], name[64], text[512];
	int fd;

	if (!one_in(&f->random, 10))
		return fuzz_walk(f);
	snprintf(name, sizeof(name), files[random_below(&f->random, 10)],
		 random_below(&f->random, 8));
	snprintf(path, sizeof(path), DEBUG_TOP "/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	f->outcome[fd < 0 ? errno : 0]++;
	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "0x%llx\n", (unsigned long long)random_value(&f->random));
	set_alarm(f, 1 + random_below(&f->random, 2000000), 2000000);
	if (write(fd, text, strlen(text)) < 0)
		lseek(fd, random_below(&f->random, 4096), SEEK_SET);
	while (read(fd, text, sizeof(text)) > 0 && random_below(&f->random, 8))
		;
	set_alarm(f, 0, 0);
	close(fd);
}

/* ---- the table ------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	unsigned int weight;
	void (*run)(struct fuzzer *f);
} calls[] = {
	{ "open", 1, fuzz_open },
	{ "GET_API_VERSION", 1, fuzz_version },
	{ "GET_CAPS", 2, fuzz_caps },
	{ "CREATE_VM", 4, fuzz_create_vm },
	{ "SET_SLOT", 5, fuzz_set_slot },
	{ "CREATE_VCPU", 8, fuzz_create_vcpu },
	{ "GET_INFO", 3, fuzz_info },
	{ "WALK", 4, fuzz_walk },
	{ "RUN", 14, fuzz_run },
	{ "GET_STATE", 6, fuzz_get_state },
	{ "SET_STATE", 12, fuzz_set_state },
	{ "DEBUG", 4, fuzz_debug },
	{ "TRANSLATE", 6, fuzz_translate },
	{ "READ_FIELDS", 5, fuzz_read_fields },
	{ "INJECT", 8, fuzz_inject },
	{ "GET_STATS", 3, fuzz_stats },
	{ "mmap", 4, fuzz_mmap },
	{ "munmap", 1, fuzz_unmap },
	{ "run page", 8, fuzz_run_page },
	{ "memory", 1, fuzz_memory },
	{ "fork", 1, fuzz_fork },
	{ "send", 2, fuzz_send },
	{ "close", 3, fuzz_close },
	{ "dup", 1, fuzz_dup },
	{ "file", 1, fuzz_file },
	{ "any ioctl", 4, fuzz_any_ioctl },
	{ "debugfs", 2, fuzz_debugfs },
};

#define NR_CALLS	(sizeof(calls) / sizeof(calls[0]))

const char *fuzz_call_name(unsigned int number)
{
	return number < NR_CALLS ? calls[number].name : NULL;
}

void fuzz_call(struct fuzzer *f)
{
	unsigned int total = 0, pick, i = 0;

	for (unsigned int n = 0; n < NR_CALLS; n++)
		total += calls[n].weight;
	pick = random_below(&f->random, total);
	while (pick >= calls[i].weight)
		pick -= calls[i++].weight;
	f->calls[i]++;
	calls[i].run(f);
}
