# SPDX-License-Identifier: GPL-2.0-only
"""One run of a machine: the loop over its console, its frames and the clock.

main.py starts a machine (bochs.py, qemu.py) and hands it here; the answer is
an Outcome.  Output of the command goes to stdout and stderr as it comes.
Subtle: the emulator is killed as soon as the command's status is there, for
an orderly power-off costs more than most tests; so the order of events in
the guest (log line first, status frame later) is what makes the log complete.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from . import console, frames, terminal
from .frames import Kind

CLOCK_FACTOR = 5        # so much longer by the clock a limit of processor time may take
PANIC_SECONDS = 5.0     # for the rest of a panic's text, if no end mark comes
READ_SIZE = 1 << 16


class Machine(Protocol):
    """What an engine hands out: a running emulator and its two outputs."""

    process: subprocess.Popen[bytes]
    console_fd: int
    frames_fd: int

    def was_reset(self) -> bool:
        """True if the engine itself knows that the guest asked for a reset."""

    def ended(self) -> None:
        """Called once the process is gone."""

    def why_ended(self) -> str:
        """Say from the engine's own log why it ended."""


@dataclass
class Outcome:
    status: int | None = None       # of the command; None: it never said
    trouble: str | None = None      # what broke, one line
    timed_out: bool = False
    was_reset: bool = False
    problems: list[str] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)


class Session:
    def __init__(self, machine: Machine, *, timeout: float, busy: bool = False,
                 files: BinaryIO | None = None, crash_expected: bool = False,
                 on_line: Callable[[str], None] | None = None,
                 log: BinaryIO | None = None, keys: terminal.Keys | None = None,
                 write: Callable[[int, bytes], None] | None = None) -> None:
        self.machine = machine
        self.deadline = time.monotonic() + timeout
        self.timeout = timeout
        self.last_deadline = self.deadline + (CLOCK_FACTOR - 1) * timeout * busy
        self.files = files
        self.crash_expected = crash_expected
        self.on_line = on_line
        self.log_file = log
        self.keys = keys
        self.write = write or write_all
        self.log = console.Log()
        self.reader = frames.Reader()
        self.outcome = Outcome()
        self.done = False
        self.in_crash_kernel = False

    def run(self) -> Outcome:
        poll = select.poll()
        pid = os.pidfd_open(self.machine.process.pid)
        for fd in (pid, self.machine.console_fd, self.machine.frames_fd):
            os.set_blocking(fd, False)
            poll.register(fd, select.POLLIN)
        try:
            while not self.done:
                self._register_keys(poll)
                ready = {fd for fd, _ in poll.poll(self._wait_ms())}
                self._take_keys(ready)
                self._take_console()
                self._take_frames()
                if pid in ready and not self.done:
                    self._ended()
                self._check_clock()
        finally:
            os.close(pid)
            stop(self.machine.process)
            self.machine.ended()
            self._take_console()
            self.log.finish()
        return self.outcome

    def mark(self, name: str) -> None:
        self.outcome.marks.setdefault(name, time.monotonic())

    # ---- what comes in ----

    def _take_console(self) -> None:
        while data := read_some(self.machine.console_fd):
            self.mark("first kernel line")
            if self.log_file:
                self.log_file.write(data)
            for line in self.log.feed(data):
                if self.on_line:
                    self.on_line(line)
        if self.log.panic_ended and not self.crash_expected:
            self._fail("the kernel panicked")
        elif self.log.panicked and not self.crash_expected:
            self.deadline = min(self.deadline, time.monotonic() + PANIC_SECONDS)

    def _take_frames(self) -> None:
        while not self.done and (data := read_some(self.machine.frames_fd)):
            for frame in self.reader.feed(data):
                self._take_frame(frame)

    def _take_frame(self, frame: frames.Frame) -> None:
        match frame.kind:
            case Kind.READY:
                self.mark("agent ready")
                self.in_crash_kernel = frame.body == b"crash"
            case Kind.STARTED:
                self.mark("command started")
            case Kind.STDOUT:
                self.write(1, frame.body)
            case Kind.STDERR:
                self.write(2, frame.body)
            case Kind.FILES:
                if self.files:
                    self.files.write(frame.body)
            case Kind.PROBLEM:
                self.outcome.problems.append(frame.body.decode("utf-8", "replace"))
            case Kind.EXIT:
                self.mark("command ended")
                self.outcome.status = frame.body[0]
                self.done = True

    # ---- what goes in, with --shell ----

    def _register_keys(self, poll: select.poll) -> None:
        """Ask for keys, and for room at the machine's end while some wait.

        The agent sets up its end before the command starts; earlier keys are lost.
        """
        if not self.keys or "command started" not in self.outcome.marks:
            return
        for fd, events in ((self.keys.stdin, select.POLLIN * self.keys.open),
                           (self.keys.line.master, select.POLLOUT * bool(self.keys.pending))):
            with contextlib.suppress(KeyError):
                poll.unregister(fd)
            if events:
                poll.register(fd, events)

    def _take_keys(self, ready: set[int]) -> None:
        if not self.keys:
            return
        try:
            if self.keys.stdin in ready:
                self.keys.take()
            if self.keys.line.master in ready:
                self.keys.push()
        except terminal.Closed:
            self.outcome.status = 0
            self.done = True

    # ---- what ends it ----

    def _wait_ms(self) -> int:
        return max(0, min(1000, int((self.deadline - time.monotonic()) * 1000) + 1))

    def _check_clock(self) -> None:
        if self.done or time.monotonic() < self.deadline:
            return
        if self.log.panicked and not self.crash_expected:
            self._fail("the kernel panicked")
        elif self.deadline < self.last_deadline \
                and (left := self.timeout - busy_seconds(self.machine.process.pid)) > 0:
            self.deadline = min(time.monotonic() + max(left, 0.1), self.last_deadline)
        else:
            self.outcome.timed_out = True
            self._fail(f"no end within {self.timeout:g} s")

    def _ended(self) -> None:
        self.machine.process.wait()
        self._take_console()
        self._take_frames()
        if self.done:
            return
        self.outcome.was_reset = self.log.was_reset or self.machine.was_reset()
        if self.outcome.was_reset:
            self._fail("the machine was reset")
        else:
            self._fail(self.machine.why_ended())

    def _fail(self, text: str) -> None:
        self.outcome.trouble = text
        self.done = True


def read_some(fd: int) -> bytes:
    try:
        return os.read(fd, READ_SIZE)
    except BlockingIOError:
        return b""


def write_all(fd: int, data: bytes) -> None:
    """Write to our own stdout or stderr, whoever reads it and however slowly."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view):]
        except BlockingIOError:
            select.select([], [fd], [])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End an emulator and all that it started; it has nothing to save."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    sys.stderr.flush()


def busy_seconds(pid: int) -> float:
    """Processor time that a process has used; 0 if it's gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
