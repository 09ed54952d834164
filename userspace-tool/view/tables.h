/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the manual calls things: VMCS fields, exit reasons, errors, controls.
 *
 * The rows are generated from the lists of vmx/ (gen_tables.sh), so they are
 * the same that the module uses.  tables.c looks things up; decode_show.c
 * makes words of values.
 */
#ifndef VITRINE_TABLES_H
#define VITRINE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vitrine.h"

struct field_info {
	const char *name;
	uint32_t encoding;
	const char *group;
	const char *access;	/* "ro" or "rw" */
	const char *meaning;
	const char *title;	/* section of volume 3C */
};

struct exit_info {
	const char *name;	/* EPT_VIOLATION */
	uint32_t number;
	uint32_t kind;		/* enum vtr_hw_kind */
	const char *title_name;	/* as in the manual */
	const char *meaning;
	const char *title;
};

struct insn_error_info {
	uint32_t number;
	const char *name;
	const char *sentence;
	const char *title;
};

enum control_word {
	WORD_PIN, WORD_PROC, WORD_PROC2, WORD_PROC3, WORD_EXIT, WORD_EXIT2,
	WORD_ENTRY, WORD_EPTVPID, WORD_NONE,
};

struct control_info {
	const char *name;
	enum control_word word;
	unsigned int bit;
	const char *title_name;
	const char *meaning;
};

/* One part of the exit qualification of an exit reason. */
struct qualification_info {
	const char *exit;
	unsigned int high;
	unsigned int low;
	const char *meaning;
};

struct msr_info {
	const char *name;
	uint32_t index;
	enum control_word word;	/* that it describes, or WORD_NONE */
	const char *meaning;
	const char *title;	/* section of volume 3D */
};

/* A check of VM entry. */
struct rule_info {
	const char *name;
	const char *stage;	/* CONTROLS, HOST, GUEST, MSRS */
	const char *field;	/* name in the list of fields */
	const char *sentence;
	const char *cause;
	const char *title;	/* section of volume 3C */
};

extern const struct field_info tables_fields[];
extern const unsigned int tables_nr_fields;
extern const struct exit_info tables_exits[];
extern const unsigned int tables_nr_exits;
extern const struct insn_error_info tables_insn_errors[];
extern const unsigned int tables_nr_insn_errors;
extern const struct control_info tables_controls[];
extern const unsigned int tables_nr_controls;
extern const struct qualification_info tables_qualifications[];
extern const unsigned int tables_nr_qualifications;
extern const struct msr_info tables_msrs[];
extern const unsigned int tables_nr_msrs;
extern const struct rule_info tables_rules[];
extern const unsigned int tables_nr_rules;

/* NULL if there is none. */
const struct field_info *table_field(uint32_t encoding);
const struct field_info *table_field_named(const char *name);
const struct exit_info *table_exit(uint32_t reason);
const struct insn_error_info *table_insn_error(uint32_t number);
const struct control_info *table_control(enum control_word word,
					 unsigned int bit);

/* Name of an exit reason, "reason 77" for an unknown one, in a static buffer
 * of the calling thread.
 */
const char *exit_name(uint32_t reason);

/* Bits of a field, 16, 32 or 64 ("natural width" is 64 here). */
unsigned int field_bits(uint32_t encoding);

/* True if @group is the group of some field. */
bool table_has_group(const char *group);

/* "HLT" and so on for a neutral kind; "?" for an unknown one. */
const char *hw_kind_name(uint32_t kind);

#endif /* VITRINE_TABLES_H */
