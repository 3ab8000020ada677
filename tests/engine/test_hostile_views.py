"""Views over hostile records, on both engines: nothing fails, no row is hidden, and both say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ask import hostile
from tests.engine.conftest import Cloud
from tests.ingest.contents import ingest
from trailhouse import settings
from trailhouse.ask import local, publish, queries

BUCKET, DATABASE = "hostile-records", "hostile_records"
# Trino writes numbers inside nested values anew, and characters beyond U+FFFF as escapes; what they say is compared.
SAID = {"eventjson"}
# In a nested value Trino keeps the last of two equal names, DuckDB both, and each spells huge numbers its own way.
APART = {"requestparameters": 3}


@pytest.fixture(scope="module")
def both(reached: Cloud) -> Iterator[Any]:
    client = reached.s3.client()
    for name in (BUCKET, f"{BUCKET}-logs"):
        client.create_bucket(Bucket=name)
    hostile.bucket().upload(client, f"{BUCKET}-logs")
    where = settings.Lake(
        location=f"s3://{BUCKET}/warehouse", catalog="glue", database=DATABASE, ops_database=f"{DATABASE}_ops"
    )
    ingest(where, f"s3://{BUCKET}-logs")
    publish.publish(settings.Settings(lake=where, athena=settings.Athena(work_group=DATABASE)))
    with local.asking(where) as ask:
        yield lambda sql: (reached.trino.ask(DATABASE, sql)[1], ask(sql).rows)


COLUMNS = [
    (view, column.name) for view in ("cloudtrail_logs", "cloudtrail_lake") for column in queries.views()[view].columns
]


@pytest.mark.parametrize(("view", "column"), COLUMNS, ids="-".join)
def test_both_engines_say_the_same_of_every_record(both, view, column):
    there, here = (
        Counter(hostile.said(row[0]) if column in SAID else repr(plain(row[0])) for row in rows)
        for rows in both(f'SELECT "{column}" FROM {view}')
    )
    apart = APART.get(column, 0) if view == "cloudtrail_lake" else 0
    assert sum((there - here).values()) <= apart
    assert there.total() == here.total() > 100


def plain(value: Any) -> Any:
    """A value as both drivers can say it: a row is a tuple there and has names here, as a map has."""
    if isinstance(value, dict):
        return sorted(repr(plain(each)) for each in value.values())
    if isinstance(value, list | tuple):
        return sorted(repr(plain(each)) for each in value)
    return value


OTHERS = [name for name, view in queries.views().items() if "compatibility" not in view.tags]


@pytest.mark.parametrize("view", OTHERS)
def test_no_record_stops_a_view_or_hides_a_row(both, view):
    """Every column of every row is worked out; the rows are the same ones on both engines."""
    grain = ", ".join(queries.views()[view].grain)
    columns = ", ".join(f'"{column.name}"' for column in queries.views()[view].columns)
    there, here = both(f"SELECT {grain}, {columns} FROM {view}")
    keys = [Counter(row[: grain.count(",") + 1] for row in map(tuple, rows)) for rows in (there, here)]
    assert keys[0] == keys[1]


def test_what_can_not_be_opened_is_told_and_still_there(both):
    there, here = both(
        "SELECT count(*), count(request_parameters), count(opened_request_parameters) FROM events_json "
        "WHERE json_left_closed"
    )
    assert tuple(there[0]) == tuple(here[0])
    assert there[0][0] > 0 and there[0][1] > there[0][2]


def test_every_change_among_them_is_one(both):
    """However odd the record is, it has the row that its kind of call has."""
    there, here = both("SELECT count(*) FROM events WHERE read_only = false AND event_source = 's3.amazonaws.com'")
    rows = both("SELECT count(*) FROM actions WHERE service = 's3'")
    assert tuple(there[0]) == tuple(here[0])
    assert rows[0][0][0] >= there[0][0]
