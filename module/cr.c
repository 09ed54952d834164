// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control registers and EFER: what a write may do, and what else it changes.
 *
 * A guest's MOV to CR0, CR4 or CR8 exits when it touches a bit that the back
 * end watches; the checks of the architecture are done here, once for all back
 * ends, and the outcome (new value, long mode on or off, PAE entries loaded)
 * is handed down.  A refused write is a #GP in the guest.
 * Called by module/handle.c and module/msr.c.
 * Sources: SDM 3A "Control Registers" (2.5), "Paging-Mode Enabling" (4.1.2),
 * "Extended Feature Enable Register" (2.2.1).
 */
#include <linux/errno.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "irqchip.h"

#define CR0_KNOWN (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | \
		   X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

#define CR4_ALWAYS (X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | \
		    X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

/* CR4 bits that go with features that module/cpuid.c shows. */
static u64 legal_cr4(struct vtr_vcpu *vcpu)
{
	u64 legal = CR4_ALWAYS;
	u32 out[4];

	vtr_cpuid(vcpu, 7, 0, out);
	if (out[1] & BIT(X86_FEATURE_FSGSBASE & 31))
		legal |= X86_CR4_FSGSBASE;
	if (out[1] & BIT(X86_FEATURE_SMEP & 31))
		legal |= X86_CR4_SMEP;
	if (out[1] & BIT(X86_FEATURE_SMAP & 31))
		legal |= X86_CR4_SMAP;
	return legal;
}

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

/*
 * In PAE paging the processor holds the four top entries in registers and
 * checks them when they are loaded: SDM 3A "PDPTE Registers" (4.4.1).
 * Sleeps: it reads guest memory.
 */
static int load_pdptrs(struct vtr_vcpu *vcpu, u64 cr3)
{
	u64 reserved = GENMASK_ULL(63, vtr_backend->info.gpa_bits) |
		       GENMASK_ULL(8, 5) | GENMASK_ULL(2, 1);
	u64 pdpte[4];

	if (vtr_mem_read(vcpu->vm, cr3 & GENMASK_ULL(31, 5), pdpte, sizeof(pdpte)))
		return -EINVAL;
	for (unsigned int i = 0; i < 4; i++)
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			return -EINVAL;
	preempt_disable();
	vtr_backend->load_pdptrs(vcpu, pdpte);
	preempt_enable();
	return 0;
}

/* After SET_STATE.  Entries that no processor takes make the entry fail, aloud. */
void vtr_cr_reload_pdptrs(struct vtr_vcpu *vcpu, const struct vtr_sregs *s)
{
	if (pae_paging(s->cr0, s->cr4, s->efer))
		load_pdptrs(vcpu, s->cr3);
}

static void get_sregs(struct vtr_vcpu *vcpu, struct vtr_sregs *s)
{
	preempt_disable();
	vtr_backend->get_sregs(vcpu, s);
	preempt_enable();
}

static void set_cr(struct vtr_vcpu *vcpu, unsigned int nr, u64 value)
{
	preempt_disable();
	vtr_backend->set_cr(vcpu, nr, value);
	preempt_enable();
}

static bool in_64bit_code(const struct vtr_sregs *s)
{
	return (s->efer & EFER_LMA) && (s->seg[VTR_CS].attributes & BIT(9));
}

/* Does the vCPU execute 64-bit code?  Context: vCPU mutex held, loaded. */
bool vtr_in_64bit_code(struct vtr_vcpu *vcpu)
{
	struct vtr_sregs s;

	get_sregs(vcpu, &s);
	return in_64bit_code(&s);
}

static int check_cr0(const struct vtr_sregs *s, u64 value)
{
	bool paging_starts = (value & X86_CR0_PG) && !(s->cr0 & X86_CR0_PG);
	bool paging_ends = !(value & X86_CR0_PG) && (s->cr0 & X86_CR0_PG);

	if (value >> 32)
		return -EINVAL;
	if ((value & X86_CR0_PG) && !(value & X86_CR0_PE))
		return -EINVAL;
	if ((value & X86_CR0_NW) && !(value & X86_CR0_CD))
		return -EINVAL;
	if (paging_starts && (s->efer & EFER_LME) &&
	    (!(s->cr4 & X86_CR4_PAE) || (s->seg[VTR_CS].attributes & BIT(9))))
		return -EINVAL;
	return paging_ends && in_64bit_code(s) ? -EINVAL : 0;
}

static int mov_to_cr0(struct vtr_vcpu *vcpu, u64 value)
{
	struct vtr_sregs s;
	u64 efer;

	get_sregs(vcpu, &s);
	value = (value & ~0xffffffffULL) | (value & CR0_KNOWN) | X86_CR0_ET;
	if (check_cr0(&s, value))
		return -EINVAL;

	/* Long mode is on exactly while it is enabled and paging is on. */
	efer = s.efer & ~EFER_LMA;
	if ((value & X86_CR0_PG) && (efer & EFER_LME))
		efer |= EFER_LMA;
	if (pae_paging(value, s.cr4, efer) && !pae_paging(s.cr0, s.cr4, s.efer) &&
	    load_pdptrs(vcpu, s.cr3))
		return -EINVAL;

	preempt_disable();
	vtr_backend->set_cr(vcpu, 0, value);
	if (efer != s.efer)
		vtr_backend->set_efer(vcpu, efer);
	preempt_enable();
	return 0;
}

static int mov_to_cr3(struct vtr_vcpu *vcpu, u64 value)
{
	struct vtr_sregs s;

	get_sregs(vcpu, &s);
	if (!(s.efer & EFER_LMA))
		value &= 0xffffffffULL;
	else if (value & GENMASK_ULL(63, vtr_backend->info.gpa_bits))
		return -EINVAL;
	if (pae_paging(s.cr0, s.cr4, s.efer) && load_pdptrs(vcpu, value))
		return -EINVAL;
	set_cr(vcpu, 3, value);
	return 0;
}

static int mov_to_cr4(struct vtr_vcpu *vcpu, u64 value)
{
	const u64 reload = X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP;
	struct vtr_sregs s;

	get_sregs(vcpu, &s);
	if (value & ~legal_cr4(vcpu))
		return -EINVAL;
	if ((s.efer & EFER_LMA) && !(value & X86_CR4_PAE))
		return -EINVAL;
	if (pae_paging(s.cr0, value, s.efer) && ((value ^ s.cr4) & reload) &&
	    load_pdptrs(vcpu, s.cr3))
		return -EINVAL;
	set_cr(vcpu, 4, value);
	return 0;
}

/**
 * vtr_cr_write() - the guest's MOV to a control register
 * @vcpu: the vCPU, its mutex held, loaded
 * @nr: 0, 3, 4 or 8
 * @value: operand
 *
 * Context: process; sleeps (PAE entries are read from guest memory).
 * Return: 0, or -EINVAL: the guest gets #GP and nothing has changed.
 */
int vtr_cr_write(struct vtr_vcpu *vcpu, unsigned int nr, u64 value)
{
	switch (nr) {
	case 0:
		return mov_to_cr0(vcpu, value);
	case 3:
		return mov_to_cr3(vcpu, value);
	case 4:
		return mov_to_cr4(vcpu, value);
	case 8:
		if (value >> 4)
			return -EINVAL;
		vcpu->cr8 = value;
		vtr_irqchip_set_tpr(vcpu);
		return 0;
	default:
		return -EINVAL;
	}
}

/* The guest's WRMSR to EFER.  Context: preemption off.  Return: 0 or -EINVAL. */
int vtr_efer_write(struct vtr_vcpu *vcpu, u64 value)
{
	struct vtr_sregs s;

	vtr_backend->get_sregs(vcpu, &s);
	if (value & ~EFER_KNOWN)
		return -EINVAL;
	if (((value ^ s.efer) & EFER_LME) && (s.cr0 & X86_CR0_PG))
		return -EINVAL;
	/* LMA is the processor's: writes to it are ignored. */
	vtr_backend->set_efer(vcpu, (value & ~EFER_LMA) | (s.efer & EFER_LMA));
	return 0;
}
