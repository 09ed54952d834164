# SPDX-License-Identifier: GPL-2.0-only
"""The teacher's page of a class: one HTML file that needs nothing else.

classroom.py hands over the results; shown are the distribution of points, the
tests that most have missed, submissions that resemble each other, findings, and
a table of all.
"""

import html
from collections import Counter
from pathlib import Path

from . import similar
from .judge import Lab

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #ddd }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.bar { fill: #3465a4 } .axis { stroke: #555 } svg text { font-size: 12px; fill: #222 }
@media print { body { max-width: none } }
"""
BINS = 10


def row(cells: list[object], tag: str = "td", numbers: tuple[int, ...] = ()) -> str:
    return "<tr>" + "".join(
        f"<{tag}{' class=n' if n in numbers else ''}>{html.escape(str(cell))}</{tag}>"
        for n, cell in enumerate(cells)) + "</tr>"


def table(head: list[str], rows: list[list[object]], numbers: tuple[int, ...] = ()) -> str:
    if not rows:
        return "<p>None.</p>"
    return ("<table>" + row(list(head), "th", numbers)
            + "".join(row(cells, numbers=numbers) for cells in rows) + "</table>")


def distribution(scores: list[float], most: int) -> str:
    """How many have how many points, as bars."""
    bins = [0] * BINS
    for score in scores:
        bins[min(BINS - 1, int(BINS * score / most))] += 1
    tall = max(bins) or 1
    parts = []
    for n, count in enumerate(bins):
        height = 120 * count / tall
        low, high = most * n // BINS, most * (n + 1) // BINS
        parts.append(f'<rect class="bar" x="{20 + 56 * n}" y="{140 - height:.0f}" width="48" '
                     f'height="{height:.0f}"><title>{count} have {low} to {high}</title></rect>'
                     f'<text x="{44 + 56 * n}" y="{134 - height:.0f}" text-anchor="middle">'
                     f'{count or ""}</text><text x="{44 + 56 * n}" y="156" '
                     f'text-anchor="middle">{low}–{high}</text>')
    return ('<svg viewBox="0 0 600 165" role="img" aria-label="distribution of points">'
            f'{"".join(parts)}<line class="axis" x1="16" x2="584" y1="140" y2="140"/></svg>')


def write(lab: Lab, results: list[dict], path: Path) -> None:
    most = sum(test.points for test in lab.tests)
    missed = Counter(test["number"] for result in results for test in result["tests"]
                     if test["status"] != "passed")
    titles = {test.name: test.title for test in lab.tests}
    alike = similar.pairs({result["student"]: result["shape"] for result in results})
    findings = [[result["student"], finding] for result in results
                for finding in result["extra_data"]["findings"]]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>Lab {lab.number}: {html.escape(lab.title)}</title><style>{STYLE}</style>",
        f"<h1>Lab {lab.number}: {html.escape(lab.title)}</h1>",
        f"<p>{len(results)} submissions, {most} points at most.</p>",
        "<h2>Points</h2>", distribution([result["score"] for result in results], most),
        "<h2>Missed most</h2>",
        table(["test", "missed by"], [[titles.get(name, name), times]
                                      for name, times in missed.most_common()], (1,)),
        "<h2>Resemble each other</h2>",
        table(["share", "one", "other"], [[f"{share:.0%}", one, other]
                                          for share, one, other in alike], (0,)),
        "<p>By the structure of what was written, names and comments aside. It is a reason to "
        "look, not a verdict.</p>",
        "<h2>Findings</h2>", table(["student", "what"], findings),
        "<h2>Everybody</h2>",
        table(["student", "points", "missed", "note"],
              [[result["student"], result["score"],
                ", ".join(test["number"] for test in result["tests"]
                          if test["status"] != "passed"), result["output"]]
               for result in sorted(results, key=lambda result: result["student"])], (1,)),
    ]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
