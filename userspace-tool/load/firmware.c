// SPDX-License-Identifier: GPL-2.0-only
/*
 * What firmware and boot loader of a PC do for any kernel: the memory map, and the
 * initial RAM disk at the top of memory.
 *
 * Read load.h first; load_linux.c and load_pvh.c put the results into their own forms.
 */
#include "acpi.h"
#include "libvitrine.h"
#include "load.h"

#define LOW_END		0x9fc00ull
#define HIGH_START	0x100000ull

static void add_range(struct memory_map *map, uint64_t at, uint64_t end, enum memory_kind kind)
{
	map->range[map->nr++] = (struct memory_range){ at, end - at, kind };
}

/* Memory as it lies in guest_mem.h, and the usual holes. */
void load_memory_map(const struct loader *loader, struct memory_map *map)
{
	const struct guest_mem *mem = loader->mem;

	map->nr = 0;
	add_range(map, 0, LOW_END, MEMORY_RAM);
	add_range(map, LOW_END, 0xa0000, MEMORY_RESERVED);
	add_range(map, ACPI_AT, ACPI_AT + ACPI_BYTES, MEMORY_ACPI);
	add_range(map, ACPI_AT + ACPI_BYTES, HIGH_START, MEMORY_RESERVED);
	add_range(map, HIGH_START, mem->region[0].bytes, MEMORY_RAM);
	if (mem->nr_regions > 1)
		add_range(map, mem->region[1].gpa,
			  mem->region[1].gpa + mem->region[1].bytes, MEMORY_RAM);
}

/* As high as the kernel can reach, so that it is not in the way. */
int load_ramdisk(struct loader *loader, uint64_t end)
{
	uint64_t low = loader->mem->region[0].bytes;
	struct image disk;
	uint64_t at;
	int ret;

	if (!loader->options->initrd)
		return 0;
	ret = image_read(loader->options->initrd, loader->mem->bytes, &disk);
	if (ret)
		return ret;
	if (end > low)
		end = low;
	at = end < disk.bytes ? 0 : (end - disk.bytes) & ~(GUEST_PAGE_BYTES - 1);
	loader->ramdisk = at;
	loader->ramdisk_bytes = disk.bytes;
	ret = load_piece(loader, at, disk.data, disk.bytes, disk.bytes,
			 "the initial RAM disk");
	image_free(&disk);
	return ret;
}
