#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the labs' tools on the host; prints TAP.  The suite labs-tools starts it.

What students get is looked at in the archive itself, results in the files that
other programs read.  Only the last case starts machines: a class of four is
graded, interrupted, and graded to its end.  Each rule has a case on its other
side: a copy and an independent solution, an archive that is well and one that
climbs out of its place.  Read next: labs/lib/lab/.
"""

import contextlib
import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / folder) for folder in ("labs/lib", "nested/lib", "tests/lib")]

# pylint: disable=wrong-import-position
from lab import (build, classroom, handouts, holes, judge, observe, report,  # noqa: E402
                 scene, similar, submitted, tree)
from lab.errors import LabError  # noqa: E402
import tap  # noqa: E402

LABS = [number for number in tree.LABS if tree.steps(number)]
SECRET = re.compile(r"(^|/)staff(/|$)|\.patch$|^tests/.*/can-fail$|TEACHING|(^|/)\.git/|^build/")
# Characters of a line that is a solution and not an accident: in its own file, in any.
TELLING, TELLING_ANYWHERE = 12, 24
FINE = "module" "/fine.c"


def command(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(TOP / words[0]), *words[1:]], capture_output=True, text=True,
                          check=False, **options)     # type: ignore[call-overload]


def refuses(words: str, *arguments: str) -> None:
    run = command(*arguments)
    assert run.returncode in (1, 2) and words in run.stderr, \
        f"status {run.returncode}, {run.stderr[-300:]!r}, not {words!r}"
    assert "Traceback" not in run.stderr, run.stderr[-300:]


# ---- what students get -----------------------------------------------------------------


def solutions(lab: int) -> dict[str, list[str]]:
    """For each file what stands in a hole of this lab and nowhere else, nor in what is given."""
    found = {}
    path = TOP / f"labs/{lab}/starter.h"
    starter = path.read_text() if path.is_file() else ""
    for names in tree.steps(lab).values():
        for name in names:
            text = (TOP / name).read_text()
            inside = [line.strip() for step, parts in holes.bodies(text, name).items()
                      if step.lab == lab for part in parts for line in part]
            stubs = starter + " ".join(hole.stub for hole in holes.find(text, name))
            everything = [line.strip() for line in text.split("\n")]
            found[name] = [line for line in inside if len(line) >= TELLING
                           and everything.count(line) == inside.count(line)
                           and line not in stubs]
    return found


def archive_of(lab: int, place: Path) -> dict[str, bytes]:
    file = place / f"lab{lab}.tar.gz"
    run = command("labs/export-student", str(lab), str(file))
    assert run.returncode == 0, run.stderr
    with tarfile.open(file) as archive:
        members = archive.getmembers()
        assert all(member.uname == "root" and member.mtime == 0 for member in members)
        tops = {member.name.split("/")[0] for member in members}
        assert tops == {f"vitrine-lab{lab}"}, tops
        return {member.name.split("/", 1)[1]: archive.extractfile(member).read()   # type: ignore
                for member in members if member.isreg()}


def test_an_archive_holds_no_staff_material_and_no_solution() -> None:
    with tempfile.TemporaryDirectory() as place:
        for lab in LABS:
            files = archive_of(lab, Path(place))
            secret = [name for name in files if SECRET.search(name)]
            assert not secret, f"lab {lab}: {secret[:3]}"
            text = {name: data.decode("utf-8", "replace") for name, data in files.items()}
            found = solutions(lab)
            assert any(found.values()), f"lab {lab}: no line of its solution is telling"
            for name, lines in found.items():
                own = [line.strip() for line in text[name].split("\n")]
                told = [line for line in lines if line in own
                        or len(line) >= TELLING_ANYWHERE
                        and any(line in other for path, other in text.items()
                                if path.split("/")[0] not in tree.STUDENT_FOLDERS)]
                assert not told, f"lab {lab}: {name} tells {told[0]!r}"
                assert "Your part of step" in text[name], f"lab {lab}: {name} has no open step"
            assert f"labs/{lab}/README.md" in files and f"labs/{lab}/tests.py" in files


def test_the_look_into_archives_can_fail() -> None:
    assert SECRET.search("labs/1/staff/hidden.py") and SECRET.search("labs/TEACHING.md")
    assert any(lines for lines in solutions(1).values())
    cut = holes.cut((TOP / "vmx/cpu.c").read_text(), "vmx/cpu.c", 1)
    assert not any(line in cut for line in solutions(1)["vmx/cpu.c"])
    assert any(line in (TOP / "vmx/cpu.c").read_text() for line in solutions(1)["vmx/cpu.c"])


def test_the_same_tree_makes_the_same_archive() -> None:
    with tempfile.TemporaryDirectory() as place:
        first, second = (Path(place, name) for name in ("a.tar", "b.tar"))
        for file in (first, second):
            assert command("labs/export-student", "1", str(file)).returncode == 0
        assert first.read_bytes() == second.read_bytes()


def test_wrong_use_is_refused() -> None:
    with tempfile.TemporaryDirectory() as place:
        refuses("a name that ends in", "labs/export-student", "1", f"{place}/x.zip")
        refuses("is there and not empty", "labs/cut", "1", str(TOP / "labs"))
        refuses("no such directory", "labs/cut", "2", f"{place}/new", "--mine", f"{place}/none")
        refuses("no such directory", "labs/grade", "1", f"{place}/none")
        refuses("invalid choice", "labs/grade", "99")
        refuses("no such directory", "labs/grade-class", "1", f"{place}/none")
        refuses("no submission", "labs/grade-class", "1", place, "--out", f"{place}-out")
        shutil.rmtree(f"{place}-out", ignore_errors=True)


# ---- one's own parts -----------------------------------------------------------------------


def own_tree(lab: int, place: Path) -> None:
    """A student's tree with all steps written, each with a line of his own."""
    tree.cut(lab, place)
    write_all_steps(lab, place)


def write_all_steps(lab: int, place: Path) -> None:
    for name in {name for names in tree.steps(lab).values() for name in names}:
        true = holes.bodies((TOP / name).read_text(), name)
        lines = (place / name).read_text().split("\n")
        for hole in reversed(holes.find("\n".join(lines), name)):
            if hole.step.lab == lab:
                part = true[hole.step].pop()
                lines[hole.first + 1:hole.last] = [f"/* mine: {hole.step} */", *part]
        (place / name).write_text("\n".join(lines))


def test_mine_takes_my_parts_of_earlier_labs() -> None:
    with tempfile.TemporaryDirectory() as place:
        for lab in LABS:
            mine, later = Path(place, f"mine{lab}"), Path(place, f"later{lab}")
            own_tree(lab, mine)
            if lab + 1 not in tree.LABS:
                continue
            run = command("labs/cut", str(lab + 1), str(later), "--mine", str(mine))
            assert run.returncode == 0, run.stderr
            for step, names in tree.steps(lab).items():
                for name in names:
                    assert f"/* mine: {step} */" in (later / name).read_text(), f"{step} {name}"


def test_mine_refuses_what_is_not_done() -> None:
    with tempfile.TemporaryDirectory() as place:
        tree.cut(1, Path(place, "cut"))
        refuses("is not written yet", "labs/cut", "2", f"{place}/new", "--mine", f"{place}/cut")
        own_tree(1, Path(place, "lost"))
        Path(place, "lost/vmx/caps.c").unlink()
        refuses("has no vmx/caps.c", "labs/cut", "2", f"{place}/new", "--mine", f"{place}/lost")
        own_tree(1, Path(place, "torn"))
        file = Path(place, "torn/vmx/cpu.c")
        file.write_text(re.sub(r".*LAB 1\.6 END.*\n", "", file.read_text()))
        refuses("1.", "labs/cut", "2", f"{place}/new", "--mine", f"{place}/torn")


# ---- results that other programs read ---------------------------------------------------------


def a_judgement() -> judge.Graded:
    """One verdict of each kind, with letters that need care."""
    lab = judge.Lab(1, "a <lab> & \"more\"")
    lab.scene(scene.Scene("s", ""))
    for number, hidden in ((1, False), (2, False), (3, True)):
        lab.adding_hidden = hidden
        lab.test(f"t{number}", f"title {number} <&>", 10 * number, "s", read="x")(lambda seen: None)
    outcomes = (judge.PASSED, judge.FAILED, judge.NOT_JUDGED)
    verdicts = [judge.Verdict(test, outcome, "" if outcome == judge.PASSED else "seen: <a> & \"b\"")
                for test, outcome in zip(lab.tests, outcomes)]
    return judge.Graded(lab, "ada", verdicts, ["a finding"], 12.3)


def test_a_submission_may_hang_only_so_long() -> None:
    lab = judge.Lab(1, "three scenes")
    for name in ("first", "second", "third"):
        lab.scene(scene.Scene(name, ""))
        lab.test(name, name, 1, name, read="nowhere")(lambda seen: judge.expect(False, "", ""))
    hung = scene.Seen(scene.Scene("", ""), observe.Recorder(1), None, "", [], [], "no end within",
                      True, [], 0, scene.Seed(1, "ada"))
    with mock.patch.object(judge, "play", return_value=hung) as played, \
            mock.patch.object(judge.build, "module", return_value=build.Built(TOP, TOP)):
        graded = judge.grade(lab, TOP, "ada")
    assert played.call_count == 2, played.call_count
    assert [verdict.outcome for verdict in graded.verdicts] == \
        [judge.FAILED, judge.FAILED, judge.NOT_JUDGED], graded.verdicts
    sentence = graded.verdicts[2].sentence
    assert "the 30 s that a submission may hang" in sentence, sentence


def test_json_is_what_gradescope_reads() -> None:
    result = json.loads(report.gradescope(a_judgement()))
    assert result["score"] == 10 and result["execution_time"] == 12
    for test in result["tests"]:
        assert set(test) <= {"name", "number", "score", "max_score", "status", "output",
                             "visibility", "tags", "extra_data", "output_format", "name_format"}
        assert test["status"] in ("passed", "failed") and 0 <= test["score"] <= test["max_score"]
        assert test["visibility"] in ("visible", "hidden", "after_due_date", "after_published")
    assert [test["visibility"] for test in result["tests"]] == ["visible", "visible",
                                                                "after_published"]
    assert sum(test["score"] for test in result["tests"]) == result["score"]


def test_junit_is_well_formed_and_adds_up() -> None:
    root = ElementTree.fromstring(report.junit(a_judgement()).encode())
    assert root.tag == "testsuite"
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "1", "1")
    assert len(root.findall("testcase")) == 3
    failure = root.find("testcase/failure")
    assert failure is not None and failure.get("message") == "seen: <a> & \"b\""


# ---- submissions that resemble each other --------------------------------------------------------

OWN = """\
	u64 {a} = 0;
	int {b}, {c} = 3;

	for ({b} = 0; {b} < 17; {b}++) {{
		if ({a} & 4 || {c} == {b})
			{a} += {b} << 2;
		else
			{a} ^= ~{c};
	}}
	while ({c}--)
		pr_info("x%llu", {a});
	return {a} ? -EPERM : (int){b};
"""
OTHER = """\
	static const int table[] = {{ 4, 5, 6, 7 }};
	const int *walk = table;

	do {{
		if (*walk++ > 5) {{
			pr_err("too much: %d", walk[-1]);
			goto out;
		}}
	}} while (walk - table < 4);
	switch (table[2]) {{ case 1: return 2; case 6: break; }}
out:
	return sizeof(table) == 16 ? 0 : -ENODEV;
"""


def shape_with(body: str) -> list[int]:
    with tempfile.TemporaryDirectory() as place:
        for name in filter(tree.has_holes, tree.tracked()):
            target = Path(place, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, target)
        file = Path(place, "vmx/caps.c")
        lines = file.read_text().split("\n")
        hole = next(hole for hole in holes.find("\n".join(lines), "vmx/caps.c")
                    if hole.step == holes.Step(1, 1))
        lines[hole.first + 1:hole.last] = body.split("\n")
        file.write_text("\n".join(lines))
        return similar.shape_of(Path(place))


def test_a_renamed_copy_is_flagged_and_another_solution_is_not() -> None:
    shapes = {"ada": shape_with(OWN.format(a="sum", b="i", c="left")),
              "ben": shape_with("\t/* all mine */\n" + OWN.format(a="total", b="n", c="rest")),
              "cyd": shape_with(OTHER.format())}
    found = [(one, other) for _, one, other in similar.pairs(shapes)]
    assert found == [("ada", "ben")], found


# ---- archives and guests that want out -----------------------------------------------------------


def test_an_archive_cannot_write_outside_of_its_place() -> None:
    with tempfile.TemporaryDirectory() as place:
        file, inside = Path(place, "evil.tar"), Path(place, "deep/inside")
        inside.mkdir(parents=True)
        with tarfile.open(file, "w") as archive:
            for name in ("../out", "/tmp/vitrine-evil", FINE, "a/../../../out"):
                member = tarfile.TarInfo(name)
                member.size = 2
                archive.addfile(member, io.BytesIO(b"x\n"))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, place
            archive.addfile(link)
            through = tarfile.TarInfo("link/out")
            through.size = 2
            archive.addfile(through, io.BytesIO(b"x\n"))
        classroom.unpack_archive(file, inside)
        assert (inside / FINE).is_file() and not (inside / "link").is_symlink()
        outside = [path for path in Path(place).rglob("out") if inside not in path.parents]
        assert not outside and not Path("/tmp/vitrine-evil").exists(), outside


def test_an_archive_that_is_too_big_or_none_is_refused() -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "big.tar")
        member = tarfile.TarInfo("big")
        member.size = classroom.MOST_BYTES + 1
        file.write_bytes(member.tobuf() + bytes(1024))
        for name, text, words in (("big.tar", None, "more than"),
                                  ("no.tar", "no archive", "unpacked")):
            if text:
                Path(place, name).write_text(text)
            try:
                classroom.unpack_archive(Path(place, name), Path(place, "to"))
            except LabError as error:
                assert words in str(error), error
            else:
                raise AssertionError(f"{name} is taken")


def refusal(source: str) -> str:
    with tempfile.TemporaryDirectory() as place:
        try:
            submitted.assemble(source.encode(), Path(place, "x.elf"), {"LEAF": 1},
                               TOP / "labs/machine/guest.ld", Path(place, "work"))
        except submitted.Refused as refused:
            return " / ".join(str(part) for part in refused.args)
    return ""


def test_a_guest_reads_no_file_of_the_grader() -> None:
    start = "\n\t.globl _start\n_start: hlt\n"
    assert refusal('#include "numbers.h"' + start + "mov $LEAF, %eax\n") == ""
    for source in ('#include "/etc/passwd"\n', "#include <stdio.h>\n", '.include "/etc/passwd"\n',
                   '.incbin "/etc/hostname"\n',
                   '.macro m a\n.inc\\()bin "\\a"\n.endm\nm "/etc/hostname"\n'):
        assert "reads another file" in refusal(source + start), (source, refusal(source + start))
        assert "root:" not in refusal(source + start)
    assert "guest.S:2: " in refusal("\n\tmovv %eax, %eax\n"), refusal("\n\tmovv %eax, %eax\n")
    assert "too big" in refusal(start + ".fill 100000000\n")


# ---- a class -------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Counts open tags; those of a page must be closed again."""

    VOID = ("meta", "br", "img", "rect", "line", "link", "input")
    LOOSE = ("html", "body", "head", "p", "li")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID and tag not in self.LOOSE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID or tag in self.LOOSE:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


POINTS = {"ada": 100, "ben": 55, "cyd": 0, "dan": 0}


def hand_in(place: Path) -> None:
    """ada: all right, a directory; ben: one mistake, an archive; cyd: nothing written, a
    bundle of git; dan: no archive."""
    own_tree(0, place / "ada")
    wrong = place / "../ben/vitrine-lab0"
    own_tree(0, wrong)
    guest = wrong / "labs/0/guest.S"
    guest.write_text(guest.read_text().replace("out	%al, %dx", "out	%eax, %dx"))
    with tarfile.open(place / "ben.tar.gz", "w:gz") as archive:
        archive.add(wrong, arcname="vitrine-lab0")
    nothing = place / "../cyd"
    tree.cut(0, nothing)
    git = ["git", "-C", str(nothing), "-c", "user.name=c", "-c", "user.email=c@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "all"],
                  ["bundle", "create", "-q", str(place / "cyd.bundle"), "main"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (place / "dan.tar").write_text("this is no archive")
    (place / "notes.txt").write_text("left out")


def interrupt_after_first(words: list[str], results: Path) -> str:
    """Send what Ctrl-C sends as soon as one result is there."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True) as run:
        deadline = time.monotonic() + 600
        while not any(results.glob("*.json")) and run.poll() is None:
            assert time.monotonic() < deadline, "no result within 600 s"
            time.sleep(0.1)
        for _ in range(3):
            if run.poll() is None:
                subprocess.run(["kill", "-INT", "--", f"-{run.pid}"], check=False)
                time.sleep(1)
        text = run.communicate(timeout=120)[0]
    assert run.returncode in (130, -signal.SIGINT, 0), f"status {run.returncode}: {text[-400:]}"
    assert "Traceback" not in text, text[-2000:]
    return text


def test_a_class_is_graded_interrupted_and_graded_to_its_end() -> None:
    with tempfile.TemporaryDirectory() as base:
        place, out = Path(base, "class"), Path(base, "grades")
        place.mkdir()
        hand_in(place)
        words = [str(TOP / "labs/grade-class"), "0", str(place), "--out", str(out), "--jobs", "2"]
        interrupt_after_first(words, out / "results")
        before = {file.stem: file.stat().st_mtime_ns for file in (out / "results").glob("*.json")}
        assert before, "no result is kept"
        assert all(json.loads((out / f"results/{name}.json").read_text())["score"] == POINTS[name]
                   for name in before), "an interrupted grading has kept a wrong result"
        run = subprocess.run(words, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        for name, when in before.items():
            assert f"{name}: graded before" in run.stderr, run.stderr
            assert (out / f"results/{name}.json").stat().st_mtime_ns == when
        assert "4/4" in run.stderr and "notes.txt" in run.stderr, run.stderr
        check_class(out)


def check_class(out: Path) -> None:
    with open(out / "grades.csv", newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["ada", "ben", "cyd", "dan"], list(rows)
    points = {name: int(row["points"]) for name, row in rows.items()}
    assert points == POINTS, points
    assert rows["ben"]["ports"] == "0" and rows["ben"]["cpuid"] == "15", rows["ben"]
    assert "cannot be unpacked" in rows["dan"]["note"], rows["dan"]
    page = (out / "class.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert not tags.open and not tags.wrong, (tags.open, tags.wrong)
    for words in ("4 submissions, 100 points", "<svg", "Missed most", "cannot be unpacked",
                  "step 3: the bytes go to the port, in order", "Resemble each other"):
        assert words in page, f"class.html has no {words!r}"


# ---- handouts as pages ------------------------------------------------------------------------------


def test_handouts_are_set_with_their_pictures_and_links() -> None:
    with tempfile.TemporaryDirectory() as place:
        handouts.OUT = Path(place)
        Path(place, "pictures").mkdir()
        names = handouts.pages()
        assert {"index", "students", "teaching", "lab0", "lab1"} <= set(names.values()), names
        for path in names:
            page = handouts.set_page(path, names)
            tags = Tags()
            tags.feed(page)
            assert not tags.open and not tags.wrong, f"{path}: {tags.open} {tags.wrong}"
            assert "<!-- test" not in page
            for target in re.findall(r'(?:src|href)="([^"#]+)', page):
                made = Path(place, target).is_file() or \
                    target.removesuffix(".html") in names.values() or "://" in target
                assert made, f"{path}: {target}"


def test_a_handout_that_leads_nowhere_is_refused() -> None:
    for text in ("# x\n\n![a](../pictures/none.svg)\n", "# x\n\n[a](none.md)\n", "no title\n"):
        with tempfile.TemporaryDirectory(dir=TOP / "build") as place:
            page = Path(place, "page.md")
            page.write_text(text)
            try:
                handouts.set_page(str(page.relative_to(TOP)), {})
            except LabError:
                continue
            raise AssertionError(f"{text!r} is taken")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    for screen, words in ((Terminal(), "[###############               ] 1/2 ada: 3"),
                          (io.StringIO(), "1/2 ada: 3\n")):
        with contextlib.redirect_stderr(screen):
            progress = classroom.Progress(2)
            progress.step("ada: 3")
            assert words in screen.getvalue(), screen.getvalue()
            progress.step("ben: 4")
            progress.end()
        assert "2/2 ben: 4" in screen.getvalue()


if __name__ == "__main__":
    sys.exit(tap.run_all(globals(), sys.argv[1] if len(sys.argv) > 1 else ""))
