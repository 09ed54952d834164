// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions on memory-mapped devices, and strings at ports.
 *
 * Small guests show one thing each.  Whether every form of every instruction is
 * carried out as a processor does it is mmio_twin_test.c's subject.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vm.h"

#define DEVICE	0x30000000ull
#define ROM	0x400000ull

/* ---- one access ---------------------------------------------------------------- */

GUEST(writes_device, 64, "movl $0x12345678, 0x30000010\n hlt");
GUEST(reads_device, 64, "mov $-1, %rax\n mov 0x30000020, %eax\n hlt");

static bool expect_access(struct vcpu *vcpu, uint64_t gpa, unsigned int bytes, bool write)
{
	struct vtr_run *run = vcpu->run;

	return run_to(vcpu, VTR_EXIT_MMIO) && CHECK_NUM(run->mmio.gpa, gpa) &
	       CHECK_NUM(run->mmio.bytes, bytes) & CHECK_NUM(run->mmio.is_write, write);
}

static void a_write_goes_up_with_its_data(void)
{
	struct vcpu *vcpu = start_guest(&guest_writes_device, 64, 0);

	REQUIRE(expect_access(vcpu, DEVICE + 0x10, 4, true));
	CHECK_NUM(vcpu->run->mmio.data, 0x12345678);
	CHECK_NUM(vcpu->run->rip, CODE_AT);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(vcpu->run->rip, CODE_AT + (guest_writes_device.end - guest_writes_device.start));
}

static void a_read_takes_the_answer(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_device, 64, 0);

	REQUIRE(expect_access(vcpu, DEVICE + 0x20, 4, false));
	CHECK_NUM(gpr(vcpu, VTR_RAX), ~0ull);
	vcpu->run->mmio.data = 0x1122334455667788;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0x55667788);
}

/* ---- families ------------------------------------------------------------------ */

static void every_family_works_in_long_mode(void)
{
	struct vcpu *vcpu = new_vcpu(new_vm(16 * MB, 0), 0);
	struct served served = {};
	enum vtr_exit_kind kind;

	load_guest(vcpu, "mmio");
	kind = serve(vcpu, &served);
	CHECK_MSG(kind == VTR_EXIT_IO && served.exit_value == 0,
		  "ended with exit %u, check %u, RIP 0x%llx: %s", kind, served.exit_value,
		  (unsigned long long)vcpu->run->rip,
		  kind == VTR_EXIT_STOPPED ? vcpu->run->sentence : "");
	CHECK_MSG(!strcmp(served.text, "by string\n"), "it printed: %s", served.text);
	CHECK(served.accesses > 60);
}

GUEST(adds_in_real_mode, 16, "mov $0xf000, %ax\n mov %ax, %ds\n mov $0x1234, %ax\n"
      "mov $0xfff0, %bx\n add %ax, 4(%bx)\n hlt");
GUEST(adds_in_protected_mode, 32, "mov $0x30000000, %ebx\n mov $0x1234, %eax\n"
      "mov $4, %ecx\n add %eax, (%ebx, %ecx, 4)\n hlt");

static void expect_sum(struct vcpu *vcpu, uint64_t gpa, unsigned int bytes)
{
	REQUIRE(expect_access(vcpu, gpa, bytes, false));
	vcpu->run->mmio.data = 0x1111;
	REQUIRE(expect_access(vcpu, gpa, bytes, true));
	CHECK_NUM(vcpu->run->mmio.data, 0x2345);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
}

static void other_modes_have_other_operands(void)
{
	struct vm *vm = new_vm(64 * KB, 0);
	struct vcpu *vcpu = new_vcpu(vm, 0);

	put_guest(vm, &guest_adds_in_real_mode);
	enter_real(vcpu);
	expect_sum(vcpu, 0xffff4, 2);
	put_guest(vm, &guest_adds_in_protected_mode);
	enter_protected(vcpu);
	expect_sum(vcpu, 0x30000010, 4);
}

GUEST(crosses_pages, 64, "mov $0x1122334455667788, %rax\n xchg %rax, 0x30000ffd\n hlt");

static void an_operand_on_two_pages_is_four_accesses(void)
{
	struct vcpu *vcpu = start_guest(&guest_crosses_pages, 64, 0);
	struct vtr_run *run = vcpu->run;

	REQUIRE(expect_access(vcpu, 0x30000ffd, 3, false));
	run->mmio.data = 0xccbbaa;
	REQUIRE(expect_access(vcpu, 0x30001000, 5, false));
	run->mmio.data = 0xffeedd9988;
	REQUIRE(expect_access(vcpu, 0x30000ffd, 3, true));
	CHECK_NUM(run->mmio.data, 0x667788);
	REQUIRE(expect_access(vcpu, 0x30001000, 5, true));
	CHECK_NUM(run->mmio.data, 0x1122334455);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 0xffeedd9988ccbbaa);
}

GUEST(changes_rom, 64, "mov 0x400000, %rax\n orq $0x100, 0x400000\n mov 0x400000, %rbx\n hlt");

static void writes_to_read_only_memory_go_up(void)
{
	struct vcpu *vcpu = start_guest(&guest_changes_rom, 64, 0);
	uint64_t *page = map_memory(4096);

	*page = 77;
	MUST(set_slot(vcpu->vm, 1, ROM, 4096, page, VTR_SLOT_READONLY));
	REQUIRE(expect_access(vcpu, ROM, 8, true));
	CHECK_NUM(vcpu->run->mmio.data, 77 | 0x100);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RAX), 77);
	CHECK_NUM(gpr(vcpu, VTR_RBX), 77);
	CHECK_NUM(*page, 77);
}

/* ---- what is no device's ----------------------------------------------------------- */

GUEST(unknown_form, 64, "mov $0x30000000, %rdi\n nop\n fxsave 16(%rdi)\n hlt");
GUEST(pushes, 32, "mov $0x30000000, %esp\n push %eax\n hlt");
GUEST(loads_tables, 64, "mov $0x30000000, %rax\n mov %rax, %cr3\n hlt");

static void expect_sentence(struct vcpu *vcpu, const char *part)
{
	REQUIRE(run_to(vcpu, VTR_EXIT_STOPPED));
	CHECK_MSG(strstr(vcpu->run->sentence, part), "the sentence is: %s", vcpu->run->sentence);
}

static void an_unknown_instruction_stops_the_vm_with_its_bytes(void)
{
	struct vcpu *vcpu = start_guest(&guest_unknown_form, 64, 0);

	expect_sentence(vcpu, "write to guest physical address 0x30000010, where there is no memory, by an instruction that is not decoded: 0f ae 47 10 f4");
	vcpu = start_guest(&guest_pushes, 32, 0);
	expect_sentence(vcpu, "by an instruction that is not decoded: 50 f4");
}

static void page_tables_on_a_device_stop_the_vm(void)
{
	expect_sentence(start_guest(&guest_loads_tables, 64, 0),
			"0x30000000, where there is no memory, to walk the guest's page tables");
}

/* ---- in the middle -------------------------------------------------------------------- */

GUEST(fills_device, 64, "mov $0x30000000, %rdi\n mov $1000, %ecx\n rep stosl\n hlt");

static void a_repetition_can_be_interrupted(void)
{
	struct vcpu *vcpu = start_guest(&guest_fills_device, 64, 0);
	struct vtr_run *run = vcpu->run;

	for (unsigned int i = 0; i < 10; i++)
		REQUIRE(expect_access(vcpu, DEVICE + 4 * i, 4, true));
	/* The access is finished first, then RUN comes back. */
	run->immediate_exit = 1;
	REQUIRE(run_to(vcpu, VTR_EXIT_IMMEDIATE));
	CHECK_NUM(gpr(vcpu, VTR_RCX), 1000 - 10);
	CHECK_NUM(gpr(vcpu, VTR_RDI), DEVICE + 40);
	CHECK_NUM(get_regs(vcpu).rip, CODE_AT + 12);
	run->immediate_exit = 0;
	for (unsigned int i = 10; i < 1000; i++)
		REQUIRE(expect_access(vcpu, DEVICE + 4 * i, 4, true));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(gpr(vcpu, VTR_RCX), 0);
}

GUEST(takes_interrupts, 16, "cli\n xor %ax, %ax\n mov %ax, %ds\n"
      "movw $0x8040, 0x20 * 4\n movw $0, 0x20 * 4 + 2\n"
      "mov $0xf000, %ax\n mov %ax, %es\n mov $0xfff0, %di\n mov $3, %cx\n sti\n nop\n"
      "rep stosb\n hlt\n"
      ".org takes_interrupts_start + 0x40\n mov %cx, %bx\n iret");

static void an_interrupt_comes_between_two_elements(void)
{
	struct vm *vm = new_vm(64 * KB, 0);
	struct vcpu *vcpu = new_vcpu(vm, 0);
	struct vtr_inject inject = {
		.size = sizeof(inject), .event = { .kind = VTR_EVENT_INTERRUPT, .vector = 0x20 },
	};

	put_guest(vm, &guest_takes_interrupts);
	enter_real(vcpu);
	REQUIRE(expect_access(vcpu, 0xffff0, 1, true));
	/* This element is done first. */
	MUST(ioctl(vcpu->fd, VTR_VCPU_INJECT, &inject));
	REQUIRE(expect_access(vcpu, 0xffff1, 1, true));
	CHECK_NUM(gpr(vcpu, VTR_RBX) & 0xffff, 2);
	REQUIRE(expect_access(vcpu, 0xffff2, 1, true));
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
}

static void an_unfinished_access_moves_to_another_vm(void)
{
	struct vcpu *from = start_guest(&guest_crosses_pages, 64, 0);
	struct vcpu *to = start_guest(&guest_crosses_pages, 64, 0);
	static uint64_t state[1024];
	uint32_t bytes;

	REQUIRE(expect_access(from, 0x30000ffd, 3, false));
	from->run->mmio.data = 0xccbbaa;
	REQUIRE(expect_access(from, 0x30001000, 5, false));
	bytes = get_state(from, state, sizeof(state));
	MUST(put_state(to, state, bytes));
	to->run->mmio.data = 0xffeedd9988;
	REQUIRE(expect_access(to, 0x30000ffd, 3, true));
	REQUIRE(expect_access(to, 0x30001000, 5, true));
	REQUIRE(run_to(to, VTR_EXIT_HLT));
	CHECK_NUM(gpr(to, VTR_RAX), 0xffeedd9988ccbbaa);
}

static void states_that_cannot_be_are_refused(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_device, 64, 0);
	struct vtr_access_state good, bad;

	REQUIRE(expect_access(vcpu, DEVICE + 0x20, 4, false));
	get_record(vcpu, VTR_STATE_ACCESS, &good, sizeof(good));
	CHECK_NUM(good.kind, VTR_ACCESS_INSN);
	CHECK_NUM(good.waiting, 1);
	bad = good;
	bad.nr_pieces = 2;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_ACCESS, &bad, sizeof(bad)), EINVAL);
	bad = good;
	bad.insn[0] = 0x90;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_ACCESS, &bad, sizeof(bad)), EINVAL);
	bad = good;
	bad.piece[0].bytes = 4096;
	CHECK_ERRNO(put_record(vcpu, VTR_STATE_ACCESS, &bad, sizeof(bad)), EINVAL);
	MUST(put_record(vcpu, VTR_STATE_ACCESS, &good, sizeof(good)));
	/* Without the record the instruction begins again. */
	memset(&bad, 0, sizeof(bad));
	MUST(put_record(vcpu, VTR_STATE_ACCESS, &bad, sizeof(bad)));
	REQUIRE(expect_access(vcpu, DEVICE + 0x20, 4, false));
}

GUEST(copies_from_device, 64, "mov $0x30000000, %rsi\n mov $0x200000, %rdi\n movsq\n hlt");

static void memory_that_is_lost_fails_run_and_can_be_mended(void)
{
	struct vcpu *vcpu = start_guest(&guest_copies_from_device, 64, 0);
	uint8_t *page = vcpu->vm->mem + 2 * MB;

	REQUIRE(expect_access(vcpu, DEVICE, 8, false));
	vcpu->run->mmio.data = 0x1234;
	MUST(mprotect(page, 4096, PROT_READ));
	CHECK_ERRNO(run_once(vcpu), EFAULT);
	CHECK_ERRNO(run_once(vcpu), EFAULT);
	MUST(mprotect(page, 4096, PROT_READ | PROT_WRITE));
	vcpu->run->mmio.data = 0;
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK_NUM(*(uint64_t *)page, 0x1234);
	CHECK_NUM(gpr(vcpu, VTR_RDI), 0x200008);
}

/* ---- strings at ports --------------------------------------------------------------- */

static uint8_t *expect_string(struct vcpu *vcpu, bool in, unsigned int bytes, unsigned int count)
{
	struct vtr_run *run = vcpu->run;

	if (!run_to(vcpu, VTR_EXIT_IO))
		tap_end();
	CHECK_NUM(run->io.is_in, in);
	CHECK_NUM(run->io.bytes, bytes);
	CHECK_NUM(run->io.count, count);
	CHECK_NUM(run->io.port, 0x1f0);
	return (uint8_t *)run + run->io.data_offset;
}

GUEST(reads_sector, 32, "mov $0x1f0, %dx\n mov $0x12c00, %edi\n mov $512, %ecx\n"
      "rep insw\n mov $0x12c00, %esi\n mov $256, %ecx\n rep outsl\n hlt");

static void a_sector_in_and_out(void)
{
	struct vcpu *vcpu = start_guest(&guest_reads_sector, 32, 0);
	uint8_t *data = expect_string(vcpu, true, 2, 512);

	for (unsigned int i = 0; i < 1024; i++)
		data[i] = i * 7;
	/* Up to the end of the page in one batch: 400H bytes from C00H on. */
	data = expect_string(vcpu, false, 4, 256);
	for (unsigned int i = 0; i < 1024; i++)
		REQUIRE_NUM(data[i], (uint8_t)(i * 7));
	CHECK_NUM(gpr(vcpu, VTR_RDI), 0x13000);
	CHECK_NUM(gpr(vcpu, VTR_RSI), 0x13000);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
}

GUEST(long_string, 64, "mov $0x1f0, %dx\n mov $0x20ffe, %esi\n mov $3000, %ecx\n"
      "rep outsb\n hlt");

static void a_batch_ends_at_the_page_and_at_the_room(void)
{
	struct vcpu *vcpu = start_guest(&guest_long_string, 64, 0);
	unsigned int page = 2, room = VTR_RUN_DATA_BYTES;

	expect_string(vcpu, false, 1, page);
	CHECK_NUM(gpr(vcpu, VTR_RCX), 3000 - page);
	expect_string(vcpu, false, 1, room);
	CHECK_NUM(gpr(vcpu, VTR_RSI), 0x21000 + room);
	expect_string(vcpu, false, 1, 3000 - page - room);
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
}

GUEST(downwards, 16, "std\n mov $0x1f0, %dx\n mov $0x9000, %ax\n mov %ax, %es\n"
      "xor %ax, %ax\n mov %ax, %fs\n mov $0x9004, %si\n mov $3, %cx\n"
      "rep outsw %fs:(%si), %dx\n"
      "mov $0x9000, %edi\n xor %ax, %ax\n mov %ax, %es\n mov $2, %ecx\n"
      "addr32 rep insb\n hlt");

static void downwards_with_override_and_both_address_sizes(void)
{
	struct vcpu *vcpu = start_guest(&guest_downwards, 16, 0);
	uint8_t *data, *mem = vcpu->vm->mem;

	memcpy(mem + 0x9000, "aabbcc", 6);
	data = expect_string(vcpu, false, 2, 3);
	CHECK(!memcmp(data, "ccbbaa", 6));
	/* 9000H and, on the page below, 8FFFH: two batches. */
	*expect_string(vcpu, true, 1, 1) = 'x';
	*expect_string(vcpu, true, 1, 1) = 'y';
	REQUIRE(run_to(vcpu, VTR_EXIT_HLT));
	CHECK(!memcmp(mem + 0x8fff, "yx", 2));
	CHECK_NUM(gpr(vcpu, VTR_RDI), 0x8ffe);
	CHECK_NUM(gpr(vcpu, VTR_RCX), 0);
}

GUEST(ins_faults, 64, "mov $0x1f0, %dx\n mov $0x40000000 - 4, %rdi\n mov $4, %ecx\n"
      "rep insw\n hlt");

/* The last mapped bytes belong to a device; behind them the guest has no page. */
static void a_page_fault_in_the_middle(void)
{
	struct vcpu *vcpu = start_guest(&guest_ins_faults, 64, 0);
	struct vtr_regs regs;

	for (unsigned int i = 0; i < 2; i++) {
		*(uint16_t *)expect_string(vcpu, true, 2, 1) = 0x1234 + i;
		REQUIRE(expect_access(vcpu, 0x3ffffffc + 2 * i, 2, true));
		CHECK_NUM(vcpu->run->mmio.data, 0x1234 + i);
	}
	/* There is no gate for #PF, so it ends in a triple fault. */
	REQUIRE(run_to(vcpu, VTR_EXIT_SHUTDOWN));
	regs = get_regs(vcpu);
	CHECK_NUM(get_sregs(vcpu).cr2, 0x40000000);
	CHECK_NUM(regs.gpr[VTR_RCX], 2);
	CHECK_NUM(regs.gpr[VTR_RDI], 0x40000000);
	CHECK_NUM(regs.rip, CODE_AT + (guest_ins_faults.end - guest_ins_faults.start) - 4);
}

static void unfinished_input_moves_to_another_vm(void)
{
	struct vcpu *from = start_guest(&guest_reads_sector, 32, 0);
	struct vcpu *to = start_guest(&guest_reads_sector, 32, 0);
	static uint64_t state[1024];
	uint32_t bytes;

	expect_string(from, true, 2, 512);
	bytes = get_state(from, state, sizeof(state));
	MUST(put_state(to, state, bytes));
	memset((uint8_t *)to->run + VTR_RUN_DATA_OFFSET, 0xa5, 1024);
	CHECK_NUM(expect_string(to, false, 4, 256)[1023], 0xa5);
	REQUIRE(run_to(to, VTR_EXIT_HLT));
}

static const struct tap_case cases[] = {
	CASE(a_write_goes_up_with_its_data),
	CASE(a_read_takes_the_answer),
	CASE(every_family_works_in_long_mode),
	CASE(other_modes_have_other_operands),
	CASE(an_operand_on_two_pages_is_four_accesses),
	CASE(writes_to_read_only_memory_go_up),
	CASE(an_unknown_instruction_stops_the_vm_with_its_bytes),
	CASE(page_tables_on_a_device_stop_the_vm),
	CASE(a_repetition_can_be_interrupted),
	CASE(an_interrupt_comes_between_two_elements),
	CASE(an_unfinished_access_moves_to_another_vm),
	CASE(states_that_cannot_be_are_refused),
	CASE(memory_that_is_lost_fails_run_and_can_be_mended),
	CASE(a_sector_in_and_out),
	CASE(a_batch_ends_at_the_page_and_at_the_room),
	CASE(downwards_with_override_and_both_address_sizes),
	CASE(a_page_fault_in_the_middle),
	CASE(unfinished_input_moves_to_another_vm),
};

int main(int argc, char **argv)
{
	return TAP_MAIN(argc, argv, cases);
}
