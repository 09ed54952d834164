// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the recent output of a console.  Pure.
 *
 * Read backlog.h first; control/server.c is the reader.
 */
#include "backlog.h"

static uint64_t oldest(const struct backlog *log)
{
	return log->head > BACKLOG_BYTES ? log->head - BACKLOG_BYTES : 0;
}

size_t backlog_read(const struct backlog *log, uint64_t *at, void *to, size_t room,
		    uint64_t *lost)
{
	uint64_t first = oldest(log);
	uint8_t *byte = to;
	size_t nr = 0;

	*lost = *at < first ? first - *at : 0;
	*at += *lost;
	while (nr < room && *at < log->head)
		byte[nr++] = log->byte[(*at)++ % BACKLOG_BYTES];
	return nr;
}

uint64_t backlog_tail(const struct backlog *log, size_t bytes)
{
	uint64_t first = oldest(log);

	if (log->head - first > bytes)
		first = log->head - bytes;
	if (!first)
		return 0;
	for (uint64_t at = first; at < log->head; at++) {
		if (log->byte[at % BACKLOG_BYTES] == '\n')
			return at + 1;
	}
	return first;
}
