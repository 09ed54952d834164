/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest code inside of a test: a few instructions, right beside the checks.
 *
 *	GUEST(answers, 16, "mov $42, %ax\n hlt");
 *	...
 *	put_guest(vm, &guest_answers);
 *
 * The code is assembled for the mode given (16, 32 or 64 bits) and must not
 * care where it lies; put_guest() copies it to CODE_AT.  Larger guests, which
 * the tool can run as well, are in tests/guests.
 */
#ifndef TESTS_GUEST_CODE_H
#define TESTS_GUEST_CODE_H

#include <stdint.h>

struct guest_code {
	const uint8_t *start;
	const uint8_t *end;
};

#define GUEST(name, bits, body)							\
	extern const uint8_t name##_start[], name##_end[];			\
	asm(".pushsection .rodata\n"						\
	    ".code" #bits "\n"							\
	    #name "_start:\n" body "\n"						\
	    #name "_end:\n"							\
	    ".code64\n"								\
	    ".popsection");							\
	static const struct guest_code guest_##name = { name##_start, name##_end }

#endif /* TESTS_GUEST_CODE_H */
