/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between the kernels Vitrine builds for: 6.1, 6.12.
 *
 * Included through vtr.h by all of module/ and by the back ends, and no other
 * file tests LINUX_VERSION_CODE.  Kernels from 6.19 on export parts of what is
 * needed here to KVM's own modules only (docs/kernels.md); refuse them early.
 * The last part stands in for services that User Mode Linux lacks, where the
 * unit tests run.
 */
#ifndef VTR_COMPAT_H
#define VTR_COMPAT_H

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "Vitrine needs Linux 6.1 or later"
#endif

#ifndef CONFIG_UML

#include <linux/entry-kvm.h>
#include <linux/vtime.h>
/* smp_send_reschedule() is a macro with a trace point from 6.4 on. */
#include <trace/events/ipi.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#ifndef CONFIG_PREEMPT_NOTIFIERS
#error "this kernel has no preempt notifiers: it needs CONFIG_KVM=m (or y)"
#endif
#ifndef CONFIG_MMU_NOTIFIER
#error "this kernel has no MMU notifiers: it needs CONFIG_KVM=m (or y)"
#endif

struct vtr_guest_fpu {
	struct fpu_guest guest;
};

static inline bool vtr_fpu_alloc(struct vtr_guest_fpu *fpu)
{
	return fpu_alloc_guest_fpstate(&fpu->guest);
}

static inline void vtr_fpu_free(struct vtr_guest_fpu *fpu)
{
	if (fpu->guest.fpstate)
		fpu_free_guest_fpstate(&fpu->guest);
}

static inline void vtr_fpu_swap_in(struct vtr_guest_fpu *fpu)
{
	fpu_swap_kvm_fpstate(&fpu->guest, true);
}

static inline void vtr_fpu_swap_out(struct vtr_guest_fpu *fpu)
{
	fpu_swap_kvm_fpstate(&fpu->guest, false);
}

/* Put the guest's registers back if a softirq borrowed the FPU.  Interrupts off. */
static inline void vtr_fpu_before_entry(void)
{
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

/*
 * Bytes of the image that vtr_fpu_get() writes.  Without XSAVE the kernel counts
 * the legacy region only, but writes the header behind it, too.
 */
static inline u32 vtr_fpu_bytes(struct vtr_guest_fpu *fpu)
{
	return max_t(u32, fpu->guest.uabi_size,
		     sizeof(struct fxregs_state) + sizeof(struct xstate_header));
}

/* Bits of the XSAVE components that an image may hold. */
static inline u64 vtr_fpu_features(struct vtr_guest_fpu *fpu)
{
	/* x87 and SSE are always there; a kernel without XSAVE counts none. */
	return fpu->guest.fpstate->user_xfeatures | XFEATURE_MASK_FPSSE;
}

/*
 * 6.9 added the mask of features to copy; Debian's 6.1 carries it as a
 * backport, so both take the same call.
 */
static inline void vtr_fpu_get(struct vtr_guest_fpu *fpu, void *buf, u32 bytes)
{
	fpu_copy_guest_fpstate_to_uabi(&fpu->guest, buf, bytes,
				       fpu->guest.fpstate->user_xfeatures, 0);
}

static inline int vtr_fpu_set(struct vtr_guest_fpu *fpu, const void *buf)
{
	u32 pkru = 0;

	return fpu_copy_uabi_to_guest_fpstate(&fpu->guest, buf,
					      fpu->guest.fpstate->user_xfeatures, &pkru);
}

/* What the thread uses from now on is guest time.  Interrupts off. */
static inline void vtr_guest_timing_enter(void)
{
	vtime_account_guest_enter();
}

static inline void vtr_guest_timing_exit(void)
{
	vtime_account_guest_exit();
}

static inline bool vtr_work_pending(void)
{
	return __xfer_to_guest_mode_work_pending();
}

static inline bool vtr_work_pending_irqoff(void)
{
	xfer_to_guest_mode_prepare();
	return __xfer_to_guest_mode_work_pending();
}

/* Signals, rescheduling, task work: work.c.  Return: 0 or -EINTR. */
int vtr_handle_work(void);

#else /* CONFIG_UML */

struct vtr_guest_fpu {
	u8 image[512];
};

static inline bool vtr_fpu_alloc(struct vtr_guest_fpu *fpu) { return true; }
static inline void vtr_fpu_free(struct vtr_guest_fpu *fpu) { }
static inline void vtr_fpu_swap_in(struct vtr_guest_fpu *fpu) { }
static inline void vtr_fpu_swap_out(struct vtr_guest_fpu *fpu) { }
static inline void vtr_fpu_before_entry(void) { }
static inline void vtr_guest_timing_enter(void) { }
static inline void vtr_guest_timing_exit(void) { }
static inline u32 vtr_fpu_bytes(struct vtr_guest_fpu *fpu) { return sizeof(fpu->image); }
static inline u64 vtr_fpu_features(struct vtr_guest_fpu *fpu) { return 0; }
static inline void vtr_fpu_get(struct vtr_guest_fpu *fpu, void *buf, u32 bytes)
{
	memcpy(buf, fpu->image, bytes);
}

static inline int vtr_fpu_set(struct vtr_guest_fpu *fpu, const void *buf)
{
	memcpy(fpu->image, buf, sizeof(fpu->image));
	return 0;
}

static inline bool vtr_work_pending(void)
{
	return signal_pending(current) || need_resched();
}

static inline bool vtr_work_pending_irqoff(void)
{
	return vtr_work_pending();
}

static inline int vtr_handle_work(void)
{
	if (signal_pending(current))
		return -EINTR;
	cond_resched();
	return 0;
}

#ifndef CONFIG_PREEMPT_NOTIFIERS
struct preempt_notifier;
struct preempt_ops {
	void (*sched_in)(struct preempt_notifier *notifier, int cpu);
	void (*sched_out)(struct preempt_notifier *notifier, struct task_struct *next);
};

struct preempt_notifier {
	const struct preempt_ops *ops;
};

static inline void preempt_notifier_inc(void) { }
static inline void preempt_notifier_dec(void) { }
static inline void preempt_notifier_register(struct preempt_notifier *n) { }
static inline void preempt_notifier_unregister(struct preempt_notifier *n) { }
static inline void preempt_notifier_init(struct preempt_notifier *n,
					 const struct preempt_ops *ops)
{
	n->ops = ops;
}
#endif

#endif /* CONFIG_UML */

/* 6.8 took the count away: a signal counts one. */
static inline void vtr_signal_eventfd(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

#ifndef CONFIG_UML
/*
 * Replace *@old by @new in memory of the process.  The kernel's macro needs a
 * label, which may occur once a function.
 * Return: 0; 1: it was another value, *@old is now that one; -EFAULT.
 */
static inline int vtr_try_cmpxchg_user(u32 __user *at, u32 *old, u32 new)
{
	return __try_cmpxchg_user(at, old, new, fault);
}
#endif

/* 6.4 made vm_flags read-only for drivers; 6.3 brought the helper. */
static inline void vtr_vma_set_flags(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

static inline void vtr_vma_clear_flags(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

/*
 * When a core goes offline, root mode must stay on until the last thread has
 * left it, for a thread that is switched in there loads its VMCS.  That rules
 * out the dynamic hotplug states, whose turn comes while threads are still
 * moving away.  KVM's own state has the right place.  It has one user at a
 * time, which is welcome: a kvm_intel that is loaded later gets -EBUSY.
 * 6.3 moved and renamed it.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define VTR_CPUHP_STATE		CPUHP_AP_KVM_ONLINE
#else
#define VTR_CPUHP_STATE		CPUHP_AP_KVM_STARTING
#endif

#ifndef CONFIG_UML
#include <linux/syscore_ops.h>

/*
 * Stable updates brought a new form of system-core operations into 6.12 in its
 * life, so no version number tells them apart; Kbuild looks into the header.
 */
#ifdef VTR_SYSCORE_HAS_DATA
#define VTR_SYSCORE_ARGS	void *data

static inline struct syscore *vtr_syscore(const struct syscore_ops *ops)
{
	static struct syscore syscore;

	syscore.ops = ops;
	return &syscore;
}

#define vtr_register_syscore(ops)	register_syscore(vtr_syscore(ops))
#define vtr_unregister_syscore(ops)	unregister_syscore(vtr_syscore(ops))
#else
#define VTR_SYSCORE_ARGS	void

#define vtr_register_syscore(ops)	register_syscore_ops(ops)
#define vtr_unregister_syscore(ops)	unregister_syscore_ops(ops)
#endif
#endif /* !CONFIG_UML */

#endif /* VTR_COMPAT_H */
