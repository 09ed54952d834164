/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hidden cases of lab 7; labs/7/staff/hidden.py judges them.
 *
 * Read labs/7/guests/apic.inc and apic.S first.
 */
#include "../../guests/apic.inc"

#define MARKER		0x3a7c
#define CLUSTERS	0x0fffffff

	.data
	.balign	8
cases:
	.quad	0, meanwhile, caught_up, past, ends_none, x2apic, clusters, lowest, nmi, old_sipi

	.text
/* 1: its vector comes again, twice, while the handler runs: once more afterwards. */
meanwhile:
	cli
	hook	same_again
	tell	MSI, TO_FIRST(VECTOR)
	take
	take
	done

same_again:
	tell	MSI, TO_FIRST(VECTOR)
	tell	MSI, TO_FIRST(VECTOR)
	say_reg	IRR(VECTOR)
	tell	SAY, MARKER
	ret

/* 2: ticks that were due with interrupts off come afterwards; masked ones never. */
caught_up:
	cli
	apic	DIVIDE, ONCE_DIVIDE
	apic	LVT_TIMER, (MASKED | PERIODIC | TICK_VECTOR)
	apic	INITIAL, ONCE_FROM
	tell	NAP, (3 * ONCE_US)
	apic	LVT_TIMER, (PERIODIC | TICK_VECTOR)
	await	4
	tell	NAP, (8 * ONCE_US)
	await	12
	apic	LVT_TIMER, (MASKED | TICK_VECTOR)
	done

/* 3: a deadline that has passed comes at once; 0 takes one back; other modes ignore it. */
past:
	cli
	apic	LVT_TIMER, (DEADLINE | VECTOR)
	wrmsr_low TSC_DEADLINE, 1
	take
	tell	SAY, MARKER
	rdtsc
	add	$DEADLINE_TICKS, %eax
	adc	$0, %edx
	mov	$TSC_DEADLINE, %ecx
	wrmsr
	wrmsr_low TSC_DEADLINE, 0
	tell	NAP, (DEADLINE_TICKS / 10)
	take
	apic	LVT_TIMER, VECTOR
	wrmsr_low TSC_DEADLINE, 1
	rdmsr
	out	%eax, $SAY
	take
	done

/* 4: an EOI when nothing is in service ends nothing, and nothing is below the class of TPR. */
ends_none:
	cli
	apic	TPR, 0xf0
	tell	MSI, TO_FIRST(VECTOR)
	apic	EOI, 0
	say_reg	PPR
	take
	tell	SAY, MARKER
	mov	$0, %eax
	mov	%rax, %cr8
	take
	done

/* 5: the same by MSRs: 32-bit ids, the ICR at once, the IPI to itself. */
	.macro ipi_by_msr dest, low
	mov	$0x830, %ecx
	mov	$\low, %eax
	mov	$\dest, %edx
	wrmsr
	take
	tell	OTHER, 0
	.endm

	.macro enter_x2apic
	mov	$0x1b, %ecx
	rdmsr
	or	$0xc00, %eax
	wrmsr
	wrmsr_low 0x80f, 0x1ff
	movl	$1, BY_MSR(%r14)
	.endm

x2apic:
	cli
	tell	START, 0
	tell	OTHER, 0
	enter_x2apic
	ipi_by_msr ID1, (ASSERT | IPI)
	ipi_by_msr (ID1 | 0x100), (ASSERT | IPI + 1)
	ipi_by_msr 0xffffffff, (ASSERT | IPI + 2)
	ipi_by_msr (((ID1 / 16) << 16) | (1 << (ID1 % 16))), (LOGICAL | ASSERT | IPI + 3)
	ipi_by_msr 0, (OTHERS | ASSERT | IPI + 4)
	wrmsr_low 0x83f, (IPI + 5)
	take
	tell	OTHER, 0
	done

/* 6: logical destinations in clusters: both in cluster 3, as bits 0 and 1. */
	.macro ipi dest, low
	apic	ICR_HIGH, (\dest << 24)
	apic	ICR, \low
	take
	tell	OTHER, 0
	.endm

clusters:
	cli
	apic	0xe0, CLUSTERS
	apic	LDR, 0x31000000
	tell	START, 0
	tell	OTHER, 0
	ipi	0x32, (LOGICAL | ASSERT | IPI)
	ipi	0x33, (LOGICAL | ASSERT | IPI + 1)
	ipi	0x23, (LOGICAL | ASSERT | IPI + 2)
	ipi	0x3c, (LOGICAL | ASSERT | IPI + 3)
	ipi	0x31, (LOGICAL | ASSERT | IPI + 4)
	done

/* 7: of two whom it may go to, the one with the lower priority; no vector below 16. */
lowest:
	cli
	tell	START, 0
	tell	OTHER, 0
	apic	TPR, 0x20
	ipi	3, (LOGICAL | ASSERT | 0x100 | IPI)
	ipi	3, (LOGICAL | ASSERT | 0x100 | IPI + 1)
	apic	0x280, 0
	ipi	ID1, (ASSERT | 9)
	apic	0x280, 0
	say_reg	0x280
	done

/* 8: an NMI to a vCPU that halts with interrupts off. */
nmi:
	cli
	tell	START, 0
	tell	OTHER, 0
	tell	OTHER, 0		/* the second one halts meanwhile */
	apic	ICR_HIGH, (ID1 << 24)
	apic	ICR, (NMI | ASSERT)
	tell	OTHER, 0
	done

/* What the second vCPU does depends on the case. */
second:
	cmp	$5, %edi
	je	1f
	cmp	$6, %edi
	je	2f
	cmp	$8, %edi
	je	3f
	jmp	looks
1:	enter_x2apic
	jmp	looks
2:	apic	0xe0, CLUSTERS
	apic	LDR, 0x32000000
	jmp	looks
3:	tell	OTHER, 0
	cli
	hlt
	tell	SAY, MARKER
looks:
	tell	OTHER, 0
	take
	jmp	looks

/* 9: start-up IPIs from before the INIT do not count; "de-assert" is no INIT. */
	.macro begin low
	apic	ICR_HIGH, (ID1 << 24)
	apic	ICR, \low
	.endm

	.macro copy_to page
	mov	$real_mode, %esi
	mov	$\page << 12, %edi
	mov	$real_mode_end - real_mode, %ecx
	rep movsb
	.endm

old_sipi:
	cli
	cld
	copy_to	PAGE_1
	copy_to	PAGE_2
	begin	INIT
	begin	(STARTUP | PAGE_1)
	tell	OTHER, 0
	begin	(STARTUP | PAGE_2)
	begin	INIT
	tell	OTHER, 0
	begin	(STARTUP | PAGE_2)
	tell	OTHER, 0
	begin	0x8500
	tell	OTHER, 0
	begin	INIT
	tell	OTHER, 0
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
