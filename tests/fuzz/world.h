/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the threads of one round of the ioctl fuzzer share, and its calls.
 *
 * ioctl_fuzz.c makes a world a round, each thread then calls fuzz_call() again
 * and again; calls.c and host_calls.c have the calls, one function each.
 *
 * Subtle: descriptors and maps are shared without locks on purpose: a thread
 * may close what another one is using.  That is the race to be tested.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#include "random.h"
#include "vitrine.h"

#define WORLD_DEVICES	2
#define WORLD_SIGNALS	3
#define WORLD_VMS	3
#define WORLD_VCPUS	6
#define WORLD_MAPS	6
#define ARENA_BYTES	(4u << 20)	/* guest memory; aligned for huge pages */

struct map {
	void *volatile at;
	volatile uint32_t bytes;
};

/**
 * struct world - descriptors, maps and memory of a round
 * @device, @vm, @vcpu: descriptors, -1: none
 * @signal: eventfds, -1: none
 * @map: maps of vCPU files
 * @arena: memory for slots
 * @memory: held while its mapping changes
 * @socket: pairs for descriptors that travel, of VMs and of vCPUs
 * @bad: answers that cannot be right
 */
struct world {
	volatile int device[WORLD_DEVICES];
	volatile int vm[WORLD_VMS];
	volatile int vcpu[WORLD_VCPUS];
	volatile int signal[WORLD_SIGNALS];
	struct map map[WORLD_MAPS];
	uint8_t *arena;
	pthread_mutex_t memory;
	int socket[2][2];
	volatile unsigned int bad;
};

/**
 * struct fuzzer - one thread
 * @random: its stream
 * @argument: end of a page that is followed by none
 * @scratch: what structures point to: far from all else, so that a pointer with
 *	a spoiled byte leads nowhere and not into the fuzzer's own memory
 * @outcome: counts: 0: success, else by errno
 * @calls: done so far, by number in the table
 * @exits: VTR_EXIT_* by kind
 */
#define FUZZ_ERRNOS	134
#define FUZZ_CALLS	40
#define FUZZ_EXITS	16
struct fuzzer {
	struct world *world;
	struct random random;
	uint8_t *argument;
	void *scratch;
	timer_t timer;
	unsigned int outcome[FUZZ_ERRNOS];
	unsigned int calls[FUZZ_CALLS];
	unsigned int exits[FUZZ_EXITS];
};

/* Fill the arena with instructions that end soon. */
void world_code(struct world *world, struct random *random, uint32_t from, uint32_t bytes);

/* Slots, a vCPU and its run page for a new VM. */
void world_furnish(struct world *world, struct random *random, int vm);

/* One call; the stream says which. */
void fuzz_call(struct fuzzer *fuzzer);

const char *fuzz_call_name(unsigned int number);

#endif /* FUZZ_WORLD_H */
