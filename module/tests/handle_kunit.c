// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is the right thing done about each kind of exit?  KUnit suite "handle".
 *
 * One VTR_VCPU_RUN a case on the fake back end: the script makes the exit, and
 * the test looks at registers, RIP, the run page and the events that the guest
 * has got.  The run loop around it is run_kunit.c's subject.
 */
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "machine.h"

#define STEP(kind_, ...) { .exit = { .kind = VTR_HW_##kind_, .insn_bytes = 2, __VA_ARGS__ } }
#define START		0xfff0ULL	/* RIP of the first instruction */

/* Run @script and expect the guest to halt at its end, @bytes behind the start. */
static void expect_to_halt_at(struct kunit *test, u64 bytes, const struct fake_step *script,
			      unsigned int nr)
{
	struct machine *m = test->priv;

	m->vcpu->regs.rip = START;
	KUNIT_EXPECT_EQ(test, machine_run(m, script, nr), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, nr + 1);
	/* The HLT of the script's end is one byte long. */
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START + bytes + 1);
}

#define HALTS_AT(bytes, script) expect_to_halt_at(test, bytes, script, ARRAY_SIZE(script))

/* The guest must have got exactly one event: this exception. */
static void expect_exception(struct kunit *test, u8 vector, bool has_error, u32 error)
{
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].kind, VTR_EVENT_EXCEPTION);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, vector);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].has_error, has_error);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].error, error);
	m->vcpu->nr_delivered = 0;
}

static void expect_death(struct kunit *test, const char *sentence)
{
	struct machine *m = test->priv;
	struct vtr_run *run = m->vcpu->base.run;

	KUNIT_EXPECT_EQ(test, run->exit, (u32)VTR_EXIT_STOPPED);
	KUNIT_EXPECT_STREQ(test, run->sentence, sentence);
	KUNIT_EXPECT_EQ(test, m->vcpu->skips, 0u);
}

/* ---- CPUID, MSRs, hypercalls ------------------------------------------------------ */

static void cpuid_fills_the_four_registers(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(CPUID) };
	struct machine *m = test->priv;
	u64 *gpr = m->vcpu->base.gpr;

	/* The upper halves of the operands do not count. */
	gpr[VTR_RAX] = 0xdead000040000000ULL;
	gpr[VTR_RCX] = 0xdead000000000000ULL;
	HALTS_AT(2, script);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RAX], 0x40000010ULL);
	KUNIT_EXPECT_EQ(test, memcmp(&gpr[VTR_RBX], "Vitr", 4), 0);
	KUNIT_EXPECT_EQ(test, memcmp(&gpr[VTR_RCX], "ineG", 4), 0);
	KUNIT_EXPECT_EQ(test, memcmp(&gpr[VTR_RDX], "lass", 4), 0);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RBX] >> 32, 0ULL);
}

static void rdmsr_splits_the_value(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(MSR, .msr = { .index = MSR_LSTAR }) };
	struct machine *m = test->priv;
	u64 *gpr = m->vcpu->base.gpr;

	machine_load(m);
	KUNIT_EXPECT_EQ(test, vtr_msr_write(&m->vcpu->base, MSR_LSTAR, 0xffffffff81234567ULL), 0);
	machine_put(m);
	gpr[VTR_RAX] = gpr[VTR_RDX] = ~0ULL;
	HALTS_AT(2, script);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RAX], 0x81234567ULL);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RDX], 0xffffffffULL);
}

static void wrmsr_joins_the_halves(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(MSR, .msr = { .index = MSR_LSTAR, .write = true }),
	};
	struct machine *m = test->priv;
	u64 value;

	m->vcpu->base.gpr[VTR_RAX] = 0xdead000089abcdefULL;
	m->vcpu->base.gpr[VTR_RDX] = 0xdead000001234567ULL;
	HALTS_AT(2, script);
	machine_load(m);
	KUNIT_EXPECT_EQ(test, vtr_msr_read(&m->vcpu->base, MSR_LSTAR, &value), 0);
	machine_put(m);
	KUNIT_EXPECT_EQ(test, value, 0x0123456789abcdefULL);
}

static void msrs_that_do_not_exist_fault(struct kunit *test)
{
	static const struct fake_step read[] = { STEP(MSR, .msr = { .index = 0x12345 }) };
	static const struct fake_step write[] = {
		STEP(MSR, .msr = { .index = 0x12345, .write = true }),
	};
	static const struct fake_step bad_value[] = {
		STEP(MSR, .msr = { .index = MSR_LSTAR, .write = true }),
	};
	struct machine *m = test->priv;
	u64 *gpr = m->vcpu->base.gpr;

	gpr[VTR_RAX] = 0x1111;
	gpr[VTR_RDX] = 0x2222;
	HALTS_AT(0, read);
	expect_exception(test, X86_TRAP_GP, true, 0);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RAX], 0x1111ULL);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RDX], 0x2222ULL);
	HALTS_AT(0, write);
	expect_exception(test, X86_TRAP_GP, true, 0);
	gpr[VTR_RAX] = gpr[VTR_RDX] = ~0ULL;
	HALTS_AT(0, bad_value);
	expect_exception(test, X86_TRAP_GP, true, 0);
}

static void low_hypercalls_are_answered_here(struct kunit *test)
{
	static const struct {
		u64 nr, answer;
	} calls[] = {
		{ VTR_HC_NOP, 0 },
		{ VTR_HC_API_VERSION, VTR_API_VERSION },
		{ VTR_HC_VCPU_ID, 0 },
		{ 0x3, VTR_HC_UNKNOWN },
		{ VTR_HC_USER_FIRST - 1, VTR_HC_UNKNOWN },
	};
	static const struct fake_step script[] = { STEP(HYPERCALL) };
	struct machine *m = test->priv;

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		m->vcpu->base.gpr[VTR_RAX] = calls[i].nr;
		HALTS_AT(2, script);
		KUNIT_EXPECT_EQ_MSG(test, m->vcpu->base.gpr[VTR_RAX], calls[i].answer,
				    "hypercall %#llx", calls[i].nr);
	}
}

static void high_hypercalls_go_up_and_come_back(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(HYPERCALL) };
	struct machine *m = test->priv;
	struct vtr_run *run = m->vcpu->base.run;
	u64 *gpr = m->vcpu->base.gpr;

	gpr[VTR_RAX] = VTR_HC_USER_FIRST;
	gpr[VTR_RBX] = 11;
	gpr[VTR_RCX] = 22;
	gpr[VTR_RDX] = 33;
	gpr[VTR_RSI] = 44;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, run->exit, (u32)VTR_EXIT_HYPERCALL);
	KUNIT_EXPECT_EQ(test, run->hypercall.nr, VTR_HC_USER_FIRST);
	KUNIT_EXPECT_EQ(test, run->hypercall.args[0], 11ULL);
	KUNIT_EXPECT_EQ(test, run->hypercall.args[1], 22ULL);
	KUNIT_EXPECT_EQ(test, run->hypercall.args[2], 33ULL);
	KUNIT_EXPECT_EQ(test, run->hypercall.args[3], 44ULL);
	/* A program that does not know it leaves this answer. */
	KUNIT_EXPECT_EQ(test, run->hypercall.ret, VTR_HC_UNKNOWN);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START);

	run->hypercall.ret = 0x77;
	KUNIT_EXPECT_EQ(test, machine_run(m, script, 0), 0);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RAX], 0x77ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->skips, 2u);	/* the call and the HLT */
}

/* ---- ports ---------------------------------------------------------------------------- */

static void out_is_finished_before_the_user_side_sees_it(struct kunit *test)
{
	static const struct {
		u8 bytes;
		u64 data;
	} rows[] = { { 1, 0x88 }, { 2, 0x7788 }, { 4, 0x55667788 } };
	struct machine *m = test->priv;
	struct vtr_run *run = m->vcpu->base.run;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fake_step script[] = {
			STEP(IO, .io = { .port = 0x3f8, .bytes = rows[i].bytes }),
		};

		m->vcpu->regs.rip = START;
		m->vcpu->base.gpr[VTR_RAX] = 0x1122334455667788ULL;
		KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
		KUNIT_EXPECT_EQ(test, run->exit, (u32)VTR_EXIT_IO);
		KUNIT_EXPECT_EQ(test, run->io.port, 0x3f8);
		KUNIT_EXPECT_EQ(test, run->io.bytes, rows[i].bytes);
		KUNIT_EXPECT_EQ(test, run->io.is_in, 0);
		KUNIT_EXPECT_EQ(test, run->io.count, 1u);
		KUNIT_EXPECT_EQ(test, run->io.data, rows[i].data);
		KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START + 2);
	}
}

static void in_takes_the_answer_at_the_next_run(struct kunit *test)
{
	/* SDM 1 "General-Purpose Registers in 64-Bit Mode" (3.4.1.1). */
	static const struct {
		u8 bytes;
		u64 rax;
	} rows[] = {
		{ 1, 0x11223344556677ddULL },
		{ 2, 0x112233445566ccddULL },
		{ 4, 0x00000000aabbccddULL },	/* a 32-bit write clears the rest */
	};
	struct machine *m = test->priv;
	struct vtr_run *run = m->vcpu->base.run;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fake_step script[] = {
			STEP(IO, .io = { .port = 0x60, .bytes = rows[i].bytes, .in = true }),
		};

		m->vcpu->regs.rip = START;
		m->vcpu->base.gpr[VTR_RAX] = 0x1122334455667788ULL;
		KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
		KUNIT_EXPECT_EQ(test, run->exit, (u32)VTR_EXIT_IO);
		KUNIT_EXPECT_EQ(test, run->io.is_in, 1);
		KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START);
		KUNIT_EXPECT_EQ(test, m->vcpu->base.gpr[VTR_RAX], 0x1122334455667788ULL);

		/* Only the answer is taken from the page, not what was asked. */
		run->io.data = 0x99887766aabbccddULL;
		run->io.bytes = 255;
		run->io.is_in = 0;
		run->exit = VTR_EXIT_HYPERCALL;
		KUNIT_EXPECT_EQ(test, machine_run(m, script, 0), 0);
		KUNIT_EXPECT_EQ_MSG(test, m->vcpu->base.gpr[VTR_RAX], rows[i].rax,
				    "%u bytes", rows[i].bytes);
		KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START + 2 + 1);
	}
}

static void an_answer_is_taken_once(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(IO, .io = { .port = 0x60, .bytes = 1, .in = true }),
	};
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	m->vcpu->base.run->immediate_exit = 1;
	m->vcpu->base.run->io.data = 1;
	KUNIT_EXPECT_EQ(test, machine_run(m, script, 0), 0);
	/* An immediate exit finishes the work first: promise of struct vtr_run. */
	KUNIT_EXPECT_EQ(test, m->vcpu->base.gpr[VTR_RAX], 1ULL);
	m->vcpu->base.run->io.data = 2;
	KUNIT_EXPECT_EQ(test, machine_run(m, script, 0), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.gpr[VTR_RAX], 1ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->skips, 1u);
}

/* ---- halting, memory, failures ------------------------------------------------------------ */

static void send_nmi(struct fake_vcpu *v)
{
	const struct vtr_event nmi = { .kind = VTR_EVENT_NMI, .vector = X86_TRAP_NMI };

	vtr_inject(&v->base, &nmi);
}

static void hlt_goes_up_unless_an_event_waits(struct kunit *test)
{
	static const struct fake_step idle[] = { STEP(HLT) };
	static const struct fake_step busy[] = {
		{ .exit = { .kind = VTR_HW_HLT, .insn_bytes = 2 }, .in_guest = send_nmi },
	};
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, idle), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_HLT);
	KUNIT_EXPECT_EQ(test, m->vcpu->entries, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.activity, VTR_HALTED);
	/* The NMI that came before the HLT ends it at once. */
	HALTS_AT(2, busy);
	KUNIT_EXPECT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].kind, VTR_EVENT_NMI);
}

static void a_served_fault_lets_the_guest_try_again(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(SLAT, .slat = { .gpa = 0x5123, .access = VTR_SLAT_WRITE }),
	};
	struct machine *m = test->priv;

	HALTS_AT(0, script);
	KUNIT_EXPECT_EQ(test, m->faults, 1u);
	KUNIT_EXPECT_EQ(test, m->fault_gpa, 0x5123ULL);
	KUNIT_EXPECT_EQ(test, m->fault_access, (unsigned int)VTR_SLAT_WRITE);
}

static void fetching_from_no_memory_kills_the_vm(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(SLAT, .slat = { .gpa = 0xfee00000, .gva_valid = true,
				     .access = VTR_SLAT_EXEC }),
	};
	struct machine *m = test->priv;

	m->fault_result = -ENOENT;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	expect_death(test, "vCPU 0 at RIP 0xfff0: fetch from guest physical address 0xfee00000, where there is no memory");
}

static void page_tables_in_no_memory_kill_the_vm(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(SLAT, .slat = { .gpa = 0xfee00000, .gva_valid = true, .of_table = true,
				     .access = VTR_SLAT_READ }),
	};
	struct machine *m = test->priv;

	m->fault_result = -ENOENT;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	expect_death(test, "vCPU 0 at RIP 0xfff0: read of guest physical address 0xfee00000, where there is no memory, to walk the guest's page tables");
}

static void a_stack_in_no_memory_kills_the_vm(struct kunit *test)
{
	static const struct fake_step script[] = {
		{ .exit = { .kind = VTR_HW_SLAT, .in_delivery = true,
			    .slat = { .gpa = 0xfee00000, .gva_valid = true,
				      .access = VTR_SLAT_WRITE } } },
	};
	struct machine *m = test->priv;

	m->fault_result = -ENOENT;
	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	expect_death(test, "vCPU 0 at RIP 0xfff0: write to guest physical address 0xfee00000, where there is no memory, while an event was delivered");
}

static void the_hosts_trouble_is_the_programs(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(SLAT, .slat = { .gpa = 0x1000, .access = VTR_SLAT_READ }),
	};
	struct machine *m = test->priv;

	m->fault_result = -EFAULT;
	KUNIT_EXPECT_EQ(test, RUN(m, script), -EFAULT);
	KUNIT_EXPECT_FALSE(test, vtr_vm_dead(&m->vm));
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.rip, START);
	/* Once the memory is there, the guest goes on. */
	m->fault_result = 0;
	HALTS_AT(0, script);
}

static void a_triple_fault_shuts_down(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(TRIPLE) };
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.run->exit, (u32)VTR_EXIT_SHUTDOWN);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.activity, VTR_SHUTDOWN);
}

static void a_failed_entry_is_explained(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(FAIL, .qualification = 4,
		     .fail = { .insn_error = 7, .reason = 0x80000021 }),
	};
	struct machine *m = test->priv;
	struct vtr_run *run = m->vcpu->base.run;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_EXPECT_EQ(test, run->exit, (u32)VTR_EXIT_FAIL_ENTRY);
	KUNIT_EXPECT_EQ(test, run->fail.insn_error, 7u);
	KUNIT_EXPECT_EQ(test, run->fail.reason, 0x80000021u);
	KUNIT_EXPECT_EQ(test, run->fail.qualification, 4ULL);
	KUNIT_EXPECT_STREQ(test, run->sentence, "the script says so (error 7)");
}

static void an_exit_that_nobody_handles_kills_the_vm(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(OTHER, .hw_reason = 9, .qualification = 0x18),
	};
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	expect_death(test, "vCPU 0 at RIP 0xfff0: exit reason 9 (scripted), qualification 0x18, is not handled");
}

static void instructions_that_do_not_exist_fault(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(INSN) };

	HALTS_AT(0, script);
	expect_exception(test, X86_TRAP_UD, false, 0);
}

static void intercepted_exceptions_go_back(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(EXCEPTION, .exception = { .vector = X86_TRAP_AC, .has_error = true }),
	};

	HALTS_AT(0, script);
	expect_exception(test, X86_TRAP_AC, true, 0);
}

/* ---- control and debug registers ------------------------------------------------------------ */

static void int1_returns_behind_itself(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(EXCEPTION, .exception = { .vector = X86_TRAP_DB, .by_int1 = true }),
	};
	struct machine *m = test->priv;

	KUNIT_EXPECT_EQ(test, RUN(m, script), 0);
	KUNIT_ASSERT_EQ(test, m->vcpu->nr_delivered, 1u);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].kind, VTR_EVENT_PRIV_SOFT_EXC);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].vector, X86_TRAP_DB);
	KUNIT_EXPECT_EQ(test, m->vcpu->delivered[0].insn_bytes, 2);
}

static void mov_from_cr_reads_the_guests_value(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(CR, .cr = { .nr = 3, .op = VTR_CR_READ, .gpr = VTR_RSP }),
		STEP(CR, .cr = { .nr = 8, .op = VTR_CR_READ, .gpr = VTR_R9 }),
	};
	struct machine *m = test->priv;

	m->vcpu->sregs.cr3 = 0x4000;
	m->vcpu->base.cr8 = 7;
	HALTS_AT(4, script);
	KUNIT_EXPECT_EQ(test, m->vcpu->regs.gpr[VTR_RSP], 0x4000ULL);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.gpr[VTR_R9], 7ULL);
}

static void mov_to_cr_faults_without_effect(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(CR, .cr = { .nr = 8, .op = VTR_CR_WRITE, .gpr = VTR_RBX }),
	};
	struct machine *m = test->priv;

	m->vcpu->base.gpr[VTR_RBX] = 0xf;
	HALTS_AT(2, script);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.cr8, 0xfULL);
	m->vcpu->base.gpr[VTR_RBX] = 0x10;
	HALTS_AT(0, script);
	expect_exception(test, X86_TRAP_GP, true, 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.cr8, 0xfULL);
}

static void clts_and_lmsw_change_their_bits_only(struct kunit *test)
{
	static const struct fake_step clts[] = { STEP(CR, .cr = { .op = VTR_CR_CLTS }) };
	static const struct fake_step lmsw[] = {
		STEP(CR, .cr = { .op = VTR_CR_LMSW, .source = 0xfff0 | X86_CR0_TS }),
	};
	struct machine *m = test->priv;
	const u64 cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP;

	m->vcpu->sregs.cr0 = cr0 | X86_CR0_TS;
	HALTS_AT(2, clts);
	KUNIT_EXPECT_EQ(test, m->vcpu->sregs.cr0, cr0);
	/* LMSW cannot clear PE, and takes four bits only: MP goes, TS comes. */
	HALTS_AT(2, lmsw);
	KUNIT_EXPECT_EQ(test, m->vcpu->sregs.cr0, (cr0 | X86_CR0_TS) & ~(u64)X86_CR0_MP);
}

/* Only there the upper halves of operands count. */
static void enter_64bit_code(struct machine *m)
{
	m->vcpu->sregs.efer |= EFER_LME | EFER_LMA;
	m->vcpu->sregs.seg[VTR_CS].attributes |= BIT(9);
}

static void debug_registers_are_kept(struct kunit *test)
{
	static const struct fake_step write[] = {
		STEP(DR, .dr = { .nr = 2, .write = true, .gpr = VTR_RAX }),
		STEP(DR, .dr = { .nr = 6, .write = true, .gpr = VTR_RCX }),
		STEP(DR, .dr = { .nr = 7, .write = true, .gpr = VTR_RDX }),
	};
	static const struct fake_step read[] = {
		STEP(DR, .dr = { .nr = 2, .gpr = VTR_RBX }),
		STEP(DR, .dr = { .nr = 6, .gpr = VTR_RSI }),
		STEP(DR, .dr = { .nr = 7, .gpr = VTR_RDI }),
	};
	struct machine *m = test->priv;
	u64 *gpr = m->vcpu->base.gpr;

	enter_64bit_code(m);
	gpr[VTR_RAX] = 0xffffffff81000000ULL;
	gpr[VTR_RCX] = 0xf;
	gpr[VTR_RDX] = 0x3;
	HALTS_AT(6, write);
	HALTS_AT(6, read);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RBX], 0xffffffff81000000ULL);
	/* Bits that do not exist read as the manual fixes them. */
	KUNIT_EXPECT_EQ(test, gpr[VTR_RSI], 0xf | VTR_DR6_ONES);
	KUNIT_EXPECT_EQ(test, gpr[VTR_RDI], 0x3 | VTR_DR7_ONES);
}

static void dr4_and_dr5_are_aliases_or_fault(struct kunit *test)
{
	static const struct fake_step script[] = { STEP(DR, .dr = { .nr = 4, .gpr = VTR_RBX }) };
	struct machine *m = test->priv;

	HALTS_AT(2, script);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.gpr[VTR_RBX], m->vcpu->base.dr6);
	m->vcpu->sregs.cr4 = X86_CR4_DE;
	HALTS_AT(0, script);
	expect_exception(test, X86_TRAP_UD, false, 0);
}

static void upper_halves_of_dr6_and_dr7_fault(struct kunit *test)
{
	static const struct fake_step script[] = {
		STEP(DR, .dr = { .nr = 7, .write = true, .gpr = VTR_RAX }),
	};
	struct machine *m = test->priv;

	m->vcpu->base.gpr[VTR_RAX] = BIT_ULL(32);
	/* 32-bit code has no upper halves, whatever lies in them. */
	HALTS_AT(2, script);
	enter_64bit_code(m);
	HALTS_AT(0, script);
	expect_exception(test, X86_TRAP_GP, true, 0);
	KUNIT_EXPECT_EQ(test, m->vcpu->dr7, VTR_DR7_ONES);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(cpuid_fills_the_four_registers),
	KUNIT_CASE(rdmsr_splits_the_value),
	KUNIT_CASE(wrmsr_joins_the_halves),
	KUNIT_CASE(msrs_that_do_not_exist_fault),
	KUNIT_CASE(low_hypercalls_are_answered_here),
	KUNIT_CASE(high_hypercalls_go_up_and_come_back),
	KUNIT_CASE(out_is_finished_before_the_user_side_sees_it),
	KUNIT_CASE(in_takes_the_answer_at_the_next_run),
	KUNIT_CASE(an_answer_is_taken_once),
	KUNIT_CASE(hlt_goes_up_unless_an_event_waits),
	KUNIT_CASE(a_served_fault_lets_the_guest_try_again),
	KUNIT_CASE(fetching_from_no_memory_kills_the_vm),
	KUNIT_CASE(page_tables_in_no_memory_kill_the_vm),
	KUNIT_CASE(a_stack_in_no_memory_kills_the_vm),
	KUNIT_CASE(the_hosts_trouble_is_the_programs),
	KUNIT_CASE(a_triple_fault_shuts_down),
	KUNIT_CASE(a_failed_entry_is_explained),
	KUNIT_CASE(an_exit_that_nobody_handles_kills_the_vm),
	KUNIT_CASE(instructions_that_do_not_exist_fault),
	KUNIT_CASE(intercepted_exceptions_go_back),
	KUNIT_CASE(int1_returns_behind_itself),
	KUNIT_CASE(mov_from_cr_reads_the_guests_value),
	KUNIT_CASE(mov_to_cr_faults_without_effect),
	KUNIT_CASE(clts_and_lmsw_change_their_bits_only),
	KUNIT_CASE(debug_registers_are_kept),
	KUNIT_CASE(dr4_and_dr5_are_aliases_or_fault),
	KUNIT_CASE(upper_halves_of_dr6_and_dr7_fault),
	{}
};

static struct kunit_suite suite = {
	.name = "handle",
	.init = machine_start,
	.exit = machine_finish,
	.test_cases = cases,
};

kunit_test_suite(suite);
