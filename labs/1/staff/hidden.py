# SPDX-License-Identifier: GPL-2.0-only
"""Lab 1: the tests that only staff has.

Scenes: `cycles` loads and unloads many times and counts free pages, `parted` does
so while a core is offline, `emergency` stops in the middle of an emergency reboot.
judge.load() calls add(); read labs/1/tests.py before.
"""

from lab.judge import Lab, expect, expect_no_leak
from lab.observe import break_at, free_pages
from lab.scene import Scene, Seen

LOADS = 20
CYCLES = """\
loads() {{
	n=$1
	while [ $n -gt 0 ]; do
		insmod /vitrine/vitrine.ko && rmmod vitrine || exit 1
		n=$((n - 1))
	done
	settle
}}
loads 4
mark 1
loads 20
mark 2
"""
PARTED = """\
echo 0 >/sys/devices/system/cpu/cpu1/online
insmod /vitrine/vitrine.ko || exit 1
mark 1
echo 1 >/sys/devices/system/cpu/cpu1/online
mark 2
echo 0 >/sys/devices/system/cpu/cpu1/online
rmmod vitrine
mark 3
echo 1 >/sys/devices/system/cpu/cpu1/online
mark 4
"""
# Where the kernel resets the machine is asked for before the module is there; by grep,
# for sed takes half a minute for the table.  Two places, one behind the other: now and
# then the emulator overlooks a break point while two processors run.
EMERGENCY = """\
first=$(grep -m1 -F -w acpi_reboot /proc/kallsyms)
second=$(grep -m1 -F -w acpi_reset /proc/kallsyms)
mark 1 "${{first%% *}}"
mark 2 "${{second%% *}}"
taskset 1 insmod /vitrine/vitrine.ko || exit 1
taskset 2 vitrine run /vitrine/guests/spin.elf &
usleep 300000
mark 3
taskset 1 sh -c 'echo b >/proc/sysrq-trigger'
sleep 20
"""


def add(lab: Lab) -> None:
    lab.scene(Scene("cycles", CYCLES, at_mark={"free": free_pages}))
    lab.scene(Scene("parted", PARTED, cpus=2))
    # From 6.2 on a kernel leaves root mode by the module's callback alone.
    lab.scene(Scene("emergency", EMERGENCY, seconds=30, cpus=2, kernel="6.12", may_end=True,
                    end_at_break=True, at_mark={"stop": break_at}))

    @lab.test("no-leak", f"{LOADS} loads and unloads cost no memory", 10, "cycles",
              after=["unload"], read="vmx/cpu.c, vmx_hw_exit() and free_regions()")
    def no_leak(seen: Seen) -> None:
        before, after = (seen.recorder.marks[number].found["free"] for number in (1, 2))
        expect_no_leak(before, after, LOADS // 2, f"{LOADS} loads: a VMXON region is a page")

    @lab.test("late-core", "a core that was offline at loading time is taken when it comes", 5,
              "parted", after=["online"], read="module/main.c, enable_all_cores()")
    def late_core(seen: Seen) -> None:
        expect(not seen.recorder.marks[1].cores[1].in_root_mode, "core 1 is in root mode, offline",
               "an offline core is left alone")
        expect(seen.recorder.marks[2].cores[1].in_root_mode,
               "core 1 came online and is not in root mode", "it is taken when it comes")

    @lab.test("early-core", "after unloading a core that comes online stays out", 5, "parted",
              after=["late-core"], read="module/main.c, disable_all_cores()")
    def early_core(seen: Seen) -> None:
        for core in seen.recorder.marks[4].cores:
            expect(not core.in_root_mode and not core.vmxe,
                   f"core {core.number} is in root mode or has CR4.VMXE set",
                   "nobody enters root mode without the module")

    @lab.test("emergency", "an emergency reboot finds no core in root mode", 10, "emergency",
              after=["every-core"], read="vmx/cpu.c, emergency_disable()")
    def emergency(seen: Seen) -> None:
        expect(all(core.in_root_mode for core in seen.recorder.marks[3].cores),
               "not every core is in root mode before it", "they are")
        expect(seen.recorder.breaks, "the kernel never came to acpi_reboot()",
               "an emergency reboot comes there")
        for core in seen.recorder.breaks[0].cores:
            expect(not core.in_root_mode, f"core {core.number} is in root mode when the kernel "
                   "resets the machine", "the callback has left it")

    @lab.test("lock-named", "the refusal on locked firmware names IA32_FEATURE_CONTROL", 5,
              "locked", after=["locked"], inside=True,
              read="vmx/caps.c, check_feature_control(); module/backend.h, vtr_refuse()")
    def lock_named(seen: Seen) -> None:
        said = [line for line in seen.log if "refusing to load" in line]
        expect(any("IA32_FEATURE_CONTROL" in line for line in said),
               said[-1].split("vitrine: ")[-1] if said else "no refusal in the kernel log",
               "a refusal (-EPERM) that names IA32_FEATURE_CONTROL")
