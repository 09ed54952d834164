// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lab 4: a function more between vmx/run.c and vmx_enter().  In no product: only
 * the lab's module has it (labs/4/Kbuild).
 *
 * Somebody writes tasks to debugfs and runs labs/4/guests/carrier.S.  When that
 * guest says that its memory is ready, its VMCS is made the state of each task in
 * turn (states.c), the student's function changes it (break.c, mend.c), and it is
 * entered.  A state that enters executes one CPUID, which exits, or exits while its
 * event is delivered; then the carrier's own fields are put back.  The failure of the
 * last task goes the way of every failed entry, so `vitrine run` explains it, and the
 * fields are put back behind that.
 *
 *	debugfs vitrine-lab4/tasks	write, one a line, numbers in hexadecimal:
 *		valid STATE VALUES
 *		break STATE VALUES RULE
 *		mend STATE VALUES FIELD CLEAR SET ADD	a field of the valid state is spoilt
 *	debugfs vitrine-lab4/given	the last task's VMCS as the student's function got it
 *	debugfs vitrine-lab4/result	what became of the last task
 *
 * The grader looks from outside of the machine at each call of lab4_point(), and at
 * the VM exits.  One carrier at a time.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "../../vmx/check_rules.h"
#include "../../vmx/describe.h"
#include "../../vmx/enter.h"
#include "../../vmx/exit_reasons.h"
#include "../../vmx/vmx.h"
#include "lab4.h"

#define READY		0x34626174	/* the carrier's R12 */
#define MOST_TASKS	80

enum kind { VALID, BREAK, MEND };

/**
 * struct task - one state to be entered
 * @kind: what the student does to it
 * @state: which of the twelve
 * @values: numbers in it follow from this
 * @rule: to be broken, or named by the student
 * @place: field that is spoilt for a state to be mended
 * @clear: its bits that are cleared
 * @set: then, its bits that are set
 * @add: then, what is added to it
 */
struct task {
	enum kind kind;
	enum lab4_state state;
	u32 values;
	enum vmx_rule rule;
	unsigned int place;
	u64 clear;
	u64 set;
	u64 add;
};

static struct {
	struct task task[MOST_TASKS];
	unsigned int nr;		/* to be done at the next entry that is ready */
	const struct task *last;
	void *page;
	bool dirty;			/* the VMCS is still as changed */
	struct vmx_entry_state before;	/* the carrier's */
	struct vmx_entry_state given;
	struct vmx_entry_state entered;
	struct vmx_verdict verdict;
	bool failed;
	u32 error;			/* VM-instruction error */
	u32 reason;			/* exit reason, all bits */
	u64 qualification;
	u64 gpr[VTR_NR_GPRS];
	struct dentry *dentry;
} lab4;

static void (* const break_functions[LAB4_NR_STATES])(enum vmx_rule rule) = {
	[LAB4_REAL]	 = break_real,
	[LAB4_PROTECTED] = break_protected,
	[LAB4_PAE]	 = break_pae,
	[LAB4_V86]	 = break_v86,
	[LAB4_LONG]	 = break_long,
	[LAB4_USER]	 = break_user,
	[LAB4_EXCEPTION] = break_exception,
	[LAB4_INTERRUPT] = break_interrupt,
	[LAB4_NMI]	 = break_nmi,
	[LAB4_AREAS]	 = break_areas,
	[LAB4_APIC]	 = break_apic,
	[LAB4_HOST]	 = break_host,
};

static enum vmx_rule (* const mend_functions[LAB4_NR_STATES])(void) = {
	[LAB4_PROTECTED] = mend_protected,
	[LAB4_V86]	 = mend_v86,
	[LAB4_LONG]	 = mend_long,
	[LAB4_EXCEPTION] = mend_exception,
	[LAB4_AREAS]	 = mend_areas,
	[LAB4_HOST]	 = mend_host,
};

/* ---- for the observer outside ------------------------------------------------------------ */

enum point { POINT_GIVEN, POINT_CHANGED, POINT_FAILED, POINT_DONE };

/*
 * The emulator stops here: labs/4/tests.py.  @number counts the tasks, @value is the
 * rule that the student has named.
 */
noinline void lab4_point(enum point point, unsigned int number, u64 value);
noinline void lab4_point(enum point point, unsigned int number, u64 value)
{
	asm volatile("" : : "D"(point), "S"(number), "d"(value) : "memory");
}

/* ---- changing the VMCS and putting it back ---------------------------------------------- */

static bool is_writable(unsigned int place)
{
	return vmx_field_info(place)->access == VMCS_ACCESS_rw;
}

static void write_field(unsigned int place, u64 value)
{
	vmwrite_raw(vmx_field_info(place)->encoding, value);
}

static void write_state(const struct vmx_entry_state *s)
{
	u64 value;

	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (is_writable(place) && !vmread_raw(vmx_field_info(place)->encoding, &value) &&
		    value != s->field[place])
			write_field(place, s->field[place]);
}

static void spoil(struct vmx_entry_state *s, const struct task *task)
{
	u64 *field = &s->field[task->place];

	*field = ((*field & ~task->clear) | task->set) + task->add;
}

/* ---- one task --------------------------------------------------------------------------- */

/* Return: the rule that the student names. */
static enum vmx_rule let_student_change(const struct task *task)
{
	if (task->kind == BREAK)
		break_functions[task->state](task->rule);
	if (task->kind == MEND)
		return mend_functions[task->state]();
	return VMX_RULE_NONE;
}

static void note_outcome(int failed)
{
	u64 value = 0;

	lab4.error = 0;
	lab4.reason = 0;
	if (failed) {
		vmread_raw(VMCS_VM_INSTRUCTION_ERROR, &value);
		lab4.error = value;
	} else {
		vmread_raw(VMCS_VM_EXIT_REASON, &value);
		lab4.reason = value;
		vmread_raw(VMCS_EXIT_QUALIFICATION, &lab4.qualification);
	}
	lab4.failed = failed || lab4.reason & VMX_EXIT_ENTRY_FAILED;
}

/* Return: what vmx_enter() has returned. */
static int do_task(struct vtr_vmx_vcpu *v, const struct task *task, bool launched)
{
	unsigned int number = task - lab4.task;
	enum vmx_rule named;
	int failed;

	lab4.last = task;
	lab4.given = lab4.before;
	lab4_make_state(&lab4.given, task->state, task->values, lab4.page,
			virt_to_phys(lab4.page));
	if (task->kind == MEND)
		spoil(&lab4.given, task);
	write_state(&lab4.given);
	/* The next guest has the same tag and other page tables. */
	if (v->vpid)
		invvpid(INVVPID_SINGLE, v->vpid);
	vmx_entry_state_read(v, &lab4.given);
	lab4_point(POINT_GIVEN, number, 0);
	named = let_student_change(task);
	vmx_entry_state_read(v, &lab4.entered);
	vmx_check(&lab4.entered, &lab4.verdict);
	lab4_point(POINT_CHANGED, number, named);
	failed = vmx_enter(lab4.gpr, launched);
	if (failed)
		lab4_point(POINT_FAILED, number, 0);
	note_outcome(failed);
	lab4_point(POINT_DONE, number, 0);
	return failed;
}

/* All tasks; the failure of the last one is passed on. */
static int do_tasks(struct vtr_vmx_vcpu *v, u64 *gpr, bool launched)
{
	unsigned int nr = lab4.nr;
	int failed = 0;

	lab4.nr = 0;
	vmx_entry_state_read(v, &lab4.before);
	for (unsigned int i = 0; i < nr; i++) {
		failed = do_task(v, &lab4.task[i], launched);
		if (!lab4.failed)
			launched = true;
	}
	v->vmcs.launched = launched;
	if (lab4.failed) {
		lab4.dirty = true;
		return failed;
	}
	write_state(&lab4.before);
	return vmx_enter(gpr, launched);
}

static int enter(u64 *gpr, bool launched)
{
	struct vtr_vmx_vcpu *v = to_vmx(container_of((u64 (*)[VTR_NR_GPRS])gpr, struct vtr_vcpu,
						     gpr));

	if (!lab4.nr || gpr[VTR_R12] != READY)
		return vmx_enter(gpr, launched);
	return do_tasks(v, gpr, launched);
}

int lab4_enter(u64 *gpr, bool launched);
noinstr int lab4_enter(u64 *gpr, bool launched)
{
	int failed;

	/* A lab may do here what the product must not. */
	instrumentation_begin();
	failed = enter(gpr, launched);
	instrumentation_end();
	return failed;
}

/*
 * In place of vmx_find_broken_rule(), which vmx/run.c calls after each failed entry: which
 * rule a state to be mended breaks is not given away.  Then nobody needs that state any
 * more, so the carrier's own fields come back here.
 */
void lab4_find_broken_rule(struct vtr_vmx_vcpu *v, struct vtr_exit *exit);
void lab4_find_broken_rule(struct vtr_vmx_vcpu *v, struct vtr_exit *exit)
{
	if (!lab4.dirty || lab4.last->kind != MEND)
		vmx_find_broken_rule(v, exit);
	if (lab4.dirty)
		write_state(&lab4.before);
	lab4.dirty = false;
}

/* ---- tasks as text ------------------------------------------------------------------------ */

static int find_state(const char *name)
{
	for (unsigned int i = 0; i < LAB4_NR_STATES; i++)
		if (!strcmp(name, lab4_state_names[i]))
			return i;
	return -EINVAL;
}

static int find_field(const char *name)
{
	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (!strcmp(name, vmx_field_info(place)->name))
			return place;
	return -EINVAL;
}

static int find_rule(const char *name)
{
	for (unsigned int rule = VMX_RULE_NONE + 1; rule < VMX_NR_RULES; rule++)
		if (!strcmp(name, vmx_rule_info(rule)->id))
			return rule;
	return -EINVAL;
}

static int parse_task(struct task *task, const char *line)
{
	char kind[8], state[16], name[48];
	int n, place, found;

	memset(task, 0, sizeof(*task));
	n = sscanf(line, "%7s %15s %x %47s %llx %llx %llx", kind, state, &task->values, name,
		   &task->clear, &task->set, &task->add);
	found = n >= 3 ? find_state(state) : -EINVAL;
	if (found < 0)
		return found;
	task->state = found;
	if (n == 3 && !strcmp(kind, "valid"))
		return 0;
	if (n == 4 && !strcmp(kind, "break")) {
		task->kind = BREAK;
		found = find_rule(name);
		task->rule = found;
		return found < 0 ? found : 0;
	}
	if (n != 7 || strcmp(kind, "mend") || !mend_functions[task->state])
		return -EINVAL;
	task->kind = MEND;
	place = find_field(name);
	task->place = place;
	return place < 0 ? place : 0;
}

static ssize_t tasks_write(struct file *file, const char __user *user, size_t bytes, loff_t *at)
{
	char *text = memdup_user_nul(user, bytes), *rest = text, *line;
	int err = 0;

	if (IS_ERR(text))
		return PTR_ERR(text);
	lab4.nr = 0;
	while (!err && (line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		err = lab4.nr < MOST_TASKS ? parse_task(&lab4.task[lab4.nr], line) : -ENOSPC;
		lab4.nr += !err;
	}
	kfree(text);
	if (err)
		lab4.nr = 0;
	return err ?: bytes;
}

static const struct file_operations tasks_fops = {
	.owner	= THIS_MODULE,
	.write	= tasks_write,
};

/* ---- what a student looks at ---------------------------------------------------------------- */

static int given_show(struct seq_file *m, void *unused)
{
	char meaning[256];

	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++) {
		const struct vmx_field_info *info = vmx_field_info(place);

		if (!is_writable(place))
			continue;
		meaning[0] = 0;
		vmx_describe_field(meaning, sizeof(meaning), info->encoding,
				   lab4.given.field[place], 0);
		if (meaning[0])
			seq_printf(m, "%-32s 0x%-18llx %s\n", info->name,
				   lab4.given.field[place], meaning);
		else
			seq_printf(m, "%-32s 0x%llx\n", info->name, lab4.given.field[place]);
	}
	for (unsigned int i = 0; i < lab4.given.nr_msrs; i++)
		seq_printf(m, "MSR-load area, entry %u: MSR 0x%x, value 0x%llx\n", i + 1,
			   lab4.given.msr[i].index, lab4.given.msr[i].value);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(given);

static void show_changes(struct seq_file *m)
{
	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (is_writable(place) && lab4.given.field[place] != lab4.entered.field[place])
			seq_printf(m, "you changed %s: 0x%llx to 0x%llx\n",
				   vmx_field_info(place)->name, lab4.given.field[place],
				   lab4.entered.field[place]);
}

static int result_show(struct seq_file *m, void *unused)
{
	unsigned int rule;

	if (!lab4.last)
		return 0;
	show_changes(m);
	if (lab4.error)
		seq_printf(m, "entry failed: VM-instruction error %u\n", lab4.error);
	else
		seq_printf(m, "%s: %s, qualification 0x%llx\n",
			   lab4.failed ? "entry failed" : "entered, first exit",
			   vmx_exit_name(lab4.reason), lab4.qualification);
	if (lab4.last->kind == MEND)
		return 0;
	for_each_set_bit(rule, lab4.verdict.broken, VMX_NR_RULES)
		seq_printf(m, "broken rule: %s\n", vmx_rule_info(rule)->id);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

/* For people who change the lab: the text of labs/4/oracle/processor.h. */
static int processor_show(struct seq_file *m, void *unused)
{
	const struct vmx_entry_caps *caps = &lab4.given.caps;

	for (unsigned int word = 0; word < VMX_NR_WORDS; word++)
		seq_printf(m, "\t.must[%u] = 0x%llx, .may[%u] = 0x%llx,\n", word,
			   caps->must[word], word, caps->may[word]);
	seq_printf(m, "\t.cr0_fixed0 = 0x%llx,\n\t.cr0_fixed1 = 0x%llx,\n", caps->cr0_fixed0,
		   caps->cr0_fixed1);
	seq_printf(m, "\t.cr4_fixed0 = 0x%llx,\n\t.cr4_fixed1 = 0x%llx,\n", caps->cr4_fixed0,
		   caps->cr4_fixed1);
	seq_printf(m, "\t.basic = 0x%llx,\n\t.misc = 0x%llx,\n\t.ept_vpid = 0x%llx,\n",
		   caps->basic, caps->misc, caps->ept_vpid);
	seq_printf(m, "\t.vmfunc = 0x%llx,\n\t.perf_global = 0x%llx,\n\t.efer = 0x%llx,\n",
		   caps->vmfunc, caps->perf_global, caps->efer);
	seq_printf(m, "\t.revision = 0x%x,\n\t.phys_bits = %u,\n\t.linear_bits = %u,\n",
		   caps->revision, caps->phys_bits, caps->linear_bits);
	seq_printf(m, "\t.sgx = %u,\n\t.rtm = %u,\n\t.bus_lock = %u,\n\t.x2apic = %u,\n",
		   caps->sgx, caps->rtm, caps->bus_lock, caps->x2apic);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(processor);

/* ---- with the module's life ----------------------------------------------------------------- */

int lab4_hw_init(void);
int lab4_hw_init(void)
{
	int err = vmx_hw_init();

	if (err)
		return err;
	lab4.page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!lab4.page) {
		vmx_hw_exit();
		return -ENOMEM;
	}
	lab4.dentry = debugfs_create_dir("vitrine-lab4", NULL);
	debugfs_create_file("tasks", 0200, lab4.dentry, NULL, &tasks_fops);
	debugfs_create_file("given", 0400, lab4.dentry, NULL, &given_fops);
	debugfs_create_file("processor", 0400, lab4.dentry, NULL, &processor_fops);
	debugfs_create_file("result", 0400, lab4.dentry, NULL, &result_fops);
	return 0;
}

void lab4_hw_exit(void);
void lab4_hw_exit(void)
{
	debugfs_remove(lab4.dentry);
	free_page((unsigned long)lab4.page);
	vmx_hw_exit();
}
