// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine step on the scripted device: steps by exit and by instruction, keys,
 * and how stepping ends.
 *
 * Proves: what changed is shown with the step that changed it; both ways to
 * step by instruction look alike; the terminal is left as it was found.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "cli.h"
#include "fake.h"
#include "tap.h"

static const char *guest;

static void fresh(void)
{
	fake_remove();
	fake_install();
}

static void out_text(unsigned int cpu, uint16_t port, const char *text)
{
	for (; *text; text++)
		fake_out(cpu, port, 1, (uint8_t)*text);
}

static void script(void)
{
	fresh();
	fake_cpuid(0);
	out_text(0, 0xe9, "Hi\n");
	fake_hypercall(0, 0x1002, 0);
	fake_hlt(0);
}

static void test_step(void)
{
	const struct cli *c;
	cJSON *json;

	script();
	c = cli("step", "--count", "2", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "step");
	has(c->out, "step 1\n  0x1000:  f4", "the instruction's bytes");
	has(c->out, "hlt  (16-bit)", "and text");
	has(c->out, "4 guest OS → 3 hypervisor (vmx, module) → back",
	    "the way of an exit that the module finished");
	has(c->out, "RAX        0x0 → 0x1234", "registers that changed");
	has(c->out, "GUEST_RIP                    0x1000 → 0x1002",
	    "fields that changed");
	has(c->out, "3 tool → back", "the way of one that the tool finished");
	has(c->out, "OUT port 0xe9, 1 byte", "the qualification in words");
	has(c->out, "console    \"H\"", "what the guest says");
	has_not(c->out, "step 3", "--count ends it");
	c = cli("step", "--flat", "0x1000", guest, NULL);
	has(c->out, "finished", "to the end");
	c = cli("step", "--until", "hypercall", "--flat", "0x1000", guest,
		NULL);
	is_num(c->status, 0, "--until");
	has(c->out, "step 5\n", "prints the step looked for");
	has_not(c->out, "step 1\n", "and only that");
	has(c->out, "hypercall 0x1002(0x0) = 0x1", "and the tool's answer");
	c = cli("step", "--until", "msr", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "an exit that never comes");
	c = cli("step", "--json", "-n", "1", "--flat", "0x1000", guest, NULL);
	json = cJSON_Parse(c->out);
	is_str(cJSON_GetObjectItem(json, "kind")->valuestring, "cpuid",
	       "--json: an object a step");
	cJSON_Delete(json);
	c = cli("step", "--insn", "--exit", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 2, "both units");
	fake.backend = VTR_BACKEND_FAKE;
	c = cli("step", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "a back end without VMCS");
	has(c->err, "only VMX has a VMCS", "is said");
}

static void test_step_refused(void)
{
	const struct cli *c;

	fresh();
	fake_add(0, (struct fake_step){ FAKE_TO_USER,
		 .exit = VTR_EXIT_FAIL_ENTRY, .hw_kind = VTR_HW_FAIL,
		 .insn_error = 7, .sentence = "bad control field" });
	c = cli("step", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 121, "step: a refused entry");
	has(c->out, "the guest was not entered", "has its own way");
	has(c->out, "none: VM-instruction error 7", "and no exit reason");
}

/* The answer to an IN is in RAX after its step, not after the next one. */
static void test_step_in(void)
{
	const struct cli *c;

	fresh();
	fake_in(0, 0x3fd, 1);
	c = cli("step", "-n", "1", "--flat", "0x1000", guest, NULL);
	has(c->out, "the tool answers 0x60", "an IN is answered");
	has(c->out, "RAX        0x0 → 0x60", "within the step");
}

static void test_step_keys(void)
{
	const struct cli *c;

	script();
	c = cli_with_keys("n", "step", "--count", "1", "--flat", "0x1000",
			  guest, NULL);
	has_not(c->out, "[n e i", "with --count no key is asked for");
	c = cli_with_keys("n\nrvhxq", "step", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "step with keys");
	has(c->out, "next:\n  0x1000:", "shows where the guest stands");
	has(c->out, "step 2\n", "n and Enter step");
	has_not(c->out, "step 3\n", "and nothing else");
	has(c->out, "flags:", "r shows registers");
	has(c->out, "EPT_POINTER", "v shows the VMCS");
	has(c->out, "q         quit", "h and unknown keys show help");
	ok(cli_terminal_restored(), "the terminal is as it was");
	c = cli_with_keys("c", "step", "--flat", "0x1000", guest, NULL);
	has(c->out, "finished", "c goes on to the end");
	c = cli_with_keys("cq", "step", "-u", "hypercall", "--flat", "0x1000",
			  guest, NULL);
	has(c->out, "hypercall 0x1002", "or to --until");
	has_not(c->out, "finished", "and no further");
}

/* The same guest, by the monitor trap flag and by the trap flag. */
static void test_step_insn(bool trap_flag, bool left_over)
{
	const char *by = !trap_flag ? "by MTF" : !left_over ? "by TF" :
			 "by TF, with traps left over";
	const struct cli *c;

	fresh();
	fake.no_insn_step = trap_flag;
	fake.left_over = left_over;
	fake_add(0, (struct fake_step){ .what = FAKE_INSN, .insn_bytes = 3,
					.rax = 7 });
	fake_add(0, (struct fake_step){ .what = FAKE_HANDLED,
		 .hw_kind = VTR_HW_SLAT, .hw_reason = 48 });
	fake_add(0, (struct fake_step){ .what = FAKE_INSN, .insn_bytes = 1 });
	fake_cpuid(0);
	fake_in(0, 0x3fd, 1);
	fake_hlt(0);
	c = cli("step", "--insn", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, by);
	has(c->out, "step 1\n  0x1000:", "the first instruction");
	has(c->out, "4 guest OS alone", "makes no exit of its own");
	has(c->out, "RAX        0x0 → 0x7", "and changes RAX");
	has_not(c->out, "RFLAGS", "TF is not seen");
	has(c->out, "0x1003 → 0x1004", "the next one is stepped");
	has(c->out, "10 CPUID", "an instruction that exits");
	has(c->out, "the tool answers 0x60", "one that the tool finishes");
	has(c->out, "RAX        0x1234 → 0x60", "with its answer");
	has(c->out, "finished", "HLT ends the guest");
	if (trap_flag)
		has_not(c->out, "step 6\n", "five instructions are five steps");
}

static void test_step_insn_events(void)
{
	const struct cli *c;

	fresh();
	fake.no_insn_step = true;
	fake_add(0, (struct fake_step){ .what = FAKE_INSN, .self_jump = true });
	fake_cpuid(0);
	c = cli("step", "-i", "-n", "1", "--flat", "0x1000", guest, NULL);
	has(c->out, "step 1\n", "a jump to itself");
	has_not(c->out, "CPUID", "is one step");
	fresh();
	fake.no_insn_step = true;
	fake_add(0, (struct fake_step){ .what = FAKE_INSN, .insn_bytes = 1 });
	fake_add(0, (struct fake_step){ .what = FAKE_DEAF });
	c = cli("step", "-i", "-t", "0.2", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 124, "a step that never ends is stopped");
	fake.fail_request = VTR_VCPU_DEBUG;
	fake.fail_errno = EIO;
	c = cli("step", "-i", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "another failure is one");
	has(c->err, "VTR_VCPU_DEBUG", "and is named");
}

static void test_step_stop(void)
{
	const struct cli *c;

	fresh();
	fake_add(0, (struct fake_step){ .what = FAKE_SPIN });
	c = cli("step", "--timeout", "0.2", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 124, "step --timeout");
	c = cli_signalled(SIGINT, "step", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 130, "Ctrl-C ends a step");
}

int main(void)
{
	fake_install();
	guest = temp_file("guest.bin", "\xf4\xf4\xf4\xf4", 4);
	test_step();
	test_step_refused();
	test_step_in();
	test_step_keys();
	test_step_insn(false, false);
	test_step_insn(true, false);
	test_step_insn(true, true);
	test_step_insn_events();
	test_step_stop();
	fake_remove();
	return tap_done();
}
