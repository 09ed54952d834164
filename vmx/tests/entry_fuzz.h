/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random states for VM entry, and what is known of processors that judge them
 * differently from the manual.
 *
 * Used by vmx/tests/entry_hook.c; entry_fuzz.c says which states are safe.
 */
#ifndef VTR_VMX_ENTRY_FUZZ_H
#define VTR_VMX_ENTRY_FUZZ_H

#include "../check.h"

/*
 * Change @s, a state that can be entered, by @seed: the mode, then one to three
 * changes.  @page: memory that the processor may read and write, at @phys.
 */
void vmx_fuzz_state(struct vmx_entry_state *s, u64 seed, void *page, u64 phys);

/*
 * Why may a processor have judged differently?  @got: 0: entered, else the
 * VM-instruction error or the exit reason.  Return: name of a known deviation
 * (docs/vm-entry.md) that explains it; NULL: none does, or there is nothing to
 * explain.
 */
const char *vmx_fuzz_deviation(const struct vmx_entry_state *s, const struct vmx_verdict *v,
			       u32 got);

#endif /* VTR_VMX_ENTRY_FUZZ_H */
