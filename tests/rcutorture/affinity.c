// SPDX-License-Identifier: GPL-2.0-only
/*
 * What rcutorture calls in the kernel only if that was configured with it.
 *
 * rcutorture.c is loaded behind this one.  Its type "trivial" moves itself from CPU to
 * CPU by this function; the others never call it.  The kernel's is in
 * kernel/rcu/update.c.
 */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/sched.h>

long rcutorture_sched_setaffinity(pid_t pid, const struct cpumask *mask);

long rcutorture_sched_setaffinity(pid_t pid, const struct cpumask *mask)
{
	if (WARN_ON_ONCE(pid != current->pid))
		return -ESRCH;
	return set_cpus_allowed_ptr(current, mask);
}
EXPORT_SYMBOL_GPL(rcutorture_sched_setaffinity);

MODULE_DESCRIPTION("Affinity for rcutorture");
MODULE_LICENSE("GPL");
