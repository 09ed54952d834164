// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of the ioctl fuzzer: how each argument looks, right or nearly so.
 *
 * Read world.h and calls.h first; host_calls.c has what is no call of the
 * interface.  A call fills its structure with values that make sense, so that the
 * module gets deep into its work; argument() then may change bytes, the size, or
 * the place where it lies.  Answers are judged by fuzz_judge(): an errno that no
 * call of the interface has is a finding.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

#define STATE_ROOM	16384u

/* ---- answers ---------------------------------------------------------------------- */

/* What ioctl-uapi/README.md lists, and what the kernel says for a lost descriptor. */
static int is_expected(int error)
{
	switch (error) {
	case 0: case EINVAL: case EFAULT: case ENOTTY: case E2BIG: case EBADF: case EIO:
	case EBUSY: case EALREADY: case EAGAIN: case EEXIST: case ENOMEM: case EINTR: case ENOSPC:
	case EOPNOTSUPP: case EMFILE: case EPERM: case ENOENT: case ENODEV: case ENODATA:
		return 1;
	}
	return 0;
}

int fuzz_judge(struct fuzzer *f, const char *what, long ret)
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

void fuzz_complain(struct fuzzer *f, const char *what, uint64_t value)
{
	printf("# %s: 0x%llx\n", what, (unsigned long long)value);
	f->world->bad++;
}

/* ---- arguments -------------------------------------------------------------------- */

void *fuzz_wrong_place(struct fuzzer *f)
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
	return one_in(&f->random, 25) ? fuzz_wrong_place(f) : at;
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

int fuzz_device(struct fuzzer *f)
{
	return pick(f, f->world->device, WORLD_DEVICES);
}

int fuzz_vm(struct fuzzer *f)
{
	return pick(f, f->world->vm, WORLD_VMS);
}

int fuzz_vcpu(struct fuzzer *f)
{
	return pick(f, f->world->vcpu, WORLD_VCPUS);
}

/* A descriptor of another kind, now and then. */
int fuzz_perhaps(struct fuzzer *f, int fd)
{
	if (!one_in(&f->random, 30))
		return fd;
	switch (random_below(&f->random, 4)) {
	case 0:
		return fuzz_device(f);
	case 1:
		return fuzz_vm(f);
	case 2:
		return fuzz_vcpu(f);
	default:
		return random_below(&f->random, 64);
	}
}

static int call(struct fuzzer *f, const char *what, int fd, unsigned long cmd, void *arg)
{
	return fuzz_judge(f, what, ioctl(fuzz_perhaps(f, fd), cmd, arg));
}

#define CALL(f, fd, cmd, structure) \
	call(f, #cmd, fd, cmd, argument(f, &(structure), sizeof(structure)))

void fuzz_keep(volatile int *places, unsigned int nr, struct random *random, int fd)
{
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&places[random_below(random, nr)], fd, __ATOMIC_SEQ_CST);
	if (old >= 0)
		close(old);
}

/* ---- /dev/vitrine ----------------------------------------------------------------- */

static void fuzz_open(struct fuzzer *f)
{
	fuzz_keep(f->world->device, WORLD_DEVICES, &f->random,
	     fuzz_judge(f, "open", open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC)));
}

static void fuzz_version(struct fuzzer *f)
{
	uint64_t arg = one_in(&f->random, 3) ? random_value(&f->random) : 0;
	int ret = call(f, "VTR_GET_API_VERSION", fuzz_device(f), VTR_GET_API_VERSION, (void *)arg);

	if (ret > VTR_API_VERSION)
		fuzz_complain(f, "version", ret);
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
	CALL(f, fuzz_device(f), VTR_GET_CAPS, caps);
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
	fuzz_keep(world->vcpu, WORLD_VCPUS, random, fd);
}

/* ---- what a program chooses before the first vCPU ------------------------------------- */

/* The default table, or the one that was read last, a little changed. */
static void fuzz_cpuid(struct fuzzer *f, int vm)
{
	struct vtr_cpuid_entry *entries = f->scratch;
	struct vtr_cpuid_table args = {
		.size = sizeof(args), .entries = (uintptr_t)entries,
		.nr_entries = one_in(&f->random, 10) ? random_below(&f->random, 200) :
						       VTR_MAX_CPUID_ENTRIES,
		.flags = flags(f, VTR_CPUID_IRQCHIP),
	};

	if (one_in(&f->random, 20))
		args.entries = (uintptr_t)fuzz_wrong_place(f);
	CALL(f, fuzz_device(f), VTR_GET_CPUID, args);
	args = (struct vtr_cpuid_table) {
		.size = sizeof(args), .entries = (uintptr_t)entries,
		.nr_entries = random_below(&f->random, 24),
	};
	for (uint32_t i = random_below(&f->random, 3); i && args.nr_entries; i--) {
		struct vtr_cpuid_entry *e = &entries[random_below(&f->random, args.nr_entries)];

		((uint32_t *)e)[random_below(&f->random, 8)] &= random_u64(&f->random);
	}
	CALL(f, vm, VTR_VM_SET_CPUID, args);
}

/* Ranges around MSRs that guests touch. */
static void fuzz_msr_filter(struct fuzzer *f, int vm)
{
	static const uint32_t likely[] = { 0, 0x10, 0x1b, 0x6e0, 0x800, 0xc0000080 };
	struct vtr_msr_range *ranges = f->scratch;
	struct vtr_msr_filter args = {
		.size = sizeof(args), .ranges = (uintptr_t)ranges,
		.nr_ranges = random_below(&f->random, one_in(&f->random, 20) ? 70 : 6),
	};

	for (uint32_t i = 0; i < args.nr_ranges; i++) {
		ranges[i] = (struct vtr_msr_range) {
			.first = one_in(&f->random, 8) ? random_value(&f->random) :
				 likely[random_below(&f->random, 6)],
			.count = one_in(&f->random, 8) ? random_value(&f->random) :
				 1 + random_below(&f->random, 64),
			.flags = 1 + random_below(&f->random, 3),
		};
	}
	CALL(f, vm, VTR_VM_SET_MSR_FILTER, args);
}

static void fuzz_policy(struct fuzzer *f)
{
	int vm = fuzz_vm(f);

	if (one_in(&f->random, 2))
		fuzz_cpuid(f, vm);
	else
		fuzz_msr_filter(f, vm);
}

static void fuzz_create_vm(struct fuzzer *f)
{
	struct vtr_create_vm args = {
		.size = sizeof(args),
		.flags = flags(f, VTR_VM_TRACE | VTR_VM_TRACE_WHOLE | VTR_VM_TELL_HALT),
	};
	int fd;

	if (one_in(&f->random, 2))
		args.irqchip = one_in(&f->random, 10) ? random_value(&f->random) :
							VTR_IRQCHIP_MODULE;

	if (!one_in(&f->random, 8))	/* making one is dear */
		return fuzz_version(f);
	if (one_in(&f->random, 2))
		strcpy(args.name, one_in(&f->random, 2) ? "fuzz" : "../..");
	fd = CALL(f, fuzz_device(f), VTR_CREATE_VM, args);
	if (fd < 0)
		return;
	/* With the first vCPU it is too late for these. */
	if (one_in(&f->random, 2))
		fuzz_cpuid(f, fd);
	if (one_in(&f->random, 2))
		fuzz_msr_filter(f, fd);
	if (!one_in(&f->random, 4))
		world_furnish(f->world, &f->random, fd);
	fuzz_keep(f->world->vm, WORLD_VMS, &f->random, fd);
}

/* ---- a VM ------------------------------------------------------------------------- */

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
		.flags = one_in(&f->random, 4) ?
			 flags(f, VTR_SLOT_READONLY | VTR_SLOT_DIRTY_LOG) : 0,
		.slot = random_below(&f->random, 6),
		.gpa = some_gpa(f),
		.bytes = one_in(&f->random, 5) ? 0 : ARENA_BYTES - at,
		.hva = (uintptr_t)f->world->arena + at,
	};

	if (one_in(&f->random, 4))
		slot.bytes = PAGE * random_below(&f->random, 1024);
	CALL(f, fuzz_vm(f), VTR_VM_SET_SLOT, slot);
}

static void fuzz_create_vcpu(struct fuzzer *f)
{
	struct vtr_create_vcpu args = {
		.size = sizeof(args), .id = random_below(&f->random, 4),
		.apic_id = random_below(&f->random, 8),
	};

	if (!one_in(&f->random, 8))
		return fuzz_set_slot(f);
	fuzz_keep(f->world->vcpu, WORLD_VCPUS, &f->random,
		  CALL(f, fuzz_vm(f), VTR_VM_CREATE_VCPU, args));
}

void fuzz_info(struct fuzzer *f)
{
	struct vtr_vm_info info = { .size = sizeof(info) };

	CALL(f, fuzz_vm(f), VTR_VM_GET_INFO, info);
}

void fuzz_walk(struct fuzzer *f)
{
	struct vtr_walk walk = { .size = sizeof(walk), .gpa = some_gpa(f) };

	CALL(f, fuzz_vm(f), VTR_VM_WALK, walk);
}

/* The log of writes: a part of a slot, mostly within its bounds. */
static void fuzz_dirty(struct fuzzer *f)
{
	struct vtr_dirty args = {
		.size = sizeof(args), .slot = random_below(&f->random, 6),
		.first_page = 64 * random_below(&f->random, ARENA_BYTES / PAGE / 64),
		.nr_pages = 64 * random_below(&f->random, 8),
		.bitmap = (uintptr_t)f->scratch,
	};

	if (one_in(&f->random, 2))
		args.first_page = args.nr_pages = 0;
	if (one_in(&f->random, 4))
		args.nr_pages = ARENA_BYTES / PAGE - args.first_page;
	if (one_in(&f->random, 20))
		args.first_page = random_value(&f->random);
	if (one_in(&f->random, 20))
		args.bitmap = (uintptr_t)fuzz_wrong_place(f);
	if (one_in(&f->random, 2))
		CALL(f, fuzz_vm(f), VTR_VM_GET_DIRTY, args);
	else
		CALL(f, fuzz_vm(f), VTR_VM_CLEAR_DIRTY, args);
}

static void fuzz_irq_line(struct fuzzer *f)
{
	struct vtr_irq_line args = {
		.size = sizeof(args), .flags = flags(f, 0),
		.line = random_below(&f->random, 26), .level = random_below(&f->random, 2),
	};

	if (one_in(&f->random, 10))
		args.level = random_value(&f->random);
	CALL(f, fuzz_vm(f), VTR_VM_IRQ_LINE, args);
}

/* Any destination, delivery mode and vector; among them INIT and start-up. */
static void fuzz_msi(struct fuzzer *f)
{
	struct vtr_msi args = {
		.size = sizeof(args), .flags = flags(f, 0),
		.address = 0xfee00000 | random_below(&f->random, 4) << 12 |
			   (random_u64(&f->random) & 0xc),
		.data = random_u64(&f->random) & 0xc7ff,
	};

	if (one_in(&f->random, 4))
		args.address |= 0xff000;
	if (one_in(&f->random, 10))
		args.address = random_value(&f->random);
	CALL(f, fuzz_vm(f), VTR_VM_MSI, args);
}

static void fuzz_get_chips(struct fuzzer *f)
{
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)f->scratch,
		.mask = one_in(&f->random, 2) ? 0 : random_u64(&f->random) & 0x1f0000,
		.bytes = one_in(&f->random, 3) ? random_below(&f->random, STATE_ROOM) : STATE_ROOM,
	};

	CALL(f, fuzz_vm(f), VTR_VM_GET_STATE, args);
}

/* The first record, of a local APIC in xAPIC mode, as it looks in x2APIC mode. */
static void enter_x2apic(uint64_t *buffer)
{
	struct vtr_state_header *head = (void *)buffer;
	struct vtr_lapic_state *apic = (void *)(head + 1);
	uint32_t id = apic->reg[2] >> 24;

	if (head->id != VTR_STATE_LAPIC || apic->base & 0x400)
		return;
	apic->base |= 0xc00;
	apic->reg[0x02] = id;
	apic->reg[0x0d] = id >> 4 << 16 | 1u << (id & 15);
	apic->reg[0x31] = 0;
}

/* The controllers' state as the module gave it, a little changed. */
static void fuzz_set_chips(struct fuzzer *f)
{
	uint64_t *buffer = f->scratch;
	int fd = fuzz_vm(f);
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = STATE_ROOM,
	};

	if (ioctl(fd, VTR_VM_GET_STATE, &args))
		return (void)fuzz_judge(f, "VTR_VM_GET_STATE", -1);
	if (one_in(&f->random, 4))
		enter_x2apic(buffer);
	for (uint32_t i = random_below(&f->random, 3); i; i--) {
		uint32_t word = random_below(&f->random, args.bytes / 8);

		buffer[word] = one_in(&f->random, 2) ? random_value(&f->random) :
			       buffer[word] ^ 1ull << random_below(&f->random, 64);
	}
	if (one_in(&f->random, 10))
		args.bytes = random_below(&f->random, args.bytes + 16);
	CALL(f, fd, VTR_VM_SET_STATE, args);
}

static void fuzz_hold_timers(struct fuzzer *f)
{
	struct vtr_hold_timers args = {
		.size = sizeof(args), .flags = flags(f, VTR_TIMERS_HELD),
	};

	if (one_in(&f->random, 10))
		args.tsc = random_value(&f->random);
	CALL(f, fuzz_vm(f), VTR_VM_HOLD_TIMERS, args);
}

/* ---- eventfds of a VM ------------------------------------------------------------- */

/* Signalled, replaced by a new one, or as it is; -1: none. */
static int some_signal(struct fuzzer *f)
{
	int fd = pick(f, f->world->signal, WORLD_SIGNALS);

	if (fd < 0 || one_in(&f->random, 8)) {
		fuzz_keep(f->world->signal, WORLD_SIGNALS, &f->random,
			  eventfd(random_below(&f->random, 2), EFD_CLOEXEC | EFD_NONBLOCK));
		fd = pick(f, f->world->signal, WORLD_SIGNALS);
	}
	/* Another thread may have closed it: then the number is nothing, or takes no write. */
	if (one_in(&f->random, 2))
		eventfd_write(fd, 1);
	return one_in(&f->random, 20) ? fuzz_vcpu(f) : fd;
}

static void fuzz_irqfd(struct fuzzer *f)
{
	struct vtr_irqfd args = { .size = sizeof(args), .fd = some_signal(f) };

	if (one_in(&f->random, 3)) {
		args.flags = flags(f, VTR_IRQFD_MSI) | VTR_IRQFD_REMOVE;
	} else if (one_in(&f->random, 2)) {
		args.line = random_below(&f->random, 26);
	} else {
		args.flags = VTR_IRQFD_MSI;
		args.address = 0xfee00000 | (random_u64(&f->random) & 0xffffc);
		args.data = random_u64(&f->random) & 0xc7ff;
	}
	CALL(f, fuzz_vm(f), VTR_VM_IRQFD, args);
}

/* Ports and addresses that the arena's code writes to, and values that it writes. */
static void fuzz_ioeventfd(struct fuzzer *f)
{
	struct vtr_ioeventfd args = {
		.size = sizeof(args),
		.flags = flags(f, VTR_IOEVENTFD_PORT | VTR_IOEVENTFD_MATCH),
		.bytes = one_in(&f->random, 6) ? random_below(&f->random, 10) :
						 1u << random_below(&f->random, 3),
		.fd = some_signal(f),
	};

	if (one_in(&f->random, 3))
		args.flags |= VTR_IOEVENTFD_REMOVE;
	args.address = args.flags & VTR_IOEVENTFD_PORT ? random_below(&f->random, 0x100) :
							 some_gpa(f);
	if (args.flags & VTR_IOEVENTFD_MATCH)
		args.data = random_below(&f->random, 4);
	CALL(f, fuzz_vm(f), VTR_VM_IOEVENTFD, args);
}

/* ---- a vCPU ----------------------------------------------------------------------- */

void fuzz_set_alarm(struct fuzzer *f, long first_ns, long then_ns)
{
	struct itimerspec at = { .it_value.tv_nsec = first_ns, .it_interval.tv_nsec = then_ns };

	timer_settime(f->timer, 0, &at, NULL);
}

static void fuzz_run(struct fuzzer *f)
{
	struct vtr_run *run = f->world->map[random_below(&f->random, WORLD_MAPS)].at;
	uint64_t arg = one_in(&f->random, 50) ? random_value(&f->random) : 0;

	/* A signal at any point of the way in, and again, so that nothing runs for ever. */
	fuzz_set_alarm(f, 1 + random_below(&f->random, 2000000), 2000000);
	if (!call(f, "VTR_VCPU_RUN", fuzz_vcpu(f), VTR_VCPU_RUN, (void *)arg) && run) {
		/* Other threads write there too; only what is far off is wrong. */
		uint32_t kind = run->exit;

		f->exits[kind < FUZZ_EXITS ? kind : 0]++;
		/* A dead VM answers nothing any more: make another one now and then. */
		if (kind == VTR_EXIT_STOPPED)
			fuzz_create_vm(f);
	}
	fuzz_set_alarm(f, 0, 0);
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
		args.buffer = (uintptr_t)fuzz_wrong_place(f);
	CALL(f, fuzz_vcpu(f), VTR_VCPU_GET_STATE, args);
}

/* A state that the module gave, a little changed. */
static void fuzz_set_state(struct fuzzer *f)
{
	uint64_t *buffer = f->scratch;
	int fd = fuzz_vcpu(f);
	uint64_t mask = one_in(&f->random, 3) ? 0 : 1ull << (1 + random_below(&f->random, 8));
	uint32_t bytes = take_state(fd, buffer, mask);
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = bytes,
	};

	if (!bytes)
		return (void)fuzz_judge(f, "VTR_VCPU_GET_STATE", -1);
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

	CALL(f, fuzz_vcpu(f), VTR_VCPU_DEBUG, args);
}

static void fuzz_translate(struct fuzzer *f)
{
	struct vtr_translate args = { .size = sizeof(args), .gva = some_gpa(f) };

	CALL(f, fuzz_vcpu(f), VTR_VCPU_TRANSLATE, args);
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
		args.fields = (uintptr_t)fuzz_wrong_place(f);
	CALL(f, fuzz_vcpu(f), VTR_VCPU_READ_FIELDS, args);
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
	CALL(f, fuzz_vcpu(f), VTR_VCPU_INJECT, args);
}

static void fuzz_check(struct fuzzer *f)
{
	struct vtr_entry_check args = { .size = sizeof(args) };

	CALL(f, fuzz_vcpu(f), VTR_VCPU_CHECK, args);
}

void fuzz_stats(struct fuzzer *f)
{
	struct vtr_vcpu_stats stats = { .size = sizeof(stats) };

	CALL(f, fuzz_vcpu(f), VTR_VCPU_GET_STATS, stats);
}

/* ---- the table -------------------------------------------------------------------- */

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
	{ "CPUID, MSR filter", 2, fuzz_policy },
	{ "GET_INFO", 3, fuzz_info },
	{ "WALK", 4, fuzz_walk },
	{ "DIRTY", 4, fuzz_dirty },
	{ "IRQ_LINE", 4, fuzz_irq_line },
	{ "MSI", 6, fuzz_msi },
	{ "GET chips", 3, fuzz_get_chips },
	{ "SET chips", 6, fuzz_set_chips },
	{ "HOLD_TIMERS", 4, fuzz_hold_timers },
	{ "IRQFD", 6, fuzz_irqfd },
	{ "IOEVENTFD", 6, fuzz_ioeventfd },
	{ "RUN", 14, fuzz_run },
	{ "GET_STATE", 6, fuzz_get_state },
	{ "SET_STATE", 12, fuzz_set_state },
	{ "DEBUG", 4, fuzz_debug },
	{ "TRANSLATE", 6, fuzz_translate },
	{ "READ_FIELDS", 5, fuzz_read_fields },
	{ "INJECT", 8, fuzz_inject },
	{ "CHECK", 3, fuzz_check },
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
