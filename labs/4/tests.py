# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: break it.  The tests that students have, too.

One scene: all of a student's eighteen states (tasks.py), one after the other on one
processor.  attempts.py says what was seen of each.
"""

from lab.judge import Lab, load_file
from lab.scene import LABS, Seen

watch = load_file(LABS / "4/attempts.py")

lab = Lab(4, "Break it")
lab.student_files = ("labs/4/break.c", "labs/4/mend.c")
lab.scene(watch.scene("yours"))

SHEET = "your sheet (`labs/4/try sheet`); "


@lab.test("real-modes", "a guest in real mode and one in virtual-8086 mode are broken", 10, "yours",
          read=SHEET + 'SDM 3C "Checks on Guest Control Registers, Debug Registers, and MSRs", '
               '"Checks on Guest Segment Registers"')
def real_modes(seen: Seen) -> None:
    watch.each(seen, "break", ["real", "v86"], watch.is_broken)


@lab.test("protected-modes", "guests in protected mode, without paging and with, are broken", 10,
          "yours", read=SHEET + 'SDM 3C "Checks on Guest Descriptor-Table Registers", '
          '"Checks on Guest Page-Directory-Pointer-Table Entries"')
def protected_modes(seen: Seen) -> None:
    watch.each(seen, "break", ["protected", "pae"], watch.is_broken)


@lab.test("long-modes", "guests in 64-bit mode, at level 0 and level 3, are broken", 10, "yours",
          read=SHEET + 'SDM 3C "Checks on Guest Segment Registers", "Checks on Guest Non-Register '
          'State"')
def long_modes(seen: Seen) -> None:
    watch.each(seen, "break", ["long", "user"], watch.is_broken)


@lab.test("events", "guests that get an exception, an interrupt and an NMI are broken", 15, "yours",
          read=SHEET + 'SDM 3C "VM-Entry Controls for Event Injection", "VM-Entry Control Fields"')
def events(seen: Seen) -> None:
    watch.each(seen, "break", ["exception", "interrupt", "nmi"], watch.is_broken)


@lab.test("areas", "an entry that loads MSRs, and one with a virtual APIC, are broken", 10, "yours",
          read=SHEET + 'SDM 3C "Loading MSRs", "VM-Execution Control Fields"')
def areas(seen: Seen) -> None:
    watch.each(seen, "break", ["areas", "apic"], watch.is_broken)


@lab.test("host", "an entry with a broken host state fails", 5, "yours",
          read=SHEET + 'SDM 3C "Checks on Host Control Registers, MSRs, and SSP" and the two '
          'sections behind it')
def host(seen: Seen) -> None:
    watch.each(seen, "break", ["host"], watch.is_broken)


@lab.test("mend-guests", "three broken guest states are mended: they enter", 15, "yours",
          read='labs/4/README.md, "Diagnose and mend"; SDM 3C "Checks on the Guest State Area"')
def mend_guests(seen: Seen) -> None:
    watch.each(seen, "mend", ["long", "protected", "v86"], watch.is_mended)


@lab.test("mend-controls", "a broken event and broken MSR areas are mended", 10, "yours",
          read='labs/4/README.md, "Diagnose and mend"; SDM 3C "VM-Entry Control Fields", '
          '"Loading MSRs"')
def mend_controls(seen: Seen) -> None:
    watch.each(seen, "mend", ["exception", "areas"], watch.is_mended)


@lab.test("mend-host", "a broken host state is mended", 5, "yours",
          read='labs/4/README.md, "Diagnose and mend"; SDM 3C "Checks on Host Control Registers, '
          'MSRs, and SSP" and the two sections behind it')
def mend_host(seen: Seen) -> None:
    watch.each(seen, "mend", ["host"], watch.is_mended)


@lab.test("diagnosis", "the rule that each broken state breaks is named", 10, "yours",
          read="docs/reference/entry-rules.md; `vitrine explain RULE`")
def diagnosis(seen: Seen) -> None:
    watch.each(seen, "mend", list(watch.tasks.DEFECTS), watch.is_named)
