/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the kernel's header: what vmx/check*.c ask for.  SDM 4 "Architectural MSRs". */
#include <linux/kernel.h>

#define MSR_IA32_UCODE_WRITE		0x00000079
#define MSR_IA32_UCODE_REV		0x0000008b
#define MSR_IA32_SMM_MONITOR_CTL	0x0000009b
#define MSR_IA32_SMBASE			0x0000009e
#define MSR_IA32_SYSENTER_ESP		0x00000175
#define MSR_IA32_SYSENTER_EIP		0x00000176
#define MSR_IA32_CR_PAT			0x00000277
#define MSR_EFER			0xc0000080
#define MSR_LSTAR			0xc0000082
#define MSR_CSTAR			0xc0000083
#define MSR_SYSCALL_MASK		0xc0000084
#define MSR_FS_BASE			0xc0000100
#define MSR_GS_BASE			0xc0000101
#define MSR_KERNEL_GS_BASE		0xc0000102
#define MSR_TSC_AUX			0xc0000103

#define EFER_LME			BIT(8)
#define EFER_LMA			BIT(10)
#define DEBUGCTLMSR_BTF			BIT(1)
