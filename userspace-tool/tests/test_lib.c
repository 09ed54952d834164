// SPDX-License-Identifier: GPL-2.0-only
/*
 * libvitrine over the scripted device: calls, sentences, state records, the
 * trace ring.
 *
 * Proves: failures name call, argument and remedy; nothing stays open; the
 * reader never hands out an overwritten record and counts what it lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "fake.h"
#include "tap.h"

static void test_open(void)
{
	struct vtr_dev *dev;
	unsigned int nr;

	fake_install();
	fake.open_errno = ENOENT;
	is_num(vtr_open(NULL, &dev), -ENOENT, "no device");
	has(vtr_last_error(), "insmod vitrine.ko", "the remedy is named");
	fake.open_errno = ENXIO;
	vtr_open(NULL, &dev);
	has(vtr_last_error(), "left-over node", "a node without driver");
	fake.open_errno = EACCES;
	is_num(vtr_open(NULL, &dev), -EACCES, "no permission");
	has(vtr_last_error(), "Permission denied", "is said");
	fake.open_errno = 0;
	fake.version = 2;
	is_num(vtr_open(NULL, &dev), -EPROTO, "another ABI version");
	has(vtr_last_error(), "version 2", "is named");
	is_num(fake.opened - fake.closed, 0, "a failed open leaves nothing");
	fake.version = VTR_API_VERSION;
	is_num(vtr_open(NULL, &dev), 0, "the device opens");
	is_num(vtr_caps(dev)->tsc_khz, 10000, "capabilities are read");
	is_str(vtr_features(dev, &nr)[1].name, "VPID", "features are listed");
	is_num(nr, 2, "all of them");
	vtr_close(dev);
	is_num(fake.opened - fake.closed, 0, "and closes");
	fake_remove();
}

/* Whom to ask depends on the node's group, so a file stands in for it. */
static void test_permission(void)
{
	const char *path = temp_file("node", "x", 1);
	struct vtr_dev *dev;

	fake_install();
	fake.open_errno = EACCES;
	chmod(path, 0600);
	is_num(vtr_open(path, &dev), -EACCES, "a node for its owner only");
	has(vtr_last_error(), "only root may use it (mode 600)", "says so");
	chmod(path, 0660);
	if (!chown(path, 0, 1)) {
		vtr_open(path, &dev);
		has(vtr_last_error(), "join the group", "a node with a group");
	}
	fake_remove();
}

static void test_vm(void)
{
	static char memory[8192] __attribute__((aligned(4096)));
	struct vtr_vm_info info;
	uint64_t log = 0;
	struct vtr_dev *dev;
	struct vtr_vm *vm;

	fake_install();
	vtr_open(NULL, &dev);
	is_num(vtr_vm_create(dev, "no blanks", 0, 0, &vm), -EINVAL, "bad name");
	has(vtr_last_error(), "VTR_CREATE_VM(name 'no blanks')",
	    "call and argument are named");
	has(vtr_last_error(), "letters, digits", "and the rule");
	is_num(vtr_vm_create(dev,
			     "a-name-that-is-longer-than-32-bytes", 0, 0, &vm),
	       -EINVAL, "a long name never reaches the module");
	is_num(vtr_vm_create(dev, "alice", VTR_VM_TRACE, 0, &vm), 0, "a VM");
	is_num(vtr_vm_set_slot(vm, 0, 0x1234, memory, 4096, 0), -EINVAL,
	       "a misaligned slot");
	has(vtr_last_error(), "multiples of 4 KiB", "its remedy");
	is_num(vtr_vm_set_slot(vm, 0, 0, memory, 4096, 0), 0, "a slot");
	is_num(vtr_vm_set_slot(vm, 1, 0, memory, 4096, 0), -EEXIST, "overlap");
	is_num(vtr_vm_irq_line(vm, 4, true), -ENODEV, "a line without controllers");
	is_num(vtr_vm_send_msi(vm, 0xfee00000, 0x40), -ENODEV, "a message without them");
	has(vtr_last_error(), "made without VTR_IRQCHIP_MODULE", "how to get them");
	is_num(vtr_vm_get_dirty(vm, 0, 0, 8, &log), -ENODATA, "no log");
	has(vtr_last_error(), "VTR_SLOT_DIRTY_LOG", "how to get one");
	is_num(vtr_vm_set_slot(vm, 1, 8192, memory, 4096, VTR_SLOT_DIRTY_LOG), 0,
	       "a slot with a log");
	log = 6;
	is_num(vtr_vm_clear_dirty(vm, 1, 0, 8, &log), 0, "pages to be cleared");
	is_num(vtr_vm_get_dirty(vm, 1, 0, 8, &log), 0, "the log");
	is_num(log, 7, "both bitmaps have reached the module");
	is_num(vtr_vm_info(vm, &info), 0, "information");
	is_str(info.name, "alice", "has the name");
	fake.fail_request = VTR_VM_GET_INFO;
	fake.fail_errno = EIO;
	is_num(vtr_vm_info(vm, &info), -EIO, "another process");
	has(vtr_last_error(), "another process", "is explained");
	vtr_vm_destroy(vm);
	vtr_close(dev);
	is_num(fake.closed, 2, "VM and device are closed");
	fake_remove();
}

static struct vtr_dev *dev;
static struct vtr_vm *vm;
static struct vtr_vcpu *vcpu;

static void setup(uint32_t flags)
{
	fake_install();
	vtr_open(NULL, &dev);
	vtr_vm_create(dev, NULL, flags, 0, &vm);
	vtr_vcpu_create(vm, 0, 0, &vcpu);
}

static void teardown(void)
{
	vtr_vcpu_destroy(vcpu);
	vtr_vm_destroy(vm);
	vtr_close(dev);
	is_num(fake.mapped - fake.unmapped, 0, "every mapping is undone");
	fake_remove();
}

static void test_vcpu(void)
{
	struct vtr_event event = { .kind = VTR_EVENT_NMI, .vector = 2 };
	struct vtr_field fields[2] = { { .encoding = 0x681e },
				       { .encoding = 0x2034 } };
	struct vtr_translate page;
	struct vtr_vcpu_stats stats;
	struct vtr_entry_check check;
	struct vtr_vcpu *again;

	setup(0);
	is_num(vtr_vcpu_create(vm, 0, 0, &again), -EEXIST, "same id twice");
	is_num(vtr_vcpu_run(vcpu), 0, "run");
	is_num(vtr_vcpu_page(vcpu)->exit, VTR_EXIT_HLT, "the page says why");
	vtr_vcpu_stop(vcpu);
	vtr_vcpu_run(vcpu);
	is_num(vtr_vcpu_page(vcpu)->exit, VTR_EXIT_IMMEDIATE, "stop works");
	is_num(vtr_vcpu_inject(vcpu, &event), 0, "inject");
	is_num(fake.cpus[0].injected.vector, 2, "arrives");
	is_num(vtr_vcpu_inject(vcpu, &event), -EBUSY, "a second one waits");
	has(vtr_last_error(), "queued already", "and that is said");
	is_num(vtr_vcpu_translate(vcpu, 0x1000, &page), 0, "translate");
	is_num(page.gpa, 0x1000, "gives the address");
	is_num(vtr_vcpu_translate(vcpu, 1ull << 40, &page), -EFAULT, "unmapped");
	is_num(vtr_vcpu_read_fields(vcpu, VTR_BACKEND_VMX, fields, 2), 0,
	       "raw fields");
	is_num(fields[0].value, 0xfff0, "RIP is one");
	is_num(fields[1].status, ENOENT, "one does not exist");
	is_num(vtr_vcpu_read_fields(vcpu, VTR_BACKEND_SVM, fields, 2), -EINVAL,
	       "fields of another back end");
	is_num(vtr_vcpu_debug(vcpu, VTR_DEBUG_STEP_INSN), 0, "debug");
	is_num(fake.cpus[0].debug, VTR_DEBUG_STEP_INSN, "arrives");
	is_num(vtr_vcpu_check(vcpu, &check), 0, "entry check");
	is_num(check.size, sizeof(check), "has its size");
	is_str(check.rule, "TR_UNUSABLE", "names the rule");
	is_num(vtr_vcpu_stats(vcpu, &stats), 0, "statistics");
	is_num(stats.exits, 1, "count exits");
	teardown();
}

static void test_state(void)
{
	struct vtr_regs regs;
	struct vtr_sregs sregs;
	struct vtr_msr *msrs;
	struct vtr_io_state io = { 0 };
	const struct vtr_state_header *head = NULL;
	unsigned int nr, records = 0;
	uint32_t bytes;
	void *all;

	setup(0);
	is_num(vtr_get_regs(vcpu, &regs), 0, "registers");
	is_num(regs.rip, 0xfff0, "as after reset");
	regs.rip = 0x7c00;
	is_num(vtr_set_regs(vcpu, &regs), 0, "set");
	is_num(fake.cpus[0].regs.rip, 0x7c00, "arrives");
	is_num(vtr_get_sregs(vcpu, &sregs), 0, "segment registers");
	is_num(sregs.cr0, 0x60000010, "as after reset");
	is_num(vtr_get_io_state(vcpu, &io), -ENOENT, "a record that is not given");
	is_num(vtr_set_io_state(vcpu, &io), -EINVAL, "a record that is refused");
	has(vtr_last_error(), "record with id 8", "is named by its id");
	is_num(vtr_get_msrs(vcpu, &msrs, &nr), 0, "MSRs");
	is_num(nr, 2, "as many as there are");
	is_num(vtr_set_msrs(vcpu, msrs, nr), 0, "set");
	free(msrs);
	is_num(vtr_vcpu_get_state(vcpu, 0, &all, &bytes), 0, "all records");
	while ((head = vtr_state_next(all, bytes, head)))
		records++;
	is_num(records, 6, "are six here");
	is_num(vtr_vcpu_set_state(vcpu, all, bytes), 0, "and can be set");
	ok(!vtr_state_next(all, 4, NULL), "half a header is no record");
	free(all);
	teardown();
}

/* A length in a record that would lead out of the buffer ends the walk. */
static void test_state_walk(void)
{
	struct vtr_state_header lie = { .id = 1, .version = 1,
					.bytes = 0xfffffff8 };

	ok(!vtr_state_next(&lie, sizeof(lie), NULL),
	   "a record longer than the buffer is none");
}

static void write_records(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		fake_trace(&fake.cpus[0], VTR_TRACE_ENTRY, i, NULL);
}

static void test_trace(void)
{
	struct vtr_trace_record records[FAKE_RING];
	struct vtr_trace *trace;
	uint64_t lost;

	setup(VTR_VM_TRACE);
	is_num(vtr_trace_open(vcpu, &trace), 0, "the ring opens");
	ok(vtr_trace_enabled(trace), "and records");
	is_num(vtr_trace_read(trace, records, 8, &lost), 0, "empty at first");
	write_records(10);
	is_num(vtr_trace_read(trace, records, 8, &lost), 8, "eight fit");
	is_num(records[7].seq, 7, "in order");
	is_num(vtr_trace_read(trace, records, 8, &lost), 2, "then the rest");
	is_num(lost, 0, "none lost");
	write_records(3 * FAKE_RING);
	is_num(vtr_trace_read(trace, records, FAKE_RING, &lost), FAKE_RING - 1,
	       "after an overrun all but the oldest, which may be half written");
	is_num(lost, 2 * FAKE_RING + 1, "the others are counted as lost");
	is_num(records[0].seq, 10 + 2 * FAKE_RING + 1, "the gap is where it says");
	is_num(records[FAKE_RING - 2].seq, 9 + 3 * FAKE_RING, "up to the newest");
	vtr_trace_close(trace);
	teardown();
}

static void test_trace_refused(void)
{
	struct vtr_trace *trace;

	setup(VTR_VM_TRACE);
	fake.cpus[0].ring->nr_records = 1 << 20;
	is_num(vtr_trace_open(vcpu, &trace), -EPROTO,
	       "a ring larger than its mapping is refused");
	fake.cpus[0].ring->nr_records = FAKE_RING;
	fake.cpus[0].ring->record_bytes = 48;
	is_num(vtr_trace_open(vcpu, &trace), -EPROTO,
	       "records of another size are refused");
	teardown();
}

int main(void)
{
	test_open();
	test_permission();
	test_vm();
	test_vcpu();
	test_state();
	test_state_walk();
	test_trace();
	test_trace_refused();
	return tap_done();
}
