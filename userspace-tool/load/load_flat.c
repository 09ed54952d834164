// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flat binaries: the file's bytes at one address, and begin at the first.
 *
 * Read load.h first; load_elf.c is the next step up.  The mode is real unless
 * --mode says otherwise, because that is the mode a processor wakes up in.
 */
#include "load.h"

int load_flat(struct loader *loader)
{
	const struct options *options = loader->options;
	uint64_t at = options->flat.value;

	loader->mode = options->mode == MODE_AUTO ? MODE_REAL : options->mode;
	loader->entry = options->entry.given ? options->entry.value : at;
	return load_piece(loader, at, loader->image.data, loader->image.bytes,
			  loader->image.bytes, "the flat binary");
}
