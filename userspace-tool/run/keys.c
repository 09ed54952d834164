// SPDX-License-Identifier: GPL-2.0-only
/*
 * Escape keys.
 *
 * Read keys.h first.  A serial port has no size, and no way to tell of a new one:
 * the guest learns of it only if somebody types a command, which is what KEY_SIZE
 * does, at the moment that the user thinks right.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "libvitrine.h"
#include "terminal.h"

static const struct {
	char letter;
	enum key key;
	const char *what;
} table[] = {
	{ 'd', KEY_DETACH, "detach: the VM goes on, `vitrine console NAME` comes back" },
	{ 'p', KEY_POWER, "press the power button" },
	{ 's', KEY_SIZE, "type `stty rows R cols C` with the size of this terminal" },
	{ 't', KEY_TAKE, "take the keys, if another console has them" },
	{ 'x', KEY_QUIT, "end the VM" },
	{ '?', KEY_HELP, "this list" },
};

enum key keys_feed(struct keys *keys, uint8_t byte)
{
	if (!keys->active)
		return KEY_BYTE;
	if (!keys->escaped) {
		keys->escaped = byte == keys->escape;
		return keys->escaped ? KEY_NOTHING : KEY_BYTE;
	}
	keys->escaped = false;
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (tolower(byte) == table[i].letter)
			return table[i].key;
	}
	/* The escape key twice sends one; any other key is passed on alone. */
	return KEY_BYTE;
}

int keys_parse(const char *text, struct keys *keys)
{
	*keys = (struct keys){ .active = true };
	if (!strcmp(text, "none")) {
		keys->active = false;
		return 0;
	}
	if (strlen(text) == 2 && *text == '^' && toupper((unsigned char)text[1]) >= 'A' &&
	    toupper((unsigned char)text[1]) <= '_') {
		keys->escape = toupper((unsigned char)text[1]) - '@';
		return 0;
	}
	return vtr_error(EINVAL, "--escape: '%s' is no control key (write ^A, ^], or none)", text);
}

const char *keys_name(const struct keys *keys)
{
	static char name[8];

	snprintf(name, sizeof(name), "Ctrl-%c", keys->escape + '@');
	return name;
}

void keys_help(const struct keys *keys)
{
	const char *name = keys_name(keys);

	fprintf(stderr, "\r\n");
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		fprintf(stderr, "%s %c  %s\r\n", name, table[i].letter, table[i].what);
	fprintf(stderr, "%s %s  send one to the guest\r\n", name, name);
}

unsigned int keys_size_line(char line[KEYS_LINE])
{
	unsigned int rows, columns;

	if (!terminal_size(&rows, &columns))
		return 0;
	return snprintf(line, KEYS_LINE, "stty rows %u cols %u\r", rows, columns);
}
