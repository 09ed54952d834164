// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits added up by reason: count, total and median ticks, share.
 *
 * Read exit_view.h first.  Ticks are those between exit and next entry, in
 * module and tool together: what the exit cost the guest.
 *
 * Subtle: the median needs every value, so they are all kept, 8 bytes an exit.
 */
#include <stdlib.h>
#include <string.h>

#include "exit_view.h"
#include "tables.h"
#include "text_table.h"
#include "tool.h"

#define MAX_REASONS	96

struct reason_sum {
	uint32_t reason;
	uint64_t nr;
	uint64_t room;
	uint64_t to_user;
	uint64_t total;
	uint64_t *ticks;
};

struct exit_sum {
	unsigned int nr;
	uint64_t count;
	uint64_t total;
	bool failed;
	struct reason_sum reasons[MAX_REASONS];
};

struct exit_sum *exit_sum_new(void)
{
	return calloc(1, sizeof(struct exit_sum));
}

void exit_sum_free(struct exit_sum *sum)
{
	if (!sum)
		return;
	for (unsigned int i = 0; i < sum->nr; i++)
		free(sum->reasons[i].ticks);
	free(sum);
}

uint64_t exit_sum_count(const struct exit_sum *sum)
{
	return sum->count;
}

static struct reason_sum *reason_of(struct exit_sum *sum, uint32_t reason)
{
	for (unsigned int i = 0; i < sum->nr; i++) {
		if (sum->reasons[i].reason == reason)
			return &sum->reasons[i];
	}
	if (sum->nr == MAX_REASONS)
		return NULL;
	sum->reasons[sum->nr].reason = reason;
	return &sum->reasons[sum->nr++];
}

static bool keep(struct reason_sum *reason, uint64_t ticks)
{
	if (reason->nr == reason->room) {
		uint64_t room = reason->room ? 2 * reason->room : 64;
		uint64_t *grown = realloc(reason->ticks,
					  room * sizeof(*grown));

		if (!grown)
			return false;
		reason->ticks = grown;
		reason->room = room;
	}
	reason->ticks[reason->nr++] = ticks;
	return true;
}

void exit_sum_add(struct exit_sum *sum, const struct exit_row *row)
{
	struct reason_sum *reason = reason_of(sum, row->hw_reason & 0xffff);
	uint64_t ticks = row->module_ticks + row->user_ticks;

	if (!reason || !keep(reason, ticks)) {
		sum->failed = true;
		return;
	}
	reason->to_user += row->to_user;
	reason->total += ticks;
	sum->total += ticks;
	sum->count++;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_total(const void *a, const void *b)
{
	const struct reason_sum *x = a, *y = b;

	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return x->reason < y->reason ? -1 : 1;
}

static uint64_t median(struct reason_sum *reason)
{
	qsort(reason->ticks, reason->nr, sizeof(*reason->ticks), by_value);
	return reason->ticks[reason->nr / 2];
}

static double share(const struct exit_sum *sum, uint64_t ticks)
{
	return sum->total ? 100.0 * ticks / sum->total : 0;
}

void exit_sum_print(struct exit_sum *sum, FILE *out)
{
	static const struct text_column columns[] = {
		{ "reason", false }, { "count", true }, { "to tool", true },
		{ "total ticks", true }, { "median", true }, { "share", true },
	};
	struct text_table table;

	text_table_init(&table, columns, ARRAY_SIZE(columns));
	qsort(sum->reasons, sum->nr, sizeof(sum->reasons[0]), by_total);
	for (unsigned int i = 0; i < sum->nr; i++) {
		struct reason_sum *reason = &sum->reasons[i];

		if (!reason->nr)
			continue;
		text_cell(&table, "%s", exit_name(reason->reason));
		text_cell(&table, "%llu", (ull)reason->nr);
		text_cell(&table, "%llu", (ull)reason->to_user);
		text_cell(&table, "%llu", (ull)reason->total);
		text_cell(&table, "%llu", (ull)median(reason));
		text_cell(&table, "%.1f %%", share(sum, reason->total));
	}
	text_table_print(&table, out);
	fprintf(out, "%llu exits, %llu ticks outside of the guest\n",
		(ull)sum->count, (ull)sum->total);
	if (sum->failed)
		fprintf(out, "(out of memory: some exits are not counted)\n");
}

cJSON *exit_sum_json(struct exit_sum *sum)
{
	cJSON *list = cJSON_CreateArray();

	qsort(sum->reasons, sum->nr, sizeof(sum->reasons[0]), by_total);
	for (unsigned int i = 0; i < sum->nr; i++) {
		struct reason_sum *reason = &sum->reasons[i];
		cJSON *row;

		if (!reason->nr)
			continue;
		row = cJSON_CreateObject();
		cJSON_AddStringToObject(row, "reason",
					exit_name(reason->reason));
		json_count(row, "hw_reason", reason->reason);
		json_count(row, "count", reason->nr);
		json_count(row, "to_user", reason->to_user);
		json_count(row, "total_ticks", reason->total);
		json_count(row, "median_ticks", median(reason));
		cJSON_AddNumberToObject(row, "share_percent",
					share(sum, reason->total));
		cJSON_AddItemToArray(list, row);
	}
	return list;
}
