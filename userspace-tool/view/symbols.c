// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading symbols from a map or an ELF file, and looking an address up.
 *
 * Read symbols.h first.  Only code is kept: symbols of functions, and in a map
 * the types t, T, w and W (nm(1)).
 *
 * Subtle: aliases share an address; the look-up finds the first in the order of the
 * file, for sorting keeps that order among equals.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"
#include "tool.h"

#define FAR		0x100000ull	/* no function is as long as this */
#define KASLR_STEP	0x200000ull	/* Linux moves its text by such steps */
#define SYSCALL_ENTRY	"entry_SYSCALL_64"
#define MSR_LSTAR	0xc0000082

struct symbol {
	uint64_t address;
	size_t order;		/* in the file */
	char *name;
};

struct symbols {
	struct symbol *list;
	size_t nr;
	size_t room;
	uint64_t syscall_entry;	/* as the file says; 0: not in it */
	uint64_t slide;
};

static int add(struct symbols *symbols, uint64_t address, const char *name)
{
	struct symbol *symbol;

	if (symbols->nr == symbols->room) {
		size_t room = symbols->room ? 2 * symbols->room : 4096;
		void *list = reallocarray(symbols->list, room, sizeof(*symbol));

		if (!list)
			return -ENOMEM;
		symbols->list = list;
		symbols->room = room;
	}
	symbol = &symbols->list[symbols->nr];
	symbol->address = address;
	symbol->order = symbols->nr;
	symbol->name = strdup(name);
	if (!symbol->name)
		return -ENOMEM;
	if (!strcmp(name, SYSCALL_ENTRY))
		symbols->syscall_entry = address;
	symbols->nr++;
	return 0;
}

/* ---- maps ---- */

/* "ffffffff81000000 T _text", and behind a module's symbols "[module]". */
static int add_line(struct symbols *symbols, const char *line, bool *is_code)
{
	uint64_t address;
	char type, name[256];

	if (sscanf(line, "%" SCNx64 " %c %255s", &address, &type, name) != 3)
		return -EINVAL;
	*is_code = strchr("tTwW", type);
	return *is_code && address ? add(symbols, address, name) : 0;
}

static int read_map(struct symbols *symbols, FILE *file, const char *path)
{
	size_t nr = 0, code = 0, room = 0;
	char *line = NULL;
	int ret = 0;

	while (!ret && getline(&line, &room, file) > 0) {
		bool is_code = false;

		ret = add_line(symbols, line, &is_code);
		nr++;
		code += is_code;
	}
	free(line);
	if (ret == -ENOMEM)
		return vtr_error(ENOMEM, "no memory for the symbols of %s", path);
	if (ret)
		return vtr_error(EINVAL, "%s: line %zu is no 'ADDRESS TYPE NAME': neither a System.map nor an ELF file",
				 path, nr);
	if (ferror(file))
		return vtr_error(EIO, "%s: it cannot be read to its end", path);
	if (!symbols->nr && code)
		return vtr_error(EINVAL, "%s: all addresses are 0: copy /proc/kallsyms as root, with kernel.kptr_restrict below 2",
				 path);
	return 0;
}

/* ---- ELF ---- */

static int read_table(struct symbols *symbols, Elf *elf, Elf_Scn *section,
		      const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t nr = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	GElf_Sym symbol;

	for (size_t i = 0; i < nr && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		unsigned int type = GELF_ST_TYPE(symbol.st_info);

		if (!name || !*name || !symbol.st_value || symbol.st_shndx == SHN_UNDEF ||
		    (type != STT_FUNC && type != STT_NOTYPE))
			continue;
		if (add(symbols, symbol.st_value, name))
			return -ENOMEM;
	}
	return 0;
}

static int read_elf(struct symbols *symbols, int fd, const char *path)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int ret = 0;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return vtr_error(EINVAL, "%s: %s", path, elf_errmsg(-1));
	while (!ret && (section = elf_nextscn(elf, section))) {
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			ret = read_table(symbols, elf, section, &header);
	}
	elf_end(elf);
	return ret ? vtr_error(ENOMEM, "no memory for the symbols of %s", path) : 0;
}

/* ---- both ---- */

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static int read_file(struct symbols *symbols, FILE *file, const char *path)
{
	char magic[4] = "";
	int ret;

	if (fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
	    !memcmp(magic, ELFMAG, SELFMAG)) {
		ret = read_elf(symbols, fileno(file), path);
	} else {
		rewind(file);
		ret = read_map(symbols, file, path);
	}
	if (!ret && !symbols->nr)
		ret = vtr_error(ENOENT, "%s: no symbols in it: a stripped file, or a System.map that only names another one; a guest's /proc/kallsyms has them",
				path);
	return ret;
}

int symbols_load(const char *path, struct symbols **out)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));
	FILE *file;
	int ret;

	if (!symbols)
		return vtr_error(ENOMEM, "no memory for symbols");
	file = fopen(path, "re");
	if (file) {
		ret = read_file(symbols, file, path);
		fclose(file);
	} else {
		ret = vtr_error(errno, "--symbols %s: %s", path, strerror(errno));
	}
	if (ret) {
		symbols_free(symbols);
		return ret;
	}
	qsort(symbols->list, symbols->nr, sizeof(symbols->list[0]), by_address);
	*out = symbols;
	return 0;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	for (size_t i = 0; i < symbols->nr; i++)
		free(symbols->list[i].name);
	free(symbols->list);
	free(symbols);
}

const char *symbols_name(const struct symbols *symbols, uint64_t address,
			 uint64_t *offset)
{
	size_t low = 0, high = symbols ? symbols->nr : 0;

	if (!high)
		return NULL;
	address -= symbols->slide;
	/* The first symbol above the address; what is wanted ends in front of it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - symbols->list[low - 1].address >= FAR)
		return NULL;
	low--;
	while (low && symbols->list[low - 1].address == symbols->list[low].address)
		low--;
	*offset = address - symbols->list[low].address;
	return symbols->list[low].name;
}

void symbols_show(const struct symbols *symbols, uint64_t address, char *text,
		  size_t room)
{
	uint64_t offset;
	const char *name = symbols_name(symbols, address, &offset);

	if (!name)
		*text = 0;
	else if (offset)
		snprintf(text, room, "%s+0x%llx", name, (ull)offset);
	else
		snprintf(text, room, "%s", name);
}

uint64_t symbols_slide(struct symbols *symbols, uint64_t lstar)
{
	uint64_t slide = lstar - symbols->syscall_entry;

	if (symbols->syscall_entry && lstar && slide % KASLR_STEP == 0)
		symbols->slide = slide;
	return symbols->slide;
}

uint64_t symbols_follow(struct symbols *symbols, struct vtr_vcpu *vcpu)
{
	struct vtr_msr *msrs;
	unsigned int nr;
	uint64_t lstar = 0;

	if (!symbols || vtr_get_msrs(vcpu, &msrs, &nr))
		return 0;
	for (unsigned int i = 0; i < nr; i++) {
		if (msrs[i].index == MSR_LSTAR)
			lstar = msrs[i].value;
	}
	free(msrs);
	return symbols_slide(symbols, lstar);
}
