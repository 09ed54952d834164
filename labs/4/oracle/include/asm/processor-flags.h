/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the kernel's header: see msr-index.h.  SDM 3A "Control Registers". */
#include <linux/kernel.h>

#define X86_CR0_PE		BIT(0)
#define X86_CR0_WP		BIT(16)
#define X86_CR0_PG		BIT(31)
#define X86_CR4_PAE		BIT(5)
#define X86_CR4_PCIDE		BIT(17)
#define X86_CR4_CET		BIT(23)
#define X86_EFLAGS_FIXED	BIT(1)
#define X86_EFLAGS_TF		BIT(8)
#define X86_EFLAGS_IF		BIT(9)
#define X86_EFLAGS_VM		BIT(17)
