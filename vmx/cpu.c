// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX root mode on a core: VMXON, VMXOFF, and getting out in an emergency.
 *
 * module/main.c calls vmx_cpu_enable() and vmx_cpu_disable() on each core as it
 * comes and goes.  Steps to root mode, SDM 3C "Enabling and Entering VMX
 * Operation" (24.7): (1) firmware allows it (caps.c); (2) CR4.VMXE, set through
 * the kernel's own helper, because the kernel writes CR4 from a shadow and
 * would clear a bit that the shadow does not know; (3) VMXON with a page that
 * begins with the revision identifier.
 * A core in root mode ignores INIT: a crash kernel could not start it.  So the
 * kernel's emergency callback leaves root mode from whatever context the crash
 * has stopped the core in.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/perf_event.h>
#include <linux/seq_file.h>
#include <asm/perf_event.h>
#include <asm/reboot.h>
#include <asm/tlbflush.h>

#include "caps.h"
#include "insn.h"
#include "vmx.h"

DEFINE_PER_CPU(struct vmx_core, vmx_core);

/*
 * Leave root mode during a crash or an emergency reboot.  Context: any, even an
 * NMI in the middle of vmx_vmcs_load(); nothing on this core runs afterwards.
 * VMCSs are written back, so that a dump holds what the core had cached.
 */
static void emergency_disable(void)
{
	struct vmx_core *core = this_cpu_ptr(&vmx_core);
	struct vmx_vmcs *vmcs;

	WRITE_ONCE(vtr_shutting_down, true);
	/* LAB 1.7: return; */
	if (!(__read_cr4() & X86_CR4_VMXE) || !core->enabled)
		return;
	list_for_each_entry(vmcs, &core->loaded, link)
		vmclear(vmcs->phys);
	vmxoff();
	core->enabled = false;
	cr4_clear_bits(X86_CR4_VMXE);
	/* LAB 1.7 END */
}

static void free_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_core *core = per_cpu_ptr(&vmx_core, cpu);

		free_page((unsigned long)core->vmxon_region);
		core->vmxon_region = NULL;
	}
}

/**
 * vmx_hw_init() - allocate what every core needs, prepare for a crash
 *
 * Context: process, at load, after vmx_probe() has found that KVM is not there:
 * the emergency callback has one slot.
 * Return: 0 or -ENOMEM.
 */
int vmx_hw_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_core *core = per_cpu_ptr(&vmx_core, cpu);

		INIT_LIST_HEAD(&core->loaded);
		/* LAB 1.3: free_regions();\nreturn -ENOSYS; */
		core->vmxon_region = (void *)get_zeroed_page(GFP_KERNEL);
		if (!core->vmxon_region) {
			free_regions();
			return -ENOMEM;
		}
		*(u32 *)core->vmxon_region = vmx_caps.revision;
		/* LAB 1.3 END */
	}
	cpu_emergency_register_virt_callback(emergency_disable);
	return 0;
}

void vmx_hw_exit(void)
{
	cpu_emergency_unregister_virt_callback(emergency_disable);
	free_regions();
}

/**
 * vmx_cpu_enable() - bring this core into VMX root mode
 *
 * Context: on the core; it cannot be left meanwhile.
 * Return: 0; -ENODEV, -EBUSY, -EIO as named in the kernel log.
 */
int vmx_cpu_enable(void)
{
	struct vmx_core *core = this_cpu_ptr(&vmx_core);
	unsigned long flags;
	int err = vmx_check_this_core();

	if (err)
		return err;
	/* LAB 1.5: return -ENOSYS; */
	/* Intel Processor Trace may have to pause: the kernel knows. */
	intel_pt_handle_vmx(1);
	local_irq_save(flags);
	cr4_set_bits(X86_CR4_VMXE);
	err = vmxon(virt_to_phys(core->vmxon_region));
	if (err) {
		cr4_clear_bits(X86_CR4_VMXE);
	} else {
		core->enabled = true;
		/* Translations of an earlier stay may be cached under our tags. */
		if (invept(INVEPT_ALL, 0))
			pr_warn_once("INVEPT of all contexts failed\n");
	}
	local_irq_restore(flags);
	if (err) {
		intel_pt_handle_vmx(0);
		pr_err("CPU %d: VMXON failed\n", smp_processor_id());
	}
	return err;
	/* LAB 1.5 END */
}

/* Undo vmx_cpu_enable(); does nothing on a core that is not in root mode. */
void vmx_cpu_disable(void)
{
	struct vmx_core *core = this_cpu_ptr(&vmx_core);
	unsigned long flags;

	local_irq_save(flags);
	/* LAB 1.6: goto out; */
	if (!core->enabled)
		goto out;
	vmx_vmcs_clear_all_here();
	if (vmxoff())
		pr_err("CPU %d: VMXOFF failed\n", smp_processor_id());
	core->enabled = false;
	cr4_clear_bits(X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
	/* LAB 1.6 END */
out:
	local_irq_restore(flags);
}

/* What VMX can do on @cpu, in the processor's own words; an MSR may be missing. */
static void show_msrs(struct seq_file *m, int cpu)
{
	static const struct {
		const char *name;
		u32 index;
	} msrs[] = {
#define VMX_MSR(name_, index_, word_, meaning_, title_) { #name_, index_ },
#include "msrs.def"
#undef VMX_MSR
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
		u64 value;

		if (!rdmsrl_safe_on_cpu(cpu, msrs[i].index, &value))
			seq_printf(m, "msr %s 0x%x 0x%llx\n", msrs[i].name, msrs[i].index, value);
	}
}

/* /sys/kernel/debug/vitrine/cpu<N> */
void vmx_cpu_show(struct seq_file *m, int cpu)
{
	const struct vmx_core *core = per_cpu_ptr(&vmx_core, cpu);

	seq_printf(m, "online: %s\n", cpu_online(cpu) ? "yes" : "no");
	seq_printf(m, "vmx_root_mode: %s\n", READ_ONCE(core->enabled) ? "on" : "off");
	seq_printf(m, "vmcs_revision: 0x%x\n", vmx_caps.revision);
	seq_printf(m, "current_vmcs: %s\n", READ_ONCE(core->current_vmcs) ? "yes" : "none");
	seq_printf(m, "controls: pin 0x%x proc 0x%x proc2 0x%x exit 0x%x entry 0x%x\n",
		   vmx_caps.pin, vmx_caps.proc, vmx_caps.proc2, vmx_caps.exit, vmx_caps.entry);
	seq_printf(m, "ept_vpid: 0x%llx\nvpid: %s\n", vmx_caps.ept_vpid,
		   vmx_has_vpid() ? "used" : "not used");
	show_msrs(m, cpu);
}
