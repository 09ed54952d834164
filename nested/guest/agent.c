// SPDX-License-Identifier: GPL-2.0-only
/*
 * Process 1 of the nested machine: runs one job and reports it.
 *
 * The boot ROM or QEMU starts the kernel, the kernel starts this program.  It
 * mounts what a test needs, unpacks the payload that nested/run made
 * (lib/machine/payload.py; unpack.c), runs the command in it and sends output,
 * exit status and the files of /out as frames (frames.c).
 *
 * Subtle: the machine may be saved while this program runs, between "ready"
 * and reading the payload, and be restored many times with another payload.
 * Nothing that belongs to a job may be read before that point.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"
#include "unpack.h"

#define SERIAL			0x3f8	/* keys come in here */
#define SERIAL_LINE_STATUS	(SERIAL + 5)
#define LINE_STATUS_DATA_READY	0x01

#define JOB_DIR			"/run/vitrine"
#define PAYLOAD_MAGIC		"VTRPAY01"
#define REAP_SECONDS		10
#define DRAIN_ROUNDS		64

#define __noreturn		__attribute__((__noreturn__))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

static bool crash_kernel;
static volatile sig_atomic_t child_changed;

/* The machine is of no use without this step: say so and switch it off. */
static __noreturn void give_up(const char *what)
{
	problem("%s: %s", what, strerror(errno));
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* ---- the system around the job --------------------------------------- */

static void mount_all(void)
{
	static const struct {
		const char *type, *where, *data;
		bool optional;
	} table[] = {
		{ "devtmpfs", "/dev", "", false },
		{ "proc", "/proc", "", false },
		{ "sysfs", "/sys", "", false },
		{ "tmpfs", "/dev/shm", "mode=1777", true },
		{ "devpts", "/dev/pts", "mode=620,ptmxmode=666", true },
		{ "debugfs", "/sys/kernel/debug", "", true },
		{ "tracefs", "/sys/kernel/tracing", "", true },
		{ "cgroup2", "/sys/fs/cgroup", "", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		mkdir(table[i].where, 0755);
		if (mount(table[i].type, table[i].where, table[i].type, 0,
			  table[i].data) && !table[i].optional)
			give_up(table[i].where);
	}
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

/* Without a console driver the kernel starts process 1 with nothing open. */
static void open_standard_files(void)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0)
		give_up("/dev/null");
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* Value of "NAME=..." on the kernel's command line; NULL if it isn't there. */
static char *kernel_option(const char *name)
{
	static char line[4096];
	char *at = line;
	size_t n = strlen(name);
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	if (fd >= 0)
		close(fd);
	if (got <= 0)
		return NULL;
	line[got] = 0;
	while ((at = strstr(at, name))) {
		if ((at == line || at[-1] == ' ') && strchr("= \n", at[n])) {
			at += at[n] == '=' ? n + 1 : n;
			at[strcspn(at, " \n")] = 0;
			return at;
		}
		at += n;
	}
	return NULL;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		problem("%s: %s", path, strerror(errno));
	close(fd);
}

/* ---- the payload ---------------------------------------------------- */

/* vitrine.payload=ADDRESS,SIZE: memory that the kernel leaves alone. */
static void read_payload_memory(const char *place)
{
	char *comma;
	unsigned long address = strtoul(place, &comma, 0);
	unsigned long size = strtoul(comma + 1, NULL, 0);
	uint64_t used;
	uint8_t *p;
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		give_up("/dev/mem");
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, address);
	if (p == MAP_FAILED)
		give_up("cannot map the payload");
	memcpy(&used, p + 8, sizeof(used));
	if (memcmp(p, PAYLOAD_MAGIC, 8) || used > size - 4096) {
		errno = EBADMSG;
		give_up("no payload in memory");
	}
	if (unpack(p + 4096, used))
		give_up("the payload is damaged");
	munmap(p, size);
	close(fd);
}

/* ---- the job --------------------------------------------------------- */

/* A file of strings, each ended by a zero byte, as a vector. */
static char **read_strings(const char *path)
{
	size_t room = 1 << 20, used = 0, count = 0;
	char *text = malloc(room + 1), **vector;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 || !text)
		return NULL;
	while (used < room && (got = read(fd, text + used, room - used)) > 0)
		used += got;
	close(fd);
	text[used] = 0;
	for (size_t i = 0; i < used; i++)
		count += !text[i];
	vector = calloc(count + 1, sizeof(*vector));
	if (!vector)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		vector[i] = text;
		text += strlen(text) + 1;
	}
	return vector;
}

static bool job_has(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), JOB_DIR "/%s", name);
	return !access(path, F_OK);
}

struct job {
	pid_t pid;
	int status;
	bool ended;
	int out[2], err[2];	/* pipes; with a terminal out[0] is its master */
	bool terminal;
};

static void on_child(int signal)
{
	(void)signal;
	child_changed = 1;
}

static __noreturn void run_command(struct job *job, const char *terminal, char **argv, char **env)
{
	sigset_t none;

	setsid();
	if (terminal) {
		int fd = open(terminal, O_RDWR);

		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		ioctl(0, TIOCSCTTY, 0);
	} else {
		dup2(job->out[1], 1);
		dup2(job->err[1], 2);
	}
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	ioperm(PARALLEL_DATA, 3, 0);
	ioperm(SERIAL, 8, 0);
	if (chdir("/root"))
		_exit(126);
	environ = env;
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0],
		errno == ENOENT ? "not found" : strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void set_size(int fd)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	char **text = read_strings(JOB_DIR "/terminal");

	if (text && text[0] && text[1]) {
		size.ws_row = atoi(text[0]);
		size.ws_col = atoi(text[1]);
	}
	ioctl(fd, TIOCSWINSZ, &size);
}

static const char *open_terminal(struct job *job)
{
	job->out[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (job->out[0] < 0 || grantpt(job->out[0]) || unlockpt(job->out[0]))
		give_up("cannot open a terminal");
	set_size(job->out[0]);
	job->err[0] = -1;
	return ptsname(job->out[0]);
}

/* No FIFO, no interrupts: a byte waits in the emulator until it is fetched. */
static void open_serial(void)
{
	outb(0x80, SERIAL + 3);
	outb(1, SERIAL);		/* 115200 baud */
	outb(0, SERIAL + 1);
	outb(0x03, SERIAL + 3);		/* 8 bits, no parity, 1 stop bit */
	outb(0, SERIAL + 1);
	outb(0, SERIAL + 2);
	outb(0x03, SERIAL + 4);
}

static void start_job(struct job *job)
{
	char **argv = read_strings(JOB_DIR "/argv");
	char **env = read_strings(JOB_DIR "/env");
	const char *terminal = NULL;

	if (!argv || !argv[0] || !env)
		give_up("no job in the payload");
	job->terminal = job_has("terminal");
	if (job->terminal) {
		open_serial();	/* loses what is under way: keys come after "started" */
		terminal = open_terminal(job);
	} else if (pipe2(job->out, O_CLOEXEC) || pipe2(job->err, O_CLOEXEC)) {
		give_up("pipe");
	}
	send_frame(FRAME_STARTED, "", 0);
	job->pid = fork();
	if (job->pid < 0)
		give_up("fork");
	if (!job->pid)
		run_command(job, terminal, argv, env);
	if (!job->terminal) {
		close(job->out[1]);
		close(job->err[1]);
	}
}

/* Forward what is there; false at the end of the stream. */
static bool forward(int fd, enum frame_kind kind)
{
	uint8_t data[FRAME_MAX];
	ssize_t n = read(fd, data, sizeof(data));

	if (n > 0)
		send_frame(kind, data, n);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static bool serial_has_data(void)
{
	uint8_t status = inb(SERIAL_LINE_STATUS);

	return status != 0xff && status & LINE_STATUS_DATA_READY;
}

/*
 * Keys come in by polling: the kernel's driver stays out of the port, so that
 * its interrupts are in no test's way.
 */
static void forward_keys(int fd)
{
	uint8_t key;

	for (int idle = 0; idle < 64; idle++) {
		if (!serial_has_data())
			continue;
		key = inb(SERIAL);
		if (write(fd, &key, 1) < 0)
			return;
		idle = 0;
	}
}

static void reap(struct job *job)
{
	int status;
	pid_t pid;

	child_changed = 0;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != job->pid)
			continue;
		job->status = status;
		job->ended = true;
	}
}

/* Pump output until the command has ended and its pipes are empty. */
static void watch_job(struct job *job)
{
	int drained = 0;
	struct pollfd fds[2] = {
		{ .fd = job->out[0], .events = POLLIN },
		{ .fd = job->err[0], .events = POLLIN },
	};
	struct timespec wait = { .tv_nsec = 5000000 };
	sigset_t none;

	sigemptyset(&none);
	for (;;) {
		int n = ppoll(fds, 2, job->ended ? &(struct timespec){ 0 } :
			      job->terminal ? &wait : NULL, &none);

		if (child_changed)
			reap(job);
		if (job->terminal && !job->ended)
			forward_keys(job->out[0]);
		/* A survivor may write for ever: what it says later is lost. */
		if (job->ended && (n == 0 || drained++ == DRAIN_ROUNDS))
			return;
		for (int i = 0; i < 2 && n > 0; i++)
			if (fds[i].revents && !forward(fds[i].fd, i ? FRAME_STDERR : FRAME_STDOUT))
				fds[i].fd = -1;
	}
}

/* ---- the end --------------------------------------------------------- */

static void name_survivors(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300], text[512];
	int fd;

	while (proc && (entry = readdir(proc))) {
		ssize_t n;

		if (atoi(entry->d_name) < 2)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		if (n <= 0)		/* kernel threads have no command line */
			continue;
		text[n] = 0;
		problem("process %s (%s) does not die", entry->d_name, text);
	}
	if (proc)
		closedir(proc);
}

/* What the command left running would hide a leak: end it, and see it end. */
static void end_everything(void)
{
	struct timespec step = { .tv_nsec = 1000000 };

	kill(-1, SIGKILL);
	for (int i = 0; i < REAP_SECONDS * 1000; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 && errno == ECHILD)
			return;
		if (!pid)
			nanosleep(&step, NULL);
	}
	name_survivors();
}

static void send_out_files(void)
{
	uint8_t data[FRAME_MAX];
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		give_up("pipe");
	pid = fork();
	if (!pid) {
		dup2(ends[1], 1);
		execl("/bin/busybox", "tar", "-c", "-C", "/out", ".", NULL);
		_exit(127);
	}
	close(ends[1]);
	while ((n = read(ends[0], data, sizeof(data))) > 0)
		send_frame(FRAME_FILES, data, n);
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		problem("cannot pack /out");
}

/* Leaks become reports in the kernel log; the second scan confirms the first. */
static void scan_for_leaks(void)
{
	const char *file = "/sys/kernel/debug/kmemleak";

	if (!job_has("leaks") || access(file, W_OK))
		return;
	write_file(file, "scan");
	sleep(5);
	write_file(file, "scan");
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The machine is saved here and continues here after each restore. */
static void saving_point(void)
{
	asm volatile("xchg %%bx, %%bx" ::: "memory");
}

static void set_up(void)
{
	sigset_t child;

	umask(022);
	if (ioperm(PARALLEL_DATA, 3, 1) || ioperm(SERIAL, 8, 1))
		reboot(RB_POWER_OFF);	/* no way to say anything */
	frames_init();
	mount_all();
	open_standard_files();
	/* SIGCHLD is delivered only inside ppoll(), so none is missed. */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGCHLD, on_child);
	sethostname("machine", 7);
	mkdir("/run", 0755);
	mkdir("/out", 0755);
	mkdir("/root", 0700);
	mkdir("/tmp", 01777);
	chmod("/tmp", 01777);
	crash_kernel = kernel_option("vitrine.crash");
}

int main(void)
{
	struct job job = { 0 };
	char *place;
	uint8_t status;

	set_up();
	if (crash_kernel)
		end_torn_frame();
	if (kernel_option("vitrine.save"))
		saving_point();
	send_frame(FRAME_READY, crash_kernel ? "crash" : "", crash_kernel ? 5 : 0);
	place = kernel_option("vitrine.payload");
	if (place && !crash_kernel)
		read_payload_memory(place);
	start_job(&job);
	watch_job(&job);
	end_everything();
	scan_for_leaks();
	if (job_has("out"))
		send_out_files();
	status = exit_status(job.status);
	send_frame(FRAME_EXIT, &status, 1);
	reboot(RB_POWER_OFF);	/* the host has ended the machine long before */
	for (;;)
		pause();
}
