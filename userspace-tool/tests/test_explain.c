// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine explain: what is found, what is said about it, and the exit codes.
 *
 * Also that every row of every table can be found by its own name and number,
 * so that no row is hidden behind another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli.h"
#include "fake.h"
#include "tap.h"
#include "view/explain.h"

static void test_found(void)
{
	const struct cli *c = cli("explain", "guest_rip", NULL);

	is_num(c->status, 0, "a field by its name, small letters");
	has(c->out, "field: GUEST_RIP\n", "the name");
	has(c->out, "0x681e: natural-width guest-state field, index 15",
	    "its encoding in words");
	has(c->out, "SDM 3C \"Guest Register State\"", "where to read on");
	has(cli("explain", "0x681e", NULL)->out, "GUEST_RIP", "by encoding");
	has(cli("explain", "0x2011", NULL)->out, "field: TSC_OFFSET",
	    "by the encoding of its high half");
	has(cli("explain", "VMCS_GUEST_RIP", NULL)->out, "field: GUEST_RIP",
	    "with the prefix of the source");
	has(cli("explain", "48", NULL)->out, "exit: EPT_VIOLATION",
	    "an exit by its number");
	has(cli("explain", "EXIT_REASON_CPUID", NULL)->out, "exit: CPUID",
	    "with the prefix of another kernel");
	has(cli("explain", "EPT violation", NULL)->out, "exit: EPT_VIOLATION",
	    "by the manual's name");
	has(cli("explain", "hlt-exiting", NULL)->out, "bit 7 (0x80)",
	    "a control, with hyphen");
	has(cli("explain", "0x480", NULL)->out, "msr: IA32_VMX_BASIC",
	    "an MSR by its index");
	has(cli("explain", "-k", "error", "7", NULL)->out,
	    "error: entry: bad control field", "an error by its number");
	has(cli("explain", "pause-loop", NULL)->out,
	    "control: PAUSE_LOOP_EXITING", "by a part that is nowhere else");
	has(cli("explain", "unrestricted", NULL)->out,
	    "rule     UNRESTRICTED_NEEDS_EPT              SECONDARY_VM_EXEC_CONTROL",
	    "a rule among several, by its field");
}

static void test_values(void)
{
	const struct cli *c;

	c = cli("explain", "EPT_VIOLATION", "--value", "0x182", NULL);
	is_num(c->status, 0, "a qualification");
	has(c->out, "0     = 0x0     the access was a read", "a clear bit");
	has(c->out, "1     = 0x1     the access was a write", "a set one");
	has(c->out, "→ access to the translated address itself",
	    "a value with a word");
	has(c->out, "0x182: write", "the whole in one sentence");
	c = cli("explain", "cr_access", "--value", "0xf14", NULL);
	has(c->out, "5:4   = 0x1     access: 0 = MOV to CR, 1 = MOV from CR, 2 = CLTS, 3 = LMSW → MOV from CR",
	    "a part of two bits");
	c = cli("explain", "APIC_ACCESS", "--value", "0xa000", NULL);
	has(c->out, "→ physical during event delivery", "10 is not 0");
	c = cli("explain", "EPT_POINTER", "--value", "0x1234501e", NULL);
	has(c->out, "write-back, 4 levels", "a field");
	c = cli("explain", "HLT_EXITING", "--value", "0x80", NULL);
	has(c->out, "the bit is 1", "a control");
	c = cli("explain", "IA32_VMX_PINBASED_CTLS", "--value",
		"0x900000008", NULL);
	has(c->out, "0 External-interrupt exiting: may be 1", "an MSR: may");
	has(c->out, "3 NMI exiting: must be 1", "must");
	has(c->out, "5 Virtual NMIs: must be 0", "must not");
	c = cli("explain", "-k", "error", "7", "--value", "1", NULL);
	is_num(c->status, 2, "an error has no value");
	c = cli("explain", "HLT", NULL);
	has(c->out, "qualification  none", "an exit without qualification");
}

static void test_several(void)
{
	const struct cli *c = cli("explain", "guest_cs", NULL);

	is_num(c->status, 1, "a part of several names");
	has(c->out, "'guest_cs' may be one of these", "is said");
	has(c->out, "field    GUEST_CS_BASE                       0x6808",
	    "they are listed");
	c = cli("explain", "7", NULL);
	is_num(c->status, 1, "a number of two kinds");
	has(c->out, "INTERRUPT_WINDOW", "an exit");
	has(c->out, "entry: bad control field", "and an error");
	c = cli("explain", "--json", "7", NULL);
	is_num(c->status, 1, "also with --json");
	has(c->out, "[{\"topic\":\"exit\"", "as a list");
	c = cli("explain", "-k", "field", "EPT_VIOLATION", NULL);
	is_num(c->status, 1, "a name of another kind");
	has(c->err, "nothing is called 'EPT_VIOLATION' among kind field",
	    "is said");
	is_num(cli("explain", "nosuchthing", NULL)->status, 1, "unknown");
	is_num(cli("explain", "--", NULL)->status, 2, "no name");
	is_num(cli("explain", "___", NULL)->status, 1, "nothing but separators");
	c = cli("explain", "EPT", "violation", NULL);
	is_num(c->status, 2, "two words");
	has(c->err, "quotes", "get the hint");
	is_num(cli("explain", "-k", "beast", "x", NULL)->status, 2,
	       "an unknown kind");
}

static void test_json(void)
{
	const struct cli *c = cli("explain", "--json", "IO", "-k", "exit",
				  "--value", "0x3f80008", NULL);
	cJSON *json = cJSON_Parse(c->out);

	is_str(cJSON_GetStringValue(cJSON_GetObjectItem(json, "name")), "IO",
	       "--json: the name");
	is_num(cJSON_GetArraySize(cJSON_GetObjectItem(json, "qualification")),
	       6, "the parts of the qualification");
	has(cJSON_GetStringValue(cJSON_GetObjectItem(json, "value")),
	    "IN port 0x3f8", "the value");
	cJSON_Delete(json);
	c = cli("explain", "--json", "--list", "-k", "msr", NULL);
	json = cJSON_Parse(c->out);
	is_num(cJSON_GetArraySize(json), tables_nr_msrs, "--json --list");
	cJSON_Delete(json);
}

static bool finds_itself(struct topic topic, const char *word)
{
	struct topic_list list;
	bool found = !topic_find(word, topic.kind, &list) && list.exact;
	unsigned int i = 0;

	while (found && i < list.nr && list.topic[i].index != topic.index)
		i++;
	found = found && i < list.nr;
	free(list.topic);
	return found;
}

static void test_every_row(void)
{
	unsigned int n, by_name = 0, by_number = 0, numbers = 0;
	struct topic topic;
	uint32_t number;
	char word[16];

	for (n = 0; topic_at(n, &topic); n++) {
		by_name += finds_itself(topic, topic_name(topic));
		if (!topic_number(topic, &number))
			continue;
		numbers++;
		snprintf(word, sizeof(word), "%u", number);
		by_number += finds_itself(topic, word);
	}
	ok(n > 400, "there are %u topics", n);
	is_num(by_name, n, "each is found by its name");
	is_num(by_number, numbers, "and by its number");
}

/* A part names an exit that exists, lies in 64 bits and overlaps no other. */
static void test_qualifications(void)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < tables_nr_qualifications; i++) {
		const struct qualification_info *part = &tables_qualifications[i];
		const struct qualification_info *last = part - 1;
		bool first = !i || strcmp(last->exit, part->exit);
		unsigned int e = 0;

		while (e < tables_nr_exits &&
		       strcmp(tables_exits[e].name, part->exit))
			e++;
		good += ok(e < tables_nr_exits && part->low <= part->high &&
			   part->high < 64 && (first || last->high < part->low),
			   "qualification of %s, bits %u:%u", part->exit,
			   part->high, part->low);
	}
	ok(good > 50, "there are %u parts", good);
}

int main(void)
{
	fake_install();
	test_found();
	test_values();
	test_several();
	test_json();
	test_every_row();
	test_qualifications();
	fake_remove();
	return tap_done();
}
