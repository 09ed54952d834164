# SPDX-License-Identifier: GPL-2.0-only
"""The way of a timer tick and of a key stroke, through the five layers.

nested/linux-story starts it.  A stock Linux runs as Vitrine's guest with 2 vCPUs;
nested/linux-guest/story.sh records in the machine around it what Vitrine's trace
points and those of the host's kernel tell.  Here two ways are looked for in the
record and written to docs/linux-story.md, each line with its layer and its ticks.
Nothing in the tables is written by hand; the chapters around them are in PAGE.
"""

import argparse
import bisect
import pathlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from . import linux_guest
from .errors import Failure
from .kernels import NESTED

PAGE = NESTED / "linux-guest/story.in"
DOCUMENT = NESTED.parent / "docs/linux-story.md"
# In the guest: say so, wait for the key, and nothing else.
COMMAND = "echo 'press a key'; read -r key"

LINE = re.compile(r"\s*(?P<thread>.+)-(?P<pid>\d+)\s+\[(?P<cpu>\d+)\]\s+\S+\s+(?P<tsc>\d+): "
                  r"(?P<name>\w+)(?:\([^)]*\))?:? ?(?P<text>.*)")
PAIR = re.compile(r"(\w+)=(\S+)")
SERIAL = range(0x3f8, 0x400)
APIC_REGISTERS = {0x80: "TPR", 0xb0: "EOI", 0x300: "ICR", 0x320: "LVT timer", 0x380: "initial count"}
REASONS = {1: "an interrupt of the host", 7: "the interrupt window", 10: "CPUID", 12: "HLT",
           30: "IN or OUT", 31: "RDMSR", 32: "WRMSR", 48: "an EPT violation",
           52: "the preemption timer"}


@dataclass
class Event:
    tsc: int
    cpu: int
    thread: str
    name: str
    text: str

    def __getitem__(self, key: str) -> str:
        return dict(PAIR.findall(self.text)).get(key, "")

    def number(self, key: str) -> int:
        return int(self[key] or "0", 0)

    def of(self, vcpu: int) -> bool:
        return self["vcpu"] == str(vcpu)


class Functions:
    def __init__(self, lines: list[str]) -> None:
        found = sorted((int(line.split()[0], 16), line.split()[2]) for line in lines)
        self.addresses = [address for address, _ in found]
        self.names = [name for _, name in found]

    def name(self, address: int) -> str:
        at = bisect.bisect_right(self.addresses, address) - 1
        if at < 0 or address - self.addresses[at] > 0x10000:
            return f"{address:#x}"
        return f"`{self.names[at]}`"


# ---- finding the two ways ----

def first(events: list[Event], start: int, fits) -> int:
    """The index of the first event at or behind `start` that fits."""
    for index in range(start, len(events)):
        if fits(events[index]):
            return index
    raise LookupError


def tick(events: list[Event], vcpu: int, start: int) -> tuple[int, int]:
    """From the guest's arming of its timer to its end of interrupt."""
    armed = first(events, start, lambda e: e.name == "vtr_timer" and e.of(vcpu) and
                  "armed" in e.text and e.number("ns") > 0)
    then = first(events, armed + 1, lambda e: e.name == "vtr_timer" and e.of(vcpu))
    if "expired" not in events[then].text:
        return tick(events, vcpu, then)
    ends = first(events, then, lambda e: e.name == "vtr_apic" and e.of(vcpu) and
                 e.number("offset") == 0xb0)
    begins = max(i for i in range(armed) if events[i].name == "vtr_exit" and events[i].of(vcpu))
    return begins, ends


def key(events: list[Event]) -> tuple[int, int]:
    """From the tool's read of the terminal to the guest's output of the letter."""
    line = first(events, 0, lambda e: e.name == "vtr_line" and e["line"] == "4" and
                 e["level"] == "1")
    begins = max(i for i in range(line) if is_end_of_read(events[i]) and
                 events[i].cpu == events[line].cpu)
    taken = first(events, line, is_read_of_letter)
    echo = first(events, taken, is_write_of_letter)
    return begins, first(events, echo, lambda e: e.name == "vtr_user_exit" and
                         e["vcpu"] == events[echo]["vcpu"])


def is_end_of_read(event: Event) -> bool:
    return event.name == "sys_read" and event.text.startswith("-> 0x1")


def is_port(event: Event, port: int, read: bool) -> bool:
    """An exit for IN or OUT: SDM 3C "Exit Qualification for I/O Instructions"."""
    what = event.number("qualification")
    return (event.name == "vtr_exit" and event.number("reason") == 30 and
            what >> 16 & 0xffff == port and bool(what & 8) == read)


def is_read_of_letter(event: Event) -> bool:
    return is_port(event, SERIAL[0], True)


def is_write_of_letter(event: Event) -> bool:
    return is_port(event, SERIAL[0], False)


# ---- words ----

def exit_words(event: Event, functions: Functions) -> tuple[str, str]:
    reason, what = event.number("reason") & 0xffff, event.number("qualification")
    why = REASONS.get(reason, f"exit reason {reason}")
    if reason == 30:
        why = f"{'IN from' if what & 8 else 'OUT to'} port {what >> 16 & 0xffff:X}H"
    return "4 → 3", f"{why} in {functions.name(event.number('rip'))}: VM exit"


def apic_words(event: Event) -> str:
    offset = event.number("offset")
    register = APIC_REGISTERS.get(offset, f"{offset:X}H")
    if not event.text.split(" ")[2].startswith("write"):
        return f"the guest's local APIC: {register} is read"
    return f"the guest's local APIC: {event.number('value'):#x} is written to {register}"


def words(event: Event, functions: Functions) -> tuple[str, str] | None:
    """The layers and a sentence; None: it says nothing of this way."""
    match event.name:
        case "vtr_exit":
            return exit_words(event, functions)
        case "vtr_entry":
            vector = event.number("vector")
            return "3 → 4", "VM entry" + (f" with interrupt {vector}" if event.number("event")
                                          else "")
        case "vtr_user_exit":
            return "3 → 2 → 3 tool", f"the module hands it to the tool: {event['exit']}"
        case "vtr_inject":
            return "3", f"the vCPU takes vector {event.number('vector')} from its local APIC"
        case "vtr_accept":
            return "3", (f"the local APIC of vCPU {event['vcpu']} gets vector "
                         f"{event.number('vector')}")
        case "vtr_line":
            return "3 tool → 2 → 3", (f"the tool sets line {event['line']} to {event['level']}: "
                                      "VTR_VM_IRQ_LINE")
        case "vtr_apic":
            return "3", apic_words(event)
        case "vtr_timer" if "expired" in event.text:
            return "2 → 3", "the module's timer function: the guest's timer has expired"
        case "vtr_timer" if event.number("ns") > 0:
            return "3 → 2", (f"the module starts a timer of the host, due in {event.number('ns')} ns")
        case "local_timer_entry":
            return "1 → 2", "the host's own timer interrupt"
        case "hrtimer_expire_entry":
            return "2", f"a timer of the host is due: `{event['function']}`"
        case "sched_waking":
            return "2", f"the host wakes thread {event['comm']}"
        case "sched_switch":
            return "2", f"the core goes from {event['prev_comm']} to {event['next_comm']}"
        case "sys_read" if event.text.startswith("->"):
            return "2 → 3 tool", "read() of the terminal returns to the tool with the letter"
    return None


def belongs(event: Event, vcpu: int, cores: set[int]) -> bool:
    """Of the same vCPU, or of its core, its timer and its thread."""
    if event.name.startswith("vtr_"):
        return event["vcpu"] in ("", str(vcpu))
    if event.name == "hrtimer_expire_entry":
        return "lapic_tick" in event.text and event.cpu in cores
    if event.name in ("sched_waking", "sched_switch"):
        return "vitrine" in event.text and event.cpu in cores
    return event.cpu in cores


def table(events: list[Event], vcpu: int, functions: Functions) -> str:
    cores = {event.cpu for event in events if event.of(vcpu)}
    rows = ["| ticks | core | layers | what happens |", "|---:|---:|---|---|"]
    # A host's tick that had nothing to do with it is left out.
    useful = [event for index, event in enumerate(events) if event.name != "local_timer_entry" or
              any("lapic_tick" in e.text and e.cpu == event.cpu for e in events[index:index + 3])]
    for event in useful:
        said = words(event, functions) if belongs(event, vcpu, cores) else None
        if said:
            rows.append(f"| {event.tsc - events[0].tsc} | {event.cpu} | {said[0]} | {said[1]} |")
    return "\n".join(rows)


# ---- the machine ----

def record(options: argparse.Namespace) -> str:
    kernel = linux_guest.guest_kernel("6.1")
    vmlinuz = linux_guest.checked_kernel(kernel)
    with tempfile.NamedTemporaryFile(prefix="vitrine-initrd-") as disk:
        disk.write(linux_guest.initrd(COMMAND, kernel))
        disk.flush()
        run = [NESTED / "run", "--quiet", "--kernel", "6.1", "--cpus", 2, "--clock",
               linux_guest.CLOCK, "--memory", 256 + linux_guest.HOST_MEMORY, "--timeout",
               options.timeout, "--file", f"{vmlinuz}:/root/vmlinuz", "--file",
               f"{disk.name}:/root/initrd", "--file",
               f"{linux_guest.GUEST / 'story.sh'}:/root/story.sh", "--", "sh", "/root/story.sh"]
        done = subprocess.run([str(word) for word in run], stdout=subprocess.PIPE, check=False)
    said = done.stdout.decode(errors="replace").replace("\r", "")
    if done.returncode or "-- trace\n" not in said:
        raise Failure(f"nothing was recorded:\n{said[-2000:]}")
    return said


def sections(said: str) -> tuple[Functions, list[Event]]:
    functions = said.split("-- functions\n")[1].split("-- trace\n")[0].splitlines()
    trace = said.split("-- trace\n")[1].split("-- said\n")[0].splitlines()
    events = [Event(int(m["tsc"]), int(m["cpu"]), m["thread"], m["name"], m["text"])
              for m in map(LINE.match, trace) if m]
    return Functions(functions), sorted(events, key=lambda event: event.tsc)


def story(said: str) -> str:
    functions, events = sections(said)
    try:
        begins, ends = key(events)
        taker = next(int(e["vcpu"]) for e in events[begins:ends] if e.name == "vtr_exit" and
                     is_read_of_letter(e))
        of_key = table(events[begins:ends + 1], taker, functions)
        begins, ends = tick(events, taker, ends)
        of_tick = table(events[begins:ends + 1], taker, functions)
    except (LookupError, ValueError, StopIteration) as error:
        raise Failure(f"the record of {len(events)} events has no whole way: {error!r}") from error
    return PAGE.read_text().replace("@TICK@", of_tick).replace("@KEY@", of_key)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="nested/linux-story", allow_abbrev=False,
        description="Write docs/linux-story.md: the way of a timer tick and of a key stroke.")
    parser.add_argument("--timeout", type=int, default=1800, metavar="S",
                        help="seconds until the machine is stopped")
    parser.add_argument("--record", metavar="FILE", type=pathlib.Path,
                        help="keep the record there; if it is there, use it")
    parser.add_argument("--output", metavar="FILE", type=pathlib.Path, default=DOCUMENT,
                        help="default: docs/linux-story.md")
    options = parser.parse_args(argv)
    if options.record and options.record.exists():
        said = options.record.read_text()
    else:
        said = record(options)
        if options.record:
            options.record.write_text(said)
    options.output.write_text(story(said))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        print(f"nested/linux-story: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
