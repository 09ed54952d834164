// SPDX-License-Identifier: GPL-2.0-only
/*
 * VTR_VM_GET_STATE and VTR_VM_SET_STATE: interrupt controllers from outside.
 *
 * What the records are and what is refused; then guests that are stopped in the
 * middle, with timers that run, interrupts that wait and interrupts in service, and go
 * on in another VM: nothing may be lost, doubled or late.
 * What a legal state is: module/tests/lapic_kunit.c, irqdev_kunit.c.
 * Read lib/irq_guest.h first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "irq_guest.h"

#define ROOM	(16 * KB)

struct records {
	uint64_t word[ROOM / 8];
	uint32_t bytes;
};

static int call_state(struct vm *vm, unsigned long call, struct vtr_state_buffer *args)
{
	args->size = sizeof(*args);
	return ioctl(vm->fd, call, args);
}

static void get_chips(struct vm *vm, struct records *r)
{
	struct vtr_state_buffer args = { .buffer = (uintptr_t)r->word, .bytes = ROOM };

	memset(r, 0, sizeof(*r));
	MUST(call_state(vm, VTR_VM_GET_STATE, &args));
	r->bytes = args.bytes;
}

static int try_chips(struct vm *vm, const struct records *r, uint32_t *bad)
{
	struct vtr_state_buffer args = { .buffer = (uintptr_t)r->word, .bytes = r->bytes };
	int ret = call_state(vm, VTR_VM_SET_STATE, &args);

	if (bad)
		*bad = args.bad_record;
	return ret;
}

/* Record @nr with this id.  Return: its payload. */
static void *payload(struct records *r, uint16_t id, unsigned int nr)
{
	for (uint32_t at = 0; at < r->bytes;) {
		struct vtr_state_header *head = (void *)((char *)r->word + at);

		if (head->id == id && !nr--)
			return head + 1;
		at += sizeof(*head) + head->bytes;
	}
	CHECK_MSG(false, "there is no record %u", id);
	tap_end();
}

/* ---- the calls ---------------------------------------------------------------------------- */

static void all_controllers_have_a_record(void)
{
	static const struct { uint16_t id; uint32_t bytes; } wanted[] = {
		{ VTR_STATE_LAPIC, sizeof(struct vtr_lapic_state) },
		{ VTR_STATE_LAPIC, sizeof(struct vtr_lapic_state) },
		{ VTR_STATE_IOAPIC, sizeof(struct vtr_ioapic_state) },
		{ VTR_STATE_I8259, sizeof(struct vtr_i8259_state) },
		{ VTR_STATE_I8254, sizeof(struct vtr_i8254_state) },
	};
	struct vm *vm = new_irq_vm();
	struct records r;
	uint32_t at = 0;

	new_vcpu(vm, 5);
	new_vcpu(vm, 2);
	get_chips(vm, &r);
	for (unsigned int i = 0; i < 5; i++) {
		struct vtr_state_header *head = (void *)((char *)r.word + at);

		REQUIRE_NUM(head->id, wanted[i].id);
		CHECK_NUM(head->version, 1);
		REQUIRE_NUM(head->bytes, wanted[i].bytes);
		at += sizeof(*head) + head->bytes;
	}
	CHECK_NUM(at, r.bytes);
	CHECK_NUM(((struct vtr_lapic_state *)payload(&r, VTR_STATE_LAPIC, 0))->vcpu, 2);
	CHECK_NUM(((struct vtr_lapic_state *)payload(&r, VTR_STATE_LAPIC, 1))->vcpu, 5);
}

static void reading_is_checked(void)
{
	struct vm *vm = new_irq_vm();
	struct records r;
	struct vtr_state_buffer args = { .buffer = (uintptr_t)r.word, .bytes = ROOM };

	CHECK_ERRNO(call_state(new_vm(0, 0), VTR_VM_GET_STATE, &args), ENODEV);
	CHECK_ERRNO(call_state(new_vm(0, 0), VTR_VM_SET_STATE, &args), ENODEV);
	args.mask = 1 << VTR_STATE_REGS;
	CHECK_ERRNO(call_state(vm, VTR_VM_GET_STATE, &args), EINVAL);
	args.mask = 1ull << 63;
	CHECK_ERRNO(call_state(vm, VTR_VM_GET_STATE, &args), EINVAL);
	args.mask = 0;
	args.flags = 1;
	CHECK_ERRNO(call_state(vm, VTR_VM_GET_STATE, &args), EINVAL);
	args.flags = 0;
	args.mask = 1 << VTR_STATE_I8259;
	args.bytes = 0;
	CHECK_ERRNO(call_state(vm, VTR_VM_GET_STATE, &args), ENOSPC);
	CHECK_NUM(args.bytes, sizeof(struct vtr_state_header) + sizeof(struct vtr_i8259_state));
	MUST(call_state(vm, VTR_VM_GET_STATE, &args));
	args.buffer = 16;
	CHECK_ERRNO(call_state(vm, VTR_VM_GET_STATE, &args), EFAULT);
}

struct bad_row {
	const char *what;
	uint16_t id;
	size_t at;
	uint8_t value;
};

#define BAD(id, type, member, value)					\
	{ #member, VTR_STATE_##id, offsetof(struct vtr_##type##_state, member), value }

static void bad_values_are_refused(void)
{
	static const struct bad_row rows[] = {
		BAD(LAPIC, lapic, vcpu, 1), BAD(LAPIC, lapic, base, 1),
		BAD(LAPIC, lapic, count_from, 1), BAD(LAPIC, lapic, tsc_deadline, 1),
		BAD(LAPIC, lapic, reg[2], 1), BAD(LAPIC, lapic, reg[0x10], 1),
		BAD(LAPIC, lapic, reg[0x39], 1), BAD(LAPIC, lapic, new_errors, 1),
		BAD(LAPIC, lapic, nmi, 2), BAD(LAPIC, lapic, sipi, 0x80),
		BAD(LAPIC, lapic, pad, 1),
		/* A vector is the guest's choice: this one is legal. */
		BAD(IOAPIC, ioapic, redirection[23], 0xff),
		BAD(IOAPIC, ioapic, id, 1), BAD(IOAPIC, ioapic, pad[6], 1),
		BAD(I8259, i8259, chip[1].base, 1), BAD(I8259, i8259, chip[0].step, 5),
		BAD(I8259, i8259, chip[0].irr, 1), BAD(I8259, i8259, chip[1].polls, 2),
		BAD(I8259, i8259, chip[1].pad, 1),
		BAD(I8254, i8254, channel[0].mode, 6), BAD(I8254, i8254, channel[2].access, 4),
		BAD(I8254, i8254, channel[1].bcd, 2), BAD(I8254, i8254, channel[0].pad, 1),
		BAD(I8254, i8254, speaker, 2), BAD(I8254, i8254, pad[0], 1),
	};
	struct vm *vm = new_irq_vm();
	struct records good, bad, after;
	uint32_t where;

	new_vcpu(vm, 0);
	get_chips(vm, &good);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *at;

		bad = good;
		at = payload(&bad, rows[i].id, 0);
		at[rows[i].at] = rows[i].value;
		/* Others in the same call must not be set either. */
		((struct vtr_ioapic_state *)payload(&bad, VTR_STATE_IOAPIC, 0))->select = 7;
		if (rows[i].value == 0xff) {
			CHECK_NUM(try_chips(vm, &bad, NULL), 0);
			MUST(try_chips(vm, &good, NULL));
			continue;
		}
		errno = 0;
		CHECK_MSG(try_chips(vm, &bad, &where) == -1 && errno == EINVAL,
			  "record %u, %s: errno %d", rows[i].id, rows[i].what, errno);
		CHECK_MSG(where == at - (uint8_t *)bad.word - sizeof(struct vtr_state_header),
			  "record %u, %s: said to be at %u", rows[i].id, rows[i].what, where);
		get_chips(vm, &after);
		CHECK_MSG(!memcmp(&after, &good, sizeof(good)), "%s was set", rows[i].what);
	}
}

static void the_form_is_checked(void)
{
	struct vm *vm = new_irq_vm();
	struct vtr_state_buffer args = { .bytes = 8 };
	struct vtr_state_header *head;
	struct records r;

	new_vcpu(vm, 0);
	get_chips(vm, &r);
	head = (void *)r.word;
	head->version = 2;
	CHECK_ERRNO(try_chips(vm, &r, NULL), EINVAL);
	head->version = 1;
	head->id = VTR_STATE_REGS;
	CHECK_ERRNO(try_chips(vm, &r, NULL), EINVAL);
	head->id = VTR_STATE_LAPIC;
	head->bytes -= 8;
	CHECK_ERRNO(try_chips(vm, &r, NULL), EINVAL);
	head->bytes = ~0u;
	CHECK_ERRNO(try_chips(vm, &r, NULL), EINVAL);
	get_chips(vm, &r);
	r.bytes -= 8;
	CHECK_ERRNO(try_chips(vm, &r, NULL), EINVAL);
	r.bytes = 0;
	CHECK_ERRNO(try_chips(vm, &r, NULL), EINVAL);
	r.bytes = 1 << 20;
	CHECK_ERRNO(try_chips(vm, &r, NULL), E2BIG);
	args.buffer = 16;
	CHECK_ERRNO(call_state(vm, VTR_VM_SET_STATE, &args), EFAULT);
	args.mask = 1;
	CHECK_ERRNO(call_state(vm, VTR_VM_SET_STATE, &args), EINVAL);
}

GUEST(halts_for_good, 64, "cli\n 1: hlt\n jmp 1b");

static void a_running_vm_is_left_alone(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_halts_for_good, 0);
	struct runner runner = {};
	struct records r;

	start_runner(&runner, vcpu, -1);
	nap_ms(20);
	get_chips(vcpu->vm, &r);
	CHECK_ERRNO(try_chips(vcpu->vm, &r, NULL), EBUSY);
	stop_runner(&runner);
	MUST(try_chips(vcpu->vm, &r, NULL));
}

/* ---- from one VM to another ------------------------------------------------------------------ */

/* The same machine with the same state in a new VM; the old one is gone afterwards. */
static struct vcpu *move(struct vcpu *old, unsigned int nr_vcpus)
{
	struct vm *from = old->vm, *to = new_irq_vm();
	static uint64_t state[2][ROOM / 8];
	static struct records chips, again;
	uint32_t bytes[2];

	for (unsigned int i = 0; i < nr_vcpus; i++)
		bytes[i] = get_state(&from->vcpus[i], state[i], ROOM);
	get_chips(from, &chips);
	memcpy(to->mem, from->mem, from->bytes);
	for (unsigned int i = 0; i < nr_vcpus; i++)
		new_vcpu(to, i);
	/* In this order the task priority must not be taken from CR8. */
	MUST(try_chips(to, &chips, NULL));
	for (unsigned int i = 0; i < nr_vcpus; i++)
		MUST(put_state(&to->vcpus[i], state[i], bytes[i]));
	get_chips(to, &again);
	CHECK(chips.bytes == again.bytes && !memcmp(chips.word, again.word, chips.bytes));
	for (unsigned int i = 0; i < nr_vcpus; i++)
		close(from->vcpus[i].fd);
	close(from->fd);
	return &to->vcpus[old->id];
}

/* Timer of the local APIC (41H, 5 ms) and 8254 (62H, 100 Hz); it stops with interrupts off. */
GUEST(ticks, 64, ENABLE_APIC WRITE(0x80, 0x13) WRITE(0x3e0, 0xb) WRITE(0x320, 0x20041)
      WRITE(0x350, 0x10700) REDIRECT(2, 0x62)
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, " OUT_AT(0) "\n"
      WRITE(0x380, 5000)
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, " OUT_AT(1) "\n"
      OUT(0x43, 0x34) OUT(0x40, 0x9c) OUT(0x40, 0x2e) WAIT_FOR_EVENTS);

static uint64_t periods(struct vcpu *vcpu, unsigned int since, unsigned int us)
{
	volatile struct irq_log *log = log_of(vcpu);
	uint64_t gone = log->tsc[(log->nr - 1) & 127] - log->out[since];

	return gone / ((uint64_t)tsc_khz(vcpu) * us / 1000);
}

#define HOPS	4

static void a_guest_with_timers_goes_on_elsewhere(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_ticks, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	for (unsigned int i = 1; i <= HOPS; i++) {
		uint64_t of_apic, of_8254;

		/* Ticks of both are waiting, or due, when it is moved. */
		nap_ms(17);
		vcpu = move(vcpu, 1);
		log_of(vcpu)->wanted = 20 * i;
		REQUIRE(run_to_stop(vcpu));
		of_apic = periods(vcpu, 0, 5000);
		of_8254 = periods(vcpu, 1, 10000);
		CHECK_MSG(log_of(vcpu)->count[0x41] <= of_apic &&
			  log_of(vcpu)->count[0x41] + 2 >= of_apic,
			  "move %u: %u ticks of the local APIC in %llu periods", i,
			  log_of(vcpu)->count[0x41], (unsigned long long)of_apic);
		CHECK_MSG(log_of(vcpu)->count[0x62] <= of_8254 + 1 &&
			  log_of(vcpu)->count[0x62] + 2 >= of_8254,
			  "move %u: %u ticks of the 8254 in %llu periods", i,
			  log_of(vcpu)->count[0x62], (unsigned long long)of_8254);
	}
	CHECK_NUM(get_sregs(vcpu).cr8, 1);
}

GUEST(one_deadline, 64, ENABLE_APIC WRITE(0x320, 0x40042)
      "mov $0x6e0, %ecx\n rdtsc\n add $200000, %eax\n adc $0, %edx\n wrmsr\n"
      "shl $32, %rdx\n or %rdx, %rax\n mov %rax, " OUT_AT(0) "\n" STOP
      "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_deadline_goes_on_elsewhere(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_one_deadline, END_XAPIC);

	REQUIRE(run_to_stop(vcpu));
	vcpu = move(vcpu, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x42], 1);
	CHECK(log_of(vcpu)->tsc[0] >= log_of(vcpu)->out[0]);
}

/*
 * In service: a level at the I/O APIC (5AH), whose line stays high, and line 3 of the
 * 8259.  Both handlers end nothing.
 */
GUEST(in_service, 64, ENABLE_APIC INIT_8259(0xf7, 0xff) REDIRECT(10, 0x805a) STOP OPEN_WINDOW
      "1: " STOP WRITE(0xb0, 0) OUT(0x20, 0x20) OPEN_WINDOW READ_REDIRECTION(10, 0)
      OUT(0x20, 0x0b) IN(0x20, 1) "jmp 1b");

static void lines_and_service_go_on_elsewhere(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_in_service, 0);

	REQUIRE(run_to_stop(vcpu));
	set_line(vcpu->vm, 10, 1);
	set_line(vcpu->vm, 3, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x5a], 1);
	CHECK_NUM(log_of(vcpu)->count[0x33], 1);
	vcpu = move(vcpu, 1);
	/* The line is still high: it comes again after its end.  The edge does not. */
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->count[0x5a], 2);
	CHECK_NUM(log_of(vcpu)->count[0x33], 1);
	CHECK_NUM(log_of(vcpu)->out[0], 0xc05a);
	CHECK_NUM(log_of(vcpu)->out[1], 0);
	vcpu = move(vcpu, 1);
	set_line(vcpu->vm, 10, 0);
	set_line(vcpu->vm, 3, 1);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(log_of(vcpu)->nr, 3);
	CHECK_NUM(log_of(vcpu)->out[0], 0x805a);
}

/* INIT and start-up IPI have been sent to one that has not looked yet. */
GUEST(begins, 16, "mov %cs, %ax\n mov %ax, %ds\n mov %ax, 0x100\n out %al, $0x80");

static void a_start_up_ipi_that_waits_goes_on_elsewhere(void)
{
	struct vm *vm = new_irq_vm();
	struct vcpu *vcpu;

	new_vcpu(vm, 0);
	vcpu = new_vcpu(vm, 1);
	memcpy(vm->mem + 0x20000, guest_begins.start, guest_begins.end - guest_begins.start);
	MUST(try_msi(vm, 0xfee01000, 0x500));
	MUST(try_msi(vm, 0xfee01000, 0x620));
	vcpu = move(vcpu, 2);
	REQUIRE(run_to_stop(vcpu));
	CHECK_NUM(*(uint16_t *)(vcpu->vm->mem + 0x20100), 0x2000);
}

/* From a host that has been up for longer than this one: the count began before its start. */
GUEST(one_shot, 64, ENABLE_APIC STOP
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, " OUT_AT(0) "\n"
      "movl $1, 16(%r13)\n" WAIT_FOR_EVENTS);

static void a_count_may_have_begun_before_the_host(void)
{
	struct vcpu *vcpu = start_irq_guest(&guest_one_shot, END_XAPIC);
	const uint64_t whole = 0xffffffffull * 128 * 1000, left = 20 * 1000000ull;
	struct vtr_lapic_state *apic;
	struct records r;
	uint64_t gone;

	REQUIRE(run_to_stop(vcpu));
	get_chips(vcpu->vm, &r);
	apic = payload(&r, VTR_STATE_LAPIC, 0);
	apic->reg[0x32] = 0x41;
	apic->reg[0x38] = ~0u;
	apic->reg[0x3e] = 0xa;		/* by 128 */
	apic->count_from = wall_ns() + left - whole;
	CHECK((int64_t)apic->count_from < 0);
	MUST(try_chips(vcpu->vm, &r, NULL));
	REQUIRE(run_to_stop(vcpu));
	gone = log_of(vcpu)->tsc[0] - log_of(vcpu)->out[0];
	CHECK_NUM(log_of(vcpu)->count[0x41], 1);
	CHECK_MSG(gone <= 20ull * tsc_khz(vcpu) * 2 * tap_patience(), "%llu ticks",
		  (unsigned long long)gone);
}

static const struct tap_case cases[] = {
	CASE(all_controllers_have_a_record),
	CASE(reading_is_checked),
	CASE(bad_values_are_refused),
	CASE(the_form_is_checked),
	CASE(a_running_vm_is_left_alone),
	CASE(a_guest_with_timers_goes_on_elsewhere),
	CASE(a_deadline_goes_on_elsewhere),
	CASE(lines_and_service_go_on_elsewhere),
	CASE(a_start_up_ipi_that_waits_goes_on_elsewhere),
	CASE(a_count_may_have_begun_before_the_host),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
