// SPDX-License-Identifier: GPL-2.0-only
/*
 * The phases of a guest's life, told by where its exits are.
 *
 * Read exit_view.h first; exit_sum.c adds the exits up by phase.
 *
 * A kernel of 64 bits lives in the upper half of the addresses, its programs in the
 * lower one, and what loads it has the lower half for itself before.  So the first
 * exit of each kind begins a phase:
 *
 *	start		from the first exit on
 *	kernel		first exit in the upper half
 *	more vCPUs	first exit of a vCPU but 0 afterwards
 *	programs	first exit of a program: lower half, above 1 MiB
 *
 * Subtle: below 1 MiB a further processor begins in real mode, which is no program.
 */
#include "exit_view.h"

#define UPPER_HALF	(1ull << 63)
#define REAL_MODE_END	0x110000ull

const char *exit_phase_name(enum exit_phase phase)
{
	static const char *const names[] = {
		[PHASE_START] = "start",
		[PHASE_KERNEL] = "kernel",
		[PHASE_MORE_VCPUS] = "more vCPUs",
		[PHASE_PROGRAMS] = "programs",
	};

	return names[phase];
}

enum exit_phase exit_phase_next(enum exit_phase phase, uint16_t vcpu, uint64_t rip)
{
	if (phase == PHASE_START)
		return rip & UPPER_HALF ? PHASE_KERNEL : PHASE_START;
	if (!(rip & UPPER_HALF) && rip >= REAL_MODE_END)
		return PHASE_PROGRAMS;
	if (phase == PHASE_KERNEL && vcpu)
		return PHASE_MORE_VCPUS;
	return phase;
}
