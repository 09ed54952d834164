// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine ept: second-level translation, by address or as a whole.
 *
 * From debugfs for a VM that runs, or of a fresh guest stopped at its Nth
 * exit.  Without an address: the tree compressed to ranges.  --gpa: each
 * level's entry.  --gva: the two-dimensional walk.  Read view/ept_source.h for
 * where the facts come from and view/ept_view.c for how they are shown.
 */
#include <errno.h>
#include <stdlib.h>

#include "command.h"
#include "libvitrine.h"
#include "run/stepper.h"
#include "view/debugfs.h"
#include "view/ept_view.h"

static int show_walk(struct ept_source *source, const struct options *options)
{
	struct ept_walk walk;
	int ret = source->walk(source, options->gpa.value, &walk);

	if (ret)
		return ret;
	if (options->json)
		json_print(ept_json_walk(&walk), stdout);
	else
		ept_print_walk(&walk, stdout);
	return 0;
}

static int show_guest_walk(struct ept_source *source,
			   const struct options *options)
{
	struct guest_walk walk;
	int ret = guest_walk(source, options->gva.value, &walk);

	if (ret)
		return ret;
	if (options->json)
		json_print(ept_json_guest_walk(&walk), stdout);
	else
		ept_print_guest_walk(&walk, stdout);
	return 0;
}

static int show_ranges(struct ept_source *source, const struct options *options)
{
	struct ept_ranges ranges;
	int ret = source->ranges(source, &ranges);

	if (ret)
		return ret;
	if (options->json)
		json_print(ept_json_ranges(&ranges), stdout);
	else
		ept_print_ranges(&ranges, stdout);
	free(ranges.range);
	return 0;
}

static int show(struct ept_source *source, const struct options *options)
{
	if (options->gpa.given)
		return show_walk(source, options);
	if (options->gva.given)
		return show_guest_walk(source, options);
	return show_ranges(source, options);
}

static int ept_of_vm(const struct options *options)
{
	struct ept_source source;
	struct debugfs_vm vm;

	if (debugfs_find(options->debugfs, options->vm, &vm))
		return command_failed(&cmd_ept);
	ept_source_debugfs(&source, options->debugfs, vm.id, vm.pid,
			   options->vcpu.value);
	return show(&source, options) ? command_failed(&cmd_ept) : EXIT_OK;
}

static int step_to(struct machine *machine)
{
	uint64_t wanted = machine->options->at_exit.value;
	struct vtr_run last;

	for (uint64_t i = 0; i < wanted; i++) {
		if (stepper_step(machine, VTR_DEBUG_STEP_EXIT, &last) !=
		    STEP_DONE)
			return vtr_error(ENOENT, "the guest made only %llu exits, --at-exit wants %llu: %s",
					 (ull)i, (ull)wanted,
					 machine->outcome.sentence);
	}
	return 0;
}

static int ept_of_guest(const struct options *options)
{
	struct ept_source source;
	struct machine machine;
	int ret;

	if (machine_create(&machine, options, false, false))
		return command_failed(&cmd_ept);
	stepper_begin(&machine);
	ret = step_to(&machine);
	stepper_end();
	console_close(&machine.console);
	ept_source_machine(&source, &machine);
	if (!ret)
		ret = show(&source, options);
	if (ret)
		ret = command_failed(&cmd_ept);
	if (machine.outcome.kind == OUTCOME_SIGNAL ||
	    machine.outcome.kind == OUTCOME_TIMEOUT)
		ret = machine.outcome.status;
	machine_destroy(&machine);
	return ret;
}

static int check_options(const struct options *options)
{
	if (!options->vm == !options->guest)
		return vtr_error(EINVAL, options->vm ?
				 "--vm and GUEST exclude each other" :
				 "no GUEST and no --vm given");
	if (options->gpa.given && options->gva.given)
		return vtr_error(EINVAL, "--gpa and --gva exclude each other");
	if (options->guest && options->vcpu.value)
		return vtr_error(EINVAL, "--vcpu is for --vm: of a GUEST only vCPU 0 is stepped");
	return stepper_fits(options) ? 0 : -EINVAL;
}

static int run(const struct options *options)
{
	if (check_options(options))
		return command_usage(&cmd_ept);
	return options->vm ? ept_of_vm(options) : ept_of_guest(options);
}

static const struct opt rows[] = {
	{ "gpa", 0, OPT_NUMBER, offsetof(struct options, gpa), "ADDR", NULL,
	  "show the entry of every level for this guest physical address",
	  NULL, 0, 0 },
	{ "gva", 0, OPT_NUMBER, offsetof(struct options, gva), "ADDR", NULL,
	  "show the two-dimensional walk for this guest virtual address: the guest's tables, and each read of them through EPT",
	  NULL, 0, 0 },
	{ "vm", 0, OPT_STRING, offsetof(struct options, vm), "NAME", NULL,
	  "a running VM (name or id), from debugfs", NULL, 0, 0 },
	{ "vcpu", 0, OPT_NUMBER, offsetof(struct options, vcpu), "N", "0",
	  "with --vm and --gva: the vCPU whose CR3 and mode count", NULL, 0,
	  VTR_MAX_VCPUS - 1 },
	{ "at-exit", 'n', OPT_NUMBER, offsetof(struct options, at_exit), "N",
	  "1", "with GUEST: stop at this exit; 0: before the first entry",
	  NULL, 0, 1000000000 },
	{ "debugfs", 0, OPT_STRING, offsetof(struct options, debugfs), "DIR",
	  DEBUGFS_DEFAULT, "where the module's files are, for --vm", NULL, 0,
	  0 },
};

static const struct opt_group ept_options = OPT_GROUP("ept options", rows);

const struct command cmd_ept = {
	.name = "ept",
	.summary = "show second-level translation: ranges, one address, or both dimensions",
	.usage = "[options] GUEST [-- guest arguments] | --vm NAME",
	.description =
		"Without an address: the tables compressed to ranges of leaves "
		"that are alike. With --gpa: each entry from the root down, in "
		"words. With --gva: how the processor finds the data behind a "
		"guest virtual address.",
	.guest = GUEST_OPTIONAL,
	.groups = { &guest_options, &ept_options, &common_options },
	.run = run,
};
