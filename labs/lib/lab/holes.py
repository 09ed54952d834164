# SPDX-License-Identifier: GPL-2.0-only
"""The places in the source that a student writes.

tree.py cuts them out and puts a student's own back.  In the true source such a
place, a hole, lies between two comments:

	/* LAB 1.3: return -ENODEV; */
	...what the student is to write...
	/* LAB 1.3 END */

The text after the colon is what stands there until then: statements that end
the function cleanly.  The comments stay in a student's tree, so that the
student's part can be found again.  A step may have several holes.  Assembly
cannot say in the kernel log that a step is missing; so a comment

	/* LAB 3.1 CALL */

in the C function that calls it becomes such a sentence while the step is open.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import LabError

BEGIN = re.compile(r"^(\s*)/\* LAB (\d+)\.(\d+): ?(.*?) \*/$")
END = re.compile(r"^\s*/\* LAB (\d+)\.(\d+) END \*/$")
CALL = re.compile(r"^(\s*)(?:/\* LAB (\d+)\.(\d+) CALL \*/|vtr_lab_todo\(\"(\d+)\.(\d+)\"\);)$")
ANY = re.compile(r"/\* LAB \d")


@dataclass(frozen=True, order=True)
class Step:
    lab: int
    number: int

    def __str__(self) -> str:
        return f"{self.lab}.{self.number}"


@dataclass
class Hole:
    step: Step
    first: int      # line of the opening comment, from 0
    last: int       # line of the closing comment
    indent: str
    stub: str


def find(text: str, name: str) -> list[Hole]:
    """All holes of a file, in order.  NAME is for the error's text."""
    found: list[Hole] = []
    opened: Hole | None = None
    for number, line in enumerate(text.split("\n")):
        if match := BEGIN.match(line):
            if opened:
                raise LabError(f"{name}:{number + 1}: hole {opened.step} is still open here")
            step = Step(int(match[2]), int(match[3]))
            opened = Hole(step, number, -1, match[1], match[4])
        elif match := END.match(line):
            if not opened or opened.step != Step(int(match[1]), int(match[2])):
                raise LabError(f"{name}:{number + 1}: no hole {match[1]}.{match[2]} is open here")
            opened.last = number
            found.append(opened)
            opened = None
        elif ANY.search(line) and not CALL.match(line):
            raise LabError(f"{name}:{number + 1}: not a mark of a hole: {line.strip()}")
    if opened:
        raise LabError(f"{name}:{opened.first + 1}: hole {opened.step} has no end")
    return found


def bodies(text: str, name: str) -> dict[Step, list[list[str]]]:
    """What stands in the holes: for each step its holes' lines, in order."""
    lines = text.split("\n")
    found: dict[Step, list[list[str]]] = {}
    for hole in find(text, name):
        found.setdefault(hole.step, []).append(lines[hole.first + 1:hole.last])
    return found


def _todo(hole: Hole, assembly: bool) -> Iterator[str]:
    yield f"{hole.indent}/* Your part of step {hole.step}: labs/{hole.step.lab}/README.md. */"
    if not assembly:
        yield f'{hole.indent}vtr_lab_todo("{hole.step}");'
    yield from (f"{hole.indent}{part.strip()}" for part in hole.stub.split("\\n") if part.strip())


def cut(text: str, name: str, lab: int) -> str:
    """Empty the holes of a lab."""
    lines = text.split("\n")
    assembly = name.endswith(".S")
    called = False
    for hole in reversed(find(text, name)):
        if hole.step.lab == lab:
            lines[hole.first + 1:hole.last] = _todo(hole, assembly)
            called |= not assembly
    for number, line in enumerate(lines):
        if (match := CALL.match(line)) and match[2] and int(match[2]) == lab:
            lines[number] = f'{match[1]}vtr_lab_todo("{match[2]}.{match[3]}");'
            called = True
    return "\n".join(_include(lines, name) if called else lines)


def _include(lines: list[str], name: str) -> list[str]:
    """Add the header of vtr_lab_todo() behind the last #include at the top."""
    code = next((n for n, line in enumerate(lines) if line.endswith((";", "{"))), len(lines))
    last = max((n for n, line in enumerate(lines[:code]) if line.startswith("#include")), default=0)
    path = "lab.h" if name.startswith("module/") else "../" * name.count("/") + "module/lab.h"
    return [*lines[:last + 1], f'#include "{path}"', *lines[last + 1:]]


def fill(text: str, name: str, own: dict[Step, list[list[str]]], below: int) -> str:
    """Put a student's own parts into the holes of the labs before BELOW."""
    lines = text.split("\n")
    seen: dict[Step, int] = {}
    holes = find(text, name)
    for hole in holes:
        seen[hole.step] = seen.get(hole.step, 0) + 1
    for hole in reversed(holes):
        if hole.step.lab >= below or hole.step not in own:
            continue
        if len(own[hole.step]) != seen[hole.step]:
            raise LabError(f"{name}: your tree has {len(own[hole.step])} parts of step "
                           f"{hole.step}, not {seen[hole.step]}")
        order = sum(1 for other in holes if other.step == hole.step and other.first < hole.first)
        lines[hole.first + 1:hole.last] = own[hole.step][order]
    return "\n".join(lines)


def open_steps(text: str, name: str) -> list[Step]:
    """The steps whose sentence "not written yet" still stands in a hole or before a call."""
    found = [step for step, parts in bodies(text, name).items()
             if any("Your part of step" in line for part in parts for line in part)]
    return sorted(set(found))
