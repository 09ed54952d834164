# SPDX-License-Identifier: GPL-2.0-only
"""Checks of what the labs have of the source: figures, and submissions known to be wrong.

Called by run; read text_checks.py before.  labs/lib/lab/pictures.py draws,
labs/lib/lab/proof.py grades the submissions.
"""
from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

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


PATCH = re.compile(r"^labs/\d+/staff/(?:wrong|attacks)/[^/]+\.patch$")


def patch_problem(tree: Tree, name: str, changed: list[str]) -> str | None:
    """Does a patch apply to the files that it changes?"""
    with tempfile.TemporaryDirectory() as place:
        for file in changed:
            if file in tree.files:
                at = Path(place) / file
                at.parent.mkdir(parents=True, exist_ok=True)
                at.write_bytes(tree.raw(file))
        done = subprocess.run(["patch", "-s", "-p1", "-f", "-d", place], text=True,
                              input=tree.text(name), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    return f"{name}: does not apply: {done.stdout.splitlines()[0]}" if done.returncode else None


def check_patches(tree: Tree, only: list[str] | None) -> list[str]:
    problems = []
    for name in filter(PATCH.match, tree.files):
        changed = re.findall(r"^\+\+\+ b/(\S+)", tree.text(name), re.MULTILINE)
        if only is None or set(changed) & set(only):
            problems.append(patch_problem(tree, name, changed))
    return [problem for problem in problems if problem]


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
    Check("wrong submissions of the labs apply to the source", check_patches, [
        Seed("a line that one of them changes", "module/irqchip.c",
             lambda text: text.replace("vcpu->activity == VTR_WAIT_SIPI &&",
                                       "vcpu->activity >= VTR_WAIT_SIPI &&", 1),
             "second-sipi.patch: does not apply"),
    ]),
]
