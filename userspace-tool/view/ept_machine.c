// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second-level tables of a machine that this program made, by VTR_VM_WALK.
 *
 * Used by cli/cmd_ept.c for a GUEST.  Read ept_source.h first.
 *
 * Subtle: there is no call for all leaves, so ranges() asks address by address
 * inside of the slots; the depth of a walk that ends early tells how far to go.
 */
#include <errno.h>
#include <stdlib.h>

#include "ept_source.h"

/* Two neighbours are one range if nothing but the addresses differs. */
static bool continues(const struct ept_range *last, const struct ept_range *next)
{
	return last->end == next->start &&
	       last->leaf_bytes == next->leaf_bytes &&
	       last->rights == next->rights && last->slot == next->slot &&
	       !next->pieces;
}

int ept_ranges_add(struct ept_ranges *ranges, const struct ept_range *range)
{
	struct ept_range *last = ranges->nr ? &ranges->range[ranges->nr - 1] :
					      NULL;
	struct ept_range *grown;

	if (last && continues(last, range)) {
		last->end = range->end;
		return 0;
	}
	grown = realloc(ranges->range, (ranges->nr + 1) * sizeof(*grown));
	if (!grown)
		return vtr_error(ENOMEM, "no memory for the list of ranges");
	ranges->range = grown;
	grown[ranges->nr++] = *range;
	return 0;
}

static int machine_walk(struct ept_source *source, uint64_t gpa,
			struct ept_walk *walk)
{
	struct vtr_walk w;
	int ret = vtr_vm_walk(source->machine->vm, gpa, &w);

	if (ret)
		return ret;
	*walk = (struct ept_walk){
		.gpa = gpa,
		.nr = w.nr_levels,
		.leaf_bytes = w.leaf_bytes,
		.rights = w.rights,
		.slot = w.slot == ~0u ? EPT_NO_SLOT : (int)w.slot,
		.hva = w.hva,
	};
	for (unsigned int i = 0; i < w.nr_levels && i < EPT_MAX_LEVELS; i++) {
		walk->level[i] = w.level[i];
		walk->entry[i] = w.entry[i];
	}
	return 0;
}

/* Bytes that the last entry of a walk stands for. */
static uint64_t covered(const struct ept_walk *walk)
{
	unsigned int level = walk->nr ? walk->level[walk->nr - 1] : 1;

	return 1ull << (12 + 9 * (level - 1));
}

static int add_region(struct ept_source *source,
		      const struct guest_region *region,
		      struct ept_ranges *ranges)
{
	uint64_t gpa = region->gpa, end = region->gpa + region->bytes;
	struct ept_walk walk;
	int ret = 0;

	while (gpa < end && !ret) {
		uint64_t step;

		ret = machine_walk(source, gpa, &walk);
		if (ret)
			break;
		step = align_down(gpa, covered(&walk)) + covered(&walk) - gpa;
		if (walk.leaf_bytes)
			ret = ept_ranges_add(ranges, &(struct ept_range){
				.start = gpa, .end = gpa + step,
				.leaf_bytes = walk.leaf_bytes,
				.rights = walk.rights, .slot = walk.slot,
				.hva = walk.hva });
		gpa += step;
	}
	return ret;
}

static int machine_ranges(struct ept_source *source, struct ept_ranges *ranges)
{
	const struct guest_mem *mem = &source->machine->mem;
	int ret = 0;

	*ranges = (struct ept_ranges){ 0 };
	for (unsigned int i = 0; i < mem->nr_regions && !ret; i++)
		ret = add_region(source, &mem->region[i], ranges);
	if (ret) {
		free(ranges->range);
		ranges->range = NULL;
	}
	return ret;
}

static int machine_read(struct ept_source *source, uint64_t gpa, void *to,
			uint32_t bytes)
{
	const struct guest_mem *mem = &source->machine->mem;

	if (!guest_mem_has(mem, gpa, bytes))
		return -EFAULT;
	return guest_mem_read(mem, gpa, to, bytes);
}

static int machine_paging(struct ept_source *source,
			  struct guest_paging *paging)
{
	struct vtr_sregs sregs;
	int ret = vtr_get_sregs(source->machine->cpus[source->vcpu].vcpu,
				&sregs);

	if (ret)
		return ret;
	*paging = (struct guest_paging){ sregs.cr0, sregs.cr3, sregs.cr4,
					 sregs.efer };
	return 0;
}

void ept_source_machine(struct ept_source *source, struct machine *machine)
{
	*source = (struct ept_source){
		.walk = machine_walk,
		.ranges = machine_ranges,
		.read = machine_read,
		.paging = machine_paging,
		.machine = machine,
	};
}
