// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that take interrupts: handler, tables, and small helpers.
 *
 * Read irq_guest.h first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "irq_guest.h"

#define HANDLERS_AT	0xa000
#define ENTRY_BYTES	7
#define HIGH_PD_AT	0xc000	/* maps the fourth GiB, where the controllers are */
#define LOCAL_APIC	0xfee00000ull
#define IO_APIC		0xfec00000ull

/*
 * 256 entries of 7 bytes: push the vector, jump.  An NMI has no end; a #GP, which
 * comes from RDMSR or WRMSR only, goes on behind that instruction of two bytes.
 */
GUEST(irq_handlers, 64,
      ".set nr, 0\n"
      ".rept 0x100\n .byte 0x6a, nr, 0xe9\n .long 9f - . - 4\n .set nr, nr + 1\n .endr\n"
      "9: push %rax\n push %rbx\n push %rcx\n push %rdx\n"
      "movzbl 32(%rsp), %ecx\n"
      "mov (%r13), %ebx\n and $0x7f, %ebx\n"
      "mov %cl, 0x80(%r13,%rbx)\n"
      "incl 12(%r13)\n mov 12(%r13), %al\n mov %al, 0x100(%r13,%rbx)\n"
      "incl 0x400(%r13,%rcx,4)\n"
      "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, 0x800(%r13,%rbx,8)\n"
      "incl (%r13)\n"
      "cmp $13, %ecx\n je 5f\n cmp $2, %ecx\n je 4f\n"
      "cmpl $0, 8(%r13)\n je 1f\n decl 8(%r13)\n"
      "mov 20(%r13), %eax\n mov %eax, 0x300(%r15)\n sti\n nop\n nop\n cli\n"
      "1: testl $1, 4(%r13)\n jz 1f\n movl $0, 0xb0(%r15)\n"
      "1: testl $2, 4(%r13)\n jz 1f\n"
      "mov $0x80b, %ecx\n xor %eax, %eax\n xor %edx, %edx\n wrmsr\n"
      "1: mov $0x20, %al\n testl $8, 4(%r13)\n jz 1f\n out %al, $0xa0\n"
      "1: testl $4, 4(%r13)\n jz 4f\n out %al, $0x20\n"
      "4: decl 12(%r13)\n pop %rdx\n pop %rcx\n pop %rbx\n pop %rax\n add $8, %rsp\n iretq\n"
      "5: decl 12(%r13)\n pop %rdx\n pop %rcx\n pop %rbx\n pop %rax\n add $16, %rsp\n"
      "addq $2, (%rsp)\n iretq");

static int new_irqchip_fd(uint32_t flags)
{
	struct vtr_create_vm args = {
		.size = sizeof(args), .flags = flags, .irqchip = VTR_IRQCHIP_MODULE,
	};

	return MUST(ioctl(open_device(), VTR_CREATE_VM, &args));
}

static void write_gates(struct vm *vm)
{
	uint64_t *idt = (void *)(vm->mem + IDT_AT);

	memcpy(vm->mem + HANDLERS_AT, guest_irq_handlers.start,
	       guest_irq_handlers.end - guest_irq_handlers.start);
	for (uint64_t vector = 0; vector < 256; vector++) {
		idt[2 * vector] = (HANDLERS_AT + vector * ENTRY_BYTES) |
				  SEL_CODE64 << 16 | 0x8e00ull << 32;
		idt[2 * vector + 1] = 0;
	}
}

struct vm *new_irq_vm(void)
{
	return new_irq_vm_with(0);
}

struct vm *new_irq_vm_with(uint32_t flags)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	REQUIRE(vm && sizeof(struct irq_log) == 4096);
	vm->fd = new_irqchip_fd(flags);
	vm->bytes = 4 * MB;
	vm->mem = map_memory(vm->bytes);
	MUST(set_slot(vm, 0, 0, vm->bytes, vm->mem, 0));
	write_gates(vm);
	return vm;
}

/* The fourth GiB by 2 MiB pages, uncached. */
static void map_controllers(struct vm *vm)
{
	uint64_t *pd = (void *)(vm->mem + HIGH_PD_AT);

	for (uint64_t i = 0; i < 512; i++)
		pd[i] = (0xc0000000 + i * 2 * MB) | 0x9b;
	((uint64_t *)(vm->mem + PDPT_AT))[3] = HIGH_PD_AT | 3;
}

unsigned int apicv_level(void)
{
	return read_parameter("apicv");
}

void set_apicv_level(unsigned int level)
{
	write_parameter("apicv", level);
}

/*
 * If an exit hits the delivery of a virtual interrupt, the emulated processor reports
 * another event (docs/interrupts.md, "What the emulated processor does"): so no page that
 * is needed for it must be missing.
 */
GUEST(touches_tables, 64,
      "mov 0x5000, %eax\n mov 0x1000, %eax\n mov 0xa000, %eax\n push %rax\n pop %rax\n" STOP);

static void touch_tables(struct vcpu *vcpu, uint64_t at)
{
	memcpy(vcpu->vm->mem + at, guest_touches_tables.start,
	       guest_touches_tables.end - guest_touches_tables.start);
	REQUIRE(run_to_stop(vcpu));
}

struct vcpu *new_irq_vcpu(struct vm *vm, unsigned int id, const struct guest_code *code,
			  uint32_t end)
{
	uint64_t at = CODE_AT + id * 0x1000;
	struct vtr_events events = { .activity = VTR_ACTIVE };
	struct vcpu *vcpu = new_vcpu(vm, id);
	struct vtr_regs regs;

	REQUIRE(id < 2 && code->end - code->start <= 0x1000);
	enter_long(vcpu);
	map_controllers(vm);
	regs = get_regs(vcpu);
	regs.rip = at;
	regs.gpr[VTR_RSP] = STACK_AT - id * 0x800;
	regs.gpr[VTR_R13] = DATA_AT + id * sizeof(struct irq_log);
	regs.gpr[VTR_R14] = IO_APIC;
	regs.gpr[VTR_R15] = LOCAL_APIC;
	set_regs(vcpu, &regs);
	/* All but the first wait for a start-up IPI else. */
	MUST(put_record(vcpu, VTR_STATE_EVENTS, &events, sizeof(events)));
	log_of(vcpu)->end = end;
	if (apicv_level() == 2) {
		touch_tables(vcpu, at);
		set_regs(vcpu, &regs);
	}
	memcpy(vm->mem + at, code->start, code->end - code->start);
	return vcpu;
}

struct vcpu *start_irq_guest(const struct guest_code *code, uint32_t end)
{
	return new_irq_vcpu(new_irq_vm(), 0, code, end);
}

volatile struct irq_log *log_of(struct vcpu *vcpu)
{
	return (void *)(vcpu->vm->mem + DATA_AT + vcpu->id * sizeof(struct irq_log));
}

int try_line(struct vm *vm, uint32_t line, uint32_t level)
{
	struct vtr_irq_line args = { .size = sizeof(args), .line = line, .level = level };

	return ioctl(vm->fd, VTR_VM_IRQ_LINE, &args);
}

void set_line(struct vm *vm, uint32_t line, uint32_t level)
{
	MUST(try_line(vm, line, level));
}

int try_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	struct vtr_msi args = { .size = sizeof(args), .address = address, .data = data };

	return ioctl(vm->fd, VTR_VM_MSI, &args);
}

void send_vector(struct vm *vm, uint32_t dest, uint8_t vector)
{
	MUST(try_msi(vm, LOCAL_APIC | dest << 12, vector));
}

uint32_t tsc_khz(struct vcpu *vcpu)
{
	struct vtr_tsc tsc;

	get_record(vcpu, VTR_STATE_TSC, &tsc, sizeof(tsc));
	return tsc.khz;
}

bool run_to_stop(struct vcpu *vcpu)
{
	return run_to(vcpu, VTR_EXIT_IO) && CHECK_NUM(vcpu->run->io.port, 0x80);
}

void check_out(struct vcpu *vcpu, const uint64_t *wanted, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		CHECK_MSG(log_of(vcpu)->out[i] == wanted[i], "read %u: 0x%llx instead of 0x%llx", i,
			  (unsigned long long)log_of(vcpu)->out[i],
			  (unsigned long long)wanted[i]);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	MUST(clock_gettime(clock, &ts));
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

uint64_t thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void nap_ms(unsigned int ms)
{
	struct timespec nap = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	while (nanosleep(&nap, &nap) && errno == EINTR)
		;
}
