// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other calls of the ioctl fuzzer: what a program does with its files, its
 * maps and its memory while the interface is busy.
 *
 * Read calls.h first; the table in calls.c calls these.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

#define DEBUG_TOP	"/sys/kernel/debug/vitrine"

/* ---- maps ------------------------------------------------------------------------- */

static void drop_map(struct map *map)
{
	void *at = __atomic_exchange_n(&map->at, NULL, __ATOMIC_SEQ_CST);

	/* Other threads may be reading there: memory stays, the module's pages go. */
	if (at)
		mmap(at, map->bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

void fuzz_mmap(struct fuzzer *f)
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
	at = mmap(NULL, pages * PAGE, prot, kind, fuzz_perhaps(f, fuzz_vcpu(f)), offset);
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
				fuzz_complain(f, "read of a map: errno", errno);
			close(fds[0]);
			close(fds[1]);
		}
		munmap(at, pages * PAGE);
		return;
	}
	if (pages > 1) {
		fuzz_complain(f, "writable map of the trace ring, pages", pages);
		munmap(at, pages * PAGE);
		return;
	}
	drop_map(map);
	map->bytes = PAGE;
	map->at = at;
}

void fuzz_unmap(struct fuzzer *f)
{
	drop_map(&f->world->map[random_below(&f->random, WORLD_MAPS)]);
	f->outcome[0]++;
}

/* The run page is the program's to write, at any moment. */
void fuzz_run_page(struct fuzzer *f)
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

/* ---- the host's side -------------------------------------------------------------- */

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
		{ 0x0f, 0x30, 0xf4, 0xf4 },	/* wrmsr */
		{ 0xe6, 0x20, 0xe6, 0x21 },	/* out %al to the first 8259 */
		{ 0xe6, 0x43, 0xe6, 0x40 },	/* and to the 8254 */
		{ 0xe4, 0x20, 0xe4, 0x40 },	/* and in */
		/* In front of a RDMSR or WRMSR, by chance: */
		{ 0xb9, 0x30, 0x08, 0x90 },	/* mov $0x830, %cx: x2APIC's ICR */
		{ 0xb9, 0x0b, 0x08, 0x90 },	/* its EOI */
		{ 0xb9, 0xe0, 0x06, 0x90 },	/* IA32_TSC_DEADLINE */
		{ 0xb9, 0x1b, 0x00, 0x90 },	/* IA32_APIC_BASE */
	};
	const unsigned int nr = sizeof(code) / sizeof(code[0]);
	uint8_t *at = world->arena + from;
	uint32_t block = bytes < PAGE ? bytes : PAGE;

	for (uint32_t i = 0; i < block; i += 4)
		memcpy(at + i, code[random_below(random, nr)], 4);
	for (uint32_t i = block; i < bytes; i += block)
		memcpy(at + i, at, block);
}

/* The host changes its memory while guests run on it. */
void fuzz_memory(struct fuzzer *f)
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
void fuzz_fork(struct fuzzer *f)
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
		fuzz_complain(f, "a call from a foreign process did not fail: status", status);
}

/* Descriptors travel through a socket, and may be forgotten there. */
void fuzz_send(struct fuzzer *f)
{
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = {};
	struct iovec vec = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &vec, .msg_iovlen = 1, .msg_control = room,
		.msg_controllen = sizeof(room),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	bool is_vm = one_in(&f->random, 2);
	int fd = is_vm ? fuzz_vm(f) : fuzz_vcpu(f);

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
	fuzz_keep(is_vm ? f->world->vm : f->world->vcpu, WORLD_VMS, &f->random, fd);
}

void fuzz_close(struct fuzzer *f)
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

void fuzz_dup(struct fuzzer *f)
{
	int fd = dup(one_in(&f->random, 8) ? fuzz_vm(f) : fuzz_vcpu(f));

	fuzz_judge(f, "dup", fd);
	fuzz_keep(f->world->vcpu, WORLD_VCPUS, &f->random, fd);
}

/* What else can be done with a file. */
void fuzz_file(struct fuzzer *f)
{
	struct pollfd poll_fd = { .fd = fuzz_vcpu(f), .events = POLLIN };
	char byte[16] = {};
	int fd = one_in(&f->random, 2) ? fuzz_vm(f) : fuzz_vcpu(f);

	switch (random_below(&f->random, 6)) {
	case 0:
		if (read(fd, byte, sizeof(byte)) >= 0)
			fuzz_complain(f, "read of a VM's or vCPU's file", 0);
		break;
	case 1:
		if (write(fd, byte, sizeof(byte)) >= 0)
			fuzz_complain(f, "write to a VM's or vCPU's file", 0);
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

void fuzz_any_ioctl(struct fuzzer *f)
{
	unsigned long cmd = one_in(&f->random, 4) ? random_u64(&f->random) :
			    (VTR_IOC_MAGIC << 8 | random_below(&f->random, 256));
	int fd = random_below(&f->random, 3) ? fuzz_vcpu(f) : fuzz_vm(f);

	/* RUN without the timer would run for ever, FIO* and TC* are the kernel's own. */
	if ((cmd & 0xff00) != VTR_IOC_MAGIC << 8 || cmd == VTR_VCPU_RUN)
		cmd = VTR_IOC_MAGIC << 8 | 0xff;
	fuzz_judge(f, "any ioctl", ioctl(fd, cmd, fuzz_wrong_place(f)));
}

void fuzz_debugfs(struct fuzzer *f)
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
	fuzz_set_alarm(f, 1 + random_below(&f->random, 2000000), 2000000);
	if (write(fd, text, strlen(text)) < 0)
		lseek(fd, random_below(&f->random, 4096), SEEK_SET);
	while (read(fd, text, sizeof(text)) > 0 && random_below(&f->random, 8))
		;
	fuzz_set_alarm(f, 0, 0);
	close(fd);
}
