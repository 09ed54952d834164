#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of nested/kernels, nested/ensure-packages and vmlinux_flat.py: TAP.

Called by the test runner or by hand, without arguments.  Needs no network, no
root and no cached kernel: it feeds small crafted images and tables, and looks
at exit statuses and messages.  Read nested/README.md "Kernels" first.
"""

import gzip
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

NESTED = Path(__file__).resolve().parent.parent
FLAT = NESTED / "lib" / "vmlinux_flat.py"
BASE, ENTRY, CODE, BSS = 0x1000000, 0x1000123, b"code" * 8, 4096
Run = subprocess.CompletedProcess[str]


def run(*command: object, **environment: str) -> Run:
    """Run a command and keep what it says."""
    return subprocess.run([str(word) for word in command], text=True,
                          capture_output=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "CI": "true", **environment})


def expect(result: Run, status: int, *words: str) -> None:
    """Check exit status and that stderr names what the user must know."""
    assert result.returncode == status, f"status {result.returncode}: {result.stderr}"
    for word in words:
        assert word in result.stderr, f"no {word!r} in {result.stderr!r}"


def elf_image(owner: bytes = b"Xen\0") -> bytes:
    """An ELF64 file with one segment, a .bss behind it, and a PVH note."""
    note = struct.pack("<III", len(owner), 8, 0x12) + owner + struct.pack("<Q", ENTRY)
    code_at = 64 + 2 * 56
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0,
                         64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, code_at, 0xFFFFFFFF81000000, BASE,
                       len(CODE), len(CODE) + BSS, 4096)
    notes = struct.pack("<IIQQQQQQ", 4, 4, code_at + len(CODE), 0, 0, len(note),
                        len(note), 4)
    return header + load + notes + CODE + note


def bz_image(payload: bytes) -> bytes:
    """A bzImage with one setup sector around a packed kernel."""
    image = bytearray(1024)
    image[0x1F1] = 1
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", image, 0x248, 0, len(payload))
    return bytes(image) + payload


def convert(image: bytes) -> tuple[Run, Path]:
    """Run vmlinux_flat.py over an image."""
    place = Path(tempfile.mkdtemp(dir=SCRATCH))
    (place / "image").write_bytes(image)
    return run(sys.executable, FLAT, place / "image", place), place


def check_converted(result: Run, place: Path) -> None:
    """The memory image and the addresses must be those of elf_image()."""
    expect(result, 0)
    assert (place / "vmlinux.flat").read_bytes() == CODE + bytes(BSS)
    assert (place / "boot.env").read_text() == (
        f"PVH_ENTRY={ENTRY:#x}\nLOAD_ADDR={BASE:#x}\n"
        f"LOAD_END={BASE + len(CODE) + BSS:#x}\n")


def test_flat_from_elf() -> None:
    """vmlinux_flat: an ELF file becomes a memory image with .bss"""
    check_converted(*convert(elf_image()))


def test_flat_from_packed() -> None:
    """vmlinux_flat: gzip, xz, zstd and lz4 in a bzImage are unpacked"""
    elf = elf_image()
    size = struct.pack("<I", len(elf))
    check_converted(*convert(bz_image(gzip.compress(elf, mtime=0)[:-4] + size)))
    for command in (["xz", "-c"], ["zstd", "-cq"], ["lz4", "-lc"]):
        packed = subprocess.run(command, input=elf, capture_output=True, check=True)
        check_converted(*convert(bz_image(packed.stdout + size)))


def test_flat_refuses() -> None:
    """vmlinux_flat: what is no kernel is refused with the reason"""
    expect(convert(b"no kernel")[0], 1, "neither an ELF file nor a bzImage")
    expect(convert(elf_image(b"Zen\0"))[0], 1, "no PVH entry")
    expect(convert(bz_image(b"\0unknown packer"))[0], 1, "unknown compression")
    expect(convert(elf_image()[:80])[0], 1, "vmlinux_flat.py:")
    short = bz_image(gzip.compress(elf_image()) + struct.pack("<I", 7))
    expect(convert(short)[0], 1, "instead of 7")


def test_kernels_usage() -> None:
    """kernels: wrong usage is one line and status 2"""
    for words in (["get"], ["get", "7.0"], ["frobnicate"], ["--fast", "get", "6.1"],
                  ["list", "6.1"], ["clean", "7.0"]):
        result = run(NESTED / "kernels", *words)
        expect(result, 2, "see nested/kernels --help" if words[0] != "get" else "get"
               if len(words) == 1 else "no kernel")
        assert result.stderr.count("\n") == 1, result.stderr
    assert "Usage:" in run(NESTED / "kernels", "--help").stdout


def test_kernels_cache() -> None:
    """kernels: a cache that can't be written is named"""
    result = run(NESTED / "kernels", "get", "6.1", VITRINE_CACHE="/proc/nowhere")
    expect(result, 1, "/proc/nowhere/kernels", "VITRINE_CACHE")


def test_kernels_list() -> None:
    """kernels: an empty cache lists every name as not cached"""
    result = run(NESTED / "kernels", "list", VITRINE_CACHE=SCRATCH)
    expect(result, 0)
    assert result.stdout.count("not cached") == 9, result.stdout


def copy_with_table(table: str) -> Path:
    """A copy of ensure-packages beside another table."""
    place = Path(tempfile.mkdtemp(dir=SCRATCH))
    shutil.copy(NESTED / "ensure-packages", place)
    (place / "packages").write_text(table)
    return place / "ensure-packages"


def test_packages_usage() -> None:
    """ensure-packages: unknown groups and options are status 2"""
    for word in ("no-such-group", "--frobnicate", "--check"):
        expect(run(NESTED / "ensure-packages", word), 2, "--help")


def test_packages_missing() -> None:
    """ensure-packages: each kind of probe finds what is and isn't there"""
    script = copy_with_table(
        "# comment\n"
        "all\tgood\tsh\ta shell\n"
        "all\tgood\t/etc/pass*\tusers\n"
        "all\tpackage-a\tno-such-program\tnothing\n"
        "all\tpackage-b,package-c\t/no/such/*\tnothing\n"
        "all\tpackage-d\t<no/such.h>\tnothing\n"
        f"all\tpackage-e\tstatic:{sys.executable}\tnothing\n"
        "other\tpackage-f\tno-such-program\tnothing\n")
    result = run(script, "--check", "all")
    expect(result, 1, "package-a package-b package-c package-d", "no-such-program",
           "C header <no/such.h>", "install")
    assert "package-f" not in result.stderr and "good" not in result.stderr


def test_packages_table() -> None:
    """packages: each row has four columns and each group is in the help"""
    text = run(NESTED / "ensure-packages", "--help").stdout
    rows = [line.split(maxsplit=3)
            for line in (NESTED / "packages").read_text().splitlines()
            if line and not line.startswith("#")]
    assert rows and all(len(row) == 4 for row in rows), rows
    for group in {name for row in rows for name in row[0].split(",")}:
        assert f"\n  {group} " in text, group


TESTS: list[Callable[[], None]] = [
    test_flat_from_elf, test_flat_from_packed, test_flat_refuses, test_kernels_usage,
    test_kernels_cache, test_kernels_list, test_packages_usage,
    test_packages_missing, test_packages_table]


def main() -> int:
    """Run all tests and print TAP."""
    failed = 0
    print(f"1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}")
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"not ok {number} - {test.__doc__}")
            for line in str(error).splitlines():
                print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as SCRATCH:
        sys.exit(main())
