// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients of a running VM.
 *
 * Read server.h first, then message.h.  All descriptors are non-blocking; each round
 * of server_work() takes at most one message of each client, so one that talks
 * without end does not keep the others waiting.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/message.h"
#include "libvitrine.h"
#include "server.h"
#include "view/json.h"

#define POLL_LISTEN	0
#define POLL_WAKE	1
#define POLL_CLIENTS	2
#define PIECE		2048
#define FLUSH_MS	1000
#define HISTORY_MAX	BACKLOG_BYTES

/* ---- clients ---------------------------------------------------------------------- */

static void set_keys(struct server *server, int who);

/* The console wakes the main thread only if somebody looks. */
static void set_wake(struct server *server)
{
	struct console *console = &server->machine->console;
	bool any = false;

	for (unsigned int i = 0; i < SERVER_CLIENTS; i++)
		any |= server->client[i].fd >= 0 && server->client[i].console;
	pthread_mutex_lock(&server->machine->lock);
	console->wake_fd = any ? server->wake_fd : -1;
	pthread_mutex_unlock(&server->machine->lock);
}

static void drop(struct server *server, struct server_client *client)
{
	int who = client - server->client;

	close(client->fd);
	*client = (struct server_client){ .fd = -1 };
	if (server->keys == who)
		set_keys(server, server->machine->console.input ? KEYS_LOCAL : KEYS_NOBODY);
	set_wake(server);
}

/* Whoever does not read what it has asked for is gone. */
static void answer(struct server *server, struct server_client *client, cJSON *json)
{
	if (control_send(client->fd, json))
		drop(server, client);
}

static void refuse(struct server *server, struct server_client *client)
{
	cJSON *json = control_reply(false);

	cJSON_AddStringToObject(json, "error", vtr_last_error());
	answer(server, client, json);
}

/* On the terminal of `vitrine run`. */
static void tell_local_keys(const struct server *server, bool yours)
{
	const struct console *console = &server->machine->console;

	if (!console->raw)
		return;
	if (yours)
		fprintf(stderr, "\r\nvitrine: this terminal has the keys\r\n");
	else
		fprintf(stderr, "\r\nvitrine: another console has taken the keys; %s t takes them back\r\n",
			keys_name(&console->keys));
}

static void tell_keys(struct server *server, int who, bool yours)
{
	cJSON *json;

	if (who == KEYS_LOCAL)
		tell_local_keys(server, yours);
	if (who < 0 || server->client[who].fd < 0)
		return;
	json = control_event("keys");
	cJSON_AddBoolToObject(json, "yours", yours);
	answer(server, &server->client[who], json);
}

static void set_keys(struct server *server, int who)
{
	int before = server->keys;

	server->keys = who;
	if (before == who)
		return;
	tell_keys(server, before, false);
	tell_keys(server, who, true);
}

/* Its own user, or root. */
static bool may_talk(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static struct server_client *free_client(struct server *server)
{
	for (unsigned int i = 0; i < SERVER_CLIENTS; i++) {
		if (server->client[i].fd < 0)
			return &server->client[i];
	}
	return NULL;
}

static void accept_one(struct server *server)
{
	int fd = accept4(server->place.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct server_client *client = free_client(server);
	struct server_client extra = { .fd = fd };
	bool allowed;

	if (fd < 0)
		return;
	allowed = may_talk(fd);
	if (allowed && client) {
		*client = extra;
		return;
	}
	if (allowed)
		vtr_error(EBUSY, "the VM has %d clients already", SERVER_CLIENTS);
	else
		vtr_error(EPERM, "the VM belongs to another user");
	refuse(server, &extra);
	if (extra.fd >= 0)
		close(extra.fd);
}

/* ---- requests ---------------------------------------------------------------------- */

static int do_status(struct server *server, struct server_client *client, const cJSON *request,
		     cJSON *reply)
{
	struct machine *machine = server->machine;
	unsigned int consoles = 0;

	(void)client;
	(void)request;
	for (unsigned int i = 0; i < SERVER_CLIENTS; i++)
		consoles += server->client[i].fd >= 0 && server->client[i].console;
	cJSON_AddStringToObject(reply, "name", server->place.name);
	json_count(reply, "pid", getpid());
	cJSON_AddStringToObject(reply, "state", machine->paused ? "paused" : "running");
	json_count(reply, "vcpus", machine->nr_cpus);
	json_count(reply, "memory", machine->options->memory.value);
	json_count(reply, "uptime_ms", machine_uptime_ms(machine));
	json_count(reply, "exits", machine_exits(machine));
	json_count(reply, "resets", machine->resets);
	json_count(reply, "consoles", consoles);
	return 0;
}

static int do_power(struct server *server, struct server_client *client, const cJSON *request,
		    cJSON *reply)
{
	(void)client;
	(void)request;
	(void)reply;
	return machine_press_power(server->machine);
}

static int do_end(struct server *server, struct server_client *client, const cJSON *request,
		  cJSON *reply)
{
	(void)client;
	(void)request;
	(void)reply;
	machine_end(server->machine, OUTCOME_QUIT, EXIT_OK, "ended from outside");
	return 0;
}

static int do_reset(struct server *server, struct server_client *client, const cJSON *request,
		    cJSON *reply)
{
	(void)client;
	(void)request;
	(void)reply;
	machine_reset(server->machine);
	return 0;
}

static int do_pause(struct server *server, struct server_client *client, const cJSON *request,
		    cJSON *reply)
{
	(void)client;
	(void)request;
	(void)reply;
	return machine_pause(server->machine);
}

static int do_resume(struct server *server, struct server_client *client, const cJSON *request,
		     cJSON *reply)
{
	(void)client;
	(void)request;
	(void)reply;
	return machine_resume(server->machine);
}

/* "keys": "free" if nobody has them, "take" in any case, else none. */
static int do_console(struct server *server, struct server_client *client, const cJSON *request,
		      cJSON *reply)
{
	const char *keys = control_text(request, "keys");
	uint64_t history = control_number(request, "history");
	int who = client - server->client;

	if (*keys && strcmp(keys, "free") && strcmp(keys, "take") && strcmp(keys, "none"))
		return vtr_error(EINVAL, "keys: '%.20s' is none of: none, free, take", keys);
	if (!client->console) {
		pthread_mutex_lock(&server->machine->lock);
		client->at = backlog_tail(&server->machine->console.backlog,
					  history < HISTORY_MAX ? history : HISTORY_MAX);
		pthread_mutex_unlock(&server->machine->lock);
	}
	client->console = true;
	client->blocked = false;
	set_wake(server);
	if (!strcmp(keys, "take") || (!strcmp(keys, "free") && server->keys == KEYS_NOBODY)) {
		int before = server->keys;

		/* The reply tells it to this one. */
		server->keys = who;
		if (before != who)
			tell_keys(server, before, false);
	}
	cJSON_AddBoolToObject(reply, "keys", server->keys == who);
	return 0;
}

static const struct {
	const char *what;
	int (*run)(struct server *server, struct server_client *client, const cJSON *request,
		   cJSON *reply);
} requests[] = {
	{ "status", do_status },
	{ "console", do_console },
	{ "power", do_power },
	{ "end", do_end },
	{ "reset", do_reset },
	{ "pause", do_pause },
	{ "resume", do_resume },
};

static void take_request(struct server *server, struct server_client *client,
			 const cJSON *request)
{
	const char *what = control_text(request, "do");
	cJSON *reply;
	unsigned int i = 0;
	int ret;

	reply = control_reply(true);
	while (i < ARRAY_SIZE(requests) && strcmp(what, requests[i].what))
		i++;
	if (i < ARRAY_SIZE(requests))
		ret = requests[i].run(server, client, request, reply);
	else
		ret = vtr_error(EINVAL, "there is no request '%.20s'", what);
	if (!ret) {
		answer(server, client, reply);
		return;
	}
	cJSON_Delete(reply);
	refuse(server, client);
}

/* Bytes of one that has not the keys are dropped. */
static void take_data(struct server *server, struct server_client *client, const uint8_t *bytes,
		      size_t nr)
{
	if (server->keys == client - server->client)
		machine_type(server->machine, bytes, nr);
}

static void take_message(struct server *server, struct server_client *client)
{
	uint8_t message[CONTROL_MESSAGE_BYTES];
	struct iovec piece = { message, sizeof(message) };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t got = recvmsg(client->fd, &header, MSG_CMSG_CLOEXEC);
	cJSON *request;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop(server, client);
		return;
	}
	if (!(header.msg_flags & MSG_TRUNC) && message[0] == CONTROL_DATA &&
	    got <= 1 + CONTROL_INPUT_BYTES) {
		take_data(server, client, message + 1, got - 1);
		return;
	}
	/* Who sends what cannot be understood is told, and may go on. */
	request = control_parse((char *)message, header.msg_flags & MSG_TRUNC ?
				CONTROL_MESSAGE_BYTES + 1 : got);
	if (!request) {
		refuse(server, client);
		return;
	}
	take_request(server, client, request);
	cJSON_Delete(request);
}

/* ---- output ------------------------------------------------------------------------- */

static bool tell_lost(struct server_client *client, uint64_t lost)
{
	cJSON *json;

	if (!lost)
		return true;
	json = control_event("lost");
	json_count(json, "bytes", lost);
	return !control_send(client->fd, json);
}

/* Send one piece; false: nothing more, or the client is full or gone. */
static bool pump_piece(struct server *server, struct server_client *client)
{
	struct machine *machine = server->machine;
	uint64_t at = client->at, lost;
	uint8_t piece[PIECE];
	size_t nr;
	int ret;

	pthread_mutex_lock(&machine->lock);
	nr = backlog_read(&machine->console.backlog, &at, piece, sizeof(piece), &lost);
	pthread_mutex_unlock(&machine->lock);
	if (!nr)
		return false;
	if (!tell_lost(client, lost)) {
		client->blocked = true;
		return false;
	}
	client->at += lost;
	ret = control_send_data(client->fd, piece, nr);
	if (!ret)
		client->at = at;
	client->blocked = ret == -EAGAIN;
	if (ret && ret != -EAGAIN)
		drop(server, client);
	return !ret;
}

static void pump(struct server *server)
{
	for (unsigned int i = 0; i < SERVER_CLIENTS; i++) {
		struct server_client *client = &server->client[i];

		while (client->fd >= 0 && client->console && !client->blocked &&
		       pump_piece(server, client))
			;
	}
}

static void take_wake(struct server *server)
{
	eventfd_t times;

	pthread_mutex_lock(&server->machine->lock);
	server->machine->console.woken = false;
	pthread_mutex_unlock(&server->machine->lock);
	eventfd_read(server->wake_fd, &times);
}

/* ---- for the main thread --------------------------------------------------------------- */

int server_open(struct server *server, struct machine *machine, const char *name)
{
	int ret;

	*server = (struct server){ .machine = machine, .wake_fd = -1 };
	for (unsigned int i = 0; i < SERVER_CLIENTS; i++)
		server->client[i].fd = -1;
	ret = control_take(&server->place, name);
	if (ret)
		return ret;
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->wake_fd >= 0)
		return 0;
	ret = vtr_error(errno, "eventfd: %s", strerror(errno));
	control_leave(&server->place);
	return ret;
}

void server_polls(struct server *server, struct pollfd polls[SERVER_POLLS])
{
	polls[POLL_LISTEN] = (struct pollfd){ .fd = server->place.listen_fd, .events = POLLIN };
	polls[POLL_WAKE] = (struct pollfd){ .fd = server->wake_fd, .events = POLLIN };
	for (unsigned int i = 0; i < SERVER_CLIENTS; i++) {
		const struct server_client *client = &server->client[i];
		bool waits = server->keys == (int)i && machine_typing(server->machine);

		/* Keys that the guest has not taken yet hold up those behind them. */
		polls[POLL_CLIENTS + i] = (struct pollfd){
			.fd = client->fd,
			.events = (waits ? 0 : POLLIN) | (client->blocked ? POLLOUT : 0),
		};
	}
}

void server_work(struct server *server, const struct pollfd polls[SERVER_POLLS])
{
	if (polls[POLL_WAKE].revents)
		take_wake(server);
	for (unsigned int i = 0; i < SERVER_CLIENTS; i++) {
		const struct pollfd *event = &polls[POLL_CLIENTS + i];
		struct server_client *client = &server->client[i];

		if (client->fd < 0 || client->fd != event->fd)
			continue;
		if (event->revents & POLLOUT)
			client->blocked = false;
		if (event->revents & POLLIN)
			take_message(server, client);
		else if (event->revents & (POLLHUP | POLLERR | POLLNVAL))
			drop(server, client);
	}
	if (polls[POLL_LISTEN].revents)
		accept_one(server);
	pump(server);
}

bool server_local_keys(const struct server *server)
{
	return server->keys == KEYS_LOCAL;
}

void server_take_keys(struct server *server)
{
	set_keys(server, KEYS_LOCAL);
}

void server_leave_keys(struct server *server)
{
	if (server->keys == KEYS_LOCAL)
		server->keys = KEYS_NOBODY;
}

void server_flush(struct server *server)
{
	for (int left = FLUSH_MS; left > 0; left -= FLUSH_MS / 10) {
		struct pollfd polls[SERVER_CLIENTS];
		bool waits = false;

		for (unsigned int i = 0; i < SERVER_CLIENTS; i++)
			server->client[i].blocked = false;
		pump(server);
		for (unsigned int i = 0; i < SERVER_CLIENTS; i++) {
			polls[i] = (struct pollfd){
				.fd = server->client[i].blocked ? server->client[i].fd : -1,
				.events = POLLOUT,
			};
			waits |= polls[i].fd >= 0;
		}
		if (!waits)
			return;
		poll(polls, SERVER_CLIENTS, FLUSH_MS / 10);
	}
}

void server_close(struct server *server, const struct outcome *outcome)
{
	control_leave(&server->place);
	for (unsigned int i = 0; i < SERVER_CLIENTS; i++) {
		cJSON *json;

		if (server->client[i].fd < 0)
			continue;
		json = control_event("end");
		cJSON_AddStringToObject(json, "outcome", outcome_word(outcome->kind));
		json_count(json, "status", outcome->status);
		cJSON_AddStringToObject(json, "sentence", outcome->sentence);
		control_send(server->client[i].fd, json);
		close(server->client[i].fd);
	}
	close(server->wake_fd);
}
