// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux kernels in the form of a bzImage, by the boot protocol of 64 or 32 bits.
 *
 * Read load.h and load_elf.c first.  The kernel itself goes where it prefers to
 * be, the initial RAM disk to the top of memory, and the page that tells the
 * kernel about both ("zero page") into the boot area.  The kernel begins in long
 * mode on identity tables, RSI = address of that page; one without such an entry, or
 * with --mode protected, in 32-bit protected mode without paging.
 *
 * Subtle: a kernel unpacks itself to where it stands and needs more room than
 * the file has (init_size), so that much is claimed.
 * Source: Linux, Documentation/x86/boot.rst, "The Real-Mode Kernel Header",
 * "32-bit Boot Protocol" and "64-bit Boot Protocol".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libvitrine.h"
#include "acpi.h"
#include "load.h"

#define MAGIC_HEADER	0x53726448u	/* "HdrS" */
#define MAGIC_BOOT	0xaa55u
/* Versions of the protocol, each the first ... */
#define OLDEST		0x0206u		/* ... that says how long a command line may be */
#define SINCE_PLACE	0x020au		/* ... that says where the kernel wants to be */
#define SINCE_64	0x020cu		/* ... with an entry of 64 bits */
#define OLD_PLACE	0x100000u	/* where all kernels before went */
#define ENTRY_64	0x200u
#define SETUP_SECTORS	4u		/* what 0 means */

/* Offsets in the file and in the zero page alike. */
#define HDR_FIRST	0x1f1
#define HDR_END		0x268		/* at most */
#define HDR_SECTORS	0x1f1
#define HDR_PARAGRAPHS	0x1f4		/* of 16 bytes, without the setup part */
#define HDR_VIDEO	0x1fa
#define HDR_BOOT_FLAG	0x1fe
#define HDR_JUMP	0x201
#define HDR_MAGIC	0x202
#define HDR_VERSION	0x206
#define HDR_LOADER	0x210
#define HDR_FLAGS	0x211
#define HDR_CODE32	0x214
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

static unsigned int version_of(const struct image *image)
{
	return get(image, HDR_VERSION, 2);
}

static bool has_64(const struct image *image)
{
	return version_of(image) >= SINCE_64 && get(image, HDR_XFLAGS, 2) & XFLAG_64;
}

static int check_bytes(const struct loader *loader)
{
	const struct image *image = &loader->image;
	uint64_t setup = setup_bytes(image), code = get(image, HDR_PARAGRAPHS, 4) * 16;

	if (setup >= image->bytes)
		return load_refuse(loader, "the file ends within its setup part (%llu of %llu bytes): it is cut short",
				   (ull)image->bytes, (ull)setup);
	/* The last 16 bytes may be there in part. */
	if (code >= image->bytes - setup + 16)
		return load_refuse(loader, "the header tells of %llu bytes behind the setup part, the file has %llu: it is cut short",
				   (ull)code, (ull)(image->bytes - setup));
	return 0;
}

static int check_header(const struct loader *loader)
{
	const struct image *image = &loader->image;
	unsigned int version = version_of(image);

	if (!linux_is_kernel(image))
		return load_refuse(loader, "no Linux kernel: 'HdrS' at 0x202 and 0xaa55 at 0x1fe are missing");
	if (version < OLDEST)
		return load_refuse(loader, "boot protocol %u.%02u: 2.06 (Linux 2.6.22) or later is needed",
				   version >> 8, version & 0xff);
	if (!(get(image, HDR_FLAGS, 1) & FLAG_HIGH))
		return load_refuse(loader, "a zImage, which is loaded low: a bzImage is needed");
	if (!has_64(image) && !get(image, HDR_CODE32, 4))
		return load_refuse(loader, "no entry for 32 or 64 bits (code32_start is 0): it begins in real mode and needs a BIOS");
	return check_bytes(loader);
}

static int choose_mode(struct loader *loader)
{
	bool wide = has_64(&loader->image);

	loader->mode = loader->options->mode;
	if (loader->mode == MODE_AUTO)
		loader->mode = wide ? MODE_LONG : MODE_PROTECTED;
	if (loader->mode == MODE_REAL)
		return load_refuse(loader, "a Linux kernel is started in long or protected mode, not in real mode: leave out --mode");
	if (loader->mode == MODE_LONG && !wide)
		return load_refuse(loader, "a kernel without an entry for 64 bits: leave out --mode");
	return 0;
}

static int place_kernel(struct loader *loader)
{
	const struct image *image = &loader->image;
	bool placed = version_of(image) >= SINCE_PLACE;
	uint64_t at = placed ? get(image, HDR_PREFERRED, 8) : OLD_PLACE;
	uint64_t need = placed ? get(image, HDR_INIT_SIZE, 4) : 0;
	uint64_t skip = setup_bytes(image), bytes = image->bytes - skip;
	int ret;

	ret = load_claim(loader, at, need > bytes ? need : bytes, "the kernel");
	if (ret)
		return ret;
	loader->kernel = at;
	loader->entry = loader->mode == MODE_LONG ? at + ENTRY_64 : at;
	return guest_mem_write(loader->mem, at, image->data + skip, bytes);
}

int load_linux(struct loader *loader)
{
	int ret = check_header(loader);

	if (!ret)
		ret = choose_mode(loader);
	if (!ret)
		ret = place_kernel(loader);
	if (!ret)
		ret = load_ramdisk(loader, get(&loader->image, HDR_RAMDISK_MAX, 4) + 1);
	return ret;
}

/* ---- the zero page --------------------------------------------------------------- */

static void put(uint8_t *zero, unsigned int at, uint64_t value, unsigned int bytes)
{
	memcpy(zero + at, &value, bytes);
}

static void add_memory_map(const struct loader *loader, uint8_t *zero)
{
	struct memory_map map;

	load_memory_map(loader, &map);
	for (unsigned int i = 0; i < map.nr; i++) {
		struct e820_entry entry = {
			map.range[i].at, map.range[i].bytes, map.range[i].kind
		};

		memcpy(zero + ZERO_E820 + i * sizeof(entry), &entry, sizeof(entry));
	}
	zero[ZERO_NR_E820] = map.nr;
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
	put(zero, HDR_CODE32, loader->kernel, 4);
	put(zero, HDR_COMMAND_LINE, line, 4);
	put(zero, HDR_RAMDISK, loader->ramdisk, 4);
	put(zero, HDR_RAMDISK_SIZE, loader->ramdisk_bytes, 4);
	put(zero, ZERO_RSDP, rsdp, 8);
	add_memory_map(loader, zero);
	loader->esi = at;
	ret = write_command_line(loader, line);
	return ret ? ret : guest_mem_write(loader->mem, at, zero, sizeof(zero));
}
