// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a file that the user names as a guest or as a module.
 *
 * Read load.h first.  The bytes are copied, not mapped: a file that is cut
 * short by another program while it is mapped would end this one by SIGBUS.
 *
 * Subtle: opened with O_NONBLOCK, because opening a FIFO waits for a writer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvitrine.h"
#include "load.h"

static int check_file(const char *path, const struct stat *st, uint64_t max)
{
	if (S_ISDIR(st->st_mode))
		return vtr_error(EISDIR, "%s is a directory: name the guest's file",
				 path);
	if (!S_ISREG(st->st_mode))
		return vtr_error(EINVAL, "%s is no regular file: copy its contents into one",
				 path);
	if (!st->st_size)
		return vtr_error(EINVAL, "%s is empty", path);
	if ((uint64_t)st->st_size > max)
		return vtr_error(EFBIG, "%s has %lld bytes, guest memory only %llu: raise --memory",
				 path, (long long)st->st_size, (ull)max);
	return 0;
}

static int read_all(int fd, struct image *image)
{
	uint64_t got = 0;

	while (got < image->bytes) {
		ssize_t n = read(fd, image->data + got, image->bytes - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vtr_error(errno, "%s: %s", image->path,
					 strerror(errno));
		if (!n)
			return vtr_error(EIO, "%s became shorter while it was read",
					 image->path);
		got += n;
	}
	return 0;
}

static int read_open(int fd, uint64_t max, struct image *image)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return vtr_error(errno, "%s: %s", image->path, strerror(errno));
	ret = check_file(image->path, &st, max);
	if (ret)
		return ret;
	image->bytes = st.st_size;
	image->data = malloc(image->bytes);
	if (!image->data)
		return vtr_error(ENOMEM, "%s: no memory for %llu bytes",
				 image->path, (ull)image->bytes);
	ret = read_all(fd, image);
	if (ret)
		image_free(image);
	return ret;
}

int image_read(const char *path, uint64_t max, struct image *image)
{
	int fd, ret;

	*image = (struct image){ .path = path };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return vtr_error(errno, "%s: %s", path, strerror(errno));
	ret = read_open(fd, max, image);
	close(fd);
	return ret;
}

void image_free(struct image *image)
{
	free(image->data);
	image->data = NULL;
	image->bytes = 0;
}
