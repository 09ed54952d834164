// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vitrine: version, capabilities, and the rules of growing structures.
 *
 * The rules (ioctl-uapi/vitrine.h): too short is EINVAL, longer is fine with a
 * zero tail and E2BIG with another one, unknown flags and padding are EINVAL,
 * bad pointers EFAULT, unknown calls ENOTTY.  Each kind of file is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define UNKNOWN_CALL	_IO(VTR_IOC_MAGIC, 0x1f)
#define BAD_POINTER	((void *)0x10)

GUEST(halts, 16, "hlt");

static struct vtr_caps get_caps(void)
{
	struct vtr_caps caps = { .size = sizeof(caps) };

	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	return caps;
}

static void version_is_that_of_the_header(void)
{
	CHECK_NUM(ioctl(open_device(), VTR_GET_API_VERSION, 0), VTR_API_VERSION);
	CHECK_ERRNO(ioctl(open_device(), VTR_GET_API_VERSION, 1), EINVAL);
}

static void node_is_for_root_only(void)
{
	struct stat st;

	MUST(stat(VTR_DEVICE_PATH, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_NUM(st.st_mode & 0777, 0600);
}

/* It shows the host's side; only "walk" takes a question. */
static void debugfs_is_for_root_only(void)
{
	static const char *const files[] = {
		"cpu0", "vm%u/info", "vm%u/slots", "vm%u/ept", "vm%u/vcpu0/registers",
		"vm%u/vcpu0/vmcs", "vm%u/vcpu0/exits", "vm%u/vcpu0/last_exits", "vm%u/walk",
	};
	unsigned int id = get_info(start_guest(&guest_halts, 16, 0)->vm).id;

	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[64], path[128];
		struct stat st;

		snprintf(name, sizeof(name), files[i], id);
		snprintf(path, sizeof(path), "/sys/kernel/debug/vitrine/%s", name);
		MUST(stat(path, &st));
		CHECK_NUM(st.st_uid, 0);
		CHECK_NUM(st.st_mode & 0777, i == 8 ? 0600 : 0400);
	}
}

static void capabilities_tell_limits_and_layout(void)
{
	struct vtr_caps caps = get_caps();

	CHECK_NUM(caps.api_version, VTR_API_VERSION);
	CHECK_NUM(caps.backend, VTR_BACKEND_VMX);
	CHECK(!strcmp(caps.backend_name, "vmx"));
	CHECK_NUM(caps.max_vcpus, VTR_MAX_VCPUS);
	CHECK_NUM(caps.max_slots, VTR_MAX_SLOTS);
	CHECK_NUM(caps.run_bytes, 4096);
	CHECK(caps.run_bytes >= sizeof(struct vtr_run));
	CHECK(caps.trace_offset >= caps.run_bytes && caps.trace_offset % 4096 == 0);
	CHECK(caps.trace_bytes > 4096 && caps.trace_bytes % 4096 == 0);
	CHECK(caps.tsc_khz > 1000);
	CHECK_NUM(caps.pad, 0);
}

static const struct vtr_feature *find_feature(const struct vtr_feature *features, unsigned int nr,
					      const char *name)
{
	for (unsigned int i = 0; i < nr; i++)
		if (strstr(features[i].name, name))
			return &features[i];
	return NULL;
}

static void features_have_names_and_costs(void)
{
	static struct vtr_feature features[64];
	struct vtr_caps caps = {
		.size = sizeof(caps), .features = (uintptr_t)features, .nr_features = 64,
	};
	const struct vtr_feature *ept;

	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	REQUIRE(caps.nr_features >= 5 && caps.nr_features <= 64);
	for (unsigned int i = 0; i < caps.nr_features; i++) {
		const struct vtr_feature *f = &features[i];

		CHECK_MSG(f->name[0] && memchr(f->name, 0, sizeof(f->name)),
			  "feature %u has no name", i);
		CHECK_MSG(f->cost[0] && memchr(f->cost, 0, sizeof(f->cost)),
			  "feature %s does not tell its cost", f->name);
		CHECK_MSG(!(f->flags & ~7u) && !f->pad, "feature %s has unknown flags", f->name);
		CHECK_MSG(f->flags & VTR_FEATURE_PRESENT || !(f->flags & VTR_FEATURE_USED),
			  "feature %s is used and absent", f->name);
		CHECK_MSG(f->flags & VTR_FEATURE_PRESENT || !(f->flags & VTR_FEATURE_REQUIRED),
			  "feature %s is required and absent, but the module is loaded", f->name);
	}
	ept = find_feature(features, caps.nr_features, "EPT");
	CHECK(ept);
}

static void check_used(const char *name, bool wanted)
{
	static struct vtr_feature features[64];
	struct vtr_caps caps = {
		.size = sizeof(caps), .features = (uintptr_t)features, .nr_features = 64,
	};
	const struct vtr_feature *feature;

	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	feature = find_feature(features, caps.nr_features, name);
	REQUIRE(feature);
	wanted = wanted && feature->flags & VTR_FEATURE_PRESENT;
	CHECK_MSG(!(feature->flags & VTR_FEATURE_USED) == !wanted, "%s is%s used", name,
		  wanted ? " not" : "");
}

/* "Used" is what VMs do that are made from now on. */
static void features_follow_the_parameters(void)
{
	unsigned int apicv = read_parameter("apicv");

	for (unsigned int level = 0; level <= 2; level++) {
		write_parameter("apicv", level);
		check_used("x2APIC mode", level >= 1);
		check_used("interrupt delivery", level >= 2);
		check_used("EPT", true);
	}
	write_parameter("apicv", apicv);
}

static void feature_list_keeps_to_the_room(void)
{
	struct vtr_feature features[4];
	struct vtr_caps caps = get_caps();
	unsigned int nr = caps.nr_features;

	/* Without a list: the number only. */
	CHECK(nr > 2);
	memset(features, 0x5a, sizeof(features));
	caps = (struct vtr_caps) {
		.size = sizeof(caps), .features = (uintptr_t)features, .nr_features = 2,
	};
	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	CHECK_NUM(caps.nr_features, nr);
	CHECK(features[1].name[0] && (unsigned char)features[1].name[0] != 0x5a);
	CHECK_NUM(features[2].flags, 0x5a5a5a5a);

	caps = (struct vtr_caps) {
		.size = sizeof(caps), .features = (uintptr_t)BAD_POINTER, .nr_features = 1,
	};
	CHECK_ERRNO(ioctl(open_device(), VTR_GET_CAPS, &caps), EFAULT);
}

static void unknown_calls_are_refused_everywhere(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	char byte = 0;

	CHECK_ERRNO(ioctl(open_device(), UNKNOWN_CALL, 0), ENOTTY);
	CHECK_ERRNO(ioctl(vcpu->vm->fd, UNKNOWN_CALL, 0), ENOTTY);
	CHECK_ERRNO(ioctl(vcpu->fd, UNKNOWN_CALL, 0), ENOTTY);
	/* A call of one kind of file on another. */
	CHECK_ERRNO(ioctl(open_device(), VTR_VCPU_RUN, 0), ENOTTY);
	CHECK_ERRNO(ioctl(vcpu->vm->fd, VTR_VCPU_RUN, 0), ENOTTY);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_GET_API_VERSION, 0), ENOTTY);
	/* Another driver's call, and plain reading and writing. */
	CHECK_ERRNO(ioctl(open_device(), _IO(0xAE, 0x00), 0), ENOTTY);
	CHECK_ERRNO(read(vcpu->fd, &byte, 1), EINVAL);
	CHECK_ERRNO(write(vcpu->vm->fd, &byte, 1), EINVAL);
	run_to(vcpu, VTR_EXIT_HLT);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_RUN, 1), EINVAL);
}

/* Calls whose argument is a structure that begins with its size. */
struct sized_call {
	const char *name;
	unsigned long request;
	unsigned int file;	/* 0 device, 1 VM, 2 vCPU */
	uint32_t bytes;
};

#define SIZED(file, request, type) { #request, request, file, sizeof(type) }

static const struct sized_call sized_calls[] = {
	SIZED(0, VTR_GET_CAPS, struct vtr_caps),
	SIZED(0, VTR_CREATE_VM, struct vtr_create_vm),
	SIZED(0, VTR_GET_CPUID, struct vtr_cpuid_table),
	SIZED(1, VTR_VM_SET_SLOT, struct vtr_slot),
	SIZED(1, VTR_VM_CREATE_VCPU, struct vtr_create_vcpu),
	SIZED(1, VTR_VM_GET_INFO, struct vtr_vm_info),
	SIZED(1, VTR_VM_WALK, struct vtr_walk),
	SIZED(1, VTR_VM_SET_CPUID, struct vtr_cpuid_table),
	SIZED(1, VTR_VM_SET_MSR_FILTER, struct vtr_msr_filter),
	SIZED(2, VTR_VCPU_GET_STATE, struct vtr_state_buffer),
	SIZED(2, VTR_VCPU_SET_STATE, struct vtr_state_buffer),
	SIZED(2, VTR_VCPU_DEBUG, struct vtr_debug),
	SIZED(2, VTR_VCPU_TRANSLATE, struct vtr_translate),
	SIZED(2, VTR_VCPU_READ_FIELDS, struct vtr_read_fields),
	SIZED(2, VTR_VCPU_INJECT, struct vtr_inject),
	SIZED(2, VTR_VCPU_GET_STATS, struct vtr_vcpu_stats),
	SIZED(2, VTR_VCPU_CHECK, struct vtr_entry_check),
};

#define NR_SIZED	(sizeof(sized_calls) / sizeof(sized_calls[0]))

static int call_sized(struct vcpu *vcpu, const struct sized_call *call, void *arg)
{
	int fd = call->file == 0 ? open_device() : call->file == 1 ? vcpu->vm->fd : vcpu->fd;

	errno = 0;
	return ioctl(fd, call->request, arg);
}

static void check_refusal(struct vcpu *vcpu, const struct sized_call *call, void *arg,
			  int wanted, const char *why)
{
	int ret = call_sized(vcpu, call, arg);

	CHECK_MSG(ret == -1 && errno == wanted, "%s, %s: returned %d, errno %d (%s)",
		  call->name, why, ret, errno, strerror(errno));
}

static void sizes_and_pointers_are_checked(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	uint8_t *pages = map_memory(3 * 4096);

	/* Nothing lies behind the second page. */
	MUST(munmap(pages + 2 * 4096, 4096));
	for (unsigned int i = 0; i < NR_SIZED; i++) {
		const struct sized_call *call = &sized_calls[i];
		uint32_t *arg = (void *)pages;

		memset(pages, 0, 2 * 4096);
		check_refusal(vcpu, call, arg, EINVAL, "size 0");
		*arg = call->bytes - 1;
		check_refusal(vcpu, call, arg, EINVAL, "one byte too short");
		*arg = 4097;
		check_refusal(vcpu, call, arg, EINVAL, "more than a page");
		*arg = ~0u;
		check_refusal(vcpu, call, arg, EINVAL, "absurd size");
		*arg = call->bytes + 8;
		pages[call->bytes + 7] = 1;
		check_refusal(vcpu, call, arg, E2BIG, "unknown member not zero");
		check_refusal(vcpu, call, BAD_POINTER, EFAULT, "bad pointer");
		check_refusal(vcpu, call, NULL, EFAULT, "NULL");
		/* The size is readable, the rest is not. */
		arg = (void *)(pages + 2 * 4096 - 4);
		*arg = call->bytes;
		check_refusal(vcpu, call, arg, EFAULT, "across the end of memory");
	}
}

static void longer_structures_with_a_zero_tail_are_fine(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	union {
		struct vtr_vm_info info;
		struct vtr_caps caps;
		uint8_t bytes[2048];
	} arg = {};

	arg.info.size = sizeof(arg.info) + 64;
	MUST(ioctl(vcpu->vm->fd, VTR_VM_GET_INFO, &arg));
	CHECK_NUM(arg.info.size, sizeof(arg.info));
	CHECK_NUM(arg.info.nr_vcpus, 1);
	memset(&arg, 0, sizeof(arg));
	arg.caps.size = sizeof(arg);
	MUST(ioctl(open_device(), VTR_GET_CAPS, &arg));
	CHECK_NUM(arg.caps.api_version, VTR_API_VERSION);
}

static void unknown_flags_and_padding_are_refused(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	int device = open_device(), vm = vcpu->vm->fd;
	struct vtr_caps caps = { .size = sizeof(caps), .flags = 1 };
	struct vtr_create_vm create = { .size = sizeof(create), .flags = 1u << 31 };
	struct vtr_create_vcpu create_vcpu = { .size = sizeof(create_vcpu), .flags = 1, .id = 1 };
	struct vtr_walk walk = { .size = sizeof(walk), .flags = 1 };
	struct vtr_debug debug = { .size = sizeof(debug), .flags = 4 };
	struct vtr_translate translate = { .size = sizeof(translate), .flags = 1 };
	struct vtr_vcpu_stats stats = { .size = sizeof(stats), .flags = 1 };
	struct vtr_entry_check check = { .size = sizeof(check), .flags = 1 };
	struct vtr_state_buffer state = { .size = sizeof(state), .flags = 1 };

	CHECK_ERRNO(ioctl(device, VTR_GET_CAPS, &caps), EINVAL);
	caps = (struct vtr_caps) { .size = sizeof(caps), .pad = 1 };
	CHECK_ERRNO(ioctl(device, VTR_GET_CAPS, &caps), EINVAL);
	CHECK_ERRNO(ioctl(device, VTR_CREATE_VM, &create), EINVAL);
	create = (struct vtr_create_vm) { .size = sizeof(create), .pad = 1 };
	CHECK_ERRNO(ioctl(device, VTR_CREATE_VM, &create), EINVAL);
	create = (struct vtr_create_vm) {
		.size = sizeof(create), .irqchip = VTR_IRQCHIP_MODULE + 1,
	};
	CHECK_ERRNO(ioctl(device, VTR_CREATE_VM, &create), EINVAL);
	CHECK_ERRNO(ioctl(vm, VTR_VM_CREATE_VCPU, &create_vcpu), EINVAL);
	CHECK_ERRNO(ioctl(vm, VTR_VM_WALK, &walk), EINVAL);
	walk = (struct vtr_walk) { .size = sizeof(walk), .gpa = 1ull << 62 };
	CHECK_ERRNO(ioctl(vm, VTR_VM_WALK, &walk), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_DEBUG, &debug), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_TRANSLATE, &translate), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATS, &stats), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_CHECK, &check), EINVAL);
	check = (struct vtr_entry_check) { .size = sizeof(check), .pad = 1 };
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_CHECK, &check), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &state), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_SET_STATE, &state), EINVAL);
}

static void the_device_needs_permission(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		MUST(setuid(65534));
		CHECK_ERRNO(open(VTR_DEVICE_PATH, O_RDWR), EACCES);
		tap_end();
	}
	MUST(waitpid(child, &status, 0));
	CHECK_NUM(status, 0);
}

static const struct tap_case cases[] = {
	CASE(version_is_that_of_the_header),
	CASE(node_is_for_root_only),
	CASE(the_device_needs_permission),
	CASE(debugfs_is_for_root_only),
	CASE(capabilities_tell_limits_and_layout),
	CASE(features_have_names_and_costs),
	CASE(features_follow_the_parameters),
	CASE(feature_list_keeps_to_the_room),
	CASE(unknown_calls_are_refused_everywhere),
	CASE(sizes_and_pointers_are_checked),
	CASE(longer_structures_with_a_zero_tail_are_fine),
	CASE(unknown_flags_and_padding_are_refused),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
