// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine explain: what a name or a number of the manual means.
 *
 * Needs neither module nor root: all it knows is in the tables that the module
 * uses, too.  Read view/explain.h for how a word is looked up.
 *
 * Subtle: a word that means several things is no failure of the user, but a
 * script must not take the first one for the answer: the candidates go to
 * stdout, and the exit code is 1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "libvitrine.h"
#include "view/explain.h"

static const char *const kind_words[] = { "any", "field", "control", "exit",
					  "error", "msr", "rule", NULL };

static enum topic_kind wanted_kind(const struct options *options)
{
	/* "any" stands first in the words and last in the enumeration. */
	return options->topic ? options->topic - 1 : TOPIC_ANY;
}

static cJSON *candidate_json(struct topic topic)
{
	cJSON *json = cJSON_CreateObject();
	uint32_t number;

	cJSON_AddStringToObject(json, "topic", topic_kind_name(topic.kind));
	cJSON_AddStringToObject(json, "name", topic_name(topic));
	if (topic_title(topic))
		cJSON_AddStringToObject(json, "title", topic_title(topic));
	if (topic_number(topic, &number))
		json_hex(json, "number_hex", number);
	return json;
}

static void print_candidate(struct topic topic)
{
	uint32_t number;

	printf("  %-7s  %-34s", topic_kind_name(topic.kind), topic_name(topic));
	if (topic_number(topic, &number))
		printf(topic.kind == TOPIC_FIELD || topic.kind == TOPIC_MSR ?
		       "  0x%04x" : "  %u", number);
	else
		printf("  %s", topic_hint(topic));
	printf("\n");
}

/* One name a line, what a shell's completion wants. */
static int list_all(const struct options *options)
{
	enum topic_kind kind = wanted_kind(options);
	cJSON *list = options->json ? cJSON_CreateArray() : NULL;
	struct topic topic;

	for (unsigned int n = 0; topic_at(n, &topic); n++) {
		if (kind != TOPIC_ANY && topic.kind != kind)
			continue;
		if (list)
			cJSON_AddItemToArray(list, candidate_json(topic));
		else
			printf("%s\n", topic_name(topic));
	}
	if (list)
		json_print(list, stdout);
	return EXIT_OK;
}

static int show_candidates(const struct options *options,
			   const struct topic_list *list)
{
	cJSON *array = options->json ? cJSON_CreateArray() : NULL;

	if (!array)
		printf("'%s' may be one of these; give the whole name, or --kind:\n",
		       options->guest);
	for (unsigned int i = 0; i < list->nr; i++) {
		if (array)
			cJSON_AddItemToArray(array,
					     candidate_json(list->topic[i]));
		else
			print_candidate(list->topic[i]);
	}
	if (array)
		json_print(array, stdout);
	return EXIT_FAILED;
}

static int show_topic(const struct options *options, struct topic topic)
{
	const uint64_t *value = options->value.given ? &options->value.value :
						       NULL;

	if (value && !topic_takes_value(topic)) {
		vtr_error(EINVAL, "--value: %s is the value itself",
			  topic_name(topic));
		return command_usage(&cmd_explain);
	}
	if (options->json)
		json_print(topic_json(topic, value), stdout);
	else
		topic_print(topic, value, stdout);
	return EXIT_OK;
}

static int run(const struct options *options)
{
	struct topic_list list;
	int status;

	if (options->list)
		return list_all(options);
	if (!options->guest) {
		vtr_error(EINVAL, "no NAME or NUMBER given");
		return command_usage(&cmd_explain);
	}
	if (topic_find(options->guest, wanted_kind(options), &list))
		return command_failed(&cmd_explain);
	if (!list.nr) {
		vtr_error(ENOENT, "nothing is called '%s'%s%s: see 'vitrine explain --list'",
			  options->guest, options->topic ? " among kind " : "",
			  options->topic ? kind_words[options->topic] : "");
		status = command_failed(&cmd_explain);
	} else if (list.nr == 1) {
		status = show_topic(options, list.topic[0]);
	} else {
		status = show_candidates(options, &list);
	}
	free(list.topic);
	return status;
}

static const struct opt rows[] = {
	{ "kind", 'k', OPT_CHOICE, offsetof(struct options, topic), "KIND",
	  "any", "look only among these: field, control, exit, error, msr, rule",
	  kind_words, 0, 0 },
	{ "value", 0, OPT_NUMBER, offsetof(struct options, value), "VALUE",
	  NULL, "also decode this value: of the field, of the MSR, of the word with the control, or the qualification of the exit",
	  NULL, 0, 0 },
	{ "list", 'l', OPT_FLAG, offsetof(struct options, list), NULL, NULL,
	  "print all names (of --kind), one a line", NULL, 0, 0 },
};

static const struct opt_group explain_options =
	OPT_GROUP("explain options", rows);

const struct command cmd_explain = {
	.name = "explain",
	.summary = "explain a VMCS field, control bit, exit reason, error, VMX MSR or rule of VM entry",
	.usage = "[options] NAME|NUMBER",
	.description =
		"NAME is a name or a part of one, in any case; NUMBER is the "
		"encoding of a field, an exit reason, a VM-instruction error or "
		"the index of an MSR. If it may be several things they are "
		"listed, with exit code 1. Needs neither module nor root.",
	.guest = WORD_OPTIONAL,
	.groups = { &explain_options, &common_options },
	.run = run,
};
