/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal behind stdin: raw while a guest has it, as before afterwards.
 *
 * run/console.c and control/console_client.c use it.  It is given back by
 * terminal_restore(), by exit(), and by the signals that a crash raises; if the
 * process is killed by SIGKILL, the one that has started it does so (run/front.c).
 */
#ifndef VITRINE_TERMINAL_H
#define VITRINE_TERMINAL_H

#include <stdbool.h>

/* Ctrl-C and all other keys become bytes.  False: stdin is no terminal. */
bool terminal_raw(void);
void terminal_restore(void);

/* Remember how it is now, so that terminal_restore() works without terminal_raw(). */
void terminal_remember(void);

bool terminal_size(unsigned int *rows, unsigned int *columns);

#endif /* VITRINE_TERMINAL_H */
