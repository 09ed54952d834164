# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses of nested/run and the exceptions that lead to them.

main.py turns an exception into one line on stderr and its status.  The
numbers follow timeout(1) where it has one; a command can return the same
numbers, so the closing line on stderr says who spoke.
"""

OK = 0
FAILED = 1
USAGE = 2
TIMED_OUT = 124
MACHINE_FAILED = 125


class Failure(Exception):
    """Something outside of the machine is wrong; the text says what to do."""

    status = FAILED


class UsageError(Failure):
    """The command line asks for what cannot be."""

    status = USAGE


class MachineFailure(Failure):
    """The machine could not be started or broke before the command ran."""

    status = MACHINE_FAILED
