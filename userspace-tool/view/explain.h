/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding and explaining a name or a number of the manual.
 *
 * cli/cmd_explain.c asks.  Everything known is one list of topics, made from
 * the generated tables (tables.h): VMCS fields, control bits, exit reasons with
 * their qualifications, VM-instruction errors, MSRs, rules of VM entry.
 */
#ifndef VITRINE_EXPLAIN_H
#define VITRINE_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "json.h"
#include "tables.h"

enum topic_kind {
	TOPIC_FIELD, TOPIC_CONTROL, TOPIC_EXIT, TOPIC_ERROR, TOPIC_MSR, TOPIC_RULE,
	TOPIC_KINDS,
	TOPIC_ANY = TOPIC_KINDS,
};

/* One thing that can be explained; @index is its row in the table of its kind. */
struct topic {
	enum topic_kind kind;
	unsigned int index;
};

/* "field", "control", "exit", "error", "msr", "rule". */
const char *topic_kind_name(enum topic_kind kind);

/* Name as `vitrine explain` takes it: "GUEST_RIP". */
const char *topic_name(struct topic topic);

/* Name in the manual, or NULL if it has no other. */
const char *topic_title(struct topic topic);

/* What tells it from others of its kind where it has no number: title, or a rule's field. */
const char *topic_hint(struct topic topic);

/* Encoding, exit reason, error number or MSR index; false: it has none. */
bool topic_number(struct topic topic, uint32_t *number);

/* Iterate: topic number @n of all, in the order of the kinds; false: no more. */
bool topic_at(unsigned int n, struct topic *topic);

/**
 * struct topic_list - what a word may mean
 * @nr: candidates
 * @topic: these
 * @exact: the word is the whole name or number, not a part of a name
 */
struct topic_list {
	unsigned int nr;
	struct topic *topic;
	bool exact;
};

/* All that @word may mean, exact ones alone if there are; free() list->topic. */
int topic_find(const char *word, enum topic_kind kind, struct topic_list *list);

/* Can a value of it be taken apart? */
bool topic_takes_value(struct topic topic);

/* @value: NULL, or a value to decode. */
void topic_print(struct topic topic, const uint64_t *value, FILE *out);
cJSON *topic_json(struct topic topic, const uint64_t *value);

#endif /* VITRINE_EXPLAIN_H */
