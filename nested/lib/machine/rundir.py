# SPDX-License-Identifier: GPL-2.0-only
"""The directory of one run: in memory if it fits, gone when the run ends.

main.py opens it, the engines put the emulator's files there.  A run that was
killed cannot clean up, so the next one removes directories whose owner is no
longer there; the owner's process id is in the name.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from .errors import Failure

PREFIX = "vitrine-run-"
MEMORY = pathlib.Path("/dev/shm")


@contextlib.contextmanager
def open_for(size: int) -> Iterator[pathlib.Path]:
    """A fresh directory with room for SIZE bytes."""
    base = choose(size)
    remove_stale(base)
    place = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def choose(size: int) -> pathlib.Path:
    places = [MEMORY, pathlib.Path(tempfile.gettempdir())]
    for place in places:
        if os.access(place, os.W_OK) and shutil.disk_usage(place).free > size:
            return place
    raise Failure(f"no room for {size >> 20} MB in {' or '.join(map(str, places))}; "
                  "free some, or set TMPDIR")


def remove_stale(base: pathlib.Path) -> None:
    for place in base.glob(f"{PREFIX}*"):
        owner = place.name[len(PREFIX):].split("-")[0]
        if not pathlib.Path(f"/proc/{owner}").exists():
            shutil.rmtree(place, ignore_errors=True)
