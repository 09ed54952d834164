/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest in 32-bit protected mode: an ELF32 file.
 *
 * Prints its command line, which the boot protocol of `vitrine run` hands over
 * in ESI (0: there is none), checks that the stack works, and halts.
 * Read next: multiboot.S, the same mode by another protocol.
 */
#include "guest.h"

	.globl	_start
	.text
	.code32
_start:
	push	$text
	call	print
	add	$4, %esp
	test	%esi, %esi
	jz	1f
	push	%esi
	call	print
1:	push	$line_end
	call	print
	hlt
	jmp	.

	/* print(text): each character to the serial port. */
print:
	push	%esi
	mov	8(%esp), %esi
	mov	$SERIAL_DATA, %edx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	pop	%esi
	ret

	.data
text:		.asciz	"protected mode: "
line_end:	.asciz	"\n"
