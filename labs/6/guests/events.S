/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The visible cases of lab 6, one after the other; labs/6/tests.py judges them.
 *
 * Read events.inc first.  R12 holds the address that the event must push.
 */
#include "events.inc"

	.data
	.balign	8
cases:
	.quad	report, interrupt, exception, error_code, software, waits, halted
	.quad	again_interrupt, again_error, again_fault, double_fault, benign, timer

	.text
/* 1: an interrupt, for a guest that takes it. */
interrupt:
	sti
	nop
	expect	1f
	tell	RAISE, INTERRUPT(VECTOR)
1:	nop
	done

/* 2: exceptions without an error code. */
exception:
	expect	1f
	tell	RAISE, EXCEPTION(6)
1:	nop
	expect	1f
	tell	RAISE, EXCEPTION(0)
1:	nop
	done

/* 3: with one. */
error_code:
	expect	1f
	tell	RAISE, FAULT(13, ERROR_GP)
1:	nop
	expect	1f
	tell	RAISE, FAULT(14, ERROR_PF)
1:	nop
	expect	1f
	tell	RAISE, FAULT(11, ERROR_NP)
1:	nop
	done

/* 4: as if the instructions behind had been INT n and INT3. */
software:
	expect	1f
	tell	RAISE, SOFT_INT(SOFT_VECTOR)
	ud2
1:	nop
	expect	1f
	tell	RAISE, SOFT_EXC(3)
	hlt
1:	nop
	done

/* 5: three interrupts wait for STI and the instruction behind it. */
waits:
	expect	1f
	cli
	tell	RAISE, INTERRUPT(FIRST)
	tell	RAISE, INTERRUPT(SECOND)
	tell	RAISE, INTERRUPT(THIRD)
	mov	$CLOSED, %esi
2:	xor	%eax, %eax
	cpuid
	dec	%esi
	jnz	2b
	sti
	nop
1:	nop
	mov	$OPEN, %esi
2:	xor	%eax, %eax
	cpuid
	dec	%esi
	jnz	2b
	done

/* 6: HLT waits for it, in the shadow of STI. */
halted:
	expect	1f
	tell	AT_HALT, INTERRUPT(VECTOR)
	sti
	hlt
1:	nop
	done

/* 7 to 9: the interrupt table and the stack are not mapped when they are needed. */
again_interrupt:
	sti
	nop
	expect	1f
	tell	FORGET, idt
	tell	FORGET, stack
	tell	RAISE, INTERRUPT(VECTOR)
1:	nop
	done

again_error:
	expect	1f
	tell	FORGET, idt
	tell	FORGET, stack
	tell	RAISE, FAULT(14, ERROR_PF)
1:	nop
	done

again_fault:
	movq	$2f, resume
	expect	1f
	tell	FORGET, idt
	tell	FORGET, stack
	mov	$0x8000000000000000, %rax
1:	mov	(%rax), %rax		/* not canonical: #GP(0) */
2:	nop
	done

/* 10: #PF is in flight when #GP comes. */
double_fault:
	movq	$2f, resume
	expect	1f
	tell	IN_FLIGHT, FAULT(14, ERROR_PF)
	mov	$0x4b564d00, %ecx
1:	rdmsr
2:	nop
	done

/* 11: #UD is in flight when #GP comes: the two come one after the other. */
benign:
	movq	$2f, resume
	expect	1f
	tell	IN_FLIGHT, EXCEPTION(6)
	mov	$0x4b564d00, %ecx
1:	rdmsr
2:	nop
	done

/* 12: TICKS ticks for a guest that computes with interrupts off and on, then halts. */
timer:
	tell	TIMER, TICK_VECTOR | TICK_US << 8
	mov	log_at, %rbx
1:	cli
	mov	$200, %ecx
2:	dec	%ecx
	jnz	2b
	sti
	mov	$200, %ecx
3:	dec	%ecx
	jnz	3b
	cmpl	$TICKS, (%rbx)
	jb	1b
	tell	SAY, 0x417
4:	cli
	cmpl	$2 * TICKS, (%rbx)
	jae	5f
	sti
	hlt
	jmp	4b
5:	tell	TIMER, 0
	done
