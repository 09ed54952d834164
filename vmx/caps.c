// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can this processor run Vitrine, and with which control words?
 *
 * vmx_probe() goes through the checks in the order in which a reader meets them
 * in the manual; the first one that fails refuses to load and is named in the
 * kernel log.  Each control word is fitted to what its capability MSR allows:
 * low half: bits that must be 1, high half: bits that may be 1.
 * Called by module/main.c through the back end's table, before any core enters
 * root mode.  Read next: vmx/cpu.c.
 * Source: SDM 3D "VMX Capability Reporting Facility" (appendix A).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/err.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>

#include "../module/irqchip.h"
#include "caps.h"
#include "describe.h"
#include "vmx.h"

struct vmx_caps vmx_caps;

/* IA32_VMX_BASIC and IA32_VMX_MISC: SDM 3D "Basic VMX Information" (A.1), (A.6). */
#define BASIC_REVISION		GENMASK_ULL(30, 0)
#define BASIC_REGION_BYTES	GENMASK_ULL(44, 32)
#define BASIC_REGION_SHIFT	32
#define BASIC_MEMTYPE		GENMASK_ULL(53, 50)
#define BASIC_MEMTYPE_SHIFT	50
#define BASIC_TRUE_CONTROLS	BIT_ULL(55)
#define MEMTYPE_WB		6

/* ---- one control word ----------------------------------------------------------- */

struct control_word {
	enum vtr_vmx_control_word word;
	const char *name;
	u32 msr;
	u64 required;	/* refuse to load without these */
	u64 wanted;	/* taken if they are there */
	u32 *result;
};

static const struct control_word control_words[] = {
	{
		VMX_WORD_PIN, "pin-based", MSR_IA32_VMX_TRUE_PINBASED_CTLS,
		VMX_PIN_EXT_INTR_EXITING | VMX_PIN_NMI_EXITING | VMX_PIN_VIRTUAL_NMIS,
		0, &vmx_caps.pin,
	}, {
		VMX_WORD_PROC, "primary processor-based", MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
		VMX_PROC_USE_TSC_OFFSETTING | VMX_PROC_HLT_EXITING | VMX_PROC_MWAIT_EXITING |
		VMX_PROC_RDPMC_EXITING | VMX_PROC_CR8_LOAD_EXITING | VMX_PROC_CR8_STORE_EXITING |
		VMX_PROC_MOV_DR_EXITING | VMX_PROC_UNCOND_IO_EXITING |
		VMX_PROC_USE_MSR_BITMAPS | VMX_PROC_MONITOR_EXITING |
		VMX_PROC_ACTIVATE_SECONDARY,
		0, &vmx_caps.proc,
	}, {
		VMX_WORD_PROC2, "secondary processor-based", MSR_IA32_VMX_PROCBASED_CTLS2,
		VMX_PROC2_ENABLE_EPT | VMX_PROC2_UNRESTRICTED_GUEST,
		VMX_PROC2_ENABLE_VPID | VMX_PROC2_ENABLE_RDTSCP | VMX_PROC2_WBINVD_EXITING |
		VMX_PROC2_PAUSE_LOOP_EXITING | VMX_PROC2_TSC_SCALING,
		&vmx_caps.proc2,
	}, {
		VMX_WORD_EXIT, "VM-exit", MSR_IA32_VMX_TRUE_EXIT_CTLS,
		VMX_EXIT_CTL_SAVE_DEBUG | VMX_EXIT_CTL_HOST_ADDR_SPACE_SIZE |
		VMX_EXIT_CTL_SAVE_PAT | VMX_EXIT_CTL_LOAD_PAT |
		VMX_EXIT_CTL_SAVE_EFER | VMX_EXIT_CTL_LOAD_EFER,
		0, &vmx_caps.exit,
	}, {
		VMX_WORD_ENTRY, "VM-entry", MSR_IA32_VMX_TRUE_ENTRY_CTLS,
		VMX_ENTRY_CTL_LOAD_DEBUG | VMX_ENTRY_CTL_LOAD_PAT | VMX_ENTRY_CTL_LOAD_EFER,
		0, &vmx_caps.entry,
	},
};

/*
 * The manual's names of the two that a laptop or a nested machine may really
 * lack deserve a plainer sentence.
 */
static int refuse_control(const struct control_word *w, unsigned int bit)
{
	if (w->word == VMX_WORD_PROC2 && BIT_ULL(bit) == VMX_PROC2_ENABLE_EPT)
		return vtr_refuse(-EOPNOTSUPP,
				  "this processor has no EPT (extended page tables)");
	if (w->word == VMX_WORD_PROC2 && BIT_ULL(bit) == VMX_PROC2_UNRESTRICTED_GUEST)
		return vtr_refuse(-EOPNOTSUPP,
				  "this processor has no unrestricted guest (real mode under VMX)");
	return vtr_refuse(-EOPNOTSUPP, "this processor's %s controls lack \"%s\"", w->name,
			  vmx_control_name(w->word, bit));
}

/*
 * *@w->result becomes what is required, what is wanted as far as the processor
 * may have it, and what it must have; vmx_caps.may[] keeps what it may have.
 * SDM 3D "Pin-Based VM-Execution Controls" (A.3.1), and the same for the others.
 * Return: 0, or the refusal if a required bit may not be 1.
 */
static int fit_control_word(const struct control_word *w)
{
	u32 must, may;
	u64 missing;

	/* LAB 2.1: return 0; */
	rdmsr(w->msr, must, may);
	missing = w->required & ~(u64)may;
	if (missing)
		return refuse_control(w, __ffs64(missing));
	vmx_caps.may[w->word] = may;
	*w->result = ((w->required | w->wanted) & may) | must;
	return 0;
	/* LAB 2.1 END */
}

/* ---- the checks ------------------------------------------------------------------- */

/*
 * KVM and Vitrine cannot share a core: both would VMXON.  A loaded kvm_intel
 * also owns the kernel's only emergency callback.  Look for it before anything
 * else is touched.
 */
static int check_kvm(void)
{
	struct kobject *kvm = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, "kvm_intel");

	if (!kvm)
		return 0;
	kobject_put(kvm);
	return vtr_refuse(-EBUSY, "kvm_intel is loaded; run: modprobe -r kvm_intel");
}

static void note_vmxe(void *found)
{
	if (cr4_read_shadow() & X86_CR4_VMXE)
		WRITE_ONCE(*(bool *)found, true);
}

static int check_vmxe_clear(void)
{
	bool found = false;

	on_each_cpu(note_vmxe, &found, 1);
	if (!found)
		return 0;
	return vtr_refuse(-EBUSY, "another hypervisor has a core in VMX root mode (CR4.VMXE is set); unload it, e.g. modprobe -r kvm_intel");
}

/*
 * SDM 3C "Enabling and Entering VMX Operation" (24.7): firmware decides by
 * IA32_FEATURE_CONTROL, and locks its decision.
 */
static int check_feature_control(void)
{
	u64 control;

	/* LAB 1.1: return -ENOSYS; */
	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &control))
		return vtr_refuse(-EPERM, "IA32_FEATURE_CONTROL cannot be read");
	if (!(control & FEAT_CTL_LOCKED))
		return vtr_refuse(-EPERM, "IA32_FEATURE_CONTROL is not locked: firmware and kernel left VMX undecided");
	if (!(control & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX))
		return vtr_refuse(-EPERM, "firmware has locked VMX off (IA32_FEATURE_CONTROL is 0x%llx); enable it in the BIOS set-up",
				  control);
	return 0;
	/* LAB 1.1 END */
}

static int check_basic(void)
{
	u64 basic;

	/* LAB 1.2: return -ENOSYS; */
	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	vmx_caps.revision = basic & BASIC_REVISION;
	if ((basic & BASIC_REGION_BYTES) >> BASIC_REGION_SHIFT > PAGE_SIZE)
		return vtr_refuse(-EOPNOTSUPP, "a VMCS takes more than a page");
	if ((basic & BASIC_MEMTYPE) >> BASIC_MEMTYPE_SHIFT != MEMTYPE_WB)
		return vtr_refuse(-EOPNOTSUPP, "VMCS memory type is not write-back");
	if (!(basic & BASIC_TRUE_CONTROLS))
		return vtr_refuse(-EOPNOTSUPP, "this processor has no true control MSRs (IA32_VMX_BASIC bit 55)");
	return 0;
	/* LAB 1.2 END */
}

/*
 * IA32_VMX_PROCBASED_CTLS2 exists only if the secondary controls can be
 * activated, IA32_VMX_EPT_VPID_CAP only if EPT or VPID can: so the order of
 * control_words[] matters, and EPT's own bits come last.
 */
static int check_controls(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(control_words); i++) {
		int err = fit_control_word(&control_words[i]);

		if (err)
			return err;
	}
	return 0;
}

static int check_ept_vpid(void)
{
	const u64 need = VMX_EPTVPID_WALK_4 | VMX_EPTVPID_MEMTYPE_WB | VMX_EPTVPID_INVEPT |
			 VMX_EPTVPID_INVEPT_SINGLE | VMX_EPTVPID_INVEPT_ALL;
	const u64 need_vpid = VMX_EPTVPID_INVVPID | VMX_EPTVPID_INVVPID_SINGLE;
	u64 missing;

	rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, vmx_caps.ept_vpid);
	missing = need & ~vmx_caps.ept_vpid;
	if (missing)
		return vtr_refuse(-EOPNOTSUPP, "this processor's EPT lacks \"%s\"",
				  vmx_control_name(VMX_WORD_EPTVPID, __ffs64(missing)));
	/* Tags that cannot be flushed are worse than none. */
	if ((vmx_caps.ept_vpid & need_vpid) != need_vpid)
		vmx_caps.proc2 &= ~(u32)VMX_PROC2_ENABLE_VPID;
	return 0;
}

static void read_fixed_bits(void)
{
	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, vmx_caps.cr0_fixed0);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED1, vmx_caps.cr0_fixed1);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, vmx_caps.cr4_fixed0);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED1, vmx_caps.cr4_fixed1);
	rdmsrl(MSR_IA32_VMX_MISC, vmx_caps.misc);
	/* SDM 3C "Unrestricted Guests": these two need not be 1. */
	vmx_caps.cr0_fixed0 &= ~(u64)(X86_CR0_PE | X86_CR0_PG);
}

/**
 * vmx_probe() - can this machine run Vitrine on VMX?
 *
 * Context: process, at load.
 * Return: 0; -ENODEV: no VMX; -EBUSY: KVM or another hypervisor uses it; -EPERM:
 * firmware has locked it off; -EOPNOTSUPP: a needed feature is missing.  The
 * kernel log names the check.
 */
int vmx_probe(void)
{
	int err;

	if (!(cpuid_ecx(1) & BIT(X86_FEATURE_VMX & 31)))
		return vtr_refuse(-ENODEV, "this processor has no VMX (CPUID.1:ECX bit 5)");
	err = check_kvm();
	err = err ?: check_vmxe_clear();
	err = err ?: check_feature_control();
	err = err ?: check_basic();
	err = err ?: check_controls();
	err = err ?: check_ept_vpid();
	if (!err)
		read_fixed_bits();
	return err;
}

/*
 * A core that comes up must be like the one that was probed.
 * Return: 0, or -errno with the reason in the log.
 */
int vmx_check_this_core(void)
{
	u64 basic;

	if (!(cpuid_ecx(1) & BIT(X86_FEATURE_VMX & 31))) {
		pr_err("CPU %d has no VMX\n", smp_processor_id());
		return -ENODEV;
	}
	if (cr4_read_shadow() & X86_CR4_VMXE) {
		pr_err("CPU %d: CR4.VMXE is set already\n", smp_processor_id());
		return -EBUSY;
	}
	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	if ((basic & BASIC_REVISION) != vmx_caps.revision) {
		pr_err("CPU %d has another VMCS revision than the others\n", smp_processor_id());
		return -EIO;
	}
	return 0;
}

/* ---- the capability report ---------------------------------------------------------- */

/* What uses a feature: always, never, or as a parameter of the module says right now. */
enum used { NEVER, ALWAYS, APICV_1, APICV_2 };

struct feature_row {
	enum vtr_vmx_control_word word;
	u64 bit;
	bool required;
	enum used used;
	const char *cost;
};

static const struct feature_row feature_rows[] = {
	{ VMX_WORD_PROC2, VMX_PROC2_ENABLE_EPT, true, ALWAYS,
	  "Vitrine refuses to load: there are no shadow page tables" },
	{ VMX_WORD_PROC2, VMX_PROC2_UNRESTRICTED_GUEST, true, ALWAYS,
	  "Vitrine refuses to load: real mode would need emulation" },
	{ VMX_WORD_EPTVPID, VMX_EPTVPID_INVEPT_SINGLE, true, ALWAYS,
	  "Vitrine refuses to load: stale translations could not be dropped" },
	{ VMX_WORD_EPTVPID, VMX_EPTVPID_PAGE_2M, false, ALWAYS,
	  "guest memory is mapped by 4 KiB leaves: more faults and table pages" },
	{ VMX_WORD_EPTVPID, VMX_EPTVPID_PAGE_1G, false, ALWAYS,
	  "huge pages of 1 GiB are mapped by 2 MiB leaves" },
	{ VMX_WORD_EPTVPID, VMX_EPTVPID_ACCESSED_DIRTY, false, ALWAYS,
	  "memory that may be written counts as written, and ageing costs faults" },
	{ VMX_WORD_PROC2, VMX_PROC2_ENABLE_VPID, false, ALWAYS,
	  "each VM entry and exit drops all translations: slower guests" },
	{ VMX_WORD_PIN, VMX_PIN_VIRTUAL_NMIS, true, ALWAYS,
	  "Vitrine refuses to load: NMI blocking could not be followed" },
	{ VMX_WORD_PIN, VMX_PIN_PREEMPTION_TIMER, false, ALWAYS,
	  "guest timers use the host's timers: each tick costs an interrupt of the host" },
	{ VMX_WORD_PROC, VMX_PROC_MONITOR_TRAP_FLAG, false, ALWAYS,
	  "the tool steps by RFLAGS.TF, which the guest can see" },
	{ VMX_WORD_PROC2, VMX_PROC2_ENABLE_RDTSCP, false, ALWAYS,
	  "guests see no RDTSCP" },
	{ VMX_WORD_PROC, VMX_PROC_USE_TPR_SHADOW, false, APICV_1,
	  "each access to CR8 exits" },
	{ VMX_WORD_PROC2, VMX_PROC2_VIRTUALIZE_APIC_ACCESSES, false, APICV_1,
	  "each access to the APIC's page exits and is decoded" },
	{ VMX_WORD_PROC2, VMX_PROC2_VIRTUALIZE_X2APIC, false, APICV_1,
	  "each access to an MSR of the APIC exits" },
	{ VMX_WORD_PROC2, VMX_PROC2_APIC_REGISTER_VIRT, false, APICV_1,
	  "reads of the APIC exit, and writes are decoded" },
	{ VMX_WORD_PROC2, VMX_PROC2_VIRTUAL_INTR_DELIVERY, false, APICV_2,
	  "each interrupt is injected by hand" },
	{ VMX_WORD_PIN, VMX_PIN_POSTED_INTR, false, NEVER,
	  "interrupts for a running guest force an exit" },
	{ VMX_WORD_PROC2, VMX_PROC2_ENABLE_PML, false, NEVER,
	  "dirty pages are found by write faults" },
	{ VMX_WORD_PROC2, VMX_PROC2_VMCS_SHADOWING, false, NEVER,
	  "nested guests are not offered" },
	{ VMX_WORD_PROC2, VMX_PROC2_TSC_SCALING, false, ALWAYS,
	  "guests see the host's TSC rate" },
	{ VMX_WORD_PROC2, VMX_PROC2_PAUSE_LOOP_EXITING, false, ALWAYS,
	  "a vCPU that spins for another burns its time slice" },
};

static bool has_feature(const struct feature_row *row)
{
	if (row->word == VMX_WORD_EPTVPID)
		return vmx_caps.ept_vpid & row->bit;
	return vmx_caps.may[row->word] & row->bit;
}

static bool is_used(enum used used)
{
	switch (used) {
	case APICV_1:
		return vtr_apicv_level >= 1;
	case APICV_2:
		return vtr_apicv_level >= 2;
	default:
		return used == ALWAYS;
	}
}

/* Fill entry @index of the capability report.  Return: false past the end. */
bool vmx_feature(unsigned int index, struct vtr_feature *feature)
{
	const struct feature_row *row;
	bool present;

	if (index >= ARRAY_SIZE(feature_rows))
		return false;
	row = &feature_rows[index];
	present = has_feature(row);
	feature->flags = (present ? VTR_FEATURE_PRESENT : 0) |
			 (present && is_used(row->used) ? VTR_FEATURE_USED : 0) |
			 (row->required ? VTR_FEATURE_REQUIRED : 0);
	strscpy_pad(feature->name, vmx_control_name(row->word, __ffs64(row->bit)),
		    sizeof(feature->name));
	strscpy_pad(feature->cost, row->cost, sizeof(feature->cost));
	return true;
}
