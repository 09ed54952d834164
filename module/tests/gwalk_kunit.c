// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the guest's own translation right?  KUnit suite "gwalk".
 *
 * Page tables of each paging mode are laid out by hand in 64 KiB of fake
 * guest memory, and vtr_gwalk() (module/gwalk.c) walks them through its
 * callback.  Source: SDM 3A "Paging" (chapter 4).
 */
#include <kunit/test.h>
#include <linux/sizes.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../vtr.h"

#define MEMORY	SZ_64K
#define P	1ULL		/* present */
#define W	2ULL		/* writable */
#define PS	0x80ULL		/* large page */
#define NX	BIT_ULL(63)
#define R_X	(VTR_WALK_READ | VTR_WALK_EXEC)
#define RW_	(VTR_WALK_READ | VTR_WALK_WRITE)
#define RWX	(RW_ | VTR_WALK_EXEC)

static int read_memory(void *ctx, u64 gpa, void *data, size_t bytes)
{
	if (gpa >= MEMORY || MEMORY - gpa < bytes)
		return -ENOENT;
	memcpy(data, (u8 *)ctx + gpa, bytes);
	return 0;
}

static int start(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, MEMORY, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

static void put64(struct kunit *test, u64 gpa, u64 value)
{
	memcpy((u8 *)test->priv + gpa, &value, 8);
}

static void put32(struct kunit *test, u64 gpa, u32 value)
{
	memcpy((u8 *)test->priv + gpa, &value, 4);
}

static struct vtr_gwalk mode(struct kunit *test, u64 cr4, u64 efer)
{
	return (struct vtr_gwalk) {
		.cr0 = X86_CR0_PE | X86_CR0_PG, .cr3 = 0x1000, .cr4 = cr4, .efer = efer,
		.read = read_memory, .ctx = test->priv,
	};
}

static struct vtr_gwalk long_mode(struct kunit *test)
{
	return mode(test, X86_CR4_PAE, EFER_LME | EFER_LMA | EFER_NX);
}

static void expect(struct kunit *test, const struct vtr_gwalk *w, u64 gva, u64 gpa, u64 bytes,
		   u32 rights)
{
	u64 got_gpa = 0, got_bytes = 1;
	u32 got_rights = 0;

	KUNIT_EXPECT_EQ_MSG(test, vtr_gwalk(w, gva, &got_gpa, &got_bytes, &got_rights), 0,
			    "gva %#llx", gva);
	KUNIT_EXPECT_EQ_MSG(test, got_gpa, gpa, "gva %#llx", gva);
	KUNIT_EXPECT_EQ_MSG(test, got_bytes, bytes, "gva %#llx", gva);
	KUNIT_EXPECT_EQ_MSG(test, got_rights, rights, "gva %#llx", gva);
}

static void expect_fault(struct kunit *test, const struct vtr_gwalk *w, u64 gva)
{
	u64 gpa, bytes;
	u32 rights;

	KUNIT_EXPECT_EQ_MSG(test, vtr_gwalk(w, gva, &gpa, &bytes, &rights), -EFAULT,
			    "gva %#llx", gva);
}

static void without_paging_addresses_stay(struct kunit *test)
{
	struct vtr_gwalk w = mode(test, 0, 0);

	w.cr0 = X86_CR0_PE;
	expect(test, &w, 0x12345678, 0x12345678, 0, RWX);
	expect(test, &w, 0xfffffffff0ULL, 0xfffffff0, 0, RWX);
}

static void two_levels_of_32_bit_paging(struct kunit *test)
{
	struct vtr_gwalk w = mode(test, 0, 0);

	put32(test, 0x1000 + 4 * 0x301, 0x2000 | P | W);	/* 0xc0400000 .. */
	put32(test, 0x2000 + 4 * 0x123, 0xabcde000 | P | W);
	put32(test, 0x2000 + 4 * 0x124, 0x00005000 | P);
	expect(test, &w, 0xc0523456, 0xabcde456, SZ_4K, RWX);
	expect(test, &w, 0xc0524000, 0x5000, SZ_4K, R_X);
	expect_fault(test, &w, 0xc0525000);
	expect_fault(test, &w, 0);
	/* Bit 7 means nothing without CR4.PSE: the entry names a table. */
	put32(test, 0x1000, 0x2000 | P | W | PS);
	put32(test, 0x2000, 0x7000 | P | W);
	expect(test, &w, 0x10, 0x7010, SZ_4K, RWX);
}

static void large_pages_of_32_bit_paging(struct kunit *test)
{
	struct vtr_gwalk w = mode(test, X86_CR4_PSE, 0);

	put32(test, 0x1000 + 4 * 2, 0x00c00000 | P | W | PS);
	expect(test, &w, 0x00812345, 0x00c12345, SZ_4M, RWX);
	/* PSE-36: bits 20:13 of the entry are address bits 39:32. */
	put32(test, 0x1000 + 4 * 3, 0x00c00000 | 0x5a << 13 | P | PS);
	expect(test, &w, 0x00c00010, 0x5a00c00010ULL, SZ_4M, R_X);
}

static void three_levels_of_pae(struct kunit *test)
{
	struct vtr_gwalk w = mode(test, X86_CR4_PAE, EFER_NX);

	w.cr3 = 0x1020;		/* 32-byte aligned */
	put64(test, 0x1020 + 8 * 3, 0x2000 | P);	/* neither W nor NX here */
	put64(test, 0x2000 + 8 * 1, 0x3000 | P | W);
	put64(test, 0x3000 + 8 * 5, 0x123456000ULL | P | W);
	put64(test, 0x3000 + 8 * 6, 0x7000 | P | W | NX);
	put64(test, 0x2000 + 8 * 2, 0x40000000ULL | P | W | PS);
	expect(test, &w, 0xc0205678, 0x123456678ULL, SZ_4K, RWX);
	expect(test, &w, 0xc0206000, 0x7000, SZ_4K, RW_);
	expect(test, &w, 0xc0512345, 0x40112345, SZ_2M, RWX);
	expect_fault(test, &w, 0x80000000);
	/* Without EFER.NXE the bit does not take the right away. */
	w.efer = 0;
	expect(test, &w, 0xc0206000, 0x7000, SZ_4K, RWX);
}

/* PML4 at 1000, PDPT at 2000, PD at 3000, PT at 4000; all writable. */
static void build_four_levels(struct kunit *test)
{
	put64(test, 0x1000 + 8 * 0x1ff, 0x2000 | P | W);
	put64(test, 0x2000 + 8 * 0x1fe, 0x3000 | P | W);
	put64(test, 0x3000 + 8 * 0x008, 0x4000 | P | W);
	put64(test, 0x4000 + 8 * 0x000, 0x0ffffffff000ULL | P | W);
}

#define KERNEL_GVA	0xffffffff81000000ULL

static void four_levels_of_long_mode(struct kunit *test)
{
	struct vtr_gwalk w = long_mode(test);

	build_four_levels(test);
	expect(test, &w, KERNEL_GVA + 0x123, 0x0ffffffff123ULL, SZ_4K, RWX);
	expect_fault(test, &w, KERNEL_GVA + SZ_4K);
	expect_fault(test, &w, KERNEL_GVA + SZ_2M);
	expect_fault(test, &w, 0);
}

static void large_pages_of_long_mode(struct kunit *test)
{
	struct vtr_gwalk w = long_mode(test);

	build_four_levels(test);
	put64(test, 0x3000 + 8 * 0x009, 0x80200000ULL | P | W | PS);
	put64(test, 0x2000 + 8 * 0x1ff, 0x1c0000000ULL | P | PS | NX);
	expect(test, &w, KERNEL_GVA + SZ_2M + 0x54321, 0x80254321, SZ_2M, RWX);
	expect(test, &w, 0xffffffffc1234567ULL, 0x1c1234567ULL, SZ_1G, VTR_WALK_READ);
	/* The PAT bit of a large page is no address bit. */
	put64(test, 0x3000 + 8 * 0x009, 0x80200000ULL | BIT(12) | P | W | PS);
	expect(test, &w, KERNEL_GVA + SZ_2M, 0x80200000, SZ_2M, RWX);
}

static void every_level_takes_rights_away(struct kunit *test)
{
	static const u64 entries[] = { 0x1000 + 8 * 0x1ff, 0x2000 + 8 * 0x1fe,
				       0x3000 + 8 * 0x008, 0x4000 };
	struct vtr_gwalk w = long_mode(test);

	for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++) {
		u64 entry;

		build_four_levels(test);
		memcpy(&entry, (u8 *)test->priv + entries[i], 8);
		put64(test, entries[i], entry & ~W);
		expect(test, &w, KERNEL_GVA, 0x0ffffffff000ULL, SZ_4K, R_X);
		put64(test, entries[i], entry | NX);
		expect(test, &w, KERNEL_GVA, 0x0ffffffff000ULL, SZ_4K, RW_);
		put64(test, entries[i], entry & ~P);
		expect_fault(test, &w, KERNEL_GVA);
	}
}

static void addresses_that_are_not_canonical_fault(struct kunit *test)
{
	struct vtr_gwalk w = long_mode(test);

	build_four_levels(test);
	expect(test, &w, KERNEL_GVA, 0x0ffffffff000ULL, SZ_4K, RWX);
	expect_fault(test, &w, KERNEL_GVA & GENMASK_ULL(47, 0));
	expect_fault(test, &w, KERNEL_GVA ^ BIT_ULL(63));
	expect_fault(test, &w, KERNEL_GVA ^ BIT_ULL(48));
}

static void tables_outside_of_memory_fault(struct kunit *test)
{
	struct vtr_gwalk w = long_mode(test);

	build_four_levels(test);
	put64(test, 0x3000 + 8 * 0x008, 0x7fff0000ULL | P | W);
	expect_fault(test, &w, KERNEL_GVA);
	w.cr3 = MEMORY;
	expect_fault(test, &w, KERNEL_GVA);
	w = mode(test, 0, 0);
	w.cr3 = 0xfffff000;
	expect_fault(test, &w, 0);
}

/* Bits 11:0 and 62:52 of CR3 and of entries are no address. */
static void flags_are_no_address(struct kunit *test)
{
	struct vtr_gwalk w = long_mode(test);

	build_four_levels(test);
	w.cr3 = 0x1000 | 0x18;
	put64(test, 0x4000, 0x5000 | P | W | 0xe64 | GENMASK_ULL(62, 52));
	expect(test, &w, KERNEL_GVA, 0x5000, SZ_4K, RWX);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(without_paging_addresses_stay),
	KUNIT_CASE(two_levels_of_32_bit_paging),
	KUNIT_CASE(large_pages_of_32_bit_paging),
	KUNIT_CASE(three_levels_of_pae),
	KUNIT_CASE(four_levels_of_long_mode),
	KUNIT_CASE(large_pages_of_long_mode),
	KUNIT_CASE(every_level_takes_rights_away),
	KUNIT_CASE(addresses_that_are_not_canonical_fault),
	KUNIT_CASE(tables_outside_of_memory_fault),
	KUNIT_CASE(flags_are_no_address),
	{}
};

static struct kunit_suite suite = {
	.name = "gwalk",
	.init = start,
	.test_cases = cases,
};

kunit_test_suite(suite);
