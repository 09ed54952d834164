// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choice of the loader, and the claims that keep pieces of guest memory apart.
 *
 * Read load.h first, then load_flat.c, load_elf.c, load_multiboot.c, load_linux.c,
 * load_pvh.c in this order.  run/boot.c fills the boot area that is placed here.
 *
 * Subtle: the boot area is claimed after the image, so that a collision is
 * reported with the remedy (--boot-area) and not as the image's fault.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acpi.h"
#include "libvitrine.h"
#include "load.h"

int load_refuse(const struct loader *loader, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return vtr_error(EINVAL, "%s: %s", loader->image.path, text);
}

static const struct claim *collision(const struct loader *loader, uint64_t gpa,
				     uint64_t bytes)
{
	for (unsigned int i = 0; i < loader->nr_claims; i++) {
		const struct claim *other = &loader->claims[i];

		if (gpa < other->gpa + other->bytes &&
		    other->gpa < gpa + bytes)
			return other;
	}
	return NULL;
}

int load_claim(struct loader *loader, uint64_t gpa, uint64_t bytes,
	       const char *fmt, ...)
{
	struct claim claim = { .gpa = gpa, .bytes = bytes };
	const struct claim *other;
	va_list args;

	va_start(args, fmt);
	vsnprintf(claim.what, sizeof(claim.what), fmt, args);
	va_end(args);
	if (!guest_mem_has(loader->mem, gpa, bytes))
		return vtr_error(EFAULT, "%s: %s (0x%llx bytes at 0x%llx) is outside of guest memory (%llu KiB): raise --memory or link it lower",
				 loader->image.path, claim.what, (ull)bytes,
				 (ull)gpa, (ull)loader->mem->bytes >> 10);
	other = collision(loader, gpa, bytes);
	if (other)
		return vtr_error(EEXIST, "%s: %s (0x%llx-0x%llx) overlaps %s (0x%llx-0x%llx)",
				 loader->image.path, claim.what, (ull)gpa,
				 (ull)(gpa + bytes - 1), other->what,
				 (ull)other->gpa,
				 (ull)(other->gpa + other->bytes - 1));
	if (loader->nr_claims == LOAD_MAX_CLAIMS)
		return vtr_error(E2BIG, "%s: more than %d segments and modules",
				 loader->image.path, LOAD_MAX_CLAIMS);
	loader->claims[loader->nr_claims++] = claim;
	return 0;
}

int load_piece(struct loader *loader, uint64_t gpa, const void *from,
	       uint64_t file_bytes, uint64_t bytes, const char *what)
{
	int ret = load_claim(loader, gpa, bytes, "%s", what);

	if (!ret)
		ret = guest_mem_write(loader->mem, gpa, from, file_bytes);
	if (!ret && bytes > file_bytes)
		ret = guest_mem_zero(loader->mem, gpa + file_bytes,
				     bytes - file_bytes);
	return ret;
}

uint64_t load_end(const struct loader *loader)
{
	uint64_t end = 0;

	for (unsigned int i = 0; i < loader->nr_claims; i++) {
		const struct claim *claim = &loader->claims[i];

		if (claim->gpa + claim->bytes > end)
			end = claim->gpa + claim->bytes;
	}
	return end;
}

int load_command_line(const struct options *options, const char *first,
		      char *line, size_t room)
{
	const char *words[OPT_MAX_LIST + 2];
	unsigned int nr = 0;
	size_t used = 0;

	if (first)
		words[nr++] = first;
	if (options->append && *options->append)
		words[nr++] = options->append;
	for (unsigned int i = 0; i < options->guest_args.nr; i++)
		words[nr++] = options->guest_args.item[i];
	*line = 0;
	for (unsigned int i = 0; i < nr; i++) {
		int n = snprintf(line + used, room - used, "%s%s",
				 i ? " " : "", words[i]);

		used += n;
		if (used >= room)
			return vtr_error(E2BIG, "the command line for the guest is longer than %zu bytes",
					 room - 1);
	}
	return 0;
}

/*
 * The identity tables cover at least the 4 GiB that a PC has below its hole's
 * end, so that device addresses are reachable too.
 */
static unsigned int identity_gib(const struct loader *loader)
{
	uint64_t end = GUEST_HOLE_END;
	uint64_t gib;

	if (loader->mem->bytes > GUEST_HOLE_START)
		end += loader->mem->bytes - GUEST_HOLE_START;
	gib = align_up(end, 1ull << 30) >> 30;
	return gib < BOOT_MAX_GIB ? gib : BOOT_MAX_GIB;
}

static int place_boot_area(struct loader *loader)
{
	const struct opt_u64 *wanted = &loader->options->boot_area;
	uint64_t bytes, at = BOOT_AREA;
	int ret;

	loader->identity_gib = identity_gib(loader);
	bytes = BOOT_PD + loader->identity_gib * GUEST_PAGE_BYTES;
	if (at + bytes > loader->mem->bytes)
		at = loader->mem->bytes - bytes;
	if (wanted->given)
		at = wanted->value;
	if (at % GUEST_PAGE_BYTES || at > UINT32_MAX)
		return vtr_error(EINVAL, "--boot-area: 0x%llx is no multiple of 4K below 4G",
				 (ull)at);
	ret = load_claim(loader, at, bytes, "the boot area");
	if (ret)
		return vtr_error(-ret, "%s: choose another --boot-area",
				 vtr_last_error());
	loader->boot_area = at;
	return guest_mem_zero(loader->mem, at, bytes);
}

/* Pass the command line to a guest that is no multiboot kernel. */
static int place_command_line(struct loader *loader)
{
	char line[BOOT_INFO_BYTES];
	int ret = load_command_line(loader->options, NULL, line, sizeof(line));

	if (ret || !*line)
		return ret;
	if (loader->mode == MODE_REAL)
		return load_refuse(loader, "a guest in real mode gets no command line: leave out --append and arguments");
	loader->esi = loader->boot_area + BOOT_INFO;
	return guest_mem_write(loader->mem, loader->esi, line,
			       strlen(line) + 1);
}

static bool is_elf(const struct image *image)
{
	return image->bytes >= 4 && !memcmp(image->data, "\177ELF", 4);
}

static bool is_packed(const struct image *image)
{
	return image->bytes >= 2 && !memcmp(image->data, "\037\213", 2);
}

static int choose_format(struct loader *loader)
{
	const struct options *options = loader->options;

	loader->format = options->format;
	if (loader->format == FORMAT_AUTO && options->kernel)
		loader->format = is_elf(&loader->image) ? FORMAT_PVH : FORMAT_LINUX;
	if (loader->format == FORMAT_AUTO && options->flat.given)
		loader->format = FORMAT_FLAT;
	if (loader->format == FORMAT_AUTO && linux_is_kernel(&loader->image))
		loader->format = FORMAT_LINUX;
	if (loader->format == FORMAT_AUTO &&
	    multiboot_find(&loader->image) >= 0)
		loader->format = FORMAT_MULTIBOOT;
	if (loader->format == FORMAT_AUTO && pvh_is_kernel(&loader->image))
		loader->format = FORMAT_PVH;
	if (loader->format == FORMAT_AUTO && is_elf(&loader->image))
		loader->format = FORMAT_ELF;
	if (loader->format == FORMAT_AUTO && is_packed(&loader->image))
		return load_refuse(loader, "a file packed by gzip: unpack it first");
	if (loader->format == FORMAT_AUTO)
		return load_refuse(loader, "neither a Linux kernel nor an ELF file nor a multiboot kernel: give --flat ADDR if it is a flat binary");
	if (loader->format != FORMAT_FLAT && options->flat.given)
		return load_refuse(loader, "--flat does not go with --format elf, multiboot, linux or pvh");
	if (loader->format == FORMAT_FLAT && !options->flat.given)
		return load_refuse(loader, "--format flat needs --flat ADDR");
	if (loader->format != FORMAT_MULTIBOOT && options->modules.nr)
		return load_refuse(loader, "--module is for multiboot kernels");
	if (loader->format != FORMAT_LINUX && loader->format != FORMAT_PVH && options->initrd)
		return load_refuse(loader, "--initrd is for Linux kernels");
	return 0;
}

static int load_by_format(struct loader *loader)
{
	switch (loader->format) {
	case FORMAT_FLAT:
		return load_flat(loader);
	case FORMAT_ELF:
		return load_elf(loader);
	case FORMAT_LINUX:
		return load_linux(loader);
	case FORMAT_PVH:
		return load_pvh(loader);
	default:
		return load_multiboot(loader);
	}
}

/* What each mode can begin at: real mode 1 MiB, protected mode 4 GiB. */
static int check_entry(const struct loader *loader)
{
	uint64_t end = loader->mode == MODE_REAL ? 1ull << 20 :
		       loader->mode == MODE_PROTECTED ? 1ull << 32 :
		       (uint64_t)loader->identity_gib << 30;

	if (loader->entry >= end)
		return load_refuse(loader, "entry point 0x%llx is beyond 0x%llx, the end of what the mode reaches",
				   (ull)loader->entry, (ull)end);
	if (!guest_mem_has(loader->mem, loader->entry, 1))
		return load_refuse(loader, "entry point 0x%llx is outside of guest memory",
				   (ull)loader->entry);
	return 0;
}

/* With a PC's devices a kernel looks for ACPI's tables where they are. */
static int write_multiboot(struct loader *loader)
{
	uint64_t rsdp;
	int ret = multiboot_write_info(loader);

	if (!ret && loader->options->irqchip && guest_mem_has(loader->mem, ACPI_AT, ACPI_BYTES))
		ret = acpi_write(loader, loader->options->cpus.value, &rsdp);
	return ret;
}

static int load_image(struct loader *loader)
{
	int ret = choose_format(loader);

	if (!ret)
		ret = load_by_format(loader);
	if (!ret && loader->mode != MODE_REAL)
		ret = place_boot_area(loader);
	if (!ret && loader->format == FORMAT_MULTIBOOT)
		ret = write_multiboot(loader);
	else if (!ret && loader->format == FORMAT_LINUX)
		ret = linux_write_info(loader);
	else if (!ret && loader->format == FORMAT_PVH)
		ret = pvh_write_info(loader);
	else if (!ret)
		ret = place_command_line(loader);
	if (!ret)
		ret = check_entry(loader);
	return ret;
}

int load_guest(struct loader *loader, const struct options *options,
	       struct guest_mem *mem)
{
	int ret;

	memset(loader, 0, sizeof(*loader));
	loader->options = options;
	loader->mem = mem;
	ret = image_read(options->guest, mem->bytes, &loader->image);
	if (ret)
		return ret;
	ret = load_image(loader);
	image_free(&loader->image);
	return ret;
}
