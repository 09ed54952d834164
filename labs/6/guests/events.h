/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guests of lab 6 share: ports, events, handlers that keep a log.
 *
 * A guest starts at _start with a case's number in RDI, on a fresh vCPU, and
 * goes to that case in the table `cases`, which the including file has.  All 256
 * vectors lead to one handler; it writes down what the processor has pushed, so
 * that the grader can read it from outside:
 *
 *	log + 512 * case:  +0   how many events have come
 *			   +32  the first: vector, error code (-1: none), RIP, RFLAGS
 *			   +64  the second, and so on
 *
 * In 64-bit mode the processor aligns the stack to 16 before it pushes SS to RIP
 * (5 words): bit 3 of RSP is clear at the handler if an error code came as well.
 */

/* Ports; labs/6/programs/events.c says what it does about each. */
#define SAY		0xe0
#define RAISE		0xe1
#define AT_FAULT	0xe2
#define AT_HALT		0xe3
#define FORGET		0xe4
#define TIMER		0xe5
#define IN_FLIGHT	0xe6
#define STALE		0xe7
#define DONE		0xe8

/* Events as RAISE and its like take them. */
#define INTERRUPT(v)	((v) | 1 << 8)
#define NMI		(2 | 2 << 8)
#define EXCEPTION(v)	((v) | 3 << 8)
#define FAULT(v, error)	((v) | 3 << 8 | 1 << 12 | (error) << 16)
#define SOFT_INT(v)	((v) | 4 << 8 | 2 << 16)
#define SOFT_EXC(v)	((v) | 5 << 8 | 1 << 16)

#define GDT		0x1000		/* where the program has put it */
#define LOG_CASE	512
#define CASES		16

	.macro tell port, word
	mov	$\word, %eax
	out	%eax, $\port
	.endm

	/* The next handler is to find this address on the stack: for the grader. */
	.macro expect label
	lea	\label(%rip), %r12
	.endm

	/* With one more exit and entry, at which nothing may come a second time. */
	.macro done
	xor	%eax, %eax
	cpuid
	tell	DONE, 0
9:	hlt
	jmp	9b
	.endm

	.bss
	.balign	4096
idt:	.skip	4096
stack:	.skip	4096
stack_top:
spare:	.skip	4096
log:	.skip	LOG_CASE * CASES
log_at:	.skip	8		/* the log of this case */
resume:	.skip	8		/* the next handler returns there, 0: where it came from */
hook:	.skip	8		/* the next handler calls it, 0: nothing */

	.data
	.balign	8
idt_pointer:
	.word	4095
	.quad	idt

	.text
	.globl	_start
_start:
	mov	$stack_top, %esp
	push	%rax			/* the stack is there before it is needed */
	pop	%rax
	lidt	idt_pointer
	mov	$vectors, %eax
	mov	$idt, %ebx
	mov	$256, %ecx
1:	mov	%ax, (%rbx)		/* an interrupt gate, offset 31:0 in two parts */
	movw	$0x08, 2(%rbx)
	movw	$0x8e00, 4(%rbx)
	mov	%eax, %edx
	shr	$16, %edx
	mov	%dx, 6(%rbx)
	movq	$0, 8(%rbx)
	add	$16, %eax
	add	$16, %ebx
	dec	%ecx
	jnz	1b
	imul	$LOG_CASE, %edi, %eax
	add	$log, %eax
	mov	%rax, log_at
	movl	$0, (%rax)
	mov	GDT, %eax		/* no delivery is to exit but where a case wants it */
	incl	spare			/* is there, too, until it is forgotten */
	movq	$0, resume
	movq	$0, hook
	lea	0xca5e0000(%rdi), %eax
	out	%eax, $SAY
	jmp	*cases(, %rdi, 8)

	/* Case 0 of each guest: the grader reads all logs when it sees this. */
report:
	mov	$log, %esi
	cmpb	$0, (%rsi)		/* read through EPT, so both pages must be there */
	cmpb	$0, 4096(%rsi)
	tell	SAY, 0x106
	done

	.balign	16
vectors:
	.set	vector, 0
	.rept	256
	.balign	16
	pushq	$vector
	jmp	handler
	.set	vector, vector + 1
	.endr

handler:
	push	%rax
	push	%rbx
	push	%rcx
	mov	$-1, %rax
	lea	32(%rsp), %rcx		/* RCX: where the processor has pushed RIP */
	test	$8, %spl
	jnz	1f
	mov	(%rcx), %rax
	add	$8, %rcx
1:	mov	log_at, %rbx
	incl	(%rbx)
	cmpl	$LOG_CASE / 32, (%rbx)
	jae	2f
	imul	$32, (%rbx), %ebx
	add	log_at, %rbx
	mov	%rax, 8(%rbx)
	mov	24(%rsp), %rax
	movzbl	%al, %eax
	mov	%rax, (%rbx)
	mov	(%rcx), %rax
	mov	%rax, 16(%rbx)
	mov	16(%rcx), %rax
	mov	%rax, 24(%rbx)
2:	mov	resume, %rax
	test	%rax, %rax
	jz	3f
	mov	%rax, (%rcx)
	movq	$0, resume
3:	mov	hook, %rax
	test	%rax, %rax
	jz	4f
	movq	$0, hook
	call	*%rax
4:	test	$8, %spl
	pop	%rcx
	pop	%rbx
	pop	%rax
	lea	16(%rsp), %rsp
	jz	5f
	lea	-8(%rsp), %rsp
5:	iretq
