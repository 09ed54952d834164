// SPDX-License-Identifier: GPL-2.0-only
/*
 * Layouts of exit qualifications and of VMCS values, as words for people.
 *
 * Read decode_show.h first.  Sources: SDM 3C "Basic VM-Exit Information"
 * (28.2.1) for qualifications, SDM 3C "Guest Register State" (25.4.1) for
 * access rights, SDM 3C "Guest Non-Register State" (25.4.2) for blocking.
 *
 * Subtle: bits that no name is known for are printed as a number, never
 * dropped; an unknown bit is the one that matters when something is wrong.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decode_show.h"
#include "tables.h"
#include "tool.h"

/* Exit reasons whose qualification is decoded; numbers as in the table. */
enum {
	REASON_EXCEPTION = 0,
	REASON_TASK_SWITCH = 9,
	REASON_CR = 28,
	REASON_DR = 29,
	REASON_IO = 30,
	REASON_WRMSR = 32,
	REASON_EPT_VIOLATION = 48,
};

struct bit_name {
	unsigned int bit;
	const char *name;
};

static const char *const gpr_names[] = {
	"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
	"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
};

static void __attribute__((format(printf, 3, 4)))
add(char *text, size_t room, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, fmt);
	if (used < room)
		vsnprintf(text + used, room - used, fmt, args);
	va_end(args);
}

/* Names of the set bits, one blank between; the rest as a number. */
static void add_bits(char *text, size_t room, uint64_t value,
		     const struct bit_name *names, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!(value & (1ull << names[i].bit)))
			continue;
		add(text, room, "%s%s", *text ? " " : "", names[i].name);
		value &= ~(1ull << names[i].bit);
	}
	if (value)
		add(text, room, "%sother bits 0x%llx", *text ? " " : "",
		    (ull)value);
}

static const struct bit_name cr0_bits[] = {
	{ 0, "PE" }, { 1, "MP" }, { 2, "EM" }, { 3, "TS" }, { 4, "ET" },
	{ 5, "NE" }, { 16, "WP" }, { 18, "AM" }, { 29, "NW" }, { 30, "CD" },
	{ 31, "PG" },
};

static const struct bit_name cr4_bits[] = {
	{ 0, "VME" }, { 1, "PVI" }, { 2, "TSD" }, { 3, "DE" }, { 4, "PSE" },
	{ 5, "PAE" }, { 6, "MCE" }, { 7, "PGE" }, { 8, "PCE" },
	{ 9, "OSFXSR" }, { 10, "OSXMMEXCPT" }, { 11, "UMIP" }, { 12, "LA57" },
	{ 13, "VMXE" }, { 14, "SMXE" }, { 16, "FSGSBASE" }, { 17, "PCIDE" },
	{ 18, "OSXSAVE" }, { 20, "SMEP" }, { 21, "SMAP" }, { 22, "PKE" },
	{ 23, "CET" }, { 24, "PKS" },
};

static const struct bit_name efer_bits[] = {
	{ 0, "SCE" }, { 8, "LME" }, { 10, "LMA" }, { 11, "NXE" },
	{ 12, "SVME" }, { 14, "FFXSR" },
};

static const struct bit_name rflags_bits[] = {
	{ 0, "CF" }, { 2, "PF" }, { 4, "AF" }, { 6, "ZF" }, { 7, "SF" },
	{ 8, "TF" }, { 9, "IF" }, { 10, "DF" }, { 11, "OF" }, { 14, "NT" },
	{ 16, "RF" }, { 17, "VM" }, { 18, "AC" }, { 19, "VIF" }, { 20, "VIP" },
	{ 21, "ID" },
};

static const struct bit_name blocking_bits[] = {
	{ 0, "blocking by STI" }, { 1, "blocking by MOV SS" },
	{ 2, "blocking by SMI" }, { 3, "blocking by NMI" },
	{ 4, "enclave interruption" },
};

static const struct bit_name pending_debug_bits[] = {
	{ 0, "B0" }, { 1, "B1" }, { 2, "B2" }, { 3, "B3" },
	{ 12, "breakpoint enabled" }, { 14, "BS" }, { 16, "RTM" },
};

/* Bit 1 of RFLAGS is always set and says nothing; IOPL is a number. */
void show_rflags(char *text, size_t room, uint64_t value)
{
	unsigned int iopl = (value >> 12) & 3;

	*text = 0;
	add_bits(text, room, value & ~0x3002ull, rflags_bits,
		 ARRAY_SIZE(rflags_bits));
	if (iopl)
		add(text, room, "%sIOPL=%u", *text ? " " : "", iopl);
}

/* ---- exit qualifications ---- */

static void show_cr(char *text, size_t room, uint64_t q)
{
	unsigned int cr = q & 15, type = (q >> 4) & 3, gpr = (q >> 8) & 15;

	switch (type) {
	case 0:
		add(text, room, "MOV to CR%u from %s", cr, gpr_names[gpr]);
		break;
	case 1:
		add(text, room, "MOV from CR%u to %s", cr, gpr_names[gpr]);
		break;
	case 2:
		add(text, room, "CLTS");
		break;
	default:
		add(text, room, "LMSW from %s, source 0x%llx",
		    q & 0x40 ? "memory" : "a register",
		    (ull)(q >> 16) & 0xffff);
		break;
	}
}

static void show_dr(char *text, size_t room, uint64_t q)
{
	unsigned int dr = q & 7, gpr = (q >> 8) & 15;

	if (q & 0x10)
		add(text, room, "MOV from DR%u to %s", dr, gpr_names[gpr]);
	else
		add(text, room, "MOV to DR%u from %s", dr, gpr_names[gpr]);
}

static void show_io(char *text, size_t room, uint64_t q)
{
	unsigned int bytes = (q & 7) + 1;

	add(text, room, "%s%s port 0x%llx, %u byte%s, port number in %s%s",
	    q & 8 ? "IN" : "OUT", q & 0x10 ? "S" : "", (ull)(q >> 16) & 0xffff,
	    bytes, bytes == 1 ? "" : "s",
	    q & 0x40 ? "the instruction" : "DX", q & 0x20 ? ", with REP" : "");
}

static void add_rights(char *text, size_t room, unsigned int rights)
{
	add(text, room, "%c%c%c", rights & 1 ? 'r' : '-',
	    rights & 2 ? 'w' : '-', rights & 4 ? 'x' : '-');
}

static void show_ept_violation(char *text, size_t room, uint64_t q)
{
	static const char *const what[] = { "read", "write", "fetch" };
	bool first = true;

	for (unsigned int i = 0; i < ARRAY_SIZE(what); i++) {
		if (!(q & (1u << i)))
			continue;
		add(text, room, "%s%s", first ? "" : "+", what[i]);
		first = false;
	}
	add(text, room, "%s, EPT allows ", first ? "no access" : "");
	add_rights(text, room, (q >> 3) & 7);
	if (q & 0x80)
		add(text, room, q & 0x100 ? ", linear address valid" :
		    ", during the guest's own page walk");
	if (q & 0x1000)
		add(text, room, ", during IRET with NMIs unblocked");
}

static void show_task_switch(char *text, size_t room, uint64_t q)
{
	static const char *const by[] = { "CALL", "IRET", "JMP",
					  "a task gate" };

	add(text, room, "to TSS selector 0x%llx by %s", (ull)q & 0xffff,
	    by[(q >> 30) & 3]);
}

static void show_debug_exception(char *text, size_t room, uint64_t q)
{
	static const struct bit_name bits[] = {
		{ 0, "B0" }, { 1, "B1" }, { 2, "B2" }, { 3, "B3" },
		{ 13, "BD" }, { 14, "BS" },
	};

	add_bits(text, room, q, bits, ARRAY_SIZE(bits));
}

void show_qualification(char *text, size_t room, uint32_t reason,
			uint64_t q)
{
	*text = 0;
	switch (reason & 0xffff) {
	case REASON_EXCEPTION:
		show_debug_exception(text, room, q);
		break;
	case REASON_TASK_SWITCH:
		show_task_switch(text, room, q);
		break;
	case REASON_CR:
		show_cr(text, room, q);
		break;
	case REASON_DR:
		show_dr(text, room, q);
		break;
	case REASON_IO:
		show_io(text, room, q);
		break;
	case REASON_EPT_VIOLATION:
		show_ept_violation(text, room, q);
		break;
	default:
		break;
	}
}

/* ---- details of trace records ---- */

static void detail_io(char *text, size_t room, uint64_t arg1, uint64_t arg2)
{
	unsigned int bytes = (arg1 >> 16) & 0xff;
	uint64_t data = bytes >= 8 ? arg2 : arg2 & ((1ull << 8 * bytes) - 1);
	bool in = (arg1 >> 24) & 1;

	add(text, room, "%s 0x%llx, %u byte%s", in ? "IN" : "OUT",
	    (ull)arg1 & 0xffff, bytes, bytes == 1 ? "" : "s");
	if (in)
		return;
	add(text, room, ": 0x%llx", (ull)data);
	if (bytes == 1 && data > ' ' && data < 0x7f)
		add(text, room, " '%c'", (char)data);
}

static void detail_msr(char *text, size_t room, uint32_t reason, uint64_t msr,
		       uint64_t value)
{
	/* The record is of the exit: what a read returns is not known yet. */
	if ((reason & 0xffff) == REASON_WRMSR)
		add(text, room, "write 0x%llx: 0x%llx", (ull)msr, (ull)value);
	else
		add(text, room, "read 0x%llx", (ull)msr);
}

void show_detail(char *text, size_t room, uint32_t hw_kind, uint32_t reason,
		 uint64_t qualification, uint64_t arg1, uint64_t arg2)
{
	*text = 0;
	switch (hw_kind) {
	case VTR_HW_CPUID:
		add(text, room, "leaf 0x%llx, subleaf 0x%llx",
		    (ull)arg1 & 0xffffffff, (ull)arg2 & 0xffffffff);
		break;
	case VTR_HW_MSR:
		detail_msr(text, room, reason, arg1, arg2);
		break;
	case VTR_HW_IO:
		detail_io(text, room, arg1, arg2);
		break;
	case VTR_HW_HYPERCALL:
		add(text, room, "number 0x%llx", (ull)arg1);
		break;
	case VTR_HW_SLAT:
		add(text, room, "GPA 0x%llx: ", (ull)arg1);
		show_ept_violation(text, room, qualification);
		break;
	default:
		show_qualification(text, room, reason, qualification);
		break;
	}
}

/* ---- VMCS fields ---- */

static void show_controls(char *text, size_t room, enum control_word word,
			  uint64_t value)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		const struct control_info *info;

		if (!(value & (1ull << bit)))
			continue;
		info = table_control(word, bit);
		/* Bits without a name are 1 by decree of the processor. */
		if (info)
			add(text, room, "%s%s", *text ? ", " : "",
			    info->title_name);
	}
}

static void show_access_rights(char *text, size_t room, uint64_t value)
{
	static const char *const data[] = { "data r", "data rw",
					    "data r down", "data rw down" };
	static const char *const code[] = { "code x", "code xr",
					    "code x conforming",
					    "code xr conforming" };
	unsigned int type = value & 15;

	if (value & 0x10000) {
		add(text, room, "unusable");
		return;
	}
	if (value & 0x10)
		add(text, room, "%s%s",
		    type & 8 ? code[(type >> 1) & 3] : data[(type >> 1) & 3],
		    type & 1 ? "" : " not accessed");
	else
		add(text, room, "system type %u", type);
	add(text, room, ", DPL %llu%s%s%s%s", (ull)(value >> 5) & 3,
	    value & 0x80 ? "" : ", not present", value & 0x2000 ? ", 64-bit" : "",
	    value & 0x4000 ? ", 32-bit" : "", value & 0x8000 ? ", 4K units" : "");
}

static void show_interruption(char *text, size_t room, uint64_t value)
{
	static const char *const types[] = {
		"external interrupt", "reserved type", "NMI", "exception",
		"INT n", "INT1", "INT3 or INTO", "other event",
	};

	if (!(value & 0x80000000)) {
		add(text, room, "none");
		return;
	}
	add(text, room, "%s, vector %llu%s%s", types[(value >> 8) & 7],
	    (ull)value & 0xff, value & 0x800 ? ", with error code" : "",
	    value & 0x1000 ? ", NMIs unblocked by IRET" : "");
}

static void show_activity(char *text, size_t room, uint64_t value)
{
	static const char *const states[] = { "active", "HLT", "shutdown",
					      "wait for SIPI" };

	add(text, room, "%s", value < ARRAY_SIZE(states) ? states[value] :
	    "no such state");
}

static void show_eptp(char *text, size_t room, uint64_t value)
{
	add(text, room, "%s, %llu levels%s, root at 0x%llx",
	    (value & 7) == 6 ? "write-back" :
	    (value & 7) == 0 ? "uncached" : "reserved memory type",
	    (ull)((value >> 3) & 7) + 1,
	    value & 0x40 ? ", accessed/dirty flags" : "",
	    (ull)value & 0x000ffffffffff000);
}

static void show_reason(char *text, size_t room, uint64_t value)
{
	const struct exit_info *info = table_exit(value);

	add(text, room, "%s%s", info ? info->title_name : exit_name(value),
	    value & 0x80000000 ? ", VM-entry failure" : "");
}

static void show_insn_error(char *text, size_t room, uint64_t value)
{
	const struct insn_error_info *info = table_insn_error(value);

	if (info)
		add(text, room, "%s", info->name);
	else if (!value)
		add(text, room, "none");
}

static bool has(const char *name, const char *part)
{
	return strstr(name, part);
}

static const struct {
	const char *name;
	enum control_word word;
} control_fields[] = {
	{ "PIN_BASED_VM_EXEC_CONTROL", WORD_PIN },
	{ "CPU_BASED_VM_EXEC_CONTROL", WORD_PROC },
	{ "SECONDARY_VM_EXEC_CONTROL", WORD_PROC2 },
	{ "TERTIARY_VM_EXEC_CONTROL", WORD_PROC3 },
	{ "VM_EXIT_CONTROLS", WORD_EXIT },
	{ "SECONDARY_VM_EXIT_CONTROLS", WORD_EXIT2 },
	{ "VM_ENTRY_CONTROLS", WORD_ENTRY },
};

static bool show_control_field(char *text, size_t room, const char *name,
			       uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(control_fields); i++) {
		if (strcmp(name, control_fields[i].name))
			continue;
		show_controls(text, room, control_fields[i].word, value);
		return true;
	}
	return false;
}

static const struct {
	const char *name;
	void (*show)(char *text, size_t room, uint64_t value);
} named_fields[] = {
	{ "GUEST_ACTIVITY_STATE", show_activity },
	{ "EPT_POINTER", show_eptp },
	{ "VM_EXIT_REASON", show_reason },
	{ "VM_INSTRUCTION_ERROR", show_insn_error },
	{ "VM_EXIT_INTR_INFO", show_interruption },
	{ "IDT_VECTORING_INFO_FIELD", show_interruption },
	{ "VM_ENTRY_INTR_INFO_FIELD", show_interruption },
	{ "GUEST_RFLAGS", show_rflags },
};

static const struct {
	const char *part;
	const struct bit_name *bits;
	size_t nr;
} bit_fields[] = {
	{ "GUEST_CR0", cr0_bits, ARRAY_SIZE(cr0_bits) },
	{ "HOST_CR0", cr0_bits, ARRAY_SIZE(cr0_bits) },
	{ "CR0_READ_SHADOW", cr0_bits, ARRAY_SIZE(cr0_bits) },
	{ "CR0_GUEST_HOST_MASK", cr0_bits, ARRAY_SIZE(cr0_bits) },
	{ "GUEST_CR4", cr4_bits, ARRAY_SIZE(cr4_bits) },
	{ "HOST_CR4", cr4_bits, ARRAY_SIZE(cr4_bits) },
	{ "CR4_READ_SHADOW", cr4_bits, ARRAY_SIZE(cr4_bits) },
	{ "CR4_GUEST_HOST_MASK", cr4_bits, ARRAY_SIZE(cr4_bits) },
	{ "IA32_EFER", efer_bits, ARRAY_SIZE(efer_bits) },
	{ "GUEST_INTERRUPTIBILITY_INFO", blocking_bits,
	  ARRAY_SIZE(blocking_bits) },
	{ "PENDING_DBG_EXCEPTIONS", pending_debug_bits,
	  ARRAY_SIZE(pending_debug_bits) },
};

void show_field(char *text, size_t room, uint32_t encoding, uint64_t value)
{
	const struct field_info *info = table_field(encoding);

	*text = 0;
	if (!info || show_control_field(text, room, info->name, value))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(named_fields); i++) {
		if (!strcmp(info->name, named_fields[i].name)) {
			named_fields[i].show(text, room, value);
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bit_fields); i++) {
		if (has(info->name, bit_fields[i].part)) {
			add_bits(text, room, value, bit_fields[i].bits,
				 bit_fields[i].nr);
			return;
		}
	}
	if (has(info->name, "AR_BYTES"))
		show_access_rights(text, room, value);
}
