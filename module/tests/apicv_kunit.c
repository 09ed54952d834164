// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of a local APIC that the processor does by itself.  KUnit suite "apicv".
 *
 * The fake back end is the processor here: steps of its script take vectors, end them
 * and write registers on the page, as the manual says; then the local APIC must be what a
 * module that does all by hand would have made of it.
 */
#include <linux/bitops.h>
#include <linux/ktime.h>
#include <asm/msr-index.h>

#include "../irqchip.h"
#include "machine.h"

#define AT(nr)		((nr) * 4)
#define LINE		10
#define ALL		(VTR_APICV_CR8 | VTR_APICV_XAPIC | VTR_APICV_X2APIC | VTR_APICV_DELIVERY)

static const struct vtr_exit halts = {
	.kind = VTR_HW_HLT, .hw_reason = FAKE_HLT_REASON, .insn_bytes = 1,
};

static const struct vtr_exit goes_on = { .kind = VTR_HW_NOTICE };

static int start(struct kunit *test)
{
	fake_backend.info.apicv = ALL;
	vtr_apicv_level = 2;
	return machine_start_irqchip(test);
}

static int start_by_hand(struct kunit *test)
{
	fake_backend.info.apicv = ALL;
	vtr_apicv_level = 0;
	return machine_start_irqchip(test);
}

static int start_with_timer(struct kunit *test)
{
	fake_backend.info.apicv = ALL;
	fake_backend.info.timer = true;
	return machine_start_irqchip(test);
}

static void finish(struct kunit *test)
{
	machine_finish(test);
	fake_backend.info.apicv = 0;
	fake_backend.info.timer = false;
	vtr_apicv_level = 1;
}

static struct vtr_lapic *lapic(struct machine *m)
{
	return &m->vcpu->base.lapic;
}

static void request(struct machine *m, u8 vector)
{
	const struct vtr_msi msi = {
		.size = sizeof(msi), .address = VTR_APIC_BASE | 5 << 12, .data = vector,
	};

	vtr_irqchip_send_msi(&m->vm, &msi);
}

/* Run a stay for each function of @in_guest, and stop. */
static void stay(struct machine *m, void (*in_guest)(struct fake_vcpu *v))
{
	const struct fake_step script[] = {
		{ .exit = goes_on, .in_guest = in_guest }, { .exit = { .kind = VTR_HW_TRIPLE } },
	};

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	RUN(m, script);
	m->vcpu->base.activity = VTR_ACTIVE;
}

static void assign(u32 *page, u32 set, u8 vector, bool on)
{
	u32 *word = &page[AT(set + vector / 32)];

	*word = on ? *word | BIT(vector % 32) : *word & ~BIT(vector % 32);
}

static bool is_set(const struct vtr_lapic *apic, u32 set, u8 vector)
{
	return apic->reg[set + vector / 32] & BIT(vector % 32);
}

/* ---- delivery ---------------------------------------------------------------------- */

static void takes_what_is_requested(struct fake_vcpu *v)
{
	u8 vector = v->apicv.requested;

	if (!vector)
		return;
	assign(v->base.vapic, VTR_LAPIC_IRR, vector, false);
	assign(v->base.vapic, VTR_LAPIC_ISR, vector, true);
}

static void the_processor_takes_a_vector(struct kunit *test)
{
	struct machine *m = test->priv;

	request(m, 0x55);
	request(m, 0x33);
	stay(m, takes_what_is_requested);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 0u);
	KUNIT_EXPECT_TRUE(test, is_set(lapic(m), VTR_LAPIC_ISR, 0x55));
	KUNIT_EXPECT_FALSE(test, vtr_lapic_requested(lapic(m), 0x55));
	KUNIT_EXPECT_TRUE(test, is_set(lapic(m), VTR_LAPIC_IRR, 0x33));
	/* The next entry says so: it was the last one of the script. */
	KUNIT_EXPECT_EQ(test, m->vcpu->apicv.requested, 0x33);
	KUNIT_EXPECT_EQ(test, m->vcpu->apicv.in_service, 0x55);
	KUNIT_EXPECT_FALSE(test, m->vcpu->interrupt_window);
}

/* Nothing is lent for this stay: nothing has changed since the exit before. */
static void ends_it(struct fake_vcpu *v)
{
	assign(v->base.vapic, VTR_LAPIC_ISR, 0x55, false);
}

static void the_processor_ends_a_vector(struct kunit *test)
{
	struct machine *m = test->priv;

	request(m, 0x55);
	stay(m, takes_what_is_requested);
	stay(m, ends_it);
	KUNIT_EXPECT_FALSE(test, is_set(lapic(m), VTR_LAPIC_ISR, 0x55));
	request(m, 0x44);
	stay(m, takes_what_is_requested);
	KUNIT_EXPECT_EQ(test, m->vcpu->apicv.in_service, 0);
	KUNIT_EXPECT_TRUE(test, is_set(lapic(m), VTR_LAPIC_ISR, 0x44));
}

/* The same vector comes again while the processor has it: taken already or not? */
static void a_request_meanwhile_is_not_lost(struct kunit *test)
{
	const struct vtr_irq_message again = { .mode = VTR_DELIVER_FIXED, .vector = 0x55 };
	u32 *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL), taken[VTR_LAPIC_SET_WORDS];

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (int was_taken = 0; was_taken <= 1; was_taken++) {
		struct vtr_lapic apic;
		struct vtr_apicv apicv = {};

		vtr_lapic_init(&apic, 0, true);
		apic.lends = true;
		vtr_lapic_accept(&apic, &again);
		vtr_apicv_lend(&apic, &apicv);
		vtr_apicv_show(&apic, page);
		KUNIT_EXPECT_EQ(test, apicv.requested, 0x55);
		KUNIT_EXPECT_TRUE(test, vtr_lapic_requested(&apic, 0x55));
		if (was_taken) {
			assign(page, VTR_LAPIC_IRR, 0x55, false);
			assign(page, VTR_LAPIC_ISR, 0x55, true);
		}
		vtr_lapic_accept(&apic, &again);
		vtr_apicv_take_back(&apic, page, taken);
		KUNIT_EXPECT_TRUE(test, is_set(&apic, VTR_LAPIC_IRR, 0x55));
		KUNIT_EXPECT_EQ(test, is_set(&apic, VTR_LAPIC_ISR, 0x55), was_taken);
		KUNIT_EXPECT_EQ(test, taken[0x55 / 32], was_taken ? BIT(0x55 % 32) : 0);
	}
}

static void calls_itself(struct fake_vcpu *v)
{
	assign(v->base.vapic, VTR_LAPIC_IRR, 0x77, true);
	v->base.vapic[AT(VTR_LAPIC_ICR)] = 0x44077;
}

static void an_ipi_to_itself_is_found(struct kunit *test)
{
	struct machine *m = test->priv;

	stay(m, calls_itself);
	KUNIT_EXPECT_TRUE(test, vtr_lapic_requested(lapic(m), 0x77));
	KUNIT_EXPECT_EQ(test, lapic(m)->reg[VTR_LAPIC_ICR], 0x44077u);
	KUNIT_EXPECT_EQ(test, m->vcpu->apicv.requested, 0x77);
}

static void takes_and_ends(struct fake_vcpu *v)
{
	assign(v->base.vapic, VTR_LAPIC_IRR, v->apicv.requested, false);
}

/* A level that is ended while its line is high comes again. */
static void the_io_apic_hears_of_an_end(struct kunit *test)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_APIC_END, .apic.vector = 0x5a },
		  .in_guest = takes_and_ends },
		{ .exit = { .kind = VTR_HW_TRIPLE } },
	};
	const struct vtr_irq_line high = { .size = sizeof(high), .line = LINE, .level = 1 };
	struct machine *m = test->priv;
	struct vtr_ioapic *ioapic = &m->vm.irqchip->ioapic;

	vtr_ioapic_write(ioapic, 0, 0x10 + 2 * LINE + 1);
	vtr_ioapic_write(ioapic, 0x10, 5u << 24);
	vtr_ioapic_write(ioapic, 0, 0x10 + 2 * LINE);
	vtr_ioapic_write(ioapic, 0x10, 0x805a);
	vtr_irqchip_set_line(&m->vm, &high);
	RUN(m, script);
	KUNIT_EXPECT_EQ(test, m->vcpu->apicv.end_exits[0x5a / 64], BIT_ULL(0x5a % 64));
	KUNIT_EXPECT_TRUE(test, vtr_lapic_requested(lapic(m), 0x5a));
	KUNIT_EXPECT_FALSE(test, is_set(lapic(m), VTR_LAPIC_ISR, 0x5a));
}

/* ---- registers --------------------------------------------------------------------- */

static void writes_spurious_vector(struct fake_vcpu *v)
{
	v->base.vapic[AT(VTR_LAPIC_SVR)] = 0x1d7;
}

static void a_register_that_was_written_takes_effect(struct kunit *test)
{
	const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_APIC_WRITE, .apic.offset = 0xf0 },
		  .in_guest = writes_spurious_vector },
		{ .exit = { .kind = VTR_HW_TRIPLE } },
	};
	struct machine *m = test->priv;

	RUN(m, script);
	KUNIT_EXPECT_EQ(test, lapic(m)->reg[VTR_LAPIC_SVR], 0x1d7u);
	KUNIT_EXPECT_EQ(test, m->vcpu->skips, 0u);
}

static void raises_tpr(struct fake_vcpu *v)
{
	v->base.vapic[AT(VTR_LAPIC_TPR)] = 0x93;
	v->base.vapic[AT(VTR_LAPIC_ICR_HIGH)] = 0x05000000;
}

static void the_task_priority_comes_back(struct kunit *test)
{
	struct machine *m = test->priv;

	stay(m, raises_tpr);
	KUNIT_EXPECT_EQ(test, lapic(m)->reg[VTR_LAPIC_TPR], 0x93u);
	KUNIT_EXPECT_EQ(test, lapic(m)->reg[VTR_LAPIC_ICR_HIGH], 0x05000000u);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.cr8, 9ULL);
}

/* What TPR holds back must be heard of when it falls; what waits for EOI need not. */
static void the_threshold(struct kunit *test)
{
	const struct vtr_irq_message m = { .mode = VTR_DELIVER_FIXED, .vector = 0x55 };
	struct vtr_lapic apic;

	vtr_lapic_init(&apic, 0, true);
	apic.reg[VTR_LAPIC_TPR] = 0x90;
	KUNIT_EXPECT_EQ(test, vtr_lapic_threshold(&apic), 0u);
	vtr_lapic_accept(&apic, &m);
	KUNIT_EXPECT_EQ(test, vtr_lapic_threshold(&apic), 5u);
	apic.reg[VTR_LAPIC_TPR] = 0x50;
	KUNIT_EXPECT_EQ(test, vtr_lapic_threshold(&apic), 5u);
	apic.reg[VTR_LAPIC_TPR] = 0x4f;
	KUNIT_EXPECT_EQ(test, vtr_lapic_threshold(&apic), 0u);
	apic.reg[VTR_LAPIC_TPR] = 0x90;
	apic.reg[VTR_LAPIC_ISR + 2] = BIT(0x58 - 64);
	KUNIT_EXPECT_EQ(test, vtr_lapic_threshold(&apic), 0u);
}

/* ---- how much of it ---------------------------------------------------------------- */

static unsigned int does_with(struct machine *m, u64 base)
{
	lapic(m)->base = base;
	return vtr_apicv_does(&m->vcpu->base);
}

static void it_depends_on_the_mode(struct kunit *test)
{
	const u64 on = VTR_APIC_BASE_ON, x2 = VTR_APIC_BASE_ON | VTR_APIC_BASE_X2;
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, does_with(m, VTR_APIC_BASE | on),
			VTR_APICV_CR8 | VTR_APICV_XAPIC | VTR_APICV_DELIVERY);
	KUNIT_EXPECT_EQ(test, does_with(m, VTR_APIC_BASE | x2),
			VTR_APICV_CR8 | VTR_APICV_X2APIC | VTR_APICV_DELIVERY);
	KUNIT_EXPECT_EQ(test, does_with(m, VTR_APIC_BASE), VTR_APICV_CR8);
	KUNIT_EXPECT_EQ(test, does_with(m, 0xfed10000 | on), VTR_APICV_CR8);
	m->vm.irqchip->apicv = 0;
	KUNIT_EXPECT_EQ(test, does_with(m, VTR_APIC_BASE | on), 0u);
}

static void leaving_the_page_takes_it_away(struct kunit *test)
{
	struct machine *m = test->priv;

	machine_load(m);
	preempt_disable();
	KUNIT_EXPECT_EQ(test, vtr_irqchip_write_msr(&m->vcpu->base, MSR_IA32_APICBASE,
						    VTR_APIC_BASE | VTR_APIC_BASE_ON), 0);
	KUNIT_EXPECT_EQ(test, m->apic_page_removals, 0u);
	KUNIT_EXPECT_EQ(test, vtr_irqchip_write_msr(&m->vcpu->base, MSR_IA32_APICBASE,
						    VTR_APIC_BASE | VTR_APIC_BASE_ON |
						    VTR_APIC_BASE_X2), 0);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, m->apic_page_removals, 1u);
	machine_put(m);
}

static void by_hand_it_is_injected(struct kunit *test)
{
	struct machine *m = test->priv;

	KUNIT_EXPECT_NULL(test, m->vcpu->base.vapic);
	request(m, 0x55);
	stay(m, NULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, 0x55);
	KUNIT_EXPECT_TRUE(test, is_set(lapic(m), VTR_LAPIC_ISR, 0x55));
	KUNIT_EXPECT_EQ(test, m->vcpu->apicv.does, 0);
}

/* A guest that halts is woken by a request that the processor then delivers. */
static void a_halted_guest_wakes_up(struct kunit *test)
{
	const struct fake_step script[] = {
		{ .exit = halts }, { .exit = goes_on, .in_guest = takes_what_is_requested },
		{ .exit = { .kind = VTR_HW_TRIPLE } },
	};
	struct machine *m = test->priv;

	request(m, 0x55);
	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	RUN(m, script);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 3u);
	KUNIT_EXPECT_TRUE(test, is_set(lapic(m), VTR_LAPIC_ISR, 0x55));
}

/* ---- registers on the page, without delivery ---------------------------------------- */

static void write_register(struct kunit *test, u32 nr, u64 value)
{
	struct machine *m = test->priv;

	machine_load(m);
	KUNIT_EXPECT_TRUE(test, vtr_irqchip_mmio(&m->vcpu->base, VTR_APIC_BASE + nr * 16, 4, true,
						 &value));
	machine_put(m);
}

static bool looks_before_entry(struct machine *m)
{
	return test_and_clear_bit(VTR_REQ_EVENT, &m->vcpu->base.requests);
}

/* What is frequent is written to the page at once, and nobody looks for interrupts. */
static void frequent_writes_ask_for_nothing(struct kunit *test)
{
	struct machine *m = test->priv;
	u32 *page;

	request(m, 0x55);
	stay(m, NULL);
	page = m->vcpu->base.vapic;
	KUNIT_EXPECT_EQ(test, page[AT(VTR_LAPIC_ISR + 2)], (u32)BIT(0x55 - 64));
	looks_before_entry(m);
	write_register(test, VTR_LAPIC_EOI, 0);
	write_register(test, VTR_LAPIC_ICR_HIGH, 77 << 24);
	write_register(test, VTR_LAPIC_ICR, 0x4066);
	write_register(test, VTR_LAPIC_INITIAL, 1000000);
	KUNIT_EXPECT_FALSE(test, looks_before_entry(m));
	KUNIT_EXPECT_EQ(test, page[AT(VTR_LAPIC_ISR + 2)], 0u);
	KUNIT_EXPECT_EQ(test, page[AT(VTR_LAPIC_ICR_HIGH)], 77u << 24);
	KUNIT_EXPECT_EQ(test, page[AT(VTR_LAPIC_ICR)], 0x4066u);
	KUNIT_EXPECT_EQ(test, page[AT(VTR_LAPIC_INITIAL)], 1000000u);
}

static void an_end_lets_the_next_one_come(struct kunit *test)
{
	struct machine *m = test->priv;

	request(m, 0x55);
	stay(m, NULL);
	request(m, 0x51);
	looks_before_entry(m);
	write_register(test, VTR_LAPIC_EOI, 0);
	KUNIT_EXPECT_TRUE(test, looks_before_entry(m));
}

/* One register can change others: all are shown before the next entry. */
static void other_writes_show_the_whole_page(struct kunit *test)
{
	struct machine *m = test->priv;

	write_register(test, VTR_LAPIC_LVT_ERROR, 0x31);
	stay(m, NULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.vapic[AT(VTR_LAPIC_LVT_ERROR)], 0x31u);
	write_register(test, VTR_LAPIC_SVR, 0xff);
	stay(m, NULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.vapic[AT(VTR_LAPIC_LVT_ERROR)], 0x10031u);
}

/* ---- the timer -------------------------------------------------------------------- */

static void set_deadline(struct kunit *test, u64 value)
{
	struct machine *m = test->priv;

	machine_load(m);
	preempt_disable();
	KUNIT_EXPECT_EQ(test, vtr_irqchip_write_msr(&m->vcpu->base, MSR_IA32_TSC_DEADLINE,
						    value), 0);
	preempt_enable();
	machine_put(m);
}

static void the_processor_counts(struct kunit *test)
{
	struct machine *m = test->priv;

	m->vcpu->tsc_offset = 5000000000;
	write_register(test, VTR_LAPIC_LVT_TIMER, 0x40051);
	set_deadline(test, BIT_ULL(50));
	KUNIT_EXPECT_NE(test, m->vcpu->timer_tsc, 0ULL);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&m->vcpu->base.lapic_timer));
	/* Too early: it goes on. */
	stay(m, NULL);
	KUNIT_EXPECT_NE(test, m->vcpu->timer_tsc, 0ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 0u);
	set_deadline(test, 1);
	stay(m, NULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->timer_tsc, 0ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, 0x51);
}

static void time_passes(struct fake_vcpu *v)
{
	u64 until = ktime_get_ns() + 20 * NSEC_PER_USEC;

	while (ktime_get_ns() < until)
		cpu_relax();
}

/* A guest with interrupts off: its timer must not end one stay after the other. */
static void a_periodic_timer_rests_for_its_tick(struct kunit *test)
{
	const struct fake_step script[] = {
		{ .exit = goes_on, .in_guest = time_passes },
		{ .exit = goes_on, .in_guest = time_passes },
		{ .exit = { .kind = VTR_HW_TRIPLE } },
	};
	struct machine *m = test->priv;

	write_register(test, VTR_LAPIC_LVT_TIMER, 0x20051);
	write_register(test, VTR_LAPIC_INITIAL, 1);
	RUN(m, script);
	m->vcpu->base.activity = VTR_ACTIVE;
	KUNIT_EXPECT_TRUE(test, vtr_lapic_requested(lapic(m), 0x51));
	KUNIT_EXPECT_EQ(test, m->vcpu->timer_tsc, 0ULL);
	stay(m, NULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, 0x51);
	KUNIT_EXPECT_NE(test, m->vcpu->timer_tsc, 0ULL);
}

static void the_host_wakes_a_sleeper(struct kunit *test)
{
	const struct fake_step script[] = {
		{ .exit = halts }, { .exit = goes_on }, { .exit = { .kind = VTR_HW_TRIPLE } },
	};
	struct machine *m = test->priv;

	write_register(test, VTR_LAPIC_LVT_TIMER, 0x51);
	write_register(test, VTR_LAPIC_INITIAL, 500);
	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	RUN(m, script);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, 0x51);
	KUNIT_EXPECT_EQ(test, m->vcpu->timer_tsc, 0ULL);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&m->vcpu->base.lapic_timer));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(the_processor_takes_a_vector),
	KUNIT_CASE(the_processor_ends_a_vector),
	KUNIT_CASE(a_request_meanwhile_is_not_lost),
	KUNIT_CASE(an_ipi_to_itself_is_found),
	KUNIT_CASE(the_io_apic_hears_of_an_end),
	KUNIT_CASE(a_register_that_was_written_takes_effect),
	KUNIT_CASE(the_task_priority_comes_back),
	KUNIT_CASE(the_threshold),
	KUNIT_CASE(it_depends_on_the_mode),
	KUNIT_CASE(leaving_the_page_takes_it_away),
	KUNIT_CASE(a_halted_guest_wakes_up),
	{}
};

static struct kunit_suite suite = {
	.name = "apicv",
	.init = start,
	.exit = finish,
	.test_cases = cases,
};

static struct kunit_case cases_by_hand[] = {
	KUNIT_CASE(by_hand_it_is_injected),
	{}
};

static struct kunit_suite suite_by_hand = {
	.name = "apicv_off",
	.init = start_by_hand,
	.exit = finish,
	.test_cases = cases_by_hand,
};

static struct kunit_case cases_of_timer[] = {
	KUNIT_CASE(frequent_writes_ask_for_nothing),
	KUNIT_CASE(an_end_lets_the_next_one_come),
	KUNIT_CASE(other_writes_show_the_whole_page),
	KUNIT_CASE(the_processor_counts),
	KUNIT_CASE(a_periodic_timer_rests_for_its_tick),
	KUNIT_CASE(the_host_wakes_a_sleeper),
	{}
};

static struct kunit_suite suite_of_timer = {
	.name = "apicv_registers",
	.init = start_with_timer,
	.exit = finish,
	.test_cases = cases_of_timer,
};

kunit_test_suites(&suite, &suite_by_hand, &suite_of_timer);
