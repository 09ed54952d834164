# SPDX-License-Identifier: GPL-2.0-only
"""nested/run from its arguments to its exit status.

The story: read the options, choose an engine, find the kernel, pack the job,
start a machine (saved or cold), watch the session, judge the outcome.
judge() holds the rules of what counts as success.
"""

import argparse
import contextlib
import io
import os
import pathlib
import signal
import sys
import tarfile
import time
from collections.abc import Callable
from types import FrameType

from . import (bochs, crash, debugger, image, kernels, options, payload, qemu, rundir, saved,
               terminal, watch)
from .errors import FAILED, MACHINE_FAILED, OK, TIMED_OUT, Failure, UsageError
from .session import Machine, Outcome, Session, write_all
from .shape import Shape

TAIL_LINES = 40
COMMAND_LINE = [
    # The kernel's log goes byte by byte to port 0xe9: no driver, no baud rate.
    "earlycon=uart8250,io,0xe9", "keep_bootcon", "ignore_loglevel",
    # The serial port belongs to the agent.
    "8250.nr_uarts=0",
    # Steps of the boot that cost seconds in an emulator and serve no test here.
    "cryptomgr.notests", "nokaslr", "mitigations=off", "rcupdate.rcu_expedited=1",
    "initcall_blacklist=load_system_certificate_list,trace_eval_init,"
    "init_kprobe_trace,cubictcp_register",
]


class Warm(Exception):
    """--warm: the saved machine is there, and that was all."""


class Stopped(Exception):
    """A signal asked nested/run to end."""


def note(text: str) -> None:
    print(f"nested/run: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        opts = options.parse(arguments)
        record = watch.Record(opts.cpus) if opts.watch else None
        status = run(opts, record)
        if record:
            keep_watch(record, opts)
        return status
    except Warm:
        return OK
    except Failure as failure:
        note(str(failure))
        return failure.status
    except Stopped as stopped:
        number = stopped.args[0]
        note(f"stopped by signal {number}; the machine is gone")
        return 128 + number
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except OSError as error:
        note(f"{error.filename or 'host'}: {error.strerror}")
        return FAILED


def on_signal(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def run(opts: argparse.Namespace, observer: debugger.Observer | None = None) -> int:
    start = time.monotonic()
    session, outcome = perform(opts, observer, write_all)
    if opts.time:
        print_times(start, outcome)
    return judge(opts, session, outcome)


def perform(opts: argparse.Namespace, observer: debugger.Observer | None,
            write: Callable[[int, bytes], None]) -> tuple[Session, Outcome]:
    """Run the machine; WRITE takes what the command prints to descriptor 1 or 2."""
    engine = choose_engine(opts)
    shape = Shape(opts.cpus, opts.memory, opts.cpu, opts.clock)
    check(engine, shape, opts)
    job = job_of(opts)
    kernel = kernels.get(opts.kernel)
    boot = boot_of(opts, engine, kernel, shape)
    if opts.crash:
        add_crash_kernel(opts, engine, job, boot, shape)
    with rundir.open_for(2 * opts.memory << 20) as work:
        if engine == "bochs" and not opts.cold:
            place = saved.ensure(shape, boot, work, None if opts.quiet else note)
            if opts.warm:
                note(f"saved machine: {place}")
                raise Warm
        session, outcome = run_job(opts, engine, job, boot, shape, work, observer, write)
        if opts.keep_log:
            keep_logs(work, opts.keep_log)
        return session, outcome


def choose_engine(opts: argparse.Namespace) -> str:
    """Engine auto: real hardware where it can be had; say why."""
    if opts.engine != "auto":
        return opts.engine
    reason = qemu.why_no_kvm() if opts.cpu != "locked" else "--cpu locked needs it"
    engine, why = ("bochs", reason) if reason else ("kvm", "nested VMX is there")
    if not opts.quiet:
        note(f"engine {engine}: {why}")
    return engine


def check(engine: str, shape: Shape, opts: argparse.Namespace) -> None:
    """Refuse what the engine cannot do."""
    if engine == "bochs":
        bochs.check(shape)
        if opts.cold and shape.cpu == "locked":
            raise UsageError("--cpu locked: the lock is put into a saved machine; "
                             "leave out --cold")
        return
    if shape.cpu == "locked":
        raise UsageError("--cpu locked: only engine bochs can do that")
    if opts.watch or opts.warm:
        raise UsageError(f"--{'watch' if opts.watch else 'warm'}: only engine bochs can do that")
    qemu.check(shape, accelerated=engine == "kvm")
    if engine == "tcg" and shape.cpu != "no-vmx":
        note(f"engine tcg: there is no VMX inside, in spite of --cpu {shape.cpu}")


def run_job(opts: argparse.Namespace, engine: str, job: payload.Job, boot: image.Boot,
            shape: Shape, work: pathlib.Path, observer: debugger.Observer | None,
            write: Callable[[int, bytes], None]) -> tuple[Session, Outcome]:
    """Start the machine with the job in it and see it through."""
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(terminal.Line())
        keys = stack.enter_context(terminal.Keys(line)) if opts.shell else None
        if keys:
            job.terminal = keys.size()
            job.env.setdefault("TERM", os.environ.get("TERM", "linux"))
        machine = start_machine(opts, engine, payload.archive(job, boot.kernel), boot, shape,
                                work, line, observer)
        out = stack.enter_context(open(work / "out.tar", "w+b")) if opts.out else None
        log = stack.enter_context(open(work / "kernel.log", "wb"))
        session = Session(machine, timeout=opts.timeout, busy=opts.timeout_cpu, files=out,
                          log=log, keys=keys, crash_expected=bool(opts.crash), write=write,
                          on_line=print_kernel_line if opts.verbose else None)
        outcome = session.run()
        if out:
            unpack_out(out, opts.out)
    return session, outcome


def start_machine(opts: argparse.Namespace, engine: str, archive: bytes, boot: image.Boot,
                  shape: Shape, work: pathlib.Path, line: terminal.Line,
                  observer: debugger.Observer | None) -> Machine:
    if engine != "bochs":
        return qemu.start(work, shape, boot, archive, line, accelerated=engine == "kvm")
    begin = bochs.cold if opts.cold else saved.restore
    return begin(work, shape, boot, payload.in_memory(archive, boot.layout), line,
                 observer=observer)


def job_of(opts: argparse.Namespace) -> payload.Job:
    return payload.Job(
        argv=opts.command, tree=opts.tree, files=options.files(opts), modules=opts.module,
        programs=opts.program, want_out=bool(opts.out), scan_leaks=opts.leaks,
        env=dict(pair.split("=", 1) for pair in opts.env))


def add_crash_kernel(opts: argparse.Namespace, engine: str, job: payload.Job,
                     boot: image.Boot, shape: Shape) -> None:
    inner = payload.Job(argv=["sh", "-c", opts.crash], want_out=bool(opts.out))
    line = crash.crash_command_line(common_options(engine, shape))
    job.extra = crash.files(boot.kernel, boot.root, payload.archive(inner, boot.kernel), line)
    job.programs.append("kexec")


def common_options(engine: str, shape: Shape) -> list[str]:
    """The kernel's options in each kernel of a machine, crash kernel or not."""
    return COMMAND_LINE + (bochs.command_line(shape) if engine == "bochs" else [])


def boot_of(opts: argparse.Namespace, engine: str, kernel: kernels.Kernel,
            shape: Shape) -> image.Boot:
    root = image.initrd()
    layout = image.check_memory(kernel, opts.memory, len(root))
    words = common_options(engine, shape)
    if engine == "bochs":
        words.append(f"vitrine.payload={layout.payload:#x},{layout.payload_size:#x}")
        if not opts.cold:
            words.append("vitrine.save")
    if opts.crash:
        words += crash.first_kernel_options()
    return image.Boot(kernel, layout, root, " ".join(words + opts.append))


# ---- what comes back ----

def print_kernel_line(line: str) -> None:
    print(f"kernel: {line}", file=sys.stderr, flush=True)


def unpack_out(archive: io.BufferedRandom, target: pathlib.Path) -> None:
    """Unpack what the command left in /out; nothing leaves TARGET."""
    archive.seek(0)
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=archive) as tar:
            for member in tar:
                if member.name == ".":      # the directory itself
                    continue
                unpack_member(tar, member, target)
    except tarfile.TarError as error:
        note(f"--out {target}: the machine sent no whole archive ({error})")


def unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, target: pathlib.Path) -> None:
    """Files, directories and links that stay inside; the rest is named and left out."""
    place = target / member.name
    aim = place.parent / member.linkname if member.issym() else place
    inside = all(path.resolve().is_relative_to(target.resolve()) for path in (place.parent, aim))
    if not inside or not (member.isreg() or member.isdir() or member.issym()):
        note(f"--out {target}: left out {member.name}: no plain file inside of /out")
    elif member.isdir():
        place.mkdir(parents=True, exist_ok=True)
    elif member.issym():
        place.unlink(missing_ok=True)
        place.symlink_to(member.linkname)
    elif data := tar.extractfile(member):
        place.unlink(missing_ok=True)
        place.write_bytes(data.read())
        place.chmod(member.mode & 0o777)


def keep_logs(work: pathlib.Path, target: pathlib.Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in ("kernel.log", "bochs.log", "debugger.log", "qemu.log", "saved/boot-log"):
        source = work / name
        if source.exists():
            (target / source.name).write_bytes(source.read_bytes())


def keep_watch(record: watch.Record, opts: argparse.Namespace) -> None:
    record.write(opts.watch)
    if not opts.quiet:
        note(f"--watch {opts.watch}: {len(record.rows)} exits")


def print_times(start: float, outcome: Outcome) -> None:
    outcome.marks["end"] = time.monotonic()
    for name, moment in outcome.marks.items():
        note(f"{moment - start:7.2f} s  {name}")


# ---- the verdict ----

def judge(opts: argparse.Namespace, session: Session, outcome: Outcome) -> int:
    """Return the exit status; say on stderr why, if it isn't the command's own."""
    for text in outcome.problems:
        note(f"in the machine: {text}")
    expected = opts.expect_log + ([crash.EXPECTED] if opts.crash else [])
    reports = session.log.unexpected(expected)
    if opts.crash and not session.in_crash_kernel:
        outcome.trouble = outcome.trouble or "the crash kernel was expected to start and did not"
    if opts.expect_reboot:
        if outcome.was_reset and not reports:
            return OK
        outcome.trouble = outcome.trouble or "the machine was expected to reset and did not"
    if outcome.timed_out:
        return failed(session, TIMED_OUT, outcome.trouble or "")
    if reports:
        text = f"{len(reports)} unexpected report(s) in the kernel log"
        return failed(session, MACHINE_FAILED, "; ".join(filter(None, [outcome.trouble, text])),
                      [line for report in reports for line in report.lines])
    if outcome.trouble or outcome.problems or outcome.status is None:
        return failed(session, MACHINE_FAILED, outcome.trouble or "something in the machine "
                      "went wrong, see above")
    return outcome.status


def failed(session: Session, status: int, text: str, lines: list[str] | None = None) -> int:
    for line in lines or session.log.lines[-TAIL_LINES:]:
        print_kernel_line(line)
    said = session.outcome.status
    note(f"{text}" + (f" (the command itself returned {said})" if said is not None else ""))
    return status
