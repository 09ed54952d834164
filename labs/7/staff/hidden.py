# SPDX-License-Identifier: GPL-2.0-only
"""Lab 7: the tests that only staff has.

Scene `hidden` runs the cases of staff/guests/hidden.S: what seldom happens, and
what Linux nevertheless relies on.  judge.load() calls add(); read labs/7/tests.py
before.
"""

from lab.judge import Lab, expect, load_file
from lab.observe import MOST_EXITS
from lab.scene import LABS, Scene, Seen

visible = load_file(LABS / "7/tests.py")
Case, bit, came, case_of, ended, went = (visible.Case, visible.bit, visible.came,
                                         visible.case_of, visible.ended, visible.went)
HANDLED, SAY, MARKER = visible.HANDLED, visible.SAY, visible.MARKER

(MEANWHILE, CAUGHT_UP, PAST, ENDS_NONE, X2APIC, CLUSTERS, LOWEST, NMI, OLD_SIPI) = range(1, 10)
SEND_ILLEGAL = 1 << 5
TICK_COSTS_US = 1300            # injection, handler, end of interrupt


def sent(case: Case, first: int, ways: tuple[tuple[str, int, int], ...]) -> None:
    """Each IPI came so often to the sender and to the other vCPU."""
    visible.injected(case)
    for number, (way, *wanted) in enumerate(ways):
        got = [case.handled(vcpu).count(first + number) for vcpu in (0, 1)]
        expect(got == wanted, f"an IPI to {way} came to the sender {got[0]} times, to the other "
               f"vCPU {got[1]} times", f"{wanted[0]} and {wanted[1]}")
    ended(case)


def add(lab: Lab) -> None:
    lab.scene(Scene("hidden", """\
# The local APIC of this lab is the one in software.
insmod /vitrine/vitrine.ko apicv=0 || exit 1
taskset 1 ./apic hidden.elf 1 2 3 4 5 6 7 8 9
""", guests=["hidden"], programs=["apic"], seconds=40, full_exits=MOST_EXITS,
                    at_exit={"text": visible.read_text}))
    lab.suspicion("hidden")(visible.changes_the_guest("hidden"))

    @lab.test("meanwhile", "an interrupt that comes in its own handler comes once more", 5,
              "hidden", after=["arrive"],
              read="SDM 3A \"Interrupt Acceptance for Fixed Interrupts\"; module/lapic.c, "
                   "set_irr()")
    def meanwhile(seen: Seen) -> None:
        case, vector = case_of(seen, MEANWHILE), visible.symbols(seen.seed)["VECTOR"]
        expect(any(word & bit(vector) for word in case.said()),
               f"IRR has not vector {vector:#x}, which has come in its handler", "it has")
        came(case, vector, vector)
        ended(case)

    @lab.test("caught-up", "ticks come late rather than never; masked ones never", 5, "hidden",
              after=["arrive"],
              read="docs/interrupts.md, \"Timers and lost ticks\"; module/lapic.c, "
                   "vtr_lapic_timer_expire() and vtr_lapic_timer_due()")
    def caught_up(seen: Seen) -> None:
        case, numbers = case_of(seen, CAUGHT_UP), visible.symbols(seen.seed)
        visible.injected(case)
        ticks = [step.exit for step in case.steps if step.word == numbers["TICK_VECTOR"]]
        expect(len(ticks) >= 12, f"{len(ticks)} ticks came", "at least 12")
        period = numbers["ONCE_US"]
        opened = case.at(visible.LVT_TIMER, True)[1]
        soon = visible.us_between(opened, ticks[3])
        expect(soon >= 3 * period, f"the fourth tick comes {soon:.0f} us after the timer was "
               "unmasked", f"not before {3 * period} us: what was masked does not come")
        late = visible.us_between(ticks[3], ticks[11])
        most = 9 * period + 8 * TICK_COSTS_US
        expect(late <= most, f"8 ticks that were due with interrupts off take {late:.0f} us",
               f"at most {most} us: they come one after the other")
        ended(case)

    @lab.test("past", "a deadline that has passed comes at once, one that is taken back never", 4,
              "hidden", after=["arrive"],
              read="SDM 3A \"TSC-Deadline Mode\"; module/lapic.c, vtr_lapic_timer_due()")
    def past(seen: Seen) -> None:
        case, vector = case_of(seen, PAST), visible.symbols(seen.seed)["VECTOR"]
        went(case, (HANDLED, vector), (SAY, MARKER), (SAY, 0))
        ended(case)

    @lab.test("idle-eoi", "an end of interrupt with nothing in service changes nothing", 3,
              "hidden", after=["arrive"],
              read="SDM 3A \"Signaling Interrupt Servicing Completion\"; module/lapic.c, "
                   "end_of_interrupt() and vtr_lapic_ppr()")
    def idle_eoi(seen: Seen) -> None:
        case, vector = case_of(seen, ENDS_NONE), visible.symbols(seen.seed)["VECTOR"]
        went(case, (SAY, 0xf0), (SAY, MARKER), (HANDLED, vector))
        ended(case)

    @lab.test("x2apic", "IPIs in x2APIC mode", 5, "hidden", after=["arrive"],
              read="SDM 3A \"ICR Operation in x2APIC Mode\" and \"Logical Destination Mode in "
                   "x2APIC Mode\"; module/lapic.c, send() and logical_match()")
    def x2apic(seen: Seen) -> None:
        sent(case_of(seen, X2APIC), visible.symbols(seen.seed)["IPI"],
             (("the other's id", 0, 1), ("its id + 256", 0, 0), ("id FFFFFFFFH", 1, 1),
              ("its logical id", 0, 1), ("all excluding self", 0, 1), ("itself by MSR 83FH", 1, 0)))

    @lab.test("clusters", "logical destinations in clusters", 3, "hidden", after=["arrive"],
              read="SDM 3A \"Logical Destination Mode\"; module/lapic.c, logical_match()")
    def clusters(seen: Seen) -> None:
        sent(case_of(seen, CLUSTERS), visible.symbols(seen.seed)["IPI"],
             (("32H", 0, 1), ("33H", 1, 1), ("23H, another cluster", 0, 0),
              ("3CH, other bits", 0, 0), ("31H", 1, 0)))

    @lab.test("lowest", "lowest priority, and a vector that does not exist", 3, "hidden",
              after=["arrive"],
              read="SDM 3A \"Lowest Priority Delivery Mode\" and \"Error Handling\"; "
                   "module/lapic.c, send() and vtr_lapic_ppr()")
    def lowest(seen: Seen) -> None:
        case, first = case_of(seen, LOWEST), visible.symbols(seen.seed)["IPI"]
        came(case)
        came(case, first, first + 1, vcpu=1)
        errors = case.said()[-1]
        expect(errors & SEND_ILLEGAL, f"ESR reads as {errors:#x} after an IPI with vector 9",
               "bit 5: a vector below 16 cannot be sent")
        ended(case)

    @lab.test("nmi", "an NMI wakes a vCPU that halts with interrupts off", 4, "hidden",
              after=["arrive"],
              read="SDM 2A \"HLT--Halt\"; module/irqchip.c, event_for_halted()")
    def nmi(seen: Seen) -> None:
        case = case_of(seen, NMI)
        came(case, 2, vcpu=1)
        expect(any(step.vcpu and step.word == MARKER for step in case.steps),
               "the second vCPU halts for ever", "it goes on behind HLT after the NMI")
        ended(case)

    @lab.test("old-sipi", "a start-up IPI from before the INIT does not count", 5, "hidden",
              read="SDM 3A \"Interrupt Command Register (ICR)\"; module/lapic.c, send() and "
                   "vtr_lapic_accept()")
    def old_sipi(seen: Seen) -> None:
        case, numbers = case_of(seen, OLD_SIPI), visible.symbols(seen.seed)
        orders = [one.number for one in case.at(visible.ICR, True)]
        first, second = numbers["PAGE_1"], numbers["PAGE_2"]
        for what, page, begin, end in (
                ("INIT and start-up IPI", first, 0, 2),
                ("a start-up IPI and then INIT", None, 3, 4),
                ("a new start-up IPI", second, 4, 5), ("INIT level de-assert", second, 5, 6),
                ("INIT", None, 6, 7)):
            visible.runs_at(case, what, page, orders[begin] if begin else 0,
                            orders[end] if end < len(orders) else len(seen.recorder.exits))
        ended(case)
