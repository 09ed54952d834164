#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of nested/run as a whole, with a machine; prints TAP.

The test runner starts it; by itself: `nested/tests/run_test.py [OPTION...]`,
the options going to each nested/run (for example --kernel lean --cpus 2).
Each test is one run: what was asked, what must come back.  Half of them make
the machine or the command fail, for that is what a test runner relies on.
"""

import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/lib"))
sys.dont_write_bytecode = True

import tap  # noqa: E402

RUN = pathlib.Path(__file__).resolve().parents[1] / "run"
OPTIONS = ["--quiet", "--timeout", "120", *sys.argv[1:]]


@dataclass
class Result:
    status: int
    out: bytes
    err: str


def machine(*arguments: str, stdin: bytes | None = None) -> Result:
    run = subprocess.run([str(RUN), *OPTIONS, *arguments], capture_output=True, input=stdin,
                         check=False)
    return Result(run.returncode, run.stdout, run.stderr.decode("utf-8", "replace"))


def shell(script: str, *options: str) -> Result:
    return machine(*options, "--", "sh", "-c", script)


def expect(result: Result, status: int, out: bytes | None = None, err: str = "") -> None:
    assert result.status == status, f"status {result.status}, not {status}: {result.err[-300:]}"
    assert out is None or result.out == out, f"output {result.out[:200]!r}"
    assert err in result.err, f"no '{err}' in: {result.err[-300:]}"


def test_output_and_status() -> None:
    expect(shell("echo out; echo err >&2; exit 7"), 7, b"out\n", "err\n")


def test_all_of_a_status_byte() -> None:
    expect(shell("exit 255"), 255)


def test_signal() -> None:
    expect(shell("kill -TERM $$"), 143)


def test_command_not_found() -> None:
    expect(machine("--", "no-such-command"), 127, b"", "no-such-command: not found")


def test_no_program() -> None:
    expect(machine("--", "/etc/passwd"), 126)


def test_arguments_arrive_as_they_are() -> None:
    expect(machine("--", "printf", "%s|", "a b", "", "$HOME", "--"), 0, b"a b||$HOME|--|")


def test_binary_output_without_newline() -> None:
    every = "".join(f"\\\\{byte:03o}" for byte in range(256))
    expect(shell(f"printf '{every}'".replace("\\\\", "\\")), 0, bytes(range(256)))


def test_much_output() -> None:
    result = shell("seq 1 60000")
    expect(result, 0, "".join(f"{number}\n" for number in range(1, 60001)).encode())


def test_files_go_in_and_come_out() -> None:
    with tempfile.TemporaryDirectory() as place:
        source = pathlib.Path(place) / "in"
        source.write_bytes(bytes(range(256)) * 100)
        out = pathlib.Path(place) / "out"
        expect(shell("cp /a/b /out/c && mkdir /out/d && echo x >/out/d/e", "--out", str(out),
                     "--file", f"{source}:/a/b"), 0)
        assert (out / "c").read_bytes() == source.read_bytes()
        assert (out / "d" / "e").read_text() == "x\n"


def test_files_come_out_of_a_failed_run() -> None:
    with tempfile.TemporaryDirectory() as place:
        expect(shell("echo x >/out/e; exit 5", "--out", place), 5)
        assert (pathlib.Path(place) / "e").read_text() == "x\n"


def test_variable() -> None:
    expect(shell('echo "$A"', "--env", "A=b = c"), 0, b"b = c\n")


def test_what_is_left_running_ends() -> None:
    expect(shell("yes >/dev/null & sleep 1000000 & echo done"), 0, b"done\n")


def test_the_agent_cannot_be_killed() -> None:
    expect(shell("kill -9 1; echo alive"), 0, b"alive\n")


def test_time_out() -> None:
    expect(shell("while :; do :; done", "--timeout", "4"), 124, err="no end within 4 s")


def test_panic() -> None:
    expect(shell("echo c >/proc/sysrq-trigger"), 125, err="the kernel panicked")


def test_reset() -> None:
    expect(machine("--", "reboot", "-f"), 125, err="the machine was reset")


def test_expected_reset() -> None:
    expect(machine("--expect-reboot", "--", "reboot", "-f"), 0)
    expect(machine("--expect-reboot", "--", "true"), 125, err="expected to reset")


def test_power_off() -> None:
    expect(machine("--", "poweroff", "-f"), 125, err="switched off")


FAKE = "echo '<4>WARNING: CPU: 0 PID: 1 at a/b.c:1 a_function+0x1/0x2' >/dev/kmsg"


def test_report_fails_a_good_command() -> None:
    expect(shell(FAKE), 125, err="1 unexpected report")


def test_expected_report() -> None:
    expect(shell(FAKE, "--expect-log", "a_function"), 0)
    expect(shell(FAKE, "--expect-log", "another"), 125)


def test_shell_on_a_terminal() -> None:
    result = machine("--shell", stdin=b"test -t 0 && echo $((6*7))\nexit 5\n")
    expect(result, 5)
    assert b"\n42\r\n" in result.out, result.out


def test_two_runs_from_one_machine() -> None:
    command = [str(RUN), *OPTIONS, "--", "sh", "-c", "sleep 1; echo x > /own; ls /own*; hostname"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    said = [run.communicate()[0] for run in runs]
    assert said == [b"/own\nmachine\n"] * 2 and not any(run.returncode for run in runs), said


def test_exits_of_both_processors_are_watched() -> None:
    guest = "vitrine run /vitrine/guests/demo.elf"
    with tempfile.TemporaryDirectory() as place:
        record = pathlib.Path(place) / "record"
        result = shell(f"insmod /vitrine/vitrine.ko; taskset 1 {guest} && taskset 2 {guest}",
                       "--cpus", "2", "--watch", str(record))
        expect(result, 0)
        rows = [line.split()[1] for line in record.read_text().splitlines()[1:]]
    assert rows.count("0") > 10 and rows.count("1") > 10, rows


if __name__ == "__main__":
    sys.exit(tap.run_all(globals()))
