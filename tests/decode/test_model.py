"""The oracle and the cases hold each other: what the model says is also asked in `test_cases`, where it has read them."""

from __future__ import annotations

import gzip

import pytest

from tests import model
from tests.cases import load
from tests.cases.make import disk, event, records, service


@pytest.mark.parametrize("case", [case for case in load.cases() if case.keys], ids=str)
def test_the_model_agrees_on_every_key(case):
    for key in case.keys:
        match = model.KEY.fullmatch(key["key"])
        ingested = match is not None and match["kind"] in model.TABLES
        if key.get("skip") == "unknown_name" and ingested:
            continue  # the model reads no calendar and no file names
        assert ingested == ("skip" not in key), key


def test_the_disk_is_what_the_generator_makes():
    there = {path.name: path.read_bytes() for path in [*load.HERE.glob("H*.toml"), *load.HERE.glob("H*.bin")]}
    assert there == disk(), "run `python -m tests.cases.make` and read the diff"


def test_every_row_of_the_catalogue_has_a_case():
    rows = {f"H{n:02d}" for n in [*range(1, 43), 65, *range(67, 71)]}
    assert {case.id for case in load.catalogue()} == rows


def test_canonical_form():
    assert model.canonical(b' { "b" : 1.0 , "a" : [ true , "\\u0041" ] } ') == '{"a":[true,"A"],"b":1.0}'
    assert model.canonical(b'{"k":1,"k":0}') == '{"k":1,"k":0}'
    same = [b'"\\ud83d\\ude00"', '"\U0001f600"'.encode()]
    assert len({model.canonical(text) for text in same}) == 1
    apart = [
        b'"\\ud800"',
        b'"\\\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\\udced\\udca0"',
        b'"\\\\xed"',
        b"1.0",
        b"1",
        b"1e0",
        b'"1"',
        b"null",
        b"{}",
    ]
    assert len({model.canonical(text) for text in apart}) == len(apart)


KEY = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/01/{}.json.gz"


def batch(*files: tuple[str, bytes]) -> model.Lake:
    return model.lake([(KEY.format(name), gzip.compress(data)) for name, data in files])


def test_a_record_delivered_twice_is_one_row():
    lake = batch(("b", records(event(1), event(2))), ("a", records(event(2), event(2))))
    assert sum(lake.published.values()) == 2
    assert [(c.rows, c.duplicates) for c in lake.objects.values()] == [(1, 1), (1, 1)]


def test_same_content_spelled_otherwise_is_a_duplicate():
    lake = batch(("a", records(event(1), event(1).replace(b",", b" ,\n"))))
    assert sum(lake.published.values()) == 1


def test_same_id_and_other_content_keeps_both_and_flags_the_later():
    lake = batch(("b", records(event(1))), ("a", records(event(1, eventName='"Forged"'))))
    assert sorted(conflict for *_, conflict in lake.published.elements()) == [False, True]
    assert [c.conflicts for c in lake.objects.values()] == [0, 1]


def test_without_an_id_only_equal_bytes_are_duplicates():
    lake = batch(
        ("a", records(event(1, eventID=None), event(1, eventID=None), event(2, eventID=None, eventName='"X"')))
    )
    assert sum(lake.published.values()) == 2


def test_the_same_id_in_two_accounts_is_two_events():
    lake = batch(("a", records(event(1), event(1, recipientAccountId='"999988887777"'))))
    assert sum(lake.published.values()) == 2
    assert not any(conflict for *_, conflict in lake.published)


def test_an_order_of_objects_changes_nothing():
    files = [
        ("a", records(event(1), service(3))),
        ("b", records(event(1, eventName='"X"'), event(2))),
        ("c", records(event(2))),
    ]
    assert batch(*files) == batch(*files[::-1])


def test_quarantine_is_counted_by_object():
    lake = model.lake(
        [(KEY.format("a"), gzip.compress(records(event(1), b"3"))), (KEY.format("b"), b"nope"), ("x/y", b"")]
    )
    assert {k[-9]: (c.records, c.rows, c.quarantined, c.reason) for k, c in lake.objects.items()} == {
        "a": (2, 1, 1, None),
        "b": (0, 0, 0, "not_gzip_json"),
    }
    assert lake.reasons == {"not_object": 1, "not_gzip_json": 1}
