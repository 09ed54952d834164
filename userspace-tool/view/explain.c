// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of everything that can be explained, and looking a word up in it.
 *
 * Read explain.h first; explain_print.c makes text of what was found.
 *
 * Subtle: names are compared without regard to case, and blanks, hyphens and
 * underscores are the same, so that "ept-violation", "EPT violation" and
 * "EPT_VIOLATION" all work; prefixes that other sources use are dropped.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "libvitrine.h"
#include "tool.h"

#define WORD_ROOM	128

static unsigned int nr_of_kind(enum topic_kind kind)
{
	switch (kind) {
	case TOPIC_FIELD:
		return tables_nr_fields;
	case TOPIC_CONTROL:
		return tables_nr_controls;
	case TOPIC_EXIT:
		return tables_nr_exits;
	case TOPIC_ERROR:
		return tables_nr_insn_errors;
	case TOPIC_MSR:
		return tables_nr_msrs;
	case TOPIC_RULE:
		return tables_nr_rules;
	default:
		return 0;
	}
}

const char *topic_kind_name(enum topic_kind kind)
{
	static const char *const names[TOPIC_KINDS] = {
		"field", "control", "exit", "error", "msr", "rule",
	};

	return kind < TOPIC_KINDS ? names[kind] : "any";
}

const char *topic_name(struct topic topic)
{
	switch (topic.kind) {
	case TOPIC_FIELD:
		return tables_fields[topic.index].name;
	case TOPIC_CONTROL:
		return tables_controls[topic.index].name;
	case TOPIC_EXIT:
		return tables_exits[topic.index].name;
	case TOPIC_ERROR:
		return tables_insn_errors[topic.index].name;
	case TOPIC_RULE:
		return tables_rules[topic.index].name;
	default:
		return tables_msrs[topic.index].name;
	}
}

const char *topic_title(struct topic topic)
{
	if (topic.kind == TOPIC_CONTROL)
		return tables_controls[topic.index].title_name;
	if (topic.kind == TOPIC_EXIT)
		return tables_exits[topic.index].title_name;
	return NULL;
}

const char *topic_hint(struct topic topic)
{
	if (topic.kind == TOPIC_RULE)
		return tables_rules[topic.index].field;
	return topic_title(topic);
}

bool topic_number(struct topic topic, uint32_t *number)
{
	switch (topic.kind) {
	case TOPIC_FIELD:
		*number = tables_fields[topic.index].encoding;
		return true;
	case TOPIC_EXIT:
		*number = tables_exits[topic.index].number;
		return true;
	case TOPIC_ERROR:
		*number = tables_insn_errors[topic.index].number;
		return true;
	case TOPIC_MSR:
		*number = tables_msrs[topic.index].index;
		return true;
	default:
		return false;
	}
}

bool topic_at(unsigned int n, struct topic *topic)
{
	for (topic->kind = 0; topic->kind < TOPIC_KINDS; topic->kind++) {
		if (n < nr_of_kind(topic->kind)) {
			topic->index = n;
			return true;
		}
		n -= nr_of_kind(topic->kind);
	}
	return false;
}

/* ---- comparing words ---- */

/* Letters small; one underscore for whatever separates words. */
static void normalize(char *to, const char *from)
{
	char *end = to + WORD_ROOM - 1, *begin = to;

	for (; *from && to < end; from++) {
		if (isalnum((unsigned char)*from))
			*to++ = (char)tolower((unsigned char)*from);
		else if (to > begin && to[-1] != '_')
			*to++ = '_';
	}
	while (to > begin && to[-1] == '_')
		to--;
	*to = 0;
}

static const char *without_prefix(const char *word)
{
	static const char *const prefixes[] = {
		"vmcs_", "vmx_exit_", "vmx_rule_", "exit_reason_", "msr_",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (!strncmp(word, prefixes[i], length) && word[length])
			return word + length;
	}
	return word;
}

enum match { MATCH_NONE, MATCH_PART, MATCH_EXACT };

static enum match match_name(const char *name, const char *word)
{
	char normal[WORD_ROOM];

	if (!name)
		return MATCH_NONE;
	normalize(normal, name);
	if (!strcmp(normal, word))
		return MATCH_EXACT;
	return strstr(normal, word) ? MATCH_PART : MATCH_NONE;
}

static bool parse_word_number(const char *word, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*word))
		return false;
	errno = 0;
	*number = strtoull(word, &end, 0);
	return !*end && !errno;
}

/* A 64-bit field has two encodings: the odd one is its high half. */
static bool has_number(struct topic topic, uint64_t wanted)
{
	uint32_t number;

	if (!topic_number(topic, &number))
		return false;
	if (topic.kind == TOPIC_FIELD && ((number >> 13) & 3) == 1 &&
	    wanted == number + 1ull)
		return true;
	return wanted == number;
}

static enum match match_topic(struct topic topic, const char *word,
			      const char *normal)
{
	enum match best, other;
	uint64_t number;

	if (parse_word_number(word, &number))
		return has_number(topic, number) ? MATCH_EXACT : MATCH_NONE;
	/* VMCS_LINK_POINTER has the prefix in its own name. */
	best = match_name(topic_name(topic), normal);
	other = match_name(topic_name(topic), without_prefix(normal));
	best = best > other ? best : other;
	other = match_name(topic_title(topic), normal);
	return best > other ? best : other;
}

/* The first exact match throws the parts out; parts after it do not count. */
static int take(struct topic_list *list, struct topic topic, enum match match)
{
	struct topic *grown;

	if (match == MATCH_NONE || (match == MATCH_PART && list->exact))
		return 0;
	if (match == MATCH_EXACT && !list->exact) {
		list->exact = true;
		list->nr = 0;
	}
	grown = realloc(list->topic, (list->nr + 1) * sizeof(*grown));
	if (!grown)
		return vtr_error(ENOMEM, "no memory for the list of candidates");
	list->topic = grown;
	grown[list->nr++] = topic;
	return 0;
}

int topic_find(const char *word, enum topic_kind kind, struct topic_list *list)
{
	char normal[WORD_ROOM];
	struct topic topic;
	int ret = 0;

	*list = (struct topic_list){ 0 };
	normalize(normal, word);
	if (!*normal)
		return 0;
	for (unsigned int n = 0; !ret && topic_at(n, &topic); n++) {
		if (kind == TOPIC_ANY || topic.kind == kind)
			ret = take(list, topic,
				   match_topic(topic, word, normal));
	}
	if (ret) {
		free(list->topic);
		list->topic = NULL;
	}
	return ret;
}
