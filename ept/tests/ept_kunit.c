// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the second-level tables right?  KUnit suite "ept".
 *
 * Maps and zaps, and then reads the tables as a processor would (tree.c).
 * Built and run by tests/kunit/run.  Read next: change_kunit.c.
 */
#include <kunit/test.h>
#include <linux/io.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../../tests/kunit/expect.h"
#include "tree.h"

/* ---- cases -------------------------------------------------------------------- */

static void an_empty_tree_maps_nothing(struct kunit *test)
{
	struct tree *t = test->priv;
	struct vtr_slat_walk w;

	tree_expect_counts(test, 1, 0, 0);
	tree_expect_unmapped(test, 0);
	tree_expect_unmapped(test, END - SZ_4K);
	KUNIT_EXPECT_EQ(test, ept_ops.next_leaf(t->root, 0, &w), ~0ULL);
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0, END), 0);
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
	tree_expect_mapped(test, 0x5000, HPA + 0x7000, RWX, SZ_4K);
	tree_expect_mapped(test, 0x5fff, HPA + 0x7fff, RWX, SZ_4K);
	tree_expect_unmapped(test, 0x4fff);
	tree_expect_unmapped(test, 0x6000);
	tree_expect_counts(test, 4, 1, 0);
}

static void a_2m_leaf_is_found_by_the_processor(struct kunit *test)
{
	MAP(SZ_4M, HPA, VTR_SLAT_2M, RWX);
	tree_expect_mapped(test, SZ_4M, HPA, RWX, SZ_2M);
	tree_expect_mapped(test, SZ_4M + 0x12345, HPA + 0x12345, RWX, SZ_2M);
	tree_expect_mapped(test, SZ_4M + SZ_2M - 1, HPA + SZ_2M - 1, RWX, SZ_2M);
	tree_expect_unmapped(test, SZ_4M - 1);
	tree_expect_unmapped(test, SZ_4M + SZ_2M);
	tree_expect_counts(test, 3, 0, 1);
}

static void a_1g_leaf_is_found_by_the_processor(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(3ULL * SZ_1G, HUGE_HPA, VTR_SLAT_1G, RWX);
	tree_expect_mapped(test, 3ULL * SZ_1G, HUGE_HPA, RWX, SZ_1G);
	tree_expect_mapped(test, 3ULL * SZ_1G + 0x12345678, HUGE_HPA + 0x12345678, RWX, SZ_1G);
	tree_expect_mapped(test, 4ULL * SZ_1G - 1, HUGE_HPA + SZ_1G - 1, RWX, SZ_1G);
	tree_expect_unmapped(test, 3ULL * SZ_1G - 1);
	tree_expect_unmapped(test, 4ULL * SZ_1G);
	tree_expect_counts(test, 2, 0, 0);
	KUNIT_EXPECT_EQ(test, t->root->leaves_1g, 1ULL);
	/* It goes as a whole. */
	KUNIT_EXPECT_EQ(test, tree_zap(test, 3ULL * SZ_1G + 0x5000, 3ULL * SZ_1G + 0x6000), 1);
	tree_expect_unmapped(test, 3ULL * SZ_1G);
	KUNIT_EXPECT_EQ(test, t->root->leaves_1g, 0ULL);
}

static void the_last_page_of_the_space(struct kunit *test)
{
	MAP(END - SZ_4K, HPA, VTR_SLAT_4K, RWX);
	tree_expect_mapped(test, END - 1, HPA + SZ_4K - 1, RWX, SZ_4K);
	KUNIT_EXPECT_EQ(test, tree_zap(test, END - SZ_4K, END), 1);
	tree_expect_unmapped(test, END - 1);
}

static void rights_are_those_of_the_leaf(struct kunit *test)
{
	MAP(0x1000, HPA, VTR_SLAT_4K, VTR_SLAT_READ);
	MAP(0x2000, HPA, VTR_SLAT_4K, RX);
	MAP(0x3000, HPA, VTR_SLAT_4K, RW);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RX);
	tree_expect_mapped(test, 0x1000, HPA, VTR_SLAT_READ, SZ_4K);
	tree_expect_mapped(test, 0x2000, HPA, RX, SZ_4K);
	tree_expect_mapped(test, 0x3000, HPA, RW, SZ_4K);
	tree_expect_mapped(test, SZ_2M, HPA, RX, SZ_2M);
}

static void changing_a_leaf_asks_for_a_flush(struct kunit *test)
{
	MAP(0x1000, HPA, VTR_SLAT_4K, RX);
	/* The same again changes nothing: no flush. */
	KUNIT_EXPECT_EQ(test, tree_map(test, 0x1000, HPA, VTR_SLAT_4K, RX), 0);
	tree_expect_counts(test, 4, 1, 0);
	/* More rights, another page: a core may have cached the old leaf. */
	KUNIT_EXPECT_EQ(test, tree_map(test, 0x1000, HPA, VTR_SLAT_4K, RWX), 1);
	tree_expect_mapped(test, 0x1000, HPA, RWX, SZ_4K);
	KUNIT_EXPECT_EQ(test, tree_map(test, 0x1000, HPA + SZ_4K, VTR_SLAT_4K, RWX), 1);
	tree_expect_mapped(test, 0x1000, HPA + SZ_4K, RWX, SZ_4K);
	tree_expect_counts(test, 4, 1, 0);
}

static void a_2m_leaf_does_not_replace_a_table(struct kunit *test)
{
	MAP(SZ_2M + 0x3000, HPA, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_2M, HPA, VTR_SLAT_2M, RWX), -EEXIST);
	tree_expect_mapped(test, SZ_2M + 0x3000, HPA, RWX, SZ_4K);
	/* Also with an empty table: a core could be walking it. */
	KUNIT_EXPECT_EQ(test, tree_zap(test, SZ_2M, SZ_4M), 1);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_2M, HPA, VTR_SLAT_2M, RWX), -EEXIST);
	tree_expect_counts(test, 4, 0, 0);
}

static void tables_are_shared_by_neighbours(struct kunit *test)
{
	for (u64 gpa = 0; gpa < SZ_2M; gpa += SZ_4K)
		MAP(gpa, HPA + gpa, VTR_SLAT_4K, RWX);
	tree_expect_counts(test, 4, 512, 0);
	MAP(SZ_2M, HPA, VTR_SLAT_4K, RWX);	/* next table of level 1 */
	tree_expect_counts(test, 5, 513, 0);
	MAP(SZ_1G, HPA, VTR_SLAT_4K, RWX);	/* level 2 and 1 */
	tree_expect_counts(test, 7, 514, 0);
	MAP(1ULL << 39, HPA, VTR_SLAT_4K, RWX);	/* level 3, 2 and 1 */
	tree_expect_counts(test, 10, 515, 0);
	for (u64 gpa = 0; gpa < SZ_2M; gpa += SZ_4K)
		tree_expect_mapped(test, gpa, HPA + gpa, RWX, SZ_4K);
}

/* Too few pages for the worst case are refused before anything changes. */
static void a_low_cache_changes_nothing(struct kunit *test)
{
	struct tree *t = test->priv;

	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	tree_fill(test, &t->cache);
	while (t->cache.nr >= VTR_SLAT_LEVELS - 1)
		free_page((unsigned long)t->cache.pages[--t->cache.nr]);
	KUNIT_EXPECT_EQ(test, ept_ops.map(t->root, &t->cache, SZ_2M, HPA, VTR_SLAT_4K, RWX),
			-ENOSPC);
	tree_expect_mapped(test, SZ_2M, HPA, RWX, SZ_2M);
	tree_expect_counts(test, 3, 0, 1);
	KUNIT_EXPECT_EQ(test, t->cache.nr, VTR_SLAT_LEVELS - 2);
	/* The worst case takes one page less than the cache holds. */
	MAP(1ULL << 40, HPA, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, t->cache.nr, VTR_SLAT_CACHE_PAGES - 3);
}

static void zap_removes_exactly_the_range(struct kunit *test)
{
	for (u64 gpa = 0x10000; gpa < 0x20000; gpa += SZ_4K)
		MAP(gpa, HPA + gpa, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0x14000, 0x18000), 4);
	tree_expect_mapped(test, 0x13000, HPA + 0x13000, RWX, SZ_4K);
	tree_expect_unmapped(test, 0x14000);
	tree_expect_unmapped(test, 0x17fff);
	tree_expect_mapped(test, 0x18000, HPA + 0x18000, RWX, SZ_4K);
	tree_expect_counts(test, 4, 12, 0);
	/* Nothing twice, nothing from an empty or turned range. */
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0x14000, 0x18000), 0);
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0x18000, 0x18000), 0);
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0x19000, 0x18000), 0);
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0, END), 12);
	tree_expect_counts(test, 4, 0, 0);
}

static void zap_takes_a_page_that_is_touched(struct kunit *test)
{
	MAP(0x1000, HPA, VTR_SLAT_4K, RWX);
	MAP(SZ_2M, HPA, VTR_SLAT_2M, RWX);
	/* A byte of a page is enough, and a large leaf goes as a whole. */
	KUNIT_EXPECT_EQ(test, tree_zap(test, 0x1fff, 0x2000), 1);
	tree_expect_unmapped(test, 0x1000);
	KUNIT_EXPECT_EQ(test, tree_zap(test, SZ_2M + 0x5000, SZ_2M + 0x6000), 1);
	tree_expect_unmapped(test, SZ_2M);
	tree_expect_counts(test, 4, 0, 0);
}

static void zap_crosses_tables(struct kunit *test)
{
	static const u64 gpas[] = { 0x1000, SZ_2M, SZ_1G, SZ_1G + SZ_2M, 1ULL << 39, END - SZ_4K };

	for (unsigned int i = 0; i < ARRAY_SIZE(gpas); i++)
		MAP(gpas[i], HPA, VTR_SLAT_4K, RWX);
	KUNIT_EXPECT_EQ(test, tree_zap(test, SZ_2M, (1ULL << 39) + 1), 4);
	tree_expect_mapped(test, gpas[0], HPA, RWX, SZ_4K);
	for (unsigned int i = 1; i < 5; i++)
		tree_expect_unmapped(test, gpas[i]);
	tree_expect_mapped(test, gpas[5], HPA, RWX, SZ_4K);
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
	KUNIT_EXPECT_EQ(test, tree_map(test, 0x1001, HPA, VTR_SLAT_4K, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_map(test, 0x1000, HPA + 8, VTR_SLAT_4K, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_4K, HPA, VTR_SLAT_2M, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_2M, HPA + SZ_4K, VTR_SLAT_2M, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_map(test, SZ_1G, SZ_2M, VTR_SLAT_1G, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_map(test, 0, 0, VTR_SLAT_LEVELS, RWX), -EINVAL);
	KUNIT_EXPECT_EQ(test, tree_map(test, 0x1000, HPA, VTR_SLAT_4K, 0), -EINVAL);
	tree_expect_counts(test, 1, 0, 0);
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
	KUNIT_CASE(a_2m_leaf_does_not_replace_a_table),
	KUNIT_CASE(tables_are_shared_by_neighbours),
	KUNIT_CASE(a_low_cache_changes_nothing),
	KUNIT_CASE(zap_removes_exactly_the_range),
	KUNIT_CASE(zap_takes_a_page_that_is_touched),
	KUNIT_CASE(zap_crosses_tables),
	KUNIT_CASE(next_leaf_visits_all_in_order),
	KUNIT_CASE(misuse_is_refused),
	KUNIT_CASE(entries_in_words),
	KUNIT_CASE(entries_that_map_writes_are_well_formed),
	{}
};

static struct kunit_suite suite = {
	.name = "ept",
	.init = tree_start,
	.exit = tree_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
