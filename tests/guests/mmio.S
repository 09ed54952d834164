/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that uses a device in memory with every family of instructions.
 *
 * Long mode, ELF64, one vCPU.  The device is the tool's demo device
 * (userspace-tool/devices/demo_device.h): a store that reads back what was
 * written.  It lies above what the boot protocol maps, so the guest maps it
 * first.  Strings go to and from ports at the end.  Each check compares with
 * what the same instruction does on memory.
 */
#include "guest.h"

#define DEVICE		0xd0000000
#define STORE		(DEVICE + 0x40)
#define DIRECTORY_ENTRY	(((DEVICE - 0xc0000000) >> 21) * 8)

	.globl	_start
	.text
_start:
	lea	stack_end, %rsp

	/* Entry 3 of the table that CR3 leads to is the fourth GiB: map its part there. */
	mov	%cr3, %rax
	and	$~0xfff, %rax
	mov	(%rax), %rax
	and	$~0xfff, %rax
	lea	directory, %rbx
	mov	%rbx, %rcx
	or	$3, %rcx
	mov	%rcx, 3 * 8(%rax)
	mov	$DEVICE | 0x83, %ecx
	mov	%rcx, DIRECTORY_ENTRY(%rbx)
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	$STORE, %edi

	/* (1) MOV in four widths, from registers and immediates */
	mov	$0x1122334455667788, %rax
	mov	%rax, (%rdi)
	mov	(%rdi), %rbx
	cmp	%rax, %rbx
	expect	e, 11
	movb	$0x99, 1(%rdi)
	movw	$0xaabb, 2(%rdi)
	movl	$0xccddeeff, 4(%rdi)
	mov	$0xccddeeffaabb9988, %rcx
	cmp	%rcx, (%rdi)
	expect	e, 12
	mov	5(%rdi), %ah
	mov	%ah, 7(%rdi)
	cmpb	$0xee, 7(%rdi)
	expect	e, 13
	movabs	STORE, %eax
	cmp	$0xaabb9988, %eax
	expect	e, 14
	mov	%ds, 8(%rdi)
	mov	%ds, %eax
	cmp	8(%rdi), %ax
	expect	e, 15

	/* (2) MOVZX, MOVSX, MOVSXD */
	movl	$0x8081, (%rdi)
	movzbl	(%rdi), %eax
	cmp	$0x81, %eax
	expect	e, 21
	movsbq	(%rdi), %rax
	cmp	$-0x7f, %rax
	expect	e, 22
	movzwl	(%rdi), %eax
	cmp	$0x8081, %eax
	expect	e, 23
	movswl	(%rdi), %eax
	cmp	$0xffff8081, %eax
	expect	e, 24
	movl	$-5, (%rdi)
	movslq	(%rdi), %rax
	cmp	$-5, %rax
	expect	e, 25

	/* (3) arithmetic and logic, towards the device and from it */
	movl	$0xf0, (%rdi)
	orl	$0x0f, (%rdi)
	andl	$0x3c, (%rdi)
	expect	nz, 31
	xorl	$0x3c, (%rdi)
	expect	z, 32
	testl	$1, (%rdi)
	expect	z, 33
	stc
	adcl	$0x7fffffff, (%rdi)
	expect	o, 34
	mov	$1, %eax
	sub	(%rdi), %eax
	expect	c, 35
	cmp	$0x80000001, %eax
	expect	e, 36
	movl	$7, (%rdi)
	mov	$5, %eax
	xchg	%eax, (%rdi)
	cmp	$7, %eax
	expect	e, 37
	lock add %eax, (%rdi)
	cmpl	$12, (%rdi)
	expect	e, 38

	/* (4) bits */
	movq	$0, (%rdi)
	btsl	$3, (%rdi)
	expect	nc, 41
	btl	$3, (%rdi)
	expect	c, 42
	mov	$37, %eax			/* bit 5 of the second word */
	bts	%eax, (%rdi)
	cmpl	$0x20, 4(%rdi)
	expect	e, 43
	lock btr %eax, (%rdi)
	expect	c, 44
	btc	%eax, (%rdi)
	cmpl	$0x20, 4(%rdi)
	expect	e, 45

	/* (5) strings: to the device, from it, inside of it */
	cld
	lea	text, %rsi
	mov	$8, %ecx
	rep movsb
	mov	$STORE, %esi
	lea	copy, %rdi
	mov	$2, %ecx
	rep movsl
	mov	text, %rax
	cmp	%rax, copy
	expect	e, 51
	mov	$STORE, %esi
	mov	$STORE + 16, %edi
	movsq
	mov	$STORE, %ebx
	cmp	%rax, 16(%rbx)
	expect	e, 52
	mov	$STORE + 15, %edi
	std
	mov	$0x2a, %al
	mov	$4, %ecx
	rep stosb
	cld
	cmp	$STORE + 11, %edi
	expect	e, 53
	mov	$STORE + 12, %esi
	lodsl
	cmp	$0x2a2a2a2a, %eax
	expect	e, 54

	/* (6) OUTS: a line on the serial port; INS: ones from no port */
	mov	$SERIAL_DATA, %dx
	lea	line, %rsi
	mov	$line_end - line, %ecx
	rep outsb
	test	%ecx, %ecx
	expect	z, 61
	mov	$FREE_PORT, %dx
	lea	copy, %rdi
	mov	$4, %ecx
	rep insw
	cmpq	$-1, copy
	expect	e, 62
	mov	$STORE, %edi
	insl
	cmpl	$-1, (%rbx)
	expect	e, 63

	pass

	.data
text:	.ascii	"a string"
line:	.ascii	"by string\n"
line_end:
copy:	.quad	0

	.bss
	.balign	4096
directory:
	.skip	4096
	.skip	4096
stack_end:
