# SPDX-License-Identifier: GPL-2.0-only
"""labs/grade N [DIR]: judge one submission by what the machine did."""

import argparse
import sys
from pathlib import Path

from . import build, judge, report, thorough
from .errors import UsageError
from .tree import LABS, TOP


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text} ...", end="", file=sys.stderr, flush=True)


def done() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="labs/grade", allow_abbrev=False,
        description="Build a submission of lab N, run it in the nested machine, and judge it by "
                    "what is seen from outside of the machine.",
        epilog="Exit status: 0 all points, 1 some are missing or grading failed, 2 wrong usage.")
    made.add_argument("lab", type=int, metavar="N", choices=LABS, help="0 to 7")
    made.add_argument("dir", type=Path, metavar="DIR", nargs="?", default=TOP,
                      help="the submission: a tree that labs/cut made (default: this tree)")
    made.add_argument("--student", default="practice", metavar="ID",
                      help="numbers in the tests follow from it (default: practice)")
    made.add_argument("--visible", action="store_true", help="leave out the hidden tests")
    made.add_argument("--thorough", action="store_true",
                      help="also run it on the kernel that checks itself: minutes")
    made.add_argument("--json", type=Path, metavar="FILE", help="write Gradescope's results.json")
    made.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit's XML")
    return made


def command(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    if not options.dir.is_dir():
        raise UsageError(f"{options.dir}: no such directory")
    lab = judge.load(options.lab, hidden=not options.visible)
    if options.thorough:
        thorough.add(lab)
    for kernel in sorted({scene.kernel for scene in lab.scenes.values()}):
        progress(f"building the tool and programs for kernel {kernel}")
        build.staff_tree(kernel)
    graded = judge.grade(lab, options.dir, options.student, progress=progress)
    done()
    print(report.table(graded))
    if options.json:
        options.json.write_text(report.gradescope(graded) + "\n")
    if options.junit:
        options.junit.write_text(report.junit(graded) + "\n")
    return 0 if graded.points == graded.most else 1
