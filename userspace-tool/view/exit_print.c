// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits and trace records as lines and as JSON.
 *
 * Read exit_view.h first; exit_sum.c adds them up.
 *
 * Subtle: a record does not tell whether the guest's OS or an application in
 * it was running, so the guest is written as 4 here; `vitrine step` looks at
 * the privilege level and tells 4 from 5.
 */
#include "decode_show.h"
#include "exit_view.h"
#include "tables.h"
#include "text_table.h"
#include "tool.h"

void exit_row_path(const struct exit_row *row, char *text, size_t room)
{
	snprintf(text, room, "4 → 3%s%s%s", row->host ? " → 2 → 3" : "",
		 row->to_user ? " → 2 → 3 tool" : "",
		 !row->returned ? "" : row->to_user ? " → 2 → 3 → 4" : " → 4");
}

#define PATH_WIDTH	30
#define NAME_WIDTH	20

void exit_rows_title(FILE *out)
{
	fprintf(out, "%7s %4s  %-*s  %-*s  %9s %9s %9s  %-18s  %s\n", "seq",
		"vcpu", PATH_WIDTH, "layers", NAME_WIDTH, "reason", "guest",
		"module", "user", "guest RIP", "detail");
}

void exit_row_print(const struct exit_row *row, const struct symbols *symbols, FILE *out)
{
	char path[64], detail[200], symbol[120];
	const char *and;

	exit_row_path(row, path, sizeof(path));
	show_detail(detail, sizeof(detail), row->hw_kind, row->hw_reason,
		    row->qualification, row->arg1, row->arg2);
	fprintf(out, "%7llu %4u  %s%*s  %-*s  %9llu %9llu %9llu  0x%-16llx  %s",
		(ull)row->seq, row->vcpu, path,
		PATH_WIDTH - text_width(path), "", NAME_WIDTH,
		exit_name(row->hw_reason), (ull)row->guest_ticks,
		(ull)row->module_ticks, (ull)row->user_ticks, (ull)row->rip,
		detail);
	and = *detail ? "; " : "";
	if (row->injected) {
		fprintf(out, "%svector %u injected", and, row->vector);
		and = "; ";
	}
	if (row->to_user && row->user_exit == VTR_EXIT_NONE) {
		fprintf(out, "%sthen a signal for the thread", and);
		and = "; ";
	}
	symbols_show(symbols, row->rip, symbol, sizeof(symbol));
	if (*symbol)
		fprintf(out, "%sin %s", and, symbol);
	fputc('\n', out);
}

cJSON *exit_row_json(const struct exit_row *row, const struct symbols *symbols)
{
	cJSON *json = cJSON_CreateObject();
	char text[200];

	json_count(json, "seq", row->seq);
	json_count(json, "vcpu", row->vcpu);
	json_count(json, "cpu", row->cpu);
	exit_row_path(row, text, sizeof(text));
	cJSON_AddStringToObject(json, "layers", text);
	cJSON_AddStringToObject(json, "reason", exit_name(row->hw_reason));
	json_count(json, "hw_reason", row->hw_reason);
	cJSON_AddStringToObject(json, "kind", hw_kind_name(row->hw_kind));
	show_detail(text, sizeof(text), row->hw_kind, row->hw_reason,
		    row->qualification, row->arg1, row->arg2);
	cJSON_AddStringToObject(json, "detail", text);
	json_hex(json, "qualification", row->qualification);
	json_hex(json, "rip", row->rip);
	symbols_show(symbols, row->rip, text, sizeof(text));
	if (*text)
		cJSON_AddStringToObject(json, "symbol", text);
	json_hex(json, "arg1", row->arg1);
	json_hex(json, "arg2", row->arg2);
	json_count(json, "guest_ticks", row->guest_ticks);
	json_count(json, "module_ticks", row->module_ticks);
	json_count(json, "user_ticks", row->user_ticks);
	cJSON_AddBoolToObject(json, "to_user", row->to_user);
	cJSON_AddBoolToObject(json, "host", row->host);
	cJSON_AddBoolToObject(json, "returned", row->returned);
	if (row->injected)
		json_count(json, "injected_vector", row->vector);
	return json;
}

static const char *record_kind(uint8_t kind)
{
	static const char *const names[] = {
		[VTR_TRACE_ENTRY] = "entry     3 → 4",
		[VTR_TRACE_EXIT] = "exit      4 → 3",
		[VTR_TRACE_HANDLED] = "handled   3",
		[VTR_TRACE_TO_USER] = "to user   3 → 2 → 3 tool",
		[VTR_TRACE_FROM_USER] = "from user 3 tool → 2 → 3",
		[VTR_TRACE_INJECT] = "inject    3",
		[VTR_TRACE_HOST] = "host      3 → 2",
	};

	if (kind < ARRAY_SIZE(names) && names[kind])
		return names[kind];
	return "unknown";
}

void trace_record_print(const struct vtr_trace_record *record, FILE *out)
{
	const char *kind = record_kind(record->kind);
	int pad = 24 - text_width(kind);

	fprintf(out, "%7llu tsc %llu vcpu %u cpu %u %s%*s %-20s qualification 0x%llx args 0x%llx 0x%llx 0x%llx\n",
		(ull)record->seq, (ull)record->tsc, record->vcpu, record->cpu,
		kind, pad > 0 ? pad : 0, "",
		record->hw_kind ? exit_name(record->hw_reason) : "-",
		(ull)record->qualification, (ull)record->arg0,
		(ull)record->arg1, (ull)record->arg2);
}
