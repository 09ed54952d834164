/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A multiboot 1 kernel: checks what the loader promises and prints its command
 * line and those of its modules.
 *
 * 32-bit protected mode; EAX holds the magic number, EBX the information
 * structure.  Check 1: the magic number; 2: memory size and command line are
 * told; 3: the first module's text lies within the module.
 * Source: "Multiboot Specification version 0.6.96", 3.2 and 3.3.
 */
#include "guest.h"

#define HEADER_MAGIC	0x1badb002
#define LOADER_MAGIC	0x2badb002
#define WANT_MEMORY	2
#define HAS_MEMORY	(1 << 0)
#define HAS_CMDLINE	(1 << 2)
#define INFO_CMDLINE	16
#define INFO_MODS_COUNT	20
#define INFO_MODS_ADDR	24
#define MOD_STRING	8
#define MOD_BYTES	16

	.section .multiboot, "a"
	.balign	4
	.long	HEADER_MAGIC
	.long	WANT_MEMORY
	.long	-(HEADER_MAGIC + WANT_MEMORY)

	.globl	_start
	.text
	.code32
_start:
	mov	$stack_end, %esp
	mov	%ebx, %ebp
	cmp	$LOADER_MAGIC, %eax
	expect	e, 1
	mov	(%ebp), %eax
	and	$HAS_MEMORY | HAS_CMDLINE, %eax
	cmp	$HAS_MEMORY | HAS_CMDLINE, %eax
	expect	e, 2
	mov	INFO_CMDLINE(%ebp), %esi
	call	print

	mov	INFO_MODS_COUNT(%ebp), %ecx
	mov	INFO_MODS_ADDR(%ebp), %edi
	test	%ecx, %ecx
	jz	2f
	mov	(%edi), %eax
	cmp	4(%edi), %eax			/* start before end */
	expect	b, 3
1:	mov	MOD_STRING(%edi), %esi
	call	print
	add	$MOD_BYTES, %edi
	dec	%ecx
	jnz	1b
2:	pass

	/* The text at ESI and a line end, to the serial port. */
print:
	mov	$SERIAL_DATA, %edx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	mov	$'\n', %al
	out	%al, %dx
	ret

	.bss
	.skip	1024
stack_end:
