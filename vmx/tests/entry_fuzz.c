// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random states for VM entry that are safe to try on the machine one works on.
 *
 * A mode, then one to three changes: a guest field, a control, the event, an MSR
 * area, or a case of rule_cases.def.  Host state is changed by those cases only:
 * they must fail, so no exit ever loads it.  What could enter is kept harmless by
 * make_safe(): the guest is left before its first instruction, memory that the
 * processor may touch is the tests' page, and what an exit must load for the host
 * stays loaded.  The same seed gives the same state on the same processor.
 * Called by vmx/tests/entry_hook.c.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "../check_rules.h"
#include "../describe.h"
#include "entry_fuzz.h"
#include "entry_states.h"

/* ---- random numbers ---------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014): one multiplication chain, any seed. */
static u64 next(u64 *rng)
{
	u64 z = *rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static unsigned int below(u64 *rng, unsigned int n)
{
	return (next(rng) >> 32) % n;
}

static bool one_in(u64 *rng, unsigned int n)
{
	return !below(rng, n);
}

/* ---- one change -------------------------------------------------------------------- */

static void flip(u64 *rng, u64 *field, unsigned int bits)
{
	*field ^= BIT_ULL(below(rng, bits));
}

static u64 interesting(u64 *rng, unsigned int bits)
{
	static const u64 values[] = {
		0, 1, 2, 3, 4, 8, 0x10, 0x67, 0x93, 0x9b, 0xf3, 0xff, 0xfff, 0x1000, 0xffff,
		0x10000, 0x82, 0x8b, 0xa09b, 0xc093, 0xc09b, 0x10082, 0xfffff, 0x100000,
		0x7fffffff, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x800000000000,
		0xffff7fffffffffff, 0xffff800000000000, ~0ULL,
	};
	u64 value = one_in(rng, 4) ? next(rng) : values[below(rng, ARRAY_SIZE(values))];

	return value & (~0ULL >> (64 - bits));
}

/* Access rights: rather the bits that mean something than the reserved ones. */
static void change_rights(u64 *rng, u64 *field)
{
	if (one_in(rng, 4))
		flip(rng, field, 32);
	else
		flip(rng, field, 17);
}

static bool is_rights(unsigned int place)
{
	return place >= VMX_PLACE_GUEST_ES_AR_BYTES && place <= VMX_PLACE_GUEST_TR_AR_BYTES;
}

static void change_guest(struct vmx_entry_state *s, u64 *rng)
{
	unsigned int place, bits;

	do {
		place = below(rng, VMX_NR_FIELDS);
	} while (VMCS_TYPE(vmx_field_info(place)->encoding) != VMCS_TYPE_GUEST);
	bits = 8 * vmcs_field_bytes(vmx_field_info(place)->encoding);
	if (is_rights(place))
		change_rights(rng, &s->field[place]);
	else if (one_in(rng, 2))
		flip(rng, &s->field[place], bits);
	else
		s->field[place] = interesting(rng, bits);
}

/* The registers that most rules are about. */
static void change_guest_register(struct vmx_entry_state *s, u64 *rng)
{
	static const u16 places[] = {
		VMX_PLACE_GUEST_CR0, VMX_PLACE_GUEST_CR4, VMX_PLACE_GUEST_RFLAGS,
		VMX_PLACE_GUEST_IA32_EFER, VMX_PLACE_GUEST_INTERRUPTIBILITY_INFO,
		VMX_PLACE_GUEST_PENDING_DBG_EXCEPTIONS, VMX_PLACE_GUEST_ACTIVITY_STATE,
	};
	static const u8 bits[] = { 33, 32, 23, 13, 6, 18, 3 };
	unsigned int i = below(rng, ARRAY_SIZE(places));

	flip(rng, &s->field[places[i]], bits[i]);
}

static void change_event(struct vmx_entry_state *s, u64 *rng)
{
	static const u8 vectors[] = { 0, 1, 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 17, 18, 21, 31,
				      32, 0x80, 255 };
	u32 info = BIT(31) | below(rng, 8) << 8 | vectors[below(rng, ARRAY_SIZE(vectors))];

	if (one_in(rng, 2))
		info |= BIT(11);
	if (one_in(rng, 16))
		info ^= BIT(below(rng, 32));
	FIELD(s, VM_ENTRY_INTR_INFO_FIELD) = info;
	FIELD(s, VM_ENTRY_INSTRUCTION_LEN) = one_in(rng, 4) ? below(rng, 32) : 1 + below(rng, 3);
	if (one_in(rng, 4))
		flip(rng, &FIELD(s, VM_ENTRY_EXCEPTION_ERROR_CODE), 32);
	if (one_in(rng, 2))
		FIELD(s, GUEST_RFLAGS) |= X86_EFLAGS_IF;
}

static void change_control(struct vmx_entry_state *s, u64 *rng)
{
	static const u16 words[] = {
		VMX_PLACE_PIN_BASED_VM_EXEC_CONTROL, VMX_PLACE_CPU_BASED_VM_EXEC_CONTROL,
		VMX_PLACE_SECONDARY_VM_EXEC_CONTROL, VMX_PLACE_VM_EXIT_CONTROLS,
		VMX_PLACE_VM_ENTRY_CONTROLS,
	};
	static const u16 others[] = {
		VMX_PLACE_CR3_TARGET_COUNT, VMX_PLACE_TPR_THRESHOLD, VMX_PLACE_POSTED_INTR_NV,
		VMX_PLACE_TSC_MULTIPLIER, VMX_PLACE_VM_FUNCTION_CONTROL,
		VMX_PLACE_VIRTUAL_PROCESSOR_ID,
	};
	unsigned int place = others[below(rng, ARRAY_SIZE(others))];

	if (!one_in(rng, 4))
		flip(rng, &s->field[words[below(rng, ARRAY_SIZE(words))]], 32);
	else
		s->field[place] = below(rng, 8) * (one_in(rng, 2) ? 1 : 0x20);
}

/* Addresses: the low bits that must be 0, and those beyond the physical width. */
static void change_address(struct vmx_entry_state *s, u64 *rng)
{
	static const u16 places[] = {
		VMX_PLACE_IO_BITMAP_A, VMX_PLACE_IO_BITMAP_B, VMX_PLACE_MSR_BITMAP,
		VMX_PLACE_VIRTUAL_APIC_PAGE_ADDR, VMX_PLACE_APIC_ACCESS_ADDR,
		VMX_PLACE_PML_ADDRESS, VMX_PLACE_EPT_POINTER, VMX_PLACE_EPTP_LIST_ADDRESS,
		VMX_PLACE_VMREAD_BITMAP, VMX_PLACE_VMWRITE_BITMAP,
		VMX_PLACE_VE_INFORMATION_ADDRESS, VMX_PLACE_VM_ENTRY_MSR_LOAD_ADDR,
		VMX_PLACE_VM_EXIT_MSR_LOAD_ADDR, VMX_PLACE_VM_EXIT_MSR_STORE_ADDR,
	};
	u64 *field = &s->field[places[below(rng, ARRAY_SIZE(places))]];
	unsigned int low = below(rng, 12), high = s->caps.phys_bits;

	if (one_in(rng, 2))
		*field ^= BIT_ULL(low);
	else
		*field ^= BIT_ULL(high + below(rng, 64 - high));
}

static void change_msr_areas(struct vmx_entry_state *s, u64 *rng, void *page)
{
	static const u32 indexes[] = {
		MSR_TSC_AUX, MSR_STAR, MSR_LSTAR, MSR_SYSCALL_MASK, MSR_KERNEL_GS_BASE,
		MSR_FS_BASE, MSR_GS_BASE, MSR_IA32_UCODE_WRITE, MSR_IA32_SMBASE,
	};
	struct vmx_msr_entry *msr = page + VMX_TEST_MSR_OFFSET;

	msr += below(rng, VMX_TEST_MSRS);
	msr->index = indexes[below(rng, ARRAY_SIZE(indexes))];
	msr->reserved = one_in(rng, 8);
	msr->value = one_in(rng, 2) ? 0 : interesting(rng, 64);
	FIELD(s, VM_ENTRY_MSR_LOAD_COUNT) = 1 + below(rng, VMX_TEST_MSRS);
}

static void change_by_case(struct vmx_entry_state *s, u64 *rng, u64 phys)
{
	const struct vmx_rule_case *c = &vmx_rule_cases[below(rng, vmx_nr_rule_cases)];
	bool host = vmx_rule_info(c->rule)->stage == VMX_STAGE_HOST;

	if (c->unsafe || c->bad_only || (host && c->more))
		return;
	/* Good host state would be loaded by the exit: only what must fail. */
	vmx_test_case(s, c, host || one_in(rng, 2), phys);
}

static void change_something(struct vmx_entry_state *s, u64 *rng, void *page, u64 phys)
{
	switch (below(rng, 16)) {
	case 0 ... 4:
		change_guest(s, rng);
		break;
	case 5 ... 7:
		change_guest_register(s, rng);
		break;
	case 8 ... 9:
		change_event(s, rng);
		break;
	case 10 ... 11:
		change_control(s, rng);
		break;
	case 12:
		change_address(s, rng);
		break;
	case 13:
		change_msr_areas(s, rng, page);
		break;
	default:
		change_by_case(s, rng, phys);
		break;
	}
}

/* ---- harmless, should it enter ----------------------------------------------------- */

static void point_to_page(struct vmx_entry_state *s, u64 phys)
{
	FIELD(s, IO_BITMAP_A) = phys;
	FIELD(s, IO_BITMAP_B) = phys;
	FIELD(s, VIRTUAL_APIC_PAGE_ADDR) = phys;
	FIELD(s, APIC_ACCESS_ADDR) = phys;
	FIELD(s, PML_ADDRESS) = phys;
	FIELD(s, EPTP_LIST_ADDRESS) = phys;
	FIELD(s, VMREAD_BITMAP) = phys;
	FIELD(s, VMWRITE_BITMAP) = phys;
	FIELD(s, VE_INFORMATION_ADDRESS) = phys;
	FIELD(s, VM_ENTRY_MSR_LOAD_ADDR) = phys + VMX_TEST_MSR_OFFSET;
	FIELD(s, VM_EXIT_MSR_LOAD_ADDR) = phys + VMX_TEST_MSR_OFFSET;
	FIELD(s, VM_EXIT_MSR_STORE_ADDR) = phys + VMX_TEST_MSR_OFFSET;
}

/* A vCPU that sleeps would not be woken by a timer that is at 0 already. */
static void keep_awake(struct vmx_entry_state *s)
{
	u64 activity = FIELD(s, GUEST_ACTIVITY_STATE);

	if ((activity == 1 || activity == 2 || activity == 3) && !event_valid(s))
		FIELD(s, GUEST_ACTIVITY_STATE) = 0;
	/* An event that is taken in these states wakes it; wait-for-SIPI takes none. */
}

/* The tests' page may be anywhere but in a link: there it must look like a VMCS. */
static void keep_link(struct vmx_entry_state *s, u64 phys)
{
	u64 link = FIELD(s, VMCS_LINK_POINTER), frame = GENMASK_ULL(s->caps.phys_bits - 1, 12);

	if (link != ~0ULL && fits_width(s, link) && (link & frame) != (phys & frame) &&
	    link != s->vmcs)
		FIELD(s, VMCS_LINK_POINTER) = phys | (link & 0xfff);
}

static void make_safe(struct vmx_entry_state *s, u64 phys)
{
	/* Interrupts and NMIs of the host end the stay. */
	FIELD(s, PIN_BASED_VM_EXEC_CONTROL) |= VMX_PIN_EXT_INTR_EXITING | VMX_PIN_PREEMPTION_TIMER;
	FIELD(s, PIN_BASED_VM_EXEC_CONTROL) &= ~(u64)VMX_PIN_POSTED_INTR;
	FIELD(s, VMX_PREEMPTION_TIMER_VALUE) = 0;
	/* Without EPT guest-physical addresses are the host's: only if it must fail. */
	FIELD(s, CPU_BASED_VM_EXEC_CONTROL) |= VMX_PROC_ACTIVATE_SECONDARY;
	if (!(FIELD(s, SECONDARY_VM_EXEC_CONTROL) & VMX_PROC2_ENABLE_EPT))
		FIELD(s, SECONDARY_VM_EXEC_CONTROL) |= VMX_PROC2_UNRESTRICTED_GUEST;
	/* What the exit loads, the host needs; an interrupt must stay pending. */
	FIELD(s, VM_EXIT_CONTROLS) |= VMX_EXIT_CTL_LOAD_PAT | VMX_EXIT_CTL_LOAD_EFER;
	FIELD(s, VM_EXIT_CONTROLS) &= ~(u64)VMX_EXIT_CTL_ACK_INTR;
	/* Areas end within the page. */
	FIELD(s, VM_ENTRY_MSR_LOAD_COUNT) = min_t(u64, FIELD(s, VM_ENTRY_MSR_LOAD_COUNT), 3);
	FIELD(s, VM_EXIT_MSR_LOAD_COUNT) = min_t(u64, FIELD(s, VM_EXIT_MSR_LOAD_COUNT), 1);
	FIELD(s, VM_EXIT_MSR_STORE_COUNT) = min_t(u64, FIELD(s, VM_EXIT_MSR_STORE_COUNT), 1);
	/* Bochs ends with an error at events of type 7. */
	if (event_type(s) == VMX_EVENT_OTHER)
		FIELD(s, VM_ENTRY_INTR_INFO_FIELD) &= ~BIT_ULL(10);
	keep_awake(s);
	keep_link(s, phys);
}

void vmx_fuzz_state(struct vmx_entry_state *s, u64 seed, void *page, u64 phys)
{
	u64 rng = seed;
	unsigned int changes;

	vmx_test_guest(s, below(&rng, VMX_NR_TEST_MODES));
	point_to_page(s, phys);
	changes = 1 + below(&rng, 3);
	while (changes--)
		change_something(s, &rng, page, phys);
	make_safe(s, phys);
}

/* ---- where the emulated processor is not the manual's ----------------------------------- */

/*
 * Rules that Bochs 2.7 does not check, or not in this state.  docs/vm-entry.md has
 * the list in words; the manual is right in each of them.
 */
static bool is_unchecked(const struct vmx_entry_state *s, const struct vmx_verdict *v,
			 enum vmx_rule rule)
{
	u32 index;

	switch (rule) {
	case VMX_RULE_SMM_ENTRY_OUTSIDE:
	case VMX_RULE_HOST_PERF_GLOBAL_CTRL:
	case VMX_RULE_GUEST_PERF_GLOBAL_CTRL:
	case VMX_RULE_GUEST_DEBUGCTL:
	case VMX_RULE_GUEST_64_NEEDS_PG:
	case VMX_RULE_CS_DPL_NONCONFORMING:
	case VMX_RULE_CS_DPL_CONFORMING:
	case VMX_RULE_RIP_64:
	case VMX_RULE_RFLAGS_VM_REAL:
	case VMX_RULE_ACTIVITY_HLT_EVENT:
	case VMX_RULE_BLOCKING_NMI_NMI:
	case VMX_RULE_PENDING_DEBUG_BS_MISSING:
	case VMX_RULE_PENDING_DEBUG_BS_UNDUE:
	case VMX_RULE_MSR_SMM:
	case VMX_RULE_MSR_MICROCODE:
		return true;
	case VMX_RULE_ACTIVITY_SHUTDOWN_EVENT:
		/* Vectors are compared, types are not. */
		return event_vector(s) == X86_TRAP_NMI || event_vector(s) == X86_TRAP_MC;
	case VMX_RULE_PENDING_DEBUG_RESERVED:
		/* The upper half is cut off before it is looked at. */
		return !(FIELD(s, GUEST_PENDING_DBG_EXCEPTIONS) & 0xffffaff0);
	case VMX_RULE_MSR_VALUE:
		/* WRMSR of these ignores the upper half. */
		index = s->msr[v->msr - 1].index;
		return index == MSR_SYSCALL_MASK || index == MSR_TSC_AUX;
	default:
		return false;
	}
}

/* What Bochs demands on top: the RPL of CS, where the manual has the DPL of SS. */
static const char *demanded_too(const struct vmx_entry_state *s)
{
	u64 ar = FIELD(s, GUEST_CS_AR_BYTES);
	unsigned int type = ar & 0xf, dpl = (ar >> 5) & 3, rpl = FIELD(s, GUEST_CS_SELECTOR) & 3;

	if (FIELD(s, GUEST_RFLAGS) & X86_EFLAGS_VM)
		return NULL;
	if ((type == 9 || type == 11) && rpl != dpl)
		return "CS_RPL";
	if ((type == 13 || type == 15) && rpl < dpl)
		return "CS_RPL";
	return NULL;
}

/* Outcomes in the order of the steps. */
static u32 outcome_of(enum vmx_stage stage)
{
	static const u32 outcome[] = { 7, 8, 33, 34 };

	return stage == VMX_NR_STAGES ? 0 : outcome[stage];
}

const char *vmx_fuzz_deviation(const struct vmx_entry_state *s, const struct vmx_verdict *v,
			       u32 got)
{
	enum vmx_stage first = VMX_NR_STAGES;
	const char *name = NULL;
	unsigned int rule;

	for_each_set_bit(rule, v->broken, VMX_NR_RULES) {
		const struct vmx_rule_info *info = vmx_rule_info(rule);

		if (!is_unchecked(s, v, rule))
			first = min(first, info->stage);
		else if (!name)
			name = info->id;
	}
	if (first > VMX_STAGE_GUEST && demanded_too(s)) {
		first = VMX_STAGE_GUEST;
		name = demanded_too(s);
	}
	return outcome_of(first) == got ? name : NULL;
}
