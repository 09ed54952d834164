// SPDX-License-Identifier: GPL-2.0-only
/*
 * Look-up of the device for an access, and what happens when there is none.
 *
 * Read bus.h first.  vcpu_loop.c is the caller.
 *
 * Subtle: an access that is wider than the device takes, or that leaves the
 * device's range, is split into halves, each looked up by itself: so does the
 * ISA bus with a 16-bit access to an 8-bit card, and a 64-bit access to a
 * register of 32 bits becomes two.  Widths that are no power of two are parts of
 * an access that lies on two pages.
 */
#include <errno.h>
#include <string.h>

#include "bus.h"
#include "libvitrine.h"

void bus_init(struct bus *bus, const char *name)
{
	*bus = (struct bus){ .name = name };
}

static struct bus_range *find(struct bus *bus, uint64_t address)
{
	for (unsigned int i = 0; i < bus->nr_ranges; i++) {
		struct bus_range *range = &bus->range[i];

		if (address >= range->base &&
		    address - range->base < range->bytes)
			return range;
	}
	return NULL;
}

static const struct bus_range *overlapped(const struct bus *bus, uint64_t base,
					  uint64_t last)
{
	for (unsigned int i = 0; i < bus->nr_ranges; i++) {
		const struct bus_range *range = &bus->range[i];

		if (base <= range->base + range->bytes - 1 &&
		    last >= range->base)
			return range;
	}
	return NULL;
}

int bus_add(struct bus *bus, uint64_t base, uint64_t bytes,
	    const struct device_ops *ops, void *self)
{
	const struct bus_range *other;
	uint64_t last;

	if (!bytes || __builtin_add_overflow(base, bytes - 1, &last))
		return vtr_error(EINVAL, "%s: 0x%llx bytes at 0x%llx are no range for %s",
				 bus->name, (unsigned long long)bytes,
				 (unsigned long long)base, ops->name);
	other = overlapped(bus, base, last);
	if (other)
		return vtr_error(EEXIST, "%s: %s at 0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx: choose another address",
				 bus->name, ops->name, (unsigned long long)base,
				 (unsigned long long)last, other->ops->name,
				 (unsigned long long)other->base,
				 (unsigned long long)(other->base +
						      other->bytes - 1));
	if (bus->nr_ranges == BUS_MAX_RANGES)
		return vtr_error(ENOSPC, "%s: no room for %s: at most %d devices",
				 bus->name, ops->name, BUS_MAX_RANGES);
	bus->range[bus->nr_ranges++] = (struct bus_range){
		.base = base,
		.bytes = bytes,
		.ops = ops,
		.self = self,
	};
	return 0;
}

void bus_reset(struct bus *bus)
{
	for (unsigned int i = 0; i < bus->nr_ranges; i++) {
		struct bus_range *range = &bus->range[i];

		if (range->ops->reset)
			range->ops->reset(range->self);
	}
}

static bool takes_whole(const struct bus_range *range, uint64_t address,
			unsigned int bytes)
{
	return range && !(bytes & (bytes - 1)) &&
	       (range->ops->widths & bytes) &&
	       address - range->base + bytes <= range->bytes;
}

static uint64_t ones(unsigned int bytes)
{
	return bytes >= 8 ? ~0ull : (1ull << (8 * bytes)) - 1;
}

/* The first part of a split access: the largest power of two below @bytes. */
static unsigned int first_part(unsigned int bytes)
{
	return bytes > 4 ? 4 : bytes > 2 ? 2 : 1;
}

bool bus_read(struct bus *bus, uint64_t address, unsigned int bytes,
	      uint64_t *value)
{
	struct bus_range *range = find(bus, address);
	unsigned int first = first_part(bytes);
	uint64_t rest;
	bool known;

	if (takes_whole(range, address, bytes)) {
		*value = range->ops->read(range->self, address - range->base,
					  bytes) & ones(bytes);
		return true;
	}
	if (bytes == 1) {
		bus->unknown_reads++;
		bus->last_unknown = address;
		*value = 0xff;
		return false;
	}
	known = bus_read(bus, address, first, value);
	known &= bus_read(bus, address + first, bytes - first, &rest);
	*value |= rest << (8 * first);
	return known;
}

bool bus_write(struct bus *bus, uint64_t address, unsigned int bytes,
	       uint64_t value)
{
	struct bus_range *range = find(bus, address);
	unsigned int first = first_part(bytes);
	bool known;

	if (takes_whole(range, address, bytes)) {
		range->ops->write(range->self, address - range->base, bytes,
				  value & ones(bytes));
		return true;
	}
	if (bytes == 1) {
		bus->unknown_writes++;
		bus->last_unknown = address;
		return false;
	}
	known = bus_write(bus, address, first, value);
	known &= bus_write(bus, address + first, bytes - first,
			   value >> (8 * first));
	return known;
}
