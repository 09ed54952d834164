/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hidden cases of lab 6; labs/6/staff/hidden.py judges them.
 *
 * Read labs/6/guests/events.inc and events.S first.
 */
#include "../../guests/events.inc"

	.data
	.balign	8
cases:
	.quad	report, after_sti, after_mov_ss, nmi_after_sti, nmi, nmi_iret
	.quad	again_soft, again_trap, again_nmi, stale

	.text
/* 1 to 3: the instruction in the shadow exits, and only then the event is there. */
after_sti:
	cli
	expect	1f
	tell	AT_FAULT, INTERRUPT(VECTOR)
	tell	FORGET, spare
	sti
	mov	spare, %eax
1:	nop
	nop
	done

after_mov_ss:
	sti
	mov	%ss, %ebx
	expect	1f
	tell	AT_FAULT, INTERRUPT(VECTOR)
	tell	FORGET, spare
	mov	%ebx, %ss
	mov	spare, %eax
1:	nop
	nop
	done

nmi_after_sti:
	cli
	expect	1f
	tell	AT_FAULT, NMI
	tell	FORGET, spare
	sti
	mov	spare, %eax
1:	nop
	nop
	done

/* 4: a second NMI in the handler of the first waits for its IRET. */
nmi:
	cli
	movq	$second_nmi, hook
	expect	1f
	tell	RAISE, NMI
1:	nop
	done

second_nmi:
	tell	RAISE, NMI
	xor	%eax, %eax
	push	%rcx
	push	%rdx
	cpuid
	pop	%rdx
	pop	%rcx
	ret

/* 5: the same, but that IRET exits first, for its stack is gone. */
nmi_iret:
	cli
	movq	$third_nmi, hook
	expect	1f
	tell	RAISE, NMI
1:	nop
	done

third_nmi:
	add	$8 + 4 * 8, %rsp	/* return address, RCX, RBX, RAX, vector */
	tell	RAISE, NMI
	tell	FORGET, stack
	iretq

/* 6 and 7: INT n and INT3 of the guest itself, with an interrupt table that is not mapped. */
again_soft:
	expect	1f
	tell	FORGET, idt
	int	$SOFT_VECTOR
1:	nop
	done

again_trap:
	expect	1f
	tell	FORGET, idt
	int3
1:	nop
	done

/* 8: an NMI that has to be delivered twice is still one. */
again_nmi:
	expect	1f
	tell	FORGET, idt
	tell	FORGET, stack
	tell	RAISE, NMI
1:	nop
	done

/* 9: the entry fails with an interrupt in flight; the program mends RFLAGS. */
stale:
	cli
	expect	1f
	tell	STALE, INTERRUPT(VECTOR)
1:	nop
	done
