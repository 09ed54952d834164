/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VM for tests, over the raw ABI (ioctl-uapi/vitrine.h).
 *
 * Calls that have to succeed end the test case if they do not; tests of
 * failures call ioctl() themselves with the descriptors here.  Layout of guest
 * memory, from 0: boot structures, stack, CODE_AT for GUEST() code.
 * Read next: vm.c, and any ioctl/ *_test.c for its use.
 */
#ifndef TESTS_VM_H
#define TESTS_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "guest_code.h"
#include "tap.h"
#include "vitrine.h"

#define KB		1024ull
#define MB		(1024 * KB)

/* Guest physical addresses. */
#define GDT_AT		0x1000
#define PML4_AT		0x2000
#define PDPT_AT		0x3000
#define PD_AT		0x4000
#define IDT_AT		0x5000
#define STACK_AT	0x7f00	/* grows downwards */
#define CODE_AT		0x8000
#define DATA_AT		0x10000

/* Selectors of the descriptor table, as in the boot protocol of the tool. */
#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE64	0x18

#define MAX_TEST_VCPUS	64

struct vcpu {
	struct vm *vm;
	int fd;
	unsigned int id;
	struct vtr_run *run;
};

struct vm {
	int fd;
	uint8_t *mem;		/* slot 0, guest physical 0; NULL: none */
	size_t bytes;
	struct vcpu vcpus[MAX_TEST_VCPUS];
};

/* The device, opened once a process. */
int open_device(void);

/* Anonymous private memory; ends the case if there is none. */
void *map_memory(size_t bytes);

int new_vm_fd(uint32_t flags);
struct vm *new_vm(size_t bytes, uint32_t flags);
struct vcpu *new_vcpu(struct vm *vm, unsigned int id);
int set_slot(struct vm *vm, uint32_t slot, uint64_t gpa, uint64_t bytes, const void *hva,
	     uint32_t flags);

/* Copy code; the others set a vCPU to its first byte. */
void put_guest(struct vm *vm, const struct guest_code *code);
void enter_real(struct vcpu *vcpu);
void enter_protected(struct vcpu *vcpu);
void enter_long(struct vcpu *vcpu);

/* Vm with one vCPU, code copied and entered in real, protected or long mode. */
struct vcpu *start_guest(const struct guest_code *code, int bits, uint32_t vm_flags);

/*
 * Load tests/guests/@name.elf (long mode) or .bin (real mode), found beside the
 * test program in ../guests; enters it like the tool does.
 */
void load_guest(struct vcpu *vcpu, const char *name);

/* ---- state ---- */
void get_record(struct vcpu *vcpu, uint16_t id, void *payload, uint32_t bytes);
/* Return: 0 or -1 with errno. */
int put_record(struct vcpu *vcpu, uint16_t id, const void *payload, uint32_t bytes);
struct vtr_regs get_regs(struct vcpu *vcpu);
void set_regs(struct vcpu *vcpu, const struct vtr_regs *regs);
struct vtr_sregs get_sregs(struct vcpu *vcpu);
void set_sregs(struct vcpu *vcpu, const struct vtr_sregs *sregs);
struct vtr_vcpu_stats get_stats(struct vcpu *vcpu);
struct vtr_vm_info get_info(struct vm *vm);
uint64_t gpr(struct vcpu *vcpu, enum vtr_gpr nr);

/* All records at once: GET_STATE into @buffer; returns the length. */
uint32_t get_state(struct vcpu *vcpu, void *buffer, uint32_t room);
int put_state(struct vcpu *vcpu, const void *buffer, uint32_t bytes);

/* ---- running ---- */

/*
 * RUN; 0 or -1 with errno.  EINTR may come without a signal for the program:
 * the kernel's own work for the thread ends RUN, too.
 */
int run_once(struct vcpu *vcpu);

/* RUN again after each EINTR. */
int run_through(struct vcpu *vcpu);

/* The same and demand this kind of exit. */
bool run_to(struct vcpu *vcpu, enum vtr_exit_kind kind);

/**
 * struct served - what serve() has done for a guest
 * @text: characters by HC_PUTCHAR and the serial port
 * @marks: HC_MARK calls
 * @exit_value: value at the debug exit port, ~0 if none
 * @scratch: what the guest wrote to the serial scratch register
 * @device: what the guest wrote to the page at DEMO_DEVICE
 * @accesses: accesses outside of its memory
 * @on_putchar: called at each character, if not NULL
 * @on_return: called after each RUN, if not NULL
 */
struct served {
	char text[256];
	unsigned int length;
	uint64_t marks;
	uint32_t exit_value;
	uint8_t scratch;
	uint8_t device[4096];
	unsigned int accesses;
	void (*on_putchar)(struct vcpu *vcpu, struct served *served, char c);
	void (*on_return)(struct vcpu *vcpu, struct served *served);
};

/*
 * Run a guest of tests/guests: answer ports and hypercalls as the tool does,
 * until it writes to the debug exit port, halts, or something else happens.
 * Return: the kind of exit that ended it.
 */
enum vtr_exit_kind serve(struct vcpu *vcpu, struct served *served);

#define DEBUG_EXIT_PORT	0x501
#define DEMO_DEVICE	0xd0000000ull

/* Host CPU of this thread; ends the case if it cannot be set. */
void pin_to_cpu(int cpu);

/* A parameter of the module, for VMs made from then on. */
void write_parameter(const char *name, unsigned int value);
unsigned int read_parameter(const char *name);
int nr_cpus(void);

/* Ticks of the processor, for waiting that does not depend on the clock. */
static inline uint64_t read_tsc(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (uint64_t)high << 32;
}

#endif /* TESTS_VM_H */
