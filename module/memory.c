// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: slots, second-level faults, and giving memory back to the host.
 *
 * Guest memory is ordinary memory of the process that made the VM.  Nothing is
 * mapped ahead and nothing is pinned: a guest access without a translation
 * exits (an EPT violation), vtr_mem_fault() finds the page that the host has
 * there and maps it; when the host changes its mapping (munmap, swap,
 * copy-on-write, huge page split, ...) the MMU notifier removes ours first.
 *
 * The race between the two, and how it is closed:
 *
 *	fault					notifier
 *	(1) seq = mem->seq			(a) lock; invalidating++; zap
 *	(2) look the page up (may sleep)	(b) make every vCPU drop its cached
 *	(3) lock				    translations, wait for it; unlock
 *	(4) invalidating or seq changed?	(c) the host changes its mapping
 *	    unlock and let the guest retry	(d) lock; seq++; invalidating--; unlock
 *	(5) map; unlock
 *
 * Whatever (2) found is used only if no invalidation was under way or has
 * ended since (1).  Changing the slot table counts as an invalidation.
 * Called by module/handle.c (faults) and module/ioctl.c (slots).  Read next:
 * module/slots.c (pure rules), module/dirty.c (which pages the guest has
 * written to), ept/ept.c (the tables), docs/memory.md.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "irqchip.h"
#include "trace.h"

/**
 * vtr_slat_cache_fill() - make sure that a map operation finds its table pages
 * @cache: the vCPU's cache
 *
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int vtr_slat_cache_fill(struct vtr_slat_cache *cache)
{
	while (cache->nr < VTR_SLAT_CACHE_PAGES) {
		void *page = (void *)get_zeroed_page(VTR_GFP_CHARGED);

		if (!page)
			return -ENOMEM;
		cache->pages[cache->nr++] = page;
	}
	return 0;
}

void vtr_slat_cache_drain(struct vtr_slat_cache *cache)
{
	while (cache->nr)
		free_page((unsigned long)cache->pages[--cache->nr]);
}

/* ---- the host takes memory back ------------------------------------------- */

static struct vtr_vm *vm_of(struct mmu_notifier *mn)
{
	return container_of(mn, struct vtr_vm, mem.notifier);
}

/*
 * Make every vCPU forget what it cached, and wait for it.  With the lock held:
 * a second invalidation of the same range finds no leaf and would otherwise go
 * on while the first one still waits for a vCPU.  The interrupts that are sent
 * here are taken by cores that spin on the lock, too.
 */
void vtr_mem_flush_if(struct vtr_vm *vm, bool needed)
{
	lockdep_assert_held(&vm->mem.lock);
	if (needed)
		vtr_vm_kick_all(vm, VTR_REQ_FLUSH, true);
}

/*
 * A leaf goes that the guest may have written through.  The host's own mapping
 * of the page still stands, because it waits for the lock that is held here:
 * the page can neither be freed nor leave its file.
 */
static void note_page_dirty(u64 hpa, unsigned int level)
{
	set_page_dirty(pfn_to_page(hpa >> PAGE_SHIFT));
}

/* Do @op to the leaves behind [start, end) of the host's addresses.  Lock held. */
static u64 for_hva_range(struct vtr_vm *vm, u64 start, u64 end,
			 u64 (*op)(struct vtr_slat_root *root, u64 start, u64 end))
{
	struct vtr_mem *mem = &vm->mem;
	struct vtr_memslots *slots =
		rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->lock));
	u64 hits = 0;

	for (unsigned int i = 0; i < VTR_MAX_SLOTS; i++) {
		u64 gpa_start, gpa_end;

		if (vtr_slot_overlap_hva(&slots->slot[i], start, end, &gpa_start, &gpa_end))
			hits += op(mem->root, gpa_start, gpa_end);
	}
	return hits;
}

static u64 zap_hva_range(struct vtr_vm *vm, u64 start, u64 end)
{
	u64 zapped = for_hva_range(vm, start, end, vm->mem.root->ops->zap);

	vm->mem.zaps += zapped;
	return zapped;
}

static int invalidate_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vtr_vm *vm = vm_of(mn);
	u64 zapped;

	spin_lock(&vm->mem.lock);
	vm->mem.invalidating++;
	zapped = zap_hva_range(vm, range->start, range->end);
	vtr_mem_flush_if(vm, zapped);
	spin_unlock(&vm->mem.lock);

	if (zapped)
		trace_vtr_zap(vm->id, range->start, range->end, zapped);
	return 0;
}

static void invalidate_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vtr_mem *mem = &vm_of(mn)->mem;

	spin_lock(&mem->lock);
	mem->seq++;
	WARN_ON_ONCE(!mem->invalidating--);
	spin_unlock(&mem->lock);
}

/* The process exits: its memory goes, whoever still holds the VM fd. */
static void release_mm(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct vtr_vm *vm = vm_of(mn);

	spin_lock(&vm->mem.lock);
	vm->mem.seq++;
	vtr_mem_flush_if(vm, zap_hva_range(vm, 0, TASK_SIZE_MAX));
	spin_unlock(&vm->mem.lock);
}

/*
 * The host asks which pages are in use.  Called with its page-table lock held.
 * Where the processor keeps no accessed bits the leaves are removed, and come
 * back with the next access.
 */
static int clear_young(struct vtr_vm *vm, unsigned long start, unsigned long end, bool flush)
{
	struct vtr_slat_root *root = vm->mem.root;
	u64 young;

	spin_lock(&vm->mem.lock);
	young = for_hva_range(vm, start, end, root->ops->age);
	if (!root->accessed_dirty)
		vm->mem.zaps += young;
	vtr_mem_flush_if(vm, young && (flush || !root->accessed_dirty));
	spin_unlock(&vm->mem.lock);
	return young != 0;
}

static int notifier_clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
				      unsigned long start, unsigned long end)
{
	return clear_young(vm_of(mn), start, end, true);
}

/* A processor that has cached the bit may not set it again: good enough here. */
static int notifier_clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
				unsigned long start, unsigned long end)
{
	return clear_young(vm_of(mn), start, end, false);
}

static int notifier_test_young(struct mmu_notifier *mn, struct mm_struct *mm,
			       unsigned long address)
{
	struct vtr_vm *vm = vm_of(mn);
	u64 young;

	spin_lock(&vm->mem.lock);
	young = for_hva_range(vm, address, address + PAGE_SIZE, vm->mem.root->ops->young);
	spin_unlock(&vm->mem.lock);
	return young != 0;
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = notifier_clear_flush_young,
	.clear_young = notifier_clear_young,
	.test_young = notifier_test_young,
	.release = release_mm,
};

/* ---- slots ---------------------------------------------------------------- */

/* Context: the creator's thread. */
int vtr_mem_init(struct vtr_vm *vm)
{
	struct vtr_mem *mem = &vm->mem;
	struct vtr_memslots *slots;
	int err;

	mutex_init(&mem->slots_lock);
	spin_lock_init(&mem->lock);
	slots = kvzalloc(sizeof(*slots), VTR_GFP_CHARGED);
	if (!slots)
		return -ENOMEM;
	RCU_INIT_POINTER(mem->slots, slots);

	mem->root = vtr_backend->info.slat->root_create();
	if (IS_ERR(mem->root)) {
		err = PTR_ERR(mem->root);
		goto free_slots;
	}
	mem->root->page_dirty = note_page_dirty;
	mem->root->accessed_dirty = vtr_backend->info.slat_ad;
	mem->notifier.ops = &notifier_ops;
	err = mmu_notifier_register(&mem->notifier, vm->mm);
	if (err)
		goto destroy_root;
	return 0;

destroy_root:
	mem->root->ops->root_destroy(mem->root);
free_slots:
	kvfree(slots);
	return err;
}

/* Context: sleeps; no vCPU is left. */
void vtr_mem_destroy(struct vtr_vm *vm)
{
	struct vtr_mem *mem = &vm->mem;
	struct vtr_memslots *slots;

	mmu_notifier_unregister(&mem->notifier, vm->mm);
	mem->root->ops->root_destroy(mem->root);
	slots = rcu_dereference_protected(mem->slots, true);
	for (unsigned int i = 0; i < VTR_MAX_SLOTS; i++)
		kvfree(slots->slot[i].dirty);
	kvfree(slots);
}

/*
 * With accessed and dirty bits the processor's reads of the guest's page tables
 * count as writes: SDM 3C "Accessed and Dirty Flags for EPT" (29.3.5).  Page
 * tables in read-only memory, as firmware has them, could never be walked.  So
 * a VM that gets such memory goes on without the bits, from empty tables.
 * Return: number of leaves removed.
 */
static u64 stop_accessed_dirty(struct vtr_mem *mem)
{
	lockdep_assert_held(&mem->lock);
	if (!mem->root->accessed_dirty)
		return 0;
	mem->root->accessed_dirty = false;
	return mem->root->ops->zap(mem->root, 0, BIT_ULL(vtr_backend->info.gpa_bits)) + 1;
}

/* The page that stands for the local APIC, if there is one.  Return: leaves removed. */
static u64 zap_apic_page(struct vtr_vm *vm)
{
	struct vtr_slat_root *root = vm->mem.root;

	lockdep_assert_held(&vm->mem.lock);
	if (!vm->irqchip || !vm->irqchip->access_page)
		return 0;
	return root->ops->zap(root, VTR_APIC_BASE, VTR_APIC_BASE + VTR_APIC_BYTES);
}

/* The table changes here.  Guest addresses in [zap, zap_end) lose their leaves. */
static void publish_slots(struct vtr_vm *vm, struct vtr_memslots *new, u64 zap, u64 zap_end,
			  bool readonly)
{
	struct vtr_mem *mem = &vm->mem;
	u64 gone;

	spin_lock(&mem->lock);
	rcu_assign_pointer(mem->slots, new);
	mem->seq++;
	gone = mem->root->ops->zap(mem->root, zap, zap_end);
	if (readonly)
		gone += stop_accessed_dirty(mem);
	/* Memory that is new goes before the page of the local APIC. */
	gone += zap_apic_page(vm);
	vtr_mem_flush_if(vm, gone);
	spin_unlock(&mem->lock);
}

/* Is @args @slot, but for the log of writes? */
static bool only_log_changes(const struct vtr_memslot *slot, const struct vtr_slot *args)
{
	return slot->bytes && slot->gpa == args->gpa && slot->bytes == args->bytes &&
	       slot->hva == args->hva && !((slot->flags ^ args->flags) & ~VTR_SLOT_DIRTY_LOG);
}

/* Fill @slot from @args; @log is the log that it keeps, or NULL.  Return: 0 or -ENOMEM. */
static int fill_slot(struct vtr_memslot *slot, const struct vtr_slot *args, u64 *log)
{
	*slot = (struct vtr_memslot) {};
	if (!args->bytes)
		return 0;
	*slot = (struct vtr_memslot) {
		.gpa = args->gpa, .bytes = args->bytes, .hva = args->hva,
		.flags = args->flags, .dirty = log,
	};
	return vtr_dirty_alloc(slot);
}

/* The slot @was has become @slot: @keep says that only its log may have changed. */
static void switch_log(struct vtr_vm *vm, const struct vtr_memslot *was,
		       const struct vtr_memslot *slot, bool keep)
{
	if (was->dirty == slot->dirty)
		return;
	if (keep && slot->dirty)
		vtr_dirty_start(vm, slot);
	else if (keep)
		vtr_mem_collapse(vm, slot);
	/* Who uses a log holds the lock, and has looked at the table under it. */
	kvfree(was->dirty);
}

static int set_slot_locked(struct vtr_vm *vm, const struct vtr_slot *args,
			   struct vtr_memslots *old, struct vtr_memslots *new)
{
	int err = vtr_slots_check(old, args, vtr_backend->info.gpa_bits, TASK_SIZE_MAX);
	struct vtr_memslot was, *slot;
	unsigned int nr;
	bool keep;

	if (err)
		return err;
	nr = array_index_nospec(args->slot, VTR_MAX_SLOTS);
	was = old->slot[nr];
	slot = &new->slot[nr];
	keep = only_log_changes(&was, args);
	memcpy(new->slot, old->slot, sizeof(new->slot));
	err = fill_slot(slot, args, keep ? was.dirty : NULL);
	if (err)
		return err;
	vtr_slots_sort(new);
	publish_slots(vm, new, was.gpa, was.gpa + (keep ? 0 : was.bytes),
		      slot->flags & VTR_SLOT_READONLY);
	switch_log(vm, &was, slot, keep);
	return 0;
}

/**
 * vtr_mem_set_slot() - set, change, move or delete a memory slot
 * @vm: the VM
 * @args: padding checked by the caller
 *
 * Guest addresses of the old slot lose their translations before this returns.
 * If only the log of writes is switched, they stay.
 * Context: process of the VM's creator; sleeps.
 * Return: 0, -ENOMEM, or as vtr_slots_check().
 */
int vtr_mem_set_slot(struct vtr_vm *vm, const struct vtr_slot *args)
{
	struct vtr_mem *mem = &vm->mem;
	struct vtr_memslots *old, *new;
	int err;

	new = kvmalloc(sizeof(*new), VTR_GFP_CHARGED);
	if (!new)
		return -ENOMEM;

	mutex_lock(&mem->slots_lock);
	old = rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->slots_lock));
	err = set_slot_locked(vm, args, old, new);
	mutex_unlock(&mem->slots_lock);
	if (err)
		kvfree(new);
	else
		kvfree_rcu(old, rcu);
	return err;
}

/* Copy the slot that holds @gpa.  Return: false if there is none. */
bool vtr_mem_find(struct vtr_vm *vm, u64 gpa, struct vtr_memslot *slot, u32 *index)
{
	const struct vtr_memslots *slots;
	const struct vtr_memslot *found;

	rcu_read_lock();
	slots = rcu_dereference(vm->mem.slots);
	found = vtr_slots_find(slots, gpa);
	if (found) {
		*slot = *found;
		if (index)
			*index = found - slots->slot;
	}
	rcu_read_unlock();
	return found;
}

/* ---- faults --------------------------------------------------------------- */

/* How the host maps an address now. */
struct host_mapping {
	unsigned int level;	/* VTR_SLAT_4K, _2M, _1G; 0: not mapped */
	bool writable;
	u64 hpa;		/* of the 4 KiB page at the address */
};

/*
 * Read the host's own page tables.  Whether a page is part of a huge page says
 * nothing about how it is mapped (its mapping may be split), so look there.
 * Context: mem->lock held and no invalidation under way, so that what is read
 * stays true until the lock is dropped; interrupts off keep the tables from
 * being freed, as in the kernel's own lockless walkers.
 */
static struct host_mapping read_host_mapping(struct mm_struct *mm, u64 hva)
{
	struct host_mapping m = {};
	unsigned long flags;
	pgd_t *pgd;
	p4d_t *p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t pte;

	local_irq_save(flags);
	pgd = pgd_offset(mm, hva);
	if (pgd_none(READ_ONCE(*pgd)))
		goto out;
	p4d = p4d_offset(pgd, hva);
	if (p4d_none(READ_ONCE(*p4d)) || !p4d_present(READ_ONCE(*p4d)))
		goto out;
	pudp = pud_offset(p4d, hva);
	pud = READ_ONCE(*pudp);
	if (pud_none(pud) || !pud_present(pud))
		goto out;
	if (pud_leaf(pud)) {
		m.level = VTR_SLAT_1G;
		m.writable = pud_write(pud);
		m.hpa = ((u64)pud_pfn(pud) << PAGE_SHIFT) + (hva & ~PUD_MASK & PAGE_MASK);
		goto out;
	}
	pmdp = pmd_offset(pudp, hva);
	pmd = READ_ONCE(*pmdp);
	if (pmd_none(pmd) || !pmd_present(pmd))
		goto out;
	if (pmd_leaf(pmd)) {
		m.level = VTR_SLAT_2M;
		m.writable = pmd_write(pmd);
		m.hpa = ((u64)pmd_pfn(pmd) << PAGE_SHIFT) + (hva & ~PMD_MASK & PAGE_MASK);
		goto out;
	}
	pte = READ_ONCE(*pte_offset_kernel(pmdp, hva));
	if (!pte_present(pte))
		goto out;
	m.level = VTR_SLAT_4K;
	m.writable = pte_write(pte);
	m.hpa = (u64)pte_pfn(pte) << PAGE_SHIFT;
out:
	local_irq_restore(flags);
	return m;
}

static bool backend_has_leaf(unsigned int level)
{
	return level == VTR_SLAT_4K || (level == VTR_SLAT_2M && vtr_backend->info.slat_2m) ||
	       (level == VTR_SLAT_1G && vtr_backend->info.slat_1g);
}

/* The largest leaf around @gpa that host, slot and processor allow. */
static unsigned int best_level(const struct vtr_memslot *slot, u64 gpa, unsigned int host_level)
{
	unsigned int level = host_level;

	/* LAB 5.6: return VTR_SLAT_4K; */
	while (!backend_has_leaf(level) ||
	       !vtr_slot_allows_leaf(slot, gpa, vtr_slat_leaf_bytes(level)))
		level--;
	return level;
	/* LAB 5.6 END */
}

/*
 * A table of smaller leaves stands where a large one will go.  Take it out and
 * free it once no vCPU walks it any more.  Return: was there one?
 */
static bool remove_table(struct vtr_vm *vm, u64 gpa, unsigned int level)
{
	struct vtr_slat_root *root = vm->mem.root;

	lockdep_assert_held(&vm->mem.lock);
	if (level == VTR_SLAT_4K || !root->ops->detach(root, gpa, level))
		return false;
	vtr_mem_flush_if(vm, true);
	root->ops->reap(root);
	vm->mem.collapses++;
	return true;
}

/*
 * Let large leaves come back to a slot whose pages were mapped one by one:
 * remove the tables wherever the host maps a huge page.  The next access maps
 * it at once.
 * Context: slots_lock held; sleeps.
 */
void vtr_mem_collapse(struct vtr_vm *vm, const struct vtr_memslot *slot)
{
	struct vtr_mem *mem = &vm->mem;
	u64 end = slot->gpa + slot->bytes, gpa = slot->gpa;

	lockdep_assert_held(&mem->slots_lock);
	while (gpa < end) {
		struct host_mapping host;
		u64 bytes = SZ_2M;

		spin_lock(&mem->lock);
		host = read_host_mapping(vm->mm, slot->hva + (gpa - slot->gpa));
		/* What is changing now is zapped by the notifier anyway. */
		if (!mem->invalidating && host.level) {
			unsigned int level = best_level(slot, gpa, host.level);

			remove_table(vm, gpa, level);
			bytes = max_t(u64, bytes, vtr_slat_leaf_bytes(level));
		}
		spin_unlock(&mem->lock);
		gpa = ALIGN_DOWN(gpa, bytes) + bytes;
		cond_resched();
	}
}

/* Steps (3) to (5).  Return: as vtr_slat_ops.map, or -EAGAIN: look it up again. */
static int map_page(struct vtr_vcpu *vcpu, u64 gpa, const struct vtr_memslot *slot,
		    struct page *page, bool write, u64 seq)
{
	struct vtr_mem *mem = &vcpu->vm->mem;
	unsigned int rights = VTR_SLAT_READ | VTR_SLAT_EXEC, level;
	struct host_mapping host;
	int ret = -EAGAIN;
	u64 bytes;

	/* LAB 5.5: return -ENOSYS; */
	spin_lock(&mem->lock);
	if (mem->invalidating || mem->seq != seq)
		goto unlock;
	host = read_host_mapping(vcpu->vm->mm, slot->hva + (gpa - slot->gpa));
	/* Not mapped the way it was looked up: somebody is quicker, try again. */
	if (!host.level || (write && !host.writable) || host.hpa != page_to_phys(page))
		goto unlock;

	if (host.writable && !(slot->flags & VTR_SLOT_READONLY) &&
	    vtr_dirty_may_write(slot, gpa, write))
		rights |= VTR_SLAT_WRITE;
	level = best_level(slot, gpa, host.level);
	bytes = vtr_slat_leaf_bytes(level);
	remove_table(vcpu->vm, gpa, level);
	ret = mem->root->ops->map(mem->root, &vcpu->cache, ALIGN_DOWN(gpa, bytes),
				  ALIGN_DOWN(host.hpa, bytes), level, rights);
	if (ret >= 0)
		mem->faults++;
	/* A leaf was replaced: vCPUs may hold the old one. */
	vtr_mem_flush_if(vcpu->vm, ret == 1);
unlock:
	spin_unlock(&mem->lock);
	return ret;
	/* LAB 5.5 END */
}

/*
 * No slot is there.  If the processor shall notice accesses to the local APIC by
 * itself, a page of the module stands at its address.
 * Return: 0: try again; -ENOENT: nothing is there; -ENOMEM.
 */
static int map_apic_page(struct vtr_vcpu *vcpu, u64 gpa, unsigned int access)
{
	struct vtr_irqchip *chip = vcpu->vm->irqchip;
	struct vtr_mem *mem = &vcpu->vm->mem;
	const struct vtr_memslots *slots;
	int ret = -ENOENT;

	if (!chip || !chip->access_page || access & VTR_SLAT_EXEC ||
	    ALIGN_DOWN(gpa, PAGE_SIZE) != VTR_APIC_BASE)
		return -ENOENT;
	if (vtr_slat_cache_fill(&vcpu->cache))
		return -ENOMEM;
	spin_lock(&mem->lock);
	slots = rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->lock));
	if (!chip->access_gone && !vtr_slots_find(slots, VTR_APIC_BASE))
		ret = mem->root->ops->map(mem->root, &vcpu->cache, VTR_APIC_BASE,
					  virt_to_phys(chip->access_page), VTR_SLAT_4K,
					  VTR_SLAT_READ | VTR_SLAT_WRITE);
	vtr_mem_flush_if(vcpu->vm, ret == 1);
	spin_unlock(&mem->lock);
	return min(ret, 0);
}

/**
 * vtr_mem_remove_apic_page() - a vCPU's APIC has no page at VTR_APIC_BASE any more
 * @vm: the VM
 *
 * All vCPUs share the second-level tables: from now on each access faults, and is
 * decoded.
 * Context: process; preemption may be off.
 */
void vtr_mem_remove_apic_page(struct vtr_vm *vm)
{
	spin_lock(&vm->mem.lock);
	vm->irqchip->access_gone = true;
	vtr_mem_flush_if(vm, zap_apic_page(vm));
	spin_unlock(&vm->mem.lock);
}

/**
 * vtr_mem_fault() - serve a second-level fault
 * @vcpu: the vCPU that exited
 * @gpa: the guest physical address
 * @access: VTR_SLAT_*: what the guest wanted
 *
 * Context: the vCPU's thread, in the VM's address space; sleeps.
 * Return: 0: let the guest try again (mapped, or lost a race that it will win
 * later); -ENOENT: no slot there; -EROFS: write to a read-only slot; -EFAULT:
 * the process has no usable memory behind the slot; -ENOMEM; -EINTR: killed;
 * -EHWPOISON: the memory is broken.
 */
int vtr_mem_fault(struct vtr_vcpu *vcpu, u64 gpa, unsigned int access)
{
	struct vtr_vm *vm = vcpu->vm;
	struct vtr_mem *mem = &vm->mem;
	bool write = access & VTR_SLAT_WRITE;
	struct vtr_memslot slot;
	struct page *page;
	u64 seq, hva;
	int ret;

	seq = READ_ONCE(mem->seq);
	/* Step (1) before step (2); pairs with the lock around seq++. */
	smp_rmb();
	if (!vtr_mem_find(vm, gpa, &slot, NULL))
		return map_apic_page(vcpu, gpa, access);
	if (write && (slot.flags & VTR_SLOT_READONLY))
		return -EROFS;

	ret = vtr_slat_cache_fill(&vcpu->cache);
	if (ret)
		return ret;
	hva = slot.hva + (ALIGN_DOWN(gpa, PAGE_SIZE) - slot.gpa);
	/* LAB 5.5: ret = vtr_lab_fault(&mem->lock, mem->root, &vcpu->cache, hva, gpa, write); */
	ret = get_user_pages_fast(hva, 1, write ? FOLL_WRITE : 0, &page);
	if (ret < 0)
		return ret;
	ret = map_page(vcpu, gpa, &slot, page, write, seq);
	put_page(page);
	/* LAB 5.5 END */
	trace_vtr_slat_fault(vm->id, vcpu->id, gpa, access, ret);
	return ret == -EAGAIN || ret >= 0 ? 0 : ret;
}
