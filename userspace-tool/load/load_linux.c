// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux kernels in the form of a bzImage, by the 64-bit boot protocol.
 *
 * Read load.h and load_elf.c first.  The kernel itself goes where it prefers to
 * be, the initial RAM disk to the top of memory, and the page that tells the
 * kernel about both ("zero page") into the boot area.  The kernel begins in long
 * mode on identity tables, RSI = address of that page.
 *
 * Subtle: a kernel unpacks itself to where it stands and needs more room than
 * the file has (init_size), so that much is claimed.
 * Source: Linux, Documentation/x86/boot.rst, "The Real-Mode Kernel Header" and
 * "64-bit Boot Protocol".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libvitrine.h"
#include "acpi.h"
#include "load.h"

#define MAGIC_HEADER	0x53726448u	/* "HdrS" */
#define MAGIC_BOOT	0xaa55u
#define OLDEST		0x020cu		/* the first with a 64-bit entry */
#define ENTRY_64	0x200u
#define SETUP_SECTORS	4u		/* what 0 means */

/* Offsets in the file and in the zero page alike. */
#define HDR_FIRST	0x1f1
#define HDR_END		0x268		/* at most */
#define HDR_SECTORS	0x1f1
#define HDR_VIDEO	0x1fa
#define HDR_BOOT_FLAG	0x1fe
#define HDR_JUMP	0x201
#define HDR_MAGIC	0x202
#define HDR_VERSION	0x206
#define HDR_LOADER	0x210
#define HDR_FLAGS	0x211
#define HDR_RAMDISK	0x218
#define HDR_RAMDISK_SIZE 0x21c
#define HDR_COMMAND_LINE 0x228
#define HDR_RAMDISK_MAX	0x22c
#define HDR_XFLAGS	0x236
#define HDR_LINE_SIZE	0x238
#define HDR_PREFERRED	0x258
#define HDR_INIT_SIZE	0x260

/* Offsets in the zero page only. */
#define ZERO_RSDP	0x070
#define ZERO_NR_E820	0x1e8
#define ZERO_E820	0x2d0
#define ZERO_BYTES	4096u

#define LOADER_UNKNOWN	0xff
#define FLAG_HIGH	0x01
#define FLAG_QUIET	0x20
#define XFLAG_64	0x01
#define VIDEO_NORMAL	0xffff

#define LINE_AT		(BOOT_INFO + ZERO_BYTES)
#define LINE_ROOM	(BOOT_INFO_BYTES - ZERO_BYTES)

#define LOW_END		0x9fc00ull
#define HIGH_START	0x100000ull

enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3 };

struct e820_entry {
	uint64_t at, bytes;
	uint32_t kind;
} __attribute__((packed));

static uint64_t get(const struct image *image, uint64_t at, unsigned int bytes)
{
	uint64_t value = 0;

	if (at + bytes <= image->bytes)
		memcpy(&value, image->data + at, bytes);
	return value;
}

bool linux_is_kernel(const struct image *image)
{
	return get(image, HDR_MAGIC, 4) == MAGIC_HEADER &&
	       get(image, HDR_BOOT_FLAG, 2) == MAGIC_BOOT;
}

/* The file's first part runs in real mode; it is not used here. */
static uint64_t setup_bytes(const struct image *image)
{
	uint64_t sectors = get(image, HDR_SECTORS, 1);

	return ((sectors ? sectors : SETUP_SECTORS) + 1) * 512;
}

static int check_header(const struct loader *loader)
{
	const struct image *image = &loader->image;
	unsigned int version = get(image, HDR_VERSION, 2);

	if (!linux_is_kernel(image))
		return load_refuse(loader, "no Linux kernel: 'HdrS' at 0x202 and 0xaa55 at 0x1fe are missing");
	if (version < OLDEST)
		return load_refuse(loader, "boot protocol %u.%02u: 2.12 (Linux 3.8) or later is needed",
				   version >> 8, version & 0xff);
	if (!(get(image, HDR_XFLAGS, 2) & XFLAG_64))
		return load_refuse(loader, "a 32-bit Linux kernel: only x86-64 kernels can be started");
	if (!(get(image, HDR_FLAGS, 1) & FLAG_HIGH))
		return load_refuse(loader, "a zImage, which is loaded low: a bzImage is needed");
	if (setup_bytes(image) >= image->bytes)
		return load_refuse(loader, "the file ends within its setup part (%llu of %llu bytes): it is cut short",
				   (ull)image->bytes, (ull)setup_bytes(image));
	return 0;
}

static int place_kernel(struct loader *loader)
{
	const struct image *image = &loader->image;
	uint64_t at = get(image, HDR_PREFERRED, 8);
	uint64_t need = get(image, HDR_INIT_SIZE, 4);
	uint64_t skip = setup_bytes(image), bytes = image->bytes - skip;
	int ret;

	ret = load_claim(loader, at, need > bytes ? need : bytes, "the kernel");
	if (ret)
		return ret;
	loader->mode = MODE_LONG;
	loader->entry = at + ENTRY_64;
	return guest_mem_write(loader->mem, at, image->data + skip, bytes);
}

/* As high as the kernel can reach, so that it is not in the way. */
static int place_ramdisk(struct loader *loader, uint64_t *at, uint64_t *bytes)
{
	uint64_t end = get(&loader->image, HDR_RAMDISK_MAX, 4) + 1;
	uint64_t low = loader->mem->region[0].bytes;
	struct image disk;
	int ret;

	*at = *bytes = 0;
	if (!loader->options->initrd)
		return 0;
	ret = image_read(loader->options->initrd, loader->mem->bytes, &disk);
	if (ret)
		return ret;
	if (end > low)
		end = low;
	*bytes = disk.bytes;
	*at = end < disk.bytes ? 0 : (end - disk.bytes) & ~(GUEST_PAGE_BYTES - 1);
	ret = load_piece(loader, *at, disk.data, disk.bytes, disk.bytes,
			 "the initial RAM disk");
	image_free(&disk);
	return ret;
}

int load_linux(struct loader *loader)
{
	int ret = check_header(loader);

	if (!ret && loader->options->mode != MODE_AUTO && loader->options->mode != MODE_LONG)
		ret = load_refuse(loader, "a Linux kernel is started in long mode: leave out --mode");
	if (!ret)
		ret = place_kernel(loader);
	if (!ret)
		ret = place_ramdisk(loader, &loader->ramdisk, &loader->ramdisk_bytes);
	return ret;
}

/* ---- the zero page --------------------------------------------------------------- */

static void put(uint8_t *zero, unsigned int at, uint64_t value, unsigned int bytes)
{
	memcpy(zero + at, &value, bytes);
}

static void add_range(uint8_t *zero, uint64_t at, uint64_t end, uint32_t kind)
{
	struct e820_entry entry = { at, end - at, kind };
	unsigned int nr = zero[ZERO_NR_E820];

	memcpy(zero + ZERO_E820 + nr * sizeof(entry), &entry, sizeof(entry));
	zero[ZERO_NR_E820] = nr + 1;
}

/* What firmware would tell: memory as it lies in guest_mem.h, and the usual holes. */
static void add_memory_map(const struct loader *loader, uint8_t *zero)
{
	const struct guest_mem *mem = loader->mem;

	add_range(zero, 0, LOW_END, E820_RAM);
	add_range(zero, LOW_END, 0xa0000, E820_RESERVED);
	add_range(zero, ACPI_AT, ACPI_AT + ACPI_BYTES, E820_ACPI);
	add_range(zero, ACPI_AT + ACPI_BYTES, HIGH_START, E820_RESERVED);
	add_range(zero, HIGH_START, mem->region[0].bytes, E820_RAM);
	if (mem->nr_regions > 1)
		add_range(zero, mem->region[1].gpa,
			  mem->region[1].gpa + mem->region[1].bytes, E820_RAM);
}

static int write_command_line(struct loader *loader, uint64_t at)
{
	uint64_t most = get(&loader->image, HDR_LINE_SIZE, 4);
	char line[LINE_ROOM];
	int ret = load_command_line(loader->options, NULL, line, sizeof(line));

	if (ret)
		return ret;
	if (strlen(line) > most)
		return load_refuse(loader, "the command line has %zu bytes, this kernel takes %llu",
				   strlen(line), (ull)most);
	return guest_mem_write(loader->mem, at, line, strlen(line) + 1);
}

int linux_write_info(struct loader *loader)
{
	const struct image *image = &loader->image;
	uint64_t at = loader->boot_area + BOOT_INFO;
	uint64_t line = loader->boot_area + LINE_AT;
	uint8_t zero[ZERO_BYTES] = { 0 };
	uint64_t end = HDR_MAGIC + get(image, HDR_JUMP, 1);
	uint64_t rsdp;
	int ret = acpi_write(loader, loader->options->cpus.value, &rsdp);

	if (ret)
		return ret;

	if (end > HDR_END)
		end = HDR_END;
	memcpy(zero + HDR_FIRST, image->data + HDR_FIRST, end - HDR_FIRST);
	put(zero, HDR_LOADER, LOADER_UNKNOWN, 1);
	put(zero, HDR_VIDEO, VIDEO_NORMAL, 2);
	put(zero, HDR_COMMAND_LINE, line, 4);
	put(zero, HDR_RAMDISK, loader->ramdisk, 4);
	put(zero, HDR_RAMDISK_SIZE, loader->ramdisk_bytes, 4);
	put(zero, ZERO_RSDP, rsdp, 8);
	add_memory_map(loader, zero);
	loader->esi = at;
	ret = write_command_line(loader, line);
	return ret ? ret : guest_mem_write(loader->mem, at, zero, sizeof(zero));
}
