/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bus: which device answers which range of addresses.
 *
 * The machine has one for I/O ports and one for devices in memory.  Read
 * device.h first; machine.c puts the devices on them.
 *
 * Subtle: an address that nobody owns reads as all ones, as on a PC; it is
 * counted, so that --strict-io and --stats can tell.  On the bus of memory the
 * tool also says so once.
 */
#ifndef VITRINE_BUS_H
#define VITRINE_BUS_H

#include <stdbool.h>

#include "device.h"

#define BUS_MAX_RANGES	32

struct bus_range {
	uint64_t base;
	uint64_t bytes;
	const struct device_ops *ops;
	void *self;
};

struct bus {
	const char *name;
	struct bus_range range[BUS_MAX_RANGES];
	unsigned int nr_ranges;
	uint64_t unknown_reads;
	uint64_t unknown_writes;
	uint64_t last_unknown;
};

void bus_init(struct bus *bus, const char *name);

/*
 * Put a device on the bus.  0, or -EEXIST (the range overlaps that of another
 * device), -EINVAL (empty, or beyond the last address), -ENOSPC; each with a
 * sentence in vtr_last_error().
 */
int bus_add(struct bus *bus, uint64_t base, uint64_t bytes,
	    const struct device_ops *ops, void *self);

/* Power on: reset every device. */
void bus_reset(struct bus *bus);

/* True if every byte of the access had an owner. */
bool bus_read(struct bus *bus, uint64_t address, unsigned int bytes,
	      uint64_t *value);
bool bus_write(struct bus *bus, uint64_t address, unsigned int bytes,
	       uint64_t value);

#endif /* VITRINE_BUS_H */
