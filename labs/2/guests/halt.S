/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that does nothing; how far behind its entry it halts, follows from
 * the student's name.
 */
	.globl _start
_start:
	.fill	GAP1, 1, 0x90
	hlt
