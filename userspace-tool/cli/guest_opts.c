// SPDX-License-Identifier: GPL-2.0-only
/*
 * Option rows that several commands share: those of every command, and those
 * that describe a guest (run, step, exits, vmcs, ept).
 *
 * Read options.h first; run/machine.c and load/ use the values.
 */
#include "devices/guest_mem.h"
#include "options.h"
#include "vitrine.h"

static const struct opt common_rows[] = {
	{ "help", 'h', OPT_FLAG, offsetof(struct options, help), NULL, NULL,
	  "print this help", NULL, 0, 0 },
	{ "json", 0, OPT_FLAG, offsetof(struct options, json), NULL, NULL,
	  "print JSON on stdout; the guest's console goes to stderr then",
	  NULL, 0, 0 },
};

const struct opt_group common_options = OPT_GROUP("every command", common_rows);

static const char *const mode_words[] = { "auto", "real", "protected", "long",
					  NULL };
static const char *const format_words[] = { "auto", "flat", "elf", "multiboot",
					    "linux", "pvh", NULL };

static const struct opt guest_rows[] = {
	{ "memory", 'm', OPT_SIZE, offsetof(struct options, memory), "SIZE",
	  "64M", "guest memory, a multiple of 4K; what does not fit below 3G continues at 4G",
	  NULL, GUEST_MIN_BYTES, GUEST_MAX_BYTES },
	{ "cpus", 'c', OPT_NUMBER, offsetof(struct options, cpus), "N", "1",
	  "vCPUs, one host thread each; all but vCPU 0 stay in their reset state and never run unless --all-cpus is given, or wait for a start-up IPI if the guest has interrupt controllers",
	  NULL, 1, VTR_MAX_VCPUS },
	{ "all-cpus", 0, OPT_FLAG, offsetof(struct options, all_cpus), NULL,
	  NULL, "start every vCPU at the entry point; each finds its number in EDI, all but vCPU 0 without a stack",
	  NULL, 0, 0 },
	{ "flat", 0, OPT_NUMBER, offsetof(struct options, flat), "ADDR", NULL,
	  "GUEST is a flat binary, loaded at this guest physical address",
	  NULL, 0, 0 },
	{ "entry", 0, OPT_NUMBER, offsetof(struct options, entry), "ADDR", NULL,
	  "begin here instead of at the start of a flat binary or at the entry point of an ELF file",
	  NULL, 0, 0 },
	{ "mode", 0, OPT_CHOICE, offsetof(struct options, mode), "MODE", "auto",
	  "real, protected or long; auto: real for a flat binary, protected for ELF32 and multiboot, long for ELF64 and Linux",
	  mode_words, 0, 0 },
	{ "format", 0, OPT_CHOICE, offsetof(struct options, format), "FORMAT",
	  "auto", "flat, elf, multiboot, linux or pvh; auto: flat with --flat, else what the file's header says",
	  format_words, 0, 0 },
	{ "kernel", 0, OPT_STRING, offsetof(struct options, kernel), "FILE",
	  NULL, "the guest is this Linux kernel (bzImage); instead of GUEST",
	  NULL, 0, 0 },
	{ "append", 0, OPT_STRING, offsetof(struct options, append), "TEXT",
	  NULL, "command line for the guest; the arguments behind -- follow it",
	  NULL, 0, 0 },
	{ "initrd", 0, OPT_STRING, offsetof(struct options, initrd), "FILE",
	  NULL, "initial RAM disk for a Linux kernel; it is put at the end of the memory below 3G",
	  NULL, 0, 0 },
	{ "irqchip", 0, OPT_FLAG, offsetof(struct options, irqchip), NULL, NULL,
	  "give the guest interrupt controllers and timers, clock, ACPI power management and PCI of a PC; a Linux kernel gets them anyway",
	  NULL, 0, 0 },
	{ "cpuid", 0, OPT_LIST, offsetof(struct options, cpuid), "FEATURE=off",
	  NULL, "do not show this feature in CPUID, as hypervisor=off; may be repeated",
	  NULL, 0, 0 },
	{ "module", 0, OPT_LIST, offsetof(struct options, modules),
	  "FILE[,TEXT]", NULL,
	  "multiboot module with its own text; may be repeated", NULL, 0, 0 },
	{ "boot-area", 0, OPT_NUMBER, offsetof(struct options, boot_area),
	  "ADDR", NULL,
	  "where descriptor table, first stack, command line and page tables are put, 96K at most; 0x80000 if not given, below the end of a smaller memory",
	  NULL, 0, 0 },
	{ "serial", 0, OPT_STRING, offsetof(struct options, serial), "WHERE",
	  "stdio", "serial port at 0x3f8: stdio, none, or a file to write to",
	  NULL, 0, 0 },
	{ "debug-exit", 0, OPT_NUMBER, offsetof(struct options, debug_exit),
	  "PORT", "0x501",
	  "port where a guest writes v to end with status (v << 1) | 1",
	  NULL, 0, 0xfffc },
	{ "strict-io", 0, OPT_FLAG, offsetof(struct options, strict_io), NULL,
	  NULL, "end with status 123 when the guest uses a port without a device",
	  NULL, 0, 0 },
	{ "name", 0, OPT_STRING, offsetof(struct options, name), "NAME", NULL,
	  "name of the VM in ps, debugfs and for console, stop, reset, pause and resume",
	  NULL, 0, 0 },
	{ "timeout", 't', OPT_SECONDS, offsetof(struct options, timeout_ms),
	  "S", NULL, "stop after this many seconds, with status 124", NULL, 0,
	  0 },
	{ "verbose", 'v', OPT_FLAG, offsetof(struct options, verbose), NULL,
	  NULL, "say on stderr where things were loaded and how the VM ended",
	  NULL, 0, 0 },
};

const struct opt_group guest_options = OPT_GROUP("guest options", guest_rows);
