// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do events reach the guest, one at a time and none lost?  KUnit suite "events".
 *
 * Exceptions that meet each other (double and triple fault), what may be
 * injected and when, NMIs that wait, and events whose delivery an exit or a
 * cancelled entry prevents.
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "machine.h"

#define IRQ(vector_) ((struct vtr_event){ .kind = VTR_EVENT_INTERRUPT, .vector = vector_ })
#define EXC(vector_, has_) ((struct vtr_event){ .kind = VTR_EVENT_EXCEPTION, \
						.vector = vector_, .has_error = has_ })

static const struct vtr_event nmi = { .kind = VTR_EVENT_NMI, .vector = X86_TRAP_NMI };

static int inject(struct machine *m, const struct vtr_event *event)
{
	int ret;

	machine_load(m);
	ret = vtr_inject(&m->vcpu->base, event);
	machine_put(m);
	return ret;
}

/* ---- two exceptions ------------------------------------------------------------------ */

/*
 * SDM 3A "Interrupt 8--Double Fault Exception (#DF)", the table of conditions:
 * rows are the first exception, columns the second.  Written down by classes
 * there; here one member of each class stands for it.
 */
static void exceptions_combine_by_the_manual(struct kunit *test)
{
	enum outcome { SECOND, DOUBLE, SHUTDOWN };
	static const u8 vector[4] = { X86_TRAP_DB, X86_TRAP_GP, X86_TRAP_PF, X86_TRAP_DF };
	static const enum outcome expected[4][4] = {
		/* second:	 benign  contributory page fault double fault */
		/* benign */   { SECOND, SECOND,      SECOND,    SECOND },
		/* contrib. */ { SECOND, DOUBLE,      SECOND,    SECOND },
		/* #PF */      { SECOND, DOUBLE,      DOUBLE,    SECOND },
		/* #DF */      { SECOND, SHUTDOWN,    SHUTDOWN,  SHUTDOWN },
	};
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;

	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int j = 0; j < 4; j++) {
			v->queued = EXC(vector[i], i > 0);
			v->activity = VTR_ACTIVE;
			vtr_queue_exception(v, vector[j], j > 0, 0);
			if (expected[i][j] == SHUTDOWN) {
				KUNIT_EXPECT_EQ(test, v->activity, VTR_SHUTDOWN);
				KUNIT_EXPECT_EQ(test, v->queued.kind, VTR_EVENT_NONE);
				continue;
			}
			KUNIT_EXPECT_EQ(test, v->activity, VTR_ACTIVE);
			KUNIT_EXPECT_EQ_MSG(test, v->queued.vector,
					    expected[i][j] == DOUBLE ? X86_TRAP_DF : vector[j],
					    "vector %u, then %u", vector[i], vector[j]);
		}
	}
}

static void all_contributory_exceptions_count(struct kunit *test)
{
	static const u8 contributory[] = { X86_TRAP_DE, X86_TRAP_TS, X86_TRAP_NP, X86_TRAP_SS,
					   X86_TRAP_GP };
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;

	for (u8 vector = 0; vector < 32; vector++) {
		bool expected = memchr(contributory, vector, sizeof(contributory));

		if (vector == X86_TRAP_NMI)
			continue;
		v->queued = EXC(X86_TRAP_GP, true);
		vtr_queue_exception(v, vector, false, 0);
		KUNIT_EXPECT_EQ_MSG(test, v->queued.vector == X86_TRAP_DF,
				    expected || vector == X86_TRAP_DF, "#GP, then %u", vector);
	}
	KUNIT_EXPECT_TRUE(test, v->queued.kind);
}

static void a_double_fault_has_a_zero_error_code(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;

	v->queued = EXC(X86_TRAP_PF, true);
	vtr_queue_exception(v, X86_TRAP_GP, true, 0x18);
	KUNIT_EXPECT_EQ(test, v->queued.vector, X86_TRAP_DF);
	KUNIT_EXPECT_EQ(test, v->queued.has_error, 1);
	KUNIT_EXPECT_EQ(test, v->queued.error, 0u);
}

static void an_interrupt_in_flight_is_no_fault(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;

	v->queued = (struct vtr_event) { .kind = VTR_EVENT_SOFT_INT, .vector = X86_TRAP_GP,
					 .insn_bytes = 2 };
	vtr_queue_gp(v);
	KUNIT_EXPECT_EQ(test, v->queued.kind, VTR_EVENT_EXCEPTION);
	KUNIT_EXPECT_EQ(test, v->queued.vector, X86_TRAP_GP);
}

static void a_triple_fault_by_combination_ends_the_run(struct kunit *test)
{
	/* The delivery of #DF fails, and the instruction behind raises #UD: benign. */
	static const struct fake_step benign[] = {
		{ .exit = { .kind = VTR_HW_INSN }, .undelivered = true },
	};
	/* Here it is a #GP: third fault. */
	static const struct fake_step fatal[] = {
		{
			.exit = { .kind = VTR_HW_MSR, .msr = { .index = 0x12345 } },
			.undelivered = true,
		},
	};
	struct machine *m = test->priv;

	m->vcpu->base.queued = EXC(X86_TRAP_DF, true);
	KUNIT_EXPECT_EQ(test, RUN(m, benign), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	m->vcpu->base.queued = EXC(X86_TRAP_DF, true);
	KUNIT_EXPECT_EQ(test, RUN(m, fatal), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 1u);
}

/* ---- what may be injected -------------------------------------------------------------- */

static void impossible_events_are_refused(struct kunit *test)
{
	static const struct {
		struct vtr_event event;
		int expected;
	} rows[] = {
		{ { .kind = VTR_EVENT_NONE }, 0 },
		{ { .kind = VTR_EVENT_NONE, .vector = 1 }, -EINVAL },
		{ { .kind = VTR_EVENT_INTERRUPT, .vector = 255 }, 0 },
		{ { .kind = VTR_EVENT_INTERRUPT, .vector = 32, .has_error = 1 }, -EINVAL },
		{ { .kind = VTR_EVENT_INTERRUPT, .vector = 32, .error = 1 }, -EINVAL },
		{ { .kind = VTR_EVENT_INTERRUPT, .vector = 32, .insn_bytes = 2 }, -EINVAL },
		{ { .kind = VTR_EVENT_NMI, .vector = 2 }, 0 },
		{ { .kind = VTR_EVENT_NMI, .vector = 3 }, -EINVAL },
		{ { .kind = VTR_EVENT_NMI, .vector = 2, .has_error = 1 }, -EINVAL },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_UD }, 0 },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_UD, .has_error = 1 }, -EINVAL },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_GP, .has_error = 1,
		    .error = 0x18 }, 0 },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_GP, .has_error = 2 }, -EINVAL },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_GP, .has_error = 1,
		    .error = 0x10000 }, -EINVAL },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_PF, .has_error = 1,
		    .error = 0x10000 }, 0 },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_NMI }, -EINVAL },
		{ { .kind = VTR_EVENT_EXCEPTION, .vector = 32 }, -EINVAL },
		{ { .kind = VTR_EVENT_SOFT_INT, .vector = 0x80, .insn_bytes = 2 }, 0 },
		{ { .kind = VTR_EVENT_SOFT_INT, .vector = 0x80, .insn_bytes = 16 }, -EINVAL },
		{ { .kind = VTR_EVENT_SOFT_INT, .vector = 0x80, .insn_bytes = 0 }, -EINVAL },
		{ { .kind = VTR_EVENT_SOFT_EXC, .vector = 3, .insn_bytes = 1 }, 0 },
		{ { .kind = VTR_EVENT_SOFT_EXC, .vector = 3, .insn_bytes = 1, .has_error = 1 },
		  -EINVAL },
		{ { .kind = VTR_EVENT_PRIV_SOFT_EXC + 1 }, -EINVAL },
		{ { .kind = 255 }, -EINVAL },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test, vtr_event_check(&rows[i].event), rows[i].expected,
				    "row %u", i);
}

static void inject_answers_by_the_guests_state(struct kunit *test)
{
	struct machine *m = test->priv;
	const struct vtr_event none = { };
	const struct vtr_event irq = IRQ(0x30);
	const struct vtr_event ud = EXC(X86_TRAP_UD, false);

	KUNIT_EXPECT_EQ(test, inject(m, &none), -EINVAL);
	KUNIT_EXPECT_EQ(test, inject(m, &irq), -EAGAIN);	/* IF is clear */
	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	m->vcpu->blocking.interrupt_shadow = VTR_SHADOW_STI;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), -EAGAIN);	/* right after STI */
	m->vcpu->blocking.interrupt_shadow = 0;
	m->vcpu->base.pending = VTR_PENDING_IN;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), -EAGAIN);	/* an answer is missing */
	KUNIT_EXPECT_EQ(test, inject(m, &ud), -EAGAIN);
	m->vcpu->base.pending = VTR_PENDING_NONE;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), 0);
	KUNIT_EXPECT_EQ(test, inject(m, &irq), -EBUSY);
	KUNIT_EXPECT_EQ(test, inject(m, &ud), -EBUSY);
	/* An NMI waits beside it, but only one. */
	KUNIT_EXPECT_EQ(test, inject(m, &nmi), 0);
	KUNIT_EXPECT_EQ(test, inject(m, &nmi), -EBUSY);
}

/* ---- delivery ----------------------------------------------------------------------------- */

static void an_interrupt_is_delivered_at_the_entry(struct kunit *test)
{
	const struct vtr_event irq = IRQ(0x30);
	struct machine *m = test->priv;

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	m->vcpu->base.activity = VTR_HALTED;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), 0);
	KUNIT_EXPECT_EQ(test, machine_run(m, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, 0x30);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.stats.injections, 1ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.queued.kind, VTR_EVENT_NONE);
}

static void an_undelivered_event_is_delivered_later(struct kunit *test)
{
	static const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_SLAT, .slat = { .gpa = 0x1000 } }, .undelivered = true },
		{ .exit = { .kind = VTR_HW_HOST_IRQ }, .undelivered = true },
	};
	const struct vtr_event irq = IRQ(0x31);
	struct machine *m = test->priv;

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), 0);
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, 0x31);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.stats.injections, 1ULL);
}

static void ask_to_leave(struct fake_vcpu *v)
{
	v->base.run->immediate_exit = 1;
}

static void an_event_survives_a_return_to_the_user_side(struct kunit *test)
{
	static const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_HOST_IRQ }, .undelivered = true,
		  .in_guest = ask_to_leave },
	};
	const struct vtr_event irq = IRQ(0x32);
	struct machine *m = test->priv;

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), 0);
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_IMMEDIATE);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 0u);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->ready_for_injection, 0);
	m->vcpu->base.run->immediate_exit = 0;
	KUNIT_EXPECT_EQ(test, machine_run(m, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
}

static void a_cancelled_entry_keeps_the_event(struct kunit *test)
{
	const struct vtr_event irq = IRQ(0x33);
	struct machine *m = test->priv;
	struct vtr_vcpu *v = &m->vcpu->base;

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), 0);
	machine_load(m);
	preempt_disable();
	vtr_deliver_events(v);
	KUNIT_EXPECT_EQ(test, m->vcpu->injected.vector, 0x33);
	KUNIT_EXPECT_EQ(test, v->queued.kind, VTR_EVENT_NONE);
	vtr_cancel_delivery(v);
	preempt_enable();
	machine_put(m);
	KUNIT_EXPECT_EQ(test, m->vcpu->injected.kind, VTR_EVENT_NONE);
	KUNIT_EXPECT_EQ(test, v->queued.vector, 0x33);
	KUNIT_EXPECT_EQ(test, v->stats.injections, 0ULL);
}

static void unblock_nmis(struct fake_vcpu *v)
{
	v->blocking.nmi_blocked = 0;
}

static void an_nmi_waits_for_its_window(struct kunit *test)
{
	static const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_WINDOW }, .in_guest = unblock_nmis },
	};
	struct machine *m = test->priv;

	m->vcpu->blocking.nmi_blocked = 1;
	KUNIT_EXPECT_EQ(test, inject(m, &nmi), 0);
	machine_load(m);
	preempt_disable();
	vtr_deliver_events(&m->vcpu->base);
	preempt_enable();
	machine_put(m);
	KUNIT_EXPECT_TRUE(test, m->vcpu->nmi_window);
	KUNIT_EXPECT_EQ(test, m->vcpu->injected.kind, VTR_EVENT_NONE);

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].kind, VTR_EVENT_NMI);
	KUNIT_EXPECT_FALSE(test, m->vcpu->nmi_window);
}

static void an_nmi_comes_after_the_queued_event(struct kunit *test)
{
	static const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_HOST_IRQ } },
	};
	const struct vtr_event irq = IRQ(0x34);
	struct machine *m = test->priv;

	m->vcpu->regs.rflags |= X86_EFLAGS_IF;
	KUNIT_EXPECT_EQ(test, inject(m, &irq), 0);
	KUNIT_EXPECT_EQ(test, inject(m, &nmi), 0);
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_ASSERT_EQ(test, m->vcpu->nr_delivered, 2u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, 0x34);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[1].kind, VTR_EVENT_NMI);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(exceptions_combine_by_the_manual),
	KUNIT_CASE(all_contributory_exceptions_count),
	KUNIT_CASE(a_double_fault_has_a_zero_error_code),
	KUNIT_CASE(an_interrupt_in_flight_is_no_fault),
	KUNIT_CASE(a_triple_fault_by_combination_ends_the_run),
	KUNIT_CASE(impossible_events_are_refused),
	KUNIT_CASE(inject_answers_by_the_guests_state),
	KUNIT_CASE(an_interrupt_is_delivered_at_the_entry),
	KUNIT_CASE(an_undelivered_event_is_delivered_later),
	KUNIT_CASE(an_event_survives_a_return_to_the_user_side),
	KUNIT_CASE(a_cancelled_entry_keeps_the_event),
	KUNIT_CASE(an_nmi_waits_for_its_window),
	KUNIT_CASE(an_nmi_comes_after_the_queued_event),
	{}
};

static struct kunit_suite suite = {
	.name = "events",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
