# SPDX-License-Identifier: GPL-2.0-only
"""The payload: the files and the command of one job, as one archive.

main.py builds it from the options, guest/agent.c unpacks it.  For Bochs it
lies in reserved guest memory behind a header page; QEMU gets the same archive
as a second part of the initial root file system.  /run/vitrine holds the job
itself: argv, env and switches.  Subtle: dynamic programs bring the libraries
that ldd names, at the same absolute paths, because the machine has no others.
"""

import os
import pathlib
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from . import cpio
from .errors import Failure, UsageError
from .image import MB, Layout
from .kernels import Kernel

MAGIC = b"VTRPAY01"
HEADER_SIZE = 4096
JOB = "run/vitrine"
ENVIRONMENT = {
    "PATH": "/vitrine/bin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LC_ALL": "C",
    "LD_LIBRARY_PATH": "/vitrine/lib",
}


@dataclass
class Job:
    argv: list[str]
    tree: pathlib.Path | None = None
    files: list[tuple[pathlib.Path, str]] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)
    terminal: tuple[int, int] | None = None
    want_out: bool = False
    scan_leaks: bool = False
    env: dict[str, str] = field(default_factory=dict)
    extra: list[tuple[str, bytes, int]] = field(default_factory=list)   # name, contents, mode


def strings(values: list[str]) -> bytes:
    return b"".join(os.fsencode(value) + b"\0" for value in values)


def archive(job: Job, kernel: Kernel) -> bytes:
    """Everything that goes in, as a cpio archive."""
    files = cpio.Archive()
    env = ENVIRONMENT | job.env
    files.file(f"{JOB}/argv", strings(job.argv))
    files.file(f"{JOB}/env", strings([f"{name}={value}" for name, value in env.items()]))
    if job.terminal:
        files.file(f"{JOB}/terminal", strings([str(number) for number in job.terminal]))
    for name, wanted in (("out", job.want_out), ("leaks", job.scan_leaks)):
        if wanted:
            files.file(f"{JOB}/{name}", b"")
    files.directory("vitrine")
    if job.tree:
        files.copy("vitrine", job.tree)
    for source, place in job.files:
        files.copy(place, source)
    for place, data, mode in job.extra:
        files.file(place, data, mode)
    add_programs(files, job)
    add_modules(files, kernel, job.modules)
    return files.bytes()


def in_memory(data: bytes, layout: Layout) -> bytes:
    """The form for guest memory: header page, archive."""
    if len(data) > layout.payload_size - HEADER_SIZE:
        raise UsageError(f"the files for the machine take {len(data) / MB:.1f} MB, "
                         f"but {layout.payload_size // MB} MB is the limit: leave out some, or take "
                         "more memory (an eighth of it is the limit)")
    return (MAGIC + len(data).to_bytes(8, "little")).ljust(HEADER_SIZE, b"\0") + data


# ---- programs and their libraries ----

def add_programs(files: cpio.Archive, job: Job) -> None:
    found = []
    for name in job.programs:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not path:
            raise UsageError(f"--program {name}: not found on this host")
        found.append(pathlib.Path(path).resolve())
        files.copy(f"bin/{os.path.basename(name)}", found[-1])
    if job.tree and (job.tree / "bin").is_dir():
        found += sorted((job.tree / "bin").iterdir())
    for library in libraries([path for path in found if is_dynamic(path)]):
        files.file(library, pathlib.Path(library).read_bytes(), 0o755)


def is_dynamic(path: pathlib.Path) -> bool:
    """True for an ELF program that names a loader (which its first page shows)."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        head = file.read(4096)
    return head.startswith(b"\x7fELF") and b"/ld-linux" in head


def libraries(programs: list[pathlib.Path]) -> list[str]:
    if not programs:
        return []
    run = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True,
                         check=False)
    missing = re.findall(r"^\s+(\S+) => not found", run.stdout, re.MULTILINE)
    if missing or run.returncode:
        raise Failure(f"libraries of {', '.join(p.name for p in programs)}: "
                      f"{', '.join(missing) or run.stderr.strip()} not found")
    return sorted(set(re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", run.stdout, re.MULTILINE)))


# ---- modules of the kernel ----

def add_modules(files: cpio.Archive, kernel: Kernel, names: list[str]) -> None:
    """Put the named modules and what they depend on where modprobe looks."""
    place = f"lib/modules/{kernel.release}"
    files.directory(place)
    if not names:
        return
    table = read_dependencies(kernel)
    by_name = {module_name(path): path for path in table}
    chosen: dict[str, list[str]] = {}
    for name in names:
        path = by_name.get(module_name(name))
        if not path:
            raise UsageError(f"--module {name}: kernel {kernel.name} has no such module")
        for each in (path, *table[path]):
            chosen[each] = table[each]
    lines = [f"{path}: {' '.join(needs)}".rstrip() for path, needs in sorted(chosen.items())]
    files.file(f"{place}/modules.dep", "\n".join(lines).encode() + b"\n")
    for path in chosen:
        files.copy(f"{place}/{path}", kernel.modules / path)


def module_name(path: str) -> str:
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def read_dependencies(kernel: Kernel) -> dict[str, list[str]]:
    path = kernel.modules / "modules.dep"
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name: needs.split() for name, needs in pairs}
