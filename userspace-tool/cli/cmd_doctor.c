// SPDX-License-Identifier: GPL-2.0-only
/*
 * vitrine doctor: can guests run here, and if not, what has to be done?
 *
 * Each requirement is one function in the table `checks` and yields one row or
 * more: OK, note (works, but less), or problem with its fix.  Works without
 * the module, on the host and in the nested machine.
 *
 * Subtle: files are looked up below --root, so the checks can be tried on a
 * copied /proc and /sys; what is asked of the running system itself (CPUID,
 * the device) is asked only if --root is /.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "libvitrine.h"
#include "view/json.h"

#define MAX_ROWS	128
#define CPUID_ECX_VMX	(1u << 5)
#define NESTED_FIX	"use the nested machine: make shell"

/* Kernels that the module is tested on, and the first that it cannot use. */
#define KERNEL(major, minor)	((major) * 1000 + (minor))
#define KERNEL_FIRST		KERNEL(6, 1)
#define KERNEL_SECOND		KERNEL(6, 12)
#define KERNEL_CLOSED		KERNEL(6, 19)

enum verdict { OK, NOTE, PROBLEM };

struct row {
	enum verdict verdict;
	char title[64];
	char detail[256];
	char fix[200];
};

struct doctor {
	const struct options *options;
	bool here;		/* --root is / */
	bool has_vmx;
	bool has_module;
	char cpuinfo[16384];	/* the first processor's block */
	char release[80];
	unsigned int nr;
	struct row rows[MAX_ROWS];
};

static void __attribute__((format(printf, 5, 6)))
say(struct doctor *doctor, enum verdict verdict, const char *title,
    const char *fix, const char *fmt, ...)
{
	struct row *row;
	va_list args;

	if (doctor->nr == MAX_ROWS)
		return;
	row = &doctor->rows[doctor->nr++];
	row->verdict = verdict;
	snprintf(row->title, sizeof(row->title), "%s", title);
	snprintf(row->fix, sizeof(row->fix), "%s", fix ? fix : "");
	va_start(args, fmt);
	vsnprintf(row->detail, sizeof(row->detail), fmt, args);
	va_end(args);
}

/* ---- reading files ---- */

static void path_of(const struct doctor *doctor, const char *path, char *full,
		    size_t room)
{
	snprintf(full, room, "%s%s", doctor->here ? "" :
		 doctor->options->root, path);
}

static bool exists(const struct doctor *doctor, const char *path)
{
	char full[512];

	path_of(doctor, path, full, sizeof(full));
	return !access(full, F_OK);
}

/* Read the beginning of a file as text; false and empty if there is none. */
static bool read_text(const struct doctor *doctor, const char *path, char *text,
		      size_t room)
{
	char full[512];
	FILE *file;
	size_t got;

	*text = 0;
	path_of(doctor, path, full, sizeof(full));
	file = fopen(full, "re");
	if (!file)
		return false;
	got = fread(text, 1, room - 1, file);
	fclose(file);
	text[got] = 0;
	return true;
}

/* Value of "key : value" in the first processor's block. */
static void cpu_value(const struct doctor *doctor, const char *key, char *value,
		      size_t room)
{
	const char *line = doctor->cpuinfo;
	size_t length = strlen(key);

	*value = 0;
	while (line && *line) {
		if (!strncmp(line, key, length) &&
		    strchr(" \t:", line[length])) {
			line = strchr(line, ':');
			if (line && line[1] == ' ')
				snprintf(value, room, "%.*s",
					 (int)strcspn(line + 2, "\n"),
					 line + 2);
			return;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
}

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length) {
		bool starts = at == list || at[-1] == ' ';

		if (starts && strchr(" \n", at[length]))
			return true;
	}
	return false;
}

static bool cpu_flag(const struct doctor *doctor, const char *flag)
{
	char list[4096];

	cpu_value(doctor, "flags", list, sizeof(list));
	if (has_word(list, flag))
		return true;
	cpu_value(doctor, "vmx flags", list, sizeof(list));
	return has_word(list, flag);
}

/* The nested machine has its tree there, and modules come ready-made. */
static bool is_nested(const struct doctor *doctor)
{
	return exists(doctor, "/vitrine/bin");
}

/* ---- processor ---- */

/* The kernel hides the flag if the firmware has locked VMX off. */
static bool cpuid_has_vmx(const struct doctor *doctor)
{
	unsigned int eax, ebx, ecx, edx;

	return doctor->here && __get_cpuid(1, &eax, &ebx, &ecx, &edx) &&
	       (ecx & CPUID_ECX_VMX);
}

static void check_vmx(struct doctor *doctor)
{
	char vendor[64], model[128];

	if (!read_text(doctor, "/proc/cpuinfo", doctor->cpuinfo,
		       sizeof(doctor->cpuinfo))) {
		say(doctor, PROBLEM, "processor",
		    "mount /proc: mount -t proc none /proc",
		    "/proc/cpuinfo cannot be read");
		return;
	}
	cpu_value(doctor, "vendor_id", vendor, sizeof(vendor));
	cpu_value(doctor, "model name", model, sizeof(model));
	doctor->has_vmx = cpu_flag(doctor, "vmx");
	if (doctor->has_vmx)
		say(doctor, OK, "VMX", NULL, "%s", model);
	else if (cpuid_has_vmx(doctor))
		say(doctor, PROBLEM, "VMX",
		    "switch VT-x on in the firmware setup, or " NESTED_FIX,
		    "%s: the firmware has locked VMX off", model);
	else if (cpu_flag(doctor, "svm"))
		say(doctor, PROBLEM, "VMX", NESTED_FIX,
		    "%s: has AMD-V, which is not supported yet", model);
	else
		say(doctor, PROBLEM, "VMX", NESTED_FIX,
		    "%s (%s): no vmx flag in /proc/cpuinfo", model, vendor);
}

static void check_flag(struct doctor *doctor, const char *flag,
		       const char *title)
{
	if (cpu_flag(doctor, flag))
		say(doctor, OK, title, NULL, "flag %s in /proc/cpuinfo", flag);
	else
		say(doctor, PROBLEM, title, NESTED_FIX,
		    "no flag %s in /proc/cpuinfo: Vitrine cannot do without",
		    flag);
}

static void check_vmx_features(struct doctor *doctor)
{
	if (!doctor->has_vmx)
		return;
	check_flag(doctor, "ept", "extended page tables");
	check_flag(doctor, "unrestricted_guest", "unrestricted guest");
}

/* ---- kernel ---- */

static void check_kernel(struct doctor *doctor)
{
	unsigned int major = 0, minor = 0, version;

	read_text(doctor, "/proc/sys/kernel/osrelease", doctor->release,
		  sizeof(doctor->release));
	doctor->release[strcspn(doctor->release, "\n")] = 0;
	sscanf(doctor->release, "%u.%u", &major, &minor);
	version = KERNEL(major, minor);
	if (version == KERNEL_FIRST || version == KERNEL_SECOND)
		say(doctor, OK, "kernel", NULL, "%s", doctor->release);
	else if (version < KERNEL_FIRST)
		say(doctor, PROBLEM, "kernel",
		    "boot kernel 6.1 or 6.12, or " NESTED_FIX,
		    "%s is older than 6.1", doctor->release);
	else if (version >= KERNEL_CLOSED)
		say(doctor, PROBLEM, "kernel",
		    "boot kernel 6.1 or 6.12, or " NESTED_FIX,
		    "%s keeps the functions that the module needs for KVM alone",
		    doctor->release);
	else
		say(doctor, NOTE, "kernel", NULL,
		    "%s: not tested (6.1 and 6.12 are)", doctor->release);
}

static void check_headers(struct doctor *doctor)
{
	char path[160], fix[200];

	if (doctor->has_module || is_nested(doctor))
		return;
	snprintf(path, sizeof(path), "/lib/modules/%s/build", doctor->release);
	snprintf(fix, sizeof(fix), "apt-get install linux-headers-%s",
		 doctor->release);
	if (exists(doctor, path))
		say(doctor, OK, "kernel headers", NULL, "%s", path);
	else
		say(doctor, NOTE, "kernel headers", fix,
		    "%s is missing: the module cannot be built for this kernel",
		    path);
}

static void check_lockdown(struct doctor *doctor)
{
	char text[128];

	read_text(doctor, "/sys/kernel/security/lockdown", text, sizeof(text));
	if (strstr(text, "[integrity]") || strstr(text, "[confidentiality]")) {
		say(doctor, PROBLEM, "lockdown",
		    "switch Secure Boot off, or sign the module",
		    "the kernel is locked down (%.*s): it refuses unsigned modules",
		    (int)strcspn(text, "\n"), text);
		return;
	}
	read_text(doctor, "/sys/module/module/parameters/sig_enforce", text,
		  sizeof(text));
	if (*text == 'Y') {
		say(doctor, PROBLEM, "module signatures",
		    "boot with module.sig_enforce=0, or sign the module",
		    "the kernel refuses unsigned modules");
		return;
	}
	say(doctor, OK, "lockdown", NULL, "unsigned modules may be loaded");
}

/* ---- who has VMX ---- */

static void check_module(struct doctor *doctor)
{
	doctor->has_module = exists(doctor, "/sys/module/vitrine");
	if (doctor->has_module)
		say(doctor, OK, "module", NULL, "vitrine is loaded");
	else
		say(doctor, PROBLEM, "module", doctor->has_vmx ?
		    "insmod vitrine.ko (the kernel log says why, if it refuses)" :
		    NESTED_FIX,
		    doctor->has_vmx ? "vitrine is not loaded" :
		    "vitrine is not loaded, and cannot be without VMX");
}

static void check_kvm(struct doctor *doctor)
{
	if (!exists(doctor, "/sys/module/kvm_intel"))
		say(doctor, OK, "kvm_intel", NULL, "not loaded");
	else if (doctor->has_module)
		say(doctor, NOTE, "kvm_intel", "modprobe -r kvm_intel",
		    "loaded beside vitrine: its VMs cannot start");
	else
		say(doctor, PROBLEM, "kvm_intel", "modprobe -r kvm_intel",
		    "loaded: it owns VMX, so vitrine refuses to load");
}

static const char *feature_state(const struct vtr_feature *feature)
{
	if (!(feature->flags & VTR_FEATURE_PRESENT))
		return "missing";
	return feature->flags & VTR_FEATURE_USED ? "present, used" :
						   "present, not used";
}

static void say_feature(struct doctor *doctor,
			const struct vtr_feature *feature)
{
	bool present = feature->flags & VTR_FEATURE_PRESENT;
	bool required = feature->flags & VTR_FEATURE_REQUIRED;
	char title[64];

	snprintf(title, sizeof(title), "  %.*s", (int)sizeof(feature->name),
		 feature->name);
	say(doctor, present ? OK : required ? PROBLEM : NOTE, title,
	    present || !required ? NULL : NESTED_FIX, "%s%s%.*s",
	    feature_state(feature), !present && *feature->cost ? ": " : "",
	    present ? 0 : (int)sizeof(feature->cost), feature->cost);
}

static void say_device(struct doctor *doctor, const struct vtr_dev *dev)
{
	const struct vtr_caps *caps = vtr_caps(dev);
	const struct vtr_feature *features;
	unsigned int nr;

	say(doctor, OK, "/dev/vitrine", NULL,
	    "back end %.*s, ABI version %u, %u vCPUs and %u slots a VM, TSC %u kHz",
	    (int)sizeof(caps->backend_name), caps->backend_name,
	    caps->api_version, caps->max_vcpus, caps->max_slots,
	    caps->tsc_khz);
	features = vtr_features(dev, &nr);
	for (unsigned int i = 0; i < nr; i++)
		say_feature(doctor, &features[i]);
}

/* The library's sentence carries its own fix behind the last colon. */
static void check_device(struct doctor *doctor)
{
	struct vtr_dev *dev;

	if (!doctor->here || !doctor->has_module)
		return;
	if (vtr_open(NULL, &dev)) {
		say(doctor, PROBLEM, "/dev/vitrine", NULL, "%s",
		    vtr_last_error());
		return;
	}
	say_device(doctor, dev);
	vtr_close(dev);
}

/* A number from /sys/module/vitrine/parameters; -1: the module has no such parameter. */
static int parameter(const struct doctor *doctor, const char *name)
{
	char path[80], text[16];

	snprintf(path, sizeof(path), "/sys/module/vitrine/parameters/%s", name);
	return read_text(doctor, path, text, sizeof(text)) ? atoi(text) : -1;
}

/* What of the features above VMs use that are made from now on. */
static void check_parameters(struct doctor *doctor)
{
	static const char *const levels[] = {
		"local APICs are left to the module alone",
		"of local APICs the processor has the registers, if it can",
		"of local APICs the processor has registers and delivery, if it can",
	};
	int apicv = parameter(doctor, "apicv"), slice = parameter(doctor, "slice_us");

	if (!doctor->has_module)
		return;
	if (apicv >= 0)
		say(doctor, OK, "parameter apicv", NULL, "%d: %s", apicv,
		    levels[apicv > 2 ? 2 : apicv]);
	if (slice > 0)
		say(doctor, OK, "parameter slice_us", NULL,
		    "%d: no stay in the guest is longer, if the processor has the timer", slice);
	else if (!slice)
		say(doctor, OK, "parameter slice_us", NULL, "0: a stay in the guest has no limit");
}

/* ---- seeing ---- */

static bool is_mounted(const char *mounts, const char *type)
{
	char word[32];

	snprintf(word, sizeof(word), " %s ", type);
	return strstr(mounts, word);
}

static void check_mounts(struct doctor *doctor)
{
	char mounts[16384];

	read_text(doctor, "/proc/mounts", mounts, sizeof(mounts));
	if (is_mounted(mounts, "debugfs"))
		say(doctor, OK, "debugfs", NULL, "mounted");
	else
		say(doctor, NOTE, "debugfs",
		    "mount -t debugfs none /sys/kernel/debug",
		    "not mounted: ps, and exits and vmcs with --vm, need it");
	if (is_mounted(mounts, "tracefs"))
		say(doctor, OK, "tracefs", NULL, "mounted");
	else
		say(doctor, NOTE, "tracefs",
		    "mount -t tracefs none /sys/kernel/tracing",
		    "not mounted: the trace points vitrine:* need it");
}

/* ---- the nested machine ---- */

static bool find_program(const struct doctor *doctor, const char *name,
			 char *path, size_t room)
{
	static const char *const places[] = {
		"/usr/local/bin", "/usr/bin", "/bin", "/usr/games",
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, room, "%s/%s", places[i], name);
		if (exists(doctor, path))
			return true;
	}
	return false;
}

static void check_engine(struct doctor *doctor, const char *program,
			 const char *title, const char *package)
{
	char path[64], fix[64];

	snprintf(fix, sizeof(fix), "apt-get install %s", package);
	if (find_program(doctor, program, path, sizeof(path)))
		say(doctor, OK, title, NULL, "%s", path);
	else
		say(doctor, NOTE, title, fix,
		    "%s is not installed (make shell installs what it needs when root)",
		    program);
}

/*
 * The nested machine itself needs no other one, nor does a host where guests
 * run already.
 */
static void check_nested(struct doctor *doctor)
{
	if (doctor->has_module || is_nested(doctor))
		return;
	check_engine(doctor, "bochs", "nested machine: Bochs",
		     "bochs bochsbios vgabios bochs-term");
	if (doctor->has_vmx)
		check_engine(doctor, "qemu-system-x86_64",
			     "nested machine: QEMU, KVM", "qemu-system-x86");
}

/* ---- all of them ---- */

static void (*const checks[])(struct doctor *doctor) = {
	check_vmx, check_vmx_features, check_kernel, check_module, check_kvm,
	check_device, check_parameters, check_lockdown, check_headers, check_mounts, check_nested,
};

static unsigned int problems(const struct doctor *doctor)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < doctor->nr; i++)
		nr += doctor->rows[i].verdict == PROBLEM;
	return nr;
}

static const char *const verdict_words[] = { "OK", "note", "PROBLEM" };

static void print_text(const struct doctor *doctor)
{
	unsigned int nr = problems(doctor);

	for (unsigned int i = 0; i < doctor->nr; i++) {
		const struct row *row = &doctor->rows[i];

		printf("%-8s %-28s  %s\n", verdict_words[row->verdict],
		       row->title, row->detail);
		if (*row->fix)
			printf("%-8s   fix: %s\n", "", row->fix);
	}
	if (!nr)
		printf("\nGuests can run here.\n");
	else
		printf("\n%u problem%s: guests cannot run here.\n", nr,
		       nr == 1 ? "" : "s");
}

static void print_json(const struct doctor *doctor)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(json, "checks");

	for (unsigned int i = 0; i < doctor->nr; i++) {
		const struct row *row = &doctor->rows[i];
		cJSON *item = cJSON_CreateObject();
		const char *title = row->title;

		title += strspn(title, " ");
		cJSON_AddStringToObject(item, "verdict",
					verdict_words[row->verdict]);
		cJSON_AddStringToObject(item, "check", title);
		cJSON_AddStringToObject(item, "detail", row->detail);
		if (*row->fix)
			cJSON_AddStringToObject(item, "fix", row->fix);
		cJSON_AddItemToArray(list, item);
	}
	json_count(json, "problems", problems(doctor));
	json_print(json, stdout);
}

static int run(const struct options *options)
{
	struct doctor *doctor = calloc(1, sizeof(*doctor));
	int status;

	if (!doctor) {
		vtr_error(ENOMEM, "no memory for the report");
		return command_failed(&cmd_doctor);
	}
	doctor->options = options;
	doctor->here = !strcmp(options->root, "/");
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		checks[i](doctor);
	if (options->json)
		print_json(doctor);
	else
		print_text(doctor);
	status = problems(doctor) ? EXIT_FAILED : EXIT_OK;
	free(doctor);
	return status;
}

static const struct opt rows[] = {
	{ "root", 0, OPT_STRING, offsetof(struct options, root), "DIR", "/",
	  "look at the /proc and /sys below this directory, and not at the device",
	  NULL, 0, 0 },
};

static const struct opt_group doctor_options =
	OPT_GROUP("doctor options", rows);

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "check whether guests can run here, and say what to do if not",
	.usage = "[options]",
	.description =
		"Checks processor, kernel, module, device, capability report, who else "
		"holds VMX, debugfs and tracefs. Each row is OK, a note (works, with "
		"less), or a PROBLEM with its fix. On a machine without VT-x the fix is "
		"the nested machine, and it is checked what that needs.\n"
		"\n"
		"Exit code: 0 guests can run here, 1 there is a problem.",
	.guest = GUEST_NONE,
	.groups = { &doctor_options, &common_options },
	.run = run,
};
