"""A record that is made another event is the same record but for its id, time, account and region."""

from __future__ import annotations

import gzip
import json
from random import Random

import msgspec
import pytest

from bench import inputs, restamp

STAMP = restamp.Stamp("00000000-1111-4222-a333-444444444444", 1_772_323_200, "222222222222", "eu-central-1")
RECORD = (
    b'{"eventVersion": "1.08","eventTime":"2021-07-30T23:55:41Z","awsRegion":"us-west-1","requestParameters":'
    b'{"eventID":"its own","n":1.0,"tag":null,"Tag":"x"},"eventID":"cbd6074a","readOnly":true}'
)


def raw(record: bytes) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in msgspec.json.decode(record, type=dict[str, msgspec.Raw]).items()}


def test_what_tells_events_apart_is_new():
    made = json.loads(restamp.stamped(restamp.template(RECORD), STAMP))
    assert made["eventID"] == STAMP.event_id
    assert made["eventTime"] == "2026-03-01T00:00:00Z"
    assert (made["recipientAccountId"], made["awsRegion"]) == (STAMP.account, STAMP.region)


def test_a_field_within_another_is_nobodys_id():
    made = raw(restamp.stamped(restamp.template(RECORD), STAMP))
    assert made["requestParameters"] == b'{"eventID":"its own","n":1.0,"tag":null,"Tag":"x"}'


def test_a_record_without_an_id_or_a_time_cant_be_another_event():
    assert restamp.templates([b'{"eventTime":"2021-07-30T23:55:41Z"}', b'{"eventID":"a"}', b"{}"]) == []


def test_every_real_record_keeps_its_fields_in_their_order_as_they_were_written(corpus):
    paths = [corpus / "records" / f"{name}.jsonl.gz" for name in inputs.DELIVERED]
    lines = [line for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(lines) > 10_000
    for line in lines:
        before = raw(line)
        after = raw(restamp.stamped(restamp.template(line), STAMP))
        if "recipientAccountId" not in before:
            after.pop("recipientAccountId")
        assert list(after) == list(before)
        assert [(n, v) for n, v in after.items() if n not in restamp.STAMPED] == [
            (n, v) for n, v in before.items() if n not in restamp.STAMPED
        ]


def test_ids_are_told_from_each_other():
    made = [next(ids) for ids in [restamp.uuids(Random("a"))] for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(each) for each in made} == {36}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_log_file_gives_its_records_back(count):
    assert [bytes(each) for each in restamp.records_of(restamp.log_file([RECORD] * count))] == [RECORD] * count
