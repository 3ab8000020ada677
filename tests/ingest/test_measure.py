"""Numbers of the audit, each from what it is made of."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from tests.buckets import event, log
from trailhouse.decode import Delivered, decode
from trailhouse.ingest import inspect, measure
from trailhouse.ingest.inspect import Seen
from trailhouse.ingest.values import Object, Outcome
from trailhouse.lake import catalog, commits, write
from trailhouse.sources.keys import LogKey


def outcome(key: str, records: int, rows: int, duplicates: int = 0, quarantined: int = 0) -> Outcome:
    place = LogKey("", "", "111122223333", "CloudTrail", "us-east-1", date(2026, 3, 1), key)
    return Outcome(
        object=Object(0, "s3://logs", key, "e", 1, None, place),
        etag="e",
        stored_sha256="",
        sha256="",
        inflated_bytes=1,
        flags=(),
        records=records,
        rows=rows,
        duplicates=duplicates,
        quarantined=quarantined,
        conflicts=0,
        reason=None,
    )


def seen(rows: dict[str, int], quarantined: dict[str, int] | None = None, wholes: dict[str, int] | None = None) -> Seen:
    counts = Counter({("events", "s3://logs", key): count for key, count in rows.items()})
    counts.update({("quarantine", "s3://logs", key): count for key, count in (quarantined or {}).items()})
    return Seen(counts=counts, wholes=Counter({("s3://logs", key): n for key, n in (wholes or {}).items()}))


TOLD = [outcome("a", 5, 3, 1, 1), outcome("b", 2, 2)]


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (seen({"a": 3, "b": 2}, {"a": 1}), 0),
        (seen({"a": 3}, {"a": 1}), 1),
        (seen({"a": 2, "b": 3}, {"a": 1}), 2),  # the sum is right
        (seen({"a": 3, "b": 2}), 1),
        (seen({"a": 3, "b": 2, "nobody told of it": 1}, {"a": 1}), 1),
        (seen({"a": 3, "b": 2}, {"a": 1, "nobody told of it": 1}), 1),
        (seen({"a": 3, "b": 2}, {"a": 1}, {"nobody told of it": 1}), 1),
        (seen({"a": 3, "b": 2}, {"a": 1}, {"b": 1}), 1),
    ],
)
def test_each_object_adds_up_and_no_row_is_of_an_object_that_nobody_told_of(found, wrong):
    assert measure._accounting(TOLD, found).value == wrong


def test_a_file_that_is_published_already_is_attached_twice(lake):
    opened = catalog.make_lake(lake)
    where = Delivered("s3://logs", "k", "CloudTrail", "111122223333", "us-east-1")
    rows = decode([(log(event(1)), where)]).rows
    files = write.write_rows(rows, opened.table("events").metadata, catalog.file_io(lake))

    def measured(batch_id: str) -> float:
        ready = commits.stage(opened, "events", files, commits.mark(batch_id))
        table = opened.table("events")
        partitions = list(measure._partitions(ready, table))
        looked = inspect.look(inspect.Look(lake, batch_id, tuple(partitions)))
        gauges = {gauge.name: gauge.value for gauge in measure._of_table(ready, table, looked, partitions)}
        commits.publish(opened, ready)
        return gauges["files"]

    assert (measured("b1"), measured("b2")) == (0, 1)
