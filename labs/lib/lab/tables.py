# SPDX-License-Identifier: GPL-2.0-only
"""The tables of the source, as the figures of the handouts need them.

pictures.py makes a Source, figures_*.py ask it.  Whatever isn't found where it
is looked for is an error: a figure must not show what is no more.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .errors import LabError

STRING = r'"((?:[^"\\]|\\.)*)"'
FIELD = re.compile(r"^VMCS_FIELD\((\w+), (0x[0-9a-f]+), (\w+), (\w+),", re.M)
CONTROL = re.compile(rf"^VMX_CONTROL\((\w+), (\w+), (\d+), {STRING},", re.M)
RULE = re.compile(rf"^VMX_RULE\((\w+), (\w+), (\w+),\s*{STRING},\s*{STRING},\s*{STRING}, "
                  rf"{STRING}\)", re.M)
LAYER = re.compile(r"^\tVTR_LAYER_(\w+)\s*= (\d),", re.M)
SWITCHED = re.compile(r"^## Switched\n(.*?)^## ", re.M | re.S)
WIDTHS = ("16", "64", "32", "natural")


@dataclass(frozen=True)
class Field:
    name: str
    group: str
    width: str


@dataclass(frozen=True)
class Rule:
    name: str
    stage: str
    title: str


class Source:
    def __init__(self, read: Callable[[str], str]) -> None:
        self.read = read

    def _all(self, name: str, pattern: re.Pattern[str]) -> list[tuple[str, ...]]:
        found = pattern.findall(self.read(name))
        if not found:
            raise LabError(f"{name}: its table isn't found")
        return found

    def fields(self) -> list[Field]:
        return [Field(name, group, WIDTHS[int(code, 16) >> 13 & 3])
                for name, code, group, _access in self._all("vmx/vmcs_fields.def", FIELD)]

    def controls(self, word: str) -> dict[int, str]:
        """Names of the bits of a control word."""
        return {int(bit): title for _, of, bit, title in self._all("vmx/controls.def", CONTROL)
                if of == word}

    def rules(self) -> list[Rule]:
        return [Rule(row[0], row[1], row[5]) for row in self._all("vmx/rules.def", RULE)]

    def layers(self) -> dict[int, str]:
        return {int(number): name.replace("_", " ").lower()
                for name, number in self._all("ioctl-uapi/vitrine.h", LAYER)}

    def bits(self, name: str, prefix: str) -> dict[str, tuple[int, int]]:
        """(high, low) of each #define PREFIX_X of a header: BIT_ULL or GENMASK_ULL."""
        text = self.read(name)
        numbers = dict(re.findall(rf"^#define ({prefix}_\w+)\s+(\d+)$", text, re.M))
        found = {}
        for what, macro, inside in re.findall(
                rf"^#define {prefix}_(\w+)\s+(BIT|BIT_ULL|GENMASK_ULL)\(([^)]*)\)", text, re.M):
            values = [int(numbers.get(part.strip(), part)) for part in inside.split(",")]
            found[what] = (values[0], values[-1])
        if not found:
            raise LabError(f"{name}: no #define {prefix}_... of bits")
        return found

    def event_types(self) -> dict[int, str]:
        """Interruption types in the manual's numbers: hw_type[] of vmx/inject.c."""
        rows = self._all("vmx/inject.c", re.compile(r"^\t\[VTR_EVENT_(\w+)\]\s*= (\d),", re.M))
        return {int(number): name for name, number in rows}

    def switched(self) -> list[tuple[str, str]]:
        """(state, when) of the table "Switched" of docs/state-ownership.md."""
        match = SWITCHED.search(self.read("docs/state-ownership.md"))
        rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \| [^|]+ \|$",
                          match[1] if match else "", re.M)[1:]
        if not rows:
            raise LabError("docs/state-ownership.md: its table isn't found")
        return rows

    def saved_by_assembly(self) -> list[str]:
        """The registers that vmx/enter.S saves at an exit."""
        found = re.findall(r"^\s(?:mov\s%(\w+), |pop\s)GPR_(\w+)\(%rax\)",
                           self.read("vmx/enter.S"), re.M)
        if not found:
            raise LabError("vmx/enter.S: saves no register")
        return [name for _, name in found]

    def place(self, name: str, function: str) -> str:
        """A function of a file, by its name, after a look that it is there."""
        if not re.search(rf"\b{function}\b", self.read(name)):
            raise LabError(f"{name}: has no {function}")
        return f"{name}: {function}()"
