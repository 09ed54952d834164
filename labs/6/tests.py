# SPDX-License-Identifier: GPL-2.0-only
"""Lab 6: events.  The tests that students have, too.

Scene `events` runs the cases of guests/events.S, each on a vCPU of its own; the
program events (programs/events.c) raises what they ask for.  Judged by the exits
of each case, by the VMCS at them, and by the log that the guest's handlers keep.
"""

from contextlib import suppress
from dataclasses import dataclass

from lab.judge import Lab, Missed, expect
from lab.observe import Exit, Recorder, guest_memory
from lab.scene import Scene, Seed, Seen
from machine.debugger import Debugger

IO, CPUID, WINDOW, NMI_WINDOW, VIOLATION = 30, 10, 7, 8, 48
SAY, RAISE, DONE, HANDLED = 0xe0, 0xe1, 0xe8, 0xe9
INTERRUPT, NMI, EXCEPTION, SOFT_INT, SOFT_EXC = 0, 2, 3, 4, 6
KINDS = ("external interrupt", "reserved", "NMI", "hardware exception", "software interrupt",
         "privileged software exception", "software exception", "other event")
CASE, REPORT = 0xca5e, 0x106        # what the guest says: a case begins, all are over
WANTS_WINDOW, WANTS_NMI_WINDOW = 1 << 2, 1 << 22
BY_STI, BY_MOV_SS, BY_NMI = 1 << 0, 1 << 1, 1 << 3
FROM_IF_ON = 1 << 9
RESUME_FLAG = 1 << 16
NO_ERROR = (1 << 64) - 1
LOG_CASE, CASES = 512, 16
ROWS = LOG_CASE // 32 - 1           # more events of a case are only counted

(ONE_INTERRUPT, TWO_EXCEPTIONS, THREE_ERRORS, SOFTWARE, WAITS, HALTED, AGAIN_INTERRUPT,
 AGAIN_ERROR, AGAIN_FAULT, DOUBLE, BENIGN, TIMER) = range(1, 13)


# ---- what a case has shown --------------------------------------------------------------


@dataclass
class Event:
    """An event as the guest's handler found it on its stack."""
    vector: int
    error: int
    rip: int
    rflags: int

    def __str__(self) -> str:
        error = "no error code" if self.error == NO_ERROR else f"error code {self.error:#x}"
        return f"vector {self.vector} with {error} at RIP {self.rip:#x}"


def port_of(seen: Exit) -> int:
    """The port that an exit is about, 0: none."""
    return seen.qualification >> 16 if seen.reason == IO else 0


def read_log(recorder: Recorder, debugger: Debugger) -> dict[int, list[Event]] | None:
    """A look at each exit: when the guest reports, its log by cases."""
    seen = recorder.exits[-1]
    if port_of(seen) != SAY or seen.gpr["rax"] != REPORT:
        return None
    # All vCPUs are of one VM; the first exits are read with all fields, whatever comes.
    eptp = recorder.exits[0].vmcs["EPT_POINTER"]
    data = b""
    for at in range(seen.gpr["rsi"], seen.gpr["rsi"] + LOG_CASE * CASES, LOG_CASE):
        # No event, so no page: nobody has written there.
        data += guest_memory(debugger, eptp, at, LOG_CASE) or bytes(LOG_CASE)
    words = [int.from_bytes(data[at:at + 8], "little") for at in range(0, len(data), 8)]
    found = {}
    for case in range(CASES):
        rows = words[case * LOG_CASE // 8:(case + 1) * LOG_CASE // 8]
        count = min(rows[0] & 0xffffffff, ROWS)
        found[case] = [Event(*rows[4 * n:4 * n + 4]) for n in range(1, count + 1)]
    return found


@dataclass
class Case:
    """One case: its exits, its log, and what the guest awaits."""
    exits: list[Exit]
    log: list[Event]
    done: bool

    def of(self, reason: int) -> list[Exit]:
        return [seen for seen in self.exits if seen.reason == reason]

    def at_port(self, port: int) -> list[Exit]:
        return [seen for seen in self.exits if port_of(seen) == port]

    @property
    def expected(self) -> int:
        """The address that the guest has put into R12 for the grader, as it last was."""
        return self.exits[-1].gpr["r12"]

    @property
    def forged(self) -> str | None:
        """A log is worth something only where the guest's own handler has written it."""
        ran = len(self.at_port(HANDLED))
        return f"{len(self.log)} events are in the guest's log, but its handler ran {ran} times" \
            if len(self.log) > ran else None

    @property
    def interrupted(self) -> list[int]:
        """IDT-vectoring information of the exits that came during a delivery."""
        words = [seen.vmcs["IDT_VECTORING_INFO_FIELD"] for seen in self.exits]
        return [word for word in words if word >> 31]


def case_of(seen: Seen, number: int) -> Case:
    """What the processor did in a case; its exits are those of its own VMCS."""
    recorder = seen.recorder
    begins = [n for n, one in enumerate(recorder.exits)
              if port_of(one) == SAY and one.gpr["rax"] >> 16 == CASE]
    first = next((n for n in begins if recorder.exits[n].gpr["rax"] & 0xffff == number), None)
    expect(first is not None, f"the guest did not come to case {number}",
           "the guest is entered and runs")
    assert first is not None
    end = next((n for n in begins if n > first), len(recorder.exits))
    exits = [one for one in recorder.exits[first:end]
             if one.vmcs_at == recorder.exits[first].vmcs_at]
    logs = [found["log"] for found in recorder.notes.values() if "log" in found]
    last = (seen.output.strip().splitlines() or ["nothing is said"])[-1]
    expect(logs, f"the guest's log could not be read ({last})", "the guest comes to its report")
    assert isinstance(logs[-1], dict)
    return Case(exits, logs[-1][number], bool(exits) and port_of(exits[-1]) == DONE)


def told(info: int) -> str:
    error = ", deliver error code" if info >> 11 & 1 else ""
    return f"type {info >> 8 & 7} ({KINDS[info >> 8 & 7]}), vector {info & 0xff}{error}"


def entered(case: Case) -> None:
    """No entry of the case failed, and the guest came to its end."""
    refused = next((one for one in case.exits if one.failed_entry), None)
    if refused:
        vmcs = refused.vmcs
        expect(False, "the processor refused the VM entry with "
               f"{told(vmcs['VM_ENTRY_INTR_INFO_FIELD'])}; RFLAGS.IF "
               f"{vmcs['GUEST_RFLAGS'] >> 9 & 1}, interruptibility state "
               f"{vmcs['GUEST_INTERRUPTIBILITY_INFO']:#x}", "each entry succeeds")
    last = case.exits[-1]
    expect(case.done, f"the guest is given up at RIP {last.rip:#x} after {len(case.exits)} exits, "
           f"the last one by reason {last.reason}; {len(case.log)} events have come",
           "it comes to its end")


def arrived(case: Case, *wanted: tuple[int, int, int]) -> None:
    """Exactly these events came, in this order: (vector, error code, RIP)."""
    expect(not case.forged, case.forged or "", "the handler runs for each event")
    came = ", ".join(str(event) for event in case.log) or "nothing"
    awaited = ", ".join(str(Event(*event, 0)) for event in wanted)
    expect([(event.vector, event.error, event.rip) for event in case.log] == list(wanted),
           f"the handlers have seen {came}", f"{awaited}, once")


def injected(case: Case, after: Exit, kind: int, vector: int, error: bool = False) -> Exit:
    """The entry after AFTER took the event in; the exit behind it still has the word."""
    behind = case.exits[case.exits.index(after) + 1]
    info = behind.vmcs["VM_ENTRY_INTR_INFO_FIELD"] & 0xfff
    wanted = kind << 8 | vector | error << 11
    expect(info == wanted, f"the VM-entry interruption information says {told(info)}",
           told(wanted))
    return behind


def behind_out(seen: Exit) -> int:
    return seen.rip + seen.length


# ---- scene --------------------------------------------------------------------------------

lab = Lab(6, "Events")
# Cases that may end in a storm of exits come last: only the first exits are read in full.
lab.scene(Scene("events", """\
insmod /vitrine/vitrine.ko || exit 1
taskset 1 ./events events.elf 1 2 3 4 6 7 8 9 10 11 5 12 0
""", guests=["events"], programs=["events"], at_exit={"log": read_log}))


def symbols(seed: Seed) -> dict[str, int]:
    first, second, third = seed.shuffle("order", ["0", "1", "2"])
    base = seed.pick("base", 0x30, 0x60)
    return {
        "VECTOR": seed.pick("vector", 0x61, 0x90),
        "SOFT_VECTOR": seed.pick("software", 0x90, 0xc0),
        "FIRST": base + 5 * int(first), "SECOND": base + 5 * int(second),
        "THIRD": base + 5 * int(third),
        "ERROR_GP": seed.pick("gp", 1, 0x2000) << 3,
        "ERROR_PF": seed.pick("pf", 2, 32),
        "ERROR_NP": seed.pick("np", 1, 0x2000) << 3 | 2,
        "CLOSED": seed.pick("closed", 2, 6), "OPEN": seed.pick("open", 2, 6),
        "TICK_VECTOR": seed.pick("tick", 0xc0, 0xf0),
        "TICKS": seed.pick("ticks", 2, 4), "TICK_US": 3000,
    }


lab.symbols = symbols


# ---- tests ---------------------------------------------------------------------------------


def writes_the_log(seen: Seen) -> str | None:
    """Somebody else than the guest's handlers has written their log."""
    begun = {one.gpr["rax"] & 0xffff for one in seen.recorder.exits
             if port_of(one) == SAY and one.gpr["rax"] >> 16 == CASE} - {0}
    with suppress(Missed):
        return next((f"case {number}: {why}" for number in sorted(begun)
                     if (why := case_of(seen, number).forged)), None)
    return None


lab.suspicion("events")(writes_the_log)


@lab.test("interrupt", "an interrupt reaches the guest's handler", 10, "events",
          read="SDM 3C \"VM-Entry Controls for Event Injection\"; module/events.c, "
               "vtr_deliver_events(); vmx/inject.c, vmx_inject()")
def interrupt(seen: Seen) -> None:
    case, vector = case_of(seen, ONE_INTERRUPT), symbols(seen.seed)["VECTOR"]
    entered(case)
    raised = case.at_port(RAISE)[0]
    arrived(case, (vector, NO_ERROR, behind_out(raised)))
    injected(case, raised, INTERRUPT, vector)


@lab.test("exception", "exceptions come without an error code where none belongs", 8, "events",
          read="SDM 3C \"VM-Entry Controls for Event Injection\"; vmx/inject.c, vmx_inject() "
               "and set_rf_for_fault()")
def exception(seen: Seen) -> None:
    case = case_of(seen, TWO_EXCEPTIONS)
    entered(case)
    raised = case.at_port(RAISE)
    arrived(case, (6, NO_ERROR, behind_out(raised[0])), (0, NO_ERROR, behind_out(raised[1])))
    injected(case, raised[0], EXCEPTION, 6)
    injected(case, raised[1], EXCEPTION, 0)
    for event in case.log:
        expect(event.rflags & RESUME_FLAG, f"RFLAGS on the handler's stack is {event.rflags:#x}",
               "RF (bit 16) is set in what a fault pushes")


@lab.test("error-code", "exceptions bring their error codes", 10, "events",
          read="SDM 3C \"VM-Entry Controls for Event Injection\", bit 11; vmx/inject.c, "
               "vmx_inject()")
def error_code(seen: Seen) -> None:
    case, numbers = case_of(seen, THREE_ERRORS), symbols(seen.seed)
    entered(case)
    wanted = [(13, numbers["ERROR_GP"]), (14, numbers["ERROR_PF"]), (11, numbers["ERROR_NP"])]
    raised = case.at_port(RAISE)
    arrived(case, *[(vector, error, behind_out(out))
                    for (vector, error), out in zip(wanted, raised)])
    for (vector, error), out in zip(wanted, raised):
        behind = injected(case, out, EXCEPTION, vector, True)
        code = behind.vmcs["VM_ENTRY_EXCEPTION_ERROR_CODE"]
        expect(code == error, f"the VM-entry exception error code is {code:#x}", f"{error:#x}")


@lab.test("software", "software interrupts and traps return behind their instruction", 8, "events",
          read="SDM 3C \"VM-Entry Controls for Event Injection\", VM-entry instruction length; "
               "vmx/inject.c, vmx_inject()")
def software(seen: Seen) -> None:
    case, vector = case_of(seen, SOFTWARE), symbols(seen.seed)["SOFT_VECTOR"]
    entered(case)
    raised = case.at_port(RAISE)
    arrived(case, (vector, NO_ERROR, behind_out(raised[0]) + 2),
            (3, NO_ERROR, behind_out(raised[1]) + 1))
    injected(case, raised[0], SOFT_INT, vector)
    injected(case, raised[1], SOFT_EXC, 3)


@lab.test("waits", "interrupts wait while the guest has them off, then come in order", 12,
          "events", after=["interrupt"],
          read="SDM 3C \"Interruptibility State\", SDM 3C \"Checks on Guest RIP, RFLAGS, and "
               "SSP\"; vmx/inject.c, vmx_can_inject()")
def waits(seen: Seen) -> None:
    case, numbers = case_of(seen, WAITS), symbols(seen.seed)
    entered(case)
    arrived(case, *[(numbers[name], NO_ERROR, case.expected)
                    for name in ("FIRST", "SECOND", "THIRD")])


@lab.test("window", "interrupt-window exiting is on while one waits, and off again", 14, "events",
          after=["waits"],
          read="SDM 3C \"Other Causes of VM Exits\", SDM 3C \"Processor-Based VM-Execution "
               "Controls\"; vmx/inject.c, vmx_set_window()")
def window(seen: Seen) -> None:
    case, numbers = case_of(seen, WAITS), symbols(seen.seed)
    asked = case.of(CPUID)
    closed, opened = asked[:numbers["CLOSED"]], asked[numbers["CLOSED"]:]
    for one in closed:
        expect(one.vmcs["CPU_BASED_VM_EXEC_CONTROL"] & WANTS_WINDOW,
               "interrupt-window exiting is off while three interrupts wait", "it is on")
    windows = case.of(WINDOW)
    expect(len(windows) == 3, f"{len(windows)} interrupt-window exits",
           "three, one for each interrupt")
    for one in windows:
        expect(one.rip == case.expected, f"the window opened at RIP {one.rip:#x}",
               f"{case.expected:#x}, behind STI and one more instruction")
    for one in opened:
        expect(not one.vmcs["CPU_BASED_VM_EXEC_CONTROL"] & WANTS_WINDOW,
               "interrupt-window exiting is on when no interrupt waits any more", "it is off")


@lab.test("again", "an event whose delivery an exit interrupts comes all the same, once", 15,
          "events", after=["interrupt", "error-code"],
          read="SDM 3C \"Information for VM Exits That Occur During Event Delivery\"; "
               "vmx/inject.c, vmx_requeue_event()")
def again(seen: Seen) -> None:
    numbers = symbols(seen.seed)
    for number, kind, vector, error in (
            (AGAIN_INTERRUPT, INTERRUPT, numbers["VECTOR"], NO_ERROR),
            (AGAIN_ERROR, EXCEPTION, 14, numbers["ERROR_PF"]), (AGAIN_FAULT, EXCEPTION, 13, 0)):
        case = case_of(seen, number)
        entered(case)
        wanted = kind << 8 | vector | (error != NO_ERROR) << 11
        expect(len(case.interrupted) >= 2 and all(info & 0xfff == wanted
                                                  for info in case.interrupted),
               f"exits during the delivery of {[told(info) for info in case.interrupted]}",
               f"two or more, of {told(wanted)}")
        arrived(case, (vector, error, case.expected))


@lab.test("double", "an exception on top of another one makes a double fault, where it must", 8,
          "events", after=["error-code"],
          read="SDM 3A \"Interrupt 8--Double Fault Exception (#DF)\"; module/events.c, "
               "vtr_queue_exception()")
def double(seen: Seen) -> None:
    for number, vector in ((DOUBLE, 8), (BENIGN, 13)):
        case = case_of(seen, number)
        entered(case)
        arrived(case, (vector, 0, case.expected))


@lab.test("timer", "a timer's ticks come to a guest that computes, and wake one that halts", 15,
          "events", after=["interrupt", "waits"],
          read="ioctl-uapi/README.md, VTR_VCPU_RUN; module/vcpu.c, run_loop(); "
               "module/handle.c, handle_window()")
def timer(seen: Seen) -> None:
    numbers = symbols(seen.seed)
    halted = case_of(seen, HALTED)
    entered(halted)
    arrived(halted, (numbers["VECTOR"], NO_ERROR, halted.expected))
    case = case_of(seen, TIMER)
    entered(case)
    expect(len(case.log) >= 2 * numbers["TICKS"], f"{len(case.log)} ticks came",
           f"at least {2 * numbers['TICKS']}")
    for event in case.log:
        expect(event.vector == numbers["TICK_VECTOR"] and event.error == NO_ERROR, str(event),
               f"vector {numbers['TICK_VECTOR']}")
        expect(event.rflags & FROM_IF_ON, "a tick came while the guest had interrupts off",
               "RFLAGS.IF is set in what it pushes")
