# SPDX-License-Identifier: GPL-2.0-only
"""Run the functions test_* of a Python program and print TAP.

Used by nested/tests/ and tests/labs/tools.py; tap.c is the same for C programs.
A test fails by an exception; the number after "ok" and the name's words are all
that tests/run looks at.
"""

from collections.abc import Callable

MOST_LINES = 20     # of what a failed test says


def run_all(names: dict[str, object], wanted: str = "") -> int:
    """Run the tests among NAMES (globals()) whose name has WANTED in it.  Return: exit status."""
    tests: list[tuple[str, Callable[[], None]]] = [
        (name.removeprefix("test_").replace("_", " "), item) for name, item in list(names.items())
        if name.startswith("test_") and callable(item) and wanted in name]
    failed = 0
    print(f"TAP version 13\n1..{len(tests)}", flush=True)
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {name}")
            for line in f"{type(error).__name__}: {error}".splitlines()[:MOST_LINES]:
                print(f"# {line}", flush=True)
    return 1 if failed else 0
