/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tree of second-level tables, made fresh for each test case, and what a
 * processor sees in it.
 *
 * Suites name tree_start() and tree_finish() as their init and exit.  The host
 * addresses are made up: nothing dereferences a leaf.  Read next: tree.c.
 */
#ifndef EPT_TESTS_TREE_H
#define EPT_TESTS_TREE_H

#include <kunit/test.h>
#include <linux/sizes.h>

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

struct translation {
	bool present;
	u64 hpa;
	unsigned int rights;
	unsigned int memory_type;
	bool ignore_pat;
	u64 bytes;
};

int tree_start(struct kunit *test);
void tree_finish(struct kunit *test);
void tree_fill(struct kunit *test, struct vtr_slat_cache *cache);
int tree_map(struct kunit *test, u64 gpa, u64 hpa, unsigned int level, unsigned int rights);
u64 tree_zap(struct kunit *test, u64 from, u64 to);

#define MAP(gpa, hpa, level, rights) \
	KUNIT_ASSERT_EQ(test, tree_map(test, gpa, hpa, level, rights), 0)

/* As the processor translates, and what the walk for people must say as well. */
struct translation tree_translate(struct kunit *test, u64 gpa);
void tree_expect_mapped(struct kunit *test, u64 gpa, u64 hpa, unsigned int rights, u64 bytes);
void tree_expect_unmapped(struct kunit *test, u64 gpa);
void tree_expect_counts(struct kunit *test, u64 tables, u64 leaves_4k, u64 leaves_2m);

#endif /* EPT_TESTS_TREE_H */
