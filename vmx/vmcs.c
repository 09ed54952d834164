// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM control structures: allocation, and on which core each one is loaded.
 *
 * A core may keep a loaded VMCS in registers of its own; memory has the truth
 * only after VMCLEAR on that core.  So a VMCS is loaded on one core at a time:
 * vmx_vmcs_load() first has the old core clear it, by an interrupt to it.  Each
 * core keeps a list of what is loaded, for the moment when it goes offline.
 * Called by vmx/run.c and vmx/cpu.c.
 * Source: SDM 3C "Software Use of Virtual-Machine Control Structures" (25.11).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <asm/nospec-branch.h>

#include "caps.h"
#include "insn.h"
#include "vmx.h"

/*
 * A failed VMREAD or VMWRITE means a bug in Vitrine, or that the machine goes
 * down and root mode is already off.
 */
void vmx_vmread_failed(u32 encoding)
{
	if (!READ_ONCE(vtr_shutting_down))
		WARN_ONCE(1, "vitrine: VMREAD of field 0x%x failed\n", encoding);
}

void vmx_vmwrite_failed(u32 encoding, u64 value)
{
	if (!READ_ONCE(vtr_shutting_down))
		WARN_ONCE(1, "vitrine: VMWRITE of 0x%llx to field 0x%x failed\n",
			  value, encoding);
}

/**
 * vmx_vmcs_alloc() - make a VMCS, loaded nowhere and not launched
 * @vmcs: filled
 *
 * What a new page holds may mean something to the processor: VMCLEAR, on any
 * core, makes a VMCS of it.  SDM 3C "Initializing a VMCS" (25.11.3).
 *
 * Context: sleeps.
 * Return: 0; -ENOMEM; -EIO: this core is not in root mode, the machine goes down.
 */
int vmx_vmcs_alloc(struct vmx_vmcs *vmcs)
{
	/* LAB 2.2: return -ENOSYS; */
	vmcs->region = (void *)get_zeroed_page(VTR_GFP_CHARGED);
	if (!vmcs->region)
		return -ENOMEM;
	*(u32 *)vmcs->region = vmx_caps.revision;
	vmcs->phys = virt_to_phys(vmcs->region);
	vmcs->cpu = -1;
	vmcs->launched = false;
	INIT_LIST_HEAD(&vmcs->link);
	if (vmclear(vmcs->phys)) {
		vmx_vmcs_free(vmcs);
		return -EIO;
	}
	return 0;
	/* LAB 2.2 END */
}

/*
 * VMCLEAR on the core that holds it; afterwards it is loaded nowhere and not
 * launched.  Context: interrupts off.
 */
static void clear_here(struct vmx_vmcs *vmcs)
{
	struct vmx_core *core = this_cpu_ptr(&vmx_core);

	/* LAB 2.2: return; */
	if (vmcs->cpu != smp_processor_id())
		return;		/* it was cleared when the core went offline */
	if (core->enabled && vmclear(vmcs->phys) && !READ_ONCE(vtr_shutting_down))
		WARN_ONCE(1, "vitrine: VMCLEAR failed\n");
	if (core->current_vmcs == vmcs)
		core->current_vmcs = NULL;
	/* Off the list last: the emergency callback may come in between. */
	list_del_init(&vmcs->link);
	vmcs->launched = false;
	/* Whoever sees -1 may load it: everything before must be visible. */
	smp_store_release(&vmcs->cpu, -1);
	/* LAB 2.2 END */
}

static void clear_by_interrupt(void *vmcs)
{
	clear_here(vmcs);
}

/**
 * vmx_vmcs_clear() - write a VMCS back to memory, wherever it is loaded
 * @vmcs: the VMCS; its vCPU does not run
 *
 * Context: interrupts on; does not sleep.
 */
void vmx_vmcs_clear(struct vmx_vmcs *vmcs)
{
	/* LAB 3.9: on_each_cpu(clear_by_interrupt, vmcs, 1); */
	/* Who sees -1 sees what the core has written back. */
	int cpu = smp_load_acquire(&vmcs->cpu);

	/* Fails only if that core is offline; it has cleared the VMCS then. */
	if (cpu >= 0)
		smp_call_function_single(cpu, clear_by_interrupt, vmcs, 1);
	/* LAB 3.9 END */
}

/* Clear all that is loaded on this core.  Context: interrupts off. */
void vmx_vmcs_clear_all_here(void)
{
	struct vmx_core *core = this_cpu_ptr(&vmx_core);
	struct vmx_vmcs *vmcs, *next;

	list_for_each_entry_safe(vmcs, next, &core->loaded, link)
		clear_here(vmcs);
}

/* No core may hold what is given back; one without a region is let be.  Context: sleeps. */
void vmx_vmcs_free(struct vmx_vmcs *vmcs)
{
	/* LAB 2.2: return; */
	if (!vmcs->region)
		return;
	vmx_vmcs_clear(vmcs);
	free_page((unsigned long)vmcs->region);
	vmcs->region = NULL;
	/* LAB 2.2 END */
}

/* From the core that has it, if one has, to this one.  Context: as vmx_vmcs_load(). */
static void move_here(struct vmx_vmcs *vmcs, int cpu)
{
	struct vmx_core *core = this_cpu_ptr(&vmx_core);
	unsigned long flags;

	/* LAB 3.9: list_move(&vmcs->link, &core->loaded);\nvmcs->cpu = cpu; */
	vmx_vmcs_clear(vmcs);
	local_irq_save(flags);
	vmcs->cpu = cpu;
	list_add(&vmcs->link, &core->loaded);
	local_irq_restore(flags);
	/* LAB 3.9 END */
}

/**
 * vmx_vmcs_load() - make a VMCS this core's current one
 * @vmcs: the VMCS
 * @cpu: this core
 *
 * Context: preemption off, interrupts on (the old core is asked by interrupt).
 * Return: true if it was not loaded here before, so that host state which
 * differs from core to core must be written.
 */
bool vmx_vmcs_load(struct vmx_vmcs *vmcs, int cpu)
{
	struct vmx_core *core = this_cpu_ptr(&vmx_core);
	bool moved = vmcs->cpu != cpu;

	if (moved)
		move_here(vmcs, cpu);
	/* LAB 2.2: */
	if (core->current_vmcs != vmcs) {
		if (vmptrld(vmcs->phys) && !READ_ONCE(vtr_shutting_down))
			WARN_ONCE(1, "vitrine: VMPTRLD failed\n");
		core->current_vmcs = vmcs;
		/* Another guest's branch history must not steer this one. */
		indirect_branch_prediction_barrier();
	}
	/* LAB 2.2 END */
	return moved;
}

/* ---- VPIDs: tags of cached linear translations ---------------------------------- */

#define NR_VPIDS	BIT(16)

static DECLARE_BITMAP(vpids, NR_VPIDS);
static DEFINE_SPINLOCK(vpid_lock);

/* Return: a tag, or 0 if there is none left (or none at all): run without. */
int vmx_vpid_alloc(void)
{
	unsigned long vpid;

	if (!vmx_has_vpid())
		return 0;
	spin_lock(&vpid_lock);
	__set_bit(0, vpids);	/* tag 0 is the host's */
	vpid = find_first_zero_bit(vpids, NR_VPIDS);
	if (vpid < NR_VPIDS)
		__set_bit(vpid, vpids);
	spin_unlock(&vpid_lock);
	return vpid < NR_VPIDS ? vpid : 0;
}

void vmx_vpid_free(u16 vpid)
{
	if (!vpid)
		return;
	spin_lock(&vpid_lock);
	__clear_bit(vpid, vpids);
	spin_unlock(&vpid_lock);
}
