/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random guests: memory full of instructions, and a state to begin with.
 *
 * guest_fuzz.c takes one after the other.  Nothing here talks to the module.
 */
#ifndef FUZZ_GUEST_STATE_H
#define FUZZ_GUEST_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "random.h"
#include "vitrine.h"

#define GUEST_BYTES	(2u << 20)

enum guest_mode {
	MODE_REAL, MODE_BIG_REAL, MODE_V86, MODE_PROTECTED, MODE_PAGED, MODE_PAE,
	MODE_COMPAT, MODE_LONG, MODES,
};

const char *guest_mode_name(enum guest_mode mode);

/* Fill memory: code, tables of the mode, a stack. */
void guest_memory(struct random *random, enum guest_mode mode, uint8_t *memory);

/* Registers for the mode; spoiled: a few of them hold what they should not. */
void guest_registers(struct random *random, enum guest_mode mode, bool spoiled,
		     struct vtr_regs *regs, struct vtr_sregs *sregs);

#endif /* FUZZ_GUEST_STATE_H */
