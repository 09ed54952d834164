// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes the pages of docs/reference/ from the tables that the module uses.
 *
 * usage: gen-reference PAGE, or without one: the names of all pages
 *
 * `make -C userspace-tool reference` calls it once a page, tests/test_papers.sh
 * to see that the pages are up to date.  It is no part of the tool.  A new table
 * is one function, which prints the rows, and one row of pages[].
 * Read ../view/tables.h first; `vitrine explain` (../view/explain_print.c) tells
 * the same for one name.
 */
#include <stdio.h>
#include <string.h>

#include "tool.h"
#include "view/tables.h"

/* A cell of a Markdown table: the bar is its separator. */
static void cell(const char *text)
{
	for (; *text; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
	printf(" | ");
}

static void begin_row(void)
{
	printf("| ");
}

static void head(const char *columns, unsigned int nr)
{
	printf("\n| %s |\n|", columns);
	while (nr--)
		printf("---|");
	printf("\n");
}

static void manual(const char *volume, const char *title)
{
	printf("SDM %s \"%s\" |\n", volume, title);
}

/* ---- one function a page ---- */

static void print_field(const struct field_info *field)
{
	static const char *const types[] = { "control", "exit information",
					     "guest", "host" };
	static const char *const widths[] = { "16", "64", "32", "natural" };

	begin_row();
	printf("`%s` | 0x%04x | %s | %s | %s | ", field->name, field->encoding,
	       widths[field->encoding >> 13 & 3],
	       types[field->encoding >> 10 & 3], field->access);
	cell(field->meaning);
	manual("3C", field->title);
}

static void print_fields(void)
{
	const char *groups[32];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < tables_nr_fields; i++) {
		unsigned int g = 0;

		while (g < nr && strcmp(groups[g], tables_fields[i].group))
			g++;
		if (g == nr && nr < ARRAY_SIZE(groups))
			groups[nr++] = tables_fields[i].group;
	}
	for (unsigned int g = 0; g < nr; g++) {
		printf("\n## %s\n", groups[g]);
		head("field | encoding | bits | type | access | meaning | manual",
		     7);
		for (unsigned int i = 0; i < tables_nr_fields; i++)
			if (!strcmp(tables_fields[i].group, groups[g]))
				print_field(&tables_fields[i]);
	}
}

static void print_controls(void)
{
	static const char *const words[] = {
		[WORD_PIN] = "Pin-based execution controls",
		[WORD_PROC] = "Primary processor-based execution controls",
		[WORD_PROC2] = "Secondary processor-based execution controls",
		[WORD_PROC3] = "Tertiary processor-based execution controls",
		[WORD_EXIT] = "VM-exit controls",
		[WORD_EXIT2] = "Secondary VM-exit controls",
		[WORD_ENTRY] = "VM-entry controls",
		[WORD_EPTVPID] = "EPT and VPID capabilities (IA32_VMX_EPT_VPID_CAP)",
	};

	for (unsigned int word = 0; word < ARRAY_SIZE(words); word++) {
		printf("\n## %s\n", words[word]);
		head("bit | name | in the manual | a 1 means", 4);
		for (unsigned int i = 0; i < tables_nr_controls; i++) {
			const struct control_info *c = &tables_controls[i];

			if (c->word != word)
				continue;
			begin_row();
			printf("%u | `%s` | ", c->bit, c->name);
			cell(c->title_name);
			printf("%s |\n", c->meaning);
		}
	}
}

static void print_qualification(const char *exit)
{
	bool first = true;

	for (unsigned int i = 0; i < tables_nr_qualifications; i++) {
		const struct qualification_info *q = &tables_qualifications[i];

		if (strcmp(q->exit, exit))
			continue;
		if (first) {
			printf("\n### Qualification of %s\n", exit);
			head("bits | meaning", 2);
		}
		first = false;
		begin_row();
		if (q->high == q->low)
			printf("%u | ", q->low);
		else
			printf("%u:%u | ", q->high, q->low);
		printf("%s |\n", q->meaning);
	}
}

static void print_exits(void)
{
	head("number | name | in the manual | kind in traces | meaning | manual",
	     6);
	for (unsigned int i = 0; i < tables_nr_exits; i++) {
		const struct exit_info *e = &tables_exits[i];

		begin_row();
		printf("%u | `%s` | ", e->number, e->name);
		cell(e->title_name);
		printf("%s | ", hw_kind_name(e->kind));
		cell(e->meaning);
		manual("3C", e->title);
	}
	printf("\n## Exit qualifications\n\n"
	       "A reason that is not listed here has none.\n");
	for (unsigned int i = 0; i < tables_nr_exits; i++)
		print_qualification(tables_exits[i].name);
}

static void print_errors(void)
{
	head("number | name | meaning | manual", 4);
	for (unsigned int i = 0; i < tables_nr_insn_errors; i++) {
		const struct insn_error_info *e = &tables_insn_errors[i];

		begin_row();
		printf("%u | ", e->number);
		cell(e->name);
		cell(e->sentence);
		manual("3C", e->title);
	}
}

static void print_msrs(void)
{
	head("index | name | meaning | manual", 4);
	for (unsigned int i = 0; i < tables_nr_msrs; i++) {
		const struct msr_info *m = &tables_msrs[i];

		begin_row();
		printf("0x%x | `%s` | ", m->index, m->name);
		cell(m->meaning);
		manual("3D", m->title);
	}
}

static void print_rules(void)
{
	head("rule | stage | field | what must hold | likely cause | manual", 6);
	for (unsigned int i = 0; i < tables_nr_rules; i++) {
		const struct rule_info *r = &tables_rules[i];

		begin_row();
		printf("`%s` | %s | %s | ", r->name, r->stage, r->field);
		cell(r->sentence);
		cell(r->cause);
		manual("3C", r->title);
	}
}

static const struct page {
	const char *name;
	const char *title;
	const char *intro;
	const char *source;
	void (*print)(void);
} pages[] = {
	{ "vmcs-fields", "VMCS fields",
	  "A 64-bit field has a second encoding, one higher, for the high half in\n"
	  "32-bit code. `ro`: VMWRITE needs bit 29 of IA32_VMX_MISC.",
	  "vmx/vmcs_fields.def", print_fields },
	{ "controls", "Control bits",
	  "Which of them this processor has: `vitrine doctor`.",
	  "vmx/controls.def", print_controls },
	{ "exit-reasons", "Exit reasons and qualifications",
	  "What Vitrine does about each is in [exits.md](../exits.md).",
	  "vmx/exit_reasons.def, vmx/qualifications.def", print_exits },
	{ "instruction-errors", "VM-instruction errors",
	  "In the field VM_INSTRUCTION_ERROR after a VMX instruction has failed.",
	  "vmx/insn_errors.def", print_errors },
	{ "entry-rules", "Rules of VM entry",
	  "CONTROLS and HOST: VM-instruction errors 7 and 8. GUEST and MSRS: exit\n"
	  "reasons 33 and 34.",
	  "rules.def in vmx/", print_rules },
	{ "msrs", "VMX capability MSRs",
	  "Their values on a core: `/sys/kernel/debug/vitrine/cpu0`.",
	  "vmx/msrs.def", print_msrs },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		const struct page *page = &pages[i];

		/* A page without rows is none. */
		if (page->print == print_rules && !tables_nr_rules)
			continue;
		if (argc == 1)
			puts(page->name);
		if (argc != 2 || strcmp(argv[1], page->name))
			continue;
		printf("# %s\n\nMade by `make reference` from %s: do not edit.\n"
		       "`vitrine explain NAME` shows one row, and takes values apart.\n"
		       "%s\n", page->title, page->source, page->intro);
		page->print();
		return 0;
	}
	return argc == 1 ? 0 : 2;
}
