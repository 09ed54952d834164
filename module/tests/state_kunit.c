// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a vCPU the same after its state was saved and restored?  KUnit suite
 * "state".
 *
 * Includes module/state.c to reach its static functions: a test has no user
 * memory that GET_STATE and SET_STATE could copy from, so it works on the
 * records themselves.  The records are made by write_record(), checked by
 * check_record() and applied by apply_record(), as the two calls do it.
 */
#include "../state.c"

#include <linux/prandom.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "machine.h"

#define BUFFER_BYTES	SZ_16K

/* Write the records of @mask to a new buffer, as vtr_state_get() does. */
static void *save(struct kunit *test, u64 mask, u32 *bytes)
{
	struct machine *m = test->priv;
	void *buffer = kunit_kzalloc(test, BUFFER_BYTES, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	*bytes = 0;
	machine_load(m);
	for (unsigned int id = 0; id <= VTR_STATE_ID_MAX; id++) {
		u32 needed;

		if (!(mask & BIT_ULL(id)))
			continue;
		needed = record_bytes(kinds[id].bytes(&m->vcpu->base));
		KUNIT_ASSERT_LE(test, *bytes + needed, (u32)BUFFER_BYTES);
		write_record(&m->vcpu->base, id, buffer + *bytes);
		*bytes += needed;
	}
	machine_put(m);
	return buffer;
}

/* As vtr_state_set(): all checks first, then all changes. */
static int restore(struct kunit *test, const void *buffer, u32 bytes, u32 *bad)
{
	struct machine *m = test->priv;
	int err;

	machine_load(m);
	err = for_each_record(&m->vcpu->base, buffer, bytes, check_record, bad);
	err = err ?: for_each_record(&m->vcpu->base, buffer, bytes, apply_record, bad);
	machine_put(m);
	return err;
}

static void *payload_of(void *record)
{
	return record + sizeof(struct vtr_state_header);
}

/* Give the vCPU a state in which no two things are alike. */
static void fill_state(struct kunit *test)
{
	struct machine *m = test->priv;
	struct fake_vcpu *v = m->vcpu;

	for (unsigned int i = 0; i < VTR_NR_GPRS; i++)
		v->base.gpr[i] = 0x1111111111111111ULL * i;
	v->regs.gpr[VTR_RSP] = 0xffff800000001000ULL;
	v->regs.rip = 0xffffffff81234567ULL;
	v->regs.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF | X86_EFLAGS_ZF;
	for (unsigned int i = 0; i < VTR_NR_SEGS; i++)
		v->sregs.seg[i] = (struct vtr_segment) {
			.base = 0x10000 * i, .limit = 0xfff0 + i, .selector = 8 * i,
			.attributes = 0x93, .unusable = i == VTR_LDTR,
		};
	v->sregs.gdtr = (struct vtr_table_register) { .base = 0x7000, .limit = 0x7f };
	v->sregs.idtr = (struct vtr_table_register) { .base = 0x8000, .limit = 0xfff };
	v->sregs.cr0 = X86_CR0_PE | X86_CR0_ET;
	v->sregs.cr3 = 0x4000;
	v->sregs.efer = EFER_SCE;
	v->base.cr2 = 0xdead000;
	v->base.cr8 = 3;
	for (unsigned int i = 0; i < vtr_msr_count; i++)
		v->msrs[i] = 0x100 + i;
	v->blocking = (struct vtr_events) { .interrupt_shadow = VTR_SHADOW_MOV_SS,
					    .nmi_blocked = 1 };
	v->base.nmi_pending = true;
	v->base.activity = VTR_HALTED;
	v->base.queued = (struct vtr_event) { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_PF,
					      .has_error = 1, .error = 2 };
	for (unsigned int i = 0; i < 4; i++)
		v->base.dr[i] = 0x5000 + i;
	v->base.dr6 = VTR_DR6_ONES | 1;
	v->dr7 = VTR_DR7_ONES | 2;
	v->tsc_offset = -12345ULL;
	v->base.tsc_adjust = 54321;
	v->base.pending = VTR_PENDING_IN;
	v->base.pending_bytes = 2;
	v->base.pending_port = 0x1f0;
	v->base.pending_insn_bytes = 2;
}

/* A vCPU in another state, so that whatever is not restored shows. */
static void clear_state(struct kunit *test)
{
	struct machine *m = test->priv;
	struct fake_vcpu *v = m->vcpu;

	memset(v->base.gpr, 0, sizeof(v->base.gpr));
	memset(v->base.dr, 0, sizeof(v->base.dr));
	v->base.cr2 = v->base.cr8 = v->base.dr6 = 0;
	v->base.nmi_pending = false;
	v->base.activity = VTR_ACTIVE;
	v->base.queued = (struct vtr_event) {};
	v->base.pending = VTR_PENDING_NONE;
	v->base.pending_bytes = 0;
	v->base.pending_port = 0;
	v->base.pending_insn_bytes = 0;
	memset(&v->regs, 0, sizeof(v->regs));
	memset(&v->sregs, 0, sizeof(v->sregs));
	memset(&v->blocking, 0, sizeof(v->blocking));
	memset(v->msrs, 0, sizeof(v->msrs));
	v->dr7 = v->tsc_offset = v->base.tsc_adjust = 0;
}

static void saving_and_restoring_changes_nothing(struct kunit *test)
{
	u32 bytes, again, bad;
	void *first, *second;

	fill_state(test);
	first = save(test, known_ids(), &bytes);
	clear_state(test);
	KUNIT_ASSERT_EQ(test, restore(test, first, bytes, &bad), 0);
	second = save(test, known_ids(), &again);
	KUNIT_EXPECT_EQ(test, bytes, again);
	for (u32 at = 0; at < bytes;) {
		struct vtr_state_header *a = first + at, *b = second + at;

		KUNIT_EXPECT_EQ_MSG(test, memcmp(a, b, record_bytes(a->bytes)), 0,
				    "record %u", a->id);
		at += record_bytes(a->bytes);
	}
}

static void each_record_alone_restores_its_part(struct kunit *test)
{
	for (unsigned int id = 0; id <= VTR_STATE_ID_MAX; id++) {
		u32 bytes, again, bad;
		void *first, *second;

		if (!(known_ids() & BIT_ULL(id)))
			continue;
		fill_state(test);
		first = save(test, BIT_ULL(id), &bytes);
		clear_state(test);
		KUNIT_EXPECT_EQ_MSG(test, restore(test, first, bytes, &bad), 0, "record %u", id);
		second = save(test, BIT_ULL(id), &again);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(first, second, bytes), 0, "record %u", id);
	}
}

static void records_are_well_formed(struct kunit *test)
{
	u32 bytes, n = 0;
	void *buffer;

	fill_state(test);
	buffer = save(test, known_ids(), &bytes);
	KUNIT_EXPECT_EQ(test, bytes % 8, 0u);
	for (u32 at = 0; at < bytes; n++) {
		struct vtr_state_header *head = buffer + at;

		KUNIT_EXPECT_EQ(test, head->version, 1);
		KUNIT_EXPECT_NE(test, known_ids() & BIT_ULL(head->id), 0ULL);
		KUNIT_EXPECT_GT(test, head->bytes, 0u);
		at += record_bytes(head->bytes);
	}
	KUNIT_EXPECT_EQ(test, n, (u32)hweight64(known_ids()));
	KUNIT_EXPECT_LE(test, bytes, (u32)MAX_STATE_BYTES);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void broken_headers_are_refused(struct kunit *test)
{
	struct vtr_state_header *head;
	u32 bytes, bad;

	head = save(test, BIT_ULL(VTR_STATE_REGS), &bytes);
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), 0);
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes - 1, &bad), -EINVAL);
	KUNIT_EXPECT_EQ(test, restore(test, head, 4, &bad), -EINVAL);
	head->version = 2;
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), -EINVAL);
	head->version = 1;
	head->id = 0;
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), -EINVAL);
	head->id = VTR_STATE_ID_MAX;
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), -EINVAL);
	head->id = 0xffff;
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), -EINVAL);
	head->id = VTR_STATE_REGS;
	head->bytes -= 8;
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), -EINVAL);
	/* Lengths near 2^32 must not wrap when they are padded. */
	head->bytes = 0xfffffff8;
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), -EINVAL);
	head->bytes = 0xffffffff;
	KUNIT_EXPECT_EQ(test, restore(test, head, bytes, &bad), -EINVAL);
}

static void a_bad_record_is_named_and_nothing_changes(struct kunit *test)
{
	struct machine *m = test->priv;
	struct vtr_debug_regs *debug;
	u32 bytes, bad, first;
	struct vtr_regs *regs;
	void *buffer;

	buffer = save(test, BIT_ULL(VTR_STATE_REGS) | BIT_ULL(VTR_STATE_DEBUG), &bytes);
	first = record_bytes(sizeof(struct vtr_regs));
	regs = payload_of(buffer);
	regs->rip = 0x12345;
	debug = payload_of(buffer + first);
	debug->dr7 = 0;		/* bit 10 is always 1 */
	KUNIT_EXPECT_EQ(test, restore(test, buffer, bytes, &bad), -EINVAL);
	KUNIT_EXPECT_EQ(test, bad, first);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, 0xfff0ULL);
}

/* Save one record, let @spoil break it, and expect that it is refused. */
static void expect_refused(struct kunit *test, unsigned int id, void (*spoil)(void *payload))
{
	u32 bytes, bad;
	void *record;

	fill_state(test);
	record = save(test, BIT_ULL(id), &bytes);
	KUNIT_EXPECT_EQ(test, restore(test, record, bytes, &bad), 0);
	spoil(payload_of(record));
	KUNIT_EXPECT_EQ_MSG(test, restore(test, record, bytes, &bad), -EINVAL, "record %u, %pS", id,
			    spoil);
}

#define SPOIL(name, type, change) \
	static void name(void *payload) { type *p = payload; change; }

SPOIL(rflags_bit_1, struct vtr_regs, p->rflags &= ~BIT_ULL(1))
SPOIL(rflags_reserved, struct vtr_regs, p->rflags |= BIT_ULL(63))
SPOIL(seg_unusable_2, struct vtr_sregs, p->seg[3].unusable = 2)
SPOIL(seg_pad, struct vtr_sregs, p->seg[0].pad[6] = 1)
SPOIL(seg_attributes, struct vtr_sregs, p->seg[1].attributes = BIT(12))
SPOIL(gdtr_pad, struct vtr_sregs, p->gdtr.pad[0] = 1)
SPOIL(cr8_wide, struct vtr_sregs, p->cr8 = 16)
SPOIL(cr0_pg_alone, struct vtr_sregs, p->cr0 = X86_CR0_PG)
SPOIL(msr_unknown, struct vtr_msr, p->index = 0x12345)
SPOIL(msr_pad, struct vtr_msr, p->pad = 1)
SPOIL(msr_value, struct vtr_msr, p->value = ~0ULL)
SPOIL(shadow_both, struct vtr_events, p->interrupt_shadow = 3)
SPOIL(shadow_unknown, struct vtr_events, p->interrupt_shadow = 4)
SPOIL(nmi_blocked_2, struct vtr_events, p->nmi_blocked = 2)
SPOIL(nmi_pending_2, struct vtr_events, p->nmi_pending = 2)
SPOIL(activity_unknown, struct vtr_events, p->activity = 200)
SPOIL(debug_unknown, struct vtr_events, p->pending_debug = 1 << 16)
SPOIL(event_unknown, struct vtr_events, p->in_flight.kind = 99)
SPOIL(event_error, struct vtr_events, p->in_flight.has_error = 0)
SPOIL(dr6_reserved, struct vtr_debug_regs, p->dr6 = 0)
SPOIL(dr6_wide, struct vtr_debug_regs, p->dr6 |= BIT_ULL(40))
SPOIL(dr7_wide, struct vtr_debug_regs, p->dr7 |= BIT_ULL(40))
SPOIL(tsc_rate, struct vtr_tsc, p->khz = 0)
SPOIL(tsc_pad, struct vtr_tsc, p->pad = 1)
SPOIL(io_pending_unknown, struct vtr_io_state, p->pending = 10)
SPOIL(io_bytes_3, struct vtr_io_state, p->bytes = 3)
SPOIL(io_insn_bytes_0, struct vtr_io_state, p->insn_bytes = 0)
SPOIL(io_insn_bytes_16, struct vtr_io_state, p->insn_bytes = 16)
SPOIL(io_pad, struct vtr_io_state, p->pad[2] = 1)

static void bad_contents_are_refused(struct kunit *test)
{
	static const struct {
		unsigned int id;
		void (*spoil)(void *payload);
	} rows[] = {
		{ VTR_STATE_REGS, rflags_bit_1 }, { VTR_STATE_REGS, rflags_reserved },
		{ VTR_STATE_SREGS, seg_unusable_2 }, { VTR_STATE_SREGS, seg_pad },
		{ VTR_STATE_SREGS, seg_attributes }, { VTR_STATE_SREGS, gdtr_pad },
		{ VTR_STATE_SREGS, cr8_wide }, { VTR_STATE_SREGS, cr0_pg_alone },
		{ VTR_STATE_MSRS, msr_unknown }, { VTR_STATE_MSRS, msr_pad },
		{ VTR_STATE_MSRS, msr_value },
		{ VTR_STATE_EVENTS, shadow_both }, { VTR_STATE_EVENTS, shadow_unknown },
		{ VTR_STATE_EVENTS, nmi_blocked_2 }, { VTR_STATE_EVENTS, nmi_pending_2 },
		{ VTR_STATE_EVENTS, activity_unknown }, { VTR_STATE_EVENTS, debug_unknown },
		{ VTR_STATE_EVENTS, event_unknown }, { VTR_STATE_EVENTS, event_error },
		{ VTR_STATE_DEBUG, dr6_reserved }, { VTR_STATE_DEBUG, dr6_wide },
		{ VTR_STATE_DEBUG, dr7_wide },
		{ VTR_STATE_TSC, tsc_rate }, { VTR_STATE_TSC, tsc_pad },
		{ VTR_STATE_IO, io_pending_unknown }, { VTR_STATE_IO, io_bytes_3 },
		{ VTR_STATE_IO, io_insn_bytes_0 }, { VTR_STATE_IO, io_insn_bytes_16 },
		{ VTR_STATE_IO, io_pad },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		expect_refused(test, rows[i].id, rows[i].spoil);
}

static void a_short_list_of_msrs_is_taken(struct kunit *test)
{
	struct machine *m = test->priv;
	struct {
		struct vtr_state_header head;
		struct vtr_msr msr;
	} one = {
		.head = { .id = VTR_STATE_MSRS, .version = 1, .bytes = sizeof(struct vtr_msr) },
		.msr = { .index = MSR_LSTAR, .value = 0xabc000 },
	};
	u64 value;
	u32 bad;

	fill_state(test);
	KUNIT_EXPECT_EQ(test, restore(test, &one, sizeof(one), &bad), 0);
	machine_load(m);
	KUNIT_EXPECT_EQ(test, vtr_msr_read(&m->vcpu->base, MSR_LSTAR, &value), 0);
	KUNIT_EXPECT_EQ(test, value, 0xabc000ULL);
	KUNIT_EXPECT_EQ(test, vtr_msr_read(&m->vcpu->base, MSR_CSTAR, &value), 0);
	KUNIT_EXPECT_NE(test, value, 0ULL);
	machine_put(m);
	one.head.bytes = sizeof(struct vtr_msr) - 1;
	KUNIT_EXPECT_EQ(test, restore(test, &one, sizeof(one), &bad), -EINVAL);
}

/* An IN that one vCPU has begun is finished by the one that takes the state over. */
static void unfinished_input_moves_with_the_state(struct kunit *test)
{
	struct machine *m = test->priv;
	void *record;
	u32 bytes, bad;

	fill_state(test);
	record = save(test, known_ids(), &bytes);
	clear_state(test);
	KUNIT_ASSERT_EQ(test, restore(test, record, bytes, &bad), 0);
	m->vcpu->base.run->io.data = 0xbeef;
	m->vcpu->base.run->immediate_exit = 1;
	KUNIT_EXPECT_EQ(test, machine_run(m, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.gpr[VTR_RAX] & 0xffff, 0xbeefULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, 0xffffffff81234567ULL + 2);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.pending, VTR_PENDING_NONE);
}

/* Any bytes at all: refused or taken, never a crash or a read past the end. */
static void random_bytes_do_no_harm(struct kunit *test)
{
	u8 *buffer = kunit_kzalloc(test, 512, GFP_KERNEL);
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	prandom_seed_state(&rnd, 3);
	for (unsigned int round = 0; round < 20000; round++) {
		struct vtr_state_header *head = (void *)buffer;
		u32 bytes = 1 + prandom_u32_state(&rnd) % 512, bad;

		prandom_bytes_state(&rnd, buffer, bytes);
		/* Mostly a plausible head, so that the checks behind it are reached. */
		if (bytes >= sizeof(*head) && round % 8) {
			head->id = prandom_u32_state(&rnd) % 10;
			head->version = 1;
			if (round % 4)
				head->bytes = bytes - sizeof(*head);
		}
		KUNIT_ASSERT_TRUE(test, restore(test, buffer, bytes, &bad) <= 0);
		KUNIT_ASSERT_LT(test, bad, bytes);
	}
	clear_state(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(saving_and_restoring_changes_nothing),
	KUNIT_CASE(each_record_alone_restores_its_part),
	KUNIT_CASE(records_are_well_formed),
	KUNIT_CASE(broken_headers_are_refused),
	KUNIT_CASE(a_bad_record_is_named_and_nothing_changes),
	KUNIT_CASE(bad_contents_are_refused),
	KUNIT_CASE(a_short_list_of_msrs_is_taken),
	KUNIT_CASE(unfinished_input_moves_with_the_state),
	KUNIT_CASE(random_bytes_do_no_harm),
	{}
};

static struct kunit_suite suite = {
	.name = "state",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
