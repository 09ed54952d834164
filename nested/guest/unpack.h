/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Put the files of a job into the root file system.
 *
 * For agent.c; read unpack.c.
 */
#ifndef VITRINE_GUEST_UNPACK_H
#define VITRINE_GUEST_UNPACK_H

#include <stddef.h>
#include <stdint.h>

int unpack(const uint8_t *p, size_t size);

#endif
