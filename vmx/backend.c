// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX behind the neutral door: the table of operations, and the life of a
 * vCPU's VMX part.
 *
 * module/main.c knows this table by name, nobody else in module/ does.
 * Read next: vmx/caps.c and vmx/cpu.c (load), vmx/setup.c (a new VMCS),
 * vmx/run.c (entry), vmx/exit.c (exits).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/slab.h>
#include <asm/processor.h>

#include "../ept/ept.h"
#include "caps.h"
#include "check.h"
#include "describe.h"
#include "vmx.h"

static int hw_init(void)
{
	struct vtr_backend_info *info = &vtr_vmx_backend.info;

	/* Four levels of EPT translate 48 bits, the processor may have fewer. */
	info->gpa_bits = min_t(unsigned int, boot_cpu_data.x86_phys_bits, 48);
	info->slat_2m = vmx_caps.ept_vpid & VMX_EPTVPID_PAGE_2M;
	info->slat_1g = vmx_caps.ept_vpid & VMX_EPTVPID_PAGE_1G;
	info->slat_ad = vmx_caps.ept_vpid & VMX_EPTVPID_ACCESSED_DIRTY;
	info->rdtscp = vmx_has_rdtscp();
	info->step_insn = vmx_has_monitor_trap_flag();
	info->tsc_fraction_bits = vmx_has_tsc_scaling() ? VMX_TSC_FRACTION_BITS : 0;
	info->apicv = vmx_apicv_can(vmx_caps.may[VMX_WORD_PROC], vmx_caps.may[VMX_WORD_PROC2]);
	info->timer = vmx_has_preemption_timer();
	info->slat = &ept_ops;
	vmx_entry_caps_init();
	return vmx_hw_init();
}

static void destroy_parts(struct vtr_vmx_vcpu *v)
{
	vmx_vmcs_free(&v->vmcs);
	free_page((unsigned long)v->msr_bitmap);
	vmx_vpid_free(v->vpid);
}

static struct vtr_vcpu *vcpu_create(struct vtr_vm *vm)
{
	struct vtr_vmx_vcpu *v = kzalloc(sizeof(*v), VTR_GFP_CHARGED);
	int err;

	if (!v)
		return ERR_PTR(-ENOMEM);
	v->base.vm = vm;
	v->vpid = vmx_vpid_alloc();
	v->msr_bitmap = (unsigned long *)__get_free_page(VTR_GFP_CHARGED);
	err = v->msr_bitmap ? vmx_vmcs_alloc(&v->vmcs) : -ENOMEM;
	if (err) {
		destroy_parts(v);
		kfree(v);
		return ERR_PTR(err);
	}
	vmx_setup_msr_bitmap(v);

	preempt_disable();
	vmx_vcpu_load(&v->base, smp_processor_id());
	vmx_setup(v);
	vmx_vcpu_put(&v->base);
	preempt_enable();
	return &v->base;
}

static void vcpu_destroy(struct vtr_vcpu *vcpu)
{
	struct vtr_vmx_vcpu *v = to_vmx(vcpu);

	destroy_parts(v);
	kfree_rcu(v, base.rcu);
}

struct vtr_backend vtr_vmx_backend = {
	.id		= VTR_BACKEND_VMX,
	.name		= "vmx",
	.probe		= vmx_probe,
	.hw_init	= hw_init,
	.hw_exit	= vmx_hw_exit,
	.cpu_enable	= vmx_cpu_enable,
	.cpu_disable	= vmx_cpu_disable,
	.cpu_show	= vmx_cpu_show,
	.feature	= vmx_feature,
	.vcpu_create	= vcpu_create,
	.vcpu_destroy	= vcpu_destroy,
	.vcpu_load	= vmx_vcpu_load,
	.vcpu_put	= vmx_vcpu_put,
	.vcpu_run	= vmx_vcpu_run,
	.take_init	= vmx_take_init,
	.get_regs	= vmx_get_regs,
	.set_regs	= vmx_set_regs,
	.get_sregs	= vmx_get_sregs,
	.set_sregs	= vmx_set_sregs,
	.get_cr		= vmx_get_cr,
	.set_cr		= vmx_set_cr,
	.set_efer	= vmx_set_efer,
	.load_pdptrs	= vmx_load_pdptrs,
	.get_msr	= vmx_get_msr,
	.set_msr	= vmx_set_msr,
	.get_blocking	= vmx_get_blocking,
	.set_blocking	= vmx_set_blocking,
	.get_dr7	= vmx_get_dr7,
	.set_dr7	= vmx_set_dr7,
	.get_tsc_offset	= vmx_get_tsc_offset,
	.set_tsc_offset	= vmx_set_tsc_offset,
	.set_tsc_ratio	= vmx_set_tsc_ratio,
	.skip_insn	= vmx_skip_insn,
	.inject		= vmx_inject,
	.can_inject	= vmx_can_inject,
	.set_window	= vmx_set_window,
	.set_step	= vmx_set_step,
	.set_apicv	= vmx_set_apicv,
	.set_timer	= vmx_set_timer,
	.flush_slat	= vmx_flush_slat,
	.check_sregs	= vmx_check_sregs,
	.check		= vmx_vcpu_check,
	.snapshot	= vmx_snapshot,
	.read_field	= vmx_read_field,
	.is_host_field	= vmx_is_host_field,
	.reason_name	= vmx_exit_name,
	.describe_field	= vmx_describe_raw,
	.explain_failure = vmx_explain_failure,
};
