/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that walks through memory: writes each page once, reads all back.
 *
 * The first round makes one EPT violation a page (one for 2 MiB where the host
 * has huge pages), the second none.  Each page gets its own address, so a page
 * that was mapped to the wrong place is found.  Between the rounds it calls
 * HC_MARK, so that whoever watches can look or take memory away.
 * Long mode, ELF64; 8 MiB from FRESH_MEMORY on.
 */
#include "guest.h"

#define PAGES	2048

	.globl	_start
	.text
_start:
	mov	$FRESH_MEMORY, %rdi
	mov	$PAGES, %ecx
1:	mov	%rdi, (%rdi)
	add	$4096, %rdi
	dec	%ecx
	jnz	1b

	hypercall HC_MARK

	mov	$FRESH_MEMORY, %rdi
	mov	$PAGES, %ecx
2:	cmp	%rdi, (%rdi)
	expect	e, 1
	add	$4096, %rdi
	dec	%ecx
	jnz	2b
	pass
