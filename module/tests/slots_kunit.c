// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the rules of memory slots right?  KUnit suite "slots".
 *
 * Pure functions of module/slots.c: which slots are refused, which slot holds
 * an address, and which guest addresses lie behind a range of the host's.
 */
#include <kunit/test.h>
#include <linux/sizes.h>

#include "../vtr.h"

#define GPA_BITS	39
#define GPA_END		BIT_ULL(GPA_BITS)
#define USER_END	0x7ffffffff000ULL
#define HVA		0x7f0000000000ULL

static struct vtr_memslots *table(struct kunit *test)
{
	struct vtr_memslots *slots = kunit_kzalloc(test, sizeof(*slots), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, slots);
	return slots;
}

static int check(const struct vtr_memslots *slots, u32 slot, u64 gpa, u64 bytes, u64 hva)
{
	const struct vtr_slot args = { .slot = slot, .gpa = gpa, .bytes = bytes, .hva = hva };

	return vtr_slots_check(slots, &args, GPA_BITS, USER_END);
}

static void set(struct vtr_memslots *slots, u32 slot, u64 gpa, u64 bytes, u64 hva)
{
	slots->slot[slot] = (struct vtr_memslot) { .gpa = gpa, .bytes = bytes, .hva = hva };
	vtr_slots_sort(slots);
}

static void a_plain_slot_is_accepted(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	KUNIT_EXPECT_EQ(test, check(s, 0, 0, SZ_4K, HVA), 0);
	KUNIT_EXPECT_EQ(test, check(s, VTR_MAX_SLOTS - 1, SZ_1G, SZ_1G, HVA), 0);
}

static void limits_are_exact(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	KUNIT_EXPECT_EQ(test, check(s, VTR_MAX_SLOTS, 0, SZ_4K, HVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, ~0u, 0, SZ_4K, HVA), -EINVAL);
	/* The last page of the guest's and of the user's space. */
	KUNIT_EXPECT_EQ(test, check(s, 0, GPA_END - SZ_4K, SZ_4K, HVA), 0);
	KUNIT_EXPECT_EQ(test, check(s, 0, GPA_END - SZ_4K, SZ_8K, HVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, GPA_END, SZ_4K, HVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0, SZ_4K, USER_END - SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0, SZ_8K, USER_END - SZ_4K), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0, SZ_4K, 0xffff888000000000ULL), -EINVAL);
}

static void wrapping_ranges_are_refused(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	KUNIT_EXPECT_EQ(test, check(s, 0, ~0xfffULL, SZ_8K, HVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, SZ_4K, ~0xfffULL, HVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0, SZ_8K, ~0xfffULL), -EINVAL);
}

static void everything_is_page_aligned(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	KUNIT_EXPECT_EQ(test, check(s, 0, 1, SZ_4K, HVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0, SZ_4K + 1, HVA), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0, SZ_4K, HVA + 0x800), -EINVAL);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0, 1, HVA), -EINVAL);
}

static void unknown_flags_are_refused(struct kunit *test)
{
	struct vtr_memslots *s = table(test);
	struct vtr_slot args = { .bytes = SZ_4K, .hva = HVA, .flags = VTR_SLOT_READONLY };

	KUNIT_EXPECT_EQ(test, vtr_slots_check(s, &args, GPA_BITS, USER_END), 0);
	args.flags |= VTR_SLOT_DIRTY_LOG;
	KUNIT_EXPECT_EQ(test, vtr_slots_check(s, &args, GPA_BITS, USER_END), 0);
	args.flags |= BIT(31);
	KUNIT_EXPECT_EQ(test, vtr_slots_check(s, &args, GPA_BITS, USER_END), -EINVAL);
}

static void overlaps_are_refused_but_aliases_are_not(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	set(s, 3, 0x10000, 0x4000, HVA);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0x0e000, 0x2000, HVA), 0);	/* ends where it begins */
	KUNIT_EXPECT_EQ(test, check(s, 0, 0x14000, 0x2000, HVA), 0);	/* begins where it ends */
	KUNIT_EXPECT_EQ(test, check(s, 0, 0x0f000, 0x2000, HVA), -EEXIST);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0x13000, 0x2000, HVA), -EEXIST);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0x11000, 0x1000, HVA), -EEXIST);
	KUNIT_EXPECT_EQ(test, check(s, 0, 0x00000, 0x100000, HVA), -EEXIST);
	/* A slot may be changed in place, and move. */
	KUNIT_EXPECT_EQ(test, check(s, 3, 0x11000, 0x8000, HVA), 0);
	/* The same host memory in two places is fine. */
	KUNIT_EXPECT_EQ(test, check(s, 0, 0x20000, 0x4000, HVA), 0);
}

static void only_a_slot_that_is_there_is_deleted(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	set(s, 3, 0x10000, 0x4000, HVA);
	KUNIT_EXPECT_EQ(test, check(s, 3, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, check(s, 2, 0, 0, 0), -ENOENT);
}

static void an_address_is_found_in_its_slot(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	KUNIT_EXPECT_NULL(test, vtr_slots_find(s, 0));
	set(s, 3, 0x10000, 0x4000, HVA);
	set(s, 5, 0, 0x1000, HVA);
	KUNIT_EXPECT_PTR_EQ(test, vtr_slots_find(s, 0x10000), &s->slot[3]);
	KUNIT_EXPECT_PTR_EQ(test, vtr_slots_find(s, 0x13fff), &s->slot[3]);
	KUNIT_EXPECT_PTR_EQ(test, vtr_slots_find(s, 0xfff), &s->slot[5]);
	KUNIT_EXPECT_NULL(test, vtr_slots_find(s, 0x1000));
	KUNIT_EXPECT_NULL(test, vtr_slots_find(s, 0xffff));
	KUNIT_EXPECT_NULL(test, vtr_slots_find(s, 0x14000));
	KUNIT_EXPECT_NULL(test, vtr_slots_find(s, ~0ULL));
}

/* A page for each slot, two pages apart; their numbers are in another order. */
static void addresses_are_found_in_a_full_table(struct kunit *test)
{
	struct vtr_memslots *s = table(test);

	for (u32 i = 0; i < VTR_MAX_SLOTS; i++)
		set(s, i * 37 % VTR_MAX_SLOTS, i * 0x2000, 0x1000, HVA);
	for (u32 i = 0; i < VTR_MAX_SLOTS; i++) {
		KUNIT_EXPECT_PTR_EQ(test, vtr_slots_find(s, i * 0x2000 + 0xfff),
				    &s->slot[i * 37 % VTR_MAX_SLOTS]);
		KUNIT_EXPECT_NULL(test, vtr_slots_find(s, i * 0x2000 + 0x1000));
	}
	/* One goes, one moves to the end. */
	set(s, 0, 0, 0, 0);
	set(s, 37, VTR_MAX_SLOTS * 0x2000, 0x1000, HVA);
	KUNIT_EXPECT_NULL(test, vtr_slots_find(s, 0));
	KUNIT_EXPECT_NULL(test, vtr_slots_find(s, 0x2000));
	KUNIT_EXPECT_PTR_EQ(test, vtr_slots_find(s, VTR_MAX_SLOTS * 0x2000), &s->slot[37]);
	KUNIT_EXPECT_PTR_EQ(test, vtr_slots_find(s, 0x4000), &s->slot[74]);
}

/* What the MMU notifier asks: these host addresses go, which guest addresses are behind? */
static void host_ranges_are_cut_to_the_slot(struct kunit *test)
{
	static const struct {
		u64 start, end;		/* of the host, from HVA on */
		bool hit;
		u64 gpa_start, gpa_end;
	} rows[] = {
		{ 0x0000, 0x4000, true, 0x10000, 0x14000 },
		{ 0x1000, 0x2000, true, 0x11000, 0x12000 },
		{ -0x8000ULL, 0x1000, true, 0x10000, 0x11000 },
		{ 0x3000, 0x100000, true, 0x13000, 0x14000 },
		{ -0x8000ULL, 0x100000, true, 0x10000, 0x14000 },
		{ -0x1000ULL, 0x0000, false },
		{ 0x4000, 0x5000, false },
		{ 0x2000, 0x2000, true, 0x12000, 0x12000 },
	};
	const struct vtr_memslot slot = { .gpa = 0x10000, .bytes = 0x4000, .hva = HVA };
	const struct vtr_memslot empty = { .hva = HVA };
	u64 start, end;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		bool hit = vtr_slot_overlap_hva(&slot, HVA + rows[i].start, HVA + rows[i].end,
						&start, &end);

		KUNIT_EXPECT_EQ_MSG(test, hit, rows[i].hit, "row %u", i);
		if (!hit)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, start, rows[i].gpa_start, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, end, rows[i].gpa_end, "row %u", i);
	}
	KUNIT_EXPECT_FALSE(test, vtr_slot_overlap_hva(&empty, 0, ~0ULL, &start, &end));
	/* The whole address space, as when the process exits. */
	KUNIT_EXPECT_TRUE(test, vtr_slot_overlap_hva(&slot, 0, ~0ULL, &start, &end));
	KUNIT_EXPECT_EQ(test, start, 0x10000ULL);
	KUNIT_EXPECT_EQ(test, end, 0x14000ULL);
}

/* A large leaf needs both addresses in step, all of it in the slot, and no log. */
static void large_leaves_must_fit(struct kunit *test)
{
	struct vtr_memslot s = { .gpa = SZ_1G, .bytes = SZ_1G + SZ_2M, .hva = HVA };

	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, SZ_1G + 0x5000, SZ_4K));
	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, SZ_1G + 0x5000, SZ_2M));
	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, SZ_1G + 0x5000, SZ_1G));
	/* The last 2 MiB: they fit, 1 GiB does not. */
	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, 2ULL * SZ_1G + 0x5000, SZ_2M));
	KUNIT_EXPECT_FALSE(test, vtr_slot_allows_leaf(&s, 2ULL * SZ_1G + 0x5000, SZ_1G));
	/* One page short at either end. */
	s.bytes -= SZ_4K;
	KUNIT_EXPECT_FALSE(test, vtr_slot_allows_leaf(&s, 2ULL * SZ_1G, SZ_2M));
	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, 2ULL * SZ_1G, SZ_4K));
	s = (struct vtr_memslot) { .gpa = SZ_2M + SZ_4K, .bytes = SZ_4M, .hva = HVA + SZ_4K };
	KUNIT_EXPECT_FALSE(test, vtr_slot_allows_leaf(&s, SZ_2M + SZ_4K, SZ_2M));
	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, SZ_4M, SZ_2M));
	/* Out of step by one page; in step for 2 MiB only. */
	s = (struct vtr_memslot) { .gpa = SZ_1G, .bytes = SZ_1G, .hva = HVA + SZ_4K };
	KUNIT_EXPECT_FALSE(test, vtr_slot_allows_leaf(&s, SZ_1G + SZ_4M, SZ_2M));
	s.hva = HVA + SZ_2M;
	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, SZ_1G, SZ_2M));
	KUNIT_EXPECT_FALSE(test, vtr_slot_allows_leaf(&s, SZ_1G, SZ_1G));
	s.hva = HVA;
	s.flags = VTR_SLOT_DIRTY_LOG;
	KUNIT_EXPECT_FALSE(test, vtr_slot_allows_leaf(&s, SZ_1G, SZ_2M));
	KUNIT_EXPECT_TRUE(test, vtr_slot_allows_leaf(&s, SZ_1G, SZ_4K));
}

static void a_range_of_a_log_is_checked(struct kunit *test)
{
	u64 log[4] = {};
	struct vtr_memslot s = {};

	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 0, 1), -ENOENT);
	s = (struct vtr_memslot) { .bytes = 200 * SZ_4K };
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 0, 1), -ENODATA);
	s.dirty = log;
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 0, 200), 0);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 192, 8), 0);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 0, 201), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 192, 9), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 256, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 1, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, 64, ~0ULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, vtr_slot_check_log(&s, ~63ULL, 64), -EINVAL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_plain_slot_is_accepted),
	KUNIT_CASE(limits_are_exact),
	KUNIT_CASE(wrapping_ranges_are_refused),
	KUNIT_CASE(everything_is_page_aligned),
	KUNIT_CASE(unknown_flags_are_refused),
	KUNIT_CASE(overlaps_are_refused_but_aliases_are_not),
	KUNIT_CASE(only_a_slot_that_is_there_is_deleted),
	KUNIT_CASE(an_address_is_found_in_its_slot),
	KUNIT_CASE(addresses_are_found_in_a_full_table),
	KUNIT_CASE(host_ranges_are_cut_to_the_slot),
	KUNIT_CASE(large_leaves_must_fit),
	KUNIT_CASE(a_range_of_a_log_is_checked),
	{}
};

static struct kunit_suite suite = {
	.name = "slots",
	.test_cases = cases,
};

kunit_test_suite(suite);
