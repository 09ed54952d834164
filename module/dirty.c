// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of writes: which pages of a slot has the guest written to?
 *
 * For whoever copies a running guest (a snapshot, a move to another machine) or
 * draws its screen.  Works by write protection, so on every processor:
 *
 *	page not in the log	its leaf has no right to write; a write exits
 *	write fault		(1) set the page's bit, (2) map it writable
 *	page in the log		its leaf may be writable; no more exits
 *	VTR_VM_CLEAR_DIRTY	(a) clear the bit, (b) take the right to write,
 *				(c) wait until every vCPU has forgotten it
 *
 * (1) and (2), (a) to (c) are each done under mem->lock.  So at any time a page
 * that can be written to has its bit set.  A program that does
 *
 *	get -> clear what it got -> copy those pages
 *
 * misses no write: one before (c) is in the copy, one after it faults and is in
 * the next get.  Copying before clearing would lose the writes in between, and
 * so would clearing pages that were not in what it got; hence clear takes a
 * bitmap and not just a range.
 * Called by module/ioctl.c and module/memory.c; whoever else writes to guest
 * memory for the guest calls vtr_dirty_note().  Read next: docs/memory.md.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vtr.h"

/* Words of the log that are worked on with the lock held: 1024 pages. */
#define WORDS_AT_ONCE	16

/* Regions of 2 MiB that are write-protected with the lock held. */
#define REGIONS_AT_ONCE	16

static u64 nr_words(u64 pages)
{
	return DIV_ROUND_UP(pages, 64);
}

/* Give a slot that wants a log an empty one, if it has none.  Return: 0 or -ENOMEM. */
int vtr_dirty_alloc(struct vtr_memslot *slot)
{
	if (!(slot->flags & VTR_SLOT_DIRTY_LOG)) {
		slot->dirty = NULL;
		return 0;
	}
	if (!slot->dirty)
		slot->dirty = kvcalloc(nr_words(slot->bytes >> PAGE_SHIFT), sizeof(u64),
				       VTR_GFP_CHARGED);
	return slot->dirty ? 0 : -ENOMEM;
}

/*
 * A fault maps @gpa: with the right to write?  If the guest only reads, a page
 * that is not in the log stays out of it.
 * Context: mem->lock held, @slot as in the table.
 */
bool vtr_dirty_may_write(const struct vtr_memslot *slot, u64 gpa, bool write)
{
	unsigned long page = (gpa - slot->gpa) >> PAGE_SHIFT;

	if (!slot->dirty)
		return true;
	/* LAB 5.9: return true; */
	if (write)
		__set_bit(page, (unsigned long *)slot->dirty);
	return test_bit(page, (unsigned long *)slot->dirty);
	/* LAB 5.9 END */
}

/**
 * vtr_dirty_note() - the module has written to memory on behalf of the guest
 * @vm: the VM
 * @gpa: guest physical address
 * @bytes: how much; in one slot
 *
 * Called after the write: before it, a program could take the page out of the
 * log and copy it in between.
 * Context: does not sleep.
 */
void vtr_dirty_note(struct vtr_vm *vm, u64 gpa, size_t bytes)
{
	const struct vtr_memslot *slot;
	struct vtr_mem *mem = &vm->mem;

	spin_lock(&mem->lock);
	slot = vtr_slots_find(rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->lock)),
			      gpa);
	if (slot && slot->dirty && bytes) {
		u64 first = (gpa - slot->gpa) >> PAGE_SHIFT;
		u64 last = min(gpa - slot->gpa + bytes, slot->bytes) - 1;

		bitmap_set((unsigned long *)slot->dirty, first, (last >> PAGE_SHIFT) - first + 1);
	}
	spin_unlock(&mem->lock);
}

/* ---- switching it on ---------------------------------------------------------------- */

/*
 * Write-protect from @gpa on, splitting what is large.
 * Return: where it stopped because the cache is empty, or for others' sake.
 */
static u64 protect_some(struct vtr_vm *vm, struct vtr_slat_cache *cache, u64 gpa, u64 end)
{
	struct vtr_slat_root *root = vm->mem.root;
	bool changed = false;

	lockdep_assert_held(&vm->mem.lock);
	/* LAB 5.8: return end; */
	for (unsigned int i = 0; i < REGIONS_AT_ONCE && gpa < end; i++) {
		u64 next = min(ALIGN_DOWN(gpa, SZ_2M) + SZ_2M, end);
		int ret;

		do {
			ret = root->ops->split(root, cache, gpa);
			changed |= ret > 0;
		} while (ret > 0);
		if (ret < 0)
			break;
		changed |= root->ops->protect(root, gpa, next);
		gpa = next;
	}
	vtr_mem_flush_if(vm, changed);
	return gpa;
	/* LAB 5.8 END */
}

/* No memory for tables: leaves that are gone come back by faults, one by one. */
static void zap_rest(struct vtr_vm *vm, u64 gpa, u64 end)
{
	struct vtr_slat_root *root = vm->mem.root;

	spin_lock(&vm->mem.lock);
	vtr_mem_flush_if(vm, root->ops->zap(root, gpa, end));
	spin_unlock(&vm->mem.lock);
}

/*
 * The slot, which is mapped already, has got a log: from now on no write goes
 * unnoticed.
 * Context: slots_lock held; sleeps.
 */
void vtr_dirty_start(struct vtr_vm *vm, const struct vtr_memslot *slot)
{
	u64 gpa = slot->gpa, end = slot->gpa + slot->bytes;
	struct vtr_slat_cache cache = {};

	lockdep_assert_held(&vm->mem.slots_lock);
	while (gpa < end) {
		if (vtr_slat_cache_fill(&cache)) {
			zap_rest(vm, gpa, end);
			break;
		}
		spin_lock(&vm->mem.lock);
		gpa = protect_some(vm, &cache, gpa, end);
		spin_unlock(&vm->mem.lock);
		cond_resched();
	}
	vtr_slat_cache_drain(&cache);
}

/* ---- the calls ------------------------------------------------------------------------ */

static const struct vtr_memslot *slot_of(struct vtr_vm *vm, const struct vtr_dirty *args)
{
	const struct vtr_memslots *slots =
		rcu_dereference_protected(vm->mem.slots, lockdep_is_held(&vm->mem.slots_lock));

	return &slots->slot[array_index_nospec(args->slot, VTR_MAX_SLOTS)];
}

/* Bits of word @i that belong to @nr pages. */
static u64 word_mask(u64 i, u64 nr)
{
	return nr - i * 64 >= 64 ? ~0ULL : BIT_ULL(nr - i * 64) - 1;
}

/* Copy words @i and following of the range in @args.  Return: how many. */
static u64 copy_words(struct vtr_vm *vm, const struct vtr_dirty *args, u64 i,
		      u64 words[WORDS_AT_ONCE])
{
	const struct vtr_memslot *slot = slot_of(vm, args);
	u64 n = min_t(u64, nr_words(args->nr_pages) - i, WORDS_AT_ONCE);

	spin_lock(&vm->mem.lock);
	memcpy(words, slot->dirty + args->first_page / 64 + i, n * sizeof(u64));
	spin_unlock(&vm->mem.lock);
	words[n - 1] &= word_mask(i + n - 1, args->nr_pages);
	return n;
}

static int get_locked(struct vtr_vm *vm, const struct vtr_dirty *args)
{
	u64 __user *user = u64_to_user_ptr(args->bitmap);
	int err = vtr_slot_check_log(slot_of(vm, args), args->first_page, args->nr_pages);

	for (u64 i = 0; !err && i < nr_words(args->nr_pages); i += WORDS_AT_ONCE) {
		u64 words[WORDS_AT_ONCE];
		u64 n = copy_words(vm, args, i, words);

		if (copy_to_user(user + i, words, n * sizeof(u64)))
			err = -EFAULT;
		cond_resched();
	}
	return err;
}

/**
 * vtr_dirty_get() - VTR_VM_GET_DIRTY
 * @vm: the VM
 * @args: size, flags, padding and slot number checked by the caller
 *
 * Context: process of the VM's creator; sleeps.
 * Return: 0; -EFAULT; -ENOENT, -ENODATA, -EINVAL as vtr_slot_check_log().
 */
int vtr_dirty_get(struct vtr_vm *vm, const struct vtr_dirty *args)
{
	int err;

	mutex_lock(&vm->mem.slots_lock);
	err = get_locked(vm, args);
	mutex_unlock(&vm->mem.slots_lock);
	return err;
}

/* Steps (a) and (b) for the bits of one word.  Return: was a leaf changed? */
static bool clear_word(struct vtr_vm *vm, const struct vtr_memslot *slot, u64 word, u64 bits)
{
	struct vtr_slat_root *root = vm->mem.root;
	bool changed = false;

	/* LAB 5.9: return false; */
	bits &= slot->dirty[word];
	slot->dirty[word] &= ~bits;
	for (; bits; bits &= bits - 1) {
		u64 gpa = slot->gpa + (word * 64 + __ffs64(bits)) * PAGE_SIZE;

		changed |= root->ops->protect(root, gpa, gpa + PAGE_SIZE);
	}
	return changed;
	/* LAB 5.9 END */
}

static int clear_locked(struct vtr_vm *vm, const struct vtr_dirty *args, const u64 *bits, u64 n)
{
	const struct vtr_memslot *slot = slot_of(vm, args);
	int err = vtr_slot_check_log(slot, args->first_page, args->nr_pages);

	for (u64 i = 0; !err && i < n; i += WORDS_AT_ONCE) {
		bool changed = false;

		spin_lock(&vm->mem.lock);
		for (u64 j = i; j < n && j < i + WORDS_AT_ONCE; j++)
			changed |= clear_word(vm, slot, args->first_page / 64 + j, bits[j]);
		vtr_mem_flush_if(vm, changed);
		spin_unlock(&vm->mem.lock);
		cond_resched();
	}
	return err;
}

/**
 * vtr_dirty_clear() - VTR_VM_CLEAR_DIRTY
 * @vm: the VM
 * @args: size, flags, padding and slot number checked by the caller
 *
 * Context: process of the VM's creator; sleeps.
 * Return: 0; -EFAULT; -ENOMEM; -EINVAL for a bit beyond nr_pages; -ENOENT,
 * -ENODATA, -EINVAL as vtr_slot_check_log().  On failure nothing is cleared.
 */
int vtr_dirty_clear(struct vtr_vm *vm, const struct vtr_dirty *args)
{
	const u64 pages = args->nr_pages, n = nr_words(pages);
	u64 *bits;
	int err;

	/* More than any slot can hold: do not even try to allocate that. */
	if (!pages || pages > BIT_ULL(vtr_backend->info.gpa_bits) >> PAGE_SHIFT)
		return -EINVAL;
	bits = kvmalloc_array(n, sizeof(*bits), VTR_GFP_CHARGED);
	if (!bits)
		return -ENOMEM;
	err = -EFAULT;
	if (copy_from_user(bits, u64_to_user_ptr(args->bitmap), n * sizeof(*bits)))
		goto free;
	err = -EINVAL;
	if (bits[n - 1] & ~word_mask(n - 1, pages))
		goto free;
	mutex_lock(&vm->mem.slots_lock);
	err = clear_locked(vm, args, bits, n);
	mutex_unlock(&vm->mem.slots_lock);
free:
	kvfree(bits);
	return err;
}
