// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots as pure data: is a new slot acceptable, which slot holds an
 * address, which guest addresses lie behind a range of host addresses.
 *
 * Called by module/memory.c under its locks; unit tests call it directly.
 * The rules: 4 KiB alignment, no wrap-around, inside the guest's physical
 * address width and the user's half of the address space, no overlap with
 * another slot in guest addresses (host addresses may overlap: an alias).
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "vtr.h"

static bool ranges_overlap(u64 a, u64 a_bytes, u64 b, u64 b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

/**
 * vtr_slots_check() - may @args be applied to @slots?
 * @slots: the present table
 * @args: the new slot, padding checked by the caller
 * @gpa_bits: width of a guest physical address
 * @user_end: first address that is not the user's
 *
 * Return: 0; -EINVAL for an unknown flag, a slot number out of range, an
 * unaligned or wrapping range, or an address outside of its space; -EEXIST if
 * another slot holds one of the guest addresses; -ENOENT for the deletion of
 * an empty slot.
 */
int vtr_slots_check(const struct vtr_memslots *slots, const struct vtr_slot *args,
		    unsigned int gpa_bits, u64 user_end)
{
	u64 end;

	if (args->flags & ~(VTR_SLOT_READONLY | VTR_SLOT_DIRTY_LOG) || args->slot >= VTR_MAX_SLOTS)
		return -EINVAL;
	if (!args->bytes)
		return slots->slot[args->slot].bytes ? 0 : -ENOENT;
	if (!PAGE_ALIGNED(args->gpa | args->bytes | args->hva))
		return -EINVAL;
	if (check_add_overflow(args->gpa, args->bytes, &end) || end > BIT_ULL(gpa_bits))
		return -EINVAL;
	if (check_add_overflow(args->hva, args->bytes, &end) || end > user_end)
		return -EINVAL;

	for (u32 i = 0; i < VTR_MAX_SLOTS; i++) {
		const struct vtr_memslot *s = &slots->slot[i];

		if (i != args->slot && s->bytes &&
		    ranges_overlap(s->gpa, s->bytes, args->gpa, args->bytes))
			return -EEXIST;
	}
	return 0;
}

/* Prepare vtr_slots_find(): a slot of @slots was filled, changed or emptied. */
void vtr_slots_sort(struct vtr_memslots *slots)
{
	slots->nr_used = 0;
	for (u32 i = 0; i < VTR_MAX_SLOTS; i++) {
		u32 at = slots->nr_used;

		if (!slots->slot[i].bytes)
			continue;
		for (; at && slots->slot[slots->by_gpa[at - 1]].gpa > slots->slot[i].gpa; at--)
			slots->by_gpa[at] = slots->by_gpa[at - 1];
		slots->by_gpa[at] = i;
		slots->nr_used++;
	}
}

/*
 * Return: the slot that holds @gpa, or NULL.  Asked for each entry of each walk of the
 * guest's page tables, so it halves the sorted slots instead of trying all of them.
 */
const struct vtr_memslot *vtr_slots_find(const struct vtr_memslots *slots, u64 gpa)
{
	u32 low = 0, high = slots->nr_used;

	while (low < high) {
		u32 middle = (low + high) / 2;
		const struct vtr_memslot *s = &slots->slot[slots->by_gpa[middle]];

		if (gpa >= s->gpa && gpa - s->gpa < s->bytes)
			return s;
		if (gpa < s->gpa)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/*
 * May the @bytes (a power of two) around @gpa, in the slot, be one leaf?  Guest
 * and host address must agree in the offset, the slot must hold all of it, and
 * a log of writes wants to know each 4 KiB page.
 */
bool vtr_slot_allows_leaf(const struct vtr_memslot *slot, u64 gpa, u64 bytes)
{
	u64 start = ALIGN_DOWN(gpa, bytes);

	if (bytes == SZ_4K)
		return true;
	/* LAB 5.6: return false; */
	return !(slot->flags & VTR_SLOT_DIRTY_LOG) && IS_ALIGNED(slot->gpa ^ slot->hva, bytes) &&
	       start >= slot->gpa && start + bytes <= slot->gpa + slot->bytes;
	/* LAB 5.6 END */
}

/*
 * Pages [@first, @first + @nr) of @slot as a range of its log.
 * Return: 0; -ENOENT: the slot is empty; -ENODATA: it has no log; -EINVAL: no
 * pages, pages beyond the slot, or a first one that does not begin a word.
 */
int vtr_slot_check_log(const struct vtr_memslot *slot, u64 first, u64 nr)
{
	u64 pages = slot->bytes >> PAGE_SHIFT;

	if (!slot->bytes)
		return -ENOENT;
	if (!slot->dirty)
		return -ENODATA;
	if (first % 64 || !nr || first >= pages || nr > pages - first)
		return -EINVAL;
	return 0;
}

/*
 * Guest addresses of @slot that are backed by [@start, @end) of the host's.
 * Return: false if there are none.
 */
bool vtr_slot_overlap_hva(const struct vtr_memslot *slot, u64 start, u64 end,
			  u64 *gpa_start, u64 *gpa_end)
{
	u64 slot_end = slot->hva + slot->bytes;

	if (!slot->bytes || end <= slot->hva || start >= slot_end)
		return false;
	*gpa_start = slot->gpa + (max(start, slot->hva) - slot->hva);
	*gpa_end = slot->gpa + (min(end, slot_end) - slot->hva);
	return true;
}
