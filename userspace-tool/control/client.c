// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to a running VM, and waiting for its end.
 *
 * Read client.h first.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "libvitrine.h"
#include "place.h"

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* The next message; its length, 0: the VM is gone, -ETIMEDOUT. */
static ssize_t receive(int fd, char *message, int64_t until)
{
	for (;;) {
		struct pollfd event = { .fd = fd, .events = POLLIN };
		int64_t left = until - now_ms();
		ssize_t got;

		if (left < 0 || poll(&event, 1, left) == 0)
			return -ETIMEDOUT;
		got = recv(fd, message, CONTROL_MESSAGE_BYTES, 0);
		if (got < 0 && errno == EINTR)
			continue;
		return got < 0 ? 0 : got;
	}
}

/* The next message that is JSON; NULL and @ret, if there is none. */
static cJSON *receive_json(int fd, int64_t until, int *ret)
{
	char message[CONTROL_MESSAGE_BYTES];
	ssize_t got;

	do {
		got = receive(fd, message, until);
	} while (got > 0 && message[0] == CONTROL_DATA);
	if (got > 0) {
		cJSON *json = control_parse(message, got);

		*ret = json ? 0 : -EPROTO;
		return json;
	}
	*ret = got ? -ETIMEDOUT : -EPIPE;
	return NULL;
}

int control_ask(int fd, const char *name, cJSON *request, int patience_ms, cJSON **reply)
{
	int64_t until = now_ms() + patience_ms;
	int ret = control_send(fd, request);
	cJSON *json;

	do {
		json = ret ? NULL : receive_json(fd, until, &ret);
		if (json && cJSON_GetObjectItemCaseSensitive(json, "ok"))
			break;
		cJSON_Delete(json);
	} while (!ret);
	if (ret == -ETIMEDOUT)
		return vtr_error(ETIMEDOUT, "the VM '%s' does not answer: `vitrine stop --force %s` kills its process",
				 name, name);
	if (ret == -EPROTO)
		return ret;
	if (ret)
		return vtr_error(EPIPE, "the VM '%s' has just ended", name);
	if (!control_flag(json, "ok"))
		ret = vtr_error(EINVAL, "%s", control_text(json, "error"));
	if (!ret && reply)
		*reply = json;
	else
		cJSON_Delete(json);
	return ret;
}

int control_do(const char *name, const char *what, cJSON **reply)
{
	int fd = control_connect(name), ret;

	if (fd < 0)
		return fd;
	ret = control_ask(fd, name, control_request(what), CONTROL_PATIENCE_MS, reply);
	close(fd);
	return ret;
}

int control_await_end(int fd, int patience_ms, char *sentence, size_t room, int *status)
{
	int64_t until = now_ms() + patience_ms;
	bool ended = false;
	int ret = 0;

	/* The VM's process says how it ended, and is gone when the connection is. */
	*status = -1;
	snprintf(sentence, room, "its process was killed");
	while (!ret) {
		cJSON *json = receive_json(fd, until, &ret);

		if (json && !strcmp(control_text(json, "event"), "end")) {
			snprintf(sentence, room, "%s", control_text(json, "sentence"));
			*status = control_number(json, "status");
			ended = true;
		}
		cJSON_Delete(json);
		if (ret == -EPROTO)
			ret = 0;
	}
	return ended || ret == -EPIPE;
}

int control_peer(int fd)
{
	struct ucred peer = { 0 };
	socklen_t bytes = sizeof(peer);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
	return peer.pid;
}
