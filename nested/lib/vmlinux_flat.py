#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Turn a Linux image into what a loader without a decompressor can start.

Called by nested/lib/make-kernel with a bzImage or an ELF vmlinux; writes
vmlinux.flat (an image of all memory the kernel claims) and boot.env (PVH entry
and the addresses of that memory as shell assignments).  The boot ROM of
nested/bochs reads both.  Subtle: addresses are physical (p_paddr), and the
image holds .bss and brk as zeros, so that its size is LOAD_END - LOAD_ADDR.
"""

import bz2
import lzma
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

PT_LOAD = 1
PT_NOTE = 4
XEN_ELFNOTE_PHYS32_ENTRY = 0x12


class ImageError(Exception):
    """The input is no image that this program understands."""


class Segment(NamedTuple):
    """One program header, as far as it matters here."""

    kind: int
    offset: int
    paddr: int
    filesz: int
    memsz: int


def pipe_through(*command: str) -> Callable[[bytes], bytes]:
    """Return a decompressor that is an external program."""

    def run(data: bytes) -> bytes:
        try:
            done = subprocess.run(command, input=data, capture_output=True,
                                  check=False)
        except FileNotFoundError as error:
            raise ImageError(f"the program {command[0]} is missing "
                             f"(Debian package {command[0]})") from error
        if not done.stdout:
            raise ImageError(f"{command[0]}: {done.stderr.decode().strip()}")
        return done.stdout

    return run


def gunzip(data: bytes) -> bytes:
    """Inflate one gzip member and ignore what follows it."""
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data)


# Magic number, name and decompressor of each compression worth trying.
COMPRESSIONS: list[tuple[bytes, str, Callable[[bytes], bytes]]] = [
    (b"\x02\x21\x4c\x18", "lz4", pipe_through("lz4", "-dc")),
    (b"\x1f\x8b\x08", "gzip", gunzip),
    (b"\x28\xb5\x2f\xfd", "zstd", pipe_through("zstd", "-dcq")),
    (b"\xfd7zXZ\x00", "xz", lambda d: lzma.LZMADecompressor().decompress(d)),
    (b"BZh", "bzip2", lambda d: bz2.BZ2Decompressor().decompress(d)),
    (b"\x5d\x00\x00", "lzma", lambda d: lzma.LZMADecompressor().decompress(d)),
]


def unpack_bzimage(image: bytes) -> bytes:
    """Return the ELF file inside a bzImage (Documentation/x86/boot.rst)."""
    if len(image) < 0x250 or image[0x202:0x206] != b"HdrS":
        raise ImageError("neither an ELF file nor a bzImage")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if payload[:4] == b"\x7fELF":
        return payload
    # The last 4 bytes hold the size of the result; LZ4 and friends choke on it.
    size = struct.unpack("<I", payload[-4:])[0]
    for magic, name, decompress in COMPRESSIONS:
        if payload.startswith(magic):
            elf = decompress(payload[:-4] if name != "gzip" else payload)
            if len(elf) != size:
                raise ImageError(f"{name}: {len(elf)} bytes instead of {size}")
            return elf
    raise ImageError(f"unknown compression, payload begins {payload[:6].hex()}")


def read_segments(elf: bytes) -> list[Segment]:
    """Parse the program headers of an ELF64 file."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ImageError("the image holds no little-endian ELF64 file")
    start, = struct.unpack_from("<Q", elf, 32)
    entry_size, count = struct.unpack_from("<HH", elf, 54)
    segments = []
    for index in range(count):
        kind, _, offset, _, paddr, filesz, memsz, _ = struct.unpack_from(
            "<IIQQQQQQ", elf, start + index * entry_size)
        segments.append(Segment(kind, offset, paddr, filesz, memsz))
    return segments


def notes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield owner, type and content of each note in a PT_NOTE segment."""
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        at += 12
        owner = data[at:at + name_size].rstrip(b"\0")
        at += (name_size + 3) & ~3
        yield owner, kind, data[at:at + size]
        at += (size + 3) & ~3


def pvh_entry(elf: bytes, segments: list[Segment]) -> int:
    """Find the 32-bit entry point that PVH loaders use."""
    for segment in segments:
        if segment.kind != PT_NOTE:
            continue
        data = elf[segment.offset:segment.offset + segment.filesz]
        for owner, kind, content in notes(data):
            if owner == b"Xen" and kind == XEN_ELFNOTE_PHYS32_ENTRY:
                return int.from_bytes(content, "little")
    raise ImageError("the kernel has no PVH entry (needs CONFIG_PVH=y)")


def flatten(elf: bytes, loads: list[Segment], base: int,
            end: int) -> bytes:
    """Lay all segments out as they lie in memory."""
    flat = bytearray(end - base)
    for s in loads:
        at = s.paddr - base
        flat[at:at + s.filesz] = elf[s.offset:s.offset + s.filesz]
    return bytes(flat)


def convert(image: Path, directory: Path) -> None:
    """Write vmlinux.flat and boot.env for IMAGE into DIRECTORY."""
    data = image.read_bytes()
    elf = data if data[:4] == b"\x7fELF" else unpack_bzimage(data)
    segments = read_segments(elf)
    loads = [s for s in segments if s.kind == PT_LOAD and s.memsz]
    base = min(s.paddr for s in loads)
    end = max(s.paddr + s.memsz for s in loads)
    entry = pvh_entry(elf, segments)
    (directory / "vmlinux.flat").write_bytes(
        flatten(elf, loads, base, end))
    (directory / "boot.env").write_text(
        f"PVH_ENTRY={entry:#x}\nLOAD_ADDR={base:#x}\nLOAD_END={end:#x}\n")


def main(arguments: list[str]) -> int:
    """Check the command line and convert."""
    if len(arguments) != 3:
        print("usage: vmlinux_flat.py IMAGE DIRECTORY", file=sys.stderr)
        return 2
    try:
        convert(Path(arguments[1]), Path(arguments[2]))
    except (ImageError, OSError, struct.error, zlib.error,
            lzma.LZMAError) as error:
        print(f"vmlinux_flat.py: {arguments[1]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
