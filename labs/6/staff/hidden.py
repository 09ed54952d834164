# SPDX-License-Identifier: GPL-2.0-only
"""Lab 6: the tests that only staff has.

Scene `hidden` runs the cases of staff/guests/hidden.S: what blocks events, and
what must survive an exit.  judge.load() calls add(); read labs/6/tests.py before.
"""

from lab.judge import Lab, expect, load_file
from lab.scene import LABS, Scene, Seen

visible = load_file(LABS / "6/tests.py")
Case, arrived, case_of, entered = (visible.Case, visible.arrived, visible.case_of,
                                   visible.entered)
NO_ERROR = visible.NO_ERROR

(AFTER_STI, AFTER_MOV_SS, NMI_AFTER_STI, TWO_NMIS, NMI_IRET, AGAIN_SOFT, AGAIN_TRAP,
 AGAIN_NMI, STALE) = range(1, 10)


def in_shadow(seen: Seen, number: int, shadow: int) -> Case:
    """The case's event is raised at an exit in a shadow, and comes when that is over."""
    case = case_of(seen, number)
    expect(any(one.vmcs["GUEST_INTERRUPTIBILITY_INFO"] & shadow
               for one in case.of(visible.VIOLATION)),
           "no exit in the shadow", "the instruction behind STI or MOV SS exits")
    entered(case)
    return case


def add(lab: Lab) -> None:
    lab.scene(Scene("hidden", """\
insmod /vitrine/vitrine.ko || exit 1
taskset 1 ./events hidden.elf 4 5 6 7 8 9 1 2 3 0
""", guests=["hidden"], programs=["events"], most_exits=6000, seconds=30,
                    at_exit={"log": visible.read_log}))

    lab.suspicion("hidden")(visible.writes_the_log)

    @lab.test("shadow", "nothing is injected in the shadow of STI or MOV SS", 8, "hidden",
              read="SDM 3C \"Interruptibility State\"; vmx/inject.c, vmx_can_inject() and "
                   "vmx_set_window()")
    def shadow(seen: Seen) -> None:
        vector = visible.symbols(seen.seed)["VECTOR"]
        for number, by, came in ((AFTER_STI, visible.BY_STI, vector),
                                 (AFTER_MOV_SS, visible.BY_MOV_SS, vector),
                                 (NMI_AFTER_STI, visible.BY_STI, 2)):
            case = in_shadow(seen, number, by)
            arrived(case, (came, NO_ERROR, case.expected))

    @lab.test("nmi", "an NMI comes with interrupts off, a second one after the first one's IRET",
              6, "hidden",
              read="SDM 3C \"Interruptibility State\", SDM 3C \"Other Causes of VM Exits\"; "
                   "module/events.c, take_pending_nmi(); vmx/inject.c, vmx_set_window()")
    def nmi(seen: Seen) -> None:
        case = case_of(seen, TWO_NMIS)
        entered(case)
        arrived(case, *[(2, NO_ERROR, case.expected)] * 2)
        inside, outside = case.of(visible.CPUID)
        expect(inside.vmcs["GUEST_INTERRUPTIBILITY_INFO"] & visible.BY_NMI,
               "NMIs are not blocked in their handler", "they are, until its IRET")
        expect(len(case.of(visible.NMI_WINDOW)) == 1,
               f"{len(case.of(visible.NMI_WINDOW))} NMI-window exits", "one, after the IRET")
        expect(not outside.vmcs["CPU_BASED_VM_EXEC_CONTROL"] & visible.WANTS_NMI_WINDOW,
               "NMI-window exiting is on when no NMI waits any more", "it is off")

    @lab.test("nmi-iret", "an IRET that exits does not let the next NMI in", 4, "hidden",
              after=["nmi"],
              read="SDM 3C \"Information About NMI Unblocking Due to IRET\"; vmx/exit.c, "
                   "restore_nmi_blocking()")
    def nmi_iret(seen: Seen) -> None:
        case = case_of(seen, NMI_IRET)
        entered(case)
        expect(any(one.qualification >> 12 & 1 for one in case.of(visible.VIOLATION)),
               "no exit of the IRET", "its stack is not mapped: an EPT violation, bit 12 set")
        arrived(case, *[(2, NO_ERROR, case.expected)] * 2)

    @lab.test("again-kinds", "a trap, a software interrupt, an NMI survive such an exit, too", 7,
              "hidden", after=["again"],
              read="SDM 3C \"Information for VM Exits That Occur During Event Delivery\"; "
                   "vmx/inject.c, vmx_requeue_event()")
    def again_kinds(seen: Seen) -> None:
        for number, vector in ((AGAIN_SOFT, visible.symbols(seen.seed)["SOFT_VECTOR"]),
                               (AGAIN_TRAP, 3), (AGAIN_NMI, 2)):
            case = case_of(seen, number)
            entered(case)
            expect(case.interrupted, "no exit during the delivery", "the table is not mapped")
            arrived(case, (vector, NO_ERROR, case.expected))

    @lab.test("kept", "an event whose entry does not take place waits for the next one", 5,
              "hidden", after=["interrupt"],
              read="module/vcpu.c, enter_once(); module/events.c, vtr_cancel_delivery()")
    def kept(seen: Seen) -> None:
        case = case_of(seen, STALE)
        failed = [one for one in case.exits if one.failed_entry]
        expect(len(failed) == 1, f"{len(failed)} failed entries",
               "one: RFLAGS.IF is 0 with an interrupt in flight")
        expect(case.done, "the guest did not come to its end after the state was mended",
               "it goes on")
        arrived(case, (visible.symbols(seen.seed)["VECTOR"], NO_ERROR, case.expected))
