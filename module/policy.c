// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program chooses for the processors of its VM: a CPUID table, and the
 * MSRs whose accesses it wants to answer itself.
 *
 * Both are set before the VM's first vCPU exists (EBUSY later), under vm->lock,
 * so vCPUs read them without a lock and a back end may look at them when it
 * makes a vCPU.  The checks are pure functions over the tables.
 * Called by module/ioctl.c (set), module/cpuid.c, module/handle.c and the back
 * end's MSR bitmap (look up).
 */
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/cpufeatures.h>

#include "vtr.h"

/* ---- both tables ----------------------------------------------------------------- */

/* Return: a copy of the program's table, or ERR_PTR. */
static void *copy_table(u64 user, u32 nr, size_t bytes)
{
	void *table = kmalloc_array(nr, bytes, GFP_KERNEL_ACCOUNT);

	if (!table)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(table, u64_to_user_ptr(user), nr * bytes)) {
		kfree(table);
		return ERR_PTR(-EFAULT);
	}
	return table;
}

/* Return: 0, vm->lock is held; or -EBUSY: there are vCPUs that use the tables. */
static int begin_change(struct vtr_vm *vm)
{
	mutex_lock(&vm->lock);
	if (!vm->nr_vcpus)
		return 0;
	mutex_unlock(&vm->lock);
	return -EBUSY;
}

/* ---- CPUID -------------------------------------------------------------------- */

static const struct vtr_cpuid_entry *find_entry(const struct vtr_cpuid_entry *entry,
						unsigned int nr, u32 leaf, u32 subleaf)
{
	for (unsigned int i = 0; i < nr; i++)
		if (entry[i].leaf == leaf &&
		    (!(entry[i].flags & VTR_CPUID_SUBLEAF) || entry[i].subleaf == subleaf))
			return &entry[i];
	return NULL;
}

/* Leaves that only describe: names, caches, topology, rates.  Nothing is promised there. */
static bool is_free_leaf(u32 leaf)
{
	switch (leaf) {
	case 0:
	case 2:
	case 4:
	case 0xb:
	case 0x15 ... 0x16:
	case 0x1f:
	case 0x40000000 ... 0x400000ff:
	case 0x80000000:
	case 0x80000002 ... 0x80000006:
		return true;
	default:
		return false;
	}
}

/* Leaves that vtr_cpuid() can fill with what it knows of the VM's processors. */
static bool describes_topology(u32 leaf)
{
	return leaf == 1 || leaf == 4 || leaf == 0xb || leaf == 0x1f;
}

/* Widths of physical and linear addresses, in one byte each. */
static bool is_narrower(u32 widths, u32 have)
{
	return (widths & 0xff) <= (have & 0xff) && (widths & 0xff00) <= (have & 0xff00) &&
	       !(widths >> 16);
}

/*
 * Does @entry promise no more than the vCPU has?  In a leaf of features each
 * bit must be in the default, too; in leaf 1 family, numbers and "several
 * logical processors" are free, and addresses may only become narrower.
 */
static bool is_honest(const struct vtr_cpuid_entry *entry, bool irqchip)
{
	const u32 topology = BIT(X86_FEATURE_HT & 31);
	u32 have[4];

	if (is_free_leaf(entry->leaf))
		return true;
	vtr_cpuid_default(irqchip, entry->leaf, entry->subleaf, have);
	switch (entry->leaf) {
	case 1:
		return !(entry->ecx & ~have[2]) && !(entry->edx & ~(have[3] | topology));
	case 0x80000001:
		return !(entry->ecx & ~have[2]) && !(entry->edx & ~have[3]);
	case 0x80000008:
		return is_narrower(entry->eax, have[0]) && !(entry->ebx & ~have[1]);
	default:
		return !(entry->eax & ~have[0]) && !(entry->ebx & ~have[1]) &&
		       !(entry->ecx & ~have[2]) && !(entry->edx & ~have[3]);
	}
}

/**
 * vtr_policy_check_cpuid() - could a guest be shown this table?
 * @entry: the table
 * @nr: entries in it
 * @irqchip: the VM has interrupt controllers in the module
 *
 * Return: 0; -EINVAL: unknown flag, padding, a leaf twice; -EOPNOTSUPP: a
 * feature that the vCPU does not have.
 */
int vtr_policy_check_cpuid(const struct vtr_cpuid_entry *entry, unsigned int nr, bool irqchip)
{
	for (unsigned int i = 0; i < nr; i++) {
		const struct vtr_cpuid_entry *e = &entry[i];

		if (e->flags & ~(VTR_CPUID_SUBLEAF | VTR_CPUID_TOPOLOGY) || e->pad ||
		    (e->flags & VTR_CPUID_TOPOLOGY && !describes_topology(e->leaf)) ||
		    (!(e->flags & VTR_CPUID_SUBLEAF) && e->subleaf))
			return -EINVAL;
		/* An entry for all subleaves hides those that follow it. */
		if (find_entry(entry, i, e->leaf, e->subleaf))
			return -EINVAL;
		if (!is_honest(e, irqchip))
			return -EOPNOTSUPP;
	}
	return 0;
}

/*
 * The program's answer; @topology: it leaves the topology to the module.
 * Return: false: it has set no table.
 */
bool vtr_policy_cpuid(const struct vtr_vm *vm, u32 leaf, u32 subleaf, u32 out[4], bool *topology)
{
	const struct vtr_policy *policy = &vm->policy;
	const struct vtr_cpuid_entry *e;

	if (!policy->cpuid)
		return false;
	memset(out, 0, 16);
	*topology = false;
	e = find_entry(policy->cpuid, policy->nr_cpuid, leaf, subleaf);
	if (e) {
		out[0] = e->eax;
		out[1] = e->ebx;
		out[2] = e->ecx;
		out[3] = e->edx;
		*topology = e->flags & VTR_CPUID_TOPOLOGY;
	}
	return true;
}

/**
 * vtr_policy_set_cpuid() - VTR_VM_SET_CPUID
 * @vm: the VM
 * @args: checked for size by the caller
 *
 * Context: process; sleeps.
 * Return: 0; -EINVAL and -EOPNOTSUPP as vtr_policy_check_cpuid(); -E2BIG: too
 * many entries; -EBUSY: the VM has a vCPU; -EFAULT; -ENOMEM.
 */
int vtr_policy_set_cpuid(struct vtr_vm *vm, const struct vtr_cpuid_table *args)
{
	struct vtr_cpuid_entry *table = NULL;
	int err;

	if (args->flags || args->pad)
		return -EINVAL;
	if (args->nr_entries > VTR_MAX_CPUID_ENTRIES)
		return -E2BIG;
	/* No entries: the default again. */
	if (args->nr_entries) {
		table = copy_table(args->entries, args->nr_entries, sizeof(*table));
		if (IS_ERR(table))
			return PTR_ERR(table);
		err = vtr_policy_check_cpuid(table, args->nr_entries, vm->irqchip);
		if (err)
			goto free;
	}
	err = begin_change(vm);
	if (err)
		goto free;
	swap(vm->policy.cpuid, table);
	vm->policy.nr_cpuid = args->nr_entries;
	mutex_unlock(&vm->lock);
free:
	/* The old one, or the one that was refused. */
	kfree(table);
	return err;
}

/* ---- MSRs ------------------------------------------------------------------------ */

/* Return: 0 or -EINVAL. */
int vtr_policy_check_ranges(const struct vtr_msr_range *range, unsigned int nr)
{
	const u32 both = VTR_MSR_READ | VTR_MSR_WRITE;

	for (unsigned int i = 0; i < nr; i++) {
		u32 last;

		if (range[i].pad || !range[i].count || range[i].flags & ~both ||
		    !range[i].flags ||
		    check_add_overflow(range[i].first, range[i].count - 1, &last))
			return -EINVAL;
	}
	return 0;
}

/* Does the program answer this access?  Context: any; @vm has a vCPU. */
bool vtr_policy_msr(const struct vtr_vm *vm, u32 index, bool write)
{
	const struct vtr_policy *policy = &vm->policy;
	const u32 wanted = write ? VTR_MSR_WRITE : VTR_MSR_READ;

	for (unsigned int i = 0; i < policy->nr_ranges; i++) {
		const struct vtr_msr_range *r = &policy->ranges[i];

		if (index >= r->first && index - r->first < r->count && r->flags & wanted)
			return true;
	}
	return false;
}

/**
 * vtr_policy_set_msr_filter() - VTR_VM_SET_MSR_FILTER
 * @vm: the VM
 * @args: checked for size by the caller
 *
 * Context: process; sleeps.
 * Return: 0; -EINVAL: unknown flag, padding, an empty or impossible range;
 * -E2BIG: too many ranges; -EBUSY: the VM has a vCPU; -EFAULT; -ENOMEM.
 */
int vtr_policy_set_msr_filter(struct vtr_vm *vm, const struct vtr_msr_filter *args)
{
	struct vtr_msr_range *table = NULL;
	int err;

	if (args->flags || args->pad)
		return -EINVAL;
	if (args->nr_ranges > VTR_MAX_MSR_RANGES)
		return -E2BIG;
	if (args->nr_ranges) {
		table = copy_table(args->ranges, args->nr_ranges, sizeof(*table));
		if (IS_ERR(table))
			return PTR_ERR(table);
		err = vtr_policy_check_ranges(table, args->nr_ranges);
		if (err)
			goto free;
	}
	err = begin_change(vm);
	if (err)
		goto free;
	swap(vm->policy.ranges, table);
	vm->policy.nr_ranges = args->nr_ranges;
	mutex_unlock(&vm->lock);
free:
	kfree(table);
	return err;
}

void vtr_policy_free(struct vtr_vm *vm)
{
	kfree(vm->policy.cpuid);
	kfree(vm->policy.ranges);
}
