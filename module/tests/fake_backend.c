// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fake back end: every operation of module/backend.h in its simplest form.
 *
 * Guest state is what was last set; "running" hands the queued event to the
 * guest and ends with the exit that the script names (fake_backend.h).  The
 * rules of the door that can be checked are checked: whoever calls without
 * having loaded the vCPU, or enters with interrupts on, is counted, and each
 * test ends by demanding that the count is 0 (machine.c).
 * This is the file to copy when a back end for another processor begins.
 */
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/processor-flags.h>

#include "fake_backend.h"

/* Count @broken; the line tells which rule in the kernel's log. */
static void demand(struct vtr_vcpu *vcpu, bool kept, const char *rule)
{
	if (kept)
		return;
	to_fake(vcpu)->violations++;
	pr_info("fake back end: rule broken: %s\n", rule);
}

static struct fake_vcpu *fake_of(struct vtr_vcpu *vcpu)
{
	demand(vcpu, to_fake(vcpu)->loaded, "the vCPU must be loaded");
	return to_fake(vcpu);
}

/* ---- life of the module ----------------------------------------------------- */

static int probe(void)
{
	return 0;
}

static int hw_init(void)
{
	return 0;
}

static void hw_exit(void)
{
}

static int cpu_enable(void)
{
	return 0;
}

static void cpu_disable(void)
{
}

static void cpu_show(struct seq_file *m, int cpu)
{
	seq_printf(m, "CPU %d has nothing to show\n", cpu);
}

static bool feature(unsigned int index, struct vtr_feature *feature)
{
	return false;
}

/* ---- life of a vCPU ----------------------------------------------------------- */

/* The state after a reset, as far as the neutral core looks at it. */
static void reset(struct vtr_vcpu *vcpu)
{
	struct fake_vcpu *v = to_fake(vcpu);

	v->regs = (struct vtr_regs) {};
	v->sregs = (struct vtr_sregs) {};
	v->regs.rip = 0xfff0;
	v->regs.rflags = X86_EFLAGS_FIXED;
	v->sregs.cr0 = X86_CR0_ET | X86_CR0_CD | X86_CR0_NW;
	v->dr7 = VTR_DR7_ONES;
}

static void take_init(struct vtr_vcpu *vcpu)
{
	u64 caching = to_fake(vcpu)->sregs.cr0 & (X86_CR0_CD | X86_CR0_NW);

	reset(vcpu);
	to_fake(vcpu)->sregs.cr0 = X86_CR0_ET | caching;
}

static struct vtr_vcpu *vcpu_create(struct vtr_vm *vm)
{
	struct fake_vcpu *v = kzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return ERR_PTR(-ENOMEM);
	reset(&v->base);
	return &v->base;
}

static void vcpu_destroy(struct vtr_vcpu *vcpu)
{
	kfree_rcu(to_fake(vcpu), base.rcu);
}

static void vcpu_load(struct vtr_vcpu *vcpu, int cpu)
{
	struct fake_vcpu *v = to_fake(vcpu);

	demand(vcpu, !v->loaded, "load and put take turns");
	v->loaded = true;
	v->loads++;
}

static void vcpu_put(struct vtr_vcpu *vcpu)
{
	fake_of(vcpu)->loaded = false;
	to_fake(vcpu)->puts++;
}

static void deliver(struct fake_vcpu *v, const struct fake_step *step)
{
	if (!v->injected.kind)
		return;
	if (step && step->undelivered)
		v->base.queued = v->injected;
	else if (v->nr_delivered < FAKE_MAX_DELIVERED)
		v->delivered[v->nr_delivered++] = v->injected;
	v->injected = (struct vtr_event) {};
}

static void vcpu_run(struct vtr_vcpu *vcpu, struct vtr_exit *exit)
{
	struct fake_vcpu *v = fake_of(vcpu);
	const struct fake_step *step = NULL;

	demand(vcpu, irqs_disabled(), "entered with interrupts off");
	demand(vcpu, READ_ONCE(vcpu->mode) == VTR_MODE_IN_GUEST, "entered in mode IN_GUEST");
	if (v->entries < v->nr_steps)
		step = &v->script[v->entries];
	v->entries++;
	deliver(v, step);
	if (step && step->in_guest)
		step->in_guest(v);
	*exit = step ? step->exit : (struct vtr_exit) {
		.kind = VTR_HW_HLT, .hw_reason = FAKE_HLT_REASON, .insn_bytes = 1,
	};
	if (step && step->undelivered)
		exit->in_delivery = true;
	exit->rip = v->regs.rip;
}

/* ---- state -------------------------------------------------------------------- */

static void get_regs(struct vtr_vcpu *vcpu, struct vtr_regs *regs)
{
	struct fake_vcpu *v = fake_of(vcpu);

	*regs = v->regs;
	memcpy(regs->gpr, vcpu->gpr, sizeof(regs->gpr));
	regs->gpr[VTR_RSP] = v->regs.gpr[VTR_RSP];
}

static void set_regs(struct vtr_vcpu *vcpu, const struct vtr_regs *regs)
{
	fake_of(vcpu)->regs = *regs;
	memcpy(vcpu->gpr, regs->gpr, sizeof(regs->gpr));
}

static void get_sregs(struct vtr_vcpu *vcpu, struct vtr_sregs *sregs)
{
	*sregs = fake_of(vcpu)->sregs;
}

static void set_sregs(struct vtr_vcpu *vcpu, const struct vtr_sregs *sregs)
{
	fake_of(vcpu)->sregs = *sregs;
}

static u64 *cr(struct vtr_vcpu *vcpu, unsigned int nr)
{
	struct fake_vcpu *v = fake_of(vcpu);

	demand(vcpu, nr == 0 || nr == 3 || nr == 4, "the core keeps the other control registers");
	return nr == 0 ? &v->sregs.cr0 : nr == 3 ? &v->sregs.cr3 : &v->sregs.cr4;
}

static u64 get_cr(struct vtr_vcpu *vcpu, unsigned int nr)
{
	return *cr(vcpu, nr);
}

static void set_cr(struct vtr_vcpu *vcpu, unsigned int nr, u64 value)
{
	*cr(vcpu, nr) = value;
}

static void set_efer(struct vtr_vcpu *vcpu, u64 efer)
{
	fake_of(vcpu)->sregs.efer = efer;
}

static void load_pdptrs(struct vtr_vcpu *vcpu, const u64 pdpte[4])
{
	memcpy(fake_of(vcpu)->pdptrs, pdpte, 4 * sizeof(*pdpte));
}

static u64 *find_msr(struct fake_vcpu *v, u32 index)
{
	for (unsigned int i = 0; i < min_t(size_t, vtr_msr_count, ARRAY_SIZE(v->msrs)); i++)
		if (vtr_msr_list[i] == index)
			return &v->msrs[i];
	return NULL;
}

static int get_msr(struct vtr_vcpu *vcpu, u32 index, u64 *value)
{
	u64 *msr = find_msr(fake_of(vcpu), index);

	if (!msr)
		return -ENOENT;
	*value = *msr;
	return 0;
}

static int set_msr(struct vtr_vcpu *vcpu, u32 index, u64 value)
{
	u64 *msr = find_msr(fake_of(vcpu), index);

	if (!msr)
		return -ENOENT;
	/* Stands for a value that the processor refuses. */
	if (value == ~0ULL)
		return -EINVAL;
	*msr = value;
	return 0;
}

static void get_blocking(struct vtr_vcpu *vcpu, struct vtr_events *events)
{
	events->interrupt_shadow = fake_of(vcpu)->blocking.interrupt_shadow;
	events->nmi_blocked = to_fake(vcpu)->blocking.nmi_blocked;
	events->pending_debug = to_fake(vcpu)->blocking.pending_debug;
}

static void set_blocking(struct vtr_vcpu *vcpu, const struct vtr_events *events)
{
	fake_of(vcpu)->blocking = *events;
}

static u64 get_dr7(struct vtr_vcpu *vcpu)
{
	return fake_of(vcpu)->dr7;
}

static void set_dr7(struct vtr_vcpu *vcpu, u64 dr7)
{
	fake_of(vcpu)->dr7 = dr7;
}

static u64 get_tsc_offset(struct vtr_vcpu *vcpu)
{
	return fake_of(vcpu)->tsc_offset;
}

static void set_tsc_offset(struct vtr_vcpu *vcpu, u64 offset)
{
	fake_of(vcpu)->tsc_offset = offset;
}

static void set_tsc_ratio(struct vtr_vcpu *vcpu, u64 ratio)
{
	fake_of(vcpu)->tsc_ratio = ratio;
}

static void skip_insn(struct vtr_vcpu *vcpu)
{
	struct fake_vcpu *v = fake_of(vcpu);

	v->regs.rip += vcpu->exit.insn_bytes;
	v->blocking.interrupt_shadow = 0;
	v->skips++;
}

/* ---- events -------------------------------------------------------------------- */

static void inject(struct vtr_vcpu *vcpu, const struct vtr_event *event)
{
	struct fake_vcpu *v = fake_of(vcpu);

	demand(vcpu, !v->injected.kind || !event->kind, "one event for one entry");
	v->injected = *event;
}

static bool can_inject(struct vtr_vcpu *vcpu, enum vtr_event_kind kind)
{
	struct fake_vcpu *v = fake_of(vcpu);

	if (kind == VTR_EVENT_NMI)
		return !v->blocking.nmi_blocked &&
		       !(v->blocking.interrupt_shadow & VTR_SHADOW_MOV_SS);
	return (v->regs.rflags & X86_EFLAGS_IF) && !v->blocking.interrupt_shadow;
}

static void set_window(struct vtr_vcpu *vcpu, enum vtr_event_kind kind, bool on)
{
	struct fake_vcpu *v = fake_of(vcpu);

	if (kind == VTR_EVENT_NMI)
		v->nmi_window = on;
	else
		v->interrupt_window = on;
}

static void set_step(struct vtr_vcpu *vcpu, bool on)
{
	fake_of(vcpu)->step = on;
}

static void flush_slat(struct vtr_vcpu *vcpu)
{
	fake_of(vcpu)->flushes++;
}

static int check_sregs(const struct vtr_sregs *sregs)
{
	return (sregs->cr0 & X86_CR0_PG) && !(sregs->cr0 & X86_CR0_PE) ? -EINVAL : 0;
}

/* ---- looking -------------------------------------------------------------------- */

static void snapshot(struct vtr_vcpu *vcpu, struct vtr_snapshot *snap)
{
	get_regs(vcpu, &snap->regs);
	get_sregs(vcpu, &snap->sregs);
	snap->last_hw_reason = vcpu->exit.hw_reason;
	snap->nr_fields = 0;
}

/* Real mode with paging is what no processor enters. */
static void check(struct vtr_vcpu *vcpu, struct vtr_entry_check *check)
{
	fake_of(vcpu)->checked = to_fake(vcpu)->injected;
	memset(check, 0, sizeof(*check));
	if (!check_sregs(&to_fake(vcpu)->sregs))
		return;
	check->outcome = VTR_ENTRY_BAD_GUEST;
	check->broken = 1;
	strscpy_pad(check->rule, "FAKE_PG_NEEDS_PE", sizeof(check->rule));
}

static int read_field(struct vtr_vcpu *vcpu, u32 encoding, u64 *value)
{
	return -ENOENT;
}

static bool is_host_field(u32 encoding)
{
	return false;
}

static const char *reason_name(u32 hw_reason)
{
	return hw_reason == FAKE_HLT_REASON ? "HLT" : "scripted";
}

static bool describe_field(const struct vtr_field *field, u32 hw_reason, const char **group,
			   const char **name, char *meaning, size_t room)
{
	return false;
}

static void explain_failure(const struct vtr_exit *exit, char *buf, size_t room)
{
	scnprintf(buf, room, "the script says so (error %u)", exit->fail.insn_error);
}

static void set_apicv(struct vtr_vcpu *vcpu, const struct vtr_apicv *apicv)
{
	demand(vcpu, !(apicv->does & ~fake_backend.info.apicv), "only what it can do");
	fake_of(vcpu)->apicv = *apicv;
}

static void set_timer(struct vtr_vcpu *vcpu, u64 tsc)
{
	fake_of(vcpu)->timer_tsc = tsc;
}

struct vtr_backend fake_backend = {
	.id		 = VTR_BACKEND_FAKE,
	.name		 = "fake",
	.info		 = { .gpa_bits = 39, .slat_2m = true, .rdtscp = true,
			     .step_insn = true, .tsc_fraction_bits = 48 },
	.probe		 = probe,
	.hw_init	 = hw_init,
	.hw_exit	 = hw_exit,
	.cpu_enable	 = cpu_enable,
	.cpu_disable	 = cpu_disable,
	.cpu_show	 = cpu_show,
	.feature	 = feature,
	.vcpu_create	 = vcpu_create,
	.vcpu_destroy	 = vcpu_destroy,
	.vcpu_load	 = vcpu_load,
	.vcpu_put	 = vcpu_put,
	.vcpu_run	 = vcpu_run,
	.take_init	= take_init,
	.get_regs	 = get_regs,
	.set_regs	 = set_regs,
	.get_sregs	 = get_sregs,
	.set_sregs	 = set_sregs,
	.get_cr		 = get_cr,
	.set_cr		 = set_cr,
	.set_efer	 = set_efer,
	.load_pdptrs	 = load_pdptrs,
	.get_msr	 = get_msr,
	.set_msr	 = set_msr,
	.get_blocking	 = get_blocking,
	.set_blocking	 = set_blocking,
	.get_dr7	 = get_dr7,
	.set_dr7	 = set_dr7,
	.get_tsc_offset	 = get_tsc_offset,
	.set_tsc_offset	 = set_tsc_offset,
	.set_tsc_ratio	 = set_tsc_ratio,
	.skip_insn	 = skip_insn,
	.inject		 = inject,
	.can_inject	 = can_inject,
	.set_window	 = set_window,
	.set_step	 = set_step,
	.set_apicv	 = set_apicv,
	.set_timer	 = set_timer,
	.flush_slat	 = flush_slat,
	.check_sregs	 = check_sregs,
	.snapshot	 = snapshot,
	.check		 = check,
	.read_field	 = read_field,
	.is_host_field	 = is_host_field,
	.reason_name	 = reason_name,
	.describe_field	 = describe_field,
	.explain_failure = explain_failure,
};
