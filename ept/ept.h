/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VMX back end takes from EPT: the operations for the neutral core
 * and the value of the EPT pointer.  Included by vmx/.
 */
#ifndef EPT_EPT_H
#define EPT_EPT_H

#include "../module/slat.h"

extern const struct vtr_slat_ops ept_ops;

u64 ept_pointer(const struct vtr_slat_root *root);
int ept_describe(char *buf, size_t room, u64 entry, unsigned int level);

#endif /* EPT_EPT_H */
