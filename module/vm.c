// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM: creation, lifetime, death, and waking its vCPUs.
 *
 * A VM is an anonymous file.  The file and each vCPU hold a reference; the
 * last one that goes frees the VM.  A VM belongs to the address space of the
 * process that made it, because guest memory is that process' memory
 * (module/memory.c).  A guest that does something that cannot be gone on with
 * kills its VM: vtr_vm_kill() records a sentence that the tool shows.
 * Read next: module/vcpu.c, module/memory.c.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/anon_inodes.h>
#include <linux/ctype.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/percpu.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "irqchip.h"

static DEFINE_IDA(vm_ids);

/* Scratch of vtr_vm_kick_all(), used with preemption off. */
static DEFINE_PER_CPU(struct cpumask, kick_mask);

/* Undo alloc_vm(). */
static void free_bare(struct vtr_vm *vm)
{
	preempt_notifier_dec();
	mmdrop(vm->mm);
	ida_free(&vm_ids, vm->id);
	kfree(vm);
}

static void free_vm(struct kref *ref)
{
	struct vtr_vm *vm = container_of(ref, struct vtr_vm, ref);

	vtr_inspect_remove_vm(vm);
	vtr_mem_destroy(vm);
	vtr_policy_free(vm);
	vtr_eventfd_destroy(vm);
	vtr_irqchip_destroy(vm);
	free_bare(vm);
}

void vtr_vm_get(struct vtr_vm *vm)
{
	kref_get(&vm->ref);
}

/* Context: may sleep. */
void vtr_vm_put(struct vtr_vm *vm)
{
	kref_put(&vm->ref, free_vm);
}

static int check_name(const char *name)
{
	size_t length = strnlen(name, VTR_NAME_BYTES);

	if (length == VTR_NAME_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (!isalnum(name[i]) && !strchr("._-", name[i]))
			return -EINVAL;
	/* The tail is padding of the structure: it must be zero like all padding. */
	return memchr_inv(name + length, 0, VTR_NAME_BYTES - length) ? -EINVAL : 0;
}

static struct vtr_vm *alloc_vm(const struct vtr_create_vm *args)
{
	struct vtr_vm *vm = kzalloc(sizeof(*vm), VTR_GFP_CHARGED);
	int id;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	id = ida_alloc(&vm_ids, GFP_KERNEL);
	if (id < 0) {
		kfree(vm);
		return ERR_PTR(id);
	}
	vm->id = id;
	vm->flags = args->flags;
	vm->pid = task_tgid_nr(current);
	/* The guest's clock starts at 0, the same for all its processors. */
	vm->tsc_offset = 0 - get_cycles();
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	spin_lock_init(&vm->dead_lock);
	vtr_eventfd_init(vm);
	if (args->name[0])
		strscpy(vm->name, args->name, sizeof(vm->name));
	else
		snprintf(vm->name, sizeof(vm->name), "vm%u", vm->id);
	vm->mm = current->mm;
	mmgrab(vm->mm);
	/* Without it the notifiers of module/vcpu.c would never be called. */
	preempt_notifier_inc();
	return vm;
}

/**
 * vtr_vm_create() - create a VM for the calling process
 * @args: checked for size and padding by the caller
 *
 * Context: process; sleeps.
 * Return: a file descriptor; -EINVAL for an unknown flag, a whole trace without a
 * trace, told halts without controllers, an unknown interrupt controller or a bad name;
 * -ENOMEM; -EMFILE; -EINTR: a signal while the memory notifier was registered.
 */
int vtr_vm_create(const struct vtr_create_vm *args)
{
	struct vtr_vm *vm;
	int fd;

	if (args->flags & ~(VTR_VM_TRACE | VTR_VM_TRACE_WHOLE | VTR_VM_TELL_HALT) ||
	    args->irqchip > VTR_IRQCHIP_MODULE || args->pad)
		return -EINVAL;
	if (args->flags & VTR_VM_TRACE_WHOLE && !(args->flags & VTR_VM_TRACE))
		return -EINVAL;
	/* Without controllers each HLT is told. */
	if (args->flags & VTR_VM_TELL_HALT && args->irqchip != VTR_IRQCHIP_MODULE)
		return -EINVAL;
	if (check_name(args->name))
		return -EINVAL;

	vm = alloc_vm(args);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = args->irqchip == VTR_IRQCHIP_MODULE ? vtr_irqchip_create(vm) : 0;
	if (!fd)
		fd = vtr_mem_init(vm);
	if (fd) {
		vtr_irqchip_destroy(vm);
		free_bare(vm);
		return fd;
	}
	vtr_inspect_add_vm(vm);

	fd = anon_inode_getfd("vitrine-vm", &vtr_vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vtr_vm_put(vm);
	return fd;
}

/**
 * vtr_vm_kill() - stop a VM for good and say why
 * @vm: the VM
 * @fmt: the sentence; no newline
 *
 * The first sentence stays.  No vCPU enters the guest any more; RUN returns
 * VTR_EXIT_STOPPED with the sentence.
 * Context: any but NMI; does not sleep.
 */
void vtr_vm_kill(struct vtr_vm *vm, const char *fmt, ...)
{
	unsigned long flags;
	bool first;
	va_list args;

	spin_lock_irqsave(&vm->dead_lock, flags);
	first = !vm->dead;
	if (first) {
		va_start(args, fmt);
		vscnprintf(vm->dead_reason, sizeof(vm->dead_reason), fmt, args);
		va_end(args);
		/* Pairs with smp_load_acquire() in vtr_vm_dead(). */
		smp_store_release(&vm->dead, true);
	}
	spin_unlock_irqrestore(&vm->dead_lock, flags);

	if (first) {
		pr_info_ratelimited("%s (pid %d): %s\n", vm->name, vm->pid, vm->dead_reason);
		vtr_vm_kick_all(vm, VTR_REQ_LEAVE, false);
	}
}

/* True once the VM was killed; dead_reason may then be read without a lock. */
bool vtr_vm_dead(struct vtr_vm *vm)
{
	/* Pairs with vtr_vm_kill(): the reason was written before. */
	return smp_load_acquire(&vm->dead);
}

static void acknowledge_kick(void *unused)
{
	/* The interrupt itself forced the exit. */
}

/**
 * vtr_vm_kick_all() - make every vCPU of a VM notice @request
 * @vm: the VM
 * @request: bit to set before it may enter the guest again
 * @wait: return only when no vCPU runs in guest mode with the old state
 *
 * Context: interrupts on, may hold spinlocks (never those taken with
 * interrupts off); does not sleep.
 */
void vtr_vm_kick_all(struct vtr_vm *vm, enum vtr_request request, bool wait)
{
	struct cpumask *mask;
	int this_cpu = get_cpu();

	mask = this_cpu_ptr(&kick_mask);
	cpumask_clear(mask);
	for (unsigned int i = 0; i < VTR_MAX_VCPUS; i++) {
		struct vtr_vcpu *vcpu = READ_ONCE(vm->vcpus[i]);

		if (!vcpu)
			continue;
		set_bit(request, &vcpu->requests);
		/* Request before mode: see enum vtr_vcpu_mode. */
		smp_mb__after_atomic();
		/* Or it sleeps in a HLT; a flush has time until it enters again. */
		if (request != VTR_REQ_FLUSH)
			wake_up(&vcpu->rest_wait);
		if (READ_ONCE(vcpu->mode) == VTR_MODE_IN_GUEST) {
			int cpu = READ_ONCE(vcpu->cpu);

			if (cpu >= 0 && cpu != this_cpu)
				cpumask_set_cpu(cpu, mask);
		}
	}
	if (!cpumask_empty(mask))
		smp_call_function_many(mask, acknowledge_kick, NULL, wait);
	put_cpu();
}

/* Context: process. */
void vtr_vm_fill_info(struct vtr_vm *vm, struct vtr_vm_info *info)
{
	struct vtr_memslots *slots;
	struct vtr_mem *mem = &vm->mem;

	info->flags = vtr_vm_dead(vm) ? VTR_VM_DEAD : 0;
	info->id = vm->id;
	info->backend = vtr_backend->id;
	info->nr_vcpus = READ_ONCE(vm->nr_vcpus);
	strscpy_pad(info->name, vm->name, sizeof(info->name));
	if (info->flags & VTR_VM_DEAD)
		strscpy_pad(info->dead_reason, vm->dead_reason, sizeof(info->dead_reason));

	spin_lock(&mem->lock);
	slots = rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->lock));
	for (unsigned int i = 0; i < VTR_MAX_SLOTS; i++)
		info->nr_slots += slots->slot[i].bytes != 0;
	info->table_pages = mem->root->table_pages;
	info->mapped_4k = mem->root->leaves_4k;
	info->mapped_2m = mem->root->leaves_2m;
	info->mapped_1g = mem->root->leaves_1g;
	info->faults = mem->faults;
	info->zaps = mem->zaps;
	info->collapses = mem->collapses;
	spin_unlock(&mem->lock);
}

/*
 * Second-level walk of one address, for looking.  Frame numbers of the host
 * say nothing useful to a program and something to an attacker: mask them.
 */
void vtr_vm_walk(struct vtr_vm *vm, struct vtr_walk *walk)
{
	const u64 frame_mask = GENMASK_ULL(51, 12);
	struct vtr_slat_walk w = {};
	struct vtr_memslot slot;

	spin_lock(&vm->mem.lock);
	vm->mem.root->ops->walk(vm->mem.root, walk->gpa, &w);
	spin_unlock(&vm->mem.lock);

	walk->nr_levels = w.nr_levels;
	walk->rights = w.leaf_level ? w.rights : 0;
	walk->leaf_bytes = vtr_slat_leaf_bytes(w.leaf_level);
	for (unsigned int i = 0; i < w.nr_levels; i++) {
		walk->level[i] = w.level[i];
		walk->entry[i] = w.entry[i] & ~frame_mask;
	}
	walk->slot = ~0u;
	if (vtr_mem_find(vm, walk->gpa, &slot, &walk->slot))
		walk->hva = slot.hva + (walk->gpa - slot.gpa);
}
