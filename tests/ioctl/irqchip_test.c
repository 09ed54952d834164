// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt controllers in the module, one vCPU: registers, priorities, lines, MSI.
 *
 * Each guest reaches them as a driver does, by memory, MSRs, ports and CR8, and
 * takes what they bring; lib/irq_guest.h has its handlers.  The unit tests
 * (module/tests/lapic_kunit.c, irqdev_kunit.c) go through every register; here is
 * what only a processor can show: that an access exits and comes back, and that
 * the vector arrives when the guest can take it, once.
 * Timers are in apic_timer_test.c, several vCPUs in ipi_test.c.
 * Sources: SDM 3A "Advanced Programmable Interrupt Controller (APIC)"; data
 * sheets of the 82093AA and the 8259A.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "irq_guest.h"

#define MSI		0xfee00000ull	/* physical destination in bits 19:12 */
#define MSI_LOGICAL	0x4
#define MSI_REDIRECT	0x8		/* to the one with the lowest priority */
#define NR(list)	(sizeof(list) / sizeof((list)[0]))

/* ---- the local APIC's registers ---------------------------------------------------------- */

GUEST(xapic_registers, 64,
      READ(0x20, 0) READ(0x30, 1) READ(0xf0, 2) READ(0x350, 3)
      WRITE(0xf0, 0x1d7) READ(0xf0, 4)
      WRITE(0x80, 0x53) READ(0x80, 5) READ_CR8(6) READ(0xa0, 7)
      WRITE_CR8(9) READ(0x80, 8)
      WRITE(0x20, 0x7000000) READ(0x20, 9)
      WRITE(0xd0, 0x12345678) READ(0xd0, 10) WRITE(0xe0, 0) READ(0xe0, 11)
      /* Bytes beside a register are nothing. */
      "movw $0x10, 0x84(%r15)\n movb $0x10, 0x30(%r15)\n" READ(0x80, 12)
      "xor %eax, %eax\n mov 0x31(%r15), %al\n mov %rax, " OUT_AT(13) "\n"
      STOP READ(0x80, 14) STOP);

static void registers_in_memory(void)
{
	static const uint64_t wanted[] = {
		0, 0x01050014, 0x1ff, 0x700, 0x1d7, 0x53, 5, 0x53, 0x90, 0, 0x12000000, 0x0fffffff,
		0x90, 0,
	};
	struct vcpu *vcpu = start_irq_guest(&guest_xapic_registers, 0);

	REQUIRE(run_to_stop(vcpu));
	check_out(vcpu, wanted, NR(wanted));
	CHECK_NUM(vcpu->run->cr8, 9);
	vcpu->run->cr8 = 3;
	vcpu->run->set_cr8 = 1;
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->out[14], 0x30);
}

/* CR8 in a state record is the same register, too. */
static void a_record_sets_the_task_priority(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_xapic_registers, 0);
	struct vtr_sregs sregs;

	REQUIRE(run_to_stop(vcpu));
	sregs = get_sregs(vcpu);
	CHECK_NUM(sregs.cr8, 9);
	sregs.cr8 = 4;
	set_sregs(vcpu, &sregs);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->out[14], 0x40);
}

/* #GP each: not in x2APIC mode; read-only, write-only, reserved, not there. */
GUEST(x2apic_registers, 64,
      RDMSR(0x802, 0) WRMSR(0x80f, 0x1ff) RDMSR(0x1b, 1)
      ENTER_X2APIC RDMSR(0x1b, 2)
      "mov 0x434(%r13), %ebx\n"		/* count of #GP so far */
      "mov %rbx, " OUT_AT(3) "\n"
      RDMSR(0x802, 4) RDMSR(0x803, 5) WRMSR(0x80f, 0x1ff) RDMSR(0x80f, 6) RDMSR(0x80d, 7)
      WRMSR(0x808, 0x53) RDMSR(0x808, 8) READ_CR8(9) WRITE_CR8(10) RDMSR(0x808, 10)
      "mov 0x434(%r13), %ebx\n mov %rbx, " OUT_AT(11) "\n"
      WRMSR(0x802, 1) WRMSR(0x803, 1) WRMSR(0x80a, 0) WRMSR(0x80d, 0) WRMSR(0x80e, 0)
      WRMSR(0x80b, 1) WRMSR(0x808, 0x100) WRMSR(0x828, 1) WRMSR(0x831, 0) WRMSR(0x839, 0)
      WRMSR(0x83f, 0x100) WRMSR(0x840, 0) WRMSR(0x8ff, 0)
      RDMSR(0x80b, 12) RDMSR(0x80e, 12) RDMSR(0x831, 12) RDMSR(0x83f, 12) RDMSR(0x840, 12)
      RDMSR(0x8ff, 12) RDMSR(0x800, 12)
      "mov 0x434(%r13), %ebx\n mov %rbx, " OUT_AT(13) "\n"
      /* From x2APIC mode the way goes through "off" only, from there not back at once. */
      "mov $0x1b, %ecx\n mov $0xfee00900, %eax\n xor %edx, %edx\n wrmsr\n"
      "mov $0xfee00500, %eax\n wrmsr\n"
      "mov $0xfee00100, %eax\n wrmsr\n" RDMSR(0x1b, 14)
      "mov $0xfee00d00, %eax\n xor %edx, %edx\n wrmsr\n"
      "mov $0xfee00900, %eax\n wrmsr\n" READ(0x20, 15)
      "mov 0x434(%r13), %ebx\n mov %rbx, " OUT_AT(16) "\n"
      STOP);

static void registers_by_msrs(void)
{
	static const uint64_t wanted[] = {
		~0ull, 0xfee00900, 0xfee00d00, 2, 0, 0x01050014, 0x1ff, 1, 0x53, 5, 0xa0, 2, ~0ull,
		2 + 13 + 7, 0xfee00100, 0, 2 + 13 + 7 + 3,
	};
	struct vcpu *vcpu = start_irq_guest(&guest_x2apic_registers, 0);

	REQUIRE(run_to_stop(vcpu));
	check_out(vcpu, wanted, NR(wanted));
	CHECK_NUM(log_of(vcpu)->nr, log_of(vcpu)->count[13]);
}

/* Where no page of the local APIC is, the program has to answer. */
GUEST(moves_page, 64,
      "mov $0x1b, %ecx\n mov $0xfed10900, %eax\n xor %edx, %edx\n wrmsr\n"
      "sub $0xf0000, %r15\n" READ(0x30, 0) "add $0xf0000, %r15\n" READ(0x30, 1)
      ENTER_X2APIC "sub $0xf0000, %r15\n" READ(0x30, 2) STOP);

static void the_page_moves_and_goes(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_moves_page, 0);

	REQUIRE(run_to(vcpu, VTR_EXIT_MMIO));
	CHECK_NUM(vcpu->run->mmio.gpa, 0xfee00030);
	CHECK_NUM(log_of(vcpu)->out[0], 0x01050014);
	vcpu->run->mmio.data = 0xabc;
	REQUIRE(run_to(vcpu, VTR_EXIT_MMIO));
	CHECK_NUM(vcpu->run->mmio.gpa, 0xfed10030);
	CHECK_NUM(log_of(vcpu)->out[1], 0xabc);
}

/* ---- errors ------------------------------------------------------------------------------- */

GUEST(makes_errors, 64,
      WRITE(0x300, 0x400f) WRITE(0x280, 0) READ(0x280, 0)	/* an illegal vector sent */
      STOP WRITE(0x280, 0) READ(0x280, 1)			/* one received */
      WRITE(0x280, 0) READ(0x280, 2)				/* nothing since */
      WRITE(0x370, 0xef)
      READ(0x10, 3) OPEN_WINDOW WRITE(0x280, 0) READ(0x280, 4)	/* no such register */
      WRITE(0x300, 0x4003) OPEN_WINDOW STOP);

static void errors_are_noted_and_interrupt(void)
{
	static const uint64_t wanted[] = { 0x20, 0x40, 0, 0, 0x80 };
	struct vcpu *vcpu = start_irq_guest(&guest_makes_errors, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	send_vector(vcpu->vm, 0, 5);
	REQUIRE(run_to_stop(vcpu));
	check_out(vcpu, wanted, NR(wanted));
	CHECK_NUM(log_of(vcpu)->nr, 2);
	CHECK_NUM(log_of(vcpu)->count[0xef], 2);
}

/* ---- priorities --------------------------------------------------------------------------- */

/* With interrupts off three have come; TPR lets through what is above its class. */
GUEST(lowers_priority, 64,
      WRITE(0x80, 0x50) STOP
      OPEN_WINDOW "mov (%r13), %eax\n mov %rax, " OUT_AT(0) "\n"
      WRITE_CR8(4) OPEN_WINDOW "mov (%r13), %eax\n mov %rax, " OUT_AT(1) "\n"
      WRITE(0x80, 0x3f) OPEN_WINDOW "mov (%r13), %eax\n mov %rax, " OUT_AT(2) "\n"
      WRITE(0x80, 0) OPEN_WINDOW "mov (%r13), %eax\n mov %rax, " OUT_AT(3) "\n" STOP);

static void the_task_priority_holds_back(void)
{
	static const uint8_t vectors[] = { 0x51, 0x33, 0x4f, 0x60 };
	static const uint8_t order[] = { 0x60, 0x51, 0x4f, 0x33 };
	static const uint64_t wanted[] = { 1, 2, 3, 4 };
	struct vcpu *vcpu = start_irq_guest(&guest_lowers_priority, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	for (unsigned int i = 0; i < 4; i++)
		send_vector(vcpu->vm, 0, vectors[i]);
	REQUIRE(run_to_stop(vcpu));
	check_out(vcpu, wanted, NR(wanted));
	for (unsigned int i = 0; i < 4; i++)
		CHECK_NUM(log_of(vcpu)->vector[i], order[i]);
}

GUEST(waits, 64, ENABLE_APIC WAIT_FOR_EVENTS);

/* Run until @nr events more have come. */
static bool run_for_events(struct vcpu *vcpu, unsigned int nr)
{
	log_of(vcpu)->wanted = log_of(vcpu)->nr + nr;
	return run_to_stop(vcpu) && CHECK_NUM(log_of(vcpu)->nr, log_of(vcpu)->wanted);
}

static void the_higher_vector_comes_first(void)
{
	static const uint8_t vectors[] = { 0x41, 0xfe, 0x20, 0x9c, 0x9d, 0x40 };
	static const uint8_t order[] = { 0xfe, 0x9d, 0x9c, 0x41, 0x40, 0x20 };
	struct vcpu *vcpu = start_irq_guest(&guest_waits, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	for (unsigned int i = 0; i < NR(vectors); i++)
		send_vector(vcpu->vm, 0, vectors[i]);
	/* Twice while it waits is once. */
	send_vector(vcpu->vm, 0, 0x9c);
	REQUIRE(run_for_events(vcpu, NR(order)));
	for (unsigned int i = 0; i < NR(order); i++) {
		CHECK_NUM(log_of(vcpu)->vector[i], order[i]);
		CHECK_NUM(log_of(vcpu)->at_depth[i], 1);
	}
}

/* A handler with interrupts on gets another one: only a higher class comes in between. */
static void expect_depth(uint8_t second, uint8_t depth)
{
	struct vcpu *vcpu = start_irq_guest(&guest_waits, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	log->nest = 1;
	log->arg[0] = 0x44000 | second;		/* to itself */
	send_vector(vcpu->vm, 0, 0x45);
	REQUIRE(run_for_events(vcpu, 2));
	CHECK_NUM(log->vector[0], 0x45);
	CHECK_NUM(log->vector[1], second);
	CHECK_NUM(log->at_depth[0], 1);
	CHECK_NUM(log->at_depth[1], depth);
	CHECK_NUM(log->depth, 0);
	close(vcpu->fd);
	close(vcpu->vm->fd);
}

static void a_higher_class_interrupts_a_handler(void)
{
	expect_depth(0x50, 2);
	expect_depth(0x4f, 1);
	expect_depth(0x32, 1);
}

/*
 * In an NMI's handler another NMI has to wait for the IRET, but interrupts, which
 * the handler lets in, do not wait for that NMI.
 */
GUEST(nmi_in_nmi, 64, ENABLE_APIC
      WRITE(0x300, 0x4400)				/* an NMI to itself */
      "1: " STOP "jmp 1b");
GUEST(nmi_that_nests, 64,
      "incl 0x408(%r13)\n"
      "cmpl $1, 0x408(%r13)\n jne 1f\n"
      WRITE(0x300, 0x4400) WRITE(0x300, 0x44066)	/* another one, and a vector */
      "sti\n nop\n nop\n cli\n"
      "mov 0x598(%r13), %eax\n mov %rax, " OUT_AT(0) "\n"
      "1: iretq");

static void an_nmi_that_waits_keeps_no_interrupt_away(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_nmi_in_nmi, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t *gate = (void *)(vcpu->vm->mem + IDT_AT + 2 * 16);

	memcpy(vcpu->vm->mem + 0xd000, guest_nmi_that_nests.start,
	       guest_nmi_that_nests.end - guest_nmi_that_nests.start);
	gate[0] = 0xd000 | SEL_CODE64 << 16 | 0x8e00ull << 32;
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->out[0], 1);
	CHECK_NUM(log->count[2], 2);
	CHECK_NUM(log->count[0x66], 1);
}

/* ---- lines at the I/O APIC ---------------------------------------------------------------- */

/* Pins 10 (level, 5AH) and 5 (edge, 55H); the handler does not end what comes. */
GUEST(level_pin, 64, ENABLE_APIC REDIRECT(10, 0x805a) STOP
      OPEN_WINDOW READ_REDIRECTION(10, 0)
      WRITE(0xb0, 0) OPEN_WINDOW STOP
      WRITE(0xb0, 0) OPEN_WINDOW READ_REDIRECTION(10, 1) STOP
      OPEN_WINDOW WRITE(0xb0, 0) STOP);

static void a_level_comes_again_until_it_is_low(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_level_pin, 0);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 10, 1);
	REQUIRE(run_to_stop(vcpu));
	/* Remote IRR is set; after the end it came again. */
	CHECK_NUM(log->out[0], 0xc05a);
	CHECK_NUM(log->nr, 2);
	set_line(vcpu->vm, 10, 0);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->out[1], 0x805a);
	CHECK_NUM(log->nr, 2);
	/* Up, down and up before the end is once. */
	set_line(vcpu->vm, 10, 1);
	set_line(vcpu->vm, 10, 0);
	set_line(vcpu->vm, 10, 1);
	set_line(vcpu->vm, 10, 0);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->nr, 3);
	CHECK_NUM(log->count[0x5a], 3);
}

/* Without EOI broadcast the driver tells the I/O APIC itself. */
GUEST(directed_end, 64, WRITE(0xf0, 0x11ff) REDIRECT(10, 0x805a) STOP
      OPEN_WINDOW WRITE(0xb0, 0) OPEN_WINDOW READ_REDIRECTION(10, 0) STOP
      "movl $0x5a, 0x40(%r14)\n" READ_REDIRECTION(10, 1) STOP);

static void an_end_that_is_told_to_the_io_apic_only(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_directed_end, 0);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 10, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->out[0], 0xc05a);
	CHECK_NUM(log->nr, 1);
	set_line(vcpu->vm, 10, 0);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->out[1], 0x805a);
}

/* Remote IRR waits for an end, so it is not set while nobody takes the interrupt. */
GUEST(late_apic, 64, WRITE(0xf0, 0xff) REDIRECT(10, 0x805a) STOP
      OPEN_WINDOW READ_REDIRECTION(10, 0) ENABLE_APIC READ_REDIRECTION(10, 1) OPEN_WINDOW STOP);

static void a_level_waits_for_a_local_apic_that_takes_it(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_late_apic, 0);

	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 10, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->out[0], 0x805a);
	CHECK_NUM(log_of(vcpu)->out[1], 0xc05a);
	CHECK_NUM(log_of(vcpu)->count[0x5a], 1);
}

/* An NMI has no end, whatever its entry says of levels. */
GUEST(nmi_pin, 64, ENABLE_APIC REDIRECT(10, 0x8400)
      "1: " STOP "nop\n" READ_REDIRECTION(10, 0) "jmp 1b");

static void an_nmi_at_a_level_pin_is_an_edge(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_nmi_pin, 0);

	REQUIRE(run_to_stop(vcpu));
	for (unsigned int i = 1; i <= 2; i++) {
		set_line(vcpu->vm, 10, 1);
		REQUIRE(run_to_stop(vcpu));
		CHECK_NUM(log_of(vcpu)->count[2], i);
		CHECK_NUM(log_of(vcpu)->out[0], 0x8400);
		set_line(vcpu->vm, 10, 0);
	}
}

GUEST(edge_pin, 64, ENABLE_APIC REDIRECT(5, 0x55) REDIRECT(10, 0x1806a)
      READ_REDIRECTION(23, 0) "movl $1, (%r14)\n mov 0x10(%r14), %eax\n mov %rax, " OUT_AT(1) "\n"
      STOP OPEN_WINDOW STOP OPEN_WINDOW
      REDIRECT(5, 0x10055) STOP OPEN_WINDOW REDIRECT(5, 0x55) OPEN_WINDOW STOP
      OPEN_WINDOW REDIRECT(10, 0x806a) OPEN_WINDOW STOP);

static void edges_masks_and_levels(void)
{
	static const uint64_t wanted[] = { 0x10000, 0x00170020 };
	struct vcpu *vcpu = start_irq_guest(&guest_edge_pin, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	struct vm *vm = vcpu->vm;

	REQUIRE(run_to_stop(vcpu));
	check_out(vcpu, wanted, NR(wanted));
	set_line(vm, 5, 1);
	set_line(vm, 5, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->nr, 1);
	/* A line that stays high has no edge. */
	set_line(vm, 5, 0);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->nr, 1);
	/* At a masked pin an edge is lost. */
	set_line(vm, 5, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->nr, 1);
	set_line(vm, 5, 0);
	set_line(vm, 5, 1);
	/* A level is not.  It comes once, for the handler does not end it. */
	set_line(vm, 10, 1);
	log->end = 0;
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x55], 2);
	CHECK_NUM(log->count[0x6a], 1);
	CHECK_NUM(log->nr, 3);
}

/* ---- the 8259 ----------------------------------------------------------------------------- */

/* Lines 3 (33H) and 12 (3CH) open; the handler ends nothing. */
GUEST(old_pair, 64, INIT_8259(0xf3, 0xef) IN(0x21, 0) IN(0xa1, 1) STOP
      OPEN_WINDOW OUT(0x20, 0x0b) IN(0x20, 2) STOP	/* in service */
      OPEN_WINDOW OUT(0x20, 0x20) OPEN_WINDOW OUT(0x20, 0x0a) IN(0x20, 3) STOP
      OPEN_WINDOW OUT(0xa0, 0x0b) IN(0xa0, 4)
      OUT(0xa0, 0x20) OUT(0x20, 0x20) OUT(0x21, 0xff) STOP
      OPEN_WINDOW IN(0x21, 5) OUT(0x20, 0x0a) IN(0x20, 6) OUT(0x21, 0xf7) OPEN_WINDOW
      OUT(0x20, 0x20) STOP);

static void the_8259_from_start_to_end(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_old_pair, 0);
	volatile struct irq_log *log = log_of(vcpu);
	struct vm *vm = vcpu->vm;

	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->out[0], 0xf3);
	CHECK_NUM(log->out[1], 0xef);
	set_line(vm, 3, 1);
	set_line(vm, 3, 0);
	/* The edge has gone before it was acknowledged: nothing comes. */
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->nr, 0);
	CHECK_NUM(log->out[2], 0);
	set_line(vm, 3, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x33], 1);
	CHECK_NUM(log->out[3], 0);
	/* Through the second chip. */
	set_line(vm, 12, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x3c], 1);
	CHECK_NUM(log->out[4], 0x10);
	/* Masked it waits, if the line stays high. */
	set_line(vm, 3, 0);
	set_line(vm, 3, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->count[0x33], 2);
	CHECK_NUM(log->nr, 3);
	CHECK_NUM(log->out[5], 0xff);
	CHECK_NUM(log->out[6], 8);
}

/* Without its end a lower line has to wait, a higher one comes. */
GUEST(old_priorities, 64, INIT_8259(0x00, 0xff) STOP OPEN_WINDOW STOP OPEN_WINDOW
      OUT(0x20, 0x20) OPEN_WINDOW "mov (%r13), %eax\n mov %rax, " OUT_AT(0) "\n"
      OUT(0x20, 0x20) OPEN_WINDOW STOP);

static void the_8259_has_priorities(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_old_priorities, 0);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 4, 1);
	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 6, 1);
	set_line(vcpu->vm, 1, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->out[0], 2);
	CHECK_NUM(log->nr, 3);
	CHECK_NUM(log->vector[0], 0x34);
	CHECK_NUM(log->vector[1], 0x31);
	CHECK_NUM(log->vector[2], 0x36);
}

/* A poll acknowledges; with nothing to take it says the spurious line 7, and no bit 7. */
GUEST(polls, 64, INIT_8259(0xf7, 0xff) STOP
      OUT(0x20, 0x0c) IN(0x20, 0) OUT(0x20, 0x0b) IN(0x20, 1) OUT(0x20, 0x63)
      OUT(0x20, 0x0c) IN(0x20, 2) OUT(0x20, 0x0b) IN(0x20, 3) OPEN_WINDOW STOP);

static void a_poll_tells_the_spurious_line(void)
{
	static const uint64_t wanted[] = { 0x83, 8, 7, 0 };
	struct vcpu *vcpu = start_irq_guest(&guest_polls, 0);

	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 3, 1);
	REQUIRE(run_to_stop(vcpu));
	check_out(vcpu, wanted, NR(wanted));
	CHECK_NUM(log_of(vcpu)->nr, 0);
}

/* Line 0's pin is 2; a line leads to both, and LINT0 lets through the 8259's. */
GUEST(both_ways, 64, ENABLE_APIC WRITE(0x350, 0x10700) INIT_8259(0xfa, 0xff)
      REDIRECT(2, 0x62) STOP
      OPEN_WINDOW WRITE(0x350, 0x700) OPEN_WINDOW OUT(0x20, 0x20) STOP);

static void a_line_leads_to_both_controllers(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_both_ways, 0);
	volatile struct irq_log *log = log_of(vcpu);

	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 0, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log->nr, 2);
	CHECK_NUM(log->vector[0], 0x62);
	CHECK_NUM(log->vector[1], 0x30);
}

/* ---- MSI ---------------------------------------------------------------------------------- */

static uint64_t msi_to(uint32_t dest, uint32_t how)
{
	return MSI | dest << 12 | how;
}

GUEST(waits_flat, 64, ENABLE_APIC WRITE(0xd0, 0x04000000) WAIT_FOR_EVENTS);

static void messages_by_every_destination(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_waits_flat, END_XAPIC);
	volatile struct irq_log *log = log_of(vcpu);
	struct vm *vm = vcpu->vm;

	REQUIRE(run_to_stop(vcpu));
	/* Not for this one. */
	MUST(try_msi(vm, msi_to(1, 0), 0x71));
	MUST(try_msi(vm, msi_to(0, MSI_LOGICAL), 0x72));
	MUST(try_msi(vm, msi_to(3, MSI_LOGICAL | MSI_REDIRECT), 0x73));
	/* For nobody: the end of a level. */
	MUST(try_msi(vm, msi_to(0, 0), 0x8074));
	/* For this one. */
	MUST(try_msi(vm, msi_to(0, 0), 0x81));
	MUST(try_msi(vm, msi_to(0xff, 0), 0x92));
	MUST(try_msi(vm, msi_to(4, MSI_LOGICAL), 0xa3));
	MUST(try_msi(vm, msi_to(0x84, MSI_LOGICAL | MSI_REDIRECT), 0xb4));
	MUST(try_msi(vm, msi_to(0, MSI_REDIRECT), 0xc5));
	MUST(try_msi(vm, msi_to(0, 0), 0x1d6));		/* lowest priority */
	MUST(try_msi(vm, msi_to(0, 0), 0xc0e7));	/* a level */
	MUST(try_msi(vm, msi_to(0, 0), 0x400));		/* NMI */
	REQUIRE(run_for_events(vcpu, 8));
	CHECK_NUM(log->count[0x81] + log->count[0x92] + log->count[0xa3] + log->count[0xb4] +
		  log->count[0xc5] + log->count[0xd6] + log->count[0xe7] + log->count[2], 8);
	CHECK_NUM(log->vector[0], 2);
}

/* ---- what the program may not do ----------------------------------------------------------- */

static void calls_are_checked(void)
{
	struct vm *with = new_irq_vm(), *without = new_vm(0, 0);
	struct vtr_create_vm create = { .size = sizeof(create), .irqchip = 2 };
	struct vtr_irq_line line = { .size = sizeof(line), .line = 5, .level = 1 };
	struct vtr_msi msi = { .size = sizeof(msi), .address = MSI, .data = 0x40 };

	CHECK_ERRNO(ioctl(open_device(), VTR_CREATE_VM, &create), EINVAL);
	CHECK_ERRNO(try_line(without, 5, 1), ENODEV);
	CHECK_ERRNO(try_msi(without, MSI, 0x40), ENODEV);
	CHECK_ERRNO(try_line(with, 2, 1), EINVAL);
	CHECK_ERRNO(try_line(with, 24, 1), EINVAL);
	CHECK_ERRNO(try_line(with, ~0u, 1), EINVAL);
	CHECK_ERRNO(try_line(with, 5, 2), EINVAL);
	CHECK_NUM(try_line(with, 23, 1), 0);
	line.flags = 1;
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_IRQ_LINE, &line), EINVAL);
	line = (struct vtr_irq_line) { .size = sizeof(line) - 4, .line = 5 };
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_IRQ_LINE, &line), EINVAL);
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_IRQ_LINE, NULL), EFAULT);

	CHECK_ERRNO(try_msi(with, 0xfed00000, 0x40), EINVAL);
	CHECK_ERRNO(try_msi(with, MSI | 1ull << 32, 0x40), EINVAL);
	msi.pad = 1;
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_MSI, &msi), EINVAL);
	msi.pad = 0;
	msi.flags = 1;
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_MSI, &msi), EINVAL);
	msi.flags = 0;
	msi.size--;
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_MSI, &msi), EINVAL);
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_MSI, NULL), EFAULT);
	/* Without a vCPU nobody hears it. */
	CHECK_NUM(try_msi(with, MSI, 0x40), 0);
	CHECK_ERRNO(ioctl(open_device(), VTR_VM_MSI, &msi), ENOTTY);
}

/* A record of MSRs sets registers, it sends and ends nothing: not even while it is checked. */
GUEST(takes_nothing, 64, ENTER_X2APIC WRMSR(0x80f, 0x1ff) WRMSR(0x83f, 0x66) OPEN_WINDOW STOP
      OPEN_WINDOW RDMSR(0x813, 0) STOP);

static void a_record_of_msrs_does_nothing_else(void)
{
	static const struct vtr_msr list[] = {
		{ .index = 0x830, .value = 0x44055 }, { .index = 0x83f, .value = 0x56 },
		{ .index = 0x80b }, { .index = 0x80f, .value = 0xff }, { .index = 0x1b },
		{ .index = 0x6e0, .value = 1 }, { .index = 0x8ff },
	};
	struct vcpu *vcpu = start_irq_guest(&guest_takes_nothing, 0);

	REQUIRE(run_to_stop(vcpu));
	for (unsigned int i = 0; i < NR(list); i++)
		CHECK_ERRNO(put_record(vcpu, VTR_STATE_MSRS, &list[i], sizeof(list[i])), EINVAL);
	REQUIRE(run_to_stop(vcpu));
	/* Vector 66H, which it sent itself, is in service, and nothing else has come. */
	CHECK_NUM(log_of(vcpu)->nr, 1);
	CHECK_NUM(log_of(vcpu)->out[0], 1 << 6);
}

/* Without them the addresses and ports are the program's, the MSRs nobody's. */
GUEST(has_none, 64, "mov (%r15), %eax\n mov (%r14), %eax\n in $0x21, %al\n in $0x40, %al\n"
      RDMSR(0x1b, 0) RDMSR(0x802, 0) STOP);

static void a_vm_without_has_nothing_of_it(void)
{
	struct vm *vm = new_vm(4 * MB, 0), *other = new_irq_vm();
	struct vcpu *vcpu;

	/* Tables and handler are those of the other one. */
	memcpy(vm->mem, other->mem, 0x10000);
	vcpu = new_irq_vcpu(vm, 0, &guest_has_none, 0);
	REQUIRE(run_to(vcpu, VTR_EXIT_MMIO));
	CHECK_NUM(vcpu->run->mmio.gpa, 0xfee00000);
	REQUIRE(run_to(vcpu, VTR_EXIT_MMIO));
	CHECK_NUM(vcpu->run->mmio.gpa, 0xfec00000);
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK_NUM(vcpu->run->io.port, 0x21);
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK_NUM(vcpu->run->io.port, 0x40);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[13], 2);
}

/*
 * VTR_VCPU_INJECT goes past the controllers: it needs no local APIC, wakes a HLT, and
 * has no end there.
 */
GUEST(takes_injected, 64, "sti\n hlt\n cli\n" READ(0x110, 0) STOP);

static void injection_goes_past_the_controllers(void)
{
	struct vtr_inject args = {
		.size = sizeof(args), .event = { .kind = VTR_EVENT_INTERRUPT, .vector = 0x33 },
	};
	struct vcpu *vcpu = start_irq_guest(&guest_takes_injected, 0);
	struct runner runner = {};

	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args), EAGAIN);
	start_runner(&runner, vcpu, -1);
	nap_ms(20);
	CHECK(!runner.done);
	stop_runner(&runner);
	REQUIRE_NUM(vcpu->run->ready_for_injection, 1);
	MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args));
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x33], 1);
	/* Not in service. */
	CHECK_NUM(log_of(vcpu)->out[0], 0);
}

static const struct tap_case cases[] = {
	CASE(registers_in_memory),
	CASE(a_record_sets_the_task_priority),
	CASE(registers_by_msrs),
	CASE(the_page_moves_and_goes),
	CASE(errors_are_noted_and_interrupt),
	CASE(the_task_priority_holds_back),
	CASE(the_higher_vector_comes_first),
	CASE(a_higher_class_interrupts_a_handler),
	CASE(an_nmi_that_waits_keeps_no_interrupt_away),
	CASE(a_level_comes_again_until_it_is_low),
	CASE(an_end_that_is_told_to_the_io_apic_only),
	CASE(a_level_waits_for_a_local_apic_that_takes_it),
	CASE(an_nmi_at_a_level_pin_is_an_edge),
	CASE(edges_masks_and_levels),
	CASE(the_8259_from_start_to_end),
	CASE(the_8259_has_priorities),
	CASE(a_poll_tells_the_spurious_line),
	CASE(a_line_leads_to_both_controllers),
	CASE(messages_by_every_destination),
	CASE(calls_are_checked),
	CASE(a_record_of_msrs_does_nothing_else),
	CASE(a_vm_without_has_nothing_of_it),
	CASE(injection_goes_past_the_controllers),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
