// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET_STATE, SET_STATE, TRANSLATE, READ_FIELDS: the vCPU's state from outside.
 *
 * Round trips of every record, refusals that change nothing, and what only
 * privileged programs may see.  exits_test.c saves and restores whole guests.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"
#include "vm.h"

GUEST(halts, 16, "hlt");
GUEST(reads_xmm, 64, "movq %xmm3, %rax\n fildl 0x10000\n fnstcw 0x10008\n hlt");
GUEST(rdtsc, 64, "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n hlt");
GUEST(waits_for_in, 64, "mov $0x600, %dx\n in %dx, %ax\n hlt");

#define ALL_IDS	0x3feull	/* REGS .. ACCESS */

/* ---- reading ------------------------------------------------------------------- */

static void all_records_come_at_once_and_in_order(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	uint64_t buffer[1024];
	uint32_t bytes = get_state(vcpu, buffer, sizeof(buffer)), at = 0;
	uint64_t seen = 0;
	unsigned int last = 0;

	while (at < bytes) {
		struct vtr_state_header *head = (void *)((char *)buffer + at);

		CHECK(head->id > last);
		CHECK_NUM(head->version, 1);
		last = head->id;
		seen |= 1ull << head->id;
		at += sizeof(*head) + (head->bytes + 7) / 8 * 8;
	}
	CHECK_NUM(at, bytes);
	CHECK_NUM(seen, ALL_IDS);
}

static void too_little_room_says_how_much(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	uint64_t buffer[1024] = {};
	uint32_t bytes = get_state(vcpu, buffer, sizeof(buffer));
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = bytes - 1,
	};

	memset(buffer, 0x5a, sizeof(buffer));
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args), ENOSPC);
	CHECK_NUM(args.bytes, bytes);
	CHECK_NUM(buffer[0], 0x5a5a5a5a5a5a5a5a);
	MUST(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args));
	/* Not one byte more than it said. */
	CHECK_NUM(((uint8_t *)buffer)[bytes], 0x5a);
	args.bytes = 0;
	args.mask = 1 << VTR_STATE_REGS;
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args), ENOSPC);
	CHECK_NUM(args.bytes, sizeof(struct vtr_state_header) + sizeof(struct vtr_regs));
}

static void unknown_ids_are_refused(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	uint64_t buffer[1024] = {};
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = sizeof(buffer),
	};

	args.mask = 1 << 10;
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args), EINVAL);
	args.mask = 1;
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args), EINVAL);
	args.mask = 1ull << 63;
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args), EINVAL);
	CHECK_ERRNO(put_record(vcpu, 10, buffer, 8), EINVAL);
	CHECK_ERRNO(put_record(vcpu, 0, buffer, 8), EINVAL);
	CHECK_ERRNO(put_record(vcpu, 40, buffer, 8), EINVAL);
}

static void bad_buffers_are_efault(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vtr_state_buffer args = { .size = sizeof(args), .buffer = 16, .bytes = 8192 };

	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args), EFAULT);
	args.bytes = 8192;
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_SET_STATE, &args), EFAULT);
	args.bytes = 0;
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_SET_STATE, &args), EINVAL);
	args.bytes = 1 << 20;
	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_SET_STATE, &args), E2BIG);
}

/* ---- round trips ------------------------------------------------------------------ */

static void check_round_trip(struct vcpu *vcpu, uint16_t id, const void *value, uint32_t bytes)
{
	uint8_t back[4096];

	CHECK_MSG(!put_record(vcpu, id, value, bytes), "record %u was refused: %s", id,
		  strerror(errno));
	get_record(vcpu, id, back, bytes);
	for (uint32_t i = 0; i < bytes; i++)
		if (!CHECK_MSG(back[i] == ((const uint8_t *)value)[i],
			       "record %u differs at byte %u: 0x%x, was 0x%x", id, i, back[i],
			       ((const uint8_t *)value)[i]))
			return;
}

static void registers_come_back(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_regs regs = { .rip = 0xffff800012345678, .rflags = 0x246 };

	for (unsigned int i = 0; i < VTR_NR_GPRS; i++)
		regs.gpr[i] = 0x1111111111111111ull * i + 0x8000000000000000ull;
	check_round_trip(vcpu, VTR_STATE_REGS, &regs, sizeof(regs));
	regs.rflags = 0;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_REGS, &regs, sizeof(regs)), EINVAL);
	regs.rflags = 1ull << 40 | 2;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_REGS, &regs, sizeof(regs)), EINVAL);
}

static void system_registers_come_back(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_sregs s = get_sregs(vcpu), bad;

	for (unsigned int i = 0; i < VTR_NR_SEGS; i++) {
		s.seg[i].base = 0x10000 * i;
		s.seg[i].selector = 8 * i + 8;
	}
	s.gdtr = (struct vtr_table_register) { .base = 0xffff888000001000, .limit = 0x7f };
	s.idtr = (struct vtr_table_register) { .base = 0xffff888000002000, .limit = 0xfff };
	s.cr2 = 0xdeadbeefcafe;
	s.cr3 = 0x7000;
	s.cr8 = 9;
	check_round_trip(vcpu, VTR_STATE_SREGS, &s, sizeof(s));

	bad = s;
	bad.seg[VTR_DS].pad[3] = 1;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_SREGS, &bad, sizeof(bad)), EINVAL);
	bad = s;
	bad.gdtr.pad[0] = 1;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_SREGS, &bad, sizeof(bad)), EINVAL);
	bad = s;
	bad.cr8 = 16;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_SREGS, &bad, sizeof(bad)), EINVAL);
	bad = s;
	bad.efer &= ~0x400ull;	/* LMA off with paging and LME on */
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_SREGS, &bad, sizeof(bad)), EINVAL);
	bad = s;
	bad.cr4 |= 1 << 13;	/* VMXE */
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_SREGS, &bad, sizeof(bad)), EINVAL);
	check_round_trip(vcpu, VTR_STATE_SREGS, &s, sizeof(s));
}

static void msrs_come_back(void)
{
	static struct vtr_msr good[] = {
		{ .index = 0x174, .value = 0x10 },			/* SYSENTER_CS */
		{ .index = 0x175, .value = 0xffff800000001000 },
		{ .index = 0x176, .value = 0xffff800000002000 },
		{ .index = 0x277, .value = 0x0007010600070106 },	/* PAT */
		{ .index = 0xc0000081, .value = 0x0023001000000000 },	/* STAR */
		{ .index = 0xc0000082, .value = 0xffffffff81000000 },
		{ .index = 0xc0000083, .value = 0xffffffff82000000 },
		{ .index = 0xc0000084, .value = 0x47700 },
		{ .index = 0xc0000102, .value = 0xffff888000000000 },
		{ .index = 0xc0000103, .value = 0x1234 },
		{ .index = 0x3b, .value = 0xfffffffffff00000 },		/* TSC_ADJUST */
	};
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_msr list[2] = { good[5], { .index = 0x12345, .value = 1 } };

	check_round_trip(vcpu, VTR_STATE_MSRS, good, sizeof(good));
	/* A refusal at the second changes not even the first. */
	list[0].value = 0x1000;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_MSRS, list, sizeof(list)), EINVAL);
	list[1] = (struct vtr_msr) { .index = 0xc0000083, .value = 1ull << 63 };
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_MSRS, list, sizeof(list)), EINVAL);
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_MSRS, list, sizeof(list) - 8), EINVAL);
	check_round_trip(vcpu, VTR_STATE_MSRS, good, sizeof(good));
	/* A list may be short. */
	CHECK_NUM(put_record(vcpu, VTR_STATE_MSRS, list, sizeof(list[0])), 0);
}

static void events_come_back(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_events e = {
		.interrupt_shadow = VTR_SHADOW_STI, .nmi_blocked = 1, .nmi_pending = 1,
		.activity = VTR_HALTED,
		.pending_debug = VTR_PENDING_ENABLED | VTR_PENDING_STEP | 5,
		.in_flight = { .kind = VTR_EVENT_EXCEPTION, .vector = 14, .has_error = 1,
			       .error = 0x80000003 },
	}, bad = e;

	check_round_trip(vcpu, VTR_STATE_EVENTS, &e, sizeof(e));
	bad.activity = VTR_WAIT_SIPI;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_EVENTS, &bad, sizeof(bad)), EINVAL);
	bad = e;
	bad.interrupt_shadow = 3;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_EVENTS, &bad, sizeof(bad)), EINVAL);
	bad = e;
	bad.pending_debug = 0x10;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_EVENTS, &bad, sizeof(bad)), EINVAL);
	bad = e;
	bad.in_flight.kind = 7;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_EVENTS, &bad, sizeof(bad)), EINVAL);
	bad = e;
	bad.in_flight.vector = 32;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_EVENTS, &bad, sizeof(bad)), EINVAL);
	check_round_trip(vcpu, VTR_STATE_EVENTS, &e, sizeof(e));
}

static void debug_registers_come_back(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_debug_regs d = {
		.dr = { 1, 2, 0xffff888000000003, 4 }, .dr6 = 0xffff4ff5, .dr7 = 0x455,
	}, bad = d;

	check_round_trip(vcpu, VTR_STATE_DEBUG, &d, sizeof(d));
	bad.dr6 = 0;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_DEBUG, &bad, sizeof(bad)), EINVAL);
	bad = d;
	bad.dr7 = 1ull << 32 | 0x400;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_DEBUG, &bad, sizeof(bad)), EINVAL);
}

static void io_state_comes_back(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_io_state io = { .pending = 1, .bytes = 4, .port = 0x3f8, .insn_bytes = 2 };
	struct vtr_io_state bad = io;

	check_round_trip(vcpu, VTR_STATE_IO, &io, sizeof(io));
	bad.bytes = 3;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_IO, &bad, sizeof(bad)), EINVAL);
	bad = io;
	bad.pending = 3;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_IO, &bad, sizeof(bad)), EINVAL);
	bad = io;
	bad.insn_bytes = 0;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_IO, &bad, sizeof(bad)), EINVAL);
	bad = io;
	bad.pad[0] = 1;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_IO, &bad, sizeof(bad)), EINVAL);
}

static void tsc_offset_is_seen_by_the_guest(void)
{
	struct vcpu *vcpu = start_guest(&guest_rdtsc, 64, 0);
	struct vtr_tsc tsc, bad;
	const uint64_t far = 1ull << 50;

	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	CHECK(tsc.khz > 1000);
	tsc.offset = far - read_tsc();
	check_round_trip(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK(gpr(vcpu, VTR_RAX) >= far && gpr(vcpu, VTR_RAX) < far + (1ull << 36));
	bad = tsc;
	bad.khz = 0;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_TSC, &bad, sizeof(bad)), EINVAL);
}

static uint64_t tsc_offset(struct vcpu *vcpu)
{
	struct vtr_tsc tsc;

	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	return tsc.offset;
}

static void all_processors_of_a_vm_have_one_clock(void)
{
	struct vm *vm = new_vm(1 << 20, 0);
	struct vcpu *first = new_vcpu(vm, 0), *second;

	short_nap();
	second = new_vcpu(vm, 1);
	CHECK_NUM(tsc_offset(second), tsc_offset(first));
	/* It began when the VM was made. */
	CHECK(read_tsc() + tsc_offset(first) < 1ull << 40);
}

static void a_refused_list_does_not_shift_the_clock(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	const struct vtr_msr list[2] = {
		{ .index = 0x10, .value = 5 }, { .index = 0x12345, .value = 1 },
	};
	uint64_t offset = tsc_offset(vcpu);

	CHECK_ERRNO(put_record(vcpu, VTR_STATE_MSRS, list, sizeof(list)), EINVAL);
	CHECK_NUM(tsc_offset(vcpu), offset);
	MUST(put_record(vcpu, VTR_STATE_MSRS, list, sizeof(list[0])));
	CHECK(tsc_offset(vcpu) != offset);
}

/* ---- the FPU image -------------------------------------------------------------------- */

/* Offsets in the legacy part: SDM 1 "Legacy Region of an XSAVE Area" (13.4.1). */
#define FPU_FCW		0
#define FPU_MXCSR	24
#define FPU_XMM		160
#define XSAVE_HEADER	512

struct fpu_image {
	uint64_t words[512];
	uint32_t bytes;
};

static void get_fpu(struct vcpu *vcpu, struct fpu_image *fpu)
{
	uint64_t buffer[1024] = {};
	struct vtr_state_header *head = (void *)buffer;
	struct vtr_state_buffer args = {
		.size = sizeof(args), .mask = 1ull << VTR_STATE_FPU,
		.buffer = (uintptr_t)buffer, .bytes = sizeof(buffer),
	};

	MUST(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args));
	REQUIRE(head->bytes >= 512 && head->bytes <= sizeof(fpu->words));
	fpu->bytes = head->bytes;
	memcpy(fpu->words, head + 1, head->bytes);
}

static int put_fpu(struct vcpu *vcpu, const struct fpu_image *fpu)
{
	return put_record(vcpu, VTR_STATE_FPU, fpu->words, fpu->bytes);
}

static void fpu_image_reaches_the_guest_and_comes_back(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_xmm, 64, 0);
	struct fpu_image fpu;
	uint8_t *image = (void *)fpu.words;

	get_fpu(vcpu, &fpu);
	*(uint64_t *)(image + FPU_XMM + 3 * 16) = 0x123456789abcdef0;
	*(uint16_t *)(image + FPU_FCW) = 0x27f;
	if (fpu.bytes > XSAVE_HEADER)
		fpu.words[XSAVE_HEADER / 8] |= 3;
	CHECK_NUM(put_fpu(vcpu, &fpu), 0);
	*(uint32_t *)(vcpu->vm->mem + DATA_AT) = 1;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x123456789abcdef0);
	CHECK_NUM(*(uint16_t *)(vcpu->vm->mem + DATA_AT + 8), 0x27f);
	/* ST(0) is 1.0 now: significand 8000..., exponent 3FFF. */
	get_fpu(vcpu, &fpu);
	CHECK_NUM(*(uint64_t *)(image + 32), 0x8000000000000000);
	CHECK_NUM(*(uint16_t *)(image + 40), 0x3fff);
	CHECK_NUM(*(uint64_t *)(image + FPU_XMM + 3 * 16), 0x123456789abcdef0);
}

static void fpu_images_that_would_fault_are_refused(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct fpu_image good, bad;

	get_fpu(vcpu, &good);
	bad = good;
	*(uint32_t *)((uint8_t *)bad.words + FPU_MXCSR) = 0x10000;
	CHECK_ERRNO(put_fpu(vcpu, &bad), EINVAL);
	bad = good;
	bad.bytes -= 8;
	CHECK_ERRNO(put_fpu(vcpu, &bad), EINVAL);
	CHECK_NUM(put_fpu(vcpu, &good), 0);
	if (good.bytes <= XSAVE_HEADER)
		return;
	/* A component that does not exist; compacted format; reserved bytes. */
	for (unsigned int word = 0; word < 3; word++) {
		bad = good;
		bad.words[XSAVE_HEADER / 8 + word] = 1ull << 62;
		CHECK_ERRNO(put_fpu(vcpu, &bad), EINVAL);
	}
}

/* ---- all or nothing ------------------------------------------------------------------------ */

/* One buffer of two records. */
static uint32_t add_record(uint64_t *buffer, uint32_t at, uint16_t id, const void *payload,
			   uint32_t bytes)
{
	struct vtr_state_header *head = (void *)((char *)buffer + at);

	*head = (struct vtr_state_header) { .id = id, .version = 1, .bytes = bytes };
	memcpy(head + 1, payload, bytes);
	return at + sizeof(*head) + (bytes + 7) / 8 * 8;
}

static void expect_refused_at(struct vcpu *vcpu, const uint64_t *buffer, uint32_t bytes,
			      uint32_t bad_record)
{
	static uint64_t before[1024], after[1024];
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = bytes,
	};
	uint32_t length = get_state(vcpu, before, sizeof(before));

	CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_SET_STATE, &args), EINVAL);
	CHECK_NUM(args.bad_record, bad_record);
	CHECK_NUM(get_state(vcpu, after, sizeof(after)), length);
	CHECK_MSG(!memcmp(before, after, length), "the refused call has changed something");
}

static void a_refused_call_changes_nothing(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_regs regs = { .rip = 0x1234, .rflags = 2 };
	struct vtr_debug_regs debug = { .dr7 = 0x400 };
	struct vtr_io_state io = { .pending = 9 };
	uint64_t buffer[1024] = {};
	uint32_t second, bytes;

	second = add_record(buffer, 0, VTR_STATE_REGS, &regs, sizeof(regs));
	bytes = add_record(buffer, second, VTR_STATE_IO, &io, sizeof(io));
	expect_refused_at(vcpu, buffer, bytes, second);
	bytes = add_record(buffer, second, VTR_STATE_DEBUG, &debug, sizeof(debug));
	expect_refused_at(vcpu, buffer, bytes, second);
	/* A record that is cut off, a header that is cut off, a length that lies. */
	expect_refused_at(vcpu, buffer, bytes - 8, second);
	expect_refused_at(vcpu, buffer, second + 4, second);
	bytes = add_record(buffer, second, VTR_STATE_REGS, &regs, sizeof(regs));
	((struct vtr_state_header *)((char *)buffer + second))->bytes = ~0u;
	expect_refused_at(vcpu, buffer, bytes, second);
	((struct vtr_state_header *)((char *)buffer + second))->bytes = sizeof(regs);
	((struct vtr_state_header *)((char *)buffer + second))->version = 2;
	expect_refused_at(vcpu, buffer, bytes, second);
}

/* The FPU's header is judged by the kernel's own code, so it is a case of its own. */
static void a_refused_fpu_image_changes_nothing(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 64, 0);
	struct vtr_regs regs = { .rip = 0x1234, .rflags = 2 };
	uint64_t buffer[1024] = {};
	struct fpu_image fpu;
	uint32_t second, bytes;

	get_fpu(vcpu, &fpu);
	if (fpu.bytes <= XSAVE_HEADER)
		tap_skip("this processor has no XSAVE");
	fpu.words[XSAVE_HEADER / 8] = 1ull << 62;
	second = add_record(buffer, 0, VTR_STATE_REGS, &regs, sizeof(regs));
	bytes = add_record(buffer, second, VTR_STATE_FPU, fpu.words, fpu.bytes);
	expect_refused_at(vcpu, buffer, bytes, second);
}

/* An IN that one vCPU has begun can be finished on another one. */
static void unfinished_input_moves_with_the_state(void)
{
	struct vcpu *first = start_guest(&guest_waits_for_in, 64, 0);
	struct vcpu *second = new_vcpu(first->vm, 1);
	uint64_t buffer[1024];
	uint32_t bytes;

	REQUIRE(run_to(first, VTR_EXIT_IO));
	bytes = get_state(first, buffer, sizeof(buffer));
	MUST(put_state(second, buffer, bytes));
	second->run->io.data = 0xbeef;
	REQUIRE(run_to(second, VTR_EXIT_HLT));
	CHECK_NUM(gpr(second, VTR_RAX) & 0xffff, 0xbeef);
}

/* ---- raw fields ---------------------------------------------------------------------------- */

/* Encodings: SDM 3D "Field Encoding in VMCS" (appendix B). */
#define GUEST_RIP	0x681e
#define HOST_RIP	0x6c16
#define HOST_CR3	0x6c02
#define EXIT_REASON	0x4402
#define NO_SUCH_FIELD	0x7fff
#define TSC_OFFSET	0x2010
#define CR0_MASK	0x6000
#define CR4_MASK	0x6002
#define MSR_BITMAP	0x2004
#define EPT_POINTER	0x201a

static int read_fields(struct vcpu *vcpu, struct vtr_field *fields, uint32_t nr, uint32_t backend)
{
	struct vtr_read_fields args = {
		.size = sizeof(args), .backend = backend, .nr_fields = nr,
		.fields = (uintptr_t)fields,
	};

	return ioctl(vcpu->fd, VTR_VCPU_READ_FIELDS, &args);
}

static void raw_fields_can_be_looked_at(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vtr_field f[4] = {
		{ .encoding = GUEST_RIP }, { .encoding = EXIT_REASON },
		{ .encoding = NO_SUCH_FIELD }, { .encoding = HOST_RIP },
	};

	run_to(vcpu, VTR_EXIT_HLT);
	MUST(read_fields(vcpu, f, 4, VTR_BACKEND_VMX));
	CHECK_NUM(f[0].status, 0);
	CHECK_NUM(f[0].value, CODE_AT + 1);
	CHECK_NUM(f[1].value, 12);
	CHECK_NUM(f[2].status, ENOENT);
	CHECK_NUM(f[2].value, 0);
	CHECK_NUM(f[3].status, 0);
	CHECK(f[3].value >> 47 == 0x1ffff);
}

/* No program needs halves here, but whoever asks gets the right one. */
static void high_halves_of_raw_fields(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vtr_field f[3] = {
		{ .encoding = TSC_OFFSET }, { .encoding = TSC_OFFSET + 1 },
		{ .encoding = GUEST_RIP + 1 },
	};

	MUST(read_fields(vcpu, f, 3, VTR_BACKEND_VMX));
	CHECK(f[0].value);
	CHECK_NUM(f[1].status, 0);
	CHECK_NUM(f[1].value, f[0].value >> 32);
	CHECK_NUM(f[2].status, ENOENT);
}

static void raw_fields_are_tagged_and_limited(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vtr_field *f = calloc(513, sizeof(*f));

	for (unsigned int i = 0; i < 513; i++)
		f[i].encoding = GUEST_RIP;
	CHECK_ERRNO(read_fields(vcpu, f, 1, VTR_BACKEND_SVM), EINVAL);
	CHECK_ERRNO(read_fields(vcpu, f, 1, VTR_BACKEND_NONE), EINVAL);
	CHECK_ERRNO(read_fields(vcpu, f, 0, VTR_BACKEND_VMX), EINVAL);
	CHECK_ERRNO(read_fields(vcpu, f, 513, VTR_BACKEND_VMX), EINVAL);
	CHECK_ERRNO(read_fields(vcpu, (void *)16, 1, VTR_BACKEND_VMX), EFAULT);
	CHECK_NUM(read_fields(vcpu, f, 512, VTR_BACKEND_VMX), 0);
	CHECK_NUM(f[511].value, CODE_AT);
	CHECK_NUM(f[512].value, 0);
}

/* Drop all capabilities for good; the open descriptors stay usable. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	MUST(syscall(SYS_capset, &head, data));
}

static void host_fields_are_for_the_privileged(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);
	struct vtr_field f[5] = {
		{ .encoding = HOST_RIP, .value = 1 }, { .encoding = HOST_CR3, .value = 1 },
		{ .encoding = MSR_BITMAP, .value = 1 }, { .encoding = EPT_POINTER, .value = 1 },
		{ .encoding = GUEST_RIP },
	};

	drop_capabilities();
	MUST(read_fields(vcpu, f, 5, VTR_BACKEND_VMX));
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_NUM(f[i].value, 0);
		CHECK_NUM(f[i].status, EPERM);
	}
	CHECK_NUM(f[4].value, CODE_AT);
	CHECK_NUM(f[4].status, 0);
}

/* No field that holds an address of the host's may be readable without the right. */
static void no_field_leaks_a_kernel_address(void)
{
	struct vcpu *vcpu = start_guest(&guest_halts, 16, 0);

	run_to(vcpu, VTR_EXIT_HLT);
	drop_capabilities();
	/*
	 * Widths and types are bits 14:13 and 11:10 of the encoding.  The TSC
	 * offset and the guest/host masks look like such an address and are none.
	 */
	for (uint32_t group = 0; group < 16; group++) {
		struct vtr_field f[64];
		uint32_t base = (group >> 2) << 13 | (group & 3) << 10;

		for (unsigned int i = 0; i < 64; i++)
			f[i] = (struct vtr_field) { .encoding = base + 2 * i };
		MUST(read_fields(vcpu, f, 64, VTR_BACKEND_VMX));
		for (unsigned int i = 0; i < 64; i++)
			CHECK_MSG(f[i].status || f[i].value >> 47 != 0x1ffff ||
				  f[i].value == ~0ull || f[i].encoding == TSC_OFFSET ||
				  f[i].encoding == CR0_MASK || f[i].encoding == CR4_MASK,
				  "field 0x%x shows 0x%llx", f[i].encoding,
				  (unsigned long long)f[i].value);
	}
}

static const struct tap_case cases[] = {
	CASE(all_records_come_at_once_and_in_order),
	CASE(too_little_room_says_how_much),
	CASE(unknown_ids_are_refused),
	CASE(bad_buffers_are_efault),
	CASE(registers_come_back),
	CASE(system_registers_come_back),
	CASE(msrs_come_back),
	CASE(events_come_back),
	CASE(debug_registers_come_back),
	CASE(io_state_comes_back),
	CASE(tsc_offset_is_seen_by_the_guest),
	CASE(all_processors_of_a_vm_have_one_clock),
	CASE(a_refused_list_does_not_shift_the_clock),
	CASE(fpu_image_reaches_the_guest_and_comes_back),
	CASE(fpu_images_that_would_fault_are_refused),
	CASE(a_refused_call_changes_nothing),
	CASE(a_refused_fpu_image_changes_nothing),
	CASE(unfinished_input_moves_with_the_state),
	CASE(raw_fields_can_be_looked_at),
	CASE(high_halves_of_raw_fields),
	CASE(raw_fields_are_tagged_and_limited),
	CASE(host_fields_are_for_the_privileged),
	CASE(no_field_leaks_a_kernel_address),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
