// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a PC has for an operating system: clock, ACPI's registers and tables, PCI,
 * keyboard controller, the interrupt line of the UART; and Linux kernels as files.
 *
 * Proves: registers do what the data sheets say, tables have their checksums and
 * point at each other, a kernel lands where it wants, a broken one is refused by
 * name.  What iasl says of the tables is looked at by test_acpi.sh.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "devices/acpi_pm.h"
#include "devices/i8042.h"
#include "devices/pci.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "libvitrine.h"
#include "load/acpi.h"
#include "load/load.h"
#include "run/boot.h"
#include "tap.h"

static unsigned int resets, offs;
static bool line;
static uint64_t fake_ns;
static time_t fake_time;

static void on_reset(void *context)
{
	(void)context;
	resets++;
}

static void on_off(void *context)
{
	(void)context;
	offs++;
}

static void on_line(void *context, bool level)
{
	(void)context;
	line = level;
}

static uint64_t now_ns(void)
{
	return fake_ns;
}

static time_t now_time(void)
{
	return fake_time;
}

static void send(void *context, uint8_t byte)
{
	(void)context;
	(void)byte;
}

/* ---- the clock --------------------------------------------------------------------- */

static uint8_t rtc_get(struct rtc *rtc, uint8_t index)
{
	rtc_ops.write(rtc, 0, 1, index);
	return rtc_ops.read(rtc, 1, 1);
}

static void rtc_put(struct rtc *rtc, uint8_t index, uint8_t value)
{
	rtc_ops.write(rtc, 0, 1, index);
	rtc_ops.write(rtc, 1, 1, value);
}

static void test_rtc(void)
{
	uint8_t state[sizeof(struct rtc_regs)];
	struct rtc rtc;

	rtc_init(&rtc);
	rtc.now = now_time;
	fake_time = 1767225599;		/* 2025-12-31 23:59:59, a Wednesday */
	is_num(rtc_get(&rtc, 0), 0x59, "seconds in decimal");
	is_num(rtc_get(&rtc, 4), 0x23, "hours of 24");
	is_num(rtc_get(&rtc, 6), 4, "Sunday is day 1");
	is_num(rtc_get(&rtc, 7), 0x31, "day of the month");
	is_num(rtc_get(&rtc, 8), 0x12, "month from 1");
	is_num(rtc_get(&rtc, 9), 0x25, "year");
	is_num(rtc_get(&rtc, 0x32), 0x20, "century");
	fake_time++;
	is_num(rtc_get(&rtc, 9), 0x26, "it goes on with the host's clock");
	rtc_put(&rtc, 0x0b, 0x04);
	is_num(rtc_get(&rtc, 4), 12, "midnight is 12 am of 12");
	fake_time += 13 * 3600;
	is_num(rtc_get(&rtc, 4), 0x80 | 1, "one pm");
	rtc_put(&rtc, 0x0b, 0x06);
	is_num(rtc_get(&rtc, 4), 13, "binary, of 24");
	rtc_put(&rtc, 0x0b, 0x86);
	fake_time += 30;
	is_num(rtc_get(&rtc, 0), 0, "it stands still while it is set");
	rtc_put(&rtc, 4, 5);
	rtc_put(&rtc, 0x0b, 0x06);
	is_num(rtc_get(&rtc, 4), 5, "and goes on from there");
	fake_time += 61;
	is_num(rtc_get(&rtc, 2), 1, "at the host's pace");
	is_num(rtc_get(&rtc, 0x0d), 0x80, "the battery is good");
	is_num(rtc_get(&rtc, 0x0a) & 0x80, 0, "no update is in progress");
	rtc_put(&rtc, 0x40, 0x5a);
	rtc_ops.save(&rtc, state);
	rtc_put(&rtc, 0x40, 0);
	is_num(rtc_ops.load(&rtc, state), 0, "a saved clock is taken");
	is_num(rtc_get(&rtc, 0x40), 0x5a, "with its bytes");
	state[0] = 0x80;
	is_num(rtc_ops.load(&rtc, state), -EINVAL, "one that cannot be is not");
	rtc_exit(&rtc);
}

/* ---- ACPI's registers ----------------------------------------------------------------- */

static void test_pm(void)
{
	struct acpi_pm pm;

	acpi_pm_init(&pm, on_line, on_off, NULL);
	pm.now = now_ns;
	fake_ns = 7;
	acpi_pm_ops.reset(&pm);
	fake_ns += 1000000000;
	is_num(acpi_pm_ops.read(&pm, 8, 4), 3579545, "the timer after a second");
	/* 10000 seconds: beyond what 64 bits hold of ns times Hz. */
	fake_ns += 9999000000000;
	is_num(acpi_pm_ops.read(&pm, 8, 4), (uint32_t)(10000ull * 3579545),
	       "and after three hours");
	acpi_pm_press(&pm);
	ok(!line, "the button does not interrupt before it may");
	acpi_pm_ops.write(&pm, 2, 2, 0x100);
	ok(line, "then it does");
	is_num(acpi_pm_ops.read(&pm, 0, 2), 0x100, "and says that it was the button");
	acpi_pm_ops.write(&pm, 0, 2, 0x100);
	ok(!line, "a 1 that is written ends it");
	is_num(acpi_pm_ops.read(&pm, 4, 2) & 1, 1, "ACPI is on");
	acpi_pm_ops.write(&pm, 4, 2, 1 << 13 | 3 << 10);
	is_num(offs, 0, "another sleep state does nothing");
	acpi_pm_ops.write(&pm, 4, 2, 1 << 13 | ACPI_S5_TYPE << 10);
	is_num(offs, 1, "S5 switches off");
	acpi_pm_exit(&pm);
}

/* ---- PCI, keyboard controller, UART ----------------------------------------------------- */

static void test_pci(void)
{
	struct pci pci;

	pci_init(&pci, on_reset, NULL);
	resets = 0;
	pci_ops.write(&pci, 0, 4, 0x80000000);
	is_num(pci_ops.read(&pci, 0, 4), 0x80000000, "the address can be read");
	is_num(pci_ops.read(&pci, 4, 4), 0x12378086, "the host bridge");
	is_num(pci_ops.read(&pci, 6, 2), 0x1237, "or half of it");
	pci_ops.write(&pci, 0, 4, 0x80000008);
	is_num(pci_ops.read(&pci, 7, 1), 6, "its class is bridge");
	pci_ops.write(&pci, 0, 4, 0x80000800);
	is_num(pci_ops.read(&pci, 4, 4), 0xffffffff, "beside it there is nothing");
	pci_ops.write(&pci, 0, 4, 0);
	is_num(pci_ops.read(&pci, 4, 4), 0xffffffff, "nor without the enable bit");
	pci_ops.write(&pci, 1, 1, 0x02);
	is_num(resets, 0, "the reset register is prepared");
	pci_ops.write(&pci, 1, 1, 0x06);
	is_num(resets, 1, "and resets");
	pci_exit(&pci);
}

static void test_i8042(void)
{
	struct i8042 ctrl;

	i8042_init(&ctrl, on_reset, NULL);
	resets = 0;
	is_num(i8042_command_ops.read(&ctrl, 0, 1), 0, "ready for a command");
	i8042_command_ops.write(&ctrl, 0, 1, 0xaa);
	i8042_command_ops.write(&ctrl, 0, 1, 0xff);
	is_num(resets, 0, "other commands do nothing");
	i8042_command_ops.write(&ctrl, 0, 1, 0xfe);
	is_num(resets, 1, "pulsing output 0 resets");
	i8042_exit(&ctrl);
}

static void test_pvpanic(void)
{
	struct pvpanic device;

	pvpanic_init(&device, on_reset, NULL);
	resets = 0;
	is_num(pvpanic_ops.read(&device, 0, 1), 1, "it knows the event: panicked");
	pvpanic_ops.write(&device, 0, 1, 2);
	is_num(resets, 0, "another event is not for it");
	pvpanic_ops.write(&device, 0, 1, 1);
	is_num(resets, 1, "a panic is told");
	pvpanic_exit(&device);
}

static void test_serial_line(void)
{
	struct serial serial;

	line = false;
	serial_init(&serial, send, NULL);
	serial_connect(&serial, on_line, NULL);
	serial_receive(&serial, 'a');
	serial_ops.write(&serial, 1, 1, 1);
	ok(!line, "the line is not connected without OUT2");
	serial_ops.write(&serial, 4, 1, 8);
	ok(line, "then a byte that waits raises it");
	serial_ops.read(&serial, 0, 1);
	ok(!line, "and reading it lowers it");
	serial_ops.write(&serial, 1, 1, 2);
	ok(line, "an empty transmitter raises it");
	is_num(serial_ops.read(&serial, 2, 1) & 0xf, 2, "as the cause says");
	ok(!line, "which ends it");
	serial_ops.write(&serial, 0, 1, 'x');
	ok(line, "sending a byte takes no time");
	serial_ops.write(&serial, 4, 1, 8 | 0x10);
	ok(!line, "loop-back cuts it off");
	serial_exit(&serial);
}

/* ---- a Linux kernel ------------------------------------------------------------------------ */

#define SETUP_BYTES	(5 * 512)
#define KERNEL_BYTES	8192
#define PREFERRED	0x1000000ull

static struct options options;
static struct guest_mem mem;
static struct loader loader;
static uint8_t file[SETUP_BYTES + KERNEL_BYTES];

static void put(unsigned int at, uint64_t value, unsigned int bytes)
{
	memcpy(file + at, &value, bytes);
}

/* The smallest file that is a kernel by its header. */
static void fresh(uint64_t memory)
{
	guest_mem_exit(&mem);
	if (guest_mem_init(&mem, memory))
		exit(99);
	memset(&options, 0, sizeof(options));
	options.cpus.value = 2;
	memset(file, 0, sizeof(file));
	put(0x1f1, 4, 1);
	put(0x1fe, 0xaa55, 2);
	put(0x201, 0x66, 1);
	memcpy(file + 0x202, "HdrS", 4);
	put(0x206, 0x20f, 2);
	put(0x211, 1, 1);
	put(0x214, 0x100000, 4);
	put(0x22c, 0x7fffffff, 4);
	put(0x236, 1, 2);
	put(0x238, 100, 4);
	put(0x258, PREFERRED, 8);
	put(0x260, 0x100000, 4);
	memset(file + SETUP_BYTES, 0xcc, KERNEL_BYTES);
}

static int load(void)
{
	options.guest = temp_file("kernel", file, sizeof(file));
	return load_guest(&loader, &options, &mem);
}

static uint64_t at(uint64_t gpa, unsigned int bytes)
{
	uint64_t value = 0;

	guest_mem_read(&mem, gpa, &value, bytes);
	return value;
}

static void test_kernel(void)
{
	fresh(64 << 20);
	options.append = "console=ttyS0 quiet";
	options.initrd = temp_file("initrd", "RAMDISK", 7);
	is_num(load(), 0, "a bzImage is loaded");
	is_num(loader.format, FORMAT_LINUX, "as what it is");
	is_num(loader.mode, MODE_LONG, "it begins in long mode");
	is_num(loader.entry, PREFERRED + 0x200, "at its 64-bit entry");
	is_num(at(PREFERRED, 1), 0xcc, "its bytes are where it wants to be");
	is_num(at(loader.esi + 0x202, 4), 0x53726448, "the zero page has its header");
	is_num(at(loader.esi + 0x210, 1), 0xff, "and a loader's number");
	has((char *)mem.base + at(loader.esi + 0x228, 4), "console=ttyS0 quiet",
	    "the command line");
	is_num(at(loader.esi + 0x21c, 4), 7, "the RAM disk's length");
	has((char *)mem.base + at(loader.esi + 0x218, 4), "RAMDISK", "and place");
	is_num(at(loader.esi + 0x218, 4) % 4096, 0, "on a page of its own");
	is_num(at(loader.esi + 0x1e8, 1), 5, "five ranges of memory");
	is_num(at(loader.esi + 0x2d0, 8), 0, "the first begins at 0");
	is_num(at(loader.esi + 0x2d0 + 8, 8), 0x9fc00, "and ends below the BIOS' data");
	is_num(at(loader.esi + 0x2d0 + 4 * 20 + 8, 8), (64 << 20) - 0x100000,
	       "the last ends with the memory");
	is_num(at(loader.esi + 0x70, 8), ACPI_AT, "and where ACPI's tables are");
	is_num(boot_prepare(&loader), 0, "descriptors and page tables");
	is_num(at(loader.boot_area + 0x10 + 5, 1), 0x9b, "code is at 10H, as Linux wants it");
	is_num(at(loader.boot_area + 0x18 + 5, 1), 0x93, "data at 18H");
}

static void test_kernel_32(void)
{
	struct vtr_sregs sregs = { .cr0 = 0x60000010 };
	struct vtr_regs regs;

	fresh(64 << 20);
	options.mode = MODE_PROTECTED;
	is_num(load(), 0, "a kernel with both entries is loaded for the one of 32 bits");
	is_num(loader.mode, MODE_PROTECTED, "if that is asked for");
	is_num(loader.entry, PREFERRED, "it begins where it lies");
	is_num(at(loader.esi + 0x214, 4), PREFERRED, "as the zero page says, too");
	is_num(boot_prepare(&loader), 0, "descriptors");
	is_num(at(loader.boot_area + 0x10 + 6, 1), 0xcf, "code of 32 bits at 10H");
	boot_state(&loader, 0, &sregs, &regs);
	is_num(sregs.seg[VTR_CS].selector, 0x10, "CS as the protocol has it");
	is_num(sregs.seg[VTR_DS].selector, 0x18, "and DS");
	is_num(sregs.cr0, 0x11, "no paging");
	is_num(regs.rflags, 2, "interrupts off");
	is_num(regs.gpr[VTR_RSI], loader.esi, "ESI: the zero page");
	is_num(regs.gpr[VTR_RBX] | regs.gpr[VTR_RBP] | regs.gpr[VTR_RDI], 0, "EBX, EBP, EDI: 0");
	fresh(64 << 20);
	put(0x206, 0x20b, 2);
	put(0x236, 0, 2);
	is_num(load(), 0, "a kernel of 32 bits is loaded");
	is_num(loader.mode, MODE_PROTECTED, "for protected mode");
	fresh(64 << 20);
	put(0x206, 0x206, 2);
	is_num(load(), 0, "one of an older protocol");
	is_num(loader.entry, 0x100000, "goes to 1 MiB");
	is_num(at(0x100000, 1), 0xcc, "with its bytes");
}

static void refused(const char *part, const char *what)
{
	is_num(load(), -EINVAL, what);
	has(vtr_last_error(), part, "and the sentence says why");
}

static void test_kernel_refused(void)
{
	fresh(64 << 20);
	put(0x206, 0x205, 2);
	refused("2.05", "an old boot protocol");
	fresh(64 << 20);
	put(0x236, 0, 2);
	options.mode = MODE_LONG;
	refused("64 bits", "long mode for a 32-bit kernel");
	fresh(64 << 20);
	put(0x236, 0, 2);
	put(0x214, 0, 4);
	refused("BIOS", "a kernel that begins in real mode");
	fresh(64 << 20);
	put(0x1f4, KERNEL_BYTES / 16 + 1, 4);
	refused("tells of 8208 bytes", "a file that is shorter than its header says");
	fresh(64 << 20);
	options.boot_area = (struct opt_u64){ .given = true, .value = PREFERRED };
	is_num(load(), -EEXIST, "a boot area in the kernel");
	has(vtr_last_error(), "overlaps the kernel", "is named");
	fresh(64 << 20);
	put(0x211, 0, 1);
	refused("zImage", "a zImage");
	fresh(64 << 20);
	put(0x1f1, 200, 1);
	refused("cut short", "a file that ends in its setup");
	fresh(64 << 20);
	options.mode = MODE_REAL;
	refused("--mode", "another mode");
	fresh(64 << 20);
	put(0x238, 3, 4);
	options.append = "quiet";
	refused("this kernel takes 3", "a long command line");
	fresh(64 << 20);
	memcpy(file + 0x202, "none", 4);
	options.format = FORMAT_LINUX;
	refused("HdrS", "no kernel at all");
	fresh(16 << 20);
	is_num(load(), -EFAULT, "too little memory");
	has(vtr_last_error(), "raise --memory", "gets the hint");
	fresh(64 << 20);
	options.initrd = "/nonexistent";
	is_num(load(), -ENOENT, "a RAM disk that is not there");
	has(vtr_last_error(), "/nonexistent", "is named");
}

/* ---- ACPI's tables --------------------------------------------------------------------------- */

static uint8_t sum(uint64_t gpa, uint64_t bytes)
{
	uint8_t sum = 0;

	while (bytes--)
		sum += at(gpa++, 1);
	return sum;
}

static uint64_t table(uint64_t gpa, const char *signature)
{
	char what[64];

	snprintf(what, sizeof(what), "%.4s has its signature", signature);
	ok(!memcmp(mem.base + gpa, signature, 4), "%s", what);
	ok(!sum(gpa, at(gpa + 4, 4)), "%.4s has its checksum", signature);
	return gpa;
}

static void test_tables(void)
{
	uint64_t xsdt, fadt, madt;
	unsigned int cpus = 0;

	fresh(64 << 20);
	load();
	ok(!memcmp(mem.base + ACPI_AT, "RSD PTR ", 8), "the RSDP has its signature");
	is_num(sum(ACPI_AT, 20), 0, "its first checksum");
	is_num(sum(ACPI_AT, 36), 0, "and its second one");
	xsdt = table(at(ACPI_AT + 24, 8), "XSDT");
	fadt = table(at(xsdt + 36, 8), "FACP");
	madt = table(at(xsdt + 44, 8), "APIC");
	table(at(fadt + 140, 8), "DSDT");
	ok(!memcmp(mem.base + at(fadt + 36, 4), "FACS", 4), "the FACS is there");
	is_num(at(fadt + 36, 4) % 64, 0, "on 64 bytes of its own");
	is_num(at(fadt + 76, 4), ACPI_PM_TIMER, "the FADT names the timer's port");
	for (uint64_t entry = madt + 44; entry < madt + at(madt + 4, 4);
	     entry += at(entry + 1, 1))
		cpus += !at(entry, 1);
	is_num(cpus, 2, "the MADT has a processor for each vCPU");
}

static int write_table(const char *folder, uint64_t gpa, uint64_t bytes)
{
	char path[200];
	FILE *file;
	int ret;

	snprintf(path, sizeof(path), "%s/%.4s.dat", folder, (char *)mem.base + gpa);
	file = fopen(path, "wb");
	if (!file)
		return 1;
	ret = fwrite(mem.base + gpa, 1, bytes, file) != bytes;
	return fclose(file) || ret;
}

/* The tables as a guest with 2 vCPUs finds them, for test_acpi.sh, which has iasl. */
static int write_tables(const char *folder)
{
	uint64_t xsdt, fadt, gpa[5];
	int ret = 0;

	fresh(64 << 20);
	if (load())
		return 1;
	xsdt = at(ACPI_AT + 24, 8);
	fadt = at(xsdt + 36, 8);
	gpa[0] = xsdt;
	gpa[1] = fadt;
	gpa[2] = at(xsdt + 44, 8);
	gpa[3] = at(fadt + 140, 8);
	gpa[4] = at(fadt + 36, 4);
	for (unsigned int i = 0; i < ARRAY_SIZE(gpa); i++)
		ret |= write_table(folder, gpa[i], at(gpa[i] + 4, 4));
	return ret | write_table(folder, ACPI_AT, at(ACPI_AT + 20, 4));
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "--tables"))
		return write_tables(argv[2]);
	test_rtc();
	test_pm();
	test_pci();
	test_i8042();
	test_pvpanic();
	test_serial_line();
	test_kernel();
	test_kernel_32();
	test_kernel_refused();
	test_tables();
	guest_mem_exit(&mem);
	return tap_done();
}
