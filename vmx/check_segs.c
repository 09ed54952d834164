// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rules of VM entry: the guest's segment registers.
 *
 * The longest list, and the one that students meet first.  A segment is checked
 * if it is usable; CS and TR always are.  In virtual-8086 mode all six follow
 * from their selectors and nothing else is checked of them.  Rules and fields of
 * ES, CS, SS, DS, FS and GS lie behind each other in this order, so that
 * VMX_RULE_ES_P + DS is VMX_RULE_DS_P.
 * Called by vmx/check.c.  Read next: vmx/check_msrs.c.
 * Source: SDM 3C "Checks on Guest Segment Registers" (27.3.1.2).
 */
#include <asm/processor-flags.h>

#include "check_rules.h"

enum segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR };

/*
 * Access rights:
 *
 *	 31  17    16    15 14 13 12 11   8 7 6 5 4 3  0
 *	+------+--------+--+--+--+---+-----+-+---+-+----+
 *	|   0  |unusable| G|DB| L|AVL|  0  |P|DPL|S|type|
 *	+------+--------+--+--+--+---+-----+-+---+-+----+
 */
#define AR_TYPE		GENMASK(3, 0)
#define AR_ACCESSED	BIT(0)
#define AR_READABLE	BIT(1)	/* of code */
#define AR_CODE		BIT(3)
#define AR_S		BIT(4)
#define AR_P		BIT(7)
#define AR_RESERVED	(GENMASK(31, 17) | GENMASK(11, 8))
#define AR_L		BIT(13)
#define AR_DB		BIT(14)
#define AR_G		BIT(15)
#define AR_UNUSABLE	BIT(16)
#define AR_V86		0xf3

#define TYPE_LDT	2
#define TYPE_TSS16_BUSY	3
#define TYPE_TSS_BUSY	11

#define SELECTOR_TI	BIT(2)
#define SELECTOR_RPL	GENMASK(1, 0)

static u16 selector(const struct vmx_entry_state *s, enum segment seg)
{
	return s->field[VMX_PLACE_GUEST_ES_SELECTOR + seg];
}

static u64 base(const struct vmx_entry_state *s, enum segment seg)
{
	return s->field[VMX_PLACE_GUEST_ES_BASE + seg];
}

static u32 limit(const struct vmx_entry_state *s, enum segment seg)
{
	return s->field[VMX_PLACE_GUEST_ES_LIMIT + seg];
}

static u32 rights(const struct vmx_entry_state *s, enum segment seg)
{
	return s->field[VMX_PLACE_GUEST_ES_AR_BYTES + seg];
}

static unsigned int type(const struct vmx_entry_state *s, enum segment seg)
{
	return rights(s, seg) & AR_TYPE;
}

static unsigned int dpl(const struct vmx_entry_state *s, enum segment seg)
{
	return (rights(s, seg) >> 5) & 3;
}

static bool usable(const struct vmx_entry_state *s, enum segment seg)
{
	return !(rights(s, seg) & AR_UNUSABLE);
}

/* The limit is in bytes: what it can be follows from its unit. */
static void check_granularity(const struct vmx_entry_state *s, struct vmx_verdict *v,
			      enum segment seg, enum vmx_rule low, enum vmx_rule high)
{
	bool g = rights(s, seg) & AR_G;

	demand(v, low, !g || (limit(s, seg) & 0xfff) == 0xfff);
	demand(v, high, g || !(limit(s, seg) >> 20));
}

/* ---- virtual-8086 mode ------------------------------------------------------------- */

static void check_v86(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	for (enum segment seg = SEG_ES; seg <= SEG_GS; seg++) {
		demand(v, VMX_RULE_V86_BASE_ES + seg,
		       base(s, seg) == (u64)selector(s, seg) << 4);
		demand(v, VMX_RULE_V86_LIMIT_ES + seg, limit(s, seg) == 0xffff);
		demand(v, VMX_RULE_V86_RIGHTS_ES + seg, rights(s, seg) == AR_V86);
	}
}

/* ---- code, stack and data ---------------------------------------------------------- */

static void check_bases(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	demand(v, VMX_RULE_FS_BASE_CANONICAL, is_canonical(s, base(s, SEG_FS)));
	demand(v, VMX_RULE_GS_BASE_CANONICAL, is_canonical(s, base(s, SEG_GS)));
	demand(v, VMX_RULE_CS_BASE_HIGH, !(base(s, SEG_CS) >> 32));
	demand(v, VMX_RULE_SS_BASE_HIGH, !usable(s, SEG_SS) || !(base(s, SEG_SS) >> 32));
	demand(v, VMX_RULE_DS_BASE_HIGH, !usable(s, SEG_DS) || !(base(s, SEG_DS) >> 32));
	demand(v, VMX_RULE_ES_BASE_HIGH, !usable(s, SEG_ES) || !(base(s, SEG_ES) >> 32));
}

/* What holds for all six alike. */
static void check_common(const struct vmx_entry_state *s, struct vmx_verdict *v,
			 enum segment seg)
{
	u32 ar = rights(s, seg);

	demand(v, VMX_RULE_ES_S + seg, ar & AR_S);
	demand(v, VMX_RULE_ES_P + seg, ar & AR_P);
	demand(v, VMX_RULE_ES_RESERVED + seg, !(ar & AR_RESERVED));
	check_granularity(s, v, seg, VMX_RULE_ES_G_LOW + seg, VMX_RULE_ES_G_HIGH + seg);
}

static void check_cs(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	unsigned int t = type(s, SEG_CS);
	bool data = t == 3, nonconforming = t == 9 || t == 11, conforming = t == 13 || t == 15;

	demand(v, VMX_RULE_CS_TYPE, nonconforming || conforming || (data && unrestricted(s)));
	demand(v, VMX_RULE_CS_DPL_DATA, !data || !dpl(s, SEG_CS));
	demand(v, VMX_RULE_CS_DPL_NONCONFORMING,
	       !nonconforming || dpl(s, SEG_CS) == dpl(s, SEG_SS));
	demand(v, VMX_RULE_CS_DPL_CONFORMING, !conforming || dpl(s, SEG_CS) <= dpl(s, SEG_SS));
	demand(v, VMX_RULE_CS_L_AND_DB,
	       !ia32e_guest(s) || !(rights(s, SEG_CS) & AR_L) || !(rights(s, SEG_CS) & AR_DB));
	check_common(s, v, SEG_CS);
}

/*
 * The DPL of SS is the guest's privilege level, also of an unusable SS; so these
 * two rules apply always.
 */
static void check_ss(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	bool real = !(FIELD(s, GUEST_CR0) & X86_CR0_PE) || type(s, SEG_CS) == 3;

	demand(v, VMX_RULE_SS_DPL_RPL,
	       unrestricted(s) || dpl(s, SEG_SS) == (selector(s, SEG_SS) & SELECTOR_RPL));
	demand(v, VMX_RULE_SS_DPL_REAL, !real || !dpl(s, SEG_SS));
	if (!usable(s, SEG_SS))
		return;
	demand(v, VMX_RULE_SS_TYPE, type(s, SEG_SS) == 3 || type(s, SEG_SS) == 7);
	check_common(s, v, SEG_SS);
}

/* Rules of data segments skip CS and SS: ES, DS, FS, GS are 0, 1, 2, 3. */
static unsigned int data_number(enum segment seg)
{
	return seg == SEG_ES ? 0 : seg - SEG_DS + 1;
}

static void check_data(const struct vmx_entry_state *s, struct vmx_verdict *v, enum segment seg)
{
	unsigned int n = data_number(seg), t = type(s, seg);

	if (!usable(s, seg))
		return;
	demand(v, VMX_RULE_ES_ACCESSED + n, t & AR_ACCESSED);
	demand(v, VMX_RULE_ES_READABLE + n, !(t & AR_CODE) || t & AR_READABLE);
	/* Types up to 11: data, and code that is not conforming. */
	demand(v, VMX_RULE_ES_DPL_RPL + n,
	       unrestricted(s) || t > 11 || dpl(s, seg) >= (selector(s, seg) & SELECTOR_RPL));
	check_common(s, v, seg);
}

/* ---- TR and LDTR ------------------------------------------------------------------- */

static void check_tr(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u32 ar = rights(s, SEG_TR);
	unsigned int t = type(s, SEG_TR);

	demand(v, VMX_RULE_TR_TI, !(selector(s, SEG_TR) & SELECTOR_TI));
	demand(v, VMX_RULE_TR_BASE_CANONICAL, is_canonical(s, base(s, SEG_TR)));
	demand(v, VMX_RULE_TR_TYPE_32,
	       ia32e_guest(s) || t == TYPE_TSS16_BUSY || t == TYPE_TSS_BUSY);
	demand(v, VMX_RULE_TR_TYPE_64, !ia32e_guest(s) || t == TYPE_TSS_BUSY);
	demand(v, VMX_RULE_TR_S, !(ar & AR_S));
	demand(v, VMX_RULE_TR_P, ar & AR_P);
	demand(v, VMX_RULE_TR_RESERVED, !(ar & AR_RESERVED));
	demand(v, VMX_RULE_TR_UNUSABLE, usable(s, SEG_TR));
	check_granularity(s, v, SEG_TR, VMX_RULE_TR_G_LOW, VMX_RULE_TR_G_HIGH);
}

static void check_ldtr(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	u32 ar = rights(s, SEG_LDTR);

	if (!usable(s, SEG_LDTR))
		return;
	demand(v, VMX_RULE_LDTR_TI, !(selector(s, SEG_LDTR) & SELECTOR_TI));
	demand(v, VMX_RULE_LDTR_BASE_CANONICAL, is_canonical(s, base(s, SEG_LDTR)));
	demand(v, VMX_RULE_LDTR_TYPE, type(s, SEG_LDTR) == TYPE_LDT);
	demand(v, VMX_RULE_LDTR_S, !(ar & AR_S));
	demand(v, VMX_RULE_LDTR_P, ar & AR_P);
	demand(v, VMX_RULE_LDTR_RESERVED, !(ar & AR_RESERVED));
	check_granularity(s, v, SEG_LDTR, VMX_RULE_LDTR_G_LOW, VMX_RULE_LDTR_G_HIGH);
}

void vmx_check_segments(const struct vmx_entry_state *s, struct vmx_verdict *v)
{
	if (FIELD(s, GUEST_RFLAGS) & X86_EFLAGS_VM) {
		check_v86(s, v);
	} else {
		demand(v, VMX_RULE_SS_RPL_CS_RPL,
		       unrestricted(s) ||
		       !((selector(s, SEG_SS) ^ selector(s, SEG_CS)) & SELECTOR_RPL));
		check_cs(s, v);
		check_ss(s, v);
		check_data(s, v, SEG_ES);
		check_data(s, v, SEG_DS);
		check_data(s, v, SEG_FS);
		check_data(s, v, SEG_GS);
	}
	check_bases(s, v);
	check_tr(s, v);
	check_ldtr(s, v);
}
