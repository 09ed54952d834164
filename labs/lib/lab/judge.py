# SPDX-License-Identifier: GPL-2.0-only
"""Labs, their tests, and the judgement of a submission.

A lab is a file labs/N/tests.py with an object `lab`; staff adds hidden tests in
labs/N/staff/hidden.py, a function add(lab).  A test gets what a scene has shown
and calls expect(); each failure is a sentence: what was seen, what was expected,
where to read.  Read scene.py before, grade.py next.
"""

import importlib.util
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from . import build, crash, holes, submitted
from .errors import LabError
from .scene import LABS, Scene, Seed, Seen, play
from .tree import is_guest

MARKS = re.compile(r"^mark (\d+)", re.MULTILINE)
RAN_THROUGH = (0, 126, 127)     # a script whose last line is a mark that cannot be made, too
NOT_WRITTEN = re.compile(r"vitrine: (lab step \d+\.(\d+) is not written yet: .*)")
TAKES = 3       # the emulator overlooks a break point now and then: look again
HANGING = 30    # seconds of processor time that a submission may hang in all its scenes
PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"


Suspicion = Callable[[Seen], str | None]


class Missed(Exception):
    """An expectation that was not met: (seen, expected)."""


def expect(holds: object, seen: str, expected: str) -> None:
    if not holds:
        raise Missed(seen, expected)


def expect_no_leak(before: int, after: int, limit: int, what: str) -> None:
    """Fewer than `limit` pages have gone.  How many exactly is chance, and each grading of
    a submission has to say the same: so that isn't told."""
    expect(before - after < limit, f"{limit} pages or more are missing after {what}",
           f"all are free again; the kernel itself takes fewer than {limit}")


@dataclass
class Test:
    name: str                       # short, for machines
    title: str                      # a sentence, for people
    points: int
    scene: str
    judge: Callable[[Seen], None]
    read: str                       # where to read when it fails
    after: list[str]                # tests that must pass before this one means anything
    hidden: bool = False
    inside: bool = False            # rests on what the machine itself says
    needs_later: bool = False       # rests on code that later labs cut out


@dataclass
class Verdict:
    test: Test
    outcome: str
    sentence: str = ""

    @property
    def points(self) -> int:
        return self.test.points if self.outcome == PASSED else 0


@dataclass
class Graded:
    lab: "Lab"
    student: str
    verdicts: list[Verdict]
    findings: list[str] = field(default_factory=list)
    seconds: float = 0
    note: str = ""

    @property
    def points(self) -> int:
        return sum(verdict.points for verdict in self.verdicts)

    @property
    def most(self) -> int:
        return sum(verdict.test.points for verdict in self.verdicts)


class Lab:
    """A lab's scenes and tests, as its tests.py and hidden.py put them together."""

    def __init__(self, number: int, title: str) -> None:
        self.number = number
        self.title = title
        self.scenes: dict[str, Scene] = {}
        self.tests: list[Test] = []
        self.symbols: Callable[[Seed], Mapping[str, int]] = lambda seed: {}
        # Files below labs/N that students write.  If there are any, nothing else is
        # taken from a submission: the folders of tree.STUDENT_FOLDERS are the staff's.
        self.student_files: tuple[str, ...] = ()
        self.suspicions: dict[str, list[Suspicion]] = {}
        self.adding_hidden = False

    def scene(self, scene: Scene) -> None:
        assert scene.name not in self.scenes, scene.name
        self.scenes[scene.name] = scene

    def test(self, name: str, title: str, points: int, scene: str, *, read: str,
             after: list[str] | None = None,
             inside: bool = False, needs_later: bool = False) -> Callable[[Callable[[Seen], None]], Callable[[Seen], None]]:
        """Decorate a function as a test of a scene."""
        assert scene in self.scenes and not any(test.name == name for test in self.tests), name

        def add(judge: Callable[[Seen], None]) -> Callable[[Seen], None]:
            self.tests.append(Test(name, title, points, scene, judge, read, after or [],
                                   self.adding_hidden, inside, needs_later))
            return judge
        return add


    def suspicion(self, scene: str) -> Callable[[Suspicion], Suspicion]:
        """Decorate a function that looks for forgery: it returns a finding or None."""
        def add(look: Suspicion) -> Suspicion:
            self.suspicions.setdefault(scene, []).append(look)
            return look
        return add

    @property
    def takes(self) -> list[str]:
        """Guests that are handed in; the module is the staff's then."""
        return [name for name in self.student_files if is_guest(name)]


def has_tests(number: int) -> bool:
    return (LABS / str(number) / "tests.py").is_file()


def load(number: int, hidden: bool = True) -> Lab:
    """A lab with its visible tests, and the hidden ones if they are there."""
    visible = LABS / str(number) / "tests.py"
    if not has_tests(number):
        raise LabError(f"lab {number} has no tests to grade by ({visible} is missing)")
    lab: Lab = load_file(visible).lab
    staff = LABS / str(number) / "staff/hidden.py"
    if hidden and staff.is_file():
        lab.adding_hidden = True
        load_file(staff).add(lab)
    return lab


def load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"lab_{path.parent.name}_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def grade(lab: Lab, tree: Path, student: str, slot: str = "0",
          progress: Callable[[str], None] = lambda text: None,
          kernel: str | None = None) -> Graded:
    """Build, run and judge one submission."""
    start = time.monotonic()
    guests = submitted.sources(tree, lab.takes)
    built: dict[str, build.Built] = {}
    seen: dict[str, Seen] = {}
    graded = Graded(lab, student, [])
    left = HANGING
    with tempfile.TemporaryDirectory(prefix="vitrine-lab-") as work:
        for scene in lab.scenes.values():
            use = kernel or scene.kernel
            if not any(test.scene == scene.name for test in lab.tests):
                continue
            if use not in built:
                progress("building")
                built[use] = build.staff_module(use) if lab.takes else \
                    build.module(tree, use, slot, lab.number)
            if built[use].tree is None:
                return unbuildable(graded, built[use], start)
            if left <= 0:
                continue
            progress(f"scene {scene.name}")
            scene.kernel = use
            try:
                seen[scene.name] = run_scene(scene, lab, built[use].tree, student, Path(work), guests)
            except submitted.Refused as refused:
                return not_taken(graded, refused, start)
            left -= scene.seconds * seen[scene.name].timed_out
    judge_all(lab, seen, built, graded)
    waiting = open_steps(lab, guests)
    for verdict in graded.verdicts:
        if verdict.outcome == FAILED and waiting:
            verdict.sentence += f" {waiting}"
    graded.seconds = time.monotonic() - start
    return graded


def run_scene(scene: Scene, lab: Lab, tree: Path, student: str, work: Path,
              guests: Mapping[str, bytes]) -> Seen:
    """Play a scene; again, if the break point that it waits for never came."""
    seed = Seed(lab.number, student + " again" * scene.other_numbers)
    for take in range(TAKES if scene.end_at_break else 1):
        seen = play(scene, lab.number, tree, seed, lab.symbols(seed),
                    work / f"{scene.name}-{take}", guests)
        if seen.recorder.breaks or seen.timed_out:
            break
    return seen


def unbuildable(graded: Graded, built: build.Built, start: float) -> Graded:
    graded.note = "the module cannot be built: " + "; ".join(built.errors[:3])
    graded.findings = [built.finding] if built.finding else []
    graded.verdicts = [Verdict(test, NOT_JUDGED, graded.note) for test in graded.lab.tests]
    graded.seconds = time.monotonic() - start
    return graded


def not_taken(graded: Graded, refused: submitted.Refused, start: float) -> Graded:
    graded.note, finding = refused.args
    graded.findings = [finding] if finding else []
    graded.verdicts = [Verdict(test, NOT_JUDGED, graded.note) for test in graded.lab.tests]
    graded.seconds = time.monotonic() - start
    return graded


def open_steps(lab: Lab, guests: Mapping[str, bytes]) -> str | None:
    """The sentence of a guest's steps that nobody has written."""
    for path, text in zip(lab.takes, guests.values()):
        if steps := holes.open_steps(text.decode("utf-8", "replace"), path):
            return f"Lab step {', '.join(map(str, steps))} is not written yet: {path}."
    return None


def judge_all(lab: Lab, seen: Mapping[str, Seen], built: Mapping[str, build.Built],
              graded: Graded) -> None:
    passed: set[str] = set()
    for test in lab.tests:
        missing = [name for name in test.after if name not in passed]
        if missing:
            sentence = "it means nothing before " + " and ".join(f"`{name}`" for name in missing)
            graded.verdicts.append(Verdict(test, NOT_JUDGED, f"{sentence} passes"))
            continue
        if test.scene not in seen:
            graded.verdicts.append(Verdict(test, NOT_JUDGED, "the scenes before it have used up "
                                           f"the {HANGING} s that a submission may hang"))
            continue
        verdict = judge_one(test, seen[test.scene], built)
        if verdict.outcome == PASSED:
            passed.add(test.name)
        graded.verdicts.append(verdict)
    for scene in seen.values():
        graded.findings += findings(scene, lab.suspicions.get(scene.scene.name, []))


def judge_one(test: Test, seen: Seen, built: Mapping[str, build.Built]) -> Verdict:
    if seen.recorder.forged:
        return Verdict(test, FAILED, f"the run counts for nothing: {seen.recorder.forged}, and "
                       "only the test's own script may make marks")
    try:
        test.judge(seen)
        return Verdict(test, PASSED)
    except Missed as missed:
        was, expected = missed.args
        sentence = f"seen: {was}; expected: {expected}"
    except (KeyError, IndexError, TypeError) as error:
        # A mark, an exit or a field that never came: not the test's, the run's fault.
        sentence = f"seen: the run has no {error}; expected: it comes that far"
    if seen.reports or seen.trouble:
        module = built[seen.scene.kernel].module
        sentence += f". What happened: {crash.explain(seen.reports, seen.trouble, module)}"
    elif todo := not_written(seen):
        sentence += f". {todo}"
    return Verdict(test, FAILED, f"{sentence}. Read: {test.read}")


def not_written(seen: Seen) -> str | None:
    """The sentence of the first step that the run has reached and nobody has written."""
    found = [(int(match[2]), match[1]) for line in seen.log
             if (match := NOT_WRITTEN.search(line))]
    return min(found)[1].capitalize() if found else None


def findings(seen: Seen, suspicions: list[Suspicion]) -> list[str]:
    """What a teacher should look at: a run that something has tampered with or broken."""
    recorder = seen.recorder
    found = [f"{recorder.forged}: somebody else than the script made it"] if recorder.forged else []
    if recorder.trouble:
        found.append(recorder.trouble)
    elif seen.trouble and not seen.scene.may_end:
        found.append(f"the run did not come to its end: {seen.trouble}")
    elif seen.status in RAN_THROUGH and (lost := lost_marks(seen)):
        found.append(f"the script came to its end, but mark {lost[0]} did not: somebody has "
                     "changed the program `mark`")
    found += [text for look in suspicions if (text := look(seen))]
    return [f"scene {seen.scene.name}: {text}" for text in found]


def lost_marks(seen: Seen) -> list[int]:
    wanted = {int(number) for number in MARKS.findall(seen.scene.script)}
    return sorted(wanted - set(seen.recorder.marks))
