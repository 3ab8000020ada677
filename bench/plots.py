"""
Bars as SVG: a title, a bar for each label, its value beside it. Pure.

No script and no font of their own; what a page shows them on may be light or dark, and they follow what the reader's
system says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Kind = Literal["ours", "theirs", "limit"]

WIDTH, LABEL, VALUE = 760, 270, 120  # pixels: of the whole, of the labels on the left, of the values on the right
BAR, GAP, TOP, BOTTOM = 20, 10, 58, 14

STYLE = """
  .ground { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, -apple-system, "Segoe UI", sans-serif }
  .title { font-weight: 600; font-size: 15px } .unit { fill: #59636e }
  .ours { fill: #0b6e4f } .theirs { fill: #8b98a5 } .limit { fill: #c98a1b } .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .unit { fill: #9198a1 }
    .ours { fill: #3fb98c } .theirs { fill: #6b7785 } .limit { fill: #d9a441 } .axis { stroke: #3d444d }
  }
"""


@dataclass(frozen=True)
class Bar:
    """One of them."""

    label: str
    value: float
    kind: Kind = "theirs"


def bars(title: str, unit: str, rows: Sequence[Bar], form: str = ",.0f") -> str:
    """A picture of them, in their order, the longest across the whole width."""
    height = TOP + len(rows) * (BAR + GAP) + BOTTOM
    longest = max((row.value for row in rows), default=0) or 1
    told = ", ".join(f"{row.label}: {row.value:{form}}" for row in rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-label="{escape(f"{title} ({unit}). {told}")}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        f'<text class="unit" x="16" y="45">{escape(unit)}</text>',
        f'<line class="axis" x1="{LABEL}" y1="{TOP - 4}" x2="{LABEL}" y2="{height - BOTTOM}"/>',
    ]
    for number, row in enumerate(rows):
        y = TOP + number * (BAR + GAP)
        length = max(1.0, (WIDTH - LABEL - VALUE) * row.value / longest)
        parts += [
            f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(row.label)}</text>',
            f'<rect class="{row.kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{LABEL + length + 8:.1f}" y="{y + 15}">{row.value:{form}}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
