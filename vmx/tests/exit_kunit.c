// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is what the processor reports understood, and what it is told right?  KUnit
 * suite "vmx_exit".
 *
 * Exits are written into the fake VMCS as the manual lays them out and decoded
 * by vmx/exit.c; events are injected by vmx/inject.c and looked at in the
 * fields.  Built and run by tests/kunit/run.
 */
#include <kunit/test.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "../controls.h"
#include "../describe.h"
#include "../insn.h"
#include "../vmx.h"

#define VALID		BIT(31)
#define WITH_ERROR	BIT(11)
#define UNBLOCKED_NMI	BIT(12)
#define BLOCKED_STI	BIT(0)
#define BLOCKED_MOV_SS	BIT(1)
#define BLOCKED_NMI	BIT(3)

static int start(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, v);
	fake_vmcs_clear();
	vmcs_writel(VMCS_GUEST_CR0, X86_CR0_PE);
	vmcs_writel(VMCS_GUEST_RFLAGS, X86_EFLAGS_FIXED);
	test->priv = v;
	return 0;
}

static void finish(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, fake_vmcs_failures(), 0u);
}

/* The processor leaves the guest: fill in what it reports, and decode it. */
static struct vtr_exit leave(struct kunit *test, u32 reason, u64 qualification)
{
	struct vtr_vmx_vcpu *v = test->priv;
	struct vtr_exit exit = {};

	vmcs_write32(VMCS_VM_EXIT_REASON, reason);
	vmcs_writel(VMCS_EXIT_QUALIFICATION, qualification);
	vmcs_writel(VMCS_GUEST_RIP, 0xffffffff81000000ULL);
	vmcs_write32(VMCS_VM_EXIT_INSTRUCTION_LEN, 3);
	vmx_describe_exit(v, &exit);
	return exit;
}

/* ---- exits -------------------------------------------------------------------------- */

static void the_common_part(struct kunit *test)
{
	struct vtr_exit e = leave(test, VMX_EXIT_CPUID | VMX_EXIT_ENCLAVE, 0x1234);

	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_CPUID);
	KUNIT_EXPECT_EQ(test, e.hw_reason, (u32)VMX_EXIT_CPUID);
	KUNIT_EXPECT_EQ(test, e.qualification, 0x1234ULL);
	KUNIT_EXPECT_EQ(test, e.rip, 0xffffffff81000000ULL);
	KUNIT_EXPECT_EQ(test, e.insn_bytes, 3u);
	KUNIT_EXPECT_EQ(test, e.level, 0);
	KUNIT_EXPECT_FALSE(test, e.in_delivery);
}

static void control_register_accesses(struct kunit *test)
{
	struct vtr_exit e = leave(test, VMX_EXIT_CR_ACCESS, 0x304);	/* MOV CR4, RBX */

	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_CR);
	KUNIT_EXPECT_EQ(test, e.cr.op, VTR_CR_WRITE);
	KUNIT_EXPECT_EQ(test, e.cr.nr, 4);
	KUNIT_EXPECT_EQ(test, e.cr.gpr, VTR_RBX);
	e = leave(test, VMX_EXIT_CR_ACCESS, 0xf18);			/* MOV R15, CR8 */
	KUNIT_EXPECT_EQ(test, e.cr.op, VTR_CR_READ);
	KUNIT_EXPECT_EQ(test, e.cr.nr, 8);
	KUNIT_EXPECT_EQ(test, e.cr.gpr, VTR_R15);
	e = leave(test, VMX_EXIT_CR_ACCESS, 0x20);
	KUNIT_EXPECT_EQ(test, e.cr.op, VTR_CR_CLTS);
	e = leave(test, VMX_EXIT_CR_ACCESS, 0xfff10070);		/* LMSW from memory */
	KUNIT_EXPECT_EQ(test, e.cr.op, VTR_CR_LMSW);
	KUNIT_EXPECT_EQ(test, e.cr.source, 0xfff1);
}

static void debug_register_accesses(struct kunit *test)
{
	struct vtr_exit e = leave(test, VMX_EXIT_DR_ACCESS, 0x007);	/* MOV DR7, RAX */

	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_DR);
	KUNIT_EXPECT_TRUE(test, e.dr.write);
	KUNIT_EXPECT_EQ(test, e.dr.nr, 7);
	e = leave(test, VMX_EXIT_DR_ACCESS, 0x216);			/* MOV RDX, DR6 */
	KUNIT_EXPECT_FALSE(test, e.dr.write);
	KUNIT_EXPECT_EQ(test, e.dr.nr, 6);
	KUNIT_EXPECT_EQ(test, e.dr.gpr, VTR_RDX);
}

static void port_accesses(struct kunit *test)
{
	struct vtr_exit e = leave(test, VMX_EXIT_IO, 0xfffb0003);	/* OUT FFFBH, 4 bytes */

	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_IO);
	KUNIT_EXPECT_EQ(test, e.io.port, 0xfffb);
	KUNIT_EXPECT_EQ(test, e.io.bytes, 4);
	KUNIT_EXPECT_FALSE(test, e.io.in);
	KUNIT_EXPECT_FALSE(test, e.io.string);
	e = leave(test, VMX_EXIT_IO, 0x01f00039);			/* REP INSW */
	KUNIT_EXPECT_EQ(test, e.io.port, 0x1f0);
	KUNIT_EXPECT_EQ(test, e.io.bytes, 2);
	KUNIT_EXPECT_TRUE(test, e.io.in);
	KUNIT_EXPECT_TRUE(test, e.io.string);
	KUNIT_EXPECT_TRUE(test, e.io.rep);
}

static void msr_accesses(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	struct vtr_exit e;

	v->base.gpr[VTR_RCX] = 0xdead0000c0000080ULL;
	e = leave(test, VMX_EXIT_RDMSR, 0);
	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_MSR);
	KUNIT_EXPECT_EQ(test, e.msr.index, 0xc0000080u);
	KUNIT_EXPECT_FALSE(test, e.msr.write);
	e = leave(test, VMX_EXIT_WRMSR, 0);
	KUNIT_EXPECT_TRUE(test, e.msr.write);
}

static void ept_violations(struct kunit *test)
{
	struct vtr_exit e;

	vmcs_write64(VMCS_GUEST_PHYSICAL_ADDRESS, 0x7000123);
	vmcs_writel(VMCS_GUEST_LINEAR_ADDRESS, 0xffff888007000123ULL);
	e = leave(test, VMX_EXIT_EPT_VIOLATION, 0x182);
	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_SLAT);
	KUNIT_EXPECT_EQ(test, e.slat.gpa, 0x7000123ULL);
	KUNIT_EXPECT_EQ(test, e.slat.gva, 0xffff888007000123ULL);
	KUNIT_EXPECT_TRUE(test, e.slat.gva_valid);
	KUNIT_EXPECT_EQ(test, e.slat.access, VTR_SLAT_WRITE);
	/* What the tables allowed (5:3) is not what was wanted. */
	e = leave(test, VMX_EXIT_EPT_VIOLATION, 0x3c);
	KUNIT_EXPECT_EQ(test, e.slat.access, VTR_SLAT_EXEC);
	KUNIT_EXPECT_FALSE(test, e.slat.gva_valid);
	KUNIT_EXPECT_EQ(test, e.slat.gva, 0ULL);
}

static void task_switches_and_bad_entries(struct kunit *test)
{
	struct vtr_exit e = leave(test, VMX_EXIT_TASK_SWITCH, 0xc0000028);

	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_TASK_SWITCH);
	KUNIT_EXPECT_EQ(test, e.task.selector, 0x28);
	KUNIT_EXPECT_EQ(test, e.task.source, VTR_TASK_GATE);
	e = leave(test, VMX_EXIT_TASK_SWITCH, 0x40000030);
	KUNIT_EXPECT_EQ(test, e.task.source, VTR_TASK_IRET);
	vmcs_write64(VMCS_GUEST_PHYSICAL_ADDRESS, 0x7000000);
	e = leave(test, VMX_EXIT_EPT_MISCONFIG, 0);
	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_BAD_SLAT);
	KUNIT_EXPECT_EQ(test, e.slat.gpa, 0x7000000ULL);
}

static void apic_accesses_are_second_level_faults(struct kunit *test)
{
	struct vtr_exit exit = leave(test, VMX_EXIT_APIC_ACCESS, 0x1300);

	KUNIT_EXPECT_EQ(test, exit.kind, (u32)VTR_HW_APIC_ACCESS);
	KUNIT_EXPECT_EQ(test, exit.slat.gpa, 0xfee00300ULL);
	KUNIT_EXPECT_EQ(test, exit.slat.access, VTR_SLAT_WRITE);
	KUNIT_EXPECT_TRUE(test, exit.slat.gva_valid);
	exit = leave(test, VMX_EXIT_APIC_ACCESS, 0x00a0);
	KUNIT_EXPECT_EQ(test, exit.slat.access, VTR_SLAT_READ);
	exit = leave(test, VMX_EXIT_APIC_ACCESS, 0x2000);
	KUNIT_EXPECT_EQ(test, exit.slat.access, VTR_SLAT_EXEC);
	/* To walk the guest's page tables. */
	exit = leave(test, VMX_EXIT_APIC_ACCESS, 0xf008);
	KUNIT_EXPECT_FALSE(test, exit.slat.gva_valid);
}

static void what_a_virtual_apic_tells(struct kunit *test)
{
	struct vtr_exit exit = leave(test, VMX_EXIT_APIC_WRITE, 0x3e0);

	KUNIT_EXPECT_EQ(test, exit.kind, (u32)VTR_HW_APIC_WRITE);
	KUNIT_EXPECT_EQ(test, exit.apic.offset, 0x3e0);
	exit = leave(test, VMX_EXIT_VIRTUALIZED_EOI, 0x5a);
	KUNIT_EXPECT_EQ(test, exit.kind, (u32)VTR_HW_APIC_END);
	KUNIT_EXPECT_EQ(test, exit.apic.vector, 0x5a);
	exit = leave(test, VMX_EXIT_TPR_THRESHOLD, 0);
	KUNIT_EXPECT_EQ(test, exit.kind, (u32)VTR_HW_NOTICE);
}

static void exceptions_and_nmis(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	struct vtr_exit e;

	vmcs_write32(VMCS_VM_EXIT_INTR_ERROR_CODE, 0x18);
	vmcs_write32(VMCS_VM_EXIT_INTR_INFO, VALID | WITH_ERROR | 3 << 8 | X86_TRAP_AC);
	e = leave(test, VMX_EXIT_EXCEPTION_NMI, 0);
	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_EXCEPTION);
	KUNIT_EXPECT_EQ(test, e.exception.vector, X86_TRAP_AC);
	KUNIT_EXPECT_TRUE(test, e.exception.has_error);
	KUNIT_EXPECT_EQ(test, e.exception.error, 0x18u);

	vmcs_write32(VMCS_VM_EXIT_INTR_INFO, VALID | 2 << 8 | X86_TRAP_NMI);
	e = leave(test, VMX_EXIT_EXCEPTION_NMI, 0);
	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_HOST_NMI);

	/* #DB: the processor leaves DR6 and DR7.GD to us. */
	v->base.dr6 = VTR_DR6_ONES | 0xf;
	vmcs_writel(VMCS_GUEST_DR7, VTR_DR7_ONES | BIT(13) | 2);
	vmcs_write32(VMCS_VM_EXIT_INTR_INFO, VALID | 3 << 8 | X86_TRAP_DB);
	e = leave(test, VMX_EXIT_EXCEPTION_NMI, 0x4002);
	KUNIT_EXPECT_EQ(test, e.exception.vector, X86_TRAP_DB);
	KUNIT_EXPECT_EQ(test, v->base.dr6, VTR_DR6_ONES | 0x4002);
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_DR7), VTR_DR7_ONES | 2);
}

/* INT1 comes as a #DB too, but it is an instruction and leaves DR6 and DR7 alone. */
static void int1_is_no_debug_exception(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	struct vtr_exit e;

	v->base.dr6 = VTR_DR6_ONES | 3;
	vmcs_writel(VMCS_GUEST_DR7, VTR_DR7_ONES | BIT(13));
	vmcs_write32(VMCS_VM_EXIT_INTR_INFO, VALID | 5 << 8 | X86_TRAP_DB);
	e = leave(test, VMX_EXIT_EXCEPTION_NMI, 0);
	KUNIT_EXPECT_TRUE(test, e.exception.by_int1);
	KUNIT_EXPECT_EQ(test, v->base.dr6, VTR_DR6_ONES | 3);
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_DR7), VTR_DR7_ONES | BIT(13));
}

static void failed_entries(struct kunit *test)
{
	struct vtr_exit e = leave(test, VMX_EXIT_INVALID_GUEST_STATE | VMX_EXIT_ENTRY_FAILED, 4);
	char text[VTR_SENTENCE_BYTES];

	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_FAIL);
	KUNIT_EXPECT_EQ(test, e.hw_reason, (u32)VMX_EXIT_INVALID_GUEST_STATE);
	KUNIT_EXPECT_EQ(test, e.fail.reason, 0x80000021u);
	KUNIT_EXPECT_EQ(test, e.fail.insn_error, 0u);
	vmx_explain_failure(&e, text, sizeof(text));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "INVALID_GUEST_STATE"));

	e = (struct vtr_exit) {};
	vmx_describe_vmfail(&e, 7);
	KUNIT_EXPECT_EQ(test, e.kind, (u32)VTR_HW_FAIL);
	vmx_explain_failure(&e, text, sizeof(text));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "entry: bad control field"));

	vmx_describe_vmfail(&e, 0);
	vmx_explain_failure(&e, text, sizeof(text));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "not in VMX root mode"));
}

/* Every sentence must fit where the program reads it. */
static void explanations_fit(struct kunit *test)
{
	char text[2 * VTR_SENTENCE_BYTES];

	for (u32 error = 0; error < 32; error++) {
		struct vtr_exit e = { .fail = { .insn_error = error } };

		vmx_explain_failure(&e, text, sizeof(text));
		KUNIT_EXPECT_LT_MSG(test, strlen(text), (size_t)VTR_SENTENCE_BYTES, "%s", text);
	}
	for (u32 reason = VMX_EXIT_INVALID_GUEST_STATE; reason <= VMX_EXIT_MSR_LOAD_FAIL;
	     reason++) {
		struct vtr_exit e = { .hw_reason = reason, .qualification = ~0ULL,
				      .fail = { .reason = reason | VMX_EXIT_ENTRY_FAILED } };

		vmx_explain_failure(&e, text, sizeof(text));
		KUNIT_EXPECT_LT_MSG(test, strlen(text), (size_t)VTR_SENTENCE_BYTES, "%s", text);
	}
}

/* An IRET unblocked NMIs, then its own memory access exited: block them again. */
static void nmi_blocking_comes_back(struct kunit *test)
{
	leave(test, VMX_EXIT_EPT_VIOLATION, 0x1181);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), (u32)BLOCKED_NMI);

	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write32(VMCS_VM_EXIT_INTR_INFO, VALID | UNBLOCKED_NMI | 3 << 8 | X86_TRAP_AC);
	leave(test, VMX_EXIT_EXCEPTION_NMI, 0);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), (u32)BLOCKED_NMI);

	/* Not for other exits, and not if an event was being delivered. */
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, 0);
	leave(test, VMX_EXIT_CPUID, BIT(12));
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), 0u);
	vmcs_write32(VMCS_IDT_VECTORING_INFO_FIELD, VALID | 0x30);
	leave(test, VMX_EXIT_EPT_VIOLATION, 0x1181);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), 0u);
}

/* ---- events ----------------------------------------------------------------------------- */

struct event_row {
	struct vtr_event event;
	u32 info;
};

static const struct event_row event_rows[] = {
	{ { .kind = VTR_EVENT_INTERRUPT, .vector = 0xef }, VALID | 0xef },
	{ { .kind = VTR_EVENT_NMI, .vector = 2 }, VALID | 2 << 8 | 2 },
	{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_UD }, VALID | 3 << 8 | X86_TRAP_UD },
	{ { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_PF, .has_error = 1, .error = 0x15 },
	  VALID | WITH_ERROR | 3 << 8 | X86_TRAP_PF },
	{ { .kind = VTR_EVENT_SOFT_INT, .vector = 0x80, .insn_bytes = 2 }, VALID | 4 << 8 | 0x80 },
	{ { .kind = VTR_EVENT_PRIV_SOFT_EXC, .vector = 1, .insn_bytes = 1 }, VALID | 5 << 8 | 1 },
	{ { .kind = VTR_EVENT_SOFT_EXC, .vector = 3, .insn_bytes = 1 }, VALID | 6 << 8 | 3 },
};

static void events_in_the_processors_format(struct kunit *test)
{
	static const struct vtr_event none;
	struct vtr_vmx_vcpu *v = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(event_rows); i++) {
		const struct event_row *r = &event_rows[i];

		vmx_inject(&v->base, &r->event);
		KUNIT_EXPECT_EQ_MSG(test, vmcs_read32(VMCS_VM_ENTRY_INTR_INFO_FIELD), r->info,
				    "row %u", i);
		if (r->event.has_error)
			KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_VM_ENTRY_EXCEPTION_ERROR_CODE),
					r->event.error);
		if (r->event.insn_bytes)
			KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_VM_ENTRY_INSTRUCTION_LEN),
					(u32)r->event.insn_bytes);
	}
	vmx_inject(&v->base, &none);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_VM_ENTRY_INTR_INFO_FIELD), 0u);
}

static void real_mode_pushes_no_error_code(struct kunit *test)
{
	const struct vtr_event gp = { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_GP,
				      .has_error = 1 };
	struct vtr_vmx_vcpu *v = test->priv;

	vmcs_writel(VMCS_GUEST_CR0, 0);
	vmx_inject(&v->base, &gp);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_VM_ENTRY_INTR_INFO_FIELD),
			(u32)(VALID | 3 << 8 | X86_TRAP_GP));
}

/* What the processor gives back is what was injected. */
static void interrupted_deliveries_come_back(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(event_rows); i++) {
		const struct vtr_event *event = &event_rows[i].event;
		struct vtr_exit e;

		v->base.queued = (struct vtr_event) {};
		vmcs_write32(VMCS_IDT_VECTORING_INFO_FIELD, event_rows[i].info);
		vmcs_write32(VMCS_IDT_VECTORING_ERROR_CODE, event->error);
		vmcs_write32(VMCS_VM_EXIT_REASON, VMX_EXIT_EPT_VIOLATION);
		vmcs_write32(VMCS_VM_EXIT_INSTRUCTION_LEN, event->insn_bytes);
		e = (struct vtr_exit) {};
		vmx_describe_exit(v, &e);
		KUNIT_EXPECT_TRUE(test, e.in_delivery);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(&v->base.queued, event, sizeof(*event)), 0,
				    "row %u", i);
	}
}

static void an_nmi_that_comes_back_is_not_blocked(struct kunit *test)
{
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, BLOCKED_NMI);
	vmcs_write32(VMCS_IDT_VECTORING_INFO_FIELD, VALID | 2 << 8 | 2);
	leave(test, VMX_EXIT_EPT_VIOLATION, 0x181);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), 0u);
}

static void what_blocks_events(struct kunit *test)
{
	static const struct {
		u32 blocking;
		bool interrupts_on;
		bool interrupt, nmi;
	} rows[] = {
		{ 0, false, false, true },
		{ 0, true, true, true },
		{ BLOCKED_STI, true, false, false },
		{ BLOCKED_MOV_SS, true, false, false },
		{ BLOCKED_NMI, true, true, false },
	};
	struct vtr_vmx_vcpu *v = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, rows[i].blocking);
		vmcs_writel(VMCS_GUEST_RFLAGS, X86_EFLAGS_FIXED |
			    (rows[i].interrupts_on ? X86_EFLAGS_IF : 0));
		KUNIT_EXPECT_EQ_MSG(test, vmx_can_inject(&v->base, VTR_EVENT_INTERRUPT),
				    rows[i].interrupt, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, vmx_can_inject(&v->base, VTR_EVENT_NMI), rows[i].nmi,
				    "row %u", i);
	}
}

static void blocking_is_saved_and_restored(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	for (u32 blocking = 0; blocking < 16; blocking++) {
		struct vtr_events events = {};

		if (blocking & BIT(2))	/* blocking by SMI is not a guest's */
			continue;
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, blocking);
		vmcs_writel(VMCS_GUEST_PENDING_DBG_EXCEPTIONS, VTR_PENDING_STEP | blocking);
		vmx_get_blocking(&v->base, &events);
		vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, ~0u);
		vmcs_writel(VMCS_GUEST_PENDING_DBG_EXCEPTIONS, 0);
		vmx_set_blocking(&v->base, &events);
		KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), blocking);
		KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_PENDING_DBG_EXCEPTIONS),
				(u64)VTR_PENDING_STEP | blocking);
	}
}

static void windows_and_steps_are_control_bits(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;
	unsigned int writes;

	v->proc_controls = VMX_PROC_HLT_EXITING;
	vmx_set_window(&v->base, VTR_EVENT_INTERRUPT, true);
	vmx_set_window(&v->base, VTR_EVENT_NMI, true);
	vmx_set_step(&v->base, true);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_CPU_BASED_VM_EXEC_CONTROL),
			(u32)(VMX_PROC_HLT_EXITING | VMX_PROC_INTERRUPT_WINDOW_EXITING |
			      VMX_PROC_NMI_WINDOW_EXITING | VMX_PROC_MONITOR_TRAP_FLAG));
	vmx_set_window(&v->base, VTR_EVENT_INTERRUPT, false);
	vmx_set_window(&v->base, VTR_EVENT_NMI, false);
	vmx_set_step(&v->base, false);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_CPU_BASED_VM_EXEC_CONTROL),
			(u32)VMX_PROC_HLT_EXITING);
	/* VMWRITE costs; nothing new, nothing written. */
	writes = fake_vmcs_writes();
	vmx_set_window(&v->base, VTR_EVENT_INTERRUPT, false);
	KUNIT_EXPECT_EQ(test, fake_vmcs_writes(), writes);
}

/* In the shadow of STI the NMI waits for the interrupt window instead. */
static void an_nmi_after_sti_waits_for_the_other_window(struct kunit *test)
{
	const u32 both = VMX_PROC_INTERRUPT_WINDOW_EXITING | VMX_PROC_NMI_WINDOW_EXITING;
	struct vtr_vmx_vcpu *v = test->priv;

	v->proc_controls = VMX_PROC_HLT_EXITING;
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, BLOCKED_STI);
	vmx_set_window(&v->base, VTR_EVENT_NMI, true);
	vmx_set_window(&v->base, VTR_EVENT_INTERRUPT, false);
	KUNIT_EXPECT_EQ(test, v->proc_controls & both, (u32)VMX_PROC_INTERRUPT_WINDOW_EXITING);
	/* After MOV SS the NMI window itself waits. */
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, BLOCKED_MOV_SS);
	vmx_set_window(&v->base, VTR_EVENT_NMI, true);
	vmx_set_window(&v->base, VTR_EVENT_INTERRUPT, false);
	KUNIT_EXPECT_EQ(test, v->proc_controls & both, (u32)VMX_PROC_NMI_WINDOW_EXITING);
	vmx_set_window(&v->base, VTR_EVENT_NMI, false);
	vmx_set_window(&v->base, VTR_EVENT_INTERRUPT, false);
	KUNIT_EXPECT_EQ(test, v->proc_controls & both, 0u);
}

/* An exception that is injected ends the shadow it was raised in. */
static void an_exception_ends_the_shadow(struct kunit *test)
{
	const struct vtr_event db = { .kind = VTR_EVENT_EXCEPTION, .vector = X86_TRAP_DB };
	const struct vtr_event irq = { .kind = VTR_EVENT_INTERRUPT, .vector = 0x30 };
	struct vtr_vmx_vcpu *v = test->priv;

	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, BLOCKED_STI | BLOCKED_NMI);
	vmx_inject(&v->base, &db);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), (u32)BLOCKED_NMI);
	/* An interrupt must not come in one: let the entry say so. */
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, BLOCKED_STI);
	vmx_inject(&v->base, &irq);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), (u32)BLOCKED_STI);
}

/* ---- skipping an instruction ---------------------------------------------------------------- */

static void skipping_moves_rip(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	v->base.exit.insn_bytes = 2;
	vmcs_write32(VMCS_GUEST_CS_AR_BYTES, 0xa09b);	/* 64-bit */
	vmcs_writel(VMCS_GUEST_RIP, 0xffffffff);
	vmx_skip_insn(&v->base);
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_RIP), 0x100000001ULL);
	/* Elsewhere it has 32 bits. */
	vmcs_write32(VMCS_GUEST_CS_AR_BYTES, 0xc09b);
	vmcs_writel(VMCS_GUEST_RIP, 0xffffffff);
	vmx_skip_insn(&v->base);
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_RIP), 1ULL);
}

static void skipping_ends_the_shadow(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, BLOCKED_STI | BLOCKED_NMI);
	vmx_skip_insn(&v->base);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), (u32)BLOCKED_NMI);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, BLOCKED_MOV_SS);
	vmx_skip_insn(&v->base);
	KUNIT_EXPECT_EQ(test, vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO), 0u);
}

/* With the break point 1 that a MOV SS before it has met. */
static void a_guest_that_steps_itself_gets_its_trap(struct kunit *test)
{
	struct vtr_vmx_vcpu *v = test->priv;

	v->base.dr6 = VTR_DR6_ONES;
	vmcs_writel(VMCS_GUEST_RFLAGS, X86_EFLAGS_FIXED | X86_EFLAGS_TF);
	vmcs_writel(VMCS_GUEST_PENDING_DBG_EXCEPTIONS, VTR_PENDING_ENABLED | 2);
	vmx_skip_insn(&v->base);
	KUNIT_EXPECT_EQ(test, v->base.dr6, VTR_DR6_ONES | BIT(14) | 2);
	KUNIT_EXPECT_EQ(test, vmcs_readl(VMCS_GUEST_PENDING_DBG_EXCEPTIONS), 0ULL);
	KUNIT_EXPECT_EQ(test, v->base.queued.kind, VTR_EVENT_EXCEPTION);
	KUNIT_EXPECT_EQ(test, v->base.queued.vector, X86_TRAP_DB);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(the_common_part),
	KUNIT_CASE(control_register_accesses),
	KUNIT_CASE(debug_register_accesses),
	KUNIT_CASE(port_accesses),
	KUNIT_CASE(msr_accesses),
	KUNIT_CASE(ept_violations),
	KUNIT_CASE(task_switches_and_bad_entries),
	KUNIT_CASE(apic_accesses_are_second_level_faults),
	KUNIT_CASE(what_a_virtual_apic_tells),
	KUNIT_CASE(exceptions_and_nmis),
	KUNIT_CASE(int1_is_no_debug_exception),
	KUNIT_CASE(failed_entries),
	KUNIT_CASE(explanations_fit),
	KUNIT_CASE(nmi_blocking_comes_back),
	KUNIT_CASE(events_in_the_processors_format),
	KUNIT_CASE(real_mode_pushes_no_error_code),
	KUNIT_CASE(interrupted_deliveries_come_back),
	KUNIT_CASE(an_nmi_that_comes_back_is_not_blocked),
	KUNIT_CASE(what_blocks_events),
	KUNIT_CASE(blocking_is_saved_and_restored),
	KUNIT_CASE(windows_and_steps_are_control_bits),
	KUNIT_CASE(an_nmi_after_sti_waits_for_the_other_window),
	KUNIT_CASE(an_exception_ends_the_shadow),
	KUNIT_CASE(skipping_moves_rip),
	KUNIT_CASE(skipping_ends_the_shadow),
	KUNIT_CASE(a_guest_that_steps_itself_gets_its_trap),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_exit",
	.init = start,
	.exit = finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
