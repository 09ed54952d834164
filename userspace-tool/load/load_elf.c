// SPDX-License-Identifier: GPL-2.0-only
/*
 * ELF32 and ELF64 executables: copy each PT_LOAD segment to its physical
 * address.
 *
 * Read load.h first.  load_multiboot.c uses this loader for multiboot kernels
 * without address fields, load_pvh.c for kernels with a PVH entry.
 *
 * Subtle: the entry point of an ELF file is a virtual address; it is turned
 * into a physical one through the segment that holds it.  Every number of the
 * file is untrusted: offsets and lengths are checked before they are used.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

/* A program header of either class, widened. */
struct segment {
	uint32_t type;
	uint64_t offset, vaddr, paddr, file_bytes, bytes;
};

struct elf {
	bool is64;
	unsigned int type, machine, version;
	uint64_t entry, phoff;
	unsigned int phentsize, phnum;
};

static int read_header(struct loader *loader, struct elf *elf)
{
	const struct image *image = &loader->image;
	Elf32_Ehdr h32;
	Elf64_Ehdr h64;

	elf->is64 = image->data[EI_CLASS] == ELFCLASS64;
	if (image->bytes < (elf->is64 ? sizeof(h64) : sizeof(h32)))
		return load_refuse(loader, "the file is cut off within the ELF header");
	if (elf->is64) {
		memcpy(&h64, image->data, sizeof(h64));
		*elf = (struct elf){ true, h64.e_type, h64.e_machine,
				     h64.e_version, h64.e_entry, h64.e_phoff,
				     h64.e_phentsize, h64.e_phnum };
	} else {
		memcpy(&h32, image->data, sizeof(h32));
		*elf = (struct elf){ false, h32.e_type, h32.e_machine,
				     h32.e_version, h32.e_entry, h32.e_phoff,
				     h32.e_phentsize, h32.e_phnum };
	}
	return 0;
}

static int check_ident(struct loader *loader)
{
	const struct image *image = &loader->image;

	if (image->bytes < EI_NIDENT || memcmp(image->data, ELFMAG, SELFMAG))
		return load_refuse(loader, "not an ELF file");
	if (image->data[EI_CLASS] != ELFCLASS32 &&
	    image->data[EI_CLASS] != ELFCLASS64)
		return load_refuse(loader, "ELF class %u is neither 32 nor 64 bits",
				   image->data[EI_CLASS]);
	if (image->data[EI_DATA] != ELFDATA2LSB)
		return load_refuse(loader, "the ELF file is not little-endian: it is for another processor");
	return 0;
}

static int check_header(struct loader *loader, const struct elf *elf)
{
	size_t entry_bytes = elf->is64 ? sizeof(Elf64_Phdr) :
					 sizeof(Elf32_Phdr);
	uint64_t table;

	if (elf->version != EV_CURRENT)
		return load_refuse(loader, "ELF version %u is unknown",
				   elf->version);
	if (elf->machine != (elf->is64 ? EM_X86_64 : EM_386))
		return load_refuse(loader, "the ELF file is for machine %u, not for x86",
				   elf->machine);
	if (elf->type == ET_DYN)
		return load_refuse(loader, "position-independent: link it with -static -no-pie");
	if (elf->type != ET_EXEC)
		return load_refuse(loader, "ELF type %u is not executable: link it first",
				   elf->type);
	if (!elf->phnum || elf->phnum == PN_XNUM)
		return load_refuse(loader, "no usable program headers: link it with a linker");
	if (elf->phentsize != entry_bytes)
		return load_refuse(loader, "program headers of %u bytes, %zu expected",
				   elf->phentsize, entry_bytes);
	if (__builtin_add_overflow(elf->phoff, entry_bytes * elf->phnum,
				   &table) || table > loader->image.bytes)
		return load_refuse(loader, "the program headers lie beyond the end of the file: it is cut off");
	return 0;
}

static struct segment read_segment(const struct loader *loader,
				   const struct elf *elf, unsigned int nr)
{
	const uint8_t *at = loader->image.data + elf->phoff;
	Elf32_Phdr p32;
	Elf64_Phdr p64;

	if (elf->is64) {
		memcpy(&p64, at + nr * sizeof(p64), sizeof(p64));
		return (struct segment){ p64.p_type, p64.p_offset, p64.p_vaddr,
					 p64.p_paddr, p64.p_filesz,
					 p64.p_memsz };
	}
	memcpy(&p32, at + nr * sizeof(p32), sizeof(p32));
	return (struct segment){ p32.p_type, p32.p_offset, p32.p_vaddr,
				 p32.p_paddr, p32.p_filesz, p32.p_memsz };
}

static int check_segment(struct loader *loader, const struct segment *segment,
			 unsigned int nr)
{
	uint64_t end;

	if (segment->file_bytes > segment->bytes)
		return load_refuse(loader, "segment %u has 0x%llx bytes in the file but only 0x%llx in memory",
				   nr, (ull)segment->file_bytes,
				   (ull)segment->bytes);
	if (__builtin_add_overflow(segment->offset, segment->file_bytes,
				   &end) || end > loader->image.bytes)
		return load_refuse(loader, "segment %u (0x%llx bytes at offset 0x%llx) lies beyond the end of the file: it is cut off",
				   nr, (ull)segment->file_bytes,
				   (ull)segment->offset);
	return 0;
}

/* Load one segment; notes the entry point if it lies in it. */
static int load_segment(struct loader *loader, const struct elf *elf,
			const struct segment *segment, unsigned int nr,
			bool *entered)
{
	char what[24];
	int ret = check_segment(loader, segment, nr);

	if (ret)
		return ret;
	snprintf(what, sizeof(what), "segment %u", nr);
	ret = load_piece(loader, segment->paddr,
			 loader->image.data + segment->offset,
			 segment->file_bytes, segment->bytes, what);
	if (ret)
		return ret;
	if (elf->entry >= segment->vaddr &&
	    elf->entry - segment->vaddr < segment->bytes) {
		loader->entry = elf->entry - segment->vaddr + segment->paddr;
		*entered = true;
	}
	return 0;
}

static int load_segments(struct loader *loader, const struct elf *elf)
{
	unsigned int loaded = 0;
	bool entered = false;

	for (unsigned int i = 0; i < elf->phnum; i++) {
		struct segment segment = read_segment(loader, elf, i);
		int ret;

		if (segment.type == PT_INTERP)
			return load_refuse(loader, "dynamically linked: link it with -static -no-pie");
		if (segment.type != PT_LOAD || !segment.bytes)
			continue;
		ret = load_segment(loader, elf, &segment, i, &entered);
		if (ret)
			return ret;
		loaded++;
	}
	if (!loaded)
		return load_refuse(loader, "nothing to load: no PT_LOAD segment with contents");
	if (loader->options->entry.given)
		loader->entry = loader->options->entry.value;
	else if (!entered && loader->format != FORMAT_PVH)
		return load_refuse(loader, "entry point 0x%llx is in no loaded segment: give --entry ADDR",
				   (ull)elf->entry);
	return 0;
}

int load_elf(struct loader *loader)
{
	struct elf elf = { 0 };
	int ret = check_ident(loader);

	if (!ret)
		ret = read_header(loader, &elf);
	if (!ret)
		ret = check_header(loader, &elf);
	if (!ret)
		ret = load_segments(loader, &elf);
	if (ret)
		return ret;
	loader->mode = loader->options->mode;
	if (loader->mode == MODE_AUTO)
		loader->mode = elf.is64 ? MODE_LONG : MODE_PROTECTED;
	return 0;
}

/* ---- notes ------------------------------------------------------------------------ */

/* One segment of notes: header, name and description of each begin at multiples of 4. */
static int note_in(const uint8_t *at, uint64_t bytes, const char *name, uint32_t type,
		   uint64_t *value)
{
	uint64_t skip;

	for (; bytes >= sizeof(Elf32_Nhdr); at += skip, bytes -= skip) {
		uint64_t desc;
		Elf32_Nhdr note;

		memcpy(&note, at, sizeof(note));
		desc = sizeof(note) + align_up(note.n_namesz, 4);
		skip = desc + align_up(note.n_descsz, 4);
		if (desc + note.n_descsz > bytes)
			return -EINVAL;
		if (note.n_type == type && note.n_namesz == strlen(name) + 1 &&
		    !memcmp(at + sizeof(note), name, note.n_namesz) &&
		    (note.n_descsz == 4 || note.n_descsz == 8)) {
			*value = 0;
			memcpy(value, at + desc, note.n_descsz);
			return 0;
		}
		if (skip > bytes)
			break;	/* the last one may lack its padding */
	}
	return -ENOENT;
}

int elf_note(const struct image *image, const char *name, uint32_t type, uint64_t *value)
{
	struct options none = { 0 };
	struct loader loader = { .options = &none, .image = *image };
	struct elf elf = { 0 };

	if (check_ident(&loader) || read_header(&loader, &elf) || check_header(&loader, &elf))
		return -ENOENT;
	for (unsigned int i = 0; i < elf.phnum; i++) {
		struct segment segment = read_segment(&loader, &elf, i);
		int ret;

		if (segment.type != PT_NOTE || check_segment(&loader, &segment, i))
			continue;
		ret = note_in(image->data + segment.offset, segment.file_bytes, name, type, value);
		if (ret != -ENOENT)
			return ret;
	}
	return -ENOENT;
}
