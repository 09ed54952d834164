// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fetching instruction bytes of a guest and turning them into text.
 *
 * Read disasm.h first.
 *
 * Subtle: an instruction may cross into a page that is not mapped; what could
 * be fetched is decoded all the same, since most instructions are short.
 */
#include <stdio.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "disasm.h"

#define CR0_PE		(1ull << 0)
#define EFER_LMA	(1ull << 10)
#define SEG_L		(1u << 9)
#define SEG_DB		(1u << 10)
#define PAGE		4096u

unsigned int disasm_bits(const struct vtr_sregs *sregs)
{
	unsigned int attributes = sregs->seg[VTR_CS].attributes;

	if ((sregs->efer & EFER_LMA) && (attributes & SEG_L))
		return 64;
	return attributes & SEG_DB ? 32 : 16;
}

static ZydisMachineMode machine_mode(const struct vtr_sregs *sregs,
				     unsigned int bits)
{
	if (bits == 64)
		return ZYDIS_MACHINE_MODE_LONG_64;
	if (bits == 32)
		return sregs->efer & EFER_LMA ?
		       ZYDIS_MACHINE_MODE_LONG_COMPAT_32 :
		       ZYDIS_MACHINE_MODE_LEGACY_32;
	return sregs->cr0 & CR0_PE ? ZYDIS_MACHINE_MODE_LEGACY_16 :
				     ZYDIS_MACHINE_MODE_REAL_16;
}

/* Copy what is readable of @room bytes at @linear; returns how many. */
static unsigned int fetch(struct vtr_vcpu *vcpu, const struct guest_mem *mem,
			  uint64_t linear, uint8_t *bytes, unsigned int room)
{
	unsigned int got = 0;

	while (got < room) {
		struct vtr_translate page;
		unsigned int part = PAGE - (linear + got) % PAGE;

		if (part > room - got)
			part = room - got;
		if (vtr_vcpu_translate(vcpu, linear + got, &page) ||
		    guest_mem_read(mem, page.gpa, bytes + got, part))
			break;
		got += part;
	}
	return got;
}

void disasm_at(struct vtr_vcpu *vcpu, const struct guest_mem *mem,
	       const struct vtr_sregs *sregs, uint64_t rip,
	       struct disasm *out)
{
	ZydisDisassembledInstruction insn;
	unsigned int got;

	*out = (struct disasm){ .bits = disasm_bits(sregs) };
	out->linear = rip;
	if (out->bits != 64)
		out->linear = (uint32_t)(sregs->seg[VTR_CS].base + rip);
	got = fetch(vcpu, mem, out->linear, out->bytes, DISASM_BYTES);
	if (!got) {
		snprintf(out->text, sizeof(out->text),
			 "(no memory at this address)");
		return;
	}
	if (!ZYAN_SUCCESS(ZydisDisassembleIntel(machine_mode(sregs, out->bits),
						rip, out->bytes, got, &insn))) {
		snprintf(out->text, sizeof(out->text), "(no instruction)");
		out->nr_bytes = 1;
		return;
	}
	out->nr_bytes = insn.info.length;
	snprintf(out->text, sizeof(out->text), "%s", insn.text);
}
