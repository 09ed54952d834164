// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine of the unit tests, and stand-ins for the files of module/ that
 * need a real process or a real processor.
 *
 * Linked instead of main.c, memory.c, ioctl.c and inspect.c: the functions of
 * those that the rest calls are here in a form that a test can look into.
 * Guest memory is a plain array; second-level faults are recorded and answered
 * as the test wishes.  Read next: run_kunit.c for how it is used.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../irqchip.h"
#include "machine.h"

struct vtr_backend *vtr_backend = &fake_backend;
bool vtr_shutting_down;
bool machine_no_memory;

static struct machine *machine_of(struct vtr_vm *vm)
{
	return container_of(vm, struct machine, vm);
}

/* ---- instead of memory.c ------------------------------------------------------ */

int vtr_mem_init(struct vtr_vm *vm)
{
	return -EOPNOTSUPP;
}

void vtr_mem_destroy(struct vtr_vm *vm)
{
}

int vtr_slat_cache_fill(struct vtr_slat_cache *cache)
{
	if (machine_no_memory)
		return -ENOMEM;
	while (cache->nr < VTR_SLAT_CACHE_PAGES) {
		void *page = (void *)get_zeroed_page(GFP_KERNEL);

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

void vtr_mem_flush_if(struct vtr_vm *vm, bool needed)
{
	lockdep_assert_held(&vm->mem.lock);
	machine_of(vm)->slat_flushes += needed;
}

bool vtr_mem_find(struct vtr_vm *vm, u64 gpa, struct vtr_memslot *slot, u32 *index)
{
	struct machine *m = machine_of(vm);
	bool rom = m->rom_from && gpa >= m->rom_from;

	*slot = (struct vtr_memslot) { .flags = rom ? VTR_SLOT_READONLY : 0 };
	return gpa < MACHINE_MEMORY;
}

int vtr_mem_read(struct vtr_vm *vm, u64 gpa, void *data, size_t bytes)
{
	if (gpa >= MACHINE_MEMORY || MACHINE_MEMORY - gpa < bytes)
		return -ENOENT;
	memcpy(data, machine_of(vm)->memory + gpa, bytes);
	return 0;
}

int vtr_mem_write(struct vtr_vm *vm, u64 gpa, const void *data, size_t bytes)
{
	struct machine *m = machine_of(vm);

	if (gpa >= MACHINE_MEMORY || MACHINE_MEMORY - gpa < bytes)
		return -ENOENT;
	if (m->rom_from && gpa >= m->rom_from)
		return -EROFS;
	if (m->write_result)
		return m->write_result;
	memcpy(m->memory + gpa, data, bytes);
	return 0;
}

int vtr_mem_set_bits(struct vtr_vm *vm, u64 gpa, u32 bits)
{
	u32 word;
	int err = vtr_mem_read(vm, gpa, &word, sizeof(word));

	word |= bits;
	return err ?: vtr_mem_write(vm, gpa, &word, sizeof(word));
}

int vtr_mem_fault(struct vtr_vcpu *vcpu, u64 gpa, unsigned int access)
{
	struct machine *m = machine_of(vcpu->vm);

	m->faults++;
	m->fault_gpa = gpa;
	m->fault_access = access;
	return m->fault_result;
}

void vtr_mem_remove_apic_page(struct vtr_vm *vm)
{
	machine_of(vm)->apic_page_removals++;
}

/* ---- instead of inspect.c and ioctl.c ------------------------------------------- */

void vtr_inspect_add_vm(struct vtr_vm *vm)
{
}

void vtr_inspect_remove_vm(struct vtr_vm *vm)
{
}

void vtr_inspect_add_vcpu(struct vtr_vcpu *vcpu)
{
}

void vtr_inspect_remove_vcpu(struct vtr_vcpu *vcpu)
{
}

static int release_vcpu(struct inode *inode, struct file *file)
{
	vtr_vcpu_destroy(file->private_data);
	return 0;
}

const struct file_operations vtr_vm_fops;
const struct file_operations vtr_vcpu_fops = {
	.owner = THIS_MODULE,
	.release = release_vcpu,
};

/* ---- the machine ------------------------------------------------------------------ */

static int start_machine(struct kunit *test, bool irqchip)
{
	const struct vtr_create_vcpu args = { .size = sizeof(args), .id = 0, .apic_id = 5 };
	struct machine *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	machine_no_memory = false;
	m->memory = kunit_kzalloc(test, MACHINE_MEMORY, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->memory);
	strscpy(m->vm.name, "test", sizeof(m->vm.name));
	/* The test holds this one for good: the structure is KUnit's to free. */
	kref_init(&m->vm.ref);
	preempt_notifier_inc();
	mutex_init(&m->vm.lock);
	spin_lock_init(&m->vm.dead_lock);
	m->vm.flags = VTR_VM_TRACE;

	if (irqchip)
		KUNIT_ASSERT_EQ(test, vtr_irqchip_create(&m->vm), 0);
	m->fd = vtr_vcpu_create(&m->vm, &args);
	KUNIT_ASSERT_GE(test, m->fd, 0);
	m->vcpu = to_fake(m->vm.vcpus[0]);
	test->priv = m;
	return 0;
}

int machine_start(struct kunit *test)
{
	return start_machine(test, false);
}

/* The same with the interrupt controllers in the module. */
int machine_start_irqchip(struct kunit *test)
{
	return start_machine(test, true);
}

void machine_finish(struct kunit *test)
{
	struct machine *m = test->priv;

	if (!m)
		return;
	KUNIT_EXPECT_EQ(test, m->vcpu->violations, 0u);
	KUNIT_EXPECT_EQ(test, m->vcpu->loads, m->vcpu->puts);
	KUNIT_EXPECT_EQ(test, m->vcpu->base.mode, (int)VTR_MODE_OUTSIDE);
	close_fd(m->fd);
	/* A kernel thread's last reference to a file is dropped later: do it now. */
	flush_delayed_fput();
	KUNIT_EXPECT_EQ(test, kref_read(&m->vm.ref), 1u);
	KUNIT_EXPECT_NULL(test, m->vm.vcpus[0]);
	vtr_irqchip_destroy(&m->vm);
	preempt_notifier_dec();
	rcu_barrier();
}

/* One VTR_VCPU_RUN with a new script. */
int machine_run(struct machine *m, const struct fake_step *script, unsigned int nr_steps)
{
	struct vtr_vcpu *vcpu = &m->vcpu->base;
	int ret;

	m->vcpu->script = script;
	m->vcpu->nr_steps = nr_steps;
	m->vcpu->entries = 0;
	mutex_lock(&vcpu->mutex);
	ret = vtr_vcpu_run(vcpu);
	mutex_unlock(&vcpu->mutex);
	return ret;
}
