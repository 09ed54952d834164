// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests of tests/guests, run and looked at from the host side.
 *
 * Each guest checks itself; here the statistics, the trace ring, the run page
 * and the ways to end are checked as well, also a guest whose whole state is
 * saved and restored at every return.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"

/* The processor's own numbers: SDM 3D "VMX Basic Exit Reasons" (appendix C). */
enum {
	EXIT_TRIPLE_FAULT = 2, EXIT_TASK_SWITCH = 9, EXIT_CPUID = 10, EXIT_HLT = 12,
	EXIT_INVD = 13, EXIT_RDPMC = 15, EXIT_VMCALL = 18, EXIT_VMCLEAR, EXIT_VMLAUNCH,
	EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMRESUME, EXIT_VMWRITE, EXIT_VMXOFF,
	EXIT_VMXON, EXIT_CR = 28, EXIT_DR = 29, EXIT_IO = 30, EXIT_RDMSR = 31, EXIT_WRMSR = 32,
	EXIT_MWAIT = 36, EXIT_MONITOR = 39, EXIT_PAUSE = 40, EXIT_EPT_VIOLATION = 48,
	EXIT_INVEPT = 50, EXIT_INVVPID = 53, EXIT_WBINVD = 54,
};

#define GUEST_BYTES	(16 * MB)

static struct vcpu *guest_from_file(const char *name, uint32_t flags)
{
	struct vcpu *vcpu = new_vcpu(new_vm(GUEST_BYTES, flags), 0);

	load_guest(vcpu, name);
	return vcpu;
}

static void expect_pass(struct vcpu *vcpu, struct served *served)
{
	enum vtr_exit_kind kind = serve(vcpu, served);

	CHECK_MSG(kind == VTR_EXIT_IO && served->exit_value == 0,
		  "ended with exit %u, reported check %u, RIP 0x%llx: %s", kind,
		  served->exit_value, (unsigned long long)vcpu->run->rip,
		  kind == VTR_EXIT_STOPPED || kind == VTR_EXIT_FAIL_ENTRY ?
		  vcpu->run->sentence : "");
}

static void every_kind_of_exit_passes_its_checks(void)
{
	struct vcpu *vcpu = guest_from_file("exits", 0);
	struct served served = {};

	expect_pass(vcpu, &served);
	CHECK_NUM(served.marks, 1);
}

static void counts_by_reason_are_right(void)
{
	static const struct {
		unsigned int reason;
		unsigned int at_least;
	} wanted[] = {
		{ EXIT_CPUID, 4 }, { EXIT_RDMSR, 6 }, { EXIT_WRMSR, 4 }, { EXIT_IO, 9 },
		{ EXIT_VMCALL, 5 }, { EXIT_EPT_VIOLATION, 8 }, { EXIT_CR, 8 }, { EXIT_DR, 10 },
		{ EXIT_INVD, 1 }, { EXIT_RDPMC, 1 }, { EXIT_VMCLEAR, 1 }, { EXIT_VMLAUNCH, 1 },
		{ EXIT_VMPTRLD, 1 }, { EXIT_VMPTRST, 1 }, { EXIT_VMREAD, 1 },
		{ EXIT_VMRESUME, 1 }, { EXIT_VMWRITE, 1 }, { EXIT_VMXOFF, 1 }, { EXIT_VMXON, 1 },
		{ EXIT_INVEPT, 1 }, { EXIT_INVVPID, 1 }, { EXIT_MONITOR, 1 }, { EXIT_MWAIT, 1 },
		{ EXIT_WBINVD, 1 }, { EXIT_PAUSE, 1 },
	};
	struct vcpu *vcpu = guest_from_file("exits", 0);
	struct served served = {};
	struct vtr_vcpu_stats stats;
	uint64_t sum = 0;

	expect_pass(vcpu, &served);
	stats = get_stats(vcpu);
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		CHECK_MSG(stats.count[wanted[i].reason] >= wanted[i].at_least,
			  "reason %u was counted %llu times, at least %u were made",
			  wanted[i].reason, (unsigned long long)stats.count[wanted[i].reason],
			  wanted[i].at_least);
	for (unsigned int i = 0; i < VTR_STATS_REASONS; i++) {
		sum += stats.count[i];
		CHECK_MSG(stats.count[i] || !stats.ticks[i], "reason %u has ticks and no exits", i);
	}
	CHECK_NUM(sum, stats.exits);
	CHECK_NUM(vcpu->run->exits, stats.exits);
	/* Each IN and OUT, the mark. */
	CHECK_NUM(stats.to_user, stats.count[EXIT_IO] + 1);
	CHECK(stats.guest_ticks > 1000);
	CHECK(stats.injections >= 10);
}

/* The guest does all of these (exits.S), and the processor needs nobody's help. */
static void what_the_processor_does_alone_does_not_exit(void)
{
	static const unsigned int reasons[] = {
		14,	/* INVLPG */
		16,	/* RDTSC */
		46, 47,	/* descriptor-table registers */
		51,	/* RDTSCP */
		57, 61,	/* RDRAND, RDSEED */
		58,	/* INVPCID: a #UD */
	};
	struct vcpu *vcpu = guest_from_file("exits", 0);
	struct served served = {};
	struct vtr_vcpu_stats stats;

	expect_pass(vcpu, &served);
	stats = get_stats(vcpu);
	for (unsigned int i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		CHECK_MSG(!stats.count[reasons[i]], "%llu exits for reason %u",
			  (unsigned long long)stats.count[reasons[i]], reasons[i]);
}

static void halt_then_triple_fault(void)
{
	struct vcpu *vcpu = guest_from_file("exits", 0);
	struct served served = {};

	expect_pass(vcpu, &served);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(vcpu->run->hw_kind, VTR_HW_HLT);
	CHECK_NUM(vcpu->run->hw_reason, EXIT_HLT);
	CHECK_NUM(vcpu->run->insn_bytes, 1);
	CHECK_NUM(vcpu->run->if_flag, 0);
	REQUIRE(run_to(vcpu, VTR_EXIT_SHUTDOWN));
	CHECK_NUM(vcpu->run->hw_reason, EXIT_TRIPLE_FAULT);
	/* It stays down. */
	run_to(vcpu, VTR_EXIT_SHUTDOWN);
	CHECK_NUM(get_info(vcpu->vm).flags & VTR_VM_DEAD, 0);
}

struct stage {
	char character;
	uint64_t gpa, page_bytes;	/* of linear 400123H */
	bool pe, pg, lma, code64, vm;
	uint32_t ds_limit;
};

static const struct stage stages[] = {
	{ '1', 0x400123, 0, .ds_limit = 0xffff },
	{ '2', 0x400123, 0, .pe = true, .ds_limit = ~0u },
	{ '3', 0xc00123, 4 * MB, .pe = true, .pg = true, .ds_limit = ~0u },
	{ '4', 0xa00123, 2 * MB, .pe = true, .pg = true, .ds_limit = ~0u },
	{ '5', 0x600123, 2 * MB, .pe = true, .pg = true, .lma = true, .code64 = true,
	  .ds_limit = ~0u },
	{ 'c', 0x600123, 2 * MB, .pe = true, .pg = true, .lma = true, .ds_limit = ~0u },
	{ '6', 0x400123, 0, .pe = true, .ds_limit = ~0u },
	{ '7', 0x400123, 0, .ds_limit = 0xffff },
	{ 'b', 0x400123, 0, .ds_limit = ~0u },
	{ 'v', 0x400123, 0, .pe = true, .vm = true, .ds_limit = 0xffff },
	{ 'p', 0x400123, 0, .pe = true, .ds_limit = ~0u },
};

static void check_stage(struct vcpu *vcpu, const struct stage *stage)
{
	struct vtr_sregs s = get_sregs(vcpu);
	struct vtr_translate t = { .size = sizeof(t), .gva = 0x400123 };
	bool right = (s.cr0 & 1) == stage->pe && s.cr0 >> 31 == stage->pg &&
		     (s.efer >> 10 & 1) == stage->lma &&
		     (s.seg[VTR_CS].attributes >> 9 & 1) == stage->code64 &&
		     (get_regs(vcpu).rflags >> 17 & 1) == stage->vm &&
		     s.seg[VTR_DS].limit == stage->ds_limit;

	CHECK_MSG(right, "stage %c: CR0 0x%llx, EFER 0x%llx, CS 0x%x, DS limit 0x%x",
		  stage->character, (unsigned long long)s.cr0, (unsigned long long)s.efer,
		  s.seg[VTR_CS].attributes, s.seg[VTR_DS].limit);
	MUST(ioctl(vcpu->fd, VTR_VCPU_TRANSLATE, &t));
	CHECK_MSG(t.gpa == stage->gpa && t.page_bytes == stage->page_bytes,
		  "stage %c: GPA 0x%llx by a page of 0x%llx bytes", stage->character,
		  (unsigned long long)t.gpa, (unsigned long long)t.page_bytes);
	CHECK_NUM(t.rights, VTR_WALK_READ | VTR_WALK_WRITE | VTR_WALK_EXEC);
	/* Nothing is mapped there in the paged stages. */
	t.gva = 0x40000000;
	if (stage->pg)
		CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_TRANSLATE, &t), EFAULT);
	t.gva = 0x8000000000000000ull;
	if (stage->lma)
		CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_TRANSLATE, &t), EFAULT);
}

static void check_mode(struct vcpu *vcpu, struct served *served, char c)
{
	(void)served;
	for (unsigned int i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (stages[i].character == c)
			check_stage(vcpu, &stages[i]);
}

static void through_all_modes_and_back(void)
{
	struct vcpu *vcpu = guest_from_file("modes", 0);
	struct served served = { .on_putchar = check_mode };

	expect_pass(vcpu, &served);
	CHECK_MSG(!strcmp(served.text, "12345c67bvp\n"), "the stages were: %s", served.text);
}

static void memory_is_touched_page_by_page(void)
{
	struct vcpu *vcpu = guest_from_file("touch", 0);
	struct served served = {};
	struct vtr_vm_info info;

	expect_pass(vcpu, &served);
	info = get_info(vcpu->vm);
	/* 2048 pages, a few of code, data and tables. */
	CHECK(info.mapped_4k + info.mapped_2m * 512 >= 2048);
	CHECK(info.faults >= 5);
	CHECK_NUM(get_stats(vcpu).count[EXIT_EPT_VIOLATION], info.faults);
	for (uint64_t gpa = 6 * MB; gpa < 14 * MB; gpa += 4096)
		REQUIRE_NUM(*(uint64_t *)(vcpu->vm->mem + gpa), gpa);
}

static void fpu_registers_stay(void)
{
	struct vcpu *vcpu = guest_from_file("fpu", 0);
	struct served served = {};

	expect_pass(vcpu, &served);
	CHECK_NUM(served.marks, 50);
}

/* ---- saving and restoring -------------------------------------------------------- */

static unsigned int nr_saves;

/*
 * Replace the vCPU's state by scratch values and bring it back: if a record
 * missed anything, the guest's own checks would find it.
 */
static void save_and_restore(struct vcpu *vcpu, struct served *served)
{
	static uint64_t saved[1024], again[1024];
	static uint64_t fresh[1024];
	static uint32_t fresh_bytes;
	uint32_t bytes;
	struct vtr_run run = *vcpu->run;

	(void)served;
	if (!fresh_bytes) {
		/* The state of a vCPU that has never run. */
		struct vcpu *other = new_vcpu(vcpu->vm, 1);

		fresh_bytes = get_state(other, fresh, sizeof(fresh));
	}
	bytes = get_state(vcpu, saved, sizeof(saved));
	MUST(put_state(vcpu, fresh, fresh_bytes));
	MUST(put_state(vcpu, saved, bytes));
	REQUIRE_NUM(get_state(vcpu, again, sizeof(again)), bytes);
	CHECK_MSG(!memcmp(saved, again, bytes), "save, set, save differ at return %u, RIP 0x%llx",
		  nr_saves, (unsigned long long)run.rip);
	CHECK_MSG(!memcmp(&run, vcpu->run, sizeof(run)), "the run page has changed");
	if (!tap_good())
		tap_end();
	nr_saves++;
}

static void restored_at_every_return(const char *guest, unsigned int at_least)
{
	struct vcpu *vcpu = guest_from_file(guest, 0);
	struct served served = { .on_return = save_and_restore };

	expect_pass(vcpu, &served);
	CHECK_MSG(nr_saves >= at_least, "only %u returns", nr_saves);
}

/* With a stop after each exit: also inside of injected faults. */
static void restored_at_every_exit(const char *guest, unsigned int at_least)
{
	struct vcpu *vcpu = guest_from_file(guest, 0);
	struct served served = { .on_return = save_and_restore };
	struct vtr_debug debug = { .size = sizeof(debug), .flags = VTR_DEBUG_STEP_EXIT };

	MUST(ioctl(vcpu->fd, VTR_VCPU_DEBUG, &debug));
	expect_pass(vcpu, &served);
	CHECK_MSG(nr_saves >= at_least, "only %u returns", nr_saves);
	CHECK(nr_saves >= get_stats(vcpu).exits);
}

static void exits_guest_saved_and_restored_at_every_exit(void)
{
	restored_at_every_exit("exits", 60);
}

static void modes_guest_saved_and_restored_at_every_exit(void)
{
	restored_at_every_exit("modes", 30);
}

static void fpu_guest_saved_and_restored_at_every_return(void)
{
	restored_at_every_return("fpu", 50);
}

static void mmio_guest_saved_and_restored_at_every_exit(void)
{
	restored_at_every_exit("mmio", 70);
}

/* ---- ways to end ----------------------------------------------------------------------- */

GUEST(fetches_nowhere, 64, "mov $0x30000000, %rax\n jmp *%rax");

static void expect_sentence(struct vcpu *vcpu, const char *part)
{
	struct vtr_vm_info info;
	struct vtr_create_vcpu args = { .size = sizeof(args), .id = 5 };

	REQUIRE(run_to(vcpu, VTR_EXIT_STOPPED));
	CHECK_MSG(strstr(vcpu->run->sentence, part), "the sentence is: %s", vcpu->run->sentence);
	CHECK_MSG(strstr(vcpu->run->sentence, "vCPU 0"), "the sentence is: %s",
		  vcpu->run->sentence);
	/* It is told again, and no vCPU comes to a dead VM. */
	REQUIRE(run_to(vcpu, VTR_EXIT_STOPPED));
	info = get_info(vcpu->vm);
	CHECK_NUM(info.flags, VTR_VM_DEAD);
	CHECK(!strcmp(info.dead_reason, vcpu->run->sentence));
	CHECK_ERRNO(ioctl(vcpu->vm->fd, VTR_VM_CREATE_VCPU, &args), EIO);
}

static void fetching_where_there_is_no_memory_stops_the_vm(void)
{
	expect_sentence(start_guest(&guest_fetches_nowhere, 64, 0),
			"fetch from guest physical address 0x30000000, where there is no memory");
}

/* Each way to a task switch in 32-bit code; the TSS of selector 28H is available. */
GUEST(jumps_to_tss, 32, "ljmp $0x28, $0");
GUEST(calls_tss, 32, "lcall $0x28, $0");
GUEST(raises_into_task_gate, 32, "ud2");
GUEST(returns_to_task, 32, "pushf\n orl $0x4000, (%esp)\n popf\n iret");

static void expect_no_task_switch(const struct guest_code *code, const char *sentence)
{
	struct vcpu *vcpu = start_guest(code, 32, 0);
	struct vtr_sregs s = get_sregs(vcpu);
	uint64_t *gdt = (void *)(vcpu->vm->mem + GDT_AT);
	uint64_t *idt = (void *)(vcpu->vm->mem + IDT_AT);

	s.gdtr.limit = 0x2f;
	set_sregs(vcpu, &s);
	gdt[5] = 0x0000890600000067;	/* available 32-bit TSS at 60000H */
	idt[6] = 0x0000850000280000;	/* #UD: task gate to it */
	/* The present TSS lies at 0; its link is what IRET with NT goes back to. */
	*(uint16_t *)vcpu->vm->mem = 0x28;
	if (code == &guest_returns_to_task)
		gdt[5] = 0x00008b0600000067;	/* busy */
	expect_sentence(vcpu, sentence);
	CHECK_NUM(get_stats(vcpu).count[EXIT_TASK_SWITCH], 1);
}

static void task_switches_stop_the_vm(void)
{
	expect_no_task_switch(&guest_jumps_to_tss, "task switch to the TSS of selector 0x28 by JMP");
	expect_no_task_switch(&guest_calls_tss, "task switch to the TSS of selector 0x28 by CALL");
	expect_no_task_switch(&guest_raises_into_task_gate,
			      "task switch to the TSS of selector 0x28 by a task gate in the IDT, vector 6");
	expect_no_task_switch(&guest_returns_to_task,
			      "task switch to the TSS of selector 0x28 by IRET");
}

static const struct tap_case cases[] = {
	CASE(every_kind_of_exit_passes_its_checks),
	CASE(counts_by_reason_are_right),
	CASE(what_the_processor_does_alone_does_not_exit),
	CASE(halt_then_triple_fault),
	CASE(through_all_modes_and_back),
	CASE(memory_is_touched_page_by_page),
	CASE(fpu_registers_stay),
	CASE(exits_guest_saved_and_restored_at_every_exit),
	CASE(modes_guest_saved_and_restored_at_every_exit),
	CASE(fpu_guest_saved_and_restored_at_every_return),
	CASE(mmio_guest_saved_and_restored_at_every_exit),
	CASE(fetching_where_there_is_no_memory_stops_the_vm),
	CASE(task_switches_stop_the_vm),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
