/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's own <asm/vmx.h>, for comparing numbers with it.
 *
 * Only unit tests include this; the module uses its own tables.  In User Mode
 * Linux the ptrace headers define HOST_FS_BASE and HOST_GS_BASE as macros,
 * which are names of VMCS fields in <asm/vmx.h>: drop the macros first.
 */
#ifndef VTR_TESTS_KERNEL_VMX_H
#define VTR_TESTS_KERNEL_VMX_H

#include <linux/bitops.h>
#include <linux/ptrace.h>
#include <linux/types.h>

#undef HOST_FS_BASE
#undef HOST_GS_BASE

#include <asm/vmx.h>

#endif /* VTR_TESTS_KERNEL_VMX_H */
