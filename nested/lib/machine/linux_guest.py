# SPDX-License-Identifier: GPL-2.0-only
"""A stock Debian kernel as a guest of Vitrine in the nested machine.

nested/linux and `make linux` start it.  The kernel is the file of Debian's package,
byte for byte; the initial RAM disk is made here of Debian's busybox and the files
of nested/linux-guest/.  Then nested/run does the rest, and start.sh in the
machine.  Nothing is saved or restored inside of the guest: it boots each time.
"""

import argparse
import gzip
import hashlib
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from . import cpio, image, kernels, payload
from .errors import Failure
from .kernels import NESTED

GUEST = NESTED / "linux-guest"
GUESTS = ("6.1", "6.1-generic", "6.12", "lean")
TOOLS = ("run", "exits", "step")
# MB that the host wants beside its guest.  A Linux with less than 512 for itself, kernel and
# RAM disk not counted, does without huge pages.
HOST_MEMORY = 512
# A stock kernel ticks 250 times a second on each CPU, beside the host's own ticks: a slow
# clock would have time for nothing else.
CLOCK = 100
# What the power button needs; the lean kernel has no modules.
MODULES = ("button", "evdev")


def guest_kernel(name: str) -> kernels.Kernel:
    """It is not booted by the machine: it needs no place in memory here."""
    return kernels.Kernel(name, kernels.find(name), 0, 0, 0)


def initrd(command: str | None, kernel: kernels.Kernel, modules: Sequence[str] = (),
           programs: Sequence[str] = (), files: Sequence[pathlib.Path] = ()) -> bytes:
    """Debian's busybox, the programs of linux-guest/, and what is to be run."""
    root = cpio.Archive()
    if modules:
        payload.add_modules(root, kernel, modules)
        root.file("modules", " ".join(modules).encode() + b"\n")
    for name in ("bin", "dev", "proc", "sys", "tmp", "root"):
        root.directory(name)
    root.device("dev/console", 5, 1)
    root.file("init", (GUEST / "init").read_bytes(), 0o755)
    root.file("bin/busybox", pathlib.Path(image.BUSYBOX).read_bytes(), 0o755)
    end = image.compiled("end", GUEST, ["end.c"], ["-O2", "-static", "-s", "-Wall", "-Wextra"])
    root.file("bin/end", end.read_bytes(), 0o755)
    root.file("etc/acpi/PWRF/00000080", b"#!/bin/sh\npoweroff -f\n", 0o755)
    root.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    payload.add_programs(root, payload.Job([], programs=list(programs)))
    for path in files:
        root.copy(f"root/{path.name}", path)
    if command is not None:
        root.file("command", command.encode() + b"\n")
    return gzip.compress(root.bytes(), 6, mtime=0)


def digest(path: pathlib.Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error


def own_kernel(path: pathlib.Path) -> pathlib.Path:
    """A file that somebody has named, or that was built here."""
    print(f"guest kernel: {path}\n  SHA-256 {digest(path)}", file=sys.stderr, flush=True)
    return path


def checked_kernel(kernel: kernels.Kernel) -> pathlib.Path:
    """The package's vmlinuz; say what it is."""
    vmlinuz = kernel.place / "vmlinuz"
    wanted = (kernel.place / "vmlinuz.sha256").read_text().split()[0]
    found = digest(vmlinuz)
    if found != wanted:
        raise Failure(f"{vmlinuz}: SHA-256 is {found}, but the package's file had {wanted}; "
                      f"get it again with `nested/kernels clean {kernel.name}`")
    package = (kernel.place / "inputs").read_text().splitlines()[0].removeprefix("package ")
    print(f"guest kernel: vmlinuz of Debian's {package}, unchanged\n  SHA-256 {found}",
          file=sys.stderr, flush=True)
    return vmlinuz


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nested/linux", allow_abbrev=False,
        description="Boot a stock Debian kernel as Vitrine's guest, in the nested machine.",
        epilog="Without CMD there is a shell in the guest.  Exit status: that of CMD, or what "
               "`vitrine run` ends with if the guest does not come so far.")
    parser.add_argument("--guest", choices=GUESTS, default="6.1", help="the guest's kernel")
    parser.add_argument("--image", type=pathlib.Path, metavar="FILE",
                        help="another file as the guest's kernel")
    parser.add_argument("--module", action="append", default=[], metavar="NAME",
                        help="a module of the guest's kernel that its init loads")
    parser.add_argument("--program", action="append", default=[], metavar="NAME",
                        help="a program of this host for the guest, with its libraries")
    parser.add_argument("--guest-file", action="append", default=[], type=pathlib.Path,
                        metavar="PATH", help="a file more for the guest, in /root")
    parser.add_argument("--guest-cpus", type=int, default=2, metavar="N", help="its vCPUs")
    parser.add_argument("--guest-memory", type=int, default=256, metavar="MB", help="its memory")
    parser.add_argument("--append", default="", metavar="TEXT", help="more for its command line")
    parser.add_argument("--option", action="append", default=[], metavar="TEXT",
                        help="an option more for `vitrine run`, as --option=--exits")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE",
                        help="a parameter of vitrine.ko, as --parameter=apicv=2")
    parser.add_argument("--tool", choices=TOOLS, default="run",
                        help="the command of `vitrine` that has the guest")
    parser.add_argument("--file", action="append", default=[], metavar="PATH",
                        help="a file more for the machine around it, in /root")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                        help="a variable for the script")
    parser.add_argument("--host", choices=kernels.NAMES, default="6.1",
                        help="the kernel of the machine around it")
    # The emulator lets no interrupt end the stay of a guest that has them off.  On one
    # processor a vCPU that waits like that for the other one would wait for ever, but for
    # the slice (start.sh).
    parser.add_argument("--host-cpus", type=int, default=2, metavar="N",
                        help="processors of the machine around it")
    parser.add_argument("--script", metavar="PATH",
                        help="run this script of the machine instead of one guest; it finds "
                             "/root/vmlinuz and /root/initrd")
    parser.add_argument("--timeout", type=int, default=1800, metavar="S",
                        help="seconds until the machine is stopped")
    parser.add_argument("command", nargs="?", metavar="CMD", help="what a shell in the guest runs")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = arguments(argv)
    kernel = guest_kernel(options.guest)
    if options.image or options.guest == "lean":
        vmlinuz = own_kernel(options.image or kernel.place / "vmlinuz")
    else:
        vmlinuz = checked_kernel(kernel)
    with tempfile.NamedTemporaryFile(prefix="vitrine-initrd-") as disk:
        modules = [*(MODULES if options.guest != "lean" else ()), *options.module]
        disk.write(initrd(options.command, kernel, modules, options.program, options.guest_file))
        disk.flush()
        words = ["console=ttyS0", *options.append.split()]
        run = [NESTED / "run", "--quiet", "--kernel", options.host, "--cpus", options.host_cpus,
               "--clock", CLOCK, "--memory", options.guest_memory + HOST_MEMORY,
               "--timeout", options.timeout,
               "--file", f"{vmlinuz}:/root/vmlinuz", "--file", f"{disk.name}:/root/initrd",
               "--file", f"{GUEST / 'start.sh'}:/root/start.sh",
               *(word for path in options.file
                 for word in ("--file", f"{path}:/root/{pathlib.Path(path).name}")),
               "--env", f"MODULE_ARGS={' '.join(options.parameter)}",
               *(word for pair in options.env for word in ("--env", pair)),
               *(["--shell"] if options.command is None and not options.script else []), "--",
               *(["sh", options.script] if options.script else
                 ["sh", "/root/start.sh", options.tool, "--cpus", options.guest_cpus,
                  "--memory", f"{options.guest_memory}M", *options.option, "--", *words])]
        return subprocess.run([str(word) for word in run], check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        print(f"nested/linux: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
