// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the run loop do what its plan says?  KUnit suite "run".
 *
 * Drives vtr_vcpu_run() (module/vcpu.c) on the fake back end: entering,
 * leaving, the mode word and the requests, signals, death, windows, stepping,
 * what is counted and what is recorded.  What happens to each kind of exit is
 * handle_kunit.c's subject.
 */
#include <linux/sched/signal.h>

#include "machine.h"

#define CPUID_STEP { .exit = { .kind = VTR_HW_CPUID, .hw_reason = 10, .insn_bytes = 2 } }
#define IRQ_STEP(hook) \
	{ .exit = { .kind = VTR_HW_HOST_IRQ, .hw_reason = 1 }, .in_guest = hook }

static struct vtr_run *page(struct machine *m)
{
	return m->vcpu->base.run;
}

/* ---- in and out ----------------------------------------------------------------- */

static void exits_that_the_kernel_finishes_stay_inside(struct kunit *test)
{
	static const struct fake_step script[] = { CPUID_STEP, IRQ_STEP(NULL), CPUID_STEP };
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 4u);
	/* Two CPUIDs of two bytes and the HLT of the script's end; no byte for the interrupt. */
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, 0xfff0ULL + 2 + 2 + 1);
	KUNIT_EXPECT_EQ(test, page(m)->rip, m->vcpu->regs.rip);
}

static void the_run_page_tells_the_last_exit(struct kunit *test)
{
	static const struct fake_step script[] = {
		CPUID_STEP,
		{ .exit = { .kind = VTR_HW_IO, .hw_reason = 30, .insn_bytes = 1,
			    .qualification = 0x3f80000, .io = { .port = 0x3f8, .bytes = 1 } } },
	};
	struct machine *m = test->priv;

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_IO);
	KUNIT_EXPECT_EQ(test, page(m)->backend, (u32)VTR_BACKEND_FAKE);
	KUNIT_EXPECT_EQ(test, page(m)->hw_reason, 30u);
	KUNIT_EXPECT_EQ(test, page(m)->hw_kind, (u32)VTR_HW_IO);
	KUNIT_EXPECT_EQ(test, page(m)->hw_qualification, 0x3f80000ULL);
	KUNIT_EXPECT_EQ(test, page(m)->insn_bytes, 1u);
	KUNIT_EXPECT_EQ(test, page(m)->exits, 2ULL);
	KUNIT_EXPECT_EQ(test, page(m)->if_flag, 1);
	KUNIT_EXPECT_EQ(test, page(m)->ready_for_injection, 1);
	KUNIT_EXPECT_EQ(test, page(m)->level, 0);
}

static void readiness_follows_the_guest(struct kunit *test)
{
	static const struct fake_step none[] = { };
	struct machine *m = test->priv;

	machine_run(m, none, 0);
	KUNIT_EXPECT_EQ(test, page(m)->ready_for_injection, 0);	/* IF is clear */
	KUNIT_EXPECT_EQ(test, page(m)->if_flag, 0);
	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	machine_run(m, none, 0);
	KUNIT_EXPECT_EQ(test, page(m)->ready_for_injection, 1);
}

/* ---- being told to leave ---------------------------------------------------------- */

static void immediate_exit_prevents_the_entry(struct kunit *test)
{
	static const struct fake_step script[] = { CPUID_STEP };
	struct machine *m = test->priv;

	page(m)->immediate_exit = 1;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_IMMEDIATE);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 0u);
	/* The program clears it, and the guest goes on. */
	page(m)->immediate_exit = 0;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 2u);
}

static void ask_to_leave(struct fake_vcpu *v)
{
	v->base.run->immediate_exit = 1;
}

static void immediate_exit_is_seen_after_an_exit(struct kunit *test)
{
	static const struct fake_step script[] = { IRQ_STEP(ask_to_leave), CPUID_STEP };
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_IMMEDIATE);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 1u);
}

static void send_signal(struct fake_vcpu *v)
{
	send_sig(SIGINT, current, 1);
}

static void a_signal_ends_the_run(struct kunit *test)
{
	static const struct fake_step script[] = { IRQ_STEP(send_signal), CPUID_STEP };
	struct machine *m = test->priv;

	allow_signal(SIGINT);
	KUNIT_EXPECT_EQ(test, RUN(m, script), -EINTR);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 1u);
	/* It is still pending: the guest is not entered at all. */
	KUNIT_EXPECT_EQ(test, RUN(m, script), -EINTR);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 0u);
	flush_signals(current);
	disallow_signal(SIGINT);
	KUNIT_EXPECT_EQ(test, machine_run(m, script + 1, 1), 0);
}

static void kill_vm(struct fake_vcpu *v)
{
	vtr_vm_kill(v->base.vm, "the test kills %s", "it");
}

static void a_dead_vm_is_not_entered(struct kunit *test)
{
	static const struct fake_step script[] = { IRQ_STEP(kill_vm), CPUID_STEP };
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_STOPPED);
	KUNIT_EXPECT_STREQ(test, page(m)->sentence, "the test kills it");
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 1u);
	/* The first sentence stays, for good. */
	vtr_vm_kill(&m->vm, "another one");
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_STOPPED);
	KUNIT_EXPECT_STREQ(test, page(m)->sentence, "the test kills it");
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 0u);
}

static void a_dead_vm_gets_no_new_vcpu(struct kunit *test)
{
	const struct vtr_create_vcpu args = { .size = sizeof(args), .id = 1 };
	struct machine *m = test->priv;

	vtr_vm_kill(&m->vm, "dead");
	KUNIT_EXPECT_EQ(test, vtr_vcpu_create(&m->vm, &args), -EIO);
}

static void vcpu_ids_are_checked(struct kunit *test)
{
	struct vtr_create_vcpu args = { .size = sizeof(args) };
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, vtr_vcpu_create(&m->vm, &args), -EEXIST);
	args.id = VTR_MAX_VCPUS;
	KUNIT_EXPECT_EQ(test, vtr_vcpu_create(&m->vm, &args), -EINVAL);
	args.id = 1;
	args.flags = 1;
	KUNIT_EXPECT_EQ(test, vtr_vcpu_create(&m->vm, &args), -EINVAL);
	KUNIT_EXPECT_EQ(test, m->vm.nr_vcpus, 1u);
}

/* ---- requests ------------------------------------------------------------------------ */

static void ask_for_flush(struct fake_vcpu *v)
{
	vtr_vm_kick_all(v->base.vm, VTR_REQ_FLUSH, false);
}

static void a_flush_is_done_before_the_next_entry(struct kunit *test)
{
	static const struct fake_step script[] = { IRQ_STEP(ask_for_flush), CPUID_STEP };
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	/* A new vCPU begins with one, for what changed while nobody could see it. */
	KUNIT_EXPECT_EQ(test, m->vcpu->flushes, 2u);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 3u);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.requests, 0UL);
}

static void a_request_from_outside_waits(struct kunit *test)
{
	static const struct fake_step script[] = { CPUID_STEP };
	struct machine *m = test->priv;

	vtr_vm_kick_all(&m->vm, VTR_REQ_FLUSH, true);
	vtr_vm_kick_all(&m->vm, VTR_REQ_LEAVE, false);
	KUNIT_EXPECT_EQ(test, m->vcpu->flushes, 0u);
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->flushes, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.requests, 0UL);
}

static void an_idle_vcpu_is_looked_at(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_snapshot *snap = kunit_kzalloc(test, sizeof(*snap), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, snap);
	m->vcpu->base.gpr[VTR_RBX] = 0x1234;
	m->vcpu->regs.gpr[VTR_RSP] = 0x8000;
	KUNIT_EXPECT_EQ(test, vtr_vcpu_snapshot(&m->vcpu->base, snap), 0);
	KUNIT_EXPECT_EQ(test, snap->regs.gpr[VTR_RBX], 0x1234ULL);
	KUNIT_EXPECT_EQ(test, snap->regs.gpr[VTR_RSP], 0x8000ULL);
	KUNIT_EXPECT_EQ(test, snap->regs.rip, 0xfff0ULL);
	KUNIT_EXPECT_NULL(test, m->vcpu->base.snapshot);
}

/* ---- windows and steps ------------------------------------------------------------------ */

static void the_window_that_was_asked_for_is_reported(struct kunit *test)
{
	static const struct fake_step window[] = {
		{ .exit = { .kind = VTR_HW_WINDOW, .hw_reason = 7 } },
		CPUID_STEP,
	};
	struct machine *m = test->priv;

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	page(m)->request_window = 1;
	KUNIT_EXPECT_EQ(test, RUN(m, window), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_WINDOW);
	KUNIT_EXPECT_TRUE(test, m->vcpu->interrupt_window);
	KUNIT_EXPECT_EQ(test, page(m)->ready_for_injection, 1);
	/* Nobody asks any more: not set, and an exit for it is not passed up. */
	page(m)->request_window = 0;
	KUNIT_EXPECT_EQ(test, RUN(m, window), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_FALSE(test, m->vcpu->interrupt_window);
}

static void stepping_by_exits_stops_after_each(struct kunit *test)
{
	static const struct fake_step script[] = { CPUID_STEP, CPUID_STEP };
	struct machine *m = test->priv;

	m->vcpu->base.debug = VTR_DEBUG_STEP_EXIT;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_DEBUG);
	KUNIT_EXPECT_EQ(test, page(m)->debug.what, VTR_DEBUG_STEP_EXIT);
	KUNIT_EXPECT_EQ(test, page(m)->hw_kind, (u32)VTR_HW_CPUID);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->skips, 1u);
}

static void stepping_by_instructions_stops_at_the_trap(struct kunit *test)
{
	static const struct fake_step script[] = {
		/* Events in between are no instruction. */
		IRQ_STEP(NULL),
		{ .exit = { .kind = VTR_HW_SLAT, .slat = { .gpa = 0x1000, .access = 1 } } },
		{ .exit = { .kind = VTR_HW_STEP, .hw_reason = 37 } },
		CPUID_STEP,
	};
	struct machine *m = test->priv;

	m->vcpu->base.debug = VTR_DEBUG_STEP_INSN;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_DEBUG);
	KUNIT_EXPECT_EQ(test, page(m)->debug.what, VTR_DEBUG_STEP_INSN);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 3u);
	/* An instruction that the module does itself is one step, too. */
	KUNIT_EXPECT_EQ(test, machine_run(m, script + 3, 1), 0);
	KUNIT_EXPECT_EQ(test, page(m)->exit, (u32)VTR_EXIT_DEBUG);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 1u);
}

/* ---- counting and recording --------------------------------------------------------------- */

static void exits_are_counted_by_reason(struct kunit *test)
{
	static const struct fake_step script[] = {
		CPUID_STEP, CPUID_STEP, IRQ_STEP(NULL),
		{ .exit = { .kind = VTR_HW_HOST_IRQ, .hw_reason = 5000 } },
	};
	struct machine *m = test->priv;
	struct vtr_vcpu_stats *s = &m->vcpu->base.stats;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, s->exits, 5ULL);
	KUNIT_EXPECT_EQ(test, s->to_user, 1ULL);
	KUNIT_EXPECT_EQ(test, s->count[10], 2ULL);
	KUNIT_EXPECT_EQ(test, s->count[1], 1ULL);
	KUNIT_EXPECT_EQ(test, s->count[FAKE_HLT_REASON], 1ULL);
	/* Reasons that have no place of their own share the last one. */
	KUNIT_EXPECT_EQ(test, s->count[VTR_STATS_REASONS - 1], 1ULL);
}

static void expect_record(struct kunit *test, unsigned int n, enum vtr_trace_kind kind, u64 arg0)
{
	struct machine *m = test->priv;
	struct vtr_trace_ring *ring = m->vcpu->base.ring;
	struct vtr_trace_record *r = (void *)ring + ring->data_offset;

	r += n;
	KUNIT_EXPECT_EQ_MSG(test, r->kind, kind, "record %u", n);
	KUNIT_EXPECT_EQ_MSG(test, r->seq, (u64)n, "record %u", n);
	KUNIT_EXPECT_EQ_MSG(test, r->arg0, arg0, "record %u", n);
	KUNIT_EXPECT_EQ(test, r->version, 1);
	KUNIT_EXPECT_EQ(test, r->vcpu, 0);
}

static void each_arrow_leaves_a_record(struct kunit *test)
{
	static const struct fake_step script[] = {
		CPUID_STEP,
		{ .exit = { .kind = VTR_HW_IO, .hw_reason = 30, .insn_bytes = 1,
			    .io = { .port = 0x3f8, .bytes = 1 } } },
	};
	struct machine *m = test->priv;
	struct vtr_trace_ring *ring = m->vcpu->base.ring;
	struct vtr_trace_record *r = (void *)ring + ring->data_offset;

	m->vcpu->base.gpr[VTR_RAX] = 'A';
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	expect_record(test, 0, VTR_TRACE_FROM_USER, 0);
	expect_record(test, 1, VTR_TRACE_ENTRY, 0);
	expect_record(test, 2, VTR_TRACE_EXIT, 0xfff0);
	expect_record(test, 3, VTR_TRACE_HANDLED, 0);
	expect_record(test, 4, VTR_TRACE_ENTRY, 0);
	expect_record(test, 5, VTR_TRACE_EXIT, 0xfff2);
	expect_record(test, 6, VTR_TRACE_TO_USER, VTR_EXIT_IO);
	KUNIT_EXPECT_EQ(test, ring->head, 7ULL);
	KUNIT_EXPECT_EQ(test, r[5].hw_kind, VTR_HW_IO);
	KUNIT_EXPECT_EQ(test, r[5].hw_reason, 30u);
	KUNIT_EXPECT_EQ(test, r[5].arg1, 0x3f8ULL | 1 << 16);
}

static void the_ring_goes_round(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_trace_ring *ring = m->vcpu->base.ring;
	struct vtr_trace_record *r = (void *)ring + ring->data_offset;
	u64 records = ring->nr_records + 3;

	for (u64 i = 0; i < records; i++)
		vtr_record(&m->vcpu->base, VTR_TRACE_HOST, i);
	KUNIT_EXPECT_EQ(test, ring->head, records);
	KUNIT_EXPECT_EQ(test, r[2].seq, records - 1);
	KUNIT_EXPECT_EQ(test, r[2].arg0, records - 1);
	KUNIT_EXPECT_EQ(test, r[3].seq, 3ULL);
	KUNIT_EXPECT_LE(test, ring->data_offset + (u64)ring->nr_records * ring->record_bytes,
			(u64)(VTR_TRACE_RING_PAGES + 1) * PAGE_SIZE);
}

static void without_the_flag_nothing_is_recorded(struct kunit *test)
{
	static const struct fake_step script[] = { CPUID_STEP };
	struct machine *m = test->priv;

	m->vm.flags = 0;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.ring->head, 0ULL);
}

/* ---- would it enter? ------------------------------------------------------------------ */

static void check_loaded(struct machine *m, struct vtr_entry_check *check)
{
	mutex_lock(&m->vcpu->base.mutex);
	vtr_vcpu_load(&m->vcpu->base);
	vtr_vcpu_check(&m->vcpu->base, check);
	vtr_vcpu_put(&m->vcpu->base);
	mutex_unlock(&m->vcpu->base.mutex);
}

static void the_check_tells_what_the_back_end_says(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_entry_check check;

	check_loaded(m, &check);
	KUNIT_EXPECT_EQ(test, check.size, (u32)sizeof(check));
	KUNIT_EXPECT_EQ(test, check.outcome, (u32)VTR_ENTRY_OK);
	m->vcpu->sregs.cr0 = X86_CR0_PG;
	check_loaded(m, &check);
	KUNIT_EXPECT_EQ(test, check.outcome, (u32)VTR_ENTRY_BAD_GUEST);
	KUNIT_EXPECT_STREQ(test, (const char *)check.rule, "FAKE_PG_NEEDS_PE");
}

/* The event that waits is in it, and waits as before afterwards. */
static void the_check_includes_the_event_that_waits(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_entry_check check;

	vtr_queue_gp(&m->vcpu->base);
	check_loaded(m, &check);
	KUNIT_EXPECT_EQ(test, m->vcpu->checked.vector, 13);
	KUNIT_EXPECT_EQ(test, m->vcpu->injected.kind, VTR_EVENT_NONE);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.queued.vector, 13);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 0u);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(exits_that_the_kernel_finishes_stay_inside),
	KUNIT_CASE(the_run_page_tells_the_last_exit),
	KUNIT_CASE(readiness_follows_the_guest),
	KUNIT_CASE(immediate_exit_prevents_the_entry),
	KUNIT_CASE(immediate_exit_is_seen_after_an_exit),
	KUNIT_CASE(a_signal_ends_the_run),
	KUNIT_CASE(a_dead_vm_is_not_entered),
	KUNIT_CASE(a_dead_vm_gets_no_new_vcpu),
	KUNIT_CASE(vcpu_ids_are_checked),
	KUNIT_CASE(a_flush_is_done_before_the_next_entry),
	KUNIT_CASE(a_request_from_outside_waits),
	KUNIT_CASE(an_idle_vcpu_is_looked_at),
	KUNIT_CASE(the_window_that_was_asked_for_is_reported),
	KUNIT_CASE(stepping_by_exits_stops_after_each),
	KUNIT_CASE(stepping_by_instructions_stops_at_the_trap),
	KUNIT_CASE(exits_are_counted_by_reason),
	KUNIT_CASE(each_arrow_leaves_a_record),
	KUNIT_CASE(the_ring_goes_round),
	KUNIT_CASE(without_the_flag_nothing_is_recorded),
	KUNIT_CASE(the_check_tells_what_the_back_end_says),
	KUNIT_CASE(the_check_includes_the_event_that_waits),
	{}
};

static struct kunit_suite suite = {
	.name = "run",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
