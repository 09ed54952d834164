// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of guests, of host threads and of softirqs stays apart.
 *
 * On each core at once: a guest that fills every register it can reach
 * (tests/guests/apart.S), a thread of the host that does the same with what a
 * program can reach, and softirqs that use the FPU and look at what belongs to
 * the host alone (tests/life/borrow).  Nobody may ever see a value of another.
 * thread_test.c has single registers, exits_test.c the guest's state as records.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner.h"

#define ROUNDS	60	/* of apart.S */

/* ---- softirqs --------------------------------------------------------------------- */

static void load_borrow(void)
{
	char path[512];
	ssize_t at = MUST(readlink("/proc/self/exe", path, sizeof(path) - 32));
	int fd;

	path[at] = 0;
	strcpy(strrchr(path, '/'), "/life/borrow.ko");
	fd = MUST(open(path, O_RDONLY | O_CLOEXEC));
	MUST(syscall(SYS_finit_module, fd, "", 0));
	close(fd);
}

static unsigned long borrow(const char *parameter)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/borrow/parameters/%s", parameter);
	fd = MUST(open(path, O_RDONLY | O_CLOEXEC));
	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	return strtoul(text, NULL, 10);
}

static void unload_borrow(void)
{
	MUST(syscall(SYS_delete_module, "borrow", 0));
}

/* ---- a thread of the host ------------------------------------------------------------ */

static volatile bool end_of_threads;

struct host_thread {
	pthread_t thread;
	int cpu;
	unsigned long rounds;
	const char *crossed;	/* what was not this thread's any more */
};

/* Fill SSE and x87, let others run, compare.  Return: 0 if all is as before. */
static uint64_t fpu_stays(uint64_t seed)
{
	uint64_t wrong;
	uint32_t mxcsr = 0x3f80, number;

	asm volatile(
		"ldmxcsr %[mxcsr]\n"
		"movq %[seed], %%xmm0\n"
		".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		"paddq %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm\\n\n"
		".endr\n"
		"fninit\n fld1\n fldpi\n"
		"mov %[nr], %%eax\n syscall\n"
		"xor %%r8d, %%r8d\n"
		"movq %[seed], %%xmm0\n"
		".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		"paddq %%xmm0, %%xmm0\n movq %%xmm0, %%r9\n movq %%xmm\\n, %%r10\n"
		"xor %%r9, %%r10\n or %%r10, %%r8\n"
		".endr\n"
		"mov %%r8, %[wrong]\n"
		"fstp %%st(0)\n fistpl %[number]\n stmxcsr %[mxcsr]\n"
		: [wrong] "=r"(wrong), [number] "=m"(number), [mxcsr] "+m"(mxcsr)
		: [seed] "r"(seed), [nr] "i"(SYS_sched_yield)
		: "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory",
		  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
		  "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
		  "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
	/* Flags of MXCSR may come by what is computed; control bits may not. */
	return wrong | (number != 1) | ((mxcsr ^ 0x3f80) & 0xffc0);
}

static const char *what_crossed(struct host_thread *t, uint64_t *gs_word)
{
	uint64_t value, base = 0;
	uint32_t low, high, aux;

	if (fpu_stays(0x1234567 + (t->rounds << 20)))
		return "SSE or x87 registers";
	asm volatile("mov %%gs:0, %0" : "=r"(value));
	if (value != *gs_word)
		return "the GS base";
	MUST(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	asm volatile("mov %%fs:0, %0" : "=r"(value));
	if (value != base)	/* the first word of a thread's block points to itself */
		return "the FS base";
	asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
	if ((aux & 0xfff) != (uint32_t)t->cpu)
		return "TSC_AUX";
	return NULL;
}

static void *run_host_thread(void *arg)
{
	struct host_thread *t = arg;
	uint64_t gs_word = 0xabcdef00 + t->cpu;

	pin_to_cpu(t->cpu);
	MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, &gs_word));
	while (!end_of_threads && !t->crossed) {
		t->crossed = what_crossed(t, &gs_word);
		t->rounds++;
	}
	return NULL;
}

/* ---- all of them ------------------------------------------------------------------------- */

static void guests_threads_and_softirqs_on_all_cores(void)
{
	enum { GUESTS = 4 };
	struct vm *vm = new_vm(4 * MB, 0);
	struct served served[GUESTS] = {};
	struct runner runners[GUESTS] = {};
	struct host_thread threads[2] = { { .cpu = 0 }, { .cpu = nr_cpus() - 1 } };
	unsigned long ticks;

	load_borrow();
	for (int i = 0; i < 2; i++)
		REQUIRE(!pthread_create(&threads[i].thread, NULL, run_host_thread, &threads[i]));
	/* Two of one VM on each core, so that guests follow each other as well. */
	for (int id = 0; id < GUESTS; id++) {
		load_guest(new_vcpu(vm, id), "apart");
		runners[id].serve = &served[id];
	}
	for (int id = 0; id < GUESTS; id++)
		start_runner(&runners[id], &vm->vcpus[id], id % nr_cpus());
	for (int id = 0; id < GUESTS; id++) {
		join_runner(&runners[id]);
		CHECK_MSG(served[id].exit_value == 0, "vCPU %d: check %u of the guest, exit %u: %s",
			  id, served[id].exit_value, vm->vcpus[id].run->exit,
			  vm->vcpus[id].run->sentence);
		CHECK_NUM(served[id].marks, ROUNDS);
	}
	end_of_threads = true;
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i].thread, NULL);
		CHECK_MSG(!threads[i].crossed, "the thread on CPU %d lost %s", threads[i].cpu,
			  threads[i].crossed);
		CHECK(threads[i].rounds > 10);
	}
	ticks = borrow("ticks");
	CHECK_MSG(borrow("least") >= 5, "only %lu softirqs on one core, %lu on all",
		  borrow("least"), ticks);
	CHECK_MSG(!borrow("wrong"), "%lu times a softirq found a guest's value, last in MSR 0x%lx",
		  borrow("wrong"), borrow("last"));
	tap_note("%lu softirqs used the FPU; the threads went round %lu and %lu times", ticks,
		 threads[0].rounds, threads[1].rounds);
	unload_borrow();
}

static void save_and_restore(struct vcpu *vcpu, struct served *served)
{
	static uint64_t fresh[1024], saved[1024], again[1024];
	static uint32_t fresh_bytes;
	uint32_t bytes;

	(void)served;
	if (!fresh_bytes)
		fresh_bytes = get_state(new_vcpu(new_vm(0, 0), 0), fresh, sizeof(fresh));
	bytes = get_state(vcpu, saved, sizeof(saved));
	MUST(put_state(vcpu, fresh, fresh_bytes));
	MUST(put_state(vcpu, saved, bytes));
	REQUIRE_NUM(get_state(vcpu, again, sizeof(again)), bytes);
	if (!CHECK(!memcmp(saved, again, bytes)))
		tap_end();
}

/* Every register of the guest is in some record: replaced at each exit, all come back. */
static void the_whole_state_replaced_at_every_exit(void)
{
	struct vcpu *vcpu = new_vcpu(new_vm(4 * MB, 0), 0);
	struct served served = { .on_return = save_and_restore };
	struct vtr_debug debug = { .size = sizeof(debug), .flags = VTR_DEBUG_STEP_EXIT };
	enum vtr_exit_kind kind;

	load_guest(vcpu, "apart");
	MUST(ioctl(vcpu->fd, VTR_VCPU_DEBUG, &debug));
	kind = serve(vcpu, &served);
	CHECK_MSG(kind == VTR_EXIT_IO && !served.exit_value, "exit %u, check %u", kind,
		  served.exit_value);
	CHECK_NUM(served.marks, ROUNDS);
	CHECK(get_stats(vcpu).to_user > ROUNDS * 15);
}

static const struct tap_case cases[] = {
	CASE(guests_threads_and_softirqs_on_all_cores),
	CASE(the_whole_state_replaced_at_every_exit),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
