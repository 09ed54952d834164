#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of nested/run's parts that need no machine; prints TAP.

The test runner starts it, and it runs by itself: `nested/tests/machine_test.py`.
Reports in a kernel log are judged by texts as kernels print them, frames by
streams with damage in them, options by what they refuse.  Each rule has a
case on its other side: a log line that is no report, a frame that is whole.
"""

import contextlib
import io
import pathlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "nested/lib"), str(TOP / "tests/lib")]

# pylint: disable=wrong-import-position
from machine import (bochs, console, cpio, debugger, frames, image, kernels, main,  # noqa: E402
                     options, payload, saved, session, terminal, watch)
from machine.errors import UsageError  # noqa: E402
import tap  # noqa: E402

REPORTS = """\
[    1.000000] WARNING: CPU: 0 PID: 12 at kernel/fork.c:1 copy_process+0x1/0x2
[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    1.000000] Oops: 0002 [#1] PREEMPT SMP NOPTI
[    1.000000] kernel BUG at mm/slub.c:400!
[    1.000000] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI
[    1.000000] general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP
[    1.000000][  T123] BUG: KASAN: slab-out-of-bounds in bad_init+0x1/0x2 [bad]
[    1.000000] BUG: sleeping function called from invalid context at mm/x.c:1
[    1.000000] BUG: scheduling while atomic: insmod/80/0x00000002
[    1.000000] WARNING: possible circular locking dependency detected
[    1.000000] WARNING: suspicious RCU usage
[    1.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
[    1.000000] rcu: INFO: rcu_preempt self-detected stall on CPU
[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]
[    1.000000] INFO: task insmod:80 blocked for more than 120 seconds.
[    1.000000] kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
[    1.000000] Kernel panic - not syncing: sysrq triggered crash
[    1.000000] UBSAN: array-index-out-of-bounds in x.c:1:2
[    1.000000] unchecked MSR access error: RDMSR from 0x1 at rIP: 0xffffffff81000000
[    1.000000] BUG kmalloc-64 (Tainted: G    B): Poison overwritten
[    1.000000] INFO: trying to register non-static key.
[    1.000000] [ BUG: Invalid wait context ]
[    1.000000] BUG: using smp_processor_id() in preemptible [00000000] code: insmod/80
[    1.000000] WARNING: lock held when returning to user space!
[    1.000000] irq 4: nobody cared (try booting with the "irqpoll" option)
[    1.000000] list_add corruption. next->prev should be prev
<4>[    1.000000] WARNING: CPU: 1 PID: 1 at x.c:1 f+0x1/0x2
""".splitlines()

NO_REPORTS = """\
[    0.000000] Linux version 6.1.0 (x) #1 SMP PREEMPT_DYNAMIC
[    0.000000] Kernel command line: oops=panic panic=-1 debug
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009efff] usable
[    1.000000] vitrine: loading out-of-tree module taints kernel.
[    1.000000] Speculative Store Bypass: Vulnerable
[    1.000000] MDS: Vulnerable: Clear CPU buffers attempted, no microcode
[    1.000000] kmemleak: Kernel memory leak detector initialized (mem pool available: 15000)
[    1.000000] rcu: Hierarchical RCU implementation.
[    1.000000] FAULT_INJECTION: forcing a failure.
[    1.000000] ok 1 a KUnit test of the BUG path
[    1.000000] traps: insmod[80] trap invalid opcode ip:1 sp:2 error:0 in x
[    1.000000] vitrine: refused: no EPT
""".splitlines()

WARN = """\
[    2.000000] ------------[ cut here ]------------
[    2.000100] WARNING: CPU: 0 PID: 9 at virt/kvm_main.c:1 kvm_init+0x1/0x2 [kvm]
[    2.000200] RIP: 0010:kvm_init+0x1/0x2 [kvm]
[    2.000300] Call Trace:
[    2.000400] ---[ end trace 0000000000000000 ]---
[    2.000500] later: nothing
"""
OOPS_INSIDE = """\
[    3.000000] WARNING: CPU: 0 PID: 9 at a.c:1 one+0x1/0x2
[    3.000100] Call Trace:
[    3.000200] BUG: unable to handle page fault for address: 0000000000000008
[    3.000300] ---[ end trace 0000000000000000 ]---
"""


def log_of(text: str) -> console.Log:
    log = console.Log()
    log.feed(text.encode())
    log.finish()
    return log


def test_reports_are_found() -> None:
    for line in REPORTS:
        assert len(log_of(line).reports) == 1, f"missed: {line}"


def test_other_lines_are_no_reports() -> None:
    for line in NO_REPORTS:
        assert not log_of(line).reports, f"took for a report: {line}"


def test_report_has_its_lines() -> None:
    (report,) = log_of(WARN).reports
    assert report.title.startswith("WARNING: CPU: 0"), report.title
    assert len(report.lines) == 4, report.lines


def test_second_report_inside() -> None:
    titles = [report.title.split(":")[0] for report in log_of(OOPS_INSIDE).reports]
    assert titles == ["WARNING", "BUG"], titles


def test_expected_reports() -> None:
    log = log_of(WARN + OOPS_INSIDE)
    left = log.unexpected([re.compile("kvm_init")])
    assert [report.title[:7] for report in left] == ["WARNING", "BUG: un"], left
    assert not log.unexpected([re.compile("kvm_init|a.c:1|page fault")])


def test_torn_lines_are_joined() -> None:
    log = console.Log()
    for piece in (b"[ 1.0] Kernel pa", b"nic - not syncing: x\n[ 1.0] ---[ end Kern", b"el panic"):
        log.feed(piece)
    assert log.panicked and not log.panic_ended
    log.finish()
    assert log.panic_ended and len(log.lines) == 2, log.lines


def test_reset_line() -> None:
    assert log_of("\nvitrine-machine: reset\n").was_reset
    assert not log_of("[ 1.0] echo vitrine-machine: reset\n").was_reset


def test_frames_survive_any_cut() -> None:
    bodies = [b"", b"x", b"\x1eV1", bytes(range(256)) * 32]
    stream = b"".join(frames.encode(frames.Kind.STDOUT, body) for body in bodies)
    for size in (1, 2, 7, 4096, len(stream)):
        reader = frames.Reader()
        got = [frame.body for at in range(0, len(stream), size)
               for frame in reader.feed(stream[at:at + size])]
        assert got == bodies and not reader.lost, f"pieces of {size}"


def test_torn_frame_costs_no_other() -> None:
    whole = frames.encode(frames.Kind.EXIT, b"\x07")
    torn = frames.encode(frames.Kind.STDOUT, b"y" * 100)
    for cut in range(1, len(torn)):
        reader = frames.Reader()
        got = list(reader.feed(torn[:cut] + frames.PADDING + whole))
        assert [frame.body for frame in got] == [b"\x07"], f"cut at {cut}: {got}"
        assert reader.lost, "nothing counted as lost"


def test_damaged_frame_is_dropped() -> None:
    good = frames.encode(frames.Kind.STDOUT, b"hello")
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 0x40
        assert not list(frames.Reader().feed(bytes(bad))), f"accepted damage at {at}"


def refused(arguments: list[str]) -> bool:
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            options.parse(arguments)
        except UsageError:
            return True
        except SystemExit as stop:
            return stop.code == 2
    return False


def test_options_refused() -> None:
    for text in ("", "ls", "--nonsense -- ls", "--cpus 0 -- ls", "--cpus x -- ls",
                 "--kernel 5 -- ls", "--timeout 0 -- ls", "--expect-log ( -- ls",
                 "--warm --cold", "--env X -- ls", "--tree /nonexistent -- ls",
                 "--engine xen -- ls", "--cpu vm -- ls", "--leaks -- ls"):
        assert refused(text.split()), f"accepted: {text}"


def test_options_accepted() -> None:
    opts = options.parse("--cpus 2 --kernel lean --env A=b=c -- sh -c --x".split())
    assert opts.command == ["sh", "-c", "--x"] and opts.cpus == 2 and opts.env == ["A=b=c"]


def test_archive_has_parents() -> None:
    archive = cpio.Archive()
    archive.file("a/b/c", b"text", 0o755)
    data = archive.bytes()
    names = [data.index(name) for name in (b"a\0", b"a/b\0", b"a/b/c\0", b"TRAILER!!!\0")]
    assert names == sorted(names) and len(data) % 4 == 0, names


def test_payload_has_a_limit() -> None:
    try:
        payload.in_memory(bytes(32 << 20), image.Layout(256 << 20))
    except UsageError:
        return
    raise AssertionError("accepted a payload that does not fit")


def test_out_stays_inside() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, link in (("./good", ""), ("../evil", ""), ("./link", "/etc"), ("./near", "good")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = (tarfile.SYMTYPE, link) if link else (b"0", "")
            tar.addfile(member)
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stderr(io.StringIO()) as said:
        target = pathlib.Path(place) / "out"
        main.unpack_out(buffer, target)
        names = sorted(path.name for path in target.iterdir())
        outside = sorted(path.name for path in pathlib.Path(place).iterdir())
    assert names == ["good", "near"] and outside == ["out"], (names, outside)
    assert "evil" in said.getvalue() and "link" in said.getvalue()


def test_rom_is_what_a_bios_accepts() -> None:
    kernel = kernels.Kernel("x", pathlib.Path("/nonexistent"), 0x1000850, 0x1000000, 0x3e00000)
    layout = image.Layout(256 << 20)
    for length in range(0, 700, 50):
        rom = image.boot_rom(kernel, layout, 3_000_000, "x" * length)
        assert rom[:2] == b"\x55\xaa" and rom[2] * 512 == len(rom), length
        assert sum(rom) % 256 == 0, f"check sum with a command line of {length}"
        assert b"x" * length + b"\0" in rom


def test_memory_has_one_owner() -> None:
    for megabytes in (256, 2048, 3072):
        layout = image.Layout(megabytes << 20)
        areas = sorted(image.memory_map(layout))
        for (start, size, _), (following, _, _) in zip(areas, areas[1:]):
            assert start + size <= following, f"{start:#x} overlaps {following:#x}"
        assert (layout.payload, layout.payload_size, 2) in areas, "the payload is not reserved"
        assert layout.initrd(3_000_000) + 3_000_000 <= layout.payload
        assert layout.pads < 1 << 31, "Bochs loads no image above 2 GB"


def test_a_big_machine_has_a_free_gigabyte() -> None:
    areas = image.memory_map(image.Layout(3072 << 20))
    assert any(start <= 1 << 30 and start + size >= 2 << 30 and kind == 1
               for start, size, kind in areas), areas


def test_small_memory_is_refused() -> None:
    kernel = kernels.Kernel("x", pathlib.Path("/nonexistent"), 0, 16 << 20, 62 << 20)
    image.check_memory(kernel, 256, 3 << 20)
    try:
        image.check_memory(kernel, 128, 3 << 20)
    except UsageError:
        return
    raise AssertionError("accepted 128 MB")


def test_restored_configuration() -> None:
    saved_text = "plugin_ctrl: a=true\noptramimage1: file=\"ram.bin\"\nmagic_break: enabled=1\n" \
                 "com1: enabled=true, mode=term, dev=/dev/pts/99\nmegs: 256\n"
    with terminal.Line() as line:
        text = saved.adapt(saved_text, line, marks=False)
        assert line.device in text
    assert bochs.PLUGINS in text and "megs: 256" in text
    assert "ram.bin" not in text and "magic_break: enabled=0" in text and "pts/99" not in text


class FakeEmulator:
    """Answers each line that it is given by what a real one has once printed."""

    TEXTS = {
        b"c": """\
(0) Caught VMEXIT breakpoint
Next at t=1234
(0) [0x00000c0de000] 0010:ffffffffc0001000 (unk. ctxt): push rbx   ; 53
""",
        b"r": "CPU0:\nrax: 00000001_00000002\nr8 : 00000000_00000003\nrip: ffffffff_c0001000\n",
        b"xp /2wx 0x1000": "[bochs]:\n0x0000000000001000 <bogus+       0>:\t0x44332211\t0x88776655\n",
        b'show "cpu0.VMX"': "show param name: <cpu0.VMX>\nvmcsptr = 0xb16000\nin_vmx = true\n",
        b"vmexitbp": "",
        f"? {debugger.MARK}".encode(): f"{debugger.MARK} 1592639710\n",
    }

    def __init__(self) -> None:
        self.stdin = self
        self.stdout = iter(self.lines, b"")
        self.answers: list[bytes] = []

    def write(self, text: bytes) -> None:
        for line in text.splitlines():
            self.answers += self.TEXTS[line].encode().splitlines(keepends=True)

    def flush(self) -> None:
        pass

    def lines(self) -> bytes:
        return self.answers.pop(0) if self.answers else b""


def test_debugger_answers() -> None:
    talk = debugger.Debugger(FakeEmulator(), io.BytesIO())      # type: ignore[arg-type]
    [stop] = talk.go_on()
    assert stop == debugger.Stop("vmexit", 0, 1234, 0xffffffffc0001000), stop
    record = watch.Record(1)
    record(talk, stop)
    record(talk, debugger.Stop("magic", 0, 1, 2))
    assert record.rows == ["1234 0 ffffffffc0001000"], record.rows
    assert talk.registers() == {"rax": 0x100000002, "r8": 3, "rip": 0xffffffffc0001000}
    assert talk.memory(0x1001, 6) == bytes.fromhex("223344556677")
    assert talk.parameters("cpu0.VMX") == {"vmcsptr": 0xb16000, "in_vmx": 1}


def test_an_observer_that_fails_ends_the_machine() -> None:
    """Else the machine would stand until its time is over."""
    emulator = FakeEmulator()
    killed = []
    emulator.kill = lambda: killed.append(True)                 # type: ignore[attr-defined]

    def observer(_debugger: debugger.Debugger, stop: debugger.Stop) -> None:
        raise IndexError(f"nothing at {stop.tick}")

    with tempfile.TemporaryDirectory() as place:
        follower = debugger.start(emulator, pathlib.Path(place), observer)  # type: ignore[arg-type]
        follower.join(10)
        log = (pathlib.Path(place) / "debugger.log").read_text()
    assert not follower.is_alive() and killed == [True], killed
    assert follower.failure == "IndexError: nothing at 1234", follower.failure
    assert "in observer" in log, log


def test_two_processors_may_stop_at_once() -> None:
    lines = [
        "(0) Breakpoint 1, 0xffffffff81839300 in ?? ()",
        "(1) Caught VMEXIT breakpoint",
        "Next at t=99",
        "(0) [0x000001839300] 0010:ffffffff81839300 (unk. ctxt): nop   ; 90",
        "(1) [0x00000532a1d0] 0010:ffffffffc021e1d0 (unk. ctxt): push rbx   ; 53",
    ]
    talk = debugger.Debugger(FakeEmulator(), io.BytesIO())      # type: ignore[arg-type]
    talk.ask = lambda *commands: lines                          # type: ignore[method-assign]
    assert talk.go_on() == [debugger.Stop("break", 0, 99, 0xffffffff81839300),
                            debugger.Stop("vmexit", 1, 99, 0xffffffffc021e1d0)]
    lines[:2] = []
    assert talk.go_on() == [debugger.Stop("other", 0, 99, 0xffffffff81839300)]


class FakeMachine:
    """A process in the place of an emulator, with nothing to say."""

    def __init__(self, command: str) -> None:
        self.process = subprocess.Popen(["sh", "-c", f"exec {command}"], start_new_session=True)
        self.console_fd, self.console_end = os.pipe()
        self.frames_fd, self.frames_end = os.pipe()

    def was_reset(self) -> bool:
        return False

    def why_ended(self) -> str:
        return "the process ended"

    def ended(self) -> None:
        pass


def seconds_until_stopped(command: str, timeout: float, busy: bool) -> float:
    start = time.monotonic()
    outcome = session.Session(FakeMachine(command), timeout=timeout, busy=busy).run()
    assert outcome.timed_out, outcome
    return time.monotonic() - start


def test_a_limit_of_processor_time() -> None:
    """One that waits gets the longest time by the clock, one that works does not."""
    assert seconds_until_stopped("sleep 60", 0.4, False) < 1.9
    assert seconds_until_stopped("sleep 60", 0.4, True) >= 2
    spinning = seconds_until_stopped("sh -c 'while :; do :; done'", 0.4, True)
    assert spinning < 2, f"{spinning:.1f} s"


if __name__ == "__main__":
    sys.exit(tap.run_all(globals()))
