// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tool does about each exit that comes up to it (layer 3, the part
 * in ring 3): ports, devices in memory, hypercalls, and the ways in which a VM ends.
 *
 * Read struct vtr_run in ioctl-uapi/vitrine.h first, then machine.h.
 *
 * Subtle: an IN is finished by the module at the next run, from the value left
 * in the run page; so a device's answer is written there and nowhere else.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"

/* Hypercalls that the tool answers, from VTR_HC_USER_FIRST on. */
#define HC_PUTCHAR	(VTR_HC_USER_FIRST + 0)
#define HC_EXIT		(VTR_HC_USER_FIRST + 1)
#define HC_MARK		(VTR_HC_USER_FIRST + 2)

static enum vcpu_next unknown_port(struct cpu *cpu, const struct vtr_run *run)
{
	if (!cpu->machine->options->strict_io)
		return VCPU_AGAIN;
	machine_end(cpu->machine, OUTCOME_UNKNOWN_IO, EXIT_UNKNOWN_IO,
		    "the guest %s port 0x%x (%u bytes) at RIP 0x%llx: no device there (--strict-io)",
		    run->io.is_in ? "reads" : "writes", run->io.port,
		    run->io.bytes, (ull)run->rip);
	return VCPU_DONE;
}

/* One access to a port; @data is its element in the run page. */
static bool port_access(struct machine *machine, const struct vtr_run *run,
			void *data)
{
	uint64_t value = 0;
	bool known;

	memcpy(&value, data, run->io.bytes);
	if (!run->io.is_in)
		return bus_write(&machine->io, run->io.port, run->io.bytes,
				 value);
	known = bus_read(&machine->io, run->io.port, run->io.bytes, &value);
	memcpy(data, &value, run->io.bytes);
	return known;
}

/* INS and OUTS bring several accesses at once. */
static enum vcpu_next do_io(struct cpu *cpu, struct vtr_run *run)
{
	struct machine *machine = cpu->machine;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool known = true;

	pthread_mutex_lock(&machine->lock);
	for (uint32_t i = 0; i < run->io.count; i++)
		known &= port_access(machine, run, data + i * run->io.bytes);
	pthread_mutex_unlock(&machine->lock);
	return known ? VCPU_AGAIN : unknown_port(cpu, run);
}

/* Neither memory nor a device: all ones, as on a PC, but say it once. */
static enum vcpu_next unknown_memory(struct cpu *cpu, const struct vtr_run *run)
{
	struct machine *machine = cpu->machine;
	const char *verb = run->mmio.is_write ? "writes" : "reads";
	bool said;

	if (machine->options->strict_io) {
		machine_end(machine, OUTCOME_UNKNOWN_IO, EXIT_UNKNOWN_IO,
			    "the guest %s %u bytes at guest physical address 0x%llx, RIP 0x%llx: neither memory nor a device there (--strict-io)",
			    verb, run->mmio.bytes, (ull)run->mmio.gpa,
			    (ull)run->rip);
		return VCPU_DONE;
	}
	pthread_mutex_lock(&machine->lock);
	said = machine->said_unknown;
	machine->said_unknown = true;
	pthread_mutex_unlock(&machine->lock);
	if (!said)
		fprintf(stderr, "vitrine: the guest %s %u bytes at guest physical address 0x%llx, RIP 0x%llx: neither memory nor a device there; said once, --strict-io stops the guest\n",
			verb, run->mmio.bytes, (ull)run->mmio.gpa,
			(ull)run->rip);
	return VCPU_AGAIN;
}

static enum vcpu_next do_mmio(struct cpu *cpu, struct vtr_run *run)
{
	struct machine *machine = cpu->machine;
	uint64_t value = run->mmio.data;
	bool known;

	pthread_mutex_lock(&machine->lock);
	if (run->mmio.is_write)
		known = bus_write(&machine->mmio, run->mmio.gpa,
				  run->mmio.bytes, value);
	else
		known = bus_read(&machine->mmio, run->mmio.gpa,
				 run->mmio.bytes, &value);
	pthread_mutex_unlock(&machine->lock);
	if (!run->mmio.is_write)
		run->mmio.data = value;
	return known ? VCPU_AGAIN : unknown_memory(cpu, run);
}

static enum vcpu_next do_hypercall(struct cpu *cpu, struct vtr_run *run)
{
	struct machine *machine = cpu->machine;
	uint64_t arg = run->hypercall.args[0];

	run->hypercall.ret = 0;
	switch (run->hypercall.nr) {
	case HC_PUTCHAR:
		pthread_mutex_lock(&machine->lock);
		console_put(&machine->console, arg);
		pthread_mutex_unlock(&machine->lock);
		break;
	case HC_EXIT:
		machine_end(machine, OUTCOME_EXIT, arg & 0xff,
			    "the guest ended itself by hypercall: status %llu",
			    (ull)arg);
		break;
	case HC_MARK:
		pthread_mutex_lock(&machine->lock);
		run->hypercall.ret = ++machine->marks;
		pthread_mutex_unlock(&machine->lock);
		break;
	default:
		run->hypercall.ret = VTR_HC_UNKNOWN;
		break;
	}
	return VCPU_AGAIN;
}

/* Without interrupt controllers a halted vCPU waits for nothing. */
void vcpu_halt(struct cpu *cpu)
{
	const struct vtr_run *run = vtr_vcpu_page(cpu->vcpu);
	struct machine *machine = cpu->machine;
	unsigned int halted;

	cpu->halted = true;
	pthread_mutex_lock(&machine->lock);
	halted = ++machine->halted;
	pthread_mutex_unlock(&machine->lock);
	if (halted == machine->nr_started)
		machine_end(machine, OUTCOME_HALTED, EXIT_OK,
			    "the guest halted in front of RIP 0x%llx with interrupts %s and nothing left to wake it: finished",
			    (ull)run->rip, run->if_flag ? "on" : "off");
}

/* With interrupt controllers it comes up once, when no vCPU can ever be woken. */
static enum vcpu_next do_hlt(struct cpu *cpu, struct vtr_run *run)
{
	if (cpu->machine->irqchip)
		machine_end(cpu->machine, OUTCOME_HALTED, EXIT_HALTED,
			    "the guest has halted all its vCPUs with interrupts off, vCPU %u last, in front of RIP 0x%llx",
			    vtr_vcpu_id(cpu->vcpu), (ull)run->rip);
	else
		vcpu_halt(cpu);
	return VCPU_DONE;
}

static enum vcpu_next do_shutdown(struct cpu *cpu, struct vtr_run *run)
{
	machine_end(cpu->machine, OUTCOME_TRIPLE_FAULT, EXIT_TRIPLE_FAULT,
		    "vCPU %u: triple fault at RIP 0x%llx: an exception could not be delivered; follow it with 'vitrine step'",
		    vtr_vcpu_id(cpu->vcpu), (ull)run->rip);
	return VCPU_DONE;
}

static enum vcpu_next do_fail_entry(struct cpu *cpu, struct vtr_run *run)
{
	machine_end(cpu->machine, OUTCOME_ENTRY_FAILED, EXIT_ENTRY_FAILED,
		    "vCPU %u: the processor refused the VM entry (instruction error %u, exit reason 0x%x): %.*s",
		    vtr_vcpu_id(cpu->vcpu), run->fail.insn_error,
		    run->fail.reason, VTR_SENTENCE_BYTES, run->sentence);
	return VCPU_DONE;
}

static enum vcpu_next do_stopped(struct cpu *cpu, struct vtr_run *run)
{
	machine_end(cpu->machine, OUTCOME_STOPPED, EXIT_STOPPED,
		    "the module stopped the VM: %.*s", VTR_SENTENCE_BYTES,
		    run->sentence);
	return VCPU_DONE;
}

static enum vcpu_next do_debug(struct cpu *cpu, struct vtr_run *run)
{
	(void)cpu;
	(void)run;
	return VCPU_STEPPED;
}

/* Set from another thread: either the VM ends, or a stale kick. */
static enum vcpu_next do_immediate(struct cpu *cpu, struct vtr_run *run)
{
	if (machine_stopped(cpu->machine))
		return VCPU_DONE;
	__atomic_store_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	/* The order matters: a stop set before the store is seen here. */
	return machine_stopped(cpu->machine) ? VCPU_DONE : VCPU_AGAIN;
}

/* What is read of the trace is read behind each return: on_return. */
static enum vcpu_next do_trace(struct cpu *cpu, struct vtr_run *run)
{
	(void)cpu;
	(void)run;
	return VCPU_AGAIN;
}

static enum vcpu_next do_window(struct cpu *cpu, struct vtr_run *run)
{
	(void)cpu;
	run->request_window = 0;
	return VCPU_AGAIN;
}

typedef enum vcpu_next (*exit_handler)(struct cpu *cpu, struct vtr_run *run);

static const exit_handler handlers[] = {
	[VTR_EXIT_IO] = do_io,
	[VTR_EXIT_MMIO] = do_mmio,
	[VTR_EXIT_HYPERCALL] = do_hypercall,
	[VTR_EXIT_HLT] = do_hlt,
	[VTR_EXIT_SHUTDOWN] = do_shutdown,
	[VTR_EXIT_WINDOW] = do_window,
	[VTR_EXIT_DEBUG] = do_debug,
	[VTR_EXIT_FAIL_ENTRY] = do_fail_entry,
	[VTR_EXIT_STOPPED] = do_stopped,
	[VTR_EXIT_IMMEDIATE] = do_immediate,
	[VTR_EXIT_TRACE] = do_trace,
};

static enum vcpu_next handle(struct cpu *cpu)
{
	struct vtr_run *run = vtr_vcpu_page(cpu->vcpu);
	uint32_t kind = run->exit;

	if (kind < ARRAY_SIZE(handlers) && handlers[kind])
		return handlers[kind](cpu, run);
	machine_end(cpu->machine, OUTCOME_FAILED, EXIT_FAILED,
		    "the module came back with exit kind %u, which this tool does not know: build and load both from one tree",
		    kind);
	return VCPU_DONE;
}

enum vcpu_next vcpu_once(struct cpu *cpu)
{
	struct machine *machine = cpu->machine;
	enum vcpu_next next;
	int ret;

	ret = vtr_vcpu_run(cpu->vcpu);
	if (ret < 0 && ret != -EINTR) {
		machine_end(machine, OUTCOME_FAILED, EXIT_FAILED, "%s",
			    vtr_last_error());
		return VCPU_DONE;
	}
	next = ret ? VCPU_AGAIN : handle(cpu);
	if (machine->on_return)
		machine->on_return(cpu);
	if (machine_stopped(machine))
		return VCPU_DONE;
	return next;
}
