/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that take the place of others in the test module vitrine_entry.ko:
 * tests/entry/Kbuild has vmx/run.c call entry_hook_enter() for vmx_enter(), and
 * vmx/backend.c the other two for vmx_hw_init() and vmx_hw_exit().
 */
#ifndef VTR_VMX_ENTRY_HOOK_H
#define VTR_VMX_ENTRY_HOOK_H

#include <linux/types.h>

int entry_hook_enter(u64 *gpr, bool launched);
int entry_hook_hw_init(void);
void entry_hook_hw_exit(void);

#endif /* VTR_VMX_ENTRY_HOOK_H */
