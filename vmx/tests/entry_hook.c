// SPDX-License-Identifier: GPL-2.0-only
/*
 * Breaking the rules of VM entry on a processor.  In no product: only the test
 * module vitrine_entry.ko (tests/entry/Kbuild) has this file.
 *
 * It is Vitrine with one function more between vmx/run.c and vmx_enter(): when a
 * test has armed it, the VMCS is replaced by a state of vmx/tests/entry_states.c
 * right before VMLAUNCH or VMRESUME, and the verdict of vmx_check() is noted.
 * If the entry fails, the fields stay as they are and the failure takes its usual
 * way up: so what a program is told is tested, too.  If it succeeds, the guest is
 * left before its first instruction (preemption timer 0), all is put back, and the
 * guest that the test believes in is entered.
 *
 *	debugfs vitrine-entry/cases	one line a case: its rule
 *	debugfs vitrine-entry/arm	write: good N, bad N, mode N, fuzz SEED;
 *					read: what became of it
 *
 * One thread at a time: the one that has armed it.  Called in the window in which
 * nothing may be traced; tests/entry/entry_test.c is the other side.
 */
#define pr_fmt(fmt) "vitrine: " fmt

#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "../caps.h"
#include "../check_rules.h"
#include "../describe.h"
#include "../enter.h"
#include "../exit_reasons.h"
#include "../insn.h"
#include "../vmx.h"
#include "entry_fuzz.h"
#include "entry_hook.h"
#include "entry_states.h"

enum what { WHAT_GOOD, WHAT_BAD, WHAT_MODE, WHAT_FUZZ };

static const char * const what_names[] = { "good", "bad", "mode", "fuzz" };

/* What became of it. */
enum fate { FATE_NONE, FATE_SKIPPED, FATE_ENTERED, FATE_FAILED };

static struct {
	unsigned long open;		/* bit 0: somebody has the file open */
	struct task_struct *armed;	/* whose next entry is to be changed */
	enum what what;
	u64 number;

	enum fate fate;
	const char *skipped;
	u32 error;			/* VM-instruction error */
	u32 reason;			/* exit reason */
	u64 qualification;

	struct vtr_vmx_vcpu *dirty;	/* its VMCS is still as changed */
	void *page;			/* memory that the changes point to */
	struct vmx_entry_state before;
	struct vmx_entry_state wanted;
	struct vmx_entry_state seen;
	struct vmx_verdict verdict;
	u64 gpr[VTR_NR_GPRS];		/* for guests that execute nothing */
	struct dentry *dentry;
} hook;

/* ---- changing the VMCS and putting it back ----------------------------------------- */

static bool is_writable(unsigned int place)
{
	return vmx_field_info(place)->access == VMCS_ACCESS_rw;
}

/* Return: false if the processor lacks a field that must be written. */
static bool write_wanted(void)
{
	bool all = true;

	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (is_writable(place) && hook.wanted.field[place] != hook.before.field[place] &&
		    vmwrite_raw(vmx_field_info(place)->encoding, hook.wanted.field[place]))
			all = false;
	return all;
}

static void put_back(unsigned int place)
{
	vmwrite_raw(vmx_field_info(place)->encoding, hook.before.field[place]);
}

/* An exit has saved guest state: everything goes back. */
static void put_all_back(void)
{
	u64 value;

	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (is_writable(place) && !vmread_raw(vmx_field_info(place)->encoding, &value) &&
		    value != hook.before.field[place])
			put_back(place);
}

/*
 * After a failure and what came of it: what Vitrine has written meanwhile (host
 * state of another moment) is newer than what was there before.
 */
static void put_changes_back(void)
{
	u64 value;

	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (is_writable(place) && hook.wanted.field[place] != hook.before.field[place] &&
		    !vmread_raw(vmx_field_info(place)->encoding, &value) &&
		    value == hook.wanted.field[place])
			put_back(place);
}

/* ---- the state that is asked for --------------------------------------------------- */

/* Leave the guest before its first instruction. */
static void leave_at_once(struct vmx_entry_state *s)
{
	FIELD(s, PIN_BASED_VM_EXEC_CONTROL) |= VMX_PIN_PREEMPTION_TIMER;
	FIELD(s, VMX_PREEMPTION_TIMER_VALUE) = 0;
}

static void make_wanted(void)
{
	static const struct vmx_test_memory usual;
	const struct vmx_rule_case *c = &vmx_rule_cases[hook.number];
	struct vmx_entry_state *s = &hook.wanted;
	u64 page = virt_to_phys(hook.page);

	*s = hook.before;
	vmx_test_fill_page(hook.page, &usual, s->caps.revision);
	switch (hook.what) {
	case WHAT_MODE:
		vmx_test_guest(s, hook.number);
		leave_at_once(s);
		break;
	case WHAT_FUZZ:
		vmx_fuzz_state(s, hook.number, hook.page, page);
		break;
	default:
		vmx_test_guest(s, c->mode);
		leave_at_once(s);
		vmx_test_fill_page(hook.page,
				   hook.what == WHAT_BAD ? &c->bad_memory : &c->good_memory,
				   s->caps.revision);
		vmx_test_case(s, c, hook.what == WHAT_BAD, page);
	}
}

/* ---- is it worth entering? --------------------------------------------------------- */

static const char *why_not_good(const struct vmx_rule_case *c)
{
	if (c->bad_only || c->unsafe)
		return "not safe to enter";
	return vmx_nr_broken(&hook.verdict) ? "this processor lacks the feature" : NULL;
}

static const char *why_not_bad(const struct vmx_rule_case *c)
{
	if (c->unsafe)
		return "not safe to enter";
	if (!test_bit(c->rule, hook.verdict.broken))
		return "this processor has what the case needs to be missing";
	if (vmx_first_broken(&hook.verdict) != c->rule)
		return "another rule would be named";
	return NULL;
}

static const char *why_not(void)
{
	switch (hook.what) {
	case WHAT_GOOD:
		return why_not_good(&vmx_rule_cases[hook.number]);
	case WHAT_BAD:
		return why_not_bad(&vmx_rule_cases[hook.number]);
	default:
		return NULL;
	}
}

/* ---- the entry --------------------------------------------------------------------- */

static bool left_by_nmi(u64 reason)
{
	u64 info;

	return reason == VMX_EXIT_EXCEPTION_NMI && !vmread_raw(VMCS_VM_EXIT_INTR_INFO, &info) &&
	       ((info >> 8) & 7) == 2;
}

/* Return: what vmx_enter() has returned; hook.fate and the numbers tell. */
static int enter_changed(bool launched)
{
	u64 reason = 0, error = 0;
	int failed = vmx_enter(hook.gpr, launched);

	hook.fate = FATE_FAILED;
	hook.error = 0;
	hook.reason = 0;
	if (failed) {
		vmread_raw(VMCS_VM_INSTRUCTION_ERROR, &error);
		hook.error = error;
		return failed;
	}
	vmread_raw(VMCS_VM_EXIT_REASON, &reason);
	vmread_raw(VMCS_EXIT_QUALIFICATION, &hook.qualification);
	hook.reason = VMX_EXIT_BASIC(reason);
	if (reason & VMX_EXIT_ENTRY_FAILED)
		return 0;
	hook.fate = FATE_ENTERED;
	if (left_by_nmi(reason))
		vmx_host_nmi();
	return 0;
}

static int skip(u64 *gpr, bool launched, const char *why)
{
	put_changes_back();
	hook.fate = FATE_SKIPPED;
	hook.skipped = why;
	return vmx_enter(gpr, launched);
}

static int enter_armed(struct vtr_vmx_vcpu *v, u64 *gpr, bool launched)
{
	const char *why;
	int failed;

	vmx_entry_state_read(v, &hook.before);
	make_wanted();
	/* A random state does without what does not exist. */
	if (!write_wanted() && hook.what != WHAT_FUZZ)
		return skip(gpr, launched, "this processor lacks a field");
	vmx_entry_state_read(v, &hook.seen);
	vmx_check(&hook.seen, &hook.verdict);
	why = why_not();
	if (why)
		return skip(gpr, launched, why);
	failed = enter_changed(launched);
	if (hook.fate == FATE_FAILED) {
		hook.dirty = v;
		return failed;
	}
	put_all_back();
	return vmx_enter(gpr, true);
}

static int enter(u64 *gpr, bool launched)
{
	struct vtr_vmx_vcpu *v = to_vmx(container_of((u64 (*)[VTR_NR_GPRS])gpr, struct vtr_vcpu,
						     gpr));

	if (hook.dirty == v) {
		put_changes_back();
		hook.dirty = NULL;
	}
	if (hook.armed != current)
		return vmx_enter(gpr, launched);
	hook.armed = NULL;
	return enter_armed(v, gpr, launched);
}

noinstr int entry_hook_enter(u64 *gpr, bool launched)
{
	int failed;

	/* A test may do here what the product must not. */
	instrumentation_begin();
	failed = enter(gpr, launched);
	instrumentation_end();
	return failed;
}

/* ---- debugfs ----------------------------------------------------------------------- */

static int cases_show(struct seq_file *m, void *unused)
{
	for (unsigned int i = 0; i < vmx_nr_rule_cases; i++)
		seq_printf(m, "%u %s\n", i, vmx_rule_info(vmx_rule_cases[i].rule)->id);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(cases);

static bool number_is_known(enum what what, u64 number)
{
	switch (what) {
	case WHAT_GOOD:
	case WHAT_BAD:
		return number < vmx_nr_rule_cases;
	case WHAT_MODE:
		return number < VMX_NR_TEST_MODES;
	default:
		return true;
	}
}

static ssize_t arm_write(struct file *file, const char __user *user, size_t bytes, loff_t *at)
{
	char text[64], word[8];
	unsigned long long number;

	if (bytes >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, bytes))
		return -EFAULT;
	text[bytes] = 0;
	if (sscanf(text, "%7s %llu", word, &number) != 2)
		return -EINVAL;
	for (enum what what = WHAT_GOOD; what <= WHAT_FUZZ; what++) {
		if (strcmp(word, what_names[what]) || !number_is_known(what, number))
			continue;
		hook.what = what;
		hook.number = number;
		hook.fate = FATE_NONE;
		hook.armed = current;
		return bytes;
	}
	return -EINVAL;
}

static const char *rule_name(enum vmx_rule rule)
{
	return rule ? vmx_rule_info(rule)->id : "-";
}

/* Which outcomes does the manual allow for this verdict? */
static void show_expected(struct seq_file *m)
{
	const u16 *nr = hook.verdict.nr;

	if (nr[VMX_STAGE_CONTROLS] || nr[VMX_STAGE_HOST])
		seq_printf(m, "%s%s", nr[VMX_STAGE_CONTROLS] ? " error7" : "",
			   nr[VMX_STAGE_HOST] ? " error8" : "");
	else if (nr[VMX_STAGE_GUEST])
		seq_puts(m, " reason33");
	else if (nr[VMX_STAGE_MSRS])
		seq_puts(m, " reason34");
	else
		seq_puts(m, " entered");
	seq_putc(m, '\n');
}

static void show_changes(struct seq_file *m)
{
	for (unsigned int place = 0; place < VMX_NR_FIELDS; place++)
		if (is_writable(place) && hook.seen.field[place] != hook.before.field[place])
			seq_printf(m, "change: %s 0x%llx\n", vmx_field_info(place)->name,
				   hook.seen.field[place]);
	for (unsigned int i = 0; i < hook.seen.nr_msrs; i++)
		seq_printf(m, "msr: 0x%x 0x%x 0x%llx\n", hook.seen.msr[i].index,
			   hook.seen.msr[i].reserved, hook.seen.msr[i].value);
}

static int arm_show(struct seq_file *m, void *unused)
{
	const char *deviation;
	unsigned int rule;
	u32 got;

	seq_printf(m, "asked: %s %llu\n", what_names[hook.what], hook.number);
	if (hook.fate == FATE_NONE) {
		seq_puts(m, "got: nothing\n");
		return 0;
	}
	if (hook.fate == FATE_SKIPPED) {
		seq_printf(m, "got: skipped\nwhy: %s\n", hook.skipped);
		return 0;
	}
	if (hook.fate == FATE_ENTERED)
		seq_puts(m, "got: entered\n");
	else
		seq_printf(m, "got: %s%u\n", hook.error ? "error" : "reason",
			   hook.error ?: hook.reason);
	seq_printf(m, "reason: %u\nqualification: 0x%llx\nfirst: %s\nexpected:", hook.reason,
		   hook.qualification, rule_name(vmx_first_broken(&hook.verdict)));
	show_expected(m);
	got = hook.fate == FATE_ENTERED ? 0 : hook.error ?: hook.reason;
	deviation = vmx_fuzz_deviation(&hook.seen, &hook.verdict, got);
	seq_printf(m, "deviation: %s\n", deviation ?: "-");
	for_each_set_bit(rule, hook.verdict.broken, VMX_NR_RULES)
		seq_printf(m, "broken: %s\n", vmx_rule_info(rule)->id);
	show_changes(m);
	return 0;
}

static int arm_open(struct inode *inode, struct file *file)
{
	int err;

	if (test_and_set_bit(0, &hook.open))
		return -EBUSY;
	hook.dirty = NULL;
	err = single_open_size(file, arm_show, NULL, 64 * 1024);
	if (err)
		clear_bit(0, &hook.open);
	return err;
}

static int arm_release(struct inode *inode, struct file *file)
{
	hook.armed = NULL;
	hook.dirty = NULL;
	clear_bit(0, &hook.open);
	return single_release(inode, file);
}

static const struct file_operations arm_fops = {
	.owner		= THIS_MODULE,
	.open		= arm_open,
	.read		= seq_read,
	.write		= arm_write,
	.llseek		= seq_lseek,
	.release	= arm_release,
};

/* ---- with the module's life -------------------------------------------------------- */

int entry_hook_hw_init(void)
{
	int err = vmx_hw_init();

	if (err)
		return err;
	hook.page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!hook.page) {
		vmx_hw_exit();
		return -ENOMEM;
	}
	hook.dentry = debugfs_create_dir("vitrine-entry", NULL);
	debugfs_create_file("cases", 0400, hook.dentry, NULL, &cases_fops);
	debugfs_create_file("arm", 0600, hook.dentry, NULL, &arm_fops);
	return 0;
}

void entry_hook_hw_exit(void)
{
	debugfs_remove(hook.dentry);
	free_page((unsigned long)hook.page);
	vmx_hw_exit();
}
