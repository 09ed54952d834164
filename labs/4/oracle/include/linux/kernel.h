/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The little of the kernel that vmx/check*.c need, for a program: labs/4/oracle/rules.c.
 * The other headers of this folder include this one.
 */
#ifndef LAB4_KERNEL_H
#define LAB4_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;	/* as printf() and the kernel have it */
typedef long long s64;

#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK(high, low)	(~0UL >> (63 - (high)) & ~0UL << (low))
#define GENMASK_ULL(high, low)	(~0ULL >> (63 - (high)) & ~0ULL << (low))

#define DECLARE_BITMAP(name, bits)	unsigned long name[((bits) + 63) / 64]
#define scnprintf			snprintf

static inline bool test_bit(unsigned int bit, const unsigned long *map)
{
	return map[bit / 64] >> bit % 64 & 1;
}

static inline bool __test_and_set_bit(unsigned int bit, unsigned long *map)
{
	bool was = test_bit(bit, map);

	map[bit / 64] |= BIT(bit % 64);
	return was;
}

#endif /* LAB4_KERNEL_H */
