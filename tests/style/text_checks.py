# SPDX-License-Identifier: GPL-2.0-only
"""Checks that only read text: licence lines, prefaces, citations, includes, ...

Called by run through the list CHECKS at the end.  Each check returns one line
for each problem, `file:line: what is wrong`.  Subtle: this file is checked as
well, so what it forbids is spelt in two parts here.
"""
from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

from tree import Check, Seed, Tree, line_of

SOURCE_SUFFIXES = (".c", ".h", ".S", ".def", ".py", ".sh", ".pl", ".config", ".cfg", ".ld")
C_SUFFIXES = (".c", ".h", ".S", ".def")
SOURCE_NAMES = ("Makefile", "Kbuild", ".clang-format", "expected-skips")
TEXT_SUFFIXES = SOURCE_SUFFIXES + (".md",)
LIMIT_BYTES = 512 * 1024


def is_source(tree: Tree, name: str) -> bool:
    return (name.endswith(SOURCE_SUFFIXES) or PurePosixPath(name).name in SOURCE_NAMES
            or tree.raw(name)[:2] == b"#!")


def is_text(tree: Tree, name: str) -> bool:
    return name.endswith(".md") or is_source(tree, name)


def chosen(tree: Tree, only: list[str] | None) -> list[str]:
    return only if only is not None else tree.files


# ---- licence line and preface ----------------------------------------------------

def check_spdx(tree: Tree, only: list[str] | None) -> list[str]:
    problems = []
    for name in chosen(tree, only):
        head = tree.text(name).splitlines()[:2]
        if is_source(tree, name) and not any("SPDX-License-Identifier: GPL-2.0" in line
                                             for line in head):
            problems.append(f"{name}:1: no SPDX-License-Identifier in the first two lines")
    return problems


def preface(name: str, text: str) -> str:
    """Return the words of the comment that follows the SPDX line."""
    lines = text.splitlines()
    while lines and (lines[0].startswith("#!") or "SPDX-License-Identifier" in lines[0]):
        lines.pop(0)
    rest = "\n".join(lines).lstrip("\n#\t ")
    for pattern in (r"/\*(.*?)\*/", r'[rR]?"""(.*?)"""'):
        match = re.match(pattern, rest, re.S)
        if match:
            return " ".join(match[1].replace("*", " ").split())
    comment = []
    for line in [] if name.endswith(C_SUFFIXES) else lines:
        if not line.startswith(("#", "//")) and (line.strip() or comment):
            break
        comment.append(line.lstrip("#/ "))
    return " ".join(" ".join(comment).split())


def check_preface(tree: Tree, only: list[str] | None) -> list[str]:
    """Ask for a sentence or two; what they say is for reviewers to judge."""
    problems = []
    for name in chosen(tree, only):
        if not is_source(tree, name) or name.endswith((".config", ".clang-format")):
            continue
        text = tree.text(name)
        if name.endswith("__init__.py") and not text.strip():
            continue
        need = 60 if text.count("\n") > 60 else 40
        found = len(preface(name, text))
        if found < need:
            problems.append(f"{name}:2: the preface has {found} characters, not {need} or more: "
                            "say what is here, who calls it, what to read next")
    return problems


# ---- citations -------------------------------------------------------------------

CITE = re.compile(r"\b(SDM|APM)\s+(\d[A-D]?)\b")
FORBIDDEN_CITE = re.compile(r"\b(SDM|APM)[\s,]+(vol(ume|\.)|sections?|chapters?|§)\s*\d", re.I)


def check_citations(tree: Tree, only: list[str] | None) -> list[str]:
    """A volume is followed by a quoted title; numbers are only a courtesy."""
    problems = []
    for name in chosen(tree, only):
        if not is_text(tree, name):
            continue
        text = tree.text(name)
        for match in CITE.finditer(text):
            after = re.sub(r"^[\s*#/|]+", "", text[match.end():match.end() + 120])
            if not after.startswith(('"', '\\"')):
                problems.append(f"{name}:{line_of(text, match.start())}: "
                                f"{match[1]} {match[2]} without a quoted title")
        for match in FORBIDDEN_CITE.finditer(text):
            problems.append(f"{name}:{line_of(text, match.start())}: "
                            "cite by volume and quoted title, not by number")
    return problems


# ---- includes --------------------------------------------------------------------

# Who may include whom, besides itself.  A folder's tests/ may use what the
# folder may, the folder itself, the expectations of tests/kunit and, as they
# drive the neutral core, its fake back end.
ALLOWED = {
    "ioctl-uapi": (),
    "module": ("ioctl-uapi",),
    "ept": ("module",),
    "vmx": ("module", "ept"),
    "userspace-tool": ("ioctl-uapi",),
    "tests": ("ioctl-uapi", "userspace-tool/lib"),
    "labs": ("ioctl-uapi", "module", "ept", "vmx"),
    "nested": (),
}
# The decoder is pure; a program compares it with a library.
ALSO_ALLOWED = {"tests/decode/decode_test.c": "module/decode.h"}
NEUTRAL = ("module", "ioctl-uapi")
VENDOR_HEADER = re.compile(r"asm/(vmx|svm|virtext)\.h|uapi/asm/(vmx|svm)\.h")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)
SEARCHED = {     # -I of the build
    "userspace-tool": ("userspace-tool", "userspace-tool/lib", "userspace-tool/view", "ioctl-uapi"),
    "tests": ("ioctl-uapi", "userspace-tool/lib", "tests/lib"),
}


def find_header(tree: Tree, name: str, header: str) -> str:
    """Return the header's name in the tree, or its path if it is not tracked."""
    folder = str(PurePosixPath(name).parent)
    places = (folder,) + SEARCHED.get(name.split("/")[0], ())
    paths = [os.path.normpath(f"{place}/{header}") for place in places]
    return next((path for path in paths if path in tree.files), paths[0])


def may_include(name: str, target: str) -> bool:
    folder, other = name.split("/")[0], target.split("/")[0]
    allowed = ALLOWED.get(folder, ())
    if folder == other or other in allowed or target.startswith(tuple(f"{a}/" for a in allowed)):
        return True
    if ALSO_ALLOWED.get(name) == target:
        return True
    return "/tests/" in name and target.startswith(("tests/kunit/", "module/"))


def check_includes(tree: Tree, only: list[str] | None) -> list[str]:
    problems = []
    for name in chosen(tree, only):
        if not name.endswith(C_SUFFIXES):
            continue
        text = tree.text(name)
        for match in INCLUDE.finditer(text):
            where = f"{name}:{line_of(text, match.start())}"
            if match[1] == "<":
                if name.startswith(NEUTRAL) and VENDOR_HEADER.search(match[2]):
                    problems.append(f"{where}: neutral code includes <{match[2]}>")
            elif not may_include(name, find_header(tree, name, match[2])):
                problems.append(f'{where}: {name.split("/")[0]}/ may not include "{match[2]}"')
    return problems


# ---- reading order ---------------------------------------------------------------

ORDER = "docs/reading-order.md"
ORDERED_FOLDERS = ("module", "vmx", "ept", "ioctl-uapi", "userspace-tool", "nested")
ORDER_ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+`([^`]+)`", re.M)


def check_reading_order(tree: Tree, only: list[str] | None) -> list[str]:
    if ORDER not in tree.files:
        return [f"{ORDER}: missing"]
    text = tree.text(ORDER)
    wanted = {name for name in tree.files if name.split("/")[0] in ORDERED_FOLDERS}
    problems, seen = [], set()
    for match in ORDER_ITEM.finditer(text):
        where = f"{ORDER}:{line_of(text, match.start())}"
        if match[1] in seen:
            problems.append(f"{where}: {match[1]} is listed twice")
        elif match[1] not in wanted:
            problems.append(f"{where}: {match[1]} is not a tracked file of these folders")
        seen.add(match[1])
    return problems + [f"{ORDER}: {name} is not listed" for name in sorted(wanted - seen)]


# ---- links and mentions ----------------------------------------------------------

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
MENTION = re.compile(r"(?<![\w/.${}<>-])((?:docs|nested|labs|ioctl-uapi|tests|module|vmx|ept|"
                     r"userspace-tool)/[\w./-]*\w\.(?:md|c|h|S|def|py|sh))\b")


def slugs(text: str) -> set[str]:
    """Return the anchors that a forge makes from the headings."""
    heads = re.findall(r"^#+\s+(.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def check_links(tree: Tree, only: list[str] | None) -> list[str]:
    folders = {str(parent) for name in tree.files for parent in PurePosixPath(name).parents}
    problems = []
    for name in chosen(tree, only):
        if not name.endswith(".md"):
            continue
        text = tree.text(name)
        for match in LINK.finditer(text):
            if re.match(r"[a-z]+:", match[1]):
                continue
            path, _, anchor = match[1].partition("#")
            target = os.path.normpath(f"{PurePosixPath(name).parent}/{path}") if path else name
            where = f"{name}:{line_of(text, match.start())}"
            if target not in tree.files and target not in folders:
                problems.append(f"{where}: no such file: {match[1]}")
            elif anchor and anchor not in slugs(tree.text(target)):
                problems.append(f"{where}: no such heading: {match[1]}")
    return problems


# Files of a student's tree, made by labs/cut.
MADE_LATER = ("module/lab.h",)


def check_mentions(tree: Tree, only: list[str] | None) -> list[str]:
    """A file that a comment or a page names must be there."""
    problems = []
    for name in chosen(tree, only):
        if not is_text(tree, name) or name.startswith("tests/style/"):
            continue
        text = tree.text(name)
        for match in MENTION.finditer(text):
            if match[1] in MADE_LATER or "/N/" in match[1]:
                continue
            if not any(known == match[1] or known.endswith(f"/{match[1]}") for known in tree.files):
                problems.append(f"{name}:{line_of(text, match.start())}: no such file: {match[1]}")
    return problems


FUNCTION = re.compile(r"`(\w+)\(\)`")
TEST_CASE = re.compile(r"`(\w+)\.(\w+)`")
KERNELS_OWN = ("xfer_to_guest_mode_handle_work", "register_syscore_ops", "register_syscore",
               "vm_flags_set", "vm_flags_clear", "cr4_update_irqsoff")


def unit_tests(tree: Tree) -> dict[str, set[str]]:
    """Return the cases of each KUnit suite."""
    suites: dict[str, set[str]] = {}
    for name in tree.files:
        if name.endswith("_kunit.c"):
            text = tree.text(name)
            for suite in re.findall(r'\.name = "(\w+)",\n\s*\.(?:init|test_cases)', text):
                suites[suite] = set(re.findall(r"KUNIT_CASE\((\w+)\)", text))
    return suites


def machine_tests(tree: Tree) -> dict[str, set[str]]:
    """Return the cases of each program of tests/ioctl."""
    return {PurePosixPath(name).stem: set(re.findall(r"\bCASE(?:_TIME)?\((\w+)", tree.text(name)))
            for name in tree.files if re.fullmatch(r"tests/ioctl/\w+_test\.c", name)}


def check_names(tree: Tree, only: list[str] | None) -> list[str]:
    """Functions and unit tests that a page of docs/ names must be there."""
    sources = "\n".join(tree.text(name) for name in tree.files if name.endswith(C_SUFFIXES))
    words = set(re.findall(r"\b(\w+)\s?\(", sources)) | set(KERNELS_OWN)
    suites = unit_tests(tree) | machine_tests(tree)
    problems = []
    for name in chosen(tree, only):
        if not name.startswith("docs/"):
            continue
        text = tree.text(name)
        for match in FUNCTION.finditer(text):
            if match[1] not in words:
                problems.append(f"{name}:{line_of(text, match.start())}: no such function: {match[0]}")
        for match in TEST_CASE.finditer(text):
            if match[1] in suites and match[2] not in suites[match[1]]:
                problems.append(f"{name}:{line_of(text, match.start())}: no such test: {match[0]}")
    return problems


# ---- the table of exit reasons -----------------------------------------------------

EXITS = "docs/exits.md"
EXIT_GUEST = "tests/guests/exits.S"
EXIT_ROW = re.compile(r"^\| (\d+) \| (\w+) \| ([a-z ]+) \| (.+) \| (.+) \|$", re.M)
EXIT_REASON = re.compile(r"^VMX_EXIT\((\w+), (\d+), (\w+),", re.M)
EXIT_WORDS = {"OTHER": {"no exit", "not handled"}, "INSN": {"reflected", "no exit"},
              "PMC": {"reflected"}, "TASK_SWITCH": {"refused"}, "BAD_SLAT": {"refused"}}


def test_problem(cell: str, tests: dict[str, set[str]], sections: set[str]) -> str | None:
    """Return: what is wrong with the tests that a row names, or None."""
    named = TEST_CASE.findall(cell)
    places = re.findall(r"exits\.S \((\d+)\)", cell)
    if not named and not places and "none: " not in cell:
        return "names no test and no reason"
    for suite, case in named:
        if case not in tests.get(suite, set()):
            return f"no such test: {suite}.{case}"
    for place in places:
        if place not in sections:
            return f"{EXIT_GUEST} has no section ({place})"
    return None


def totals_problem(page: str, words: list[str]) -> list[str]:
    line = re.search(r"^Totals: (.*)\.$", page, re.M)
    told = {word: int(nr) for nr, word in re.findall(r"(\d+) ([a-z ]+)", line[1])} if line else {}
    real = {word: words.count(word) for word in set(words)}
    return [] if told == real else [f"{EXITS}: totals are {told}, the rows give {real}"]


def check_exit_table(tree: Tree, only: list[str] | None) -> list[str]:
    """Each reason has one row, a word that fits its kind, and tests that exist."""
    page = tree.text(EXITS)
    tests = unit_tests(tree) | machine_tests(tree)
    sections = set(re.findall(r"/\*(?:\n\t \*)? \((\d+)\)", tree.text(EXIT_GUEST)))
    reasons = {int(number): (name, kind) for name, number, kind
               in EXIT_REASON.findall(tree.text("vmx/exit_reasons.def"))}
    problems = []
    seen: set[int] = set()
    for match in EXIT_ROW.finditer(page):
        number, name, word = int(match[1]), match[2], match[3]
        at = f"{EXITS}:{line_of(page, match.start())}: reason {number}"
        if number in seen:
            problems.append(f"{at} has two rows")
        seen.add(number)
        if number not in reasons or reasons[number][0] != name:
            problems.append(f"{at} is not {name} in vmx/exit_reasons.def")
        elif word not in EXIT_WORDS.get(reasons[number][1], {"handled"}):
            problems.append(f"{at}: '{word}' does not fit the kind {reasons[number][1]}")
        if problem := test_problem(match[5], tests, sections):
            problems.append(f"{at}: {problem}")
    problems += [f"{EXITS}: reason {number} ({reasons[number][0]}) has no row"
                 for number in sorted(set(reasons) - seen)]
    return problems + totals_problem(page, [match[3] for match in EXIT_ROW.finditer(page)])


# ---- things that do not belong in the tree ---------------------------------------

def check_sizes(tree: Tree, only: list[str] | None) -> list[str]:
    return [f"{name}: {size} bytes; nothing above {LIMIT_BYTES} is tracked"
            for name in chosen(tree, only) if (size := len(tree.raw(name))) > LIMIT_BYTES]


UNWANTED = (
    (re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b"), "unfinished work"),
    (re.compile(r"(?<![\w.])/(?:wo" r"rk|ho" r"me)/\w"), "a path of somebody's machine"),
    (re.compile(r"\.\./sha" r"red\b|\bsha" r"red/[A-Z]"), "a path outside of the repository"),
    (re.compile(r"\b[56]\.\d+\.\d+-\d+(?:-(?:cloud-)?amd64|\b)"), "a kernel's ABI number"),
)


def check_unwanted(tree: Tree, only: list[str] | None) -> list[str]:
    problems = []
    for name in chosen(tree, only):
        if not is_text(tree, name):
            continue
        text = tree.text(name)
        for pattern, what in UNWANTED:
            for match in pattern.finditer(text):
                problems.append(f"{name}:{line_of(text, match.start())}: {what}: {match[0]}")
    return problems


# ---- the list --------------------------------------------------------------------

def appended(line: str):
    return lambda text: f"{text}\n{line}\n"


CHECKS = [
    Check("each source names its licence", check_spdx, [
        Seed("a file without SPDX line", "module/msr.c",
             lambda text: text.split("\n", 1)[1], "no SPDX"),
    ]),
    Check("each source has a preface", check_preface, [
        Seed("a file without preface", "module/msr.c",
             lambda text: re.sub(r"/\*.*?\*/\n", "", text, 1, re.S), "the preface has 0"),
        Seed("a script without preface", "nested/lib/machine/cpio.py",
             lambda text: re.sub(r'""".*?"""', "", text, 1, re.S), "the preface has 0"),
    ]),
    Check("each citation has a title", check_citations, [
        Seed("a section number alone", "vmx/vmcs.c",
             appended("/* SDM " "3C 28.2.1 */"), "without a quoted title"),
        Seed("a chapter by its number", "vmx/vmcs.c",
             appended("/* SDM " "chapter 28 */"), "not by number"),
    ]),
    Check("includes stay behind the doors", check_includes, [
        Seed("the core includes a back end", "module/vcpu.c",
             appended('#include "../vmx/vmx.h"'), "may not include"),
        Seed("the core includes a vendor's header", "module/vcpu.c",
             appended("#include <asm/vmx.h>"), "neutral code includes"),
        Seed("the page tables include their user", "ept/ept.c",
             appended('#include "../vmx/caps.h"'), "may not include"),
        Seed("the tool includes kernel code", "userspace-tool/lib/vm.c",
             appended('#include "../../module/vtr.h"'), "may not include"),
        Seed("a back end includes a test", "vmx/run.c",
             appended('#include "../tests/kunit/expect.h"'), "may not include"),
    ]),
    Check("the reading order lists each file once", check_reading_order, [
        Seed("a new file", "module/seeded.c", lambda _: "int x;\n", "module/seeded.c is not listed"),
        Seed("a file listed twice", ORDER,
             appended("- `module/vcpu.c`"), "module/vcpu.c is listed twice"),
        Seed("a file that is gone", ORDER, appended("- `module/gone.c`"), "not a tracked file"),
    ]),
    Check("links between pages lead somewhere", check_links, [
        Seed("a link to no file", ORDER, appended("[x](no-such-page.md)"), "no such file"),
        Seed("a link to no heading", ORDER,
             appended("[x](architecture.md#no-such-heading)"), "no such heading"),
    ]),
    Check("files that are mentioned exist", check_mentions, [
        Seed("a comment about a lost file", "module/vm.c",
             appended("/* See module/lost.c. */"), "no such file: module/lost.c"),
    ]),
    Check("functions and tests that pages name exist", check_names, [
        Seed("a function that is gone", "docs/exits.md", appended("`handle_nothing()`"), "no such function"),
        Seed("a test that is gone", "docs/exits.md", appended("`handle.no_such_case`"), "no such test"),
    ]),
    Check("each exit reason has its row", check_exit_table, [
        Seed("a reason without a row", EXITS,
             lambda text: re.sub(r"^\| 55 \|.*\n", "", text, 1, re.M), "reason 55 (XSETBV) has no row"),
        Seed("a reason that only stops the VM", "vmx/exit_reasons.def",
             lambda text: text.replace("VMX_EXIT(CPUID, 10, CPUID,", "VMX_EXIT(CPUID, 10, OTHER,"),
             "'handled' does not fit the kind OTHER"),
        Seed("a row without a test", EXITS,
             lambda text: re.sub(r"^(\| 36 \|.*\| )exits\.S \(10\) \|$", r"\1later |", text, 1, re.M),
             "reason 36: names no test"),
        Seed("a row whose test is gone", "tests/ioctl/exits_test.c",
             lambda text: text.replace("CASE(halt_then_triple_fault)", "CASE(halt_then_nothing)"),
             "no such test: exits_test.halt_then_triple_fault"),
        Seed("a section of the guest that is gone", EXIT_GUEST,
             lambda text: text.replace("/* (4)", "/* (x)"), "has no section (4)"),
        Seed("totals that are not true", EXITS,
             lambda text: text.replace("Totals: 2", "Totals: 3"), "totals are"),
    ]),
    Check("nothing tracked is large", check_sizes, [
        Seed("a file of 600 KiB", "docs/seeded.md", lambda _: "x" * 600 * 1024, "nothing above"),
    ]),
    Check("nothing unfinished or foreign", check_unwanted, [
        Seed("a note to self", "module/vm.c", appended("/* TO" "DO: later */"), "unfinished"),
        Seed("a kernel's ABI number", "nested/kernels",
             appended("# 6.1" ".0-99-cloud-amd64"), "ABI number"),
        Seed("a path of this machine", "docs/README.md",
             appended("See /ho" "me/me/notes."), "somebody's machine"),
    ]),
]
