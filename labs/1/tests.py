# SPDX-License-Identifier: GPL-2.0-only
"""Lab 1: VMX root mode on each core.  The tests that students have, too.

Scenes: `load` goes through a whole life on two processors and stops for a look
from outside at each mark; `locked` tries a machine whose firmware has locked
VMX off.
"""

from lab.judge import Lab, expect
from lab.observe import Mark, Recorder, vmxon_revision
from lab.scene import Scene, Seen
from machine.debugger import Debugger

REVISION = 0x2b         # IA32_VMX_BASIC 30:0 of the emulated processor

BEFORE, LOADED, ONE_CORE, BOTH_AGAIN, GUEST_DONE, UNLOADED, LOADED_AGAIN, GONE = range(1, 9)
LIFE = """\
mark 1
taskset 1 insmod /vitrine/vitrine.ko || exit 1
mark 2
sed -n 's/^vmx_root_mode: /it says /p' /sys/kernel/debug/vitrine/cpu*
echo 0 >/sys/devices/system/cpu/cpu1/online
mark 3
echo 1 >/sys/devices/system/cpu/cpu1/online
mark 4
taskset 1 vitrine run /root/first.elf
mark 5
rmmod vitrine
mark 6
taskset 1 insmod /vitrine/vitrine.ko
mark 7
rmmod vitrine
mark 8
"""


def regions(recorder: Recorder, debugger: Debugger) -> list[int]:
    """First word of each core's VMXON region."""
    last = list(recorder.marks.values())[-1]
    return [vmxon_revision(debugger, core) for core in last.cores]


lab = Lab(1, "VMX root mode on each core")
lab.scene(Scene("load", LIFE, cpus=2, guests=["first"], at_mark={"regions": regions}))
lab.scene(Scene("locked", "mark 1\ninsmod /vitrine/vitrine.ko\nmark 2\n", cpu="locked"))
lab.symbols = lambda seed: {
    "LEAF": seed.pick("leaf", 0x40000010, 0x400000f0),
    "COUNT": seed.pick("count", 3, 9),
}


def mark(seen: Seen, number: int) -> Mark:
    said = [line for line in seen.output.splitlines() if line and not line.startswith("it says")]
    expect(number in seen.recorder.marks, "the script ended before that point"
           + (f" ({said[-1]})" if said else ""),
           "the module loads, follows the cores, and unloads")
    return seen.recorder.marks[number]


def in_root_mode(seen: Seen, number: int, wanted: list[int]) -> None:
    """Exactly the cores WANTED are in root mode, with CR4.VMXE to match."""
    for core in mark(seen, number).cores:
        here = core.number in wanted
        expect(core.in_root_mode == here,
               f"core {core.number} is {'' if core.in_root_mode else 'not '}in VMX root mode",
               f"it is {'' if here else 'not '}in root mode")
        expect(core.vmxe == here,
               f"CR4.VMXE of core {core.number} is {core.vmxe:d}", f"it is {here:d}")


@lab.suspicion("load")
def lies(seen: Seen) -> str | None:
    """The module's own files against the emulator's view."""
    if LOADED not in seen.recorder.marks:
        return None
    said = seen.output.count("it says on")
    true = sum(core.in_root_mode for core in seen.recorder.marks[LOADED].cores)
    return f"its files say that {said} cores are in root mode, the emulator shows {true}" \
        if said > true else None


@lab.test("first-core", "the core that loads the module enters VMX root mode", 10, "load",
          read="SDM 3C \"Enabling and Entering VMX Operation\"; vmx/cpu.c, vmx_cpu_enable()")
def first_core(seen: Seen) -> None:
    core = mark(seen, LOADED).cores[0]
    expect(core.in_root_mode, "core 0 is not in VMX root mode", "VMXON was executed on it")


@lab.test("every-core", "every core is in VMX root mode after loading", 15, "load",
          after=["first-core"], read="module/main.c, enable_all_cores()")
def every_core(seen: Seen) -> None:
    in_root_mode(seen, LOADED, [0, 1])


@lab.test("regions", "each core has a VMXON region of its own with the revision identifier", 15,
          "load", after=["every-core"], read="SDM 3C \"VMXON Region\"; vmx/cpu.c, vmx_hw_init()")
def region(seen: Seen) -> None:
    loaded = mark(seen, LOADED)
    places = [core.vmxon_region for core in loaded.cores]
    expect(len(set(places)) == len(places), f"both cores use the region at {places[0]:#x}",
           "one page for each core")
    words = loaded.found["regions"]
    assert isinstance(words, list)
    for core, word in enumerate(words):
        expect(word == REVISION, f"the region of core {core} begins with {word:#x}",
               f"the revision identifier of IA32_VMX_BASIC, {REVISION:#x}, bit 31 clear")


@lab.test("offline", "a core that goes offline leaves root mode", 10, "load",
          after=["every-core"], read="module/main.c, disable_core(); vmx/cpu.c, vmx_cpu_disable()")
def offline(seen: Seen) -> None:
    in_root_mode(seen, ONE_CORE, [0])


@lab.test("online", "a core that comes back enters root mode", 10, "load", after=["offline"],
          read="Linux, Documentation/core-api/cpu_hotplug.rst; module/main.c, enable_core()")
def online(seen: Seen) -> None:
    in_root_mode(seen, BOTH_AGAIN, [0, 1])


@lab.test("guest", "a guest runs on it", 10, "load", after=["first-core"], needs_later=True,
          read="labs/1/README.md, \"What the rest of the module needs\"")
def guest(seen: Seen) -> None:
    exits = seen.recorder.between(BOTH_AGAIN, GUEST_DONE)
    cpuids = sum(1 for seen_exit in exits if seen_exit.reason == 10)
    count = lab.symbols(seen.seed)["COUNT"]
    expect(cpuids == count, f"{len(exits)} VM exits, {cpuids} of them by CPUID",
           f"the guest executes CPUID {count} times")


@lab.test("unload", "unloading leaves no core in root mode and CR4 as it was", 15, "load",
          after=["every-core"], read="vmx/cpu.c, vmx_cpu_disable()")
def unload(seen: Seen) -> None:
    in_root_mode(seen, UNLOADED, [])
    for before, now in zip(mark(seen, BEFORE).cores, mark(seen, UNLOADED).cores):
        expect(before.cr4 == now.cr4, f"CR4 of core {now.number} is {now.cr4:#x}",
               f"{before.cr4:#x}, as before loading")


@lab.test("again", "it can be loaded and unloaded again", 5, "load", after=["unload"],
          read="vmx/cpu.c, vmx_hw_exit()")
def again(seen: Seen) -> None:
    in_root_mode(seen, LOADED_AGAIN, [0, 1])
    in_root_mode(seen, GONE, [])


@lab.test("locked", "it refuses to load where firmware has locked VMX off", 10, "locked",
          after=["first-core"],
          read="SDM 3C \"Enabling and Entering VMX Operation\"; vmx/caps.c, "
               "check_feature_control()")
def locked(seen: Seen) -> None:
    in_root_mode(seen, 2, [])
    expect(not seen.reports and not seen.trouble, "the kernel complained",
           "the module says in its own words why it refuses")
