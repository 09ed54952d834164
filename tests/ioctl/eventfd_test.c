// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds: signals that interrupt a guest (VTR_VM_IRQFD), and writes of a guest that
 * signal (VTR_VM_IOEVENTFD).
 *
 * A signal comes from the same thread, from another one while the vCPU runs or is
 * halted, from another process, and from a write of the guest itself.
 * Read irq_guest.h first.  Source: eventfd(2); ioctl-uapi/README.md.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "irq_guest.h"

#define MSI		0xfee00000ull	/* to the vCPU with APIC id 0 */
#define LINE		5
#define BELL		0x90		/* a port */
#define DOOR		0x40000000ull	/* where no memory is */
#define NR(list)	(sizeof(list) / sizeof((list)[0]))

/* ---- calls --------------------------------------------------------------------------- */

static int new_eventfd(unsigned int count)
{
	return MUST(eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK));
}

static int try_irqfd(struct vm *vm, int fd, uint32_t flags, uint32_t line, uint64_t address,
		     uint32_t data)
{
	struct vtr_irqfd args = {
		.size = sizeof(args), .flags = flags, .fd = fd, .line = line,
		.address = address, .data = data,
	};

	return ioctl(vm->fd, VTR_VM_IRQFD, &args);
}

static int on_line(struct vm *vm, int fd, uint32_t line)
{
	return try_irqfd(vm, fd, 0, line, 0, 0);
}

static int on_message(struct vm *vm, int fd, uint8_t vector)
{
	return try_irqfd(vm, fd, VTR_IRQFD_MSI, 0, MSI, vector);
}

static int no_irqfd(struct vm *vm, int fd)
{
	return try_irqfd(vm, fd, VTR_IRQFD_REMOVE, 0, 0, 0);
}

static int try_ioeventfd(struct vm *vm, int fd, uint32_t flags, uint64_t address, uint32_t bytes,
			 uint64_t data)
{
	struct vtr_ioeventfd args = {
		.size = sizeof(args), .flags = flags, .address = address, .data = data,
		.bytes = bytes, .fd = fd,
	};

	return ioctl(vm->fd, VTR_VM_IOEVENTFD, &args);
}

/* How often it was signalled since the last look. */
static uint64_t times(int fd)
{
	eventfd_t value = 0;

	if (eventfd_read(fd, &value))
		CHECK_NUM(errno, EAGAIN);
	return value;
}

/* ---- signals that interrupt ---------------------------------------------------------- */

GUEST(hears, 64, ENABLE_APIC REDIRECT(LINE, 0x55) WAIT_FOR_EVENTS);

static struct vcpu *start_listener(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_hears, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	return vcpu;
}

static bool run_for_events(struct vcpu *vcpu, unsigned int nr)
{
	log_of(vcpu)->wanted = log_of(vcpu)->nr + nr;
	return run_to_stop(vcpu) && CHECK_NUM(log_of(vcpu)->nr, log_of(vcpu)->wanted);
}

static void a_signal_is_an_edge_or_a_message(void)
{
	struct vcpu *vcpu = start_listener();
	int edge = new_eventfd(0), message = new_eventfd(0);

	MUST(on_line(vcpu->vm, edge, LINE));
	MUST(on_message(vcpu->vm, message, 0x77));
	MUST(eventfd_write(edge, 1));
	REQUIRE(run_for_events(vcpu, 1));
	CHECK_NUM(log_of(vcpu)->vector[0], 0x55);
	MUST(eventfd_write(message, 3));
	MUST(eventfd_write(edge, 1));
	REQUIRE(run_for_events(vcpu, 2));
	CHECK_NUM(log_of(vcpu)->count[0x77], 1);
	CHECK_NUM(log_of(vcpu)->count[0x55], 2);
	/* The count is read by the module. */
	CHECK_NUM(times(edge), 0);
	CHECK_NUM(times(message), 0);
}

/* The vCPU is halted in RUN when the signal comes, or on its way there. */
static void a_halted_guest_wakes_up(void)
{
	struct vcpu *vcpu = start_listener();
	struct runner runner = {};
	int fd = new_eventfd(0);

	MUST(on_message(vcpu->vm, fd, 0x77));
	log_of(vcpu)->wanted = ~0u;
	start_runner(&runner, vcpu, -1);
	for (unsigned int i = 1; i <= 20; i++) {
		if (i % 4 == 0)
			nap_ms(2);
		MUST(eventfd_write(fd, 1));
		WAIT_UNTIL(log_of(vcpu)->count[0x77] == i);
	}
	stop_runner(&runner);
}

GUEST(is_busy, 64, ENABLE_APIC "sti\n 1: incl 24(%r13)\n jmp 1b");

static void a_running_guest_is_interrupted(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_is_busy, END_XAPIC);
	struct runner runner = {};
	int fd = new_eventfd(0);

	MUST(on_message(vcpu->vm, fd, 0x77));
	start_runner(&runner, vcpu, -1);
	WAIT_UNTIL(log_of(vcpu)->arg[1] > 1000);
	for (unsigned int i = 1; i <= 10; i++) {
		MUST(eventfd_write(fd, 1));
		WAIT_UNTIL(log_of(vcpu)->count[0x77] == i);
	}
	stop_runner(&runner);
}

static void another_process_signals(void)
{
	struct vcpu *vcpu = start_listener();
	int fd = new_eventfd(0), status;
	pid_t child;

	MUST(on_line(vcpu->vm, fd, LINE));
	child = MUST(fork());
	if (!child)
		_exit(eventfd_write(fd, 1) || ioctl(vcpu->vm->fd, VTR_VM_IRQFD, NULL) != -1 ||
		      errno != EIO);
	MUST(waitpid(child, &status, 0));
	CHECK_NUM(status, 0);
	REQUIRE(run_for_events(vcpu, 1));
	CHECK_NUM(log_of(vcpu)->count[0x55], 1);
}

static void a_signal_from_before_is_not_lost(void)
{
	struct vcpu *vcpu = start_listener();
	int fd = new_eventfd(7);

	MUST(on_message(vcpu->vm, fd, 0x77));
	REQUIRE(run_for_events(vcpu, 1));
	MUST(eventfd_write(fd, 1));
	REQUIRE(run_for_events(vcpu, 1));
	CHECK_NUM(log_of(vcpu)->count[0x77], 2);
}

static void what_is_removed_is_an_eventfd_again(void)
{
	struct vcpu *vcpu = start_listener();
	int fd = new_eventfd(0);

	MUST(on_message(vcpu->vm, fd, 0x77));
	MUST(no_irqfd(vcpu->vm, fd));
	MUST(eventfd_write(fd, 5));
	CHECK_NUM(times(fd), 5);
	CHECK_ERRNO(no_irqfd(vcpu->vm, fd), ENOENT);
	/* And may come back, as another interrupt. */
	MUST(on_line(vcpu->vm, fd, LINE));
	MUST(eventfd_write(fd, 1));
	REQUIRE(run_for_events(vcpu, 1));
	CHECK_NUM(log_of(vcpu)->count[0x55], 1);
	CHECK_NUM(log_of(vcpu)->count[0x77], 0);
}

/* One signal for two VMs. */
static void several_vms_listen(void)
{
	struct vcpu *vcpu[2] = { start_listener(), start_listener() };
	int fd = new_eventfd(0);

	for (unsigned int i = 0; i < 2; i++)
		MUST(on_message(vcpu[i]->vm, fd, 0x70 + i));
	MUST(eventfd_write(fd, 1));
	for (unsigned int i = 0; i < 2; i++) {
		REQUIRE(run_for_events(vcpu[i], 1));
		CHECK_NUM(log_of(vcpu[i])->count[0x70 + i], 1);
	}
}

/* ---- writes that signal -------------------------------------------------------------- */

#define RING(value)	"mov $" TEXT(value) ", %eax\n out %al, $" TEXT(BELL) "\n"
#define KNOCK(value)	"movl $" TEXT(value) ", (%rbx)\n"

GUEST(rings, 64, RING(1) RING(2) RING(2) "in $" TEXT(BELL) ", %al\n" RING(3) STOP);

static void an_out_signals_and_stays_in_the_module(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_rings, 0);
	int fd = new_eventfd(0);

	MUST(try_ioeventfd(vcpu->vm, fd, VTR_IOEVENTFD_PORT, BELL, 1, 0));
	/* Reading is not writing. */
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK(vcpu->run->io.is_in && vcpu->run->io.port == BELL);
	CHECK_NUM(times(fd), 3);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(times(fd), 1);
}

static void only_the_value_that_is_meant(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_rings, 0);
	int two = new_eventfd(0), three = new_eventfd(0);

	MUST(try_ioeventfd(vcpu->vm, two, VTR_IOEVENTFD_PORT | VTR_IOEVENTFD_MATCH, BELL, 1, 2));
	MUST(try_ioeventfd(vcpu->vm, three, VTR_IOEVENTFD_PORT | VTR_IOEVENTFD_MATCH, BELL, 1, 3));
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK(!vcpu->run->io.is_in && vcpu->run->io.data == 1);
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK(vcpu->run->io.is_in);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(times(two), 2);
	CHECK_NUM(times(three), 1);
}

GUEST(knocks, 64, "mov $0xc0000000, %ebx\n"
      "movb $7, (%rbx)\n movw $7, (%rbx)\n movl $7, (%rbx)\n movq $7, (%rbx)\n"
      "movl $7, 4(%rbx)\n mov (%rbx), %eax\n movl $-1, (%rbx)\n" STOP);

/* Where the guest has the fourth GiB mapped, and neither memory nor a controller is. */
#define KNOCKS_AT	0xc0000000ull

/* Widths of the writes that come up to the program, until it reads. */
static unsigned int widths_that_come_up(struct vcpu *vcpu)
{
	unsigned int widths = 0;

	for (;;) {
		REQUIRE(run_to(vcpu, VTR_EXIT_MMIO));
		if (!vcpu->run->mmio.is_write)
			return widths;
		CHECK_NUM(vcpu->run->mmio.data, 7);
		widths |= vcpu->run->mmio.gpa == KNOCKS_AT ? vcpu->run->mmio.bytes : 0x10;
	}
}

static void a_write_of_that_width_signals(void)
{
	for (unsigned int bytes = 1; bytes <= 8; bytes *= 2) {
		struct vcpu *vcpu = start_irq_guest(&guest_knocks, 0);
		int fd = new_eventfd(0);

		MUST(try_ioeventfd(vcpu->vm, fd, 0, KNOCKS_AT, bytes, 0));
		CHECK_NUM(widths_that_come_up(vcpu), 0x1f & ~bytes);
		CHECK_NUM(times(fd), 1);
		close(vcpu->fd);
		close(vcpu->vm->fd);
		close(fd);
	}
}

static void a_write_of_any_width_signals(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_knocks, 0);
	int fd = new_eventfd(0);

	MUST(try_ioeventfd(vcpu->vm, fd, 0, KNOCKS_AT, 0, 0));
	CHECK_NUM(widths_that_come_up(vcpu), 0x10);
	CHECK_NUM(times(fd), 4);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(times(fd), 1);
}

/* A value of 4 bytes is compared without its sign. */
static void values_are_those_of_the_width(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_knocks, 0);
	int fd = new_eventfd(0);

	MUST(try_ioeventfd(vcpu->vm, fd, VTR_IOEVENTFD_MATCH, KNOCKS_AT, 4, 0xffffffff));
	CHECK_NUM(widths_that_come_up(vcpu), 0x1f);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(times(fd), 1);
}

/* Memory goes first: an eventfd there hears nothing until the slot is gone. */
static void where_memory_is_nothing_signals(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_knocks, 0);
	uint8_t *memory = map_memory(4096);
	int fd = new_eventfd(0);

	MUST(try_ioeventfd(vcpu->vm, fd, 0, KNOCKS_AT, 4, 0));
	MUST(set_slot(vcpu->vm, 5, KNOCKS_AT, 4096, memory, 0));
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(times(fd), 0);
	CHECK_NUM(memory[0], 0xff);
}

static void no_more_after_removal(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_rings, 0);
	int fd = new_eventfd(0);

	MUST(try_ioeventfd(vcpu->vm, fd, VTR_IOEVENTFD_PORT, BELL, 1, 0));
	MUST(try_ioeventfd(vcpu->vm, fd, VTR_IOEVENTFD_PORT | VTR_IOEVENTFD_REMOVE, BELL, 1, 0));
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK(!vcpu->run->io.is_in);
	CHECK_NUM(times(fd), 0);
}

/* A device of nothing but an eventfd: what the guest writes comes back as an interrupt. */
GUEST(asks_itself, 64, ENABLE_APIC RING(1) RING(2) OPEN_WINDOW RING(3) OPEN_WINDOW STOP);

static void a_write_that_interrupts_the_writer(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_asks_itself, END_XAPIC);
	int fd = new_eventfd(0);

	MUST(try_ioeventfd(vcpu->vm, fd, VTR_IOEVENTFD_PORT, BELL, 1, 0));
	MUST(on_message(vcpu->vm, fd, 0x77));
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x77], 2);
	CHECK_NUM(times(fd), 0);
}

/* ---- what cannot be ------------------------------------------------------------------ */

static void interrupts_are_checked(void)
{
	struct vm *with = new_irq_vm(), *without = new_vm(0, 0);
	int fd = new_eventfd(0), file = MUST(memfd_create("no eventfd", MFD_CLOEXEC));
	struct vtr_irqfd args = { .size = sizeof(args), .fd = fd, .line = LINE, .pad = 1 };

	CHECK_ERRNO(on_line(without, fd, LINE), ENODEV);
	CHECK_ERRNO(on_line(with, -1, LINE), EBADF);
	CHECK_ERRNO(on_line(with, 1000000, LINE), EBADF);
	CHECK_ERRNO(on_line(with, file, LINE), EINVAL);
	CHECK_ERRNO(on_line(with, with->fd, LINE), EINVAL);
	CHECK_ERRNO(on_line(with, fd, 2), EINVAL);
	CHECK_ERRNO(on_line(with, fd, 24), EINVAL);
	CHECK_ERRNO(try_irqfd(with, fd, 4, LINE, 0, 0), EINVAL);
	CHECK_ERRNO(try_irqfd(with, fd, 0, LINE, MSI, 0), EINVAL);
	CHECK_ERRNO(try_irqfd(with, fd, 0, LINE, 0, 1), EINVAL);
	CHECK_ERRNO(try_irqfd(with, fd, VTR_IRQFD_MSI, LINE, MSI, 0x77), EINVAL);
	CHECK_ERRNO(try_irqfd(with, fd, VTR_IRQFD_MSI, 0, 0xfed00000, 0x77), EINVAL);
	CHECK_ERRNO(try_irqfd(with, fd, VTR_IRQFD_REMOVE, LINE, 0, 0), EINVAL);
	CHECK_ERRNO(no_irqfd(with, fd), ENOENT);
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_IRQFD, &args), EINVAL);
	args.pad = 0;
	args.size--;
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_IRQFD, &args), EINVAL);
	CHECK_ERRNO(ioctl(with->fd, VTR_VM_IRQFD, NULL), EFAULT);
	CHECK_NUM(on_line(with, fd, LINE), 0);
	CHECK_ERRNO(on_line(with, fd, LINE), EBUSY);
	CHECK_ERRNO(on_message(with, fd, 0x77), EBUSY);
}

static void writes_are_checked(void)
{
	const uint32_t port = VTR_IOEVENTFD_PORT, match = VTR_IOEVENTFD_MATCH;
	struct vm *vm = new_vm(0, 0);
	int fd = new_eventfd(0), other = new_eventfd(0);
	struct vtr_ioeventfd args = { .size = sizeof(args), .fd = fd, .address = DOOR };

	CHECK_ERRNO(try_ioeventfd(vm, -1, 0, DOOR, 4, 0), EBADF);
	CHECK_ERRNO(try_ioeventfd(vm, vm->fd, 0, DOOR, 4, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, 8, DOOR, 4, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, 0, DOOR, 3, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, 0, DOOR, 16, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, port, BELL, 8, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, port, 0x10000, 1, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, port, 0xffff, 2, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, 0, ~0ull, 1, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, 0, ~0ull, 0, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, 0, DOOR, 4, 1), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, match, DOOR, 0, 0), EINVAL);
	CHECK_ERRNO(try_ioeventfd(vm, fd, match, DOOR, 4, 1ull << 32), EINVAL);
	args.size--;
	CHECK_ERRNO(ioctl(vm->fd, VTR_VM_IOEVENTFD, &args), EINVAL);
	CHECK_ERRNO(ioctl(vm->fd, VTR_VM_IOEVENTFD, NULL), EFAULT);
	CHECK_ERRNO(ioctl(open_device(), VTR_VM_IOEVENTFD, &args), ENOTTY);

	/* One write, one eventfd. */
	CHECK_NUM(try_ioeventfd(vm, fd, match, DOOR, 4, 1), 0);
	CHECK_NUM(try_ioeventfd(vm, fd, match, DOOR, 4, 2), 0);
	CHECK_NUM(try_ioeventfd(vm, fd, match, DOOR, 2, 1), 0);
	CHECK_NUM(try_ioeventfd(vm, fd, port, BELL, 4, 0), 0);
	CHECK_NUM(try_ioeventfd(vm, fd, 0, BELL, 4, 0), 0);
	CHECK_ERRNO(try_ioeventfd(vm, other, match, DOOR, 4, 1), EEXIST);
	CHECK_ERRNO(try_ioeventfd(vm, other, 0, DOOR, 4, 0), EEXIST);
	CHECK_ERRNO(try_ioeventfd(vm, other, 0, DOOR, 0, 0), EEXIST);
	CHECK_ERRNO(try_ioeventfd(vm, other, port | match, BELL, 4, 9), EEXIST);

	/* Only what is there can be removed, and by its own file. */
	CHECK_ERRNO(try_ioeventfd(vm, other, match | VTR_IOEVENTFD_REMOVE, DOOR, 4, 1), ENOENT);
	CHECK_ERRNO(try_ioeventfd(vm, fd, match | VTR_IOEVENTFD_REMOVE, DOOR, 4, 3), ENOENT);
	CHECK_ERRNO(try_ioeventfd(vm, fd, VTR_IOEVENTFD_REMOVE, DOOR, 4, 0), ENOENT);
	CHECK_NUM(try_ioeventfd(vm, fd, match | VTR_IOEVENTFD_REMOVE, DOOR, 4, 1), 0);
	CHECK_NUM(try_ioeventfd(vm, other, match, DOOR, 4, 1), 0);
}

static void there_are_limits(void)
{
	struct vm *vm = new_irq_vm();
	int fd[VTR_MAX_EVENTFDS + 1];

	for (unsigned int i = 0; i < NR(fd); i++)
		fd[i] = new_eventfd(0);
	for (unsigned int i = 0; i < VTR_MAX_EVENTFDS; i++) {
		REQUIRE(!on_message(vm, fd[i], 0x77));
		REQUIRE(!try_ioeventfd(vm, fd[i], 0, DOOR + 8 * i, 4, 0));
	}
	CHECK_ERRNO(on_message(vm, fd[VTR_MAX_EVENTFDS], 0x77), ENOSPC);
	CHECK_ERRNO(try_ioeventfd(vm, fd[VTR_MAX_EVENTFDS], 0, DOOR + 4, 4, 0), ENOSPC);
	CHECK_NUM(no_irqfd(vm, fd[3]), 0);
	CHECK_NUM(on_message(vm, fd[VTR_MAX_EVENTFDS], 0x77), 0);
}

/* Nobody can name a closed file to remove it, so it removes itself. */
static void what_is_closed_takes_no_place(void)
{
	struct vm *vm = new_irq_vm();

	for (unsigned int i = 0; i < 3 * VTR_MAX_EVENTFDS; i++) {
		int fd = new_eventfd(0);

		REQUIRE_NUM(on_message(vm, fd, 0x77), 0);
		close(fd);
	}
}

static void an_eventfd_outlives_its_vm(void)
{
	struct vcpu *vcpu = start_listener();
	int fd = new_eventfd(0);

	MUST(on_message(vcpu->vm, fd, 0x77));
	MUST(try_ioeventfd(vcpu->vm, fd, 0, DOOR, 4, 0));
	munmap(vcpu->run, 4096);
	close(vcpu->fd);
	close(vcpu->vm->fd);
	MUST(eventfd_write(fd, 4));
	CHECK_NUM(times(fd), 4);
}

/* ---- all at once --------------------------------------------------------------------- */

#define ROUNDS	300

struct crowd {
	struct vm *vm;
	int fd;
	volatile bool over;
};

static void *signals_on(void *arg)
{
	struct crowd *crowd = arg;

	while (!crowd->over)
		eventfd_write(crowd->fd, 1);
	return NULL;
}

/* Added, signalled and removed while the guest runs and is interrupted. */
static void comes_and_goes_while_it_signals(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_is_busy, END_XAPIC);
	struct crowd crowd = { .vm = vcpu->vm, .fd = new_eventfd(0) };
	struct runner runner = {};
	pthread_t thread;

	start_runner(&runner, vcpu, -1);
	REQUIRE(!pthread_create(&thread, NULL, signals_on, &crowd));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		REQUIRE(!on_message(vcpu->vm, crowd.fd, 0x77));
		REQUIRE(!try_ioeventfd(vcpu->vm, crowd.fd, 0, DOOR, 4, 0));
		REQUIRE(!no_irqfd(vcpu->vm, crowd.fd));
		REQUIRE(!try_ioeventfd(vcpu->vm, crowd.fd, VTR_IOEVENTFD_REMOVE, DOOR, 4, 0));
	}
	MUST(on_message(vcpu->vm, crowd.fd, 0x78));
	WAIT_UNTIL(log_of(vcpu)->count[0x78] > 0);
	crowd.over = true;
	pthread_join(thread, NULL);
	stop_runner(&runner);
	CHECK(log_of(vcpu)->count[0x77] > 0);
}

static const struct tap_case cases[] = {
	CASE(a_signal_is_an_edge_or_a_message),
	CASE(a_halted_guest_wakes_up),
	CASE(a_running_guest_is_interrupted),
	CASE(another_process_signals),
	CASE(a_signal_from_before_is_not_lost),
	CASE(what_is_removed_is_an_eventfd_again),
	CASE(several_vms_listen),
	CASE(an_out_signals_and_stays_in_the_module),
	CASE(only_the_value_that_is_meant),
	CASE(a_write_of_that_width_signals),
	CASE(a_write_of_any_width_signals),
	CASE(values_are_those_of_the_width),
	CASE(where_memory_is_nothing_signals),
	CASE(no_more_after_removal),
	CASE(a_write_that_interrupts_the_writer),
	CASE(interrupts_are_checked),
	CASE(writes_are_checked),
	CASE(there_are_limits),
	CASE(what_is_closed_takes_no_place),
	CASE(an_eventfd_outlives_its_vm),
	CASE(comes_and_goes_while_it_signals),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
