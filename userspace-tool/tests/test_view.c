// SPDX-License-Identifier: GPL-2.0-only
/*
 * Views: exits out of trace records, values in words, tables, disassembly.
 *
 * Proves: ticks are charged to the right part of the way, lost records break a
 * row off, unknown bits are never hidden, bytes are fetched across pages.
 */
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "tap.h"
#include "view/decode_show.h"
#include "view/disasm.h"
#include "view/exit_view.h"
#include "view/tables.h"
#include "view/text_table.h"

/* ---- exits ---- */

static struct exit_builder builder;
static struct exit_row row;
static uint64_t tsc;

static bool feed(enum vtr_trace_kind kind, uint64_t ticks, uint64_t arg0)
{
	struct vtr_trace_record record = {
		.kind = kind, .arg0 = arg0, .hw_kind = VTR_HW_IO,
		.hw_reason = 30, .tsc = tsc += ticks,
	};

	if (kind == VTR_TRACE_EXIT)
		record.arg1 = 0x3f8 | 1 << 16;
	return exit_builder_feed(&builder, &record, &row);
}

static void fresh(void)
{
	exit_builder_break(&builder);
	tsc = 1000;
}

static void test_row_in_module(void)
{
	char path[64];

	fresh();
	feed(VTR_TRACE_ENTRY, 0, 0);
	feed(VTR_TRACE_EXIT, 70, 0x1234);
	feed(VTR_TRACE_HANDLED, 20, 0);
	ok(feed(VTR_TRACE_ENTRY, 5, 0), "an entry completes the row");
	is_num(row.guest_ticks, 70, "ticks in the guest");
	is_num(row.module_ticks, 25, "ticks in the module");
	is_num(row.user_ticks, 0, "none in the tool");
	is_num(row.rip, 0x1234, "guest RIP");
	exit_row_path(&row, path, sizeof(path));
	is_str(path, "4 → 3 → 4", "its way");
}

static void test_row_to_tool(void)
{
	char path[64];

	fresh();
	feed(VTR_TRACE_EXIT, 0, 0);
	feed(VTR_TRACE_TO_USER, 10, VTR_EXIT_IO);
	feed(VTR_TRACE_FROM_USER, 300, 0);
	ok(feed(VTR_TRACE_ENTRY, 7, 0), "a row that went to the tool");
	is_num(row.guest_ticks, 0, "guest ticks are not known: no entry before");
	is_num(row.module_ticks, 17, "module ticks on both ways");
	is_num(row.user_ticks, 300, "tool ticks");
	is_num(row.user_exit, VTR_EXIT_IO, "why it went there");
	exit_row_path(&row, path, sizeof(path));
	is_str(path, "4 → 3 → 2 → 3 tool → 2 → 3 → 4", "its way");
}

static void test_row_host(void)
{
	char path[64];

	fresh();
	feed(VTR_TRACE_EXIT, 0, 0);
	feed(VTR_TRACE_HOST, 10, 0);
	feed(VTR_TRACE_INJECT, 1, 32);
	feed(VTR_TRACE_ENTRY, 7, 0);
	exit_row_path(&row, path, sizeof(path));
	is_str(path, "4 → 3 → 2 → 3 → 4", "the host took an interrupt");
	is_num(row.vector, 32, "a vector was injected");
}

static void test_row_broken(void)
{
	fresh();
	feed(VTR_TRACE_EXIT, 0, 0);
	exit_builder_break(&builder);
	ok(!feed(VTR_TRACE_ENTRY, 7, 0), "after a loss there is no row");
	feed(VTR_TRACE_EXIT, 5, 0);
	ok(feed(VTR_TRACE_EXIT, 5, 0), "an exit without entry ends the last");
	ok(!row.returned, "which did not return");
	ok(exit_builder_flush(&builder, &row), "the open row is handed out");
	ok(!exit_builder_flush(&builder, &row), "once");
	ok(!feed(VTR_TRACE_HANDLED, 1, 0), "a stray record makes none");
}

static void test_sum(void)
{
	struct exit_sum *sum = exit_sum_new();
	cJSON *json, *first;

	for (unsigned int i = 1; i <= 5; i++)
		exit_sum_add(sum, &(struct exit_row){
			.hw_reason = 30, .module_ticks = i * i, .to_user = i > 3
		});
	exit_sum_add(sum, &(struct exit_row){
		.hw_reason = 10, .module_ticks = 45
	});
	is_num(exit_sum_count(sum), 6, "six exits");
	json = exit_sum_json(sum);
	first = cJSON_GetArrayItem(json, 0);
	is_str(cJSON_GetStringValue(cJSON_GetObjectItem(first, "reason")),
	       table_exit(30)->name, "the dearest reason is first");
	is_str(cJSON_GetObjectItem(first, "median_ticks")->valuestring, "9",
	       "median of 1 4 9 16 25");
	is_str(cJSON_GetObjectItem(first, "total_ticks")->valuestring, "55",
	       "total");
	is_str(cJSON_GetObjectItem(first, "to_user")->valuestring, "2",
	       "two went to the tool");
	is_num(cJSON_GetObjectItem(first, "share_percent")->valuedouble, 55,
	       "its share");
	cJSON_Delete(json);
	exit_sum_free(sum);
}

/* ---- words ---- */

static char text[512];

static const char *qualification(uint32_t reason, uint64_t value)
{
	show_qualification(text, sizeof(text), reason, value);
	return text;
}

static void test_qualifications(void)
{
	is_str(qualification(30, 0x3f80000), "OUT port 0x3f8, 1 byte, port number in DX",
	       "OUT to DX");
	is_str(qualification(30, 0x60004b),
	       "IN port 0x60, 4 bytes, port number in the instruction",
	       "IN from an immediate port");
	is_str(qualification(30, 0x3f80039),
	       "INS port 0x3f8, 2 bytes, port number in DX, with REP",
	       "REP INS");
	is_str(qualification(28, 0x304), "MOV to CR4 from RBX", "MOV to CR4");
	is_str(qualification(28, 0xf13), "MOV from CR3 to R15", "MOV from CR3");
	is_str(qualification(28, 0x20), "CLTS", "CLTS");
	is_str(qualification(28, 0x10030), "LMSW from a register, source 0x1",
	       "LMSW");
	is_str(qualification(29, 0x117), "MOV from DR7 to RCX", "MOV from DR7");
	is_str(qualification(48, 0x182),
	       "write, EPT allows ---, linear address valid", "EPT violation");
	is_str(qualification(48, 0x3a),
	       "write, EPT allows rwx", "all rights");
	is_str(qualification(48, 0x81),
	       "read, EPT allows ---, during the guest's own page walk",
	       "EPT violation in a page walk");
	is_str(qualification(9, 0x40000028),
	       "to TSS selector 0x28 by IRET", "task switch");
	is_str(qualification(12, 0xdead), "", "HLT has none");
}

static const char *field(const char *name, uint64_t value)
{
	show_field(text, sizeof(text), table_field_named(name)->encoding,
		   value);
	return text;
}

static void test_fields(void)
{
	is_str(field("GUEST_CR0", 0x80000031), "PE ET NE PG", "CR0");
	is_str(field("GUEST_CR4", 1ull << 40 | 0x20), "PAE other bits 0x10000000000",
	       "an unknown bit is shown");
	is_str(field("GUEST_RFLAGS", 0x3202), "IF IOPL=3", "RFLAGS with IOPL");
	is_str(field("GUEST_CS_AR_BYTES", 0xa09b),
	       "code xr, DPL 0, 64-bit, 4K units", "a 64-bit code segment");
	is_str(field("GUEST_DS_AR_BYTES", 0xc0f3),
	       "data rw, DPL 3, 32-bit, 4K units", "a data segment");
	is_str(field("GUEST_LDTR_AR_BYTES", 0x10000), "unusable", "a null one");
	is_str(field("GUEST_TR_AR_BYTES", 0x8b), "system type 11, DPL 0", "TSS");
	is_str(field("VM_EXIT_INTR_INFO", 0x80000b0e),
	       "exception, vector 14, with error code", "an exception");
	is_str(field("VM_EXIT_INTR_INFO", 0xb0e), "none", "not valid");
	is_str(field("GUEST_ACTIVITY_STATE", 1), "HLT", "activity");
	is_str(field("GUEST_INTERRUPTIBILITY_INFO", 9),
	       "blocking by STI blocking by NMI", "blocking");
	is_str(field("EPT_POINTER", 0x12345005e),
	       "write-back, 4 levels, accessed/dirty flags, root at 0x123450000",
	       "EPTP");
	has(field("CPU_BASED_VM_EXEC_CONTROL", 0x80), "HLT exiting",
	    "controls by name");
	has(field("VM_EXIT_REASON", 0x80000021), "VM-entry failure",
	    "a failed entry");
}

static void test_small_room(void)
{
	char small[8];

	show_qualification(small, sizeof(small), 48, 0x182);
	is_str(small, "write, ", "a small buffer cuts, and ends");
}

static void test_tables(void)
{
	is_num(table_field_named("GUEST_RIP")->encoding, 0x681e, "GUEST_RIP");
	is_num(field_bits(0x681e), 64, "is of natural width");
	is_num(field_bits(0x0800), 16, "a selector has 16 bits");
	is_num(field_bits(0x4002), 32, "a control word 32");
	is_num(table_exit(0x8000001e)->kind, VTR_HW_IO,
	       "an exit reason with flags is found");
	is_str(exit_name(60000), "reason 60000", "an unknown one has a number");
	ok(table_insn_error(7), "instruction error 7 exists");
	ok(!table_insn_error(9999), "9999 does not");
	ok(table_has_group("guest_segments"), "a group");
	ok(!table_has_group("guest"), "no group");
	is_str(hw_kind_name(99), "?", "an unknown kind");
	for (unsigned int i = 0; i < tables_nr_exits; i++) {
		if (tables_exits[i].kind >= VTR_HW_NR)
			ok(false, "%s has no kind", tables_exits[i].name);
	}
}

static void test_text_table(void)
{
	static const struct text_column columns[] = {
		{ "a", false }, { "b", true },
	};
	struct text_table table;
	char *out = NULL;
	size_t bytes = 0;
	FILE *stream = open_memstream(&out, &bytes);

	text_table_init(&table, columns, 2);
	text_cell(&table, "→→");
	text_cell(&table, "1");
	text_cell(&table, "long one");
	text_cell(&table, "%d", 200);
	text_table_print(&table, stream);
	fclose(stream);
	is_str(out, "a           b\n→→          1\nlong one  200\n",
	       "columns line up, arrows count as one");
	free(out);
}

/* ---- disassembly ---- */

static struct vtr_vcpu *vcpu;

static const char *code(const struct guest_mem *mem, uint64_t efer,
			uint16_t attributes, uint64_t rip)
{
	static struct disasm insn;
	struct vtr_sregs sregs = { .cr0 = 1, .efer = efer };

	sregs.seg[VTR_CS].attributes = attributes;
	disasm_at(vcpu, mem, &sregs, rip, &insn);
	return insn.text;
}

static void test_disasm(void)
{
	struct guest_mem mem;
	struct vtr_dev *dev;
	struct vtr_vm *vm;

	fake_install();
	vtr_open(NULL, &dev);
	vtr_vm_create(dev, NULL, 0, 0, &vm);
	vtr_vcpu_create(vm, 0, 0, &vcpu);
	guest_mem_init(&mem, 64 << 10);
	guest_mem_write(&mem, 0xffe, "\xb8\x78\x56\x34\x12", 5);
	is_str(code(&mem, 0x500, 0xa9b, 0xffe), "mov eax, 0x12345678",
	       "64-bit code across two pages");
	is_str(code(&mem, 0, 0xc9b, 0xffe), "mov eax, 0x12345678",
	       "32-bit code");
	is_str(code(&mem, 0, 0x9b, 0xffe), "mov ax, 0x5678", "16-bit code");
	guest_mem_write(&mem, 0xfffe, "\xb8\x78", 2);
	is_str(code(&mem, 0, 0xc9b, 0xfffe), "(no instruction)",
	       "an instruction cut by the end of memory");
	is_str(code(&mem, 0, 0xc9b, 0x10000), "(no memory at this address)",
	       "no memory");
	is_str(code(&mem, 0x500, 0xa9b, 1ull << 40),
	       "(no memory at this address)", "not mapped");
	guest_mem_exit(&mem);
	vtr_vcpu_destroy(vcpu);
	vtr_vm_destroy(vm);
	vtr_close(dev);
	fake_remove();
}

int main(void)
{
	test_row_in_module();
	test_row_to_tool();
	test_row_host();
	test_row_broken();
	test_sum();
	test_qualifications();
	test_fields();
	test_small_room();
	test_tables();
	test_text_table();
	test_disasm();
	return tap_done();
}
