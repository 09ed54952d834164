// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMCS as an array: one value for each field of vmcs_fields.def.
 *
 * Behind fake_insn.h.  Knows the rules that the instructions check: an unknown
 * encoding or a field that this "processor" lacks fails, and values are cut to
 * the field's width.  Exit information may be written, for the tests play the
 * processor; what the code under test writes there by mistake shows in them.
 * Also holds the two variables of caps.c and run.c that the rest of vmx/ needs.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/msr-index.h>

#include "../caps.h"
#include "../describe.h"
#include "../insn.h"
#include "../vmx.h"

#define MAX_FIELDS	256

static u64 values[MAX_FIELDS];
static bool removed[MAX_FIELDS];
static unsigned int failures, writes;

struct vmx_caps vmx_caps;

const u32 vmx_switched_msr_index[VMX_NR_SWITCHED_MSRS] = {
	[VMX_MSR_STAR]		 = MSR_STAR,
	[VMX_MSR_LSTAR]		 = MSR_LSTAR,
	[VMX_MSR_CSTAR]		 = MSR_CSTAR,
	[VMX_MSR_SYSCALL_MASK]	 = MSR_SYSCALL_MASK,
	[VMX_MSR_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
	[VMX_MSR_TSC_AUX]	 = MSR_TSC_AUX,
};

/* Return: place of @encoding in the table, or -1. */
static int find(u32 encoding)
{
	const struct vmx_field_info *info = vmx_field_find(encoding);
	int i = info ? info - vmx_field_info(0) : -1;

	return i >= 0 && i < MAX_FIELDS && !removed[i] ? i : -1;
}

int fake_vmread(u32 encoding, u64 *value)
{
	int i = find(encoding);

	*value = i < 0 ? 0 : values[i];
	failures += i < 0;
	return i < 0 ? -EIO : 0;
}

int fake_vmwrite(u32 encoding, u64 value)
{
	int i = find(encoding);

	if (i < 0) {
		failures++;
		return -EIO;
	}
	values[i] = value & (~0ULL >> (64 - 8 * vmcs_field_bytes(encoding)));
	writes++;
	return 0;
}

/* All fields 0 and there, and the counters, too. */
void fake_vmcs_clear(void)
{
	memset(values, 0, sizeof(values));
	memset(removed, 0, sizeof(removed));
	memset(&vmx_caps, 0, sizeof(vmx_caps));
	failures = 0;
	writes = 0;
}

/* A processor without this field. */
void fake_vmcs_remove(u32 encoding)
{
	int i = find(encoding);

	if (i >= 0)
		removed[i] = true;
}

/* Accesses that failed. */
unsigned int fake_vmcs_failures(void)
{
	return failures;
}

/* Accesses that changed something. */
unsigned int fake_vmcs_writes(void)
{
	return writes;
}
