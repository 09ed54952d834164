# SPDX-License-Identifier: GPL-2.0-only
"""labs/4/try: a student's sheet, and one state at a time in the nested machine.

Builds the tree that it lies in, as the grader does (build.py), and prints what the
machine says: that gives no points.  tasks.py has the states.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from lab import build
from lab.errors import LabError, UsageError, run
from lab.judge import load_file
from lab.scene import LABS, Seed, assemble
from lab.tree import TOP
from machine import main as machine

tasks = load_file(LABS / "4/tasks.py")
FILES = "/sys/kernel/debug/vitrine-lab4"
SCRIPT = """\
dmesg -n 1
insmod /vitrine/vitrine.ko || exit 1
echo {task} >{files}/tasks || exit 1
taskset 1 vitrine run /root/carrier.elf
{show}
dmesg | grep "is not written yet"
exit 0
"""


def sheet(seed: Seed) -> None:
    print(f"Sheet of {seed.student}\n\nBreak by this rule, by changing this field alone:\n")
    for state in tasks.BREAKS:
        rule, field = tasks.rule_of(seed, state)
        print(f"    break_{state + '()':<13} {rule:<32} {field}")
    print("\nDiagnose and mend (one field of each is spoilt):\n")
    for state in tasks.DEFECTS:
        print(f"    mend_{state}()")


def line_of(kind: str, state: str, seed: Seed) -> str:
    if kind == "break":
        return tasks.breaking(seed, state, tasks.rule_of(seed, state), "try").line
    if kind == "mend":
        return tasks.mending(seed, state, tasks.defect_of(seed, state), "try").line
    return f"valid {state} {seed.pick(f'values try {state}', 0, 1 << 31):x}"


def enter(line: str, show: str) -> int:
    build.staff_tree("lean")
    built = build.module(TOP, "lean", "try", 4)
    if built.tree is None:
        raise LabError("the module cannot be built:\n" + "\n".join(built.errors))
    for warning in built.warnings:
        print(warning, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="vitrine-try-") as place:
        carrier, script = Path(place) / "carrier.elf", Path(place) / "script"
        assemble(LABS / "4/guests/carrier.S", carrier, {})
        script.write_text(SCRIPT.format(task=line, files=FILES,
                                        show="\n".join(f"cat {FILES}/{name}" for name in
                                                       show.split())))
        arguments = ["--engine", "bochs", "--quiet", "--kernel", "lean", "--cpus", "1",
                     "--timeout", "60", "--tree", str(built.tree),
                     "--file", f"{carrier}:/root/carrier.elf",
                     "--file", f"{script}:/root/script", "--", "sh", "/root/script"]
        return machine.main(arguments)


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="labs/4/try", allow_abbrev=False,
        description="Show the sheet of a student, or enter one state in the nested machine.")
    parser.add_argument("what", choices=("sheet", "valid", "break", "mend"))
    parser.add_argument("state", nargs="?", choices=tuple(tasks.BREAKS), metavar="STATE",
                        help=", ".join(tasks.BREAKS))
    parser.add_argument("--student", default="practice", metavar="ID", help="whose sheet it is")
    parser.add_argument("--show", default="result", metavar="FILES",
                        help="what to show then: result, given, or both (default: result)")
    asked = parser.parse_args(arguments)
    seed = Seed(4, asked.student)
    if asked.what == "sheet":
        sheet(seed)
        return 0
    if not asked.state or (asked.what == "mend" and asked.state not in tasks.DEFECTS):
        raise UsageError(f"{asked.what} needs one of the states that labs/4/try sheet shows")
    return enter(line_of(asked.what, asked.state, seed), asked.show)


if __name__ == "__main__":
    run("labs/4/try", command)
