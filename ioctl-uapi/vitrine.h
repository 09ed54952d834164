/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The whole user interface of Vitrine: /dev/vitrine -> VM fd -> vCPU fd.
 *
 * Used by the module (module/ioctl.c checks every argument) and by programs
 * (userspace-tool/libvitrine is a thin layer over it).  ioctl-uapi/README.md
 * is the reference with an example for each call.
 *
 * Growing without breaking: each structure begins with @size, the caller's
 * sizeof.  A kernel that knows a longer structure takes the missing tail as
 * zero; a kernel that knows a shorter one accepts the longer one only if the
 * tail that it does not know is zero (else E2BIG).  Unknown flags and
 * non-zero padding are refused with EINVAL.
 */
#ifndef _UAPI_VITRINE_H
#define _UAPI_VITRINE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VTR_DEVICE_PATH		"/dev/vitrine"
#define VTR_API_VERSION		1

/* Limits of this version; struct vtr_caps reports them too. */
#define VTR_MAX_VCPUS		64	/* vCPUs of one VM */
#define VTR_MAX_SLOTS		128	/* memory slots of one VM */
#define VTR_MAX_CPUID_ENTRIES	128	/* entries of a CPUID table */
#define VTR_MAX_EVENTFDS	128	/* eventfds of each kind of one VM */
#define VTR_MAX_MSR_RANGES	64	/* ranges of an MSR filter */
#define VTR_NAME_BYTES		32	/* VM name, with the final NUL */
#define VTR_SENTENCE_BYTES	192	/* a sentence, with the final NUL */

#define VTR_IOC_MAGIC		0xBE

/* ---- /dev/vitrine --------------------------------------------------- */
#define VTR_GET_API_VERSION	_IO(VTR_IOC_MAGIC, 0x00) /* arg 0 -> version */
#define VTR_GET_CAPS		_IO(VTR_IOC_MAGIC, 0x01) /* struct vtr_caps */
#define VTR_CREATE_VM		_IO(VTR_IOC_MAGIC, 0x02) /* struct vtr_create_vm -> fd */
#define VTR_GET_CPUID		_IO(VTR_IOC_MAGIC, 0x03) /* struct vtr_cpuid_table */
/* ---- VM fd ------------------------------------------------------------ */
#define VTR_VM_SET_SLOT		_IO(VTR_IOC_MAGIC, 0x20) /* struct vtr_slot */
#define VTR_VM_CREATE_VCPU	_IO(VTR_IOC_MAGIC, 0x21) /* struct vtr_create_vcpu -> fd */
#define VTR_VM_GET_INFO		_IO(VTR_IOC_MAGIC, 0x22) /* struct vtr_vm_info */
#define VTR_VM_WALK		_IO(VTR_IOC_MAGIC, 0x23) /* struct vtr_walk */
#define VTR_VM_GET_DIRTY	_IO(VTR_IOC_MAGIC, 0x24) /* struct vtr_dirty */
#define VTR_VM_CLEAR_DIRTY	_IO(VTR_IOC_MAGIC, 0x25) /* struct vtr_dirty */
#define VTR_VM_IRQ_LINE		_IO(VTR_IOC_MAGIC, 0x26) /* struct vtr_irq_line */
#define VTR_VM_MSI		_IO(VTR_IOC_MAGIC, 0x27) /* struct vtr_msi */
#define VTR_VM_SET_CPUID	_IO(VTR_IOC_MAGIC, 0x28) /* struct vtr_cpuid_table */
#define VTR_VM_SET_MSR_FILTER	_IO(VTR_IOC_MAGIC, 0x29) /* struct vtr_msr_filter */
#define VTR_VM_HOLD_TIMERS	_IO(VTR_IOC_MAGIC, 0x2a) /* struct vtr_hold_timers */
#define VTR_VM_GET_STATE	_IO(VTR_IOC_MAGIC, 0x2b) /* struct vtr_state_buffer */
#define VTR_VM_SET_STATE	_IO(VTR_IOC_MAGIC, 0x2c) /* struct vtr_state_buffer */
#define VTR_VM_IRQFD		_IO(VTR_IOC_MAGIC, 0x2d) /* struct vtr_irqfd */
#define VTR_VM_IOEVENTFD	_IO(VTR_IOC_MAGIC, 0x2e) /* struct vtr_ioeventfd */
/* ---- vCPU fd ---------------------------------------------------------- */
#define VTR_VCPU_RUN		_IO(VTR_IOC_MAGIC, 0x40) /* arg 0 */
#define VTR_VCPU_GET_STATE	_IO(VTR_IOC_MAGIC, 0x41) /* struct vtr_state_buffer */
#define VTR_VCPU_SET_STATE	_IO(VTR_IOC_MAGIC, 0x42) /* struct vtr_state_buffer */
#define VTR_VCPU_DEBUG		_IO(VTR_IOC_MAGIC, 0x43) /* struct vtr_debug */
#define VTR_VCPU_TRANSLATE	_IO(VTR_IOC_MAGIC, 0x44) /* struct vtr_translate */
#define VTR_VCPU_READ_FIELDS	_IO(VTR_IOC_MAGIC, 0x45) /* struct vtr_read_fields */
#define VTR_VCPU_INJECT		_IO(VTR_IOC_MAGIC, 0x46) /* struct vtr_inject */
#define VTR_VCPU_GET_STATS	_IO(VTR_IOC_MAGIC, 0x47) /* struct vtr_vcpu_stats */
#define VTR_VCPU_CHECK		_IO(VTR_IOC_MAGIC, 0x48) /* struct vtr_entry_check */

/* Which back end serves a VM: the tag of raw fields and raw exit reasons. */
enum vtr_backend_id {
	VTR_BACKEND_NONE = 0,
	VTR_BACKEND_VMX	 = 1,
	VTR_BACKEND_SVM	 = 2,	/* reserved */
	VTR_BACKEND_FAKE = 3,	/* scripted exits, for unit tests only */
};

/* The five layers of the picture; trace records and the tool name them. */
enum vtr_layer {
	VTR_LAYER_HARDWARE   = 1,
	VTR_LAYER_HOST_OS    = 2,
	VTR_LAYER_HYPERVISOR = 3,
	VTR_LAYER_GUEST_OS   = 4,
	VTR_LAYER_GUEST_APP  = 5,
};

/**
 * struct vtr_feature - one hardware feature in the capability report
 * @flags: VTR_FEATURE_PRESENT, _USED, _REQUIRED
 * @pad: zero
 * @name: name as in the manual
 * @cost: what its absence costs
 */
struct vtr_feature {
	__u32 flags;
#define VTR_FEATURE_PRESENT	(1u << 0)
#define VTR_FEATURE_USED	(1u << 1)
#define VTR_FEATURE_REQUIRED	(1u << 2)
	__u32 pad;
	char name[56];
	char cost[128];
};

/**
 * struct vtr_caps - what this module and this processor can do
 * @size: in: sizeof(struct vtr_caps) of the caller
 * @flags: in: zero
 * @api_version: out: VTR_API_VERSION
 * @backend: out: enum vtr_backend_id
 * @max_vcpus: out: vCPUs of one VM
 * @max_slots: out: memory slots of one VM
 * @run_bytes: out: bytes to mmap() at offset 0 of a vCPU fd (struct vtr_run)
 * @trace_offset: out: mmap() offset of the trace ring on a vCPU fd
 * @trace_bytes: out: bytes of the trace ring (struct vtr_trace_ring)
 * @nr_features: in: room in @features, out: features that exist
 * @features: in: array of struct vtr_feature, or 0
 * @tsc_khz: out: rate of the host's time stamp counter
 * @pad: zero
 * @backend_name: out: "vmx"
 */
struct vtr_caps {
	__u32 size;
	__u32 flags;
	__u32 api_version;
	__u32 backend;
	__u32 max_vcpus;
	__u32 max_slots;
	__u32 run_bytes;
	__u32 trace_offset;
	__u32 trace_bytes;
	__u32 nr_features;
	__aligned_u64 features;
	__u32 tsc_khz;
	__u32 pad;
	char backend_name[16];
};

/**
 * struct vtr_create_vm - create a VM, bound to the caller's address space
 * @size: sizeof(struct vtr_create_vm)
 * @flags: VTR_VM_TRACE: each vCPU records its exits in the trace ring;
 *	VTR_VM_TRACE_WHOLE: and RUN returns with VTR_EXIT_TRACE before a record of the
 *	same call is overwritten (it needs VTR_VM_TRACE)
 *	VTR_VM_TELL_HALT: RUN returns with VTR_EXIT_HLT when nothing inside of the VM
 *	can wake any vCPU (only with VTR_IRQCHIP_MODULE)
 * @irqchip: who has the interrupt controllers: VTR_IRQCHIP_USER: the program, which
 *	injects by VTR_VCPU_INJECT; VTR_IRQCHIP_MODULE: local APICs, I/O APIC, 8259 and
 *	8254 are in the module, lines are set by VTR_VM_IRQ_LINE, HLT waits in the
 *	kernel, and vCPUs but the one with id 0 begin when they get a start-up IPI
 * @pad: zero
 * @name: NUL-terminated; letters, digits, '.', '_' and '-'; empty: "vmN"
 */
struct vtr_create_vm {
	__u32 size;
	__u32 flags;
#define VTR_VM_TRACE		(1u << 0)
#define VTR_VM_TRACE_WHOLE	(1u << 1)
#define VTR_VM_TELL_HALT	(1u << 2)
	__u32 irqchip;
#define VTR_IRQCHIP_USER	0
#define VTR_IRQCHIP_MODULE	1
	__u32 pad;
	char name[VTR_NAME_BYTES];
};

/**
 * struct vtr_slot - set or delete a memory slot
 * @size: sizeof(struct vtr_slot)
 * @flags: VTR_SLOT_READONLY: guest writes go up as writes to no memory (VTR_EXIT_MMIO)
 *	VTR_SLOT_DIRTY_LOG: note which pages the guest writes to (struct vtr_dirty)
 * @slot: 0 .. max_slots - 1
 * @pad: zero
 * @gpa: guest physical address, 4 KiB aligned
 * @bytes: length, 4 KiB aligned; 0 deletes the slot
 * @hva: the caller's memory that backs it, 4 KiB aligned
 */
struct vtr_slot {
	__u32 size;
	__u32 flags;
#define VTR_SLOT_READONLY	(1u << 0)
#define VTR_SLOT_DIRTY_LOG	(1u << 1)
	__u32 slot;
	__u32 pad;
	__aligned_u64 gpa;
	__aligned_u64 bytes;
	__aligned_u64 hva;
};

/**
 * struct vtr_dirty - pages of a slot that the guest has written to
 * @size: sizeof(struct vtr_dirty)
 * @flags: zero
 * @slot: a slot with VTR_SLOT_DIRTY_LOG
 * @pad: zero
 * @first_page: first page, counted from the slot's beginning, a multiple of 64
 * @nr_pages: pages, at least one
 * @bitmap: the caller's array of 64-bit words: page @first_page + n is bit n % 64
 *	of word n / 64.  VTR_VM_GET_DIRTY fills it.  VTR_VM_CLEAR_DIRTY takes it:
 *	pages to be noted anew when they are written to next; bits beyond
 *	@nr_pages zero.
 */
struct vtr_dirty {
	__u32 size;
	__u32 flags;
	__u32 slot;
	__u32 pad;
	__aligned_u64 first_page;
	__aligned_u64 nr_pages;
	__aligned_u64 bitmap;
};

/**
 * struct vtr_irq_line - level of an interrupt line (VTR_IRQCHIP_MODULE only)
 * @size: sizeof(struct vtr_irq_line)
 * @flags: zero
 * @line: 0 to 23, not 2.  Lines up to 15 lead to the 8259 and to the I/O APIC pin of
 *	the same number, line 0 (the 8254's own) to pin 2; the others to the I/O APIC
 * @level: 0 or 1
 */
struct vtr_irq_line {
	__u32 size;
	__u32 flags;
	__u32 line;
	__u32 level;
};

/**
 * struct vtr_hold_timers - the guest's timers stand still, or go on
 * @size: sizeof(struct vtr_hold_timers)
 * @flags: VTR_TIMERS_HELD: they stand still from here on; 0: they go on where they were
 * @ns: in: zero; out: how long they stood still (flags 0)
 * @tsc: in: zero; out: the same in ticks of the host's time stamp counter (flags 0)
 */
struct vtr_hold_timers {
	__u32 size;
	__u32 flags;
	__aligned_u64 ns;
	__aligned_u64 tsc;
};

#define VTR_TIMERS_HELD		(1u << 0)

/**
 * struct vtr_msi - a message signalled interrupt (VTR_IRQCHIP_MODULE only)
 * @size: sizeof(struct vtr_msi)
 * @flags: zero
 * @address: as a device would write to, FEExxxxxH: bits 19:12 destination, bit 2
 *	logical destination, bit 3 to the one of them with the lowest priority
 * @data: as a device would write: bits 7:0 vector, 10:8 delivery mode, 15 level
 * @pad: zero
 */
struct vtr_msi {
	__u32 size;
	__u32 flags;
	__aligned_u64 address;
	__u32 data;
	__u32 pad;
};

/**
 * struct vtr_irqfd - an eventfd whose signal is an interrupt (VTR_IRQCHIP_MODULE only)
 * @size: sizeof(struct vtr_irqfd)
 * @flags: VTR_IRQFD_MSI: a message; else a line goes high for a moment;
 *	VTR_IRQFD_REMOVE: not any more; all members but @fd are zero then
 * @fd: the eventfd
 * @line: as in struct vtr_irq_line
 * @address: as in struct vtr_msi
 * @data: as in struct vtr_msi
 * @pad: zero
 */
struct vtr_irqfd {
	__u32 size;
	__u32 flags;
#define VTR_IRQFD_MSI		(1u << 0)
#define VTR_IRQFD_REMOVE	(1u << 1)
	__s32 fd;
	__u32 line;
	__aligned_u64 address;
	__u32 data;
	__u32 pad;
};

/**
 * struct vtr_ioeventfd - an eventfd that is signalled when the guest writes
 * @size: sizeof(struct vtr_ioeventfd)
 * @flags: VTR_IOEVENTFD_PORT: to a port; else to memory, where no slot is;
 *	VTR_IOEVENTFD_MATCH: only @data; VTR_IOEVENTFD_REMOVE: not any more; all other
 *	members as they were when it was added
 * @address: number of the port, or guest physical address
 * @data: the value that is meant; zero without VTR_IOEVENTFD_MATCH
 * @bytes: width of the write: 1, 2, 4, 8 (memory only); 0: any
 * @fd: the eventfd
 */
struct vtr_ioeventfd {
	__u32 size;
	__u32 flags;
#define VTR_IOEVENTFD_PORT	(1u << 0)
#define VTR_IOEVENTFD_MATCH	(1u << 1)
#define VTR_IOEVENTFD_REMOVE	(1u << 2)
	__aligned_u64 address;
	__aligned_u64 data;
	__u32 bytes;
	__s32 fd;
};

/**
 * struct vtr_create_vcpu - create a vCPU in its reset state
 * @size: sizeof(struct vtr_create_vcpu)
 * @flags: zero
 * @id: 0 .. max_vcpus - 1, unused so far
 * @apic_id: APIC id shown in CPUID; need not equal @id
 */
struct vtr_create_vcpu {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 apic_id;
};

/**
 * struct vtr_vm_info - a VM's state and counters
 * @size: in: sizeof(struct vtr_vm_info)
 * @flags: out: VTR_VM_DEAD
 * @id: out: number in debugfs and trace records
 * @nr_vcpus: out: vCPUs that exist
 * @nr_slots: out: slots in use
 * @backend: out: enum vtr_backend_id
 * @table_pages: out: pages of second-level tables
 * @mapped_4k: out: 4 KiB leaves now mapped
 * @mapped_2m: out: 2 MiB leaves now mapped
 * @faults: out: second-level faults served so far
 * @zaps: out: leaves removed because the host took memory back
 * @name: out: the VM's name
 * @dead_reason: out: why the VM was stopped, if it was
 * @mapped_1g: out: 1 GiB leaves now mapped
 * @collapses: out: tables of small leaves that made room for a large one
 */
struct vtr_vm_info {
	__u32 size;
	__u32 flags;
#define VTR_VM_DEAD		(1u << 0)
	__u32 id;
	__u32 nr_vcpus;
	__u32 nr_slots;
	__u32 backend;
	__aligned_u64 table_pages;
	__aligned_u64 mapped_4k;
	__aligned_u64 mapped_2m;
	__aligned_u64 faults;
	__aligned_u64 zaps;
	char name[VTR_NAME_BYTES];
	char dead_reason[VTR_SENTENCE_BYTES];
	__aligned_u64 mapped_1g;
	__aligned_u64 collapses;
};

/**
 * struct vtr_walk - second-level walk of one guest physical address
 * @size: in: sizeof(struct vtr_walk)
 * @flags: in: zero
 * @gpa: in: the address
 * @nr_levels: out: entries read, from the root downwards
 * @rights: out: VTR_WALK_* of the whole walk; 0: not mapped
 * @leaf_bytes: out: bytes that the leaf maps; 0: not mapped
 * @slot: out: memory slot that holds @gpa, ~0: none
 * @pad: zero
 * @hva: out: the caller's address behind @gpa, if it is in a slot
 * @level: out: level of entry i (4 = root table)
 * @entry: out: the entry, with the host's frame number masked out
 */
struct vtr_walk {
	__u32 size;
	__u32 flags;
	__aligned_u64 gpa;
	__u32 nr_levels;
	__u32 rights;
#define VTR_WALK_READ		(1u << 0)
#define VTR_WALK_WRITE		(1u << 1)
#define VTR_WALK_EXEC		(1u << 2)
	__aligned_u64 leaf_bytes;
	__u32 slot;
	__u32 pad;
	__aligned_u64 hva;
	__u32 level[6];
	__aligned_u64 entry[6];
};

/**
 * struct vtr_cpuid_entry - what CPUID answers to one leaf
 * @leaf, @subleaf: EAX and ECX of the question
 * @flags: VTR_CPUID_SUBLEAF: @subleaf counts; else it is 0 and any ECX fits
 *	VTR_CPUID_TOPOLOGY (leaves 1, 4, 0BH, 1FH): the module fills in how many
 *	processors there are and what they share, whatever the entry says of it
 * @pad: zero
 * @eax, @ebx, @ecx, @edx: the answer
 */
struct vtr_cpuid_entry {
	__u32 leaf;
	__u32 subleaf;
	__u32 flags;
#define VTR_CPUID_SUBLEAF	(1u << 0)
#define VTR_CPUID_TOPOLOGY	(1u << 1)
	__u32 pad;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
};

/**
 * struct vtr_cpuid_table - what CPUID answers; leaves that are missing are zero
 * @size: sizeof(struct vtr_cpuid_table)
 * @flags: VTR_GET_CPUID: VTR_CPUID_IRQCHIP: the default of a VM with
 *	VTR_IRQCHIP_MODULE; VTR_VM_SET_CPUID: zero
 * @nr_entries: VTR_GET_CPUID: in: room, out: entries that exist;
 *	VTR_VM_SET_CPUID: entries, 0: the default again
 * @pad: zero
 * @entries: user address of struct vtr_cpuid_entry []
 *
 * What belongs to a single vCPU is filled in at the moment of the question,
 * whatever the table says: the APIC id in leaf 1 and, where the table describes
 * a level of topology, in leaves 0BH and 1FH; "there is an APIC" in leaf 1 is cleared
 * while the guest has switched it off.
 */
struct vtr_cpuid_table {
	__u32 size;
	__u32 flags;
#define VTR_CPUID_IRQCHIP	(1u << 0)
	__u32 nr_entries;
	__u32 pad;
	__aligned_u64 entries;
};

/**
 * struct vtr_msr_range - accesses that the program answers
 * @first: first MSR
 * @count: how many, at least 1
 * @flags: VTR_MSR_READ, VTR_MSR_WRITE, at least one
 * @pad: zero
 */
struct vtr_msr_range {
	__u32 first;
	__u32 count;
	__u32 flags;
#define VTR_MSR_READ		(1u << 0)
#define VTR_MSR_WRITE		(1u << 1)
	__u32 pad;
};

/**
 * struct vtr_msr_filter - RDMSR and WRMSR that come up as VTR_EXIT_MSR
 * @size: sizeof(struct vtr_msr_filter)
 * @flags: zero
 * @nr_ranges: ranges; 0: none comes up
 * @pad: zero
 * @ranges: user address of struct vtr_msr_range []
 */
struct vtr_msr_filter {
	__u32 size;
	__u32 flags;
	__u32 nr_ranges;
	__u32 pad;
	__aligned_u64 ranges;
};

/* ---- running: struct vtr_run, mmap()ed at offset 0 of the vCPU fd ------ */

/* Why VTR_VCPU_RUN came back with 0 (struct vtr_run.exit). */
enum vtr_exit_kind {
	VTR_EXIT_NONE	   = 0,
	VTR_EXIT_IO	   = 1,	/* port access: finish it, then run again */
	VTR_EXIT_MMIO	   = 2,	/* access where no memory is: finish it, then run again */
	VTR_EXIT_HYPERCALL = 3,	/* guest asks; put the answer in hypercall.ret */
	VTR_EXIT_HLT	   = 4,	/* guest waits for an event */
	VTR_EXIT_SHUTDOWN  = 5,	/* triple fault */
	VTR_EXIT_WINDOW	   = 6,	/* the interrupt window asked for is open */
	VTR_EXIT_DEBUG	   = 7,	/* a step asked for by VTR_VCPU_DEBUG is done */
	VTR_EXIT_FAIL_ENTRY = 8, /* the processor refused the VM entry */
	VTR_EXIT_STOPPED   = 9,	/* the VM is dead; see the sentence */
	VTR_EXIT_IMMEDIATE = 10, /* immediate_exit was set */
	VTR_EXIT_MSR	   = 11, /* an MSR of the filter: answer it, then run again */
	VTR_EXIT_TRACE	   = 12, /* the trace ring is full: read it, then run again */
};

/* Neutral kinds of hardware exits, as in trace records and statistics. */
enum vtr_hw_kind {
	VTR_HW_NONE	= 0,
	VTR_HW_CPUID	= 1,
	VTR_HW_MSR	= 2,
	VTR_HW_IO	= 3,
	VTR_HW_HLT	= 4,
	VTR_HW_HYPERCALL = 5,
	VTR_HW_SLAT	= 6,	/* second-level (EPT/NPT) violation */
	VTR_HW_HOST_IRQ	= 7,	/* an interrupt for the host */
	VTR_HW_HOST_NMI	= 8,
	VTR_HW_TRIPLE	= 9,
	VTR_HW_CR	= 10,
	VTR_HW_DR	= 11,
	VTR_HW_EXCEPTION = 12,
	VTR_HW_WINDOW	= 13,	/* interrupt or NMI window */
	VTR_HW_STEP	= 14,	/* monitor trap flag or its equal */
	VTR_HW_INSN	= 15,	/* another instruction, answered in the back end */
	VTR_HW_FAIL	= 16,	/* the entry failed */
	VTR_HW_OTHER	= 17,	/* not handled: stops the VM */
	VTR_HW_TASK_SWITCH = 18,
	VTR_HW_BAD_SLAT	= 19,	/* second-level entry that no processor takes */
	VTR_HW_CACHE	= 20,	/* INVD, WBINVD */
	VTR_HW_SPIN	= 21,	/* PAUSE in a loop */
	VTR_HW_PMC	= 22,	/* RDPMC */
	VTR_HW_NOTICE	= 23,	/* nothing is to be done about it */
	VTR_HW_APIC_ACCESS = 24, /* local APIC: the processor leaves this access to others */
	VTR_HW_APIC_WRITE = 25,	/* ... has written a register, what follows is not done */
	VTR_HW_APIC_END	= 26,	/* ... an interrupt has ended whose end matters */
	VTR_HW_NR	= 27,
};

/**
 * struct vtr_run - shared page between VTR_VCPU_RUN and the program
 * @immediate_exit: in: come back before the next VM entry (also set from a
 *	signal handler); the call then finishes unfinished I/O and returns 0
 *	with VTR_EXIT_IMMEDIATE
 * @request_window: in: come back as soon as an interrupt could be injected
 * @cr8: in/out: guest task priority; taken over when @set_cr8 is 1
 * @set_cr8: in: take @cr8 over at the next entry; the kernel clears it
 * @exit: out: enum vtr_exit_kind
 * @ready_for_injection: out: an interrupt may be injected now
 * @if_flag: out: RFLAGS.IF of the guest
 * @level: out: 0: this VM's own guest (1 and up: nested guests, reserved)
 * @backend: out: enum vtr_backend_id, the tag of @hw_reason
 * @hw_reason: out: the processor's own exit reason of the last exit
 * @hw_qualification: out: the processor's own qualification of the last exit
 * @hw_kind: out: enum vtr_hw_kind of the last exit
 * @insn_bytes: out: length of the instruction that exited, 0 if not known
 * @rip: out: guest RIP (at the instruction for unfinished work)
 * @exits: out: exits of this vCPU so far
 * @io: VTR_EXIT_IO: @io.data holds what an OUT writes; for an IN the program
 *	puts the answer there before the next run.  @io.bytes is 1, 2 or 4.
 *	INS and OUTS may bring several accesses to the port at once: @io.count
 *	of them, in order, @io.bytes each, from byte @io.data_offset of this
 *	page on.  For a single access that is where @io.data is
 * @mmio: VTR_EXIT_MMIO: one access of 1 to 8 @mmio.bytes inside of one page;
 *	@mmio.data holds what is written, or takes the answer to a read before
 *	the next run.  One instruction may make up to four accesses, each a
 *	return of its own
 * @hypercall: VTR_EXIT_HYPERCALL: number and arguments as given in RAX, RBX,
 *	RCX, RDX, RSI; @hypercall.ret goes to RAX at the next run
 * @fail: VTR_EXIT_FAIL_ENTRY: @fail.insn_error is the VM-instruction error
 *	(VMfailValid) or 0; @fail.reason the exit reason with bit 31 set
 *	("VM-entry failure"), or 0
 * @debug: VTR_EXIT_DEBUG: what was stepped (VTR_DEBUG_*)
 * @msr: VTR_EXIT_MSR: @msr.data holds what a WRMSR writes; for a RDMSR the
 *	program puts the answer there.  It sets @msr.fault to 1 if the guest shall
 *	get a #GP instead; the module has set it to 0
 * @sentence: out: for FAIL_ENTRY and STOPPED: what happened, in words
 */
struct vtr_run {
	__u8 immediate_exit;
	__u8 request_window;
	__u8 set_cr8;
	__u8 pad0[5];
	__aligned_u64 cr8;

	__u32 exit;
	__u8 ready_for_injection;
	__u8 if_flag;
	__u8 level;
	__u8 pad1;
	__u32 backend;
	__u32 hw_reason;
	__aligned_u64 hw_qualification;
	__u32 hw_kind;
	__u32 insn_bytes;
	__aligned_u64 rip;
	__aligned_u64 exits;
	__aligned_u64 reserved[8];

	union {
		struct {
			__u16 port;
			__u8 bytes;
			__u8 is_in;
			__u32 count;
			__aligned_u64 data;
			__u32 data_offset;
			__u32 pad;
		} io;
		struct {
			__aligned_u64 gpa;
			__u8 bytes;
			__u8 is_write;
			__u8 pad[6];
			__aligned_u64 data;
		} mmio;
		struct {
			__aligned_u64 nr;
			__aligned_u64 args[4];
			__aligned_u64 ret;
		} hypercall;
		struct {
			__u32 insn_error;
			__u32 reason;
			__aligned_u64 qualification;
		} fail;
		struct {
			__u32 what;
			__u32 pad;
		} debug;
		struct {
			__u32 index;
			__u8 is_write;
			__u8 fault;
			__u8 pad[2];
			__aligned_u64 data;
		} msr;
		__u8 room[256];
	};
	char sentence[VTR_SENTENCE_BYTES];
};

/* Of the page that holds struct vtr_run: room for the data of INS and OUTS. */
#define VTR_RUN_DATA_OFFSET	2048
#define VTR_RUN_DATA_BYTES	2048

/* Hypercall numbers that the module answers itself, without leaving the kernel. */
#define VTR_HC_NOP		0x0	/* RAX := 0 */
#define VTR_HC_API_VERSION	0x1	/* RAX := VTR_API_VERSION */
#define VTR_HC_VCPU_ID		0x2	/* RAX := this vCPU's id */
#define VTR_HC_USER_FIRST	0x1000	/* from here on: VTR_EXIT_HYPERCALL */
/* Any other number below VTR_HC_USER_FIRST: RAX := VTR_HC_UNKNOWN. */
#define VTR_HC_UNKNOWN		(~0ULL)

/* ---- the trace ring, mmap()ed read-only at vtr_caps.trace_offset ------- */

/* The arrows of the picture, one record each. */
enum vtr_trace_kind {
	VTR_TRACE_ENTRY	   = 1,	/* 3 -> guest: about to enter */
	VTR_TRACE_EXIT	   = 2,	/* guest -> 3: the exit, arg0 = guest RIP */
	VTR_TRACE_HANDLED  = 3,	/* the module finished it, arg0 = result */
	VTR_TRACE_TO_USER  = 4,	/* 3 -> 2 -> tool, arg0 = enum vtr_exit_kind */
	VTR_TRACE_FROM_USER = 5, /* tool -> 2 -> 3: VTR_VCPU_RUN begins */
	VTR_TRACE_INJECT   = 6,	/* an event goes in, arg0 = vector */
	VTR_TRACE_HOST	   = 7,	/* 3 -> 2: the host takes its interrupt */
};

/**
 * struct vtr_trace_record - one arrow, 64 bytes
 * @seq: number of the record, from 0; a gap means lost records
 * @tsc: host time stamp counter
 * @kind: enum vtr_trace_kind
 * @version: 1
 * @level: 0 (nested guests later)
 * @hw_kind: enum vtr_hw_kind of the exit it belongs to
 * @vcpu: vCPU id
 * @cpu: host CPU
 * @hw_reason: the processor's own exit reason
 * @insn_bytes: length of the instruction that exited
 * @qualification: the processor's own exit qualification
 * @arg0: by @kind
 * @arg1: by @hw_kind: port | bytes << 16 | is_in << 24; GPA; MSR; CPUID leaf;
 *	hypercall number
 * @arg2: by @hw_kind: data of I/O, MSR or hypercall result
 */
struct vtr_trace_record {
	__aligned_u64 seq;
	__aligned_u64 tsc;
	__u8 kind;
	__u8 version;
	__u8 level;
	__u8 hw_kind;
	__u16 vcpu;
	__u16 cpu;
	__u32 hw_reason;
	__u32 insn_bytes;
	__aligned_u64 qualification;
	__aligned_u64 arg0;
	__aligned_u64 arg1;
	__aligned_u64 arg2;
};

/**
 * struct vtr_trace_ring - header page of the ring; records follow it
 * @head: records written so far; record n lies at index n % @nr_records
 * @nr_records: records in the ring
 * @record_bytes: sizeof(struct vtr_trace_record)
 * @data_offset: bytes from the header to record 0
 * @enabled: 1 if this VM records
 *
 * Only the vCPU's own thread writes.  A reader takes @head (acquire), copies
 * records, takes @head again, and drops those that were overwritten meanwhile.
 */
struct vtr_trace_ring {
	__aligned_u64 head;
	__u32 nr_records;
	__u32 record_bytes;
	__u32 data_offset;
	__u32 enabled;
};

/* ---- state records -------------------------------------------------------- */

/*
 * GET_STATE and SET_STATE carry a sequence of records, each a struct
 * vtr_state_header followed by its payload, padded to 8 bytes.  GET_STATE
 * writes the records whose ids are set in @mask; SET_STATE takes them in any
 * order, checks all of them first, and applies all or none.
 * VTR_VCPU_GET_STATE and VTR_VCPU_SET_STATE carry ids 1 to 9; VTR_VM_GET_STATE and
 * VTR_VM_SET_STATE (VTR_IRQCHIP_MODULE only) the interrupt controllers, ids 16 to 19.
 */
enum vtr_state_id {
	VTR_STATE_REGS	 = 1,	/* struct vtr_regs */
	VTR_STATE_SREGS	 = 2,	/* struct vtr_sregs */
	VTR_STATE_MSRS	 = 3,	/* array of struct vtr_msr */
	VTR_STATE_FPU	 = 4,	/* XSAVE image, standard format */
	VTR_STATE_EVENTS = 5,	/* struct vtr_events */
	VTR_STATE_DEBUG	 = 6,	/* struct vtr_debug_regs */
	VTR_STATE_TSC	 = 7,	/* struct vtr_tsc */
	VTR_STATE_IO	 = 8,	/* struct vtr_io_state: unfinished I/O */
	VTR_STATE_ACCESS = 9,	/* struct vtr_access_state: unfinished MMIO or INS */
	VTR_STATE_LAPIC	 = 16,	/* struct vtr_lapic_state, one record for each vCPU */
	VTR_STATE_IOAPIC = 17,	/* struct vtr_ioapic_state */
	VTR_STATE_I8259	 = 18,	/* struct vtr_i8259_state */
	VTR_STATE_I8254	 = 19,	/* struct vtr_i8254_state */
	/* Reserved: 24 SVM, 25 nested VMX. */
	VTR_STATE_ID_MAX = 31,
};

/**
 * struct vtr_state_header - head of one record
 * @id: enum vtr_state_id
 * @version: 1
 * @bytes: payload bytes, without this header and without padding
 */
struct vtr_state_header {
	__u16 id;
	__u16 version;
	__u32 bytes;
};

/**
 * struct vtr_state_buffer - argument of GET_STATE and SET_STATE
 * @size: sizeof(struct vtr_state_buffer)
 * @flags: zero
 * @mask: GET: bit i asks for id i, 0 for all; SET: zero
 * @bytes: in: room (GET) or length (SET); out (GET): bytes needed; with too
 *	little room GET fails with ENOSPC and says here how much it wants
 * @buffer: user address of the records, 8-byte aligned
 * @bad_record: out (SET): byte offset of the record that was refused
 * @pad: zero
 */
struct vtr_state_buffer {
	__u32 size;
	__u32 flags;
	__aligned_u64 mask;
	__aligned_u64 buffer;
	__u32 bytes;
	__u32 bad_record;
};

/* General registers in the encoding order of the instruction set. */
enum vtr_gpr {
	VTR_RAX, VTR_RCX, VTR_RDX, VTR_RBX, VTR_RSP, VTR_RBP, VTR_RSI, VTR_RDI,
	VTR_R8, VTR_R9, VTR_R10, VTR_R11, VTR_R12, VTR_R13, VTR_R14, VTR_R15,
	VTR_NR_GPRS
};

struct vtr_regs {
	__aligned_u64 gpr[VTR_NR_GPRS];
	__aligned_u64 rip;
	__aligned_u64 rflags;
};

/**
 * struct vtr_segment - a segment register, neutral format
 * @base: base address
 * @limit: limit in bytes
 * @selector: selector
 * @attributes: type(3:0) s(4) dpl(6:5) present(7) avl(8) l(9) db(10) g(11)
 * @unusable: 1: a null segment
 * @pad: zero
 */
struct vtr_segment {
	__aligned_u64 base;
	__u32 limit;
	__u16 selector;
	__u16 attributes;
	__u8 unusable;
	__u8 pad[7];
};

struct vtr_table_register {
	__aligned_u64 base;
	__u16 limit;
	__u16 pad[3];
};

enum vtr_seg { VTR_ES, VTR_CS, VTR_SS, VTR_DS, VTR_FS, VTR_GS, VTR_LDTR, VTR_TR, VTR_NR_SEGS };

struct vtr_sregs {
	struct vtr_segment seg[VTR_NR_SEGS];
	struct vtr_table_register gdtr;
	struct vtr_table_register idtr;
	__aligned_u64 cr0;
	__aligned_u64 cr2;
	__aligned_u64 cr3;
	__aligned_u64 cr4;
	__aligned_u64 cr8;
	__aligned_u64 efer;
};

struct vtr_msr {
	__u32 index;
	__u32 pad;
	__aligned_u64 value;
};

/**
 * struct vtr_events - events in flight and what blocks them
 * @interrupt_shadow: VTR_SHADOW_STI, VTR_SHADOW_MOV_SS
 * @nmi_blocked: an NMI handler runs
 * @nmi_pending: an NMI waits
 * @activity: enum vtr_activity
 * @pending_debug: debug exceptions that a MOV SS holds back: VTR_PENDING_*
 * @in_flight: event that is delivered at the next entry (kind NONE: none)
 */
enum vtr_activity { VTR_ACTIVE = 0, VTR_HALTED = 1, VTR_SHUTDOWN = 2, VTR_WAIT_SIPI = 3 };

enum vtr_event_kind {
	VTR_EVENT_NONE		= 0,
	VTR_EVENT_INTERRUPT	= 1,	/* external interrupt, maskable */
	VTR_EVENT_NMI		= 2,
	VTR_EVENT_EXCEPTION	= 3,
	VTR_EVENT_SOFT_INT	= 4,	/* INT n */
	VTR_EVENT_SOFT_EXC	= 5,	/* INT3, INTO */
	VTR_EVENT_PRIV_SOFT_EXC	= 6,	/* INT1 */
};

struct vtr_event {
	__u8 kind;		/* enum vtr_event_kind */
	__u8 vector;
	__u8 has_error;
	__u8 insn_bytes;	/* for the software kinds */
	__u32 error;
};

struct vtr_events {
	__u8 interrupt_shadow;
#define VTR_SHADOW_STI		(1u << 0)
#define VTR_SHADOW_MOV_SS	(1u << 1)
	__u8 nmi_blocked;
	__u8 nmi_pending;
	__u8 activity;
	__u32 pending_debug;
#define VTR_PENDING_BREAKPOINTS	0xfu		/* break points 0 to 3 have been met ... */
#define VTR_PENDING_ENABLED	(1u << 12)	/* ... and one of them is enabled in DR7 */
#define VTR_PENDING_STEP	(1u << 14)	/* a single-step trap */
	struct vtr_event in_flight;
};

struct vtr_debug_regs {
	__aligned_u64 dr[4];
	__aligned_u64 dr6;
	__aligned_u64 dr7;
};

/**
 * struct vtr_tsc - the guest's time stamp counter
 * @offset: guest TSC = host TSC * (@khz / host's rate) + @offset
 * @khz: rate that the guest sees; other than the host's only if the processor
 *	has "Use TSC scaling"
 * @pad: zero
 */
struct vtr_tsc {
	__aligned_u64 offset;
	__u32 khz;
	__u32 pad;
};

/**
 * struct vtr_io_state - port access that the user side has not finished
 * @pending: 0: none, 1: IN whose answer is missing, 2: hypercall, 8: RDMSR,
 *	9: WRMSR
 * @bytes: size of the access
 * @port: port number
 * @insn_bytes: length of the instruction, 1 to 15; any if nothing is pending
 * @pad: zero
 */
struct vtr_io_state {
	__u8 pending;
	__u8 bytes;
	__u16 port;
	__u8 insn_bytes;
	__u8 pad[3];
};

/**
 * struct vtr_access_piece - a part of an access, inside of one page
 * @gpa: guest physical address
 * @bytes: how many
 * @pad: zero
 */
struct vtr_access_piece {
	__aligned_u64 gpa;
	__u32 bytes;
	__u32 pad;
};

/**
 * struct vtr_access_state - instruction that waits for answers in its middle
 * @kind: 0: none, 1: instruction on a memory-mapped device, 2: INS
 * @waiting: 1: the program has not answered yet: kind 1: @piece[@nr_done],
 *	kind 2: the port
 * @insn_bytes: length of the instruction, 1 to 15
 * @bits: how it is decoded: 16, 32 or 64
 * @nr_reads: pieces that are read; those behind them are written
 * @nr_pieces: pieces in all, 1 to 4
 * @nr_done: pieces that are finished
 * @pad0: zero
 * @insn: the instruction, the rest zero
 * @count: INS: elements
 * @port: INS: the port
 * @pad1: zero
 * @data: bytes read so far
 * @piece: what is accessed; those from @nr_pieces on are zero
 *
 * All of it is zero for kind 0.  The instruction begins at RIP; no register has
 * changed yet.
 */
struct vtr_access_state {
	__u8 kind;
#define VTR_ACCESS_NONE		0
#define VTR_ACCESS_INSN		1
#define VTR_ACCESS_INS		2
	__u8 waiting;
	__u8 insn_bytes;
	__u8 bits;
	__u8 nr_reads;
	__u8 nr_pieces;
	__u8 nr_done;
	__u8 pad0;
	__u8 insn[16];
	__u32 count;
	__u16 port;
	__u16 pad1;
	__aligned_u64 data;
	struct vtr_access_piece piece[4];
};

/*
 * The interrupt controllers.  Moments are of the host's CLOCK_MONOTONIC, in ns, as the
 * offset in struct vtr_tsc is one to the host's counter: whoever puts a state back
 * later, or elsewhere, and wants that the guest does not notice, moves all of them.
 * A moment may lie before the host's start ("negative").  Flags are 0 or 1.
 */

/**
 * struct vtr_lapic_state - local APIC of a vCPU
 * @vcpu: id of the vCPU
 * @new_errors: errors since the guest has last written to ESR
 * @base: IA32_APIC_BASE
 * @tsc_deadline: IA32_TSC_DEADLINE, 0: not armed
 * @count_from: when the timer's present count began; 0: it does not count
 * @reg: @reg[n] is the register at offset 16 * n of the page, MSR 800H + n; the
 *	upper half of the ICR is @reg[31H] in both modes; registers that hold
 *	nothing of their own (APR, PPR, EOI, current count, self IPI) are 0
 * @nmi, @init, @sipi: one has come, and the vCPU has not taken it
 * @sipi_page: page number of the start-up IPI
 *
 * Whether the vCPU is halted or waits for a start-up IPI is in struct vtr_events.
 */
struct vtr_lapic_state {
	__u32 vcpu;
	__u32 new_errors;
	__aligned_u64 base;
	__aligned_u64 tsc_deadline;
	__aligned_u64 count_from;
	__u32 reg[64];
	__u8 nmi;
	__u8 init;
	__u8 sipi;
	__u8 sipi_page;
	__u32 pad;
};

/**
 * struct vtr_ioapic_state - I/O APIC
 * @redirection: entry of each pin, with remote IRR
 * @id: register 0
 * @lines: level of each line that is a pin; bit 2 is line 0
 * @select: the register that the window shows
 * @pad: zero
 */
struct vtr_ioapic_state {
	__aligned_u64 redirection[24];
	__u32 id;
	__u32 lines;
	__u8 select;
	__u8 pad[7];
};

/**
 * struct vtr_i8259_state - the two 8259, the one at port 20H first
 * @base: vector of its line 0
 * @irr, @isr, @imr: requests, in service, masked
 * @lines: level at its pins; line 2 of the first is the output of the second
 * @level: lines that are level-triggered
 * @top: line with the highest priority
 * @step: initialization word that it waits for, 2 to 4; 0: none
 * @needs_icw4, @auto_eoi, @rotates, @special_mask, @special_nested: how it was
 *	initialized and commanded
 * @reads_isr: the command port shows ISR
 * @polls: the next read is a poll
 * @pad: zero
 */
struct vtr_i8259_state {
	struct {
		__u8 base, irr, isr, imr, lines, level, top, step;
		__u8 needs_icw4, auto_eoi, rotates, special_mask, special_nested;
		__u8 reads_isr, polls, pad;
	} chip[2];
};

/**
 * struct vtr_i8254_state - 8254, and port 61H
 * @from: when the channel's present count began; 0: it does not count
 * @initial: what was written as its count
 * @latch, @latched: latched count, and how many bytes of it are still to be read
 * @mode, @access, @bcd: of its command: 0 to 5, 1 to 3, flag
 * @gate: level of its gate; that of channels 0 and 1 is 1
 * @low, @writes_high: first byte of two, and whether the second one comes next
 * @reads_high: the next byte that is read is the second one
 * @status, @status_latched: latched status
 * @fired: modes 0 and 4: the interrupt of this count has come
 * @speaker: bit 1 of port 61H
 * @pad: zero
 */
struct vtr_i8254_state {
	struct {
		__aligned_u64 from;
		__u16 initial, latch;
		__u8 latched, mode, access, bcd, gate, low, writes_high, reads_high;
		__u8 status, status_latched, fired, pad;
	} channel[3];
	__u8 speaker;
	__u8 pad[7];
};

/**
 * struct vtr_inject - queue an event for the next entry
 * @size: sizeof(struct vtr_inject)
 * @flags: zero
 * @event: the event.  VTR_EVENT_INTERRUPT needs ready_for_injection (else
 *	EAGAIN: set request_window and run); NMI waits for its window by itself;
 *	a second event while one is queued is EBUSY; all but NMI are EAGAIN while
 *	the guest waits for the answer to an access.  In a VM with VTR_IRQCHIP_MODULE
 *	it goes past the controllers: no local APIC knows of it or waits for its end
 */
struct vtr_inject {
	__u32 size;
	__u32 flags;
	struct vtr_event event;
};

/**
 * struct vtr_debug - how far VTR_VCPU_RUN goes
 * @size: sizeof(struct vtr_debug)
 * @flags: VTR_DEBUG_*; 0 switches all of it off
 */
struct vtr_debug {
	__u32 size;
	__u32 flags;
#define VTR_DEBUG_STEP_INSN	(1u << 0) /* one guest instruction; EOPNOTSUPP: cannot here */
#define VTR_DEBUG_STEP_EXIT	(1u << 1) /* one exit, also those the module finishes */
};

/**
 * struct vtr_translate - guest virtual to guest physical, in the vCPU's mode
 * @size: in: sizeof(struct vtr_translate)
 * @flags: in: zero
 * @gva: in: linear address
 * @gpa: out: guest physical address
 * @page_bytes: out: 4 KiB, 2 MiB, 4 MiB, 1 GiB, or 0: paging is off
 * @rights: out: VTR_WALK_* as the guest's tables give them
 *
 * Fails with EFAULT if the guest's tables do not map @gva.
 */
struct vtr_translate {
	__u32 size;
	__u32 flags;
	__aligned_u64 gva;
	__aligned_u64 gpa;
	__aligned_u64 page_bytes;
	__u32 rights;
	__u32 pad;
};

/**
 * struct vtr_field - one raw field
 * @encoding: in: VMCS field encoding
 * @status: out: 0, or an errno (positive): ENOENT: the processor has no such field
 * @value: out: the value
 */
struct vtr_field {
	__u32 encoding;
	__u32 status;
	__aligned_u64 value;
};

/**
 * struct vtr_read_fields - read raw fields; for looking only, never state
 * @size: sizeof(struct vtr_read_fields)
 * @flags: zero
 * @backend: enum vtr_backend_id that @fields is meant for (else EINVAL)
 * @nr_fields: 1 .. 512
 * @fields: user address of struct vtr_field []
 *
 * Host addresses are masked unless the caller has CAP_SYS_ADMIN.
 */
struct vtr_read_fields {
	__u32 size;
	__u32 flags;
	__u32 backend;
	__u32 nr_fields;
	__aligned_u64 fields;
};

/* What the processor would do about the vCPU's state (struct vtr_entry_check). */
enum vtr_entry_outcome {
	VTR_ENTRY_OK		= 0,	/* no rule is broken */
	VTR_ENTRY_BAD_CONTROLS	= 1,	/* VM-instruction error 7 */
	VTR_ENTRY_BAD_HOST	= 2,	/* VM-instruction error 8 */
	VTR_ENTRY_BAD_GUEST	= 3,	/* exit reason 33 */
	VTR_ENTRY_BAD_MSRS	= 4,	/* exit reason 34 */
};

/**
 * struct vtr_entry_check - would the next entry succeed, and if not, why?
 * @size: in: sizeof(struct vtr_entry_check)
 * @flags: in: zero
 * @outcome: out: enum vtr_entry_outcome
 * @broken: out: how many rules are broken
 * @field: out: VMCS field that the first broken rule is about
 * @pad: zero
 * @value: out: its value; 0 for host state without CAP_SYS_ADMIN
 * @rule: out: name of the first broken rule, as in docs/vm-entry.md
 * @text: out: what must hold
 * @cause: out: what has usually gone wrong
 * @manual: out: where the manual says so
 *
 * The event that waits for the next entry is part of the question.
 */
struct vtr_entry_check {
	__u32 size;
	__u32 flags;
	__u32 outcome;
	__u32 broken;
	__u32 field;
	__u32 pad;
	__aligned_u64 value;
	char rule[32];
	char text[VTR_SENTENCE_BYTES];
	char cause[128];
	char manual[96];
};

#define VTR_STATS_REASONS	80

/**
 * struct vtr_vcpu_stats - exits and ticks of one vCPU
 * @size: in: sizeof(struct vtr_vcpu_stats)
 * @flags: zero
 * @exits: all exits
 * @to_user: exits that went up to the user side
 * @injections: events that the guest has taken through an entry
 * @migrations: times the vCPU came to another core
 * @guest_ticks: TSC ticks between entry and exit
 * @count: exits by the processor's basic exit reason
 * @ticks: ticks from exit to the next entry or to the user side, by reason
 *
 * While the guest runs each counter is right by itself; their sum may be off by the
 * exit that is being counted.
 */
struct vtr_vcpu_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 exits;
	__aligned_u64 to_user;
	__aligned_u64 injections;
	__aligned_u64 migrations;
	__aligned_u64 guest_ticks;
	__aligned_u64 count[VTR_STATS_REASONS];
	__aligned_u64 ticks[VTR_STATS_REASONS];
};

#endif /* _UAPI_VITRINE_H */
