/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers for the fuzzers: a stream that a seed decides, with a taste for edges.
 *
 * One struct random a thread; the same seed gives the same stream on every
 * machine, which is what makes a finding repeatable.  Read ioctl_fuzz.c or
 * guest_fuzz.c for its use.
 */
#ifndef FUZZ_RANDOM_H
#define FUZZ_RANDOM_H

#include <stdint.h>
#include <string.h>

struct random {
	uint64_t state;
};

/* splitmix64: each step mixes a counter, so that any seed is a good one. */
static inline uint64_t random_u64(struct random *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* 0 .. n - 1 */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
	return random_u64(r) % n;
}

static inline int one_in(struct random *r, uint32_t n)
{
	return !random_below(r, n);
}

/* Values at which checks go wrong more often than elsewhere. */
static inline uint64_t random_edge(struct random *r)
{
	static const uint64_t edges[] = {
		0, 1, 2, 7, 8, 0x7f, 0xff, 0xfff, 0x1000, 0x1001, 0xffff, 0x10000,
		0x1fffff, 0x200000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffff, 0x800000000000, 0x7ffffffff000, 0xffff800000000000,
		0xffffffff80000000, 0x7fffffffffffffff, 0x8000000000000000,
		0xfffffffffffff000, 0xffffffffffffffff,
	};

	return edges[random_below(r, sizeof(edges) / sizeof(edges[0]))];
}

static inline uint64_t random_value(struct random *r)
{
	switch (random_below(r, 6)) {
	case 0:
		return random_edge(r);
	case 1:
		return random_edge(r) + random_below(r, 17) - 8;
	case 2:
		return random_below(r, 256);
	case 3:
		return 1ull << random_below(r, 64);
	case 4:
		return (random_u64(r) >> random_below(r, 64)) & ~0xfffull;
	default:
		return random_u64(r) >> random_below(r, 64);
	}
}

static inline void random_bytes(struct random *r, void *to, uint32_t bytes)
{
	uint8_t *at = to;

	for (; bytes >= 8; bytes -= 8, at += 8) {
		uint64_t value = random_u64(r);

		memcpy(at, &value, 8);
	}
	for (; bytes; bytes--)
		*at++ = random_u64(r);
}

#endif /* FUZZ_RANDOM_H */
