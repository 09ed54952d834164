/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking at running VMs of any process through debugfs.
 *
 * ps, exits --vm, vmcs --vm and ept --vm use it.  The layout is that of
 * module/inspect.c: vm<ID>/info, vm<ID>/vcpu<M>/{exits,vmcs,...}.
 *
 * Subtle: a VM may end between two reads; a file that is gone is then a
 * sentence like any other failure, and ps leaves the VM out.
 */
#ifndef VITRINE_DEBUGFS_H
#define VITRINE_DEBUGFS_H

#include <stdint.h>
#include <stdio.h>

#define DEBUGFS_DEFAULT	"/sys/kernel/debug/vitrine"
#define DEBUGFS_LINE	512

struct debugfs_vm {
	unsigned int id;
	char name[64];
	char pid[16];
	char backend[16];
	char state[16];
	char dead_reason[256];
	unsigned int vcpus;
};

/*
 * All VMs, sorted by id, malloc()ed.  0 or a negative errno with a sentence
 * that tells a missing debugfs from a missing module.
 */
int debugfs_list(const char *top, struct debugfs_vm **vms, unsigned int *nr);

/* The VM with this name or number. */
int debugfs_find(const char *top, const char *name, struct debugfs_vm *vm);

/* Open vm<id>/vcpu<vcpu>/<file>; NULL with a sentence. */
FILE *debugfs_open(const char *top, unsigned int id, unsigned int vcpu,
		   const char *file);

/* The sentence for a file below @top that could not be opened; -errno. */
int debugfs_cannot_open(const char *top, const char *path);

/* One line of an "exits" file; 1: a row, 0: none on this line. */
int debugfs_exit_line(const char *line, uint32_t *reason, uint64_t *count,
		      uint64_t *ticks);

/* Exits of a vCPU so far; 0 or a negative errno. */
int debugfs_exits(const char *top, unsigned int id, unsigned int vcpu,
		  uint64_t *exits);

#endif /* VITRINE_DEBUGFS_H */
