"""Which rows break a rule, and to how many it applies: to the letter of docs/quality.md."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from trailhouse.ingest import rules
from trailhouse.lake import expectations, schema

NAMES = ["GetObject", "PutObject", None, "", "GetObject\n", "xGetObjectx"]


def rows(**columns: list) -> pa.Table:
    wanted = schema.arrow_schema("events")
    count = len(next(iter(columns.values())))
    given = {field.name: pa.array(columns.get(field.name, [None] * count), field.type) for field in wanted}
    return pa.table(given, schema=wanted)


def judged(rule: str, read: pa.Table) -> tuple[list[int], int]:
    """The places of the rows that break a rule, and how many it applies to."""
    (made,) = expectations.of_text(f'[[expectation]]\nname = "ours"\n{rule}', "mine.toml")
    rules.check(made, "mine.toml")
    broken, applies = rules.judge(read, made)
    return broken.nonzero()[0].tolist(), applies


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ('matches = "GetObject"', [1, 3, 4, 5]),  # the whole value, and no line of it
        ('matches = "Get"', [0, 1, 3, 4, 5]),
        ('matches = "GetObject|PutObject"', [3, 4, 5]),
        ('not_matches = "GetObject"', [0]),
        ('not_matches = ".*Object.*"', [0, 1, 5]),
        ('in = ["GetObject", ""]', [1, 4, 5]),
        ('not_in = ["GetObject", ""]', [0, 3]),
        ("null = true", [0, 1, 3, 4, 5]),
        ("not_null = true", [2]),
        ('min = "GetObject"', [3]),
        ('max = "GetObject"', [1, 4, 5]),
    ],
)
def test_null_breaks_not_null_alone_and_a_pattern_is_for_the_whole_value(rule, broken):
    assert judged(f'column = "event_name"\n{rule}', rows(event_name=NAMES)) == (broken, len(NAMES))


@pytest.mark.parametrize(
    ("column", "rule", "values", "broken"),
    [
        ("record_index", "min = 5", [4, 5, 6, None], [0]),
        ("record_index", "max = 5", [4, 5, 6, None], [2]),
        ("event_date", "min = 2026-03-02", [date(2026, 3, n) for n in (1, 2, 3)], [0]),
        ("event_date", "max = 2026-03-02", [date(2026, 3, n) for n in (1, 2, 3)], [2]),
        ("event_time", "min = 2026-03-02", [datetime(2026, 3, 1, 23, 59, 59), datetime(2026, 3, 2)], [0]),
        ("event_time", "max = 2026-03-02T01:00:00+01:00", [datetime(2026, 3, 2), datetime(2026, 3, 2, 0, 0, 1)], [1]),
    ],
)
def test_a_bound_is_allowed_itself(column, rule, values, broken):
    assert judged(f'column = "{column}"\n{rule}', rows(**{column: values}))[0] == broken


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ('column = "event_name", in = ["GetObject"]', [0]),
        ('column = "event_name", not_in = ["GetObject"]', [1, 3]),  # a missing value makes no condition true
        ('column = "event_name", matches = "Get.*"', [0]),
        ('column = "event_name", not_matches = "Get.*"', [1, 3]),
        ('column = "event_name", min = "H"', [1, 3]),
        ('column = "event_name", not_null = true', [0, 1, 3]),
        ('column = "event_name", null = true', [2]),
    ],
)
def test_a_condition_is_met_by_values_and_a_share_is_of_the_rows_it_is_met_by(when, applies):
    read = rows(event_name=["GetObject", "PutObject", None, "ZooKeep"], source_ip=[None] * 4)
    assert judged(f'column = "source_ip"\nnot_null = true\nwhen = {{ {when} }}', read) == (applies, len(applies))
