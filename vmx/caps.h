/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this processor's VMX can do, read once from the capability MSRs, and the
 * control words that follow from it.
 *
 * Filled by caps.c at load; read-only afterwards.  Test features through the
 * vmx_has_...() helpers only.
 */
#ifndef VTR_VMX_CAPS_H
#define VTR_VMX_CAPS_H

#include <linux/types.h>

#include "../module/backend.h"
#include "controls.h"

/**
 * struct vmx_caps - capabilities and the controls chosen from them
 * @revision: VMCS revision identifier, first word of each VMXON region and VMCS
 * @pin, @proc, @proc2, @exit, @entry: control words that every VMCS starts with
 * @may: bits that each word could have, by enum vtr_vmx_control_word
 * @ept_vpid: IA32_VMX_EPT_VPID_CAP
 * @cr0_fixed1, @cr4_fixed1: bits that may be 1 in VMX operation
 * @cr0_fixed0, @cr4_fixed0: bits that must be 1 (CR0: PE and PG excepted, the
 *	guest is unrestricted)
 * @misc: IA32_VMX_MISC
 */
struct vmx_caps {
	u32 revision;
	u32 pin;
	u32 proc;
	u32 proc2;
	u32 exit;
	u32 entry;
	u32 may[VMX_NR_WORDS];
	u64 ept_vpid;
	u64 cr0_fixed0;
	u64 cr0_fixed1;
	u64 cr4_fixed0;
	u64 cr4_fixed1;
	u64 misc;
};

extern struct vmx_caps vmx_caps;

static inline bool vmx_has_vpid(void)
{
	return vmx_caps.proc2 & VMX_PROC2_ENABLE_VPID;
}

static inline bool vmx_has_monitor_trap_flag(void)
{
	return vmx_caps.may[VMX_WORD_PROC] & VMX_PROC_MONITOR_TRAP_FLAG;
}

static inline bool vmx_has_preemption_timer(void)
{
	return vmx_caps.may[VMX_WORD_PIN] & VMX_PIN_PREEMPTION_TIMER;
}

/* The VMX-preemption timer counts when this bit of the TSC changes. */
static inline unsigned int vmx_timer_shift(void)
{
	return vmx_caps.misc & 0x1f;
}

static inline bool vmx_has_rdtscp(void)
{
	return vmx_caps.proc2 & VMX_PROC2_ENABLE_RDTSCP;
}

static inline bool vmx_has_pause_loop_exiting(void)
{
	return vmx_caps.proc2 & VMX_PROC2_PAUSE_LOOP_EXITING;
}

static inline bool vmx_has_tsc_scaling(void)
{
	return vmx_caps.proc2 & VMX_PROC2_TSC_SCALING;
}

int vmx_probe(void);
int vmx_check_this_core(void);
bool vmx_feature(unsigned int index, struct vtr_feature *feature);

#endif /* VTR_VMX_CAPS_H */
