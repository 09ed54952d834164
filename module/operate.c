// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a decoded instruction computes: its address, its result, its flags.
 *
 * All of it on copies of values: registers come in and go out as struct
 * vtr_regs, memory as a number.  So an instruction that waits for a device in
 * the middle can simply be computed again.  Flags that the manual leaves
 * undefined are cleared (AF of AND, OR, XOR, TEST) or kept (all but CF of the
 * bit tests), as processors do.
 * Pure; called by module/mmio.c and module/string_io.c.
 * Source: SDM 2 "Instruction Set Reference", SDM 1 "EFLAGS Cross-Reference"
 * (appendix A).
 */
#include "decode.h"

#define FLAG_CF	BIT(0)
#define FLAG_PF	BIT(2)
#define FLAG_AF	BIT(4)
#define FLAG_ZF	BIT(6)
#define FLAG_SF	BIT(7)
#define FLAG_DF	BIT(10)
#define FLAG_OF	BIT(11)
#define STATUS_FLAGS (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static u64 sign_extend(u64 value, unsigned int bytes)
{
	unsigned int unused = 64 - 8 * bytes;

	return (u64)((s64)(value << unused) >> unused);
}

static u64 top_bit(unsigned int bytes)
{
	return 1ULL << (8 * bytes - 1);
}

/* Register @nr, as an operand of @bytes. */
u64 vtr_gpr_get(const struct vtr_regs *regs, unsigned int nr, unsigned int bytes)
{
	return regs->gpr[nr] & vtr_mask_bytes(bytes);
}

/* A result of 4 bytes clears the upper half of the register, smaller ones keep the rest. */
void vtr_gpr_set(struct vtr_regs *regs, unsigned int nr, unsigned int bytes, u64 value)
{
	u64 mask = vtr_mask_bytes(bytes);

	if (bytes == 4)
		regs->gpr[nr] = value & mask;
	else
		regs->gpr[nr] = (regs->gpr[nr] & ~mask) | (value & mask);
}

static u64 get_reg(const struct vtr_insn *insn, const struct vtr_regs *regs)
{
	if (insn->reg_high)
		return regs->gpr[insn->reg] >> 8 & 0xff;
	return vtr_gpr_get(regs, insn->reg, insn->reg_bytes);
}

static void set_reg(const struct vtr_insn *insn, struct vtr_regs *regs, u64 value)
{
	if (insn->reg_high)
		regs->gpr[insn->reg] = (regs->gpr[insn->reg] & ~0xff00ULL) | (value & 0xff) << 8;
	else
		vtr_gpr_set(regs, insn->reg, insn->reg_bytes, value);
}

static bool is_bit_test(const struct vtr_insn *insn)
{
	return insn->op >= VTR_INSN_BT && insn->op <= VTR_INSN_BTC;
}

/*
 * A bit number in a register reaches beyond the operand, in both directions:
 * SDM 2 "BT--Bit Test".
 */
static u64 bit_string_offset(const struct vtr_insn *insn, const struct vtr_regs *regs)
{
	s64 bit = sign_extend(get_reg(insn, regs), insn->reg_bytes);

	return (u64)(bit >> (insn->mem_bytes == 2 ? 4 : insn->mem_bytes == 4 ? 5 : 6)) *
	       insn->mem_bytes;
}

/**
 * vtr_insn_offset() - where is the operand in memory?
 * @insn: the instruction
 * @regs: registers in front of it
 *
 * Return: the offset in its segment, cut to the address size.
 */
u64 vtr_insn_offset(const struct vtr_insn *insn, const struct vtr_regs *regs)
{
	u64 offset = insn->disp;

	if (insn->base == VTR_GPR_RIP)
		offset += regs->rip + insn->bytes;
	else if (insn->base != VTR_NO_GPR)
		offset += regs->gpr[insn->base];
	if (insn->index != VTR_NO_GPR)
		offset += regs->gpr[insn->index] * insn->scale;
	if (is_bit_test(insn) && insn->other == VTR_OTHER_REG)
		offset += bit_string_offset(insn, regs);
	return offset & vtr_mask_bytes(insn->addr_bytes);
}

/* SF, ZF, PF of a result. */
static u64 flags_of(u64 result, unsigned int bytes)
{
	u64 flags = 0;
	u8 low = result;

	result &= vtr_mask_bytes(bytes);
	if (!result)
		flags |= FLAG_ZF;
	if (result & top_bit(bytes))
		flags |= FLAG_SF;
	low ^= low >> 4;
	low ^= low >> 2;
	low ^= low >> 1;
	return low & 1 ? flags : flags | FLAG_PF;
}

/*
 * @carries: the carry out of each bit position of a sum, or the borrow of a
 * difference.  OF: the carry into the top bit differs from that out of it.
 */
static u64 flags_of_carries(u64 carries, unsigned int bytes)
{
	u64 top = top_bit(bytes), flags = 0;

	if (carries & top)
		flags |= FLAG_CF;
	if (carries & BIT(3))
		flags |= FLAG_AF;
	if (!(carries & top) != !(carries & (top >> 1)))
		flags |= FLAG_OF;
	return flags;
}

/* @a and @b have zeros above the operand size.  Return: the result. */
static u64 calculate(unsigned int op, u64 a, u64 b, unsigned int bytes, u64 *rflags)
{
	u64 carry_in = (*rflags & FLAG_CF) && (op == VTR_INSN_ADC || op == VTR_INSN_SBB);
	u64 result, flags = 0;

	switch (op) {
	case VTR_INSN_ADD:
	case VTR_INSN_ADC:
		result = a + b + carry_in;
		flags = flags_of_carries((a & b) | ((a | b) & ~result), bytes);
		break;
	case VTR_INSN_SUB:
	case VTR_INSN_SBB:
	case VTR_INSN_CMP:
		result = a - b - carry_in;
		flags = flags_of_carries((~a & b) | ((~a | b) & result), bytes);
		break;
	case VTR_INSN_OR:
		result = a | b;
		break;
	case VTR_INSN_XOR:
		result = a ^ b;
		break;
	default:	/* AND, TEST */
		result = a & b;
	}
	flags |= flags_of(result, bytes);
	*rflags = (*rflags & ~(u64)STATUS_FLAGS) | flags;
	return result;
}

static u64 test_bit_of(const struct vtr_insn *insn, u64 mem, u64 number, u64 *rflags)
{
	u64 bit = 1ULL << (number & (insn->mem_bytes * 8 - 1));

	*rflags = (*rflags & ~(u64)FLAG_CF) | (mem & bit ? FLAG_CF : 0);
	switch (insn->op) {
	case VTR_INSN_BTS:
		return mem | bit;
	case VTR_INSN_BTR:
		return mem & ~bit;
	case VTR_INSN_BTC:
		return mem ^ bit;
	}
	return mem;
}

/**
 * vtr_insn_operate() - compute an instruction
 * @insn: the instruction; not INS or OUTS
 * @mem: operand read from memory, if it reads one
 * @seg_selector: value of the segment register @insn->reg, for VTR_OTHER_SEG
 * @regs: registers; the result and the flags are put in, but RIP stays
 *
 * Return: what goes to memory, if it writes there.
 */
u64 vtr_insn_operate(const struct vtr_insn *insn, u64 mem, u64 seg_selector,
		     struct vtr_regs *regs)
{
	unsigned int bytes = insn->mem_bytes;
	u64 other = 0, result;

	if (insn->other == VTR_OTHER_REG)
		other = get_reg(insn, regs);
	else if (insn->other == VTR_OTHER_IMM)
		other = insn->imm & vtr_mask_bytes(bytes);
	else if (insn->other == VTR_OTHER_SEG)
		other = seg_selector;

	switch (insn->op) {
	case VTR_INSN_MOV:
	case VTR_INSN_STOS:
		if (insn->to_mem)
			return other;
		set_reg(insn, regs, mem);
		return 0;
	case VTR_INSN_LODS:
	case VTR_INSN_MOVZX:
		set_reg(insn, regs, mem);
		return 0;
	case VTR_INSN_MOVSX:
		set_reg(insn, regs, sign_extend(mem, bytes));
		return 0;
	case VTR_INSN_MOVS:
		return mem;
	case VTR_INSN_XCHG:
		set_reg(insn, regs, mem);
		return other;
	case VTR_INSN_BT ... VTR_INSN_BTC:
		return test_bit_of(insn, mem, other, &regs->rflags);
	}
	if (insn->to_mem || insn->op == VTR_INSN_CMP || insn->op == VTR_INSN_TEST) {
		bool swap = insn->op == VTR_INSN_CMP && insn->reg_first;

		return calculate(insn->op, swap ? other : mem, swap ? mem : other, bytes,
				 &regs->rflags);
	}
	result = calculate(insn->op, other, mem, bytes, &regs->rflags);
	set_reg(insn, regs, result);
	return 0;
}

/**
 * vtr_insn_advance() - the registers of a string instruction after some elements
 * @insn: the instruction
 * @count: elements done; with REP not more than the counter
 * @regs: RSI, RDI and RCX move on, as far as @insn uses them
 */
void vtr_insn_advance(const struct vtr_insn *insn, u64 count, struct vtr_regs *regs)
{
	u64 step = regs->rflags & FLAG_DF ? -count * insn->mem_bytes : count * insn->mem_bytes;
	unsigned int bytes = insn->addr_bytes;

	vtr_gpr_set(regs, insn->base, bytes, regs->gpr[insn->base] + step);
	if (insn->op == VTR_INSN_MOVS)
		vtr_gpr_set(regs, VTR_RDI, bytes, regs->gpr[VTR_RDI] + step);
	if (insn->rep)
		vtr_gpr_set(regs, VTR_RCX, bytes, regs->gpr[VTR_RCX] - count);
}
