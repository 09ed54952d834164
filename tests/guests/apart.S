/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that fills all state that nobody switches by itself, and watches it.
 *
 * Every register of docs/state-ownership.md that a guest can reach gets a value
 * that depends on the vCPU's number: general registers, SSE and x87, CR2, CR8,
 * debug registers (armed), segment bases, the MSRs of SYSCALL and SYSENTER, PAT,
 * TSC_AUX.  Each round lets the host in (exits that stay in the kernel, one that
 * goes up, a loop that is interrupted) and compares all of them.
 * Check 1n: general registers, 2n: SSE and x87, 3n: control and debug registers,
 * 40: an MSR.  Long mode, ELF64; each vCPU has its own stack of 256 bytes here.
 * Used by tests/ioctl/apart_test.c; fpu.S is the short version.
 */
#include "guest.h"

#define ROUNDS		60
#define SPIN		2000
#define TSC_AUX		0xc0000103

#define SEED		0x0123456789abcdef
#define DR6_ONES	0xffff0ff0
#define DR7_ALL_FOUR	0x55		/* execution, at addresses where nothing runs */

	.macro each_xmm what
	.irp nr, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\what	\nr
	.endr
	.endm

	.macro fill_xmm nr
	lea	\nr(%r12), %rax
	movq	%rax, %xmm\nr
	movlhps	%xmm\nr, %xmm\nr
	.endm

	.macro compare_xmm nr
	lea	\nr(%r12), %rax
	movq	%xmm\nr, %rdx
	cmp	%rax, %rdx
	expect	e, 21
	pshufd	$0x4e, %xmm\nr, %xmm\nr		/* both halves are the same */
	movq	%xmm\nr, %rdx
	cmp	%rax, %rdx
	expect	e, 22
	.endm

	.macro push_numbers
	.irp number, 1, 2, 3, 4, 5, 6
	lea	\number(%r13), %eax
	mov	%eax, -8(%rsp)
	fildl	-8(%rsp)
	.endr
	.endm

	.globl	_start
	.text
_start:
	mov	%edi, %r13d		/* number of this vCPU */
	mov	%edi, %eax
	inc	%eax
	shl	$8, %eax
	lea	stacks(%rax), %rsp
	mov	$SEED, %r12
	mov	%r13, %rax
	shl	$32, %rax
	add	%rax, %r12

	/* SSE, x87: round up, truncate, all exceptions masked. */
	each_xmm fill_xmm
	movl	$0x5f80, -8(%rsp)
	ldmxcsr	-8(%rsp)
	fninit
	movw	$0x0f7f, -8(%rsp)
	fldcw	-8(%rsp)
	push_numbers

	/* Control and debug registers. */
	lea	0x100(%r12), %rax
	mov	%rax, %cr2
	lea	3(%r13), %eax
	mov	%rax, %cr8
	lea	0x300000(%r13), %rax
	mov	%rax, %dr0
	inc	%rax
	mov	%rax, %dr1
	inc	%rax
	mov	%rax, %dr2
	inc	%rax
	mov	%rax, %dr3
	lea	1(%r13), %eax
	mov	%rax, %dr6
	mov	$DR7_ALL_FOUR, %eax
	mov	%rax, %dr7

	lea	write_msr, %rbx
	call	each_msr
	sti
	mov	$ROUNDS, %r14d

next_round:
	lea	8(%r12), %r8
	lea	9(%r12), %r9
	lea	10(%r12), %r10
	lea	11(%r12), %r11
	lea	12(%r12), %rbp
	lea	13(%r12), %rsi
	lea	14(%r12), %rdi
	xor	%eax, %eax
	cpuid
	hypercall HC_NOP
	hypercall HC_MARK
	swapgs				/* changes two bases without an exit */
	mov	$SPIN, %ecx
1:	dec	%ecx
	jnz	1b
	xor	%eax, %eax
	cpuid
	swapgs
	.irp reg, 8, 9, 10, 11
	lea	\reg(%r12), %rax
	cmp	%rax, %r\reg
	expect	e, 11
	.endr
	lea	12(%r12), %rax
	cmp	%rax, %rbp
	expect	e, 12
	lea	13(%r12), %rax
	cmp	%rax, %rsi
	expect	e, 13
	lea	14(%r12), %rax
	cmp	%rax, %rdi
	expect	e, 14

	each_xmm compare_xmm
	stmxcsr	-8(%rsp)
	cmpl	$0x5f80, -8(%rsp)
	expect	e, 23
	fnstcw	-8(%rsp)
	cmpw	$0x0f7f, -8(%rsp)
	expect	e, 24
	.irp number, 6, 5, 4, 3, 2, 1
	fistpl	-8(%rsp)
	lea	\number(%r13), %eax
	cmp	%eax, -8(%rsp)
	expect	e, 25
	.endr
	push_numbers

	lea	0x100(%r12), %rax
	mov	%cr2, %rbx
	cmp	%rax, %rbx
	expect	e, 31
	mov	%cr8, %rbx
	lea	3(%r13), %eax
	cmp	%rax, %rbx
	expect	e, 32
	lea	0x300000(%r13), %rax
	.irp reg, 0, 1, 2, 3
	mov	%dr\reg, %rbx
	cmp	%rax, %rbx
	expect	e, 33
	inc	%rax
	.endr
	mov	%dr6, %rbx
	lea	1(%r13), %eax
	or	$DR6_ONES, %eax
	cmp	%eax, %ebx
	expect	e, 34
	mov	%dr7, %rbx
	cmp	$DR7_ALL_FOUR | 0x400, %rbx
	expect	e, 35

	lea	check_msr, %rbx
	call	each_msr
	rdtscp
	mov	%ecx, %eax
	mov	$0x7000, %ecx
	add	%r13d, %ecx
	cmp	%ecx, %eax
	expect	e, 36

	dec	%r14d
	jnz	next_round
	pass

/* Call RBX for each row of msrs: number in ECX, value for this vCPU in EDX:EAX. */
each_msr:
	lea	msrs, %r15
2:	mov	(%r15), %ecx
	movslq	4(%r15), %rax
	imul	%r13, %rax
	add	8(%r15), %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	%eax, %eax
	call	*%rbx
	add	$16, %r15
	cmp	$msrs_end, %r15
	jne	2b
	ret

write_msr:
	wrmsr
	ret

check_msr:
	mov	%eax, %r8d
	mov	%edx, %r9d
	rdmsr
	cmp	%r8d, %eax
	expect	e, 40
	cmp	%r9d, %edx
	expect	e, 40
	ret

	.data
	.balign	16
	/* Number, what each vCPU adds, value of vCPU 0. */
	.macro msr number, step, value
	.long	\number, \step
	.quad	\value
	.endm
msrs:
	msr	0x174, 8, 0x100				/* SYSENTER_CS, _ESP, _EIP */
	msr	0x175, 0x1000, 0xffff800000175000
	msr	0x176, 0x1000, 0xffff800000176000
	msr	0x277, 1, 0x0007040600070404		/* PAT: entry 0 differs */
	msr	0xc0000081, 0x10, 0x0023001000000081	/* STAR, LSTAR, CSTAR, FMASK */
	msr	0xc0000082, 0x1000, 0xffff8000c0082000
	msr	0xc0000083, 0x1000, 0xffff8000c0083000
	msr	0xc0000084, 0x100, 0x47000
	msr	0xc0000100, 0x1000, 0xffff8000c0100000	/* FS, GS and kernel GS base */
	msr	0xc0000101, 0x1000, 0xffff8000c0101000
	msr	0xc0000102, 0x1000, 0xffff8000c0102000
	msr	TSC_AUX, 1, 0x7000
msrs_end:

	.bss
	.balign	64
stacks:	.skip	65 * 256
