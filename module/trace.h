/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points `vitrine:*`, one for each arrow of the picture in
 * docs/architecture.md; read them with trace-cmd, perf or ftrace.
 *
 * Hit in process context, outside of the window around VM entry where
 * instrumentation is forbidden.  Reasons are the processor's own numbers with
 * the neutral kind beside them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vitrine

#if !defined(VTR_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VTR_TRACE_H

#include <linux/tracepoint.h>

#include "../ioctl-uapi/vitrine.h"

#define VTR_KIND_NAMES							\
	{ VTR_HW_NONE, "NONE" }, { VTR_HW_CPUID, "CPUID" },		\
	{ VTR_HW_MSR, "MSR" }, { VTR_HW_IO, "IO" },			\
	{ VTR_HW_HLT, "HLT" }, { VTR_HW_HYPERCALL, "HYPERCALL" },	\
	{ VTR_HW_SLAT, "SLAT" }, { VTR_HW_HOST_IRQ, "HOST_IRQ" },	\
	{ VTR_HW_HOST_NMI, "HOST_NMI" }, { VTR_HW_TRIPLE, "TRIPLE" },	\
	{ VTR_HW_CR, "CR" }, { VTR_HW_DR, "DR" },			\
	{ VTR_HW_EXCEPTION, "EXCEPTION" }, { VTR_HW_WINDOW, "WINDOW" },	\
	{ VTR_HW_STEP, "STEP" }, { VTR_HW_INSN, "INSN" },		\
	{ VTR_HW_FAIL, "FAIL" }, { VTR_HW_OTHER, "OTHER" }, \
	{ VTR_HW_TASK_SWITCH, "TASK_SWITCH" }, { VTR_HW_BAD_SLAT, "BAD_SLAT" }, \
	{ VTR_HW_CACHE, "CACHE" }, { VTR_HW_SPIN, "SPIN" }, { VTR_HW_PMC, "PMC" }, \
	{ VTR_HW_NOTICE, "NOTICE" }, { VTR_HW_APIC_ACCESS, "APIC_ACCESS" }, \
	{ VTR_HW_APIC_WRITE, "APIC_WRITE" }, { VTR_HW_APIC_END, "APIC_END" }

#define VTR_EXIT_NAMES							\
	{ VTR_EXIT_NONE, "NONE" }, { VTR_EXIT_IO, "IO" },		\
	{ VTR_EXIT_MMIO, "MMIO" }, { VTR_EXIT_HYPERCALL, "HYPERCALL" },	\
	{ VTR_EXIT_HLT, "HLT" }, { VTR_EXIT_SHUTDOWN, "SHUTDOWN" },	\
	{ VTR_EXIT_WINDOW, "WINDOW" }, { VTR_EXIT_DEBUG, "DEBUG" },	\
	{ VTR_EXIT_FAIL_ENTRY, "FAIL_ENTRY" },				\
	{ VTR_EXIT_STOPPED, "STOPPED" }, { VTR_EXIT_IMMEDIATE, "IMMEDIATE" },	\
	{ VTR_EXIT_MSR, "MSR" }, { VTR_EXIT_TRACE, "TRACE" }

TRACE_EVENT(vtr_entry,
	TP_PROTO(u32 vm, u32 vcpu, u8 queued, u8 vector),
	TP_ARGS(vm, vcpu, queued, vector),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u8, queued)
		__field(u8, vector)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->queued = queued;
		__entry->vector = vector;
	),
	TP_printk("vm=%u vcpu=%u event=%u vector=%u",
		  __entry->vm, __entry->vcpu, __entry->queued, __entry->vector)
);

TRACE_EVENT(vtr_exit,
	TP_PROTO(u32 vm, u32 vcpu, u32 kind, u32 reason, u64 qualification, u64 rip),
	TP_ARGS(vm, vcpu, kind, reason, qualification, rip),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, kind)
		__field(u32, reason)
		__field(u64, qualification)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->kind = kind;
		__entry->reason = reason;
		__entry->qualification = qualification;
		__entry->rip = rip;
	),
	TP_printk("vm=%u vcpu=%u kind=%s reason=%u qualification=0x%llx rip=0x%llx",
		  __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->kind, VTR_KIND_NAMES),
		  __entry->reason, __entry->qualification, __entry->rip)
);

TRACE_EVENT(vtr_entry_failed,
	TP_PROTO(u32 vm, u32 vcpu, u32 error, u32 reason, u32 broken, const char *sentence),
	TP_ARGS(vm, vcpu, error, reason, broken, sentence),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, error)
		__field(u32, reason)
		__field(u32, broken)
		__array(char, sentence, VTR_SENTENCE_BYTES)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->error = error;
		__entry->reason = reason;
		__entry->broken = broken;
		strscpy_pad(__entry->sentence, sentence, VTR_SENTENCE_BYTES);
	),
	TP_printk("vm=%u vcpu=%u error=%u reason=0x%x broken=%u: %s", __entry->vm,
		  __entry->vcpu, __entry->error, __entry->reason, __entry->broken,
		  __entry->sentence)
);

TRACE_EVENT(vtr_user_exit,
	TP_PROTO(u32 vm, u32 vcpu, u32 exit),
	TP_ARGS(vm, vcpu, exit),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, exit)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->exit = exit;
	),
	TP_printk("vm=%u vcpu=%u exit=%s", __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->exit, VTR_EXIT_NAMES))
);

TRACE_EVENT(vtr_inject,
	TP_PROTO(u32 vm, u32 vcpu, u8 kind, u8 vector, u32 error),
	TP_ARGS(vm, vcpu, kind, vector, error),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u8, kind)
		__field(u8, vector)
		__field(u32, error)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->kind = kind;
		__entry->vector = vector;
		__entry->error = error;
	),
	TP_printk("vm=%u vcpu=%u kind=%u vector=%u error=0x%x", __entry->vm,
		  __entry->vcpu, __entry->kind, __entry->vector, __entry->error)
);

TRACE_EVENT(vtr_line,
	TP_PROTO(u32 vm, u32 line, u32 level),
	TP_ARGS(vm, line, level),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, line)
		__field(u32, level)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->line = line;
		__entry->level = level;
	),
	TP_printk("vm=%u line=%u level=%u", __entry->vm, __entry->line, __entry->level)
);

TRACE_EVENT(vtr_ioeventfd,
	TP_PROTO(u32 vm, u32 vcpu, bool port, u64 address, u32 bytes, u64 value),
	TP_ARGS(vm, vcpu, port, address, bytes, value),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(bool, port)
		__field(u64, address)
		__field(u32, bytes)
		__field(u64, value)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->port = port;
		__entry->address = address;
		__entry->bytes = bytes;
		__entry->value = value;
	),
	TP_printk("vm=%u vcpu=%u %s=0x%llx bytes=%u value=0x%llx", __entry->vm, __entry->vcpu,
		  __entry->port ? "port" : "gpa", __entry->address, __entry->bytes,
		  __entry->value)
);

TRACE_EVENT(vtr_apic,
	TP_PROTO(u32 vm, u32 vcpu, u32 reg, bool write, u64 value),
	TP_ARGS(vm, vcpu, reg, write, value),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, reg)
		__field(bool, write)
		__field(u64, value)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->reg = reg;
		__entry->write = write;
		__entry->value = value;
	),
	TP_printk("vm=%u vcpu=%u %s offset=0x%x value=0x%llx", __entry->vm, __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->reg << 4, __entry->value)
);

TRACE_EVENT(vtr_accept,
	TP_PROTO(u32 vm, u32 vcpu, u8 mode, u8 vector),
	TP_ARGS(vm, vcpu, mode, vector),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u8, mode)
		__field(u8, vector)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->mode = mode;
		__entry->vector = vector;
	),
	TP_printk("vm=%u vcpu=%u mode=%s vector=%u", __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->mode, { 0, "FIXED" }, { 1, "LOWEST" }, { 2, "SMI" },
				   { 4, "NMI" }, { 5, "INIT" }, { 6, "STARTUP" },
				   { 7, "EXTINT" }), __entry->vector)
);

TRACE_EVENT(vtr_timer,
	TP_PROTO(u32 vm, u32 vcpu, bool expired, u64 due, u64 now),
	TP_ARGS(vm, vcpu, expired, due, now),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(bool, expired)
		__field(s64, ns)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->expired = expired;
		__entry->ns = due ? due - now : 0;
	),
	TP_printk("vm=%u vcpu=%u %s ns=%lld", __entry->vm, __entry->vcpu,
		  __entry->expired ? "expired" : "armed", __entry->ns)
);

TRACE_EVENT(vtr_slat_fault,
	TP_PROTO(u32 vm, u32 vcpu, u64 gpa, u32 access, int result),
	TP_ARGS(vm, vcpu, gpa, access, result),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u64, gpa)
		__field(u32, access)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->gpa = gpa;
		__entry->access = access;
		__entry->result = result;
	),
	TP_printk("vm=%u vcpu=%u gpa=0x%llx access=%s%s%s result=%d", __entry->vm,
		  __entry->vcpu, __entry->gpa,
		  __entry->access & VTR_WALK_READ ? "r" : "-",
		  __entry->access & VTR_WALK_WRITE ? "w" : "-",
		  __entry->access & VTR_WALK_EXEC ? "x" : "-", __entry->result)
);

TRACE_EVENT(vtr_zap,
	TP_PROTO(u32 vm, u64 hva_start, u64 hva_end, u64 leaves),
	TP_ARGS(vm, hva_start, hva_end, leaves),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u64, hva_start)
		__field(u64, hva_end)
		__field(u64, leaves)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->hva_start = hva_start;
		__entry->hva_end = hva_end;
		__entry->leaves = leaves;
	),
	TP_printk("vm=%u hva=0x%llx-0x%llx leaves=%llu", __entry->vm,
		  __entry->hva_start, __entry->hva_end, __entry->leaves)
);

#endif /* VTR_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
