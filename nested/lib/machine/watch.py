# SPDX-License-Identifier: GPL-2.0-only
"""--watch: a record of each VM exit, made by the emulator and not by our code.

The emulator's debugger stops at each VM exit of each processor; it is asked
where, and told to go on.  So the record can neither be seen nor be forged by
what runs in the machine.  main.py makes a Record and hands it to
the engine; read debugger.py next.
"""

import pathlib

from .debugger import Debugger, Stop

HEADER = "# tick cpu host-RIP"


class Record:
    """An observer: one row for each exit: tick, processor, where the host goes on."""

    def __init__(self, cpus: int) -> None:
        self.cpus = cpus        # debugger.start() looks at it
        self.rows: list[str] = []

    def __call__(self, _debugger: Debugger, stop: Stop) -> None:
        if stop.kind == "vmexit":
            self.rows.append(f"{stop.tick} {stop.cpu} {stop.rip:016x}")

    def write(self, path: pathlib.Path) -> None:
        path.write_text("\n".join([HEADER, *self.rows]) + "\n", encoding="ascii")
