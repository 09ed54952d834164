// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draining of trace rings while a machine runs.
 *
 * Read watcher.h first.  Records are copied out of the ring in pieces, so a
 * full ring needs no memory of its own size.
 */
#include "watcher.h"

#define PIECE	64

static void take_record(struct watcher *watcher,
			const struct vtr_trace_record *record, unsigned int id)
{
	struct exit_row row;

	if (watcher->record)
		watcher->record(watcher->context, record);
	if (exit_builder_feed(&watcher->builders[id], record, &row) &&
	    watcher->row)
		watcher->row(watcher->context, &row);
}

static void drain(struct watcher *watcher, struct cpu *cpu)
{
	unsigned int id = vtr_vcpu_id(cpu->vcpu), nr;
	struct vtr_trace_record records[PIECE];
	uint64_t lost;

	do {
		nr = vtr_trace_read(cpu->trace, records, PIECE, &lost);
		if (lost) {
			watcher->lost += lost;
			exit_builder_break(&watcher->builders[id]);
		}
		for (unsigned int i = 0; i < nr; i++)
			take_record(watcher, &records[i], id);
	} while (nr);
}

static void on_return(struct cpu *cpu)
{
	struct watcher *watcher = cpu->machine->view;

	pthread_mutex_lock(&watcher->lock);
	drain(watcher, cpu);
	pthread_mutex_unlock(&watcher->lock);
}

/* The last records of rings that go; those of the next life begin a row of their own. */
static void drain_all(struct watcher *watcher, struct machine *machine)
{
	struct exit_row row;

	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		struct cpu *cpu = &machine->cpus[i];

		on_return(cpu);
		if (exit_builder_flush(&watcher->builders[i], &row) &&
		    watcher->row)
			watcher->row(watcher->context, &row);
		exit_builder_break(&watcher->builders[i]);
	}
}

static void on_restart(struct machine *machine)
{
	drain_all(machine->view, machine);
}

void watcher_attach(struct watcher *watcher, struct machine *machine)
{
	pthread_mutex_init(&watcher->lock, NULL);
	machine->view = watcher;
	machine->on_return = on_return;
	machine->on_restart = on_restart;
}

void watcher_finish(struct watcher *watcher, struct machine *machine)
{
	drain_all(watcher, machine);
	machine->on_return = NULL;
	machine->on_restart = NULL;
	pthread_mutex_destroy(&watcher->lock);
}
