# SPDX-License-Identifier: GPL-2.0-only
"""A conversation with the emulator's debugger: look at the machine from outside.

bochs.py starts the emulator with pipes to one of these if somebody wants to
look: watch.py (nested/run --watch) and the graders of the labs.  What is seen
here can neither be seen nor be forged by what runs in the machine.
Subtle: the debugger's prompt is no mark for the end of an answer, so each
question is followed by one whose answer is known (MARK).  Commands that name no
processor mean the one that it has chosen, the first; on_cpu() chooses another
one for a question.
"""

import contextlib
import pathlib
import re
import subprocess
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

MARK = "0x5eedc0de"
WHERE = re.compile(r"\((\d+)\)\.?(?:\[\d+\])? \[0x([0-9a-f]+)\] ([0-9a-f]+):([0-9a-f]{8,16}) ")
TICK = re.compile(r"Next at t=(\d+)")
VMEXIT = re.compile(r"\((\d+)\) Caught VMEXIT breakpoint")
MAGIC = re.compile(r"\((\d+)\) Magic breakpoint")
BREAKPOINT = re.compile(r"\((\d+)\) Breakpoint (\d+),")
REGISTER = re.compile(r"^(r\w+) ?: ([0-9a-f]{8})_([0-9a-f]{8})")
WORD = re.compile(r"\t(0x[0-9a-f]{8})")
VALUE = re.compile(r"(\w+) = (\S+)")


class Gone(Exception):
    """The emulator has ended."""


@dataclass
class Stop:
    """Why and where the machine stands."""
    kind: str           # "vmexit", "magic", "break" or "other"
    cpu: int
    tick: int
    rip: int


class Debugger:
    """Questions to an emulator that stands.  Context: one thread only."""

    def __init__(self, process: subprocess.Popen[bytes], log: BinaryIO) -> None:
        self.process = process
        self.log = log
        self.tick = 0

    def ask(self, *commands: str) -> list[str]:
        """Give commands; return all lines of the answers."""
        assert self.process.stdin and self.process.stdout
        text = "".join(f"{command}\n" for command in (*commands, f"? {MARK}"))
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except OSError:
            raise Gone from None
        answer = []
        for raw in self.process.stdout:
            self.log.write(raw)
            line = raw.decode("ascii", "replace").rstrip("\n")
            if line.startswith(MARK + " "):
                return answer
            answer.append(line)
        raise Gone

    def go_on(self) -> list[Stop]:
        """Let the machine run on until it stops: for one reason, or for one on each processor."""
        return self._stops(self.ask("c"))

    def _stops(self, lines: list[str]) -> list[Stop]:
        reasons: list[tuple[str, int]] = []
        places: dict[int, int] = {}
        for line in lines:
            for pattern, name in ((VMEXIT, "vmexit"), (MAGIC, "magic"), (BREAKPOINT, "break")):
                if match := pattern.search(line):
                    reasons.append((name, int(match[1])))
            if match := TICK.search(line):
                self.tick = int(match[1])
            elif match := WHERE.search(line):
                places[int(match[1])] = int(match[4], 16)
        return [Stop(kind, cpu, self.tick, places.get(cpu, 0))
                for kind, cpu in reasons or [("other", next(iter(places), 0))]]

    def end(self) -> NoReturn:
        """End the machine: the observer has seen all that it wants."""
        self.process.kill()
        raise Gone

    def on_cpu(self, cpu: int, command: str) -> list[str]:
        """Give a command that means one processor."""
        if not cpu:
            return self.ask(command)
        return self.ask(f"set $cpu = {cpu}", command, "set $cpu = 0")

    def watch_exits(self, cpu: int) -> None:
        """Stop at each VM exit of a processor from now on; asked again, no more."""
        self.on_cpu(cpu, "vmexitbp")

    def registers(self, cpu: int = 0) -> dict[str, int]:
        """General registers and RIP of a processor."""
        found = {}
        for line in self.on_cpu(cpu, "r"):
            if match := REGISTER.match(line):
                found[match[1].strip()] = int(match[2] + match[3], 16)
        return found

    def words(self, address: int, count: int) -> list[int]:
        """COUNT 32-bit words of physical memory."""
        text = "\n".join(self.ask(f"xp /{count}wx {address:#x}"))
        words = [int(word, 16) for word in WORD.findall(text)]
        if len(words) != count:
            raise ValueError(f"no memory at {address:#x}")
        return words

    def memory(self, address: int, size: int) -> bytes:
        """SIZE bytes of physical memory."""
        first = address & ~3
        count = (address + size - first + 3) // 4
        data = b"".join(word.to_bytes(4, "little") for word in self.words(first, count))
        return data[address - first:address - first + size]

    def quadwords(self, address: int, count: int) -> list[int]:
        words = self.words(address, 2 * count)
        return [low | high << 32 for low, high in zip(words[::2], words[1::2])]

    def parameters(self, path: str) -> dict[str, int | str]:
        """A branch of the emulator's own state by names; numbers as numbers."""
        found: dict[str, int | str] = {}
        for line in self.ask(f'show "{path}"'):
            if match := VALUE.search(line):
                found[match[1]] = number(match[2])
        return found


def number(text: str) -> int | str:
    try:
        return int(text, 0)
    except ValueError:
        return {"true": 1, "false": 0}.get(text, text)


Observer = Callable[[Debugger, Stop], None]


class Follower(threading.Thread):
    """Runs the machine and tells the observer of each stop, in a thread of its own.

    An observer that has an attribute `cpus` is told of the VM exits of so many
    processors, another one of those of the first.  What the debugger says goes to
    debugger.log in the directory PLACE, too.  An observer that fails ends the machine, which
    would stand for ever else; `failure` says why.
    """

    def __init__(self, process: subprocess.Popen[bytes], place: pathlib.Path,
                 observer: Observer) -> None:
        super().__init__(name="debugger", daemon=True)
        self.process = process
        self.place = place
        self.observer = observer
        self.failure: str | None = None

    def run(self) -> None:
        with open(self.place / "debugger.log", "wb") as log, contextlib.suppress(Gone):
            try:
                self._follow(Debugger(self.process, log))
            except Gone:
                raise
            except Exception as error:  # pylint: disable=broad-exception-caught
                self.failure = f"{type(error).__name__}: {error}"
                log.write(traceback.format_exc().encode())
                self.process.kill()

    def _follow(self, debugger: Debugger) -> NoReturn:
        for cpu in range(getattr(self.observer, "cpus", 1)):
            debugger.watch_exits(cpu)
        while True:
            for stop in debugger.go_on():
                self.observer(debugger, stop)


def start(process: subprocess.Popen[bytes], place: pathlib.Path, observer: Observer) -> Follower:
    """Let the machine run, and the observer look at it."""
    follower = Follower(process, place, observer)
    follower.start()
    return follower
