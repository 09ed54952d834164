/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables for people: columns as wide as their widest cell.
 *
 * Every command that prints rows uses this; each cell is text made by
 * text_cell().  Widths count characters, not bytes (arrows are UTF-8).
 */
#ifndef VITRINE_TEXT_TABLE_H
#define VITRINE_TEXT_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#define TEXT_MAX_COLUMNS	12

struct text_column {
	const char *title;
	bool right;		/* numbers */
};

struct text_table {
	const struct text_column *columns;
	unsigned int nr_columns;
	char **cells;		/* row by row */
	size_t nr_cells;
	size_t room;
	bool failed;		/* out of memory: rows are missing */
};

void text_table_init(struct text_table *table,
		     const struct text_column *columns, unsigned int nr);

/* Add the next cell; a row is full after as many cells as there are columns. */
void text_cell(struct text_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Drop all cells. */
void text_table_free(struct text_table *table);

/* Print and free. */
void text_table_print(struct text_table *table, FILE *out);

/* Characters that @text takes on a terminal. */
int text_width(const char *text);

#endif /* VITRINE_TEXT_TABLE_H */
