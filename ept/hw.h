/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The format of EPT entries: bits as the processor reads them.
 *
 * Used by ept/ept.c and ept/show.c; vmx/ takes the EPT pointer from
 * ept_pointer().  Source: SDM 3C "The Extended Page Table Mechanism (EPT)"
 * (29.3), tables "Format of an EPT ... Entry".
 *
 *	 63   52 51                    12 11 10 9 8 7 6 5    3 2 1 0
 *	+-------+------------------------+-----+-+-+-+--------+-+-+-+
 *	|ignored| address of table / page | ign |D|A|L|I| type |X|W|R|
 *	+-------+------------------------+-----+-+-+-+--------+-+-+-+
 *
 * L (bit 7): leaf at level 2 and 3.  Memory type and I (ignore PAT) exist in
 * leaves only.  In entries that point to a table bits 7:3 must be zero.
 */
#ifndef EPT_HW_H
#define EPT_HW_H

#include <linux/bits.h>
#include <linux/types.h>

#define EPT_WRITE_BIT		1
#define EPT_ACCESSED_BIT	8
#define EPT_DIRTY_BIT		9

#define EPT_READ		BIT_ULL(0)
#define EPT_WRITE		BIT_ULL(EPT_WRITE_BIT)
#define EPT_EXEC		BIT_ULL(2)
#define EPT_RIGHTS		(EPT_READ | EPT_WRITE | EPT_EXEC)
#define EPT_MEMTYPE_SHIFT	3
#define EPT_MEMTYPE_MASK	GENMASK_ULL(5, 3)
#define EPT_IGNORE_PAT		BIT_ULL(6)
#define EPT_LEAF		BIT_ULL(7)	/* level 2 and 3 only */
#define EPT_ACCESSED		BIT_ULL(EPT_ACCESSED_BIT)
#define EPT_DIRTY		BIT_ULL(EPT_DIRTY_BIT)
#define EPT_ADDR_MASK		GENMASK_ULL(51, 12)

/* Memory types, as in the MTRRs. */
#define EPT_MEMTYPE_UC		0
#define EPT_MEMTYPE_WB		6

/* The EPT pointer: SDM 3C "Extended-Page-Table Pointer (EPTP)" (25.6.11). */
#define EPTP_MEMTYPE_WB		6ULL
#define EPTP_WALK_LENGTH_4	(3ULL << 3)
#define EPTP_ENABLE_AD		BIT_ULL(6)

#define EPT_ENTRIES		512
#define EPT_INDEX(gpa, level)	(((gpa) >> (12 + 9 * ((level) - 1))) & (EPT_ENTRIES - 1))

static inline bool ept_present(u64 entry)
{
	/* SDM 3C "EPT Translation Mechanism": not present if bits 2:0 are all 0. */
	return entry & EPT_RIGHTS;
}

static inline bool ept_is_leaf(u64 entry, unsigned int level)
{
	return level == 1 || (level <= 3 && (entry & EPT_LEAF));
}

#endif /* EPT_HW_H */
