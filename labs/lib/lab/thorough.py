# SPDX-License-Identifier: GPL-2.0-only
"""labs/grade --thorough: one more scene, on the kernel that checks itself.

The module is loaded, runs a guest and is unloaded under KASAN, lockdep, checks for
sleeping in atomic context, and kmemleak.  That takes minutes, so it is no part of
grading by default.  The reports come from the machine's own log, so the test is
marked as resting on what the machine says.  Read judge.py before.
"""

from .judge import Lab, expect
from .scene import Scene, Seen

LIFE = """\
mark 1
taskset 1 insmod /vitrine/vitrine.ko || exit 1
taskset 1 vitrine run /vitrine/guests/demo.elf
mark 2
rmmod vitrine
mark 3
"""
POINTS = 10


def add(lab: Lab) -> None:
    lab.scene(Scene("debug", LIFE, kernel="debug", memory=512, seconds=600, options=["--leaks"]))

    @lab.test("debug-kernel", "the checking kernel has nothing to report", POINTS, "debug",
              inside=True, read="the report itself; docs/locking.md")
    def debug_kernel(seen: Seen) -> None:
        expect(not seen.reports, f"{len(seen.reports)} reports of the kernel",
               "none from loading, a guest and unloading")
        expect(3 in seen.recorder.marks, f"it came to mark {max(seen.recorder.marks, default=0)}",
               "it loads, runs a guest and unloads")
