/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two-dimensional walk: a guest virtual address through the guest's page
 * tables, and each address that this takes through the second-level tables.
 *
 * guest_walk() collects, ept_view.c prints.  Read ept_source.h first.  Source:
 * SDM 3A "Paging" (chapter 4) and SDM 3C "EPT and Guest-Physical Addresses".
 *
 * Subtle: only looks.  No accessed bit is set and nothing is mapped, so a table
 * that EPT does not map yet is shown as it is, where the processor would exit.
 */
#ifndef VITRINE_GUEST_WALK_H
#define VITRINE_GUEST_WALK_H

#include "ept_source.h"

#define GUEST_MAX_STEPS	4

/**
 * struct guest_step - one entry of the guest's tables
 * @name: as in the manual, "PML4E"
 * @index: number in its table
 * @gpa: where it lies
 * @ept: the walk that finds @gpa in the host's memory
 * @has_entry: there is guest memory to read it from
 * @entry: its value
 */
struct guest_step {
	const char *name;
	unsigned int index;
	uint64_t gpa;
	struct ept_walk ept;
	bool has_entry;
	uint64_t entry;
};

/**
 * struct guest_walk - all of it
 * @gva: the address asked for
 * @paging: the vCPU's control registers
 * @mode: "4-level paging"
 * @nr: guest entries read
 * @step: these, the root's first
 * @stopped: why there is no guest physical address, or NULL
 * @gpa: the guest physical address
 * @page_bytes: size of the guest's page; 0: paging is off
 * @rights: VTR_WALK_* that the guest's tables give
 * @final: the walk of @gpa
 */
struct guest_walk {
	uint64_t gva;
	struct guest_paging paging;
	const char *mode;
	unsigned int nr;
	struct guest_step step[GUEST_MAX_STEPS];
	const char *stopped;
	uint64_t gpa;
	uint64_t page_bytes;
	uint32_t rights;
	struct ept_walk final;
};

/* 0, also if @gva is not mapped; a negative errno with a sentence. */
int guest_walk(struct ept_source *source, uint64_t gva,
	       struct guest_walk *walk);

/* Entries that the processor reads for this walk with nothing cached. */
unsigned int guest_walk_reads(const struct guest_walk *walk);

/* Words for a guest entry: "present rw user accessed → table at 0x3000". */
void guest_entry_words(char *text, size_t room, const struct guest_walk *walk,
		       unsigned int step);

#endif /* VITRINE_GUEST_WALK_H */
