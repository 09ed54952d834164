// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: /sys/kernel/debug/vitrine, where every layer can be looked at.
 *
 *	cpu<N>				root mode on a core
 *	vm<ID>/info, slots, ept		a VM, its memory, its second-level tables
 *	vm<ID>/walk			one address: write it, read its entries
 *	vm<ID>/vcpu<M>/registers	a vCPU now
 *	vm<ID>/vcpu<M>/vmcs		its raw fields, by groups, with meaning
 *	vm<ID>/vcpu<M>/entry-check	would an entry succeed; the rule that is broken
 *	vm<ID>/vcpu<M>/exits		counts and ticks by exit reason
 *	vm<ID>/vcpu<M>/last_exits	the newest records of the trace ring
 *
 * Reading is safe while the guest runs (a running vCPU is asked to describe
 * itself) and while it is destroyed: debugfs_remove() waits for readers that
 * are inside a file and makes later reads fail.  Files are for root only and
 * show host state; nothing here is ABI, programs use the ioctls.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "vtr.h"

static struct dentry *root;

/* Leaves of the tables printed at most in one read of "ept". */
#define MAX_SHOWN_RANGES	4096

/* ---- a core -------------------------------------------------------------------- */

static int cpu_show(struct seq_file *m, void *unused)
{
	vtr_backend->cpu_show(m, (unsigned long)m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cpu);

/* ---- a VM ----------------------------------------------------------------------- */

static int info_show(struct seq_file *m, void *unused)
{
	struct vtr_vm *vm = m->private;
	struct vtr_vm_info info = {};

	vtr_vm_fill_info(vm, &info);
	seq_printf(m, "name: %s\nid: %u\npid: %d\nbackend: %s\nstate: %s\n",
		   info.name, info.id, vm->pid, vtr_backend->name,
		   info.flags & VTR_VM_DEAD ? "dead" : "alive");
	if (info.flags & VTR_VM_DEAD)
		seq_printf(m, "dead_reason: %s\n", info.dead_reason);
	seq_printf(m, "trace: %s\nvcpus: %u\nslots: %u\n",
		   vm->flags & VTR_VM_TRACE ? "on" : "off", info.nr_vcpus, info.nr_slots);
	seq_printf(m, "table_pages: %llu\nmapped_4k: %llu\nmapped_2m: %llu\nmapped_1g: %llu\n",
		   info.table_pages, info.mapped_4k, info.mapped_2m, info.mapped_1g);
	seq_printf(m, "faults: %llu\nzaps: %llu\ncollapses: %llu\naccessed_dirty: %s\n",
		   info.faults, info.zaps, info.collapses,
		   READ_ONCE(vm->mem.root->accessed_dirty) ? "on" : "off");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(info);

static int slots_show(struct seq_file *m, void *unused)
{
	struct vtr_vm *vm = m->private;
	const struct vtr_memslots *slots;

	seq_puts(m, "# slot gpa bytes hva flags\n");
	rcu_read_lock();
	slots = rcu_dereference(vm->mem.slots);
	for (unsigned int i = 0; i < VTR_MAX_SLOTS; i++) {
		const struct vtr_memslot *s = &slots->slot[i];

		if (s->bytes)
			seq_printf(m, "%u 0x%llx 0x%llx 0x%llx %s%s\n", i, s->gpa, s->bytes,
				   s->hva, s->flags & VTR_SLOT_READONLY ? "ro" : "rw",
				   s->flags & VTR_SLOT_DIRTY_LOG ? ",log" : "");
	}
	rcu_read_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(slots);

/* Neighbouring leaves that differ in nothing but their addresses. */
struct leaf_range {
	u64 start, end;
	unsigned int level, rights;
	u32 slot;		/* ~0: memory that is in no slot any more */
	u64 hva;
	u64 hpa;		/* of the first leaf */
	u64 next_hpa;		/* where the host's memory would go on without a gap */
	u64 pieces;		/* pieces that are contiguous in the host's memory */
};

static const char *leaf_name(unsigned int level)
{
	return level == 1 ? "4K" : level == 2 ? "2M" : "1G";
}

static void show_rights(struct seq_file *m, unsigned int rights)
{
	seq_printf(m, "%c%c%c", rights & VTR_SLAT_READ ? 'r' : '-',
		   rights & VTR_SLAT_WRITE ? 'w' : '-', rights & VTR_SLAT_EXEC ? 'x' : '-');
}

/* userspace-tool/view/ept_debugfs.c reads these lines. */
static void show_range(struct seq_file *m, const struct leaf_range *r)
{
	if (r->start == r->end)
		return;
	seq_printf(m, "0x%012llx-0x%012llx %s ", r->start, r->end, leaf_name(r->level));
	show_rights(m, r->rights);
	seq_printf(m, " %llu leaves slot %d hva 0x%llx hpa 0x%llx pieces %llu\n",
		   (r->end - r->start) / vtr_slat_leaf_bytes(r->level), (int)r->slot,
		   r->hva, r->hpa, r->pieces);
}

/* Find the next leaf; the lock is taken for each, so that faults get in between. */
static u64 next_leaf(struct vtr_vm *vm, u64 gpa, struct vtr_slat_walk *w)
{
	spin_lock(&vm->mem.lock);
	gpa = vm->mem.root->ops->next_leaf(vm->mem.root, gpa, w);
	spin_unlock(&vm->mem.lock);
	return gpa;
}

/* The slot behind @gpa and the program's address there. */
static u32 slot_of(struct vtr_vm *vm, u64 gpa, u64 *hva)
{
	struct vtr_memslot slot;
	u32 index = ~0u;

	*hva = 0;
	if (vtr_mem_find(vm, gpa, &slot, &index))
		*hva = slot.hva + (gpa - slot.gpa);
	return index;
}

static bool range_goes_on(const struct leaf_range *r, u64 gpa, const struct vtr_slat_walk *w,
			  u32 slot)
{
	return r->end == gpa && r->start != r->end && r->level == w->leaf_level &&
	       r->rights == w->rights && r->slot == slot;
}

static void extend_range(struct leaf_range *r, const struct vtr_slat_walk *w)
{
	/* hpa is that of the 4 KiB page asked for, which begins the leaf here. */
	u64 bytes = vtr_slat_leaf_bytes(w->leaf_level);

	r->pieces += w->hpa != r->next_hpa || r->start == r->end;
	r->next_hpa = w->hpa + bytes;
	r->end += bytes;
}

static int ept_show(struct seq_file *m, void *unused)
{
	struct vtr_vm *vm = m->private;
	struct leaf_range range = {};
	struct vtr_slat_walk w;
	unsigned int shown = 0;
	char entry[96];
	u64 gpa = 0, hva;

	seq_puts(m, "# guest physical range, leaf size, rights, leaves, host side; first leaf in words\n");
	while ((gpa = next_leaf(vm, gpa, &w)) != ~0ULL) {
		u32 slot = slot_of(vm, gpa, &hva);

		if (!range_goes_on(&range, gpa, &w, slot)) {
			show_range(m, &range);
			if (++shown > MAX_SHOWN_RANGES) {
				seq_puts(m, "# more ranges are not shown\n");
				return 0;
			}
			vm->mem.root->ops->describe(entry, sizeof(entry),
						    w.entry[w.nr_levels - 1], w.leaf_level);
			seq_printf(m, "# level %u: %s\n", w.leaf_level, entry);
			range = (struct leaf_range) {
				.start = gpa, .end = gpa, .level = w.leaf_level,
				.rights = w.rights, .slot = slot, .hva = hva, .hpa = w.hpa,
			};
		}
		extend_range(&range, &w);
		gpa = range.end;
	}
	show_range(m, &range);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ept);

/* ---- one address of a VM ---------------------------------------------------------- */

/*
 * Question and answer of one open "walk": whoever opens the file has an answer
 * of his own, so readers do not race.  @lock guards the rest against threads
 * that share a descriptor.
 */
struct walk_file {
	struct mutex lock;
	struct vtr_vm *vm;
	u64 gpa;
};

static int walk_show(struct seq_file *m, void *unused)
{
	struct walk_file *walk = m->private;
	struct vtr_vm *vm = walk->vm;
	struct vtr_slat_walk w = {};
	char words[96];
	u64 gpa, hva;
	u32 slot;

	mutex_lock(&walk->lock);
	gpa = walk->gpa;
	mutex_unlock(&walk->lock);
	spin_lock(&vm->mem.lock);
	vm->mem.root->ops->walk(vm->mem.root, gpa, &w);
	spin_unlock(&vm->mem.lock);

	seq_printf(m, "gpa 0x%llx\n", gpa);
	for (unsigned int i = 0; i < w.nr_levels; i++) {
		vm->mem.root->ops->describe(words, sizeof(words), w.entry[i], w.level[i]);
		seq_printf(m, "level %u entry 0x%llx %s\n", w.level[i], w.entry[i], words);
	}
	if (w.leaf_level) {
		seq_printf(m, "leaf %s ", leaf_name(w.leaf_level));
		show_rights(m, w.rights);
		seq_printf(m, " hpa 0x%llx\n", w.hpa + offset_in_page(gpa));
	} else {
		seq_puts(m, "leaf none\n");
	}
	slot = slot_of(vm, gpa, &hva);
	seq_printf(m, "slot %d hva 0x%llx\n", (int)slot, hva);
	return 0;
}

static int walk_open(struct inode *inode, struct file *file)
{
	struct walk_file *walk = kzalloc(sizeof(*walk), GFP_KERNEL);
	int err;

	if (!walk)
		return -ENOMEM;
	mutex_init(&walk->lock);
	walk->vm = inode->i_private;
	err = single_open(file, walk_show, walk);
	if (err)
		kfree(walk);
	return err;
}

static int walk_release(struct inode *inode, struct file *file)
{
	kfree(((struct seq_file *)file->private_data)->private);
	return single_release(inode, file);
}

/* Take the address to ask for; the file is at its beginning again then. */
static ssize_t walk_write(struct file *file, const char __user *buf, size_t bytes, loff_t *pos)
{
	struct walk_file *walk = ((struct seq_file *)file->private_data)->private;
	u64 gpa;
	int err = kstrtou64_from_user(buf, bytes, 0, &gpa);

	if (err)
		return err;
	if (gpa >> vtr_backend->info.gpa_bits)
		return -ERANGE;
	mutex_lock(&walk->lock);
	walk->gpa = gpa;
	mutex_unlock(&walk->lock);
	err = seq_lseek(file, 0, SEEK_SET);
	*pos = 0;
	return err < 0 ? err : bytes;
}

static const struct file_operations walk_fops = {
	.owner		= THIS_MODULE,
	.open		= walk_open,
	.read		= seq_read,
	.write		= walk_write,
	.llseek		= seq_lseek,
	.release	= walk_release,
};

/* ---- a vCPU ---------------------------------------------------------------------- */

static struct vtr_snapshot *get_snapshot(struct vtr_vcpu *vcpu)
{
	struct vtr_snapshot *snap = kvzalloc(sizeof(*snap), GFP_KERNEL);
	int err;

	if (!snap)
		return ERR_PTR(-ENOMEM);
	err = vtr_vcpu_snapshot(vcpu, snap);
	if (err) {
		kvfree(snap);
		return ERR_PTR(err);
	}
	return snap;
}

static void show_segments(struct seq_file *m, const struct vtr_sregs *s)
{
	static const char * const names[VTR_NR_SEGS] = {
		"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr",
	};

	for (unsigned int i = 0; i < VTR_NR_SEGS; i++) {
		const struct vtr_segment *seg = &s->seg[i];

		seq_printf(m, "%-4s %04x base 0x%016llx limit 0x%08x attributes 0x%03x%s\n",
			   names[i], seg->selector, seg->base, seg->limit, seg->attributes,
			   seg->unusable ? " unusable" : "");
	}
	seq_printf(m, "gdtr base 0x%016llx limit 0x%04x\nidtr base 0x%016llx limit 0x%04x\n",
		   s->gdtr.base, s->gdtr.limit, s->idtr.base, s->idtr.limit);
	seq_printf(m, "cr0 0x%llx cr2 0x%llx cr3 0x%llx cr4 0x%llx cr8 0x%llx efer 0x%llx\n",
		   s->cr0, s->cr2, s->cr3, s->cr4, s->cr8, s->efer);
}

static int registers_show(struct seq_file *m, void *unused)
{
	static const char * const names[VTR_NR_GPRS] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	struct vtr_snapshot *snap = get_snapshot(m->private);

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	seq_printf(m, "%-4s 0x%016llx  %-4s 0x%016llx\n", "rip", snap->regs.rip,
		   "rfl", snap->regs.rflags);
	for (unsigned int i = 0; i < VTR_NR_GPRS; i += 2)
		seq_printf(m, "%-4s 0x%016llx  %-4s 0x%016llx\n", names[i], snap->regs.gpr[i],
			   names[i + 1], snap->regs.gpr[i + 1]);
	show_segments(m, &snap->sregs);
	kvfree(snap);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(registers);

static int vmcs_show(struct seq_file *m, void *unused)
{
	struct vtr_snapshot *snap = get_snapshot(m->private);

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	seq_puts(m, "# group\tname\tencoding\tvalue\tmeaning\n");
	for (unsigned int i = 0; i < snap->nr_fields; i++) {
		const char *group, *name;
		char meaning[256];

		if (vtr_backend->describe_field(&snap->fields[i], snap->last_hw_reason,
						&group, &name, meaning, sizeof(meaning)))
			seq_printf(m, "%s\t%s\t0x%04x\t0x%llx\t%s\n", group, name,
				   snap->fields[i].encoding, snap->fields[i].value, meaning);
	}
	kvfree(snap);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vmcs);

static int entry_check_show(struct seq_file *m, void *unused)
{
	struct vtr_snapshot *snap = get_snapshot(m->private);
	const struct vtr_entry_check *c;

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	c = &snap->check;
	seq_printf(m, "outcome: %u\nbroken: %u\n", c->outcome, c->broken);
	if (c->broken)
		seq_printf(m, "rule: %s\nfield: 0x%04x\nvalue: 0x%llx\ntext: %s\ncause: %s\nmanual: %s\n",
			   c->rule, c->field, c->value, c->text, c->cause, c->manual);
	kvfree(snap);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(entry_check);

static int exits_show(struct seq_file *m, void *unused)
{
	struct vtr_vcpu *vcpu = m->private;
	const struct vtr_vcpu_stats *s = &vcpu->stats;

	seq_printf(m, "# exits %llu to_user %llu injections %llu migrations %llu guest_ticks %llu\n",
		   READ_ONCE(s->exits), READ_ONCE(s->to_user), READ_ONCE(s->injections),
		   READ_ONCE(s->migrations), READ_ONCE(s->guest_ticks));
	for (u32 reason = 0; reason < VTR_STATS_REASONS; reason++) {
		u64 count = READ_ONCE(s->count[reason]);

		if (count)
			seq_printf(m, "%u %s %llu %llu\n", reason,
				   vtr_backend->reason_name(reason), count,
				   READ_ONCE(s->ticks[reason]));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(exits);

#define SHOWN_RECORDS	64

static int last_exits_show(struct seq_file *m, void *unused)
{
	struct vtr_vcpu *vcpu = m->private;
	const struct vtr_trace_ring *ring = vcpu->ring;
	const struct vtr_trace_record *records = (void *)ring + ring->data_offset;
	/* Records below the head are complete: pairs with vtr_record(). */
	u64 head = smp_load_acquire(&ring->head);

	if (!ring->enabled) {
		seq_puts(m, "# tracing is off for this VM (VTR_VM_TRACE at creation)\n");
		return 0;
	}
	seq_puts(m, "# seq tsc cpu kind reason qualification arg0 arg1 arg2\n");
	for (u64 n = head > SHOWN_RECORDS ? head - SHOWN_RECORDS : 0; n < head; n++) {
		struct vtr_trace_record r = records[n % ring->nr_records];

		/* Overwritten while it was copied: the writer is a lap ahead. */
		smp_rmb();
		if (READ_ONCE(ring->head) - n >= ring->nr_records || r.seq != n)
			continue;
		seq_printf(m, "%llu %llu %u %u %s 0x%llx 0x%llx 0x%llx 0x%llx\n", r.seq, r.tsc,
			   r.cpu, r.kind, vtr_backend->reason_name(r.hw_reason),
			   r.qualification, r.arg0, r.arg1, r.arg2);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(last_exits);

/* ---- files come and go with what they show ----------------------------------------- */

void vtr_inspect_add_vcpu(struct vtr_vcpu *vcpu)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	vcpu->dentry = debugfs_create_dir(name, vcpu->vm->dentry);
	debugfs_create_file("registers", 0400, vcpu->dentry, vcpu, &registers_fops);
	debugfs_create_file("vmcs", 0400, vcpu->dentry, vcpu, &vmcs_fops);
	debugfs_create_file("entry-check", 0400, vcpu->dentry, vcpu, &entry_check_fops);
	debugfs_create_file("exits", 0400, vcpu->dentry, vcpu, &exits_fops);
	debugfs_create_file("last_exits", 0400, vcpu->dentry, vcpu, &last_exits_fops);
}

/* Waits until nobody is inside of a file; sleeps. */
void vtr_inspect_remove_vcpu(struct vtr_vcpu *vcpu)
{
	debugfs_remove(vcpu->dentry);
}

void vtr_inspect_add_vm(struct vtr_vm *vm)
{
	char name[16];

	snprintf(name, sizeof(name), "vm%u", vm->id);
	vm->dentry = debugfs_create_dir(name, root);
	debugfs_create_file("info", 0400, vm->dentry, vm, &info_fops);
	debugfs_create_file("slots", 0400, vm->dentry, vm, &slots_fops);
	debugfs_create_file("ept", 0400, vm->dentry, vm, &ept_fops);
	debugfs_create_file("walk", 0600, vm->dentry, vm, &walk_fops);
}

void vtr_inspect_remove_vm(struct vtr_vm *vm)
{
	debugfs_remove(vm->dentry);
}

void vtr_inspect_init(void)
{
	unsigned int cpu;
	char name[16];

	root = debugfs_create_dir("vitrine", NULL);
	for_each_possible_cpu(cpu) {
		snprintf(name, sizeof(name), "cpu%u", cpu);
		debugfs_create_file(name, 0400, root, (void *)(unsigned long)cpu, &cpu_fops);
	}
}

void vtr_inspect_exit(void)
{
	debugfs_remove(root);
}
