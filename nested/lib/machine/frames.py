# SPDX-License-Identifier: GPL-2.0-only
"""Frames: how process 1 of the machine (guest/agent.c) talks to the host.

A frame is 0x1e 'V' kind length(2) body crc32(4), numbers little endian, the
sum over kind, length and body.  session.py feeds what the parallel port says.
Subtle: a kernel that crashes in the middle of a frame leaves a torn one and a
crash kernel's frames follow; so a bad sum means: look for the next mark right
behind this one, not behind the claimed length.  The crash kernel's agent sends
PADDING first, so that a torn frame never waits for bytes that do not come.
"""

import enum
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MARK = b"\x1eV"
HEAD = struct.Struct("<2scH")
SUM = struct.Struct("<I")
BODY_MAX = 8192
PADDING = bytes(HEAD.size + BODY_MAX + SUM.size)


class Kind(enum.Enum):
    """What a frame holds; guest/agent.c has the same list."""

    READY = b"R"
    STARTED = b"S"
    STDOUT = b"1"
    STDERR = b"2"
    FILES = b"F"
    PROBLEM = b"P"
    EXIT = b"X"


KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True)
class Frame:
    kind: Kind
    body: bytes


def encode(kind: Kind, body: bytes) -> bytes:
    """Make a frame, as the agent does; the tests use it."""
    head = HEAD.pack(MARK, kind.value, len(body))
    return head + body + SUM.pack(zlib.crc32(head[2:] + body))


class Reader:
    """Cut a stream of bytes into frames; count the bytes that fit in none."""

    def __init__(self) -> None:
        self.pending = b""
        self.lost = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        self.pending += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        while self._skip_to_mark() and len(self.pending) >= HEAD.size:
            _, kind, length = HEAD.unpack_from(self.pending)
            if kind not in KINDS or length > BODY_MAX:
                self._skip(len(MARK))
                continue
            end = HEAD.size + length
            if len(self.pending) < end + SUM.size:
                return None
            if SUM.unpack_from(self.pending, end)[0] != zlib.crc32(self.pending[2:end]):
                self._skip(len(MARK))
                continue
            body = self.pending[HEAD.size:end]
            self.pending = self.pending[end + SUM.size:]
            return Frame(KINDS[kind], body)
        return None

    def _skip_to_mark(self) -> bool:
        at = self.pending.find(MARK)
        if at < 0:
            keep = 1 if self.pending.endswith(MARK[:1]) else 0
            self._skip(len(self.pending) - keep)
            return False
        self._skip(at)
        return True

    def _skip(self, count: int) -> None:
        self.lost += count
        self.pending = self.pending[count:]
