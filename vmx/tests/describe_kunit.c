// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do values turn into the right words?  KUnit suite "vmx_describe".
 *
 * Each case is one row: field, exit reason, value, expected text.  The values
 * are made by hand from the manual's layouts (a comment says which parts they
 * have where that is not plain), not by the code under test.  The last cases
 * attack the text buffer.  Built and run by tests/kunit/run.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "../describe.h"

struct row {
	u32 encoding;
	u32 reason;
	u64 value;
	const char *text;
};

static void check_rows(struct kunit *test, const struct row *rows, unsigned int count)
{
	char text[512];

	for (unsigned int i = 0; i < count; i++) {
		int n = vmx_describe_field(text, sizeof(text), rows[i].encoding,
					   rows[i].value, rows[i].reason);

		KUNIT_EXPECT_STREQ_MSG(test, text, rows[i].text,
				       "field %#x reason %u value %#llx", rows[i].encoding,
				       rows[i].reason, rows[i].value);
		KUNIT_EXPECT_EQ(test, n, (int)strlen(text));
	}
}

#define CHECK(rows) check_rows(test, rows, ARRAY_SIZE(rows))

static void control_words(struct kunit *test)
{
	static const struct row rows[] = {
		{ VMCS_PIN_BASED_VM_EXEC_CONTROL, 0, 0, "" },
		{ VMCS_PIN_BASED_VM_EXEC_CONTROL, 0, 0x3f,
		  "External-interrupt exiting, NMI exiting, Virtual NMIs, reserved 0x16" },
		{ VMCS_CPU_BASED_VM_EXEC_CONTROL, 0, BIT(7) | BIT(25) | BIT(31),
		  "HLT exiting, Use I/O bitmaps, Activate secondary controls" },
		{ VMCS_SECONDARY_VM_EXEC_CONTROL, 0, 0xa2,
		  "Enable EPT, Enable VPID, Unrestricted guest" },
		{ VMCS_TERTIARY_VM_EXEC_CONTROL, 0, BIT(4) | BIT_ULL(63),
		  "IPI virtualization, reserved 0x8000000000000000" },
		{ VMCS_VM_EXIT_CONTROLS, 0, 0x36fff & ~0x36dff,
		  "Host address-space size" },
		{ VMCS_VM_EXIT_CONTROLS, 0, BIT(15) | BIT(20) | BIT(21),
		  "Acknowledge interrupt on exit, Save IA32_EFER, Load IA32_EFER" },
		{ VMCS_SECONDARY_VM_EXIT_CONTROLS, 0, 1, "Save FRED" },
		{ VMCS_VM_ENTRY_CONTROLS, 0, BIT(9) | BIT(15) | BIT(0),
		  "IA-32e mode guest, Load IA32_EFER, reserved 0x1" },
		{ VMCS_VM_FUNCTION_CONTROL, 0, 3, "EPTP switching, reserved 0x2" },
	};

	CHECK(rows);
}

static void control_registers(struct kunit *test)
{
	static const struct row rows[] = {
		{ VMCS_GUEST_CR0, 0, 0x80050033, "PE, MP, ET, NE, WP, AM, PG" },
		{ VMCS_GUEST_CR0, 0, 0x60000010, "ET, NW, CD" },
		{ VMCS_CR0_GUEST_HOST_MASK, 0, 0x80000021, "PE, NE, PG" },
		{ VMCS_CR0_READ_SHADOW, 0, 0, "" },
		{ VMCS_HOST_CR0, 0, BIT_ULL(32), "reserved 0x100000000" },
		{ VMCS_GUEST_CR4, 0, 0x26f8,
		  "DE, PSE, PAE, MCE, PGE, OSFXSR, OSXMMEXCPT, VMXE" },
		{ VMCS_HOST_CR4, 0, 0x372000, "VMXE, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP" },
		{ VMCS_CR4_GUEST_HOST_MASK, 0, BIT(13), "VMXE" },
		{ VMCS_CR4_READ_SHADOW, 0, BIT(15) | BIT(26), "reserved 0x4008000" },
		{ VMCS_GUEST_IA32_EFER, 0, 0xd01, "SCE, LME, LMA, NXE" },
		{ VMCS_HOST_IA32_EFER, 0, 0x500, "LME, LMA" },
		{ VMCS_GUEST_RFLAGS, 0, 0x2, "" },
		{ VMCS_GUEST_RFLAGS, 0, 0x246, "PF, ZF, IF" },
		{ VMCS_GUEST_RFLAGS, 0, 0x3002, "IOPL 3" },
		{ VMCS_GUEST_RFLAGS, 0, 0x200, "IF, bit 1 clear: no entry possible" },
		{ VMCS_GUEST_IA32_DEBUGCTL, 0, 3, "LBR, BTF" },
		/* The value after reset: WB WT UC- UC, twice. */
		{ VMCS_GUEST_IA32_PAT, 0, 0x0007040600070406ULL,
		  "WB, WT, UC-, UC, WB, WT, UC-, UC" },
		{ VMCS_HOST_IA32_PAT, 0, 0x0000000000050102ULL,
		  "reserved, WC, WP, UC, UC, UC, UC, UC" },
	};

	CHECK(rows);
}

static void segments(struct kunit *test)
{
	static const struct row rows[] = {
		{ VMCS_GUEST_CS_SELECTOR, 0, 0, "null" },
		{ VMCS_GUEST_SS_SELECTOR, 0, 3, "null" },
		{ VMCS_GUEST_CS_SELECTOR, 0, 0x10, "GDT entry 2, RPL 0" },
		{ VMCS_GUEST_TR_SELECTOR, 0, 0x33, "GDT entry 6, RPL 3" },
		{ VMCS_HOST_TR_SELECTOR, 0, 0x0f, "LDT entry 1, RPL 3" },
		/* G L P S type 11 */
		{ VMCS_GUEST_CS_AR_BYTES, 0, 0xa09b,
		  "code, readable, accessed, DPL 0, 64-bit, limit in 4 KiB" },
		{ VMCS_GUEST_CS_AR_BYTES, 0, 0xc09b,
		  "code, readable, accessed, DPL 0, 32-bit, limit in 4 KiB" },
		{ VMCS_GUEST_CS_AR_BYTES, 0, 0x009d, "code, conforming, accessed, DPL 0, 16-bit" },
		{ VMCS_GUEST_DS_AR_BYTES, 0, 0xc0f3,
		  "data, writable, accessed, DPL 3, 32-bit, limit in 4 KiB" },
		{ VMCS_GUEST_SS_AR_BYTES, 0, 0x0016,
		  "data, writable, expand-down, DPL 0, not present, 16-bit" },
		{ VMCS_GUEST_LDTR_AR_BYTES, 0, 0x82, "LDT, DPL 0" },
		{ VMCS_GUEST_TR_AR_BYTES, 0, 0x8b, "busy TSS, DPL 0" },
		{ VMCS_GUEST_TR_AR_BYTES, 0, 0x83, "busy 16-bit TSS, DPL 0" },
		{ VMCS_GUEST_TR_AR_BYTES, 0, 0x89, "other system segment, DPL 0" },
		{ VMCS_GUEST_GS_AR_BYTES, 0, 0x1c093, "unusable" },
		{ VMCS_GUEST_ES_AR_BYTES, 0, 0x10000, "unusable" },
	};

	CHECK(rows);
}

static void guest_state(struct kunit *test)
{
	static const struct row rows[] = {
		{ VMCS_GUEST_ACTIVITY_STATE, 0, 0, "active" },
		{ VMCS_GUEST_ACTIVITY_STATE, 0, 1, "halted" },
		{ VMCS_GUEST_ACTIVITY_STATE, 0, 2, "shut down" },
		{ VMCS_GUEST_ACTIVITY_STATE, 0, 3, "waits for a start-up IPI" },
		{ VMCS_GUEST_ACTIVITY_STATE, 0, 4, "reserved 0x4" },
		{ VMCS_GUEST_INTERRUPTIBILITY_INFO, 0, 0, "" },
		{ VMCS_GUEST_INTERRUPTIBILITY_INFO, 0, 9, "blocking by STI, blocking by NMI" },
		{ VMCS_GUEST_INTERRUPTIBILITY_INFO, 0, 2, "blocking by MOV SS" },
		{ VMCS_GUEST_INTERRUPTIBILITY_INFO, 0, 0x20, "reserved 0x20" },
		{ VMCS_GUEST_INTR_STATUS, 0, 0x3051, "requested 0x51, in service 0x30" },
		{ VMCS_GUEST_PENDING_DBG_EXCEPTIONS, 0, 0x5001,
		  "breakpoint 0, enabled breakpoint, single step" },
		/* L0; G2 with a 4-byte write watch */
		{ VMCS_GUEST_DR7, 0, 0x400, "no breakpoint" },
		{ VMCS_GUEST_DR7, 0, 0x401, "breakpoint 0: execution of 1" },
		{ VMCS_GUEST_DR7, 0, 0x0d000420, "breakpoint 2: write of 4" },
		{ VMCS_GUEST_DR7, 0, 0xb0000480, "breakpoint 3: access of 8" },
		{ VMCS_VMCS_LINK_POINTER, 0, ~0ULL, "no shadow VMCS" },
		{ VMCS_TSC_OFFSET, 0, -1000ULL, "-1000 ticks" },
		{ VMCS_EXCEPTION_BITMAP, 0, 0, "none" },
		{ VMCS_EXCEPTION_BITMAP, 0, BIT(1) | BIT(14) | BIT(18), "#DB, #PF, #MC" },
		{ VMCS_EXCEPTION_BITMAP, 0, BIT(15) | BIT(31), "vector 15, vector 31" },
		/* The root's address must not show. */
		{ VMCS_EPT_POINTER, 0, 0x12345000 | 0x1e,
		  "walk of 4 levels, write-back, no accessed and dirty bits" },
		{ VMCS_EPT_POINTER, 0, 0x60,
		  "walk of 5 levels, uncacheable, accessed and dirty bits" },
		{ VMCS_EPT_POINTER, 0, 0x19,
		  "walk of 4 levels, reserved memory type 1, no accessed and dirty bits" },
	};

	CHECK(rows);
}

static void events(struct kunit *test)
{
	static const struct row rows[] = {
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0, "none" },
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x00000b0e, "none" },
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x80000020,
		  "external interrupt, vector 0x20" },
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x80000b0e,
		  "hardware exception #PF (vector 14), with error code" },
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x80000202, "NMI" },
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x80000480,
		  "software interrupt, vector 0x80" },
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x80000603,
		  "software exception, vector 0x3" },
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x80000700,
		  "other event (monitor trap flag)" },
		/* Bit 12 means something in exit information only. */
		{ VMCS_VM_ENTRY_INTR_INFO_FIELD, 0, 0x80001306,
		  "hardware exception #UD (vector 6)" },
		{ VMCS_VM_EXIT_INTR_INFO, 0, 0x80001b0d,
		  "hardware exception #GP (vector 13), with error code, NMIs unblocked by IRET" },
		{ VMCS_VM_EXIT_INTR_INFO, 0, 0x80000501,
		  "privileged software exception, vector 0x1" },
		{ VMCS_IDT_VECTORING_INFO_FIELD, 0, 0x800000ef,
		  "external interrupt, vector 0xef" },
		{ VMCS_IDT_VECTORING_INFO_FIELD, 0, 0x80000309,
		  "hardware exception, vector 0x9" },
	};

	CHECK(rows);
}

static void exit_information(struct kunit *test)
{
	static const struct row rows[] = {
		{ VMCS_VM_EXIT_REASON, 0, 10, "CPUID" },
		{ VMCS_VM_EXIT_REASON, 0, 0x80000021,
		  "VM-entry failure due to invalid guest state, the entry failed" },
		{ VMCS_VM_EXIT_REASON, 0, 0x0400000c, "HLT, with a bus lock" },
		{ VMCS_VM_EXIT_REASON, 0, 0x1800000c, "HLT, in an enclave, monitor trap pending" },
		{ VMCS_VM_EXIT_REASON, 0, 35, "Reserved exit reason" },
		{ VMCS_VM_INSTRUCTION_ERROR, 0, 0, "none" },
		{ VMCS_VM_INSTRUCTION_ERROR, 0, 7, "entry: bad control field" },
		{ VMCS_VM_INSTRUCTION_ERROR, 0, 14, "unknown" },
		/* Plain numbers need no words. */
		{ VMCS_GUEST_RIP, 0, 0xfff0, "" },
		{ VMCS_HOST_GS_BASE, 0, 0xffff888000000000ULL, "" },
		{ VMCS_VM_EXIT_INSTRUCTION_LEN, 0, 2, "" },
		{ 0x7ffe, 0, 5, "" },
	};

	CHECK(rows);
}

#define QUAL(reason, value, text) \
	{ VMCS_EXIT_QUALIFICATION, VMX_EXIT_##reason, value, text }

static void qualifications_of_instructions(struct kunit *test)
{
	static const struct row rows[] = {
		QUAL(CR_ACCESS, 0x000, "MOV CR0, RAX"),
		QUAL(CR_ACCESS, 0x304, "MOV CR4, RBX"),
		QUAL(CR_ACCESS, 0x013, "MOV RAX, CR3"),
		QUAL(CR_ACCESS, 0xf18, "MOV R15, CR8"),
		QUAL(CR_ACCESS, 0x020, "CLTS"),
		QUAL(CR_ACCESS, 0x00010030, "LMSW 0x1 from a register"),
		QUAL(CR_ACCESS, 0xfff10070, "LMSW 0xfff1 from memory"),
		QUAL(DR_ACCESS, 0x007, "MOV DR7, RAX"),
		QUAL(DR_ACCESS, 0x216, "MOV RDX, DR6"),
		QUAL(IO, 0x03f80000, "OUT port 0x3f8, 1 byte"),
		QUAL(IO, 0x03fd0008, "IN port 0x3fd, 1 byte"),
		QUAL(IO, 0x00800041, "OUT port 0x80, 2 bytes, port given in the instruction"),
		QUAL(IO, 0x0cfc000b, "IN port 0xcfc, 4 bytes"),
		QUAL(IO, 0x01f00039, "REP INS port 0x1f0, 2 bytes"),
		QUAL(IO, 0x00e90010, "OUTS port 0xe9, 1 byte"),
		QUAL(MWAIT, 1, "monitor armed"),
		QUAL(INVLPG, 0x1000, "linear address"),
		QUAL(INVEPT, 0x10, "displacement of the memory operand"),
		QUAL(CPUID, 0, ""),
		QUAL(HLT, 0, ""),
		QUAL(VMCALL, 0, ""),
	};

	CHECK(rows);
}

static void qualifications_of_events(struct kunit *test)
{
	static const struct row rows[] = {
		QUAL(EPT_VIOLATION, 0x181,
		     "read, tables allow ---, by the guest's own access"),
		QUAL(EPT_VIOLATION, 0x182 | 0x28,
		     "write, tables allow r-x, by the guest's own access"),
		QUAL(EPT_VIOLATION, 0x083,
		     "read, write, tables allow ---, by the walk of the guest's page tables"),
		QUAL(EPT_VIOLATION, 0x11bc & ~0x180,
		     "fetch, tables allow rwx, no linear address, NMIs unblocked by IRET"),
		QUAL(TASK_SWITCH, 0x40000018, "IRET to TSS selector 0x18"),
		QUAL(TASK_SWITCH, 0xc0000020, "task gate to TSS selector 0x20"),
		QUAL(SIPI_SIGNAL, 0x9a, "start-up vector 0x9a"),
		QUAL(APIC_ACCESS, 0x1300, "write at offset 0x300"),
		QUAL(APIC_ACCESS, 0x3080, "access while delivering an event at offset 0x80"),
		QUAL(APIC_ACCESS, 0x5000, "reserved type of access at offset 0x0"),
		QUAL(VIRTUALIZED_EOI, 0x41, "vector 0x41"),
		QUAL(APIC_WRITE, 0xb0, "offset 0xb0"),
		QUAL(INVALID_GUEST_STATE, 0, "no further detail"),
		QUAL(INVALID_GUEST_STATE, 4, "bad VMCS link pointer"),
		QUAL(INVALID_GUEST_STATE, 1, "reserved 0x1"),
		QUAL(MSR_LOAD_FAIL, 3, "entry 3 of the list"),
		QUAL(SPP_EVENT, 0x800, "no entry"),
		QUAL(NOTIFY, 1, "the guest's state is lost"),
		/* The flags beside the basic reason do not disturb. */
		{ VMCS_EXIT_QUALIFICATION, VMX_EXIT_INVALID_GUEST_STATE | VMX_EXIT_ENTRY_FAILED,
		  3, "an NMI was injected while events are blocked" },
		{ VMCS_EXIT_QUALIFICATION, 0xffff, 5, "" },
	};
	char text[64];

	CHECK(rows);
	vmx_describe_qualification(text, sizeof(text), VMX_EXIT_CR_ACCESS, 0x020);
	KUNIT_EXPECT_STREQ(test, text, "CLTS");
}

/* ---- the buffer ------------------------------------------------------------ */

static void short_buffers_cut_the_text(struct kunit *test)
{
	char text[16];

	for (size_t room = 0; room <= 10; room++) {
		int n;

		memset(text, '#', sizeof(text));
		n = vmx_describe_field(text, room, VMCS_GUEST_CR0, 0x80050033, 0);
		KUNIT_EXPECT_EQ(test, n, room ? (int)room - 1 : 0);
		if (room) {
			KUNIT_EXPECT_EQ(test, text[room - 1], '\0');
			KUNIT_EXPECT_EQ(test, memcmp(text, "PE, MP, ET", room - 1), 0);
		}
		KUNIT_EXPECT_EQ(test, text[room], '#');
	}
}

static void nothing_to_say_ends_the_text(struct kunit *test)
{
	char text[4] = "###";

	KUNIT_EXPECT_EQ(test, vmx_describe_field(text, sizeof(text), VMCS_GUEST_RIP, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, text[0], '\0');
}

/* Random values and reasons through every decoder and small buffers. */
static void no_value_breaks_the_buffer(struct kunit *test)
{
	const struct vmx_field_info *f;
	struct rnd_state rnd;
	char text[600];

	prandom_seed_state(&rnd, 20);
	for (unsigned int i = 0; (f = vmx_field_info(i)); i++) {
		for (unsigned int round = 0; round < 64; round++) {
			u64 value = (u64)prandom_u32_state(&rnd) << 32 | prandom_u32_state(&rnd);
			size_t room = 1 + prandom_u32_state(&rnd) % 500;
			u32 reason = prandom_u32_state(&rnd) % (VMX_EXIT_NUMBERS + 2);
			int n;

			memset(text, '#', sizeof(text));
			n = vmx_describe_field(text, room, f->encoding, value, reason);
			KUNIT_ASSERT_LT_MSG(test, n, (int)room, "%s", f->name);
			KUNIT_ASSERT_EQ_MSG(test, n, (int)strlen(text), "%s", f->name);
			KUNIT_ASSERT_NULL_MSG(test, memchr_inv(text + room, '#',
							       sizeof(text) - room),
					      "%s wrote past %zu bytes", f->name, room);
		}
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(control_words),
	KUNIT_CASE(control_registers),
	KUNIT_CASE(segments),
	KUNIT_CASE(guest_state),
	KUNIT_CASE(events),
	KUNIT_CASE(exit_information),
	KUNIT_CASE(qualifications_of_instructions),
	KUNIT_CASE(qualifications_of_events),
	KUNIT_CASE(short_buffers_cut_the_text),
	KUNIT_CASE(nothing_to_say_ends_the_text),
	KUNIT_CASE(no_value_breaks_the_buffer),
	{}
};

static struct kunit_suite suite = {
	.name = "vmx_describe",
	.test_cases = cases,
};

kunit_test_suite(suite);
