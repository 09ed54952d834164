// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine that makes exits out of trace records.
 *
 * Read exit_view.h first; exit_print.c prints what comes out.
 *
 * Subtle: whose ticks run is decided by the record before: after EXIT and
 * FROM_USER the module's, after TO_USER the tool's, after ENTRY the guest's.
 */
#include <string.h>

#include "exit_view.h"

static void charge(struct exit_builder *builder, uint64_t tsc)
{
	uint64_t ticks = tsc > builder->mark ? tsc - builder->mark : 0;

	if (!builder->open)
		return;
	if (builder->in_user)
		builder->row.user_ticks += ticks;
	else
		builder->row.module_ticks += ticks;
	builder->mark = tsc;
}

static void begin(struct exit_builder *builder,
		  const struct vtr_trace_record *record)
{
	uint64_t entry = builder->entry_tsc;

	builder->open = true;
	builder->in_user = false;
	builder->mark = record->tsc;
	builder->entry_tsc = 0;
	builder->row = (struct exit_row){
		.seq = record->seq,
		.tsc = record->tsc,
		.vcpu = record->vcpu,
		.cpu = record->cpu,
		.hw_reason = record->hw_reason,
		.hw_kind = record->hw_kind,
		.qualification = record->qualification,
		.rip = record->arg0,
		.arg1 = record->arg1,
		.arg2 = record->arg2,
		.guest_ticks = entry && record->tsc > entry ?
			       record->tsc - entry : 0,
	};
}

/*
 * The EXIT record is written before the exit is decoded, so a later record of
 * the same exit may know the port, leaf or result better.
 */
static void learn(struct exit_row *row, const struct vtr_trace_record *record)
{
	if (record->arg1)
		row->arg1 = record->arg1;
	if (record->arg2)
		row->arg2 = record->arg2;
	if (record->hw_kind != VTR_HW_NONE)
		row->hw_kind = record->hw_kind;
}

static bool finish(struct exit_builder *builder, struct exit_row *row,
		   bool returned)
{
	if (!builder->open)
		return false;
	builder->open = false;
	builder->row.returned = returned;
	*row = builder->row;
	return true;
}

static bool feed_entry(struct exit_builder *builder, uint64_t tsc,
		       struct exit_row *row)
{
	charge(builder, tsc);
	builder->entry_tsc = tsc;
	return finish(builder, row, true);
}

/* An exit without an entry between means that records are missing. */
static bool feed_exit(struct exit_builder *builder,
		      const struct vtr_trace_record *record,
		      struct exit_row *row)
{
	bool complete = finish(builder, row, false);

	begin(builder, record);
	return complete;
}

static void feed_inside(struct exit_builder *builder,
			const struct vtr_trace_record *record)
{
	struct exit_row *row = &builder->row;

	charge(builder, record->tsc);
	switch (record->kind) {
	case VTR_TRACE_HANDLED:
		learn(row, record);
		break;
	case VTR_TRACE_TO_USER:
		learn(row, record);
		row->to_user = true;
		row->user_exit = record->arg0;
		builder->in_user = true;
		break;
	case VTR_TRACE_FROM_USER:
		builder->in_user = false;
		break;
	case VTR_TRACE_INJECT:
		row->injected = true;
		row->vector = record->arg0;
		break;
	case VTR_TRACE_HOST:
		row->host = true;
		break;
	default:
		break;
	}
}

bool exit_builder_feed(struct exit_builder *builder,
		       const struct vtr_trace_record *record,
		       struct exit_row *row)
{
	if (record->kind == VTR_TRACE_ENTRY)
		return feed_entry(builder, record->tsc, row);
	if (record->kind == VTR_TRACE_EXIT)
		return feed_exit(builder, record, row);
	if (builder->open)
		feed_inside(builder, record);
	return false;
}

bool exit_builder_flush(struct exit_builder *builder, struct exit_row *row)
{
	return finish(builder, row, false);
}

void exit_builder_break(struct exit_builder *builder)
{
	memset(builder, 0, sizeof(*builder));
}
