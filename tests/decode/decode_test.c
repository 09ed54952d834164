// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does module/decode.c read instructions as the library Zydis does?
 *
 * Runs on the host: the decoder is pure.  Random bytes, half of them shaped like
 * instructions, are decoded by both in 16-, 32- and 64-bit code.  What our
 * decoder takes, Zydis must see the same way: length, operation, sizes, the
 * operand in memory, the other one, prefixes.  What ours refuses must be no
 * instruction, or none of README.md's list.
 *
 *	DECODE_SAMPLES	how many for each mode [1000000]
 *	DECODE_SEED	which ones [1]
 *
 * Where the two differ on purpose is in reasons[].
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "../../module/decode.h"
#include "tap.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define ROOM		VTR_INSN_MAX_BYTES

/* ---- random bytes -------------------------------------------------------------------- */

static u64 random_state;

static u64 any(void)
{
	/* xorshift64* */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static void fill(u8 *code)
{
	static const u8 prefixes[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
		0x40, 0x41, 0x42, 0x44, 0x48, 0x4c, 0x4f,
	};
	unsigned int at = 0;

	for (unsigned int i = 0; i < ROOM; i++)
		code[i] = any();
	if (any() & 1)
		return;
	/* Some prefixes, and every second opcode from the second map. */
	for (unsigned int nr = any() % 4; at < nr; at++)
		code[at] = prefixes[any() % COUNT(prefixes)];
	if (any() & 1)
		code[at] = 0x0f;
}

/* ---- what Zydis says, in our terms ------------------------------------------------------ */

static int op_of(const ZydisDecodedInstruction *z)
{
	/* MOVSD is also an instruction of SSE2. */
	if (z->mnemonic == ZYDIS_MNEMONIC_MOVSD && z->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return -1;
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_ADD: return VTR_INSN_ADD;
	case ZYDIS_MNEMONIC_OR: return VTR_INSN_OR;
	case ZYDIS_MNEMONIC_ADC: return VTR_INSN_ADC;
	case ZYDIS_MNEMONIC_SBB: return VTR_INSN_SBB;
	case ZYDIS_MNEMONIC_AND: return VTR_INSN_AND;
	case ZYDIS_MNEMONIC_SUB: return VTR_INSN_SUB;
	case ZYDIS_MNEMONIC_XOR: return VTR_INSN_XOR;
	case ZYDIS_MNEMONIC_CMP: return VTR_INSN_CMP;
	case ZYDIS_MNEMONIC_TEST: return VTR_INSN_TEST;
	case ZYDIS_MNEMONIC_MOV: return VTR_INSN_MOV;
	case ZYDIS_MNEMONIC_MOVZX: return VTR_INSN_MOVZX;
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD: return VTR_INSN_MOVSX;
	case ZYDIS_MNEMONIC_XCHG: return VTR_INSN_XCHG;
	case ZYDIS_MNEMONIC_BT: return VTR_INSN_BT;
	case ZYDIS_MNEMONIC_BTS: return VTR_INSN_BTS;
	case ZYDIS_MNEMONIC_BTR: return VTR_INSN_BTR;
	case ZYDIS_MNEMONIC_BTC: return VTR_INSN_BTC;
	case ZYDIS_MNEMONIC_MOVSB:
	case ZYDIS_MNEMONIC_MOVSW:
	case ZYDIS_MNEMONIC_MOVSD:
	case ZYDIS_MNEMONIC_MOVSQ: return VTR_INSN_MOVS;
	case ZYDIS_MNEMONIC_STOSB:
	case ZYDIS_MNEMONIC_STOSW:
	case ZYDIS_MNEMONIC_STOSD:
	case ZYDIS_MNEMONIC_STOSQ: return VTR_INSN_STOS;
	case ZYDIS_MNEMONIC_LODSB:
	case ZYDIS_MNEMONIC_LODSW:
	case ZYDIS_MNEMONIC_LODSD:
	case ZYDIS_MNEMONIC_LODSQ: return VTR_INSN_LODS;
	case ZYDIS_MNEMONIC_INSB:
	case ZYDIS_MNEMONIC_INSW:
	case ZYDIS_MNEMONIC_INSD: return VTR_INSN_INS;
	case ZYDIS_MNEMONIC_OUTSB:
	case ZYDIS_MNEMONIC_OUTSW:
	case ZYDIS_MNEMONIC_OUTSD: return VTR_INSN_OUTS;
	default: return -1;
	}
}

static u8 gpr_of(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_INVALID: return VTR_NO_GPR;
	case ZYDIS_REGCLASS_IP: return VTR_GPR_RIP;
	default: return ZydisRegisterGetId(reg);
	}
}

static bool is_mem(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.type == ZYDIS_MEMOP_TYPE_MEM;
}

/* Its operand in memory; of MOVS the source. */
static const ZydisDecodedOperand *mem_of(const ZydisDecodedInstruction *z,
					 const ZydisDecodedOperand *ops)
{
	const ZydisDecodedOperand *found = NULL;

	for (unsigned int i = 0; i < z->operand_count; i++)
		if (is_mem(&ops[i]))
			found = &ops[i];
	return found;
}

static bool has_prefix(const ZydisDecodedInstruction *z, u8 byte)
{
	for (unsigned int i = 0; i < z->raw.prefix_count; i++)
		if (z->raw.prefixes[i].value == byte)
			return true;
	return false;
}

/*
 * Zydis shows the repetition of F2H on a string instruction as no attribute,
 * for assemblers don't write it; processors repeat.  So look at the bytes.
 */
static bool repeats(const ZydisDecodedInstruction *z, int op)
{
	return op >= VTR_INSN_MOVS && (has_prefix(z, 0xf2) || has_prefix(z, 0xf3));
}

/* ---- differences that are meant -------------------------------------------------------------- */

enum { LOADS_SEGMENT, MOVSXD_16, BASE_R13D, NR_EXPLAINED };

static const char * const reasons[] = {
	[LOADS_SEGMENT] = "MOV to a segment register loads a descriptor as well: not decoded",
	[MOVSXD_16] = "MOVSXD with 66H: the manual has 2 bytes in memory, Zydis 4; the result is one",
	[BASE_R13D] = "SIB base 5 with mod 0 is no base, also with REX.B and 67H, where Zydis has R13D",
};

/* Why do we refuse what Zydis takes?  Return: an index of reasons[], or -1. */
static int why_refused(const ZydisDecodedInstruction *z)
{
	if (z->mnemonic == ZYDIS_MNEMONIC_MOV && z->opcode == 0x8e &&
	    z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return LOADS_SEGMENT;
	return -1;
}

/* Why is the operand in memory of another size?  Return: as above. */
static int why_other_size(const ZydisDecodedInstruction *z)
{
	return z->mnemonic == ZYDIS_MNEMONIC_MOVSXD && z->operand_width == 16 ? MOVSXD_16 : -1;
}

/* Why is its base another one?  Return: as above. */
static int why_other_base(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *op)
{
	return op->mem.base == ZYDIS_REGISTER_R13D && z->raw.modrm.mod == 0 &&
	       z->raw.sib.base == 5 ? BASE_R13D : -1;
}

/* ---- comparing --------------------------------------------------------------------------- */

#define DIFFER(what, got, wanted) \
	(got) == (wanted) ? NULL : (snprintf(text, sizeof(text), "%s: %lld, Zydis %lld", what, \
					     (long long)(got), (long long)(wanted)), text)

static const char *compare_memory(const struct vtr_insn *insn, const ZydisDecodedInstruction *z,
				  const ZydisDecodedOperand *op)
{
	static char text[128];
	const char *why = NULL;
	u64 mask = vtr_mask_bytes(insn->addr_bytes);

	if (why_other_size(z) < 0)
		why = DIFFER("bytes in memory", insn->mem_bytes, op->size / 8);
	if (!why)
		why = DIFFER("segment", insn->seg, op->mem.segment - ZYDIS_REGISTER_ES);
	if (!why && why_other_base(z, op) >= 0)
		why = DIFFER("base", insn->base, VTR_NO_GPR);
	else if (!why)
		why = DIFFER("base", insn->base, gpr_of(op->mem.base));
	if (!why)
		why = DIFFER("index", insn->index, gpr_of(op->mem.index));
	if (!why && insn->index != VTR_NO_GPR)
		why = DIFFER("scale", insn->scale, op->mem.scale);
	/* There Zydis loses the displacement, too. */
	if (!why && why_other_base(z, op) < 0)
		why = DIFFER("displacement", insn->disp & mask, op->mem.disp.value & mask);
	return why;
}

static const char *compare_register(const struct vtr_insn *insn, ZydisRegister reg)
{
	static char text[128];
	static const ZydisRegister first[] = {
		[1] = ZYDIS_REGISTER_SPL, [2] = ZYDIS_REGISTER_AX, [4] = ZYDIS_REGISTER_EAX,
		[8] = ZYDIS_REGISTER_RAX,
	};
	ZydisRegister ours;

	if (insn->other == VTR_OTHER_SEG)
		ours = ZYDIS_REGISTER_ES + insn->reg;
	else if (insn->other != VTR_OTHER_REG)
		return "no register";
	else if (insn->reg_high)
		ours = ZYDIS_REGISTER_AH + insn->reg;
	else if (insn->reg_bytes == 1 && insn->reg < 4)
		ours = ZYDIS_REGISTER_AL + insn->reg;
	else if (insn->reg_bytes == 1)
		ours = ZYDIS_REGISTER_SPL + insn->reg - 4;
	else
		ours = first[insn->reg_bytes] + insn->reg;
	if (ours == reg)
		return NULL;
	snprintf(text, sizeof(text), "register %s, Zydis %s", ZydisRegisterGetString(ours),
		 ZydisRegisterGetString(reg));
	return text;
}

static const char *compare_immediate(const struct vtr_insn *insn, const ZydisDecodedOperand *op)
{
	static char text[128];
	u64 mask = insn->op >= VTR_INSN_BT ? 0xff : vtr_mask_bytes(insn->mem_bytes);

	if (insn->other != VTR_OTHER_IMM)
		return "no immediate";
	return DIFFER("immediate", insn->imm & mask, op->imm.value.u & mask);
}

/* The operand that is not in memory, and which of the two is the first. */
static const char *compare_other(const struct vtr_insn *insn, const ZydisDecodedInstruction *z,
				 const ZydisDecodedOperand *ops)
{
	static char text[128];
	const char *why = NULL;
	bool found = false;

	for (unsigned int i = 0; i < z->operand_count_visible && !why; i++) {
		if (is_mem(&ops[i]))
			continue;
		found = true;
		if (ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER)
			why = compare_register(insn, ops[i].reg.value);
		else if (ops[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			why = compare_immediate(insn, &ops[i]);
		else
			why = "an operand that is not known";
		if (!why && ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER)
			why = DIFFER("register is first", insn->reg_first, i == 0);
	}
	if (!why && !found && !vtr_insn_is_string(insn))
		return "Zydis sees one operand only";
	return why;
}

static const char *compare_prefixes(const struct vtr_insn *insn, const ZydisDecodedInstruction *z)
{
	static char text[128];
	const char *why = DIFFER("REP", insn->rep, repeats(z, insn->op));

	if (!why)
		why = DIFFER("LOCK", insn->lock, has_prefix(z, 0xf0));
	return why;
}

static const char *compare_direction(const struct vtr_insn *insn, const ZydisDecodedInstruction *z,
				     const ZydisDecodedOperand *ops)
{
	static char text[128];
	bool reads = false, writes = false;
	const char *why;

	for (unsigned int i = 0; i < z->operand_count; i++) {
		if (!is_mem(&ops[i]))
			continue;
		reads |= !!(ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_READ);
		writes |= !!(ops[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
	}
	why = DIFFER("reads memory", vtr_insn_reads_mem(insn), reads);
	if (!why)
		why = DIFFER("writes memory", vtr_insn_writes_mem(insn), writes);
	return why;
}

/* Return: what differs, or NULL. */
static const char *compare(const struct vtr_insn *insn, const ZydisDecodedInstruction *z,
			   const ZydisDecodedOperand *ops)
{
	static char text[128];
	const char *why = DIFFER("length", insn->bytes, z->length);

	if (!why)
		why = DIFFER("operation", insn->op, op_of(z));
	if (!why)
		why = DIFFER("address size", insn->addr_bytes, z->address_width / 8);
	if (!why && !mem_of(z, ops))
		why = "Zydis sees no operand in memory";
	if (!why)
		why = compare_memory(insn, z, mem_of(z, ops));
	if (!why)
		why = compare_other(insn, z, ops);
	if (!why)
		why = compare_direction(insn, z, ops);
	return why ? why : compare_prefixes(insn, z);
}

/* ---- the runs ------------------------------------------------------------------- */

struct run {
	unsigned int bits;
	ZydisDecoder decoder;
	unsigned long same, refused, not_listed, invalid, differ;
	unsigned long explained[NR_EXPLAINED];
	unsigned long hits[VTR_INSN_NR];
};

static void explain(const struct run *run, const u8 *code, const char *why)
{
	char text[64] = "";

	for (unsigned int i = 0; i < ROOM; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %02x", code[i]);
	tap_note("%u bits:%s: %s", run->bits, text, why);
}

static void judge_refused(struct run *run, const u8 *code, const ZydisDecodedInstruction *z,
			  const ZydisDecodedOperand *ops)
{
	int why = why_refused(z);

	run->refused++;
	if (op_of(z) < 0 || !mem_of(z, ops)) {
		run->not_listed++;
	} else if (why >= 0) {
		run->explained[why]++;
	} else {
		run->differ++;
		explain(run, code, "refused, Zydis takes it");
	}
}

/* With one byte less the decoder must ask for more, and with just enough not. */
static bool asks_for_more(const struct run *run, const u8 *code, const struct vtr_insn *insn)
{
	struct vtr_insn again;

	return vtr_decode(code, insn->bytes - 1, run->bits, &again) == -ENODATA &&
	       !vtr_decode(code, insn->bytes, run->bits, &again) &&
	       !memcmp(&again, insn, sizeof(again));
}

static void one_sample(struct run *run)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	struct vtr_insn insn;
	const char *why;
	bool valid;
	u8 code[ROOM];
	int err;

	fill(code);
	memset(&z, 0, sizeof(z));
	err = vtr_decode(code, ROOM, run->bits, &insn);
	valid = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&run->decoder, code, ROOM, &z, ops));
	if (err && !valid) {
		run->invalid++;
		return;
	}
	if (err) {
		judge_refused(run, code, &z, ops);
		return;
	}
	why = valid ? compare(&insn, &z, ops) : "taken, Zydis refuses it";
	if (!why && !asks_for_more(run, code, &insn))
		why = "a shorter buffer is not noticed";
	if (why) {
		run->differ++;
		explain(run, code, why);
		return;
	}
	if (why_other_size(&z) >= 0)
		run->explained[why_other_size(&z)]++;
	if (why_other_base(&z, mem_of(&z, ops)) >= 0)
		run->explained[why_other_base(&z, mem_of(&z, ops))]++;
	run->same++;
	run->hits[insn.op]++;
}

static unsigned long number_of(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static void compare_in(unsigned int bits, ZydisMachineMode machine, ZydisStackWidth width)
{
	unsigned long samples = number_of("DECODE_SAMPLES", 1000000);
	struct run run = { .bits = bits };

	REQUIRE(ZYAN_SUCCESS(ZydisDecoderInit(&run.decoder, machine, width)));
	random_state = 0x9e3779b97f4a7c15ull ^ number_of("DECODE_SEED", 1) * 0x100000001b3ull ^
		       (u64)bits << 40;
	for (unsigned long i = 0; i < samples && run.differ < 20; i++)
		one_sample(&run);
	CHECK_NUM(run.differ, 0);
	tap_note("%lu samples: %lu the same, %lu refused by both, %lu not listed", samples,
		 run.same, run.invalid, run.not_listed);
	for (unsigned int i = 0; i < NR_EXPLAINED; i++)
		tap_note("%lu explained: %s", run.explained[i], reasons[i]);
	/* Every operation was there often enough to mean something. */
	for (unsigned int op = 0; op < VTR_INSN_NR; op++)
		CHECK_MSG(run.hits[op] >= samples / 20000, "operation %u came %lu times only", op,
			  run.hits[op]);
}

static void code_of_16_bits(void)
{
	compare_in(16, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
}

static void code_of_32_bits(void)
{
	compare_in(32, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
}

static void code_of_64_bits(void)
{
	compare_in(64, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

static const struct tap_case cases[] = {
	CASE_TIME(code_of_16_bits, 600),
	CASE_TIME(code_of_32_bits, 600),
	CASE_TIME(code_of_64_bits, 600),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
