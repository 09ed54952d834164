// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended page tables: a four-level tree from guest physical to host physical
 * addresses, in the format that the processor walks by itself.
 *
 * Implements module/slat.h for module/memory.c, which holds the lock and decides
 * what is mapped.  No privileged instruction here: the tree is plain memory,
 * and flushing cached translations is vmx/run.c's business, so that unit tests
 * can run all of this in a normal process.
 *
 * An address is cut into four indexes of nine bits and an offset:
 *
 *	 47    39 38    30 29    21 20    12 11         0
 *	+--------+--------+--------+--------+------------+
 *	| level 4| level 3| level 2| level 1|   offset   |
 *	+--------+--------+--------+--------+------------+
 *	  root               2 MiB    4 KiB
 *
 * Tables are added by map and freed with the tree; zap clears leaves only, so
 * a vCPU that walks at the same time never sees a table page reused.
 * Read next: ept/hw.h (bits), ept/show.c (entries in words).
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "ept.h"
#include "hw.h"

struct ept_root {
	struct vtr_slat_root base;
	u64 *table;		/* level 4 */
};

static struct ept_root *to_ept(const struct vtr_slat_root *root)
{
	return container_of(root, struct ept_root, base);
}

static u64 *table_of(u64 entry)
{
	return phys_to_virt(entry & EPT_ADDR_MASK);
}

/* The processor may be reading the entry: write it in one piece. */
static void set_entry(u64 *slot, u64 value)
{
	/* A table is filled before the entry that points to it. */
	smp_store_release(slot, value);
}

static struct vtr_slat_root *root_create(void)
{
	struct ept_root *root = kzalloc(sizeof(*root), GFP_KERNEL_ACCOUNT);

	if (!root)
		return ERR_PTR(-ENOMEM);
	root->table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!root->table) {
		kfree(root);
		return ERR_PTR(-ENOMEM);
	}
	root->base.ops = &ept_ops;
	root->base.table_pages = 1;
	return &root->base;
}

static void free_table(u64 *table, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < EPT_ENTRIES; i++)
		if (ept_present(table[i]) && !ept_is_leaf(table[i], level))
			free_table(table_of(table[i]), level - 1);
	free_page((unsigned long)table);
}

static void root_destroy(struct vtr_slat_root *root)
{
	struct ept_root *r = to_ept(root);

	free_table(r->table, VTR_SLAT_LEVELS);
	kfree(r);
}

/* Value of the VMCS field "EPT pointer" for @root. */
u64 ept_pointer(const struct vtr_slat_root *root)
{
	return virt_to_phys(to_ept(root)->table) | EPTP_MEMTYPE_WB | EPTP_WALK_LENGTH_4;
}

static void count_leaf(struct vtr_slat_root *root, unsigned int level, s64 delta)
{
	if (level == VTR_SLAT_4K)
		root->leaves_4k += delta;
	else
		root->leaves_2m += delta;
}

/*
 * Memory type of RAM: write-back, and the guest's PAT is ignored.  A guest
 * that maps RAM uncached would otherwise break the host's view of the same
 * page; devices are never mapped, so nothing needs another type.
 */
static u64 make_leaf(u64 hpa, unsigned int level, unsigned int rights)
{
	BUILD_BUG_ON(VTR_SLAT_READ != EPT_READ || VTR_SLAT_WRITE != EPT_WRITE ||
		     VTR_SLAT_EXEC != EPT_EXEC);

	return (hpa & EPT_ADDR_MASK) | rights | EPT_IGNORE_PAT |
	       (u64)EPT_MEMTYPE_WB << EPT_MEMTYPE_SHIFT |
	       (level > VTR_SLAT_4K ? EPT_LEAF : 0);
}

/* Get the table below @slot, adding one from @cache if there is none. */
static u64 *next_table(struct vtr_slat_root *root, struct vtr_slat_cache *cache, u64 *slot)
{
	u64 *table;

	if (ept_present(*slot))
		return table_of(*slot);
	table = cache->pages[--cache->nr];
	root->table_pages++;
	/* Rights are decided by the leaves: a table grants all of them. */
	set_entry(slot, virt_to_phys(table) | EPT_RIGHTS);
	return table;
}

/* Remove a leaf.  Return: true if there was one. */
static bool drop_leaf(struct vtr_slat_root *root, u64 *slot, unsigned int level)
{
	if (!ept_present(*slot) || !ept_is_leaf(*slot, level))
		return false;
	set_entry(slot, 0);
	count_leaf(root, level, -1);
	return true;
}

static int map(struct vtr_slat_root *root, struct vtr_slat_cache *cache,
	       u64 gpa, u64 hpa, unsigned int level, unsigned int rights)
{
	u64 *table = to_ept(root)->table;
	u64 *slot, leaf = make_leaf(hpa, level, rights);
	bool changed = false;

	if (WARN_ON_ONCE((gpa | hpa) & (vtr_slat_leaf_bytes(level) - 1) ||
			 level > VTR_SLAT_2M || !rights))
		return -EINVAL;
	/* Check before the first change, so that no failure leaves half of one. */
	if (cache->nr < VTR_SLAT_LEVELS - 1)
		return -ENOSPC;

	for (unsigned int l = VTR_SLAT_LEVELS; l > level; l--) {
		slot = &table[EPT_INDEX(gpa, l)];
		/*
		 * A 2 MiB leaf where a finer one is wanted: the host has split
		 * its page.  Drop it; what it mapped besides faults in again.
		 */
		changed |= drop_leaf(root, slot, l);
		table = next_table(root, cache, slot);
	}

	slot = &table[EPT_INDEX(gpa, level)];
	if (ept_present(*slot) && !ept_is_leaf(*slot, level))
		return -EEXIST;
	if (*slot == leaf)
		return changed;
	changed |= drop_leaf(root, slot, level);
	set_entry(slot, leaf);
	count_leaf(root, level, 1);
	return changed;
}

/* Clear the leaves of one table that overlap [start, end); @base is its first address. */
static u64 zap_table(struct vtr_slat_root *root, u64 *table, unsigned int level,
		     u64 base, u64 start, u64 end)
{
	const u64 step = vtr_slat_leaf_bytes(level);
	unsigned int i = start > base ? (start - base) / step : 0;
	u64 zapped = 0;

	for (; i < EPT_ENTRIES && base + i * step < end; i++) {
		u64 entry = table[i];

		if (!ept_present(entry))
			continue;
		if (drop_leaf(root, &table[i], level))
			zapped++;
		else
			zapped += zap_table(root, table_of(entry), level - 1,
					    base + i * step, start, end);
	}
	return zapped;
}

static u64 zap(struct vtr_slat_root *root, u64 start, u64 end)
{
	if (start >= end)
		return 0;
	return zap_table(root, to_ept(root)->table, VTR_SLAT_LEVELS, 0, start, end);
}

static void walk(struct vtr_slat_root *root, u64 gpa, struct vtr_slat_walk *w)
{
	u64 *table = to_ept(root)->table;

	memset(w, 0, sizeof(*w));
	if (gpa >> (12 + 9 * VTR_SLAT_LEVELS))
		return;
	w->rights = EPT_RIGHTS;
	for (unsigned int l = VTR_SLAT_LEVELS; l; l--) {
		u64 entry = READ_ONCE(table[EPT_INDEX(gpa, l)]);

		w->level[w->nr_levels] = l;
		w->entry[w->nr_levels++] = entry;
		w->rights &= entry;
		if (!ept_present(entry))
			break;
		if (ept_is_leaf(entry, l)) {
			u64 offset = gpa & (vtr_slat_leaf_bytes(l) - 1) & PAGE_MASK;

			w->leaf_level = l;
			w->hpa = (entry & EPT_ADDR_MASK) + offset;
			break;
		}
		table = table_of(entry);
	}
}

static u64 next_leaf(struct vtr_slat_root *root, u64 gpa, struct vtr_slat_walk *w)
{
	const u64 end = 1ULL << (12 + 9 * VTR_SLAT_LEVELS);

	while (gpa < end) {
		u64 step;

		walk(root, gpa, w);
		step = vtr_slat_leaf_bytes(w->level[w->nr_levels - 1]);
		if (w->leaf_level)
			return ALIGN_DOWN(gpa, step);
		/* Skip all that the entry which was not present would cover. */
		gpa = ALIGN_DOWN(gpa, step) + step;
	}
	return ~0ULL;
}

const struct vtr_slat_ops ept_ops = {
	.root_create	= root_create,
	.root_destroy	= root_destroy,
	.map		= map,
	.zap		= zap,
	.walk		= walk,
	.next_leaf	= next_leaf,
	.describe	= ept_describe,
};
