// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels with a PVH entry: the note, the start information, entry state, refusals.
 *
 * Proves: the entry is what the note says and not the ELF header; the information has
 * command line, RAM disk, memory map and RSDP; damaged notes are named.
 */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "libvitrine.h"
#include "load/acpi.h"
#include "load/load.h"
#include "run/boot.h"
#include "tap.h"

#define AT	0x1000000ull
#define ENTRY	(AT + 0x10)

/* One segment of 64 bytes, and two notes of which the second is the one. */
static struct file {
	Elf64_Ehdr elf;
	Elf64_Phdr load, notes;
	uint8_t code[64];
	Elf64_Nhdr first;
	char first_name[4];
	uint8_t first_desc[4];		/* one byte and padding */
	Elf64_Nhdr second;
	char second_name[4];
	uint32_t entry;
} file;

static struct options options;
static struct guest_mem mem;
static struct loader loader;

static void fresh(void)
{
	guest_mem_exit(&mem);
	if (guest_mem_init(&mem, 64 << 20))
		exit(99);
	options = (struct options){ .cpus.value = 2 };
	file = (struct file){
		.elf = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			.e_entry = 0x10, .e_phoff = offsetof(struct file, load),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		},
		.load = {
			.p_type = PT_LOAD, .p_offset = offsetof(struct file, code),
			.p_vaddr = 0xffffffff81000000, .p_paddr = AT,
			.p_filesz = sizeof(file.code), .p_memsz = sizeof(file.code),
		},
		.notes = {
			.p_type = PT_NOTE, .p_offset = offsetof(struct file, first),
			.p_filesz = sizeof(file) - offsetof(struct file, first),
			.p_memsz = sizeof(file) - offsetof(struct file, first),
		},
		.first = { .n_namesz = 4, .n_descsz = 1, .n_type = 18 },
		.first_name = "GNU",
		.second = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 },
		.second_name = "Xen",
		.entry = ENTRY,
	};
	memset(file.code, 0xcc, sizeof(file.code));
}

static int load(void)
{
	options.guest = temp_file("vmlinux", &file, sizeof(file));
	return load_guest(&loader, &options, &mem);
}

static uint64_t at(uint64_t gpa, unsigned int bytes)
{
	uint64_t value = 0;

	guest_mem_read(&mem, gpa, &value, bytes);
	return value;
}

static void test_load(void)
{
	uint64_t info, disk, map;

	fresh();
	options.append = "console=ttyS0";
	options.initrd = temp_file("initrd", "RAMDISK", 7);
	is_num(load(), 0, "a kernel with the note is loaded");
	is_num(loader.format, FORMAT_PVH, "as what it is");
	is_num(loader.mode, MODE_PROTECTED, "it begins in protected mode");
	is_num(loader.entry, ENTRY, "where the note says");
	is_num(at(AT, 1), 0xcc, "its bytes are where they belong");
	info = loader.ebx;
	is_num(at(info, 4), 0x336ec578, "the start information has its magic number");
	is_num(at(info + 4, 4), 1, "and its version");
	is_num(at(info + 12, 4), 1, "one module");
	disk = at(info + 16, 8);
	is_num(at(disk + 8, 8), 7, "the RAM disk with its length");
	has((char *)mem.base + at(disk, 8), "RAMDISK", "and place");
	has((char *)mem.base + at(info + 24, 8), "console=ttyS0", "the command line");
	is_num(at(info + 32, 8), ACPI_AT, "where ACPI's tables are");
	map = at(info + 40, 8);
	is_num(at(info + 48, 4), 5, "five ranges of memory");
	is_num(at(map + 8, 8), 0x9fc00, "the first ends below the BIOS' data");
	is_num(at(map + 4 * 24, 8), 0x100000, "the last begins at 1 MiB");
	is_num(at(map + 4 * 24 + 16, 4), 1, "and is memory");
}

static void test_state(void)
{
	struct vtr_sregs sregs = { .cr0 = 0x60000010 };
	struct vtr_regs regs;

	fresh();
	load();
	is_num(boot_prepare(&loader), 0, "descriptors");
	boot_state(&loader, 0, &sregs, &regs);
	is_num(sregs.cr0, 0x11, "no paging");
	is_num(sregs.cr4, 0, "CR4 is 0");
	is_num(sregs.seg[VTR_CS].attributes, 0xc9b, "code of 32 bits");
	is_num(regs.gpr[VTR_RBX], loader.ebx, "EBX: the start information");
	is_num(regs.rip, ENTRY, "EIP: the entry");
	is_num(regs.rflags, 2, "interrupts off");
}

static void refused(int error, const char *part, const char *what)
{
	is_num(load(), error, what);
	has(vtr_last_error(), part, "and the sentence says why");
}

static void test_refused(void)
{
	fresh();
	options.kernel = "vmlinux";
	file.second.n_type = 6;
	refused(-EINVAL, "CONFIG_PVH", "a kernel without the note");
	fresh();
	options.format = FORMAT_PVH;
	file.second.n_descsz = 400;
	refused(-EINVAL, "notes are damaged", "a note that is too long");
	fresh();
	options.format = FORMAT_PVH;
	file.first.n_namesz = 0xffffffff;
	refused(-EINVAL, "notes are damaged", "a name that is too long");
	fresh();
	file.entry = AT + sizeof(file.code);
	refused(-EINVAL, "in no loaded segment", "an entry behind the segment");
	fresh();
	options.mode = MODE_LONG;
	refused(-EINVAL, "protected mode", "another mode");
	fresh();
	options.format = FORMAT_PVH;
	file.load.p_filesz = file.load.p_memsz = 1 << 20;
	refused(-EINVAL, "cut off", "a file that is cut short");
	fresh();
	file.load.p_paddr = 64 << 20;
	refused(-EFAULT, "raise --memory", "a kernel outside of memory");
	fresh();
	file.load.p_paddr = 0x80000;
	file.entry = 0x80010;
	refused(-EEXIST, "overlaps", "a kernel in the boot area");
}

int main(void)
{
	test_load();
	test_state();
	test_refused();
	guest_mem_exit(&mem);
	return tap_done();
}
