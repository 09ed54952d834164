# SPDX-License-Identifier: GPL-2.0-only
"""Checks of what is made for the labs out of the source: the figures.

Called by run; read text_checks.py before.  labs/lib/lab/pictures.py draws.
"""
from __future__ import annotations

import sys

from tree import TOP, Check, Seed, Tree

sys.path[:0] = [str(TOP / "labs/lib"), str(TOP / "nested/lib")]
from lab import pictures  # noqa: E402
from lab.errors import LabError  # noqa: E402


def check_pictures(tree: Tree, _only: list[str] | None) -> list[str]:
    try:
        drawn = pictures.draw_all(tree.text)
    except LabError as error:
        return [str(error)]
    problems = [f"{name}: not what the source says: run make pictures"
                for name, text in drawn.items()
                if name not in tree.files or tree.text(name) != text]
    return problems + [f"{name}: nobody draws it" for name in tree.files
                       if name.startswith(f"{pictures.FOLDER}/") and name.endswith(".svg")
                       and name not in drawn]


CHECKS = [
    Check("figures are what the tables of the source say", check_pictures, [
        Seed("a figure changed by hand", "labs/pictures/vmcs.svg",
             lambda text: text.replace("Host-state", "Hosts state"), "vmcs.svg: not what"),
        Seed("a rule more", "vmx/rules.def", lambda text: text + text[text.index("\nVMX_RULE("):]
             [:text[text.index("\nVMX_RULE("):].index(")\n") + 2], "entry-checks.svg: not what"),
        Seed("a bit that has moved", "ept/hw.h",
             lambda text: text.replace("BIT_ULL(6)", "BIT_ULL(10)", 1), "EPT_IGNORE_PAT at"),
        Seed("a function that is gone", "vmx/inject.c",
             lambda text: text.replace("vmx_can_inject", "vmx_may_inject"),
             "has no vmx_can_inject"),
        Seed("a control with another name", "vmx/controls.def",
             lambda text: text.replace('"Load debug controls"', '"Load debug"', 1), "other names"),
    ]),
]
