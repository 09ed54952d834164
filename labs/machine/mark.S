/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mark N: stop the emulator for a look from outside; N is 0 to 255.
 *
 * The scripts of the scenes (labs/lib/lab/scene.py) run it in the nested
 * machine.  XCHG BX, BX does nothing on a processor; the emulator takes it for
 * a break point.  RAX says who stands here: MARK in labs/lib/lab/observe.py.
 */
	.globl _start
_start:
	mov	16(%rsp), %rsi		/* argv[1] */
	xor	%ecx, %ecx
1:	movzbl	(%rsi), %eax
	sub	$'0', %eax
	cmp	$9, %eax
	ja	2f
	imul	$10, %ecx, %ecx
	add	%eax, %ecx
	inc	%rsi
	jmp	1b
2:	movabs	$0x7672746d61726b00, %rax
	or	%rcx, %rax
	xchg	%bx, %bx
	mov	$60, %eax		/* exit(0) */
	xor	%edi, %edi
	syscall
