/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where running VMs can be found: one socket each, by name.
 *
 *	$XDG_RUNTIME_DIR/vitrine/NAME.sock	root without it: /run/vitrine
 *	                         NAME.lock	locked as long as the VM's process lives
 *	                         NAME.log	what a VM without a terminal prints
 *
 * control/server.c takes a place, control/client.c looks for one.
 *
 * Subtle: a process that was killed leaves its files behind, but never its lock:
 * who gets the lock may throw away the socket.
 */
#ifndef VITRINE_CONTROL_PLACE_H
#define VITRINE_CONTROL_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_NAME_BYTES	32
#define CONTROL_PATH_BYTES	512

/**
 * struct control_place - a name that belongs to this process
 * @name: the VM's
 * @lock_fd: its lock
 * @listen_fd: its socket
 */
struct control_place {
	char name[CONTROL_NAME_BYTES];
	int lock_fd;
	int listen_fd;
};

/* Letters, digits, '.', '_', '-', no dot in front, 31 at most.  -EINVAL with a sentence. */
int control_check_name(const char *name);

/* "DIR/NAME.SUFFIX"; makes the directory if @make.  0 or a negative errno. */
int control_path(const char *name, const char *suffix, bool make, char path[CONTROL_PATH_BYTES]);

/*
 * Take the name, and listen.  -EBUSY: a VM of that name is running; other errors:
 * there can be no socket.
 */
int control_take(struct control_place *place, const char *name);

/* Give the name free.  Nothing happens to a place that was not taken. */
void control_leave(struct control_place *place);

/* Connect to the VM @name; a descriptor, or -ENOENT: none of that name is running. */
int control_connect(const char *name);

/* The names of all sockets, malloc()ed, sorted; those of the dead among them. */
int control_list(char (**names)[CONTROL_NAME_BYTES], unsigned int *nr);

#endif /* VITRINE_CONTROL_PLACE_H */
