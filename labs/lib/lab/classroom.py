# SPDX-License-Identifier: GPL-2.0-only
"""labs/grade-class N DIR: grade a folder of submissions.

Each entry of DIR is one submission: a directory, a tar archive or a git bundle,
named after the student.  Verdicts are kept one by one in OUT/results, so that a
run which was interrupted goes on where it stopped; a submission that has changed
since is graded again.  At the end OUT has grades.csv and class.html.
Read grade.py before; similar.py looks for copied work, page.py draws the page.
"""

import argparse
import concurrent.futures
import contextlib
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import build, judge, page, report, similar
from .errors import LabError, UsageError
from .tree import LABS, STUDENT_FOLDERS, student_files

ARCHIVES = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar")
BUNDLE = ".bundle"
MOST_BYTES = 64 << 20       # of one unpacked submission


@dataclass
class Submission:
    student: str
    path: Path

    def unpack(self, place: Path) -> Path:
        """The tree in it, as a directory."""
        if self.path.is_dir():
            return root_of(self.path)
        if self.path.name.endswith(BUNDLE):
            run = subprocess.run(["git", "clone", "-q", str(self.path.resolve()), str(place)],
                                 capture_output=True, text=True, check=False)
            if run.returncode:
                raise LabError(f"{self.path.name}: git cannot read it: {run.stderr.strip()}")
        else:
            unpack_archive(self.path, place)
        return root_of(place)

    def key(self) -> str:
        """Changes when the submission does."""
        digest = hashlib.sha256()
        own = tuple(name for lab in LABS for name in student_files(lab))
        files = [self.path] if self.path.is_file() else sorted(
            path for name in (*(f"{folder}/*" for folder in STUDENT_FOLDERS), *own)
            for path in self.path.rglob(name) if path.is_file())
        for path in files:
            digest.update(str(path.relative_to(self.path.parent)).encode() + b"\0")
            digest.update(path.read_bytes())
        return digest.hexdigest()


def unpack_archive(path: Path, place: Path) -> None:
    """Plain files and directories only, none outside of PLACE."""
    total = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                total += member.size
                if total > MOST_BYTES:
                    raise LabError(f"{path.name}: more than {MOST_BYTES >> 20} MiB")
                target = (place / member.name).resolve()
                if member.isreg() and target.is_relative_to(place.resolve()):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    data = archive.extractfile(member)
                    assert data
                    target.write_bytes(data.read())
    except (tarfile.TarError, OSError) as error:
        raise LabError(f"{path.name}: cannot be unpacked: {error}") from error


def root_of(place: Path) -> Path:
    """The tree itself, which may be one directory further down."""
    for candidate in (place, *sorted(path for path in place.iterdir() if path.is_dir())):
        if all((candidate / folder).is_dir() for folder in STUDENT_FOLDERS):
            return candidate
    raise LabError(f"{place.name}: no tree with {', '.join(STUDENT_FOLDERS)} in it")


def submissions(folder: Path) -> list[Submission]:
    found = []
    for path in sorted(folder.iterdir()):
        name = path.name
        if name.startswith("."):
            continue
        suffix = next((end for end in (*ARCHIVES, BUNDLE) if name.endswith(end)), None)
        if path.is_dir():
            found.append(Submission(name, path))
        elif suffix:
            found.append(Submission(name[:-len(suffix)], path))
        else:
            print(f"labs/grade-class: {path}: neither a directory, a tar archive nor a git "
                  "bundle; left out", file=sys.stderr)
    return found


def grade_one(number: int, submission: Submission, slot: str, out: Path) -> dict[str, object]:
    """Grade one and keep the result.  Runs in a process of its own."""
    place = Path(tempfile.mkdtemp(prefix="vitrine-class-"))
    try:
        tree = submission.unpack(place / "tree")
        graded = judge.grade(judge.load(number), tree, submission.student, slot)
        result = json.loads(report.gradescope(graded))
        result["shape"] = similar.shape_of(tree)
    except LabError as error:
        result = {"score": 0, "output": str(error), "tests": [], "shape": [],
                  "extra_data": {"findings": [str(error)]}}
    finally:
        shutil.rmtree(place, ignore_errors=True)
    result["key"] = submission.key()
    result["student"] = submission.student
    (out / "results" / f"{submission.student}.json").write_text(json.dumps(result, indent=1))
    return result


def kept(submission: Submission, out: Path) -> dict[str, object] | None:
    """The result of an earlier run, if the submission is still the same."""
    try:
        result = json.loads((out / "results" / f"{submission.student}.json").read_text())
    except (OSError, ValueError):
        return None
    return result if result.get("key") == submission.key() else None


class Progress:
    """A bar on a terminal, a line each elsewhere."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0

    def step(self, text: str) -> None:
        self.done += 1
        if sys.stderr.isatty():
            width = 30 * self.done // self.total
            print(f"\r\033[K[{'#' * width:<30}] {self.done}/{self.total} {text}", end="",
                  file=sys.stderr, flush=True)
        else:
            print(f"{self.done}/{self.total} {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        if sys.stderr.isatty():
            print(file=sys.stderr)


def ignore_interrupts() -> None:
    """Ctrl-C reaches a worker and its compiler, too, and must not look like a mistake."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def finishing_what_runs() -> Iterator[None]:
    """After Ctrl-C what is being graded is graded to its end, and kept."""
    try:
        yield
    except KeyboardInterrupt:
        ignore_interrupts()
        print("\ninterrupted: waiting for what is being graded", file=sys.stderr, flush=True)
        raise


def grade_all(number: int, todo: list[Submission], jobs: int, out: Path,
              progress: Progress) -> None:
    slots = [f"class{n}" for n in range(jobs)]
    with (concurrent.futures.ProcessPoolExecutor(jobs, initializer=ignore_interrupts) as pool,
          finishing_what_runs()):
        running: dict[concurrent.futures.Future[dict[str, object]], str] = {}
        waiting = list(todo)
        while waiting or running:
            while waiting and slots:
                slot = slots.pop()
                running[pool.submit(grade_one, number, waiting.pop(0), slot, out)] = slot
            finished, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in finished:
                slots.append(running.pop(future))
                result = future.result()
                progress.step(f"{result['student']}: {result['score']}")


def write_csv(results: list[dict[str, object]], path: Path) -> None:
    names = [test["number"] for result in results[:1] for test in result["tests"]]   # type: ignore
    for result in results:
        if result["tests"]:
            names = [test["number"] for test in result["tests"]]                     # type: ignore
            break
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "points", *names, "note", "findings"])
        for result in results:
            by_name = {test["number"]: test["score"] for test in result["tests"]}    # type: ignore
            writer.writerow([result["student"], result["score"],
                             *(by_name.get(name, 0) for name in names), result["output"],
                             "; ".join(result["extra_data"]["findings"])])           # type: ignore


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="labs/grade-class", allow_abbrev=False,
        description="Grade a folder of submissions of lab N: directories, tar archives or git "
                    "bundles, named after the students.")
    parser.add_argument("lab", type=int, metavar="N", choices=LABS, help="0 to 7")
    parser.add_argument("dir", type=Path, metavar="DIR", help="one entry for each student")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="grades.csv, class.html and results/ (default: DIR-grades)")
    parser.add_argument("--jobs", type=int, metavar="N", default=os.cpu_count() or 1,
                        help="so many at a time (default: one for each processor)")
    options = parser.parse_args(arguments)
    if not options.dir.is_dir():
        raise UsageError(f"{options.dir}: no such directory")
    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least 1")
    out = options.out or options.dir.with_name(options.dir.name + "-grades")
    (out / "results").mkdir(parents=True, exist_ok=True)
    everybody = submissions(options.dir)
    if not everybody:
        raise LabError(f"{options.dir}: no submission in it")
    lab = judge.load(options.lab)
    for kernel in sorted({scene.kernel for scene in lab.scenes.values()}):
        build.staff_tree(kernel)
    progress = Progress(len(everybody))
    todo = []
    for submission in everybody:
        if kept(submission, out):
            progress.step(f"{submission.student}: graded before")
        else:
            todo.append(submission)
    grade_all(options.lab, todo, options.jobs, out, progress)
    progress.end()
    results = [result for submission in everybody if (result := kept(submission, out))]
    write_csv(results, out / "grades.csv")
    page.write(lab, results, out / "class.html")
    print(f"{out / 'grades.csv'}: {len(results)} submissions; {out / 'class.html'}")
    return 0
