// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiboot 1 kernels: header, address fields, modules, memory map.
 *
 * Read load.h and load_elf.c first.  The kernel begins in 32-bit protected
 * mode without paging, EAX = 0x2badb002, EBX = address of the information
 * structure, which is written into the boot area here.
 *
 * Subtle: the low 16 header flags are requirements: one that is not
 * understood must be refused, the high 16 are offers that may be ignored.
 * Source: Multiboot Specification version 0.6.96, "The layout of Multiboot
 * header" (3.1) and "Boot information format" (3.3).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvitrine.h"
#include "load.h"

#define MB_HEADER_MAGIC		0x1badb002u
#define MB_LOADER_MAGIC		0x2badb002u
#define MB_SEARCH		8192u
#define MB_PAGE_ALIGN		(1u << 0)
#define MB_MEMORY_INFO		(1u << 1)
#define MB_VIDEO_MODE		(1u << 2)
#define MB_ADDRESSES		(1u << 16)
#define MB_REQUIREMENTS		0xffffu

#define MBI_MEMORY		(1u << 0)
#define MBI_COMMAND_LINE	(1u << 2)
#define MBI_MODULES		(1u << 3)
#define MBI_MEMORY_MAP		(1u << 6)
#define MBI_LOADER_NAME		(1u << 9)

#define LOW_MEMORY_END		0x9fc00ull
#define HIGH_MEMORY		0x100000ull

struct mb_header {
	uint32_t magic, flags, checksum;
	/* with MB_ADDRESSES: */
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr,
		 entry_addr;
};

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr;
	uint32_t config_table, boot_loader_name, apm_table;
};

struct mb_module {
	uint32_t start, end, string, reserved;
};

/* @size does not count itself. */
struct mb_region {
	uint32_t size;
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));

/* What is written into the boot area behind the information structure. */
struct info_writer {
	struct loader *loader;
	uint64_t at;
	uint64_t end;
};

/* The header may be cut: the address fields read as 0 then. */
static struct mb_header header_at(const struct image *image, uint64_t offset)
{
	struct mb_header header = { 0 };
	uint64_t bytes = image->bytes - offset;

	memcpy(&header, image->data + offset,
	       bytes < sizeof(header) ? bytes : sizeof(header));
	return header;
}

int64_t multiboot_find(const struct image *image)
{
	uint64_t end = image->bytes < MB_SEARCH ? image->bytes : MB_SEARCH;

	for (uint64_t at = 0; at + 12 <= end; at += 4) {
		struct mb_header header = header_at(image, at);

		if (header.magic == MB_HEADER_MAGIC &&
		    header.magic + header.flags + header.checksum == 0)
			return at;
	}
	return -1;
}

static int check_flags(struct loader *loader, uint32_t flags)
{
	uint32_t unknown = flags & MB_REQUIREMENTS &
			   ~(MB_PAGE_ALIGN | MB_MEMORY_INFO);

	if (unknown & MB_VIDEO_MODE)
		return load_refuse(loader, "the multiboot kernel wants a video mode (flag bit 2): there is no display");
	if (unknown)
		return load_refuse(loader, "the multiboot header has requirements that are not known here (flags 0x%x)",
				   unknown);
	return 0;
}

/* Addresses in the header instead of ELF ("a.out kludge"). */
static int load_by_addresses(struct loader *loader, uint64_t offset,
			     const struct mb_header *header)
{
	const struct image *image = &loader->image;
	uint64_t skip, file_bytes, bytes;

	if (image->bytes - offset < sizeof(*header))
		return load_refuse(loader, "the file is cut off within the multiboot header");
	if (header->load_addr > header->header_addr ||
	    header->header_addr - header->load_addr > offset)
		return load_refuse(loader, "multiboot header: load_addr 0x%x does not fit header_addr 0x%x at file offset 0x%llx",
				   header->load_addr, header->header_addr,
				   (ull)offset);
	skip = offset - (header->header_addr - header->load_addr);
	file_bytes = image->bytes - skip;
	if (header->load_end_addr) {
		if (header->load_end_addr <= header->load_addr)
			return load_refuse(loader, "multiboot header: load_end_addr 0x%x is not above load_addr 0x%x",
					   header->load_end_addr,
					   header->load_addr);
		if (header->load_end_addr - header->load_addr > file_bytes)
			return load_refuse(loader, "multiboot header: load_end_addr 0x%x lies beyond the end of the file: it is cut off",
					   header->load_end_addr);
		file_bytes = header->load_end_addr - header->load_addr;
	}
	bytes = file_bytes;
	if (header->bss_end_addr) {
		if (header->bss_end_addr < header->load_addr + file_bytes)
			return load_refuse(loader, "multiboot header: bss_end_addr 0x%x lies before the end of the loaded part",
					   header->bss_end_addr);
		bytes = header->bss_end_addr - header->load_addr;
	}
	loader->entry = header->entry_addr;
	return load_piece(loader, header->load_addr, image->data + skip,
			  file_bytes, bytes, "the multiboot kernel");
}

/* ---- the information structure ---- */

/* Append to the information; returns its address, 0 if it is full. */
static uint32_t put(struct info_writer *writer, const void *from, size_t bytes)
{
	uint64_t at = align_up(writer->at, 4);

	if (at + bytes > writer->end) {
		vtr_error(E2BIG, "%s: command line and module texts need more than %u bytes",
			  writer->loader->options->guest, BOOT_INFO_BYTES);
		return 0;
	}
	if (guest_mem_write(writer->loader->mem, at, from, bytes))
		return 0;
	writer->at = at + bytes;
	return at;
}

/* "FILE,TEXT" -> FILE and the string that multiboot wants: "FILE TEXT". */
static char *split_module(const char *item, char **file)
{
	const char *comma = strchr(item, ',');
	char *string = strdup(item);

	*file = comma ? strndup(item, comma - item) : strdup(item);
	if (comma && string)
		string[comma - item] = ' ';
	return string;
}

static int place_module(struct info_writer *writer, const struct image *image,
			const char *string, struct mb_module *module)
{
	struct loader *loader = writer->loader;
	uint64_t at = align_up(load_end(loader), GUEST_PAGE_BYTES);
	int ret;

	if (at < HIGH_MEMORY)
		at = HIGH_MEMORY;
	if (at + image->bytes > UINT32_MAX ||
	    !guest_mem_has(loader->mem, at, image->bytes))
		return vtr_error(EFAULT, "module %s (%llu bytes) does not fit behind the kernel at 0x%llx: raise --memory",
				 image->path, (ull)image->bytes, (ull)at);
	ret = load_piece(loader, at, image->data, image->bytes, image->bytes,
			 "a module");
	if (ret)
		return ret;
	*module = (struct mb_module){
		.start = at,
		.end = at + image->bytes,
		.string = put(writer, string, strlen(string) + 1),
	};
	return module->string ? 0 : -E2BIG;
}

static int load_module(struct info_writer *writer, const char *item,
		       struct mb_module *module)
{
	char *file, *string = split_module(item, &file);
	struct image image = { 0 };
	int ret;

	if (!file || !string)
		ret = vtr_error(ENOMEM, "no memory for the name of a module");
	else
		ret = image_read(file, writer->loader->mem->bytes, &image);
	if (!ret)
		ret = place_module(writer, &image, string, module);
	image_free(&image);
	free(file);
	free(string);
	return ret;
}

static int put_modules(struct info_writer *writer, struct mb_info *info)
{
	const struct opt_list *list = &writer->loader->options->modules;
	struct mb_module modules[OPT_MAX_LIST];

	for (unsigned int i = 0; i < list->nr; i++) {
		int ret = load_module(writer, list->item[i], &modules[i]);

		if (ret)
			return ret;
	}
	info->flags |= MBI_MODULES;
	info->mods_count = list->nr;
	if (!list->nr)
		return 0;
	info->mods_addr = put(writer, modules, list->nr * sizeof(modules[0]));
	return info->mods_addr ? 0 : -E2BIG;
}

static uint64_t low_end(const struct guest_mem *mem)
{
	uint64_t bytes = mem->region[0].bytes;

	return bytes < LOW_MEMORY_END ? bytes : LOW_MEMORY_END;
}

/* Available below 640K, above 1M, and above the hole, as far as they exist. */
static int put_memory(struct info_writer *writer, struct mb_info *info)
{
	const struct guest_mem *mem = writer->loader->mem;
	struct mb_region map[3] = {
		{ sizeof(map[0]) - 4, 0, low_end(mem), 1 },
	};
	unsigned int nr = 1;

	info->flags |= MBI_MEMORY | MBI_MEMORY_MAP;
	info->mem_lower = low_end(mem) >> 10;
	if (mem->region[0].bytes > HIGH_MEMORY) {
		uint64_t upper = mem->region[0].bytes - HIGH_MEMORY;

		info->mem_upper = upper >> 10;
		map[nr++] = (struct mb_region){
			sizeof(map[0]) - 4, HIGH_MEMORY, upper, 1
		};
	}
	if (mem->nr_regions > 1)
		map[nr++] = (struct mb_region){
			sizeof(map[0]) - 4, mem->region[1].gpa,
			mem->region[1].bytes, 1
		};
	info->mmap_length = nr * sizeof(map[0]);
	info->mmap_addr = put(writer, map, info->mmap_length);
	return info->mmap_addr ? 0 : -E2BIG;
}

static int put_strings(struct info_writer *writer, struct mb_info *info)
{
	static const char name[] = "Vitrine " VITRINE_VERSION;
	char line[BOOT_INFO_BYTES];
	int ret = load_command_line(writer->loader->options,
				    writer->loader->options->guest, line,
				    sizeof(line));

	if (ret)
		return ret;
	info->flags |= MBI_COMMAND_LINE | MBI_LOADER_NAME;
	info->cmdline = put(writer, line, strlen(line) + 1);
	info->boot_loader_name = put(writer, name, sizeof(name));
	return info->cmdline && info->boot_loader_name ? 0 : -E2BIG;
}

int multiboot_write_info(struct loader *loader)
{
	uint64_t at = loader->boot_area + BOOT_INFO;
	struct mb_info info = { 0 };
	struct info_writer writer = {
		.loader = loader,
		.at = at + sizeof(info),
		.end = at + BOOT_INFO_BYTES,
	};
	int ret = put_memory(&writer, &info);

	if (!ret)
		ret = put_strings(&writer, &info);
	if (!ret)
		ret = put_modules(&writer, &info);
	if (!ret)
		ret = guest_mem_write(loader->mem, at, &info, sizeof(info));
	loader->eax = MB_LOADER_MAGIC;
	loader->ebx = at;
	return ret;
}

int load_multiboot(struct loader *loader)
{
	int64_t offset = multiboot_find(&loader->image);
	struct mb_header header;
	int ret;

	if (offset < 0)
		return load_refuse(loader, "no multiboot 1 header in the first 8 KiB");
	if (loader->options->mode != MODE_AUTO &&
	    loader->options->mode != MODE_PROTECTED)
		return load_refuse(loader, "a multiboot kernel begins in protected mode: leave out --mode, or give --format elf");
	header = header_at(&loader->image, offset);
	ret = check_flags(loader, header.flags);
	if (ret)
		return ret;
	if (header.flags & MB_ADDRESSES)
		ret = load_by_addresses(loader, offset, &header);
	else
		ret = load_elf(loader);
	loader->mode = MODE_PROTECTED;
	if (!ret && loader->options->entry.given)
		loader->entry = loader->options->entry.value;
	return ret;
}
