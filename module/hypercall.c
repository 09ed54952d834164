// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls: the guest asks its hypervisor on purpose (VMCALL, later VMMCALL).
 *
 * Number in RAX, arguments in RBX, RCX, RDX, RSI, answer in RAX; outside of
 * long mode the lower halves.  Low numbers are answered here without leaving
 * the kernel; from VTR_HC_USER_FIRST on the program answers.  Any privilege
 * level may call: nothing here is worth protecting from a guest application.
 * Called by module/handle.c.
 */
#include "vtr.h"

/* Return: true if @nr was answered, false: up to the user side. */
bool vtr_hypercall(struct vtr_vcpu *vcpu, u64 nr)
{
	if (nr >= VTR_HC_USER_FIRST)
		return false;
	switch (nr) {
	case VTR_HC_NOP:
		vcpu->gpr[VTR_RAX] = 0;
		break;
	case VTR_HC_API_VERSION:
		vcpu->gpr[VTR_RAX] = VTR_API_VERSION;
		break;
	case VTR_HC_VCPU_ID:
		vcpu->gpr[VTR_RAX] = vcpu->id;
		break;
	default:
		vcpu->gpr[VTR_RAX] = VTR_HC_UNKNOWN;
	}
	return true;
}
