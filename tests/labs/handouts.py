#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The commands of the handouts do what they should; prints TAP.

	tests/labs/handouts.py [N...]		labs (default: all)

Every indented line of labs/N/README.md is a command.  They are run in their order
in a student's tree of that lab in which every step is written, and each must end
with status 0.  A comment before a block says what is different there:

	<!-- test: status 1 -->
	<!-- test: not run: REASON -->

The suite labs-handouts starts it.  Read tools.py before.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import tools  # noqa: E402

NOTE = re.compile(r"^<!-- test: (?:status (\d+)|not run: (.+)) -->$")
MAKES_TREE = re.compile(r"^labs/cut (\d) (~/\S+)$")
SECONDS = 1500      # the first command of a tree builds all of it


@dataclass
class Command:
    line: int
    text: str
    status: int = 0
    skip: str | None = None


def commands(text: str) -> Iterator[Command]:
    """Indented lines outside of fences; a backslash or an open quote at the end goes on."""
    fenced = False
    note, open_one = None, None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif match := NOTE.match(line):
            note = match
        elif not fenced and line.startswith("    "):
            part = line.strip()
            if open_one:
                ends = open_one.text.endswith("\\")
                open_one.text = (open_one.text[:-1].rstrip() + " " if ends
                                 else open_one.text + "\n") + part
            else:
                open_one = Command(number, part, int(note[1] or 0) if note else 0,
                                   note[2] if note else None)
            if not part.endswith("\\") and open_one.text.count("'") % 2 == 0:
                yield open_one
                open_one = None
        elif line.strip():
            note = None


def run(command: Command, home: Path, place: Path) -> str | None:
    """Return what is wrong, or None."""
    if not place.is_dir():
        return f"no directory {place.name}: no command before this one makes it"
    env = os.environ | {"HOME": str(home), "VITRINE_CACHE": cache()}
    try:
        done = subprocess.run(["bash", "-c", command.text], cwd=place, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no end within {SECONDS} s"
    if done.returncode == command.status:
        return None
    text = done.stdout.decode("utf-8", "replace")[-1500:]
    return f"status {done.returncode}, not {command.status}\n{text}"


def cache() -> str:
    """The kernels are those of the user, although HOME is another."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vitrine"
    return os.environ.get("VITRINE_CACHE", str(default))


def run_lab(lab: int) -> Iterator[tuple[str, str | None, str | None]]:
    """(command, what is wrong, why it was not run) of each."""
    text = (tools.TOP / f"labs/{lab}/README.md").read_text()
    with tempfile.TemporaryDirectory(prefix="vitrine-handout-") as base:
        home = Path(base)
        place = home / f"lab{lab}"
        for command in commands(text):
            name = f"lab {lab}, line {command.line}: {' '.join(command.text.split())}"
            if match := MAKES_TREE.match(command.text):
                wrong = run(command, home, tools.TOP)
                made = home / match[2].removeprefix("~/")
                if not wrong and (int(match[1]) != lab or made != place):
                    wrong = f"it makes {made.name}"
                if not wrong:
                    tools.write_all_steps(lab, place)
                yield name, wrong, None
            elif command.skip:
                yield name, None, command.skip
            elif command.text == f"cd ~/lab{lab}":
                yield name, None if place.is_dir() else "no such directory", None
            else:
                yield name, run(command, home, place), None


def main() -> int:
    there = [lab for lab in tools.LABS if (tools.TOP / f"labs/{lab}/README.md").is_file()]
    parser = argparse.ArgumentParser(
        prog="tests/labs/handouts.py",
        description="Run each command of the handouts in a student's tree; print TAP.",
        epilog="Exit status: 0 each did what it should, 1 one did not, 2 wrong usage.")
    parser.add_argument("labs", metavar="N", nargs="*", type=int, help="labs (default: all)")
    labs = parser.parse_args().labs or there
    if missing := [lab for lab in labs if lab not in there]:
        parser.error(f"no lab {missing[0]}: there are {there[0]} to {there[-1]}")
    total = sum(1 for lab in labs
                for _ in commands((tools.TOP / f"labs/{lab}/README.md").read_text()))
    print(f"TAP version 13\n1..{total}", flush=True)
    number = failed = 0
    for lab in labs:
        for name, wrong, skip in run_lab(lab):
            number += 1
            failed += wrong is not None
            # What TAP reads as a directive would be a hash sign in a command.
            print(f"{'ok' if wrong is None else 'not ok'} {number} - "
                  f"{name.replace('#', 'No.')}" + (f" (not run: {skip})" if skip else ""),
                  flush=True)
            for line in (wrong or "").splitlines():
                print(f"# {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
