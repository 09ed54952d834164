/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMX in words: names, meanings and decoded values.
 *
 * Used by vmx/backend.c for dumps, traces and messages.  Everything here is
 * pure: no privileged instruction, no state, any context.  describe.c looks
 * things up in the tables (*.def), decode.c reads the bits of values.
 */
#ifndef VTR_VMX_DESCRIBE_H
#define VTR_VMX_DESCRIBE_H

#include <linux/types.h>

#include "controls.h"
#include "exit_reasons.h"
#include "vmcs_fields.h"

struct vmx_field_info {
	const char *name;	/* without VMCS_ */
	u32 encoding;
	enum vtr_vmcs_group group;
	enum vtr_vmcs_access access;
	const char *meaning;
	const char *title;	/* section of the manual */
};

/* describe.c */
const struct vmx_field_info *vmx_field_info(unsigned int index);
const struct vmx_field_info *vmx_field_find(u32 encoding);
const char *vmx_group_name(enum vtr_vmcs_group group);
const char *vmx_exit_name(u32 reason);
const char *vmx_exit_title(u32 reason);
const char *vmx_exit_meaning(u32 reason);
u32 vmx_exit_kind(u32 reason);
const char *vmx_insn_error_name(u32 number);
const char *vmx_insn_error_sentence(u32 number);
const char *vmx_control_name(enum vtr_vmx_control_word word, unsigned int bit);

/* decode.c */
int vmx_describe_field(char *buf, size_t room, u32 encoding, u64 value, u32 reason);
int vmx_describe_qualification(char *buf, size_t room, u32 reason, u64 qualification);

#endif /* VTR_VMX_DESCRIBE_H */
