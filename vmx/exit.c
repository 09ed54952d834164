// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the processor's account of an exit to the neutral struct vtr_exit.
 *
 * One small decoder a reason, found through a table; the qualification's layout
 * is drawn over the decoder that reads it.  Nothing is acted upon here: that is
 * module/handle.c.  Called by vmx/run.c with interrupts off.
 * Sources: SDM 3C "Basic VM-Exit Information" (28.2.1) and its tables "Exit
 * Qualification for ...".
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/kernel.h>
#include <asm/trapnr.h>

#include "check.h"
#include "describe.h"
#include "insn.h"
#include "vmx.h"

/*
 * Qualification of a control-register access:
 *
 *	 31        16 15 12 11  8 7 6  5 4 3    0
 *	+------------+-----+-----+---+----+------+
 *	| LMSW source|  -  | GPR | - |type|  CR  |
 *	+------------+-----+-----+---+----+------+
 *	type: 0 MOV to CR, 1 MOV from CR, 2 CLTS, 3 LMSW
 */
static void decode_cr(struct vtr_exit *exit)
{
	u64 q = exit->qualification;

	exit->cr.nr = q & 0xf;
	exit->cr.op = (q >> 4) & 3;
	exit->cr.gpr = (q >> 8) & 0xf;
	exit->cr.source = q >> 16;
}

/* Qualification of MOV DR: DR in 2:0, direction (1 = from DR) in 4, GPR in 11:8. */
static void decode_dr(struct vtr_exit *exit)
{
	u64 q = exit->qualification;

	exit->dr.nr = q & 7;
	exit->dr.write = !(q & BIT(4));
	exit->dr.gpr = (q >> 8) & 0xf;
}

/*
 * Qualification of an I/O instruction:
 *
 *	 31      16 15 7  6    5     4      3     2 0
 *	+----------+----+-----+-----+------+-----+-----+
 *	|   port   | -  | imm | REP |string|  IN |size |
 *	+----------+----+-----+-----+------+-----+-----+
 *	size: bytes minus 1
 */
static void decode_io(struct vtr_exit *exit)
{
	/* LAB 3.7: */
	u64 q = exit->qualification;

	exit->io.bytes = (q & 7) + 1;
	exit->io.in = q & BIT(3);
	exit->io.string = q & BIT(4);
	exit->io.rep = q & BIT(5);
	exit->io.port = q >> 16;
	/* LAB 3.7 END */
}

/*
 * Qualification of an EPT violation: what the access was in 2:0 (read, write,
 * fetch), what the tables allowed in 5:3, in 7 whether the linear address is
 * valid; if so, in 8 whether the access was to its translation or (0) to an
 * entry of the guest's page tables on the way.  A read for a write
 * (read-modify-write) shows as both.
 */
static void decode_slat(struct vtr_exit *exit)
{
	u64 q = exit->qualification;

	exit->slat.gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);
	/* LAB 5.4: exit->slat.access = VTR_SLAT_WRITE; */
	exit->slat.gva_valid = q & BIT(7);
	exit->slat.gva = exit->slat.gva_valid ? vmcs_readl(VMCS_GUEST_LINEAR_ADDRESS) : 0;
	exit->slat.of_table = exit->slat.gva_valid && !(q & BIT(8));
	exit->slat.access = q & (VTR_SLAT_READ | VTR_SLAT_WRITE | VTR_SLAT_EXEC);
	/* LAB 5.4 END */
}

/* Qualification of a task switch: selector of the TSS in 15:0, source in 31:30. */
static void decode_task_switch(struct vtr_exit *exit)
{
	exit->task.selector = exit->qualification;
	exit->task.source = (exit->qualification >> 30) & 3;
}

#define DR7_GD_BIT		BIT_ULL(13)
#define INTR_INFO_VECTOR	0xff
#define INTR_INFO_TYPE_SHIFT	8
#define INTR_INFO_ERROR		BIT(11)
#define INTR_INFO_UNBLOCKED_NMI	BIT(12)
#define INTR_TYPE_NMI		2
#define INTR_TYPE_INT1		5	/* privileged software exception */

/*
 * #DB: the qualification holds what DR6 would have got; the processor has not
 * written DR6 and has not cleared DR7.GD: SDM 3C "Information for VM Exits Due
 * to Vectored Events" (28.2.2).
 */
static void note_debug_exception(struct vtr_vmx_vcpu *v, u64 qualification)
{
	v->base.dr6 &= ~0xfULL;
	v->base.dr6 |= qualification & VTR_DR6_WRITABLE;
	vmcs_writel(VMCS_GUEST_DR7, vmcs_readl(VMCS_GUEST_DR7) & ~DR7_GD_BIT);
}

static void decode_exception(struct vtr_vmx_vcpu *v, struct vtr_exit *exit)
{
	u32 info = vmcs_read32(VMCS_VM_EXIT_INTR_INFO);
	u32 type = (info >> INTR_INFO_TYPE_SHIFT) & 7;

	if (type == INTR_TYPE_NMI) {
		exit->kind = VTR_HW_HOST_NMI;
		return;
	}
	exit->exception.vector = info & INTR_INFO_VECTOR;
	exit->exception.has_error = info & INTR_INFO_ERROR;
	if (exit->exception.has_error)
		exit->exception.error = vmcs_read32(VMCS_VM_EXIT_INTR_ERROR_CODE);
	/* INT1 leaves DR6 alone. */
	exit->exception.by_int1 = type == INTR_TYPE_INT1;
	if (exit->exception.vector == X86_TRAP_DB && !exit->exception.by_int1)
		note_debug_exception(v, exit->qualification);
}

/*
 * An IRET that ended NMI blocking and then faulted: the blocking must be as
 * before, for the guest will execute the IRET again.
 */
static void restore_nmi_blocking(struct vtr_vmx_vcpu *v, struct vtr_exit *exit)
{
	u32 blocking;
	bool unblocked = false;

	/* LAB 6.7: */
	if (exit->hw_reason == VMX_EXIT_EXCEPTION_NMI)
		unblocked = vmcs_read32(VMCS_VM_EXIT_INTR_INFO) & INTR_INFO_UNBLOCKED_NMI;
	else if (exit->hw_reason == VMX_EXIT_EPT_VIOLATION)
		unblocked = exit->qualification & BIT(12);
	if (!unblocked || exit->in_delivery)
		return;
	blocking = vmcs_read32(VMCS_GUEST_INTERRUPTIBILITY_INFO);
	vmcs_write32(VMCS_GUEST_INTERRUPTIBILITY_INFO, blocking | BIT(3));
	/* LAB 6.7 END */
}

#define APIC_ACCESS_WRITE	1
#define APIC_ACCESS_FETCH	2

/*
 * Qualification of an APIC access: offset in the page in 11:0, what the access was
 * in 15:12.  To the neutral core it is a second-level fault.
 */
static void decode_apic_access(struct vtr_exit *exit)
{
	u64 q = exit->qualification;

	exit->slat.gpa = VTR_APIC_BASE + (q & 0xfff);
	/* Without an instruction: the tables of pages, or where an event is pushed. */
	exit->slat.gva_valid = (q >> 12 & 0xf) <= APIC_ACCESS_FETCH;
	exit->slat.access = VTR_SLAT_READ;
	if ((q >> 12 & 0xf) == APIC_ACCESS_WRITE)
		exit->slat.access = VTR_SLAT_WRITE;
	else if ((q >> 12 & 0xf) == APIC_ACCESS_FETCH)
		exit->slat.access = VTR_SLAT_EXEC;
}

static void decode(struct vtr_vmx_vcpu *v, struct vtr_exit *exit)
{
	switch (exit->hw_reason) {
	case VMX_EXIT_EXCEPTION_NMI:
		decode_exception(v, exit);
		break;
	case VMX_EXIT_CR_ACCESS:
		decode_cr(exit);
		break;
	case VMX_EXIT_DR_ACCESS:
		decode_dr(exit);
		break;
	case VMX_EXIT_IO:
		decode_io(exit);
		break;
	case VMX_EXIT_RDMSR:
	case VMX_EXIT_WRMSR:
		exit->msr.index = v->base.gpr[VTR_RCX];
		exit->msr.write = exit->hw_reason == VMX_EXIT_WRMSR;
		break;
	case VMX_EXIT_EPT_VIOLATION:
		decode_slat(exit);
		break;
	case VMX_EXIT_EPT_MISCONFIG:
		/* There is no qualification: the entry itself is wrong. */
		exit->slat.gpa = vmcs_read64(VMCS_GUEST_PHYSICAL_ADDRESS);
		break;
	case VMX_EXIT_TASK_SWITCH:
		decode_task_switch(exit);
		break;
	case VMX_EXIT_APIC_ACCESS:
		decode_apic_access(exit);
		break;
	case VMX_EXIT_APIC_WRITE:
		exit->apic.offset = exit->qualification & 0xfff;
		break;
	case VMX_EXIT_VIRTUALIZED_EOI:
		exit->apic.vector = exit->qualification;
		break;
	}
}

/**
 * vmx_describe_exit() - fill @exit from the VMCS
 * @v: the vCPU
 * @exit: zeroed
 *
 * An event whose delivery the exit has interrupted is queued again.
 * Context: interrupts off, right after the exit.
 */
void vmx_describe_exit(struct vtr_vmx_vcpu *v, struct vtr_exit *exit)
{
	u32 reason = vmcs_read32(VMCS_VM_EXIT_REASON);

	exit->qualification = vmcs_readl(VMCS_EXIT_QUALIFICATION);
	exit->rip = vmcs_readl(VMCS_GUEST_RIP);
	/* LAB 3.4: exit->hw_reason = (u8)reason;\nexit->kind = vmx_exit_kind(exit->hw_reason); */
	exit->hw_reason = VMX_EXIT_BASIC(reason);
	if (unlikely(reason & VMX_EXIT_ENTRY_FAILED)) {
		exit->kind = VTR_HW_FAIL;
		exit->fail.reason = reason;
		return;
	}
	exit->kind = vmx_exit_kind(exit->hw_reason);
	exit->insn_bytes = vmcs_read32(VMCS_VM_EXIT_INSTRUCTION_LEN);
	/* LAB 3.4 END */
	vmx_requeue_event(v, exit);
	decode(v, exit);
	restore_nmi_blocking(v, exit);
}

/* VMLAUNCH or VMRESUME itself failed; @insn_error is 0 without a current VMCS. */
void vmx_describe_vmfail(struct vtr_exit *exit, u32 insn_error)
{
	exit->kind = VTR_HW_FAIL;
	exit->fail.insn_error = insn_error;
}

/*
 * The rule first: it says more than the processor's number.  What the host has in
 * its own state is not for programs.
 */
static void explain_rule(const struct vtr_exit *exit, char *buf, size_t room)
{
	const struct vmx_rule_info *rule = vmx_rule_info(exit->fail.rule);
	int at;

	if (exit->fail.reason)
		at = scnprintf(buf, room, "VM entry failed, reason %u, rule ", exit->hw_reason);
	else
		at = scnprintf(buf, room, "VM entry failed, error %u, rule ",
			       exit->fail.insn_error);
	at += scnprintf(buf + at, room - at, "%s: %s", rule->id, rule->sentence);
	if (vmx_is_host_field(vmx_field_info(rule->place)->encoding))
		scnprintf(buf + at, room - at, " (%s)", rule->field);
	else
		scnprintf(buf + at, room - at, " (%s 0x%llx)", rule->field, exit->fail.value);
}

/* A sentence for the program: what failed and where to look. */
void vmx_explain_failure(const struct vtr_exit *exit, char *buf, size_t room)
{
	u32 error = exit->fail.insn_error;

	if (exit->fail.rule)
		explain_rule(exit, buf, room);
	else if (exit->fail.reason)
		snprintf(buf, room, "VM entry failed, exit reason %u (%s), qualification 0x%llx: %s",
			 exit->hw_reason, vmx_exit_name(exit->hw_reason),
			 exit->qualification, vmx_exit_meaning(exit->hw_reason));
	else if (error)
		snprintf(buf, room, "VM entry failed, VM-instruction error %u (%s): %s", error,
			 vmx_insn_error_name(error), vmx_insn_error_sentence(error));
	else
		snprintf(buf, room, "VM entry failed: this core is not in VMX root mode (the machine goes down, or could not enable it after resume)");
}
