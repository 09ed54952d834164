// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI tables: what the guest's firmware would tell about the machine.
 *
 *	RSDP -> XSDT -> FADT -> DSDT	power, reset, devices (AML); FACS
 *		    \-> MADT		processors and interrupt controllers
 *
 * Read acpi.h and aml.h first.  load_linux.c calls acpi_write().
 * Source: ACPI Specification 6.4, "ACPI System Description Tables" (5.2).
 */
#include <errno.h>
#include <string.h>

#include "acpi.h"
#include "aml.h"
#include "devices/pvpanic.h"
#include "libvitrine.h"

#define RSDP_BYTES	36
#define FADT_BYTES	276
#define FACS_BYTES	64
#define APIC_BASE	0xfee00000u
#define IOAPIC_BASE	0xfec00000u
#define PCI_WINDOW	0xe0000000u
#define PCI_WINDOW_END	0xfebfffffu

#define FADT_WBINVD		(1u << 0)
#define FADT_NO_SLEEP_BUTTON	(1u << 5)
#define FADT_TIMER_32		(1u << 8)
#define FADT_RESET		(1u << 10)
#define BOOT_LEGACY_DEVICES	(1u << 0)
#define BOOT_NO_VGA		(1u << 2)

struct header {
	char signature[4];
	uint32_t bytes;
	uint8_t revision, checksum;
	char oem[6], table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* A generic address: where a register lies. */
struct address {
	uint8_t space, bits, offset, access;
	uint64_t at;
} __attribute__((packed));

struct fadt {
	struct header header;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_port;
	uint8_t acpi_on, acpi_off, s4_bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t event_bytes, control_bytes, pm2_bytes, timer_bytes, gpe0_bytes, gpe1_bytes;
	uint8_t gpe1_base, cst;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_flags;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1, sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 36, "by the specification");
_Static_assert(sizeof(struct fadt) == FADT_BYTES, "by the specification");

static uint8_t checksum(const void *data, size_t bytes)
{
	const uint8_t *byte = data;
	uint8_t sum = 0;

	while (bytes--)
		sum += *byte++;
	return -sum;
}

static void fill_header(struct header *header, const char *signature, uint8_t revision,
			size_t bytes)
{
	*header = (struct header){
		.bytes = bytes, .revision = revision, .oem_revision = 1, .creator_revision = 1,
	};
	memcpy(header->signature, signature, 4);
	memcpy(header->oem, "VITRIN", 6);
	memcpy(header->table, "VITRINE ", 8);
	memcpy(header->creator, "VTRN", 4);
	header->checksum = checksum(header, bytes);
}

/* ---- DSDT -------------------------------------------------------------------------- */

/* Device (name) { Name (_HID, ...) Name (_CRS, ports and a line) } */
static void add_device(struct aml *aml, const char *name, const char *id, uint16_t port,
		       uint8_t bytes, int line)
{
	aml_begin(aml, AML_DEVICE);
	aml_segment(aml, name);
	aml_name(aml, "_HID");
	/* Ids of seven characters have a form of their own, those of eight are strings. */
	if (strlen(id) == 7)
		aml_eisa_id(aml, id);
	else
		aml_string(aml, id);
	aml_name(aml, "_CRS");
	aml_begin_resources(aml);
	aml_io(aml, port, bytes);
	if (line >= 0)
		aml_irq(aml, line);
	aml_end_resources(aml);
	aml_end(aml);
}

static void add_pci(struct aml *aml)
{
	aml_begin(aml, AML_DEVICE);
	aml_segment(aml, "PCI0");
	aml_name(aml, "_HID");
	aml_eisa_id(aml, "PNP0A03");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	aml_begin_resources(aml);
	aml_bus_numbers(aml, 0, 255);
	aml_io(aml, 0xcf8, 8);
	aml_io_window(aml, 0x0, 0xcf7);
	aml_io_window(aml, 0xd00, 0xffff);
	aml_memory_window(aml, PCI_WINDOW, PCI_WINDOW_END);
	aml_end_resources(aml);
	aml_end(aml);
}

/* How to switch the machine off: the value for SLP_TYP of both control registers. */
static void add_s5(struct aml *aml)
{
	aml_name(aml, "_S5_");
	aml_begin(aml, AML_PACKAGE);
	aml_byte(aml, 4);
	aml_integer(aml, ACPI_S5_TYPE);
	aml_integer(aml, ACPI_S5_TYPE);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml);
}

/* With its header; returns its length, 0: too long. */
static size_t fill_dsdt(uint8_t *bytes, size_t room)
{
	struct aml aml = { .used = sizeof(struct header) };

	add_s5(&aml);
	aml_begin(&aml, AML_SCOPE);
	aml_root(&aml, "_SB_");
	add_pci(&aml);
	add_device(&aml, "COM1", "PNP0501", 0x3f8, 8, 4);
	add_device(&aml, "RTC0", "PNP0B00", 0x70, 2, 8);
	add_device(&aml, "PEVT", "QEMU0001", PVPANIC_PORT, PVPANIC_PORTS, -1);
	aml_end(&aml);
	if (aml.overflow || aml.used > room)
		return 0;
	memcpy(bytes, aml.byte, aml.used);
	fill_header((struct header *)bytes, "DSDT", 2, aml.used);
	return aml.used;
}

/* ---- the other tables ------------------------------------------------------------------ */

static struct address port(uint16_t at, uint8_t bits)
{
	return (struct address){ .space = 1, .bits = bits, .access = bits / 16 + 1, .at = at };
}

/* Where firmware and OS meet; nothing in it is used here, but it must be there. */
static void fill_facs(uint8_t *bytes)
{
	uint32_t length = FACS_BYTES;

	memcpy(bytes, "FACS", 4);
	memcpy(bytes + 4, &length, sizeof(length));
	bytes[32] = 2;
}

static void fill_fadt(struct fadt *fadt, uint64_t facs, uint64_t dsdt)
{
	*fadt = (struct fadt){
		.facs = facs, .x_facs = 0, .dsdt = dsdt, .x_dsdt = dsdt,
		.profile = 1, .sci = ACPI_LINE,
		.pm1a_event = ACPI_PM_EVENT, .pm1a_control = ACPI_PM_CONTROL,
		.pm_timer = ACPI_PM_TIMER,
		.event_bytes = 4, .control_bytes = 2, .timer_bytes = 4,
		/* Sleep states of processors that are not there. */
		.c2_latency = 0xfff, .c3_latency = 0xfff,
		.century = 0x32,
		.boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_NO_SLEEP_BUTTON | FADT_TIMER_32 | FADT_RESET,
		.reset = port(ACPI_RESET_PORT, 8), .reset_value = ACPI_RESET_VALUE,
		.minor = 4,
		.x_pm1a_event = port(ACPI_PM_EVENT, 32),
		.x_pm1a_control = port(ACPI_PM_CONTROL, 16),
		.x_pm_timer = port(ACPI_PM_TIMER, 32),
	};
	memcpy(&fadt->hypervisor, "Vitrine", 8);
	fill_header(&fadt->header, "FACP", 6, sizeof(*fadt));
}

struct writer {
	uint8_t *byte;
	size_t used;
};

static void add(struct writer *w, const void *data, size_t bytes)
{
	memcpy(w->byte + w->used, data, bytes);
	w->used += bytes;
}

static void add_cpu(struct writer *w, unsigned int id)
{
	struct { uint8_t kind, bytes, uid, apic; uint32_t flags; } __attribute__((packed))
		entry = { 0, 8, id, id, 1 };

	add(w, &entry, sizeof(entry));
}

static void add_override(struct writer *w, uint8_t irq, uint32_t line, uint16_t flags)
{
	struct { uint8_t kind, bytes, bus, irq; uint32_t line; uint16_t flags; }
		__attribute__((packed)) entry = { 2, 10, 0, irq, line, flags };

	add(w, &entry, sizeof(entry));
}

/* Processors, the I/O APIC, and where ISA's lines are not what one would think. */
static size_t fill_madt(uint8_t *bytes, unsigned int cpus)
{
	struct { uint8_t kind, bytes, id, pad; uint32_t at, first; } __attribute__((packed))
		ioapic = { 1, 12, cpus, 0, IOAPIC_BASE, 0 };
	struct { uint8_t kind, bytes, cpu; uint16_t flags; uint8_t line; } __attribute__((packed))
		nmi = { 4, 6, 0xff, 0, 1 };
	uint32_t base = APIC_BASE, flags = 1;	/* there are 8259, too */
	struct writer w = { bytes, sizeof(struct header) };

	add(&w, &base, sizeof(base));
	add(&w, &flags, sizeof(flags));
	for (unsigned int i = 0; i < cpus; i++)
		add_cpu(&w, i);
	add(&w, &ioapic, sizeof(ioapic));
	add_override(&w, 0, 2, 0);
	/* The line of ACPI itself is a level, active high. */
	add_override(&w, ACPI_LINE, ACPI_LINE, 0xd);
	add(&w, &nmi, sizeof(nmi));
	fill_header((struct header *)bytes, "APIC", 5, w.used);
	return w.used;
}

static size_t fill_xsdt(uint8_t *bytes, uint64_t fadt, uint64_t madt)
{
	struct writer w = { bytes, sizeof(struct header) };

	add(&w, &fadt, sizeof(fadt));
	add(&w, &madt, sizeof(madt));
	fill_header((struct header *)bytes, "XSDT", 1, w.used);
	return w.used;
}

static void fill_rsdp(uint8_t *bytes, uint64_t xsdt)
{
	uint32_t length = RSDP_BYTES;

	memset(bytes, 0, RSDP_BYTES);
	memcpy(bytes, "RSD PTR ", 8);
	memcpy(bytes + 9, "VITRIN", 6);
	bytes[15] = 2;
	memcpy(bytes + 20, &length, sizeof(length));
	memcpy(bytes + 24, &xsdt, sizeof(xsdt));
	bytes[8] = checksum(bytes, 20);
	bytes[32] = checksum(bytes, RSDP_BYTES);
}

/* ---- placing ------------------------------------------------------------------------------- */

/* Each table gets a multiple of 16 bytes. */
static uint64_t place(struct writer *w, size_t bytes)
{
	uint64_t at = ACPI_AT + w->used;

	w->used = (w->used + bytes + 15) & ~15ull;
	return at;
}

int acpi_write(struct loader *loader, unsigned int cpus, uint64_t *rsdp)
{
	static uint8_t area[ACPI_BYTES];
	/* The RSDP is first, the FACS wants 64 bytes of its own. */
	struct writer w = { area, 2 * FACS_BYTES };
	uint64_t dsdt, fadt, madt, xsdt;
	size_t bytes;
	int ret = load_claim(loader, ACPI_AT, ACPI_BYTES, "ACPI tables");

	if (ret)
		return ret;
	memset(area, 0, sizeof(area));
	fill_facs(area + FACS_BYTES);
	bytes = fill_dsdt(area + w.used, AML_ROOM);
	if (!bytes)
		return load_refuse(loader, "the DSDT does not fit into %d bytes", AML_ROOM);
	dsdt = place(&w, bytes);
	fill_fadt((struct fadt *)(area + w.used), ACPI_AT + FACS_BYTES, dsdt);
	fadt = place(&w, sizeof(struct fadt));
	madt = place(&w, fill_madt(area + w.used, cpus));
	xsdt = place(&w, fill_xsdt(area + w.used, fadt, madt));
	fill_rsdp(area, xsdt);
	*rsdp = ACPI_AT;
	return guest_mem_write(loader->mem, ACPI_AT, area, sizeof(area));
}
