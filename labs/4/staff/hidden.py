# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: the tests that only staff has.

Scene `again`: the same rules with other numbers in the states, and the same fields
spoilt in another way; so functions that were made for one run's numbers fail.
judge.load() calls add(); read labs/4/tests.py before.
"""

from lab.judge import Lab, expect, load_file
from lab.scene import LABS, Seen

watch = load_file(LABS / "4/attempts.py")
IO = 30
LATE = "labs/4/README.md, \"Traps\""


def add(lab: Lab) -> None:
    lab.scene(watch.scene("again"))

    @lab.test("break-again", "all twelve states are broken with other numbers in them", 10,
              "again", read=LATE)
    def break_again(seen: Seen) -> None:
        watch.each(seen, "break", list(watch.tasks.BREAKS), watch.is_broken)

    @lab.test("mend-again", "all six states are mended when they are spoilt in another way", 10,
              "again", read=LATE)
    def mend_again(seen: Seen) -> None:
        watch.each(seen, "mend", list(watch.tasks.DEFECTS), watch.is_mended)

    @lab.test("diagnosis-again", "the six rules are named then, too", 5, "again",
              after=["diagnosis"], read=LATE)
    def diagnosis_again(seen: Seen) -> None:
        watch.each(seen, "mend", list(watch.tasks.DEFECTS), watch.is_named)

    @lab.test("unharmed", "after it all the borrowed guest goes on to its end", 5, "again",
              after=["mend-host"], read="labs/4/hook.c, write_state()")
    def unharmed(seen: Seen) -> None:
        expect(2 in seen.recorder.marks and not seen.reports, "the host did not survive the run",
               "no oops, no warning")
        last = seen.recorder.exits[-1]
        expect(last.reason == IO, f"the last exit has reason {last.reason}",
               f"the carrier ends by its port: reason {IO}")
