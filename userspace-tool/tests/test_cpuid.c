// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option --cpuid over the scripted device.
 *
 * Proves: one feature is taken out of the module's table, and nothing else; without
 * a hypervisor its leaves are gone; what cannot be meant is refused with a sentence.
 */
#include <errno.h>
#include <string.h>

#include "fake.h"
#include "run/guest_cpuid.h"
#include "tap.h"

#define HYPERVISOR	(1u << 31)
#define X2APIC		(1u << 21)

static struct vtr_dev *dev;
static struct vtr_vm *vm;

static int set(bool irqchip, const char *first, const char *second)
{
	const struct opt_list changes = { .nr = !!first + !!second, .item = { first, second } };

	fake.nr_cpuid = 0;
	return guest_cpuid_set(dev, vm, irqchip, &changes);
}

static const struct vtr_cpuid_entry *leaf(uint32_t nr)
{
	for (uint32_t i = 0; i < fake.nr_cpuid; i++)
		if (fake.cpuid[i].leaf == nr)
			return &fake.cpuid[i];
	return NULL;
}

static void test_changes(void)
{
	is_num(set(true, NULL, NULL), 0, "without the option");
	is_num(fake.nr_cpuid, 0, "no table is set");
	is_num(set(true, "hypervisor=off", NULL), 0, "hypervisor=off");
	is_num(leaf(1)->ecx, X2APIC, "clears one bit");
	is_num(leaf(1)->flags, VTR_CPUID_TOPOLOGY, "leaves the topology to the module");
	ok(!leaf(0x40000000) && !leaf(0x40000010), "the hypervisor's leaves are gone");
	ok(leaf(0x80000001), "and no others");
	is_num(set(false, "nx=off", "x2apic=off"), 0, "two features");
	is_num(leaf(1)->ecx, HYPERVISOR, "the default without interrupt controllers");
	is_num(leaf(0x80000001)->edx, 0, "a bit of another leaf");
	ok(leaf(0x40000000), "the hypervisor's leaves stay");
	is_num(set(true, "smap=off", NULL), 0, "a leaf with subleaves");
	is_num(leaf(7)->ebx, 0, "the first one has the bit");
	is_num(leaf(7)[1].ebx, 1u << 20, "another one keeps its own");
	is_num(leaf(0x80000001)->edx, 1u << 20, "and so does another leaf");
}

static void test_refusals(void)
{
	is_num(set(true, "hypervisor=on", NULL), -EINVAL, "=on is refused");
	has(vtr_last_error(), "write NAME=off", "with the form");
	is_num(set(true, "hypervisor", NULL), -EINVAL, "no value is refused");
	is_num(set(true, "vmx=off", NULL), -EINVAL, "an unknown feature is refused");
	has(vtr_last_error(), "--cpuid vmx=off: there is no such feature", "by name");
	is_num(fake.nr_cpuid, 0, "nothing was set");
}

int main(void)
{
	fake_install();
	is_num(vtr_open(NULL, &dev), 0, "the device opens");
	is_num(vtr_vm_create(dev, "x", 0, VTR_IRQCHIP_USER, &vm), 0, "a VM");
	test_changes();
	test_refusals();
	vtr_vm_destroy(vm);
	vtr_close(dev);
	fake_remove();
	return tap_done();
}
