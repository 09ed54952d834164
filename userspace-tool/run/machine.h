/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine: VM, memory, devices and vCPUs, put together from the options.
 *
 * The commands that run a guest call machine_create(), then either run_vm()
 * (threads, signals, console) or vcpu_once() in a loop of their own (step,
 * vmcs).  Read machine.c, then vcpu_loop.c, then run_vm.c.
 *
 * Subtle: @lock covers the devices and the outcome; it is never held while a
 * vCPU runs.
 */
#ifndef VITRINE_MACHINE_H
#define VITRINE_MACHINE_H

#include <pthread.h>

#include "cli/options.h"
#include "console.h"
#include "devices/acpi_pm.h"
#include "devices/bus.h"
#include "devices/debug_console.h"
#include "devices/debug_exit.h"
#include "devices/demo_device.h"
#include "devices/guest_mem.h"
#include "devices/i8042.h"
#include "devices/pci.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "libvitrine.h"
#include "load/load.h"

/* How a VM ended. */
enum outcome_kind {
	OUTCOME_NONE,		/* it has not */
	OUTCOME_HALTED,		/* every started vCPU waits for nothing */
	OUTCOME_EXIT,		/* the guest gave a status */
	OUTCOME_OFF,		/* the guest switched itself off */
	OUTCOME_RESET,		/* the guest reset itself */
	OUTCOME_PANIC,		/* its kernel has panicked */
	OUTCOME_TRIPLE_FAULT,
	OUTCOME_ENTRY_FAILED,
	OUTCOME_STOPPED,	/* the module stopped it */
	OUTCOME_UNKNOWN_IO,	/* --strict-io */
	OUTCOME_TIMEOUT,
	OUTCOME_SIGNAL,
	OUTCOME_QUIT,		/* the user ended it */
	OUTCOME_FAILED,		/* the tool failed */
};

/* The word for it in JSON output. */
const char *outcome_word(enum outcome_kind kind);

struct outcome {
	enum outcome_kind kind;
	int status;		/* exit code of the program */
	char sentence[512];
};

/**
 * struct cpu - one vCPU of a machine
 * @vcpu: the library's handle
 * @machine: the machine it belongs to
 * @trace: its trace ring, NULL unless the machine traces
 * @thread: host thread that runs it (run_vm() only)
 * @started: it begins at the entry point
 * @running: @thread exists and was not joined
 * @halted: it executed HLT with nothing left to wake it
 */
struct cpu {
	struct vtr_vcpu *vcpu;
	struct machine *machine;
	struct vtr_trace *trace;
	pthread_t thread;
	bool started;
	bool running;
	bool halted;
};

#define INPUT_BYTES	256	/* as many are read at once */

/* Bytes that somebody has typed, and that the serial port had no room for yet. */
struct input {
	uint8_t bytes[INPUT_BYTES + KEYS_LINE];
	unsigned int at;
	unsigned int nr;
};

struct server;

/**
 * struct machine - a VM and all that belongs to it
 * @options: what the user asked for
 * @lock: guards the devices, @outcome, @halted, @marks, @said_unknown, @threads,
 *	@parked, and changes of @paused
 * @dev: the device
 * @vm: the VM
 * @mem: guest memory
 * @loader: how the guest was loaded
 * @io: the I/O ports
 * @mmio: devices in memory
 * @serial: the serial port
 * @debug_exit: the debug exit port
 * @debug_console: the debug console
 * @demo: the demo device
 * @pm, @rtc, @i8042, @pci, @pvpanic: what else a PC has, if the guest is given one (@irqchip)
 * @said_unknown: an access to no device was reported
 * @console: where the guest's bytes go
 * @input: what was typed
 * @server: other processes control the VM through it, or NULL
 * @nr_cpus: vCPUs
 * @nr_started: vCPUs that begin at the entry point
 * @cpus: the vCPUs
 * @halted: started vCPUs that wait for nothing
 * @irqchip: the module has the guest's interrupt controllers
 * @marks: VTR_HC_MARK hypercalls so far
 * @stop: set when @outcome is; read without the lock
 * @done_fd: eventfd that wakes run_vm() when @outcome is set
 * @outcome: how it ended
 * @trace: exits are recorded
 * @plugged: the PC's devices are on the bus
 * @again: the VM was reset from outside: begin again, whatever --on-reset says
 * @resets: how often it has begun again
 * @began_ms: when the machine was made
 * @paused: no vCPU runs; run/pause.c
 * @threads: threads of vCPUs
 * @parked: those of them that wait for the end of a pause
 * @change: @threads, @parked, @paused or @stop has changed
 * @on_return: a view's hook after each return from the module, or NULL
 * @on_restart: the same, before the vCPUs of a machine that was reset go
 * @view: the view's own
 */
struct machine {
	const struct options *options;
	pthread_mutex_t lock;
	struct vtr_dev *dev;
	struct vtr_vm *vm;
	struct guest_mem mem;
	struct loader loader;
	struct bus io;
	struct bus mmio;
	struct serial serial;
	struct debug_exit debug_exit;
	struct debug_console debug_console;
	struct demo_device demo;
	struct acpi_pm pm;
	struct rtc rtc;
	struct i8042 i8042;
	struct pci pci;
	struct pvpanic pvpanic;
	bool said_unknown;
	struct console console;
	struct input input;
	struct server *server;
	unsigned int nr_cpus;
	unsigned int nr_started;
	struct cpu *cpus;
	unsigned int halted;
	bool irqchip;
	uint64_t marks;
	bool stop;
	int done_fd;
	struct outcome outcome;
	bool trace;
	bool plugged;
	bool again;
	unsigned int resets;
	uint64_t began_ms;
	bool paused;
	unsigned int threads;
	unsigned int parked;
	pthread_cond_t change;
	void (*on_return)(struct cpu *cpu);
	void (*on_restart)(struct machine *machine);
	void *view;
};

/*
 * Put everything together up to the first instruction.  @trace: record exits.
 * @input: the guest may read stdin.  0 or a negative errno with a sentence;
 * nothing is left behind then.
 */
int machine_create(struct machine *machine, const struct options *options,
		   bool trace, bool input);
void machine_destroy(struct machine *machine);

/*
 * After a reset, when no vCPU runs: the guest begins again from its image, with
 * memory and devices as at the start.  0 or a negative errno: it can't.
 */
int machine_restart(struct machine *machine);

/* From outside: reset it, press its power button (-ENODEV: it has none). */
void machine_reset(struct machine *machine);
int machine_press_power(struct machine *machine);

uint64_t machine_uptime_ms(const struct machine *machine);

/* Exits of all vCPUs, also of those that are in the guest. */
uint64_t machine_exits(const struct machine *machine);

/* End the VM; the first caller's outcome counts. */
void machine_end(struct machine *machine, enum outcome_kind kind, int status,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Print how the VM ended, unless that is a failure (machine_report() tells). */
void machine_say_end(const struct machine *machine, FILE *out);

/* Print the sentence of a failed (or, with --verbose, any) outcome. */
void machine_report(const struct machine *machine, const char *command);

static inline bool machine_stopped(const struct machine *machine)
{
	return __atomic_load_n(&machine->stop, __ATOMIC_ACQUIRE);
}

/* ---- vcpu_loop.c ---- */

enum vcpu_next { VCPU_AGAIN, VCPU_STEPPED, VCPU_DONE };

/*
 * One VTR_VCPU_RUN and what the tool does about its exit.  VCPU_AGAIN: go on;
 * VCPU_STEPPED: a step asked for is done; VCPU_DONE: this vCPU is finished.
 */
enum vcpu_next vcpu_once(struct cpu *cpu);

/* This vCPU waits for nothing; the VM ends when all started ones do. */
void vcpu_halt(struct cpu *cpu);

/* ---- input.c: from whoever types to the serial port ---- */

/*
 * These bytes come next.  At most INPUT_BYTES, and not while machine_typing(), but for
 * a line of KEYS_LINE: what does not fit is lost.
 */
void machine_type(struct machine *machine, const uint8_t *bytes, size_t nr);

/* Are there bytes that the guest has not taken? */
bool machine_typing(const struct machine *machine);

/* Hand over what fits; to be called again a little later if machine_typing(). */
void machine_feed(struct machine *machine);

/* ---- pause.c ---- */

/* Stop all vCPUs and the guest's time; only the main thread.  0 or a negative errno. */
int machine_pause(struct machine *machine);
int machine_resume(struct machine *machine);

/* A vCPU's thread, before it enters the guest: wait as long as the machine is paused. */
void machine_park(struct machine *machine);

/* ---- run_vm.c ---- */

#define KICK_SIGNAL	SIGUSR1

/* Make a vCPU's thread come up from the guest soon. */
void kick_cpu(struct cpu *cpu);

/*
 * Leave the terminal, or the program that has started this one; the VM goes on.
 * There must be a server and a front (front.h).  0 or a negative errno.
 */
int run_vm_detach(struct machine *machine);

/* Run all started vCPUs on threads until the VM ends. */
void run_vm(struct machine *machine);

#endif /* VITRINE_MACHINE_H */
