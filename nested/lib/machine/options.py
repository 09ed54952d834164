# SPDX-License-Identifier: GPL-2.0-only
"""The command line of nested/run.

main.py calls parse(); everything that can be judged without looking at the
host is checked here, so that a mistake costs nothing and gives one line.
"""

import argparse
import pathlib
import re
import sys

from .errors import USAGE, UsageError
from .kernels import NAMES, NESTED
from .shape import CPU_KINDS

DESCRIPTION = """\
Boot a small Linux in an emulated or virtual machine with VMX, run CMD there as
root, pass on its output and return its exit status."""

EPILOG = """\
In the machine: busybox, /proc, /sys, /dev, /tmp, debugfs and tracefs; the build
output at /vitrine (PATH has /vitrine/bin); CMD starts in /root, its standard
input is empty.  What CMD leaves in /out comes back with --out.

Exit status: that of CMD (128+N when signal N ended it), or
  1    the host side failed            2    wrong usage
  124  no end within --timeout         125  the machine failed: a panic, a reset,
  126, 127  CMD cannot be run, not found    or a report in the kernel log
A report (BUG, WARNING, Oops, lockdep, KASAN, kmemleak, RCU stall) makes a run
fail even when CMD succeeds, unless --expect-log names it.

Examples:
  nested/run -- uname -a
  nested/run --kernel 6.12 --cpus 2 --module kvm-intel -- modprobe kvm-intel
  nested/run --file ./test.sh:/root/t --timeout 60 -- sh /root/t
  nested/run --shell"""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        print(f"nested/run: {message} (see nested/run --help)", file=sys.stderr)
        sys.exit(USAGE)


def parser() -> Parser:
    p = Parser(prog="nested/run", usage="nested/run [options] -- CMD [ARG...]",
               description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
               formatter_class=argparse.RawDescriptionHelpFormatter)
    add_machine(p.add_argument_group("the machine"))
    add_contents(p.add_argument_group("what goes in and comes out"))
    add_running(p.add_argument_group("running"))
    p.add_argument("command", nargs="*", metavar="CMD", help=argparse.SUPPRESS)
    return p


def add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--engine", choices=("auto", "kvm", "bochs", "tcg"), default="auto",
                       metavar="NAME", help="auto, kvm (QEMU with nested VMX) or bochs (anywhere); "
                       "tcg is QEMU without VMX (default: auto)")
    group.add_argument("--kernel", choices=NAMES, default="6.1", metavar="NAME",
                       help=f"one of {', '.join(NAMES)} (default: 6.1)")
    group.add_argument("--cpus", type=positive, default=1, metavar="N",
                       help="number of processors (default: 1)")
    group.add_argument("--memory", type=positive, metavar="MB",
                       help="memory (default: 256; 512 with the debug kernel or --crash)")
    group.add_argument("--clock", type=positive, metavar="MHZ",
                       help="million instructions in a second of the machine's time (bochs; "
                       "default: 20; 10 with two processors, 100 with the debug kernel)")
    group.add_argument("--cpu", choices=tuple(CPU_KINDS), default="vmx", metavar="KIND",
                       help="processor: " + ", ".join(f"{name} ({what})" for name, what
                                                      in CPU_KINDS.items()) + " (default: vmx)")
    group.add_argument("--append", action="append", default=[], metavar="ARGS",
                       help="more options for the kernel's command line")
    group.add_argument("--cold", action="store_true",
                       help="boot; don't continue a saved machine")
    group.add_argument("--warm", action="store_true",
                       help="make the saved machine if it isn't there, and end")


def add_contents(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--tree", type=pathlib.Path, metavar="DIR",
                       help="what lies at /vitrine (default: build/KERNEL/root if it exists)")
    group.add_argument("--file", action="append", default=[], metavar="SRC[:DEST]",
                       help="put a file or directory there (default: /root/NAME)")
    group.add_argument("--program", action="append", default=[], metavar="NAME",
                       help="put a program of this host, with its libraries, into /bin")
    group.add_argument("--module", action="append", default=[], metavar="NAME",
                       help="put a module of the kernel, with those it needs, where modprobe looks")
    group.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                       help="set a variable for CMD")
    group.add_argument("--out", type=pathlib.Path, metavar="DIR",
                       help="put what CMD leaves in /out there")
    group.add_argument("--keep-log", type=pathlib.Path, metavar="DIR",
                       help="keep the kernel's and the emulator's log there")


def add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--timeout", type=seconds, default=300.0, metavar="S",
                       help="seconds until the run is stopped (default: 300)")
    group.add_argument("--timeout-cpu", action="store_true",
                       help="they are processor time of the emulator, so that a loaded computer "
                       "doesn't matter; by the clock it may take five times as long")
    group.add_argument("--shell", action="store_true",
                       help="run CMD (default: sh) on a terminal; Ctrl-] ends the machine")
    group.add_argument("--expect-log", action="append", default=[], type=regex, metavar="REGEX",
                       help="a report in the kernel log that matches is no failure")
    group.add_argument("--leaks", action="store_true",
                       help="scan for leaked kernel memory after CMD (debug kernel; minutes)")
    group.add_argument("--expect-reboot", action="store_true",
                       help="succeed when, and only when, CMD makes the machine reset")
    group.add_argument("--crash", metavar="SCRIPT",
                       help="reserve memory for a crash kernel; CMD calls crash-load and makes the "
                       "kernel panic, then SCRIPT runs (by sh) in the crash kernel and its status "
                       "is returned")
    group.add_argument("--watch", type=pathlib.Path, metavar="FILE",
                       help="record each VM exit as the emulator sees it: tick, processor, "
                       "address (bochs)")
    group.add_argument("--time", action="store_true", help="print where the time went")
    group.add_argument("--quiet", action="store_true", help="print nothing but CMD's output "
                       "and failures")
    group.add_argument("--verbose", action="store_true", help="print the kernel's log to stderr")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive whole number")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")
    return value


def regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression: {error}") from error


def parse(arguments: list[str]) -> argparse.Namespace:
    before, command = split(arguments)
    options = parser().parse_args(before)
    if options.command:
        raise UsageError(f"'{options.command[0]}': write -- in front of the command")
    options.command = command
    check(options)
    return options


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1:]


def check(options: argparse.Namespace) -> None:
    if options.shell and not options.command:
        options.command = ["sh"]
    if not options.command and not options.warm:
        raise UsageError("no command; write nested/run [options] -- CMD [ARG...], or --shell")
    if options.warm and options.cold:
        raise UsageError("--warm and --cold exclude each other")
    if options.leaks and options.kernel != "debug":
        raise UsageError("--leaks: only the debug kernel looks for leaks; add --kernel debug")
    if options.crash and options.shell:
        raise UsageError("--crash and --shell exclude each other")
    if options.clock is None:
        # With two processors an idle one is emulated too: a slow clock idles less.  But
        # the tick of a kernel that checks itself would take all of a slow clock's time.
        options.clock = 100 if options.kernel == "debug" else 20 if options.cpus == 1 else 10
    if options.memory is None:
        options.memory = 512 if options.kernel == "debug" or options.crash else 256
    for pair in options.env:
        if "=" not in pair.lstrip("="):
            raise UsageError(f"--env {pair}: write NAME=VALUE")
    if options.tree and not options.tree.is_dir():
        raise UsageError(f"--tree {options.tree}: no such directory")
    if not options.tree:
        default = NESTED.parent / "build" / options.kernel / "root"
        options.tree = default if default.is_dir() else None


def files(options: argparse.Namespace) -> list[tuple[pathlib.Path, str]]:
    """The pairs of --file; a relative DEST lies below /root."""
    pairs = []
    for text in options.file:
        source, _, place = text.partition(":")
        path = pathlib.Path(source)
        if not path.exists():
            raise UsageError(f"--file {source}: no such file")
        pairs.append((path, str(pathlib.PurePosixPath("/root") / (place or path.resolve().name))))
    return pairs
