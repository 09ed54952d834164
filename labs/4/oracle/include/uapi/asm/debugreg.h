/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the kernel's header, of which nothing is needed: see ../../asm/msr-index.h. */
