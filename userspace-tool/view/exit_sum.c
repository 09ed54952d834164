// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits added up: by reason, by phase of the guest's life, by function of the guest.
 *
 * Read exit_view.h first, and exit_phase.c for the phases.  Ticks are those between
 * exit and next entry, in module and tool together: what the exit cost the guest.
 *
 * Subtle: a median needs every value, and phases and functions are known only at the
 * end (vCPUs are read one after the other, and a kernel may move itself), so each
 * exit is kept, 32 bytes of it.
 */
#include <stdlib.h>
#include <string.h>

#include "exit_view.h"
#include "symbols.h"
#include "tables.h"
#include "text_table.h"
#include "tool.h"

#define MAX_REASONS	128	/* basic exit reasons and room */
#define MOSTLY		3	/* so many reasons of a group are named */

/* An exit as it is kept. */
struct mark {
	uint64_t tsc;
	uint64_t rip;		/* then: the key of its group */
	uint64_t ticks;
	uint32_t reason : 16;
	uint32_t vcpu : 15;
	uint32_t to_user : 1;
};

/* Exits with the same key. */
struct group {
	uint64_t key;
	uint64_t begins;	/* time stamp of the first */
	uint64_t nr;
	uint64_t to_user;
	uint64_t total;
	uint64_t median;
	uint64_t reasons[MAX_REASONS];
};

struct exit_sum {
	struct mark *marks;
	size_t nr;
	size_t room;
	uint64_t count;
	uint64_t total;
	uint64_t first;		/* time stamp of the first exit */
	bool failed;
};

struct exit_sum *exit_sum_new(void)
{
	return calloc(1, sizeof(struct exit_sum));
}

void exit_sum_free(struct exit_sum *sum)
{
	if (!sum)
		return;
	free(sum->marks);
	free(sum);
}

uint64_t exit_sum_count(const struct exit_sum *sum)
{
	return sum->count;
}

static bool grow(struct exit_sum *sum)
{
	size_t room = sum->room ? 2 * sum->room : 1024;
	struct mark *marks;

	if (sum->nr < sum->room)
		return true;
	marks = reallocarray(sum->marks, room, sizeof(*marks));
	if (!marks)
		return false;
	sum->marks = marks;
	sum->room = room;
	return true;
}

void exit_sum_add(struct exit_sum *sum, const struct exit_row *row)
{
	uint64_t ticks = row->module_ticks + row->user_ticks;

	if (!grow(sum)) {
		sum->failed = true;
		return;
	}
	sum->marks[sum->nr++] = (struct mark){
		.tsc = row->tsc,
		.rip = row->rip,
		.ticks = ticks,
		.reason = row->hw_reason,
		.vcpu = row->vcpu,
		.to_user = row->to_user,
	};
	if (!sum->count || row->tsc < sum->first)
		sum->first = row->tsc;
	sum->total += ticks;
	sum->count++;
}

/* ---- grouping ---- */

static int by_time(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	return x->tsc < y->tsc ? -1 : x->tsc > y->tsc;
}

/* Of equal keys the cheapest exit first: the median is in the middle. */
static int by_key(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->rip != y->rip)
		return x->rip < y->rip ? -1 : 1;
	return x->ticks < y->ticks ? -1 : x->ticks > y->ticks;
}

static void set_phases(struct mark *marks, size_t nr)
{
	enum exit_phase phase = PHASE_START;

	qsort(marks, nr, sizeof(*marks), by_time);
	for (size_t i = 0; i < nr; i++) {
		phase = exit_phase_next(phase, marks[i].vcpu, marks[i].rip);
		marks[i].rip = phase;
	}
}

/* The key of a function is its address; 0 for what has no name. */
static void set_functions(struct mark *marks, size_t nr, const struct symbols *symbols)
{
	uint64_t offset;

	for (size_t i = 0; i < nr; i++) {
		if (symbols_name(symbols, marks[i].rip, &offset))
			marks[i].rip -= offset;
		else
			marks[i].rip = 0;
	}
}

static void set_keys(struct mark *marks, size_t nr, enum exit_by by,
		     const struct symbols *symbols)
{
	if (by == EXITS_BY_PHASE)
		set_phases(marks, nr);
	else if (by == EXITS_BY_FUNCTION)
		set_functions(marks, nr, symbols);
	else
		for (size_t i = 0; i < nr; i++)
			marks[i].rip = marks[i].reason;
	qsort(marks, nr, sizeof(*marks), by_key);
}

static size_t end_of_group(const struct mark *marks, size_t nr)
{
	size_t i = 1;

	while (i < nr && marks[i].rip == marks[0].rip)
		i++;
	return i;
}

static void add_up(struct group *group, const struct mark *marks, size_t nr)
{
	*group = (struct group){
		.key = marks[0].rip,
		.begins = marks[0].tsc,
		.nr = nr,
		.median = marks[nr / 2].ticks,
	};
	for (size_t i = 0; i < nr; i++) {
		group->to_user += marks[i].to_user;
		group->total += marks[i].ticks;
		if (marks[i].tsc < group->begins)
			group->begins = marks[i].tsc;
		if (marks[i].reason < MAX_REASONS)
			group->reasons[marks[i].reason]++;
	}
}

static int by_total(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return x->key < y->key ? -1 : 1;
}

static int by_begin(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->begins < y->begins ? -1 : x->begins > y->begins;
}

/* Return: groups, to be freed; NULL without memory or exits. */
static struct group *group(const struct exit_sum *sum, enum exit_by by,
			   const struct symbols *symbols, size_t *nr_groups)
{
	struct mark *marks = reallocarray(NULL, sum->nr, sizeof(*marks));
	struct group *groups = NULL;
	size_t nr = 0;

	*nr_groups = 0;
	if (!marks || !sum->nr) {
		free(marks);
		return NULL;
	}
	memcpy(marks, sum->marks, sum->nr * sizeof(*marks));
	set_keys(marks, sum->nr, by, symbols);
	for (size_t i = 0; i < sum->nr; i += end_of_group(marks + i, sum->nr - i))
		nr++;
	groups = calloc(nr, sizeof(*groups));
	for (size_t i = 0; groups && i < sum->nr;) {
		size_t many = end_of_group(marks + i, sum->nr - i);

		add_up(&groups[(*nr_groups)++], marks + i, many);
		i += many;
	}
	free(marks);
	if (groups)
		qsort(groups, nr, sizeof(*groups),
		      by == EXITS_BY_PHASE ? by_begin : by_total);
	return groups;
}

/* ---- printing ---- */

static double share(const struct exit_sum *sum, uint64_t ticks)
{
	return sum->total ? 100.0 * ticks / sum->total : 0;
}

static const char *group_name(const struct group *group, enum exit_by by,
			      const struct symbols *symbols)
{
	const char *name;
	uint64_t offset;

	if (by == EXITS_BY_REASON)
		return exit_name(group->key);
	if (by == EXITS_BY_PHASE)
		return exit_phase_name(group->key);
	name = symbols_name(symbols, group->key, &offset);
	return name ? name : "(no symbol)";
}

/* The reason of the group that comes next to the most frequent one, @most of them. */
static unsigned int frequent(const struct group *group, uint64_t below, unsigned int after,
			     uint64_t *most)
{
	unsigned int found = MAX_REASONS;

	*most = 0;
	for (unsigned int i = 0; i < MAX_REASONS; i++) {
		uint64_t n = group->reasons[i];

		if (n > *most && (n < below || (n == below && i > after))) {
			*most = n;
			found = i;
		}
	}
	return found;
}

/* "EPT_VIOLATION 120, HLT 30, CPUID 3" */
static void show_mostly(const struct group *group, char *text, size_t room)
{
	uint64_t below = UINT64_MAX, most;
	unsigned int reason = 0;
	size_t used = 0;

	*text = 0;
	for (unsigned int i = 0; i < MOSTLY && used < room; i++) {
		reason = frequent(group, below, reason, &most);
		if (!most)
			return;
		used += snprintf(text + used, room - used, "%s%s %llu", i ? ", " : "",
				 exit_name(reason), (ull)most);
		below = most;
	}
}

static void print_group(struct text_table *table, const struct exit_sum *sum,
			const struct group *group, enum exit_by by,
			const struct symbols *symbols)
{
	char text[200];

	text_cell(table, "%s", group_name(group, by, symbols));
	text_cell(table, "%llu", (ull)group->nr);
	text_cell(table, "%llu", (ull)group->to_user);
	text_cell(table, "%llu", (ull)group->total);
	text_cell(table, "%llu", (ull)group->median);
	text_cell(table, "%.1f %%", share(sum, group->total));
	if (by == EXITS_BY_REASON)
		return;
	text_cell(table, "%llu", (ull)(group->begins - sum->first));
	show_mostly(group, text, sizeof(text));
	text_cell(table, "%s", text);
}

void exit_sum_print(const struct exit_sum *sum, enum exit_by by,
		    const struct symbols *symbols, FILE *out)
{
	static const char *const titles[] = { "reason", "phase", "function" };
	const struct text_column columns[] = {
		{ titles[by], false }, { "count", true }, { "to tool", true },
		{ "total ticks", true }, { "median", true }, { "share", true },
		{ "begins", true }, { "mostly", false },
	};
	struct text_table table;
	size_t nr;
	struct group *groups = group(sum, by, symbols, &nr);

	text_table_init(&table, columns, by == EXITS_BY_REASON ? 6 : ARRAY_SIZE(columns));
	for (size_t i = 0; i < nr; i++)
		print_group(&table, sum, &groups[i], by, symbols);
	text_table_print(&table, out);
	fprintf(out, "%llu exits, %llu ticks outside of the guest\n",
		(ull)sum->count, (ull)sum->total);
	if (sum->failed || (!groups && sum->nr))
		fprintf(out, "(out of memory: some exits are not counted)\n");
	free(groups);
}

static cJSON *group_json(const struct exit_sum *sum, const struct group *group,
			 enum exit_by by, const struct symbols *symbols)
{
	static const char *const keys[] = { "reason", "phase", "function" };
	cJSON *row = cJSON_CreateObject(), *reasons;

	cJSON_AddStringToObject(row, keys[by], group_name(group, by, symbols));
	if (by == EXITS_BY_REASON)
		json_count(row, "hw_reason", group->key);
	json_count(row, "count", group->nr);
	json_count(row, "to_user", group->to_user);
	json_count(row, "total_ticks", group->total);
	json_count(row, "median_ticks", group->median);
	cJSON_AddNumberToObject(row, "share_percent", share(sum, group->total));
	if (by == EXITS_BY_REASON)
		return row;
	json_count(row, "begins_ticks", group->begins - sum->first);
	reasons = cJSON_AddObjectToObject(row, "reasons");
	for (unsigned int i = 0; i < MAX_REASONS; i++) {
		if (group->reasons[i])
			json_count(reasons, exit_name(i), group->reasons[i]);
	}
	return row;
}

cJSON *exit_sum_json(const struct exit_sum *sum, enum exit_by by,
		     const struct symbols *symbols)
{
	cJSON *list = cJSON_CreateArray();
	size_t nr;
	struct group *groups = group(sum, by, symbols, &nr);

	for (size_t i = 0; i < nr; i++)
		cJSON_AddItemToArray(list, group_json(sum, &groups[i], by, symbols));
	free(groups);
	return list;
}
