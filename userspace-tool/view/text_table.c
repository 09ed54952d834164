// SPDX-License-Identifier: GPL-2.0-only
/*
 * Columns that line up.
 *
 * Read text_table.h first.  Cells are kept until the end, because the widest
 * one is not known before; a view of endless length prints its rows itself.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text_table.h"

void text_table_init(struct text_table *table,
		     const struct text_column *columns, unsigned int nr)
{
	*table = (struct text_table){ .columns = columns, .nr_columns = nr };
}

/* UTF-8: every byte but the continuation bytes begins a character. */
int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static bool grow(struct text_table *table)
{
	size_t room = table->room ? 2 * table->room : 64;
	char **cells;

	if (table->nr_cells < table->room)
		return true;
	cells = realloc(table->cells, room * sizeof(*cells));
	if (!cells)
		return false;
	table->cells = cells;
	table->room = room;
	return true;
}

void text_cell(struct text_table *table, const char *fmt, ...)
{
	char *cell = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&cell, fmt, args) < 0)
		cell = NULL;
	va_end(args);
	if (!cell || !grow(table)) {
		free(cell);
		table->failed = true;
		return;
	}
	table->cells[table->nr_cells++] = cell;
}

static void measure(const struct text_table *table, int *widths)
{
	for (unsigned int i = 0; i < table->nr_columns; i++)
		widths[i] = text_width(table->columns[i].title);
	for (size_t i = 0; i < table->nr_cells; i++) {
		int width = text_width(table->cells[i]);

		if (width > widths[i % table->nr_columns])
			widths[i % table->nr_columns] = width;
	}
}

static void print_cell(const struct text_table *table, FILE *out,
		       unsigned int column, const char *text, int width)
{
	int pad = width - text_width(text);
	bool last = column == table->nr_columns - 1;

	if (table->columns[column].right)
		fprintf(out, "%*s%s", pad, "", text);
	else
		fprintf(out, "%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", out);
}

void text_table_free(struct text_table *table)
{
	for (size_t i = 0; i < table->nr_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct text_table){ 0 };
}

void text_table_print(struct text_table *table, FILE *out)
{
	int widths[TEXT_MAX_COLUMNS] = { 0 };

	measure(table, widths);
	for (unsigned int i = 0; i < table->nr_columns; i++)
		print_cell(table, out, i, table->columns[i].title, widths[i]);
	for (size_t i = 0; i < table->nr_cells; i++) {
		unsigned int column = i % table->nr_columns;

		print_cell(table, out, column, table->cells[i], widths[column]);
	}
	if (table->failed)
		fprintf(out, "(rows are missing: out of memory)\n");
	text_table_free(table);
}
