"""What once raised, or took quadratic time: nothing that an object holds may stop more than that object."""

from __future__ import annotations

import gzip
import json
import time

import pyarrow as pa
import pytest

from tests.decode.one import EACH_WAY, WAYS, decode
from trailhouse import decode as decoding
from trailhouse.decode import Delivered, Limits
from trailhouse.decode.canonical import form
from trailhouse.decode.rebuild import record


def delivered(kind: str = "CloudTrail") -> Delivered:
    return Delivered("s3://logs", "k", kind, "111122223333", "us-east-1")


def packed(*records: object) -> bytes:
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


@EACH_WAY
@pytest.mark.parametrize("created", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_date_that_its_offset_pushes_out_of_the_calendar_is_no_date(created, way):
    identity = {"type": "IAMUser", "sessionContext": {"attributes": {"creationDate": created}}}
    (row,) = decode(packed({"userIdentity": identity}), delivered(), way=way).rows.to_pylist()
    assert row["session_created"] is None
    assert "type:userIdentity.sessionContext.attributes.creationDate" in row["parse_flags"]
    assert json.loads(record(row))["userIdentity"] == identity


@EACH_WAY
def test_a_number_too_large_for_its_column_leaves_it_empty(way):
    statistics = '{"baseline":{"average":' + "9" * 400 + "}}"
    details = '{"insightType":1,"insightContext":{"statistics":' + statistics + "}}"
    data = ('{"Records":[{"insightDetails":' + details + "}]}").encode()
    (row,) = decode(data, delivered("CloudTrail-Insight"), way=way).rows.to_pylist()
    assert row["baseline_average"] is None
    assert row["insight_details"] == details


@EACH_WAY
def test_an_object_whose_rows_scatter_is_quarantined_and_its_neighbours_are_not(way):
    scattered = packed(*({"recipientAccountId": f"{n:012d}", "awsRegion": "us-east-1"} for n in range(12)))
    good = packed({"eventID": "a"}, {"eventID": "b"})
    objects = [(good, delivered()), (scattered, delivered()), (good, delivered())]
    decoded = decoding.decode(objects, Limits(partitions=10), **WAYS[way])
    assert [(a.rows, a.records, [r.reason for r in a.rejects]) for a in decoded.accounts] == [
        (2, 2, []),
        (0, 0, ["partition_limit"]),
        (2, 2, []),
    ]
    assert decoded.objects.to_pylist() == [0, 0, 2, 2]


@EACH_WAY
def test_of_no_objects_there_are_no_parts(way):
    """A worker that has nothing to decode asks so."""
    assert list(decoding.parts([], **WAYS[way])) == []


@EACH_WAY
def test_objects_that_inflate_to_a_lot_are_decoded_few_at_a_time(way, monkeypatch):
    monkeypatch.setattr(decoding, "PART_BYTES", 1_000_000)
    bomb = gzip.compress(gzip.compress(packed({"eventID": "a", "x": " " * 300_000})))
    assert len(bomb) < 1000
    parts = list(decoding.parts([(bomb, delivered())] * 9, **WAYS[way]))
    assert [len(part.accounts) for part in parts] == [4, 4, 1]
    assert sum(part.rows.num_rows for part in parts) == 9


@EACH_WAY
@pytest.mark.parametrize("field", ['"userIdentity":1', '"eventTime":"no %d"', '"readOnly":"x%d"'])
def test_many_odd_records_take_linear_time(field, way):
    def seconds(count: int) -> float:
        records = ",".join("{" + (field.replace("%d", str(n))) + "}" for n in range(count))
        data = ('{"Records":[' + records + "]}").encode()
        began = time.process_time()
        assert decode(data, delivered(), way=way).records == count
        return time.process_time() - began

    seconds(1_000)
    assert seconds(20_000) < 40 * max(seconds(1_000), 0.02)


def test_an_array_of_scalars_is_counted_no_further_than_the_limit():
    data = b'{"Records":[' + b"11," * 3_000_000 + b"11]}"
    got = decode(data, delivered(), Limits(records=1000))
    assert [r.reason for r in got.rejects] == ["record_limit"]


def test_a_deep_limit_is_no_crash():
    data = b'{"Records":[{"requestParameters":' + b"[" * 3000 + b"]" * 3000 + b"}]}"
    got = decode(data, delivered(), Limits(depth=5000))
    assert got.records == 1
    assert got.rows.num_rows + len(got.rejects) == 1


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (b'{"a":1,"b":[2]}', b'{ "b" : [ 2 ], "a" : 1 }', True),
        (b'{"a":"\\u0041"}', b'{"a":"A"}', True),
        (b'{"a":1}', b'{"a":1.0}', False),
        (b'{"a":1}', b'{"a":"1"}', False),
        (b'{"a":"#1"}', b'{"a":1}', False),
        (b'{"a":true}', b'{"a":1}', False),
        (b'{"a":null}', b"{}", False),
        (b'{"a":[]}', b'{"a":{}}', False),
        (b'{"a":"\xff"}', b'{"a":"\\udcff"}', False),
        (b'{"a":"\\ud800"}', b'{"a":"\\ud800"}', True),
        (b'{"k":1,"k":2}', b'{"k":2,"k":1}', False),
    ],
)
def test_the_canonical_form_tells_what_is_the_same(one, other, alike):
    assert (form(one) == form(other)) is alike


def test_rows_of_many_objects_keep_their_schema():
    assert isinstance(decode(packed(), delivered()).rows, pa.Table)
