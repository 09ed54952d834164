// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state between the VMCS and the neutral structures.
 *
 * Registers, segments, control registers, MSRs: read and written through the
 * back end's table by module/state.c, cr.c, msr.c.  All functions need the VMCS
 * loaded and preemption off.
 * Control registers have two faces: what the guest reads (read shadow for the
 * bits in the guest/host mask, the real value for the others) and what the
 * processor works with: SDM 3C "Guest/Host Masks and Read Shadows for CR0 and
 * CR4" (25.6.6).
 */
#include <linux/errno.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/tlbflush.h>

#include "caps.h"
#include "insn.h"
#include "vmx.h"

/*
 * Bits that the guest may change without an exit: those that mean nothing to
 * anybody else.  CR0.CD and NW are watched, so that no guest turns caches off.
 */
#define CR0_GUEST_OWNED (X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_WP | X86_CR0_AM)
#define CR4_GUEST_OWNED (X86_CR4_PVI | X86_CR4_DE | X86_CR4_PGE | X86_CR4_TSD | \
			 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

/* ---- general registers --------------------------------------------------------------- */

void vmx_get_regs(struct vtr_vcpu *vcpu, struct vtr_regs *regs)
{
	memcpy(regs->gpr, vcpu->gpr, sizeof(regs->gpr));
	regs->gpr[VTR_RSP] = vmcs_readl(VMCS_GUEST_RSP);
	regs->rip = vmcs_readl(VMCS_GUEST_RIP);
	regs->rflags = vmcs_readl(VMCS_GUEST_RFLAGS);
}

void vmx_set_regs(struct vtr_vcpu *vcpu, const struct vtr_regs *regs)
{
	memcpy(vcpu->gpr, regs->gpr, sizeof(regs->gpr));
	vmcs_writel(VMCS_GUEST_RSP, regs->gpr[VTR_RSP]);
	vmcs_writel(VMCS_GUEST_RIP, regs->rip);
	vmcs_writel(VMCS_GUEST_RFLAGS, regs->rflags);
}

/* ---- segments ---------------------------------------------------------------------------- */

/*
 * Access rights in the VMCS have a gap where the neutral format has none, and
 * the "unusable" bit above:
 *
 *	 16       15 14 13 12 11   8 7 6 5 4 3  0
 *	+--------+--+--+--+---+-----+-+---+-+----+
 *	|unusable| G|DB| L|AVL|  0  |P|DPL|S|type|
 *	+--------+--+--+--+---+-----+-+---+-+----+
 */
#define AR_UNUSABLE	BIT(16)

/*
 * From the neutral format to the one above.
 * The other bits of an unusable segment are kept: the DPL of a null SS is the
 * privilege level of 64-bit code, and saved state shall come back unchanged.
 */
static u32 pack_rights(const struct vtr_segment *s)
{
	/* LAB 2.5: return 0; */
	return (s->attributes & 0xff) | (s->attributes & 0xf00) << 4 |
	       (s->unusable ? AR_UNUSABLE : 0);
	/* LAB 2.5 END */
}

static void unpack_rights(struct vtr_segment *s, u32 ar)
{
	s->unusable = !!(ar & AR_UNUSABLE);
	s->attributes = (ar & 0xff) | ((ar >> 4) & 0xf00);
}

struct segment_fields {
	u32 selector, base, limit, rights;
};

#define SEGMENT(name) {								\
	VMCS_GUEST_##name##_SELECTOR, VMCS_GUEST_##name##_BASE,			\
	VMCS_GUEST_##name##_LIMIT, VMCS_GUEST_##name##_AR_BYTES }

static const struct segment_fields segment_fields[VTR_NR_SEGS] = {
	[VTR_ES] = SEGMENT(ES), [VTR_CS] = SEGMENT(CS), [VTR_SS] = SEGMENT(SS),
	[VTR_DS] = SEGMENT(DS), [VTR_FS] = SEGMENT(FS), [VTR_GS] = SEGMENT(GS),
	[VTR_LDTR] = SEGMENT(LDTR), [VTR_TR] = SEGMENT(TR),
};

static void get_segment(unsigned int i, struct vtr_segment *s)
{
	const struct segment_fields *f = &segment_fields[i];

	s->selector = vmcs_read(f->selector);
	s->base = vmcs_read(f->base);
	s->limit = vmcs_read(f->limit);
	unpack_rights(s, vmcs_read(f->rights));
}

static void set_segment(unsigned int i, const struct vtr_segment *s)
{
	const struct segment_fields *f = &segment_fields[i];

	vmcs_write(f->selector, s->selector);
	vmcs_write(f->base, s->base);
	vmcs_write(f->limit, s->limit);
	vmcs_write(f->rights, pack_rights(s));
}

/* ---- control registers -------------------------------------------------------------------- */

static u64 guest_view(u64 real, u64 shadow, u64 owned)
{
	return (real & owned) | (shadow & ~owned);
}

u64 vmx_get_cr(struct vtr_vcpu *vcpu, unsigned int nr)
{
	switch (nr) {
	case 0:
		return guest_view(vmcs_readl(VMCS_GUEST_CR0), vmcs_readl(VMCS_CR0_READ_SHADOW),
				  CR0_GUEST_OWNED);
	case 3:
		return vmcs_readl(VMCS_GUEST_CR3);
	case 4:
		return guest_view(vmcs_readl(VMCS_GUEST_CR4), vmcs_readl(VMCS_CR4_READ_SHADOW),
				  CR4_GUEST_OWNED);
	default:
		return 0;
	}
}

/* SDM 3C "Restrictions on VMX Operation" (24.8): fixed bits of CR0 and CR4. */
void vmx_set_cr(struct vtr_vcpu *vcpu, unsigned int nr, u64 value)
{
	switch (nr) {
	case 0:
		vmcs_writel(VMCS_CR0_GUEST_HOST_MASK, ~(u64)CR0_GUEST_OWNED);
		vmcs_writel(VMCS_CR0_READ_SHADOW, value);
		vmcs_writel(VMCS_GUEST_CR0, (value & ~(u64)(X86_CR0_CD | X86_CR0_NW)) |
			    vmx_caps.cr0_fixed0);
		break;
	case 3:
		vmcs_writel(VMCS_GUEST_CR3, value);
		break;
	case 4:
		vmcs_writel(VMCS_CR4_GUEST_HOST_MASK, ~(u64)CR4_GUEST_OWNED);
		vmcs_writel(VMCS_CR4_READ_SHADOW, value);
		vmcs_writel(VMCS_GUEST_CR4, value | vmx_caps.cr4_fixed0);
		break;
	}
	/* The module did what MOV to CR does: so it has to flush, too. */
	to_vmx(vcpu)->flush_vpid = true;
}

/*
 * The entry control "IA-32e mode guest" must say what EFER.LMA says.  A guest
 * that switches to long mode with a 32-bit TSS in TR keeps it on hardware, but
 * VM entry checks for a 64-bit one, whose type is the same 11 if it is busy.
 */
void vmx_set_efer(struct vtr_vcpu *vcpu, u64 efer)
{
	u32 controls = vmcs_read32(VMCS_VM_ENTRY_CONTROLS) & ~(u32)VMX_ENTRY_CTL_IA32E_MODE;
	u32 tr = vmcs_read32(VMCS_GUEST_TR_AR_BYTES);

	if (efer & EFER_LMA) {
		controls |= VMX_ENTRY_CTL_IA32E_MODE;
		if ((tr & 0xf) != 11)
			vmcs_write32(VMCS_GUEST_TR_AR_BYTES, (tr & ~0xfu) | 11);
	}
	vmcs_write32(VMCS_VM_ENTRY_CONTROLS, controls);
	vmcs_write64(VMCS_GUEST_IA32_EFER, efer);
	to_vmx(vcpu)->flush_vpid = true;
}

void vmx_load_pdptrs(struct vtr_vcpu *vcpu, const u64 pdpte[4])
{
	vmcs_write64(VMCS_GUEST_PDPTR0, pdpte[0]);
	vmcs_write64(VMCS_GUEST_PDPTR1, pdpte[1]);
	vmcs_write64(VMCS_GUEST_PDPTR2, pdpte[2]);
	vmcs_write64(VMCS_GUEST_PDPTR3, pdpte[3]);
}

void vmx_get_sregs(struct vtr_vcpu *vcpu, struct vtr_sregs *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < VTR_NR_SEGS; i++)
		get_segment(i, &s->seg[i]);
	s->gdtr.base = vmcs_readl(VMCS_GUEST_GDTR_BASE);
	s->gdtr.limit = vmcs_read32(VMCS_GUEST_GDTR_LIMIT);
	s->idtr.base = vmcs_readl(VMCS_GUEST_IDTR_BASE);
	s->idtr.limit = vmcs_read32(VMCS_GUEST_IDTR_LIMIT);
	s->cr0 = vmx_get_cr(vcpu, 0);
	s->cr3 = vmx_get_cr(vcpu, 3);
	s->cr4 = vmx_get_cr(vcpu, 4);
	s->efer = vmcs_read64(VMCS_GUEST_IA32_EFER);
}

void vmx_set_sregs(struct vtr_vcpu *vcpu, const struct vtr_sregs *s)
{
	for (unsigned int i = 0; i < VTR_NR_SEGS; i++)
		set_segment(i, &s->seg[i]);
	vmcs_writel(VMCS_GUEST_GDTR_BASE, s->gdtr.base);
	vmcs_write32(VMCS_GUEST_GDTR_LIMIT, s->gdtr.limit);
	vmcs_writel(VMCS_GUEST_IDTR_BASE, s->idtr.base);
	vmcs_write32(VMCS_GUEST_IDTR_LIMIT, s->idtr.limit);
	vmx_set_cr(vcpu, 0, s->cr0);
	vmx_set_cr(vcpu, 3, s->cr3);
	vmx_set_cr(vcpu, 4, s->cr4);
	vmx_set_efer(vcpu, s->efer);
}

/*
 * Could a processor ever hold these?  Only what the module's own bookkeeping
 * relies on: all else is for the processor to judge at the entry, which is what
 * a student wants to see.
 */
int vmx_check_sregs(const struct vtr_sregs *s)
{
	bool lma = s->efer & EFER_LMA;

	if (s->efer & ~(u64)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX))
		return -EINVAL;
	if (lma != ((s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG)))
		return -EINVAL;
	if (lma && !(s->cr4 & X86_CR4_PAE))
		return -EINVAL;
	if (s->cr0 >> 32 || s->cr4 & (X86_CR4_VMXE | X86_CR4_SMXE))
		return -EINVAL;
	return 0;
}

/* ---- MSRs ------------------------------------------------------------------------------------ */

static bool is_canonical(u64 address)
{
	return (s64)(address << 16) >> 16 == (s64)address;
}

static int switched_index(u32 msr)
{
	for (int i = 0; i < VMX_NR_SWITCHED_MSRS; i++)
		if (vmx_switched_msr_index[i] == msr)
			return i == VMX_MSR_TSC_AUX && !vmx_has_rdtscp() ? -ENOENT : i;
	return -ENOENT;
}

int vmx_get_msr(struct vtr_vcpu *vcpu, u32 index, u64 *value)
{
	struct vtr_vmx_vcpu *v = to_vmx(vcpu);
	int i;

	switch (index) {
	case MSR_FS_BASE:
		*value = vmcs_readl(VMCS_GUEST_FS_BASE);
		return 0;
	case MSR_GS_BASE:
		*value = vmcs_readl(VMCS_GUEST_GS_BASE);
		return 0;
	case MSR_IA32_SYSENTER_CS:
		*value = vmcs_read32(VMCS_GUEST_SYSENTER_CS);
		return 0;
	case MSR_IA32_SYSENTER_ESP:
		*value = vmcs_readl(VMCS_GUEST_SYSENTER_ESP);
		return 0;
	case MSR_IA32_SYSENTER_EIP:
		*value = vmcs_readl(VMCS_GUEST_SYSENTER_EIP);
		return 0;
	case MSR_IA32_CR_PAT:
		*value = vmcs_read64(VMCS_GUEST_IA32_PAT);
		return 0;
	}
	i = switched_index(index);
	if (i < 0)
		return i;
	if (v->switched && i == VMX_MSR_KERNEL_GS_BASE)
		rdmsrl(MSR_KERNEL_GS_BASE, v->guest_msr[i]);
	*value = v->guest_msr[i];
	return 0;
}

/* SDM 3A "IA32_PAT MSR": each byte is one of six memory types. */
static bool is_pat(u64 value)
{
	for (unsigned int i = 0; i < 8; i++, value >>= 8) {
		u8 type = value & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static int set_switched(struct vtr_vmx_vcpu *v, u32 index, u64 value)
{
	int i = switched_index(index);

	if (i < 0)
		return i;
	if ((i == VMX_MSR_LSTAR || i == VMX_MSR_CSTAR || i == VMX_MSR_KERNEL_GS_BASE) &&
	    !is_canonical(value))
		return -EINVAL;
	if ((i == VMX_MSR_TSC_AUX || i == VMX_MSR_SYSCALL_MASK) && value >> 32)
		return -EINVAL;
	v->guest_msr[i] = value;
	if (v->switched)
		wrmsrl(index, value);
	return 0;
}

int vmx_set_msr(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	switch (index) {
	case MSR_IA32_SYSENTER_CS:
		vmcs_write32(VMCS_GUEST_SYSENTER_CS, value);
		return 0;
	case MSR_IA32_CR_PAT:
		if (!is_pat(value))
			return -EINVAL;
		vmcs_write64(VMCS_GUEST_IA32_PAT, value);
		return 0;
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		if (!is_canonical(value))
			return -EINVAL;
		break;
	default:
		return set_switched(to_vmx(vcpu), index, value);
	}
	vmcs_write(index == MSR_FS_BASE ? VMCS_GUEST_FS_BASE :
		   index == MSR_GS_BASE ? VMCS_GUEST_GS_BASE :
		   index == MSR_IA32_SYSENTER_ESP ? VMCS_GUEST_SYSENTER_ESP :
		   VMCS_GUEST_SYSENTER_EIP, value);
	return 0;
}

/* ---- the rest ---------------------------------------------------------------------------- */

u64 vmx_get_dr7(struct vtr_vcpu *vcpu)
{
	return vmcs_readl(VMCS_GUEST_DR7);
}

void vmx_set_dr7(struct vtr_vcpu *vcpu, u64 dr7)
{
	vmcs_writel(VMCS_GUEST_DR7, dr7);
}

u64 vmx_get_tsc_offset(struct vtr_vcpu *vcpu)
{
	return vmcs_read64(VMCS_TSC_OFFSET);
}

void vmx_set_tsc_ratio(struct vtr_vcpu *vcpu, u64 ratio)
{
	vmcs_write64(VMCS_TSC_MULTIPLIER, ratio);
}

void vmx_set_tsc_offset(struct vtr_vcpu *vcpu, u64 offset)
{
	vmcs_write64(VMCS_TSC_OFFSET, offset);
}
