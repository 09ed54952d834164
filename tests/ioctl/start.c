// SPDX-License-Identifier: GPL-2.0-only
/*
 * All test programs in one file.
 *
 * Each *_test.c has a main() of its own, which the Makefile calls NAME_main(); the name
 * by which the file is called says which one is meant (NAME_test is a link to it).  A C
 * library in each of them would be most of what the nested machine has to load.
 */
#include <stdio.h>
#include <string.h>

#define PROGRAM(name)	int name##_main(int argc, char **argv);
#include "programs.h"
#undef PROGRAM

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} programs[] = {
#define PROGRAM(name)	{ #name, name##_main },
#include "programs.h"
};

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];

	for (unsigned int i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (!strcmp(name, programs[i].name))
			return programs[i].main(argc, argv);
	}
	fprintf(stderr, "%s: no such test program; call one of the links beside this file\n", name);
	return 2;
}
