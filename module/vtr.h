/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The neutral core's structures: a VM, its memory, a vCPU.
 *
 * Included by every file of module/ and by the back ends.  Structure members
 * are grouped by what guards them; docs/locking.md has the order of the locks.
 * Read next: module/vm.c, module/vcpu.c, module/memory.c.
 */
#ifndef VTR_H
#define VTR_H

#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <asm/tsc.h>

#include "../ioctl-uapi/vitrine.h"
#include "backend.h"
#include "compat.h"
#include "eventfd.h"
#include "lapic.h"
#include "slat.h"

/* One memory slot; the table of slots is replaced as a whole (RCU). */
struct vtr_memslot {
	u64 gpa;
	u64 bytes;		/* 0: the slot is empty */
	u64 hva;
	u32 flags;		/* VTR_SLOT_* */
	u64 *dirty;		/* a bit for each page, guarded by mem->lock; NULL: no log */
};

struct vtr_memslots {
	struct rcu_head rcu;
	struct vtr_memslot slot[VTR_MAX_SLOTS];
	u8 by_gpa[VTR_MAX_SLOTS];	/* numbers of those in use, by address */
	u8 nr_used;
};

/**
 * struct vtr_mem - guest memory of a VM (module/memory.c)
 * @slots_lock: serialises changes of the slot table
 * @slots: the table; read under RCU or @lock, replaced under both locks
 * @lock: guards the second-level tables and the members below it
 * @root: the second-level tables
 * @seq: bumped when a translation that a fault may have looked up goes away
 * @invalidating: invalidations that have begun and not ended
 * @faults: second-level faults served
 * @zaps: leaves removed because the host took memory back
 * @collapses: tables that made room for a large leaf
 * @notifier: tells when the host changes the process' mappings
 */
struct vtr_mem {
	struct mutex slots_lock;
	struct vtr_memslots __rcu *slots;

	/* guarded by lock: */
	spinlock_t lock;
	struct vtr_slat_root *root;
	u64 seq;
	unsigned int invalidating;
	u64 faults;
	u64 zaps;
	u64 collapses;

	struct mmu_notifier notifier;
};

/**
 * struct vtr_policy - what the program has chosen for its processors (module/policy.c)
 * @cpuid, @nr_cpuid: CPUID table, NULL: the default
 * @ranges, @nr_ranges: MSRs that the program answers
 *
 * Changed under vm->lock while there is no vCPU; constant as long as there is one.
 */
struct vtr_policy {
	struct vtr_cpuid_entry *cpuid;
	struct vtr_msr_range *ranges;
	u32 nr_cpuid;
	u32 nr_ranges;
};

/**
 * struct vtr_vm - a virtual machine
 * @ref: held by the VM fd and by each vCPU
 * @link: place in the list of VMs
 * @id: number, unique among the VMs that live
 * @flags: VTR_VM_*
 * @name: set at creation
 * @pid: creator, for showing
 * @tsc_offset: what a new vCPU adds to the host's time stamp counter
 * @held_ns, @held_tsc: when the guest's timers were held, 0: they are not
 * @mm: the creator's address space; nobody else may run or change the VM
 * @mem: guest memory
 * @policy: what its processors look like
 * @irqchip: interrupt controllers in the module, NULL: the program has them
 * @eventfds: signals that interrupt it, and that its writes cause
 * @lock: guards the vCPU table, @held_ns, @held_tsc, changes of @policy and @eventfds
 * @vcpus: vCPUs by id; an entry is set once and cleared when the vCPU fd is gone
 * @nr_vcpus: entries in @vcpus
 * @max_apic_id: the highest APIC id that a vCPU has had
 * @dead_lock: guards @dead_reason
 * @dead: the VM was stopped; no vCPU enters any more
 * @dead_reason: why
 * @dentry: debugfs folder
 */
struct vtr_vm {
	struct kref ref;
	struct list_head link;		/* guarded by vtr_vms_lock */
	u32 id;
	u32 flags;
	char name[VTR_NAME_BYTES];
	pid_t pid;
	u64 tsc_offset;
	struct mm_struct *mm;
	struct vtr_mem mem;
	struct vtr_policy policy;
	struct vtr_irqchip *irqchip;
	struct vtr_eventfds eventfds;

	struct mutex lock;
	/* guarded by lock (readers on other threads: READ_ONCE): */
	struct vtr_vcpu *vcpus[VTR_MAX_VCPUS];
	unsigned int nr_vcpus;
	u32 max_apic_id;
	u64 held_ns;
	u64 held_tsc;

	spinlock_t dead_lock;
	bool dead;
	char dead_reason[VTR_SENTENCE_BYTES];

	struct dentry *dentry;
};

/*
 * The vCPU's mode word.  Together with the request bits it carries every wish
 * of another thread to a vCPU that may be in guest mode:
 *
 *	requester			vCPU thread, interrupts off
 *	set_bit(request)		mode = IN_GUEST
 *	smp_mb()			smp_mb()
 *	if (mode == IN_GUEST)		if (requests) leave again
 *		send an IPI		enter the guest
 *
 * Either the vCPU sees the request before it enters, or the requester sees
 * IN_GUEST and its IPI forces an exit.
 */
enum vtr_vcpu_mode { VTR_MODE_OUTSIDE, VTR_MODE_IN_GUEST };

enum vtr_request {
	VTR_REQ_FLUSH,		/* second-level tables changed */
	VTR_REQ_SNAPSHOT,	/* somebody wants to look */
	VTR_REQ_EVENT,		/* the local APIC may have something */
	VTR_REQ_LEAVE,		/* check signals, death, immediate exit again */
};

#define VTR_TRACE_RING_PAGES	16

/* SDM 3B "Debug Registers": bits that software sets, and bits that read as one. */
#define VTR_DR6_WRITABLE	0x0000e00fULL
#define VTR_DR6_ONES		0xffff0ff0ULL
#define VTR_DR7_WRITABLE	0xffff2bffULL
#define VTR_DR7_ONES		0x00000400ULL

/* Unfinished work that the next run must complete first (vtr_io_state.pending). */
enum vtr_pending {
	VTR_PENDING_NONE, VTR_PENDING_IN, VTR_PENDING_HYPERCALL,
	VTR_PENDING_RDMSR = 8, VTR_PENDING_WRMSR,
};

/**
 * struct vtr_vcpu - a virtual processor, neutral part
 * @rcu: frees it after the readers of the vCPU table
 * @vm: its VM (holds a reference)
 * @id, @apic_id: given at creation
 * @mutex: held during RUN and while state is read or set
 * @mode, @requests: see enum vtr_vcpu_mode
 * @cpu: core that the vCPU was last loaded on, -1: none
 * @gpr: guest general registers but RSP, which the back end keeps
 * @cr2, @cr8, @dr, @dr6: guest state that no extension switches by itself
 * @queued: event that waits for the next entry
 * @delivering: event handed to the back end for this entry
 * @nmi_pending: an NMI waits until the guest can take it
 * @activity: enum vtr_activity
 * @irq_waits: an interrupt waits until the guest can take it
 * @pending, @pending_bytes, @pending_port, @pending_insn_bytes: unfinished work of the user side
 * @tsc_khz, @tsc_ratio: rate of the guest's time stamp counter (module/tsc.c)
 * @tsc_adjust: IA32_TSC_ADJUST
 * @access: unfinished instruction on a memory-mapped device, or string input
 * @debug: VTR_DEBUG_*
 * @exit: the last exit
 * @cache: pages for second-level tables
 * @fpu: guest FPU registers
 * @preempt_notifier: tells when the thread is switched out and in
 * @stats: counters; others read them while the vCPU's thread counts
 * @exit_tsc: when the exit that is being handled happened
 * @lapic: the local APIC, if the VM has interrupt controllers in the module
 * @lapic_due: when its timer expires, ns, as of the last time it was armed
 * @lapic_timer: the host's timer for it, where the processor has none or the thread sleeps
 * @vapic: the registers that the processor works on while the guest runs, a page
 *	as the xAPIC's; NULL: it does nothing of the APIC by itself
 * @vapic_old: more than vectors has changed in @lapic since it was shown there
 * @lapic_restored: the controllers' state was set since it ran last
 * @rest_wait: its thread sleeps here while the guest is halted or not started
 * @deaf: only INIT, a start-up IPI or an NMI end its rest, and none has come
 * @rests_shortly: its last rest was so short that sleeping was not worth it
 * @run: the shared page
 * @ring: the trace ring, header page first
 * @ring_seen: its head when RUN began: what is older has been read
 * @snapshot_lock: one reader at a time
 * @snapshot_fill: guards @snapshot
 * @snapshot: wanted by a reader, NULL once it is filled
 * @snapshot_wait: the reader sleeps here
 * @dentry: debugfs folder
 */
struct vtr_vcpu {
	struct rcu_head rcu;	/* vtr_vm_kick_all() reads the vCPU table under RCU */
	struct vtr_vm *vm;
	u32 id;
	u32 apic_id;
	struct mutex mutex;

	int mode;
	unsigned long requests;
	int cpu;

	/* guarded by mutex: */
	u64 gpr[VTR_NR_GPRS];
	u64 cr2;
	u64 cr8;
	u64 dr[4];
	u64 dr6;
	struct vtr_event queued;
	struct vtr_event delivering;
	bool nmi_pending;
	u8 activity;
	bool irq_waits;
	bool rests_shortly;
	u8 pending;
	u8 pending_bytes;
	u16 pending_port;
	u8 pending_insn_bytes;
	u32 tsc_khz;
	u64 tsc_ratio;
	u64 tsc_adjust;
	struct vtr_access_state access;
	u32 debug;
	struct vtr_exit exit;
	struct vtr_slat_cache cache;
	struct vtr_guest_fpu fpu;
	struct preempt_notifier preempt_notifier;
	struct vtr_vcpu_stats stats;
	u64 exit_tsc;		/* when the exit that is being handled happened */

	/* guarded by vm->irqchip->lock, the page by mutex: */
	struct vtr_lapic lapic;
	u32 *vapic;
	bool vapic_old;
	u64 lapic_due;
	struct hrtimer lapic_timer;
	bool lapic_restored;
	wait_queue_head_t rest_wait;
	bool deaf;

	struct vtr_run *run;
	struct vtr_trace_ring *ring;
	u64 ring_seen;

	/* one reader at a time (snapshot_lock); the pointer by snapshot_fill: */
	struct mutex snapshot_lock;
	spinlock_t snapshot_fill;
	struct vtr_snapshot *snapshot;
	wait_queue_head_t snapshot_wait;

	struct dentry *dentry;
};

/* Rate of the host's time stamp counter. */
static inline u32 vtr_tsc_khz(void)
{
	return tsc_khz;
}

/* main.c */
extern bool vtr_shutting_down;

/* vm.c */
int vtr_vm_create(const struct vtr_create_vm *args);
void vtr_vm_get(struct vtr_vm *vm);
void vtr_vm_put(struct vtr_vm *vm);
__printf(2, 3) void vtr_vm_kill(struct vtr_vm *vm, const char *fmt, ...);
bool vtr_vm_dead(struct vtr_vm *vm);
void vtr_vm_kick_all(struct vtr_vm *vm, enum vtr_request request, bool wait);
void vtr_vm_fill_info(struct vtr_vm *vm, struct vtr_vm_info *info);
void vtr_vm_walk(struct vtr_vm *vm, struct vtr_walk *walk);

/* memory.c */
int vtr_mem_init(struct vtr_vm *vm);
void vtr_mem_destroy(struct vtr_vm *vm);
int vtr_mem_set_slot(struct vtr_vm *vm, const struct vtr_slot *args);
int vtr_mem_fault(struct vtr_vcpu *vcpu, u64 gpa, unsigned int access);
bool vtr_mem_find(struct vtr_vm *vm, u64 gpa, struct vtr_memslot *slot, u32 *index);
void vtr_mem_remove_apic_page(struct vtr_vm *vm);
void vtr_mem_flush_if(struct vtr_vm *vm, bool needed);
void vtr_mem_collapse(struct vtr_vm *vm, const struct vtr_memslot *slot);

/* guest_memory.c: the module's own reads and writes */
int vtr_mem_read(struct vtr_vm *vm, u64 gpa, void *data, size_t bytes);
int vtr_mem_write(struct vtr_vm *vm, u64 gpa, const void *data, size_t bytes);
int vtr_mem_set_bits(struct vtr_vm *vm, u64 gpa, u32 bits);

/* dirty.c: which pages has the guest written to? */
int vtr_dirty_alloc(struct vtr_memslot *slot);
bool vtr_dirty_may_write(const struct vtr_memslot *slot, u64 gpa, bool write);
void vtr_dirty_note(struct vtr_vm *vm, u64 gpa, size_t bytes);
void vtr_dirty_start(struct vtr_vm *vm, const struct vtr_memslot *slot);
int vtr_dirty_get(struct vtr_vm *vm, const struct vtr_dirty *args);
int vtr_dirty_clear(struct vtr_vm *vm, const struct vtr_dirty *args);

/* slots.c: pure, see tests/ */
int vtr_slots_check(const struct vtr_memslots *slots, const struct vtr_slot *args,
		    unsigned int gpa_bits, u64 user_end);
void vtr_slots_sort(struct vtr_memslots *slots);
const struct vtr_memslot *vtr_slots_find(const struct vtr_memslots *slots, u64 gpa);
bool vtr_slot_allows_leaf(const struct vtr_memslot *slot, u64 gpa, u64 bytes);
int vtr_slot_check_log(const struct vtr_memslot *slot, u64 first, u64 nr);
bool vtr_slot_overlap_hva(const struct vtr_memslot *slot, u64 start, u64 end,
			  u64 *gpa_start, u64 *gpa_end);

/* vcpu.c */
int vtr_vcpu_create(struct vtr_vm *vm, const struct vtr_create_vcpu *args);
void vtr_vcpu_destroy(struct vtr_vcpu *vcpu);
int vtr_vcpu_run(struct vtr_vcpu *vcpu);
void vtr_vcpu_load(struct vtr_vcpu *vcpu);
void vtr_vcpu_put(struct vtr_vcpu *vcpu);
int vtr_vcpu_snapshot(struct vtr_vcpu *vcpu, struct vtr_snapshot *snap);
void vtr_vcpu_check(struct vtr_vcpu *vcpu, struct vtr_entry_check *check);

/* handle.c: what is done about an exit */
int vtr_handle_exit(struct vtr_vcpu *vcpu);
int vtr_complete_pending(struct vtr_vcpu *vcpu);
void vtr_write_gpr(struct vtr_vcpu *vcpu, unsigned int nr, u64 value);
u64 vtr_read_gpr(struct vtr_vcpu *vcpu, unsigned int nr);

/* rare.c: the same for exits that are rare */
int vtr_handle_task_switch(struct vtr_vcpu *vcpu);
int vtr_handle_bad_slat(struct vtr_vcpu *vcpu);
int vtr_handle_cache(struct vtr_vcpu *vcpu);
int vtr_handle_spin(struct vtr_vcpu *vcpu);
int vtr_handle_pmc(struct vtr_vcpu *vcpu);

/* events.c */
void vtr_queue_exception(struct vtr_vcpu *vcpu, u8 vector, bool has_error, u32 error);
void vtr_queue_gp(struct vtr_vcpu *vcpu);
void vtr_queue_ud(struct vtr_vcpu *vcpu);
int vtr_inject(struct vtr_vcpu *vcpu, const struct vtr_event *event);
void vtr_deliver_events(struct vtr_vcpu *vcpu);
void vtr_cancel_delivery(struct vtr_vcpu *vcpu);
bool vtr_delivery_interrupted(struct vtr_vcpu *vcpu);
int vtr_event_check(const struct vtr_event *event);

/* cpuid.c, msr.c, cr.c, hypercall.c */
void vtr_cpuid(struct vtr_vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4]);
void vtr_cpuid_default(bool irqchip, u32 leaf, u32 subleaf, u32 out[4]);
bool vtr_cpuid_default_entry(bool irqchip, unsigned int index, struct vtr_cpuid_entry *entry);
int vtr_msr_read(struct vtr_vcpu *vcpu, u32 index, u64 *value);
int vtr_msr_write(struct vtr_vcpu *vcpu, u32 index, u64 value);
int vtr_msr_set(struct vtr_vcpu *vcpu, u32 index, u64 value);
extern const u32 vtr_msr_list[];
extern const unsigned int vtr_msr_count;
int vtr_cr_write(struct vtr_vcpu *vcpu, unsigned int nr, u64 value);
void vtr_cr_reload_pdptrs(struct vtr_vcpu *vcpu, const struct vtr_sregs *s);
int vtr_efer_write(struct vtr_vcpu *vcpu, u64 value);
bool vtr_in_64bit_code(struct vtr_vcpu *vcpu);
bool vtr_hypercall(struct vtr_vcpu *vcpu, u64 nr);

/* policy.c: what the program chooses */
int vtr_policy_set_cpuid(struct vtr_vm *vm, const struct vtr_cpuid_table *args);
int vtr_policy_check_cpuid(const struct vtr_cpuid_entry *entry, unsigned int nr, bool irqchip);
bool vtr_policy_cpuid(const struct vtr_vm *vm, u32 leaf, u32 subleaf, u32 out[4], bool *topology);
int vtr_policy_set_msr_filter(struct vtr_vm *vm, const struct vtr_msr_filter *args);
int vtr_policy_check_ranges(const struct vtr_msr_range *range, unsigned int nr);
bool vtr_policy_msr(const struct vtr_vm *vm, u32 index, bool write);
void vtr_policy_free(struct vtr_vm *vm);

/* apicv.c: exits of a local APIC of which the processor does a part */
int vtr_handle_apic_access(struct vtr_vcpu *vcpu);
int vtr_handle_apic_write(struct vtr_vcpu *vcpu);
int vtr_handle_apic_end(struct vtr_vcpu *vcpu);

/* tsc.c: the guest's time stamp counter */
int vtr_tsc_ratio(u32 khz, u32 host_khz, u64 *ratio);
u64 vtr_tsc_at(struct vtr_vcpu *vcpu, u64 host_tsc);
u64 vtr_tsc_read(struct vtr_vcpu *vcpu);
void vtr_tsc_write(struct vtr_vcpu *vcpu, u64 value);
void vtr_tsc_guest_write(struct vtr_vcpu *vcpu, u64 value);
void vtr_tsc_guest_adjust(struct vtr_vcpu *vcpu, u64 value);
int vtr_tsc_set_rate(struct vtr_vcpu *vcpu, u32 khz);
int vtr_time_hold(struct vtr_vm *vm, struct vtr_hold_timers *args);

/* gwalk.c: the guest's own page tables */
struct vtr_gwalk_entry {
	u64 at;			/* guest physical address of the entry */
	u64 value;
	u8 level;		/* 1: of a 4 KiB page */
	bool leaf;
};

/* The present entries that a walk has read, from the top downwards. */
struct vtr_gwalk_trail {
	unsigned int nr;
	struct vtr_gwalk_entry entry[4];
	int error;		/* why the entry at @lost_at could not be read, or 0 */
	u64 lost_at;
};

struct vtr_gwalk {
	u64 cr0, cr3, cr4, efer;
	int (*read)(void *ctx, u64 gpa, void *data, size_t bytes);
	void *ctx;
	struct vtr_gwalk_trail *trail;	/* filled if not NULL */
};

int vtr_gwalk(const struct vtr_gwalk *w, u64 gva, u64 *gpa, u64 *page_bytes, u32 *rights);
int vtr_vcpu_translate(struct vtr_vcpu *vcpu, struct vtr_translate *args);

/* mmio.c, string_io.c: instructions that the user side finishes; see access.h */
int vtr_mmio_fault(struct vtr_vcpu *vcpu);
int vtr_string_io(struct vtr_vcpu *vcpu);
int vtr_access_complete(struct vtr_vcpu *vcpu);
int vtr_access_check(const struct vtr_access_state *a);

/* state.c */
int vtr_state_get(struct vtr_vcpu *vcpu, struct vtr_state_buffer *args);
int vtr_state_set(struct vtr_vcpu *vcpu, struct vtr_state_buffer *args);

/* record.c: the trace ring */
void vtr_record(struct vtr_vcpu *vcpu, enum vtr_trace_kind kind, u64 arg0);
bool vtr_trace_full(const struct vtr_vcpu *vcpu);

/* ioctl.c */
extern const struct file_operations vtr_device_fops;
extern const struct file_operations vtr_vm_fops;
extern const struct file_operations vtr_vcpu_fops;

/* inspect.c: debugfs */
void vtr_inspect_init(void);
void vtr_inspect_exit(void);
void vtr_inspect_add_vm(struct vtr_vm *vm);
void vtr_inspect_remove_vm(struct vtr_vm *vm);
void vtr_inspect_add_vcpu(struct vtr_vcpu *vcpu);
void vtr_inspect_remove_vcpu(struct vtr_vcpu *vcpu);

#endif /* VTR_H */
