# SPDX-License-Identifier: GPL-2.0-only
"""Write cpio archives in the "newc" format, which Linux unpacks at boot.

image.py makes the initial root file system with it, payload.py the files of
a job.  Owner is always root and times are zero, so the same files give the
same bytes.  Parents of an entry need no entry of their own for the agent, but
the kernel wants them: directories are added on the way.
"""

import os
import pathlib
import stat

HEADER = "070701" + "%08X" * 13


class Archive:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.names: set[str] = set()

    def directory(self, name: str, mode: int = 0o755) -> None:
        name = name.strip("/")
        if name and name not in self.names:
            self._add(name, stat.S_IFDIR | mode, b"")

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._add(name, stat.S_IFCHR | mode, b"", (major, minor))

    def copy(self, name: str, source: pathlib.Path) -> None:
        """Add SOURCE, a file, a symbolic link or a whole directory, as NAME."""
        if source.is_symlink():
            self.link(name, os.readlink(source))
        elif source.is_dir():
            self.directory(name, source.stat().st_mode & 0o777)
            for child in sorted(source.iterdir()):
                self.copy(f"{name}/{child.name}", child)
        elif source.is_file():
            self.file(name, source.read_bytes(), source.stat().st_mode & 0o777)

    def bytes(self) -> bytes:
        trailer = HEADER % (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0)
        return b"".join(self.parts) + _padded(trailer.encode() + b"TRAILER!!!\0")

    def _add(self, name: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> None:
        name = name.strip("/")
        self.directory(os.path.dirname(name))
        self.names.add(name)
        raw = os.fsencode(name) + b"\0"
        head = HEADER % (len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0,
                         *device, len(raw), 0)
        for part in (_padded(head.encode() + raw), _padded(data)):
            self.parts.append(part)
            self.size += len(part)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
