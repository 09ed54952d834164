// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of the module: load, root mode on each core, unload.
 *
 * vtr_init() asks the back end whether this machine can be used, switches
 * every online core into root mode and keeps following the machine: cores that
 * come and go (CPU hotplug), suspend and resume (syscore), reboot and kexec
 * (reboot notifier); the back end adds the emergency callback for a crash.
 * Only then is /dev/vitrine registered.  Unload is refused by the module's
 * reference count as long as a VM, a vCPU or the device is open.
 * Read next: module/ioctl.c (the device), vmx/cpu.c (what root mode takes).
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>

#include "vtr.h"

/* The only list of back ends; the first whose probe succeeds is taken. */
static struct vtr_backend * const backends[] = {
	&vtr_vmx_backend,
};

struct vtr_backend *vtr_backend;

/* Set once the machine goes down: VM entries that fail now are no surprise. */
bool vtr_shutting_down;

/*
 * Context: on the core, interrupts off or the core's hotplug thread.  Where
 * the hotplug state cannot refuse, a core that fails comes up without root
 * mode, and entries on it fail with a sentence.
 */
static int enable_core(unsigned int cpu)
{
	int err = vtr_backend->cpu_enable();

	if (err)
		pr_err("CPU %u: cannot enter root mode (%pe)\n", cpu, ERR_PTR(err));
	return err;
}

static int disable_core(unsigned int cpu)
{
	vtr_backend->cpu_disable();
	return 0;
}

static void enable_this_core(void *first_error)
{
	int err = enable_core(smp_processor_id());

	if (err)
		cmpxchg((int *)first_error, 0, err);
}

static void disable_this_core(void *unused)
{
	vtr_backend->cpu_disable();
}

/*
 * Take the cores that are online, and from then on all that come.
 * Return: 0; -EBUSY: KVM has the hotplug state; -errno: a core refused.
 */
static int enable_all_cores(void)
{
	int err;

	/* LAB 1.4: return -ENOSYS; */
	cpus_read_lock();
	err = cpuhp_setup_state_nocalls_cpuslocked(VTR_CPUHP_STATE, "x86/vitrine:online",
						   enable_core, disable_core);
	if (err) {
		pr_err("cannot follow cores that come and go (%pe)\n", ERR_PTR(err));
		goto unlock;
	}
	on_each_cpu(enable_this_core, &err, 1);
	if (err) {
		on_each_cpu(disable_this_core, NULL, 1);
		cpuhp_remove_state_nocalls_cpuslocked(VTR_CPUHP_STATE);
	}
unlock:
	cpus_read_unlock();
	return err;
	/* LAB 1.4 END */
}

static void disable_all_cores(void)
{
	cpus_read_lock();
	on_each_cpu(disable_this_core, NULL, 1);
	cpuhp_remove_state_nocalls_cpuslocked(VTR_CPUHP_STATE);
	cpus_read_unlock();
}

/*
 * Suspend stops all cores but the boot CPU through CPU hotplug; the last one
 * is left to syscore operations, which run on it with interrupts off.
 */
static int suspend_last_core(VTR_SYSCORE_ARGS)
{
	vtr_backend->cpu_disable();
	return 0;
}

static void resume_last_core(VTR_SYSCORE_ARGS)
{
	int err = vtr_backend->cpu_enable();

	/* Entries on this core will fail with a sentence instead of a crash. */
	WARN_ONCE(err, "vitrine: root mode lost in resume (%d)\n", err);
}

static struct syscore_ops syscore_ops = {
	.suspend = suspend_last_core,
	.resume = resume_last_core,
};

/*
 * A core in root mode ignores INIT, so that firmware or the next kernel could
 * not start it: leave root mode everywhere before reboot and kexec go on.
 */
static int leave_root_mode(struct notifier_block *nb, unsigned long action, void *data)
{
	WRITE_ONCE(vtr_shutting_down, true);
	pr_info("the machine goes down: leaving root mode on every core\n");
	on_each_cpu(disable_this_core, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = leave_root_mode,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vitrine",
	.fops = &vtr_device_fops,
	/*
	 * Root only, until the administrator gives the node to a group:
	 * a guest can burn its owner's CPU time and memory, nothing else.
	 */
	.mode = 0600,
};

static int choose_backend(void)
{
	int err = -ENODEV;

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		err = backends[i]->probe();
		if (!err) {
			vtr_backend = backends[i];
			return 0;
		}
	}
	return err;
}

static int __init vtr_init(void)
{
	int err;

	err = choose_backend();
	if (err)
		return err;
	err = vtr_backend->hw_init();
	if (err)
		return err;

	err = enable_all_cores();
	if (err)
		goto exit_hw;

	vtr_register_syscore(&syscore_ops);
	err = register_reboot_notifier(&reboot_notifier);
	if (err)
		goto unregister_syscore;

	vtr_inspect_init();
	err = misc_register(&device);
	if (err)
		goto exit_inspect;

	pr_info("root mode (%s) on %u cores, %s is ready\n", vtr_backend->name,
		num_online_cpus(), VTR_DEVICE_PATH);
	return 0;

exit_inspect:
	vtr_inspect_exit();
	unregister_reboot_notifier(&reboot_notifier);
unregister_syscore:
	vtr_unregister_syscore(&syscore_ops);
	disable_all_cores();
exit_hw:
	vtr_backend->hw_exit();
	return err;
}

static void __exit vtr_exit(void)
{
	misc_deregister(&device);
	vtr_inspect_exit();
	unregister_reboot_notifier(&reboot_notifier);
	vtr_unregister_syscore(&syscore_ops);
	disable_all_cores();
	vtr_backend->hw_exit();
	/* Slot tables and VMs are freed through RCU by callbacks of this module. */
	rcu_barrier();
	pr_info("unloaded, root mode is off on every core\n");
}

module_init(vtr_init);
module_exit(vtr_exit);

MODULE_DESCRIPTION("Vitrine, the glass-walled educational hypervisor");
MODULE_AUTHOR("Vitrine maintainers");
MODULE_LICENSE("GPL");
