// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoding of the instructions that drivers use on memory-mapped devices.
 *
 * A processor tells of such an access only the address; which register takes
 * part, and how, has to be read from the instruction.  Two tables, one for each
 * opcode map, say what is known: the arithmetic and logic group, TEST, MOV with
 * its extensions, XCHG, the bit tests, and the string instructions.  All of
 * their forms with an operand in memory are decoded, in 16-, 32- and 64-bit
 * code; one that is missing from the tables is refused, never guessed.
 *
 *	prefixes  REX  opcode  ModRM  SIB  displacement  immediate
 *	  0-14    0-1   1-2     0-1   0-1      0-8          0-4     together <= 15
 *
 * Pure; compiled into programs as well.  Called by module/mmio.c and
 * module/string_io.c.  Read next: operate.c, what the instruction computes.
 * Source: SDM 2 "Instruction Format" (2), "Opcode Map" (appendix A).
 */
#include "decode.h"

/* How the operands follow from the opcode. */
#define BYTE	BIT(0)		/* both operands are bytes */
#define LOAD	BIT(1)		/* memory to register, else towards memory */
#define IMM8	BIT(2)		/* an immediate byte, sign-extended */
#define IMMZ	BIT(3)		/* an immediate of operand size, of 4 bytes at most */
#define MOFFS	BIT(4)		/* AL or RAX and an address without ModRM */
#define STRING	BIT(5)		/* addressed by RSI or RDI, no ModRM */
#define GROUP	BIT(6)		/* the operation is chosen by ModRM.reg: groups[op] */
#define SREG	BIT(7)		/* segment register, 16 bits */
#define MEM8	BIT(8)		/* a byte in memory, a larger register */
#define MEM16	BIT(9)		/* a word in memory, a larger register */
#define MEM32	BIT(10)		/* MOVSXD */
#define NO64	BIT(11)		/* no such opcode in 64-bit code */
#define ONLY64	BIT(12)		/* another instruction outside of 64-bit code */
#define KNOWN	BIT(15)

struct form {
	u8 op;			/* enum vtr_insn_op, or enum group */
	u16 flags;		/* 0: not decoded */
};

enum group { GROUP_1, GROUP_3, GROUP_8, GROUP_11 };

static const struct form groups[][8] = {
	[GROUP_1] = {
		{ VTR_INSN_ADD, KNOWN }, { VTR_INSN_OR, KNOWN },
		{ VTR_INSN_ADC, KNOWN }, { VTR_INSN_SBB, KNOWN },
		{ VTR_INSN_AND, KNOWN }, { VTR_INSN_SUB, KNOWN },
		{ VTR_INSN_XOR, KNOWN }, { VTR_INSN_CMP, KNOWN },
	},
	/* NOT, NEG, MUL, DIV have no immediate and are not decoded. */
	[GROUP_3] = { { VTR_INSN_TEST, KNOWN }, { VTR_INSN_TEST, KNOWN } },
	[GROUP_8] = {
		[4] = { VTR_INSN_BT, KNOWN }, [5] = { VTR_INSN_BTS, KNOWN },
		[6] = { VTR_INSN_BTR, KNOWN }, [7] = { VTR_INSN_BTC, KNOWN },
	},
	[GROUP_11] = { { VTR_INSN_MOV, KNOWN } },
};

#define ALU(first, name)							\
	[(first) + 0] = { VTR_INSN_##name, KNOWN | BYTE },			\
	[(first) + 1] = { VTR_INSN_##name, KNOWN },				\
	[(first) + 2] = { VTR_INSN_##name, KNOWN | BYTE | LOAD },		\
	[(first) + 3] = { VTR_INSN_##name, KNOWN | LOAD }

static const struct form one_byte[256] = {
	ALU(0x00, ADD), ALU(0x08, OR), ALU(0x10, ADC), ALU(0x18, SBB),
	ALU(0x20, AND), ALU(0x28, SUB), ALU(0x30, XOR), ALU(0x38, CMP),
	[0x63] = { VTR_INSN_MOVSX, KNOWN | LOAD | MEM32 | ONLY64 },
	[0x6c] = { VTR_INSN_INS, KNOWN | STRING | BYTE },
	[0x6d] = { VTR_INSN_INS, KNOWN | STRING },
	[0x6e] = { VTR_INSN_OUTS, KNOWN | STRING | BYTE },
	[0x6f] = { VTR_INSN_OUTS, KNOWN | STRING },
	[0x80] = { GROUP_1, KNOWN | GROUP | BYTE | IMM8 },
	[0x81] = { GROUP_1, KNOWN | GROUP | IMMZ },
	[0x82] = { GROUP_1, KNOWN | GROUP | BYTE | IMM8 | NO64 },
	[0x83] = { GROUP_1, KNOWN | GROUP | IMM8 },
	[0x84] = { VTR_INSN_TEST, KNOWN | BYTE },
	[0x85] = { VTR_INSN_TEST, KNOWN },
	[0x86] = { VTR_INSN_XCHG, KNOWN | BYTE },
	[0x87] = { VTR_INSN_XCHG, KNOWN },
	[0x88] = { VTR_INSN_MOV, KNOWN | BYTE },
	[0x89] = { VTR_INSN_MOV, KNOWN },
	[0x8a] = { VTR_INSN_MOV, KNOWN | BYTE | LOAD },
	[0x8b] = { VTR_INSN_MOV, KNOWN | LOAD },
	[0x8c] = { VTR_INSN_MOV, KNOWN | SREG },
	[0xa0] = { VTR_INSN_MOV, KNOWN | MOFFS | BYTE | LOAD },
	[0xa1] = { VTR_INSN_MOV, KNOWN | MOFFS | LOAD },
	[0xa2] = { VTR_INSN_MOV, KNOWN | MOFFS | BYTE },
	[0xa3] = { VTR_INSN_MOV, KNOWN | MOFFS },
	[0xa4] = { VTR_INSN_MOVS, KNOWN | STRING | BYTE },
	[0xa5] = { VTR_INSN_MOVS, KNOWN | STRING },
	[0xaa] = { VTR_INSN_STOS, KNOWN | STRING | BYTE },
	[0xab] = { VTR_INSN_STOS, KNOWN | STRING },
	[0xac] = { VTR_INSN_LODS, KNOWN | STRING | BYTE | LOAD },
	[0xad] = { VTR_INSN_LODS, KNOWN | STRING | LOAD },
	[0xc6] = { GROUP_11, KNOWN | GROUP | BYTE | IMM8 },
	[0xc7] = { GROUP_11, KNOWN | GROUP | IMMZ },
	[0xf6] = { GROUP_3, KNOWN | GROUP | BYTE | IMM8 },
	[0xf7] = { GROUP_3, KNOWN | GROUP | IMMZ },
};

/* The map behind 0FH. */
static const struct form two_byte[256] = {
	[0xa3] = { VTR_INSN_BT, KNOWN },
	[0xab] = { VTR_INSN_BTS, KNOWN },
	[0xb3] = { VTR_INSN_BTR, KNOWN },
	[0xb6] = { VTR_INSN_MOVZX, KNOWN | LOAD | MEM8 },
	[0xb7] = { VTR_INSN_MOVZX, KNOWN | LOAD | MEM16 },
	[0xba] = { GROUP_8, KNOWN | GROUP | IMM8 },
	[0xbb] = { VTR_INSN_BTC, KNOWN },
	[0xbe] = { VTR_INSN_MOVSX, KNOWN | LOAD | MEM8 },
	[0xbf] = { VTR_INSN_MOVSX, KNOWN | LOAD | MEM16 },
};

#define REX_W	BIT(3)
#define REX_R	BIT(2)
#define REX_X	BIT(1)
#define REX_B	BIT(0)

#define NO_SEG	0xff

/* What has been read so far. */
struct reader {
	const u8 *code;
	unsigned int room;
	unsigned int at;
	unsigned int bits;
	bool short_of;		/* more bytes were wanted than there are */
	u8 rex;
	bool operand_size;	/* prefix 66H */
	bool address_size;	/* prefix 67H */
	u8 seg;			/* override or NO_SEG */
	bool lock;
	bool rep;
	u8 modrm;
};

static u8 next_byte(struct reader *r)
{
	if (r->at >= r->room) {
		r->short_of = true;
		return 0;
	}
	return r->code[r->at++];
}

static u64 next_value(struct reader *r, unsigned int bytes)
{
	u64 value = 0;

	for (unsigned int i = 0; i < bytes; i++)
		value |= (u64)next_byte(r) << (8 * i);
	return value;
}

static s64 next_signed(struct reader *r, unsigned int bytes)
{
	u64 value = next_value(r, bytes);
	unsigned int unused = 64 - 8 * bytes;

	return (s64)(value << unused) >> unused;
}

/* In 64-bit code the overrides of segments without a base are ignored. */
static void override_segment(struct reader *r, u8 seg)
{
	if (r->bits != 64 || seg == VTR_FS || seg == VTR_GS)
		r->seg = seg;
}

/* Return: false if @byte is no prefix. */
static bool take_legacy_prefix(struct reader *r, u8 byte)
{
	switch (byte) {
	case 0x26:
		override_segment(r, VTR_ES);
		return true;
	case 0x2e:
		override_segment(r, VTR_CS);
		return true;
	case 0x36:
		override_segment(r, VTR_SS);
		return true;
	case 0x3e:
		override_segment(r, VTR_DS);
		return true;
	case 0x64:
		override_segment(r, VTR_FS);
		return true;
	case 0x65:
		override_segment(r, VTR_GS);
		return true;
	case 0x66:
		r->operand_size = true;
		return true;
	case 0x67:
		r->address_size = true;
		return true;
	case 0xf0:
		r->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		/* String instructions but CMPS and SCAS take REPNE as REP. */
		r->rep = true;
		return true;
	}
	return false;
}

/* Skip the prefixes.  A REX that is not the last one is ignored.  Return: the opcode. */
static u8 read_prefixes(struct reader *r)
{
	u8 byte;

	for (;;) {
		byte = next_byte(r);
		if (r->short_of)
			return 0;
		if (r->bits == 64 && (byte & 0xf0) == 0x40)
			r->rex = byte;
		else if (take_legacy_prefix(r, byte))
			r->rex = 0;
		else
			return byte;
	}
}

static const struct form *read_opcode(struct reader *r)
{
	u8 byte = read_prefixes(r);

	return byte == 0x0f ? &two_byte[next_byte(r)] : &one_byte[byte];
}

static unsigned int operand_bytes(const struct reader *r)
{
	if (r->rex & REX_W)
		return 8;
	return (r->bits == 16) != r->operand_size ? 2 : 4;
}

static unsigned int address_bytes(const struct reader *r)
{
	if (r->bits == 64)
		return r->address_size ? 4 : 8;
	return (r->bits == 16) != r->address_size ? 2 : 4;
}

/* SDM 2 "16-Bit Addressing Forms with the ModR/M Byte" (table 2-1). */
static void read_address_16(struct reader *r, struct vtr_insn *insn)
{
	static const u8 base[8] = {
		VTR_RBX, VTR_RBX, VTR_RBP, VTR_RBP, VTR_RSI, VTR_RDI, VTR_RBP, VTR_RBX,
	};
	static const u8 index[4] = { VTR_RSI, VTR_RDI, VTR_RSI, VTR_RDI };
	unsigned int mod = r->modrm >> 6, rm = r->modrm & 7;

	if (mod == 0 && rm == 6) {
		insn->disp = next_signed(r, 2);
		return;
	}
	insn->base = base[rm];
	if (rm < 4)
		insn->index = index[rm];
	if (insn->base == VTR_RBP)
		insn->seg = VTR_SS;
	if (mod)
		insn->disp = next_signed(r, mod);
}

/* Index 4 without REX.X and base 5 with mod 0 stand for none. */
static void read_sib(struct reader *r, struct vtr_insn *insn)
{
	u8 sib = next_byte(r);
	unsigned int base = sib & 7, index = sib >> 3 & 7;

	insn->scale = 1 << (sib >> 6);
	if (r->rex & REX_X)
		index += 8;
	if (index != VTR_RSP)
		insn->index = index;
	if (base == VTR_RBP && r->modrm >> 6 == 0)
		insn->disp = next_signed(r, 4);
	else
		insn->base = base + (r->rex & REX_B ? 8 : 0);
}

/* SDM 2 "32-Bit Addressing Forms with the ModR/M Byte" (table 2-2), and with REX. */
static void read_address_32(struct reader *r, struct vtr_insn *insn)
{
	unsigned int mod = r->modrm >> 6, rm = r->modrm & 7;

	if (rm == VTR_RSP) {
		read_sib(r, insn);
	} else if (mod == 0 && rm == VTR_RBP) {
		if (r->bits == 64)
			insn->base = VTR_GPR_RIP;
		insn->disp = next_signed(r, 4);
	} else {
		insn->base = rm + (r->rex & REX_B ? 8 : 0);
	}
	if (insn->base == VTR_RSP || insn->base == VTR_RBP)
		insn->seg = VTR_SS;
	if (mod)
		insn->disp = next_signed(r, mod == 1 ? 1 : 4);
}

/* A byte register 4 to 7 is AH to BH, unless there is a REX prefix. */
static void take_register(struct reader *r, struct vtr_insn *insn)
{
	unsigned int reg = r->modrm >> 3 & 7;

	insn->reg = reg + (r->rex & REX_R ? 8 : 0);
	if (insn->reg_bytes == 1 && !r->rex && reg >= 4) {
		insn->reg = reg - 4;
		insn->reg_high = true;
	}
}

/* Operands of an instruction with ModRM.  Return: 0 or -EINVAL. */
static int read_modrm(struct reader *r, const struct form *form, struct vtr_insn *insn)
{
	unsigned int reg;

	r->modrm = next_byte(r);
	if (r->modrm >> 6 == 3)
		return -EINVAL;
	reg = r->modrm >> 3 & 7;
	if (form->flags & GROUP) {
		const struct form *member = &groups[form->op][reg];

		if (!member->flags)
			return -EINVAL;
		insn->op = member->op;
		insn->other = VTR_OTHER_IMM;
	} else if (form->flags & SREG) {
		if (reg > VTR_GS)
			return -EINVAL;
		insn->other = VTR_OTHER_SEG;
		insn->reg = reg;
	} else {
		take_register(r, insn);
	}
	if (insn->addr_bytes == 2)
		read_address_16(r, insn);
	else
		read_address_32(r, insn);
	return 0;
}

static void read_immediate(struct reader *r, const struct form *form, struct vtr_insn *insn)
{
	if (form->flags & IMMZ)
		insn->imm = next_signed(r, insn->mem_bytes == 8 ? 4 : insn->mem_bytes);
	else if ((form->flags & IMM8) && insn->op >= VTR_INSN_BT)
		insn->imm = next_value(r, 1);
	else if (form->flags & IMM8)
		insn->imm = next_signed(r, 1);
}

static void take_string(struct vtr_insn *insn)
{
	insn->base = VTR_RSI;
	switch (insn->op) {
	case VTR_INSN_STOS:
		insn->base = VTR_RDI;
		insn->reg = VTR_RAX;
		break;
	case VTR_INSN_LODS:
		insn->reg = VTR_RAX;
		break;
	case VTR_INSN_INS:
		insn->base = VTR_RDI;
		insn->other = VTR_OTHER_NONE;
		break;
	default:
		insn->to_mem = insn->op == VTR_INSN_MOVS;
		insn->other = VTR_OTHER_NONE;
	}
}

static void take_sizes(const struct reader *r, const struct form *form, struct vtr_insn *insn)
{
	unsigned int bytes = form->flags & BYTE ? 1 : operand_bytes(r);

	insn->reg_bytes = bytes;
	insn->mem_bytes = bytes;
	if (form->flags & MEM8)
		insn->mem_bytes = 1;
	if (form->flags & (MEM16 | SREG))
		insn->mem_bytes = 2;
	if ((form->flags & MEM32) && bytes == 8)
		insn->mem_bytes = 4;
	/* Ports have 32 bits at most. */
	if ((insn->op == VTR_INSN_INS || insn->op == VTR_INSN_OUTS) && bytes == 8)
		insn->reg_bytes = insn->mem_bytes = 4;
	insn->addr_bytes = address_bytes(r);
}

/* SDM 2 "LOCK--Assert LOCK# Signal Prefix": everywhere else it is #UD. */
static bool may_be_locked(const struct vtr_insn *insn)
{
	if (!insn->to_mem)
		return false;
	switch (insn->op) {
	case VTR_INSN_ADD ... VTR_INSN_XOR:
	case VTR_INSN_XCHG:
	case VTR_INSN_BTS ... VTR_INSN_BTC:
		return true;
	}
	return false;
}

static int read_operands(struct reader *r, const struct form *form, struct vtr_insn *insn)
{
	int err = 0;

	insn->op = form->op;
	insn->base = insn->index = VTR_NO_GPR;
	insn->scale = 1;
	insn->seg = VTR_DS;
	insn->to_mem = !(form->flags & LOAD);
	insn->reg_first = form->flags & LOAD;
	take_sizes(r, form, insn);
	if (form->flags & STRING)
		take_string(insn);
	else if (form->flags & MOFFS)
		insn->disp = next_value(r, insn->addr_bytes);
	else
		err = read_modrm(r, form, insn);
	if (err)
		return err;
	/* The destination of a string instruction is in ES, whatever the prefix says. */
	if (insn->op == VTR_INSN_STOS || insn->op == VTR_INSN_INS)
		insn->seg = VTR_ES;
	else if (r->seg != NO_SEG)
		insn->seg = r->seg;
	insn->rep = (form->flags & STRING) && r->rep;
	/* These only look at their operand. */
	if (insn->op == VTR_INSN_CMP || insn->op == VTR_INSN_TEST || insn->op == VTR_INSN_BT)
		insn->to_mem = false;
	read_immediate(r, form, insn);
	return 0;
}

/**
 * vtr_decode() - decode one instruction
 * @code: its bytes
 * @room: bytes at @code
 * @bits: 16, 32 or 64: the default size of code
 * @insn: filled
 *
 * Return: 0; -EINVAL: not an instruction of the tables, or it has no operand
 * in memory; -ENODATA: @room ends inside of it, which can only be if @room is
 * less than VTR_INSN_MAX_BYTES.
 */
int vtr_decode(const u8 *code, unsigned int room, unsigned int bits, struct vtr_insn *insn)
{
	struct reader r = {
		.code = code, .bits = bits, .seg = NO_SEG,
		.room = room < VTR_INSN_MAX_BYTES ? room : VTR_INSN_MAX_BYTES,
	};
	const struct form *form = read_opcode(&r);
	int err = -EINVAL;

	*insn = (struct vtr_insn) {};
	if (form->flags && !r.short_of &&
	    !(form->flags & (bits == 64 ? NO64 : ONLY64)))
		err = read_operands(&r, form, insn);
	if (r.short_of)
		return room < VTR_INSN_MAX_BYTES ? -ENODATA : -EINVAL;
	if (err)
		return err;
	insn->bytes = r.at;
	insn->lock = r.lock;
	return r.lock && !may_be_locked(insn) ? -EINVAL : 0;
}

/* Does it read its operand in memory (of MOVS: the source)? */
bool vtr_insn_reads_mem(const struct vtr_insn *insn)
{
	if (insn->op == VTR_INSN_MOV)
		return !insn->to_mem;
	return insn->op != VTR_INSN_STOS && insn->op != VTR_INSN_INS;
}

/* Does it write to its operand in memory (of MOVS: to ES:RDI)? */
bool vtr_insn_writes_mem(const struct vtr_insn *insn)
{
	return insn->to_mem;
}

bool vtr_insn_is_string(const struct vtr_insn *insn)
{
	return insn->op >= VTR_INSN_MOVS;
}
