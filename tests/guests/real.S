/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest guest in the mode a processor wakes up in: real mode.
 *
 * A flat binary at 8000H:
 *	vitrine run --flat 0x8000 real.bin
 * Prints a line through the serial port and halts.  Read next: protected.S.
 */
#include "guest.h"

	.globl	_start
	.text
	.code16
_start:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	$text, %si
	mov	$SERIAL_DATA, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	hlt
	jmp	2b

text:	.asciz	"real mode\n"
