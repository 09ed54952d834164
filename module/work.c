// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel wants from a thread before it enters a guest: rescheduling,
 * signals, task work.
 *
 * Called by the run loop (module/vcpu.c).  The kernel's function for it is
 * exported, but written for KVM: when a signal is pending it notes that in the
 * struct kvm_vcpu that it is given.  There is none here, so it gets one that
 * nobody reads; all vCPUs may scribble on it at once.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>

#include "vtr.h"

static struct kvm_run nobody_run;
static struct kvm_vcpu nobody = { .run = &nobody_run };

/**
 * vtr_handle_work() - do what stands between this thread and the guest
 *
 * Context: the vCPU's thread; sleeps.
 * Return: 0, or -EINTR: a signal, or work that only the way back to user space
 * can do.
 */
int vtr_handle_work(void)
{
	return xfer_to_guest_mode_handle_work(&nobody);
}
