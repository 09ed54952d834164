// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation of guest RAM and checked access to it.
 *
 * Read guest_mem.h first.  RAM is one mapping, cut at the hole; its pages are
 * ordinary memory of this process, which the host may swap.  It is aligned and
 * advised so that the host can back it by pages of 2 MiB, which the module maps by
 * one leaf each: a guest that goes through its memory exits 512 times less.
 *
 * Subtle: addresses and lengths come from guests and from crafted files, so
 * every sum is checked for overflow before it is compared.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest_mem.h"
#include "libvitrine.h"

#define HUGE_BYTES	0x200000ull

static int check_size(uint64_t bytes)
{
	if (bytes % GUEST_PAGE_BYTES)
		return vtr_error(EINVAL, "memory of 0x%llx bytes is no multiple of 4K",
				 (unsigned long long)bytes);
	if (bytes < GUEST_MIN_BYTES || bytes > GUEST_MAX_BYTES)
		return vtr_error(EINVAL, "memory of 0x%llx bytes is out of range: 64K to 64G",
				 (unsigned long long)bytes);
	return 0;
}

static void cut_at_hole(struct guest_mem *mem)
{
	uint64_t low = mem->bytes < GUEST_HOLE_START ? mem->bytes :
						       GUEST_HOLE_START;

	mem->region[0] = (struct guest_region){ 0, low, mem->base };
	mem->nr_regions = 1;
	if (mem->bytes == low)
		return;
	mem->region[1] = (struct guest_region){
		GUEST_HOLE_END, mem->bytes - low, mem->base + low
	};
	mem->nr_regions = 2;
}

/* @bytes of anonymous memory, at a multiple of HUGE_BYTES; NULL: errno tells why. */
static uint8_t *map_aligned(uint64_t bytes)
{
	uint64_t before, room = bytes + HUGE_BYTES;
	uint8_t *at = mmap(NULL, room, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)at % HUGE_BYTES;
	if (before)
		munmap(at, before);
	munmap(at + before + bytes, room - before - bytes);
	return at + before;
}

int guest_mem_init(struct guest_mem *mem, uint64_t bytes)
{
	int ret = check_size(bytes);

	memset(mem, 0, sizeof(*mem));
	if (ret)
		return ret;
	mem->base = map_aligned(bytes);
	if (!mem->base)
		return vtr_error(errno, "guest memory of %llu MiB: %s: choose a smaller --memory",
				 (unsigned long long)(bytes >> 20),
				 strerror(errno));
	/* A wish: a host without huge pages serves it by small ones. */
	madvise(mem->base, bytes, MADV_HUGEPAGE);
	mem->bytes = bytes;
	cut_at_hole(mem);
	return 0;
}

void guest_mem_exit(struct guest_mem *mem)
{
	if (mem->base)
		munmap(mem->base, mem->bytes);
	memset(mem, 0, sizeof(*mem));
}

static uint8_t *lookup(const struct guest_mem *mem, uint64_t gpa,
		       uint64_t bytes)
{
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct guest_region *region = &mem->region[i];
		uint64_t offset = gpa - region->gpa;

		if (gpa >= region->gpa && offset <= region->bytes &&
		    bytes <= region->bytes - offset)
			return region->hva + offset;
	}
	return NULL;
}

bool guest_mem_has(const struct guest_mem *mem, uint64_t gpa, uint64_t bytes)
{
	return lookup(mem, gpa, bytes);
}

static int outside(uint64_t gpa, uint64_t bytes)
{
	return vtr_error(EFAULT, "0x%llx bytes at guest address 0x%llx are not in guest memory",
			 (unsigned long long)bytes, (unsigned long long)gpa);
}

int guest_mem_write(struct guest_mem *mem, uint64_t gpa, const void *from,
		    uint64_t bytes)
{
	uint8_t *at = lookup(mem, gpa, bytes);

	if (!at)
		return outside(gpa, bytes);
	if (bytes)
		memcpy(at, from, bytes);
	return 0;
}

int guest_mem_read(const struct guest_mem *mem, uint64_t gpa, void *to,
		   uint64_t bytes)
{
	const uint8_t *at = lookup(mem, gpa, bytes);

	if (!at)
		return outside(gpa, bytes);
	if (bytes)
		memcpy(to, at, bytes);
	return 0;
}

int guest_mem_zero(struct guest_mem *mem, uint64_t gpa, uint64_t bytes)
{
	uint8_t *at = lookup(mem, gpa, bytes);

	if (!at)
		return outside(gpa, bytes);
	memset(at, 0, bytes);
	return 0;
}
