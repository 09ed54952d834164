/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all files of the tool share: exit codes and small helpers.
 *
 * Read cli/main.c for how a command is found, run/machine.h for how a VM is
 * put together, view/ for what is printed.
 *
 * Subtle: functions return 0 or a negative errno and leave the sentence in
 * vtr_last_error(); only the commands print it, once.
 */
#ifndef VITRINE_TOOL_H
#define VITRINE_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VITRINE_VERSION	"0.1"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Exit codes of the program; `run` adds the guest's own status. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PANIC = 117,
	EXIT_HALTED = 118,
	EXIT_RESET = 119,
	EXIT_TRIPLE_FAULT = 120,
	EXIT_ENTRY_FAILED = 121,
	EXIT_STOPPED = 122,
	EXIT_UNKNOWN_IO = 123,
	EXIT_TIMEOUT = 124,
	EXIT_SIGNAL = 128,	/* plus the number of the signal */
};

typedef unsigned long long ull;

static inline uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t to)
{
	return value & ~(to - 1);
}

#endif /* VITRINE_TOOL_H */
