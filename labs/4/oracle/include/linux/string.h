/* SPDX-License-Identifier: GPL-2.0-only */
/* In place of the kernel's header: see kernel.h. */
#include <linux/kernel.h>
