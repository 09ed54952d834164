/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What calls.c (the interface) and host_calls.c (everything else that a program
 * does with its files and its memory) share.  Read world.h first.
 */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "world.h"

#define PAGE	4096u

/* Count an answer; complain if the interface has no such errno.  Return: @ret or -1. */
int fuzz_judge(struct fuzzer *f, const char *what, long ret);

/* A finding. */
void fuzz_complain(struct fuzzer *f, const char *what, uint64_t value);

/* A descriptor of this kind; perhaps: now and then one of another kind. */
int fuzz_device(struct fuzzer *f);
int fuzz_vm(struct fuzzer *f);
int fuzz_vcpu(struct fuzzer *f);
int fuzz_perhaps(struct fuzzer *f, int fd);

/* Put a new descriptor into one of the places; what was there is closed. */
void fuzz_keep(volatile int *places, unsigned int nr, struct random *random, int fd);

/* A place that is wrong in one of the ways in which a pointer can be. */
void *fuzz_wrong_place(struct fuzzer *f);

/* A signal for this thread, and again; 0, 0: none any more. */
void fuzz_set_alarm(struct fuzzer *f, long first_ns, long then_ns);

/* calls.c */
void fuzz_info(struct fuzzer *f);
void fuzz_walk(struct fuzzer *f);
void fuzz_stats(struct fuzzer *f);

/* host_calls.c */
void fuzz_mmap(struct fuzzer *f);
void fuzz_unmap(struct fuzzer *f);
void fuzz_run_page(struct fuzzer *f);
void fuzz_memory(struct fuzzer *f);
void fuzz_fork(struct fuzzer *f);
void fuzz_send(struct fuzzer *f);
void fuzz_close(struct fuzzer *f);
void fuzz_dup(struct fuzzer *f);
void fuzz_file(struct fuzzer *f);
void fuzz_any_ioctl(struct fuzzer *f);
void fuzz_debugfs(struct fuzzer *f);

#endif /* FUZZ_CALLS_H */
