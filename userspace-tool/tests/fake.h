/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scripted /dev/vitrine inside the test program.
 *
 * fake_install() puts it behind libvitrine.  A test writes a script: each step
 * is one hardware exit, which the fake hands up to the tool or finishes by
 * itself like the module, leaving the same trace records.  State records, raw
 * fields and slots are kept, so that what the tool sets can be checked.
 *
 * Subtle: no guest code runs; registers change only as the script says.  A VM that
 * is made again goes on in the script.
 */
#ifndef VITRINE_FAKE_H
#define VITRINE_FAKE_H

#include "libvitrine.h"

#define FAKE_MAX_STEPS	64
#define FAKE_RING	64
#define FAKE_MAX_CPUS	4
#define FAKE_FD		1000
#define FAKE_TOUCHED	0x3000	/* guest memory below is mapped */

enum fake_what {
	FAKE_END,		/* end of the script: HLT for ever */
	FAKE_TO_USER,		/* an exit that the tool finishes */
	FAKE_HANDLED,		/* an exit that the module finishes */
	FAKE_INSN,		/* an instruction that makes no exit */
	FAKE_ERRNO,		/* VTR_VCPU_RUN fails with @err */
	FAKE_SPIN,		/* the guest runs until it is kicked */
	FAKE_DEAF,		/* the same, but the signal came too early */
};

struct fake_step {
	enum fake_what what;
	uint32_t exit;		/* enum vtr_exit_kind, FAKE_TO_USER */
	uint32_t hw_kind;
	uint32_t hw_reason;
	uint64_t qualification;
	uint32_t insn_bytes;	/* RIP goes on by this */
	bool self_jump;		/* done, and RIP is where it was */
	uint64_t rax;		/* new RAX if not 0 */
	int err;
	uint16_t port;
	uint8_t bytes;
	bool is_in;
	uint64_t data;		/* of an OUT; to a device, or its answer */
	uint32_t count;		/* of OUTS; 0: a single access */
	uint64_t gpa;
	uint64_t hc_nr, hc_arg;
	uint32_t insn_error;
	const char *sentence;
};

struct fake_cpu {
	bool exists;
	struct vtr_run *run;
	struct vtr_trace_ring *ring;
	struct vtr_regs regs;
	struct vtr_sregs sregs;
	struct vtr_events events;
	struct vtr_debug_regs debug_regs;
	uint64_t pending_dbg;
	struct vtr_msr msrs[2];
	struct vtr_tsc tsc;
	struct fake_step steps[FAKE_MAX_STEPS];
	unsigned int at;
	uint64_t exits;
	uint32_t debug;
	bool pending_in;
	bool pending_mmio;
	uint64_t wanted;			/* answer to a read of a device */
	uint8_t pending_bytes;
	uint64_t answers[FAKE_MAX_STEPS];	/* of INs and hypercalls */
	unsigned int nr_answers;
	struct vtr_event injected;
};

struct fake {
	int open_errno;
	int version;
	int fail_errno;			/* @fail_request fails with it */
	unsigned long fail_request;
	uint32_t backend;
	bool no_insn_step;		/* VTR_DEBUG_STEP_INSN is refused */
	bool left_over;			/* a trap stays pending after an exit */
	uint64_t tsc;
	struct vtr_create_vm vm;
	bool vm_exists;
	unsigned int created;		/* VMs so far */
	bool held;			/* VTR_VM_HOLD_TIMERS */
	bool line[24];			/* as VTR_VM_IRQ_LINE has set them */
	struct vtr_slot slots[8];
	unsigned int nr_slots;
	struct vtr_cpuid_entry cpuid[8];	/* set by the program */
	uint32_t nr_cpuid;
	struct fake_cpu cpus[FAKE_MAX_CPUS];
	int opened, closed, mapped, unmapped;
};

extern struct fake fake;

/* Fresh fake, in force until fake_remove(). */
void fake_install(void);
void fake_remove(void);

/* Append a step to a vCPU's script. */
void fake_add(unsigned int cpu, struct fake_step step);

/* A few steps by name. */
void fake_out(unsigned int cpu, uint16_t port, uint8_t bytes, uint32_t data);
void fake_in(unsigned int cpu, uint16_t port, uint8_t bytes);
void fake_cpuid(unsigned int cpu);
void fake_hypercall(unsigned int cpu, uint64_t nr, uint64_t arg);
void fake_hlt(unsigned int cpu);

/* Write one trace record, as the module would. */
void fake_trace(struct fake_cpu *cpu, enum vtr_trace_kind kind, uint64_t arg0,
		const struct fake_step *step);

#endif /* VITRINE_FAKE_H */
