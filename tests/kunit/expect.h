/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What several unit-test suites expect in the same way.
 *
 * Included by the *_kunit.c files of all folders.  Subtle: a test that makes
 * the code WARN on purpose announces it with expect_warning(); any other
 * report in the kernel log fails the whole run (tests/kunit/ktap.py).
 */
#ifndef VTR_TESTS_EXPECT_H
#define VTR_TESTS_EXPECT_H

#include <kunit/test.h>
#include <linux/ctype.h>
#include <linux/printk.h>
#include <linux/string.h>

/* Announce one warning; @file as in the report, with its folder: "ept/ept.c". */
static inline void expect_warning(const char *file)
{
	pr_info("vitrine-kunit: expects a warning in %s\n", file);
}

/* One sentence: a capital letter or a name at its head, a full stop at its end. */
static inline void expect_sentence(struct kunit *test, const char *s,
				   const char *of)
{
	size_t length = strlen(s);

	KUNIT_EXPECT_GT_MSG(test, length, (size_t)4, "%s", of);
	KUNIT_EXPECT_FALSE_MSG(test, islower(s[0]), "%s: %s", of, s);
	KUNIT_EXPECT_EQ_MSG(test, s[length - 1], '.', "%s: %s", of, s);
	for (size_t i = 0; i < length; i++)
		if (s[i] < ' ' || s[i] > '~')
			KUNIT_FAIL(test, "%s: character %#x at %zu", of, (u8)s[i], i);
}

#endif /* VTR_TESTS_EXPECT_H */
