/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that never ends and never asks for anything: it counts.
 *
 * Only the host can interrupt it, so tests of signals, kicks, NMIs, preemption
 * and migration use it, and `vitrine run --timeout` stops it.  Each vCPU counts
 * in its own 64 bytes at COUNTERS.  It uses no stack, so any number of vCPUs
 * may run it.  Interrupts are on, though none is expected: Bochs takes no host
 * interrupt from a guest that was entered with them off, so that the host could
 * not stop it.  Long mode, ELF64.
 */
#include "guest.h"

	.globl	_start
	.text
_start:
	mov	%edi, %eax		/* number of this vCPU */
	shl	$6, %eax
	lea	COUNTERS(%rax), %rbx
	sti
1:	incq	(%rbx)
	jmp	1b
