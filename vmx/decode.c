// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values of VMCS fields in words: which bits are set and what they mean.
 *
 * vmx_describe_field() is the entrance; it picks one of the decoders below by
 * the field's encoding.  Plan of the file:
 *   (i)   a text buffer that cannot overflow
 *   (ii)  lists of named bits: control words, CR0, CR4, EFER, RFLAGS, ...
 *   (iii) fields with parts: segments, events, the EPT pointer, ...
 *   (iv)  the exit qualification, whose meaning depends on the exit reason
 *   (v)   a table: which field is shown how
 * Subtle: addresses are left out on purpose.  The caller prints the number
 * where it may be shown; a decoder must not give away a host address.
 */
#include <linux/kernel.h>
#include <linux/stdarg.h>

#include "describe.h"

/* ---- (i) text ----------------------------------------------------------- */

struct text {
	char *buf;
	size_t room;
	size_t used;
};

/* Cut off what does not fit; the text stays terminated. */
static __printf(2, 3) void add(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->used += vscnprintf(t->buf + t->used, t->room - t->used, fmt, args);
	va_end(args);
}

/* Add one item of a list that is separated by commas. */
static __printf(2, 3) void item(struct text *t, const char *fmt, ...)
{
	va_list args;

	if (t->used)
		add(t, ", ");
	va_start(args, fmt);
	t->used += vscnprintf(t->buf + t->used, t->room - t->used, fmt, args);
	va_end(args);
}

/* ---- (ii) named bits ------------------------------------------------------ */

static void list_bits(struct text *t, u64 value, const char * const *names,
		      unsigned int count)
{
	for (unsigned int bit = 0; bit < count; bit++) {
		if (!(value & BIT_ULL(bit)) || !names[bit])
			continue;
		item(t, "%s", names[bit]);
		value &= ~BIT_ULL(bit);
	}
	if (value)
		item(t, "reserved %#llx", value);
}

/*
 * Reserved control bits may well be 1: the capability MSRs demand it for
 * features that later became the rule.
 */
static void show_controls(struct text *t, u64 value, enum vtr_vmx_control_word word)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *name = vmx_control_name(word, bit);

		if (!(value & BIT_ULL(bit)) || !name)
			continue;
		item(t, "%s", name);
		value &= ~BIT_ULL(bit);
	}
	if (value)
		item(t, "reserved %#llx", value);
}

static const char * const cr0_bits[] = {
	[0] = "PE", [1] = "MP", [2] = "EM", [3] = "TS", [4] = "ET", [5] = "NE",
	[16] = "WP", [18] = "AM", [29] = "NW", [30] = "CD", [31] = "PG",
};

static const char * const cr4_bits[] = {
	[0] = "VME", [1] = "PVI", [2] = "TSD", [3] = "DE", [4] = "PSE", [5] = "PAE",
	[6] = "MCE", [7] = "PGE", [8] = "PCE", [9] = "OSFXSR", [10] = "OSXMMEXCPT",
	[11] = "UMIP", [12] = "LA57", [13] = "VMXE", [14] = "SMXE",
	[16] = "FSGSBASE", [17] = "PCIDE", [18] = "OSXSAVE", [19] = "KL",
	[20] = "SMEP", [21] = "SMAP", [22] = "PKE", [23] = "CET", [24] = "PKS",
	[25] = "UINTR", [27] = "LASS", [28] = "LAM_SUP", [32] = "FRED",
};

static const char * const efer_bits[] = {
	[0] = "SCE", [8] = "LME", [10] = "LMA", [11] = "NXE",
};

/* Bit 1 of RFLAGS is always set and says nothing; IOPL is shown apart. */
static const char * const rflags_bits[] = {
	[0] = "CF", [2] = "PF", [4] = "AF", [6] = "ZF", [7] = "SF", [8] = "TF",
	[9] = "IF", [10] = "DF", [11] = "OF", [14] = "NT", [16] = "RF", [17] = "VM",
	[18] = "AC", [19] = "VIF", [20] = "VIP", [21] = "ID",
};

static const char * const debugctl_bits[] = {
	[0] = "LBR", [1] = "BTF", [2] = "bus-lock trap", [6] = "TR", [7] = "BTS",
	[8] = "BTINT", [9] = "BTS off in ring 0", [10] = "BTS off in user mode",
	[11] = "freeze LBRs on PMI", [12] = "freeze counters on PMI",
	[13] = "uncore PMI", [14] = "freeze in SMM", [15] = "RTM",
};

static const char * const interruptibility_bits[] = {
	[0] = "blocking by STI", [1] = "blocking by MOV SS", [2] = "blocking by SMI",
	[3] = "blocking by NMI", [4] = "enclave interruption",
};

static const char * const pending_debug_bits[] = {
	[0] = "breakpoint 0", [1] = "breakpoint 1", [2] = "breakpoint 2",
	[3] = "breakpoint 3", [11] = "bus lock", [12] = "enabled breakpoint",
	[14] = "single step", [16] = "RTM",
};

static const char * const vmfunc_bits[] = {
	[0] = "EPTP switching",
};

static const char * const vectors[32] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL,
	"#TS", "#NP", "#SS", "#GP", "#PF", NULL, "#MF", "#AC", "#MC", "#XM",
	"#VE", "#CP",
};

static void show_rflags(struct text *t, u64 value)
{
	unsigned int iopl = (value >> 12) & 3;

	list_bits(t, value & ~(BIT_ULL(1) | 3ULL << 12), rflags_bits,
		  ARRAY_SIZE(rflags_bits));
	if (iopl)
		item(t, "IOPL %u", iopl);
	if (!(value & BIT_ULL(1)))
		item(t, "bit 1 clear: no entry possible");
}

/* ---- (iii) fields with parts --------------------------------------------- */

static void show_selector(struct text *t, u64 value)
{
	if (!(value & ~3ULL)) {
		item(t, "null");
		return;
	}
	item(t, "%s entry %llu, RPL %llu", value & 4 ? "LDT" : "GDT",
	     (value >> 3) & 0x1fff, value & 3);
}

static const char *system_type(unsigned int type)
{
	switch (type) {
	case 2:
		return "LDT";
	case 3:
		return "busy 16-bit TSS";
	case 11:
		return "busy TSS";
	default:
		return "other system segment";
	}
}

/*
 * SDM 3C "Guest Register State" (25.4.1), format of access rights:
 *
 *   31       17   16     15  14   13  12   11    8   7   6   5   4   3    0
 *  +-----------+--------+---+----+---+-----+------+---+------+---+--------+
 *  | reserved  |unusable| G | D/B| L | AVL | rsvd | P |  DPL | S |  type  |
 *  +-----------+--------+---+----+---+-----+------+---+------+---+--------+
 */
static void show_access_rights(struct text *t, u64 value)
{
	bool code = value & BIT_ULL(3);

	if (value & BIT_ULL(16)) {
		item(t, "unusable");
		return;
	}
	if (!(value & BIT_ULL(4))) {
		item(t, "%s", system_type(value & 15));
	} else {
		item(t, "%s", code ? "code" : "data");
		if (value & BIT_ULL(1))
			item(t, "%s", code ? "readable" : "writable");
		if (value & BIT_ULL(2))
			item(t, "%s", code ? "conforming" : "expand-down");
		if (value & BIT_ULL(0))
			item(t, "accessed");
	}
	item(t, "DPL %llu", (value >> 5) & 3);
	if (!(value & BIT_ULL(7)))
		item(t, "not present");
	if (value & BIT_ULL(13))
		item(t, "64-bit");
	else if (value & BIT_ULL(4))
		item(t, value & BIT_ULL(14) ? "32-bit" : "16-bit");
	if (value & BIT_ULL(15))
		item(t, "limit in 4 KiB");
}

static void show_activity(struct text *t, u64 value)
{
	static const char * const states[] = {
		"active", "halted", "shut down", "waits for a start-up IPI",
	};

	if (value < ARRAY_SIZE(states))
		item(t, "%s", states[value]);
	else
		item(t, "reserved %#llx", value);
}

/*
 * One format for events that go in, that caused the exit, and that were on
 * their way: SDM 3C "Information for VM Exits Due to Vectored Events" (25.9.2).
 */
static void show_event(struct text *t, u64 value, bool of_exit)
{
	static const char * const types[] = {
		"external interrupt", "reserved type", "NMI", "hardware exception",
		"software interrupt", "privileged software exception",
		"software exception", "other event",
	};
	unsigned int vector = value & 0xff, type = (value >> 8) & 7;

	if (!(value & BIT_ULL(31))) {
		item(t, "none");
		return;
	}
	item(t, "%s", types[type]);
	if (type == 7 && vector == 0)
		add(t, " (monitor trap flag)");
	else if (type == 3 && vector < 32 && vectors[vector])
		add(t, " %s (vector %u)", vectors[vector], vector);
	else if (type != 2)
		add(t, ", vector %#x", vector);
	if (value & BIT_ULL(11))
		item(t, "with error code");
	if (of_exit && (value & BIT_ULL(12)))
		item(t, "NMIs unblocked by IRET");
	if (value & BIT_ULL(13))
		item(t, "nested exception");
}

static void show_exception_bitmap(struct text *t, u64 value)
{
	if (!value)
		item(t, "none");
	for (unsigned int i = 0; i < 32; i++) {
		if (!(value & BIT_ULL(i)))
			continue;
		if (vectors[i])
			item(t, "%s", vectors[i]);
		else
			item(t, "vector %u", i);
	}
}

static void show_eptp(struct text *t, u64 value)
{
	unsigned int type = value & 7;

	item(t, "walk of %llu levels", ((value >> 3) & 7) + 1);
	if (type == 6)
		item(t, "write-back");
	else if (type == 0)
		item(t, "uncacheable");
	else
		item(t, "reserved memory type %u", type);
	item(t, value & BIT_ULL(6) ? "accessed and dirty bits" :
				     "no accessed and dirty bits");
	if (value & BIT_ULL(7))
		item(t, "supervisor shadow stacks");
}

static void show_pat(struct text *t, u64 value)
{
	static const char * const types[8] = {
		"UC", "WC", "reserved", "reserved", "WT", "WP", "WB", "UC-",
	};

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int type = (value >> (8 * i)) & 0xff;

		item(t, "%s", type < 8 ? types[type] : "reserved");
	}
}

static void show_dr7(struct text *t, u64 value)
{
	static const char * const kinds[4] = { "execution", "write", "port", "access" };
	static const u8 bytes[4] = { 1, 2, 8, 4 };
	bool any = false;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int how = (value >> (16 + 4 * i)) & 15;

		if (!((value >> (2 * i)) & 3))
			continue;
		any = true;
		item(t, "breakpoint %u: %s of %u", i, kinds[how & 3], bytes[how >> 2]);
	}
	if (!any)
		item(t, "no breakpoint");
	if (value & BIT_ULL(13))
		item(t, "general detect");
}

static void show_exit_reason(struct text *t, u64 value)
{
	item(t, "%s", vmx_exit_title(value));
	if (value & VMX_EXIT_ENTRY_FAILED)
		item(t, "the entry failed");
	if (value & VMX_EXIT_SSTK_BUSY)
		item(t, "shadow stack prematurely busy");
	if (value & VMX_EXIT_BUS_LOCK_FLAG)
		item(t, "with a bus lock");
	if (value & VMX_EXIT_ENCLAVE)
		item(t, "in an enclave");
	if (value & VMX_EXIT_PENDING_MTF)
		item(t, "monitor trap pending");
	if (value & VMX_EXIT_FROM_ROOT)
		item(t, "from root mode");
}

/* ---- (iv) exit qualification ----------------------------------------------- */

static const char * const gprs[16] = {
	"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
	"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
};

/* SDM 3C "Basic VM-Exit Information" (28.2.1): MOV CR, CLTS, LMSW. */
static void show_cr_access(struct text *t, u64 q)
{
	unsigned int nr = q & 15;
	const char *gpr = gprs[(q >> 8) & 15];

	switch ((q >> 4) & 3) {
	case 0:
		item(t, "MOV CR%u, %s", nr, gpr);
		break;
	case 1:
		item(t, "MOV %s, CR%u", gpr, nr);
		break;
	case 2:
		item(t, "CLTS");
		break;
	case 3:
		item(t, "LMSW %#llx from %s", (q >> 16) & 0xffff,
		     q & BIT_ULL(6) ? "memory" : "a register");
		break;
	}
}

static void show_dr_access(struct text *t, u64 q)
{
	unsigned int nr = q & 7;
	const char *gpr = gprs[(q >> 8) & 15];

	if (q & BIT_ULL(4))
		item(t, "MOV %s, DR%u", gpr, nr);
	else
		item(t, "MOV DR%u, %s", nr, gpr);
}

static void show_io(struct text *t, u64 q)
{
	unsigned int bytes = (q & 7) + 1;
	bool in = q & BIT_ULL(3), string = q & BIT_ULL(4);

	if (q & BIT_ULL(5))
		item(t, "REP %s", in ? "INS" : "OUTS");
	else if (string)
		item(t, "%s", in ? "INS" : "OUTS");
	else
		item(t, "%s", in ? "IN" : "OUT");
	add(t, " port %#llx", (q >> 16) & 0xffff);
	item(t, "%u byte%s", bytes, bytes == 1 ? "" : "s");
	if (q & BIT_ULL(6))
		item(t, "port given in the instruction");
}

static void show_task_switch(struct text *t, u64 q)
{
	static const char * const sources[4] = { "CALL", "IRET", "JMP", "task gate" };

	item(t, "%s to TSS selector %#llx", sources[(q >> 30) & 3], q & 0xffff);
}

static void show_apic_access(struct text *t, u64 q)
{
	unsigned int type = (q >> 12) & 15;
	const char *how;

	switch (type) {
	case 0:
		how = "read";
		break;
	case 1:
		how = "write";
		break;
	case 2:
		how = "instruction fetch";
		break;
	case 3:
	case 10:
		how = "access while delivering an event";
		break;
	case 4:
	case 11:
		how = "monitoring";
		break;
	case 15:
		how = "access of an instruction by physical address";
		break;
	default:
		how = "reserved type of access";
	}
	item(t, "%s at offset %#llx", how, q & 0xfff);
	if (q & BIT_ULL(16))
		item(t, "not by an instruction");
}

/* SDM 3C "Basic VM-Exit Information" (28.2.1): EPT violations. */
static void show_ept_violation(struct text *t, u64 q)
{
	if (q & BIT_ULL(0))
		item(t, "read");
	if (q & BIT_ULL(1))
		item(t, "write");
	if (q & BIT_ULL(2))
		item(t, "fetch");
	item(t, "tables allow %c%c%c", q & BIT_ULL(3) ? 'r' : '-',
	     q & BIT_ULL(4) ? 'w' : '-', q & BIT_ULL(5) ? 'x' : '-');
	if (q & BIT_ULL(7))
		item(t, q & BIT_ULL(8) ? "by the guest's own access" :
					 "by the walk of the guest's page tables");
	else
		item(t, "no linear address");
	if (q & BIT_ULL(12))
		item(t, "NMIs unblocked by IRET");
	if (q & BIT_ULL(13))
		item(t, "shadow-stack access");
	if (q & BIT_ULL(15))
		item(t, "guest-paging verification");
	if (q & BIT_ULL(16))
		item(t, "not by an instruction");
}

/* SDM 3C "VM-Entry Failures During or After Loading Guest State" (27.8). */
static void show_invalid_guest_state(struct text *t, u64 q)
{
	switch (q) {
	case 0:
		item(t, "no further detail");
		break;
	case 2:
		item(t, "page-directory-pointer entries could not be loaded");
		break;
	case 3:
		item(t, "an NMI was injected while events are blocked");
		break;
	case 4:
		item(t, "bad VMCS link pointer");
		break;
	default:
		item(t, "reserved %#llx", q);
	}
}

static void show_qualification(struct text *t, u32 reason, u64 q)
{
	switch (VMX_EXIT_BASIC(reason)) {
	case VMX_EXIT_EXCEPTION_NMI:
		item(t, "#PF: linear address; #DB: conditions as in DR6");
		break;
	case VMX_EXIT_SIPI_SIGNAL:
		item(t, "start-up vector %#llx", q & 0xff);
		break;
	case VMX_EXIT_TASK_SWITCH:
		show_task_switch(t, q);
		break;
	case VMX_EXIT_INVLPG:
		item(t, "linear address");
		break;
	case VMX_EXIT_CR_ACCESS:
		show_cr_access(t, q);
		break;
	case VMX_EXIT_DR_ACCESS:
		show_dr_access(t, q);
		break;
	case VMX_EXIT_IO:
		show_io(t, q);
		break;
	case VMX_EXIT_INVALID_GUEST_STATE:
		show_invalid_guest_state(t, q);
		break;
	case VMX_EXIT_MSR_LOAD_FAIL:
		item(t, "entry %llu of the list", q);
		break;
	case VMX_EXIT_MWAIT:
		item(t, q & 1 ? "monitor armed" : "monitor not armed");
		break;
	case VMX_EXIT_APIC_ACCESS:
		show_apic_access(t, q);
		break;
	case VMX_EXIT_VIRTUALIZED_EOI:
		item(t, "vector %#llx", q & 0xff);
		break;
	case VMX_EXIT_APIC_WRITE:
		item(t, "offset %#llx", q & 0xfff);
		break;
	case VMX_EXIT_EPT_VIOLATION:
		show_ept_violation(t, q);
		break;
	case VMX_EXIT_SPP_EVENT:
		item(t, q & BIT_ULL(11) ? "no entry" : "bad entry");
		break;
	case VMX_EXIT_NOTIFY:
		item(t, q & 1 ? "the guest's state is lost" : "the guest can go on");
		break;
	case VMX_EXIT_GDTR_IDTR:
	case VMX_EXIT_LDTR_TR:
	case VMX_EXIT_VMCLEAR:
	case VMX_EXIT_VMPTRLD:
	case VMX_EXIT_VMPTRST:
	case VMX_EXIT_VMREAD:
	case VMX_EXIT_VMWRITE:
	case VMX_EXIT_VMXON:
	case VMX_EXIT_INVEPT:
	case VMX_EXIT_INVVPID:
	case VMX_EXIT_INVPCID:
	case VMX_EXIT_XSAVES:
	case VMX_EXIT_XRSTORS:
		item(t, "displacement of the memory operand");
		break;
	}
}

static void show_vmcs_link(struct text *t, u64 value)
{
	item(t, value == ~0ULL ? "no shadow VMCS" : "shadow VMCS");
}

static void show_intr_status(struct text *t, u64 value)
{
	item(t, "requested %#llx, in service %#llx", value & 0xff, value >> 8);
}

static void show_tsc_offset(struct text *t, u64 value)
{
	item(t, "%lld ticks", (s64)value);
}

static void show_entry_event(struct text *t, u64 value)
{
	show_event(t, value, false);
}

static void show_exit_event(struct text *t, u64 value)
{
	show_event(t, value, true);
}

static void show_insn_error(struct text *t, u64 value)
{
	item(t, "%s", vmx_insn_error_name(value));
}

/* ---- (v) which field is shown how -------------------------------------------- */

/* A control word, a field of named bits, or a field with a decoder of its own. */
struct field_decoder {
	u32 first, last;		/* encodings */
	int word;			/* enum vtr_vmx_control_word, or -1 */
	const char * const *bits;
	unsigned int nr_bits;
	void (*show)(struct text *t, u64 value);
};

#define WORD(field, which)	{ VMCS_##field, VMCS_##field, VMX_WORD_##which }
#define BITS(field, list)	{ VMCS_##field, VMCS_##field, -1, list, ARRAY_SIZE(list) }
#define SHOW_TO(from, to, fn)	{ VMCS_##from, VMCS_##to, -1, NULL, 0, fn }
#define SHOW(field, fn)		SHOW_TO(field, field, fn)

static const struct field_decoder decoders[] = {
	WORD(PIN_BASED_VM_EXEC_CONTROL, PIN),
	WORD(CPU_BASED_VM_EXEC_CONTROL, PROC),
	WORD(SECONDARY_VM_EXEC_CONTROL, PROC2),
	WORD(TERTIARY_VM_EXEC_CONTROL, PROC3),
	WORD(VM_EXIT_CONTROLS, EXIT),
	WORD(SECONDARY_VM_EXIT_CONTROLS, EXIT2),
	WORD(VM_ENTRY_CONTROLS, ENTRY),
	BITS(VM_FUNCTION_CONTROL, vmfunc_bits),
	BITS(GUEST_CR0, cr0_bits),
	BITS(HOST_CR0, cr0_bits),
	BITS(CR0_GUEST_HOST_MASK, cr0_bits),
	BITS(CR0_READ_SHADOW, cr0_bits),
	BITS(GUEST_CR4, cr4_bits),
	BITS(HOST_CR4, cr4_bits),
	BITS(CR4_GUEST_HOST_MASK, cr4_bits),
	BITS(CR4_READ_SHADOW, cr4_bits),
	BITS(GUEST_IA32_EFER, efer_bits),
	BITS(HOST_IA32_EFER, efer_bits),
	BITS(GUEST_IA32_DEBUGCTL, debugctl_bits),
	BITS(GUEST_INTERRUPTIBILITY_INFO, interruptibility_bits),
	BITS(GUEST_PENDING_DBG_EXCEPTIONS, pending_debug_bits),
	SHOW(EXCEPTION_BITMAP, show_exception_bitmap),
	SHOW(EPT_POINTER, show_eptp),
	SHOW(GUEST_IA32_PAT, show_pat),
	SHOW(HOST_IA32_PAT, show_pat),
	SHOW(GUEST_RFLAGS, show_rflags),
	SHOW(GUEST_DR7, show_dr7),
	SHOW(GUEST_INTR_STATUS, show_intr_status),
	SHOW(GUEST_ACTIVITY_STATE, show_activity),
	SHOW(VMCS_LINK_POINTER, show_vmcs_link),
	SHOW(TSC_OFFSET, show_tsc_offset),
	SHOW(VM_ENTRY_INTR_INFO_FIELD, show_entry_event),
	SHOW(VM_EXIT_INTR_INFO, show_exit_event),
	SHOW(IDT_VECTORING_INFO_FIELD, show_exit_event),
	SHOW(VM_EXIT_REASON, show_exit_reason),
	SHOW(VM_INSTRUCTION_ERROR, show_insn_error),
	SHOW_TO(GUEST_ES_SELECTOR, GUEST_TR_SELECTOR, show_selector),
	SHOW_TO(HOST_ES_SELECTOR, HOST_TR_SELECTOR, show_selector),
	SHOW_TO(GUEST_ES_AR_BYTES, GUEST_TR_AR_BYTES, show_access_rights),
};

static void show_value(struct text *t, u32 encoding, u64 value, u32 reason)
{
	/* The only field whose meaning depends on another one. */
	if (encoding == VMCS_EXIT_QUALIFICATION) {
		show_qualification(t, reason, value);
		return;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(decoders); i++) {
		const struct field_decoder *d = &decoders[i];

		if (encoding < d->first || encoding > d->last)
			continue;
		if (d->show)
			d->show(t, value);
		else if (d->bits)
			list_bits(t, value, d->bits, d->nr_bits);
		else
			show_controls(t, value, d->word);
		return;
	}
}

/**
 * vmx_describe_field() - put the value of a VMCS field into words
 * @buf: where to; always terminated if @room is not 0
 * @room: bytes in @buf; 256 hold any field but a full control word
 * @encoding: the field
 * @value: its value
 * @reason: exit reason that the exit information belongs to
 *
 * Return: characters written, 0 if the plain number says it all.
 */
int vmx_describe_field(char *buf, size_t room, u32 encoding, u64 value, u32 reason)
{
	struct text t = { .buf = buf, .room = room };

	if (!room)
		return 0;
	buf[0] = 0;
	show_value(&t, encoding, value, reason);
	return t.used;
}

/**
 * vmx_describe_qualification() - put an exit qualification into words
 * @buf: where to; always terminated if @room is not 0
 * @room: bytes in @buf
 * @reason: exit reason
 * @qualification: exit qualification
 *
 * Return: characters written, 0 if this reason has no qualification.
 */
int vmx_describe_qualification(char *buf, size_t room, u32 reason, u64 qualification)
{
	return vmx_describe_field(buf, room, VMCS_EXIT_QUALIFICATION, qualification, reason);
}
