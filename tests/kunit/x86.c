// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a unit test cannot have on a real x86 kernel: FPU registers.
 *
 * KUnit runs tests in kernel threads.  When such a thread is scheduled in while
 * a fake guest is loaded, the run loop asks the kernel to give the thread its
 * FPU registers back; a kernel thread has none, and the kernel would warn.
 * Kbuild gives the kernel's function the name of this one in all files under
 * test.  Not linked for User Mode Linux, where module/compat.h has no FPU.
 */
#include <asm/fpu/api.h>

/* The real name is a macro here: this defines kunit_switch_fpu_return(). */
void switch_fpu_return(void)
{
}
