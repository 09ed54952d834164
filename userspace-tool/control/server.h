/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM's side of its socket: who may look, type, pause, reset, stop.
 *
 * cli/cmd_run.c opens it, run/run_vm.c polls it in its main thread, which does all
 * the work: no client can hold up a vCPU, and none another one.  docs/console.md has
 * the protocol and what each request means.
 *
 * Subtle: one console has the keys, the others look on.  The terminal of `vitrine
 * run` counts as a console.  A client that does not read loses output (run/backlog.h)
 * or, if it does not even read its replies, its connection.
 */
#ifndef VITRINE_CONTROL_SERVER_H
#define VITRINE_CONTROL_SERVER_H

#include <poll.h>

#include "place.h"
#include "run/machine.h"

#define SERVER_CLIENTS	16
#define SERVER_POLLS	(2 + SERVER_CLIENTS)

/* Who has the keys, if not a client by its index. */
#define KEYS_LOCAL	(-1)
#define KEYS_NOBODY	(-2)

struct server_client {
	int fd;			/* -1: free */
	bool console;
	bool blocked;		/* its socket is full */
	uint64_t at;		/* position in the backlog */
};

struct server {
	struct machine *machine;
	struct control_place place;
	int wake_fd;
	int keys;
	struct server_client client[SERVER_CLIENTS];
};

/*
 * Take the machine's name and listen.  0 or a negative errno with a sentence; the
 * machine is untouched then.
 */
int server_open(struct server *server, struct machine *machine, const char *name);

/* What to poll for; entries that are not needed have a negative descriptor. */
void server_polls(struct server *server, struct pollfd polls[SERVER_POLLS]);
void server_work(struct server *server, const struct pollfd polls[SERVER_POLLS]);

/* The terminal of `vitrine run`: has it the keys, and how it gets and leaves them. */
bool server_local_keys(const struct server *server);
void server_take_keys(struct server *server);
void server_leave_keys(struct server *server);

/* Send what the guest has written last; waits a second at most for slow readers. */
void server_flush(struct server *server);

/* Tell how the VM ended, and give the name free. */
void server_close(struct server *server, const struct outcome *outcome);

#endif /* VITRINE_CONTROL_SERVER_H */
