"""
Every hostile input of the catalogue in one bucket, through Spark: one ingest, and only what is bad is missing.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from tests import model
from tests.buckets import Bucket, event, key
from tests.cases import load
from tests.ingest.contents import Contents, holds_together, ingest, same_as_model

# With limits of their own, or hundreds of megabytes to make and to model: the tests of decode have those.
LARGE = 8 * 2**20


def ids_of_their_own(number: int, case: load.Case) -> str:
    return key(f"{case.name.replace('_', '')}", account=f"{700000000000 + number}", kind=case.folder)


def hostile() -> dict[str, load.Case]:
    found = [c for c in load.cases() if not (c.keys or c.elsewhere or c.limits)]
    return {ids_of_their_own(n, c): c for n, c in enumerate(found) if len(c.bytes()) < LARGE and not c.maker}


@pytest.fixture(scope="module", params=[True, False], ids=["fast", "strict"])
def ingested(request, spark, tmp_path_factory):
    from trailhouse import settings

    folder = tmp_path_factory.mktemp("hostile")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake/catalog.sqlite"))
    cases = hostile()
    bucket = Bucket({name: case.bytes() for name, case in cases.items()})
    bucket.put(key("good"), *(event(n) for n in range(5000, 5020)))
    result = ingest(where, bucket.save(folder / "logs"), session=spark, fast=request.param)
    return cases, bucket, result, Contents(where)


def test_one_run_takes_it_all_and_ends_well(ingested):
    cases, bucket, result, contents = ingested
    assert len(cases) > 200
    assert (result.status, result.objects, result.pending, result.refused) == ("published", len(bucket.objects), 0, [])
    assert len(contents.rows("batches")) == 1


def test_what_is_published_is_what_the_model_says(ingested):
    _, bucket, _, contents = ingested
    same_as_model(contents, bucket.listed())


def test_nothing_is_lost(ingested):
    holds_together(ingested[3])


def test_every_good_record_beside_a_hostile_one_is_there(ingested):
    """P5, without the model: by the pinned numbers of the cases."""
    cases, _, _, contents = ingested
    ledger = {o["key"]: o for o in contents.rows("ledger")}
    for name, case in cases.items():
        got = ledger[name]
        assert got["records"] == case.records, name
        assert got["rows"] + got["duplicates"] == case.records - len(case.rejects), name
        assert (got["state"], (got["reason"] or "").split(":")[0]) == (
            ("quarantined", case.reason.split(":")[0]) if case.reason else ("done", "")
        ), name


def test_whatever_is_quarantined_is_there_with_reason_position_and_bytes(ingested):
    cases, bucket, _, contents = ingested
    held: dict[str, list] = {}
    for q in contents.rows("quarantine"):
        held.setdefault(q["key"], []).append(q)
    for name, case in cases.items():
        got = sorted(
            ((q["record_index"], q["reason"]) for q in held.get(name, [])), key=lambda each: (each[0] is not None, each)
        )
        assert case.agrees(got), (name, got, case.quarantined())
        for q in held.get(name, []):
            assert q["raw_size"] >= len(q["raw"] or b"")
            if q["record_index"] is None:
                assert q["raw_sha256"] == hashlib.sha256(bucket.objects[name]).hexdigest(), name
            else:
                bad = {b.index: b for b in model.read(bucket.objects[name], case.folder).bad}[q["record_index"]]
                assert q["raw_sha256"] == hashlib.sha256(bad.slice).hexdigest(), name
                assert bad.slice.startswith(q["raw"])


def test_every_reason_is_a_finding(ingested):
    _, _, result, contents = ingested
    told = {f["name"]: f["rows"] for f in result.findings if f["table"] == "quarantine"}
    reasons = Counter(q["reason"] for q in contents.rows("quarantine"))
    of_records = Counter(q["reason"] for q in contents.rows("quarantine") if q["record_index"] is not None)
    assert told == reasons | {"share": of_records.total()}, "each reason, and that they are many"
    assert {
        q["name"] for q in contents.rows("quality") if q["table_name"] == "quarantine" and q["severity"] == "warning"
    } == set(told)


def test_another_run_finds_nothing_to_do(ingested, spark):
    _cases, _bucket, _, contents = ingested
    result = ingest(contents.where, contents.rows("ledger")[0]["source"].removeprefix("file://"), session=spark)
    assert result.status == "nothing_to_do"
