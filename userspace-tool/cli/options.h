/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options of all commands: one table row each, from which parsing, --help and
 * the defaults come.
 *
 * Each command names the groups of rows that it takes (command.h); values land
 * in struct options.  Read options.c for how a row is parsed and guest_opts.c
 * for the rows that run, step, exits, vmcs and ept share.
 *
 * Subtle: a number without default is "not given" until it is, see opt_u64.
 */
#ifndef VITRINE_OPTIONS_H
#define VITRINE_OPTIONS_H

#include <stddef.h>

#include "tool.h"

#define OPT_MAX_LIST	16

struct opt_u64 {
	bool given;
	uint64_t value;
};

struct opt_list {
	unsigned int nr;
	const char *item[OPT_MAX_LIST];
};

enum boot_mode { MODE_AUTO, MODE_REAL, MODE_PROTECTED, MODE_LONG };
enum image_format { FORMAT_AUTO, FORMAT_FLAT, FORMAT_ELF, FORMAT_MULTIBOOT,
		    FORMAT_LINUX, FORMAT_PVH };
enum reset_action { RESET_END, RESET_RESTART };
enum until_kind { UNTIL_NONE, UNTIL_CPUID, UNTIL_MSR, UNTIL_IO, UNTIL_HLT,
		  UNTIL_HYPERCALL, UNTIL_SLAT, UNTIL_IRQ, UNTIL_TRIPLE,
		  UNTIL_CR, UNTIL_DR, UNTIL_EXCEPTION };

struct options {
	/* every command */
	bool help;
	bool json;
	/* the guest */
	const char *guest;
	struct opt_list guest_args;
	struct opt_u64 memory;
	struct opt_u64 cpus;
	bool all_cpus;
	struct opt_u64 flat;
	struct opt_u64 entry;
	unsigned int mode;
	unsigned int format;
	const char *kernel;
	const char *append;
	const char *initrd;
	bool irqchip;
	struct opt_list modules;
	struct opt_list cpuid;
	struct opt_u64 boot_area;
	const char *serial;
	struct opt_u64 debug_exit;
	bool strict_io;
	const char *name;
	struct opt_u64 timeout_ms;
	bool verbose;
	/* run, console, stop */
	bool detach;
	unsigned int on_reset;
	const char *log;
	const char *escape;
	bool read_only;
	bool take;
	struct opt_u64 history;
	bool force;
	/* run */
	bool trace;
	const char *trace_file;
	bool stats;
	bool exits;
	/* step */
	bool step_insn;
	bool step_exit;
	struct opt_u64 count;
	unsigned int until;
	/* exits, step */
	const char *symbols;
	const char *in;
	/* exits, vmcs, ept, ps */
	bool summary;
	unsigned int by;
	struct opt_u64 limit;
	const char *vm;
	struct opt_u64 vcpu;
	const char *group;
	bool diff;
	struct opt_u64 at_exit;
	const char *debugfs;
	/* ept */
	struct opt_u64 gpa;
	struct opt_u64 gva;
	/* explain */
	struct opt_u64 value;
	unsigned int topic;
	bool list;
	/* doctor */
	const char *root;
};

enum opt_kind {
	OPT_FLAG,	/* bool */
	OPT_STRING,	/* const char * */
	OPT_NUMBER,	/* struct opt_u64; decimal or 0x */
	OPT_SIZE,	/* struct opt_u64; with K, M, G */
	OPT_SECONDS,	/* struct opt_u64 in milliseconds; 1.5 */
	OPT_LIST,	/* struct opt_list; may be repeated */
	OPT_CHOICE,	/* unsigned int: index into @choices */
};

/**
 * struct opt - one option
 * @name: long name without dashes
 * @letter: short form, or 0
 * @kind: how its argument is read
 * @offset: where the value goes in struct options
 * @arg: name of the argument in the help; NULL for a flag
 * @def: default as it could be typed, or NULL
 * @help: one or more sentences; wrapped in the help
 * @choices: OPT_CHOICE: NULL-terminated words
 * @min: smallest number or size
 * @max: largest number or size; 0: no limit
 */
struct opt {
	const char *name;
	char letter;
	enum opt_kind kind;
	size_t offset;
	const char *arg;
	const char *def;
	const char *help;
	const char *const *choices;
	uint64_t min;
	uint64_t max;
};

struct opt_group {
	const char *title;
	const struct opt *opts;
	size_t nr;
};

#define OPT_GROUP(title, opts) { title, opts, ARRAY_SIZE(opts) }

struct command;

/*
 * Read argv[1..] of a command into @options, defaults first.  0; -EINVAL with
 * a sentence.  What follows "--" goes to guest_args, one argument in front of
 * it to guest; more are refused.
 */
int options_parse(const struct command *command, int argc, char **argv,
		  struct options *options);

/* Print usage, description and all rows of the command. */
void options_help(const struct command *command);

/* "64M" -> bytes, "0x10" -> number; -EINVAL with a sentence naming @what. */
int parse_number(const char *text, const char *what, uint64_t *value);
int parse_size(const char *text, const char *what, uint64_t *value);

/* Rows shared by the commands that run a guest. */
extern const struct opt_group guest_options;
extern const struct opt_group common_options;

#endif /* VITRINE_OPTIONS_H */
