// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID as the guest sees it.
 *
 * The answer starts from the host's and keeps only what Vitrine gives a guest:
 * a feature is shown if its state is switched between guest and host, or has
 * no state.  Whatever is not named here reads as zero, so that a newer
 * processor cannot leak a feature that nobody has thought about.
 * Called by module/handle.c; module/cr.c derives legal CR4 bits from it.
 * Source: SDM 2A "CPUID--CPU Identification".
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/cpufeatures.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "vtr.h"

/* Bit of a feature within its register: X86_FEATURE_* counts words of 32. */
#define F(name) BIT(X86_FEATURE_##name & 31)

#define LEAF1_ECX (F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(CX16) | F(XMM4_1) |	\
		   F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(RDRAND))
#define LEAF1_EDX (F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) |	\
		   F(CX8) | F(SEP) | F(PGE) | F(CMOV) | F(PAT) | F(PSE36) |	\
		   F(CLFLUSH) | F(MMX) | F(FXSR) | F(XMM) | F(XMM2))
#define LEAF7_EBX (F(FSGSBASE) | F(BMI1) | F(BMI2) | F(SMEP) | F(ERMS) |	\
		   F(RDSEED) | F(ADX) | F(SMAP) | F(CLFLUSHOPT))
#define EXT1_ECX  (F(LAHF_LM) | F(ABM) | F(3DNOWPREFETCH))
#define EXT1_EDX  (F(SYSCALL) | F(NX) | F(GBPAGES) | F(RDTSCP) | F(LM))

#define MAX_BASIC_LEAF		0x16
#define MAX_EXTENDED_LEAF	0x80000008
#define HYPERVISOR_LEAF		0x40000000
#define TOPOLOGY_LEAF		0xb
#define TOPOLOGY_LEAF_2		0x1f

/* Twelve letters in EBX, ECX, EDX, as every hypervisor signs itself. */
static const char signature[13] = "VitrineGlass";

static void hypervisor_leaf(u32 leaf, u32 out[4])
{
	switch (leaf) {
	case HYPERVISOR_LEAF:
		out[0] = HYPERVISOR_LEAF + 0x10;
		memcpy(&out[1], signature, 12);
		break;
	case HYPERVISOR_LEAF + 1:
		out[0] = VTR_API_VERSION;
		break;
	case HYPERVISOR_LEAF + 0x10:
		/* TSC rate in kHz, where guests look for it under a hypervisor. */
		out[0] = tsc_khz;
		break;
	}
}

static void extended_leaf(u32 leaf, u32 out[4])
{
	switch (leaf) {
	case 0x80000000:
		out[0] = MAX_EXTENDED_LEAF;
		out[1] = out[2] = out[3] = 0;
		break;
	case 0x80000001:
		out[0] = out[1] = 0;
		out[2] &= EXT1_ECX;
		out[3] &= EXT1_EDX;
		if (!vtr_backend->info.rdtscp)
			out[3] &= ~F(RDTSCP);
		break;
	case 0x80000002 ... 0x80000004:	/* brand string */
	case 0x80000006:		/* cache sizes */
		break;
	case 0x80000007:
		out[0] = out[1] = out[2] = 0;
		out[3] &= BIT(8);	/* invariant TSC */
		break;
	case 0x80000008:
		out[0] = (out[0] & 0xff00) | vtr_backend->info.gpa_bits;
		out[1] = out[2] = out[3] = 0;
		break;
	default:
		memset(out, 0, 16);
	}
}

static void basic_leaf(u32 leaf, u32 subleaf, u32 out[4])
{
	switch (leaf) {
	case 0:
		out[0] = min_t(u32, out[0], MAX_BASIC_LEAF);
		break;
	case 1:
		/* Family, model, stepping. */
		out[1] &= 0x0000ff00;
		out[2] = (out[2] & LEAF1_ECX) | F(HYPERVISOR);
		out[3] &= LEAF1_EDX;
		break;
	case 2:
	case 4:		/* caches */
		break;
	case 7:
		if (subleaf) {
			memset(out, 0, 16);
			break;
		}
		out[0] = 0;
		/* IA32_TSC_ADJUST is the module's own, whatever the host has. */
		out[1] = (out[1] & LEAF7_EBX) | F(TSC_ADJUST);
		out[2] = out[3] = 0;
		break;
	case 0x15:
		/* TSC rate = ECX (crystal, Hz) * EBX / EAX. */
		out[0] = VTR_CRYSTAL_HZ / 1000;
		out[1] = tsc_khz;
		out[2] = VTR_CRYSTAL_HZ;
		out[3] = 0;
		break;
	case 0x16:
		out[0] = out[1] = tsc_khz / 1000;
		out[2] = 1;
		out[3] = 0;
		break;
	default:
		memset(out, 0, 16);
	}
}

/* ---- what the module's interrupt controllers add ------------------------------- */

/* Does the host have the newer description of its topology? */
static bool host_has_leaf_1f(void)
{
	u32 out[4];

	cpuid_count(0, 0, &out[0], &out[1], &out[2], &out[3]);
	if (out[0] < TOPOLOGY_LEAF_2)
		return false;
	cpuid_count(TOPOLOGY_LEAF_2, 0, &out[0], &out[1], &out[2], &out[3]);
	return out[1];
}

/* A local APIC, x2APIC mode, a timer with deadlines that goes on in each state. */
static void show_apic(u32 leaf, u32 out[4])
{
	switch (leaf) {
	case 0:
		if (host_has_leaf_1f())
			out[0] = TOPOLOGY_LEAF_2;
		break;
	case 1:
		out[2] |= F(X2APIC) | F(TSC_DEADLINE_TIMER);
		out[3] |= F(APIC);
		break;
	case 6:
		out[0] |= F(ARAT);
		break;
	}
}

/* ---- topology ------------------------------------------------------------------- */

/*
 * One package, in which each vCPU is a core with one thread: @nr of them, whose APIC
 * ids have @bits.
 */
struct topology {
	unsigned int nr;
	unsigned int bits;
	u32 apic_id;
};

static void fill_levels(u32 subleaf, const struct topology *t, u32 out[4])
{
	enum { THREADS = 1, CORES = 2 };

	memset(out, 0, 16);
	out[2] = subleaf & 0xff;
	out[3] = t->apic_id;
	if (subleaf == 0) {
		out[1] = 1;
		out[2] |= THREADS << 8;
	} else if (subleaf == 1) {
		out[0] = t->bits;
		out[1] = t->nr;
		out[2] |= CORES << 8;
	}
}

/* Caches up to level 2 are a core's own, the third one is the package's. */
static void fill_sharing(const struct topology *t, u32 out[4])
{
	u32 others = BIT(t->bits) - 1, level = out[0] >> 5 & 7;

	if (!(out[0] & 0x1f))
		return;		/* no such cache */
	out[0] &= GENMASK(13, 0);
	out[0] |= min(others, 63u) << 26;
	if (level > 2)
		out[0] |= min(others, 0xfffu) << 14;
}

/* The numbers of leaves 1 and 4, all of 0BH and 1FH: SDM 2A "CPUID--CPU Identification". */
static void fill_topology(u32 leaf, u32 subleaf, const struct topology *t, u32 out[4])
{
	switch (leaf) {
	case 1:
		out[1] &= 0x0000ffff;
		out[3] &= ~F(HT);
		if (t->nr > 1) {
			out[1] |= min_t(u32, BIT(t->bits), 255) << 16;
			out[3] |= F(HT);
		}
		break;
	case 4:
		fill_sharing(t, out);
		break;
	case TOPOLOGY_LEAF:
	case TOPOLOGY_LEAF_2:
		fill_levels(subleaf, t, out);
		break;
	}
}

static struct topology topology_of(const struct vtr_vcpu *vcpu)
{
	struct topology t = {
		.nr = READ_ONCE(vcpu->vm->nr_vcpus), .apic_id = vcpu->apic_id,
	};

	if (t.nr > 1)
		t.bits = min(fls(READ_ONCE(vcpu->vm->max_apic_id)), 31);
	return t;
}

/* Has this leaf a description of the topology that is not zero? */
static bool has_topology(u32 leaf, bool irqchip)
{
	switch (leaf) {
	case 1:
	case 4:
		return true;
	case TOPOLOGY_LEAF:
		return irqchip;
	case TOPOLOGY_LEAF_2:
		return irqchip && host_has_leaf_1f();
	default:
		return false;
	}
}

/* ---- the default ---------------------------------------------------------------- */

/* The default for any vCPU: what it has of its own is missing yet. */
static void get_default(bool irqchip, u32 leaf, u32 subleaf, u32 out[4])
{
	memset(out, 0, 16);
	if (leaf >= HYPERVISOR_LEAF && leaf <= HYPERVISOR_LEAF + 0xff) {
		hypervisor_leaf(leaf, out);
		return;
	}
	cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]);
	if (leaf >= 0x80000000)
		extended_leaf(leaf, out);
	else
		basic_leaf(leaf, subleaf, out);
	if (irqchip)
		show_apic(leaf, out);
}

/**
 * vtr_cpuid_default() - what CPUID answers if the program has set no table
 * @irqchip: the VM has interrupt controllers in the module
 * @leaf: EAX
 * @subleaf: ECX
 * @out: EAX, EBX, ECX, EDX, for the only processor of a VM, with APIC id 0
 */
void vtr_cpuid_default(bool irqchip, u32 leaf, u32 subleaf, u32 out[4])
{
	static const struct topology alone = { .nr = 1 };

	get_default(irqchip, leaf, subleaf, out);
	if (has_topology(leaf, irqchip))
		fill_topology(leaf, subleaf, &alone, out);
}

/* Leaves that the default answers, and those of them that have subleaves. */
static const struct {
	u32 leaf;
	bool has_subleaves;
	u32 subleaf;
	bool of_irqchip;
} default_leaves[] = {
	{ 0 }, { 1 }, { 2 }, { 4, true, 0 }, { 4, true, 1 }, { 4, true, 2 }, { 4, true, 3 },
	{ 6, .of_irqchip = true }, { 7, true, 0 }, { TOPOLOGY_LEAF, .of_irqchip = true },
	{ 0x15 }, { 0x16 }, { TOPOLOGY_LEAF_2, .of_irqchip = true },
	{ HYPERVISOR_LEAF }, { HYPERVISOR_LEAF + 1 }, { HYPERVISOR_LEAF + 0x10 },
	{ 0x80000000 }, { 0x80000001 }, { 0x80000002 }, { 0x80000003 }, { 0x80000004 },
	{ 0x80000006 }, { 0x80000007 }, { 0x80000008 },
};

static bool is_listed(unsigned int row, bool irqchip)
{
	if (default_leaves[row].leaf == TOPOLOGY_LEAF_2)
		return has_topology(TOPOLOGY_LEAF_2, irqchip);
	return irqchip || !default_leaves[row].of_irqchip;
}

static void fill_entry(unsigned int row, bool irqchip, struct vtr_cpuid_entry *entry)
{
	u32 out[4];

	*entry = (struct vtr_cpuid_entry) {
		.leaf = default_leaves[row].leaf, .subleaf = default_leaves[row].subleaf,
		.flags = default_leaves[row].has_subleaves ? VTR_CPUID_SUBLEAF : 0,
	};
	if (has_topology(entry->leaf, irqchip))
		entry->flags |= VTR_CPUID_TOPOLOGY;
	vtr_cpuid_default(irqchip, entry->leaf, entry->subleaf, out);
	entry->eax = out[0];
	entry->ebx = out[1];
	entry->ecx = out[2];
	entry->edx = out[3];
}

/* Entry @index of the default as a table.  Return: false past the end. */
bool vtr_cpuid_default_entry(bool irqchip, unsigned int index, struct vtr_cpuid_entry *entry)
{
	for (unsigned int row = 0; row < ARRAY_SIZE(default_leaves); row++) {
		if (!is_listed(row, irqchip) || index--)
			continue;
		fill_entry(row, irqchip, entry);
		return true;
	}
	return false;
}

/* The default tells the rate of the counter that this vCPU really has. */
static void fill_rate(struct vtr_vcpu *vcpu, u32 leaf, u32 out[4])
{
	switch (leaf) {
	case 0x15:
		out[1] = vcpu->tsc_khz;
		break;
	case 0x16:
		out[0] = out[1] = vcpu->tsc_khz / 1000;
		break;
	case HYPERVISOR_LEAF + 0x10:
		out[0] = vcpu->tsc_khz;
		break;
	}
}

/* ---- a vCPU's answer ------------------------------------------------------------ */

/* Its APIC id, and, as on a processor, no APIC as long as IA32_APIC_BASE switches it off. */
static void fill_own(const struct vtr_vcpu *vcpu, u32 leaf, u32 out[4])
{
	if (leaf == 1) {
		out[1] = (out[1] & 0x00ffffff) | vcpu->apic_id << 24;
		if (vcpu->vm->irqchip && !vtr_lapic_on(&vcpu->lapic))
			out[3] &= ~F(APIC);
	} else if ((leaf == TOPOLOGY_LEAF || leaf == TOPOLOGY_LEAF_2) && out[1]) {
		out[3] = vcpu->apic_id;
	}
}

/**
 * vtr_cpuid() - answer CPUID
 * @vcpu: who asks
 * @leaf: EAX
 * @subleaf: ECX
 * @out: EAX, EBX, ECX, EDX
 */
void vtr_cpuid(struct vtr_vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4])
{
	const struct topology t = topology_of(vcpu);
	bool irqchip = vcpu->vm->irqchip, topology;

	if (!vtr_policy_cpuid(vcpu->vm, leaf, subleaf, out, &topology)) {
		get_default(irqchip, leaf, subleaf, out);
		fill_rate(vcpu, leaf, out);
		topology = has_topology(leaf, irqchip);
	}
	if (topology)
		fill_topology(leaf, subleaf, &t, out);
	fill_own(vcpu, leaf, out);
}
