// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of libvitrine on the device, a VM and a vCPU.
 *
 * Read internal.h (handles) first; state.c and trace.c hold what needs more
 * than one call.  Each function fills the argument structure, makes the call
 * through vtr_call(), and hands the answer back.
 *
 * Subtle: mmap() of the run page comes with the vCPU, and goes with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <grp.h>

#include "internal.h"

static int real_open(const char *path, int flags)
{
	return open(path, flags);
}

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static void *real_mmap(size_t bytes, int prot, int fd, off_t offset)
{
	return mmap(NULL, bytes, prot, MAP_SHARED, fd, offset);
}

static const struct vtr_ops real_ops = {
	.open = real_open,
	.close = close,
	.ioctl = real_ioctl,
	.mmap = real_mmap,
	.munmap = munmap,
};

const struct vtr_ops *vtr_ops = &real_ops;

void vtr_set_ops(const struct vtr_ops *ops)
{
	vtr_ops = ops ? ops : &real_ops;
}

/* Name the group that may open @path, so that the remedy can be typed. */
static int permission_error(const char *path)
{
	struct stat st;
	struct group *group;

	if (stat(path, &st))
		return vtr_error(EACCES, "%s: Permission denied", path);
	group = getgrgid(st.st_gid);
	if (!(st.st_mode & 0040) || st.st_gid == 0)
		return vtr_error(EACCES, "%s: Permission denied: only root may use it (mode %03o): use sudo",
				 path, st.st_mode & 0777);
	if (!group)
		return vtr_error(EACCES, "%s: Permission denied: join the group with id %u, or use sudo",
				 path, st.st_gid);
	return vtr_error(EACCES, "%s: Permission denied: join the group '%s' (sudo usermod -aG %s $USER, then log in again), or use sudo",
			 path, group->gr_name, group->gr_name);
}

static int open_error(const char *path, int err)
{
	switch (err) {
	case ENOENT:
		return vtr_error(err, "%s does not exist: the module is not loaded: insmod vitrine.ko",
				 path);
	case ENXIO:
	case ENODEV:
		return vtr_error(err, "%s is a left-over node without a driver: insmod vitrine.ko",
				 path);
	case EACCES:
	case EPERM:
		return permission_error(path);
	default:
		return vtr_error(err, "%s: %s", path, strerror(err));
	}
}

static int check_version(int fd, const char *path)
{
	int version = vtr_call(fd, VTR_GET_API_VERSION, NULL, "%s", path);

	if (version < 0)
		return version;
	if (version != VTR_API_VERSION)
		return vtr_error(EPROTO, "%s speaks version %d of the ABI, this program version %d: build and load both from one tree",
				 path, version, VTR_API_VERSION);
	return 0;
}

/* Two calls: the first tells how many features there are. */
static int read_caps(struct vtr_dev *dev)
{
	struct vtr_caps *caps = &dev->caps;
	unsigned int room;
	int ret;

	*caps = (struct vtr_caps){ .size = sizeof(*caps) };
	ret = vtr_call(dev->fd, VTR_GET_CAPS, caps, "first look");
	if (ret < 0)
		return ret;
	room = caps->nr_features;
	if (!room)
		return 0;
	dev->features = calloc(room, sizeof(*dev->features));
	if (!dev->features)
		return vtr_error(ENOMEM, "no memory for %u feature records",
				 room);
	*caps = (struct vtr_caps){
		.size = sizeof(*caps),
		.nr_features = room,
		.features = (uintptr_t)dev->features,
	};
	ret = vtr_call(dev->fd, VTR_GET_CAPS, caps, "%u features", room);
	if (ret < 0)
		return ret;
	if (caps->nr_features > room)
		caps->nr_features = room;
	return 0;
}

/* The mappings are made from these numbers: refuse what cannot be right. */
static int check_caps(const struct vtr_caps *caps)
{
	if (caps->run_bytes < sizeof(struct vtr_run))
		return vtr_error(EPROTO, "the module offers a run page of %u bytes, %zu are needed: build and load both from one tree",
				 caps->run_bytes, sizeof(struct vtr_run));
	return 0;
}

int vtr_open(const char *path, struct vtr_dev **out)
{
	struct vtr_dev *dev;
	int ret;

	if (!path)
		path = VTR_DEVICE_PATH;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return vtr_error(ENOMEM, "no memory for a device handle");
	dev->fd = vtr_ops->open(path, O_RDWR | O_CLOEXEC);
	if (dev->fd < 0) {
		ret = open_error(path, errno);
		free(dev);
		return ret;
	}
	ret = check_version(dev->fd, path);
	if (!ret)
		ret = read_caps(dev);
	if (!ret)
		ret = check_caps(&dev->caps);
	if (ret < 0) {
		vtr_close(dev);
		return ret;
	}
	*out = dev;
	return 0;
}

void vtr_close(struct vtr_dev *dev)
{
	if (!dev)
		return;
	vtr_ops->close(dev->fd);
	free(dev->features);
	free(dev);
}

const struct vtr_caps *vtr_caps(const struct vtr_dev *dev)
{
	return &dev->caps;
}

const struct vtr_feature *vtr_features(const struct vtr_dev *dev,
				       unsigned int *nr)
{
	*nr = dev->features ? dev->caps.nr_features : 0;
	return dev->features;
}

int vtr_default_cpuid(struct vtr_dev *dev, uint32_t flags,
		      struct vtr_cpuid_entry *entries, uint32_t *nr)
{
	struct vtr_cpuid_table arg = {
		.size = sizeof(arg),
		.flags = flags,
		.nr_entries = *nr,
		.entries = (uintptr_t)entries,
	};
	int ret = vtr_call(dev->fd, VTR_GET_CPUID, &arg, "room for %u", *nr);

	if (!ret)
		*nr = arg.nr_entries;
	return ret;
}

int vtr_vm_create(struct vtr_dev *dev, const char *name, uint32_t flags,
		  uint32_t irqchip, struct vtr_vm **out)
{
	struct vtr_create_vm arg = { .size = sizeof(arg), .flags = flags, .irqchip = irqchip };
	struct vtr_vm *vm;

	if (name && strlen(name) >= sizeof(arg.name))
		return vtr_error(EINVAL, "VM name '%.40s...' is too long: at most %zu characters",
				 name, sizeof(arg.name) - 1);
	if (name)
		strcpy(arg.name, name);
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return vtr_error(ENOMEM, "no memory for a VM handle");
	vm->fd = vtr_call(dev->fd, VTR_CREATE_VM, &arg, "name '%s'", arg.name);
	if (vm->fd < 0) {
		int ret = vm->fd;

		free(vm);
		return ret;
	}
	vm->run_bytes = dev->caps.run_bytes;
	vm->trace_offset = dev->caps.trace_offset;
	vm->trace_bytes = dev->caps.trace_bytes;
	*out = vm;
	return 0;
}

void vtr_vm_destroy(struct vtr_vm *vm)
{
	if (!vm)
		return;
	vtr_ops->close(vm->fd);
	free(vm);
}

int vtr_vm_irq_line(struct vtr_vm *vm, uint32_t line, bool level)
{
	struct vtr_irq_line arg = { .size = sizeof(arg), .line = line, .level = level };

	return vtr_call(vm->fd, VTR_VM_IRQ_LINE, &arg, "line %u", line);
}

int vtr_vm_send_msi(struct vtr_vm *vm, uint64_t address, uint32_t data)
{
	struct vtr_msi arg = { .size = sizeof(arg), .address = address, .data = data };

	return vtr_call(vm->fd, VTR_VM_MSI, &arg, "address 0x%llx, data 0x%x",
			(unsigned long long)address, data);
}

int vtr_vm_hold_timers(struct vtr_vm *vm)
{
	struct vtr_hold_timers arg = { .size = sizeof(arg), .flags = VTR_TIMERS_HELD };

	return vtr_call(vm->fd, VTR_VM_HOLD_TIMERS, &arg, "hold");
}

int vtr_vm_release_timers(struct vtr_vm *vm, uint64_t *ns, uint64_t *ticks)
{
	struct vtr_hold_timers arg = { .size = sizeof(arg) };
	int ret = vtr_call(vm->fd, VTR_VM_HOLD_TIMERS, &arg, "release");

	*ns = arg.ns;
	*ticks = arg.tsc;
	return ret;
}

int vtr_vm_set_slot(struct vtr_vm *vm, uint32_t slot, uint64_t gpa, void *hva,
		    uint64_t bytes, uint32_t flags)
{
	struct vtr_slot arg = {
		.size = sizeof(arg),
		.flags = flags,
		.slot = slot,
		.gpa = gpa,
		.bytes = bytes,
		.hva = (uintptr_t)hva,
	};

	return vtr_call(vm->fd, VTR_VM_SET_SLOT, &arg,
			"slot %u, gpa 0x%llx, 0x%llx bytes", slot,
			(unsigned long long)gpa, (unsigned long long)bytes);
}

int vtr_vm_delete_slot(struct vtr_vm *vm, uint32_t slot)
{
	struct vtr_slot arg = { .size = sizeof(arg), .slot = slot };

	return vtr_call(vm->fd, VTR_VM_SET_SLOT, &arg, "delete slot %u", slot);
}

int vtr_vm_info(struct vtr_vm *vm, struct vtr_vm_info *info)
{
	*info = (struct vtr_vm_info){ .size = sizeof(*info) };
	return vtr_call(vm->fd, VTR_VM_GET_INFO, info, "VM");
}

int vtr_vm_walk(struct vtr_vm *vm, uint64_t gpa, struct vtr_walk *walk)
{
	*walk = (struct vtr_walk){ .size = sizeof(*walk), .gpa = gpa };
	return vtr_call(vm->fd, VTR_VM_WALK, walk, "gpa 0x%llx",
			(unsigned long long)gpa);
}

int vtr_vm_set_cpuid(struct vtr_vm *vm, const struct vtr_cpuid_entry *entries,
		     uint32_t nr)
{
	struct vtr_cpuid_table arg = {
		.size = sizeof(arg),
		.nr_entries = nr,
		.entries = (uintptr_t)entries,
	};

	return vtr_call(vm->fd, VTR_VM_SET_CPUID, &arg, "%u entries", nr);
}

int vtr_vm_set_msr_filter(struct vtr_vm *vm, const struct vtr_msr_range *ranges,
			  uint32_t nr)
{
	struct vtr_msr_filter arg = {
		.size = sizeof(arg),
		.nr_ranges = nr,
		.ranges = (uintptr_t)ranges,
	};

	return vtr_call(vm->fd, VTR_VM_SET_MSR_FILTER, &arg, "%u ranges", nr);
}

static int dirty_call(struct vtr_vm *vm, unsigned long request, uint32_t slot,
		      uint64_t first_page, uint64_t nr_pages, const void *bitmap)
{
	struct vtr_dirty arg = {
		.size = sizeof(arg),
		.slot = slot,
		.first_page = first_page,
		.nr_pages = nr_pages,
		.bitmap = (uintptr_t)bitmap,
	};

	return vtr_call(vm->fd, request, &arg, "slot %u, %llu pages from %llu",
			slot, (unsigned long long)nr_pages,
			(unsigned long long)first_page);
}

int vtr_vm_get_dirty(struct vtr_vm *vm, uint32_t slot, uint64_t first_page,
		     uint64_t nr_pages, uint64_t *bitmap)
{
	return dirty_call(vm, VTR_VM_GET_DIRTY, slot, first_page, nr_pages,
			  bitmap);
}

int vtr_vm_clear_dirty(struct vtr_vm *vm, uint32_t slot, uint64_t first_page,
		       uint64_t nr_pages, const uint64_t *bitmap)
{
	return dirty_call(vm, VTR_VM_CLEAR_DIRTY, slot, first_page, nr_pages,
			  bitmap);
}

static int map_run_page(struct vtr_vcpu *vcpu)
{
	void *at = vtr_ops->mmap(vcpu->run_bytes, PROT_READ | PROT_WRITE,
				 vcpu->fd, 0);

	if (at == MAP_FAILED)
		return vtr_error(errno, "mmap of the run page of vCPU %u: %s",
				 vcpu->id, strerror(errno));
	vcpu->run = at;
	return 0;
}

int vtr_vcpu_create(struct vtr_vm *vm, uint32_t id, uint32_t apic_id,
		    struct vtr_vcpu **out)
{
	struct vtr_create_vcpu arg = {
		.size = sizeof(arg),
		.id = id,
		.apic_id = apic_id,
	};
	struct vtr_vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int ret;

	if (!vcpu)
		return vtr_error(ENOMEM, "no memory for a vCPU handle");
	vcpu->id = id;
	vcpu->run_bytes = vm->run_bytes;
	vcpu->trace_offset = vm->trace_offset;
	vcpu->trace_bytes = vm->trace_bytes;
	vcpu->fd = vtr_call(vm->fd, VTR_VM_CREATE_VCPU, &arg,
			    "vCPU %u, APIC id %u", id, apic_id);
	if (vcpu->fd < 0) {
		ret = vcpu->fd;
		free(vcpu);
		return ret;
	}
	ret = map_run_page(vcpu);
	if (ret < 0) {
		vtr_vcpu_destroy(vcpu);
		return ret;
	}
	*out = vcpu;
	return 0;
}

void vtr_vcpu_destroy(struct vtr_vcpu *vcpu)
{
	if (!vcpu)
		return;
	if (vcpu->run)
		vtr_ops->munmap(vcpu->run, vcpu->run_bytes);
	vtr_ops->close(vcpu->fd);
	free(vcpu);
}

struct vtr_run *vtr_vcpu_page(const struct vtr_vcpu *vcpu)
{
	return vcpu->run;
}

uint32_t vtr_vcpu_id(const struct vtr_vcpu *vcpu)
{
	return vcpu->id;
}

int vtr_vcpu_run(struct vtr_vcpu *vcpu)
{
	return vtr_call(vcpu->fd, VTR_VCPU_RUN, NULL, "vCPU %u", vcpu->id);
}

/* Atomic: another thread runs the vCPU, and the kernel reads the byte. */
void vtr_vcpu_stop(struct vtr_vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

int vtr_vcpu_debug(struct vtr_vcpu *vcpu, uint32_t flags)
{
	struct vtr_debug arg = { .size = sizeof(arg), .flags = flags };

	return vtr_call(vcpu->fd, VTR_VCPU_DEBUG, &arg, "vCPU %u, flags 0x%x",
			vcpu->id, flags);
}

int vtr_vcpu_inject(struct vtr_vcpu *vcpu, const struct vtr_event *event)
{
	struct vtr_inject arg = { .size = sizeof(arg), .event = *event };

	return vtr_call(vcpu->fd, VTR_VCPU_INJECT, &arg,
			"vCPU %u, kind %u, vector %u", vcpu->id, event->kind,
			event->vector);
}

int vtr_vcpu_translate(struct vtr_vcpu *vcpu, uint64_t gva,
		       struct vtr_translate *out)
{
	*out = (struct vtr_translate){ .size = sizeof(*out), .gva = gva };
	return vtr_call(vcpu->fd, VTR_VCPU_TRANSLATE, out,
			"vCPU %u, gva 0x%llx", vcpu->id,
			(unsigned long long)gva);
}

int vtr_vcpu_read_fields(struct vtr_vcpu *vcpu, uint32_t backend,
			 struct vtr_field *fields, uint32_t nr)
{
	struct vtr_read_fields arg = {
		.size = sizeof(arg),
		.backend = backend,
		.nr_fields = nr,
		.fields = (uintptr_t)fields,
	};

	return vtr_call(vcpu->fd, VTR_VCPU_READ_FIELDS, &arg,
			"vCPU %u, %u fields", vcpu->id, nr);
}

int vtr_vcpu_check(struct vtr_vcpu *vcpu, struct vtr_entry_check *check)
{
	*check = (struct vtr_entry_check){ .size = sizeof(*check) };
	return vtr_call(vcpu->fd, VTR_VCPU_CHECK, check, "vCPU %u", vcpu->id);
}

int vtr_vcpu_stats(struct vtr_vcpu *vcpu, struct vtr_vcpu_stats *stats)
{
	*stats = (struct vtr_vcpu_stats){ .size = sizeof(*stats) };
	return vtr_call(vcpu->fd, VTR_VCPU_GET_STATS, stats, "vCPU %u",
			vcpu->id);
}
