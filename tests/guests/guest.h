/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the small guests share: ports, hypercalls, and how a guest says how it
 * went.  Included by each .S file of this folder; README.md lists the guests.
 *
 * A guest checks itself.  Check number n that does not hold ends it by
 * `fail n`; a guest that is through ends by `pass`.  Both write to the debug
 * exit port, where v becomes the exit status (v << 1) | 1 of `vitrine run`: so
 * 1 is "passed", 3 is "check 1 failed", and so on.
 */
#ifndef GUEST_H
#define GUEST_H

#define SERIAL_DATA	0x3f8
#define SERIAL_STATUS	0x3fd
#define SERIAL_CAN_SEND	0x20
#define SERIAL_SCRATCH	0x3ff	/* one byte that reads back what was written */
#define FREE_PORT	0x600	/* no device: reads as all ones */
#define DEBUG_EXIT	0x501

/* Hypercall numbers: RAX; arguments from RBX on; answer in RAX. */
#define HC_NOP		0x0	/* answered in the kernel */
#define HC_API_VERSION	0x1
#define HC_VCPU_ID	0x2
#define HC_PUTCHAR	0x1000	/* answered by the tool: print BL */
#define HC_EXIT		0x1001	/* end with status BL */
#define HC_MARK		0x1002	/* count; RAX := how many so far */

/* Where guests leave numbers for whoever looks: 64 bytes a vCPU. */
#define COUNTERS	0x200000

/* Memory that no guest is loaded to, for touching it the first time. */
#define FRESH_MEMORY	0x600000

#ifdef __ASSEMBLER__

	/* End with @value at the debug exit port; whoever goes on halts for good. */
	.macro finish value
	mov	\value, %eax
	mov	$DEBUG_EXIT, %dx
	out	%eax, %dx
9:	hlt
	jmp	9b
	.endm

	.macro pass
	finish	$0
	.endm

	.macro fail number
	finish	$\number
	.endm

	/* Go on if the condition (e, ne, a, ...) holds, else fail. */
	.macro expect condition, number
	j\condition 8f
	fail	\number
8:
	.endm

	/* Hypercall @nr; arguments are in the registers already. */
	.macro hypercall nr
	mov	$\nr, %eax
	vmcall
	.endm

#endif /* __ASSEMBLER__ */
#endif /* GUEST_H */
