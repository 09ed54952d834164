# SPDX-License-Identifier: GPL-2.0-only
"""Engines "kvm" and "tcg": QEMU with the same devices that Bochs has.

main.py calls start().  The kernel's log goes to port 0xe9, the agent's frames
to a parallel port, keys come from a serial port; so kernel options, agent and
session are the same as with Bochs.  Only the payload goes in another way: as
a second archive behind the root file system, which the kernel unpacks.
Subtle: engine tcg has no VMX; it proves everything here but acceleration.
"""

import json
import os
import pathlib
import subprocess

from . import image, terminal
from .errors import Failure, UsageError
from .shape import Shape

QEMU = "qemu-system-x86_64"
CPUS_LIMIT = 64
CPU_MODELS = {"vmx": "host", "no-ept": "host,vmx-ept=off",
              "no-ug": "host,vmx-unrestricted-guest=off", "no-vmx": "host,-vmx"}
NESTED_SWITCH = pathlib.Path("/sys/module/kvm_intel/parameters/nested")


def why_no_kvm() -> str | None:
    """The reason why nested VMX can't be had here; None: it can.

    /dev/kvm alone proves nothing: it may be AMD's, or itself be emulated.
    """
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
        if " vmx" not in flags:
            return "this processor shows no vmx"
        if not NESTED_SWITCH.exists():
            return "kvm_intel is not loaded"
        if NESTED_SWITCH.read_text(encoding="ascii").strip() not in ("Y", "1"):
            return "kvm_intel has nested switched off"
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not open to this user"
    return None


def check(shape: Shape, accelerated: bool) -> None:
    if shape.cpus > CPUS_LIMIT:
        raise UsageError(f"--cpus {shape.cpus}: engine kvm has at most {CPUS_LIMIT} here")
    if accelerated and (reason := why_no_kvm()):
        raise Failure(f"engine kvm: {reason}; use --engine bochs")


class Emulator:
    """A running QEMU; the Machine that session.py works on."""

    def __init__(self, place: pathlib.Path, command: list[str]) -> None:
        self.place = place
        for name in ("console", "frames", "control.in", "control.out"):
            os.mkfifo(place / name)
        # Open for both: no end of file before QEMU opens its side.
        self.console_fd, self.frames_fd, keep, self.control_fd = (
            os.open(place / name, os.O_RDWR | os.O_NONBLOCK)
            for name in ("console", "frames", "control.in", "control.out"))
        os.write(keep, b'{"execute": "qmp_capabilities"}\n')
        with open(place / "qemu.log", "wb") as log:
            try:
                self.process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *command], cwd=place, stdout=log,
                    stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
            except OSError as error:
                raise Failure(f"cannot run setpriv: {error.strerror}") from error

    def was_reset(self) -> bool:
        return "guest-reset" in self._shutdown_reasons()

    def ended(self) -> None:
        """Nobody follows this engine."""

    def why_ended(self) -> str:
        reasons = self._shutdown_reasons()
        if "guest-shutdown" in reasons:
            return "the machine was switched off before the command had ended"
        text = (self.place / "qemu.log").read_text(errors="replace").strip()
        if self.process.returncode == 127:
            return f"{QEMU} cannot be run; try `nested/ensure-packages qemu`: {text}"
        return f"QEMU ended with status {self.process.returncode}: {text or reasons}"

    def _shutdown_reasons(self) -> list[str]:
        """QEMU's monitor said why it ended."""
        reasons = []
        for line in self._control().splitlines():
            event = json.loads(line)
            if event.get("event") == "SHUTDOWN":
                reasons.append(event["data"]["reason"])
        return reasons

    def _control(self) -> str:
        if not hasattr(self, "said"):
            try:
                self.said = os.read(self.control_fd, 1 << 16).decode()
            except BlockingIOError:
                self.said = ""
        return self.said


def start(place: pathlib.Path, shape: Shape, boot: image.Boot, archive: bytes,
          line: terminal.Line, accelerated: bool) -> Emulator:
    root = boot.root + bytes(-len(boot.root) % 512)
    (place / "initrd").write_bytes(root + archive)
    cpu = CPU_MODELS[shape.cpu] if accelerated else "max"
    command = [
        QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", "pc", "-accel", "kvm" if accelerated else "tcg", "-cpu", cpu,
        "-smp", str(shape.cpus), "-m", str(shape.memory),
        "-kernel", str(boot.kernel.place / "vmlinuz"), "-initrd", "initrd",
        "-append", boot.command_line,
        "-chardev", "file,id=console,path=console",
        "-device", "isa-debugcon,iobase=0xe9,chardev=console",
        "-chardev", "file,id=frames,path=frames",
        "-device", "isa-parallel,iobase=0x378,chardev=frames",
        "-chardev", f"serial,id=keys,path={line.device}",
        "-device", "isa-serial,iobase=0x3f8,chardev=keys",
        "-chardev", "pipe,id=control,path=control", "-mon", "chardev=control,mode=control",
    ]
    return Emulator(place, command)
