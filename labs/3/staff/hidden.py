# SPDX-License-Identifier: GPL-2.0-only
"""Lab 3: the tests that only staff has.

They look at further blocks of guests/exits.S, at entries that fail (a case of
tests/ioctl/run_test.c makes three), and at what is left when the VM is gone.
judge.load() calls add(); read labs/3/tests.py before.
"""

from pathlib import Path

from lab.judge import Lab, expect, load_file
from lab.scene import Seen

visible = load_file(Path(__file__).resolve().parents[1] / "tests.py")
SHADOWS = 3             # interruptibility: blocking by STI, blocking by MOV SS
EXCEPTION = 0           # basic exit reasons
INVALID_STATE = 33
FAILED_ENTRIES = 3      # of run_test's case


def add(lab: Lab) -> None:
    @lab.test("cpuid-upper", "CPUID clears the upper halves of RAX, RBX, RCX and RDX", 5, "exits",
              after=["cpuid"], read="SDM 2A \"CPUID--CPU Identification\", of 64-bit mode; "
              "module/handle.c, handle_cpuid()")
    def cpuid_upper(seen: Seen) -> None:
        asked, after = visible.block(seen, 2)[-2:]
        for name in ("rax", "rbx", "rcx", "rdx"):
            expect(not after.gpr[name] >> 32, f"after CPUID {name.upper()} is "
                   f"{after.gpr[name]:#x}", "its upper half is 0")

    @lab.test("subleaf", "CPUID takes the subleaf from ECX", 5, "exits", after=["cpuid"],
              read="SDM 2A \"CPUID--CPU Identification\", leaf 07H; module/handle.c, "
              "handle_cpuid()")
    def subleaf(seen: Seen) -> None:
        visible.check_cpuid(seen, 4, [0, 0, 0, 0])

    @lab.test("in-merge", "IN of 8 and 16 bits leaves the rest of RAX alone", 5, "exits",
              after=["in"], read="SDM 1 \"General-Purpose Registers in 64-Bit Mode\"; "
              "module/handle.c, vtr_complete_pending()")
    def in_merge(seen: Seen) -> None:
        for number, bits in ((8, 8), (9, 16)):
            visible.check_in(seen, number, bits, visible.ALL_ONES)

    @lab.test("out-wide", "OUT of 16 and 32 bits hands all of it to the user side", 5, "exits",
              after=["out"], read="SDM 3C \"Exit Qualification for I/O Instructions\"; "
              "module/handle.c, handle_io()")
    def out_wide(seen: Seen) -> None:
        for number, bits in ((6, 16), (7, 32)):
            visible.check_out(seen, number, bits)

    @lab.test("shadow", "the shadow of STI is over when the instruction behind it is done", 5,
              "exits", after=["advance"], read="SDM 3C \"Guest Non-Register State\", "
              "interruptibility state; vmx/inject.c, vmx_skip_insn()")
    def shadow(seen: Seen) -> None:
        first, second = visible.block(seen, 11)[1:3]
        expect(first.vmcs["GUEST_INTERRUPTIBILITY_INFO"] & SHADOWS,
               "there is no shadow at the CPUID behind STI", "STI makes one")
        expect(not second.vmcs["GUEST_INTERRUPTIBILITY_INFO"] & SHADOWS,
               f"one instruction later, at RIP {second.rip:#x}, the interruptibility state is "
               f"{second.vmcs['GUEST_INTERRUPTIBILITY_INFO']:#x}", "bits 0 and 1 are clear again")

    @lab.test("trap", "a single-step trap comes behind an instruction that exits", 5, "exits",
              after=["advance"], needs_later=True,
              read="SDM 3B \"Single-Step Exception Condition\"; vmx/inject.c, vmx_skip_insn()")
    def trap(seen: Seen) -> None:
        exits = visible.block(seen, 12)
        between = seen.recorder.exits[exits[1].number:exits[-1].number]
        # The emulator leaves a trap pending; a processor does not.
        expect(not any(one.reason == EXCEPTION for one in between),
               "with RFLAGS.TF set, the next entry delivered nothing, and #DB came later as an "
               "exit of its own", "the trap is queued when CPUID is left")
        came = exits[-1].gpr
        expect(came["rdi"] == came["rsi"], f"with RFLAGS.TF set, #DB came at RIP "
               f"{came['rdi']:#x}", f"at {came['rsi']:#x}, right behind the CPUID")

    @lab.test("failed-entry", "a failed entry is told from an exit, and can be mended", 5, "exits",
              after=["again"], read="SDM 3C \"VM-Entry Failures During or After Loading Guest "
              "State\"; vmx/exit.c, vmx_describe_exit()")
    def failed_entry(seen: Seen) -> None:
        exits = seen.recorder.between(2, 3)
        failed = [one for one in exits if one.failed_entry and one.reason == INVALID_STATE]
        expect(len(failed) == FAILED_ENTRIES, f"{len(failed)} entries with invalid guest state "
               "(bit 31 of the exit reason is set)", f"{FAILED_ENTRIES}: the program hears of each "
               "and goes on")
        expect(exits[-1].reason == visible.HLT, f"the last exit has reason {exits[-1].reason}",
               "the state was mended, so the guest comes to its HLT")

    @lab.test("failed-told", "the program hears the whole reason of a failed entry", 5, "exits",
              after=["failed-entry"], inside=True, read="vmx/exit.c, vmx_describe_exit()")
    def failed_told(seen: Seen) -> None:
        expect(seen.recorder.marks[3].value == 0, "the program that makes them is not content: "
               "it looks at `fail.reason` and the sentence of the run page",
               "exit reason 0x80000021, as the processor gives it")

    @lab.test("released", "no core keeps a VMCS whose VM is gone", 5, "move", after=["moved"],
              needs_later=True,
              read="vmx/vmcs.c, vmx_vmcs_free() and vmx_vmcs_clear()")
    def released(seen: Seen) -> None:
        used = {one.vmcs_at for one in visible.halts(seen)}
        for core in seen.recorder.marks[visible.GONE].cores:
            expect(core.current_vmcs not in used, f"the VMCS is still current on core "
                   f"{core.number}", "VMCLEAR before its page is freed")
