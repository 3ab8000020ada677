"""
A record is one row, however often, in whatever order and in however many runs it is delivered; a forgery never hides it.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests import model
from tests.buckets import ABROAD, OTHER, Bucket, event, key, redelivered, text
from tests.ingest.contents import Contents, holds_together, ingest, same_as_model
from trailhouse import settings
from trailhouse.ingest import measure


def test_what_is_delivered_again_in_every_way_is_one_row(lake, tmp_path):
    bucket = redelivered(1)
    result = ingest(lake, bucket.save(tmp_path / "logs"))
    contents = Contents(lake)
    same_as_model(contents, bucket.listed())
    holds_together(contents)
    told = model.lake(bucket.listed())
    assert result.duplicates == sum(o.duplicates for o in told.objects.values()) > 30
    assert result.conflicts == 0 and "id_conflict" not in {f["name"] for f in result.findings}


@pytest.mark.parametrize(("objects", "fast"), [(3, True), (7, False), (1000, False)])
def test_the_size_of_batches_does_not_matter(lake, tmp_path, objects, fast):
    bucket = redelivered(2)
    result = ingest(lake, bucket.save(tmp_path / "logs"), objects=objects, fast=fast)
    assert len(result.batches) == -(-len(bucket.objects) // objects)
    _same_rows(Contents(lake), bucket)


@pytest.mark.parametrize("seed", range(2))
def test_the_order_and_the_number_of_runs_do_not_matter(lake, tmp_path, seed):
    bucket, rng = redelivered(3), random.Random(seed)
    keys = rng.sample(list(bucket.objects), len(bucket.objects))
    while keys:
        some, keys = keys[: (count := rng.randint(6, 14))], keys[count:]
        result = ingest(
            lake, bucket.save(tmp_path / "logs", only=some), objects=rng.choice([4, 1000]), fast=rng.random() < 0.5
        )
        assert result.objects == len(some)
    _same_rows(Contents(lake), bucket)


def _same_rows(contents: Contents, bucket: Bucket) -> None:
    want = model.lake(bucket.listed())
    assert contents.published() == want.published
    ledger = contents.rows("ledger")
    assert sum(o["duplicates"] for o in ledger) == sum(o.duplicates for o in want.objects.values())
    holds_together(contents)


def test_every_split_publishes_the_same_rows_to_the_letter(tmp_path, lake):
    """All columns but lineage; which of equal copies stays may differ, so the copies here are equal to the byte."""
    bucket = redelivered(4)
    logs = bucket.save(tmp_path / "logs")
    seen = []
    late = sorted(bucket.objects)[::2]
    for number, (bounds, first) in enumerate(
        [({}, None), ({"objects": 9}, None), ({"task_bytes": 1}, None), ({}, late)]
    ):
        where = _another(lake, number)
        if first:
            ingest(where, bucket.save(tmp_path / "logs-late", only=first))
        ingest(where, bucket.save(tmp_path / "logs-late") if first else logs, **bounds)
        seen.append(Contents(where).without_lineage())
    assert all(each == seen[0] for each in seen)
    assert sum(seen[0].values()) == sum(model.lake(bucket.listed()).published.values())


def _another(lake, number):
    place = f"{lake.location}{number}"
    return replace(lake, location=place, catalog_uri=f"{place}/catalog.sqlite")


def test_two_sources_that_overlap_are_one_lake(lake, tmp_path):
    """Two trails on two buckets."""
    bucket = redelivered(5)
    keys = list(bucket.objects)
    one, other = bucket.save(tmp_path / "one", keys[:20]), bucket.save(tmp_path / "two", keys[10:])
    ingest(lake, one, other)
    contents = Contents(lake)
    assert contents.published() == model.lake(bucket.listed()).published
    assert {o["source"] for o in contents.rows("ledger")} == {one.as_uri(), other.as_uri()}
    holds_together(contents)


def test_a_source_named_twice_is_read_once(lake, tmp_path):
    bucket = redelivered(6)
    logs = bucket.save(tmp_path / "logs")
    result = ingest(lake, logs, logs)
    assert result.objects == len(bucket.objects)
    same_as_model(Contents(lake), bucket.listed())
    holds_together(Contents(lake))


# ── twins ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def spelled(number: int, value: str) -> bytes:
    return text(event(number)).replace(b'"key":"k%d"' % number, b'"key":' + value.encode())


TRUE, FORGED = event(1, eventName="DeleteTrail"), event(1, eventName="GetObject")
FORGED_FIRST = [event(2, eventName="GetObject"), event(2, eventName="DeleteTrail")] * 2
RESPELLED = [
    event(3),
    json.dumps(dict(reversed(event(3).items())), indent=1),
    event(3),
    json.dumps(event(3), indent="\t"),
]
MANY = [event(4, eventName=f"Forged{n}") for n in range(4)]
NO_ID = [event(5, eventID=None), event(5, eventID=None, eventName="PutObject"), event(5, eventID=None)]
EMPTY_ID = [event(6, eventID=""), event(6, eventID="", eventName="PutObject"), event(6, eventID="")]
# What a careless parser takes for the same.
ALIKE = [("1.0", "1"), ("1.10", "1.1"), ("1e1", "10"), ("null", "{}"), ("[]", "null"), ('"1"', "1"), ("9223372036854775808", "9223372036854775809"),
         ("18446744073709551616", "18446744073709551617"), ("0.1", "0.10000000000000000555"), ("-0", "0"), (r'"\ud800"', r'"\ud801"')]  # fmt: skip
ALIKE_RECORDS = [[spelled(20 + n, one), spelled(20 + n, other)] for n, (one, other) in enumerate(ALIKE)]
KINDS = [[TRUE, FORGED], FORGED_FIRST, RESPELLED, MANY, NO_ID, EMPTY_ID, *ALIKE_RECORDS]

WAYS = ["one file", "one task", "two tasks", "two batches", "two runs"]


@dataclass
class Delivered:
    """A lake to which twins of all kinds were delivered."""

    bucket: Bucket
    contents: Contents
    findings: list[dict[str, Any]]

    def rows(self, number: int) -> list[tuple[str, bool]]:
        """(event name, whether flagged) of the rows of an event."""
        found = [r for r in self.contents.rows("events") if json.loads(r["request_parameters"])["key"] == f"k{number}"]
        return sorted((r["event_name"], "id_conflict" in (r["parse_flags"] or ())) for r in found)


@pytest.fixture(
    scope="module",
    params=[*((w, True) for w in WAYS), ("one file", False), ("two tasks", False)],
    ids=lambda p: f"{p[0]}{'' if p[1] else ', strict'}",
)
def twins(request, tmp_path_factory) -> Delivered:
    """Twins that meet in one file, in one task, in tasks or batches of one run, in several runs."""
    way, fast = request.param
    folder = tmp_path_factory.mktemp("twins")
    where = _lake(folder / "lake")
    bucket = Bucket()
    rounds = [[kind[n] for kind in KINDS if n < len(kind)] for n in range(max(map(len, KINDS)))]
    if way == "one file":
        bucket.put(key("a"), *(record for each in rounds for record in each))
    else:
        for number, each in enumerate(rounds):
            bucket.put(key("abcd"[number]), *each)
    bounds = {"two tasks": {"task_bytes": 1}, "two batches": {"objects": 1}}.get(way, {})
    findings = []
    for some in [[k] for k in bucket.objects] if way == "two runs" else [None]:
        findings += ingest(where, bucket.save(folder / "logs", only=some), fast=fast, **bounds).findings
    return Delivered(bucket, Contents(where), [f for f in findings if f["name"] == "id_conflict"])


def _lake(folder):
    return settings.Lake(location=str(folder), catalog_uri=str(folder / "catalog.sqlite"))


def test_twins_are_what_the_model_says(twins):
    holds_together(twins.contents)
    want = model.lake(twins.bucket.listed())
    assert twins.contents.published() == want.published
    ledger = twins.contents.rows("ledger")
    for name in ("duplicates", "conflicts"):
        assert sum(o[name] for o in ledger) == sum(getattr(o, name) for o in want.objects.values()) > 0, name


def test_a_forged_twin_stays_beside_the_true_record_flagged(twins):
    assert twins.rows(1) == [("DeleteTrail", False), ("GetObject", True)]


def test_a_forgery_that_comes_first_does_not_make_the_true_record_vanish(twins):
    assert twins.rows(2) == [("DeleteTrail", True), ("GetObject", False)]


def test_the_same_record_in_other_words_is_a_duplicate(twins):
    assert twins.rows(3) == [("GetObject", False)]


def test_many_forgeries_of_one_id_all_stay(twins):
    assert [flag for _, flag in twins.rows(4)] == [False, True, True, True]


def test_without_an_id_the_key_is_the_hash(twins):
    assert twins.rows(5) == twins.rows(6) == [("GetObject", False), ("PutObject", False)]


def test_what_a_careless_parser_takes_for_the_same_is_a_conflict(twins):
    found = Counter(r["event_id"] for r in twins.contents.rows("events"))
    assert {pair: found[event(20 + n)["eventID"]] for n, pair in enumerate(ALIKE)} == dict.fromkeys(ALIKE, 2)


def test_conflicts_are_a_finding_in_the_result_and_in_quality(twins):
    count = sum(flag for *_, flag in twins.contents.published().elements())
    assert count == 1 + 1 + 3 + len(ALIKE)
    assert sum(f["rows"] for f in twins.findings) == count
    told = [q for q in twins.contents.rows("quality") if q["name"] == "id_conflict"]
    assert {(q["table_name"], q["severity"], q["success"]) for q in told} == {("events", "warning", False)}
    assert sum(q["rows"] for q in told) == count


@pytest.mark.parametrize("parts", [1_000_000, 1], ids=["whole", "in parts"])
def test_a_pair_in_conflict_that_comes_again_is_two_duplicates_and_no_conflict(lake, tmp_path, monkeypatch, parts):
    monkeypatch.setattr(measure, "ROWS_IN_A_PART", parts)
    made = Bucket()
    made.put(key("a"), event(1), event(1, eventName="PutObject"), event(2))
    logs = made.save(tmp_path / "logs")
    first = ingest(lake, logs)
    assert (first.rows, first.duplicates, first.conflicts) == (3, 0, 1)
    made.put(key("b"), event(1), event(1, eventName="PutObject"), event(3))
    again = ingest(lake, made.save(logs))
    assert (again.rows, again.duplicates, again.conflicts) == (1, 2, 0)
    contents = Contents(lake)
    told = {o["key"]: (o["rows"], o["duplicates"], o["conflicts"]) for o in contents.rows("ledger")}
    assert told == {key("a"): (3, 0, 1), key("b"): (1, 2, 0)}
    holds_together(contents)


def test_the_same_id_elsewhere_is_another_event(lake, tmp_path):
    """The key has account and region: an id from another account's file, or another region's, meets nobody."""
    bucket = Bucket()
    bucket.put(key("a"), event(7))
    bucket.put(key("b", OTHER), event(7, OTHER))
    bucket.put(key("c", region=ABROAD), event(7, region=ABROAD))
    result = ingest(lake, bucket.save(tmp_path / "logs"))
    assert (result.rows, result.duplicates, result.conflicts) == (3, 0, 0)
    same_as_model(Contents(lake), bucket.listed())


ID_7 = "00000007-0000-4000-8000-000000000000"


@pytest.mark.parametrize("way", ["one task", "two tasks", "two runs"])
def test_a_forgery_with_another_date_stays_beside_the_true_record_however_it_comes(lake, tmp_path, way):
    """Twins are told within a day, so that what is flagged does not hang on which task or batch a record came in."""
    bucket = Bucket()
    bucket.put(key("a"), event(7))
    bucket.put(key("b", day="2026/03/02"), event(7, day="2026/03/02"))
    for some in [[k] for k in sorted(bucket.objects)] if way == "two runs" else [None]:
        ingest(lake, bucket.save(tmp_path / "logs", only=some), **({"task_bytes": 1} if way == "two tasks" else {}))
    contents = Contents(lake)
    assert [(row["event_id"], row["parse_flags"]) for row in contents.rows("events")] == [(ID_7, None)] * 2
    holds_together(contents)
