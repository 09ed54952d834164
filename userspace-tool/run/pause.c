// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pausing a machine: its vCPUs leave the guest, and its time stands still.
 *
 * The main thread pauses and resumes (control/server.c asks for it); the threads of
 * the vCPUs park.  What belongs to the guest's time: timers of the local APICs and the
 * 8254 are held by the module (VTR_VM_HOLD_TIMERS), the time stamp counters are set
 * back by as much as has passed, and so is the timer of the power management.  So the
 * guest does not notice the pause, no tick is lost, and none is made up for.  The
 * clock (rtc.c) goes on: it shows the world's time, and a guest that cares asks it.
 *
 * Subtle: a vCPU's thread looks at @paused after do_immediate() has taken back a
 * kick, so a kick that it takes for a stale one is not lost.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "machine.h"

#define PATIENCE_S	10

void machine_park(struct machine *machine)
{
	if (!__atomic_load_n(&machine->paused, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&machine->lock);
	machine->parked++;
	pthread_cond_broadcast(&machine->change);
	while (machine->paused && !machine->stop)
		pthread_cond_wait(&machine->change, &machine->lock);
	machine->parked--;
	pthread_mutex_unlock(&machine->lock);
}

static void set_paused(struct machine *machine, bool paused)
{
	pthread_mutex_lock(&machine->lock);
	__atomic_store_n(&machine->paused, paused, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&machine->change);
	pthread_mutex_unlock(&machine->lock);
}

/* Wait until every thread has parked, or the VM ends. */
static bool all_park(struct machine *machine)
{
	struct timespec until;
	int err = 0;
	bool parked;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&machine->lock);
	while (machine->parked < machine->threads && !machine->stop && !err)
		err = pthread_cond_timedwait(&machine->change, &machine->lock, &until);
	parked = machine->parked == machine->threads || machine->stop;
	pthread_mutex_unlock(&machine->lock);
	return parked;
}

int machine_pause(struct machine *machine)
{
	int ret;

	if (machine->paused)
		return vtr_error(EBUSY, "the VM is paused already");
	set_paused(machine, true);
	for (unsigned int i = 0; i < machine->nr_cpus; i++) {
		if (machine->cpus[i].running)
			kick_cpu(&machine->cpus[i]);
	}
	if (!all_park(machine)) {
		set_paused(machine, false);
		return vtr_error(EAGAIN, "a vCPU did not come out of the guest within %d s",
				 PATIENCE_S);
	}
	ret = vtr_vm_hold_timers(machine->vm);
	if (ret)
		set_paused(machine, false);
	return ret;
}

/* @ticks: of the host's counter. */
static int set_back(struct machine *machine, struct cpu *cpu, uint64_t ticks)
{
	uint32_t host_khz = vtr_caps(machine->dev)->tsc_khz;
	struct vtr_tsc tsc;
	int ret = vtr_get_tsc(cpu->vcpu, &tsc);

	if (ret)
		return ret;
	tsc.offset -= host_khz ? (__uint128_t)ticks * tsc.khz / host_khz : ticks;
	return vtr_set_tsc(cpu->vcpu, &tsc);
}

int machine_resume(struct machine *machine)
{
	uint64_t ns, ticks;
	int ret;

	if (!machine->paused)
		return vtr_error(EINVAL, "the VM is not paused");
	ret = vtr_vm_release_timers(machine->vm, &ns, &ticks);
	for (unsigned int i = 0; !ret && i < machine->nr_cpus; i++) {
		if (machine->cpus[i].started)
			ret = set_back(machine, &machine->cpus[i], ticks);
	}
	if (!ret && machine->plugged)
		acpi_pm_skip(&machine->pm, ns);
	set_paused(machine, false);
	return ret;
}
