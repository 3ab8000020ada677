"""What somebody plants in a bucket costs his own files their verdict, and never the run."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import date, datetime

import pytest

from tests.buckets import ACCOUNT, OTHER, REGION
from tests.integrity.chains import ALGORITHM, BUCKET, MADE, Stored, Trail, Vault
from tests.integrity.cloudtrail_api import ANYWHERE
from tests.integrity.verifying import NOW
from tests.integrity.without_lake import Desk, gaps, proven, verdict_of
from trailhouse.integrity import evidence

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)


@pytest.fixture
def ask(tmp_path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def made():
    vault = Vault()
    return vault, vault.chain("ok", "ok", "ok")


def digest_of_year(when: datetime) -> str:
    """Not by `strftime`, which doesn't pad."""
    day = f"{when.year:04d}/{when.month:02d}/{when.day:02d}"
    name = f"{ACCOUNT}_CloudTrail-Digest_{REGION}_main_{REGION}_{when.isoformat().translate({45: None, 58: None})}Z.json.gz"
    return f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/{day}/{name}"


def log_of_year(when: datetime) -> str:
    day = f"{when.year:04d}/{when.month:02d}/{when.day:02d}"
    stamp = when.isoformat().translate({45: None, 58: None})[:13]
    return (
        f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{day}/{ACCOUNT}_CloudTrail_{REGION}_{stamp}Z_ABCDEFGHIJKLMNOP.json.gz"
    )


@pytest.mark.parametrize("when", [FIRST, LAST])
@pytest.mark.parametrize("parsed", [False, True])
def test_a_digest_named_for_the_ends_of_time_is_invalid_and_no_other_is(ask, made, when, parsed):
    vault, chain = made
    key = digest_of_year(when)
    text = f"{when.isoformat()}Z"
    lies = {"digestStartTime": text, "digestEndTime": text, "digestS3Object": key}
    body = json.dumps(vault.body(chain.digests[1]) | lies).encode() if parsed else b"{}"
    vault.objects[key] = Stored(gzip.compress(body), {"signature": "00", "signature-algorithm": ALGORITHM})
    proof = ask(vault)
    assert verdict_of(proof, key)[0] == "invalid"
    others = {each.verdict.verdict for each in (*proof.digests, *proof.logs) if each.there.key != key}
    assert others == {"valid"}
    assert len(evidence.text(evidence.evidence(proof, "x"))) < 50_000


@pytest.mark.parametrize("when", [FIRST, LAST])
@pytest.mark.parametrize("odd", [False, True])
def test_a_log_file_named_for_the_ends_of_time_is_proven_by_nothing(ask, made, when, odd):
    vault, chain = made
    key = log_of_year(when)
    key = f"{key.rpartition('/')[0]}/odd.json.gz" if odd else key
    vault.objects[key] = vault.objects[chain.hours[0].logs[0]]
    proof = ask(vault)
    assert verdict_of(proof, key)[0] != "valid"
    others = {each.verdict.verdict for each in (*proof.digests, *proof.logs) if each.there.key != key}
    assert others == {"valid"}


@pytest.mark.parametrize(("since", "until"), [(date.min, date.max), (date.min, None), (None, date.max)])
def test_a_period_may_reach_to_the_ends_of_time(ask, made, since, until):
    vault, _ = made
    proof = ask(vault, since=since, until=until)
    assert not {each.verdict.verdict for each in (*proof.digests, *proof.logs)} - {"valid"}


@pytest.mark.parametrize(
    "lie",
    [
        {"digestStartTime": "0001-01-01T00:00:00Z"},
        {"digestEndTime": "9999-12-31T23:59:59Z"},
        {"previousDigestS3Object": digest_of_year(FIRST)},
        {"previousDigestS3Object": digest_of_year(LAST)},
        {"previousDigestS3Object": "", "previousDigestS3Bucket": ""},
        {"digestS3Object": "\0", "digestS3Bucket": "\0"},
    ],
)
def test_a_signed_lie_of_any_size_is_found(ask, made, lie):
    vault, chain = made
    vault.rewrite(chain.digests[1], vault.body(chain.digests[1]) | lie)
    proof = ask(vault)
    assert proof.verdict != "valid"
    assert len(evidence.text(evidence.evidence(proof, "x"))) < 50_000


def unsigned(**fields: object) -> dict[str, object]:
    entry = {"s3Bucket": BUCKET, "s3Object": "x", "hashValue": "x", "hashAlgorithm": "SHA-256"}
    return {"logFiles": [entry | fields]}


@pytest.mark.parametrize(
    "lie",
    [
        {"digestS3Object": "\ud800"},
        {"digestEndTime": "\ud800"},
        {"digestPublicKeyFingerprint": "\ud800"},
        {"digestPublicKeyFingerprint": ""},
        {"previousDigestS3Object": "\ud800"},
        {"previousDigestSignature": "\ud800"},
        {"awsAccountId": 10**400},
        unsigned(s3Object="\ud800"),
        unsigned(s3Bucket="a\0b", s3Object="../../etc/passwd\0"),
        unsigned(s3Bucket="", s3Object="", hashValue="", hashAlgorithm=""),
        {"logFiles": [[]]},
        {"logFiles": {}},
    ],
)
def test_a_digest_that_says_odd_things_is_invalid(ask, made, lie):
    vault, chain = made
    key = chain.digests[1]
    vault.objects[key] = replace(vault.objects[key], data=gzip.compress(json.dumps(vault.body(key) | lie).encode()))
    proof = ask(vault)
    assert verdict_of(proof, key)[0] == "invalid"
    assert {verdict_of(proof, each)[0] for each in (chain.digests[0], chain.digests[2])} == {"valid"}


@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'"' + b"\xff" * 9, b"null", b'{"awsAccountId":"\xff"}'],
)
def test_what_is_no_digest_is_invalid(ask, made, content):
    vault, chain = made
    key = chain.digests[1]
    vault.objects[key] = replace(vault.objects[key], data=gzip.compress(content))
    assert verdict_of(ask(vault), key)[0] == "invalid"


def test_a_digest_may_list_thousands_of_files_and_itself(ask, made):
    vault, chain = made
    key = chain.digests[1]
    body = vault.body(key)
    body["logFiles"] += [body["logFiles"][0] | {"s3Object": each} for each in (key, "", *map(str, range(5000)))]
    vault.rewrite(key, body)
    proof = ask(vault)
    assert proof.verdict == "missing"
    assert sum(each.verdict.verdict == "missing" for each in proof.logs) == 5002
    assert {verdict_of(proof, each)[0] for each in chain.digests} == {"valid"}


@pytest.mark.parametrize("key", ["forged", "unknown"])
def test_what_a_digest_of_nobody_knows_whom_says_accuses_no_log_file(ask, made, key):
    """In the newest place, where no later digest tells what was there."""
    vault, chain = made
    digest = chain.digests[-1]
    body = vault.body(digest)
    body["logFiles"] = [each | {"hashValue": "0" * 64} for each in body["logFiles"]]
    body["logFiles"] += [body["logFiles"][0] | {"s3Object": f"AWSLogs/{number}"} for number in range(500)]
    body |= {"digestPublicKeyFingerprint": "0" * 32} if key == "unknown" else {}
    vault.objects[digest] = replace(vault.objects[digest], data=gzip.compress(json.dumps(body).encode()))
    proof = ask(vault)
    assert verdict_of(proof, digest)[0] == ("unchecked" if key == "unknown" else "invalid")
    assert {verdict_of(proof, log)[0] for log in chain.hours[-1].logs} == {"unchecked"}
    assert {each.verdict.verdict for each in proof.logs} == {"valid", "unchecked"}


def test_a_digest_that_follows_one_of_another_account_leaves_a_gap(ask, made):
    vault, chain = made
    other = vault.chain("ok", "ok", "ok", trail=Trail(account=OTHER))
    vault.rewrite(chain.digests[1], vault.body(chain.digests[1]) | vault.link(other.digests[0]))
    assert gaps(ask(vault)) == [("unexplained", "account")]


@pytest.mark.parametrize(
    "beside",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[]",
        b'{"signature":5}',
        b'{"signature":"\xff"}',
        b'{"signature":"\\ud800"}',
        b'{"\\ud800":"a"}',
        b'{"\xff":"a"}',
        b"[" * 10_000,
        b'{"signature":"' + b"0" * 17_000 + b'"}',
    ],
)
def test_what_stands_beside_a_digest_of_a_copy_and_says_nothing_is_nothing(ask, made, beside):
    vault, chain = made
    at = ask.lay(vault)
    (at / f"{chain.digests[1]}.metadata.json").write_bytes(beside)
    assert proven(at, keys=ask.keys(vault)).verdict == "valid", "its successor has its signature too"


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "soon", "\0"])
def test_a_backfill_of_no_time_is_invalid(ask, when):
    vault = Vault()
    key = str(vault.chain("ok", "backfill", "ok").hours[1].backfill)
    vault.objects[key] = replace(vault.objects[key], metadata=vault.objects[key].metadata | {MADE: when})
    assert verdict_of(ask(vault), key) == ("invalid", ("backfill_time",))


def stop(when: str = "0001-01-01T00:00:00Z", trail: str = '"main"') -> bytes:
    return (
        b'{"eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","awsRegion":"us-east-1",'
        b'"eventTime":"%s","requestParameters":{"name":%s}}' % (when.encode(), trail.encode())
    )


@pytest.mark.parametrize(
    "record",
    [
        stop(),
        stop("9999-12-31T23:59:59Z"),
        stop("2026-03-01T00:00:00Z", '"\\ud800"'),
        stop("2026-03-01T00:00:00Z", '{"a":[1]}'),
        b'{"userAgent":"\\ud800"}',
        b'{"userAgent":"\xff"}',
        b'{"userAgent":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"userAgent":1e999999}',
        b"5",
    ],
)
def test_what_one_record_says_hides_no_call_of_the_same_file(ask, record):
    vault = Vault()
    chain = vault.chain("ok", "ok", "restart", "ok")
    log, digest = chain.hours[1].logs[1], chain.digests[1]
    content = vault.inflated(log).replace(b'"Records":[', b'"Records":[' + record + b",")
    vault.objects[log] = Stored(gzip.compress(content))
    body = vault.body(digest)
    next(each for each in body["logFiles"] if each["s3Object"] == log)["hashValue"] = vault.hash_of(log)
    vault.rewrite(digest, body)
    proof = ask(vault)
    assert proof.verdict == "valid", "that the trail was stopped is told by another record"
    assert gaps(proof) == [("valid", "restart")]


def test_no_key_is_asked_for_by_times_that_nobody_signed(ask, made, monkeypatch, cloudtrail, aws_env):
    """A range that CloudTrail refuses would cost every digest of the region its verdict."""
    for name, value in (cloudtrail.env() | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}).items():
        monkeypatch.setenv(name, value)
    vault, _ = made
    cloudtrail.keys = {ANYWHERE: vault.keys}
    for when in (FIRST, LAST):
        key, text = digest_of_year(when), f"{when.isoformat()}Z"
        lies = {"digestStartTime": text, "digestEndTime": text, "digestPublicKeyFingerprint": "0" * 32}
        body = vault.body(Trail().digest_key(made[1].end)) | lies
        vault.objects[key] = Stored(gzip.compress(json.dumps(body).encode()), {"signature": "00"})
    proof = proven(ask.lay(vault), keys=None)
    assert {each.verdict.verdict for each in proof.logs} == {"valid"}
    (asked,) = cloudtrail.asked
    assert 1_400_000_000 < asked.parameters["StartTime"] < asked.parameters["EndTime"] <= NOW.timestamp() + 86_400
