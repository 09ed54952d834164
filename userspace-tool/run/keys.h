/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The escape key of a console, and what the key behind it means.
 *
 * The same for the terminal of `vitrine run` (run/run_vm.c) and for `vitrine
 * console` (control/console_client.c).  Pure: bytes in, meanings out.
 */
#ifndef VITRINE_KEYS_H
#define VITRINE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#define KEYS_DEFAULT	"^A"
#define KEYS_LINE	64	/* enough for what KEY_SIZE types */

enum key {
	KEY_BYTE,	/* for the guest */
	KEY_NOTHING,	/* the escape key: its meaning comes with the next byte */
	KEY_QUIT,	/* x: end the VM */
	KEY_DETACH,	/* d: leave the VM running */
	KEY_POWER,	/* p: press the power button */
	KEY_TAKE,	/* t: my keys shall go to the guest */
	KEY_SIZE,	/* s: type the size of the terminal */
	KEY_HELP,	/* ? */
};

struct keys {
	uint8_t escape;
	bool active;	/* false: every byte is the guest's */
	bool escaped;
};

/* What a byte means. */
enum key keys_feed(struct keys *keys, uint8_t byte);

/* "^A" ... "^_", or "none".  -EINVAL with a sentence. */
int keys_parse(const char *text, struct keys *keys);

/* "Ctrl-A", for sentences. */
const char *keys_name(const struct keys *keys);

/* All keys, a line each, ended for a raw terminal. */
void keys_help(const struct keys *keys);

/*
 * The command that tells a guest's shell the size of this terminal, and Enter.
 * Return: its length; 0: no size is known.
 */
unsigned int keys_size_line(char line[KEYS_LINE]);

#endif /* VITRINE_KEYS_H */
