# SPDX-License-Identifier: GPL-2.0-only
"""Lab 0: the tests that only staff has.

Scene `numbers` runs the guest with another student's numbers.  judge.load()
calls add(); read labs/0/tests.py before.
"""

from dataclasses import replace

from lab import judge
from lab.judge import Lab, expect
from lab.scene import LABS, Seen

visible = judge.load_file(LABS / "0/tests.py")
STEPS = {visible.CPUID: "CPUID", visible.IO: "OUT", visible.VMCALL: "VMCALL"}
# The host's doing, which no guest can choose: interrupts and first touches of pages.
HOSTS = (1, visible.EPT_VIOLATION)


def in_short(reasons: list[int]) -> str:
    """CPUID, 5 x OUT, 3 x VMCALL, OUT"""
    runs: list[list[int]] = []
    for reason in reasons:
        if runs and runs[-1][0] == reason:
            runs[-1][1] += 1
        else:
            runs.append([reason, 1])
    return ", ".join((f"{count} x " if count > 1 else "") + STEPS.get(reason, f"exit {reason}")
                     for reason, count in runs) or "nothing"


def add(lab: Lab) -> None:
    lab.scene(replace(lab.scenes["guest"], name="numbers", other_numbers=True))

    @lab.test("order", "the steps come in their order, and nothing else", 10, "guest",
              after=["cpuid", "ports", "calls", "end"], read="labs/0/README.md, \"Steps\"")
    def order(seen: Seen) -> None:
        want = visible.numbers(seen.seed)
        expected = [visible.CPUID, *[visible.IO] * want["COUNT"],
                    *[visible.VMCALL] * want["CALLS"], visible.IO]
        found = [one.reason for one in visible.exits(seen) if one.reason not in HOSTS]
        expect(found == expected, in_short(found), in_short(expected))

    @lab.test("numbers", "with other numbers it does the same", 15, "numbers",
              after=["cpuid", "note", "ports", "calls", "end"],
              read="labs/0/numbers.h: use the names, not the values")
    def other_numbers(seen: Seen) -> None:
        for check in (visible.check_cpuid, visible.check_note, visible.check_ports,
                      visible.check_calls, visible.check_end):
            check(seen)
