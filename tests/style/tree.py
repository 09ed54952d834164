# SPDX-License-Identifier: GPL-2.0-only
"""The tree under test, and what a check and its seeded violation look like.

Used by run and by every *_checks.py.  A Tree is the list of tracked files and
their present contents; a seed is the same tree with one file changed or added
in memory only, so that a check can be shown to fail without touching the
sources.  Read next: text_checks.py, then kernel_checks.py.
"""
from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build/style"
KERNEL_FOLDERS = ("module", "vmx", "ept")


class Failure(Exception):
    """A check could not be done; the message says what is missing."""


class Tree:
    """Files by name; @changes holds what a seed has changed (None: removed)."""

    def __init__(self, top: Path, changes: dict[str, str] | None = None) -> None:
        self.top = top
        self.changes = changes or {}
        names = set(tracked(top)) | set(self.changes)
        self.files = sorted(names)

    def path(self, name: str) -> Path:
        return self.top / name

    def raw(self, name: str) -> bytes:
        if name in self.changes:
            return self.changes[name].encode()
        return self.path(name).read_bytes()

    def text(self, name: str) -> str:
        return self.raw(name).decode(errors="replace")

    def with_change(self, name: str, text: str) -> Tree:
        return Tree(self.top, {**self.changes, name: text})

    def under(self, folders: tuple[str, ...], suffixes: tuple[str, ...]) -> list[str]:
        """Name the files in @folders that end in one of @suffixes."""
        return [name for name in self.files
                if name.split("/")[0] in folders and name.endswith(suffixes)]


def tracked(top: Path) -> list[str]:
    """List what git tracks; in an unpacked archive, all but build/."""
    if (top / ".git").exists():
        out = subprocess.run(["git", "-C", str(top), "ls-files", "-z"],
                             stdout=subprocess.PIPE, check=True).stdout.decode()
        names = [name for name in out.split("\0") if name]
    else:
        names = [str(path.relative_to(top)) for path in top.rglob("*")]
        names = [name for name in names if not name.startswith(("build/", ".git/"))]
    return [name for name in names if (top / name).is_file()]


@dataclass
class Seed:
    """A violation: @file becomes edit(its text); a problem with @says must follow."""
    what: str
    file: str
    edit: Callable[[str], str]
    says: str


@dataclass
class Check:
    """@run returns one line for each problem.  It gets the tree and either
    None or, from a seed, the names of the only files worth looking at."""
    name: str
    run: Callable[[Tree, list[str] | None], list[str]]
    seeds: list[Seed] = field(default_factory=list)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
