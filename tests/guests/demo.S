/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of `make demo`: one of each exit that a first guest makes.
 *
 * An ELF64 file, entered in long mode with an identity map (the boot protocol
 * of `vitrine run`, see docs/guests.md).  Each numbered step says which exit to
 * look for in the table that the demo prints.  What is not in the source shows
 * there, too: the first touch of each page (page tables, code, data) exits once.
 * Ends by halting: nothing could wake it, so the tool calls it finished.
 * Read next: exits.S, which goes through every kind of exit.
 */
#include "guest.h"

	.globl	_start
	.text
_start:
	/* (1) Whose machine is this?  CPUID exits always; the module answers. */
	mov	$0x40000000, %eax
	cpuid
	mov	%ebx, signature
	mov	%ecx, signature + 4
	mov	%edx, signature + 8

	/* (2) Print through the serial port: IN and OUT go up to the tool. */
	mov	$SERIAL_STATUS, %dx
1:	in	%dx, %al
	test	$SERIAL_CAN_SEND, %al
	jz	1b
	lea	text, %rsi
	mov	$SERIAL_DATA, %dx
2:	lodsb
	test	%al, %al
	jz	3f
	out	%al, %dx
	jmp	2b
3:
	/* (3) Touch memory that nobody has used: EPT violation, the host gives a page. */
	mov	$FRESH_MEMORY, %rdi
	mov	(%rdi), %rax
	mov	%rdi, (%rdi)

	/* (4) Ask on purpose: VMCALL.  The kernel module answers the first ... */
	hypercall HC_VCPU_ID
	/* ... and the tool, in user space, the second. */
	hypercall HC_MARK

	/* (5) Nothing left to do. */
	hlt
	jmp	.

	.data
text:		.ascii	"Hello from "
signature:	.ascii	"............"
		.asciz	"\n"
