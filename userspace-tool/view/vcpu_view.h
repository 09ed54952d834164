/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU's registers and VMCS at one moment, and what changed between two.
 *
 * step compares before and after; vmcs prints one.  The fields are those of
 * tables.h, in its order.
 *
 * Subtle: a field that the processor does not have (ENOENT) or that is hidden
 * from this user (EPERM) has a status and no value.
 */
#ifndef VITRINE_VCPU_VIEW_H
#define VITRINE_VCPU_VIEW_H

#include <stdio.h>

#include "json.h"
#include "libvitrine.h"
#include "tables.h"

#define VIEW_MAX_FIELDS	512

struct vcpu_moment {
	struct vtr_regs regs;
	struct vtr_sregs sregs;
	unsigned int nr_fields;
	struct vtr_field fields[VIEW_MAX_FIELDS];
};

/* Read everything; 0 or a negative errno with a sentence. */
int vcpu_moment_read(struct vtr_vcpu *vcpu, uint32_t backend,
		     struct vcpu_moment *moment);

/* 5 for CPL 3, else 4. */
enum vtr_layer vcpu_guest_layer(const struct vtr_sregs *sregs);

/* "  RAX 0x0 → 0x1": one line a change; nothing if there is none. */
void vcpu_print_changes(const struct vcpu_moment *before,
			const struct vcpu_moment *after, FILE *out);
void vcpu_print_field_changes(const struct vcpu_moment *before,
			      const struct vcpu_moment *after, FILE *out);

/* The same as objects { name: [ before, after ] }. */
cJSON *vcpu_json_changes(const struct vcpu_moment *before,
			 const struct vcpu_moment *after);
cJSON *vcpu_json_field_changes(const struct vcpu_moment *before,
			       const struct vcpu_moment *after);

/* All registers. */
void vcpu_print_registers(const struct vcpu_moment *moment, FILE *out);

#endif /* VITRINE_VCPU_VIEW_H */
