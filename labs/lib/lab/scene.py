# SPDX-License-Identifier: GPL-2.0-only
"""Scenes: runs of the nested machine with a submission's module in it.

A lab's tests say which scenes they need (Scene); the grader plays each once and
hands what was seen (Seen) to all of its tests.  The script of a scene runs in
the machine as root; the program `mark N` in it stops the emulator for a look
from outside.  Read observe.py before, judge.py next.
"""

import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from pathlib import Path

from machine import main as machine
from machine import options
from machine.errors import Failure

from . import submitted
from .errors import LabError
from .observe import FULL_EXITS, MOST_EXITS, Look, Recorder

LABS = Path(__file__).resolve().parents[2]
TOP = LABS.parent
# Marks come from the first processor, wherever the script itself runs.
PREPARE = """\
cd /root
mark() { taskset 1 /root/mark "$@"; }
# Let what is freed late be free, before pages are counted.
settle() { sync; echo 3 >/proc/sys/vm/drop_caches; usleep 300000; }
"""


@dataclass
class Scene:
    """One run.

    SCRIPT: its text, or what makes it of the student's seed.
    GUESTS: programs for the guest, from a lab's guests/ or staff/guests/ folder, by name;
    or from the submission, if the lab takes one of that name.
    PROGRAMS: programs for the machine, from a lab's programs/ folder, in C: over
    libvitrine, or over the small VM of tests/lib.
    OTHER_NUMBERS: those of another student, which nobody can know.
    MAY_END: the script makes the machine go down; that is no finding.
    END_AT_BREAK: the run is over at the address that break_at() was given.
    """
    name: str
    script: "str | Callable[[Seed], str]"
    cpus: int = 1
    cpu: str = "vmx"
    kernel: str = "lean"
    seconds: int = 20              # of the emulator's processor time; most take 5
    memory: int = 256
    may_end: bool = False
    end_at_break: bool = False
    other_numbers: bool = False
    most_exits: int = MOST_EXITS    # between two marks; 3000 take 10 s
    full_exits: int = FULL_EXITS    # the first so many are read with all fields
    guests: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    at_exit: dict[str, Look] = field(default_factory=dict)
    at_mark: dict[str, Look] = field(default_factory=dict)
    at_break: dict[str, Look] = field(default_factory=dict)


@dataclass
class Seen:
    """What a scene showed."""
    scene: Scene
    recorder: Recorder
    status: int | None              # of the script
    output: str
    log: list[str]                  # of the kernel
    reports: list[list[str]]        # oopses, warnings and their like
    trouble: str | None             # what broke the machine
    timed_out: bool                 # it was ended because of its limit
    emulator: list[str]             # what the emulator itself has logged
    seconds: float
    seed: "Seed"


class Seed:
    """Numbers that differ from student to student and are always the same for one."""

    def __init__(self, lab: int, student: str) -> None:
        self.student = student
        self.key = f"vitrine lab {lab} {student}"

    def pick(self, name: str, low: int, high: int, step: int = 1) -> int:
        """A number from LOW up to below HIGH."""
        return random.Random(f"{self.key} {name}").randrange(low, high, step)

    def shuffle(self, name: str, items: list[str]) -> list[str]:
        items = list(items)
        random.Random(f"{self.key} {name}").shuffle(items)
        return items


def assemble(source: Path, target: Path, symbols: Mapping[str, int]) -> None:
    """Build a guest or the program `mark` from one assembly file."""
    layout = ["-T", str(LABS / "machine/guest.ld")] if source.parent.name == "guests" else []
    defines = [f"-D{name}={value:#x}" for name, value in symbols.items()]
    run = subprocess.run(
        ["gcc", "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
         "-Wl,-z,max-page-size=4096", "-Wl,--no-warn-rwx-segments", f"-I{LABS / 'machine'}",
         *defines, *layout, "-o", str(target), str(source)],
        capture_output=True, text=True, check=False)
    if run.returncode:
        raise LabError(f"{source.name}: cannot be assembled:\n{run.stderr.strip()}")


def guest_source(lab: int, name: str) -> Path:
    folders = (LABS / str(lab) / "guests", LABS / str(lab) / "staff/guests")
    return next(path for folder in folders if (path := folder / f"{name}.S").is_file())


def compile_program(source: Path, target: Path, symbols: Mapping[str, int]) -> None:
    """Build a program for the machine; the staff's tree holds the library."""
    includes = (f"-I{TOP / folder}" for folder in ("tests/lib", "userspace-tool/lib", "ioctl-uapi"))
    run = subprocess.run(
        ["gcc", "-std=gnu11", "-O1", "-static", "-s", "-D_GNU_SOURCE", "-Wall", "-Wextra",
         "-Werror", *includes, *(f"-D{name}={value:#x}" for name, value in symbols.items()),
         "-o", str(target), str(source), str(TOP / "tests/lib/vm.c"),
         str(TOP / "tests/lib/tap.c"), str(TOP / "build/userspace-tool/libvitrine.a")],
        capture_output=True, text=True, check=False)
    if run.returncode:
        raise LabError(f"{source.name}: cannot be compiled:\n{run.stderr.strip()}")


def play(scene: Scene, lab: int, tree: Path, seed: Seed, symbols: Mapping[str, int],
         work: Path, guests: Mapping[str, bytes] | None = None) -> Seen:
    """Run a scene with the build output TREE; WORK is a directory for its files.

    GUESTS: sources that come from the submission, by name."""
    start = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    assemble(LABS / "machine/mark.S", work / "mark", {})
    files = ["--file", f"{work / 'mark'}:/root/mark"]
    for name in scene.guests:
        if guests and name in guests:
            submitted.assemble(guests[name], work / f"{name}.elf", symbols,
                               LABS / "machine/guest.ld", work / name)
        else:
            assemble(guest_source(lab, name), work / f"{name}.elf", symbols)
        files += ["--file", f"{work / name}.elf:/root/{name}.elf"]
    for name in scene.programs:
        program = work.parent / f"{name}.program"       # the same for all scenes
        if not program.exists():
            compile_program(LABS / str(lab) / "programs" / f"{name}.c", program, symbols)
        files += ["--file", f"{program}:/root/{name}"]
    if not isinstance(scene.script, str):
        scene = replace(scene, script=scene.script(seed))
    script = PREPARE + scene.script.format(**{k: f"{v:#x}" for k, v in symbols.items()})
    (work / "script").write_text(script)
    arguments = ["--engine", "bochs", "--quiet", "--kernel", scene.kernel, "--cpus",
                 str(scene.cpus), "--cpu", scene.cpu, "--memory", str(scene.memory),
                 "--timeout", str(scene.seconds), "--timeout-cpu", "--tree", str(tree), *files,
                 "--keep-log", str(work / "logs"), *scene.options, "--file", f"{work / 'script'}:/root/script", "--",
                 "sh", "/root/script"]
    recorder = Recorder(scene.cpus, scene.at_exit, scene.at_mark, scene.at_break)
    recorder.numbers = symbols
    recorder.most_exits = scene.most_exits
    recorder.full_exits = scene.full_exits
    recorder.end_at_break = scene.end_at_break
    output = io.BytesIO()
    try:
        session, outcome = machine.perform(options.parse(arguments), recorder,
                                           lambda _fd, data: output.write(data) and None)
    except Failure as failure:
        raise LabError(f"the nested machine cannot be used: {failure}") from failure
    trouble = recorder.trouble or (None if recorder.ended else outcome.trouble)
    return Seen(scene, recorder, outcome.status, output.getvalue().decode("utf-8", "replace"),
                session.log.lines, [report.lines for report in session.log.unexpected([])],
                trouble, outcome.timed_out, emulator_log(work / "logs"),
                time.monotonic() - start, seed)


def emulator_log(logs: Path) -> list[str]:
    path = logs / "bochs.log"
    return path.read_text(errors="replace").splitlines() if path.is_file() else []
