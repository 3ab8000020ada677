"""
Every hostile input of the catalogue, on the fast path, the strict one and by the native kernel: exactly the outcome that stands beside it.

What holds for any input is asked here too: records = rows + rejects, subtrees are the exact source text, the original record can
be rebuilt, nothing in a row was replaced, good neighbours are all there (an unlisted row is a good one, without flags).
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from functools import cache

import pytest

from tests import model
from tests.cases import load
from tests.cases.make import ACCOUNT, FILE, REGION
from tests.decode.one import EACH_WAY, One, decode
from trailhouse.decode.rebuild import record
from trailhouse.decode.values import Delivered, Limits
from trailhouse.sources.keys import LogKey, Skipped, parse_key

CASES = load.cases()
OBJECTS = [case for case in CASES if not case.keys and not case.elsewhere]
KEYS = [(case.name, key) for case in CASES for key in case.keys]
COLUMN = {  # JSON text of `events`: column → field
    "user_identity": "userIdentity",
    "request_parameters": "requestParameters",
    "response_elements": "responseElements",
    "additional_event_data": "additionalEventData",
    "resources": "resources",
    "service_event_details": "serviceEventDetails",
    "tls_details": "tlsDetails",
}


def delivered(folder: str = "CloudTrail") -> Delivered:
    key = f"AWSLogs/{ACCOUNT}/{folder}/{REGION}/2026/03/01/{FILE}"
    return Delivered(source="s3://logs", key=key, kind=folder, account_id=ACCOUNT, region=REGION)


canonical = cache(model.canonical)


@cache
def run(case: load.Case, way: str) -> tuple[One, list[dict]]:
    """Decoded once for all the tests that ask: some inputs are long."""
    got = decode(case.bytes(), delivered(case.folder), Limits(**case.limits), way=way)
    return got, got.rows.to_pylist()


@cache
def modelled(case: load.Case) -> model.Read:
    return model.read(case.bytes(), case.folder, **case.model_limits())


def rejects(got: One) -> list[tuple[int | None, str]]:
    return [(reject.position, reject.reason) for reject in got.rejects]


def flags(row: dict) -> list[str]:
    return row["parse_flags"] or []


@pytest.mark.parametrize("case", OBJECTS, ids=str)
def test_the_model_agrees_with_every_case(case):
    read = modelled(case)
    assert read.records == case.records
    assert sorted(read.flags) == sorted(case.flags)
    rejects = [(bad.index, bad.reason) for bad in read.bad]
    assert case.agrees(rejects), (rejects, case.quarantined())
    for row in case.rows:
        record = next(r for r in read.rows if r.index == row.index)
        for name in {"account_id", "region", "event_id"} & row.columns.keys():
            assert getattr(record, name) == row.columns[name]


@EACH_WAY
@pytest.mark.parametrize("case", OBJECTS, ids=str)
def test_the_outcome_is_the_pinned_one(case, way):
    got, rows = run(case, way)
    assert case.agrees(rejects(got)), (rejects(got), case.quarantined())
    if not case.reason:  # what flags an object has that can't be read, nothing says
        assert sorted(got.flags) == sorted(case.flags)
    assert got.records == case.records == len(rows) + len(case.rejects)
    bad = {position for position, _ in case.rejects}
    assert [row["record_index"] for row in rows] == [i for i in range(case.records) if i not in bad]
    pinned = {row.index: row for row in case.rows}
    for row in rows:
        want = pinned.get(row["record_index"], NOTHING)
        seen = [flag for flag in flags(row) if way == "strict" or flag not in want.strict_only_flags]
        expected = [flag for flag in want.flags if way == "strict" or flag not in want.strict_only_flags]
        assert sorted(seen) == expected, f"record {row['record_index']}"
        assert {name: row[name] for name in want.columns} == want.columns
        assert {name: row[name] for name in want.null} == dict.fromkeys(want.null)
        assert {name: len(row[name]) for name in want.lengths} == want.lengths
        if want.raw:
            assert row["raw"] is not None


NOTHING = load.Row(index=-1, flags=[], strict_only_flags=[], columns={}, null=[], lengths={}, raw=None)


@EACH_WAY
@pytest.mark.parametrize("case", [case for case in OBJECTS if not case.reason], ids=str)
def test_every_record_is_kept_whole(case, way):
    read = modelled(case)
    got, rows = run(case, way)
    assert len(read.rows) == len(rows)
    for want, row in zip(read.rows, rows, strict=True):
        assert row["record_index"] == want.index
        assert (row["account_id"], row["region"], row["event_id"] or None) == (
            want.account_id,
            want.region,
            want.event_id,
        )
        again = record(row, model.TABLES[case.folder])
        assert again == want.slice or canonical(again) == canonical(want.slice)
        assert row["raw"] in (None, want.slice)
        assert row["content_hash"] == int.from_bytes(hashlib.sha256(want.slice).digest()[:8], "big", signed=True)
        assert row["source_object"] == delivered(case.folder).key
        nothing_replaced(row, want)
        if case.folder == "CloudTrail":
            subtrees_are_source_text(row, want)
            assert row["event_time_text"] == time_as_delivered(want)
    for want, reject in zip(read.bad, got.rejects, strict=True):
        assert reject.size == len(want.slice)
        assert reject.sha256 == hashlib.sha256(want.slice).hexdigest()
        assert reject.raw and want.slice.startswith(reject.raw)


@EACH_WAY
@pytest.mark.parametrize("case", [case for case in OBJECTS if case.reason], ids=str)
def test_an_object_that_can_not_be_read_gives_no_row_and_one_reject(case, way):
    got, rows = run(case, way)
    assert (rows, got.records, len(got.rejects)) == ([], 0, 1)
    reject, data = got.rejects[0], case.bytes()
    assert reject.position is None
    assert (reject.size, reject.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert data.startswith(reject.raw)
    assert got.rows.schema == decode(b'{"Records":[]}', delivered(case.folder)).rows.schema


@pytest.mark.parametrize("case", OBJECTS, ids=str)
def test_both_paths_say_the_same(case):
    fast, fast_rows = run(case, "fast")
    strict, strict_rows = run(case, "strict")
    assert account(fast) == account(strict)
    for a, b in zip(fast_rows, strict_rows, strict=True):
        assert set(flags(b)) - set(flags(a)) <= {"dup_key"}
        assert {**a, "parse_flags": None} == {**b, "parse_flags": None}
        assert set(flags(a)) <= set(flags(b))


@pytest.mark.parametrize("case", OBJECTS, ids=str)
def test_the_native_kernel_says_what_the_fast_path_says_to_the_last_flag(case, native):
    got, _ = run(case, native)
    fast, _ = run(case, "fast")
    assert account(got) == account(fast)
    assert got.rows.equals(fast.rows)


def account(got: One) -> tuple[object, ...]:
    return (got.rejects, got.records, got.flags, got.sha256, got.inflated_bytes)


@EACH_WAY
@pytest.mark.parametrize("case", [case for case in OBJECTS if not case.reason], ids=str)
def test_the_hash_is_of_the_inflated_bytes(case, way):
    got, _ = run(case, way)
    text, _ = model.inflate(case.bytes())
    assert (got.sha256, got.inflated_bytes) == (hashlib.sha256(text).hexdigest(), len(text))


@pytest.mark.parametrize(("name", "key"), KEYS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(KEYS)])
def test_a_key_is_read_by_its_folders(name, key):
    got = parse_key(key["key"])
    if "skip" in key:
        assert isinstance(got, Skipped), got
        assert got.reason == key["skip"]
    else:
        assert isinstance(got, LogKey), got
        assert {part: getattr(got, part) for part in key if part != "key"} == {
            k: v for k, v in key.items() if k != "key"
        }
        assert got.day == date(2026, 3, 1)
        assert key["key"].endswith("/" + got.file)


def subtrees_are_source_text(row: dict, want: model.Record) -> None:
    for column, name in COLUMN.items():
        text = want.text(name) if name in want.members else b"null"
        if text == b"null":
            assert row[column] is None, column
        elif "utf8" not in flags(row):
            assert row[column].encode() == text, column


def time_as_delivered(want: model.Record) -> str | None:
    text = model.string(want.members.get("eventTime"))
    return None if text is None else model.stored(text)


REPLACED = re.compile("\ufffd")


def nothing_replaced(row: dict, want: model.Record) -> None:
    """No U+FFFD and no `?` of our own making stands in a text (P20)."""
    if "\ufffd".encode() in want.slice or b"\\ufffd" in want.slice.lower():
        return
    assert not [name for name, value in row.items() if isinstance(value, str) and REPLACED.search(value)]
