/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that makes every kind of exit and checks what comes back.
 *
 * Long mode, ELF64, one vCPU.  Sections (1) to (11), one kind each; the number
 * of a check tells its section (check 31 is in section 3).  Faults are expected
 * by `faults`: the instruction in it must raise the vector given, with the error
 * code given, at its own address.  After the report it halts, and if it is run
 * again it makes a triple fault; a test does that, the tool ends before.
 * Entering and leaving the modes is modes.S; registers of the FPU are fpu.S.
 */
#include "guest.h"

#define EFER		0xc0000080
#define LSTAR		0xc0000082
#define KERNEL_GS_BASE	0xc0000102
#define TSC_AUX		0xc0000103
#define NO_SUCH_MSR	0x12345678
#define UD		6
#define GP		13
#define DB		1
#define DF		8

#define DR6_STEP	0x4000
#define CR0_MP		(1 << 1)
#define CR0_TS		(1 << 3)
#define CR0_NE		(1 << 5)
#define CR0_NW		(1 << 29)
#define CR0_PG		(1 << 31)
#define CR4_TSD		(1 << 2)
#define CR4_DE		(1 << 3)
#define CR4_PSE		(1 << 4)
#define CR4_PAE		(1 << 5)
#define CR4_VMXE	(1 << 13)

/* In a descriptor table of this guest, behind those of the boot protocol. */
#define SEL_TSS		0x20
#define SEL_LDT		0x30

	/*
	 * @insn must fault with @vector and @error.  The handler notes vector,
	 * error code and address, and goes on at `resume`.
	 */
	.macro faults number, vector, error, insn:vararg
	movq	$-1, seen_vector
	movq	$7f, resume
6:	\insn
7:	cmpq	$\vector, seen_vector
	expect	e, \number
	cmpq	$\error, seen_error
	expect	e, \number
	cmpq	$6b, seen_rip
	expect	e, \number
	.endm

	.globl	_start
	.text
_start:
	lea	stack_end, %rsp
	call	set_up_idt

	/* (1) CPUID */
	mov	$0x40000000, %eax
	cpuid
	cmp	$0x72746956, %ebx		/* "Vitr" */
	expect	e, 11
	mov	$1, %eax
	cpuid
	bt	$31, %ecx			/* a hypervisor is present */
	expect	c, 12
	shr	$24, %ebx			/* APIC id 0 */
	expect	e, 13
	bt	$5, %ecx			/* no VMX in the guest */
	expect	nc, 14
	mov	$0x0bad0000, %eax
	cpuid
	or	%ebx, %eax
	or	%ecx, %eax
	or	%edx, %eax
	expect	e, 15

	/* (2) RDMSR, WRMSR */
	mov	$EFER, %ecx
	rdmsr
	bt	$10, %eax			/* long mode is active */
	expect	c, 21
	mov	$LSTAR, %ecx
	mov	$0x12345678, %eax
	mov	$0x00007abc, %edx
	wrmsr
	xor	%eax, %eax
	xor	%edx, %edx
	rdmsr
	cmp	$0x12345678, %eax
	expect	e, 22
	cmp	$0x00007abc, %edx
	expect	e, 23
	mov	$0x00008000, %edx		/* not canonical */
	faults	24, GP, 0, wrmsr
	mov	$NO_SUCH_MSR, %ecx
	faults	25, GP, 0, rdmsr
	faults	26, GP, 0, wrmsr
	/* SWAPGS exchanges without an exit; the values must be the guest's. */
	mov	$KERNEL_GS_BASE, %ecx
	mov	$0x5000, %eax
	xor	%edx, %edx
	wrmsr
	swapgs
	rdmsr					/* GS base was 0 */
	or	%edx, %eax
	expect	e, 27
	swapgs
	rdmsr
	cmp	$0x5000, %eax
	expect	e, 28

	/* (3) IN, OUT: 1, 2, 4 bytes */
	mov	$SERIAL_SCRATCH, %dx
	mov	$0xa5, %al
	out	%al, %dx
	xor	%eax, %eax
	in	%dx, %al
	cmp	$0xa5, %eax
	expect	e, 31
	mov	$FREE_PORT, %dx
	mov	$0x1122334455667788, %rax
	in	%dx, %al
	mov	$0x11223344556677ff, %rbx
	cmp	%rbx, %rax
	expect	e, 32
	mov	$0x1122334455667788, %rax
	in	%dx, %ax
	mov	$0x112233445566ffff, %rbx
	cmp	%rbx, %rax
	expect	e, 33
	mov	$0x1122334455667788, %rax
	in	%dx, %eax			/* clears the upper half */
	mov	$0xffffffff, %ebx
	cmp	%rbx, %rax
	expect	e, 34
	mov	$0x1122334455667788, %rax
	out	%al, %dx
	out	%ax, %dx
	out	%eax, %dx
	mov	$0x1122334455667788, %rbx
	cmp	%rbx, %rax
	expect	e, 35

	/* (4) VMCALL: in the kernel, unknown, up to the user side */
	mov	$0x1234567890abcdef, %rbx
	hypercall HC_NOP
	test	%rax, %rax
	expect	e, 41
	hypercall HC_API_VERSION
	cmp	$1, %rax
	expect	e, 42
	hypercall HC_VCPU_ID
	test	%rax, %rax
	expect	e, 43
	hypercall 0x777
	cmp	$-1, %rax
	expect	e, 44
	hypercall HC_MARK
	cmp	$1, %rax
	expect	e, 45
	mov	$0x1234567890abcdef, %rcx
	cmp	%rcx, %rbx
	expect	e, 46

	/* (5) EPT violations: read, write, read-modify-write, fetch */
	mov	FRESH_MEMORY, %rax
	test	%rax, %rax
	expect	e, 51
	movq	$0x5a5a, FRESH_MEMORY + 0x1000
	cmpq	$0x5a5a, FRESH_MEMORY + 0x1000
	expect	e, 52
	lock incq FRESH_MEMORY + 0x2ff8
	cmpq	$1, FRESH_MEMORY + 0x2ff8
	expect	e, 53
	/* One access that lies on two pages, neither of them mapped yet. */
	movq	$0x1122334455667788, %rax
	mov	%rax, FRESH_MEMORY + 0x3ffc
	cmp	%rax, FRESH_MEMORY + 0x3ffc
	expect	e, 54
	call	far_function
	cmp	$0xfa4, %eax
	expect	e, 55

	/* (6) CR0, CR3, CR4, CR8, CLTS, LMSW */
	mov	%cr0, %rax
	mov	%rax, %r8
	xor	$CR0_NE, %eax
	mov	%rax, %cr0
	mov	%cr0, %rbx
	cmp	%rax, %rbx
	expect	e, 61
	or	$CR0_TS, %eax
	mov	%rax, %cr0
	clts
	mov	%cr0, %rbx
	bt	$3, %ebx
	expect	nc, 62
	mov	%r8, %cr0
	mov	%r8, %rax
	or	$CR0_MP, %eax
	lmsw	%ax
	smsw	%rbx
	bt	$1, %ebx
	expect	c, 63
	mov	%r8, %rax
	btr	$31, %eax			/* paging off in 64-bit code */
	faults	64, GP, 0, mov %rax, %cr0
	mov	%r8, %rax
	or	$CR0_NW, %eax			/* NW without CD */
	faults	65, GP, 0, mov %rax, %cr0
	bts	$32, %rax
	faults	65, GP, 0, mov %rax, %cr0
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	%cr3, %rbx
	cmp	%rax, %rbx
	expect	e, 66
	mov	%cr4, %r9
	mov	%r9, %rax
	or	$CR4_PSE, %eax
	mov	%rax, %cr4
	mov	%cr4, %rbx
	cmp	%rax, %rbx
	expect	e, 67
	bts	$13, %rax			/* VMXE: there is no VMX here */
	faults	68, GP, 0, mov %rax, %cr4
	mov	%r9, %rax
	and	$~CR4_PAE, %eax			/* long mode needs PAE */
	faults	69, GP, 0, mov %rax, %cr4
	mov	%r9, %cr4
	mov	$5, %eax
	mov	%rax, %cr8
	mov	%cr8, %rbx
	cmp	%rax, %rbx
	expect	e, 70
	mov	$16, %eax
	faults	71, GP, 0, mov %rax, %cr8
	xor	%eax, %eax
	mov	%rax, %cr8

	/* (7) debug registers, single step, break point */
	mov	$0x123456789abc, %rax
	mov	%rax, %dr0
	mov	%dr0, %rbx
	cmp	%rax, %rbx
	expect	e, 72
	xor	%eax, %eax
	mov	%rax, %dr6
	mov	%dr6, %rbx
	cmp	$0xffff0ff0, %ebx		/* bits that are always one */
	expect	e, 73
	mov	%db4, %rax			/* with CR4.DE off: DR6 */
	cmp	%rbx, %rax
	expect	e, 74
	mov	%r9, %rax
	or	$CR4_DE, %eax
	mov	%rax, %cr4
	faults	75, UD, -1, mov %db4, %rax
	mov	%r9, %cr4
	bts	$32, %rax
	faults	76, GP, 0, mov %rax, %dr7
	/* A trap after CPUID, which the module has executed for the guest. */
	movq	$-1, seen_vector
	movq	$0, resume			/* traps go on where they are */
	pushfq
	orl	$0x100, (%rsp)			/* TF */
	popfq
	cpuid
.Lafter_cpuid:
	cmpq	$DB, seen_vector
	expect	e, 77
	cmpq	$.Lafter_cpuid, seen_rip
	expect	e, 78
	mov	%dr6, %rax
	bt	$14, %eax
	expect	c, 79
	/* An execution break point: a fault in front of the instruction. */
	xor	%eax, %eax
	mov	%rax, %dr6
	mov	$.Lbreak_here, %eax
	mov	%rax, %dr1
	mov	$1 << 2, %eax			/* L1 */
	mov	%rax, %dr7
	movq	$-1, seen_vector
	movq	$.Lafter_break, resume
.Lbreak_here:
	nop
.Lafter_break:
	cmpq	$DB, seen_vector
	expect	e, 80
	cmpq	$.Lbreak_here, seen_rip
	expect	e, 81
	mov	%dr6, %rbx
	bt	$1, %ebx
	expect	c, 82
	xor	%eax, %eax
	mov	%rax, %dr7

	/* (8) instructions that this processor does not have */
	faults	83, UD, -1, vmxoff
	faults	84, UD, -1, vmresume
	faults	85, UD, -1, vmptrst FRESH_MEMORY

	/*
	 * (9) #GP by RDMSR, whose gate is not there: #NP on top of #GP makes a
	 * double fault, which has its own gate.
	 */
	movb	$0x0e, idt + GP * 16 + 5	/* not present any more */
	mov	$NO_SUCH_MSR, %ecx
	faults	91, DF, 0, rdmsr
	movb	$0x8e, idt + GP * 16 + 5
	faults	92, GP, 0, rdmsr

	/* (10) more instructions that this processor does not have */
	faults	101, UD, -1, vmclear FRESH_MEMORY
	faults	101, UD, -1, vmlaunch
	faults	101, UD, -1, vmptrld FRESH_MEMORY
	faults	101, UD, -1, vmread %rax, %rbx
	faults	101, UD, -1, vmwrite %rax, %rbx
	faults	101, UD, -1, vmxon FRESH_MEMORY
	faults	101, UD, -1, invept FRESH_MEMORY, %rax
	faults	101, UD, -1, invvpid FRESH_MEMORY, %rax
	faults	101, UD, -1, vmfunc
	faults	102, UD, -1, getsec
	faults	103, UD, -1, rsm
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$FRESH_MEMORY, %eax
	faults	104, UD, -1, monitor
	faults	105, UD, -1, mwait
	mov	$1, %eax
	faults	106, UD, -1, xsetbv
	faults	107, UD, -1, invpcid FRESH_MEMORY, %rax
	faults	108, UD, -1, xsaves FRESH_MEMORY
	faults	108, UD, -1, xrstors FRESH_MEMORY
	faults	109, UD, -1, encls
	/* The counter that every number is: one too many. */
	xor	%ecx, %ecx
	faults	110, GP, 0, rdpmc

	/* (11) done as nothing, or by the processor itself */
	movq	$0x77, FRESH_MEMORY + 0x5000
	invd
	cmpq	$0x77, FRESH_MEMORY + 0x5000
	expect	e, 111
	wbinvd
	invlpg	FRESH_MEMORY
	mov	$20000, %ecx
1:	pause				/* long enough for PAUSE-loop exiting */
	dec	%ecx
	jnz	1b
	rdtsc
	mov	%eax, %esi
	shl	$32, %rdx
	or	%rdx, %rsi
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	cmp	%rsi, %rax
	expect	ae, 112			/* the emulator counts in steps */
	mov	%rax, %rsi
	mov	$TSC_AUX, %ecx
	mov	$0x1234, %eax
	xor	%edx, %edx
	wrmsr
	rdtscp
	cmp	$0x1234, %ecx
	expect	e, 113
	shl	$32, %rdx
	or	%rdx, %rax
	cmp	%rsi, %rax
	expect	ae, 114
	/* Nobody watches the descriptor-table registers. */
	sgdt	seen_table
	lgdt	own_gdtr
	sgdt	seen_table
	cmpq	$own_gdt, seen_table + 2
	expect	e, 115
	sidt	seen_table
	cmpq	$idt, seen_table + 2
	expect	e, 116
	mov	$SEL_TSS, %eax
	ltr	%ax
	str	%ebx
	cmp	%eax, %ebx
	expect	e, 117
	mov	$SEL_LDT, %eax
	lldt	%ax
	sldt	%ebx
	cmp	%eax, %ebx
	expect	e, 118
	mov	$1, %eax
	cpuid
	bt	$30, %ecx
	jnc	1f
	rdrand	%rax
1:	mov	$7, %eax
	xor	%ecx, %ecx
	cpuid
	bt	$18, %ebx
	jnc	1f
	rdseed	%rax
1:
	mov	$0, %eax
	mov	$DEBUG_EXIT, %dx
	out	%eax, %dx

	/* Only a test comes here: it runs a vCPU again that has reported. */
	hlt
	lidt	no_idt
	ud2

/* ---- faults ---------------------------------------------------------------- */

	/* A gate: code selector of the boot protocol, 64-bit interrupt gate, present. */
set_up_idt:
	mov	%cs, %ecx
	lea	idt, %rdi
	lea	entries, %rsi
1:	mov	(%rsi), %rax
	mov	%ax, (%rdi)
	mov	%cx, 2(%rdi)
	movw	$0x8e00, 4(%rdi)
	shr	$16, %rax
	mov	%ax, 6(%rdi)
	add	$16, %rdi
	add	$8, %rsi
	cmp	$entries_end, %rsi
	jne	1b
	lidt	idtr
	ret

	/* Vectors 8 and 10 to 14 push an error code; give the others -1. */
	.irp	nr, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
entry_\nr:
	.if	!((1 << \nr) & 0x7d00)
	push	$-1
	.endif
	push	$\nr
	jmp	common
	.endr

	/* On the stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. */
common:
	push	%rax
	mov	8(%rsp), %rax
	mov	%rax, seen_vector
	mov	16(%rsp), %rax
	mov	%rax, seen_error
	mov	24(%rsp), %rax
	mov	%rax, seen_rip
	mov	resume, %rax
	test	%rax, %rax
	jz	1f
	mov	%rax, 24(%rsp)
1:	andl	$~0x100, 40(%rsp)		/* no further single steps */
	pop	%rax
	add	$16, %rsp
	iretq

	/* On a page that nothing else touches, so that the call fetches first. */
	.section .far, "ax"
far_function:
	mov	$0xfa4, %eax
	ret

	.data
	.balign	8
entries:
	.irp	nr, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	.quad	entry_\nr
	.endr
entries_end:
seen_vector:	.quad	0
seen_error:	.quad	0
seen_rip:	.quad	0
resume:		.quad	0
idtr:		.word	16 * 16 - 1
		.quad	idt
no_idt:		.word	0
		.quad	0
	.balign	8
own_gdt:	.quad	0
		.quad	0x00cf9b000000ffff	/* 08: code, 32 bits */
		.quad	0x00cf93000000ffff	/* 10: data */
		.quad	0x00af9b000000ffff	/* 18: code, 64 bits */
		.quad	0x0000890000000067	/* 20: TSS at 0, 16 bytes */
		.quad	0
		.quad	0x000082000000000f	/* 30: LDT at 0, 16 bytes */
		.quad	0
own_gdtr:	.word	. - own_gdt - 1
		.quad	own_gdt
seen_table:	.skip	16

	.bss
	.balign	16
idt:	.skip	16 * 16
	.skip	4096
stack_end:
