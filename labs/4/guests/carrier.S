/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest that lab 4 borrows a VMCS from.
 *
 * It prepares memory for all modes that labs/4/states.c makes, says so by a CPUID
 * with READY in R12 (labs/4/hook.c then enters its own states), and ends.
 */
#include "lab_guest.h"

#define READY		0x34626174	/* as in labs/4/hook.c */
#define CODE		0x10000		/* as in labs/4/states.c */
#define TABLES		0x11000
#define PRESENT		7		/* for writing and for user mode, too */
#define LARGE		0x80

	.globl _start
_start:
	/* A page of CPUID instructions, which exit in every mode. */
	mov	$CODE, %edi
	mov	$0xa20fa20f, %eax
	mov	$1024, %ecx
	rep stosl

	/* Three levels; the first 2 MiB are mapped to themselves. */
	mov	$TABLES, %edi
	xor	%eax, %eax
	mov	$4096, %ecx
	rep stosl
	movl	$TABLES + 0x1000 + PRESENT, TABLES
	movl	$TABLES + 0x2000 + PRESENT, TABLES + 0x1000
	movl	$LARGE + PRESENT, TABLES + 0x2000

	mov	$READY, %r12d
	xor	%eax, %eax
	cpuid
	xor	%r12d, %r12d
	pass
