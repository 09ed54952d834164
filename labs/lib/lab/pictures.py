# SPDX-License-Identifier: GPL-2.0-only
"""make pictures: the figures of the handouts, labs/pictures/*.svg.

What a table of the source says is read there (tables.py), so a figure can't
fall behind it: the style test compares the files with what is drawn now.
figures_vmx.py, figures_run.py and figures_irq.py draw; draw.py is the pencil.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from . import figures_irq, figures_run, figures_vmx
from .tables import Source
from .tree import TOP

FOLDER = "labs/pictures"
FIGURES = (
    figures_vmx.layers, figures_vmx.root_mode, figures_vmx.vmcs, figures_vmx.entry_controls,
    figures_vmx.entry_checks, figures_vmx.ept_walk, figures_vmx.ept_entry,
    figures_run.exit_loop, figures_run.registers, figures_run.events,
    figures_run.interruption_info, figures_irq.local_apic, figures_irq.vcpu_rests,
)


def draw_all(read: Callable[[str], str]) -> dict[str, str]:
    """The text of each figure by its path; READ gives the text of a file of the tree."""
    source = Source(read)
    drawings = [figure(source) for figure in FIGURES]
    return {f"{FOLDER}/{drawing.name}.svg": drawing.svg() for drawing in drawings}


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="make pictures", allow_abbrev=False,
        description="Draw the figures of the handouts out of the tables of the source.")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail if a file differs from what is drawn")
    options = parser.parse_args(arguments)
    stale = 0
    for name, text in draw_all(lambda path: (TOP / path).read_text()).items():
        place = Path(TOP / name)
        if place.is_file() and place.read_text() == text:
            continue
        stale += 1
        if options.check:
            print(f"{name}: not what the source says: run make pictures", file=sys.stderr)
        else:
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)
            print(name)
    return 1 if options.check and stale else 0
