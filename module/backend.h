/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The door between the neutral core and a processor's virtualization
 * extension: one table of operations.
 *
 * module/ calls through struct vtr_backend and never includes a back end's
 * header; vmx/backend.c fills the table (svm/ will fill another one, and
 * module/tests/fake_backend.c is the shortest example).  A back end owns one
 * structure per vCPU that embeds struct vtr_vcpu (vtr.h).
 * Read next: module/vcpu.c (who calls it), vmx/backend.c (who answers).
 */
#ifndef VTR_BACKEND_H
#define VTR_BACKEND_H

#include <linux/bits.h>
#include <linux/types.h>

#include "../ioctl-uapi/vitrine.h"
#include "slat.h"

struct seq_file;
struct vtr_vm;
struct vtr_vcpu;

/* How a guest touched a control register (struct vtr_exit.cr). */
enum vtr_cr_op { VTR_CR_WRITE, VTR_CR_READ, VTR_CR_CLTS, VTR_CR_LMSW };

/* What wants a task switch, in the manual's order (struct vtr_exit.task). */
enum vtr_task_source { VTR_TASK_CALL, VTR_TASK_IRET, VTR_TASK_JMP, VTR_TASK_GATE };

/**
 * struct vtr_exit - one exit in neutral terms, filled by the back end
 * @kind: enum vtr_hw_kind
 * @hw_reason: the processor's own basic reason
 * @insn_bytes: length of the instruction that exited, 0 if the processor gave none
 * @qualification: the processor's own qualification
 * @rip: guest RIP at the exit
 * @level: 0: the VM's own guest
 * @in_delivery: an event was being delivered; it has been queued again
 * @io: IN, OUT and their string forms
 * @slat: access without a usable second-level translation
 * @msr: RDMSR, WRMSR
 * @cr: access to a control register
 * @dr: access to a debug register
 * @exception: an exception that is intercepted
 * @task: hardware task switch
 * @apic: the guest's local APIC, of which the processor does a part
 * @fail: the entry failed: VM-instruction error or exit reason, and the rule
 */
struct vtr_exit {
	u32 kind;
	u32 hw_reason;
	u32 insn_bytes;
	u64 qualification;
	u64 rip;
	u8 level;
	bool in_delivery;
	union {
		struct {
			u16 port;
			u8 bytes;
			bool in;
			bool string;
			bool rep;
		} io;
		struct {
			u64 gpa;
			u64 gva;
			bool gva_valid;
			bool of_table;	/* the guest's page tables were accessed */
			u8 access;	/* VTR_SLAT_*: what the guest wanted */
		} slat;
		struct {
			u32 index;
			bool write;
		} msr;
		struct {
			u8 nr;
			u8 op;		/* enum vtr_cr_op */
			u8 gpr;
			u16 source;	/* LMSW operand */
		} cr;
		struct {
			u8 nr;
			bool write;
			u8 gpr;
		} dr;
		struct {
			u8 vector;
			bool has_error;
			bool by_int1;	/* a #DB that the instruction INT1 has raised */
			u32 error;
		} exception;
		struct {
			u16 selector;
			u8 source;	/* enum vtr_task_source */
		} task;
		struct {
			u16 offset;	/* in its page: what was written */
			u8 vector;	/* that has ended */
		} apic;
		struct {
			u32 insn_error;
			u32 reason;
			u32 rule;	/* back end's number of the broken rule, 0: none found */
			u32 broken;	/* how many are broken */
			u64 value;	/* of the field that the rule is about */
		} fail;
	};
};

/* What a processor can do by itself of a local APIC (module/apicv.c). */
#define VTR_APICV_CR8		BIT(0)	/* CR8 and TPR; all others need it, too */
#define VTR_APICV_XAPIC		BIT(1)	/* registers in memory */
#define VTR_APICV_X2APIC	BIT(2)	/* registers that are MSRs */
#define VTR_APICV_DELIVERY	BIT(3)	/* take vectors and end them */

/**
 * struct vtr_apicv - what the processor does by itself of the guest's local APIC
 * @does: VTR_APICV_*, at most one of XAPIC and X2APIC
 * @threshold: without DELIVERY: leave the guest when TPR's class falls below
 * @requested: with DELIVERY: highest vector in IRR, 0: none
 * @in_service: with DELIVERY: highest vector in ISR, 0: none
 * @end_exits: with DELIVERY: vectors whose end must be heard of
 * @access_hpa: with XAPIC: page that second-level tables show at VTR_APIC_BASE
 */
struct vtr_apicv {
	u8 does;
	u8 threshold;
	u8 requested;
	u8 in_service;
	u64 end_exits[4];
	u64 access_hpa;
};

#define VTR_SNAPSHOT_FIELDS	256

/**
 * struct vtr_snapshot - what a vCPU looks like at one moment, for showing it
 * @regs: general registers
 * @sregs: segments, tables, control registers
 * @last_hw_reason: the processor's reason of the last exit
 * @check: would an entry succeed?
 * @nr_fields: raw fields in @fields
 * @fields: encoding and value of every field that the processor has
 */
struct vtr_snapshot {
	struct vtr_regs regs;
	struct vtr_sregs sregs;
	u32 last_hw_reason;
	struct vtr_entry_check check;
	unsigned int nr_fields;
	struct vtr_field fields[VTR_SNAPSHOT_FIELDS];
};

/* Features that the neutral core asks a back end about. */
struct vtr_backend_info {
	unsigned int gpa_bits;		/* width of a guest physical address */
	bool slat_2m;			/* second-level leaves of 2 MiB */
	bool slat_1g;			/* second-level leaves of 1 GiB */
	bool slat_ad;			/* accessed and dirty bits in second-level leaves */
	bool rdtscp;			/* the guest may use RDTSCP */
	bool step_insn;			/* @set_step works */
	unsigned int tsc_fraction_bits;	/* of a TSC ratio; 0: @set_tsc_ratio does not work */
	unsigned int apicv;		/* VTR_APICV_*: what @set_apicv can switch on */
	bool timer;			/* @set_timer works */
	const struct vtr_slat_ops *slat;
};

/**
 * struct vtr_backend - operations of a virtualization extension
 *
 * @id, @name: enum vtr_backend_id and its name
 * @info: set by @hw_init
 *
 * Life of the module (module/main.c):
 * @probe: can this machine be used?  Context: process, before anything else.
 *	Return: 0 or the errno of the first failed check, which it has named in
 *	the kernel log by vtr_refuse().
 * @hw_init, @hw_exit: allocate and free what all cores need.  Context: process.
 * @cpu_enable: switch this core into root mode.  Context: on the core, process
 *	context pinned to it or with interrupts off.  Return: 0 or -errno.
 * @cpu_disable: undo @cpu_enable, after clearing every vCPU that is loaded on
 *	this core.  Context: as @cpu_enable, also when it was never enabled.
 * @cpu_show: describe this core's state for debugfs.  Context: any.
 * @feature: fill the capability report's entry @index.  Return: false past the end.
 *
 * Life of a vCPU (module/vcpu.c):
 * @vcpu_create: allocate and reset one.  Context: process.  Return: vCPU or ERR_PTR.
 * @vcpu_destroy: free it.  Context: process; the vCPU is not loaded.
 * @vcpu_load: make this core the vCPU's.  Context: preemption off, thread of the
 *	vCPU or holder of its mutex.  Ends with @vcpu_put.
 * @vcpu_put: give the host its per-thread state back.  Context: preemption off.
 * @vcpu_run: enter the guest once and describe the exit.  Context: interrupts
 *	off, loaded.  Returns with interrupts off.
 *
 * State (all: loaded, preemption off):
 * @take_init: the state after an INIT, which keeps more than a reset does
 * @get_regs, @set_regs: general registers, RIP, RFLAGS
 * @get_sregs, @set_sregs: segments, tables, control registers, EFER
 * @get_cr: guest's view of CR0, CR3 or CR4
 * @set_cr: set CR0, CR3 or CR4 to a value that module/cr.c has checked
 * @set_efer: set EFER, LMA included, checked by the caller
 * @load_pdptrs: give the processor the four PAE entries after a CR write
 * @get_msr, @set_msr: an MSR that the back end keeps.  Return: 0, or -ENOENT if it
 *	does not keep @index, or -EINVAL for a value that it cannot take.
 * @get_blocking, @set_blocking: interrupt shadow, NMI blocking and pending debug
 *	exceptions (the other members of struct vtr_events are kept by the neutral core)
 * @get_dr7, @set_dr7: guest's debug control register
 * @get_tsc_offset, @set_tsc_offset: guest TSC minus scaled host TSC
 * @set_tsc_ratio: scale the host's TSC by this fixed-point number for the guest
 * @skip_insn: advance RIP by vtr_vcpu.exit.insn_bytes and end the instruction's shadows
 * @inject: deliver @event at the next entry.  If an exit prevents the delivery,
 *	@vcpu_run puts the event back into vtr_vcpu.queued.
 * @can_inject: may an event of @kind (INTERRUPT or NMI) be injected now?
 * @set_window: leave the guest as soon as it can take an event of @kind
 * @set_step: leave the guest after each instruction
 * @set_apicv: from the next entry on the processor does @apicv->does by itself, on the
 *	registers in vtr_vcpu.vapic
 * @set_timer: leave the guest when the host's time stamp counter is at @tsc, by an exit
 *	of kind NOTICE; 0: don't.  It may come a little early.
 * @flush_slat: drop this core's cached second-level translations of the vCPU
 * @check_sregs: could these ever be entered?  Return: 0 or -EINVAL.
 *
 * Looking (all: loaded, preemption off):
 * @snapshot: fill @snap (@snap->check is filled by the caller)
 * @check: would an entry succeed with the present state?  Fills @check but for its
 *	size; outcome VTR_ENTRY_OK also if it cannot be told.
 * @read_field: Return: 0 or -ENOENT
 * @is_host_field: does a field hold an address or a secret of the host?
 *
 * Words (any context):
 * @reason_name: name of a hardware exit reason as in the manual
 * @describe_field: group, name and meaning of a raw field; false: unknown
 * @explain_failure: a sentence for a failed entry
 */
struct vtr_backend {
	u32 id;
	const char *name;
	struct vtr_backend_info info;

	int (*probe)(void);
	int (*hw_init)(void);
	void (*hw_exit)(void);
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
	void (*cpu_show)(struct seq_file *m, int cpu);
	bool (*feature)(unsigned int index, struct vtr_feature *feature);

	struct vtr_vcpu *(*vcpu_create)(struct vtr_vm *vm);
	void (*vcpu_destroy)(struct vtr_vcpu *vcpu);
	void (*vcpu_load)(struct vtr_vcpu *vcpu, int cpu);
	void (*vcpu_put)(struct vtr_vcpu *vcpu);
	void (*vcpu_run)(struct vtr_vcpu *vcpu, struct vtr_exit *exit);

	void (*take_init)(struct vtr_vcpu *vcpu);
	void (*get_regs)(struct vtr_vcpu *vcpu, struct vtr_regs *regs);
	void (*set_regs)(struct vtr_vcpu *vcpu, const struct vtr_regs *regs);
	void (*get_sregs)(struct vtr_vcpu *vcpu, struct vtr_sregs *sregs);
	void (*set_sregs)(struct vtr_vcpu *vcpu, const struct vtr_sregs *sregs);
	u64 (*get_cr)(struct vtr_vcpu *vcpu, unsigned int nr);
	void (*set_cr)(struct vtr_vcpu *vcpu, unsigned int nr, u64 value);
	void (*set_efer)(struct vtr_vcpu *vcpu, u64 efer);
	void (*load_pdptrs)(struct vtr_vcpu *vcpu, const u64 pdpte[4]);
	int (*get_msr)(struct vtr_vcpu *vcpu, u32 index, u64 *value);
	int (*set_msr)(struct vtr_vcpu *vcpu, u32 index, u64 value);
	void (*get_blocking)(struct vtr_vcpu *vcpu, struct vtr_events *events);
	void (*set_blocking)(struct vtr_vcpu *vcpu, const struct vtr_events *events);
	u64 (*get_dr7)(struct vtr_vcpu *vcpu);
	void (*set_dr7)(struct vtr_vcpu *vcpu, u64 dr7);
	u64 (*get_tsc_offset)(struct vtr_vcpu *vcpu);
	void (*set_tsc_offset)(struct vtr_vcpu *vcpu, u64 offset);
	void (*set_tsc_ratio)(struct vtr_vcpu *vcpu, u64 ratio);
	void (*skip_insn)(struct vtr_vcpu *vcpu);
	void (*inject)(struct vtr_vcpu *vcpu, const struct vtr_event *event);
	bool (*can_inject)(struct vtr_vcpu *vcpu, enum vtr_event_kind kind);
	void (*set_window)(struct vtr_vcpu *vcpu, enum vtr_event_kind kind, bool on);
	void (*set_step)(struct vtr_vcpu *vcpu, bool on);
	void (*set_apicv)(struct vtr_vcpu *vcpu, const struct vtr_apicv *apicv);
	void (*set_timer)(struct vtr_vcpu *vcpu, u64 tsc);
	void (*flush_slat)(struct vtr_vcpu *vcpu);
	int (*check_sregs)(const struct vtr_sregs *sregs);

	void (*snapshot)(struct vtr_vcpu *vcpu, struct vtr_snapshot *snap);
	void (*check)(struct vtr_vcpu *vcpu, struct vtr_entry_check *check);
	int (*read_field)(struct vtr_vcpu *vcpu, u32 encoding, u64 *value);
	bool (*is_host_field)(u32 encoding);

	const char *(*reason_name)(u32 hw_reason);
	bool (*describe_field)(const struct vtr_field *field, u32 hw_reason,
			       const char **group, const char **name,
			       char *meaning, size_t room);
	void (*explain_failure)(const struct vtr_exit *exit, char *buf, size_t room);
};

extern struct vtr_backend *vtr_backend;

/* The only list of back ends is in module/main.c. */
extern struct vtr_backend vtr_vmx_backend;

/*
 * Name the check that refuses to load, in one greppable form, and hand its
 * errno on: return vtr_refuse(-EOPNOTSUPP, "no EPT: ...").
 */
#define vtr_refuse(err, fmt, ...)						\
({										\
	pr_err("refusing to load: " fmt " (%pe)\n", ##__VA_ARGS__, ERR_PTR(err)); \
	(err);									\
})

#endif /* VTR_BACKEND_H */
