/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Doors for devices that do not live in the program that runs the vCPUs.
 *
 * An eventfd is a counter with a wait queue, and all that two parts of a host have to
 * share: its signal is an interrupt of the guest (irqfd), or is caused by a write of
 * the guest (ioeventfd).
 * Called by module/ioctl.c (both calls), vm.c (the end), handle.c and mmio.c (a write).
 * Read next: module/eventfd.c, docs/interrupts.md.
 */
#ifndef VTR_EVENTFD_H
#define VTR_EVENTFD_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct vtr_ioeventfd;
struct vtr_irqfd;
struct vtr_vcpu;
struct vtr_vm;

/**
 * struct vtr_eventfds - the eventfds of a VM
 * @irqfds: those that interrupt; guarded by vm->lock
 * @ioeventfds: those that a write signals; changed under vm->lock and @lock
 * @lock: held by vCPUs while they look for an address
 * @nr_irqfds, @nr_ioeventfds: entries; guarded by vm->lock, the second read without
 */
struct vtr_eventfds {
	struct list_head irqfds;
	struct list_head ioeventfds;
	spinlock_t lock;
	unsigned int nr_irqfds;
	unsigned int nr_ioeventfds;
};

/* Does any write signal? */
static inline bool vtr_eventfd_any(const struct vtr_eventfds *all)
{
	return READ_ONCE(all->nr_ioeventfds);
}

void vtr_eventfd_init(struct vtr_vm *vm);
void vtr_eventfd_destroy(struct vtr_vm *vm);
int vtr_eventfd_irq(struct vtr_vm *vm, const struct vtr_irqfd *args);
int vtr_eventfd_io(struct vtr_vm *vm, const struct vtr_ioeventfd *args);
bool vtr_eventfd_written(struct vtr_vcpu *vcpu, bool port, u64 address, unsigned int bytes,
			 u64 value);

#endif /* VTR_EVENTFD_H */
