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

from . import build, crash
from .errors import LabError
from .scene import LABS, Scene, Seed, Seen, play

NOT_WRITTEN = re.compile(r"vitrine: (lab step \d+\.(\d+) is not written yet: .*)")
PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"


class Missed(Exception):
    """An expectation that was not met: (seen, expected)."""


def expect(holds: object, seen: str, expected: str) -> None:
    if not holds:
        raise Missed(seen, expected)


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
        self.adding_hidden = False

    def scene(self, scene: Scene) -> None:
        assert scene.name not in self.scenes, scene.name
        self.scenes[scene.name] = scene

    def test(self, name: str, title: str, points: int, scene: str, *, read: str,
             after: list[str] | None = None,
             inside: bool = False) -> Callable[[Callable[[Seen], None]], Callable[[Seen], None]]:
        """Decorate a function as a test of a scene."""
        assert scene in self.scenes and not any(test.name == name for test in self.tests), name

        def add(judge: Callable[[Seen], None]) -> Callable[[Seen], None]:
            self.tests.append(Test(name, title, points, scene, judge, read, after or [],
                                   self.adding_hidden, inside))
            return judge
        return add


def load(number: int, hidden: bool = True) -> Lab:
    """A lab with its visible tests, and the hidden ones if they are there."""
    visible = LABS / str(number) / "tests.py"
    if not visible.is_file():
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
    seed = Seed(lab.number, student)
    symbols = lab.symbols(seed)
    built: dict[str, build.Built] = {}
    seen: dict[str, Seen] = {}
    graded = Graded(lab, student, [])
    with tempfile.TemporaryDirectory(prefix="vitrine-lab-") as work:
        for scene in lab.scenes.values():
            use = kernel or scene.kernel
            if not any(test.scene == scene.name for test in lab.tests):
                continue
            if use not in built:
                progress("building")
                built[use] = build.module(tree, use, slot)
            if built[use].tree is None:
                return unbuildable(graded, built[use], start)
            progress(f"scene {scene.name}")
            scene.kernel = use
            seen[scene.name] = play(scene, lab.number, built[use].tree, seed, symbols,
                                    Path(work) / scene.name)
    judge_all(lab, seen, built, graded)
    graded.seconds = time.monotonic() - start
    return graded


def unbuildable(graded: Graded, built: build.Built, start: float) -> Graded:
    graded.note = "the module cannot be built: " + "; ".join(built.errors[:3])
    graded.verdicts = [Verdict(test, NOT_JUDGED, graded.note) for test in graded.lab.tests]
    graded.seconds = time.monotonic() - start
    return graded


def judge_all(lab: Lab, seen: Mapping[str, Seen], built: Mapping[str, build.Built],
              graded: Graded) -> None:
    passed: set[str] = set()
    for test in lab.tests:
        missing = [name for name in test.after if name not in passed]
        if missing:
            sentence = "it means nothing before " + " and ".join(f"`{name}`" for name in missing)
            graded.verdicts.append(Verdict(test, NOT_JUDGED, f"{sentence} passes"))
            continue
        verdict = judge_one(test, seen[test.scene], built)
        if verdict.outcome == PASSED:
            passed.add(test.name)
        graded.verdicts.append(verdict)
    for scene in seen.values():
        graded.findings += findings(scene)


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


def findings(seen: Seen) -> list[str]:
    """What a teacher should look at: a run that something has tampered with or broken."""
    recorder = seen.recorder
    found = [f"{recorder.forged}: somebody else than the script made it"] if recorder.forged else []
    if recorder.trouble:
        found.append(recorder.trouble)
    elif seen.trouble and not seen.scene.may_end:
        found.append(f"the run did not come to its end: {seen.trouble}")
    return [f"scene {seen.scene.name}: {text}" for text in found]
