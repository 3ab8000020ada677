"""The gate over the quarantine: what is set aside is proof, and a row that is lost, doubled or emptied is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse.ingest import audit
from trailhouse.lake import schema, write
from trailhouse.lake.write import write_rows
from trailhouse.limits import Limits

ONE, TWO = b'{"eventID":"x","eventID":"y"}', b'{"eventID":"z","eventID":"w"}'


def bad() -> Bucket:
    """Two records that are none, and an object that is none."""
    made = plain(4)
    made.put(key("r"), ONE, TWO, event(99))
    made.objects[key("rotten")] = b"\x1f\x8b no log"
    return made


def with_column(rows: pa.Table, name: str, values: list[Any]) -> pa.Table:
    at = rows.column_names.index(name)
    return rows.set_column(at, rows.field(at), pa.array(values, rows.field(at).type))


def names_another_batch(rows: pa.Table) -> pa.Table:
    return with_column(rows, "batch_id", ["somebody else's"] * rows.num_rows)


def names_no_batch(rows: pa.Table) -> pa.Table:
    return with_column(rows, "batch_id", [None] * rows.num_rows)


def tells_one_twice_and_another_not(rows: pa.Table) -> pa.Table:
    records = rows.filter(pa.compute.is_valid(rows["record_index"]))
    objects = rows.filter(pa.compute.is_null(rows["record_index"]))
    return pa.concat_tables([objects, *([records.slice(0, 1)] * records.num_rows)])


def empties(rows: pa.Table) -> pa.Table:
    return with_column(rows, "raw", [b""] * rows.num_rows)


def forgets(rows: pa.Table) -> pa.Table:
    return with_column(rows, "raw", [None] * rows.num_rows)


def cuts(rows: pa.Table) -> pa.Table:
    return with_column(rows, "raw", [raw[:-1] for raw in rows["raw"].to_pylist()])


def changes(rows: pa.Table) -> pa.Table:
    return with_column(rows, "raw", [bytes(reversed(raw)) for raw in rows["raw"].to_pylist()])


def swaps_two_columns(rows: pa.Table) -> pa.Table:
    other = {"event_source": "event_name", "event_name": "event_source"}
    return rows.rename_columns([other.get(name, name) for name in rows.column_names])


@pytest.mark.parametrize(
    ("harm", "checks"),
    [
        (names_another_batch, {"lineage"}),
        (names_no_batch, {"lineage"}),
        (tells_one_twice_and_another_not, {"lineage", "unique"}),
        (empties, {"bytes"}),
        (forgets, {"bytes"}),
        (cuts, {"bytes"}),
        (changes, {"bytes"}),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_is_done_to_the_quarantine_is_refused(
    lake, tmp_path, monkeypatch, harm: Callable[[pa.Table], pa.Table], checks: set[str]
):
    def writes(rows, metadata, io):
        return write_rows(harm(rows) if "raw_sha256" in rows.column_names else rows, metadata, io)

    with monkeypatch.context() as patched:
        patched.setattr(write, "write_rows", writes)
        assert ingest(lake, bad().save(tmp_path / "logs")).status == "refused"
    contents = Contents(lake)
    told = [q for q in contents.rows("quality") if q["severity"] == "critical" and not q["success"]]
    assert {q["name"] for q in told} == checks and {q["table_name"] for q in told} == {"quarantine"}
    assert not contents.rows("quarantine")


def test_a_file_of_another_schema_is_refused(lake, tmp_path, monkeypatch):
    def writes(rows, metadata, io):
        made = write_rows(rows, metadata, io)
        if "raw_sha256" in rows.column_names:
            path = made[0].file_path.removeprefix("file://")
            pa.parquet.write_table(swaps_two_columns(pa.parquet.ParquetFile(path).read()), path)
        return made

    with monkeypatch.context() as patched:
        patched.setattr(write, "write_rows", writes)
        result = ingest(lake, bad().save(tmp_path / "logs"))
    assert result.status == "refused" and "quarantine.schema failed" in result.refused[0]


def test_what_is_kept_in_part_or_was_never_fetched_passes(lake, tmp_path):
    """A record of over 1 MiB, an object of over 4 KiB, one over the limit of what is read."""
    made = bad()
    made.put(key("long"), b'{"eventID":"x","eventID":"%s"}' % (b"y" * (1 << 20)))
    made.objects[key("larger")] = b"\x1f\x8b no log" * 1000
    made.objects[key("huge")] = b"no log" * 100_000
    made.objects[key("nothing")] = b""
    assert ingest(lake, made.save(tmp_path / "logs"), limits=Limits(stored_bytes=200_000)).status == "published"
    contents = Contents(lake)
    reasons = {q["reason"] for q in contents.rows("quarantine")}
    assert {"dup_key", "size_limit"} < reasons and len(contents.rows("quarantine")) == 7
    holds_together(contents)


@pytest.mark.parametrize("table", [*schema.LAKE_TABLES, "quarantine"])
def test_no_invariant_is_listed_that_is_not_measured(table):
    listed = audit.invariants(table)
    assert ("partition" in listed) is bool(schema.table(table).partition)
    assert ("bytes" in listed) is (table == "quarantine")
