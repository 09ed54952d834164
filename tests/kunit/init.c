// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only program in User Mode Linux: load the test module, unload it, end.
 *
 * Built statically by tests/kunit/run and started by the kernel as /init.  The
 * marks around the report go through the kernel's log, so that they stand in
 * the right order among its messages; tests/kunit/run looks for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int kmsg = -1;

static void say(const char *text)
{
	char line[200];
	int n = snprintf(line, sizeof(line), "<6>vitrine-kunit: %s\n", text);

	if (kmsg < 0 || write(kmsg, line, n) != n)
		printf("%s", line);
}

static void say_failed(const char *what)
{
	char line[150];

	snprintf(line, sizeof(line), "%s failed: %s", what, strerror(errno));
	say(line);
}

static void load_and_unload(void)
{
	int fd = open("/vitrine_kunit.ko", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		say_failed("open of the module");
		return;
	}
	if (syscall(SYS_finit_module, fd, "", 0))
		say_failed("insmod");
	else if (syscall(SYS_delete_module, "vitrine_kunit", O_NONBLOCK))
		say_failed("rmmod");
	close(fd);
}

int main(void)
{
	mkdir("/dev", 0755);
	if (mount("none", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		printf("vitrine-kunit: mount of /dev failed: %s\n", strerror(errno));
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	say("begin");
	load_and_unload();
	say("end");
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
