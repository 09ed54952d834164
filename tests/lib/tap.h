/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test cases, each in a process of its own, reported as TAP 13.
 *
 * A test program has a table of cases and returns tap_main() from main().  A
 * case is a function; checks that do not hold are printed and make it fail,
 * CHECK() goes on, REQUIRE() ends the case.  What a case opens or maps is gone
 * with its process, so it need not tidy up, and one that hangs or dies fails
 * alone.  Read next: vm.h.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct tap_case - one test
 * @name: function name; underscores are printed as spaces
 * @run: the test
 * @seconds: time limit, 0: TAP_SECONDS
 */
struct tap_case {
	const char *name;
	void (*run)(void);
	unsigned int seconds;
};

#define TAP_SECONDS	60

/*
 * How many times slower than usual the kernel is: the variable TAP_PATIENCE,
 * or 1.  Time limits are multiplied by it, and so are times in a test within
 * which a guest has to get somewhere.
 */
unsigned int tap_patience(void);

#define CASE(fn)		{ #fn, fn, 0 }
#define CASE_TIME(fn, s)	{ #fn, fn, s }

/*
 * Run all cases, or those whose names are given; --list prints the names.
 * Return: exit status: 0 all passed, 1 one failed, 2 wrong usage.
 */
int tap_main(int argc, char **argv, const struct tap_case *cases, unsigned int nr);
#define TAP_MAIN(argc, argv, cases) \
	tap_main(argc, argv, cases, sizeof(cases) / sizeof((cases)[0]))

/* End the case: it cannot be judged here, because ... */
void tap_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A line of explanation. */
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* End the case now, failed if a check failed; also ends it in a forked child. */
void tap_end(void) __attribute__((noreturn));

/* Did no check of this process fail so far? */
bool tap_good(void);

bool tap_check(bool held, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool tap_check_num(uint64_t got, uint64_t wanted, const char *file, int line, const char *what);

/* Without a format the condition itself is printed. */
#define CHECK(condition)	tap_check(condition, __FILE__, __LINE__, "%s", #condition)
#define CHECK_MSG(condition, ...) tap_check(condition, __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_NUM(got, wanted) \
	tap_check_num(got, wanted, __FILE__, __LINE__, #got " == " #wanted)
#define REQUIRE(condition)	do { if (!CHECK(condition)) tap_end(); } while (0)
#define REQUIRE_NUM(got, wanted) do { if (!CHECK_NUM(got, wanted)) tap_end(); } while (0)

/* A call that must fail with the given errno. */
#define CHECK_ERRNO(call, wanted)						\
	do {									\
		errno = 0;							\
		long ret_ = (long)(call);					\
		int errno_ = errno;						\
		tap_check(ret_ == -1 && errno_ == (wanted), __FILE__, __LINE__,	\
			  "%s: returned %ld, errno %d (%s), wanted -1 and %s",	\
			  #call, ret_, errno_, strerror(errno_), #wanted);	\
	} while (0)

/* A call that must succeed, or the case ends; gives its value. */
#define MUST(call)								\
	({									\
		errno = 0;							\
		long ret_ = (long)(call);					\
		if (!tap_check(ret_ != -1, __FILE__, __LINE__, "%s: errno %d (%s)",	\
			       #call, errno, strerror(errno)))			\
			tap_end();						\
		ret_;								\
	})

#endif /* TESTS_TAP_H */
