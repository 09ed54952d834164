// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the checker know each rule of VM entry?  KUnit suite "vmx_check".
 *
 * Each rule of rules.def has a case in rule_cases.def: a state that keeps it, in
 * which nothing is broken, and one that breaks it alone.  The same cases are
 * entered on a processor by vmx/tests/entry_hook.c.  Built and run by
 * tests/kunit/run.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../../tests/kunit/expect.h"
#include "../check_rules.h"
#include "../describe.h"
#include "../vmx.h"
#include "entry_states.h"

/* Where the tests' page would be; what is in it comes from memory of the test. */
#define PAGE_AT		0x9000

struct fixture {
	struct vmx_entry_state state;
	struct vmx_verdict verdict;
	u8 page[PAGE_SIZE] __aligned(8);
};

static int start(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct fixture), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

/* What vmx/check_read.c does on a processor. */
static void read_memory(struct fixture *f)
{
	struct vmx_entry_state *s = &f->state;

	s->link_known = FIELD(s, VMCS_LINK_POINTER) == PAGE_AT;
	s->link_word = *(u32 *)f->page;
	s->vtpr_known = true;
	s->vtpr = f->page[VMX_TEST_VTPR_OFFSET];
	s->nr_msrs = FIELD(s, VM_ENTRY_MSR_LOAD_COUNT) ? 1 : 0;
	memcpy(s->msr, f->page + VMX_TEST_MSR_OFFSET, sizeof(s->msr[0]));
}

static void check_case(struct fixture *f, const struct vmx_rule_case *c, bool bad)
{
	vmx_test_state(&f->state, c->mode);
	if (c->caps)
		c->caps(&f->state.caps);
	vmx_test_fill_page(f->page, bad ? &c->bad_memory : &c->good_memory,
			   f->state.caps.revision);
	vmx_test_case(&f->state, c, bad, PAGE_AT);
	read_memory(f);
	vmx_check(&f->state, &f->verdict);
}

static const char *first_name(const struct fixture *f)
{
	enum vmx_rule rule = vmx_first_broken(&f->verdict);

	return rule ? vmx_rule_info(rule)->id : "none";
}

/* ---- the rules, by their cases ----------------------------------------------------- */

static void each_rule_has_a_case(struct kunit *test)
{
	for (unsigned int rule = 1; rule < VMX_NR_RULES; rule++) {
		unsigned int cases = 0;

		for (unsigned int i = 0; i < vmx_nr_rule_cases; i++)
			cases += vmx_rule_cases[i].rule == rule;
		KUNIT_EXPECT_EQ_MSG(test, cases, 1u, "%s", vmx_rule_info(rule)->id);
	}
}

static void states_that_keep_a_rule_break_none(struct kunit *test)
{
	struct fixture *f = test->priv;

	for (unsigned int i = 0; i < vmx_nr_rule_cases; i++) {
		const struct vmx_rule_case *c = &vmx_rule_cases[i];

		check_case(f, c, false);
		KUNIT_EXPECT_EQ_MSG(test, vmx_nr_broken(&f->verdict), 0u, "case %s breaks %s",
				    vmx_rule_info(c->rule)->id, first_name(f));
	}
}

static void states_that_break_a_rule_break_it_alone(struct kunit *test)
{
	struct fixture *f = test->priv;

	for (unsigned int i = 0; i < vmx_nr_rule_cases; i++) {
		const struct vmx_rule_case *c = &vmx_rule_cases[i];
		const char *id = vmx_rule_info(c->rule)->id;

		check_case(f, c, true);
		KUNIT_EXPECT_TRUE_MSG(test, test_bit(c->rule, f->verdict.broken),
				      "%s is not broken, but %s", id, first_name(f));
		if (c->more)
			KUNIT_EXPECT_GT_MSG(test, vmx_nr_broken(&f->verdict), 1u, "%s", id);
		else
			KUNIT_EXPECT_EQ_MSG(test, vmx_nr_broken(&f->verdict), 1u,
					    "%s, first %s", id, first_name(f));
	}
}

static void every_mode_can_be_entered(struct kunit *test)
{
	struct fixture *f = test->priv;

	for (unsigned int mode = 0; mode < VMX_NR_TEST_MODES; mode++) {
		vmx_test_state(&f->state, mode);
		vmx_check(&f->state, &f->verdict);
		KUNIT_EXPECT_EQ_MSG(test, vmx_nr_broken(&f->verdict), 0u, "mode %u breaks %s",
				    mode, first_name(f));
	}
}

/* ---- how far rules reach ----------------------------------------------------------- */

static void fill_with_garbage(struct vmx_entry_state *s, unsigned int seg)
{
	s->field[VMX_PLACE_GUEST_ES_SELECTOR + seg] = 0xffff;
	s->field[VMX_PLACE_GUEST_ES_BASE + seg] = BIT_ULL(40);
	s->field[VMX_PLACE_GUEST_ES_LIMIT + seg] = 0xfffffffe;
	s->field[VMX_PLACE_GUEST_ES_AR_BYTES + seg] = BIT(16) | 0xf0f;
}

static void unusable_segments_can_hold_anything(struct kunit *test)
{
	struct fixture *f = test->priv;

	vmx_test_state(&f->state, VMX_TEST_LONG);
	fill_with_garbage(&f->state, 0);	/* ES */
	fill_with_garbage(&f->state, 3);	/* DS */
	fill_with_garbage(&f->state, 4);	/* FS, but for its base */
	FIELD(&f->state, GUEST_FS_BASE) = 0;
	fill_with_garbage(&f->state, 6);	/* LDTR */
	vmx_check(&f->state, &f->verdict);
	KUNIT_EXPECT_EQ_MSG(test, vmx_nr_broken(&f->verdict), 0u, "%s", first_name(f));
}

/* Words that are not activated count as 0, whatever is in them. */
static void words_that_are_off_are_not_looked_at(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmx_entry_state *s = &f->state;

	vmx_test_state(s, VMX_TEST_PAE);
	FIELD(s, CPU_BASED_VM_EXEC_CONTROL) &= ~(u64)VMX_PROC_ACTIVATE_SECONDARY;
	FIELD(s, SECONDARY_VM_EXEC_CONTROL) = ~0u;
	FIELD(s, TERTIARY_VM_EXEC_CONTROL) = ~0ULL;
	FIELD(s, SECONDARY_VM_EXIT_CONTROLS) = ~0ULL;
	FIELD(s, VIRTUAL_PROCESSOR_ID) = 0;
	FIELD(s, EPT_POINTER) = ~0ULL;
	vmx_check(s, &f->verdict);
	KUNIT_EXPECT_EQ_MSG(test, vmx_nr_broken(&f->verdict), 0u, "%s", first_name(f));
}

/* Without a count there is no area, without the valid bit no event. */
static void what_is_not_used_is_not_looked_at(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmx_entry_state *s = &f->state;

	vmx_test_state(s, VMX_TEST_LONG);
	FIELD(s, VM_ENTRY_MSR_LOAD_ADDR) = ~0ULL;
	FIELD(s, VM_EXIT_MSR_STORE_ADDR) = ~0ULL;
	FIELD(s, VM_EXIT_MSR_LOAD_ADDR) = ~0ULL;
	FIELD(s, VM_ENTRY_INTR_INFO_FIELD) = 0x7fffffff;
	FIELD(s, VM_ENTRY_INSTRUCTION_LEN) = ~0u;
	FIELD(s, IO_BITMAP_A) = ~0ULL;
	FIELD(s, VIRTUAL_APIC_PAGE_ADDR) = ~0ULL;
	FIELD(s, TPR_THRESHOLD) = ~0u;
	FIELD(s, GUEST_PDPTR0) = ~0ULL;
	FIELD(s, GUEST_BNDCFGS) = ~0ULL;
	vmx_check(s, &f->verdict);
	KUNIT_EXPECT_EQ_MSG(test, vmx_nr_broken(&f->verdict), 0u, "%s", first_name(f));
}

/* The processor gets to guest state only if controls and host state are right. */
static void the_first_step_is_named_first(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmx_entry_state *s = &f->state;

	vmx_test_state(s, VMX_TEST_LONG);
	FIELD(s, GUEST_RFLAGS) = 0;
	FIELD(s, HOST_CS_SELECTOR) = 0;
	vmx_check(s, &f->verdict);
	KUNIT_EXPECT_EQ(test, vmx_first_broken(&f->verdict), VMX_RULE_HOST_CS_NULL);
	KUNIT_EXPECT_EQ(test, f->verdict.first[VMX_STAGE_GUEST], (u16)VMX_RULE_RFLAGS_BIT_1);
	FIELD(s, VIRTUAL_PROCESSOR_ID) = 0;
	vmx_check(s, &f->verdict);
	KUNIT_EXPECT_EQ(test, vmx_first_broken(&f->verdict), VMX_RULE_VPID_ZERO);
	KUNIT_EXPECT_EQ(test, vmx_nr_broken(&f->verdict), 3u);
}

static void the_bad_msr_is_counted_from_1(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmx_entry_state *s = &f->state;

	vmx_test_state(s, VMX_TEST_LONG);
	s->nr_msrs = 3;
	s->msr[0].index = MSR_TSC_AUX;
	s->msr[1].index = MSR_FS_BASE;
	s->msr[2].index = MSR_GS_BASE;
	vmx_check(s, &f->verdict);
	KUNIT_EXPECT_EQ(test, f->verdict.msr, 2u);
	KUNIT_EXPECT_EQ(test, vmx_first_broken(&f->verdict), VMX_RULE_MSR_FS_BASE);
}

/* ---- the table --------------------------------------------------------------------- */

/* Rules that are found by adding a segment's number to the first one. */
static void rules_of_segments_lie_in_a_row(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, VMX_RULE_V86_BASE_ES + 5, VMX_RULE_V86_BASE_GS);
	KUNIT_EXPECT_EQ(test, VMX_RULE_V86_LIMIT_ES + 5, VMX_RULE_V86_LIMIT_GS);
	KUNIT_EXPECT_EQ(test, VMX_RULE_V86_RIGHTS_ES + 5, VMX_RULE_V86_RIGHTS_GS);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_S + 5, VMX_RULE_GS_S);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_P + 5, VMX_RULE_GS_P);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_RESERVED + 5, VMX_RULE_GS_RESERVED);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_G_LOW + 5, VMX_RULE_GS_G_LOW);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_G_HIGH + 5, VMX_RULE_GS_G_HIGH);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_ACCESSED + 3, VMX_RULE_GS_ACCESSED);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_READABLE + 3, VMX_RULE_GS_READABLE);
	KUNIT_EXPECT_EQ(test, VMX_RULE_ES_DPL_RPL + 3, VMX_RULE_GS_DPL_RPL);
	KUNIT_EXPECT_EQ(test, VMX_RULE_HOST_ES_SELECTOR + 6, VMX_RULE_HOST_TR_SELECTOR);
	KUNIT_EXPECT_EQ(test, VMX_RULE_HOST_FS_BASE + 4, VMX_RULE_HOST_IDTR_BASE);
	KUNIT_EXPECT_EQ(test, VMX_RULE_PDPTE0_RESERVED + 3, VMX_RULE_PDPTE3_RESERVED);
}

static void rules_are_well_formed(struct kunit *test)
{
	static const char * const prefix[VMX_NR_STAGES] = {
		[VMX_STAGE_HOST] = "HOST_", [VMX_STAGE_MSRS] = "MSR_",
	};
	struct vtr_entry_check check;

	for (unsigned int rule = 1; rule < VMX_NR_RULES; rule++) {
		const struct vmx_rule_info *info = vmx_rule_info(rule);

		expect_sentence(test, info->sentence, info->id);
		expect_sentence(test, info->cause, info->id);
		KUNIT_EXPECT_LT_MSG(test, strlen(info->id), sizeof(check.rule), "%s", info->id);
		KUNIT_EXPECT_LT_MSG(test, strlen(info->cause), sizeof(check.cause), "%s",
				    info->id);
		KUNIT_EXPECT_LT_MSG(test, strlen(info->title) + strlen(info->number) + 12,
				    sizeof(check.manual), "%s", info->id);
		if (prefix[info->stage])
			KUNIT_EXPECT_TRUE_MSG(test, strstarts(info->id, prefix[info->stage]), "%s",
					      info->id);
	}
	KUNIT_EXPECT_NULL(test, vmx_rule_info(VMX_RULE_NONE));
	KUNIT_EXPECT_NULL(test, vmx_rule_info(VMX_NR_RULES));
}

/* Whatever the value is, the sentence fits where the program reads it. */
static void explanations_of_rules_fit(struct kunit *test)
{
	char text[2 * VTR_SENTENCE_BYTES];

	for (unsigned int rule = 1; rule < VMX_NR_RULES; rule++) {
		const struct vmx_rule_info *info = vmx_rule_info(rule);
		unsigned int bytes = vmcs_field_bytes(vmx_field_info(info->place)->encoding);
		struct vtr_exit e = {
			.hw_reason = 33,
			.fail = { .rule = rule, .reason = info->stage >= VMX_STAGE_GUEST ? 1 : 0,
				  .insn_error = info->stage >= VMX_STAGE_GUEST ? 0 : 7,
				  .value = ~0ULL >> (64 - 8 * bytes) },
		};

		vmx_explain_failure(&e, text, sizeof(text));
		KUNIT_EXPECT_LT_MSG(test, strlen(text), (size_t)VTR_SENTENCE_BYTES, "%s", text);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, info->id), "%s", text);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, info->sentence), "%s", text);
		/* Addresses of the host's kernel are not for programs. */
		if (info->stage == VMX_STAGE_HOST && strstarts(info->field, "HOST_"))
			KUNIT_EXPECT_NULL_MSG(test, strstr(text, "0xff"), "%s", text);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(each_rule_has_a_case),
	KUNIT_CASE(states_that_keep_a_rule_break_none),
	KUNIT_CASE(states_that_break_a_rule_break_it_alone),
	KUNIT_CASE(every_mode_can_be_entered),
	KUNIT_CASE(unusable_segments_can_hold_anything),
	KUNIT_CASE(words_that_are_off_are_not_looked_at),
	KUNIT_CASE(what_is_not_used_is_not_looked_at),
	KUNIT_CASE(the_first_step_is_named_first),
	KUNIT_CASE(the_bad_msr_is_counted_from_1),
	KUNIT_CASE(rules_of_segments_lie_in_a_row),
	KUNIT_CASE(rules_are_well_formed),
	KUNIT_CASE(explanations_of_rules_fit),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_check",
	.init = start,
	.test_cases = cases,
};

kunit_test_suite(suite);
