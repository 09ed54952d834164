# SPDX-License-Identifier: GPL-2.0-only
"""A crash of the nested machine, told in terms of the student's source.

judge.py calls explain() with what the kernel's log reports.  Addresses become
file and line through the module's debug information; the likely mistakes are
the table MISTAKES, first match first.
"""

import re
import subprocess
from pathlib import Path

PLACE = re.compile(r"(?:RIP: \S+?:|\b)([a-z_][a-z0-9_.]*)\+0x([0-9a-f]+)/0x[0-9a-f]+ \[vitrine\]")
STAMP = re.compile(r"^\[[ 0-9.]+\](\[ *\w+\])? ")
PATH = re.compile(r"\S*/((?:module|vmx|ept)/\w+\.)")
SYMBOL = re.compile(r"^(\S+?)\s*\|([0-9a-f]+)\|\s*\w\s*\|\s*FUNC\|[^|]*\|[^|]*\|(\S+)",
                    re.MULTILINE)

# (pattern in the report or the trouble, what is likely wrong)
MISTAKES = [
    (r"sleeping function called from invalid context|scheduling while atomic",
     "something that may sleep (an allocation with GFP_KERNEL, a mutex, copy_to_user) is called "
     "with interrupts or preemption off"),
    (r"invalid opcode|vmread_error|vmwrite_error",
     "a VMX instruction was executed on a core that is not in VMX root mode (#UD), or a BUG_ON "
     "was hit"),
    (r"general protection fault|unchecked MSR access",
     "#GP: an MSR or control register got a value that it doesn't take (CR4.VMXE may not be "
     "cleared in root mode; VMXON wants CR4.VMXE, and CR0 and CR4 as the fixed-bit MSRs say), or "
     "an address isn't canonical"),
    (r"NULL pointer dereference|unable to handle page fault",
     "a pointer is NULL, freed, or was never set"),
    (r"soft lockup|RCU stall|rcu.*stall|blocked for more than",
     "a core spins or waits for ever: a lock that is not given back, or a loop that takes no "
     "signal"),
    (r"VM(READ|WRITE|CLEAR|PTRLD) .*failed|VM(READ|WRITE) of",
     "a VMX instruction failed: is the VMCS current on this core, and the field there?"),
    (r"use-after-free|slab-out-of-bounds|KASAN", "memory is used after it was freed, or beyond "
                                                 "its end"),
    (r"kmemleak", "memory is not freed on some path"),
    (r"lock held when returning|possible circular locking|inconsistent lock state",
     "locks are taken in another order than elsewhere, or not given back"),
    (r"the machine was reset|double fault",
     "a fault in the fault handler: the host's stack, IDT, GDT or TSS was wrong. After a VM exit "
     "these come from the host-state area: look at HOST_RSP, HOST_RIP, HOST_TR_BASE, "
     "HOST_GDTR_BASE, HOST_IDTR_BASE, HOST_GS_BASE"),
    (r"no end within", "the script did not come to its end: something waits or spins for ever"),
]


def places(report: list[str], module: Path) -> list[str]:
    """The lines of the student's source that the report goes through, innermost first."""
    found: list[str] = []
    for name, offset in PLACE.findall("\n".join(report)):
        where = line_of(module, name, int(offset, 16))
        if where and where not in found:
            found.append(where)
    return found


def line_of(module: Path, name: str, offset: int) -> str | None:
    """vmx/cpu.c:117 in vmx_cpu_enable() from a symbol and an offset."""
    table = subprocess.run(["nm", "-f", "sysv", module], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False).stdout
    for symbol, value, section in SYMBOL.findall(table):
        if symbol == name:
            text = subprocess.run(["addr2line", "-e", module, "-j", section,
                                   f"{int(value, 16) + offset:#x}"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=False).stdout
            match = re.search(r"((?:module|vmx|ept)/[\w.]+:\d+)", text)
            return f"{match[1]} in {name}()" if match else f"{name}()"
    return None


def likely(text: str) -> str | None:
    return next((mistake for pattern, mistake in MISTAKES
                 if re.search(pattern, text, re.IGNORECASE)), None)


def explain(reports: list[list[str]], trouble: str | None, module: Path) -> str:
    """One or two sentences: what happened, where, and the likely mistake."""
    report = reports[0] if reports else []
    head = STAMP.sub("", report[0]) if report else trouble or ""
    head = PATH.sub(r"\1", head)
    where = places(report, module)
    text = head + (f", at {where[0]}" if where else "")
    if len(where) > 1:
        text += f" (called from {where[1]})"
    mistake = likely("\n".join(report) + (trouble or ""))
    return text + (f". Likely: {mistake}" if mistake else "")
