# SPDX-License-Identifier: GPL-2.0-only
"""The kernel that the machine boots, as nested/kernels made it.

`nested/kernels get NAME` is the one that fetches or builds; this file only
reads the result (see nested/README.md "Kernels" for what lies in it).
image.py puts it into the machine, payload.py takes modules from it.
"""

import pathlib
import subprocess
from dataclasses import dataclass

from .errors import Failure

NAMES = ("6.1", "6.12", "lean", "debug")
NESTED = pathlib.Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kernel:
    name: str
    place: pathlib.Path
    entry: int
    load: int
    end: int

    @property
    def release(self) -> str:
        return (self.place / "release").read_text().strip()

    @property
    def key(self) -> str:
        return (self.place / "key").read_text().strip()

    @property
    def modules(self) -> pathlib.Path:
        """The tree that becomes /lib/modules/RELEASE."""
        tree = self.place / "modules"
        nested = tree / "lib" / "modules" / self.release
        return nested if nested.is_dir() else tree


def get(name: str) -> Kernel:
    """Find the kernel NAME that the machine is to boot."""
    return read(name, find(name))


def find(name: str) -> pathlib.Path:
    """The directory of the kernel NAME; nested/kernels makes it if need be."""
    command = [str(NESTED / "kernels"), "get", name]
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise Failure(f"cannot run {command[0]}: {error.strerror}") from error
    if run.returncode:
        raise Failure(f"no kernel '{name}': `nested/kernels get {name}` failed, see above")
    return pathlib.Path(run.stdout.strip())


def read(name: str, place: pathlib.Path) -> Kernel:
    env = dict(line.split("=", 1) for line in (place / "boot.env").read_text().split())
    try:
        numbers = [int(env[key], 0) for key in ("PVH_ENTRY", "LOAD_ADDR", "LOAD_END")]
    except (KeyError, ValueError) as error:
        raise Failure(f"{place}/boot.env is damaged; "
                      f"remove it with `nested/kernels clean {name}`") from error
    return Kernel(name, place, *numbers)
