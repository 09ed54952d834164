/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: the only way by which the tool touches it.
 *
 * Loaders, devices and views call these functions; nobody else holds a pointer
 * into guest RAM.  So every access is checked once, and a later dirty log or
 * copy-on-write clone has one place to hook into.
 *
 * Layout: RAM from 0; what does not fit below GUEST_HOLE_START continues at
 * GUEST_HOLE_END.  The hole is kept free for devices.
 */
#ifndef VITRINE_GUEST_MEM_H
#define VITRINE_GUEST_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE_BYTES	4096ull
#define GUEST_HOLE_START	0xc0000000ull	/* 3 GiB */
#define GUEST_HOLE_END		0x100000000ull	/* 4 GiB */
#define GUEST_MIN_BYTES		(64ull << 10)
#define GUEST_MAX_BYTES		(64ull << 30)

struct guest_region {
	uint64_t gpa;
	uint64_t bytes;
	uint8_t *hva;
};

struct guest_mem {
	uint8_t *base;		/* one mapping */
	uint64_t bytes;
	unsigned int nr_regions;
	struct guest_region region[2];
};

/* 0, or -EINVAL (size), -ENOMEM, with a sentence. */
int guest_mem_init(struct guest_mem *mem, uint64_t bytes);
void guest_mem_exit(struct guest_mem *mem);

/* True if all of @bytes at @gpa is RAM; a range that wraps around is not. */
bool guest_mem_has(const struct guest_mem *mem, uint64_t gpa, uint64_t bytes);

/* 0, or -EFAULT with a sentence that names the range; nothing is copied then. */
int guest_mem_write(struct guest_mem *mem, uint64_t gpa, const void *from,
		    uint64_t bytes);
int guest_mem_read(const struct guest_mem *mem, uint64_t gpa, void *to,
		   uint64_t bytes);
int guest_mem_zero(struct guest_mem *mem, uint64_t gpa, uint64_t bytes);

#endif /* VITRINE_GUEST_MEM_H */
