# SPDX-License-Identifier: GPL-2.0-only
"""A judgement as people and machines read it: table, Gradescope's JSON, JUnit's XML."""

import json
import textwrap
from xml.etree import ElementTree

from .judge import FAILED, NOT_JUDGED, PASSED, Graded, Verdict

SIGNS = {PASSED: "ok  ", FAILED: "FAIL", NOT_JUDGED: " -  "}
WIDTH = 96


def table(graded: Graded) -> str:
    lines = [f"lab {graded.lab.number}: {graded.lab.title}"]
    for verdict in graded.verdicts:
        test = verdict.test
        flags = " (hidden)" if test.hidden else ""
        flags += " (rests on what the machine says)" if test.inside else ""
        lines.append(f"{SIGNS[verdict.outcome]} {verdict.points:3}/{test.points:<3} "
                     f"{test.title}{flags}")
        if verdict.sentence:
            lines += textwrap.wrap(verdict.sentence, WIDTH, initial_indent=" " * 13,
                                   subsequent_indent=" " * 13)
    lines += [f"finding: {finding}" for finding in graded.findings]
    lines.append(f"{graded.points} of {graded.most} points, {graded.seconds:.0f} s")
    return "\n".join(lines)


def gradescope(graded: Graded) -> str:
    """The results.json that Gradescope's autograder reads."""
    tests = [{
        "name": verdict.test.title, "number": verdict.test.name,
        "score": verdict.points, "max_score": verdict.test.points,
        "status": "passed" if verdict.outcome == PASSED else "failed",
        "output": verdict.sentence,
        "visibility": "after_published" if verdict.test.hidden else "visible",
    } for verdict in graded.verdicts]
    return json.dumps({
        "score": graded.points, "execution_time": round(graded.seconds),
        "output": graded.note, "tests": tests,
        "extra_data": {"lab": graded.lab.number, "student": graded.student,
                       "findings": graded.findings},
    }, indent=1)


def junit(graded: Graded) -> str:
    failed = sum(verdict.outcome == FAILED for verdict in graded.verdicts)
    skipped = sum(verdict.outcome == NOT_JUDGED for verdict in graded.verdicts)
    suite = ElementTree.Element("testsuite", name=f"lab {graded.lab.number}",
                                tests=str(len(graded.verdicts)), failures=str(failed),
                                skipped=str(skipped), time=f"{graded.seconds:.1f}")
    for verdict in graded.verdicts:
        suite.append(_case(graded, verdict))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _case(graded: Graded, verdict: Verdict) -> ElementTree.Element:
    case = ElementTree.Element("testcase", name=verdict.test.name,
                               classname=f"lab{graded.lab.number}")
    if verdict.outcome == FAILED:
        ElementTree.SubElement(case, "failure", message=verdict.sentence)
    elif verdict.outcome == NOT_JUDGED:
        ElementTree.SubElement(case, "skipped", message=verdict.sentence)
    return case
