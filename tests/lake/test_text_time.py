"""
The text of eventTime: what a filter of one day on it reads, in the layouts that a lake can have; and what lakes of an
older release, whose rows have none, make of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.buckets import DAY, NEXT_DAY, Bucket, event, key
from tests.ingest.contents import Contents, config_of, ingest, quiet
from tests.ingest.inline import INLINE
from tests.old_lakes import opened
from trailhouse.decode.layout import layout
from trailhouse.errors import UsageError
from trailhouse.ingest import run
from trailhouse.lake import catalog, iceberg, schema
from trailhouse.sources.values import Range
from trailhouse.upkeep import mend, upgrade

DAYS = ("2026/02/28", DAY, NEXT_DAY, "2026/03/03")
ONE_DAY = "event_time_text >= '2026-03-01T00:00:00Z' AND event_time_text < '2026-03-02T00:00:00Z'"


def days(events: int = 3) -> Bucket:
    """Days one after the other, with events in their first and their last second."""
    made = Bucket()
    for number, day in enumerate(DAYS):
        date = day.replace("/", "-")
        edges = [event(1000 + 10 * number + n, day=day, eventTime=f"{date}T{t}Z") for n, t in enumerate(EDGES)]
        made.put(key(f"d{number}", day=day), *edges, *(event(100 * number + n, day=day) for n in range(events)))
    return made


EDGES = ("00:00:00", "23:59:59")


@pytest.mark.parametrize("layout", ["account", "bucket"])
def test_a_filter_of_one_day_reads_the_files_of_that_day_alone(lake, tmp_path, layout):
    where = replace(lake, partition=layout)
    ingest(where, days().save(tmp_path / "logs"))
    table = Contents(where).table("events")
    assert len(list(table.scan().plan_files())) == len(DAYS)
    (task,) = table.scan(row_filter=ONE_DAY).plan_files()
    read = table.scan(row_filter=ONE_DAY).to_arrow()
    assert task.file.record_count == read.num_rows == 5, "the first and the last second are of the day"
    assert {str(day) for day in read["event_date"].to_pylist()} == {"2026-03-01"}


def test_a_time_that_can_not_be_read_is_there_as_text(lake, tmp_path):
    logs = Bucket()
    logs.put(key("odd"), event(1, eventTime="yesterday"), event(2, eventTime=3), event(3, eventTime=None))
    ingest(lake, logs.save(tmp_path / "logs"))
    rows = {row["record_index"]: row for row in Contents(lake).rows("events")}
    assert {row["event_time"] for row in rows.values()} == {None}
    assert [rows[n]["event_time_text"] for n in range(3)] == ["yesterday", None, None]
    assert [rows[n]["extra"] for n in range(3)] == ['{"eventTime":"yesterday"}', '{"eventTime":3}', None]


def test_a_lake_without_it_is_written_to_once_it_is_upgraded(tmp_path):
    old = opened("v1", tmp_path)
    with pytest.raises(UsageError, match=r"events: column event_time_text is missing.*run `trailhouse upgrade`"):
        ingest(old, days().save(tmp_path / "logs"))
    before = Contents(old).rows("events")
    made = upgrade.upgrade(old, dry_run=False)
    assert any("events ADD COLUMN event_time_text string" in statement for statement in made.statements)
    after = Contents(old).rows("events")
    assert {row.pop("event_time_text") for row in after} == {None} and after == before
    assert catalog.open_lake(old).table("events").schema().find_field("event_time_text").field_id == 76


def test_rows_of_before_have_it_once_they_are_decoded_anew(lake, tmp_path):
    logs = days().save(tmp_path / "logs")
    with without_it():
        ingest(lake, logs)
    assert "event_time_text" not in Contents(lake).rows("events")[0]
    upgrade.upgrade(lake, dry_run=False)
    assert Contents(lake).table("events").scan(row_filter=ONE_DAY).to_arrow().num_rows == 0
    going = run.Run(config_of(lake, logs), quiet, session=INLINE)
    mend.redecode(going, Range(), every=True, reason="")
    assert Contents(lake).table("events").scan(row_filter=ONE_DAY).to_arrow().num_rows == 5
    assert None not in {row["event_time_text"] for row in Contents(lake).rows("events")}


@contextmanager
def without_it() -> Iterator[None]:
    """The release before the column came."""
    plainly = schema.table("events")
    older = replace(plainly, columns=tuple(c for c in plainly.columns if c.name != "event_time_text"))
    fields = pa.schema([pa.field(c.name, c.arrow) for c in older.columns])
    table, arrow_schema = schema.table, schema.arrow_schema
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schema, "table", lambda name: older if name == "events" else table(name))
        patched.setattr(schema, "arrow_schema", lambda name: fields if name == "events" else arrow_schema(name))
        for module in (iceberg, catalog):
            patched.setattr(module, "SCHEMA_VERSION", "1")
        layout.cache_clear()
        yield
    layout.cache_clear()
