/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers of the basic exit reasons and the flags beside them.
 *
 * Used by the exit dispatch and by describe.c; exit_reasons.def is the list
 * behind it and says what each one means.  Subtle: the field VM_EXIT_REASON is
 * more than the basic reason, so compare VMX_EXIT_BASIC(reason) only.
 */
#ifndef VTR_VMX_EXIT_REASONS_H
#define VTR_VMX_EXIT_REASONS_H

#include <linux/bits.h>
#include <linux/types.h>

enum vtr_vmx_exit_reason {
#define VMX_EXIT(name, number, hw_kind, title_name, meaning, title) \
	VMX_EXIT_##name = number,
#include "exit_reasons.def"
#undef VMX_EXIT
	VMX_EXIT_NUMBERS	/* one more than the highest number */
};

/* SDM 3C "Basic VM-Exit Information" (25.9.1): the field VM_EXIT_REASON. */
#define VMX_EXIT_BASIC(reason)	((u32)(reason) & 0xffff)
#define VMX_EXIT_SSTK_BUSY	BIT(25) /* shadow stack left prematurely busy */
#define VMX_EXIT_BUS_LOCK_FLAG	BIT(26) /* a bus lock came on top */
#define VMX_EXIT_ENCLAVE	BIT(27) /* the guest was in an enclave */
#define VMX_EXIT_PENDING_MTF	BIT(28) /* a monitor trap is pending */
#define VMX_EXIT_FROM_ROOT	BIT(29) /* left root mode (SMM monitors) */
#define VMX_EXIT_ENTRY_FAILED	BIT(31) /* the entry failed, nothing ran */

#endif /* VTR_VMX_EXIT_REASONS_H */
