// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the I/O APIC, the 8259 pair and the 8254 what their manuals say?  KUnit
 * suites "ioapic", "i8259", "i8254".
 *
 * Pure functions of module/ioapic.c, i8259.c and i8254.c.
 */
#include <kunit/test.h>
#include <linux/ktime.h>

#include "../i8254.h"
#include "../i8259.h"
#include "../ioapic.h"

/* ---- I/O APIC --------------------------------------------------------------------- */

#define MASKED	BIT(16)
#define LEVEL	BIT(15)
#define REMOTE	BIT(14)

static void io_put(struct vtr_ioapic *io, u8 nr, u32 value)
{
	vtr_ioapic_write(io, 0x00, nr);
	vtr_ioapic_write(io, 0x10, value);
}

static u32 io_get(struct vtr_ioapic *io, u8 nr)
{
	vtr_ioapic_write(io, 0x00, nr);
	return vtr_ioapic_read(io, 0x10);
}

static void route(struct vtr_ioapic *io, unsigned int pin, u32 low, u8 dest)
{
	io_put(io, 0x10 + 2 * pin + 1, (u32)dest << 24);
	io_put(io, 0x10 + 2 * pin, low);
}

/* What is sent next; @accepted: by a local APIC. */
static bool next_for(struct vtr_ioapic *io, struct vtr_irq_message *m, bool accepted)
{
	unsigned int pin = 0;

	if (!vtr_ioapic_next(io, &pin, m))
		return false;
	vtr_ioapic_sent(io, pin, accepted);
	return true;
}

static bool next(struct vtr_ioapic *io, struct vtr_irq_message *m)
{
	return next_for(io, m, true);
}

static void pins_begin_masked(struct kunit *test)
{
	struct vtr_irq_message m;
	struct vtr_ioapic io;

	vtr_ioapic_reset(&io);
	KUNIT_EXPECT_EQ(test, io_get(&io, 1) >> 16 & 0xff, VTR_IOAPIC_PINS - 1);
	for (unsigned int pin = 0; pin < VTR_IOAPIC_PINS; pin++) {
		KUNIT_EXPECT_EQ(test, io_get(&io, 0x10 + 2 * pin), MASKED);
		vtr_ioapic_set_line(&io, pin, true);
	}
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	/* Behind the last pin lies nothing. */
	KUNIT_EXPECT_EQ(test, io_get(&io, 0x10 + 2 * VTR_IOAPIC_PINS), 0);
	io_put(&io, 0x10 + 2 * VTR_IOAPIC_PINS, ~0u);
	io_put(&io, 0xff, ~0u);
}

static void an_edge_is_sent_once(struct kunit *test)
{
	struct vtr_irq_message m;
	struct vtr_ioapic io;

	vtr_ioapic_reset(&io);
	route(&io, 4, 0x0800 | 0x0100 | 0x51, 0x03);	/* logical, lowest priority */
	vtr_ioapic_set_line(&io, 4, true);
	KUNIT_ASSERT_TRUE(test, next(&io, &m));
	KUNIT_EXPECT_EQ(test, m.vector, 0x51);
	KUNIT_EXPECT_EQ(test, m.mode, VTR_DELIVER_LOWEST);
	KUNIT_EXPECT_EQ(test, m.dest, 3);
	KUNIT_EXPECT_TRUE(test, m.logical);
	KUNIT_EXPECT_FALSE(test, m.level);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	/* High is no edge; low and high again is. */
	vtr_ioapic_set_line(&io, 4, true);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	vtr_ioapic_set_line(&io, 4, false);
	vtr_ioapic_set_line(&io, 4, true);
	KUNIT_EXPECT_TRUE(test, next(&io, &m));
}

static void an_edge_at_a_masked_pin_is_lost(struct kunit *test)
{
	struct vtr_irq_message m;
	struct vtr_ioapic io;

	vtr_ioapic_reset(&io);
	route(&io, 4, MASKED | 0x51, 0);
	vtr_ioapic_set_line(&io, 4, true);
	route(&io, 4, 0x51, 0);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
}

static void a_level_is_sent_until_it_is_low(struct kunit *test)
{
	struct vtr_irq_message m;
	struct vtr_ioapic io;

	vtr_ioapic_reset(&io);
	route(&io, 9, LEVEL | 0x62, 1);
	vtr_ioapic_set_line(&io, 9, true);
	KUNIT_ASSERT_TRUE(test, next(&io, &m));
	KUNIT_EXPECT_TRUE(test, m.level);
	KUNIT_EXPECT_TRUE(test, io_get(&io, 0x10 + 18) & REMOTE);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	/* The end of another vector changes nothing, that of this one sends again. */
	vtr_ioapic_eoi(&io, 0x63);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	vtr_ioapic_eoi(&io, 0x62);
	KUNIT_EXPECT_TRUE(test, next(&io, &m));
	vtr_ioapic_set_line(&io, 9, false);
	vtr_ioapic_eoi(&io, 0x62);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	/* A masked level waits. */
	route(&io, 9, MASKED | LEVEL | 0x62, 1);
	vtr_ioapic_set_line(&io, 9, true);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	route(&io, 9, LEVEL | 0x62, 1);
	KUNIT_EXPECT_TRUE(test, next(&io, &m));
}

/* Else a guest that writes back what it has read would block its pin, or end a level. */
static void remote_irr_is_read_only(struct kunit *test)
{
	struct vtr_irq_message m;
	struct vtr_ioapic io;

	vtr_ioapic_reset(&io);
	route(&io, 9, REMOTE | LEVEL | 0x62, 1);
	KUNIT_EXPECT_EQ(test, io_get(&io, 0x10 + 18), LEVEL | 0x62);
	vtr_ioapic_set_line(&io, 9, true);
	KUNIT_ASSERT_TRUE(test, next(&io, &m));
	route(&io, 9, LEVEL | 0x62, 1);
	KUNIT_EXPECT_EQ(test, io_get(&io, 0x10 + 18), REMOTE | LEVEL | 0x62);
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
}

/* Remote IRR says that an end will come: nobody would end this one. */
static void a_level_that_nobody_accepts_is_tried_again(struct kunit *test)
{
	struct vtr_irq_message m;
	struct vtr_ioapic io;

	vtr_ioapic_reset(&io);
	route(&io, 9, LEVEL | 0x62, 1);
	route(&io, 4, 0x51, 0);
	vtr_ioapic_set_line(&io, 9, true);
	vtr_ioapic_set_line(&io, 4, true);
	/* An edge is gone. */
	KUNIT_ASSERT_TRUE(test, next_for(&io, &m, false));
	KUNIT_EXPECT_EQ(test, m.vector, 0x51);
	for (int i = 0; i < 2; i++) {
		KUNIT_ASSERT_TRUE(test, next_for(&io, &m, false));
		KUNIT_EXPECT_EQ(test, m.vector, 0x62);
		KUNIT_EXPECT_EQ(test, io_get(&io, 0x10 + 18), LEVEL | 0x62);
	}
	KUNIT_EXPECT_TRUE(test, next(&io, &m));
	KUNIT_EXPECT_FALSE(test, next(&io, &m));
	KUNIT_EXPECT_EQ(test, io_get(&io, 0x10 + 18), REMOTE | LEVEL | 0x62);
}

/* Whatever their entry says: an NMI or an INIT has no end. */
static void nmi_and_init_are_edges(struct kunit *test)
{
	static const u8 modes[] = { VTR_DELIVER_SMI, VTR_DELIVER_NMI, VTR_DELIVER_INIT,
				    VTR_DELIVER_EXTINT };
	struct vtr_irq_message m;
	struct vtr_ioapic io;

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		vtr_ioapic_reset(&io);
		route(&io, 9, LEVEL | modes[i] << 8, 1);
		vtr_ioapic_set_line(&io, 9, true);
		KUNIT_ASSERT_TRUE(test, next(&io, &m));
		KUNIT_EXPECT_EQ(test, m.mode, modes[i]);
		KUNIT_EXPECT_FALSE(test, m.level);
		KUNIT_EXPECT_EQ(test, io_get(&io, 0x10 + 18), LEVEL | modes[i] << 8);
		KUNIT_EXPECT_FALSE(test, next(&io, &m));
		vtr_ioapic_set_line(&io, 9, false);
		vtr_ioapic_set_line(&io, 9, true);
		KUNIT_EXPECT_TRUE(test, next(&io, &m));
	}
}

static void impossible_ioapics_are_known(struct kunit *test)
{
	struct vtr_ioapic io, bad;

	vtr_ioapic_reset(&io);
	route(&io, 9, LEVEL | 0x62, 1);
	KUNIT_EXPECT_TRUE(test, vtr_ioapic_is_legal(&io));
	bad = io;
	bad.redirection[3] |= REMOTE;
	KUNIT_EXPECT_FALSE(test, vtr_ioapic_is_legal(&bad));
	bad = io;
	bad.redirection[3] |= BIT_ULL(17);
	KUNIT_EXPECT_FALSE(test, vtr_ioapic_is_legal(&bad));
	bad = io;
	bad.lines = 1 << 24;
	KUNIT_EXPECT_FALSE(test, vtr_ioapic_is_legal(&bad));
	bad = io;
	bad.id = 1;
	KUNIT_EXPECT_FALSE(test, vtr_ioapic_is_legal(&bad));
	io.redirection[9] |= REMOTE;
	io.lines = 0xffffff;
	KUNIT_EXPECT_TRUE(test, vtr_ioapic_is_legal(&io));
}

static void nmi_and_init_reach_the_deaf(struct kunit *test)
{
	struct vtr_ioapic io;

	vtr_ioapic_reset(&io);
	KUNIT_EXPECT_FALSE(test, vtr_ioapic_wakes_deaf(&io));
	route(&io, 4, 0x51, 0);
	KUNIT_EXPECT_FALSE(test, vtr_ioapic_wakes_deaf(&io));
	route(&io, 23, VTR_DELIVER_NMI << 8 | MASKED, 0);
	KUNIT_EXPECT_FALSE(test, vtr_ioapic_wakes_deaf(&io));
	route(&io, 23, VTR_DELIVER_NMI << 8, 0);
	KUNIT_EXPECT_TRUE(test, vtr_ioapic_wakes_deaf(&io));
	route(&io, 23, VTR_DELIVER_INIT << 8 | LEVEL, 0);
	KUNIT_EXPECT_TRUE(test, vtr_ioapic_wakes_deaf(&io));
}

static struct kunit_case ioapic_cases[] = {
	KUNIT_CASE(pins_begin_masked),
	KUNIT_CASE(an_edge_is_sent_once),
	KUNIT_CASE(an_edge_at_a_masked_pin_is_lost),
	KUNIT_CASE(a_level_is_sent_until_it_is_low),
	KUNIT_CASE(remote_irr_is_read_only),
	KUNIT_CASE(a_level_that_nobody_accepts_is_tried_again),
	KUNIT_CASE(nmi_and_init_are_edges),
	KUNIT_CASE(impossible_ioapics_are_known),
	KUNIT_CASE(nmi_and_init_reach_the_deaf),
	{}
};

static struct kunit_suite ioapic_suite = {
	.name = "ioapic",
	.test_cases = ioapic_cases,
};

/* ---- 8259 ---------------------------------------------------------------------------- */

/* As each PC does it: vectors from 20H and 28H, all lines open. */
static void initialize(struct vtr_i8259 *pic, u8 icw4)
{
	static const u8 base[2] = { 0x20, 0x28 };

	vtr_i8259_reset(pic);
	for (unsigned int i = 0; i < 2; i++) {
		u16 port = i ? 0xa0 : 0x20;

		vtr_i8259_write(pic, port, 0x11);
		vtr_i8259_write(pic, port + 1, base[i]);
		vtr_i8259_write(pic, port + 1, i ? 2 : 4);
		vtr_i8259_write(pic, port + 1, icw4);
		vtr_i8259_write(pic, port + 1, 0);
	}
}

static void pulse(struct vtr_i8259 *pic, unsigned int line)
{
	vtr_i8259_set_line(pic, line, false);
	vtr_i8259_set_line(pic, line, true);
}

static void lines_have_vectors_and_priorities(struct kunit *test)
{
	struct vtr_i8259 pic;

	initialize(&pic, 1);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_output(&pic));
	pulse(&pic, 4);
	pulse(&pic, 1);
	pulse(&pic, 12);
	/* 0, 1, then 8 to 15 through line 2, then 3 to 7. */
	KUNIT_EXPECT_EQ(test, vtr_i8259_acknowledge(&pic), 0x21);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_output(&pic));
	vtr_i8259_write(&pic, 0x20, 0x20);
	KUNIT_EXPECT_EQ(test, vtr_i8259_acknowledge(&pic), 0x2c);
	vtr_i8259_write(&pic, 0xa0, 0x20);
	vtr_i8259_write(&pic, 0x20, 0x20);
	KUNIT_EXPECT_EQ(test, vtr_i8259_acknowledge(&pic), 0x24);
}

static void masks_hold_back_and_can_be_read(struct kunit *test)
{
	struct vtr_i8259 pic;

	initialize(&pic, 1);
	vtr_i8259_write(&pic, 0x21, 0xef);
	pulse(&pic, 3);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_output(&pic));
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x21), 0xef);
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x20), 0x08);
	/* An edge waits behind the mask. */
	vtr_i8259_write(&pic, 0x21, 0x00);
	KUNIT_EXPECT_TRUE(test, vtr_i8259_output(&pic));
	vtr_i8259_acknowledge(&pic);
	vtr_i8259_write(&pic, 0x20, 0x0b);
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x20), 0x08);
}

static void a_request_that_goes_is_spurious(struct kunit *test)
{
	struct vtr_i8259 pic;

	initialize(&pic, 1);
	pulse(&pic, 5);
	vtr_i8259_set_line(&pic, 5, false);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_output(&pic));
	KUNIT_EXPECT_EQ(test, vtr_i8259_acknowledge(&pic), 0x27);
	vtr_i8259_write(&pic, 0x20, 0x0b);
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x20), 0);
}

static void levels_come_again(struct kunit *test)
{
	struct vtr_i8259 pic;

	initialize(&pic, 1);
	vtr_i8259_write(&pic, 0x4d1, 0xff);
	/* The clock's and the coprocessor's lines cannot. */
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x4d1), 0xde);
	vtr_i8259_set_line(&pic, 11, true);
	for (unsigned int i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, vtr_i8259_acknowledge(&pic), 0x2b);
		vtr_i8259_write(&pic, 0xa0, 0x20);
		vtr_i8259_write(&pic, 0x20, 0x20);
	}
	vtr_i8259_set_line(&pic, 11, false);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_output(&pic));
}

static void ends_are_automatic_or_named(struct kunit *test)
{
	struct vtr_i8259 pic;

	initialize(&pic, 3);
	pulse(&pic, 4);
	vtr_i8259_acknowledge(&pic);
	pulse(&pic, 4);
	KUNIT_EXPECT_TRUE(test, vtr_i8259_output(&pic));
	initialize(&pic, 1);
	pulse(&pic, 4);
	vtr_i8259_acknowledge(&pic);
	pulse(&pic, 1);
	vtr_i8259_acknowledge(&pic);
	/* The end of line 4, though line 1 is above it. */
	vtr_i8259_write(&pic, 0x20, 0x64);
	vtr_i8259_write(&pic, 0x20, 0x0b);
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x20), 0x02);
}

static void priorities_rotate(struct kunit *test)
{
	struct vtr_i8259 pic;

	initialize(&pic, 1);
	vtr_i8259_write(&pic, 0x20, 0xc0 | 3);		/* 3 is the lowest now, 4 the highest */
	pulse(&pic, 1);
	pulse(&pic, 4);
	KUNIT_EXPECT_EQ(test, vtr_i8259_acknowledge(&pic), 0x24);
	vtr_i8259_write(&pic, 0x20, 0xa0);		/* ends 4 and makes it the lowest */
	pulse(&pic, 4);
	KUNIT_EXPECT_EQ(test, vtr_i8259_acknowledge(&pic), 0x21);
}

static void a_poll_acknowledges(struct kunit *test)
{
	struct vtr_i8259 pic;

	initialize(&pic, 1);
	vtr_i8259_write(&pic, 0x20, 0x0c);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_read(&pic, 0x20) & 0x80);
	pulse(&pic, 6);
	vtr_i8259_write(&pic, 0x20, 0x0c);
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x20), 0x86);
	vtr_i8259_write(&pic, 0x20, 0x0b);
	KUNIT_EXPECT_EQ(test, vtr_i8259_read(&pic, 0x20), 0x40);
}

static void impossible_pairs_are_known(struct kunit *test)
{
	struct vtr_i8259 pic, bad;

	vtr_i8259_reset(&pic);
	KUNIT_EXPECT_TRUE(test, vtr_i8259_is_legal(&pic));
	initialize(&pic, 3);
	pulse(&pic, 12);
	pulse(&pic, 3);
	KUNIT_EXPECT_TRUE(test, vtr_i8259_is_legal(&pic));
	bad = pic;
	bad.one[0].base = 0x21;
	KUNIT_EXPECT_FALSE(test, vtr_i8259_is_legal(&bad));
	bad = pic;
	bad.one[1].irr |= BIT(7);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_is_legal(&bad));
	bad = pic;
	bad.one[0].level = BIT(2);
	KUNIT_EXPECT_FALSE(test, vtr_i8259_is_legal(&bad));
	bad = pic;
	bad.one[0].top = 8;
	KUNIT_EXPECT_FALSE(test, vtr_i8259_is_legal(&bad));
	bad = pic;
	bad.one[1].step = 1;
	KUNIT_EXPECT_FALSE(test, vtr_i8259_is_legal(&bad));
}

static struct kunit_case i8259_cases[] = {
	KUNIT_CASE(lines_have_vectors_and_priorities),
	KUNIT_CASE(masks_hold_back_and_can_be_read),
	KUNIT_CASE(a_request_that_goes_is_spurious),
	KUNIT_CASE(levels_come_again),
	KUNIT_CASE(ends_are_automatic_or_named),
	KUNIT_CASE(priorities_rotate),
	KUNIT_CASE(a_poll_acknowledges),
	KUNIT_CASE(impossible_pairs_are_known),
	{}
};

static struct kunit_suite i8259_suite = {
	.name = "i8259",
	.test_cases = i8259_cases,
};

/* ---- 8254 ------------------------------------------------------------------------------ */

/* Nanoseconds of @counts, rounded up. */
static u64 ns_of(u64 counts)
{
	return DIV_ROUND_UP_ULL(counts * NSEC_PER_SEC, VTR_I8254_HZ);
}

static void set_counter(struct vtr_i8254 *pit, unsigned int channel, u8 mode, u16 count, u64 now)
{
	vtr_i8254_write(pit, 0x43, channel << 6 | 0x30 | mode << 1, now);
	vtr_i8254_write(pit, 0x40 + channel, count, now);
	vtr_i8254_write(pit, 0x40 + channel, count >> 8, now);
}

static u16 latched(struct vtr_i8254 *pit, unsigned int channel, u64 now)
{
	u16 low;

	vtr_i8254_write(pit, 0x43, channel << 6, now);
	low = vtr_i8254_read(pit, 0x40 + channel, now);
	return low | vtr_i8254_read(pit, 0x40 + channel, now) << 8;
}

static void a_rate_generator_ticks_without_end(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC;

	vtr_i8254_reset(&pit);
	KUNIT_EXPECT_EQ(test, vtr_i8254_due(&pit), 0);
	set_counter(&pit, 0, 2, 1193, now);
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, now + ns_of(1192)));
	KUNIT_EXPECT_TRUE(test, vtr_i8254_expire(&pit, now + ns_of(1193) + 1));
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, now + ns_of(1193) + 1));
	/* A thousand periods late: all of them come. */
	for (unsigned int i = 1; i < 1000; i++)
		KUNIT_ASSERT_TRUE(test, vtr_i8254_expire(&pit, now + ns_of(1193000) + 1000));
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, now + ns_of(1193000) + 1000));
}

/* Nobody heard them: the present period is what counts, and its beginning stays. */
static void ticks_can_be_skipped(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC, due;

	vtr_i8254_reset(&pit);
	vtr_i8254_skip(&pit, now);
	KUNIT_EXPECT_EQ(test, vtr_i8254_due(&pit), 0);
	set_counter(&pit, 0, 2, 1193, now);
	due = vtr_i8254_due(&pit);
	vtr_i8254_skip(&pit, now + ns_of(1000));
	KUNIT_EXPECT_EQ(test, vtr_i8254_due(&pit), due);
	vtr_i8254_skip(&pit, now + ns_of(1193 * 100 + 500));
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, now + ns_of(1193 * 100 + 500)));
	KUNIT_EXPECT_TRUE(test, vtr_i8254_expire(&pit, now + ns_of(1193 * 101) + 1));
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, now + ns_of(1193 * 101) + 1));
}

static void a_pause_moves_what_is_due(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC, due;

	vtr_i8254_reset(&pit);
	vtr_i8254_shift(&pit, NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, vtr_i8254_due(&pit), 0);
	set_counter(&pit, 0, 2, 1193, now);
	due = vtr_i8254_due(&pit);
	vtr_i8254_shift(&pit, NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, vtr_i8254_due(&pit), due + NSEC_PER_SEC);
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, due));
	KUNIT_EXPECT_TRUE(test, vtr_i8254_expire(&pit, due + NSEC_PER_SEC));
	/* One tick, not those of the second that has been left out. */
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, due + NSEC_PER_SEC));
}

static void a_count_is_read_while_it_runs(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC;

	vtr_i8254_reset(&pit);
	set_counter(&pit, 0, 2, 1000, now);
	KUNIT_EXPECT_EQ(test, latched(&pit, 0, now + ns_of(300)), 700);
	KUNIT_EXPECT_EQ(test, latched(&pit, 0, now + ns_of(1300)), 700);
	/* A latch holds until it is read. */
	vtr_i8254_write(&pit, 0x43, 0, now + ns_of(100));
	vtr_i8254_write(&pit, 0x43, 0, now + ns_of(200));
	KUNIT_EXPECT_EQ(test, vtr_i8254_read(&pit, 0x40, now) |
			vtr_i8254_read(&pit, 0x40, now) << 8, 900);
	/* Mode 3 counts by two. */
	set_counter(&pit, 0, 3, 1000, now);
	KUNIT_EXPECT_EQ(test, latched(&pit, 0, now + ns_of(100)), 800);
	/* Mode 0 goes on below zero. */
	set_counter(&pit, 0, 0, 10, now);
	KUNIT_EXPECT_EQ(test, latched(&pit, 0, now + ns_of(11)), 0xffff);
}

static void one_shot_comes_once(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC;

	vtr_i8254_reset(&pit);
	set_counter(&pit, 0, 0, 500, now);
	KUNIT_EXPECT_TRUE(test, vtr_i8254_expire(&pit, now + ns_of(500) + 1));
	KUNIT_EXPECT_EQ(test, vtr_i8254_due(&pit), 0);
	KUNIT_EXPECT_FALSE(test, vtr_i8254_expire(&pit, now + ns_of(5000)));
}

/* How boot code measures other clocks: gate, count, wait for the output. */
static void channel_2_has_a_gate_and_an_output(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC;

	vtr_i8254_reset(&pit);
	vtr_i8254_write(&pit, 0x61, 0, now);
	set_counter(&pit, 2, 0, 1193, now);
	KUNIT_EXPECT_FALSE(test, vtr_i8254_read(&pit, 0x61, now + ns_of(5000)) & 0x20);
	vtr_i8254_write(&pit, 0x61, 1, now);
	KUNIT_EXPECT_FALSE(test, vtr_i8254_read(&pit, 0x61, now + ns_of(1192)) & 0x20);
	KUNIT_EXPECT_TRUE(test, vtr_i8254_read(&pit, 0x61, now + ns_of(1193) + 1) & 0x20);
	KUNIT_EXPECT_EQ(test, vtr_i8254_read(&pit, 0x61, now) & 3, 1);
	/* While the gate is low it counts nothing; when it rises it begins anew. */
	vtr_i8254_write(&pit, 0x61, 0, now + ns_of(1000));
	KUNIT_EXPECT_FALSE(test, vtr_i8254_read(&pit, 0x61, now + ns_of(5000)) & 0x20);
	vtr_i8254_write(&pit, 0x61, 1, now + ns_of(6000));
	KUNIT_EXPECT_FALSE(test, vtr_i8254_read(&pit, 0x61, now + ns_of(6000 + 1192)) & 0x20);
	KUNIT_EXPECT_TRUE(test, vtr_i8254_read(&pit, 0x61, now + ns_of(6000 + 1194)) & 0x20);
}

static void the_status_can_be_read_back(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC;

	vtr_i8254_reset(&pit);
	set_counter(&pit, 0, 2, 1000, now);
	vtr_i8254_write(&pit, 0x43, 0xe2, now);	/* status of channel 0 only */
	KUNIT_EXPECT_EQ(test, vtr_i8254_read(&pit, 0x40, now), 0x80 | 0x30 | 2 << 1);
	vtr_i8254_write(&pit, 0x43, 0x34, now);	/* no count yet */
	vtr_i8254_write(&pit, 0x43, 0xe2, now);
	KUNIT_EXPECT_TRUE(test, vtr_i8254_read(&pit, 0x40, now) & 0x40);
}

static void it_counts_in_decimal_if_told(struct kunit *test)
{
	struct vtr_i8254 pit;
	u64 now = NSEC_PER_SEC;

	vtr_i8254_reset(&pit);
	vtr_i8254_write(&pit, 0x43, 0x35, now);
	vtr_i8254_write(&pit, 0x40, 0x00, now);
	vtr_i8254_write(&pit, 0x40, 0x10, now);		/* 1000 */
	KUNIT_EXPECT_EQ(test, latched(&pit, 0, now + ns_of(1)), 0x0999);
}

static void impossible_timers_are_known(struct kunit *test)
{
	struct vtr_i8254 pit, bad;

	vtr_i8254_reset(&pit);
	KUNIT_EXPECT_TRUE(test, vtr_i8254_is_legal(&pit));
	vtr_i8254_write(&pit, 0x43, 0x34, 1000);
	vtr_i8254_write(&pit, 0x40, 0, 1000);
	vtr_i8254_write(&pit, 0x40, 0x40, 1000);
	vtr_i8254_write(&pit, 0x43, 0xc0, 1000);
	KUNIT_EXPECT_TRUE(test, vtr_i8254_is_legal(&pit));
	bad = pit;
	bad.channel[1].mode = 6;
	KUNIT_EXPECT_FALSE(test, vtr_i8254_is_legal(&bad));
	bad = pit;
	bad.channel[2].access = 0;
	KUNIT_EXPECT_FALSE(test, vtr_i8254_is_legal(&bad));
	bad = pit;
	bad.channel[0].latched = 3;
	KUNIT_EXPECT_FALSE(test, vtr_i8254_is_legal(&bad));
	bad = pit;
	bad.channel[0].gate = false;
	KUNIT_EXPECT_FALSE(test, vtr_i8254_is_legal(&bad));
	bad = pit;
	bad.channel[0].fired = true;
	KUNIT_EXPECT_FALSE(test, vtr_i8254_is_legal(&bad));
	/* A count that began before the clock did is due like any other. */
	pit.channel[0].from = -1000000000ULL;
	KUNIT_EXPECT_TRUE(test, vtr_i8254_expire(&pit, 1000));
}

static struct kunit_case i8254_cases[] = {
	KUNIT_CASE(a_rate_generator_ticks_without_end),
	KUNIT_CASE(ticks_can_be_skipped),
	KUNIT_CASE(a_pause_moves_what_is_due),
	KUNIT_CASE(a_count_is_read_while_it_runs),
	KUNIT_CASE(one_shot_comes_once),
	KUNIT_CASE(channel_2_has_a_gate_and_an_output),
	KUNIT_CASE(the_status_can_be_read_back),
	KUNIT_CASE(it_counts_in_decimal_if_told),
	KUNIT_CASE(impossible_timers_are_known),
	{}
};

static struct kunit_suite i8254_suite = {
	.name = "i8254",
	.test_cases = i8254_cases,
};

kunit_test_suites(&ioapic_suite, &i8259_suite, &i8254_suite);
