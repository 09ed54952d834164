/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The option --cpuid: features of the default that the guest shall not see.
 *
 * run/machine.c calls this between creating the VM and its vCPUs.
 */
#ifndef VITRINE_GUEST_CPUID_H
#define VITRINE_GUEST_CPUID_H

#include "cli/options.h"
#include "libvitrine.h"

/* 0 or a negative errno with a sentence; without the option nothing is set. */
int guest_cpuid_set(struct vtr_dev *dev, struct vtr_vm *vm, bool irqchip,
		    const struct opt_list *changes);

#endif /* VITRINE_GUEST_CPUID_H */
