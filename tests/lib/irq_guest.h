/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that take interrupts, in a VM with the interrupt controllers in the module.
 *
 * All 256 vectors lead to one handler, which writes down what came, and ends it in
 * the way that the test wants.  Each vCPU has a page of its own for that, struct
 * irq_log, which R13 points to; R14 is the I/O APIC, R15 the local APIC.  The macros
 * below are pieces of guest code; a guest stops for the test by STOP.
 * Used by ioctl/irqchip_test.c, apic_timer_test.c, ipi_test.c.  Read vm.h first.
 */
#ifndef TESTS_IRQ_GUEST_H
#define TESTS_IRQ_GUEST_H

#include "runner.h"
#include "vm.h"

/* How a handler ends its interrupt (irq_log.end). */
#define END_XAPIC	1
#define END_X2APIC	2
#define END_8259	4
#define END_8259_BOTH	12

/**
 * struct irq_log - a vCPU's page; its offsets are known to the assembly
 * @nr: events that came
 * @end: END_*, 0: the handler does not end them
 * @nest: so many handlers write @arg[0] to the ICR and let others in between
 * @depth: handlers that are active
 * @wanted: guests that wait stop when @nr has reached it
 * @arg: values for the guest
 * @vector: what came, the newest at (@nr - 1) % 128
 * @at_depth: how deep it was then
 * @count: events by vector
 * @tsc: the guest's time stamp counter then
 * @out: what the guest has read
 */
struct irq_log {
	uint32_t nr;
	uint32_t end;
	uint32_t nest;
	uint32_t depth;
	uint32_t wanted;
	uint32_t arg[3];
	uint8_t pad0[0x60];
	uint8_t vector[128];
	uint8_t at_depth[128];
	uint8_t pad1[0x280];
	uint32_t count[256];
	uint64_t tsc[128];
	uint64_t out[128];
};

/* ---- pieces of guest code -------------------------------------------------------------- */

#define TEXT_OF(x)	#x
#define TEXT(x)		TEXT_OF(x)
#define OUT_AT(i)	"0xc00+8*" TEXT(i) "(%r13)"

#define STOP			"out %al, $0x80\n"
#define OUT(port, value)	"mov $" TEXT(value) ", %al\n out %al, $" TEXT(port) "\n"
#define IN(port, i)							\
	"xor %eax, %eax\n in $" TEXT(port) ", %al\n mov %rax, " OUT_AT(i) "\n"

/* The local APIC's page. */
#define READ(reg, i)		"mov " TEXT(reg) "(%r15), %eax\n mov %rax, " OUT_AT(i) "\n"
#define WRITE(reg, value)	"movl $" TEXT(value) ", " TEXT(reg) "(%r15)\n"
#define ENABLE_APIC		WRITE(0xf0, 0x1ff)

#define RDMSR(msr, i)							\
	"mov $" TEXT(msr) ", %ecx\n mov $-1, %eax\n mov %eax, %edx\n rdmsr\n"	\
	"mov %eax, " OUT_AT(i) "\n mov %edx, 4+" OUT_AT(i) "\n"
#define WRMSR(msr, value)						\
	"mov $" TEXT(msr) ", %ecx\n mov $" TEXT(value) ", %eax\n xor %edx, %edx\n wrmsr\n"
#define ENTER_X2APIC							\
	"mov $0x1b, %ecx\n rdmsr\n or $0xc00, %eax\n wrmsr\n"

#define READ_CR8(i)		"mov %cr8, %rax\n mov %rax, " OUT_AT(i) "\n"
#define WRITE_CR8(value)	"mov $" TEXT(value) ", %eax\n mov %rax, %cr8\n"

/* A redirection entry of the I/O APIC: low half; the high one is 0 from the reset on. */
#define REDIRECT(pin, low)						\
	"movl $0x10+2*" TEXT(pin) ", (%r14)\n movl $" TEXT(low) ", 0x10(%r14)\n"
#define READ_REDIRECTION(pin, i)					\
	"movl $0x10+2*" TEXT(pin) ", (%r14)\n mov 0x10(%r14), %eax\n mov %rax, " OUT_AT(i) "\n"

/* The pair, vectors from 30H and 38H on, with masks. */
#define INIT_8259(mask_1, mask_2)					\
	OUT(0x20, 0x11) OUT(0x21, 0x30) OUT(0x21, 4) OUT(0x21, 1) OUT(0x21, mask_1)	\
	OUT(0xa0, 0x11) OUT(0xa1, 0x38) OUT(0xa1, 2) OUT(0xa1, 1) OUT(0xa1, mask_2)

/* Take interrupts for a moment. */
#define OPEN_WINDOW		"sti\n nop\n nop\n cli\n"

/* Halt until as many events have come as the test wants; again after each stop. */
#define WAIT_FOR_EVENTS							\
	"7: cli\n mov (%r13), %eax\n cmp 16(%r13), %eax\n jae 8f\n"	\
	"sti\n hlt\n jmp 7b\n"						\
	"8: " STOP "jmp 7b\n"

/* ---- the test's side ---------------------------------------------------------------------- */

/* A VM with local APICs, memory, and the handler. */
struct vm *new_irq_vm(void);
struct vm *new_irq_vm_with(uint32_t flags);	/* VTR_VM_* */

/* vCPU @id (0 or 1) of it, which begins with @code in long mode, running. */
struct vcpu *new_irq_vcpu(struct vm *vm, unsigned int id, const struct guest_code *code,
			  uint32_t end);

/* Both for a VM with one vCPU. */
struct vcpu *start_irq_guest(const struct guest_code *code, uint32_t end);

/*
 * How much the processor does by itself of local APICs: the module's parameter, for VMs
 * made from then on.
 */
unsigned int apicv_level(void);
void set_apicv_level(unsigned int level);

volatile struct irq_log *log_of(struct vcpu *vcpu);

void set_line(struct vm *vm, uint32_t line, uint32_t level);
int try_line(struct vm *vm, uint32_t line, uint32_t level);
int try_msi(struct vm *vm, uint64_t address, uint32_t data);

/* A fixed, edge-triggered one to physical APIC id @dest. */
void send_vector(struct vm *vm, uint32_t dest, uint8_t vector);

/* Rate of the guest's time stamp counter. */
uint32_t tsc_khz(struct vcpu *vcpu);

/* Run until the guest stops, and compare what it has read. */
bool run_to_stop(struct vcpu *vcpu);
void check_out(struct vcpu *vcpu, const uint64_t *wanted, unsigned int nr);

uint64_t thread_ns(void);
uint64_t wall_ns(void);
void nap_ms(unsigned int ms);

#endif /* TESTS_IRQ_GUEST_H */
