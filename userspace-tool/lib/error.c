// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sentences of libvitrine: what failed, on what, why, and the remedy.
 *
 * vtr_call() is the only place that makes an ioctl; it names the call and adds
 * the hint for (call, errno) where one is known.  Everything else that fails,
 * here or in the tool, keeps its sentence through vtr_error().
 *
 * Subtle: the sentence is thread-local, because vCPU threads fail on their own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static _Thread_local char sentence[512];

const char *vtr_last_error(void)
{
	return sentence;
}

/*
 * Format into a buffer of its own first: an argument may be the old sentence.
 */
int vtr_error(int err, const char *fmt, ...)
{
	char text[sizeof(sentence)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(sentence, text, sizeof(sentence));
	return -err;
}

static const struct {
	unsigned long request;
	const char *name;
} call_names[] = {
	{ VTR_GET_API_VERSION, "VTR_GET_API_VERSION" },
	{ VTR_GET_CAPS, "VTR_GET_CAPS" },
	{ VTR_CREATE_VM, "VTR_CREATE_VM" },
	{ VTR_GET_CPUID, "VTR_GET_CPUID" },
	{ VTR_VM_SET_SLOT, "VTR_VM_SET_SLOT" },
	{ VTR_VM_CREATE_VCPU, "VTR_VM_CREATE_VCPU" },
	{ VTR_VM_GET_INFO, "VTR_VM_GET_INFO" },
	{ VTR_VM_WALK, "VTR_VM_WALK" },
	{ VTR_VM_SET_CPUID, "VTR_VM_SET_CPUID" },
	{ VTR_VM_SET_MSR_FILTER, "VTR_VM_SET_MSR_FILTER" },
	{ VTR_VM_GET_DIRTY, "VTR_VM_GET_DIRTY" },
	{ VTR_VM_CLEAR_DIRTY, "VTR_VM_CLEAR_DIRTY" },
	{ VTR_VM_IRQ_LINE, "VTR_VM_IRQ_LINE" },
	{ VTR_VM_MSI, "VTR_VM_MSI" },
	{ VTR_VM_GET_STATE, "VTR_VM_GET_STATE" },
	{ VTR_VM_SET_STATE, "VTR_VM_SET_STATE" },
	{ VTR_VM_HOLD_TIMERS, "VTR_VM_HOLD_TIMERS" },
	{ VTR_VM_IRQFD, "VTR_VM_IRQFD" },
	{ VTR_VM_IOEVENTFD, "VTR_VM_IOEVENTFD" },
	{ VTR_VCPU_RUN, "VTR_VCPU_RUN" },
	{ VTR_VCPU_GET_STATE, "VTR_VCPU_GET_STATE" },
	{ VTR_VCPU_SET_STATE, "VTR_VCPU_SET_STATE" },
	{ VTR_VCPU_DEBUG, "VTR_VCPU_DEBUG" },
	{ VTR_VCPU_TRANSLATE, "VTR_VCPU_TRANSLATE" },
	{ VTR_VCPU_READ_FIELDS, "VTR_VCPU_READ_FIELDS" },
	{ VTR_VCPU_INJECT, "VTR_VCPU_INJECT" },
	{ VTR_VCPU_GET_STATS, "VTR_VCPU_GET_STATS" },
	{ VTR_VCPU_CHECK, "VTR_VCPU_CHECK" },
};

#define NO_LOG "the slot has no log: set it with VTR_SLOT_DIRTY_LOG"
#define NO_IRQCHIP "the VM was made without VTR_IRQCHIP_MODULE"

/* Request 0 stands for every call; the first row that fits is taken. */
static const struct {
	unsigned long request;
	int err;
	const char *text;
} hints[] = {
	{ VTR_CREATE_VM, EINVAL,
	  "a name has letters, digits, '.', '_' and '-', at most 31 of them" },
	{ VTR_CREATE_VM, EMFILE,
	  "too many open files: close some, or raise `ulimit -n`" },
	{ VTR_VM_SET_SLOT, EINVAL,
	  "address and length must be multiples of 4 KiB, the slot number below the limit" },
	{ VTR_VM_SET_SLOT, EEXIST,
	  "it overlaps another slot: delete that one first" },
	{ VTR_VM_SET_SLOT, ENOENT, "this slot is empty already" },
	{ VTR_VM_GET_DIRTY, ENODATA, NO_LOG },
	{ VTR_VM_CLEAR_DIRTY, ENODATA, NO_LOG },
	{ VTR_VM_IRQ_LINE, ENODEV, NO_IRQCHIP },
	{ VTR_VM_IRQ_LINE, EINVAL, "lines are 0 to 23, without 2" },
	{ VTR_VM_MSI, ENODEV, NO_IRQCHIP },
	{ VTR_VM_MSI, EINVAL, "local APICs are at FEExxxxxH" },
	{ VTR_VM_CREATE_VCPU, EIO,
	  "the VM is dead, or belongs to another process" },
	{ VTR_VM_CREATE_VCPU, EEXIST, "a vCPU with this number exists" },
	{ VTR_VM_CREATE_VCPU, EINVAL,
	  "the number is beyond the limit of vCPUs" },
	{ VTR_VM_SET_CPUID, EBUSY, "set it before the first vCPU is made" },
	{ VTR_VM_SET_CPUID, EOPNOTSUPP,
	  "the table promises a feature that a vCPU does not have" },
	{ VTR_VM_SET_MSR_FILTER, EBUSY,
	  "set it before the first vCPU is made" },
	{ VTR_VCPU_RUN, EFAULT,
	  "a page behind a memory slot cannot be had: was it unmapped?" },
	{ VTR_VCPU_DEBUG, EOPNOTSUPP,
	  "this processor cannot step by instruction: step by exit" },
	{ VTR_VCPU_INJECT, EAGAIN,
	  "the guest takes no interrupt now: set request_window and run" },
	{ VTR_VCPU_INJECT, EBUSY, "an event is queued already: run first" },
	{ VTR_VCPU_TRANSLATE, EFAULT,
	  "the guest's page tables do not map this address" },
	{ VTR_VCPU_READ_FIELDS, EINVAL,
	  "the fields belong to another back end than the VM's" },
	{ 0, EIO,
	  "the VM belongs to another process: only its creator may use it" },
	{ 0, ENOTTY,
	  "the module does not know this call: build and load module and tool from one tree" },
	{ 0, E2BIG,
	  "the module is older than this program: build and load both from one tree" },
	{ 0, ENOMEM, "out of memory: end other programs or choose less memory" },
};

static const char *call_name(unsigned long request)
{
	for (size_t i = 0; i < ARRAY_SIZE(call_names); i++) {
		if (call_names[i].request == request)
			return call_names[i].name;
	}
	return "ioctl";
}

static const char *hint_for(unsigned long request, int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].err != err)
			continue;
		if (!hints[i].request || hints[i].request == request)
			return hints[i].text;
	}
	return NULL;
}

/*
 * EINTR and the debugger's probing of unmapped addresses are daily business:
 * the sentence costs little, and the caller decides whether it is an error.
 */
int vtr_call(int fd, unsigned long request, void *arg, const char *fmt, ...)
{
	char what[160];
	const char *hint;
	va_list args;
	int ret, err;

	ret = vtr_ops->ioctl(fd, request, arg);
	if (ret >= 0)
		return ret;
	err = errno;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	hint = hint_for(request, err);
	return vtr_error(err, "%s(%s): %s%s%s", call_name(request), what,
			 strerror(err), hint ? ": " : "", hint ? hint : "");
}
