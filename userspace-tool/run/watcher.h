/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drains the trace rings of a running machine and hands every exit to a sink.
 *
 * run and exits use it; it hooks into machine->on_return, so each vCPU's own
 * thread drains its ring whenever the vCPU comes up to the tool.  Read
 * watcher.c and view/exit_view.h.
 *
 * Subtle: a guest that never comes up to the tool fills the ring in between;
 * what is overwritten is counted in @lost and said to the user.
 */
#ifndef VITRINE_WATCHER_H
#define VITRINE_WATCHER_H

#include "machine.h"
#include "view/exit_view.h"

struct watcher {
	pthread_mutex_t lock;
	struct exit_builder builders[VTR_MAX_VCPUS];
	uint64_t lost;
	/* Called with the lock held; either may be NULL. */
	void (*record)(void *context, const struct vtr_trace_record *record);
	void (*row)(void *context, const struct exit_row *row);
	void *context;
};

/* Hook into a machine that was created with tracing on. */
void watcher_attach(struct watcher *watcher, struct machine *machine);

/* After the machine stopped: the rest of the rings, and open rows. */
void watcher_finish(struct watcher *watcher, struct machine *machine);

#endif /* VITRINE_WATCHER_H */
