/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The door to second-level address translation (EPT today, NPT later).
 *
 * module/memory.c decides what is mapped; an implementation behind struct
 * vtr_slat_ops (ept/ept.c) knows the format of the tables.  A table tree hangs
 * on a root, not on a VM, so that nested guests can have roots of their own.
 * No function here executes a privileged instruction: flushing the processor's
 * caches is the back end's business (backend.h, flush_slat).
 * Read next: module/memory.c, then ept/ept.c.
 */
#ifndef VTR_SLAT_H
#define VTR_SLAT_H

#include <linux/gfp.h>
#include <linux/types.h>

/* Rights of a leaf, the same bits as VTR_WALK_* of the user interface. */
#define VTR_SLAT_READ	BIT(0)
#define VTR_SLAT_WRITE	BIT(1)
#define VTR_SLAT_EXEC	BIT(2)

/* Levels as the manual counts them: 1 maps 4 KiB, 2 maps 2 MiB, 4 is the root table. */
#define VTR_SLAT_4K		1
#define VTR_SLAT_2M		2
#define VTR_SLAT_1G		3
#define VTR_SLAT_LEVELS		4

#define VTR_SLAT_CACHE_PAGES	VTR_SLAT_LEVELS

/*
 * For everything whose amount the program decides: charged to its memory cgroup.
 * At the cgroup's limit the call fails with ENOMEM instead of waking the
 * cgroup's killer: the program can give memory back and go on.
 */
#define VTR_GFP_CHARGED	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/**
 * struct vtr_slat_cache - table pages allocated before a spinlock is taken
 * @nr: pages left
 * @pages: kernel addresses of zeroed pages
 *
 * One per vCPU, used by its own thread only.
 */
struct vtr_slat_cache {
	int nr;
	void *pages[VTR_SLAT_CACHE_PAGES];
};

/**
 * struct vtr_slat_root - neutral part of a table tree
 * @ops: the implementation
 * @table_pages: pages of tables, the root included
 * @leaves_4k: 4 KiB leaves that are present
 * @leaves_2m: 2 MiB leaves that are present
 * @leaves_1g: 1 GiB leaves that are present
 * @accessed_dirty: the processor shall keep accessed and dirty bits; the owner
 *	changes it only while there is no leaf.  If it is false, a leaf counts as
 *	accessed and, if it may be written, as dirty from the beginning.
 * @page_dirty: called for a leaf of @level at @hpa that goes and may have been
 *	written to, or NULL.  Context: as the operation that removes the leaf.
 *
 * All but @ops is guarded by the owner's lock (struct vtr_mem.lock).
 */
struct vtr_slat_root {
	const struct vtr_slat_ops *ops;
	u64 table_pages;
	u64 leaves_4k;
	u64 leaves_2m;
	u64 leaves_1g;
	bool accessed_dirty;
	void (*page_dirty)(u64 hpa, unsigned int level);
};

/**
 * struct vtr_slat_walk - what a walk for one address read
 * @nr_levels: entries read, root first
 * @level: level of each entry
 * @entry: raw value of each entry
 * @leaf_level: level of the leaf, 0 if @gpa is not mapped
 * @rights: rights of the whole walk (every level must grant them)
 * @hpa: host physical address of @gpa's page
 */
struct vtr_slat_walk {
	unsigned int nr_levels;
	unsigned int level[VTR_SLAT_LEVELS];
	u64 entry[VTR_SLAT_LEVELS];
	unsigned int leaf_level;
	unsigned int rights;
	u64 hpa;
};

/**
 * struct vtr_slat_ops - one format of second-level tables
 *
 * @root_create: allocate an empty tree.  Context: may sleep.
 *	Return: the root or ERR_PTR(-ENOMEM).
 * @root_destroy: free the tree.  Context: may sleep; no vCPU uses it any more.
 * @map: map one leaf at @level: @gpa and @hpa aligned to it, @rights VTR_SLAT_*.
 *	A leaf that is there is replaced, a larger one around it is split first.
 *	Context: owner's lock held; takes table pages from @cache.  Return: 0; 1 if
 *	a present leaf was changed, so the caller must flush; -ENOSPC if @cache has
 *	less than VTR_SLAT_LEVELS - 1 pages; -EEXIST if a table stands where a large
 *	leaf should go: @detach it.
 * @zap: remove all leaves that overlap [@start, @end).  A large leaf goes as a
 *	whole.  Context: owner's lock held.  Return: number of leaves removed.
 * @split: replace the large leaf that maps @gpa by leaves of the next smaller
 *	size, with the same rights.  Context: owner's lock held; takes one page
 *	from @cache.  Return: 1; 0 if no large leaf is there; -ENOSPC.
 * @detach: remove the table that stands where a leaf of @level for @gpa would
 *	go, with all leaves below it.  Context: owner's lock held; the caller
 *	flushes, then calls @reap.  Return: was there one?
 * @reap: free the tables that @detach has removed.  Context: owner's lock held
 *	since then, and no processor can walk them any more.
 * @protect: take the right to write from all leaves that overlap [@start,
 *	@end).  Context: owner's lock held.  Return: number of leaves changed.
 * @young: count the leaves in [@start, @end) that were accessed.  Context:
 *	owner's lock held.
 * @age: the same, and from now on count as not accessed.  Without bits of the
 *	processor that removes the leaf, so the caller must flush before it
 *	drops the lock.  Context: owner's lock held.
 * @walk: read the entries that translate @gpa.  Context: owner's lock held.
 * @next_leaf: find the first leaf at or above @gpa; fills @walk and returns its
 *	address, or ~0 if there is none.  Context: owner's lock held.
 * @describe: decode @entry of @level into words.  Return: as snprintf().
 */
struct vtr_slat_ops {
	struct vtr_slat_root *(*root_create)(void);
	void (*root_destroy)(struct vtr_slat_root *root);
	int (*map)(struct vtr_slat_root *root, struct vtr_slat_cache *cache,
		   u64 gpa, u64 hpa, unsigned int level, unsigned int rights);
	u64 (*zap)(struct vtr_slat_root *root, u64 start, u64 end);
	int (*split)(struct vtr_slat_root *root, struct vtr_slat_cache *cache, u64 gpa);
	bool (*detach)(struct vtr_slat_root *root, u64 gpa, unsigned int level);
	void (*reap)(struct vtr_slat_root *root);
	u64 (*protect)(struct vtr_slat_root *root, u64 start, u64 end);
	u64 (*young)(struct vtr_slat_root *root, u64 start, u64 end);
	u64 (*age)(struct vtr_slat_root *root, u64 start, u64 end);
	void (*walk)(struct vtr_slat_root *root, u64 gpa, struct vtr_slat_walk *walk);
	u64 (*next_leaf)(struct vtr_slat_root *root, u64 gpa, struct vtr_slat_walk *walk);
	int (*describe)(char *buf, size_t room, u64 entry, unsigned int level);
};

int vtr_slat_cache_fill(struct vtr_slat_cache *cache);
void vtr_slat_cache_drain(struct vtr_slat_cache *cache);

static inline u64 vtr_slat_leaf_bytes(unsigned int level)
{
	return level ? 1ULL << (12 + 9 * (level - 1)) : 0;
}

#endif /* VTR_SLAT_H */
