// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory as the module itself reads and writes it: the guest's page tables,
 * and operands that lie beside a device (module/mmio.c).
 *
 * It is the process' memory, so it is reached through the process' own page tables,
 * as by any system call; what is written is noted in the log (module/dirty.c).
 * Called by module/gwalk.c, access.c, mmio.c, string_io.c and cr.c; in the unit tests
 * module/tests/machine.c stands in for it.
 */
#include <linux/uaccess.h>

#include "vtr.h"

/**
 * vtr_mem_read() - copy guest memory
 * @vm: the VM
 * @gpa: guest physical address
 * @data: where to
 * @bytes: how much; must lie in one slot
 *
 * Context: thread of the VM's creator; sleeps.
 * Return: 0; -ENOENT if no slot holds all of it; -EFAULT.
 */
int vtr_mem_read(struct vtr_vm *vm, u64 gpa, void *data, size_t bytes)
{
	struct vtr_memslot slot;

	if (!vtr_mem_find(vm, gpa, &slot, NULL) || slot.bytes - (gpa - slot.gpa) < bytes)
		return -ENOENT;
	if (copy_from_user(data, (void __user *)(slot.hva + (gpa - slot.gpa)), bytes))
		return -EFAULT;
	return 0;
}

/* The process' address of writable guest memory.  Return: 0, -ENOENT or -EROFS. */
static int find_writable(struct vtr_vm *vm, u64 gpa, size_t bytes, void __user **hva)
{
	struct vtr_memslot slot;

	if (!vtr_mem_find(vm, gpa, &slot, NULL) || slot.bytes - (gpa - slot.gpa) < bytes)
		return -ENOENT;
	if (slot.flags & VTR_SLOT_READONLY)
		return -EROFS;
	*hva = (void __user *)(slot.hva + (gpa - slot.gpa));
	return 0;
}

/**
 * vtr_mem_write() - copy into guest memory
 * @vm: the VM
 * @gpa: guest physical address
 * @data: from where
 * @bytes: how much; must lie in one slot
 *
 * Context: thread of the VM's creator; sleeps.
 * Return: 0; -ENOENT if no slot holds all of it; -EROFS; -EFAULT.
 */
int vtr_mem_write(struct vtr_vm *vm, u64 gpa, const void *data, size_t bytes)
{
	void __user *hva;
	int err = find_writable(vm, gpa, bytes, &hva);

	if (err)
		return err;
	if (copy_to_user(hva, data, bytes))
		err = -EFAULT;
	/* A part may have been written even so. */
	vtr_dirty_note(vm, gpa, bytes);
	return err;
}

/**
 * vtr_mem_set_bits() - set bits of a 32-bit word of guest memory, atomically
 * @vm: the VM
 * @gpa: guest physical address, 4-byte aligned
 * @bits: bits to set
 *
 * Context: thread of the VM's creator; sleeps.
 * Return: as vtr_mem_write().
 */
int vtr_mem_set_bits(struct vtr_vm *vm, u64 gpa, u32 bits)
{
	void __user *hva;
	u32 old;
	int err = find_writable(vm, gpa, sizeof(old), &hva);

	if (err)
		return err;
	if (get_user(old, (u32 __user *)hva))
		return -EFAULT;
	/* Others change the word, too: @old is what they have left if this fails. */
	do {
		err = vtr_try_cmpxchg_user((u32 __user *)hva, &old, old | bits);
	} while (err > 0);
	vtr_dirty_note(vm, gpa, sizeof(old));
	return err;
}
