// SPDX-License-Identifier: GPL-2.0-only
/*
 * Put the files of a job into the root file system.
 *
 * agent.c calls this with the payload that lies in memory; lib/machine/cpio.py
 * writes the archive.  Subtle: parents of an entry are made on the way, and
 * what was there before is replaced, so that a job can bring any file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "unpack.h"

static void make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
}

static int put_file(const char *path, mode_t mode, const uint8_t *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	while (n) {
		ssize_t done = write(fd, data, n);

		if (done < 0) {
			close(fd);
			return -1;
		}
		data += done;
		n -= done;
	}
	return fchmod(fd, mode & 07777) | close(fd);
}

static int put_entry(char *path, mode_t mode, const uint8_t *data, size_t n)
{
	char target[4096];

	make_parents(path);
	switch (mode & S_IFMT) {
	case S_IFDIR:
		if (mkdir(path, 0755) && errno != EEXIST)
			return -1;
		return chmod(path, mode & 07777);
	case S_IFLNK:
		if (n >= sizeof(target)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(target, data, n);
		target[n] = 0;
		unlink(path);
		return symlink(target, path);
	case S_IFREG:
		unlink(path);
		return put_file(path, mode, data, n);
	}
	errno = EINVAL;
	return -1;
}

static uint32_t hex8(const uint8_t *p)
{
	char text[9];

	memcpy(text, p, 8);
	text[8] = 0;
	return strtoul(text, NULL, 16);
}

/*
 * Unpack a cpio archive in the "newc" format into /, as the kernel does at
 * boot.  A file that cannot be put is told to the host, and the rest goes on;
 * -1 if this is no archive.
 */
int unpack(const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size;
	char path[4096];

	while (end - p >= 110) {
		uint32_t mode = hex8(p + 14), n = hex8(p + 54);
		uint32_t name = hex8(p + 94);
		const uint8_t *data = p + ((110 + name + 3) & ~3u);

		if (memcmp(p, "070701", 6) || name < 2 || name > 4000 ||
		    data > end || n > (size_t)(end - data)) {
			errno = EBADMSG;
			return -1;
		}
		snprintf(path, sizeof(path), "/%.*s", (int)name - 1, p + 110);
		if (!strcmp(path, "/TRAILER!!!"))
			return 0;
		if (put_entry(path, mode, data, n))
			problem("cannot put %s into the machine: %s", path,
				strerror(errno));
		p = data + ((n + 3) & ~3u);
	}
	errno = EBADMSG;
	return -1;
}
