# SPDX-License-Identifier: GPL-2.0-only
"""Submissions that resemble each other more than chance.

Only what stands in the holes counts.  Comments, spaces and names are taken out,
so that renaming does not help; what remains is cut into overlapping runs of
tokens, of which a fixed choice is kept (winnowing: S. Schleimer, D. Wilkerson,
A. Aiken, SIGMOD 2003).  What everybody has, and what the true tree has, says
nothing and is left out.  classroom.py uses it.
"""

import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from . import holes
from .tree import TOP, has_holes, tracked

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
TOKEN = re.compile(r"[A-Za-z_]\w*|\d\w*|\"[^\"]*\"|[^\s\w]")
KEYWORDS = {"if", "else", "for", "while", "do", "return", "goto", "switch", "case", "break",
            "continue", "sizeof", "struct", "static", "const", "int", "void", "bool"}
RUN = 8             # tokens in a run
WINDOW = 4          # of so many runs in a row, one is kept
FLAG_FROM = 0.6     # of the smaller one's runs
ENOUGH = 12         # fewer runs than this say nothing


def tokens(text: str, assembly: bool = False) -> list[str]:
    """In assembly names are instructions and registers: they stay."""
    return [token if assembly or token in KEYWORDS or not (token[0].isalpha() or token[0] == "_")
            else "x" for token in TOKEN.findall(COMMENT.sub(" ", text))]


def shape_of(tree: Path) -> list[int]:
    """The kept runs of a tree's holes, as numbers."""
    found: set[int] = set()
    for name in filter(has_holes, tracked(TOP)):
        path = tree / name
        if path.is_file():
            for parts in holes.bodies(path.read_text(errors="replace"), name).values():
                for part in parts:
                    found.update(_winnow(tokens("\n".join(part), name.endswith(".S"))))
    return sorted(found)


def _winnow(stream: list[str]) -> Iterator[int]:
    runs = [zlib.crc32(" ".join(stream[n:n + RUN]).encode())
            for n in range(max(0, len(stream) - RUN + 1))]
    for n in range(max(0, len(runs) - WINDOW + 1)):
        yield min(runs[n:n + WINDOW])


def pairs(shapes: dict[str, list[int]]) -> list[tuple[float, str, str]]:
    """(share, one, other) of those that resemble each other, most alike first."""
    true = set(shape_of(TOP))
    often = Counter(run for shape in shapes.values() for run in set(shape))
    common = {run for run, times in often.items() if times > max(2, len(shapes) // 4)}
    rare = {student: set(shape) - true - common for student, shape in shapes.items()}
    found = []
    for (one, first), (other, second) in itertools.combinations(sorted(rare.items()), 2):
        smaller = min(len(first), len(second))
        if smaller >= ENOUGH and (share := len(first & second) / smaller) >= FLAG_FROM:
            found.append((share, one, other))
    return sorted(found, reverse=True)
