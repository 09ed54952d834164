// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine ept: the two-dimensional walk on made-up memory, both sources, output.
 *
 * The walk is tested with a source that has a few pages of guest memory and
 * maps GPA to HPA by adding 0x40000000; the entries are made by hand from the
 * manual's formats.  tests/fuzz and the nested machine test the real tables.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "cli.h"
#include "fake.h"
#include "tap.h"
#include "view/ept_view.h"

#define PAGES		8
#define HPA_OFFSET	0x40000000ull
#define HIGH		0xffff800000000000ull

static uint8_t memory[PAGES * 4096];
static struct guest_paging paging;
static uint64_t unmapped_from;	/* GPAs from here on are not in EPT yet */

static int test_walk(struct ept_source *source, uint64_t gpa,
		     struct ept_walk *walk)
{
	(void)source;
	*walk = (struct ept_walk){ .gpa = gpa, .nr = 4, .slot = EPT_NO_SLOT,
				   .has_frames = true };
	for (unsigned int i = 0; i < 4; i++)
		walk->level[i] = 4 - i;
	if (gpa < sizeof(memory)) {
		walk->slot = 0;
		walk->hva = 0x7f0000000000 + gpa;
	}
	if (gpa >= unmapped_from)
		return 0;
	walk->leaf_bytes = 4096;
	walk->rights = VTR_WALK_READ | VTR_WALK_EXEC;
	walk->hpa = gpa + HPA_OFFSET;
	return 0;
}

static int test_read(struct ept_source *source, uint64_t gpa, void *to,
		     uint32_t bytes)
{
	(void)source;
	if (gpa + bytes > sizeof(memory))
		return -EFAULT;
	memcpy(to, memory + gpa, bytes);
	return 0;
}

static int test_paging(struct ept_source *source, struct guest_paging *to)
{
	(void)source;
	*to = paging;
	return 0;
}

static struct ept_source source = {
	.walk = test_walk, .read = test_read, .paging = test_paging,
};

static void put64(uint64_t gpa, uint64_t entry)
{
	memcpy(memory + gpa, &entry, sizeof(entry));
}

static void put32(uint64_t gpa, uint32_t entry)
{
	memcpy(memory + gpa, &entry, sizeof(entry));
}

static void clear(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	memset(memory, 0, sizeof(memory));
	paging = (struct guest_paging){ cr0, 0x1000, cr4, efer };
	unmapped_from = sizeof(memory);
}

/* ---- the walk ---- */

static void test_4_level(void)
{
	struct guest_walk walk;
	char words[128];

	clear(0x80000001, 0x20, 0xd00);
	put64(0x1800, 0x2027);			/* PML4E 256 */
	put64(0x2000, 0x3003);			/* PDPTE 0 */
	put64(0x3008, 0x4007);			/* PDE 1 */
	put64(0x4028, 0x8000000000005065);	/* PTE 5: read-only, no-execute */
	is_num(guest_walk(&source, HIGH + 0x205123, &walk), 0, "4-level walk");
	is_num(walk.nr, 4, "four guest entries");
	is_num(walk.step[0].gpa, 0x1800, "where the PML4E lies");
	is_num(walk.step[0].ept.hpa, 0x40001800, "and where in the host");
	is_num(walk.step[3].index, 5, "index of the PTE");
	is_num(walk.gpa, 0x5123, "the guest physical address");
	is_num(walk.final.hpa, 0x40005123, "the host physical address");
	is_num(walk.page_bytes, 4096, "a 4 KiB page");
	is_num(walk.rights, VTR_WALK_READ, "read-only and no-execute");
	is_num(guest_walk_reads(&walk), 24, "24 entries are read");
	guest_entry_words(words, sizeof(words), &walk, 3);
	is_str(words, "present read-only user no-execute accessed dirty",
	       "an entry in words");
	put64(0x3008, 0x00400087);		/* PDE: 2 MiB page */
	is_num(guest_walk(&source, HIGH + 0x205123, &walk), 0, "2 MiB page");
	is_num(walk.gpa, 0x405123, "its address");
	put64(0x2000, 0x40000083);		/* PDPTE: 1 GiB page */
	is_num(guest_walk(&source, HIGH + 0x205123, &walk), 0, "1 GiB page");
	is_num(walk.gpa, 0x40205123, "its address");
	is_num(walk.nr, 2, "two entries");
}

static void test_stopped(void)
{
	struct guest_walk walk;

	clear(0x80000001, 0x20, 0xd00);
	is_num(guest_walk(&source, 0x800000000000, &walk), 0, "not canonical");
	has(walk.stopped, "not canonical", "is said");
	is_num(walk.nr, 0, "nothing is read");
	is_num(guest_walk(&source, 0, &walk), 0, "not present");
	has(walk.stopped, "page fault", "is said");
	put64(0x1000, 0x100003);
	is_num(guest_walk(&source, 0, &walk), 0, "a table without memory");
	has(walk.stopped, "no memory", "is said");
	is_num(walk.nr, 2, "after two entries");
	ok(!walk.step[1].has_entry, "the second has no value");
	clear(0x80000001, 0x20, 0xd00);
	unmapped_from = 0x2000;
	put64(0x1000, 0x2003);
	put64(0x2000, 0x3003);
	is_num(guest_walk(&source, 0, &walk), 0, "a table not in EPT yet");
	is_num(walk.step[1].ept.leaf_bytes, 0, "is not mapped");
	is_num(walk.step[1].entry, 0x3003, "but its memory is read");
}

static void test_other_modes(void)
{
	struct guest_walk walk;

	clear(0x80000001, 0, 0);
	put32(0x1004, 0x2007);			/* PDE 1 */
	put32(0x2008, 0x6003);			/* PTE 2 */
	is_num(guest_walk(&source, 0x402abc, &walk), 0, "32-bit paging");
	is_str(walk.mode, "32-bit paging", "its name");
	is_num(walk.gpa, 0x6abc, "the address");
	put32(0x1004, 0x00c02083);		/* bits 20:13 are 39:32 */
	is_num(guest_walk(&source, 0x402abc, &walk), 0, "bit 7 without PSE");
	is_num(walk.nr, 2, "points to a table");
	paging.cr4 = 0x10;
	is_num(guest_walk(&source, 0x402abc, &walk), 0, "4 MiB page");
	is_num(walk.gpa, 0x100c02abc, "with address bits 39:32");
	clear(0x80000001, 0x20, 0);
	paging.cr3 = 0x1020;
	put64(0x1028, 0x2001);			/* PDPTE 1 */
	put64(0x2008, 0x3007);			/* PDE 1 */
	put64(0x3010, 0x7007);			/* PTE 2 */
	is_num(guest_walk(&source, 0x40202fff, &walk), 0, "PAE paging");
	is_num(walk.gpa, 0x7fff, "the address");
	is_num(walk.rights, 7, "a PDPTE takes no rights away");
	clear(0x10, 0, 0);
	is_num(guest_walk(&source, 0x1200004567, &walk), 0, "paging off");
	is_num(walk.gpa, 0x4567, "32 bits count");
	is_num(guest_walk_reads(&walk), 4, "one dimension is left");
}

/* ---- the command ---- */

static const char *guest;

static void fresh(void)
{
	fake_remove();
	fake_install();
	fake_cpuid(0);
	fake_hlt(0);
}

static void test_guest(void)
{
	const struct cli *c;
	cJSON *json;

	fresh();
	c = cli("ept", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 0, "ept of a guest");
	has(c->out, "0x0000000000-0x0000003000    4K  rwx          3     0",
	    "neighbours are one range");
	has(c->out, "1 range, 12 KiB mapped", "and are counted");
	has(c->out, "hidden", "no host physical address");
	c = cli("ept", "--gpa", "0x2004", "--flat", "0x1000", guest, NULL);
	has(c->out, "level 1, page table              entry   2 = 0x0000000000000077  rwx leaf 4K WB ignore-PAT",
	    "--gpa: entries in words");
	c = cli("ept", "--gpa", "0x9000", "--flat", "0x1000", guest, NULL);
	has(c->out, "exits with an EPT violation", "not mapped yet");
	c = cli("ept", "--gpa", "0x900000000", "--flat", "0x1000", guest, NULL);
	has(c->out, "slot: none", "no memory");
	c = cli("ept", "--gva", "0x1000", "--flat", "0x1000", guest, NULL);
	has(c->out, "paging is off", "--gva in real mode");
	c = cli("ept", "--json", "--gpa", "0x1000", "--flat", "0x1000", guest,
		NULL);
	json = cJSON_Parse(c->out);
	is_num(cJSON_GetArraySize(cJSON_GetObjectItem(json, "entries")), 4,
	       "--json --gpa");
	cJSON_Delete(json);
	c = cli("ept", "--json", "--flat", "0x1000", guest, NULL);
	json = cJSON_Parse(c->out);
	is_num(cJSON_GetArraySize(json), 1, "--json");
	cJSON_Delete(json);
	c = cli("ept", "--json", "--gva", "0x1000", "--flat", "0x1000", guest,
		NULL);
	json = cJSON_Parse(c->out);
	is_str(cJSON_GetStringValue(cJSON_GetObjectItem(json, "gpa")),
	       "0x1000", "--json --gva");
	cJSON_Delete(json);
}

static void test_wrong_usage(void)
{
	const struct cli *c;

	fresh();
	is_num(cli("ept", NULL)->status, 2, "neither guest nor VM");
	is_num(cli("ept", "--vm", "x", guest, NULL)->status, 2, "both");
	c = cli("ept", "--gpa", "0", "--gva", "0", guest, NULL);
	is_num(c->status, 2, "two addresses");
	has(c->err, "exclude each other", "is said");
	c = cli("ept", "--vcpu", "1", guest, NULL);
	is_num(c->status, 2, "another vCPU of a guest");
	c = cli("ept", "--at-exit", "9", "--flat", "0x1000", guest, NULL);
	is_num(c->status, 1, "an exit that never comes");
	has(c->err, "the guest made only", "is said");
}

/* ---- a running VM, from files as the module writes them ---- */

static char top[256];

static void file_in(const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	file = fopen(path, "we");
	if (!file)
		exit(99);
	fputs(text, file);
	fclose(file);
}

static void dir_in(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	if (mkdir(path, 0700))
		exit(99);
}

static void make_tree(void)
{
	snprintf(top, sizeof(top), "%s", temp_path("ept-debugfs"));
	if (mkdir(top, 0700))
		exit(99);
	dir_in("vm4");
	dir_in("vm4/vcpu0");
	file_in("vm4/info", "name: alpha\nid: 4\npid: 1\nvcpus: 1\nstate: alive\n");
	file_in("vm4/ept",
		"# head\n# level 2: words\n"
		"0x000000000000-0x000000400000 2M r-x 2 leaves slot 3 hva 0x7f00 hpa 0x200000 pieces 2\n"
		"0x000000400000-0x000000401000 4K rwx 1 leaves slot -1 hva 0x0 hpa 0x5000 pieces 1\n"
		"# more ranges are not shown\n");
	/* The question overwrites the blanks: a plain file has one place. */
	file_in("vm4/walk",
		"                    \n"
		"level 4 entry 0x1007 rwx table\nlevel 3 entry 0x2007 rwx table\n"
		"level 2 entry 0x2000b5 r-x leaf\nleaf 2M r-x hpa 0x201234\n"
		"slot 3 hva 0x7f0000001234\n");
	file_in("vm4/vcpu0/registers",
		"rip 0x0\ncr0 0x10 cr2 0x0 cr3 0x0 cr4 0x0 cr8 0x0 efer 0x0\n");
}

static void test_vm(void)
{
	const struct cli *c;
	char command[300];

	fresh();
	make_tree();
	c = cli("ept", "--vm", "alpha", "--debugfs", top, NULL);
	is_num(c->status, 0, "ept --vm");
	has(c->out, "0x0000000000-0x0000400000    2M  r-x          2     3  0x7f00        0x200000            2",
	    "a range of two pieces");
	has(c->out, "none  -             0x5000", "a range without slot");
	has(c->out, "2 ranges, 4100 KiB mapped; the module did not show all",
	    "the end says what is missing");
	c = cli("ept", "--vm", "4", "--gpa", "0x1234", "--debugfs", top, NULL);
	has(c->out, "level 2, page directory          entry   0 = 0x00000000002000b5  r-x leaf 2M WB",
	    "a leaf at level 2");
	has(c->out, "HPA 0x201234", "root sees where");
	c = cli("ept", "--vm", "4", "--gva", "0x1234", "--debugfs", top, NULL);
	has(c->out, "EPT 4[0] 3[0] 2[0] → HPA 0x201234 (2M r-x)", "--gva");
	file_in("vm4/walk", "rubbish\n");
	c = cli("ept", "--vm", "4", "--gpa", "0", "--debugfs", top, NULL);
	is_num(c->status, 1, "a file of another version");
	has(c->err, "build module and tool from one tree", "gets the hint");
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	if (system(command))
		exit(99);
}

int main(void)
{
	fake_install();
	guest = temp_file("guest.bin", "\xf4\xf4\xf4\xf4", 4);
	test_4_level();
	test_stopped();
	test_other_modes();
	test_guest();
	test_wrong_usage();
	test_vm();
	fake_remove();
	return tap_done();
}
