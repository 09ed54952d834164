/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the kernel's header: see msr-index.h.  SDM 3A "Exception and Interrupt Reference". */
#define X86_TRAP_DB	1
#define X86_TRAP_NMI	2
#define X86_TRAP_DF	8
#define X86_TRAP_TS	10
#define X86_TRAP_NP	11
#define X86_TRAP_SS	12
#define X86_TRAP_GP	13
#define X86_TRAP_PF	14
#define X86_TRAP_AC	17
#define X86_TRAP_MC	18
