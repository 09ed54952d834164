// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the guest's page tables entry by entry, each through EPT.
 *
 * Read guest_walk.h first.  module/gwalk.c does the first dimension for
 * VTR_VCPU_TRANSLATE; here each step is kept for the picture.
 *
 *	paging		entries		bits of the address
 *	32-bit		PDE PTE		31:22 21:12
 *	PAE		PDPTE PDE PTE	31:30 29:21 20:12
 *	4-level		PML4E ... PTE	47:39 38:30 29:21 20:12
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest_walk.h"
#include "tool.h"

#define CR0_PG		(1ull << 31)
#define CR4_PSE		(1ull << 4)
#define CR4_PAE		(1ull << 5)
#define EFER_LMA	(1ull << 10)
#define EFER_NXE	(1ull << 11)

#define PTE_PRESENT	(1ull << 0)
#define PTE_WRITE	(1ull << 1)
#define PTE_USER	(1ull << 2)
#define PTE_ACCESSED	(1ull << 5)
#define PTE_DIRTY	(1ull << 6)
#define PTE_LARGE	(1ull << 7)
#define PTE_NX		(1ull << 63)
#define PTE_FRAME	0x000ffffffffff000ull

struct level {
	const char *name;
	unsigned int shift;	/* lowest bit of the index */
	unsigned int bits;	/* of the index */
	bool may_map;		/* bit 7 can make it the last one */
	bool has_rights;
};

struct mode {
	const char *name;
	unsigned int entry_bytes;
	unsigned int nr;
	struct level level[GUEST_MAX_STEPS];
};

static const struct mode mode_32 = {
	"32-bit paging", 4, 2, {
		{ "PDE", 22, 10, true, true },
		{ "PTE", 12, 10, false, true },
	}
};

static const struct mode mode_pae = {
	"PAE paging", 8, 3, {
		{ "PDPTE", 30, 2, false, false },
		{ "PDE", 21, 9, true, true },
		{ "PTE", 12, 9, false, true },
	}
};

static const struct mode mode_64 = {
	"4-level paging", 8, 4, {
		{ "PML4E", 39, 9, false, true },
		{ "PDPTE", 30, 9, true, true },
		{ "PDE", 21, 9, true, true },
		{ "PTE", 12, 9, false, true },
	}
};

static const struct mode *mode_of(const struct guest_paging *p)
{
	if (!(p->cr0 & CR0_PG))
		return NULL;
	if (p->efer & EFER_LMA)
		return &mode_64;
	return p->cr4 & CR4_PAE ? &mode_pae : &mode_32;
}

static uint64_t root_table(const struct mode *mode, uint64_t cr3)
{
	if (mode == &mode_pae)
		return cr3 & 0xffffffe0ull;
	return mode == &mode_32 ? cr3 & 0xfffff000ull : cr3 & PTE_FRAME;
}

static bool is_canonical(uint64_t gva)
{
	return (uint64_t)((int64_t)(gva << 16) >> 16) == gva;
}

/* Is this entry the last one: does it map a page? */
static bool maps_page(const struct mode *mode, const struct guest_paging *p,
		      unsigned int i, uint64_t entry)
{
	if (i == mode->nr - 1)
		return true;
	return mode->level[i].may_map && (entry & PTE_LARGE) &&
	       (mode != &mode_32 || (p->cr4 & CR4_PSE));
}

static void take_rights(struct guest_walk *walk, uint64_t entry)
{
	if (!(entry & PTE_WRITE))
		walk->rights &= ~VTR_WALK_WRITE;
	if ((walk->paging.efer & EFER_NXE) && (entry & PTE_NX))
		walk->rights &= ~VTR_WALK_EXEC;
}

static uint64_t page_address(const struct mode *mode, uint64_t entry,
			     uint64_t page_bytes)
{
	/* SDM 3A "32-Bit Paging": 4-MByte pages keep bits 39:32 in 20:13. */
	if (mode == &mode_32 && page_bytes > 4096)
		return (entry & 0xffc00000ull) |
		       (entry >> 13 & 0xff) << 32;
	return entry & PTE_FRAME & ~(page_bytes - 1);
}

/* Read one entry of the guest's tables; the step tells what came of it. */
static int take_step(struct ept_source *source, const struct mode *mode,
		     struct guest_walk *walk, uint64_t table)
{
	struct guest_step *step = &walk->step[walk->nr];
	const struct level *level = &mode->level[walk->nr];
	int ret;

	*step = (struct guest_step){ .name = level->name };
	step->index = walk->gva >> level->shift & ((1u << level->bits) - 1);
	step->gpa = table + step->index * mode->entry_bytes;
	walk->nr++;
	ret = source->walk(source, step->gpa, &step->ept);
	if (ret)
		return ret;
	ret = source->read(source, step->gpa, &step->entry, mode->entry_bytes);
	if (ret && ret != -EFAULT)
		return ret;
	step->has_entry = !ret;
	if (ret)
		walk->stopped = "this table lies where the VM has no memory";
	if (step->has_entry && !(step->entry & PTE_PRESENT))
		walk->stopped = "the entry is not present: a page fault for the guest";
	return 0;
}

static int walk_tables(struct ept_source *source, const struct mode *mode,
		       struct guest_walk *walk)
{
	uint64_t table = root_table(mode, walk->paging.cr3);

	for (unsigned int i = 0; i < mode->nr; i++) {
		uint64_t entry;
		int ret = take_step(source, mode, walk, table);

		if (ret || walk->stopped)
			return ret;
		entry = walk->step[i].entry;
		if (mode->level[i].has_rights)
			take_rights(walk, entry);
		if (maps_page(mode, &walk->paging, i, entry)) {
			walk->page_bytes = 1ull << mode->level[i].shift;
			walk->gpa = page_address(mode, entry, walk->page_bytes) |
				    (walk->gva & (walk->page_bytes - 1));
			return 0;
		}
		table = entry & (mode == &mode_32 ? 0xfffff000ull : PTE_FRAME);
	}
	return 0;
}

int guest_walk(struct ept_source *source, uint64_t gva, struct guest_walk *walk)
{
	const struct mode *mode;
	int ret;

	*walk = (struct guest_walk){ .gva = gva };
	walk->rights = VTR_WALK_READ | VTR_WALK_WRITE | VTR_WALK_EXEC;
	ret = source->paging(source, &walk->paging);
	if (ret)
		return ret;
	mode = mode_of(&walk->paging);
	walk->mode = mode ? mode->name : "paging off";
	if (mode != &mode_64)
		walk->gva &= 0xffffffffull;
	if (!mode)
		walk->gpa = walk->gva;
	else if (mode == &mode_64 && !is_canonical(gva))
		walk->stopped = "the address is not canonical: bits 63:47 are not all the same";
	else
		ret = walk_tables(source, mode, walk);
	if (ret || walk->stopped)
		return ret;
	return source->walk(source, walk->gpa, &walk->final);
}

unsigned int guest_walk_reads(const struct guest_walk *walk)
{
	unsigned int reads = walk->final.nr;

	for (unsigned int i = 0; i < walk->nr; i++)
		reads += walk->step[i].ept.nr + 1;
	return reads;
}

static void add(char *text, size_t room, const char *what)
{
	size_t used = strlen(text);

	snprintf(text + used, room - used, "%s%s", used ? " " : "", what);
}

void guest_entry_words(char *text, size_t room, const struct guest_walk *walk,
		       unsigned int number)
{
	const struct mode *mode = mode_of(&walk->paging);
	uint64_t entry = walk->step[number].entry;
	bool last = maps_page(mode, &walk->paging, number, entry);

	*text = 0;
	if (!(entry & PTE_PRESENT)) {
		add(text, room, "not present");
		return;
	}
	add(text, room, "present");
	if (mode->level[number].has_rights) {
		add(text, room, entry & PTE_WRITE ? "writable" : "read-only");
		add(text, room, entry & PTE_USER ? "user" : "supervisor");
		if ((walk->paging.efer & EFER_NXE) && (entry & PTE_NX))
			add(text, room, "no-execute");
		if (entry & PTE_ACCESSED)
			add(text, room, "accessed");
		if (last && (entry & PTE_DIRTY))
			add(text, room, "dirty");
	}
}
