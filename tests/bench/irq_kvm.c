// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bench of interrupts: its guest under KVM.
 *
 * Read irq.h first.  irq_vitrine.c does the same under Vitrine, function by function.
 * Source: Documentation/virt/kvm/api.rst of the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "irq.h"

#define CPUID_ENTRIES	128
#define CPUID_1_TSC_DEADLINE	(1u << 24)
/* Pages that KVM keeps for itself, away from everything. */
#define KVM_PAGES	0xfffbc000ull

static int kvm_fd, vm_fd, vcpu_fd[NR_VCPUS];
static struct kvm_run *run[NR_VCPUS];

static void set_cpuid(int fd)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) +
					  CPUID_ENTRIES * sizeof(cpuid->entries[0]));

	if (!cpuid)
		fail("no memory");
	cpuid->nent = CPUID_ENTRIES;
	MUST_IOCTL(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	/* KVM leaves it to its user to show this one. */
	for (unsigned int i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= CPUID_1_TSC_DEADLINE;
	MUST_IOCTL(fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

static void set_start(unsigned int i)
{
	struct kvm_segment data = {
		.limit = ~0u, .selector = SEL_DATA, .type = 3, .present = 1, .db = 1, .s = 1,
		.g = 1,
	};
	struct kvm_regs regs = {
		.rip = (uintptr_t)guest_main, .rflags = 2, .rsp = stack_of(i), .rdi = i,
	};
	struct kvm_mp_state state = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs;

	MUST_IOCTL(vcpu_fd[i], KVM_GET_SREGS, &sregs);
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cs = (struct kvm_segment) {
		.limit = ~0u, .selector = SEL_CODE, .type = 11, .present = 1, .l = 1, .s = 1,
		.g = 1,
	};
	sregs.gdt.base = (uintptr_t)tables.gdt;
	sregs.gdt.limit = sizeof(tables.gdt) - 1;
	sregs.idt.base = (uintptr_t)tables.idt;
	sregs.idt.limit = sizeof(tables.idt) - 1;
	sregs.cr0 = START_CR0;
	sregs.cr3 = (uintptr_t)tables.pml4;
	sregs.cr4 = START_CR4;
	sregs.efer = START_EFER;
	MUST_IOCTL(vcpu_fd[i], KVM_SET_SREGS, &sregs);
	MUST_IOCTL(vcpu_fd[i], KVM_SET_REGS, &regs);
	MUST_IOCTL(vcpu_fd[i], KVM_SET_MP_STATE, &state);
}

static void add_vcpu(unsigned int i)
{
	int bytes = MUST_IOCTL(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	vcpu_fd[i] = MUST_IOCTL(vm_fd, KVM_CREATE_VCPU, (uintptr_t)i);
	run[i] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd[i], 0);
	if (run[i] == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	set_cpuid(vcpu_fd[i]);
	set_start(i);
}

static void create(uintptr_t from, size_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = from, .memory_size = bytes, .userspace_addr = from,
	};
	uint64_t identity = KVM_PAGES;

	kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm_fd < 0)
		fail("/dev/kvm: %s", strerror(errno));
	vm_fd = MUST_IOCTL(kvm_fd, KVM_CREATE_VM, 0);
	MUST_IOCTL(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	MUST_IOCTL(vm_fd, KVM_SET_TSS_ADDR, KVM_PAGES + 0x1000);
	MUST_IOCTL(vm_fd, KVM_CREATE_IRQCHIP, 0);
	MUST_IOCTL(vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		add_vcpu(i);
}

static void run_vcpu(unsigned int i)
{
	MUST_IOCTL(vcpu_fd[i], KVM_RUN, 0);
	if (run[i]->exit_reason != KVM_EXIT_IO || run[i]->io.port != STOP_PORT)
		fail("vCPU %u: exit reason %u", i, run[i]->exit_reason);
}

static void must_read(int fd, void *to, size_t bytes, uint32_t at)
{
	if (pread(fd, to, bytes, at) != (ssize_t)bytes)
		fail("KVM's statistics: %s", strerror(errno));
}

/* The statistics describe themselves: a header, descriptions with names, and the data. */
static uint64_t exits(unsigned int i)
{
	int fd = MUST_IOCTL(vcpu_fd[i], KVM_GET_STATS_FD, 0);
	struct { struct kvm_stats_desc desc; char room[256]; } one;
	struct kvm_stats_header head;
	uint64_t value = 0;
	size_t bytes;

	must_read(fd, &head, sizeof(head), 0);
	bytes = sizeof(one.desc) + head.name_size;
	if (bytes > sizeof(one))
		fail("KVM's statistics have names of %u bytes", head.name_size);
	for (uint32_t nr = 0; nr < head.num_desc; nr++) {
		must_read(fd, &one, bytes, head.desc_offset + nr * bytes);
		if (!strcmp(one.desc.name, "exits"))
			must_read(fd, &value, sizeof(value), head.data_offset + one.desc.offset);
	}
	close(fd);
	return value;
}

static uint32_t tsc_khz(void)
{
	return MUST_IOCTL(vcpu_fd[0], KVM_GET_TSC_KHZ, 0);
}

const struct vmm vmm_kvm = {
	.name = "kvm", .create = create, .run = run_vcpu, .exits = exits, .tsc_khz = tsc_khz,
	.timer_khz = 1000000,
};
