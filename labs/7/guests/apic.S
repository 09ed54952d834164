/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The visible cases of lab 7, one after the other; labs/7/tests.py judges them.
 *
 * Read apic.inc first.
 */
#include "apic.inc"

#define MARKER		0x3a7c

	.data
	.balign	8
cases:
	.quad	0, arrives, requested, eoi, level, nested, task_priority, halted
	.quad	counts, one_shot, periodic, deadline, ipis, starts

	.text
/* 1: an interrupt for a guest that takes it. */
arrives:
	sti
	nop
	tell	MSI, TO_FIRST(VECTOR)
	nop
	nop
	done

/* 2: three messages, two of one vector, wait in IRR; one is a level. */
requested:
	cli
	tell	MSI, TO_FIRST(FLANK)
	tell	MSI, (TO_FIRST(PLATEAU) | AS_LEVEL)
	tell	MSI, TO_FIRST(FLANK)
	say_reg	IRR(FLANK)
	say_reg	IRR(PLATEAU)
	say_reg	TMR(FLANK)
	say_reg	TMR(PLATEAU)
	take
	say_reg	IRR(FLANK)
	say_reg	IRR(PLATEAU)
	done

/* 3: two are in service; each EOI ends the higher one. */
eoi:
	movl	$1, NO_EOI(%r14)
	cli
	tell	MSI, TO_FIRST(OUTER)
	take
	tell	MSI, TO_FIRST(INNER)
	take
	say_reg	ISR(OUTER)
	say_reg	ISR(INNER)
	apic	EOI, 0
	say_reg	ISR(OUTER)
	say_reg	ISR(INNER)
	apic	EOI, 0
	say_reg	ISR(OUTER)
	done

/* 4: a line of the I/O APIC stays high until the second interrupt. */
level:
	cli
	mov	$0xfec00000, %ebx
	movl	$0x11 + 2 * LINE_NR, (%rbx)
	movl	$ID0 << 24, 0x10(%rbx)
	movl	$0x10 + 2 * LINE_NR, (%rbx)
	movl	$LINE_VECTOR | AS_LEVEL, 0x10(%rbx)
	hook	level_again
	tell	LINE, (LINE_NR | 0x100)
	take
	take
	done

level_again:
	hook	level_off
	ret

level_off:
	tell	LINE, LINE_NR
	ret

/* 5: in the handler of LOW come one of the same class and a higher one. */
nested:
	cli
	hook	in_handler
	tell	MSI, TO_FIRST(LOW)
	take
	done

in_handler:
	say_reg	PPR
	tell	MSI, TO_FIRST(SAME)
	tell	MSI, TO_FIRST(HIGH)
	take
	tell	SAY, MARKER
	ret

/* 6: the task priority keeps a class away. */
task_priority:
	cli
	apic	TPR, (CLASS << 4)
	tell	MSI, TO_FIRST(BELOW)
	tell	MSI, TO_FIRST(ABOVE)
	take
	tell	SAY, MARKER
	apic	TPR, 0
	take
	done

/* 7: asleep.  What TPR keeps away wakes nobody. */
halted:
	cli
	apic	TPR, (CLASS << 4)
	tell	REST_MSI, TO_FIRST(BELOW)
	tell	REST_MSI, TO_FIRST(ABOVE)
	sti
	hlt
	cli
	tell	SAY, MARKER
	apic	TPR, 0
	take
	done

/* 8: the counter, masked, looked at three times; then a periodic one in its second period. */
counts:
	cli
	apic	DIVIDE, COUNT_DIVIDE
	apic	LVT_TIMER, (MASKED | VECTOR)
	apic	INITIAL, COUNT_FROM
	say_reg	CURRENT
	tell	NAP, (COUNT_US / 2)
	say_reg	CURRENT
	tell	NAP, COUNT_US
	say_reg	CURRENT
	apic	LVT_TIMER, (MASKED | PERIODIC | VECTOR)
	apic	INITIAL, COUNT_FROM
	tell	NAP, (COUNT_US + COUNT_US / 4)
	say_reg	CURRENT
	done

/* 9: once, and then never again. */
one_shot:
	cli
	apic	DIVIDE, ONCE_DIVIDE
	apic	LVT_TIMER, VECTOR
	apic	INITIAL, ONCE_FROM
	await	1
	tell	NAP, (3 * ONCE_US)
	take
	done

/* 10: again and again until it is masked. */
periodic:
	cli
	apic	DIVIDE, TICK_DIVIDE
	apic	LVT_TIMER, (PERIODIC | TICK_VECTOR)
	apic	INITIAL, TICK_FROM
	await	TICKS
	apic	LVT_TIMER, (MASKED | PERIODIC | TICK_VECTOR)
	tell	SAY, MARKER
	tell	NAP, (3 * TICK_US)
	take
	done

/* 11: at a moment of the time stamp counter, which the handler reads, too. */
deadline:
	cli
	apic	LVT_TIMER, (DEADLINE | VECTOR)
	hook	say_tsc
	mov	$TSC_DEADLINE, %ecx
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	add	$DEADLINE_TICKS, %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
	await	1
	mov	$TSC_DEADLINE, %ecx
	rdmsr
	or	%edx, %eax
	out	%eax, $SAY
	done

say_tsc:
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	out	%eax, $SAY
	ret

/* 12: to each kind of destination; both vCPUs look after each. */
	.macro ipi dest, low
	apic	ICR_HIGH, (\dest << 24)
	apic	ICR, \low
	take
	tell	OTHER, 0
	.endm

ipis:
	cli
	tell	START, 0
	tell	OTHER, 0
	ipi	ID1, (ASSERT | IPI)
	ipi	ID0, (ASSERT | IPI + 1)
	ipi	NO_ID, (ASSERT | IPI + 2)
	ipi	ID1, (SELF | ASSERT | IPI + 3)
	ipi	ID1, (ALL | ASSERT | IPI + 4)
	ipi	ID0, (OTHERS | ASSERT | IPI + 5)
	ipi	0xff, (ASSERT | IPI + 6)
	ipi	2, (LOGICAL | ASSERT | IPI + 7)
	ipi	3, (LOGICAL | ASSERT | IPI + 8)
	ipi	4, (LOGICAL | ASSERT | IPI + 9)
	done

second:
	tell	OTHER, 0
	take
	jmp	second

/* 13: the second vCPU, by the book and against it. */
	.macro begin low
	apic	ICR_HIGH, (ID1 << 24)
	apic	ICR, \low
	tell	OTHER, 0
	.endm

	.macro copy_to page
	mov	$real_mode, %esi
	mov	$\page << 12, %edi
	mov	$real_mode_end - real_mode, %ecx
	rep movsb
	.endm

starts:
	cli
	cld
	copy_to	PAGE_1
	copy_to	PAGE_2
	copy_to	PAGE_3
	tell	OTHER, 0
	begin	INIT
	begin	(STARTUP | PAGE_1)
	begin	(STARTUP | PAGE_2)
	begin	INIT
	begin	(STARTUP | PAGE_3)
	done

	.code16
real_mode:
	xor	%eax, %eax
1:	mov	%cs, %ax
	out	%eax, $SAY
	out	%eax, $OTHER
	jmp	1b
real_mode_end:
	.code64
