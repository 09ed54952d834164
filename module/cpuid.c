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
		/* Family, model, stepping; one logical processor. */
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
		out[1] &= LEAF7_EBX;
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

/**
 * vtr_cpuid_default() - what CPUID answers if the program has set no table
 * @leaf: EAX
 * @subleaf: ECX
 * @out: EAX, EBX, ECX, EDX
 */
void vtr_cpuid_default(u32 leaf, u32 subleaf, u32 out[4])
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
}

/* Leaves that the default answers, and those of them that have subleaves. */
static const struct {
	u32 leaf;
	bool has_subleaves;
	u32 subleaf;
} default_leaves[] = {
	{ 0 }, { 1 }, { 2 }, { 4, true, 0 }, { 4, true, 1 }, { 4, true, 2 }, { 4, true, 3 },
	{ 7, true, 0 }, { 0x15 }, { 0x16 },
	{ HYPERVISOR_LEAF }, { HYPERVISOR_LEAF + 1 }, { HYPERVISOR_LEAF + 0x10 },
	{ 0x80000000 }, { 0x80000001 }, { 0x80000002 }, { 0x80000003 }, { 0x80000004 },
	{ 0x80000006 }, { 0x80000007 }, { 0x80000008 },
};

/* Entry @index of the default as a table.  Return: false past the end. */
bool vtr_cpuid_default_entry(unsigned int index, struct vtr_cpuid_entry *entry)
{
	u32 out[4];

	if (index >= ARRAY_SIZE(default_leaves))
		return false;
	*entry = (struct vtr_cpuid_entry) {
		.leaf = default_leaves[index].leaf, .subleaf = default_leaves[index].subleaf,
		.flags = default_leaves[index].has_subleaves ? VTR_CPUID_SUBLEAF : 0,
	};
	vtr_cpuid_default(entry->leaf, entry->subleaf, out);
	entry->eax = out[0];
	entry->ebx = out[1];
	entry->ecx = out[2];
	entry->edx = out[3];
	return true;
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

/* A local APIC, x2APIC mode, a timer with deadlines that goes on in each state. */
static void show_apic(u32 leaf, u32 out[4])
{
	switch (leaf) {
	case 1:
		out[2] |= F(X2APIC) | F(TSC_DEADLINE_TIMER);
		out[3] |= F(APIC);
		break;
	case 6:
		out[0] |= F(ARAT);
		break;
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
	if (!vtr_policy_cpuid(vcpu->vm, leaf, subleaf, out)) {
		vtr_cpuid_default(leaf, subleaf, out);
		fill_rate(vcpu, leaf, out);
		if (vcpu->vm->irqchip)
			show_apic(leaf, out);
	}
	/* APIC ids are the vCPU's own; levels of topology only a program's table has. */
	if (leaf == 1)
		out[1] = (out[1] & 0x00ffffff) | vcpu->apic_id << 24;
	else if ((leaf == 0xb || leaf == 0x1f) && out[1])
		out[3] = vcpu->apic_id;
}
