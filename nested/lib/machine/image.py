# SPDX-License-Identifier: GPL-2.0-only
"""What the machine boots: root file system, option ROM and RAM image.

bochs.py and qemu.py call this.  The root file system is only busybox and the
agent (guest/agent.c is process 1); tests and tools come in the payload.
Layout and Plan decide where in guest memory each thing lies; boot_rom() writes
the same facts for bochs/boot.S; read the preface there for the order of blocks.
"""

import pathlib
import struct
import subprocess
from dataclasses import dataclass

from . import cache, cpio
from .errors import Failure, UsageError
from .kernels import NESTED, Kernel

MB = 1 << 20
BLOCK = 128 << 10
PADS = 64
PAD_MARK = 0x50414400
ROM_ADDRESS = 0xd0000
BUSYBOX = "/bin/busybox"
PAYLOAD_SHARE = 8       # 1/8 of the memory: what the run brings along
ACPI_SIZE = 64 << 10    # the BIOS keeps its tables at the top of memory
KERNEL_ROOM = 64 * MB   # what a kernel wants behind its image to get going


@dataclass(frozen=True)
class Layout:
    """Addresses in guest memory, from the top: pads, payload, initrd."""

    memory: int

    @property
    def top(self) -> int:
        """Bochs loads no image above 2 GB.  A big machine keeps what is above 1 GB free."""
        return self.memory if self.memory <= 2048 * MB else 1024 * MB

    @property
    def pads(self) -> int:
        return self.top - 16 * MB

    @property
    def payload_size(self) -> int:
        return self.top // PAYLOAD_SHARE // MB * MB

    @property
    def payload(self) -> int:
        return self.pads - self.payload_size

    def initrd(self, size: int) -> int:
        return (self.payload - size) // BLOCK * BLOCK


def compiled(name: str, directory: pathlib.Path, sources: list[str],
             flags: list[str]) -> pathlib.Path:
    """Compile a small program of this project once; keep it in the cache."""
    texts = [path.read_text() for path in sorted(directory.glob("*.[ch]"))]
    key = cache.key_of(sources, flags, *texts)
    return cache.made("tools", name, key, lambda work: _compile(
        ["gcc", *flags, "-o", str(work / name), *(str(directory / name) for name in sources)])
    ) / name


def _compile(command: list[str]) -> None:
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failure(f"cannot run {command[0]}: {error.strerror}; "
                      "try `nested/ensure-packages build`") from error
    if run.returncode:
        raise Failure(f"`{' '.join(command)}` failed:\n{run.stderr.strip()}")


def agent() -> pathlib.Path:
    return compiled("agent", NESTED / "guest", ["agent.c", "frames.c", "unpack.c"],
                    ["-O2", "-static", "-s", "-Wall", "-Wextra"])


def applets() -> list[str]:
    try:
        run = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(f"{BUSYBOX} does not work; try `nested/ensure-packages bochs`") from error
    return run.stdout.split()


def initrd() -> bytes:
    """The root file system: busybox, its applets as links, the agent."""
    root = cpio.Archive()
    for name in ("dev", "proc", "sys", "tmp", "run", "root", "out"):
        root.directory(name)
    root.device("dev/console", 5, 1)
    root.file("init", agent().read_bytes(), 0o755)
    root.file("bin/busybox", pathlib.Path(BUSYBOX).read_bytes(), 0o755)
    for name in applets():
        if name != "busybox":
            root.link(f"bin/{name}", "busybox")
    root.link("sbin", "bin")
    root.link("usr/bin", "../bin")
    root.link("usr/sbin", "../bin")
    root.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    root.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    return root.bytes()


def rom_code() -> bytes:
    source = NESTED / "bochs" / "boot.S"
    key = cache.key_of(source.read_text())

    def make(work: pathlib.Path) -> None:
        _compile(["gcc", "-c", "-m32", "-o", str(work / "boot.o"), str(source)])
        _compile(["ld", "-m", "elf_i386", f"-Ttext={ROM_ADDRESS:#x}", "--oformat", "binary",
                  "-o", str(work / "boot.bin"), str(work / "boot.o")])

    return (cache.made("tools", "boot-rom", key, make) / "boot.bin").read_bytes()


def memory_map(layout: Layout) -> list[tuple[int, int, int]]:
    """(address, size, kind) as Linux gets it; 1 RAM, 2 reserved, 3 ACPI."""
    top = layout.memory - ACPI_SIZE
    behind = layout.payload + layout.payload_size
    return [(0, 0x9f000, 1), (0x9f000, 0x1000, 2), (0xe8000, 0x18000, 2),
            (MB, layout.payload - MB, 1), (layout.payload, layout.payload_size, 2),
            (behind, top - behind, 1), (top, ACPI_SIZE, 3), (0xfffc0000, 0x40000, 2)]


def boot_rom(kernel: Kernel, layout: Layout, initrd_size: int, command_line: str) -> bytes:
    """The option ROM with its parameter block; offsets as in bochs/boot.S."""
    rom = bytearray(rom_code())
    line_at = ROM_ADDRESS + len(rom)
    initrd_at = layout.initrd(initrd_size)
    ranges = [kernel.load, kernel.end, initrd_at, initrd_at + initrd_size,
              layout.payload, layout.payload + layout.payload_size, 0, 0]
    areas = memory_map(layout)
    struct.pack_into("<3I", rom, 0x10, kernel.entry, layout.pads, PAD_MARK + PADS - 1)
    struct.pack_into("<8I", rom, 0x20, *ranges)
    struct.pack_into("<4I4Q2I", rom, 0x40, 0x336ec578, 1, 0, 1, ROM_ADDRESS + 0x80, line_at, 0,
                     ROM_ADDRESS + 0xc0, len(areas), 0)
    struct.pack_into("<4Q", rom, 0x80, initrd_at, initrd_size, 0, 0)
    for index, area in enumerate(areas):
        struct.pack_into("<2Q2I", rom, 0xc0 + 24 * index, *area, 0)
    rom += command_line.encode() + b"\0"
    rom += bytes(-(len(rom) + 1) % 512 + 1)
    rom[2] = len(rom) // 512
    rom[-1] = -sum(rom) & 0xff
    return bytes(rom)


def write_ram(path: pathlib.Path, kernel: Kernel, root: bytes, payload: bytes) -> None:
    """The RAM image: padding, kernel, initrd, payload, each in whole blocks."""
    with open(path, "wb") as file:
        for index in range(PADS):
            file.write((PAD_MARK + index).to_bytes(4, "little"))
            file.seek(BLOCK * (index + 1))
        for part in ((kernel.place / "vmlinux.flat").read_bytes(), root, payload):
            file.write(part)
            file.seek(-file.tell() % BLOCK, 1)
        file.truncate(file.tell())


def check_memory(kernel: Kernel, megabytes: int, initrd_size: int) -> Layout:
    layout = Layout(megabytes * MB)
    need = kernel.end + KERNEL_ROOM + initrd_size + layout.top - layout.payload
    if layout.top < need:
        raise UsageError(f"--memory {megabytes}: kernel {kernel.name} needs "
                         f"at least {-(-need // MB)} MB here")
    return layout


@dataclass(frozen=True)
class Boot:
    """All that is the same for each job on one kind of machine."""

    kernel: Kernel
    layout: Layout
    root: bytes
    command_line: str

    def rom(self) -> bytes:
        return boot_rom(self.kernel, self.layout, len(self.root), self.command_line)
