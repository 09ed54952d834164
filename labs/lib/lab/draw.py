# SPDX-License-Identifier: GPL-2.0-only
"""A drawing of boxes, arrows and words, written as SVG.

pictures.py makes the figures of the handouts with it.  A Drawing knows where
its words are: one that does not fit into its box, leaves the sheet or lies on
another one is an error and not an ugly picture.
Subtle: widths are those of DejaVu Sans, the widest of the usual fonts, so that
what fits here fits in the others; arrow heads are plain polygons, because not
every program that shows SVG knows markers.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from .errors import LabError

SANS = "DejaVu Sans, Verdana, Helvetica, sans-serif"
MONO = "DejaVu Sans Mono, Menlo, Consolas, monospace"
INK, FAINT = "#111111", "#777777"
# Few colours, light enough to print words on: host side, guest side, what to look at.
WHITE, HOST, GUEST, LOOK = "#ffffff", "#e6edf5", "#fdf1dc", "#f6dede"
SIZE = 13

# Widths in twentieths of the font's size.
_WIDTHS = {6: "'IJijl", 7: " ,./:;\\|", 8: "()-[]ft", 9: "!r", 10: '"*_`', 11: "?csz",
           12: "FLkvxy", 14: "ABCKRVXZ", 15: "NU", 16: "&DGHOQ", 17: "#+<=>^w~", 18: "M",
           20: "%@Wm"}
WIDTH = {char: width / 20 for width, chars in _WIDTHS.items() for char in chars}
OTHER = 13 / 20
MONO_WIDTH = 0.605
BOLD = 1.12


def text_width(text: str, size: float, mono: bool = False, bold: bool = False) -> float:
    if mono:
        return len(text) * MONO_WIDTH * size
    return sum(WIDTH.get(char, OTHER) for char in text) * size * (BOLD if bold else 1)


@dataclass
class Words:
    """Where a line of text is."""
    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Words") -> bool:
        return (self.left < other.right and other.left < self.right
                and self.top < other.bottom and other.top < self.bottom)


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


class Drawing:
    def __init__(self, name: str, width: int, height: int, title: str) -> None:
        self.name = name
        self.width = width
        self.height = height
        self.title = title
        self.parts: list[str] = []
        self.words: list[Words] = []

    def text(self, x: float, y: float, text: str, *, size: float = SIZE, anchor: str = "middle",
             mono: bool = False, bold: bool = False, color: str = INK,
             within: float | None = None) -> None:
        """A line with its base line at Y; WITHIN: the width that it must fit into."""
        width = text_width(text, size, mono, bold)
        if within is not None and width > within:
            raise LabError(f"picture {self.name}: {text!r} needs {width:.0f}, not {within:.0f}")
        left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
        words = Words(text, left, y - 0.75 * size, left + width, y + 0.22 * size)
        if words.left < 0 or words.right > self.width or words.top < 0 \
                or words.bottom > self.height:
            raise LabError(f"picture {self.name}: {text!r} leaves the sheet")
        for other in self.words:
            if words.overlaps(other):
                raise LabError(f"picture {self.name}: {text!r} lies on {other.text!r}")
        self.words.append(words)
        style = f' font-family="{MONO}"' if mono else ""
        style += ' font-weight="bold"' if bold else ""
        style += f' fill="{color}"' if color != INK else ""
        style += f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.parts.append(f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"{style}>'
                          f'{escape(text)}</text>')

    def rect(self, x: float, y: float, width: float, height: float, *, fill: str = WHITE,
             stroke: str = INK, dash: bool = False, round: float = 3) -> None:
        dashes = ' stroke-dasharray="5 4"' if dash else ""
        self.parts.append(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" '
                          f'height="{_n(height)}" rx="{_n(round)}" fill="{fill}" '
                          f'stroke="{stroke}"{dashes}/>')

    def box(self, x: float, y: float, width: float, height: float, lines: list[str], *,
            fill: str = WHITE, mono: bool = False, size: float = SIZE, head: bool = False,
            dash: bool = False) -> None:
        """A box with lines in its middle.  HEAD: the first one is bold.

        A line that begins with a back quote is set in the font of code."""
        self.rect(x, y, width, height, fill=fill, dash=dash)
        step = size * 1.35
        base = y + height / 2 - step * (len(lines) - 1) / 2 + 0.35 * size
        if step * len(lines) > height:
            raise LabError(f"picture {self.name}: {lines[0]!r}: {len(lines)} lines are too many")
        for number, line in enumerate(lines):
            code = mono or line.startswith("`")
            self.text(x + width / 2, base + number * step, line.lstrip("`"),
                      size=size - 1 if code else size, mono=code, bold=head and number == 0,
                      within=width - 6)

    def line(self, *points: tuple[float, float], color: str = INK, dash: bool = False) -> None:
        dashes = ' stroke-dasharray="5 4"' if dash else ""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{color}"{dashes}/>')

    def arrow(self, *points: tuple[float, float], dash: bool = False, color: str = INK) -> None:
        """A line along the points with a head at the last one."""
        (x0, y0), (x1, y1) = points[-2:]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        back_x, back_y = x1 - 8 * dx, y1 - 8 * dy
        self.line(*points[:-1], (back_x, back_y), dash=dash, color=color)
        head = [(x1, y1), (back_x - 4 * dy, back_y + 4 * dx), (back_x + 4 * dy, back_y - 4 * dx)]
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in head)
        self.parts.append(f'<polygon points="{path}" fill="{color}"/>')

    def svg(self) -> str:
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} '
                f'{self.height}" width="{self.width}" height="{self.height}" '
                f'font-family="{SANS}" fill="{INK}" stroke-width="1.2">')
        return "\n".join([
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
            "<!-- Made by `make pictures` (labs/lib/lab/pictures.py): change that, not this. -->",
            head, f"<title>{escape(self.title)}</title>",
            f'<rect width="{self.width}" height="{self.height}" fill="{WHITE}"/>',
            *self.parts, "</svg>", ""])
