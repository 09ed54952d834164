/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first guest: COUNT times CPUID, then the end.  The numbers differ from
 * student to student.
 */
#include "lab_guest.h"

	.globl _start
_start:
	mov	$COUNT, %esi
1:	mov	$LEAF, %eax
	xor	%ecx, %ecx
	cpuid
	dec	%esi
	jnz	1b
	pass
