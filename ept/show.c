// SPDX-License-Identifier: GPL-2.0-only
/*
 * EPT entries in words, for debugfs and for messages.
 *
 * Called through vtr_slat_ops.describe by module/inspect.c.  Knows which bits
 * mean something at which level, and says so when an entry is one that the
 * processor would refuse: SDM 3C "EPT Misconfigurations" (29.3.3.1).
 */
#include <linux/kernel.h>

#include "ept.h"
#include "hw.h"

static const char * const memory_types[8] = {
	"UC", "WC", "reserved-2", "reserved-3", "WT", "WP", "WB", "reserved-7",
};

/* Return: why the processor would refuse @entry, or NULL. */
static const char *misconfiguration(u64 entry, unsigned int level)
{
	unsigned int type = (entry & EPT_MEMTYPE_MASK) >> EPT_MEMTYPE_SHIFT;

	if ((entry & (EPT_WRITE | EPT_READ)) == EPT_WRITE)
		return "writable but not readable";
	if (!ept_is_leaf(entry, level)) {
		if (entry & (EPT_MEMTYPE_MASK | EPT_IGNORE_PAT | EPT_LEAF))
			return "reserved bits in a table entry";
		return NULL;
	}
	if (type == 2 || type == 3 || type == 7)
		return "reserved memory type";
	if (level > 1 && (entry & EPT_ADDR_MASK & (vtr_slat_leaf_bytes(level) - 1)))
		return "leaf address not aligned to its size";
	return NULL;
}

/**
 * ept_describe() - put an entry into words
 * @buf: where to
 * @room: bytes in @buf
 * @entry: the entry
 * @level: its level, 1 to 4
 *
 * The address is left out: it is the host's secret.
 * Return: as snprintf().
 */
int ept_describe(char *buf, size_t room, u64 entry, unsigned int level)
{
	const char *broken;
	char rights[4];

	if (!ept_present(entry))
		return snprintf(buf, room, "not present");
	rights[0] = entry & EPT_READ ? 'r' : '-';
	rights[1] = entry & EPT_WRITE ? 'w' : '-';
	rights[2] = entry & EPT_EXEC ? 'x' : '-';
	rights[3] = 0;
	broken = misconfiguration(entry, level);
	if (broken)
		return snprintf(buf, room, "%s MISCONFIGURED: %s", rights, broken);
	if (!ept_is_leaf(entry, level))
		return snprintf(buf, room, "%s table of level %u", rights, level - 1);
	return snprintf(buf, room, "%s leaf %s %s%s%s%s", rights,
			level == 1 ? "4K" : level == 2 ? "2M" : "1G",
			memory_types[(entry & EPT_MEMTYPE_MASK) >> EPT_MEMTYPE_SHIFT],
			entry & EPT_IGNORE_PAT ? " ignore-PAT" : "",
			entry & EPT_ACCESSED ? " accessed" : "",
			entry & EPT_DIRTY ? " dirty" : "");
}
