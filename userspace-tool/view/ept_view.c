// SPDX-License-Identifier: GPL-2.0-only
/*
 * Printing second-level translation: text first, JSON behind it.
 *
 * Read ept_view.h first.  The format of entries is that of SDM 3C "The Extended
 * Page Table Mechanism (EPT)" (29.3), tables "Format of an EPT ... Entry"; the
 * module's own words for the same bits are in ept/show.c.
 */
#include <stdio.h>
#include <string.h>

#include "ept_view.h"
#include "text_table.h"
#include "tool.h"

#define EPT_LEAF	(1ull << 7)
#define EPT_FRAME	0x000ffffffffff000ull

static const char *size_name(uint64_t bytes)
{
	switch (bytes) {
	case 1ull << 12:
		return "4K";
	case 1ull << 21:
		return "2M";
	case 1ull << 22:
		return "4M";
	case 1ull << 30:
		return "1G";
	default:
		return "?";
	}
}

void rights_text(char *text, uint32_t rights)
{
	text[0] = rights & VTR_WALK_READ ? 'r' : '-';
	text[1] = rights & VTR_WALK_WRITE ? 'w' : '-';
	text[2] = rights & VTR_WALK_EXEC ? 'x' : '-';
	text[3] = 0;
}

static bool is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || (level <= 3 && (entry & EPT_LEAF));
}

void ept_entry_words(char *text, size_t room, uint64_t entry,
		     unsigned int level)
{
	static const char *const types[] = {
		"UC", "WC", "reserved-2", "reserved-3", "WT", "WP", "WB",
		"reserved-7",
	};
	char rights[4];

	rights_text(rights, entry & 7);
	if (!(entry & 7))
		snprintf(text, room, "not present");
	else if (!is_leaf(entry, level))
		snprintf(text, room, "%s table of level %u%s", rights,
			 level - 1, entry & 0x100 ? " accessed" : "");
	else
		snprintf(text, room, "%s leaf %s %s%s%s%s", rights,
			 size_name(1ull << (12 + 9 * (level - 1))),
			 types[entry >> 3 & 7],
			 entry & 0x40 ? " ignore-PAT" : "",
			 entry & 0x100 ? " accessed" : "",
			 entry & 0x200 ? " dirty" : "");
}

static unsigned int ept_index(uint64_t gpa, unsigned int level)
{
	return gpa >> (12 + 9 * (level - 1)) & 0x1ff;
}

/* ---- one address ---- */

static const char *level_names[EPT_MAX_LEVELS + 1] = {
	"?", "page table", "page directory", "page-directory pointers", "PML4",
	"?", "?",
};

static void print_end(const struct ept_walk *walk, FILE *out)
{
	char rights[4];

	rights_text(rights, walk->rights);
	if (!walk->leaf_bytes) {
		fprintf(out, "  not mapped: %s\n", walk->slot == EPT_NO_SLOT ?
			"no slot has this address, an access is for a device or stops the VM" :
			"the first access exits with an EPT violation, then the module maps it");
	} else {
		fprintf(out, "  mapped by a %s leaf, rights of the whole walk: %s\n",
			size_name(walk->leaf_bytes), rights);
		if (walk->has_frames)
			fprintf(out, "  HPA 0x%llx\n", (ull)walk->hpa);
	}
	if (walk->slot == EPT_NO_SLOT)
		fprintf(out, "  slot: none\n");
	else
		fprintf(out, "  slot %d, HVA 0x%llx in the VM's process\n",
			walk->slot, (ull)walk->hva);
}

void ept_print_walk(const struct ept_walk *walk, FILE *out)
{
	fprintf(out, "GPA 0x%llx\n", (ull)walk->gpa);
	for (unsigned int i = 0; i < walk->nr; i++) {
		unsigned int level = walk->level[i];
		char words[96];

		ept_entry_words(words, sizeof(words), walk->entry[i], level);
		fprintf(out, "  level %u, %-23s entry %3u = 0x%016llx  %s\n",
			level, level_names[level % (EPT_MAX_LEVELS + 1)],
			ept_index(walk->gpa, level), (ull)walk->entry[i],
			words);
	}
	print_end(walk, out);
	if (walk->nr && !walk->has_frames)
		fprintf(out, "  (frame numbers of the host are hidden from programs; root sees them with --vm)\n");
}

cJSON *ept_json_walk(const struct ept_walk *walk)
{
	cJSON *json = cJSON_CreateObject(), *entries = cJSON_CreateArray();
	char text[96];

	json_hex(json, "gpa", walk->gpa);
	for (unsigned int i = 0; i < walk->nr; i++) {
		cJSON *entry = cJSON_CreateObject();

		json_count(entry, "level", walk->level[i]);
		json_count(entry, "index",
			   ept_index(walk->gpa, walk->level[i]));
		json_hex(entry, "value", walk->entry[i]);
		ept_entry_words(text, sizeof(text), walk->entry[i],
				walk->level[i]);
		cJSON_AddStringToObject(entry, "words", text);
		cJSON_AddItemToArray(entries, entry);
	}
	cJSON_AddItemToObject(json, "entries", entries);
	json_count(json, "leaf_bytes", walk->leaf_bytes);
	rights_text(text, walk->rights);
	cJSON_AddStringToObject(json, "rights", text);
	if (walk->leaf_bytes && walk->has_frames)
		json_hex(json, "hpa", walk->hpa);
	if (walk->slot != EPT_NO_SLOT) {
		json_count(json, "slot", walk->slot);
		json_hex(json, "hva", walk->hva);
	}
	return json;
}

/* ---- ranges ---- */

static const struct text_column range_columns[] = {
	{ "guest physical range", false }, { "leaf", true },
	{ "rights", false }, { "leaves", true }, { "slot", true },
	{ "host virtual", false }, { "host physical", false },
	{ "pieces", true },
};

static void add_range(struct text_table *table, const struct ept_range *range)
{
	char rights[4];

	rights_text(rights, range->rights);
	text_cell(table, "0x%010llx-0x%010llx", (ull)range->start,
		  (ull)range->end);
	text_cell(table, "%s", size_name(range->leaf_bytes));
	text_cell(table, "%s", rights);
	text_cell(table, "%llu",
		  (ull)((range->end - range->start) / range->leaf_bytes));
	if (range->slot == EPT_NO_SLOT) {
		text_cell(table, "none");
		text_cell(table, "-");
	} else {
		text_cell(table, "%d", range->slot);
		text_cell(table, "0x%llx", (ull)range->hva);
	}
	if (range->pieces) {
		text_cell(table, "0x%llx", (ull)range->hpa);
		text_cell(table, "%llu", (ull)range->pieces);
	} else {
		text_cell(table, "hidden");
		text_cell(table, "?");
	}
}

void ept_print_ranges(const struct ept_ranges *ranges, FILE *out)
{
	struct text_table table;
	uint64_t bytes = 0;

	text_table_init(&table, range_columns, ARRAY_SIZE(range_columns));
	for (unsigned int i = 0; i < ranges->nr; i++) {
		const struct ept_range *range = &ranges->range[i];

		if (!range->leaf_bytes)
			continue;
		add_range(&table, range);
		bytes += range->end - range->start;
	}
	text_table_print(&table, out);
	fprintf(out, "%u range%s, %llu KiB mapped%s\n", ranges->nr,
		ranges->nr == 1 ? "" : "s", (ull)bytes >> 10,
		ranges->cut ? "; the module did not show all" : "");
}

cJSON *ept_json_ranges(const struct ept_ranges *ranges)
{
	cJSON *list = cJSON_CreateArray();
	char rights[4];

	for (unsigned int i = 0; i < ranges->nr; i++) {
		const struct ept_range *range = &ranges->range[i];
		cJSON *json = cJSON_CreateObject();

		json_hex(json, "start", range->start);
		json_hex(json, "end", range->end);
		json_count(json, "leaf_bytes", range->leaf_bytes);
		rights_text(rights, range->rights);
		cJSON_AddStringToObject(json, "rights", rights);
		if (range->slot != EPT_NO_SLOT) {
			json_count(json, "slot", range->slot);
			json_hex(json, "hva", range->hva);
		}
		if (range->pieces) {
			json_hex(json, "hpa", range->hpa);
			json_count(json, "pieces", range->pieces);
		}
		cJSON_AddItemToArray(list, json);
	}
	return list;
}

/* ---- the two-dimensional walk ---- */

/*
 * The arrow to the right: "EPT 4[0] 3[0] 2[0] 1[5] → HPA 0x...".
 * One number in brackets for each entry that the processor reads.
 */
static void print_second(const struct ept_walk *walk, FILE *out)
{
	char rights[4];

	rights_text(rights, walk->rights);
	fprintf(out, "EPT");
	for (unsigned int i = 0; i < walk->nr; i++)
		fprintf(out, " %u[%u]", walk->level[i],
			ept_index(walk->gpa, walk->level[i]));
	if (!walk->leaf_bytes)
		fprintf(out, " → not mapped, %s", walk->slot == EPT_NO_SLOT ?
			"no memory" : "an EPT violation");
	else if (walk->has_frames)
		fprintf(out, " → HPA 0x%llx (%s %s)", (ull)walk->hpa,
			size_name(walk->leaf_bytes), rights);
	else
		fprintf(out, " → HPA hidden (%s %s)",
			size_name(walk->leaf_bytes), rights);
	fputc('\n', out);
}

static void print_step(const struct guest_walk *walk, unsigned int i, FILE *out)
{
	const struct guest_step *step = &walk->step[i];
	char words[128];

	fprintf(out, "  %-5s [%3u] at GPA 0x%-10llx ──▶ ", step->name,
		step->index, (ull)step->gpa);
	print_second(&step->ept, out);
	if (step->has_entry) {
		guest_entry_words(words, sizeof(words), walk, i);
		fprintf(out, "    │ holds 0x%llx: %s\n", (ull)step->entry,
			words);
	}
	fprintf(out, "    %s\n", i + 1 == walk->nr && walk->stopped ? "✗" : "▼");
}

static void print_result(const struct guest_walk *walk, FILE *out)
{
	char rights[4];

	if (walk->stopped) {
		fprintf(out, "  no translation: %s\n", walk->stopped);
		return;
	}
	fprintf(out, "  data        at GPA 0x%-10llx ──▶ ", (ull)walk->gpa);
	print_second(&walk->final, out);
	rights_text(rights, walk->rights);
	if (walk->page_bytes)
		fprintf(out, "\nguest page of %s, rights by the guest's tables %s",
			size_name(walk->page_bytes), rights);
	else
		fprintf(out, "\npaging is off: GPA = linear address");
	rights_text(rights, walk->rights & walk->final.rights);
	if (walk->final.leaf_bytes)
		fprintf(out, "; with those of EPT %s", rights);
	fputc('\n', out);
}

void ept_print_guest_walk(const struct guest_walk *walk, FILE *out)
{
	unsigned int reads = guest_walk_reads(walk);

	fprintf(out, "GVA 0x%llx, %s", (ull)walk->gva, walk->mode);
	if (strcmp(walk->mode, "paging off"))
		fprintf(out, ", CR3 = 0x%llx", (ull)walk->paging.cr3);
	fprintf(out, "\n\n  %-34s  %s\n  %-34s  %s\n", "guest's page tables ↓",
		"second dimension →",
		"(layer 4 wrote them)", "(each GPA through EPT, layer 3's tables)");
	for (unsigned int i = 0; i < walk->nr; i++)
		print_step(walk, i, out);
	print_result(walk, out);
	fprintf(out, "%u entries read with nothing cached: %u of the guest, %u of EPT\n",
		reads, walk->nr, reads - walk->nr);
}

cJSON *ept_json_guest_walk(const struct guest_walk *walk)
{
	cJSON *json = cJSON_CreateObject(), *steps = cJSON_CreateArray();
	char text[128];

	json_hex(json, "gva", walk->gva);
	cJSON_AddStringToObject(json, "mode", walk->mode);
	json_hex(json, "cr3", walk->paging.cr3);
	for (unsigned int i = 0; i < walk->nr; i++) {
		const struct guest_step *step = &walk->step[i];
		cJSON *row = cJSON_CreateObject();

		cJSON_AddStringToObject(row, "name", step->name);
		json_count(row, "index", step->index);
		if (step->has_entry) {
			json_hex(row, "value", step->entry);
			guest_entry_words(text, sizeof(text), walk, i);
			cJSON_AddStringToObject(row, "words", text);
		}
		cJSON_AddItemToObject(row, "ept", ept_json_walk(&step->ept));
		cJSON_AddItemToArray(steps, row);
	}
	cJSON_AddItemToObject(json, "steps", steps);
	json_count(json, "reads", guest_walk_reads(walk));
	if (walk->stopped) {
		cJSON_AddStringToObject(json, "stopped", walk->stopped);
		return json;
	}
	json_hex(json, "gpa", walk->gpa);
	json_count(json, "page_bytes", walk->page_bytes);
	rights_text(text, walk->rights);
	cJSON_AddStringToObject(json, "rights", text);
	cJSON_AddItemToObject(json, "ept", ept_json_walk(&walk->final));
	return json;
}
