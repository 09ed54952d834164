/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AML, the byte code in which ACPI describes devices: a writer for the few
 * terms that a small machine needs.
 *
 * acpi.c writes the guest's DSDT with it.  A term with contents is begun and
 * ended (aml_begin(), aml_end()); its length, whose own size depends on it, is
 * put in front at the end.
 * Source: ACPI Specification 6.4, "ACPI Machine Language (AML) Specification" (20).
 */
#ifndef VITRINE_AML_H
#define VITRINE_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_ROOM	2048
#define AML_DEPTH	8

enum aml_term { AML_SCOPE = 0x10, AML_BUFFER = 0x11, AML_PACKAGE = 0x12, AML_METHOD = 0x14,
		AML_DEVICE = 0x5b82 };

/**
 * struct aml - bytes being written
 * @byte: they
 * @used: how many
 * @overflow: there was no room
 * @depth: terms that are begun and not ended
 * @open: where the contents of each begin
 */
struct aml {
	uint8_t byte[AML_ROOM];
	size_t used;
	bool overflow;
	unsigned int depth;
	size_t open[AML_DEPTH];
};

void aml_begin(struct aml *aml, enum aml_term term);
void aml_end(struct aml *aml);

void aml_byte(struct aml *aml, uint8_t byte);
void aml_segment(struct aml *aml, const char *segment);	/* four characters */
void aml_root(struct aml *aml, const char *segment);	/* the same below the root */
void aml_name(struct aml *aml, const char *segment);	/* Name (segment, ...) */
void aml_integer(struct aml *aml, uint32_t value);
void aml_eisa_id(struct aml *aml, const char *id);	/* "PNP0501" */
void aml_string(struct aml *aml, const char *string);

/* A resource template: aml_begin_resources(), descriptors, aml_end_resources(). */
void aml_begin_resources(struct aml *aml);
void aml_io(struct aml *aml, uint16_t port, uint8_t bytes);
void aml_irq(struct aml *aml, unsigned int line);
void aml_bus_numbers(struct aml *aml, uint16_t first, uint16_t last);
void aml_io_window(struct aml *aml, uint16_t first, uint16_t last);
void aml_memory_window(struct aml *aml, uint32_t first, uint32_t last);
void aml_end_resources(struct aml *aml);

#endif /* VITRINE_AML_H */
