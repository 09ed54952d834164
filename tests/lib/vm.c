// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small VM for tests: memory, modes, loading, running.
 *
 * Read vm.h first.  The entry states are those of the tool's boot protocol
 * (userspace-tool/run/boot.c), made again here from the ABI alone, so that the
 * tests need nothing of the tool.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "vm.h"

int open_device(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = MUST(open(VTR_DEVICE_PATH, O_RDWR | O_CLOEXEC));
	return fd;
}

void *map_memory(size_t bytes)
{
	return (void *)MUST(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

int new_vm_fd(uint32_t flags)
{
	struct vtr_create_vm args = { .size = sizeof(args), .flags = flags };

	return MUST(ioctl(open_device(), VTR_CREATE_VM, &args));
}

int set_slot(struct vm *vm, uint32_t slot, uint64_t gpa, uint64_t bytes, const void *hva,
	     uint32_t flags)
{
	struct vtr_slot args = {
		.size = sizeof(args), .flags = flags, .slot = slot,
		.gpa = gpa, .bytes = bytes, .hva = (uintptr_t)hva,
	};

	return ioctl(vm->fd, VTR_VM_SET_SLOT, &args);
}

struct vm *new_vm(size_t bytes, uint32_t flags)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	REQUIRE(vm);
	vm->fd = new_vm_fd(flags);
	vm->bytes = bytes;
	if (bytes) {
		vm->mem = map_memory(bytes);
		MUST(set_slot(vm, 0, 0, bytes, vm->mem, 0));
	}
	return vm;
}

struct vcpu *new_vcpu(struct vm *vm, unsigned int id)
{
	struct vtr_create_vcpu args = { .size = sizeof(args), .id = id, .apic_id = id };
	struct vcpu *vcpu = &vm->vcpus[id];

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = MUST(ioctl(vm->fd, VTR_VM_CREATE_VCPU, &args));
	vcpu->run = (void *)MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
				      vcpu->fd, 0));
	return vcpu;
}

/* ---- state ------------------------------------------------------------------- */

void get_record(struct vcpu *vcpu, uint16_t id, void *payload, uint32_t bytes)
{
	uint64_t buffer[1024] = {};
	struct vtr_state_header *head = (void *)buffer;
	struct vtr_state_buffer args = {
		.size = sizeof(args), .mask = 1ull << id,
		.buffer = (uintptr_t)buffer, .bytes = sizeof(buffer),
	};

	MUST(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args));
	REQUIRE_NUM(head->id, id);
	REQUIRE_NUM(head->bytes, bytes);
	memcpy(payload, head + 1, bytes);
}

int put_record(struct vcpu *vcpu, uint16_t id, const void *payload, uint32_t bytes)
{
	uint64_t buffer[1024] = {};
	struct vtr_state_header *head = (void *)buffer;
	uint32_t room = sizeof(*head) + (bytes + 7) / 8 * 8;

	*head = (struct vtr_state_header) { .id = id, .version = 1, .bytes = bytes };
	memcpy(head + 1, payload, bytes);
	return put_state(vcpu, buffer, room);
}

uint32_t get_state(struct vcpu *vcpu, void *buffer, uint32_t room)
{
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = room,
	};

	memset(buffer, 0, room);
	MUST(ioctl(vcpu->fd, VTR_VCPU_GET_STATE, &args));
	return args.bytes;
}

int put_state(struct vcpu *vcpu, const void *buffer, uint32_t bytes)
{
	struct vtr_state_buffer args = {
		.size = sizeof(args), .buffer = (uintptr_t)buffer, .bytes = bytes,
	};

	return ioctl(vcpu->fd, VTR_VCPU_SET_STATE, &args);
}

struct vtr_regs get_regs(struct vcpu *vcpu)
{
	struct vtr_regs regs;

	get_record(vcpu, VTR_STATE_REGS, &regs, sizeof(regs));
	return regs;
}

void set_regs(struct vcpu *vcpu, const struct vtr_regs *regs)
{
	MUST(put_record(vcpu, VTR_STATE_REGS, regs, sizeof(*regs)));
}

uint64_t gpr(struct vcpu *vcpu, enum vtr_gpr nr)
{
	return get_regs(vcpu).gpr[nr];
}

struct vtr_sregs get_sregs(struct vcpu *vcpu)
{
	struct vtr_sregs sregs;

	get_record(vcpu, VTR_STATE_SREGS, &sregs, sizeof(sregs));
	return sregs;
}

void set_sregs(struct vcpu *vcpu, const struct vtr_sregs *sregs)
{
	MUST(put_record(vcpu, VTR_STATE_SREGS, sregs, sizeof(*sregs)));
}

struct vtr_vcpu_stats get_stats(struct vcpu *vcpu)
{
	struct vtr_vcpu_stats stats = { .size = sizeof(stats) };

	MUST(ioctl(vcpu->fd, VTR_VCPU_GET_STATS, &stats));
	return stats;
}

struct vtr_vm_info get_info(struct vm *vm)
{
	struct vtr_vm_info info = { .size = sizeof(info) };

	MUST(ioctl(vm->fd, VTR_VM_GET_INFO, &info));
	return info;
}

/* ---- modes -------------------------------------------------------------------- */

#define CR0_PE		(1ull << 0)
#define CR0_ET		(1ull << 4)
#define CR0_PG		(1ull << 31)
#define CR4_PAE		(1ull << 5)
#define CR4_OSFXSR	(1ull << 9)
#define EFER_LONG	0x500ull	/* LME, LMA */
#define PTE_TABLE	3ull		/* present, writable */
#define PTE_LARGE	0x83ull

/* Attributes in the neutral segment format of the ABI. */
#define SEG_CODE16	0x09b
#define SEG_DATA16	0x093
#define SEG_CODE32	0xc9b
#define SEG_CODE64	0xa9b
#define SEG_DATA32	0xc93
#define SEG_TSS_BUSY	0x08b

void put_guest(struct vm *vm, const struct guest_code *code)
{
	memcpy(vm->mem + CODE_AT, code->start, code->end - code->start);
}

static void set_entry(struct vcpu *vcpu, uint64_t rip)
{
	struct vtr_regs regs = { .rip = rip, .rflags = 2 };

	regs.gpr[VTR_RSP] = STACK_AT - 0x100 * vcpu->id;
	regs.gpr[VTR_RDI] = vcpu->id;
	set_regs(vcpu, &regs);
}

static void set_data_segments(struct vtr_sregs *s, const struct vtr_segment *data)
{
	static const enum vtr_seg segs[] = { VTR_ES, VTR_SS, VTR_DS, VTR_FS, VTR_GS };

	for (unsigned int i = 0; i < sizeof(segs) / sizeof(segs[0]); i++)
		s->seg[segs[i]] = *data;
}

static void enter_real_at(struct vcpu *vcpu, uint64_t rip)
{
	struct vtr_segment data = { .limit = 0xffff, .attributes = SEG_DATA16 };
	struct vtr_sregs s = get_sregs(vcpu);

	set_data_segments(&s, &data);
	s.seg[VTR_CS] = (struct vtr_segment) { .limit = 0xffff, .attributes = SEG_CODE16 };
	s.cr0 = CR0_ET;
	set_sregs(vcpu, &s);
	set_entry(vcpu, rip);
}

static void write_gdt(struct vm *vm)
{
	static const uint64_t gdt[] = {
		0,
		0x00cf9b000000ffff,	/* 08: 32-bit code */
		0x00cf93000000ffff,	/* 10: data */
		0x00af9b000000ffff,	/* 18: 64-bit code */
	};

	memcpy(vm->mem + GDT_AT, gdt, sizeof(gdt));
}

static void fill_flat(struct vtr_sregs *s, uint16_t selector, uint16_t attributes)
{
	struct vtr_segment data = {
		.limit = ~0u, .selector = SEL_DATA, .attributes = SEG_DATA32,
	};

	set_data_segments(s, &data);
	s->seg[VTR_CS] = (struct vtr_segment) {
		.limit = ~0u, .selector = selector, .attributes = attributes,
	};
	s->seg[VTR_TR] = (struct vtr_segment) {
		.limit = 0x67, .selector = 0x20, .attributes = SEG_TSS_BUSY,
	};
	s->seg[VTR_LDTR] = (struct vtr_segment) { .unusable = 1 };
	s->gdtr = (struct vtr_table_register) { .base = GDT_AT, .limit = 31 };
	s->idtr = (struct vtr_table_register) { .base = IDT_AT, .limit = 0xfff };
	s->cr0 = CR0_PE | CR0_ET;
}

void enter_real(struct vcpu *vcpu)
{
	enter_real_at(vcpu, CODE_AT);
}

void enter_protected(struct vcpu *vcpu)
{
	struct vtr_sregs s = get_sregs(vcpu);

	write_gdt(vcpu->vm);
	fill_flat(&s, SEL_CODE32, SEG_CODE32);
	set_sregs(vcpu, &s);
	set_entry(vcpu, CODE_AT);
}

/* Identity map of the first GiB by 2 MiB pages. */
static void write_page_tables(struct vm *vm)
{
	uint64_t *pml4 = (void *)(vm->mem + PML4_AT), *pdpt = (void *)(vm->mem + PDPT_AT);
	uint64_t *pd = (void *)(vm->mem + PD_AT);

	pml4[0] = PDPT_AT | PTE_TABLE;
	pdpt[0] = PD_AT | PTE_TABLE;
	for (uint64_t i = 0; i < 512; i++)
		pd[i] = i * 2 * MB | PTE_LARGE;
}

static void enter_long_at(struct vcpu *vcpu, uint64_t rip)
{
	struct vtr_sregs s = get_sregs(vcpu);

	write_gdt(vcpu->vm);
	write_page_tables(vcpu->vm);
	fill_flat(&s, SEL_CODE64, SEG_CODE64);
	s.cr0 |= CR0_PG;
	s.cr3 = PML4_AT;
	s.cr4 = CR4_PAE | CR4_OSFXSR;
	s.efer = EFER_LONG;
	set_sregs(vcpu, &s);
	set_entry(vcpu, rip);
}

void enter_long(struct vcpu *vcpu)
{
	enter_long_at(vcpu, CODE_AT);
}

struct vcpu *start_guest(const struct guest_code *code, int bits, uint32_t vm_flags)
{
	struct vm *vm = new_vm(4 * MB, vm_flags);
	struct vcpu *vcpu = new_vcpu(vm, 0);

	put_guest(vm, code);
	if (bits == 16)
		enter_real(vcpu);
	else if (bits == 32)
		enter_protected(vcpu);
	else
		enter_long(vcpu);
	return vcpu;
}

/* ---- guests from files ------------------------------------------------------------ */

static void *read_file(const char *name, const char *suffix, size_t *bytes)
{
	char path[512];
	struct stat st;
	ssize_t at;
	void *data;
	int fd;

	at = MUST(readlink("/proc/self/exe", path, sizeof(path) - 1));
	path[at] = 0;
	*strrchr(path, '/') = 0;
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/../guests/%s%s", name, suffix);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	MUST(fstat(fd, &st));
	data = malloc(st.st_size);
	REQUIRE(data && read(fd, data, st.st_size) == st.st_size);
	close(fd);
	*bytes = st.st_size;
	return data;
}

static uint64_t load_elf(struct vm *vm, const uint8_t *file, size_t bytes)
{
	const Elf64_Ehdr *elf = (const void *)file;

	REQUIRE(bytes > sizeof(*elf) && !memcmp(elf->e_ident, ELFMAG, SELFMAG));
	for (unsigned int i = 0; i < elf->e_phnum; i++) {
		const Elf64_Phdr *ph = (const void *)(file + elf->e_phoff + i * sizeof(*ph));

		if (ph->p_type != PT_LOAD)
			continue;
		REQUIRE(ph->p_offset + ph->p_filesz <= bytes &&
			ph->p_paddr + ph->p_memsz <= vm->bytes);
		memcpy(vm->mem + ph->p_paddr, file + ph->p_offset, ph->p_filesz);
		memset(vm->mem + ph->p_paddr + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);
	}
	return elf->e_entry;
}

void load_guest(struct vcpu *vcpu, const char *name)
{
	struct vm *vm = vcpu->vm;
	size_t bytes;
	uint8_t *file = read_file(name, ".elf", &bytes);

	if (file) {
		enter_long_at(vcpu, load_elf(vm, file, bytes));
		free(file);
		return;
	}
	file = read_file(name, ".bin", &bytes);
	if (!CHECK_MSG(file, "guest %s is neither ../guests/%s.elf nor .bin", name, name))
		tap_end();
	memcpy(vm->mem + CODE_AT, file, bytes);
	free(file);
	enter_real_at(vcpu, CODE_AT);
}

/* ---- running ------------------------------------------------------------------------ */

int run_once(struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, VTR_VCPU_RUN, 0);
}

int run_through(struct vcpu *vcpu)
{
	int ret;

	do
		ret = run_once(vcpu);
	while (ret && errno == EINTR);
	return ret;
}

bool run_to(struct vcpu *vcpu, enum vtr_exit_kind kind)
{
	int ret = run_through(vcpu);

	if (ret) {
		CHECK_MSG(false, "RUN failed: %s", strerror(errno));
		return false;
	}
	return CHECK_MSG(vcpu->run->exit == kind, "exit %u instead of %u at RIP 0x%llx: %s",
			 vcpu->run->exit, kind, (unsigned long long)vcpu->run->rip,
			 vcpu->run->exit == VTR_EXIT_FAIL_ENTRY ||
			 vcpu->run->exit == VTR_EXIT_STOPPED ? vcpu->run->sentence : "");
}

#define SERIAL_DATA	0x3f8
#define SERIAL_STATUS	0x3fd
#define SERIAL_SCRATCH	0x3ff
#define HC_PUTCHAR	0x1000
#define HC_MARK		0x1002

static void put_char(struct vcpu *vcpu, struct served *served, char c)
{
	if (served->length < sizeof(served->text) - 1)
		served->text[served->length++] = c;
	if (served->on_putchar)
		served->on_putchar(vcpu, served, c);
}

/* INS and OUTS: each byte for itself, at the serial port; others read as ones. */
static void serve_string(struct vcpu *vcpu, struct served *served)
{
	struct vtr_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int bytes = run->io.count * run->io.bytes;

	for (unsigned int i = 0; i < bytes; i++) {
		if (run->io.is_in)
			data[i] = run->io.port == SERIAL_SCRATCH ? served->scratch++ : 0xff;
		else if (run->io.port == SERIAL_DATA)
			put_char(vcpu, served, data[i]);
	}
}

/* Return: true when the guest has reported. */
static bool serve_io(struct vcpu *vcpu, struct served *served)
{
	struct vtr_run *run = vcpu->run;

	if (run->io.count > 1) {
		serve_string(vcpu, served);
		return false;
	}
	if (run->io.is_in) {
		run->io.data = run->io.port == SERIAL_STATUS ? 0x60 :
			       run->io.port == SERIAL_SCRATCH ? served->scratch : ~0ull;
		return false;
	}
	switch (run->io.port) {
	case SERIAL_DATA:
		put_char(vcpu, served, run->io.data);
		break;
	case SERIAL_SCRATCH:
		served->scratch = run->io.data;
		break;
	case DEBUG_EXIT_PORT:
		served->exit_value = run->io.data;
		return true;
	}
	return false;
}

/* As the tool's demo device, as far as guests use it: a store of a page. */
static void serve_mmio(struct vcpu *vcpu, struct served *served)
{
	struct vtr_run *run = vcpu->run;
	uint64_t at = run->mmio.gpa - DEMO_DEVICE;

	served->accesses++;
	if (at + run->mmio.bytes > sizeof(served->device)) {
		run->mmio.data = ~0ull;
	} else if (run->mmio.is_write) {
		memcpy(served->device + at, &run->mmio.data, run->mmio.bytes);
	} else {
		run->mmio.data = 0;
		memcpy(&run->mmio.data, served->device + at, run->mmio.bytes);
	}
}

static void serve_hypercall(struct vcpu *vcpu, struct served *served)
{
	struct vtr_run *run = vcpu->run;

	run->hypercall.ret = 0;
	if (run->hypercall.nr == HC_PUTCHAR)
		put_char(vcpu, served, run->hypercall.args[0]);
	else if (run->hypercall.nr == HC_MARK)
		run->hypercall.ret = ++served->marks;
	else
		run->hypercall.ret = VTR_HC_UNKNOWN;
}

enum vtr_exit_kind serve(struct vcpu *vcpu, struct served *served)
{
	served->exit_value = ~0u;
	for (;;) {
		if (run_once(vcpu)) {
			if (errno == EINTR)
				continue;
			CHECK_MSG(false, "RUN failed: %s", strerror(errno));
			tap_end();
		}
		if (served->on_return)
			served->on_return(vcpu, served);
		switch (vcpu->run->exit) {
		case VTR_EXIT_IO:
			if (serve_io(vcpu, served))
				return VTR_EXIT_IO;
			break;
		case VTR_EXIT_HYPERCALL:
			serve_hypercall(vcpu, served);
			break;
		case VTR_EXIT_MMIO:
			serve_mmio(vcpu, served);
			break;
		case VTR_EXIT_DEBUG:
			break;
		default:
			return vcpu->run->exit;
		}
	}
}

/* ---- host -------------------------------------------------------------------------------- */

void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set));
}

int nr_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

static FILE *open_parameter(const char *name, const char *mode)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/module/vitrine/parameters/%s", name);
	return fopen(path, mode);
}

void write_parameter(const char *name, unsigned int value)
{
	FILE *file = open_parameter(name, "w");

	REQUIRE(file && fprintf(file, "%u", value) > 0 && !fclose(file));
}

unsigned int read_parameter(const char *name)
{
	FILE *file = open_parameter(name, "r");
	unsigned int value;

	REQUIRE(file && fscanf(file, "%u", &value) == 1);
	fclose(file);
	return value;
}
