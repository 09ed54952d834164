// SPDX-License-Identifier: GPL-2.0-only
/*
 * bare WORD...: a vCPU as the module makes it, step by step.
 *
 * The tool sets registers before a guest runs.  Here the state after reset
 * stays, and the emulator can be stopped between any two steps, so that the
 * VMCS is seen as it lies in memory before the first entry.  The guest is a
 * page below 4 GiB with NOPs and three HLTs at the reset vector.
 * The scenes in labs/2/tests.py and staff/hidden.py run it in the nested
 * machine; the words are the table at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vitrine.h"

#define PAGE_BYTES	4096u
#define ROM_AT		0xfffff000u
#define RESET_VECTOR	0xff0u
#define MARK		0x7672746d61726b00ull	/* labs/machine/mark.S */

/* GAP1 to GAP3 follow from the student's name: where the HLTs are. */
#define TEXT_(x)	#x
#define TEXT(x)		TEXT_(x)

extern const uint8_t code[], code_end[];
asm(".pushsection .rodata\n"
    "code: .fill " TEXT(GAP1) ", 1, 0x90\n hlt\n"
    ".fill " TEXT(GAP2) ", 1, 0x90\n hlt\n"
    ".fill " TEXT(GAP3) ", 1, 0x90\n hlt\n"
    "code_end:\n"
    ".popsection");

static int vm = -1, vcpu = -1;
static struct vtr_run *run_page;
static int run_errno;
static uint64_t hint;

static int must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

static void *map(int fd, int flags)
{
	void *at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		must(-1, "mmap");
	return at;
}

static int create_vcpu(uint32_t id)
{
	struct vtr_create_vcpu args = { .size = sizeof(args), .id = id };

	return ioctl(vm, VTR_VM_CREATE_VCPU, &args);
}

static void do_create(unsigned long unused)
{
	struct vtr_create_vm args = { .size = sizeof(args) };
	struct vtr_slot rom = { .size = sizeof(rom), .gpa = ROM_AT, .bytes = PAGE_BYTES };
	int dev = must(open("/dev/vitrine", O_RDWR | O_CLOEXEC), "/dev/vitrine");
	uint8_t *page = map(-1, MAP_PRIVATE | MAP_ANONYMOUS);

	(void)unused;
	memcpy(page + RESET_VECTOR, code, code_end - code);
	rom.hva = (uintptr_t)page;
	vm = must(ioctl(dev, VTR_CREATE_VM, &args), "create a VM");
	must(ioctl(vm, VTR_VM_SET_SLOT, &rom), "set a slot");
	vcpu = must(create_vcpu(0), "create a vCPU");
	run_page = map(vcpu, MAP_SHARED);
	close(dev);
}

static void do_run(unsigned long unused)
{
	(void)unused;
	run_errno = ioctl(vcpu, VTR_VCPU_RUN, 0) ? errno : 0;
}

static void do_core(unsigned long number)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(number, &set);
	must(sched_setaffinity(0, sizeof(set), &set), "go to another core");
}

static void stop_here(unsigned long number, uint64_t value)
{
	asm volatile("xchg %%bx, %%bx" : : "a"(MARK | number), "d"(value) : "memory");
}

/* For whoever looks at the next mark: tests.py, tamper(). */
static void do_hint(unsigned long number)
{
	hint = (uint64_t)number << 48;
}

static void do_mark(unsigned long number)
{
	stop_here(number, hint);
}

/* What came of the last run: kind of return, VM-instruction error, errno. */
static void do_tell(unsigned long number)
{
	uint64_t error = run_page->exit == VTR_EXIT_FAIL_ENTRY ? run_page->fail.insn_error : 0;

	stop_here(number, run_page->exit | error << 8 | (uint64_t)run_errno << 32);
}

static void do_say(unsigned long unused)
{
	(void)unused;
	printf("%.*s\n", (int)sizeof(run_page->sentence), run_page->sentence);
}

/* vCPU 0 is there: each of these is made and thrown away. */
static void do_refused(unsigned long count)
{
	while (count--)
		if (create_vcpu(0) >= 0 || errno != EEXIST)
			must(-1, "a second vCPU 0");
}

static void do_others(unsigned long count)
{
	while (count--) {
		pid_t child = must(fork(), "fork");

		if (!child)
			_exit(0);
		must(waitpid(child, NULL, 0), "wait");
	}
}

static void do_close(unsigned long unused)
{
	(void)unused;
	munmap(run_page, PAGE_BYTES);
	close(vcpu);
	close(vm);
}

static const struct word {
	const char *name;
	int has_number;
	void (*act)(unsigned long number);
} words[] = {
	{ "create", 0, do_create },	/* a VM with one vCPU */
	{ "run", 0, do_run },		/* until it comes back to the program */
	{ "core", 1, do_core },		/* go to this core */
	{ "mark", 1, do_mark },		/* stop the emulator for a look */
	{ "hint", 1, do_hint },		/* what shall be done to the VMCS at the next mark */
	{ "tell", 1, do_tell },		/* a mark that says how the last run ended */
	{ "say", 0, do_say },		/* print the module's sentence about it */
	{ "refused", 1, do_refused },	/* so many vCPUs with a number that is taken */
	{ "others", 1, do_others },	/* let so many other processes run here */
	{ "close", 0, do_close },
};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct word *word = words;

		while (strcmp(word->name, argv[i]))
			if (++word == words + sizeof(words) / sizeof(*words))
				return 2;
		word->act(word->has_number && i + 1 < argc ? strtoul(argv[++i], NULL, 0) : 0);
	}
	return 0;
}
