// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lab 4: the twelve valid states.
 *
 * lab4_make_state() takes the VMCS of a running guest and gives it another guest
 * state and, where a state asks for it, other controls.  The numbers in it
 * (addresses, selectors, vectors, how many MSRs) follow from @values.  Called by
 * hook.c.  Read next: break.c, mend.c.
 *
 * The guest is small: labs/4/guests/carrier.S has filled the page at CODE with
 * CPUID instructions, which exit in every mode, and has built page tables.  GDT and
 * IDT are empty, so an injected event ends in an exit while it is delivered: all
 * exceptions exit.
 */
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "../../vmx/check_rules.h"
#include "lab4.h"

/* Guest-physical, and linear wherever there is paging: carrier.S. */
#define CODE		0x10000
#define TABLES		0x11000		/* PML4 */
#define PAE_DIRECTORY	0x13000
#define PAE_TABLES	0x14000		/* unused: the PDPTEs are in the VMCS */

/* In the page that hook.c gives. */
#define AREA_LOAD	0x100
#define AREA_STORE	0x200

const char * const lab4_state_names[LAB4_NR_STATES] = {
	[LAB4_REAL]	 = "real",
	[LAB4_PROTECTED] = "protected",
	[LAB4_PAE]	 = "pae",
	[LAB4_V86]	 = "v86",
	[LAB4_LONG]	 = "long",
	[LAB4_USER]	 = "user",
	[LAB4_EXCEPTION] = "exception",
	[LAB4_INTERRUPT] = "interrupt",
	[LAB4_NMI]	 = "nmi",
	[LAB4_AREAS]	 = "areas",
	[LAB4_APIC]	 = "apic",
	[LAB4_HOST]	 = "host",
};

/* ---- what they have in common ----------------------------------------------------------- */

enum segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR };

static void set_segment(struct vmx_entry_state *s, enum segment seg, u16 selector, u64 base,
			u32 limit, u32 rights)
{
	s->field[VMX_PLACE_GUEST_ES_SELECTOR + seg] = selector;
	s->field[VMX_PLACE_GUEST_ES_BASE + seg] = base;
	s->field[VMX_PLACE_GUEST_ES_LIMIT + seg] = limit;
	s->field[VMX_PLACE_GUEST_ES_AR_BYTES + seg] = rights;
}

static void set_flat(struct vmx_entry_state *s, u16 code, u16 data, u32 code_rights,
		     u32 data_rights)
{
	for (enum segment seg = SEG_ES; seg <= SEG_GS; seg++)
		set_segment(s, seg, data, 0, ~0u, data_rights);
	set_segment(s, SEG_CS, code, 0, ~0u, code_rights);
}

/* As real mode and virtual-8086 mode have it: the base is the selector times 16. */
static void set_by_paragraphs(struct vmx_entry_state *s, u16 data, u32 code_rights,
			      u32 data_rights)
{
	for (enum segment seg = SEG_ES; seg <= SEG_GS; seg++)
		set_segment(s, seg, data, (u64)data << 4, 0xffff, data_rights);
	set_segment(s, SEG_CS, CODE >> 4, CODE, 0xffff, code_rights);
}

#define CR0_ALWAYS	((u64)X86_CR0_NE | X86_CR0_ET)

static void set_common(struct vmx_entry_state *s, u32 values)
{
	set_segment(s, SEG_LDTR, 0, 0, 0, BIT(16) | 0x82);
	set_segment(s, SEG_TR, 0x28, 0x15000, 0xfff, 0x8b);
	FIELD(s, GUEST_GDTR_BASE) = 0x16000;
	FIELD(s, GUEST_GDTR_LIMIT) = 0;
	FIELD(s, GUEST_IDTR_BASE) = 0x16800;
	FIELD(s, GUEST_IDTR_LIMIT) = 0;
	FIELD(s, GUEST_CR0) = CR0_ALWAYS | X86_CR0_PE;
	FIELD(s, GUEST_CR3) = TABLES;
	FIELD(s, GUEST_CR4) = X86_CR4_VMXE;
	FIELD(s, GUEST_IA32_EFER) = 0;
	FIELD(s, GUEST_RIP) = CODE + (values & 0x1fe);
	FIELD(s, GUEST_RSP) = 0x18000 + (values >> 8 & 0xff0);
	FIELD(s, GUEST_RFLAGS) = X86_EFLAGS_FIXED;
	FIELD(s, GUEST_DR7) = 0x400;
	FIELD(s, GUEST_SYSENTER_ESP) = 0x17000;
	FIELD(s, GUEST_SYSENTER_EIP) = CODE;
	FIELD(s, GUEST_INTERRUPTIBILITY_INFO) = 0;
	FIELD(s, GUEST_ACTIVITY_STATE) = 0;
	FIELD(s, GUEST_PENDING_DBG_EXCEPTIONS) = 0;
	FIELD(s, VM_ENTRY_INTR_INFO_FIELD) = 0;
	FIELD(s, VM_ENTRY_CONTROLS) &= ~(u64)VMX_ENTRY_CTL_IA32E_MODE;
	FIELD(s, EXCEPTION_BITMAP) = 0xffffffff;
	/* The host's interrupts wait meanwhile: RFLAGS.IF is 0. */
	FIELD(s, PIN_BASED_VM_EXEC_CONTROL) &= ~(u64)VMX_PIN_EXT_INTR_EXITING;
}

static void set_long(struct vmx_entry_state *s)
{
	FIELD(s, GUEST_CR0) = CR0_ALWAYS | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG;
	FIELD(s, GUEST_CR4) |= X86_CR4_PAE;
	FIELD(s, GUEST_IA32_EFER) = EFER_SCE | EFER_LME | EFER_LMA;
	FIELD(s, VM_ENTRY_CONTROLS) |= VMX_ENTRY_CTL_IA32E_MODE;
	set_flat(s, 8, 0x10, 0xa09b, 0xc093);
}

/* ---- modes -------------------------------------------------------------------------- */

/* Real mode, which only an unrestricted guest can be entered in. */
static void make_real(struct vmx_entry_state *s, u32 values)
{
	FIELD(s, GUEST_CR0) = CR0_ALWAYS;
	FIELD(s, GUEST_RIP) -= CODE;
	set_by_paragraphs(s, 0x1000 + (values >> 4 & 0xf00), 0x9b, 0x93);
}

/* 32-bit code without paging. */
static void make_protected(struct vmx_entry_state *s, u32 values)
{
	u16 first = 8 + (values >> 3 & 0xf0);

	set_flat(s, first, first + 8, 0xc09b, 0xc093);
}

/* 32-bit code with PAE paging: with EPT the entry takes the PDPTEs from the VMCS. */
static void make_pae(struct vmx_entry_state *s, u32 values)
{
	make_protected(s, values);
	FIELD(s, GUEST_CR0) |= X86_CR0_WP | X86_CR0_PG;
	FIELD(s, GUEST_CR4) |= X86_CR4_PAE;
	FIELD(s, GUEST_CR3) = PAE_TABLES;
	FIELD(s, GUEST_PDPTR0) = PAE_DIRECTORY | 1;
	FIELD(s, GUEST_PDPTR1) = 0;
	FIELD(s, GUEST_PDPTR2) = 0;
	FIELD(s, GUEST_PDPTR3) = 0;
}

static void make_v86(struct vmx_entry_state *s, u32 values)
{
	FIELD(s, GUEST_RFLAGS) |= X86_EFLAGS_VM;
	FIELD(s, GUEST_RIP) -= CODE;
	set_by_paragraphs(s, 0x1100 + (values >> 4 & 0x7f0), 0xf3, 0xf3);
}

/* 64-bit code at privilege level 3, by a guest that is not unrestricted. */
static void make_user(struct vmx_entry_state *s, u32 values)
{
	u16 first = 0x1b + (values >> 3 & 0xf0);

	set_long(s);
	set_flat(s, first, first + 8, 0xa0fb, 0xc0f3);
	FIELD(s, SECONDARY_VM_EXEC_CONTROL) &= ~(u64)VMX_PROC2_UNRESTRICTED_GUEST;
}

/* ---- events ------------------------------------------------------------------------- */

#define EVENT(type, vector)	(BIT_ULL(31) | (type) << 8 | (vector))
#define EVENT_ERROR_CODE	BIT_ULL(11)

/* 64-bit code; a fault with an error code is delivered by the entry. */
static void make_exception(struct vmx_entry_state *s, u32 values)
{
	static const u8 vectors[] = { X86_TRAP_TS, X86_TRAP_NP, X86_TRAP_SS, X86_TRAP_GP };

	set_long(s);
	FIELD(s, VM_ENTRY_INTR_INFO_FIELD) =
		EVENT(VMX_EVENT_EXCEPTION, vectors[values & 3]) | EVENT_ERROR_CODE;
	FIELD(s, VM_ENTRY_EXCEPTION_ERROR_CODE) = values & 0xfff8;
}

/* 64-bit code that allows interrupts; one is delivered. */
static void make_interrupt(struct vmx_entry_state *s, u32 values)
{
	set_long(s);
	FIELD(s, GUEST_RFLAGS) |= X86_EFLAGS_IF | (values & 1 ? X86_EFLAGS_CF : 0);
	FIELD(s, PIN_BASED_VM_EXEC_CONTROL) |= VMX_PIN_EXT_INTR_EXITING;
	FIELD(s, VM_ENTRY_INTR_INFO_FIELD) =
		EVENT(VMX_EVENT_INTERRUPT, 0x20 + (values >> 5 & 0x7f));
}

/* 64-bit code; an NMI is delivered, NMIs are virtual. */
static void make_nmi(struct vmx_entry_state *s, u32 values)
{
	set_long(s);
	FIELD(s, PIN_BASED_VM_EXEC_CONTROL) |= VMX_PIN_NMI_EXITING | VMX_PIN_VIRTUAL_NMIS;
	FIELD(s, VM_ENTRY_INTR_INFO_FIELD) = EVENT(VMX_EVENT_NMI, X86_TRAP_NMI);
}

/* ---- controls and host state -------------------------------------------------------- */

unsigned int lab4_good_msrs(u32 values)
{
	return 2 + (values >> 9 & 7);
}

/*
 * 64-bit code; the entry loads some MSRs, the exit stores one.  Behind the entries
 * that count lies one that cannot be loaded: IA32_FS_BASE has a field of its own.
 */
static void make_areas(struct vmx_entry_state *s, u32 values, void *page, u64 page_phys)
{
	struct vmx_msr_entry *load = page + AREA_LOAD, *store = page + AREA_STORE;
	unsigned int good = lab4_good_msrs(values);

	set_long(s);
	for (unsigned int i = 0; i < good; i++)
		load[i] = (struct vmx_msr_entry){ .index = MSR_TSC_AUX, .value = values + i };
	load[good].index = MSR_FS_BASE;
	store->index = MSR_TSC_AUX;
	FIELD(s, VM_ENTRY_MSR_LOAD_ADDR) = page_phys + AREA_LOAD;
	FIELD(s, VM_ENTRY_MSR_LOAD_COUNT) = good;
	FIELD(s, VM_EXIT_MSR_STORE_ADDR) = page_phys + AREA_STORE;
	FIELD(s, VM_EXIT_MSR_STORE_COUNT) = 1;
}

/* 64-bit code with a virtual APIC: CR8 and reads of APIC registers need no exit. */
static void make_apic(struct vmx_entry_state *s, u32 values, void *page, u64 page_phys)
{
	unsigned int class = 4 + (values >> 7 & 7);

	set_long(s);
	*(u8 *)(page + APIC_TASKPRI) = class << 4;
	FIELD(s, CPU_BASED_VM_EXEC_CONTROL) |= VMX_PROC_USE_TPR_SHADOW;
	FIELD(s, SECONDARY_VM_EXEC_CONTROL) |= VMX_PROC2_APIC_REGISTER_VIRT;
	FIELD(s, VIRTUAL_APIC_PAGE_ADDR) = page_phys;
	FIELD(s, TPR_THRESHOLD) = class - (values & 3);
}

/**
 * lab4_make_state() - make a valid state of a running guest's
 * @s: in: the VMCS of a guest that runs, out: what is to be entered
 * @state: which
 * @values: numbers in it follow from this
 * @page: memory for what the processor reads beside the VMCS; filled
 * @page_phys: its physical address
 */
void lab4_make_state(struct vmx_entry_state *s, enum lab4_state state, u32 values, void *page,
		     u64 page_phys)
{
	memset(page, 0, PAGE_SIZE);
	set_common(s, values);
	switch (state) {
	case LAB4_REAL:
		make_real(s, values);
		break;
	case LAB4_PROTECTED:
		make_protected(s, values);
		break;
	case LAB4_PAE:
		make_pae(s, values);
		break;
	case LAB4_V86:
		make_v86(s, values);
		break;
	case LAB4_USER:
		make_user(s, values);
		break;
	case LAB4_EXCEPTION:
		make_exception(s, values);
		break;
	case LAB4_INTERRUPT:
		make_interrupt(s, values);
		break;
	case LAB4_NMI:
		make_nmi(s, values);
		break;
	case LAB4_AREAS:
		make_areas(s, values, page, page_phys);
		break;
	case LAB4_APIC:
		make_apic(s, values, page, page_phys);
		break;
	default:	/* LONG, HOST: 64-bit code at privilege level 0 */
		set_long(s);
		break;
	}
}
