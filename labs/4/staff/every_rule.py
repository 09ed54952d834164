# SPDX-License-Identifier: GPL-2.0-only
"""labs/4/staff/every-rule: does the true solution break all rules and mend all defects?

A student meets one of three for each state, and so does a run of the grader's own
tests.  Who changes tasks.py or states.c runs this; it prints TAP.
"""

import sys
import tempfile
from pathlib import Path

from lab import build
from lab.errors import run
from lab.judge import Missed, load_file
from lab.scene import LABS, Seed, play
from lab.tree import TOP

watch = load_file(LABS / "4/attempts.py")


def why_not(made: object) -> str | None:
    try:
        if made.task.kind == "break":
            given = watch.oracle.broken([made.given])[0]
            if given:
                return f"the valid state breaks {watch.listed(given)}"
            watch.is_broken(made)
        else:
            given = watch.oracle.broken([made.given])[0]
            if given != [made.task.rule]:
                return f"the spoilt state breaks {watch.listed(given)}"
            watch.is_mended(made)
            watch.is_named(made)
    except Missed as missed:
        return f"seen: {missed.args[0]}; expected: {missed.args[1]}"
    return None


def command(arguments: list[str]) -> int:
    student = arguments[0] if arguments else "proof"
    build.staff_tree("lean")
    built = build.module(TOP, "lean", "every", 4)
    seed = Seed(4, student)
    with tempfile.TemporaryDirectory(prefix="vitrine-every-") as place:
        seen = play(watch.scene("every"), 4, built.tree, seed, {}, Path(place))
    made = watch.attempts(seen)
    print(f"TAP version 13\n1..{len(watch.tasks.everything(seed))}")
    failed = 0
    for number, task in enumerate(watch.tasks.everything(seed)):
        why = why_not(made[number]) if number < len(made) else "the run ended before it"
        failed += why is not None
        print(f"{'not ok' if why else 'ok'} {number + 1} - {task.kind} {task.state}: {task.rule}")
        if why:
            print(f"# {why}")
    return 1 if failed else 0


run("labs/4/staff/every-rule", command)
