/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mark N [ADDRESS]: stop the emulator for a look from outside; N is 0 to 255.
 *
 * The scripts of the scenes (labs/lib/lab/scene.py) run it in the nested
 * machine.  XCHG BX, BX does nothing on a processor; the emulator takes it for
 * a break point.  RAX says who stands here: MARK in labs/lib/lab/observe.py.
 * ADDRESS, in hexadecimal digits, is handed over in RDX.
 */
	.globl _start
_start:
	xor	%ecx, %ecx
	mov	16(%rsp), %rsi		/* argv[1] */
1:	movzbl	(%rsi), %eax
	sub	$'0', %eax
	cmp	$9, %eax
	ja	2f
	imul	$10, %ecx, %ecx
	add	%eax, %ecx
	inc	%rsi
	jmp	1b

2:	xor	%edx, %edx
	mov	24(%rsp), %rsi		/* argv[2], or 0 */
	test	%rsi, %rsi
	jz	5f
3:	movzbl	(%rsi), %eax
	test	%eax, %eax
	jz	5f
	sub	$'0', %eax
	cmp	$9, %eax
	jbe	4f
	sub	$'a' - '0' - 10, %eax
4:	shl	$4, %rdx
	or	%rax, %rdx
	inc	%rsi
	jmp	3b

5:	movabs	$0x7672746d61726b00, %rax
	or	%rcx, %rax
	xchg	%bx, %bx
	mov	$60, %eax		/* exit(0) */
	xor	%edi, %edi
	syscall
