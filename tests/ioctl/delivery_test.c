// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits in the middle of an event's delivery: the event still arrives, once.
 *
 * Delivering an event, the processor reads the IDT, the TSS and the GDT and
 * writes the new stack.  forget() takes such pages away from the second-level
 * tables right before, so the delivery itself ends in an EPT violation, one for
 * each page.  The guest's handlers keep a log of what came, with error code and
 * return address; the vCPU is stopped after each exit, so that the event in
 * flight is seen, and its whole state is replaced and brought back there.
 * inject_test.c has injection without such trouble.
 * Sources: SDM 3C "Information for VM Exits During Event Delivery" (28.2.4),
 * SDM 3A "Interrupt 8--Double Fault Exception (#DF)".
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"
#include "vm.h"

/* ---- the guest: handlers that keep a log ------------------------------------------- */

#define TSS_AT		0x6000
#define IST1_TOP	0x7c00	/* stack of all handlers that are set up with IST 1 */
#define HANDLERS_AT	0xa000
#define ENTRY_BYTES	9
#define NR_VECTORS	0x48
#define SEL_ABSENT	0x20	/* a segment that is not present */
#define UNMAPPED	0x40000000ull	/* linear address behind the guest's tables */

struct log_entry {
	uint64_t vector;
	uint64_t error;		/* ~0: none */
	uint64_t rip;
	uint64_t rflags;
};

/* At DATA_AT. */
struct guest_data {
	uint32_t nr_events;
	uint32_t traps_left;	/* single steps before TF is cleared */
	uint64_t resume;	/* the next handler returns there, 0: where it came from */
	uint64_t wanted_rip;	/* return address that the guest expects */
	uint8_t pad[0x100 - 24];
	struct log_entry log[32];
};

/* Entries of 9 bytes each: error code, if the processor has pushed none; vector; jump. */
GUEST(handlers, 64,
      ".set nr, 0\n"
      ".rept 0x48\n"
      ".if (0x227d00 >> (nr & 31)) & (nr < 32) & 1\n .byte 0x66, 0x90\n .else\n .byte 0x6a, 0xff\n .endif\n"
      ".byte 0x6a, nr, 0xe9\n .long 9f - . - 4\n"
      ".set nr, nr + 1\n"
      ".endr\n"
      "9: push %rax\n push %rbx\n"
      "mov 0x10000, %ebx\n incl 0x10000\n shl $5, %ebx\n add $0x10100, %ebx\n"
      "mov 16(%rsp), %rax\n mov %rax, (%rbx)\n"
      "mov 24(%rsp), %rax\n mov %rax, 8(%rbx)\n"
      "mov 32(%rsp), %rax\n mov %rax, 16(%rbx)\n"
      "mov 48(%rsp), %rax\n mov %rax, 24(%rbx)\n"
      "mov 0x10008, %rax\n test %rax, %rax\n jz 1f\n"
      "mov %rax, 32(%rsp)\n movq $0, 0x10008\n"
      "1: cmpl $0, 0x10004\n je 2f\n decl 0x10004\n jmp 3f\n"
      "2: andl $~0x100, 48(%rsp)\n"
      "3: pop %rbx\n pop %rax\n add $16, %rsp\n iretq");

/* Map the pages that a delivery needs (writing nothing), for the test to take away. */
#define TOUCH									\
	"lock orb $0, 0x5000\n lock orb $0, 0x1000\n lock orb $0, 0x6000\n"	\
	"lock orb $0, 0x7b00\n lock orb $0, 0xa000\n"

/*
 * The guest stops at a port first, so that the test can forget pages there.
 * The handler returns to label 1; label 2 is where a fault is raised; @at is the
 * return address that the event must push.
 */
#define RAISES(name, before, insn, at)						\
	GUEST(name, 64, TOUCH before "\n out %al, $0x80\n"				\
	      "lea 1f(%rip), %rax\n mov %rax, 0x10008\n"			\
	      "lea " at "(%rip), %rax\n mov %rax, 0x10010\n"			\
	      "2: " insn "\n 1: hlt")

RAISES(raises_ud, "", "ud2", "2f");
RAISES(raises_de, "xor %ecx, %ecx", "div %ecx", "2f");
RAISES(raises_gp, "mov $0x8000000000000000, %rcx", "mov (%rcx), %rcx", "2f");
RAISES(raises_ss, "mov $0x8000000000000000, %rbp", "mov (%rbp), %rcx", "2f");
RAISES(raises_np, "mov $0x20, %ecx", "mov %ecx, %fs", "2f");
RAISES(raises_pf, "", "mov %eax, 0x40000123", "2f");
RAISES(raises_int3, "", "int3", "1f");
RAISES(raises_int1, "", ".byte 0xf1", "1f");
RAISES(raises_int_n, "", "int $0x41", "1f");
/* RDMSR exits; it is the module that raises the #GP. */
RAISES(raises_gp_by_exit, "mov $0x12345678, %ecx", "rdmsr", "2f");
/* The trap comes behind the NOP that follows POPF. */
RAISES(raises_step, "", "pushf\n orl $0x100, (%rsp)\n popf\n nop", "1f");
/* For events that the test injects: they find the guest behind the port access. */
GUEST(waits, 64, TOUCH "sti\n nop\n out %al, $0x80\n 2: nop\n nop\n 1: hlt");
GUEST(waits_without_interrupts, 64, TOUCH "out %al, $0x80\n 2: nop\n nop\n 1: hlt");

/* ---- the test's side ------------------------------------------------------------------ */

static struct guest_data *data_of(struct vcpu *vcpu)
{
	return (void *)(vcpu->vm->mem + DATA_AT);
}

#define PAGE_IDT	(1 << 0)
#define PAGE_GDT	(1 << 1)
#define PAGE_TSS	(1 << 2)
#define PAGE_STACK	(1 << 3)
#define PAGE_HANDLER	(1 << 4)
#define ALL_PAGES	31

/* Out of the second-level tables; what is in the page stays. */
static void forget_page(struct vm *vm, uint64_t gpa)
{
	uint8_t *page = vm->mem + (gpa & ~0xfffull);

	MUST(mprotect(page, 4096, PROT_NONE));
	MUST(mprotect(page, 4096, PROT_READ | PROT_WRITE));
}

static void forget(struct vm *vm, unsigned int pages)
{
	static const uint64_t gpa[] = { IDT_AT, GDT_AT, TSS_AT, IST1_TOP - 1, HANDLERS_AT };

	for (unsigned int i = 0; i < 5; i++)
		if (pages & 1 << i)
			forget_page(vm, gpa[i]);
}

static void set_gate(struct vm *vm, unsigned int vector, unsigned int ist, bool present)
{
	uint64_t *gate = (void *)(vm->mem + IDT_AT + vector * 16);
	uint64_t at = HANDLERS_AT + vector * ENTRY_BYTES;

	gate[0] = at | SEL_CODE64 << 16 | (uint64_t)ist << 32 |
		  (present ? 0x8e00ull : 0x0e00ull) << 32;
	gate[1] = 0;
}

static struct vcpu *start(const struct guest_code *code)
{
	struct vm *vm = new_vm(4 * MB, 0);
	struct vcpu *vcpu = new_vcpu(vm, 0);
	struct vtr_sregs s;

	/* In a huge page no page could go alone.  Some kernels have no such pages. */
	madvise(vm->mem, vm->bytes, MADV_NOHUGEPAGE);
	put_guest(vm, code);
	enter_long(vcpu);
	s = get_sregs(vcpu);
	memcpy(vm->mem + HANDLERS_AT, guest_handlers.start,
	       guest_handlers.end - guest_handlers.start);
	for (unsigned int vector = 0; vector < NR_VECTORS; vector++)
		set_gate(vm, vector, 1, true);
	*(uint64_t *)(vm->mem + TSS_AT + 0x24) = IST1_TOP;
	((uint64_t *)(vm->mem + GDT_AT))[SEL_ABSENT / 8] = 0x00cf13000000ffff;
	s.gdtr.limit = SEL_ABSENT + 7;
	s.seg[VTR_TR].base = TSS_AT;
	set_sregs(vcpu, &s);
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	return vcpu;
}

static void step_by_exits(struct vcpu *vcpu)
{
	struct vtr_debug debug = { .size = sizeof(debug), .flags = VTR_DEBUG_STEP_EXIT };

	MUST(ioctl(vcpu->fd, VTR_VCPU_DEBUG, &debug));
}

/* Everything out of the vCPU and in again, with another state between. */
static void replace_state(struct vcpu *vcpu)
{
	static uint64_t fresh[1024], saved[1024], again[1024];
	static uint32_t fresh_bytes;
	uint32_t bytes;

	if (!fresh_bytes)
		fresh_bytes = get_state(new_vcpu(new_vm(0, 0), 0), fresh, sizeof(fresh));
	bytes = get_state(vcpu, saved, sizeof(saved));
	MUST(put_state(vcpu, fresh, fresh_bytes));
	MUST(put_state(vcpu, saved, bytes));
	REQUIRE_NUM(get_state(vcpu, again, sizeof(again)), bytes);
	CHECK(!memcmp(saved, again, bytes));
}

/*
 * Run on, stopping at each exit.  Return: how often @event was in flight there;
 * *@last is how the guest ended.
 */
static unsigned int run_and_watch(struct vcpu *vcpu, const struct vtr_event *event,
				  uint32_t *last)
{
	unsigned int seen = 0;

	step_by_exits(vcpu);
	for (unsigned int i = 0; i < 100; i++) {
		struct vtr_events events;

		MUST(run_through(vcpu));
		*last = vcpu->run->exit;
		if (*last != VTR_EXIT_DEBUG)
			return seen;
		get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
		if (vcpu->run->hw_kind == VTR_HW_SLAT &&
		    !memcmp(&events.in_flight, event, sizeof(*event)))
			seen++;
		replace_state(vcpu);
	}
	CHECK_MSG(false, "the guest makes no progress at RIP 0x%llx",
		  (unsigned long long)vcpu->run->rip);
	tap_end();
}

struct delivery {
	const char *name;
	const struct guest_code *code;
	struct vtr_event event;
	bool inject;		/* by the test, else the guest raises it */
	uint64_t rflags;	/* bits of RFLAGS on the handler's stack that must be set */
};

#define RF	(1u << 16)

static void check_log(struct vcpu *vcpu, const struct delivery *d, unsigned int pages)
{
	const struct guest_data *data = data_of(vcpu);
	const struct log_entry *log = data->log;
	/* What was injected finds the guest behind its port access. */
	uint64_t wanted = d->inject ? vcpu->run->rip - 3 : data->wanted_rip;

	CHECK_MSG(data->nr_events == 1, "%s, pages %x: %u events arrived", d->name, pages,
		  data->nr_events);
	CHECK_MSG(log->vector == d->event.vector, "%s, pages %x: vector %llu", d->name, pages,
		  (unsigned long long)log->vector);
	CHECK_MSG(log->error == (d->event.has_error ? d->event.error : ~0ull),
		  "%s, pages %x: error code 0x%llx", d->name, pages,
		  (unsigned long long)log->error);
	CHECK_MSG(log->rip == wanted, "%s, pages %x: returns to 0x%llx instead of 0x%llx",
		  d->name, pages, (unsigned long long)log->rip, (unsigned long long)wanted);
	CHECK_MSG((log->rflags & d->rflags) == d->rflags, "%s, pages %x: RFLAGS 0x%llx",
		  d->name, pages, (unsigned long long)log->rflags);
}

static void deliver(const struct delivery *d, unsigned int pages)
{
	struct vcpu *vcpu = start(d->code);
	unsigned int seen, wanted = 0;
	uint32_t last;

	forget(vcpu->vm, pages);
	if (d->inject) {
		struct vtr_inject args = { .size = sizeof(args), .event = d->event };

		MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args));
	}
	seen = run_and_watch(vcpu, &d->event, &last);
	CHECK_NUM(last, VTR_EXIT_HLT);
	/* Code of the handler is fetched when the event is delivered already. */
	for (unsigned int i = 0; i < 4; i++)
		wanted += pages >> i & 1;
	/* Loading a segment, or using the stack, the guest maps their pages again itself. */
	CHECK_MSG(seen >= (wanted > 1 ? 2 : wanted),
		  "%s, pages %x: in flight at %u exits", d->name, pages, seen);
	check_log(vcpu, d, pages);
	close(vcpu->fd);
	close(vcpu->vm->fd);
	MUST(munmap(vcpu->vm->mem, vcpu->vm->bytes));
}

static void deliver_through_each_page(const struct delivery *list, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		deliver(&list[i], 0);
		deliver(&list[i], PAGE_IDT);
		deliver(&list[i], PAGE_TSS);
		deliver(&list[i], ALL_PAGES);
	}
}

#define DELIVER(list)	deliver_through_each_page(list, sizeof(list) / sizeof((list)[0]))
#define EXCEPTION(nr)	{ .kind = VTR_EVENT_EXCEPTION, .vector = nr }
#define EXCEPTION_ERROR(nr, code) \
	{ .kind = VTR_EVENT_EXCEPTION, .vector = nr, .has_error = 1, .error = code }

static void faults_arrive_once(void)
{
	static const struct delivery list[] = {
		{ "#UD", &guest_raises_ud, EXCEPTION(6), false, RF },
		{ "#DE", &guest_raises_de, EXCEPTION(0), false, RF },
	};

	DELIVER(list);
}

static void faults_arrive_with_their_error_code(void)
{
	static const struct delivery list[] = {
		{ "#GP", &guest_raises_gp, EXCEPTION_ERROR(13, 0), false, RF },
		{ "#SS", &guest_raises_ss, EXCEPTION_ERROR(12, 0), false, RF },
		{ "#NP", &guest_raises_np, EXCEPTION_ERROR(11, SEL_ABSENT), false, RF },
		{ "#GP of the module", &guest_raises_gp_by_exit, EXCEPTION_ERROR(13, 0), false, 0 },
	};

	DELIVER(list);
}

/* A write to a page that is not present: error code 2, and CR2 survives as well. */
static void page_faults_keep_their_address(void)
{
	static const struct delivery pf = {
		"#PF", &guest_raises_pf, EXCEPTION_ERROR(14, 2), false, RF,
	};
	struct vcpu *vcpu = start(pf.code);
	uint32_t last;

	deliver_through_each_page(&pf, 1);
	forget(vcpu->vm, ALL_PAGES);
	run_and_watch(vcpu, &pf.event, &last);
	CHECK_NUM(get_sregs(vcpu).cr2, UNMAPPED + 0x123);
}

static void traps_arrive_once(void)
{
	static const struct delivery list[] = {
		{ "INT3", &guest_raises_int3,
		  { .kind = VTR_EVENT_SOFT_EXC, .vector = 3, .insn_bytes = 1 }, false, 0 },
		{ "INT1", &guest_raises_int1,
		  { .kind = VTR_EVENT_PRIV_SOFT_EXC, .vector = 1, .insn_bytes = 1 }, false, 0 },
		{ "INT n", &guest_raises_int_n,
		  { .kind = VTR_EVENT_SOFT_INT, .vector = 0x41, .insn_bytes = 2 }, false, 0 },
		{ "single step", &guest_raises_step, EXCEPTION(1), false, 0x100 },
	};

	DELIVER(list);
}

static void interrupts_arrive_once(void)
{
	static const struct delivery list[] = {
		{ "interrupt", &guest_waits, { .kind = VTR_EVENT_INTERRUPT, .vector = 0x30 }, true,
		  0x200 },
	};

	DELIVER(list);
}

static void nmis_arrive_once(void)
{
	static const struct delivery list[] = {
		{ "NMI", &guest_waits_without_interrupts,
		  { .kind = VTR_EVENT_NMI, .vector = 2 }, true, 0 },
	};

	DELIVER(list);
}

/* ---- exceptions on top of exceptions ------------------------------------------------- */

/* Without a gate that is present, @event ends in #NP with @error instead. */
static void expect_no_gate(const struct guest_code *code, struct vtr_event event, bool inject,
			   uint32_t error)
{
	struct vcpu *vcpu = start(code);
	struct vtr_inject args = { .size = sizeof(args), .event = event };
	uint32_t last;

	set_gate(vcpu->vm, event.vector, 1, false);
	forget(vcpu->vm, ALL_PAGES);
	if (inject)
		MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args));
	CHECK(run_and_watch(vcpu, &event, &last) >= 1);
	CHECK_NUM(last, VTR_EXIT_HLT);
	CHECK_NUM(data_of(vcpu)->nr_events, 1);
	CHECK_NUM(data_of(vcpu)->log[0].vector, 11);
	CHECK_NUM(data_of(vcpu)->log[0].error, error);
}

/*
 * Bit 0 of the error code says that the event came from outside of the program;
 * after an exit the entry has to know that from the kind of event alone.
 */
static void a_missing_gate_is_told_with_its_origin(void)
{
	const struct vtr_event int_n = {
		.kind = VTR_EVENT_SOFT_INT, .vector = 0x41, .insn_bytes = 2,
	}, int3 = {
		.kind = VTR_EVENT_SOFT_EXC, .vector = 3, .insn_bytes = 1,
	}, ud = EXCEPTION(6);

	expect_no_gate(&guest_raises_int_n, int_n, false, 0x41 << 3 | 2);
	expect_no_gate(&guest_raises_int3, int3, false, 3 << 3 | 2);
	expect_no_gate(&guest_raises_ud, ud, false, 6 << 3 | 3);
	expect_no_gate(&guest_waits, (struct vtr_event) { .kind = VTR_EVENT_INTERRUPT,
							  .vector = 0x30 }, true, 0x30 << 3 | 3);
	expect_no_gate(&guest_waits_without_interrupts,
		       (struct vtr_event) { .kind = VTR_EVENT_NMI, .vector = 2 }, true, 2 << 3 | 3);
}

/* #GP without a gate: #NP on top of it is a double fault, also after an exit. */
static void a_double_fault_forms_across_exits(void)
{
	static const struct guest_code *code[] = { &guest_raises_gp, &guest_raises_gp_by_exit };
	const struct vtr_event gp = EXCEPTION_ERROR(13, 0);

	for (int i = 0; i < 2; i++) {
		struct vcpu *vcpu = start(code[i]);
		uint32_t last;

		set_gate(vcpu->vm, 13, 1, false);
		forget(vcpu->vm, ALL_PAGES);
		CHECK(run_and_watch(vcpu, &gp, &last) >= 1);
		CHECK_NUM(last, VTR_EXIT_HLT);
		CHECK_NUM(data_of(vcpu)->nr_events, 1);
		CHECK_NUM(data_of(vcpu)->log[0].vector, 8);
		CHECK_NUM(data_of(vcpu)->log[0].error, 0);
	}
}

/* A page fault whose stack is not there either: the processor has no IST for #PF. */
GUEST(pf_without_stack, 64, TOUCH
      "out %al, $0x80\n lea 1f(%rip), %rax\n mov %rax, 0x10008\n"
      "mov $0x40001000, %rsp\n mov 0x40000123, %rax\n 1: hlt");

static void a_double_fault_itself_is_delivered_across_exits(void)
{
	const struct vtr_event df = EXCEPTION_ERROR(8, 0);
	struct vcpu *vcpu = start(&guest_pf_without_stack);
	uint32_t last;

	set_gate(vcpu->vm, 14, 0, true);
	/* The IDT is read for #PF already; the TSS only for #DF, which has an IST. */
	forget(vcpu->vm, PAGE_TSS | PAGE_STACK);
	CHECK_NUM(run_and_watch(vcpu, &df, &last), 2);
	CHECK_NUM(last, VTR_EXIT_HLT);
	CHECK_NUM(data_of(vcpu)->nr_events, 1);
	CHECK_NUM(data_of(vcpu)->log[0].vector, 8);
	CHECK_NUM(data_of(vcpu)->log[0].error, 0);
}

static void a_triple_fault_forms_across_exits(void)
{
	const struct vtr_event df = EXCEPTION_ERROR(8, 0);
	struct vcpu *vcpu = start(&guest_pf_without_stack);
	uint32_t last;

	/* #DF has a gate, but the descriptor table ends in front of its code segment. */
	set_gate(vcpu->vm, 14, 0, true);
	*(uint16_t *)(vcpu->vm->mem + IDT_AT + 8 * 16 + 2) = 0x100;
	*(uint64_t *)(vcpu->vm->mem + TSS_AT + 0x24) = UNMAPPED;
	forget(vcpu->vm, PAGE_TSS | PAGE_STACK);
	run_and_watch(vcpu, &df, &last);
	CHECK_NUM(last, VTR_EXIT_SHUTDOWN);
	CHECK_NUM(data_of(vcpu)->nr_events, 0);
}

/* ---- other modes ------------------------------------------------------------------------ */

/* A handler of 16 or 32 bits that counts at DATA_AT; EBX is the return address. */
GUEST(counts_16, 16, "push %ds\n push $0x1000\n pop %ds\n incl 0\n pop %ds\n"
		     "mov %sp, %bp\n mov (%bp), %bx\n iret");
GUEST(counts_32, 32, "incl 0x10000\n mov (%esp), %ebx\n iret");
GUEST(int_16, 16, "push %ax\n pop %ax\n mov 0x104, %ax\n out %al, $0x80\n int $0x41\n hlt");
GUEST(int3_16, 16, "push %ax\n pop %ax\n mov 0x104, %ax\n out %al, $0x80\n int3\n hlt");
GUEST(into_32, 32, "push %eax\n pop %eax\n mov $0x7f, %al\n inc %al\n out %al, $0x80\n"
		   "into\n hlt");

static void expect_counted(struct vcpu *vcpu, const struct vtr_event *event, unsigned int seen)
{
	uint32_t last;

	CHECK_NUM(run_and_watch(vcpu, event, &last), seen);
	CHECK_NUM(last, VTR_EXIT_HLT);
	CHECK_NUM(*(uint32_t *)(vcpu->vm->mem + DATA_AT), 1);
	/* Behind the instruction, in front of the HLT. */
	CHECK_NUM(gpr(vcpu, VTR_RBX), vcpu->run->rip - 1);
}

static void software_interrupts_of_real_mode(void)
{
	static const struct {
		const struct guest_code *code;
		struct vtr_event event;
	} list[] = {
		{ &guest_int_16,
		  { .kind = VTR_EVENT_SOFT_INT, .vector = 0x41, .insn_bytes = 2 } },
		{ &guest_int3_16, { .kind = VTR_EVENT_SOFT_EXC, .vector = 3, .insn_bytes = 1 } },
	};

	for (int i = 0; i < 2; i++) {
		struct vcpu *vcpu = start_guest(list[i].code, 16, 0);

		memcpy(vcpu->vm->mem + HANDLERS_AT, guest_counts_16.start,
		       guest_counts_16.end - guest_counts_16.start);
		*(uint32_t *)(vcpu->vm->mem + list[i].event.vector * 4) = HANDLERS_AT;
		REQUIRE(run_to(vcpu, VTR_EXIT_IO));
		forget_page(vcpu->vm, 0);
		forget_page(vcpu->vm, STACK_AT);
		expect_counted(vcpu, &list[i].event, 2);
	}
}

static void an_overflow_of_32_bit_code(void)
{
	const struct vtr_event into = { .kind = VTR_EVENT_SOFT_EXC, .vector = 4, .insn_bytes = 1 };
	struct vcpu *vcpu = start_guest(&guest_into_32, 32, 0);

	memcpy(vcpu->vm->mem + HANDLERS_AT, guest_counts_32.start,
	       guest_counts_32.end - guest_counts_32.start);
	*(uint64_t *)(vcpu->vm->mem + IDT_AT + 4 * 8) = 0x00008e0000080000 | HANDLERS_AT;
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	forget(vcpu->vm, PAGE_IDT | PAGE_GDT | PAGE_STACK);
	expect_counted(vcpu, &into, 3);
}

/* ---- what blocks events, across exits ------------------------------------------------------ */

/* NMI handler: stop at a port, then IRET, whose stack the test has taken away. */
GUEST(nmi_handler, 64, "incl 0x10000\n out %al, $0x81\n iretq");

static void an_iret_that_exits_does_not_unblock_nmis(void)
{
	struct vtr_inject nmi = {
		.size = sizeof(nmi), .event = { .kind = VTR_EVENT_NMI, .vector = 2 },
	};
	struct vcpu *vcpu = start(&guest_waits_without_interrupts);
	struct vtr_events events;

	memcpy(vcpu->vm->mem + HANDLERS_AT + 2 * ENTRY_BYTES, guest_nmi_handler.start,
	       guest_nmi_handler.end - guest_nmi_handler.start);
	MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &nmi));
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK_NUM(data_of(vcpu)->nr_events, 1);
	/* The second one must wait until the IRET is through, exit or not. */
	MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &nmi));
	forget(vcpu->vm, PAGE_STACK);
	step_by_exits(vcpu);
	REQUIRE(run_to(vcpu, VTR_EXIT_DEBUG));
	CHECK_NUM(vcpu->run->hw_kind, VTR_HW_SLAT);
	get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
	REQUIRE_NUM(events.nmi_blocked, 1);
	CHECK_NUM(events.nmi_pending, 1);
	replace_state(vcpu);
	while (vcpu->run->exit == VTR_EXIT_DEBUG)
		MUST(run_through(vcpu));
	/* The handler again, from where it was interrupted, not nested. */
	CHECK_NUM(vcpu->run->exit, VTR_EXIT_IO);
	CHECK_NUM(data_of(vcpu)->nr_events, 2);
	CHECK_NUM(gpr(vcpu, VTR_RSP), IST1_TOP - 40);
	while (vcpu->run->exit == VTR_EXIT_DEBUG || vcpu->run->exit == VTR_EXIT_IO)
		MUST(run_through(vcpu));
	CHECK_NUM(vcpu->run->exit, VTR_EXIT_HLT);
	CHECK_NUM(data_of(vcpu)->nr_events, 2);
}

/* The instruction in the shadow exits, for its page is not there: the shadow stays. */
GUEST(shadow_of_sti, 64, TOUCH "out %al, $0x80\n sti\n mov 0x200000, %rax\n nop\n 1: hlt");
GUEST(shadow_of_mov_ss, 64, TOUCH "sti\n nop\n mov %ss, %ecx\n out %al, $0x80\n"
      "mov %ecx, %ss\n mov 0x200000, %rax\n nop\n 1: hlt");

static void expect_shadow(const struct guest_code *code, uint8_t shadow,
			  struct vtr_event event)
{
	struct vtr_inject args = { .size = sizeof(args), .event = event };
	struct vcpu *vcpu = start(code);
	struct vtr_events events;
	uint64_t after;
	uint32_t last;

	step_by_exits(vcpu);
	do
		REQUIRE(run_to(vcpu, VTR_EXIT_DEBUG));
	while (vcpu->run->hw_kind != VTR_HW_SLAT ||
	       vcpu->run->hw_qualification & 4 /* a fetch */);
	get_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events));
	CHECK_NUM(events.interrupt_shadow, shadow);
	CHECK_NUM(vcpu->run->if_flag, 1);
	CHECK_NUM(vcpu->run->ready_for_injection, 0);
	/* MOV with an address of 32 bits has eight bytes. */
	after = vcpu->run->rip + 8;
	if (event.kind == VTR_EVENT_INTERRUPT) {
		CHECK_ERRNO(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args), EAGAIN);
		vcpu->run->request_window = 1;
		replace_state(vcpu);
		do
			MUST(run_through(vcpu));
		while (vcpu->run->exit == VTR_EXIT_DEBUG);
		REQUIRE_NUM(vcpu->run->exit, VTR_EXIT_WINDOW);
		CHECK_NUM(vcpu->run->rip, after);
		vcpu->run->request_window = 0;
	}
	MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args));
	run_and_watch(vcpu, &event, &last);
	CHECK_NUM(last, VTR_EXIT_HLT);
	CHECK_NUM(data_of(vcpu)->nr_events, 1);
	CHECK_NUM(data_of(vcpu)->log[0].vector, event.vector);
	CHECK_NUM(data_of(vcpu)->log[0].rip, after);
}

#define INTERRUPT	((struct vtr_event) { .kind = VTR_EVENT_INTERRUPT, .vector = 0x30 })
#define NMI		((struct vtr_event) { .kind = VTR_EVENT_NMI, .vector = 2 })

static void interrupts_wait_for_the_end_of_a_shadow(void)
{
	expect_shadow(&guest_shadow_of_sti, VTR_SHADOW_STI, INTERRUPT);
	expect_shadow(&guest_shadow_of_mov_ss, VTR_SHADOW_MOV_SS, INTERRUPT);
}

static void nmis_wait_for_the_end_of_a_shadow(void)
{
	expect_shadow(&guest_shadow_of_sti, VTR_SHADOW_STI, NMI);
	expect_shadow(&guest_shadow_of_mov_ss, VTR_SHADOW_MOV_SS, NMI);
}

/* ---- single steps in a shadow --------------------------------------------------------------- */

/* TF is on from label 2 on; with the fourth trap the handler switches it off. */
GUEST(steps_over_sti, 64, TOUCH "movl $3, 0x10004\n out %al, $0x80\n"
      "pushf\n orl $0x100, (%rsp)\n popf\n 2: nop\n sti\n nop\n nop\n nop\n nop\n hlt");
GUEST(steps_over_mov_ss, 64, TOUCH "movl $3, 0x10004\n mov %ss, %ecx\n out %al, $0x80\n"
      "pushf\n orl $0x100, (%rsp)\n popf\n 2: nop\n mov %ecx, %ss\n nop\n nop\n nop\n nop\n"
      "hlt");

static void expect_steps(const struct guest_code *code, const uint8_t offsets[4])
{
	struct vcpu *vcpu = start(code);
	const struct log_entry *log = data_of(vcpu)->log;
	uint64_t begin;
	uint32_t last;
	const struct vtr_event db = EXCEPTION(1);

	forget(vcpu->vm, ALL_PAGES);
	run_and_watch(vcpu, &db, &last);
	CHECK_MSG(last == VTR_EXIT_HLT, "exit %u: %s", last, vcpu->run->sentence);
	CHECK_NUM(data_of(vcpu)->nr_events, 4);
	begin = log[0].rip - offsets[0];
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_NUM(log[i].vector, 1);
		CHECK_NUM(log[i].rip - begin, offsets[i]);
	}
}

static void a_guest_may_step_over_sti(void)
{
	expect_steps(&guest_steps_over_sti, (const uint8_t []) { 1, 2, 3, 4 });
}

/* No trap right behind MOV SS: the next one comes after the instruction that follows. */
static void a_guest_may_step_over_mov_ss(void)
{
	expect_steps(&guest_steps_over_mov_ss, (const uint8_t []) { 1, 4, 5, 6 });
}

/* ---- waiting --------------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	MUST(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts));
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t wall_ns(void)
{
	struct timespec ts;

	MUST(clock_gettime(CLOCK_MONOTONIC, &ts));
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

GUEST(halts_for_events, 64, "sti\n nop\n 1: hlt\n jmp 1b");

/*
 * A vCPU that waits costs nothing: RUN hands the waiting to the program, which
 * sleeps in the host.  Twenty waits of 20 ms and an event each.
 */
static void a_halted_guest_costs_no_processor_time(void)
{
	enum { WAITS = 20, WAIT_NS = 20 * 1000 * 1000 };
	const struct timespec nap = { .tv_nsec = WAIT_NS };
	struct vtr_inject args = { .size = sizeof(args), .event = INTERRUPT };
	struct vcpu *vcpu = start_guest(&guest_halts_for_events, 64, 0);
	uint64_t cpu, wall, exits;

	memcpy(vcpu->vm->mem + HANDLERS_AT, guest_handlers.start,
	       guest_handlers.end - guest_handlers.start);
	set_gate(vcpu->vm, 0x30, 0, true);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	exits = get_stats(vcpu).count[12];
	cpu = cpu_ns();
	wall = wall_ns();
	for (int i = 0; i < WAITS; i++) {
		MUST(nanosleep(&nap, NULL));
		MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &args));
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	}
	cpu = cpu_ns() - cpu;
	wall = wall_ns() - wall;
	tap_note("%u waits: %llu us of the processor in %llu us", WAITS,
		 (unsigned long long)cpu / 1000, (unsigned long long)wall / 1000);
	CHECK_NUM(data_of(vcpu)->nr_events, WAITS);
	CHECK_NUM(get_stats(vcpu).count[12] - exits, WAITS);
	CHECK(wall >= (uint64_t)WAITS * WAIT_NS);
	/* One that spins while it waits would use nearly all of it. */
	CHECK(cpu < wall / 4 * tap_patience());
}

static const struct tap_case cases[] = {
	CASE(faults_arrive_once),
	CASE(faults_arrive_with_their_error_code),
	CASE(page_faults_keep_their_address),
	CASE(traps_arrive_once),
	CASE(interrupts_arrive_once),
	CASE(nmis_arrive_once),
	CASE(a_missing_gate_is_told_with_its_origin),
	CASE(a_double_fault_forms_across_exits),
	CASE(a_double_fault_itself_is_delivered_across_exits),
	CASE(a_triple_fault_forms_across_exits),
	CASE(software_interrupts_of_real_mode),
	CASE(an_overflow_of_32_bit_code),
	CASE(an_iret_that_exits_does_not_unblock_nmis),
	CASE(interrupts_wait_for_the_end_of_a_shadow),
	CASE(nmis_wait_for_the_end_of_a_shadow),
	CASE(a_guest_may_step_over_sti),
	CASE(a_guest_may_step_over_mov_ss),
	CASE(a_halted_guest_costs_no_processor_time),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
