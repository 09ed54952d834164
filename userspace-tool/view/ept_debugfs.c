// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second-level tables of a VM of any process, from the module's debugfs files.
 *
 * Used by cli/cmd_ept.c for --vm.  Read ept_source.h first; the lines are those
 * of ept_show() and walk_show() in module/inspect.c.
 *
 * Subtle: "walk" keeps question and answer per open file, so two tools that ask
 * at once do not get each other's answer.  Guest memory is read through the
 * memory of the VM's process, /proc/PID/mem: the guest's memory is its memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debugfs.h"
#include "ept_source.h"

#define WALK_TEXT	2048

/* "rwx" -> VTR_WALK_*; a dash is a right that is not there. */
static uint32_t parse_rights(const char *text)
{
	return (strchr(text, 'r') ? VTR_WALK_READ : 0) |
	       (strchr(text, 'w') ? VTR_WALK_WRITE : 0) |
	       (strchr(text, 'x') ? VTR_WALK_EXEC : 0);
}

/* "4K", "2M", "1G"; 0 for "none". */
static uint64_t parse_leaf(const char *text)
{
	if (!strcmp(text, "4K"))
		return 1ull << 12;
	if (!strcmp(text, "2M"))
		return 1ull << 21;
	return strcmp(text, "1G") ? 0 : 1ull << 30;
}

/* ---- one address ---- */

static int ask(struct ept_source *source, uint64_t gpa, char *text, size_t room)
{
	char path[512], question[32];
	ssize_t got = -1;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/vm%u/walk", source->top, source->id);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return debugfs_cannot_open(source->top, path);
	snprintf(question, sizeof(question), "0x%llx\n", (ull)gpa);
	if (write(fd, question, strlen(question)) == (ssize_t)strlen(question))
		got = pread(fd, text, room - 1, 0);
	if (got < 0)
		err = errno;
	close(fd);
	if (err == ERANGE)
		return vtr_error(ERANGE, "GPA 0x%llx is wider than a guest physical address on this processor",
				 (ull)gpa);
	if (err)
		return vtr_error(err, "%s: %s", path, strerror(err));
	text[got] = 0;
	return 0;
}

static void take_line(const char *line, struct ept_walk *walk)
{
	unsigned long long a = 0;
	char leaf[8], rights[8];
	unsigned int level;
	int slot;

	if (sscanf(line, "level %u entry 0x%llx", &level, &a) == 2 &&
	    walk->nr < EPT_MAX_LEVELS) {
		walk->level[walk->nr] = level;
		walk->entry[walk->nr++] = a;
	} else if (sscanf(line, "leaf %7s %7s hpa 0x%llx", leaf, rights,
			  &a) == 3) {
		walk->leaf_bytes = parse_leaf(leaf);
		walk->rights = parse_rights(rights);
		walk->hpa = a;
	} else if (sscanf(line, "slot %d hva 0x%llx", &slot, &a) == 2) {
		walk->slot = slot;
		walk->hva = a;
	}
}

static int debugfs_walk(struct ept_source *source, uint64_t gpa,
			struct ept_walk *walk)
{
	char text[WALK_TEXT], *rest = text, *line;
	int ret = ask(source, gpa, text, sizeof(text));

	if (ret)
		return ret;
	*walk = (struct ept_walk){ .gpa = gpa, .slot = EPT_NO_SLOT,
				   .has_frames = true };
	while ((line = strsep(&rest, "\n")))
		take_line(line, walk);
	if (!walk->nr)
		return vtr_error(EIO, "vm%u/walk in debugfs has no line that this tool understands: build module and tool from one tree",
				 source->id);
	return 0;
}

/* ---- all leaves ---- */

static bool parse_range(const char *line, struct ept_range *range)
{
	unsigned long long start, end, leaves, hva, hpa, pieces;
	char leaf[8], rights[8];
	int slot;

	if (sscanf(line, "0x%llx-0x%llx %7s %7s %llu leaves slot %d hva 0x%llx hpa 0x%llx pieces %llu",
		   &start, &end, leaf, rights, &leaves, &slot, &hva, &hpa,
		   &pieces) != 9)
		return false;
	*range = (struct ept_range){ start, end, parse_leaf(leaf),
				     parse_rights(rights), slot, hva, hpa,
				     pieces };
	return true;
}

static int debugfs_ranges(struct ept_source *source, struct ept_ranges *ranges)
{
	char path[512], line[DEBUGFS_LINE];
	struct ept_range range;
	FILE *stream;
	int ret = 0;

	*ranges = (struct ept_ranges){ 0 };
	snprintf(path, sizeof(path), "%s/vm%u/ept", source->top, source->id);
	stream = fopen(path, "re");
	if (!stream)
		return debugfs_cannot_open(source->top, path);
	while (!ret && fgets(line, sizeof(line), stream)) {
		if (parse_range(line, &range))
			ret = ept_ranges_add(ranges, &range);
		else if (!strncmp(line, "# more ranges", 13))
			ranges->cut = true;
	}
	fclose(stream);
	if (ret) {
		free(ranges->range);
		ranges->range = NULL;
	}
	return ret;
}

/* ---- the guest's own tables ---- */

static int debugfs_read(struct ept_source *source, uint64_t gpa, void *to,
			uint32_t bytes)
{
	struct ept_walk walk;
	char path[64];
	ssize_t got;
	int fd, ret = source->walk(source, gpa, &walk);

	if (ret)
		return ret;
	if (walk.slot == EPT_NO_SLOT)
		return -EFAULT;
	snprintf(path, sizeof(path), "/proc/%s/mem", source->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vtr_error(errno, "%s: %s: the guest's tables lie in that process's memory",
				 path, strerror(errno));
	got = pread(fd, to, bytes, (off_t)walk.hva);
	close(fd);
	return got == (ssize_t)bytes ? 0 : -EFAULT;
}

static int debugfs_paging(struct ept_source *source,
			  struct guest_paging *paging)
{
	unsigned long long cr0, cr2, cr3, cr4, cr8, efer;
	char line[DEBUGFS_LINE];
	bool found = false;
	FILE *stream = debugfs_open(source->top, source->id, source->vcpu,
				    "registers");

	if (!stream)
		return -ENOENT;
	while (!found && fgets(line, sizeof(line), stream))
		found = sscanf(line, "cr0 0x%llx cr2 0x%llx cr3 0x%llx cr4 0x%llx cr8 0x%llx efer 0x%llx",
			       &cr0, &cr2, &cr3, &cr4, &cr8, &efer) == 6;
	fclose(stream);
	if (!found)
		return vtr_error(EIO, "vm%u/vcpu%u/registers in debugfs has no line 'cr0 ...': build module and tool from one tree",
				 source->id, source->vcpu);
	*paging = (struct guest_paging){ cr0, cr3, cr4, efer };
	return 0;
}

void ept_source_debugfs(struct ept_source *source, const char *top,
			unsigned int id, const char *pid, unsigned int vcpu)
{
	*source = (struct ept_source){
		.walk = debugfs_walk,
		.ranges = debugfs_ranges,
		.read = debugfs_read,
		.paging = debugfs_paging,
		.top = top,
		.id = id,
		.vcpu = vcpu,
		.pid = pid,
	};
}
