# SPDX-License-Identifier: GPL-2.0-only
"""--crash: a second kernel that starts when the first one crashes.

main.py asks for it, payload.py packs what files() returns.  The command loads
the crash kernel with `crash-load` and makes the first kernel panic; the crash
kernel boots the same root file system, whose agent sees vitrine.crash on the
command line and runs the script given to --crash.  Its status is the run's.
Subtle: the panic that leads here is wanted, other reports before it are not.
"""

import re

from .kernels import Kernel

RESERVED = "160M"
MEMORY = 512    # MB, for both kernels
PLACE = "crash"
# The ways into a crash kernel; a WARNING is none.
EXPECTED = re.compile(r"Kernel panic - not syncing|Oops: |BUG: (?:kernel NULL|unable to handle)|"
                      r"kernel BUG at")
LOAD = """\
#!/bin/sh
# Load the crash kernel; it starts when this kernel panics.  By -s the kernel
# itself makes the check sums: the tool would spend minutes on them here.
modprobe sha256-ssse3 2>/dev/null
exec kexec -s -p /crash/vmlinuz --initrd=/crash/initrd --command-line="$(cat /crash/command-line)"
"""


def first_kernel_options() -> list[str]:
    """Check sums over both kernels are long loops in an emulator, and no lockup."""
    return [f"crashkernel={RESERVED}", "nosoftlockup"]


def crash_command_line(common: list[str]) -> str:
    return " ".join([*common, "nr_cpus=1", "vitrine.crash"])


def files(kernel: Kernel, root: bytes, job: bytes,
          command_line: str) -> list[tuple[str, bytes, int]]:
    """(name, contents, mode) of what the first kernel needs."""
    padding = bytes(-len(root) % 512)
    return [(f"{PLACE}/vmlinuz", (kernel.place / "vmlinuz").read_bytes(), 0o644),
            (f"{PLACE}/initrd", root + padding + job, 0o644),
            (f"{PLACE}/command-line", command_line.encode(), 0o644),
            ("bin/crash-load", LOAD.encode(), 0o755)]

