# SPDX-License-Identifier: GPL-2.0-only
"""What ends a command of the labs with one line: 1 failed, 2 wrong usage."""

import sys
from collections.abc import Callable


class LabError(Exception):
    """Something is wrong with the input; the text says what and where."""

    status = 1


class UsageError(LabError):
    status = 2


def run(name: str, command: Callable[[list[str]], int]) -> None:
    """Run a command as a program: errors become one line on stderr."""
    try:
        sys.exit(command(sys.argv[1:]))
    except LabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(130)
