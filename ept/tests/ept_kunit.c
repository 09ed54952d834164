// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the second-level tables right?  KUnit suite "ept".
 *
 * Drives ept/ept.c through the door module/slat.h as module/memory.c does, and
 * then reads the tables the way a processor would: walk_as_processor() below
 * knows the format from the manual only and shares no code with ept.c.  The
 * host addresses are made up: nothing dereferences a leaf.
 * Built and run by tests/kunit/run.
 */
#include <kunit/test.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../../tests/kunit/expect.h"
#include "../ept.h"

#define RW	(VTR_SLAT_READ | VTR_SLAT_WRITE)
#define RWX	(RW | VTR_SLAT_EXEC)
#define RX	(VTR_SLAT_READ | VTR_SLAT_EXEC)
#define HPA	0x123400000ULL		/* any, aligned to 2 MiB */
#define HUGE_HPA (5ULL * SZ_1G)
#define END	BIT_ULL(48)		/* first address that four levels cannot hold */

struct tree {
	struct vtr_slat_root *root;
	struct vtr_slat_cache cache;
};

static void fill(struct kunit *test, struct vtr_slat_cache *cache)
{
	while (cache->nr < VTR_SLAT_CACHE_PAGES) {
		void *page = (void *)get_zeroed_page(GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, page);
		cache->pages[cache->nr++] = page;
	}
}

static int start(struct kunit *test)
{
	struct tree *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->root = ept_ops.root_create();
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(t->root));
	fill(test, &t->cache);
	test->priv = t;
	return 0;
}

static void finish(struct kunit *test)
{
	struct tree *t = test->priv;

	if (!t || !t->root)
		return;
	while (t->cache.nr)
		free_page((unsigned long)t->cache.pages[--t->cache.nr]);
	ept_ops.root_destroy(t->root);
}

static int map(struct kunit *test, u64 gpa, u64 hpa, unsigned int level, unsigned int rights)
{
	struct tree *t = test->priv;

	fill(test, &t->cache);
	return ept_ops.map(t->root, &t->cache, gpa, hpa, level, rights);
}

#define MAP(gpa, hpa, level, rights) \
	KUNIT_ASSERT_EQ(test, map(test, gpa, hpa, level, rights), 0)

static u64 zap(struct kunit *test, u64 from, u64 to)
{
	struct tree *t = test->priv;

	return ept_ops.zap(t->root, from, to);
}

/* ---- what the processor sees ------------------------------------------------ */

struct translation {
	bool present;
	u64 hpa;
	unsigned int rights;
	unsigned int memory_type;
	bool ignore_pat;
	u64 bytes;
};

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

static struct translation translate(struct kunit *test, u64 gpa)
{
	struct tree *t = test->priv;

	return walk_as_processor(test, ept_pointer(t->root), gpa);
}

static void expect_mapped(struct kunit *test, u64 gpa, u64 hpa, unsigned int rights, u64 bytes)
{
	struct translation t = translate(test, gpa);
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

static void expect_unmapped(struct kunit *test, u64 gpa)
{
	struct tree *tree = test->priv;
	struct vtr_slat_walk w;

	KUNIT_EXPECT_FALSE_MSG(test, translate(test, gpa).present, "gpa %#llx", gpa);
	ept_ops.walk(tree->root, gpa, &w);
	KUNIT_EXPECT_EQ_MSG(test, w.leaf_level, 0u, "gpa %#llx", gpa);
}

static void expect_counts(struct kunit *test, u64 tables, u64 leaves_4k, u64 leaves_2m)
{
	struct tree *t = test->priv;

	KUNIT_EXPECT_EQ(test, t->root->table_pages, tables);
	KUNIT_EXPECT_EQ(test, t->root->leaves_4k, leaves_4k);
	KUNIT_EXPECT_EQ(test, t->root->leaves_2m, leaves_2m);
}

/* ---- cases -------------------------------------------------------------------- */

static void an_empty_tree_maps_nothing(struct kunit *test)
{
	struct tree *t = test->priv;
	struct vtr_slat_walk w;

	expect_counts(test, 1, 0, 0);
	expect_unmapped(test, 0);
	expect_unmapped(test, END - SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_ops.next_leaf(t->root, 0, &w), ~0ULL);
	KUNIT_EXPECT_EQ(test, zap(test, 0, END), 0);
	/* Beyond the width there is no entry to read at all. */
	ept_ops.walk(t->root, END, &w);
	KUNIT_EXPECT_EQ(test, w.nr_levels, 0u);
	KUNIT_EXPECT_EQ(test, w.rights, 0u);
}

static void the_pointer_names_the_root(struct kunit *test)
{
	struct tree *t = test->priv;
	u64 eptp = ept_pointer(t->root);

	KUNIT_EXPECT_EQ(test, eptp & 7, 6);		/* write-back */
	KUNIT_EXPECT_EQ(test, (eptp >> 3) & 7, 3);	/* four levels */
	KUNIT_EXPECT_EQ(test, eptp & 0xfff & ~0x1e, 0);	/* nothing else in it */
	KUNIT_EXPECT_NE(test, eptp & ~0xfffULL, 0);
}

static void a_4k_leaf_is_found_by_the_processor(struct kunit *test)
{
	MAP(0x5000, HPA + 0x7000, VTR_SLAT_4K, RWX);
	expect_mapped(test, 0x5000, HPA + 0x7000, RWX, SZ_4K);
	expect_mapped(test, 0x5fff, HPA + 0x7fff, RWX, SZ_4K);
	expect_unmapped(test, 0x4fff);
	expect_unmapped(test, 0x6000);
	expect_counts(test, 4, 1, 0);
}

static void a_2m_leaf_is_found_by_the_processor(struct kunit *test)
{
	MAP(SZ_4M, HPA, VTR_SLAT_2M, RWX);
	expect_mapped(test, SZ_4M, HPA, RWX, SZ_2M);
	expect_mapped(test, SZ_4M + 0x12345, HPA + 0x12345, RWX, SZ_2M);
	expect_mapped(test, SZ_4M + SZ_2M - 1, HPA + SZ_2M - 1, RWX, SZ_2M);
	expect_unmapped(test, SZ_4M - 1);
	expect_unmapped(test, SZ_4M + SZ_2M);
	expect_counts(test, 3, 0, 1);
}

static void a_1g_leaf_is_found_by_the_processor(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(3ULL * SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	expect_mapped(test, 3ULL * SZ_1G, HUGE_HPA, RWX, SZ_1G);
	expect_mapped(test, 3ULL * SZ_1G + 0x12345678, HUGE_HPA + 0x12345678, RWX, SZ_1G);
	expect_mapped(test, 4ULL * SZ_1G - 1, HUGE_HPA + SZ_1G - 1, RWX, SZ_1G);
	expect_unmapped(test, 3ULL * SZ_1G - 1);
	expect_unmapped(test, 4ULL * SZ_1G);
	expect_counts(test, 2, 0, 0);
	KUNIT_EXPECT_EQ(test, t->root->leaves_1g, 1ULL);
	/* It goes as a whole. */
	KUNIT_EXPECT_EQ(test, zap(test, 3ULL * SZ_1G + 0x5000, 3ULL * SZ_1G + 0x6000), 1);
	expect_unmapped(test, 3ULL * SZ_1G);
	KUNIT_EXPECT_EQ(test, t->root->leaves_1g, 0ULL);
}

static void the_last_page_of_the_space(struct kunit *test)
{
	MAP(END - SZ_4K, HPA, VTR_SLAT_4K, RWX);
	expect_mapped(test, END - 1, HPA + SZ_4K - 1, RWX, SZ_4K);
	KUNIT_EXPECT_EQ(test, zap(test, END - SZ_4K, END), 1);
	expect_unmapped(test, END - 1);
}

static void rights_are_those_of_the_leaf(struct kunit *test)
{
	MAP(0x1000, HPA, VTR_SLAT_4K, VTR_SLAT_READ);
	MAP(0x2000, HPA, VTR_SLAT_4K, RX);
	MAP(0x3000, HPA, VTR_SLAT_4K, RW);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RX);
	expect_mapped(test, 0x1000, HPA, VTR_SLAT_READ, SZ_4K);
	expect_mapped(test, 0x2000, HPA, RX, SZ_4K);
	expect_mapped(test, 0x3000, HPA, RW, SZ_4K);
	expect_mapped(test, SZ_2M, HPA, RX, SZ_2M);
}

static void changing_a_leaf_asks_for_a_flush(struct kunit *test)
{
	MAP(0x1000, HPA, VTR_SLAT_4K, RX);
	/* The same again changes nothing: no flush. */
	KUNIT_EXPECT_EQ(test, map(test, 0x1000, HPA, VTR_SLAT_4K, RX), 0);
	expect_counts(test, 4, 1, 0);
	/* More rights, another page: a core may have cached the old leaf. */
	KUNIT_EXPECT_EQ(test, map(test, 0x1000, HPA, VTR_SLAT_4K, RWX), 1);
	expect_mapped(test, 0x1000, HPA, RWX, SZ_4K);
	KUNIT_EXPECT_EQ(test, map(test, 0x1000, HPA + SZ_4K, VTR_SLAT_4K, RWX), 1);
	expect_mapped(test, 0x1000, HPA + SZ_4K, RWX, SZ_4K);
	expect_counts(test, 4, 1, 0);
}

static void a_4k_leaf_splits_a_2m_leaf(struct kunit *test)
{
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	KUNIT_EXPECT_EQ(test, map(test, SZ_2M + 0x3000, HPA + 0x3000, VTR_SLAT_4K, RWX), 1);
	expect_mapped(test, SZ_2M + 0x3000, HPA + 0x3000, RWX, SZ_4K);
	/* The rest of the large leaf is still mapped, in small pieces. */
	expect_mapped(test, SZ_2M, HPA, RWX, SZ_4K);
	expect_mapped(test, SZ_4M - 1, HPA + SZ_2M - 1, RWX, SZ_4K);
	expect_counts(test, 4, 512, 0);
	/* Other rights for one page are no matter of its neighbours. */
	KUNIT_EXPECT_EQ(test, map(test, SZ_2M + 0x3000, HPA + 0x3000, VTR_SLAT_4K, RX), 1);
	expect_mapped(test, SZ_2M + 0x2000, HPA + 0x2000, RWX, SZ_4K);
	expect_mapped(test, SZ_2M + 0x3000, HPA + 0x3000, RX, SZ_4K);
	expect_counts(test, 4, 512, 0);
}

static void a_4k_leaf_splits_a_1g_leaf_twice(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	KUNIT_EXPECT_EQ(test, map(test, SZ_1G + 0x203000, HUGE_HPA + 0x203000, VTR_SLAT_4K, RX), 1);
	expect_mapped(test, SZ_1G + 0x203000, HUGE_HPA + 0x203000, RX, SZ_4K);
	expect_mapped(test, SZ_1G + 0x202000, HUGE_HPA + 0x202000, RWX, SZ_4K);
	expect_mapped(test, SZ_1G, HUGE_HPA, RWX, SZ_2M);
	expect_mapped(test, 2ULL * SZ_1G - 1, HUGE_HPA + SZ_1G - 1, RWX, SZ_2M);
	expect_unmapped(test, 2ULL * SZ_1G);
	expect_counts(test, 4, 512, 511);
	KUNIT_EXPECT_EQ(test, t->root->leaves_1g, 0ULL);
}

static int split(struct kunit *test, u64 gpa)
{
	struct tree *t = test->priv;

	return ept_ops.split(t->root, &t->cache, gpa);
}

static void split_goes_down_one_size(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_1G, HUGE_HPA, VTR_SLAT_1G, RX);
	fill(test, &t->cache);
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + 0x5000), 1);
	expect_mapped(test, SZ_1G + 0x5000, HUGE_HPA + 0x5000, RX, SZ_2M);
	expect_counts(test, 3, 0, 512);
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + 0x5000), 1);
	expect_mapped(test, SZ_1G + 0x5000, HUGE_HPA + 0x5000, RX, SZ_4K);
	expect_mapped(test, SZ_1G + SZ_2M, HUGE_HPA + SZ_2M, RX, SZ_2M);
	expect_counts(test, 4, 512, 511);
	/* Nothing smaller, and nothing where nothing is. */
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + 0x5000), 0);
	KUNIT_EXPECT_EQ(test, split(test, 0), 0);
	KUNIT_EXPECT_EQ(test, t->cache.nr, VTR_SLAT_CACHE_PAGES - 2);
	while (t->cache.nr)
		free_page((unsigned long)t->cache.pages[--t->cache.nr]);
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + SZ_2M), -ENOSPC);
	expect_mapped(test, SZ_1G + SZ_2M, HUGE_HPA + SZ_2M, RX, SZ_2M);
}

/* Each address of a split leaf leads where it led before: all 512 of each table. */
static void a_split_leaf_maps_the_same(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	fill(test, &t->cache);
	split(test, SZ_1G);
	for (u64 at = 0; at < SZ_1G; at += SZ_2M)
		expect_mapped(test, SZ_1G + at, HUGE_HPA + at, RWX, SZ_2M);
	split(test, SZ_1G);
	for (u64 at = 0; at < SZ_2M; at += SZ_4K)
		expect_mapped(test, SZ_1G + at, HUGE_HPA + at, RWX, SZ_4K);
}

static void detaching_makes_room_for_a_large_leaf(struct kunit *test)
{
	struct tree *t = test->priv;

	for (u64 at = 0; at < SZ_2M; at += SZ_4K)
		MAP(SZ_2M + at, HPA + at, VTR_SLAT_4K, RWX);
	MAP(SZ_4M, HPA, VTR_SLAT_4K, RWX);
	expect_counts(test, 5, 513, 0);
	KUNIT_EXPECT_TRUE(test, ept_ops.detach(t->root, SZ_2M + 0x5000, VTR_SLAT_2M));
	expect_unmapped(test, SZ_2M);
	expect_unmapped(test, SZ_4M - SZ_4K);
	expect_mapped(test, SZ_4M, HPA, RWX, SZ_4K);
	expect_counts(test, 4, 1, 0);
	/* No table, no second time; a leaf is none either. */
	KUNIT_EXPECT_FALSE(test, ept_ops.detach(t->root, SZ_2M, VTR_SLAT_2M));
	ept_ops.reap(t->root);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	KUNIT_EXPECT_FALSE(test, ept_ops.detach(t->root, SZ_2M, VTR_SLAT_2M));
	expect_mapped(test, SZ_2M + 0x5000, HPA + 0x5000, RWX, SZ_2M);
	expect_counts(test, 4, 1, 1);
}

static void detaching_takes_the_tables_below(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_1G, HPA, VTR_SLAT_4K, RWX);
	MAP(SZ_1G + SZ_2M, HPA, VTR_SLAT_2M, RWX);
	MAP(SZ_1G + SZ_4M, HPA, VTR_SLAT_4K, RWX);
	MAP(0, HPA, VTR_SLAT_4K, RWX);
	expect_counts(test, 7, 3, 1);
	KUNIT_EXPECT_TRUE(test, ept_ops.detach(t->root, SZ_1G, VTR_SLAT_1G));
	ept_ops.reap(t->root);
	expect_unmapped(test, SZ_1G);
	expect_unmapped(test, SZ_1G + SZ_2M);
	expect_mapped(test, 0, HPA, RWX, SZ_4K);
	expect_counts(test, 4, 1, 0);
	MAP(SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	expect_mapped(test, SZ_1G + 0x5000, HUGE_HPA + 0x5000, RWX, SZ_1G);
}

static u64 protect(struct kunit *test, u64 from, u64 to)
{
	struct tree *t = test->priv;

	return ept_ops.protect(t->root, from, to);
}

static void protect_takes_the_right_to_write_only(struct kunit *test)
{
	for (u64 gpa = 0x1000; gpa < 0x6000; gpa += SZ_4K)
		MAP(gpa, HPA + gpa, VTR_SLAT_4K, gpa == 0x3000 ? RX : RWX);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	/* 0x3000 has lost nothing. */
	KUNIT_EXPECT_EQ(test, protect(test, 0x2000, 0x5000), 2);
	expect_mapped(test, 0x1000, HPA + 0x1000, RWX, SZ_4K);
	for (u64 gpa = 0x2000; gpa < 0x5000; gpa += SZ_4K)
		expect_mapped(test, gpa, HPA + gpa, RX, SZ_4K);
	expect_mapped(test, 0x5000, HPA + 0x5000, RWX, SZ_4K);
	KUNIT_EXPECT_EQ(test, protect(test, 0x2000, 0x5000), 0);
	/* A large leaf that is touched loses it as a whole: split it first. */
	KUNIT_EXPECT_EQ(test, protect(test, SZ_2M + 0x1000, SZ_2M + 0x2000), 1);
	expect_mapped(test, SZ_2M, HPA, RX, SZ_2M);
	expect_counts(test, 4, 5, 1);
}

/* ---- accessed and dirty bits ------------------------------------------------------ */

/* What page_dirty() was told: host addresses and sizes. */
static struct {
	unsigned int calls;
	u64 hpa;
	unsigned int level;
} told;

static void tell(u64 hpa, unsigned int level)
{
	told.calls++;
	told.hpa = hpa;
	told.level = level;
}

static struct vtr_slat_root *with_bits(struct kunit *test, bool on)
{
	struct tree *t = test->priv;

	memset(&told, 0, sizeof(told));
	t->root->page_dirty = tell;
	t->root->accessed_dirty = on;
	return t->root;
}

/*
 * Be the processor: SDM 3C "Accessed and Dirty Flags for EPT" (29.3.5).  Each
 * entry that is used gets bit 8, the leaf bit 9 if it was a write.
 */
static void access(struct kunit *test, u64 gpa, bool write)
{
	struct tree *t = test->priv;
	u64 frame = ept_pointer(t->root) & 0xffffffffff000ULL;

	for (int shift = 39; shift >= 12; shift -= 9) {
		u64 *entry = (u64 *)phys_to_virt(frame) + ((gpa >> shift) & 511);
		bool leaf = shift == 12 || (shift <= 30 && (*entry & 0x80));

		KUNIT_ASSERT_NE(test, *entry & 7, 0);
		*entry |= 0x100 | (leaf && write ? 0x200 : 0);
		if (leaf)
			return;
		frame = *entry & 0xffffffffff000ULL;
	}
}

static void the_pointer_switches_the_bits_on(struct kunit *test)
{
	u64 off = ept_pointer(with_bits(test, false));

	KUNIT_EXPECT_EQ(test, off & BIT(6), 0);
	KUNIT_EXPECT_EQ(test, ept_pointer(with_bits(test, true)), off | BIT(6));
}

static void a_new_leaf_is_neither_accessed_nor_dirty(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, true);

	MAP(0x1000, HPA, VTR_SLAT_4K, RWX);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, 0, END), 0);
	KUNIT_EXPECT_EQ(test, zap(test, 0, END), 2);
	KUNIT_EXPECT_EQ(test, told.calls, 0u);
}

static void dirty_leaves_are_told_when_they_go(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, true);

	MAP(0x1000, HPA + 0x1000, VTR_SLAT_4K, RWX);
	MAP(0x2000, HPA + 0x2000, VTR_SLAT_4K, RWX);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	access(test, 0x1000, false);
	access(test, 0x2000, true);
	zap(test, 0x1000, 0x2000);
	KUNIT_EXPECT_EQ(test, told.calls, 0u);
	/* Losing the right to write does not undo the write. */
	protect(test, 0x2000, 0x3000);
	zap(test, 0x2000, 0x3000);
	KUNIT_EXPECT_EQ(test, told.calls, 1u);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA + 0x2000);
	KUNIT_EXPECT_EQ(test, told.level, (unsigned int)VTR_SLAT_4K);
	/* Another page at the address: the first one goes. */
	access(test, SZ_2M + 0x5000, true);
	KUNIT_EXPECT_EQ(test, map(test, SZ_2M, HPA + SZ_2M, VTR_SLAT_2M, RWX), 1);
	KUNIT_EXPECT_EQ(test, told.calls, 2u);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA);
	KUNIT_EXPECT_EQ(test, told.level, (unsigned int)VTR_SLAT_2M);
	/* A table that is taken out. */
	MAP(SZ_4M, HPA + 0x7000, VTR_SLAT_4K, RWX);
	access(test, SZ_4M, true);
	KUNIT_EXPECT_TRUE(test, ept_ops.detach(root, SZ_4M, VTR_SLAT_2M));
	KUNIT_EXPECT_EQ(test, told.calls, 3u);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA + 0x7000);
}

/* Which part was accessed is not known: each part inherits both bits. */
static void parts_of_a_split_leaf_inherit_the_bits(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, true);
	struct tree *t = test->priv;

	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	access(test, SZ_2M, true);
	fill(test, &t->cache);
	KUNIT_EXPECT_EQ(test, split(test, SZ_2M), 1);
	KUNIT_EXPECT_EQ(test, told.calls, 0u);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, SZ_2M, SZ_4M), 512);
	KUNIT_EXPECT_EQ(test, zap(test, SZ_4M - SZ_4K, SZ_4M), 1);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA + SZ_2M - SZ_4K);
}

static void the_same_leaf_again_keeps_its_bits(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, true);

	MAP(0x1000, HPA, VTR_SLAT_4K, RWX);
	access(test, 0x1000, true);
	/* Another vCPU had the same fault. */
	KUNIT_EXPECT_EQ(test, map(test, 0x1000, HPA, VTR_SLAT_4K, RWX), 0);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, 0x1000, 0x2000), 1);
	zap(test, 0x1000, 0x2000);
	KUNIT_EXPECT_EQ(test, told.calls, 1u);
}

static void ageing_tells_once(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, true);

	MAP(0x1000, HPA, VTR_SLAT_4K, RWX);
	MAP(0x2000, HPA, VTR_SLAT_4K, RWX);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	access(test, 0x1000, false);
	access(test, SZ_2M + 0x5000, true);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, 0, END), 2);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, 0x2000, 0x3000), 0);
	KUNIT_EXPECT_EQ(test, ept_ops.age(root, 0, END), 2);
	KUNIT_EXPECT_EQ(test, ept_ops.age(root, 0, END), 0);
	expect_counts(test, 4, 2, 1);
	/* The dirty bit is another matter. */
	zap(test, 0, END);
	KUNIT_EXPECT_EQ(test, told.calls, 1u);
}

/* Without bits of the processor nothing may be missed: assume the worst. */
static void without_bits_a_leaf_counts_as_used(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, false);

	MAP(0x1000, HPA, VTR_SLAT_4K, RX);
	MAP(0x2000, HPA + 0x2000, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, 0, END), 2);
	zap(test, 0x1000, 0x2000);
	KUNIT_EXPECT_EQ(test, told.calls, 0u);
	/* Only a fault can tell of the next access. */
	KUNIT_EXPECT_EQ(test, ept_ops.age(root, 0, END), 1);
	expect_unmapped(test, 0x2000);
	KUNIT_EXPECT_EQ(test, told.calls, 1u);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA + 0x2000);
}

static void a_2m_leaf_does_not_replace_a_table(struct kunit *test)
{
	MAP(SZ_2M + 0x3000, HPA, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, map(test, SZ_2M, HPA, VTR_SLAT_2M, RWX), -EEXIST);
	expect_mapped(test, SZ_2M + 0x3000, HPA, RWX, SZ_4K);
	/* Also with an empty table: a core could be walking it. */
	KUNIT_EXPECT_EQ(test, zap(test, SZ_2M, SZ_4M), 1);
	KUNIT_EXPECT_EQ(test, map(test, SZ_2M, HPA, VTR_SLAT_2M, RWX), -EEXIST);
	expect_counts(test, 4, 0, 0);
}

static void tables_are_shared_by_neighbours(struct kunit *test)
{
	for (u64 gpa = 0; gpa < SZ_2M; gpa += SZ_4K)
		MAP(gpa, HPA + gpa, VTR_SLAT_4K, RWX);
	expect_counts(test, 4, 512, 0);
	MAP(SZ_2M, HPA, VTR_SLAT_4K, RWX);	/* next table of level 1 */
	expect_counts(test, 5, 513, 0);
	MAP(SZ_1G, HPA, VTR_SLAT_4K, RWX);	/* level 2 and 1 */
	expect_counts(test, 7, 514, 0);
	MAP(1ULL << 39, HPA, VTR_SLAT_4K, RWX);	/* level 3, 2 and 1 */
	expect_counts(test, 10, 515, 0);
	for (u64 gpa = 0; gpa < SZ_2M; gpa += SZ_4K)
		expect_mapped(test, gpa, HPA + gpa, RWX, SZ_4K);
}

/* Too few pages for the worst case are refused before anything changes. */
static void a_low_cache_changes_nothing(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	fill(test, &t->cache);
	while (t->cache.nr >= VTR_SLAT_LEVELS - 1)
		free_page((unsigned long)t->cache.pages[--t->cache.nr]);
	KUNIT_EXPECT_EQ(test, ept_ops.map(t->root, &t->cache, SZ_2M, HPA, VTR_SLAT_4K, RWX),
			-ENOSPC);
	expect_mapped(test, SZ_2M, HPA, RWX, SZ_2M);
	expect_counts(test, 3, 0, 1);
	KUNIT_EXPECT_EQ(test, t->cache.nr, VTR_SLAT_LEVELS - 2);
	/* The worst case takes one page less than the cache holds. */
	MAP(1ULL << 40, HPA, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, t->cache.nr, VTR_SLAT_CACHE_PAGES - 3);
}

static void zap_removes_exactly_the_range(struct kunit *test)
{
	for (u64 gpa = 0x10000; gpa < 0x20000; gpa += SZ_4K)
		MAP(gpa, HPA + gpa, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, zap(test, 0x14000, 0x18000), 4);
	expect_mapped(test, 0x13000, HPA + 0x13000, RWX, SZ_4K);
	expect_unmapped(test, 0x14000);
	expect_unmapped(test, 0x17fff);
	expect_mapped(test, 0x18000, HPA + 0x18000, RWX, SZ_4K);
	expect_counts(test, 4, 12, 0);
	/* Nothing twice, nothing from an empty or turned range. */
	KUNIT_EXPECT_EQ(test, zap(test, 0x14000, 0x18000), 0);
	KUNIT_EXPECT_EQ(test, zap(test, 0x18000, 0x18000), 0);
	KUNIT_EXPECT_EQ(test, zap(test, 0x19000, 0x18000), 0);
	KUNIT_EXPECT_EQ(test, zap(test, 0, END), 12);
	expect_counts(test, 4, 0, 0);
}

static void zap_takes_a_page_that_is_touched(struct kunit *test)
{
	MAP(0x1000, HPA, VTR_SLAT_4K, RWX);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	/* A byte of a page is enough, and a large leaf goes as a whole. */
	KUNIT_EXPECT_EQ(test, zap(test, 0x1fff, 0x2000), 1);
	expect_unmapped(test, 0x1000);
	KUNIT_EXPECT_EQ(test, zap(test, SZ_2M + 0x5000, SZ_2M + 0x6000), 1);
	expect_unmapped(test, SZ_2M);
	expect_counts(test, 4, 0, 0);
}

static void zap_crosses_tables(struct kunit *test)
{
	static const u64 gpas[] = { 0x1000, SZ_2M, SZ_1G, SZ_1G + SZ_2M, 1ULL << 39, END - SZ_4K };

	for (unsigned int i = 0; i < ARRAY_SIZE(gpas); i++)
		MAP(gpas[i], HPA, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, zap(test, SZ_2M, (1ULL << 39) + 1), 4);
	expect_mapped(test, gpas[0], HPA, RWX, SZ_4K);
	for (unsigned int i = 1; i < 5; i++)
		expect_unmapped(test, gpas[i]);
	expect_mapped(test, gpas[5], HPA, RWX, SZ_4K);
}

static void next_leaf_visits_all_in_order(struct kunit *test)
{
	static const struct {
		u64 gpa;
		unsigned int level;
	} leaves[] = {
		{ 0x1000, 1 }, { 0x3000, 1 }, { SZ_2M, 2 }, { SZ_4M, 2 },
		{ SZ_1G + SZ_4K, 1 }, { 1ULL << 39, 2 }, { END - SZ_4K, 1 },
	};
	struct tree *t = test->priv;
	struct vtr_slat_walk w;
	unsigned int n = 0;
	u64 gpa = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++)
		MAP(leaves[i].gpa, HPA, leaves[i].level, RWX);
	while ((gpa = ept_ops.next_leaf(t->root, gpa, &w)) != ~0ULL) {
		KUNIT_ASSERT_LT(test, n, (unsigned int)ARRAY_SIZE(leaves));
		KUNIT_EXPECT_EQ(test, gpa, leaves[n].gpa);
		KUNIT_EXPECT_EQ(test, w.leaf_level, leaves[n].level);
		KUNIT_EXPECT_EQ(test, w.hpa, HPA);
		gpa += vtr_slat_leaf_bytes(w.leaf_level);
		n++;
	}
	KUNIT_EXPECT_EQ(test, n, (unsigned int)ARRAY_SIZE(leaves));
	/* From inside a leaf, that leaf. */
	KUNIT_EXPECT_EQ(test, ept_ops.next_leaf(t->root, SZ_2M + 0x7000, &w), SZ_2M);
	KUNIT_EXPECT_EQ(test, ept_ops.next_leaf(t->root, END, &w), ~0ULL);
}

/* Only the first misuse warns (WARN_ON_ONCE), all are refused. */
static void misuse_is_refused(struct kunit *test)
{
	expect_warning("ept/ept.c");
	KUNIT_EXPECT_EQ(test, map(test, 0x1001, HPA, VTR_SLAT_4K, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, map(test, 0x1000, HPA + 8, VTR_SLAT_4K, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, map(test, SZ_4K, HPA, VTR_SLAT_2M, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, map(test, SZ_2M, HPA + SZ_4K, VTR_SLAT_2M, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, map(test, SZ_1G, SZ_2M, VTR_SLAT_1G, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, map(test, 0, 0, VTR_SLAT_LEVELS, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, map(test, 0x1000, HPA, VTR_SLAT_4K, 0), -EINVAL);
	expect_counts(test, 1, 0, 0);
}

/*
 * Random work in 8 MiB against a model: one record per 4 KiB page.  A 2 MiB leaf
 * is refused where a table stands, until the table is taken out.
 */
#define MODEL_PAGES	2048

struct model {
	u64 hpa[MODEL_PAGES];	/* 0: not mapped */
	bool readonly[MODEL_PAGES];
	bool large[MODEL_PAGES / 512];
	bool table[MODEL_PAGES / 512];
};

static void model_drop(struct model *m, unsigned int region)
{
	memset(&m->hpa[region * 512], 0, 512 * sizeof(u64));
	m->large[region] = false;
}

static void random_map(struct kunit *test, struct model *m, struct rnd_state *rnd, bool large)
{
	unsigned int page = prandom_u32_state(rnd) % MODEL_PAGES, region = page / 512;
	u64 hpa = HPA + (u64)(prandom_u32_state(rnd) % 64) * SZ_2M;
	int ret;

	if (large) {
		ret = map(test, (u64)region * SZ_2M, hpa, VTR_SLAT_2M, RWX);
		KUNIT_ASSERT_EQ(test, ret == -EEXIST, m->table[region]);
		for (unsigned int i = 0; ret >= 0 && i < 512; i++) {
			m->hpa[region * 512 + i] = hpa + (u64)i * SZ_4K;
			m->readonly[region * 512 + i] = false;
		}
		m->large[region] |= ret >= 0;
		return;
	}
	KUNIT_ASSERT_GE(test, map(test, (u64)page * SZ_4K, hpa, VTR_SLAT_4K, RWX), 0);
	m->large[region] = false;
	m->table[region] = true;
	m->hpa[page] = hpa;
	m->readonly[page] = false;
}

static void random_detach(struct kunit *test, struct model *m, struct rnd_state *rnd)
{
	unsigned int region = prandom_u32_state(rnd) % (MODEL_PAGES / 512);
	struct tree *t = test->priv;

	KUNIT_ASSERT_EQ(test, ept_ops.detach(t->root, (u64)region * SZ_2M, VTR_SLAT_2M),
			m->table[region]);
	ept_ops.reap(t->root);
	if (m->table[region])
		model_drop(m, region);
	m->table[region] = false;
}

/* As the log of writes does it: split what is large, then protect a page. */
static void random_protect(struct kunit *test, struct model *m, struct rnd_state *rnd)
{
	unsigned int page = prandom_u32_state(rnd) % MODEL_PAGES, region = page / 512;
	struct tree *t = test->priv;
	u64 gpa = (u64)page * SZ_4K;

	fill(test, &t->cache);
	KUNIT_ASSERT_EQ(test, split(test, gpa), m->large[region]);
	m->table[region] |= m->large[region];
	m->large[region] = false;
	KUNIT_ASSERT_EQ(test, protect(test, gpa, gpa + SZ_4K), m->hpa[page] && !m->readonly[page]);
	m->readonly[page] = true;
}

static void random_zap(struct kunit *test, struct model *m, struct rnd_state *rnd)
{
	unsigned int from = prandom_u32_state(rnd) % MODEL_PAGES;
	unsigned int to = from + prandom_u32_state(rnd) % 700;

	zap(test, (u64)from * SZ_4K, (u64)to * SZ_4K);
	for (unsigned int i = from; i < to && i < MODEL_PAGES; i++) {
		if (m->large[i / 512])
			model_drop(m, i / 512);
		m->hpa[i] = 0;
	}
}

static void random_work_matches_a_model(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct tree *t = test->priv;
	u64 leaves_4k = 0, leaves_2m = 0;
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&rnd, 7);
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int what = prandom_u32_state(&rnd) % 16;

		if (what == 0)
			random_zap(test, m, &rnd);
		else if (what == 15)
			random_detach(test, m, &rnd);
		else if (what > 11)
			random_protect(test, m, &rnd);
		else
			random_map(test, m, &rnd, what < 4);
	}
	for (unsigned int i = 0; i < MODEL_PAGES; i++) {
		struct translation tr = translate(test, (u64)i * SZ_4K);

		KUNIT_ASSERT_EQ_MSG(test, tr.present ? tr.hpa : 0, m->hpa[i], "page %u", i);
		if (tr.present)
			KUNIT_ASSERT_EQ_MSG(test, tr.rights, m->readonly[i] ? RX : RWX, "page %u", i);
		if (m->hpa[i] && !m->large[i / 512])
			leaves_4k++;
	}
	for (unsigned int i = 0; i < MODEL_PAGES / 512; i++)
		leaves_2m += m->large[i];
	KUNIT_EXPECT_EQ(test, t->root->leaves_4k, leaves_4k);
	KUNIT_EXPECT_EQ(test, t->root->leaves_2m, leaves_2m);
}

/* ---- words ---------------------------------------------------------------------- */

static void entries_in_words(struct kunit *test)
{
	static const struct {
		u64 entry;
		unsigned int level;
		const char *text;
	} rows[] = {
		{ 0, 1, "not present" },
		{ 0x12345000, 4, "not present" },
		{ 0x12345007, 4, "rwx table of level 3" },
		{ 0x12345001, 2, "r-- table of level 1" },
		{ 0x12345077, 1, "rwx leaf 4K WB ignore-PAT" },
		{ 0x12345305, 1, "r-x leaf 4K UC accessed dirty" },
		{ 0x122000b7, 2, "rwx leaf 2M WB" },
		{ 0x140000095, 3, "MISCONFIGURED: reserved memory type" },
		{ 0x140000085, 3, "r-x leaf 1G UC" },
		{ 0x122000a3, 2, "rw- leaf 2M WT" },
		/* SDM 3C "EPT Misconfigurations" (29.3.3.1), one by one. */
		{ 0x12345002, 4, "-w- MISCONFIGURED: writable but not readable" },
		{ 0x12345036, 1, "-wx MISCONFIGURED: writable but not readable" },
		{ 0x12345087, 4, "rwx MISCONFIGURED: reserved bits in a table entry" },
		{ 0x1234500f, 3, "rwx MISCONFIGURED: reserved bits in a table entry" },
		{ 0x12345047, 2, "rwx MISCONFIGURED: reserved bits in a table entry" },
		{ 0x12345017, 1, "rwx MISCONFIGURED: reserved memory type" },
		{ 0x1234503f, 1, "rwx MISCONFIGURED: reserved memory type" },
		{ 0x123450b7, 2, "rwx MISCONFIGURED: leaf address not aligned to its size" },
	};
	char text[80];

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		ept_ops.describe(text, sizeof(text), rows[i].entry, rows[i].level);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, rows[i].text),
					  "entry %#llx level %u: \"%s\" is not \"%s\"",
					  rows[i].entry, rows[i].level, text, rows[i].text);
		/* The address behind it is the host's secret. */
		KUNIT_EXPECT_NULL(test, strstr(text, "12345"));
	}
}

static void entries_that_map_writes_are_well_formed(struct kunit *test)
{
	struct tree *t = test->priv;
	struct vtr_slat_walk w;
	char text[80];

	MAP(0x1000, HPA, VTR_SLAT_4K, RWX);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RX);
	for (u64 gpa = 0x1000; gpa != ~0ULL; gpa = ept_ops.next_leaf(t->root, gpa + SZ_2M, &w)) {
		ept_ops.walk(t->root, gpa, &w);
		for (unsigned int i = 0; i < w.nr_levels; i++) {
			ept_ops.describe(text, sizeof(text), w.entry[i], w.level[i]);
			KUNIT_EXPECT_NULL_MSG(test, strstr(text, "MISCONFIGURED"), "%s", text);
		}
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(an_empty_tree_maps_nothing),
	KUNIT_CASE(the_pointer_names_the_root),
	KUNIT_CASE(a_4k_leaf_is_found_by_the_processor),
	KUNIT_CASE(a_2m_leaf_is_found_by_the_processor),
	KUNIT_CASE(a_1g_leaf_is_found_by_the_processor),
	KUNIT_CASE(the_last_page_of_the_space),
	KUNIT_CASE(rights_are_those_of_the_leaf),
	KUNIT_CASE(changing_a_leaf_asks_for_a_flush),
	KUNIT_CASE(a_4k_leaf_splits_a_2m_leaf),
	KUNIT_CASE(a_4k_leaf_splits_a_1g_leaf_twice),
	KUNIT_CASE(split_goes_down_one_size),
	KUNIT_CASE(a_split_leaf_maps_the_same),
	KUNIT_CASE(detaching_makes_room_for_a_large_leaf),
	KUNIT_CASE(detaching_takes_the_tables_below),
	KUNIT_CASE(protect_takes_the_right_to_write_only),
	KUNIT_CASE(the_pointer_switches_the_bits_on),
	KUNIT_CASE(a_new_leaf_is_neither_accessed_nor_dirty),
	KUNIT_CASE(dirty_leaves_are_told_when_they_go),
	KUNIT_CASE(parts_of_a_split_leaf_inherit_the_bits),
	KUNIT_CASE(the_same_leaf_again_keeps_its_bits),
	KUNIT_CASE(ageing_tells_once),
	KUNIT_CASE(without_bits_a_leaf_counts_as_used),
	KUNIT_CASE(a_2m_leaf_does_not_replace_a_table),
	KUNIT_CASE(tables_are_shared_by_neighbours),
	KUNIT_CASE(a_low_cache_changes_nothing),
	KUNIT_CASE(zap_removes_exactly_the_range),
	KUNIT_CASE(zap_takes_a_page_that_is_touched),
	KUNIT_CASE(zap_crosses_tables),
	KUNIT_CASE(next_leaf_visits_all_in_order),
	KUNIT_CASE(misuse_is_refused),
	KUNIT_CASE(random_work_matches_a_model),
	KUNIT_CASE(entries_in_words),
	KUNIT_CASE(entries_that_map_writes_are_well_formed),
	{}
};

static struct kunit_suite suite = {
	.name = "ept",
	.init = start,
	.exit = finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
