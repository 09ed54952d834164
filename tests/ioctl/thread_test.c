// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs as host threads: several at once, moved, stopped, killed; and what the
 * thread owned before an entry it owns after it (FPU, debug registers, I/O
 * permissions, segments).
 */
#include <asm/prctl.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

#define COUNTERS	0x200000
#define R_CPUID		10	/* basic exit reason */

GUEST(halts, 16, "1: hlt\n jmp 1b");
GUEST(counts, 64,
      "mov %edi, %eax\n shl $6, %eax\n lea 0x200000(%rax), %rbx\n mov $5000, %ecx\n"
      "sti\n 1: incq (%rbx)\n dec %ecx\n jnz 1b\n hlt");
GUEST(dies_or_spins, 64,
      "sti\n test %edi, %edi\n jnz 2f\n 1: incq 0x200000\n jmp 1b\n"
      "2: mov $0x30000000, %eax\n jmp *%rax");
/* Watch 4 bytes at [RSI] for writes, then halt for good. */
GUEST(arms_a_watch, 64,
      "mov %rsi, %dr0\n mov $0xd0002, %eax\n mov %rax, %dr7\n 1: hlt\n jmp 1b");
GUEST(spoils_fpu, 64,
      "fninit\n pcmpeqd %xmm0, %xmm0\n"
      ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqa %xmm0, %xmm\\n\n .endr\n"
      "fldpi\n fldpi\n fldpi\n xor %eax, %eax\n cpuid\n hlt");
GUEST(loads_segments, 64,
      "mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %fs\n mov %eax, %gs\n"
      "xor %eax, %eax\n cpuid\n hlt");

static struct vcpu *spinning_guest(void)
{
	struct vcpu *vcpu = new_vcpu(new_vm(4 * MB, 0), 0);

	load_guest(vcpu, "spin");
	return vcpu;
}

static uint64_t counter(struct vm *vm, unsigned int id)
{
	return *(volatile uint64_t *)(vm->mem + COUNTERS + 64 * id);
}

static void wait_for_progress(struct vm *vm, unsigned int id)
{
	uint64_t now = counter(vm, id);

	WAIT_UNTIL(counter(vm, id) > now);
}

static void need_two_cpus(void)
{
	if (nr_cpus() < 2)
		tap_skip("this machine has one processor");
}

static void move_thread(pid_t tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(sched_setaffinity(tid, sizeof(set), &set));
}

/* ---- running, moving, stopping ------------------------------------------------------ */

static void a_running_vcpu_moves_between_processors(void)
{
	struct vcpu *vcpu = spinning_guest();
	struct runner runner = {};

	need_two_cpus();
	start_runner(&runner, vcpu, 0);
	for (int i = 1; i <= 20; i++) {
		move_thread(runner.tid, i % 2);
		wait_for_progress(vcpu->vm, 0);
	}
	stop_runner(&runner);
	CHECK(get_stats(vcpu).migrations >= 15);
}

static void two_vcpus_count_together(void)
{
	struct vm *vm = new_vm(4 * MB, 0);
	struct served served[2] = {};
	struct runner runners[2] = { { .serve = &served[0] }, { .serve = &served[1] } };

	load_guest(new_vcpu(vm, 0), "smp");
	load_guest(new_vcpu(vm, 1), "smp");
	for (int id = 0; id < 2; id++)
		start_runner(&runners[id], &vm->vcpus[id], id % nr_cpus());
	for (int id = 0; id < 2; id++)
		join_runner(&runners[id]);
	/* Whoever comes last reports, the other one halts. */
	CHECK(served[0].exit_value == 0 || served[1].exit_value == 0);
	for (int id = 0; id < 2; id++)
		CHECK_NUM(counter(vm, id), 20000);
}

static void sixteen_vcpus_in_one_vm(void)
{
	static struct runner runners[16];
	struct vm *vm = new_vm(4 * MB, 0);

	put_guest(vm, &guest_counts);
	for (int id = 0; id < 16; id++)
		enter_long(new_vcpu(vm, id));
	for (int id = 0; id < 16; id++)
		start_runner(&runners[id], &vm->vcpus[id], -1);
	for (int id = 0; id < 16; id++) {
		join_runner(&runners[id]);
		CHECK_NUM(vm->vcpus[id].run->exit, VTR_EXIT_HLT);
		CHECK_NUM(counter(vm, id), 5000);
	}
}

static void *ask_for_statistics(void *arg)
{
	struct vcpu *vcpu = arg;

	get_stats(vcpu);
	vcpu->vm->bytes = 0;	/* the answer is there */
	return NULL;
}

/*
 * One vCPU is used by one thread at a time.  The other one gets its turn when
 * RUN comes back, which the host may cause at any time, and the guest goes on.
 */
static void a_second_thread_gets_its_turn(void)
{
	struct vcpu *vcpu = spinning_guest();
	struct runner runner = {};
	pthread_t other;

	start_runner(&runner, vcpu, -1);
	wait_for_progress(vcpu->vm, 0);
	REQUIRE(!pthread_create(&other, NULL, ask_for_statistics, vcpu));
	wait_for_progress(vcpu->vm, 0);
	stop_runner(&runner);
	pthread_join(other, NULL);
	CHECK_NUM(vcpu->vm->bytes, 0);
}

static void the_death_of_one_vcpu_ends_the_others(void)
{
	struct vm *vm = new_vm(4 * MB, 0);
	struct runner runners[2] = {};

	put_guest(vm, &guest_dies_or_spins);
	enter_long(new_vcpu(vm, 0));
	enter_long(new_vcpu(vm, 1));
	start_runner(&runners[0], &vm->vcpus[0], 0);
	wait_for_progress(vm, 0);
	start_runner(&runners[1], &vm->vcpus[1], nr_cpus() - 1);
	for (int id = 0; id < 2; id++) {
		join_runner(&runners[id]);
		CHECK_NUM(vm->vcpus[id].run->exit, VTR_EXIT_STOPPED);
		CHECK(strstr(vm->vcpus[id].run->sentence, "vCPU 1 "));
	}
}

static void files_closed_while_the_guest_runs(void)
{
	struct vcpu *vcpu = spinning_guest();
	struct runner runner = {};

	start_runner(&runner, vcpu, -1);
	wait_for_progress(vcpu->vm, 0);
	close(vcpu->vm->fd);
	close(vcpu->fd);
	wait_for_progress(vcpu->vm, 0);
	/* The run page is still mapped, so it can be stopped, and then it is gone. */
	runner.stopping = true;
	vcpu->run->immediate_exit = 1;
	pthread_kill(runner.thread, SIGUSR2);
	join_runner(&runner);
	CHECK_ERRNO(run_once(vcpu), EBADF);
}

/* A process that is killed: run-all finds out whether the module is free again. */
static void a_killed_process_leaves_nothing(void)
{
	for (int i = 0; i < 5; i++) {
		int pipes[2], status;
		pid_t child;
		char byte;

		MUST(pipe(pipes));
		child = MUST(fork());
		if (!child) {
			struct vcpu *vcpu = spinning_guest();
			struct runner runner = {};

			start_runner(&runner, vcpu, -1);
			wait_for_progress(vcpu->vm, 0);
			MUST(write(pipes[1], "x", 1));
			for (;;)
				pause();
		}
		REQUIRE(read(pipes[0], &byte, 1) == 1);
		MUST(kill(child, SIGKILL));
		MUST(waitpid(child, &status, 0));
		CHECK(WIFSIGNALED(status));
	}
	run_to(start_guest(&guest_halts, 16, 0), VTR_EXIT_HLT);
}

/* ---- registers of the FPU -------------------------------------------------------------- */

/*
 * RUN by a bare system call between filling and comparing all SSE registers
 * and the x87 stack.  Return: 0 if all are as before.
 */
static int run_with_full_fpu(int fd, uint64_t seed)
{
	uint64_t wrong;
	uint32_t number;

	asm volatile(
		"movq %[seed], %%xmm0\n"
		".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		"paddq %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm\\n\n"
		".endr\n"
		"fninit\n fld1\n fldpi\n"
		"mov %[nr], %%eax\n mov %[fd], %%edi\n mov %[request], %%esi\n xor %%edx, %%edx\n"
		"syscall\n"
		"xor %%r8d, %%r8d\n"
		"movq %[seed], %%xmm0\n"
		".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		"paddq %%xmm0, %%xmm0\n movq %%xmm0, %%r9\n movq %%xmm\\n, %%r10\n"
		"xor %%r9, %%r10\n or %%r10, %%r8\n"
		".endr\n"
		"mov %%r8, %[wrong]\n"
		"fstp %%st(0)\n fistpl %[number]\n"
		: [wrong] "=r"(wrong), [number] "=m"(number)
		: [seed] "r"(seed), [nr] "i"(SYS_ioctl), [fd] "r"(fd), [request] "i"(VTR_VCPU_RUN)
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory",
		  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		  "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
		  "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
	return wrong || number != 1;
}

static void fpu_registers_of_the_thread_stay(void)
{
	struct vcpu *vcpu = start_guest(&guest_spoils_fpu, 64, 0);

	CHECK_NUM(run_with_full_fpu(vcpu->fd, 0x123456789), 0);
	CHECK_NUM(vcpu->run->exit, VTR_EXIT_HLT);
}

static volatile bool end_of_fpu_use;

/* A thread that has nothing to do with guests and fills its registers all the time. */
static void *use_fpu(void *arg)
{
	uint64_t seed = 0xabc + (uintptr_t)arg;

	while (!end_of_fpu_use) {
		/* A system call that fails at once: the same check without a guest. */
		CHECK_NUM(run_with_full_fpu(-1, seed), 0);
		sched_yield();
	}
	return NULL;
}

/* Two guests, two other users, all on one processor: registers change hands often. */
static void fpu_registers_never_cross(void)
{
	struct vm *vm = new_vm(4 * MB, 0);
	struct served served[2] = {};
	struct runner runners[2] = { { .serve = &served[0] }, { .serve = &served[1] } };
	pthread_t users[2];

	pin_to_cpu(0);
	for (uintptr_t i = 0; i < 2; i++)
		REQUIRE(!pthread_create(&users[i], NULL, use_fpu, (void *)i));
	load_guest(new_vcpu(vm, 0), "fpu");
	load_guest(new_vcpu(vm, 1), "fpu");
	for (int id = 0; id < 2; id++)
		start_runner(&runners[id], &vm->vcpus[id], 0);
	for (int id = 0; id < 2; id++) {
		join_runner(&runners[id]);
		CHECK_NUM(served[id].exit_value, 0);
		CHECK_NUM(served[id].marks, 50);
	}
	end_of_fpu_use = true;
	for (int i = 0; i < 2; i++)
		pthread_join(users[i], NULL);
}

/* ---- what else belongs to the thread ---------------------------------------------------- */

/* The exit sets the TSS limit to 67H, which would cut the I/O bitmap off. */
static void io_permissions_stay(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

	MUST(ioperm(0x80, 1, 1));
	for (int i = 0; i < 20; i++) {
		if (nr_cpus() > 1)
			move_thread(0, i % 2);
		outb(0x5a, 0x80);
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		/* Without the bitmap this is a SIGSEGV. */
		outb(0x5a, 0x80);
	}
}

static volatile uint32_t watched;

/* In a child under ptrace: its watch point must still work after RUN. */
static void hardware_watch_points_stay(void)
{
	pid_t child = MUST(fork());
	int status;

	if (!child) {
		struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

		MUST(ptrace(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		watched = 1;		/* traps */
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		watched = 2;		/* traps */
		tap_end();
	}
	MUST(waitpid(child, &status, 0));
	REQUIRE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	MUST(ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[0]), &watched));
	/* Local 0, writes, four bytes. */
	MUST(ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), 0xd0001));
	for (int i = 0; i < 2; i++) {
		MUST(ptrace(PTRACE_CONT, child, 0, 0));
		MUST(waitpid(child, &status, 0));
		REQUIRE(WIFSTOPPED(status));
		CHECK_NUM(WSTOPSIG(status), SIGTRAP);
	}
	MUST(ptrace(PTRACE_CONT, child, 0, 0));
	MUST(waitpid(child, &status, 0));
	CHECK_NUM(status, 0);
}

/* A guest may watch its own addresses, also those that the host uses. */
static void the_guests_watch_points_stay_in_the_guest(void)
{
	struct vcpu *vcpu = start_guest(&guest_arms_a_watch, 64, 0);
	struct vtr_regs regs = get_regs(vcpu);

	regs.gpr[VTR_RSI] = (uintptr_t)&watched;
	set_regs(vcpu, &regs);
	for (uint32_t i = 0; i < 3; i++) {
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		watched = i;	/* no trap */
	}
	struct vtr_debug_regs debug;

	get_record(vcpu, VTR_STATE_DEBUG, &debug, sizeof(debug));
	CHECK_NUM(debug.dr[0], (uintptr_t)&watched);
	CHECK_NUM(debug.dr7, 0xd0402);
}

static uint32_t ldt_data[1024] = { 0x11223344 };

static void segments_and_ldt_stay(void)
{
	struct vcpu *vcpu = start_guest(&guest_loads_segments, 64, 0);
	/* struct user_desc: entry, base, limit, flags: 32 bits (0), for programs (6). */
	uint32_t desc[4] = { 3, (uintptr_t)ldt_data, 0xfff, 1 << 0 | 1 << 6 };
	const uint16_t selector = 3 * 8 + 7;
	uint16_t gs, es;
	uint32_t value = 0;

	/* Bases of LDT segments have 32 bits; this program lies below 4 GiB. */
	REQUIRE((uintptr_t)ldt_data >> 32 == 0);
	MUST(syscall(SYS_modify_ldt, 1, desc, sizeof(desc)));
	for (int i = 0; i < 4; i++) {
		asm volatile("mov %0, %%gs\n mov %0, %%es" : : "r"(selector));
		MUST(run_through(vcpu));
		asm volatile("mov %%gs, %0\n mov %%es, %1" : "=r"(gs), "=r"(es));
		asm volatile("mov %%gs:0, %0" : "=r"(value));
		CHECK_NUM(gs, selector);
		CHECK_NUM(es, selector);
		CHECK_NUM(value, 0x11223344);
		/* Loading again needs the LDT itself. */
		asm volatile("mov %1, %%gs\n mov %%gs:0, %0" : "=r"(value) : "r"(selector));
		CHECK_NUM(value, 0x11223344);
		set_regs(vcpu, &(struct vtr_regs) { .rip = CODE_AT, .rflags = 2 });
	}
	asm volatile("mov %0, %%gs\n mov %0, %%es" : : "r"((uint16_t)0));
}

static uint64_t gs_data[4] = { 0x55667788 };

static void fs_and_gs_bases_stay(void)
{
	static __thread uint64_t own = 0x99;
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	uint64_t base = 0, value;

	MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, gs_data));
	for (int i = 0; i < 10; i++) {
		if (nr_cpus() > 1)
			move_thread(0, i % 2);
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		asm volatile("mov %%gs:0, %0" : "=r"(value));
		CHECK_NUM(value, 0x55667788);
		MUST(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
		CHECK_NUM(base, (uintptr_t)gs_data);
		CHECK_NUM(own, 0x99);
	}
}

/* It leaves the guest all the time, and RUN never. */
GUEST(asks_for_ever, 64, "1: xor %eax, %eax\n cpuid\n jmp 1b");

static void counters_are_read_while_the_guest_runs(void)
{
	struct vcpu *vcpu = start_guest(&guest_asks_for_ever, 64, 0);
	struct runner runner = {};
	struct vtr_vcpu_stats last;

	start_runner(&runner, vcpu, nr_cpus() - 1);
	WAIT_UNTIL(get_stats(vcpu).count[R_CPUID]);
	last = get_stats(vcpu);
	for (int i = 0; i < 5; i++) {
		struct vtr_vcpu_stats now;

		WAIT_UNTIL(get_stats(vcpu).count[R_CPUID] > last.count[R_CPUID]);
		now = get_stats(vcpu);
		CHECK(now.exits > last.exits && now.guest_ticks > last.guest_ticks &&
		      now.ticks[R_CPUID] > last.ticks[R_CPUID]);
		CHECK_NUM(now.to_user, 0);
		last = now;
	}
	CHECK(!runner.done);
	stop_runner(&runner);
	CHECK_NUM(get_stats(vcpu).to_user, 1);
}

static const struct tap_case cases[] = {
	CASE(a_running_vcpu_moves_between_processors),
	CASE(two_vcpus_count_together),
	CASE(sixteen_vcpus_in_one_vm),
	CASE(a_second_thread_gets_its_turn),
	CASE(the_death_of_one_vcpu_ends_the_others),
	CASE(files_closed_while_the_guest_runs),
	CASE(a_killed_process_leaves_nothing),
	CASE(fpu_registers_of_the_thread_stay),
	CASE(fpu_registers_never_cross),
	CASE(io_permissions_stay),
	CASE(hardware_watch_points_stay),
	CASE(the_guests_watch_points_stay_in_the_guest),
	CASE(segments_and_ldt_stay),
	CASE(fs_and_gs_bases_stay),
	CASE(counters_are_read_while_the_guest_runs),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
