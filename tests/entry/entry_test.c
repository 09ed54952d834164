// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of VM entry, broken on the processor.
 *
 * Needs vitrine_entry.ko: through its file "arm" the next entry is made from a
 * state that breaks one rule, or none, or from a random one; RUN then really
 * fails or succeeds, and both the program's view (VTR_EXIT_FAIL_ENTRY, sentence)
 * and the hook's are compared with what the rule says.  Run by tests/entry/run.sh.
 * Read next: vmx/tests/entry_hook.c, the other side.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define HOOK		"/sys/kernel/debug/vitrine-entry/"
#define MAX_CASES	512
#define NR_MODES	7

/* A guest that halts; halted again, it halts again. */
GUEST(halts, 64, "1: hlt\n jmp 1b\n");

static int arm_fd = -1;

/* ---- the hook ---------------------------------------------------------------------- */

struct answer {
	char text[8192];
};

/* Return: what follows "@key: " in the hook's answer, up to the end of the line. */
static const char *value_of(const struct answer *a, const char *key, char *value, size_t room)
{
	size_t length = strlen(key);
	const char *line = a->text;

	while (line && *line) {
		if (!strncmp(line, key, length) && line[length] == ':') {
			line += length + 1;
			line += *line == ' ';
			snprintf(value, room, "%.*s", (int)strcspn(line, "\n"), line);
			return value;
		}
		line = strchr(line, '\n');
		line += !!line;
	}
	snprintf(value, room, "nothing");
	return value;
}

static bool answer_is(const struct answer *a, const char *key, const char *wanted)
{
	char value[256];

	return !strcmp(value_of(a, key, value, sizeof(value)), wanted);
}

/* Arm, run, ask. */
static struct answer try(struct vcpu *vcpu, const char *what, unsigned long long number)
{
	struct answer a = {};
	char text[64];
	ssize_t bytes;

	if (arm_fd < 0)
		arm_fd = MUST(open(HOOK "arm", O_RDWR | O_CLOEXEC));
	bytes = snprintf(text, sizeof(text), "%s %llu", what, number);
	REQUIRE_NUM(write(arm_fd, text, bytes), bytes);
	MUST(run_through(vcpu));
	MUST(pread(arm_fd, a.text, sizeof(a.text) - 1, 0));
	return a;
}

static char rule_names[MAX_CASES][40];

static unsigned int read_cases(void)
{
	FILE *file = fopen(HOOK "cases", "r");
	unsigned int n = 0, number;

	REQUIRE(file);
	while (n < MAX_CASES && fscanf(file, "%u %39s", &number, rule_names[n]) == 2) {
		REQUIRE_NUM(number, n);
		n++;
	}
	fclose(file);
	REQUIRE(n > 0);
	return n;
}

static struct vcpu *start(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);

	/* The VMCS has been in use before anything is broken. */
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	return vcpu;
}

/* ---- valid states ------------------------------------------------------------------ */

static void every_mode_can_be_entered(void)
{
	struct vcpu *vcpu = start();

	for (unsigned int mode = 0; mode < NR_MODES; mode++) {
		struct answer a = try(vcpu, "mode", mode);

		CHECK_MSG(answer_is(&a, "got", "entered") && answer_is(&a, "first", "-"),
			  "mode %u: %s", mode, a.text);
		CHECK_NUM(vcpu->run->exit, VTR_EXIT_HLT);
	}
}

/* What keeps a rule enters, and no rule is named. */
static void states_that_keep_a_rule_enter(void)
{
	struct vcpu *vcpu = start();
	unsigned int n = read_cases(), entered = 0, skipped = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct answer a = try(vcpu, "good", i);

		if (answer_is(&a, "got", "skipped")) {
			skipped++;
			continue;
		}
		entered++;
		CHECK_MSG(answer_is(&a, "got", "entered") && answer_is(&a, "first", "-"),
			  "%s: %s", rule_names[i], a.text);
		CHECK_NUM(vcpu->run->exit, VTR_EXIT_HLT);
	}
	tap_note("%u states entered, %u not tried", entered, skipped);
	CHECK(entered >= 100);
}

/* ---- broken rules ------------------------------------------------------------------ */

/* Does the program's view say the same as the hook's? */
static bool is_explained(struct vcpu *vcpu, const struct answer *a, const char *rule)
{
	const struct vtr_run *run = vcpu->run;
	char part[64], wanted[32];

	if (run->exit != VTR_EXIT_FAIL_ENTRY)
		return false;
	if (run->fail.insn_error)
		snprintf(wanted, sizeof(wanted), "error%u", run->fail.insn_error);
	else
		snprintf(wanted, sizeof(wanted), "reason%u", run->fail.reason & 0xffff);
	snprintf(part, sizeof(part), "rule %.39s: ", rule);
	return answer_is(a, "got", wanted) && answer_is(a, "expected", wanted) &&
	       strstr(run->sentence, part);
}

/* ---- known deviations of the processor, by name --------------------------------------- */

#define MAX_DEVIATIONS	32

static struct {
	char name[40];
	unsigned int count;
} deviations[MAX_DEVIATIONS];

/*
 * The emulated processor does not check some rules, or not so: docs/vm-entry.md says
 * which, and who is right.  They are counted apart.
 */
static bool is_deviation(const struct answer *a)
{
	char name[40];
	unsigned int i = 0;

	value_of(a, "deviation", name, sizeof(name));
	if (!strcmp(name, "-") || !strcmp(name, "nothing"))
		return false;
	while (i < MAX_DEVIATIONS - 1 && deviations[i].count && strcmp(deviations[i].name, name))
		i++;
	strcpy(deviations[i].name, name);
	deviations[i].count++;
	return true;
}

static unsigned int show_deviations(void)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < MAX_DEVIATIONS && deviations[i].count; i++) {
		tap_note("known deviation %s: %u", deviations[i].name, deviations[i].count);
		sum += deviations[i].count;
	}
	return sum;
}

static void each_broken_rule_is_named(void)
{
	struct vcpu *vcpu = start();
	unsigned int n = read_cases(), broken = 0, skipped = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct answer a = try(vcpu, "bad", i);

		if (answer_is(&a, "got", "skipped")) {
			char why[80];

			tap_note("%s: %s", rule_names[i], value_of(&a, "why", why, sizeof(why)));
			skipped++;
		} else if (is_explained(vcpu, &a, rule_names[i])) {
			broken++;
		} else {
			CHECK_MSG(is_deviation(&a), "%s: exit %u, %s\n%s", rule_names[i],
				  vcpu->run->exit, vcpu->run->sentence, a.text);
		}
	}
	tap_note("%u rules broken and named, %u not tried", broken, skipped);
	CHECK_NUM(broken + skipped + show_deviations(), n);
	CHECK(broken >= 100);
	/* The vCPU is none the worse for it. */
	CHECK(run_to(vcpu, VTR_EXIT_HLT));
}

/* ---- random states ----------------------------------------------------------------- */

static unsigned long number_from(const char *variable, unsigned long usual)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 0) : usual;
}

static bool verdicts_agree(const struct answer *a)
{
	char got[32], expected[64];

	value_of(a, "got", got, sizeof(got));
	value_of(a, "expected", expected, sizeof(expected));
	return strstr(expected, got);
}

/* Print what a person needs to judge: no more than a few lines a disagreement. */
static void show(unsigned long seed, const struct answer *a)
{
	char line[400];
	const char *at = a->text;

	tap_note("seed %lu:", seed);
	while (*at) {
		size_t length = strcspn(at, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)length, at);
		tap_note("  %s", line);
		at += length + (at[length] == '\n');
	}
}

static void verdicts_equal_the_processors(void)
{
	unsigned long states = number_from("ENTRY_FUZZ", 1000);
	unsigned long seed = number_from("ENTRY_SEED", 1), last = seed + states;
	unsigned long agreed = 0, entered = 0, wrong = 0;
	struct vcpu *vcpu = start();

	for (; seed < last; seed++) {
		struct answer a = try(vcpu, "fuzz", seed);

		entered += answer_is(&a, "got", "entered");
		if (verdicts_agree(&a)) {
			agreed++;
			continue;
		}
		if (!is_deviation(&a) && wrong++ < 40)
			show(seed, &a);
	}
	tap_note("%lu states: %lu entered, %lu verdicts agree, %lu are unexplained", states,
		 entered, agreed, wrong);
	CHECK_NUM(wrong, 0);
	CHECK_NUM(agreed + show_deviations() + wrong, states);
	CHECK(entered >= states / 20 && entered <= states - states / 20);
	CHECK(run_to(vcpu, VTR_EXIT_HLT));
}

/* ---- the hook itself --------------------------------------------------------------- */

static void the_hook_refuses_nonsense(void)
{
	arm_fd = MUST(open(HOOK "arm", O_RDWR | O_CLOEXEC));
	CHECK_ERRNO(write(arm_fd, "bad", 3), EINVAL);
	CHECK_ERRNO(write(arm_fd, "worse 1", 7), EINVAL);
	CHECK_ERRNO(write(arm_fd, "bad 99999", 9), EINVAL);
	CHECK_ERRNO(open(HOOK "arm", O_RDWR), EBUSY);
}

static const struct tap_case cases[] = {
	CASE(the_hook_refuses_nonsense),
	CASE(every_mode_can_be_entered),
	CASE(states_that_keep_a_rule_enter),
	CASE(each_broken_rule_is_named),
	CASE_TIME(verdicts_equal_the_processors, 900),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
