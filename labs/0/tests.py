# SPDX-License-Identifier: GPL-2.0-only
"""Lab 0: the glass box.  The tests that students have, too.

The guest labs/0/guest.S comes from the submission, the module is the staff's.
Scene `guest` runs it once; what counts is which exits the emulator sees between
loading and the end, with which registers, and what lies in the guest's memory.
"""

from lab.judge import Lab, expect
from lab.observe import Exit, Recorder, guest_memory
from lab.scene import Scene, Seed, Seen
from machine.debugger import Debugger

CPUID, VMCALL, IO, EPT_VIOLATION = 10, 18, 30, 48
DEBUG_EXIT, COUNTER = 0x501, 0x1002
LEAVES = [0, 1, 0x40000000, 0x80000002, 0x80000003]     # EBX of these is not 0 in a guest
SCRIPT = """\
taskset 1 insmod /vitrine/vitrine.ko || exit 1
mark 1
taskset 1 vitrine run --timeout 10 /root/guest.elf
mark 2
"""


def numbers(seed: Seed) -> dict[str, int]:
    return {
        "LEAF": LEAVES[seed.pick("leaf", 0, len(LEAVES))],
        "SUBLEAF": seed.pick("subleaf", 0x10, 0x100),
        "NOTE": seed.pick("note", 0x1000000, 0x3e00000, 0x1000) + seed.pick("within", 0, 0xf00, 8),
        "COUNT": seed.pick("count", 5, 12),
        "PORT": seed.pick("port", 0x600, 0x1000),
        "VALUE": seed.pick("value", 0x20, 0xe0),
        "CALLS": seed.pick("calls", 3, 8),
        "STATUS": seed.pick("status", 3, 60),
    }


def note(recorder: Recorder, debugger: Debugger) -> bytes | None:
    """The 16 bytes at NOTE, as the guest would read them."""
    pointer = recorder.exits[-1].vmcs["EPT_POINTER"]
    return guest_memory(debugger, pointer, recorder.numbers["NOTE"], 16)


lab = Lab(0, "the glass box")
lab.student_files = ("labs/0/guest.S",)
lab.symbols = numbers
lab.scene(Scene("guest", SCRIPT, kernel="6.1", seconds=40, guests=["guest"],
                at_exit={"note": note}))


def exits(seen: Seen, reason: int | None = None) -> list[Exit]:
    """The exits since the module was loaded, all or those of one reason."""
    expect(1 in seen.recorder.marks, "the module does not load", "it does")
    found = seen.recorder.exits[seen.recorder.marks[1].exits:]
    return [one for one in found if reason is None or one.reason == reason]


def writes(seen: Seen) -> list[tuple[int, int, int]]:
    """(port, bytes, value) of each OUT."""
    found = []
    for one in exits(seen, IO):
        size = (one.qualification & 7) + 1
        if not one.qualification & 8:
            found.append((one.qualification >> 16 & 0xffff, size,
                          one.gpr["rax"] & (1 << 8 * size) - 1))
    return found


def noted(seen: Seen, offset: int, size: int) -> int | None:
    """What lay at NOTE + OFFSET at the last exit."""
    last = exits(seen)[-1:]
    data = seen.recorder.notes.get(last[0].number, {}).get("note") if last else None
    return int.from_bytes(data[offset:offset + size], "little") \
        if isinstance(data, bytes) else None


def check_cpuid(seen: Seen) -> None:
    want = numbers(seen.seed)
    asked = [(one.gpr["rax"] & 0xffffffff, one.gpr["rcx"] & 0xffffffff)
             for one in exits(seen, CPUID)]
    words = ", ".join(f"leaf {leaf:#x} subleaf {sub:#x}" for leaf, sub in asked[:4]) or "no CPUID"
    expect((want["LEAF"], want["SUBLEAF"]) in asked, words,
           f"CPUID with leaf {want['LEAF']:#x} in EAX and subleaf {want['SUBLEAF']:#x} in ECX")


def check_note(seen: Seen) -> None:
    want = numbers(seen.seed)
    page = want["NOTE"] & ~0xfff
    touched = [one for one in exits(seen, EPT_VIOLATION)
               if one.vmcs["GUEST_PHYSICAL_ADDRESS"] & ~0xfff == page]
    expect(touched, f"no EPT violation in the page {page:#x}",
           f"the first write to {want['NOTE']:#x} shows as an EPT violation")
    expect(touched[0].qualification & 2, "the first access to that page is not a write",
           "a write")
    answer = touched[0].gpr["rbx"] & 0xffffffff
    found = noted(seen, 0, 4)
    expect(answer and found == answer, f"{show(found)} at NOTE",
           f"{answer:#x}, which was in EBX" if answer else "what CPUID has put into EBX")


def show(value: int | None) -> str:
    return "no memory" if value is None else f"{value:#x}"


def check_ports(seen: Seen) -> None:
    want = numbers(seen.seed)
    here = [(size, value) for port, size, value in writes(seen) if port == want["PORT"]]
    expected = [(1, want["VALUE"] + n & 0xff) for n in range(want["COUNT"])]
    expect(here == expected,
           f"{len(here)} writes to port {want['PORT']:#x}"
           + (f", the first of {here[0][0]} bytes with {here[0][1]:#x}, the last with "
              f"{here[-1][1]:#x}" if here else ""),
           f"{want['COUNT']} of 1 byte, from {want['VALUE']:#x} on, each 1 more")


def check_calls(seen: Seen) -> None:
    want = numbers(seen.seed)
    here = [one.gpr["rax"] for one in exits(seen, VMCALL)]
    expect(here == [COUNTER] * want["CALLS"],
           f"{len(here)} VMCALLs" + (f", the first with RAX {here[0]:#x}" if here else ""),
           f"{want['CALLS']}, all with {COUNTER:#x} in RAX")
    found = noted(seen, 8, 8)
    expect(found == want["CALLS"], f"{show(found)} at NOTE + 8",
           f"{want['CALLS']}, the tool's last answer, in 8 bytes")


def check_end(seen: Seen) -> None:
    want = numbers(seen.seed)
    last = writes(seen)[-1:]
    expect(last == [(DEBUG_EXIT, 4, want["STATUS"])],
           f"the last OUT is {last[0][1]} bytes with {last[0][2]:#x} to port {last[0][0]:#x}"
           if last else "no OUT", f"4 bytes with {want['STATUS']:#x} to port {DEBUG_EXIT:#x}")
    expect(2 in seen.recorder.marks, "the tool did not come back", "it ends with the guest")


@lab.test("cpuid", "step 1: CPUID with the leaf and the subleaf", 15, "guest",
          read="labs/0/README.md, step 1; SDM 2A \"CPUID--CPU Identification\"")
def cpuid(seen: Seen) -> None:
    check_cpuid(seen)


@lab.test("note", "step 2: its answer lies in memory", 15, "guest", after=["cpuid"],
          read="labs/0/README.md, step 2; docs/memory.md: why the first write exits")
def note_lies_there(seen: Seen) -> None:
    check_note(seen)


@lab.test("ports", "step 3: the bytes go to the port, in order", 20, "guest",
          read="labs/0/README.md, step 3; SDM 2B \"OUT--Output to Port\"")
def ports(seen: Seen) -> None:
    check_ports(seen)


@lab.test("calls", "step 4: hypercalls, and the last answer in memory", 15, "guest",
          read="labs/0/README.md, step 4; docs/guests.md, \"Hypercalls\"")
def calls(seen: Seen) -> None:
    check_calls(seen)


@lab.test("end", "step 5: the guest ends its machine", 10, "guest",
          read="labs/0/README.md, step 5; docs/guests.md, \"Devices\"")
def end(seen: Seen) -> None:
    check_end(seen)
