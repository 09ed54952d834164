/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state in which a guest begins: descriptor table, page tables, registers.
 *
 * run/machine.c calls these after load_guest(); the layout of the boot area is
 * in load/load.h.  The manual page states the entry state as a promise.
 */
#ifndef VITRINE_BOOT_H
#define VITRINE_BOOT_H

#include "libvitrine.h"
#include "load/load.h"

/* Fill the boot area for loader->mode; nothing to do in real mode. */
int boot_prepare(const struct loader *loader);

/* The same as register values for vCPU @id, on top of those of a reset in @sregs. */
void boot_state(const struct loader *loader, uint32_t id, struct vtr_sregs *sregs,
		struct vtr_regs *regs);

/* Put a vCPU at the entry point.  0 or a negative errno with a sentence. */
int boot_vcpu(const struct loader *loader, struct vtr_vcpu *vcpu);

#endif /* VITRINE_BOOT_H */
