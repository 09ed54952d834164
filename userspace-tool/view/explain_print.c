// SPDX-License-Identifier: GPL-2.0-only
/*
 * One topic in words: what it is, where the manual explains it, its value.
 *
 * Read explain.h first.  Each kind collects rows "label: text", which are then
 * printed or become JSON, so both tell the same.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "decode_show.h"
#include "explain.h"
#include "tool.h"

#define MAX_ROWS	96
#define ROW_ROOM	512

/* Rows of one explanation; a row without label belongs to the one before. */
struct page {
	unsigned int nr;
	struct {
		const char *label;
		char text[ROW_ROOM];
	} row[MAX_ROWS];
};

static void __attribute__((format(printf, 3, 4)))
add(struct page *page, const char *label, const char *fmt, ...)
{
	va_list args;

	if (page->nr == MAX_ROWS)
		return;
	page->row[page->nr].label = label;
	va_start(args, fmt);
	vsnprintf(page->row[page->nr++].text, ROW_ROOM, fmt, args);
	va_end(args);
}

/* ---- fields ---- */

/* SDM 3D "Field Encoding in VMCS" (appendix B): bits 14:13 and 11:10. */
static void add_encoding(struct page *page, uint32_t encoding)
{
	static const char *const widths[] = { "16-bit", "64-bit", "32-bit",
					      "natural-width" };
	static const char *const types[] = { "control", "exit-information",
					     "guest-state", "host-state" };

	add(page, "encoding", "0x%04x: %s %s field, index %u", encoding,
	    widths[encoding >> 13 & 3], types[encoding >> 10 & 3],
	    encoding >> 1 & 0x1ff);
	if ((encoding >> 13 & 3) == 1)
		add(page, "high half", "0x%04x, for 32-bit code", encoding + 1);
}

static void page_of_field(struct page *page, unsigned int index,
			  const uint64_t *value)
{
	const struct field_info *info = &tables_fields[index];
	char words[ROW_ROOM];

	add(page, "meaning", "%s", info->meaning);
	add_encoding(page, info->encoding);
	add(page, "group", "%s", info->group);
	add(page, "access", "%s", strcmp(info->access, "ro") ? "VMREAD and VMWRITE" :
	    "VMREAD; VMWRITE only where IA32_VMX_MISC bit 29 is set");
	add(page, "manual", "SDM 3C \"%s\"", info->title);
	if (!value)
		return;
	show_field(words, sizeof(words), info->encoding, *value);
	add(page, "value", "0x%llx%s%s", (unsigned long long)*value, *words ? ": " : "", words);
}

/* ---- controls ---- */

static const char *word_title(enum control_word word)
{
	static const char *const titles[] = {
		[WORD_PIN] = "pin-based execution controls",
		[WORD_PROC] = "primary processor-based execution controls",
		[WORD_PROC2] = "secondary processor-based execution controls",
		[WORD_PROC3] = "tertiary processor-based execution controls",
		[WORD_EXIT] = "VM-exit controls",
		[WORD_EXIT2] = "secondary VM-exit controls",
		[WORD_ENTRY] = "VM-entry controls",
		[WORD_EPTVPID] = "EPT and VPID capabilities (an MSR)",
	};

	return titles[word];
}

static const char *word_field(enum control_word word)
{
	static const char *const fields[] = {
		[WORD_PIN] = "PIN_BASED_VM_EXEC_CONTROL",
		[WORD_PROC] = "CPU_BASED_VM_EXEC_CONTROL",
		[WORD_PROC2] = "SECONDARY_VM_EXEC_CONTROL",
		[WORD_PROC3] = "TERTIARY_VM_EXEC_CONTROL",
		[WORD_EXIT] = "VM_EXIT_CONTROLS",
		[WORD_EXIT2] = "SECONDARY_VM_EXIT_CONTROLS",
		[WORD_ENTRY] = "VM_ENTRY_CONTROLS",
		[WORD_EPTVPID] = NULL,
	};

	return fields[word];
}

static void page_of_control(struct page *page, unsigned int index,
			    const uint64_t *value)
{
	const struct control_info *info = &tables_controls[index];
	bool first = true;

	add(page, "meaning", "%s", info->meaning);
	add(page, "word", "%s, bit %u (0x%llx)", word_title(info->word),
	    info->bit, 1ull << info->bit);
	if (word_field(info->word))
		add(page, "field", "%s", word_field(info->word));
	for (unsigned int i = 0; i < tables_nr_msrs; i++) {
		if (tables_msrs[i].word != info->word)
			continue;
		add(page, first ? "capability" : "", "%s (0x%x)",
		    tables_msrs[i].name, tables_msrs[i].index);
		first = false;
	}
	if (value)
		add(page, "value", "0x%llx: the bit is %s", (unsigned long long)*value,
		    *value >> info->bit & 1 ? "1" : "0");
}

/* ---- exit reasons and their qualifications ---- */

/* The word behind "VALUE = " in a part's meaning; NULL: there is none. */
static const char *word_of_value(const char *meaning, uint64_t value,
				 char *word, size_t room)
{
	char wanted[32];
	const char *at = meaning;
	size_t length;

	snprintf(wanted, sizeof(wanted), "%llu = ", (ull)value);
	do {
		at = strstr(at, wanted);
	} while (at && at > meaning && at[-1] != ' ' && at++);
	if (!at)
		return NULL;
	at += strlen(wanted);
	length = strcspn(at, ",;");
	snprintf(word, room, "%.*s", (int)length, at);
	return word;
}

static uint64_t part_of(uint64_t value, unsigned int high, unsigned int low)
{
	return high - low == 63 ? value :
	       value >> low & ((1ull << (high - low + 1)) - 1);
}

static void add_part(struct page *page, const struct qualification_info *part,
		     const uint64_t *value, const char *label)
{
	char bits[16], word[128], shown[32] = "";
	const char *text = NULL;

	if (part->high == part->low)
		snprintf(bits, sizeof(bits), "%u", part->low);
	else
		snprintf(bits, sizeof(bits), "%u:%u", part->high, part->low);
	if (value) {
		uint64_t is = part_of(*value, part->high, part->low);

		text = word_of_value(part->meaning, is, word, sizeof(word));
		snprintf(shown, sizeof(shown), "= 0x%-5llx ", (ull)is);
	}
	add(page, label, "%-5s %s%s%s%s", bits, shown, part->meaning,
	    text ? " → " : "", text ? text : "");
}

static void page_of_exit(struct page *page, unsigned int index,
			 const uint64_t *value)
{
	const struct exit_info *info = &tables_exits[index];
	char words[ROW_ROOM];
	bool first = true;

	add(page, "meaning", "%s", info->meaning);
	add(page, "number", "%u (bits 15:0 of the field VM_EXIT_REASON)",
	    info->number);
	add(page, "kind", "%s in traces",
	    hw_kind_name(info->kind));
	add(page, "manual", "SDM 3C \"%s\"", info->title);
	for (unsigned int i = 0; i < tables_nr_qualifications; i++) {
		const struct qualification_info *part = &tables_qualifications[i];

		if (strcmp(part->exit, info->name))
			continue;
		add_part(page, part, value, first ? "qualification" : "");
		first = false;
	}
	if (first)
		add(page, "qualification", "none");
	if (!value || first)
		return;
	show_qualification(words, sizeof(words), info->number, *value);
	add(page, "value", "0x%llx%s%s", (unsigned long long)*value, *words ? ": " : "", words);
}

/* ---- errors and MSRs ---- */

static void page_of_error(struct page *page, unsigned int index)
{
	const struct insn_error_info *info = &tables_insn_errors[index];

	add(page, "meaning", "%s", info->sentence);
	add(page, "number", "%u (in the field VM_INSTRUCTION_ERROR)",
	    info->number);
	add(page, "manual", "SDM 3C \"%s\"", info->title);
}

/* What a capability MSR says about one control. */
static const char *control_rule(const struct msr_info *msr, uint64_t value,
				unsigned int bit)
{
	bool single = msr->word == WORD_PROC3 || msr->word == WORD_EXIT2 ||
		      msr->word == WORD_EPTVPID;

	if (single)
		return value >> bit & 1 ? "may be 1" : "must be 0";
	if (value >> bit & 1)
		return "must be 1";
	return value >> (bit + 32) & 1 ? "may be 1" : "must be 0";
}

static void page_of_msr(struct page *page, unsigned int index,
			const uint64_t *value)
{
	const struct msr_info *info = &tables_msrs[index];

	add(page, "meaning", "%s", info->meaning);
	add(page, "index", "0x%x", info->index);
	add(page, "manual", "SDM 3D \"%s\"", info->title);
	if (!value)
		return;
	add(page, "value", "0x%llx", (unsigned long long)*value);
	for (unsigned int i = 0; i < tables_nr_controls; i++) {
		const struct control_info *control = &tables_controls[i];

		if (control->word == info->word)
			add(page, "", "%2u %s: %s", control->bit,
			    control->title_name,
			    info->word == WORD_EPTVPID ?
			    (*value >> control->bit & 1 ? "yes" : "no") :
			    control_rule(info, *value, control->bit));
	}
}

/* ---- rules of VM entry ---- */

static const char *stage_words(const char *stage)
{
	static const char *const words[][2] = {
		{ "CONTROLS", "VMLAUNCH and VMRESUME fail with VM-instruction error 7" },
		{ "HOST", "VMLAUNCH and VMRESUME fail with VM-instruction error 8" },
		{ "GUEST", "exit reason 33, INVALID_GUEST_STATE, with bit 31 set" },
		{ "MSRS", "exit reason 34, MSR_LOAD_FAIL, with bit 31 set" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(words[i][0], stage))
			return words[i][1];
	}
	return stage;
}

static void page_of_rule(struct page *page, unsigned int index)
{
	const struct rule_info *info = &tables_rules[index];

	add(page, "rule", "%s", info->sentence);
	add(page, "if broken", "%s", stage_words(info->stage));
	add(page, "field", "%s", info->field);
	add(page, "likely cause", "%s", info->cause);
	add(page, "manual", "SDM 3C \"%s\"", info->title);
}

/* ---- all kinds ---- */

bool topic_takes_value(struct topic topic)
{
	return topic.kind != TOPIC_ERROR && topic.kind != TOPIC_RULE;
}

static void fill(struct page *page, struct topic topic, const uint64_t *value)
{
	page->nr = 0;
	switch (topic.kind) {
	case TOPIC_FIELD:
		page_of_field(page, topic.index, value);
		break;
	case TOPIC_CONTROL:
		page_of_control(page, topic.index, value);
		break;
	case TOPIC_EXIT:
		page_of_exit(page, topic.index, value);
		break;
	case TOPIC_ERROR:
		page_of_error(page, topic.index);
		break;
	case TOPIC_RULE:
		page_of_rule(page, topic.index);
		break;
	default:
		page_of_msr(page, topic.index, value);
		break;
	}
}

void topic_print(struct topic topic, const uint64_t *value, FILE *out)
{
	struct page page;

	fill(&page, topic, value);
	fprintf(out, "%s: %s", topic_kind_name(topic.kind), topic_name(topic));
	if (topic_title(topic))
		fprintf(out, " (\"%s\")", topic_title(topic));
	fputc('\n', out);
	for (unsigned int i = 0; i < page.nr; i++)
		fprintf(out, "  %-14s %s\n", page.row[i].label,
			page.row[i].text);
}

cJSON *topic_json(struct topic topic, const uint64_t *value)
{
	cJSON *json = cJSON_CreateObject(), *list = NULL;
	struct page page;
	uint32_t number;

	fill(&page, topic, value);
	cJSON_AddStringToObject(json, "topic", topic_kind_name(topic.kind));
	cJSON_AddStringToObject(json, "name", topic_name(topic));
	if (topic_title(topic))
		cJSON_AddStringToObject(json, "title", topic_title(topic));
	if (topic_number(topic, &number))
		json_hex(json, "number_hex", number);
	for (unsigned int i = 0; i < page.nr; i++) {
		bool more = i + 1 < page.nr && !*page.row[i + 1].label;

		if (*page.row[i].label && more) {
			list = cJSON_CreateArray();
			cJSON_AddItemToObject(json, page.row[i].label, list);
		}
		if (*page.row[i].label && !more)
			cJSON_AddStringToObject(json, page.row[i].label,
						page.row[i].text);
		else
			cJSON_AddItemToArray(list,
					     cJSON_CreateString(page.row[i].text));
	}
	return json;
}
