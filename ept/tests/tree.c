// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tree of second-level tables for the unit tests, read as a processor reads it.
 *
 * Drives ept/ept.c through the door module/slat.h as module/memory.c does.
 * walk_as_processor() knows the format from the manual only and shares no code
 * with ept.c.  Used by the suites of this folder.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "tree.h"

void tree_fill(struct kunit *test, struct vtr_slat_cache *cache)
{
	while (cache->nr < VTR_SLAT_CACHE_PAGES) {
		void *page = (void *)get_zeroed_page(GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, page);
		cache->pages[cache->nr++] = page;
	}
}

int tree_start(struct kunit *test)
{
	struct tree *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->root = ept_ops.root_create();
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(t->root));
	tree_fill(test, &t->cache);
	test->priv = t;
	return 0;
}

void tree_finish(struct kunit *test)
{
	struct tree *t = test->priv;

	if (!t || !t->root)
		return;
	while (t->cache.nr)
		free_page((unsigned long)t->cache.pages[--t->cache.nr]);
	ept_ops.root_destroy(t->root);
}

int tree_map(struct kunit *test, u64 gpa, u64 hpa, unsigned int level, unsigned int rights)
{
	struct tree *t = test->priv;

	tree_fill(test, &t->cache);
	return ept_ops.map(t->root, &t->cache, gpa, hpa, level, rights);
}

u64 tree_zap(struct kunit *test, u64 from, u64 to)
{
	struct tree *t = test->priv;

	return ept_ops.zap(t->root, from, to);
}

/* ---- what the processor sees ------------------------------------------------ */

/*
 * SDM 3C "EPT Translation Mechanism" (29.3.2): from the pointer's bits 51:12
 * through at most four tables; bit 7 ends the walk at 1 GiB or 2 MiB.
 */
static struct translation walk_as_processor(struct kunit *test, u64 eptp, u64 gpa)
{
	struct translation result = { .rights = 7 };
	u64 frame = eptp & 0xffffffffff000ULL;

	for (int shift = 39; shift >= 12; shift -= 9) {
		u64 *table = phys_to_virt(frame);
		u64 entry = table[(gpa >> shift) & 511];

		if (!(entry & 7))
			return (struct translation) {};
		/* Writable without readable is a misconfiguration. */
		KUNIT_EXPECT_NE(test, entry & 3, 2);
		result.rights &= entry & 7;
		frame = entry & 0xffffffffff000ULL;
		if (shift == 12 || (shift <= 30 && (entry & 0x80))) {
			result.present = true;
			result.bytes = 1ULL << shift;
			result.memory_type = (entry >> 3) & 7;
			result.ignore_pat = entry & 0x40;
			result.hpa = frame + (gpa & (result.bytes - 1));
			KUNIT_EXPECT_EQ(test, frame & (result.bytes - 1), 0);
			return result;
		}
		/* Bits 7:3 of an entry that points to a table are reserved. */
		KUNIT_EXPECT_EQ(test, entry & 0xf8, 0);
	}
	return (struct translation) {};
}

struct translation tree_translate(struct kunit *test, u64 gpa)
{
	struct tree *t = test->priv;

	return walk_as_processor(test, ept_pointer(t->root), gpa);
}

void tree_expect_mapped(struct kunit *test, u64 gpa, u64 hpa, unsigned int rights, u64 bytes)
{
	struct translation t = tree_translate(test, gpa);
	struct vtr_slat_walk w;
	struct tree *tree = test->priv;

	KUNIT_EXPECT_TRUE_MSG(test, t.present, "gpa %#llx", gpa);
	KUNIT_EXPECT_EQ_MSG(test, t.hpa, hpa, "gpa %#llx", gpa);
	KUNIT_EXPECT_EQ_MSG(test, t.rights, rights, "gpa %#llx", gpa);
	KUNIT_EXPECT_EQ_MSG(test, t.bytes, bytes, "gpa %#llx", gpa);
	/* RAM is write-back whatever the guest's PAT says. */
	KUNIT_EXPECT_EQ(test, t.memory_type, 6u);
	KUNIT_EXPECT_TRUE(test, t.ignore_pat);

	/* The walk for people tells the same. */
	ept_ops.walk(tree->root, gpa, &w);
	KUNIT_EXPECT_EQ(test, vtr_slat_leaf_bytes(w.leaf_level), bytes);
	KUNIT_EXPECT_EQ(test, w.hpa, hpa & PAGE_MASK);
	KUNIT_EXPECT_EQ(test, w.rights, rights);
	KUNIT_EXPECT_EQ(test, w.level[0], (unsigned int)VTR_SLAT_LEVELS);
	KUNIT_EXPECT_EQ(test, w.level[w.nr_levels - 1], w.leaf_level);
}

void tree_expect_unmapped(struct kunit *test, u64 gpa)
{
	struct tree *tree = test->priv;
	struct vtr_slat_walk w;

	KUNIT_EXPECT_FALSE_MSG(test, tree_translate(test, gpa).present, "gpa %#llx", gpa);
	ept_ops.walk(tree->root, gpa, &w);
	KUNIT_EXPECT_EQ_MSG(test, w.leaf_level, 0u, "gpa %#llx", gpa);
}

void tree_expect_counts(struct kunit *test, u64 tables, u64 leaves_4k, u64 leaves_2m)
{
	struct tree *t = test->priv;

	KUNIT_EXPECT_EQ(test, t->root->table_pages, tables);
	KUNIT_EXPECT_EQ(test, t->root->leaves_4k, leaves_4k);
	KUNIT_EXPECT_EQ(test, t->root->leaves_2m, leaves_2m);
}
