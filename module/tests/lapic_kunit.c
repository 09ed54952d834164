// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the local APIC the manual's?  KUnit suite "lapic".
 *
 * Pure functions of module/lapic.c: priorities, ends, messages, the timer in its
 * three modes, and the way between xAPIC and x2APIC.
 */
#include <kunit/test.h>
#include <linux/time64.h>

#include "../lapic.h"

#define MASKED	BIT(16)
#define ENABLE	BIT(8)

struct fixture {
	struct vtr_lapic apic;
	struct vtr_lapic_effect effect;
	struct vtr_moment now;
};

static int start(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	vtr_lapic_init(&f->apic, 3, false);
	f->now = (struct vtr_moment) { .ns = 1000000, .tsc = 5000000, .tsc_khz = 2000000 };
	test->priv = f;
	return 0;
}

static int put(struct fixture *f, u32 nr, u64 value)
{
	return vtr_lapic_write(&f->apic, nr, value, &f->now, &f->effect);
}

static u64 get(struct fixture *f, u32 nr)
{
	u64 value;

	return vtr_lapic_read(&f->apic, nr, &f->now, &value) ? ~0ULL : value;
}

static void switch_on(struct fixture *f)
{
	put(f, VTR_LAPIC_SVR, ENABLE | 0xff);
}

static bool fixed(struct fixture *f, u8 vector)
{
	const struct vtr_irq_message m = { .mode = VTR_DELIVER_FIXED, .vector = vector };

	return vtr_lapic_accept(&f->apic, &m);
}

/* ---- priorities -------------------------------------------------------------------- */

static void the_highest_vector_comes_first(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
	fixed(f, 0x41);
	fixed(f, 0xef);
	fixed(f, 0x30);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0xef);
	vtr_lapic_take(&f->apic, 0xef);
	/* A lower class waits for the end of it. */
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_PPR), 0xe0);
	put(f, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0x41);
	vtr_lapic_take(&f->apic, 0x41);
	put(f, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0x30);
}

static void a_handler_is_interrupted_by_a_higher_class_only(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	fixed(f, 0x52);
	vtr_lapic_take(&f->apic, 0x52);
	fixed(f, 0x5f);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
	fixed(f, 0x60);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0x60);
	vtr_lapic_take(&f->apic, 0x60);
	/* EOI ends the higher one, whatever was begun first. */
	put(f, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_PPR), 0x50);
}

static void the_task_priority_holds_back(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	put(f, VTR_LAPIC_TPR, 0x4f);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_PPR), 0x4f);
	fixed(f, 0x4f);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
	fixed(f, 0x50);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0x50);
	put(f, VTR_LAPIC_TPR, 0x3f);
	KUNIT_EXPECT_TRUE(test, f->effect.what & VTR_LAPIC_RECHECK);
	put(f, VTR_LAPIC_TPR, 0xf0);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
}

static void an_end_of_a_level_is_passed_on(struct kunit *test)
{
	const struct vtr_irq_message m = {
		.mode = VTR_DELIVER_FIXED, .vector = 0x61, .level = true,
	};
	struct fixture *f = test->priv;

	switch_on(f);
	vtr_lapic_accept(&f->apic, &m);
	vtr_lapic_take(&f->apic, 0x61);
	put(f, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_TRUE(test, f->effect.what & VTR_LAPIC_ENDS);
	KUNIT_EXPECT_EQ(test, f->effect.vector, 0x61);
	/* The same vector as an edge is not. */
	fixed(f, 0x61);
	vtr_lapic_take(&f->apic, 0x61);
	put(f, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_FALSE(test, f->effect.what & VTR_LAPIC_ENDS);
	/* The program may want to do it itself. */
	put(f, VTR_LAPIC_SVR, ENABLE | BIT(12) | 0xff);
	vtr_lapic_accept(&f->apic, &m);
	vtr_lapic_take(&f->apic, 0x61);
	put(f, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_FALSE(test, f->effect.what & VTR_LAPIC_ENDS);
}

static void an_end_without_a_beginning_does_nothing(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	put(f, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_EQ(test, f->effect.what, 0);
}

/* ---- on and off ---------------------------------------------------------------------- */

static void software_can_switch_it_off(struct kunit *test)
{
	const struct vtr_irq_message nmi = { .mode = VTR_DELIVER_NMI };
	struct fixture *f = test->priv;

	/* That is how it begins. */
	KUNIT_EXPECT_FALSE(test, fixed(f, 0x50));
	put(f, VTR_LAPIC_LVT_TIMER, 0x40);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_LVT_TIMER), MASKED | 0x40);
	switch_on(f);
	put(f, VTR_LAPIC_LVT_TIMER, 0x40);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_LVT_TIMER), 0x40);
	fixed(f, 0x50);
	put(f, VTR_LAPIC_SVR, 0xff);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_LVT_TIMER), MASKED | 0x40);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
	/* What has come is still there. */
	switch_on(f);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0x50);
	/* NMI and INIT come in any case. */
	put(f, VTR_LAPIC_SVR, 0xff);
	KUNIT_EXPECT_TRUE(test, vtr_lapic_accept(&f->apic, &nmi));
	KUNIT_EXPECT_TRUE(test, f->apic.nmi);
}

/* SDM 3A "x2APIC State Transitions": rows are where one is, columns what is written. */
static void modes_change_by_the_picture(struct kunit *test)
{
	enum { OFF, XAPIC, INVALID, X2APIC };
	static const u64 bits[4] = { 0, VTR_APIC_BASE_ON, VTR_APIC_BASE_X2,
				     VTR_APIC_BASE_ON | VTR_APIC_BASE_X2 };
	static const bool legal[4][4] = {
		[OFF]	 = { [OFF] = true, [XAPIC] = true },
		[XAPIC]	 = { [OFF] = true, [XAPIC] = true, [X2APIC] = true },
		[X2APIC] = { [OFF] = true, [X2APIC] = true },
	};

	for (unsigned int from = OFF; from <= X2APIC; from++) {
		for (unsigned int to = OFF; to <= X2APIC; to++) {
			u64 value = VTR_APIC_BASE | bits[to];
			struct vtr_lapic apic;

			if (from == INVALID)
				continue;
			vtr_lapic_init(&apic, 3, false);
			apic.base = VTR_APIC_BASE | bits[from];
			KUNIT_EXPECT_EQ_MSG(test, !vtr_lapic_set_base(&apic, value, 39),
					    legal[from][to], "from %u to %u", from, to);
		}
	}
}

static void x2apic_has_an_id_of_its_own_and_a_fixed_ldr(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_ID), 3 << 24);
	vtr_lapic_init(&f->apic, 0x25, true);
	KUNIT_EXPECT_EQ(test, vtr_lapic_set_base(&f->apic, f->apic.base | VTR_APIC_BASE_X2, 39), 0);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_ID), 0x25);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_LDR), 2 << 16 | 1 << 5);
	KUNIT_EXPECT_EQ(test, put(f, VTR_LAPIC_LDR, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, put(f, VTR_LAPIC_DFR, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, put(f, VTR_LAPIC_EOI, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, put(f, VTR_LAPIC_TPR, 0x100), -EINVAL);
	KUNIT_EXPECT_EQ(test, put(f, VTR_LAPIC_EOI, 0), 0);
}

/* ---- messages -------------------------------------------------------------------------- */

static bool to(struct vtr_lapic *apic, u32 dest, bool logical)
{
	const struct vtr_irq_message m = { .dest = dest, .logical = logical };

	return vtr_lapic_matches(apic, NULL, &m);
}

static void destinations_are_found(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vtr_lapic *apic = &f->apic;

	KUNIT_EXPECT_TRUE(test, to(apic, 3, false));
	KUNIT_EXPECT_FALSE(test, to(apic, 4, false));
	/* Flat: any common bit. */
	put(f, VTR_LAPIC_LDR, 0x08 << 24);
	KUNIT_EXPECT_TRUE(test, to(apic, 0x0c, true));
	KUNIT_EXPECT_FALSE(test, to(apic, 0x04, true));
	/* Clusters: the same number and a common bit of four. */
	put(f, VTR_LAPIC_DFR, 0);
	put(f, VTR_LAPIC_LDR, 0x28 << 24);
	KUNIT_EXPECT_TRUE(test, to(apic, 0x29, true));
	KUNIT_EXPECT_FALSE(test, to(apic, 0x39, true));
	KUNIT_EXPECT_FALSE(test, to(apic, 0x21, true));
	/* x2APIC: clusters of 16. */
	vtr_lapic_set_base(apic, apic->base | VTR_APIC_BASE_X2, 39);
	KUNIT_EXPECT_TRUE(test, to(apic, 1 << 3, true));
	KUNIT_EXPECT_FALSE(test, to(apic, 1 << 16 | 1 << 3, true));
	/* Switched off, nothing reaches it. */
	vtr_lapic_set_base(apic, VTR_APIC_BASE, 39);
	KUNIT_EXPECT_FALSE(test, to(apic, 3, false));
}

static void shorthands_name_the_sender(struct kunit *test)
{
	static const bool expected[4][2] = {
		/*			 self   other */
		[VTR_TO_SELF]	    = { true,  false },
		[VTR_TO_ALL]	    = { true,  true },
		[VTR_TO_OTHERS]	    = { false, true },
	};
	struct vtr_lapic self, other;

	vtr_lapic_init(&self, 0, true);
	vtr_lapic_init(&other, 1, false);
	for (u8 shorthand = VTR_TO_SELF; shorthand <= VTR_TO_OTHERS; shorthand++) {
		const struct vtr_irq_message m = { .dest = 9, .shorthand = shorthand };

		KUNIT_EXPECT_EQ(test, vtr_lapic_matches(&self, &self, &m), expected[shorthand][0]);
		KUNIT_EXPECT_EQ(test, vtr_lapic_matches(&other, &self, &m), expected[shorthand][1]);
	}
}

static void the_icr_sends(struct kunit *test)
{
	struct fixture *f = test->priv;
	const struct vtr_irq_message *ipi = &f->effect.ipi;

	switch_on(f);
	put(f, VTR_LAPIC_ICR_HIGH, 7 << 24);
	KUNIT_EXPECT_EQ(test, f->effect.what, 0);
	put(f, VTR_LAPIC_ICR, 0x4000 | VTR_DELIVER_FIXED << 8 | 0x77);
	KUNIT_EXPECT_EQ(test, f->effect.what, VTR_LAPIC_SENDS);
	KUNIT_EXPECT_EQ(test, ipi->dest, 7);
	KUNIT_EXPECT_EQ(test, ipi->vector, 0x77);
	KUNIT_EXPECT_FALSE(test, ipi->broadcast);
	put(f, VTR_LAPIC_ICR_HIGH, 0xffu << 24);
	put(f, VTR_LAPIC_ICR, 0x4000 | VTR_DELIVER_NMI << 8);
	KUNIT_EXPECT_TRUE(test, ipi->broadcast);
	KUNIT_EXPECT_EQ(test, ipi->mode, VTR_DELIVER_NMI);
	/* INIT de-assert means nothing. */
	put(f, VTR_LAPIC_ICR, 0x8000 | VTR_DELIVER_INIT << 8);
	KUNIT_EXPECT_EQ(test, f->effect.what, 0);
	put(f, VTR_LAPIC_ICR, 0xc000 | VTR_DELIVER_INIT << 8);
	KUNIT_EXPECT_EQ(test, f->effect.what, VTR_LAPIC_SENDS);
	/* In x2APIC mode it is one register of 64 bits, and there is a short cut to oneself. */
	vtr_lapic_set_base(&f->apic, f->apic.base | VTR_APIC_BASE_X2, 39);
	put(f, VTR_LAPIC_ICR, 0x10005ULL << 32 | VTR_DELIVER_FIXED << 8 | 0x31);
	KUNIT_EXPECT_EQ(test, ipi->dest, 0x10005);
	put(f, VTR_LAPIC_SELF_IPI, 0x44);
	KUNIT_EXPECT_EQ(test, ipi->shorthand, VTR_TO_SELF);
	KUNIT_EXPECT_EQ(test, ipi->vector, 0x44);
}

static void a_start_up_ipi_is_kept_for_who_waits(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vtr_irq_message m = { .mode = VTR_DELIVER_STARTUP, .vector = 0x9a };

	KUNIT_EXPECT_TRUE(test, vtr_lapic_accept(&f->apic, &m));
	KUNIT_EXPECT_TRUE(test, f->apic.sipi);
	KUNIT_EXPECT_EQ(test, f->apic.sipi_page, 0x9a);
	/* One that came before the INIT is not meant. */
	m.mode = VTR_DELIVER_INIT;
	KUNIT_EXPECT_TRUE(test, vtr_lapic_accept(&f->apic, &m));
	KUNIT_EXPECT_TRUE(test, f->apic.init);
	KUNIT_EXPECT_FALSE(test, f->apic.sipi);
}

static void errors_are_noted_and_interrupt(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	put(f, VTR_LAPIC_LVT_ERROR, 0xfe);
	put(f, VTR_LAPIC_ICR, 5);		/* no vector below 16 */
	KUNIT_EXPECT_FALSE(test, f->effect.what & VTR_LAPIC_SENDS);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0xfe);
	/* It shows after a write, which also begins anew. */
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_ESR), 0);
	put(f, VTR_LAPIC_ESR, 0);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_ESR), BIT(5));
	fixed(f, 15);
	get(f, 0x3d);				/* no register */
	put(f, VTR_LAPIC_ESR, 0);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_ESR), BIT(6) | BIT(7));
	put(f, VTR_LAPIC_ESR, 0);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_ESR), 0);
}

/* Until software has read of it a further error of the same kind is no news. */
static void an_error_interrupts_once(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	put(f, VTR_LAPIC_LVT_ERROR, 0xfe);
	put(f, VTR_LAPIC_ICR, 5);
	KUNIT_ASSERT_EQ(test, vtr_lapic_next(&f->apic), 0xfe);
	vtr_lapic_take(&f->apic, 0xfe);
	put(f, VTR_LAPIC_EOI, 0);
	put(f, VTR_LAPIC_ICR, 5);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
	put(f, VTR_LAPIC_ESR, 0);
	put(f, VTR_LAPIC_ICR, 5);
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0xfe);
}

/* ---- the timer -------------------------------------------------------------------------- */

static void at(struct fixture *f, u64 ns)
{
	/* 2 GHz. */
	f->now.tsc += (ns - f->now.ns) * 2;
	f->now.ns = ns;
}

static void one_shot_expires_once(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 begun = f->now.ns;

	switch_on(f);
	put(f, VTR_LAPIC_LVT_TIMER, 0xec);
	put(f, VTR_LAPIC_DIVIDE, 0xb);		/* by 1 */
	put(f, VTR_LAPIC_INITIAL, 100);
	KUNIT_EXPECT_TRUE(test, f->effect.what & VTR_LAPIC_TIMER);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), begun + 100 * VTR_CRYSTAL_NS);
	at(f, begun + 30 * VTR_CRYSTAL_NS);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 70);
	at(f, begun + 100 * VTR_CRYSTAL_NS - 1);
	KUNIT_EXPECT_FALSE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	at(f, begun + 100 * VTR_CRYSTAL_NS);
	KUNIT_EXPECT_TRUE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0xec);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 0);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
}

/* SDM 3A "Divide Configuration Register": the codes are not in order. */
static void the_clock_is_divided(struct kunit *test)
{
	static const struct { u32 code, by; } divides[] = {
		{ 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 },
		{ 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 },
	};
	struct fixture *f = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(divides); i++) {
		put(f, VTR_LAPIC_DIVIDE, divides[i].code);
		put(f, VTR_LAPIC_INITIAL, 10);
		KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now) - f->now.ns,
				10ULL * divides[i].by * VTR_CRYSTAL_NS);
	}
}

static void periodic_ticks_are_not_lost(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 begun = f->now.ns, period = 10 * VTR_CRYSTAL_NS;
	unsigned int ticks = 0;

	switch_on(f);
	put(f, VTR_LAPIC_LVT_TIMER, BIT(17) | 0x33);
	put(f, VTR_LAPIC_DIVIDE, 0xb);
	put(f, VTR_LAPIC_INITIAL, 10);
	at(f, begun + 4 * period + 3 * VTR_CRYSTAL_NS);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 7);
	/* Four are due; the next one comes when the one before was taken. */
	KUNIT_EXPECT_TRUE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_FALSE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	do {
		vtr_lapic_take(&f->apic, 0x33);
		put(f, VTR_LAPIC_EOI, 0);
		ticks++;
	} while (vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_EQ(test, ticks, 4);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), begun + 5 * period);
}

static void a_pause_moves_what_is_due(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 begun = f->now.ns, period = 10 * VTR_CRYSTAL_NS;

	switch_on(f);
	/* A timer that does not run is not set off by a pause. */
	vtr_lapic_shift(&f->apic, NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
	put(f, VTR_LAPIC_LVT_TIMER, BIT(17) | 0x33);
	put(f, VTR_LAPIC_DIVIDE, 0xb);
	put(f, VTR_LAPIC_INITIAL, 10);
	at(f, begun + 3 * VTR_CRYSTAL_NS + NSEC_PER_SEC);
	vtr_lapic_shift(&f->apic, NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 7);
	KUNIT_EXPECT_FALSE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now),
			begun + period + NSEC_PER_SEC);
}

static void a_deadline_is_a_moment_of_the_guests_counter(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 begun = f->now.ns;

	switch_on(f);
	/* In another mode the MSR does nothing. */
	vtr_lapic_set_deadline(&f->apic, 1);
	KUNIT_EXPECT_EQ(test, vtr_lapic_get_deadline(&f->apic), 0);
	put(f, VTR_LAPIC_LVT_TIMER, BIT(18) | 0x34);
	put(f, VTR_LAPIC_INITIAL, 10);		/* nor this one here */
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
	vtr_lapic_set_deadline(&f->apic, f->now.tsc + 2000000);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), begun + 1000000 + 1);
	at(f, begun + 999999);
	KUNIT_EXPECT_FALSE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	at(f, begun + 1000001);
	KUNIT_EXPECT_TRUE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0x34);
	KUNIT_EXPECT_EQ(test, vtr_lapic_get_deadline(&f->apic), 0);
	/* A moment that is over is now. */
	vtr_lapic_set_deadline(&f->apic, 1);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), f->now.ns);
}

/* In ns such a moment does not fit into 64 bits. */
static void a_deadline_in_a_thousand_years_is_never(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	f->now.tsc_khz = 10000;
	put(f, VTR_LAPIC_LVT_TIMER, BIT(18) | 0x34);
	vtr_lapic_set_deadline(&f->apic, ~0ULL);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
	vtr_lapic_set_deadline(&f->apic, 1ULL << 62);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
	KUNIT_EXPECT_FALSE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_EQ(test, vtr_lapic_get_deadline(&f->apic), 1ULL << 62);
	/* A hundred years are a moment like others. */
	vtr_lapic_set_deadline(&f->apic, f->now.tsc + 100ULL * 365 * 86400 * 10000 * 1000);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now),
			f->now.ns + 100ULL * 365 * 86400 * NSEC_PER_SEC + 1);
}

static void changing_the_mode_stops_it(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	put(f, VTR_LAPIC_LVT_TIMER, 0x33);
	put(f, VTR_LAPIC_INITIAL, 10);
	put(f, VTR_LAPIC_LVT_TIMER, BIT(18) | 0x33);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
	vtr_lapic_set_deadline(&f->apic, f->now.tsc + 1000);
	put(f, VTR_LAPIC_LVT_TIMER, 0x33);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
}

static void a_masked_timer_runs_and_is_silent(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	put(f, VTR_LAPIC_LVT_TIMER, MASKED | 0x33);
	put(f, VTR_LAPIC_INITIAL, 10);
	at(f, f->now.ns + 1000 * VTR_CRYSTAL_NS);
	KUNIT_EXPECT_TRUE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), -1);
}

/* Nobody hears its ticks: it needs no timer of the host, and none is made up for. */
static void ticks_that_are_masked_are_lost(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 begun = f->now.ns, period = 10 * VTR_CRYSTAL_NS;

	switch_on(f);
	put(f, VTR_LAPIC_DIVIDE, 0xb);
	put(f, VTR_LAPIC_LVT_TIMER, MASKED | BIT(17) | 0x33);
	put(f, VTR_LAPIC_INITIAL, 10);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), 0);
	at(f, begun + 1000 * period + 3 * VTR_CRYSTAL_NS);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 7);
	put(f, VTR_LAPIC_LVT_TIMER, BIT(17) | 0x33);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now), begun + 1001 * period);
}

/* With a slower divider the count seems to have begun before the clock did. */
static void the_divider_changes_on_the_way(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	f->now.ns = 1000;
	put(f, VTR_LAPIC_DIVIDE, 0xb);
	put(f, VTR_LAPIC_LVT_TIMER, 0x33);
	put(f, VTR_LAPIC_INITIAL, 100);
	at(f, 1000 + 50 * VTR_CRYSTAL_NS);
	put(f, VTR_LAPIC_DIVIDE, 0xa);		/* by 128 */
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 50);
	KUNIT_EXPECT_EQ(test, vtr_lapic_timer_due(&f->apic, &f->now),
			f->now.ns + 50 * 128 * VTR_CRYSTAL_NS);
	at(f, f->now.ns + 10 * 128 * VTR_CRYSTAL_NS);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 40);
}

/* SDM 3A "x2APIC State Transitions": an INIT keeps the mode and both ids. */
static void an_init_stays_in_x2apic_mode(struct kunit *test)
{
	struct fixture *f = test->priv;
	u64 ldr;

	KUNIT_EXPECT_EQ(test, vtr_lapic_set_base(&f->apic, f->apic.base | VTR_APIC_BASE_X2, 39), 0);
	ldr = get(f, VTR_LAPIC_LDR);
	vtr_lapic_reset(&f->apic);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_ID), 3);
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_LDR), ldr);
	KUNIT_EXPECT_EQ(test, ldr, BIT(3));
}

static void who_is_switched_off_is_no_candidate(struct kunit *test)
{
	const struct vtr_irq_message all = { .mode = VTR_DELIVER_LOWEST, .broadcast = true };
	struct fixture *f = test->priv;

	KUNIT_EXPECT_FALSE(test, vtr_lapic_matches(&f->apic, NULL, &all));
	switch_on(f);
	KUNIT_EXPECT_TRUE(test, vtr_lapic_matches(&f->apic, NULL, &all));
}

/* ---- a state from outside ---------------------------------------------------------------- */

static bool legal(const struct vtr_lapic *apic)
{
	return vtr_lapic_is_legal(apic, 39);
}

/* Whatever a guest can do leads to a state that can be put back. */
static void states_of_guests_are_legal(struct kunit *test)
{
	struct fixture *f = test->priv;

	KUNIT_EXPECT_TRUE(test, legal(&f->apic));
	vtr_lapic_init(&f->apic, 0, true);
	KUNIT_EXPECT_TRUE(test, legal(&f->apic));
	for (u32 nr = 0; nr < VTR_LAPIC_NR_REGS; nr++) {
		put(f, nr, 0xffffffff);
		KUNIT_EXPECT_TRUE_MSG(test, legal(&f->apic), "all bits of register %#x", nr);
		put(f, nr, 0);
		KUNIT_EXPECT_TRUE_MSG(test, legal(&f->apic), "no bit of register %#x", nr);
	}
	switch_on(f);
	for (u32 mode = 0; mode < 4; mode++) {
		put(f, VTR_LAPIC_LVT_TIMER, mode << 17 | 0x40);
		put(f, VTR_LAPIC_INITIAL, 5);
		vtr_lapic_set_deadline(&f->apic, 7);
		KUNIT_EXPECT_TRUE_MSG(test, legal(&f->apic), "timer mode %u", mode);
	}
	fixed(f, 0xff);
	fixed(f, 3);
	vtr_lapic_take(&f->apic, 0xff);
	KUNIT_EXPECT_TRUE(test, legal(&f->apic));
	vtr_lapic_set_base(&f->apic, VTR_APIC_BASE | VTR_APIC_BASE_ON | VTR_APIC_BASE_X2, 39);
	put(f, VTR_LAPIC_ICR, 0x4004000000041ULL);
	KUNIT_EXPECT_TRUE(test, legal(&f->apic));
	vtr_lapic_set_base(&f->apic, VTR_APIC_BASE, 39);
	KUNIT_EXPECT_TRUE(test, legal(&f->apic));
}

/* One register that no local APIC holds; those of the timer would divide by zero. */
static void other_states_are_not(struct kunit *test)
{
	static const struct { u32 nr, value; } rows[] = {
		{ VTR_LAPIC_ID, 4 << 24 }, { VTR_LAPIC_VERSION, 0 }, { VTR_LAPIC_TPR, 0x100 },
		{ VTR_LAPIC_PPR, 1 }, { VTR_LAPIC_EOI, 1 }, { VTR_LAPIC_LDR, 1 },
		{ VTR_LAPIC_DFR, 0xf0000000 }, { VTR_LAPIC_SVR, 0x300 }, { VTR_LAPIC_ISR, 1 },
		{ VTR_LAPIC_IRR, 1 << 15 }, { VTR_LAPIC_ESR, 1 }, { VTR_LAPIC_ICR, BIT(12) },
		{ VTR_LAPIC_LVT_TIMER, 0x40 }, { VTR_LAPIC_LVT_ERROR, BIT(16) | 0x400 },
		{ VTR_LAPIC_CURRENT, 1 }, { VTR_LAPIC_DIVIDE, 4 }, { 0, 1 }, { 0x2f, 1 },
	};
	struct fixture *f = test->priv;
	struct vtr_lapic apic;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		apic = f->apic;
		apic.reg[rows[i].nr] = rows[i].value;
		KUNIT_EXPECT_FALSE_MSG(test, legal(&apic), "register %#x", rows[i].nr);
	}
	apic = f->apic;
	apic.count_from = 1;
	KUNIT_EXPECT_FALSE(test, legal(&apic));
	apic = f->apic;
	apic.tsc_deadline = 1;
	KUNIT_EXPECT_FALSE(test, legal(&apic));
	apic = f->apic;
	apic.new_errors = 1;
	KUNIT_EXPECT_FALSE(test, legal(&apic));
	apic = f->apic;
	apic.base |= 1;
	KUNIT_EXPECT_FALSE(test, legal(&apic));
	apic.base = VTR_APIC_BASE | VTR_APIC_BASE_X2;
	KUNIT_EXPECT_FALSE(test, legal(&apic));
	/* The mode changes what the ids look like. */
	apic.base = VTR_APIC_BASE | VTR_APIC_BASE_ON | VTR_APIC_BASE_X2;
	KUNIT_EXPECT_FALSE(test, legal(&apic));
}

/* It began on another host, whose clock was ahead of this one's. */
static void a_count_may_have_begun_before_the_clock(struct kunit *test)
{
	struct fixture *f = test->priv;

	switch_on(f);
	put(f, VTR_LAPIC_DIVIDE, 0xb);
	put(f, VTR_LAPIC_LVT_TIMER, 0x40);
	put(f, VTR_LAPIC_INITIAL, 5000);
	f->apic.count_from = f->now.ns - 4000 * 1000;
	KUNIT_EXPECT_TRUE(test, legal(&f->apic));
	KUNIT_EXPECT_EQ(test, get(f, VTR_LAPIC_CURRENT), 1000);
	KUNIT_EXPECT_FALSE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	/* Due, but at a moment before the clock began. */
	f->apic.count_from = f->now.ns - 7000 * 1000;
	KUNIT_EXPECT_TRUE(test, vtr_lapic_timer_expire(&f->apic, &f->now));
	KUNIT_EXPECT_EQ(test, vtr_lapic_next(&f->apic), 0x40);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(the_highest_vector_comes_first),
	KUNIT_CASE(a_handler_is_interrupted_by_a_higher_class_only),
	KUNIT_CASE(the_task_priority_holds_back),
	KUNIT_CASE(an_end_of_a_level_is_passed_on),
	KUNIT_CASE(an_end_without_a_beginning_does_nothing),
	KUNIT_CASE(software_can_switch_it_off),
	KUNIT_CASE(modes_change_by_the_picture),
	KUNIT_CASE(x2apic_has_an_id_of_its_own_and_a_fixed_ldr),
	KUNIT_CASE(destinations_are_found),
	KUNIT_CASE(shorthands_name_the_sender),
	KUNIT_CASE(the_icr_sends),
	KUNIT_CASE(a_start_up_ipi_is_kept_for_who_waits),
	KUNIT_CASE(errors_are_noted_and_interrupt),
	KUNIT_CASE(an_error_interrupts_once),
	KUNIT_CASE(one_shot_expires_once),
	KUNIT_CASE(the_clock_is_divided),
	KUNIT_CASE(periodic_ticks_are_not_lost),
	KUNIT_CASE(a_pause_moves_what_is_due),
	KUNIT_CASE(a_deadline_is_a_moment_of_the_guests_counter),
	KUNIT_CASE(a_deadline_in_a_thousand_years_is_never),
	KUNIT_CASE(changing_the_mode_stops_it),
	KUNIT_CASE(a_masked_timer_runs_and_is_silent),
	KUNIT_CASE(ticks_that_are_masked_are_lost),
	KUNIT_CASE(the_divider_changes_on_the_way),
	KUNIT_CASE(an_init_stays_in_x2apic_mode),
	KUNIT_CASE(who_is_switched_off_is_no_candidate),
	KUNIT_CASE(states_of_guests_are_legal),
	KUNIT_CASE(other_states_are_not),
	KUNIT_CASE(a_count_may_have_begun_before_the_clock),
	{}
};

static struct kunit_suite suite = {
	.name = "lapic",
	.init = start,
	.test_cases = cases,
};

kunit_test_suite(suite);
