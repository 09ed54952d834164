// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doors from user space: /dev/vitrine, VM files, vCPU files.
 *
 * Every call is checked here: the argument structure's size, its padding, the
 * caller's address space; then the work is done elsewhere.  Structures grow by
 * the rule of ioctl-uapi/vitrine.h, which copy_struct_from_user() implements.
 * Read next: module/vm.c, module/vcpu.c, ioctl-uapi/README.md (reference).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqchip.h"

/*
 * Take an argument structure whose first member is the caller's idea of its
 * size.  Return: 0; -EINVAL: too short or a size that cannot be; -E2BIG: the
 * caller sets members that this module does not know; -EFAULT.
 */
static int take_args(void *args, size_t bytes, void __user *user)
{
	u32 size;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < bytes || size > PAGE_SIZE)
		return -EINVAL;
	return copy_struct_from_user(args, bytes, user, size);
}

static int give_args(void __user *user, const void *args, size_t bytes)
{
	return copy_to_user(user, args, bytes) ? -EFAULT : 0;
}

/* ---- /dev/vitrine ------------------------------------------------------------- */

/* Copy as many features as there is room for; count all of them. */
static int give_features(struct vtr_caps *caps)
{
	struct vtr_feature __user *user = u64_to_user_ptr(caps->features);
	u32 room = caps->features ? caps->nr_features : 0;
	struct vtr_feature feature;
	u32 n = 0;

	for (;; n++) {
		memset(&feature, 0, sizeof(feature));
		if (!vtr_backend->feature(n, &feature))
			break;
		if (n < room && copy_to_user(&user[n], &feature, sizeof(feature)))
			return -EFAULT;
	}
	caps->nr_features = n;
	return 0;
}

static int get_caps(void __user *user)
{
	struct vtr_caps caps;
	int err = take_args(&caps, sizeof(caps), user);

	if (err)
		return err;
	if (caps.flags || caps.pad)
		return -EINVAL;
	caps.api_version = VTR_API_VERSION;
	caps.backend = vtr_backend->id;
	caps.max_vcpus = VTR_MAX_VCPUS;
	caps.max_slots = VTR_MAX_SLOTS;
	caps.run_bytes = PAGE_SIZE;
	caps.trace_offset = PAGE_SIZE;
	caps.trace_bytes = (VTR_TRACE_RING_PAGES + 1) * PAGE_SIZE;
	caps.tsc_khz = vtr_tsc_khz();
	strscpy_pad(caps.backend_name, vtr_backend->name, sizeof(caps.backend_name));
	err = give_features(&caps);
	return err ?: give_args(user, &caps, sizeof(caps));
}

/* As give_features(): as many entries as there is room for. */
static int get_cpuid(void __user *user)
{
	struct vtr_cpuid_entry __user *entries;
	struct vtr_cpuid_entry entry;
	struct vtr_cpuid_table args;
	int err = take_args(&args, sizeof(args), user);
	u32 room, n;

	if (err)
		return err;
	if (args.flags & ~VTR_CPUID_IRQCHIP || args.pad)
		return -EINVAL;
	entries = u64_to_user_ptr(args.entries);
	room = args.entries ? args.nr_entries : 0;
	for (n = 0; vtr_cpuid_default_entry(args.flags & VTR_CPUID_IRQCHIP, n, &entry); n++)
		if (n < room && copy_to_user(&entries[n], &entry, sizeof(entry)))
			return -EFAULT;
	args.nr_entries = n;
	return give_args(user, &args, sizeof(args));
}

static int create_vm(void __user *user)
{
	struct vtr_create_vm args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_vm_create(&args);
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case VTR_GET_API_VERSION:
		return arg ? -EINVAL : VTR_API_VERSION;
	case VTR_GET_CAPS:
		return get_caps(user);
	case VTR_CREATE_VM:
		return create_vm(user);
	case VTR_GET_CPUID:
		return get_cpuid(user);
	default:
		return -ENOTTY;
	}
}

const struct file_operations vtr_device_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

/* ---- VM files ------------------------------------------------------------------ */

static int set_slot(struct vtr_vm *vm, void __user *user)
{
	struct vtr_slot args;
	int err = take_args(&args, sizeof(args), user);

	if (err)
		return err;
	if (args.pad)
		return -EINVAL;
	return vtr_mem_set_slot(vm, &args);
}

static int create_vcpu(struct vtr_vm *vm, void __user *user)
{
	struct vtr_create_vcpu args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_vcpu_create(vm, &args);
}

static int get_info(struct vtr_vm *vm, void __user *user)
{
	struct vtr_vm_info info;
	int err = take_args(&info, sizeof(info), user);

	if (err)
		return err;
	info = (struct vtr_vm_info) { .size = sizeof(info) };
	vtr_vm_fill_info(vm, &info);
	return give_args(user, &info, sizeof(info));
}

static int walk(struct vtr_vm *vm, void __user *user)
{
	struct vtr_walk args;
	int err = take_args(&args, sizeof(args), user);

	if (err)
		return err;
	if (args.flags || args.pad || args.gpa >> vtr_backend->info.gpa_bits)
		return -EINVAL;
	args = (struct vtr_walk) { .size = sizeof(args), .gpa = args.gpa };
	vtr_vm_walk(vm, &args);
	return give_args(user, &args, sizeof(args));
}

static int set_cpuid(struct vtr_vm *vm, void __user *user)
{
	struct vtr_cpuid_table args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_policy_set_cpuid(vm, &args);
}

static int set_msr_filter(struct vtr_vm *vm, void __user *user)
{
	struct vtr_msr_filter args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_policy_set_msr_filter(vm, &args);
}

static int dirty_call(struct vtr_vm *vm, void __user *user,
		      int (*fn)(struct vtr_vm *, const struct vtr_dirty *))
{
	struct vtr_dirty args;
	int err = take_args(&args, sizeof(args), user);

	if (err)
		return err;
	if (args.flags || args.pad || args.slot >= VTR_MAX_SLOTS)
		return -EINVAL;
	return fn(vm, &args);
}

static int irq_line(struct vtr_vm *vm, void __user *user)
{
	struct vtr_irq_line args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_irqchip_set_line(vm, &args);
}

static int send_msi(struct vtr_vm *vm, void __user *user)
{
	struct vtr_msi args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_irqchip_send_msi(vm, &args);
}

static int vm_state(struct vtr_vm *vm, void __user *user,
		    int (*fn)(struct vtr_vm *, struct vtr_state_buffer *))
{
	struct vtr_state_buffer args;
	int err = take_args(&args, sizeof(args), user), err2;

	if (err)
		return err;
	err = fn(vm, &args);
	/* As for a vCPU: sizes and the bad record's place are told on failure, too. */
	err2 = give_args(user, &args, sizeof(args));
	return err ?: err2;
}

static int hold_timers(struct vtr_vm *vm, void __user *user)
{
	struct vtr_hold_timers args;
	int err = take_args(&args, sizeof(args), user);

	if (!err)
		err = vtr_time_hold(vm, &args);
	return err ?: give_args(user, &args, sizeof(args));
}

static int irqfd(struct vtr_vm *vm, void __user *user)
{
	struct vtr_irqfd args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_eventfd_irq(vm, &args);
}

static int ioeventfd(struct vtr_vm *vm, void __user *user)
{
	struct vtr_ioeventfd args;
	int err = take_args(&args, sizeof(args), user);

	return err ?: vtr_eventfd_io(vm, &args);
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vtr_vm *vm = file->private_data;
	void __user *user = (void __user *)arg;

	/* Guest memory is the creator's: nobody else can mean the right one. */
	if (vm->mm != current->mm)
		return -EIO;
	switch (cmd) {
	case VTR_VM_SET_SLOT:
		return set_slot(vm, user);
	case VTR_VM_CREATE_VCPU:
		return create_vcpu(vm, user);
	case VTR_VM_GET_INFO:
		return get_info(vm, user);
	case VTR_VM_WALK:
		return walk(vm, user);
	case VTR_VM_SET_CPUID:
		return set_cpuid(vm, user);
	case VTR_VM_SET_MSR_FILTER:
		return set_msr_filter(vm, user);
	case VTR_VM_GET_DIRTY:
		return dirty_call(vm, user, vtr_dirty_get);
	case VTR_VM_CLEAR_DIRTY:
		return dirty_call(vm, user, vtr_dirty_clear);
	case VTR_VM_IRQ_LINE:
		return irq_line(vm, user);
	case VTR_VM_MSI:
		return send_msi(vm, user);
	case VTR_VM_GET_STATE:
		return vm_state(vm, user, vtr_irqchip_get_state);
	case VTR_VM_SET_STATE:
		return vm_state(vm, user, vtr_irqchip_set_state);
	case VTR_VM_HOLD_TIMERS:
		return hold_timers(vm, user);
	case VTR_VM_IRQFD:
		return irqfd(vm, user);
	case VTR_VM_IOEVENTFD:
		return ioeventfd(vm, user);
	default:
		return -ENOTTY;
	}
}

static int vm_release(struct inode *inode, struct file *file)
{
	vtr_vm_put(file->private_data);
	return 0;
}

const struct file_operations vtr_vm_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= vm_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= vm_release,
	.llseek		= noop_llseek,
};

/* ---- vCPU files ----------------------------------------------------------------- */

static int state_call(struct vtr_vcpu *vcpu, void __user *user,
		      int (*fn)(struct vtr_vcpu *, struct vtr_state_buffer *))
{
	struct vtr_state_buffer args;
	int err = take_args(&args, sizeof(args), user), err2;

	if (err)
		return err;
	vtr_vcpu_load(vcpu);
	err = fn(vcpu, &args);
	vtr_vcpu_put(vcpu);
	/* Sizes and the bad record's place are told on failure, too. */
	err2 = give_args(user, &args, sizeof(args));
	return err ?: err2;
}

static int set_debug(struct vtr_vcpu *vcpu, void __user *user)
{
	struct vtr_debug args;
	int err = take_args(&args, sizeof(args), user);

	if (err)
		return err;
	if (args.flags & ~(VTR_DEBUG_STEP_INSN | VTR_DEBUG_STEP_EXIT))
		return -EINVAL;
	if ((args.flags & VTR_DEBUG_STEP_INSN) && !vtr_backend->info.step_insn)
		return -EOPNOTSUPP;
	vcpu->debug = args.flags;
	vtr_vcpu_load(vcpu);
	preempt_disable();
	vtr_backend->set_step(vcpu, args.flags & VTR_DEBUG_STEP_INSN);
	preempt_enable();
	vtr_vcpu_put(vcpu);
	return 0;
}

static int translate(struct vtr_vcpu *vcpu, void __user *user)
{
	struct vtr_translate args;
	int err = take_args(&args, sizeof(args), user);

	if (err)
		return err;
	if (args.flags || args.pad)
		return -EINVAL;
	vtr_vcpu_load(vcpu);
	err = vtr_vcpu_translate(vcpu, &args);
	vtr_vcpu_put(vcpu);
	return err ?: give_args(user, &args, sizeof(args));
}

/* SDM 3C "VMREAD, VMWRITE, and Encodings of VMCS Fields": type 3 is host state. */
static bool shows_host_address(const struct vtr_field *field)
{
	return vtr_backend->is_host_field(field->encoding);
}

static void read_fields_loaded(struct vtr_vcpu *vcpu, struct vtr_field *fields, u32 n)
{
	bool privileged = capable(CAP_SYS_ADMIN);

	vtr_vcpu_load(vcpu);
	preempt_disable();
	for (u32 i = 0; i < n; i++) {
		int err = vtr_backend->read_field(vcpu, fields[i].encoding, &fields[i].value);

		fields[i].status = -err;
		if (err || (!privileged && shows_host_address(&fields[i])))
			fields[i].value = 0;
		if (!err && !privileged && shows_host_address(&fields[i]))
			fields[i].status = EPERM;
	}
	preempt_enable();
	vtr_vcpu_put(vcpu);
}

#define MAX_READ_FIELDS	512

static int read_fields(struct vtr_vcpu *vcpu, void __user *user)
{
	struct vtr_read_fields args;
	struct vtr_field *fields;
	size_t bytes;
	int err = take_args(&args, sizeof(args), user);

	if (err)
		return err;
	if (args.flags || args.backend != vtr_backend->id || !args.nr_fields ||
	    args.nr_fields > MAX_READ_FIELDS)
		return -EINVAL;
	bytes = args.nr_fields * sizeof(*fields);
	fields = vmemdup_user(u64_to_user_ptr(args.fields), bytes);
	if (IS_ERR(fields))
		return PTR_ERR(fields);
	read_fields_loaded(vcpu, fields, args.nr_fields);
	if (copy_to_user(u64_to_user_ptr(args.fields), fields, bytes))
		err = -EFAULT;
	kvfree(fields);
	return err;
}

static int check_entry(struct vtr_vcpu *vcpu, void __user *user)
{
	struct vtr_entry_check check;
	int err = take_args(&check, sizeof(check), user);

	if (err)
		return err;
	if (check.flags || check.pad)
		return -EINVAL;
	vtr_vcpu_load(vcpu);
	vtr_vcpu_check(vcpu, &check);
	vtr_vcpu_put(vcpu);
	if (vtr_backend->is_host_field(check.field) && !capable(CAP_SYS_ADMIN))
		check.value = 0;
	return give_args(user, &check, sizeof(check));
}

static int inject(struct vtr_vcpu *vcpu, void __user *user)
{
	struct vtr_inject args;
	int err = take_args(&args, sizeof(args), user);

	if (err)
		return err;
	if (args.flags)
		return -EINVAL;
	vtr_vcpu_load(vcpu);
	err = vtr_inject(vcpu, &args.event);
	vtr_vcpu_put(vcpu);
	return err;
}

/*
 * Without the vCPU's mutex, which is held for as long as the guest runs: each counter
 * is one aligned word that only the vCPU's thread changes.  So each is right, and sums
 * may be off by the exit that is being counted.
 */
static int get_stats(struct vtr_vcpu *vcpu, void __user *user)
{
	const struct vtr_vcpu_stats *from = &vcpu->stats;
	struct vtr_vcpu_stats stats;
	int err = take_args(&stats, sizeof(stats), user);

	if (err)
		return err;
	if (stats.flags)
		return -EINVAL;
	stats.size = sizeof(stats);
	stats.exits = READ_ONCE(from->exits);
	stats.to_user = READ_ONCE(from->to_user);
	stats.injections = READ_ONCE(from->injections);
	stats.migrations = READ_ONCE(from->migrations);
	stats.guest_ticks = READ_ONCE(from->guest_ticks);
	for (u32 i = 0; i < VTR_STATS_REASONS; i++) {
		stats.count[i] = READ_ONCE(from->count[i]);
		stats.ticks[i] = READ_ONCE(from->ticks[i]);
	}
	return give_args(user, &stats, sizeof(stats));
}

static long vcpu_ioctl_locked(struct vtr_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case VTR_VCPU_RUN:
		return arg ? -EINVAL : vtr_vcpu_run(vcpu);
	case VTR_VCPU_GET_STATE:
		return state_call(vcpu, user, vtr_state_get);
	case VTR_VCPU_SET_STATE:
		return state_call(vcpu, user, vtr_state_set);
	case VTR_VCPU_DEBUG:
		return set_debug(vcpu, user);
	case VTR_VCPU_TRANSLATE:
		return translate(vcpu, user);
	case VTR_VCPU_READ_FIELDS:
		return read_fields(vcpu, user);
	case VTR_VCPU_CHECK:
		return check_entry(vcpu, user);
	case VTR_VCPU_INJECT:
		return inject(vcpu, user);
	default:
		return -ENOTTY;
	}
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vtr_vcpu *vcpu = file->private_data;
	long ret;

	if (vcpu->vm->mm != current->mm)
		return -EIO;
	if (cmd == VTR_VCPU_GET_STATS)
		return get_stats(vcpu, (void __user *)arg);
	/* Another thread runs this vCPU: wait for it, or for a signal. */
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	ret = vcpu_ioctl_locked(vcpu, cmd, arg);
	mutex_unlock(&vcpu->mutex);
	return ret;
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct vtr_vcpu *vcpu = vmf->vma->vm_private_data;
	void *page;

	if (vmf->pgoff == 0)
		page = vcpu->run;
	else if (vmf->pgoff <= VTR_TRACE_RING_PAGES + 1)
		page = (void *)vcpu->ring + (vmf->pgoff - 1) * PAGE_SIZE;
	else
		return VM_FAULT_SIGBUS;
	vmf->page = virt_to_page(page);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

/* Page 0: the run page; from page 1 on: the trace ring, for reading only. */
static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long end;

	if (check_add_overflow(vma->vm_pgoff, vma_pages(vma), &end) ||
	    end > VTR_TRACE_RING_PAGES + 2)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	if (end > 1) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		vtr_vma_clear_flags(vma, VM_MAYWRITE);
	}
	vtr_vma_set_flags(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = file->private_data;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	vtr_vcpu_destroy(file->private_data);
	return 0;
}

const struct file_operations vtr_vcpu_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= vcpu_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= vcpu_mmap,
	.release	= vcpu_release,
	.llseek		= noop_llseek,
};
