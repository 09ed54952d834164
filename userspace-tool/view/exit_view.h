/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From trace records to exits: one row an exit, with its way through the
 * layers and what each part of the way cost.
 *
 *	guest --EXIT--> module --HANDLED--> ... --ENTRY--> guest
 *	                   \--HOST-->  (2) host interrupt  /
 *	                    \--TO_USER--> tool --FROM_USER/
 *
 * exits, run --exits and run --stats use it; trace.c of the library delivers
 * the records, decode_show.c the words.
 *
 * Subtle: a row is complete when the guest is entered again.  Lost records
 * break it off; what the row would have been is not guessed.
 */
#ifndef VITRINE_EXIT_VIEW_H
#define VITRINE_EXIT_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "json.h"
#include "libvitrine.h"
#include "symbols.h"

/**
 * struct exit_row - one exit
 * @seq: trace record of the exit
 * @tsc: host's time stamp of it
 * @vcpu: vCPU
 * @cpu: host CPU
 * @hw_reason: the processor's exit reason
 * @hw_kind: enum vtr_hw_kind
 * @qualification: the processor's qualification
 * @rip: guest RIP
 * @arg1: see struct vtr_trace_record
 * @arg2: likewise
 * @guest_ticks: in the guest before this exit, 0 if not known
 * @module_ticks: between exit and entry, without @user_ticks
 * @user_ticks: in the tool (and the host's way there and back)
 * @to_user: it went up to the tool
 * @user_exit: enum vtr_exit_kind then
 * @host: the host took an interrupt
 * @injected: an event was put in before the next entry
 * @vector: its vector
 * @returned: the guest was entered again
 */
struct exit_row {
	uint64_t seq;
	uint64_t tsc;
	uint16_t vcpu;
	uint16_t cpu;
	uint32_t hw_reason;
	uint8_t hw_kind;
	uint64_t qualification;
	uint64_t rip;
	uint64_t arg1;
	uint64_t arg2;
	uint64_t guest_ticks;
	uint64_t module_ticks;
	uint64_t user_ticks;
	bool to_user;
	uint32_t user_exit;
	bool host;
	bool injected;
	uint8_t vector;
	bool returned;
};

/* Makes rows out of the records of one vCPU. */
struct exit_builder {
	bool open;
	bool in_user;
	struct exit_row row;
	uint64_t entry_tsc;	/* of the last entry, 0: not known */
	uint64_t mark;		/* since when module or user ticks run */
};

/* Feed a record; true: *@row is complete. */
bool exit_builder_feed(struct exit_builder *builder,
		       const struct vtr_trace_record *record,
		       struct exit_row *row);

/* The guest is not entered again: hand out an open row. */
bool exit_builder_flush(struct exit_builder *builder, struct exit_row *row);

/* Records were lost: forget the open row. */
void exit_builder_break(struct exit_builder *builder);

/* ---- printing ---- */

/* "4 → 3 → 2 → 3 tool → 2 → 3 → 4" */
void exit_row_path(const struct exit_row *row, char *text, size_t room);

/* Title line, then rows as they come, in fixed columns; @symbols may be NULL. */
void exit_rows_title(FILE *out);
void exit_row_print(const struct exit_row *row, const struct symbols *symbols, FILE *out);
cJSON *exit_row_json(const struct exit_row *row, const struct symbols *symbols);

/* One line for a raw record. */
void trace_record_print(const struct vtr_trace_record *record, FILE *out);

/* ---- summary ---- */

enum exit_phase { PHASE_START, PHASE_KERNEL, PHASE_MORE_VCPUS, PHASE_PROGRAMS };

const char *exit_phase_name(enum exit_phase phase);

/* The phase of an exit, given that of the one before (of any vCPU). */
enum exit_phase exit_phase_next(enum exit_phase phase, uint16_t vcpu, uint64_t rip);

enum exit_by { EXITS_BY_REASON, EXITS_BY_PHASE, EXITS_BY_FUNCTION };

struct exit_sum;

struct exit_sum *exit_sum_new(void);
void exit_sum_free(struct exit_sum *sum);
void exit_sum_add(struct exit_sum *sum, const struct exit_row *row);
/* EXITS_BY_FUNCTION wants @symbols, the others don't look at them. */
void exit_sum_print(const struct exit_sum *sum, enum exit_by by,
		    const struct symbols *symbols, FILE *out);
cJSON *exit_sum_json(const struct exit_sum *sum, enum exit_by by,
		     const struct symbols *symbols);
uint64_t exit_sum_count(const struct exit_sum *sum);

#endif /* VITRINE_EXIT_VIEW_H */
