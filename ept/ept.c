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
 *	  root      1 GiB    2 MiB    4 KiB	(what a leaf there maps)
 *
 * The processor reads the tree at the same time, and sets accessed and dirty
 * bits in it: SDM 3C "Accessed and Dirty Flags for EPT" (29.3.5).  So an entry
 * that may be a present leaf is changed by atomic operations only, and what it
 * held at that moment is what counts.  A table is never freed while a processor
 * may still walk it: detach() puts it aside, reap() frees it after the flush.
 * Read next: ept/hw.h (bits), ept/show.c (entries in words).
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "ept.h"
#include "hw.h"

struct ept_root {
	struct vtr_slat_root base;
	u64 *table;			/* level 4 */
	struct list_head detached;	/* tables that wait for reap() */
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
	struct ept_root *root = kzalloc(sizeof(*root), VTR_GFP_CHARGED);

	if (!root)
		return ERR_PTR(-ENOMEM);
	root->table = (u64 *)get_zeroed_page(VTR_GFP_CHARGED);
	if (!root->table) {
		kfree(root);
		return ERR_PTR(-ENOMEM);
	}
	root->base.ops = &ept_ops;
	root->base.table_pages = 1;
	INIT_LIST_HEAD(&root->detached);
	return &root->base;
}

static void free_table(u64 *table, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < EPT_ENTRIES; i++)
		if (ept_present(table[i]) && !ept_is_leaf(table[i], level))
			free_table(table_of(table[i]), level - 1);
	free_page((unsigned long)table);
}

/* Free the tables that detach() has put aside; no processor walks them any more. */
static void reap(struct vtr_slat_root *root)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &to_ept(root)->detached, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

static void root_destroy(struct vtr_slat_root *root)
{
	struct ept_root *r = to_ept(root);

	reap(root);
	free_table(r->table, VTR_SLAT_LEVELS);
	kfree(r);
}

/* Value of the VMCS field "EPT pointer" for @root. */
u64 ept_pointer(const struct vtr_slat_root *root)
{
	return virt_to_phys(to_ept(root)->table) | EPTP_MEMTYPE_WB | EPTP_WALK_LENGTH_4 |
	       (root->accessed_dirty ? EPTP_ENABLE_AD : 0);
}

static void count_leaves(struct vtr_slat_root *root, unsigned int level, s64 delta)
{
	if (level == VTR_SLAT_4K)
		root->leaves_4k += delta;
	else if (level == VTR_SLAT_2M)
		root->leaves_2m += delta;
	else
		root->leaves_1g += delta;
}

/*
 * Memory type of RAM: write-back, and the guest's PAT is ignored.  A guest
 * that maps RAM uncached would otherwise break the host's view of the same
 * page; devices are never mapped, so nothing needs another type.
 */
static u64 make_leaf(const struct vtr_slat_root *root, u64 hpa, unsigned int level,
		     unsigned int rights)
{
	u64 leaf;

	BUILD_BUG_ON(VTR_SLAT_READ != EPT_READ || VTR_SLAT_WRITE != EPT_WRITE ||
		     VTR_SLAT_EXEC != EPT_EXEC);

	/* LAB 5.1: return hpa | EPT_RIGHTS | EPT_LEAF; */
	leaf = (hpa & EPT_ADDR_MASK) | rights | EPT_IGNORE_PAT |
	       (u64)EPT_MEMTYPE_WB << EPT_MEMTYPE_SHIFT |
	       (level > VTR_SLAT_4K ? EPT_LEAF : 0);
	/* Nobody will set the bits: assume the worst.  The processor ignores them. */
	if (!root->accessed_dirty)
		leaf |= EPT_ACCESSED | (rights & VTR_SLAT_WRITE ? EPT_DIRTY : 0);
	return leaf;
	/* LAB 5.1 END */
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

/* ---- visiting the leaves of a range --------------------------------------------- */

/* Something to be done to a present leaf.  Return: was there anything to do? */
typedef bool leaf_fn(struct vtr_slat_root *root, u64 *slot, unsigned int level);

static u64 visit_table(struct vtr_slat_root *root, u64 *table, unsigned int level,
		       u64 base, u64 start, u64 end, leaf_fn *fn)
{
	const u64 step = vtr_slat_leaf_bytes(level);
	unsigned int i = start > base ? (start - base) / step : 0;
	u64 hits = 0;

	/* @base is the first address that the table translates. */
	for (; i < EPT_ENTRIES && base + i * step < end; i++) {
		u64 entry = READ_ONCE(table[i]);

		if (!ept_present(entry))
			continue;
		if (ept_is_leaf(entry, level))
			hits += fn(root, &table[i], level);
		else
			hits += visit_table(root, table_of(entry), level - 1,
					    base + i * step, start, end, fn);
	}
	return hits;
}

static u64 visit(struct vtr_slat_root *root, u64 start, u64 end, leaf_fn *fn)
{
	if (start >= end)
		return 0;
	return visit_table(root, to_ept(root)->table, VTR_SLAT_LEVELS, 0, start, end, fn);
}

/* Tell the owner what the dirty bit of a leaf that goes has said. */
static void pass_on_dirty(struct vtr_slat_root *root, u64 leaf, unsigned int level)
{
	if ((leaf & EPT_DIRTY) && root->page_dirty)
		root->page_dirty(leaf & EPT_ADDR_MASK, level);
}

static bool drop_leaf(struct vtr_slat_root *root, u64 *slot, unsigned int level)
{
	/*
	 * Read and cleared in one step: the processor sets a dirty bit only in an
	 * entry that is present, so none is set after this.
	 */
	u64 leaf = xchg(slot, 0);

	count_leaves(root, level, -1);
	pass_on_dirty(root, leaf, level);
	return true;
}

static u64 zap(struct vtr_slat_root *root, u64 start, u64 end)
{
	return visit(root, start, end, drop_leaf);
}

static bool protect_leaf(struct vtr_slat_root *root, u64 *slot, unsigned int level)
{
	/* LAB 5.8: return false; */
	return test_and_clear_bit(EPT_WRITE_BIT, (unsigned long *)slot);
	/* LAB 5.8 END */
}

static u64 protect(struct vtr_slat_root *root, u64 start, u64 end)
{
	return visit(root, start, end, protect_leaf);
}

static bool leaf_is_young(struct vtr_slat_root *root, u64 *slot, unsigned int level)
{
	return READ_ONCE(*slot) & EPT_ACCESSED;
}

static u64 young(struct vtr_slat_root *root, u64 start, u64 end)
{
	return visit(root, start, end, leaf_is_young);
}

static bool age_leaf(struct vtr_slat_root *root, u64 *slot, unsigned int level)
{
	/* Nobody would set the bit again: only a new fault can tell. */
	if (!root->accessed_dirty)
		return drop_leaf(root, slot, level);
	return test_and_clear_bit(EPT_ACCESSED_BIT, (unsigned long *)slot);
}

static u64 age(struct vtr_slat_root *root, u64 start, u64 end)
{
	return visit(root, start, end, age_leaf);
}

/* ---- mapping, splitting, collapsing ------------------------------------------------- */

/* Find the lowest entry at or above @level on the way to @gpa.  Return: its level. */
static unsigned int find_entry(struct vtr_slat_root *root, u64 gpa, unsigned int level, u64 **slot)
{
	u64 *table = to_ept(root)->table;

	/* LAB 5.3: *slot = table;\nreturn VTR_SLAT_4K; */
	for (unsigned int l = VTR_SLAT_LEVELS; ; l--) {
		u64 entry;

		*slot = &table[EPT_INDEX(gpa, l)];
		entry = READ_ONCE(**slot);
		if (l == level || !ept_present(entry) || ept_is_leaf(entry, l))
			return l;
		table = table_of(entry);
	}
	/* LAB 5.3 END */
}

/* Fill @table with leaves that together map what @leaf of @level maps. */
static void fill_split(u64 *table, u64 leaf, unsigned int level)
{
	const u64 step = vtr_slat_leaf_bytes(level - 1);

	/* LAB 5.6: return; */
	/* Bit 7 means "leaf" above level 1 only; there it must not stay. */
	if (level - 1 == VTR_SLAT_4K)
		leaf &= ~EPT_LEAF;
	for (unsigned int i = 0; i < EPT_ENTRIES; i++)
		table[i] = leaf + i * step;
	/* LAB 5.6 END */
}

/*
 * Replace a large leaf by a table.  Rights, accessed and dirty bits of the leaf
 * are those of all its parts; if the processor sets one meanwhile, start over.
 */
static void split_leaf(struct vtr_slat_root *root, struct vtr_slat_cache *cache,
		       u64 *slot, unsigned int level)
{
	u64 *table, leaf;

	/* LAB 5.6: drop_leaf(root, slot, level); */
	table = cache->pages[--cache->nr];
	leaf = READ_ONCE(*slot);
	do {
		fill_split(table, leaf, level);
	} while (!try_cmpxchg(slot, &leaf, virt_to_phys(table) | EPT_RIGHTS));
	root->table_pages++;
	count_leaves(root, level, -1);
	count_leaves(root, level - 1, EPT_ENTRIES);
	/* LAB 5.6 END */
}

static int split(struct vtr_slat_root *root, struct vtr_slat_cache *cache, u64 gpa)
{
	u64 *slot;
	unsigned int level = find_entry(root, gpa, VTR_SLAT_4K, &slot);

	if (level == VTR_SLAT_4K || !ept_present(*slot))
		return 0;
	if (!cache->nr)
		return -ENOSPC;
	split_leaf(root, cache, slot, level);
	return 1;
}

/* Take @table and all below it, empty of leaves, out of the tree. */
static void put_aside(struct ept_root *root, u64 *table, unsigned int level)
{
	for (unsigned int i = 0; level > 1 && i < EPT_ENTRIES; i++)
		if (ept_present(table[i]))
			put_aside(root, table_of(table[i]), level - 1);
	list_add(&virt_to_page(table)->lru, &root->detached);
	root->base.table_pages--;
}

static bool detach(struct vtr_slat_root *root, u64 gpa, unsigned int level)
{
	u64 start = ALIGN_DOWN(gpa, vtr_slat_leaf_bytes(level));
	u64 *slot, table;

	if (find_entry(root, gpa, level, &slot) != level || !ept_present(*slot) ||
	    ept_is_leaf(*slot, level))
		return false;
	/* The leaves first, each with its last dirty bit; then the way to them. */
	zap(root, start, start + vtr_slat_leaf_bytes(level));
	table = xchg(slot, 0);
	put_aside(to_ept(root), table_of(table), level - 1);
	return true;
}

static int map(struct vtr_slat_root *root, struct vtr_slat_cache *cache,
	       u64 gpa, u64 hpa, unsigned int level, unsigned int rights)
{
	u64 *table = to_ept(root)->table;
	u64 *slot, old, leaf = make_leaf(root, hpa, level, rights);
	bool changed = false;

	if (WARN_ON_ONCE((gpa | hpa) & (vtr_slat_leaf_bytes(level) - 1) ||
			 level > VTR_SLAT_1G || !rights))
		return -EINVAL;
	/* Check before the first change, so that no failure leaves half of one. */
	if (cache->nr < VTR_SLAT_LEVELS - 1)
		return -ENOSPC;

	/* LAB 5.2: return vtr_lab_map_low(root, table, cache, gpa, hpa, rights); */
	for (unsigned int l = VTR_SLAT_LEVELS; l > level; l--) {
		slot = &table[EPT_INDEX(gpa, l)];
		if (ept_present(*slot) && ept_is_leaf(*slot, l)) {
			split_leaf(root, cache, slot, l);
			changed = true;
		}
		table = next_table(root, cache, slot);
	}

	slot = &table[EPT_INDEX(gpa, level)];
	old = READ_ONCE(*slot);
	if (ept_present(old) && !ept_is_leaf(old, level))
		return -EEXIST;
	/* The same but for what the processor notes in it: nothing to change. */
	if (!((old ^ leaf) & ~(EPT_ACCESSED | EPT_DIRTY)))
		return changed;
	old = xchg(slot, leaf);
	if (ept_present(old))
		pass_on_dirty(root, old, level);
	else
		count_leaves(root, level, 1);
	return changed || ept_present(old);
	/* LAB 5.2 END */
}

/* ---- looking ---------------------------------------------------------------------- */

static void walk(struct vtr_slat_root *root, u64 gpa, struct vtr_slat_walk *w)
{
	u64 *table = to_ept(root)->table;

	memset(w, 0, sizeof(*w));
	if (gpa >> (12 + 9 * VTR_SLAT_LEVELS))
		return;
	/* LAB 5.3: w->level[w->nr_levels++] = VTR_SLAT_LEVELS; */
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
	/* LAB 5.3 END */
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
	.split		= split,
	.detach		= detach,
	.reap		= reap,
	.protect	= protect,
	.young		= young,
	.age		= age,
	.walk		= walk,
	.next_leaf	= next_leaf,
	.describe	= ept_describe,
};
