/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMX instructions, one inline function each, and typed access to VMCS
 * fields.
 *
 * Each instruction tells by flags how it went (SDM 3C "Conventions" (31.2)):
 * VMsucceed clears CF and ZF, VMfailInvalid sets CF, VMfailValid sets ZF and
 * leaves a number in the field "VM-instruction error".  Outside of VMX
 * operation it raises #UD: that happens legally when the machine goes down
 * under a running vCPU, so each one has an exception table entry that turns
 * the fault into a failure.
 */
#ifndef VTR_VMX_INSN_H
#define VTR_VMX_INSN_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/types.h>
#include <asm/asm.h>

#include "vmcs_fields.h"

/* Run one VMX instruction; 0, or -EIO if it fails or faults. */
#define VMX_INSN(insn, ...)							\
({										\
	__label__ failed, done;							\
	int err_ = 0;								\
										\
	asm goto("1: " insn "\n\t"						\
			  "jna %l[failed]\n\t"					\
			  _ASM_EXTABLE(1b, %l[failed])				\
			  : : __VA_ARGS__ : "cc", "memory" : failed);		\
	goto done;								\
failed:										\
	err_ = -EIO;								\
done:										\
	err_;									\
})

static __always_inline int vmxon(u64 phys)
{
	return VMX_INSN("vmxon %[m]", [m] "m"(phys));
}

static __always_inline int vmxoff(void)
{
	/* An empty input list is a syntax error in asm goto: give it one. */
	return VMX_INSN("vmxoff", "i"(0));
}

static __always_inline int vmclear(u64 phys)
{
	return VMX_INSN("vmclear %[m]", [m] "m"(phys));
}

static __always_inline int vmptrld(u64 phys)
{
	return VMX_INSN("vmptrld %[m]", [m] "m"(phys));
}

/* SDM 3C "INVEPT": kinds of invalidation. */
#define INVEPT_SINGLE	1
#define INVEPT_ALL	2

static __always_inline int invept(unsigned long kind, u64 eptp)
{
	struct { u64 eptp, zero; } descriptor = { eptp, 0 };

	return VMX_INSN("invept %[d], %[k]", [d] "m"(descriptor), [k] "r"(kind));
}

#define INVVPID_SINGLE	1

static __always_inline int invvpid(unsigned long kind, u16 vpid)
{
	struct { u64 vpid, address; } descriptor = { vpid, 0 };

	return VMX_INSN("invvpid %[d], %[k]", [d] "m"(descriptor), [k] "r"(kind));
}

/* VMREAD of any field.  Return: 0 or -EIO: no such field, or no current VMCS. */
static __always_inline int vmread_raw(u32 encoding, u64 *value)
{
	unsigned long v = 0;
	u8 failed = 1;

	asm volatile("1: vmread %[enc], %[v]\n\t"
		     "setna %[failed]\n\t"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : [v] "=rm"(v), [failed] "+q"(failed)
		     : [enc] "r"((unsigned long)encoding) : "cc");
	*value = failed ? 0 : v;
	return failed ? -EIO : 0;
}

static __always_inline int vmwrite_raw(u32 encoding, u64 value)
{
	return VMX_INSN("vmwrite %[v], %[enc]", [v] "rm"(value),
			[enc] "r"((unsigned long)encoding));
}

void vmx_vmread_failed(u32 encoding);
void vmx_vmwrite_failed(u32 encoding, u64 value);

static __always_inline u64 vmcs_read(u32 encoding)
{
	u64 value;

	if (unlikely(vmread_raw(encoding, &value)))
		vmx_vmread_failed(encoding);
	return value;
}

static __always_inline void vmcs_write(u32 encoding, u64 value)
{
	if (unlikely(vmwrite_raw(encoding, value)))
		vmx_vmwrite_failed(encoding, value);
}

/*
 * Access by width.  The width is part of the encoding, so a wrong accessor does
 * not compile: SDM 3C "VMREAD, VMWRITE, and Encodings of VMCS Fields" (25.11.2).
 */
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

#endif /* VTR_VMX_INSN_H */
