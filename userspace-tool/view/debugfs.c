// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the files that the module shows in debugfs.
 *
 * Read debugfs.h first.  Nothing here is ABI of the kernel: a line that is not
 * understood is skipped, a missing file is reported.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "debugfs.h"
#include "libvitrine.h"
#include "tool.h"

int debugfs_cannot_open(const char *top, const char *path)
{
	int err = errno;

	if (err == EACCES || err == EPERM)
		return vtr_error(err, "%s: Permission denied: debugfs is for root: use sudo",
				 path);
	if (err != ENOENT)
		return vtr_error(err, "%s: %s", path, strerror(err));
	if (strcmp(path, top))
		return vtr_error(err, "%s does not exist: the VM or vCPU has ended, or never was",
				 path);
	return vtr_error(err, "%s does not exist: load the module (insmod vitrine.ko) and mount debugfs (mount -t debugfs none /sys/kernel/debug)",
			 path);
}

FILE *debugfs_open(const char *top, unsigned int id, unsigned int vcpu,
		   const char *file)
{
	char path[512];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/vm%u/vcpu%u/%s", top, id, vcpu, file);
	stream = fopen(path, "re");
	if (!stream)
		debugfs_cannot_open(top, path);
	return stream;
}

/* Copy the value of "key: value" if the line is of this key. */
static void take_key(const char *line, const char *key, char *value,
		     size_t room)
{
	size_t length = strlen(key);

	if (strncmp(line, key, length) || strncmp(line + length, ": ", 2))
		return;
	snprintf(value, room, "%s", line + length + 2);
	value[strcspn(value, "\n")] = 0;
}

static int read_info(const char *top, struct debugfs_vm *vm)
{
	char path[512], line[DEBUGFS_LINE], vcpus[16] = "0";
	FILE *stream;

	snprintf(path, sizeof(path), "%s/vm%u/info", top, vm->id);
	stream = fopen(path, "re");
	if (!stream)
		return debugfs_cannot_open(top, path);
	while (fgets(line, sizeof(line), stream)) {
		take_key(line, "name", vm->name, sizeof(vm->name));
		take_key(line, "pid", vm->pid, sizeof(vm->pid));
		take_key(line, "backend", vm->backend, sizeof(vm->backend));
		take_key(line, "state", vm->state, sizeof(vm->state));
		take_key(line, "dead_reason", vm->dead_reason,
			 sizeof(vm->dead_reason));
		take_key(line, "vcpus", vcpus, sizeof(vcpus));
	}
	fclose(stream);
	vm->vcpus = strtoul(vcpus, NULL, 10);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct debugfs_vm *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* "vm12" -> 12; false for cpu0 and everything else. */
static bool parse_vm(const char *name, unsigned int *id)
{
	char *end;

	if (strncmp(name, "vm", 2) || name[2] < '0' || name[2] > '9')
		return false;
	*id = strtoul(name + 2, &end, 10);
	return !*end;
}

static int add_vm(const char *top, unsigned int id, struct debugfs_vm **vms,
		  unsigned int *nr)
{
	struct debugfs_vm vm = { .id = id, .pid = "?", .state = "?" };
	struct debugfs_vm *grown;
	int ret = read_info(top, &vm);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	grown = realloc(*vms, (*nr + 1) * sizeof(vm));
	if (!grown)
		return vtr_error(ENOMEM, "no memory for the list of VMs");
	*vms = grown;
	grown[(*nr)++] = vm;
	return 0;
}

int debugfs_list(const char *top, struct debugfs_vm **vms, unsigned int *nr)
{
	struct dirent *entry;
	unsigned int id;
	DIR *dir = opendir(top);
	int ret = 0;

	*vms = NULL;
	*nr = 0;
	if (!dir)
		return debugfs_cannot_open(top, top);
	while (!ret && (entry = readdir(dir))) {
		if (parse_vm(entry->d_name, &id))
			ret = add_vm(top, id, vms, nr);
	}
	closedir(dir);
	if (ret) {
		free(*vms);
		*vms = NULL;
		return ret;
	}
	if (*nr)
		qsort(*vms, *nr, sizeof(**vms), by_id);
	return 0;
}

int debugfs_find(const char *top, const char *name, struct debugfs_vm *vm)
{
	struct debugfs_vm *vms;
	unsigned int nr;
	char *end;
	unsigned long id = strtoul(name, &end, 10);
	bool by_number = end != name && !*end;
	int ret = debugfs_list(top, &vms, &nr);

	if (ret)
		return ret;
	ret = vtr_error(ENOENT, "no running VM is called '%s': see 'vitrine ps'",
			name);
	for (unsigned int i = 0; i < nr; i++) {
		if (!strcmp(vms[i].name, name) ||
		    (by_number && vms[i].id == id)) {
			*vm = vms[i];
			ret = 0;
			break;
		}
	}
	free(vms);
	return ret;
}

int debugfs_exit_line(const char *line, uint32_t *reason, uint64_t *count,
		      uint64_t *ticks)
{
	unsigned long long c, t;
	unsigned int r;

	if (*line == '#' || sscanf(line, "%u %*s %llu %llu", &r, &c, &t) != 3)
		return 0;
	*reason = r;
	*count = c;
	*ticks = t;
	return 1;
}

int debugfs_exits(const char *top, unsigned int id, unsigned int vcpu,
		  uint64_t *exits)
{
	uint64_t count, ticks;
	char line[DEBUGFS_LINE];
	uint32_t reason;
	FILE *stream = debugfs_open(top, id, vcpu, "exits");

	*exits = 0;
	if (!stream)
		return -ENOENT;
	while (fgets(line, sizeof(line), stream)) {
		if (debugfs_exit_line(line, &reason, &count, &ticks))
			*exits += count;
	}
	fclose(stream);
	return 0;
}
