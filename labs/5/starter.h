/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lab 5: what stands in for its steps until they are written, so that the small
 * guests of the labs before it run.  tree.py puts it into module/lab.h of
 * students' trees; the true source has nothing of it.
 *
 * It maps page by page, the first 2 MiB of guest addresses only, and never looks
 * at the host's page tables again: good enough as long as nobody else does.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "slat.h"

/* The table behind entry 0 of @table: below 2 MiB there is no other way. */
static inline u64 *vtr_lab_low_table(struct vtr_slat_root *root, struct vtr_slat_cache *cache,
				     u64 *table)
{
	if (!table[0]) {
		table[0] = virt_to_phys(cache->pages[--cache->nr]) | 7;
		root->table_pages++;
	}
	return phys_to_virt(table[0] & PAGE_MASK);
}

static inline int vtr_lab_map_low(struct vtr_slat_root *root, u64 *table,
				  struct vtr_slat_cache *cache, u64 gpa, u64 hpa,
				  unsigned int rights)
{
	if (gpa >= SZ_2M)
		return -EFAULT;
	for (unsigned int level = VTR_SLAT_LEVELS; level > VTR_SLAT_4K; level--)
		table = vtr_lab_low_table(root, cache, table);
	root->leaves_4k += !table[gpa >> PAGE_SHIFT];
	table[gpa >> PAGE_SHIFT] = hpa | rights;
	return 0;
}

static inline int vtr_lab_fault(spinlock_t *lock, struct vtr_slat_root *root,
				struct vtr_slat_cache *cache, u64 hva, u64 gpa, bool write)
{
	unsigned int rights = VTR_SLAT_READ | VTR_SLAT_EXEC | (write ? VTR_SLAT_WRITE : 0);
	struct page *page;
	int ret = get_user_pages_fast(hva, 1, write ? FOLL_WRITE : 0, &page);

	if (ret < 0)
		return ret;
	spin_lock(lock);
	ret = root->ops->map(root, cache, ALIGN_DOWN(gpa, PAGE_SIZE), page_to_phys(page),
			     VTR_SLAT_4K, rights);
	spin_unlock(lock);
	put_page(page);
	return ret;
}
