// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU files and RUN: ids, the run page, signals, unfinished work, failures.
 *
 * State records are in state_test.c, events in inject_test.c, several threads
 * in thread_test.c.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

GUEST(halts, 16, "hlt");
GUEST(forever, 16, "sti\n 1: incl 0x9000\n jmp 1b");
GUEST(asks, 64,
      "mov $0x1122334455667788, %rax\n mov $0x600, %dx\n in %dx, %al\n mov %rax, %rbx\n"
      "in %dx, %ax\n mov %rax, %rcx\n in %dx, %eax\n hlt");
GUEST(tells, 64,
      "mov $0x1122334455667788, %rax\n mov $0x600, %dx\n out %al, %dx\n out %ax, %dx\n"
      "out %eax, %dx\n out %al, $0x42\n hlt");
GUEST(calls, 64,
      "mov $0x1234, %eax\n mov $1, %ebx\n mov $2, %ecx\n mov $3, %edx\n mov $4, %esi\n"
      "vmcall\n mov %rax, %rdi\n hlt");
GUEST(calls_32, 32,
      "mov $0x1234, %eax\n vmcall\n mov %eax, %edi\n hlt");

/* ---- ids ------------------------------------------------------------------------ */

static int create_vcpu(struct vm *vm, uint32_t id)
{
	struct vtr_create_vcpu args = { .size = sizeof(args), .id = id };

	return ioctl(vm->fd, VTR_VM_CREATE_VCPU, &args);
}

static void ids_are_unique_and_come_free_again(void)
{
	struct vm *vm = new_vm(1 * MB, 0);
	int fd = MUST(create_vcpu(vm, 7));

	CHECK_ERRNO(create_vcpu(vm, 7), EEXIST);
	CHECK_NUM(get_info(vm).nr_vcpus, 1);
	close(fd);
	CHECK_NUM(get_info(vm).nr_vcpus, 0);
	MUST(create_vcpu(vm, 7));
	CHECK_ERRNO(create_vcpu(vm, VTR_MAX_VCPUS), EINVAL);
	CHECK_ERRNO(create_vcpu(vm, ~0u), EINVAL);
}

static void a_vm_takes_all_its_vcpus(void)
{
	struct vm *vm = new_vm(1 * MB, 0);

	put_guest(vm, &guest_halts);
	for (unsigned int id = 0; id < VTR_MAX_VCPUS; id++) {
		struct vcpu *vcpu = new_vcpu(vm, id);

		enter_real(vcpu);
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	}
	CHECK_NUM(get_info(vm).nr_vcpus, VTR_MAX_VCPUS);
}

static void a_vcpu_keeps_its_vm_alive(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

	close(vcpu->vm->fd);
	run_to(vcpu, VTR_EXIT_HLT);
}

static void reset_state_is_that_of_the_manual(void)
{
	struct vcpu *vcpu = new_vcpu(new_vm(1 * MB, 0), 0);
	struct vtr_sregs s = get_sregs(vcpu);
	struct vtr_regs r = get_regs(vcpu);
	struct vtr_debug_regs d;

	/* SDM 3A "Processor State After Reset" (10.1.1). */
	CHECK_NUM(r.rip, 0xfff0);
	CHECK_NUM(r.rflags, 2);
	CHECK_NUM(s.seg[VTR_CS].selector, 0xf000);
	CHECK_NUM(s.seg[VTR_CS].base, 0xffff0000);
	CHECK_NUM(s.seg[VTR_CS].limit, 0xffff);
	CHECK_NUM(s.cr0, 0x60000010);
	CHECK_NUM(s.cr3, 0);
	CHECK_NUM(s.cr4, 0);
	CHECK_NUM(s.efer, 0);
	get_record(vcpu, VTR_STATE_DEBUG, &d, sizeof(d));
	CHECK_NUM(d.dr6, 0xffff0ff0);
	CHECK_NUM(d.dr7, 0x400);
}

/* ---- the run page ------------------------------------------------------------------ */

static void *map_vcpu(struct vcpu *vcpu, size_t bytes, int prot, int flags, off_t at)
{
	return mmap(NULL, bytes, prot, flags, vcpu->fd, at);
}

static void mappings_that_make_no_sense_are_refused(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	const off_t ring = 4096, end = 18 * 4096;

	CHECK_ERRNO(map_vcpu(vcpu, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0), EINVAL);
	CHECK_ERRNO(map_vcpu(vcpu, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, 0), EINVAL);
	CHECK_ERRNO(map_vcpu(vcpu, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring), EPERM);
	CHECK_ERRNO(map_vcpu(vcpu, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, 0), EPERM);
	CHECK_ERRNO(map_vcpu(vcpu, 4096, PROT_READ, MAP_SHARED, end), EINVAL);
	CHECK_ERRNO(map_vcpu(vcpu, end + 4096, PROT_READ, MAP_SHARED, 0), EINVAL);
	CHECK_ERRNO(map_vcpu(vcpu, 4096, PROT_READ, MAP_SHARED, 1ll << 40), EINVAL);
	/* Where the page number would wrap round, the kernel itself refuses. */
	CHECK_ERRNO(map_vcpu(vcpu, 4096, PROT_READ, MAP_SHARED, -4096), EOVERFLOW);
}

static void the_ring_cannot_be_made_writable(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	void *ring = (void *)MUST(map_vcpu(vcpu, 4096, PROT_READ, MAP_SHARED, 4096));

	CHECK_ERRNO(mprotect(ring, 4096, PROT_READ | PROT_WRITE), EACCES);
}

static void mappings_outlive_the_descriptor(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

	run_to(vcpu, VTR_EXIT_HLT);
	close(vcpu->fd);
	close(vcpu->vm->fd);
	CHECK_NUM(vcpu->run->exit, VTR_EXIT_HLT);
	vcpu->run->exit = 99;
	CHECK_NUM(vcpu->run->exit, 99);
}

static void a_run_page_of_nonsense_does_no_harm(void)
{
	struct vcpu *vcpu = start_guest(&guest_asks, 64, 0);

	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	memset(vcpu->run, 0xff, sizeof(*vcpu->run));
	vcpu->run->immediate_exit = 0;
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	/* Only the answer was taken from it. */
	CHECK_NUM(gpr(vcpu, VTR_RBX), 0x11223344556677ff);
	CHECK_NUM(vcpu->run->io.bytes, 2);
	CHECK_NUM(vcpu->run->io.port, 0x600);
	CHECK_NUM(get_sregs(vcpu).cr8, 0xf);
}

/* ---- ports and hypercalls -------------------------------------------------------------- */

static void in_takes_the_answer_by_its_size(void)
{
	static const uint64_t wanted[] = { 0x11223344556677ef, 0x112233445566beef, 0xdeadbeef };
	struct vcpu *vcpu = start_guest(&guest_asks, 64, 0);

	for (unsigned int i = 0; i < 3; i++) {
		REQUIRE(run_to(vcpu, VTR_EXIT_IO));
		CHECK_NUM(vcpu->run->io.is_in, 1);
		CHECK_NUM(vcpu->run->io.bytes, 1u << i);
		CHECK_NUM(vcpu->run->io.port, 0x600);
		CHECK_NUM(vcpu->run->io.count, 1);
		CHECK_NUM(vcpu->run->hw_kind, VTR_HW_IO);
		vcpu->run->io.data = 0xffffffffdeadbeef;
	}
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RBX), wanted[0]);
	CHECK_NUM(gpr(vcpu, VTR_RCX), wanted[1]);
	CHECK_NUM(gpr(vcpu, VTR_RAX), wanted[2]);
}

static void out_tells_what_the_size_holds(void)
{
	static const struct {
		uint16_t port;
		uint8_t bytes;
		uint64_t data;
	} wanted[] = {
		{ 0x600, 1, 0x88 }, { 0x600, 2, 0x7788 }, { 0x600, 4, 0x55667788 },
		{ 0x42, 1, 0x88 },
	};
	struct vcpu *vcpu = start_guest(&guest_tells, 64, 0);

	for (unsigned int i = 0; i < 4; i++) {
		REQUIRE(run_to(vcpu, VTR_EXIT_IO));
		CHECK_NUM(vcpu->run->io.is_in, 0);
		CHECK_NUM(vcpu->run->io.port, wanted[i].port);
		CHECK_NUM(vcpu->run->io.bytes, wanted[i].bytes);
		CHECK_NUM(vcpu->run->io.data, wanted[i].data);
	}
	run_to(vcpu, VTR_EXIT_HLT);
}

static void hypercalls_carry_arguments_and_an_answer(void)
{
	struct vcpu *vcpu = start_guest(&guest_calls, 64, 0);

	REQUIRE(run_to(vcpu, VTR_EXIT_HYPERCALL));
	CHECK_NUM(vcpu->run->hypercall.nr, 0x1234);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_NUM(vcpu->run->hypercall.args[i], i + 1);
	CHECK_NUM(vcpu->run->hypercall.ret, VTR_HC_UNKNOWN);
	vcpu->run->hypercall.ret = 0xabcdef0123456789;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RDI), 0xabcdef0123456789);
}

static void hypercalls_of_32_bit_code_have_32_bits(void)
{
	struct vcpu *vcpu = start_guest(&guest_calls_32, 32, 0);
	struct vtr_regs regs = get_regs(vcpu);

	/* What 64-bit code could have left in the upper halves. */
	for (unsigned int i = 0; i < VTR_NR_GPRS; i++)
		regs.gpr[i] |= 0xdead000000000000;
	set_regs(vcpu, &regs);
	REQUIRE(run_to(vcpu, VTR_EXIT_HYPERCALL));
	CHECK_NUM(vcpu->run->hypercall.nr, 0x1234);
	CHECK_NUM(vcpu->run->hypercall.args[0], 0);
	vcpu->run->hypercall.ret = 77;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RDI) & 0xffffffff, 77);
}

/* ---- signals and immediate_exit ----------------------------------------------------------- */

static struct vcpu *signalled;
static volatile int nr_signals;

static void count_signal(int nr)
{
	(void)nr;
	nr_signals++;
}

static void stop_from_handler(int nr)
{
	(void)nr;
	nr_signals++;
	signalled->run->immediate_exit = 1;
}

/* SIGALRM in some ticks of real time. */
static void signal_soon(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };
	struct itimerval soon = { .it_value.tv_usec = 20000 * tap_patience() };

	MUST(sigaction(SIGALRM, &action, NULL));
	MUST(setitimer(ITIMER_REAL, &soon, NULL));
}

static void a_signal_ends_run_with_eintr(void)
{
	struct vcpu *vcpu = start_guest(&guest_forever, 16, 0);
	volatile uint32_t *counter = (void *)(vcpu->vm->mem + 0x9000);
	uint32_t before;

	for (int i = 1; i <= 5; i++) {
		before = *counter;
		signal_soon(count_signal);
		while (nr_signals < i) {
			CHECK_ERRNO(run_once(vcpu), EINTR);
			CHECK_NUM(vcpu->run->exit, VTR_EXIT_NONE);
		}
		CHECK(*counter > before);
	}
}

static void a_blocked_signal_does_not_end_run(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(raise(SIGUSR1));
	run_to(vcpu, VTR_EXIT_HLT);
}

static void immediate_exit_comes_before_the_entry(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

	vcpu->run->immediate_exit = 1;
	REQUIRE(run_to(vcpu, VTR_EXIT_IMMEDIATE));
	CHECK_NUM(get_stats(vcpu).exits, 0);
	CHECK_NUM(get_regs(vcpu).rip, CODE_AT);
	vcpu->run->immediate_exit = 0;
	run_to(vcpu, VTR_EXIT_HLT);
}

static void immediate_exit_finishes_an_in_first(void)
{
	struct vcpu *vcpu = start_guest(&guest_asks, 64, 0);
	struct vtr_io_state io;

	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	get_record(vcpu, VTR_STATE_IO, &io, sizeof(io));
	CHECK_NUM(io.pending, 1);
	CHECK_NUM(io.bytes, 1);
	CHECK_NUM(io.port, 0x600);
	vcpu->run->io.data = 0x42;
	vcpu->run->immediate_exit = 1;
	REQUIRE(run_to(vcpu, VTR_EXIT_IMMEDIATE));
	get_record(vcpu, VTR_STATE_IO, &io, sizeof(io));
	CHECK_NUM(io.pending, 0);
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x1122334455667742);
	/* And not a second time. */
	vcpu->run->io.data = 0x43;
	REQUIRE(run_to(vcpu, VTR_EXIT_IMMEDIATE));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x1122334455667742);
}

static void immediate_exit_from_a_signal_handler(void)
{
	struct vcpu *vcpu = start_guest(&guest_forever, 16, 0);

	signalled = vcpu;
	for (int i = 1; i <= 5; i++) {
		vcpu->run->immediate_exit = 0;
		signal_soon(stop_from_handler);
		/* The signal itself ends RUN, too; what matters is that it does end. */
		while (nr_signals < i) {
			if (!run_once(vcpu))
				CHECK_NUM(vcpu->run->exit, VTR_EXIT_IMMEDIATE);
			else
				CHECK_NUM(errno, EINTR);
		}
		REQUIRE(run_to(vcpu, VTR_EXIT_IMMEDIATE));
	}
}

/* The classic race: a signal right before RUN must not be lost. */
static void a_signal_right_before_run_is_not_lost(void)
{
	struct vcpu *vcpu = start_guest(&guest_forever, 16, 0);
	struct sigaction action = { .sa_handler = stop_from_handler };

	signalled = vcpu;
	MUST(sigaction(SIGUSR1, &action, NULL));
	MUST(raise(SIGUSR1));
	run_to(vcpu, VTR_EXIT_IMMEDIATE);
}

static void signals_in_a_storm(void)
{
	struct vcpu *vcpu = start_guest(&guest_forever, 16, 0);
	struct sigaction action = { .sa_handler = count_signal };
	const int tick = 1000 * tap_patience();
	struct itimerval often = { .it_value.tv_usec = tick, .it_interval.tv_usec = tick };
	volatile uint32_t *counter = (void *)(vcpu->vm->mem + 0x9000);

	MUST(sigaction(SIGALRM, &action, NULL));
	MUST(setitimer(ITIMER_REAL, &often, NULL));
	while (nr_signals < 200)
		REQUIRE(run_once(vcpu) == -1 && errno == EINTR);
	CHECK(*counter > 0);
}

/* ---- failures -------------------------------------------------------------------------------- */

static struct vtr_entry_check check_entry(struct vcpu *vcpu)
{
	struct vtr_entry_check check = { .size = sizeof(check) };

	MUST(ioctl(vcpu->fd, VTR_VCPU_CHECK, &check));
	return check;
}

/* The call knows before the processor does, and both name the same rule. */
static void expect_entry_failure(struct vcpu *vcpu, uint32_t reason, const char *rule)
{
	struct vtr_entry_check check = check_entry(vcpu);
	char part[64];

	snprintf(part, sizeof(part), "rule %s: ", rule);
	CHECK_NUM(check.outcome, VTR_ENTRY_BAD_GUEST);
	CHECK_MSG(!strcmp(check.rule, rule), "the rule is %s", check.rule);
	CHECK_MSG(strstr(check.manual, "SDM 3C \"Checks on Guest"), "the manual is %s",
		  check.manual);
	REQUIRE(run_to(vcpu, VTR_EXIT_FAIL_ENTRY));
	CHECK_NUM(vcpu->run->hw_kind, VTR_HW_FAIL);
	CHECK_NUM(vcpu->run->fail.reason, reason);
	CHECK_MSG(strstr(vcpu->run->sentence, part), "the sentence is: %s", vcpu->run->sentence);
}

#define RFLAGS_VM	(1ull << 17)

/* SDM 3C "Checks on the Guest State Area" (27.3.1). */
static void invalid_guest_state_fails_with_a_sentence(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_regs good_regs = get_regs(vcpu), bad_regs = good_regs;
	struct vtr_sregs good = get_sregs(vcpu), bad = good;

	CHECK_NUM(check_entry(vcpu).outcome, VTR_ENTRY_OK);
	CHECK_NUM(check_entry(vcpu).broken, 0);
	/* Virtual-8086 mode does not go with long mode. */
	bad_regs.rflags |= RFLAGS_VM;
	set_regs(vcpu, &bad_regs);
	expect_entry_failure(vcpu, 0x80000021, "RFLAGS_VM_64");
	set_regs(vcpu, &good_regs);
	bad.seg[VTR_TR].unusable = 1;
	set_sregs(vcpu, &bad);
	expect_entry_failure(vcpu, 0x80000021, "TR_UNUSABLE");
	bad = good;
	bad.cr4 |= 1ull << 30;
	set_sregs(vcpu, &bad);
	expect_entry_failure(vcpu, 0x80000021, "GUEST_CR4_MUST_BE_0");
	/* It can be put right, and the VM lives. */
	set_sregs(vcpu, &good);
	run_to(vcpu, VTR_EXIT_HLT);
	CHECK_NUM(get_info(vcpu->vm).flags, 0);
}

/* debugfs says the same, of an idle vCPU; the sentence is in the kernel's log, too. */
static void the_broken_rule_is_in_debugfs(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_sregs bad = get_sregs(vcpu);
	char path[80], text[1024] = "";
	FILE *file;

	bad.seg[VTR_CS].attributes |= 1u << 10;	/* D with L */
	set_sregs(vcpu, &bad);
	snprintf(path, sizeof(path), "/sys/kernel/debug/vitrine/vm%u/vcpu0/entry-check",
		 get_info(vcpu->vm).id);
	file = fopen(path, "r");
	REQUIRE(file);
	REQUIRE(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	CHECK_MSG(strstr(text, "outcome: 3\nbroken: 1\nrule: CS_L_AND_DB\nfield: 0x4816\n"),
		  "the file says: %s", text);
}

static struct vtr_events get_events(struct vcpu *vcpu)
{
	struct vtr_events events;

	get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
	return events;
}

/*
 * A #GP without an error code is a control field that no processor takes in
 * protected mode: VMLAUNCH fails with error 7.  The event has not been
 * delivered, so it still waits, until it is taken back.
 */
static void vmfail_is_told_by_name(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_events events = get_events(vcpu);

	events.in_flight = (struct vtr_event) { .kind = VTR_EVENT_EXCEPTION, .vector = 13 };
	MUST(put_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events)));
	for (int i = 0; i < 2; i++) {
		CHECK_NUM(check_entry(vcpu).outcome, VTR_ENTRY_BAD_CONTROLS);
		REQUIRE(run_to(vcpu, VTR_EXIT_FAIL_ENTRY));
		CHECK_NUM(vcpu->run->fail.insn_error, 7);
		CHECK_NUM(vcpu->run->fail.reason, 0);
		CHECK_MSG(strstr(vcpu->run->sentence, "error 7, rule EVENT_ERROR_CODE_MISSING: "),
			  "the sentence is: %s", vcpu->run->sentence);
		CHECK_NUM(get_events(vcpu).in_flight.vector, 13);
	}
	events.in_flight = (struct vtr_event) {};
	MUST(put_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events)));
	run_to(vcpu, VTR_EXIT_HLT);
}

/*
 * An interrupt cannot be injected with RFLAGS.IF clear:
 * SDM 3C "Checks on Guest RIP, RFLAGS, and SSP" (27.3.1.4).
 */
static void an_event_is_kept_when_the_entry_fails(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vtr_events events = get_events(vcpu);
	const struct vtr_event interrupt = { .kind = VTR_EVENT_INTERRUPT, .vector = 32 };

	events.in_flight = interrupt;
	MUST(put_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events)));
	expect_entry_failure(vcpu, 0x80000021, "RFLAGS_IF_INTERRUPT");
	events = get_events(vcpu);
	CHECK(!memcmp(&events.in_flight, &interrupt, sizeof(interrupt)));
	CHECK_NUM(get_stats(vcpu).injections, 0);
	events.in_flight = (struct vtr_event) {};
	MUST(put_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events)));
	run_to(vcpu, VTR_EXIT_HLT);
}

static void no_memory_behind_a_slot_is_efault(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

	MUST(munmap(vcpu->vm->mem, vcpu->vm->bytes));
	CHECK_ERRNO(run_through(vcpu), EFAULT);
	CHECK_NUM(get_info(vcpu->vm).flags, 0);
	/* The guest is where it was: with memory it goes on. */
	REQUIRE(mmap(vcpu->vm->mem, vcpu->vm->bytes, PROT_READ | PROT_WRITE,
		     MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == vcpu->vm->mem);
	put_guest(vcpu->vm, &guest_halts);
	run_to(vcpu, VTR_EXIT_HLT);
}

static const struct tap_case cases[] = {
	CASE(ids_are_unique_and_come_free_again),
	CASE(a_vm_takes_all_its_vcpus),
	CASE(a_vcpu_keeps_its_vm_alive),
	CASE(reset_state_is_that_of_the_manual),
	CASE(mappings_that_make_no_sense_are_refused),
	CASE(the_ring_cannot_be_made_writable),
	CASE(mappings_outlive_the_descriptor),
	CASE(a_run_page_of_nonsense_does_no_harm),
	CASE(in_takes_the_answer_by_its_size),
	CASE(out_tells_what_the_size_holds),
	CASE(hypercalls_carry_arguments_and_an_answer),
	CASE(hypercalls_of_32_bit_code_have_32_bits),
	CASE(a_signal_ends_run_with_eintr),
	CASE(a_blocked_signal_does_not_end_run),
	CASE(immediate_exit_comes_before_the_entry),
	CASE(immediate_exit_finishes_an_in_first),
	CASE(immediate_exit_from_a_signal_handler),
	CASE(a_signal_right_before_run_is_not_lost),
	CASE(signals_in_a_storm),
	CASE(invalid_guest_state_fails_with_a_sentence),
	CASE(the_broken_rule_is_in_debugfs),
	CASE(vmfail_is_told_by_name),
	CASE(an_event_is_kept_when_the_entry_fails),
	CASE(no_memory_behind_a_slot_is_efault),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
