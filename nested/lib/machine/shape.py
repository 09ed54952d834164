# SPDX-License-Identifier: GPL-2.0-only
"""What hardware a machine has, whatever engine makes it."""

from dataclasses import dataclass, field

CPU_KINDS = {
    "vmx": "VMX with EPT",
    "no-ept": "VMX without EPT",
    "no-ug": "VMX with EPT, without unrestricted guest",
    "no-vmx": "no VMX",
    "locked": "VMX locked off, as by firmware",
}


@dataclass(frozen=True)
class Shape:
    cpus: int
    memory: int     # MB
    cpu: str        # one of CPU_KINDS
    # Instructions of the emulator in a millionth of the machine's second.  Saved machines
    # are told apart by what follows from it for the emulator, so not by this.
    clock: int = field(default=20, repr=False)
