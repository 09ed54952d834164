/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that goes through the processor's modes and back.
 *
 * A flat binary at 8000H, entered in real mode:
 *	(1) real mode			  interrupt table at 0
 *	(2) 32-bit protected mode	  by LMSW, which exits
 *	(3) 32-bit paging, 4 MiB pages	  CR4.PSE, CR0.PG
 *	(4) PAE paging, 2 MiB pages
 *	(5) long mode, 64-bit code	  EFER.LME, CR0.PG
 *	(c) compatibility mode and back to 64-bit code
 *	(6) back: compatibility mode, protected mode, 16-bit segments
 *	(7) real mode again
 *	(b) big real mode: real mode with a data segment of 4 GiB
 *	(v) virtual-8086 mode, left by an INT that its privilege does not allow
 *	(p) protected mode again
 * Each stage prints its character by HC_PUTCHAR; a test uses that moment to look at
 * the vCPU (address translation, state).  Linear 400000H is mapped to the
 * physical address MIRROR + 400000H + something that differs by stage, and the
 * stage checks that it sees what it wrote there before.
 * Read next: exits.S.  Sources: SDM 3A "Mode Switching" (10.9), "Initializing
 * IA-32e Mode" (10.8.5).
 */
#include "guest.h"

#define EFER		0xc0000080
#define EFER_LME	(1 << 8)
#define CR4_PSE		(1 << 4)
#define CR4_PAE		(1 << 5)
#define CR0_PG		(1 << 31)

/* Linear address that each paged stage maps elsewhere, and where to. */
#define WINDOW		0x400000
#define TARGET_32BIT	0xc00000	/* 4 MiB aligned */
#define TARGET_PAE	0xa00000	/* 2 MiB aligned */
#define TARGET_LONG	0x600000

#define SEL_CODE32	0x08
#define SEL_DATA32	0x10
#define SEL_CODE64	0x18
#define SEL_CODE16	0x20
#define SEL_DATA16	0x28
#define SEL_TSS		0x30

#define STACK_TOP	0x7000
#define V86_STACK_TOP	0x6000
#define EFLAGS_VM	(1 << 17)

	.macro stage character
	mov	$\character, %ebx
	mov	$HC_PUTCHAR, %eax
	vmcall
	.endm

	.globl	_start
	.text
	.code16
_start:
	/* (1) An interrupt through the table at 0. */
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$STACK_TOP, %sp
	movw	$real_handler, 0x21 * 4
	movw	$0, 0x21 * 4 + 2
	stage	'1'
	xor	%si, %si
	int	$0x21
	cmp	$0x2121, %si
	jne	failed_16

	/* (2) LMSW sets PE; it exits, because the module watches that bit. */
	lgdt	gdtr
	smsw	%ax
	or	$1, %ax
	lmsw	%ax
	ljmp	$SEL_CODE32, $protected

real_handler:
	mov	$0x2121, %si
	iret

failed_16:
	fail	1

	.code32
protected:
	mov	$SEL_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	stage	'2'
	/* What each stage will see through its window. */
	movl	$0x32323232, TARGET_32BIT
	movl	$0x0a0a0a0a, TARGET_PAE
	movl	$0x64646464, TARGET_LONG

	/* (3) One directory: 0 and WINDOW, each 4 MiB. */
	movl	$0x00000083, directory
	movl	$TARGET_32BIT | 0x83, directory + 4
	mov	$directory, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$CR4_PSE, %eax
	mov	%eax, %cr4
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	jmp	1f
1:	stage	'3'
	cmpl	$0x32323232, WINDOW
	expect	e, 3

	/* (4) PAE tables can only be switched to with paging off. */
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	movl	$pae_directory + 1, pdpt
	movl	$0x00000083, pae_directory
	movl	$TARGET_PAE | 0x83, pae_directory + (WINDOW >> 21) * 8
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$pdpt, %eax
	mov	%eax, %cr3
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	jmp	1f
1:	stage	'4'
	cmpl	$0x0a0a0a0a, WINDOW
	expect	e, 4

	/* (5) Long mode: the same tables under one more level, another window. */
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	movl	$pdpt + 3, pml4
	movl	$pae_directory + 3, pdpt
	movl	$TARGET_LONG | 0x83, pae_directory + (WINDOW >> 21) * 8
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $long_mode

	.code64
long_mode:
	stage	'5'
	cmpl	$0x64646464, WINDOW
	expect	e, 5
	/* A value that only 64-bit code can hold. */
	mov	$0x123456789abcdef0, %r15
	hypercall HC_NOP
	mov	$0x123456789abcdef0, %r14
	cmp	%r14, %r15
	expect	e, 6
	ljmp	*to_visit

	/* (c) The same tables, 32 bits; the upper halves of R8 to R15 wait. */
	.code32
visit:
	stage	'c'
	cmpl	$0x64646464, WINDOW
	expect	e, 7
	ljmp	$SEL_CODE64, $back_in_long_mode

	.code64
back_in_long_mode:
	cmp	%r14, %r15
	expect	e, 8
	/*
	 * Upper halves do not count in 32-bit code, so fill them before going
	 * there: EBX is what the next MOV to CR0 takes.
	 */
	mov	%cr0, %rbx
	btr	$31, %rbx
	mov	$0xdead0000, %eax
	shl	$32, %rax
	or	%rax, %rbx
	mov	%cr4, %rsi
	or	%rax, %rsi
	mov	$HC_API_VERSION, %edi
	or	%rax, %rdi
	ljmp	*to_compatibility

	/* (6) */
	.code32
compatibility:
	/* Three operands whose upper halves must be ignored. */
	mov	%esi, %cr4
	xchg	%edi, %eax
	mov	%ebx, %cr0			/* paging off ends long mode */
	jmp	1f
1:	mov	$EFER, %ecx
	rdmsr
	and	$~EFER_LME, %eax
	wrmsr
	stage	'6'
	ljmp	$SEL_CODE16, $sixteen

	.code16
sixteen:
	mov	$SEL_DATA16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	%cr4, %eax
	and	$~(CR4_PAE | CR4_PSE), %eax
	mov	%eax, %cr4
	mov	%cr0, %eax
	and	$~1, %eax
	mov	%eax, %cr0
	ljmp	$0, $real_again

	/* (7) */
real_again:
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	stage	'7'
	xor	%si, %si
	int	$0x21
	cmp	$0x2121, %si
	jne	failed_16

	/* (b) A descriptor loaded in protected mode keeps its limit in real mode. */
	cli
	lgdt	gdtr
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	mov	$SEL_DATA32, %bx
	mov	%bx, %ds
	and	$~1, %al
	mov	%eax, %cr0
	ljmp	$0, $big_real
big_real:
	stage	'b'
	mov	$TARGET_LONG, %ebx
	cmpl	$0x64646464, (%ebx)
	jne	failed_16
	xor	%si, %si
	int	$0x21
	cmp	$0x2121, %si
	jne	failed_16

	/* (v) Only IRET leads into virtual-8086 mode, only an exception out of it. */
	smsw	%ax
	or	$1, %ax
	lmsw	%ax
	ljmp	$SEL_CODE32, $monitor

	.code32
monitor:
	mov	$SEL_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$STACK_TOP, %esp
	lidt	idtr
	mov	$SEL_TSS, %eax
	ltr	%ax
	push	$0				/* GS, FS, DS, ES */
	push	$0
	push	$0
	push	$0
	push	$0				/* SS:ESP */
	push	$V86_STACK_TOP
	push	$EFLAGS_VM | 2			/* IOPL 0 */
	push	$0				/* CS:EIP */
	push	$virtual
	iret

	.code16
virtual:
	stage	'v'
	push	%bx				/* through SS with base 0 */
	cmpw	$'v', V86_STACK_TOP - 2
	jne	failed_16
	xor	%eax, %eax
	cpuid					/* exits and comes back here */
	mov	$0x7676, %si
not_allowed:
	int	$0x21
	jmp	failed_16

	/* #GP(0) at the INT: error code, EIP, CS, EFLAGS on the stack of the TSS. */
	.code32
gp_handler:
	mov	$SEL_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	cmpl	$0, (%esp)
	expect	e, 9
	cmpl	$not_allowed, 4(%esp)
	expect	e, 10
	testl	$EFLAGS_VM, 12(%esp)
	expect	nz, 11
	cmp	$0x7676, %si
	expect	e, 12

	/* (p) */
	stage	'p'
	stage	'\n'
	pass

	.balign	8
to_visit:
	.long	visit
	.word	SEL_CODE32
	.balign	8
to_compatibility:
	.long	compatibility
	.word	SEL_CODE32
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 08: code, 32 bits */
	.quad	0x00cf93000000ffff	/* 10: data */
	.quad	0x00af9b000000ffff	/* 18: code, 64 bits */
	.quad	0x00009b000000ffff	/* 20: code, 16 bits */
	.quad	0x000093000000ffff	/* 28: data, limit FFFFH as in real mode */
	.word	0x67, tss		/* 30: TSS, 32 bits */
	.byte	0, 0x89, 0, 0
gdtr:	.word	. - gdt - 1
	.long	gdt

	.balign	8
idt:	.skip	13 * 8
	.word	gp_handler, SEL_CODE32, 0x8e00, 0
idtr:	.word	. - idt - 1
	.long	idt

	.balign	8
tss:	.long	0, STACK_TOP, SEL_DATA32	/* ESP0, SS0 */
	.skip	0x68 - 12

	.balign	4096
directory:	.skip	4096
pdpt:		.skip	4096
pae_directory:	.skip	4096
pml4:		.skip	4096
