// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels with a PVH entry: an ELF file with a note that says where to begin, in
 * 32-bit protected mode without paging, EBX = address of the start information.
 *
 * Read load.h and load_elf.c first.  A vmlinux of Linux is such a file if it was built
 * with CONFIG_PVH: no kernel unpacks itself, so this is the shortest way to start one.
 *
 *	start information -> command line
 *			  -> modules (the initial RAM disk is the first one)
 *			  -> memory map, RSDP
 *
 * Source: Xen, xen/include/public/elfnote.h, xen/include/public/arch-x86/hvm/
 * start_info.h, and docs/misc/pvh.pandoc.
 */
#include <errno.h>
#include <string.h>

#include "acpi.h"
#include "libvitrine.h"
#include "load.h"

#define NOTE_NAME	"Xen"
#define NOTE_ENTRY	18u		/* XEN_ELFNOTE_PHYS32_ENTRY */
#define START_MAGIC	0x336ec578u	/* "xEn3", bit 7 of the E is set */
#define START_VERSION	1u		/* the first with a memory map */

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modules, command_line, rsdp, map;
	uint32_t nr_ranges, reserved;
};

struct start_module {
	uint64_t at, bytes, command_line, reserved;
};

struct start_range {
	uint64_t at, bytes;
	uint32_t kind, reserved;
};

/* As they lie in the boot area; the command line is behind them. */
struct start_area {
	struct start_info info;
	struct start_module disk;
	struct start_range range[MEMORY_MAX_RANGES];
};

_Static_assert(sizeof(struct start_info) == 56, "by the specification");
_Static_assert(sizeof(struct start_range) == 24, "by the specification");

bool pvh_is_kernel(const struct image *image)
{
	uint64_t entry;

	return elf_note(image, NOTE_NAME, NOTE_ENTRY, &entry) == 0;
}

static bool is_loaded(const struct loader *loader, uint64_t gpa)
{
	for (unsigned int i = 0; i < loader->nr_claims; i++)
		if (gpa >= loader->claims[i].gpa &&
		    gpa - loader->claims[i].gpa < loader->claims[i].bytes)
			return true;
	return false;
}

static int find_entry(struct loader *loader)
{
	switch (elf_note(&loader->image, NOTE_NAME, NOTE_ENTRY, &loader->entry)) {
	case 0:
		return 0;
	case -EINVAL:
		return load_refuse(loader, "its notes are damaged: a length goes beyond their segment");
	default:
		return load_refuse(loader, "no PVH entry: the ELF file has no note \"Xen\" of type 18 (Linux: CONFIG_PVH); take the bzImage");
	}
}

int load_pvh(struct loader *loader)
{
	int ret;

	if (loader->options->mode != MODE_AUTO && loader->options->mode != MODE_PROTECTED)
		return load_refuse(loader, "a PVH kernel begins in protected mode: leave out --mode, or give --format elf");
	ret = load_elf(loader);
	if (!ret)
		ret = find_entry(loader);
	if (ret)
		return ret;
	if (!is_loaded(loader, loader->entry))
		return load_refuse(loader, "the PVH entry 0x%llx is in no loaded segment",
				   (ull)loader->entry);
	loader->mode = MODE_PROTECTED;
	return load_ramdisk(loader, 1ull << 32);
}

static void fill_map(const struct loader *loader, struct start_area *area)
{
	struct memory_map map;

	load_memory_map(loader, &map);
	for (unsigned int i = 0; i < map.nr; i++)
		area->range[i] = (struct start_range){
			map.range[i].at, map.range[i].bytes, map.range[i].kind, 0
		};
	area->info.nr_ranges = map.nr;
}

int pvh_write_info(struct loader *loader)
{
	uint64_t at = loader->boot_area + BOOT_INFO;
	struct start_area area = {
		.info = {
			.magic = START_MAGIC, .version = START_VERSION,
			.nr_modules = loader->ramdisk_bytes ? 1 : 0,
			.modules = at + offsetof(struct start_area, disk),
			.command_line = at + sizeof(area),
			.map = at + offsetof(struct start_area, range),
		},
		.disk = { .at = loader->ramdisk, .bytes = loader->ramdisk_bytes },
	};
	char line[BOOT_INFO_BYTES - sizeof(area)];
	int ret = load_command_line(loader->options, NULL, line, sizeof(line));

	if (!ret)
		ret = acpi_write(loader, loader->options->cpus.value, &area.info.rsdp);
	if (ret)
		return ret;
	fill_map(loader, &area);
	loader->ebx = at;
	ret = guest_mem_write(loader->mem, at, &area, sizeof(area));
	return ret ? ret : guest_mem_write(loader->mem, at + sizeof(area), line, strlen(line) + 1);
}
