# SPDX-License-Identifier: GPL-2.0-only
"""The grader, tested both ways; prints TAP.  tests/labs/run starts it.

For each lab: the true tree gets full points; the cut tree builds without a
warning, fails its own lab's tests in an orderly way and, where they can do without its
code, no earlier lab's; each
known-wrong submission (labs/N/staff/wrong/NAME.patch) loses exactly the tests
that its head names:

	What is wrong, in a sentence.
	Loses: NAME NAME...

and each attack (labs/N/staff/attacks/NAME.patch), a submission that cheats or
breaks the machine, too; its head also says what the grader must report:

	Finding: REGULAR EXPRESSION

With --all also what only the checking kernel shows (labs/N/staff/thorough/).
A patch that no longer applies is a failure, so the list cannot go stale.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import build, judge, thorough, tree
from .errors import LabError
from .judge import FAILED, PASSED, Graded, Lab
from .scene import LABS
from .tree import TOP

LOSES = re.compile(r"^Loses: (.+)$", re.MULTILINE)
FINDING = re.compile(r"^Finding: (.+)$", re.MULTILINE)
GRADINGS = 10
CODE = ("Kbuild", "module", "vmx", "ept", "ioctl-uapi")

Case = tuple[str, Callable[[], str | None]]     # its name, and what is wrong or None


@dataclass
class Wrong:
    name: str
    patch: Path
    loses: set[str]
    finding: str | None = None


def labs_with_tests() -> list[int]:
    return [number for number in tree.LABS if judge.has_tests(number)]


def wrong_ones(lab: int, folder: str = "wrong") -> list[Wrong]:
    found = []
    for patch in sorted((LABS / str(lab) / "staff" / folder).glob("*.patch")):
        text = patch.read_text()
        match, finding = LOSES.search(text), FINDING.search(text)
        if not match or (folder == "attacks") != bool(finding):
            raise LabError(f"{patch}: its head lacks a line, see {__file__}")
        found.append(Wrong(patch.stem, patch, set(match[1].split()),
                           finding[1] if finding else None))
    return found


def copy_code(target: Path, lab: int) -> None:
    for name in tree.student_files(lab):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, target / name)
    for name in CODE:
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, target / name)
        else:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, target / name)


def patched(place: Path, wrong: Wrong, lab: int) -> str | None:
    """Make a known-wrong submission in PLACE.  Return: why not, or None."""
    copy_code(place, lab)
    run = subprocess.run(["patch", "-s", "-p1", "-f", "-d", place, "-i", wrong.patch],
                         capture_output=True, text=True, check=False)
    return f"the patch does not apply: {run.stdout.strip()}" if run.returncode else None


def words_of(graded: Graded) -> str:
    return "\n".join([*(f"{verdict.test.name}: {verdict.outcome}: {verdict.sentence}"
                        for verdict in graded.verdicts), *graded.findings])


def lost(graded: Graded) -> set[str]:
    return {verdict.test.name for verdict in graded.verdicts if verdict.outcome != PASSED}


def sentences(graded: Graded) -> str:
    return "\n".join(f"{verdict.test.name}: {verdict.sentence}" for verdict in graded.verdicts
                     if verdict.sentence) or "no sentence"


class Proofs:
    """Each method returns what is wrong, or None."""

    def __init__(self, student: str) -> None:
        self.student = student

    def grade(self, lab: Lab, where: Path) -> Graded:
        return judge.grade(lab, where, self.student, slot="proof")

    def true_tree(self, number: int) -> str | None:
        graded = self.grade(judge.load(number), TOP)
        if graded.findings:
            return f"findings: {graded.findings}"
        return None if graded.points == graded.most else sentences(graded)

    def cut_tree(self, number: int) -> str | None:
        with tempfile.TemporaryDirectory(prefix="vitrine-cut-") as place:
            where = Path(place) / "tree"
            tree.cut(number, where)
            lab = judge.load(number)
            built = build.module(where, "lean", "proof", number)
            if built.errors or built.warnings:
                return f"it builds with {built.errors + built.warnings}"
            graded = self.grade(lab, where)
            return self._cut_verdict(number, graded) or self._earlier(number, where)

    def _cut_verdict(self, number: int, graded: Graded) -> str | None:
        """It must fail, by the sentence of a step and not by a crash."""
        failed = [verdict for verdict in graded.verdicts if verdict.outcome == FAILED]
        if not failed:
            return "no test fails"
        for verdict in failed:
            if "What happened:" in verdict.sentence:
                return f"{verdict.test.name}: {verdict.sentence}"
        if not any(f"ab step {number}." in verdict.sentence for verdict in failed):
            return f"no test says which step is missing:\n{sentences(graded)}"
        return None

    def _earlier(self, number: int, where: Path) -> str | None:
        for earlier in labs_with_tests():
            if earlier >= number:
                continue
            graded = self.grade(judge.load(earlier), where)
            missing = {verdict.test.name for verdict in graded.verdicts
                       if verdict.outcome != PASSED and not verdict.test.needs_later}
            if missing:
                return (f"it loses {', '.join(sorted(missing))} of lab {earlier}\n"
                        f"{sentences(graded)}")
        return None

    def agree(self, number: int, wrong: Wrong) -> str | None:
        """Ten gradings of one submission say the same, word for word."""
        with tempfile.TemporaryDirectory(prefix="vitrine-agree-") as place:
            if why := patched(Path(place), wrong, number):
                return why
            said = [words_of(self.grade(judge.load(number), Path(place))) for _ in range(GRADINGS)]
        return next((f"grading {n + 1} says\n{other}\nand the first\n{said[0]}"
                     for n, other in enumerate(said) if other != said[0]), None)

    def careless(self, number: int, wrong: Wrong | None) -> str | None:
        """On the checking kernel: the true tree has no report, a careless one has."""
        lab = judge.load(number)
        lab.scenes, lab.tests = {}, []
        thorough.add(lab)
        if wrong:
            return self.wrong(number, wrong, lab)
        graded = self.grade(lab, TOP)
        return None if graded.points == graded.most else sentences(graded)

    def wrong(self, number: int, wrong: Wrong, lab: Lab | None = None) -> str | None:
        with tempfile.TemporaryDirectory(prefix="vitrine-wrong-") as place:
            if why := patched(Path(place), wrong, number):
                return why
            graded = self.grade(lab or judge.load(number), Path(place))
        if graded.note and not wrong.finding:
            return graded.note
        if wrong.finding and not any(re.search(wrong.finding, text) for text in graded.findings):
            return f"the findings are {graded.findings}, not {wrong.finding}"
        if lost(graded) == wrong.loses:
            return None
        return (f"it loses {', '.join(sorted(lost(graded))) or 'nothing'}, not "
                f"{', '.join(sorted(wrong.loses))}\n{sentences(graded)}")


def cases(proofs: Proofs, numbers: list[int], every: bool) -> Iterator[Case]:
    for number in numbers:
        yield f"lab {number}: the true tree gets all points", lambda n=number: proofs.true_tree(n)
        if tree.steps(number):
            yield (f"lab {number}: the cut tree fails in an orderly way",
                   lambda n=number: proofs.cut_tree(n))
        wrongs = wrong_ones(number)
        for wrong in wrongs if every else chosen(wrongs, number):
            yield (f"lab {number}: {wrong.name} loses what it should",
                   lambda n=number, w=wrong: proofs.wrong(n, w))
        attacks = wrong_ones(number, "attacks")
        for attack in attacks if every else chosen(attacks, number):
            yield (f"lab {number}: the attack {attack.name} gains nothing and is reported",
                   lambda n=number, a=attack: proofs.wrong(n, a))
        yield from careless_cases(proofs, number) if every else ()


def agreement_cases(proofs: Proofs, numbers: list[int], every: bool) -> Iterator[Case]:
    for number in numbers:
        for wrong in wrong_ones(number) if every else chosen(wrong_ones(number), number):
            yield (f"lab {number}: {GRADINGS} gradings of {wrong.name} agree",
                   lambda n=number, w=wrong: proofs.agree(n, w))


def careless_cases(proofs: Proofs, number: int) -> Iterator[Case]:
    careless = wrong_ones(number, "thorough")
    if careless:
        yield (f"lab {number}: the true tree has no report on the debug kernel",
               lambda n=number: proofs.careless(n, None))
    for wrong in careless:
        yield (f"lab {number}: {wrong.name} is reported by the debug kernel",
               lambda n=number, w=wrong: proofs.careless(n, w))


def chosen(wrongs: list[Wrong], number: int) -> list[Wrong]:
    """One of them, another one for each commit."""
    if not wrongs:
        return []
    run = subprocess.run(["git", "-C", TOP, "rev-parse", "HEAD"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=False)
    return [wrongs[zlib.crc32(f"{run.stdout} {number}".encode()) % len(wrongs)]]


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests/labs/run", allow_abbrev=False,
                                     description="Test the graders of the labs both ways.")
    parser.add_argument("labs", type=int, metavar="N", nargs="*", help="labs (default: all)")
    parser.add_argument("--all", action="store_true",
                        help="all known-wrong submissions, not one for each lab")
    parser.add_argument("--agree", action="store_true",
                        help=f"instead: {GRADINGS} gradings of one submission of each lab agree, or "
                             "of those that --all or --only choose")
    parser.add_argument("--only", metavar="WORD",
                        help="of all cases those with this word in their name")
    parser.add_argument("--student", default="proof", metavar="ID", help="seed of the tests")
    options = parser.parse_args(arguments)
    numbers = options.labs or labs_with_tests()
    proofs = Proofs(options.student)
    every = options.all or bool(options.only)
    chosen_cases = [case for case in (agreement_cases(proofs, numbers, every)
                                      if options.agree
                                      else cases(proofs, numbers, every))
                    if not options.only or options.only in case[0]]
    # The test runner has built them, and other suites use them meanwhile.  A cut tree is
    # graded for the labs before it, too.
    kernels = {scene.kernel for number in labs_with_tests() if number <= max(numbers)
               for scene in judge.load(number).scenes.values()}
    if any("debug kernel" in name for name, _ in chosen_cases):
        kernels.add("debug")
    for kernel in sorted(kernels):
        if not (TOP / "build" / kernel / "root/tests").is_dir():
            build.staff_tree(kernel)
    print(f"TAP version 13\n1..{len(chosen_cases)}", flush=True)
    failed = 0
    for number, (name, proof) in enumerate(chosen_cases, 1):
        why = proof()
        failed += why is not None
        print(f"{'ok' if why is None else 'not ok'} {number} - {name}", flush=True)
        for line in (why or "").splitlines():
            print(f"# {line}", flush=True)
    return 1 if failed else 0
