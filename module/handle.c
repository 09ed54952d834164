// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done about an exit: one function a kind, one table.
 *
 * Called by the run loop (module/vcpu.c) with interrupts and preemption on; a
 * handler may sleep, and disables preemption around back-end operations.  It
 * returns 1 to enter the guest again, 0 to go up to the user side with
 * vcpu->run filled in, or -errno.  What the user side finishes later (the
 * answer to an IN) is completed by vtr_complete_pending() at the next run.
 * Read next: cpuid.c, msr.c, cr.c, hypercall.c, memory.c for the single kinds.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/kernel.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "irqchip.h"
#include "trace.h"

u64 vtr_read_gpr(struct vtr_vcpu *vcpu, unsigned int nr)
{
	struct vtr_regs regs;

	if (nr != VTR_RSP)
		return vcpu->gpr[nr];
	preempt_disable();
	vtr_backend->get_regs(vcpu, &regs);
	preempt_enable();
	return regs.gpr[VTR_RSP];
}

void vtr_write_gpr(struct vtr_vcpu *vcpu, unsigned int nr, u64 value)
{
	struct vtr_regs regs;

	if (nr != VTR_RSP) {
		vcpu->gpr[nr] = value;
		return;
	}
	preempt_disable();
	vtr_backend->get_regs(vcpu, &regs);
	regs.gpr[VTR_RSP] = value;
	vtr_backend->set_regs(vcpu, &regs);
	preempt_enable();
}

/*
 * A register as an operand: outside of 64-bit code only its lower half counts,
 * whatever 64-bit code has left in the upper one.
 */
static u64 read_operand(struct vtr_vcpu *vcpu, unsigned int nr)
{
	u64 value = vtr_read_gpr(vcpu, nr);

	return vtr_in_64bit_code(vcpu) ? value : (u32)value;
}

static void skip_insn(struct vtr_vcpu *vcpu)
{
	preempt_disable();
	vtr_backend->skip_insn(vcpu);
	preempt_enable();
}

static int to_user(struct vtr_vcpu *vcpu, enum vtr_exit_kind kind)
{
	vcpu->run->exit = kind;
	return 0;
}

/* The guest did something that cannot be gone on with. */
#define kill_guest(vcpu, fmt, ...)						\
({										\
	vtr_vm_kill((vcpu)->vm, "vCPU %u at RIP 0x%llx: " fmt, (vcpu)->id,	\
		    (vcpu)->exit.rip, ##__VA_ARGS__);				\
	1;	/* the run loop sees the death and reports it */		\
})

static int handle_cpuid(struct vtr_vcpu *vcpu)
{
	/* LAB 3.6: return kill_guest(vcpu, "CPUID is not written yet"); */
	u32 leaf = vcpu->gpr[VTR_RAX], subleaf = vcpu->gpr[VTR_RCX];
	u32 out[4];

	vtr_cpuid(vcpu, leaf, subleaf, out);
	vcpu->gpr[VTR_RAX] = out[0];
	vcpu->gpr[VTR_RBX] = out[1];
	vcpu->gpr[VTR_RCX] = out[2];
	vcpu->gpr[VTR_RDX] = out[3];
	skip_insn(vcpu);
	return 1;
	/* LAB 3.6 END */
}

static void load_edx_eax(struct vtr_vcpu *vcpu, u64 value)
{
	vcpu->gpr[VTR_RAX] = (u32)value;
	vcpu->gpr[VTR_RDX] = value >> 32;
}

/* The program's filter names this MSR. */
static int ask_about_msr(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	struct vtr_run *run = vcpu->run;

	run->msr.index = e->msr.index;
	run->msr.is_write = e->msr.write;
	run->msr.fault = 0;
	run->msr.data = e->msr.write ?
			(u32)vcpu->gpr[VTR_RAX] | vcpu->gpr[VTR_RDX] << 32 : 0;
	vcpu->pending = e->msr.write ? VTR_PENDING_WRMSR : VTR_PENDING_RDMSR;
	vcpu->pending_insn_bytes = e->insn_bytes;
	return to_user(vcpu, VTR_EXIT_MSR);
}

static void complete_msr(struct vtr_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->run->msr.fault)) {
		vtr_queue_gp(vcpu);
		return;
	}
	if (vcpu->pending == VTR_PENDING_RDMSR)
		load_edx_eax(vcpu, READ_ONCE(vcpu->run->msr.data));
	skip_insn(vcpu);
}

static int handle_msr(struct vtr_vcpu *vcpu)
{
	u32 index = vcpu->exit.msr.index;
	u64 value;
	int err;

	if (vtr_policy_msr(vcpu->vm, index, vcpu->exit.msr.write))
		return ask_about_msr(vcpu);
	if (vcpu->exit.msr.write) {
		value = (u32)vcpu->gpr[VTR_RAX] | vcpu->gpr[VTR_RDX] << 32;
		err = vtr_msr_write(vcpu, index, value);
	} else {
		err = vtr_msr_read(vcpu, index, &value);
		if (!err)
			load_edx_eax(vcpu, value);
	}
	if (err)
		vtr_queue_gp(vcpu);
	else
		skip_insn(vcpu);
	return 1;
}

/* A port of the interrupt controllers, if the module has them? */
static bool port_of_irqchip(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	u64 data = (u8)vcpu->gpr[VTR_RAX];

	if (!vcpu->vm->irqchip ||
	    !vtr_irqchip_port(vcpu, e->io.port, e->io.bytes, e->io.in, &data))
		return false;
	if (e->io.in)
		vcpu->gpr[VTR_RAX] = (vcpu->gpr[VTR_RAX] & ~0xffULL) | (u8)data;
	skip_insn(vcpu);
	return true;
}

/* A port at which an eventfd waits? */
static bool port_of_eventfd(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;

	if (e->io.in || !vtr_eventfd_any(&vcpu->vm->eventfds) ||
	    !vtr_eventfd_written(vcpu, true, e->io.port, e->io.bytes, vcpu->gpr[VTR_RAX]))
		return false;
	skip_insn(vcpu);
	return true;
}

/*
 * Port access: the user side has the devices.  An OUT is finished before the
 * user side hears of it; an IN waits for the answer.
 */
static int handle_io(struct vtr_vcpu *vcpu)
{
	struct vtr_run *run = vcpu->run;
	const struct vtr_exit *e = &vcpu->exit;

	if (e->io.string)
		return vtr_string_io(vcpu);
	if (port_of_irqchip(vcpu) || port_of_eventfd(vcpu))
		return 1;
	/* LAB 3.7: return kill_guest(vcpu, "port I/O is not written yet"); */
	run->io.port = e->io.port;
	run->io.bytes = e->io.bytes;
	run->io.is_in = e->io.in;
	run->io.count = 1;
	run->io.data = 0;
	run->io.data_offset = offsetof(struct vtr_run, io.data);
	if (e->io.in) {
		vcpu->pending = VTR_PENDING_IN;
		vcpu->pending_insn_bytes = e->insn_bytes;
		vcpu->pending_bytes = e->io.bytes;
		vcpu->pending_port = e->io.port;
	} else {
		run->io.data = vcpu->gpr[VTR_RAX] & GENMASK_ULL(e->io.bytes * 8 - 1, 0);
		skip_insn(vcpu);
	}
	return to_user(vcpu, VTR_EXIT_IO);
	/* LAB 3.7 END */
}

static int handle_hlt(struct vtr_vcpu *vcpu)
{
	skip_insn(vcpu);
	/* An event that waits ends the halt at once. */
	if (!vcpu->vm->irqchip && (vcpu->queued.kind || vcpu->nmi_pending))
		return 1;
	vcpu->activity = VTR_HALTED;
	/* The run loop waits for an event of the module's controllers itself. */
	if (vcpu->vm->irqchip)
		return 1;
	return to_user(vcpu, VTR_EXIT_HLT);
}

static int handle_hypercall(struct vtr_vcpu *vcpu)
{
	struct vtr_run *run = vcpu->run;

	if (vtr_hypercall(vcpu, read_operand(vcpu, VTR_RAX))) {
		skip_insn(vcpu);
		return 1;
	}
	run->hypercall.nr = read_operand(vcpu, VTR_RAX);
	run->hypercall.args[0] = read_operand(vcpu, VTR_RBX);
	run->hypercall.args[1] = read_operand(vcpu, VTR_RCX);
	run->hypercall.args[2] = read_operand(vcpu, VTR_RDX);
	run->hypercall.args[3] = read_operand(vcpu, VTR_RSI);
	run->hypercall.ret = VTR_HC_UNKNOWN;
	vcpu->pending = VTR_PENDING_HYPERCALL;
	vcpu->pending_insn_bytes = vcpu->exit.insn_bytes;
	return to_user(vcpu, VTR_EXIT_HYPERCALL);
}

static int handle_slat(struct vtr_vcpu *vcpu)
{
	u64 gpa = vcpu->exit.slat.gpa;
	unsigned int access = vcpu->exit.slat.access;
	int err = vtr_mem_fault(vcpu, gpa, access);

	switch (err) {
	case 0:
		return 1;
	case -ENOENT:
	case -EROFS:
		return vtr_mmio_fault(vcpu);
	default:
		/* The host's problem: tell the program, the guest stays as it is. */
		pr_info_ratelimited("%s vCPU %u: no host memory for guest physical address 0x%llx (%pe)\n",
				    vcpu->vm->name, vcpu->id, gpa, ERR_PTR(err));
		return err;
	}
}

/* The interrupt was for the host, which has taken it already. */
static int handle_host_event(struct vtr_vcpu *vcpu)
{
	vtr_record(vcpu, VTR_TRACE_HOST, 0);
	return 1;
}

/* A notice for the hypervisor; the guest has not done anything, but time has passed. */
static int handle_notice(struct vtr_vcpu *vcpu)
{
	vtr_irqchip_timer(vcpu);
	return 1;
}

static int handle_triple(struct vtr_vcpu *vcpu)
{
	vcpu->activity = VTR_SHUTDOWN;
	return to_user(vcpu, VTR_EXIT_SHUTDOWN);
}

static int handle_cr_write(struct vtr_vcpu *vcpu, unsigned int nr, u64 value)
{
	if (vtr_cr_write(vcpu, nr, value))
		vtr_queue_gp(vcpu);
	else
		skip_insn(vcpu);
	return 1;
}

static int handle_cr(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	u64 cr0, value;

	switch (e->cr.op) {
	case VTR_CR_WRITE:
		return handle_cr_write(vcpu, e->cr.nr, read_operand(vcpu, e->cr.gpr));
	case VTR_CR_READ:
		preempt_disable();
		value = e->cr.nr == 8 ? vcpu->cr8 : vtr_backend->get_cr(vcpu, e->cr.nr);
		preempt_enable();
		vtr_write_gpr(vcpu, e->cr.gpr, value);
		skip_insn(vcpu);
		return 1;
	}
	preempt_disable();
	cr0 = vtr_backend->get_cr(vcpu, 0);
	preempt_enable();
	if (e->cr.op == VTR_CR_CLTS)
		return handle_cr_write(vcpu, 0, cr0 & ~X86_CR0_TS);
	/* LMSW sets PE, MP, EM and TS; it cannot clear PE. */
	value = (cr0 & ~0xeULL) | (e->cr.source & 0xf);
	return handle_cr_write(vcpu, 0, value);
}

/*
 * Debug registers live in the vCPU structure as long as none of them is armed
 * (the back end loads them for the guest then), so each access is seen here.
 */
static int handle_dr(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	unsigned int nr = e->dr.nr;
	u64 value, cr4, dr7;

	preempt_disable();
	cr4 = vtr_backend->get_cr(vcpu, 4);
	dr7 = vtr_backend->get_dr7(vcpu);
	preempt_enable();
	if (nr == 4 || nr == 5) {
		if (cr4 & X86_CR4_DE) {
			vtr_queue_ud(vcpu);
			return 1;
		}
		nr += 2;
	}
	if (!e->dr.write) {
		value = nr < 4 ? vcpu->dr[nr] : nr == 6 ? vcpu->dr6 : dr7;
		vtr_write_gpr(vcpu, e->dr.gpr, value);
		skip_insn(vcpu);
		return 1;
	}
	value = read_operand(vcpu, e->dr.gpr);
	if (nr >= 6 && value >> 32) {
		vtr_queue_gp(vcpu);
		return 1;
	}
	if (nr < 4)
		vcpu->dr[nr] = value;
	else if (nr == 6)
		vcpu->dr6 = (value & VTR_DR6_WRITABLE) | VTR_DR6_ONES;
	preempt_disable();
	if (nr == 7)
		vtr_backend->set_dr7(vcpu, (value & VTR_DR7_WRITABLE) | VTR_DR7_ONES);
	vtr_backend->skip_insn(vcpu);
	preempt_enable();
	return 1;
}

/*
 * Exceptions that the back end intercepts only to keep host and guest apart
 * (#DB, #AC) go back to the guest; the back end has filled in dr6.
 */
static int handle_exception(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;

	/* A trap whose instruction has not been left yet: it returns behind itself. */
	if (e->exception.by_int1) {
		vcpu->queued = (struct vtr_event) {
			.kind = VTR_EVENT_PRIV_SOFT_EXC, .vector = e->exception.vector,
			.insn_bytes = e->insn_bytes,
		};
		return 1;
	}
	vtr_queue_exception(vcpu, e->exception.vector, e->exception.has_error,
			    e->exception.error);
	return 1;
}

static int handle_window(struct vtr_vcpu *vcpu)
{
	/* An NMI window needs nothing: the next entry takes the NMI. */
	if (!READ_ONCE(vcpu->run->request_window))
		return 1;
	preempt_disable();
	if (!vtr_backend->can_inject(vcpu, VTR_EVENT_INTERRUPT)) {
		preempt_enable();
		return 1;
	}
	preempt_enable();
	return to_user(vcpu, VTR_EXIT_WINDOW);
}

static int handle_step(struct vtr_vcpu *vcpu)
{
	if (!(vcpu->debug & VTR_DEBUG_STEP_INSN))
		return 1;
	vcpu->run->debug.what = VTR_DEBUG_STEP_INSN;
	return to_user(vcpu, VTR_EXIT_DEBUG);
}

/* Instructions that this virtual processor does not have. */
static int handle_insn(struct vtr_vcpu *vcpu)
{
	vtr_queue_ud(vcpu);
	return 1;
}

static int handle_fail(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;
	struct vtr_run *run = vcpu->run;

	run->fail.insn_error = e->fail.insn_error;
	run->fail.reason = e->fail.reason;
	run->fail.qualification = e->qualification;
	vtr_backend->explain_failure(e, run->sentence, sizeof(run->sentence));
	trace_vtr_entry_failed(vcpu->vm->id, vcpu->id, e->fail.insn_error, e->fail.reason,
			       e->fail.broken, run->sentence);
	pr_info_ratelimited("%s vCPU %u: %s\n", vcpu->vm->name, vcpu->id, run->sentence);
	return to_user(vcpu, VTR_EXIT_FAIL_ENTRY);
}

static int handle_other(struct vtr_vcpu *vcpu)
{
	const struct vtr_exit *e = &vcpu->exit;

	return kill_guest(vcpu, "exit reason %u (%s), qualification 0x%llx, is not handled",
			  e->hw_reason, vtr_backend->reason_name(e->hw_reason),
			  e->qualification);
}

static int (* const handlers[VTR_HW_NR])(struct vtr_vcpu *) = {
	[VTR_HW_NONE]	   = handle_other,
	[VTR_HW_CPUID]	   = handle_cpuid,
	[VTR_HW_MSR]	   = handle_msr,
	[VTR_HW_IO]	   = handle_io,
	[VTR_HW_HLT]	   = handle_hlt,
	[VTR_HW_HYPERCALL] = handle_hypercall,
	[VTR_HW_SLAT]	   = handle_slat,
	[VTR_HW_HOST_IRQ]  = handle_host_event,
	[VTR_HW_HOST_NMI]  = handle_host_event,
	[VTR_HW_TRIPLE]	   = handle_triple,
	[VTR_HW_CR]	   = handle_cr,
	[VTR_HW_DR]	   = handle_dr,
	[VTR_HW_EXCEPTION] = handle_exception,
	[VTR_HW_WINDOW]	   = handle_window,
	[VTR_HW_STEP]	   = handle_step,
	[VTR_HW_INSN]	   = handle_insn,
	[VTR_HW_FAIL]	   = handle_fail,
	[VTR_HW_OTHER]	   = handle_other,
	[VTR_HW_TASK_SWITCH] = vtr_handle_task_switch,
	[VTR_HW_BAD_SLAT]  = vtr_handle_bad_slat,
	[VTR_HW_CACHE]	   = vtr_handle_cache,
	[VTR_HW_SPIN]	   = vtr_handle_spin,
	[VTR_HW_PMC]	   = vtr_handle_pmc,
	[VTR_HW_NOTICE]	   = handle_notice,
	[VTR_HW_APIC_ACCESS] = vtr_handle_apic_access,
	[VTR_HW_APIC_WRITE] = vtr_handle_apic_write,
	[VTR_HW_APIC_END]  = vtr_handle_apic_end,
};

/**
 * vtr_handle_exit() - act on vcpu->exit
 * @vcpu: the vCPU, its mutex held, loaded
 *
 * Return: 1: enter again; 0: vcpu->run is for the user side; -errno.
 */
int vtr_handle_exit(struct vtr_vcpu *vcpu)
{
	u32 kind = vcpu->exit.kind;
	int ret;

	if (WARN_ON_ONCE(kind >= VTR_HW_NR))
		kind = VTR_HW_OTHER;
	ret = handlers[kind](vcpu);

	/* A triple fault may also come out of combining exceptions. */
	if (ret == 1 && vcpu->activity == VTR_SHUTDOWN)
		return handle_triple(vcpu);
	/* A single step is over when the module has done the instruction itself. */
	if (ret == 1 && (vcpu->debug & VTR_DEBUG_STEP_INSN) && kind != VTR_HW_STEP &&
	    kind != VTR_HW_SLAT && kind != VTR_HW_HOST_IRQ && kind != VTR_HW_HOST_NMI &&
	    kind != VTR_HW_WINDOW && kind != VTR_HW_NOTICE && !vtr_vm_dead(vcpu->vm))
		return handle_step(vcpu);
	return ret;
}

/**
 * vtr_complete_pending() - take the user side's answer over
 * @vcpu: the vCPU, its mutex held, loaded
 *
 * What is unfinished is remembered in the vCPU, not in the run page, which the
 * program may have overwritten: only the answer itself is taken from there.
 * Return: 1: enter the guest; 0: the same instruction has a further access for
 * the user side; -errno.
 */
int vtr_complete_pending(struct vtr_vcpu *vcpu)
{
	u64 data, mask;

	/* The state may come from another vCPU: then this one has not exited for it. */
	if (vcpu->pending)
		vcpu->exit.insn_bytes = vcpu->pending_insn_bytes;
	switch (vcpu->pending) {
	case VTR_PENDING_IN:
		/* LAB 3.8: vtr_vm_kill(vcpu->vm, "IN is not finished yet"); */
		data = READ_ONCE(vcpu->run->io.data);
		mask = GENMASK_ULL(vcpu->pending_bytes * 8 - 1, 0);
		/* A 32-bit IN clears the upper half of RAX, smaller ones keep it. */
		if (vcpu->pending_bytes == 4)
			vcpu->gpr[VTR_RAX] = data & mask;
		else
			vcpu->gpr[VTR_RAX] = (vcpu->gpr[VTR_RAX] & ~mask) | (data & mask);
		skip_insn(vcpu);
		/* LAB 3.8 END */
		break;
	case VTR_PENDING_HYPERCALL:
		vcpu->gpr[VTR_RAX] = READ_ONCE(vcpu->run->hypercall.ret);
		skip_insn(vcpu);
		break;
	case VTR_PENDING_RDMSR:
	case VTR_PENDING_WRMSR:
		complete_msr(vcpu);
		break;
	}
	vcpu->pending = VTR_PENDING_NONE;
	return vtr_access_complete(vcpu);
}
