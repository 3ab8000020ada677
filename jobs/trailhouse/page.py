"""
The page of coverage: one HTML file with the picture and the findings, which asks nothing of any network.

Pure: a grid and findings in, text out. Everything from outside (names, ids, keys) is escaped; see `sheet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from trailhouse import sheet
from trailhouse.picture import NOTHING, STATES, Grid

# Finding -> its heading, in the order of the table.
COLUMNS = {
    "what": "What",
    "account": "Account",
    "region": "Region",
    "kind": "Kind",
    "said": "Found",
    "look": "Look at",
}

HINT = "Point at a cell, or go to one by Tab and the arrow keys."

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #5b6470; --line: #d5dae1; --none: #eef1f4;
  --full: #2f8f5b; --late: #2b6f9e; --quarantined: #8a4fa6; --held: #6b6a1c; --pending: #8a5d05; --hole: #c8372d;
  --silent: #8c1d18; --mark: #fff; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e9ed; --soft: #a2abb6; --line: #343b44;
  --none: #22272e; --full: #2f8f5b; --late: #2b6f9e; --quarantined: #8a4fa6; --held: #6b6a1c; --pending: #8a5d05;
  --hole: #c8372d; --silent: #8c1d18; } }
.soft, .legend { color: var(--soft) }
.wide { overflow-x: auto; padding-bottom: .5rem }
table { border-collapse: collapse } caption { text-align: left; color: var(--soft); padding-bottom: .4rem }
th { text-align: left; font-weight: 500 }
.map { border-spacing: 1px; border-collapse: separate; font-size: 11px }
.map tbody th { position: sticky; left: 0; background: var(--paper); padding-right: .6rem; white-space: nowrap;
  max-width: 26rem; overflow: hidden; text-overflow: ellipsis }
.map thead th { color: var(--soft); border-left: 1px solid var(--line); padding-left: 3px; white-space: nowrap }
.map td { width: 13px; min-width: 13px; height: 17px; padding: 0; text-align: center; background: var(--none);
  font-family: ui-monospace, monospace }
.map td:focus { outline: 2px solid var(--ink); outline-offset: 1px }
.findings td, .findings th { border-top: 1px solid var(--line); padding: .4rem .8rem .4rem 0; vertical-align: top;
  overflow-wrap: anywhere }
.findings td:nth-child(3), .findings td:nth-child(4) { white-space: nowrap }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: .5rem 0 }
.word { border: 1px solid var(--line) }
.legend span, .word { display: inline-block; min-width: 1.1em; padding: 0 .3em; text-align: center }
#told { display: block; min-height: 1.5em }
""" + "".join(
    f".{state} {{ background: var(--{state}) !important; color: var(--mark) !important }}\n" for state in STATES
)

SCRIPT = """
"use strict";
const map = document.querySelector(".map"), told = document.getElementById("told");
const rows = [...map.tBodies[0].rows].map(row => [...row.querySelectorAll("td")]);
const label = cell => cell.parentElement.firstElementChild.textContent + ", " + cell.title;
for (const row of rows) for (const cell of row) { cell.tabIndex = -1; cell.setAttribute("aria-label", label(cell)); }
if (rows.length) rows[0][0].tabIndex = 0;
const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e6],
  End: [0, 1e6], PageUp: [-10, 0], PageDown: [10, 0] };
const within = (at, count) => Math.max(0, Math.min(count - 1, at));
map.addEventListener("keydown", event => {
  const step = steps[event.key], from = event.target;
  if (!step || from.tagName !== "TD") return;
  event.preventDefault();
  const y = rows.findIndex(row => row[0].parentElement === from.parentElement), x = rows[y].indexOf(from);
  const to = rows[within(y + step[0], rows.length)][within(x + step[1], rows[y].length)];
  from.tabIndex = -1; to.tabIndex = 0; to.focus();
});
const tell = event => { if (event.target.title) told.textContent = label(event.target); };
map.addEventListener("focusin", tell);
map.addEventListener("mouseover", tell);
"""


def html(made: Grid, findings: Sequence[Mapping[str, str]], about: str, now: datetime) -> str:
    """The page: a picture of the grid, and the findings by the names of COLUMNS."""
    made_at = f'<p class="soft">Made {now:%Y-%m-%d %H:%M} UTC.</p>\n'
    return sheet.html(f"Coverage: {about}", STYLE, SCRIPT, (made_at, *_map(made), *_findings(findings)))


def _findings(findings: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield f'<h2 id="findings">Findings ({len(findings)})</h2>\n'
    if not findings:
        yield "<p>Nothing that wants looking at.</p>\n"
        return
    heads = "".join(f'<th scope="col">{head}</th>' for head in COLUMNS.values())
    yield '<div class="wide"><table class="findings" aria-labelledby="findings">\n'
    yield f"<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    for each in findings:
        word = f'<th scope="row"><span class="word {_class(each["what"])}">{sheet.text(each["what"])}</span></th>'
        rest = "".join(f"<td>{sheet.text(each[name])}</td>" for name in list(COLUMNS)[1:])
        yield f"<tr>{word}{rest}</tr>\n"
    yield "</tbody>\n</table></div>\n"


def _map(made: Grid) -> Iterator[str]:
    yield '<h2 id="hours">Hours</h2>\n<ul class="legend">\n'
    for state, (mark, _, _, meaning) in STATES.items():
        yield f'<li><span class="{state}" aria-hidden="true">{_shown(state, mark)}</span> {meaning}</li>\n'
    yield f'</ul>\n<p class="soft"><output id="told">{HINT}</output></p>\n'
    span = "an hour" if made.block == 1 else f"{made.block} hours"
    yield '<div class="wide"><table class="map" role="grid" aria-labelledby="hours">\n'
    yield f"<caption>Each cell is {span}, UTC.</caption>\n<thead><tr><td></td>"
    for day, columns in groupby(made.columns, key=lambda column: column.date()):
        yield f'<th scope="colgroup" colspan="{len(list(columns))}">{day:%m-%d}</th>'
    yield "</tr></thead>\n<tbody>\n"
    for name, cells in made.rows:
        yield f'<tr><th scope="row">{sheet.text(name)}</th>'
        for column, cell in zip(made.columns, cells, strict=True):
            when = f"{column:%Y-%m-%d %H:%M}"
            if cell is None:
                yield f'<td title="{when}: {NOTHING[3]}"></td>'
                continue
            told = f"{when}: {cell.state}, {cell.objects} objects, {cell.records} records"
            letter = _shown(cell.state, STATES[cell.state][0])
            yield f'<td class="{_class(cell.state)}" title="{sheet.text(told)}">{letter}</td>'
        yield "</tr>\n"
    yield "</tbody>\n</table></div>\n"


def _shown(state: str, mark: str) -> str:
    """A letter says it as well: colours alone tell not everyone."""
    return "" if state == "full" else mark


def _class(state: str) -> str:
    return state if state in STATES else ""
