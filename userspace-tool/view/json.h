/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small helpers over cJSON, so that all commands write numbers alike.
 *
 * Counts and ticks are JSON numbers with all their digits (cJSON's own are
 * doubles, which lose the low bits of a time stamp); addresses and register
 * values are strings like "0x1000".
 */
#ifndef VITRINE_JSON_H
#define VITRINE_JSON_H

#include <stdint.h>
#include <stdio.h>

#include <cjson/cJSON.h>

void json_count(cJSON *object, const char *key, uint64_t value);
void json_hex(cJSON *object, const char *key, uint64_t value);

/* Print on one line with a final newline, and delete. */
void json_print(cJSON *json, FILE *out);

#endif /* VITRINE_JSON_H */
