/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of the VMCS fields, and what their encodings say about themselves.
 *
 * Used by everything that reads or writes a field.  vmcs_fields.def is the
 * list behind it; describe.h gives the words.  An encoding is not an arbitrary
 * number: type and width are fields of it, so an accessor of the wrong width
 * is found by the compiler and a raw number from outside can be checked.
 */
#ifndef VTR_VMX_VMCS_FIELDS_H
#define VTR_VMX_VMCS_FIELDS_H

#include <linux/types.h>

enum vtr_vmcs_field {
#define VMCS_FIELD(name, encoding, group, access, meaning, title) \
	VMCS_##name = encoding,
#include "vmcs_fields.def"
#undef VMCS_FIELD
};

enum vtr_vmcs_group {
	VMCS_GROUP_guest_registers,
	VMCS_GROUP_guest_segments,
	VMCS_GROUP_guest_tables,
	VMCS_GROUP_guest_state,
	VMCS_GROUP_host_state,
	VMCS_GROUP_controls_exec,
	VMCS_GROUP_controls_exit,
	VMCS_GROUP_controls_entry,
	VMCS_GROUP_exit_info,
	VMCS_NR_GROUPS
};

enum vtr_vmcs_access {
	VMCS_ACCESS_ro,
	VMCS_ACCESS_rw,
};

/*
 * SDM 3C "VMREAD, VMWRITE, and Encodings of VMCS Fields" (25.11.2):
 *
 *   31            15 14   13  12  11  10   9             1   0
 *  +----------------+-------+----+-------+----------------+------+
 *  |  reserved, 0   | width | 0  | type  |     index      | high |
 *  +----------------+-------+----+-------+----------------+------+
 */
enum vtr_vmcs_width {
	VMCS_WIDTH_16	   = 0,
	VMCS_WIDTH_64	   = 1,
	VMCS_WIDTH_32	   = 2,
	VMCS_WIDTH_NATURAL = 3,
};

enum vtr_vmcs_type {
	VMCS_TYPE_CONTROL   = 0,
	VMCS_TYPE_EXIT_INFO = 1,
	VMCS_TYPE_GUEST	    = 2,
	VMCS_TYPE_HOST	    = 3,
};

#define VMCS_ENCODING_HIGH	0x00000001u
#define VMCS_ENCODING_RESERVED	0xffff9000u

/* Macros, not functions: the width checks of accessors need constants. */
#define VMCS_WIDTH(encoding)	(((u32)(encoding) >> 13) & 3)
#define VMCS_TYPE(encoding)	(((u32)(encoding) >> 10) & 3)
#define VMCS_INDEX(encoding)	(((u32)(encoding) >> 1) & 0x1ff)

/* Bytes that a field holds on a 64-bit processor. */
static inline unsigned int vmcs_field_bytes(u32 encoding)
{
	switch (VMCS_WIDTH(encoding)) {
	case VMCS_WIDTH_16:
		return 2;
	case VMCS_WIDTH_32:
		return 4;
	default:
		return 8;
	}
}

/* Could @encoding name a field at all?  Says nothing about this processor. */
static inline bool vmcs_encoding_is_sane(u32 encoding)
{
	if (encoding & VMCS_ENCODING_RESERVED)
		return false;
	return !(encoding & VMCS_ENCODING_HIGH) ||
	       VMCS_WIDTH(encoding) == VMCS_WIDTH_64;
}

#endif /* VTR_VMX_VMCS_FIELDS_H */
