# SPDX-License-Identifier: GPL-2.0-only
"""Saved machines: booted once, continued as often as one likes.

main.py calls restore() unless --cold is given.  The machine is saved by the
emulator itself at the point where the agent would read its payload
(guest/agent.c, saving_point), without a job in it.  A run copies it, writes
its own payload into the copy's memory file and continues.
Subtle: the saved state is only right for exactly the inputs in its key, and
its memory file is written to by the emulator, so no two runs may share one.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Callable

from . import bochs, cache, debugger, payload, terminal
from .errors import Failure, MachineFailure
from .image import Boot
from .session import Session
from .shape import Shape

SAVE_SECONDS = 900
KEEP = 24       # machines of 25 to 70 MB each


def place_of(shape: Shape, boot: Boot) -> pathlib.Path:
    if shape.cpu == "locked":       # made from that one when it is restored
        shape = dataclasses.replace(shape, cpu="vmx")
    key = cache.key_of(shape, boot.kernel.key, boot.command_line, boot.rom().hex(),
                       cache.key_of(boot.root.hex()), bochs.version(),
                       bochs.configuration(shape, boot.layout.pads))
    name = f"{boot.kernel.name}-{shape.cpus}cpu-{shape.cpu}-{shape.memory}m-{key}"
    return cache.root() / "machines" / name


def ensure(shape: Shape, boot: Boot, work: pathlib.Path,
           say: Callable[[str], None] | None = None) -> pathlib.Path:
    """The saved machine; boots one in the directory WORK if there is none."""
    place = place_of(shape, boot)
    if (place / "saved").is_dir():
        return place
    try:
        with cache.locked(place.parent / ".lock"):
            if not (place / "saved").is_dir():
                if say:
                    say(f"booting kernel {boot.kernel.name} with {shape.cpus} processor(s) once, "
                        "to save the machine for the next runs")
                make(place, shape, boot, work)
                remove_oldest(place)
    except OSError as error:
        raise Failure(f"cannot save a machine in {place.parent}: "
                      f"{error.strerror or error}") from error
    return place


def make(place: pathlib.Path, shape: Shape, boot: Boot, work: pathlib.Path) -> None:
    """Boot to the saving point and save; the emulator is told so in advance."""
    booting = work / "booting"
    booting.mkdir()
    with terminal.Line() as line:
        machine = bochs.cold(booting, shape, boot, payload.in_memory(b"", boot.layout), line,
                             commands="c\nsave saved\nq\n")
        session = Session(machine, timeout=SAVE_SECONDS)
        outcome = session.run()
    if not (booting / "saved" / "memory.ram").exists():
        tail = "\n".join(session.log.lines[-20:])
        raise MachineFailure(f"kernel {boot.kernel.name} did not boot to the point where the "
                             f"machine is saved: {outcome.trouble}\n{tail}")
    (booting / "ram.bin").unlink()
    (booting / "saved" / "boot-log").write_text("\n".join(session.log.lines) + "\n")
    unsaved = place.with_name(f".{place.name}-{os.getpid()}")
    try:
        unsaved.mkdir(parents=True)
        copy(booting, unsaved, ["saved", "boot.rom"])
        unsaved.rename(place)
    except BaseException:
        shutil.rmtree(unsaved, ignore_errors=True)
        raise
    shutil.rmtree(booting)


def copy(source: pathlib.Path, target: pathlib.Path, names: list[str]) -> None:
    """Copy with holes kept: most of a memory file is one."""
    run = subprocess.run(["cp", "-r", "--sparse=always", "--reflink=auto",
                          *(str(source / name) for name in names), str(target)],
                         capture_output=True, text=True, check=False)
    if run.returncode:
        first = run.stderr.strip().splitlines()[0]
        raise Failure(f"cannot copy the saved machine: {first}; "
                      "make room, or use --cold")


def remove_oldest(new: pathlib.Path) -> None:
    """Keep the machines used last; restore() notes each use."""
    places = [place for place in new.parent.iterdir() if not place.name.startswith(".")]
    places.sort(key=lambda place: place.stat().st_mtime, reverse=True)
    for place in places[KEEP:]:
        shutil.rmtree(place, ignore_errors=True)


def restore(work: pathlib.Path, shape: Shape, boot: Boot, data: bytes,
            line: terminal.Line, observer: debugger.Observer | None = None) -> bochs.Emulator:
    """Continue the saved machine (see ensure()), with DATA as its payload, in WORK."""
    place = place_of(shape, boot)
    os.utime(place)
    copy(place, work, ["saved", "boot.rom"])
    config = work / "saved" / "config"
    config.write_text(adapt(config.read_text(), line, marks=observer is not None))
    if shape.cpu == "locked":
        for cpu in range(shape.cpus):
            lock_vmx_off(work / "saved" / f"cpu{cpu}")
    with open(work / "saved" / "memory.ram", "r+b") as memory:
        memory.seek(boot.layout.payload)
        memory.write(data)
    return bochs.Emulator(work, ["-r", "saved"], bochs.GO_ON, observer)


def lock_vmx_off(processor: pathlib.Path) -> None:
    """Leave only the lock bit in IA32_FEATURE_CONTROL.

    The emulator's firmware sets and locks it with VMX on, before anything of
    ours runs; so what another firmware would leave is written into the state.
    """
    text, count = re.subn(r"(ia32_feature_ctrl) = 0x\w+", r"\1 = 0x00000001",
                          processor.read_text())
    if not count:
        raise Failure(f"{processor.name} of the saved machine has no ia32_feature_ctrl")
    processor.write_text(text)


def adapt(config: str, serial: terminal.Line, marks: bool) -> str:
    """The configuration that was saved, less what only the boot needed.

    MARKS: stop for the observer at the instruction that marks a place (XCHG BX, BX).
    """
    lines = []
    for line in config.splitlines():
        if line.startswith("optramimage1:"):
            line = "optramimage1: file=none"
        elif line.startswith("magic_break:"):
            line = f"magic_break: enabled={int(marks)}"
        elif line.startswith("plugin_ctrl:"):
            line = bochs.PLUGINS
        elif line.startswith("com1:"):
            line = bochs.com1(serial)
        lines.append(line)
    return "\n".join(lines) + "\n"
