// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers and printing for the JSON output of the commands.
 *
 * Read json.h first.  Functions of cJSON take NULL for a failed allocation
 * and pass it on; json_print() tells about it once, at the end.
 */
#include <stdlib.h>

#include "json.h"

void json_count(cJSON *object, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	cJSON_AddRawToObject(object, key, text);
}

void json_hex(cJSON *object, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	cJSON_AddStringToObject(object, key, text);
}

void json_print(cJSON *json, FILE *out)
{
	char *text = cJSON_PrintUnformatted(json);

	if (text)
		fprintf(out, "%s\n", text);
	else
		fprintf(stderr, "vitrine: no memory for JSON output\n");
	cJSON_free(text);
	cJSON_Delete(json);
}
