// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds of a VM: signals that interrupt the guest, and writes of the guest that
 * signal.
 *
 *	another thread, process or driver --signal--> irqfd ------> line or MSI
 *	OUT, or a write where no memory is ---------> ioeventfd --> whoever waits for it
 *
 * So a device may live in any thread, process or driver of the host: neither the
 * program that runs the vCPUs nor VTR_VCPU_RUN's return is in the way, and the exit of
 * a write ends here, in the module.
 *
 * A signal comes with interrupts off, in the thread of whoever signals, with the lock
 * of the eventfd's wait queue held.  It goes to the interrupt controllers right there.
 * Called by module/ioctl.c, vm.c, handle.c, mmio.c.  Read next: irqchip.c.
 */
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "decode.h"
#include "irqchip.h"
#include "trace.h"

/* ---- a signal interrupts ----------------------------------------------------------- */

/*
 * @gone: its file was closed, so nobody can name it any more; the next call or the end
 * of the VM frees it
 */
struct irqfd {
	struct list_head link;
	struct vtr_vm *vm;
	struct eventfd_ctx *ctx;
	struct wait_queue_entry wait;
	poll_table poll;
	struct vtr_irqfd args;
	bool gone;
};

static void interrupt(const struct irqfd *irqfd)
{
	const struct vtr_msi msi = {
		.address = irqfd->args.address,
		.data = irqfd->args.data,
	};

	if (irqfd->args.flags & VTR_IRQFD_MSI)
		vtr_irqchip_send_msi(irqfd->vm, &msi);
	else
		vtr_irqchip_pulse_line(irqfd->vm, irqfd->args.line);
}

/* Context: interrupts off, the lock of the eventfd's wait queue held. */
static int signalled(struct wait_queue_entry *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	u64 times;

	if (events & EPOLLIN) {
		/* However often it was signalled: that is one edge. */
		eventfd_ctx_do_read(irqfd->ctx, &times);
		interrupt(irqfd);
	}
	if (events & EPOLLHUP)
		WRITE_ONCE(irqfd->gone, true);
	return 0;
}

static void wait_for_signals(struct file *file, wait_queue_head_t *head, poll_table *poll)
{
	add_wait_queue(head, &container_of(poll, struct irqfd, poll)->wait);
}

/* Context: vm->lock, or nobody else knows the VM. */
static void remove_irqfd(struct irqfd *irqfd)
{
	u64 times;

	/* From here on signalled() is not called, and does not run. */
	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &times);
	eventfd_ctx_put(irqfd->ctx);
	list_del(&irqfd->link);
	irqfd->vm->eventfds.nr_irqfds--;
	kfree(irqfd);
}

static struct irqfd *find_irqfd(struct vtr_vm *vm, const struct eventfd_ctx *ctx)
{
	struct irqfd *irqfd;

	list_for_each_entry(irqfd, &vm->eventfds.irqfds, link)
		if (irqfd->ctx == ctx)
			return irqfd;
	return NULL;
}

static int add_irqfd(struct vtr_vm *vm, struct file *file, struct eventfd_ctx *ctx,
		     const struct vtr_irqfd *args)
{
	struct irqfd *irqfd;

	if (find_irqfd(vm, ctx))
		return -EBUSY;
	if (vm->eventfds.nr_irqfds == VTR_MAX_EVENTFDS)
		return -ENOSPC;
	irqfd = kzalloc(sizeof(*irqfd), VTR_GFP_CHARGED);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	irqfd->ctx = ctx;
	irqfd->args = *args;
	list_add_tail(&irqfd->link, &vm->eventfds.irqfds);
	vm->eventfds.nr_irqfds++;
	init_waitqueue_func_entry(&irqfd->wait, signalled);
	init_poll_funcptr(&irqfd->poll, wait_for_signals);
	/* A signal from before is not lost; its count is read with the next one. */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		interrupt(irqfd);
	return 0;
}

static void remove_closed_irqfds(struct vtr_vm *vm)
{
	struct irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, &vm->eventfds.irqfds, link)
		if (READ_ONCE(irqfd->gone))
			remove_irqfd(irqfd);
}

static int check_irqfd(struct vtr_vm *vm, const struct vtr_irqfd *args)
{
	const struct vtr_msi msi = { .address = args->address, .data = args->data };

	if (!vm->irqchip)
		return -ENODEV;
	if (args->flags & ~(VTR_IRQFD_MSI | VTR_IRQFD_REMOVE) || args->pad)
		return -EINVAL;
	/* What is removed is named by its file alone. */
	if (args->flags & VTR_IRQFD_REMOVE)
		return args->flags & VTR_IRQFD_MSI || args->line || args->address || args->data ?
		       -EINVAL : 0;
	if (args->flags & VTR_IRQFD_MSI)
		return args->line ? -EINVAL : vtr_irqchip_check_msi(&msi);
	return args->address || args->data ? -EINVAL : vtr_irqchip_check_line(args->line);
}

/* With the file held.  Return: as vtr_eventfd_irq(). */
static int change_irqfd(struct vtr_vm *vm, struct file *file, const struct vtr_irqfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fileget(file);
	struct irqfd *irqfd;
	int err = 0;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&vm->lock);
	remove_closed_irqfds(vm);
	if (args->flags & VTR_IRQFD_REMOVE) {
		irqfd = find_irqfd(vm, ctx);
		if (irqfd)
			remove_irqfd(irqfd);
		else
			err = -ENOENT;
	} else {
		err = add_irqfd(vm, file, ctx, args);
	}
	mutex_unlock(&vm->lock);
	/* One that was added keeps it. */
	if (err || args->flags & VTR_IRQFD_REMOVE)
		eventfd_ctx_put(ctx);
	return err;
}

/**
 * vtr_eventfd_irq() - VTR_VM_IRQFD
 * @vm: the VM
 * @args: checked for size by the caller
 *
 * Context: process; sleeps.
 * Return: 0; -ENODEV: the VM has no interrupt controllers; -EINVAL: flags, line,
 * address, or no eventfd; -EBADF: no file; -EBUSY: this eventfd interrupts this VM
 * already; -ENOENT: nothing to remove; -ENOSPC: VTR_MAX_EVENTFDS; -ENOMEM.
 */
int vtr_eventfd_irq(struct vtr_vm *vm, const struct vtr_irqfd *args)
{
	int err = check_irqfd(vm, args);
	struct file *file;

	if (err)
		return err;
	file = fget(args->fd);
	if (!file)
		return -EBADF;
	err = change_irqfd(vm, file, args);
	fput(file);
	return err;
}

/* ---- a write signals --------------------------------------------------------------- */

struct ioeventfd {
	struct list_head link;
	struct eventfd_ctx *ctx;
	struct vtr_ioeventfd args;
};

/* Could one write mean both? */
static bool overlap(const struct vtr_ioeventfd *a, const struct vtr_ioeventfd *b)
{
	if ((a->flags ^ b->flags) & VTR_IOEVENTFD_PORT || a->address != b->address)
		return false;
	if (a->bytes && b->bytes && a->bytes != b->bytes)
		return false;
	return !(a->flags & b->flags & VTR_IOEVENTFD_MATCH) || a->data == b->data;
}

static bool same(const struct ioeventfd *io, const struct eventfd_ctx *ctx,
		 const struct vtr_ioeventfd *args)
{
	return io->ctx == ctx && io->args.address == args->address &&
	       io->args.bytes == args->bytes && io->args.data == args->data &&
	       io->args.flags == (args->flags & ~VTR_IOEVENTFD_REMOVE);
}

/* Context: vm->lock. */
static int add_ioeventfd(struct vtr_vm *vm, struct eventfd_ctx *ctx,
			 const struct vtr_ioeventfd *args)
{
	struct vtr_eventfds *all = &vm->eventfds;
	struct ioeventfd *io;

	list_for_each_entry(io, &all->ioeventfds, link)
		if (overlap(&io->args, args))
			return -EEXIST;
	if (all->nr_ioeventfds == VTR_MAX_EVENTFDS)
		return -ENOSPC;
	io = kzalloc(sizeof(*io), VTR_GFP_CHARGED);
	if (!io)
		return -ENOMEM;
	io->ctx = ctx;
	io->args = *args;
	spin_lock(&all->lock);
	list_add_tail(&io->link, &all->ioeventfds);
	WRITE_ONCE(all->nr_ioeventfds, all->nr_ioeventfds + 1);
	spin_unlock(&all->lock);
	return 0;
}

/* Context: vm->lock, or nobody else knows the VM. */
static void remove_ioeventfd(struct vtr_vm *vm, struct ioeventfd *io)
{
	struct vtr_eventfds *all = &vm->eventfds;

	spin_lock(&all->lock);
	list_del(&io->link);
	WRITE_ONCE(all->nr_ioeventfds, all->nr_ioeventfds - 1);
	spin_unlock(&all->lock);
	eventfd_ctx_put(io->ctx);
	kfree(io);
}

static int find_and_remove_ioeventfd(struct vtr_vm *vm, const struct eventfd_ctx *ctx,
				     const struct vtr_ioeventfd *args)
{
	struct ioeventfd *io;

	list_for_each_entry(io, &vm->eventfds.ioeventfds, link) {
		if (!same(io, ctx, args))
			continue;
		remove_ioeventfd(vm, io);
		return 0;
	}
	return -ENOENT;
}

static int check_ioeventfd(const struct vtr_ioeventfd *args)
{
	u64 limit = args->flags & VTR_IOEVENTFD_PORT ? 0x10000 :
						       1ULL << vtr_backend->info.gpa_bits;

	if (args->flags & ~(VTR_IOEVENTFD_PORT | VTR_IOEVENTFD_MATCH | VTR_IOEVENTFD_REMOVE))
		return -EINVAL;
	switch (args->bytes) {
	case 8:
		if (args->flags & VTR_IOEVENTFD_PORT)
			return -EINVAL;
		break;
	case 1: case 2: case 4:
		break;
	case 0:	/* of any width: then there is no value to compare with */
		if (!(args->flags & VTR_IOEVENTFD_MATCH))
			break;
		fallthrough;
	default:
		return -EINVAL;
	}
	if (args->address >= limit || args->bytes > limit - args->address)
		return -EINVAL;
	if (!(args->flags & VTR_IOEVENTFD_MATCH))
		return args->data ? -EINVAL : 0;
	return args->data & ~vtr_mask_bytes(args->bytes) ? -EINVAL : 0;
}

/**
 * vtr_eventfd_io() - VTR_VM_IOEVENTFD
 * @vm: the VM
 * @args: checked for size by the caller
 *
 * Context: process; sleeps.
 * Return: 0; -EINVAL: flags, width, address, value, or no eventfd; -EBADF: no file;
 * -EEXIST: one write would signal two; -ENOENT: nothing to remove; -ENOSPC:
 * VTR_MAX_EVENTFDS; -ENOMEM.
 */
int vtr_eventfd_io(struct vtr_vm *vm, const struct vtr_ioeventfd *args)
{
	int err = check_ioeventfd(args);
	struct eventfd_ctx *ctx;

	if (err)
		return err;
	ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&vm->lock);
	if (args->flags & VTR_IOEVENTFD_REMOVE)
		err = find_and_remove_ioeventfd(vm, ctx, args);
	else
		err = add_ioeventfd(vm, ctx, args);
	mutex_unlock(&vm->lock);
	if (err || args->flags & VTR_IOEVENTFD_REMOVE)
		eventfd_ctx_put(ctx);
	return err;
}

static bool meant(const struct vtr_ioeventfd *args, bool port, u64 address, unsigned int bytes,
		  u64 value)
{
	return !!(args->flags & VTR_IOEVENTFD_PORT) == port && args->address == address &&
	       (!args->bytes || args->bytes == bytes) &&
	       (!(args->flags & VTR_IOEVENTFD_MATCH) || args->data == value);
}

/**
 * vtr_eventfd_written() - has the guest written where an eventfd waits for it?
 * @vcpu: who wrote
 * @port: to a port, not to memory
 * @address: the port's number, or the guest physical address
 * @bytes: width
 * @value: what
 *
 * Context: the vCPU's thread, interrupts on.
 * Return: true: it was signalled, and the write is done.
 */
bool vtr_eventfd_written(struct vtr_vcpu *vcpu, bool port, u64 address, unsigned int bytes,
			 u64 value)
{
	struct vtr_eventfds *all = &vcpu->vm->eventfds;
	struct ioeventfd *io;
	bool found = false;

	if (!vtr_eventfd_any(all))
		return false;
	value &= vtr_mask_bytes(bytes);
	spin_lock(&all->lock);
	list_for_each_entry(io, &all->ioeventfds, link) {
		found = meant(&io->args, port, address, bytes, value);
		if (!found)
			continue;
		/* Perhaps straight into signalled(): the chip's lock lies inside. */
		vtr_signal_eventfd(io->ctx);
		break;
	}
	spin_unlock(&all->lock);
	if (found)
		trace_vtr_ioeventfd(vcpu->vm->id, vcpu->id, port, address, bytes, value);
	return found;
}

/* ---- both -------------------------------------------------------------------------- */

/* Context: a VM that nobody else knows. */
void vtr_eventfd_init(struct vtr_vm *vm)
{
	struct vtr_eventfds *all = &vm->eventfds;

	INIT_LIST_HEAD(&all->irqfds);
	INIT_LIST_HEAD(&all->ioeventfds);
	spin_lock_init(&all->lock);
}

/* Context: a VM that nobody knows any more, its controllers are there; may sleep. */
void vtr_eventfd_destroy(struct vtr_vm *vm)
{
	struct ioeventfd *io, *next_io;
	struct irqfd *irqfd, *next;

	list_for_each_entry_safe(irqfd, next, &vm->eventfds.irqfds, link)
		remove_irqfd(irqfd);
	list_for_each_entry_safe(io, next_io, &vm->eventfds.ioeventfds, link)
		remove_ioeventfd(vm, io);
}
