// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done about the rare exits of module/rare.c.  KUnit suite "rare".
 *
 * Like handle_kunit.c: one VTR_VCPU_RUN a case on the fake back end.  The
 * second-level tables are a fake one with one entry that can be looked at.
 */
#include <asm/trapnr.h>

#include "machine.h"

#define STEP(kind_, ...) { .exit = { .kind = VTR_HW_##kind_, .insn_bytes = 2, __VA_ARGS__ } }
#define START		0xfff0ULL	/* RIP of the first instruction */

static void expect_death(struct kunit *test, const char *sentence)
{
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_STOPPED);
	KUNIT_EXPECT_STREQ(test, m->vcpu->base.run->sentence, sentence);
	KUNIT_EXPECT_EQ(test, m->vcpu->skips, 0u);
}

static void a_task_switch_is_named(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(TASK_SWITCH, .task = { .selector = 0x28, .source = VTR_TASK_JMP }),
	};

	KUNIT_EXPECT_EQ(test, RUN((struct machine *)test->priv, script), 0);
	expect_death(test, "vCPU 0 at RIP 0xfff0: hardware task switch to the TSS of selector 0x28 by JMP: Vitrine does not switch tasks");
}

static void a_task_gate_is_named_with_its_vector(struct kunit *test)
{
	static const struct fake_step script[] = {
		{
			.exit = { .kind = VTR_HW_TASK_SWITCH,
				  .task = { .selector = 0x30, .source = VTR_TASK_GATE } },
			.undelivered = true,
		},
	};
	struct machine *m = test->priv;

	m->vcpu->base.queued = (struct vtr_event) {
		.kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_UD,
	};
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	expect_death(test, "vCPU 0 at RIP 0xfff0: hardware task switch to the TSS of selector 0x30 by a task gate in the IDT, vector 6: Vitrine does not switch tasks");
}

static void fake_walk(struct vtr_slat_root *root, u64 gpa, struct vtr_slat_walk *w)
{
	*w = (struct vtr_slat_walk) {
		.nr_levels = 2, .level = { 4, 3 }, .entry = { 0x7, 0x123456000 | 0x93 },
	};
}

static int fake_describe(char *buf, size_t room, u64 entry, unsigned int level)
{
	return snprintf(buf, room, "described");
}

/* The entry is shown, the host's frame number in it is not. */
static void a_bad_second_level_entry_is_shown(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(BAD_SLAT, .slat = { .gpa = 0x5000 }),
	};
	static const struct vtr_slat_ops ops = { .walk = fake_walk, .describe = fake_describe };
	struct vtr_slat_root root = { .ops = &ops };
	struct machine *m = test->priv;

	spin_lock_init(&m->vm.mem.lock);
	m->vm.mem.root = &root;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	expect_death(test, "vCPU 0: second-level entry that no processor takes, for guest physical address 0x5000: level 3 holds 0x93 (described)");
}

static void some_exits_only_skip_the_instruction(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(CACHE), STEP(SPIN) };
	struct machine *m = test->priv;

	m->vcpu->regs.rip = START;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START + 2 * 2 + 1);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 0u);
}

static void a_notice_changes_nothing(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(NOTICE) };
	struct machine *m = test->priv;

	m->vcpu->regs.rip = START;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START + 1);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 0u);
}

static void there_is_no_performance_counter(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(PMC) };
	struct machine *m = test->priv;

	m->vcpu->regs.rip = START;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_ASSERT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, X86_TRAP_GP);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].error, 0u);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START + 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_task_switch_is_named),
	KUNIT_CASE(a_task_gate_is_named_with_its_vector),
	KUNIT_CASE(a_bad_second_level_entry_is_shown),
	KUNIT_CASE(some_exits_only_skip_the_instruction),
	KUNIT_CASE(a_notice_changes_nothing),
	KUNIT_CASE(there_is_no_performance_counter),
	{}
};

static struct kunit_suite suite = {
	.name = "rare",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
