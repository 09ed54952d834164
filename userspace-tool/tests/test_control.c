// SPDX-License-Identifier: GPL-2.0-only
/*
 * Controlling VMs from outside: names and locks, the console's backlog, escape keys,
 * the protocol with odd clients, and the commands, on the scripted device.
 *
 * The guests are scripts that spin, so a VM lives until it is ended; it runs in a
 * process of its own, as always.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "control/client.h"
#include "control/message.h"
#include "control/place.h"
#include "fake.h"
#include "libvitrine.h"
#include "run/backlog.h"
#include "run/keys.h"
#include "tap.h"

static const char *guest;

static void fresh(void)
{
	fake_remove();
	fake_install();
}

static void spin(void)
{
	fake_add(0, (struct fake_step){ .what = FAKE_SPIN });
}

static void print(const char *text)
{
	for (; *text; text++)
		fake_out(0, 0x3f8, 1, (uint8_t)*text);
}

static const char *contents(const char *path)
{
	static char text[8192];
	FILE *file = fopen(path, "re");
	size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[got] = 0;
	if (file)
		fclose(file);
	return text;
}

/* Until somebody listens under this name. */
static int reach(const char *name)
{
	for (unsigned int i = 0; i < 2000; i++) {
		int fd = control_connect(name);

		if (fd >= 0)
			return fd;
		usleep(5000);
	}
	return -1;
}

static int start(const char *name, const char *option)
{
	int pid = cli_start("vm.log", "run", "--name", name, "--flat", "0x1000", guest, option,
			    NULL);
	int fd = reach(name);

	ok(fd >= 0, "a VM '%s' listens", name);
	close(fd);
	return pid;
}

/* ---- names --------------------------------------------------------------------------- */

static void test_names(void)
{
	struct control_place one, two;
	char path[CONTROL_PATH_BYTES];
	struct stat st;

	ok(!control_check_name("web-1.a_B"), "a good name");
	is_num(control_check_name(""), -EINVAL, "no name");
	is_num(control_check_name("../x"), -EINVAL, "a path");
	is_num(control_check_name("a/b"), -EINVAL, "a path downwards");
	is_num(control_check_name(".x"), -EINVAL, "a hidden file");
	is_num(control_check_name("a b"), -EINVAL, "a blank");
	is_num(control_check_name("1234567890123456789012345678901"), 0, "31 characters");
	is_num(control_check_name("12345678901234567890123456789012"), -EINVAL, "32 are too many");
	ok(!control_take(&one, "a"), "a name is taken");
	ok(!control_path("a", ".sock", false, path) && !stat(path, &st) &&
	   (st.st_mode & 0777) == 0600, "its socket is its owner's");
	is_num(control_take(&two, "a"), -EBUSY, "nobody else gets it");
	has(vtr_last_error(), "'a' is running already", "which is said");
	control_leave(&two);
	control_leave(&one);
	ok(stat(path, &st) && errno == ENOENT, "afterwards nothing is left");
	is_num(control_connect("a"), -ENOENT, "and nobody there");
	has(vtr_last_error(), "no VM 'a' is running: see `vitrine ps`", "which is said, too");
}

/* Two that start at once: exactly one wins. */
static void test_race(void)
{
	unsigned int winners = 0;
	int status;

	for (unsigned int i = 0; i < 8; i++) {
		struct control_place place;

		fflush(NULL);
		if (fork())
			continue;
		status = control_take(&place, "race");
		usleep(200000);
		_exit(!status);
	}
	for (unsigned int i = 0; i < 8; i++)
		winners += wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status);
	is_num(winners, 1, "of eight that start at once one gets the name");
}

/* A process that was killed leaves its files, and nobody minds. */
static void test_stale(void)
{
	struct control_place place;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		status = control_take(&place, "stale");
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &status, 0);
	is_num(control_connect("stale"), -ENOENT, "a dead VM's socket is nobody's");
	ok(!control_take(&place, "stale"), "its name can be taken");
	control_leave(&place);
}

static void test_no_place(void)
{
	struct control_place place;
	char *run = strdup(getenv("XDG_RUNTIME_DIR"));
	char deep[300];

	memset(deep, 'x', sizeof(deep) - 1);
	deep[0] = '/';
	deep[sizeof(deep) - 1] = 0;
	setenv("XDG_RUNTIME_DIR", deep, 1);
	ok(control_take(&place, "a") < 0, "a path that is too long for a socket");
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	is_num(control_take(&place, "a"), -ENOENT, "a directory that is not there");
	setenv("XDG_RUNTIME_DIR", run, 1);
	free(run);
}

/* ---- the backlog ------------------------------------------------------------------------ */

static void fill(struct backlog *log, const char *text)
{
	for (; *text; text++)
		backlog_put(log, *text);
}

static void test_backlog(void)
{
	static struct backlog log;
	uint64_t at = 0, lost;
	char piece[16] = "";

	fill(&log, "one\ntwo\n");
	is_num(backlog_read(&log, &at, piece, 4, &lost), 4, "a piece");
	ok(!memcmp(piece, "one\n", 4) && at == 4 && !lost, "is the first one");
	is_num(backlog_tail(&log, 100), 0, "all of it is asked for");
	is_num(backlog_tail(&log, 6), 4, "the tail begins with a line");
	is_num(backlog_tail(&log, 2), 8, "which may leave nothing");
	is_num(backlog_tail(&log, 0), 8, "no history");
	for (unsigned int i = 0; i < BACKLOG_BYTES; i++)
		backlog_put(&log, 'x');
	is_num(backlog_read(&log, &at, piece, sizeof(piece), &lost), 16, "a slow reader goes on");
	is_num(lost, 4, "and is told what is lost");
	is_num(at, 24, "behind that");
	at = log.head;
	is_num(backlog_read(&log, &at, piece, 4, &lost), 0, "at the end there is nothing");
}

/* ---- escape keys -------------------------------------------------------------------------- */

static void test_keys(void)
{
	struct keys keys;

	ok(!keys_parse("^A", &keys), "^A");
	is_num(keys_feed(&keys, 'x'), KEY_BYTE, "a letter is the guest's");
	is_num(keys_feed(&keys, 1), KEY_NOTHING, "Ctrl-A is not");
	is_num(keys_feed(&keys, 'x'), KEY_QUIT, "Ctrl-A x");
	keys_feed(&keys, 1);
	is_num(keys_feed(&keys, 'D'), KEY_DETACH, "capitals, too");
	keys_feed(&keys, 1);
	is_num(keys_feed(&keys, 1), KEY_BYTE, "twice sends one");
	keys_feed(&keys, 1);
	is_num(keys_feed(&keys, 'z'), KEY_BYTE, "an unknown one is passed on");
	ok(!keys_parse("^]", &keys) && keys.escape == 0x1d, "^]");
	ok(!keys_parse("none", &keys), "none");
	is_num(keys_feed(&keys, 0), KEY_BYTE, "then every byte is the guest's");
	is_num(keys_parse("A", &keys), -EINVAL, "a letter is no escape key");
	is_num(keys_parse("^", &keys), -EINVAL, "half of one neither");
}

/* ---- the protocol --------------------------------------------------------------------------- */

static cJSON *answer(int fd)
{
	char message[CONTROL_MESSAGE_BYTES];
	ssize_t got;

	do {
		got = recv(fd, message, sizeof(message), 0);
	} while (got > 0 && message[0] == CONTROL_DATA);
	return got > 0 ? control_parse(message, got) : NULL;
}

static void is_refused(int fd, const void *message, size_t bytes, const char *why)
{
	cJSON *json;

	send(fd, message, bytes, 0);
	json = answer(fd);
	ok(json && !control_flag(json, "ok"), "refused: %s", why);
	has(json ? control_text(json, "error") : "", why, "and told why");
	cJSON_Delete(json);
}

static void is_done(int fd, const char *message)
{
	cJSON *json;

	send(fd, message, strlen(message), 0);
	json = answer(fd);
	ok(json && control_flag(json, "ok"), "done: %s", message);
	cJSON_Delete(json);
}

static void test_odd_clients(void)
{
	static char large[2 * CONTROL_MESSAGE_BYTES];
	int pid, fd, clients[20];
	cJSON *json;

	fresh();
	spin();
	pid = start("odd", NULL);
	fd = reach("odd");
	is_refused(fd, "hello", 5, "no JSON object");
	is_refused(fd, "[1]", 3, "no JSON object");
	is_refused(fd, "{\"v\":1", 6, "no JSON object");
	is_refused(fd, "{\"do\":\"status\"}", 15, "version 1");
	is_refused(fd, "{\"v\":2,\"do\":\"status\"}", 21, "version 1");
	is_refused(fd, "{\"v\":1,\"do\":7}", 14, "no request ''");
	is_refused(fd, "{\"v\":1,\"do\":\"dance\"}", 20, "no request 'dance'");
	is_refused(fd, "{\"v\":1,\"do\":\"console\",\"keys\":\"all\"}", 35, "none of: none, free, take");
	is_refused(fd, "\0\0\0", 3, "no JSON object");
	memset(large, ' ', sizeof(large));
	is_refused(fd, large, sizeof(large), "longer than 4096");
	memset(large, '[', CONTROL_MESSAGE_BYTES);
	is_refused(fd, large, CONTROL_MESSAGE_BYTES, "no JSON object");
	/* Keys of one that has them not: dropped, no answer. */
	send(fd, "dxyz", 4, 0);
	is_done(fd, "{\"v\":1,\"do\":\"status\"}");
	for (unsigned int i = 0; i < 20; i++)
		clients[i] = reach("odd");
	json = answer(clients[19]);
	has(json ? control_text(json, "error") : "", "16 clients already", "the 17th is refused");
	cJSON_Delete(json);
	for (unsigned int i = 0; i < 20; i++)
		close(clients[i]);
	/* Some that leave without waiting for their answer. */
	for (unsigned int i = 0; i < 50; i++) {
		int hasty = reach("odd");

		send(hasty, "{\"v\":1,\"do\":\"status\"}", 21, 0);
		close(hasty);
	}
	is_done(fd, "{\"v\":1,\"do\":\"status\"}");
	is_done(fd, "{\"v\":1,\"do\":\"end\"}");
	json = answer(fd);
	is_str(json ? control_text(json, "event") : "", "end", "the end is told");
	is_str(json ? control_text(json, "outcome") : "", "quit", "with its kind");
	cJSON_Delete(json);
	ok(!answer(fd), "and the connection ends");
	close(fd);
	is_num(cli_finish(pid), 0, "the VM has ended well");
	is_num(control_connect("odd"), -ENOENT, "its name is free");
}

/* A console that never reads holds up nobody. */
static void test_slow_console(void)
{
	int pid, fd;

	fresh();
	for (unsigned int i = 0; i < 40; i++)
		fake_add(0, (struct fake_step){ FAKE_TO_USER, .exit = VTR_EXIT_IO,
			 .hw_kind = VTR_HW_IO, .hw_reason = 30, .port = 0xe9, .bytes = 1,
			 .count = 400, .insn_bytes = 1 });
	spin();
	pid = start("slow", NULL);
	fd = reach("slow");
	send(fd, "{\"v\":1,\"do\":\"console\",\"keys\":\"free\",\"history\":65536}", 53, 0);
	is_num(cli("pause", "slow", NULL)->status, 0, "another client is served");
	is_num(cli("resume", "slow", NULL)->status, 0, "and once more");
	is_num(cli("stop", "--force", "slow", NULL)->status, 0, "the VM can be ended");
	is_num(cli_finish(pid), 0, "and ends");
	close(fd);
}

/* ---- the commands -------------------------------------------------------------------- */

static void test_commands(void)
{
	const struct cli *c;
	int pid;

	fresh();
	print("hello\n");
	spin();
	pid = start("one", "--memory=1M");
	c = cli("ps", "--debugfs", "/nonexistent", NULL);
	is_num(c->status, 0, "ps without debugfs");
	has(c->out, "one", "knows the VM");
	has(c->out, "running      1      1M", "and what it says of itself");
	c = cli("pause", "one", NULL);
	is_num(c->status, 0, "pause");
	is_str(c->out, "", "says nothing");
	has(cli("ps", "--json", "--debugfs", "/nonexistent", NULL)->out,
	    "\"state\":\"paused\",\"memory\":1048576", "ps shows it");
	c = cli("pause", "one", NULL);
	is_num(c->status, 1, "not twice");
	is_str(c->err, "vitrine pause: the VM is paused already\n", "in one line");
	is_num(cli("resume", "one", NULL)->status, 0, "resume");
	is_num(cli("resume", "one", NULL)->status, 1, "not twice either");
	c = cli("stop", "one", NULL);
	is_num(c->status, 1, "without interrupt controllers there is no button");
	has(c->err, "no power button", "which is said");
	c = cli("run", "--name", "one", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "its name is taken");
	c = cli_signalled(SIGTERM, "console", "--history", "64K", "--log", temp_path("log"), "one",
			  NULL);
	is_num(c->status, 143, "a console stays until a signal");
	has(c->out, "hello", "and shows what was printed");
	has(contents(temp_path("log")), "hello", "also in its log");
	c = cli("stop", "--force", "--json", "one", NULL);
	is_num(c->status, 0, "stop --force");
	has(c->out, "\"forced\":true,\"sentence\":\"ended from outside\",\"status\":0", "says how");
	is_num(cli_finish(pid), 0, "the VM has ended");
	c = cli("pause", "one", NULL);
	is_str(c->err, "vitrine pause: no VM 'one' is running: see `vitrine ps`\n", "and is gone");
	is_num(cli("pause", NULL)->status, 2, "a name must be given");
	is_num(cli("pause", "a", "b", NULL)->status, 2, "one at a time");
}

/* The PM control register: SLP_EN with the type of S5. */
static void test_button(void)
{
	const struct cli *c;
	int pid;

	fresh();
	spin();
	pid = start("deaf", "--irqchip");
	c = cli("stop", "--timeout", "0.2", "deaf", NULL);
	is_num(c->status, 0, "a guest that ignores its button");
	has(c->err, "did not react", "is ended by force, which is said");
	is_num(cli_finish(pid), 0, "the VM has ended");
}

static void test_reset(void)
{
	int pid;

	fresh();
	print("A\n");
	fake_out(0, 0xcf9, 1, 6);
	print("B\n");
	fake_out(0, 0xcf9, 1, 6);
	print("C\n");
	fake_hlt(0);
	is_num(cli("run", "--irqchip", "--flat", "0x1000", guest, NULL)->status, 119,
	       "a reset ends the VM");
	is_str(cli("run", "--irqchip", "--on-reset", "restart", "--flat", "0x1000", guest,
		   NULL)->out, "A\nB\nC\n", "or it begins again");
	fresh();
	print("A\n");
	spin();
	pid = start("again", NULL);
	is_num(cli("pause", "again", NULL)->status, 0, "a paused VM");
	is_num(cli("reset", "again", NULL)->status, 0, "is reset");
	has(cli("ps", "--json", "--debugfs", "/nonexistent", NULL)->out, "\"state\":\"paused\"",
	    "stays paused");
	is_num(cli("resume", "again", NULL)->status, 0, "and resumes");
	unlink(guest);
	is_num(cli("reset", "again", NULL)->status, 0, "a reset without its image");
	is_num(cli_finish(pid), 1, "ends the VM");
	has(contents(temp_path("vm.log")), "can't begin again: ", "and says why");
	guest = temp_file("guest.bin", "\xf4\xf4\xf4\xf4", 4);
}

static void test_detach(void)
{
	const struct cli *c;

	fresh();
	print("hello\n");
	spin();
	c = cli("run", "--detach", "--name", "bg", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "--detach");
	is_str(c->out, "bg\n", "prints the name");
	is_num(cli("stop", "--force", "bg", NULL)->status, 0, "the VM is there");
	c = cli("run", "--detach", "--flat", "0x1000", "/nonexistent", NULL);
	is_num(c->status, 1, "what is wrong before the first instruction");
	has(c->err, "/nonexistent", "is told in front");
	fresh();
	print("hello\n");
	spin();
	c = cli_with_keys("\001d", "run", "--name", "t", "--log", temp_path("t.log"), "--flat",
			  "0x1000", guest, NULL);
	is_num(c->status, 0, "Ctrl-A d leaves");
	ok(cli_terminal_restored(), "the terminal as it was");
	has(c->err, "`vitrine console t` comes back", "and says how to come back");
	c = cli_with_keys("\001x", "console", "t", NULL);
	is_num(c->status, 0, "Ctrl-A x on a console");
	has(c->out, "hello", "that has shown what was");
	has(c->err, "'t' has ended: ended from outside", "ends the VM");
	ok(cli_terminal_restored(), "and gives the terminal back");
	has(contents(temp_path("t.log")), "hello\n", "--log has all of it");
}

int main(void)
{
	fake_install();
	guest = temp_file("guest.bin", "\xf4\xf4\xf4\xf4", 4);
	cli_use_directory();
	test_names();
	test_race();
	test_stale();
	test_no_place();
	test_backlog();
	test_keys();
	test_odd_clients();
	test_slow_console();
	test_commands();
	test_button();
	test_reset();
	test_detach();
	fake_remove();
	return tap_done();
}
