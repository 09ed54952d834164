// SPDX-License-Identifier: GPL-2.0-only
/*
 * State records: the sequence of {id, version, bytes} that GET_STATE and
 * SET_STATE carry, and helpers for a record with one structure.
 *
 * Read the section "state records" of ioctl-uapi/vitrine.h first.
 *
 * Subtle: payloads are padded to 8 bytes in the buffer, but @bytes in the
 * header does not count the padding.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define STATE_VERSION	1
#define FIRST_ROOM	8192u

static uint64_t padded(uint32_t bytes)
{
	return ((uint64_t)bytes + 7) & ~7ull;
}

static int get_into(struct vtr_vcpu *vcpu, struct vtr_state_buffer *arg,
		    uint64_t mask, void *buffer, uint32_t room)
{
	*arg = (struct vtr_state_buffer){
		.size = sizeof(*arg),
		.mask = mask,
		.buffer = (uintptr_t)buffer,
		.bytes = room,
	};
	return vtr_call(vcpu->fd, VTR_VCPU_GET_STATE, arg,
			"vCPU %u, mask 0x%llx", vcpu->id,
			(unsigned long long)mask);
}

int vtr_vcpu_get_state(struct vtr_vcpu *vcpu, uint64_t mask, void **out,
		       uint32_t *bytes)
{
	struct vtr_state_buffer arg;
	uint32_t room = FIRST_ROOM;
	void *buffer = NULL;
	int ret;

	do {
		free(buffer);
		buffer = calloc(1, room);
		if (!buffer)
			return vtr_error(ENOMEM, "no memory for %u bytes of vCPU state",
					 room);
		ret = get_into(vcpu, &arg, mask, buffer, room);
		/* Ask again only if the answer is larger than the question. */
	} while (ret == -ENOSPC && arg.bytes > room && (room = arg.bytes));
	if (ret < 0) {
		free(buffer);
		return ret;
	}
	*out = buffer;
	*bytes = arg.bytes < room ? arg.bytes : room;
	return 0;
}

static const struct vtr_state_header *record_at(const void *buffer,
						uint32_t bytes, uint64_t at)
{
	const struct vtr_state_header *head;

	if (at > bytes || bytes - at < sizeof(*head))
		return NULL;
	head = (const void *)((const char *)buffer + at);
	if (head->bytes > bytes - at - sizeof(*head))
		return NULL;
	return head;
}

const struct vtr_state_header *vtr_state_next(const void *buffer,
					      uint32_t bytes,
					      const struct vtr_state_header *at)
{
	uint64_t offset = 0;

	if (at)
		offset = (const char *)at - (const char *)buffer +
			 sizeof(*at) + padded(at->bytes);
	return record_at(buffer, bytes, offset);
}

/* Name the record that was refused: the offset means little to a reader. */
static int refused(struct vtr_vcpu *vcpu, const struct vtr_state_buffer *arg,
		   const void *buffer, int ret)
{
	const struct vtr_state_header *head;

	if (ret != -EINVAL)
		return ret;
	head = record_at(buffer, arg->bytes, arg->bad_record);
	if (!head)
		return ret;
	return vtr_error(EINVAL, "VTR_VCPU_SET_STATE(vCPU %u): the module refuses the record with id %u (offset %u): a value the processor cannot hold, or a wrong length",
			 vcpu->id, head->id, arg->bad_record);
}

int vtr_vcpu_set_state(struct vtr_vcpu *vcpu, const void *buffer,
		       uint32_t bytes)
{
	struct vtr_state_buffer arg = {
		.size = sizeof(arg),
		.buffer = (uintptr_t)buffer,
		.bytes = bytes,
	};
	int ret = vtr_call(vcpu->fd, VTR_VCPU_SET_STATE, &arg,
			   "vCPU %u, %u bytes", vcpu->id, bytes);

	return ret < 0 ? refused(vcpu, &arg, buffer, ret) : 0;
}

/* Find record @id of a fresh GET_STATE; the caller frees *@buffer. */
static int fetch_record(struct vtr_vcpu *vcpu, uint16_t id, void **buffer,
			const struct vtr_state_header **found)
{
	const struct vtr_state_header *head = NULL;
	uint32_t bytes;
	int ret;

	ret = vtr_vcpu_get_state(vcpu, 1ull << id, buffer, &bytes);
	if (ret < 0)
		return ret;
	while ((head = vtr_state_next(*buffer, bytes, head))) {
		if (head->id == id)
			break;
	}
	if (head && head->version == STATE_VERSION) {
		*found = head;
		return 0;
	}
	if (head)
		ret = vtr_error(EPROTO, "state record %u has version %u, this program knows %u",
				id, head->version, STATE_VERSION);
	else
		ret = vtr_error(ENOENT, "the module gives no state record with id %u for vCPU %u",
				id, vcpu->id);
	free(*buffer);
	*buffer = NULL;
	return ret;
}

int vtr_vcpu_get_record(struct vtr_vcpu *vcpu, uint16_t id, void *payload,
			uint32_t bytes)
{
	const struct vtr_state_header *head;
	void *buffer;
	int ret;

	ret = fetch_record(vcpu, id, &buffer, &head);
	if (ret < 0)
		return ret;
	memset(payload, 0, bytes);
	memcpy(payload, head + 1, head->bytes < bytes ? head->bytes : bytes);
	free(buffer);
	return 0;
}

int vtr_vcpu_set_record(struct vtr_vcpu *vcpu, uint16_t id, const void *payload,
			uint32_t bytes)
{
	uint64_t total = sizeof(struct vtr_state_header) + padded(bytes);
	struct vtr_state_header *head;
	int ret;

	if (total > UINT32_MAX)
		return vtr_error(E2BIG, "a state record of %u bytes is too long",
				 bytes);
	head = calloc(1, total);
	if (!head)
		return vtr_error(ENOMEM, "no memory for a state record of %u bytes",
				 bytes);
	head->id = id;
	head->version = STATE_VERSION;
	head->bytes = bytes;
	if (bytes)
		memcpy(head + 1, payload, bytes);
	ret = vtr_vcpu_set_state(vcpu, head, (uint32_t)total);
	free(head);
	return ret;
}

int vtr_get_msrs(struct vtr_vcpu *vcpu, struct vtr_msr **msrs, unsigned int *nr)
{
	const struct vtr_state_header *head;
	void *buffer;
	int ret;

	ret = fetch_record(vcpu, VTR_STATE_MSRS, &buffer, &head);
	if (ret < 0)
		return ret;
	*nr = head->bytes / sizeof(struct vtr_msr);
	*msrs = calloc(*nr ? *nr : 1, sizeof(struct vtr_msr));
	if (*msrs)
		memcpy(*msrs, head + 1, *nr * sizeof(struct vtr_msr));
	else
		ret = vtr_error(ENOMEM, "no memory for %u MSRs", *nr);
	free(buffer);
	return ret;
}

int vtr_set_msrs(struct vtr_vcpu *vcpu, const struct vtr_msr *msrs,
		 unsigned int nr)
{
	if (nr > UINT32_MAX / sizeof(*msrs))
		return vtr_error(E2BIG, "%u MSRs are too many", nr);
	return vtr_vcpu_set_record(vcpu, VTR_STATE_MSRS, msrs,
				   nr * sizeof(*msrs));
}
