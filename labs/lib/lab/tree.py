# SPDX-License-Identifier: GPL-2.0-only
"""Students' trees: `labs/cut N DIR` and what the grader makes of a submission.

The true tree is what git tracks here.  A student's tree of lab N is that tree
with the holes of lab N emptied, without staff material and without a hint of
what the other labs' staff folders hold.  Read holes.py before, build.py next.
"""

import argparse
import functools
import shutil
import subprocess
from pathlib import Path

from . import holes
from .errors import LabError, UsageError

TOP = Path(__file__).resolve().parents[3]
# Where holes may be, and all that the grader takes from a submission; but see student_files().
STUDENT_FOLDERS = ("module", "vmx", "ept")
STUDENT_KINDS = (".c", ".S", ".h", ".def")
LABS = range(0, 8)

LAB_H = """\
/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an unfinished step of a lab does: it says so in the kernel log.  The
 * statements behind it end the function cleanly.  Remove both when you write
 * the step.
 */
#ifndef VTR_LAB_H
#define VTR_LAB_H

#include <linux/printk.h>

#define vtr_lab_todo(step)							\\
	printk_ratelimited(KERN_ERR "vitrine: lab step " step			\\
			   " is not written yet: %s()\\n", __func__)
"""
LAB_H_END = "\n#endif /* VTR_LAB_H */\n"
# Helpers that wait for the student's code must not break the build by warnings.
KBUILD = """
# While parts of a lab are missing, helpers and variables wait for them.
ccflags-y += -Wno-unused-function -Wno-unused-variable -Wno-unused-but-set-variable
ccflags-y += -Wno-unused-const-variable -Wno-unused-parameter
"""


def lab_h(top: Path = TOP, lab: int | None = None) -> str:
    """The header, with what stands in for open steps: a lab's starter.h, or all labs'."""
    starters = sorted(top.glob(f"labs/{'*' if lab is None else lab}/starter.h"))
    texts = [path.read_text().split("\n", 1)[1] for path in starters]
    return LAB_H + "".join(f"\n{text}" for text in texts) + LAB_H_END


def tracked(top: Path = TOP) -> list[str]:
    """The files of the true tree; in an unpacked archive, all but build/."""
    if (top / ".git").exists():
        out = subprocess.run(["git", "-C", str(top), "ls-files", "-z"], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
        return [name for name in out.split("\0") if name and (top / name).exists()]
    return sorted(str(path.relative_to(top)) for path in top.rglob("*")
                  if path.is_file() and path.relative_to(top).parts[0] != "build")


def is_staff(name: str) -> bool:
    """What students don't get; the lists of breaks quote the true source."""
    parts = name.split("/")
    return parts[0] == "labs" and ("staff" in parts or parts[1:] == ["TEACHING.md"]) \
        or parts[0] == "tests" and parts[-1] == "can-fail"


@functools.cache
def student_files(lab: int) -> tuple[str, ...]:
    """Lab.student_files: what is taken instead of the folders, where a lab names files."""
    from . import judge     # which stands on this file

    return judge.load(lab, hidden=False).student_files if judge.has_tests(lab) else ()


def is_guest(name: str) -> bool:
    """A program for the guest, which is no part of the module."""
    return name.startswith("labs/") and name.endswith(".S")


def has_holes(name: str) -> bool:
    if name.startswith("labs/"):
        return any(name in student_files(lab) for lab in LABS)
    return name.split("/")[0] in STUDENT_FOLDERS and name.endswith(STUDENT_KINDS)


def steps(lab: int, top: Path = TOP) -> dict[holes.Step, list[str]]:
    """The steps of a lab and the files that they are in."""
    found: dict[holes.Step, list[str]] = {}
    for name in filter(has_holes, tracked(top)):
        for step in holes.bodies((top / name).read_text(), name):
            if step.lab == lab:
                found.setdefault(step, []).append(name)
    return found


def cut(lab: int, target: Path, mine: Path | None = None, top: Path = TOP) -> list[str]:
    """Make the student's tree of a lab.  Return: the files with holes."""
    own = parts_of(mine, lab, top) if mine else {}
    cut_files = []
    for name in tracked(top):
        if is_staff(name):
            continue
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not has_holes(name):
            shutil.copy2(top / name, place, follow_symlinks=False)
            continue
        true = (top / name).read_text()
        text = holes.cut(holes.fill(true, name, own.get(name, {}), lab), name, lab)
        if text != true:
            cut_files.append(name)
        place.write_text(text)
        shutil.copymode(top / name, place)
    if not all(map(is_guest, cut_files)):
        (target / "module/lab.h").write_text(lab_h(top, lab))
        with open(target / "Kbuild", "a", encoding="ascii") as kbuild:
            kbuild.write(KBUILD)
    return cut_files


def parts_of(mine: Path, lab: int, top: Path) -> dict[str, dict[holes.Step, list[list[str]]]]:
    """What a student has written in the labs before this one, by file."""
    found = {}
    for name in filter(has_holes, tracked(top)):
        if not holes.bodies((top / name).read_text(), name):
            continue
        if not (mine / name).is_file():
            raise LabError(f"{mine}: has no {name}")
        text = (mine / name).read_text(errors="replace")
        waiting = [step for step in holes.open_steps(text, name) if step.lab < lab]
        if waiting:
            raise LabError(f"{mine / name}: step {waiting[0]} is not written yet")
        found[name] = holes.bodies(text, name)
    return found


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="labs/cut", allow_abbrev=False,
        description="Make the student's tree of lab N in DIR: the true tree with the "
                    "lab's holes emptied.")
    parser.add_argument("lab", type=int, metavar="N", choices=LABS, help="0 to 7")
    parser.add_argument("dir", type=Path, metavar="DIR", help="made; must be new or empty")
    parser.add_argument("--mine", type=Path, metavar="DIR",
                        help="take the parts of the earlier labs from this tree of yours")
    options = parser.parse_args(arguments)
    if options.dir.exists() and (not options.dir.is_dir() or any(options.dir.iterdir())):
        raise UsageError(f"{options.dir}: is there and not empty")
    if options.mine and not options.mine.is_dir():
        raise UsageError(f"{options.mine}: no such directory")
    files = cut(options.lab, options.dir, options.mine)
    print(f"lab {options.lab} is in {options.dir}; read labs/{options.lab}/README.md there")
    for name in files:
        for step in sorted(set(holes.open_steps((options.dir / name).read_text(), name))):
            print(f"  step {step}: {name}")
    return 0
