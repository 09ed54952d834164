# SPDX-License-Identifier: GPL-2.0-only
"""Lab 7: a stock Linux on two vCPUs, for labs/grade 7 --thorough only.

Scene `linux` boots Debian's kernel of the package, byte for byte, and ends as soon as
it is seen that both vCPUs are in the kernel, take interrupts and end them.  Unpacking
alone costs the emulator half a minute, so this is no part of grading by default.
lab/thorough.py calls add(); read labs/7/tests.py before.
"""

from lab.build import kernel_home
from lab.judge import Lab, expect
from lab.observe import Exit, Recorder
from lab.scene import Scene, Seen
from machine.debugger import Debugger

VIOLATION = 48
END_OF_INTERRUPT = 0xfee000b0
KERNEL_HALF = 1 << 63
CR0_PE = 1
ENDS = 3                        # so many ends of interrupt on each vCPU
POINTS = 10
SCRIPT = """\
insmod /vitrine/vitrine.ko || exit 1
vitrine run --kernel /root/vmlinuz --cpus 2 --memory 192M --timeout 60 --append quiet
"""


def ends(exits: list[Exit]) -> dict[int, int]:
    """By VMCS: how often the kernel has written EOI there."""
    found: dict[int, int] = {}
    for one in exits:
        if one.reason == VIOLATION and one.rip >= KERNEL_HALF \
                and one.vmcs["GUEST_PHYSICAL_ADDRESS"] == END_OF_INTERRUPT:
            found[one.vmcs_at] = found.get(one.vmcs_at, 0) + 1
    return found


def both_alive(recorder: Recorder, debugger: Debugger) -> None:
    """A look at each exit: end the run when there is nothing more to see."""
    last = recorder.exits[-1]
    if last.reason != VIOLATION or last.vmcs["GUEST_PHYSICAL_ADDRESS"] != END_OF_INTERRUPT:
        return
    found = ends(recorder.exits)
    if len(found) > 1 and min(found.values()) >= ENDS:
        recorder.ended = True
        debugger.end()


def add(lab: Lab) -> None:
    vmlinuz = kernel_home("6.1") / "vmlinuz"
    lab.scene(Scene("linux", SCRIPT, cpus=2, memory=512, seconds=300, most_exits=20000,
                    full_exits=20000, at_exit={"alive": both_alive},
                    options=["--clock", "100", "--file", f"{vmlinuz}:/root/vmlinuz"]))

    @lab.test("linux", "a stock Linux kernel runs on two vCPUs", POINTS, "linux",
              after=["arrive"],
              read="the exits: labs/7/README.md, \"What does it wait for?\"")
    def linux(seen: Seen) -> None:
        exits = seen.recorder.exits
        expect(exits, "no exit", "the kernel is entered")
        first = exits[0].vmcs_at
        other = next((one for one in exits if one.vmcs_at != first), None)
        last = exits[-1]
        expect(other is not None, f"only the first vCPU runs; its last exit is by reason "
               f"{last.reason} at RIP {last.rip:#x}", "the kernel starts the second one")
        assert other is not None
        base = other.vmcs["GUEST_CS_BASE"]
        expect(base < 1 << 20 and not base & 0xfff and not other.vmcs["GUEST_CR0"] & CR0_PE,
               f"the second vCPU begins with CS base {base:#x}, CR0 "
               f"{other.vmcs['GUEST_CR0']:#x}", "in real mode, at a page below 1 MiB")
        found = ends(exits)
        for vcpu, at in enumerate((first, other.vmcs_at), 1):
            expect(found.get(at, 0) >= ENDS, f"the kernel ends {found.get(at, 0)} interrupts on "
                   f"vCPU {vcpu}; the last exit is by reason {last.reason} at RIP {last.rip:#x}",
                   f"{ENDS} or more on each: it ticks")
