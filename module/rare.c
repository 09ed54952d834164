// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done about exits that are rare: hardware task switches, second-level
 * entries that no processor takes, cache instructions, spinning, RDPMC.
 *
 * Called by module/handle.c through its table, with the same rules: 1 to enter
 * again, 0 to go up, -errno.  docs/exits.md has a row for each exit reason.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <asm/processor-flags.h>

#include "vtr.h"

static void skip_insn(struct vtr_vcpu *vcpu)
{
	preempt_disable();
	vtr_backend->skip_insn(vcpu);
	preempt_enable();
}

/*
 * No extension switches tasks, and no 64-bit system uses the mechanism: the
 * guest would have to be emulated for a dozen memory accesses.  Say what it
 * wanted, so that its author finds the gate or the TSS.
 * SDM 3C "Treatment of Task Switches" (26.4.2).
 */
int vtr_handle_task_switch(struct vtr_vcpu *vcpu)
{
	static const char * const by[] = {
		[VTR_TASK_CALL] = "CALL", [VTR_TASK_IRET] = "IRET (RFLAGS.NT is set)",
		[VTR_TASK_JMP] = "JMP", [VTR_TASK_GATE] = "a task gate in the IDT",
	};
	const struct vtr_exit *e = &vcpu->exit;
	char gate[24] = "";

	/* Through the IDT: the event that found the gate waits in queued. */
	if (e->task.source == VTR_TASK_GATE && vcpu->queued.kind)
		scnprintf(gate, sizeof(gate), ", vector %u", vcpu->queued.vector);
	vtr_vm_kill(vcpu->vm, "vCPU %u at RIP 0x%llx: hardware task switch to the TSS of selector 0x%x by %s%s: Vitrine does not switch tasks",
		    vcpu->id, e->rip, e->task.selector, by[e->task.source & 3], gate);
	return 1;
}

/*
 * A second-level entry has a setting that the processor does not allow.  Only
 * the module writes these entries, so this is a bug of the module or a broken
 * memory: name the entry, without the host's frame number.
 */
int vtr_handle_bad_slat(struct vtr_vcpu *vcpu)
{
	const u64 frame_mask = GENMASK_ULL(51, 12);
	struct vtr_vm *vm = vcpu->vm;
	struct vtr_slat_walk w = {};
	unsigned int last;
	char words[80] = "";

	spin_lock(&vm->mem.lock);
	vm->mem.root->ops->walk(vm->mem.root, vcpu->exit.slat.gpa, &w);
	spin_unlock(&vm->mem.lock);
	last = w.nr_levels ? w.nr_levels - 1 : 0;
	vm->mem.root->ops->describe(words, sizeof(words), w.entry[last] & ~frame_mask,
				    w.level[last]);
	vtr_vm_kill(vm, "vCPU %u: second-level entry that no processor takes, for guest physical address 0x%llx: level %u holds 0x%llx (%s)",
		    vcpu->id, vcpu->exit.slat.gpa, w.level[last], w.entry[last] & ~frame_mask,
		    words);
	return 1;
}

/*
 * INVD and WBINVD: the caches are the host's, coherent, and guest memory is
 * write-back everywhere, so there is nothing that the guest could see.  INVD
 * really executed would throw the host's data away.
 */
int vtr_handle_cache(struct vtr_vcpu *vcpu)
{
	skip_insn(vcpu);
	return 1;
}

/*
 * PAUSE in a loop: the vCPU probably waits for another one that does not run.
 * Give the core away once.
 */
int vtr_handle_spin(struct vtr_vcpu *vcpu)
{
	skip_insn(vcpu);
	yield();
	return 1;
}

/*
 * There are no counters (CPUID leaf 0AH is zero), so each number is one too
 * many: SDM 2B "RDPMC--Read Performance-Monitoring Counters".
 */
int vtr_handle_pmc(struct vtr_vcpu *vcpu)
{
	vtr_queue_gp(vcpu);
	return 1;
}
