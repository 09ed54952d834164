# SPDX-License-Identifier: GPL-2.0-only
"""Read KUnit's report out of a kernel log and judge it.

Used by tests/kunit/run.  KUnit prints nested KTAP among other kernel messages;
parse() finds the suites in it, problems() finds what must not be in the log
of a clean run.  Nothing is taken on trust: a case that the plan announces but
that has no result counts as failed, because a crash looks like that.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field

PREFIX = re.compile(r"^(<\d+>)?(\[ *\d+\.\d+\](\[ *[TC]\d+\])? )?")
SUBTEST = re.compile(r"^ {4}# Subtest: (\S+)$")
PLAN = re.compile(r"^ {4}1\.\.(\d+)$")
CASE = re.compile(r"^ {4}(not ok|ok) (\d+) (?:- )?(\S+)(?: # SKIP ?(.*))?$")
SUITE = re.compile(r"^(not ok|ok) \d+ (?:- )?(\S+)(?: # .*)?$")
EXPECTS = re.compile(r"expects a warning in (\S+)")
WARNING = re.compile(r"WARNING: .* at \S*?([\w.-]+/[\w.-]+\.[ch]):\d+")
REPORT = re.compile(
    r"Kernel panic|Oops|BUG:|general protection|WARNING:|KASAN:|unreferenced object"
    r"|INFO: (?:task|rcu)|possible recursive locking|circular locking|Segfault|segfault"
)


@dataclass
class Case:
    suite: str
    name: str
    ok: bool
    skip: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass
class Suite:
    name: str
    planned: int | None = None
    ended: bool = False
    cases: list[Case] = field(default_factory=list)


def strip(line: str) -> str:
    """Take off what printk puts in front of a message."""
    return PREFIX.sub("", line.rstrip("\r\n"), count=1)


def parse(log: list[str]) -> list[Suite]:
    """Find the suites and the results of their cases."""
    suites: list[Suite] = []
    notes: list[str] = []
    for raw in log:
        line = strip(raw)
        current = suites[-1] if suites and not suites[-1].ended else None
        if match := SUBTEST.match(line):
            suites.append(Suite(match[1]))
            notes = []
        elif current is None:
            continue
        elif match := PLAN.match(line):
            current.planned = int(match[1])
        elif match := CASE.match(line):
            current.cases.append(Case(current.name, match[3], match[1] == "ok", match[4], notes))
            notes = []
        elif (match := SUITE.match(line)) and match[2] == current.name:
            current.ended = True
        else:
            notes.append(line.strip())
    return suites


def problems(suites: list[Suite], expected: list[str]) -> list[str]:
    """Say what is wrong with the report as a whole."""
    found = []
    for suite in suites:
        if not suite.ended:
            found.append(f"suite {suite.name} did not end: the kernel died in it")
        elif suite.planned != len(suite.cases):
            found.append(f"suite {suite.name} planned {suite.planned} cases and ran {len(suite.cases)}")
        elif not suite.cases:
            found.append(f"suite {suite.name} has no case")
    ran = [suite.name for suite in suites]
    found += [f"suite {name} did not run" for name in expected if name not in ran]
    found += [f"suite {name} ran but no source names it" for name in ran if name not in expected]
    found += [f"suite {name} ran twice" for name in sorted(set(ran)) if ran.count(name) > 1]
    return found


def reports(log: list[str]) -> list[str]:
    """Find kernel reports that no test has announced, and announced ones that did not come."""
    found, awaited = [], []
    for raw in log:
        line = strip(raw)
        if match := EXPECTS.search(line):
            awaited.append(match[1])
        elif (match := WARNING.search(line)) and match[1] in awaited:
            awaited.remove(match[1])
        elif REPORT.search(line):
            found.append(f"kernel report: {line.strip()}")
    return found + [f"a test expects a warning in {name}, and none came" for name in awaited]
