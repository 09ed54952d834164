/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading a guest: from a file to bytes in guest memory and an entry point.
 *
 * run/machine.c calls load_guest(); load.c chooses among load_flat.c,
 * load_elf.c, load_multiboot.c, load_linux.c and load_pvh.c; run/boot.c makes register
 * values of the result.
 *
 * Subtle: every piece of guest memory that is filled is claimed first, so an
 * overlap of any two pieces (segments, modules, boot area) is found in one
 * place and named.
 */
#ifndef VITRINE_LOAD_H
#define VITRINE_LOAD_H

#include "cli/options.h"
#include "devices/guest_mem.h"

#define LOAD_MAX_CLAIMS	256

/* Offsets in the boot area; the page directories end it. */
#define BOOT_GDT	0x0000u
#define BOOT_STACK_TOP	0x2000u
#define BOOT_INFO	0x2000u
#define BOOT_INFO_BYTES	0x4000u
#define BOOT_PML4	0x6000u
#define BOOT_PDPT	0x7000u
#define BOOT_PD		0x8000u
#define BOOT_AREA	0x80000u
#define BOOT_MAX_GIB	16u

struct image {
	const char *path;
	uint8_t *data;
	uint64_t bytes;
};

struct claim {
	char what[48];
	uint64_t gpa;
	uint64_t bytes;
};

/**
 * struct loader - one guest being loaded
 * @options: what the user asked for
 * @mem: where it goes
 * @image: the file
 * @format: kind found (never FORMAT_AUTO after load_guest())
 * @mode: mode to enter in (never MODE_AUTO after load_guest())
 * @entry: guest physical address to begin at
 * @eax: EAX at entry (multiboot's magic number)
 * @ebx: EBX at entry (multiboot's or PVH's information)
 * @esi: ESI at entry: address of the command line or of Linux' zero page; 0: none
 * @kernel: where a Linux kernel lies
 * @ramdisk: where its initial RAM disk lies
 * @ramdisk_bytes: its length, 0: there is none
 * @boot_area: address of the boot area; not valid in real mode
 * @identity_gib: GiB that the identity page tables map
 * @nr_claims: pieces of guest memory in use
 * @claims: the pieces
 */
struct loader {
	const struct options *options;
	struct guest_mem *mem;
	struct image image;
	enum image_format format;
	enum boot_mode mode;
	uint64_t entry;
	uint32_t eax;
	uint32_t ebx;
	uint64_t esi;
	uint64_t kernel;
	uint64_t ramdisk;
	uint64_t ramdisk_bytes;
	uint64_t boot_area;
	unsigned int identity_gib;
	unsigned int nr_claims;
	struct claim claims[LOAD_MAX_CLAIMS];
};

/* Load options->guest; 0 or a negative errno with a sentence. */
int load_guest(struct loader *loader, const struct options *options,
	       struct guest_mem *mem);

/*
 * Read a whole regular file of at most @max bytes.  Directories, FIFOs and
 * empty files are refused by name.
 */
int image_read(const char *path, uint64_t max, struct image *image);
void image_free(struct image *image);

/* ---- for the loaders only ---- */

/* Reserve guest memory under a name; -EFAULT outside of RAM, -EEXIST overlap. */
int load_claim(struct loader *loader, uint64_t gpa, uint64_t bytes,
	       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Claim, copy @file_bytes, and zero the rest up to @bytes. */
int load_piece(struct loader *loader, uint64_t gpa, const void *from,
	       uint64_t file_bytes, uint64_t bytes, const char *what);

/* End of the highest claim. */
uint64_t load_end(const struct loader *loader);

/* "GUEST: sentence"; -EINVAL. */
int load_refuse(const struct loader *loader, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What a kernel is told about memory; the numbers are those of e820 and of PVH. */
enum memory_kind { MEMORY_RAM = 1, MEMORY_RESERVED = 2, MEMORY_ACPI = 3 };
#define MEMORY_MAX_RANGES	8

struct memory_range {
	uint64_t at, bytes;
	enum memory_kind kind;
};

struct memory_map {
	unsigned int nr;
	struct memory_range range[MEMORY_MAX_RANGES];
};

void load_memory_map(const struct loader *loader, struct memory_map *map);

/* --initrd, if there is one, as high as possible below @end. */
int load_ramdisk(struct loader *loader, uint64_t end);

/* --append and the words behind --, joined; -E2BIG if longer than @room. */
int load_command_line(const struct options *options, const char *first,
		      char *line, size_t room);

/* Offset of a multiboot 1 header, or -1. */
int64_t multiboot_find(const struct image *image);

int load_flat(struct loader *loader);
int load_elf(struct loader *loader);
int load_multiboot(struct loader *loader);
int load_linux(struct loader *loader);
int load_pvh(struct loader *loader);

bool linux_is_kernel(const struct image *image);
bool pvh_is_kernel(const struct image *image);

/*
 * The value of the ELF note @name, @type, of 4 or 8 bytes; -ENOENT: there is none,
 * -EINVAL: the notes are damaged.
 */
int elf_note(const struct image *image, const char *name, uint32_t type, uint64_t *value);

/* The page that tells the kernel about its machine, once the boot area is placed. */
int linux_write_info(struct loader *loader);

/* PVH's start information, once the boot area is placed. */
int pvh_write_info(struct loader *loader);

/* Modules, memory map and texts into the boot area, once that is placed. */
int multiboot_write_info(struct loader *loader);

#endif /* VITRINE_LOAD_H */
