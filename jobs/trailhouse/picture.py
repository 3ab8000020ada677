"""
A picture of coverage: accounts or feeds down, hours across, one mark per cell that says the worst of what is in it.

Pure: rows of the table `coverage` in, text out. The same grid is drawn in a terminal here and as a page in `page`.
Labels hold names and keys from outside: they are shown as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from trailhouse import show

# State -> its mark, its mark where the output has no UTF-8, its colour (SGR), and what it means. The worst come first.
STATES = {
    "silent": ("-", "-", 31, "silent: it used to deliver"),
    "hole": ("o", "o", 31, "hole: nothing was delivered, and something should have been"),
    "pending": ("p", "p", 33, "pending: some can't be read yet"),
    "held": ("h", "h", 33, "held by the gate"),
    "quarantined": ("q", "q", 35, "quarantined: some can't be read at all"),
    "late": ("l", "l", 36, "late"),
    "full": ("█", "#", 32, "full: all is in the lake"),
}
NOTHING = ("·", ".", 90, "nothing was delivered")

BLOCKS = (1, 2, 3, 4, 6, 12, 24)  # hours that a column may stand for; beyond, whole days
LABEL = 43  # cells of a label at most
ROWS = 40  # in a terminal; the worst stay

_WORST = {state: weight for weight, state in enumerate(reversed(STATES), 1)}


@dataclass(slots=True)
class Cell:
    """Some hours of an account or a feed."""

    state: str
    objects: int = 0
    records: int = 0

    def take(self, state: str, objects: int, records: int) -> None:
        self.state = max(self.state, state, key=_WORST.__getitem__)
        self.objects += objects
        self.records += records


@dataclass(frozen=True, slots=True)
class Grid:
    """Labels down, times across; None where nothing was delivered and nothing is missed."""

    columns: tuple[datetime, ...]  # when each begins
    block: int  # hours that each stands for
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    untimed: int  # objects whose names have no time, in no cell unless a column is a day

    def worst(self, number: int) -> int:
        return max((_WORST[cell.state] for cell in self.rows[number][1] if cell), default=0)


def grid(
    rows: Iterable[Mapping[str, Any]], days: tuple[date, date], names: Mapping[str, str], by_feed: bool, most: int
) -> Grid:
    """The grid of these rows, of at most so many columns."""
    since, until = days
    hours = ((until - since).days + 1) * 24
    fits = (block for block in (*BLOCKS, *range(48, hours + 48, 24)) if -(-hours // block) <= max(most, 1))
    block = next(fits, hours)
    start, count, untimed = datetime.combine(since, time()), -(-hours // block), 0
    made: dict[str, list[Cell | None]] = {}
    for row in rows:
        if row["hour"] is None and block < BLOCKS[-1]:
            untimed += row["objects"]
            continue
        cells = made.setdefault(label(row, names, by_feed), [None] * count)
        at = ((row["day"] - since).days * 24 + (row["hour"] or 0)) // block
        cell = cells[at] = cells[at] or Cell(row["state"])
        cell.take(row["state"], row["objects"], row["records"])
    columns = tuple(start + timedelta(hours=n * block) for n in range(count))
    return Grid(columns, block, tuple((name, tuple(cells)) for name, cells in sorted(made.items())), untimed)


def label(place: Mapping[str, Any], names: Mapping[str, str], by_feed: bool) -> str:
    """An account with its name, or a feed of it: management and data events go without saying."""
    account, kind = place["account_id"], place["kind"].removeprefix("CloudTrail").replace("-", " ")
    named = f"{account} {names[account]}" if account in names else account
    return f"{account} {place['region']}{kind}" if by_feed else named


def lines(made: Grid, width: int, utf8: bool, colour: bool) -> list[str]:
    """The grid for a terminal, with its legend."""
    kept = sorted(sorted(range(len(made.rows)), key=made.worst, reverse=True)[:ROWS])
    wide = label_width(name for name, _ in made.rows)
    told = [" " * (wide + 1) + _dates(made.columns)[: max(width - wide - 1, 0)]]
    for number in kept:
        name, cells = made.rows[number]
        marks = "".join(_mark(cell.state if cell else "", utf8, colour) for cell in cells)
        fitting = show.fit(name, wide)
        told.append(f"{fitting if utf8 else fitting.replace('…', '~')} {marks}")
    if len(made.rows) > len(kept):
        told.append(f"... and {len(made.rows) - len(kept)} more, none of them worse: --html has all")
    there = {cell.state for _, cells in made.rows for cell in cells if cell}
    each = "an hour" if made.block == 1 else f"{made.block} hours" if made.block < 24 else _days(made.block // 24)
    told += ["", f"Each mark is {each}:"]
    told += [f"  {_mark(s, utf8, colour)} {meaning}" for s, (*_, meaning) in STATES.items() if s in there]
    told.append(f"  {_mark('', utf8, colour)} {NOTHING[3]}")
    if made.untimed:
        told.append(f"Not in the picture: {made.untimed} objects whose names have no time")
    return told


def label_width(labels: Iterable[str]) -> int:
    """How much room labels take, as they are shown."""
    return min(max((len(show.escape_terminal(each[:LABEL])) for each in labels), default=0), LABEL)


def _days(count: int) -> str:
    return "a day" if count == 1 else f"{count} days"


def _mark(state: str, utf8: bool, colour: bool) -> str:
    nice, plain, sgr, _ = STATES.get(state, NOTHING)
    mark = nice if utf8 else plain
    return f"\x1b[{sgr}m{mark}\x1b[0m" if colour else mark


def _dates(columns: Sequence[datetime]) -> str:
    """Over the first column of each day its date, where there is room."""
    made, before = "", None
    for number, column in enumerate(columns):
        if column.date() != before and len(made) <= number:
            made = made.ljust(number) + f"{column:%m-%d} "
        before = column.date()
    return made.rstrip()
