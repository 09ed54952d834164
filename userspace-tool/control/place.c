// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of running VMs: locks and sockets in a directory.
 *
 * Read place.h first.
 *
 * Subtle: a lock file may be removed by its owner between our open() and flock(),
 * so the file behind the name is compared afterwards.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libvitrine.h"
#include "place.h"
#include "tool.h"

#define SUFFIX		".sock"
#define BACKLOG		16

int control_check_name(const char *name)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t bytes = strlen(name);

	if (bytes && bytes < CONTROL_NAME_BYTES && *name != '.' && strspn(name, good) == bytes)
		return 0;
	return vtr_error(EINVAL, "'%.40s' is no name for a VM: letters, digits, '.', '_' and '-', at most %d of them, the first one no dot",
			 name, CONTROL_NAME_BYTES - 1);
}

/* Where a user's sockets lie; NULL: nowhere. */
static const char *parent(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (run && *run == '/')
		return run;
	return geteuid() ? NULL : "/run";
}

static int make_directory(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) && errno != EEXIST)
		return vtr_error(errno, "%s: %s", path, strerror(errno));
	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return vtr_error(EPERM, "%s is not a directory of this user", path);
	return 0;
}

static int directory(bool make, char path[CONTROL_PATH_BYTES])
{
	const char *above = parent();

	if (!above)
		return vtr_error(ENOENT, "XDG_RUNTIME_DIR is not set: there is no place for sockets");
	if (snprintf(path, CONTROL_PATH_BYTES, "%s/vitrine", above) >= CONTROL_PATH_BYTES)
		return vtr_error(ENAMETOOLONG, "XDG_RUNTIME_DIR is too long");
	return make ? make_directory(path) : 0;
}

int control_path(const char *name, const char *suffix, bool make, char path[CONTROL_PATH_BYTES])
{
	char dir[CONTROL_PATH_BYTES];
	int ret = directory(make, dir);

	if (!ret && snprintf(path, CONTROL_PATH_BYTES, "%s/%s%s", dir, name, suffix) >=
		    CONTROL_PATH_BYTES)
		ret = vtr_error(ENAMETOOLONG, "XDG_RUNTIME_DIR is too long");
	return ret;
}

static int socket_address(const char *name, bool make, struct sockaddr_un *address)
{
	char path[CONTROL_PATH_BYTES];
	int ret = control_path(name, SUFFIX, make, path);

	if (ret)
		return ret;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return vtr_error(ENAMETOOLONG, "%s is too long for a socket: at most %zu bytes",
				 path, sizeof(address->sun_path) - 1);
	strcpy(address->sun_path, path);
	return 0;
}

/* ---- taking a name --------------------------------------------------------------- */

static bool same_file(int fd, const char *path)
{
	struct stat ours, there;

	return !fstat(fd, &ours) && !stat(path, &there) && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

static int take_lock(const char *name)
{
	char path[CONTROL_PATH_BYTES];
	int ret = control_path(name, ".lock", true, path), fd;

	if (ret)
		return ret;
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return vtr_error(errno, "%s: %s", path, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			ret = errno;
			close(fd);
			if (ret == EWOULDBLOCK)
				return vtr_error(EBUSY, "a VM called '%s' is running already: see `vitrine ps`, or choose another --name",
						 name);
			return vtr_error(ret, "%s: %s", path, strerror(ret));
		}
		if (same_file(fd, path))
			return fd;
		close(fd);
	}
}

static int start_listening(const char *name)
{
	struct sockaddr_un address;
	int ret = socket_address(name, true, &address), fd;
	mode_t old;

	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return vtr_error(errno, "socket: %s", strerror(errno));
	/* The lock is ours: whoever has left this one is dead. */
	unlink(address.sun_path);
	old = umask(0177);
	ret = bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG);
	umask(old);
	if (ret) {
		ret = vtr_error(errno, "%s: %s", address.sun_path, strerror(errno));
		close(fd);
		return ret;
	}
	return fd;
}

int control_take(struct control_place *place, const char *name)
{
	int ret = control_check_name(name);

	*place = (struct control_place){ .lock_fd = -1, .listen_fd = -1 };
	if (ret)
		return ret;
	strcpy(place->name, name);
	place->lock_fd = take_lock(name);
	if (place->lock_fd < 0)
		return place->lock_fd;
	place->listen_fd = start_listening(name);
	if (place->listen_fd >= 0)
		return 0;
	ret = place->listen_fd;
	control_leave(place);
	return ret;
}

void control_leave(struct control_place *place)
{
	char path[CONTROL_PATH_BYTES];

	if (place->lock_fd < 0)
		return;
	if (place->listen_fd >= 0) {
		if (!control_path(place->name, SUFFIX, false, path))
			unlink(path);
		close(place->listen_fd);
	}
	if (!control_path(place->name, ".lock", false, path))
		unlink(path);
	close(place->lock_fd);
	*place = (struct control_place){ .lock_fd = -1, .listen_fd = -1 };
}

/* ---- finding one ------------------------------------------------------------------ */

int control_connect(const char *name)
{
	struct sockaddr_un address;
	int ret = control_check_name(name), fd;

	if (!ret)
		ret = socket_address(name, false, &address);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return vtr_error(errno, "socket: %s", strerror(errno));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	ret = errno;
	close(fd);
	if (ret == ENOENT || ret == ECONNREFUSED)
		return vtr_error(ENOENT, "no VM '%s' is running: see `vitrine ps`", name);
	return vtr_error(ret, "%s: %s", address.sun_path, strerror(ret));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* "NAME.sock" -> "NAME"; false for everything else. */
static bool name_of(const char *file, char name[CONTROL_NAME_BYTES])
{
	size_t bytes = strlen(file), suffix = strlen(SUFFIX);

	if (bytes <= suffix || bytes - suffix >= CONTROL_NAME_BYTES ||
	    strcmp(file + bytes - suffix, SUFFIX))
		return false;
	snprintf(name, CONTROL_NAME_BYTES, "%.*s", (int)(bytes - suffix), file);
	return true;
}

int control_list(char (**names)[CONTROL_NAME_BYTES], unsigned int *nr)
{
	char path[CONTROL_PATH_BYTES], name[CONTROL_NAME_BYTES];
	struct dirent *entry;
	DIR *dir;

	*names = NULL;
	*nr = 0;
	if (directory(false, path))
		return 0;
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		void *grown;

		if (!name_of(entry->d_name, name))
			continue;
		grown = realloc(*names, (*nr + 1) * sizeof(**names));
		if (!grown)
			break;
		*names = grown;
		memcpy((*names)[(*nr)++], name, sizeof(name));
	}
	closedir(dir);
	if (*nr)
		qsort(*names, *nr, sizeof(**names), by_name);
	return 0;
}
