"""
What `check --deep` asks of rows that nobody has sealed: what manifests say of them, their place, their keys, the ledger.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.buckets import ACCOUNT, REGION, event, key, log
from tests.upkeep.test_check import look
from trailhouse.decode import Delivered, decode
from trailhouse.lake import catalog, commits, schema, write
from trailhouse.lake.catalog import Lake
from trailhouse.upkeep import check_rows


@pytest.fixture
def made(lake) -> Lake:
    return catalog.make_lake(lake)


def rows(*numbers: int) -> pa.Table:
    delivered = Delivered("file:///logs", key("x"), "CloudTrail", ACCOUNT, REGION)
    return decode([(log(*(event(number) for number in numbers)), delivered)]).rows


def changed(of: pa.Table, column: str, value: object) -> pa.Table:
    at = of.column_names.index(column)
    first = pa.array([value], of.schema.field(column).type)
    return of.set_column(at, of.schema.field(column), pa.chunked_array([first, *of[column].slice(1).chunks]))


def found(lake: Lake, of: pa.Table) -> list[str]:
    """What is wrong with rows in place of those that a file was made of."""
    metadata = lake.table("events").metadata
    (file,) = write.write_rows(rows(1, 2, 3), metadata, catalog.file_io(lake.where))
    file._spec_id = metadata.default_spec_id  # a manifest says it for all of its files
    parts = (check_rows._columns("events", of, metadata), check_rows._counted(file, of, metadata))
    return [each[0] for part in (*parts, check_rows._placed(file, of, metadata)) for each in part]


def test_rows_as_they_were_written_are_what_the_manifest_says(made):
    assert found(made, rows(1, 2, 3)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda of: of.slice(1), "3 rows"),
        (lambda of: changed(of, "user_agent", None), "0 NULLs in user_agent"),
        (lambda of: changed(of, "event_name", "Aaa"), "no event_name under its bound"),
        (lambda of: changed(of, "event_name", "Zzz"), "no event_name over its bound"),
        (lambda of: changed(of, "event_time", of["event_time"][0].as_py().replace(year=2014)), "no event_time under its bound"),
        (lambda of: changed(of, "account_id", "999999999999"), "rows of account_id 111122223333"),
        (lambda of: changed(of, "event_date", None), "rows of event_date 2026-03-01"),
        (lambda of: of.drop_columns(["user_agent"]), "the table's columns"),
    ],
)  # fmt: skip
def test_other_rows_are_found(made, change, expected):
    assert expected in found(made, change(rows(1, 2, 3)))


def test_rows_of_one_key_and_rows_that_no_object_delivered_are_found(made):
    """Another writer puts rows in twice, past the ledger."""
    batch = pa.repeat("somebody's", 2)
    own = rows(1, 2).set_column(schema.arrow_schema("events").names.index("batch_id"), "batch_id", batch)
    for mark in ("once", "twice"):
        files = write.write_rows(own, made.table("events").metadata, catalog.file_io(made.where))
        commits.append_once(made, "events", files, commits.mark(mark))
    report = look(made.where, deep=True)
    said = {(each.what, each.found) for each in report.findings if each.kind == "inconsistent"}
    assert said == {
        ("sum", "4 rows in the table"),
        ("partition", "2 rows whose key another has"),
        ("source object", "4 in events"),
    }


def test_a_large_partition_is_looked_at_in_parts(made, monkeypatch):
    from trailhouse.upkeep import check_deep

    monkeypatch.setattr(check_deep, "ROWS_AT_ONCE", 3)
    files = write.write_rows(rows(*range(1, 12)), made.table("events").metadata, catalog.file_io(made.where))
    commits.append_once(made, "events", (*files, *files[:0]), commits.mark("once"))
    report = look(made.where, deep=True)
    assert [each.found for each in report.findings if each.what in ("partition", "source object")] == ["11 in events"]


def test_a_row_in_conflict_is_no_second_one_of_its_key(made):
    flagged = rows(1, 2)
    flags = pa.chunked_array([pa.array([["id_conflict"], None], flagged.schema.field("parse_flags").type)])
    flagged = flagged.set_column(flagged.column_names.index("parse_flags"), "parse_flags", flags)
    both = pa.concat_tables([rows(1, 3), flagged])
    files = write.write_rows(both, made.table("events").metadata, catalog.file_io(made.where))
    commits.append_once(made, "events", files, commits.mark("once"))
    assert pc.count_distinct(both["event_id"]).as_py() == 3
    report = look(made.where, deep=True)
    assert not [each for each in report.findings if each.what == "partition"], report.findings
