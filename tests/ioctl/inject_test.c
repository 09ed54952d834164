// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest, windows, and stepping.
 *
 * Handlers of the guest really run: through the interrupt table at 0 in real
 * mode, through an IDT in long mode.
 */
#include <errno.h>
#include <string.h>

#include "vm.h"

/* A handler at HANDLER_AT counts its calls at DATA_AT and returns. */
#define HANDLER_AT	0xa000

GUEST(handler_16, 16, "incl 0x7800\n iret");
GUEST(handler_64, 64, "incl 0x10000\n iretq");
GUEST(handler_error_64, 64, "incl 0x10000\n pop %r15\n iretq");
GUEST(sti_loop_16, 16, "sti\n nop\n hlt\n 1: hlt\n jmp 1b");
GUEST(cli_then_sti_16, 16, "cli\n mov $0x600, %dx\n out %al, %dx\n sti\n nop\n nop\n hlt");
GUEST(sti_loop_64, 64, "sti\n nop\n 1: hlt\n jmp 1b");
GUEST(hlt_64, 64, "1: hlt\n jmp 1b");
GUEST(five_steps, 64, "nop\n inc %rax\n mov $7, %ebx\n add %rbx, %rax\n nop\n hlt");
GUEST(steps_over_exits, 64,
      "nop\n xor %eax, %eax\n cpuid\n mov $0, %eax\n vmcall\n mov $0x600, %dx\n"
      "in %dx, %al\n out %al, %dx\n nop\n hlt");
GUEST(stops_trapping, 64, "nop\n inc %rax\n pushf\n andl $~0x100, (%rsp)\n popf\n hlt");
GUEST(cpuid_twice, 64, "cpuid\n cpuid\n hlt");
GUEST(nmi_handler_16, 16, "incl 0x7800\n mov $0x600, %dx\n out %al, %dx\n iret");

static uint32_t *calls_16(struct vcpu *vcpu)
{
	return (void *)(vcpu->vm->mem + 0x7800);
}

static uint32_t *calls_64(struct vcpu *vcpu)
{
	return (void *)(vcpu->vm->mem + DATA_AT);
}

static void put_handler(struct vm *vm, const struct guest_code *code)
{
	memcpy(vm->mem + HANDLER_AT, code->start, code->end - code->start);
}

static void set_vector_16(struct vm *vm, uint8_t vector)
{
	*(uint32_t *)(vm->mem + vector * 4) = HANDLER_AT;
}

/* A 64-bit interrupt gate. */
static void set_vector_64(struct vm *vm, uint8_t vector)
{
	uint64_t *gate = (void *)(vm->mem + IDT_AT + vector * 16);

	gate[0] = (HANDLER_AT & 0xffff) | SEL_CODE64 << 16 | 0x8e00ull << 32;
	gate[1] = 0;
}

static int inject(struct vcpu *vcpu, struct vtr_event event)
{
	struct vtr_inject args = { .size = sizeof(args), .event = event };

	return ioctl(vcpu->fd, VTR_VCPU_INJECT, &args);
}

#define INTERRUPT(nr)	((struct vtr_event) { .kind = VTR_EVENT_INTERRUPT, .vector = nr })
#define NMI		((struct vtr_event) { .kind = VTR_EVENT_NMI, .vector = 2 })

static void an_interrupt_reaches_a_real_mode_handler(void)
{
	struct vcpu *vcpu = start_guest(&guest_sti_loop_16, 16, 0);

	put_handler(vcpu->vm, &guest_handler_16);
	set_vector_16(vcpu->vm, 0x42);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(vcpu->run->if_flag, 1);
	CHECK_NUM(vcpu->run->ready_for_injection, 1);
	for (uint32_t i = 1; i <= 3; i++) {
		MUST(inject(vcpu, INTERRUPT(0x42)));
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		CHECK_NUM(*calls_16(vcpu), i);
	}
	/* One whose delivery an EPT violation interrupts is still one. */
	CHECK_NUM(get_stats(vcpu).injections, 3);
}

static void an_interrupt_reaches_a_long_mode_handler(void)
{
	struct vcpu *vcpu = start_guest(&guest_sti_loop_64, 64, 0);

	put_handler(vcpu->vm, &guest_handler_64);
	set_vector_64(vcpu->vm, 0x90);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	for (uint32_t i = 1; i <= 3; i++) {
		MUST(inject(vcpu, INTERRUPT(0x90)));
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		CHECK_NUM(*calls_64(vcpu), i);
	}
}

static void an_exception_brings_its_error_code(void)
{
	struct vcpu *vcpu = start_guest(&guest_hlt_64, 64, 0);

	put_handler(vcpu->vm, &guest_handler_error_64);
	set_vector_64(vcpu->vm, 14);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	MUST(inject(vcpu, (struct vtr_event) { .kind = VTR_EVENT_EXCEPTION, .vector = 14,
					       .has_error = 1, .error = 0x17 }));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(*calls_64(vcpu), 1);
	CHECK_NUM(gpr(vcpu, VTR_R15), 0x17);
}

static void a_software_interrupt_returns_behind_the_instruction(void)
{
	struct vcpu *vcpu = start_guest(&guest_five_steps, 64, 0);

	put_handler(vcpu->vm, &guest_handler_64);
	set_vector_64(vcpu->vm, 0x80);
	/* As if the NOP at the entry, one byte long, had been an INT. */
	MUST(inject(vcpu, (struct vtr_event) { .kind = VTR_EVENT_SOFT_INT, .vector = 0x80,
					       .insn_bytes = 1 }));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(*calls_64(vcpu), 1);
	CHECK_NUM(gpr(vcpu, VTR_RAX), 8);
}

static void no_interrupt_while_the_guest_has_them_off(void)
{
	struct vcpu *vcpu = start_guest(&guest_hlt_64, 64, 0);

	CHECK_ERRNO(inject(vcpu, INTERRUPT(0x90)), EAGAIN);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(vcpu->run->ready_for_injection, 0);
	CHECK_ERRNO(inject(vcpu, INTERRUPT(0x90)), EAGAIN);
}

static void one_event_at_a_time(void)
{
	struct vcpu *vcpu = start_guest(&guest_sti_loop_64, 64, 0);

	put_handler(vcpu->vm, &guest_handler_64);
	set_vector_64(vcpu->vm, 0x90);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	MUST(inject(vcpu, INTERRUPT(0x90)));
	CHECK_ERRNO(inject(vcpu, INTERRUPT(0x91)), EBUSY);
	/* An NMI waits beside it, but there is only one. */
	CHECK_NUM(inject(vcpu, NMI), 0);
	CHECK_ERRNO(inject(vcpu, NMI), EBUSY);
}

static void events_that_no_processor_knows_are_refused(void)
{
	static const struct vtr_event bad[] = {
		{ .kind = VTR_EVENT_NONE },
		{ .kind = 7 },
		{ .kind = VTR_EVENT_NMI, .vector = 3 },
		{ .kind = VTR_EVENT_EXCEPTION, .vector = 2 },
		{ .kind = VTR_EVENT_EXCEPTION, .vector = 32 },
		{ .kind = VTR_EVENT_EXCEPTION, .vector = 6, .has_error = 1 },
		{ .kind = VTR_EVENT_EXCEPTION, .vector = 13, .error = 1 },
		{ .kind = VTR_EVENT_INTERRUPT, .vector = 32, .has_error = 1 },
		{ .kind = VTR_EVENT_INTERRUPT, .vector = 32, .insn_bytes = 2 },
		{ .kind = VTR_EVENT_SOFT_INT, .vector = 32 },
		{ .kind = VTR_EVENT_SOFT_INT, .vector = 32, .insn_bytes = 16 },
	};
	struct vcpu *vcpu = start_guest(&guest_sti_loop_64, 64, 0);
	struct vtr_inject args = { .size = sizeof(args), .flags = 1, .event = NMI };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERRNO(inject(vcpu, bad[i]), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args), EINVAL);
	run_to(vcpu, VTR_EXIT_HLT);
	CHECK_NUM(get_stats(vcpu).injections, 0);
}

static void an_nmi_comes_through_with_interrupts_off(void)
{
	struct vcpu *vcpu = start_guest(&guest_hlt_64, 64, 0);

	put_handler(vcpu->vm, &guest_handler_64);
	set_vector_64(vcpu->vm, 2);
	for (uint32_t i = 1; i <= 3; i++) {
		MUST(inject(vcpu, NMI));
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		CHECK_NUM(*calls_64(vcpu), i);
	}
}

/* A second NMI waits by itself until the first handler's IRET. */
static void an_nmi_waits_for_the_end_of_the_first(void)
{
	struct vcpu *vcpu = start_guest(&guest_sti_loop_16, 16, 0);
	struct vtr_events events;

	put_handler(vcpu->vm, &guest_nmi_handler_16);
	set_vector_16(vcpu->vm, 2);
	MUST(inject(vcpu, NMI));
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
	CHECK_NUM(events.nmi_blocked, 1);
	MUST(inject(vcpu, NMI));
	/* The second call of the handler comes only after the IRET of the first. */
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK_NUM(*calls_16(vcpu), 2);
	CHECK_NUM(get_regs(vcpu).gpr[VTR_RSP] & 0xffff, STACK_AT - 6);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
	CHECK_NUM(events.nmi_blocked, 0);
	CHECK_NUM(*calls_16(vcpu), 2);
}

static void the_window_opens_when_interrupts_go_on(void)
{
	struct vcpu *vcpu = start_guest(&guest_cli_then_sti_16, 16, 0);

	put_handler(vcpu->vm, &guest_handler_16);
	set_vector_16(vcpu->vm, 0x30);
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK_NUM(vcpu->run->ready_for_injection, 0);
	vcpu->run->request_window = 1;
	REQUIRE(run_to(vcpu, VTR_EXIT_WINDOW));
	CHECK_NUM(vcpu->run->ready_for_injection, 1);
	CHECK_NUM(vcpu->run->if_flag, 1);
	/* Behind STI and the one instruction in its shadow. */
	CHECK_NUM(vcpu->run->rip, CODE_AT + 7);
	MUST(inject(vcpu, INTERRUPT(0x30)));
	vcpu->run->request_window = 0;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(*calls_16(vcpu), 1);
}

static void an_event_wakes_a_halted_guest(void)
{
	struct vcpu *vcpu = start_guest(&guest_sti_loop_64, 64, 0);
	struct vtr_events events;

	put_handler(vcpu->vm, &guest_handler_64);
	set_vector_64(vcpu->vm, 0x90);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
	CHECK_NUM(events.activity, VTR_HALTED);
	MUST(inject(vcpu, INTERRUPT(0x90)));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(*calls_64(vcpu), 1);
}

/* The handler's stack is not mapped yet: delivery exits and is taken up again. */
static void an_event_survives_a_fault_in_its_delivery(void)
{
	struct vcpu *vcpu = start_guest(&guest_sti_loop_64, 64, 0);
	struct vtr_regs regs = get_regs(vcpu);
	uint64_t faults;

	put_handler(vcpu->vm, &guest_handler_64);
	set_vector_64(vcpu->vm, 0x90);
	regs.gpr[VTR_RSP] = 3 * MB;
	set_regs(vcpu, &regs);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	faults = get_info(vcpu->vm).faults;
	MUST(inject(vcpu, INTERRUPT(0x90)));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	/* IDT, GDT, stack, handler, counter: several pages came by faults. */
	CHECK(get_info(vcpu->vm).faults >= faults + 3);
	CHECK_NUM(*calls_64(vcpu), 1);
}

static void an_event_without_a_handler_is_a_triple_fault(void)
{
	struct vcpu *vcpu = start_guest(&guest_hlt_64, 64, 0);
	struct vtr_sregs s = get_sregs(vcpu);

	s.idtr.limit = 0;
	set_sregs(vcpu, &s);
	MUST(inject(vcpu, NMI));
	run_to(vcpu, VTR_EXIT_SHUTDOWN);
}

/* ---- stepping -------------------------------------------------------------------- */

static bool has_monitor_trap_flag(void)
{
	struct vtr_feature features[64];
	struct vtr_caps caps = {
		.size = sizeof(caps), .features = (uintptr_t)features, .nr_features = 64,
	};

	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	for (unsigned int i = 0; i < caps.nr_features; i++)
		if (!strcmp(features[i].name, "Monitor trap flag"))
			return features[i].flags & VTR_FEATURE_PRESENT;
	return false;
}

static void set_debug(struct vcpu *vcpu, uint32_t flags)
{
	struct vtr_debug args = { .size = sizeof(args), .flags = flags };

	if ((flags & VTR_DEBUG_STEP_INSN) && !has_monitor_trap_flag())
		tap_skip("this processor has no monitor trap flag");
	MUST(ioctl(vcpu->fd, VTR_VCPU_DEBUG, &args));
}

/* Without the feature: a refusal, and a vCPU that still runs. */
static void stepping_is_offered_only_where_it_works(void)
{
	struct vcpu *vcpu = start_guest(&guest_five_steps, 64, 0);
	struct vtr_debug args = { .size = sizeof(args), .flags = VTR_DEBUG_STEP_INSN };

	if (has_monitor_trap_flag()) {
		CHECK_NUM(ioctl(vcpu->fd, VTR_VCPU_DEBUG, &args), 0);
		run_to(vcpu, VTR_EXIT_DEBUG);
	} else {
		CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_DEBUG, &args), EOPNOTSUPP);
		run_to(vcpu, VTR_EXIT_HLT);
	}
}

static void one_instruction_a_step(void)
{
	static const uint8_t offsets[] = { 1, 4, 9, 12, 13 };
	struct vcpu *vcpu = start_guest(&guest_five_steps, 64, 0);

	set_debug(vcpu, VTR_DEBUG_STEP_INSN);
	for (unsigned int i = 0; i < sizeof(offsets); i++) {
		REQUIRE(run_to(vcpu, VTR_EXIT_DEBUG));
		CHECK_NUM(vcpu->run->debug.what, VTR_DEBUG_STEP_INSN);
		CHECK_NUM(vcpu->run->rip, CODE_AT + offsets[i]);
	}
	CHECK_NUM(gpr(vcpu, VTR_RAX), 8);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(vcpu->run->rip, CODE_AT + 14);
}

/* Each instruction comes up exactly once, whoever executes it. */
static void steps_go_over_instructions_that_exit(void)
{
	static const enum vtr_exit_kind wanted[] = {
		VTR_EXIT_DEBUG,	/* nop */
		VTR_EXIT_DEBUG,	/* xor */
		VTR_EXIT_DEBUG,	/* cpuid: done by the module */
		VTR_EXIT_DEBUG,	/* mov */
		VTR_EXIT_DEBUG,	/* vmcall: done by the module */
		VTR_EXIT_DEBUG,	/* mov */
		VTR_EXIT_IO,	/* in */
		VTR_EXIT_IO,	/* out */
		VTR_EXIT_DEBUG,	/* nop */
		VTR_EXIT_HLT,
	};
	struct vcpu *vcpu = start_guest(&guest_steps_over_exits, 64, 0);
	uint64_t last = 0;

	set_debug(vcpu, VTR_DEBUG_STEP_INSN);
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		REQUIRE(run_to(vcpu, wanted[i]));
		CHECK(vcpu->run->rip >= last);
		last = vcpu->run->rip;
	}
}

static void stepping_can_be_switched_off(void)
{
	struct vcpu *vcpu = start_guest(&guest_five_steps, 64, 0);

	set_debug(vcpu, VTR_DEBUG_STEP_INSN);
	REQUIRE(run_to(vcpu, VTR_EXIT_DEBUG));
	set_debug(vcpu, 0);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 8);
}

/* Stop at each exit, also at those that the module finishes alone. */
static void one_exit_a_step(void)
{
	struct vcpu *vcpu = start_guest(&guest_cpuid_twice, 64, 0);
	unsigned int cpuids = 0, others = 0;

	set_debug(vcpu, VTR_DEBUG_STEP_EXIT);
	for (;;) {
		uint64_t before = get_stats(vcpu).exits;

		MUST(run_through(vcpu));
		CHECK_NUM(get_stats(vcpu).exits, before + 1);
		if (vcpu->run->exit == VTR_EXIT_HLT)
			break;
		REQUIRE_NUM(vcpu->run->exit, VTR_EXIT_DEBUG);
		CHECK_NUM(vcpu->run->debug.what, VTR_DEBUG_STEP_EXIT);
		if (vcpu->run->hw_kind == VTR_HW_CPUID)
			cpuids++;
		else
			others++;
	}
	CHECK_NUM(cpuids, 2);
	/* Page tables and code. */
	CHECK(others >= 2);
}

/* A single step of the guest itself (RFLAGS.TF) is not the host's. */
static void the_guests_own_trap_flag_goes_to_the_guest(void)
{
	struct vcpu *vcpu = start_guest(&guest_stops_trapping, 64, 0);
	struct vtr_regs regs = get_regs(vcpu);
	struct vtr_debug_regs debug;

	put_handler(vcpu->vm, &guest_handler_64);
	set_vector_64(vcpu->vm, 1);
	regs.rflags |= 0x100;
	set_regs(vcpu, &regs);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	/*
	 * A trap behind each of the five instructions, POPF included.  Bochs makes
	 * another one when an EPT violation comes between, so there may be more.
	 */
	CHECK(*calls_64(vcpu) >= 5 && *calls_64(vcpu) <= 7);
	CHECK_NUM(gpr(vcpu, VTR_RAX), 1);
	get_record(vcpu, VTR_STATE_DEBUG, &debug, sizeof(debug));
	CHECK_NUM(debug.dr6 & 0x4000, 0x4000);
}

static const struct tap_case cases[] = {
	CASE(an_interrupt_reaches_a_real_mode_handler),
	CASE(an_interrupt_reaches_a_long_mode_handler),
	CASE(an_exception_brings_its_error_code),
	CASE(a_software_interrupt_returns_behind_the_instruction),
	CASE(no_interrupt_while_the_guest_has_them_off),
	CASE(one_event_at_a_time),
	CASE(events_that_no_processor_knows_are_refused),
	CASE(an_nmi_comes_through_with_interrupts_off),
	CASE(an_nmi_waits_for_the_end_of_the_first),
	CASE(the_window_opens_when_interrupts_go_on),
	CASE(an_event_wakes_a_halted_guest),
	CASE(an_event_survives_a_fault_in_its_delivery),
	CASE(an_event_without_a_handler_is_a_triple_fault),
	CASE(stepping_is_offered_only_where_it_works),
	CASE(one_instruction_a_step),
	CASE(steps_go_over_instructions_that_exit),
	CASE(stepping_can_be_switched_off),
	CASE(one_exit_a_step),
	CASE(the_guests_own_trap_flag_goes_to_the_guest),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
