/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of several vCPUs that share memory: per-vCPU and common counters.
 *
 * Each vCPU counts ROUNDS times in its own 64 bytes at COUNTERS and, locked, in
 * one common word; whoever comes last finds the common word to be the sum.  The
 * number of vCPUs is the first digit of the command line, 2 without one:
 *	vitrine run --cpus 4 --all-cpus smp.elf -- 4
 * Uses no stack.  Long mode, ELF64; EDI is the vCPU's number, RSI points to the
 * command line or is 0.
 */
#include "guest.h"

#define ROUNDS	20000

	.globl	_start
	.text
_start:
	mov	%edi, %r8d
	mov	$2, %r9d
	test	%rsi, %rsi
	jz	1f
	movzbl	(%rsi), %eax
	sub	$'0', %eax
	cmp	$1, %eax
	jl	1f
	cmp	$9, %eax
	cmovle	%eax, %r9d

1:	/* Does the module know who this is? */
	hypercall HC_VCPU_ID
	cmp	%rax, %r8
	expect	e, 1

	mov	%r8, %rbx
	shl	$6, %rbx
	add	$COUNTERS, %rbx
	mov	$ROUNDS, %ecx
2:	incq	(%rbx)
	lock incq common
	dec	%ecx
	jnz	2b
	cmpq	$ROUNDS, (%rbx)
	expect	e, 2

	/* The last one to arrive checks the sum; the others wait for good. */
	mov	$1, %eax
	lock xadd %eax, arrived
	inc	%eax
	cmp	%r9d, %eax
	jne	3f
	imul	$ROUNDS, %r9, %r9
	cmp	%r9, common
	expect	e, 3
	pass
3:	hlt
	jmp	3b

	.data
	.balign	64
common:		.quad	0
	.balign	64
arrived:	.long	0
