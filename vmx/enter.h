/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What enter.S and the C code around it agree on.
 *
 * Included by both; vmx/run.c checks the numbers against the C definitions.
 */
#ifndef VTR_VMX_ENTER_H
#define VTR_VMX_ENTER_H

#include "../module/compat_asm.h"

/* Offsets in vtr_vcpu.gpr[], the encoding order of the instruction set. */
#define GPR_RAX	(8 * 0)
#define GPR_RCX	(8 * 1)
#define GPR_RDX	(8 * 2)
#define GPR_RBX	(8 * 3)
#define GPR_RBP	(8 * 5)
#define GPR_RSI	(8 * 6)
#define GPR_RDI	(8 * 7)
#define GPR_R8	(8 * 8)
#define GPR_R9	(8 * 9)
#define GPR_R10	(8 * 10)
#define GPR_R11	(8 * 11)
#define GPR_R12	(8 * 12)
#define GPR_R13	(8 * 13)
#define GPR_R14	(8 * 14)
#define GPR_R15	(8 * 15)

#define VMX_FIELD_HOST_RSP	0x6c14

#ifndef __ASSEMBLY__
#include <linux/types.h>

int vmx_enter(u64 *gpr, bool launched);
void vmx_host_nmi(void);
#endif

#endif /* VTR_VMX_ENTER_H */
