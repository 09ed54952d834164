# SPDX-License-Identifier: GPL-2.0-only
"""labs/export-student FILE.tar.gz: what students get.

One directory for each lab, as labs/cut makes it, without staff material; lab N's
tree holds the true solutions of the labs before it, so give them out in order:
--lab N makes the archive of one lab only.
"""

import argparse
import io
import tarfile
import tempfile
from pathlib import Path

from . import tree
from .errors import LabError, UsageError

SUFFIXES = (".tar.gz", ".tar.xz", ".tgz", ".tar")


def mode_of(name: str) -> str:
    if name.endswith((".tar.gz", ".tgz")):
        return "w:gz"
    return "w:xz" if name.endswith(".xz") else "w"


def reset(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same input makes the same archive, whoever makes it."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = 0
    return member


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="labs/export-student", allow_abbrev=False,
        description="Make an archive for students: no staff material, no solution of the lab.")
    parser.add_argument("lab", type=int, metavar="N", choices=tree.LABS, help="0 to 7")
    parser.add_argument("file", type=Path, metavar="FILE", help="ends in .tar.gz, .tar.xz or .tar")
    options = parser.parse_args(arguments)
    if not options.file.name.endswith(SUFFIXES):
        raise UsageError(f"{options.file}: a name that ends in {', '.join(SUFFIXES)} is needed")
    data = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="vitrine-export-") as place:
        where = Path(place) / f"vitrine-lab{options.lab}"
        tree.cut(options.lab, where)
        with tarfile.open(fileobj=data, mode=mode_of(options.file.name)) as archive:
            archive.add(where, arcname=where.name, filter=reset)
    try:
        options.file.write_bytes(data.getvalue())
    except OSError as error:
        raise LabError(f"{options.file}: {error.strerror}") from error
    print(f"{options.file}: lab {options.lab}, {len(data.getvalue()) >> 10} KiB")
    return 0
