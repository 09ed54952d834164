/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The last 64 KiB that the guest has written to its console.
 *
 * run/console.c writes; each console that is attached reads at its own pace, from
 * a position of its own.  Who is too slow loses the oldest bytes and is told how
 * many: the guest waits for nobody.  The machine's lock guards it.
 */
#ifndef VITRINE_BACKLOG_H
#define VITRINE_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#define BACKLOG_BYTES	65536u

struct backlog {
	uint64_t head;		/* bytes ever written */
	uint8_t byte[BACKLOG_BYTES];
};

static inline void backlog_put(struct backlog *log, uint8_t byte)
{
	log->byte[log->head++ % BACKLOG_BYTES] = byte;
}

/*
 * Copy what follows position *@at, @room at most, and move on.  @lost: out: bytes
 * that were overwritten before.  Return: bytes copied.
 */
size_t backlog_read(const struct backlog *log, uint64_t *at, void *to, size_t room,
		    uint64_t *lost);

/* Where to begin in order to see the last @bytes: at the begin of a line, if one fits. */
uint64_t backlog_tail(const struct backlog *log, size_t bytes);

#endif /* VITRINE_BACKLOG_H */
