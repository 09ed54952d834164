# SPDX-License-Identifier: GPL-2.0-only
"""The keys of --shell: from our terminal to the machine's serial port.

session.py pumps them: standard input -> a pseudo terminal -> the emulated
serial port, which the agent polls.  What the shell prints comes back as
frames like any other output.  Our terminal is in raw mode meanwhile, so that
Ctrl-C reaches the shell in the machine; it is put back whatever happens.
"""

import os
import sys
import termios
import tty

ESCAPE = b"\x1d"        # Ctrl-], as telnet has it
END_OF_FILE = b"\x04"


class Closed(Exception):
    """The user asked to end the machine."""


class Line:
    """A pseudo terminal: the wire between us and the emulated serial port."""

    def __enter__(self) -> "Line":
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.master)
        os.close(self.slave)

    @property
    def device(self) -> str:
        return os.ttyname(self.slave)


class Keys:
    """A context in which standard input, raw if it is a terminal, feeds a line."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.stdin = sys.stdin.fileno()
        self.is_terminal = os.isatty(self.stdin)
        self.pending = b""
        self.open = True
        self.before: list[int | list[bytes | int]] | None = None

    def __enter__(self) -> "Keys":
        if self.is_terminal:
            self.before = termios.tcgetattr(self.stdin)
            tty.setraw(self.stdin)
        return self

    def __exit__(self, *_: object) -> None:
        if self.before:
            termios.tcsetattr(self.stdin, termios.TCSADRAIN, self.before)

    def size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self.stdin)
        except OSError:
            return 24, 80
        return size.lines, size.columns

    def take(self) -> None:
        """Read what was typed; with no terminal the end of the input is Ctrl-D."""
        data = os.read(self.stdin, 1024)
        if ESCAPE in data and self.is_terminal:
            raise Closed
        if not data:
            self.open = False
            data = END_OF_FILE
        self.pending += data

    def push(self) -> None:
        """Hand on as much as the machine's end takes."""
        try:
            count = os.write(self.line.master, self.pending)
        except BlockingIOError:
            return
        self.pending = self.pending[count:]
