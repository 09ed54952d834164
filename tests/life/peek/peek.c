// SPDX-License-Identifier: GPL-2.0-only
/*
 * peek.ko: what each core's own registers say about VMX.
 *
 * The life tests compare /sys/module/peek/parameters/cores before, during and
 * after Vitrine's stay, and so do not have to believe Vitrine's own report.
 * One line a core: CR4 as the core has it, CR4 as the kernel believes it (its
 * shadow), and whether the core is in VMX root mode.
 * Writing to /sys/module/peek/parameters/stain leaves a pattern on the kernel
 * stack of the caller: a later call that copies an unwritten local variable to
 * user space shows it (tests/ioctl/leak_test.c).
 * Subtle: no register tells the last; but VMPTRST raises #UD outside of VMX
 * operation: SDM 3C "VMPTRST - Store Pointer to Virtual-Machine Control
 * Structure" (31.3).
 */
#include <linux/cpu.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <asm/asm.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

struct look {
	unsigned long cr4;
	unsigned long shadow;
	bool root_mode;
};

static bool in_root_mode(void)
{
	u64 pointer;

	asm goto("1: vmptrst %0\n"
		 _ASM_EXTABLE(1b, %l[outside])
		 : : "m"(pointer) : "memory", "cc" : outside);
	return true;
outside:
	return false;
}

static void look_here(void *data)
{
	struct look *look = data;

	look->cr4 = __read_cr4();
	look->shadow = cr4_read_shadow();
	look->root_mode = in_root_mode();
}

static int get_cores(char *buffer, const struct kernel_param *param)
{
	int cpu, length = 0;

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		struct look look = {};

		smp_call_function_single(cpu, look_here, &look, 1);
		length += scnprintf(buffer + length, PAGE_SIZE - length,
				    "cpu%d cr4=%lx shadow=%lx vmxe=%d root=%d\n", cpu, look.cr4,
				    look.shadow, !!(look.cr4 & X86_CR4_VMXE), look.root_mode);
	}
	cpus_read_unlock();
	return length;
}

static const struct kernel_param_ops cores_ops = {
	.get = get_cores,
};

#define STAIN_BYTES	6144

/* The stack below this frame is what the caller's next calls will use. */
static noinline int stain_stack(const char *value, const struct kernel_param *param)
{
	u8 room[STAIN_BYTES];

	memset(room, 0xc5, sizeof(room));
	/* The compiler must believe that somebody looks at it. */
	asm volatile("" : : "r"(room) : "memory");
	return 0;
}

static const struct kernel_param_ops stain_ops = {
	.set = stain_stack,
};

module_param_cb(stain, &stain_ops, NULL, 0200);
MODULE_PARM_DESC(stain, "write: fill the caller's unused kernel stack with C5H");

module_param_cb(cores, &cores_ops, NULL, 0400);
MODULE_PARM_DESC(cores, "CR4, its shadow and VMX root mode of each online core");

MODULE_DESCRIPTION("What each core says about VMX (for Vitrine's tests)");
MODULE_AUTHOR("Vitrine maintainers");
MODULE_LICENSE("GPL");
