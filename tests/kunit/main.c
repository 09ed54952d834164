// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unit-test module vitrine_kunit.ko: all suites and the code under test.
 *
 * The suites register themselves (kunit_test_suite() in <folder>/tests/), and
 * KUnit runs them when the module is loaded; Kbuild beside this file lists
 * them.  insmod succeeds even if a test fails: tests/kunit/run reads the report
 * in the kernel log.
 */
#include <linux/module.h>

static int __init vitrine_kunit_init(void)
{
	return 0;
}

static void __exit vitrine_kunit_exit(void)
{
}

module_init(vitrine_kunit_init);
module_exit(vitrine_kunit_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Unit tests of Vitrine");
