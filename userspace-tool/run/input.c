// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys on their way to the serial port.
 *
 * The terminal of `vitrine run` (run/run_vm.c) or a console of another process
 * (control/server.c) puts them here; the UART has room for 16 bytes, so the rest waits
 * until the guest has read some.  Only the main thread comes here.
 */
#include <string.h>

#include "machine.h"

void machine_feed(struct machine *machine)
{
	struct input *input = &machine->input;

	pthread_mutex_lock(&machine->lock);
	while (input->at < input->nr &&
	       serial_receive(&machine->serial, input->bytes[input->at]))
		input->at++;
	pthread_mutex_unlock(&machine->lock);
}

bool machine_typing(const struct machine *machine)
{
	return machine->input.at < machine->input.nr;
}

void machine_type(struct machine *machine, const uint8_t *bytes, size_t nr)
{
	struct input *input = &machine->input;
	size_t room;

	input->nr -= input->at;
	memmove(input->bytes, input->bytes + input->at, input->nr);
	input->at = 0;
	room = sizeof(input->bytes) - input->nr;
	/* Only a client that does not keep to the protocol loses something here. */
	if (nr > room)
		nr = room;
	memcpy(input->bytes + input->nr, bytes, nr);
	input->nr += nr;
	machine_feed(machine);
}
