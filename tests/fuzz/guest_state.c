// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory and registers of random guests.
 *
 * Read guest_state.h first.  Layout, from 0: interrupt vectors or IDT, GDT and
 * TSS, page tables, code, and random bytes.  The code is a mix: instructions
 * that exit, plain ones, and bytes without any meaning.  An IDT that leads back
 * into the code keeps a guest alive after a fault; without it a triple fault
 * ends most of them at once.
 */
#include <string.h>

#include "guest_state.h"

#define GDT_AT		0x1000
#define IDT_AT		0x2000
#define TSS_AT		0x3000
#define TABLES_AT	0x4000	/* root, then three more pages */
#define CODE_AT		0x10000
#define CODE_BYTES	0x1000	/* making more would cost most of the time */
#define STACK_AT	0x40000

#define CR0_PE		(1ull << 0)
#define CR0_ET		(1ull << 4)
#define CR0_NE		(1ull << 5)
#define CR0_PG		(1ull << 31)
#define CR4_PSE		(1ull << 4)
#define CR4_PAE		(1ull << 5)
#define CR4_OSFXSR	(1ull << 9)
#define EFER_LONG	0x500ull
#define RFLAGS_VM	(1ull << 17)

const char *guest_mode_name(enum guest_mode mode)
{
	static const char *const names[MODES] = {
		"real", "big real", "virtual-8086", "protected", "32-bit paging", "PAE",
		"compatibility", "long",
	};

	return names[mode];
}

/* ---- code ---------------------------------------------------------------------------- */

/* Length first.  Whatever exits, and whatever changes the mode. */
static const uint8_t spicy[][8] = {
	{ 2, 0x0f, 0xa2 }, { 1, 0xf4 }, { 3, 0x0f, 0x01, 0xc1 }, { 2, 0x0f, 0x32 },
	{ 2, 0x0f, 0x30 }, { 2, 0xe6, 0x80 }, { 2, 0xe4, 0x60 }, { 1, 0xec }, { 1, 0xef },
	{ 2, 0xf3, 0x6c }, { 2, 0xf3, 0x6f }, { 3, 0x0f, 0x20, 0xc0 }, { 3, 0x0f, 0x22, 0xc0 },
	{ 3, 0x0f, 0x20, 0xd8 }, { 3, 0x0f, 0x22, 0xd8 }, { 3, 0x0f, 0x20, 0xe0 },
	{ 3, 0x0f, 0x22, 0xe0 }, { 3, 0x0f, 0x21, 0xf8 }, { 3, 0x0f, 0x23, 0xf8 },
	{ 2, 0x0f, 0x06 }, { 2, 0x0f, 0x08 }, { 2, 0x0f, 0x09 }, { 2, 0x0f, 0x31 },
	{ 3, 0x0f, 0x01, 0xf9 }, { 3, 0x0f, 0x01, 0xd1 }, { 3, 0x0f, 0x01, 0xc8 },
	{ 3, 0x0f, 0x01, 0xc9 }, { 2, 0xf3, 0x90 }, { 1, 0xfa }, { 1, 0xfb }, { 1, 0xcf },
	{ 1, 0x9d }, { 1, 0x9c }, { 2, 0xcd, 0x21 }, { 1, 0xcc }, { 1, 0xce }, { 1, 0xf1 },
	{ 2, 0x0f, 0x0b }, { 3, 0x0f, 0x01, 0xc2 }, { 3, 0x0f, 0x01, 0xc3 },
	{ 3, 0x0f, 0x01, 0xc4 }, { 4, 0x66, 0x0f, 0xc7, 0x30 }, { 3, 0x0f, 0xc7, 0x30 },
	{ 3, 0x0f, 0x78, 0xc0 }, { 3, 0x0f, 0x79, 0xc0 }, { 3, 0x0f, 0x01, 0x00 },
	{ 3, 0x0f, 0x01, 0x10 }, { 3, 0x0f, 0x01, 0x18 }, { 3, 0x0f, 0x01, 0xf0 },
	{ 3, 0x0f, 0x01, 0x38 }, { 3, 0x0f, 0x00, 0xd8 }, { 3, 0x0f, 0x00, 0xd0 },
	{ 2, 0x8e, 0xd8 }, { 2, 0x8e, 0xd0 }, { 2, 0x8e, 0xe0 }, { 2, 0x0f, 0x05 },
	{ 2, 0x0f, 0x07 }, { 2, 0x0f, 0x34 }, { 2, 0x0f, 0x35 }, { 2, 0x0f, 0xaa },
	{ 2, 0x0f, 0x33 }, { 3, 0x0f, 0xae, 0x08 }, { 3, 0x0f, 0xae, 0x00 },
	{ 3, 0x0f, 0xc7, 0xf0 }, { 3, 0x0f, 0xc7, 0xf8 }, { 2, 0x0f, 0x77 }, { 2, 0xdf, 0xe0 },
	{ 2, 0xeb, 0x10 }, { 5, 0xe9, 0x00, 0x01, 0x00, 0x00 }, { 1, 0xcb }, { 1, 0xc3 },
};

/* Registers get the numbers of MSRs and ports: mov $imm, %ecx and the like. */
static unsigned int put_load(struct random *random, uint8_t *at)
{
	static const uint32_t numbers[] = {
		0x10, 0x1b, 0x3a, 0x174, 0x175, 0x1a0, 0x1d9, 0x200, 0x277, 0x2ff, 0x480, 0x6e0,
		0xc0000080, 0xc0000081, 0xc0000082, 0xc0000100, 0xc0000102, 0xc0000103, 0x3f8,
		0x80000001, 0xd, 0x40000000, 0x1000, 0x60000010,
	};
	uint32_t value = one_in(random, 2) ? numbers[random_below(random, 24)] :
					     random_value(random);

	at[0] = 0xb8 + random_below(random, 4);
	memcpy(at + 1, &value, 4);
	return 5;
}

static void put_code(struct random *random, uint8_t *at, unsigned int bytes)
{
	uint8_t *end = at + bytes - 8;

	while (at < end) {
		const uint8_t *insn = spicy[random_below(random, sizeof(spicy) / 8)];

		switch (random_below(random, 4)) {
		case 0:
			at += put_load(random, at);
			break;
		case 1:
			random_bytes(random, at, 4);
			at += 1 + random_below(random, 4);
			break;
		default:
			memcpy(at, insn + 1, insn[0]);
			at += insn[0];
		}
	}
}

/* ---- tables ---------------------------------------------------------------------------- */

static void put64(uint8_t *memory, uint32_t at, uint64_t value)
{
	memcpy(memory + at, &value, sizeof(value));
}

static void put_descriptors(uint8_t *memory)
{
	static const uint64_t gdt[] = {
		0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff,
		0x00cffb000000ffff, 0x00cff3000000ffff, 0x00008b0030000067, 0,
	};

	memcpy(memory + GDT_AT, gdt, sizeof(gdt));
}

/* Vectors lead into the code; some gates are of other kinds, or no gates. */
static void put_vectors(struct random *random, enum guest_mode mode, uint8_t *memory)
{
	for (unsigned int i = 0; i < 256; i++) {
		uint64_t to = CODE_AT + random_below(random, CODE_BYTES);
		uint64_t type = one_in(random, 16) ? random_below(random, 32) : 0x0e;
		uint64_t selector = mode >= MODE_COMPAT ? 0x18 : 0x08;
		uint64_t gate = (to & 0xffff) | selector << 16 | (0xe0 | type) << 40 |
				(to >> 16) << 48;

		if (mode <= MODE_BIG_REAL) {
			uint32_t vector = (to >> 4) << 16 | (to & 15);

			memcpy(memory + 4 * i, &vector, 4);
		} else if (mode >= MODE_COMPAT) {
			put64(memory, IDT_AT + 16 * i, gate);
			put64(memory, IDT_AT + 16 * i + 8, 0);
		} else {
			put64(memory, IDT_AT + 8 * i, gate);
		}
	}
}

static void put_tables(struct random *random, enum guest_mode mode, uint8_t *memory)
{
	uint32_t pdpt = TABLES_AT, pd = TABLES_AT + 0x1000;

	if (mode == MODE_PAGED) {
		for (uint32_t i = 0; i < 1024; i++) {
			uint32_t entry = i << 22 | 0x87;

			memcpy(memory + TABLES_AT + 4 * i, &entry, 4);
		}
		return;
	}
	if (mode >= MODE_COMPAT) {
		put64(memory, TABLES_AT, (TABLES_AT + 0x1000) | 7);
		pdpt = TABLES_AT + 0x1000;
		pd = TABLES_AT + 0x2000;
	}
	put64(memory, pdpt, pd | (mode == MODE_PAE ? 1 : 7));
	for (uint64_t i = 0; i < 512; i++)
		put64(memory, pd + 8 * i, i << 21 | 0x87);
	if (one_in(random, 10))
		put64(memory, pd + 8 * random_below(random, 4), random_u64(random));
}

void guest_memory(struct random *random, enum guest_mode mode, uint8_t *memory)
{
	memset(memory, 0, 0x8000);
	put_code(random, memory + CODE_AT, CODE_BYTES);
	random_bytes(random, memory + STACK_AT - 256, 512);
	put_descriptors(memory);
	/* The stack of privilege level 0; SS of it in a 32-bit TSS only. */
	put64(memory, TSS_AT + 4, STACK_AT | (mode >= MODE_COMPAT ? 0 : 0x10ull << 32));
	put_vectors(random, mode, memory);
	if (mode >= MODE_PAGED)
		put_tables(random, mode, memory);
}

/* ---- registers ------------------------------------------------------------------------- */

static void flat(struct vtr_sregs *s, uint16_t code, uint16_t code_attributes,
		 uint16_t data, uint16_t data_attributes)
{
	for (unsigned int i = VTR_ES; i <= VTR_GS; i++)
		s->seg[i] = (struct vtr_segment){ .limit = ~0u, .selector = data,
						  .attributes = data_attributes };
	s->seg[VTR_CS] = (struct vtr_segment){ .limit = ~0u, .selector = code,
					       .attributes = code_attributes };
}

/* Limits above 64 KiB ("big real") count pages. */
static void real(struct vtr_sregs *s, uint32_t limit)
{
	for (unsigned int i = VTR_ES; i <= VTR_GS; i++)
		s->seg[i] = (struct vtr_segment){
			.limit = limit, .attributes = limit > 0xffff ? 0x893 : 0x93,
		};
	s->seg[VTR_CS] = (struct vtr_segment){ .base = CODE_AT, .selector = CODE_AT >> 4,
					       .limit = 0xffff, .attributes = 0x9b };
}

/* Attributes of every segment in virtual-8086 mode are those of a user's data. */
static void v86(struct vtr_sregs *s)
{
	for (unsigned int i = VTR_ES; i <= VTR_GS; i++)
		s->seg[i] = (struct vtr_segment){ .limit = 0xffff, .attributes = 0xf3 };
	s->seg[VTR_CS].base = CODE_AT;
	s->seg[VTR_CS].selector = CODE_AT >> 4;
}

static void set_mode(enum guest_mode mode, struct vtr_regs *regs, struct vtr_sregs *s)
{
	s->cr0 = CR0_ET | CR0_NE | (mode >= MODE_V86 ? CR0_PE : 0) |
		 (mode >= MODE_PAGED ? CR0_PG : 0);
	s->cr3 = mode >= MODE_PAGED ? TABLES_AT : 0;
	s->cr4 = CR4_OSFXSR | (mode == MODE_PAGED ? CR4_PSE : mode > MODE_PAGED ? CR4_PAE : 0);
	s->efer = mode >= MODE_COMPAT ? EFER_LONG : 0;
	switch (mode) {
	case MODE_REAL:
	case MODE_BIG_REAL:
		real(s, mode == MODE_REAL ? 0xffff : ~0u);
		break;
	case MODE_V86:
		v86(s);
		regs->rflags |= RFLAGS_VM;
		break;
	case MODE_LONG:
		flat(s, 0x18, 0xa9b, 0x10, 0xc93);
		break;
	default:
		flat(s, 0x08, 0xc9b, 0x10, 0xc93);
	}
	regs->rip = mode <= MODE_V86 ? 0 : CODE_AT;
}

/* Change a few values to others that may or may not be legal. */
static void spoil(struct random *random, struct vtr_regs *regs, struct vtr_sregs *s)
{
	struct vtr_segment *seg = &s->seg[random_below(random, VTR_NR_SEGS)];

	switch (random_below(random, 8)) {
	case 0:
		seg->attributes = random_u64(random) & 0xfff;
		break;
	case 1:
		seg->limit = random_value(random);
		break;
	case 2:
		seg->base = random_value(random);
		break;
	case 3:
		seg->unusable = !seg->unusable;
		break;
	case 4:
		s->cr0 ^= 1ull << random_below(random, 32);
		break;
	case 5:
		s->cr4 ^= 1ull << random_below(random, 24);
		break;
	case 6:
		regs->rflags ^= 1ull << random_below(random, 22);
		break;
	default:
		regs->rip = random_value(random);
	}
}

void guest_registers(struct random *random, enum guest_mode mode, bool spoiled,
		     struct vtr_regs *regs, struct vtr_sregs *sregs)
{
	memset(regs, 0, sizeof(*regs));
	memset(sregs, 0, sizeof(*sregs));
	for (unsigned int i = 0; i < VTR_NR_GPRS; i++)
		regs->gpr[i] = random_value(random);
	regs->gpr[VTR_RSP] = mode <= MODE_V86 ? 0x8000 : STACK_AT;
	/* IF: see rescue.h; IOPL 3 lets virtual-8086 code keep it. */
	regs->rflags = 0x202 | 0x3000;
	sregs->gdtr = (struct vtr_table_register){ .base = GDT_AT, .limit = 63 };
	sregs->idtr = (struct vtr_table_register){
		.base = mode <= MODE_BIG_REAL ? 0 : IDT_AT,
		.limit = mode <= MODE_BIG_REAL ? 0x3ff : 0xfff,
	};
	set_mode(mode, regs, sregs);
	sregs->seg[VTR_LDTR] = (struct vtr_segment){ .unusable = 1 };
	sregs->seg[VTR_TR] = (struct vtr_segment){ .base = TSS_AT, .limit = 0x67,
						   .selector = 0x30, .attributes = 0x8b };
	for (unsigned int i = spoiled ? 1 + random_below(random, 4) : 0; i; i--)
		spoil(random, regs, sregs);
}
