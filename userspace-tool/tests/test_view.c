// SPDX-License-Identifier: GPL-2.0-only
/*
 * Views: exits out of trace records, values in words, tables, disassembly.
 *
 * Proves: ticks are charged to the right part of the way, lost records break a
 * row off, phases and functions are told by addresses, unknown bits are never
 * hidden, bytes are fetched across pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "tap.h"
#include "tool.h"
#include "view/decode_show.h"
#include "view/disasm.h"
#include "view/exit_view.h"
#include "view/symbols.h"
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
	json = exit_sum_json(sum, EXITS_BY_REASON, NULL);
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

/* A kernel's life in six exits, told out of order as vCPUs are read. */
static struct exit_sum *life(void)
{
	static const struct exit_row rows[] = {
		{ .tsc = 100, .rip = 0x100200, .hw_reason = 10, .module_ticks = 1 },
		{ .tsc = 200, .rip = 0xffffffff81000010, .hw_reason = 10, .module_ticks = 2 },
		{ .tsc = 400, .rip = 0xffffffff81000120, .hw_reason = 12, .module_ticks = 8 },
		{ .tsc = 500, .rip = 0x401000, .hw_reason = 10, .module_ticks = 16 },
		{ .tsc = 600, .rip = 0xffffffff81000130, .hw_reason = 12, .user_ticks = 32,
		  .to_user = true },
		{ .tsc = 300, .vcpu = 1, .rip = 0x9a000, .hw_reason = 10, .module_ticks = 4 },
	};
	struct exit_sum *sum = exit_sum_new();

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		exit_sum_add(sum, &rows[i]);
	return sum;
}

static const char *member(const cJSON *list, int row, const char *key)
{
	const cJSON *value = cJSON_GetObjectItem(cJSON_GetArrayItem(list, row), key);

	return value ? value->valuestring : NULL;
}

static void test_phases(void)
{
	struct exit_sum *sum = life();
	cJSON *json = exit_sum_json(sum, EXITS_BY_PHASE, NULL);

	is_num(cJSON_GetArraySize(json), 4, "four phases");
	is_str(member(json, 0, "phase"), "start", "start");
	is_str(member(json, 1, "phase"), "kernel", "kernel");
	is_str(member(json, 2, "phase"), "more vCPUs", "the other vCPU, in real mode");
	is_str(member(json, 3, "phase"), "programs", "programs");
	is_str(member(json, 2, "count"), "2", "the second vCPU's exit and the next one");
	is_str(member(json, 3, "count"), "2", "it stays with the last phase");
	is_str(member(json, 3, "begins_ticks"), "400", "since the first exit");
	is_str(member(json, 3, "to_user"), "1", "one went to the tool");
	cJSON_Delete(json);
	exit_sum_free(sum);
	is_num(exit_phase_next(PHASE_START, 0, 0x401000), PHASE_START,
	       "what loads a kernel is no program");
	is_num(exit_phase_next(PHASE_KERNEL, 0, 0x7c00), PHASE_KERNEL,
	       "neither is real mode");
}

/* ---- symbols ---- */

static const char *map_file(const char *content)
{
	static char path[64];
	FILE *file;
	int fd;

	strcpy(path, "/tmp/test-symbols-XXXXXX");
	fd = mkstemp(path);
	file = fdopen(fd, "w");
	fputs(content, file);
	fclose(file);
	return path;
}

static struct symbols *load(const char *content)
{
	const char *path = map_file(content);
	struct symbols *symbols = NULL;

	symbols_load(path, &symbols);
	unlink(path);
	return symbols;
}

static const char *shown(const struct symbols *symbols, uint64_t address)
{
	static char text[100];

	symbols_show(symbols, address, text, sizeof(text));
	return text;
}

static const char kernel_map[] =
	"ffffffff81000100 t late\n"
	"ffffffff81000000 T _text\n"
	"ffffffff81000000 T startup_64\n"
	"ffffffff81000080 D data\n"
	"ffffffff81a00000 T entry_SYSCALL_64\n"
	"ffffffffc0000000 t of_module\t[module]\n";

static void test_symbols(void)
{
	struct symbols *symbols = load(kernel_map);
	uint64_t offset;

	ok(symbols, "a map is read");
	is_str(shown(symbols, 0xffffffff81000000), "_text", "the first of two names");
	is_str(shown(symbols, 0xffffffff810000f0), "_text+0xf0", "data is no function");
	is_str(shown(symbols, 0xffffffff81000100), "late", "another one");
	is_str(shown(symbols, 0xffffffffc0000004), "of_module+0x4", "of a module");
	is_str(shown(symbols, 0xffffffff80ffffff), "", "in front of the first");
	is_str(shown(symbols, 0xffffffff81300000), "", "too far behind one");
	ok(!symbols_name(NULL, 0, &offset), "no symbols, no name");
	is_num(symbols_slide(symbols, 0), 0, "nothing is known yet");
	is_num(symbols_slide(symbols, 0xffffffff81a01000), 0, "that is another kernel");
	is_num(symbols_slide(symbols, 0xffffffff9be00000), 0x1a400000, "KASLR");
	is_str(shown(symbols, 0xffffffff9b400108), "late+0x8", "names move along");
	symbols_free(symbols);
	symbols_free(NULL);
}

static void test_functions(void)
{
	struct symbols *symbols = load(kernel_map);
	struct exit_sum *sum = life();
	cJSON *json = exit_sum_json(sum, EXITS_BY_FUNCTION, symbols);

	is_num(cJSON_GetArraySize(json), 3, "two functions, and what has no name");
	is_str(member(json, 0, "function"), "late", "the dearest function is first");
	is_str(member(json, 0, "count"), "2", "its exits");
	is_str(member(json, 1, "function"), "(no symbol)", "others");
	is_str(member(json, 2, "function"), "_text", "the cheapest");
	cJSON_Delete(json);
	exit_sum_free(sum);
	symbols_free(symbols);
}

static const char *refusal(const char *content)
{
	struct symbols *symbols = load(content);

	if (!symbols)
		return vtr_last_error();
	symbols_free(symbols);
	return "";
}

static void test_bad_symbols(void)
{
	struct symbols *symbols = NULL;

	ok(strstr(refusal(""), "no symbols in it"), "an empty file");
	ok(strstr(refusal("ffffffffffffffff B The real System.map is elsewhere\n"),
		  "only names another one"), "Debian's placeholder");
	ok(strstr(refusal("0000000000000000 T _text\n"), "all addresses are 0"),
	   "kallsyms for a user without rights");
	ok(strstr(refusal("ffffffff81000000 T _text\nhello\n"), "line 2"), "another file");
	ok(strstr(refusal("\177ELF"), "test-symbols"), "a broken ELF file");
	is_num(symbols_load("/nowhere/map", &symbols), -ENOENT, "no file");
	ok(strstr(vtr_last_error(), "/nowhere/map"), "its name is told");
	is_num(symbols_load("/proc/self/exe", &symbols), 0, "an ELF file");
	ok(symbols, "has symbols");
	symbols_free(symbols);
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
	test_phases();
	test_symbols();
	test_functions();
	test_bad_symbols();
	test_phases();
	test_symbols();
	test_functions();
	test_bad_symbols();
	test_qualifications();
	test_fields();
	test_small_room();
	test_tables();
	test_text_table();
	test_disasm();
	return tap_done();
}
