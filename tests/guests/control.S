/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest to be controlled: it ticks, answers keys, and knows a power button.
 *
 * For tests of `vitrine console`, stop, reset, pause and resume
 * (tests/tool/control.sh); needs --irqchip.  A periodic timer of 20 ms wakes it up.
 * Then it looks for keys, and for the power button, at which it says "off" and
 * switches itself off.
 *
 *	T	print the ticks so far: "ticks 000000000000002a"
 *	C	print the time stamp counter: "tsc ..."
 *	I	ignore the power button from here on
 *	R	reset the machine
 *	Q	end by `pass`
 *	other	print it as "<x>"
 *
 * Long mode, ELF64, one vCPU.
 */
#include "guest.h"

#define CODE64		0x18		/* as the tool's descriptor table has it */
#define VECTOR		0x40
#define TICK_US		20000
#define PM_STATUS	0x600
#define PM_CONTROL	0x604
#define BUTTON		0x100
#define SLEEP_S5	0x2000 + (5 << 10)
#define RESET_PORT	0xcf9

	.macro msr number, value
	mov	$\number, %ecx
	mov	$\value, %eax
	xor	%edx, %edx
	wrmsr
	.endm

	.globl	_start
	.text
_start:
	lea	tick(%rip), %rax
	lea	idt + 16 * VECTOR(%rip), %rdi
	mov	%ax, (%rdi)
	movw	$CODE64, 2(%rdi)
	movw	$0x8e00, 4(%rdi)	/* interrupt gate, present */
	shr	$16, %rax
	mov	%ax, 6(%rdi)
	lea	idt(%rip), %rax
	mov	%rax, table + 2(%rip)
	lidt	table(%rip)
	mov	$0x1b, %ecx		/* IA32_APIC_BASE: to x2APIC mode */
	rdmsr
	or	$0xc00, %eax
	wrmsr
	msr	0x80f, 0x1ff		/* enable */
	msr	0x83e, 0xb		/* divide by 1: microseconds */
	msr	0x832, 0x20000 + VECTOR	/* periodic */
	msr	0x838, TICK_US
	lea	is_up(%rip), %rsi
	call	print

wait:
	sti
	hlt
	cli
	call	look_at_button
next_key:
	mov	$SERIAL_STATUS, %dx
	in	%dx, %al
	test	$1, %al
	jz	wait
	mov	$SERIAL_DATA, %dx
	in	%dx, %al
	cmp	$'T', %al
	je	say_ticks
	cmp	$'C', %al
	je	say_counter
	cmp	$'I', %al
	je	ignore
	cmp	$'R', %al
	je	reset
	cmp	$'Q', %al
	je	done
	mov	%al, echo + 1(%rip)
	lea	echo(%rip), %rsi
	call	print
	jmp	next_key

say_ticks:
	lea	ticks_are(%rip), %rsi
	call	print
	mov	ticks(%rip), %rbx
	call	print_number
	jmp	next_key

say_counter:
	lea	tsc_is(%rip), %rsi
	call	print
	rdtsc
	shl	$32, %rdx
	lea	(%rdx, %rax), %rbx
	call	print_number
	jmp	next_key

ignore:
	movb	$1, deaf(%rip)
	lea	ignores(%rip), %rsi
	call	print
	jmp	next_key

reset:
	mov	$RESET_PORT, %dx
	mov	$6, %al
	out	%al, %dx
	jmp	wait

done:
	pass

look_at_button:
	mov	$PM_STATUS, %dx
	in	%dx, %ax
	test	$BUTTON, %ax
	jz	1f
	mov	$BUTTON, %ax
	out	%ax, %dx		/* seen */
	cmpb	$0, deaf(%rip)
	jne	1f
	lea	goes_off(%rip), %rsi
	call	print
	mov	$PM_CONTROL, %dx
	mov	$SLEEP_S5, %ax
	out	%ax, %dx
1:	ret

/* The text at RSI, which ends with 0. */
print:
	mov	$SERIAL_DATA, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	ret

/* RBX, 16 digits and a line end. */
print_number:
	mov	$16, %ecx
	mov	$SERIAL_DATA, %dx
1:	rol	$4, %rbx
	mov	%ebx, %eax
	and	$0xf, %eax
	lea	digits(%rip), %rdi
	mov	(%rdi, %rax), %al
	out	%al, %dx
	loop	1b
	mov	$'\n', %al
	out	%al, %dx
	ret

tick:
	push	%rax
	push	%rcx
	push	%rdx
	incq	ticks(%rip)
	msr	0x80b, 0		/* EOI */
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

	.data
is_up:		.asciz	"up\n"
ticks_are:	.asciz	"ticks "
tsc_is:		.asciz	"tsc "
ignores:	.asciz	"ignores\n"
goes_off:	.asciz	"off\n"
echo:		.asciz	"<x>\n"
digits:		.ascii	"0123456789abcdef"
deaf:		.byte	0
	.balign	8
ticks:		.quad	0
table:		.word	16 * 256 - 1
		.quad	0
	.balign	16
	.bss
idt:		.skip	16 * 256
