# SPDX-License-Identifier: GPL-2.0-only
"""Lab 3: the exit loop.  The tests that students have, too.

Scenes: `exits` runs guests/exits.S, whose blocks of instructions all exit;
`move` runs one vCPU here and there on two processors, to a HLT each time, in an
order of the student's own, and looks at both in between.
"""

from lab.judge import Lab, expect
from lab.observe import GPRS, NO_VMCS, Exit, Recorder
from lab.scene import Scene, Seed, Seen
from machine.debugger import Debugger

CPUID, HLT, IO = 10, 12, 30     # basic exit reasons
ALL_ONES = 0xffffffffffffffff
# CPUID leaf 0x40000000: the highest leaf of its kind, and twelve letters.
SIGNATURE = [0x40000010, *(int.from_bytes(b"VitrineGlass"[n:n + 4], "little") for n in (0, 4, 8))]
BLOCK_1 = [IO, IO, CPUID, IO, CPUID, IO, CPUID, IO]

EXITS = """\
insmod /vitrine/vitrine.ko || exit 1
mark 1
taskset 1 vitrine run --timeout 2 /root/exits.elf
mark 2
taskset 1 /vitrine/tests/run_test invalid_guest_state_fails_with_a_sentence
mark 3 $?
rmmod vitrine
"""
# The program runs its guest to the next HLT for each line, on the CPU that it names.
MOVE = """\
insmod /vitrine/vitrine.ko || exit 1
mkfifo orders
/vitrine/tests/life/guest step count <orders >steps &
stepper=$!
trap '' PIPE
exec 3>orders
step() {{
	kill -0 $stepper && echo "$1" >&3 || return
	n=20
	until grep -qx "$2" steps || [ $n = 0 ]; do
		usleep 20000
		n=$((n - 1))
	done
	[ $n != 0 ]
}}
"""
MOVE_END = """\
exec 3>&-
usleep 100000
kill $stepper
wait
mark 7
rmmod vitrine
"""
STEPS = 6                       # their marks are 1 to STEPS
GONE = STEPS + 1
LAUNCHED = 1
LAUNCH_STATE = 4 * 2            # where the emulator keeps a VMCS's launch state


def order(seed: Seed) -> list[int]:
    """The CPU of each step: it stays, moves, comes back."""
    return [[0, 0, 1, 0, 1, 1], [0, 1, 1, 0, 0, 1], [1, 1, 0, 1, 0, 0]][seed.pick("way", 0, 3)]


def move_script() -> str:
    steps = "".join(f"step $(({{CPU{number}}})) {number}\nmark {number} $?\n"
                    for number in range(1, STEPS + 1))
    return f"{MOVE}{steps}{MOVE_END}"


def launch_state(recorder: Recorder, debugger: Debugger) -> int | None:
    """Of the VMCS that was last used, as it lies in memory."""
    used = [seen.vmcs_at for seen in recorder.exits if seen.vmcs_at != NO_VMCS]
    return debugger.words(used[-1] + LAUNCH_STATE, 1)[0] if used else None


lab = Lab(3, "The exit loop")
lab.scene(Scene("exits", EXITS, guests=["exits"]))
lab.scene(Scene("move", move_script(), cpus=2, at_mark={"launch": launch_state}))
lab.symbols = lambda seed: {
    "PORT": seed.pick("port", 0x10, 0x50, 2),
    "PATTERN": seed.pick("pattern", 1 << 60, 1 << 64),
    "STEP": seed.pick("step", 1 << 50, 1 << 58) | 1,
    "LEAF1": 0x40000000,
    "LEAF2": seed.pick("leaf", 0x40000020, 0x400000f0),
    "LEAF3": 7,
    "SUBLEAF": seed.pick("subleaf", 2, 100),
    "OUT8": seed.pick("byte", 1, 0xfe),
    "OUT16": seed.pick("word", 1, 0xfe) << 8,
    "OUT32": seed.pick("long", 1, 0xfe) << 24,
    **{f"CPU{number}": cpu for number, cpu in enumerate(order(seed), 1)},
}


@lab.suspicion("move")
def tells_of_halts(seen: Seen) -> str | None:
    """The module tells of exits that the processor has not made."""
    told = sum(number <= STEPS and not here.value for number, here in seen.recorder.marks.items())
    made = len(halts(seen))
    return f"VTR_VCPU_RUN says that the guest has executed HLT {told} times, the emulator saw " \
        f"{made}" if told > made and not seen.recorder.flooded else None


def port_of(seen: Exit) -> int | None:
    """The port of an OUT."""
    return None if seen.reason != IO or seen.qualification & 8 else seen.qualification >> 16


def block(seen: Seen, number: int) -> list[Exit]:
    """The exits of a block of guests/exits.S, by instructions only, with both ends."""
    port = lab.symbols(seen.seed)["PORT"] + 2 * number
    exits = [one for one in seen.recorder.exits if one.reason in (CPUID, IO)]
    first = next((n for n, one in enumerate(exits) if port_of(one) == port), None)
    expect(first is not None, f"the guest has made {len(exits)} exits by CPUID or port access and "
           f"never came to its OUT to port {port:#x}", "it comes there")
    last = next((n for n, one in enumerate(exits) if port_of(one) == port + 1), None)
    expect(last is not None and last > first, f"behind the OUT to port {port:#x}, at RIP "
           f"{exits[first].rip:#x}, the guest never came to the OUT to port {port + 1:#x}",
           "it goes on instruction by instruction")
    return exits[first:last + 1]


def same_registers(before: Exit, after: Exit, but: tuple[str, ...] = ()) -> None:
    """Nothing has changed between two exits."""
    for name in GPRS:
        if name in but:
            continue
        expect(after.gpr[name] == before.gpr[name],
               f"{name.upper()} is {after.gpr[name]:#x} at the exit at RIP {after.rip:#x}",
               f"{before.gpr[name]:#x}, as at the exit before: no instruction has changed it")


@lab.test("again", "after an exit the guest is entered again", 5, "exits",
          read="SDM 3C \"VMLAUNCH/VMRESUME\"; vmx/enter.S, vmx_enter()")
def again(seen: Seen) -> None:
    exits = seen.recorder.between(1, 2)
    expect(exits, "there was no VM exit", "lab 2 has brought you to the first one")
    expect(len(exits) > 1, f"only one VM exit, reason {exits[0].reason}", "the guest goes on")


@lab.test("advance", "each instruction that exits is left by its own length", 10, "exits",
          after=["again"], read="SDM 3C \"Information for VM Exits Due to Instruction "
          "Execution\"; vmx/inject.c, vmx_skip_insn(); vmx/exit.c, vmx_describe_exit()")
def advance(seen: Seen) -> None:
    last = seen.recorder.exits[-1]
    expect(not seen.recorder.flooded, f"more than {last.number} exits, the last one with reason "
           f"{last.reason} at RIP {last.rip:#x}", "the guest comes to its end")
    exits = block(seen, 1)
    for before, after in zip(exits, exits[1:]):
        expect(after.rip == before.rip + before.length,
               f"behind the instruction of {before.length} bytes at RIP {before.rip:#x} "
               f"the guest went on at {after.rip:#x}", f"{before.rip + before.length:#x}")
    reasons = [one.reason for one in exits]
    expect(reasons == BLOCK_1, f"exit reasons {reasons}", f"{BLOCK_1}")


@lab.test("registers", "the guest's registers survive an exit", 15, "exits", after=["again"],
          read="the comment on top of vmx/enter.S")
def registers(seen: Seen) -> None:
    exits = block(seen, 0)
    for before, after in zip(exits, exits[1:]):
        same_registers(before, after)


@lab.test("resume", "the guest is entered again by VMRESUME, its VMCS stays launched", 5, "move",
          after=["again"], needs_later=True,
          read="SDM 3C \"Software Use of Virtual-Machine Control Structures\"; "
               "vmx/run.c, vmx_vcpu_run()")
def resume(seen: Seen) -> None:
    state = seen.recorder.marks[1].found["launch"]
    expect(state == LAUNCHED, "after the first exits the launch state of the VMCS is \"clear\"",
           "\"launched\": VMCLEAR before each entry is slow, and would be wrong where VMRESUME is "
           "asked for")


@lab.test("cpuid", "CPUID answers in EAX, EBX, ECX, EDX", 10, "exits", after=["advance"],
          read="SDM 2A \"CPUID--CPU Identification\"; module/handle.c, handle_cpuid()")
def cpuid(seen: Seen) -> None:
    check_cpuid(seen, 2, SIGNATURE)
    check_cpuid(seen, 3, [0, 0, 0, 0])


def check_cpuid(seen: Seen, number: int, expected: list[int]) -> None:
    asked, after = block(seen, number)[-2:]
    leaf, subleaf = asked.gpr["rax"] & 0xffffffff, asked.gpr["rcx"] & 0xffffffff
    for name, value in zip(("rax", "rbx", "rcx", "rdx"), expected):
        low = after.gpr[name] & 0xffffffff
        expect(low == value, f"CPUID leaf {leaf:#x}, subleaf {subleaf:#x} answers {low:#x} "
               f"in E{name[1:].upper()}", f"{value:#x}")


def after_in(seen: Seen, number: int) -> tuple[int, int]:
    """RAX before and after the IN that ends a block."""
    asked, after = block(seen, number)[-2:]
    return asked.gpr["rax"], after.gpr["rax"]


def check_in(seen: Seen, number: int, bits: int, kept: int) -> None:
    """IN of all ones; bits of KEPT stay as they were."""
    before, after = after_in(seen, number)
    wanted = before & kept | (1 << bits) - 1
    expect(after == wanted, f"after an IN of {bits} bits, all ones, RAX is {after:#x}; it was "
           f"{before:#x}", f"{wanted:#x}")


@lab.test("in", "IN gets the answer of the user side, 32 bits of it", 10, "exits",
          after=["advance"], read="module/handle.c, vtr_complete_pending()")
def in_(seen: Seen) -> None:
    check_in(seen, 10, 32, 0)


def check_out(seen: Seen, number: int, bits: int) -> None:
    """The last byte of an OUT goes to a byte that reads back."""
    written, asked, after = block(seen, number)[-3:]
    size = (1 << bits) - 1
    sent, got = written.gpr["rax"] >> (bits - 8) & 0xff, (after.gpr["rax"] & size) >> (bits - 8)
    port = 0x3ff - bits // 8 + 1
    expect(sent == got, f"OUT of {bits} bits to port {port:#x} sent {sent:#x} to the scratch byte "
           f"of the serial port, and IN read {got:#x} back", f"{sent:#x}")
    expect(asked.qualification & 8 and not written.qualification & 8,
           "the accesses came in another order", "OUT, then IN")


@lab.test("out", "OUT hands the byte in AL to the user side", 10, "exits", after=["in"],
          read="SDM 3C \"Exit Qualification for I/O Instructions\"; vmx/exit.c, decode_io(); "
               "module/handle.c, handle_io()")
def out(seen: Seen) -> None:
    check_out(seen, 5, 8)


def halts(seen: Seen) -> list[Exit]:
    return [one for one in seen.recorder.exits if one.reason == HLT]


@lab.test("moved", "a vCPU goes on on whatever core its thread runs", 10, "move",
          after=["again"], needs_later=True, read="vmx/vmcs.c, vmx_vmcs_load() and what it calls")
def moved(seen: Seen) -> None:
    ways = [one.cpu for one in halts(seen)]
    expect(ways == order(seen.seed), f"HLT was executed on the cores {ways}",
           f"one time each on {order(seen.seed)}, in this order")


@lab.test("cleared", "a VMCS is current on one core at a time", 10, "move", after=["moved"],
          needs_later=True,
          read="SDM 3C \"Software Use of Virtual-Machine Control Structures\"; vmx/vmcs.c, "
               "vmx_vmcs_clear()")
def cleared(seen: Seen) -> None:
    used = halts(seen)[0].vmcs_at
    for number, cpu in enumerate(order(seen.seed), 1):
        for core in seen.recorder.marks[number].cores:
            expect(core.number == cpu or core.current_vmcs != used,
                   f"after the vCPU went to core {cpu}, its VMCS is still current on core "
                   f"{core.number}", "the old core has executed VMCLEAR before")
