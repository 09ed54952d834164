/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Your first guest: five steps, each of which leaves the guest in another way.
 *
 * The tool loads it at 1 MiB and starts it at _start in 64-bit mode, interrupts
 * off, memory mapped as it is numbered (docs/guests.md).  `make -C labs/0`
 * assembles it.  Its numbers are macros of numbers.h, which the grader replaces
 * by others: use the names.  Read next: labs/0/README.md.
 */
#include "numbers.h"

	.globl _start
	.text
_start:
	/* (1) Ask the processor: CPUID, leaf LEAF (EAX), subleaf SUBLEAF (ECX). */
	/* LAB 0.1: */
	mov	$LEAF, %eax
	mov	$SUBLEAF, %ecx
	cpuid
	/* LAB 0.1 END */

	/* (2) Write down its answer in EBX: 4 bytes at the address NOTE. */
	/* LAB 0.2: */
	mov	%ebx, NOTE
	/* LAB 0.2 END */

	/* (3) Write COUNT bytes to port PORT: VALUE, VALUE + 1, VALUE + 2 ... */
	/* LAB 0.3: */
	mov	$COUNT, %ecx
	mov	$PORT, %dx
	mov	$VALUE, %al
1:	out	%al, %dx
	inc	%al
	dec	%ecx
	jnz	1b
	/* LAB 0.3 END */

	/*
	 * (4) Call the tool CALLS times: VMCALL, number 1002H in RAX.  It counts
	 * and answers in RAX.  Write down the last answer: 8 bytes at NOTE + 8.
	 */
	/* LAB 0.4: */
	mov	$CALLS, %ecx
1:	mov	$0x1002, %eax
	vmcall
	dec	%ecx
	jnz	1b
	mov	%rax, NOTE + 8
	/* LAB 0.4 END */

	/* (5) End the machine: the 4 bytes STATUS to port 501H. */
	/* LAB 0.5: */
	mov	$STATUS, %eax
	mov	$0x501, %dx
	out	%eax, %dx
	/* LAB 0.5 END */

	/* Nobody comes here; a guest that halts for ever is at its end, too. */
	hlt
	jmp	.
