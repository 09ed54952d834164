// SPDX-License-Identifier: GPL-2.0-only
/*
 * borrow.ko: softirqs that use the FPU, and look at what is the host's.
 *
 * tests/ioctl/apart_test.c loads it.  A timer on each core interrupts whatever
 * runs there, guests too, and at each tick (1) fills the FPU's registers between
 * kernel_fpu_begin() and kernel_fpu_end(), as a driver with fast checksums does,
 * and (2) compares registers that no guest may leave behind with what they were
 * when this module was loaded.  SYSCALL's registers are not among them: they are
 * the guest's as long as its thread has the core (docs/state-ownership.md).
 * Parameters: ticks, the sum over all cores; least, the fewest of a core; wrong,
 * how often a register was not the host's; last, the number of the last one.
 */
#include <linux/cpu.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/timer.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

static const u32 watched_msrs[] = {
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	MSR_IA32_CR_PAT, MSR_EFER, MSR_GS_BASE, MSR_IA32_DEBUGCTLMSR,
};

#define NR_WATCHED	(ARRAY_SIZE(watched_msrs) + 1)	/* and DR7 */

struct core {
	struct timer_list timer;
	u64 was[NR_WATCHED];
	unsigned int ticks;
};

static DEFINE_PER_CPU(struct core, cores);
static atomic_t wrong = ATOMIC_INIT(0);
static unsigned int last;

static void look(u64 *values)
{
	unsigned long dr7;

	for (unsigned int i = 0; i < ARRAY_SIZE(watched_msrs); i++)
		rdmsrl(watched_msrs[i], values[i]);
	get_debugreg(dr7, 7);
	values[NR_WATCHED - 1] = dr7;
}

/* Ones everywhere, a full x87 stack, unusual rounding. */
static void spoil_fpu(void)
{
	u32 mxcsr = 0x7f80;
	u16 fcw = 0x0c7f;

	kernel_fpu_begin();
	asm volatile("ldmxcsr %0\n"
		     "fninit\n"
		     "fldcw %1\n"
		     ".rept 8\n"
		     "fldpi\n"
		     ".endr\n"
		     ".irp nr, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
		     "pcmpeqd %%xmm\\nr, %%xmm\\nr\n"
		     ".endr\n"
		     : : "m"(mxcsr), "m"(fcw) : "memory");
	kernel_fpu_end();
}

static void tick(struct timer_list *timer)
{
	struct core *core = this_cpu_ptr(&cores);
	u64 now[NR_WATCHED];

	if (irq_fpu_usable()) {
		spoil_fpu();
		WRITE_ONCE(core->ticks, core->ticks + 1);
	}
	look(now);
	for (unsigned int i = 0; i < NR_WATCHED; i++) {
		if (now[i] == core->was[i])
			continue;
		atomic_inc(&wrong);
		WRITE_ONCE(last, i < ARRAY_SIZE(watched_msrs) ? watched_msrs[i] : 7);
	}
	mod_timer(timer, jiffies + 1);
}

static void remember(void *data)
{
	look(this_cpu_ptr(&cores)->was);
}

static int get_ticks(char *buffer, const struct kernel_param *param)
{
	unsigned int sum = 0;
	int cpu;

	for_each_online_cpu(cpu)
		sum += READ_ONCE(per_cpu(cores, cpu).ticks);
	return sysfs_emit(buffer, "%u\n", sum);
}

static int get_least(char *buffer, const struct kernel_param *param)
{
	unsigned int least = ~0u;
	int cpu;

	for_each_online_cpu(cpu)
		least = min(least, READ_ONCE(per_cpu(cores, cpu).ticks));
	return sysfs_emit(buffer, "%u\n", least);
}

static int get_wrong(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&wrong));
}

static const struct kernel_param_ops ticks_ops = { .get = get_ticks };
static const struct kernel_param_ops least_ops = { .get = get_least };
static const struct kernel_param_ops wrong_ops = { .get = get_wrong };

module_param_cb(ticks, &ticks_ops, NULL, 0400);
MODULE_PARM_DESC(ticks, "softirqs that have used the FPU");
module_param_cb(least, &least_ops, NULL, 0400);
MODULE_PARM_DESC(least, "the same on the core that had the fewest");
module_param_cb(wrong, &wrong_ops, NULL, 0400);
MODULE_PARM_DESC(wrong, "how often a register was not the host's");
module_param(last, uint, 0400);
MODULE_PARM_DESC(last, "the last such register: number of the MSR, or 7 for DR7");

static int __init borrow_init(void)
{
	int cpu;

	cpus_read_lock();
	on_each_cpu(remember, NULL, 1);
	for_each_online_cpu(cpu) {
		struct core *core = &per_cpu(cores, cpu);

		timer_setup(&core->timer, tick, TIMER_PINNED);
		core->timer.expires = jiffies + 1;
		add_timer_on(&core->timer, cpu);
	}
	cpus_read_unlock();
	return 0;
}

static void __exit borrow_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (per_cpu(cores, cpu).timer.function)
			del_timer_sync(&per_cpu(cores, cpu).timer);
}

module_init(borrow_init);
module_exit(borrow_exit);

MODULE_DESCRIPTION("Softirqs that use the FPU (for Vitrine's tests)");
MODULE_AUTHOR("Vitrine maintainers");
MODULE_LICENSE("GPL");
