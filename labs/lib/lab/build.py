# SPDX-License-Identifier: GPL-2.0-only
"""Building a submission: the staff's tree with the student's sources laid over it.

Objects stay in build/labs/KERNEL/SLOT, and a file is touched only if its text
differs, so that make builds what changed and no more.  Only sources of module/,
vmx/ and ept/ are taken from a submission, or the files that a lab names instead;
all else, from Kbuild to the tool, is the staff's.  A lab with a Kbuild of its own
(labs/N/Kbuild; Kbuild.product is the module's list) adds the sources in its folder.
Read tree.py before, scene.py next.
"""

import os
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LabError
from .tree import KBUILD, STUDENT_FOLDERS, STUDENT_KINDS, TOP, lab_h, student_files

STAFF_FOLDERS = ("ioctl-uapi",)
MOST_BYTES = 1 << 20        # of one source file
MOST_OUTPUT = 64 << 20      # of one file that the build writes
BUILD_SECONDS = 300
TOO_MUCH = re.compile(r"File size limit exceeded|File too large|signal 25", re.I)
NOTE = re.compile(r"^\S*?((?:module|vmx|ept|labs/\d)/\S+?):(\d+):.*?((?:fatal )?error|warning): (.*)$",
                  re.MULTILINE)


@dataclass
class Built:
    tree: Path | None               # what the machine sees as /vitrine; None: it doesn't build
    module: Path                    # with debug information
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    finding: str | None = None      # what a teacher should know of the build


def sources(tree: Path) -> dict[str, bytes]:
    """The sources in a tree's folders."""
    found = {}
    for folder in STUDENT_FOLDERS:
        if not (tree / folder).is_dir():
            raise LabError(f"{tree}: no directory {folder}: is this a student's tree?")
        for path in sorted((tree / folder).iterdir()):
            if path.suffix in STUDENT_KINDS and path.is_file() and not path.is_symlink():
                found[f"{folder}/{path.name}"] = source(path)
    return found


def source(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise LabError(f"{path}: more than {MOST_BYTES >> 20} MiB")
    return path.read_bytes()


def student_sources(tree: Path, lab: int) -> dict[str, bytes]:
    """What is taken from a submission, and what stands in its place."""
    own = student_files(lab)
    found = sources(TOP if own else tree)
    for name in own:
        path = tree / name
        if not path.is_file() or path.is_symlink():
            raise LabError(f"{tree}: has no {name}: is this a student's tree of lab {lab}?")
        found[name] = source(path)
    return found


def staff_sources(lab: int) -> dict[str, bytes]:
    found = {f"{folder}/{path.name}": path.read_bytes()
             for folder in STAFF_FOLDERS for path in (TOP / folder).glob("*.h")}
    kbuild, here = (TOP / "Kbuild").read_bytes(), TOP / "labs" / str(lab)
    if (here / "Kbuild").is_file():
        found["Kbuild.product"] = kbuild
        kbuild = (here / "Kbuild").read_bytes()
        found |= {f"labs/{lab}/{path.name}": path.read_bytes() for path in here.glob("*.[ch]")}
    # With line numbers, for crash.py: a kernel may be built without them.
    found["Kbuild"] = kbuild + f"{KBUILD}ccflags-y += -g\n".encode()
    found["module/lab.h"] = lab_h().encode()
    return found


def lay_out(place: Path, files: dict[str, bytes]) -> None:
    """Make PLACE hold exactly these sources, touching what differs."""
    for name, data in files.items():
        path = place / name
        if path.is_file() and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for folder in STUDENT_FOLDERS:
        for path in (place / folder).iterdir():
            if path.suffix in STUDENT_KINDS and not path.name.endswith(".mod.c") \
                    and f"{folder}/{path.name}" not in files:
                path.unlink()


def kernel_home(kernel: str) -> Path:
    """Where a kernel of the nested machine lies, with its build tree."""
    run = subprocess.run([TOP / "nested/kernels", "get", kernel], stdout=subprocess.PIPE,
                         text=True, check=False)
    if run.returncode:
        raise LabError(f"kernel {kernel} cannot be made, see above")
    return Path(run.stdout.strip())


def kernel_dir(kernel: str) -> str:
    return (kernel_home(kernel) / "kdir").read_text().strip()


def staff_tree(kernel: str) -> Path:
    """Tool and programs for the machine, built from the true tree."""
    run = subprocess.run(["make", "-s", "--no-print-directory", "-C", str(TOP), "tree",
                          f"KERNEL={kernel}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, check=False)
    if run.returncode:
        raise LabError(f"the true tree cannot be built:\n{run.stdout[-2000:]}")
    return TOP / "build" / kernel / "root"


def staff_module(kernel: str) -> Built:
    """The true tree's module, for labs in which students write none."""
    place = TOP / "build" / kernel
    return Built(place / "root", place / "vitrine.ko")


def module(tree: Path, kernel: str, slot: str, lab: int) -> Built:
    """Build a submission.  SLOT: a work place that nobody else uses meanwhile."""
    place = TOP / "build/labs" / kernel / slot
    lay_out(place, staff_sources(lab) | student_sources(tree, lab))
    run = subprocess.run(["timeout", "-k", "5", str(BUILD_SECONDS), "make", "-C",
                          kernel_dir(kernel), f"M={place}", "W=1", "modules"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                         text=True, errors="replace", preexec_fn=_limit,
                         env=os.environ | {"LC_ALL": "C"})
    notes = [(kind, f"{file}:{line}: {text}")
             for file, line, kind, text in NOTE.findall(run.stdout)]
    built = Built(None, place / "vitrine.ko", [text for kind, text in notes if kind != "warning"],
                  [text for kind, text in notes if kind == "warning"])
    if run.returncode:
        if run.returncode == 124:
            built.finding = f"the build doesn't end within {BUILD_SECONDS} s"
        elif TOO_MUCH.search(run.stdout):
            built.finding = f"the build writes a file of more than {MOST_OUTPUT >> 20} MiB"
        built.errors = [built.finding] if built.finding else \
            built.errors or run.stdout.strip().splitlines()[-5:]
        return built
    built.tree = place / "root"
    copy_staff_tree(TOP / "build" / kernel / "root", built.tree)
    subprocess.run(["strip", "-g", "-o", built.tree / "vitrine.ko", built.module], check=True)
    return built


def _limit() -> None:
    """A submission's build may not fill the disk of the grader."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT, MOST_OUTPUT))


def copy_staff_tree(source: Path, target: Path) -> None:
    """Hard links: the staff's programs, whatever a run before has left here."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-al", source, target], check=True)
    (target / "vitrine.ko").unlink(missing_ok=True)
