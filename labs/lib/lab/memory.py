# SPDX-License-Identifier: GPL-2.0-only
"""Memory of the machine, read from outside: a VM's whole EPT, a process's pages.

The looks of a lab about memory (labs/5/tests.py) call snapshot() at each mark
and hand what it finds to the tests.  Nothing here changes the machine or asks
anything that runs in it.  Read observe.py before.
Subtle: a submission may have put anything into its tables, so an address that
is no memory is kept as a fact (Tree.bad), not taken for an error.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from machine.debugger import Debugger

from .observe import ADDRESS, FIELDS, NO_VMCS, Look, Recorder, offset_of

ENTRIES = 512
MOST_TABLES = 3000              # of one tree: enough for all that a lab maps
PAGE = 4096
LARGE = 2 << 20
READ, WRITE, EXECUTE, RIGHTS = 1, 2, 4, 7
WRITE_BACK = 6
IGNORE_PAT, LEAF, ACCESSED, DIRTY = 1 << 6, 1 << 7, 1 << 8, 1 << 9
EPTP_ACCESSED_DIRTY = 1 << 6


class Physical:
    """Physical memory as it is at one moment; each page is read once."""

    def __init__(self, debugger: Debugger) -> None:
        self.debugger = debugger
        self.pages: dict[int, list[int]] = {}

    def page(self, at: int) -> list[int]:
        """The 512 quadwords of a page; ValueError where no memory is."""
        if at not in self.pages:
            self.pages[at] = self.debugger.quadwords(at, ENTRIES)
        return self.pages[at]

    def quadword(self, at: int) -> int:
        return self.page(at & ~(PAGE - 1))[at % PAGE // 8]


@dataclass(frozen=True)
class Entry:
    """A present entry of a tree."""
    gpa: int            # first address that it translates
    level: int
    value: int

    @property
    def is_leaf(self) -> bool:
        return self.level == 1 or (self.level < 4 and bool(self.value & LEAF))

    @property
    def bytes(self) -> int:
        return 1 << (12 + 9 * (self.level - 1))

    @property
    def frame(self) -> int:
        return self.value & ADDRESS

    @property
    def rights(self) -> int:
        return self.value & RIGHTS

    @property
    def memory_type(self) -> int:
        return self.value >> 3 & 7

    def covers(self, gpa: int) -> bool:
        return self.gpa <= gpa < self.gpa + self.bytes


@dataclass
class Tree:
    """A VM's EPT."""
    eptp: int
    tables: list[Entry] = field(default_factory=list)       # entries that point to a table
    leaves: dict[int, Entry] = field(default_factory=dict)  # by first address
    bad: list[Entry] = field(default_factory=list)          # that point to no memory

    @property
    def keeps_accessed_dirty(self) -> bool:
        return bool(self.eptp & EPTP_ACCESSED_DIRTY)

    def leaf(self, gpa: int) -> Entry | None:
        """The leaf that translates an address."""
        for level in (1, 2, 3):
            size = 1 << (12 + 9 * (level - 1))
            found = self.leaves.get(gpa & ~(size - 1))
            if found and found.covers(gpa):
                return found
        return None

    def within(self, start: int, size: int) -> list[Entry]:
        """The leaves that translate a part of [START, START + SIZE), in order."""
        return [leaf for gpa, leaf in sorted(self.leaves.items())
                if gpa < start + size and start < gpa + leaf.bytes]

    def walk(self, gpa: int) -> list[Entry]:
        """The present entries on the way to an address, level 4 first."""
        way = [entry for entry in self.tables if entry.covers(gpa)]
        leaf = self.leaf(gpa)
        return sorted(way, key=lambda entry: -entry.level) + ([leaf] if leaf else [])


def read_tree(physical: Physical, eptp: int) -> Tree:
    tree = Tree(eptp)
    _read_table(physical, tree, eptp & ADDRESS, 4, 0)
    return tree


def _read_table(physical: Physical, tree: Tree, at: int, level: int, base: int) -> None:
    for index, value in enumerate(physical.page(at)):
        if not value & RIGHTS:
            continue
        entry = Entry(base + (index << (12 + 9 * (level - 1))), level, value)
        if entry.is_leaf:
            tree.leaves[entry.gpa] = entry
            continue
        tree.tables.append(entry)
        try:
            if len(tree.tables) <= MOST_TABLES:
                _read_table(physical, tree, entry.frame, level - 1, entry.gpa)
        except ValueError:
            tree.bad.append(entry)


@dataclass
class Process:
    """The address space of the program that runs now."""
    physical: Physical
    cr3: int

    def frame(self, address: int) -> int | None:
        """Physical address of the page at an address; None: nothing is mapped there."""
        table = self.cr3 & ADDRESS
        for level in (4, 3, 2, 1):
            shift = 12 + 9 * (level - 1)
            entry = self.physical.quadword(table + 8 * (address >> shift & 0x1ff))
            if not entry & 1:
                return None
            if level == 1 or (level < 4 and entry & LEAF):
                inside = address & ((1 << shift) - 1) & ~(PAGE - 1)
                return (entry & ADDRESS & ~((1 << shift) - 1)) + inside
            table = entry & ADDRESS
        return None

    def quadwords(self, address: int, count: int) -> list[int]:
        """Words from ADDRESS on; missing ones are zero."""
        found = []
        for at in range(address, address + 8 * count, 8):
            frame = self.frame(at)
            found.append(0 if frame is None else self.physical.quadword(frame + at % PAGE))
        return found


@dataclass
class Snapshot:
    """What a program that made a VM has told at a mark, and what memory says."""
    told: list[int]                 # its words: the mark's value is their address
    tree: Tree                      # of the VM that has run last
    frames: dict[int, int]          # of the program's pages, by their addresses
    pages: dict[int, list[int]]     # contents behind leaves of 4 KiB, by frame

    def frame(self, address: int) -> int | None:
        return self.frames.get(address)

    def quadword(self, gpa: int) -> int | None:
        """A word of the guest's memory as the processor finds it."""
        leaf = self.tree.leaf(gpa)
        page = self.pages.get(leaf.frame) if leaf else None
        return page[gpa % PAGE // 8] if page else None


def eptp_now(recorder: Recorder, debugger: Debugger) -> int:
    """The EPT pointer in the VMCS of the last exit, as it is in memory now."""
    if not recorder.exits or recorder.exits[-1].vmcs_at == NO_VMCS:
        return 0
    at = recorder.exits[-1].vmcs_at + offset_of(FIELDS["EPT_POINTER"])
    low, high = debugger.words(at, 2)
    return high << 32 | low


def snapshot(words: int, spans: list[tuple[int, int]], contents: int = 0) -> Look:
    """A look for marks: WORDS words of the program, and its VM's tree.

    SPANS: which of those words hold an address, and of how many pages from there on
    the frames are looked up.  CONTENTS: how many pages of the guest are read.
    """
    def look(recorder: Recorder, debugger: Debugger) -> Snapshot:
        physical = Physical(debugger)
        value = list(recorder.marks.values())[-1].value
        process = Process(physical, int(debugger.parameters("cpu0.CR3")["CR3"]))
        told = process.quadwords(value, words) if value else []
        eptp = eptp_now(recorder, debugger)
        tree = read_tree(physical, eptp) if eptp else Tree(0)
        frames = {}
        for index, pages in spans:
            start = told[index] if index < len(told) else 0
            for address in range(start, start + pages * PAGE if start else 0, PAGE):
                if (frame := process.frame(address)) is not None:
                    frames[address] = frame
        return Snapshot(told, tree, frames, dict(_contents(physical, tree, contents)))
    return look


def _contents(physical: Physical, tree: Tree, most: int) -> Iterator[tuple[int, list[int]]]:
    small = [leaf for leaf in tree.leaves.values() if leaf.level == 1]
    for leaf in small[:most]:
        with suppress(ValueError):      # a frame that is no memory: the tests see it
            yield leaf.frame, physical.page(leaf.frame)


# ---- INVEPT ------------------------------------------------------------------------------

INVEPT = re.compile(rb"\x66[\x40-\x4f]?\x0f\x38\x80")
MOST_TEXT = 512                 # pages to each side of the place where exits arrive
OPERANDS = re.compile(r"invept (\w+), .*\[(\w+)(?:([+-])(\w+))?\]")


def watch_invept(recorder: Recorder, debugger: Debugger) -> None:
    """A look for exits: at the first, put break points on each INVEPT of the module.

    Its code is found around the place where exits arrive, up to the gaps that the kernel
    leaves between two modules.
    """
    if len(recorder.exits) != 1:
        return
    physical = Physical(debugger)
    process = Process(physical, int(debugger.parameters("cpu0.CR3")["CR3"]))
    for address in invept_places(process, recorder.exits[0].host_rip):
        debugger.ask(f"lb {address:#x}")


def invept_places(process: Process, inside: int) -> Iterator[int]:
    here = inside & ~(PAGE - 1)
    start = _edge(process, here, -PAGE)
    end = _edge(process, here, PAGE)
    code = b"".join(word.to_bytes(8, "little")
                    for word in process.quadwords(start, (end + PAGE - start) // 8))
    yield from (start + found.start() for found in INVEPT.finditer(code))


def _edge(process: Process, at: int, step: int) -> int:
    for _ in range(MOST_TEXT):
        if process.frame(at + step) is None:
            break
        at += step
    return at


@dataclass
class Invept:
    """An INVEPT that is about to be executed."""
    type: int
    eptp: int


def read_invept(_recorder: Recorder, debugger: Debugger) -> Invept | None:
    """A look for breaks: the operands of the INVEPT that the processor stands at."""
    match = OPERANDS.search("\n".join(debugger.ask("u /1")))
    registers = debugger.registers()
    # The debugger calls the first operand EAX or R8D; in 64-bit mode it is all of it.
    kind = re.sub(r"^e(?=..)|d$", lambda part: "r" if part[0] == "e" else "", match[1]) \
        if match else ""
    if not match or kind not in registers or match[2] not in registers:
        return None
    inside = int(match[4], 0) if match[4] else 0
    at = registers[match[2]] + (-inside if match[3] == "-" else inside)
    physical = Physical(debugger)
    process = Process(physical, int(debugger.parameters("cpu0.CR3")["CR3"]))
    return Invept(registers[kind], process.quadwords(at, 1)[0])
