// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stepping the first vCPU of a machine.
 *
 * Read stepper.h first, then cli/cmd_step.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "stepper.h"
#include "trap_step.h"

static struct vtr_vcpu *stepped;
static volatile sig_atomic_t stopped_by;
static struct sigaction old_int, old_term, old_alarm;

static void on_signal(int signal)
{
	stopped_by = signal;
	if (stepped)
		vtr_vcpu_stop(stepped);
}

void stepper_begin(struct machine *machine)
{
	const struct opt_u64 *timeout = &machine->options->timeout_ms;
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval when = {
		.it_value.tv_sec = timeout->value / 1000,
		.it_value.tv_usec = timeout->value % 1000 * 1000,
	};

	stopped_by = 0;
	stepped = machine->cpus[0].vcpu;
	sigaction(SIGINT, &action, &old_int);
	sigaction(SIGTERM, &action, &old_term);
	sigaction(SIGALRM, &action, &old_alarm);
	if (timeout->given)
		setitimer(ITIMER_REAL, &when, NULL);
}

void stepper_end(void)
{
	static const struct itimerval never;

	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	sigaction(SIGALRM, &old_alarm, NULL);
	stepped = NULL;
}

bool stepper_fits(const struct options *options)
{
	if (options->cpus.value == 1 || !options->all_cpus)
		return true;
	vtr_error(EINVAL, "--all-cpus: this command follows one vCPU only");
	return false;
}

bool stepper_interrupted(void)
{
	return stopped_by;
}

static void end_by_signal(struct machine *machine)
{
	if (stopped_by == SIGALRM)
		machine_end(machine, OUTCOME_TIMEOUT, EXIT_TIMEOUT,
			    "not done within %llu.%03llu s (--timeout)",
			    (ull)machine->options->timeout_ms.value / 1000,
			    (ull)machine->options->timeout_ms.value % 1000);
	else
		machine_end(machine, OUTCOME_SIGNAL, EXIT_SIGNAL + stopped_by,
			    "stopped by %s", strsignal(stopped_by));
}

/* Let the module take the answer over without entering the guest. */
static void finish_pending(struct machine *machine, struct cpu *cpu)
{
	struct vtr_run *run = vtr_vcpu_page(cpu->vcpu);
	int ret;

	vtr_vcpu_stop(cpu->vcpu);
	do {
		ret = vtr_vcpu_run(cpu->vcpu);
	} while (ret == -EINTR);
	__atomic_store_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (ret < 0)
		machine_end(machine, OUTCOME_FAILED, EXIT_FAILED, "%s",
			    vtr_last_error());
}

static bool is_pending(const struct vtr_run *run)
{
	return (run->exit == VTR_EXIT_IO && run->io.is_in) ||
	       run->exit == VTR_EXIT_HYPERCALL;
}

/*
 * Run until one exit was handled, by the module or here.  That may take several
 * runs: one that a stale kick cut short has stepped nothing.
 */
static enum step_result run_to_exit(struct machine *machine,
				    struct vtr_run *last)
{
	struct cpu *cpu = &machine->cpus[0];
	const struct vtr_run *run = vtr_vcpu_page(cpu->vcpu);
	uint64_t exits = run->exits;
	enum vcpu_next next;

	do {
		if (stopped_by)
			end_by_signal(machine);
		if (machine_stopped(machine))
			return STEP_ENDED;
		next = vcpu_once(cpu);
	} while (next == VCPU_AGAIN && run->exits == exits);
	*last = *run;
	if (run->exits == exits)
		return STEP_ENDED;
	if (is_pending(last))
		finish_pending(machine, cpu);
	return STEP_DONE;
}

static enum step_result step_failed(struct machine *machine)
{
	machine_end(machine, OUTCOME_FAILED, EXIT_FAILED, "%s",
		    vtr_last_error());
	return STEP_ENDED;
}

static bool is_own_trap(const struct vtr_run *last)
{
	return last->exit == VTR_EXIT_DEBUG &&
	       last->hw_kind == VTR_HW_EXCEPTION;
}

/* A trap that was left over springs where the guest stands already. */
static int forget_left_over(struct vtr_vcpu *vcpu, const struct vtr_run *last,
			    bool left_over, uint64_t rip, bool *sprung)
{
	if (!*sprung || !left_over || !is_own_trap(last) || last->rip != rip)
		return 0;
	*sprung = false;
	return trap_drop(vcpu);
}

/*
 * Exits that do not finish the instruction (an EPT violation, an interrupt of
 * the host) are not what the user asked for: go on to the one behind it.
 */
static enum step_result run_to_trap(struct machine *machine,
				    struct vtr_run *last)
{
	uint32_t backend = vtr_caps(machine->dev)->backend;
	struct vtr_vcpu *vcpu = machine->cpus[0].vcpu;
	enum step_result result;
	struct vtr_regs regs;
	bool sprung = false;

	do {
		bool left_over = trap_left_over(vcpu, backend);

		if (vtr_get_regs(vcpu, &regs))
			return step_failed(machine);
		result = run_to_exit(machine, last);
		if (result != STEP_DONE || last->exit != VTR_EXIT_DEBUG)
			return result;
		if (trap_sprung(vcpu, &sprung) ||
		    forget_left_over(vcpu, last, left_over, regs.rip, &sprung))
			return step_failed(machine);
	} while (!sprung);
	return STEP_DONE;
}

/* One instruction by the trap flag, where there is no monitor trap flag. */
static enum step_result step_by_trap(struct machine *machine,
				     struct vtr_run *last)
{
	struct cpu *cpu = &machine->cpus[0];
	enum step_result result;
	struct trap_step step;

	if (vtr_vcpu_debug(cpu->vcpu, VTR_DEBUG_STEP_EXIT) ||
	    trap_arm(cpu->vcpu, &step))
		return step_failed(machine);
	result = run_to_trap(machine, last);
	if (result != STEP_DONE)
		return result;
	if (trap_disarm(cpu->vcpu, &step))
		return step_failed(machine);
	/* The trap would have ended the halt; without it the guest waits. */
	if (last->exit == VTR_EXIT_DEBUG && last->hw_kind == VTR_HW_HLT)
		vcpu_halt(cpu);
	if (is_own_trap(last))
		last->hw_kind = VTR_HW_STEP;
	return STEP_DONE;
}

enum step_result stepper_step(struct machine *machine, uint32_t flags,
			      struct vtr_run *last)
{
	int ret = vtr_vcpu_debug(machine->cpus[0].vcpu, flags);

	if (ret == -EOPNOTSUPP && (flags & VTR_DEBUG_STEP_INSN))
		return step_by_trap(machine, last);
	if (ret < 0)
		return step_failed(machine);
	return run_to_exit(machine, last);
}
