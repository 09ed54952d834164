// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does KVM work here?  Create a VM and run a guest that halts.
 *
 * tests/life/kvm.sh runs it before, during and after Vitrine's stay.  The first
 * call that fails is named with its error, for the test compares that; "KVM ran
 * a guest to HLT" means that all of it works.  The guest is one byte at the
 * reset vector, as in guest.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE		4096
#define ROM_ADDRESS	0xfffff000u
#define RESET_OFFSET	0xff0
#define HLT		0xf4

static int failed(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int run_guest(int vm, size_t run_bytes)
{
	unsigned char *rom = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = ROM_ADDRESS, .memory_size = PAGE,
		.userspace_addr = (unsigned long)rom,
	};
	struct kvm_run *run;
	int vcpu;

	if (rom == MAP_FAILED)
		return failed("mmap");
	rom[RESET_OFFSET] = HLT;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		return failed("KVM_SET_USER_MEMORY_REGION");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return failed("KVM_CREATE_VCPU");
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return failed("mmap of the vCPU");
	if (ioctl(vcpu, KVM_RUN, 0))
		return failed("KVM_RUN");
	if (run->exit_reason != KVM_EXIT_HLT) {
		printf("KVM_RUN: exit reason %u instead of HLT\n", run->exit_reason);
		return 1;
	}
	puts("KVM ran a guest to HLT");
	return 0;
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm, bytes;

	if (kvm < 0)
		return failed("/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return failed("KVM_CREATE_VM");
	bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (bytes < 0)
		return failed("KVM_GET_VCPU_MMAP_SIZE");
	return run_guest(vm, bytes);
}
