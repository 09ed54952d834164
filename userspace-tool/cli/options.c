// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsing and help out of the option rows.
 *
 * Read options.h first.  getopt_long() does the splitting, the rows say how a
 * value is read; one function a kind.
 *
 * Subtle: the command line is cut at "--" before getopt sees it, so what a
 * guest gets can be told from a misplaced word.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "libvitrine.h"

#define MAX_OPTS	64
#define HELP_COLUMN	26
#define HELP_WIDTH	80

int parse_number(const char *text, const char *what, uint64_t *value)
{
	char *end;

	errno = 0;
	if (!isdigit((unsigned char)*text))
		return vtr_error(EINVAL, "%s: '%s' is not a number (write 123 or 0x7b)",
				 what, text);
	*value = strtoull(text, &end, 0);
	if (errno || *end)
		return vtr_error(EINVAL, "%s: '%s' is not a number (write 123 or 0x7b)",
				 what, text);
	return 0;
}

/* Shift that belongs to the suffix; -1: no suffix known. */
static int suffix_shift(const char *suffix)
{
	static const char letters[] = "KMG";
	const char *at;

	if (!*suffix)
		return 0;
	at = strchr(letters, toupper((unsigned char)*suffix));
	if (!at || (suffix[1] && strcmp(suffix + 1, "iB")))
		return -1;
	return 10 * (int)(at - letters + 1);
}

int parse_size(const char *text, const char *what, uint64_t *value)
{
	unsigned long long number;
	char *end;
	int shift;

	errno = 0;
	number = strtoull(text, &end, 0);
	shift = suffix_shift(end);
	if (!isdigit((unsigned char)*text) || errno || shift < 0)
		return vtr_error(EINVAL, "%s: '%s' is not a size (write 64M, 2G, or bytes)",
				 what, text);
	if (number > UINT64_MAX >> shift)
		return vtr_error(EINVAL, "%s: '%s' is too large", what, text);
	*value = number << shift;
	return 0;
}

static int parse_seconds(const char *text, const char *what, uint64_t *value)
{
	char *end;
	double seconds;

	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0.001 && seconds <= 1e9))
		return vtr_error(EINVAL, "%s: '%s' is not a time in seconds (write 10 or 0.5)",
				 what, text);
	*value = (uint64_t)(seconds * 1000 + 0.5);
	return 0;
}

static int check_range(const struct opt *opt, const char *what, uint64_t value)
{
	if (value >= opt->min && (!opt->max || value <= opt->max))
		return 0;
	if (opt->kind == OPT_SIZE)
		return vtr_error(EINVAL, "%s: %llu bytes are out of range: %lluK to %lluM",
				 what, (ull)value, (ull)opt->min >> 10,
				 (ull)opt->max >> 20);
	return vtr_error(EINVAL, "%s: %llu is out of range: %llu to %llu", what,
			 (ull)value, (ull)opt->min,
			 (ull)(opt->max ? opt->max : UINT64_MAX));
}

static int set_choice(const struct opt *opt, const char *what, const char *text,
		      unsigned int *value)
{
	char words[256] = "";

	for (unsigned int i = 0; opt->choices[i]; i++) {
		if (!strcmp(text, opt->choices[i])) {
			*value = i;
			return 0;
		}
		if (i)
			strncat(words, ", ", sizeof(words) - strlen(words) - 1);
		strncat(words, opt->choices[i],
			sizeof(words) - strlen(words) - 1);
	}
	return vtr_error(EINVAL, "%s: '%s' is none of: %s", what, text, words);
}

static int set_number(const struct opt *opt, const char *what, const char *text,
		      struct opt_u64 *number)
{
	int ret;

	if (opt->kind == OPT_SIZE)
		ret = parse_size(text, what, &number->value);
	else if (opt->kind == OPT_SECONDS)
		ret = parse_seconds(text, what, &number->value);
	else
		ret = parse_number(text, what, &number->value);
	if (!ret)
		ret = check_range(opt, what, number->value);
	number->given = !ret;
	return ret;
}

static int set_value(const struct opt *opt, const char *text,
		     struct options *options)
{
	void *at = (char *)options + opt->offset;
	struct opt_list *list = at;
	char what[40];

	snprintf(what, sizeof(what), "--%s", opt->name);
	switch (opt->kind) {
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_STRING:
		*(const char **)at = text;
		return 0;
	case OPT_LIST:
		if (list->nr == OPT_MAX_LIST)
			return vtr_error(EINVAL, "%s: given more than %d times",
					 what, OPT_MAX_LIST);
		list->item[list->nr++] = text;
		return 0;
	case OPT_CHOICE:
		return set_choice(opt, what, text, at);
	default:
		return set_number(opt, what, text, at);
	}
}

/* Flat list of the rows of a command, in the order of the help. */
static unsigned int gather(const struct command *command,
			   const struct opt **rows)
{
	unsigned int nr = 0;

	for (unsigned int g = 0; command->groups[g]; g++) {
		const struct opt_group *group = command->groups[g];

		for (size_t i = 0; i < group->nr && nr < MAX_OPTS; i++)
			rows[nr++] = &group->opts[i];
	}
	return nr;
}

static int set_defaults(const struct opt **rows, unsigned int nr,
			struct options *options)
{
	*options = (struct options){ 0 };
	for (unsigned int i = 0; i < nr; i++) {
		int ret = rows[i]->def ? set_value(rows[i], rows[i]->def,
						   options) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

static void make_tables(const struct opt **rows, unsigned int nr,
			struct option *longs, char *shorts)
{
	*shorts++ = ':';
	for (unsigned int i = 0; i < nr; i++) {
		bool takes = rows[i]->kind != OPT_FLAG;

		longs[i] = (struct option){
			.name = rows[i]->name,
			.has_arg = takes ? required_argument : no_argument,
			.val = 256 + (int)i,
		};
		if (!rows[i]->letter)
			continue;
		*shorts++ = rows[i]->letter;
		if (takes)
			*shorts++ = ':';
	}
	longs[nr] = (struct option){ 0 };
	*shorts = 0;
}

static const struct opt *row_of(const struct opt **rows, unsigned int nr,
				int val)
{
	if (val >= 256)
		return val - 256 < (int)nr ? rows[val - 256] : NULL;
	for (unsigned int i = 0; i < nr; i++) {
		if (rows[i]->letter == val)
			return rows[i];
	}
	return NULL;
}

/* Cut at "--": the rest is the guest's. */
static int cut_guest_args(int argc, char **argv, struct options *options)
{
	int cut = argc;

	for (int i = 1; i < argc && cut == argc; i++) {
		if (!strcmp(argv[i], "--"))
			cut = i;
	}
	for (int i = cut + 1; i < argc; i++) {
		if (options->guest_args.nr == OPT_MAX_LIST)
			return vtr_error(EINVAL, "more than %d guest arguments: put them into --append \"...\"",
					 OPT_MAX_LIST);
		options->guest_args.item[options->guest_args.nr++] = argv[i];
	}
	return cut;
}

static int take_words(const struct command *command, int argc, char **argv,
		      struct options *options)
{
	int words = argc - optind;

	if (words && command->guest == GUEST_NONE)
		return vtr_error(EINVAL, "'%s': %s takes no such argument",
				 argv[optind], command->name);
	if (command->guest == NAME_NEEDED && !options->help && words != 1)
		return vtr_error(EINVAL, words ? "'%s': one VM at a time" :
				 "no NAME of a VM given", words ? argv[optind + 1] : "");
	if (words > 1 && command->guest == WORD_OPTIONAL)
		return vtr_error(EINVAL, "'%s': one name only; put one with blanks into quotes",
				 argv[optind + 1]);
	if (words > 1)
		return vtr_error(EINVAL, "'%s': one GUEST only; arguments for the guest go behind --",
				 argv[optind + 1]);
	if (words && options->kernel)
		return vtr_error(EINVAL, "'%s': --kernel has named the guest", argv[optind]);
	if (words)
		options->guest = argv[optind];
	else if (options->kernel)
		options->guest = options->kernel;
	else if (command->guest == GUEST_NEEDED && !options->help)
		return vtr_error(EINVAL, "no GUEST given");
	if (options->guest_args.nr && !options->guest && !options->help)
		return vtr_error(EINVAL, "arguments behind -- need a GUEST");
	return 0;
}

static int parse_one(const struct opt **rows, unsigned int nr, int val,
		     char **argv, struct options *options)
{
	const struct opt *opt;

	if (val == '?' && optopt && optopt < 256)
		return vtr_error(EINVAL, "unknown option '-%c'", optopt);
	if (val == '?')
		return vtr_error(EINVAL, optopt ? "'%s' takes no value" :
				 "unknown option '%s'", argv[optind - 1]);
	if (val == ':')
		return vtr_error(EINVAL, "'%s' needs a value",
				 argv[optind - 1]);
	opt = row_of(rows, nr, val);
	return set_value(opt, optarg, options);
}

int options_parse(const struct command *command, int argc, char **argv,
		  struct options *options)
{
	const struct opt *rows[MAX_OPTS];
	struct option longs[MAX_OPTS + 1];
	char shorts[2 * MAX_OPTS + 2];
	unsigned int nr = gather(command, rows);
	int val, ret;

	ret = set_defaults(rows, nr, options);
	if (ret)
		return ret;
	argc = cut_guest_args(argc, argv, options);
	if (argc < 0)
		return argc;
	make_tables(rows, nr, longs, shorts);
	optind = 0;
	while ((val = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		ret = parse_one(rows, nr, val, argv, options);
		if (ret)
			return ret;
	}
	return take_words(command, argc, argv, options);
}

/* Print @text from column @column on, broken at blanks before @HELP_WIDTH. */
static void print_wrapped(const char *text, int column)
{
	int at = column;

	while (*text) {
		int word = (int)strcspn(text, " \n");

		if (at > column && at + 1 + word > HELP_WIDTH) {
			printf("\n%*s", column, "");
			at = column;
		} else if (at > column) {
			at += printf(" ");
		}
		at += printf("%.*s", word, text);
		text += word;
		if (*text == '\n') {
			printf("\n%*s", column, "");
			at = column;
		}
		text += *text != 0;
	}
	printf("\n");
}

static void help_row(const struct opt *opt)
{
	char left[64], text[512];
	int width;

	snprintf(left, sizeof(left), "  %c%c%s --%s%s%s",
		 opt->letter ? '-' : ' ', opt->letter ? opt->letter : ' ',
		 opt->letter ? "," : " ", opt->name, opt->arg ? " " : "",
		 opt->arg ? opt->arg : "");
	width = printf("%s", left);
	if (width >= HELP_COLUMN)
		printf("\n%*s", HELP_COLUMN, "");
	else
		printf("%*s", HELP_COLUMN - width, "");
	snprintf(text, sizeof(text), "%s%s%s%s", opt->help,
		 opt->def ? " [" : "", opt->def ? opt->def : "",
		 opt->def ? "]" : "");
	print_wrapped(text, HELP_COLUMN);
}

void options_help(const struct command *command)
{
	printf("usage: vitrine %s %s\n\n", command->name, command->usage);
	print_wrapped(command->description, 0);
	for (unsigned int g = 0; command->groups[g]; g++) {
		const struct opt_group *group = command->groups[g];

		printf("\n%s:\n", group->title);
		for (size_t i = 0; i < group->nr; i++)
			help_row(&group->opts[i]);
	}
}
