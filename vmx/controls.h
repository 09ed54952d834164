/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Masks of the control bits and of the EPT/VPID capability bits.
 *
 * controls.def is the list behind them, caps.c decides which are used,
 * describe.c prints which are set.  Each word has its own prefix, because the
 * same name (LOAD_PAT) occurs in several words with different bits.
 */
#ifndef VTR_VMX_CONTROLS_H
#define VTR_VMX_CONTROLS_H

#include <linux/types.h>

enum vtr_vmx_control_word {
	VMX_WORD_PIN,
	VMX_WORD_PROC,
	VMX_WORD_PROC2,
	VMX_WORD_PROC3,
	VMX_WORD_EXIT,
	VMX_WORD_EXIT2,
	VMX_WORD_ENTRY,
	VMX_WORD_EPTVPID,
	VMX_NR_WORDS
};

#define VMX_MASK_PIN(name)	VMX_PIN_##name
#define VMX_MASK_PROC(name)	VMX_PROC_##name
#define VMX_MASK_PROC2(name)	VMX_PROC2_##name
#define VMX_MASK_PROC3(name)	VMX_PROC3_##name
#define VMX_MASK_EXIT(name)	VMX_EXIT_CTL_##name
#define VMX_MASK_EXIT2(name)	VMX_EXIT2_CTL_##name
#define VMX_MASK_ENTRY(name)	VMX_ENTRY_CTL_##name
#define VMX_MASK_EPTVPID(name)	VMX_EPTVPID_##name

enum vtr_vmx_control {
#define VMX_CONTROL(name, word, bit, title_name, meaning) \
	VMX_MASK_##word(name) = 1ull << (bit),
#include "controls.def"
#undef VMX_CONTROL
};

#endif /* VTR_VMX_CONTROLS_H */
