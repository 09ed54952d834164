// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting and printing of checks.
 *
 * Read tap.h first.
 *
 * Subtle: programs are forked by tests, so output is flushed at once, or a
 * child would print its parent's lines again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tap.h"

static unsigned int nr, failed;

bool ok(bool held, const char *fmt, ...)
{
	va_list args;

	nr++;
	failed += !held;
	printf("%sok %u - ", held ? "" : "not ", nr);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return held;
}

bool is_num(uint64_t got, uint64_t wanted, const char *what)
{
	if (!ok(got == wanted, "%s", what)) {
		printf("# got 0x%llx, wanted 0x%llx\n",
		       (unsigned long long)got, (unsigned long long)wanted);
		fflush(stdout);
	}
	return got == wanted;
}

/* Every line of a diagnostic needs its own '#'. */
static void show(const char *label, const char *text)
{
	printf("# %s: ", label);
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n' && text[1])
			printf("#   ");
	}
	printf("\n");
	fflush(stdout);
}

bool is_str(const char *got, const char *wanted, const char *what)
{
	bool held = !strcmp(got, wanted);

	ok(held, "%s", what);
	if (!held) {
		show("got", got);
		show("wanted", wanted);
	}
	return held;
}

bool has(const char *text, const char *part, const char *what)
{
	bool held = strstr(text, part);

	ok(held, "%s", what);
	if (!held) {
		show("text", text);
		show("lacks", part);
	}
	return held;
}

bool has_not(const char *text, const char *part, const char *what)
{
	bool held = !strstr(text, part);

	ok(held, "%s", what);
	if (!held) {
		show("text", text);
		show("has", part);
	}
	return held;
}

int tap_done(void)
{
	printf("1..%u\n", nr);
	fflush(stdout);
	return failed ? 1 : 0;
}
