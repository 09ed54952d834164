/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Values in words: exit qualifications, control words, segment rights, ...
 *
 * step, exits and vmcs print them.  tables.h holds the names; decode_show.c
 * only knows how bits are laid out.
 *
 * All functions write at most @room bytes with a final NUL and leave an empty
 * string if there is nothing to say.
 */
#ifndef VITRINE_DECODE_SHOW_H
#define VITRINE_DECODE_SHOW_H

#include <stddef.h>
#include <stdint.h>

#include "vitrine.h"

/* The qualification of an exit with this basic reason. */
void show_qualification(char *text, size_t room, uint32_t reason,
			uint64_t qualification);

/* The value of a VMCS field. */
void show_field(char *text, size_t room, uint32_t encoding, uint64_t value);

/* What an exit is about, from a trace record: port, leaf, address, number. */
void show_detail(char *text, size_t room, uint32_t hw_kind, uint32_t reason,
		 uint64_t qualification, uint64_t arg1, uint64_t arg2);

/* "CF ZF IF" for RFLAGS. */
void show_rflags(char *text, size_t room, uint64_t value);

#endif /* VITRINE_DECODE_SHOW_H */
