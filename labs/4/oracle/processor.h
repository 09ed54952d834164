/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the emulated processor can do (corei7_skylake_x), for labs/4/oracle/rules.c.
 * Read on it: labs/4/try valid long --show processor.  Capability words are in the
 * order of enum vtr_vmx_control_word.
 */
	.must[0] = 0x16, .may[0] = 0x7f,
	.must[1] = 0x4006172, .may[1] = 0xf7f9fffe,
	.must[2] = 0x0, .may[2] = 0x2177fff,
	.must[3] = 0x0, .may[3] = 0x0,
	.must[4] = 0x36dfb, .may[4] = 0x7fffff,
	.must[5] = 0x0, .may[5] = 0x0,
	.must[6] = 0x11fb, .may[6] = 0xffff,
	.must[7] = 0x0, .may[7] = 0x0,
	.cr0_fixed0 = 0x80000021,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000,
	.cr4_fixed1 = 0x3727ff,
	.basic = 0xd810000000002b,
	.misc = 0x600401e0,
	.ept_vpid = 0xf0106334141,
	.vmfunc = 0x1,
	.perf_global = 0x70000000f,
	.efer = 0xd01,
	.revision = 0x2b,
	.phys_bits = 40,
	.linear_bits = 48,
	.sgx = 0,
	.rtm = 0,
	.bus_lock = 0,
	.x2apic = 0,
