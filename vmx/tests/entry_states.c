// SPDX-License-Identifier: GPL-2.0-only
/*
 * Valid states for VM entry, made by hand; and the cases of rule_cases.def as a
 * table.
 *
 * Pure C.  Called by check_kunit.c and entry_hook.c.  The guest states are as
 * small as the rules allow; nothing in them is executed: whoever enters them
 * sees to it that the guest is left at once.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../check_rules.h"
#include "../describe.h"
#include "entry_states.h"

/* ---- the guest --------------------------------------------------------------------- */

enum segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR };

static void set_segment(struct vmx_entry_state *s, enum segment seg, u16 selector, u64 base,
			u32 limit, u32 rights)
{
	s->field[VMX_PLACE_GUEST_ES_SELECTOR + seg] = selector;
	s->field[VMX_PLACE_GUEST_ES_BASE + seg] = base;
	s->field[VMX_PLACE_GUEST_ES_LIMIT + seg] = limit;
	s->field[VMX_PLACE_GUEST_ES_AR_BYTES + seg] = rights;
}

/* Code and data, base and limit alike; as flat segments are, and those of real mode. */
static void set_six(struct vmx_entry_state *s, u16 code, u16 data, u64 base, u32 limit,
		    u32 code_rights, u32 data_rights)
{
	for (enum segment seg = SEG_ES; seg <= SEG_GS; seg++)
		set_segment(s, seg, data, base, limit, data_rights);
	set_segment(s, SEG_CS, code, base, limit, code_rights);
}

static void set_common(struct vmx_entry_state *s)
{
	set_segment(s, SEG_LDTR, 0, 0, 0, BIT(16) | 0x82);
	set_segment(s, SEG_TR, 0x28, 0x2000, 0xfff, 0x8b);
	FIELD(s, GUEST_GDTR_BASE) = 0x1000;
	FIELD(s, GUEST_GDTR_LIMIT) = 0xff;
	FIELD(s, GUEST_IDTR_BASE) = 0x1800;
	FIELD(s, GUEST_IDTR_LIMIT) = 0x3ff;
	FIELD(s, GUEST_CR3) = 0x3000;
	FIELD(s, GUEST_CR4) = X86_CR4_VMXE;
	FIELD(s, GUEST_RIP) = 0x4000;
	FIELD(s, GUEST_RSP) = 0x5000;
	FIELD(s, GUEST_RFLAGS) = X86_EFLAGS_FIXED;
	FIELD(s, GUEST_DR7) = 0x400;
	FIELD(s, GUEST_IA32_PAT) = 0x0007040600070406ULL;
	FIELD(s, VMCS_LINK_POINTER) = ~0ULL;
}

static void clear_guest(struct vmx_entry_state *s)
{
	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (VMCS_TYPE(vmx_field_info(place)->encoding) == VMCS_TYPE_GUEST)
			s->field[place] = 0;
	FIELD(s, VM_ENTRY_CONTROLS) &= ~(u64)VMX_ENTRY_CTL_IA32E_MODE;
	FIELD(s, VM_ENTRY_INTR_INFO_FIELD) = 0;
}

#define CR0_ALWAYS	((u64)X86_CR0_NE | X86_CR0_ET)

static void set_long(struct vmx_entry_state *s)
{
	FIELD(s, GUEST_CR0) = CR0_ALWAYS | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG;
	FIELD(s, GUEST_CR4) |= X86_CR4_PAE;
	FIELD(s, GUEST_IA32_EFER) = EFER_SCE | EFER_LME | EFER_LMA;
	FIELD(s, VM_ENTRY_CONTROLS) |= VMX_ENTRY_CTL_IA32E_MODE;
}

void vmx_test_guest(struct vmx_entry_state *s, enum vmx_test_mode mode)
{
	clear_guest(s);
	set_common(s);
	switch (mode) {
	case VMX_TEST_REAL:
		FIELD(s, GUEST_CR0) = CR0_ALWAYS;
		set_six(s, 0x100, 0x100, 0x1000, 0xffff, 0x9b, 0x93);
		break;
	case VMX_TEST_V86:
		FIELD(s, GUEST_CR0) = CR0_ALWAYS | X86_CR0_PE;
		FIELD(s, GUEST_RFLAGS) |= X86_EFLAGS_VM;
		set_six(s, 0x100, 0x100, 0x1000, 0xffff, 0xf3, 0xf3);
		break;
	case VMX_TEST_PAE:
		FIELD(s, GUEST_CR0) = CR0_ALWAYS | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG;
		FIELD(s, GUEST_CR4) |= X86_CR4_PAE;
		set_six(s, 8, 0x10, 0, ~0u, 0xc09b, 0xc093);
		break;
	case VMX_TEST_LONG:
		set_long(s);
		set_six(s, 8, 0x10, 0, ~0u, 0xa09b, 0xc093);
		break;
	case VMX_TEST_USER:
		set_long(s);
		set_six(s, 0xb, 0x13, 0, ~0u, 0xa0fb, 0xc0f3);
		break;
	case VMX_TEST_COMPATIBILITY:
		set_long(s);
		set_six(s, 8, 0x10, 0, ~0u, 0xc09b, 0xc093);
		break;
	default:
		FIELD(s, GUEST_CR0) = CR0_ALWAYS | X86_CR0_PE;
		set_six(s, 8, 0x10, 0, ~0u, 0xc09b, 0xc093);
		break;
	}
}

/* ---- host, controls, processor ----------------------------------------------------- */

/* Bits that VMX operation has fixed since its beginning. */
#define PIN_ONES	0x16ull
#define PROC_ONES	0x04006172ull
#define EXIT_ONES	0x00036dfbull
#define ENTRY_ONES	0x000011fbull

static void give_word(struct vmx_entry_caps *caps, enum vtr_vmx_control_word word, u64 must,
		      u64 may)
{
	caps->must[word] = must;
	caps->may[word] = must | may;
}

static u64 defined_bits(enum vtr_vmx_control_word word)
{
	u64 bits = 0;

	for (unsigned int bit = 0; bit < 64; bit++)
		if (vmx_control_name(word, bit))
			bits |= BIT_ULL(bit);
	return bits;
}

/* Everything that the manual knows, but the one bit that completes the exit controls. */
static void give_everything(struct vmx_entry_caps *caps)
{
	give_word(caps, VMX_WORD_PIN, PIN_ONES, defined_bits(VMX_WORD_PIN));
	give_word(caps, VMX_WORD_PROC, PROC_ONES, defined_bits(VMX_WORD_PROC));
	give_word(caps, VMX_WORD_PROC2, 0, defined_bits(VMX_WORD_PROC2));
	give_word(caps, VMX_WORD_PROC3, 0, defined_bits(VMX_WORD_PROC3));
	give_word(caps, VMX_WORD_EXIT, EXIT_ONES,
		  defined_bits(VMX_WORD_EXIT) & ~(u64)VMX_EXIT_CTL_SAVE_PERF_GLOBAL_CTRL);
	give_word(caps, VMX_WORD_EXIT2, 0, defined_bits(VMX_WORD_EXIT2));
	give_word(caps, VMX_WORD_ENTRY, ENTRY_ONES, defined_bits(VMX_WORD_ENTRY));
	caps->cr0_fixed0 = X86_CR0_PE | X86_CR0_NE | X86_CR0_PG;
	caps->cr0_fixed1 = GENMASK_ULL(31, 0);
	caps->cr4_fixed0 = X86_CR4_VMXE;
	caps->cr4_fixed1 = GENMASK_ULL(24, 0);
	caps->misc = GENMASK_ULL(8, 6);
	caps->ept_vpid = defined_bits(VMX_WORD_EPTVPID);
	caps->vmfunc = 1;
	caps->perf_global = GENMASK_ULL(34, 32) | GENMASK_ULL(3, 0);
	caps->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
	caps->revision = 0x12345678;
	caps->phys_bits = 46;
	caps->linear_bits = 48;
	caps->sgx = true;
	caps->rtm = true;
	caps->bus_lock = true;
}

static void set_controls(struct vmx_entry_state *s)
{
	FIELD(s, PIN_BASED_VM_EXEC_CONTROL) = PIN_ONES | VMX_PIN_EXT_INTR_EXITING |
		VMX_PIN_NMI_EXITING | VMX_PIN_VIRTUAL_NMIS | VMX_PIN_PREEMPTION_TIMER;
	FIELD(s, CPU_BASED_VM_EXEC_CONTROL) = PROC_ONES | VMX_PROC_HLT_EXITING |
		VMX_PROC_USE_TSC_OFFSETTING | VMX_PROC_USE_MSR_BITMAPS |
		VMX_PROC_ACTIVATE_SECONDARY;
	FIELD(s, SECONDARY_VM_EXEC_CONTROL) = VMX_PROC2_ENABLE_EPT | VMX_PROC2_ENABLE_VPID |
		VMX_PROC2_UNRESTRICTED_GUEST | VMX_PROC2_ENABLE_RDTSCP;
	FIELD(s, VM_EXIT_CONTROLS) = EXIT_ONES | VMX_EXIT_CTL_HOST_ADDR_SPACE_SIZE |
		VMX_EXIT_CTL_SAVE_DEBUG | VMX_EXIT_CTL_SAVE_PAT | VMX_EXIT_CTL_LOAD_PAT |
		VMX_EXIT_CTL_SAVE_EFER | VMX_EXIT_CTL_LOAD_EFER;
	FIELD(s, VM_ENTRY_CONTROLS) = ENTRY_ONES | VMX_ENTRY_CTL_LOAD_DEBUG |
		VMX_ENTRY_CTL_LOAD_PAT | VMX_ENTRY_CTL_LOAD_EFER;
	FIELD(s, MSR_BITMAP) = 0x6000;
	FIELD(s, EPT_POINTER) = 0x7000 | 3 << 3 | 6;
	FIELD(s, VIRTUAL_PROCESSOR_ID) = 1;
}

#define KERNEL_ADDRESS	0xffffffff81000000ULL

static void set_host(struct vmx_entry_state *s)
{
	FIELD(s, HOST_CR0) = CR0_ALWAYS | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG;
	FIELD(s, HOST_CR3) = 0x8000;
	FIELD(s, HOST_CR4) = X86_CR4_PAE | X86_CR4_VMXE;
	FIELD(s, HOST_CS_SELECTOR) = 0x10;
	FIELD(s, HOST_SS_SELECTOR) = 0x18;
	FIELD(s, HOST_TR_SELECTOR) = 0x40;
	FIELD(s, HOST_GS_BASE) = KERNEL_ADDRESS;
	FIELD(s, HOST_TR_BASE) = KERNEL_ADDRESS;
	FIELD(s, HOST_GDTR_BASE) = KERNEL_ADDRESS;
	FIELD(s, HOST_IDTR_BASE) = KERNEL_ADDRESS;
	FIELD(s, HOST_IA32_SYSENTER_ESP) = KERNEL_ADDRESS;
	FIELD(s, HOST_IA32_SYSENTER_EIP) = KERNEL_ADDRESS;
	FIELD(s, HOST_IA32_PAT) = 0x0007040600070406ULL;
	FIELD(s, HOST_IA32_EFER) = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
	FIELD(s, HOST_RIP) = KERNEL_ADDRESS;
	FIELD(s, HOST_RSP) = KERNEL_ADDRESS;
}

void vmx_test_state(struct vmx_entry_state *s, enum vmx_test_mode mode)
{
	memset(s, 0, sizeof(*s));
	give_everything(&s->caps);
	s->vmcs = 0xa000;
	set_controls(s);
	set_host(s);
	vmx_test_guest(s, mode);
}

/* ---- changes ----------------------------------------------------------------------- */

static void change_one(struct vmx_entry_state *s, const struct vmx_change *change, u64 page)
{
	u64 *field = &s->field[change->place];

	switch (change->kind) {
	case CHANGE_WRITE:
		*field = change->value;
		break;
	case CHANGE_SET:
		*field |= change->value;
		break;
	case CHANGE_CLEAR:
		*field &= ~change->value;
		break;
	case CHANGE_PAGE:
		*field = page + change->value;
		break;
	case CHANGE_TOP:
		*field = BIT_ULL(s->caps.phys_bits) - change->value;
		break;
	case CHANGE_CURRENT:
		*field = s->vmcs;
		break;
	}
}

void vmx_test_change(struct vmx_entry_state *s, const struct vmx_change *changes,
		     unsigned int nr, u64 page)
{
	for (unsigned int i = 0; i < nr; i++)
		change_one(s, &changes[i], page);
}

void vmx_test_case(struct vmx_entry_state *s, const struct vmx_rule_case *c, bool bad, u64 page)
{
	vmx_test_change(s, c->setup, ARRAY_SIZE(c->setup), page);
	vmx_test_change(s, bad ? c->bad : c->good, ARRAY_SIZE(c->bad), page);
}

void vmx_test_fill_page(void *page, const struct vmx_test_memory *memory, u32 revision)
{
	struct vmx_msr_entry *msr = page + VMX_TEST_MSR_OFFSET;

	memset(page, 0, PAGE_SIZE);
	*(u32 *)page = revision ^ memory->revision_xor;
	*(u8 *)(page + VMX_TEST_VTPR_OFFSET) = memory->vtpr;
	for (unsigned int i = 0; i < VMX_TEST_MSRS; i++)
		msr[i].index = MSR_TSC_AUX;
	if (memory->msr.index)
		msr[0] = memory->msr;
}

/* ---- the cases as a table ---------------------------------------------------------- */

static void without_accessed_dirty(struct vmx_entry_caps *caps)
{
	caps->ept_vpid &= ~(u64)VMX_EPTVPID_ACCESSED_DIRTY;
}

static void without_shadow_stack(struct vmx_entry_caps *caps)
{
	caps->ept_vpid &= ~(u64)VMX_EPTVPID_SUPERVISOR_SHADOW_STACK;
}

static void without_monitor_trap_flag(struct vmx_entry_caps *caps)
{
	caps->may[VMX_WORD_PROC] &= ~(u64)VMX_PROC_MONITOR_TRAP_FLAG;
}

static void without_length_0(struct vmx_entry_caps *caps)
{
	caps->misc &= ~BIT_ULL(30);
}

static void without_hlt(struct vmx_entry_caps *caps)
{
	caps->misc &= ~BIT_ULL(6);
}

static void without_sgx(struct vmx_entry_caps *caps)
{
	caps->sgx = false;
}

static void without_rtm(struct vmx_entry_caps *caps)
{
	caps->rtm = false;
}

static void with_x2apic(struct vmx_entry_caps *caps)
{
	caps->x2apic = true;
}

#define W(name, value)		{ VMX_PLACE_##name, CHANGE_WRITE, value }
#define S(name, bits)		{ VMX_PLACE_##name, CHANGE_SET, bits }
#define C(name, bits)		{ VMX_PLACE_##name, CHANGE_CLEAR, bits }
#define P(name, offset)		{ VMX_PLACE_##name, CHANGE_PAGE, offset }
#define TOP(name, bytes)	{ VMX_PLACE_##name, CHANGE_TOP, bytes }
#define CURRENT(name)		{ VMX_PLACE_##name, CHANGE_CURRENT, 0 }
#define EVENT(type, vector)	(BIT(31) | (type) << 8 | (vector))
#define EVENT_ERROR		BIT(11)
#define BOTH_SMM_CONTROLS (VMX_ENTRY_CTL_ENTRY_TO_SMM | VMX_ENTRY_CTL_DEACTIVATE_DUAL_MONITOR)
#define SETUP(...)		.setup = { __VA_ARGS__ }
#define GOOD(...)		.good = { __VA_ARGS__ }
#define BAD(...)		.bad = { __VA_ARGS__ }
#define GOOD_MEMORY(...)	.good_memory = { __VA_ARGS__ }
#define BAD_MEMORY(...)		.bad_memory = { __VA_ARGS__ }

const struct vmx_rule_case vmx_rule_cases[] = {
#define RULE_CASE(rule_, mode_, ...) \
	{ .rule = VMX_RULE_##rule_, .mode = VMX_TEST_##mode_, __VA_ARGS__ },
#include "rule_cases.def"
#undef RULE_CASE
};

const unsigned int vmx_nr_rule_cases = ARRAY_SIZE(vmx_rule_cases);
