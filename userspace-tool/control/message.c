// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making and reading messages.
 *
 * Read message.h first.  Whatever comes in was written by somebody else: length,
 * version and type of each member are checked here.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "libvitrine.h"
#include "message.h"
#include "view/json.h"

static cJSON *begin(void)
{
	cJSON *json = cJSON_CreateObject();

	json_count(json, "v", CONTROL_VERSION);
	return json;
}

cJSON *control_request(const char *what)
{
	cJSON *json = begin();

	cJSON_AddStringToObject(json, "do", what);
	return json;
}

cJSON *control_reply(bool ok)
{
	cJSON *json = begin();

	cJSON_AddBoolToObject(json, "ok", ok);
	return json;
}

cJSON *control_event(const char *what)
{
	cJSON *json = begin();

	cJSON_AddStringToObject(json, "event", what);
	return json;
}

static int send_bytes(int fd, const void *bytes, size_t nr)
{
	ssize_t sent;

	do {
		sent = send(fd, bytes, nr, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int control_send(int fd, cJSON *json)
{
	char text[CONTROL_MESSAGE_BYTES];
	bool fits = json && cJSON_PrintPreallocated(json, text, sizeof(text), false);

	cJSON_Delete(json);
	return fits ? send_bytes(fd, text, strlen(text)) : -ENOMEM;
}

int control_send_data(int fd, const void *bytes, size_t nr)
{
	uint8_t message[CONTROL_MESSAGE_BYTES];

	if (nr >= sizeof(message))
		return -EMSGSIZE;
	message[0] = CONTROL_DATA;
	memcpy(message + 1, bytes, nr);
	return send_bytes(fd, message, nr + 1);
}

static cJSON *refuse(cJSON *json, const char *why)
{
	cJSON_Delete(json);
	vtr_error(EPROTO, "%s", why);
	return NULL;
}

cJSON *control_parse(const char *text, size_t bytes)
{
	cJSON *json;

	if (bytes > CONTROL_MESSAGE_BYTES)
		return refuse(NULL, "a message is longer than 4096 bytes");
	json = cJSON_ParseWithLength(text, bytes);
	if (!cJSON_IsObject(json))
		return refuse(json, "a message is no JSON object");
	if (control_number(json, "v") != CONTROL_VERSION)
		return refuse(json, "a message is not of version 1 (member \"v\"): take both tools from one tree");
	return json;
}

const char *control_text(const cJSON *json, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

	return text ? text : "";
}

uint64_t control_number(const cJSON *json, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	/* Beyond 2^53 a double has gaps; nothing here is so large. */
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 9e15))
		return 0;
	return (uint64_t)item->valuedouble;
}

bool control_flag(const cJSON *json, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, key));
}
