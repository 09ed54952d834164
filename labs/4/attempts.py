# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: what a run showed of each task, and whether it is what it must be.

The emulator stops at each call of lab4_point() (hook.c) and at each VM exit.  So a
task shows: the VMCS as the student's function got it, as it left it, and what the
processor made of it.  That an entry failed without an exit (VMfail) is believed
only if the emulator's own log says so at the same time.  tests.py and
staff/hidden.py ask; oracle.py says which rules a VMCS breaks.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from lab.judge import Missed, expect, load_file
from lab.observe import Exit, Mark, Recorder
from lab.scene import LABS, Scene, Seed, Seen
from machine.debugger import Debugger

oracle = load_file(LABS / "4/oracle.py")
tasks = load_file(LABS / "4/tasks.py")

MEMORY = 256
GIVEN, CHANGED, FAILED, DONE = range(4)
CPUID, EXCEPTION = 10, 0
EVENT_BITS = 0x80000fff         # valid, error code, type and vector
CODE = re.compile(r"^(\d+)e\[CPU0\s*\] (VMFAIL.*|VMENTER FAIL.*)$")
SCRIPT = """\
insmod /vitrine/vitrine.ko || exit 1
mark 1 "$(sed -n 's/^\\([0-9a-f]*\\) . lab4_point[[:space:]].*/\\1/p' /proc/kallsyms)"
cat >/sys/kernel/debug/vitrine-lab4/tasks <<END || exit 1
{lines}
END
taskset 1 vitrine run /root/carrier.elf
mark 2
"""


class Point(NamedTuple):
    """A call of lab4_point()."""
    kind: int
    number: int
    value: int
    state: object               # oracle.State


def point(recorder: Recorder, debugger: Debugger) -> Point:
    registers = debugger.registers()
    kind = registers["rdi"]
    at = int(debugger.parameters("cpu0.VMX.vmcsptr")["vmcsptr"])
    state = oracle.read(debugger, at, MEMORY << 20) if kind != DONE else None
    return Point(kind, registers["rsi"], registers["rdx"], state)


def stop_at_points(recorder: Recorder, debugger: Debugger) -> None:
    """At mark 1: the script hands over the address of lab4_point()."""
    mark = list(recorder.marks.values())[-1]
    if mark.value:
        debugger.ask(f"lb {mark.value:#x}")


def scene(name: str) -> Scene:
    """A scene of that run of tasks.py."""
    def script(seed: Seed) -> str:
        return SCRIPT.format(lines="\n".join(task.line for task in tasks.run(seed, name)))
    return Scene(name, script, memory=MEMORY, guests=["carrier"],
                 at_mark={"stop": stop_at_points}, at_break={"point": point})


@dataclass
class Attempt:
    """A task, as far as it came."""
    task: object                # tasks.Task
    given: object               # oracle.State, and so on
    changed: object | None = None
    named: str = ""
    vmfail: object | None = None
    exits: list[Exit] = field(default_factory=list)
    log: list[str] = field(default_factory=list)    # the emulator's words about a VMfail

    @property
    def outcome(self) -> str:
        if self.vmfail:
            return f"VM-instruction error {self.vmfail['VM_INSTRUCTION_ERROR']}"
        if not self.exits:
            return "nothing: the machine did not come that far"
        first = self.exits[0]
        return (f"{'entry failed, ' if first.failed_entry else 'entered, '}exit reason "
                f"{first.reason}, qualification {first.qualification:#x}")


def attempts(seen: Seen) -> list[Attempt]:
    """What was seen of each task, as far as the run came."""
    stops = seen.recorder.breaks
    found: list[Attempt] = []
    at = 0
    for number, task in enumerate(tasks.run(seen.seed, seen.scene.name)):
        own = stops[at:at + 4]
        kinds = [stop.found["point"].kind for stop in own]
        own = own[:3] if kinds[:3] == [GIVEN, CHANGED, DONE] else own
        if not own:
            break
        at += len(own)
        in_turn(seen, own, number)
        found.append(attempt(seen, task, own))
    in_turn(seen, stops[at:], -1)
    return found


def in_turn(seen: Seen, stops: list[Mark], number: int) -> None:
    """Only hook.c calls lab4_point(); who else does wants to be seen as what it is not."""
    points = [stop.found["point"] for stop in stops]
    turns = [GIVEN, CHANGED, DONE] if len(points) == 3 and points[2].kind == DONE else \
        [GIVEN, CHANGED, FAILED, DONE]
    if [point.kind for point in points] != turns[:len(points)] \
            or any(point.number != number for point in points):
        seen.recorder.forged = "lab4_point() was called out of its turn"
        raise Missed(seen.recorder.forged, "it is the observer's, and only hook.c calls it")


def attempt(seen: Seen, task: object, stops: list[Mark]) -> Attempt:
    points = {stop.found["point"].kind: stop.found["point"] for stop in stops}
    made = Attempt(task, points[GIVEN].state)
    if CHANGED not in points:
        return made
    made.changed, named = points[CHANGED].state, points[CHANGED].value
    made.named = oracle.RULES[named] if named < len(oracle.RULES) else "unknown"
    end = stops[2] if len(stops) > 2 else None
    made.exits = seen.recorder.exits[stops[1].exits:end.exits if end else None]
    if FAILED in points:
        made.vmfail = points[FAILED].state
        made.log = [line for line in seen.emulator if (match := CODE.match(line))
                    and stops[1].tick <= int(match[1]) <= end.tick]
    return made


def attempt_of(seen: Seen, name: str) -> Attempt:
    made = next((made for made in attempts(seen) if made.task.name == name), None)
    expect(made and made.changed, "the run ended before that state was entered",
           "each state is entered")
    return made


def is_open(seen: Seen, name: str) -> bool:
    return any("is not written yet" in line and line.endswith(f": {name}") for line in seen.log)


def each(seen: Seen, kind: str, states: list[str], judge) -> None:
    """Judge some of the functions; one sentence for all that fail."""
    was, expected = [], []
    for state in states:
        name = f"{kind}_{state}()"
        try:
            expect(not is_open(seen, name), "not written yet", "it is")
            judge(attempt_of(seen, name))
        except Missed as missed:
            was.append(f"{name}: {missed.args[0]}")
            expected.append(missed.args[1] if len(states) == 1 else f"{name}: {missed.args[1]}")
    if was:
        raise Missed("; ".join(was), "; ".join(expected))


# ---- what must be -----------------------------------------------------------------------


def listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def slipped(attempt: Attempt) -> list[str]:
    """What differs between the VMCS that the observer was shown and the one that failed."""
    if attempt.vmfail:
        return attempt.vmfail.changed(attempt.changed)
    if attempt.exits and attempt.exits[0].failed_entry:
        return oracle.State(attempt.exits[0].vmcs).changed(attempt.changed)
    return []


def is_broken(attempt: Attempt) -> None:
    """The entry has failed by the rule, and by it alone, after the field was changed."""
    task = attempt.task
    stage = oracle.STAGES[task.rule]
    expect(not slipped(attempt), f"{listed(slipped(attempt))} differ from what your function left",
           "a failed entry leaves the VMCS as it was")
    changed = attempt.changed.changed(attempt.given)
    rules = oracle.broken([attempt.changed])[0]
    expect(changed, "no field was changed", f"{task.field} is")
    expect(changed == [task.field], f"{listed(changed)} changed",
           f"{task.field} alone is changed")
    expect(rules == [task.rule], f"broken rules: {listed(rules)} ({attempt.outcome})",
           f"{task.rule} alone is broken")
    if stage in ("CONTROLS", "HOST"):
        error = 7 if stage == "CONTROLS" else 8
        expect(attempt.vmfail and attempt.vmfail["VM_INSTRUCTION_ERROR"] == error and attempt.log,
               attempt.outcome, f"VM-instruction error {error}")
        return
    reason = 33 if stage == "GUEST" else 34
    expect(attempt.exits and attempt.exits[0].failed_entry and attempt.exits[0].reason == reason,
           attempt.outcome, f"entry fails with exit reason {reason}")
    if reason == 34:
        bad = attempt.given["VM_ENTRY_MSR_LOAD_COUNT"] + 1
        expect(attempt.exits[0].qualification == bad, attempt.outcome,
               f"the qualification is {bad}, the number of the entry that cannot be loaded")


def is_mended(attempt: Attempt) -> None:
    """The guest enters, and does what the valid state does."""
    task = attempt.task
    changed = attempt.changed.changed(attempt.given)
    rules = oracle.broken([attempt.changed])[0]
    expect(changed, f"no field was changed ({attempt.outcome})", "the spoilt one is")
    expect(not rules, f"broken rules: {listed(rules)} ({attempt.outcome})", "none is broken")
    expect(changed == [task.field], f"{listed(changed)} changed",
           "the field is changed that was spoilt, and no other")
    first = attempt.exits[0] if attempt.exits else None
    expect(first and not first.failed_entry, attempt.outcome, "the guest enters")
    if task.state == "exception":
        info = first.vmcs["IDT_VECTORING_INFO_FIELD"]
        event, given = attempt.changed[task.field], attempt.given[task.field]
        expect(event & 0xff == given & 0xff, f"the vector has become {event & 0xff}",
               f"the vector stays {given & 0xff}")
        expect(first.reason == EXCEPTION and info & EVENT_BITS == event & EVENT_BITS,
               f"{attempt.outcome}, event in delivery {info:#x}",
               "the first exit comes while the exception is delivered")
        return
    expect(first.reason == CPUID and first.rip == attempt.given["GUEST_RIP"], attempt.outcome,
           f"the guest executes CPUID at RIP {attempt.given['GUEST_RIP']:#x}")


def is_named(attempt: Attempt) -> None:
    # The sentence does not say the right one.
    expect(attempt.named == attempt.task.rule, f"the rule named is {attempt.named}",
           "the rule that the state breaks before you change it")
