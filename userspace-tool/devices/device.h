/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every device of the tool looks like to the bus.
 *
 * One file a device: struct, init, exit and these operations.  A device knows
 * neither the bus nor the other devices; it is told an offset into its range.
 * Read bus.h next, then debug_console.c as the shortest device.
 *
 * Subtle: the machine holds its device lock around each operation.
 */
#ifndef VITRINE_DEVICE_H
#define VITRINE_DEVICE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct device_ops - operations of one kind of device
 * @name: for error messages and statistics
 * @widths: access widths in bytes that the device takes, or-ed (1 | 2 | 4 | 8);
 *	the bus splits any other access into halves
 * @state_bytes: length of what @save writes
 * @reset: to the state after power on
 * @save: write the complete state, @state_bytes long
 * @load: take over a state written by @save; 0, or -EINVAL if it cannot be one
 * @read: guest reads @bytes at @offset
 * @write: guest writes @bytes at @offset
 *
 * A device without state has @state_bytes 0 and no @reset, @save and @load.
 */
struct device_ops {
	const char *name;
	unsigned int widths;
	size_t state_bytes;
	void (*reset)(void *self);
	void (*save)(const void *self, void *state);
	int (*load)(void *self, const void *state);
	uint64_t (*read)(void *self, unsigned int offset, unsigned int bytes);
	void (*write)(void *self, unsigned int offset, unsigned int bytes,
		      uint64_t value);
};

#endif /* VITRINE_DEVICE_H */
