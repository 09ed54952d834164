# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: which rules of VM entry a VMCS breaks, found out on the grader's side.

oracle/rules.c is the module's own checker (vmx/check*.c) as a program; it gets a
VMCS as it lay in the emulated machine's memory.  tests.py asks.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.observe import FIELDS, TOP, Vmcs, read_vmcs
from machine.debugger import Debugger

HERE = TOP / "labs/4/oracle"
PROGRAM = TOP / "build/labs/lab4-rules"
CHECKER = ("check", "check_ctls", "check_event", "check_guest", "check_host", "check_segs",
           "check_msrs")
WRITABLE = set(re.findall(r"^VMCS_FIELD\((\w+), 0x[0-9a-f]+, \w+, rw",
                          (TOP / "vmx/vmcs_fields.def").read_text(), re.MULTILINE))
RULES = ["NONE", *re.findall(r"^VMX_RULE\((\w+),", (TOP / "vmx/rules.def").read_text(),
                             re.MULTILINE)]
STAGES = dict(re.findall(r"^VMX_RULE\((\w+), (\w+),", (TOP / "vmx/rules.def").read_text(),
                         re.MULTILINE))
MOST_MSRS = 16
TPR_SHADOW = 1 << 21


@dataclass
class State:
    """A VMCS, and what else the entry looks at."""
    vmcs: Vmcs
    msrs: list[tuple[int, int, int]] = field(default_factory=list)     # index, reserved, value
    vtpr: int | None = None

    def __getitem__(self, name: str) -> int:
        return self.vmcs[name]

    def changed(self, before: "State") -> list[str]:
        # HOST_RSP is written by vmx/enter.S, as late as that.
        return sorted(name for name in WRITABLE - {"HOST_RSP"} if self[name] != before[name])


def read(debugger: Debugger, at: int, memory: int) -> State:
    """What the processor would look at now.  MEMORY: how much the machine has."""
    state = State(read_vmcs(debugger, at))
    area, count = state["VM_ENTRY_MSR_LOAD_ADDR"], min(state["VM_ENTRY_MSR_LOAD_COUNT"], MOST_MSRS)
    if not area & 3 and area + 16 * count <= memory:
        for number in range(count):
            words = debugger.words(area + 16 * number, 4)
            state.msrs.append((words[0], words[1], words[2] | words[3] << 32))
    page = state["VIRTUAL_APIC_PAGE_ADDR"]
    if state["CPU_BASED_VM_EXEC_CONTROL"] & TPR_SHADOW and not page & 0xfff and page < memory:
        state.vtpr = debugger.words(page + 0x80, 1)[0] & 0xff
    return state


def program() -> Path:
    """Build the checker, if it is older than its sources."""
    headers = [path for path in HERE.rglob("*.[ch]")] + list((TOP / "vmx").glob("*.[hd]*"))
    sources = [HERE / "rules.c", *(TOP / "vmx" / f"{name}.c" for name in CHECKER)]
    newest = max(path.stat().st_mtime for path in sources + headers)
    if not PROGRAM.is_file() or PROGRAM.stat().st_mtime < newest:
        PROGRAM.parent.mkdir(parents=True, exist_ok=True)
        own = PROGRAM.with_suffix(f".{id(sources)}")
        run = subprocess.run(["gcc", "-std=gnu11", "-O1", f"-I{HERE / 'include'}", "-o", own,
                              *sources], capture_output=True, text=True, check=False)
        if run.returncode:
            raise LabError(f"labs/4/oracle cannot be built:\n{run.stderr}")
        own.replace(PROGRAM)
    return PROGRAM


def question(state: State) -> str:
    lines = [f"{name} {state[name]:x}" for name in FIELDS if name in WRITABLE]
    lines += [f":msr {index:x} {reserved:x} {value:x}" for index, reserved, value in state.msrs]
    if state.vtpr is not None:
        lines.append(f":vtpr {state.vtpr:x}")
    return "\n".join([*lines, ":check\n"])


def broken(states: list[State]) -> list[list[str]]:
    """The rules that each state breaks."""
    run = subprocess.run([program()], input="".join(map(question, states)), capture_output=True,
                         text=True, check=False)
    if run.returncode:
        raise LabError(f"labs/4/oracle: {run.stderr.strip()}")
    return [line.split() for line in run.stdout.splitlines()]
