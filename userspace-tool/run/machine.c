// SPDX-License-Identifier: GPL-2.0-only
/*
 * Putting a machine together and taking it apart.
 *
 * Read machine.h first.  The order is: device, console, devices on the bus,
 * memory, image, VM and slots, vCPUs; destroying goes backwards and copes with
 * a machine that is half made.
 *
 * Subtle: the image is loaded before the VM is created, so a wrong file costs
 * nothing in the kernel; the device is opened first, so that "not loaded" is
 * said before anything else.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "guest_cpuid.h"
#include "load/acpi.h"
#include "machine.h"

#define SERIAL_LINE	4

/* The lock is held: a device is being written. */
static void end_locked(struct machine *machine, enum outcome_kind kind,
		       int status, const char *fmt, va_list args)
{
	if (machine->outcome.kind != OUTCOME_NONE)
		return;
	machine->outcome.kind = kind;
	machine->outcome.status = status;
	vsnprintf(machine->outcome.sentence, sizeof(machine->outcome.sentence),
		  fmt, args);
	__atomic_store_n(&machine->stop, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&machine->change);
	eventfd_write(machine->done_fd, 1);
}

void machine_end(struct machine *machine, enum outcome_kind kind, int status,
		 const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&machine->lock);
	va_start(args, fmt);
	end_locked(machine, kind, status, fmt, args);
	va_end(args);
	pthread_mutex_unlock(&machine->lock);
}

static void __attribute__((format(printf, 4, 5)))
end_from_device(struct machine *machine, enum outcome_kind kind, int status,
		const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	end_locked(machine, kind, status, fmt, args);
	va_end(args);
}

static void guest_ended(void *context, uint32_t value)
{
	uint32_t status = (value << 1) | 1;

	end_from_device(context, OUTCOME_EXIT, status & 0xff,
			"the guest wrote 0x%x to the debug exit port: status %u",
			value, status);
}

static void guest_off(void *context)
{
	end_from_device(context, OUTCOME_OFF, EXIT_OK, "the guest switched itself off");
}

static void guest_reset(void *context)
{
	end_from_device(context, OUTCOME_RESET, EXIT_RESET, "the guest reset itself");
}

static void guest_panicked(void *context)
{
	end_from_device(context, OUTCOME_PANIC, EXIT_PANIC,
			"the guest's kernel has panicked, and told it to the panic device");
}

/* A failure means that the VM has been stopped: its end is told elsewhere. */
static void set_serial_line(void *context, bool level)
{
	struct machine *machine = context;

	vtr_vm_irq_line(machine->vm, SERIAL_LINE, level);
}

static void set_acpi_line(void *context, bool level)
{
	struct machine *machine = context;

	vtr_vm_irq_line(machine->vm, ACPI_LINE, level);
}

/* What a PC has besides: for guests that get its interrupt controllers, too. */
static int plug_pc(struct machine *machine)
{
	struct bus *io = &machine->io;
	int ret;

	machine->plugged = true;
	acpi_pm_init(&machine->pm, set_acpi_line, guest_off, machine);
	rtc_init(&machine->rtc);
	i8042_init(&machine->i8042, guest_reset, machine);
	pci_init(&machine->pci, guest_reset, machine);
	pvpanic_init(&machine->pvpanic, guest_panicked, machine);
	serial_connect(&machine->serial, set_serial_line, machine);
	ret = bus_add(io, ACPI_PM_BASE, ACPI_PM_PORTS, &acpi_pm_ops, &machine->pm);
	if (!ret)
		ret = bus_add(io, RTC_PORT, RTC_PORTS, &rtc_ops, &machine->rtc);
	if (!ret)
		ret = bus_add(io, I8042_DATA_PORT, 1, &i8042_data_ops, &machine->i8042);
	if (!ret)
		ret = bus_add(io, I8042_COMMAND_PORT, 1, &i8042_command_ops, &machine->i8042);
	if (!ret)
		ret = bus_add(io, PCI_PORT, PCI_PORTS, &pci_ops, &machine->pci);
	if (!ret)
		ret = bus_add(io, PVPANIC_PORT, PVPANIC_PORTS, &pvpanic_ops, &machine->pvpanic);
	return ret;
}

static int plug_devices(struct machine *machine)
{
	const struct options *options = machine->options;
	struct bus *io = &machine->io, *mmio = &machine->mmio;
	int ret;

	bus_init(io, "I/O ports");
	bus_init(mmio, "memory bus");
	serial_init(&machine->serial, console_put, &machine->console);
	debug_exit_init(&machine->debug_exit, guest_ended, machine);
	debug_console_init(&machine->debug_console, console_put,
			   &machine->console);
	demo_device_init(&machine->demo);
	ret = bus_add(io, 0x3f8, SERIAL_PORTS, &serial_ops, &machine->serial);
	if (!ret)
		ret = bus_add(io, DEBUG_CONSOLE_PORT, 1, &debug_console_ops,
			      &machine->debug_console);
	if (!ret)
		ret = bus_add(io, options->debug_exit.value, DEBUG_EXIT_PORTS,
			      &debug_exit_ops, &machine->debug_exit);
	if (!ret)
		ret = bus_add(mmio, DEMO_DEVICE_BASE, DEMO_DEVICE_BYTES,
			      &demo_device_ops, &machine->demo);
	if (!ret) {
		bus_reset(io);
		bus_reset(mmio);
	}
	return ret;
}

static void say_loaded(const struct machine *machine)
{
	static const char *const formats[] = { "", "flat", "ELF", "multiboot",
					       "Linux", "PVH" };
	static const char *const modes[] = { "", "real", "protected", "long" };
	const struct loader *loader = &machine->loader;

	fprintf(stderr, "vitrine: %s: %s, enters %s mode at 0x%llx\n",
		machine->options->guest, formats[loader->format],
		modes[loader->mode], (ull)loader->entry);
	for (unsigned int i = 0; i < loader->nr_claims; i++) {
		const struct claim *claim = &loader->claims[i];

		fprintf(stderr, "vitrine:   0x%08llx-0x%08llx %s\n",
			(ull)claim->gpa, (ull)(claim->gpa + claim->bytes - 1),
			claim->what);
	}
}

static int load(struct machine *machine)
{
	int ret = guest_mem_init(&machine->mem, machine->options->memory.value);

	if (!ret)
		ret = load_guest(&machine->loader, machine->options,
				 &machine->mem);
	machine->irqchip = machine->options->irqchip ||
			   machine->loader.format == FORMAT_LINUX ||
			   machine->loader.format == FORMAT_PVH;
	if (!ret && machine->irqchip && machine->options->all_cpus)
		ret = vtr_error(EINVAL, "--all-cpus: a guest with interrupt controllers starts its vCPUs itself, by start-up IPIs");
	if (!ret)
		ret = boot_prepare(&machine->loader);
	if (!ret && machine->options->verbose)
		say_loaded(machine);
	return ret;
}

static int create_vm(struct machine *machine, bool trace)
{
	/* No device here sends an NMI: halted with interrupts off is the end. */
	uint32_t flags = (trace ? VTR_VM_TRACE | VTR_VM_TRACE_WHOLE : 0) |
			 (machine->irqchip ? VTR_VM_TELL_HALT : 0);
	int ret = vtr_vm_create(machine->dev, machine->options->name, flags,
				machine->irqchip ? VTR_IRQCHIP_MODULE :
						   VTR_IRQCHIP_USER,
				&machine->vm);

	if (!ret)
		ret = guest_cpuid_set(machine->dev, machine->vm, machine->irqchip,
				      &machine->options->cpuid);
	for (unsigned int i = 0; !ret && i < machine->mem.nr_regions; i++) {
		const struct guest_region *region = &machine->mem.region[i];

		ret = vtr_vm_set_slot(machine->vm, i, region->gpa, region->hva,
				      region->bytes, 0);
	}
	return ret;
}

static int create_cpu(struct machine *machine, unsigned int id, bool trace)
{
	struct cpu *cpu = &machine->cpus[id];
	int ret;

	cpu->machine = machine;
	ret = vtr_vcpu_create(machine->vm, id, id, &cpu->vcpu);
	if (!ret && trace)
		ret = vtr_trace_open(cpu->vcpu, &cpu->trace);
	if (ret)
		return ret;
	cpu->started = id == 0 || machine->options->all_cpus || machine->irqchip;
	/* A vCPU that is not started stays in its reset state and never runs. */
	if (!cpu->started)
		return 0;
	machine->nr_started++;
	/* The others wait in the module until a processor starts them by IPI. */
	if (id && machine->irqchip)
		return 0;
	return boot_vcpu(&machine->loader, cpu->vcpu);
}

static int create_cpus(struct machine *machine, bool trace)
{
	unsigned int nr = machine->options->cpus.value;
	unsigned int limit = vtr_caps(machine->dev)->max_vcpus;
	int ret = 0;

	if (nr > limit)
		return vtr_error(EINVAL, "--cpus %u: the module takes at most %u",
				 nr, limit);
	machine->cpus = calloc(nr, sizeof(*machine->cpus));
	if (!machine->cpus)
		return vtr_error(ENOMEM, "no memory for %u vCPUs", nr);
	machine->nr_cpus = nr;
	for (unsigned int i = 0; !ret && i < nr; i++)
		ret = create_cpu(machine, i, trace);
	return ret;
}

/* From the image to the first instruction. */
static int build(struct machine *machine)
{
	int ret = load(machine);

	if (!ret && machine->irqchip && !machine->plugged)
		ret = plug_pc(machine);
	if (!ret)
		ret = create_vm(machine, machine->trace);
	if (!ret)
		ret = create_cpus(machine, machine->trace);
	return ret;
}

static void demolish(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		vtr_trace_close(machine->cpus[i].trace);
		vtr_vcpu_destroy(machine->cpus[i].vcpu);
	}
	free(machine->cpus);
	machine->cpus = NULL;
	machine->nr_cpus = 0;
	machine->nr_started = 0;
	vtr_vm_destroy(machine->vm);
	machine->vm = NULL;
	guest_mem_exit(&machine->mem);
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static void init_lock(struct machine *machine)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&machine->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&machine->change, &attr);
	pthread_condattr_destroy(&attr);
}

int machine_create(struct machine *machine, const struct options *options,
		   bool trace, bool input)
{
	int ret;

	memset(machine, 0, sizeof(*machine));
	machine->options = options;
	machine->trace = trace;
	machine->began_ms = monotonic_ms();
	init_lock(machine);
	machine->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (machine->done_fd < 0)
		ret = vtr_error(errno, "eventfd: %s", strerror(errno));
	else
		ret = vtr_open(NULL, &machine->dev);
	if (!ret)
		ret = console_open(&machine->console, options, input);
	if (!ret)
		ret = plug_devices(machine);
	if (!ret)
		ret = build(machine);
	if (ret)
		machine_destroy(machine);
	return ret;
}

int machine_restart(struct machine *machine)
{
	eventfd_t times;
	int ret;

	if (machine->on_restart)
		machine->on_restart(machine);
	/* While there is still a VM: a device that lets its line fall wants to tell it. */
	pthread_mutex_lock(&machine->lock);
	bus_reset(&machine->io);
	bus_reset(&machine->mmio);
	machine->halted = 0;
	machine->input = (struct input){ 0 };
	machine->outcome = (struct outcome){ 0 };
	machine->again = false;
	machine->resets++;
	__atomic_store_n(&machine->stop, false, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&machine->lock);
	eventfd_read(machine->done_fd, &times);
	demolish(machine);
	ret = build(machine);
	if (!ret && machine->paused)
		ret = vtr_vm_hold_timers(machine->vm);
	return ret;
}

void machine_reset(struct machine *machine)
{
	machine->again = true;
	machine_end(machine, OUTCOME_RESET, EXIT_RESET, "reset from outside");
}

int machine_press_power(struct machine *machine)
{
	if (!machine->irqchip)
		return vtr_error(ENODEV, "the guest has no power button, which comes with --irqchip and with Linux: `vitrine stop --force` ends it");
	if (machine->paused)
		return vtr_error(EBUSY, "the VM is paused, so the guest can't notice its power button: `vitrine resume` it, or `vitrine stop --force`");
	pthread_mutex_lock(&machine->lock);
	acpi_pm_press(&machine->pm);
	pthread_mutex_unlock(&machine->lock);
	return 0;
}

uint64_t machine_uptime_ms(const struct machine *machine)
{
	return monotonic_ms() - machine->began_ms;
}

uint64_t machine_exits(const struct machine *machine)
{
	struct vtr_vcpu_stats stats;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		if (!vtr_vcpu_stats(machine->cpus[i].vcpu, &stats))
			sum += stats.exits;
	}
	return sum;
}

void machine_destroy(struct machine *machine)
{
	demolish(machine);
	serial_exit(&machine->serial);
	debug_exit_exit(&machine->debug_exit);
	debug_console_exit(&machine->debug_console);
	demo_device_exit(&machine->demo);
	acpi_pm_exit(&machine->pm);
	rtc_exit(&machine->rtc);
	i8042_exit(&machine->i8042);
	pci_exit(&machine->pci);
	pvpanic_exit(&machine->pvpanic);
	console_close(&machine->console);
	vtr_close(machine->dev);
	machine->dev = NULL;
	if (machine->done_fd >= 0)
		close(machine->done_fd);
	machine->done_fd = -1;
	pthread_cond_destroy(&machine->change);
	pthread_mutex_destroy(&machine->lock);
}

const char *outcome_word(enum outcome_kind kind)
{
	static const char *const words[] = {
		[OUTCOME_NONE] = "none",
		[OUTCOME_HALTED] = "halted",
		[OUTCOME_EXIT] = "exit",
		[OUTCOME_OFF] = "off",
		[OUTCOME_RESET] = "reset",
		[OUTCOME_PANIC] = "panic",
		[OUTCOME_TRIPLE_FAULT] = "triple fault",
		[OUTCOME_ENTRY_FAILED] = "entry failed",
		[OUTCOME_STOPPED] = "stopped",
		[OUTCOME_UNKNOWN_IO] = "unknown port",
		[OUTCOME_TIMEOUT] = "time-out",
		[OUTCOME_SIGNAL] = "signal",
		[OUTCOME_QUIT] = "quit",
		[OUTCOME_FAILED] = "failed",
	};

	return words[kind];
}

static bool is_failure(enum outcome_kind kind)
{
	return kind != OUTCOME_HALTED && kind != OUTCOME_EXIT &&
	       kind != OUTCOME_OFF && kind != OUTCOME_RESET && kind != OUTCOME_QUIT &&
	       kind != OUTCOME_NONE;
}

void machine_say_end(const struct machine *machine, FILE *out)
{
	const struct outcome *outcome = &machine->outcome;

	if (outcome->kind != OUTCOME_NONE && !is_failure(outcome->kind))
		fprintf(out, "%s\n", outcome->sentence);
}

void machine_report(const struct machine *machine, const char *command)
{
	const struct outcome *outcome = &machine->outcome;

	fflush(stdout);
	if (is_failure(outcome->kind))
		fprintf(stderr, "vitrine %s: %s\n", command, outcome->sentence);
	else if (machine->options->verbose && *outcome->sentence)
		fprintf(stderr, "vitrine: %s\n", outcome->sentence);
	if (machine->options->verbose &&
	    machine->mmio.unknown_reads + machine->mmio.unknown_writes)
		fprintf(stderr, "vitrine: bytes of neither memory nor a device: %llu read, %llu written, last at 0x%llx\n",
			(ull)machine->mmio.unknown_reads,
			(ull)machine->mmio.unknown_writes,
			(ull)machine->mmio.last_unknown);
	if (machine->options->verbose &&
	    machine->io.unknown_reads + machine->io.unknown_writes)
		fprintf(stderr, "vitrine: ports without a device: %llu reads, %llu writes, last at 0x%llx\n",
			(ull)machine->io.unknown_reads,
			(ull)machine->io.unknown_writes,
			(ull)machine->io.last_unknown);
}
