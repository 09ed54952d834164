// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry state of a guest in real, protected and long mode.
 *
 * Read boot.h first.  The vCPU comes in its reset state; only what the mode
 * needs is changed, so reset values that nobody cares about stay as they are.
 *
 * Subtle: caching is on (CR0.CD and NW are set after a reset); TR must hold a
 * busy TSS, even if the guest never uses it, because VM entry checks it (SDM
 * 3C "Checks on Guest Segment Registers" (27.3.1.2)).
 */
#include <string.h>

#include "boot.h"

#define CR0_PE		(1ull << 0)
#define CR0_MP		(1ull << 1)
#define CR0_EM		(1ull << 2)
#define CR0_NW		(1ull << 29)
#define CR0_CD		(1ull << 30)
#define CR0_PG		(1ull << 31)
#define CR4_PAE		(1ull << 5)
#define CR4_OSFXSR	(1ull << 9)
#define CR4_OSXMMEXCPT	(1ull << 10)
#define EFER_LME	(1ull << 8)
#define EFER_LMA	(1ull << 10)
#define RFLAGS_FIXED	(1ull << 1)

/* Attributes in the neutral segment format of the ABI. */
#define SEG_CODE32	0xc9b
#define SEG_CODE64	0xa9b
#define SEG_DATA32	0xc93
#define SEG_CODE16	0x09b
#define SEG_DATA16	0x093
#define SEG_TSS_BUSY	0x08b

/* Selectors: index in the descriptor table times 8. */
#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE64	0x18
#define SEL_TSS		0x20
/* Linux wants these two the other way round. */
#define SEL_LINUX_CODE	0x10
#define SEL_LINUX_DATA	0x18

#define PTE_PRESENT	(1ull << 0)
#define PTE_WRITE	(1ull << 1)
#define PTE_LARGE	(1ull << 7)
#define ENTRIES		512

/*
 * Descriptors in memory for a guest that reloads its segment registers.  The
 * TSS is available, not busy, so that LTR takes it.
 */
static int write_gdt(const struct loader *loader)
{
	uint64_t gdt[] = {
		0,
		0x00cf9b000000ffff,	/* 32-bit code */
		0x00cf93000000ffff,	/* data */
		0x00af9b000000ffff,	/* 64-bit code */
		0x0000890000000067,	/* TSS at 0 */
		0,
	};

	if (loader->format == FORMAT_LINUX) {
		uint64_t data = gdt[SEL_DATA / 8];
		unsigned int code = loader->mode == MODE_LONG ? SEL_CODE64 : SEL_CODE32;

		gdt[SEL_LINUX_CODE / 8] = gdt[code / 8];
		gdt[SEL_LINUX_DATA / 8] = data;
	}
	return guest_mem_write(loader->mem, loader->boot_area + BOOT_GDT, gdt,
			       sizeof(gdt));
}

static int write_directory(const struct loader *loader, unsigned int gib)
{
	uint64_t table[ENTRIES];

	for (unsigned int i = 0; i < ENTRIES; i++)
		table[i] = ((uint64_t)gib << 30) | ((uint64_t)i << 21) |
			   PTE_LARGE | PTE_WRITE | PTE_PRESENT;
	return guest_mem_write(loader->mem, loader->boot_area + BOOT_PD +
			       gib * GUEST_PAGE_BYTES, table, sizeof(table));
}

/* Identity map in 2 MiB pages: one PML4 entry, one directory a GiB. */
static int write_page_tables(const struct loader *loader)
{
	uint64_t base = loader->boot_area;
	uint64_t pml4e = (base + BOOT_PDPT) | PTE_WRITE | PTE_PRESENT;
	int ret = guest_mem_write(loader->mem, base + BOOT_PML4, &pml4e,
				  sizeof(pml4e));

	for (unsigned int gib = 0; !ret && gib < loader->identity_gib; gib++) {
		uint64_t pdpte = (base + BOOT_PD + gib * GUEST_PAGE_BYTES) |
				 PTE_WRITE | PTE_PRESENT;

		ret = guest_mem_write(loader->mem,
				      base + BOOT_PDPT + gib * sizeof(pdpte),
				      &pdpte, sizeof(pdpte));
		if (!ret)
			ret = write_directory(loader, gib);
	}
	return ret;
}

int boot_prepare(const struct loader *loader)
{
	int ret;

	if (loader->mode == MODE_REAL)
		return 0;
	ret = write_gdt(loader);
	if (!ret && loader->mode == MODE_LONG)
		ret = write_page_tables(loader);
	return ret;
}

static struct vtr_segment flat_segment(uint16_t selector, uint16_t attributes)
{
	return (struct vtr_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.attributes = attributes,
	};
}

static void set_data_segments(struct vtr_sregs *sregs,
			      const struct vtr_segment *segment)
{
	static const enum vtr_seg data[] = {
		VTR_ES, VTR_SS, VTR_DS, VTR_FS, VTR_GS
	};

	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		sregs->seg[data[i]] = *segment;
}

/* Below 64 KiB CS is 0; above it the selector is chosen so that IP < 16. */
static void real_mode(const struct loader *loader, struct vtr_sregs *sregs,
		      struct vtr_regs *regs)
{
	struct vtr_segment data = {
		.limit = 0xffff,
		.attributes = SEG_DATA16,
	};
	uint16_t selector = 0;

	if (loader->entry > 0xffff)
		selector = loader->entry >> 4;
	set_data_segments(sregs, &data);
	sregs->seg[VTR_CS] = (struct vtr_segment){
		.base = (uint64_t)selector << 4,
		.limit = 0xffff,
		.selector = selector,
		.attributes = SEG_CODE16,
	};
	regs->rip = loader->entry - ((uint64_t)selector << 4);
}

static void protected_mode(const struct loader *loader,
			   struct vtr_sregs *sregs, struct vtr_regs *regs)
{
	bool is_long = loader->mode == MODE_LONG;
	bool is_linux = loader->format == FORMAT_LINUX;
	struct vtr_segment data = flat_segment(is_linux ? SEL_LINUX_DATA : SEL_DATA,
					       SEG_DATA32);
	uint16_t code = is_linux ? SEL_LINUX_CODE : is_long ? SEL_CODE64 : SEL_CODE32;

	set_data_segments(sregs, &data);
	sregs->seg[VTR_CS] = flat_segment(code, is_long ? SEG_CODE64 : SEG_CODE32);
	sregs->seg[VTR_TR] = (struct vtr_segment){
		.limit = 0x67,
		.selector = SEL_TSS,
		.attributes = SEG_TSS_BUSY,
	};
	sregs->seg[VTR_LDTR] = (struct vtr_segment){ .unusable = 1 };
	sregs->gdtr = (struct vtr_table_register){
		.base = loader->boot_area + BOOT_GDT,
		.limit = 6 * 8 - 1,
	};
	sregs->idtr = (struct vtr_table_register){ 0 };
	sregs->cr0 |= CR0_PE;
	regs->rip = loader->entry;
	regs->gpr[VTR_RSI] = loader->esi;
}

/* SSE is on in long mode: every x86-64 compiler takes it for granted. */
static void long_mode(const struct loader *loader, struct vtr_sregs *sregs)
{
	sregs->cr0 |= CR0_PG | CR0_MP;
	sregs->cr4 |= CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	sregs->efer |= EFER_LME | EFER_LMA;
	sregs->cr3 = loader->boot_area + BOOT_PML4;
}

void boot_state(const struct loader *loader, uint32_t id, struct vtr_sregs *sregs,
		struct vtr_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	regs->rflags = RFLAGS_FIXED;
	regs->gpr[VTR_RAX] = loader->eax;
	regs->gpr[VTR_RBX] = loader->ebx;
	regs->gpr[VTR_RDI] = id;
	sregs->cr0 &= ~(CR0_CD | CR0_NW | CR0_EM);
	if (loader->mode == MODE_REAL) {
		real_mode(loader, sregs, regs);
		return;
	}
	protected_mode(loader, sregs, regs);
	if (loader->mode == MODE_LONG)
		long_mode(loader, sregs);
	/* One small stack, for the first vCPU; the others bring their own. */
	if (id == 0)
		regs->gpr[VTR_RSP] = loader->boot_area + BOOT_STACK_TOP;
}

int boot_vcpu(const struct loader *loader, struct vtr_vcpu *vcpu)
{
	struct vtr_sregs sregs;
	struct vtr_regs regs;
	int ret = vtr_get_sregs(vcpu, &sregs);

	if (ret)
		return ret;
	boot_state(loader, vtr_vcpu_id(vcpu), &sregs, &regs);
	ret = vtr_set_sregs(vcpu, &sregs);
	if (!ret)
		ret = vtr_set_regs(vcpu, &regs);
	return ret;
}
