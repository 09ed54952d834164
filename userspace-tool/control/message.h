/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes over a VM's socket; docs/console.md has the whole protocol.
 *
 * The socket keeps messages apart (SOCK_SEQPACKET).  One that begins with '{' is a
 * JSON object: a request, its reply, or an event; one that begins with 'd' is bytes of
 * the console, in either direction.
 */
#ifndef VITRINE_CONTROL_MESSAGE_H
#define VITRINE_CONTROL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#define CONTROL_VERSION		1
#define CONTROL_MESSAGE_BYTES	4096
#define CONTROL_DATA		'd'
#define CONTROL_INPUT_BYTES	256	/* at most so many in a message to the guest */

/* A request, or a reply of this kind; NULL: no memory. */
cJSON *control_request(const char *what);
cJSON *control_reply(bool ok);
cJSON *control_event(const char *what);

/* Send and delete.  0, or a negative errno: not sent. */
int control_send(int fd, cJSON *json);

/* Bytes of the console: 0 or a negative errno. */
int control_send_data(int fd, const void *bytes, size_t nr);

/*
 * Read a JSON message of @bytes, of our version.  NULL with a sentence, which the
 * other side may be told.
 */
cJSON *control_parse(const char *text, size_t bytes);

/* Members of a message; what is missing or of another type is "", 0, false. */
const char *control_text(const cJSON *json, const char *key);
uint64_t control_number(const cJSON *json, const char *key);
bool control_flag(const cJSON *json, const char *key);

#endif /* VITRINE_CONTROL_MESSAGE_H */
