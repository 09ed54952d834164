/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for addresses in the guest: --symbols FILE.
 *
 * FILE is a System.map, a copy of a guest's /proc/kallsyms (the same form), or an
 * ELF file with a symbol table, such as a kernel's vmlinux.  exits and step print
 * "name+0x10" for an address then.
 *
 * Subtle: a Linux that moves itself at boot (KASLR) does not stand where the file
 * says.  IA32_LSTAR holds the address of its entry_SYSCALL_64, so the way can be told.
 */
#ifndef VITRINE_SYMBOLS_H
#define VITRINE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libvitrine.h"

struct symbols;

/* Read @path.  Return: 0 and @out, or a negative errno with vtr_last_error() set. */
int symbols_load(const char *path, struct symbols **out);
void symbols_free(struct symbols *symbols);

/*
 * The name of what begins at or before @address, and how far before.  NULL: @symbols
 * is NULL, or nothing with a name is within 1 MiB.
 */
const char *symbols_name(const struct symbols *symbols, uint64_t address,
			 uint64_t *offset);

/* "name+0x10", or "" */
void symbols_show(const struct symbols *symbols, uint64_t address, char *text,
		  size_t room);

/*
 * Move the symbols to where the kernel is that runs on @vcpu.  Return: by how much;
 * 0 also if that cannot be told (yet).  @symbols may be NULL.
 */
uint64_t symbols_follow(struct symbols *symbols, struct vtr_vcpu *vcpu);

/* The part of symbols_follow() that only computes: @lstar is IA32_LSTAR. */
uint64_t symbols_slide(struct symbols *symbols, uint64_t lstar);

#endif /* VITRINE_SYMBOLS_H */
