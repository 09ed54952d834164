/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disassembly of the instruction that a vCPU is at, by the library Zydis.
 *
 * step uses it.  The bytes are fetched as the processor would: through the
 * guest's page tables (VTR_VCPU_TRANSLATE), page by page, from guest memory.
 */
#ifndef VITRINE_DISASM_H
#define VITRINE_DISASM_H

#include "devices/guest_mem.h"
#include "libvitrine.h"

#define DISASM_TEXT	128
#define DISASM_BYTES	15

struct disasm {
	char text[DISASM_TEXT];		/* "mov eax, 0x1", or why there is none */
	uint64_t linear;		/* linear address */
	unsigned int bits;		/* 16, 32 or 64 */
	unsigned int nr_bytes;		/* of the instruction; 0: not known */
	uint8_t bytes[DISASM_BYTES];
};

void disasm_at(struct vtr_vcpu *vcpu, const struct guest_mem *mem,
	       const struct vtr_sregs *sregs, uint64_t rip,
	       struct disasm *out);

/* Bits of the code segment in force: 16, 32 or 64. */
unsigned int disasm_bits(const struct vtr_sregs *sregs);

#endif /* VITRINE_DISASM_H */
