"""
Real public records, every one: all of it comes back.

The corpus is no part of the repository: it is looked for beside it, or where TRAILHOUSE_CORPUS says.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pytest

from tests import model
from tests.cases.make import event, records
from tests.decode.one import EACH_WAY, decode
from tests.decode.test_cases import account, delivered, flags, nothing_replaced, rejects, subtrees_are_source_text
from trailhouse.decode.rebuild import record

CORPUS = Path(os.environ.get("TRAILHOUSE_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus at {CORPUS} (set TRAILHOUSE_CORPUS)")

PACK = 300  # records a file
MALFORMED = 46
NEGATIVES = 44


def lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines() if path.is_file() else []


SOURCES = sorted((CORPUS / "records").glob("*.jsonl.gz"))


def packs(path: Path) -> list[list[bytes]]:
    found = lines(path)
    return [found[i : i + PACK] for i in range(0, len(found), PACK)]


@EACH_WAY
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name.split(".")[0])
def test_every_real_record_comes_back(path, way):
    for pack in packs(path):
        data = gzip.compress(records(*pack), 1)
        read = model.read(data)
        got = decode(data, delivered(), way=way)
        assert got.records == len(pack)
        assert rejects(got) == [(bad.index, bad.reason) for bad in read.bad]
        rows = got.rows.to_pylist()
        assert [row["record_index"] for row in rows] == [want.index for want in read.rows]
        for row, want in zip(rows, read.rows, strict=True):
            assert model.canonical(record(row)) == model.canonical(want.slice)
            assert (row["account_id"], row["region"], row["event_id"] or None) == (
                want.account_id,
                want.region,
                want.event_id,
            )
            nothing_replaced(row, want)
            subtrees_are_source_text(row, want)


def test_the_native_kernel_says_the_same_of_every_real_record(native):
    for path in SOURCES:
        for pack in packs(path):
            fast, other = (decode(records(*pack), delivered(), way=way) for way in ("fast", native))
            assert account(other) == account(fast)
            assert other.rows.equals(fast.rows)


def test_both_paths_say_the_same_of_every_real_record():
    for path in SOURCES:
        for pack in packs(path):
            ways = ("fast", "strict")
            fast, strict = (decode(records(*pack), delivered(), way=way).rows.to_pylist() for way in ways)
            for a, b in zip(fast, strict, strict=True):
                assert {**a, "parse_flags": sorted(set(flags(a)) | {"dup_key"})} == {
                    **b, "parse_flags": sorted(set(flags(b)) | {"dup_key"})
                }  # fmt: skip
                assert "dup_key" in flags(b) or "dup_key" not in flags(a)


def test_only_two_real_records_have_a_key_twice():
    """The corpus says so; one of them at the top, which is the only real record that goes to quarantine."""
    read = [model.read(records(*lines(path))) for path in SOURCES]
    assert [bad.reason for found in read for bad in found.bad] == ["dup_key"]


def test_every_delivered_file_comes_back():
    """The bucket: files as AWS wrote them."""
    found = [path for path in sorted((CORPUS / "bucket").rglob("*")) if path.is_file()]
    assert len(found) == 1062
    for path in found:
        data = path.read_bytes()
        read, got = model.read(data), decode(data, delivered())
        assert not got.rejects and not read.bad, path
        assert got.records == read.records == got.rows.num_rows
        rows = got.rows.select(["account_id", "region", "event_id"]).to_pylist()
        assert [tuple(row.values()) for row in rows] == [(r.account_id, r.region, r.event_id) for r in read.rows]


def texts(name: str) -> list[str]:
    return [json.loads(line)["text"] for line in lines(CORPUS / name)]


def number_spellings(data: bytes) -> set[bytes]:
    return set(re.findall(rb"[:\[, ](-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[,}\]\s])", data))


def test_the_corpus_has_the_oddities_that_make_this_a_test():
    everything = b"\n".join(line for path in SOURCES for line in lines(path))
    assert {b"0.0", b"0", b"1.688992107857E9", b"1.5e-7"} <= number_spellings(everything)
    assert b'"requestParameters":null' in everything
    assert b'"requestParameters":{}' in everything


@EACH_WAY
@pytest.mark.parametrize("index", range(NEGATIVES))
def test_a_look_alike_among_records_is_a_row_that_shows_it(index, way):
    (text,) = texts("negatives.jsonl.gz")[index : index + 1]
    like = json.loads(text)
    got = decode(records(event(901), text.encode(), event(902)), delivered(), way=way)
    assert (got.records, rejects(got)) == (3, [])
    before, row, after = got.rows.to_pylist()
    assert flags(before) == flags(after) == []
    assert model.canonical(record(row)) == model.canonical(text.encode())
    known = re.fullmatch(
        "[0-9]{12}", like.get("recipientAccountId") or like.get("userIdentity", {}).get("accountId") or ""
    )
    assert ("account" in flags(row)) == (not known) == (row["account_id"] == model.INVALID)
    assert ("region" in flags(row)) == (not re.fullmatch(model.REGION, like.get("awsRegion") or ""))
    assert ("no_id" in flags(row)) == ("eventID" not in like)


@EACH_WAY
@pytest.mark.parametrize("index", range(NEGATIVES))
def test_a_look_alike_as_the_whole_file_is_no_envelope(index, way):
    (text,) = texts("negatives.jsonl.gz")[index : index + 1]
    got = decode(gzip.compress(text.encode()), delivered(), way=way)
    assert rejects(got) == [(None, "envelope:bare_object")]
    assert (got.records, got.rows.num_rows) == (0, 0)


@EACH_WAY
@pytest.mark.parametrize("index", range(MALFORMED))
def test_a_malformed_record_costs_itself_or_where_it_breaks_the_frame_the_file(index, way):
    (text,) = texts("malformed.jsonl.gz")[index : index + 1]
    data = records(event(901), text.encode(), event(902))
    read = model.read(data)
    got = decode(gzip.compress(data), delivered(), way=way)
    if read.records and not read.bad:  # three have nothing worse than a raw newline in a text: H22
        assert rejects(got) == []
        assert [flags(row) for row in got.rows.to_pylist()][0::2] == [[], []]
        assert "ctrl" in flags(got.rows.to_pylist()[1])
    elif read.records:
        assert [bad.reason for bad in read.bad] == ["json"]
        assert rejects(got) == [(1, "json")]
        assert [row["event_id"] for row in got.rows.to_pylist()] == ["e-901", "e-902"]
        assert got.rejects[0].size == len(text.strip().encode())
    else:
        assert rejects(got) == [(None, "envelope")]
        assert got.rows.num_rows == got.records == 0


@EACH_WAY
@pytest.mark.parametrize("index", range(MALFORMED))
def test_a_malformed_record_as_the_whole_file_is_quarantined(index, way):
    (text,) = texts("malformed.jsonl.gz")[index : index + 1]
    got = decode(gzip.compress(text.encode()), delivered(), way=way)
    assert [(position, reason.split(":")[0]) for position, reason in rejects(got)] == [(None, "envelope")]
