// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole tool on the scripted device: command line, exit codes, output.
 *
 * Each case writes a script for the fake, runs the tool in a child process and
 * looks at exit code, stdout and stderr.  Leaks change the exit code.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* ---- the command line ---- */

static void test_usage(void)
{
	const struct cli *c;

	fresh();
	c = cli(NULL, NULL);
	is_num(c->status, 2, "no command");
	has(c->err, "vitrine --help", "gets the hint");
	c = cli("dance", NULL);
	is_num(c->status, 2, "an unknown command");
	has(c->err, "no command 'dance'", "is named");
	c = cli("--help", NULL);
	is_num(c->status, 0, "--help");
	has(c->out, "doctor", "lists the commands");
	c = cli("--version", NULL);
	has(c->out, "ABI version 1", "--version");
	c = cli("run", NULL);
	is_num(c->status, 2, "run without guest");
	has(c->err, "no GUEST given; see 'vitrine run --help'", "says so");
	c = cli("run", "--frobnicate", guest, NULL);
	is_num(c->status, 2, "an unknown option");
	has(c->err, "unknown option '--frobnicate'", "is named");
	c = cli("run", "-Q", guest, NULL);
	has(c->err, "unknown option '-Q'", "a short one too");
	c = cli("run", guest, "--memory", NULL);
	has(c->err, "'--memory' needs a value", "a missing value");
	c = cli("run", "--strict-io=1", guest, NULL);
	has(c->err, "takes no value", "a flag with a value");
	c = cli("run", "a", "b", NULL);
	has(c->err, "'b': one GUEST only", "two guests");
	c = cli("ps", "x", NULL);
	is_num(c->status, 2, "ps takes no guest");
}

static void test_values(void)
{
	const struct cli *c;

	fresh();
	c = cli("run", "--memory", "64X", guest, NULL);
	is_num(c->status, 2, "a bad size");
	has(c->err, "--memory: '64X' is not a size", "is explained");
	c = cli("run", "--memory", "99999999999G", guest, NULL);
	has(c->err, "too large", "a size that overflows");
	c = cli("run", "--memory", "4K", guest, NULL);
	has(c->err, "out of range: 64K to 65536M", "a size out of range");
	c = cli("run", "--memory", "1M1", guest, NULL);
	is_num(c->status, 2, "rubbish behind the suffix");
	c = cli("run", "--cpus", "0", guest, NULL);
	has(c->err, "--cpus: 0 is out of range: 1 to 64", "no vCPU");
	c = cli("run", "--cpus", "65", guest, NULL);
	is_num(c->status, 2, "more vCPUs than any VM has");
	c = cli("run", "--memory", "65G", guest, NULL);
	has(c->err, "out of range: 64K to 65536M", "more memory than allowed");
	c = cli("run", "--cpus", "-1", guest, NULL);
	has(c->err, "'-1' is not a number", "a negative number");
	c = cli("run", "--timeout", "soon", guest, NULL);
	has(c->err, "--timeout: 'soon' is not a time", "a bad time");
	c = cli("run", "--timeout", "nan", guest, NULL);
	is_num(c->status, 2, "no number at all");
	c = cli("run", "--mode", "unreal", guest, NULL);
	has(c->err, "'unreal' is none of: auto, real, protected, long",
	    "a bad choice lists the good ones");
	c = cli("run", "--memory", "65K", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "a size that is no multiple of 4K");
	has(c->err, "no multiple of 4K", "is explained");
}

/* Every option that exists is in its command's help, with its default. */
static void test_help(void)
{
	static const char *const commands[] = {
		"doctor", "run", "step", "exits", "vmcs", "ept", "ps",
		"explain", "console", "stop", "reset", "pause", "resume",
	};

	fresh();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct cli *c = cli(commands[i], "--help", NULL);
		char usage[64];

		is_num(c->status, 0, commands[i]);
		snprintf(usage, sizeof(usage), "usage: vitrine %s",
			 commands[i]);
		has(c->out, usage, "... has a usage line");
		has(c->out, "--json", "... and knows --json");
	}
	has(cli("run", "-h", NULL)->out, "[64M]", "defaults are shown");
}

/* ---- run ---- */

static void test_run_console(void)
{
	const struct cli *c;

	fresh();
	out_text(0, 0x3f8, "Hello\n");
	out_text(0, 0xe9, "debug\n");
	fake_hypercall(0, 0x1000, '!');
	fake_hlt(0);
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "a guest that halts");
	is_str(c->out, "Hello\ndebug\n!", "its three consoles");
	is_str(c->err, "", "nothing else is said");
	c = cli("run", "-v", "--flat", "0x1000", guest, NULL);
	has(c->err, "enters real mode at 0x1000", "--verbose: how it begins");
	has(c->err, "finished", "--verbose: how it ends");
	c = cli("run", "--serial", "none", "--flat", "0x1000", guest, NULL);
	is_str(c->out, "", "--serial none");
	c = cli("run", "--serial", temp_path("console"), "--flat", "0x1000",
		guest, NULL);
	is_str(c->out, "", "--serial FILE");
	c = cli("run", "--serial", "/nonexistent/x", "--flat", "0x1000", guest,
		NULL);
	is_num(c->status, 1, "a file that cannot be written");
	has(c->err, "/nonexistent/x", "is named");
}

static void test_run_status(void)
{
	const struct cli *c;

	fresh();
	fake_out(0, 0x501, 4, 5);
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 11, "debug exit: (5 << 1) | 1");
	fresh();
	fake_out(0, 0xf4, 4, 0);
	c = cli("run", "--debug-exit", "0xf4", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "debug exit at another port");
	c = cli("run", "--debug-exit", "0x3f9", "--flat", "0x1000", guest,
		NULL);
	is_num(c->status, 1, "debug exit on top of the serial port");
	has(c->err, "overlaps serial", "is refused");
	fresh();
	fake_hypercall(0, 0x1001, 42);
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 42, "exit by hypercall");
	fresh();
	fake_add(0, (struct fake_step){ FAKE_TO_USER,
		 .exit = VTR_EXIT_SHUTDOWN, .hw_reason = 2 });
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 120, "triple fault");
	has(c->err, "triple fault at RIP", "in words");
	fresh();
	fake_add(0, (struct fake_step){ FAKE_TO_USER,
		 .exit = VTR_EXIT_FAIL_ENTRY, .insn_error = 7,
		 .sentence = "bad control field" });
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 121, "refused entry");
	has(c->err, "instruction error 7", "with its number");
	has(c->err, "bad control field", "and the module's sentence");
	fresh();
	fake_add(0, (struct fake_step){ FAKE_TO_USER, .exit = VTR_EXIT_STOPPED,
		 .sentence = "write to 0xd0000000, where there is no memory" });
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 122, "stopped by the module");
	has(c->err, "where there is no memory", "with its sentence");
	fresh();
	fake_add(0, (struct fake_step){ FAKE_TO_USER, .exit = 99 });
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "an exit kind that the tool does not know");
	has(c->err, "exit kind 99", "is named");
	fresh();
	fake_add(0, (struct fake_step){ FAKE_ERRNO, .err = EFAULT });
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "a failing call");
	has(c->err, "VTR_VCPU_RUN(vCPU 0)", "is named");
}

static void test_run_ports(void)
{
	const struct cli *c;

	fresh();
	fake_in(0, 0x70, 1);
	fake_out(0, 0x80, 2, 1);
	c = cli("run", "-v", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "unknown ports are ignored");
	has(c->err, "1 reads, 2 writes, last at 0x81", "and counted");
	c = cli("run", "--irqchip", "--all-cpus", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "--all-cpus and start-up IPIs exclude each other");
	has(c->err, "starts its vCPUs itself", "which is said");
	c = cli("run", "--strict-io", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 123, "--strict-io stops");
	has(c->err, "reads port 0x70 (1 bytes)", "and names the port");
}

static void add_mmio(uint64_t gpa, bool read, uint64_t data)
{
	fake_add(0, (struct fake_step){ FAKE_TO_USER, .exit = VTR_EXIT_MMIO,
		 .gpa = gpa, .bytes = 8, .is_in = read, .data = data });
}

static void test_run_memory_bus(void)
{
	const struct cli *c;

	fresh();
	add_mmio(0xd0000040, false, 0x1122334455667788);
	add_mmio(0xd0000040, true, 0x1122334455667788);
	add_mmio(0xe0000000, true, ~0ull);
	add_mmio(0xe0000008, false, 0);
	c = cli("run", "-v", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "devices in memory are served");
	ok(!strstr(c->err, "wrong answer"),
	   "the demo device reads back, no device reads as ones");
	has(c->err, "reads 8 bytes at guest physical address 0xe0000000",
	    "and is named");
	ok(!strstr(c->err, "0xe0000008, RIP"), "once");
	has(c->err, "8 read, 8 written, last at 0xe000000f", "and counted");
	c = cli("run", "--strict-io", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 123, "--strict-io stops");
	has(c->err, "neither memory nor a device", "and says why");
}

static void test_run_string(void)
{
	const struct cli *c;

	fresh();
	fake_add(0, (struct fake_step){ FAKE_TO_USER, .exit = VTR_EXIT_IO,
		 .port = 0xe9, .bytes = 1, .count = 4, .data = 0x0a433242 });
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "a string to a port");
	has(c->out, "B2C\n", "arrives element by element");
}

static void test_run_stop(void)
{
	const struct cli *c;

	fresh();
	fake_add(0, (struct fake_step){ .what = FAKE_SPIN });
	c = cli("run", "--timeout", "0.2", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 124, "time-out");
	has(c->err, "within 0.200 s", "in words");
	c = cli_signalled(SIGTERM, "run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 143, "SIGTERM stops the VM");
	has(c->err, "stopped by Terminated", "and is named");
	c = cli_signalled(SIGINT, "run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 130, "SIGINT too");
	fresh();
	fake_add(0, (struct fake_step){ .what = FAKE_DEAF });
	c = cli_signalled(SIGTERM, "run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 143, "a kick that came too early is not lost");
}

static void test_run_cpus(void)
{
	const struct cli *c;

	fresh();
	fake_hlt(0);
	fake_add(1, (struct fake_step){ .what = FAKE_SPIN });
	c = cli("run", "--cpus", "2", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "the second vCPU does not run by itself");
	c = cli("run", "--cpus", "2", "--all-cpus", "-t", "0.2", "--flat",
		"0x1000", guest, NULL);
	is_num(c->status, 124, "with --all-cpus it does");
	fresh();
	out_text(0, 0xe9, "aaaa");
	out_text(1, 0xe9, "aaaa");
	c = cli("run", "--cpus", "2", "--all-cpus", "--flat", "0x1000", guest,
		NULL);
	is_num(c->status, 0, "the VM ends when all have halted");
	is_str(c->out, "aaaaaaaa", "both have run");
	c = cli("run", "--cpus", "9", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "more vCPUs than the module takes");
	has(c->err, "at most 4", "is said");
}

static void test_run_input(void)
{
	const struct cli *c;

	fresh();
	/* Poll until the byte is there is not scriptable: wait, then read. */
	fake_add(0, (struct fake_step){ .what = FAKE_SPIN });
	c = cli_with_input("x", "run", "--timeout", "0.1", "--flat", "0x1000",
			   guest, NULL);
	is_num(c->status, 124, "input and end of input stop nothing");
}

static void test_run_device(void)
{
	const struct cli *c;

	fresh();
	fake.open_errno = ENOENT;
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "without the module");
	has(c->err, "insmod vitrine.ko", "the remedy is named");
	fresh();
	c = cli("run", "--name", "two words", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "a bad name");
	has(c->err, "letters, digits", "the rule is named");
	c = cli("run", "/nonexistent", NULL);
	is_num(c->status, 1, "a missing guest");
	has(c->err, "/nonexistent: No such file", "is named");
	fake.fail_request = VTR_VM_CREATE_VCPU;
	fake.fail_errno = ENOMEM;
	c = cli("run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "no memory for a vCPU");
	has(c->err, "VTR_VM_CREATE_VCPU", "the call is named");
}

static void script(void)
{
	fresh();
	fake_cpuid(0);
	out_text(0, 0xe9, "Hi\n");
	fake_hypercall(0, 0x1002, 0);
	fake_hlt(0);
}

static void test_run_views(void)
{
	const struct cli *c;
	cJSON *json;

	script();
	c = cli("run", "--exits", "--stats", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "run --exits --stats");
	is_str(c->out, "Hi\n", "stdout is the guest's");
	has(c->err, "OUT 0xe9, 1 byte: 0x48 'H'", "a row an exit");
	has(c->err, "4 → 3 → 4", "with its way");
	has(c->err, "6 exits", "and the sum");
	c = cli("run", "--trace", "--flat", "0x1000", guest, NULL);
	has(c->err, "to user   3 → 2 → 3 tool", "--trace: a line a record");
	c = cli("run", "--trace-file", "/nonexistent/t", "--flat", "0x1000",
		guest, NULL);
	is_num(c->status, 1, "a trace file that cannot be written");
	c = cli("run", "--json", "--stats", "--flat", "0x1000", guest, NULL);
	json = cJSON_Parse(c->out);
	ok(json, "--json: stdout is JSON");
	is_str(c->err, "Hi\n", "the guest's console is on stderr then");
	is_num(cJSON_GetObjectItem(json, "marks")->valuedouble, 1,
	       "marks are counted");
	is_str(cJSON_GetObjectItem(json, "outcome")->valuestring, "halted",
	       "the outcome");
	cJSON_Delete(json);
}

/* ---- exits and vmcs ---- */

static void test_exits(void)
{
	const struct cli *c;
	cJSON *json;

	script();
	c = cli("exits", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "exits");
	has(c->out, "Hi\n", "the guest's output");
	has(c->out, "4 → 3 → 2 → 3 tool → 2 → 3 → 4  IO", "rows");
	has(c->out, "CPUID", "exits that the module finished");
	has(c->out, "6 exits", "the summary");
	c = cli("exits", "--summary", "--flat", "0x1000", guest, NULL);
	has_not(c->out, "guest RIP", "--summary: no rows");
	c = cli("exits", "--limit", "2", "--flat", "0x1000", guest, NULL);
	has(c->out, "4 more exits are not shown", "--limit");
	has(c->out, "6 exits", "counts all the same");
	c = cli("exits", "--json", "--flat", "0x1000", guest, NULL);
	json = cJSON_Parse(c->out);
	is_num(cJSON_GetArraySize(cJSON_GetObjectItem(json, "exits")), 6,
	       "--json: six rows");
	cJSON_Delete(json);
	c = cli("exits", NULL);
	is_num(c->status, 2, "neither guest nor VM");
	c = cli("exits", "--vm", "x", guest, NULL);
	is_num(c->status, 2, "both");
	fresh();
	fake_out(0, 0x501, 1, 3);
	c = cli("exits", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "a guest's own status is no failure here");
	fresh();
	fake_add(0, (struct fake_step){ FAKE_TO_USER,
		 .exit = VTR_EXIT_SHUTDOWN, .hw_reason = 2 });
	c = cli("exits", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 120, "a triple fault is");
}

/* More records than the ring holds, without coming up to the tool. */
static void test_exits_lost(void)
{
	const struct cli *c;

	fresh();
	for (unsigned int i = 0; i < 40; i++)
		fake_cpuid(0);
	c = cli("exits", "--flat", "0x1000", guest, NULL);
	has(c->out, "trace records were overwritten", "lost records are told");
}

static void test_run_keys(void)
{
	const struct cli *c;

	fresh();
	fake_add(0, (struct fake_step){ .what = FAKE_SPIN });
	c = cli_with_keys("ab\x01x", "run", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "Ctrl-A x ends the VM");
	ok(cli_terminal_restored(), "the terminal is as it was");
	c = cli_with_keys("\x01\x01", "run", "-t", "0.2", "--flat", "0x1000",
			  guest, NULL);
	is_num(c->status, 124, "Ctrl-A twice does not");
	ok(cli_terminal_restored(), "the terminal is restored after a time-out");
}

static void test_vmcs(void)
{
	const struct cli *c;
	cJSON *json;

	script();
	c = cli("vmcs", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "vmcs");
	has(c->out, "GUEST_RIP                        0x681e  0x1002",
	    "after the first exit");
	has(c->out, "HLT exiting", "controls in words");
	has_not(c->out, "TERTIARY_VM_EXEC_CONTROL",
		"a field that does not exist is left out");
	has_not(c->out, "HOST_RIP", "a hidden one too");
	c = cli("vmcs", "--at-exit", "0", "--flat", "0x1000", guest, NULL);
	has(c->out, "GUEST_RIP                        0x681e  0x1000",
	    "--at-exit 0: before the first entry");
	c = cli("vmcs", "--diff", "--group", "guest_registers", "--flat",
		"0x1000", guest, NULL);
	is_str(c->out,
	       "guest_registers:\n  GUEST_RIP                        0x681e  0x1000 → 0x1002              Instruction pointer; after a fault-like exit it still points at the instruction.\n",
	       "--diff --group");
	c = cli("vmcs", "--group", "nonsense", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 2, "an unknown group");
	has(c->err, "guest_segments", "the known ones are listed");
	c = cli("vmcs", "--at-exit", "0", "--diff", "--flat", "0x1000", guest,
		NULL);
	is_num(c->status, 2, "a difference needs an exit");
	c = cli("vmcs", "--at-exit", "99", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "an exit that never comes");
	has(c->err, "made only 6 exits", "is said");
	c = cli("vmcs", "--json", "--group", "guest_tables", "--flat", "0x1000",
		guest, NULL);
	json = cJSON_Parse(c->out);
	ok(cJSON_GetArraySize(json) > 0, "--json");
	cJSON_Delete(json);
}

/* ---- debugfs and doctor ---- */

static char top[256];

static void in_tree(const char *tree, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", tree, name);
	for (char *slash = path + strlen(tree) + 1;
	     (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		mkdir(path, 0700);
	}
	file = fopen(path, "we");
	if (!file)
		exit(99);
	fputs(text, file);
	fclose(file);
}

static const char *make_tree(const char *name)
{
	snprintf(top, sizeof(top), "%s", temp_path(name));
	mkdir(top, 0700);
	return top;
}

static void remove_tree(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	if (system(command))
		exit(99);
}

static void test_debugfs(void)
{
	const struct cli *c;

	fresh();
	make_tree("debugfs");
	in_tree(top, "cpu0", "root mode: on\n");
	in_tree(top, "vm12/info", "name: beta\npid: 7\nstate: alive\nvcpus: 1\n");
	in_tree(top, "vm3/info",
		"name: alpha\nid: 3\npid: 99\nbackend: vmx\nstate: dead\ndead_reason: a story\nvcpus: 2\n");
	in_tree(top, "vm3/vcpu0/exits", "# head\n10 CPUID 5 500\n30 IO 2 90\n");
	in_tree(top, "vm3/vcpu4/exits", "# head\n12 HLT 1 7\nrubbish\n");
	in_tree(top, "vm3/vcpu0/vmcs",
		"# head\nguest_registers\tGUEST_RIP\t0x681e\t0xfff0\twords\nx\n");
	c = cli("ps", "--debugfs", top, NULL);
	is_num(c->status, 0, "ps");
	is_str(c->out,
	       "id  name   pid  state  vcpus  memory  uptime  exits\n"
	       " 3  alpha   99  dead       2       -       -      8\n"
	       "12  beta     7  alive      1       -       -      0\n", "sorted, with sums");
	c = cli("ps", "--json", "--debugfs", top, NULL);
	has(c->out, "\"dead_reason\":\"a story\"", "ps --json");
	c = cli("exits", "--vm", "alpha", "--debugfs", top, NULL);
	has(c->out, "   4  HLT         1      7               7", "exits --vm");
	c = cli("exits", "--vm", "3", "--json", "--debugfs", top, NULL);
	has(c->out, "\"count\":5", "by number, in JSON");
	c = cli("exits", "--vm", "gamma", "--debugfs", top, NULL);
	is_num(c->status, 1, "a VM that is not there");
	has(c->err, "see 'vitrine ps'", "gets the hint");
	c = cli("vmcs", "--vm", "alpha", "--debugfs", top, NULL);
	has(c->out, "GUEST_RIP                        0x681e  0xfff0",
	    "vmcs --vm");
	c = cli("vmcs", "--vm", "alpha", "--vcpu", "1", "--debugfs", top, NULL);
	is_num(c->status, 1, "a vCPU that is not there");
	c = cli("ps", "--debugfs", "/nonexistent", NULL);
	is_num(c->status, 1, "no debugfs");
	has(c->err, "mount -t debugfs", "gets the hint");
	remove_tree();
}

static const char *fake_cpu = "processor\t: 0\nvendor_id\t: GenuineIntel\n"
	"model name\t: Some CPU\n"
	"flags\t\t: fpu vmx ept\nvmx flags\t: vnmi unrestricted_guest\n\n";

static void test_doctor(void)
{
	const struct cli *c;

	fresh();
	make_tree("root");
	in_tree(top, "proc/cpuinfo", fake_cpu);
	in_tree(top, "proc/sys/kernel/osrelease", "6.1.0-test\n");
	in_tree(top, "proc/mounts", "none /d debugfs rw 0 0\nn /t tracefs rw\n");
	in_tree(top, "sys/module/vitrine/x", "");
	c = cli("doctor", "--root", top, NULL);
	is_num(c->status, 0, "all is well");
	has(c->out, "Guests can run here", "and that is said");
	has_not(c->out, "PROBLEM", "no problem");
	has_not(c->out, "parameter", "a module without parameters");
	in_tree(top, "sys/module/vitrine/parameters/apicv", "2\n");
	in_tree(top, "sys/module/vitrine/parameters/slice_us", "0\n");
	c = cli("doctor", "--root", top, NULL);
	has(c->out, "2: of local APICs the processor has registers and delivery",
	    "what the parameter apicv says");
	has(c->out, "0: a stay in the guest has no limit", "and slice_us");
	in_tree(top, "sys/module/kvm_intel/x", "");
	has(cli("doctor", "--root", top, NULL)->out, "modprobe -r kvm_intel",
	    "kvm_intel is in the way");
	in_tree(top, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmxx\n");
	c = cli("doctor", "--root", top, NULL);
	is_num(c->status, 1, "no VMX");
	has(c->out, "make shell", "the nested machine is the fix");
	in_tree(top, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx\n");
	c = cli("doctor", "--root", top, NULL);
	has(c->out, "no flag ept", "VMX without EPT");
	in_tree(top, "proc/cpuinfo", fake_cpu);
	in_tree(top, "proc/sys/kernel/osrelease", "5.10.0\n");
	has(cli("doctor", "--root", top, NULL)->out, "older than 6.1",
	    "an old kernel");
	in_tree(top, "proc/sys/kernel/osrelease", "7.2.0\n");
	has(cli("doctor", "--root", top, NULL)->out, "for KVM alone",
	    "a kernel that is too new");
	in_tree(top, "proc/sys/kernel/osrelease", "6.12.9\n");
	in_tree(top, "sys/kernel/security/lockdown",
		"none [integrity] confidentiality\n");
	c = cli("doctor", "--json", "--root", top, NULL);
	is_num(c->status, 1, "a locked-down kernel");
	has(c->out, "\"problems\":1", "is the only problem left");
	remove_tree();
}

int main(void)
{
	fake_install();
	guest = temp_file("guest.bin", "\xf4\xf4\xf4\xf4", 4);
	test_usage();
	test_values();
	test_help();
	test_run_console();
	test_run_status();
	test_run_ports();
	test_run_memory_bus();
	test_run_string();
	test_run_stop();
	test_run_cpus();
	test_run_input();
	test_run_device();
	test_run_views();
	test_exits();
	test_exits_lost();
	test_run_keys();
	test_vmcs();
	test_debugfs();
	test_doctor();
	fake_remove();
	return tap_done();
}
