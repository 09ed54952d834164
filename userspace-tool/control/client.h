/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Talking to a running VM: what console, stop, reset, pause, resume and ps share.
 *
 * Read message.h first.
 */
#ifndef VITRINE_CONTROL_CLIENT_H
#define VITRINE_CONTROL_CLIENT_H

#include "message.h"
#include "cli/options.h"

#define CONTROL_PATIENCE_MS	15000

/*
 * Send @request (and delete it) to the VM @name on @fd, wait for its reply.  What
 * comes before it, output and events, is dropped.  0: @reply, if not NULL, is the
 * caller's; a negative errno with the VM's own sentence, or with that it does not
 * answer (-ETIMEDOUT) or is gone (-EPIPE).
 */
int control_ask(int fd, const char *name, cJSON *request, int patience_ms, cJSON **reply);

/* Connect, ask for one thing without arguments, and go. */
int control_do(const char *name, const char *what, cJSON **reply);

/*
 * Wait until the VM has ended.  1: it has, with @sentence and @status; 0: it has
 * not within @patience_ms.  @fd is useless after 1.
 */
int control_await_end(int fd, int patience_ms, char *sentence, size_t room, int *status);

/* The process behind a connection. */
int control_peer(int fd);

/* Be a console until the VM ends or the user leaves; the exit status. */
int console_client(const struct options *options, int fd);

#endif /* VITRINE_CONTROL_CLIENT_H */
