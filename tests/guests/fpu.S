/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that fills the x87 and SSE registers and watches over them.
 *
 * The patterns depend on the vCPU's number, so a register of another vCPU shows
 * as well as one of the host.  Each round makes exits that stay in the kernel
 * (CPUID, VMCALL) and one that goes up to the user side (HC_MARK), and then
 * compares every register.  Ends after ROUNDS rounds.
 * Long mode, ELF64; each vCPU has its own stack of 256 bytes here.
 */
#include "guest.h"

#define ROUNDS	50

	/* Each of the 16 registers gets the vCPU's seed and its own number. */
	.macro each_xmm what
	.irp nr, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\what	\nr
	.endr
	.endm

	.macro fill nr
	lea	\nr(%r12), %rax
	movq	%rax, %xmm\nr
	movlhps	%xmm\nr, %xmm\nr
	.endm

	.macro compare nr
	lea	\nr(%r12), %rax
	movq	%xmm\nr, %rdx
	cmp	%rax, %rdx
	expect	e, 1
	movhlps	%xmm\nr, %xmm\nr
	movq	%xmm\nr, %rdx
	cmp	%rax, %rdx
	expect	e, 2
	/* The low half was overwritten by the high one, which is the same. */
	.endm

	.globl	_start
	.text
_start:
	mov	%edi, %r13d		/* number of this vCPU */
	mov	%edi, %eax
	inc	%eax
	shl	$8, %eax
	lea	stacks(%rax), %rsp
	mov	$0x0123456789abcdef, %r12
	mov	%r13, %rax
	shl	$32, %rax
	add	%rax, %r12

	each_xmm fill
	/* MXCSR: round up, all exceptions masked. */
	movl	$0x5f80, -8(%rsp)
	ldmxcsr	-8(%rsp)
	/* x87: six numbers, truncating, extended precision. */
	fninit
	movw	$0x0f7f, -8(%rsp)
	fldcw	-8(%rsp)
	.irp number, 1, 2, 3, 4, 5, 6
	lea	\number(%r13), %eax
	mov	%eax, -8(%rsp)
	fildl	-8(%rsp)
	.endr

	mov	$ROUNDS, %r14d
next_round:
	xor	%eax, %eax
	cpuid
	hypercall HC_NOP
	hypercall HC_MARK

	each_xmm compare
	stmxcsr	-8(%rsp)
	cmpl	$0x5f80, -8(%rsp)
	expect	e, 3
	fnstcw	-8(%rsp)
	cmpw	$0x0f7f, -8(%rsp)
	expect	e, 4
	/* Take the six off the stack in reverse order and push them again. */
	.irp number, 6, 5, 4, 3, 2, 1
	fistpl	-8(%rsp)
	lea	\number(%r13), %eax
	cmp	%eax, -8(%rsp)
	expect	e, 5
	.endr
	.irp number, 1, 2, 3, 4, 5, 6
	lea	\number(%r13), %eax
	mov	%eax, -8(%rsp)
	fildl	-8(%rsp)
	.endr

	dec	%r14d
	jnz	next_round
	pass

	.bss
	.balign	64
stacks:	.skip	64 * 256
