/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of lab 3: blocks of instructions that all exit, back to back.
 *
 * Each block begins and ends with an OUT to a port of the student's own, for
 * which there is no device: so the tests (labs/3/tests.py) find the block among
 * all exits.  Registers are filled before a block; since every instruction in
 * it exits, what the processor shows at one exit and did not show at the one
 * before is the module's doing.
 */
#include "lab_guest.h"

#define SERIAL_SCRATCH	0x3ff	/* a byte that reads back what was written */

	/* Bounds of block \n; no register changes. */
	.macro begin n
	out	%al, $PORT + 2 * \n
	.endm
	.macro end n
	out	%al, $PORT + 2 * \n + 1
	.endm

	/* Register number \n gets PATTERN + \n * STEP, modulo 2^64. */
	.macro fill reg n
	mov	step(%rip), %\reg
	imul	$\n, %\reg, %\reg
	add	pattern(%rip), %\reg
	.endm

	.macro fill_all
	fill	rax 0
	fill	rcx 1
	fill	rdx 2
	fill	rbx 3
	fill	rbp 5
	fill	rsi 6
	fill	rdi 7
	fill	r8 8
	fill	r9 9
	fill	r10 10
	fill	r11 11
	fill	r12 12
	fill	r13 13
	fill	r14 14
	fill	r15 15
	.endm

	/* Ask CPUID, with junk in the upper halves of all that it writes. */
	.macro ask leaf subleaf
	fill_all
	mov	$~0, %rax
	shl	$32, %rax
	or	leaf\leaf(%rip), %rax
	mov	$~0, %rcx
	shl	$32, %rcx
	or	$\subleaf, %rcx
	.endm

	.globl	_start
	.text
_start:
	/* Block 0: registers and flags survive three exits. */
	fill_all
	stc
	begin	0
	out	%al, $PORT + 40
	end	0

	/* Block 1: instructions of 1 to 4 bytes. */
	mov	$PORT, %edx
	begin	1
	out	%al, %dx
	cpuid
	out	%ax, $PORT + 40
	.byte	0x48			/* REX.W, without a meaning here */
	cpuid
	.byte	0x2e, 0x66		/* CS:, 16 bits */
	out	%eax, $PORT + 40
	cpuid
	end	1

	/* Blocks 2 to 4: CPUID. */
	ask	1 0
	begin	2
	cpuid
	end	2
	ask	2 0
	begin	3
	cpuid
	end	3
	ask	3 SUBLEAF
	begin	4
	cpuid
	end	4

	/* Block 5: OUT of 8, 16 and 32 bits; the scratch byte is its last one. */
	fill_all
	mov	$SERIAL_SCRATCH, %edx
	mov	$OUT8, %eax
	begin	5
	out	%al, %dx
	in	%dx, %al
	end	5
	fill_all
	mov	$SERIAL_SCRATCH - 1, %edx
	mov	$OUT16, %eax
	begin	6
	out	%ax, %dx
	in	%dx, %ax
	end	6
	fill_all
	mov	$SERIAL_SCRATCH - 3, %edx
	mov	$OUT32, %eax
	begin	7
	out	%eax, %dx
	in	%dx, %eax
	end	7

	/* Blocks 8 to 10: IN from a port without a device, all ones. */
	fill_all
	begin	8
	in	$PORT + 40, %al
	end	8
	fill_all
	begin	9
	in	$PORT + 40, %ax
	end	9
	fill_all
	begin	10
	in	$PORT + 40, %eax
	end	10

	/* Block 11: the shadow of STI ends with the instruction behind it. */
	begin	11
	sti
	cpuid
	cpuid
	cli
	end	11

	/* Block 12: a single-step trap is due behind an instruction that exits. */
	lea	trapped(%rip), %rax
	mov	%ax, gate(%rip)
	shr	$16, %rax
	mov	%ax, gate + 6(%rip)
	lidt	idtr(%rip)
	xor	%ebx, %ebx
	pushf
	orl	$0x100, (%rsp)
	begin	12
	popf
	cpuid
behind:	nop
	nop
	nop

	pass

	/* #DB: RDI is where it came, RSI where it should. */
trapped:
	mov	(%rsp), %rdi
	lea	behind(%rip), %rsi
	end	12
	pass

	.data
	.balign	16
pattern: .quad	PATTERN
step:	.quad	STEP
leaf1:	.quad	LEAF1
leaf2:	.quad	LEAF2
leaf3:	.quad	LEAF3

	.balign	16
idt:	.quad	0, 0
gate:	.word	0			/* #DB, a 64-bit interrupt gate */
	.word	0x18
	.word	0x8e00
	.word	0
	.quad	0
idtr:	.word	idtr - idt - 1
	.quad	idt
