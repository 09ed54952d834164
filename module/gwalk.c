// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walking the guest's own page tables: guest virtual to guest physical.
 *
 * Software does here what the processor does for the guest, for those who look
 * (VTR_VCPU_TRANSLATE, the step view) and for accesses that the module makes
 * in the guest's name (module/access.c).  The walk is pure: it reads
 * entries through a callback, sets no accessed bits and checks no privileges,
 * but reports the rights that the tables give.
 * Source: SDM 3A "Paging" (chapter 4): 32-bit (4.3), PAE (4.4), 4-level (4.5).
 */
#include <linux/errno.h>
#include <linux/sizes.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "vtr.h"

#define PTE_PRESENT	BIT_ULL(0)
#define PTE_WRITE	BIT_ULL(1)
#define PTE_LARGE	BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_FRAME	GENMASK_ULL(51, 12)

static void all_rights(u32 *rights)
{
	*rights = VTR_WALK_READ | VTR_WALK_WRITE | VTR_WALK_EXEC;
}

/* Read an entry of a table; a table that cannot be read is noted. */
static int read_entry(const struct vtr_gwalk *w, u64 at, void *entry, size_t bytes)
{
	int err = w->read(w->ctx, at, entry, bytes);

	if (err && w->trail) {
		w->trail->lost_at = at;
		w->trail->error = err;
	}
	return err;
}

/* Whoever wants to know sees each present entry, from the top downwards. */
static void note_entry(const struct vtr_gwalk *w, u64 at, u64 entry, unsigned int level, bool leaf)
{
	struct vtr_gwalk_trail *trail = w->trail;

	if (trail)
		trail->entry[trail->nr++] = (struct vtr_gwalk_entry) {
			.at = at, .value = entry, .level = level, .leaf = leaf,
		};
}

static void restrict_rights(u32 *rights, u64 entry, bool nx_enabled)
{
	if (!(entry & PTE_WRITE))
		*rights &= ~VTR_WALK_WRITE;
	if (nx_enabled && (entry & PTE_NX))
		*rights &= ~VTR_WALK_EXEC;
}

/* Two levels of 4-byte entries; 4 MiB pages hold address bits 39:32 in 20:13. */
static int walk_32(const struct vtr_gwalk *w, u32 gva, u64 *gpa, u64 *page_bytes, u32 *rights)
{
	u64 at = (w->cr3 & GENMASK_ULL(31, 12)) + (gva >> 22) * 4;
	u32 entry;

	if (read_entry(w, at, &entry, 4) || !(entry & PTE_PRESENT))
		return -EFAULT;
	restrict_rights(rights, entry, false);
	note_entry(w, at, entry, 2, (entry & PTE_LARGE) && (w->cr4 & X86_CR4_PSE));
	if ((entry & PTE_LARGE) && (w->cr4 & X86_CR4_PSE)) {
		*page_bytes = SZ_4M;
		*gpa = (entry & GENMASK_ULL(31, 22)) | ((u64)entry >> 13 & 0xff) << 32 |
		       (gva & (SZ_4M - 1));
		return 0;
	}
	at = (entry & GENMASK_ULL(31, 12)) + (gva >> 12 & 0x3ff) * 4;
	if (read_entry(w, at, &entry, 4) || !(entry & PTE_PRESENT))
		return -EFAULT;
	restrict_rights(rights, entry, false);
	note_entry(w, at, entry, 1, true);
	*page_bytes = SZ_4K;
	*gpa = (entry & GENMASK_ULL(31, 12)) | (gva & (SZ_4K - 1));
	return 0;
}

/*
 * @levels of 8-byte entries; PAE's top level has four entries and neither
 * rights nor large pages.
 */
static int walk_64(const struct vtr_gwalk *w, u64 gva, unsigned int levels,
		   u64 *gpa, u64 *page_bytes, u32 *rights)
{
	bool nx = w->efer & EFER_NX, pae = levels == 3;
	u64 table = pae ? w->cr3 & GENMASK_ULL(31, 5) : w->cr3 & PTE_FRAME;

	for (unsigned int level = levels; level; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		u64 index = gva >> shift & (pae && level == 3 ? 3 : 0x1ff);
		u64 bytes = 1ULL << shift, entry;
		bool leaf;

		if (read_entry(w, table + index * 8, &entry, 8) || !(entry & PTE_PRESENT))
			return -EFAULT;
		if (!(pae && level == 3))
			restrict_rights(rights, entry, nx);
		leaf = level == 1 ||
		       (!(pae && level == 3) && level <= 3 && (entry & PTE_LARGE));
		note_entry(w, table + index * 8, entry, level, leaf);
		if (leaf) {
			*page_bytes = bytes;
			*gpa = (entry & PTE_FRAME & ~(bytes - 1)) | (gva & (bytes - 1));
			return 0;
		}
		table = entry & PTE_FRAME;
	}
	return -EFAULT;
}

/**
 * vtr_gwalk() - translate a guest virtual address
 * @w: the vCPU's mode and a way to read guest memory
 * @gva: the address
 * @gpa: filled
 * @page_bytes: filled; 0: paging is off
 * @rights: filled with VTR_WALK_*
 *
 * Return: 0; -EFAULT: not mapped, or a table lies where there is no memory, or
 * @gva is not canonical.
 */
int vtr_gwalk(const struct vtr_gwalk *w, u64 gva, u64 *gpa, u64 *page_bytes, u32 *rights)
{
	all_rights(rights);
	if (!(w->cr0 & X86_CR0_PG)) {
		*gpa = gva & 0xffffffffULL;
		*page_bytes = 0;
		return 0;
	}
	if (w->efer & EFER_LMA) {
		/* Bits 63:47 of a canonical address are all the same. */
		if ((s64)(gva << 16) >> 16 != (s64)gva)
			return -EFAULT;
		return walk_64(w, gva, 4, gpa, page_bytes, rights);
	}
	gva &= 0xffffffffULL;
	if (w->cr4 & X86_CR4_PAE)
		return walk_64(w, gva, 3, gpa, page_bytes, rights);
	return walk_32(w, gva, gpa, page_bytes, rights);
}

static int read_guest(void *ctx, u64 gpa, void *data, size_t bytes)
{
	return vtr_mem_read(ctx, gpa, data, bytes);
}

/**
 * vtr_vcpu_translate() - VTR_VCPU_TRANSLATE
 * @vcpu: the vCPU, its mutex held, loaded
 * @args: checked for size and padding by the caller
 *
 * Context: thread of the VM's creator process; sleeps.
 * Return: 0 or -EFAULT.
 */
int vtr_vcpu_translate(struct vtr_vcpu *vcpu, struct vtr_translate *args)
{
	struct vtr_gwalk w = { .read = read_guest, .ctx = vcpu->vm };
	struct vtr_sregs s;

	preempt_disable();
	vtr_backend->get_sregs(vcpu, &s);
	preempt_enable();
	w.cr0 = s.cr0;
	w.cr3 = s.cr3;
	w.cr4 = s.cr4;
	w.efer = s.efer;
	return vtr_gwalk(&w, args->gva, &args->gpa, &args->page_bytes, &args->rights);
}
