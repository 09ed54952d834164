/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test protocol: "ok 1 - what" lines and a plan, checked by run.sh.
 *
 * A test program calls ok(), is_num(), is_str() and has() and returns
 * tap_done() from main().  A failed check goes on, so that one run shows all.
 */
#ifndef VITRINE_TAP_H
#define VITRINE_TAP_H

#include <stdbool.h>
#include <stdint.h>

/* All return whether the check held. */
bool ok(bool held, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool is_num(uint64_t got, uint64_t wanted, const char *what);
bool is_str(const char *got, const char *wanted, const char *what);

/* @text contains @part. */
bool has(const char *text, const char *part, const char *what);
bool has_not(const char *text, const char *part, const char *what);

/* Print the plan; 0 if all held. */
int tap_done(void);

#endif /* VITRINE_TAP_H */
