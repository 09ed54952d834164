# SPDX-License-Identifier: GPL-2.0-only
"""The cache outside of git: small compiled tools and saved machines.

image.py and saved.py put their products here; nested/kernels keeps kernels
beside them.  A product's directory is named by the hash of its inputs and
appears by rename, so whatever exists is complete.  Two callers that want the
same product at once are kept apart by a lock file; the second finds it made.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

from .errors import Failure


def root() -> pathlib.Path:
    """The cache directory, by the rule that all of Vitrine follows."""
    if path := os.environ.get("VITRINE_CACHE"):
        return pathlib.Path(path)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "vitrine"


def key_of(*inputs: object) -> str:
    """A short hash of inputs that print the same when they are the same."""
    text = "\n".join(str(item) for item in inputs)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def file_mark(path: str | pathlib.Path) -> str:
    """Tell one version of a big installed file from another without reading it."""
    try:
        stat = os.stat(path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}; is its package installed?") from error
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made(kind: str, name: str, key: str, make: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """The directory KIND/NAME-KEY; MAKE fills it if it isn't there yet.

    Older keys of the same name are removed once the new one is in place.
    """
    place = root() / kind / f"{name}-{key}"
    if place.is_dir():
        return place
    try:
        with locked(root() / kind / f".{name}.lock"):
            if not place.is_dir():
                _make_in(place, make)
                _prune(place, f"{name}-", len(key))
    except OSError as error:
        raise Failure(f"cannot make {place}: {error.strerror or error}") from error
    return place


def _make_in(place: pathlib.Path, make: Callable[[pathlib.Path], None]) -> None:
    work = pathlib.Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    try:
        make(work)
        work.chmod(0o755)
        work.rename(place)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _prune(place: pathlib.Path, prefix: str, key_length: int) -> None:
    for other in place.parent.glob(f"{prefix}*"):
        if other != place and len(other.name) == len(prefix) + key_length:
            shutil.rmtree(other, ignore_errors=True)
