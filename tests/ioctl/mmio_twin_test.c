// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is an instruction on a device carried out as the processor does it on memory?
 *
 * Each sample is one instruction with random operands, executed in several VMs
 * that differ in one thing: what is at WINDOW, the two pages that its operand
 * lies in.
 *
 *	twin	first page	second page
 *	-	memory		memory		the processor's own opinion
 *	0	device		device
 *	1	memory		device		an operand may lie on both
 *	2	device		memory
 *	3	read-only memory, both: writes go up
 *
 * The device stores what is written, so registers, flags, memory, page tables,
 * and the fault if there is one, must be the same at the end.  A case is one
 * mode of the processor; MMIO_SAMPLES and MMIO_SEED say how many and which.
 *
 * Guest memory: CODE_AT the instruction and a HLT, HANDLERS one HLT for each
 * exception, SCRATCH other memory for string instructions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"

#define MEMORY		0xe000u
#define WINDOW		0xe000u
#define WINDOW_BYTES	0x2000u
#define PAGE		0x1000u
#define TABLE_AT	0x6000		/* last level of the page tables */
#define TSS_AT		0x9000
#define HANDLERS	0xa000
#define SCRATCH		0xc000
#define SCRATCH_BYTES	0x2000

#define NR_TWINS	4
#define MAX_INSN	15

/* ---- random numbers, the same ones for each seed ----------------------------------- */

static uint64_t random_state;

static uint64_t any(void)
{
	/* xorshift64* */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(uint64_t limit)
{
	return any() % limit;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

/* ---- modes ----------------------------------------------------------------------------- */

enum paging { NO_PAGING, PAGING_32, PAGING_PAE, PAGING_LONG };

struct mode {
	const char *name;
	int bits;		/* of code: 16, 32, 64 */
	bool real;
	enum paging paging;
	unsigned int ring;
};

static const struct mode *mode;

#define CR0_PE		(1ull << 0)
#define CR0_ET		(1ull << 4)
#define CR0_WP		(1ull << 16)
#define CR0_AM		(1ull << 18)
#define CR0_PG		(1ull << 31)
#define CR4_PAE		(1ull << 5)
#define EFER_LONG	0x500ull
#define FLAG_CF		(1u << 0)
#define FLAG_PF		(1u << 2)
#define FLAG_AF		(1u << 4)
#define FLAG_SF		(1u << 7)
#define FLAG_DF		(1u << 10)
#define FLAG_OF		(1u << 11)
#define FLAG_AC		(1u << 18)
#define STATUS_FLAGS	0x8d5u

#define PTE_P		1u
#define PTE_RW		2u
#define PTE_US		4u
#define PTE_A		0x20u
#define PTE_D		0x40u

/* ---- instructions ------------------------------------------------------------------------ */

/* How the operands follow from the opcode; the manual's letters in comments. */
enum form_flags {
	B = 1,			/* bytes, Eb,Gb */
	LOAD = 2,		/* Gv,Ev */
	IMM8 = 4,		/* Ib */
	IMMZ = 8,		/* Iz */
	DIGIT = 16,		/* /digit in ModRM.reg */
	MOFFS = 32,		/* Ob */
	STR = 64,		/* strings */
	LOCK = 128,		/* may have LOCK */
	BITS = 256,		/* a bit number in a register moves the address */
	NO64 = 512,
	ONLY64 = 1024,
	LOGIC = 2048,		/* AF is undefined */
	BT = 4096,		/* OF, SF, AF, PF are undefined */
};

struct form {
	const char *name;
	uint8_t map;		/* 0x0f or 0 */
	uint8_t opcode;
	uint8_t digit;
	uint16_t flags;
};

#define ALU(name, n, flags)							\
	{ name " Eb,Gb", 0, (n) * 8 + 0, 0, B | (flags) },			\
	{ name " Ev,Gv", 0, (n) * 8 + 1, 0, (flags) },				\
	{ name " Gb,Eb", 0, (n) * 8 + 2, 0, B | LOAD | ((flags) & LOGIC) },	\
	{ name " Gv,Ev", 0, (n) * 8 + 3, 0, LOAD | ((flags) & LOGIC) },		\
	{ name " Eb,Ib", 0, 0x80, n, B | IMM8 | DIGIT | (flags) },		\
	{ name " Ev,Iz", 0, 0x81, n, IMMZ | DIGIT | (flags) },			\
	{ name " Eb,Ib (82)", 0, 0x82, n, B | IMM8 | DIGIT | NO64 | (flags) },	\
	{ name " Ev,Ib", 0, 0x83, n, IMM8 | DIGIT | (flags) }

#define BIT_TEST(name, n, flags)						\
	{ name " Ev,Gv", 0x0f, 0x83 + (n) * 8, 0, BITS | BT | (flags) },	\
	{ name " Ev,Ib", 0x0f, 0xba, n, IMM8 | DIGIT | BT | (flags) }

static const struct form forms[] = {
	ALU("ADD", 0, LOCK), ALU("OR", 1, LOCK | LOGIC), ALU("ADC", 2, LOCK),
	ALU("SBB", 3, LOCK), ALU("AND", 4, LOCK | LOGIC), ALU("SUB", 5, LOCK),
	ALU("XOR", 6, LOCK | LOGIC), ALU("CMP", 7, 0),
	{ "TEST Eb,Gb", 0, 0x84, 0, B | LOGIC },
	{ "TEST Ev,Gv", 0, 0x85, 0, LOGIC },
	{ "TEST Eb,Ib", 0, 0xf6, 0, B | IMM8 | DIGIT | LOGIC },
	{ "TEST Ev,Iz", 0, 0xf7, 0, IMMZ | DIGIT | LOGIC },
	{ "TEST Ev,Iz (/1)", 0, 0xf7, 1, IMMZ | DIGIT | LOGIC },
	{ "XCHG Eb,Gb", 0, 0x86, 0, B | LOCK },
	{ "XCHG Ev,Gv", 0, 0x87, 0, LOCK },
	{ "MOV Eb,Gb", 0, 0x88, 0, B },
	{ "MOV Ev,Gv", 0, 0x89, 0, 0 },
	{ "MOV Gb,Eb", 0, 0x8a, 0, B | LOAD },
	{ "MOV Gv,Ev", 0, 0x8b, 0, LOAD },
	{ "MOV Ew,ES", 0, 0x8c, 0, DIGIT },
	{ "MOV Ew,GS", 0, 0x8c, 5, DIGIT },
	{ "MOV AL,Ob", 0, 0xa0, 0, B | LOAD | MOFFS },
	{ "MOV rAX,Ov", 0, 0xa1, 0, LOAD | MOFFS },
	{ "MOV Ob,AL", 0, 0xa2, 0, B | MOFFS },
	{ "MOV Ov,rAX", 0, 0xa3, 0, MOFFS },
	{ "MOV Eb,Ib", 0, 0xc6, 0, B | IMM8 | DIGIT },
	{ "MOV Ev,Iz", 0, 0xc7, 0, IMMZ | DIGIT },
	{ "MOVZX Gv,Eb", 0x0f, 0xb6, 0, LOAD },
	{ "MOVZX Gv,Ew", 0x0f, 0xb7, 0, LOAD },
	{ "MOVSX Gv,Eb", 0x0f, 0xbe, 0, LOAD },
	{ "MOVSX Gv,Ew", 0x0f, 0xbf, 0, LOAD },
	{ "MOVSXD Gv,Ed", 0, 0x63, 0, LOAD | ONLY64 },
	BIT_TEST("BT", 4, 0), BIT_TEST("BTS", 5, LOCK), BIT_TEST("BTR", 6, LOCK),
	BIT_TEST("BTC", 7, LOCK),
	{ "MOVSB", 0, 0xa4, 0, B | STR }, { "MOVS", 0, 0xa5, 0, STR },
	{ "STOSB", 0, 0xaa, 0, B | STR }, { "STOS", 0, 0xab, 0, STR },
	{ "LODSB", 0, 0xac, 0, B | STR }, { "LODS", 0, 0xad, 0, STR },
};

/* ---- a sample ------------------------------------------------------------------------------ */

struct sample {
	const struct form *form;
	uint8_t code[MAX_INSN + 8];
	unsigned int bytes;
	struct vtr_regs regs;
	struct vtr_sregs sregs;
	uint8_t memory[MEMORY];
	uint8_t window[WINDOW_BYTES];
	uint8_t after_memory[MEMORY];
	uint8_t after_window[WINDOW_BYTES];

	/* while it is made */
	uint8_t rex;
	unsigned int operand_bytes;
	unsigned int address_bytes;
	uint8_t seg;
	int base, index;	/* -1: none, 16: RIP */
	unsigned int scale;
};

static struct sample s;

#define CHOSEN	0x80	/* in s.seg: by a prefix */

static void put(uint64_t value, unsigned int bytes)
{
	memcpy(s.code + s.bytes, &value, bytes);
	s.bytes += bytes;
}

static void choose_prefixes(const struct form *form)
{
	static const uint8_t overrides[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	bool operand = one_in(3), address = one_in(4);

	s.seg = VTR_DS;
	if (operand)
		put(0x66, 1);
	if (one_in(4)) {
		static const uint8_t segs[] = {
			VTR_ES, VTR_CS, VTR_SS, VTR_DS, VTR_FS, VTR_GS,
		};
		unsigned int which = below(6);

		put(overrides[which], 1);
		if (mode->bits != 64 || which >= 4)
			s.seg = segs[which] | CHOSEN;
	}
	if (address)
		put(0x67, 1);
	if ((form->flags & STR) && one_in(2))
		put(one_in(2) ? 0xf3 : 0xf2, 1);
	s.operand_bytes = (mode->bits == 16) != operand ? 2 : 4;
	s.address_bytes = mode->bits == 64 ? (address ? 4 : 8) :
			  (mode->bits == 16) != address ? 2 : 4;
	s.rex = 0;
	if (mode->bits == 64 && one_in(2)) {
		s.rex = 0x40 | below(16);
		if (s.rex & 8)
			s.operand_bytes = 8;
	}
}

/* LOCK only with memory as the destination: all of those forms have no LOAD. */
static void choose_lock(const struct form *form)
{
	if ((form->flags & LOCK) && !(form->flags & LOAD) && one_in(4))
		put(0xf0, 1);
}

static uint64_t cut(uint64_t value, unsigned int bytes)
{
	return bytes == 8 ? value : value & ((1ull << (8 * bytes)) - 1);
}

static uint64_t segment_base(unsigned int seg)
{
	if (mode->bits == 64 && seg != VTR_FS && seg != VTR_GS)
		return 0;
	return s.sregs.seg[seg].base;
}

/* An address for an operand: anywhere, at the border of the pages, at the ends. */
static uint64_t choose_target(void)
{
	switch (below(6)) {
	case 0:
		return WINDOW + PAGE - 1 - below(7);
	case 1:
		return WINDOW + below(16);
	case 2:
		return WINDOW + WINDOW_BYTES - 1 - below(16);
	default:
		return WINDOW + 8 + below(WINDOW_BYTES - 16) / 8 * 8;
	}
}

/* Is the register needed as it is?  RSP holds the stack. */
static bool fixed(int reg)
{
	return reg == VTR_RSP;
}

static void use(unsigned int seg)
{
	if (!(s.seg & CHOSEN))
		s.seg = seg;
}

static void finish_segment(void)
{
	s.seg &= ~CHOSEN;
}

/*
 * Choose ModRM, SIB and displacement, and set registers so that the operand
 * lies at @target.  Return: false if the dice gave something that cannot.
 */
static bool put_address_16(unsigned int reg, uint64_t target)
{
	static const int8_t bases[] = { VTR_RBX, VTR_RBX, VTR_RBP, VTR_RBP, -1, -1, VTR_RBP,
					VTR_RBX };
	static const int8_t indices[] = { VTR_RSI, VTR_RDI, VTR_RSI, VTR_RDI, VTR_RSI, VTR_RDI,
					  -1, -1 };
	unsigned int mod = below(3), rm = below(8);
	int base = bases[rm], index = indices[rm];
	uint64_t disp = 0, sum = 0;

	if (mod == 0 && rm == 6)
		base = -1;
	if (base == VTR_RBP)
		use(VTR_SS);
	finish_segment();
	target -= segment_base(s.seg);
	put(mod << 6 | reg << 3 | rm, 1);
	if (mod == 1)
		disp = (int8_t)any();
	if (mod == 2 || (mod == 0 && rm == 6)) {
		if (base >= 0)
			sum += s.regs.gpr[base];
		if (index >= 0)
			sum += s.regs.gpr[index];
		disp = target - sum;
	} else {
		int free = base >= 0 ? base : index;

		if (base >= 0 && index >= 0)
			sum = s.regs.gpr[index];
		s.regs.gpr[free] = (s.regs.gpr[free] & ~0xffffull) |
				   ((target - sum - disp) & 0xffff);
	}
	put(disp, mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 6) ? 2 : 0);
	s.base = base;
	s.index = index;
	return true;
}

static void set_part(int reg, uint64_t value)
{
	s.regs.gpr[reg] = s.address_bytes == 8 ? value : (uint32_t)value |
			  (mode->bits == 64 ? s.regs.gpr[reg] & ~0xffffffffull : 0);
}

static bool put_address_32(unsigned int reg, uint64_t target, unsigned int imm_bytes)
{
	unsigned int mod = below(3), rm = below(8), sib = any() & 0xff, scale = 1;
	bool has_sib = rm == 4, disp32;
	int base, index = -1;
	uint64_t disp = 0, sum = 0;

	base = rm + (s.rex & 1 ? 8 : 0);
	if (has_sib) {
		base = (sib & 7) + (s.rex & 1 ? 8 : 0);
		index = (sib >> 3 & 7) + (s.rex & 2 ? 8 : 0);
		scale = 1 << (sib >> 6);
		if (index == 4)
			index = -1;
	}
	if (mod == 0 && (has_sib ? sib & 7 : rm) == 5)
		base = has_sib || mode->bits != 64 ? -1 : 16;
	if (base == VTR_RSP || base == VTR_RBP)
		use(VTR_SS);
	finish_segment();
	target -= segment_base(s.seg);
	disp32 = mod == 2 || base == -1 || base == 16;
	put(mod << 6 | reg << 3 | rm, 1);
	if (has_sib)
		put(sib, 1);
	if (index >= 0)
		sum = s.regs.gpr[index] * scale;
	if (disp32) {
		if (base == 16)
			sum += CODE_AT + s.bytes + 4 + imm_bytes;
		else if (base >= 0)
			sum += s.regs.gpr[base];
		disp = target - sum;
		/* With 64-bit addresses the displacement is only 32 bits wide. */
		if (s.address_bytes == 8 && (int64_t)disp != (int32_t)disp) {
			int free = base >= 0 && base != 16 ? base : index;

			if (free < 0 || fixed(free) || (base == index && base >= 0))
				return false;
			disp = (int32_t)any();
			if (free == base)
				set_part(base, target - disp - (sum - s.regs.gpr[base]));
			else if (base == -1 && scale == 1)
				set_part(index, target - disp);
			else
				return false;
		}
	} else {
		if (mod == 1)
			disp = (int8_t)any();
		if (fixed(base) || base == index)
			return false;
		set_part(base, target - sum - disp);
	}
	put(disp, disp32 ? 4 : mod);
	s.base = base;
	s.index = index;
	return true;
}

/* A bit number that moves the operand by a few words. */
static bool choose_bit(unsigned int reg)
{
	uint64_t bit = below(600) - 300;

	if (fixed(reg) || (int)reg == s.base || (int)reg == s.index)
		return false;
	s.regs.gpr[reg] = s.operand_bytes == 8 ? bit : mode->bits == 64 ?
			  (s.regs.gpr[reg] & ~cut(~0ull, s.operand_bytes)) |
			  cut(bit, s.operand_bytes) : (uint32_t)bit;
	return true;
}

static unsigned int immediate_bytes(const struct form *form)
{
	if (form->flags & IMM8)
		return 1;
	if (form->flags & IMMZ)
		return s.operand_bytes == 2 ? 2 : 4;
	return 0;
}

static bool make_modrm(const struct form *form)
{
	unsigned int reg = form->flags & DIGIT ? form->digit : below(8);
	unsigned int full = reg + (s.rex & 4 ? 8 : 0);
	unsigned int imm = immediate_bytes(form);
	uint64_t target = choose_target();
	bool made;

	/* RSP as destination would lose the stack. */
	if (!(form->flags & DIGIT) && full == VTR_RSP && !(form->flags & B))
		return false;
	if (form->flags & B && s.rex && full == VTR_RSP)
		return false;
	made = s.address_bytes == 2 ? put_address_16(reg, target) :
				      put_address_32(reg, target, imm);
	if (!made || ((form->flags & BITS) && !choose_bit(full)))
		return false;
	put(any(), imm);
	return true;
}

static void point_at(unsigned int reg, uint64_t linear, unsigned int seg)
{
	uint64_t offset = linear - segment_base(seg);

	if (s.address_bytes == 2)
		s.regs.gpr[reg] = (s.regs.gpr[reg] & ~0xffffull) | (offset & 0xffff);
	else
		set_part(reg, offset);
}

static bool make_string(void)
{
	bool scratch_source = one_in(3), scratch_destination = !scratch_source && one_in(3);

	finish_segment();
	point_at(VTR_RSI, scratch_source ? SCRATCH + 64 + below(SCRATCH_BYTES - 128) :
		 choose_target(), s.seg);
	point_at(VTR_RDI, scratch_destination ? SCRATCH + 64 + below(SCRATCH_BYTES - 128) :
		 choose_target(), VTR_ES);
	s.regs.gpr[VTR_RCX] = cut(below(6), s.address_bytes) |
		(mode->bits == 64 && s.address_bytes != 8 ? any() << 32 : 0);
	return true;
}

static bool make_moffs(void)
{
	finish_segment();
	put(choose_target() - segment_base(s.seg), s.address_bytes);
	return true;
}

/* Build the instruction.  Return: false: throw the dice again. */
static bool make_code(void)
{
	const struct form *form = &forms[below(sizeof(forms) / sizeof(forms[0]))];
	bool made;

	s.form = form;
	s.bytes = 0;
	s.base = s.index = -1;
	if (form->flags & (mode->bits == 64 ? NO64 : ONLY64))
		return false;
	choose_lock(form);
	choose_prefixes(form);
	if (s.rex)
		put(s.rex, 1);
	if (form->map)
		put(form->map, 1);
	put(form->opcode, 1);
	if (form->flags & STR)
		made = make_string();
	else if (form->flags & MOFFS)
		made = make_moffs();
	else
		made = make_modrm(form);
	return made && s.bytes <= MAX_INSN;
}

/* ---- the state around it --------------------------------------------------------------------- */

#define ATTR_DATA	0x0093u
#define ATTR_CODE	0x009bu
#define ATTR_DPL3	0x0060u
#define ATTR_L		0x0200u
#define ATTR_D		0x0400u
#define ATTR_G		0x0800u

static struct vtr_segment flat(unsigned int selector, unsigned int attributes)
{
	return (struct vtr_segment) {
		.limit = ~0u, .selector = selector | mode->ring,
		.attributes = attributes | ATTR_G | (mode->ring ? ATTR_DPL3 : 0),
	};
}

/* Now and then a segment with a base, a limit inside of the window, or of another type. */
static struct vtr_segment data_segment(void)
{
	struct vtr_segment seg = flat(SEL_DATA, ATTR_DATA | ATTR_D);

	if (one_in(2))
		seg.base = below(0x2000);
	if (one_in(6)) {
		seg.limit = WINDOW + below(WINDOW_BYTES) - seg.base;
		seg.attributes &= ~ATTR_G;
	}
	if (one_in(12))
		seg.attributes &= ~2u;		/* read-only */
	else if (one_in(12)) {
		seg.attributes |= 4;		/* expands down */
		seg.limit = WINDOW + below(WINDOW_BYTES) - seg.base;
		seg.attributes &= ~ATTR_G;
	} else if (one_in(12)) {
		seg.attributes |= 8;		/* code: cannot be written */
		seg.attributes &= ~(ATTR_D | 4u);
	} else if (one_in(24)) {
		seg = (struct vtr_segment) { .unusable = 1 };
	}
	return seg;
}

static void make_protected(struct vtr_sregs *sr)
{
	static const uint8_t data[] = { VTR_ES, VTR_DS, VTR_FS, VTR_GS };
	unsigned int code = ATTR_CODE | (mode->bits == 64 ? ATTR_L : mode->bits == 32 ? ATTR_D : 0);

	for (unsigned int i = 0; i < sizeof(data); i++) {
		sr->seg[data[i]] = data_segment();
		/* Far away in 64-bit code, where limits do not count. */
		if (mode->bits == 64 && i >= 2 && one_in(2))
			sr->seg[data[i]].base = below(0x2000);
	}
	sr->seg[VTR_CS] = flat(SEL_CODE32, code);
	sr->seg[VTR_SS] = flat(SEL_DATA, ATTR_DATA | ATTR_D);
	sr->seg[VTR_TR] = (struct vtr_segment) {
		.base = TSS_AT, .limit = 0x67, .selector = 0x30, .attributes = 0x8b,
	};
	sr->seg[VTR_LDTR] = (struct vtr_segment) { .unusable = 1 };
	sr->gdtr = (struct vtr_table_register) { .base = GDT_AT, .limit = 0x7f };
	sr->idtr = (struct vtr_table_register) { .base = IDT_AT, .limit = 0xfff };
	sr->cr0 = CR0_PE | CR0_ET | (one_in(2) ? CR0_WP : 0) | (one_in(2) ? CR0_AM : 0);
	if (mode->paging == NO_PAGING)
		return;
	sr->cr0 |= CR0_PG;
	sr->cr3 = PML4_AT;
	if (mode->paging != PAGING_32)
		sr->cr4 = CR4_PAE;
	if (mode->paging == PAGING_LONG)
		sr->efer = EFER_LONG;
}

static void make_real(struct vtr_sregs *sr)
{
	static const uint8_t data[] = { VTR_ES, VTR_SS, VTR_DS, VTR_FS, VTR_GS };

	for (unsigned int i = 0; i < sizeof(data); i++) {
		unsigned int selector = data[i] != VTR_SS && one_in(2) ? below(0x200) : 0;

		sr->seg[data[i]] = (struct vtr_segment) {
			.base = selector << 4, .limit = 0xffff, .selector = selector,
			.attributes = ATTR_DATA,
		};
	}
	sr->seg[VTR_CS] = (struct vtr_segment) { .limit = 0xffff, .attributes = ATTR_CODE };
	sr->idtr = (struct vtr_table_register) { .base = 0, .limit = 0x3ff };
	sr->gdtr = (struct vtr_table_register) { };
	sr->cr0 = CR0_ET;
}

static void put_mem(uint64_t at, uint64_t value, unsigned int bytes)
{
	memcpy(s.memory + at, &value, bytes);
}

static uint64_t random_pte(void)
{
	uint64_t pte = PTE_P | PTE_RW | PTE_US;

	if (one_in(8))
		pte &= ~(uint64_t)PTE_P;
	if (one_in(5))
		pte &= ~(uint64_t)PTE_RW;
	if (one_in(8))
		pte &= ~(uint64_t)PTE_US;
	if (one_in(2))
		pte |= PTE_A;
	if ((pte & PTE_A) && one_in(2))
		pte |= PTE_D;
	/* A bit that no processor has as an address, and NX, which is off. */
	if (mode->paging != PAGING_32 && one_in(16))
		pte |= 1ull << (one_in(2) ? 51 : 63);
	return pte;
}

/* Pages of 4 KiB for the first 64 KiB, all usable but perhaps the window's. */
static void make_page_tables(void)
{
	unsigned int entry = mode->paging == PAGING_32 ? 4 : 8;
	uint64_t table = PTE_P | PTE_RW | PTE_US;

	switch (mode->paging) {
	case NO_PAGING:
		return;
	case PAGING_32:
		put_mem(PML4_AT, TABLE_AT | table, 4);
		break;
	case PAGING_PAE:
		put_mem(PML4_AT, PDPT_AT | PTE_P, 8);
		put_mem(PDPT_AT, TABLE_AT | table, 8);
		break;
	case PAGING_LONG:
		put_mem(PML4_AT, PDPT_AT | table, 8);
		put_mem(PDPT_AT, PD_AT | table, 8);
		put_mem(PD_AT, TABLE_AT | table, 8);
		break;
	}
	for (uint64_t page = 0; page < 16; page++) {
		uint64_t bits = page * PAGE >= WINDOW ? random_pte() : table;

		put_mem(TABLE_AT + page * entry, page * PAGE | bits, entry);
	}
}

/* Exception n ends at the HLT at HANDLERS + n, in ring 0. */
static void make_handlers(void)
{
	memset(s.memory + HANDLERS, 0xf4, 64);
	for (uint64_t n = 0; n < 32; n++) {
		uint64_t at = HANDLERS + n;

		if (mode->real)
			put_mem(n * 4, at, 4);
		else if (mode->paging == PAGING_LONG)
			put_mem(IDT_AT + n * 16, at | 0x28ull << 16 | 0x8e00ull << 32, 8);
		else
			put_mem(IDT_AT + n * 8, at | 0x28ull << 16 | 0x8e00ull << 32, 8);
	}
	if (mode->real)
		return;
	/* 28: code of ring 0 for the handlers; 10: data. */
	put_mem(GDT_AT + 0x10, 0x00cf93000000ffff, 8);
	put_mem(GDT_AT + 0x28, mode->paging == PAGING_LONG ? 0x00af9b000000ffff :
		0x00cf9b000000ffff, 8);
	/* The stack of ring 0: RSP0, or ESP0 and SS0. */
	put_mem(TSS_AT + 4, STACK_AT - 0x400, 4);
	if (mode->paging != PAGING_LONG)
		put_mem(TSS_AT + 8, SEL_DATA, 4);
}

static void make_registers(void)
{
	for (unsigned int i = 0; i < 16; i++) {
		s.regs.gpr[i] = any();
		if (mode->bits != 64)
			s.regs.gpr[i] = i < 8 ? (uint32_t)s.regs.gpr[i] : 0;
	}
	s.regs.gpr[VTR_RSP] = STACK_AT;
	s.regs.rip = CODE_AT;
	s.regs.rflags = 2 | (any() & STATUS_FLAGS) | (one_in(2) ? FLAG_DF : 0) |
			(mode->ring && one_in(2) ? FLAG_AC : 0);
}

static void make_sample(const struct vtr_sregs *reset)
{
	do {
		s.sregs = *reset;
		if (mode->real)
			make_real(&s.sregs);
		else
			make_protected(&s.sregs);
		make_registers();
	} while (!make_code());

	memset(s.memory, 0, sizeof(s.memory));
	make_handlers();
	make_page_tables();
	memcpy(s.memory + CODE_AT, s.code, s.bytes);
	s.memory[CODE_AT + s.bytes] = 0xf4;
	for (unsigned int i = 0; i < WINDOW_BYTES; i += 8) {
		uint64_t value = any();

		memcpy(s.window + i, &value, 8);
		memcpy(s.memory + SCRATCH + i, &value, 8);
	}
}

/* ---- running it ----------------------------------------------------------------- */

struct twin {
	struct vcpu *vcpu;
	uint8_t *window;
	bool first_is_ram, second_is_ram, read_only;
	unsigned int accesses;
};

struct outcome {
	uint32_t exit;
	struct vtr_regs regs;
	uint64_t cr2;
};

static struct twin new_twin(bool first, bool second, bool read_only)
{
	struct vm *vm = new_vm(MEMORY, 0);
	struct twin twin = {
		.vcpu = new_vcpu(vm, 0), .window = map_memory(WINDOW_BYTES),
		.first_is_ram = first, .second_is_ram = second, .read_only = read_only,
	};
	uint32_t flags = read_only ? VTR_SLOT_READONLY : 0;

	if (first && second)
		MUST(set_slot(vm, 1, WINDOW, WINDOW_BYTES, twin.window, flags));
	else if (first || second)
		MUST(set_slot(vm, 1, WINDOW + (first ? 0 : PAGE), PAGE,
			      twin.window + (first ? 0 : PAGE), flags));
	return twin;
}

/* The device: memory that is reached by exits.  Return: was that access its? */
static bool answer(struct twin *twin)
{
	struct vtr_run *run = twin->vcpu->run;
	uint64_t at = run->mmio.gpa - WINDOW;
	bool ram = at < PAGE ? twin->first_is_ram : twin->second_is_ram;

	twin->accesses++;
	if (run->mmio.gpa < WINDOW || !run->mmio.bytes || run->mmio.bytes > 8 ||
	    at / PAGE != (at + run->mmio.bytes - 1) / PAGE)
		return CHECK_MSG(false, "an access of %u bytes at 0x%llx", run->mmio.bytes,
				 (unsigned long long)run->mmio.gpa);
	/* Behind the window is nothing, in all the VMs. */
	if (at >= WINDOW_BYTES) {
		run->mmio.data = ~0ull;
		return true;
	}
	if (ram && !(twin->read_only && run->mmio.is_write))
		return CHECK_MSG(false, "a %s of memory at 0x%llx went up",
				 run->mmio.is_write ? "write" : "read",
				 (unsigned long long)run->mmio.gpa);
	if (run->mmio.is_write)
		memcpy(twin->window + at, &run->mmio.data, run->mmio.bytes);
	else
		memcpy(&run->mmio.data, twin->window + at, run->mmio.bytes);
	return true;
}

static bool run_twin(struct twin *twin, struct outcome *out)
{
	struct vcpu *vcpu = twin->vcpu;
	struct vtr_events events = {};
	struct vtr_run *run = vcpu->run;
	struct vtr_sregs after;

	memcpy(vcpu->vm->mem, s.memory, MEMORY);
	memcpy(twin->window, s.window, WINDOW_BYTES);
	MUST(put_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events)));
	set_sregs(vcpu, &s.sregs);
	set_regs(vcpu, &s.regs);
	twin->accesses = 0;
	do {
		if (!CHECK_MSG(!run_through(vcpu), "RUN: %s", strerror(errno)))
			return false;
		if (run->exit == VTR_EXIT_MMIO && !answer(twin))
			return false;
	} while (run->exit == VTR_EXIT_MMIO && twin->accesses < 100);
	if (run->exit == VTR_EXIT_STOPPED || run->exit == VTR_EXIT_FAIL_ENTRY)
		return CHECK_MSG(false, "%s", run->sentence);
	if (!CHECK_MSG(run->exit == VTR_EXIT_HLT, "exit %u after %u accesses", run->exit,
		       twin->accesses))
		return false;
	out->exit = run->exit;
	out->regs = get_regs(vcpu);
	after = get_sregs(vcpu);
	out->cr2 = after.cr2;
	return true;
}

/* Flags that the manual leaves undefined. */
static uint64_t defined_flags(void)
{
	uint64_t undefined = 0;

	if (s.form->flags & LOGIC)
		undefined = FLAG_AF;
	if (s.form->flags & BT)
		undefined = FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF;
	return ~undefined;
}

static bool differ(const char *what, unsigned int i, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return false;
	CHECK_MSG(false, "%s %u: 0x%llx, the processor has 0x%llx", what, i,
		  (unsigned long long)got, (unsigned long long)wanted);
	return true;
}

static bool compare_bytes(const char *what, const uint8_t *got, const uint8_t *wanted,
			  unsigned int bytes)
{
	if (!memcmp(got, wanted, bytes))
		return true;
	for (unsigned int i = 0; i < bytes; i++)
		if (differ(what, i, got[i], wanted[i]))
			return false;
	return true;
}

/*
 * An exception handler's stack frame holds flags, too: they count as far as
 * they are defined.  It is the only thing on the stack.
 */
static void forget_undefined(uint8_t *memory)
{
	uint64_t undefined = ~defined_flags();

	for (unsigned int at = STACK_AT - 0x500; at < STACK_AT; at += 2) {
		uint16_t word;

		memcpy(&word, memory + at, 2);
		word &= ~undefined;
		memcpy(memory + at, &word, 2);
	}
}

static bool same(const struct twin *twin, const struct outcome *got,
		 const struct outcome *wanted)
{
	static uint8_t memory[MEMORY];
	bool good = true;

	for (unsigned int i = 0; i < 16; i++)
		good &= !differ("register", i, got->regs.gpr[i], wanted->regs.gpr[i]);
	good &= !differ("RIP", 0, got->regs.rip, wanted->regs.rip);
	good &= !differ("RFLAGS", 0, got->regs.rflags & defined_flags(),
			wanted->regs.rflags & defined_flags());
	good &= !differ("CR", 2, got->cr2, wanted->cr2);
	memcpy(memory, twin->vcpu->vm->mem, MEMORY);
	forget_undefined(memory);
	good &= compare_bytes("memory at", memory, s.after_memory, MEMORY);
	good &= compare_bytes("window at", twin->window, s.after_window, WINDOW_BYTES);
	return good;
}

static void explain(unsigned int sample, unsigned int twin)
{
	char text[64] = "";

	for (unsigned int i = 0; i < s.bytes; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %02x", s.code[i]);
	tap_note("sample %u, twin %u: %s:%s", sample, twin, s.form->name, text);
	for (unsigned int i = 0; i < 16; i += 4)
		tap_note("%2u: %016llx %016llx %016llx %016llx", i,
			 (unsigned long long)s.regs.gpr[i], (unsigned long long)s.regs.gpr[i + 1],
			 (unsigned long long)s.regs.gpr[i + 2],
			 (unsigned long long)s.regs.gpr[i + 3]);
	for (unsigned int i = 0; i < 6; i++)
		tap_note("segment %u: base %llx limit %x attributes %x", i,
			 (unsigned long long)s.sregs.seg[i].base, s.sregs.seg[i].limit,
			 s.sregs.seg[i].attributes);
	tap_note("RFLAGS %llx, CR0 %llx", (unsigned long long)s.regs.rflags,
		 (unsigned long long)s.sregs.cr0);
}

static unsigned long number_of(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static void compare_in(const struct mode *in)
{
	unsigned long samples = number_of("MMIO_SAMPLES", 120);
	struct twin processor = new_twin(true, true, false), twin[NR_TWINS];
	struct outcome wanted, got;
	unsigned int faults = 0, accesses = 0;
	struct vtr_sregs reset;

	mode = in;
	random_state = 0x9e3779b97f4a7c15ull ^ number_of("MMIO_SEED", 1) * 0x100000001b3ull ^
		       (uint64_t)(mode->bits * 64 + mode->paging * 8 + mode->ring) << 32;
	twin[0] = new_twin(false, false, false);
	twin[1] = new_twin(true, false, false);
	twin[2] = new_twin(false, true, false);
	twin[3] = new_twin(true, true, true);
	reset = get_sregs(processor.vcpu);
	for (unsigned int i = 0; i < samples; i++) {
		unsigned int which = one_in(2) ? 0 : below(NR_TWINS);

		make_sample(&reset);
		REQUIRE(run_twin(&processor, &wanted));
		memcpy(s.after_memory, processor.vcpu->vm->mem, MEMORY);
		memcpy(s.after_window, processor.window, WINDOW_BYTES);
		forget_undefined(s.after_memory);
		faults += wanted.regs.rip < CODE_AT || wanted.regs.rip >= HANDLERS;
		if (!run_twin(&twin[which], &got) || !same(&twin[which], &got, &wanted)) {
			explain(i, which);
			tap_end();
		}
		accesses += twin[which].accesses;
	}
	tap_note("%lu samples, %u faults, %u accesses went up", samples, faults, accesses);
	/* The dice must not have missed the point. */
	CHECK(accesses >= samples / 4);
	CHECK(mode->real || mode->bits == 64 || faults >= samples / 50);
}

#define TWIN_CASE(fn, ...)							\
	static void fn(void)							\
	{									\
		static const struct mode in = { #fn, __VA_ARGS__ };		\
										\
		compare_in(&in);						\
	}

TWIN_CASE(real_mode, 16, true, NO_PAGING, 0)
TWIN_CASE(protected_mode_16_bit, 16, false, NO_PAGING, 0)
TWIN_CASE(protected_mode_32_bit, 32, false, NO_PAGING, 0)
TWIN_CASE(protected_mode_ring_3, 32, false, NO_PAGING, 3)
TWIN_CASE(paging_ring_0, 32, false, PAGING_32, 0)
TWIN_CASE(paging_ring_3, 32, false, PAGING_32, 3)
TWIN_CASE(pae_ring_3, 32, false, PAGING_PAE, 3)
TWIN_CASE(compatibility_mode, 32, false, PAGING_LONG, 3)
TWIN_CASE(long_mode_ring_0, 64, false, PAGING_LONG, 0)
TWIN_CASE(long_mode_ring_3, 64, false, PAGING_LONG, 3)

static const struct tap_case cases[] = {
	CASE(real_mode),
	CASE(protected_mode_16_bit),
	CASE(protected_mode_32_bit),
	CASE(protected_mode_ring_3),
	CASE(paging_ring_0),
	CASE(paging_ring_3),
	CASE(pae_ring_3),
	CASE(compatibility_mode),
	CASE(long_mode_ring_0),
	CASE(long_mode_ring_3),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
