// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bench of interrupts: its guest under Vitrine.
 *
 * Read irq.h first.  irq_kvm.c does the same under KVM, function by function.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../../ioctl-uapi/vitrine.h"
#include "irq.h"

/* Attributes in the neutral segment format of the ABI. */
#define SEG_CODE64	0xa9b
#define SEG_DATA32	0xc93
#define SEG_TSS_BUSY	0x08b

static int vm_fd, vcpu_fd[NR_VCPUS];
static struct vtr_run *run[NR_VCPUS];

static void put_record(int fd, uint16_t id, const void *payload, uint32_t bytes)
{
	uint64_t buffer[256] = {};
	struct vtr_state_header *head = (void *)buffer;
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer,
		.bytes = sizeof(*head) + (bytes + 7) / 8 * 8,
	};

	*head = (struct vtr_state_header) { .id = id, .version = 1, .bytes = bytes };
	memcpy(head + 1, payload, bytes);
	MUST_IOCTL(fd, VTR_VCPU_SET_STATE, &args);
}

static void set_start(unsigned int i)
{
	struct vtr_segment data = {
		.limit = ~0u, .selector = SEL_DATA, .attributes = SEG_DATA32,
	};
	struct vtr_sregs sregs = {
		.gdtr = { (uintptr_t)tables.gdt, sizeof(tables.gdt) - 1 },
		.idtr = { (uintptr_t)tables.idt, sizeof(tables.idt) - 1 },
		.cr0 = START_CR0, .cr3 = (uintptr_t)tables.pml4, .cr4 = START_CR4,
		.efer = START_EFER,
	};
	struct vtr_regs regs = { .rip = (uintptr_t)guest_main, .rflags = 2 };
	struct vtr_events events = { .activity = VTR_ACTIVE };

	for (unsigned int seg = VTR_ES; seg <= VTR_GS; seg++)
		sregs.seg[seg] = data;
	sregs.seg[VTR_CS] = (struct vtr_segment) {
		.limit = ~0u, .selector = SEL_CODE, .attributes = SEG_CODE64,
	};
	sregs.seg[VTR_TR] = (struct vtr_segment) { .limit = 0x67, .attributes = SEG_TSS_BUSY };
	sregs.seg[VTR_LDTR] = (struct vtr_segment) { .unusable = 1 };
	regs.gpr[VTR_RSP] = stack_of(i);
	regs.gpr[VTR_RDI] = i;
	put_record(vcpu_fd[i], VTR_STATE_SREGS, &sregs, sizeof(sregs));
	put_record(vcpu_fd[i], VTR_STATE_REGS, &regs, sizeof(regs));
	put_record(vcpu_fd[i], VTR_STATE_EVENTS, &events, sizeof(events));
}

static void add_vcpu(unsigned int i)
{
	struct vtr_create_vcpu args = { .size = sizeof(args), .id = i, .apic_id = i };

	vcpu_fd[i] = MUST_IOCTL(vm_fd, VTR_VM_CREATE_VCPU, &args);
	run[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd[i], 0);
	if (run[i] == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	set_start(i);
}

static void create(uintptr_t from, size_t bytes)
{
	struct vtr_create_vm args = { .size = sizeof(args), .irqchip = VTR_IRQCHIP_MODULE };
	struct vtr_slot slot = { .size = sizeof(slot), .gpa = from, .bytes = bytes, .hva = from };
	int fd = open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail(VTR_DEVICE_PATH ": %s", strerror(errno));
	vm_fd = MUST_IOCTL(fd, VTR_CREATE_VM, &args);
	MUST_IOCTL(vm_fd, VTR_VM_SET_SLOT, &slot);
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		add_vcpu(i);
}

static void run_vcpu(unsigned int i)
{
	MUST_IOCTL(vcpu_fd[i], VTR_VCPU_RUN, 0);
	if (run[i]->exit != VTR_EXIT_IO || run[i]->io.port != STOP_PORT)
		fail("vCPU %u: exit %u at RIP 0x%llx: %.100s", i, run[i]->exit,
		     (unsigned long long)run[i]->rip, run[i]->sentence);
}

static uint64_t exits(unsigned int i)
{
	struct vtr_vcpu_stats stats = { .size = sizeof(stats) };

	MUST_IOCTL(vcpu_fd[i], VTR_VCPU_GET_STATS, &stats);
	return stats.exits;
}

static uint32_t tsc_khz(void)
{
	struct { uint64_t align; struct vtr_tsc tsc; uint64_t room[4]; } buffer;
	struct vtr_state_buffer args = {
		.size = sizeof(args), .mask = 1ull << VTR_STATE_TSC,
		.buffer = (uintptr_t)&buffer, .bytes = sizeof(buffer),
	};

	MUST_IOCTL(vcpu_fd[0], VTR_VCPU_GET_STATE, &args);
	return buffer.tsc.khz;
}

const struct vmm vmm_vitrine = {
	.name = "vitrine", .create = create, .run = run_vcpu, .exits = exits, .tsc_khz = tsc_khz,
	.timer_khz = 1000,
};
