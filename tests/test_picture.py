"""The picture of coverage: it fits the terminal, tells the worst of what a mark stands for, and shows names as text."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from rich.cells import cell_len

from tests.test_cli import UNSAFE
from trailhouse import picture

DAY = date(2026, 3, 1)
A, B = "111122223333", "444455556666"


def row(account: str = A, day: int = 0, hour: int | None = 0, state: str = "full", **more) -> dict:
    made = {"account_id": account, "region": "us-east-1", "kind": "CloudTrail", "objects": 1, "records": 3}
    return made | {"day": DAY + timedelta(days=day), "hour": hour, "state": state} | more


def drawn(rows, days: int = 1, most: int = 200, names=None, by_feed: bool = False) -> picture.Grid:
    return picture.grid(rows, (DAY, DAY + timedelta(days=days - 1)), names or {}, by_feed, most)


def marks(grid: picture.Grid, **more) -> list[str]:
    """The lines of marks alone."""
    given = {"width": 200, "utf8": False, "colour": False} | more
    return [line.rpartition(" ")[2] for line in picture.lines(grid, **given)[1 : len(grid.rows) + 1]]


def test_each_hour_is_a_mark():
    rows = [row(hour=h) for h in range(24) if h not in (3, 4, 20)]
    rows += [row(hour=3, state="hole", objects=0), row(hour=20, state="pending")]
    assert marks(drawn(rows)) == ["###o.###############p###"]


def test_a_mark_tells_the_worst_of_what_it_stands_for():
    order = list(picture.STATES)
    for worse, better in pairwise(order):
        grid = drawn([row(state=better), row(state=worse, hour=1), row(state=better, hour=2)], most=4)
        assert marks(grid) == [picture.STATES[worse][1] + "..."]
        (cell, *_) = grid.rows[0][1]
        assert (cell.objects, cell.records) == (3, 9)


@pytest.mark.parametrize(
    ("days", "most", "block"),
    [(1, 24, 1), (1, 23, 2), (7, 168, 1), (7, 50, 4), (7, 7, 24), (30, 30, 24), (3650, 40, 2208)],
)
def test_a_column_stands_for_as_many_hours_as_it_must(days, most, block):
    grid = drawn([row(), row(day=days - 1, hour=23)], days, most)
    assert (grid.block, len(grid.columns) <= most) == (block, True)
    assert marks(grid)[0].count("#") == 2 and len(marks(grid)[0]) == len(grid.columns)


def test_a_day_has_its_date_where_there_is_room():
    by_hour = drawn([row()], days=3)
    assert picture.lines(by_hour, 200, True, False)[0].split() == ["03-01", "03-02", "03-03"]
    by_four = picture.lines(drawn([row()], days=30), 200, True, False)[0]
    assert by_four.index("03-02") == 13 + 24 // 4
    crowded = picture.lines(drawn([row()], days=28, most=28), 80, True, False)[0].split()
    assert crowded == ["03-01", "03-07", "03-13", "03-19", "03-25"]


def test_accounts_have_their_names_and_feeds_their_places():
    rows = [row(), row(B), row(B, kind="CloudTrail-Insight")]
    assert [name for name, _ in drawn(rows, names={A: "Web shop"}).rows] == [f"{A} Web shop", B]
    assert [name for name, _ in drawn(rows, by_feed=True).rows] == [
        f"{A} us-east-1",
        f"{B} us-east-1",
        f"{B} us-east-1 Insight",
    ]


def test_what_has_no_hour_is_in_a_day_and_else_counted():
    assert marks(drawn([row(hour=None), row(day=1)], days=2, most=2)) == ["##"]
    told = picture.lines(drawn([row(), row(hour=None)]), 80, True, False)
    assert told[-1] == "Not in the picture: 1 objects whose names have no time"


def test_colours_and_blocks_are_for_those_who_can_show_them():
    plain, nice = (picture.lines(drawn([row()]), 80, utf8, colour=False) for utf8 in (False, True))
    assert "".join(plain).isascii() and "█" in "".join(nice)
    assert "\x1b" not in "".join(plain + nice)
    assert "\x1b[32m█\x1b[0m" in "".join(picture.lines(drawn([row()]), 80, True, colour=True))


def test_of_many_accounts_the_worst_are_shown():
    rows = [row(f"{n:012d}", state="hole" if n == 77 else "full") for n in range(100)]
    told = picture.lines(drawn(rows), 80, False, False)
    assert any(line.startswith("000000000077 o") for line in told)
    assert "... and 60 more, none of them worse: --html has all" in told


HOSTILE = [
    "\x1b[2J\x1b]0;x\x07",
    "a\nb\r\nc",
    "\u202eabc\u2066",
    "漢字" * 40,
    "e\u0301" * 200,
    "\u200b\ufeff",
    "x" * 500,
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_one_line_of_the_same_width(name):
    grid = drawn([row(), row(B)], names={A: name})
    told = picture.lines(grid, 80, True, False)
    assert not UNSAFE.search("".join(told))
    assert len({cell_len(line) for line in told[1:3]}) == 1
    assert cell_len(told[1]) <= 43 + 1 + 24
