// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions on memory-mapped devices: addresses where no memory is, and
 * writes to read-only memory.
 *
 * (1) vtr_mmio_fault(): fetch and decode the instruction, check its operands,
 *     write down the pieces of memory that it reads and writes;
 * (2) vtr_mmio_go_on(): do the pieces in order: memory here, devices by going
 *     up to the program with VTR_EXIT_MMIO;
 * (3) vtr_access_complete(), at the next run: take the program's answer, on
 *     with (2);
 * (4) finish(): compute the result, set registers and flags, move RIP.
 *
 * Between (1) and (4) all there is to know is in vcpu->access, a record of the
 * vCPU's saved state (VTR_STATE_ACCESS); registers change in (4) only.  Each
 * element of a repeated string instruction goes through all of it, and the
 * guest is entered in between.
 * Called by module/handle.c.  Read next: docs/mmio.md, string_io.c.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "access.h"
#include "irqchip.h"

/* Is @piece memory that the module can access by itself? */
bool vtr_mmio_is_ram(struct vtr_vm *vm, const struct vtr_access_piece *piece, bool write)
{
	struct vtr_memslot slot;

	return vtr_mem_find(vm, piece->gpa, &slot, NULL) &&
	       !(write && (slot.flags & VTR_SLOT_READONLY));
}

/* ---- (1) what is accessed? ----------------------------------------------------- */

/* Operands in the order in which they are accessed; MOVS has two. */
static int map_operands(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
			const struct vtr_insn *insn, struct vtr_access_state *a)
{
	u64 offset = vtr_insn_offset(insn, &view->regs);
	bool reads = vtr_insn_reads_mem(insn), writes = vtr_insn_writes_mem(insn);
	bool two = insn->op == VTR_INSN_MOVS;
	unsigned int nr = 0;
	int ret;

	ret = vtr_guest_map(vcpu, view, insn->seg, offset, insn->mem_bytes,
			    writes && !two ? VTR_WALK_WRITE : VTR_WALK_READ, a->piece, &nr);
	if (ret != VTR_DONE)
		return ret;
	a->nr_reads = reads ? nr : 0;
	if (two) {
		offset = vtr_gpr_get(&view->regs, VTR_RDI, insn->addr_bytes);
		ret = vtr_guest_map(vcpu, view, VTR_ES, offset, insn->mem_bytes,
				    VTR_WALK_WRITE, a->piece, &nr);
		if (ret != VTR_DONE)
			return ret;
	} else if (reads && writes) {
		memcpy(&a->piece[nr], a->piece, nr * sizeof(a->piece[0]));
		nr *= 2;
	}
	a->nr_pieces = nr;
	return VTR_DONE;
}

/* Write down which instruction is under way; its pieces are filled in by the caller. */
void vtr_mmio_begin(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
		    const struct vtr_insn *insn, const u8 *code)
{
	struct vtr_access_state *a = &vcpu->access;

	*a = (struct vtr_access_state) {
		.kind = VTR_ACCESS_INSN, .bits = view->bits, .insn_bytes = insn->bytes,
	};
	memcpy(a->insn, code, insn->bytes);
}

static int do_pieces(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
		     const struct vtr_insn *insn);

static const char *access_word(unsigned int access)
{
	if (access & VTR_SLAT_WRITE)
		return "write to";
	return access & VTR_SLAT_EXEC ? "fetch from" : "read of";
}

/* What is wrong with an access that no instruction's operand explains? */
static const char *implicit_access(const struct vtr_exit *e)
{
	if (e->in_delivery)
		return ", while an event was delivered";
	if (!e->slat.gva_valid || e->slat.of_table)
		return ", to walk the guest's page tables";
	return e->slat.access & VTR_SLAT_EXEC ? "" : NULL;
}

/**
 * vtr_mmio_fault() - an access that no memory slot can serve
 * @vcpu: the vCPU; vcpu->exit tells about the access
 *
 * Only data that an instruction reads or writes can be a device's.  For
 * anything else, and for instructions that decode.c does not know, the VM stops
 * with a sentence.
 * Return: as an exit handler.
 */
int vtr_mmio_fault(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	const char *implicit = implicit_access(e);
	const char *word = access_word(e->slat.access);
	struct vtr_guest_view view;
	struct vtr_memslot slot;
	u8 code[VTR_INSN_MAX_BYTES];
	struct vtr_insn insn;
	unsigned int nr;
	const char *what;
	int ret;

	what = vtr_mem_find(vcpu->vm, e->slat.gpa, &slot, NULL) ? "which is read-only memory" :
								   "where there is no memory";
	if (implicit)
		return vtr_access_refuse(vcpu, "%s guest physical address 0x%llx, %s%s", word,
					 e->slat.gpa, what, implicit);
	vtr_guest_look(vcpu, &view);
	ret = vtr_guest_fetch(vcpu, &view, &insn, code, &nr);
	if (ret != VTR_DONE)
		return ret;
	if (!insn.bytes)
		return vtr_access_refuse(vcpu, "%s guest physical address 0x%llx, %s, by an instruction that is not decoded: %*ph",
					 word, e->slat.gpa, what, nr, code);
	/*
	 * The code may have changed since the exit.  These are executed by the
	 * guest: port instructions exit before they touch memory.
	 */
	if (insn.op == VTR_INSN_INS || insn.op == VTR_INSN_OUTS)
		return VTR_ENTER_AGAIN;
	if (insn.rep && !vtr_gpr_get(&view.regs, VTR_RCX, insn.addr_bytes)) {
		vtr_guest_finish(vcpu, &insn, &view.regs);
		return VTR_ENTER_AGAIN;
	}
	vtr_mmio_begin(vcpu, &view, &insn, code);
	ret = map_operands(vcpu, &view, &insn, &vcpu->access);
	if (ret == VTR_DONE)
		return do_pieces(vcpu, &view, &insn);
	vcpu->access = (struct vtr_access_state) {};
	return ret;
}

/* ---- (2) piece by piece ----------------------------------------------------------- */

/* Bytes of the operand in front of the piece at hand. */
static unsigned int bytes_before(const struct vtr_access_state *a)
{
	unsigned int bytes = 0;

	for (unsigned int i = a->nr_done < a->nr_reads ? 0 : a->nr_reads; i < a->nr_done; i++)
		bytes += a->piece[i].bytes;
	return bytes;
}

static void take_read(struct vtr_access_state *a, u64 value)
{
	const struct vtr_access_piece *p = &a->piece[a->nr_done];

	a->data |= (value & vtr_mask_bytes(p->bytes)) << (8 * bytes_before(a));
}

/* What the instruction writes, from the state in front of it and what it has read. */
static u64 result_of(const struct vtr_guest_view *view, const struct vtr_insn *insn, u64 data,
		     struct vtr_regs *after)
{
	u64 selector = 0;

	*after = view->regs;
	/* Its element comes from the port. */
	if (insn->op == VTR_INSN_INS)
		return data;
	if (insn->other == VTR_OTHER_SEG)
		selector = view->sregs.seg[insn->reg].selector;
	return vtr_insn_operate(insn, data, selector, after);
}

static int ask_device(struct vtr_vcpu *vcpu, bool write, u64 value)
{
	struct vtr_access_state *a = &vcpu->access;
	const struct vtr_access_piece *p = &a->piece[a->nr_done];
	struct vtr_run *run = vcpu->run;

	a->waiting = 1;
	memset(&run->mmio, 0, sizeof(run->mmio));
	run->mmio.gpa = p->gpa;
	run->mmio.bytes = p->bytes;
	run->mmio.is_write = write;
	run->mmio.data = write ? value & vtr_mask_bytes(p->bytes) : 0;
	run->exit = VTR_EXIT_MMIO;
	return VTR_TO_USER;
}

/*
 * The piece that is next, with @result for those that are written.
 * Return: VTR_DONE, VTR_TO_USER, or -EFAULT: the process has lost the memory.
 */
static int do_piece(struct vtr_vcpu *vcpu, u64 result)
{
	struct vtr_access_state *a = &vcpu->access;
	const struct vtr_access_piece *p = &a->piece[a->nr_done];
	bool write = a->nr_done >= a->nr_reads;
	u64 value = write ? result >> (8 * bytes_before(a)) : 0;
	int err = 0;

	if (!vtr_mmio_is_ram(vcpu->vm, p, write)) {
		if (!vtr_irqchip_mmio(vcpu, p->gpa, p->bytes, write, &value) &&
		    !(write && vtr_eventfd_written(vcpu, false, p->gpa, p->bytes, value)))
			return ask_device(vcpu, write, value);
	} else if (write) {
		err = vtr_mem_write(vcpu->vm, p->gpa, &value, p->bytes);
	} else {
		err = vtr_mem_read(vcpu->vm, p->gpa, &value, p->bytes);
	}
	/* The slot has just gone: then it is a device's. */
	if (err == -ENOENT || err == -EROFS)
		return ask_device(vcpu, write, value);
	if (err)
		return err;
	if (!write)
		take_read(a, value);
	a->nr_done++;
	return VTR_DONE;
}

/* ---- (4) */
static int finish(struct vtr_vcpu *vcpu, const struct vtr_insn *insn, struct vtr_regs *after)
{
	struct vtr_access_state a = vcpu->access;

	vcpu->access = (struct vtr_access_state) {};
	if (vtr_insn_is_string(insn))
		vtr_insn_advance(insn, 1, after);
	vtr_guest_finish(vcpu, insn, after);
	if (insn->op != VTR_INSN_OUTS)
		return VTR_ENTER_AGAIN;
	memcpy(&vcpu->run->io.data, &a.data, sizeof(a.data));
	vtr_string_out(vcpu, insn, a.port, 1);
	return VTR_TO_USER;
}

static int do_pieces(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
		     const struct vtr_insn *insn)
{
	struct vtr_access_state *a = &vcpu->access;
	struct vtr_regs after;

	while (a->nr_done < a->nr_pieces) {
		int ret = do_piece(vcpu, result_of(view, insn, a->data, &after));

		if (ret != VTR_DONE)
			return ret;
	}
	result_of(view, insn, a->data, &after);
	return finish(vcpu, insn, &after);
}

/**
 * vtr_mmio_go_on() - do what is left of the instruction in vcpu->access
 * @vcpu: the vCPU
 *
 * Return: as an exit handler.
 */
int vtr_mmio_go_on(struct vtr_vcpu *vcpu)
{
	struct vtr_access_state *a = &vcpu->access;
	struct vtr_guest_view view;
	struct vtr_insn insn;

	if (vtr_vm_dead(vcpu->vm))
		return VTR_ENTER_AGAIN;
	vtr_guest_look(vcpu, &view);
	vtr_decode(a->insn, a->insn_bytes, a->bits, &insn);
	return do_pieces(vcpu, &view, &insn);
}

/* ---- (3) the program has answered --------------------------------------------------- */

/**
 * vtr_access_complete() - go on with an unfinished access
 * @vcpu: the vCPU, its mutex held, loaded
 *
 * Called at the beginning of each run.
 * Return: as an exit handler; VTR_ENTER_AGAIN if there is nothing to do.
 */
int vtr_access_complete(struct vtr_vcpu *vcpu)
{
	struct vtr_access_state *a = &vcpu->access;

	if (a->kind == VTR_ACCESS_NONE)
		return VTR_ENTER_AGAIN;
	if (a->kind == VTR_ACCESS_INS)
		return vtr_string_in_complete(vcpu);
	if (a->waiting) {
		if (a->nr_done < a->nr_reads)
			take_read(a, READ_ONCE(vcpu->run->mmio.data));
		a->nr_done++;
		a->waiting = 0;
	}
	return vtr_mmio_go_on(vcpu);
}

/* ---- saved state ---------------------------------------------------------------------- */

/* Pieces [from, to) must add up to @bytes; each lies inside of one page. */
static bool pieces_ok(const struct vtr_access_state *a, unsigned int from, unsigned int to,
		      u64 bytes)
{
	u64 sum = 0;

	for (unsigned int i = from; i < to; i++) {
		const struct vtr_access_piece *p = &a->piece[i];

		if (!p->bytes || p->pad || p->bytes > PAGE_SIZE - (p->gpa & ~PAGE_MASK))
			return false;
		sum += p->bytes;
	}
	return sum == bytes;
}

static bool insn_state_ok(const struct vtr_access_state *a, const struct vtr_insn *insn)
{
	u64 bytes = insn->mem_bytes;
	bool reads = vtr_insn_reads_mem(insn), writes = vtr_insn_writes_mem(insn);

	/* The element of INS has come from its port. */
	return !a->count && a->nr_done < a->nr_pieces && a->nr_reads <= a->nr_pieces &&
	       (!a->port || insn->op == VTR_INSN_OUTS) &&
	       pieces_ok(a, 0, a->nr_reads, reads ? bytes : 0) &&
	       pieces_ok(a, a->nr_reads, a->nr_pieces, writes ? bytes : 0);
}

static bool ins_state_ok(const struct vtr_access_state *a, const struct vtr_insn *insn)
{
	return insn->op == VTR_INSN_INS && a->waiting && !a->nr_reads && !a->nr_done &&
	       !a->data && a->count && a->count <= VTR_RUN_DATA_BYTES / insn->mem_bytes &&
	       (a->count == 1 || (a->nr_pieces == 1 && insn->rep)) &&
	       pieces_ok(a, 0, a->nr_pieces, (u64)a->count * insn->mem_bytes);
}

/* Could this have come from a vCPU?  Return: 0 or -EINVAL. */
int vtr_access_check(const struct vtr_access_state *a)
{
	static const struct vtr_access_piece unused[ARRAY_SIZE(a->piece)];
	struct vtr_insn insn;

	if (a->kind == VTR_ACCESS_NONE)
		return memchr_inv(a, 0, sizeof(*a)) ? -EINVAL : 0;
	if (a->kind > VTR_ACCESS_INS || a->waiting > 1 || a->pad0 || a->pad1 ||
	    (a->bits != 16 && a->bits != 32 && a->bits != 64) ||
	    !a->insn_bytes || a->insn_bytes > VTR_INSN_MAX_BYTES ||
	    !a->nr_pieces || a->nr_pieces > ARRAY_SIZE(a->piece))
		return -EINVAL;
	if (memchr_inv(a->insn + a->insn_bytes, 0, sizeof(a->insn) - a->insn_bytes) ||
	    memcmp(&a->piece[a->nr_pieces], unused,
		   (ARRAY_SIZE(a->piece) - a->nr_pieces) * sizeof(unused[0])))
		return -EINVAL;
	if (vtr_decode(a->insn, a->insn_bytes, a->bits, &insn) || insn.bytes != a->insn_bytes)
		return -EINVAL;
	if (a->kind == VTR_ACCESS_INS)
		return ins_state_ok(a, &insn) ? 0 : -EINVAL;
	return insn_state_ok(a, &insn) ? 0 : -EINVAL;
}
