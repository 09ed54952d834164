// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program chooses for its processors: the CPUID table, the MSR filter,
 * the rate of the time stamp counter.
 *
 * Each choice is seen by guest code after a real VM entry; each refusal names
 * its errno.  The rules alone: module/tests/policy_kunit.c.
 */
#include <errno.h>
#include <string.h>

#include "irq_guest.h"
#include "runner.h"
#include "vm.h"

#define HANDLER_AT	0xa000
#define ANSWERS_AT	0x11000
#define GP		13

/* RCX questions {EAX, ECX} at DATA_AT; answers of 16 bytes each at ANSWERS_AT. */
GUEST(asks_cpuid, 64,
      "mov %rcx, %r8\n mov $0x10000, %esi\n mov $0x11000, %edi\n"
      "1: mov (%rsi), %eax\n mov 4(%rsi), %ecx\n cpuid\n"
      "mov %eax, (%rdi)\n mov %ebx, 4(%rdi)\n mov %ecx, 8(%rdi)\n mov %edx, 12(%rdi)\n"
      "add $8, %esi\n add $16, %edi\n dec %r8\n jnz 1b\n out %al, $0x80");
GUEST(sets_smep, 64, "mov %cr4, %rax\n bts $20, %rax\n mov %rax, %cr4\n hlt");
GUEST(reads_msr, 64, "rdmsr\n hlt");
GUEST(writes_msr, 64, "wrmsr\n hlt");
GUEST(swaps_msr, 64, "wrmsr\n xor %eax, %eax\n xor %edx, %edx\n rdmsr\n hlt");
/* A #GP ends here: R15 is its error code. */
GUEST(handler, 64, "pop %r15\n hlt");
GUEST(rdtsc_twice, 64,
      "1: rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rbx\n hlt\n jmp 1b");
/* RDTSC, RDMSR of the same counter, RDTSCP: RBX, RSI, RDI. */
GUEST(three_ways_to_the_tsc, 64,
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rbx\n"
      "mov $0x10, %ecx\n rdmsr\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rsi\n"
      "rdtscp\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rdi\n hlt");

/* ---- the calls ---------------------------------------------------------------------- */

static int set_cpuid(struct vm *vm, const struct vtr_cpuid_entry *entries, uint32_t nr)
{
	struct vtr_cpuid_table args = {
		.size = sizeof(args), .nr_entries = nr, .entries = (uintptr_t)entries,
	};

	return ioctl(vm->fd, VTR_VM_SET_CPUID, &args);
}

static int set_filter(struct vm *vm, const struct vtr_msr_range *ranges, uint32_t nr)
{
	struct vtr_msr_filter args = {
		.size = sizeof(args), .nr_ranges = nr, .ranges = (uintptr_t)ranges,
	};

	return ioctl(vm->fd, VTR_VM_SET_MSR_FILTER, &args);
}

static uint32_t get_default_for(struct vtr_cpuid_entry *entries, uint32_t flags)
{
	struct vtr_cpuid_table args = {
		.size = sizeof(args), .flags = flags, .nr_entries = VTR_MAX_CPUID_ENTRIES,
		.entries = (uintptr_t)entries,
	};

	MUST(ioctl(open_device(), VTR_GET_CPUID, &args));
	return args.nr_entries;
}

static uint32_t get_default(struct vtr_cpuid_entry *entries)
{
	return get_default_for(entries, 0);
}

static struct vtr_cpuid_entry *find(struct vtr_cpuid_entry *entries, uint32_t nr, uint32_t leaf)
{
	for (uint32_t i = 0; i < nr; i++)
		if (entries[i].leaf == leaf && !entries[i].subleaf)
			return &entries[i];
	CHECK_MSG(false, "the default has no leaf 0x%x", leaf);
	tap_end();
}

static struct vcpu *enter(struct vcpu *vcpu, const struct guest_code *code)
{
	put_guest(vcpu->vm, code);
	enter_long(vcpu);
	return vcpu;
}

/* ---- CPUID -------------------------------------------------------------------------- */

/* What CPUID answers @vcpu to the leaves of @table: 4 words each. */
static const uint32_t *ask_vcpu(struct vcpu *vcpu, const struct vtr_cpuid_entry *table,
				uint32_t nr)
{
	uint32_t *question = (void *)(vcpu->vm->mem + DATA_AT);
	struct vtr_regs regs;

	enter(vcpu, &guest_asks_cpuid);
	regs = get_regs(vcpu);
	for (uint32_t i = 0; i < nr; i++) {
		question[2 * i] = table[i].leaf;
		question[2 * i + 1] = table[i].subleaf;
	}
	regs.gpr[VTR_RCX] = nr;
	set_regs(vcpu, &regs);
	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	return (void *)(vcpu->vm->mem + ANSWERS_AT);
}

static const uint32_t *ask(struct vm *vm, const struct vtr_cpuid_entry *table, uint32_t nr)
{
	return ask_vcpu(new_vcpu(vm, 0), table, nr);
}

static void check_answers(const uint32_t *answer, const struct vtr_cpuid_entry *table,
			  uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++, answer += 4) {
		const struct vtr_cpuid_entry *e = &table[i];

		CHECK_MSG(answer[0] == e->eax && answer[1] == e->ebx && answer[2] == e->ecx &&
			  answer[3] == e->edx,
			  "leaf 0x%x, %u: %08x %08x %08x %08x instead of %08x %08x %08x %08x",
			  e->leaf, e->subleaf, answer[0], answer[1], answer[2], answer[3],
			  e->eax, e->ebx, e->ecx, e->edx);
	}
}

static void the_default_is_what_guests_see(void)
{
	struct vtr_cpuid_entry table[VTR_MAX_CPUID_ENTRIES];
	struct vtr_cpuid_table args = { .size = sizeof(args) };
	uint32_t nr = get_default(table);

	CHECK(nr > 10 && nr <= VTR_MAX_CPUID_ENTRIES);
	check_answers(ask(new_vm(4 * MB, 0), table, nr), table, nr);
	/* Without room: how many there are.  With little: the first ones. */
	MUST(ioctl(open_device(), VTR_GET_CPUID, &args));
	CHECK_NUM(args.nr_entries, nr);
	memset(&table[1], 0x5a, sizeof(table[1]));
	args = (struct vtr_cpuid_table) {
		.size = sizeof(args), .nr_entries = 1, .entries = (uintptr_t)table,
	};
	MUST(ioctl(open_device(), VTR_GET_CPUID, &args));
	CHECK_NUM(args.nr_entries, nr);
	CHECK_NUM(table[1].leaf, 0x5a5a5a5a);
}

static void the_programs_table_replaces_the_default(void)
{
	struct vtr_cpuid_entry table[VTR_MAX_CPUID_ENTRIES];
	struct vm *vm = new_vm(4 * MB, 0);
	uint32_t nr = get_default(table);
	struct vtr_cpuid_entry *name = find(table, nr, 0), *no_leaf = &table[nr];

	name->ebx = name->ecx = name->edx = 0x21212121;
	find(table, nr, 0x40000000)->leaf = 0x40000077;
	MUST(set_cpuid(vm, table, nr));
	*no_leaf = (struct vtr_cpuid_entry) { .leaf = 0x40000000 };
	check_answers(ask(vm, table, nr + 1), table, nr + 1);
}

static void no_entries_are_the_default_again(void)
{
	const struct vtr_cpuid_entry empty = { .leaf = 0x40000001 };
	struct vtr_cpuid_entry table[VTR_MAX_CPUID_ENTRIES];
	struct vm *vm = new_vm(4 * MB, 0);
	uint32_t nr = get_default(table);

	MUST(set_cpuid(vm, &empty, 1));
	MUST(set_cpuid(vm, NULL, 0));
	check_answers(ask(vm, table, nr), table, nr);
}

static void each_processor_has_its_own_apic_id(void)
{
	const struct vtr_cpuid_entry table[] = {
		{ .leaf = 1, .ebx = 0xff020000 },
		{ .leaf = 0xb, .flags = VTR_CPUID_SUBLEAF, .eax = 1, .ebx = 2, .ecx = 0x100 },
	};
	struct vm *vm = new_vm(4 * MB, 0);

	MUST(set_cpuid(vm, table, 2));
	for (unsigned int id = 3; id < 5; id++) {
		const uint32_t *answer = ask_vcpu(new_vcpu(vm, id), table, 2);

		CHECK_NUM(answer[1], id << 24 | 0x020000);
		CHECK_NUM(answer[4], 1);
		CHECK_NUM(answer[7], id);
	}
}

/* ---- with the module's interrupt controllers ------------------------------------------- */

enum { EAX, EBX, ECX, EDX };

static const struct vtr_cpuid_entry questions[] = {
	{ .leaf = 1 }, { .leaf = 0xb }, { .leaf = 0xb, .subleaf = 1 },
	{ .leaf = 0xb, .subleaf = 2 }, { .leaf = 4 }, { .leaf = 6 },
};

#define NR_QUESTIONS	(sizeof(questions) / sizeof(questions[0]))
#define LEAF_1_APIC	(1u << 9)
#define LEAF_1_HTT	(1u << 28)
#define LEAF_1_X2APIC	(1u << 21)
#define LEAF_1_DEADLINE	(1u << 24)
#define LEAF_1_GUEST	(1u << 31)

/* Two processors, whatever the host has. */
static void check_two_processors(const uint32_t *answer)
{
	CHECK_NUM(answer[EBX] >> 16, 0x0002);
	CHECK_NUM(answer[EDX] & (LEAF_1_APIC | LEAF_1_HTT), LEAF_1_APIC | LEAF_1_HTT);
	CHECK_NUM(answer[ECX] & (LEAF_1_X2APIC | LEAF_1_DEADLINE),
		  LEAF_1_X2APIC | LEAF_1_DEADLINE);
	CHECK_NUM(answer[4 + EBX], 1);
	CHECK_NUM(answer[4 + ECX], 0x100);
	CHECK_NUM(answer[8 + EAX], 1);
	CHECK_NUM(answer[8 + EBX], 2);
	CHECK_NUM(answer[8 + ECX], 0x201);
	CHECK_NUM(answer[12 + EAX] | answer[12 + EBX], 0);
	CHECK_NUM(answer[12 + ECX], 2);
	/* A first-level cache is one core's; there are ids for two cores. */
	CHECK_NUM(answer[16 + EAX] >> 14 & 0xfff, 0);
	CHECK_NUM(answer[16 + EAX] >> 26, 1);
	CHECK_NUM(answer[20 + EAX], 1 << 2);
}

static const uint32_t *ask_first_of_two(struct vm *vm)
{
	struct vcpu *vcpu = new_vcpu(vm, 0);

	new_vcpu(vm, 1);
	return ask_vcpu(vcpu, questions, NR_QUESTIONS);
}

static void apics_and_their_topology_are_shown(void)
{
	const uint32_t *answer = ask_first_of_two(new_irq_vm());

	check_two_processors(answer);
	CHECK(answer[ECX] & LEAF_1_GUEST);
}

/* A program changes one bit of the default, and the rest is as without a table. */
static void a_table_may_hide_that_it_is_a_guest(void)
{
	struct vtr_cpuid_entry table[VTR_MAX_CPUID_ENTRIES];
	uint32_t nr = get_default_for(table, VTR_CPUID_IRQCHIP);
	struct vm *vm = new_irq_vm();
	const uint32_t *answer;

	find(table, nr, 1)->ecx &= ~LEAF_1_GUEST;
	find(table, nr, 0x40000000)->leaf = 0x40000077;
	CHECK_ERRNO(set_cpuid(new_vm(0, 0), table, nr), EOPNOTSUPP);
	MUST(set_cpuid(vm, table, nr));
	answer = ask_first_of_two(vm);
	check_two_processors(answer);
	CHECK(!(answer[ECX] & LEAF_1_GUEST));
}

/* SDM 3A "Enabling or Disabling the Local APIC" (11.4.3). */
GUEST(switches_apic_off, 64,
      "mov $1, %eax\n cpuid\n mov %edx, %esi\n"
      "mov $0x1b, %ecx\n rdmsr\n btr $11, %eax\n wrmsr\n"
      "mov $1, %eax\n cpuid\n mov %edx, %edi\n out %al, $0x80");

static void an_apic_that_is_off_is_not_shown(void)
{
	struct vcpu *vcpu = enter(new_vcpu(new_irq_vm(), 0), &guest_switches_apic_off);

	REQUIRE(run_to(vcpu, VTR_EXIT_IO));
	CHECK_NUM(gpr(vcpu, VTR_RSI) & LEAF_1_APIC, LEAF_1_APIC);
	CHECK_NUM(gpr(vcpu, VTR_RDI), gpr(vcpu, VTR_RSI) & ~(uint64_t)LEAF_1_APIC);
}

/* A feature that is hidden is off: its bit of CR4 is reserved. */
static void control_registers_follow_the_table(void)
{
	struct vtr_cpuid_entry table[VTR_MAX_CPUID_ENTRIES];
	struct vm *vm = new_vm(4 * MB, 0);
	uint32_t nr = get_default(table);
	struct vtr_cpuid_entry *features = find(table, nr, 7);

	if (!(features->ebx & 1 << 7))
		tap_skip("this processor has no SMEP");
	run_to(enter(new_vcpu(new_vm(4 * MB, 0), 0), &guest_sets_smep), VTR_EXIT_HLT);
	features->ebx &= ~(1 << 7);
	MUST(set_cpuid(vm, table, nr));
	/* A #GP without a handler. */
	run_to(enter(new_vcpu(vm, 0), &guest_sets_smep), VTR_EXIT_SHUTDOWN);
}

static void tables_are_checked(void)
{
	static struct vtr_cpuid_entry table[VTR_MAX_CPUID_ENTRIES + 1];
	struct vtr_cpuid_entry vmx = { .leaf = 1, .ecx = 1 << 5 };
	struct vtr_cpuid_entry twice[2] = { { .leaf = 0 }, { .leaf = 0 } };
	struct vm *vm = new_vm(4 * MB, 0);
	struct vtr_cpuid_table args = { .size = sizeof(args), .flags = 1 };

	CHECK_ERRNO(ioctl(vm->fd, VTR_VM_SET_CPUID, &args), EINVAL);
	args.flags = 2;
	CHECK_ERRNO(ioctl(open_device(), VTR_GET_CPUID, &args), EINVAL);
	args = (struct vtr_cpuid_table) { .size = sizeof(args), .pad = 1 };
	CHECK_ERRNO(ioctl(vm->fd, VTR_VM_SET_CPUID, &args), EINVAL);
	CHECK_ERRNO(ioctl(open_device(), VTR_GET_CPUID, &args), EINVAL);
	CHECK_ERRNO(set_cpuid(vm, &vmx, 1), EOPNOTSUPP);
	CHECK_ERRNO(set_cpuid(vm, twice, 2), EINVAL);
	CHECK_ERRNO(set_cpuid(vm, table, VTR_MAX_CPUID_ENTRIES + 1), E2BIG);
	CHECK_ERRNO(set_cpuid(vm, table, ~0u), E2BIG);
	CHECK_ERRNO(set_cpuid(vm, (void *)16, 1), EFAULT);
	args = (struct vtr_cpuid_table) { .size = sizeof(args), .nr_entries = 1, .entries = 16 };
	CHECK_ERRNO(ioctl(open_device(), VTR_GET_CPUID, &args), EFAULT);
	/* What was refused has changed nothing, and a vCPU keeps what it was made with. */
	vmx.ecx = 0;
	MUST(set_cpuid(vm, &vmx, 1));
	new_vcpu(vm, 0);
	CHECK_ERRNO(set_cpuid(vm, &vmx, 1), EBUSY);
	CHECK_ERRNO(set_cpuid(vm, NULL, 0), EBUSY);
}

/* ---- MSRs ------------------------------------------------------------------------------ */

#define SYSENTER_CS	0x174
#define TSC		0x10
#define LSTAR		0xc0000082
#define FS_BASE		0xc0000100
#define UNKNOWN		0x12345678
#define BOTH		(VTR_MSR_READ | VTR_MSR_WRITE)

/* RCX, EDX:EAX before the first instruction; a #GP goes to guest_handler. */
static struct vcpu *enter_msr(struct vm *vm, const struct guest_code *code, uint32_t index,
			      uint64_t value)
{
	struct vcpu *vcpu = enter(new_vcpu(vm, 0), code);
	struct vtr_regs regs = get_regs(vcpu);
	uint64_t *gate = (void *)(vm->mem + IDT_AT + GP * 16);

	memcpy(vm->mem + HANDLER_AT, guest_handler.start, guest_handler.end - guest_handler.start);
	gate[0] = HANDLER_AT | SEL_CODE64 << 16 | 0x8e00ull << 32;
	regs.gpr[VTR_RCX] = index;
	regs.gpr[VTR_RAX] = (uint32_t)value;
	regs.gpr[VTR_RDX] = value >> 32;
	regs.gpr[VTR_R15] = ~0ull;
	set_regs(vcpu, &regs);
	return vcpu;
}

static struct vm *vm_with_filter(uint32_t first, uint32_t count, uint32_t flags)
{
	const struct vtr_msr_range range = { .first = first, .count = count, .flags = flags };
	struct vm *vm = new_vm(4 * MB, 0);

	MUST(set_filter(vm, &range, 1));
	return vm;
}

static uint64_t edx_eax(struct vcpu *vcpu)
{
	return gpr(vcpu, VTR_RAX) | gpr(vcpu, VTR_RDX) << 32;
}

static void an_unknown_msr_is_the_programs(void)
{
	struct vcpu *vcpu = enter_msr(vm_with_filter(UNKNOWN, 1, BOTH), &guest_swaps_msr, UNKNOWN,
				      0x1122334455667788);

	REQUIRE(run_to(vcpu, VTR_EXIT_MSR));
	CHECK_NUM(vcpu->run->msr.index, UNKNOWN);
	CHECK_NUM(vcpu->run->msr.is_write, 1);
	CHECK_NUM(vcpu->run->msr.data, 0x1122334455667788);
	CHECK_NUM(vcpu->run->hw_kind, VTR_HW_MSR);
	CHECK_NUM(vcpu->run->rip, CODE_AT);
	REQUIRE(run_to(vcpu, VTR_EXIT_MSR));
	CHECK_NUM(vcpu->run->msr.is_write, 0);
	CHECK_NUM(vcpu->run->msr.data, 0);
	vcpu->run->msr.data = 0xaabbccdd00000001;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(edx_eax(vcpu), 0xaabbccdd00000001);
	/* Both halves are 32 bits: nothing is left above them. */
	CHECK_NUM(gpr(vcpu, VTR_RDX), 0xaabbccdd);
}

static void the_program_may_refuse(void)
{
	static const struct guest_code *code[] = { &guest_reads_msr, &guest_writes_msr };

	for (int i = 0; i < 2; i++) {
		struct vcpu *vcpu = enter_msr(vm_with_filter(UNKNOWN, 1, BOTH), code[i], UNKNOWN,
					      7);

		REQUIRE(run_to(vcpu, VTR_EXIT_MSR));
		vcpu->run->msr.fault = 1;
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		CHECK_NUM(gpr(vcpu, VTR_R15), 0);
		CHECK_NUM(edx_eax(vcpu), 7);
		/* On the stack behind the error code: the instruction itself. */
		CHECK_NUM(*(uint64_t *)(vcpu->vm->mem + gpr(vcpu, VTR_RSP)), CODE_AT);
	}
}

static void without_a_filter_it_does_not_exist(void)
{
	struct vcpu *vcpu = enter_msr(new_vm(4 * MB, 0), &guest_reads_msr, UNKNOWN, 7);

	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_R15), 0);
}

/* The MSR bitmap lets these through, unless the program wants them. */
static void what_never_exits_can_be_filtered_as_well(void)
{
	static const uint32_t index[] = { SYSENTER_CS, FS_BASE };

	for (int i = 0; i < 2; i++) {
		struct vcpu *vcpu = enter_msr(new_vm(4 * MB, 0), &guest_swaps_msr, index[i], 0x10);
		uint64_t exits;

		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		CHECK_NUM(edx_eax(vcpu), 0x10);
		exits = get_stats(vcpu).count[31] + get_stats(vcpu).count[32];
		CHECK_NUM(exits, 0);

		vcpu = enter_msr(vm_with_filter(index[i], 1, BOTH), &guest_swaps_msr, index[i],
				 0x10);
		REQUIRE(run_to(vcpu, VTR_EXIT_MSR));
		REQUIRE(run_to(vcpu, VTR_EXIT_MSR));
		vcpu->run->msr.data = 0x20;
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		CHECK_NUM(edx_eax(vcpu), 0x20);
	}
}

static void one_direction_is_left_to_the_module(void)
{
	struct vcpu *vcpu = enter_msr(vm_with_filter(LSTAR - 1, 2, VTR_MSR_WRITE),
				      &guest_swaps_msr, LSTAR, 0x1234000);
	const struct vtr_msr lstar = { .index = LSTAR, .value = 0x5678000 };

	MUST(put_record(vcpu, VTR_STATE_MSRS, &lstar, sizeof(lstar)));
	REQUIRE(run_to(vcpu, VTR_EXIT_MSR));
	CHECK_NUM(vcpu->run->msr.is_write, 1);
	/* The program has answered, so the module's register is as it was. */
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(edx_eax(vcpu), 0x5678000);
}

static void filters_are_checked(void)
{
	static struct vtr_msr_range many[VTR_MAX_MSR_RANGES + 1];
	struct vtr_msr_range good = { .first = 1, .count = 1, .flags = BOTH }, bad = good;
	struct vm *vm = new_vm(4 * MB, 0);
	struct vtr_msr_filter args = { .size = sizeof(args), .flags = 1 };

	CHECK_ERRNO(ioctl(vm->fd, VTR_VM_SET_MSR_FILTER, &args), EINVAL);
	args = (struct vtr_msr_filter) { .size = sizeof(args), .pad = 1 };
	CHECK_ERRNO(ioctl(vm->fd, VTR_VM_SET_MSR_FILTER, &args), EINVAL);
	bad.flags = 0;
	CHECK_ERRNO(set_filter(vm, &bad, 1), EINVAL);
	bad.flags = 8 | BOTH;
	CHECK_ERRNO(set_filter(vm, &bad, 1), EINVAL);
	bad = good;
	bad.count = 0;
	CHECK_ERRNO(set_filter(vm, &bad, 1), EINVAL);
	bad.count = ~0u;
	CHECK_NUM(set_filter(vm, &bad, 1), 0);
	bad.first = 2;
	CHECK_ERRNO(set_filter(vm, &bad, 1), EINVAL);
	CHECK_ERRNO(set_filter(vm, many, VTR_MAX_MSR_RANGES + 1), E2BIG);
	CHECK_ERRNO(set_filter(vm, (void *)16, 1), EFAULT);
	new_vcpu(vm, 0);
	CHECK_ERRNO(set_filter(vm, &good, 1), EBUSY);
}

static void an_unfinished_access_moves_with_the_state(void)
{
	struct vcpu *first = enter_msr(vm_with_filter(UNKNOWN, 1, BOTH), &guest_reads_msr,
				       UNKNOWN, 0);
	struct vcpu *second = new_vcpu(first->vm, 1);
	uint64_t buffer[1024];
	struct vtr_io_state io;

	REQUIRE(run_to(first, VTR_EXIT_MSR));
	get_record(first, VTR_STATE_IO, &io, sizeof(io));
	CHECK_NUM(io.pending, 8);
	MUST(put_state(second, buffer, get_state(first, buffer, sizeof(buffer))));
	second->run->msr.data = 0x77;
	REQUIRE(run_to(second, VTR_EXIT_HLT));
	CHECK_NUM(edx_eax(second), 0x77);
}

/* ---- time stamp counter -------------------------------------------------------------------- */

static bool has_tsc_scaling(void)
{
	struct vtr_feature features[64];
	struct vtr_caps caps = {
		.size = sizeof(caps), .features = (uintptr_t)features, .nr_features = 64,
	};

	MUST(ioctl(open_device(), VTR_GET_CAPS, &caps));
	for (unsigned int i = 0; i < caps.nr_features; i++)
		if (!strcmp(features[i].name, "Use TSC scaling"))
			return features[i].flags & VTR_FEATURE_USED;
	CHECK_MSG(false, "the report does not mention TSC scaling");
	return false;
}

/* Return: the host's rate. */
static uint32_t set_rate(struct vcpu *vcpu, uint32_t times, uint32_t by)
{
	struct vtr_tsc tsc;
	uint32_t host_khz;

	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	host_khz = tsc.khz;
	tsc.khz = host_khz * times / by;
	tsc.offset = 1ull << 52;
	MUST(put_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc)));
	return host_khz;
}

/* Two readings of the guest, each between two of the host. */
static void check_rate(uint32_t times, uint32_t by)
{
	struct vcpu *vcpu = start_guest(&guest_rdtsc_twice, 64, 0);
	uint64_t before[2], after[2], guest[2], passed;

	set_rate(vcpu, times, by);
	for (int i = 0; i < 2; i++) {
		before[i] = read_tsc();
		REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
		after[i] = read_tsc();
		guest[i] = gpr(vcpu, VTR_RBX);
		short_nap();
	}
	CHECK(guest[0] >> 52 == 1);
	passed = guest[1] - guest[0];
	/* One tick is lost by each rounding. */
	CHECK_MSG(passed + 2 >= (before[1] - after[0]) * times / by &&
		  passed <= (after[1] - before[0]) * times / by + 2,
		  "%u/%u: %llu ticks of the guest in %llu to %llu of the host", times, by,
		  (unsigned long long)passed, (unsigned long long)(before[1] - after[0]),
		  (unsigned long long)(after[1] - before[0]));
}

static void the_counter_runs_at_the_rate_that_was_set(void)
{
	if (!has_tsc_scaling())
		tap_skip("this processor cannot scale the time stamp counter");
	check_rate(1, 1);
	check_rate(8, 1);
	check_rate(1, 5);
	check_rate(7, 3);
}

static void all_ways_to_the_counter_agree(void)
{
	struct vcpu *vcpu = start_guest(&guest_three_ways_to_the_tsc, 64, 0);

	if (has_tsc_scaling())
		set_rate(vcpu, 3, 1);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK(gpr(vcpu, VTR_RSI) >= gpr(vcpu, VTR_RBX));
	CHECK(gpr(vcpu, VTR_RDI) >= gpr(vcpu, VTR_RSI));
	/* A rate forgotten by one of them would be far off. */
	CHECK(gpr(vcpu, VTR_RDI) - gpr(vcpu, VTR_RBX) < 1ull << 32);
}

static void the_guest_may_set_its_counter(void)
{
	struct vcpu *vcpu = enter_msr(new_vm(4 * MB, 0), &guest_swaps_msr, TSC, 1ull << 60);
	uint64_t begin;

	if (has_tsc_scaling())
		set_rate(vcpu, 5, 2);
	begin = read_tsc();
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK(edx_eax(vcpu) >= 1ull << 60 &&
	      edx_eax(vcpu) - (1ull << 60) <= (read_tsc() - begin) * 5 / 2);
}

/*
 * SDM 3B "Time-Stamp Counter Adjustment" (17.17.3).  To 2^40 by IA32_TSC_ADJUST, the
 * counter to 2^44 by IA32_TSC, and all of it back.
 */
#define COUNTER(to)	"rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, " to "\n"
#define ADJUST(to)	"mov $0x3b, %ecx\n rdmsr\n shl $32, %rdx\n or %rdx, %rax\n" \
			"mov %rax, " to "\n"
#define SET_MSR(msr, high)	"mov $" #msr ", %ecx\n xor %eax, %eax\n mov $" #high ", %edx\n wrmsr\n"
GUEST(moves_its_counter, 64,
      ADJUST("%r8") COUNTER("%rbx") SET_MSR(0x3b, 0x100) COUNTER("%rsi") SET_MSR(0x10, 0x1000)
      ADJUST("%rdi") SET_MSR(0x3b, 0) COUNTER("%r9") "hlt");

static void what_a_guest_moves_its_counter_by_is_added_up(void)
{
	struct vcpu *vcpu = start_guest(&guest_moves_its_counter, 64, 0);
	const uint64_t by_sum = 1ull << 40, set_to = 1ull << 44, soon = 1ull << 36;
	struct vtr_tsc before, after;

	if (has_tsc_scaling())
		set_rate(vcpu, 5, 2);
	get_record(vcpu, VTR_STATE_TSC, &before, sizeof(before));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_R8), 0);
	CHECK(gpr(vcpu, VTR_RSI) - gpr(vcpu, VTR_RBX) - by_sum < soon);
	/* Set from a moment after RSI was read. */
	CHECK(by_sum + set_to - gpr(vcpu, VTR_RSI) - gpr(vcpu, VTR_RDI) < soon);
	CHECK(gpr(vcpu, VTR_R9) - gpr(vcpu, VTR_RBX) < soon);
	get_record(vcpu, VTR_STATE_TSC, &after, sizeof(after));
	CHECK_NUM(after.offset, before.offset);
}

/* A saved vCPU has a counter and a sum: setting one does not change the other. */
static void the_program_sets_counter_and_sum_apart(void)
{
	const struct vtr_msr sum = { .index = 0x3b, .value = 1ull << 50 };
	const struct vtr_msr counter = { .index = TSC };
	struct vcpu *vcpu = enter_msr(new_vm(4 * MB, 0), &guest_reads_msr, 0x3b, 7);
	struct vtr_tsc before, after;

	get_record(vcpu, VTR_STATE_TSC, &before, sizeof(before));
	MUST(put_record(vcpu, VTR_STATE_MSRS, &sum, sizeof(sum)));
	get_record(vcpu, VTR_STATE_TSC, &after, sizeof(after));
	CHECK_NUM(after.offset, before.offset);
	MUST(put_record(vcpu, VTR_STATE_MSRS, &counter, sizeof(counter)));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(edx_eax(vcpu), 1ull << 50);
}

static void rates_that_cannot_be_are_refused(void)
{
	struct vcpu *vcpu = start_guest(&guest_rdtsc_twice, 64, 0);
	struct vtr_tsc tsc, bad;

	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	bad = tsc;
	bad.khz = 0;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_TSC, &bad, sizeof(bad)), EINVAL);
	/* More than 65,535 times as fast as a host of 65 MHz at most, as the emulator. */
	bad.khz = ~0u;
	if (!has_tsc_scaling() || tsc.khz < 65536)
		CHECK_ERRNO(put_record(vcpu, VTR_STATE_TSC, &bad, sizeof(bad)), EINVAL);
	bad.khz = tsc.khz + 1;
	if (!has_tsc_scaling())
		CHECK_ERRNO(put_record(vcpu, VTR_STATE_TSC, &bad, sizeof(bad)), EINVAL);
	get_record(vcpu, VTR_STATE_TSC, &bad, sizeof(bad));
	CHECK(!memcmp(&bad, &tsc, sizeof(tsc)));
}

static const struct tap_case cases[] = {
	CASE(the_default_is_what_guests_see),
	CASE(the_programs_table_replaces_the_default),
	CASE(no_entries_are_the_default_again),
	CASE(each_processor_has_its_own_apic_id),
	CASE(apics_and_their_topology_are_shown),
	CASE(a_table_may_hide_that_it_is_a_guest),
	CASE(an_apic_that_is_off_is_not_shown),
	CASE(control_registers_follow_the_table),
	CASE(tables_are_checked),
	CASE(an_unknown_msr_is_the_programs),
	CASE(the_program_may_refuse),
	CASE(without_a_filter_it_does_not_exist),
	CASE(what_never_exits_can_be_filtered_as_well),
	CASE(one_direction_is_left_to_the_module),
	CASE(filters_are_checked),
	CASE(an_unfinished_access_moves_with_the_state),
	CASE(the_counter_runs_at_the_rate_that_was_set),
	CASE(all_ways_to_the_counter_agree),
	CASE(the_guest_may_set_its_counter),
	CASE(what_a_guest_moves_its_counter_by_is_added_up),
	CASE(the_program_sets_counter_and_sum_apart),
	CASE(rates_that_cannot_be_are_refused),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
