# SPDX-License-Identifier: GPL-2.0-only
"""What an emulator cannot show: mitigations, looked for in the object code.

Called by run through the list CHECKS at the end.  docs/speculation.md says what
must happen around the entry; here the object that kbuild makes of vmx/enter.S is
disassembled and read.  Places that the kernel patches at run time are known by
the entries of .altinstructions.  Read next: vmx/enter.S.
"""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

from kernel_checks import build_whole, place
from tree import Check, Failure, Seed, Tree

ENTER = "vmx/enter.S"
LOW = ("ax", "cx", "dx", "bx", "bp", "si", "di")
CLEARED = [f"%e{name}" for name in LOW] + [f"%r{n}d" for n in range(8, 16)]
KERNELS = ("6.1", "6.12")


def disassemble(path: Path, section: str) -> list[str]:
    out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-j", section, str(path)],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return [re.sub(r"\s+", " ", line.split("\t", 1)[-1]).strip() for line in out.splitlines()]


def after_exit(code: list[str]) -> list[str]:
    """Return what runs after an exit until the first branch or return."""
    start = next((i for i, line in enumerate(code) if "<vmx_exit_here>:" in line), None)
    if start is None:
        raise Failure("vmx/enter.o has no vmx_exit_here in .noinstr.text")
    found = []
    for line in code[start + 1:]:
        if re.match(r"(j\w+|call|ret)\b", line):
            break
        found.append(line)
    return found


def before_entry(code: list[str]) -> list[str]:
    """Return what runs between the last register load and VMRESUME."""
    end = next((i for i, line in enumerate(code) if line.startswith("vmresume")), 0)
    start = max((i for i in range(end) if code[i].endswith(",%rdi")), default=0)
    return code[start + 1:end]


def patched(path: Path) -> int:
    out = subprocess.run(["objdump", "-r", "-j", ".altinstructions", str(path)],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return len(re.findall(r"\.noinstr\.text", out))


def read_object(path: Path, kernel: str) -> list[str]:
    if not path.is_file():
        raise Failure(f"{path} was not built")
    code = disassemble(path, ".noinstr.text")
    instead = disassemble(path, ".altinstr_replacement")
    xors = [line for line in after_exit(code) if line.startswith("xor ")]
    problems = [f"{kernel}: {name} keeps the guest's value after an exit"
                for name in CLEARED if f"xor {name},{name}" not in xors]
    if not any(line.startswith("verw") for line in before_entry(code) + instead):
        problems.append(f"{kernel}: no VERW clears the CPU's buffers before the entry")
    if sum(line.startswith("call") for line in instead) < 3:
        problems.append(f"{kernel}: the return stack buffer is not refilled after an exit")
    if patched(path) < 3:
        problems.append(f"{kernel}: {patched(path)} places are patched by the kernel, not 3 or more")
    if disassemble(path, ".text")[4:]:
        problems.append(f"{kernel}: code outside of .noinstr.text, which may be traced")
    return problems


def check_entry(tree: Tree, only: list[str] | None) -> list[str]:
    problems = []
    for kernel in KERNELS if only is None else KERNELS[:1]:
        where = place(f"w1-{kernel}", only)
        # Other complaints are for the checks of warnings.
        build_whole(tree, kernel, where, only, "W=1", "KCFLAGS=-Werror")
        problems += read_object(where / "vmx/enter.o", kernel)
    return problems


def without(pattern: str):
    return lambda text: re.sub(pattern, "", text, 1, re.S)


CHECKS = [
    Check("the entry clears what the guest loaded", check_entry, [
        Seed("a register that is not cleared", ENTER, without(r"\txor\t%r9d, %r9d\n"), "%r9d keeps"),
        Seed("a return stack buffer not refilled", ENTER,
             without(r"\tFILL_RETURN_BUFFER [^\n]*\\\n[^\n]*\n"), "not refilled"),
        Seed("CPU buffers not cleared", ENTER, without(r"\tVM_CLEAR_CPU_BUFFERS\n"), "no VERW"),
        Seed("code that may be traced", ENTER,
             lambda text: text.replace(".section .noinstr.text, \"ax\"", ".section .noinstr.text, \"ax\"\n"
                                       "\t.text\n\tnop\n\t.section .noinstr.text, \"ax\""), "may be traced"),
    ]),
]
