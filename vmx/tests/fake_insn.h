/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for vmx/insn.h in the unit tests: VMREAD and VMWRITE work on an
 * array.
 *
 * In the copy of the sources that tests/kunit/run builds, vmx/insn.h includes
 * this file and nothing else, so that the files that only read and write fields (exit.c, inject.c,
 * state.c, snapshot.c) run anywhere.  The array and its rules are in
 * fake_vmcs.c; the accessors check widths when compiled, as the real ones do.
 */
#ifndef VTR_VMX_FAKE_INSN_H
#define VTR_VMX_FAKE_INSN_H

#include <linux/build_bug.h>
#include <linux/types.h>

#include "../vmcs_fields.h"

int fake_vmread(u32 encoding, u64 *value);
int fake_vmwrite(u32 encoding, u64 value);
void fake_vmcs_clear(void);
void fake_vmcs_remove(u32 encoding);
unsigned int fake_vmcs_failures(void);
unsigned int fake_vmcs_writes(void);

/* Return: 0 or -EIO, as the instructions. */
static inline int vmread_raw(u32 encoding, u64 *value)
{
	return fake_vmread(encoding, value);
}

static inline int vmwrite_raw(u32 encoding, u64 value)
{
	return fake_vmwrite(encoding, value);
}

static inline u64 vmcs_read(u32 encoding)
{
	u64 value;

	fake_vmread(encoding, &value);
	return value;
}

static inline void vmcs_write(u32 encoding, u64 value)
{
	fake_vmwrite(encoding, value);
}

#define VMCS_CHECK_WIDTH(encoding, width)					\
	BUILD_BUG_ON_MSG(!__builtin_constant_p(encoding) ||			\
			 VMCS_WIDTH(encoding) != (width),			\
			 "VMCS accessor and field differ in width")

#define vmcs_read16(e)	({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_16); (u16)vmcs_read(e); })
#define vmcs_read32(e)	({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_32); (u32)vmcs_read(e); })
#define vmcs_read64(e)	({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_64); vmcs_read(e); })
#define vmcs_readl(e)	({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_NATURAL); vmcs_read(e); })
#define vmcs_write16(e, v) ({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_16); vmcs_write(e, (u16)(v)); })
#define vmcs_write32(e, v) ({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_32); vmcs_write(e, (u32)(v)); })
#define vmcs_write64(e, v) ({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_64); vmcs_write(e, v); })
#define vmcs_writel(e, v) ({ VMCS_CHECK_WIDTH(e, VMCS_WIDTH_NATURAL); vmcs_write(e, v); })

#endif /* VTR_VMX_FAKE_INSN_H */
