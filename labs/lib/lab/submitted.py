# SPDX-License-Identifier: GPL-2.0-only
"""Guests that come from the submission: lab 0.

A guest is assembled on the host, where the grader's own files are: so it may
not read any file but its own source and the numbers, and gets little time,
memory and output.  What it reads is not guessed from its text, which macros
could hide, but taken from the assembler's own list of dependencies.
judge.py takes the sources, scene.py calls assemble().
"""

import re
import resource
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from .errors import LabError

MOST_BYTES = 64 << 10       # of a source
SECONDS = 5
MOST_MEMORY = 512 << 20
MOST_OUTPUT = 1 << 20       # of any file that the assembler writes
SOURCE, NUMBERS = "guest.S", "numbers.h"
OWN_LINE = re.compile(rf"^{re.escape(SOURCE)}:\d+:.*$", re.MULTILINE)
FOREIGN_LINE = re.compile(rf"^(?!{re.escape(SOURCE)}:)(/[^:\n]+):\d+:", re.MULTILINE)
LINK = ("-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
        "-Wl,-z,max-page-size=4096", "-Wl,--no-warn-rwx-segments")


class Refused(Exception):
    """The guest isn't taken: (sentence for the student, finding for the teacher or None)."""


def sources(tree: Path, paths: list[str]) -> dict[str, bytes]:
    """The guests of a submission by their names."""
    found = {}
    for path in paths:
        file = tree / path
        if not file.is_file() or file.is_symlink():
            raise LabError(f"{tree}: no file {path}: is this a student's tree?")
        if file.stat().st_size > MOST_BYTES:
            raise LabError(f"{file}: more than {MOST_BYTES >> 10} KiB")
        found[file.stem] = file.read_bytes()
    return found


def numbers(symbols: Mapping[str, int]) -> str:
    return "".join(f"#define {name}\t{value:#x}\n" for name, value in sorted(symbols.items()))


def assemble(source: bytes, target: Path, symbols: Mapping[str, int], layout: Path,
             place: Path) -> None:
    """Build TARGET from SOURCE in the empty directory PLACE."""
    place.mkdir(parents=True)
    (place / SOURCE).write_bytes(source)
    (place / NUMBERS).write_text(numbers(symbols))
    _run(place, ["gcc", "-E", "-MD", "-MF", "read.cpp", "-o", "guest.s", SOURCE])
    _look(place / "read.cpp", {SOURCE, NUMBERS})
    _run(place, ["as", "--MD", "read.as", "-o", "guest.o", "guest.s"])
    _look(place / "read.as", {"guest.s"})
    _run(place, ["gcc", *LINK, "-T", str(layout), "-o", str(target), "guest.o"])


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT, MOST_OUTPUT))


def _run(place: Path, command: list[str]) -> None:
    """Run a tool; only what it says about the guest's own lines is passed on."""
    try:
        run = subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True,
                             timeout=4 * SECONDS, check=False, preexec_fn=_limit,
                             env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})
    except subprocess.TimeoutExpired:
        _refuse_greed()
    if run.returncode:
        said = run.stderr.decode("utf-8", "replace")
        if foreign := FOREIGN_LINE.search(said):
            _refuse_reading([foreign[1]])
        lines = OWN_LINE.findall(said)
        if run.returncode < 0 or not lines or "exhausted" in said:
            _refuse_greed()
        raise Refused(f"{SOURCE} cannot be assembled: {'; '.join(lines[:3])}", None)


def _refuse_greed() -> NoReturn:
    raise Refused(f"{SOURCE} cannot be assembled: it is too big or takes too long",
                  "the guest's source asks too much of the assembler")


def _look(listing: Path, allowed: set[str]) -> None:
    """Refuse what has read other files than its own."""
    words = listing.read_text(errors="replace").replace("\\\n", " ").split(":", 1)[-1].split()
    # GCC names this one in each list of dependencies.
    foreign = [word for word in words if word not in allowed
               and not word.endswith("stdc-predef.h")]
    if foreign:
        _refuse_reading(foreign)


def _refuse_reading(files: list[str]) -> NoReturn:
    raise Refused(f"{SOURCE} reads another file; only {NUMBERS} may be included",
                  f"the guest reads {', '.join(files[:3])} of the grader's machine")
