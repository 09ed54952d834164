# SPDX-License-Identifier: GPL-2.0-only
"""Engine "bochs": an emulated Intel processor with VMX, on any host.

main.py calls cold() to boot or saved.restore() to continue a saved machine.
Both start the emulator in a directory of the run's own, in memory, which
holds its configuration, RAM image and pipes.  bochs/headless.c is preloaded.
Subtle: `ips` is not a speed but the rate of the emulated clock against
instructions; the kernel is told the same rate (tsc_early_khz), for the
processor's own CPUID leaves claim 3,500 MHz.
"""

import os
import pathlib
import re
import subprocess

from . import cache, debugger, image, terminal
from .errors import Failure, UsageError
from .kernels import NESTED
from .shape import Shape

BOCHS = "/usr/bin/bochs-bin"
BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGA_BIOS = "/usr/share/vgabios/vgabios.bin"
# Above 3 GB are devices.  Bochs holds at most 2 GB of it in its own memory, and
# what the guest touches beyond that in a file.
MEMORY_LIMIT = 3072
MEMORY_HELD = 2048
FRAMES = "frames"
# The debugger stops at a reset and wants to be told to go on.
GO_ON = "c\n" * 16
# A saved timer has no name, only a number, and devices take their numbers in
# the order of loading: it must be the same when booting and when restoring.
# (The USB controller, not in this list, comes last by itself.)
PLUGINS = ("plugin_ctrl: biosdev=true, iodebug=false, parallel=true, gameport=false, "
           "extfpuirq=true, speaker=false, serial=true, unmapped=true")
CPU_MODELS = {
    "vmx": "corei7_skylake_x",
    "no-ept": "core2_penryn_t9600",
    "no-ug": "corei5_lynnfield_750",
    "no-vmx": "p4_prescott_celeron_336",
    "locked": "corei7_skylake_x",     # saved.py does the rest
}


def check(shape: Shape) -> None:
    if shape.cpus > 2:
        raise UsageError(f"--cpus {shape.cpus}: engine bochs has 1 or 2 processors "
                         "(with more, Linux does not get through its boot in useful time)")
    if shape.memory > MEMORY_LIMIT:
        raise UsageError(f"--memory {shape.memory}: engine bochs has at most {MEMORY_LIMIT} MB")


def command_line(shape: Shape) -> list[str]:
    """Kernel options that this emulator needs or that make it boot quickly."""
    return [
        f"tsc_early_khz={shape.clock * 1000}",
        # XRSTOR of a state that holds AVX registers raises #GP now and then in
        # the emulator, with no hypervisor around: save with FXSAVE instead.
        "noxsave",
        # Leaf 4 states more cores than leaf 1, at which newer kernels warn.
        "clearcpuid=ht",
        # A processor that idles by MWAIT misses writes of the other one to the
        # address it monitors, and sleeps on; HLT ends by interrupts alone.
        *(["idle=halt"] if shape.cpus > 1 else []),
    ]


def com1(line: terminal.Line) -> str:
    """The serial port; nothing is ever sent to it unless --shell is given."""
    return f"com1: enabled=1, mode=term, dev={line.device}"


def configuration(shape: Shape, image_address: int) -> str:
    """The emulator's configuration file for a cold boot."""
    cpu = f"model={CPU_MODELS[shape.cpu]}, count={shape.cpus}, ips={shape.clock * 1_000_000}"
    if shape.cpus > 1:
        cpu += ", quantum=32"
    return f"""\
{PLUGINS}
display_library: rfb, options="timeout=0"
cpu: {cpu}, reset_on_triple_fault=1
memory: guest={shape.memory}, host={min(shape.memory, MEMORY_HELD)}
romimage: file={BIOS}
vgaromimage: file={VGA_BIOS}
optromimage1: file=boot.rom, address={image.ROM_ADDRESS:#x}
optramimage1: file=ram.bin, address={image_address:#x}
boot: floppy
parport1: enabled=1, file={FRAMES}
clock: sync=none, time0=946684800
log: bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
magic_break: enabled=1
port_e9_hack: enabled=1
"""


def headless() -> pathlib.Path:
    return image.compiled("headless.so", NESTED / "bochs", ["headless.c"],
                          ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra"])


class Emulator:
    """A running emulator; the Machine that session.py works on."""

    def __init__(self, place: pathlib.Path, arguments: list[str], commands: str,
                 observer: debugger.Observer | None = None) -> None:
        self.place = place
        self.follower: debugger.Follower | None = None
        (place / "commands").write_text("" if observer else commands)
        os.mkfifo(place / FRAMES)
        # Open for both: no end of file before the emulator opens its side.
        self.frames_fd = os.open(place / FRAMES, os.O_RDWR | os.O_NONBLOCK)
        self.console_fd, console = os.pipe()
        environment = os.environ | {"LD_PRELOAD": str(headless()),
                                    "VITRINE_CONSOLE_FD": str(console)}
        with open(place / "debugger.log", "wb") as log:
            try:
                self.process = subprocess.Popen(
                    [BOCHS, "-q", *arguments, "-rc", "commands"], cwd=place, env=environment,
                    stdin=subprocess.PIPE if observer else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if observer else log, stderr=subprocess.STDOUT,
                    pass_fds=(console,), start_new_session=True)
            except OSError as error:
                raise Failure(f"cannot run {BOCHS}: {error.strerror}; "
                              "try `nested/ensure-packages bochs`") from error
            finally:
                os.close(console)
        if observer:
            self.follower = debugger.start(self.process, place, observer)

    def ended(self) -> None:
        """The process is gone: let the observer see the end of its text."""
        if self.follower:
            self.follower.join()

    def was_reset(self) -> bool:
        """The boot ROM says so in the kernel's log, which session.py reads."""
        return False

    def why_ended(self) -> str:
        log = self._read("bochs.log")
        if self.follower and self.follower.failure:
            return f"who looked at it from outside has failed: {self.follower.failure}"
        if "soft power off" in log:
            return "the machine was switched off before the command had ended"
        panics = re.findall(r"^\d+p\[[^\]]*\] >>PANIC<< (.*)$", log, re.MULTILINE)
        if panics:
            return f"the emulator gave up: {panics[-1]}"
        tail = " / ".join(self._read("debugger.log").strip().splitlines()[-3:])
        return f"the emulator ended with status {self.process.returncode}: {tail}"

    def _read(self, name: str) -> str:
        try:
            return (self.place / name).read_text(errors="replace")
        except OSError:
            return ""


def cold(place: pathlib.Path, shape: Shape, boot: image.Boot, payload: bytes,
         line: terminal.Line, commands: str = GO_ON,
         observer: debugger.Observer | None = None) -> Emulator:
    """Boot a machine in the empty directory PLACE."""
    try:
        (place / "boot.rom").write_bytes(boot.rom())
        image.write_ram(place / "ram.bin", boot.kernel, boot.root, payload)
        (place / "bochsrc").write_text(configuration(shape, boot.layout.pads) + com1(line) + "\n")
    except OSError as error:
        raise Failure(f"{place}: {error.strerror}") from error
    return Emulator(place, ["-f", "bochsrc"], commands, observer)


def version() -> str:
    return cache.file_mark(BOCHS) + cache.file_mark(BIOS)
