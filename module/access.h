/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses that the module makes in the guest's name.
 *
 * Included by module/access.c, mmio.c and string_io.c.  An instruction that
 * touches a device goes through three steps: fetch and decode it, turn its
 * operands into pieces of guest physical memory, then do the pieces one by one,
 * some of them with the help of the program.  Nothing of the guest changes
 * before the last piece is done, so a fault needs no undoing.
 * Read next: access.c.
 */
#ifndef VTR_ACCESS_H
#define VTR_ACCESS_H

#include "decode.h"
#include "vtr.h"

/**
 * struct vtr_guest_view - what decides about a guest's accesses
 * @regs, @sregs: registers at the beginning of the instruction
 * @bits: size of code: 16, 32 or 64
 * @cpl: privilege level
 * @checked: segments are checked for their type (protected mode)
 */
struct vtr_guest_view {
	struct vtr_regs regs;
	struct vtr_sregs sregs;
	u8 bits;
	u8 cpl;
	bool checked;
};

/*
 * What these functions return, as exit handlers do: VTR_DONE, or what the
 * handler returns at once.
 */
enum { VTR_TO_USER = 0, VTR_ENTER_AGAIN = 1, VTR_DONE = 2 };

/* access.c */
void vtr_guest_look(struct vtr_vcpu *vcpu, struct vtr_guest_view *view);
u64 vtr_guest_linear(const struct vtr_guest_view *view, unsigned int seg, u64 offset);
bool vtr_guest_segment_ok(const struct vtr_guest_view *view, unsigned int seg, u64 offset,
			  u64 bytes, u32 access);
int vtr_guest_map(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view, unsigned int seg,
		  u64 offset, u64 bytes, u32 access, struct vtr_access_piece *piece,
		  unsigned int *nr);
int vtr_guest_fetch(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
		    struct vtr_insn *insn, u8 code[VTR_INSN_MAX_BYTES], unsigned int *nr);
void vtr_guest_finish(struct vtr_vcpu *vcpu, const struct vtr_insn *insn,
		      struct vtr_regs *regs);

/* mmio.c */
void vtr_mmio_begin(struct vtr_vcpu *vcpu, const struct vtr_guest_view *view,
		    const struct vtr_insn *insn, const u8 *code);
int vtr_mmio_go_on(struct vtr_vcpu *vcpu);
bool vtr_mmio_is_ram(struct vtr_vm *vm, const struct vtr_access_piece *piece, bool write);

/* string_io.c */
void vtr_string_out(struct vtr_vcpu *vcpu, const struct vtr_insn *insn, u16 port, u32 count);
int vtr_string_in_complete(struct vtr_vcpu *vcpu);

/* Stop the VM because of the instruction at RIP.  Return: VTR_ENTER_AGAIN. */
#define vtr_access_refuse(vcpu, fmt, ...)					\
({										\
	vtr_vm_kill((vcpu)->vm, "vCPU %u at RIP 0x%llx: " fmt, (vcpu)->id,	\
		    (vcpu)->exit.rip, ##__VA_ARGS__);				\
	VTR_ENTER_AGAIN;	/* the run loop sees the death and reports it */	\
})

#endif /* VTR_ACCESS_H */
