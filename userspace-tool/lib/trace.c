// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reader of the trace ring that a vCPU writes and user programs map read-only.
 *
 * Read struct vtr_trace_ring in ioctl-uapi/vitrine.h first; exit_view.c of the
 * tool turns records into exits.
 *
 * Subtle: the writer never waits, so a copy may be torn.  The reader looks at
 * head again after copying and drops what may have been overwritten meanwhile,
 * including the record being written at that moment (it is not counted in head
 * yet): hence one record less than the ring holds is ever trusted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

struct vtr_trace {
	const struct vtr_trace_ring *ring;
	const struct vtr_trace_record *records;
	size_t bytes;
	uint64_t next;		/* number of the record to read next */
	uint32_t nr_records;	/* copied: the mapping is the kernel's to change */
};

static uint64_t head_of(const struct vtr_trace *trace)
{
	return __atomic_load_n(&trace->ring->head, __ATOMIC_ACQUIRE);
}

/* First record that is surely whole while head stands at @head. */
static uint64_t oldest(const struct vtr_trace *trace, uint64_t head)
{
	return head >= trace->nr_records ? head - trace->nr_records + 1 : 0;
}

static int check_ring(struct vtr_trace *trace)
{
	const struct vtr_trace_ring *ring = trace->ring;
	uint64_t end = ring->data_offset +
		       (uint64_t)ring->nr_records * sizeof(*trace->records);

	if (ring->record_bytes != sizeof(*trace->records) ||
	    ring->nr_records < 2 || ring->data_offset < sizeof(*ring) ||
	    ring->data_offset % 8 || end > trace->bytes)
		return vtr_error(EPROTO, "the trace ring has %u records of %u bytes at offset %u in a mapping of %zu: build and load module and tool from one tree",
				 ring->nr_records, ring->record_bytes,
				 ring->data_offset, trace->bytes);
	trace->nr_records = ring->nr_records;
	trace->records = (const void *)((const char *)ring + ring->data_offset);
	return 0;
}

int vtr_trace_open(struct vtr_vcpu *vcpu, struct vtr_trace **out)
{
	struct vtr_trace *trace;
	void *at;
	int ret;

	if (vcpu->trace_bytes < sizeof(struct vtr_trace_ring))
		return vtr_error(ENODEV, "the module offers no trace ring");
	trace = calloc(1, sizeof(*trace));
	if (!trace)
		return vtr_error(ENOMEM, "no memory for a trace reader");
	trace->bytes = vcpu->trace_bytes;
	at = vtr_ops->mmap(trace->bytes, PROT_READ, vcpu->fd,
			   vcpu->trace_offset);
	if (at == MAP_FAILED) {
		ret = vtr_error(errno, "mmap of the trace ring of vCPU %u: %s",
				vcpu->id, strerror(errno));
		free(trace);
		return ret;
	}
	trace->ring = at;
	ret = check_ring(trace);
	if (ret < 0) {
		vtr_trace_close(trace);
		return ret;
	}
	*out = trace;
	return 0;
}

void vtr_trace_close(struct vtr_trace *trace)
{
	if (!trace)
		return;
	vtr_ops->munmap((void *)trace->ring, trace->bytes);
	free(trace);
}

bool vtr_trace_enabled(const struct vtr_trace *trace)
{
	return __atomic_load_n(&trace->ring->enabled, __ATOMIC_RELAXED);
}

unsigned int vtr_trace_read(struct vtr_trace *trace,
			    struct vtr_trace_record *records,
			    unsigned int room, uint64_t *lost)
{
	uint64_t head = head_of(trace), from = trace->next, safe;
	unsigned int n;

	*lost = 0;
	safe = oldest(trace, head);
	if (from < safe) {
		*lost = safe - from;
		from = safe;
	}
	n = head - from < room ? head - from : room;
	for (unsigned int i = 0; i < n; i++)
		records[i] = trace->records[(from + i) % trace->nr_records];
	/* The copies must be done before head is looked at again. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	trace->next = from + n;
	safe = oldest(trace, head_of(trace));
	if (from < safe) {
		uint64_t torn = safe - from < n ? safe - from : n;

		*lost += torn;
		n -= torn;
		memmove(records, records + torn, n * sizeof(*records));
	}
	return n;
}
