/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of lib/ only: the handles and the one way to make a call.
 *
 * Read libvitrine.h first; error.c holds the sentences, vm.c the calls.
 */
#ifndef VTR_LIB_INTERNAL_H
#define VTR_LIB_INTERNAL_H

#include "libvitrine.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct vtr_dev {
	int fd;
	struct vtr_caps caps;
	struct vtr_feature *features;
};

struct vtr_vm {
	int fd;
	uint32_t run_bytes;
	uint32_t trace_offset;
	uint32_t trace_bytes;
};

struct vtr_vcpu {
	int fd;
	uint32_t id;
	uint32_t run_bytes;
	uint32_t trace_offset;
	uint32_t trace_bytes;
	struct vtr_run *run;
};

/* The system calls in force; never NULL. */
extern const struct vtr_ops *vtr_ops;

/*
 * Make the call @request; on failure keep "NAME(WHAT): why" and return -errno.
 * @fmt gives WHAT, the argument that matters to the reader.
 */
int vtr_call(int fd, unsigned long request, void *arg, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif /* VTR_LIB_INTERNAL_H */
