// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at a VMCS: all fields at once, or one by its encoding.
 *
 * Which fields a processor has is found by trying: VMREAD of one that does not
 * exist fails with VM-instruction error 12.  Called through the back end's
 * table by module/vcpu.c (snapshots for debugfs) and module/ioctl.c.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "describe.h"
#include "insn.h"
#include "vmx.h"

void vmx_snapshot(struct vtr_vcpu *vcpu, struct vtr_snapshot *snap)
{
	const struct vmx_field_info *info;

	vmx_get_regs(vcpu, &snap->regs);
	vmx_get_sregs(vcpu, &snap->sregs);
	snap->sregs.cr2 = vcpu->cr2;
	snap->sregs.cr8 = vcpu->cr8;
	snap->last_hw_reason = vcpu->exit.hw_reason;
	snap->nr_fields = 0;
	for (unsigned int i = 0; (info = vmx_field_info(i)); i++) {
		struct vtr_field *f = &snap->fields[snap->nr_fields];

		if (WARN_ON_ONCE(snap->nr_fields == VTR_SNAPSHOT_FIELDS))
			return;
		f->encoding = info->encoding;
		if (!vmread_raw(info->encoding, &f->value))
			snap->nr_fields++;
	}
}

/*
 * The encoding is a program's: what cannot be one never gets to the processor,
 * and the high half of a 64-bit field is made here.  64-bit code needs no access
 * to halves, and the emulator stops at one.
 * Return: 0 or -ENOENT: the processor has no such field.
 */
int vmx_read_field(struct vtr_vcpu *vcpu, u32 encoding, u64 *value)
{
	bool high = encoding & VMCS_ENCODING_HIGH;

	*value = 0;
	if (encoding & VMCS_ENCODING_RESERVED ||
	    (high && VMCS_WIDTH(encoding) != VMCS_WIDTH_64))
		return -ENOENT;
	if (vmread_raw(encoding & ~VMCS_ENCODING_HIGH, value))
		return -ENOENT;
	if (high)
		*value >>= 32;
	return 0;
}

/*
 * Host state, and controls that hold a physical address: type 3 of the
 * encoding, or type 0 with 64 bits unless it is the TSC's.
 */
bool vmx_is_host_field(u32 encoding)
{
	if (VMCS_TYPE(encoding) == VMCS_TYPE_HOST)
		return true;
	return VMCS_TYPE(encoding) == VMCS_TYPE_CONTROL &&
	       VMCS_WIDTH(encoding) == VMCS_WIDTH_64 &&
	       (encoding & ~VMCS_ENCODING_HIGH) != VMCS_TSC_OFFSET &&
	       (encoding & ~VMCS_ENCODING_HIGH) != VMCS_TSC_MULTIPLIER;
}

/* Return: false for an encoding that the table does not have. */
bool vmx_describe_raw(const struct vtr_field *field, u32 hw_reason, const char **group,
		      const char **name, char *meaning, size_t room)
{
	const struct vmx_field_info *info = vmx_field_find(field->encoding);

	if (!info)
		return false;
	*group = vmx_group_name(info->group);
	*name = info->name;
	vmx_describe_field(meaning, room, field->encoding, field->value, hw_reason);
	return true;
}
