/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with one vCPU on the fake back end, made fresh for each test case.
 *
 * Suites name machine_start() and machine_finish() as their init and exit and
 * then use test->priv.  What the neutral core normally gets from other files
 * (guest memory, debugfs, file operations) is replaced in machine.c.
 */
#ifndef VTR_TESTS_MACHINE_H
#define VTR_TESTS_MACHINE_H

#include <kunit/test.h>

#include "fake_backend.h"

#define MACHINE_MEMORY	(64 * 1024)	/* guest memory, from address 0 */

/**
 * struct machine - what a test works with
 * @vm: the VM
 * @vcpu: its vCPU, id 0, APIC id 5
 * @fd: file descriptor that keeps @vcpu
 * @memory: guest memory as the core reads it
 * @rom_from: @memory from here on is read-only; 0: none is
 * @write_result: what writing to guest memory fails with, or 0
 * @fault_result: what the next second-level faults return
 * @faults, @fault_gpa, @fault_access: faults so far and the last one
 * @apic_page_removals: times that a vCPU's APIC has left its usual address
 * @slat_flushes: flushes after changes of second-level tables
 */
struct machine {
	struct vtr_vm vm;
	struct fake_vcpu *vcpu;
	int fd;
	u8 *memory;
	u64 rom_from;
	int write_result;
	int fault_result;
	unsigned int faults;
	u64 fault_gpa;
	unsigned int fault_access;
	unsigned int apic_page_removals;
	unsigned int slat_flushes;
};

/* There is no page for second-level tables. */
extern bool machine_no_memory;

int machine_start(struct kunit *test);
int machine_start_irqchip(struct kunit *test);
void machine_finish(struct kunit *test);
int machine_run(struct machine *m, const struct fake_step *script, unsigned int nr_steps);

/* Load @m's vCPU for direct calls of the core's functions. */
static inline void machine_load(struct machine *m)
{
	mutex_lock(&m->vcpu->base.mutex);
	vtr_vcpu_load(&m->vcpu->base);
}

static inline void machine_put(struct machine *m)
{
	vtr_vcpu_put(&m->vcpu->base);
	mutex_unlock(&m->vcpu->base.mutex);
}

#define RUN(m, script) machine_run(m, script, ARRAY_SIZE(script))

#endif /* VTR_TESTS_MACHINE_H */
