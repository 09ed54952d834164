// SPDX-License-Identifier: GPL-2.0-only
/*
 * end STATUS: end the VM around this Linux and hand out a status.
 *
 * nested/linux-guest/init calls it behind the command.  It writes to the debug
 * exit port of `vitrine run` (docs/guests.md); a stock kernel lets the superuser
 * do so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <unistd.h>

#define DEBUG_EXIT_PORT	0x501
#define PORTS		4

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: end STATUS\n");
		return 2;
	}
	if (ioperm(DEBUG_EXIT_PORT, PORTS, 1)) {
		perror("end: ioperm");
		return 1;
	}
	/* The last lines have to be through the serial port. */
	sync();
	usleep(200000);
	outl(strtoul(argv[1], NULL, 0), DEBUG_EXIT_PORT);
	fprintf(stderr, "end: there is no debug exit port\n");
	return 1;
}
