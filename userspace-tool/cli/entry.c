// SPDX-License-Identifier: GPL-2.0-only
/*
 * main(), alone in its file so that the tests can link the rest of the tool
 * and call vitrine_main() with a scripted device.
 *
 * Read main.c next.
 */
#include <sys/prctl.h>

#include "command.h"

int main(int argc, char **argv)
{
	/* install-tree.sh starts the program through the dynamic loader. */
	prctl(PR_SET_NAME, "vitrine");
	return vitrine_main(argc, argv);
}
