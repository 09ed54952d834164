# SPDX-License-Identifier: GPL-2.0-only
"""make handouts: the labs' pages as HTML and PDF, in build/handouts.

The pages are Markdown that reads well as text; this only sets them.  A picture or
a link that leads nowhere is an error.  python3-markdown and weasyprint do the
work (group "handouts" of nested/packages).  Called by the Makefile; pictures.py
draws what is shown.
"""

import argparse
import html
import re
import shutil
import sys
from pathlib import Path

from .errors import LabError
from .tree import LABS, TOP

OUT = TOP / "build/handouts"
GUIDES = ("labs/README.md", "labs/STUDENTS.md", "labs/TEACHING.md")
TITLE = re.compile(r"^# (.+)$", re.M)
LINK = re.compile(r'<a href="([^"]+)">(.*?)</a>', re.S)
IMAGE = re.compile(r'<img alt="([^"]*)" src="([^"]+)" ?/?>')
STYLE = """
@page { size: A4; margin: 18mm 18mm 20mm; @bottom-center { content: counter(page);
        font: 9pt sans-serif; color: #555 } }
body { font: 11pt/1.45 'DejaVu Serif', Georgia, serif; color: #111; background: #fff;
       max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3, th { font-family: 'DejaVu Sans', Verdana, sans-serif; line-height: 1.25 }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 1.6em } h3 { font-size: 1em }
h2, h3 { break-after: avoid }
pre, code { font-family: 'DejaVu Sans Mono', Menlo, monospace; font-size: 0.86em }
pre { background: #f4f4f4; padding: .5em .8em; break-inside: avoid; white-space: pre-wrap;
      overflow-wrap: anywhere }
figure { margin: 1em 0; break-inside: avoid; text-align: center }
figure img { max-width: 100%; height: auto } figcaption { font-size: .85em; color: #555 }
table { border-collapse: collapse; width: 100%; font-size: .92em }
th, td { text-align: left; vertical-align: top; padding: .2em .5em;
         border-bottom: 1px solid #ccc }
a { color: #1a4a8a }
@media print { body { max-width: none; margin: 0; padding: 0 } }
"""


def pages() -> dict[str, str]:
    """The name of each page's file, by the page's path in the tree."""
    found = {f"labs/{number}/README.md": f"lab{number}" for number in LABS}
    found |= {path: "index" if path == GUIDES[0] else Path(path).stem.lower() for path in GUIDES}
    return {path: name for path, name in found.items() if (TOP / path).is_file()}


def set_page(path: str, names: dict[str, str]) -> str:
    """One page as HTML."""
    import markdown     # pylint: disable=import-outside-toplevel  # only this command needs it
    text = (TOP / path).read_text(encoding="utf-8")
    title = TITLE.search(text)
    if not title:
        raise LabError(f"{path}: has no title")
    text = re.sub(r"^<!-- .*? -->\n", "", text, flags=re.M)     # notes for tests
    body = markdown.markdown(text, extensions=["tables", "fenced_code", "toc", "sane_lists"])
    body = LINK.sub(lambda match: _link(path, match[1], match[2], names), body)
    body = IMAGE.sub(lambda match: _figure(path, match[2], match[1]), body)
    body = re.sub(r"<p>(<figure>.*?</figure>)</p>", r"\1", body, flags=re.S)
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            f"<title>{html.escape(title[1])}</title>\n<style>{STYLE}</style></head>\n"
            f"<body>\n{body}\n</body></html>\n")


def _target(path: str, link: str) -> Path:
    place = (TOP / path).parent / link
    if not place.exists():
        raise LabError(f"{path}: leads to {link}, which isn't there")
    return place.resolve()


def _link(path: str, link: str, words: str, names: dict[str, str]) -> str:
    """Links between pages stay links; files of the tree are named only."""
    if re.match(r"\w+:|#", link):
        return f'<a href="{link}">{words}</a>'
    name, _, heading = link.partition("#")
    target = str(_target(path, name).relative_to(TOP))
    if target in names:
        return f'<a href="{names[target]}.html{"#" + heading if heading else ""}">{words}</a>'
    return words if target in words else f"{words} (<code>{html.escape(target)}</code>)"


def _figure(path: str, source: str, words: str) -> str:
    target = _target(path, source)
    shutil.copy2(target, OUT / "pictures" / target.name)
    return (f'<figure><img src="pictures/{target.name}" alt="{words}">'
            f"<figcaption>{words}</figcaption></figure>")


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="make handouts", allow_abbrev=False,
        description="Set the pages of the labs as HTML and PDF in build/handouts.")
    parser.add_argument("--no-pdf", action="store_true", help="HTML only: a second instead of many")
    options = parser.parse_args(arguments)
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "pictures").mkdir(parents=True)
    names = pages()
    for path, name in names.items():
        (OUT / f"{name}.html").write_text(set_page(path, names), encoding="utf-8")
    for name in () if options.no_pdf else names.values():
        if sys.stderr.isatty():
            print(f"\r\033[K{name}.pdf ...", end="", file=sys.stderr, flush=True)
        _print(name)
    if sys.stderr.isatty() and not options.no_pdf:
        print("\r\033[K", end="", file=sys.stderr)
    print(f"build/handouts: {len(names)} pages; begin with build/handouts/index.html")
    return 0


def _print(name: str) -> None:
    import weasyprint   # pylint: disable=import-outside-toplevel  # only this command needs it
    weasyprint.HTML(filename=str(OUT / f"{name}.html")).write_pdf(str(OUT / f"{name}.pdf"))
