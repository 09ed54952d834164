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
from dataclasses import dataclass, field
from pathlib import Path

from machine import main as machine
from machine import options
from machine.errors import Failure

from .errors import LabError
from .observe import Look, Recorder

LABS = Path(__file__).resolve().parents[2]
# Marks come from the first processor, wherever the script itself runs.
PREPARE = """\
cd /root
mark() { taskset 1 /root/mark "$@"; }
"""


@dataclass
class Scene:
    """One run.

    GUESTS: programs for the guest, from a lab's guests/ folder, by name.
    MAY_END: the script makes the machine go down; that is no finding.
    """
    name: str
    script: str
    cpus: int = 1
    cpu: str = "vmx"
    kernel: str = "lean"
    seconds: int = 60
    memory: int = 256
    may_end: bool = False
    guests: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    at_exit: dict[str, Look] = field(default_factory=dict)
    at_mark: dict[str, Look] = field(default_factory=dict)


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


def play(scene: Scene, lab: int, tree: Path, seed: Seed, symbols: Mapping[str, int],
         work: Path) -> Seen:
    """Run a scene with the build output TREE; WORK is a directory for its files."""
    start = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    assemble(LABS / "machine/mark.S", work / "mark", {})
    files = ["--file", f"{work / 'mark'}:/root/mark"]
    for name in scene.guests:
        assemble(LABS / str(lab) / "guests" / f"{name}.S", work / f"{name}.elf", symbols)
        files += ["--file", f"{work / name}.elf:/root/{name}.elf"]
    script = PREPARE + scene.script.format(**{k: f"{v:#x}" for k, v in symbols.items()})
    (work / "script").write_text(script)
    arguments = ["--engine", "bochs", "--quiet", "--kernel", scene.kernel, "--cpus",
                 str(scene.cpus), "--cpu", scene.cpu, "--memory", str(scene.memory),
                 "--timeout", str(scene.seconds), "--tree", str(tree), *files,
                 *scene.options, "--file", f"{work / 'script'}:/root/script", "--",
                 "sh", "/root/script"]
    recorder = Recorder(scene.cpus, scene.at_exit, scene.at_mark)
    output = io.BytesIO()
    try:
        session, outcome = machine.perform(options.parse(arguments), recorder,
                                           lambda _fd, data: output.write(data) and None)
    except Failure as failure:
        raise LabError(f"the nested machine cannot be used: {failure}") from failure
    trouble = recorder.trouble or outcome.trouble
    return Seen(scene, recorder, outcome.status, output.getvalue().decode("utf-8", "replace"),
                session.log.lines, [report.lines for report in session.log.unexpected([])],
                trouble, time.monotonic() - start, seed)
