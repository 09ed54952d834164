// SPDX-License-Identifier: GPL-2.0-only
/*
 * INS and OUTS: strings between a port and memory, one batch at a time.
 *
 * The processor exits before it touches memory, so segments and pages are
 * checked here.  As many elements as lie inside of one page, and fit into the
 * run page, go up at once:
 *
 *	OUTS	memory -> run page, registers move on, up to the program
 *	INS	up to the program; at the next run: run page -> memory, registers
 *
 * What is left of a repetition is the same instruction again, so interrupts and
 * signals are taken between the batches.  A string in a device's memory goes
 * element by element with the help of mmio.c.
 * Called by module/handle.c.
 * Source: SDM 2 "INS/INSB/INSW/INSD--Input from Port to String".
 */
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <asm/processor-flags.h>

#include "access.h"

static_assert(sizeof(struct vtr_run) <= VTR_RUN_DATA_OFFSET);
static_assert(VTR_RUN_DATA_OFFSET + VTR_RUN_DATA_BYTES <= SZ_4K);

/* Elements on their way: @count of @bytes from @start upwards, the first at @offset. */
struct batch {
	const struct vtr_guest_view *view;
	const struct vtr_insn *insn;
	const u8 *code;
	u64 offset;
	bool down;
	u32 count;
};

static bool is_in(const struct vtr_insn *insn)
{
	return insn->op == VTR_INSN_INS;
}

/* The lowest offset of the batch. */
static u64 batch_start(const struct batch *b)
{
	return b->down ? b->offset - (u64)(b->count - 1) * b->insn->mem_bytes : b->offset;
}

static u64 batch_bytes(const struct batch *b)
{
	return (u64)b->count * b->insn->mem_bytes;
}

/*
 * How many elements lie between @at and the end of @room, in the direction of
 * the batch?  At least one: what crosses the end is done alone.
 */
static u64 elements_within(const struct batch *b, u64 at, u64 room)
{
	unsigned int bytes = b->insn->mem_bytes;
	u64 nr;

	if (at + bytes > room)
		return 1;
	nr = b->down ? at / bytes + 1 : (room - at) / bytes;
	return max_t(u64, nr, 1);
}

static void size_batch(struct batch *b)
{
	const struct vtr_guest_view *view = b->view;
	const struct vtr_insn *insn = b->insn;
	u64 linear = vtr_guest_linear(view, insn->seg, b->offset);
	u64 count = insn->rep ? vtr_gpr_get(&view->regs, VTR_RCX, insn->addr_bytes) : 1;

	count = min_t(u64, count, VTR_RUN_DATA_BYTES / insn->mem_bytes);
	count = min(count, elements_within(b, linear & ~PAGE_MASK, PAGE_SIZE));
	/* At the end of the address size the offset begins again at 0. */
	if (insn->addr_bytes < 8)
		count = min(count, elements_within(b, b->offset, 1ULL << (8 * insn->addr_bytes)));
	/* A single-step trap comes after each element. */
	if (view->regs.rflags & X86_EFLAGS_TF)
		count = min_t(u64, count, 1);
	b->count = count;
	/* If a limit cuts the batch, go on singly, up to the element that faults. */
	if (count > 1 && !vtr_guest_segment_ok(view, insn->seg, batch_start(b), batch_bytes(b),
					       is_in(insn) ? VTR_WALK_WRITE : VTR_WALK_READ))
		b->count = 1;
}

static void *batch_data(struct vtr_run *run, u32 count)
{
	return count == 1 ? (void *)&run->io.data : (void *)run + VTR_RUN_DATA_OFFSET;
}

/* The first element of the program's data is the one that is accessed first. */
static void reverse(void *data, u32 count, unsigned int bytes)
{
	u8 element[4];

	for (u32 low = 0, high = count - 1; low < high; low++, high--) {
		memcpy(element, data + low * bytes, bytes);
		memcpy(data + low * bytes, data + high * bytes, bytes);
		memcpy(data + high * bytes, element, bytes);
	}
}

static void tell_program(struct vtr_vcpu *vcpu, const struct vtr_insn *insn, u16 port, u32 count)
{
	struct vtr_run *run = vcpu->run;

	run->io.port = port;
	run->io.bytes = insn->mem_bytes;
	run->io.is_in = is_in(insn);
	run->io.count = count;
	run->io.data_offset = batch_data(run, count) - (void *)run;
	run->exit = VTR_EXIT_IO;
}

/* ---- OUTS -------------------------------------------------------------------- */

/* @count elements are in the run page and the registers have moved on. */
void vtr_string_out(struct vtr_vcpu *vcpu, const struct vtr_insn *insn, u16 port, u32 count)
{
	tell_program(vcpu, insn, port, count);
}

/* The element has to be read from a device: mmio.c does, as for any instruction. */
static int out_from_device(struct vtr_vcpu *vcpu, const struct batch *b,
			   const struct vtr_access_piece *piece, unsigned int nr)
{
	struct vtr_access_state *a = &vcpu->access;

	vtr_mmio_begin(vcpu, b->view, b->insn, b->code);
	memcpy(a->piece, piece, nr * sizeof(*piece));
	a->nr_reads = nr;
	a->nr_pieces = nr;
	a->port = vcpu->exit.io.port;
	return vtr_mmio_go_on(vcpu);
}

static int out_from_memory(struct vtr_vcpu *vcpu, const struct batch *b,
			   const struct vtr_access_piece *piece, unsigned int nr)
{
	u16 port = vcpu->exit.io.port;
	void *data = batch_data(vcpu->run, b->count);
	struct vtr_regs after = b->view->regs;
	unsigned int done = 0;

	vcpu->run->io.data = 0;
	for (unsigned int i = 0; i < nr; i++) {
		int err = vtr_mem_read(vcpu->vm, piece[i].gpa, data + done, piece[i].bytes);

		/* The slot has just gone: look again. */
		if (err)
			return err == -ENOENT ? VTR_ENTER_AGAIN : err;
		done += piece[i].bytes;
	}
	if (b->down)
		reverse(data, b->count, b->insn->mem_bytes);
	vtr_insn_advance(b->insn, b->count, &after);
	vtr_guest_finish(vcpu, b->insn, &after);
	vtr_string_out(vcpu, b->insn, port, b->count);
	return VTR_TO_USER;
}

/* ---- INS --------------------------------------------------------------------- */

static int in_to_memory(struct vtr_vcpu *vcpu, const struct batch *b,
			const struct vtr_access_piece *piece, unsigned int nr)
{
	struct vtr_access_state *a = &vcpu->access;

	vtr_mmio_begin(vcpu, b->view, b->insn, b->code);
	memcpy(a->piece, piece, nr * sizeof(*piece));
	a->kind = VTR_ACCESS_INS;
	a->nr_pieces = nr;
	a->waiting = 1;
	a->count = b->count;
	a->port = vcpu->exit.io.port;
	tell_program(vcpu, b->insn, a->port, b->count);
	vcpu->run->io.data = 0;
	return VTR_TO_USER;
}

/*
 * Elements into memory, the first one where the batch begins.
 * Return: 0; -ENOENT, -EROFS: no memory any more; -EFAULT.
 */
static int store_elements(struct vtr_vcpu *vcpu, const struct vtr_insn *insn, bool down)
{
	const struct vtr_access_state *a = &vcpu->access;
	void *data = batch_data(vcpu->run, a->count);
	unsigned int done = 0;
	int err = 0;

	if (down && a->count > 1) {
		for (u32 i = 0; i < a->count && !err; i++)
			err = vtr_mem_write(vcpu->vm, a->piece[0].gpa +
					    (u64)(a->count - 1 - i) * insn->mem_bytes,
					    data + i * insn->mem_bytes, insn->mem_bytes);
		return err;
	}
	for (unsigned int i = 0; i < a->nr_pieces && !err; i++) {
		err = vtr_mem_write(vcpu->vm, a->piece[i].gpa, data + done, a->piece[i].bytes);
		done += a->piece[i].bytes;
	}
	return err;
}

/* One element that goes to a device: mmio.c writes it as any instruction does. */
static int store_by_mmio(struct vtr_vcpu *vcpu, const struct vtr_insn *insn)
{
	struct vtr_access_state *a = &vcpu->access;

	a->kind = VTR_ACCESS_INSN;
	a->data = READ_ONCE(vcpu->run->io.data) & vtr_mask_bytes(insn->mem_bytes);
	a->waiting = 0;
	a->count = 0;
	a->port = 0;
	return vtr_mmio_go_on(vcpu);
}

static bool all_ram(struct vtr_vm *vm, const struct vtr_access_piece *piece, unsigned int nr,
		    bool write)
{
	for (unsigned int i = 0; i < nr; i++)
		if (!vtr_mmio_is_ram(vm, &piece[i], write))
			return false;
	return true;
}

/* The program has answered an INS.  Return: as an exit handler. */
int vtr_string_in_complete(struct vtr_vcpu *vcpu)
{
	struct vtr_access_state *a = &vcpu->access;
	struct vtr_guest_view view;
	struct vtr_regs after;
	struct vtr_insn insn;
	int err;

	vtr_guest_look(vcpu, &view);
	vtr_decode(a->insn, a->insn_bytes, a->bits, &insn);
	if (a->count == 1 && !all_ram(vcpu->vm, a->piece, a->nr_pieces, true))
		return store_by_mmio(vcpu, &insn);
	err = store_elements(vcpu, &insn, view.regs.rflags & X86_EFLAGS_DF);
	if (err == -ENOENT || err == -EROFS)
		return vtr_access_refuse(vcpu, "the memory slot at guest physical address 0x%llx went while INS was writing to it",
					 a->piece[0].gpa);
	if (err)
		return err;
	after = view.regs;
	vtr_insn_advance(&insn, a->count, &after);
	*a = (struct vtr_access_state) {};
	vtr_guest_finish(vcpu, &insn, &after);
	return VTR_ENTER_AGAIN;
}

/* ---- both --------------------------------------------------------------------- */

static int begin(struct vtr_vcpu *vcpu, struct batch *b)
{
	u32 access = is_in(b->insn) ? VTR_WALK_WRITE : VTR_WALK_READ;
	struct vtr_access_piece piece[2] = {};
	unsigned int nr = 0;
	bool ram;
	int ret;

	ret = vtr_guest_map(vcpu, b->view, b->insn->seg, batch_start(b), batch_bytes(b), access,
			    piece, &nr);
	if (ret != VTR_DONE)
		return ret;
	ram = all_ram(vcpu->vm, piece, nr, is_in(b->insn));
	if (!ram && b->count > 1) {
		/* With a device element by element. */
		b->count = 1;
		return begin(vcpu, b);
	}
	if (is_in(b->insn))
		return in_to_memory(vcpu, b, piece, nr);
	if (ram)
		return out_from_memory(vcpu, b, piece, nr);
	return out_from_device(vcpu, b, piece, nr);
}

/**
 * vtr_string_io() - INS or OUTS has exited
 * @vcpu: the vCPU; vcpu->exit tells port, size and direction
 *
 * Return: as an exit handler.
 */
int vtr_string_io(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	u8 code[VTR_INSN_MAX_BYTES];
	struct vtr_guest_view view;
	struct vtr_insn insn;
	struct batch b = { .view = &view, .insn = &insn, .code = code };
	unsigned int nr;
	int ret;

	vtr_guest_look(vcpu, &view);
	ret = vtr_guest_fetch(vcpu, &view, &insn, code, &nr);
	if (ret != VTR_DONE)
		return ret;
	/* Another vCPU has just changed the code: execute what is there now. */
	if (!insn.bytes || insn.op != (e->io.in ? VTR_INSN_INS : VTR_INSN_OUTS) ||
	    insn.mem_bytes != e->io.bytes)
		return VTR_ENTER_AGAIN;
	b.offset = vtr_insn_offset(&insn, &view.regs);
	b.down = view.regs.rflags & X86_EFLAGS_DF;
	size_batch(&b);
	if (!b.count) {
		vtr_guest_finish(vcpu, &insn, &view.regs);
		return VTR_ENTER_AGAIN;
	}
	return begin(vcpu, &b);
}
