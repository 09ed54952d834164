/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where `vitrine ept` takes its facts from: a running VM or one of its own.
 *
 * Two sources behind one small table of functions: ept_debugfs.c looks at a VM
 * of any process (for root), ept_machine.c at a machine that this program made.
 * The views (ept_view.c, guest_walk.c) do not know which one they print.
 *
 * Subtle: the module hides the host's frame numbers from a program, so entries
 * of ept_machine.c have none (@has_frames is false) and HPAs are not known.
 */
#ifndef VITRINE_EPT_SOURCE_H
#define VITRINE_EPT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "run/machine.h"

#define EPT_MAX_LEVELS	6
#define EPT_NO_SLOT	(-1)

/**
 * struct ept_walk - what the second-level tables say about one address
 * @gpa: guest physical address
 * @nr: entries read, root first
 * @level: level of each, 4 for the root table
 * @entry: each as it is
 * @has_frames: the entries contain the host's frame numbers
 * @leaf_bytes: what the leaf maps; 0: @gpa is not mapped
 * @rights: VTR_WALK_* of the whole walk
 * @slot: memory slot behind @gpa, or EPT_NO_SLOT
 * @hva: address in the VM's process behind @gpa, if there is a slot
 * @hpa: host physical address, if mapped and @has_frames
 */
struct ept_walk {
	uint64_t gpa;
	unsigned int nr;
	unsigned int level[EPT_MAX_LEVELS];
	uint64_t entry[EPT_MAX_LEVELS];
	bool has_frames;
	uint64_t leaf_bytes;
	uint32_t rights;
	int slot;
	uint64_t hva;
	uint64_t hpa;
};

/**
 * struct ept_range - neighbouring leaves of one size, right and slot
 * @start: first guest physical address
 * @end: address behind the last one
 * @leaf_bytes: size of each leaf
 * @rights: VTR_WALK_*
 * @slot: memory slot, or EPT_NO_SLOT
 * @hva: address in the VM's process behind @start
 * @hpa: host physical address behind @start, if @pieces is not 0
 * @pieces: contiguous pieces of host memory; 0: not known
 */
struct ept_range {
	uint64_t start;
	uint64_t end;
	uint64_t leaf_bytes;
	uint32_t rights;
	int slot;
	uint64_t hva;
	uint64_t hpa;
	uint64_t pieces;
};

struct ept_ranges {
	struct ept_range *range;
	unsigned int nr;
	bool cut;		/* the module did not show all */
};

/* What decides how the guest's own page tables are read. */
struct guest_paging {
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
};

/**
 * struct ept_source - one VM to look at
 * @walk: the entries for @gpa
 * @ranges: all leaves; free() ranges->range
 * @read: guest memory; -EFAULT without a sentence if there is none
 * @paging: the vCPU's paging mode
 * @machine: ept_machine.c's
 * @top, @id, @vcpu, @pid: ept_debugfs.c's
 *
 * Each returns 0 or a negative errno with a sentence.
 */
struct ept_source {
	int (*walk)(struct ept_source *source, uint64_t gpa,
		    struct ept_walk *walk);
	int (*ranges)(struct ept_source *source, struct ept_ranges *ranges);
	int (*read)(struct ept_source *source, uint64_t gpa, void *to,
		    uint32_t bytes);
	int (*paging)(struct ept_source *source, struct guest_paging *paging);
	struct machine *machine;
	const char *top;
	unsigned int id;
	unsigned int vcpu;
	const char *pid;
};

void ept_source_machine(struct ept_source *source, struct machine *machine);

/* @pid: of the VM's process, as debugfs tells it. */
void ept_source_debugfs(struct ept_source *source, const char *top,
			unsigned int id, const char *pid, unsigned int vcpu);

/* Append to the list, or make its last range longer; -ENOMEM. */
int ept_ranges_add(struct ept_ranges *ranges, const struct ept_range *range);

#endif /* VITRINE_EPT_SOURCE_H */
