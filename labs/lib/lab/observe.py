# SPDX-License-Identifier: GPL-2.0-only
"""What the machine did, seen from outside: VM exits, VMCS, EPT, marks.

A Recorder is told of each stop of the emulator (nested/lib/machine/debugger.py)
and reads registers and physical memory.  Nothing here asks anything that runs
in the machine, so nothing there can forge it.  scene.py makes a Recorder for
each run, the tests of a lab read it.
Subtle: the emulator keeps a VMCS in its memory region in a layout of its own
(offset_of()); tests/labs compares it with what VMREAD says.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from machine.debugger import Debugger, Stop

from .build import kernel_home

TOP = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^VMCS_FIELD\((\w+), (0x[0-9a-f]+),", re.MULTILINE)
REASON = re.compile(r"^VMX_EXIT_REASON\(\s*(\w+),\s*(\d+)", re.MULTILINE)
GPRS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
MARK = 0x7672746d61726b00       # in RAX: the program `mark` stands here; low byte: its number
VMXE = 1 << 13
NO_VMCS = 0xffffffffffffffff
ENTRY_FAILED = 1 << 31
ADDRESS = 0x000ffffffffff000
FULL_EXITS = 400                # the first so many exits are read with all fields
MOST_EXITS = 3000               # between two marks; a guest without progress is not followed
# The words that every exit is read with: exit information and its neighbours.
SHORT = (0x4400, 12), (0x6400, 12), (0x681c, 8), (0x2400, 2)


def _rows(name: str, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    return pattern.findall((TOP / "vmx" / name).read_text())


FIELDS = {name: int(code, 16) for name, code in _rows("vmcs_fields.def", ROW)}


def offset_of(encoding: int) -> int:
    """Where the emulator keeps a field: 64 words for each width and type."""
    group = (encoding >> 13 & 3) << 2 | encoding >> 10 & 3
    return 0x10 + 4 * (64 * group + (encoding & 0x3ff))


def size_of(encoding: int) -> int:
    return (2, 8, 4, 8)[encoding >> 13 & 3]


class Vmcs:
    """A VM control structure as it lay in memory; fields by their names."""

    def __init__(self, region: dict[int, int]) -> None:
        self.region = region        # word by offset

    def __getitem__(self, name: str) -> int:
        encoding = FIELDS[name]
        offset = offset_of(encoding)
        if offset not in self.region:
            raise KeyError(f"{name} was not read at this exit")
        value = self.region[offset]
        if size_of(encoding) == 8:
            value |= self.region[offset + 4] << 32
        elif size_of(encoding) == 2:
            value &= 0xffff
        # Access rights lie one byte higher, as in a descriptor.
        return value >> 8 & 0x1ffff if name.endswith("_AR_BYTES") else value

    @property
    def revision(self) -> int:
        return self.region[0]


@dataclass
class Exit:
    """One VM exit, at the moment when the host goes on."""
    number: int
    tick: int
    cpu: int
    host_rip: int
    gpr: dict[str, int]             # the guest's: nobody has touched them yet
    vmcs_at: int
    vmcs: Vmcs

    @property
    def failed_entry(self) -> bool:
        return bool(self.vmcs["VM_EXIT_REASON"] & ENTRY_FAILED)

    @property
    def reason(self) -> int:
        return self.vmcs["VM_EXIT_REASON"] & 0xffff

    @property
    def qualification(self) -> int:
        return self.vmcs["EXIT_QUALIFICATION"]

    @property
    def rip(self) -> int:
        return self.vmcs["GUEST_RIP"]

    @property
    def length(self) -> int:
        return self.vmcs["VM_EXIT_INSTRUCTION_LEN"]


@dataclass
class Core:
    """The VMX state of a processor."""
    number: int
    cr4: int
    vmx: dict[str, int | str]

    @property
    def in_root_mode(self) -> bool:
        return bool(self.vmx["in_vmx"])

    @property
    def vmxe(self) -> bool:
        return bool(self.cr4 & VMXE)

    @property
    def vmxon_region(self) -> int:
        return int(self.vmx["vmxonptr"])

    @property
    def current_vmcs(self) -> int:
        return int(self.vmx["vmcsptr"])


@dataclass
class Mark:
    """What was seen when the program `mark` ran in the machine."""
    tick: int
    exits: int                      # how many VM exits had been seen
    cores: list[Core]
    value: int = 0                  # the address that was given to it
    found: dict[str, object] = field(default_factory=dict)


Look = Callable[["Recorder", Debugger], object]


class Recorder:
    """The observer of one run."""

    def __init__(self, cpus: int, at_exit: dict[str, Look] | None = None,
                 at_mark: dict[str, Look] | None = None,
                 at_break: dict[str, Look] | None = None) -> None:
        self.cpus = cpus
        self.at_exit = at_exit or {}
        self.at_mark = at_mark or {}
        self.at_break = at_break or {}
        self.numbers: Mapping[str, int] = {}            # of the student's seed
        self.exits: list[Exit] = []
        self.notes: dict[int, dict[str, object]] = {}   # of at_exit, by exit number
        self.marks: dict[int, Mark] = {}
        self.breaks: list[Mark] = []    # stops at break_at()
        self.end_at_break = False       # the run is over there
        self.ended = False
        self.flooded = False            # there were more than most_exits in a row
        self.watching = True
        self.marked_exits = 0           # when the last mark came
        self.most_exits = MOST_EXITS
        self.full_exits = FULL_EXITS
        self.trouble: str | None = None
        self.forged: str | None = None      # somebody else than the script makes marks

    def __call__(self, debugger: Debugger, stop: Stop) -> None:
        if self.trouble:
            return
        try:
            if stop.kind == "vmexit":
                self._exit(debugger, stop)
            elif stop.kind == "magic":
                self._mark(debugger, stop)
            elif stop.kind == "break":
                here = self._look_around(debugger, stop)
                self.breaks.append(here)
                for name, look in self.at_break.items():
                    here.found[name] = look(self, debugger)
                if self.end_at_break:
                    self.ended = True
                    debugger.end()
        except ValueError as error:
            self.trouble = f"the observer cannot go on: {error}"

    def _exit(self, debugger: Debugger, stop: Stop) -> None:
        if len(self.exits) - self.marked_exits == self.most_exits:
            self.flooded = True
            self._toggle_watch(debugger)
            return
        registers = debugger.registers(stop.cpu)
        at = int(debugger.parameters(f"cpu{stop.cpu}.VMX.vmcsptr")["vmcsptr"])
        whole = len(self.exits) < self.full_exits
        vmcs = read_vmcs(debugger, at) if whole else read_short(debugger, at)
        seen = Exit(len(self.exits), stop.tick, stop.cpu, stop.rip,
                    {name: registers[name] for name in GPRS}, at, vmcs)
        self.exits.append(seen)
        for name, look in self.at_exit.items():
            if (found := look(self, debugger)) is not None:
                self.notes.setdefault(seen.number, {})[name] = found

    def _toggle_watch(self, debugger: Debugger) -> None:
        self.watching = not self.watching
        for cpu in range(self.cpus):
            debugger.watch_exits(cpu)

    def _mark(self, debugger: Debugger, stop: Stop) -> None:
        registers = debugger.registers(stop.cpu)
        number = registers["rax"] ^ MARK
        if number > 0xff:
            return      # somebody else's XCHG BX, BX
        self.marked_exits = len(self.exits)
        if not self.watching:
            self._toggle_watch(debugger)
        mark = self._look_around(debugger, stop)
        mark.value = registers["rdx"]
        if number in self.marks:
            self.forged = f"mark {number} came twice"
        elif self.marks and number < max(self.marks):
            self.forged = f"mark {number} came after mark {max(self.marks)}"
        else:
            self.marks[number] = mark
            for name, look in self.at_mark.items():
                mark.found[name] = look(self, debugger)

    def _look_around(self, debugger: Debugger, stop: Stop) -> Mark:
        return Mark(stop.tick, len(self.exits),
                    [core_now(debugger, cpu) for cpu in range(self.cpus)])

    # ---- for tests ----

    @cached_property
    def reasons(self) -> list[int]:
        return [seen.reason for seen in self.exits]

    def between(self, first: int, second: int) -> list[Exit]:
        """The exits between two marks; none if a mark is missing."""
        if first not in self.marks or second not in self.marks:
            return []
        return self.exits[self.marks[first].exits:self.marks[second].exits]


def core_now(debugger: Debugger, cpu: int) -> Core:
    cr4 = int(debugger.parameters(f"cpu{cpu}.CR4")["CR4"])
    vmx: dict[str, int | str] = {}
    for name in ("vmcsptr", "vmxonptr", "in_vmx", "in_vmx_guest"):
        vmx.update(debugger.parameters(f"cpu{cpu}.VMX.{name}"))
    return Core(cpu, cr4, vmx)


def vmxon_revision(debugger: Debugger, core: Core) -> int:
    """First word of a core's VMXON region."""
    return debugger.words(core.vmxon_region, 1)[0] if core.in_root_mode else 0


def read_vmcs(debugger: Debugger, at: int) -> Vmcs:
    if at == NO_VMCS:
        return Vmcs({})
    return Vmcs({4 * n: word for n, word in enumerate(debugger.words(at, 1024))})


def read_short(debugger: Debugger, at: int) -> Vmcs:
    region = {}
    for encoding, count in SHORT:
        offset = offset_of(encoding)
        for n, word in enumerate(debugger.words(at + offset, count)):
            region[offset + 4 * n] = word
    return Vmcs(region)


# ---- extended page tables, read from memory --------------------------------------------


def ept_walk(debugger: Debugger, eptp: int, gpa: int) -> list[int]:
    """The entries that translate an address, level 4 first; the last may be a leaf or absent."""
    table, entries = eptp & ADDRESS, []
    for level in (4, 3, 2, 1):
        index = gpa >> (12 + 9 * (level - 1)) & 0x1ff
        entry = debugger.quadwords(table + 8 * index, 1)[0]
        entries.append(entry)
        if not entry & 7 or level == 1 or (level < 4 and entry & 1 << 7):
            break
        table = entry & ADDRESS
    return entries


def guest_memory(debugger: Debugger, eptp: int, gpa: int, size: int) -> bytes | None:
    """Memory of the guest as the processor translates it; None: it isn't mapped."""
    data = b""
    while size:
        entries = ept_walk(debugger, eptp, gpa)
        leaf = entries[-1]
        if not leaf & 7:
            return None
        span = 1 << (12 + 9 * (4 - len(entries)))
        inside = gpa & (span - 1)
        count = min(size, span - inside)
        data += debugger.memory((leaf & ADDRESS & ~(span - 1)) + inside, count)
        gpa, size = gpa + count, size - count
    return data


def break_at(recorder: Recorder, debugger: Debugger) -> None:
    """A look for marks: stop at the linear address that the mark was given."""
    if address := list(recorder.marks.values())[-1].value:
        debugger.ask(f"lb {address:#x}")


# ---- the host kernel's memory -----------------------------------------------------------

KERNEL_IMAGE = 0xffffffff80000000       # virtual address of physical 0; the machine boots nokaslr


def kernel_symbol(kernel: str, name: str) -> int:
    """Physical address of a symbol of a kernel that is built here."""
    text = (kernel_home(kernel) / "build/System.map").read_text()
    match = re.search(rf"^([0-9a-f]+) \w {name}$", text, re.MULTILINE)
    if not match:
        raise ValueError(f"the kernel has no symbol {name}")
    return int(match[1], 16) - KERNEL_IMAGE


def free_pages(_recorder: Recorder, debugger: Debugger) -> int:
    """A look for marks, behind `settle` in the script: how many pages are free (kernel lean)?

    The first of the kernel's counters of pages is that one, NR_FREE_PAGES."""
    return debugger.quadwords(kernel_symbol("lean", "vm_zone_stat"), 1)[0]
