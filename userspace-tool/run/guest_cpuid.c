// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option --cpuid: take features out of what CPUID tells the guest.
 *
 * The module's default table is read, changed and set again.  Numbers of
 * processors, caches and APIC ids stay the module's: it fills them in.
 * Source: SDM 2A "CPUID--CPU Identification"; the names are those of Linux'
 * /proc/cpuinfo, where it has one.
 */
#include <errno.h>
#include <string.h>

#include "guest_cpuid.h"

#define HYPERVISOR_FIRST	0x40000000u
#define HYPERVISOR_LAST		0x400000ffu

enum answer { EAX, EBX, ECX, EDX };

static const struct feature {
	const char *name;
	uint32_t leaf;
	enum answer reg;
	unsigned int bit;
} features[] = {
	{ "hypervisor", 1, ECX, 31 },
	{ "x2apic", 1, ECX, 21 },
	{ "tsc_deadline_timer", 1, ECX, 24 },
	{ "aes", 1, ECX, 25 },
	{ "rdrand", 1, ECX, 30 },
	{ "arat", 6, EAX, 2 },
	{ "fsgsbase", 7, EBX, 0 },
	{ "tsc_adjust", 7, EBX, 1 },
	{ "smep", 7, EBX, 7 },
	{ "rdseed", 7, EBX, 18 },
	{ "smap", 7, EBX, 20 },
	{ "nx", 0x80000001, EDX, 20 },
	{ "pdpe1gb", 0x80000001, EDX, 26 },
	{ "rdtscp", 0x80000001, EDX, 27 },
	{ "constant_tsc", 0x80000007, EDX, 8 },
};

struct table {
	struct vtr_cpuid_entry entry[VTR_MAX_CPUID_ENTRIES];
	uint32_t nr;
};

/* "NAME=off".  Return: the feature, NULL with a sentence. */
static const struct feature *parse(const char *text)
{
	size_t length = strcspn(text, "=");

	if (strcmp(text + length, "=off")) {
		vtr_error(EINVAL, "--cpuid %s: write NAME=off; what the guest is not shown by default cannot be switched on",
			  text);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (strlen(features[i].name) == length &&
		    !strncmp(features[i].name, text, length))
			return &features[i];
	vtr_error(EINVAL, "--cpuid %s: there is no such feature; the manual page lists them",
		  text);
	return NULL;
}

static void clear_bit(struct table *table, const struct feature *feature)
{
	for (uint32_t i = 0; i < table->nr; i++) {
		struct vtr_cpuid_entry *e = &table->entry[i];
		uint32_t *answer[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

		if (e->leaf == feature->leaf && !e->subleaf)
			*answer[feature->reg] &= ~(1u << feature->bit);
	}
}

/* A processor without the bit has none of these leaves either. */
static void drop_hypervisor_leaves(struct table *table)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < table->nr; i++) {
		uint32_t leaf = table->entry[i].leaf;

		if (leaf < HYPERVISOR_FIRST || leaf > HYPERVISOR_LAST)
			table->entry[nr++] = table->entry[i];
	}
	table->nr = nr;
}

static int change(struct table *table, const char *text)
{
	const struct feature *feature = parse(text);

	if (!feature)
		return -EINVAL;
	clear_bit(table, feature);
	if (feature == &features[0])
		drop_hypervisor_leaves(table);
	return 0;
}

int guest_cpuid_set(struct vtr_dev *dev, struct vtr_vm *vm, bool irqchip,
		    const struct opt_list *changes)
{
	struct table table = { .nr = VTR_MAX_CPUID_ENTRIES };
	int ret;

	if (!changes->nr)
		return 0;
	ret = vtr_default_cpuid(dev, irqchip ? VTR_CPUID_IRQCHIP : 0, table.entry,
				&table.nr);
	for (unsigned int i = 0; !ret && i < changes->nr; i++)
		ret = change(&table, changes->item[i]);
	return ret ? ret : vtr_vm_set_cpuid(vm, table.entry, table.nr);
}
