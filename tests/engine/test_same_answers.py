"""Every saved report gives the same rows, in the same order, on Athena's engine and on this machine, and gives some."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from tests.engine import cases
from tests.engine.test_reports import TODAY
from trailhouse.ask import local, parameters, queries

ALL = {"since": "2026-01-01", "until": "2026-03-31"}  # the days of all cases


def same(one: Any, other: Any) -> bool:
    """Equal; numbers that are no integers to nine digits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return type(one) is type(other) and one == other


def text_of(name: str) -> str:
    """Asked of every account and day, with the bounds by which the report's own case is answered."""
    report, answered = queries.report(name), next(each for each in cases.load(name).expected if each.rows)
    bounds = {param.name for param in report.params if param.type in ("integer", "number")}
    return parameters.bound(report, {k: v for k, v in answered.params.items() if k in bounds} | ALL, TODAY)


@pytest.fixture(scope="module")
def here(lake, published):
    with local.asking(lake.where) as asked:
        yield asked


@pytest.mark.parametrize("name", queries.reports())
def test_one_answer(here, athena, published, name, record_property):
    began = time.monotonic()
    local_answer = here(text_of(name))
    between = time.monotonic()
    columns, rows = athena(text_of(name))
    record_property(
        "told", f"{name}: {len(rows)} rows, {between - began:.2f} s here, {time.monotonic() - between:.2f} s on Trino"
    )
    assert local_answer.columns == columns
    assert rows, "no case answers it"
    assert len(rows) == len(local_answer.rows)
    for number, (one, other) in enumerate(zip(local_answer.rows, rows, strict=True)):
        assert same(one, other), f"row {number}: {one} here, {other} on Trino"


@pytest.mark.parametrize(("one", "other", "alike"), [
    (1.0, 1.0 + 1e-12, True), (1.0, 1.0 + 1e-6, False), (1, 1.0, False), ("a", "b", False), ([1.5, None], (1.5, None), True), ([1], [1, 2], False),
    (None, None, True), (None, "", False), (True, 1, False),
])  # fmt: skip
def test_what_is_the_same(one, other, alike):
    assert same(one, other) is alike


NARROW = {
    "cloudtrail_logs": (
        "\"timestamp\" = '2026/02/20'",
        "\"timestamp\" BETWEEN '2026/02/20' AND '2026/02/21'",
        "year = '2026' AND month = '02' AND day = '20'",
        "account = '100000000053' AND region = 'us-east-1'",
        "eventtime >= '2026-02-20T00:00:00Z' AND eventtime < '2026-02-21T00:00:00Z'",
    ),
    "cloudtrail_lake": (
        "eventtime >= TIMESTAMP '2026-02-20 00:00:00' AND eventtime < TIMESTAMP '2026-02-21 00:00:00'",
        "recipientaccountid = '100000000053' AND eventtime > TIMESTAMP '2026-01-01 00:00:00'",
    ),
}


@pytest.mark.parametrize(("view", "where"), [(view, where) for view in NARROW for where in NARROW[view]])
def test_what_narrows_an_old_query_leaves_files_unread(lake, published, reached, view, where):
    def read(condition: str) -> int:
        return reached.trino.rows_read(lake.where.database, f"SELECT max(eventname) FROM {view} WHERE {condition}")

    assert 0 < read(where) < read("true") / 5
