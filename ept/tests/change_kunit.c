// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing what is mapped: splitting and taking out tables, taking the right to
 * write, accessed and dirty bits.  KUnit suite "ept_change".
 *
 * The test itself is the processor where one would set a bit.  Built and run by
 * tests/kunit/run.  Read first: ept_kunit.c.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "tree.h"

static void a_4k_leaf_splits_a_2m_leaf(struct kunit *test)
{
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_2M + 0x3000, HPA + 0x3000, VTR_SLAT_4K, RWX), 1);
	tree_expect_mapped(test, SZ_2M + 0x3000, HPA + 0x3000, RWX, SZ_4K);
	/* The rest of the large leaf is still mapped, in small pieces. */
	tree_expect_mapped(test, SZ_2M, HPA, RWX, SZ_4K);
	tree_expect_mapped(test, SZ_4M - 1, HPA + SZ_2M - 1, RWX, SZ_4K);
	tree_expect_counts(test, 4, 512, 0);
	/* Other rights for one page are no matter of its neighbours. */
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_2M + 0x3000, HPA + 0x3000, VTR_SLAT_4K, RX), 1);
	tree_expect_mapped(test, SZ_2M + 0x2000, HPA + 0x2000, RWX, SZ_4K);
	tree_expect_mapped(test, SZ_2M + 0x3000, HPA + 0x3000, RX, SZ_4K);
	tree_expect_counts(test, 4, 512, 0);
}

static void a_4k_leaf_splits_a_1g_leaf_twice(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_1G + 0x203000, HUGE_HPA + 0x203000,
				       VTR_SLAT_4K, RX), 1);
	tree_expect_mapped(test, SZ_1G + 0x203000, HUGE_HPA + 0x203000, RX, SZ_4K);
	tree_expect_mapped(test, SZ_1G + 0x202000, HUGE_HPA + 0x202000, RWX, SZ_4K);
	tree_expect_mapped(test, SZ_1G, HUGE_HPA, RWX, SZ_2M);
	tree_expect_mapped(test, 2ULL * SZ_1G - 1, HUGE_HPA + SZ_1G - 1, RWX, SZ_2M);
	tree_expect_unmapped(test, 2ULL * SZ_1G);
	tree_expect_counts(test, 4, 512, 511);
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
	tree_fill(test, &t->cache);
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + 0x5000), 1);
	tree_expect_mapped(test, SZ_1G + 0x5000, HUGE_HPA + 0x5000, RX, SZ_2M);
	tree_expect_counts(test, 3, 0, 512);
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + 0x5000), 1);
	tree_expect_mapped(test, SZ_1G + 0x5000, HUGE_HPA + 0x5000, RX, SZ_4K);
	tree_expect_mapped(test, SZ_1G + SZ_2M, HUGE_HPA + SZ_2M, RX, SZ_2M);
	tree_expect_counts(test, 4, 512, 511);
	/* Nothing smaller, and nothing where nothing is. */
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + 0x5000), 0);
	KUNIT_EXPECT_EQ(test, split(test, 0), 0);
	KUNIT_EXPECT_EQ(test, t->cache.nr, VTR_SLAT_CACHE_PAGES - 2);
	while (t->cache.nr)
		free_page((unsigned long)t->cache.pages[--t->cache.nr]);
	KUNIT_EXPECT_EQ(test, split(test, SZ_1G + SZ_2M), -ENOSPC);
	tree_expect_mapped(test, SZ_1G + SZ_2M, HUGE_HPA + SZ_2M, RX, SZ_2M);
}

/* Each address of a split leaf leads where it led before: all 512 of each table. */
static void a_split_leaf_maps_the_same(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	tree_fill(test, &t->cache);
	split(test, SZ_1G);
	for (u64 at = 0; at < SZ_1G; at += SZ_2M)
		tree_expect_mapped(test, SZ_1G + at, HUGE_HPA + at, RWX, SZ_2M);
	split(test, SZ_1G);
	for (u64 at = 0; at < SZ_2M; at += SZ_4K)
		tree_expect_mapped(test, SZ_1G + at, HUGE_HPA + at, RWX, SZ_4K);
}

static void detaching_makes_room_for_a_large_leaf(struct kunit *test)
{
	struct tree *t = test->priv;

	for (u64 at = 0; at < SZ_2M; at += SZ_4K)
		MAP(SZ_2M + at, HPA + at, VTR_SLAT_4K, RWX);
	MAP(SZ_4M, HPA, VTR_SLAT_4K, RWX);
	tree_expect_counts(test, 5, 513, 0);
	KUNIT_EXPECT_TRUE(test, ept_ops.detach(t->root, SZ_2M + 0x5000, VTR_SLAT_2M));
	tree_expect_unmapped(test, SZ_2M);
	tree_expect_unmapped(test, SZ_4M - SZ_4K);
	tree_expect_mapped(test, SZ_4M, HPA, RWX, SZ_4K);
	tree_expect_counts(test, 4, 1, 0);
	/* No table, no second time; a leaf is none either. */
	KUNIT_EXPECT_FALSE(test, ept_ops.detach(t->root, SZ_2M, VTR_SLAT_2M));
	ept_ops.reap(t->root);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	KUNIT_EXPECT_FALSE(test, ept_ops.detach(t->root, SZ_2M, VTR_SLAT_2M));
	tree_expect_mapped(test, SZ_2M + 0x5000, HPA + 0x5000, RWX, SZ_2M);
	tree_expect_counts(test, 4, 1, 1);
}

static void detaching_takes_the_tables_below(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_1G, HPA, VTR_SLAT_4K, RWX);
	MAP(SZ_1G + SZ_2M, HPA, VTR_SLAT_2M, RWX);
	MAP(SZ_1G + SZ_4M, HPA, VTR_SLAT_4K, RWX);
	MAP(0, HPA, VTR_SLAT_4K, RWX);
	tree_expect_counts(test, 7, 3, 1);
	KUNIT_EXPECT_TRUE(test, ept_ops.detach(t->root, SZ_1G, VTR_SLAT_1G));
	ept_ops.reap(t->root);
	tree_expect_unmapped(test, SZ_1G);
	tree_expect_unmapped(test, SZ_1G + SZ_2M);
	tree_expect_mapped(test, 0, HPA, RWX, SZ_4K);
	tree_expect_counts(test, 4, 1, 0);
	MAP(SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	tree_expect_mapped(test, SZ_1G + 0x5000, HUGE_HPA + 0x5000, RWX, SZ_1G);
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
	tree_expect_mapped(test, 0x1000, HPA + 0x1000, RWX, SZ_4K);
	for (u64 gpa = 0x2000; gpa < 0x5000; gpa += SZ_4K)
		tree_expect_mapped(test, gpa, HPA + gpa, RX, SZ_4K);
	tree_expect_mapped(test, 0x5000, HPA + 0x5000, RWX, SZ_4K);
	KUNIT_EXPECT_EQ(test, protect(test, 0x2000, 0x5000), 0);
	/* A large leaf that is touched loses it as a whole: split it first. */
	KUNIT_EXPECT_EQ(test, protect(test, SZ_2M + 0x1000, SZ_2M + 0x2000), 1);
	tree_expect_mapped(test, SZ_2M, HPA, RX, SZ_2M);
	tree_expect_counts(test, 4, 5, 1);
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
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0, END), 2);
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
	tree_zap(test, 0x1000, 0x2000);
	KUNIT_EXPECT_EQ(test, told.calls, 0u);
	/* Losing the right to write does not undo the write. */
	protect(test, 0x2000, 0x3000);
	tree_zap(test, 0x2000, 0x3000);
	KUNIT_EXPECT_EQ(test, told.calls, 1u);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA + 0x2000);
	KUNIT_EXPECT_EQ(test, told.level, (unsigned int)VTR_SLAT_4K);
	/* Another page at the address: the first one goes. */
	access(test, SZ_2M + 0x5000, true);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_2M, HPA + SZ_2M, VTR_SLAT_2M, RWX), 1);
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
	tree_fill(test, &t->cache);
	KUNIT_EXPECT_EQ(test, split(test, SZ_2M), 1);
	KUNIT_EXPECT_EQ(test, told.calls, 0u);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, SZ_2M, SZ_4M), 512);
	KUNIT_EXPECT_EQ(test, tree_zap(test, SZ_4M - SZ_4K, SZ_4M), 1);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA + SZ_2M - SZ_4K);
}

static void the_same_leaf_again_keeps_its_bits(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, true);

	MAP(0x1000, HPA, VTR_SLAT_4K, RWX);
	access(test, 0x1000, true);
	/* Another vCPU had the same fault. */
	KUNIT_EXPECT_EQ(test, tree_map(test, 0x1000, HPA, VTR_SLAT_4K, RWX), 0);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, 0x1000, 0x2000), 1);
	tree_zap(test, 0x1000, 0x2000);
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
	tree_expect_counts(test, 4, 2, 1);
	/* The dirty bit is another matter. */
	tree_zap(test, 0, END);
	KUNIT_EXPECT_EQ(test, told.calls, 1u);
}

/* Without bits of the processor nothing may be missed: assume the worst. */
static void without_bits_a_leaf_counts_as_used(struct kunit *test)
{
	struct vtr_slat_root *root = with_bits(test, false);

	MAP(0x1000, HPA, VTR_SLAT_4K, RX);
	MAP(0x2000, HPA + 0x2000, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, ept_ops.young(root, 0, END), 2);
	tree_zap(test, 0x1000, 0x2000);
	KUNIT_EXPECT_EQ(test, told.calls, 0u);
	/* Only a fault can tell of the next access. */
	KUNIT_EXPECT_EQ(test, ept_ops.age(root, 0, END), 1);
	tree_expect_unmapped(test, 0x2000);
	KUNIT_EXPECT_EQ(test, told.calls, 1u);
	KUNIT_EXPECT_EQ(test, told.hpa, HPA + 0x2000);
}

/* ---- all of it at random -------------------------------------------------------- */

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
		ret = tree_map(test, (u64)region * SZ_2M, hpa, VTR_SLAT_2M, RWX);
		KUNIT_ASSERT_EQ(test, ret == -EEXIST, m->table[region]);
		for (unsigned int i = 0; ret >= 0 && i < 512; i++) {
			m->hpa[region * 512 + i] = hpa + (u64)i * SZ_4K;
			m->readonly[region * 512 + i] = false;
		}
		m->large[region] |= ret >= 0;
		return;
	}
	KUNIT_ASSERT_GE(test, tree_map(test, (u64)page * SZ_4K, hpa, VTR_SLAT_4K, RWX), 0);
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

	tree_fill(test, &t->cache);
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

	tree_zap(test, (u64)from * SZ_4K, (u64)to * SZ_4K);
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
		struct translation tr = tree_translate(test, (u64)i * SZ_4K);

		KUNIT_ASSERT_EQ_MSG(test, tr.present ? tr.hpa : 0, m->hpa[i], "page %u", i);
		if (tr.present)
			KUNIT_ASSERT_EQ_MSG(test, tr.rights, m->readonly[i] ? RX : RWX,
					    "page %u", i);
		if (m->hpa[i] && !m->large[i / 512])
			leaves_4k++;
	}
	for (unsigned int i = 0; i < MODEL_PAGES / 512; i++)
		leaves_2m += m->large[i];
	KUNIT_EXPECT_EQ(test, t->root->leaves_4k, leaves_4k);
	KUNIT_EXPECT_EQ(test, t->root->leaves_2m, leaves_2m);
}

static struct kunit_case cases[] = {
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
	KUNIT_CASE(random_work_matches_a_model),
	{}
};

static struct kunit_suite suite = {
	.name = "ept_change",
	.init = tree_start,
	.exit = tree_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
