// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices, bus and guest memory, without a VM.
 *
 * Proves: overlaps are refused, odd widths are split, unknown ports read as
 * ones, the UART's registers behave, guest addresses cannot leave RAM.
 */
#include <errno.h>
#include <string.h>

#include "devices/bus.h"
#include "devices/debug_console.h"
#include "devices/debug_exit.h"
#include "devices/demo_device.h"
#include "devices/guest_mem.h"
#include "devices/serial.h"
#include "libvitrine.h"
#include "tap.h"

static char sent[64];
static unsigned int nr_sent;
static uint32_t exit_value;
static unsigned int exits;

static void send(void *context, uint8_t byte)
{
	(void)context;
	if (nr_sent < sizeof(sent) - 1)
		sent[nr_sent++] = byte;
	sent[nr_sent] = 0;
}

static void ended(void *context, uint32_t value)
{
	(void)context;
	exits++;
	exit_value = value;
}

static uint32_t in(struct bus *bus, uint64_t port)
{
	uint64_t value = 0;

	bus_read(bus, port, 1, &value);
	return value;
}

static void test_bus(void)
{
	struct debug_console console;
	struct debug_exit device;
	struct bus bus;
	uint64_t value;

	bus_init(&bus, "ports");
	debug_console_init(&console, send, NULL);
	debug_exit_init(&device, ended, NULL);
	is_num(bus_add(&bus, 0xe9, 1, &debug_console_ops, &console), 0,
	       "a device is put on the bus");
	is_num(bus_add(&bus, 0x501, 4, &debug_exit_ops, &device), 0,
	       "a second one beside it");
	is_num(bus_add(&bus, 0x500, 2, &debug_console_ops, &console), -EEXIST,
	       "overlap at the first port is refused");
	is_num(bus_add(&bus, 0x504, 1, &debug_console_ops, &console), -EEXIST,
	       "overlap at the last port is refused");
	has(vtr_last_error(), "debug exit at 0x501-0x504",
	    "the refusal names the other device");
	is_num(bus_add(&bus, 0x505, 0, &debug_console_ops, &console), -EINVAL,
	       "an empty range is refused");
	is_num(bus_add(&bus, UINT64_MAX, 2, &debug_console_ops, &console),
	       -EINVAL, "a range that wraps around is refused");
	ok(!bus_read(&bus, 0x10, 2, &value) && value == 0xffff,
	   "an unknown port reads as ones in its width");
	is_num(bus.unknown_reads, 2, "each unknown byte is counted");
	ok(!bus_write(&bus, 0xe8, 2, 0x4100),
	   "a word across a device's edge is known in part only");
	is_str(sent, "A", "its byte reached the device");
	is_num(bus.unknown_writes, 1, "the other byte is counted");
	ok(bus_write(&bus, 0x501, 4, 0x12345678), "a doubleword is known");
	is_num(exit_value, 0x12345678, "and arrives whole");
	is_num(exits, 1, "once");
	is_num(in(&bus, 0xe9), 0xe9, "the debug console shows itself");
	bus_write(&bus, 0x502, 1, 1);
	is_num(exits, 1, "only the first debug exit port ends the VM");
}

/* A device that notes the widths of its accesses. */
static unsigned int widths_seen[8], nr_widths;

static void note_write(void *self, unsigned int offset, unsigned int bytes,
		       uint64_t value)
{
	(void)self;
	(void)offset;
	(void)value;
	widths_seen[nr_widths++] = bytes;
}

static void test_wide_access(void)
{
	const struct device_ops narrow = {
		.name = "narrow", .widths = 1 | 2 | 4, .write = note_write,
	};
	struct demo_device demo;
	struct demo_regs state;
	struct bus bus;
	uint64_t value;

	bus_init(&bus, "memory");
	demo_device_init(&demo);
	bus_add(&bus, DEMO_DEVICE_BASE, DEMO_DEVICE_BYTES, &demo_device_ops,
		&demo);
	bus_add(&bus, 0x1000, 16, &narrow, NULL);
	ok(bus_read(&bus, DEMO_DEVICE_BASE, 4, &value) && value == 0x44447456,
	   "the demo device shows itself");
	ok(bus_write(&bus, DEMO_DEVICE_BASE + 0x40, 8, 0x1122334455667788),
	   "it takes 8 bytes");
	bus_read(&bus, DEMO_DEVICE_BASE + 0x10, 4, &value);
	is_num(value, 8, "at once");
	bus_read(&bus, DEMO_DEVICE_BASE + 0x41, 3, &value);
	is_num(value, 0x556677, "three bytes are put together");
	ok(!bus_read(&bus, 0x5000, 8, &value) && value == ~0ull,
	   "no device: 8 bytes of ones");
	bus_write(&bus, 0x1000, 8, 0);
	ok(nr_widths == 2 && widths_seen[0] == 4 && widths_seen[1] == 4,
	   "8 bytes for a device of 4 become two accesses");
	nr_widths = 0;
	bus_write(&bus, 0x1000, 7, 0);
	ok(nr_widths == 3 && widths_seen[0] == 4 && widths_seen[1] == 2 &&
	   widths_seen[2] == 1, "7 bytes become 4, 2 and 1");
	demo_device_ops.save(&demo, &state);
	bus_reset(&bus);
	bus_read(&bus, DEMO_DEVICE_BASE + 0x40, 8, &value);
	is_num(value, 0, "reset clears the store");
	is_num(demo_device_ops.load(&demo, &state), 0, "its state loads");
	bus_read(&bus, DEMO_DEVICE_BASE + 0x40, 8, &value);
	is_num(value, 0x1122334455667788, "and the store is back");
	state.width = 9;
	is_num(demo_device_ops.load(&demo, &state), -EINVAL,
	       "a state that cannot be is refused");
}

static void serial_bus(struct bus *bus, struct serial *serial)
{
	bus_init(bus, "ports");
	serial_init(serial, send, NULL);
	bus_add(bus, 0x3f8, SERIAL_PORTS, &serial_ops, serial);
	bus_reset(bus);
	nr_sent = 0;
	sent[0] = 0;
}

static void test_serial_registers(void)
{
	struct serial serial;
	struct bus bus;

	serial_bus(&bus, &serial);
	is_num(in(&bus, 0x3fd), 0x60, "LSR after reset: transmitter empty");
	is_num(in(&bus, 0x3fe), 0xb0, "MSR: carrier, ready, clear to send");
	is_num(in(&bus, 0x3fa), 0x01, "IIR: nothing pending");
	bus_write(&bus, 0x3fb, 1, 0x83);
	bus_write(&bus, 0x3f8, 2, 0x0001);
	is_num(in(&bus, 0x3f8), 0x01, "divisor low");
	is_num(in(&bus, 0x3f9), 0x00, "divisor high");
	is_num(nr_sent, 0, "setting the divisor sends nothing");
	bus_write(&bus, 0x3fb, 1, 0x03);
	is_num(in(&bus, 0x3f9), 0, "IER is another register than the divisor");
	bus_write(&bus, 0x3f8, 1, 'x');
	is_str(sent, "x", "THR sends");
	bus_write(&bus, 0x3ff, 1, 0x5a);
	is_num(in(&bus, 0x3ff), 0x5a, "scratch register");
	bus_write(&bus, 0x3fd, 1, 0xff);
	is_num(in(&bus, 0x3fd), 0x60, "LSR is read-only");
	bus_write(&bus, 0x3f9, 1, 0xff);
	is_num(in(&bus, 0x3f9), 0x0f, "IER has four bits");
}

static void test_serial_interrupts(void)
{
	struct serial serial;
	struct bus bus;

	serial_bus(&bus, &serial);
	bus_write(&bus, 0x3f9, 1, 0x02);
	is_num(in(&bus, 0x3fa), 0x02, "IIR: transmitter empty once enabled");
	is_num(in(&bus, 0x3fa), 0x01, "reading IIR clears it");
	bus_write(&bus, 0x3f8, 1, 'a');
	is_num(in(&bus, 0x3fa), 0x02, "sending raises it again");
	bus_write(&bus, 0x3f9, 1, 0x01);
	serial_receive(&serial, 'q');
	is_num(in(&bus, 0x3fa), 0x04, "IIR: received data");
	bus_write(&bus, 0x3fa, 1, 0x01);
	is_num(in(&bus, 0x3fa), 0xc1, "FIFOs on: data dropped, bits 7:6 set");
}

static void test_serial_receive(void)
{
	struct serial serial;
	unsigned int taken = 0;
	struct bus bus;

	serial_bus(&bus, &serial);
	ok(serial_receive(&serial, 'a'), "one byte fits without FIFO");
	ok(!serial_receive(&serial, 'b'), "a second one does not");
	is_num(in(&bus, 0x3fd), 0x61, "LSR: data ready");
	is_num(in(&bus, 0x3f8), 'a', "RBR gives it");
	is_num(in(&bus, 0x3fd), 0x60, "and then there is none");
	is_num(in(&bus, 0x3f8), 0, "an empty RBR reads as 0");
	bus_write(&bus, 0x3fa, 1, 0x01);
	while (serial_receive(&serial, 'a' + taken))
		taken++;
	is_num(taken, SERIAL_FIFO, "the FIFO takes 16");
	is_num(in(&bus, 0x3f8), 'a', "first in");
	is_num(in(&bus, 0x3f8), 'b', "first out");
	bus_write(&bus, 0x3fa, 1, 0x03);
	is_num(in(&bus, 0x3fd), 0x60, "FCR empties the FIFO");
}

static void test_serial_loopback(void)
{
	struct serial serial;
	struct bus bus;

	serial_bus(&bus, &serial);
	bus_write(&bus, 0x3fc, 1, 0x1a);
	is_num(in(&bus, 0x3fe), 0x90, "loop-back: RTS and OUT2 come back");
	ok(!serial_receive(&serial, 'z'), "the line is cut off");
	bus_write(&bus, 0x3f8, 1, 0xae);
	is_num(in(&bus, 0x3f8), 0xae, "a sent byte is received");
	is_num(nr_sent, 0, "and not sent");
	bus_write(&bus, 0x3f8, 1, 1);
	bus_write(&bus, 0x3f8, 1, 2);
	is_num(in(&bus, 0x3fd) & 2, 2, "a second one overruns");
	is_num(in(&bus, 0x3fd) & 2, 0, "reading LSR clears that");
}

static void test_serial_state(void)
{
	struct serial_regs state, bad;
	struct serial serial;
	struct bus bus;

	serial_bus(&bus, &serial);
	bus_write(&bus, 0x3ff, 1, 0x77);
	serial_receive(&serial, 'k');
	serial_ops.save(&serial, &state);
	bus_reset(&bus);
	is_num(in(&bus, 0x3ff), 0, "reset clears");
	is_num(serial_ops.load(&serial, &state), 0, "a saved state loads");
	is_num(in(&bus, 0x3ff), 0x77, "scratch register came back");
	is_num(in(&bus, 0x3f8), 'k', "received byte came back");
	bad = state;
	bad.fifo_count = 17;
	is_num(serial_ops.load(&serial, &bad), -EINVAL,
	       "a state that cannot be is refused");
	is_num(in(&bus, 0x3ff), 0x77, "and changes nothing");
}

static void test_guest_mem(void)
{
	struct guest_mem mem;
	char text[8] = "";

	is_num(guest_mem_init(&mem, 1 << 20), 0, "1 MiB of RAM");
	is_num(guest_mem_write(&mem, 0xffffc, "abcd", 4), 0,
	       "writing up to the last byte");
	is_num(guest_mem_write(&mem, 0xffffd, "abcd", 4), -EFAULT,
	       "one byte further is refused");
	is_num(guest_mem_read(&mem, 0xffffc, text, 4), 0, "reading back");
	is_str(text, "abcd", "the same bytes");
	ok(!guest_mem_has(&mem, UINT64_MAX, 2), "a range that wraps is not RAM");
	ok(!guest_mem_has(&mem, 0, UINT64_MAX), "nor is a huge one");
	ok(!guest_mem_has(&mem, 0x1000, UINT64_MAX - 0x800),
	   "nor one whose sum wraps");
	ok(guest_mem_has(&mem, 0x100000, 0), "an empty range at the end is");
	is_num(guest_mem_zero(&mem, 0xffffc, 2), 0, "zeroing");
	guest_mem_read(&mem, 0xffffc, text, 4);
	ok(!memcmp(text, "\0\0cd", 4), "clears what it should");
	guest_mem_exit(&mem);
}

static void test_guest_mem_sizes(void)
{
	struct guest_mem mem;

	is_num(guest_mem_init(&mem, 0), -EINVAL, "no memory is refused");
	is_num(guest_mem_init(&mem, 0x10001), -EINVAL,
	       "an odd size is refused");
	is_num(guest_mem_init(&mem, GUEST_MAX_BYTES + 4096), -EINVAL,
	       "too much is refused");
	is_num(guest_mem_init(&mem, GUEST_HOLE_START + (1 << 20)), 0,
	       "RAM above the hole");
	is_num(mem.nr_regions, 2, "makes two regions");
	ok(guest_mem_has(&mem, GUEST_HOLE_END, 1 << 20), "the second from 4G");
	ok(!guest_mem_has(&mem, GUEST_HOLE_START, 1), "the hole is empty");
	ok(!guest_mem_has(&mem, GUEST_HOLE_START - 1, 2),
	   "no access reaches into it");
	guest_mem_exit(&mem);
}

int main(void)
{
	test_bus();
	test_wide_access();
	test_serial_registers();
	test_serial_interrupts();
	test_serial_receive();
	test_serial_loopback();
	test_serial_state();
	test_guest_mem();
	test_guest_mem_sizes();
	return tap_done();
}
