/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Second-level translation for people and for programs: one address, all
 * ranges, and the two-dimensional walk as a picture.
 *
 * cli/cmd_ept.c calls one of the pairs.  The facts are collected by the source
 * (ept_source.h) and by guest_walk.h; nothing is asked for here.
 */
#ifndef VITRINE_EPT_VIEW_H
#define VITRINE_EPT_VIEW_H

#include <stdio.h>

#include "guest_walk.h"
#include "json.h"

/* "r-x"; @text has room for 4 characters. */
void rights_text(char *text, uint32_t rights);

/* An entry in words: "rwx leaf 4K WB ignore-PAT accessed". */
void ept_entry_words(char *text, size_t room, uint64_t entry,
		     unsigned int level);

void ept_print_walk(const struct ept_walk *walk, FILE *out);
cJSON *ept_json_walk(const struct ept_walk *walk);

void ept_print_ranges(const struct ept_ranges *ranges, FILE *out);
cJSON *ept_json_ranges(const struct ept_ranges *ranges);

void ept_print_guest_walk(const struct guest_walk *walk, FILE *out);
cJSON *ept_json_guest_walk(const struct guest_walk *walk);

#endif /* VITRINE_EPT_VIEW_H */
