/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two processes for one `vitrine run`: the one that the shell waits for, in front,
 * and behind it the one that has the VM.
 *
 * So the terminal can be left while the VM goes on (--detach, or the escape key and
 * d): the front ends, and the shell is free.  cli/cmd_run.c calls this.
 *
 * Subtle: a VM belongs to the process that made it, so the fork comes first.  As long
 * as it is not detached the VM ends with its front, and signals to the front are
 * passed on.  Without a terminal, and without --detach, there is only one process.
 */
#ifndef VITRINE_FRONT_H
#define VITRINE_FRONT_H

#include "cli/options.h"

/*
 * Return: -1: go on, this is the process for the VM; else what to end with: the
 * status of the VM, or 0 if it was detached.
 */
int front_start(const struct options *options);

/* Is there a front that can be left? */
bool front_exists(void);

/*
 * Let the front go.  The terminal is given back; stdout and stderr lead to @log, stdin
 * to nowhere.  0 or a negative errno: nothing has changed.
 */
int front_leave(const char *log);

#endif /* VITRINE_FRONT_H */
