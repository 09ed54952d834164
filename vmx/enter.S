/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VM entry and VM exit: the few instructions between host and guest.
 *
 * Called by vmx/run.c with interrupts off.  VMLAUNCH or VMRESUME loads the
 * guest's RIP, RSP and RFLAGS, segments and control registers from the VMCS;
 * the other general registers are still the host's, so they are exchanged
 * here.  A VM exit does not return from VMLAUNCH: the processor goes to the
 * address in the field HOST_RIP, vmx_exit_here, on the stack in HOST_RSP.
 * Nothing here may be traced or probed: the code lies in .noinstr.text.
 * Read next: vmx/exit.c.
 * Sources: SDM 3C "VM Entries" (chapter 27), "VM Exits" (chapter 28).
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "enter.h"

	.section .noinstr.text, "ax"

/*
 * int vmx_enter(u64 gpr[16], bool launched)
 *
 * Return: 0: the guest ran and exited; 1: the instruction failed (VMfail); 2: it
 * faulted, because the machine goes down and root mode is off.
 */
SYM_FUNC_START(vmx_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	/* The exit finds the guest's register array on top of the stack. */
	push	%rdi

	/* LAB 2.6: */
	mov	$VMX_FIELD_HOST_RSP, %edx
	vmwrite	%rsp, %rdx
	/* LAB 2.6 END */

	/*
	 * CF := launched.  Moves leave the flags alone, and VERW, which empties
	 * the CPU's buffers below, changes ZF only.
	 */
	bt	$0, %esi

	/* LAB 3.1: */
	mov	GPR_RAX(%rdi), %rax
	mov	GPR_RCX(%rdi), %rcx
	mov	GPR_RDX(%rdi), %rdx
	mov	GPR_RBX(%rdi), %rbx
	mov	GPR_RBP(%rdi), %rbp
	mov	GPR_RSI(%rdi), %rsi
	mov	GPR_R8(%rdi), %r8
	mov	GPR_R9(%rdi), %r9
	mov	GPR_R10(%rdi), %r10
	mov	GPR_R11(%rdi), %r11
	mov	GPR_R12(%rdi), %r12
	mov	GPR_R13(%rdi), %r13
	mov	GPR_R14(%rdi), %r14
	mov	GPR_R15(%rdi), %r15
	mov	GPR_RDI(%rdi), %rdi
	/* LAB 3.1 END */

	/* Data of the host in CPU buffers (MDS, MMIO stale data): clear them. */
	VM_CLEAR_CPU_BUFFERS

	/*
	 * Control comes back at vmx_exit_here, which no branch leads to: tell
	 * objtool that the stack looks there as it does here.
	 */
	UNWIND_HINT_SAVE

	/* LAB 3.3: */
	jnc	.Llaunch
.Lresume:
	vmresume
	jmp	.Lfailed
	_ASM_EXTABLE(.Lresume, .Lfaulted)
	/* LAB 3.3 END */
.Llaunch:
	/* LAB 2.6: jmp .Lfailed */
	vmlaunch
	jmp	.Lfailed
	/* LAB 2.6 END */

	_ASM_EXTABLE(.Llaunch, .Lfaulted)

SYM_INNER_LABEL_ALIGN(vmx_exit_here, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	/* All registers are the guest's: make one free, get the array, save. */
	/* LAB 3.2: */
	push	%rax
	mov	8(%rsp), %rax
	pop	GPR_RAX(%rax)
	mov	%rcx, GPR_RCX(%rax)
	mov	%rdx, GPR_RDX(%rax)
	mov	%rbx, GPR_RBX(%rax)
	mov	%rbp, GPR_RBP(%rax)
	mov	%rsi, GPR_RSI(%rax)
	mov	%rdi, GPR_RDI(%rax)
	mov	%r8, GPR_R8(%rax)
	mov	%r9, GPR_R9(%rax)
	mov	%r10, GPR_R10(%rax)
	mov	%r11, GPR_R11(%rax)
	mov	%r12, GPR_R12(%rax)
	mov	%r13, GPR_R13(%rax)
	mov	%r14, GPR_R14(%rax)
	mov	%r15, GPR_R15(%rax)
	/* LAB 3.2 END */
	xor	%eax, %eax

.Lclear:
	/*
	 * The guest's values must not steer what the host executes
	 * speculatively: clear each register before C code runs.  RBX, RBP and
	 * R12 to R15 are popped below, after the return stack is refilled.
	 */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	/* The guest may have filled the return stack buffer: refill it. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT,\
			   X86_FEATURE_RSB_VMEXIT_LITE

	add	$8, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lfailed:
	mov	$1, %eax
	jmp	.Lclear
.Lfaulted:
	mov	$2, %eax
	jmp	.Lclear
SYM_FUNC_END(vmx_enter)

/*
 * void vmx_host_nmi(void)
 *
 * The guest was left because of an NMI, which the exit has consumed and which
 * leaves NMIs blocked.  Build the frame that an NMI would have pushed and go
 * through the host's own entry; its IRET ends the blocking.
 */
SYM_FUNC_START(vmx_host_nmi)
	push	%rbp
	mov	%rsp, %rbp
	and	$-16, %rsp
	push	$__KERNEL_DS
	push	%rbp
	pushf
	push	$__KERNEL_CS
	call	VTR_HOST_NMI_ENTRY
	mov	%rbp, %rsp
	pop	%rbp
	RET
SYM_FUNC_END(vmx_host_nmi)
