/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structures that the files of vmx/ share: a VMCS with where it is loaded, a
 * core in root mode, the VMX part of a vCPU.
 *
 * No file outside of vmx/ includes this header; the neutral core sees struct
 * vtr_backend only.  Read next: vmx/cpu.c, vmx/vmcs.c, vmx/run.c.
 */
#ifndef VTR_VMX_VMX_H
#define VTR_VMX_VMX_H

#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "../module/vtr.h"

/**
 * struct vmx_vmcs - a VM control structure and where it is
 * @region: the page that the processor knows, opaque to software
 * @phys: its physical address
 * @cpu: core on which it is loaded (its contents may be in that core), -1: none
 * @launched: VMLAUNCH has succeeded since the last VMCLEAR, so VMRESUME is due
 * @link: in the list of VMCSs loaded on @cpu
 *
 * An object of its own: a vCPU with a nested guest will have several.
 */
struct vmx_vmcs {
	void *region;
	u64 phys;
	int cpu;
	bool launched;
	struct list_head link;
};

/**
 * struct vmx_core - one core's root mode
 * @vmxon_region: page given to VMXON
 * @enabled: this core is in VMX root mode
 * @current_vmcs: the VMCS that VMREAD and VMWRITE mean
 * @loaded: VMCSs whose contents may be in this core
 *
 * Changed by its own core only: interrupts off, or preemption off outside of
 * what interrupt handlers touch (@loaded: interrupts off).
 */
struct vmx_core {
	void *vmxon_region;
	bool enabled;
	struct vmx_vmcs *current_vmcs;
	struct list_head loaded;
};
DECLARE_PER_CPU(struct vmx_core, vmx_core);

#define VMX_TSC_FRACTION_BITS	48	/* of the field TSC_MULTIPLIER */

/* MSRs that VMX does not switch: by hand, once per stay in the guest. */
enum vmx_switched_msr {
	VMX_MSR_STAR, VMX_MSR_LSTAR, VMX_MSR_CSTAR, VMX_MSR_SYSCALL_MASK,
	VMX_MSR_KERNEL_GS_BASE, VMX_MSR_TSC_AUX,
	VMX_NR_SWITCHED_MSRS
};

/**
 * struct vtr_vmx_vcpu - VMX part of a vCPU
 * @base: neutral part
 * @vmcs: its VMCS
 * @msr_bitmap: which MSR accesses exit
 * @vpid: tag of its linear translations, 0: none
 * @flush_vpid: drop the tag's translations before the next entry
 * @switched: guest values of the switched MSRs are in the core
 * @guest_msr, @host_msr: the values that are not in the core
 * @host_selector: DS, ES, FS, GS, LDT of the host's thread
 * @host_fs_base: of the host's thread
 * @host_cr3, @host_cr4: what the VMCS host fields hold
 * @proc_controls: what the VMCS field holds
 * @slice_ticks: the longest stay in the guest, 0: any
 * @timer_tsc: leave the guest when the host's counter is there, 0: never
 * @timer_on: the VMCS has the VMX-preemption timer switched on
 * @apicv: what the VMCS fields of APIC virtualization hold
 * @want_interrupt_window: the core has asked for it
 * @nmi_after_sti: an NMI waits for the end of an STI's shadow, by the same window
 */
struct vtr_vmx_vcpu {
	struct vtr_vcpu base;
	struct vmx_vmcs vmcs;
	unsigned long *msr_bitmap;
	u16 vpid;
	bool flush_vpid;

	bool switched;
	u64 guest_msr[VMX_NR_SWITCHED_MSRS];
	u64 host_msr[VMX_NR_SWITCHED_MSRS];
	struct { u16 ds, es, fs, gs, ldt; } host_selector;
	u64 host_fs_base;

	unsigned long host_cr3;
	unsigned long host_cr4;
	u32 proc_controls;
	u64 slice_ticks;
	u64 timer_tsc;
	bool timer_on;
	struct vtr_apicv apicv;
	bool want_interrupt_window;
	bool nmi_after_sti;
};

static inline struct vtr_vmx_vcpu *to_vmx(struct vtr_vcpu *vcpu)
{
	return container_of(vcpu, struct vtr_vmx_vcpu, base);
}

/* cpu.c */
int vmx_hw_init(void);
void vmx_hw_exit(void);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
void vmx_cpu_show(struct seq_file *m, int cpu);

/* vmcs.c */
int vmx_vmcs_alloc(struct vmx_vmcs *vmcs);
void vmx_vmcs_free(struct vmx_vmcs *vmcs);
bool vmx_vmcs_load(struct vmx_vmcs *vmcs, int cpu);
void vmx_vmcs_clear(struct vmx_vmcs *vmcs);
void vmx_vmcs_clear_all_here(void);
int vmx_vpid_alloc(void);
void vmx_vpid_free(u16 vpid);

/* setup.c */
void vmx_setup(struct vtr_vmx_vcpu *v);
void vmx_take_init(struct vtr_vcpu *vcpu);
void vmx_setup_msr_bitmap(struct vtr_vmx_vcpu *v);
void vmx_write_host_core_state(int cpu);

/* run.c */
void vmx_vcpu_load(struct vtr_vcpu *vcpu, int cpu);
void vmx_vcpu_put(struct vtr_vcpu *vcpu);
void vmx_vcpu_run(struct vtr_vcpu *vcpu, struct vtr_exit *exit);
void vmx_flush_slat(struct vtr_vcpu *vcpu);
void vmx_refresh_host_state(struct vtr_vcpu *vcpu);

/* check_read.c */
void vmx_find_broken_rule(struct vtr_vmx_vcpu *v, struct vtr_exit *exit);
void vmx_vcpu_check(struct vtr_vcpu *vcpu, struct vtr_entry_check *check);

/* exit.c */
void vmx_describe_exit(struct vtr_vmx_vcpu *v, struct vtr_exit *exit);
void vmx_describe_vmfail(struct vtr_exit *exit, u32 insn_error);
void vmx_explain_failure(const struct vtr_exit *exit, char *buf, size_t room);

/* inject.c */
void vmx_inject(struct vtr_vcpu *vcpu, const struct vtr_event *event);
bool vmx_can_inject(struct vtr_vcpu *vcpu, enum vtr_event_kind kind);
void vmx_set_window(struct vtr_vcpu *vcpu, enum vtr_event_kind kind, bool on);
void vmx_set_step(struct vtr_vcpu *vcpu, bool on);
void vmx_requeue_event(struct vtr_vmx_vcpu *v, struct vtr_exit *exit);
void vmx_skip_insn(struct vtr_vcpu *vcpu);
void vmx_get_blocking(struct vtr_vcpu *vcpu, struct vtr_events *events);
void vmx_set_blocking(struct vtr_vcpu *vcpu, const struct vtr_events *events);

/* timer.c */
void vmx_setup_timer(struct vtr_vmx_vcpu *v);
void vmx_set_timer(struct vtr_vcpu *vcpu, u64 tsc);
void vmx_start_timer(struct vtr_vmx_vcpu *v);

/* apicv.c */
unsigned int vmx_apicv_can(u32 proc, u32 proc2);
void vmx_set_apicv(struct vtr_vcpu *vcpu, const struct vtr_apicv *apicv);

/* state.c */
void vmx_get_regs(struct vtr_vcpu *vcpu, struct vtr_regs *regs);
void vmx_set_regs(struct vtr_vcpu *vcpu, const struct vtr_regs *regs);
void vmx_get_sregs(struct vtr_vcpu *vcpu, struct vtr_sregs *sregs);
void vmx_set_sregs(struct vtr_vcpu *vcpu, const struct vtr_sregs *sregs);
int vmx_check_sregs(const struct vtr_sregs *sregs);
u64 vmx_get_cr(struct vtr_vcpu *vcpu, unsigned int nr);
void vmx_set_cr(struct vtr_vcpu *vcpu, unsigned int nr, u64 value);
void vmx_set_efer(struct vtr_vcpu *vcpu, u64 efer);
void vmx_load_pdptrs(struct vtr_vcpu *vcpu, const u64 pdpte[4]);
int vmx_get_msr(struct vtr_vcpu *vcpu, u32 index, u64 *value);
int vmx_set_msr(struct vtr_vcpu *vcpu, u32 index, u64 value);
u64 vmx_get_dr7(struct vtr_vcpu *vcpu);
void vmx_set_dr7(struct vtr_vcpu *vcpu, u64 dr7);
u64 vmx_get_tsc_offset(struct vtr_vcpu *vcpu);
void vmx_set_tsc_offset(struct vtr_vcpu *vcpu, u64 offset);
void vmx_set_tsc_ratio(struct vtr_vcpu *vcpu, u64 ratio);
extern const u32 vmx_switched_msr_index[VMX_NR_SWITCHED_MSRS];

/* snapshot.c */
void vmx_snapshot(struct vtr_vcpu *vcpu, struct vtr_snapshot *snap);
int vmx_read_field(struct vtr_vcpu *vcpu, u32 encoding, u64 *value);
bool vmx_is_host_field(u32 encoding);
bool vmx_describe_raw(const struct vtr_field *field, u32 hw_reason, const char **group,
		      const char **name, char *meaning, size_t room);

#endif /* VTR_VMX_VMX_H */
