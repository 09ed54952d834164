// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of a local APIC that the processor does by itself: what that saves, and
 * that nothing else is different.
 *
 * Each guest runs at all levels of the module's parameter "apicv" and must read the same;
 * how it comes to that is told by the counters of exits.  That lines, messages, priorities
 * and timers work at each level is shown by irqchip_test, apic_timer_test and ipi_test
 * (suites ioctl-apicv-*).
 * Source: SDM 3C "APIC Virtualization and Virtual Interrupts" (chapter 30).
 */
#include <errno.h>
#include <string.h>

#include "irq_guest.h"

#define ROUNDS		100

/* Basic exit reasons. */
#define R_CR_ACCESS	28
#define R_RDMSR		31
#define R_WRMSR		32
#define R_TPR		43
#define R_APIC_ACCESS	44
#define R_END		45
#define R_SLAT		48
#define R_APIC_WRITE	56

/* Faults by which memory and page tables come in. */
#define SOME		25

static uint64_t exits(struct vcpu *vcpu, unsigned int reason)
{
	return get_stats(vcpu).count[reason];
}

static struct vcpu *run_at_level(unsigned int level, const struct guest_code *code, uint32_t end)
{
	struct vcpu *vcpu;

	set_apicv_level(level);
	vcpu = start_irq_guest(code, end);
	REQUIRE(run_to_stop(vcpu));
	return vcpu;
}

#define REPEAT(body)	"mov $100, %esi\n 1:\n" body "dec %esi\n jnz 1b\n"

/* ---- registers --------------------------------------------------------------------------- */

GUEST(reads_page, 64,
      REPEAT(READ(0xf0, 0) READ(0x30, 1) WRITE(0x80, 0x25) READ(0x80, 2)
	     WRITE_CR8(3) READ_CR8(3) READ(0x80, 4)) STOP);

static void reads_and_task_priority_are_free(void)
{
	static const uint64_t wanted[] = { 0x1ff, 0x01050014, 0x25, 3, 0x30 };

	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *vcpu = run_at_level(level, &guest_reads_page, 0);

		check_out(vcpu, wanted, 5);
		CHECK_NUM(vcpu->run->cr8, 3);
		CHECK_NUM(exits(vcpu, R_CR_ACCESS), level ? 0 : 2 * ROUNDS);
		CHECK(exits(vcpu, R_SLAT) <= (level ? 0 : 5 * ROUNDS) + SOME);
		CHECK(level || exits(vcpu, R_SLAT) >= 5 * ROUNDS);
		CHECK_NUM(exits(vcpu, R_APIC_ACCESS) + exits(vcpu, R_APIC_WRITE), 0);
	}
}

GUEST(writes_page, 64,
      REPEAT(WRITE(0x320, 0x10030) WRITE(0xe0, 0) READ(0x320, 0) READ(0xe0, 1)
	     WRITE(0x20, 0x7000000) READ(0x20, 2) WRITE(0x310, 0x5ffffff) READ(0x310, 3)
	     WRITE(0x30, 0) READ(0xa0, 4)) STOP);

/* The processor tells of a write behind it, and what the guest must not change comes back. */
static void writes_are_not_decoded(void)
{
	static const uint64_t wanted[] = { 0x10030, 0x0fffffff, 0, 0x5000000, 0 };

	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *vcpu = run_at_level(level, &guest_writes_page, 0);

		check_out(vcpu, wanted, 5);
		CHECK_NUM(exits(vcpu, R_APIC_WRITE), level ? 3 * ROUNDS : 0);
		/* Version is read-only, PPR is computed. */
		CHECK_NUM(exits(vcpu, R_APIC_ACCESS), level ? 2 * ROUNDS : 0);
		CHECK(exits(vcpu, R_SLAT) <= (level ? 0 : 10 * ROUNDS) + SOME);
	}
}

GUEST(uses_msrs, 64, ENTER_X2APIC
      REPEAT(RDMSR(0x80f, 0) WRMSR(0x808, 0x25) RDMSR(0x808, 1) WRITE_CR8(3) RDMSR(0x808, 2)
	     RDMSR(0x80a, 3))
      RDMSR(0x831, 4) RDMSR(0x80e, 4) RDMSR(0x800, 4) WRMSR(0x808, 0x100)
      "mov 0x434(%r13), %ebx\n mov %rbx, " OUT_AT(4) "\n"	/* count of #GP */
      STOP);

static void the_same_by_msrs(void)
{
	static const uint64_t wanted[] = { 0x1ff, 0x25, 0x30, 0x30, 4 };

	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *vcpu = run_at_level(level, &guest_uses_msrs, 0);

		check_out(vcpu, wanted, 5);
		CHECK_NUM(exits(vcpu, R_CR_ACCESS), level ? 0 : ROUNDS);
		/* PPR, IA32_APIC_BASE, and three that are not there. */
		CHECK_NUM(exits(vcpu, R_RDMSR), (level ? 1 : 4) * ROUNDS + 4);
		CHECK_NUM(exits(vcpu, R_WRMSR), level ? 1 : ROUNDS + 2);
	}
}

/* ---- interrupts -------------------------------------------------------------------------- */

GUEST(calls_itself, 64, REPEAT(WRITE(0x300, 0x44055) OPEN_WINDOW) STOP);

static void an_interrupt_costs_less(void)
{
	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *vcpu = run_at_level(level, &guest_calls_itself, END_XAPIC);
		struct vtr_vcpu_stats stats = get_stats(vcpu);

		CHECK_NUM(log_of(vcpu)->count[0x55], ROUNDS);
		CHECK_NUM(log_of(vcpu)->nr, ROUNDS);
		CHECK(stats.count[R_SLAT] <= (level ? 0 : 2 * ROUNDS) + SOME);
		CHECK_NUM(stats.count[R_APIC_WRITE], level == 1 ? 2 * ROUNDS : 0);
		CHECK_NUM(stats.injections, level == 2 ? 0 : ROUNDS);
		tap_note("level %u: %llu exits for %u interrupts", level,
			 (unsigned long long)stats.exits, ROUNDS);
		CHECK(level == 2 ? stats.exits < ROUNDS : stats.exits >= 2 * ROUNDS);
	}
}

GUEST(lowers_cr8, 64, WRITE_CR8(9) STOP
      "sti\n" WRITE_CR8(8) WRITE_CR8(5) "mov (%r13), %eax\n mov %rax, " OUT_AT(0) "\n"
      WRITE_CR8(4) "mov (%r13), %eax\n mov %rax, " OUT_AT(1) "\n" WRITE_CR8(0) "cli\n" STOP);

/* The processor is told how far TPR must fall for the interrupt that waits. */
static void one_exit_when_the_priority_is_low_enough(void)
{
	static const uint64_t wanted[] = { 0, 1 };

	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *vcpu = run_at_level(level, &guest_lowers_cr8, END_XAPIC);

		send_vector(vcpu->vm, 0, 0x55);
		REQUIRE(run_to_stop(vcpu));
		check_out(vcpu, wanted, 2);
		CHECK_NUM(log_of(vcpu)->nr, 1);
		CHECK_NUM(exits(vcpu, R_TPR), level == 1);
		CHECK_NUM(exits(vcpu, R_CR_ACCESS), level ? 0 : 5);
	}
}

GUEST(ends_a_level, 64, ENABLE_APIC REDIRECT(10, 0x805a) STOP
      OPEN_WINDOW WRITE(0xb0, 0) STOP OPEN_WINDOW WRITE(0xb0, 0) OPEN_WINDOW STOP);

/* The I/O APIC hears of the end of a level, and of no other end. */
static void the_end_of_a_level_is_told(void)
{
	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *vcpu = run_at_level(level, &guest_ends_a_level, 0);

		set_line(vcpu->vm, 10, 1);
		REQUIRE(run_to_stop(vcpu));
		CHECK_NUM(log_of(vcpu)->count[0x5a], 1);
		REQUIRE(run_to_stop(vcpu));
		CHECK_NUM(log_of(vcpu)->count[0x5a], 3);
		CHECK_NUM(exits(vcpu, R_END), level == 2 ? 2 : 0);
	}
}

/* ---- the page ---------------------------------------------------------------------------- */

GUEST(looks_three_times, 64,
      READ(0x30, 0) STOP READ(0x30, 1) STOP READ(0x30, 2) STOP);

/* A slot at its address hides the local APIC as long as it is there. */
static void memory_goes_before_the_page(void)
{
	uint32_t *memory = map_memory(4 * KB);

	memory[0x30 / 4] = 0xabcd;
	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *vcpu = run_at_level(level, &guest_looks_three_times, 0);
		volatile struct irq_log *log = log_of(vcpu);

		MUST(set_slot(vcpu->vm, 1, 0xfee00000, 4 * KB, memory, 0));
		REQUIRE(run_to_stop(vcpu));
		MUST(set_slot(vcpu->vm, 1, 0xfee00000, 0, memory, 0));
		REQUIRE(run_to_stop(vcpu));
		CHECK_NUM(log->out[0], 0x01050014);
		CHECK_NUM(log->out[1], 0xabcd);
		CHECK_NUM(log->out[2], 0x01050014);
	}
}

GUEST(leaves_page, 64, READ(0x30, 0) ENTER_X2APIC STOP READ(0x30, 1) STOP);

/* One vCPU goes over to MSRs: it has no page any more, the other one has. */
static void each_vcpu_has_its_own_way(void)
{
	for (unsigned int level = 0; level <= 2; level++) {
		struct vcpu *stays = run_at_level(level, &guest_looks_three_times, 0);
		struct vcpu *leaves = new_irq_vcpu(stays->vm, 1, &guest_leaves_page, 0);

		REQUIRE(run_to_stop(leaves));
		REQUIRE(run_to_stop(stays));
		CHECK_NUM(log_of(stays)->out[1], 0x01050014);
		REQUIRE(run_to(leaves, VTR_EXIT_MMIO));
		CHECK_NUM(leaves->run->mmio.gpa, 0xfee00030);
		leaves->run->mmio.data = 0x77;
		REQUIRE(run_to_stop(leaves));
		CHECK_NUM(log_of(leaves)->out[1], 0x77);
	}
}

GUEST(runs_in_page, 64, READ(0x30, 0) "jmp *%r15");

static void code_is_not_fetched_from_it(void)
{
	for (unsigned int level = 0; level <= 1; level++) {
		const char *sentence;
		struct vcpu *vcpu;

		set_apicv_level(level);
		vcpu = start_irq_guest(&guest_runs_in_page, 0);
		REQUIRE(run_to(vcpu, VTR_EXIT_STOPPED));
		sentence = vcpu->run->sentence;
		CHECK_MSG(strstr(sentence, "fetch from guest physical address 0xfee00000"),
			  "%s", sentence);
	}
}

static const struct tap_case cases[] = {
	CASE(reads_and_task_priority_are_free),
	CASE(writes_are_not_decoded),
	CASE(the_same_by_msrs),
	CASE(an_interrupt_costs_less),
	CASE(one_exit_when_the_priority_is_low_enough),
	CASE(the_end_of_a_level_is_told),
	CASE(memory_goes_before_the_page),
	CASE(each_vcpu_has_its_own_way),
	CASE(code_is_not_fetched_from_it),
};

int main(int argc, char **argv)
{
	unsigned int level = apicv_level();
	int status = TAP_MAIN(argc, argv, cases);

	set_apicv_level(level);
	return status;
}
