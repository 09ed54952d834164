# SPDX-License-Identifier: GPL-2.0-only
"""--watch: a record of each VM exit, made by the emulator and not by our code.

The emulator's debugger stops at each VM exit of the first processor and is
told to go on; afterwards its own text is read here.  So the record can neither
be seen nor be forged by what runs in the machine.  Subtle: a stop is a prompt
for a command, so all commands are written down in advance: COMMANDS is the
limit of what can be recorded.
"""

import re
from collections.abc import Iterable

COMMANDS = 2_000_000
STOP = re.compile(r"\((\d+)\) Caught VMEXIT breakpoint")
TICK = re.compile(r"Next at t=(\d+)")
PLACE = re.compile(r"\(\d+\)\.?(?:\[\d+\])? \[0x[0-9a-f]+\] [0-9a-f]+:([0-9a-f]{8,16}) ")
HEADER = "# tick cpu host-RIP"


def commands() -> str:
    return "vmexitbp\n" + "c\n" * COMMANDS


def rows(lines: Iterable[str]) -> list[str]:
    """One row for each exit: tick, processor, address where the host goes on."""
    found = []
    cpu = tick = None
    for line in lines:
        if match := STOP.search(line):
            cpu, tick = match[1], None
        elif cpu and (match := TICK.search(line)):
            tick = match[1]
        elif cpu and tick and (match := PLACE.search(line)):
            found.append(f"{tick} {cpu} {match[1]}")
            cpu = tick = None
    return found


def write(log: Iterable[str], path: str) -> int:
    """Turn the debugger's text into the record; return the number of exits."""
    found = rows(log)
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join([HEADER, *found]) + "\n")
    return len(found)
