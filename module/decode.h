/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An instruction that touches memory, in neutral terms, and what it computes.
 *
 * module/decode.c fills struct vtr_insn from instruction bytes, module/operate.c
 * computes with it, module/mmio.c makes the accesses.  Both files are pure and
 * also compile in programs: tests/decode compares them with the library Zydis.
 * Read next: decode.c.
 */
#ifndef VTR_DECODE_H
#define VTR_DECODE_H

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define BIT(nr)	(1ul << (nr))
#endif

#include "../ioctl-uapi/vitrine.h"

#define VTR_INSN_MAX_BYTES	15

/* The first eight in the order of their encoding: 00H + 8 * n, 80H /n. */
enum vtr_insn_op {
	VTR_INSN_ADD, VTR_INSN_OR, VTR_INSN_ADC, VTR_INSN_SBB,
	VTR_INSN_AND, VTR_INSN_SUB, VTR_INSN_XOR, VTR_INSN_CMP,
	VTR_INSN_TEST, VTR_INSN_MOV, VTR_INSN_MOVZX, VTR_INSN_MOVSX, VTR_INSN_XCHG,
	VTR_INSN_BT, VTR_INSN_BTS, VTR_INSN_BTR, VTR_INSN_BTC,
	VTR_INSN_MOVS, VTR_INSN_STOS, VTR_INSN_LODS, VTR_INSN_INS, VTR_INSN_OUTS,
	VTR_INSN_NR
};

/* What the operand that is not in memory is. */
enum vtr_insn_other {
	VTR_OTHER_REG,		/* general register */
	VTR_OTHER_IMM,		/* immediate */
	VTR_OTHER_SEG,		/* segment register, read only */
	VTR_OTHER_NONE,		/* MOVS, INS, OUTS: memory or a port */
};

#define VTR_NO_GPR	0xff
#define VTR_GPR_RIP	0xfe	/* base of a RIP-relative address: the next instruction */

/**
 * struct vtr_insn - a decoded instruction with an operand in memory
 * @op: enum vtr_insn_op
 * @bytes: length of the instruction
 * @mem_bytes: size of the operand in memory: 1, 2, 4 or 8
 * @reg_bytes: size of the register; differs from @mem_bytes for MOVZX and MOVSX
 * @addr_bytes: address size: 2, 4 or 8
 * @other: enum vtr_insn_other
 * @to_mem: memory is the destination (of XCHG it always is)
 * @reg_first: the register is the first operand (of CMP: what is subtracted from)
 * @rep: repeated, with the address-sized RCX as counter
 * @lock: LOCK prefix
 * @reg: enum vtr_gpr, or enum vtr_seg for VTR_OTHER_SEG
 * @reg_high: the register is AH, CH, DH or BH; @reg is then 0 to 3
 * @seg: enum vtr_seg of the operand in memory, the override considered
 * @base, @index: enum vtr_gpr, VTR_NO_GPR, or VTR_GPR_RIP as base
 * @scale: 1, 2, 4 or 8
 * @disp: displacement
 * @imm: immediate, sign-extended to 64 bits but for the bit number of BT
 *
 * The operand in memory of MOVS is its source at @base; the destination is
 * always ES:RDI.
 */
struct vtr_insn {
	u8 op;
	u8 bytes;
	u8 mem_bytes;
	u8 reg_bytes;
	u8 addr_bytes;
	u8 other;
	bool to_mem;
	bool reg_first;
	bool rep;
	bool lock;
	u8 reg;
	bool reg_high;
	u8 seg;
	u8 base;
	u8 index;
	u8 scale;
	s64 disp;
	u64 imm;
};

int vtr_decode(const u8 *code, unsigned int room, unsigned int bits, struct vtr_insn *insn);
bool vtr_insn_reads_mem(const struct vtr_insn *insn);
bool vtr_insn_writes_mem(const struct vtr_insn *insn);
bool vtr_insn_is_string(const struct vtr_insn *insn);

/* operate.c */
u64 vtr_insn_offset(const struct vtr_insn *insn, const struct vtr_regs *regs);
u64 vtr_insn_operate(const struct vtr_insn *insn, u64 mem, u64 seg_selector,
		     struct vtr_regs *regs);
void vtr_insn_advance(const struct vtr_insn *insn, u64 count, struct vtr_regs *regs);
u64 vtr_gpr_get(const struct vtr_regs *regs, unsigned int nr, unsigned int bytes);
void vtr_gpr_set(struct vtr_regs *regs, unsigned int nr, unsigned int bytes, u64 value);

static inline u64 vtr_mask_bytes(unsigned int bytes)
{
	return bytes >= 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
}

#endif /* VTR_DECODE_H */
