/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What User Mode Linux lacks of an x86 kernel, for code of module/ under test.
 *
 * Kbuild puts this in front of every file when the kernel is UML.  The kernel's
 * <asm/tsc.h>, <asm/msr.h> and <asm/processor.h> there do not fit together with the x86
 * headers, so stand in for the few things that are used of them.  The CPUID
 * here has every bit set: whatever module/cpuid.c lets through shows.
 */
#ifndef VTR_TESTS_UML_H
#define VTR_TESTS_UML_H

/* Keep the real <asm/tsc.h> and <asm/msr.h> out. */
#define _ASM_X86_TSC_H
#define _ASM_X86_MSR_H
#include <linux/timex.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

enum { tsc_khz = 1000000 };

/* No test has guest MSRs in the processor, so nothing is read or written. */
#define rdmsrl(msr, value)	((value) = 0)
#define wrmsrl(msr, value)	((void)(value))

static inline void cpuid_count(unsigned int leaf, unsigned int subleaf,
			       unsigned int *eax, unsigned int *ebx,
			       unsigned int *ecx, unsigned int *edx)
{
	*eax = *ebx = *ecx = *edx = ~0u;
}

#endif /* VTR_TESTS_UML_H */
