# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's log: lines, and the reports in it that mean failure.

session.py feeds the bytes of the console; main.py asks at the end which
reports there are and which of them were expected.  A report is a line that
only a broken kernel (or a broken module in it) prints, with the lines after
it up to its end mark.  Subtle: the log has the time stamp of each line and,
in debug kernels, a caller in front of the text; patterns match the text.
"""

import re
from dataclasses import dataclass, field

PREFIX = re.compile(r"^(?:<\d+>)?(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?)?")
REPORT = re.compile(r"""
      \bBUG:\ | \bkernel\ BUG\ at\b | ^WARNING:\ | \bOops:\ | \bKernel\ panic\b
    | ^general\ protection\ fault | ^(?:divide|invalid\ opcode|int3|stack\ segment)\b.*\bSMP\b
    | \bdouble\ fault\b | ^traps:\ PANIC | ^PANIC:
    | \bINFO:\ rcu_\w+\ (?:detected|self-detected) | ^rcu:\ INFO:.*\bstall
    | ^INFO:\ task\ .*\ blocked\ for\ more\ than
    | ^INFO:\ (?:trying\ to\ register\ non-static\ key|possible\ )
    | ^INFO:\ (?:lockdep\ is\ turned\ off|suspicious)
    | \bkmemleak:\ \d+\ new\ suspected\ memory\ leak
    | ^UBSAN:\ | ^BUG\ \S+\ \( | ^kasan:.*(?:bug|report) | ^list_(?:add|del)\ corruption
    | ^unchecked\ MSR\ access\ error | ^irq\ \d+:\ nobody\ cared
    | ^Memory\ manager\ not\ clean | ^(?:Uncorrected|Fatal)\ .*machine\ check
    """, re.VERBOSE)
END_MARK = re.compile(r"---\[ end (?:trace|Kernel panic)|^={20,}$")
PANIC_END = re.compile(r"---\[ end Kernel panic")
PANIC = re.compile(r"\bKernel panic - not syncing")
RESET_TEXT = "vitrine-machine: reset"
REPORT_LINES = 60


@dataclass
class Report:
    """The first line of a report and those that belong to it."""

    lines: list[str]
    number: int
    open: bool = True

    @property
    def title(self) -> str:
        return PREFIX.sub("", self.lines[0])

    def add(self, line: str) -> None:
        self.lines.append(line)
        text = PREFIX.sub("", line)
        # Rows of "=" frame lockdep and KASAN reports: the first one opens.
        closing = END_MARK.search(text) and (len(self.lines) > 3)
        if closing or len(self.lines) >= REPORT_LINES:
            self.open = False


@dataclass
class Log:
    lines: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    pending: bytes = b""
    panicked: bool = False
    panic_ended: bool = False
    was_reset: bool = False

    def feed(self, data: bytes) -> list[str]:
        """Take bytes; return the lines that became complete."""
        *whole, self.pending = (self.pending + data).split(b"\n")
        fresh = [raw.decode("utf-8", "replace").rstrip("\r") for raw in whole]
        for line in fresh:
            self._take(line)
        return fresh

    def finish(self) -> None:
        if self.pending:
            self.feed(b"\n")

    def _take(self, line: str) -> None:
        self.lines.append(line)
        text = PREFIX.sub("", line)
        self.panicked |= bool(PANIC.search(text))
        self.panic_ended |= bool(PANIC_END.search(text))
        self.was_reset |= text == RESET_TEXT
        current = self.reports[-1] if self.reports else None
        if current and current.open:
            current.add(line)
            if not (current.open and self._is_new(current, text)):
                return
            current.open = False
        if REPORT.search(text):
            self.reports.append(Report([line], len(self.lines)))

    @staticmethod
    def _is_new(current: Report, text: str) -> bool:
        """A second kind of trouble inside of a report: an oops after a WARN."""
        return bool(REPORT.search(text)) and text != current.title and (
            text.startswith(("WARNING:", "BUG:")) or bool(PANIC.search(text)))

    def unexpected(self, expected: list[re.Pattern[str]]) -> list[Report]:
        return [report for report in self.reports
                if not any(pattern.search("\n".join(report.lines)) for pattern in expected)]
