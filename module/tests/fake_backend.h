/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A back end without hardware: entering the guest takes the next step of a
 * script instead.
 *
 * Included by the unit tests of module/.  A test writes down which exits the
 * guest makes and what happens while it "runs", and then looks at what the
 * neutral core did.  Read next: fake_backend.c, the shortest example of the
 * door module/backend.h.
 */
#ifndef VTR_TESTS_FAKE_BACKEND_H
#define VTR_TESTS_FAKE_BACKEND_H

#include "../vtr.h"

struct fake_vcpu;

/**
 * struct fake_step - one stay in the guest
 * @exit: how it ends; RIP is filled in by the back end
 * @undelivered: the exit comes before the injected event is delivered
 * @in_guest: called while the guest "runs", interrupts off; may be NULL
 */
struct fake_step {
	struct vtr_exit exit;
	bool undelivered;
	void (*in_guest)(struct fake_vcpu *vcpu);
};

#define FAKE_MAX_DELIVERED	16
#define FAKE_HLT_REASON		12	/* exit reason after the end of the script */

/**
 * struct fake_vcpu - a vCPU that is only a structure
 * @base: the neutral part
 * @script, @nr_steps: what the guest does; after the end it halts
 * @entries: entries so far, which is also the number of the next step
 * @regs: RSP, RIP and RFLAGS; the other registers are in @base
 * @sregs, @blocking, @dr7, @tsc_offset, @tsc_ratio, @pdptrs: guest state
 * @msrs: values of vtr_msr_list
 * @injected: event for the next entry
 * @checked: event that was part of the last check
 * @delivered, @nr_delivered: events that the guest has got
 * @interrupt_window, @nmi_window, @step: what the core has asked for
 * @apicv: what the processor does of the APIC
 * @timer_tsc: when the core wants the guest to be left
 * @loads, @puts, @flushes, @skips: calls so far
 * @violations: calls that broke a rule of module/backend.h
 * @loaded: between vcpu_load and vcpu_put
 */
struct fake_vcpu {
	struct vtr_vcpu base;
	const struct fake_step *script;
	unsigned int nr_steps;
	unsigned int entries;

	struct vtr_regs regs;
	struct vtr_sregs sregs;
	struct vtr_events blocking;
	u64 dr7;
	u64 tsc_offset;
	u64 tsc_ratio;
	u64 pdptrs[4];
	u64 msrs[32];

	struct vtr_event injected;
	struct vtr_event checked;
	struct vtr_event delivered[FAKE_MAX_DELIVERED];
	unsigned int nr_delivered;
	bool interrupt_window;
	bool nmi_window;
	bool step;
	struct vtr_apicv apicv;
	u64 timer_tsc;

	unsigned int loads;
	unsigned int puts;
	unsigned int flushes;
	unsigned int skips;
	unsigned int violations;
	bool loaded;
};

extern struct vtr_backend fake_backend;

static inline struct fake_vcpu *to_fake(struct vtr_vcpu *vcpu)
{
	return container_of(vcpu, struct fake_vcpu, base);
}

#endif /* VTR_TESTS_FAKE_BACKEND_H */
