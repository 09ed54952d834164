// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loaders on crafted files: what is right is loaded to the byte, what is
 * wrong is refused with a sentence that names the file and the fault.
 *
 * Each case writes a small file, loads it into 1 MiB of memory (16 MiB for
 * multiboot), and looks at result, sentence and memory.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "libvitrine.h"
#include "load/load.h"
#include "run/boot.h"
#include "tap.h"

static struct options options;
static struct guest_mem mem;
static struct loader loader;

static void fresh(uint64_t bytes)
{
	guest_mem_exit(&mem);
	if (guest_mem_init(&mem, bytes))
		exit(99);
	memset(&options, 0, sizeof(options));
}

static int load(const char *path)
{
	int ret;

	options.guest = path;
	ret = load_guest(&loader, &options, &mem);
	return ret ? ret : boot_prepare(&loader);
}

static int load_bytes(const void *data, size_t bytes)
{
	return load(temp_file("guest", data, bytes));
}

static uint8_t byte_at(uint64_t gpa)
{
	uint8_t byte = 0xee;

	guest_mem_read(&mem, gpa, &byte, 1);
	return byte;
}

static uint32_t word_at(uint64_t gpa)
{
	uint32_t word = 0xeeeeeeee;

	guest_mem_read(&mem, gpa, &word, sizeof(word));
	return word;
}

static struct opt_u64 given(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

/* ---- files that are none ---- */

static void test_files(void)
{
	fresh(1 << 20);
	options.flat = given(0x1000);
	is_num(load("/nonexistent/guest"), -ENOENT, "missing file");
	has(vtr_last_error(), "/nonexistent/guest", "is named");
	is_num(load("/tmp"), -EISDIR, "directory");
	mkfifo(temp_path("fifo"), 0600);
	is_num(load(temp_path("fifo")), -EINVAL, "a FIFO does not hang");
	has(vtr_last_error(), "no regular file", "it is refused by kind");
	is_num(load("/dev/zero"), -EINVAL, "a device is refused");
	is_num(load_bytes("", 0), -EINVAL, "an empty file is refused");
	has(vtr_last_error(), "is empty", "and said to be empty");
	is_num(load_bytes("noise", 5), 0, "a flat binary may be anything");
	options.flat.given = false;
	is_num(load_bytes("noise", 5), -EINVAL, "noise without --flat");
	has(vtr_last_error(), "give --flat ADDR", "gets the hint");
}

static void test_large_file(void)
{
	char *data = calloc(1, (64 << 10) + 1);

	fresh(64 << 10);
	options.flat = given(0);
	is_num(load_bytes(data, (64 << 10) + 1), -EFBIG,
	       "a file larger than memory");
	has(vtr_last_error(), "raise --memory", "gets the hint");
	free(data);
}

/* ---- flat ---- */

static void test_flat(void)
{
	fresh(1 << 20);
	options.flat = given(0x7c00);
	is_num(load_bytes("\xf4\x90", 2), 0, "flat binary");
	is_num(loader.mode, MODE_REAL, "begins in real mode");
	is_num(loader.entry, 0x7c00, "at its start");
	is_num(byte_at(0x7c00), 0xf4, "its bytes are there");
	options.entry = given(0x7c01);
	load_bytes("\xf4\x90", 2);
	is_num(loader.entry, 0x7c01, "--entry moves the beginning");
	options.entry = given(0x100000);
	is_num(load_bytes("\xf4\x90", 2), -EINVAL,
	       "an entry beyond real mode's reach");
	options.entry.given = false;
	options.flat = given(0xfffff);
	is_num(load_bytes("\xf4\x90", 2), -EFAULT, "it does not fit");
	has(vtr_last_error(), "outside of guest memory", "and that is said");
	options.flat = given(UINT64_MAX);
	is_num(load_bytes("\xf4\x90", 2), -EFAULT, "an address that wraps");
	options.flat = given(0x1000);
	options.append = "text";
	is_num(load_bytes("\xf4\x90", 2), -EINVAL,
	       "real mode takes no command line");
}

static void test_flat_protected(void)
{
	fresh(1 << 20);
	options.flat = given(0x1000);
	options.mode = MODE_PROTECTED;
	options.append = "alpha";
	options.guest_args = (struct opt_list){ 2, { "beta", "gamma" } };
	is_num(load_bytes("\xf4", 1), 0, "flat binary in protected mode");
	is_num(loader.boot_area, BOOT_AREA, "with a boot area");
	is_num(word_at(BOOT_AREA + 8), 0x0000ffff, "descriptors in it");
	has((char *)mem.base + loader.esi, "alpha beta gamma",
	    "and the command line");
	options.flat = given(0x80000);
	is_num(load_bytes("\xf4", 1), -EEXIST, "a guest in the boot area");
	has(vtr_last_error(), "choose another --boot-area", "gets the hint");
	options.boot_area = given(0x10000);
	is_num(load_bytes("\xf4", 1), 0, "which helps");
	options.boot_area = given(0x10001);
	is_num(load_bytes("\xf4", 1), -EINVAL, "a misaligned boot area");
}

static void test_flat_long(void)
{
	fresh(128 << 10);
	options.flat = given(0x1000);
	options.mode = MODE_LONG;
	is_num(load_bytes("\xf4", 1), 0, "long mode in 128 KiB");
	is_num(loader.boot_area, (128 << 10) - 0xc000,
	       "the boot area goes below the end of memory");
	is_num(word_at(loader.boot_area + BOOT_PML4),
	       (loader.boot_area + BOOT_PDPT) | 3, "PML4 points to the PDPT");
	is_num(word_at(loader.boot_area + BOOT_PD), 0x83,
	       "the first 2 MiB page is at 0");
	is_num(word_at(loader.boot_area + BOOT_PD + 4 * 4096 - 8),
	       0xffe00083, "the last one ends at 4 GiB");
}

/* ---- ELF ---- */

struct elf64_file {
	Elf64_Ehdr head;
	Elf64_Phdr seg[2];
	uint8_t code[32];
};

static struct elf64_file elf64(void)
{
	struct elf64_file file = {
		.head = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64,
			.e_version = EV_CURRENT, .e_entry = 0xffff800000010004,
			.e_phoff = offsetof(struct elf64_file, seg),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		},
		.seg = {
			{ PT_LOAD, 5, offsetof(struct elf64_file, code),
			  0xffff800000010000, 0x10000, 16, 64, 4096 },
			{ PT_LOAD, 6, offsetof(struct elf64_file, code) + 16,
			  0xffff800000020000, 0x20000, 16, 16, 4096 },
		},
	};

	memset(file.code, 0xab, sizeof(file.code));
	return file;
}

static void test_elf64(void)
{
	struct elf64_file file = elf64();

	fresh(1 << 20);
	guest_mem_write(&mem, 0x10010, "dirt", 4);
	is_num(load_bytes(&file, sizeof(file)), 0, "ELF64");
	is_num(loader.mode, MODE_LONG, "begins in long mode");
	is_num(loader.entry, 0x10004, "at the physical address of its entry");
	is_num(byte_at(0x1000f), 0xab, "file bytes are copied");
	is_num(byte_at(0x10010), 0, "the rest of the segment is zeroed");
	is_num(byte_at(0x2000f), 0xab, "the second segment too");
	options.mode = MODE_PROTECTED;
	is_num(load_bytes(&file, sizeof(file)), 0, "with --mode protected");
	is_num(loader.mode, MODE_PROTECTED, "that is the mode");
	options.mode = MODE_AUTO;
	options.entry = given(0x20000);
	load_bytes(&file, sizeof(file));
	is_num(loader.entry, 0x20000, "--entry overrides");
	options.modules = (struct opt_list){ 1, { "x" } };
	is_num(load_bytes(&file, sizeof(file)), -EINVAL,
	       "--module without multiboot");
}

/* Spoil one thing, expect this error and this part of the sentence. */
static void refuse64(const struct elf64_file *file, size_t bytes, int err,
		     const char *part)
{
	is_num(load_bytes(file, bytes), err, part);
	has(vtr_last_error(), part, "... and says so");
}

static void test_elf64_headers(void)
{
	struct elf64_file file;

	fresh(1 << 20);
	file = elf64();
	refuse64(&file, 20, -EINVAL, "cut off within the ELF header");
	refuse64(&file, 5, -EINVAL, "not an ELF file");
	refuse64(&file, sizeof(Elf64_Ehdr), -EINVAL,
		 "program headers lie beyond the end");
	file.head.e_phoff = UINT64_MAX - 8;
	refuse64(&file, sizeof(file), -EINVAL,
		 "program headers lie beyond the end");
	file = elf64();
	file.head.e_ident[EI_CLASS] = 9;
	refuse64(&file, sizeof(file), -EINVAL, "ELF class 9");
	file = elf64();
	file.head.e_ident[EI_DATA] = ELFDATA2MSB;
	refuse64(&file, sizeof(file), -EINVAL, "not little-endian");
	file = elf64();
	file.head.e_machine = EM_AARCH64;
	refuse64(&file, sizeof(file), -EINVAL, "for machine 183");
	file = elf64();
	file.head.e_type = ET_DYN;
	refuse64(&file, sizeof(file), -EINVAL, "position-independent");
	file = elf64();
	file.head.e_type = ET_REL;
	refuse64(&file, sizeof(file), -EINVAL, "not executable");
	file = elf64();
	file.head.e_phnum = 0;
	refuse64(&file, sizeof(file), -EINVAL, "no usable program headers");
	file = elf64();
	file.head.e_phentsize = 8;
	refuse64(&file, sizeof(file), -EINVAL, "program headers of 8 bytes");
	file = elf64();
	file.head.e_version = 0;
	refuse64(&file, sizeof(file), -EINVAL, "ELF version 0");
}

static void test_elf64_segments(void)
{
	struct elf64_file file;

	fresh(1 << 20);
	file = elf64();
	file.seg[0].p_filesz = 65;
	refuse64(&file, sizeof(file), -EINVAL, "segment 0 has 0x41 bytes");
	file = elf64();
	file.seg[1].p_offset = UINT64_MAX;
	refuse64(&file, sizeof(file), -EINVAL, "beyond the end of the file");
	refuse64(&file, sizeof(file) - 1, -EINVAL, "it is cut off");
	file = elf64();
	file.seg[1].p_paddr = 0x1003f;
	refuse64(&file, sizeof(file), -EEXIST, "overlaps segment 0");
	file = elf64();
	file.seg[1].p_paddr = 1 << 20;
	refuse64(&file, sizeof(file), -EFAULT, "outside of guest memory");
	file = elf64();
	file.seg[1].p_paddr = UINT64_MAX - 4;
	refuse64(&file, sizeof(file), -EFAULT, "outside of guest memory");
	file = elf64();
	file.seg[0].p_memsz = UINT64_MAX;
	refuse64(&file, sizeof(file), -EFAULT, "outside of guest memory");
	file = elf64();
	file.seg[0].p_type = PT_NOTE;
	refuse64(&file, sizeof(file), -EINVAL, "in no loaded segment");
	file.seg[1].p_type = PT_NOTE;
	refuse64(&file, sizeof(file), -EINVAL, "nothing to load");
	file = elf64();
	file.seg[1].p_type = PT_INTERP;
	refuse64(&file, sizeof(file), -EINVAL, "dynamically linked");
	file = elf64();
	file.seg[1].p_memsz = 0;
	file.seg[1].p_filesz = 0;
	is_num(load_bytes(&file, sizeof(file)), 0, "an empty segment is skipped");
}

struct elf32_file {
	Elf32_Ehdr head;
	Elf32_Phdr seg;
	uint8_t code[16];
};

static void test_elf32(void)
{
	struct elf32_file file = {
		.head = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_386,
			.e_version = EV_CURRENT, .e_entry = 0x20002,
			.e_phoff = offsetof(struct elf32_file, seg),
			.e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1,
		},
		.seg = { PT_LOAD, offsetof(struct elf32_file, code), 0x20000,
			 0x20000, 16, 16, 5, 4096 },
	};

	fresh(1 << 20);
	is_num(load_bytes(&file, sizeof(file)), 0, "ELF32");
	is_num(loader.mode, MODE_PROTECTED, "begins in protected mode");
	is_num(loader.entry, 0x20002, "at its entry");
	file.seg.p_offset = 0xfffffff0;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL,
	       "an offset that would wrap in 32 bits");
	file.head.e_machine = EM_X86_64;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL,
	       "an x32 file is refused");
}

/* ---- multiboot ---- */

#define MAGIC	0x1badb002u

struct mb_file {
	uint32_t pad[4];
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end, bss_end, entry;
	uint8_t code[16];
};

static struct mb_file mb(uint32_t flags)
{
	struct mb_file file = {
		.magic = MAGIC, .flags = flags, .checksum = -(MAGIC + flags),
		.header_addr = 0x100010, .load_addr = 0x100000,
		.load_end = 0x100000 + sizeof(struct mb_file),
		.bss_end = 0x101000, .entry = 0x100030,
	};

	memset(file.code, 0xcd, sizeof(file.code));
	return file;
}

static void test_multiboot(void)
{
	struct mb_file file = mb(0x10003);
	uint32_t info;

	fresh(16 << 20);
	guest_mem_write(&mem, 0x100ffc, "dirt", 4);
	options.append = "root=x";
	is_num(load_bytes(&file, sizeof(file)), 0, "multiboot, address fields");
	is_num(loader.format, FORMAT_MULTIBOOT, "is recognised");
	is_num(loader.mode, MODE_PROTECTED, "begins in protected mode");
	is_num(loader.entry, 0x100030, "at entry_addr");
	is_num(byte_at(0x100030), 0xcd, "its bytes are there");
	is_num(byte_at(0x100ffc), 0, "its bss is zeroed");
	is_num(loader.eax, 0x2badb002, "EAX is the loader's magic number");
	info = loader.ebx;
	is_num(word_at(info), 0x24d, "information: memory, line, modules, map, name");
	is_num(word_at(info + 4), 639, "639 KiB of lower memory");
	is_num(word_at(info + 8), 15 << 10, "15 MiB of upper memory");
	has((char *)mem.base + word_at(info + 16), "guest root=x",
	    "command line begins with the file");
	is_num(word_at(info + 44), 48, "two entries in the memory map");
	is_num(word_at(word_at(info + 48) + 24 + 4), 0x100000,
	       "the second begins at 1 MiB");
	has((char *)mem.base + word_at(info + 64), "Vitrine", "loader name");
	options.mode = MODE_LONG;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "only protected mode");
}

static void test_multiboot_refused(void)
{
	struct mb_file file = mb(0x10007);

	fresh(16 << 20);
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "video mode");
	has(vtr_last_error(), "wants a video mode", "is refused by name");
	file = mb(0x10100);
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "unknown requirement");
	file = mb(0x80010000);
	is_num(load_bytes(&file, sizeof(file)), 0, "an unknown offer is ignored");
	file = mb(0x10000);
	file.load_addr = 0x100020;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL,
	       "load_addr above header_addr");
	file = mb(0x10000);
	file.header_addr = 0x200000;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL,
	       "header_addr that does not fit the offset");
	file = mb(0x10000);
	file.load_end = 0x100000 + sizeof(file) + 1;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "file cut off");
	file = mb(0x10000);
	file.load_end = 0x100000;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "empty load range");
	file = mb(0x10000);
	file.bss_end = 0x100001;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "bss before the end");
	file = mb(0x10000);
	file.bss_end = 0xffffffff;
	is_num(load_bytes(&file, sizeof(file)), -EFAULT, "bss beyond memory");
	file = mb(0x10000);
	file.entry = 0xf0000000;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "entry outside memory");
	file = mb(0x10000);
	is_num(load_bytes(&file, 28), -EINVAL, "cut off within the header");
	file = mb(0);
	is_num(load_bytes(&file, sizeof(file)), -EINVAL,
	       "without address fields it must be ELF");
	file = mb(0x10000);
	file.checksum++;
	is_num(load_bytes(&file, sizeof(file)), -EINVAL, "wrong checksum");
	options.format = FORMAT_MULTIBOOT;
	load_bytes(&file, sizeof(file));
	has(vtr_last_error(), "no multiboot 1 header", "--format multiboot says why");
}

static void test_multiboot_search(void)
{
	struct mb_file file = mb(0x10000);
	uint8_t *data = calloc(1, 16384);

	fresh(16 << 20);
	file.load_end = 0;
	file.bss_end = 0;
	file.header_addr = 0x101000;
	file.load_addr = 0x100000;
	file.entry = 0x100000;
	memcpy(data + 8180, &file.magic, 12);
	is_num(load_bytes(data, 16384), 0,
	       "a header that ends within 8 KiB is found");
	is_num(loader.claims[0].bytes, 16384 - 8180,
	       "its address fields are zero: loaded from there to the end");
	memset(data, 0, 16384);
	memcpy(data + 8184, &file.magic, 12);
	load_bytes(data, 16384);
	has(vtr_last_error(), "give --flat", "one that crosses 8 KiB is not");
	memset(data, 0, 16384);
	memcpy(data + 4096, &file.magic, sizeof(file) - 16);
	is_num(load_bytes(data, 16384), 0, "load_end 0 means the whole file");
	is_num(loader.claims[0].bytes, 16384, "from its first byte");
	free(data);
}

static void test_multiboot_modules(void)
{
	struct mb_file file = mb(0x10000);
	char first[512], second[300];
	uint32_t modules;

	fresh(16 << 20);
	snprintf(first, sizeof(first), "%s,hello world",
		 temp_file("module1", "MOD1", 4));
	snprintf(second, sizeof(second), "%s",
		 temp_file("module2", "MOD2X", 5));
	options.modules = (struct opt_list){ 2, { first, second } };
	is_num(load_bytes(&file, sizeof(file)), 0, "with two modules");
	is_num(word_at(loader.ebx + 20), 2, "both are counted");
	modules = word_at(loader.ebx + 24);
	is_num(word_at(modules) % 4096, 0, "the first is page-aligned");
	is_num(word_at(modules), 0x101000, "right behind the kernel's bss");
	ok(!memcmp(mem.base + word_at(modules), "MOD1", 4), "with its bytes");
	is_num(word_at(modules + 4) - word_at(modules), 4, "and its end");
	has((char *)mem.base + word_at(modules + 8), "module1 hello world",
	    "its string is file and text");
	is_num(word_at(modules + 16), 0x102000, "the second follows");
	options.modules.item[1] = "/nonexistent";
	is_num(load_bytes(&file, sizeof(file)), -ENOENT, "a missing module");
	has(vtr_last_error(), "/nonexistent", "is named");
	options.modules.nr = 1;
	fresh(0x101000);
	options.modules = (struct opt_list){ 1, { first } };
	is_num(load_bytes(&file, sizeof(file)), -EFAULT, "a module without room");
	has(vtr_last_error(), "raise --memory", "gets the hint");
}

int main(void)
{
	test_files();
	test_large_file();
	test_flat();
	test_flat_protected();
	test_flat_long();
	test_elf64();
	test_elf64_headers();
	test_elf64_segments();
	test_elf32();
	test_multiboot();
	test_multiboot_refused();
	test_multiboot_search();
	test_multiboot_modules();
	guest_mem_exit(&mem);
	return tap_done();
}
