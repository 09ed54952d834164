/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of compat.h that assembly needs: kernel differences, as macros.
 */
#ifndef VTR_COMPAT_ASM_H
#define VTR_COMPAT_ASM_H

#include <linux/version.h>

/* The host's NMI entry for those who come from a VM exit. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define VTR_HOST_NMI_ENTRY	asm_exc_nmi_kvm_vmx
#else
#define VTR_HOST_NMI_ENTRY	asm_exc_nmi_noist
#endif

#endif /* VTR_COMPAT_ASM_H */
