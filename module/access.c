// SPDX-License-Identifier: GPL-2.0-only
/*
 * From an operand of a guest's instruction to guest physical memory, with the
 * checks and faults of the processor on the way.
 *
 *	segment and offset --(1)--> linear address --(2)--> pieces in pages
 *	(1) limit and type, or in 64-bit code canonical:	#GP(0), #SS(0)
 *	(2) the guest's page tables, rights, reserved bits:	#PF
 *	(3) alignment, if the guest wants it checked:		#AC(0)
 *
 * A fault is queued, and the caller lets the guest take it.  Accessed and dirty
 * bits are set as the processor sets them.
 * Called by module/mmio.c and module/string_io.c.  Read next: gwalk.c (the walk
 * itself), mmio.c.
 * Sources: SDM 3A "Limit Checking" (5.3), "Type Checking" (5.5), "Access Rights"
 * (4.6), "Page-Fault Exceptions" (4.7), "Accessed and Dirty Flags" (4.8).
 */
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "access.h"

/* Attributes in the neutral segment format. */
#define SEG_WRITE_OR_READ	BIT(1)	/* data: writable; code: readable */
#define SEG_EXPAND_DOWN		BIT(2)	/* data */
#define SEG_CODE		BIT(3)
#define SEG_DPL(attributes)	((attributes) >> 5 & 3)
#define SEG_L			BIT(9)
#define SEG_D			BIT(10)

static unsigned int code_bits(const struct vtr_sregs *s)
{
	u16 cs = s->seg[VTR_CS].attributes;

	if ((s->efer & EFER_LMA) && (cs & SEG_L))
		return 64;
	return cs & SEG_D ? 32 : 16;
}

/* Fill @view.  Context: vCPU mutex held, loaded. */
void vtr_guest_look(struct vtr_vcpu *vcpu, struct vtr_guest_view *view)
{
	bool protected;

	preempt_disable();
	vtr_backend->get_regs(vcpu, &view->regs);
	vtr_backend->get_sregs(vcpu, &view->sregs);
	preempt_enable();
	protected = view->sregs.cr0 & X86_CR0_PE;
	view->bits = code_bits(&view->sregs);
	view->cpl = protected ? SEG_DPL(view->sregs.seg[VTR_SS].attributes) : 0;
	view->checked = protected && !(view->regs.rflags & X86_EFLAGS_VM);
}

/* ---- (1) segments ----------------------------------------------------------- */

/* Linear address of @offset; outside of 64-bit code it has 32 bits. */
u64 vtr_guest_linear(const struct vtr_guest_view *view, unsigned int seg, u64 offset)
{
	u64 base = view->sregs.seg[seg].base;

	if (view->bits != 64)
		return (u32)(base + offset);
	return seg == VTR_FS || seg == VTR_GS ? base + offset : offset;
}

/* Bits 63:47 of a canonical address are all the same. */
static bool canonical(u64 address)
{
	return (s64)(address << 16) >> 16 == (s64)address;
}

static bool type_ok(const struct vtr_segment *s, u32 access)
{
	if (s->unusable)
		return false;
	if (access & VTR_WALK_WRITE)
		return !(s->attributes & SEG_CODE) && (s->attributes & SEG_WRITE_OR_READ);
	if (access & VTR_WALK_READ)
		return !(s->attributes & SEG_CODE) || (s->attributes & SEG_WRITE_OR_READ);
	return true;
}

static bool limit_ok(const struct vtr_segment *s, bool checked, u64 offset, u64 bytes)
{
	u64 last = offset + bytes - 1;

	/* The limit of a segment that expands down is the last offset below it. */
	if (checked && !(s->attributes & SEG_CODE) && (s->attributes & SEG_EXPAND_DOWN))
		return offset > s->limit && last <= (s->attributes & SEG_D ? U32_MAX : U16_MAX);
	return last <= s->limit;
}

/* May the guest touch @bytes at @seg:@offset, as far as segmentation goes? */
bool vtr_guest_segment_ok(const struct vtr_guest_view *view, unsigned int seg, u64 offset,
			  u64 bytes, u32 access)
{
	const struct vtr_segment *s = &view->sregs.seg[seg];
	u64 linear = vtr_guest_linear(view, seg, offset);

	if (view->bits == 64)
		return canonical(linear) && canonical(linear + bytes - 1);
	if (view->checked && !type_ok(s, access))
		return false;
	return limit_ok(s, view->checked, offset, bytes);
}

/* ---- (2) pages ---------------------------------------------------------------- */

#define PTE_WRITE	BIT_ULL(1)
#define PTE_USER	BIT_ULL(2)
#define PTE_ACCESSED	BIT_ULL(5)
#define PTE_DIRTY	BIT_ULL(6)
#define PTE_LARGE	BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)

#define PF_PRESENT	BIT(0)
#define PF_WRITE	BIT(1)
#define PF_USER		BIT(2)
#define PF_RESERVED	BIT(3)
#define PF_FETCH	BIT(4)

static bool pae_root(const struct vtr_sregs *s, const struct vtr_gwalk_entry *e)
{
	return !(s->efer & EFER_LMA) && (s->cr4 & X86_CR4_PAE) && e->level == 3;
}

/* Bits that must be zero: SDM 3A "Reserved-Bit Checking" in 4.3 to 4.5. */
static u64 reserved_bits(const struct vtr_sregs *s, const struct vtr_gwalk_entry *e)
{
	u64 above = GENMASK_ULL(51, vtr_backend->info.gpa_bits), bits = above;

	if (!(s->cr4 & X86_CR4_PAE)) {
		/* A 4 MiB page: bit 21, and address bits that the processor lacks. */
		if (!e->leaf || e->level != 2)
			return 0;
		return BIT_ULL(21) | (vtr_backend->info.gpa_bits >= 40 ? 0 :
				      GENMASK_ULL(20, vtr_backend->info.gpa_bits - 19));
	}
	/* The processor has checked these when CR3 was loaded. */
	if (pae_root(s, e))
		return 0;
	if (!(s->efer & EFER_NX))
		bits |= PTE_NX;
	if (!(s->efer & EFER_LMA))
		bits |= GENMASK_ULL(62, 52);
	if (e->level == 4)
		bits |= PTE_LARGE;
	if (e->leaf && e->level > 1)
		bits |= GENMASK_ULL(12 + 9 * (e->level - 1) - 1, 13);
	return bits;
}

static bool reserved_bit_set(const struct vtr_sregs *s, const struct vtr_gwalk_trail *trail)
{
	for (unsigned int i = 0; i < trail->nr; i++)
		if (trail->entry[i].value & reserved_bits(s, &trail->entry[i]))
			return true;
	return false;
}

/* Do all entries on the way have @bit?  The four top entries of PAE have no rights. */
static bool all_have(const struct vtr_sregs *s, const struct vtr_gwalk_trail *trail, u64 bit)
{
	for (unsigned int i = 0; i < trail->nr; i++)
		if (!pae_root(s, &trail->entry[i]) && !(trail->entry[i].value & bit))
			return false;
	return true;
}

static bool rights_ok(const struct vtr_guest_view *view, const struct vtr_gwalk_trail *trail,
		      u32 rights, u32 access)
{
	const struct vtr_sregs *s = &view->sregs;
	bool user_page = all_have(s, trail, PTE_USER), user = view->cpl == 3;

	if (user && !user_page)
		return false;
	if (access & VTR_WALK_EXEC)
		return (rights & VTR_WALK_EXEC) &&
		       !(!user && user_page && (s->cr4 & X86_CR4_SMEP));
	if (!user && user_page && (s->cr4 & X86_CR4_SMAP) &&
	    !(view->regs.rflags & X86_EFLAGS_AC))
		return false;
	if (!(access & VTR_WALK_WRITE) || (rights & VTR_WALK_WRITE))
		return true;
	return !user && !(s->cr0 & X86_CR0_WP);
}

static u32 fault_code(const struct vtr_guest_view *view, u32 access, u32 why)
{
	const struct vtr_sregs *s = &view->sregs;
	bool tells_fetch = (s->cr4 & X86_CR4_SMEP) ||
			   ((s->cr4 & X86_CR4_PAE) && (s->efer & EFER_NX));

	if (access & VTR_WALK_WRITE)
		why |= PF_WRITE;
	if (view->cpl == 3)
		why |= PF_USER;
	if ((access & VTR_WALK_EXEC) && tells_fetch)
		why |= PF_FETCH;
	return why;
}

/*
 * Set the accessed bit of each entry, and the dirty bit of the last one.  Where
 * the tables cannot be written to, the bits stay as they are.
 */
static int mark_used(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
		     const struct vtr_gwalk_trail *trail, u32 access)
{
	for (unsigned int i = 0; i < trail->nr; i++) {
		const struct vtr_gwalk_entry *e = &trail->entry[i];
		u64 bits = PTE_ACCESSED;
		int err;

		if (pae_root(&view->sregs, e))
			continue;
		if (e->leaf && (access & VTR_WALK_WRITE))
			bits |= PTE_DIRTY;
		if ((e->value & bits) == bits)
			continue;
		err = vtr_mem_set_bits(vcpu->vm, e->at, bits);
		if (err == -EFAULT)
			return err;
	}
	return VTR_DONE;
}

static int page_fault(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view, u64 linear,
		      u32 access, u32 why)
{
	vcpu->cr2 = linear;
	vtr_queue_exception(vcpu, X86_TRAP_PF, true, fault_code(view, access, why));
	return VTR_ENTER_AGAIN;
}

static int read_guest(void *ctx, u64 gpa, void *data, size_t bytes)
{
	return vtr_mem_read(ctx, gpa, data, bytes);
}

static int table_lost(struct vtr_vcpu *vcpu, const struct vtr_gwalk_trail *trail)
{
	if (trail->error != -ENOENT)
		return trail->error;
	return vtr_access_refuse(vcpu, "its page tables lead to guest physical address 0x%llx, where there is no memory",
				 trail->lost_at);
}

/* Return: VTR_DONE with @gpa and @trail, or what the exit handler returns. */
static int translate(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view, u64 linear,
		     u32 access, u64 *gpa, struct vtr_gwalk_trail *trail)
{
	const struct vtr_sregs *s = &view->sregs;
	struct vtr_gwalk w = {
		.cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer,
		.read = read_guest, .ctx = vcpu->vm, .trail = trail,
	};
	u64 page_bytes;
	u32 rights;
	int err = vtr_gwalk(&w, linear, gpa, &page_bytes, &rights);

	/* Each entry is checked before the next one is read. */
	if (reserved_bit_set(s, trail))
		return page_fault(vcpu, view, linear, access, PF_PRESENT | PF_RESERVED);
	if (trail->error)
		return table_lost(vcpu, trail);
	if (err)
		return page_fault(vcpu, view, linear, access, 0);
	if (page_bytes && !rights_ok(view, trail, rights, access))
		return page_fault(vcpu, view, linear, access, PF_PRESENT);
	return VTR_DONE;
}

/* ---- together ------------------------------------------------------------------- */

/* The operand begins at a multiple of its size, or nobody looks. */
static bool aligned(const struct vtr_guest_view *view, u64 linear, u64 bytes)
{
	return view->cpl != 3 || !(view->sregs.cr0 & X86_CR0_AM) ||
	       !(view->regs.rflags & X86_EFLAGS_AC) || bytes > 8 || !(linear & (bytes - 1));
}

/**
 * vtr_guest_map() - where is an operand in guest physical memory?
 * @vcpu: the vCPU
 * @view: its state
 * @seg: enum vtr_seg
 * @offset: offset in the segment
 * @bytes: size; not more than a page
 * @access: VTR_WALK_READ, VTR_WALK_WRITE (also for an operand that is read
 *	first), or VTR_WALK_EXEC
 * @piece: one or two pieces, each inside of one page, are added behind ...
 * @nr: ... this many, which is increased
 *
 * Return: VTR_DONE; VTR_ENTER_AGAIN: an exception is queued or the VM stopped;
 * -errno: the process has lost memory that holds page tables.
 */
int vtr_guest_map(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view, unsigned int seg,
		  u64 offset, u64 bytes, u32 access, struct vtr_access_piece *piece,
		  unsigned int *nr)
{
	u64 linear = vtr_guest_linear(view, seg, offset), done = 0;
	struct vtr_gwalk_trail trail[2] = {};
	unsigned int pages = 0;
	int ret = VTR_DONE;

	if (!vtr_guest_segment_ok(view, seg, offset, bytes, access)) {
		vtr_queue_exception(vcpu, seg == VTR_SS ? X86_TRAP_SS : X86_TRAP_GP, true, 0);
		return VTR_ENTER_AGAIN;
	}
	while (done < bytes) {
		struct vtr_access_piece *p = &piece[*nr];
		u64 at = view->bits == 64 ? linear + done : (u32)(linear + done);

		p->bytes = min_t(u64, bytes - done, PAGE_SIZE - (at & ~PAGE_MASK));
		ret = translate(vcpu, view, at, access, &p->gpa, &trail[pages++]);
		if (ret != VTR_DONE)
			return ret;
		(*nr)++;
		done += p->bytes;
	}
	if (!(access & VTR_WALK_EXEC) && !aligned(view, linear, bytes)) {
		vtr_queue_exception(vcpu, X86_TRAP_AC, true, 0);
		return VTR_ENTER_AGAIN;
	}
	for (unsigned int i = 0; i < pages && ret == VTR_DONE; i++)
		ret = mark_used(vcpu, view, &trail[i], access);
	return ret;
}

/* Instruction bytes up to the end of the code segment, @room at most. */
static unsigned int room_in_segment(const struct vtr_guest_view *view)
{
	u64 rip = view->regs.rip, limit = view->sregs.seg[VTR_CS].limit;

	if (view->bits == 64 || rip > limit)
		return VTR_INSN_MAX_BYTES;
	return min_t(u64, VTR_INSN_MAX_BYTES, limit - rip + 1);
}

static int read_code(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view, unsigned int from,
		     unsigned int bytes, u8 *code)
{
	struct vtr_access_piece piece[2] = {};
	unsigned int nr = 0;
	int ret = vtr_guest_map(vcpu, view, VTR_CS, view->regs.rip + from, bytes,
				VTR_WALK_EXEC, piece, &nr);

	if (ret != VTR_DONE)
		return ret;
	ret = vtr_mem_read(vcpu->vm, piece[0].gpa, code + from, bytes);
	if (ret == -ENOENT)
		return vtr_access_refuse(vcpu, "its code at guest physical address 0x%llx is no memory any more",
					 piece[0].gpa);
	return ret ? ret : VTR_DONE;
}

/**
 * vtr_guest_fetch() - read and decode the instruction at RIP
 * @vcpu: the vCPU
 * @view: its state
 * @insn: filled; insn->bytes is 0 if the decoder does not know it
 * @code: its bytes
 * @nr: how many of @code are filled
 *
 * The next page is touched only if the instruction reaches into it.
 * Return: as vtr_guest_map().
 */
int vtr_guest_fetch(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
		    struct vtr_insn *insn, u8 code[VTR_INSN_MAX_BYTES], unsigned int *nr)
{
	u64 linear = vtr_guest_linear(view, VTR_CS, view->regs.rip);
	unsigned int room = room_in_segment(view);
	unsigned int first = min_t(u64, room, PAGE_SIZE - (linear & ~PAGE_MASK));
	int ret = read_code(vcpu, view, 0, first, code), err;

	if (ret != VTR_DONE)
		return ret;
	*nr = first;
	err = vtr_decode(code, first, view->bits, insn);
	if (err == -ENODATA && first < room) {
		ret = read_code(vcpu, view, first, room - first, code);
		if (ret != VTR_DONE)
			return ret;
		*nr = room;
		err = vtr_decode(code, room, view->bits, insn);
	}
	if (err == -ENODATA) {
		/* The instruction goes on behind the limit of its segment. */
		vtr_queue_gp(vcpu);
		return VTR_ENTER_AGAIN;
	}
	if (err)
		*insn = (struct vtr_insn) {};
	return VTR_DONE;
}

/**
 * vtr_guest_finish() - an instruction, or one step of a repeated one, is done
 * @vcpu: the vCPU
 * @insn: the instruction
 * @regs: the registers after it, RIP still in front of it
 *
 * A repeated instruction that has elements left stays where it is, so that
 * interrupts and single-step traps come between the elements.
 */
void vtr_guest_finish(struct vtr_vcpu *vcpu, const struct vtr_insn *insn, struct vtr_regs *regs)
{
	bool over = !insn->rep || !vtr_gpr_get(regs, VTR_RCX, insn->addr_bytes);

	/* RF suppresses break points of one instruction only. */
	regs->rflags &= ~(u64)X86_EFLAGS_RF;
	vcpu->exit.insn_bytes = over ? insn->bytes : 0;
	preempt_disable();
	vtr_backend->set_regs(vcpu, regs);
	vtr_backend->skip_insn(vcpu);
	preempt_enable();
}
