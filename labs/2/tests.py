# SPDX-License-Identifier: GPL-2.0-only
"""Lab 2: the VMCS and the first VM entry.  The tests that students have, too.

One scene, `bare`: programs/bare.c makes a vCPU and stops for a look from outside
before each entry.  The VMCS is read from memory, where the emulator keeps it
(observe.py); what the host's registers are, the emulator says (host_state()).
For a VM entry that fails, the observer itself breaks a field: tamper().
"""

from dataclasses import dataclass

from lab.judge import Lab, expect
from lab.observe import (FIELDS, NO_VMCS, Exit, Mark, Recorder, Vmcs, offset_of, read_vmcs,
                         size_of)
from lab.scene import Scene, Seen
from machine.debugger import Debugger

REVISION = 0x2b         # IA32_VMX_BASIC 30:0 of the emulated processor
PAGE = 4096
HLT, EPT_VIOLATION = 12, 48     # exit reasons
TO_USER_HLT, TO_USER_FAIL = 4, 8    # enum vtr_exit_kind in ioctl-uapi/vitrine.h

START, CREATED, FIRST, BEFORE_SECOND, SECOND, CLOSED, BROKEN, TOLD, END = range(1, 10)
BARE = """\
mark 1
insmod /vitrine/vitrine.ko || exit 1
taskset 1 ./bare create mark 2 run tell 3 others 20 mark 4 run tell 5 close
mark 6
taskset 1 ./bare create hint {FAULT} mark 7 run tell 8 close
mark 9
rmmod vitrine
"""


@dataclass(frozen=True)
class Word:
    """A word of controls: what the emulated processor allows, what Vitrine asks for."""
    field: str
    msr: str
    must: int
    may: int
    asked: int      # vmx/caps.c, control_words[]


WORDS = (
    Word("PIN_BASED_VM_EXEC_CONTROL", "IA32_VMX_TRUE_PINBASED_CTLS", 0x16, 0x7f, 0x29),
    Word("CPU_BASED_VM_EXEC_CONTROL", "IA32_VMX_TRUE_PROCBASED_CTLS",
         0x04006172, 0xf7f9fffe, 0xb1980c88),
    Word("SECONDARY_VM_EXEC_CONTROL", "IA32_VMX_PROCBASED_CTLS2", 0, 0x02177fff, 0x020004ea),
    Word("VM_EXIT_CONTROLS", "IA32_VMX_TRUE_EXIT_CTLS", 0x36dfb, 0x7fffff, 0x3c0204),
    Word("VM_ENTRY_CONTROLS", "IA32_VMX_TRUE_ENTRY_CTLS", 0x11fb, 0xffff, 0xc004),
)


@dataclass(frozen=True)
class Fault:
    """A value that no VM entry takes, and the VM-instruction error that follows."""
    field: str
    value: int
    error: int


FAULTS = (
    Fault("HOST_TR_SELECTOR", 0, 8),
    Fault("HOST_CS_SELECTOR", 0x13, 8),
    Fault("HOST_IDTR_BASE", 0x0000800000000000, 8),
    Fault("CR3_TARGET_COUNT", 5, 7),
    Fault("VIRTUAL_PROCESSOR_ID", 0, 7),
    Fault("PIN_BASED_VM_EXEC_CONTROL", 0x3d, 7),
)
MEND = 0xff     # as a hint: undo it


# ---- looks from outside ------------------------------------------------------------------


def here(recorder: Recorder) -> Mark:
    return list(recorder.marks.values())[-1]


def where_loaded(mark: Mark) -> int:
    """The VMCS that is current on some core; the scenes have one at a time."""
    return next((core.current_vmcs for core in mark.cores if core.current_vmcs != NO_VMCS),
                NO_VMCS)


def vmcs_now(recorder: Recorder, debugger: Debugger) -> Vmcs:
    return read_vmcs(debugger, where_loaded(here(recorder)))


# Host-state field: the emulator's name for what it must hold.
HOST = {
    "HOST_CR0": "CR0", "HOST_GDTR_BASE": "GDTR.base", "HOST_IDTR_BASE": "IDTR.base",
    "HOST_TR_BASE": "TR.base", "HOST_TR_SELECTOR": "TR.selector", "HOST_IA32_PAT": "MSR.pat",
    "HOST_IA32_EFER": "MSR.EFER", "HOST_IA32_SYSENTER_CS": "MSR.sysenter_cs_msr",
    "HOST_IA32_SYSENTER_ESP": "MSR.sysenter_esp_msr",
    "HOST_IA32_SYSENTER_EIP": "MSR.sysenter_eip_msr",
}
HostState = list[dict[str, int]]


def host_state(recorder: Recorder, debugger: Debugger) -> HostState:
    """What each core has itself, and CR3 and CR4 of the program that stands at the mark."""
    wanted = HOST | {"HOST_CR3": "CR3", "HOST_CR4": "CR4"}
    return [{field: int(debugger.parameters(f"cpu{core}.{place}")[place.split(".")[-1]])
             for field, place in wanted.items()} for core in range(recorder.cpus)]


def poke(debugger: Debugger, vmcs_at: int, field: str, value: int) -> int:
    """Change a field in memory.  Return: what it was."""
    at = vmcs_at + offset_of(FIELDS[field])
    count = 2 if size_of(FIELDS[field]) == 8 else 1
    words = debugger.words(at, count)
    for n in range(count):
        debugger.ask(f"setpmem {at + 4 * n:#x} 4 {value >> 32 * n & 0xffffffff:#x}")
    return sum(word << 32 * n for n, word in enumerate(words))


def tamper(recorder: Recorder, debugger: Debugger) -> tuple[int, str, int] | None:
    """What the hint at a mark asks for: mend what is broken, break the fault of that number.

    Return: VMCS, field and its true value, if one is broken now.
    """
    hint, at = here(recorder).value >> 48, where_loaded(here(recorder))
    if not hint or at == NO_VMCS:
        return None
    for before in reversed(list(recorder.marks.values())[:-1]):
        broken = before.found.get("tamper")
        if isinstance(broken, tuple) and broken[0] == at:
            poke(debugger, *broken)
            break
    if hint == MEND:
        return None
    fault = FAULTS[hint - 1]
    return at, fault.field, poke(debugger, at, fault.field, fault.value)


LOOKS = {"vmcs": vmcs_now, "host": host_state, "tamper": tamper}

lab = Lab(2, "The VMCS and the first VM entry")
lab.scene(Scene("bare", BARE, programs=["bare"], at_mark=LOOKS))
lab.symbols = lambda seed: {
    "GAP1": seed.pick("first gap", 1, 5),
    "GAP2": seed.pick("second gap", 1, 5),
    "GAP3": seed.pick("third gap", 1, 4),
    "FAULT": seed.pick("fault", 1, len(FAULTS) + 1),
    # One that gives another error.
    "OTHER": 1 + seed.pick("other", 0, 3) + 3 * (seed.pick("fault", 1, len(FAULTS) + 1) <= 3),
}


# ---- what the tests share ----------------------------------------------------------------


def mark(seen: Seen, number: int) -> Mark:
    expect(number in seen.recorder.marks, "the run ended before that point"
           + (f" ({seen.output.strip().splitlines()[-1]})" if seen.output.strip() else ""),
           "the module loads and a program makes a vCPU")
    return seen.recorder.marks[number]


def vmcs(seen: Seen, number: int) -> Vmcs:
    found = mark(seen, number).found["vmcs"]
    assert isinstance(found, Vmcs)
    expect(found.region, "no VMCS is current on the core that has just made a vCPU",
           "vmx_vmcs_load() has made it current")
    return found


def host(seen: Seen, number: int, core: int = 0) -> dict[str, int]:
    found = mark(seen, number).found["host"]
    assert isinstance(found, list)
    state: dict[str, int] = found[core]
    return state


def expect_fields(found: Vmcs, wanted: dict[str, int], why: str) -> None:
    for field, value in wanted.items():
        expect(found[field] == value, f"{field} is {found[field]:#x}", f"{value:#x}, {why}")


def halts(seen: Seen) -> list[int]:
    """RIP of the guest's HLTs."""
    symbols, rip, places = lab.symbols(seen.seed), 0xfff0, []
    for name in ("GAP1", "GAP2", "GAP3"):
        rip += symbols[name]
        places.append(rip)
        rip += 1
    return places


def expect_halt(exits: list[Exit], rip: int) -> None:
    reasons = ", ".join(str(one.reason) for one in exits) or "none"
    halted = [one for one in exits if one.reason == HLT and not one.failed_entry]
    expect(halted, f"exits with reason {reasons}", f"one with reason {HLT}, HLT")
    expect(halted[0].rip == rip, f"HLT at RIP {halted[0].rip:#x}",
           f"the guest's HLT is at {rip:#x}")


def ended(seen: Seen, number: int) -> tuple[int, int]:
    """How the run before a `tell` ended: kind of return, VM-instruction error."""
    value = mark(seen, number).value
    expect(not value >> 32, f"VTR_VCPU_RUN failed with errno {value >> 32}", "it returns 0")
    return value & 0xff, value >> 8 & 0xff


# ---- the tests ---------------------------------------------------------------------------


@lab.suspicion("bare")
def tells_of_halts(seen: Seen) -> str | None:
    """The module tells of an exit that the processor has not made."""
    for before, after in ((CREATED, FIRST), (BEFORE_SECOND, SECOND)):
        here = seen.recorder.marks.get(after)
        if here and not seen.recorder.flooded and here.value & 0xff == TO_USER_HLT and \
                not any(one.reason == HLT for one in seen.recorder.between(before, after)):
            return "VTR_VCPU_RUN says that the guest has executed HLT, the emulator saw none"
    return None


@lab.test("region", "a new vCPU has a VMCS with the revision identifier, and it is current", 10,
          "bare", read="SDM 3C \"Format of the VMCS Region\"; vmx/vmcs.c, vmx_vmcs_alloc() and "
                       "vmx_vmcs_load()")
def region(seen: Seen) -> None:
    found, core = vmcs(seen, CREATED), mark(seen, CREATED).cores[0]
    expect(found.revision == REVISION, f"the VMCS region begins with {found.revision:#x}",
           f"the revision identifier of IA32_VMX_BASIC, {REVISION:#x}, bit 31 clear")
    expect(core.current_vmcs != core.vmxon_region,
           f"VMCS and VMXON region are the same page, {core.current_vmcs:#x}", "a page for each")


@lab.test("controls", "the control words are what is asked for, adjusted to this processor", 12,
          "bare", after=["region"],
          read="SDM 3D \"Pin-Based VM-Execution Controls\"; vmx/caps.c, fit_control_word()")
def controls(seen: Seen) -> None:
    found = vmcs(seen, CREATED)
    for word in WORDS:
        value = found[word.field]
        said = f"{word.field} is {value:#x}"
        expect(not word.must & ~value, f"{said}: bits {word.must & ~value:#x} are 0",
               f"they are 1, for the low half of {word.msr} says so")
        expect(not value & ~word.may, f"{said}: bits {value & ~word.may:#x} are 1",
               f"they are 0, for the high half of {word.msr} says so")
        expect(not word.asked & ~value, f"{said}: bits {word.asked & ~value:#x} are 0",
               "they are 1: Vitrine asks for them and the processor has them")
        extra = value & ~(word.asked | word.must)
        expect(not extra, f"{said}: bits {extra:#x} are 1",
               "they are 0: neither Vitrine nor the processor asks for them")


@lab.test("fields", "the other control fields are in order", 8, "bare", after=["region"],
          read="SDM 3C \"VM-Execution Control Fields\" and \"VMCS Link Pointer\"; vmx/setup.c, "
               "write_controls()")
def fields(seen: Seen) -> None:
    found = vmcs(seen, CREATED)
    expect_fields(found, {"VMCS_LINK_POINTER": NO_VMCS}, "all ones: there is no shadow VMCS")
    expect_fields(found, {"EXCEPTION_BITMAP": 0x60002}, "that is #DB, #AC and #MC")
    expect_fields(found, dict.fromkeys(
        ("CR3_TARGET_COUNT", "VM_EXIT_MSR_STORE_COUNT", "VM_EXIT_MSR_LOAD_COUNT",
         "VM_ENTRY_MSR_LOAD_COUNT", "VM_ENTRY_INTR_INFO_FIELD"), 0), "for nothing is there")
    for field in ("MSR_BITMAP", "EPT_POINTER"):
        page = found[field] & ~(PAGE - 1)
        expect(page, f"{field} is {found[field]:#x}", "the physical address of a page")
    expect(found["VIRTUAL_PROCESSOR_ID"], "the VPID is 0", "any other: 0 is the host's")


@lab.test("host-state", "the host state is that of the host", 12, "bare", after=["region"],
          read="SDM 3C \"Host-State Area\" and \"Checks on Host Segment and Descriptor-Table "
               "Registers\"; vmx/setup.c, write_host_state()")
def host_state_fields(seen: Seen) -> None:
    found, before = vmcs(seen, CREATED), host(seen, START)
    for name in ("CS", "SS", "DS", "ES", "FS", "GS", "TR"):
        value = found[f"HOST_{name}_SELECTOR"]
        expect(not value & 7, f"HOST_{name}_SELECTOR is {value:#x}",
               "bits 2:0, RPL and TI, are 0 in each host selector")
    expect_fields(found, {"HOST_CS_SELECTOR": 0x10}, "the kernel's code segment, __KERNEL_CS")
    expect_fields(found, {field: before[field] for field in HOST},
                  "what this core has without Vitrine")
    expect(found["HOST_RIP"] >> 47 == 0x1ffff, f"HOST_RIP is {found['HOST_RIP']:#x}",
           "the address of vmx_exit_here, which is in the kernel's half")


@lab.test("reset", "the guest state is that of a processor after reset", 12, "bare",
          after=["region"],
          read="SDM 3A \"Processor State After Reset\"; SDM 3C \"Guest Register State\"; "
               "vmx/setup.c, fill_reset_sregs() and write_reset_state()")
def reset(seen: Seen) -> None:
    found = vmcs(seen, CREATED)
    wanted = {
        "GUEST_RIP": 0xfff0, "GUEST_RFLAGS": 2, "GUEST_CS_SELECTOR": 0xf000,
        "GUEST_CS_BASE": 0xffff0000, "GUEST_CS_AR_BYTES": 0x9b, "CR0_READ_SHADOW": 0x60000010,
        "GUEST_TR_AR_BYTES": 0x8b, "GUEST_LDTR_AR_BYTES": 0x82, "GUEST_GDTR_LIMIT": 0xffff,
        "GUEST_IDTR_LIMIT": 0xffff, "GUEST_GDTR_BASE": 0, "GUEST_IDTR_BASE": 0,
        "GUEST_DR7": 0x400, "GUEST_IA32_PAT": 0x0007040600070406, "GUEST_IA32_EFER": 0,
        "GUEST_CR3": 0, "GUEST_ACTIVITY_STATE": 0, "GUEST_INTERRUPTIBILITY_INFO": 0,
    }
    for name in ("SS", "DS", "ES", "FS", "GS"):
        wanted |= {f"GUEST_{name}_SELECTOR": 0, f"GUEST_{name}_BASE": 0,
                   f"GUEST_{name}_AR_BYTES": 0x93}
    for name in ("CS", "SS", "DS", "ES", "FS", "GS", "TR", "LDTR"):
        wanted[f"GUEST_{name}_LIMIT"] = 0xffff
    expect_fields(found, wanted, "after a reset")


@lab.test("launch", "VMLAUNCH enters the guest, and it begins at the reset vector", 12, "bare",
          after=["region"],
          read="SDM 3C \"VM Entries\" and the page of VMLAUNCH; vmx/enter.S, vmx_enter()")
def launch(seen: Seen) -> None:
    mark(seen, CREATED)
    exits = seen.recorder.between(CREATED, FIRST) or seen.recorder.exits
    expect(exits, "the guest was never left, so it was never entered",
           f"a first exit, with reason {EPT_VIOLATION}, EPT violation")
    first = exits[0]
    expect(not first.failed_entry, f"the VM entry failed, exit reason {first.reason}",
           "it succeeds: the tests before this one say what may be wrong in the VMCS")
    expect(first.rip == 0xfff0, f"the first exit is at RIP {first.rip:#x}",
           "0xfff0: the guest's first instruction is not in the EPT yet")


@lab.test("hlt", "the guest halts, and the host goes on", 8, "bare", after=["launch"],
          needs_later=True,
          read="SDM 3C \"VM Exits\"; vmx/enter.S, HOST_RSP; labs/2/README.md, step 2.6")
def hlt(seen: Seen) -> None:
    expect_halt(seen.recorder.between(CREATED, FIRST) or seen.recorder.exits, halts(seen)[0])
    expect_halt(seen.recorder.between(BEFORE_SECOND, SECOND), halts(seen)[1])
    for number in (FIRST, SECOND):
        kind, _ = ended(seen, number)
        expect(kind == TO_USER_HLT, f"VTR_VCPU_RUN came back with {kind}",
               f"{TO_USER_HLT}, VTR_EXIT_HLT")


@lab.test("host-now", "the host's CR3 and CR4 are those of the moment of each entry", 8, "bare",
          after=["hlt"], needs_later=True,
          read="SDM 3C \"Host Control Registers and MSRs\"; vmx/run.c, refresh_host_state()")
def host_now(seen: Seen) -> None:
    for number, after in ((CREATED, FIRST), (BEFORE_SECOND, SECOND)):
        now = host(seen, number)
        for one in seen.recorder.between(number, after):
            expect_fields(one.vmcs, {field: now[field] for field in ("HOST_CR3", "HOST_CR4")},
                          "as it was when the program called (PCID and VMXE belong to it)")


@lab.test("error", "of a VMLAUNCH that fails the program is told the error", 10, "bare",
          after=["launch"],
          read="SDM 3C \"VM-Instruction Error Numbers\"; vmx/run.c, describe_failure()")
def error(seen: Seen) -> None:
    fault = FAULTS[lab.symbols(seen.seed)["FAULT"] - 1]
    expect_error(seen, BROKEN, TOLD, fault)


def expect_error(seen: Seen, broken: int, told: int, fault: Fault) -> None:
    expect(not seen.recorder.between(broken, told), "the guest was entered",
           f"{fault.field} was {fault.value:#x}: VMLAUNCH fails")
    kind, number = ended(seen, told)
    expect(kind == TO_USER_FAIL, f"VTR_VCPU_RUN came back with {kind}",
           f"{TO_USER_FAIL}, VTR_EXIT_FAIL_ENTRY")
    expect(number == fault.error, f"the program was told VM-instruction error {number}",
           f"{fault.error}, for {fault.field} was {fault.value:#x}")


@lab.test("gone", "the VMCS of a vCPU that is gone is current nowhere", 6, "bare",
          after=["region"],
          read="SDM 3C \"Software Use of Virtual-Machine Control Structures\"; vmx/vmcs.c, "
               "clear_here() and vmx_vmcs_free()")
def gone(seen: Seen) -> None:
    for number in (CLOSED, END):
        at = mark(seen, number).cores[0].current_vmcs
        expect(at == NO_VMCS, f"the page at {at:#x} is still the core's VMCS",
               "VMCLEAR comes before the page is given back")
