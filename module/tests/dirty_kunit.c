// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the log of writes miss nothing?  KUnit suite "dirty".
 *
 * Includes module/dirty.c to reach its static functions, for a test has no user
 * memory that bitmaps could be copied from.  Second-level tables are an array
 * here: what may be written is plain to see, and after each step must be in the
 * log.  Run by tests/kunit/run.  Read next: ept/tests/ept_kunit.c for real
 * tables, tests/ioctl/dirty_test.c for a real processor.
 */
#include "../dirty.c"

#include <linux/prandom.h>

#include "machine.h"

#define PAGES		1300	/* two regions of 2 MiB and a piece; not full words */
#define GPA		SZ_1G

/* ---- tables that are an array -------------------------------------------------- */

struct fake_slat {
	struct vtr_slat_root base;
	u8 rights[PAGES];
	bool large[PAGES / 512 + 1];
	u64 splits;
};

static struct fake_slat *to_slat(struct vtr_slat_root *root)
{
	return container_of(root, struct fake_slat, base);
}

static u64 page_of(u64 gpa)
{
	return (gpa - GPA) / PAGE_SIZE;
}

static int slat_split(struct vtr_slat_root *root, struct vtr_slat_cache *cache, u64 gpa)
{
	struct fake_slat *s = to_slat(root);
	bool *large = &s->large[page_of(gpa) / 512];

	if (!*large)
		return 0;
	if (!cache->nr)
		return -ENOSPC;
	free_page((unsigned long)cache->pages[--cache->nr]);
	*large = false;
	s->splits++;
	return 1;
}

static u64 slat_protect(struct vtr_slat_root *root, u64 start, u64 end)
{
	struct fake_slat *s = to_slat(root);
	u64 n = 0;

	for (u64 page = page_of(start); page < page_of(end); page++) {
		/* A large leaf would lose the right for its neighbours as well. */
		WARN_ON(s->large[page / 512]);
		n += !!(s->rights[page] & VTR_SLAT_WRITE);
		s->rights[page] &= ~VTR_SLAT_WRITE;
	}
	return n;
}

static u64 slat_zap(struct vtr_slat_root *root, u64 start, u64 end)
{
	struct fake_slat *s = to_slat(root);

	memset(&s->rights[page_of(start)], 0, page_of(end) - page_of(start));
	memset(&s->large[page_of(start) / 512], 0,
	       DIV_ROUND_UP(page_of(end), 512) - page_of(start) / 512);
	return 1;
}

static const struct vtr_slat_ops slat_ops = {
	.split = slat_split,
	.protect = slat_protect,
	.zap = slat_zap,
};

/* ---- a slot with them ------------------------------------------------------------ */

struct logged {
	struct machine *m;
	struct fake_slat slat;
	struct vtr_memslots slots;
	struct vtr_memslot *slot;
};

static int start(struct kunit *test)
{
	struct logged *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);
	int err = machine_start(test);

	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_NOT_NULL(test, l);
	l->m = test->priv;
	l->slat.base.ops = &slat_ops;
	l->slot = &l->slots.slot[2];
	*l->slot = (struct vtr_memslot) { .gpa = GPA, .bytes = PAGES * PAGE_SIZE };
	vtr_slots_sort(&l->slots);
	mutex_init(&l->m->vm.mem.slots_lock);
	spin_lock_init(&l->m->vm.mem.lock);
	l->m->vm.mem.root = &l->slat.base;
	RCU_INIT_POINTER(l->m->vm.mem.slots, &l->slots);
	test->priv = l;
	return 0;
}

static void finish(struct kunit *test)
{
	struct logged *l = test->priv;

	if (!l)
		return;
	kvfree(l->slot->dirty);
	test->priv = l->m;
	machine_finish(test);
}

static void switch_on(struct kunit *test)
{
	struct logged *l = test->priv;

	l->slot->flags = VTR_SLOT_DIRTY_LOG;
	KUNIT_ASSERT_EQ(test, vtr_dirty_alloc(l->slot), 0);
	mutex_lock(&l->m->vm.mem.slots_lock);
	vtr_dirty_start(&l->m->vm, l->slot);
	mutex_unlock(&l->m->vm.mem.slots_lock);
}

/* What a fault does with the rights of a page: map_page() in module/memory.c. */
static void touch(struct logged *l, u64 page, bool write)
{
	u8 rights = VTR_SLAT_READ;

	spin_lock(&l->m->vm.mem.lock);
	if (vtr_dirty_may_write(l->slot, GPA + page * PAGE_SIZE, write))
		rights |= VTR_SLAT_WRITE;
	l->slat.rights[page] = rights;
	spin_unlock(&l->m->vm.mem.lock);
}

/* Words @first and following as VTR_VM_GET_DIRTY gives them. */
static void get(struct logged *l, u64 first, u64 pages, u64 *words)
{
	const struct vtr_dirty args = { .slot = 2, .first_page = first, .nr_pages = pages };

	mutex_lock(&l->m->vm.mem.slots_lock);
	for (u64 i = 0; i < nr_words(pages); i += WORDS_AT_ONCE)
		copy_words(&l->m->vm, &args, i, words + i);
	mutex_unlock(&l->m->vm.mem.slots_lock);
}

static int clear(struct logged *l, u64 first, u64 pages, const u64 *words)
{
	const struct vtr_dirty args = { .slot = 2, .first_page = first, .nr_pages = pages };
	int err;

	mutex_lock(&l->m->vm.mem.slots_lock);
	err = clear_locked(&l->m->vm, &args, words, nr_words(pages));
	mutex_unlock(&l->m->vm.mem.slots_lock);
	return err;
}

/* The promise of the log: whatever can be written to without a fault is in it. */
static void expect_nothing_unnoticed(struct kunit *test)
{
	struct logged *l = test->priv;

	for (u64 page = 0; page < PAGES; page++)
		if ((l->slat.rights[page] & VTR_SLAT_WRITE) &&
		    !test_bit(page, (unsigned long *)l->slot->dirty))
			KUNIT_FAIL(test, "page %llu can be written to unnoticed", page);
}

static u64 weight(const u64 *words, u64 nr)
{
	u64 sum = 0;

	for (u64 i = 0; i < nr; i++)
		sum += hweight64(words[i]);
	return sum;
}

/* ---- cases --------------------------------------------------------------------------- */

static void a_slot_without_a_log_is_writable(struct kunit *test)
{
	struct logged *l = test->priv;

	KUNIT_EXPECT_EQ(test, vtr_dirty_alloc(l->slot), 0);
	KUNIT_EXPECT_NULL(test, l->slot->dirty);
	KUNIT_EXPECT_TRUE(test, vtr_dirty_may_write(l->slot, GPA, false));
	KUNIT_EXPECT_TRUE(test, vtr_dirty_may_write(l->slot, GPA, true));
}

static void a_write_is_noted_a_read_is_not(struct kunit *test)
{
	struct logged *l = test->priv;
	u64 words[32] = {};

	switch_on(test);
	touch(l, 3, false);
	touch(l, 64, true);
	touch(l, PAGES - 1, true);
	get(l, 0, PAGES, words);
	KUNIT_EXPECT_EQ(test, weight(words, 32), 2ULL);
	KUNIT_EXPECT_EQ(test, words[1], 1ULL);
	KUNIT_EXPECT_EQ(test, words[(PAGES - 1) / 64], BIT_ULL((PAGES - 1) % 64));
	/* A read of a page in the log may map it writable, of another it may not. */
	touch(l, 64, false);
	KUNIT_EXPECT_TRUE(test, l->slat.rights[64] & VTR_SLAT_WRITE);
	KUNIT_EXPECT_FALSE(test, l->slat.rights[3] & VTR_SLAT_WRITE);
	expect_nothing_unnoticed(test);
}

static void clearing_takes_the_right_to_write(struct kunit *test)
{
	struct logged *l = test->priv;
	u64 words[32] = {}, bits[1] = { BIT_ULL(5) };

	switch_on(test);
	for (u64 page = 0; page < PAGES; page++)
		touch(l, page, true);
	l->m->slat_flushes = 0;
	KUNIT_EXPECT_EQ(test, clear(l, 128, 64, bits), 0);
	KUNIT_EXPECT_EQ(test, l->m->slat_flushes, 1u);
	for (u64 page = 0; page < PAGES; page++)
		KUNIT_EXPECT_EQ_MSG(test, !(l->slat.rights[page] & VTR_SLAT_WRITE),
				    page == 133, "page %llu", page);
	get(l, 0, PAGES, words);
	KUNIT_EXPECT_EQ(test, weight(words, 32), PAGES - 1ULL);
	KUNIT_EXPECT_EQ(test, words[2], ~BIT_ULL(5));
	/* What is not in the log is left alone, and costs no flush. */
	KUNIT_EXPECT_EQ(test, clear(l, 128, 64, bits), 0);
	KUNIT_EXPECT_EQ(test, l->m->slat_flushes, 1u);
	touch(l, 133, true);
	get(l, 128, 64, words);
	KUNIT_EXPECT_EQ(test, words[0], ~0ULL);
}

static void ranges_are_exact(struct kunit *test)
{
	struct logged *l = test->priv;
	u64 words[32], ones[32];

	memset(ones, 0xff, sizeof(ones));
	switch_on(test);
	for (u64 page = 0; page < PAGES; page++)
		touch(l, page, true);
	/* A range that ends inside of a word says nothing of what is behind it. */
	get(l, 64, 10, words);
	KUNIT_EXPECT_EQ(test, words[0], 0x3ffULL);
	get(l, 1280, PAGES - 1280, words);
	KUNIT_EXPECT_EQ(test, words[0], BIT_ULL(PAGES - 1280) - 1);
	KUNIT_EXPECT_EQ(test, clear(l, 1280, 64, ones), -EINVAL);
	KUNIT_EXPECT_EQ(test, clear(l, 64, 1216, ones), 0);
	get(l, 0, PAGES, words);
	KUNIT_EXPECT_EQ(test, weight(words, nr_words(PAGES)), 64ULL + PAGES - 1280);
	expect_nothing_unnoticed(test);
}

static void writes_of_the_module_are_noted(struct kunit *test)
{
	struct logged *l = test->priv;
	struct vtr_vm *vm = &l->m->vm;
	u64 words[32] = {};

	/* Without a log, outside of slots, nothing: nobody asks. */
	vtr_dirty_note(vm, GPA, 8);
	switch_on(test);
	vtr_dirty_note(vm, 0, 8);
	vtr_dirty_note(vm, GPA, 0);
	get(l, 0, PAGES, words);
	KUNIT_EXPECT_EQ(test, weight(words, 32), 0ULL);
	vtr_dirty_note(vm, GPA + 7 * PAGE_SIZE + 4095, 1);
	vtr_dirty_note(vm, GPA + 63 * PAGE_SIZE + 4092, 8);
	vtr_dirty_note(vm, GPA + (PAGES - 1) * PAGE_SIZE, 2 * PAGE_SIZE);
	get(l, 0, PAGES, words);
	KUNIT_EXPECT_EQ(test, weight(words, 32), 4ULL);
	KUNIT_EXPECT_EQ(test, words[0], BIT_ULL(7) | BIT_ULL(63));
	KUNIT_EXPECT_EQ(test, words[1], 1ULL);
	KUNIT_EXPECT_EQ(test, words[(PAGES - 1) / 64], BIT_ULL((PAGES - 1) % 64));
}

static void switching_it_on_protects_what_is_mapped(struct kunit *test)
{
	struct logged *l = test->priv;

	memset(l->slat.rights, VTR_SLAT_READ | VTR_SLAT_WRITE, PAGES);
	l->slat.large[0] = true;
	l->slat.large[1] = true;
	switch_on(test);
	KUNIT_EXPECT_EQ(test, l->slat.splits, 2ULL);
	KUNIT_EXPECT_GE(test, l->m->slat_flushes, 1u);
	expect_nothing_unnoticed(test);
	/* The leaves are still there: the guest reads on without a fault. */
	for (u64 page = 0; page < PAGES; page++)
		KUNIT_EXPECT_EQ(test, l->slat.rights[page], (u8)VTR_SLAT_READ);
}

static void without_memory_for_tables_it_drops_leaves(struct kunit *test)
{
	struct logged *l = test->priv;

	memset(l->slat.rights, VTR_SLAT_READ | VTR_SLAT_WRITE, PAGES);
	l->slat.large[1] = true;
	machine_no_memory = true;
	switch_on(test);
	machine_no_memory = false;
	KUNIT_EXPECT_GE(test, l->m->slat_flushes, 1u);
	expect_nothing_unnoticed(test);
}

/*
 * Guest and program at random, against a model: a page is in the log if and
 * only if it was written to since it was last cleared.
 */
static void random_work_matches_a_model(struct kunit *test)
{
	struct logged *l = test->priv;
	u64 model[32] = {}, words[32];
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 11);
	switch_on(test);
	for (unsigned int round = 0; round < 5000; round++) {
		u64 page = prandom_u32_state(&rnd) % PAGES, word = page / 64;
		u64 n = min_t(u64, PAGES - word * 64, 64);
		u64 bits = (u64)prandom_u32_state(&rnd) << (page % 33);

		if (round % 4) {
			bool write = bits & BIT(8);

			touch(l, page, write);
			if (write)
				model[word] |= BIT_ULL(page % 64);
			continue;
		}
		bits &= n < 64 ? BIT_ULL(n) - 1 : ~0ULL;
		KUNIT_ASSERT_EQ(test, clear(l, word * 64, n, &bits), 0);
		model[word] &= ~bits;
	}
	get(l, 0, PAGES, words);
	for (u64 i = 0; i < nr_words(PAGES); i++)
		KUNIT_EXPECT_EQ_MSG(test, words[i], model[i], "word %llu", i);
	expect_nothing_unnoticed(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_slot_without_a_log_is_writable),
	KUNIT_CASE(a_write_is_noted_a_read_is_not),
	KUNIT_CASE(clearing_takes_the_right_to_write),
	KUNIT_CASE(ranges_are_exact),
	KUNIT_CASE(writes_of_the_module_are_noted),
	KUNIT_CASE(switching_it_on_protects_what_is_mapped),
	KUNIT_CASE(without_memory_for_tables_it_drops_leaves),
	KUNIT_CASE(random_work_matches_a_model),
	{}
};

static struct kunit_suite suite = {
	.name = "dirty",
	.init = start,
	.exit = finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
