/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvitrine: a thin C library over /dev/vitrine (ioctl-uapi/vitrine.h).
 *
 * Used by the command line tool and by any program that wants to run a VM;
 * it needs nothing but the C library.  Read ioctl-uapi/README.md for what
 * each call means and lib/vm.c for how a call is made.
 *
 * Every function that can fail returns a negative errno and keeps a sentence
 * for people, see vtr_last_error().  The sentence belongs to the calling
 * thread; handles may be shared by threads, but one vCPU is run by one thread
 * at a time.
 */
#ifndef LIBVITRINE_H
#define LIBVITRINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vitrine.h"

struct vtr_dev;
struct vtr_vm;
struct vtr_vcpu;
struct vtr_trace;

/**
 * struct vtr_ops - the system calls that the library makes
 * @open: open() of the device node
 * @close: close() of any descriptor of the library
 * @ioctl: ioctl() with one pointer-sized argument
 * @mmap: mmap() of run pages and trace rings
 * @munmap: munmap() of the same
 *
 * Each behaves like the system call of its name (-1 and errno on failure).
 * Tests put a scripted device behind them.
 */
struct vtr_ops {
	int (*open)(const char *path, int flags);
	int (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	void *(*mmap)(size_t bytes, int prot, int fd, off_t offset);
	int (*munmap)(void *at, size_t bytes);
};

/**
 * vtr_set_ops() - replace the system calls of the library
 * @ops: the replacement; NULL: the real system calls again
 *
 * Handles that are open keep no copy, so call it while none is open.
 */
void vtr_set_ops(const struct vtr_ops *ops);

/* ---- errors ---------------------------------------------------------------- */

/**
 * vtr_last_error() - the sentence of this thread's last failure
 *
 * Return: one line without a final newline: what failed, on which argument,
 * why, and what to do where that is known.  Empty if nothing failed yet.
 */
const char *vtr_last_error(void);

/**
 * vtr_error() - keep a sentence and return the error
 * @err: positive errno
 * @fmt: printf format of the sentence
 *
 * For code built on the library that wants to fail in the same manner.
 *
 * Return: -@err.
 */
int vtr_error(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- the device ------------------------------------------------------------- */

/**
 * vtr_open() - open the device and check that both sides speak one version
 * @path: device node; NULL: VTR_DEVICE_PATH
 * @dev: out: the handle
 *
 * Return: 0; -ENOENT: no such node (the module is not loaded); -EACCES: no
 * permission; -EPROTO: the module speaks another version of the ABI; -ENOMEM.
 */
int vtr_open(const char *path, struct vtr_dev **dev);

/**
 * vtr_close() - close the device
 * @dev: the handle; NULL is fine
 *
 * VMs made from it live on until they are destroyed.
 */
void vtr_close(struct vtr_dev *dev);

/**
 * vtr_caps() - what the module and the processor can do
 * @dev: the device
 *
 * Return: the report taken by vtr_open(); belongs to @dev.
 */
const struct vtr_caps *vtr_caps(const struct vtr_dev *dev);

/**
 * vtr_features() - the list of hardware features in the capability report
 * @dev: the device
 * @nr: out: length of the list
 *
 * Return: the list; belongs to @dev.
 */
const struct vtr_feature *vtr_features(const struct vtr_dev *dev,
				       unsigned int *nr);

/**
 * vtr_default_cpuid() - the CPUID table of a VM for which none is set
 * @dev: the device
 * @flags: VTR_CPUID_IRQCHIP: of a VM with VTR_IRQCHIP_MODULE
 * @entries: filled with as many entries as there is room for
 * @nr: in: room; out: entries that exist, at most VTR_MAX_CPUID_ENTRIES
 *
 * Return: 0 or a negative errno.
 */
int vtr_default_cpuid(struct vtr_dev *dev, uint32_t flags,
		      struct vtr_cpuid_entry *entries, uint32_t *nr);

/* ---- VMs ---------------------------------------------------------------------- */

/**
 * vtr_vm_create() - create a VM bound to this process
 * @dev: the device
 * @name: letters, digits, '.', '_' and '-', at most 31; NULL: the module's choice
 * @flags: VTR_VM_TRACE, with VTR_VM_TRACE_WHOLE beside it or not, or 0
 * @irqchip: VTR_IRQCHIP_USER or VTR_IRQCHIP_MODULE
 * @vm: out: the handle
 *
 * Return: 0; -EINVAL: bad name or flag; -ENOMEM; -EMFILE.
 */
int vtr_vm_create(struct vtr_dev *dev, const char *name, uint32_t flags,
		  uint32_t irqchip, struct vtr_vm **vm);

/**
 * vtr_vm_irq_line() - set an interrupt line
 * @vm: the VM, made with VTR_IRQCHIP_MODULE
 * @line: 0 to 23, not 2
 * @level: high or low
 *
 * Return: 0; -EINVAL: no such line; -ENODEV: the VM has no interrupt controllers.
 */
int vtr_vm_irq_line(struct vtr_vm *vm, uint32_t line, bool level);

/**
 * vtr_vm_hold_timers() - the guest's timers stand still from here on
 * @vm: the VM, of which no vCPU runs
 *
 * Return: 0; -EALREADY: they do.
 */
int vtr_vm_hold_timers(struct vtr_vm *vm);

/**
 * vtr_vm_release_timers() - and go on where they were
 * @vm: the VM
 * @ns: out: how long they stood still
 * @ticks: out: the same in ticks of the host's time stamp counter
 *
 * The guest's own counters have gone on: set each back by @ticks (vtr_set_tsc())
 * before its vCPU runs.
 *
 * Return: 0; -EALREADY: they were not held.
 */
int vtr_vm_release_timers(struct vtr_vm *vm, uint64_t *ns, uint64_t *ticks);

/**
 * vtr_vm_send_msi() - send a message signalled interrupt
 * @vm: the VM, made with VTR_IRQCHIP_MODULE
 * @address: as a device would write to
 * @data: as a device would write
 *
 * Return: 0; -EINVAL: no address of a local APIC; -ENODEV: the VM has no interrupt
 * controllers.
 */
int vtr_vm_send_msi(struct vtr_vm *vm, uint64_t address, uint32_t data);

/**
 * vtr_vm_destroy() - let go of a VM
 * @vm: the handle; NULL is fine
 *
 * The VM ends with its last descriptor: destroy the vCPUs first.
 */
void vtr_vm_destroy(struct vtr_vm *vm);

/**
 * vtr_vm_set_slot() - put memory of this process into the guest
 * @vm: the VM
 * @slot: number of the slot
 * @gpa: guest physical address, 4 KiB aligned
 * @hva: memory of this process, 4 KiB aligned
 * @bytes: length, 4 KiB aligned, not 0
 * @flags: VTR_SLOT_*
 *
 * Return: 0; -EINVAL: misaligned or out of range; -EEXIST: overlaps another
 * slot; -EIO: the VM belongs to another process.
 */
int vtr_vm_set_slot(struct vtr_vm *vm, uint32_t slot, uint64_t gpa, void *hva,
		    uint64_t bytes, uint32_t flags);

/**
 * vtr_vm_delete_slot() - take a slot out of the guest
 * @vm: the VM
 * @slot: number of the slot
 *
 * Return: 0 or a negative errno as for vtr_vm_set_slot().
 */
int vtr_vm_delete_slot(struct vtr_vm *vm, uint32_t slot);

/**
 * vtr_vm_info() - state and counters of a VM
 * @vm: the VM
 * @info: out
 *
 * Return: 0 or a negative errno.
 */
int vtr_vm_info(struct vtr_vm *vm, struct vtr_vm_info *info);

/**
 * vtr_vm_walk() - second-level walk of a guest physical address
 * @vm: the VM
 * @gpa: the address
 * @walk: out: the entries from the root downwards
 *
 * Return: 0 (also if nothing is mapped: rights are 0 then) or a negative errno.
 */
int vtr_vm_walk(struct vtr_vm *vm, uint64_t gpa, struct vtr_walk *walk);

/**
 * vtr_vm_set_cpuid() - choose what CPUID answers, before the first vCPU
 * @vm: the VM
 * @entries: the table; leaves that are missing read as zero
 * @nr: entries, at most VTR_MAX_CPUID_ENTRIES; 0: the default again
 *
 * Return: 0; -EBUSY: the VM has a vCPU; -EOPNOTSUPP: a feature that a vCPU does
 * not have; -EINVAL: a leaf twice or an unknown flag; -E2BIG; -ENOMEM.
 */
int vtr_vm_set_cpuid(struct vtr_vm *vm, const struct vtr_cpuid_entry *entries,
		     uint32_t nr);

/**
 * vtr_vm_set_msr_filter() - choose MSRs that come up as VTR_EXIT_MSR
 * @vm: the VM, without a vCPU yet
 * @ranges: the ranges
 * @nr: how many, at most VTR_MAX_MSR_RANGES; 0: none comes up
 *
 * Return: 0; -EBUSY: the VM has a vCPU; -EINVAL: an impossible range; -E2BIG;
 * -ENOMEM.
 */
int vtr_vm_set_msr_filter(struct vtr_vm *vm, const struct vtr_msr_range *ranges,
			  uint32_t nr);

/**
 * vtr_vm_get_dirty() - which pages of a slot has the guest written to?
 * @vm: the VM
 * @slot: number of a slot with VTR_SLOT_DIRTY_LOG
 * @first_page: first page, counted from the slot's beginning, a multiple of 64
 * @nr_pages: pages, at least one
 * @bitmap: out: @nr_pages bits in 64-bit words, rounded up
 *
 * Return: 0; -ENOENT: the slot is empty; -ENODATA: it has no log; -EINVAL: no
 * such pages.
 */
int vtr_vm_get_dirty(struct vtr_vm *vm, uint32_t slot, uint64_t first_page,
		     uint64_t nr_pages, uint64_t *bitmap);

/**
 * vtr_vm_clear_dirty() - take pages out of the log, to be noted anew
 * @vm, @slot, @first_page, @nr_pages: as for vtr_vm_get_dirty()
 * @bitmap: the pages; bits beyond @nr_pages are zero
 *
 * To copy a running guest: get, clear what you got, then copy those pages.
 *
 * Return: as vtr_vm_get_dirty(); -ENOMEM.  On failure nothing is cleared.
 */
int vtr_vm_clear_dirty(struct vtr_vm *vm, uint32_t slot, uint64_t first_page,
		       uint64_t nr_pages, const uint64_t *bitmap);

/* ---- vCPUs --------------------------------------------------------------------- */

/**
 * vtr_vcpu_create() - create a vCPU in its reset state and map its run page
 * @vm: the VM
 * @id: number, unused so far
 * @apic_id: APIC id shown in CPUID
 * @vcpu: out: the handle
 *
 * Return: 0; -EEXIST: the id is taken; -EINVAL: the id is too large; -ENOMEM.
 */
int vtr_vcpu_create(struct vtr_vm *vm, uint32_t id, uint32_t apic_id,
		    struct vtr_vcpu **vcpu);

/**
 * vtr_vcpu_destroy() - let go of a vCPU and its mappings
 * @vcpu: the handle; NULL is fine
 */
void vtr_vcpu_destroy(struct vtr_vcpu *vcpu);

/**
 * vtr_vcpu_page() - the page shared with VTR_VCPU_RUN
 * @vcpu: the vCPU
 *
 * Return: the mapped struct vtr_run; belongs to @vcpu.
 */
struct vtr_run *vtr_vcpu_page(const struct vtr_vcpu *vcpu);

/**
 * vtr_vcpu_id() - the number of a vCPU
 * @vcpu: the vCPU
 *
 * Return: the id given to vtr_vcpu_create().
 */
uint32_t vtr_vcpu_id(const struct vtr_vcpu *vcpu);

/**
 * vtr_vcpu_run() - run the guest until the run page says why it came back
 * @vcpu: the vCPU
 *
 * Waits while another thread runs this vCPU.
 *
 * Return: 0: read vtr_vcpu_page()->exit; -EINTR: a signal; -EIO: the VM belongs
 * to another process; -EFAULT, -ENOMEM: host memory behind a slot could not be
 * had, the guest is where it was.
 */
int vtr_vcpu_run(struct vtr_vcpu *vcpu);

/**
 * vtr_vcpu_stop() - make a running vtr_vcpu_run() come back soon
 * @vcpu: the vCPU
 *
 * Sets immediate_exit.  From another thread send the running thread a signal
 * afterwards; from a signal handler of that thread this alone is enough.
 */
void vtr_vcpu_stop(struct vtr_vcpu *vcpu);

/**
 * vtr_vcpu_debug() - choose how far vtr_vcpu_run() goes
 * @vcpu: the vCPU
 * @flags: VTR_DEBUG_STEP_INSN, VTR_DEBUG_STEP_EXIT, or 0: as far as it can
 *
 * Return: 0; -EINVAL: unknown flag; -EOPNOTSUPP: the processor cannot do it.
 */
int vtr_vcpu_debug(struct vtr_vcpu *vcpu, uint32_t flags);

/**
 * vtr_vcpu_inject() - queue an event for the next entry
 * @vcpu: the vCPU
 * @event: the event
 *
 * Return: 0; -EAGAIN: the guest takes no interrupt now (ask for the window);
 * -EBUSY: an event is queued already; -EINVAL: no such event.
 */
int vtr_vcpu_inject(struct vtr_vcpu *vcpu, const struct vtr_event *event);

/**
 * vtr_vcpu_translate() - guest virtual to guest physical, in the vCPU's mode
 * @vcpu: the vCPU, not running
 * @gva: linear address
 * @out: out: the answer
 *
 * Return: 0; -EFAULT: the guest's tables do not map it.
 */
int vtr_vcpu_translate(struct vtr_vcpu *vcpu, uint64_t gva,
		       struct vtr_translate *out);

/**
 * vtr_vcpu_read_fields() - read raw VMCS fields, for looking only
 * @vcpu: the vCPU, not running
 * @backend: enum vtr_backend_id that the encodings belong to
 * @fields: in: encodings; out: status and value of each
 * @nr: 1 .. 512
 *
 * Return: 0 (look at each status), -EINVAL: another back end serves this VM.
 */
int vtr_vcpu_read_fields(struct vtr_vcpu *vcpu, uint32_t backend,
			 struct vtr_field *fields, uint32_t nr);

/**
 * vtr_vcpu_check() - would the next entry succeed, and if not, why?
 * @vcpu: the vCPU, not running
 * @check: out: outcome and the rule that is broken
 *
 * Return: 0 or a negative errno.
 */
int vtr_vcpu_check(struct vtr_vcpu *vcpu, struct vtr_entry_check *check);

/**
 * vtr_vcpu_stats() - exit counters of a vCPU
 * @vcpu: the vCPU
 * @stats: out
 *
 * Return: 0 or a negative errno.
 */
int vtr_vcpu_stats(struct vtr_vcpu *vcpu, struct vtr_vcpu_stats *stats);

/* ---- state records ---------------------------------------------------------------- */

/**
 * vtr_vcpu_get_state() - get all or some state records
 * @vcpu: the vCPU, not running
 * @mask: bit i asks for enum vtr_state_id i; 0: all
 * @buffer: out: records, malloc()ed; free() it
 * @bytes: out: their length
 *
 * Return: 0 or a negative errno.
 */
int vtr_vcpu_get_state(struct vtr_vcpu *vcpu, uint64_t mask, void **buffer,
		       uint32_t *bytes);

/**
 * vtr_vcpu_set_state() - set state records, all or none
 * @vcpu: the vCPU, not running
 * @buffer: the records, 8-byte aligned
 * @bytes: their length
 *
 * Return: 0; -EINVAL: a record was refused, the sentence says which.
 */
int vtr_vcpu_set_state(struct vtr_vcpu *vcpu, const void *buffer,
		       uint32_t bytes);

/**
 * vtr_state_next() - walk over state records
 * @buffer: the records
 * @bytes: their length
 * @at: previous record, NULL to begin
 *
 * Return: the next record, NULL at the end or where a record does not fit.
 */
const struct vtr_state_header *vtr_state_next(const void *buffer,
					      uint32_t bytes,
					      const struct vtr_state_header *at);

/**
 * vtr_vcpu_get_record() - get one record of fixed size
 * @vcpu: the vCPU, not running
 * @id: enum vtr_state_id
 * @payload: out
 * @bytes: sizeof the payload structure
 *
 * A shorter record of the module leaves the tail of @payload zero.
 *
 * Return: 0; -ENOENT: the module has no such record.
 */
int vtr_vcpu_get_record(struct vtr_vcpu *vcpu, uint16_t id, void *payload,
			uint32_t bytes);

/**
 * vtr_vcpu_set_record() - set one record
 * @vcpu: the vCPU, not running
 * @id: enum vtr_state_id
 * @payload: the structure
 * @bytes: its length
 *
 * Return: 0 or a negative errno.
 */
int vtr_vcpu_set_record(struct vtr_vcpu *vcpu, uint16_t id, const void *payload,
			uint32_t bytes);

/* Typed names for the records that have one structure. */
static inline int vtr_get_regs(struct vtr_vcpu *vcpu, struct vtr_regs *regs)
{
	return vtr_vcpu_get_record(vcpu, VTR_STATE_REGS, regs, sizeof(*regs));
}

static inline int vtr_set_regs(struct vtr_vcpu *vcpu,
			       const struct vtr_regs *regs)
{
	return vtr_vcpu_set_record(vcpu, VTR_STATE_REGS, regs, sizeof(*regs));
}

static inline int vtr_get_sregs(struct vtr_vcpu *vcpu, struct vtr_sregs *sregs)
{
	return vtr_vcpu_get_record(vcpu, VTR_STATE_SREGS, sregs,
				   sizeof(*sregs));
}

static inline int vtr_set_sregs(struct vtr_vcpu *vcpu,
				const struct vtr_sregs *sregs)
{
	return vtr_vcpu_set_record(vcpu, VTR_STATE_SREGS, sregs,
				   sizeof(*sregs));
}

static inline int vtr_get_events(struct vtr_vcpu *vcpu,
				 struct vtr_events *events)
{
	return vtr_vcpu_get_record(vcpu, VTR_STATE_EVENTS, events,
				   sizeof(*events));
}

static inline int vtr_set_events(struct vtr_vcpu *vcpu,
				 const struct vtr_events *events)
{
	return vtr_vcpu_set_record(vcpu, VTR_STATE_EVENTS, events,
				   sizeof(*events));
}

static inline int vtr_get_debug_regs(struct vtr_vcpu *vcpu,
				     struct vtr_debug_regs *regs)
{
	return vtr_vcpu_get_record(vcpu, VTR_STATE_DEBUG, regs, sizeof(*regs));
}

static inline int vtr_set_debug_regs(struct vtr_vcpu *vcpu,
				     const struct vtr_debug_regs *regs)
{
	return vtr_vcpu_set_record(vcpu, VTR_STATE_DEBUG, regs, sizeof(*regs));
}

static inline int vtr_get_tsc(struct vtr_vcpu *vcpu, struct vtr_tsc *tsc)
{
	return vtr_vcpu_get_record(vcpu, VTR_STATE_TSC, tsc, sizeof(*tsc));
}

static inline int vtr_set_tsc(struct vtr_vcpu *vcpu, const struct vtr_tsc *tsc)
{
	return vtr_vcpu_set_record(vcpu, VTR_STATE_TSC, tsc, sizeof(*tsc));
}

static inline int vtr_get_io_state(struct vtr_vcpu *vcpu,
				   struct vtr_io_state *io)
{
	return vtr_vcpu_get_record(vcpu, VTR_STATE_IO, io, sizeof(*io));
}

static inline int vtr_set_io_state(struct vtr_vcpu *vcpu,
				   const struct vtr_io_state *io)
{
	return vtr_vcpu_set_record(vcpu, VTR_STATE_IO, io, sizeof(*io));
}

static inline int vtr_get_access_state(struct vtr_vcpu *vcpu,
				       struct vtr_access_state *access)
{
	return vtr_vcpu_get_record(vcpu, VTR_STATE_ACCESS, access,
				   sizeof(*access));
}

static inline int vtr_set_access_state(struct vtr_vcpu *vcpu,
				       const struct vtr_access_state *access)
{
	return vtr_vcpu_set_record(vcpu, VTR_STATE_ACCESS, access,
				   sizeof(*access));
}

/**
 * vtr_get_msrs() - get the list of model-specific registers
 * @vcpu: the vCPU, not running
 * @msrs: out: the list, malloc()ed; free() it
 * @nr: out: its length
 *
 * Return: 0 or a negative errno.
 */
int vtr_get_msrs(struct vtr_vcpu *vcpu, struct vtr_msr **msrs,
		 unsigned int *nr);

/**
 * vtr_set_msrs() - set some model-specific registers
 * @vcpu: the vCPU, not running
 * @msrs: the list
 * @nr: its length
 *
 * Return: 0 or a negative errno.
 */
int vtr_set_msrs(struct vtr_vcpu *vcpu, const struct vtr_msr *msrs,
		 unsigned int nr);

/* ---- the trace ring ------------------------------------------------------------------ */

/**
 * vtr_trace_open() - map the trace ring of a vCPU and begin at record 0
 * @vcpu: the vCPU
 * @trace: out: the reader
 *
 * Records that were overwritten before the first read count as lost.
 *
 * Return: 0; -EPROTO: the ring does not look as this library expects; -ENODEV.
 */
int vtr_trace_open(struct vtr_vcpu *vcpu, struct vtr_trace **trace);

/**
 * vtr_trace_close() - unmap the ring
 * @trace: the reader; NULL is fine
 */
void vtr_trace_close(struct vtr_trace *trace);

/**
 * vtr_trace_enabled() - whether the VM records
 * @trace: the reader
 *
 * Return: true if it was created with VTR_VM_TRACE.
 */
bool vtr_trace_enabled(const struct vtr_trace *trace);

/**
 * vtr_trace_read() - copy new records out of the ring
 * @trace: the reader
 * @records: out
 * @room: records that fit
 * @lost: out: records that were overwritten before they could be read, in
 *	front of @records
 *
 * Works while the vCPU runs; never waits.
 *
 * Return: records copied; 0: nothing new.
 */
unsigned int vtr_trace_read(struct vtr_trace *trace,
			    struct vtr_trace_record *records,
			    unsigned int room, uint64_t *lost);

#endif /* LIBVITRINE_H */
