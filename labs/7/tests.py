# SPDX-License-Identifier: GPL-2.0-only
"""Lab 7: boot Linux.  The tests that students have, too.

Scene `apic` runs the cases of guests/apic.S, each in a VM of its own with two
vCPUs that take turns; the program apic (programs/apic.c) is the devices around
them.  Judged by the exits: which handlers run, in which order and at which tick,
what the guest reads in its local APIC's registers, and the state of the VMCS.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.errors import LabError
from lab.judge import Lab, Suspicion, expect
from lab.observe import MOST_EXITS, Exit, Recorder, guest_memory
from lab.scene import Scene, Seed, Seen, assemble, guest_source
from machine.debugger import Debugger

IO, HLT, WRMSR, VIOLATION = 30, 12, 32, 48
SAY, OTHER, DONE, HANDLED = 0xe0, 0xe1, 0xe8, 0xe9
CASE, MARKER = 0xca5e, 0x3a7c       # what the guest says: a case begins; it is past a point
LOCAL_APIC = 0xfee00000
ICR, LVT_TIMER, INITIAL, CURRENT = 0x300, 0x320, 0x380, 0x390
TSC_DEADLINE = 0x6e0
WRITES = 1 << 1                     # of an EPT violation's qualification
CR0_PE = 1
TEXT_AT, TEXT_BYTES = 0x100000, 2 * 4096    # the guest's code: two pages at most
TICKS_A_US = 20                     # of the emulator, with one processor
LATE_US = 2000                      # what an interrupt may be late: the host has work, too
ACCESS_US = 600                     # what an access to the page takes, exit to exit

(ARRIVES, REQUESTED, EOI, LEVEL, NESTED, TASK_PRIORITY, HALTED, COUNTS, ONE_SHOT, PERIODIC,
 DEADLINE, IPIS, STARTS) = range(1, 14)


# ---- what a case has shown --------------------------------------------------------------


def port_of(seen: Exit) -> int:
    """The port that an exit is about, 0: none."""
    return seen.qualification >> 16 if seen.reason == IO else 0


@dataclass
class Step:
    """Something that the guest's own code has told: a handler runs, or a word is said."""
    vcpu: int
    port: int
    word: int
    exit: Exit

    def __str__(self) -> str:
        who = " on the second vCPU" if self.vcpu else ""
        if self.port == HANDLED:
            return f"the handler of vector {self.word:#x}{who}"
        return f"the marker{who}" if self.word == MARKER else f"the word {self.word:#x}{who}"


@dataclass
class Case:
    """The exits of one case; those of its first vCPU are those of the first one's VMCS."""
    exits: list[Exit]
    last_words: str

    def vcpu(self, seen: Exit) -> int:
        return int(seen.vmcs_at != self.exits[0].vmcs_at)

    @cached_property
    def steps(self) -> list[Step]:
        return [Step(self.vcpu(one), port_of(one), one.gpr["rax"], one)
                for one in self.exits[1:] if port_of(one) in (SAY, HANDLED)]

    def handled(self, vcpu: int = 0) -> list[int]:
        return [step.word for step in self.steps if step.port == HANDLED and step.vcpu == vcpu]

    def said(self, vcpu: int = 0) -> list[int]:
        return [step.word for step in self.steps
                if step.port == SAY and step.vcpu == vcpu and step.word != MARKER]

    def at(self, register: int, write: bool) -> list[Exit]:
        """The first vCPU's accesses to a register in the local APIC's page."""
        return [one for one in self.exits
                if one.reason == VIOLATION and not self.vcpu(one)
                and one.vmcs["GUEST_PHYSICAL_ADDRESS"] == LOCAL_APIC + register
                and bool(one.qualification & WRITES) == write]

    @property
    def done(self) -> bool:
        return any(port_of(one) == DONE for one in self.exits)


def case_of(seen: Seen, number: int) -> Case:
    """What the processor did in a case."""
    recorder = seen.recorder
    begins = [n for n, one in enumerate(recorder.exits)
              if port_of(one) == SAY and one.gpr["rax"] >> 16 == CASE]
    first = next((n for n in begins if recorder.exits[n].gpr["rax"] & 0xffff == number), None)
    last = (seen.output.strip().splitlines() or ["nothing is said"])[-1]
    expect(first is not None, f"the guest did not come to case {number} ({last})",
           "the guest is entered and runs")
    assert first is not None
    end = next((n for n in begins if n > first), len(recorder.exits))
    return Case(recorder.exits[first:end], last)


def vectors(numbers: list[int]) -> str:
    return ", ".join(f"{number:#x}" for number in numbers) or "none"


def injected(case: Case) -> None:
    """Each handler ran because the entry brought its vector: the VMCS still has the word."""
    for step in case.steps:
        if step.port != HANDLED:
            continue
        kind = 2 if step.word == 2 else 0
        info = step.exit.vmcs["VM_ENTRY_INTR_INFO_FIELD"] & 0x7ff
        expect(info == kind << 8 | step.word,
               f"{step} runs, but the VM-entry interruption information has type {info >> 8} "
               f"and vector {info & 0xff:#x}", "an entry has brought it")


def came(case: Case, *wanted: int, vcpu: int = 0) -> None:
    """Exactly these vectors came to a vCPU, in this order."""
    injected(case)
    who = "second" if vcpu else "first"
    expect(case.handled(vcpu) == list(wanted),
           f"the {who} vCPU's handlers ran for {vectors(case.handled(vcpu))}",
           vectors(list(wanted)))


def ended(case: Case) -> None:
    last = case.exits[-1]
    expect(case.done, f"the guest does not come to the end of the case: last exit by reason "
           f"{last.reason} at RIP {last.rip:#x}", "it does, nothing is lost")


def went(case: Case, *wanted: tuple[int, int]) -> None:
    """Exactly these steps (port, word), in this order."""
    injected(case)
    steps = [(step.port, step.word) for step in case.steps]
    expect(steps == list(wanted), "in this order: " + ", ".join(map(str, case.steps)),
           ", ".join(str(Step(0, port, word, case.exits[0])) for port, word in wanted))


def us_between(first: Exit, second: Exit) -> float:
    return (second.tick - first.tick) / TICKS_A_US


# ---- the guest's code -----------------------------------------------------------------


def read_text(recorder: Recorder, debugger: Debugger) -> bytes | None:
    """A look at each exit: the code that the first vCPU ran, when a case is over."""
    seen = recorder.exits[-1]
    if port_of(seen) != DONE or seen.rip < TEXT_AT:
        return None
    text = b""
    for page in range(TEXT_AT, TEXT_AT + TEXT_BYTES, 4096):
        # What is not mapped nobody has run.
        text += guest_memory(debugger, seen.vmcs["EPT_POINTER"], page, 4096) or b""
    return text


def text_of(name: str, numbers: Mapping[str, int]) -> bytes:
    """The same as it was built."""
    with tempfile.TemporaryDirectory(prefix="vitrine-text-") as place:
        target = Path(place) / name
        assemble(guest_source(7, name), target, numbers)
        elf = target.read_bytes()
    head = int.from_bytes(elf[32:40], "little")
    parts = [elf[head + 56 * n:head + 56 * n + 56] for n in range(elf[56])]
    for part in parts:
        words = [int.from_bytes(part[at:at + 8], "little") for at in range(0, 56, 8)]
        if words[3] == TEXT_AT:
            return elf[words[1]:words[1] + words[4]].ljust(TEXT_BYTES, b"\0")
    raise LabError(f"{name}: has no code at {TEXT_AT:#x}")


# ---- scene --------------------------------------------------------------------------------

lab = Lab(7, "Boot Linux")
# The case without interrupts comes first: a storm of them would leave no exits for it.
lab.scene(Scene("apic", """\
# The local APIC of this lab is the one in software.
insmod /vitrine/vitrine.ko apicv=0 || exit 1
taskset 1 ./apic apic.elf 13 1 2 3 4 5 6 7 8 9 10 11 12
""", guests=["apic"], programs=["apic"], seconds=40, full_exits=MOST_EXITS,
                at_exit={"text": read_text}))


def divider(shift: int) -> int:
    """The divide configuration register for 2 to the power of SHIFT."""
    code = (shift - 1) & 7
    return code & 3 | (code & 4) << 1


def timer(seed: Seed, name: str, low: int, high: int) -> tuple[int, int, int]:
    """(divide configuration, initial count, microseconds) of about LOW to HIGH us."""
    shift = seed.pick(f"{name} divide", 0, 8)
    count = seed.pick(f"{name} count", low, high) >> shift
    return divider(shift), count, count << shift


def symbols(seed: Seed) -> dict[str, int]:
    id0, id1, nobody = (seed.pick(name, low, low + 80)
                        for name, low in (("id0", 1), ("id1", 81), ("nobody", 161)))
    low, klass = seed.pick("low", 3, 10) << 4, seed.pick("class", 4, 12)
    edge, count, once, tick = (seed.pick("edge", 0x31, 0x90), timer(seed, "count", 4000, 8000),
                               timer(seed, "once", 2000, 4000), timer(seed, "tick", 1500, 3000))
    page = seed.pick("page", 0x10, 0x40)
    return {
        "ID0": id0, "ID1": id1, "NO_ID": nobody,
        "VECTOR": seed.pick("vector", 0x31, 0xf0),
        "FLANK": edge, "PLATEAU": edge + seed.pick("level", 0x20, 0x50),
        "OUTER": seed.pick("outer", 0x31, 0x60), "INNER": seed.pick("inner", 0xa1, 0xe0),
        "LINE_NR": seed.pick("line", 16, 24), "LINE_VECTOR": seed.pick("line vector", 0x31, 0xf0),
        "LOW": low + seed.pick("low in class", 0, 8), "SAME": low + seed.pick("same", 8, 16),
        "HIGH": low + 0x10 + seed.pick("high", 0, 0x20),
        "CLASS": klass, "BELOW": klass * 16 + seed.pick("below", 0, 16),
        "ABOVE": klass * 16 + 16 + seed.pick("above", 0, 16),
        "COUNT_DIVIDE": count[0], "COUNT_FROM": count[1], "COUNT_US": count[2],
        "ONCE_DIVIDE": once[0], "ONCE_FROM": once[1], "ONCE_US": once[2],
        "TICK_DIVIDE": tick[0], "TICK_FROM": tick[1], "TICK_US": tick[2],
        "TICK_VECTOR": seed.pick("tick", 0xc0, 0xf0), "TICKS": seed.pick("ticks", 4, 8),
        "DEADLINE_TICKS": seed.pick("deadline", 40000, 80000),
        "IPI": seed.pick("ipi", 0x40, 0xe0),
        "PAGE_1": page, "PAGE_2": page + seed.pick("page 2", 1, 0x20),
        "PAGE_3": page + seed.pick("page 3", 0x21, 0x40),
    }


lab.symbols = symbols


def changes_the_guest(name: str) -> Suspicion:
    """A suspicion: the guest's code is not what the grader has put there."""
    def look(seen: Seen) -> str | None:
        true = text_of(name, symbols(seen.seed))
        for found in seen.recorder.notes.values():
            here = found.get("text")
            if isinstance(here, bytes) and here != true[:len(here)]:
                at = next(n for n, (one, other) in enumerate(zip(here, true)) if one != other)
                return f"the guest's code is changed at {TEXT_AT + at:#x}: not by the guest"
        return None
    return look


lab.suspicion("apic")(changes_the_guest("apic"))


# ---- tests ---------------------------------------------------------------------------------


@lab.test("arrive", "a message becomes an interrupt of the guest", 6, "apic",
          read="SDM 3A \"Interrupt Acceptance for Fixed Interrupts\"; module/lapic.c, set_irr(), "
               "vtr_lapic_next() and vtr_lapic_take()")
def arrive(seen: Seen) -> None:
    case = case_of(seen, ARRIVES)
    came(case, symbols(seen.seed)["VECTOR"])
    ended(case)


def bit(vector: int) -> int:
    return 1 << vector % 32


@lab.test("wait", "what the guest cannot take yet waits in IRR, once for each vector", 6, "apic",
          after=["arrive"],
          read="SDM 3A \"Interrupt Acceptance for Fixed Interrupts\"; module/lapic.c, set_irr() "
               "and vtr_lapic_take()")
def wait(seen: Seen) -> None:
    case, numbers = case_of(seen, REQUESTED), symbols(seen.seed)
    edge, level = numbers["FLANK"], numbers["PLATEAU"]
    says = case.said()
    for at, (name, vector, isset) in enumerate((
            ("IRR", edge, True), ("IRR", level, True), ("TMR", edge, False), ("TMR", level, True))):
        expect(bool(says[at] & bit(vector)) == isset,
               f"bit {vector % 32} of {name} is {int(not isset)}, with vector {vector:#x} (a "
               f"{'level' if vector == level else 'edge'}) waiting", f"it is {int(isset)}")
    came(case, level, edge)
    expect(not says[4] & bit(edge) and not says[5] & bit(level),
           "a bit of IRR is still set when its interrupt has been taken", "it is clear")
    ended(case)


@lab.test("eoi", "each end of interrupt ends the highest one in service", 8, "apic",
          after=["arrive"],
          read="SDM 3A \"Signaling Interrupt Servicing Completion\"; module/lapic.c, "
               "end_of_interrupt()")
def eoi(seen: Seen) -> None:
    case, numbers = case_of(seen, EOI), symbols(seen.seed)
    outer, inner = numbers["OUTER"], numbers["INNER"]
    came(case, outer, inner)
    says = case.said()
    for at, (vector, when, isset) in enumerate((
            (outer, "before the first EOI", True), (inner, "before the first EOI", True),
            (outer, "after the first EOI", True), (inner, "after the first EOI", False),
            (outer, "after the second EOI", False))):
        expect(bool(says[at] & bit(vector)) == isset,
               f"ISR has {'' if not isset else 'not '}vector {vector:#x} {when}; {inner:#x} came "
               f"upon {outer:#x}", f"bit {vector % 32} of its word is {int(isset)}")
    ended(case)


@lab.test("level", "a line that stays high interrupts again after the end of interrupt", 6, "apic",
          after=["arrive"],
          read="SDM 3A \"Trigger Mode Register (TMR)\" and \"Signaling Interrupt Servicing "
               "Completion\"; module/lapic.c, end_of_interrupt()")
def level(seen: Seen) -> None:
    case, vector = case_of(seen, LEVEL), symbols(seen.seed)["LINE_VECTOR"]
    came(case, vector, vector)
    ended(case)


@lab.test("nested", "only a higher class comes into a handler, the same one waits", 8, "apic",
          after=["arrive"],
          read="SDM 3A \"Task and Processor Priorities\"; module/lapic.c, vtr_lapic_ppr() and "
               "vtr_lapic_next()")
def nested(seen: Seen) -> None:
    case, numbers = case_of(seen, NESTED), symbols(seen.seed)
    low = numbers["LOW"]
    expect(case.said() == [low & 0xf0], f"in the handler of vector {low:#x} PPR reads as "
           f"{vectors(case.said())}", f"{low & 0xf0:#x}, its class")
    went(case, (HANDLED, low), (SAY, low & 0xf0), (HANDLED, numbers["HIGH"]), (SAY, MARKER),
         (HANDLED, numbers["SAME"]))
    ended(case)


@lab.test("tpr", "the task priority keeps its class and all below away", 5, "apic",
          after=["arrive"],
          read="SDM 3A \"Task and Processor Priorities\"; module/lapic.c, vtr_lapic_ppr() and "
               "vtr_lapic_next()")
def tpr(seen: Seen) -> None:
    case, numbers = case_of(seen, TASK_PRIORITY), symbols(seen.seed)
    went(case, (HANDLED, numbers["ABOVE"]), (SAY, MARKER), (HANDLED, numbers["BELOW"]))
    ended(case)


@lab.test("halt", "an interrupt wakes a halted guest, one that it cannot take does not", 8, "apic",
          after=["arrive"],
          read="SDM 2A \"HLT--Halt\"; module/irqchip.c, event_for_halted() and "
               "vtr_irqchip_rests()")
def halt(seen: Seen) -> None:
    case, numbers = case_of(seen, HALTED), symbols(seen.seed)
    expect(any(one.reason == HLT for one in case.exits), "no HLT exit", "the guest halts")
    expect(case.handled() or case.done,
           "the guest halts and never goes on, although an interrupt has come",
           f"the handler of vector {numbers['ABOVE']:#x}")
    went(case, (HANDLED, numbers["ABOVE"]), (SAY, MARKER), (HANDLED, numbers["BELOW"]))
    ended(case)


def counter_reads(read: int, gone_us: float, numbers: dict[str, int], again: bool) -> None:
    """The current count against the time since the initial count was written."""
    count, step = numbers["COUNT_FROM"], numbers["COUNT_US"] // numbers["COUNT_FROM"]
    gone = gone_us % numbers["COUNT_US"] if again else gone_us
    awaited = max(count - gone / step, 0)
    expect(abs(read - awaited) <= ACCESS_US / step + 2,
           f"{gone_us:.0f} us after {count:#x} was written, divided by {step}, the current count "
           f"is {read:#x}", f"about {round(awaited):#x}: a count is {step} us")


@lab.test("count", "the timer's counter goes down at the rate of its divider", 6, "apic",
          read="SDM 3A \"APIC Timer\"; module/lapic.c, count_ns() and current_count()")
def counter(seen: Seen) -> None:
    case, numbers = case_of(seen, COUNTS), symbols(seen.seed)
    begins, looks = case.at(INITIAL, True), case.at(CURRENT, False)
    for read, look in zip(case.said()[:3], looks):
        counter_reads(read, us_between(begins[0], look), numbers, False)
    counter_reads(case.said()[3], us_between(begins[1], looks[3]), numbers, True)
    ended(case)


def on_time(what: str, gone: float, wanted: float) -> None:
    expect(wanted <= gone + 1 and gone <= wanted + LATE_US, f"{what} comes {gone:.0f} us after "
           "the timer was armed", f"after {wanted:.0f} us, and at most {LATE_US} us late")


@lab.test("one-shot", "a one-shot timer expires in time, and once", 7, "apic",
          after=["arrive"],
          read="SDM 3A \"APIC Timer\"; module/lapic.c, vtr_lapic_timer_due() and "
               "vtr_lapic_timer_expire()")
def one_shot(seen: Seen) -> None:
    case, numbers = case_of(seen, ONE_SHOT), symbols(seen.seed)
    came(case, numbers["VECTOR"])
    on_time("the interrupt", us_between(case.at(INITIAL, True)[0], case.steps[0].exit),
            numbers["ONCE_US"])
    ended(case)


@lab.test("periodic", "a periodic timer ticks without drift until it is masked", 7, "apic",
          after=["arrive"],
          read="SDM 3A \"APIC Timer\"; module/lapic.c, vtr_lapic_timer_expire()")
def periodic(seen: Seen) -> None:
    case, numbers = case_of(seen, PERIODIC), symbols(seen.seed)
    expect(case.handled(), "no tick comes", f"{numbers['TICKS']}")
    began = case.at(INITIAL, True)[0]
    for number, step in enumerate(case.steps[:numbers["TICKS"]], 1):
        expect(step.word == numbers["TICK_VECTOR"], str(step),
               f"vector {numbers['TICK_VECTOR']:#x}")
        on_time(f"tick {number}", us_between(began, step.exit), number * numbers["TICK_US"])
    came(case, *[numbers["TICK_VECTOR"]] * numbers["TICKS"])
    ended(case)


@lab.test("deadline", "a TSC deadline is kept, and reads as 0 then", 6, "apic",
          after=["arrive"],
          read="SDM 3A \"TSC-Deadline Mode\"; module/lapic.c, vtr_lapic_timer_due() and "
               "vtr_lapic_timer_expire()")
def deadline(seen: Seen) -> None:
    case, numbers = case_of(seen, DEADLINE), symbols(seen.seed)
    came(case, numbers["VECTOR"])
    armed = next(one for one in case.exits
                 if one.reason == WRMSR and one.gpr["rcx"] & 0xffffffff == TSC_DEADLINE)
    came_at, left = case.said()[:2]
    late = came_at - armed.gpr["rax"]
    expect(0 <= late <= LATE_US * TICKS_A_US, f"the handler reads a time stamp that is {late} "
           "ticks after the deadline", f"0 to {LATE_US * TICKS_A_US}")
    expect(left == 0, f"IA32_TSC_DEADLINE reads as {left:#x} after it has expired", "0")
    ended(case)


@lab.test("ipi", "an interprocessor interrupt comes to whom its ICR names", 9, "apic",
          after=["arrive"],
          read="SDM 3A \"Interrupt Command Register (ICR)\" and \"Determining IPI Destination\"; "
               "module/lapic.c, send(), vtr_lapic_matches() and logical_match()")
def ipi(seen: Seen) -> None:
    case, first = case_of(seen, IPIS), symbols(seen.seed)["IPI"]
    ways = ("the other's id", "its own id", "an id that nobody has", "self", "all including self",
            "all excluding self", "id FFH", "logical 2", "logical 3", "logical 4")
    awaited = ((0, 1), (1, 0), (0, 0), (1, 0), (1, 1), (0, 1), (1, 1), (0, 1), (1, 1), (0, 0))
    injected(case)
    for number, (way, wanted) in enumerate(zip(ways, awaited)):
        got = tuple(case.handled(vcpu).count(first + number) for vcpu in (0, 1))
        expect(got == wanted, f"an IPI to {way} came to the sender {got[0]} times, to the other "
               f"vCPU {got[1]} times", f"{wanted[0]} and {wanted[1]}")
    ended(case)


@lab.test("start", "INIT and start-up IPI start a vCPU, and only when it waits for one", 10,
          "apic",
          read="SDM 3A \"MP Initialization Protocol Algorithm for MP Systems\"; SDM 3C "
               "\"Guest Non-Register State\"; module/lapic.c, vtr_lapic_accept(); "
               "module/irqchip.c, vtr_irqchip_rests() and take_sipi()")
def start(seen: Seen) -> None:
    case, numbers = case_of(seen, STARTS), symbols(seen.seed)
    orders = [one.number for one in case.at(ICR, True)]
    sent = ("nothing yet", "INIT", "a start-up IPI", "a second start-up IPI", "INIT again",
            "a third start-up IPI")
    awaited = (None, None, numbers["PAGE_1"], numbers["PAGE_1"], None, numbers["PAGE_3"])
    for number, (what, page) in enumerate(zip(sent, awaited)):
        begin = orders[number - 1] if number else 0
        end = orders[number] if number < len(orders) else len(seen.recorder.exits)
        runs_at(case, what, page, begin, end)
    ended(case)


def runs_at(case: Case, what: str, page: int | None, begin: int, end: int) -> None:
    """Between two exits the second vCPU ran in this page, in real mode, or not at all."""
    here = [step for step in case.steps if step.vcpu and begin < step.exit.number < end]
    if page is None:
        expect(not here, f"the second vCPU runs after {what}", "it waits for a start-up IPI")
        return
    expect(here, f"the second vCPU does not run after {what}", f"it runs in page {page:#x}")
    vmcs = here[0].exit.vmcs
    place = vmcs["GUEST_CS_SELECTOR"], vmcs["GUEST_CS_BASE"]
    expect(place == (page << 8, page << 12) and vmcs["GUEST_RIP"] < 0x20,
           f"after {what} the second vCPU runs with CS {place[0]:#x}, base {place[1]:#x}, RIP "
           f"{vmcs['GUEST_RIP']:#x}", f"CS {page << 8:#x}, base {page << 12:#x}, from RIP 0 on")
    expect(not vmcs["GUEST_CR0"] & CR0_PE, "it is in protected mode", "it begins in real mode")
