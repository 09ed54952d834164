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
 * module/slots.c (pure rules), ept/ept.c (the tables), docs/memory.md.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "trace.h"
#include "vtr.h"

/**
 * vtr_slat_cache_fill() - make sure that a map operation finds its table pages
 * @cache: the vCPU's cache
 *
 * The pages are charged to the caller's memory cgroup.
 * Context: process; sleeps.
 * Return: 0 or -ENOMEM.
 */
int vtr_slat_cache_fill(struct vtr_slat_cache *cache)
{
	while (cache->nr < VTR_SLAT_CACHE_PAGES) {
		void *page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

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
static void flush_if(struct vtr_vm *vm, bool needed)
{
	lockdep_assert_held(&vm->mem.lock);
	if (needed)
		vtr_vm_kick_all(vm, VTR_REQ_FLUSH, true);
}

/* Remove every leaf behind [start, end) of the host's addresses.  Lock held. */
static u64 zap_hva_range(struct vtr_vm *vm, u64 start, u64 end)
{
	struct vtr_mem *mem = &vm->mem;
	struct vtr_memslots *slots =
		rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->lock));
	u64 zapped = 0;

	for (unsigned int i = 0; i < VTR_MAX_SLOTS; i++) {
		u64 gpa_start, gpa_end;

		if (vtr_slot_overlap_hva(&slots->slot[i], start, end, &gpa_start, &gpa_end))
			zapped += mem->root->ops->zap(mem->root, gpa_start, gpa_end);
	}
	mem->zaps += zapped;
	return zapped;
}

static int invalidate_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vtr_vm *vm = vm_of(mn);
	u64 zapped;

	spin_lock(&vm->mem.lock);
	vm->mem.invalidating++;
	zapped = zap_hva_range(vm, range->start, range->end);
	flush_if(vm, zapped);
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
	flush_if(vm, zap_hva_range(vm, 0, TASK_SIZE_MAX));
	spin_unlock(&vm->mem.lock);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
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
	slots = kvzalloc(sizeof(*slots), GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;
	RCU_INIT_POINTER(mem->slots, slots);

	mem->root = vtr_backend->info.slat->root_create();
	if (IS_ERR(mem->root)) {
		err = PTR_ERR(mem->root);
		goto free_slots;
	}
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

	mmu_notifier_unregister(&mem->notifier, vm->mm);
	mem->root->ops->root_destroy(mem->root);
	kvfree(rcu_dereference_protected(mem->slots, true));
}

/**
 * vtr_mem_set_slot() - set, change or delete a memory slot
 * @vm: the VM
 * @args: padding checked by the caller
 *
 * Guest addresses of the old slot lose their translations before this returns.
 * Context: process of the VM's creator; sleeps.
 * Return: 0, -ENOMEM, or as vtr_slots_check().
 */
int vtr_mem_set_slot(struct vtr_vm *vm, const struct vtr_slot *args)
{
	struct vtr_mem *mem = &vm->mem;
	struct vtr_memslots *old, *new;
	struct vtr_memslot *slot;
	int err;

	new = kvmalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;

	mutex_lock(&mem->slots_lock);
	old = rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->slots_lock));
	err = vtr_slots_check(old, args, vtr_backend->info.gpa_bits, TASK_SIZE_MAX);
	if (err) {
		mutex_unlock(&mem->slots_lock);
		kvfree(new);
		return err;
	}
	memcpy(new->slot, old->slot, sizeof(new->slot));
	slot = &new->slot[args->slot];
	*slot = (struct vtr_memslot) {};
	if (args->bytes)
		*slot = (struct vtr_memslot) {
			.gpa = args->gpa, .bytes = args->bytes,
			.hva = args->hva, .flags = args->flags,
		};

	spin_lock(&mem->lock);
	rcu_assign_pointer(mem->slots, new);
	mem->seq++;
	slot = &old->slot[args->slot];
	if (slot->bytes)
		flush_if(vm, mem->root->ops->zap(mem->root, slot->gpa,
						 slot->gpa + slot->bytes));
	spin_unlock(&mem->lock);
	mutex_unlock(&mem->slots_lock);
	kvfree_rcu(old, rcu);
	return 0;
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

/**
 * vtr_mem_read() - copy guest memory
 * @vm: the VM
 * @gpa: guest physical address
 * @data: where to
 * @bytes: how much; must lie in one slot
 *
 * Context: thread of the VM's creator; sleeps.
 * Return: 0; -ENOENT if no slot holds all of it; -EFAULT.
 */
int vtr_mem_read(struct vtr_vm *vm, u64 gpa, void *data, size_t bytes)
{
	struct vtr_memslot slot;

	if (!vtr_mem_find(vm, gpa, &slot, NULL) || slot.bytes - (gpa - slot.gpa) < bytes)
		return -ENOENT;
	if (copy_from_user(data, (void __user *)(slot.hva + (gpa - slot.gpa)), bytes))
		return -EFAULT;
	return 0;
}

/* The process' address of writable guest memory.  Return: 0, -ENOENT or -EROFS. */
static int find_writable(struct vtr_vm *vm, u64 gpa, size_t bytes, void __user **hva)
{
	struct vtr_memslot slot;

	if (!vtr_mem_find(vm, gpa, &slot, NULL) || slot.bytes - (gpa - slot.gpa) < bytes)
		return -ENOENT;
	if (slot.flags & VTR_SLOT_READONLY)
		return -EROFS;
	*hva = (void __user *)(slot.hva + (gpa - slot.gpa));
	return 0;
}

/**
 * vtr_mem_write() - copy into guest memory
 * @vm: the VM
 * @gpa: guest physical address
 * @data: from where
 * @bytes: how much; must lie in one slot
 *
 * Context: thread of the VM's creator; sleeps.
 * Return: 0; -ENOENT if no slot holds all of it; -EROFS; -EFAULT.
 */
int vtr_mem_write(struct vtr_vm *vm, u64 gpa, const void *data, size_t bytes)
{
	void __user *hva;
	int err = find_writable(vm, gpa, bytes, &hva);

	if (err)
		return err;
	return copy_to_user(hva, data, bytes) ? -EFAULT : 0;
}

/**
 * vtr_mem_set_bits() - set bits of a 32-bit word of guest memory, atomically
 * @vm: the VM
 * @gpa: guest physical address, 4-byte aligned
 * @bits: bits to set
 *
 * Context: thread of the VM's creator; sleeps.
 * Return: as vtr_mem_write().
 */
int vtr_mem_set_bits(struct vtr_vm *vm, u64 gpa, u32 bits)
{
	void __user *hva;
	u32 old;
	int err = find_writable(vm, gpa, sizeof(old), &hva);

	if (err)
		return err;
	if (get_user(old, (u32 __user *)hva))
		return -EFAULT;
	/* Others change the word, too: @old is what they have left if this fails. */
	do {
		err = vtr_try_cmpxchg_user((u32 __user *)hva, &old, old | bits);
	} while (err > 0);
	return err;
}

/* ---- faults --------------------------------------------------------------- */

/* How the host maps an address now. */
struct host_mapping {
	unsigned int level;	/* VTR_SLAT_4K, VTR_SLAT_2M; 0: not mapped */
	bool writable;
	u64 hpa;
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
		/* A 1 GiB host page: map its 2 MiB part. */
		m.level = VTR_SLAT_2M;
		m.writable = pud_write(pud);
		m.hpa = ((u64)pud_pfn(pud) << PAGE_SHIFT) + (hva & ~PUD_MASK & PMD_MASK);
		goto out;
	}
	pmdp = pmd_offset(pudp, hva);
	pmd = READ_ONCE(*pmdp);
	if (pmd_none(pmd) || !pmd_present(pmd))
		goto out;
	if (pmd_leaf(pmd)) {
		m.level = VTR_SLAT_2M;
		m.writable = pmd_write(pmd);
		m.hpa = (u64)pmd_pfn(pmd) << PAGE_SHIFT;
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

/* May the 2 MiB around @gpa be mapped as one leaf, as far as the slot goes? */
static bool slot_allows_2m(const struct vtr_memslot *slot, u64 gpa)
{
	u64 start = ALIGN_DOWN(gpa, SZ_2M);

	return vtr_backend->info.slat_2m && IS_ALIGNED(slot->gpa ^ slot->hva, SZ_2M) &&
	       start >= slot->gpa && start + SZ_2M <= slot->gpa + slot->bytes;
}

/* Steps (3) to (5).  Return: as vtr_slat_ops.map, or -EAGAIN: look it up again. */
static int map_page(struct vtr_vcpu *vcpu, u64 gpa, const struct vtr_memslot *slot,
		    struct page *page, bool write, u64 seq, bool *writable)
{
	struct vtr_mem *mem = &vcpu->vm->mem;
	struct vtr_slat_root *root = mem->root;
	struct host_mapping host;
	unsigned int rights;
	int ret = -EAGAIN;

	spin_lock(&mem->lock);
	if (mem->invalidating || mem->seq != seq)
		goto unlock;
	host = read_host_mapping(vcpu->vm->mm, slot->hva + (gpa - slot->gpa));
	/* Not mapped the way it was looked up: somebody is quicker, try again. */
	if (!host.level || (write && !host.writable))
		goto unlock;
	if (host.level == VTR_SLAT_4K && host.hpa != page_to_phys(page))
		goto unlock;

	*writable = host.writable && !(slot->flags & VTR_SLOT_READONLY);
	rights = VTR_SLAT_READ | VTR_SLAT_EXEC | (*writable ? VTR_SLAT_WRITE : 0);
	ret = -EEXIST;
	if (host.level == VTR_SLAT_2M && slot_allows_2m(slot, gpa))
		ret = root->ops->map(root, &vcpu->cache, ALIGN_DOWN(gpa, SZ_2M),
				     host.hpa, VTR_SLAT_2M, rights);
	if (ret == -EEXIST)
		ret = root->ops->map(root, &vcpu->cache, ALIGN_DOWN(gpa, SZ_4K),
				     page_to_phys(page), VTR_SLAT_4K, rights);
	if (ret >= 0)
		mem->faults++;
	/* A leaf was replaced: vCPUs may hold the old one. */
	flush_if(vcpu->vm, ret == 1);
unlock:
	spin_unlock(&mem->lock);
	return ret;
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
	bool write = access & VTR_SLAT_WRITE, writable = false;
	struct vtr_memslot slot;
	struct page *page;
	u64 seq;
	int ret;

	seq = READ_ONCE(vm->mem.seq);
	/* Step (1) before step (2); pairs with the lock around seq++. */
	smp_rmb();
	if (!vtr_mem_find(vm, gpa, &slot, NULL))
		return -ENOENT;
	if (write && (slot.flags & VTR_SLOT_READONLY))
		return -EROFS;

	ret = vtr_slat_cache_fill(&vcpu->cache);
	if (ret)
		return ret;
	ret = get_user_pages_fast(slot.hva + (ALIGN_DOWN(gpa, PAGE_SIZE) - slot.gpa), 1,
				  write ? FOLL_WRITE : 0, &page);
	if (ret < 0)
		return ret;

	ret = map_page(vcpu, gpa, &slot, page, write, seq, &writable);
	/*
	 * The guest may write from now on without a further fault.  The host
	 * cleans a page only after it has write-protected it, which removes the
	 * leaf first, so saying it once per mapping is enough.
	 */
	if (ret >= 0 && writable)
		set_page_dirty_lock(page);
	put_page(page);
	trace_vtr_slat_fault(vm->id, vcpu->id, gpa, access, ret);
	return ret == -EAGAIN || ret >= 0 ? 0 : ret;
}
